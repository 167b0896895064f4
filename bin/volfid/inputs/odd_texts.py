"""Texts that a program before this one has damaged: they are told and left as they are."""

import re
from collections.abc import Iterable

# UTF-8 that was read as Windows-1252 (or Latin-1): the first byte of a letter, and then one of a following byte
_FOLLOWS = (
    "\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122"
)
_MOJIBAKE = re.compile(
    f"[\u00c2\u00c3\u00c4\u00c5][{_FOLLOWS}]|\u00e2[\u20ac\u0080][{_FOLLOWS}]"  # a letter; a quote or a dash
    f"|(?:[\u00d0\u00d1\u00ce\u00cf][{_FOLLOWS}]){{2}}|(?:[\u00e0-\u00ef][{_FOLLOWS}]{{2}}){{2}}"  # other scripts
    "|(?:[\u0420\u0421][\u0080-\u00bf\u0400-\u040f\u0450-\u045f\u0490\u0491\u2010-\u2122]){2}"  # read as Windows-1251
)
_AFTER_CAPITAL = re.compile("[A-Z\u00c0-\u00de][\u00c2\u00c3\u00c4\u00c5][\u00ab\u00bb\u2013\u2014\u2018-\u201e]")
_BYTES = re.compile(r"""\s*b(?:'.*'|".*")\s*""", re.DOTALL)
_TOKENS = re.compile(r"""\s*[\[(]\s*(?:'[^']*'|"[^"]*")(?:\s*,\s*(?:'[^']*'|"[^"]*"))+\s*,?\s*[\])]\s*""", re.DOTALL)
_ENTITY = re.compile(r"&(?:nbsp|amp|lt|gt|quot|apos|#\d{2,5}|#x[0-9a-fA-F]{2,5});")
_KINDS = {
    "mojibake": (
        "look as if UTF-8 had been read in another encoding once (mojibake)",
        "Make the file again from its source and read it as UTF-8 there",
    ),
    "replaced": (
        "hold U+FFFD, the sign for a letter that was lost",
        "Make the file again from its source in the encoding that it has",
    ),
    "bytes": ("are Python bytes printed as text (b'...')", "Decode them before saving: .decode('utf-8')"),
    "tokens": ("are lists of words printed as text (['a', 'b'])", "Join the words before saving: ' '.join(words)"),
    "entities": ("hold HTML entities such as &nbsp; or &amp;", "Turn them into letters before saving: html.unescape"),
    "x000d": ("hold _x000D_, a line end as spreadsheets write it", "Replace it by a blank before saving"),
}


def odd_kinds(text: str) -> list[str]:
    """The kinds of damage that a text shows."""
    found = []
    if not text.isascii():
        if _mojibake(text):
            found.append("mojibake")
        if "\ufffd" in text:
            found.append("replaced")
    if text[:1] == "b" and _BYTES.fullmatch(text):
        found.append("bytes")
    if text[:1] in "[(" and text and _TOKENS.fullmatch(text):
        found.append("tokens")
    if "&" in text and _ENTITY.search(text):
        found.append("entities")
    if "_x000" in text and ("_x000D_" in text or "_x000d_" in text):
        found.append("x000d")
    return found


def _mojibake(text: str) -> bool:
    return any(not _AFTER_CAPITAL.match(text, max(match.start() - 1, 0)) for match in _MOJIBAKE.finditer(text))


def odd_text_notes(file: str, texts: Iterable[str]) -> list[str]:
    """A line for each kind of damage that some texts show, with how many and what mends it; no text is shown."""
    counts = dict.fromkeys(_KINDS, 0)
    total = 0
    for text in texts:
        total += 1
        for kind in odd_kinds(text):
            counts[kind] += 1
    return [
        f"{file}: {count} of {total} texts {_KINDS[kind][0]}; they stay as they are. {_KINDS[kind][1]}"
        for kind, count in counts.items() if count
    ]  # fmt: skip
