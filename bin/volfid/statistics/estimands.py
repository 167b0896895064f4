"""The estimands of ESTIMANDS section 2 as contrasts of arms, each in every context that was planned."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from volfid.statistics import attribution, curve, effects, intervals
from volfid.statistics.effects import MEAN, WORTH, Effect
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import ENCODER_SIDE, MEASURES, Condition, Context, ScoreTable, align, source_note

REPLICATION = ("f1_micro", "fixed_0.5")
REPLICATION_NOTE = "replication of the paper's two-term split; its order is a choice, not a finding"
# estimand, effect, contrast
DIFFERENCES = (
    ("1", "gain_tuned", "St - Rt"),
    ("1", "gain_tuned_paired", "Ct - Rt"),
    ("1", "ceiling_tuned", "RMt - Rt"),
    ("1", "gain_over_copies_tuned", "St - PLt"),
    ("2", "volume_total", "Pd - R0"),
    ("2", "volume_updates", "R1 - R0"),
    ("2", "volume_resampling", "Pd - R1"),
    ("2", "head_start", "R0b - R0"),
    ("2", "synthetic_over_updates", "S - R1"),
    ("4", "dilution", "S_half - S"),
    ("4", "label_law_copies", "PL - Pb"),
    ("4", "label_law_synthetic", "S - C"),
    ("4", "content_paired", "C - Pp"),
    ("4", "content_own_law", "S - PL"),
    ("4", "permuted_labels", "S_perm - R1"),
    ("4", "content_matched_law", "Sm - Pcut"),
    ("1", "gain_pseudo_labels_tuned", "Ut - Rt"),
    ("1", "gain_over_pseudo_labels_tuned", "St - Ut"),
    ("2", "oversampling_ml_ros", "Pml - Pb"),
    ("2", "oversampling_lp_ros", "Plp - Pb"),
    ("2", "oversampling_repeat_factor", "Prf - Pb"),
    ("3", "stop_rule_real", "R_stop - R0"),
    ("3", "volume_under_stop_rule", "Pd_stop - R_stop"),
    ("4", "mixing_curriculum", "S_cur - S"),
    ("4", "mixing_ensemble", "S_ens - S"),
    ("4", "mixing_filtered", "S_filt - S"),
)
RATIOS = (
    ("1", "content_efficiency", "St - Rt", "RMt - Rt"),
    ("1", "content_efficiency_paired", "Ct - Rt", "RMt - Rt"),
    ("2", "volume_updates_share", "R1 - R0", "Pd - R0"),
    ("2", "head_start_share", "R0b - R0", "Pd - R0"),
)
IDENTITIES = (("2", "identity_copies", "Pb - R1"),)
# Retrieval with what a classifier has learnt to see: fixed real corpus and queries (estimand 6, encoder side).
SEARCHES = (
    ("search_updates", "R1 - R0"), ("search_volume", "Pd - R0"), ("search_synthetic", "S - R0"),
    ("search_synthetic_over_updates", "S - R1"), ("search_synthetic_over_copies", "S - Pd"),
    ("search_content_paired", "C - Pp"), ("search_gain_tuned", "St - Rt"), ("search_ceiling_tuned", "RMt - Rt"),
)  # fmt: skip
# The names say `paper` only where the paper's own metric is used: F1 at 0.5.
SPLIT_NAMES = {
    True: ("paper_volume", "paper_content", "paper_total", "volume_share_of_paper_total"),
    False: ("split_volume", "split_content", "split_total", "volume_share_of_split_total"),
}
WORTH_ARMS = (("worth_documents", "St"), ("worth_documents_paired", "Ct"), ("worth_documents_pseudo_labels", "Ut"))


def contrasts(table: ScoreTable) -> Iterator[Effect]:
    """Differences, ratios and identity checks."""
    for estimand, name, contrast in DIFFERENCES:
        for context, metric, threshold in _places(table, list(effects.parse_contrast(contrast))):
            yield effects.difference(table, name, estimand, contrast, context, metric, threshold)
    for estimand, name, top, bottom in RATIOS:
        arms = list(effects.parse_contrast(top) | effects.parse_contrast(bottom))
        for context, metric, threshold in _places(table, arms):
            yield effects.ratio(table, name, estimand, top, bottom, context, metric, threshold)
    for estimand, name, contrast in IDENTITIES:
        for context, metric, threshold in _places(table, list(effects.parse_contrast(contrast))):
            yield effects.identity(table, name, estimand, contrast, context, metric, threshold)


def encoder_side(table: ScoreTable) -> Iterator[Effect]:
    """Contrasts of nDCG@10 with the learnt representation, for classifiers that have one."""
    for name, contrast in SEARCHES:
        arms = list(effects.parse_contrast(contrast))
        for context in table.contexts(arms):
            if any(table.draws(arm, context, *ENCODER_SIDE) for arm in arms):
                yield effects.difference(table, name, "6", contrast, context, *ENCODER_SIDE)


def over_losses(table: ScoreTable) -> Iterator[Effect]:
    """Synthetic text under the plain loss minus real text alone under each other loss (`synthetic_over_<loss>`)."""
    for context, metric, threshold in _places(table, ["S"]):
        synthetic = table.draws("S", context, metric, threshold)
        for name in table.classifiers:
            base, _, loss = name.partition("/")
            other = table.locate("R0", Context(name, context.regime, 0, None))
            if not loss or base != context.classifier or other is None:
                continue
            paired = align({"S": synthetic, "R0": table.series.get((other, metric, threshold), {})})
            values = paired.values["S"] - paired.values["R0"] if paired.draws else []
            estimate = intervals.mean_interval(values).noted(paired.note, source_note(context.source))
            yield Effect(f"synthetic_over_{loss}", "3", f"S - R0 ({loss})", context, metric, threshold, estimate)


def _places(table: ScoreTable, arms: list[str]) -> Iterator[tuple[Context, str, str]]:
    for context in table.contexts(arms):
        for metric, threshold in MEASURES:
            yield context, metric, threshold


def arm_scores(table: ScoreTable) -> Iterator[Effect]:
    """Mean score of every arm (effect `score`), no contrast."""
    ordered = sorted(table.conditions, key=lambda c: (c.classifier, c.regime, c.added, c.source or (), c.arm))
    for condition in ordered:
        context = Context(condition.classifier, condition.regime, condition.added, condition.source)
        for metric, threshold in MEASURES:
            found = table.series.get((condition, metric, threshold), {})
            yield _mean("score", "0", condition.arm, context, metric, threshold, found)


def floors(table: ScoreTable) -> Iterator[Effect]:
    """Trivial rows (effects `floor_*`): values, no contrast."""
    for (classifier, regime, metric, threshold), found in sorted(table.floors.items()):
        context = Context(classifier, regime, 0, None)
        yield _mean(f"floor_{classifier}", "0", classifier, context, metric, threshold, found)


def _mean(
    name: str, estimand: str, contrast: str, context: Context, metric: str, threshold: str, found: dict
) -> Effect:
    estimate = intervals.mean_interval([found[draw] for draw in sorted(found)], test=False)
    if not found:
        estimate = intervals.undefined(f"no score for {contrast}")
    estimate = estimate.noted(source_note(context.source))
    return Effect(name, estimand, contrast, context, metric, threshold, estimate, MEAN)


def paper_split(table: ScoreTable) -> Iterator[Effect]:
    """R0 -> Pd -> S at fixed epochs: the paper's two terms, for its own metric and for the others."""
    for context, metric, threshold in _places(table, ["R0", "Pd", "S"]):
        own = (metric, threshold) == REPLICATION
        volume, content, total, share = SPLIT_NAMES[own]
        note = REPLICATION_NOTE if own else "the paper's split under another score"
        for name, contrast in ((volume, "Pd - R0"), (content, "S - Pd"), (total, "S - R0")):
            effect = effects.difference(table, name, "3", contrast, context, metric, threshold, note)
            if name == content:
                tested = effects.equivalence_remark(table, contrast, context, metric, threshold)
                effect = replace(effect, estimate=effect.estimate.noted(tested))
            yield effect
        yield effects.ratio(table, share, "3", "Pd - R0", "S - R0", context, metric, threshold, note)


def factorial(table: ScoreTable) -> Iterator[Effect]:
    """Shapley averages, their shares of the total, and every interaction, on the draws that have all corners.

    Micro-AP needs no threshold: three players. F1 has the threshold as the fourth.
    """
    for context in table.contexts(["S", "R0"]):
        yield from _attribute(table, context, attribution.PLAYERS[:3], "ap_micro", "none")
        yield from _attribute(table, context, attribution.PLAYERS, "f1_micro", "fixed_0.5 to tuned")


def _attribute(
    table: ScoreTable, context: Context, players: tuple[str, ...], metric: str, shown: str
) -> Iterator[Effect]:
    listed = attribution.corners(players)
    found = {(arm, policy): table.draws(arm, context, metric, policy or shown) for arm, policy in listed}
    lacking = list(dict.fromkeys(arm for (arm, _), values in found.items() if not values))
    draws = sorted(set.intersection(*(set(values) for values in found.values())))
    values = np.array([[found[corner][draw] for corner in listed] for draw in draws])

    def effect(name: str, contrast: str, estimate: Estimate, kind: str = effects.DIFFERENCE) -> Effect:
        estimate = estimate.noted(source_note(context.source))
        return Effect(name, "2", contrast, context, metric, shown, estimate, kind)

    if not draws:
        reason = f"corners without a score: {', '.join(lacking)}" if lacking else "no draw has all corners"
        for player in players:
            yield effect(f"shapley_{player}", f"Shapley average of {player}", intervals.undefined(reason))
        yield effect("attribution_total", "S - R0", intervals.undefined(reason))
        return
    averages, parts = attribution.shapley(values), attribution.dividends(values)
    total = values[:, -1] - values[:, 0]
    for index, player in enumerate(players):
        yield effect(f"shapley_{player}", f"Shapley average of {player}", intervals.mean_interval(averages[:, index]))
    yield effect("attribution_total", "all factors high - all low", intervals.mean_interval(total))
    for index, player in enumerate(players):
        share = intervals.fieller(averages[:, index], total)
        yield effect(f"share_{player}", f"Shapley average of {player} / total", share, effects.RATIO)
    for mask in sorted(range(1, 1 << len(players)), key=lambda m: (m.bit_count(), m)):
        name = attribution.coalition_name(mask, players)
        kind = "alone" if mask.bit_count() == 1 else "interaction"
        contrast = f"Moebius term of {name}"
        yield effect(f"{kind}_{name.replace(' x ', '_x_')}", contrast, intervals.mean_interval(parts[:, mask]))


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


def _with_curve(table: ScoreTable, arm: str, context: Context, metric: str, threshold: str) -> RealCurve:
    scores = table.draws(arm, context, metric, threshold)
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
        for context, metric, threshold in _places(table, [arm]):
            data = _with_curve(table, arm, context, metric, threshold)
            yield from _worth(data, name, arm, context, metric, threshold)
            key = context.classifier, metric, threshold, data.draws
            if data.reason is None and key not in fits:
                fits[key] = curve.power_law_fits(data.sizes, data.curves)
            yield _power_law(data, fits.get(key), f"{name}_power_law", arm, context, metric, threshold)


def _worth(data: RealCurve, name: str, arm: str, context: Context, metric: str, threshold: str) -> Iterator[Effect]:
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
        estimate = Estimate(value, low, high, None, n, interval, found.note)
        estimate = estimate.noted(data.remark, source_note(context.source))
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


def mean_of(table: ScoreTable, condition: Condition, metric: str, threshold: str) -> Estimate:
    """Mean score of one condition over draws."""
    found = table.series.get((condition, metric, threshold), {})
    return intervals.mean_interval([found[draw] for draw in sorted(found)], test=False)
