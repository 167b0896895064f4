"""Fidelity against score and gain: correlations over conditions, and their differences."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import special

from volfid.core.contracts import Row
from volfid.statistics import correlation, intervals
from volfid.statistics.conditions import WITHOUT_CONTROLS, Point, PointSet, Scope, detailed_scopes, scopes
from volfid.statistics.effects import RATIO, Effect
from volfid.statistics.intervals import Estimate, join_notes
from volfid.statistics.table import PRIMARY, Context
from volfid.statistics.words import number


def correlation_rows(sets: Sequence[PointSet], corpus: str) -> list[Row]:
    """Rows of correlations.parquet."""
    made: list[Row] = []
    for one in sets:
        for regime, points in one.regimes.items():
            for scope in detailed_scopes(points):
                chosen = scope.points
                x, y = [p.fidelity for p in chosen], [p.outcome for p in chosen]
                result = correlation.correlate(x, y, scope.lost, scope.unit)
                given_size, given_unique, reason = _partials(scope) if result.r is not None else (None, None, None)
                low, high = result.left_out or (None, None)
                made.append({
                    "regime": regime, "classifier": one.classifier, "metric": one.metric, "threshold": one.threshold,
                    "outcome": one.outcome, "fidelity_metric": one.fidelity, "scope": scope.name, "r": result.r,
                    "ci_low": result.low, "ci_high": result.high, "spearman": result.spearman,
                    "kendall": result.kendall, "theil_sen": result.theil_sen, "r_lowest_left_out": low,
                    "r_highest_left_out": high, "r_given_size": given_size, "r_given_unique": given_unique,
                    "p": result.p, "n": result.n, "corpus": corpus,
                    "note": join_notes(result.note, reason, _plans(chosen), _gain_note(chosen)),
                })  # fmt: skip
    return _with_adjusted_p(made)


def _partials(scope: Scope) -> tuple[float | None, float | None, str | None]:
    """r given the log of the rows, r given unique documents, and why one is undefined."""
    x, y = (np.array([getattr(point, name) for point in scope.points]) for name in ("fidelity", "outcome"))
    size, no_size = correlation.partial(x, y, np.array([point.log_size for point in scope.points]), scope.lost)
    uniques = [point.unique for point in scope.points]
    if None in uniques:
        unique, no_unique = None, "they were not counted"
    else:
        unique, no_unique = correlation.partial(x, y, np.array(uniques), scope.lost)
    return size, unique, join_notes(
        no_size and f"no r given size: {no_size}", no_unique and f"no r given unique documents: {no_unique}"
    )  # fmt: skip


def _with_adjusted_p(rows: list[Row]) -> list[Row]:
    """Correlations are exploratory: the note gives p after Benjamini and Hochberg over the whole table."""
    tested = [row for row in rows if row["p"] is not None]
    for row, adjusted in zip(tested, intervals.benjamini_hochberg([row["p"] for row in tested]), strict=True):
        remark = f"p {adjusted:.2g} after Benjamini-Hochberg over {len(tested)}"
        row["note"] = join_notes(row["note"], remark)
    return rows


def _plans(points: Sequence[Point]) -> str | None:
    plans = sorted({p.rows.source.label_plan for p in points if p.rows.source})
    return f"label plan {', '.join(plans)}" if plans else None


def _gain_note(points: Sequence[Point]) -> str | None:
    baselines = sorted({p.baseline for p in points if p.baseline})
    return f"gain over {', '.join(baselines)}" if baselines else None


def regime_differences(sets: Sequence[PointSet]) -> Iterator[Effect]:
    """r in the smallest regime minus r in the largest: Fisher's z with Zou's interval (replication target).

    The z treats both as independent; where the same conditions stand in both regimes the
    dependent tests of Dunn and Clark and of Steiger are given beside it.
    """
    for classifier, metric, threshold, fidelity, outcome, regimes in sets:
        if len(regimes) < 2:
            continue
        small, large = min(regimes), max(regimes)
        sides = [dict(scopes(regimes[n])) for n in (small, large)]
        for scope in ("all", WITHOUT_CONTROLS):
            first, second = sides[0][scope], sides[1][scope]
            contrast = f"r(n={small}) - r(n={large}): {fidelity}, {outcome}, {scope}"
            yield Effect(
                "delta_r", "5", contrast, Context(classifier, None, None, None), metric, threshold,
                _delta_r(first, second), RATIO, unit="conditions",
            )  # fmt: skip


def _delta_r(first: Sequence[Point], second: Sequence[Point]) -> Estimate:
    results = [correlation.correlate([p.fidelity for p in side], [p.outcome for p in side]) for side in (first, second)]
    n = min(len(first), len(second))
    reason = next((result.note for result in results if result.low is None), None)
    if reason:
        return intervals.undefined(reason, n)
    r1, r2 = results[0].r, results[1].r
    if max(abs(r1), abs(r2)) >= correlation.EXACT:
        return intervals.undefined("a correlation of exactly 1 has no Fisher z", n)
    found = correlation.independent_difference(r1, len(first), r2, len(second))
    low, high = correlation.tanh_of_z_interval(r1, len(first), r2, len(second))
    note = (
        f"r {r1:.3f} and {r2:.3f}; Fisher z {number(found.z, 2)}; tanh of the interval of z1 - z2 is "
        f"[{low:.3f}, {high:.3f}], another quantity"
    )
    interval = "Zou, independent groups"
    return Estimate(
        found.delta, found.low, found.high, found.p, n, interval, join_notes(note, _dependent(first, second))
    )


def _dependent(first: Sequence[Point], second: Sequence[Point]) -> str | None:
    """The tests for the same conditions in both regimes, in words; None where too few are shared."""
    other = {point.twin: point for point in second}
    pairs = [(point, other[point.twin]) for point in first if point.twin in other]
    if len(pairs) < correlation.FEWEST:
        return None
    columns = np.array([[a.fidelity, a.outcome, b.fidelity, b.outcome] for a, b in pairs]).T
    if min(np.ptp(column) for column in columns) <= 1e-12 or any(
        correlation.carried(*pair) for pair in (columns[:2], columns[2:])
    ):
        return None
    r = [[correlation.pearson(a, b) for b in columns] for a in columns]
    if max(abs(r[0][1]), abs(r[2][3])) >= correlation.EXACT:
        return None
    found = correlation.dependent_difference(r[0][1], r[2][3], r[0][2], r[0][3], r[1][2], r[1][3], len(pairs))
    tests = f"Dunn and Clark's z {number(found.dunn_clark_z, 2)}, Steiger's z {number(found.steiger_z, 2)}"
    return f"on the {len(pairs)} shared conditions {tests}"


def distance_differences(sets: Sequence[PointSet]) -> Iterator[Effect]:
    """Does label MMD go with the gain more than text MMD does? One regime, one outcome: overlapping correlations.

    Effect `delta_r_label_text`, primary score, parent variants over all rows; Zou's interval, p of Steiger's z.
    """
    found: dict[tuple, dict[str, list[Point]]] = {}
    for classifier, metric, threshold, fidelity, outcome, regimes in sets:
        if outcome == "gain" and (metric, threshold) == PRIMARY:
            for regime, points in regimes.items():
                found.setdefault((classifier, regime), {})[fidelity] = points
    for (classifier, regime), by_name in found.items():
        pair = [by_name.get(name) for name in ("mmd2_label_parent", "mmd2_text_parent")]
        if all(pair):
            contrast = "r(mmd2_label_parent, gain) - r(mmd2_text_parent, gain)"
            context = Context(classifier, regime, None, None)
            yield Effect(
                "delta_r_label_text", "5", contrast, context, *PRIMARY, _overlapping(*pair), RATIO, unit="conditions"
            )


def _overlapping(label: Sequence[Point], text: Sequence[Point]) -> Estimate:
    other = {point.twin: point for point in text}
    pairs = [(point, other[point.twin]) for point in label if point.twin in other]
    n = len(pairs)
    if n < correlation.FEWEST:
        return intervals.undefined(f"{n} conditions: at least {correlation.FEWEST} are needed", n)
    columns = [
        np.array(column) for column in zip(*((a.outcome, a.fidelity, b.fidelity) for a, b in pairs), strict=True)
    ]
    if min(np.ptp(column) for column in columns) <= 1e-12:
        return intervals.undefined("one of the three is the same in all conditions", n)
    outcome, first, second = columns
    if reason := correlation.carried(first, outcome) or correlation.carried(second, outcome):
        return intervals.undefined(reason, n)
    r = [correlation.pearson(outcome, first), correlation.pearson(outcome, second), correlation.pearson(first, second)]
    if max(map(abs, r)) >= correlation.EXACT:
        return intervals.undefined("a correlation of exactly 1 has no Fisher z", n)
    result = correlation.overlapping_difference(*r, n)
    steiger, meng = number(result.steiger_z, 2), number(result.meng_z, 2)
    note = f"r {r[0]:.3f} and {r[1]:.3f}; Steiger's z {steiger}, Meng's z {meng}"
    p = None if result.steiger_z is None else float(2 * special.ndtr(-abs(result.steiger_z)))
    return Estimate(result.delta, result.low, result.high, p, n, "Zou, overlapping", note)
