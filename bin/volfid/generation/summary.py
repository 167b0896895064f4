"""What a generation job cost and gave: tokens, acceptance, reasons."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from volfid.core.shares import wilson


def summarise(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts for the manifest, over all rows and by pool."""
    pools = defaultdict(list)
    for row in rows:
        pools[row["pool_id"]].append(row)
    return _counts(rows) | {"pools": {name: _counts(pools[name]) for name in sorted(pools)}}


def _counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    accepted = [row for row in rows if row["text"] is not None]
    completion = sum(row["tokens_completion"] for row in rows)
    return {
        "requests": len(rows),
        "accepted": len(accepted),
        "acceptance": len(accepted) / len(rows) if rows else None,
        "acceptance_ci95": wilson(len(accepted), len(rows)),
        "accepted_at_first_attempt": sum(row["attempts"] == 1 for row in accepted),
        "attempts": sum(row["attempts"] for row in rows),
        "attempts_refused": _count(reason for row in rows for reason in row["attempt_reasons"]),
        "given_up": _count(row["reject_reason"] for row in rows if row["text"] is None),
        "tokens_prompt": sum(row["tokens_prompt"] for row in rows),
        "tokens_completion": completion,
        "tokens_discarded": sum(row["tokens_discarded"] for row in rows),
        "tokens_per_accepted": completion / len(accepted) if accepted else None,
    }


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
