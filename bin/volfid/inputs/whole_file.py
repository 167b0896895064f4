"""What a whole file shows and no single cell does: whole numbers, and families that are none."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from volfid.core.cells import whole, whole_number
from volfid.inputs.faults import Fault, shown, some
from volfid.inputs.plausibility import label_notes, settle_labels

if TYPE_CHECKING:
    from volfid.inputs.records import Record, Records, _Cells

LARGE_GROUP = 0.1
# the begin or end of time of many systems
_UNLIKELY = frozenset((
    "1582-10-15", "1601-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1904-01-01", "1969-12-31",
    "1970-01-01", "2038-01-19", "2099-12-31", "2100-01-01", "2199-12-31", "2999-12-31", "3000-01-01",
))  # fmt: skip
_NO_FAMILY = re.compile(r"-\d+(?:\.0+)?|unknown", re.ASCII | re.IGNORECASE)


def settle(found: "Records", cells: "_Cells", known: Collection[str] | None) -> None:
    """Read what only the whole file tells, and note what the user should know. known: the label list."""
    roles, marks = cells.roles, cells.marks
    names = marks.of_names()
    if roles.flags:
        by_place, auto = marks.settle(known)
        names = names or auto
        for place, labels in by_place.items():
            found.rows[place].labels = tuple(sorted({*found.rows[place].labels, *labels}))
        found.faults += [_explained(fault, cells) for fault in marks.faults]
        found.warnings += marks.told(found.file, roles.guessed, names)
        found.fields = {} if names else {label: column for column, label in roles.flags.items()}
    elif roles.marks:
        found.warnings.append(f"{found.file}: --label_marks says nothing of {shown(cells.labels)}, which holds names")
    column = ", ".join(roles.flags) if names else cells.labels
    in_cells = cells.names.warnings(found.file, column, Counter(row.labels for row in found.rows))
    settle_labels(found, column, known)
    found.warnings += label_notes(found, column, known, in_cells)
    found.warnings += [f"{found.file}: {told}" for told in settle_numbers(found.rows)]
    if roles.columns["date"]:
        found.warnings += date_notes(found, roles.columns["date"])
    if roles.columns["group"]:
        settle_families(found, roles.columns["group"])
    if cells.formulas:
        found.warnings.append(
            f"{found.file}: {cells.formulas} texts begin with '='; they are text here, nothing is computed"
        )
    found.warnings += [
        f"{found.file}: {count} cells of {shown(column)} hold {shown(word)}, read as a missing value"
        for (column, word), count in sorted(cells.blank.items())
    ]


def _explained(fault: Fault, cells: "_Cells") -> Fault:
    """A fault of a mark, with how its column came to be one of labels."""
    if not cells.roles.guessed or fault.reason != "bad_flag":
        return fault
    mend = f"{fault.mend}. The columns {some(cells.roles.flags)} mostly hold 0 and 1 and were taken as labels; "
    return replace(fault, mend=f"{mend}name those that are with --label_columns")


# ---- ids, sources, families ---------------------------------------------------------------


def settle_numbers(rows: Sequence["Record"]) -> list[str]:
    """Write ids, sources and families without a point where the whole column is whole numbers, some with one, or has
    the number without it, too; the latter is told."""
    told = _whole_column(
        "ids", [record.doc_id for record in rows], lambda place, text: setattr(rows[place], "doc_id", text)
    )
    groups = [place for place, record in enumerate(rows) if record.group is not None]
    told += _whole_column(
        "families",
        [str(rows[place].group) for place in groups],
        lambda place, text: setattr(rows[groups[place]], "group", text),
    )
    sources = {source for record in rows for source in record.sources}
    renamed, line = _whole_texts("sources", sources)
    if renamed:
        for record in rows:
            record.sources = tuple(sorted({renamed.get(source, source) for source in record.sources}))
    return told + line


def _whole_column(what: str, texts: Sequence[str], write: Callable[[int, str], None]) -> list[str]:
    renamed, told = _whole_texts(what, set(texts))
    for place, text in enumerate(texts) if renamed else ():
        if text in renamed:
            write(place, renamed[text])
    return told


def _whole_texts(what: str, texts: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Numbers with a point, by what they are without it; and what to say where not all texts are numbers."""
    dotted = {text: whole(text) for text in texts if "." in text and whole(text) != text}
    if not dotted or all(map(whole_number, texts)):
        return dotted, []
    both = {text: number for text, number in dotted.items() if number in texts}
    told = f"{len(both)} {what} stand with and without '.0' ({some(both, 3)}) and were read as the same"
    return both, [told] if both else []


def date_notes(found: "Records", column: str) -> list[str]:
    """A warning for the first and the last date where several rows have it and systems write it for unknown."""
    counts = Counter(record.date for record in found.rows if record.date)
    ends = {min(counts), max(counts)} if len(counts) > 1 else set()
    return [
        f"{found.file}: {counts[day]} rows have the date {day} in {shown(column)}, which is the "
        f"{'first' if day == min(counts) else 'last'} there and often says that none is known. If so, leave them "
        "empty; --policies missing_date=drop leaves such rows out"
        for day in sorted(ends & _UNLIKELY) if counts[day] > 1
    ]  # fmt: skip


def settle_families(found: "Records", column: str) -> None:
    """Rows whose family says that it is unknown (-1, unknown, and 0 where that is no count from 0) have none; told,
    as are families that hold more than a tenth of the rows."""
    counts = Counter(record.group for record in found.rows if record.group is not None)
    none = {group for group in counts if _NO_FAMILY.fullmatch(group)}
    others = counts.keys() - none - {"0"}
    if "0" in counts and others:
        largest = max(counts[group] for group in others)
        counted = {"1", "2"} <= counts.keys() and all(map(whole_number, others)) and counts["0"] <= 3 * largest
        if counts["0"] > largest and not counted:
            none.add("0")
    elif "0" in counts:
        none.add("0")
    if none:
        for record in found.rows:
            if record.group in none:
                record.group = None
        rows = sum(counts[group] for group in none)
        found.warnings.append(f"{found.file}: {rows} rows have no family: {shown(column)} holds {some(none)} there")
    for group, count in counts.most_common(3):
        if group in none or not _large(count, found.rows):
            continue
        found.warnings.append(
            f"{found.file}: the family {shown(group)} of {shown(column)} holds {count} of {len(found.rows)} rows, "
            "which stay on one side of the split together. If it stands for unknown, leave those cells empty"
        )


def _large(count: int, rows: Sequence["Record"]) -> bool:
    return count >= 5 and count > LARGE_GROUP * len(rows)
