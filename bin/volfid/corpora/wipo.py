"""WIPO Technology Trends workbooks: a row for each publication, a column for each category; the text is elsewhere."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from volfid.core.exits import DataError, ParameterError
from volfid.corpora.cpc_rules import Taxonomy
from volfid.corpora.documents import Doc, Label, Options, Tally, clean, first_claim, iso_date, label_names, plain
from volfid.corpora.files import table_rows
from volfid.corpora.marks import Marks
from volfid.corpora.patents import TEXT_OPTIONS, TextView, publication_key
from volfid.corpora.workbooks import SHEET_OPTION, other_sheets

OPTIONS = {
    **TEXT_OPTIONS,
    "id": "column of the workbook with the publication number (default: found by its usual names)",
    "label_columns": "part of the name that a label column has (default ' - ', as in Group - Subgroup - Product)",
    "label_column": "one column with several labels instead, separated by `separator`",
    "separator": "between the labels of label_column (default ; or |)",
    "sheet": SHEET_OPTION,
    "text_id": "column of the text table with the publication number (default: found by its usual names)",
}
IDS = ("publication number", "publication_number", "basic patent number", "publication no", "patent number", "id")
USUAL = {
    "title": ("title", "invention title", "dwpi title"), "abstract": ("abstract", "dwpi abstract"),
    "claim": ("first claim", "fclaim", "claim", "claims"), "group": ("family id", "family number", "family"),
    "date": ("publication date", "date"),
}  # fmt: skip


def load(
    sources: Sequence[Path], texts: Sequence[Path], options: Options, taxonomy: Taxonomy | None, tally: Tally
) -> Iterator[Doc]:
    """Documents of the text tables (`texts`) that have a row in a workbook (`sources`), joined on publication number.

    What a label cell says: `Marks`.
    Memory grows with the rows of the workbooks, not with the texts. Ids are those of the text table.
    """
    if not texts:
        raise ParameterError("the workbook has no text: give the tables with the texts, too", mend="--text FILE")
    view = TextView(options)
    known = _labels(sources, options, tally)
    found: set[str] = set()
    for path in texts:
        columns: dict[str, str | None] | None = None
        for _, row in table_rows(path, tally.faults):
            if columns is None:
                columns = {role: _usual(row, names) for role, names in USUAL.items()}
                columns["id"] = options.text("text_id") or _usual(row, IDS)
                _need(columns["id"], row, path, "the publication number", "text_id")
            written = plain(row.get(str(columns["id"])))
            key = publication_key(written)
            if key is None:
                tally.drop("text row without a publication number")
            elif key not in known:
                tally.drop("text of a publication that the workbook lacks")
            else:
                found.add(key)
                cell = {role: row.get(name) if name else None for role, name in columns.items()}
                text = view.of(clean(cell["title"]), first_claim(cell["claim"]), clean(cell["abstract"]))
                group = plain(cell["group"])
                group_or_none = group if group not in ("", "-1") else None
                yield Doc(written, text, known[key], group=group_or_none, date=iso_date(cell["date"]))
    tally.dropped["publication of the workbook without text"] += len(known.keys() - found)


def _labels(sources: Sequence[Path], options: Options, tally: Tally) -> dict[str, tuple[str, ...]]:
    """Labels by publication key; rows of one publication are put together."""
    known: dict[str, set[str]] = {}
    for path in sources:
        columns: list[str] = []
        marks, id_column, sheets = Marks(path.name), "", options.names("sheet")
        for number, row in table_rows(path, tally.faults, sheets):
            if not id_column:
                id_column = options.text("id") or _usual(row, IDS) or ""
                _need(id_column, row, path, "the publication number", "id")
                columns = _label_columns(path, row, options)
            key = publication_key(plain(row.get(id_column)))
            if key is None:
                tally.drop("workbook row without a publication number")
                continue
            mine = known.setdefault(key, set())
            if options.text("label_column"):
                where = f"{path.name}, row {number}, field {columns[0]!r}"
                with tally.faults.row():
                    mine.update(label_names(row.get(columns[0]), options.text("separator"), where))
            else:
                mine.update(clean(column) for column in columns if marks.is_set(column, row.get(column), number))
        marks.check(tally.faults)
    for label in sorted({label for labels in known.values() for label in labels}):
        tally.labels[label] = Label(label.split(" - ")[-1].strip())
    _unique_names(tally.labels)
    return {key: tuple(sorted(labels)) for key, labels in known.items()}


def _unique_names(labels: dict[str, Label]) -> None:
    """Products of the same name in two groups keep the whole path as their name."""
    names = [about.name for about in labels.values()]
    for label, about in labels.items():
        if names.count(about.name) > 1:
            labels[label] = Label(label)


def _label_columns(path: Path, row: Mapping[str, Any], options: Options) -> list[str]:
    one = options.text("label_column")
    if one:
        _need(one, row, path, "the labels", "label_column")
        return [one]
    part = options.given.get("label_columns") or " - "
    columns = [column for column in row if part in column]
    if not columns:
        raise DataError(
            f"{path.name}, row 1: no column has {part!r} in its name{other_sheets(path)}",
            mend="Give label_columns or label_column",
        )
    return columns


def _usual(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    by_form = {re.sub(r"[\s_.\-]+", " ", column).strip().casefold(): column for column in reversed(list(row))}
    return next((by_form[name.replace("_", " ")] for name in names if name.replace("_", " ") in by_form), None)


def _need(column: str | None, row: Mapping[str, Any], path: Path, what: str, option: str) -> None:
    if not column or column not in row:
        shown = ", ".join(list(row)[:8]) + other_sheets(path)
        raise DataError(
            f"{path.name}, row 1: no column {column or 'with a usual name'} for {what}; it has {shown}",
            mend=f"Give {option}=COLUMN",
        )
