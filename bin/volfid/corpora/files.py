"""Source files of any size as rows, read one at a time: tables, JSON, archives. Faults of rows are noted."""

import contextlib
import itertools
import json
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from volfid.core.cells import check_columns, unique_keys
from volfid.core.delimited import Rows as DelimitedRows
from volfid.core.delimited import dialect_of
from volfid.core.encoding import bad_bytes, open_bytes, text_lines
from volfid.core.exits import DataError, InputMissingError
from volfid.core.json_tables import json_in_lines, read_json_table
from volfid.corpora.faults import Faults
from volfid.corpora.workbooks import sheet_rows

Rows = Iterator[tuple[int, dict[str, Any]]]
TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet", ".pq", ".xlsx", ".xlsm")
_PACKED = (".gz", ".zip")
_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, lzma.LZMAError, tarfile.TarError)


def table_format(path: Path) -> str:
    """The suffix of the table without `.gz` or `.zip`; '' when it is none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in TABLES else ""


def files_in(path: Path, suffixes: Sequence[str] = (), notes: list[str] | None = None) -> list[Path]:
    """The file itself; of a folder its files by name, without what begins with `.` or `_`. Its folders are not entered.

    suffixes: of a folder, only tables in one of these formats are taken, all in one; what is passed over is put into
    `notes`. DataError for a folder without such files, or with several formats.
    """
    if not path.is_dir():
        return [path]
    inside = sorted(item for item in path.iterdir() if item.name[0] not in "._")
    found = [item for item in inside if item.is_file() and (not suffixes or table_format(item) in suffixes)]
    formats = {table_format(item): item.name for item in found} if suffixes else {}
    if not found or len(formats) > 1:
        shown = ", ".join(item.name for item in inside[:8]) or "nothing"
        why = f"holds several formats ({', '.join(formats.values())})" if found else f"holds no table, but {shown}"
        wanted = f"Give files, or a folder of one format: {', '.join(suffixes)}, each also as .gz or .zip"
        mend = wanted if suffixes else "Give files, or the folder that holds them"
        raise DataError(f"{path} is a folder and {why}", mend=mend)
    if notes is not None:
        notes += [f"{path.name}/{item.name} was not read" for item in inside if item not in found]
    return found


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file; `.gz` and `.zip` (with one file in it) are unpacked on the way."""
    try:
        with open_bytes(path) as file:
            yield file
    except _BROKEN as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise DataError(f"{path.name} is damaged or cut short: {error}", mend="Fetch it again") from error


def table_rows(path: Path, faults: Faults, sheets: Sequence[str] = (), notes: list[str] | None = None) -> Rows:
    """Rows of a table with their numbers (as a spreadsheet counts them; lines for JSON lines).

    Rows without a usable form are noted in `faults` and left out. DataError for a file that has none at all, and for a
    column that stands twice. sheets: as `sheet_rows` has it. notes: takes what was noticed of the file's form.
    """
    kind = table_format(path)
    if kind in (".csv", ".tsv", ".tab"):
        yield from _delimited(path, "," if kind == ".csv" else "\t", faults, notes)
    elif kind in (".jsonl", ".ndjson", ".json"):
        yield from _json_table(path, faults, notes)
    elif kind in (".parquet", ".pq"):
        yield from _parquet(path)
    elif kind:
        yield from sheet_rows(path, sheets)
    else:
        mend = f"Use one of {', '.join(TABLES)}, each also as .gz or .zip"
        raise DataError(f"{path.name} has no known table format", mend=mend)


def _usable(path: Path, line: str, number: int, faults: Faults) -> bool:
    """Whether a line is UTF-8 without NUL; of the others the first is shown with the likely encoding."""
    problem = bad_bytes(path, line)
    if problem:
        faults.add(DataError(f"{path.name}, row {number}: {problem[0]}", mend=problem[1]), (path, "bytes"))
    return not problem


def _delimited(path: Path, delimiter: str, faults: Faults, notes: list[str] | None) -> Rows:
    dialect = dialect_of(path, delimiter)
    assert dialect is not None  # a delimiter is usual
    if notes is not None:
        notes += dialect.told

    def note(row: int, reason: str, detail: str, mend: str) -> None:
        kind = (path, "bytes") if reason == "bad_bytes" else None  # of these the first is shown
        faults.add(DataError(f"{path.name}, row {row}: {detail}", mend=mend), kind)

    rows = DelimitedRows(path, dialect, note)
    if not rows.columns:
        raise DataError(f"{path.name}, row 1: the file is empty")
    check_columns(path.name, rows.columns)
    yield from rows


def _json_table(path: Path, faults: Faults, notes: list[str] | None) -> Rows:
    """Rows of a file of JSON lines, or of one value: a list of objects, columns, or an object around them."""
    if json_in_lines(path):
        yield from json_rows(path, faults)
        return
    table = read_json_table(path)
    if notes is not None:
        notes += [f"{path.name}: {told}" for told in table.told]
    for number, row in enumerate(table.rows, start=1):
        if number in table.odd:
            faults.add(DataError(f"{path.name}, item {number}: expected an object"))
        else:
            yield number, row


def json_rows(path: Path, faults: Faults) -> Rows:
    """Objects of a file of JSON lines; of a file with one array, or one object over several lines, its objects."""
    lines = text_lines(path)
    first = next(lines, "")
    if first.strip() == "{" or first.lstrip().startswith("["):
        where = f"{path.name}, row 1"
        whole = first + "".join(lines)
        if _usable(path, whole, 1, faults):
            value = parse_json(whole, where, (dict, list))
            for number, row in enumerate(value if isinstance(value, list) else [value], start=1):
                if isinstance(row, dict):
                    yield number, row
                else:
                    where = f"{path.name}, item {number}"
                    faults.add(DataError(f"{where}: expected an object, found {type(row).__name__}"))
        return
    for number, line in enumerate(itertools.chain([first], lines), start=1):
        yield from _json_line(path, number, line, faults)


def _json_line(path: Path, number: int, line: str, faults: Faults) -> Rows:
    if not line.strip() or not _usable(path, line, number, faults):
        return
    row = None
    with faults.row():
        row = parse_json(line, f"{path.name}, row {number}")
    if row is not None:
        yield number, row


def parse_json(text: str, where: str, kinds: tuple[type, ...] = (dict,)) -> Any:
    """A JSON value of one of `kinds`, with NaN as None; DataError names `where`, also for a key that stands twice."""
    try:
        value = json.loads(text, object_pairs_hook=unique_keys, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON ({error})", mend="The file may be cut off; fetch it again") from error
    if not isinstance(value, kinds):
        raise DataError(f"{where}: expected an object, found {type(value).__name__}")
    return value


def _constant(text: str) -> None:
    if text != "NaN":
        raise ValueError(f"{text} is not JSON")


def _parquet(path: Path) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_bytes(path) as stream, pq.ParquetFile(stream) as file:
            check_columns(path.name, file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(batch_size=1000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path.name} is not a readable Parquet file: {error}", mend="Fetch it again") from error


def json_documents(path: Path, faults: Faults) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, object) of a folder or an archive (.tar, .tar.gz, .zip) of JSON files, or of a file of JSON lines."""
    if path.is_dir():
        inside = sorted(item for item in path.rglob("*") if item.is_file() and ".json" in item.name)
        if not inside:
            raise InputMissingError(
                f"folder {path} holds no JSON file", mend="Give the folder, or files, of the source"
            )
        for item in inside:
            yield from json_documents(item, faults)
    elif ".tar" in path.suffixes or path.suffix == ".tgz":
        yield from _members(path, _tar(path), faults)
    elif path.suffix == ".zip":
        yield from _members(path, _zip(path), faults)
    else:
        for number, row in json_rows(path, faults):
            yield f"{path.name}, row {number}", row


def _members(path: Path, members: Iterator[tuple[str, bytes]], faults: Faults) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of the JSON files in an archive."""
    try:
        for name, content in members:
            where, row = f"{path.name}: {name}", None
            with faults.row():
                row = parse_json(_utf8(content, where), where)
            if row is not None:
                yield where, row
    except _BROKEN as error:
        raise DataError(f"{path.name} is damaged or cut short: {error}", mend="Fetch it again") from error


def _utf8(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: byte 0x{content[error.start]:02X} is not UTF-8", mend="Save it as UTF-8") from error


def _zip(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(name for name in archive.namelist() if name.endswith(".json")):
            yield name, archive.read(name)


def _tar(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".json") and not Path(member.name).name.startswith("."):
                file = archive.extractfile(member)
                yield member.name, file.read() if file else b""
