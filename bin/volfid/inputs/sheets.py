"""The first visible sheet of an XLSX workbook, as rows with the numbers that the spreadsheet shows."""

import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl

from volfid.core.exits import DataError, InputMissingError, VolfidError
from volfid.inputs.faults import Fault, some
from volfid.inputs.readers import Row, unpacked

MAX_UNPACKED = 4 << 30
_LOOKED_AT = 100  # rows of a further sheet, to see whether it is empty
_OLE = b"\xd0\xcf\x11\xe0"
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
            if warnings is not None:
                warnings += _others(part, sheets[0].title, sheets[1:])
            sheets[0].reset_dimensions()  # what a writer stored there may be too small
            yield from sheets[0].iter_rows(min_row=first, values_only=values)
        except VolfidError:
            raise
        except Exception as error:  # a damaged archive fails in any layer of the reader, and in its own way
            message = f"{part.name} is not a readable XLSX workbook ({type(error).__name__}: {error})"
            raise DataError(message, mend=_SAVE) from error


def _others(part: Path, read: str, sheets: list[Any]) -> list[str]:
    filled = []
    for sheet in sheets:
        sheet.reset_dimensions()
        if any(cell is not None for row in islice(sheet.iter_rows(values_only=True), _LOOKED_AT) for cell in row):
            filled.append(sheet.title)
    if not filled:
        return []
    return [f"{part.name}: the sheet {read!r} was read, and {len(filled)} further sheets were not: {some(filled)}"]


def sheet_header(part: Path, warnings: list[str] | None = None) -> list[str]:
    """Cells of row 1; DataError when it is empty. `warnings` takes a line about sheets that are not read."""
    cells = next(_cells(part, 1, True, warnings), ())
    if not any(cell is not None for cell in cells):
        raise DataError(
            f"{part.name}, row 1: the first sheet begins with an empty row, or is empty",
            mend="Put the table on the first sheet, its header in row 1",
        )
    return ["" if cell is None else str(_plain(cell)).strip() for cell in cells]


def sheet_rows(part: Path, faults: list[Fault]) -> Iterator[tuple[str, int, Row]]:
    """Rows below the header; a formula counts as the value that was stored with it, without one it is a fault."""
    columns = sheet_header(part)
    formulas = _formulas(part, columns)
    for number, cells in enumerate(_cells(part, 2, values=True), start=2):
        if all(cell is None for cell in cells) and number not in formulas:
            continue
        beyond = next((cell for cell in cells[len(columns) :] if cell is not None), None)
        if beyond is not None:
            detail = f"the cell {str(beyond)[:60]!r} stands right of the last column of the header"
            faults.append(Fault(part.name, number, "ragged_row", detail, mend="Give its column a name in row 1"))
            continue
        row = {column: _plain(cell) for column, cell in zip(columns, cells, strict=False) if column}
        for column, formula in formulas.get(number, {}).items():
            if row.get(column) is None:
                detail = f"the formula {formula[:60]!r} has no stored value"
                mend = "Open and save the workbook in a spreadsheet program, or paste values over the formulas"
                faults.append(Fault(part.name, number, "formula", detail, field=column, mend=mend))
        yield part.name, number, row


def _formulas(part: Path, columns: list[str]) -> dict[int, dict[str, str]]:
    """Formula cells by row and column; the sheet is read a second time only when the workbook holds one."""
    found: dict[int, dict[str, str]] = {}
    for number, cells in enumerate(_cells(part, 2, values=False), start=2):
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
    """Whole numbers as integers, as the sheet shows them; error values (#REF!) are text as they stand."""
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell
