"""Embedding distances, surface diversity and memorisation against vectors and plain implementations."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from scipy.linalg import sqrtm
from scipy.spatial.distance import pdist
from scipy.stats import kstest
from sklearn.metrics.pairwise import rbf_kernel

from volfid.core.exits import DataError
from volfid.core.shingles import containment, longest_common_run
from volfid.core.vectors import unit_rows
from volfid.fidelity import diversity, memorisation, text

VECTORS = json.loads((Path(__file__).parents[1] / "golden" / "metrics.json").read_text())


def unit(rng, rows, columns):
    return unit_rows(rng.normal(size=(rows, columns)) + 0.5, [f"d{i}" for i in range(rows)])


# ---- text -----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [4, 1024])
def test_weighted_text_mmd_equals_sklearn_on_repeated_rows(monkeypatch, block):
    monkeypatch.setattr(text, "BLOCK", block)
    rng = np.random.default_rng(0)
    x, y, counts, sigma = unit(rng, 15, 6), unit(rng, 11, 6), rng.integers(1, 4, 15), 0.8
    repeated, gamma = np.repeat(x, counts, axis=0).astype(float), 1 / (2 * sigma**2)
    kxx, kyy, kxy = rbf_kernel(repeated, gamma=gamma), rbf_kernel(y.astype(float), gamma=gamma), None
    kxy = rbf_kernel(repeated, y.astype(float), gamma=gamma)
    m, n = len(repeated), len(y)
    expected = (kxx.sum() - m) / (m * (m - 1)) + (kyy.sum() - n) / (n * (n - 1)) - 2 * kxy.mean()
    within = text.kernel_sums(x, counts[:, None], sigma)[0, 0]
    within_y = text.kernel_sums(y, np.ones((n, 1)), sigma)[0, 0]
    cross = text.cross_sums(x, counts[:, None], y, sigma)[0]
    assert text.mmd2_unbiased(within, m, within_y, n, cross) == pytest.approx(expected, abs=2e-7)


def test_kernel_sums_of_two_weight_columns_add_up():
    rng = np.random.default_rng(1)
    x, weights = unit(rng, 20, 5), rng.integers(0, 3, (20, 2))
    both = text.kernel_sums(x, weights, 0.9)
    assert both.sum() == pytest.approx(text.kernel_sums(x, weights.sum(1, keepdims=True), 0.9)[0, 0], rel=1e-7)
    assert both[0, 1] == pytest.approx(both[1, 0])


@pytest.mark.parametrize("block", [5, 1024])
def test_parent_sums_equal_enumeration(monkeypatch, block):
    monkeypatch.setattr(text, "BLOCK", block)
    rng = np.random.default_rng(2)
    x, counts, parents, sigma = unit(rng, 12, 5), rng.integers(1, 4, 12), rng.integers(0, 4, 12), 0.7
    kernel = rbf_kernel(x.astype(float), gamma=1 / (2 * sigma**2))
    same = parents[:, None] == parents[None, :]
    weights = np.outer(counts, counts)
    sums, pairs = text.parent_sums(x, counts[:, None], parents, sigma)
    assert sums[0] == pytest.approx((kernel * weights)[same].sum(), rel=1e-6)
    assert pairs[0] == weights[same].sum()


@pytest.mark.parametrize("block", [7, 10, 1024])
def test_kernel_blocks_hold_every_pair_once_and_ones_on_the_diagonal(monkeypatch, block):
    monkeypatch.setattr(text, "BLOCK", block)
    x = unit(np.random.default_rng(3), 30, 6)
    found = np.full((30, 30), np.nan)
    for rows, columns, kernel, on_diagonal in text.kernel_blocks(x, 0.8):
        assert np.isnan(found[rows, columns]).all() and on_diagonal == (rows == columns)
        found[rows, columns] = kernel
        found[columns, rows] = kernel.T
    assert (np.diag(found) == 1).all()
    assert found == pytest.approx(rbf_kernel(x.astype(float), gamma=1 / (2 * 0.8**2)), abs=2e-6)


@pytest.mark.parametrize("block", [7, 1024])
def test_quadratic_forms_equal_the_whole_matrix(monkeypatch, block):
    monkeypatch.setattr(text, "BLOCK", block)
    rng = np.random.default_rng(3)
    x, weights = unit(rng, 30, 6), rng.normal(size=(30, 4))
    weights -= weights.mean(axis=0)
    kernel = rbf_kernel(x.astype(float), gamma=1 / (2 * 0.8**2))
    assert text.quadratic_forms(x, weights, 0.8) == pytest.approx(np.diag(weights.T @ kernel @ weights), abs=2e-6)


def test_the_permutation_test_of_embeddings_has_the_biased_mmd_and_the_exhaustive_p():
    rng = np.random.default_rng(4)
    x, y, sigma = unit(rng, 4, 5), unit(rng, 5, 5) + np.float32(0.1), 0.8
    y = unit_rows(y, [""] * 5)
    kernel = rbf_kernel(np.concatenate([x, y]).astype(float), gamma=1 / (2 * sigma**2))
    every = []
    for chosen in itertools.combinations(range(9), 4):
        w = np.where(np.isin(np.arange(9), chosen), 1 / 4, -1 / 5)
        every.append(w @ kernel @ w)
    v, p = text.permutation_p(x, np.ones(4), np.arange(4), y, sigma, 20_000, np.random.default_rng(0))
    assert v == pytest.approx(every[0], abs=1e-7)
    assert p == pytest.approx(np.mean(np.array(every) >= every[0] - 1e-12), abs=0.012)


def test_copies_move_with_their_parent_so_that_p_stays_uniform():
    rng, whole, by_row = np.random.default_rng(5), [], []
    for _ in range(150):
        x, y = unit(rng, 20, 4), unit(rng, 60, 4)
        parents = np.repeat(np.arange(20), 6)
        copies = x[parents]
        whole.append(text.permutation_p(copies, np.ones(120), parents, y, 0.8, 99, rng)[1])
        by_row.append(text.permutation_p(copies, np.ones(120), np.arange(120), y, 0.8, 99, rng)[1])
        counted = text.permutation_p(x, np.full(20, 6), np.arange(20), y, 0.8, 1, rng)[0]
        assert counted == pytest.approx(text.permutation_p(copies, np.ones(120), parents, y, 0.8, 1, rng)[0], abs=1e-6)
    assert kstest(whole, "uniform").pvalue > 0.01
    assert np.mean(np.array(by_row) <= 0.05) > 0.3  # what copies would seem to prove, if rows were permuted


def test_median_distance_skips_equal_rows_and_is_seeded():
    rng = np.random.default_rng(3)
    x = unit(rng, 40, 5)
    repeated = np.concatenate([x, x, x, x])
    every = pdist(repeated.astype(float))
    assert text.median_distance(repeated, rng) == pytest.approx(np.median(every[every > 1e-3]), abs=1e-5)
    first, again = (text.median_distance(x, np.random.default_rng(1), limit=20) for _ in range(2))
    assert first == again != text.median_distance(x, np.random.default_rng(1))
    assert text.median_distance(np.repeat(x[:1], 5, axis=0), rng) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_broken_embedding_is_refused_by_name(bad):
    vectors = np.ones((3, 4))
    vectors[1] = bad
    with pytest.raises(DataError, match="'b'"):
        unit_rows(vectors, ["a", "b", "c"])


def test_frechet_vectors_are_met():
    case = VECTORS["frechet"]["case1"]
    moments = [np.array(case[key]) for key in ("mu1", "cov1", "mu2", "cov2")]
    assert text.frechet_from_moments(*moments) == pytest.approx(case["d2"], abs=1e-10)
    deficient = VECTORS["frechet"]["rank_deficient"]
    a, b = (text.Gaussian.of(np.array(deficient[name])) for name in "AB")
    assert text.frechet(a, b) == pytest.approx(deficient["d2"], abs=2e-7)


def test_frechet_of_diagonal_covariances_has_the_closed_form():
    a, b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 4.0, 1.0])
    expected = 2.0 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    found = text.frechet_from_moments(np.zeros(3), np.diag(a), np.array([1.0, 1.0, 0.0]), np.diag(b))
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("rows", [(30, 40), (5, 40), (30, 5), (5, 4)])
def test_frechet_routes_agree_with_scipys_matrix_root(rows):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(rows[0], 8)), rng.normal(size=(rows[1], 8)) + 0.3
    a, b = text.Gaussian.of(x), text.Gaussian.of(y)
    eye = 1e-13 * np.eye(8)
    root = np.real(np.trace(sqrtm((a.covariance + eye) @ (b.covariance + eye))))
    expected = ((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance) + np.trace(b.covariance) - 2 * root
    assert text.frechet(a, b) == pytest.approx(expected, abs=2e-5)


def test_weighted_moments_equal_those_of_repeated_rows():
    rng = np.random.default_rng(5)
    x, y, counts = unit(rng, 9, 5), text.Gaussian.of(unit(rng, 30, 5)), rng.integers(1, 5, 9)
    repeated = np.repeat(x, counts, axis=0)
    assert text.Gaussian.of(x, counts).covariance == pytest.approx(np.cov(repeated.T.astype(float)), abs=1e-12)
    found, expected = text.frechet(text.Gaussian.of(x, counts), y), text.frechet(text.Gaussian.of(repeated), y)
    assert found == pytest.approx(expected, abs=1e-7)


def test_vendi_meets_its_vector_and_both_forms_agree():
    vector = VECTORS["vendi"]
    assert text.vendi_of_kernel(np.array(vector["K"]) / 3) == pytest.approx(vector["score"], abs=1e-10)
    rng = np.random.default_rng(6)
    x, counts = unit(rng, 12, 5), rng.integers(1, 4, 12)
    repeated = np.repeat(x, counts, axis=0).astype(float)
    primal = text.vendi_of_kernel(repeated @ repeated.T / len(repeated))
    assert text.vendi(x, counts) == pytest.approx(primal, abs=1e-6)
    assert text.vendi(np.eye(4)) == pytest.approx(4, abs=1e-12)
    assert text.vendi(np.ones((4, 2)) / math.sqrt(2)) == pytest.approx(1, abs=1e-12)


def test_nearest_cosine_is_one_for_copies_and_weights_by_count():
    rng = np.random.default_rng(7)
    x = unit(rng, 10, 4)
    assert text.nearest_cosine(x, np.ones(10), x) == pytest.approx(1, abs=1e-6)
    best = (x[:3] @ x[3:].T).max(1)
    expected = (best * [1, 2, 5]).sum() / 8
    assert text.nearest_cosine(x[:3], np.array([1, 2, 5]), x[3:]) == pytest.approx(expected, abs=1e-6)


# ---- diversity ------------------------------------------------------------------------------


def bleu_by_nltk(documents, order):
    scores = []
    for i, words in enumerate(documents):
        others = [d for j, d in enumerate(documents) if j != i]
        method = SmoothingFunction().method1
        scores.append(sentence_bleu(others, words, [1 / order] * order, method) if words else 0.0)
    return scores


def self_bleu(documents, order):
    corpus = diversity.index_ngrams(documents)
    return diversity.self_bleu(corpus, np.arange(len(documents)), np.ones(len(documents), dtype=int), order)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_self_bleu_meets_its_vectors(order):
    vector = VECTORS["self_bleu"]
    documents = [d.split() for d in vector["docs"]]
    assert self_bleu(documents, order) == pytest.approx(vector[f"self_bleu_{order}"]["per_doc"], abs=1e-14)
    short = VECTORS["self_bleu_short_docs"]
    if order in (2, 4):
        documents = [d.split() for d in short["docs"]]
        assert self_bleu(documents, order) == pytest.approx(short[f"self_bleu_{order}"], abs=1e-14)


words = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=9)


@settings(max_examples=100, deadline=None)
@given(st.lists(words, min_size=2, max_size=6), st.sampled_from([1, 2, 3, 4]))
def test_self_bleu_equals_nltk_on_any_corpus(documents, order):
    assert self_bleu(documents, order) == pytest.approx(bleu_by_nltk(documents, order), abs=1e-14)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(words, st.integers(1, 3)), min_size=2, max_size=5))
def test_self_bleu_with_multiplicities_equals_nltk_on_repeated_documents(items):
    documents, counts = [w for w, _ in items], np.array([c for _, c in items])
    repeated = [w for w, c in items for _ in range(c)]
    found = diversity.self_bleu(diversity.index_ngrams(documents), np.arange(len(items)), counts)
    assert np.repeat(found, counts) == pytest.approx(bleu_by_nltk(repeated, 4), abs=1e-14)


def test_self_bleu_of_a_part_ignores_the_rest_of_the_corpus():
    documents = [d.split() for d in VECTORS["self_bleu"]["docs"]]
    corpus = diversity.index_ngrams([*documents, ["a", "frame", "and", "a", "wheel"]])
    found = diversity.self_bleu(corpus, np.array([0, 2, 4]), np.ones(3, dtype=int))
    assert found == pytest.approx(bleu_by_nltk([documents[i] for i in (0, 2, 4)], 4), abs=1e-14)


def test_self_bleu_of_one_document_is_undefined():
    assert diversity.self_bleu(diversity.index_ngrams([["a", "b"]]), np.array([0]), np.array([1])) is None


def test_distinct_n_meets_its_vector():
    documents = [d.split() for d in VECTORS["self_bleu"]["docs"]]
    corpus = diversity.index_ngrams(documents)
    for n in range(1, 5):
        vector = VECTORS["distinct_n"][f"n{n}"]
        expected = (vector["unique"], vector["total"])
        assert diversity.distinct_of_all(corpus, np.arange(5), np.ones(5, dtype=int), n) == expected
        assert diversity.distinct(corpus, [(d, len(w)) for d, w in enumerate(documents)], n) == expected


@settings(max_examples=50, deadline=None)
@given(st.lists(words, min_size=1, max_size=5), st.integers(1, 12), st.integers(0, 5))
def test_budget_sample_takes_exactly_the_budget_and_counts_as_brute_force(documents, budget, seed):
    corpus = diversity.index_ngrams(documents)
    rng = np.random.default_rng(seed)
    sample = diversity.budget_sample(corpus, np.arange(len(documents)), budget, rng)
    if sum(map(len, documents)) < budget:
        assert sample is None
        return
    assert sum(tokens for _, tokens in sample) == budget
    for n in (1, 2, 3):
        grams = [tuple(documents[d][i : i + n]) for d, tokens in sample for i in range(tokens - n + 1)]
        assert diversity.distinct(corpus, sample, n) == (len(set(grams)), len(grams))


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=9), max_size=6))
@settings(max_examples=60, deadline=None)
def test_distinct_counts_equal_brute_force(documents):
    for n, found in enumerate(diversity.distinct_counts(documents, 5), start=1):
        grams = [tuple(words[i : i + n]) for words in documents for i in range(len(words) - n + 1)]
        assert found == (len(set(grams)), len(grams))


def test_distinct_counts_are_exact_when_a_code_would_overflow():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in rng.integers(0, 60_000, 150_000)] + [f"w{i}" for i in range(60_000)]
    documents = [words, words[:50_000]]
    for n, found in enumerate(diversity.distinct_counts(documents), start=1):
        grams = [tuple(part[i : i + n]) for part in documents for i in range(len(part) - n + 1)]
        assert found == (len(set(grams)), len(grams))


def test_adjusted_distinct_divides_by_the_expected_number_of_kinds():
    assert diversity.distinct_adjusted(10, 50, 100) == pytest.approx(10 / (100 * (1 - 0.99**50)), abs=1e-12)
    assert diversity.distinct_adjusted(0, 0, 100) is None
    rng = np.random.default_rng(0)
    ratios = [diversity.distinct_adjusted(len(set(rng.integers(80, size=60))), 60, 80) for _ in range(300)]
    assert np.mean(ratios) == pytest.approx(1, abs=0.02)


def test_repeated_text_compresses_better():
    different = ["".join(np.random.default_rng(i).choice(list("abcdefgh"), 200)) for i in range(10)]
    assert diversity.compression_ratio(different[:1] * 10) > 2 * diversity.compression_ratio(different)
    assert diversity.compression_ratio([]) is None


def test_tokens_are_lower_case_words_and_single_marks():
    assert diversity.tokenise("A device (10a), comprising…") == ["a", "device", "(", "10a", ")", ",", "comprising", "…"]


# ---- memorisation ---------------------------------------------------------------------------

sentences = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=14).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(sentences, max_size=4), st.lists(sentences, max_size=4))
def test_longest_runs_equal_the_pairwise_maximum(left, right):
    expected = [max((longest_common_run(a, b) for b in right), default=0) for a in left]
    assert memorisation.longest_runs(left, right).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(sentences, min_size=2, max_size=4), st.lists(sentences, min_size=2, max_size=4), st.data())
def test_longest_runs_against_chosen_texts_ignore_the_others(left, right, data):
    numbers = st.lists(st.integers(0, len(right) - 1), max_size=3)
    pairs = [data.draw(numbers) for _ in left]
    expected = [
        max((longest_common_run(a, right[j]) for j in js), default=0) for a, js in zip(left, pairs, strict=True)
    ]
    assert memorisation.longest_runs(left, right, pairs).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(sentences, st.lists(sentences, max_size=5), st.integers(1, 4))
def test_containment_index_equals_pairwise_containment(one, others, width):
    found = memorisation.ContainmentIndex(others, width).containments(one)
    expected = {j: share for j, other in enumerate(others) if (share := containment(one, other, width))}
    assert found == pytest.approx(expected)


def test_memorisation_vector_is_met():
    vector = VECTORS["memorisation"]
    assert memorisation.longest_runs([vector["a"]], [vector["b"]])[0] == vector["longest_common_token_run"]
    for n in (1, 3, 5, 8):
        found = memorisation.ContainmentIndex([vector["b"]], n).containments(vector["a"]).get(0, 0.0)
        assert found == pytest.approx(vector["containment"][f"{n}-gram"])


def test_quantile_counts_copies():
    assert memorisation.quantile(np.array([5, 1, 9]), np.array([1, 8, 1]), 0.5) == 1
    assert memorisation.quantile(np.array([5, 1, 9]), np.array([1, 8, 1]), 0.9) == 5
    assert memorisation.quantile(np.array([5, 1, 9]), np.array([1, 8, 1]), 1.0) == 9
