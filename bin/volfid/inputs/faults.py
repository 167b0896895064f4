"""Rows that cannot be used: which stop the command, which are dropped and counted."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from volfid.core.exits import DataError

SHOWN = 5


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
        return f"row {self.row}" + (f", field {self.field!r}" if self.field else "") + f": {self.detail}"


class InputFaults(DataError):
    """Rows that stop the command (exit 65); `rejects` holds all of them for rejects.jsonl."""

    def __init__(self, faults: Iterable[Fault]):
        found = sorted(faults, key=lambda fault: (fault.file, fault.row, fault.reason))
        first = found[0]
        shown = [fault for fault in found if fault.file == first.file][:SHOWN]
        listing = "; ".join(map(str, shown))
        rest = len(found) - len(shown)
        super().__init__(
            f"{first.file}, {listing}" + (f"; and {rest} more, all in rejects.jsonl" if rest else ""), mend=first.mend
        )
        self.rejects = reject_rows(found)


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
