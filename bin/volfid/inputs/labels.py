"""The label list: names and definitions, unknown labels, labels too rare to study."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volfid.core.cells import missing, whole, whole_number
from volfid.core.exits import DataError
from volfid.inputs.faults import Fault, InputFaults, did_you_mean, shown, some
from volfid.inputs.label_files import label_rows
from volfid.inputs.records import Record
from volfid.inputs.text import cell_text, normalise

_KEYS = {
    "label": ("label", "id", "code"), "name": ("name", "title"), "definition": ("definition", "description"),
    "note": ("note",),
}  # fmt: skip
CODES = ("code", "id", "label_id", "labelid", "label id", "class_id", "number", "no", "nr", "index", "", "unnamed: 0")


@dataclass(frozen=True)
class LabelName:
    """What a label file says about one label; `codes`: cells beside it that may be its code, by column."""

    name: str | None = None
    definition: str | None = None
    note: str | None = None
    codes: tuple[tuple[str, str], ...] = ()


def read_label_names(path: Path) -> dict[str, LabelName]:
    """Names and definitions by label, from JSON (a list of objects, or {"labels": [...]}) or a table.

    Raises InputFaults, naming all rows, for labels that are missing or stand twice.
    """
    faults: list[Fault] = []
    rows = label_rows(path, [key for keys in _KEYS.values() for key in keys], _KEYS["label"], faults)
    found: dict[str, LabelName] = {}
    first: dict[str, int] = {}
    for number, row in rows:
        before = len(faults)
        fields = {role: _field(row, keys, path.name, number, faults) for role, keys in _KEYS.items()}
        label = fields["label"]
        if len(faults) > before:
            continue
        if not label:
            mend = "Give each row a label and a name or title"
            faults.append(Fault(path.name, number, "no_label", "the label is missing", None, "label", mend))
        elif label in first:
            detail = f"{shown(label)} stands in row {first[label]} already"
            faults.append(Fault(path.name, number, "duplicate_label", detail, None, "label", "Keep one row a label"))
        else:
            first[label] = number
            found[label] = LabelName(fields["name"], fields["definition"], fields["note"], _codes(row))
    if faults:
        raise InputFaults(faults)
    if all(map(whole_number, found)) and len(set(map(whole, found))) == len(found):
        found = {whole(label): row for label, row in found.items()}
    if not found:
        raise DataError(f"{path.name}, row 1: no label in the file", mend="Give one row a label")
    return found


def _field(row: dict[str, Any], keys: Sequence[str], file: str, number: int, faults: list[Fault]) -> str | None:
    key = next((key for key in keys if key in row), None)
    if key is None:
        return None
    text = cell_text(row[key])
    if text is None:
        faults.append(Fault(file, number, f"bad_{key}", "the cell is not text", None, key, "Write a string"))
        return None
    # a label may be called None; a name or a definition may not
    return None if key not in _KEYS["label"] and missing(text) else normalise(text) or None


def _codes(row: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Cells of a row that may be a code of its label: those of columns called so, and whole numbers of others."""
    meant = {key for keys in _KEYS.values() for key in keys} - ({"id", "code"} if "label" in row else set())
    cells = {key: whole(normalise(cell_text(value) or "")) for key, value in row.items() if key not in meant}
    return tuple((key, text) for key, text in cells.items() if text and (key in CODES or whole_number(text)))


def unknown_label_faults(
    records: Sequence[Record], known: Mapping[str, LabelName], listed_in: str, fields: Mapping[str, str]
) -> list[Fault]:
    """A fault for every label that is not in `known`; `fields`: the column of each label that has one."""
    odd = {labels for labels in {record.labels for record in records} if not known.keys() >= set(labels)}
    meant = {label: _meant(label, known) for labels in odd for label in labels if label not in known}
    mend = f"Correct it, add it to {listed_in}, or unknown_labels=drop"
    if fields:
        mend += "; columns of 0 and 1 that are no labels are left out where --label_columns names the others"
    return [
        Fault(
            record.file, record.row, "unknown_label", f"unknown label {shown(label)}{meant[label]}",
            record.doc_id, fields.get(label, "labels"), mend,
        )
        for record in records if record.labels in odd
        for label in record.labels
        if label in meant
    ]  # fmt: skip


def _meant(label: str, known: Mapping[str, LabelName]) -> str:
    """The label that has this name, or the nearest label or name, in words."""
    by_name = {row.name.casefold(): other for other, row in known.items() if row.name}
    if label.casefold() in by_name and label.casefold() not in map(str.casefold, known):
        return f" (it is the name of {shown(by_name[label.casefold()])}; write that)"
    return did_you_mean(label, list(known))


def frequent_labels(records: Sequence[Record], least: int, before: str = "") -> list[str]:
    """Labels that at least `least` records have, sorted. DataError when fewer than two are left; `before`: what was
    dropped on the way, in words."""
    counts = Counter(label for record in records for label in record.labels)
    kept = sorted(label for label, count in counts.items() if count >= least)
    if len(kept) < 2:
        raise DataError(
            f"{len(kept)} of {len(counts)} labels have at least {least} documents; two are needed{before}",
            mend="Bring more documents, or lower inputs.min_label_documents in the design file",
        )
    return kept


def labels_everywhere(records: Sequence[Record], labels: Sequence[str]) -> list[str]:
    """A warning that names the labels of `labels` that every record has; DataError when there is no other."""
    always = set(labels).intersection(*(record.labels for record in records))
    if always and len(always) == len(labels):
        raise DataError(
            f"every one of the {len(records)} documents has the same labels, {some(always)}: nothing can be learnt",
            mend="Bring documents that lack some labels; if the cells are vectors of 0 and 1, write names",
        )
    if not always:
        return []
    return [f"{len(always)} labels stand in every document, so that nothing can be learnt of them: {some(always)}"]


def restrict(record: Record, kept: frozenset[str]) -> tuple[str, ...]:
    """The labels of `record` that are kept."""
    return tuple(label for label in record.labels if label in kept)


def case_collisions(labels: Sequence[str]) -> list[str]:
    """A warning for every two labels that differ in case only."""
    seen: dict[str, str] = {}
    warnings = []
    for label in sorted(labels):
        other = seen.setdefault(label.casefold(), label)
        if other != label:
            warnings.append(
                f"labels {shown(other)} and {shown(label)} differ in case only; they are treated as two labels"
            )
    return warnings


def note_warnings(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the label file says about its labels, once for each note, for the first page of the report."""
    notes = Counter(row["note"] for row in rows if row.get("note"))
    return [f"{count} of {len(rows)} labels: {note}" for note, count in sorted(notes.items())]


def nameless(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A warning that names the labels without a name, where others have one."""
    bare = [row["label"] for row in rows if not row["name"]]
    if not bare or len(bare) == len(rows):
        return []
    return [
        f"{len(bare)} of {len(rows)} labels have no name ({some(bare)}): text is asked for by the names of the others, "
        "and nobody is asked whether a text has a label. Name them in the file of --labels"
    ]
