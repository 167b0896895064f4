"""The first visible sheet with a table, of an XLSX workbook, as rows with the numbers that the spreadsheet shows."""

import re
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import openpyxl
from openpyxl.utils import get_column_letter, range_boundaries

from volfid.core.exits import DataError, InputMissingError, VolfidError
from volfid.inputs.faults import Fault, some
from volfid.inputs.readers import Row, unpacked

MAX_UNPACKED = 4 << 30
_LOOKED_AT = 100  # rows of a further sheet, to see whether it is empty
_OLE = b"\xd0\xcf\x11\xe0"
_MERGE = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+\d+:[A-Z]+\d+)"')
_LINE_END = re.compile(r"_x000D_\n?", re.IGNORECASE)
_SAVE = "Open it in a spreadsheet program and save it as XLSX without a password, or as CSV (UTF-8)"


def _cells(part: Path, first: int, values: bool, warnings: list[str] | None = None) -> Iterator[tuple[Any, ...]]:
    """Rows of cells from row `first` on; `values`: what formulas last gave, else cells that tell a formula.

    warnings: takes a line that names the other visible sheets with cells.

    DataError for anything that openpyxl, or the archive below it, cannot read.
    """
    if not part.is_file():
        raise InputMissingError(f"input file {part.name} does not exist", mend="Check the path")
    with unpacked(part) as file:
        if file.read(4) == _OLE:
            raise DataError(f"{part.name} is an old .xls file or has a password, not XLSX", mend=_SAVE)
        file.seek(0)
        try:
            with zipfile.ZipFile(file) as archive:
                size = sum(member.file_size for member in archive.infolist())
                if size > MAX_UNPACKED:
                    message = f"{part.name} unpacks to {size:,} bytes (at most {MAX_UNPACKED:,})"
                    raise DataError(message, mend="Save it as CSV (UTF-8)")
                if not values and not _has_formula(archive):
                    return
            book = openpyxl.load_workbook(file, read_only=True, data_only=values)
            sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
            if not sheets:
                raise DataError(f"{part.name} has no sheet of cells", mend=_SAVE)
            chosen = _first_table(sheets)
            if warnings is not None:
                warnings += _merged(part, file, chosen)
                warnings += _others(part, chosen.title, [sheet for sheet in sheets if sheet is not chosen])
            chosen.reset_dimensions()  # what a writer stored there may be too small
            yield from chosen.iter_rows(min_row=first, values_only=values)
        except VolfidError:
            raise
        except Exception as error:  # a damaged archive fails in any layer of the reader, and in its own way
            message = f"{part.name} is not a readable XLSX workbook ({type(error).__name__}: {error})"
            raise DataError(message, mend=_SAVE) from error


def _first_table(sheets: list[Any]) -> Any:
    """The first sheet with two cells in a row; else the first with one."""
    widths = ((sheet, _width(sheet)) for sheet in sheets)
    with_cells = []
    for sheet, width in widths:
        if width > 1:
            return sheet
        if width:
            with_cells.append(sheet)
    return [*with_cells, *sheets][0]


def _width(sheet: Any) -> int:
    """The most cells that a row among the first ones has."""
    sheet.reset_dimensions()
    rows = islice(sheet.iter_rows(values_only=True), _LOOKED_AT)
    return max((sum(cell is not None for cell in row) for row in rows), default=0)


def _others(part: Path, read: str, sheets: list[Any]) -> list[str]:
    filled = [sheet.title for sheet in sheets if _width(sheet)]
    if not filled:
        return []
    return [f"{part.name}: the sheet {read!r} was read, and {len(filled)} further sheets were not: {some(filled)}"]


def _merged(part: Path, file: IO[bytes], sheet: Any) -> list[str]:
    """A line on cells that are merged over several rows: the rows below the first one read as empty there."""
    found: list[str] = []
    before = b""
    with zipfile.ZipFile(file) as archive, archive.open(sheet._worksheet_path.lstrip("/")) as stream:
        while block := stream.read(1 << 20):
            text = before + block
            places = list(_MERGE.finditer(text))
            found += [match[1].decode() for match in places]
            before = text[max(places[-1].end() if places else 0, len(text) - 100) :]
    high = [cells for cells in found if (bounds := range_boundaries(cells))[3] > bounds[1]]
    if not high:
        return []
    high.sort(key=lambda cells: range_boundaries(cells)[1])
    more = f" and {len(high) - 5} more" if len(high) > 5 else ""
    return [
        f"{part.name}: cells are merged over several rows ({', '.join(high[:5])}{more}); all rows of each but the "
        "first read as empty there. Unmerge them and fill the rows where they hold labels or texts"
    ]


def sheet_header(part: Path, warnings: list[str] | None = None, named: bool = True) -> list[str]:
    """The names of the columns; DataError when there are none. They are those of row 1, or where a title of one cell
    stands above the table, of the first row with two cells or more; numbers when not `named`.

    warnings: takes a line about sheets that are not read, and about rows above the header.
    """
    row, cells = _begin(part, warnings)
    if not any(cell is not None for cell in cells):
        raise DataError(
            f"{part.name}, row 1: the sheet is empty",
            mend="Put the table on the first sheet, the names of its columns in row 1",
        )
    if warnings is not None and row > 1:
        what = "the names of the columns were taken from" if named else "the first document is in"
        warnings.append(f"{part.name}: {what} row {row}; the rows above it were not read")
    if not named:
        return [str(place) for place in range(1, len(cells) + 1)]
    return ["" if cell is None else str(_plain(cell)).strip() for cell in cells]


def _begin(part: Path, warnings: list[str] | None = None) -> tuple[int, tuple[Any, ...]]:
    """The first row of the table, with its number: the first with two cells or more, else the first with one."""
    single: tuple[int, tuple[Any, ...]] = (1, ())
    for number, cells in enumerate(islice(_cells(part, 1, True, warnings), _LOOKED_AT), start=1):
        filled = sum(cell is not None for cell in cells)
        if filled > 1:
            return number, cells
        if filled and not single[1]:
            single = (number, cells)
    return single


def sheet_rows(part: Path, faults: list[Fault], named: bool = True) -> Iterator[tuple[str, int, Row]]:
    """Rows below the header; a formula counts as the value that was stored with it, without one it is a fault."""
    columns = sheet_header(part, None, named)
    first = _begin(part)[0] + named
    formulas = _formulas(part, columns, first)
    for number, cells in enumerate(_cells(part, first, values=True), start=first):
        if all(cell is None for cell in cells) and number not in formulas:
            continue
        beyond = next((place for place in range(len(columns), len(cells)) if cells[place] is not None), None)
        if beyond is not None:
            where = f"{get_column_letter(beyond + 1)}{number}"
            detail = f"the cell {where} stands right of the last column of the header"
            mend = f"Give its column a name in row {first - 1}" if named else "Leave one number of cells in all rows"
            faults.append(Fault(part.name, number, "ragged_row", detail, mend=mend))
            continue
        row = {column: _plain(cell) for column, cell in zip(columns, cells, strict=False) if column}
        for column, formula in formulas.get(number, {}).items():
            if row.get(column) is None:
                detail = f"the formula {formula[:60]!r} has no stored value"
                mend = "Open and save the workbook in a spreadsheet program, or paste values over the formulas"
                faults.append(Fault(part.name, number, "formula", detail, field=column, mend=mend))
        yield part.name, number, row


def _formulas(part: Path, columns: list[str], first: int) -> dict[int, dict[str, str]]:
    """Formula cells by row and column; the sheet is read a second time only when the workbook holds one."""
    found: dict[int, dict[str, str]] = {}
    for number, cells in enumerate(_cells(part, first, values=False), start=first):
        for column, cell in zip(columns, cells, strict=False):
            if column and cell.value is not None and cell.data_type == "f":
                found.setdefault(number, {})[column] = str(cell.value)
    return found


def _has_formula(archive: zipfile.ZipFile) -> bool:
    for name in archive.namelist():
        if not name.startswith("xl/worksheets/") or not name.endswith(".xml"):
            continue
        before = b""
        with archive.open(name) as stream:
            while block := stream.read(1 << 20):
                if b"<f>" in before + block or b"<f " in before + block:
                    return True
                before = block[-3:]
    return False


def _plain(cell: Any) -> Any:
    """Whole numbers as integers, as the sheet shows them; error values (#REF!) are text as they stand, without the
    line ends that some writers put as _x000D_."""
    if isinstance(cell, str):
        return _LINE_END.sub("\n", cell) if "_x000" in cell else cell
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell
