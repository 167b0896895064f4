"""One cell of a fine-tuned encoder or causal LLM: models for the folds, the grid, the final model, test scores.

As the heads on frozen embeddings, with one cheaper rule: `folds_fitted` of the recipe says how many folds get a
model of their own. Thresholds and grids are then tuned on the documents of these folds alone. One of three folds of
165 documents holds 55; on real patents a threshold from 50 documents gave an F1 of .458, one from 100 .461.
The planner counts the fits, and the runner hands over only the documents of these folds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from volfid.core.exits import ConfigError, ParameterError
from volfid.core.log import inner, log
from volfid.training.cells import ALL_ROWS, CellData, Outcome
from volfid.training.encoder import FineTuning, Lesson, Tuned
from volfid.training.fit import ORDERED, final_loss, loss_book, selected
from volfid.training.memory import MicroBatch
from volfid.training.pretrained import Pretrained, load_decoder, load_encoder
from volfid.training.recipes import BodyRecipe, EncoderRecipe, InstructRecipe, read_recipe
from volfid.training.tokens import token_store

Row = Mapping[str, Any]
_LESS = 4  # a task that is tried again starts with this much smaller micro-batches


class BodyTuner:
    """The model of a job with the tokens of all its texts; its subclasses fit one cell after another.

    settings   of the job: recipe, encoder (models.yaml entry with its name), masked_words
    documents  rows with doc_id and text: real documents, and synthetic ones that were kept
    attempt    number of the try, from 1: later ones have less memory to fill
    labels     rows of labels.json, for models that are asked in words
    """

    load = staticmethod(load_encoder)

    def __init__(
        self, settings: Row, documents: Iterable[Row], model_dir: Path, attempt: int = 1, labels: Sequence[Row] = ()
    ):
        recipe = read_recipe(settings["recipe"])
        if not isinstance(recipe, BodyRecipe):
            raise ConfigError("the job's recipe does not fine-tune an encoder", mend="train_heads.py runs such jobs")
        self.recipe = recipe
        self.start = self._start(settings["encoder"], model_dir, labels)
        words = frozenset(settings.get("masked_words") or ())
        self.store = token_store(documents, self.start.tokenise, self.start.padding, words)
        self.size = max(1, recipe.micro_batch // _LESS ** (attempt - 1))
        self.unit = bool(settings["encoder"].get("normalise"))
        self.halved: list[str] = []
        self.updates = 0

    def _start(self, entry: Row, model_dir: Path, labels: Sequence[Row]) -> Pretrained:
        return self.load(entry, model_dir, self.recipe)

    @property
    def facts(self) -> dict[str, Any]:
        """How the model ran, for the manifest."""
        trained = sum(value.numel() for value in self.start.body.parameters() if value.requires_grad)
        return {
            "precision": "bfloat16 autocast" if self.start.bfloat16 else "float32", "device": self.start.device,
            "attention": self.recipe.attention, "weights_trained": trained, "texts": len(self.store.lengths),
            "texts_cut": int(self.store.cut.sum()), "micro_batch": self.size, "cells_with_half_of_it": self.halved,
        }  # fmt: skip

    def grid_updates(self, cell: Row) -> list[int]:
        """Numbers of updates that the cell tries. Raises ParameterError where it has none."""
        if cell["updates"] == "stopped":
            raise ParameterError("a fine-tuned encoder makes a fixed number of updates; it has no stop rule")
        if cell["tuning"] == "tuned":
            return list(self.recipe.grid_updates)
        if not cell["n_updates"]:
            raise ParameterError("the plan gives no number of updates", mend="Make the plan again")
        return [cell["n_updates"]]

    def announce(self, data: CellData, grid: Sequence[int]) -> None:
        """Tell the progress line how many updates the cell makes at most."""
        inner.begin(len(data.held_out) * sum(grid) + max(grid), "updates")

    def book(self, data: CellData, final: Tuned, micro: MicroBatch) -> dict[str, float]:
        """Bookkeeping of the final model; `exposures` of it by row of the training set."""
        if micro.halved:
            self.halved.append(micro.cell_id)
        own = data.rows.own
        documents = len({doc_id for doc_id, is_own in zip(data.rows.doc_ids, own, strict=True) if is_own})
        rows = data.rows.epoch(data.kept[ALL_ROWS])
        book = {
            "updates_done": float(final.updates), "clipped_share": final.clipped, "micro_batch": float(micro.size),
            "cut_share": float(self.store.cut[data.vectors[rows, 0]].mean()), "folds_fitted": float(len(data.held_out)),
        }  # fmt: skip
        book |= loss_book(data)
        if documents:
            book["exposures_per_real_document"] = float(final.exposures[own].sum() / documents)
        return book


class EncoderTuner(BodyTuner):
    """Encoder and head trained together."""

    kind: type[FineTuning] = FineTuning
    tuning: FineTuning | None = None

    def __call__(self, data: CellData, cell: Row, recipe: EncoderRecipe | InstructRecipe) -> Outcome:
        """Train and apply one cell. Raises RetryError when the GPU's memory runs out twice."""
        grid = self.grid_updates(cell)
        if self.tuning is None:
            self.tuning = self.kind(self.start, self.store, recipe, len(data.label_ids))
        self.announce(data, grid)
        micro = MicroBatch(cell["cell_id"], self.size)
        columns = np.argsort(np.asarray(data.label_ids), kind="stable")

        def scores(model: Tuned, texts: np.ndarray) -> np.ndarray:
            found = np.empty((len(texts), len(columns)), dtype=np.float32)
            found[:, columns] = self.tuning.predict(model, texts[:, 0], micro)
            return found

        oof = np.empty((len(grid), *data.real_truth.shape), dtype=np.float32)
        models: dict[tuple[int, int], Tuned] = {}
        for fold in data.held_out:
            held = data.folds == fold
            for point, updates in enumerate(grid):
                model = models[point, fold] = self._train(_lesson(data, cell, fold, updates), micro)
                oof[point][held] = scores(model, data.real_vectors[held])
        place, book = selected(data, oof, grid, "updates_selected", cell)
        final = self._train(_lesson(data, cell, ALL_ROWS, grid[place]), micro)
        test = scores(final, data.test_vectors)
        book |= self.book(data, final, micro) | self._closing(data, final, scores, micro)
        chosen = {fold: partial(scores, model) for (point, fold), model in models.items() if point == place}
        log(f"{cell['cell_id']}: {final.updates} updates, {len(models) + 1} fits")
        every = {**chosen, ALL_ROWS: partial(scores, final)}
        return Outcome(oof[place], test, book, every, self._sight(final, micro))

    def _closing(self, data: CellData, final: Tuned, scores: Any, micro: MicroBatch) -> dict[str, float]:
        """What is noted of the final model, after it has scored the test documents."""
        return {"loss_final": final_loss(data, scores(final, data.vectors))}

    def _sight(self, final: Tuned, micro: MicroBatch) -> Callable[[np.ndarray], np.ndarray] | None:
        """The function that gives what the final model sees of a text."""
        return lambda texts: self.tuning.represent(final, texts[:, 0], micro)

    def _train(self, lesson: Lesson, micro: MicroBatch) -> Tuned:
        self.updates += lesson.updates
        return self.tuning.train(lesson, micro)


class DecoderTuner(EncoderTuner):
    """Adapters of a causal LLM and a head trained together."""

    load = staticmethod(load_decoder)


def _lesson(data: CellData, cell: Row, fold: int, updates: int) -> Lesson:
    """What one model of the cell is trained on."""
    kept, rows, added = data.kept[fold], data.rows, None
    first = rows.epoch(kept)
    if cell["exposure"] in ORDERED:
        first, added = (rows.epoch(kept, wanted) for wanted in (rows.real, ~rows.real))
    return Lesson(
        texts=data.vectors[:, 0], labels=rows.labels, label_ids=data.label_ids, rows=first, added=added,
        order=cell["exposure"] if added is not None else "half_real", updates=updates, head_start=cell["head_start"],
        master_seed=data.master_seed,
        seed={"draw": cell["draw"], "training_seed": cell["training_seed"], "fold": fold},
        loss=data.loss, counted=data.counted(kept),
    )  # fmt: skip
