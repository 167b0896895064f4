"""Threshold policies: exact, strict, and never informed by test labels."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volfid.core.exits import DataError
from volfid.training.metrics import f1_micro
from volfid.training.thresholds import FIXED, cardinality_threshold, decide, tuned_threshold


def problem(seed: int, levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random((12, 5)) < 0.3
    truth[0, 0] = True
    scores = rng.random(truth.shape) * 0.6 + truth * 0.2
    if levels:
        scores = np.round(scores * levels) / levels
    return truth, scores.astype(np.float32)


def test_a_decision_is_strictly_above_the_threshold():
    assert decide(np.array([[0.5, 0.50001]]), FIXED).tolist() == [[False, True]]


def test_a_threshold_between_two_neighbouring_float32_scores_parts_them():
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    threshold = (float(low) + float(high)) / 2
    assert decide(np.array([low, high]), threshold).tolist() == [False, True]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([None, 4, 10]))
def test_the_tuned_threshold_is_the_best_of_all_and_the_highest_of_equals(seed, levels):
    truth, scores = problem(seed, levels)
    threshold = tuned_threshold(truth, scores)
    best = f1_micro(truth, decide(scores, threshold))
    ladder = np.unique(scores.astype(np.float64))
    candidates = np.concatenate([[-1.0], (ladder[1:] + ladder[:-1]) / 2, [ladder[-1]]])
    values = np.array([f1_micro(truth, decide(scores, t)) or 0.0 for t in candidates])
    assert best == pytest.approx(values.max())
    assert threshold >= candidates[np.isclose(values, values.max())].max() - 1e-12


@given(st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_the_tuned_threshold_is_never_below_fixed_on_the_documents_it_was_tuned_on(seed):
    truth, scores = problem(seed)
    tuned = f1_micro(truth, decide(scores, tuned_threshold(truth, scores)))
    assert tuned >= (f1_micro(truth, decide(scores, FIXED)) or 0)


@given(st.integers(0, 10_000), st.floats(0.05, 4.9))
@settings(max_examples=100, deadline=None)
def test_the_cardinality_threshold_is_within_one_document_of_the_target(seed, cardinality):
    _, scores = problem(seed)
    predicted = decide(scores, cardinality_threshold(scores, cardinality))
    assert abs(predicted.sum() - cardinality * len(scores)) <= 0.5 + 1e-9


def test_tied_scores_are_never_parted():
    scores = np.array([[0.9, 0.2], [0.2, 0.2], [0.1, 0.1]])
    for cardinality in (0.34, 0.6, 1.0, 1.3):
        predicted = decide(scores, cardinality_threshold(scores, cardinality))
        assert predicted.sum() in (0, 1, 4, 6)
        assert predicted[0, 1] == predicted[1, 0] == predicted[1, 1]


def test_a_constant_score_predicts_all_or_nothing():
    truth = np.array([[True, False], [False, True]])
    ones = np.ones((2, 2), np.float32)
    assert decide(ones, tuned_threshold(truth, ones)).all()
    assert not decide(ones, cardinality_threshold(ones, 0.2)).any()


def test_no_policy_takes_test_labels():
    assert list(inspect.signature(cardinality_threshold).parameters) == ["scores", "cardinality"]


def test_real_documents_without_labels_are_an_error_and_not_a_guess():
    with pytest.raises(DataError, match="no real training document has a label"):
        tuned_threshold(np.zeros((3, 2), bool), np.random.default_rng(0).random((3, 2)))


def test_tuning_on_copies_that_left_their_parents_fold_leaks_and_ours_does_not():
    """The trap: with copies on both sides of a fold, out-of-fold scores look like training scores.

    A nearest-neighbour scorer shows it without any training: a copy finds its own original.
    """
    from volfid.training.rows import rows_by_fold, train_rows

    rng = np.random.default_rng(5)
    names, labels = [f"d{i:02d}" for i in range(40)], ["a", "b", "c", "d"]
    truth = rng.random((40, 4)) < 0.4  # independent of the vectors: nothing can be learnt
    vectors = rng.normal(size=(40, 8))
    lists = [[labels[k] for k in np.flatnonzero(row)] for row in truth]
    sets = [
        {"doc_id": n, "source": "copy", "parent_id": n, "source_doc_ids": [n], "labels": k, "multiplicity": 5}
        for n, k in zip(names, lists, strict=True)
    ]
    rows = train_rows(sets, labels, {n: i for i, n in enumerate(names)}, {})
    folds = np.arange(40) % 4

    def out_of_fold(kept_of_fold):
        scores = np.zeros(truth.shape)
        for i in range(40):
            kept = kept_of_fold(folds[i])
            near = kept[np.argmin(((vectors[rows.vector[kept]] - vectors[i]) ** 2).sum(1))]
            scores[i] = rows.labels[near]
        return scores

    ungrouped = out_of_fold(lambda fold: np.arange(40))  # 4 of 5 copies of each document stay in training
    kept = rows_by_fold(rows, names, folds, {})
    grouped = out_of_fold(lambda fold: kept[fold])
    leaked = f1_micro(truth, decide(ungrouped, tuned_threshold(truth, ungrouped)))
    honest = f1_micro(truth, decide(grouped, tuned_threshold(truth, grouped)))
    chance = 2 * truth.mean() / (1 + truth.mean())
    assert leaked == 1.0
    assert honest < chance + 0.1
