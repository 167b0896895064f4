"""Strings and numbers as they are printed."""

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volfid.report.table import column_digits, value_and_interval
from volfid.report.text import clean, csv_cell, duration, interval, number, p_value, plain, share, signed


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\u2066a\u2069", "⟨U+2066⟩a⟨U+2069⟩"),
        ("nul\x00bell\x07", "nul⟨U+0000⟩bell⟨U+0007⟩"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("line\r\nline\rline", "line\nline\nline"),
        ("\ud800", "⟨U+D800⟩"),
        ("Grüße, 特許 & <b>", "Grüße, 特許 & <b>"),
    ],
)
def test_terminal_codes_vanish_and_invisible_characters_are_shown(raw, shown):
    assert clean(raw) == shown


@given(st.text(max_size=300))
def test_no_text_keeps_a_control_or_a_direction_character(text):
    shown = clean(text)
    assert not any(ord(c) < 32 and c not in "\t\n" for c in shown)
    assert not any(0x202A <= ord(c) <= 0x202E or 0x2066 <= ord(c) <= 0x2069 or 0x7F <= ord(c) < 0xA0 for c in shown)


def test_a_megabyte_is_cut_and_the_cut_is_told():
    shown = clean("x" * 1_000_000)
    assert len(shown) < 700 and "[999,400 characters left out]" in shown


def test_undefined_numbers_are_words_and_never_zero():
    assert number(None) == number(math.nan) == number(math.inf) == "undefined"
    assert value_and_interval(None, None, None, note="one draw") == "undefined (one draw)"
    assert value_and_interval(0.5, None, None) == "0.500 no interval"
    assert share(None) == "undefined" and interval(None, None) == "–"


def test_numbers_are_rounded_by_one_rule():
    assert number(-0.0004) == "0.000" and number(-0.25) == "−0.250" and number(12345.6, 0) == "12,346"
    assert signed(0.0004) == "0.000" or signed(0.0004) == "+0.000"
    assert signed(0.1) == "+0.100" and signed(-0.1) == "−0.100"
    assert interval(0.1, None) == "[0.100, open]" and interval(None, 5, 0) == "[open, 5]"
    assert p_value(0.0004) == "< 0.001" and p_value(0.2) == "0.200" and p_value(None) == "–"
    assert duration(5) == "5.0 s" and duration(600) == "10.0 min" and duration(7200) == "2.0 h"


def test_decimals_of_a_column_follow_its_largest_value():
    assert [column_digits([v, None]) for v in (0.0, 0.004, 0.04, 0.4, 4.0, 40.0, 400.0, 4000.0)] == [
        3,
        5,
        4,
        3,
        3,
        2,
        1,
        0,
    ]


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\r=x", "  =1", "＝1"])
def test_cells_that_a_spreadsheet_would_run_are_neutralised(text):
    assert csv_cell(text).startswith("'")


@pytest.mark.parametrize("value", [-0.25, -3, "-0.25", "+1e-5", "-3"])
def test_numbers_stay_numbers_in_csv(value):
    assert float(csv_cell(value)) == float(value)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_csv_lines_parse_back_to_their_cells(texts):
    from volfid.report.page import _quoted

    cells = [csv_cell(text) for text in texts]
    line = ",".join(_quoted(cell) for cell in cells) + "\n"
    read = next(csv.reader(io.StringIO(line, newline="")), [])
    assert read == cells or (cells == [""] and read == [])


def test_nested_settings_become_one_line():
    assert plain({"a": [1, 2.5], "b": None, "c": True}) == "a: 1, 2.5; b: –; c: yes"
