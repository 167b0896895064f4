"""Every number of tests/golden/metrics.json is met by a function of this project, or named with the reason why not."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from volfid.core import ndcg, shingles
from volfid.core.labels import imbalance_ratios, jaccard, label_matrix
from volfid.core.ranking import average_precision
from volfid.fidelity import diversity, labels, mauve, memorisation, peers, structure, text

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "metrics.json").read_text(encoding="utf-8"))

WITHOUT = {
    "memorisation.char5_jaccard": "texts are compared by tokens alone",
    "retrieval.per_query.*.recall3_at_thr": "no figure at a threshold of relevance",
    "retrieval.per_query.*.rr_thr": "no figure at a threshold of relevance",
}
"""Leaves that nothing here computes; `*` stands for one step of the path."""

CHECKS = {}


def check(function):
    """Register the test of the key that a function is named after."""
    CHECKS[function.__name__] = function
    return function


class Node:
    """A part of the file that notes which of its leaves were read. A list of anything but objects is one leaf."""

    def __init__(self, value, path, read):
        self.value, self.path, self.read = value, path, read

    def __getitem__(self, key):
        inner, path = self.value[key], (*self.path, str(key))
        if _inner(inner):
            return Node(inner, path, self.read)
        self.read.add(path)
        return inner

    def __iter__(self):
        return iter(self.value if isinstance(self.value, dict) else range(len(self.value)))

    def items(self):
        return ((key, self[key]) for key in self)

    def values(self):
        return (self[key] for key in self)


def _inner(value):
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def leaves(value, path=()):
    if not _inner(value):
        return {path}
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return set().union(*(leaves(inner, (*path, str(key))) for key, inner in pairs))


def excused(path):
    def fits(pattern):
        steps = pattern.split(".")
        return len(steps) == len(path) and all(a in ("*", b) for a, b in zip(steps, path, strict=True))

    return path[-1] in ("note", "formula", "tokenisation", "smoothing") or any(map(fits, WITHOUT))


def near(value, bound=1e-12):
    return pytest.approx(value, rel=bound, abs=bound)


def table_of(sigmas, n_labels):
    return labels.kernel_table(n_labels, [2 * sigma**2 for sigma in sigmas])


# ---- the checks, one a key ------------------------------------------------------------------


@check
def mmd_small(v):
    x, y = np.array(v["X"]), np.array(v["Y"])
    assert v["kernel"] == "exp(-||x-y||^2/(2 sigma^2))"
    for case in v["cases"].values():
        assert case["combine"] == "mean of kernels"
        table = table_of(case["sigmas"], x.shape[1])

        def both(a, b, table=table):
            sides = labels.compress(a), labels.compress(b), table
            return labels.mmd2_biased(*sides), labels.mmd2_unbiased(*sides)

        biased, unbiased = both(x, y)
        assert (biased, unbiased) == near((case["mmd2_biased"], case["mmd2_unbiased"]))
        assert np.sqrt(biased) == near(case["mmd_biased"])
        pooled, chosen = np.concatenate([x, y]), list(itertools.combinations(range(len(x) + len(y)), len(x)))
        assert len(chosen) == case["exhaustive_splits"]
        split = np.array([both(pooled[list(one)], np.delete(pooled, one, axis=0)) for one in chosen])
        exact = (split >= np.array([biased, unbiased]) - 1e-12).mean(axis=0)
        assert exact == near([case["exact_p_biased"], case["exact_p_unbiased"]])


@check
def mmd_weighted(v):
    x, y = (labels.compress(np.array(v[f"unique_{s}"]), np.array(v[f"mult_{s}"])) for s in "XY")
    table = table_of([v["sigma"]], 4)
    assert labels.mmd2_biased(x, y, table) == near(v["mmd2_biased"])
    assert labels.mmd2_unbiased(x, y, table) == near(v["mmd2_unbiased"])


@check
def mmd_replication_exact_copies(v):
    base, table = np.array(v["base"]), table_of([v["sigma"]], 4)
    x, y = labels.compress(base, np.full(len(base), v["copies"])), labels.compress(base)
    assert labels.mmd2_biased(x, y, table) == near(v["mmd2_biased"])
    assert labels.mmd2_unbiased(x, y, table) == near(v["mmd2_unbiased"])


@check
def mmd_bootstrap_expectation(v):
    base, table = labels.compress(np.array(v["base"])), table_of([v["sigma"]], 4)
    expected = (1 - base.within @ table / base.size**2) / v["m"]
    assert expected == near(v["expected_mmd2_biased"])
    assert expected == pytest.approx(v["simulated_mean_4000"], abs=3e-5)  # of 4,000 simulated sets


@check
def median_heuristic(v):
    sample = labels.compress(np.array(v["Z"]))
    words = np.repeat(sample.words, sample.counts, axis=0)
    every = np.sqrt(labels.hamming(words, words)[np.triu_indices(len(words), k=1)])
    assert np.median(every) == v["median_distance_all_pairs"]
    squared = labels.nonzero_median_squared(sample)
    assert squared == v["median_sqdist_nonzero"] and np.sqrt(squared) == near(v["median_distance_nonzero_pairs"])


@check
def mmd_linear_time(v):
    value, terms = labels.mmd2_linear(np.array(v["X"]), np.array(v["Y"]), table_of([v["sigma"]], 3))
    assert terms == near(v["h"]) and value == near(v["mmd2_linear"])


@check
def mmd_delta_limit(v):
    """Of the sets of mmd_small."""
    sides = [labels.compress(np.array(GOLDEN["mmd_small"][name])) for name in "XY"]
    assert labels.mmd2_biased(*sides, labels.kernel_table(4, [1e-3])) == near(v["value"])


@check
def frechet(v):
    case = v["case1"]
    found = text.frechet_from_moments(*(np.array(case[key]) for key in ("mu1", "cov1", "mu2", "cov2")))
    assert found == near(case["d2"])
    mean, one, two = np.array([1.0, 0.0]), np.diag([1.0, 4.0]), np.diag([4.0, 16.0])
    # the file gives the value alone; diagonal covariances with it: 3 + (1 - 2)^2 + (2 - 4)^2
    assert text.frechet_from_moments(mean * 0, one, mean * 3**0.5, two) == near(v["diag"]["d2"])
    assert v["diag"]["expect"] == v["diag"]["d2"]
    deficient = v["rank_deficient"]
    assert deficient["cov"] == "ddof=1"
    a, b = (text.Gaussian.of(np.array(deficient[name])) for name in "AB")
    assert text.frechet(a, b) == pytest.approx(deficient["d2"], abs=2e-7)  # three routes differ by 5e-8 there


@check
def mauve_hist(v):
    for case in v.values():
        p, q = np.array(case["p"]), np.array(case["q"])
        assert mauve.of_histograms(p, q, case["c"], case["points"]) == near(case["mauve"])
        assert mauve.frontier_integral(p, q) == near(case["frontier_integral"])
        assert structure.js_bits(p, q) == near(case["js_bits"])


def _bleu(documents, order):
    index = diversity.index_ngrams(documents)
    return diversity.self_bleu(index, np.arange(len(documents)), np.ones(len(documents), dtype=int), order)


@check
def self_bleu(v):
    documents = [d.split() for d in v["docs"]]
    for order in (2, 3, 4):
        expected = v[f"self_bleu_{order}"]
        assert _bleu(documents, order) == near(expected["per_doc"])
        index = diversity.index_ngrams(documents)
        ones = np.ones(len(documents), dtype=int)
        assert peers.texygen_self_bleu(index, np.arange(len(documents)), ones, order)[0] == near(expected["mean"])
    apart = np.abs(_bleu(documents, 4) - np.array(v["fast_bleu_4"])).max()
    assert apart == pytest.approx(v["fast_bleu_max_abs_diff"], abs=1e-12)


@check
def self_bleu_short_docs(v):
    documents = [d.split() for d in v["docs"]]
    for order in (2, 4):
        assert _bleu(documents, order) == near(v[f"self_bleu_{order}"])


@check
def distinct_n(v):
    assert v["docs"] == "self_bleu.docs"
    documents = [d.split() for d in GOLDEN["self_bleu"]["docs"]]
    for n, (unique, total) in enumerate(diversity.distinct_counts(documents), start=1):
        one = v[f"n{n}"]
        assert (unique, total, unique / total) == (one["unique"], one["total"], one["ratio"])


@check
def vendi(v):
    score = text.vendi_of_kernel(np.array(v["K"]) / 3)
    assert score == near(v["score"]) and score == near(v["vendi_score_package"])
    assert v["package_status"] is True  # the package was there and agreed
    assert text.vendi(np.eye(4)) == near(v["identity4"])
    assert text.vendi(np.ones((4, 1))) == near(v["ones4"])


@check
def label_stats(v):
    matrix = np.array(v["Y"])
    table = structure.LabelTable.of(matrix)
    found = structure.imbalance(table)
    names = {
        "cardinality": "cardinality", "density": "density", "distinct_label_sets": "distinct_labelsets",
        "singleton_label_sets": "singletons", "mean_ir": "MeanIR", "cvir": "CVIR", "max_ir": "MaxIR",
        "scumble": "SCUMBLE",
    }  # fmt: skip
    for name, key in names.items():
        assert found[name] == near(v[key]), name
    assert table.size == v["n"] and matrix.shape[1] == v["labels"]
    assert found["distinct_label_set_share"] == v["distinct_labelsets"] / v["n"]
    joint = table.cooccurrence()
    assert joint.tolist() == v["cooccurrence"] and np.diag(joint).tolist() == v["counts"]
    assert np.triu(joint, 1).max() == v["max_cooc"]
    ratios = imbalance_ratios(np.array(v["counts"]))
    assert [r if np.isfinite(r) else None for r in ratios] == v["IRLbl"]
    by_set = dict(zip(map(tuple, table.sets.tolist()), structure.scumble(table), strict=True))
    assert [by_set[tuple(row)] for row in matrix.tolist()] == near(v["SCUMBLE_perdoc"])
    for name, ours in (("lift", structure.lift(table)), ("pmi_bits", structure.pmi(table))):
        expected = [[np.nan if x is None else x for x in row] for row in v[name]]
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)
    assert {",".join(map(str, key)): n for key, n in structure.triples(table).items()} == dict(v["triples"].items())


@check
def label_compare(v):
    found = structure.compare(*(structure.LabelTable.of(np.array(v[name])) for name in "AB"))
    names = {
        "cooccurrence_frobenius": "frobenius_joint_prob_offdiag", "label_set_tv": "tv",
        "cooccurrence_frobenius_full": "frobenius_joint_prob_full", "marginal_max_difference": "max_abs_marginal",
        "label_set_js_bits": "js_divergence_bits", "unseen_label_sets": "unseen_labelsets_in_B",
        "reference_coverage": "labelset_coverage_of_A", "marginal_js_bits_mean": "marginal_js_per_label_mean",
    }  # fmt: skip
    for name, key in names.items():
        assert found[name] == near(v[key]), name
    assert np.sqrt(found["label_set_js_bits"]) == near(v["js_distance"])
    assert found["unseen_label_set_share"] == near(v["unseen_docs_in_B"] / len(v["B"]))


def _ndcg(gains, order, k, scores=None):
    ordered, ones = gains[None, order], np.ones(len(order), dtype=np.int64)
    begin, end = ndcg.slots(np.array([order]), np.append(ones, 0))
    if scores is not None:
        ordered = ndcg.tie_averaged(ordered, scores[None, order], begin, end)
    return float(ndcg.ndcg(ndcg.dcg(ordered, begin, end, k), ndcg.ideal_dcg(gains[None], ones, k))[0])


@check
def retrieval(v):
    names, order = list(v["doc_labels"]), [str(i) for i in range(7)]
    sets = [[[str(x) for x in one] for one in v[side].values()] for side in ("query_labels", "doc_labels")]
    overlap = jaccard(*(label_matrix(side, order) for side in sets))
    limit = v["binary_threshold"]
    for position, (query, expected) in enumerate(v["per_query"].items()):
        gains = np.array(list(v["jaccard"][query].values()))
        assert overlap[position] == near(gains, 1e-7)
        assert gains * v["int_scale"] == near(np.rint(gains * v["int_scale"]))
        scores = np.array([v["run"][query][name] for name in names])
        up, down = (np.lexsort((sign * np.arange(7), -scores)) for sign in (1, -1))
        assert [names[i] for i in up] == expected["order_tie_docid_asc"]
        assert [names[i] for i in down] == expected["order_tie_docid_desc_trec"]
        assert gains[up] == near(expected["jaccard_in_order"])
        for k in (3, 10):
            assert _ndcg(gains, up, k) == near(expected[f"ndcg{k}_linear"])
            assert _ndcg(2**gains - 1, up, k) == near(expected[f"ndcg{k}_exp"])
            assert _ndcg(gains, up, k) == near(v["ranx"][f"scaled_int_ndcg{k}"][position])
        assert _ndcg(gains, down, 3) == near(expected["ndcg3_linear_trec_ties"])
        assert _ndcg(gains, down, 3) == near(expected["sklearn_ndcg3_ignore_ties"])
        assert _ndcg(gains, up, 3, scores) == near(expected["sklearn_ndcg3_ties_averaged"])
        whole = _ndcg(np.floor(gains), up, 3)  # undefined without a relevant document, where ranx says 0
        assert np.nan_to_num(whole) == near(v["ranx"]["float_jaccard_ndcg3"][position])
        relevant = gains >= limit
        begin, end = ndcg.slots(up[None], np.ones(8, dtype=np.int64))
        assert ndcg.mean_gain(relevant[None, up] * 1.0, begin, end, 3)[0] == near(expected["precision3_at_thr"])
        assert relevant.sum() == expected["n_rel_thr"]
        assert average_precision(relevant, -np.argsort(up).astype(float)) == near(expected["ap_thr"])


@check
def memorisation_(v):
    a, b = v["a"], v["b"]
    assert memorisation.longest_runs([a], [b])[0] == v["longest_common_token_run"]
    assert " ".join(shingles.longest_common_span(a, b)) == v["span"]
    for key, value in v["containment"].items():
        found = memorisation.ContainmentIndex([b], int(key[0])).containments(a).get(0, 0.0)
        assert found == near(value) and shingles.containment(a, b, int(key[0])) == near(value)
    for key, value in v["jaccard"].items():
        assert shingles.shingle_jaccard(a, b, int(key[0])) == near(value)


CHECKS["memorisation"] = CHECKS.pop("memorisation_")


@check
def replication_unique(v):
    """Expectation by its formula; the sets that are drawn are held to it in test_trainsets.py."""
    for draws, expected in v.items():
        share = -np.expm1(int(draws) * np.log1p(-1 / 165))
        assert (165 * share, share) == near((expected["expected_unique_docs"], expected["frac"]))


@check
def _meta(v):
    assert v["checks"] == 38 and set(v["versions"]) and max(v["max_discrepancy"].values()) < 3e-5
    for part in ("versions", "max_discrepancy"):
        list(v[part].values())


# ---- the walk -------------------------------------------------------------------------------


def test_every_key_of_the_file_has_a_check_and_no_check_lost_its_key():
    assert CHECKS.keys() == GOLDEN.keys()


@pytest.mark.parametrize("key", GOLDEN)
def test_every_number_of_the_file_is_met_and_none_is_left_unread(key):
    read = set()
    CHECKS[key](Node({key: GOLDEN[key]}, (), read)[key])
    unread = {".".join(path) for path in leaves({key: GOLDEN[key]}) - read if not excused(path)}
    assert not unread, f"no function here gives {sorted(unread)}"


def test_what_nothing_computes_is_still_in_the_file():
    found = [path for path in leaves(GOLDEN) if path[-1] not in ("note", "formula", "tokenisation", "smoothing")]
    for pattern in WITHOUT:
        steps = pattern.split(".")
        assert any(
            len(steps) == len(path) and all(a in ("*", b) for a, b in zip(steps, path, strict=True)) for path in found
        ), pattern


def test_the_walk_fails_on_a_number_that_no_check_reads():
    read, changed = set(), {"vendi": {**GOLDEN["vendi"], "new": 1.0}}
    CHECKS["vendi"](Node(changed, (), read)["vendi"])
    assert [path for path in leaves(changed) - read if not excused(path)] == [("vendi", "new")]
