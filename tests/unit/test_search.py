"""Encoder-side retrieval: fixed corpus and queries, another representation for each training set."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score
from statistics_world import CORPUS, PLAN, STATUS, make_cell, score_row
from training_world import small_world, value

from volfid.core.labels import jaccard
from volfid.statistics.estimate import estimate
from volfid.training.search import FixedSearch

SMALL = {"hidden": 16, "batch": 8, "grid_updates": [20, 40, 80]}


def test_the_mean_equals_scikit_learn_where_no_scores_tie():
    rng = np.random.default_rng(0)
    queries, corpus = rng.normal(size=(40, 8)).astype(np.float32), rng.normal(size=(120, 8)).astype(np.float32)
    labels = [(rng.random((n, 6)) < 0.3) for n in (40, 120)]
    search = FixedSearch.of(queries, labels[0], corpus, labels[1])
    got, n = search.score(lambda x: x)
    gains = jaccard(*(part.astype(np.uint8) for part in labels))
    known = gains.max(1) > 0
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, corpus)]
    expected = ndcg_score(gains[known], (unit[0] @ unit[1].T)[known], k=10)
    assert n == known.sum() and got == pytest.approx(expected, abs=1e-5)


def test_a_representation_of_the_labels_themselves_is_nearly_perfect_and_noise_is_not():
    rng = np.random.default_rng(1)
    labels = [(rng.random((n, 6)) < 0.3) | (np.arange(6) == rng.integers(6, size=n)[:, None]) for n in (30, 200)]
    vectors = [part.astype(np.float32) for part in labels]
    search = FixedSearch.of(vectors[0], labels[0], vectors[1], labels[1])
    best, _ = search.score(lambda x: x)
    worse, _ = search.score(lambda x: np.random.default_rng(len(x)).normal(size=x.shape))
    assert best > 0.95 and worse < best - 0.3


def test_no_relevant_document_or_a_zero_vector_is_undefined():
    labels = np.array([[True, False]])
    other = np.array([[False, True]])
    ones = np.ones((1, 3), dtype=np.float32)
    assert FixedSearch.of(ones, labels, ones, other).score(lambda x: x) == (None, 0)
    assert FixedSearch.of(ones, labels, ones, labels).score(lambda x: 0 * x) == (None, 1)


def test_a_document_that_is_represented_by_zeros_is_left_out_alone():
    rng = np.random.default_rng(3)
    sides = [rng.normal(size=(n, 8)).astype(np.float32) for n in (20, 60)]
    labels = [(rng.random((n, 6)) < 0.3) | (np.arange(6) == 0) for n in (20, 60)]
    whole = FixedSearch.of(sides[0], labels[0], sides[1], labels[1])
    parts = [FixedSearch.of(sides[0][rows], labels[0][rows], sides[1], labels[1]) for rows in ([0], range(1, 20))]
    (first, _), (others, _) = (part.score(lambda x: x) for part in parts)
    assert whole.score(lambda x: x)[0] == pytest.approx((first + 19 * others) / 20)
    sides[0][0] = 0
    assert whole.score(lambda x: x) == (pytest.approx(others), 19)
    sides[1][7:] = 0  # seven documents are left to be found
    value, n = whole.score(lambda x: x)
    assert n == 19 and 0 < value < others


def test_every_head_with_a_hidden_layer_is_scored_and_training_moves_it():
    world = small_world()
    cells = [world.cell(n_updates=5), world.cell(n_updates=300, updates="high", added=60)]
    result = world.run(cells, **SMALL)
    first, second = (value(result, cell, "ndcg_at_10_encoder") for cell in cells)
    assert 0 < first < 1 and 0 < second < 1 and first != second
    linear = world.cell(classifier="linear", penalty_scale=1.0)
    assert not [r for r in world.run([linear]).scores if r["metric"] == "ndcg_at_10_encoder"]


def test_a_job_without_a_learnt_representation_makes_no_search(monkeypatch):
    def refuse(*_):
        raise AssertionError("nothing asked for it")

    monkeypatch.setattr(FixedSearch, "of", refuse)
    world = small_world()
    for cell in (world.cell(classifier="linear", penalty_scale=1.0), world.cell(classifier="prior")):
        assert not world.run([cell]).gaps


def test_its_contrasts_are_paired_effects_of_estimand_six():
    cells = [make_cell(arm, draw) for draw in range(5) for arm in ("R0", "R1", "S")]
    level = {"R0": 0.3, "R1": 0.4, "S": 0.45}
    rng = np.random.default_rng(2)
    scores = [score_row(c, "ndcg_at_10_encoder", "none", level[c["arm"]] + rng.normal(0, 0.002)) for c in cells]
    rows = estimate(
        cells=cells, scores=scores, fidelity=[], retrieval=[], plan=PLAN, corpus=CORPUS, status=STATUS
    ).effects
    found = {row["effect"]: row for row in rows if row["estimand"] == "6"}
    assert set(found) == {"search_updates", "search_synthetic", "search_synthetic_over_updates"}
    assert found["search_synthetic_over_updates"]["estimate"] == pytest.approx(0.05, abs=0.01)
    assert found["search_synthetic_over_updates"]["verdict"] == "positive"
