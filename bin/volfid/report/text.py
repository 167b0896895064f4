"""Strings and numbers as the report prints them: inert, rounded by one rule, never a silent zero."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

LIMIT = 600
"""Characters of a string that a page shows; prompts have their own limit."""

PROMPT_LIMIT = 20_000

UNDEFINED = "undefined"

MEANING = {
    "cannot decide": "This run does not show whether the synthetic text helps or harms.",
    "positive": "The whole interval says that the synthetic text helps, on this corpus.",
    "negative": "The whole interval says that the synthetic text harms, on this corpus.",
    "undefined": "The estimate or its interval does not exist in this run; the reason stands with it.",
}

# CSI and OSC sequences, then single ESC sequences: colours and titles that a terminal would obey.
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]?")
# Bidirectional controls, zero-width and other format characters that change how neighbours look.
_FORMAT = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str, limit: int = LIMIT) -> str:
    """`text` safe to look at: no terminal sequences, invisible characters made visible, length bounded.

    Escaping for HTML is not done here; the template engine does it for every string.
    """
    cut = len(text) - limit
    text = text[:limit]
    text = _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _FORMAT.sub(_visible, text)
    text = _CONTROL.sub(_visible, text)
    return f"{text} … [{cut:,} characters left out]" if cut > 0 else text


def _visible(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match.group()):04X}⟩"


def number(value: float | None, digits: int = 3) -> str:
    """Fixed decimals with a true minus sign; `undefined` for None."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    shown = f"{value:,.{digits}f}"
    if float(shown.replace(",", "")) == 0:
        shown = shown.lstrip("-")
    return shown.replace("-", "−")


def signed(value: float | None, digits: int = 3) -> str:
    """As `number`, with + before positive values: for differences."""
    shown = number(value, digits)
    return f"+{shown}" if value is not None and shown[0].isdigit() and value > 0 else shown


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """`[low, high]`; an open end is written as such; empty when both are missing."""
    if low is None and high is None:
        return "–"
    ends = ["open" if end is None else number(end, digits) for end in (low, high)]
    return f"[{ends[0]}, {ends[1]}]"


def p_value(value: float | None) -> str:
    """Three decimals, `< 0.001` below."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def count(value: int | float | None) -> str:
    """Whole numbers with a comma at thousands."""
    return "–" if value is None else f"{round(value):,}".replace("-", "−")


def share(value: float | None) -> str:
    """A fraction as percent without decimals."""
    return UNDEFINED if value is None else f"{100 * value:.0f} %".replace("-", "−")


def duration(seconds: float | None) -> str:
    """Seconds as `12 s`, `3.4 min` or `2.1 h`."""
    if seconds is None:
        return "–"
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def words(name: str | None) -> str:
    """`volume_updates` as `volume updates`; a dash for None."""
    return "–" if name is None else name.replace("__", " · ").replace("_", " ")


def units(n: int, unit: str) -> str:
    """`3 draws`, `1 draw`."""
    return f"{n} {unit.removesuffix('s') if n == 1 else unit}"


def spread_words(counts: Iterable[int]) -> str:
    """`3`, or `2 to 3`: what n was; zeros are left out."""
    found = sorted({value for value in counts if value})
    return "none" if not found else str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


_METRICS = {
    "ap_micro": "micro AP", "ap_macro": "macro AP", "lrap": "LRAP", "f1_micro": "micro F1", "f1_macro": "macro F1",
    "f1_samples": "sample F1", "f1_weighted": "weighted F1", "precision_micro": "micro precision",
    "recall_micro": "micro recall", "jaccard_samples": "sample Jaccard", "hamming": "Hamming loss",
    "brier": "Brier score", "labels_own_threshold": "labels with own threshold", "ndcg_at_10": "nDCG@10",
}  # fmt: skip


def metric_words(metric: str) -> str:
    """`ap_micro` as `micro AP`; other names in plain words."""
    return _METRICS.get(metric, words(metric))


def plain(value: Any) -> str:
    """Any JSON value on one line: for settings whose names are not known beforehand."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}".replace("-", "−")
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {plain(inner)}" for key, inner in value.items()) or "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(inner) for inner in value) or "–"
    return str(value)


_NUMERIC = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def csv_cell(value: Any) -> str:
    """`value` for a CSV file that a spreadsheet may open.

    A cell that a spreadsheet would run as a formula (it starts with = + - @, a tab or a carriage
    return, after blanks) gets an apostrophe before it, unless it is a number.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    text = plain(value) if isinstance(value, (list, tuple, Mapping)) else str(value)
    if _NUMERIC.fullmatch(text):
        return text
    risky = text[:1] in ("\t", "\r", "\n") or text.lstrip()[:1] in ("=", "+", "-", "@", "＝", "＋", "－", "＠")
    return f"'{text}" if risky else text


def meaning(headline: Mapping[str, Any]) -> str:
    """The verdict in words, with what has to be said of where the text comes from."""
    words, caveat = MEANING.get(str(headline.get("verdict")), ""), headline.get("caveat")
    return f"{words} But the text {caveat}: what it is worth may be theirs." if words and caveat else words
