"""Ranking rule, nDCG with float gains, ideals and size controls, against vectors and reference packages."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from volfid.core import ndcg
from volfid.core.exits import ConfigError, DataError
from volfid.core.labels import jaccard, label_matrix
from volfid.core.settings import settings_of
from volfid.core.vectors import directed, unit_rows
from volfid.plain.vectors import _array
from volfid.retrieval.compare import Comparison, compared
from volfid.retrieval.evaluate import Evaluator, Settings
from volfid.retrieval.index import Ranking, rank
from volfid.retrieval.ranked import names, ties_told

VECTOR = json.loads((Path(__file__).parents[1] / "golden" / "metrics.json").read_text())["retrieval"]
SCALE = 720_720  # least common multiple of 1..16: Jaccard gains of small label sets become integers


def unit(rng, rows, columns=6):
    return unit_rows(rng.normal(size=(rows, columns)), [str(i) for i in range(rows)])


def brute_force(queries, vectors, documents):
    scores = np.round((queries.astype(np.float64) @ vectors[documents].T.astype(np.float64)), 6)
    order = np.lexsort((np.broadcast_to(documents, scores.shape), -scores), axis=1)
    return documents[order], np.take_along_axis(scores, order, axis=1)


# ---- ranking --------------------------------------------------------------------------------


def test_ranking_equals_brute_force():
    rng = np.random.default_rng(0)
    queries, vectors = unit(rng, 30), unit(rng, 200)
    documents = np.sort(rng.choice(200, 120, replace=False))
    found = rank(queries, vectors, documents, 10)
    expected, scores = brute_force(queries, vectors, documents)
    assert (found.documents[:, :10] == expected[:, :10]).all()
    assert found.scores[:, :10] == pytest.approx(scores[:, :10], abs=2e-6)


@pytest.mark.parametrize("copies", [3, 30, 200])
def test_replicated_vectors_come_in_ascending_order_of_id(copies):
    rng = np.random.default_rng(1)
    queries, base = unit(rng, 8), unit(rng, 12)
    vectors = np.tile(base, (copies, 1))  # document i is equal to i + 12, i + 24, ...
    found = rank(queries, vectors, np.arange(len(vectors)), 10)
    expected, _ = brute_force(queries, vectors, np.arange(len(vectors)))
    assert (found.documents[:, :10] == expected[:, :10]).all()
    assert (found.documents[:, : min(copies, 10)] % 12 == found.documents[:, :1] % 12).all()


def test_all_ties_at_the_cut_are_fetched():
    rng = np.random.default_rng(2)
    queries, base = unit(rng, 5), unit(rng, 4)
    found = rank(queries, np.tile(base, (50, 1)), np.arange(200), 10)
    for row, scores in zip(found.documents, found.scores, strict=True):
        assert (scores == scores[0]).sum() == 50  # the whole group of the cut
        assert len(set(row[row >= 0])) == (row >= 0).sum()


def test_scores_that_differ_below_the_rounding_are_ties():
    vectors = np.array([[1.0, 1e-5], [1.0, 0.0], [0.9, 0.1]], dtype=np.float32)
    found = rank(np.array([[1.0, 0.0]], dtype=np.float32), vectors, np.array([0, 1, 2]), 1)
    assert found.documents[0, 0] == 0 and found.scores[0, 0] == found.scores[0, 1]


def test_fewer_documents_than_k_are_all_ranked():
    rng = np.random.default_rng(3)
    found = rank(unit(rng, 4), unit(rng, 3), np.arange(3), 10)
    assert found.documents.shape == (4, 3) and (np.sort(found.documents) == [0, 1, 2]).all()


def test_broken_vector_is_refused_by_name_and_a_zero_one_has_no_direction():
    with pytest.raises(DataError, match="'b'") as caught:
        unit_rows(np.array([[1.0, 2.0], [np.nan, 0]]), ["a", "b"])
    assert caught.value.code == 65
    unit_vectors = unit_rows(np.array([[3.0, 4.0], [0, 0], [1e-30, 0]]), ["a", "b", "c"])
    assert unit_vectors.tolist() == [pytest.approx([0.6, 0.8]), [0, 0], [1, 0]]
    assert directed(unit_vectors).tolist() == [True, False, True]


@pytest.mark.parametrize("copies", [1, 3, 40])
def test_own_documents_are_left_out_of_the_ranking_of_their_query_alone(copies):
    rng = np.random.default_rng(8)
    vectors = np.tile(unit(rng, 30), (copies, 1))
    queries, documents = vectors[:30], np.arange(len(vectors))
    own = np.array([[i + 30 * copy for copy in range(copies)] for i in range(30)])
    own[5] = -1  # one query has nothing of its own there
    found = rank(queries, vectors, documents, 10, own)
    for query in range(30):
        kept = np.setdiff1d(documents, own[query])
        expected, _ = brute_force(queries[[query]], vectors, kept)
        width = min(10, len(kept))
        assert (found.documents[query, :width] == expected[0, :width]).all()
        assert not set(found.documents[query]) & set(own[query][own[query] >= 0])
        assert np.isneginf(found.scores[query][found.documents[query] < 0]).all()
    assert (rank(queries, vectors, documents[:0], 10, own).documents.shape) == (30, 0)
    alone = rank(queries[:1], vectors, np.array([0]), 10, own[:1])
    assert alone.documents.tolist() == [[-1]]


# ---- nDCG -----------------------------------------------------------------------------------


def figures(gains, scores, k, counts=None):
    """Own-ideal nDCG of a full ranking by (-score, number), one query a row."""
    counts = np.ones(gains.shape[1], dtype=np.int64) if counts is None else counts
    documents = np.tile(np.arange(gains.shape[1]), (len(gains), 1))
    order = np.lexsort((documents, -scores), axis=1)
    ranking = Ranking(order, np.take_along_axis(scores, order, axis=1))
    begin, end = ndcg.slots(ranking.documents, np.append(counts, 0))
    ordered = np.take_along_axis(gains, order, axis=1)
    ideal = ndcg.ideal_dcg(gains, counts, k)
    averaged = ndcg.tie_averaged(ordered, ranking.scores, begin, end)
    return ndcg.ndcg(ndcg.dcg(ordered, begin, end, k), ideal), ndcg.ndcg(ndcg.dcg(averaged, begin, end, k), ideal)


def test_retrieval_vector_is_met():
    names = sorted(VECTOR["doc_labels"])
    for query, expected in VECTOR["per_query"].items():
        gains = np.array([[VECTOR["jaccard"][query][d] for d in names]])
        scores = np.array([[VECTOR["run"][query][d] for d in names]])
        for k in (3, 10):
            plain, averaged = figures(gains, scores, k)
            assert plain[0] == pytest.approx(expected[f"ndcg{k}_linear"], abs=1e-12)
            if k == 3:
                assert averaged[0] == pytest.approx(expected["sklearn_ndcg3_ties_averaged"], abs=1e-12)


def test_jaccard_gains_meet_the_vector():
    order = [str(i) for i in range(7)]
    queries = label_matrix([[str(x) for x in v] for v in VECTOR["query_labels"].values()], order)
    documents = label_matrix([[str(x) for x in v] for v in VECTOR["doc_labels"].values()], order)
    found = jaccard(queries, documents)
    expected = [list(row.values()) for row in VECTOR["jaccard"].values()]
    assert found == pytest.approx(np.array(expected), abs=1e-7)


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_the_ideal_of_the_best_kinds_is_that_of_all_documents_in_order(kinds, k, seed):
    rng = np.random.default_rng(seed)
    gains, counts = rng.integers(0, 5, (4, kinds)) / 4, rng.integers(1, 4, kinds)
    ordered = -np.sort(-np.repeat(gains, counts, axis=1), axis=1)[:, :k]
    assert ndcg.ideal_dcg(gains, counts, k) == pytest.approx(ordered @ ndcg.discounts(ordered.shape[1]), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_ndcg_equals_pytrec_eval_on_scaled_integers(seed):
    rng = np.random.default_rng(seed)
    queries, documents = ((rng.random((n, 8)) < 0.3).astype(np.uint8) for n in (12, 60))
    gains = jaccard(queries, documents)
    scores = rng.permuted(np.tile(np.arange(60.0), (12, 1)), axis=1)  # no ties: trec_eval breaks them otherwise
    qrels = {f"q{i}": {f"d{j}": round(g * SCALE) for j, g in enumerate(row)} for i, row in enumerate(gains)}
    run = {f"q{i}": {f"d{j}": float(s) for j, s in enumerate(row)} for i, row in enumerate(scores)}
    peer = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10"}).evaluate(run)
    found, _ = figures(gains, scores, 10)
    for i, value in enumerate(found):
        if not np.isnan(value):
            assert value == pytest.approx(peer[f"q{i}"]["ndcg_cut_10"], abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_tie_averaged_ndcg_equals_sklearn(seed):
    rng = np.random.default_rng(seed)
    gains, scores = rng.random((15, 30)) * (rng.random((15, 30)) < 0.6), rng.integers(0, 6, (15, 30)).astype(float)
    _, averaged = figures(gains, scores, 10)
    assert averaged == pytest.approx(
        [ndcg_score([g], [s], k=10) for g, s in zip(gains, scores, strict=True)], abs=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_multiplicities_count_as_repeated_documents(data):
    kinds = data.draw(st.integers(1, 6))
    counts = np.array(data.draw(st.lists(st.integers(1, 5), min_size=kinds, max_size=kinds)))
    gains = np.array([data.draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=kinds, max_size=kinds))])
    scores = np.array([data.draw(st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=kinds, max_size=kinds))])
    repeated = figures(np.repeat(gains, counts, axis=1), np.repeat(scores, counts, axis=1), 10)
    for found, expected in zip(figures(gains, scores, 10, counts), repeated, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_random_baseline_is_the_mean_over_random_orders():
    rng = np.random.default_rng(0)
    gains, counts = rng.random((3, 8)), rng.integers(1, 4, 8)
    repeated = np.repeat(gains, counts, axis=1)
    shuffled = [repeated[:, rng.permutation(repeated.shape[1])][:, :10] @ ndcg.discounts(10) for _ in range(4000)]
    assert ndcg.random_dcg(gains, counts) == pytest.approx(np.mean(shuffled, axis=0), rel=0.01)


def test_queries_whose_ties_decide_are_counted():
    gains = np.array([[1, 0, 0.5], [0.5, 0.5, 0], [1, 0.2, 0], [1, 0, 0.5]])
    scores = np.array([[0.9, 0.9, 0.1], [0.9, 0.9, 0.1], [0.9, 0.8, 0.8], [0.9, 0.8, 0.8]])
    begin, end = np.tile([0, 1, 2], (4, 1)), np.tile([1, 2, 3], (4, 1))
    assert ndcg.tied(gains, scores, begin, end, 2).tolist() == [True, False, True, True]
    assert ndcg.tied(gains, scores, begin, end, 1).tolist() == [True, False, False, False]
    end[0, 1] = begin[0, 1]  # not there
    assert not ndcg.tied(gains, scores, begin, end, 2)[0]
    assert ties_told(np.array([True] + [False] * 3)).startswith("25% of the queries")
    assert ties_told(np.zeros(5, bool)) is None and ties_told(np.zeros(0, bool)) is None


@pytest.mark.parametrize("equal", [True, False])
def test_a_ranking_that_the_ids_decide_says_so_in_every_note_and_in_the_tests(equal):
    rng = np.random.default_rng(3)
    rows = [{"doc_id": f"{kind}{i}", "labels": ["ABC"[i % 3]], "split": split, "text": kind + str(i),
             "group": f"{kind}{i}", "source": "real", "multiplicity": 1}
            for kind, split in (("q", "test"), ("t", "train")) for i in range(40)]  # fmt: skip
    vectors = np.ones((80, 4)) if equal else rng.normal(size=(80, 4))
    row_of = {row["doc_id"]: place for place, row in enumerate(rows)}
    real = [row for row in rows if row["split"] == "train"]
    made = Evaluator(rows, [], ["A", "B", "C"], {"R": real, "S": real[:30]}, row_of, vectors, Settings(), 0)
    lines = [line for name in ("R", "S") for line in made.evaluate(name, 20)]
    assert all(("100% of the queries have equal scores" in (line["note"] or "")) == equal for line in lines)
    tests = compared([Comparison(["S"], ["R"])], made.per_query, made.query_groups, "ndcg_at_10", 0, made.notes)
    assert all(("see tie_averaged" in (row["note"] or "")) == equal for row in tests)


def test_ndcg_without_any_gain_is_undefined():
    assert np.isnan(ndcg.ndcg(np.zeros(1), np.zeros(1))[0])


def test_mean_gain_of_a_short_corpus_is_over_the_ranks_there_are():
    ranking = Ranking(np.array([[0, 1, -1]]), np.array([[0.9, 0.8, -np.inf]]))
    begin, end = ndcg.slots(ranking.documents, np.array([1, 2, 0]))
    assert ndcg.mean_gain(np.array([[1.0, 0.5, 9.0]]), begin, end)[0] == pytest.approx(2 / 3)


# ---- the stage ------------------------------------------------------------------------------

LABELS = list("ABCDEF")


class World:
    def __init__(self, train=60, test=15, dimensions=5):
        rng = np.random.default_rng(0)
        self.ids = (
            [f"t{i:03d}" for i in range(train)] + [f"q{i:03d}" for i in range(test)] + [f"s{i:03d}" for i in range(40)]
        )
        self.vectors = rng.normal(size=(len(self.ids), dimensions)).astype(np.float32)
        sets = [sorted(rng.choice(LABELS[:5], rng.integers(1, 4), replace=False).tolist()) for _ in self.ids]
        sets[train] = ["F"]  # a query that shares no label with anything
        self.labels = dict(zip(self.ids, sets, strict=True))
        side = {"t": "train", "q": "test"}
        self.documents = [{"doc_id": d, "labels": self.labels[d], "split": side[d[0]], "group": d}
                          for d in self.ids if d[0] != "s"]  # fmt: skip
        self.synthetic = [{"doc_id": d} for d in self.ids if d[0] == "s"]
        base = self.ids[:20]
        self.groups = {
            "copies": self.rows(base, "real") + self.rows(base, "copy", 5),
            "more": self.rows(self.ids[:60], "real"),
            "none": self.rows(base, "real"),
            "synthetic": self.rows(base, "real") + self.rows(self.ids[-40:], "synthetic"),
            "tiny": self.rows(base[:4], "real"),
        }

    def rows(self, names, source, count=1):
        return [{"doc_id": d, "source": source, "labels": self.labels[d], "multiplicity": count} for d in names]

    def evaluator(self, groups=None, **changes):
        groups = self.groups if groups is None else groups
        given = {"vectors": self.vectors, "synthetic": self.synthetic, **changes}
        number = {name: i for i, name in enumerate(self.ids)}
        return Evaluator(self.documents, given["synthetic"], LABELS, groups, number, given["vectors"],
                         Settings(), 1)  # fmt: skip


def table(evaluator, name, size=20):
    return {(row["metric"], row["variant"]): row for row in evaluator.evaluate(name, size)}


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture(scope="module")
def found(world):
    evaluator = world.evaluator()
    return {name: table(evaluator, name) for name in world.groups}


def value(rows, metric, variant):
    return rows[metric, variant]["value"]


def test_stage_equals_a_plain_computation_on_repeated_documents(world, found):
    queries = [d for d in world.ids if d[0] == "q"]
    position = {name: i for i, name in enumerate(world.ids)}
    for name, members in world.groups.items():
        corpus = sorted(d["doc_id"] for d in members for _ in range(d["multiplicity"]))
        gains = jaccard(*(label_matrix([world.labels[d] for d in ids], LABELS) for ids in (queries, corpus)))
        vectors = unit_rows(world.vectors, world.ids)
        scores = np.round(
            vectors[[position[d] for d in queries]].astype(float) @ vectors[[position[d] for d in corpus]].T, 6
        )
        plain, averaged = figures(gains, scores, 10)
        assert value(found[name], "ndcg_at_10", "own_ideal") == pytest.approx(np.nanmean(plain), abs=1e-6), name
        assert value(found[name], "ndcg_at_10", "tie_averaged") == pytest.approx(np.nanmean(averaged), abs=1e-6), name
        assert found[name]["ndcg_at_10", "own_ideal"]["n"] == 14
        best = np.sort(gains, axis=1)[:, ::-1][:, :10]
        mean = gains.mean(1) * ndcg.discounts(min(10, len(corpus))).sum()
        expected = np.nanmean(ndcg.ndcg(mean, best @ ndcg.discounts(best.shape[1])))
        assert value(found[name], "ndcg_at_10", "random") == pytest.approx(expected, abs=1e-7), name


def test_query_without_any_gain_is_left_out_and_counted(found):
    row = found["none"]["ndcg_at_10", "own_ideal"]
    assert row["n"] == 14 and "1 queries without any gain" in row["note"]
    assert value(found["none"], "queries_without_gain", "as_is") == 1


def test_query_that_only_this_corpus_cannot_answer_counts_zero_under_the_fixed_ideal(world):
    """The corpus holds label A only; queries without A have gains in the train pool, none in the corpus."""
    only = [row for row in world.groups["more"] if row["labels"] == ["A"]]
    rows = table(world.evaluator({"a": only}), "a")
    assert rows["ndcg_at_10", "fixed_ideal"]["n"] == 14 > rows["ndcg_at_10", "own_ideal"]["n"]
    assert value(rows, "ndcg_at_10", "fixed_ideal") < value(rows, "ndcg_at_10", "own_ideal")


def test_fixed_ideal_never_exceeds_own_ideal_for_a_subset_of_the_train_pool(found):
    for name in ("none", "more", "tiny"):
        for suffix in ("", "_unique"):
            own = value(found[name], "ndcg_at_10", f"own_ideal{suffix}")
            assert value(found[name], "ndcg_at_10", f"fixed_ideal{suffix}") <= own + 1e-12
    more = found["more"]  # the whole pool: both ideals are the same
    own = value(more, "ndcg_at_10", "own_ideal")
    assert value(more, "ndcg_at_10", "fixed_ideal") == pytest.approx(own, abs=1e-12)


def test_unique_and_size_matched_variants_take_copies_away(found):
    none, copies = found["none"], found["copies"]
    for metric, variant in (("ndcg_at_10", "own_ideal"), ("ndcg_at_10", "fixed_ideal"), ("dcg_at_10", "as_is")):
        unique = {"as_is": "unique"}.get(variant, f"{variant}_unique")
        assert value(copies, metric, unique) == value(none, metric, variant)
        assert value(copies, metric, variant) != value(none, metric, variant)
    assert value(copies, "ndcg_at_10", "size_matched") == value(none, "ndcg_at_10", "fixed_ideal")


def test_size_matched_corpora_have_n_documents(world, found):
    assert "5 random subsets of 20" in found["synthetic"]["ndcg_at_10", "size_matched"]["note"]
    assert "fewer than n = 20" in found["tiny"]["ndcg_at_10", "size_matched"]["note"]
    again = table(world.evaluator({"synthetic": world.groups["synthetic"]}), "synthetic")
    assert again == found["synthetic"]


def test_short_corpus_is_noted(found):
    assert "4 documents, fewer than 10" in found["tiny"]["ndcg_at_10", "own_ideal"]["note"]


def test_synthetic_share_and_requested_labels_are_told(found):
    assert 0.3 < value(found["synthetic"], "synthetic_share_at_10", "as_is") < 0.95
    assert value(found["more"], "synthetic_share_at_10", "as_is") == 0
    assert "requested" in found["synthetic"]["ndcg_at_10", "own_ideal"]["note"]


def test_document_with_two_label_sets_keeps_both_gains(world):
    """One document stands twice, with different labels: nDCG sees both, in a fixed order."""
    twice = [*world.groups["none"], {**world.groups["none"][0], "labels": ["E"]}]
    evaluator = world.evaluator({"a": twice, "b": twice[::-1]})
    assert table(evaluator, "a")["dcg_at_10", "as_is"]["value"] == table(evaluator, "b")["dcg_at_10", "as_is"]["value"]
    assert evaluator.entries("a").size == 21 and evaluator.entries("a").once().size == 20


def test_row_order_changes_nothing(world, found):
    groups = {name: rows[::-1] for name, rows in world.groups.items()}
    evaluator = world.evaluator(groups)
    assert {name: table(evaluator, name) for name in groups} == found


def test_missing_documents_embeddings_and_queries_are_refused(world):
    with pytest.raises(DataError, match="s000"):
        world.evaluator(synthetic=[])
    vectors = world.vectors.copy()
    vectors[3] = np.inf
    with pytest.raises(DataError, match="t003"):
        world.evaluator(vectors=vectors)
    with pytest.raises(DataError, match="no test"):
        Evaluator(world.documents[:10], [], LABELS, world.groups, {}, world.vectors, Settings(), 1)


def test_the_listed_figures_are_those_of_a_corpus(found):
    assert sorted(names(10)) == sorted(found["more"])


class Circle(World):
    """Queries that stand in the corpora: by id in `same`, by text in `copy` (twice, once in other case)."""

    def __init__(self):
        super().__init__()
        for row in self.documents:
            row["text"] = f"text of {row['doc_id']}"
        asked = [d for d in self.ids if d[0] == "q"]
        self.synthetic = [{"doc_id": d, "text": f"another text {d}"} for d in self.ids if d[0] == "s"]
        for place, d in enumerate(asked):
            for copy in (place, place + 15):
                name = self.synthetic[copy]["doc_id"]
                self.synthetic[copy]["text"] = f"Text  OF {d}" if copy == place else f"text of {d}"
                self.vectors[self.ids.index(name)] = self.vectors[self.ids.index(d)]
                self.labels[name] = self.labels[d]
        made = self.ids[-40:]
        self.groups = {"same": self.rows(self.ids[:20] + asked, "real"), "copy": self.rows(made, "synthetic"),
                       "rest": self.rows(self.ids[:20], "real")}  # fmt: skip
        self.asked = asked


def leave_one_out(world, name):
    """Mean own-ideal nDCG and MRR when every query searches a corpus of its own, made without its documents."""
    place = {d: i for i, d in enumerate(world.ids)}
    text = {row["doc_id"]: " ".join(row["text"].casefold().split()) for row in (*world.documents, *world.synthetic)}
    vectors, scores, first = unit_rows(world.vectors, world.ids), [], []
    for query in world.asked:
        corpus = sorted(r["doc_id"] for r in world.groups[name] if text[r["doc_id"]] != text[query])
        gains = jaccard(*(label_matrix([world.labels[d] for d in ids], LABELS) for ids in ([query], corpus)))[0]
        cosine = np.round(vectors[[place[d] for d in corpus]] @ vectors[place[query]], 6)
        order = np.argsort(-cosine, kind="stable")
        best = np.sort(gains)[::-1][:10] @ ndcg.discounts(10)
        scores.append(gains[order][:10] @ ndcg.discounts(10) / best if best else np.nan)
        hits = np.flatnonzero(gains[order] >= 0.5)
        first.append(1 / (hits[0] + 1) if len(hits) else np.nan)
    return np.nanmean(scores), np.nanmean(first)


@pytest.mark.parametrize("name", ["same", "copy"])
def test_a_query_does_not_find_itself_by_id_or_by_text(name):
    world = Circle()
    rows = table(world.evaluator(), name)
    score, first = leave_one_out(world, name)
    assert value(rows, "ndcg_at_10", "own_ideal") == pytest.approx(score, abs=1e-6)
    assert value(rows, "mrr_at_100", "as_is") == pytest.approx(first, abs=1e-6) and first < 0.9
    assert "15 queries do not find their own text" in rows["mrr_at_100", "as_is"]["note"]
    assert value(rows, "ndcg_at_10", "random") <= 1 and "own text" in rows["ndcg_at_10", "random"]["note"]


def test_a_corpus_without_queries_has_the_figures_it_had_and_no_note():
    world, plain = Circle(), World()
    rows = table(world.evaluator(), "rest")
    assert all("own text" not in (row["note"] or "") for row in rows.values())
    plain.groups = {"rest": plain.groups["none"]}
    assert rows == table(plain.evaluator(), "rest")


def test_the_ideal_over_the_train_pool_leaves_own_documents_out():
    world = Circle()
    extra = [{**row, "split": "train"} for row in world.documents if row["split"] == "test"]
    whole = table(world.evaluator(), "same")
    world.documents += extra
    more = table(world.evaluator(), "same")
    assert value(more, "ndcg_at_10", "own_ideal") == value(whole, "ndcg_at_10", "own_ideal")
    # other queries are in the ideal of a query, it itself is not
    assert value(more, "ndcg_at_10", "fixed_ideal") <= value(whole, "ndcg_at_10", "fixed_ideal")
    alone = world.evaluator({"a": [row for row in world.groups["same"] if row["doc_id"] == "q001"]})
    assert alone.own_by_query[1].tolist() == [0] and table(alone, "a")["queries_without_gain", "as_is"]["value"] >= 1


def test_zero_vectors_are_left_out_counted_and_change_no_other_figure(world):
    vectors = world.vectors.copy()
    gone = ["t003", "q002", "s001"]
    vectors[[world.ids.index(name) for name in gone]] = 0
    rows = table(world.evaluator(vectors=vectors), "synthetic")
    note = rows["ndcg_at_10", "own_ideal"]["note"]
    assert "2 documents left out: their vector is zero" in note and "1 queries left out" in note
    small = World()
    small.documents = [row for row in small.documents if row["doc_id"] != "q002"]
    small.groups["synthetic"] = [row for row in small.groups["synthetic"] if row["doc_id"] not in gone]
    expected = table(small.evaluator(), "synthetic")
    for metric in ("ndcg_at_10", "map_at_100", "hub_share_at_10"):
        for key in (key for key in rows if key[0] == metric and "size" not in key[1]):
            assert (rows[key]["value"], rows[key]["n"]) == (expected[key]["value"], expected[key]["n"]), key


@pytest.mark.parametrize("side", ["t", "q"])
def test_only_zero_vectors_leave_everything_undefined_with_the_reason(world, side):
    vectors = world.vectors.copy()
    vectors[[i for i, name in enumerate(world.ids) if name[0] == side]] = 0
    evaluator = world.evaluator(vectors=vectors)
    rows = table(evaluator, "none")
    assert sorted(rows) == sorted(names(10))
    assert all(row["value"] is None and "vector that is not zero" in row["note"] for row in rows.values())
    assert all(np.isnan(part).all() for part in evaluator.per_query["none"].values())
    assert table(evaluator, "synthetic")["ndcg_at_10", "own_ideal"]["n"] == (14 if side == "t" else 0)


def test_no_training_set_is_no_failure(world):
    assert world.evaluator({}).groups == {}


def test_unknown_setting_is_refused():
    with pytest.raises(ConfigError, match="cutoff"):
        settings_of(Settings, {"cutoff": 5}, "evaluate_retrieval")


@pytest.mark.filterwarnings("error")
def test_a_vector_beyond_the_range_is_refused_without_a_warning_before(tmp_path):
    file = SimpleNamespace(path=tmp_path / "a.csv", rows=[{}, {}])
    np.save(tmp_path / "a.npy", np.array([[1.0, 2], [1e300, 0]]))
    with pytest.raises(DataError, match="row 2: a value is beyond single precision"):
        _array(file, tmp_path / "a.npy")
    with pytest.raises(DataError, match="'b' is not finite"):
        unit_rows(np.array([[1.0, 2], [1e300, 1e300]]), ["a", "b"])
