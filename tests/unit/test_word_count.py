"""Words are counted and cut alike in scripts with and without blanks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volfid.core.word_count import first_words, word_count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("   ", 0),
        ("one", 1),
        ("two words", 2),
        ("a - b, c_d", 4),  # as blanks separate them
        ("本发明涉及一种轮椅", 9),
        ("本发明，涉及轮椅。", 7),  # punctuation is no word
        ("本发明 USB-C 接口", 6),
        ("使用AI模型", 5),
        ("これはペンです。", 7),
        ("สวัสดี", 4),  # vowel marks belong to their letter
        ("이것은 문장이다", 2),  # Korean puts blanks
        ("Это предложение", 2),
        ("___ 轮 ---", 1),
    ],
)
def test_words_of_many_scripts(text, count):
    assert word_count(text) == count


@pytest.mark.parametrize(
    ("text", "n", "cut"),
    [
        ("one two three", 2, "one two"),
        ("one two", 2, "one two"),
        ("one two", 0, ""),
        ("本发明涉及一种轮椅", 3, "本发明"),
        ("本发明，涉及轮椅。", 3, "本发明，"),
        ("轮椅 USB 接口", 3, "轮椅 USB"),
        ("轮椅", 0, ""),
    ],
)
def test_the_first_words(text, n, cut):
    assert first_words(text, n) == cut


@given(st.text(alphabet="ab 轮椅。ส ี,_-\n", max_size=40), st.integers(0, 20))
def test_a_cut_text_has_as_many_words_as_asked_for(text, n):
    assert word_count(first_words(text, n)) == min(n, word_count(text))
    assert text.startswith(first_words(text, n))
