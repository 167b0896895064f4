"""Readers of one file: delimited text, JSON and JSON lines, each as a stream of numbered rows."""

import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from volfid.core.cells import unique_keys
from volfid.core.delimited import Dialect, Rows
from volfid.core.encoding import DAMAGE, bad_bytes, damaged, open_bytes, suspect, text_lines
from volfid.core.exits import DataError
from volfid.core.json_tables import JsonTable
from volfid.inputs.faults import Fault

Row = dict[str, Any]


# ---- CSV and TSV --------------------------------------------------------------------------


def _rows(part: Path, dialect: Dialect, faults: list[Fault]) -> Rows:
    def note(row: int, reason: str, detail: str, mend: str) -> None:
        faults.append(Fault(part.name, row, reason, detail, mend=mend))

    return Rows(part, dialect, note)


def delimited_header(part: Path, dialect: Dialect) -> list[str]:
    """The names of the columns, '' for one without; DataError for a file without a header, or with a broken one."""
    faults: list[Fault] = []
    columns = _rows(part, dialect, faults).columns
    if faults:
        raise DataError(f"{part.name}, {faults[0]}", mend=faults[0].mend)
    if not columns:
        raise DataError(f"{part.name}, row 1: the file is empty", mend="Give a header row and one row a document")
    return columns


def delimited_rows(part: Path, dialect: Dialect, faults: list[Fault]) -> Iterator[tuple[str, int, Row]]:
    """(file, row number, cells by column) of each usable row."""
    name = part.name
    for number, row in _rows(part, dialect, faults):
        yield name, number, row


# ---- JSON ---------------------------------------------------------------------------------


def json_table_rows(part: Path, table: JsonTable, faults: list[Fault]) -> Iterator[tuple[str, int, Row]]:
    """Rows of a file that holds a table in one value, by their place; items that are no objects become faults."""
    name, odd = part.name, set(table.odd)
    for number, row in enumerate(table.rows, start=1):
        if number in odd:
            mend = "Write one JSON object a document"
            faults.append(Fault(name, number, "not_json", "the item is not an object", mend=mend))
        else:
            yield name, number, row


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
            detail = f"not a JSON object ({reason})"
            mend = "Write one JSON object a line" + (", without a comma behind it" * line.rstrip().endswith(","))
            faults.append(Fault(name, number, "not_json", detail, mend=mend))
            continue
        yield name, number, row


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
