"""Mixtures of real and synthetic rows at a fixed budget: which share of real rows scores best."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from volfid.statistics.intervals import fieller_limits


@dataclass(frozen=True)
class Quadratic:
    """Least squares fit of score = b0 + b1 share + b2 share^2, and where it peaks."""

    beta: tuple[float, float, float]
    vertex: float | None
    delta_se: float | None
    delta: tuple[float, float] | None
    fieller: tuple[float, float] | None
    note: str | None


def fit_quadratic(shares: Sequence[float], scores: Sequence[float], level: float = 0.95) -> Quadratic:
    """The fit with the delta and the Fieller interval of its vertex.

    The vertex is null without a maximum, outside the measured shares, and below four points
    (three leave no degree of freedom for an interval).
    """
    x, y = np.asarray(shares, dtype=float), np.asarray(scores, dtype=float)
    if len(np.unique(x)) < 4:
        return Quadratic((0.0, 0.0, 0.0), None, None, None, None, f"{len(np.unique(x))} shares: at least 4 are needed")
    design = np.stack([np.ones_like(x), x, x * x], axis=1)
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    b = (float(beta[0]), float(beta[1]), float(beta[2]))
    if b[2] >= 0:
        return Quadratic(b, None, None, None, None, "the fit has no maximum")
    vertex = -b[1] / (2 * b[2])
    if not x.min() <= vertex <= x.max():
        return Quadratic(b, None, None, None, None, "the fit peaks outside the measured shares")
    degrees = len(x) - 3
    residual = y - design @ beta
    covariance = np.linalg.inv(design.T @ design) * (residual @ residual) / degrees
    slope = np.array([-1 / (2 * b[2]), b[1] / (2 * b[2] ** 2)])
    error = math.sqrt(slope @ covariance[1:, 1:] @ slope)
    t = float(special.stdtrit(degrees, 0.5 + level / 2))
    turn = np.diag([-1.0, 2.0])
    limits = fieller_limits(-b[1], 2 * b[2], turn @ covariance[1:, 1:] @ turn, t)
    note = None if limits else "the Fieller interval is unbounded: the curvature is not different from zero"
    return Quadratic(b, vertex, error, (vertex - t * error, vertex + t * error), limits, note)


def best_shares(shares: Sequence[float], scores: np.ndarray) -> np.ndarray:
    """The best share of each draw; `scores` has shape (draws, shares). Ties go to the smaller share."""
    return np.asarray(shares, dtype=float)[np.argmax(scores, axis=1)]


def band_frequency(
    shares: Sequence[float], scores: np.ndarray, band: tuple[float, float], rng: np.random.Generator, times: int = 2000
) -> float:
    """How often the best share of the mean over resampled draws lies inside `band`."""
    picks = rng.integers(0, len(scores), size=(times, len(scores)))
    means = scores[picks].mean(axis=1)
    best = best_shares(shares, means)
    return float(np.mean((best >= band[0] - 1e-9) & (best <= band[1] + 1e-9)))
