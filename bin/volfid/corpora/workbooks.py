"""XLSX workbooks as rows: one sheet, by its name or the first that is visible."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from volfid.core.cells import check_columns
from volfid.core.encoding import open_bytes
from volfid.core.exits import DataError, ParameterError, VolfidError

SUFFIXES = (".xlsx", ".xlsm")
SHEET_OPTION = "sheet of a workbook (default the first visible one; several names, separated by commas, for several)"


def sheet_rows(path: Path, wanted: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of one sheet with the numbers that the spreadsheet shows; a cell that a row lacks is None.

    wanted: names, of which the first that the workbook has is read. The header is the first row with two or more
    cells: a title may stand above it. ParameterError for a sheet that is not there, DataError (with the names of the
    sheets) for one without a row, and for what openpyxl, or the archive below it, cannot read.
    """
    import openpyxl

    with open_bytes(path) as file:
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            names = [sheet.title for sheet in book.worksheets]
            visible = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
            chosen = [name for name in wanted if name in names] if wanted else (visible or names)
            if not chosen:
                raise ParameterError(
                    f"{path.name} has no sheet {' or '.join(map(repr, wanted))}; its sheets are {_listed(names)}",
                    mend="Give sheet=NAME",
                )
            sheet = book[chosen[0]]
            sheet.reset_dimensions()  # what a writer stored there may be too small
            header: list[str] = []
            empty = True
            for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
                if not header:
                    named = [str(cell).strip() if cell is not None else "" for cell in cells]
                    if sum(map(bool, named)) > 1:
                        header = named
                        check_columns(path.name, header)
                elif any(cell is not None for cell in cells):
                    empty = False
                    padded = (*map(_plain, cells), *(None,) * (len(header) - len(cells)))
                    yield number, {name: cell for name, cell in zip(header, padded, strict=False) if name}
            if empty:
                raise DataError(
                    f"{path.name}: the sheet {chosen[0]!r} has no row below a header; the sheets are {_listed(names)}",
                    mend="Give sheet=NAME",
                )
        except VolfidError:
            raise
        except Exception as error:  # a damaged archive fails in any layer of the reader, and in its own way
            message = f"{path.name} is not a readable workbook ({type(error).__name__}: {error})"
            raise DataError(message, mend="Save it again as .xlsx, without a password") from error


def other_sheets(path: Path) -> str:
    """What to say of a workbook in whose sheet a column was not found; '' for another file, and for one sheet."""
    if path.suffix.lower() not in SUFFIXES:
        return ""
    import openpyxl

    with open_bytes(path) as file:
        names = [sheet.title for sheet in openpyxl.load_workbook(file, read_only=True).worksheets]
    return f" (its sheets are {_listed(names)}; sheet=NAME chooses one)" if len(names) > 1 else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:20]))


def _plain(cell: Any) -> Any:
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell
