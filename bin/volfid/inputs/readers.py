"""Readers of one file: CSV, TSV, JSON lines and Parquet, each as a stream of numbered rows."""

import csv
import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from volfid.core.cells import unique_keys
from volfid.core.encoding import DAMAGE, bad_bytes, damaged, open_bytes, suspect, text_lines
from volfid.core.exits import DataError, InputMissingError
from volfid.inputs.faults import Fault

_MADE_AGAIN = "Copy or make the file again"

Row = dict[str, Any]


# ---- CSV and TSV --------------------------------------------------------------------------


def csv_header(part: Path, kind: str) -> list[str]:
    delimiter = "," if kind == "csv" else "\t"
    faults: list[Fault] = []
    cells = next((cells for _, cells in _records(part, kind, faults)), None)
    if cells is None:
        if faults:
            raise DataError(f"{part.name}, {faults[0]}", mend=faults[0].mend)
        raise DataError(f"{part.name}, row 1: the file is empty", mend="Give a header row and one row a document")
    if faults:
        raise DataError(f"{part.name}, {faults[0]}", mend=faults[0].mend)
    columns = [cell.strip() for cell in cells]
    if len(columns) == 1:
        other = next((c for c in ",;\t|" if c != delimiter and c in columns[0]), None)
        if other:
            shown = {"\t": "tab"}.get(other, other)
            raise DataError(
                f"{part.name}, row 1: one column only, {columns[0][:80]!r}; the cells look separated by {shown!r}",
                mend="Save it with commas (.csv) or tabs (.tsv)",
            )
    return columns


def _records(part: Path, kind: str, faults: list[Fault]) -> Iterator[tuple[int, list[str]]]:
    """Numbered records of a CSV or TSV file; broken bytes and quotes become faults, and such records are left out."""
    csv.field_size_limit(1 << 26)
    number = 0
    broken = 0  # the last record with bytes that are no text

    def lines() -> Iterator[str]:
        nonlocal broken
        for line in text_lines(part):
            if suspect(line):
                problem = bad_bytes(part, line)
                if problem:
                    broken = number + 1
                    faults.append(Fault(part.name, number + 1, "bad_bytes", problem[0], mend=problem[1]))
                    line = line.replace("\0", "\ufffd")
            yield line

    reader = csv.reader(lines(), delimiter="," if kind == "csv" else "\t", strict=True)
    try:
        for cells in reader:
            number += 1
            if cells and number != broken:
                yield number, cells
    except csv.Error as error:
        detail = f"{error}; the rest of the file was not read"
        mend = "Check the quotes: one inside a quoted cell is written twice"
        faults.append(Fault(part.name, number + 1, "bad_quotes", detail, mend=mend))


def delimited_rows(part: Path, kind: str, faults: list[Fault]) -> Iterator[tuple[str, int, Row]]:
    name = part.name
    records = _records(part, kind, faults)
    columns = [cell.strip() for cell in next(records, (0, []))[1]]
    unnamed = "" in columns
    for number, cells in records:
        if len(cells) != len(columns):
            detail = f"{len(cells)} cells, the header has {len(columns)}"
            mend = "Quote cells that hold the delimiter or a line break"
            faults.append(Fault(name, number, "ragged_row", detail, mend=mend))
            continue
        row: Row = dict(zip(columns, cells, strict=True))
        if unnamed:
            row.pop("", None)
        yield name, number, row


# ---- JSON lines ---------------------------------------------------------------------------


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def jsonl_rows(part: Path, faults: list[Fault]) -> Iterator[tuple[str, int, Row]]:
    name = part.name
    decoder = json.JSONDecoder(object_pairs_hook=unique_keys, parse_constant=_constant)
    scan, decode = decoder.scan_once, decoder.decode  # type: ignore[attr-defined]
    number = 0
    for line in text_lines(part):
        number += 1
        if suspect(line):
            problem = bad_bytes(part, line)
            if problem:
                faults.append(Fault(name, number, "bad_bytes", problem[0], mend=problem[1]))
                continue
        try:
            # a line that is an object and nothing else needs no search for blanks around it
            row, end = scan(line, 0) if line[0] == "{" else (None, 0)
            if end < len(line) - 1 or line[-1] not in "\n}":
                row = decode(line)
            if type(row) is not dict:
                raise ValueError(f"expected an object, found {type(row).__name__}")
        except (ValueError, StopIteration, RecursionError) as error:
            if not line.strip():
                continue
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            mend = f"Write one JSON object a line; an array becomes that by: jq -c '.[]' {name}"
            faults.append(Fault(name, number, "not_json", f"not a JSON object ({reason})", mend=mend))
            continue
        yield name, number, row


# ---- Parquet ------------------------------------------------------------------------------


def unpacked(path: Path) -> IO[bytes]:
    """A seekable stream of the content; of a gzip file a temporary copy."""
    raw = open_bytes(path)
    if not isinstance(raw, gzip.GzipFile):
        return raw
    copy = tempfile.TemporaryFile()  # noqa: SIM115, the caller closes it
    try:
        with raw:
            shutil.copyfileobj(raw, copy, 1 << 20)
    except DAMAGE as error:
        copy.close()
        raise damaged(path.name, error) from error
    copy.seek(0)
    return copy


def parquet_file(part: Path) -> pq.ParquetFile:
    """The opened file; DataError when it is no Parquet."""
    if not part.is_file():
        raise InputMissingError(f"input file {part.name} does not exist", mend="Check the path")
    try:
        return pq.ParquetFile(unpacked(part))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{part.name} is not a readable Parquet file: {error}", mend=_MADE_AGAIN) from error


def parquet_rows(part: Path, wanted: Sequence[str] | None) -> Iterator[tuple[str, int, Row]]:
    number = 0
    with parquet_file(part) as file:
        try:
            for batch in file.iter_batches(4096, columns=list(wanted) if wanted else None):
                for row in batch.to_pylist():
                    number += 1
                    yield part.name, number, row
        except (pa.ArrowException, OSError, ValueError) as error:
            message = f"{part.name}, row {number + 1}: not readable Parquet: {error}"
            raise DataError(message, mend=_MADE_AGAIN) from error
