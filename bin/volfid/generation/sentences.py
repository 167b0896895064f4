"""Sentences of a text by rule, for what is translated sentence by sentence."""

import re

# An end mark, perhaps a closing quote or bracket, a blank, and what may begin a sentence; or a wide full stop.
_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9])|(?<=[。！？])\s*")
# What ends with a full stop and ends no sentence: abbreviations and single capital letters.
_SHORT = re.compile(
    r"\b(?:(?i:e\.g|i\.e|etc|cf|vs|al|approx|ca|resp|figs?|eqs?|refs?|dr|mr|mrs|prof|inc|ltd)|[A-Z])\.$"
)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text in order, blanks around them removed; joined by one blank they are the text again.

    A full stop after an abbreviation or a single capital letter ends none.
    """
    text = " ".join(text.split())
    found, start = [], 0
    for match in _END.finditer(text):
        piece = text[start : match.end()].strip()
        if _SHORT.search(piece):
            continue
        if piece:
            found.append(piece)
        start = match.end()
    rest = text[start:].strip()
    return [*found, rest] if rest else found
