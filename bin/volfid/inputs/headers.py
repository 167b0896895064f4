"""Whether the first row of a table names its columns, or is a document already."""

import re
from collections.abc import Sequence

_LONG = 60
_WORDS = 8
_VALUE = re.compile(r"[-+]?\d[\d.,:/ -]*%?|\d{4}-\d\d-\d\d.*|[A-Za-z]{0,3}\d{3,}[A-Z0-9]*")
_LISTED = re.compile(r"\w\s*[;|]\s*\w|\[.*\]")
_USUAL = {"id", "doc_id", "text", "title", "abstract", "claims", "label", "labels", "name", "code"}


def no_names(columns: Sequence[str]) -> bool:
    """Whether cells look like those of a document: long text, or mostly numbers, dates and lists of labels; none is
    the usual name of a column."""
    filled = [cell.strip() for cell in columns if cell.strip()]
    if _USUAL & {cell.lower() for cell in filled}:
        return False
    values = sum(bool(_VALUE.fullmatch(cell) or _LISTED.search(cell)) for cell in filled)
    return 2 * values > len(filled) or any(len(cell) > _LONG or len(cell.split()) >= _WORDS for cell in filled)


def all_names(columns: Sequence[str]) -> bool:
    """Whether every cell could be a name, and one is a usual one: a header, whatever was said of it."""
    return bool(_USUAL & {cell.strip().lower() for cell in columns}) and not any(len(cell) > _LONG for cell in columns)
