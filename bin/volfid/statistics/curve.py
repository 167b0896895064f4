"""The real learning curve, and what a score is worth in real documents (test inversion, no extrapolation)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

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
    """Scores at `grid`, linear in log size between measured sizes; shape (draws, grid points)."""
    knots, points = np.log(np.asarray(sizes, dtype=float)), np.log(grid)
    return np.stack([np.interp(points, knots, row) for row in curves])


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
