"""Shingles, containment, common runs and the exact near-duplicate join."""

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volfid.core.shingles import (
    containment,
    longest_common_run,
    longest_common_span,
    near_duplicate_pairs,
    overlapping_pairs,
    shingle_jaccard,
    shingles,
    tokens,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "metrics.json").read_text())["memorisation"]
TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=14).map(" ".join), max_size=14)


def _brute_force(left, right, threshold, width):
    pairs = []
    for i, a in enumerate(left):
        for j, b in enumerate(left if right is None else right):
            mine, theirs = shingles(a, width), shingles(b, width)
            if (right is None and j <= i) or not mine or not theirs:
                continue
            similarity = len(mine & theirs) / len(mine | theirs)
            if similarity >= threshold:
                pairs.append((i, j, similarity))
    return sorted(pairs)


def test_tokens_are_lower_case_words_and_numbers():
    assert tokens("A Walking-frame, 3.5 kg (rigid)_ÉTÉ") == ["a", "walking", "frame", "3", "5", "kg", "rigid", "été"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("歩行 補助、A7型", ["歩", "行", "補", "助", "a7", "型"]),
        ("ウォーカー", list("ウォーカー")),
        ("ไม้เท้า cane", ["ไ", "ม", "เ", "ท", "า", "cane"]),
        ("보행 보조 기구", ["보행", "보조", "기구"]),
        ("ходунки, naïve", ["ходунки", "naïve"]),
    ],
)
def test_characters_are_tokens_in_scripts_without_blanks(text, expected):
    assert tokens(text) == expected


@given(st.text(st.characters(max_codepoint=0x0DFF)))
def test_spaced_scripts_have_words_as_tokens(text):
    assert tokens(text) == re.findall(r"[^\W_]+", text.lower())


def test_near_duplicates_are_found_in_scripts_without_blanks():
    rng = np.random.default_rng(5)
    texts = ["".join(map(chr, rng.integers(0x4E00, 0x9FFF, 120))) for _ in range(20)]
    near = texts[3][:60] + "新" + texts[3][60:]
    assert [pair[:2] for pair in near_duplicate_pairs([*texts, near])] == [(3, 20)]


def test_a_text_shorter_than_the_width_has_one_shingle_and_an_empty_one_has_none():
    assert shingles("two words", 5) == {"two words"}
    assert shingles("one two three four five six", 5) == {"one two three four five", "two three four five six"}
    assert shingles(" ... ", 5) == frozenset()


def test_memorisation_vectors_are_met():
    a, b = GOLDEN["a"], GOLDEN["b"]
    assert longest_common_run(a, b) == GOLDEN["longest_common_token_run"]
    assert " ".join(longest_common_span(a, b)) == GOLDEN["span"]
    for key, value in GOLDEN["containment"].items():
        assert containment(a, b, int(key[0])) == pytest.approx(value, abs=1e-12)
    for key, value in GOLDEN["jaccard"].items():
        assert shingle_jaccard(a, b, int(key[0])) == pytest.approx(value, abs=1e-12)


@given(TEXTS, st.sampled_from([0.25, 0.5, 0.55, 0.7, 0.8, 1.0]), st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_self_join_finds_exactly_the_pairs_of_brute_force(texts, threshold, width):
    assert near_duplicate_pairs(texts, threshold=threshold, width=width) == _brute_force(texts, None, threshold, width)


@given(TEXTS, TEXTS, st.sampled_from([0.3, 0.5, 0.8]), st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_two_sided_join_finds_exactly_the_pairs_of_brute_force(left, right, threshold, width):
    found = near_duplicate_pairs(left, right, threshold, width)
    assert found == _brute_force(left, right, threshold, width)


@given(TEXTS, TEXTS, st.sampled_from([0.2, 0.5, 1.0]), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_texts_within_others_are_found_exactly(left, right, threshold, least, width):
    wanted = []
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            one, other = shingles(a, width), shingles(b, width)
            shorter, both = min(len(one), len(other)), len(one & other)
            if both >= max(least, threshold * shorter - 1e-9):
                wanted.append((i, j, both / shorter))
    assert list(overlapping_pairs(left, right, threshold, least, width)) == wanted


def test_texts_within_others_are_found_in_blocks(monkeypatch):
    left = [f"w{i} w{i + 1} w{i + 2} w{i + 3} w{i + 4}" for i in range(40)]
    whole = list(overlapping_pairs(left, left, 0.3, 1, 3))
    monkeypatch.setattr("volfid.core.shingles._DENSE", 100)
    monkeypatch.setattr("volfid.core.shingles._BLOCK", 7)
    assert list(overlapping_pairs(left, left, 0.3, 1, 3)) == whole and len(whole) == 40 + 2 * (39 + 38)


def test_pairs_that_meet_the_threshold_exactly_are_found():
    base = [f"w{i}" for i in range(100)]
    other = [*base[:55], *(f"x{i}" for i in range(45))]
    # 55 of 145 shingles of width 1 are shared
    assert near_duplicate_pairs([" ".join(base), " ".join(other)], threshold=55 / 145, width=1) == [(0, 1, 55 / 145)]


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_the_longest_run_stands_in_both_texts_and_none_is_longer(left, right):
    run = longest_common_span(" ".join(left), " ".join(right))
    runs = [{tuple(x[i : i + n]) for n in range(1, 13) for i in range(len(x) - n + 1)} for x in (left, right)]
    shared = runs[0] & runs[1]
    assert len(run) == max(map(len, shared), default=0)
    assert not run or tuple(run) in shared


@pytest.mark.parametrize("threshold", [0, -1, 1.2])
def test_a_threshold_outside_zero_to_one_is_refused(threshold):
    with pytest.raises(ValueError, match="threshold"):
        near_duplicate_pairs(["a"], threshold=threshold)
    with pytest.raises(ValueError, match="threshold"):
        list(overlapping_pairs(["a"], ["a"], threshold))


def test_five_thousand_documents_take_seconds():
    rng = np.random.default_rng(7)
    vocabulary = np.array([f"w{i}" for i in range(3000)])
    texts = [" ".join(vocabulary[rng.zipf(1.3, 90) % 3000]) for _ in range(5000)]
    texts[4999] = texts[0] + " changed at the end"
    started = time.process_time()
    found = near_duplicate_pairs(texts)
    assert [(i, j) for i, j, _ in found] == [(0, 4999)]
    assert time.process_time() - started < 20
