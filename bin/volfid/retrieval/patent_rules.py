"""SP-rule: does a text read like a standard patent? A weighted sum of transparent features.

The study names no rule; features and weights are ours (docs/metrics.md): register counts up to 1,
each fault is taken off, and a text is kept from 0.5. A text of full register so survives one or two slight faults,
and none without a word of the register is kept.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from volfid.core.shingles import tokens

PATENT, SECTIONS = "patent", frozenset({"abstract", "claim", "claims", "summary"})
KEEP = 0.5
PER_100 = 1.0
"""Words of the register in 100 words that count as full register."""
WEIGHTS = {
    "register": 1.0, "out_of_length": -0.25, "markup": -0.5, "no_claim_form": -0.25, "other_genre": -0.5,
    "meta_text": -1.0, "repetitive": -0.25, "not_english": -0.5,
}  # fmt: skip
WORDS = (40, 400)
FEWEST_TYPES, REPEATS, RUN = 0.35, 3, 5
FEWEST_FUNCTION_WORDS = 0.25

_REGISTER = re.compile(
    r"\b(?:compris(?:ing|es)|wherein|said|embodiments?|apparatus(?:es)?|methods?|devices?|systems?|inventions?"
    r"|configured to|coupled to|adapted to)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"\n\s*\n|(?:^|\n)\s*(?:[-*•#]|\d+[.)])\s|\*\*|```|https?://|www\.|\S@\S+\.\w")
_CLAIM = re.compile(r"(?:A|An|The)\s+\w[^.]*\b(?:comprising|consisting|including)\b")
_SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z])")
_OTHER_GENRE = re.compile(
    r"\b(?:[Ww]e|[Oo]urs?|[Yy]ours?|[Yy]ou|[Mm]y|I'm|I (?:am|have|was|will|would|think|found))\b"
    r"|[$€£]\s?\d|\b\d+\s?(?:USD|EUR|dollars|euros)\b"
    r"|\b(?i:order|buy|shop) now\b|\b(?i:click here|sign up|contact us|available now)\b"
    r'|["“][^"“”]+\s[^"“”]+\s[^"“”]+["”]'
    r"|\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\s\d{1,2},?\s\d{4}\b"
    r"|\[\d+(?:\s?[,–-]\s?\d+)*\]|\bet al\b|\b[pP]\s?[<=>]\s?0?\.\d"
)
_REFUSAL = re.compile(
    r"\W*(?:i'm sorry|i am sorry|i cannot|i can't|as an ai|i am unable|i'm unable|sure,? here|certainly|here is"
    r"|below is)\b",
    re.IGNORECASE,
)
_META = re.compile(
    r"\bas an? (?:ai|large) (?:language )?model\b|\[insert|lorem ipsum|\bas requested\b|\blabels?:", re.I
)
_FUNCTION_WORDS = frozenset({
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been", "before", "being",
    "between", "but", "by", "can", "each", "either", "for", "from", "further", "has", "have", "having", "if",
    "in", "into", "is", "it", "its", "may", "more", "no", "not", "of", "on", "one", "or", "other", "out", "over",
    "said", "same", "second", "such", "than", "that", "the", "their", "them", "then", "there", "these", "they",
    "this", "those", "through", "to", "two", "under", "up", "upon", "via", "was", "were", "when", "where",
    "wherein", "which", "while", "whose", "will", "with", "within", "without",
})  # fmt: skip


def is_standard(family: str) -> bool:
    """Whether a prompt family asks for the abstract, a claim or the summary of a patent (SP-family).

    A family is a genre in words, joined by `_`: patent_abstract, patent_claim, short_patent_summary.
    """
    words = set(family.split("_"))
    return PATENT in words and bool(words & SECTIONS)


def is_no_patent(family: str) -> bool:
    """Whether a prompt family asks for another kind of text: news_brief, product_description."""
    return PATENT not in family.split("_")


def length_band(texts: Iterable[str]) -> tuple[float, float]:
    """1st and 99th percentile of the number of words of real texts, at least one."""
    low, high = np.quantile([len(tokens(text)) for text in texts], [0.01, 0.99])
    return float(low), float(high)


def features(text: str, family: str | None, band: tuple[float, float]) -> dict[str, Any]:
    """All features of a text, its score and whether it is kept; faults are 0 or 1.

    `family`: prompt family, if known; the form of a claim is asked of claims alone and is None elsewhere.
    `band`: from `length_band`.
    """
    words = tokens(text)
    count = len(words)
    per_100 = 100 * len(_REGISTER.findall(text)) / count if count else 0.0
    fits = max(WORDS[0], band[0]) <= count <= min(WORDS[1], band[1])
    found: dict[str, Any] = {
        "register": min(per_100 / PER_100, 1.0),
        "out_of_length": int(not fits),
        "markup": _has(_MARKUP, text),
        "no_claim_form": None if not _asks_for_claim(family) else int(not _is_claim(text)),
        "other_genre": _has(_OTHER_GENRE, text),
        "meta_text": int(bool(_REFUSAL.match(text)) or bool(_META.search(text))),
        "repetitive": int(len(set(words)) < FEWEST_TYPES * count or _in_a_row(words) >= REPEATS),
        "not_english": int(sum(word in _FUNCTION_WORDS for word in words) < FEWEST_FUNCTION_WORDS * max(count, 1)),
    }  # fmt: skip
    score = score_of(found)
    return {"words": count, "register_per_100": per_100, **found, "score": score, "kept": score >= KEEP}


def score_of(found: Mapping[str, Any]) -> float:
    """The weighted sum; a feature that is None does not count."""
    return sum(weight * found[name] for name, weight in WEIGHTS.items() if found[name] is not None)


def _in_a_row(words: Sequence[str]) -> int:
    """How often in a row the same `RUN` words stand at most."""
    longest = same = 0
    for here, before in zip(words[RUN:], words, strict=False):
        same = same + 1 if here == before else 0
        longest = max(longest, same)
    return longest // RUN + 1 if len(words) >= RUN else 0


def _has(pattern: re.Pattern[str], text: str) -> int:
    return int(bool(pattern.search(text)))


def _asks_for_claim(family: str | None) -> bool:
    return bool({"claim", "claims"} & set((family or "").split("_")))


def _is_claim(text: str) -> bool:
    return bool(_CLAIM.match(text.strip())) and not _SENTENCE_END.search(text)
