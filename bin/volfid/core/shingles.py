"""Word shingles and exact near-duplicate search, shared by inputs, curation and fidelity."""

import re
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count, pairwise

import numpy as np

from volfid.core.log import Progress

_WORD = re.compile(r"[^\W_]+")
# Thai, Lao, Myanmar, Khmer, kana, Han (with its extensions): scripts that put no blanks between words
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
HAS_UNSPACED = re.compile(f"[{UNSPACED}]")
_WORD_OR_CHARACTER = re.compile(rf"(?![\W_])[{UNSPACED}]|[^\W_{UNSPACED}]+")
_BLOCK = 2_000_000
_DENSE = 8_000_000  # pairs of texts whose shared shingles are counted at a time
_FACTOR = np.uint64(0x9E3779B97F4A7C15)

Pair = tuple[int, int, float]


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers of `text`, in order; punctuation and `_` separate them.

    In scripts without blanks each character is a token: a run of them is a sentence, which hardly ever comes twice.
    """
    lower = text.lower()
    if lower.isascii() or not HAS_UNSPACED.search(lower):
        return _WORD.findall(lower)
    return _WORD_OR_CHARACTER.findall(lower)


def shingles(text: str, width: int = 5) -> frozenset[str]:
    """The distinct runs of `width` tokens, each joined by blanks: words, or characters in scripts without blanks.

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
    there are compared. Shingles are 64-bit hashes until texts are compared, and one that a single
    text has is never stored. Raises ValueError unless 0 < threshold <= 1.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold} is not in (0, 1]")
    texts = [*left_texts, *(right_texts or ())]
    border = len(left_texts) if right_texts is not None else None
    with Progress("near duplicates, reading", 3 * len(texts), "documents", quiet=True) as progress:
        sizes, holders = _prefixes(texts, threshold, width, progress)
    met: defaultdict[int, set[int]] = defaultdict(set)
    for members in holders:
        for place, i in enumerate(members):
            later = members[place + 1 :]
            met[i].update(later if border is None else (j for j in later if i < border <= j))
    found: list[Pair] = []
    with Progress("near duplicates", len(met), "documents", quiet=True) as progress:
        for i in sorted(met):
            mine = shingles(texts[i], width)
            for j in met[i]:
                if min(sizes[i], sizes[j]) < (threshold - 1e-9) * max(sizes[i], sizes[j]):
                    continue
                similarity = _jaccard(mine, shingles(texts[j], width))
                if similarity >= threshold:
                    found.append((i, j - (border or 0), similarity))
            progress.advance()
    return sorted(found)


def overlapping_pairs(
    left_texts: Sequence[str], right_texts: Sequence[str], threshold: float, least: int = 1, width: int = 5
) -> Iterator[Pair]:
    """All pairs (left, right, share), by left text, that share at least `least` shingles and of the shorter text's
    distinct ones at least `threshold`; `share` is this share.

    Unlike Jaccard similarity, the share does not sink where one text lies within a longer one. Exact but for 64-bit
    hashes: an inverted index on the shingles of the right texts, counted in blocks of left texts, so that memory is
    bounded by a block. Raises ValueError unless 0 < threshold <= 1.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold} is not in (0, 1]")
    if not left_texts or not right_texts:
        return
    owners, hashes, border = *_distinct([*left_texts, *right_texts], width), len(left_texts)
    sizes = np.bincount(owners, minlength=border + len(right_texts))
    begin = int(np.searchsorted(owners, border))
    order = np.argsort(hashes[begin:], kind="stable")
    index, holders = hashes[begin:][order], owners[begin:][order] - border
    first = np.searchsorted(index, hashes[:begin], side="left")
    times = np.searchsorted(index, hashes[:begin], side="right") - first
    rows = max(1, _DENSE // len(right_texts))
    with Progress("texts within others", border, "documents", quiet=True) as progress:
        for start in range(0, border, rows):
            stop = min(start + rows, border)
            here = slice(*np.searchsorted(owners[:begin], [start, stop]))
            shape = (stop - start, len(right_texts))
            shared = _meetings(owners[here] - start, first[here], times[here], holders, shape)
            i, j = np.nonzero(shared)
            both = shared[i, j]
            shorter = np.minimum(sizes[start + i], sizes[border + j])
            kept = (both >= threshold * shorter - 1e-9) & (both >= least)
            share = both[kept] / shorter[kept]
            yield from zip((start + i[kept]).tolist(), j[kept].tolist(), share.tolist(), strict=True)
            progress.advance(stop - start)


def _meetings(
    rows: np.ndarray, first: np.ndarray, times: np.ndarray, holders: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """How many shingles each of the left texts of a block shares with each right one: (rows, right texts).

    rows, first, times: of each left shingle its text, and where its right holders stand in `holders`, and how many.
    """
    counts = np.zeros(shape[0] * shape[1], dtype=np.int32)
    met = np.flatnonzero(times)
    ends = np.cumsum(times[met])
    edges = np.searchsorted(ends, np.arange(0, int(ends[-1]) if len(ends) else 0, _BLOCK))
    for a, b in pairwise([*np.unique(edges).tolist(), len(met)]):
        part = met[a:b]
        many = times[part]
        places = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many) + np.repeat(first[part], many)
        keys, number = np.unique(np.repeat(rows[part], many) * shape[1] + holders[places], return_counts=True)
        counts[keys] += number.astype(np.int32)
    return counts.reshape(shape)


def _distinct(texts: Sequence[str], width: int) -> tuple[np.ndarray, np.ndarray]:
    """The text and the hash of every distinct shingle of each text, by text."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    flat, ends = array("I"), [0]
    for text in texts:
        flat.extend(map(numbers.__getitem__, tokens(text)))
        ends.append(len(flat))
    kept = [(np.zeros(0, np.int64), np.zeros(0, np.uint64))]
    for owners, hashes in _hashed(np.frombuffer(flat, dtype=np.uint32), np.array(ends), width):
        order = np.lexsort((hashes, owners))
        owner, value = owners[order], hashes[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (owner[1:] != owner[:-1]) | (value[1:] != value[:-1])
        kept.append((owner[new], value[new]))
    return np.concatenate([owner for owner, _ in kept]), np.concatenate([value for _, value in kept])


def _prefixes(
    texts: Sequence[str], threshold: float, width: int, progress: Progress
) -> tuple[np.ndarray, list[list[int]]]:
    """Number of shingles of each text, and the texts (rising) that hold a shingle in their prefix, two or more.

    progress: counts each text three times, once a pass.
    """
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    flat, ends = array("I"), [0]
    for text in texts:
        flat.extend(map(numbers.__getitem__, tokens(text)))
        ends.append(len(flat))
        progress.advance()
    words, bounds = np.frombuffer(flat, dtype=np.uint32), np.array(ends)
    bits = min(max(len(words).bit_length() + 1, 8), 27)
    # how often shingles fall on each place: an upper limit of how many texts have one, and a fixed order
    table = np.zeros(1 << bits, dtype=np.uint16)
    for owners, hashes in _hashed(words, bounds, width):
        progress.advance(len(np.unique(owners)))
        places, times = np.unique(hashes >> np.uint64(64 - bits), return_counts=True)
        table[places] = np.minimum(table[places] + times, 65_535)
    sizes = np.zeros(len(texts), dtype=np.int64)
    kept_hashes, kept_texts = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for owners, hashes in _hashed(words, bounds, width):
        progress.advance(len(np.unique(owners)))
        times = table[hashes >> np.uint64(64 - bits)]
        alone = np.bincount(owners[times == 1], minlength=len(texts)) if len(owners) else 0
        shared = np.flatnonzero(times > 1)
        shared = shared[np.lexsort((hashes[shared], times[shared], owners[shared]))]
        owner, value = owners[shared], hashes[shared]
        new = np.ones(len(shared), dtype=bool)
        new[1:] = (owner[1:] != owner[:-1]) | (value[1:] != value[:-1])
        owner, value = owner[new], value[new]
        here = alone + np.bincount(owner, minlength=len(texts))
        sizes += here
        # the margin keeps the prefix long enough where t |x| is an integer that floats miss (0.55 * 100)
        length = here - np.ceil(threshold * here - 1e-9).astype(np.int64) + 1
        first = np.searchsorted(owner, np.arange(len(texts)))
        inside = np.arange(len(owner)) - first[owner] < (length - alone)[owner]
        kept_hashes.append(value[inside])
        kept_texts.append(owner[inside])
    return sizes, _runs(np.concatenate(kept_hashes), np.concatenate(kept_texts))


def _runs(hashes: np.ndarray, texts: np.ndarray) -> list[list[int]]:
    """The texts of each hash that two or more have."""
    order = np.lexsort((texts, hashes))
    hashes, texts = hashes[order], texts[order]
    edges = [0, *(np.flatnonzero(hashes[1:] != hashes[:-1]) + 1).tolist(), len(hashes)]
    return [texts[a:b].tolist() for a, b in pairwise(edges) if b - a > 1]


def _hashed(words: np.ndarray, bounds: np.ndarray, width: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of whole texts: the text and the hash of every run of `width` words, repeated ones included."""
    lengths = np.diff(bounds)
    begin = 0
    while begin < len(lengths):
        end = max(begin + 1, int(np.searchsorted(bounds, bounds[begin] + _BLOCK, side="right")) - 1)
        runs = np.where(lengths[begin:end] > 0, np.maximum(lengths[begin:end] - width + 1, 1), 0)
        owners = np.repeat(np.arange(begin, end), runs)
        starts = np.arange(len(owners)) - np.repeat(np.cumsum(runs) - runs, runs) + bounds[owners]
        mixed = _mix(words[bounds[begin] : bounds[end]].astype(np.uint64) + np.uint64(1))
        hashes = np.zeros(len(owners), dtype=np.uint64)
        for step in range(width):
            place = starts + step
            # a text shorter than the width ends its only run early
            word = np.where(place < bounds[owners + 1], mixed[np.minimum(place - bounds[begin], len(mixed) - 1)], 0)
            hashes = hashes * _FACTOR + word
        yield owners, _mix(hashes)
        begin = end


def _mix(values: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): every bit depends on every bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0
