"""Mixtures of real and synthetic rows at a fixed budget: which share of real rows scores best."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.optimize import isotonic_regression

from volfid.statistics.clustered import MOST_ENUMERATED, multisets
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


@dataclass(frozen=True)
class BestShare:
    """How often each share is the best of the mean over resampled draws, and how many resamples differ."""

    probability: np.ndarray
    distinct: int
    exact: bool


def best_share_distribution(scores: np.ndarray, rng: np.random.Generator, times: int = 2000) -> BestShare:
    """Distribution of the best share over resamples of draws; `scores` has shape (draws, shares).

    Every multiset of draws with its probability up to MOST_ENUMERATED draws, else `times` random
    ones. With 3 draws there are 10 distinct resamples, with 5 draws 126: no more is known than that.
    """
    draws = len(scores)
    exact = draws <= MOST_ENUMERATED
    if exact:
        counts, weights = multisets(draws, fewest=1)
    else:
        counts = rng.multinomial(draws, np.full(draws, 1 / draws), size=times)
        weights = np.full(times, 1 / times)
    best = np.argmax(counts @ scores, axis=1)
    probability = np.bincount(best, weights=weights, minlength=scores.shape[1])
    return BestShare(probability, math.comb(2 * draws - 1, draws), exact)


@dataclass(frozen=True)
class Unimodal:
    """Least squares fit that rises up to one share and falls from there; `plateau` are its best shares."""

    fitted: np.ndarray
    plateau: tuple[float, float]
    sse: float


def fit_unimodal(shares: Sequence[float], scores: Sequence[float]) -> Unimodal:
    """Isotonic up to the peak, antitonic after it; the peak that fits best, of equal fits the smaller share.

    `shares` ascend. A single share is its own fit.
    """
    x, y = np.asarray(shares, dtype=float), np.asarray(scores, dtype=float)
    best: np.ndarray | None = None
    for peak in range(1, len(y) + 1):
        rise = isotonic_regression(y[:peak]).x
        fall = isotonic_regression(y[peak:], increasing=False).x if peak < len(y) else np.empty(0)
        fitted = np.concatenate([rise, fall])
        if best is None or ((y - fitted) ** 2).sum() < ((y - best) ** 2).sum() - 1e-15:
            best = fitted
    top = x[best >= best.max() - 1e-12]
    return Unimodal(best, (float(top.min()), float(top.max())), float(((y - best) ** 2).sum()))
