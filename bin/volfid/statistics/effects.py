"""Rows of effects.parquet: estimates in their context, Holm within families, verdicts."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from volfid.core.contracts import Row
from volfid.statistics import intervals, several
from volfid.statistics.intervals import ALPHA, EQUIVALENCE_BOUNDS, LEVEL, Estimate, join_notes
from volfid.statistics.table import Context, Paired, ScoreTable, source_note

POSITIVE, NEGATIVE = "positive", "negative"
CANNOT_DECIDE, IDENTITY_HOLDS, UNDEFINED, VALUE = "cannot decide", "identity holds", "undefined", "value"
DIFFERENCE, RATIO, IDENTITY, MEAN, WORTH = "difference", "ratio", "identity", "mean", "worth"
DECIDED = "decided"
# Main effects whose note gives standardised sizes.
WITH_SIZES = frozenset({"gain_tuned", "ceiling_tuned", "synthetic_over_updates", "paper_total", "paper_content"})


@dataclass(frozen=True)
class Effect:
    """One estimate. `kind` decides the verdict: difference (Holm), ratio and worth (interval), identity (TOST), mean;
    one that is `decided` brings its own, with the level of its interval.

    `side` is the sign of a worth that lies wholly outside the measured curve.
    """

    name: str
    estimand: str
    contrast: str
    context: Context | None
    metric: str
    threshold: str
    estimate: Estimate
    kind: str = DIFFERENCE
    holds: bool | None = None
    side: int = 0
    unit: str = "draws"
    p_adjusted: float | None = None
    verdict: str = UNDEFINED
    level: float = LEVEL

    @property
    def family(self) -> tuple[str, str, str, str]:
        """Holm's family: one effect under one score and classifier, over regimes, M, generators and methods."""
        return self.name, self.metric, self.threshold, self.context.classifier if self.context else ""


def parse_contrast(text: str) -> dict[str, int]:
    """'S - R0' as {'S': 1, 'R0': -1}; arms are separated by ' + ' and ' - '."""
    weights: dict[str, int] = {}
    sign = 1
    for part in text.split():
        if part in ("+", "-"):
            sign = 1 if part == "+" else -1
        else:
            weights[part] = weights.get(part, 0) + sign
    return weights


def combine(weights: Mapping[str, int], values: Mapping[str, object]):
    """Per-draw values of a contrast."""
    return sum(weight * values[arm] for arm, weight in weights.items())


def difference(
    table: ScoreTable, name: str, estimand: str, contrast: str, context: Context, metric: str, threshold: str,
    remark: str | None = None,
) -> Effect:  # fmt: skip
    """A contrast of arms with its t interval over draws."""
    weights = parse_contrast(contrast)
    paired = table.paired(weights, context, metric, threshold)
    estimate = intervals.mean_interval(combine(weights, paired.values) if paired.draws else [])
    if paired.missing:
        estimate = replace(estimate, note=None)
    sizes = effect_sizes(paired, weights) if name in WITH_SIZES else None
    estimate = estimate.noted(paired.note, sizes, remark, source_note(context.source))
    return Effect(name, estimand, contrast, context, metric, threshold, estimate)


def effect_sizes(paired: Paired, weights: Mapping[str, int]) -> str | None:
    """Standardised sizes and the signed-rank p of a contrast of two arms; None below two draws or without spread."""
    if len(paired.draws) < 2 or len(weights) != 2:
        return None
    values = combine(weights, paired.values)
    dz, p = several.paired_dz(values), several.signed_rank_p(values)
    g = several.hedges_g(*(paired.values[arm] for arm in weights))
    return None if dz is None or g is None else f"dz {dz:.2f}, Hedges g {g:.2f}, signed-rank p {p:.2g}"


def ratio(
    table: ScoreTable, name: str, estimand: str, top: str, bottom: str, context: Context, metric: str, threshold: str,
    remark: str | None = None,
) -> Effect:  # fmt: skip
    """A ratio of two contrasts with Fieller's interval over draws."""
    above, below = parse_contrast(top), parse_contrast(bottom)
    paired = table.paired([*above, *below], context, metric, threshold)
    contrast = f"({top}) / ({bottom})"
    if paired.draws:
        estimate = intervals.fieller(combine(above, paired.values), combine(below, paired.values))
    else:
        estimate = intervals.undefined(paired.note or "no draw has all arms")
    estimate = estimate.noted(paired.note, remark, source_note(context.source))
    return Effect(name, estimand, contrast, context, metric, threshold, estimate, RATIO)


def identity(
    table: ScoreTable, name: str, estimand: str, contrast: str, context: Context, metric: str, threshold: str
) -> Effect:
    """A contrast that must be zero: it holds when the equivalence test at the narrow bound succeeds."""
    plain = difference(table, name, estimand, contrast, context, metric, threshold)
    weights = parse_contrast(contrast)
    paired = table.paired(weights, context, metric, threshold)
    if len(paired.draws) < 2:
        return replace(plain, kind=IDENTITY)
    values = combine(weights, paired.values)
    tests = [intervals.tost(values, bound) for bound in EQUIVALENCE_BOUNDS]
    uneven = (
        "M is not a multiple of n, so some documents have one copy more" if context.added % context.regime else None
    )
    remark = join_notes(uneven, equivalence_words(tests))
    return replace(plain, kind=IDENTITY, holds=tests[0].holds, estimate=plain.estimate.noted(remark))


def equivalence_words(tests: list[intervals.Equivalence]) -> str:
    """Power first, then the result of each bound."""
    return "equivalence: " + ", ".join(
        f"power {test.power:.0%} and p {test.p:.2g} at {test.bound:g}" for test in tests if test.p is not None
    )


def equivalence_remark(table: ScoreTable, contrast: str, context: Context, metric: str, threshold: str) -> str | None:
    """Result of the equivalence tests of a contrast in words; None below two draws."""
    weights = parse_contrast(contrast)
    paired = table.paired(weights, context, metric, threshold)
    if len(paired.draws) < 2:
        return None
    values = combine(weights, paired.values)
    return equivalence_words([intervals.tost(values, bound) for bound in EQUIVALENCE_BOUNDS])


def decide(effects: list[Effect]) -> list[Effect]:
    """Adjust p within families (Holm) and give every effect its verdict."""
    families: dict[tuple, list[int]] = defaultdict(list)
    for index, effect in enumerate(effects):
        if effect.kind == DIFFERENCE and effect.estimate.p is not None:
            families[effect.family].append(index)
    adjusted: dict[int, float] = {}
    for members in families.values():
        adjusted |= dict(zip(members, intervals.holm([effects[i].estimate.p for i in members]), strict=True))
    return [_with_verdict(effect, adjusted.get(index)) for index, effect in enumerate(effects)]


def _with_verdict(effect: Effect, adjusted: float | None) -> Effect:
    estimate = effect.estimate
    if effect.kind == DECIDED:
        return effect
    if effect.kind == MEAN:
        return replace(effect, verdict=UNDEFINED if estimate.value is None else VALUE)
    nothing = estimate.value is None and estimate.low is None and estimate.high is None
    if estimate.n < 2 or (nothing and effect.kind != WORTH):
        return replace(effect, verdict=UNDEFINED, p_adjusted=adjusted)
    if effect.kind == IDENTITY and effect.holds:
        return replace(effect, verdict=IDENTITY_HOLDS)
    verdict = _side(estimate, effect.side)
    if effect.kind == DIFFERENCE and verdict != CANNOT_DECIDE and adjusted is not None and adjusted >= ALPHA:
        remark = f"the interval leaves out zero, but Holm's p is {adjusted:.2g}"
        return replace(effect, verdict=CANNOT_DECIDE, p_adjusted=adjusted, estimate=estimate.noted(remark))
    return replace(effect, verdict=verdict, p_adjusted=adjusted)


def _side(estimate: Estimate, side: int) -> str:
    """Which side of zero the whole interval lies on; a null limit is open."""
    if side > 0 or (estimate.low is not None and estimate.low > 0):
        return POSITIVE
    if side < 0 or (estimate.high is not None and estimate.high < 0):
        return NEGATIVE
    return CANNOT_DECIDE


def to_row(effect: Effect, corpus: str) -> Row:
    """A row of the contract `effects`."""
    context, estimate = effect.context, effect.estimate
    source = context.source if context else None
    return {
        "effect": effect.name, "estimand": effect.estimand, "contrast": effect.contrast,
        "regime": context.regime if context else None, "added": context.added if context else None,
        "generator": source.generator if source else None, "method": source.method if source else None,
        "classifier": (context.classifier or None) if context else None,
        "metric": effect.metric, "threshold": effect.threshold,
        "estimate": estimate.value, "ci_low": estimate.low, "ci_high": estimate.high, "level": effect.level,
        "p": estimate.p, "p_adjusted": effect.p_adjusted, "n": estimate.n, "unit": effect.unit,
        "interval": estimate.interval, "verdict": effect.verdict,
        "note": join_notes(estimate.note), "corpus": corpus,
    }  # fmt: skip


def place(context: Context | None) -> Row:
    """Classifier, sizes, generator and method of a context."""
    source = context.source if context else None
    return {
        "classifier": context.classifier if context else None, "regime": context.regime if context else None,
        "added": context.added if context else None, "generator": source.generator if source else None,
        "method": source.method if source else None,
    }  # fmt: skip
