"""What a header and a cell of any table say: repeated names, flags, and lists that somebody printed as text."""

import ast
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from volfid.core.exits import DataError

MAX_COLUMNS = 20_000
_FLAGS = {"": False, **dict.fromkeys(("0", "0.0", "false"), False), **dict.fromkeys(("1", "1.0", "true"), True)}
_WORDS = {"n": False, "no": False, "y": True, "yes": True}

_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
# NumPy prints no commas; Python would take two strings side by side for one
_NUMPY = re.compile(rf"\[\s*(?:{_QUOTED})(?:\s+(?:{_QUOTED}))+\s*\]", re.DOTALL)


def check_columns(name: str, columns: Sequence[str]) -> None:
    """Raise DataError for too many columns, and for names that stand twice (all of them at once)."""
    if len(columns) > MAX_COLUMNS:
        raise DataError(f"{name}, row 1: {len(columns)} columns (at most {MAX_COLUMNS})", mend="Check the delimiter")
    seen: dict[str, int] = {}
    twice = []
    for position, column in enumerate(columns, start=1):
        if column and column in seen:
            twice.append(f"column {column[:60]!r} stands twice (columns {seen[column]} and {position})")
        seen.setdefault(column, position)
    if twice:
        more = f"; and {len(twice) - 5} more" if len(twice) > 5 else ""
        raise DataError(f"{name}, row 1: {'; '.join(twice[:5])}{more}", mend="Rename or remove one of them")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of a JSON decoder (`object_pairs_hook`). ValueError for a key that stands twice."""
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return result


def flag(value: Any, words: bool = False) -> bool | None:
    """True (1, true), False (0, false, an empty cell, NaN), or None for a cell that is no flag.

    words: yes, no, y and n are flags, too.
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, float):
        return False if math.isnan(value) else bool(value) if value in (0.0, 1.0) else None
    if not isinstance(value, str | int):
        return None
    text = str(value).strip().lower()
    return _FLAGS.get(text, _WORDS.get(text) if words else None)


def printed_list(text: str) -> list[Any] | None:
    """Items of a list written as JSON, or as Python or NumPy print lists, tuples and sets; None for other text."""
    if text == "set()":
        return []
    if _NUMPY.fullmatch(text):
        return [ast.literal_eval(item) for item in re.findall(_QUOTED, text, re.DOTALL)]
    for parse in (json.loads, _python):
        try:
            items = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(items, (list, tuple, set)):
            return sorted(items, key=str) if isinstance(items, set) else list(items)
    return None


def _python(text: str) -> Any:
    if re.search(r"_\s*_", re.sub(_QUOTED, "_", text, flags=re.DOTALL)):
        raise ValueError("a comma is missing: which strings belong together, nobody can tell")
    return ast.literal_eval(text)
