"""Every cell of one job: rows, folds, fit, thresholds, scores. A cell that cannot be made is a gap."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from volfid.core.exits import DataError, InputMissingError, RetryError, VolfidError
from volfid.core.labels import label_matrix, label_order_sha
from volfid.core.log import Progress
from volfid.training.answers import Answers
from volfid.training.cells import ALL_ROWS, CellData
from volfid.training.linear import Designs
from volfid.training.metrics import frequency_bands
from volfid.training.mixing import fit_cell
from volfid.training.recipes import AnswersRecipe, BodyRecipe, MlpRecipe, Recipe, read_recipe
from volfid.training.rows import TrainRows, rows_by_fold, train_rows
from volfid.training.scoring import TestSet, book_rows, count_rows, decisions, score_rows, search_row
from volfid.training.search import METRIC, FixedSearch

Row = dict[str, Any]


@dataclass
class Results:
    """What a job leaves: score rows, counts by document, gaps, and the predictions of every cell, by cell id."""

    scores: list[Row] = field(default_factory=list)
    counts: list[Row] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    predictions: list[tuple[str, str, list[str], np.ndarray]] = field(default_factory=list)
    label_order_sha: str = ""

    def prediction_columns(self) -> dict[str, Any]:
        """Columns of the contract `predictions`, sorted by its key."""
        parts = sorted(self.predictions, key=lambda part: part[:2])
        scores = np.concatenate([part[3] for part in parts]) if parts else np.zeros((0, 0), dtype=np.float32)
        offsets = np.arange(len(scores) + 1, dtype=np.int32) * scores.shape[1]
        ids = [doc_id for part in parts for doc_id in part[2]]
        return {
            "cell_id": [part[0] for part in parts for _ in part[2]],
            "split": [part[1] for part in parts for _ in part[2]],
            "doc_id": ids,
            "scores": pa.ListArray.from_arrays(offsets, pa.array(scores.ravel(), pa.float32())),
            "label_order_sha": [self.label_order_sha] * len(ids),
        }


def run_cells(
    job: Mapping[str, Any], documents: Sequence[Row], labels: Sequence[Row], regimes: Sequence[Row],
    trainsets: Iterable[Row], vector_row: Mapping[str, int], vectors: np.ndarray, answers: Sequence[Row] = (),
    tuner: Any = None,
) -> Results:  # fmt: skip
    """Train and score the cells of `job` (contract `job`: items = cells, settings = recipe, thresholds, folds).

    tuner: fits the cells of a fine-tuned encoder (training/encoder_cells.py); vectors are then numbers of texts.

    Cells run one after another, each with its own stack of heads on one thread, so that a cell
    gives the same bits alone and among others. A missing training set and any VolfidError of a
    cell become rows of gaps; a RetryError (the task may succeed with less) and bugs are raised.
    """
    study = _Study(job, documents, labels, regimes, trainsets, vector_row, vectors)
    study.answers, study.tuner = Answers(answers, study.label_ids), tuner
    results = Results(label_order_sha=label_order_sha(study.label_ids))
    if isinstance(study.recipe, MlpRecipe | BodyRecipe):
        import torch  # the other families do without

        torch.set_num_threads(1)
    with threadpool_limits(1), Progress("train", len(job["items"]), "cells") as progress:
        for cell in sorted(job["items"], key=lambda item: item["cell_id"]):
            if cell["trainset_id"] not in study.trainsets:
                reason = f"Its training set {cell['trainset_id']} was not made."
                results.gaps.append(_gap(cell, reason, cell["rows_total"], 0))
            else:
                try:
                    study.run(cell, results)
                except RetryError:
                    raise
                except VolfidError as error:
                    results.gaps.append(_gap(cell, str(error), None, None))
            progress.advance()
    return results


def left_out(job: Mapping[str, Any], labels: Sequence[Row], error: VolfidError) -> Results:
    """What a job leaves whose model cannot be run: each of its cells is a gap with the reason."""
    results = Results(label_order_sha=label_order_sha([row["label"] for row in labels]))
    results.gaps = [_gap(cell, str(error), None, None) for cell in job["items"]]
    return results


class _Study:
    """Inputs of a job, looked up once."""

    def __init__(
        self, job: Mapping[str, Any], documents: Sequence[Row], labels: Sequence[Row], regimes: Sequence[Row],
        trainsets: Iterable[Row], vector_row: Mapping[str, int], vectors: np.ndarray,
    ):  # fmt: skip
        self.job, self.vector_row, self.vectors = job, vector_row, vectors
        self.answers, self.tuner = Answers((), ()), None
        self.recipe: Recipe = read_recipe(job["settings"]["recipe"])
        self.losses: Mapping[str, Any] = job["settings"].get("losses", {})
        self.policies: list[str] = job["settings"]["thresholds"]
        self.label_ids = [row["label"] for row in labels]
        self.group = {row["doc_id"]: row["group"] for row in documents}
        self.labels_of = {row["doc_id"]: row["labels"] for row in documents}
        self.regimes = {(row["size"], row["draw"]): row for row in regimes}
        wanted = {cell["trainset_id"] for cell in job["items"]}
        self.trainsets: dict[str, list[Row]] = {}
        for row in trainsets:
            if row["trainset_id"] in wanted:
                self.trainsets.setdefault(row["trainset_id"], []).append(row)
        self.designs = Designs()
        self.parsed: tuple[str, TrainRows] | None = None
        self.test_ids = sorted(row["doc_id"] for row in documents if row["split"] == "test")
        if not self.test_ids:
            raise DataError("documents.jsonl has no test document", mend="Give the corpus a test split")
        bands = frequency_bands(np.array([row["count_train"] for row in labels]))
        self.test = TestSet(self._truth(self.test_ids), self.label_ids, bands)
        self.test_vectors = self._vectors(self.test_ids)
        self.pool_ids = sorted(row["doc_id"] for row in documents if row["split"] == "train")

    @cached_property
    def search(self) -> FixedSearch:
        """Made when a cell has learnt a representation; jobs of solvers and floors never need it."""
        corpus = self._vectors(self.pool_ids)
        return FixedSearch.of(self.test_vectors, self.test.truth, corpus, self._truth(self.pool_ids))

    def run(self, cell: Mapping[str, Any], results: Results) -> None:
        """Add one cell's rows and predictions to `results`."""
        data, doc_ids, real_truth = self._data(cell)
        outcome = fit_cell(data, cell, self.recipe)
        if not (np.isfinite(outcome.oof).all() and np.isfinite(outcome.test).all()):
            raise DataError("training diverged: a score is not finite", mend="Lower the learning rate of the recipe")
        cell_id = cell["cell_id"]
        decided = decisions(
            self.policies, outcome.test, data.real_truth, outcome.oof, data.folds, data.cardinality
        )  # fmt: skip
        results.scores += score_rows(
            cell_id, self.test, outcome.test, data.real_truth, outcome.oof, decided, real_truth
        )  # fmt: skip
        results.scores += book_rows(cell_id, outcome.book | _facts(data), len(real_truth))
        if outcome.represent is not None:
            results.scores.append(search_row(cell_id, METRIC, *self.search.score(outcome.represent)))
        results.counts += count_rows(cell_id, self.test, decided)
        results.predictions.append((cell_id, "oof", doc_ids, outcome.oof))
        results.predictions.append((cell_id, "test", self.test_ids, outcome.test))

    def _data(self, cell: Mapping[str, Any]) -> tuple[CellData, list[str], np.ndarray]:
        """Rows, folds and documents of a cell, the ids (sorted) of the real documents that are predicted out of
        fold, and the labels of all n real documents."""
        regime = self.regimes.get((cell["regime"], cell["draw"]))
        if regime is None:
            raise InputMissingError(f"regimes.jsonl has no row of size {cell['regime']}, draw {cell['draw']}")
        order = np.argsort(np.array(regime["doc_ids"]), kind="stable")
        doc_ids = [regime["doc_ids"][i] for i in order]
        folds = np.array(regime["folds"])[order]
        if len(set(folds.tolist())) < 2:
            raise DataError("one fold cannot be tuned out of fold", mend="Use at least 2 folds in the design")
        rows = self._rows(cell)
        all_truth = self._truth(doc_ids)
        if isinstance(self.recipe, BodyRecipe) and self.recipe.folds_fitted is not None:
            fitted = np.isin(folds, sorted(set(folds.tolist()))[: self.recipe.folds_fitted])
            doc_ids, folds = [name for name, is_held in zip(doc_ids, fitted, strict=True) if is_held], folds[fitted]
        truth = self._truth(doc_ids)
        asked = isinstance(self.recipe, AnswersRecipe)
        kept = rows_by_fold(rows, doc_ids, folds, self.group) | {ALL_ROWS: np.arange(len(rows.doc_ids))}
        data = CellData(
            rows=rows, vectors=self.vectors[rows.vector], kept=kept,
            folds=folds, real_vectors=self._vectors(doc_ids), real_truth=truth, test_vectors=self.test_vectors,
            label_ids=self.label_ids, cardinality=float(all_truth.sum(1).mean()), master_seed=self.job["master_seed"],
            answers=self.answers.outcome(cell, doc_ids, self.test_ids) if asked else None, tuner=self.tuner,
            designs=self.designs, loss=self._loss(cell["loss"]),
        )  # fmt: skip
        return data, doc_ids, all_truth

    def _loss(self, name: str) -> Any:
        """The loss of the job's settings; None for the plain one, and for a name that fit_plain refuses."""
        if name not in self.losses:
            return None
        from volfid.training.losses import read_loss  # torch

        return read_loss(self.losses[name])

    def _rows(self, cell: Mapping[str, Any]) -> TrainRows:
        name = cell["trainset_id"]
        if self.parsed is None or self.parsed[0] != name:  # neighbours in id order share their rows
            self.parsed = (name, train_rows(self.trainsets[name], self.label_ids, self.vector_row, self.group))
        rows = self.parsed[1]
        total = int(rows.multiplicity.sum())
        if total != cell["rows_total"]:
            raise DataError(f"the training set has {total} rows, the plan {cell['rows_total']}")
        return rows

    def _truth(self, doc_ids: Sequence[str]) -> np.ndarray:
        return label_matrix([self.labels_of[doc_id] for doc_id in doc_ids], self.label_ids) > 0

    def _vectors(self, doc_ids: Sequence[str]) -> np.ndarray:
        missing = next((doc_id for doc_id in doc_ids if doc_id not in self.vector_row), None)
        if missing is not None:
            raise DataError(f"document {missing} has no vector", mend="Embed documents.jsonl with the job's encoder")
        return self.vectors[[self.vector_row[doc_id] for doc_id in doc_ids]]


def _facts(data: CellData) -> dict[str, float]:
    """Sizes of the training set; fold_rows_min: rows of the fold that loses most to independence."""
    rows = data.rows
    return {
        "rows": float(rows.multiplicity.sum()),
        "unique_documents": float(len(set(rows.doc_ids))),
        "fold_rows_min": float(min(rows.multiplicity[kept].sum() for kept in data.held_out.values())),
        "cardinality_real": data.cardinality,
    }


def _gap(cell: Mapping[str, Any], reason: str, wanted: int | None, got: int | None) -> Row:
    return {"subject": cell["cell_id"], "stage": "training", "reason": reason, "wanted": wanted, "got": got}
