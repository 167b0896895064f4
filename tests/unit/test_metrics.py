"""Multi-label scores against scikit-learn, the golden vector, and their own definitions."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from volfid.core.exits import DataError
from volfid.core.ranking import BadArray
from volfid.fidelity import labels, structure
from volfid.training import metrics, thresholds
from volfid.training.scoring import seen_label_sets

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "sampling.json").read_text(encoding="utf-8"))


def random_problem(seed: int, documents: int = 40, labels: int = 7, ties: bool = True):
    """Truth and scores; some labels and some documents are empty, and scores are tied."""
    rng = np.random.default_rng(seed)
    truth = rng.random((documents, labels)) < 0.25
    truth[:, 0] = False
    truth[:3] = False
    scores = rng.random((documents, labels)).astype(np.float32)
    return truth, np.round(scores, 1).astype(np.float32) if ties else scores


RANKED = ("ap_micro", "ap_by_label", "ap_macro", "lrap", "coverage", "ranking_loss", "calibration_error", "brier")
DECIDED = ("f1_micro", "precision_micro", "recall_micro", "f1_by_label", "f1_macro", "f1_weighted", "f1_samples",
           "jaccard_samples", "subset_accuracy", "hamming")  # fmt: skip
TUNED = {
    "tuned": thresholds.tuned_threshold,
    "per_label": lambda truth, scores: thresholds.per_label_thresholds(truth, scores, 0.5)[0],
    "cross_validated": lambda truth, scores: thresholds.cross_validated_thresholds(truth, scores, np.arange(40) % 3),
}
ALL = {name: getattr(metrics, name) for name in (*RANKED, *DECIDED)} | TUNED


@pytest.mark.parametrize("name", ALL)
def test_a_truth_may_be_written_as_bool_or_as_zeros_and_ones_and_as_nothing_else(name):
    truth, scores = random_problem(1)
    other = scores > 0.5 if name in DECIDED else scores
    expected = ALL[name](truth, other)
    for dtype in (int, np.uint8, float, np.float32):
        np.testing.assert_array_equal(ALL[name](truth.astype(dtype), other), expected)
    for odd in (0.5, 2.0, -1.0, np.nan):
        wrong = truth.astype(float)
        wrong[3, 2] = odd
        with pytest.raises(BadArray, match="1 values that are neither 0 nor 1"):
            ALL[name](wrong, other)
        with pytest.raises(ValueError if np.isnan(odd) else DataError):
            ALL[name](wrong if np.isnan(odd) or odd == 0.5 else wrong.astype(int), other)
    with pytest.raises(BadArray, match="shape"):
        ALL[name](truth[:, :1], other)
    with pytest.raises(BadArray, match="type"):
        ALL[name](truth.astype(str), other)


@pytest.mark.parametrize("name", [*RANKED, *TUNED])
def test_a_score_that_is_not_a_number_is_refused_and_an_infinite_one_is_an_order(name):
    truth, scores = random_problem(2)
    scores[5, 3] = np.nan
    with pytest.raises(BadArray, match="1 of 280 scores are not a number"):
        ALL[name](truth, scores)
    if name in RANKED[:6]:
        scores[5, 3] = np.inf
        assert np.isfinite(np.nanmean(ALL[name](truth, scores)))


@pytest.mark.parametrize("name", DECIDED)
def test_a_prediction_is_a_decision(name):
    truth, scores = random_problem(2)
    np.testing.assert_array_equal(ALL[name](truth, (scores > 0.5).astype(int)), ALL[name](truth, scores > 0.5))
    with pytest.raises(BadArray, match="prediction"):
        ALL[name](truth, scores)


def test_label_sets_that_are_compared_must_be_binary_as_well():
    truth = random_problem(0)[0]
    assert seen_label_sets(truth.astype(int), truth).all()
    for made in (labels.pack, structure.LabelTable.of):
        made(truth.astype(float))
        with pytest.raises(BadArray):
            made(truth * 0.5)


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


def test_sample_averages_and_whole_sets_without_anything_to_decide_are_undefined():
    nothing, one = np.zeros((4, 3), bool), np.eye(4, 3, dtype=bool)
    for function in (metrics.f1_samples, metrics.jaccard_samples):
        assert function(nothing, nothing) is None and function(nothing, one) == 0 and function(one, one) == 0.75
    assert metrics.subset_accuracy(nothing[:, :0], nothing[:, :0]) is None
    assert metrics.subset_accuracy(nothing, nothing) == 1.0


@pytest.mark.parametrize("name", ["calibration_error", "brier"])
def test_scores_that_are_no_probabilities_have_no_calibration(name):
    truth = np.array([[True, False], [False, True]])
    function = getattr(metrics, name)
    for odd in (-0.01, 1.5, np.inf, -np.inf, 40):
        with pytest.raises(BadArray, match="1 of 4 scores lie outside 0 and 1"):
            function(truth, np.array([[0.5, odd], [0.0, 1.0]]))
    assert function(truth, np.array([[0.5, 1 + 1e-7], [0.0, 1.0]], dtype=np.float32)) is not None


@pytest.mark.parametrize("name", [n for n in ALL if n not in TUNED and n not in
                                  ("ap_micro", "f1_micro", "precision_micro", "recall_micro", "hamming", "brier",
                                   "calibration_error")])  # fmt: skip
def test_a_truth_of_one_dimension_is_refused_where_documents_and_labels_are_told_apart(name):
    with pytest.raises(BadArray, match=r"the truth has the shape \(3,\)"):
        ALL[name](np.array([1, 0, 1]), np.array([1, 0, 1]))


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
