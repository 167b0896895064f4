"""The numbers the report leads with, each taken from the effects; prose states findings of this run only."""

from collections.abc import Iterable, Sequence

from volfid.core.contracts import Row
from volfid.statistics import estimands, intervals
from volfid.statistics.checks import decide, identity_checks
from volfid.statistics.effects import UNDEFINED, Effect, place
from volfid.statistics.outside import caveat
from volfid.statistics.table import PRIMARY, Condition, Context, ScoreTable
from volfid.statistics.words import worth_sentence
from volfid.statistics.worth import real_curve

FIVE_METRIC = ("f1_micro", "tuned")


class Index:
    """Effects by name, context and score; the first of a name wins."""

    def __init__(self, found: Iterable[Effect]):
        self.rows: dict[tuple, Effect] = {}
        for effect in found:
            self.rows.setdefault((effect.name, effect.context, effect.metric, effect.threshold), effect)

    def get(self, name: str, context: Context | None, metric: str, threshold: str) -> Effect | None:
        """The effect, or None when it was not planned."""
        return self.rows.get((name, context, metric, threshold))


def number_of(effect: Effect | None) -> Row:
    """Estimate and limits as JSON; a null has its reason."""
    if effect is None:
        return {"estimate": None, "ci_low": None, "ci_high": None, "n": 0, "verdict": UNDEFINED, "note": "not planned"}
    estimate = effect.estimate
    return {
        "estimate": estimate.value, "ci_low": estimate.low, "ci_high": estimate.high, "n": estimate.n,
        "verdict": effect.verdict, "note": estimate.note,
    }  # fmt: skip


def make_findings(found: Sequence[Effect], table: ScoreTable, cells: Sequence[Row], plan: Row) -> Row:
    """The findings object."""
    index = Index(found)
    undecided = decide(found, table)
    return {
        "headline": {**headline(index, table, cells, plan), "undecided": undecided},
        "five_figures": five_figures(index, table),
        "attribution": attribution(found),
        "curve": curve(table),
        "identity_checks": identity_checks(found, table),
        "decide": [row["sentence"] for row in undecided],
    }


def headline(index: Index, table: ScoreTable, cells: Sequence[Row], plan: Row) -> Row:
    """Worth, content efficiency, cost and a sentence for each classifier, regime, M and method.

    The first line is the primary classifier in its largest regime. `metric` and `threshold` name the score.
    """
    metric, threshold = PRIMARY
    items = []
    for context in sorted(table.contexts(["St"]), key=_largest_first):
        worth = index.get("worth_further_documents", context, metric, threshold)
        total = index.get("worth_documents", context, metric, threshold)
        efficiency = index.get("content_efficiency", context, metric, threshold)
        gain = index.get("gain_tuned", context, metric, threshold)
        items.append({
            "classifier": context.classifier, "regime": context.regime, "added": context.added,
            "generator": context.source.generator, "method": context.source.method,
            "label_plan": context.source.label_plan, "worth_further_documents": number_of(worth),
            "worth_documents": number_of(total), "content_efficiency": number_of(efficiency),
            "gain": number_of(gain), "cost": cost(plan, cells, context), "caveat": caveat(context, plan),
            "sentence": worth_sentence(context, worth, gain, caveat(context, plan)),
        })  # fmt: skip
    first = items[0] if items else {}
    return {
        "metric": metric,
        "threshold": threshold,
        "items": items,
        "verdict": first["worth_further_documents"]["verdict"] if first else UNDEFINED,
        **{key: first.get(key) for key in ("classifier", "regime", "added", "generator", "method", "caveat")},
        "sentence": first.get(
            "sentence", "No tuned arm with synthetic text was planned, so its worth is not estimated."
        ),
    }


def _largest_first(context: Context) -> tuple:
    return (context.classifier != "mlp", context.classifier, -context.regime, context.added, context.source or ())


def cost(plan: Row, cells: Sequence[Row], context: Context) -> Row:
    """Tokens and generator seconds of one pool: the plan's estimate shared equally by its pools."""
    pools = {cell["pool_id"] for cell in cells if cell["pool_id"]}
    estimate = plan["estimate"]
    tokens, seconds = estimate.get("tokens"), (estimate.get("seconds") or {}).get("generation")
    if context.source is None or not estimate.get("requests") or not pools:
        return {
            "tokens_per_pool": None,
            "generator_seconds_per_pool": None,
            "basis": "no text is generated in this run",
        }
    return {
        "tokens_per_pool": None if tokens is None else round(tokens / len(pools)),
        "generator_seconds_per_pool": None if seconds is None else round(seconds / len(pools), 1),
        "basis": "estimate of the plan, shared equally by its pools; not measured",
    }


def five_figures(index: Index, table: ScoreTable) -> list[Row]:
    """R0, R1, Pd, S and the worth at the tuned threshold: `mlp` where it is, the largest regime that has them."""
    metric, threshold = FIVE_METRIC
    # a run without synthetic text still has the volume control to show
    options = sorted(table.contexts(["S"]) or table.contexts(["R1", "Pd"]), key=_largest_first)
    chosen = next((c for c in options if all(table.locate(arm, c) for arm in ("R0", "R1", "Pd"))), None)
    chosen = chosen or next(iter(options), None)
    if chosen is None:
        return [
            _figure(name, intervals.undefined("not planned"), "F1", None) for name in ("R0", "R1", "Pd", "S", "worth")
        ]
    made = []
    for arm in ("R0", "R1", "Pd", "S"):
        condition = table.locate(arm, chosen) or _other_size(table, arm, chosen)
        if condition is None:
            made.append(_figure(arm, intervals.undefined("not planned"), "F1", chosen))
            continue
        estimate = estimands.mean_of(table, condition, metric, threshold)
        if condition.added not in (0, chosen.added):
            estimate = estimate.noted(f"with M = {condition.added}, not {chosen.added}")
        made.append(_figure(arm, estimate, "F1", chosen))
    worth = index.get("worth_further_documents", chosen, metric, threshold)
    estimate = worth.estimate if worth else intervals.undefined("no tuned arm with synthetic text was planned")
    made.append(_figure("worth", estimate, "further real documents", chosen))
    return made


def _other_size(table: ScoreTable, arm: str, context: Context) -> Condition | None:
    """The same arm of real rows with another M, smallest first."""
    found = [
        c
        for c in table.conditions
        if (c.classifier, c.arm, c.regime, c.source) == (context.classifier, arm, context.regime, None)
    ]
    return min(found, key=lambda c: c.added, default=None)


def _figure(name: str, estimate: intervals.Estimate, unit: str, context: Context | None) -> Row:
    source = context.source if context else None
    return {
        "name": name, "value": estimate.value, "ci_low": estimate.low, "ci_high": estimate.high, "unit": unit,
        "n": estimate.n, "note": estimate.note, "metric": FIVE_METRIC[0], "threshold": FIVE_METRIC[1],
        "classifier": context.classifier if context else None, "regime": context.regime if context else None,
        "added": context.added if context else None, "generator": source.generator if source else None,
        "method": source.method if source else None,
    }  # fmt: skip


def attribution(found: Sequence[Effect]) -> Row:
    """Shapley averages and interactions by context, the volume effect, and the paper's split."""
    groups: dict[tuple, list[Effect]] = {}
    for effect in found:
        if effect.name.startswith(("shapley_", "share_", "alone_", "interaction_", "attribution_")):
            groups.setdefault((effect.context, effect.metric, effect.threshold), []).append(effect)
    factorial = [
        {**place(context), "metric": metric, "threshold": threshold,
         "effects": {effect.name: number_of(effect) for effect in members}}
        for (context, metric, threshold), members in groups.items()
    ]  # fmt: skip
    return {
        "factorial": factorial,
        "volume": _listed(
            found,
            (
                "volume_total",
                "volume_updates",
                "volume_updates_share",
                "volume_resampling",
                "head_start",
                "head_start_share",
            ),
        ),
        "paper_split": _listed(found, (*estimands.SPLIT_NAMES[True],)),
        "paper_split_note": estimands.REPLICATION_NOTE,
    }


def _listed(found: Sequence[Effect], names: tuple[str, ...]) -> list[Row]:
    return [
        {"effect": e.name, **place(e.context), "metric": e.metric, "threshold": e.threshold, **number_of(e)}
        for e in found if e.name in names
    ]  # fmt: skip


def curve(table: ScoreTable) -> list[Row]:
    """The real learning curve (tuned real-only arm) at the primary score."""
    metric, threshold = PRIMARY
    rows = []
    for classifier in table.classifiers:
        for size, values in real_curve(table, classifier, metric, threshold).items():
            estimate = intervals.single_mean([values[draw] for draw in sorted(values)], metric)
            rows.append({
                "classifier": classifier, "size": size, "mean": estimate.value, "ci_low": estimate.low,
                "ci_high": estimate.high, "n": estimate.n, "metric": metric, "threshold": threshold,
            })  # fmt: skip
    return rows
