"""Word shingles and exact near-duplicate search, shared by inputs, curation and fidelity."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

_WORD = re.compile(r"[^\W_]+")

Pair = tuple[int, int, float]


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers of `text`, in order; punctuation and `_` separate them."""
    return _WORD.findall(text.lower())


def shingles(text: str, width: int = 5) -> frozenset[str]:
    """The distinct runs of `width` tokens, each joined by blanks.

    A text with fewer than `width` tokens has one shingle, the whole; a text without a token has none.
    """
    words = tokens(text)
    if not words:
        return frozenset()
    return frozenset(" ".join(words[i : i + width]) for i in range(max(1, len(words) - width + 1)))


def shingle_jaccard(left: str, right: str, width: int = 5) -> float:
    """|A and B| / |A or B| over the shingles of two texts; 0 when either has none."""
    return _jaccard(shingles(left, width), shingles(right, width))


def containment(a: str, b: str, width: int = 5) -> float:
    """Share of the shingles of `a` that also stand in `b`, |A and B| / |A|; 0 when `a` has none."""
    mine = shingles(a, width)
    return len(mine & shingles(b, width)) / len(mine) if mine else 0.0


def longest_common_span(a: str, b: str) -> list[str]:
    """The longest run of tokens that stands in both texts (the first in `a` of equally long ones)."""
    left, right = tokens(a), tokens(b)
    if not left or not right:
        return []
    number = {word: index for index, word in enumerate(dict.fromkeys(left))}
    columns = np.array([number.get(word, -1) for word in right])
    runs = np.zeros(len(right) + 1, dtype=np.int64)
    best, end = 0, 0
    for row, word in enumerate(left, start=1):
        # runs[j + 1]: length of the common run that ends at this row and at right[j]
        runs[1:] = np.where(columns == number[word], runs[:-1] + 1, 0)
        longest = int(runs.max())
        if longest > best:
            best, end = longest, row
    return left[end - best : end]


def longest_common_run(a: str, b: str) -> int:
    """Number of tokens of the longest run that stands in both texts."""
    return len(longest_common_span(a, b))


def near_duplicate_pairs(
    left_texts: Sequence[str],
    right_texts: Sequence[str] | None = None,
    threshold: float = 0.8,
    width: int = 5,
) -> list[Pair]:
    """All pairs (i, j, Jaccard) with shingle Jaccard >= `threshold`, sorted; exact, nothing is sampled.

    Without `right_texts` the pairs lie within `left_texts` and i < j; else i indexes the left texts
    and j the right ones. Prefix filtering (Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and
    Srikant 2007): with the shingles of each text sorted from rare to common, two texts that reach
    the threshold share a shingle among their first |x| - ceil(t |x|) + 1, so only texts that meet
    there are compared. Raises ValueError unless 0 < threshold <= 1.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold} is not in (0, 1]")
    left = [shingles(text, width) for text in left_texts]
    right = left if right_texts is None else [shingles(text, width) for text in right_texts]
    rank = _rarity(left if right_texts is None else [*left, *right])
    prefixes = [_prefix(item, rank, threshold) for item in right]
    holders: defaultdict[int, list[int]] = defaultdict(list)
    for j, prefix in enumerate(prefixes):
        for shingle in prefix:
            holders[shingle].append(j)
    found: list[Pair] = []
    for i, mine in enumerate(left):
        prefix = prefixes[i] if right_texts is None else _prefix(mine, rank, threshold)
        candidates = {j for shingle in prefix for j in holders.get(shingle, ())}
        for j in candidates:
            theirs = right[j]
            if right_texts is None and j <= i:
                continue
            if min(len(mine), len(theirs)) < (threshold - 1e-9) * max(len(mine), len(theirs)):
                continue
            similarity = _jaccard(mine, theirs)
            if similarity >= threshold:
                found.append((i, j, similarity))
    return sorted(found)


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0


def _rarity(sets: Iterable[frozenset[str]]) -> dict[str, int]:
    """Rank of every shingle, rarest first; ties by text, so that the order never depends on hashing."""
    counts = Counter(shingle for item in sets for shingle in item)
    ordered = sorted(counts, key=lambda shingle: (counts[shingle], shingle))
    return {shingle: position for position, shingle in enumerate(ordered)}


def _prefix(item: frozenset[str], rank: dict[str, int], threshold: float) -> list[int]:
    # the margin keeps the prefix long enough where t |x| is an integer that floats miss (0.55 * 100)
    size = len(item) - math.ceil(threshold * len(item) - 1e-9) + 1 if item else 0
    return sorted(rank[shingle] for shingle in item)[:size]
