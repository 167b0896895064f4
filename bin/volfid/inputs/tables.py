"""JSONL, CSV, TSV, Parquet and XLSX files, and folders of them, as rows with numbers; read in a stream."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from volfid.core.cells import MAX_COLUMNS, check_columns
from volfid.core.exits import DataError
from volfid.core.files import canonical_json, sha256_file, sha256_text
from volfid.inputs.faults import Fault, InputFaults, some
from volfid.inputs.readers import (
    Row,
    csv_header,
    delimited_rows,
    jsonl_rows,
    parquet_file,
    parquet_rows,
)

FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
    ".parquet": "parquet", ".pq": "parquet", ".xlsx": "xlsx", ".xlsm": "xlsx", ".json": "json",
}  # fmt: skip
_FIRST = 1000
_NAMED = 5
_USE = "Use .jsonl, .csv, .tsv, .parquet or .xlsx, each optionally with .gz"


@dataclass
class Table:
    """A file, or a folder of shards in name order.

    A row's number is that of a spreadsheet (CSV, TSV, XLSX: the header is row 1), the line (JSONL), or
    the position from 1 (Parquet). `columns`: the header; of JSONL the keys of the first 1,000 rows.
    `faults`: rows without a usable form, complete when `rows` has come to its end.
    """

    file: str
    parts: list[Path]
    kind: str
    columns: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def rows(self, wanted: Sequence[str] | None = None) -> Iterator[tuple[str, int, Row]]:
        """(file, row number, cells by column), from the beginning at every call; `wanted`: columns that suffice."""
        self.faults.clear()
        return chain.from_iterable(self._part(part, wanted) for part in self.parts)

    def _part(self, part: Path, wanted: Sequence[str] | None) -> Iterator[tuple[str, int, Row]]:
        if self.kind == "jsonl":
            return jsonl_rows(part, self.faults)
        if self.kind == "parquet":
            return parquet_rows(part, wanted)
        if self.kind == "xlsx":
            from volfid.inputs.sheets import sheet_rows

            return sheet_rows(part, self.faults)
        return delimited_rows(part, self.kind, self.faults)

    def find_all_columns(self) -> None:
        """Read a JSONL file through for its keys."""
        self.columns = list(dict.fromkeys(key for *_, row in self.rows() for key in row))
        if len(self.columns) > MAX_COLUMNS:
            check_columns(self.file, self.columns)

    def content_sha(self) -> str:
        """SHA-256 of the file, or over the names and hashes of the shards."""
        if len(self.parts) == 1 and self.parts[0].name == self.file:
            return sha256_file(self.parts[0])
        return sha256_text(canonical_json([[part.name, sha256_file(part)] for part in self.parts]))


def open_table(path: Path) -> Table:
    """Open a table by the suffix of its name, or a folder of such tables; the header is read and checked.

    Raises DataError for a file that is no such table, InputMissingError for one that does not exist.
    """
    parts, warnings = _shards(path) if path.is_dir() else ([path], [])
    kinds = {part.name: file_format(part) for part in parts}
    kind = next(iter(kinds.values()))
    if kind == "json":
        raise DataError(
            f"{path.name} is JSON, expected one object a line",
            mend=f"Save it as JSON lines: jq -c '.[]' {path.name} > {path.name.removesuffix('.json')}.jsonl",
        )
    table = Table(path.name, parts, kind, warnings=warnings)
    if kind == "jsonl":
        rows = list(islice(table.rows(), _FIRST))
        table.columns = list(dict.fromkeys(key for *_, row in rows for key in row))
        if not rows and not table.faults:
            raise DataError(f"{path.name}, row 1: the file is empty", mend="Write one JSON object a line")
        if not rows:
            raise InputFaults(table.faults)
        if len(table.columns) > MAX_COLUMNS:
            check_columns(path.name, table.columns)
        return table
    for part in parts:
        columns = _header(part, kind, warnings)
        if not table.columns:
            table.columns = columns
        elif set(columns) != set(table.columns):
            odd = sorted(set(columns) ^ set(table.columns))[0]
            has, lacks = (part, parts[0]) if odd in columns else (parts[0], part)
            raise DataError(
                f"{path.name}: {has.name} has a column {odd!r} and {lacks.name} has none",
                mend="Give all shards the same columns",
            )
    return table


def table_files(path: Path) -> list[Path]:
    """The files behind an input: itself, or the shards of a folder."""
    return _shards(path)[0] if path.is_dir() else [path]


def _shards(folder: Path) -> tuple[list[Path], list[str]]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith((".", "_")))
    shards = [path for path in files if _suffix(path) in FORMATS]
    other = [path.name for path in files if path not in shards]
    if not shards:
        mend = "Put .jsonl, .csv, .tsv, .parquet or .xlsx files of one format into it"
        raise DataError(f"the folder {folder.name} holds no table", mend=mend)
    kinds: dict[str, str] = {}
    for shard in shards:
        kinds.setdefault(file_format(shard), shard.name)
    if len(kinds) > 1:
        found = ", ".join(f"{kind} ({name})" for kind, name in kinds.items())
        mend = "Leave one format in it, and move label lists and notes elsewhere"
        raise DataError(f"the folder {folder.name} holds several formats: {found}", mend=mend)
    inner = [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))]
    told = []
    if other:
        what = "1 file is no table and was" if len(other) == 1 else f"{len(other)} files are no tables and were"
        told.append(f"{folder.name}: {what} not read: {some(other, _NAMED)}")
    if inner:
        what = "1 subfolder was" if len(inner) == 1 else f"{len(inner)} subfolders were"
        told.append(f"{folder.name}: {what} not read: {some(inner, _NAMED)}; move tables up, or give that folder")
    return shards, told


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def file_format(path: Path, otherwise: str = _USE) -> str:
    """jsonl, csv, tsv, parquet, xlsx or json, by the suffix before an optional `.gz`; `otherwise`: the mend."""
    suffix = _suffix(path)
    if suffix not in FORMATS:
        sheets = suffix in (".xls", ".xlsb", ".ods")
        mend = "Save the sheet as XLSX or as CSV (UTF-8)" if sheets else otherwise
        raise DataError(f"{path.name} has no known table format (suffix {suffix or 'missing'})", mend=mend)
    return FORMATS[suffix]


def _header(part: Path, kind: str, warnings: list[str]) -> list[str]:
    if kind == "parquet":
        with parquet_file(part) as file:
            columns = list(file.schema_arrow.names)
        check_columns(part.name, columns)
        return columns
    if kind == "xlsx":
        from volfid.inputs.sheets import sheet_header

        columns = sheet_header(part, warnings)
    else:
        columns = csv_header(part, kind)
    check_columns(part.name, columns)
    return [column for column in columns if column]
