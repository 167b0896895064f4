"""One draw of a world, through the real builders, fits, thresholds and metrics of the instrument."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from volfid.calibration.worlds import FOLDS, Documents, World, own_law_rows, paired_rows, real_documents, test_set
from volfid.core.exits import ParameterError
from volfid.core.seeds import generator
from volfid.core.updates import step_budget
from volfid.curation.pairing import pair_with_rows
from volfid.curation.rows import Ingredients
from volfid.curation.trainsets import build_trainset
from volfid.training.cells import ALL_ROWS, CellData
from volfid.training.linear import fit_linear
from volfid.training.metrics import ap_micro, f1_micro
from volfid.training.mixing import fit_cell
from volfid.training.mlp import Head, fit_mlp
from volfid.training.recipes import LinearRecipe, MlpRecipe
from volfid.training.rows import TrainRows, rows_by_fold, train_rows
from volfid.training.thresholds import FIXED, decide, tuned_threshold

Scores = dict[tuple[str, str, str], float | None]

# arm -> text, label law, updates. The first eight are the corners of the factorial and have every score.
ARMS = {
    "R0": ("none", "real", "low"), "R1": ("none", "real", "high"),
    "PL_low": ("copies_balanced", "synthetic", "low"), "PL": ("copies_balanced", "synthetic", "high"),
    "C_low": ("synthetic", "real", "low"), "C": ("synthetic", "real", "high"),
    "S_low": ("synthetic", "synthetic", "low"), "S": ("synthetic", "synthetic", "high"),
    "Pb": ("copies_balanced", "real", "high"), "Pp": ("copies_paired", "real", "high"),
    "Pd": ("copies_drawn", "real", "high"),
}  # fmt: skip


# Copies at the real law enter no contrast at a tuned threshold: they are not fitted out of fold.
UNTUNED = (("copies_balanced", "real"), ("copies_paired", "real"), ("copies_drawn", "real"))


@dataclass(frozen=True)
class Draw:
    """Documents of one draw by id, as the real stages know them.

    vectors   real documents in nested order, then added ones; place: id -> row
    """

    made_of: Ingredients
    vectors: np.ndarray
    place: Mapping[str, int]
    real_truth: np.ndarray
    folds: np.ndarray
    test: Documents


def make_draw(world: World, master_seed: int, draw: int) -> Draw:
    """Draw real documents and make the added ones; the first n real documents are the regime."""
    most = max([world.n, *world.sizes, world.n + world.added if world.sizes else 0])
    everything = real_documents(world, most, master_seed, draw)
    real = Documents(everything.vectors[: world.n], everything.truth[: world.n])
    rng = generator(master_seed, "calibration_added", world=world.name, draw=draw)
    paired, parents = paired_rows(world, real, rng)
    own, made_from = own_law_rows(world, real, rng)
    order = [f"d{place:04d}" for place in range(most)]
    labels = {doc_id: _names(world, row) for doc_id, row in zip(order, everything.truth, strict=True)}
    children = [_row(world, f"c{i:04d}", i, paired.truth[i], order[parents[i]]) for i in range(world.added)]
    pool = [_row(world, f"s{i:04d}", i, own.truth[i], None) for i in range(world.added)]
    for row, parent in zip(pool, made_from.tolist(), strict=True):
        row["source_doc_ids"] = [order[parent]] if parent >= 0 else []  # such a row stays out of the fold of its source
    regime = order[: world.n]
    made_of = Ingredients(regime, order, labels, pool, pair_with_rows(children, regime, labels))
    ids = [*order, *(row["doc_id"] for row in children), *(row["doc_id"] for row in pool)]
    return Draw(
        made_of,
        np.concatenate([everything.vectors, paired.vectors, own.vectors]),
        {doc_id: row for row, doc_id in enumerate(ids)},
        everything.truth,
        np.arange(most) % FOLDS,
        test_set(world, master_seed, draw),
    )


def _names(world: World, truth: np.ndarray) -> list[str]:
    return [world.labels[place] for place in np.flatnonzero(truth)]


def _row(world: World, doc_id: str, position: int, truth: np.ndarray, parent: str | None) -> dict:
    return {"doc_id": doc_id, "position": position, "labels": _names(world, truth), "parent_doc_id": parent,
            "source_doc_ids": [], "kept": True}  # fmt: skip


def score_columns(world: World, classifier: str, master_seed: int, draws: Iterable[int]) -> dict[str, list]:
    """Columns of the contract `calibration_scores` for those draws; one thread, so that they repeat to the bit."""
    if classifier not in world.classifiers:
        raise ParameterError(f"{classifier!r} is not calibrated", mend=f"Use one of {', '.join(world.classifiers)}")
    torch.set_num_threads(1)
    columns: dict[str, list] = {name: [] for name in ("draw", "arm", "metric", "threshold", "value")}
    for draw in draws:
        for (arm, metric, threshold), value in score_draw(world, classifier, master_seed, draw).items():
            for name, cell in zip(columns, (draw, arm, metric, threshold, value), strict=True):
                columns[name].append(cell)
    rows = len(columns["draw"])
    return {"world": [world.name] * rows, "classifier": [classifier] * rows, **columns}


def score_draw(world: World, classifier: str, master_seed: int, draw: int) -> Scores:
    """Score of every arm of one draw: (arm, metric, threshold) -> value.

    Arms of a learning curve are named `Rt@size`. Arms with the same rows and updates are one head: seeds
    never depend on the arm, so that a second fit would give the same numbers.
    """
    made = make_draw(world, master_seed, draw)
    recipe = world.linear if classifier == "linear" else world.mlp
    if world.sizes:
        return _worth_scores(world, classifier, recipe, made, master_seed, draw)
    sets = {}
    for text, law, _ in ARMS.values():
        if (text, law) not in sets:
            sets[text, law] = _train_rows(world, made, text, law, draw, master_seed)
    if classifier == "linear":
        fitted = _linear(world, recipe, made, sets)
    else:
        fitted = _mlp(world, recipe, made, sets, master_seed, draw)
    scores: Scores = {}
    truth = made.real_truth[: world.n]
    for arm, (text, law, updates) in ARMS.items():
        oof, predicted = fitted[text, law, updates]
        scores |= _measures(arm, truth, None if (text, law) in UNTUNED else oof, made.test.truth, predicted)
    return scores


def _measures(arm: str, truth: np.ndarray, oof: np.ndarray | None, test: np.ndarray, predicted: np.ndarray) -> Scores:
    scores: Scores = {
        (arm, "ap_micro", "none"): ap_micro(test, predicted),
        (arm, "f1_micro", "fixed_0.5"): f1_micro(test, decide(predicted, FIXED)),
    }
    if oof is not None:
        scores[arm, "f1_micro", "tuned"] = f1_micro(test, decide(predicted, tuned_threshold(truth, oof)))
    return scores


def _train_rows(world: World, made: Draw, text: str, law: str, draw: int, master_seed: int) -> TrainRows:
    item = {"text": text, "label_law": law, "rows_added": 0 if text == "none" else world.added, "real_share": None,
            "trainset_id": f"{text}__{law}"}  # fmt: skip
    rng = generator(master_seed, "trainset", world=world.name, draw=draw, text=text, label_law=law)
    return train_rows(build_trainset(item, made.made_of, rng), world.labels, made.place, {})


def _kept(world: World, made: Draw, kind: tuple[str, str], rows: TrainRows) -> dict[int, np.ndarray]:
    """Fold -> rows that may train it, and all rows for the final fit."""
    kept = {} if kind in UNTUNED else rows_by_fold(rows, made.made_of.real, made.folds[: world.n], {})
    return {**kept, ALL_ROWS: np.arange(len(rows.doc_ids))}


def _linear(world: World, recipe: LinearRecipe, made: Draw, sets: Mapping[tuple[str, str], TrainRows]) -> dict:
    """Low and high updates of a set are two strengths of one call: C x n / rows and C x (n + M) / rows."""
    fitted = {}
    for kind, rows in sets.items():
        total = int(rows.multiplicity.sum())
        scales = {"low": world.n / total, "high": (world.n + world.added) / total}
        wanted = [updates for updates in scales if (*kind, updates) in ARMS.values()]
        predicted = {updates: _Predicted(world, made) for updates in wanted}
        for fold, kept in _kept(world, made, kind, rows).items():
            numbers, weight = rows.merged(kept)
            strengths = [recipe.C * scales[updates] for updates in wanted]
            models = fit_linear(made.vectors[rows.vector[numbers]], rows.labels[numbers], weight, strengths, recipe)
            for updates, model in zip(wanted, models, strict=True):
                predicted[updates].add(fold, model.predict)
        fitted |= {(*kind, updates): (found.oof, found.test) for updates, found in predicted.items()}
    return fitted


def _mlp(
    world: World, recipe: MlpRecipe, made: Draw, sets: Mapping[tuple[str, str], TrainRows], master_seed: int, draw: int
) -> dict:
    """All arms and folds of the draw in one stack of heads; arms with equal rows and updates share their heads."""
    rows_seen = {"low": world.n, "high": world.n + world.added}
    steps = {updates: step_budget(rows, recipe.batch, recipe.epochs) for updates, rows in rows_seen.items()}
    offset = dict(zip(sets, np.cumsum([0, *(len(rows.doc_ids) for rows in sets.values())]).tolist(), strict=False))
    heads, owner, shared = [], [], {}
    for kind, updates in ((arm[:2], arm[2]) for arm in dict.fromkeys(ARMS.values())):
        rows = sets[kind]
        content = (rows.doc_ids, rows.multiplicity.tobytes(), rows.labels.tobytes(), rows.own.tobytes(), updates)
        first = shared.setdefault(content, (*kind, updates))
        shared[(*kind, updates)] = first
        if first == (*kind, updates):
            for fold, kept in _kept(world, made, kind, rows).items():
                heads.append(Head(rows.epoch(kept) + offset[kind], steps[updates], fold))
                owner.append((first, fold))
    vectors = np.concatenate([made.vectors[rows.vector] for rows in sets.values()])
    labels = np.concatenate([rows.labels for rows in sets.values()])
    stack = fit_mlp(vectors, labels, world.labels, heads, recipe, "zero", master_seed, draw, 0)
    predicted = {name: _Predicted(world, made) for name, _ in owner}
    for number, (name, fold) in enumerate(owner):
        predicted[name].add(fold, partial(stack.predict, number))
    found = {name: (done.oof, done.test) for name, done in predicted.items()}
    return {arm: found[shared[arm]] for arm in ARMS.values()}


class _Predicted:
    """Scores of one arm: out of fold for the n real documents, and of the test documents."""

    def __init__(self, world: World, made: Draw):
        self.folds, self.made = made.folds[: world.n], made
        self.oof = np.full((world.n, len(world.labels)), np.nan, dtype=np.float32)
        self.test: np.ndarray | None = None

    def add(self, fold: int, predict: Callable[[np.ndarray], np.ndarray]) -> None:
        """Apply the head of one fold to its documents, or the final head to the test documents."""
        if fold == ALL_ROWS:
            self.test = predict(self.made.test.vectors)
        else:
            held = np.flatnonzero(self.folds == fold)
            self.oof[held] = predict(self.made.vectors[held])


def _worth_scores(
    world: World, classifier: str, recipe: LinearRecipe | MlpRecipe, made: Draw, master_seed: int, draw: int
) -> Scores:
    """Tuned arms, each by `fit_cell`: the real learning curve (`Rt@size`), RMt and St."""
    cell = {"classifier": classifier, "loss": "bce", "tuning": "tuned", "updates": "grid", "head_start": "zero",
            "exposure": "pooled", "n_updates": None, "penalty_scale": None, "draw": draw,
            "training_seed": 0}  # fmt: skip
    wanted = [(f"Rt@{size}", "none", "real", size) for size in world.sizes]
    wanted += [("RMt", "real_more", "real", world.n), ("St", "synthetic", "synthetic", world.n)]
    scores: Scores = {}
    for arm, text, law, n in wanted:
        real = made.made_of.order[:n]
        rows = _train_rows(world, replace(made, made_of=replace(made.made_of, real=real)), text, law, draw, master_seed)
        truth, folds = made.real_truth[:n], made.folds[:n]
        kept = rows_by_fold(rows, real, folds, {}) | {ALL_ROWS: np.arange(len(rows.doc_ids))}
        data = CellData(
            rows, made.vectors[rows.vector], kept, folds, made.vectors[:n],
            truth, made.test.vectors, world.labels, float(truth.sum(1).mean()), master_seed,
        )  # fmt: skip
        outcome = fit_cell(data, cell, recipe)
        scores |= _measures(arm, truth, outcome.oof, made.test.truth, outcome.test)
    return scores
