"""What a generation job cost and gave: tokens, acceptance, reasons."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from volfid.core.shares import wilson

SHARE = 0.1  # of a pool dropped for one reason, or of questions without an answer: from here it is told
ROOM = "raise sampling.{method}.max_tokens of the design"
SWITCH = "switch it off (chat.template_arguments {{enable_thinking: false}}, or server.body)"
MENDS = {
    "truncated": f"the answers are longer than their budget; {ROOM}",
    "reasoning": f"the model reasons before it answers; {SWITCH}, or {ROOM}",
    "refusal": "the model will not write this; try another model or another prompt",
    "lead_in": "the model announces the text and does not write it; try another model",
    "too_short": "lower words of the design's pool, or try another model",
    "too_long": "raise words of the design's pool, or try another model",
}


def warnings(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each method and reason for which more than `SHARE` of a pool is dropped."""
    pools: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        pools[row["pool_id"]].append(row)
    met: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    for name in sorted(pools):
        first = pools[name][0]
        for reason, count in _counts(pools[name])["given_up"].items():
            if count > SHARE * len(pools[name]):
                met[first["generator"], first["method"], reason].append((count, len(pools[name])))
    return [_warning(*key, parts) for key, parts in sorted(met.items())]


def _warning(generator: str, method: str, reason: str, parts: Sequence[tuple[int, int]]) -> str:
    dropped, asked = (sum(part[index] for part in parts) for index in (0, 1))
    where = "" if len(parts) == 1 else f" in {len(parts)} pools"
    mend = MENDS.get(reason, "see counts in its manifest.json").format(method=method)
    return f"{generator}, {method}: {dropped} of {asked} documents{where} dropped as {reason}: {mend}"


def unanswered(generator: str, failures: int, questions: int) -> list[str]:
    """A line where more than `SHARE` of the yes/no questions were answered by neither."""
    if not questions or failures <= SHARE * questions:
        return []
    why = f"does the model reason before it answers? Then {SWITCH}".format()
    return [f"{generator}: {failures} of {questions} questions answered by neither yes nor no: {why}"]


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
