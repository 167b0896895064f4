"""The real learning curve, and what a score is worth in real documents (test inversion, no extrapolation)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import isotonic_regression, minimize_scalar

from volfid.statistics.intervals import LEVEL, t_quantile

GRID_POINTS = 2001
BEYOND = "beyond the curve: the score is above that of the largest measured size"
BELOW = "below the smallest size: the score is under that of the smallest measured size"


@dataclass(frozen=True)
class Worth:
    """Real documents with the same score; null limits lie outside the measured sizes.

    `side` is 1 when the whole interval is beyond the curve, -1 when it is below it, else 0.
    """

    size: float | None
    low: float | None
    high: float | None
    side: int
    note: str | None


def isotonic_curves(curves: np.ndarray) -> np.ndarray:
    """Each row (a draw's scores by ascending size) made non-decreasing by pooling violators."""
    return np.stack([isotonic_regression(row).x for row in np.asarray(curves, dtype=float)])


def interpolate(sizes: Sequence[float], curves: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Scores at `grid` between measured sizes, shape (draws, grid points): monotone cubic in log size.

    Learning curves bend; a straight line between two sizes lies below them, and the worth read off it is too
    large. Fritsch and Carlson's cubic bends with the neighbouring sizes and overshoots none; two sizes leave a line.
    """
    knots, points = np.log(np.asarray(sizes, dtype=float)), np.log(grid)
    if len(knots) < 3:
        return np.stack([np.interp(points, knots, row) for row in curves])
    return PchipInterpolator(knots, np.asarray(curves, dtype=float), axis=1)(points)


def size_with_score(sizes: Sequence[float], curves: np.ndarray, scores: np.ndarray, level: float = LEVEL) -> Worth:
    """Size of the real set whose score equals `scores` (one a draw), with its confidence set.

    `curves` has shape (draws, sizes), `sizes` ascend. The set holds every size N for which the
    paired t test does not tell the score from the curve R_d(N); its hull is reported. A limit that
    reaches the smallest or largest measured size is null: the curve says nothing outside.
    """
    grid = np.unique(np.concatenate([np.geomspace(sizes[0], sizes[-1], GRID_POINTS), np.asarray(sizes, dtype=float)]))
    curve = interpolate(sizes, isotonic_curves(curves), grid)
    gap = np.asarray(scores, dtype=float)[:, None] - curve
    mean = gap.mean(axis=0)
    size, notes = _crossing(grid, mean), []
    if size is None:
        notes.append(BEYOND if mean[-1] > 0 else BELOW)
    n = len(gap)
    if n < 2:
        return Worth(size, None, None, 0, "; ".join([*notes, "one draw: an interval is undefined"]))
    half = t_quantile(n, level) * gap.std(axis=0, ddof=1) / np.sqrt(n)
    inside = grid[np.abs(mean) <= half]
    if size is not None:
        inside = np.append(inside, size)
    if not len(inside):
        return Worth(None, None, None, 1 if mean[-1] > 0 else -1, notes[0])
    low = float(inside.min()) if inside.min() > grid[0] else None
    high = float(inside.max()) if inside.max() < grid[-1] else None
    if low is None:
        notes.append("the lower limit is below the smallest measured size")
    if high is None:
        notes.append("the upper limit is beyond the curve")
    return Worth(size, low, high, 0, "; ".join(notes) or None)


def _crossing(grid: np.ndarray, mean: np.ndarray) -> float | None:
    """Where the non-increasing `mean` reaches zero, linear in log size; None when it does not."""
    if mean[0] < 0 or mean[-1] > 0:
        return None
    index = int(np.argmax(mean <= 0))
    if index == 0 or mean[index] == 0:
        return float(grid[index])
    share = mean[index - 1] / (mean[index - 1] - mean[index])
    return float(np.exp(np.log(grid[index - 1]) + share * (np.log(grid[index]) - np.log(grid[index - 1]))))


# ---- a parametric curve, as sensitivity -----------------------------------------------------

UNIT = 1000.0
EXPONENTS = (0.01, 10.0)
FEWEST_SIZES = 4


@dataclass(frozen=True)
class PowerLaw:
    """score(n) = a - b (n / 1000)^(-c), fitted on sizes from `smallest` to `largest`."""

    a: float
    b: float
    c: float
    se: tuple[float, float, float] | None
    sse: float
    smallest: float
    largest: float

    def score(self, size: float | np.ndarray) -> float | np.ndarray:
        """The fitted score at `size` real documents."""
        return self.a - self.b * (np.asarray(size, dtype=float) / UNIT) ** -self.c

    def size(self, score: float) -> tuple[float | None, str | None]:
        """The size with this score, or None and why: nothing is said outside the measured sizes."""
        if score > self.score(self.largest):
            return None, BEYOND
        if score < self.score(self.smallest):
            return None, BELOW
        return float(UNIT * ((self.a - score) / self.b) ** (-1 / self.c)), None


def fit_power_law(
    sizes: Sequence[float], scores: Sequence[float], weights: Sequence[float] | None = None
) -> PowerLaw | None:
    """Weighted least squares with a <= 1, b > 0 and c in EXPONENTS; None below four sizes or without a rise.

    For a given c the fit is linear; c is searched alone, first on a grid.
    `weights` are 1 / variance; standard errors are None without a degree of freedom.
    """
    n, y = np.asarray(sizes, dtype=float), np.asarray(scores, dtype=float)
    w = np.ones_like(n) if weights is None else np.asarray(weights, dtype=float)
    w = w / w.mean()
    if len(np.unique(n)) < FEWEST_SIZES:
        return None

    share = w / w.sum()
    y_mean = float(share @ y)

    def linear(log_c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weighted SSE, a and b at each exponent exp(log_c)."""
        m = (n / UNIT) ** -np.exp(np.asarray(log_c, dtype=float)[..., None])
        m_mean = m @ share
        off = m - m_mean[..., None]
        b = -(off @ (share * (y - y_mean))) / (off**2 @ share)
        a = y_mean + b * m_mean
        b = np.where(a > 1, (m @ (share * (1 - y))) / (m**2 @ share), b)
        a = np.where(a > 1, 1.0, a)
        a, b = np.where(b < 0, y_mean, a), np.maximum(b, 0.0)
        return (y - a[..., None] + b[..., None] * m) ** 2 @ w, a, b

    grid = np.linspace(*np.log(EXPONENTS), 61)
    best = int(np.argmin(linear(grid)[0]))
    around = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    log_c = minimize_scalar(lambda x: float(linear(x)[0]), bounds=around, method="bounded", options={"xatol": 1e-10}).x
    a, b = (float(found) for found in linear(log_c)[1:])
    if b <= 1e-12:
        return None
    c = float(np.exp(log_c))
    m = (n / UNIT) ** -c
    jacobian = np.stack([np.ones_like(m), -m, b * m * np.log(n / UNIT)], axis=1)
    residual = y - a + b * m
    free, gram = len(n) - 3, jacobian.T @ (w[:, None] * jacobian)
    se = None
    if free > 0 and np.linalg.cond(gram) < 1e14:
        spread = np.sqrt(np.diag(np.linalg.inv(gram)) * float((w * residual**2).sum()) / free)
        se = float(spread[0]), float(spread[1]), float(spread[2])
    return PowerLaw(a, b, c, se, float((residual**2).sum()), float(n.min()), float(n.max()))


def power_law_fits(sizes: Sequence[float], curves: np.ndarray) -> list[PowerLaw | None]:
    """Fits to the mean curve of all draws, then without each draw in turn; weights are 1 / variance over draws."""
    every = np.arange(len(curves))
    kept = [every, *(np.delete(every, draw) for draw in every if len(every) > 1)]
    return [fit_power_law(sizes, curves[rows].mean(axis=0), _weights(curves[rows])) for rows in kept]


def power_law_size(fits: Sequence[PowerLaw | None], scores: np.ndarray, level: float = LEVEL) -> Worth:
    """As `size_with_score`, by inverting the power law (`power_law_fits` of the curves, `scores` one a draw).

    The interval is a jackknife over draws on the log size with a t quantile; limits outside the
    measured sizes are null.
    """
    whole, draws = fits[0], len(scores)
    if whole is None:
        return Worth(None, None, None, 0, f"the power law needs {FEWEST_SIZES} sizes and a curve that rises")
    size, reason = whole.size(float(np.mean(scores)))
    if size is None or draws < 2:
        return Worth(size, None, None, 0, reason or "one draw: an interval is undefined")
    left = [fit and fit.size(float(np.delete(scores, draw).mean()))[0] for draw, fit in enumerate(fits[1:])]
    if any(one is None for one in left):
        return Worth(size, None, None, 0, "no interval: without one of the draws the curve gives no size")
    logs = np.log(np.array(left, dtype=float))
    error = float(np.sqrt((draws - 1) / draws * ((logs - logs.mean()) ** 2).sum()))
    half = t_quantile(draws, level) * error
    low, high = float(size * np.exp(-half)), float(size * np.exp(half))
    notes = []
    if low < whole.smallest:
        low, notes = None, [*notes, "the lower limit is below the smallest measured size"]
    if high > whole.largest:
        high, notes = None, [*notes, "the upper limit is beyond the curve"]
    return Worth(size, low, high, 0, "; ".join(notes) or None)


def _weights(curves: np.ndarray) -> np.ndarray | None:
    """1 / variance over draws, held within ten times the mean variance's; None for one draw."""
    if len(curves) < 2:
        return None
    variance = curves.var(axis=0, ddof=1)
    floor = max(float(variance.mean()) / 10, 1e-12)
    return 1 / np.maximum(variance, floor)
