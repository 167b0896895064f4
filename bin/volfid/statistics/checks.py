"""Identity checks, and what would decide the undecided estimates."""

from collections.abc import Sequence

from volfid.core.contracts import Row
from volfid.statistics import intervals
from volfid.statistics.effects import (
    CANNOT_DECIDE,
    IDENTITY,
    IDENTITY_HOLDS,
    NEGATIVE,
    POSITIVE,
    UNDEFINED,
    Effect,
    combine,
    parse_contrast,
    place,
)
from volfid.statistics.table import MEASURES, PRIMARY, ScoreTable
from volfid.statistics.words import measure_words, number

HEADLINE_EFFECTS = (
    "worth_further_documents", "gain_tuned", "ceiling_tuned", "content_efficiency", "volume_updates",
    "volume_resampling", "identity_copies", "synthetic_over_updates", "content_paired", "content_own_law",
)  # fmt: skip
HALF_WIDTHS = (0.01, 0.02)
TUNED_F1 = ("f1_micro", "tuned")


def identity_checks(found: Sequence[Effect], table: ScoreTable) -> list[Row]:
    """Balanced copies against real only at equal updates, and predict-all against 2p / (1 + p)."""
    bound = intervals.EQUIVALENCE_BOUNDS[0]
    rows: list[Row] = []
    for effect in found:
        if effect.kind == IDENTITY and (effect.metric, effect.threshold) in (PRIMARY, TUNED_F1):
            where = f"{effect.context.classifier}, n = {effect.context.regime}, M = {effect.context.added}"
            check = f"{effect.contrast} ({measure_words(effect.metric, effect.threshold)}; {where})"
            rows.append({"check": check, "value": effect.estimate.value, "tolerance": bound, "holds": _holds(effect),
                         "note": effect.estimate.note})  # fmt: skip
    rows += [row for regime in sorted({key[1] for key in table.floors}) if (row := _predict_all(table, regime))]
    return rows


def _holds(effect: Effect) -> bool | None:
    """False only where the interval leaves out zero; None where the draws cannot tell."""
    if effect.verdict == IDENTITY_HOLDS:
        return True
    return False if effect.verdict in (POSITIVE, NEGATIVE) else None


def _predict_all(table: ScoreTable, regime: int) -> Row | None:
    """Largest deviation of predict-all's F1 from 2p / (1 + p).

    Its micro-AP is the test density p, because all its scores are tied.
    """
    found = {m: table.floors.get(("predict_all", regime, *m), {}) for m in (PRIMARY, ("f1_micro", "fixed_0.5"))}
    density, score = found[PRIMARY], found["f1_micro", "fixed_0.5"]
    draws = sorted(set(density) & set(score))
    if not draws:
        return None
    worst = max(abs(score[draw] - 2 * density[draw] / (1 + density[draw])) for draw in draws)
    check = f"predict_all = 2p / (1 + p) at n = {regime}"
    return {"check": check, "value": worst, "tolerance": 1e-6, "holds": worst <= 1e-6, "note": None}


def decide(found: Sequence[Effect], table: ScoreTable) -> list[Row]:
    """For every undecided headline effect: draws for a half-width, from the spread seen here, and the power now."""
    rows: list[Row] = []
    for effect in found:
        undecided = effect.verdict in (CANNOT_DECIDE, UNDEFINED) and effect.name in HEADLINE_EFFECTS
        if not undecided or (effect.metric, effect.threshold) not in MEASURES[:2]:
            continue
        spread = effect.estimate.spread if effect.estimate.spread is not None else _top_spread(effect, table)
        draws = effect.estimate.n
        row: Row = {
            "effect": effect.name, "contrast": effect.contrast, **place(effect.context), "metric": effect.metric,
            "threshold": effect.threshold, "verdict": effect.verdict, "draws": draws, "spread": spread,
        }  # fmt: skip
        for width in HALF_WIDTHS:
            known = spread is not None
            row[f"draws_for_half_width_{width:g}"] = intervals.draws_needed(spread, width) if known else None
            row[f"power_now_{width:g}"] = intervals.t_power(draws, spread, width) if known else None
        row["sentence"] = _decide_sentence(effect, row)
        rows.append(row)
    return rows


def _top_spread(effect: Effect, table: ScoreTable) -> float | None:
    """Spread of the gain that a ratio or a worth rests on."""
    if effect.name not in ("worth_further_documents", "content_efficiency") or effect.context is None:
        return None
    weights = parse_contrast("St - Rt")
    paired = table.paired(weights, effect.context, effect.metric, effect.threshold)
    if len(paired.draws) < 2:
        return None
    return intervals.mean_interval(combine(weights, paired.values)).spread


def _decide_sentence(effect: Effect, row: Row) -> str:
    score = measure_words(effect.metric, effect.threshold)
    source = "" if row["method"] is None else f", {row['generator']} {row['method']}"
    what = effect.name.replace("_", " ").capitalize()
    where = f"{what}, {row['regime']} real + {row['added']} ({row['classifier']}{source}; {score})"
    if row["spread"] is None or row["draws"] < 2:
        return f"{where}: {effect.estimate.note or 'undefined'}."
    needed = ", ".join(f"+-{w:g} with {row[f'draws_for_half_width_{w:g}']} draws" for w in HALF_WIDTHS)
    basis = "the difference" if effect.estimate.spread is not None else "the gain St - Rt behind it"
    widest = HALF_WIDTHS[-1]
    return (
        f"{where}: at the spread seen here, {basis} would be known to {needed}; "
        f"{row['draws']} draws show a difference of {widest:g} with power {number(row[f'power_now_{widest:g}'], 2)}."
    )
