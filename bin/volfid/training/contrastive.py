"""SetFit: an encoder tuned on pairs of documents, then logistic heads on its vectors (Tunstall et al. 2022).

    1. all weights of the encoder, U updates:  mean over the pairs of a batch of (cos(v_a, v_b) - goal)^2
    2. the vectors of the tuned encoder as they are:  L2 logistic regression, one label against the rest

The first step never sees the labels themselves, only whether two documents share one (training/pairs.py); the second
makes no updates. Copies of a text are drawn more often, and weigh more in the sum loss, and nothing else: r copies of
every row equal the plain rows with as many updates and C x r.

Folds, grid and thresholds are those of a fine-tuned encoder (training/encoder_cells.py); a tuned cell tries every
number of updates with every C.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from volfid.core.exits import ParameterError
from volfid.core.log import log
from volfid.core.seeds import derive_seed, generator
from volfid.training.cells import ALL_ROWS, CellData, Outcome
from volfid.training.encoder import FineTuning, Tuned
from volfid.training.encoder_cells import BodyTuner
from volfid.training.fit import ORDERED, final_loss, selected
from volfid.training.linear import LinearModel, fit_linear
from volfid.training.memory import MicroBatch
from volfid.training.pairs import pair_plan
from volfid.training.recipes import ContrastiveRecipe

Row = Mapping[str, Any]


@dataclass(frozen=True)
class PairLesson:
    """What one encoder is tuned on: texts (rows,) in the token store, labels (rows, labels), weight (rows,) copies."""

    texts: np.ndarray
    labels: np.ndarray
    weight: np.ndarray
    updates: int
    master_seed: int
    seed: Mapping[str, int]


class PairTuning(FineTuning):
    """An encoder without a head that is tuned on the pairs of one lesson after another, each from the same start."""

    def tune(self, lesson: PairLesson, micro: MicroBatch) -> tuple[Tuned, int]:
        """The tuned encoder, and how many rows share a label with no other text."""
        recipe = self.recipe
        self.loaded = None
        rng = generator(lesson.master_seed, "pairs", **lesson.seed)
        plan = pair_plan(lesson.labels, lesson.texts, lesson.weight, lesson.updates, recipe.batch, rng)
        torch.manual_seed(derive_seed(lesson.master_seed, "body_dropout", **lesson.seed))
        self.start.restart(derive_seed(lesson.master_seed, "adapters", **lesson.seed))
        shown = np.zeros(len(lesson.texts), dtype=np.int64)

        def gradients(update: int) -> None:
            rows = plan.rows[update]
            micro.run(lambda size: self.pair_gradients(size, lesson.texts[rows], plan.goal))
            np.add.at(shown, rows.ravel(), 1)

        return self._optimise(lesson.updates, gradients, shown), plan.alone

    def pair_gradients(self, size: int, texts: np.ndarray, goal: np.ndarray) -> None:
        """Gradients of one batch of pairs, texts (pairs, 2), with at most `size` documents at once."""
        self.network.zero_grad(set_to_none=True)
        step = max(size // 2, 1)
        for start in range(0, len(texts), step):
            part = texts[start : start + step]
            with self._autocast():
                pooled = self.network.pooled(*self._tokens(part.T.ravel()))
            likeness = functional.cosine_similarity(*pooled.split(len(part)))
            wanted = torch.from_numpy(goal[start : start + step]).to(likeness.device)
            (likeness - wanted).square().sum().div(len(texts)).backward()


class ContrastiveTuner(BodyTuner):
    """Tunes the encoder of a job on pairs, then fits logistic heads; one cell after another."""

    tuning: PairTuning | None = None

    def __call__(self, data: CellData, cell: Row, recipe: ContrastiveRecipe) -> Outcome:
        """Train and apply one cell. Raises RetryError when the GPU's memory runs out twice, ParameterError for a
        factor value that means nothing here, DataError when there is no pair of one kind."""
        if cell["head_start"] == "prior":
            raise ParameterError("head_start 'prior' means nothing for a head that is solved")
        if cell["exposure"] in ORDERED:
            raise ParameterError(f"exposure {cell['exposure']!r} means nothing for batches of pairs")
        grid, tuned = self.grid_updates(cell), cell["tuning"] == "tuned"
        if self.tuning is None:
            self.tuning = PairTuning(self.start, self.store, recipe, 1)
        self.announce(data, grid)
        micro = MicroBatch(cell["cell_id"], self.size)
        scale = 1.0 if cell["penalty_scale"] is None else cell["penalty_scale"]
        strengths = [C * scale for C in (recipe.grid_C if tuned else (recipe.C,))]
        points = [(updates, strength) for updates in grid for strength in strengths]
        oof = np.empty((len(points), *data.real_truth.shape), dtype=np.float32)
        models: dict[tuple[int, int], tuple[Tuned, LinearModel]] = {}
        for fold in data.held_out:
            held = data.folds == fold
            for number, updates in enumerate(grid):
                body, heads, _ = self._fit(data, cell, fold, updates, strengths, micro)
                for place, head in enumerate(heads, number * len(strengths)):
                    models[place, fold] = body, head
                    oof[place][held] = self._scores(body, head, micro, data.real_vectors[held])
        place, book = selected(data, oof, [updates for updates, _ in points], "updates_selected", cell)
        updates, strength = points[place]
        if tuned:
            ends = (updates in (grid[0], grid[-1]), strength in (strengths[0], strengths[-1]))
            book |= {"C_selected": strength, "grid_at_edge": float(any(ends))}
        final, (head,), alone = self._fit(data, cell, ALL_ROWS, updates, [strength], micro)
        chosen = {fold: partial(self._scores, *pair, micro) for (at, fold), pair in models.items() if at == place}
        chosen[ALL_ROWS] = partial(self._scores, final, head, micro)
        book |= self.book(data, final, micro) | {
            "labels_constant": float(head.constant.sum()), "documents_without_positive_pair": float(alone),
            "loss_final": final_loss(data, chosen[ALL_ROWS](data.vectors)),
        }  # fmt: skip
        log(f"{cell['cell_id']}: {final.updates} updates on pairs, {len(data.held_out) * len(grid) + 1} fits")
        return Outcome(oof[place], chosen[ALL_ROWS](data.test_vectors), book, chosen, partial(self._seen, final, micro))

    def _fit(
        self, data: CellData, cell: Row, fold: int, updates: int, strengths: Sequence[float], micro: MicroBatch
    ) -> tuple[Tuned, list[LinearModel], int]:
        """The tuned encoder (`exposures` by row of the training set), a head for each strength, and rows alone."""
        assert self.tuning is not None and isinstance(self.recipe, ContrastiveRecipe)
        numbers, weight = data.rows.merged(data.kept[fold])
        texts, labels = data.vectors[numbers, 0], data.rows.labels[numbers]
        seed = {"draw": cell["draw"], "training_seed": cell["training_seed"], "fold": fold}
        self.updates += updates
        body, alone = self.tuning.tune(PairLesson(texts, labels, weight, updates, data.master_seed, seed), micro)
        heads = fit_linear(self._seen(body, micro, texts[:, None]), labels, weight, strengths, self.recipe.head)
        shown = np.zeros(len(data.rows.doc_ids), dtype=np.int64)
        shown[numbers] = body.exposures
        self.tuning.loaded = replaced = replace(body, exposures=shown)
        return replaced, heads, alone

    def _seen(self, body: Tuned, micro: MicroBatch, texts: np.ndarray) -> np.ndarray:
        """Vectors of texts (texts, 1), of unit length where the encoder's entry says so."""
        assert self.tuning is not None
        vectors = self.tuning.represent(body, texts[:, 0], micro)
        return functional.normalize(torch.from_numpy(vectors)).numpy() if self.unit else vectors

    def _scores(self, body: Tuned, head: LinearModel, micro: MicroBatch, texts: np.ndarray) -> np.ndarray:
        return head.predict(self._seen(body, micro, texts))
