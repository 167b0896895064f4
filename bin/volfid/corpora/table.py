"""Plain tables: handed on row by row, so that the readers of the study find id, text and labels by the design."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from volfid.core.exits import DataError, ParameterError
from volfid.core.splits import split_of
from volfid.corpora.cpc_rules import Taxonomy
from volfid.corpora.documents import Doc, Label, Options, Tally, iso_date, join_text, label_names, plain
from volfid.corpora.faults import Faults
from volfid.corpora.files import table_format, table_rows
from volfid.corpora.marks import Marks
from volfid.corpora.workbooks import SHEET_OPTION

OPTIONS = {
    "id": "column with the id",
    "text": "columns of the text, separated by +",
    "labels": "column with the labels: a list, or text separated by `separator`",
    "label_columns": "part of the name of 0/1 columns instead",
    "separator": "between labels (default ; or |; a list written as text is read as a list)",
    "sheet": SHEET_OPTION,
    "split": "column with the split; default: from names such as train-00000.parquet, where all files have one",
    "group": "column with the family",
    "date": "column with the date",
}
IDS = ("id", "doc_id", "document_id", "docid", "publication_number", "patent_number")


def load(
    sources: Sequence[Path], texts: Sequence[Path], options: Options, taxonomy: Taxonomy | None, tally: Tally
) -> Iterator[Doc | Mapping[str, Any]]:
    """Rows of one or more tables as they are, or documents when options name the columns.

    Rows as they are get an `id` made of file and row where no column has one of the usual names, and a `split` where
    every file's name says it.
    """
    named = {name: options.text(name) for name in OPTIONS if name not in ("separator", "sheet") and options.text(name)}
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
        marks = _Columns(path, str(named["label_columns"])) if "label_columns" in named else None
        for number, row in table_rows(path, tally.faults, options.names("sheet"), tally.notes):
            if named:
                with tally.faults.row():
                    yield _document(path, number, row, named, marks, options, sides[path], tally)
                continue
            as_it_is = {str(key): value for key, value in row.items()}
            if not any(re.sub(r"[\s.\-]+", "_", key.strip().casefold()) in IDS for key in as_it_is):
                as_it_is["id"] = f"{stem}-{number:06d}"
            elif "id" not in as_it_is:
                key = next(k for k in as_it_is if re.sub(r"[\s.\-]+", "_", k.strip().casefold()) in IDS)
                as_it_is["id"] = as_it_is.pop(key)
            if sides[path] and not any(key.strip().casefold() in ("split", "partition") for key in as_it_is):
                as_it_is["split"] = sides[path]
            with tally.faults.row():
                yield _writable(as_it_is, path, number)
        if marks:
            marks.check(tally.faults)


def _writable(row: dict[str, Any], path: Path, number: int) -> dict[str, Any]:
    return {key: _value(value, f"{path.name}, row {number}, field {key!r}") for key, value in row.items()}


def _value(value: Any, where: str) -> Any:
    """What JSON can hold of a cell: NaN is None, a date its text, lists and objects by their items."""
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None
        raise DataError(f"{where}: {value} cannot be handed on")
    if isinstance(value, list):
        return [_value(item, where) for item in value]
    if isinstance(value, dict):
        return {str(key): _value(item, where) for key, item in value.items()}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if not isinstance(value, str | int | float | bool | type(None)):
        raise DataError(f"{where}: a {type(value).__name__} cannot be handed on")
    return value


class _Columns(Marks):
    """The label columns of one file, by a part of their names."""

    def __init__(self, path: Path, part: str):
        super().__init__(path.name)
        self.part, self.found = part, False

    def labels(self, row: Mapping[str, Any], number: int) -> list[str]:
        """Labels whose column says yes, with the columns' names."""
        columns = [column for column in row if self.part in column]
        self.found = self.found or bool(columns)
        return sorted(column for column in columns if self.is_set(column, row[column], number))

    def check(self, faults: Faults) -> None:
        """As for all marks; and DataError when no row had such a column."""
        super().check(faults)
        if not self.found:
            raise DataError(f"{self.file}, row 1: no column has {self.part!r} in its name")


def _document(
    path: Path, number: int, row: Mapping[str, Any], named: Mapping[str, Any], marks: _Columns | None,
    options: Options, side: str | None, tally: Tally,
) -> Doc:  # fmt: skip
    def cell(role: str) -> Any:
        return _cell(path, number, row, named[role]) if role in named else None

    if "text" not in named or not ("labels" in named or marks):
        raise ParameterError("loader table: name text and labels (or label_columns), or no column at all")
    text = join_text(plain(_cell(path, number, row, part)) for part in named["text"].split("+"))
    if "labels" in named:
        where = f"{path.name}, row {number}, field {named['labels']!r}"
        labels = label_names(cell("labels"), options.text("separator"), where)
    else:
        labels = tuple(marks.labels(row, number)) if marks else ()
    for label in labels:
        tally.labels.setdefault(label, Label())
    made = f"{path.name.split('.')[0]}-{number:06d}"
    return Doc(
        plain(cell("id")) if "id" in named else made, text, labels, plain(cell("split")) or side,
        plain(cell("group")) or None, iso_date(cell("date")),
    )  # fmt: skip


def _cell(path: Path, number: int, row: Mapping[str, Any], column: str) -> Any:
    if column not in row:
        shown = ", ".join(list(row)[:8])
        raise DataError(f"{path.name}, row {number}: no column {column!r}; it has {shown}")
    return row[column]
