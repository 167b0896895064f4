"""Plain tables: handed on row by row, so that the readers of the study find id, text and labels by the design."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from volfid.core.exits import DataError, ParameterError
from volfid.corpora.cpc_rules import Taxonomy
from volfid.corpora.documents import Doc, Label, Options, Tally, clean, iso_date, join_text
from volfid.corpora.files import table_format, table_rows

OPTIONS = {
    "id": "column with the id",
    "text": "columns of the text, separated by +",
    "labels": "column with the labels: a list, or text separated by `separator`",
    "label_columns": "part of the name of 0/1 columns instead",
    "separator": "between labels (default ;)",
    "split": "column with the split; default: from names such as train-00000.parquet, where all files have one",
    "group": "column with the family",
    "date": "column with the date",
}
SPLITS = {"train": "train", "validation": "reference", "valid": "reference", "dev": "reference", "val": "reference",
          "test": "test"}  # fmt: skip
IDS = ("id", "doc_id", "document_id", "docid", "publication_number", "patent_number")


def load(
    sources: Sequence[Path], texts: Sequence[Path], options: Options, taxonomy: Taxonomy | None, tally: Tally
) -> Iterator[Doc | Mapping[str, Any]]:
    """Rows of one or more tables as they are, or documents when options name the columns.

    Rows as they are get an `id` made of file and row where no column has one of the usual names, and a `split` where
    every file's name says it.
    """
    named = {name: options.text(name) for name in OPTIONS if name != "separator" and options.text(name)}
    tally.loose = not named
    files = [path for path in sources if table_format(path)]
    if not files:
        raise ParameterError("no table among the files", mend="JSON lines, CSV, TSV, Parquet or XLSX, also .gz")
    sides = {path: split_of(path.name) for path in files}
    if not all(sides.values()):
        sides = dict.fromkeys(files)
    elif "train" not in sides.values():
        tally.notes.append("no file's name says train; splits from names are left out")
        sides = dict.fromkeys(files)
    for path in files:
        stem = re.sub(r"[^A-Za-z0-9]+", "-", path.name.split(".")[0]).strip("-")
        for number, row in table_rows(path):
            if named:
                yield _document(path, number, row, named, options, sides[path], tally)
                continue
            plain = {str(key): value for key, value in row.items()}
            if not any(re.sub(r"[\s.\-]+", "_", key.strip().casefold()) in IDS for key in plain):
                plain["id"] = f"{stem}-{number:06d}"
            elif "id" not in plain:
                key = next(k for k in plain if re.sub(r"[\s.\-]+", "_", k.strip().casefold()) in IDS)
                plain["id"] = plain.pop(key)
            if sides[path] and not any(key.strip().casefold() in ("split", "partition") for key in plain):
                plain["split"] = sides[path]
            yield _writable(plain, path, number)


def split_of(name: str) -> str | None:
    """The split that a file's name says, as `train-00000-of-00002.parquet`; None when it says none or two."""
    found = {SPLITS[word] for word in re.split(r"[^a-z]+", name.lower()) if word in SPLITS}
    return found.pop() if len(found) == 1 else None


def _writable(row: dict[str, Any], path: Path, number: int) -> dict[str, Any]:
    for key, value in row.items():
        if not isinstance(value, str | int | float | bool | list | dict | type(None)):
            if hasattr(value, "isoformat"):
                row[key] = value.isoformat()
                continue
            raise DataError(f"{path.name}, row {number}, field {key!r}: a {type(value).__name__} cannot be handed on")
        if isinstance(value, float) and value != value:
            row[key] = None
    return row


def _document(
    path: Path, number: int, row: Mapping[str, Any], named: Mapping[str, Any], options: Options, side: str | None,
    tally: Tally,
) -> Doc:  # fmt: skip
    def cell(role: str) -> Any:
        return _cell(path, number, row, named[role]) if role in named else None

    if "text" not in named or not ("labels" in named or "label_columns" in named):
        raise ParameterError("loader table: name text and labels (or label_columns), or no column at all")
    text = join_text(str(_cell(path, number, row, part) or "") for part in named["text"].split("+"))
    if "labels" in named:
        value = cell("labels")
        items = value if isinstance(value, list) else str(value or "").split(options.text("separator", ";") or ";")
        labels = sorted({clean(str(item)) for item in items} - {""})
    else:
        flags = [column for column in row if named["label_columns"] in column]
        if not flags:
            raise DataError(f"{path.name}, row 1: no column has {named['label_columns']!r} in its name")
        labels = sorted(
            column for column in flags if str(row[column] or "0").strip().lower() not in ("0", "0.0", "false")
        )
    for label in labels:
        tally.labels.setdefault(label, Label())
    split = str(cell("split") or "") or side
    made = f"{path.name.split('.')[0]}-{number:06d}"
    return Doc(
        clean(str(cell("id"))) if "id" in named else made, text, tuple(labels), split,
        clean(str(cell("group") or "")) or None, iso_date(cell("date")),
    )  # fmt: skip


def _cell(path: Path, number: int, row: Mapping[str, Any], column: str) -> Any:
    if column not in row:
        shown = ", ".join(list(row)[:8])
        raise DataError(f"{path.name}, row {number}: no column {column!r}; it has {shown}")
    return row[column]
