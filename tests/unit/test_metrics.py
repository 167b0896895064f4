"""Multi-label scores against scikit-learn, the golden vector, and their own definitions."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from volfid.training import metrics

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "sampling.json").read_text(encoding="utf-8"))


def random_problem(seed: int, documents: int = 40, labels: int = 7, ties: bool = True):
    """Truth and scores; some labels and some documents are empty, and scores are tied."""
    rng = np.random.default_rng(seed)
    truth = rng.random((documents, labels)) < 0.25
    truth[:, 0] = False
    truth[:3] = False
    scores = rng.random((documents, labels)).astype(np.float32)
    return truth, np.round(scores, 1).astype(np.float32) if ties else scores


@pytest.mark.parametrize("seed", range(6))
def test_decision_scores_equal_scikit_learn(seed):
    truth, scores = random_problem(seed)
    predicted = scores > 0.5
    present = truth.any(0)
    assert metrics.f1_micro(truth, predicted) == pytest.approx(reference.f1_score(truth, predicted, average="micro"))
    expected = reference.f1_score(truth, predicted, average="macro", labels=np.flatnonzero(present), zero_division=0)
    assert metrics.f1_macro(truth, predicted) == pytest.approx(expected)
    for name, average in (("f1_weighted", "weighted"), ("f1_samples", "samples")):
        expected = reference.f1_score(truth, predicted, average=average, zero_division=0)
        assert getattr(metrics, name)(truth, predicted) == pytest.approx(expected)
    expected = reference.precision_score(truth, predicted, average="micro")
    assert metrics.precision_micro(truth, predicted) == pytest.approx(expected)
    assert metrics.recall_micro(truth, predicted) == pytest.approx(
        reference.recall_score(truth, predicted, average="micro")
    )
    assert metrics.hamming(truth, predicted) == pytest.approx(reference.hamming_loss(truth, predicted))
    assert metrics.subset_accuracy(truth, predicted) == pytest.approx(reference.accuracy_score(truth, predicted))
    expected = reference.jaccard_score(truth, predicted, average="samples", zero_division=0)
    assert metrics.jaccard_samples(truth, predicted) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ties", [True, False])
def test_ranking_scores_equal_scikit_learn(seed, ties):
    truth, scores = random_problem(seed, ties=ties)
    present, labelled = truth.any(0), truth.any(1)
    assert metrics.ap_micro(truth, scores) == pytest.approx(
        reference.average_precision_score(truth.ravel(), scores.ravel())
    )
    by_label = [reference.average_precision_score(truth[:, k], scores[:, k]) for k in np.flatnonzero(present)]
    assert metrics.ap_macro(truth, scores) == pytest.approx(np.mean(by_label))
    assert metrics.ap_by_label(truth, scores)[present] == pytest.approx(by_label)
    assert metrics.lrap(truth, scores) == pytest.approx(
        reference.label_ranking_average_precision_score(truth[labelled], scores[labelled])
    )
    assert metrics.coverage(truth, scores) == pytest.approx(reference.coverage_error(truth[labelled], scores[labelled]))
    assert metrics.ranking_loss(truth, scores) == pytest.approx(
        reference.label_ranking_loss(truth[labelled], scores[labelled])
    )


def test_conventions_are_those_of_the_golden_vector():
    vector = GOLDEN["metric_conventions"]
    truth, scores = np.array(vector["labels"]) > 0, np.array(vector["scores"])
    predicted = scores > 0.5
    assert metrics.f1_micro(truth, predicted) == pytest.approx(vector["micro_f1"], abs=1e-10)
    # the vector's .667 also averages a label without positives that was predicted, so that its set of labels
    # would change from arm to arm; ours is fixed by the test documents
    assert metrics.f1_macro(truth, predicted) == 1.0
    used = truth.any(0) | predicted.any(0)
    mean = np.nan_to_num(metrics.f1_by_label(truth, predicted))[used].mean()
    assert mean == pytest.approx(vector["macro_f1_sklearn_zero_division_nan"], abs=1e-10)
    assert metrics.subset_accuracy(truth, predicted) == vector["subset_accuracy"]
    assert metrics.jaccard_samples(truth, predicted) == vector["jaccard_samples_zero_division_0"]
    empty = vector["document_without_label"]
    truth, scores = np.array(empty["labels"]) > 0, np.array(empty["scores"])
    assert metrics.lrap(truth, scores) == empty["LRAP_without_that_document"]
    assert metrics.coverage(truth, scores) == empty["coverage_error_without_that_document"]


def test_macro_f1_over_absent_labels_would_fall_and_ours_does_not():
    """The trap: labels without a test document count 0 and pull macro-F1 down, whatever the classifier."""
    truth, scores = random_problem(1, labels=10)
    predicted = scores > 0.5
    wider = np.hstack([truth, np.zeros((len(truth), 10), bool)])
    guesses = np.hstack([predicted, np.zeros((len(truth), 10), bool)])
    fallen = reference.f1_score(wider, guesses, average="macro", zero_division=0)
    assert fallen < 0.6 * metrics.f1_macro(truth, predicted)
    assert metrics.f1_macro(wider, guesses) == metrics.f1_macro(truth, predicted)


def test_undefined_scores_are_none_and_not_zero():
    nothing = np.zeros((4, 3), bool)
    scores = np.random.default_rng(0).random((4, 3))
    ranking = (metrics.ap_micro, metrics.ap_macro, metrics.lrap, metrics.coverage, metrics.ranking_loss)
    assert [function(nothing, scores) for function in ranking] == [None] * 5
    decision = (metrics.f1_micro, metrics.f1_macro, metrics.f1_weighted, metrics.precision_micro, metrics.recall_micro)
    assert [function(nothing, nothing) for function in decision] == [None] * 5
    assert metrics.f1_samples(nothing[:0], nothing[:0]) is None


def test_micro_f1_of_predict_all_is_two_p_over_one_plus_p():
    truth, _ = random_problem(2)
    p = truth.mean()
    assert metrics.f1_micro(truth, np.ones_like(truth)) == pytest.approx(2 * p / (1 + p))


def test_frequency_bands_are_terciles_that_part_all_labels():
    bands = metrics.frequency_bands(np.array([5, 9, 1, 7, 7, 0, 2]))
    found = {name: columns.tolist() for name, columns in bands.items()}
    assert found == {"head": [1, 3, 4], "medium": [0, 6], "tail": [2, 5]}


def test_labels_never_predicted_are_counted():
    assert metrics.labels_never_predicted(np.array([[True, False, False], [True, False, True]])) == 1.0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 6))
def test_scores_do_not_depend_on_the_order_of_documents_and_labels(seed, documents, labels):
    rng = np.random.default_rng(seed)
    truth, scores = rng.random((documents, labels)) < 0.4, np.round(rng.random((documents, labels)), 1)
    rows, columns = rng.permutation(documents), rng.permutation(labels)
    for name in ("ap_micro", "ap_macro", "lrap", "coverage", "ranking_loss"):
        function = getattr(metrics, name)
        assert function(truth, scores) == pytest.approx(function(truth[rows][:, columns], scores[rows][:, columns]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_average_precision_equals_scikit_learn_for_any_ties(seed):
    rng = np.random.default_rng(seed)
    truth, scores = rng.random(25) < 0.3, rng.integers(0, 5, 25) / 4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reference.average_precision_score(truth, scores) if truth.any() else None
    assert metrics.average_precision(truth, scores) == (expected if expected is None else pytest.approx(expected))
