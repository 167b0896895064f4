"""Source files of any size as rows, read one at a time: tables, JSON, archives, workbooks."""

import contextlib
import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from volfid.core.exits import DataError, InputMissingError

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


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file; `.gz` and `.zip` (with one file in it) are unpacked on the way."""
    if not path.is_file():
        raise InputMissingError(f"source file {path} does not exist", mend="Check the path")
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path, "rb") as file:
                yield file  # type: ignore[misc]
        elif path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                inside = [item for item in archive.infolist() if not item.is_dir()]
                if len(inside) != 1:
                    raise DataError(f"{path.name} holds {len(inside)} files, expected one", mend="Unpack it")
                with archive.open(inside[0]) as file:
                    yield file
        else:
            with open(path, "rb") as file:
                yield file
    except _BROKEN as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise DataError(f"{path.name} is damaged or cut short: {error}", mend="Fetch it again") from error


@contextlib.contextmanager
def text_lines(path: Path) -> Iterator[Iterator[str]]:
    """UTF-8 lines, with or without BOM; anything else is DataError with the row."""
    with opened(path) as file:
        yield _decoded(path.name, file)


def _decoded(name: str, file: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            mend = "Save it as UTF-8"
            raise DataError(f"{name}, row {number}: not UTF-8 ({error.reason})", mend=mend) from error


def table_rows(path: Path) -> Rows:
    """Rows of a table with their numbers (as a spreadsheet counts them; lines for JSON lines)."""
    kind = table_format(path)
    if kind in (".csv", ".tsv", ".tab"):
        yield from _delimited(path, "," if kind == ".csv" else "\t")
    elif kind in (".jsonl", ".ndjson", ".json"):
        yield from json_rows(path)
    elif kind in (".parquet", ".pq"):
        yield from _parquet(path)
    elif kind:
        yield from _workbook(path)
    else:
        mend = f"Use one of {', '.join(TABLES)}, each also as .gz or .zip"
        raise DataError(f"{path.name} has no known table format", mend=mend)


def _delimited(path: Path, delimiter: str) -> Rows:
    csv.field_size_limit(1 << 30)
    with opened(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        reader, number = csv.reader(text, delimiter=delimiter, strict=True), 0
        try:
            header = [cell.strip() for cell in next(reader, [])]
            if not header:
                raise DataError(f"{path.name}, row 1: the file is empty")
            for number, cells in enumerate(reader, start=2):
                if not cells:
                    continue
                if len(cells) != len(header):
                    detail = f"{len(cells)} cells, the header has {len(header)}"
                    raise DataError(f"{path.name}, row {number}: {detail}", mend="Check the quotes and the delimiter")
                yield number, dict(zip(header, cells, strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path.name}, row {number + 1}: {error}", mend="Save it as UTF-8; check quotes") from error


def json_rows(path: Path) -> Rows:
    """Objects of a file of JSON lines; a file with one object over several lines is one row."""
    with text_lines(path) as lines:
        first = next(lines, "")
        try:
            json.loads(first)
        except json.JSONDecodeError:
            whole = first + "".join(lines) if first.strip() in ("{", "[") else None
            if whole is None:
                raise DataError(f"{path.name}, row 1: no JSON object", mend="Write one JSON object a line") from None
            value = parse_json(whole, f"{path.name}, row 1", (dict, list))
            for number, row in enumerate(value if isinstance(value, list) else [value], start=1):
                yield number, row
            return
        yield 1, parse_json(first, f"{path.name}, row 1")
        for number, line in enumerate(lines, start=2):
            if line.strip():
                yield number, parse_json(line, f"{path.name}, row {number}")


def parse_json(text: str, where: str, kinds: tuple[type, ...] = (dict,)) -> Any:
    """A JSON value of one of `kinds`; DataError names `where`."""
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{where}: not JSON ({error})", mend="The file may be cut off; fetch it again") from error
    if not isinstance(value, kinds):
        raise DataError(f"{where}: expected an object, found {type(value).__name__}")
    return value


def _parquet(path: Path) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path.name} is not a readable Parquet file: {error}", mend="Fetch it again") from error


def _workbook(path: Path) -> Rows:
    import openpyxl

    if not path.is_file():
        raise InputMissingError(f"source file {path} does not exist", mend="Check the path")
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise DataError(f"{path.name} is not a readable workbook: {error}", mend="Save it again as .xlsx") from error
    try:
        sheet = book.worksheets[0]
        header: list[str] | None = None
        for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            if header is None:
                if any(cell is not None for cell in cells):  # a title row above the header has one cell
                    named = [str(cell).strip() if cell is not None else "" for cell in cells]
                    header = named if sum(map(bool, named)) > 1 else None
            elif any(cell is not None for cell in cells):
                row = {name: cell for name, cell in zip(header, cells, strict=False) if name}
                yield number, row
    finally:
        book.close()


def json_documents(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, object) of a folder or an archive (.tar, .tar.gz, .zip) of JSON files, or of a file of JSON lines."""
    if path.is_dir():
        inside = sorted(item for item in path.rglob("*") if item.is_file() and ".json" in item.name)
        if not inside:
            raise InputMissingError(f"folder {path} holds no JSON file")
        for item in inside:
            yield from json_documents(item)
    elif ".tar" in path.suffixes or path.suffix == ".tgz":
        yield from _tar(path)
    elif path.suffix == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                for name in sorted(n for n in archive.namelist() if n.endswith(".json")):
                    text = archive.read(name).decode("utf-8-sig")
                    yield f"{path.name}: {name}", parse_json(text, f"{path.name}: {name}")
        except (*_BROKEN, UnicodeDecodeError) as error:
            raise DataError(f"{path.name} is damaged: {error}", mend="Fetch it again") from error
    else:
        for number, row in json_rows(path):
            yield f"{path.name}, row {number}", row


def _tar(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if not path.is_file():
        raise InputMissingError(f"source file {path} does not exist", mend="Check the path")
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".json") and not Path(member.name).name.startswith("."):
                    file = archive.extractfile(member)
                    text = file.read().decode("utf-8-sig") if file else ""
                    yield f"{path.name}: {member.name}", parse_json(text, f"{path.name}: {member.name}")
    except (*_BROKEN, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} is damaged or cut short: {error}", mend="Fetch it again") from error
