"""What a header and a cell of any table say: repeated names, and flags."""

import math
from collections.abc import Sequence
from typing import Any

from volfid.core.exits import DataError

MAX_COLUMNS = 20_000
_FLAGS = {
    "": False, "0": False, "false": False, "no": False, "n": False,
    "1": True, "true": True, "yes": True, "y": True,
}  # fmt: skip


def check_columns(name: str, columns: Sequence[str]) -> None:
    """Raise DataError for too many columns, and for names that stand twice (all of them at once)."""
    if len(columns) > MAX_COLUMNS:
        raise DataError(f"{name}, row 1: {len(columns)} columns (at most {MAX_COLUMNS})", mend="Check the delimiter")
    seen: dict[str, int] = {}
    twice = []
    for position, column in enumerate(columns, start=1):
        if column and column in seen:
            twice.append(f"column {column!r} stands twice (columns {seen[column]} and {position})")
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


def flag(value: Any) -> bool | None:
    """True (1, true, yes), False (0, false, no, an empty cell, NaN), or None for a cell that is no flag."""
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, float):
        return False if math.isnan(value) else _FLAGS.get(str(int(value))) if value in (0.0, 1.0) else None
    return _FLAGS.get(str(value).strip().lower()) if isinstance(value, str | int) else None
