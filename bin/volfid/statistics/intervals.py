"""Intervals and tests over draws. The draw is the unit of replication; nothing here resamples.

Every function returns null (None) with a reason where a number is undefined, never 0 or NaN.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import special

from volfid.core.adjust import benjamini_hochberg as benjamini_hochberg
from volfid.core.adjust import holm as holm
from volfid.core.bounded import at_bound, is_share, logit_limits

LEVEL = 0.95
ALPHA = 0.05
EQUIVALENCE_BOUNDS = (0.02, 0.03)
T_INTERVAL = "t on per-draw values"
LOGIT_INTERVAL = "t on the logit of the mean of per-draw values"
FIELLER = "Fieller on per-draw values"


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; `spread` is the standard deviation over the `n` units."""

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    n: int = 0
    interval: str = T_INTERVAL
    note: str | None = None
    spread: float | None = None

    def noted(self, *remarks: str | None) -> "Estimate":
        """The same estimate with further remarks."""
        return replace(self, note=join_notes(self.note, *remarks))


def join_notes(*remarks: str | None) -> str | None:
    """Remarks in one line, each once; None when there is none."""
    kept = list(dict.fromkeys(remark for remark in remarks if remark))
    return "; ".join(kept) or None


def undefined(reason: str, n: int = 0, interval: str = "none") -> Estimate:
    """No number, and why."""
    return Estimate(None, n=n, interval=interval, note=reason)


def t_quantile(n: int, level: float = LEVEL) -> float:
    """Two-sided t quantile with n - 1 degrees of freedom."""
    return float(special.stdtrit(n - 1, 0.5 + level / 2))


def mean_interval(values: Sequence[float] | np.ndarray, level: float = LEVEL, test: bool = True) -> Estimate:
    """Mean of per-draw values with its t interval; `p` tests that the mean is zero when `test`.

    One value has a mean and no interval. Values without spread give a point interval and p 0 or 1.
    """
    x = np.asarray(values, dtype=float)
    n = len(x)
    if n == 0:
        return undefined("no draw has all arms")
    if not np.isfinite(x).all():
        return undefined("a value is not a number", n)
    mean = float(x.mean())
    if n == 1:
        return Estimate(mean, n=1, interval="none", note="one draw: an interval is undefined")
    spread = float(x.std(ddof=1))
    if _flat(spread, x):
        p = (1.0 if abs(mean) < 1e-12 else 0.0) if test else None
        return Estimate(mean, mean, mean, p, n, note="no spread over draws", spread=0.0)
    error = spread / math.sqrt(n)
    half = t_quantile(n, level) * error
    p = float(2 * special.stdtr(n - 1, -abs(mean) / error)) if test else None
    return Estimate(mean, mean - half, mean + half, p, n, spread=spread)


def single_mean(values: Sequence[float] | np.ndarray, metric: str, level: float = LEVEL) -> Estimate:
    """Mean of the per-draw values of one arm under a metric, no contrast.

    A metric between 0 and 1 has the t interval of the logit of its mean (core/bounded.py), which stays inside; a mean
    of exactly 0 or 1 has none. Any other metric has that of `mean_interval`.
    """
    plain = mean_interval(values, level, test=False)
    if plain.value is None or plain.n < 2 or not is_share(metric, values):
        return plain
    limits = logit_limits(plain.value, (plain.spread or 0.0) / math.sqrt(plain.n), t_quantile(plain.n, level))
    if limits is None:
        return replace(plain, low=None, high=None, interval="none", note=at_bound(plain.value, values))
    return replace(plain, low=limits[0], high=limits[1], interval=LOGIT_INTERVAL) if plain.spread else plain


def _flat(spread: float, x: np.ndarray) -> bool:
    """Whether the spread is rounding noise."""
    return spread <= 1e-12 * max(1.0, float(np.abs(x).max()))


def fieller(top: Sequence[float] | np.ndarray, bottom: Sequence[float] | np.ndarray, level: float = LEVEL) -> Estimate:
    """Ratio of means of paired per-draw values with Fieller's interval (t, n - 1 degrees of freedom).

    The interval is the set of ratios q for which the mean of `top - q * bottom` is not different
    from zero. It is unbounded when the denominator itself is not different from zero; then both
    limits are null and the note says so. A denominator that is not positive gives no ratio: the
    share of a gain that is not there means nothing.
    """
    a, b = np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)
    n = len(a)
    if n == 0:
        return undefined("no draw has all arms", interval=FIELLER)
    mean_a, mean_b = float(a.mean()), float(b.mean())
    if mean_b <= 1e-12:
        return undefined(f"the denominator is not positive ({mean_b:.4f})", n, FIELLER)
    ratio = mean_a / mean_b
    if n == 1:
        return Estimate(ratio, n=1, interval="none", note="one draw: an interval is undefined")
    covariance = np.cov(a, b, ddof=1) / n
    limits = fieller_limits(mean_a, mean_b, covariance, t_quantile(n, level))
    if limits is None:
        note = "the interval is unbounded: the denominator is not different from zero"
        return Estimate(ratio, n=n, interval=FIELLER, note=note)
    return Estimate(ratio, *limits, n=n, interval=FIELLER)


def fieller_limits(a: float, b: float, covariance: np.ndarray, t: float) -> tuple[float, float] | None:
    """Limits of a / b from the covariance (2, 2) of both estimates; None when unbounded."""
    leading = b * b - t * t * covariance[1, 1]
    if leading <= 0:
        return None
    middle = a * b - t * t * covariance[0, 1]
    root = math.sqrt(max(middle * middle - leading * (a * a - t * t * covariance[0, 0]), 0.0))
    return float((middle - root) / leading), float((middle + root) / leading)


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests at one bound: equivalent iff the 90 % interval lies inside it."""

    bound: float
    p: float | None
    power: float | None
    holds: bool | None


def tost(values: Sequence[float] | np.ndarray, bound: float) -> Equivalence:
    """Paired equivalence test of a mean difference, with its power at a true difference of zero."""
    x = np.asarray(values, dtype=float)
    n = len(x)
    if n < 2:
        return Equivalence(bound, None, None, None)
    mean, spread = float(x.mean()), float(x.std(ddof=1))
    if _flat(spread, x):
        inside = abs(mean) < bound
        return Equivalence(bound, 0.0 if inside else 1.0, 1.0, inside)
    error = spread / math.sqrt(n)
    p = float(max(special.stdtr(n - 1, -(mean + bound) / error), special.stdtr(n - 1, (mean - bound) / error)))
    return Equivalence(bound, p, tost_power(n, spread, bound), p < ALPHA)


def tost_power(n: int, spread: float, bound: float) -> float:
    """Chance that the equivalence test succeeds when the true difference is zero.

    Given the sample deviation s, the mean must fall within bound - t s / sqrt(n); that chance is
    averaged over the distribution of s (midpoint rule on its quantiles).
    """
    if n < 2:
        return 0.0
    s = spread * _deviation_quantiles(n)
    room = bound - special.stdtrit(n - 1, 1 - ALPHA) * s / math.sqrt(n)
    inside = 2 * special.ndtr(room * math.sqrt(n) / spread) - 1
    return float(np.clip(inside, 0.0, 1.0).mean())


@lru_cache(maxsize=64)
def _deviation_quantiles(n: int) -> np.ndarray:
    """2,000 quantiles of the sample deviation of n draws from a unit normal."""
    quantiles = (np.arange(2000) + 0.5) / 2000
    return np.sqrt(special.chdtri(n - 1, 1 - quantiles) / (n - 1))


def t_power(n: int, spread: float, difference: float) -> float | None:
    """Power of the two-sided paired t test at a true `difference`; None below two draws."""
    if n < 2:
        return None
    if spread <= 0:
        return 1.0
    # Averaged over the sample deviation: scipy's noncentral t gives NaN in its far tails.
    critical = t_quantile(n) * _deviation_quantiles(n)
    shift = abs(difference) * math.sqrt(n) / spread
    return float(np.mean(special.ndtr(shift - critical) + special.ndtr(-critical - shift)))


def draws_needed(spread: float, half_width: float, most: int = 100_000) -> int | None:
    """Fewest draws whose t interval is no wider than +- `half_width` at this spread; None above `most`."""
    low, high = 2, 2
    while t_quantile(high) * spread / math.sqrt(high) > half_width:
        low, high = high, high * 2
        if high > most:
            return None
    while low < high:
        middle = (low + high) // 2
        if t_quantile(middle) * spread / math.sqrt(middle) <= half_width:
            high = middle
        else:
            low = middle + 1
    return high
