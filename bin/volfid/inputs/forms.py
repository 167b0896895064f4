"""What form a file has: by the suffix of its name, and where that says little or is wrong, by what it holds."""

from dataclasses import dataclass
from pathlib import Path

from volfid.core.delimited import Dialect, dialect_of
from volfid.core.encoding import DAMAGE, damaged, open_bytes
from volfid.core.exits import DataError
from volfid.core.json_tables import JsonTable, json_in_lines, read_json_table

FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
    ".parquet": "parquet", ".pq": "parquet", ".xlsx": "xlsx", ".xlsm": "xlsx", ".json": "json",
}  # fmt: skip
PACKED = (".gz", ".zip")
BY_CONTENT = ("", ".txt", ".text", ".dat", ".data")
_SHEETS = (".xls", ".xlsb", ".ods")
_DELIMITER = {"csv": ",", "tsv": "\t"}
_USE = "Use .jsonl, .json, .csv, .tsv, .parquet or .xlsx, each optionally with .gz, or .txt that holds one of them"
_SIGNS = {"parquet": "a Parquet file", "xlsx": "an XLSX workbook", "json": "JSON"}


@dataclass
class Form:
    """How a file is read. kind: delimited, jsonl, json, parquet or xlsx. dialect: of delimited text. table: the rows
    of JSON that is one value. told: what to say of it."""

    kind: str
    dialect: Dialect | None = None
    table: JsonTable | None = None
    told: tuple[str, ...] = ()
    named: bool = True


def suffix_of(path: Path) -> str:
    """The suffix before an optional `.gz` or `.zip`, in lower case; '' for none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def file_format(path: Path, otherwise: str = _USE) -> str:
    """jsonl, csv, tsv, parquet, xlsx or json by the suffix; for any other 'text', to be read by what it holds.

    DataError for a suffix of spreadsheets that cannot be read. otherwise: the mend.
    """
    suffix = suffix_of(path)
    if suffix in _SHEETS:
        raise _unknown(path, "Save the sheet as XLSX or as CSV (UTF-8)")
    return FORMATS.get(suffix, "text")


def form_of(path: Path, no_header: bool = False, otherwise: str = _USE) -> Form:
    """The form of a file. DataError for one that is no table; `otherwise`: the mend. no_header: the first row is a
    document (delimited text and lists of cells)."""
    named = file_format(path, otherwise)
    found = _by_content(path)
    told: tuple[str, ...] = ()
    if found in ("parquet", "xlsx") and found != named and (named in _DELIMITER or named in ("text", "json", "jsonl")):
        told = (f"{path.name} is {_SIGNS[found]} by its content, and was read as one",)
        named = found
    if found == "json" and named in (*_DELIMITER, "text"):
        told = (f"{path.name} is {_SIGNS[found]} by its content, and was read as such",)
        named = "json"
    if named in ("json", "jsonl"):
        return _json_form(path, named, no_header, told)
    if named in _DELIMITER or named == "text":
        dialect = dialect_of(path, _DELIMITER.get(named), no_header)
        if dialect is None:
            raise _unknown(path, otherwise)
        return Form("delimited", dialect, told=dialect.told, named=not no_header)
    return Form(named, told=told, named=not no_header)


def _json_form(path: Path, named: str, no_header: bool, told: tuple[str, ...]) -> Form:
    if json_in_lines(path):
        return Form("jsonl", told=told)
    try:
        table = read_json_table(path, no_header)
    except DataError:
        if named == "jsonl":
            return Form("jsonl", told=told)  # its faults are told line by line
        raise
    told = (*told, *(f"{path.name}: {note}" for note in table.told))
    return Form("json", table=table, told=told, named=not no_header)


def _by_content(path: Path) -> str | None:
    """parquet, xlsx or json by the first bytes; None for anything else."""
    with open_bytes(path) as raw:
        try:
            begin = raw.read(4096)
        except DAMAGE as error:
            raise damaged(path.name, error) from error
    if begin.startswith(b"PAR1"):
        return "parquet"
    if begin.startswith(b"PK\x03\x04"):
        return "xlsx"
    shown = b"".join(begin.removeprefix(b"\xef\xbb\xbf")[:200].split())
    return "json" if shown.startswith((b'{"', b"[{", b'["', b'[["')) else None


def _unknown(path: Path, mend: str) -> DataError:
    return DataError(f"{path.name} has no known table format (suffix {suffix_of(path) or 'missing'})", mend=mend)
