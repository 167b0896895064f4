"""Linear model with a random intercept by generator, by REML.

One variance ratio is profiled: given lambda = var(generator) / var(residual), fixed effects and
residual variance have closed forms (Pinheiro and Bates 2000, section 2.2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.optimize import minimize_scalar

from volfid.statistics.intervals import LEVEL

LARGEST_LOG_RATIO = 12.0


@dataclass(frozen=True)
class MixedModel:
    """Fixed effects with standard errors, variance components and the restricted log-likelihood.

    `boundary`: the generator variance is zero, the fit is that of least squares.
    """

    beta: np.ndarray
    se: np.ndarray
    var_cluster: float
    var_residual: float
    loglik: float
    degrees: int
    boundary: bool

    def interval(self, index: int, level: float = LEVEL) -> tuple[float, float]:
        """t interval of one fixed effect."""
        half = float(special.stdtrit(self.degrees, 0.5 + level / 2)) * self.se[index]
        return float(self.beta[index] - half), float(self.beta[index] + half)

    def p(self, index: int) -> float:
        """Two-sided p of one fixed effect."""
        return float(2 * special.stdtr(self.degrees, -abs(self.beta[index]) / self.se[index]))


def fit_mixed(design: np.ndarray, outcome: np.ndarray, cluster: Sequence[int] | np.ndarray) -> MixedModel | None:
    """REML fit of outcome = design beta + intercept of the cluster + residual; None when it has no solution.

    Degrees of freedom of a t: observations - clusters - columns that vary within clusters (the
    inner level of Pinheiro and Bates 2000, section 2.4.2). No solution: columns that depend on
    each other, no degree of freedom, or a perfect fit.
    """
    x, y = np.asarray(design, dtype=float), np.asarray(outcome, dtype=float)
    names, place = np.unique(cluster, return_inverse=True)
    member = (place[None, :] == np.arange(len(names))[:, None]).astype(float)
    degrees = len(y) - len(names) - (x.shape[1] - 1)
    if degrees < 1 or np.linalg.matrix_rank(x) < x.shape[1]:
        return None
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    if float(residual @ residual) <= 1e-20 * max(float(((y - y.mean()) ** 2).sum()), 1e-300):
        return None

    def profile(ratio: float) -> tuple[float, np.ndarray, np.ndarray, float]:
        """Minus twice the restricted log-likelihood, beta, its unscaled covariance, residual variance."""
        sizes = member.sum(axis=1)
        shrink = ratio / (1 + sizes * ratio)
        wx, wy = x - member.T @ (shrink[:, None] * (member @ x)), y - member.T @ (shrink * (member @ y))
        gram = x.T @ wx
        beta = np.linalg.solve(gram, x.T @ wy)
        free = len(y) - x.shape[1]
        variance = float(y @ wy - beta @ (x.T @ wy)) / free
        logdet = float(np.log1p(sizes * ratio).sum()) + float(np.linalg.slogdet(gram)[1])
        return free * (math.log(2 * math.pi * variance) + 1) + logdet, beta, np.linalg.inv(gram), variance

    best = minimize_scalar(
        lambda log: profile(math.exp(log))[0], bounds=(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    ratio = math.exp(best.x)
    boundary = profile(0.0)[0] <= best.fun + 1e-9
    ratio = 0.0 if boundary else ratio
    deviance, beta, covariance, variance = profile(ratio)
    se = np.sqrt(variance * np.diag(covariance))
    return MixedModel(beta, se, ratio * variance, variance, -deviance / 2, degrees, boundary)


def regime_design(fidelity: np.ndarray, method: Sequence[str]) -> np.ndarray:
    """Columns 1, fidelity, regime, fidelity x regime, then a column for every method but the first.

    `fidelity` (2, conditions) is centred within its regime; row 0 is regime 0, row 1 regime 1; the
    columns hold the conditions of regime 0, then those of regime 1.
    """
    centred = (fidelity - fidelity.mean(axis=1, keepdims=True)).ravel()
    regime = np.repeat([0.0, 1.0], fidelity.shape[1])
    others = sorted(set(method))[1:]
    dummies = [np.tile([float(name == other) for name in method], 2) for other in others]
    return np.stack([np.ones_like(centred), centred, regime, centred * regime, *dummies], axis=1)
