"""L2 logistic regression, one label against the rest, all labels solved together.

Minimises for every label  0.5 |w|^2 + C sum_i m_i log(1 + exp(-s_i (x_i w + b)))  with s_i = +-1,
multiplicity m_i and a free intercept b: scikit-learn's objective. r copies of every row are
therefore exactly C x r.

Method: centre the rows and rotate them onto their principal axes (the penalty does not change,
and fewer rows than dimensions leave fewer unknowns), then Newton steps by conjugate gradients
with a Jacobi preconditioner, which is nearly the inverse Hessian on those axes. Every label is a
column of the same matrix products but has its own step lengths and stops on its own.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from volfid.core.exits import DataError
from volfid.training.recipes import LinearRecipe

_CG_STEPS = 40
_HALVINGS = 30


@dataclass(frozen=True)
class LinearModel:
    """Coefficients (dimensions, labels) and intercepts (labels,), float64.

    `constant` (labels,) bool: labels with no or only positive training rows. They have no
    finite optimum; their coefficients are 0 and their probability is (n_k or 1) / (N + 2).
    """

    coefficients: np.ndarray
    intercepts: np.ndarray
    constant: np.ndarray

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities, shape (documents, labels), float32."""
        return _sigmoid(vectors.astype(np.float64) @ self.coefficients + self.intercepts).astype(np.float32)


def fit_linear(
    vectors: np.ndarray, labels: np.ndarray, weight: np.ndarray, strengths: Sequence[float], recipe: LinearRecipe,
    designs: "Designs | None" = None,
) -> list[LinearModel]:  # fmt: skip
    """One model for each C in `strengths` (rising, so that each starts from the one before).

    vectors (rows, dimensions), labels (rows, labels) binary, weight (rows,) multiplicities > 0. `designs`
    remembers the axes of rows that several cells train on.
    Raises DataError without rows, and when a label is not solved to recipe.tolerance (largest
    absolute gradient entry) within recipe.max_iterations Newton steps.
    """
    if not len(vectors):
        raise DataError("there is no row to train on")
    common = float(weight.min())  # r copies of every row are C x r, so they share their axes
    design = (designs or Designs()).of(vectors, weight / common)
    strengths = [common * strength for strength in strengths]
    target = labels.astype(np.float64)
    positive = (target > 0).sum(0)
    constant = (positive == 0) | (positive == len(target))
    rate = np.maximum(positive, 1) / (len(target) + 2)
    solved = np.flatnonzero(~constant)
    share = weight @ target[:, solved] / weight.sum()
    state = np.zeros((design.rank + 1, len(solved)))
    state[-1] = np.log(share / (1 - share))
    models = []
    for strength in strengths:
        state = _solve(design, target[:, solved], float(strength), state, recipe)
        coefficients = np.zeros((vectors.shape[1], target.shape[1]))
        intercepts = np.log(rate / (1 - rate))
        coefficients[:, solved] = design.axes @ state[:-1]
        intercepts[solved] = state[-1] - design.mean @ coefficients[:, solved]
        models.append(LinearModel(coefficients, intercepts, constant))
    return models


class Designs:
    """The last few designs by their content: cells on the same rows differ in labels, penalty or copies only."""

    def __init__(self, most: int = 6):
        self.most = most
        self._kept: dict[bytes, _Design] = {}

    def of(self, vectors: np.ndarray, weight: np.ndarray) -> "_Design":
        """The design of these rows, made once while it is remembered."""
        parts = (np.ascontiguousarray(vectors), np.ascontiguousarray(weight))
        key = hashlib.sha256(b"".join([repr(parts[0].shape).encode(), *(p.tobytes() for p in parts)])).digest()
        found = self._kept.pop(key, None) or _Design(*parts)
        self._kept[key] = found  # the latest stands last
        while len(self._kept) > self.most:
            self._kept.pop(next(iter(self._kept)))
        return found


class _Design:
    """Rows on their principal axes, with the column of ones of the intercept."""

    def __init__(self, vectors: np.ndarray, weight: np.ndarray):
        rows = vectors.astype(np.float64)
        self.weight = weight.astype(np.float64)[:, None]
        self.mean = (self.weight * rows).sum(0) / self.weight.sum()
        rows = rows - self.mean
        scaled = np.sqrt(self.weight) * rows
        if len(rows) < rows.shape[1]:
            _, size, axes = np.linalg.svd(scaled, full_matrices=False)
            self.axes = axes[size > size.max(initial=0.0) * 1e-12].T
        else:
            self.axes = np.linalg.eigh(scaled.T @ scaled)[1]
        self.rank = self.axes.shape[1]
        self.x = np.hstack([rows @ self.axes, np.ones((len(rows), 1))])
        self.x32 = self.x.astype(np.float32)
        self.squares = (self.x**2).astype(np.float32)
        self.penalty = np.ones((self.rank + 1, 1))
        self.penalty[-1] = 0.0  # the intercept is free


def _solve(design: _Design, target: np.ndarray, strength: float, start: np.ndarray, recipe: LinearRecipe) -> np.ndarray:
    """Optimum of all labels, shape (rank + 1, labels), the last row being the intercept."""
    state = start.copy()
    active = np.arange(state.shape[1])
    margin = design.x @ state
    loss = _objective(design, margin, target, state, strength)
    for _ in range(recipe.max_iterations):
        probability = _sigmoid(margin)
        gradient = design.penalty * state[:, active] + strength * (
            design.x.T @ (design.weight * (probability - target[:, active]))
        )
        going = np.abs(gradient).max(0) > recipe.tolerance
        if not going.any():
            return state
        active, margin, probability = active[going], margin[:, going], probability[:, going]
        gradient, loss = gradient[:, going], loss[going]
        curvature = (strength * design.weight * probability * (1 - probability)).astype(np.float32)
        step = _newton_step(design, curvature, gradient)
        state, margin, loss = _line_search(design, target, strength, state, active, margin, step, gradient, loss)
    raise DataError(
        f"{len(active)} labels were not solved in {recipe.max_iterations} iterations at C = {strength:g}",
        mend="Raise max_iterations or tolerance in the recipe",
    )


def _newton_step(design: _Design, curvature: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Solve Hessian x step = -gradient by preconditioned conjugate gradients, every label on its own.

    In float32: the step need not be exact, the float64 gradient decides where the optimum is.
    """
    penalty = design.penalty.astype(np.float32)
    inverse = 1.0 / (penalty + design.squares.T @ curvature)
    residual = -gradient.astype(np.float32)
    step = np.zeros_like(residual)
    scaled = inverse * residual
    direction = scaled.copy()
    size = first = (residual * scaled).sum(0)
    # forcing term: loose far away, tight near the optimum, never below what float32 can give
    goal = first * np.clip(np.abs(gradient).max(0), 1e-6, 1e-2).astype(np.float32)
    for _ in range(_CG_STEPS):
        going = size > goal
        if not going.any():
            break
        product = penalty * direction + design.x32.T @ (curvature * (design.x32 @ direction))
        bend = (direction * product).sum(0)
        length = np.where(going, size / np.where(bend > 0, bend, 1), 0).astype(np.float32)
        step += length * direction
        residual -= length * product
        scaled = inverse * residual
        following = (residual * scaled).sum(0)
        direction = scaled + np.where(going, following / np.where(size > 0, size, 1), 0).astype(np.float32) * direction
        size = np.where(going, following, size)
    return step.astype(np.float64)


def _line_search(
    design: _Design, target: np.ndarray, strength: float, state: np.ndarray, active: np.ndarray,
    margin: np.ndarray, step: np.ndarray, gradient: np.ndarray, loss: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Halve each label's step until its objective falls (Armijo); the new state, margins and objectives."""
    shift = design.x @ step
    slope = (gradient * step).sum(0)
    length = np.ones(len(active))
    open_ = np.arange(len(active))
    reached = loss.copy()
    for _ in range(_HALVINGS):
        trial = margin[:, open_] + length[open_] * shift[:, open_]
        moved = state[:, active[open_]] + length[open_] * step[:, open_]
        value = _objective(design, trial, target[:, active[open_]], moved, strength)
        reached[open_] = value
        slack = 1e-12 * np.abs(loss[open_])  # rounding of the sum near the optimum
        open_ = open_[value > loss[open_] + 1e-4 * length[open_] * slope[open_] + slack]
        if not len(open_):
            break
        length[open_] /= 2
    state[:, active] += length * step
    return state, margin + length * shift, reached


def _objective(
    design: _Design, margin: np.ndarray, target: np.ndarray, state: np.ndarray, strength: float
) -> np.ndarray:
    """Penalised loss of every label, shape (labels,)."""
    # log(1 + e^m), four times as fast as logaddexp and as exact
    softplus = np.log1p(np.exp(-np.abs(margin))) + np.maximum(margin, 0)
    losses = design.weight * (softplus - target * margin)
    return 0.5 * (design.penalty * state**2).sum(0) + strength * losses.sum(0)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * values))
