"""Rows that cannot be used: which stop the command, which are dropped and counted."""

import difflib
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from volfid.core.cells import shown
from volfid.core.exits import DataError

SHOWN = 5
_SHORT = 20


@dataclass(frozen=True)
class Fault:
    """One refused row. `field` is the column at fault, `mend` what the user can do about it."""

    file: str
    row: int
    reason: str
    detail: str
    doc_id: str | None = None
    field: str | None = None
    mend: str | None = None

    def __str__(self) -> str:
        return f"row {self.row}" + (f", field {shown(self.field)}" if self.field else "") + f": {self.detail}"


class InputFaults(DataError):
    """Rows that stop the command (exit 65), all kinds at once; `rejects` holds every one for rejects.jsonl.

    Of each kind the first five rows are shown, with their number and what mends them.
    """

    def __init__(self, faults: Iterable[Fault]):
        found = sorted(faults, key=lambda fault: (fault.file, fault.row, fault.reason))
        kinds: dict[str, list[Fault]] = {}
        for fault in found:
            kinds.setdefault(fault.reason, []).append(fault)
        lines = [_line(kind) for kind in kinds.values()]
        if len(lines) == 1:
            super().__init__(lines[0].rstrip("."))
        else:
            rows = len({(fault.file, fault.row) for fault in found})
            listing = "\n".join(f"  {line}" for line in lines)
            super().__init__(
                f"{rows} rows cannot be used, for {len(lines)} reasons:\n{listing}\n  All rows are in rejects.jsonl"
            )
        self.mend = found[0].mend
        self.rejects = reject_rows(found)

    def __str__(self) -> str:
        return f"{self.message}."


def _line(kind: list[Fault]) -> str:
    """One kind of fault in words: file, the first rows, how many more, and the mend."""
    first = kind[0]
    shown = [fault for fault in kind if fault.file == first.file][:SHOWN]
    rest = len(kind) - len(shown)
    more = f"; and {rest} more, all in rejects.jsonl" if rest else ""
    mend = f". {first.mend}" if first.mend else ""
    return f"{first.file}, {'; '.join(map(str, shown))}{more}{mend}."


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """' (did you mean ...?)' for the nearest known word, or ''."""
    return _did_you_mean(word, tuple(known))


@functools.lru_cache(maxsize=4096)
def _did_you_mean(word: str, known: tuple[str, ...]) -> str:
    by_case = {item.casefold(): item for item in known}
    near = difflib.get_close_matches(word.casefold(), by_case, n=1, cutoff=0.6)
    return f" (did you mean {shown(by_case[near[0]])}?)" if near else ""


def told(value: Any, name: bool = False) -> str:
    """A value as a message says it where its column may be the wrong one: one of more than 20 characters or three words
    may be a document's text and is described. name: one long word of ASCII is an id and no text."""
    text = value if isinstance(value, str) else str(value)
    word = name and text.isascii() and len(text.split()) == 1
    return (
        shown(text) if word or (len(text) <= _SHORT and len(text.split()) <= 3) else f"a text of {len(text)} characters"
    )


def some(names: Iterable[str], most: int = 10) -> str:
    """The first names in order, quoted, and how many more there are."""
    listed = sorted(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(map(shown, listed[:most])) + more


def reject_rows(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """Rows of the contract `rejects`; faults of one row with the same reason become one row."""
    rows: dict[tuple[str, int, str], dict[str, Any]] = {}
    for fault in faults:
        key = (fault.file, fault.row, fault.reason)
        if key in rows:
            rows[key]["detail"] += f"; {fault.detail}"
        else:
            rows[key] = {
                "file": fault.file, "row": fault.row, "doc_id": fault.doc_id,
                "reason": fault.reason, "detail": fault.detail,
            }  # fmt: skip
    return [rows[key] for key in sorted(rows)]


class Funnel:
    """Rows in and out of each step, in order; the counts sum up by construction."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def step(self, step: str, rows_in: int, rows_out: int) -> None:
        """Note one step."""
        self.rows.append({
            "position": len(self.rows) + 1, "step": step,
            "rows_in": rows_in, "removed": rows_in - rows_out, "rows_out": rows_out,
        })  # fmt: skip
