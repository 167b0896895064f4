"""JSONL, CSV, TSV and Parquet files, each optionally gzip-compressed, as rows with numbers."""

import csv
import gzip
import io
import json
import math
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from volfid.core.exits import DataError, InputMissingError
from volfid.inputs.faults import Fault
from volfid.inputs.text import has_surrogate

FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
    ".parquet": "parquet", ".pq": "parquet", ".json": "json",
}  # fmt: skip
MAX_COLUMNS = 20_000
MAX_CHARACTERS = 1_000_000
_BOMS = (
    (b"\xff\xfe\x00\x00", "UTF-32"), (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"),
)  # fmt: skip


@dataclass
class Table:
    """Rows of one file. A row's number is that of a spreadsheet (CSV, TSV: the header is row 1), the
    line (JSONL), or the position from 1 (Parquet). `faults`: rows that have no usable form."""

    file: str
    columns: list[str]
    rows: list[tuple[int, dict[str, Any]]]
    faults: list[Fault] = field(default_factory=list)


def read_table(path: Path) -> Table:
    """Read a table by the suffix of its name. Raises DataError for a file that is no such table."""
    name, kind = path.name, file_format(path)
    content = read_bytes(path)
    if kind == "parquet":
        return _parquet(name, content)
    if kind == "json":
        raise DataError(f"{name} is JSON, expected one object a line", mend="Save it as JSON lines (.jsonl)")
    text = decode(name, content)
    return _jsonl(name, text) if kind == "jsonl" else _delimited(name, text, "," if kind == "csv" else "\t")


def file_format(path: Path) -> str:
    """jsonl, csv, tsv, parquet or json, by the suffix before an optional `.gz`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    if suffix not in FORMATS:
        mend = (
            "Save the sheet as CSV (UTF-8)"
            if suffix in (".xlsx", ".xls", ".ods")
            else ("Use .jsonl, .csv, .tsv or .parquet, each optionally with .gz")
        )
        raise DataError(f"{path.name} has no known table format (suffix {suffix or 'missing'})", mend=mend)
    return FORMATS[suffix]


def read_bytes(path: Path) -> bytes:
    """The file's content, decompressed when it is gzip."""
    if not path.is_file():
        raise InputMissingError(f"input file {path.name} does not exist", mend="Check the path")
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path.name} is damaged gzip: {error}", mend="Copy or make the file again") from error
    if path.suffix.lower() == ".gz":
        raise DataError(f"{path.name} is named .gz but is not gzip", mend="Rename it, or compress it")
    return content


def decode(name: str, content: bytes) -> str:
    """UTF-8 text, with or without BOM; anything else is refused with the likely encoding, never re-decoded."""
    mend = "Save the file as UTF-8"
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            raise DataError(f"{name}, row 1: the file is {encoding}, not UTF-8", mend=mend)
    content = content.removeprefix(b"\xef\xbb\xbf")
    nul = content.find(b"\x00")
    if nul >= 0:
        sample = content[:2000]
        guess = "; the file looks like UTF-16" if sample.count(b"\x00") > len(sample) / 4 else ""
        row = content.count(b"\n", 0, nul) + 1
        raise DataError(f"{name}, row {row}: NUL byte{guess}", mend=mend)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        high = {byte for byte in content if byte >= 0x80}
        guess = "Windows-1252" if any(byte < 0xA0 for byte in high) else "Latin-1"
        message = f"{name}, row {row}: byte 0x{content[error.start]:02X} is not UTF-8; the file looks like {guess}"
        raise DataError(message, mend=mend) from error


def _check_columns(name: str, columns: list[str]) -> None:
    if len(columns) > MAX_COLUMNS:
        raise DataError(f"{name}, row 1: {len(columns)} columns (at most {MAX_COLUMNS})", mend="Check the delimiter")
    seen: dict[str, int] = {}
    for position, column in enumerate(columns, start=1):
        if column and column in seen:
            message = f"{name}, row 1: column {column!r} stands twice (columns {seen[column]} and {position})"
            raise DataError(message, mend="Rename or remove one of them")
        seen[column] = position


def _delimited(name: str, text: str, delimiter: str) -> Table:
    csv.field_size_limit(1 << 30)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: list[tuple[int, list[str]]] = []
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if cells:
                records.append((number, cells))
    except csv.Error as error:
        raise DataError(
            f"{name}, row {number + 1}: {error}", mend="Check the quotes: one inside a quoted cell is written twice"
        ) from error
    if not records:
        raise DataError(f"{name}, row 1: the file is empty", mend="Give a header row and one row a document")
    columns = [cell.strip() for cell in records[0][1]]
    if len(columns) == 1:
        other = next((c for c in ",;\t|" if c != delimiter and c in columns[0]), None)
        if other:
            shown = {"\t": "tab"}.get(other, other)
            raise DataError(
                f"{name}, row 1: one column only, {columns[0][:80]!r}; the cells look separated by {shown!r}",
                mend="Save it with commas (.csv) or tabs (.tsv)",
            )
    _check_columns(name, columns)
    table = Table(name, [column for column in columns if column], [])
    for number, cells in records[1:]:
        if len(cells) == len(columns):
            table.rows.append((number, {column: cell for column, cell in zip(columns, cells, strict=True) if column}))
        else:
            detail = f"{len(cells)} cells, the header has {len(columns)}"
            mend = "Quote cells that hold the delimiter or a line break"
            table.faults.append(Fault(name, number, "ragged_row", detail, mend=mend))
    return table


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"key {twice!r} stands twice")
    return result


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _jsonl(name: str, text: str) -> Table:
    table = Table(name, [], [])
    columns: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_unique, parse_constant=_constant)
            if not isinstance(row, dict):
                raise ValueError(f"expected an object, found {type(row).__name__}")
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            mend = "Write one JSON object a line"
            table.faults.append(Fault(name, number, "not_json", f"not a JSON object ({reason})", mend=mend))
            continue
        columns.update(dict.fromkeys(row))
        table.rows.append((number, row))
    if not table.rows and not table.faults:
        raise DataError(f"{name}, row 1: the file is empty", mend="Write one JSON object a line")
    table.columns = list(columns)
    if len(columns) > MAX_COLUMNS:
        _check_columns(name, table.columns)
    return table


def _parquet(name: str, content: bytes) -> Table:
    try:
        table = pq.read_table(io.BytesIO(content))
        _check_columns(name, table.column_names)
        rows = table.to_pylist()
    except (pa.ArrowException, OSError) as error:
        mend = "Copy or make the file again"
        raise DataError(f"{name} is not a readable Parquet file: {error}", mend=mend) from error
    return Table(name, table.column_names, list(enumerate(rows, start=1)))


def cell_text(value: Any) -> str | None:
    """A cell that should be text: '' when missing, digits for an integer, None for anything else."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and not has_surrogate(value) else None
