"""How each family of classifiers is trained for one cell: out-of-fold scores, grid, final fit, test scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from volfid.core.exits import ParameterError
from volfid.training.floors import floor_scores
from volfid.training.linear import LinearModel, fit_linear
from volfid.training.metrics import ap_micro
from volfid.training.mlp import Head, fit_mlp
from volfid.training.recipes import AnswersRecipe, LinearRecipe, MlpRecipe, Recipe
from volfid.training.rows import TrainRows

ALL_ROWS = -1  # the "fold" of the final fit


@dataclass(frozen=True)
class CellData:
    """What a cell trains on and is scored on.

    rows, vectors  training rows and their vectors, (rows, dimensions) float32
    kept           fold -> rows that may train it
    folds          fold of each of the n real documents; real_vectors, real_truth: theirs
    test_vectors   vectors of the test documents (their labels are not here)
    cardinality    mean labels of the n real documents
    answers        what a generator answered about the real and the test documents; None for trained classifiers
    """

    rows: TrainRows
    vectors: np.ndarray
    kept: Mapping[int, np.ndarray]
    folds: np.ndarray
    real_vectors: np.ndarray
    real_truth: np.ndarray
    test_vectors: np.ndarray
    label_ids: Sequence[str]
    cardinality: float
    master_seed: int
    answers: "Outcome | None" = None


@dataclass
class Outcome:
    """Scores (documents, labels) float32 of the n real documents, out of fold, and of the test documents.

    `book`: bookkeeping numbers, written as score rows.
    """

    oof: np.ndarray
    test: np.ndarray
    book: dict[str, float] = field(default_factory=dict)


def fit_cell(data: CellData, cell: Mapping[str, Any], recipe: Recipe) -> Outcome:
    """Train and apply one cell. Raises ParameterError for a factor value that its family does not have."""
    if recipe is None:
        return _fit_floor(data, cell)
    if isinstance(recipe, AnswersRecipe):
        if data.answers is None:
            raise ParameterError("the generator's answers were not read", mend="Make the plan again")
        return data.answers
    if cell["loss"] != "bce":
        raise ParameterError(f"the loss {cell['loss']!r} is not available for {cell['classifier']!r}", mend="Use bce")
    if isinstance(recipe, LinearRecipe):
        for factor, value in (("head_start", "zero"), ("exposure", "pooled")):
            if cell[factor] != value:
                raise ParameterError(f"{factor} {cell[factor]!r} means nothing for a solver without updates")
        return _fit_linear_cell(data, cell, recipe)
    return _fit_mlp_cell(data, cell, recipe)


def _fit_floor(data: CellData, cell: Mapping[str, Any]) -> Outcome:
    rows = data.rows

    def scores(kept: np.ndarray) -> np.ndarray:
        return floor_scores(cell["classifier"], rows.labels[kept], rows.multiplicity[kept], data.cardinality)

    oof = np.stack([scores(data.kept[fold]) for fold in data.folds.tolist()])
    everything = np.arange(len(rows.doc_ids))
    return Outcome(oof, np.tile(scores(everything), (len(data.test_vectors), 1)))


def _fit_linear_cell(data: CellData, cell: Mapping[str, Any], recipe: LinearRecipe) -> Outcome:
    scale = 1.0 if cell["penalty_scale"] is None else cell["penalty_scale"]
    grid = [C * scale for C in (recipe.grid_C if cell["tuning"] == "tuned" else (recipe.C,))]

    def fit(kept: np.ndarray, strengths: Sequence[float]) -> list[LinearModel]:
        numbers, weight = data.rows.merged(kept)
        return fit_linear(data.vectors[numbers], data.rows.labels[numbers], weight, strengths, recipe)

    oof = np.empty((len(grid), *data.real_truth.shape), dtype=np.float32)
    for fold, kept in data.kept.items():
        held = data.folds == fold
        for point, model in enumerate(fit(kept, grid)):
            oof[point][held] = model.predict(data.real_vectors[held])
    place, book = _selected(data, oof, grid, "C_selected", cell)
    (model,) = fit(np.arange(len(data.rows.doc_ids)), [grid[place]])
    book["labels_constant"] = float(model.constant.sum())
    book["loss_final"] = _loss(data, model.predict(data.vectors))
    return Outcome(oof[place], model.predict(data.test_vectors), book)


def _fit_mlp_cell(data: CellData, cell: Mapping[str, Any], recipe: MlpRecipe) -> Outcome:
    tuned = cell["tuning"] == "tuned"
    if not tuned and not cell["n_updates"]:
        raise ParameterError("the plan gives no number of updates", mend="Make the plan again")
    grid = list(recipe.grid_updates) if tuned else [cell["n_updates"]]
    final = np.arange(len(data.rows.doc_ids))
    half = cell["exposure"] == "half_real"

    def head(kept: np.ndarray, fold: int, updates: int) -> Head:
        if not half:
            return Head(data.rows.epoch(kept), updates, fold)
        return Head(data.rows.epoch(kept, data.rows.real), updates, fold, data.rows.epoch(kept, ~data.rows.real))

    def fit(heads: list[Head]) -> Any:
        stack = fit_mlp(
            data.vectors, data.rows.labels, data.label_ids, heads, recipe, cell["head_start"],
            data.master_seed, cell["draw"], cell["training_seed"],
        )  # fmt: skip
        assert stack.updates.tolist() == [h.updates for h in heads], "a head made another number of updates"
        return stack

    heads = [head(kept, fold, updates) for fold, kept in data.kept.items() for updates in grid]
    # a fixed cell trains its final head in the same stack; a tuned one must choose first
    stack = fit(heads if tuned else [*heads, head(final, ALL_ROWS, grid[0])])
    oof = np.empty((len(grid), *data.real_truth.shape), dtype=np.float32)
    for number, trained in enumerate(heads):
        held = data.folds == trained.fold
        oof[number % len(grid)][held] = stack.predict(number, data.real_vectors[held])
    place, book = _selected(data, oof, grid, "updates_selected", cell)
    last = len(heads)
    if tuned:
        stack, last = fit([head(final, ALL_ROWS, grid[place])]), 0
    own = data.rows.own
    documents = len({doc_id for doc_id, is_own in zip(data.rows.doc_ids, own, strict=True) if is_own})
    book["updates_done"] = float(stack.updates[last])
    if documents:
        book["exposures_per_real_document"] = float(stack.exposures[last][own].sum() / documents)
    book["loss_final"] = _loss(data, stack.predict(last, data.vectors))
    return Outcome(oof[place], stack.predict(last, data.test_vectors), book)


def _selected(
    data: CellData, oof: np.ndarray, grid: Sequence[float], name: str, cell: Mapping[str, Any]
) -> tuple[int, dict[str, float]]:
    """Point of the grid with the best out-of-fold micro-AP of the real documents (of equal ones the
    smallest: fewest updates, strongest penalty), and what to note of it."""
    scores = [ap_micro(data.real_truth, point) for point in oof]
    place = int(np.argmax([-1.0 if score is None else score for score in scores]))
    book = {name: float(grid[place])}
    if cell["tuning"] == "tuned":
        book["grid_at_edge"] = float(place in (0, len(grid) - 1))
    return place, book


def _loss(data: CellData, probability: np.ndarray) -> float:
    """Mean BCE over training rows (with multiplicity) and labels, without dropout or penalty."""
    p = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    losses = -np.where(data.rows.labels > 0, np.log(p), np.log1p(-p)).mean(1)
    return float(np.average(losses, weights=data.rows.multiplicity))
