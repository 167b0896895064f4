"""MAUVE: the curve against its vector, the cells against their definition."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from volfid.core.exits import DataError
from volfid.fidelity import mauve

VECTORS = json.loads((Path(__file__).parents[1] / "golden" / "metrics.json").read_text())["mauve_hist"]


@pytest.mark.parametrize("case", VECTORS)
def test_the_curve_and_the_frontier_integral_meet_their_vectors(case):
    p, q = np.array(case["p"]), np.array(case["q"])
    assert mauve.of_histograms(p, q, case["c"], case["points"]) == pytest.approx(case["mauve"], abs=1e-12)
    assert mauve.frontier_integral(p, q) == pytest.approx(case["frontier_integral"], abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=12))
@settings(max_examples=80, deadline=None)
def test_both_figures_are_bounded_and_do_not_care_which_set_is_first(counts):
    p, q = np.array(counts, dtype=float).T
    if not p.sum() or not q.sum():
        return
    p, q = p / p.sum(), q / q.sum()
    assert 0 < mauve.of_histograms(p, q) <= 1 + 1e-9
    assert mauve.of_histograms(p, q) == pytest.approx(mauve.of_histograms(q, p), abs=1e-9)
    assert -1e-9 <= mauve.frontier_integral(p, q) <= 1 + 1e-9
    assert mauve.frontier_integral(p, q) == pytest.approx(mauve.frontier_integral(q, p), abs=1e-9)


@pytest.mark.parametrize("documents", [20, 24, 30, 40, 97])
def test_equal_histograms_score_exactly_one_whatever_they_are(documents):
    rng = np.random.default_rng(documents)
    cells = max(2, round(documents / 10))
    for _ in range(300):
        law = rng.multinomial(documents, rng.dirichlet(np.ones(cells))) / documents
        assert mauve.of_histograms(law, law) == 1.0 and mauve.frontier_integral(law, law) == 0.0
        near = law * (1 + rng.choice([-1, 1], cells) * 2e-16)  # equal but for rounding
        assert mauve.of_histograms(law, near) == pytest.approx(1, abs=1e-12)
        assert mauve.frontier_integral(law, near) == pytest.approx(0, abs=1e-12)


def test_nearly_equal_histograms_score_nearly_one_and_cells_have_no_order():
    rng = np.random.default_rng(5)
    for step in (1e-12, 1e-9, 1e-6, 1e-3):
        assert mauve.of_histograms(np.array([0.5 + step, 0.5 - step]), np.array([0.5, 0.5])) > 1 - 5 * step
    for _ in range(100):
        p, q = rng.multinomial(30, np.full(4, 0.25), size=2) / 30
        order = rng.permutation(4)
        for figure in (mauve.of_histograms, mauve.frontier_integral):
            assert figure(p[order], q[order]) == pytest.approx(figure(p, q), abs=1e-12)
            assert figure(q, p) == pytest.approx(figure(p, q), abs=1e-12)
    assert mauve.of_histograms(np.array([1.0, 0.0]), np.array([0.0, 1.0])) < 0.01


def test_a_set_with_itself_and_small_sets_with_equal_histograms_score_one():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(60):
        x = rng.normal(size=(40, 8))
        found = mauve.mauve(x[:20], x[20:], [0])
        if found.frontier[0] == 0:
            hits += 1
            assert found.values == (1.0,)
    assert hits >= 3
    assert mauve.mauve(x, x).values == (1.0,) * 5


def test_a_row_of_zeros_is_refused_and_not_a_nan():
    with pytest.raises(ValueError, match="no direction"):
        mauve.mauve(np.zeros((20, 4)), np.ones((20, 4)))


def clouds(rng, shift, rows=300):
    centres = np.random.default_rng(0).normal(size=(12, 16))
    x = centres[rng.integers(0, 12, rows)] + 0.3 * rng.normal(size=(rows, 16))
    return (x + shift).astype(np.float32)


@pytest.mark.parametrize("rows", [300, 12])
def test_components_are_those_that_hold_nine_tenths_of_the_variance(rows):
    x = clouds(np.random.default_rng(1), 0.0, rows)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    peer = PCA().fit(unit)
    kept = int(np.argmax(np.cumsum(peer.explained_variance_ratio_) >= 0.9)) + 1
    ours = mauve.principal_components(x)
    assert ours.shape == (rows, kept) and ours.dtype == np.float32
    assert np.abs(ours) == pytest.approx(np.abs(peer.transform(unit)[:, :kept]), abs=1e-5)


def test_one_law_scores_above_a_shifted_one_and_seeds_are_repeatable():
    rng = np.random.default_rng(2)
    p, q, far = clouds(rng, 0.0), clouds(rng, 0.0), clouds(rng, 0.8)
    same, other = mauve.mauve(p, q), mauve.mauve(p, far)
    assert same.mean > 0.9 > 0.6 > other.mean and same.cells == 30
    assert other.sd is not None and len(other.values) == len(other.frontier) == 5
    assert mauve.mauve(p, far, seeds=[3]).values == (other.values[3],)
    assert mauve.mauve(p, far, seeds=[3]).sd is None
    assert mauve.mauve(p, p, seeds=[0]).mean == pytest.approx(1, abs=1e-9)


def test_every_row_lies_in_its_nearest_cell():
    x = mauve.principal_components(clouds(np.random.default_rng(3), 0.0))
    cell = mauve.cells_of(x, 12, seed=0)
    centres = np.stack([x[cell == k].mean(axis=0) for k in range(12)])
    distance = ((x[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    assert np.mean(distance.argmin(axis=1) == cell) > 0.99
    assert np.array_equal(cell, mauve.cells_of(x, 12, seed=0))


def test_disjoint_sets_of_repeated_texts_are_apart_and_equal_ones_together():
    a, b = np.repeat([[1.0, 0]], 20, 0), np.repeat([[0.0, 1]], 20, 0)
    apart = mauve.mauve(a, b)
    assert max(apart.values) < 0.01 and min(apart.frontier) > 0.99 and apart.note == "distinct texts of a side: 1 of 20"
    assert mauve.mauve(a, a * 3).values == (1.0,) * 5
    noise = np.random.default_rng(0).normal(size=(2, 20, 2)) * 1e-8  # one text, encoded in several batches
    assert max(mauve.mauve(a + noise[0], b + noise[1]).values) < 0.01
    assert mauve.mauve(a + noise[0], a + noise[1]).values == (1.0,) * 5


@pytest.mark.parametrize("dimensions", [50])
def test_many_texts_against_one_that_is_given_again_and_again(dimensions):
    rng = np.random.default_rng(dimensions)
    real, one = rng.normal(size=(100, dimensions)), rng.normal(size=(1, dimensions))
    for size in (25, 100):
        found = mauve.of_weighted(one, np.array([size]), real, range(6), 2000, np.random.default_rng(0))
        assert max(found.values) < 0.1 and found.note == f"distinct texts of a side: 1 of {size}"
    three = mauve.mauve(np.repeat(rng.normal(size=(3, dimensions)), [34, 33, 33], axis=0), real)
    assert max(three.values) < 0.1


def test_no_cell_is_empty_while_there_are_distinct_points_for_it():
    rng = np.random.default_rng(3)
    for distinct in (2, 3, 5, 9):
        x = mauve.principal_components(np.repeat(rng.normal(size=(distinct, 12)), 20, axis=0))
        for cells in (2, 3, 5):
            cell = mauve.separated_cells(x, cells, 0)
            assert len(np.unique(cell)) == min(cells, distinct)
            assert all(len(np.unique(cell[part : part + 20])) == 1 for part in range(0, len(x), 20))
    few = mauve.mauve(np.repeat([[1.0, 0], [0, 1]], 20, 0), np.repeat([[0.0, 1], [1, 0]], 20, 0))
    assert few.values == (1.0,) * 5 and few.note == "distinct texts of both sides: 2, fewer than the 4 cells"


def test_figures_of_distinct_texts_come_from_the_cells_of_plain_k_means():
    rng = np.random.default_rng(6)
    for rows in (20, 60, 300):
        p, q = clouds(rng, 0.0, rows), clouds(rng, 0.3, rows)
        reduced, found = mauve.principal_components(np.concatenate([q, p])), mauve.mauve(p, q)
        assert found.note is None
        for seed, value in enumerate(found.values):
            cell = mauve.cells_of(reduced, found.cells, seed)
            laws = [np.bincount(part, minlength=found.cells) / rows for part in (cell[rows:], cell[:rows])]
            assert len(np.unique(cell)) == found.cells and value == mauve.of_histograms(*laws)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_and_a_set_without_documents_are_data_errors(odd):
    x = np.ones((20, 4))
    wrong = x.copy()
    wrong[3, 1] = odd
    with pytest.raises(DataError, match="1 of 40 vectors have a value that is not finite"):
        mauve.mauve(x, wrong)
    with pytest.raises(DataError, match="shape"):
        mauve.mauve(x[:0], x[:0])


@pytest.mark.filterwarnings("error")
def test_only_the_direction_of_a_vector_counts_however_long_it_is():
    rng = np.random.default_rng(8)
    p, q = rng.normal(size=(2, 20, 4))
    for factor in (1e300, 1e-300):
        assert mauve.mauve(p * factor, q).values == mauve.mauve(p, q).values


@pytest.mark.filterwarnings("error")
def test_a_share_that_is_tiny_beside_the_other_has_a_frontier_integral():
    none = mauve.frontier_integral(np.array([0.0, 1]), np.array([0.5, 0.5]))
    for tiny in (1e-18, 1e-17, 1e-300, 1e-320):
        p, q = np.array([tiny, 1]), np.array([0.5, 0.5])
        assert mauve.frontier_integral(p, q) == pytest.approx(none, abs=1e-12)
        assert mauve.frontier_integral(q, p) == pytest.approx(none, abs=1e-12)


def test_sets_of_different_size_are_refused():
    with pytest.raises(ValueError, match="equal numbers of documents, not 20 and 30"):
        mauve.mauve(np.ones((20, 4)), np.ones((30, 4)))


def test_unequal_sets_are_compared_in_equal_samples_that_the_spread_holds():
    rng = np.random.default_rng(4)
    p, q, counts = clouds(rng, 0.0, 90), clouds(rng, 0.3, 60), np.full(90, 2)

    def sampled(limit, seeds=(0, 1, 2)):
        return mauve.of_weighted(p, counts, q, seeds, limit, np.random.default_rng(1))

    assert sampled(500).n == 60 and sampled(40).n == 40 and sampled(40).cells == 4
    assert sampled(500) == sampled(500) and len(set(sampled(500).values)) == 3
    assert sampled(19) is None
    whole = mauve.of_weighted(q, np.ones(60, dtype=int), p[:60], (0, 1), 500, rng)
    assert whole.values == mauve.mauve(q, p[:60], (0, 1)).values and whole.n == 60
