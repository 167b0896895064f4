"""The forms of a label list: objects, mappings and plain lists in JSON, and tables with or without a header."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from volfid.core.cells import unique_keys
from volfid.core.encoding import read_text
from volfid.core.exits import DataError
from volfid.core.json_tables import json_in_lines
from volfid.inputs.faults import Fault
from volfid.inputs.forms import Form, form_of, suffix_of
from volfid.inputs.headers import no_names
from volfid.inputs.readers import delimited_header
from volfid.inputs.tables import open_table

_LIST = "Write a list of {label, name, definition}, or a mapping {label: name}"
_FORMATS = "Write a list of {label, name, definition} as .json, or a table (.csv, .tsv, .jsonl, .xlsx)"
_BY_PLACE = ("label", "name", "definition")
_LOOKED_AT = 200

Numbered = list[tuple[int, dict[str, Any]]]


def label_rows(path: Path, known: Collection[str], wanted: Sequence[str], faults: list[Fault]) -> Numbered:
    """Rows with their numbers, the keys in lower case. known: all keys that mean something; wanted: those of the label.

    DataError for a file that is no list of labels; it names the columns found. Faults of rows are put into `faults`.
    """
    if suffix_of(path) == ".json" and not json_in_lines(path):
        return _json_rows(path)
    form = form_of(path, otherwise=_FORMATS)
    if form.kind == "json":
        return _json_rows(path)
    unnamed = form.kind in ("delimited", "xlsx") and _has_no_header(path, form, known)
    table = open_table(path, no_header=unnamed)
    rows = [(number, _lower(row)) for _, number, row in table.rows()]
    faults += table.faults
    if unnamed:
        return [(number, dict(zip(_BY_PLACE, row.values(), strict=False))) for number, row in rows]
    columns = dict.fromkeys(key.strip().casefold() for key in table.columns)
    if not faults and not any(key in columns for key in wanted):
        shown = ", ".join(repr(column[:60]) for column in table.columns[:12])
        raise DataError(
            f"{path.name}, row 1: no column {' or '.join(map(repr, wanted))}; the columns are {shown}",
            mend="Name that of the labels 'label', and others 'name' and 'definition'",
        )
    return rows


def _lower(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key.strip().casefold(): value for key, value in row.items()}


# ---- JSON ---------------------------------------------------------------------------------


def _json_rows(path: Path) -> Numbered:
    try:
        value = json.loads(read_text(path), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name} is not JSON: {error}", mend=_LIST) from error
    return _items(value, path.name)


def _items(value: Any, file: str) -> Numbered:
    if isinstance(value, list):
        if value and all(isinstance(item, str | int) and not isinstance(item, bool) for item in value):
            return [(number, {"label": item}) for number, item in enumerate(value, start=1)]
        odd = next((number for number, item in enumerate(value, start=1) if not isinstance(item, dict)), None)
        if odd is not None:
            raise DataError(f"{file}, row {odd}: expected an object", mend="Write {label, name, definition}")
        return [(number, _lower(item)) for number, item in enumerate(value, start=1)]
    if not isinstance(value, dict) or not value:
        raise DataError(f"{file}, row 1: expected a list", mend=_LIST)
    lower = _lower(value)
    inside = next((lower[key] for key in ("labels", "id2label") if isinstance(lower.get(key), list | dict)), None)
    return _mapping(value, file) if inside is None else _items(inside, file)


def _mapping(value: dict[str, Any], file: str) -> Numbered:
    """{label: name}, or {label: {name, definition}}, in which a key 'label' means the name."""
    rows = []
    for number, (label, about) in enumerate(value.items(), start=1):
        if isinstance(about, dict):
            inner = _lower(about)
            name = inner.get("name", inner.get("title", inner.get("label")))
            rows.append((number, {**inner, "label": label, "name": name}))
        elif about is None or isinstance(about, str):
            rows.append((number, {"label": label, "name": about}))
        else:
            detail = f"{label[:60]!r} stands for {'a number' if isinstance(about, int | float) else 'no text'}"
            mend = "Write {label: name}: the labels as the documents have them, and what they mean"
            raise DataError(f"{file}, row {number}: {detail}, expected a name", mend=mend)
    return rows


# ---- tables -------------------------------------------------------------------------------


def _has_no_header(path: Path, form: Form, known: Collection[str]) -> bool:
    """Whether the first row is a label already: it has no known name and looks like the rows below it."""
    if form.dialect is not None:
        columns = delimited_header(path, form.dialect)
    else:
        from volfid.inputs.sheets import sheet_header

        columns = sheet_header(path)
    if any(column.casefold() in known for column in columns) or len([c for c in columns if c]) > len(_BY_PLACE):
        return False
    if no_names(columns):
        return True
    below = islice(open_table(path, no_header=True).rows(), 1, _LOOKED_AT)
    shapes = [_shape(str(row.get("1", ""))) for *_, row in below]
    shape = _shape(columns[0])
    return bool(re.search(r"\d", shape)) and 2 * shapes.count(shape) > len(shapes)


def _shape(cell: str) -> str:
    """What a code looks like: G06F is a0a."""
    return re.sub(r"[^\W\d]+", "a", re.sub(r"\d+", "0", cell.strip().casefold()))
