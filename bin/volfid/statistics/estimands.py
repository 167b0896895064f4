"""The estimands of docs/estimands.md as contrasts of arms, each in every context that was planned."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from volfid.statistics import attribution, effects, intervals
from volfid.statistics.effects import MEAN, Effect
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import ENCODER_SIDE, MEASURES, PRIMARY, Condition, Context, ScoreTable, align, source_note

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
    for condition in _in_order(table.conditions):
        context = Context(condition.classifier, condition.regime, condition.added, condition.source)
        for metric, threshold in MEASURES:
            found = table.series.get((condition, metric, threshold), {})
            yield _mean("score", "0", condition.arm, context, metric, threshold, found)


def floors(table: ScoreTable) -> Iterator[Effect]:
    """Trivial rows (effects `floor_*`): values, no contrast."""
    for (classifier, regime, metric, threshold), found in sorted(table.floors.items()):
        context = Context(classifier, regime, 0, None)
        yield _mean(f"floor_{classifier}", "0", classifier, context, metric, threshold, found)


def over_floors(table: ScoreTable) -> Iterator[Effect]:
    """Every arm minus the floor of its size that scores best on average, on the same draws (effect `over_floor`)."""
    for condition in _in_order(table.conditions):
        context = Context(condition.classifier, condition.regime, condition.added, condition.source)
        for metric, threshold in (PRIMARY, ("f1_micro", "tuned")):
            known = {
                name: found for (name, regime, *measure), found in table.floors.items()
                if regime == condition.regime and measure == [metric, threshold] and found
            }  # fmt: skip
            if not known:
                continue
            best = max(sorted(known), key=lambda name: np.mean(list(known[name].values())))
            paired = align({"arm": table.series.get((condition, metric, threshold), {}), "floor": known[best]})
            values = paired.values["arm"] - paired.values["floor"] if paired.draws else []
            estimate = intervals.mean_interval(values).noted(paired.note, source_note(context.source))
            yield Effect("over_floor", "0", f"{condition.arm} - {best}", context, metric, threshold, estimate)


def _in_order(conditions: Iterable[Condition]) -> list[Condition]:
    return sorted(conditions, key=lambda c: (c.classifier, c.regime, c.added, c.source or (), c.arm))


def _mean(
    name: str, estimand: str, contrast: str, context: Context, metric: str, threshold: str, found: dict
) -> Effect:
    estimate = intervals.single_mean([found[draw] for draw in sorted(found)], metric)
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


def mean_of(table: ScoreTable, condition: Condition, metric: str, threshold: str) -> Estimate:
    """Mean score of one condition over draws."""
    found = table.series.get((condition, metric, threshold), {})
    return intervals.single_mean([found[draw] for draw in sorted(found)], metric)
