"""Binary relevance, hubs, and paired tests over queries: against vectors, enumeration and simulation."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from test_retrieval import World

from volfid.core import ndcg
from volfid.core.adjust import holm
from volfid.core.schemas import CONTRACTS
from volfid.report.inputs import ReportInputs
from volfid.report.tables_retrieval import further_table, query_table
from volfid.retrieval import ranked
from volfid.retrieval.compare import Comparison, bootstrap, compared, comparisons, sign_flip_p

VECTOR = json.loads((Path(__file__).parents[1] / "golden" / "metrics.json").read_text())["retrieval"]
THRESHOLD = VECTOR["binary_threshold"]


def of_query(name, depth):
    """Relevance by rank and the number of relevant documents, through the ranks that copies fill."""
    found = VECTOR["per_query"][name]
    gains = np.array([found["jaccard_in_order"]])
    _, end = ndcg.slots(np.arange(gains.shape[1])[None, :], np.ones(gains.shape[1], dtype=np.int64))
    return ranked.by_rank(gains >= THRESHOLD, end, depth), np.array([found["n_rel_thr"]])


@pytest.mark.parametrize("name", ["q1", "q2", "q3"])
def test_binary_figures_meet_the_vector(name):
    relevant, total = of_query(name, 7)
    expected = VECTOR["per_query"][name]
    assert ranked.precision(relevant, 3)[0] == pytest.approx(expected["precision3_at_thr"], abs=1e-15)
    assert ranked.recall(relevant, total, 3)[0] == pytest.approx(expected["recall3_at_thr"], abs=1e-15)
    assert ranked.reciprocal_rank(relevant, total)[0] == pytest.approx(expected["rr_thr"], abs=1e-15)
    assert ranked.average_precision(relevant, total)[0] == pytest.approx(expected["ap_thr"], abs=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_figures_equal_trec_eval_with_copies_and_a_cut(seed):
    rng = np.random.default_rng(seed)
    documents, depth = 40, 15
    counts = rng.integers(1, 4, documents)
    gains = (rng.random((3, documents)) < 0.3).astype(float)
    _, end = ndcg.slots(np.tile(np.arange(documents), (3, 1)), counts)
    relevant = ranked.by_rank(gains >= THRESHOLD, end, depth)
    total = (gains >= THRESHOLD) @ counts
    names = [f"{d:02d}-{c}" for d in range(documents) for c in range(counts[d])]
    owner = np.repeat(np.arange(documents), counts)
    qrels = {str(q): {n: int(gains[q, d]) for n, d in zip(names, owner, strict=True)} for q in range(3)}
    run = {str(q): {n: float(-i) for i, n in enumerate(names)} for q in range(3)}
    peer = pytrec_eval.RelevanceEvaluator(qrels, {"map_cut.15", "recall.15", "recip_rank", "P.15"}).evaluate(run)
    for q in range(3):
        there = peer[str(q)]
        assert ranked.average_precision(relevant, total)[q] == pytest.approx(there["map_cut_15"], abs=1e-9)
        assert ranked.recall(relevant, total, depth)[q] == pytest.approx(there["recall_15"], abs=1e-9)
        assert ranked.precision(relevant, depth)[q] == pytest.approx(there["P_15"], abs=1e-9)
        if there["recip_rank"] >= 1 / depth:
            assert ranked.reciprocal_rank(relevant, total)[q] == pytest.approx(there["recip_rank"], abs=1e-9)


def test_queries_without_a_relevant_document_are_undefined_not_zero():
    nothing, total = np.zeros((1, 5)), np.array([0])
    for value in (
        ranked.recall(nothing, total, 5),
        ranked.reciprocal_rank(nothing, total),
        ranked.average_precision(nothing, total),
    ):
        assert np.isnan(value[0])
    assert ranked.reciprocal_rank(nothing, np.array([3]))[0] == 0


def test_hubs_of_even_and_uneven_lists():
    even = np.tile(np.arange(10), (10, 1))
    assert ranked.hubs(even, 10, 10) == (None, 0.1)
    hub = np.column_stack([np.zeros(50, dtype=int), np.arange(50) + 1])
    skewness, share = ranked.hubs(hub, 100, 2)
    assert share == 0.5 and skewness > 5  # one document of a hundred takes every first rank
    assert ranked.hubs(np.full((3, 2), -1), 5, 2) == (None, None)


@pytest.fixture(scope="module")
def evaluator():
    found = World().evaluator()
    found.rows = {name: found.evaluate(name, 20) for name in found.groups}
    return found


def test_the_stage_has_binary_figures_hubs_and_hits_by_kind(evaluator):
    CONTRACTS["retrieval"].check([row for rows in evaluator.rows.values() for row in rows], "retrieval")
    found = {(row["metric"], row["variant"]): row["value"] for row in evaluator.rows["synthetic"]}
    assert found["synthetic_share", "unique"] == pytest.approx(40 / 60)
    share = found["synthetic_share_at_10", "as_is"]
    mixed = share * found["jaccard_at_10", "synthetic"] + (1 - share) * found["jaccard_at_10", "real"]
    assert mixed == pytest.approx(found["jaccard_at_10", "as_is"])
    assert 0 < found["map_at_100", "as_is"] < 1 and found["recall_at_100", "as_is"] == 1  # 60 documents
    assert found["recall_at_10", "as_is"] < 1
    assert not any(row["variant"] == "synthetic" for row in evaluator.rows["none"])


def test_figures_by_query_have_the_means_of_the_table(evaluator):
    for name, rows in evaluator.rows.items():
        found = {row["variant"]: row["value"] for row in rows if row["metric"] == "ndcg_at_10"}
        for variant in ("own_ideal", "fixed_ideal", "fixed_ideal_unique", "size_matched"):
            values = evaluator.per_query[name][variant]
            assert values.shape == (15,) and np.nanmean(values) == pytest.approx(found[variant]), (name, variant)


# ---- tests over queries -----------------------------------------------------------------------


def test_sign_flips_equal_enumeration():
    sums = np.random.default_rng(3).normal(0.4, 1, 9)
    totals = [abs(np.dot(signs, sums)) for signs in itertools.product((-1, 1), repeat=9)]
    expected = np.mean(np.array(totals) >= abs(sums.sum()) - 1e-9)
    assert sign_flip_p(sums, np.random.default_rng(0)) == pytest.approx(expected, abs=1e-15)
    drawn = sign_flip_p(np.concatenate([sums, np.full(15, 1e-7)]), np.random.default_rng(0))  # too many to enumerate
    assert drawn == pytest.approx(expected, abs=0.02)
    assert sign_flip_p(np.zeros(4), np.random.default_rng(0)) == 1.0


def test_without_an_effect_p_is_uniform_and_the_interval_covers():
    rng, low_p, covered = np.random.default_rng(8), 0, 0
    for _ in range(200):
        sums = rng.normal(0, 1, 40)
        low_p += sign_flip_p(sums, rng, flips=400) <= 0.1
        low, high = bootstrap(sums, np.ones(40), rng, resamples=400)
        covered += low <= 0 <= high
    assert 8 <= low_p <= 34 and covered >= 176


def per_query(delta):
    variants = ("own_ideal", "fixed_ideal", "fixed_ideal_unique", "size_matched")
    base = np.random.default_rng(1).random(len(delta))
    return {
        "S": dict.fromkeys(variants, base + delta),
        "R": dict.fromkeys(variants, base),
        "Z": dict.fromkeys(variants, base),
    }


def rows_of(delta, groups, **more):
    given = per_query(delta) | more
    rows = compared([Comparison(["S"], ["R"]), Comparison(["Z"], ["R"])], given, groups, "ndcg_at_10", 1)
    CONTRACTS["retrieval_tests"].check(rows, "retrieval_tests")
    return {(row["trainset_id"], row["variant"]): row for row in rows}


def test_a_fall_of_every_query_is_found_and_adjusted_over_corpora():
    delta = np.random.default_rng(2).normal(-0.1, 0.1, 60)
    found = rows_of(delta, [f"q{i}" for i in range(60)])
    row, nothing = found["S", "fixed_ideal"], found["Z", "fixed_ideal"]
    assert row["delta"] == pytest.approx(delta.mean()) and row["ci_high"] < 0 and row["p"] < 0.001
    assert row["p_adjusted"] == pytest.approx(holm([row["p"], nothing["p"]])[0]) == 2 * row["p"]
    assert row["worsened"] == pytest.approx((delta < 0).mean()) and row["clusters"] == 60
    assert (nothing["delta"], nothing["p"], nothing["improved"]) == (0, 1, 0)


def test_queries_of_one_family_are_one_unit():
    """Twelve equal queries of one family say no more than one."""
    delta = np.repeat(np.random.default_rng(4).normal(0.1, 0.2, 5), 12)
    alone = rows_of(delta, [f"q{i}" for i in range(60)])["S", "own_ideal"]
    family = rows_of(delta, [f"f{i // 12}" for i in range(60)])["S", "own_ideal"]
    assert alone["delta"] == family["delta"] and family["clusters"] == 5
    assert family["p"] >= 2 / 32 > alone["p"]
    assert family["ci_high"] - family["ci_low"] > 2 * (alone["ci_high"] - alone["ci_low"])


def test_undefined_queries_are_left_out_and_one_query_gives_no_test():
    delta = np.array([0.1, np.nan, 0.2, 0.3])
    row = rows_of(delta, list("abcd"))["S", "own_ideal"]
    assert row["n"] == 3 and row["delta"] == pytest.approx(0.2) and row["note"].startswith("1 queries")
    one = rows_of(delta, list("aaaa"))["S", "own_ideal"]
    assert one["p"] is None and one["p_adjusted"] is None and "1 independent queries" in one["note"]


def item(name, draw, **changes):
    base = {"trainset_id": name, "regime": 64, "draw": draw, "generator": None, "method": None, "label_plan": None,
            "text": "none", "label_law": "real", "dose": None, "rows_added": 0, "pool_size": None, "round": 0,
            "real_share": None}  # fmt: skip
    return base | changes


def test_draws_of_one_kind_are_averaged_and_mixtures_stay_out():
    made = {"text": "synthetic", "generator": "g", "method": "m", "rows_added": 40}
    items = [
        item("R0", 0), item("R1", 1), item("S0", 0, **made), item("S1", 1, **made),
        item("P0", 0, text="copies_drawn", rows_added=40), item("mix", 0, real_share=0.5, **made),
        item("alone", 0, regime=99, **made),
    ]  # fmt: skip
    found = comparisons(items)
    assert Comparison(["S0", "S1"], ["R0", "R1"]) in found and Comparison(["P0"], ["R0"]) in found
    assert len(found) == 2
    variants = ("own_ideal", "fixed_ideal", "fixed_ideal_unique", "size_matched")
    values = {name: dict.fromkeys(variants, np.full(4, value)) for name, value in
              (("R0", 0.5), ("R1", 0.7), ("S0", 0.6), ("S1", 0.6))}  # fmt: skip
    (row, *_) = compared(found, values, list("abcd"), "ndcg_at_10", 1)
    assert row["draws"] == 2 and row["delta"] == pytest.approx(0) and row["trainset_id"] == "S0"


def test_the_tables_of_the_report_show_both(evaluator):
    cells = [
        {"trainset_id": name, "arm": arm, "draw": 0, "regime": 20, "method": method, "added": added,
         "real_share": None, "classifier": "mlp", "generator": method and "g"}
        for name, arm, method, added in (
            ("none", "R0", None, 0), ("synthetic", "S", "m", 40), ("synthetic", "St", "m", 40)
        )
    ]  # fmt: skip
    tests = compared(
        [Comparison(["synthetic"], ["none"])], evaluator.per_query, evaluator.query_groups, "ndcg_at_10", 1
    )
    inputs = ReportInputs(
        cells=cells, retrieval_tests=tests, retrieval=[r for rows in evaluator.rows.values() for r in rows]
    )
    shown = query_table(inputs)
    assert [row[1] for row in shown.rows] == ["S/St"] * 4 and {row[5] for row in shown.rows} >= {"size matched"}
    further = further_table(inputs)
    assert "MAP" in further.caption and any("map" in name for name in further.columns) and len(further.rows) == 2
    assert query_table(ReportInputs()).rows == further_table(ReportInputs()).rows == []
