"""Weights that move a pool's label law: towards a target (maximum entropy), or away from its own (a tilt)."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import minimize

PENALTY = 1e-3


@dataclass(frozen=True)
class Matched:
    """Weights (documents,) that sum to 1, and how well they match.

    ess           1 / sum w^2
    marginal_gap  largest absolute difference of a label's share from the target
    pair_gap      Frobenius norm of the difference of the co-occurrence shares (off-diagonal)
    """

    weights: np.ndarray
    ess: float
    marginal_gap: float
    pair_gap: float


def maximum_entropy_weights(features: np.ndarray, target: np.ndarray, penalty: float = PENALTY) -> np.ndarray:
    """Weights nearest to uniform (Kullback-Leibler) with the target moments, shape (documents,).

    Minimises the dual  log mean exp(F theta) - t theta + penalty / 2 |theta|^2  over theta by L-BFGS;
    w = softmax(F theta). `features` (documents, moments), `target` (moments,). The penalty is the slack
    that infeasible moments need.
    """
    f = np.asarray(features, dtype=np.float64)
    t = np.asarray(target, dtype=np.float64)

    def dual(theta: np.ndarray) -> tuple[float, np.ndarray]:
        z = f @ theta
        top = z.max()
        e = np.exp(z - top)
        total = e.sum()
        value = top + np.log(total / len(z)) - t @ theta + penalty / 2 * theta @ theta
        return float(value), (e / total) @ f - t + penalty * theta

    found = minimize(dual, np.zeros(f.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 2000, "gtol": 1e-9})
    z = f @ found.x
    e = np.exp(z - z.max())
    return e / e.sum()


def match_label_law(pool: np.ndarray, real: np.ndarray, penalty: float = PENALTY) -> Matched:
    """Weights of pool documents that bring labels and label pairs to those of the real documents.

    pool (documents, labels), real (documents, labels), binary. Moments are all labels and all pairs
    that occur on either side.
    """
    a, b = (np.asarray(x) > 0 for x in (pool, real))
    together = (a.T.astype(float) @ a + b.T.astype(float) @ b) > 0
    pairs = [(i, j) for i, j in combinations(range(a.shape[1]), 2) if together[i, j]]

    def moments(x: np.ndarray) -> np.ndarray:
        left, right = [i for i, _ in pairs], [j for _, j in pairs]
        return np.hstack([x, x[:, left] & x[:, right]]).astype(np.float64)

    f, t = moments(a), moments(b).mean(0)
    weights = maximum_entropy_weights(f, t, penalty)
    gap = weights @ f - t
    labels = a.shape[1]
    return Matched(
        weights, float(1 / (weights @ weights)), float(np.abs(gap[:labels]).max(initial=0.0)),
        float(np.sqrt(2 * gap[labels:] @ gap[labels:])),
    )  # fmt: skip


def tilted_weights(labels: np.ndarray, direction: np.ndarray, dose: float) -> np.ndarray:
    """Weights proportional to exp(dose x standardised (y direction)), shape (documents,); uniform at dose 0.

    labels (documents, labels) binary, direction (labels,). Documents whose label sets all project to
    the same value keep uniform weights.
    """
    along = (np.asarray(labels) > 0) @ np.asarray(direction, dtype=np.float64)
    spread = along.std()
    if spread <= 1e-12:
        return np.full(len(along), 1 / len(along))
    z = dose * (along - along.mean()) / spread
    e = np.exp(z - z.max())
    return e / e.sum()
