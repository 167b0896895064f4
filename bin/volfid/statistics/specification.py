"""The correlation claim under every reading of "1:10", crossed with score, outcome, distance and controls.

What "1:10" means cannot be recovered from the paper (docs/controls.md has the readings):
so r in the low and in the high regime, and whether it changes sign, is given for every reading that
the run's regimes and added sizes allow.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from volfid.core.contracts import Row
from volfid.statistics import correlation, intervals
from volfid.statistics.conditions import WITHOUT_CONTROLS, Point, PointSet, scopes
from volfid.statistics.effects import MEAN, Effect
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import Context

TOLERANCE = 0.1  # of a ratio: 10 n rows in all are 9 n added ones


class Regime(NamedTuple):
    """Conditions with n real documents and, unless null, M added rows (or none, for real-only controls)."""

    n: int
    added: int | None

    def words(self) -> str:
        """'n=165, M=1650'."""
        return f"n={self.n}" if self.added is None else f"n={self.n}, M={self.added}"

    def points(self, one: PointSet) -> list[Point]:
        """Its points in a set."""
        found = one.regimes.get(self.n, [])
        return [p for p in found if self.added is None or p.added == self.added or not p.rows.added]


class Reading(NamedTuple):
    """What "lowest" and "1:10" are taken to be; without regimes `reason` says why it cannot be formed."""

    name: str
    low: Regime | None
    high: Regime | None
    reason: str | None = None


def readings(
    pairs: Sequence[tuple[int, int]], pool: int | None, shots: Mapping[int, int] | None = None
) -> list[Reading]:
    """Every reading, from the planned (n, M) of conditions with added rows, the size of the real pool, and the
    documents of each k-shot regime by k."""
    sizes = sorted({n for n, _ in pairs})
    least = [Reading("sizes", Regime(sizes[0], None), Regime(sizes[-1], None))] if len(sizes) > 1 else [
        Reading("sizes", None, None, f"{len(sizes)} sizes of the real set")
    ]  # fmt: skip
    return [
        *least, _constant_pool(pairs), _share_of_pool(sizes, pool), _fixed_real(pairs),
        _shots(sizes, shots or {}), _more_real(pairs),
    ]  # fmt: skip


def _near(ratio: float, wanted: float) -> bool:
    return abs(ratio / wanted - 1) <= TOLERANCE + 1e-9


def _constant_pool(pairs: Sequence[tuple[int, int]]) -> Reading:
    """One M for all: 1:10 is the n with M = 10 n, lowest the smallest n with the same M."""
    name = "a: constant synthetic pool"
    for n, added in sorted(pairs, reverse=True):
        smaller = [m for m, other in pairs if other == added and m < n]
        if _near(added / n, 10) and smaller:
            return Reading(name, Regime(min(smaller), added), Regime(n, added))
    return Reading(name, None, None, "no M is 10 n in one regime and stands in a smaller one, too")


def _share_of_pool(sizes: Sequence[int], pool: int | None) -> Reading:
    name = "b: share of the real pool"
    tenth = [n for n in sizes if pool and _near(n / pool, 0.1)]
    if not tenth or sizes[0] >= tenth[-1]:
        return Reading(name, None, None, f"no regime above the smallest is a tenth of the pool of {pool}")
    return Reading(name, Regime(sizes[0], None), Regime(tenth[-1], None))


def _fixed_real(pairs: Sequence[tuple[int, int]]) -> Reading:
    name = "c: fixed n, M = n and 10 n"
    for n in sorted({n for n, _ in pairs}):
        same = sorted(added for m, added in pairs if m == n)
        low, high = ([added for added in same if _near(added / n, ratio)] for ratio in (1, 10))
        if low and high:
            return Reading(name, Regime(n, low[0]), Regime(n, high[-1]))
    return Reading(name, None, None, "no n has both M = n and M = 10 n")


def _shots(sizes: Sequence[int], shots: Mapping[int, int]) -> Reading:
    """Ten documents of every label, or as many as the largest k-shot regime has, against the fewest."""
    name = "d: shots a label"
    planned = sorted(k for k, size in shots.items() if size in sizes)
    if not planned:
        return Reading(name, None, None, "regimes are fixed by size, not by documents a label")
    most = 10 if 10 in planned else planned[-1]
    if shots[planned[0]] >= shots[most]:
        return Reading(name, None, None, f"{most}-shot is no larger than {planned[0]}-shot")
    return Reading(name, Regime(shots[planned[0]], None), Regime(shots[most], None))


def _more_real(pairs: Sequence[tuple[int, int]]) -> Reading:
    """Synthetic to real 1:10, against 1:1."""
    name = "e: one synthetic to ten real"
    high = [(n, added) for n, added in sorted(pairs) if added and _near(n / added, 10)]
    for n, added in reversed(high):
        even = [(m, other) for m, other in sorted(pairs) if other and m < n and _near(m / other, 1)]
        if even:
            low = next((pair for pair in even if pair[1] == added), even[0])
            return Reading(name, Regime(*low), Regime(n, added))
    return Reading(name, None, None, "no regime has one added row for ten real ones and a smaller one as many as real")


def specifications(
    sets: Sequence[PointSet], pool: int | None, shots: Mapping[int, int] | None = None
) -> tuple[list[Row], list[Reading]]:
    """One row for every specification, and the readings (`pool`, `shots`: as in `readings`)."""
    pairs = sorted(
        {(p.rows.regime, p.added) for one in sets for points in one.regimes.values() for p in points if p.rows.added}
    )
    listed = readings(pairs, pool, shots) if pairs else []
    rows = [
        {"reading": reading.name, "classifier": one.classifier, "metric": one.metric, "threshold": one.threshold,
         "outcome": one.outcome, "fidelity_metric": one.fidelity, "scope": scope,
         "low_regime": reading.low.words(), "high_regime": reading.high.words(),
         **_compared(*(dict(scopes(side.points(one)))[scope] for side in (reading.low, reading.high)))}
        for reading in listed if reading.low and reading.high
        for one in sets
        for scope in ("all", WITHOUT_CONTROLS)
    ]  # fmt: skip
    return rows, listed


def _compared(low: Sequence[Point], high: Sequence[Point]) -> Row:
    """Both r, their difference with Zou's interval for independent groups, and the smaller n."""
    sides = [_r(side) for side in (low, high)]
    (r_low, first), (r_high, second) = sides
    row: Row = {"r_low": r_low, "r_high": r_high, "delta": None, "ci_low": None, "ci_high": None,
                "n": min(len(low), len(high)), "note": first or second}  # fmt: skip
    if r_low is None or r_high is None:
        return row
    row["delta"] = r_low - r_high
    if first or second:
        return row
    if max(abs(r_low), abs(r_high)) >= correlation.EXACT:
        return {**row, "note": "a correlation of exactly 1 has no Fisher z"}
    found = correlation.independent_difference(r_low, len(low), r_high, len(high))
    return {**row, "ci_low": found.low, "ci_high": found.high}


def _r(points: Sequence[Point]) -> tuple[float | None, str | None]:
    if len(points) < correlation.FEWEST:
        return None, f"{len(points)} conditions: at least {correlation.FEWEST} are needed"
    x, y = (np.array([getattr(point, name) for point in points]) for name in ("fidelity", "outcome"))
    reason = correlation.no_spread(x, y)
    return (None, reason) if reason else (correlation.pearson(x, y), correlation.carried(x, y))


def sign_flips(rows: Sequence[Row], listed: Sequence[Reading]) -> Iterator[Effect]:
    """Effect `spec_sign_flip` by classifier: the share of specifications with r above zero low and below zero high."""
    by_classifier: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_classifier[row["classifier"]].append(row)
    missing = "; ".join(f"{reading.name}: {reading.reason}" for reading in listed if reading.reason)
    note = f"not formed: {missing}" if missing else None
    for classifier, members in sorted(by_classifier.items()):
        made = [row for row in members if row["delta"] is not None]
        estimate = intervals.undefined(f"none of {len(members)} specifications has r in both regimes")
        if made:
            flips = sum(row["r_low"] > 0 > row["r_high"] for row in made)
            other = sum(row["r_low"] < 0 < row["r_high"] for row in made)
            clear = sum(row["ci_low"] is not None and row["ci_low"] > 0 for row in made)
            told = (
                f"{flips} of {len(made)} turn from positive to negative, {other} the other way; difference above zero "
                f"in {clear} (Zou); readings {', '.join(sorted({row['reading'].partition(':')[0] for row in made}))}"
            )
            estimate = Estimate(flips / len(made), n=len(made), interval="none", note=told)
        context = Context(classifier, None, None, None)
        yield Effect(
            "spec_sign_flip", "5", "r low > 0 > r high over readings of 1:10, scores, outcomes, distances and controls",
            context, "all", "none", estimate.noted(note), MEAN, unit="specifications",
        )  # fmt: skip
