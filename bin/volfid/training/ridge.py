"""Ridge regression on the labels as 0 and 1, one label against the rest, in closed form.

Minimises for every label  |w|^2 / C + sum_i m_i (y_i - x_i w - b)^2  with multiplicity m_i and a free intercept b:
scikit-learn's Ridge with alpha = 1 / C. r copies of every row are therefore exactly C x r, as for logistic regression.
On the principal axes of the centred rows the normal equations are diagonal, so every label and every C costs one
division (Hoerl and Kennard 1970).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from volfid.core.exits import DataError
from volfid.training.linear import Designs

_EDGE = 0.01


@dataclass(frozen=True)
class RidgeModel:
    """Coefficients (dimensions, labels) and intercepts (labels,), float64.

    `constant` (labels,) bool: labels with no or only positive training rows; their value is 0 or 1 everywhere.
    """

    coefficients: np.ndarray
    intercepts: np.ndarray
    constant: np.ndarray

    def values(self, vectors: np.ndarray) -> np.ndarray:
        """The regression's own values, shape (documents, labels), float64; they may leave [0, 1]."""
        return vectors.astype(np.float64) @ self.coefficients + self.intercepts

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """Scores in (0, 1), shape (documents, labels), float32 (see `bent`)."""
        return bent(self.values(vectors)).astype(np.float32)


def fit_ridge(
    vectors: np.ndarray, labels: np.ndarray, weight: np.ndarray, strengths: Sequence[float],
    designs: Designs | None = None,
) -> list[RidgeModel]:  # fmt: skip
    """One model for each C in `strengths`.

    vectors (rows, dimensions), labels (rows, labels) binary, weight (rows,) multiplicities > 0. `designs` remembers
    the axes of rows that several cells train on. Raises DataError without rows.
    """
    if not len(vectors):
        raise DataError("there is no row to train on")
    common = float(weight.min())  # r copies of every row are C x r, so they share their axes
    design = (designs or Designs()).of(vectors, weight / common)
    target = labels.astype(np.float64)
    share = (design.weight * target).sum(0) / design.weight.sum()
    along = design.x[:, :-1]  # the last column is that of the intercept
    size = (design.weight * along**2).sum(0)
    moments = along.T @ (design.weight * (target - share))
    positive = (target > 0).sum(0)
    constant = (positive == 0) | (positive == len(target))
    models = []
    for strength in strengths:
        coefficients = design.axes @ (moments / (size + 1.0 / (strength * common))[:, None])
        models.append(RidgeModel(coefficients, share - design.mean @ coefficients, constant))
    return models


def bent(values: np.ndarray) -> np.ndarray:
    """`values` themselves between .01 and .99; beyond, bent (a hyperbola of slope 1 there) so that all lie in (0, 1).

    Cutting at 0 and 1 would tie most documents of a rare label, and ranking metrics with them. The order holds, and
    with it every threshold's decisions; 0.5 stays 0.5.
    """
    low = np.minimum(values, _EDGE)
    high = np.maximum(values, 1 - _EDGE)
    inner = np.clip(values, _EDGE, 1 - _EDGE)
    below = _EDGE**2 / (2 * _EDGE - low)
    above = 1 - _EDGE**2 / (high - 1 + 2 * _EDGE)
    return np.where(values < _EDGE, below, np.where(values > 1 - _EDGE, above, inner))
