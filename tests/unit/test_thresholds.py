"""Threshold policies: exact, strict, and never informed by test labels."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volfid.core.exits import DataError, ParameterError
from volfid.training.metrics import f1_micro
from volfid.training.scoring import TestSet, count_rows, decisions, score_rows
from volfid.training.thresholds import (
    FEWEST_POSITIVES,
    FIXED,
    cardinality_threshold,
    cross_validated_thresholds,
    decide,
    per_label_thresholds,
    tuned_threshold,
)

POLICIES = ("fixed_0.5", "tuned", "cardinality", "per_label", "cross_validated")


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


def wide_problem(seed: int, documents: int = 60, labels: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth with frequent, rare and absent labels, scores that tell something, and folds of unequal size."""
    rng = np.random.default_rng(seed)
    truth = rng.random((documents, labels)) < np.geomspace(0.5, 0.02, labels)
    truth[:, -1] = False
    truth[0, 0] = True
    scores = (0.6 * rng.random(truth.shape) + 0.3 * truth).astype(np.float32)
    return truth, scores, rng.permutation(documents) % 3 + (np.arange(documents) < 4)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_a_label_with_enough_positives_gets_its_best_threshold_and_the_others_the_fallback(seed):
    truth, scores, _ = wide_problem(seed)
    thresholds, own = per_label_thresholds(truth, scores, 0.123)
    assert (own == (truth.sum(0) >= FEWEST_POSITIVES)).all()
    assert (thresholds[~own] == 0.123).all()
    for k in np.flatnonzero(own):
        best = f1_micro(truth[:, k], decide(scores[:, k], thresholds[k]))
        tried = [f1_micro(truth[:, k], decide(scores[:, k], t)) or 0.0 for t in np.unique(scores[:, k])]
        assert best >= max(tried) - 1e-12
        assert best >= (f1_micro(truth[:, k], decide(scores[:, k], FIXED)) or 0.0) - 1e-12


def slow_cross_validation(truth: np.ndarray, scores: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """The rule cut by cut: labels by falling positives, micro plus macro, thresholds averaged over folds."""
    scores = scores.astype(np.float64)
    order = sorted(range(truth.shape[1]), key=lambda k: (-truth[:, k].sum(), -scores[:, k].sum()))
    thresholds, tp, cells = np.zeros(truth.shape[1]), 0.0, 0.0
    for count, k in enumerate(order, start=1):
        chosen = []
        for fold in np.unique(folds):
            y, p = truth[folds == fold, k], scores[folds == fold, k]
            values = np.unique(p)
            cuts = [np.nextafter(values[0], -np.inf), *((values[:-1] + values[1:]) / 2), values[-1]]
            goals = []
            for t in cuts:
                hits, size = float((y & (p > t)).sum()), float(y.sum() + (p > t).sum())
                macro = 2 * hits / size / count if size else 0.0
                micro = (2 * hits + 2 * tp) / (size + cells) if size + cells else 0.0
                goals.append((macro + micro, hits, size, t))
            best = max(range(len(goals)), key=lambda i: (goals[i][0], i))
            chosen.append(goals[best])
        thresholds[k] = np.mean([t for *_, t in chosen])
        tp += sum(hits for _, hits, _, _ in chosen)
        cells += sum(size for _, _, size, _ in chosen)
    return thresholds


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_cross_validated_thresholds_are_those_of_trying_every_cut(seed, ties):
    truth, scores, folds = wide_problem(seed)
    scores = np.round(scores, 1).astype(np.float32) if ties else scores
    expected = slow_cross_validation(truth, scores, folds)
    assert cross_validated_thresholds(truth, scores, folds) == pytest.approx(expected, abs=1e-12)


def test_with_one_label_and_one_fold_the_cross_validated_threshold_is_the_tuned_one():
    truth, scores, _ = wide_problem(4)
    found = cross_validated_thresholds(truth[:, :1], scores[:, :1], np.zeros(len(truth), int))
    assert found == pytest.approx([tuned_threshold(truth[:, :1], scores[:, :1])], abs=1e-12)


def test_a_label_without_positives_is_predicted_for_none_of_the_documents_of_a_single_fold():
    truth, scores, _ = wide_problem(2)
    thresholds = cross_validated_thresholds(truth, scores, np.zeros(len(truth), int))
    assert not decide(scores, thresholds)[:, ~truth.any(0)].any()


def study(seed: int) -> tuple[TestSet, tuple[np.ndarray, ...]]:
    """A test set, and test scores, truth, out-of-fold scores and folds of the real documents."""
    truth, scores, folds = wide_problem(seed)
    held_out, test_scores, _ = wide_problem(seed + 1, documents=45)
    bands = {"head": np.arange(3), "medium": np.arange(3, 6), "tail": np.arange(6, 8)}
    return TestSet(held_out, [f"L{k}" for k in range(8)], bands), (test_scores, truth, scores, folds)


def scored(test: TestSet, policies, scores, truth, oof, folds) -> list[dict]:
    """All score rows of one cell."""
    return score_rows("c", test, scores, truth, oof, decisions(policies, scores, truth, oof, folds))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1_000))
def test_permuting_label_columns_permutes_label_scores_and_leaves_all_others_identical(seed):
    test, (scores, truth, oof, folds) = study(seed)
    columns = np.random.default_rng(seed).permutation(8)
    place = {int(old): new for new, old in enumerate(columns)}
    bands = {name: np.array([place[int(k)] for k in band]) for name, band in test.bands.items()}
    moved = TestSet(test.truth[:, columns], [test.label_ids[k] for k in columns], bands)
    plain = scored(test, POLICIES, scores, truth, oof, folds)
    other = scored(moved, POLICIES, scores[:, columns], truth[:, columns], oof[:, columns], folds)

    def key(row):
        return row["metric"], row["threshold"], row["label"] or ""

    assert [key(row) for row in sorted(plain, key=key)] == [key(row) for row in sorted(other, key=key)]
    for one, two in zip(sorted(plain, key=key), sorted(other, key=key), strict=True):
        exact = one["metric"] in ("f1_micro", "precision_micro", "recall_micro", "ap_micro", "hamming")
        tolerance = 0 if exact else 1e-12
        expected = None if one["value"] is None else pytest.approx(one["value"], abs=tolerance, rel=tolerance)
        assert two["value"] == expected and two["n"] == one["n"], key(one)


@given(st.integers(0, 1_000))
@settings(max_examples=20, deadline=None)
def test_card_match_reaches_the_real_cardinality_within_one_document(seed):
    test, (scores, truth, oof, folds) = study(seed)
    rows = scored(test, ["cardinality"], scores, truth, oof, folds)
    (reached,) = [row["value"] for row in rows if row["metric"] == "cardinality_predicted"]
    assert abs(reached - truth.sum(1).mean()) * len(scores) <= 1


def test_the_number_of_labels_with_a_threshold_of_their_own_is_a_score():
    test, (scores, truth, oof, folds) = study(7)
    rows = [r for r in scored(test, POLICIES, scores, truth, oof, folds) if r["metric"] == "labels_own_threshold"]
    assert [(r["threshold"], r["value"], r["n"]) for r in rows] == [
        ("per_label", float((truth.sum(0) >= FEWEST_POSITIVES).sum()), 8)
    ]


def test_scores_and_counts_come_from_one_computation_of_the_thresholds(monkeypatch):
    from volfid.training import scoring

    asked = []
    plain = scoring._threshold
    monkeypatch.setattr(scoring, "_threshold", lambda policy, *rest: (asked.append(policy), plain(policy, *rest))[1])
    test, (scores, truth, oof, folds) = study(3)
    decided = decisions(["none", *POLICIES], scores, truth, oof, folds)
    rows = score_rows("c", test, scores, truth, oof, decided)
    counts = count_rows("c", test, decided)
    assert asked == list(decided) == list(POLICIES)
    for row in counts:
        tp, fp, fn = (sum(row[name]) for name in ("tp", "fp", "fn"))
        (f1,) = [
            r["value"]
            for r in rows
            if (r["metric"], r["threshold"], r["label"]) == ("f1_micro", row["threshold"], None)
        ]
        assert f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))


def test_a_policy_that_nobody_knows_is_refused():
    test, (scores, truth, oof, folds) = study(1)
    with pytest.raises(ParameterError, match="'scut' is unknown"):
        scored(test, ["scut"], scores, truth, oof, folds)


@pytest.mark.parametrize("function", [tuned_threshold, per_label_thresholds, cross_validated_thresholds])
def test_no_policy_takes_test_labels(function):
    """What is tuned sees the real documents only; the cardinality sees test scores without labels."""
    assert list(inspect.signature(cardinality_threshold).parameters) == ["scores", "cardinality"]
    assert set(inspect.signature(function).parameters) <= {"truth", "scores", "folds", "fallback"}


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
