"""Rows of training sets: the semantics of every arm, vectors of replication, gaps."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volfid.core.exits import ConfigError, DataError
from volfid.core.schemas import CONTRACTS
from volfid.core.seeds import generator
from volfid.curation.corpus import build_corpus
from volfid.curation.pairing import nearest_by_labels, pair_with_rows, seeded_order
from volfid.curation.rows import Ingredients
from volfid.curation.trainsets import BUILDERS, copies_drawn

GOLDEN = Path(__file__).parents[1] / "golden"
LABELS = ["A", "B", "C", "D"]
POOL = {
    "pool_id": "g__m__p__n00006__d00__r0", "generator": "g", "method": "m", "label_plan": "p", "draw": 0,
    "pool_size": 6,
}  # fmt: skip


def word(number: int) -> str:
    return f"w{number}"


def document(index: int, labels: list[str], split: str = "train") -> dict:
    text = " ".join(word(1000 * index + i) for i in range(20))
    return {"doc_id": f"r{index:02d}", "text": text, "labels": labels, "split": split, "group": "g", "text_sha": "x"}


def request(position: int, labels: list[str], parent: str | None, draw: int = 0, **fields) -> dict:
    text = " ".join(word(10**6 * (draw + 1) + 1000 * position + i) for i in range(20))
    return {
        "request_id": f"{draw:08x}{position:08x}", "pool_id": POOL["pool_id"].replace("d00", f"d{draw:02d}"),
        "position": position, "regime": 6, "draw": draw, "generator": "g", "method": "m", "label_plan": "p",
        "prompt_sha": "x", "labels": labels, "source_doc_ids": ["r02"], "parent_doc_id": parent, "seed": 1,
        "attempts": 1, "text": text, "finish_reason": "stop", "reject_reason": None, "attempt_reasons": [],
        "tokens_prompt": 1, "tokens_completion": 1, "tokens_discarded": 0,
    } | fields  # fmt: skip


def item(text: str, law: str, added: int, pool: dict | None = None, **fields) -> dict:
    draw = fields.get("draw", 0)
    made = {
        "regime": 6, "draw": draw, "generator": "g" if pool else None, "method": "m" if pool else None,
        "label_plan": "p" if pool else None, "text": text, "label_law": law, "rows_added": added, "real_share": None,
        "dose": 1.0 if law == "shifted" else None,
        "budget": None, "pool_size": 6 if pool else None, "round": 0, "pool_id": pool["pool_id"] if pool else None,
    } | fields  # fmt: skip
    keys = ("text", "label_law", "rows_added", "real_share", "budget", "draw", "pool_id")
    name = "__".join(str(made[key]) for key in keys)
    return made | {"trainset_id": name}


REAL_LABELS = [["A"], ["B"], ["A", "B"], ["C"], ["A"], ["B", "C"], ["D"], ["A"], ["B"], ["C", "D"]]
DOCUMENTS = [document(index, labels) for index, labels in enumerate(REAL_LABELS)]
LABEL_ROWS = [{"label": name, "name": None, "definition": None, "count": 1, "count_train": 1} for name in LABELS]
ORDER = ["r03", "r00", "r05", "r01", "r02", "r04", "r09", "r06", "r08", "r07"]
OF = {row["doc_id"]: row["labels"] for row in DOCUMENTS}


def regimes(draws: int = 1) -> list[dict]:
    return [
        {"regime_id": f"n{size:05d}__d{draw:02d}", "size": size, "draw": draw, "doc_ids": ORDER[:size],
         "folds": [0] * size, "label_counts": [1] * 4, "labels_missing": 0}
        for size in (6, 10) for draw in range(draws)
    ]  # fmt: skip


def parented(draw: int = 0) -> list[dict]:
    """Three requests for each of the six rows, round after round."""
    return [request(p, OF[ORDER[p % 6]], ORDER[p % 6], draw) for p in range(18)]


def orphans(label_sets: list[list[str]]) -> list[dict]:
    return [request(p, labels, None) for p, labels in enumerate(label_sets)]


def build(items, generations=(), pools=(), draws: int = 1, seed: int = 7, **rest):
    """build_corpus on the documents of this file; every output is checked against its contract."""
    job = {"master_seed": seed, "settings": {"pools": list(pools), "rules": {}}, "items": items}
    made = build_corpus(job, DOCUMENTS, LABEL_ROWS, regimes(draws), list(generations), **rest)
    for name in ("synthetic", "waterfall", "trainsets", "gaps"):
        CONTRACTS[name].check(getattr(made, name), name)
    return made


def rows_of(made, planned: dict) -> list[dict]:
    rows = [row for row in made.trainsets if row["trainset_id"] == planned["trainset_id"]]
    return sorted(rows, key=lambda row: row["position"])


def added(rows: list[dict]) -> list[dict]:
    return [row for row in rows if row["source"] != "real"]


def total(rows: list[dict]) -> int:
    return sum(row["multiplicity"] for row in rows)


def coverage_of(made) -> dict:
    return made.pools[POOL["pool_id"]]["pairs"]["draw 0, 6 rows"]


def label_lists(rows: list[dict]) -> Counter:
    return Counter({labels: n for labels, n in _counted(rows)})


def _counted(rows: list[dict]):
    counts: Counter = Counter()
    for row in rows:
        counts[tuple(row["labels"])] += row["multiplicity"]
    return counts.items()


def test_real_only_holds_the_documents_of_the_regime_once_in_nested_order():
    planned = item("none", "real", 0)
    rows = rows_of(build([planned]), planned)
    assert [row["doc_id"] for row in rows] == ORDER[:6]
    assert {(row["source"], row["multiplicity"], row["parent_id"]) for row in rows} == {("real", 1, None)}
    assert [row["labels"] for row in rows] == [OF[doc_id] for doc_id in ORDER[:6]]


def test_real_more_takes_the_next_documents_of_the_nested_order_or_leaves_a_gap():
    fits, too_many = item("real_more", "real", 3), item("real_more", "real", 5)
    made = build([fits, too_many])
    rows = rows_of(made, fits)
    assert [row["doc_id"] for row in rows] == ORDER[:9]
    assert [row["source"] for row in rows] == ["real"] * 6 + ["real_more"] * 3
    assert rows_of(made, too_many) == []
    assert [(gap["subject"], gap["stage"], gap["wanted"], gap["got"]) for gap in made.gaps] == [
        (too_many["trainset_id"], "curation", 11, 10)
    ]


def test_balanced_copies_differ_by_at_most_one_and_the_first_documents_get_the_extra_ones():
    planned = item("copies_balanced", "real", 8)
    copies = added(rows_of(build([planned]), planned))
    assert [row["doc_id"] for row in copies] == ORDER[:6]
    assert [row["multiplicity"] for row in copies] == [2, 2, 1, 1, 1, 1]
    assert all(row["parent_id"] == row["doc_id"] and row["source"] == "copy" for row in copies)


def test_fewer_copies_than_documents_copies_only_the_first():
    planned = item("copies_balanced", "real", 2)
    assert [row["doc_id"] for row in added(rows_of(build([planned]), planned))] == ORDER[:2]


def test_drawn_copies_are_the_whole_set_and_differ_by_draw():
    planned = [item("copies_drawn", "real", 14, draw=draw) for draw in (0, 1)]
    made = build(planned, draws=2)
    counts = [{row["doc_id"]: row["multiplicity"] for row in rows_of(made, one)} for one in planned]
    assert [sum(one.values()) for one in counts] == [20, 20]
    assert counts[0] != counts[1]
    assert {row["source"] for row in made.trainsets} == {"copy"}
    assert {row["doc_id"] for row in made.trainsets} <= set(ORDER[:6])


@pytest.mark.parametrize("case", json.loads((GOLDEN / "sampling.json").read_text())["replication_coverage"], ids=str)
def test_drawn_copies_miss_as_many_documents_as_the_coverage_vector_says(case):
    _check_unique(case["n"], case["draws"], case["n"] * (1 - case["expected_fraction_never_drawn"]))


@pytest.mark.parametrize("draws", json.loads((GOLDEN / "metrics.json").read_text())["replication_unique"])
def test_drawn_copies_hold_as_many_unique_documents_as_the_vector_says(draws):
    vector = json.loads((GOLDEN / "metrics.json").read_text())["replication_unique"][draws]
    _check_unique(165, int(draws), vector["expected_unique_docs"])


def _check_unique(n: int, draws: int, expected: float, repeats: int = 200) -> None:
    """Mean unique documents over `repeats` sets within 3 sd; the variance is the exact one of occupancy."""
    ids = [f"d{i}" for i in range(n)]
    made_of = Ingredients(ids, ids, {name: ["A"] for name in ids})
    planned = {"rows_added": draws - n}
    unique = [len(copies_drawn(made_of, planned, generator(11, "test", repeat=r))) for r in range(repeats)]
    one, two = (1 - 1 / n) ** draws, (1 - 2 / n) ** draws
    variance = n * one * (1 - one) + n * (n - 1) * (two - one**2)
    assert abs(np.mean(unique) - expected) <= 3 * (max(variance, 0) / repeats) ** 0.5 + 1e-3


def test_synthetic_sets_of_one_pool_share_one_nested_order():
    s4, s9 = item("synthetic", "synthetic", 4, POOL), item("synthetic", "synthetic", 9, POOL)
    perm = item("synthetic", "permuted", 9, POOL)
    mixed = item("synthetic", "synthetic", 0, POOL, real_share=0.25, budget=8)
    made = build([s4, s9, perm, mixed], parented(), [POOL])
    ids = {one["trainset_id"]: [row["doc_id"] for row in added(rows_of(made, one))] for one in (s4, s9, perm, mixed)}
    assert ids[s9["trainset_id"]][:4] == ids[s4["trainset_id"]]
    assert ids[perm["trainset_id"]] == ids[s9["trainset_id"]]
    assert ids[mixed["trainset_id"]] == ids[s9["trainset_id"]][:6]
    assert ids[s9["trainset_id"]] != sorted(ids[s9["trainset_id"]])


def test_synthetic_rows_name_every_real_document_behind_them():
    planned = item("synthetic", "synthetic", 3, POOL)
    for row in added(rows_of(build([planned], parented(), [POOL]), planned)):
        assert row["parent_id"] in row["source_doc_ids"]
        assert "r02" in row["source_doc_ids"]


def test_a_dropped_document_does_not_reorder_the_others():
    planned = item("synthetic", "synthetic", 12, POOL)
    before = [row["doc_id"] for row in added(rows_of(build([planned], parented(), [POOL]), planned))]
    gone = before[5]
    damaged = [row | {"text": None} if f"syn-{row['request_id']}" == gone else row for row in parented()]
    after = [row["doc_id"] for row in added(rows_of(build([planned], damaged, [POOL]), planned))]
    assert after[:11] == [name for name in before if name != gone]


def test_permuted_labels_keep_their_multiset_and_move():
    plain, perm = item("synthetic", "synthetic", 12, POOL), item("synthetic", "permuted", 12, POOL)
    made = build([plain, perm], parented(), [POOL])
    left, right = added(rows_of(made, plain)), added(rows_of(made, perm))
    assert label_lists(left) == label_lists(right)
    assert [row["labels"] for row in left] != [row["labels"] for row in right]
    assert [row["source_doc_ids"] for row in left] == [row["source_doc_ids"] for row in right]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_permuted_labels_move_even_where_most_permutations_change_nothing(seed):
    planned = item("synthetic", "permuted", 2, POOL)
    rows = added(rows_of(build([planned], orphans([["A"], ["B"]]), [POOL], seed=seed), planned))
    assert {row["doc_id"][-1]: row["labels"] for row in rows} == {"0": ["B"], "1": ["A"]}


def test_labels_that_are_all_equal_cannot_be_permuted_and_leave_a_gap():
    planned = item("synthetic", "permuted", 2, POOL)
    made = build([planned], orphans([["A"], ["A"]]), [POOL])
    assert made.trainsets == []
    assert "same label set" in made.gaps[0]["reason"]


def test_copies_at_the_synthetic_law_repeat_the_label_sets_of_s_where_the_regime_has_them():
    plain, copies = item("synthetic", "synthetic", 15, POOL), item("copies_balanced", "synthetic", 15, POOL)
    made = build([plain, copies], parented(), [POOL])
    assert label_lists(added(rows_of(made, plain))) == label_lists(added(rows_of(made, copies)))
    assert {row["source"] for row in rows_of(made, copies)} == {"real", "copy"}


def test_copies_at_the_synthetic_law_take_the_nearest_label_set_and_break_ties_at_random():
    rng = np.random.default_rng(0)
    labels = {"x": ["A"], "y": ["A", "B", "C"], "z": ["D"], "u": ["A"]}
    assert nearest_by_labels([["A", "B"]], list(labels), labels, rng) == ["y"]
    chosen = Counter(nearest_by_labels([["A"]] * 400, list(labels), labels, rng))
    assert set(chosen) == {"x", "u"} and min(chosen.values()) > 140
    unlike = Counter(nearest_by_labels([["C", "D"]] * 10, ["z", "x"], labels, rng))
    assert unlike == {"z": 10}


def test_a_smaller_set_of_copies_at_the_synthetic_law_is_part_of_a_larger_one():
    small, large = (item("copies_balanced", "synthetic", m, POOL) for m in (7, 15))
    made = build([small, large], parented(), [POOL])
    counts = [Counter({r["doc_id"]: r["multiplicity"] for r in added(rows_of(made, one))}) for one in (small, large)]
    assert counts[0] <= counts[1]


@pytest.mark.parametrize("m", [4, 6, 11, 18])
def test_paired_sets_take_one_document_for_each_row_in_turn_and_agree_in_label_vectors(m):
    c, pp = item("synthetic", "real", m, POOL), item("copies_paired", "real", m, POOL)
    made = build([c, pp], parented(), [POOL])
    left, right = added(rows_of(made, c)), added(rows_of(made, pp))
    assert [row["parent_id"] for row in left] == [ORDER[place % 6] for place in range(m)]
    assert label_lists(left) == label_lists(right)
    assert Counter(row["parent_id"] for row in left) == {row["doc_id"]: row["multiplicity"] for row in right}
    assert coverage_of(made)["rows_without_partner"] == 0


def test_a_row_whose_documents_were_dropped_is_passed_over_and_counted():
    generations = [row | {"text": None} if row["parent_doc_id"] == ORDER[1] else row for row in parented()]
    c, pp = (item(text, "real", 15, POOL) for text in ("synthetic", "copies_paired"))
    too_many = item("synthetic", "real", 16, POOL)
    made = build([c, pp, too_many], generations, [POOL])
    assert ORDER[1] not in {row["parent_id"] for row in added(rows_of(made, c))}
    assert label_lists(added(rows_of(made, c))) == label_lists(added(rows_of(made, pp)))
    assert coverage_of(made)["rows_without_partner"] == 1
    assert [(gap["wanted"], gap["got"]) for gap in made.gaps] == [(16, 15)]


def test_pools_without_parents_are_paired_by_equal_label_sets_before_near_ones():
    # {B} belongs to r01, which comes after r05 {B, C}; in the second round r03 {C} takes what is one label away
    generations = orphans([["C", "D"], ["C"], ["B"], ["A", "B", "C", "D"]])
    planned = item("synthetic", "real", 3, POOL)
    made = build([planned], generations, [POOL])
    rows = added(rows_of(made, planned))
    assert [(row["parent_id"], row["doc_id"][-1], row["labels"]) for row in rows] == [
        ("r03", "1", ["C"]), ("r01", "2", ["B"]), ("r03", "0", ["C"]),
    ]  # fmt: skip
    assert coverage_of(made) == {"pairs": 3, "pairs_with_equal_labels": 2, "rows": 6, "rows_without_partner": 4}


def test_a_mixture_spends_its_budget_on_the_share_of_real_documents():
    for share, real in ((0.0, 0), (0.25, 2), (0.5, 4), (1.0, 8)):
        planned = item("synthetic", "synthetic", 0, POOL, real_share=share, budget=8)
        rows = rows_of(build([planned], parented(), [POOL]), planned)
        assert [row["doc_id"] for row in rows if row["source"] != "synthetic"] == ORDER[:real]
        assert total(rows) == 8
        assert [row["source"] for row in rows[:real]] == (["real"] * 6 + ["real_more"] * 2)[:real]


def test_a_pool_that_is_too_small_gives_a_gap_with_its_numbers_and_no_shorter_set():
    planned = item("synthetic", "synthetic", 19, POOL)
    made = build([planned], parented(), [POOL | {"requests": 20}])
    assert made.trainsets == []
    assert [(gap["subject"], gap["wanted"], gap["got"]) for gap in made.gaps] == [
        (POOL["pool_id"], 20, 18), (planned["trainset_id"], 19, 18),
    ]  # fmt: skip


def test_a_generator_that_never_ran_leaves_gaps_not_an_error():
    planned = item("synthetic", "synthetic", 4, POOL)
    made = build([planned], [], [POOL | {"requests": 18}])
    assert [gap["got"] for gap in made.gaps] == [0, 0]


def test_brought_documents_are_taken_in_another_order_in_each_draw():
    brought = [
        {"doc_id": f"b{i:02d}", "text": "x", "labels": REAL_LABELS[i % 6], "source_doc_ids": ["r01"], "text_sha": "x"}
        for i in range(12)
    ]
    pool = {
        "pool_id": "brought__brought__own__n00000__d00__r0", "generator": "brought", "method": "brought",
        "label_plan": "own", "draw": 0,
    }  # fmt: skip
    planned = [item("synthetic", "synthetic", 8, pool, draw=draw, pool_size=0) for draw in (0, 1)]
    paired = item("synthetic", "real", 6, pool, pool_size=0)
    made = build([*planned, paired], pools=[pool], draws=2, brought=brought)
    orders = [[row["doc_id"] for row in added(rows_of(made, one))] for one in planned]
    assert orders[0] != orders[1]
    assert all(set(order) <= {row["doc_id"] for row in brought} for order in orders)
    assert [row["labels"] for row in added(rows_of(made, paired))] == [OF[doc_id] for doc_id in ORDER[:6]]
    assert all(row["source_doc_ids"] == sorted({"r01", row["parent_id"]}) for row in added(rows_of(made, paired)))


def test_inputs_that_do_not_belong_together_are_refused():
    planned = item("none", "real", 0)
    with pytest.raises(DataError, match="draw 3"):
        build([item("none", "real", 0, draw=3)])
    with pytest.raises(ConfigError, match="means nothing"):
        build([item("real_more", "permuted", 2)])
    with pytest.raises(ConfigError, match="not in the job"):
        build([item("synthetic", "synthetic", 2)])
    with pytest.raises(DataError, match="label 'Z'"):
        build([planned], [request(0, ["Z"], None)], [POOL])
    with pytest.raises(DataError, match="also that of a real document"):
        build([planned], brought=[{"doc_id": "r01", "labels": ["A"]}])
    broken = regimes()
    broken[0] = broken[0] | {"doc_ids": ORDER[4:10]}
    with pytest.raises(DataError, match="not a prefix"):
        build_corpus({"master_seed": 1, "settings": {"pools": []}, "items": []}, DOCUMENTS, LABEL_ROWS, broken)


def test_every_combination_of_text_and_law_builds_the_planned_number_of_rows():
    for text, law in BUILDERS:
        m = {"none": 0, "copies_ml_ros": 1, "copies_lp_ros": 0}.get(text, 4)  # these two stop when labels are even
        pooled = text in ("synthetic", "copies_paired", "copies_cut") or law == "synthetic"
        planned = item(text, law, m, POOL if pooled else None)
        made = build([planned], parented(), [POOL])
        assert total(rows_of(made, planned)) == 6 + m, (text, law)


label_sets = st.lists(st.sampled_from(LABELS), unique=True, max_size=3).map(sorted)


@settings(max_examples=80, deadline=None)
@given(st.lists(label_sets, min_size=1, max_size=14), st.lists(label_sets, min_size=1, max_size=6))
def test_pairing_by_label_sets_uses_each_document_once_and_stays_within_one_label(pool_sets, row_sets):
    pool = [{"doc_id": str(i), "position": i, "labels": x, "parent_doc_id": None} for i, x in enumerate(pool_sets)]
    labels = {f"r{i}": x for i, x in enumerate(row_sets)}
    pairs = pair_with_rows(pool, list(labels), labels)
    assert len({pair.row["doc_id"] for pair in pairs}) == len(pairs) <= len(pool)
    for pair in pairs:
        distance = len(set(pair.row["labels"]) ^ set(labels[pair.doc_id]))
        assert distance == (0 if pair.exact else 1)
    used = {pair.row["doc_id"] for pair in pairs}
    left = [set(row["labels"]) for row in pool if row["doc_id"] not in used]
    assert not any(len(rest ^ set(x)) <= 1 for rest in left for x in labels.values())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 18), st.randoms(use_true_random=False))
def test_the_order_of_input_rows_changes_nothing(seed, m, random):
    planned = [item(text, law, m, POOL) for text, law in BUILDERS if text not in ("none", "real_more", "copies_drawn")]
    one = build(planned, parented(), [POOL], seed=seed)
    other = build(random.sample(planned, len(planned)), random.sample(parented(), 18), [POOL], seed=seed)
    for name in ("trainsets", "synthetic", "gaps"):
        assert CONTRACTS[name].content_sha(getattr(one, name)) == CONTRACTS[name].content_sha(getattr(other, name))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 2**32))
def test_the_seeded_order_holds_the_kept_documents_once_each(kept, seed):
    rows = [{"doc_id": str(i), "position": i, "kept": flag} for i, flag in enumerate(kept)]
    order = [row["position"] for row in seeded_order(rows, np.random.default_rng(seed))]
    assert sorted(order) == [i for i, flag in enumerate(kept) if flag]
