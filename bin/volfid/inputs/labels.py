"""The label list: names and definitions, unknown labels, labels too rare to study."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volfid.core.exits import DataError
from volfid.inputs.faults import Fault
from volfid.inputs.records import Record, Records, did_you_mean
from volfid.inputs.tables import cell_text, decode, file_format, read_bytes, read_table
from volfid.inputs.text import normalise

_KEYS = {
    "label": ("label", "id", "code"), "name": ("name", "title"), "definition": ("definition", "description"),
    "note": ("note",),
}  # fmt: skip


@dataclass(frozen=True)
class LabelName:
    """What a label file says about one label."""

    name: str | None = None
    definition: str | None = None
    note: str | None = None


def read_label_names(path: Path) -> dict[str, LabelName]:
    """Names and definitions by label, from JSON (a list of objects, or {"labels": [...]}) or a table.

    Raises DataError, naming the row, for a label that is missing or stands twice.
    """
    rows = _json_rows(path) if file_format(path) == "json" else _table_rows(path)
    found: dict[str, LabelName] = {}
    first: dict[str, int] = {}
    for number, row in rows:
        fields = {role: _field(row, keys, path.name, number) for role, keys in _KEYS.items()}
        label = fields["label"]
        if not label:
            raise DataError(
                f"{path.name}, row {number}, field 'label' is missing", mend="Give each row a label and a name or title"
            )
        if label in first:
            raise DataError(
                f"{path.name}, row {number}, field 'label': {label!r} stands in row {first[label]} already",
                mend="Keep one row a label",
            )
        first[label] = number
        found[label] = LabelName(fields["name"], fields["definition"], fields["note"])
    if not found:
        raise DataError(f"{path.name}, row 1: no label in the file", mend="Give one row a label")
    return found


def _field(row: dict[str, Any], keys: Sequence[str], file: str, number: int) -> str | None:
    key = next((key for key in keys if key in row), None)
    if key is None:
        return None
    text = cell_text(row[key])
    if text is None:
        raise DataError(f"{file}, row {number}, field {key!r} is not text", mend="Write a string")
    return normalise(text) or None


def _json_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        value = json.loads(decode(path.name, read_bytes(path)))
    except (json.JSONDecodeError, RecursionError) as error:
        mend = "Write a list of {label, name, definition}"
        raise DataError(f"{path.name} is not JSON: {error}", mend=mend) from error
    items = value.get("labels") if isinstance(value, dict) else value
    if not isinstance(items, list):
        raise DataError(f"{path.name}, row 1: expected a list", mend="Write a list of {label, name, definition}")
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise DataError(f"{path.name}, row {number}: expected an object", mend="Write {label, name, definition}")
    return list(enumerate(items, start=1))


def _table_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    table = read_table(path)
    if table.faults:
        raise DataError(f"{table.file}, {table.faults[0]}", mend=table.faults[0].mend)
    return [(number, {key.strip().casefold(): value for key, value in row.items()}) for number, row in table.rows]


def unknown_label_faults(records: Records, known: Sequence[str], listed_in: str) -> list[Fault]:
    """A fault for every label that is not in `known`."""
    members = set(known)
    return [
        Fault(
            record.file, record.row, "unknown_label", f"unknown label {label!r}{did_you_mean(label, known)}",
            record.doc_id, "labels", f"Correct it, or add it to {listed_in}",
        )
        for record in records.rows
        for label in record.labels
        if label not in members
    ]  # fmt: skip


def frequent_labels(records: Sequence[Record], least: int) -> list[str]:
    """Labels that at least `least` records have, sorted. DataError when fewer than two are left."""
    counts = Counter(label for record in records for label in record.labels)
    kept = sorted(label for label, count in counts.items() if count >= least)
    if len(kept) < 2:
        raise DataError(
            f"{len(kept)} of {len(counts)} labels have at least {least} documents; two are needed",
            mend="Bring more documents, or lower inputs.min_label_documents in the design file",
        )
    return kept


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
            warnings.append(f"labels {other!r} and {label!r} differ in case only; they are treated as two labels")
    return warnings


def note_warnings(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the label file says about its labels, once for each note, for the first page of the report."""
    notes = Counter(row["note"] for row in rows if row.get("note"))
    return [f"{count} of {len(rows)} labels: {note}" for note, count in sorted(notes.items())]
