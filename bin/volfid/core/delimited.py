"""Delimited text (CSV, TSV and their kin): which delimiter, what quotes mean, and the rows by name."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from volfid.core.encoding import DAMAGE, bad_bytes, damaged, open_bytes, piped, suspect, text_lines

Note = Callable[[int, str, str, str], None]
Record = tuple[int, list[str]]

_DELIMITERS = ",;\t|"
_SHOWN = {"\t": "tabs", ",": "commas", ";": "semicolons"}
_LOOKED_AT = 100  # rows that show which delimiter fits
_SAMPLE = 1 << 20
_STRAY_KEPT = 100_000
_SEP = re.compile(r'"?sep=(.)"?[\r\n]*')
_QUOTES = "Check the quotes: one inside a quoted cell is written twice"


@dataclass(frozen=True)
class Dialect:
    """How a file is written. quoted: cells may stand in quotes. begin: its first row. header: whether that names the
    columns. merged: a cell over several lines swallows rows, as every line fits the header by itself. spaced: a blank
    stands behind every delimiter, before a quote, too. told: what to say of it."""

    delimiter: str
    quoted: bool = True
    begin: int = 1
    header: bool = True
    merged: bool = False
    spaced: bool = False
    told: tuple[str, ...] = ()


def dialect_of(path: Path, usual: str | None, no_header: bool = False) -> Dialect | None:
    """The dialect of a file. usual: the delimiter that its name promises; None where it promises none, and then the
    file is a table only when its first rows fit (else None). DataError for what is no text."""
    lines, whole = _sample(path)
    filled = [number for number, line in enumerate(lines, start=1) if line.strip()]
    first = filled[0] if filled else 1
    declared = _SEP.fullmatch(lines[first - 1]) if filled else None
    told: list[str] = []
    if declared:
        delimiter, first = declared[1], first + 1
    else:
        found = _delimiter(lines[first - 1 :], usual, whole)
        if found is None:
            return None
        delimiter = found
        if delimiter != usual:
            told.append(f"{path.name}: the cells are separated by {_shown(delimiter)}, and were read so")
    quoted, merged = True, False
    if delimiter == "\t":
        quoted = not _unquoted(path, delimiter, first)
        if not quoted:
            told.append(
                f"{path.name}: quotes were read as part of the text, for every line has as many cells as the header "
                "when they are, and not when they enclose cells"
            )
    elif _odd_quotes(path):
        merged = _fits_raw(path, delimiter, first) and _trouble(path, delimiter, first)
    spaced = len(lines) >= first and _spaced(lines[first - 1], delimiter)
    return Dialect(delimiter, quoted, first, not no_header, merged, spaced, tuple(told))


def _spaced(line: str, delimiter: str) -> bool:
    """Whether every cell but the first begins with a blank, as `id, text, labels` do."""
    cells = line.split(delimiter)[1:]
    return delimiter != "\t" and bool(cells) and all(cell[:1] == " " for cell in cells)


def _shown(delimiter: str) -> str:
    return _SHOWN.get(delimiter, repr(delimiter))


def _sample(path: Path) -> tuple[list[str], bool]:
    """The first lines, and whether these are all."""
    lines: list[str] = []
    size = 0
    for line in text_lines(path):
        lines.append(line.replace("\0", ""))
        size += len(line)
        if len(lines) > _LOOKED_AT or size > _SAMPLE:
            return lines, False
    return lines, True


def _widths(lines: Sequence[str], delimiter: str, whole: bool) -> list[tuple[int, int]]:
    """Of each record of a sample the number of cells, and that without empty ones at the end."""
    csv.field_size_limit(1 << 26)
    records = [cells for cells in csv.reader(lines, delimiter=delimiter) if any(cells)]
    if not whole and len(records) > 1:
        records.pop()  # it may be cut
    return [
        (len(cells), max(place for place, cell in enumerate(cells, start=1) if cell.strip() or place == 1))
        for cells in records
    ]


def _delimiter(lines: Sequence[str], usual: str | None, whole: bool) -> str | None:
    """The delimiter: the usual one, unless another fits and it does not; None when none fits and none is usual."""
    widths = {delimiter: _widths(lines, delimiter, whole) for delimiter in _DELIMITERS}

    def share(delimiter: str) -> float:
        (cells, filled), *others = widths[delimiter] or [(0, 0)]
        fitting = sum(pair[0] == cells or pair[1] == filled for pair in others)
        return fitting / len(others) if others else float(usual is not None)

    def width(delimiter: str) -> int:
        return widths[delimiter][0][0] if widths[delimiter] else 0

    fitting = [d for d in _DELIMITERS if d != usual and width(d) > 1]
    if usual is None:
        fitting = [d for d in fitting if share(d) >= 0.9]
        return max(fitting, key=lambda d: (d == "\t", width(d)), default=None)
    if width(usual) > 1:
        fitting = [d for d in fitting if width(d) > width(usual) and share(d) == 1 > share(usual)]
    else:
        fitting = [d for d in fitting if share(d) >= 0.5]
    return max(fitting, key=lambda d: (share(d), width(d)), default=usual)


# ---- quotes that open and close rows later ------------------------------------------------


def _odd_quotes(path: Path) -> bool:
    """Whether a line has an odd number of quotes: a cell without one is never longer than its line."""
    with open_bytes(path) as raw:
        try:
            return any(line.count(b'"') & 1 for line in raw)
        except DAMAGE as error:
            raise damaged(path.name, error) from error


def _unquoted(path: Path, delimiter: str, first: int) -> bool:
    """Whether quotes are text: cells begin with one, reading them as quotes goes wrong, and as text it does not."""
    opening = f'{delimiter}"'
    opens = any('"' in line and (line[0] == '"' or opening in line) for line in text_lines(path))
    return opens and _fits_raw(path, delimiter, first) and _trouble(path, delimiter, first)


def _fits_raw(path: Path, delimiter: str, first: int) -> bool:
    """Whether every line has as many cells as the header when quotes are text."""
    counts = (line.count(delimiter) for line in islice(text_lines(path), first - 1, None) if line.strip())
    header = next(counts, 0)
    return header > 0 and all(count == header for count in counts)


def _trouble(path: Path, delimiter: str, first: int) -> bool:
    """Whether quotes as quotes break off the reading, or make a cell of several lines."""
    lines = islice((line.replace("\0", "") for line in text_lines(path)), first - 1, None)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        records = sum(1 for _ in reader)
    except csv.Error:
        return True
    return reader.line_num > records


# ---- records and rows ---------------------------------------------------------------------


def records(path: Path, dialect: Dialect, note: Note) -> Iterator[Record]:
    """Records with a filled cell, by number as a spreadsheet counts them. note(row, reason, detail, mend): takes
    broken bytes and quotes; such records are left out."""
    csv.field_size_limit(1 << 26)
    number = 0
    broken = 0  # the last record with bytes that are no text

    def lines() -> Iterator[str]:
        nonlocal broken
        for line in text_lines(path):
            if suspect(line):
                problem = bad_bytes(path, line)
                if problem:
                    broken = number + 1
                    note(number + 1, "bad_bytes", *problem)
                    line = line.replace("\0", "\ufffd")
            yield line

    unquoted: dict[str, Any] = {} if dialect.quoted else {"quoting": csv.QUOTE_NONE}
    reader = csv.reader(lines(), delimiter=dialect.delimiter, strict=True, skipinitialspace=dialect.spaced, **unquoted)
    try:
        for cells in reader:
            number += 1
            if any(cells) and number != broken:
                yield number, cells
    except csv.Error as error:
        mend = _QUOTES
        if any('\\"' in line for line in text_lines(path)):
            mend += "; here quotes have a backslash: " + piped(path.name, """sed 's/\\\\"/""/g'""", "mended_")
        note(number + 1, "bad_quotes", f"{error}; the rest of the file was not read", mend)


def _unmerged(found: Iterator[Record], dialect: Dialect, note: Note) -> Iterator[Record]:
    """Records without those in which a quote that closes lines below has swallowed rows: each of their lines fits
    the header by itself."""
    width = 0
    for number, cells in found:
        width = width or len(cells)
        if any("\n" in cell for cell in cells):
            lines = dialect.delimiter.join(cells).split("\n")
            if width > 1 and (dialect.merged or all(line.count(dialect.delimiter) == width - 1 for line in lines)):
                detail = (
                    f"a quote opens here and closes {len(lines) - 1} lines below; each line has {width} cells itself"
                )
                note(number, "bad_quotes", f"{detail}, so that rows would be lost in one cell", _QUOTES)
                continue
        yield number, cells


class Rows:
    """The rows of a file by column. The header is read at once: `columns` (a cell without a name is ''); without a
    header they are '1', '2' and so on."""

    def __init__(self, path: Path, dialect: Dialect, note: Note):
        self.note = note
        found = records(path, dialect, note)
        if dialect.merged or (dialect.quoted and dialect.delimiter == "\t"):
            found = _unmerged(found, dialect, note)
        first = next((record for record in found if record[0] >= dialect.begin), None)
        self.columns = [cell.strip() for cell in first[1]] if first else []
        self._rest = found
        if first and not dialect.header:
            self.columns = [str(place) for place in range(1, len(self.columns) + 1)]
            self._rest = chain([first], found)

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        columns, width, unnamed = self.columns, len(self.columns), "" in self.columns
        named = max((place for place, name in enumerate(columns, start=1) if name), default=0)
        wide = width  # cells of the first row: some programs end every row with a delimiter
        rows, stray = 0, list[int]()
        for number, cells in self._rest:
            rows += 1
            if len(cells) != width and not (named <= len(cells) < width):
                if rows == 1 and len(cells) > width and not _filled(cells[width:]):
                    wide = len(cells)
                if len(cells) != wide or _filled(cells[width:]):
                    self._ragged(number, len(cells), width)
                    continue
            elif wide != width:
                self._ragged(number, len(cells), wide)
                continue
            if named < width and len(stray) < _STRAY_KEPT and _filled(cells[named:]):
                stray.append(number)
            row = dict(zip(columns, cells, strict=False))
            if unnamed:
                row.pop("", None)
            yield number, row
        if len(stray) <= rows / 2:  # a column of notes without a name is full; what was split by mistake is rare
            for number in stray:
                mend = "Quote cells that hold the delimiter, or give the column a name in the header"
                self.note(number, "ragged_row", "a cell stands right of the last column with a name", mend)

    def _ragged(self, number: int, cells: int, width: int) -> None:
        mend = "Quote cells that hold the delimiter or a line break"
        self.note(number, "ragged_row", f"{cells} cells, the header has {width}", mend)


def _filled(cells: Sequence[str]) -> bool:
    return any(cell and not cell.isspace() for cell in cells)
