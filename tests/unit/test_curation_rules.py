"""Rules of curation: what is dropped, why, and that the waterfall sums up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volfid.core.exits import ConfigError, DataError, ParameterError
from volfid.core.schemas import CONTRACTS
from volfid.curation.rules import RULES, Thresholds, curate_pool, keep_brought, make_context

WORDS = [f"w{number}" for number in range(400)]


def words(start: int, count: int) -> str:
    """`count` distinct words from place `start`."""
    return " ".join(WORDS[start : start + count])


DOCUMENTS = [
    {"doc_id": "t1", "text": words(0, 40), "split": "train"},
    {"doc_id": "t2", "text": words(40, 40), "split": "train"},
    {"doc_id": "held1", "text": words(100, 40), "split": "test"},
    {"doc_id": "held2", "text": words(140, 40), "split": "reference"},
]


def request(position: int, text: str | None, **fields) -> dict:
    return {
        "request_id": f"{position:016x}", "pool_id": "g__m__empirical__n00002__d00__r0", "position": position,
        "regime": 2, "draw": 0, "generator": "g", "method": "full_synthesis", "label_plan": "empirical",
        "labels": ["A"], "source_doc_ids": ["t1", "t2"], "parent_doc_id": None, "text": text,
    } | fields  # fmt: skip


def curate(rows: list[dict], **thresholds) -> tuple[dict[int, str | None], list[dict]]:
    """Reason of each position, and the waterfall; both checked against their contracts."""
    synthetic, waterfall = curate_pool(rows, make_context(DOCUMENTS, Thresholds(**thresholds)))
    CONTRACTS["synthetic"].check(synthetic, "synthetic")
    CONTRACTS["waterfall"].check(waterfall, "waterfall")
    return {row["position"]: row["drop_reason"] for row in synthetic}, waterfall


def test_each_rule_drops_its_own_case_and_the_waterfall_counts_it():
    clean = words(200, 30)
    reasons, waterfall = curate([
        request(0, clean),
        request(1, None),
        request(2, f"  {clean.upper().replace(' ', ', ')}!"),
        request(3, clean.replace(WORDS[229], "other")),
        request(4, words(240, 20) + " " + words(0, 15)),
        request(5, words(100, 40) + " tail"),
        request(6, words(140, 39)),
        request(7, words(300, 11)),
        request(8, words(340, 30)),
    ])  # fmt: skip
    assert reasons == {
        0: None, 1: "not_generated", 2: "duplicate", 3: "near_duplicate", 4: "copy_of_source",
        5: "copy_of_held_out", 6: "copy_of_held_out", 7: "too_short", 8: None,
    }  # fmt: skip
    assert [step["rule"] for step in waterfall] == list(RULES)
    assert [step["removed"] for step in waterfall] == [1, 1, 1, 1, 2, 1]


def test_dropped_rows_stay_in_the_file_with_an_empty_text_where_there_was_none():
    synthetic, _ = curate_pool([request(0, None)], make_context(DOCUMENTS, Thresholds()))
    assert (synthetic[0]["kept"], synthetic[0]["text"]) == (False, "")


def test_of_duplicates_the_first_position_stays_whatever_the_order_of_the_file():
    rows = [request(position, words(200, 30)) for position in (3, 1, 2)]
    reasons, _ = curate(rows)
    assert reasons == {1: None, 2: "duplicate", 3: "duplicate"}


def test_a_document_close_only_to_a_dropped_one_stays():
    # 1 is near 0, 2 is near 1 but not near 0: once 1 is gone, nothing speaks against 2
    rows = [request(0, words(200, 44)), request(1, words(202, 44)), request(2, words(204, 44))]
    reasons, _ = curate(rows, near_duplicate=0.88)
    assert reasons == {0: None, 1: "near_duplicate", 2: None}


def test_source_containment_is_dropped_above_the_threshold_and_kept_at_it():
    # 25 distinct 8-grams, 5 of them (12 shared words) in the source: containment exactly .2
    at = words(0, 12) + " " + words(300, 20)
    above = words(40, 13) + " " + words(330, 19)
    reasons, _ = curate([request(0, at), request(1, above)])
    assert reasons == {0: None, 1: "copy_of_source"}


def test_a_paraphrase_is_compared_with_its_parent_by_five_grams_only():
    # shares 20 of its 26 words with t1 (parent: 16 of 22 five-grams), and 12 with t2, which was not shown
    text = words(0, 20) + " " + words(40, 6)
    close = request(0, text, method="paraphrase", parent_doc_id="t1", source_doc_ids=["t1"])
    far = request(1, words(0, 12) + " " + words(340, 20), method="paraphrase", parent_doc_id="t1")
    full = request(2, words(0, 12) + " " + words(370, 16))
    reasons, _ = curate([close, far, full])
    assert reasons == {0: "copy_of_source", 1: None, 2: "copy_of_source"}


def test_a_row_made_from_a_test_document_is_refused_not_dropped():
    with pytest.raises(DataError, match="'held1' was shown"):
        curate([request(0, words(200, 30), source_doc_ids=["held1"])])
    with pytest.raises(DataError, match="'held2' was shown"):
        curate([request(0, words(200, 30), parent_doc_id="held2")])
    with pytest.raises(DataError, match="parent_doc_id"):
        curate([request(0, words(200, 30), method="paraphrase")])


def test_thresholds_are_checked_by_name_and_range():
    assert Thresholds.from_settings({"min_words": 3}).min_words == 3
    with pytest.raises(ConfigError, match="near_dup"):
        Thresholds.from_settings({"near_dup": 0.5})
    for wrong in ({"near_duplicate": 0.0}, {"source_8gram": 1.1}, {"min_words": -1}):
        with pytest.raises(ParameterError):
            Thresholds.from_settings(wrong)


def test_brought_documents_are_all_kept_in_the_order_of_their_ids():
    brought = [
        {"doc_id": name, "text": "short", "labels": ["A"], "source_doc_ids": [], "text_sha": "x"} for name in ("b", "a")
    ]
    pool = {"pool_id": "brought__brought__own__n00002__d01__r0", "draw": 1, "generator": "brought", "method": "brought"}
    synthetic, waterfall = keep_brought(pool, brought)
    CONTRACTS["synthetic"].check(synthetic, "synthetic")
    assert [(row["doc_id"], row["position"], row["kept"]) for row in synthetic] == [("a", 0, True), ("b", 1, True)]
    assert {row["label_plan"] for row in synthetic} == {"own"}
    assert [(step["rows_in"], step["removed"], step["rows_out"]) for step in waterfall] == [(2, 0, 2)]


texts = st.one_of(
    st.none(),
    st.builds(words, st.integers(0, 330), st.integers(0, 60)),
    st.builds(lambda a, b: words(a, 30) + " " + words(b, 20), st.integers(0, 330), st.integers(0, 330)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(texts, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_waterfall_always_sums_up_and_row_order_changes_nothing(listed, random):
    rows = [request(position, text) for position, text in enumerate(listed)]
    reasons, waterfall = curate(rows)
    assert waterfall[0]["rows_in"] == len(rows)
    for step, following in zip(waterfall, [*waterfall[1:], None], strict=True):
        assert step["rows_in"] - step["removed"] == step["rows_out"]
        assert following is None or following["rows_in"] == step["rows_out"]
        assert step["removed"] == sum(reason == step["rule"] for reason in reasons.values())
    assert waterfall[-1]["rows_out"] == sum(reason is None for reason in reasons.values())
    shuffled = random.sample(rows, len(rows))
    assert curate(shuffled) == (reasons, waterfall)
