"""One table of all scores, and what is missing with its reason."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from volfid.core.contracts import Row
from volfid.core.exits import DataError
from volfid.core.schemas import CONTRACTS

NO_RESULT = "no result"


def check_planned(cells: Iterable[Row], scores: Iterable[Row]) -> None:
    """Raise DataError (65) for a score of a cell that is not in the plan."""
    planned = {cell["cell_id"] for cell in cells}
    for number, row in enumerate(scores, start=1):
        if row["cell_id"] not in planned:
            raise DataError(
                f"scores.parquet, row {number} of all parts, field 'cell_id': {row['cell_id']!r} is not a planned cell",
                mend="The scores belong to another plan; use the cells.jsonl they were made with",
            )


def unite_counts(parts: Sequence[pa.Table], cells: Iterable[Row]) -> dict[str, pa.ChunkedArray | list]:
    """Columns of counts.parquet of all parts, sorted by key.

    Raise DataError (65) for a cell that is not planned, a key that comes twice, and cells that were
    tested on different numbers of documents.
    """
    names = CONTRACTS["counts"].arrow_schema().names
    if not parts:
        return {name: [] for name in names}
    table = pa.concat_tables(parts).sort_by([("cell_id", "ascending"), ("threshold", "ascending")])
    unplanned = sorted(set(table["cell_id"].to_pylist()) - {cell["cell_id"] for cell in cells})
    if unplanned:
        raise DataError(
            f"counts.parquet (all parts), field 'cell_id': {unplanned[0]!r} is not a planned cell",
            mend="The counts belong to another plan; use the cells.jsonl they were made with",
        )
    keys = list(zip(table["cell_id"].to_pylist(), table["threshold"].to_pylist(), strict=True))
    twice = next((key for key, after in pairwise(keys) if key == after), None)
    if twice:
        raise DataError(f"counts.parquet (all parts) repeats the key {twice}", mend="Pass every part once")
    lengths = {
        length for name in ("tp", "fp", "fn") for length in pc.unique(pc.list_value_length(table[name])).to_pylist()
    }
    if len(lengths) > 1:
        raise DataError(
            f"counts.parquet (all parts) holds cells with {min(lengths)} and with {max(lengths)} test documents",
            mend="All cells of a run are tested on the same documents",
        )
    return {name: table[name] for name in names}


def unite_gaps(parts: Iterable[Iterable[Row]]) -> list[Row]:
    """Gaps of all stages, one row for each subject and stage.

    Several tasks may name the same gap; differing reasons are joined in sorted order, so that the
    result does not depend on the order of the parts.
    """
    found: dict[tuple[str, str], list[Row]] = {}
    for part in parts:
        for row in part:
            found.setdefault((row["subject"], row["stage"]), []).append(row)
    united = []
    for key in sorted(found):
        rows = sorted(found[key], key=lambda row: (row["reason"], str(row["wanted"]), str(row["got"])))
        reasons = sorted({row["reason"] for row in rows})
        united.append({**rows[0], "reason": "; ".join(reasons)})
    return united


def make_status(cells: Iterable[Row], scores: Iterable[Row], gaps: Iterable[Row]) -> Row:
    """The status object: every planned cell is scored, or listed as missing with a reason.

    A reason comes from the gap of the cell itself, else of its training set, else of its pool.
    The run is complete when no cell is missing but those that only optional blocks use.
    """
    scored = {row["cell_id"] for row in scores}
    reason: dict[str, str] = {}
    for row in gaps:
        text = _reason(row)
        reason[row["subject"]] = f"{reason[row['subject']]}; {text}" if row["subject"] in reason else text
    listed = sorted(cells, key=lambda cell: cell["cell_id"])
    missing = [
        {"cell_id": cell["cell_id"], "arm": cell["arm"], "reason": _why(cell, reason), "optional": cell["optional"]}
        for cell in listed
        if cell["cell_id"] not in scored
    ]
    complete = all(gap["optional"] for gap in missing)
    return {"complete": complete, "planned": len(listed), "done": len(listed) - len(missing), "missing": missing}


def _reason(row: Mapping[str, Any]) -> str:
    counts = f" (wanted {row['wanted']}, got {row['got']})" if row["wanted"] is not None else ""
    return f"{row['stage']}: {row['reason']}{counts}"


def _why(cell: Row, reason: Mapping[str, str]) -> str:
    for field in ("cell_id", "trainset_id", "pool_id"):
        if cell[field] is not None and cell[field] in reason:
            return reason[cell[field]]
    return NO_RESULT
