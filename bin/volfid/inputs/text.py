"""Text as it is stored: NFC, without control characters, white space collapsed."""

import datetime
import decimal
import math
import re
import unicodedata
from typing import Any

# C0 and C1 controls, soft hyphen, zero-width space, direction marks and overrides, word joiner, BOM.
# ZWNJ and ZWJ stay: Persian, Indic scripts and emoji need them.
_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_ASCII_CONTROLS = bytes([*range(32), 127])
_SURROGATE = re.compile("[\ud800-\udfff]")
_EXACT = 1 << 53
_ID_FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}


def normalise(text: str) -> str:
    """`text` in NFC without control characters, every run of white space one blank. Idempotent."""
    # nearly all ASCII text is clean already, and seeing that is ten times faster than cleaning it
    if text.isascii() and "  " not in text and text[:1] != " " and text[-1:] != " ":
        content = text.encode()
        if len(content.translate(None, _ASCII_CONTROLS)) == len(content):
            return text
    return " ".join(unicodedata.normalize("NFC", _CONTROLS.sub("", text)).split())


def normalise_id(text: str) -> str:
    """An id as it is stored: NFC, without outer blanks; nothing inside is changed."""
    return unicodedata.normalize("NFC", text.strip())


def has_surrogate(text: str) -> bool:
    """Whether `text` holds half a surrogate pair (legal in JSON escapes, impossible in UTF-8)."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def id_problem(doc_id: str) -> str | None:
    """Why `doc_id` cannot serve as an id, or None. Anything printable up to 300 characters can."""
    if not doc_id:
        return "is empty"
    if len(doc_id) > 300:
        return f"has {len(doc_id)} characters (at most 300)"
    if doc_id.isprintable():
        return None
    wrong = next((c for c in doc_id if unicodedata.category(c) in _ID_FORBIDDEN), None)
    return f"holds the control character U+{ord(wrong):04X}" if wrong is not None else None


def cell_text(value: Any) -> str | None:
    """A cell that should be text: '' when missing, digits for a whole number, None for anything else."""
    if type(value) is str:
        return None if not value.isascii() and has_surrogate(value) else value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))  # a table with gaps holds its whole numbers as floats
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and not has_surrogate(value) else None


_KINDS = (
    (bool, "a truth value"), (int, "a number"), (float, "a number with decimals"),
    (decimal.Decimal, "a decimal number"), (bytes, "bytes that are no UTF-8"), (datetime.date, "a date"),
    (datetime.time, "a time"), (datetime.timedelta, "a duration"), (dict, "a mapping"), (list, "a list"),
    (str, "text with half a surrogate pair"),
)  # fmt: skip


def kind_of(value: Any) -> str:
    """What a cell holds, in words."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), f"a {type(value).__name__}")
