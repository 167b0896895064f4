"""Worth in real documents: the size of the real set with which the tuned classifier reaches a score."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from volfid.statistics import curve, intervals
from volfid.statistics.effects import MEAN, WORTH, Effect
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import MEASURES, Context, ScoreTable, source_note

WORTH_ARMS = (("worth_documents", "St"), ("worth_documents_paired", "Ct"), ("worth_documents_pseudo_labels", "Ut"))


def real_curve(table: ScoreTable, classifier: str, metric: str, threshold: str) -> dict[int, dict[int, float]]:
    """Size to per-draw scores of the tuned real-only arm."""
    found: dict[int, dict[int, float]] = {}
    for condition in table.conditions:
        if condition.classifier == classifier and condition.arm == "Rt" and condition.source is None:
            values = table.series.get((condition, metric, threshold), {})
            if values:
                found[condition.regime] = values
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class RealCurve:
    """Per-draw scores and the real curve on the draws that have both; `reason` says why there is none."""

    sizes: list[int]
    draws: tuple[int, ...]
    curves: np.ndarray
    scores: np.ndarray
    reason: str | None
    remark: str | None


def with_curve(
    table: ScoreTable, arm: str, scores: Mapping[int, float], context: Context, metric: str, threshold: str
) -> RealCurve:
    """`scores` (draw to score) of `arm` beside the real curve of the context's classifier."""
    measured = real_curve(table, context.classifier, metric, threshold)
    draws = sorted(set(scores).intersection(*measured.values())) if measured else []
    reason = remark = None
    if not scores:
        reason = f"no score for {arm}"
    elif len(measured) < 2:
        reason = f"the real learning curve has {len(measured)} sizes: at least 2 are needed"
    elif not draws:
        reason = "no draw has the score and the whole learning curve"
    elif len(draws) < len(scores):
        remark = f"{len(draws)} of {len(scores)} draws have the whole curve"
    curves = np.array([[measured[size][draw] for size in measured] for draw in draws])
    values = np.array([scores[draw] for draw in draws])
    return RealCurve(list(measured), tuple(draws), curves, values, reason, remark)


def worth(table: ScoreTable) -> Iterator[Effect]:
    """Worth in real documents: `worth_documents` is N*, `worth_further_documents` is N* - n.

    `worth_documents_power_law` is the sensitivity: a power law instead of the monotone curve.
    """
    fits: dict[tuple, list] = {}
    for name, arm in WORTH_ARMS:
        for context in table.contexts([arm]):
            note = source_note(context.source)
            for metric, threshold in MEASURES:
                scores = table.draws(arm, context, metric, threshold)
                data = with_curve(table, arm, scores, context, metric, threshold)
                yield from worth_on_curve(data, name, arm, context, metric, threshold, note)
                key = context.classifier, metric, threshold, data.draws
                if data.reason is None and key not in fits:
                    fits[key] = curve.power_law_fits(data.sizes, data.curves)
                yield _power_law(data, fits.get(key), f"{name}_power_law", arm, context, metric, threshold)


def worth_on_curve(
    data: RealCurve, name: str, arm: str, context: Context, metric: str, threshold: str, note: str | None = None
) -> Iterator[Effect]:
    """`name` (worth_documents...) and its twin worth_further_documents..., by test inversion on the monotone curve."""
    found = curve.Worth(None, None, None, 0, data.reason)
    if data.reason is None:
        found = curve.size_with_score(data.sizes, data.curves, data.scores)
    n = len(data.draws) if data.reason is None else 0
    interval = f"test inversion on the real curve, sizes {', '.join(map(str, data.sizes))}" if n > 1 else "none"
    for effect, contrast, less in (
        (name, f"N with Rt(N) = {arm}", 0),
        (name.replace("worth_documents", "worth_further_documents"), f"N with Rt(N) = {arm}, minus n", context.regime),
    ):
        value, low, high = (None if x is None else x - less for x in (found.size, found.low, found.high))
        estimate = Estimate(value, low, high, None, n, interval, found.note).noted(data.remark, note)
        # The total is a size and compares nothing; whether text helps is decided by what is further than n.
        kind = WORTH if less else MEAN
        yield Effect(effect, "1", contrast, context, metric, threshold, estimate, kind, side=found.side)


def _power_law(
    data: RealCurve, fits: list | None, name: str, arm: str, context: Context, metric: str, threshold: str
) -> Effect:
    if data.reason is not None or fits is None:
        estimate = intervals.undefined(data.reason or "no curve")
    else:
        found = curve.power_law_size(fits, data.scores)
        shape = fits[0] and f"a {fits[0].a:.3f}, b {fits[0].b:.3f}, c {fits[0].c:.2f} in a - b (N/1000)^-c"
        how = "jackknife over draws on log N, t" if found.low is not None or found.high is not None else "none"
        estimate = Estimate(found.size, found.low, found.high, None, len(data.draws), how, found.note).noted(shape)
    estimate = estimate.noted("sensitivity", data.remark, source_note(context.source))
    return Effect(name, "1", f"N with a power law through Rt(N) = {arm}", context, metric, threshold, estimate, MEAN)
