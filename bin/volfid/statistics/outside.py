"""Supplied text of unknown origin: which estimates may owe something to real documents outside the sample."""

from collections.abc import Sequence
from dataclasses import replace

from volfid.core.contracts import Row
from volfid.core.supplied import UNKNOWN_ORIGIN
from volfid.statistics.effects import Effect
from volfid.statistics.table import Context


def caveat(context: Context, plan: Row) -> str | None:
    """Words for a place whose supplied pool has documents of unknown origin; None where all real documents are in it.

    `plan` is the object plan.json; what it says of supplied pools is made by plan/supplied.py.
    """
    resolved = plan.get("design", {}).get("resolved") or {}
    if context.source is None or not context.source.is_supplied or context.regime >= resolved.get("train_pool", 0):
        return None
    named = (context.source.generator, context.source.method)
    unknown = any(
        pool["unknown"] for pool in resolved.get("supplied") or () if (pool["generator"], pool["method"]) == named
    )
    return UNKNOWN_ORIGIN if unknown else None


def marked(found: Sequence[Effect], plan: Row) -> list[Effect]:
    """The effects, with the caveat in the note of each that it concerns."""
    return [
        replace(effect, estimate=effect.estimate.noted(words))
        if effect.context and (words := caveat(effect.context, plan)) else effect
        for effect in found
    ]  # fmt: skip
