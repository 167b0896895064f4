"""How each family of classifiers is trained for one cell: out-of-fold scores, grid, final fit, test scores."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from volfid.core.exits import ParameterError
from volfid.core.log import inner, log
from volfid.core.seeds import generator
from volfid.training.cells import ALL_ROWS, CellData, Outcome
from volfid.training.floors import floor_scores
from volfid.training.knn import Voters
from volfid.training.linear import LinearModel, fit_linear
from volfid.training.metrics import ap_micro
from volfid.training.recipes import (
    AnswersRecipe,
    BodyRecipe,
    EncoderRecipe,
    KnnRecipe,
    LinearRecipe,
    MlpRecipe,
    Recipe,
    RidgeRecipe,
)
from volfid.training.ridge import RidgeModel, fit_ridge
from volfid.training.stopping import StopRule

if TYPE_CHECKING:
    from volfid.training.mlp import MlpStack

PLAIN_LOSS = "bce"
ORDERED = ("half_real", "curriculum")  # exposures that say which rows make a batch


def fit_plain(data: CellData, cell: Mapping[str, Any], recipe: Recipe) -> Outcome:
    """Train and apply one classifier on the rows as they are.

    Raises ParameterError for a factor value that its family does not have.
    """
    if recipe is None:
        return _fit_floor(data, cell)
    if isinstance(recipe, AnswersRecipe):
        if data.answers is None:
            raise ParameterError("the generator's answers were not read", mend="Make the plan again")
        return data.answers
    if cell["loss"] != PLAIN_LOSS and not isinstance(recipe, MlpRecipe | EncoderRecipe):
        raise ParameterError(f"the loss {cell['loss']!r} is not available for {cell['classifier']!r}", mend="Use bce")
    if (cell["loss"] != PLAIN_LOSS) != (data.loss is not None):
        raise ParameterError(f"the loss {cell['loss']!r} is not in the job", mend="Make the plan again")
    if isinstance(recipe, LinearRecipe | RidgeRecipe | KnnRecipe):
        for factor, values in (("head_start", ("prior",)), ("exposure", ORDERED), ("updates", ("stopped",))):
            if cell[factor] in values:
                raise ParameterError(f"{factor} {cell[factor]!r} means nothing for a solver without updates")
        if isinstance(recipe, KnnRecipe):
            return _fit_knn_cell(data, cell, recipe)
        return _fit_penalised_cell(data, cell, recipe)
    if isinstance(recipe, BodyRecipe):
        if data.tuner is None:
            raise ParameterError("an encoder is fine-tuned by train_encoder.py", mend="Run the job with that command")
        return data.tuner(data, cell, recipe)
    if cell["updates"] == "stopped":
        return _fit_stopped_cell(data, cell, recipe)
    return _fit_mlp_cell(data, cell, recipe)


def _fit_floor(data: CellData, cell: Mapping[str, Any]) -> Outcome:
    rows = data.rows
    if cell["classifier"] == "random":
        rng = generator(data.master_seed, "random_floor", draw=cell["draw"], training_seed=cell["training_seed"])
        sizes = [(len(part), len(data.label_ids)) for part in (data.folds, data.test_vectors)]
        return Outcome(*(rng.random(size, dtype=np.float32) for size in sizes))

    def scores(kept: np.ndarray) -> np.ndarray:
        return floor_scores(cell["classifier"], rows.labels[kept], rows.multiplicity[kept], data.cardinality)

    oof = np.stack([scores(data.kept[fold]) for fold in data.folds.tolist()])
    return Outcome(oof, np.tile(scores(data.kept[ALL_ROWS]), (len(data.test_vectors), 1)))


def _fit_penalised_cell(data: CellData, cell: Mapping[str, Any], recipe: LinearRecipe | RidgeRecipe) -> Outcome:
    scale = 1.0 if cell["penalty_scale"] is None else cell["penalty_scale"]
    grid = [C * scale for C in (recipe.grid_C if cell["tuning"] == "tuned" else (recipe.C,))]

    def fit(kept: np.ndarray, strengths: Sequence[float]) -> Sequence[LinearModel | RidgeModel]:
        numbers, weight = data.rows.merged(kept)
        vectors, labels = data.vectors[numbers], data.rows.labels[numbers]
        if isinstance(recipe, RidgeRecipe):
            return fit_ridge(vectors, labels, weight, strengths, data.designs)
        return fit_linear(vectors, labels, weight, strengths, recipe, data.designs)

    oof = np.empty((len(grid), *data.real_truth.shape), dtype=np.float32)
    trained = {fold: fit(kept, grid) for fold, kept in data.held_out.items()}
    for fold, models in trained.items():
        held = data.folds == fold
        for point, model in enumerate(models):
            oof[point][held] = model.predict(data.real_vectors[held])
    place, book = selected(data, oof, grid, "C_selected", cell)
    (model,) = fit(data.kept[ALL_ROWS], [grid[place]])
    book["labels_constant"] = float(model.constant.sum())
    book["loss_final"] = final_loss(data, model.predict(data.vectors))
    models = {fold: points[place].predict for fold, points in trained.items()} | {ALL_ROWS: model.predict}
    return Outcome(oof[place], model.predict(data.test_vectors), book, models)


def _fit_knn_cell(data: CellData, cell: Mapping[str, Any], recipe: KnnRecipe) -> Outcome:
    """Nothing is fitted: the rows are the model, each once, and few or many updates are the same."""
    grid = list(recipe.grid_k) if cell["tuning"] == "tuned" else [recipe.k]

    def voters(kept: np.ndarray) -> Voters:
        numbers = np.unique(kept)
        parents = [data.rows.parents[i] for i in numbers]
        return Voters(data.vectors[numbers], data.rows.labels[numbers], parents)

    oof = np.empty((len(grid), *data.real_truth.shape), dtype=np.float32)
    by_fold = {fold: voters(kept) for fold, kept in data.held_out.items()}
    for fold, asked in by_fold.items():
        held = data.folds == fold
        found = asked.nearest(data.real_vectors[held], grid[-1])
        for point, k in enumerate(grid):
            oof[point][held] = asked.scores(found, k, recipe)
    place, book = selected(data, oof, grid, "k_selected", cell)
    final = voters(data.kept[ALL_ROWS])
    book["parents"] = float(final.count)
    models = {
        fold: partial(asked.predict, k=grid[place], recipe=recipe)
        for fold, asked in {**by_fold, ALL_ROWS: final}.items()
    }
    return Outcome(oof[place], models[ALL_ROWS](data.test_vectors), book, models)


def _fit_mlp_cell(data: CellData, cell: Mapping[str, Any], recipe: MlpRecipe) -> Outcome:
    from volfid.training.mlp import Head, fit_mlp  # torch, which the other families do without

    tuned = cell["tuning"] == "tuned"
    if not tuned and not cell["n_updates"]:
        raise ParameterError("the plan gives no number of updates", mend="Make the plan again")
    grid = list(recipe.grid_updates) if tuned else [cell["n_updates"]]
    final = data.kept[ALL_ROWS]

    def head(kept: np.ndarray, fold: int, updates: int) -> Head:
        counted = data.counted(kept)
        if cell["exposure"] not in ORDERED:
            return Head(data.rows.epoch(kept), updates, fold, counted=counted)
        real, added = (data.rows.epoch(kept, wanted) for wanted in (data.rows.real, ~data.rows.real))
        return Head(real, updates, fold, added, cell["exposure"], counted)

    def fit(heads: list[Head]) -> Any:
        stack = fit_mlp(
            data.vectors, data.rows.labels, data.label_ids, heads, recipe, cell["head_start"],
            data.master_seed, cell["draw"], cell["training_seed"], loss=data.loss,
        )  # fmt: skip
        assert stack.updates.tolist() == [h.updates for h in heads], "a head made another number of updates"
        return stack

    heads = [head(kept, fold, updates) for fold, kept in data.held_out.items() for updates in grid]
    inner.begin((1 + tuned) * max(grid), "updates")  # of a stack of heads; a tuned cell fits its last head alone
    # a fixed cell trains its final head in the same stack; a tuned one must choose first
    stack = fit(heads if tuned else [*heads, head(final, ALL_ROWS, grid[0])])
    oof = np.empty((len(grid), *data.real_truth.shape), dtype=np.float32)
    for number, trained in enumerate(heads):
        held = data.folds == trained.fold
        oof[number % len(grid)][held] = stack.predict(number, data.real_vectors[held])
    place, book = selected(data, oof, grid, "updates_selected", cell)
    last = len(heads)
    models = {h.fold: partial(stack.predict, i) for i, h in enumerate(heads) if i % len(grid) == place}
    if tuned:
        stack, last = fit([head(final, ALL_ROWS, grid[place])]), 0
    models[ALL_ROWS] = partial(stack.predict, last)
    book |= _sgd_book(data, stack, last)
    return Outcome(oof[place], stack.predict(last, data.test_vectors), book, models, partial(stack.represent, last))


def _fit_stopped_cell(data: CellData, cell: Mapping[str, Any], recipe: MlpRecipe) -> Outcome:
    """The paper's stop rule; the model of the first fold, which is its validation set, is the final one."""
    from volfid.training.mlp import Head, fit_mlp

    folds = list(data.held_out)
    recipe = replace(recipe, batch=recipe.stop_batch)
    heads = []
    for fold, kept in data.held_out.items():
        rows = data.rows.epoch(kept)
        updates = recipe.stop_epochs * -(-len(rows) // recipe.stop_batch)
        heads.append(Head(rows, updates, fold, counted=data.counted(kept)))
    rule = StopRule(
        [-(-len(head.rows) // recipe.stop_batch) for head in heads],
        [(data.real_vectors[data.folds == fold], data.real_truth[data.folds == fold]) for fold in folds],
        recipe.stop_patience,
    )
    inner.begin(max(head.updates for head in heads), "updates at most")
    fit_mlp(
        data.vectors, data.rows.labels, data.label_ids, heads, recipe, cell["head_start"], data.master_seed,
        cell["draw"], cell["training_seed"], rule, data.loss,
    )  # fmt: skip
    oof = np.empty(data.real_truth.shape, dtype=np.float32)
    for number, fold in enumerate(folds):
        oof[data.folds == fold] = rule.best[number].predict(number, data.real_vectors[data.folds == fold])
    stack, epoch = rule.best[0], rule.best_epoch[0]
    book = {"epoch_selected": float(epoch), "epochs_done": float(rule.epochs[0])} | _sgd_book(data, stack, 0)
    if epoch == 1:
        log(f"{cell['cell_id']}: the stop rule kept the first epoch ({int(stack.updates[0])} updates)")
    book["stopped_at_first"] = float(epoch == 1)
    return Outcome(oof, stack.predict(0, data.test_vectors), book, represent=partial(stack.represent, 0))


def _sgd_book(data: CellData, stack: "MlpStack", head: int) -> dict[str, float]:
    own = data.rows.own
    documents = len({doc_id for doc_id, is_own in zip(data.rows.doc_ids, own, strict=True) if is_own})
    book = {"updates_done": float(stack.updates[head]), "clipped_share": float(stack.clipped[head])}
    book |= loss_book(data)
    if documents:
        book["exposures_per_real_document"] = float(stack.exposures[head][own].sum() / documents)
    return book | {"loss_final": final_loss(data, stack.predict(head, data.vectors))}


def loss_book(data: CellData) -> dict[str, float]:
    """What a loss with label counts has met in the final training set; nothing for the plain one."""
    if data.loss is None:
        return {}
    from volfid.training.losses import Counts

    kept = data.kept[ALL_ROWS]
    counted = data.counted(kept)
    counts = Counts.of(data.rows.labels[data.rows.epoch(kept) if counted is None else counted])
    return {
        "labels_without_positive": float(counts.unseen), "labels_on_every_row": float(counts.everywhere),
        "documents_without_label": float((data.rows.labels[kept].sum(1) == 0).sum()),
    }  # fmt: skip


def selected(
    data: CellData, oof: np.ndarray, grid: Sequence[float], name: str, cell: Mapping[str, Any]
) -> tuple[int, dict[str, float]]:
    """Point of the grid with the best out-of-fold micro-AP of the real documents (of equal ones the
    smallest: fewest updates, strongest penalty, fewest neighbours), and what to note of it."""
    scores = [ap_micro(data.real_truth, point) for point in oof]
    place = int(np.argmax([-1.0 if score is None else score for score in scores]))
    book = {name: float(grid[place])}
    if cell["tuning"] == "tuned":
        book["grid_at_edge"] = float(place in (0, len(grid) - 1))
    return place, book


def final_loss(data: CellData, probability: np.ndarray) -> float:
    """Mean BCE over training rows (with multiplicity) and labels, without dropout or penalty."""
    p = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    losses = -np.where(data.rows.labels > 0, np.log(p), np.log1p(-p)).mean(1)
    return float(losses[data.rows.epoch(data.kept[ALL_ROWS])].mean())
