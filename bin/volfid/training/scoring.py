"""Score rows (contract `scores`) of one cell from its out-of-fold and test scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from volfid.core.exits import ParameterError
from volfid.core.ranking import as_truth
from volfid.training import metrics
from volfid.training.thresholds import (
    FIXED,
    cardinality_threshold,
    cross_validated_thresholds,
    decide,
    per_label_thresholds,
    tuned_threshold,
)

Row = dict[str, Any]

_RANKING = {  # metric -> function, what n counts, why it can be undefined
    "ap_micro": (metrics.ap_micro, "documents", "no test document has a label"),
    "ap_macro": (metrics.ap_macro, "labels", "no test document has a label"),
    "lrap": (metrics.lrap, "labelled", "no test document has a label"),
    "coverage": (metrics.coverage, "labelled", "no test document has a label"),
    "ranking_loss": (metrics.ranking_loss, "both", "no test document has both labels and other labels"),
    "calibration_error": (metrics.calibration_error, "documents", "no test document"),
    "brier": (metrics.brier, "documents", "no test document"),
}
_DECISION = {
    "f1_micro": (metrics.f1_micro, "documents", "no label and no prediction"),
    "f1_macro": (metrics.f1_macro, "labels", "no test document has a label"),
    "f1_weighted": (metrics.f1_weighted, "labels", "no test document has a label"),
    "f1_samples": (metrics.f1_samples, "documents", "no label and no prediction"),
    "precision_micro": (metrics.precision_micro, "documents", "nothing is predicted"),
    "recall_micro": (metrics.recall_micro, "documents", "no test document has a label"),
    "jaccard_samples": (metrics.jaccard_samples, "documents", "no label and no prediction"),
    "subset_accuracy": (metrics.subset_accuracy, "documents", "no test document"),
    "hamming": (metrics.hamming, "documents", "no test document"),
}

COUNTED = ("fixed_0.5", "tuned", "cardinality")  # policies that are compared document by document


@dataclass(frozen=True)
class Decision:
    """What one threshold policy decides on the test documents.

    threshold  one number, or one of each label
    own        labels that have a threshold of their own, where a label may; else None
    predicted  (documents, labels) bool
    """

    threshold: float | np.ndarray
    own: int | None
    predicted: np.ndarray


@dataclass(frozen=True)
class TestSet:
    """Test documents and what they are broken down by.

    truth  (documents, labels) bool
    bands  head, medium, tail -> columns
    """

    __test__ = False  # no test class

    truth: np.ndarray
    label_ids: Sequence[str]
    bands: Mapping[str, np.ndarray]


def seen_label_sets(truth: np.ndarray, real_truth: np.ndarray) -> np.ndarray:
    """Which documents have a label set that one of the n real training documents has, bool.

    The real documents, not the rows of the arm, so that all arms are scored on the same parts.
    """
    known = {row.tobytes() for row in as_truth(real_truth)}
    return np.array([row.tobytes() in known for row in as_truth(truth)], dtype=bool)


def decisions(
    policies: Sequence[str], scores: np.ndarray, real_truth: np.ndarray, oof: np.ndarray, folds: np.ndarray,
    cardinality: float | None = None,
) -> dict[str, Decision]:  # fmt: skip
    """The decisions of every policy but `none` (ranking metrics need no threshold), in the order given.

    scores, oof  (documents, labels): of the test documents, and out of fold of the real ones
    folds        (real documents,): the fold that held each of them out
    cardinality  mean labels of the n real documents, where not all of them have out-of-fold scores
    """
    if cardinality is None:
        cardinality = float(real_truth.sum(1).mean())
    made = {}
    for policy in policies:
        if policy != "none":
            threshold, own = _threshold(policy, scores, real_truth, oof, folds, cardinality)
            made[policy] = Decision(threshold, own, decide(scores, threshold))
    return made


def score_rows(
    cell_id: str, test: TestSet, scores: np.ndarray, real_truth: np.ndarray, oof: np.ndarray,
    decided: Mapping[str, Decision], known: np.ndarray | None = None,
) -> list[Row]:  # fmt: skip
    """Every score of one cell. Arguments as of `decisions`; `decided` is what that gives.

    known: labels of all n real documents, where not all of them have out-of-fold scores.
    """
    table = _Table(cell_id, test)
    for name, (function, counts, reason) in _RANKING.items():
        table.add(name, "none", None, function(test.truth, scores), table.size[counts], reason)
    table.by_label("ap", "none", metrics.ap_by_label(test.truth, scores))
    table.add("ap_micro_oof", "none", None, metrics.ap_micro(real_truth, oof), len(oof), "no real document has a label")
    seen = seen_label_sets(test.truth, real_truth if known is None else known)
    for policy, decision in decided.items():
        predicted = decision.predicted
        for name, (function, counts, reason) in _DECISION.items():
            table.add(name, policy, None, function(test.truth, predicted), table.size[counts], reason)
        for band, columns in test.bands.items():
            truth, chosen, label = test.truth[:, columns], predicted[:, columns], f"band:{band}"
            micro = metrics.f1_micro(truth, chosen)
            table.add("f1_micro", policy, label, micro, len(columns), "no label and no prediction")
            macro, n = metrics.f1_macro(truth, chosen), int(truth.any(0).sum())
            table.add("f1_macro", policy, label, macro, n, "no label has a test document")
        for name, part in (("seen", seen), ("unseen", ~seen)):
            value = metrics.f1_micro(test.truth[part], predicted[part])
            table.add("f1_micro", policy, f"sets:{name}", value, int(part.sum()), "no such document")
        never = metrics.labels_never_predicted(predicted)
        table.add("labels_never_predicted", policy, None, never, len(test.label_ids), "")
        reached = float(predicted.sum(1).mean()) if len(predicted) else None
        table.add("cardinality_predicted", policy, None, reached, len(predicted), "no test document")
        if decision.own is not None:
            table.add("labels_own_threshold", policy, None, float(decision.own), len(test.label_ids), "")
        if policy in ("tuned", "cardinality"):
            table.add("threshold_value", policy, None, float(decision.threshold), len(oof), "")
        if policy == "tuned":
            table.by_label("f1", policy, metrics.f1_by_label(test.truth, predicted))
    return table.rows


def count_rows(cell_id: str, test: TestSet, decided: Mapping[str, Decision]) -> list[Row]:
    """True positives, false positives and false negatives of each test document (contract `counts`).

    Of the policies of COUNTED among `decided`.
    """
    rows = []
    for policy, decision in decided.items():
        if policy in COUNTED:
            predicted = decision.predicted
            parts = {"tp": test.truth & predicted, "fp": ~test.truth & predicted, "fn": test.truth & ~predicted}
            counted = {name: part.sum(axis=1).tolist() for name, part in parts.items()}
            rows.append({"cell_id": cell_id, "threshold": policy, **counted})
    return rows


def book_rows(cell_id: str, book: Mapping[str, float], n: int) -> list[Row]:
    """Bookkeeping numbers as score rows; n is the number of real documents."""
    return [_row(cell_id, name, "none", None, value, n, "") for name, value in book.items()]


def search_row(cell_id: str, metric: str, value: float | None, n: int) -> Row:
    """One retrieval figure as a score row; n is the number of queries."""
    return _row(cell_id, metric, "none", None, value, n, "no query has a relevant document, or all vectors are zero")


def _threshold(
    policy: str, scores: np.ndarray, real_truth: np.ndarray, oof: np.ndarray, folds: np.ndarray, cardinality: float
) -> tuple[float | np.ndarray, int | None]:
    """The threshold or thresholds of a policy, and how many labels have one of their own where a label may."""
    if policy == "fixed_0.5":
        return FIXED, None
    if policy == "tuned":
        return tuned_threshold(real_truth, oof), None
    if policy == "cardinality":
        return cardinality_threshold(scores, cardinality), None
    if policy == "per_label":
        thresholds, own = per_label_thresholds(real_truth, oof, tuned_threshold(real_truth, oof))
        return thresholds, int(own.sum())
    if policy == "cross_validated":
        return cross_validated_thresholds(real_truth, oof, folds), None
    raise ParameterError(
        f"threshold policy {policy!r} is unknown",
        mend="Use fixed_0.5, tuned, cardinality, per_label or cross_validated",
    )


def _row(cell_id: str, metric: str, threshold: str, label: str | None, value: float | None, n: int, note: str) -> Row:
    return {
        "cell_id": cell_id, "metric": metric, "threshold": threshold, "label": label,
        "value": value, "n": int(n), "note": note if value is None else None,
    }  # fmt: skip


class _Table:
    """Rows of one cell, with the counts that n may be."""

    def __init__(self, cell_id: str, test: TestSet):
        self.cell_id, self.test, self.rows = cell_id, test, []
        labels = test.truth.sum(1)
        self.size = {
            "documents": len(test.truth), "labels": int(test.truth.any(0).sum()),
            "labelled": int((labels > 0).sum()),
            "both": int(((labels > 0) & (labels < test.truth.shape[1])).sum()),
        }  # fmt: skip

    def add(self, metric: str, threshold: str, label: str | None, value: float | None, n: int, reason: str) -> None:
        self.rows.append(_row(self.cell_id, metric, threshold, label, value, n, reason))

    def by_label(self, metric: str, threshold: str, values: np.ndarray) -> None:
        support = self.test.truth.sum(0)
        for label, value, n in zip(self.test.label_ids, values.tolist(), support.tolist(), strict=True):
            self.add(metric, threshold, label, None if np.isnan(value) else value, n, "no test document has the label")
