"""Fidelity against score and gain: correlations over conditions, their difference between regimes.

A condition is a training set with the arm that trains on it, averaged over draws first: draws and
training repetitions do not add to n (METHODS section 4.1).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from volfid.core.contracts import Row
from volfid.core.schemas import FLOORS
from volfid.statistics import correlation, intervals
from volfid.statistics.corpora import Measured, Rows, rows_of
from volfid.statistics.effects import RATIO, Effect
from volfid.statistics.intervals import Estimate, join_notes
from volfid.statistics.table import MEASURES, PRIMARY, Context, classifier_name

BLOCK = "correlation"
DISTANCES = ("mmd2_label_unbiased", "mmd2_label_parent", "mmd2_text_unbiased", "mmd2_text_parent")
REFERENCE = "reference"
OUTCOMES = ("score", "gain")
WITHOUT_CONTROLS = "without controls"


@dataclass(frozen=True)
class Point:
    """One condition with its fidelity and its outcome; `twin` names it in another regime."""

    twin: tuple
    rows: Rows
    fidelity: float
    outcome: float
    baseline: str | None


def chosen_cells(cells: Iterable[Row]) -> list[Row]:
    """Cells whose conditions are correlated: the block `correlation` where the design has it.

    Otherwise every arm of the paper's schedule with high updates. Permuted labels stay out: they
    are a negative control whose fidelity equals that of the arm it breaks.
    """
    trained = [cell for cell in cells if cell["classifier"] not in FLOORS]
    named = [cell for cell in trained if BLOCK in cell["blocks"]]
    return named or [
        cell for cell in trained
        if (cell["tuning"], cell["updates"], cell["exposure"], cell["head_start"]) == ("fixed", "high", "pooled", "zero")
        and cell["label_law"] != "permuted"
    ]  # fmt: skip


def _outcomes(cells: Sequence[Row], scores: Iterable[Row]) -> dict[tuple, dict[tuple, dict[int, float]]]:
    """(classifier, metric, threshold) to condition (arm, rows, added) to per-draw scores."""
    by_id = {cell["cell_id"]: cell for cell in cells}
    repeats: dict[tuple, dict[tuple, dict[int, list[float]]]] = {}
    for row in scores:
        cell = by_id.get(row["cell_id"])
        if cell is None or row["label"] is not None or row["value"] is None:
            continue
        if (row["metric"], row["threshold"]) in MEASURES:
            place = (classifier_name(cell), row["metric"], row["threshold"])
            key = (cell["arm"], rows_of(cell), cell["added"])
            repeats.setdefault(place, {}).setdefault(key, {}).setdefault(cell["draw"], []).append(row["value"])
    return {
        place: {key: {d: float(np.mean(sorted(v))) for d, v in draws.items()} for key, draws in found.items()}
        for place, found in sorted(repeats.items())
    }


def _points(
    found: Mapping[tuple, Mapping[int, float]], fidelity: Mapping[Rows, Mapping[int, float]], regime: int, outcome: str
) -> list[Point]:
    """Conditions of one regime that have the fidelity metric and the outcome, in sorted order."""
    points = []
    for (arm, rows, added), scores in sorted(found.items(), key=lambda item: repr(item[0])):
        if rows.regime != regime:
            continue
        values, baseline = scores, None
        if outcome == "gain":
            baseline, base = _baseline(found, regime, added)
            if baseline is None or arm == baseline:
                continue
            values = {draw: scores[draw] - base[draw] for draw in scores if draw in base}
        measured = fidelity.get(rows, {})
        draws = sorted(set(values) & set(measured))
        if draws:
            twin = (arm, rows.name, rows.source and rows.source[:3], rows.real_share, round(added / regime, 3))
            mean = [float(np.mean([x[draw] for draw in draws])) for x in (measured, values)]
            points.append(Point(twin, rows, *mean, baseline))
    return points


def _baseline(found: Mapping[tuple, Mapping[int, float]], regime: int, added: int) -> tuple[str | None, Mapping[int, float]]:
    """R1 with the same number of updates, else R0."""
    plain = Rows("R", regime, 0, None, None)
    for key in (("R1", plain, added), ("R0", plain, 0)):
        if key in found:
            return key[0], found[key]
    return None, {}


def scopes(points: Sequence[Point]) -> list[tuple[str, list[Point]]]:
    """All conditions, without controls (rows of real text only), and within each method."""
    made = [point for point in points if point.rows.source is not None]
    methods = sorted({point.rows.source.method for point in made})
    within = [(f"within {method}", [point for point in made if point.rows.source.method == method]) for method in methods]
    return [("all", list(points)), (WITHOUT_CONTROLS, made), *within]


def _each(
    cells: Sequence[Row], scores: Iterable[Row], fidelity: Mapping[Measured, Mapping[Rows, Mapping[int, float]]]
) -> Iterator[tuple[tuple, Measured, str, dict[int, list[Point]]]]:
    """(classifier, metric, threshold), fidelity metric, outcome, and the points of each regime."""
    distances = {key: rows for key, rows in fidelity.items() if key.metric in DISTANCES and key.variant.endswith(f", {REFERENCE}")}
    for place, found in _outcomes(cells, scores).items():
        regimes = sorted({rows.regime for _, rows, _ in found})
        for measured, rows in distances.items():
            for outcome in OUTCOMES:
                yield place, measured, outcome, {n: _points(found, rows, n, outcome) for n in regimes}


def correlation_rows(
    cells: Sequence[Row], scores: Sequence[Row], fidelity: Mapping[Measured, Mapping[Rows, Mapping[int, float]]], corpus: str
) -> list[Row]:
    """Rows of correlations.parquet."""
    made = []
    for (classifier, metric, threshold), measured, outcome, regimes in _each(cells, scores, fidelity):
        for regime, points in regimes.items():
            for scope, chosen in scopes(points):
                result = correlation.correlate([p.fidelity for p in chosen], [p.outcome for p in chosen])
                made.append({
                    "regime": regime, "classifier": classifier, "metric": metric, "threshold": threshold,
                    "outcome": outcome, "fidelity_metric": fidelity_name(measured), "scope": scope, "r": result.r,
                    "ci_low": result.low, "ci_high": result.high, "spearman": result.spearman, "p": result.p,
                    "n": result.n, "note": join_notes(result.note, _plans(chosen), _gain_note(chosen)), "corpus": corpus,
                })  # fmt: skip
    return made


def fidelity_name(measured: Measured) -> str:
    """The metric over all rows; `_added` says that only the added rows were measured."""
    return measured.metric if measured.variant == f"all, {REFERENCE}" else f"{measured.metric}_added"


def _plans(points: Sequence[Point]) -> str | None:
    plans = sorted({p.rows.source.label_plan for p in points if p.rows.source})
    return f"label plan {', '.join(plans)}" if plans else None


def _gain_note(points: Sequence[Point]) -> str | None:
    baselines = sorted({p.baseline for p in points if p.baseline})
    return f"gain over {', '.join(baselines)}" if baselines else None


def regime_differences(
    cells: Sequence[Row], scores: Sequence[Row], fidelity: Mapping[Measured, Mapping[Rows, Mapping[int, float]]]
) -> Iterator[Effect]:
    """r in the smallest regime minus r in the largest: Fisher's z with Zou's interval (replication target).

    The z treats both as independent; where the same conditions stand in both regimes the
    dependent tests of Dunn and Clark and of Steiger are given beside it.
    """
    for (classifier, metric, threshold), measured, outcome, regimes in _each(cells, scores, fidelity):
        if len(regimes) < 2:
            continue
        small, large = min(regimes), max(regimes)
        sides = [dict(scopes(regimes[n])) for n in (small, large)]
        for scope in ("all", WITHOUT_CONTROLS):
            first, second = sides[0][scope], sides[1][scope]
            contrast = f"r(n={small}) - r(n={large}): {fidelity_name(measured)}, {outcome}, {scope}"
            yield Effect(
                "delta_r", "5", contrast, Context(classifier, None, None, None), metric, threshold,
                _delta_r(first, second), RATIO, unit="conditions",
            )  # fmt: skip


def _delta_r(first: Sequence[Point], second: Sequence[Point]) -> Estimate:
    results = [correlation.correlate([p.fidelity for p in side], [p.outcome for p in side]) for side in (first, second)]
    n = min(len(first), len(second))
    reason = next((result.note for result in results if result.r is None), None)
    if reason:
        return intervals.undefined(reason, n)
    r1, r2 = results[0].r, results[1].r
    if max(abs(r1), abs(r2)) >= 1:
        return intervals.undefined("a correlation of exactly 1 has no Fisher z", n)
    found = correlation.independent_difference(r1, len(first), r2, len(second))
    low, high = correlation.tanh_of_z_interval(r1, len(first), r2, len(second))
    note = f"r {r1:.3f} and {r2:.3f}; Fisher z {found.z:.2f}; tanh of the interval of z1 - z2 is [{low:.3f}, {high:.3f}], another quantity"
    interval = "Zou, independent groups"
    return Estimate(found.delta, found.low, found.high, found.p, n, interval, join_notes(note, _dependent(first, second)))


def _dependent(first: Sequence[Point], second: Sequence[Point]) -> str | None:
    """The tests for the same conditions in both regimes, in words; None where too few are shared."""
    other = {point.twin: point for point in second}
    pairs = [(point, other[point.twin]) for point in first if point.twin in other]
    if len(pairs) < correlation.FEWEST:
        return None
    columns = np.array([[a.fidelity, a.outcome, b.fidelity, b.outcome] for a, b in pairs]).T
    if min(np.ptp(column) for column in columns) <= 1e-12:
        return None
    r = [[correlation.pearson(a, b) for b in columns] for a in columns]
    if max(abs(r[0][1]), abs(r[2][3])) >= 1:
        return None
    found = correlation.dependent_difference(r[0][1], r[2][3], r[0][2], r[0][3], r[1][2], r[1][3], len(pairs))
    return f"on the {len(pairs)} shared conditions Dunn and Clark's z {found.dunn_clark_z:.2f}, Steiger's z {found.steiger_z:.2f}"


def predictors(
    cells: Sequence[Row], scores: Sequence[Row], fidelity: Mapping[Measured, Mapping[Rows, Mapping[int, float]]]
) -> Iterator[Effect]:
    """How well a line through the other generators' conditions predicts the gain of each generator.

    Effect `fidelity_predicts_gain`: 1 - SSE / SSE of the training mean, by leaving out one generator
    at a time; at least three generators. Primary score only.
    """
    for (classifier, metric, threshold), measured, outcome, regimes in _each(cells, scores, fidelity):
        if outcome != "gain" or (metric, threshold) != PRIMARY:
            continue
        for regime, points in regimes.items():
            made = [point for point in points if point.rows.source is not None]
            generators = sorted({point.rows.source.generator for point in made})
            if len(generators) >= 3:
                value = _held_out(made, generators)
                note = "descriptive; one generator left out at a time"
                estimate = Estimate(value, None, None, None, len(generators), "none", note)
                if value is None:
                    estimate = intervals.undefined("the gain is the same everywhere", len(generators))
                contrast = f"gain on {fidelity_name(measured)}"
                yield Effect("fidelity_predicts_gain", "5", contrast, Context(classifier, regime, None, None),
                             metric, threshold, estimate, "mean", unit="generators")  # fmt: skip


def _held_out(points: Sequence[Point], generators: Sequence[str]) -> float | None:
    residual = baseline = 0.0
    for generator in generators:
        inner = [p for p in points if p.rows.source.generator != generator]
        outer = [p for p in points if p.rows.source.generator == generator]
        x, y = np.array([p.fidelity for p in inner]), np.array([p.outcome for p in inner])
        spread = x - x.mean()
        slope = float(spread @ y / (spread @ spread)) if np.ptp(x) > 1e-12 else 0.0
        for point in outer:
            residual += (point.outcome - y.mean() - slope * (point.fidelity - x.mean())) ** 2
            baseline += (point.outcome - y.mean()) ** 2
    return float(1 - residual / baseline) if baseline > 1e-18 else None
