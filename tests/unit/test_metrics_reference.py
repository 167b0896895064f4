"""Every score equals scikit-learn to 1e-12 on random and on degenerate predictions, under the stated conventions."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from volfid.training import metrics

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "sampling.json").read_text(encoding="utf-8"))
EXACT = {"rel": 1e-12, "abs": 1e-12}


def problem(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probabilities, (documents, labels)."""
    rng = np.random.default_rng(sum(map(ord, kind)))
    shape = (1, 5) if kind == "one document" else (41, 2) if kind == "two labels" else (60, 9)
    truth, scores = rng.random(shape) < 0.3, rng.random(shape)
    if kind == "labels without positives":
        truth[:, [0, 4, 8]] = False
    elif kind == "documents without labels":
        truth[::3] = False
    elif kind == "documents with all labels":
        truth[::4] = True
    elif kind == "ties":
        scores = np.round(scores, 1)
    elif kind == "constant scores":
        scores[:] = 0.7
    elif kind == "all ones":
        scores[:] = 1.0
    elif kind == "all zeros":
        scores[:] = 0.0
    elif kind == "perfect":
        scores = truth * 0.9 + 0.05
    elif kind == "float32":
        scores = scores.astype(np.float32)
    elif kind == "rare":
        truth = rng.random(shape) < 0.02
        truth[0, 0] = True
    elif kind == "no label at all":
        truth[:] = False
    return truth, scores


KINDS = (
    "random", "float32", "ties", "constant scores", "all ones", "all zeros", "perfect", "labels without positives",
    "documents without labels", "documents with all labels", "rare", "one document", "two labels", "no label at all",
)  # fmt: skip


def quiet(function: Callable, *args, **kwargs) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(function(*args, **kwargs))


@pytest.mark.parametrize("kind", KINDS)
def test_decisions(kind):
    truth, scores = problem(kind)
    predicted = scores > 0.5
    present = np.flatnonzero(truth.any(0))
    hits = truth.any() or predicted.any()
    expected = {
        "f1_micro": quiet(reference.f1_score, truth, predicted, average="micro") if hits else None,
        "precision_micro": quiet(reference.precision_score, truth, predicted, average="micro")
        if predicted.any() else None,
        "recall_micro": quiet(reference.recall_score, truth, predicted, average="micro") if truth.any() else None,
        "f1_macro": quiet(reference.f1_score, truth, predicted, average="macro", labels=present, zero_division=0)
        if len(present) else None,
        "f1_weighted": quiet(reference.f1_score, truth, predicted, average="weighted", zero_division=0)
        if len(present) else None,
        "f1_samples": quiet(reference.f1_score, truth, predicted, average="samples", zero_division=0),
        "jaccard_samples": quiet(reference.jaccard_score, truth, predicted, average="samples", zero_division=0),
        "subset_accuracy": quiet(reference.accuracy_score, truth, predicted),
        "hamming": quiet(reference.hamming_loss, truth, predicted),
    }  # fmt: skip
    for name, value in expected.items():
        found = getattr(metrics, name)(truth, predicted)
        assert found == (None if value is None else pytest.approx(value, **EXACT)), name
    by_label = reference.f1_score(truth, predicted, average=None, zero_division=0)
    assert metrics.f1_by_label(truth, predicted)[present] == pytest.approx(by_label[present], **EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_rankings(kind):
    truth, scores = problem(kind)
    labelled = truth.any(1)
    both = labelled & ~truth.all(1)
    present = np.flatnonzero(truth.any(0))
    some = truth.any()
    by_label = [quiet(reference.average_precision_score, truth[:, k], scores[:, k]) for k in present]
    expected = {
        "ap_micro": quiet(reference.average_precision_score, truth.ravel(), scores.ravel()) if some else None,
        "ap_macro": float(np.mean(by_label)) if some else None,
    }
    parts = {"lrap": (reference.label_ranking_average_precision_score, labelled),
             "coverage": (reference.coverage_error, labelled),
             "ranking_loss": (reference.label_ranking_loss, both)}  # fmt: skip
    expected |= {
        name: quiet(function, truth[kept], scores[kept]) if kept.any() else None
        for name, (function, kept) in parts.items()
    }
    for name, value in expected.items():
        found = getattr(metrics, name)(truth, scores)
        assert found == (None if value is None else pytest.approx(value, **EXACT)), name
    assert metrics.ap_by_label(truth, scores)[present] == pytest.approx(by_label, **EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_brier_score(kind):
    truth, scores = problem(kind)
    expected = quiet(reference.brier_score_loss, truth.ravel(), scores.astype(np.float64).ravel(), labels=[False, True])
    assert metrics.brier(truth, scores) == pytest.approx(expected, **EXACT)


@pytest.mark.parametrize("seed", range(5))
def test_calibration_error_without_ties_is_that_of_scikit_learns_quantile_bins(seed):
    rng = np.random.default_rng(seed)
    scores = rng.permutation(600).reshape(60, 10) / 600 + 1e-4  # 15 bins of 40, no ties
    truth = rng.random(scores.shape) < scores**2
    share, mean = calibration_curve(truth.ravel(), scores.ravel(), n_bins=15, strategy="quantile")
    assert len(share) == 15
    assert metrics.calibration_error(truth, scores) == pytest.approx(np.abs(share - mean).mean(), **EXACT)


def test_calibration_error_keeps_ties_together_and_does_not_depend_on_order():
    rng = np.random.default_rng(3)
    truth, scores = rng.random((50, 7)) < 0.4, np.round(rng.random((50, 7)), 1)
    found = metrics.calibration_error(truth, scores)
    rows, columns = rng.permutation(50), rng.permutation(7)
    moved = metrics.calibration_error(truth[rows][:, columns], scores[rows][:, columns])
    assert moved == pytest.approx(found, **EXACT)
    constant = np.full(truth.shape, 0.25)
    assert metrics.calibration_error(truth, constant) == pytest.approx(abs(truth.mean() - 0.25), **EXACT)
    assert metrics.calibration_error(truth, truth.astype(float)) == metrics.brier(truth, truth.astype(float)) == 0
    assert metrics.calibration_error(truth[:0], scores[:0]) is None and metrics.brier(truth[:0], scores[:0]) is None
    few = np.array([[0.1, 0.8, 0.4]])  # fewer cells than bins: every cell is its own bin
    assert metrics.calibration_error(few > 0.5, few) == pytest.approx((0.1 + 0.2 + 0.4) / 3, **EXACT)


def test_both_conventions_of_the_golden_vector_are_the_ones_they_are_taken_for():
    """zero_division 0, 1 and nan of scikit-learn, and ours: labels with a test document only."""
    vector = GOLDEN["metric_conventions"]
    truth, predicted = np.array(vector["labels"]) > 0, np.array(vector["scores"]) > 0.5
    for zero, key in ((0, "0"), (1, "1"), (np.nan, "nan")):
        expected = vector[f"macro_f1_sklearn_zero_division_{key}"]
        assert reference.f1_score(truth, predicted, average="macro", zero_division=zero) == pytest.approx(expected)
    values = metrics.f1_by_label(truth, predicted)
    absent, guessed = ~truth.any(0), predicted.any(0)
    for zero, key in ((0.0, "0"), (1.0, "1")):  # only a label without positives and predictions is 0 / 0
        filled = np.where(absent & ~guessed, zero, np.nan_to_num(values))
        assert filled.mean() == pytest.approx(vector[f"macro_f1_sklearn_zero_division_{key}"], abs=1e-12)
    union = (truth | predicted).any(1)
    share = (truth & predicted).sum(1) / np.maximum((truth | predicted).sum(1), 1)
    for zero, key in ((0.0, "0"), (1.0, "1")):
        expected = vector[f"jaccard_samples_zero_division_{key}"]
        assert np.where(union, share, zero).mean() == pytest.approx(expected, abs=1e-12)
    assert metrics.jaccard_samples(truth, predicted) == vector["jaccard_samples_zero_division_0"]
    part = vector["document_without_label"]
    rows, scores = np.array(part["labels"]) > 0, np.array(part["scores"])
    full = reference.label_ranking_average_precision_score(rows, scores), reference.coverage_error(rows, scores)
    assert full == (part["LRAP"], part["coverage_error"])
    assert metrics.lrap(rows, scores) == part["LRAP_without_that_document"]
    assert metrics.coverage(rows, scores) == part["coverage_error_without_that_document"]
