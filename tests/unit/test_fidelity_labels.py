"""Label MMD and label structure against vectors, dense kernels and exhaustive enumeration."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import gmean, kstest, spearmanr
from sklearn.metrics.pairwise import rbf_kernel

from volfid.fidelity import labels, structure

VECTORS = json.loads((Path(__file__).parents[1] / "golden" / "metrics.json").read_text())


def random_sets(rng, rows, n_labels, share=0.2):
    return (rng.random((rows, n_labels)) < share).astype(np.uint8)


def dense_mmd2(x, y, two_sigma_squared):
    kxx, kyy, kxy = (
        np.mean([rbf_kernel(a.astype(float), b.astype(float), gamma=1 / w) for w in two_sigma_squared], axis=0)
        for a, b in ((x, x), (y, y), (x, y))
    )
    m, n = len(x), len(y)
    biased = kxx.mean() + kyy.mean() - 2 * kxy.mean()
    within = (kxx.sum() - m) / (m * (m - 1)) + (kyy.sum() - n) / (n * (n - 1))
    return biased, within - 2 * kxy.mean()


@pytest.mark.parametrize("case", VECTORS["mmd_small"]["cases"])
def test_small_mmd_vectors_are_met(case):
    vector = VECTORS["mmd_small"]
    x, y = labels.compress(np.array(vector["X"])), labels.compress(np.array(vector["Y"]))
    table = labels.kernel_table(4, [2 * s * s for s in case["sigmas"]])
    assert labels.mmd2_biased(x, y, table) == pytest.approx(case["mmd2_biased"], abs=1e-12)
    assert labels.mmd2_unbiased(x, y, table) == pytest.approx(case["mmd2_unbiased"], abs=1e-12)


@pytest.mark.parametrize("case", VECTORS["mmd_small"]["cases"])
def test_permutation_p_approaches_the_exhaustive_p(case):
    vector = VECTORS["mmd_small"]
    x, y = np.array(vector["X"]), np.array(vector["Y"])
    table = labels.kernel_table(4, [2 * s * s for s in case["sigmas"]])
    rng = np.random.default_rng(5)
    ones = np.ones(len(x), dtype=int)
    p = labels.permutation_p(labels.pack(x), ones, np.arange(len(x)), labels.compress(y), table, 20_000, rng)
    assert p == pytest.approx(case["exact_p_biased"], abs=0.008)


def test_several_kernels_share_their_permutations_and_give_the_p_of_each():
    rng = np.random.default_rng(6)
    x, y = random_sets(rng, 40, 6, 0.3), labels.compress(random_sets(rng, 50, 6, 0.4))
    tables = [labels.kernel_table(6, [width]) for width in labels.TWO_SIGMA_SQUARED]
    for counts in (np.ones(40, dtype=int), rng.integers(1, 4, 40)):
        args = labels.pack(x), counts, np.arange(40), y
        together = labels.permutation_ps(*args, tables, 199, np.random.default_rng(1))
        assert together == [labels.permutation_p(*args, one, 199, np.random.default_rng(1)) for one in tables]
        assert len(set(together)) > 1


def test_multiplicities_count_as_repeated_rows():
    vector = VECTORS["mmd_weighted"]
    table = labels.kernel_table(4, [2 * vector["sigma"] ** 2])
    x = labels.compress(np.array(vector["unique_X"]), np.array(vector["mult_X"]))
    y = labels.compress(np.array(vector["unique_Y"]), np.array(vector["mult_Y"]))
    assert labels.mmd2_biased(x, y, table) == pytest.approx(vector["mmd2_biased"], abs=1e-12)
    assert labels.mmd2_unbiased(x, y, table) == pytest.approx(vector["mmd2_unbiased"], abs=1e-12)


def test_exact_copies_give_zero_biased_and_negative_unbiased_mmd():
    vector = VECTORS["mmd_replication_exact_copies"]
    base = np.array(vector["base"])
    table = labels.kernel_table(4, [2 * vector["sigma"] ** 2])
    x, y = labels.compress(base, np.full(5, vector["copies"])), labels.compress(base)
    assert labels.mmd2_biased(x, y, table) == pytest.approx(0, abs=1e-12)
    assert labels.mmd2_unbiased(x, y, table) == pytest.approx(vector["mmd2_unbiased"], abs=1e-12)


def test_expected_biased_mmd_of_a_bootstrap_sample_is_the_size_term():
    vector = VECTORS["mmd_bootstrap_expectation"]
    base = labels.compress(np.array(vector["base"]))
    table = labels.kernel_table(4, [2 * vector["sigma"] ** 2])
    mean_kernel = base.within @ table / base.size**2
    assert (1 - mean_kernel) / vector["m"] == pytest.approx(vector["expected_mmd2_biased"], abs=1e-12)
    rng = np.random.default_rng(3)
    matrix = np.array(vector["base"])
    drawn = [
        labels.mmd2_biased(labels.compress(matrix[rng.integers(5, size=vector["m"])]), base, table) for _ in range(2000)
    ]
    assert np.mean(drawn) == pytest.approx(vector["expected_mmd2_biased"], rel=0.05)


def test_median_ignores_equal_pairs():
    vector = VECTORS["median_heuristic"]
    sample = labels.compress(np.array(vector["Z"]))
    assert labels.nonzero_median_squared(sample) == vector["median_sqdist_nonzero"]
    assert labels.nonzero_median_squared(labels.compress(np.ones((4, 3)))) is None


def test_narrow_kernel_measures_the_squared_difference_of_laws():
    rng = np.random.default_rng(0)
    x, y = random_sets(rng, 20, 4), random_sets(rng, 15, 4)
    p, q = (structure.LabelTable.of(side).law() for side in (x, y))
    expected = sum((p.get(k, 0) - q.get(k, 0)) ** 2 for k in p.keys() | q.keys())
    table = labels.kernel_table(4, [1e-3])
    assert labels.mmd2_biased(labels.compress(x), labels.compress(y), table) == pytest.approx(expected, abs=1e-12)


def test_linear_time_estimate_meets_its_vector():
    vector = VECTORS["mmd_linear_time"]
    table = labels.kernel_table(3, [2 * vector["sigma"] ** 2])
    value, terms = labels.mmd2_linear(np.array(vector["X"]), np.array(vector["Y"]), table)
    assert terms == pytest.approx(vector["h"], abs=1e-12)
    assert value == pytest.approx(vector["mmd2_linear"], abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_histogram_form_equals_dense_sklearn_kernels_for_any_number_of_labels(seed):
    rng = np.random.default_rng(seed)
    n_labels = int(rng.choice([3, 8, 63, 64, 65, 130]))
    x, y = random_sets(rng, 40, n_labels), random_sets(rng, 25, n_labels, 0.3)
    table = labels.kernel_table(n_labels)
    biased, unbiased = dense_mmd2(x, y, labels.TWO_SIGMA_SQUARED)
    a, b = labels.compress(x), labels.compress(y)
    assert labels.mmd2_biased(a, b, table) == pytest.approx(biased, abs=1e-12)
    assert labels.mmd2_unbiased(a, b, table) == pytest.approx(unbiased, abs=1e-12)
    shuffled = labels.compress(rng.permutation(x))
    assert labels.mmd2_biased(shuffled, b, table) == labels.mmd2_biased(a, b, table)


def test_histograms_are_the_same_in_blocks(monkeypatch):
    rng = np.random.default_rng(1)
    x, y = labels.compress(random_sets(rng, 60, 12)), labels.compress(random_sets(rng, 50, 12))
    whole = labels.histogram(x, y)
    monkeypatch.setattr(labels, "_BLOCK", 7)
    assert (labels.histogram(x, y) == whole).all()
    assert whole.sum() == 60 * 50


@pytest.mark.parametrize("copies", [False, True])
def test_permutation_p_is_the_same_in_parts(monkeypatch, copies):
    rng = np.random.default_rng(11)
    x, y = random_sets(rng, 40, 8, 0.3), labels.compress(random_sets(rng, 50, 8, 0.35))
    counts = rng.integers(1, 4, 40) if copies else np.ones(40, dtype=int)
    tables = [labels.kernel_table(8, [width]) for width in labels.TWO_SIGMA_SQUARED]

    def found():
        return labels.permutation_ps(labels.pack(x), counts, np.arange(40), y, tables, 99, np.random.default_rng(2))

    whole = found()
    monkeypatch.setattr(labels, "_CELLS", 500)  # about five permutations, and blocks of ten label sets
    assert found() == whole


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=12))
def test_parent_histogram_equals_enumeration(rows):
    sets = np.array([[(code >> bit) & 1 for bit in range(3)] for code, _, _ in rows])
    parents, counts = np.array([p for _, p, _ in rows]), np.array([c for _, _, c in rows])
    expected = np.zeros(4, dtype=int)
    documents = [(i, parents[i]) for i, c in enumerate(counts) for _ in range(c)]
    for (i, p), (j, q) in itertools.product(documents, documents):
        if p == q:
            expected[(sets[i] != sets[j]).sum()] += 1
    assert (labels.parent_histogram(labels.pack(sets), counts, parents, 3) == expected).all()


def test_parent_rule_gives_balanced_copies_the_value_of_their_base():
    rng = np.random.default_rng(2)
    base, y = random_sets(rng, 30, 8), labels.compress(random_sets(rng, 40, 8))
    table = labels.kernel_table(8)
    words, counts, parents = labels.pack(base), np.full(30, 11), np.arange(30)
    copies = labels.compress(base, counts)
    by_parent = labels.mmd2_parent(copies, labels.parent_histogram(words, counts, parents, 8), y, table)
    plain = labels.mmd2_unbiased(labels.compress(base), y, table)
    assert by_parent == pytest.approx(plain, abs=1e-12)
    assert labels.mmd2_unbiased(copies, y, table) > plain + 0.005  # the size term that the rule takes out


def test_parent_rule_is_undefined_with_one_parent():
    base = np.eye(3, dtype=np.uint8)
    x, y = labels.compress(base), labels.compress(base)
    same = labels.parent_histogram(labels.pack(base), np.ones(3, dtype=int), np.zeros(3, dtype=int), 3)
    assert labels.mmd2_parent(x, same, y, labels.kernel_table(3)) is None


def test_unbiased_statistic_is_undefined_for_one_document():
    one, many = labels.compress(np.array([[1, 0]])), labels.compress(np.array([[1, 0], [0, 1]]))
    assert labels.mmd2_unbiased(one, many, labels.kernel_table(2)) is None


@pytest.mark.parametrize("copies", [1, 5])
def test_permutation_p_is_uniform_without_a_difference_even_for_copies(copies):
    rng = np.random.default_rng(4)
    table = labels.kernel_table(5)
    found = []
    for _ in range(200):
        x, y = random_sets(rng, 25, 5, 0.4), random_sets(rng, 30, 5, 0.4)
        counts = np.full(25, copies)
        args = (labels.pack(x), counts, np.arange(25), labels.compress(y), table, 99, rng)
        found.append(labels.permutation_p(*args))
    assert kstest(found, "uniform").pvalue > 0.01


def test_permuting_rows_instead_of_parents_would_reject_without_a_difference():
    rng = np.random.default_rng(4)
    table, copies = labels.kernel_table(5), 8
    small = 0
    for _ in range(60):
        x, y = random_sets(rng, 25, 5, 0.4), labels.compress(random_sets(rng, 100, 5, 0.4))
        repeated = np.repeat(x, copies, axis=0)
        args = (labels.pack(repeated), np.ones(len(repeated), dtype=int), np.arange(len(repeated)), y, table, 99, rng)
        small += labels.permutation_p(*args) <= 0.05
    assert small > 15


def test_permutation_p_does_not_depend_on_row_order():
    rng = np.random.default_rng(6)
    x, y = random_sets(rng, 20, 6), labels.compress(random_sets(rng, 20, 6))
    order, parents, counts = rng.permutation(20), np.arange(20) % 7, rng.integers(1, 4, 20)
    table, words = labels.kernel_table(6), labels.pack(x)
    first = labels.permutation_p(words, counts, parents, y, table, 99, np.random.default_rng(0))
    again = labels.permutation_p(words[order], counts[order], parents[order], y, table, 99, np.random.default_rng(0))
    assert first == again


# ---- structure ------------------------------------------------------------------------------


def test_label_statistics_meet_their_vector():
    vector = VECTORS["label_stats"]
    table = structure.LabelTable.of(np.array(vector["Y"]))
    found = structure.imbalance(table)
    for metric, key in (
        ("cardinality", "cardinality"), ("density", "density"), ("distinct_label_sets", "distinct_labelsets"),
        ("singleton_label_sets", "singletons"), ("mean_ir", "MeanIR"), ("cvir", "CVIR"), ("max_ir", "MaxIR"),
        ("scumble", "SCUMBLE"),
    ):  # fmt: skip
        assert found[metric] == pytest.approx(vector[key], abs=1e-12), metric
    assert (table.cooccurrence() == np.array(vector["cooccurrence"])).all()
    expected = np.array([[np.nan if v is None else v for v in row] for row in vector["lift"]])
    np.testing.assert_allclose(structure.lift(table), expected, atol=1e-12)


def test_scumble_equals_the_geometric_mean_formula_per_document():
    rng = np.random.default_rng(0)
    table = structure.LabelTable.of(random_sets(rng, 40, 6, 0.3))
    counts = table.counts @ table.sets.astype(int)
    ratios = counts.max() / counts
    expected = [1 - gmean(ratios[s > 0]) / ratios[s > 0].mean() if s.sum() > 1 else 0.0 for s in table.sets]
    assert structure.scumble(table) == pytest.approx(expected, abs=1e-12)


def test_label_comparison_meets_its_vector():
    vector = VECTORS["label_compare"]
    a, b = (structure.LabelTable.of(np.array(vector[name])) for name in "AB")
    found = structure.compare(a, b)
    for metric, key in (
        ("cooccurrence_frobenius", "frobenius_joint_prob_offdiag"), ("label_set_tv", "tv"),
        ("cooccurrence_frobenius_full", "frobenius_joint_prob_full"), ("marginal_max_difference", "max_abs_marginal"),
        ("label_set_js_bits", "js_divergence_bits"), ("unseen_label_sets", "unseen_labelsets_in_B"),
        ("reference_coverage", "labelset_coverage_of_A"),
    ):  # fmt: skip
        assert found[metric] == pytest.approx(vector[key], abs=1e-12), metric
    assert found["unseen_label_set_share"] == pytest.approx(vector["unseen_docs_in_B"] / 5)
    # A has the pairs 01, 02, 12, 23; B has 01, 04, 13, 02
    assert (found["pairs_only_in_reference"], found["pairs_only_in_set"]) == (2, 2)
    assert found["lift_spearman"] is None


def test_triples_equal_enumeration_and_their_laws_are_compared():
    rng = np.random.default_rng(10)
    a, b = random_sets(rng, 60, 7, 0.4), random_sets(rng, 50, 7, 0.45)
    b[:, 6] = 1
    a[:, 6] = 0
    laws = []
    for matrix in (a, b):
        cube = np.einsum("ni,nj,nk->ijk", *[matrix.astype(int)] * 3)
        expected = {t: int(cube[t]) for t in itertools.combinations(range(7), 3) if cube[t]}
        assert structure.triples(structure.LabelTable.of(matrix)) == expected
        laws.append({t: n / sum(expected.values()) for t, n in expected.items()})
    p, q = (np.array([law.get(t, 0.0) for t in itertools.combinations(range(7), 3)]) for law in laws)
    found = structure.compare_triples(*(structure.LabelTable.of(side) for side in (a, b)))
    assert found["triple_tv"] == pytest.approx(np.abs(p - q).sum() / 2, abs=1e-12)
    assert found["triple_js_bits"] == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-12)
    assert found["unseen_triple_share"] == pytest.approx(q[p == 0].sum()) and found["unseen_triple_share"] > 0.2
    pairs = structure.LabelTable.of(np.eye(7, dtype=int))
    assert set(structure.compare_triples(pairs, structure.LabelTable.of(a)).values()) == {None}


def test_js_divergence_is_the_square_of_scipys_distance():
    rng = np.random.default_rng(0)
    for _ in range(20):
        p, q = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
        q[0] = 0
        q /= q.sum()
        assert structure.js_bits(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-12)


def test_lift_correlation_equals_scipys_spearman():
    rng = np.random.default_rng(8)
    a, b = (structure.LabelTable.of(random_sets(rng, 80, 7, 0.4)) for _ in range(2))
    upper = np.triu_indices(7, k=1)
    expected = spearmanr(structure.lift(a)[upper], structure.lift(b)[upper]).statistic
    assert structure.compare(a, b)["lift_spearman"] == pytest.approx(expected, abs=1e-12)


def test_structure_does_not_change_when_every_document_is_copied():
    rng = np.random.default_rng(9)
    matrix, other = random_sets(rng, 30, 6, 0.3), structure.LabelTable.of(random_sets(rng, 20, 6, 0.3))
    once, copied = structure.LabelTable.of(matrix), structure.LabelTable.of(matrix, np.full(30, 7))
    for name, value in structure.compare(other, once).items():
        assert structure.compare(other, copied)[name] == pytest.approx(value, abs=1e-12), name
    for name, value in structure.imbalance(once).items():
        if name not in ("singleton_label_sets", "distinct_label_set_share"):
            assert structure.imbalance(copied)[name] == pytest.approx(value, abs=1e-12), name


def test_corpus_without_any_label_has_no_imbalance_ratio():
    found = structure.imbalance(structure.LabelTable.of(np.zeros((3, 4))))
    assert found["mean_ir"] is None and found["cvir"] is None and found["cardinality"] == 0
