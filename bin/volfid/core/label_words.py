"""The words of label names in texts: found, and masked. Whole words, any case, singular and plural."""

import re
from collections.abc import Collection, Iterable

from volfid.core.shingles import tokens

NEUTRAL = "item"
_WORD = re.compile(r"[^\W_]+")
_EMPTY = frozenset({"and", "the", "for", "with", "from", "into", "other", "not", "non", "its", "that", "this"})


def stem(word: str) -> str:
    """A lower-case word without its plural ending: batteries, battery; boxes, box; aids, aid; glass stays."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def name_words(name: str | None) -> frozenset[str]:
    """Stems of the words of a label name that carry meaning: at least three letters, no function words."""
    return frozenset(stem(word) for word in tokens(name or "") if len(word) > 2 and word not in _EMPTY)


def text_words(text: str) -> frozenset[str]:
    """Stems of all words of a text."""
    return frozenset(map(stem, tokens(text)))


def all_name_words(names: Iterable[str | None]) -> frozenset[str]:
    """Stems of the words of all label names."""
    return frozenset().union(*map(name_words, names))


def masked(text: str, words: Collection[str]) -> str:
    """`text` with every word whose stem is among `words` replaced by one neutral word; all else as it was."""
    return _WORD.sub(lambda match: NEUTRAL if stem(match.group().lower()) in words else match.group(), text)
