"""Where supplied rows went: counts by pool and reason, and one sentence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from volfid.core.exits import DataError
from volfid.core.supplied import BROUGHT
from volfid.inputs.faults import Fault
from volfid.inputs.supplied import Given

FEW = 0.1  # share of the rows below which what is left is worth a warning
REASONS = {
    "copy_of_train": "equal a real train text",
    "duplicate_text": "repeat another supplied one",
    "near_duplicate": "nearly repeat another supplied one",
    "near_duplicate_of_test": "nearly equal, quote or rewrite a test document",
    "near_duplicate_of_reference": "nearly equal, quote or rewrite a reference document",
    "source_in_test": "were made from a test document",
    "source_in_reference": "were made from a reference document",
    "no_label": "have no label that is studied",
    "duplicate_id": "have the id of an earlier row",
    "empty_text": "have no text",
    "short_text": "have too few words",
    "long_text": "have too many words",
}


def pool_counts(given: Given, rows: Sequence[Mapping[str, Any]], dropped: Sequence[Fault]) -> list[dict[str, Any]]:
    """Of each pool its names in ids and in the files, rows read and kept, the dropped ones by reason, and in `warning`
    where they went if few are left."""
    called = given.called if given.pools else {(BROUGHT, BROUGHT): next(iter(given.called.values()), (None, None))}
    only = next(iter(called))
    read = Counter(given.pools.get(row.doc_id, only) for row in given.records.rows)
    kept = Counter((row.get("generator", BROUGHT), row.get("method", BROUGHT)) for row in rows)
    reasons = Counter((given.pools.get(str(fault.doc_id), only), fault.reason) for fault in dropped)
    made = [
        {
            "generator": pool[0], "method": pool[1], "called": list(names), "read": read[pool], "kept": kept[pool],
            "dropped": {reason: n for (of, reason), n in sorted(reasons.items()) if of == pool},
        }
        for pool, names in sorted(called.items())
    ]  # fmt: skip
    return [one | {"warning": _few(one)} for one in made]


def where_they_went(read: int, kept: int, dropped: Mapping[str, int]) -> str:
    """'of 5,000 rows 242 are left: 2,967 equal a real train text, ...'."""
    parts = [
        f"{count:,} {REASONS.get(reason, reason.replace('_', ' '))}"
        for reason, count in sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    ]
    left = "none is left" if not kept else f"{kept:,} {'is' if kept == 1 else 'are'} left"
    return f"of {read:,} rows {left}" + (f": {', '.join(parts)}" if parts else "")


def check_left(pools: Sequence[Mapping[str, Any]]) -> list[str]:
    """The warnings of pools of which few rows are left; DataError where none is left of any."""
    total: Counter[str] = Counter()
    for pool in pools:
        total.update(pool["dropped"])
    read, kept = (sum(pool[name] for pool in pools) for name in ("read", "kept"))
    if not kept:
        raise DataError(
            f"no synthetic document can be used: {where_they_went(read, 0, total)}",
            mend="Check that --synthetic is the generated text and has the labels of the real documents",
        )
    return [pool["warning"] for pool in pools if pool["warning"]]


def _few(pool: Mapping[str, Any]) -> str | None:
    if pool["kept"] >= FEW * pool["read"]:
        return None
    names = "" if pool["generator"] == BROUGHT else f" ({', '.join(str(name)[:60] for name in pool['called'])})"
    return f"synthetic documents{names}: {where_they_went(pool['read'], pool['kept'], pool['dropped'])}"
