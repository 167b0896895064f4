"""Labels that are codes of the label list, or, where it has names alone, numbers of places in it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from volfid.core.cells import whole, whole_number
from volfid.core.exits import DataError
from volfid.inputs.faults import shown
from volfid.inputs.labels import CODES, LabelName
from volfid.inputs.records import Records

_BEFORE = re.compile(r"(\d{1,9})(?:\s*[:.)=]\s*|\s+(?:[-\u2013]\s+)?|\s*\t\s*)(?=\D)", re.ASCII)


def names_by_place(
    found: Records, names: Mapping[str, LabelName] | None, listed_in: str
) -> dict[str, LabelName] | None:
    """The label list under which the records have labels of it; numbers become the names at their places.

    Where the list says a code for each label, and the records have these, the codes are the labels. Places are read
    where the list holds names alone, none of them a number, and every label of the records is one. The first place is 0
    where a record has 0, and 1 where one has the length of the list; DataError where neither is seen, for nobody can
    tell.
    """
    if names is None:
        return None
    used = {label for record in found.rows for label in record.labels}
    if (coded := _by_code(found, used, names, listed_in)) is not None:
        return coded
    if any(about != LabelName() for about in names.values()) or any(map(whole_number, names)):
        return dict(names)
    if not used or not all(map(whole_number, used)):
        return dict(names)
    places = sorted(int(whole(label)) for label in used)
    listed = list(names)
    begin = 0 if places[0] == 0 else 1
    if places[0] < 0 or places[-1] >= len(listed) + begin:
        return dict(names)  # told as unknown labels
    if begin and places[-1] < len(listed):
        raise DataError(
            f"the labels are numbers from {places[0]} to {places[-1]}, and {listed_in} has {len(listed)} names without "
            "numbers: whether they count from 0 or from 1 cannot be seen",
            mend=f"Write {{label: name}} into {listed_in}",
        )
    _rename(found, listed, begin)
    found.warnings.append(
        f"the labels are numbers, and {listed_in} has names alone: {begin} was read as {shown(listed[0])}, the first "
        f"of them, and {places[-1]} as {shown(listed[places[-1] - begin])}"
    )
    return {label: LabelName(name=label) for label in listed}


def _by_code(
    found: Records, used: set[str], names: Mapping[str, LabelName], listed_in: str
) -> dict[str, LabelName] | None:
    """The list with its codes as labels, or without the numbers before its names, where the records have these; None
    where they do not."""
    if not used or used <= names.keys():
        return None
    numbers = all(map(whole_number, used)) and not any(map(whole_number, names))
    for column, codes in _columns(names).items():
        bare = {label: _bare(label, code) for label, code in zip(names, codes, strict=True)}
        if {whole(label) for label in used} <= set(codes) or (numbers and column in (*CODES, None)):
            about = {code: replace(names[label], name=names[label].name or bare[label], codes=())
                     for label, code in zip(names, codes, strict=True)}  # fmt: skip
            for record in found.rows:
                record.labels = tuple(sorted({whole(label) for label in record.labels}))
            first = next((code for code in codes if code in used), codes[0])
            where = "the numbers before the names" if column is None else f"column {shown(column)}"
            found.warnings.append(f"the labels are codes: {shown(first)} is {shown(about[first].name)} by {where} "
                                  f"of {listed_in}")  # fmt: skip
            return about
        if column is None and used <= set(bare.values()) and len(set(bare.values())) == len(bare):
            return {bare[label]: replace(about, codes=()) for label, about in names.items()}
    return None


def _columns(names: Mapping[str, LabelName]) -> dict[str | None, list[str]]:
    """Codes in the order of the labels, by column, those that are called codes first; None: numbers before the
    names."""
    cells = [dict(about.codes) for about in names.values()]
    keys = sorted(set.intersection(*map(set, cells)), key=lambda key: (CODES.index(key) if key in CODES else 99, key))
    found: dict[str | None, list[str]] = {key: [row[key] for row in cells] for key in keys}
    before = [match[1] for match in map(_BEFORE.match, names) if match]
    if len(before) == len(names):
        found[None] = [str(int(number)) for number in before]
    return {key: codes for key, codes in found.items() if len(set(codes)) == len(codes)}


def _bare(label: str, code: str) -> str:
    """A name without the code before it."""
    match = _BEFORE.match(label)
    return label[match.end() :] if match and str(int(match[1])) == code else label


def _rename(found: Records, listed: Sequence[str], begin: int) -> None:
    for record in found.rows:
        record.labels = tuple(sorted({listed[int(whole(label)) - begin] for label in record.labels}))
