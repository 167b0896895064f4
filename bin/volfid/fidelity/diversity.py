"""Surface diversity: distinct-n, Self-BLEU and compression, from one indexed corpus of n-grams.

Tokens are lower-case words and single punctuation marks. Self-BLEU-N [Texygen] is the mean over documents of
BLEU-N against all others with NLTK's smoothing method 1, here exact in O(number of n-grams).
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count

import numpy as np
from scipy.sparse import csr_matrix

TOKENISATION = r"lower case, \w+ or one mark"
ORDERS = 4
_TOKEN = re.compile(r"\w+|[^\w\s]")


def tokenise(text: str) -> list[str]:
    """Lower-case words and single punctuation marks."""
    return _TOKEN.findall(text.lower())


@dataclass(frozen=True)
class NgramCorpus:
    """n-grams of many documents, as integers.

    `starts` (documents + 1,): first token of each document in the flat arrays. `grams[n - 1]` (tokens,): id of
    the n-gram that begins at a token, -1 where it would leave its document. `kinds[n - 1]`: number of ids.
    `shared[n - 1]`: counts by (document, n-gram), of n-grams that stand in two documents or more: no other
    can ever match.
    """

    starts: np.ndarray
    grams: tuple[np.ndarray, ...]
    kinds: tuple[int, ...]
    shared: tuple[csr_matrix, ...]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each document."""
        return np.diff(self.starts)


def index_ngrams(documents: Sequence[Sequence[str]], orders: int = ORDERS) -> NgramCorpus:
    """Index tokenised documents up to n-grams of `orders` tokens."""
    flat, words, starts, owner, left = _numbered(documents)
    grams, kinds, shared = [flat], [words], []
    for order in range(2, orders + 1):
        here = np.flatnonzero(left >= order)
        codes = grams[-1][here] * max(1, words) + flat[here + order - 1]
        names, inverse = np.unique(codes, return_inverse=True)
        ids = np.full(len(flat), -1, dtype=np.int64)
        ids[here] = inverse
        grams.append(ids)
        kinds.append(len(names))
    for ids, kind in zip(grams, kinds, strict=True):
        shared.append(_shared_counts(owner, ids, kind, len(documents)))
    return NgramCorpus(starts, tuple(grams), tuple(kinds), tuple(shared))


def _numbered(documents: Sequence[Sequence[str]]) -> tuple[np.ndarray, int, np.ndarray, np.ndarray, np.ndarray]:
    """All tokens as numbers, how many different ones; starts; document of each token; tokens from it to the end."""
    number = dict(zip(dict.fromkeys(chain.from_iterable(documents)), count(), strict=False))
    starts = np.concatenate([[0], np.cumsum([len(words) for words in documents], dtype=np.int64)])
    flat = np.fromiter(map(number.__getitem__, chain.from_iterable(documents)), dtype=np.int64, count=int(starts[-1]))
    owner = np.repeat(np.arange(len(documents)), np.diff(starts))
    return flat, len(number), starts, owner, starts[1:][owner] - np.arange(len(flat))


def distinct_counts(documents: Sequence[Sequence[str]], orders: int = ORDERS) -> list[tuple[int, int]]:
    """Unique and total n-grams of whole documents for n = 1..orders, without an index [Li 2016].

    n-grams never cross documents. Exact: a code of 63 bits holds an n-gram, and is numbered anew before it overflows.
    """
    flat, words, _, _, left = _numbered(documents)
    codes, kinds, found = flat, words, []
    for order in range(1, orders + 1):
        if order > 1:
            if kinds * words >= 2**63:
                names, codes = np.unique(codes, return_inverse=True)
                kinds = len(names)
            # codes stand for the tokens that begin an n-gram, in order
            keep = left[left >= order - 1] >= order
            codes = codes[keep] * words + flat[np.flatnonzero(left >= order) + order - 1]
            kinds *= words
        ranked = np.sort(codes)
        found.append((int((np.diff(ranked) != 0).sum()) + bool(len(ranked)), len(ranked)))
    return found


def _shared_counts(owner: np.ndarray, ids: np.ndarray, kinds: int, documents: int) -> csr_matrix:
    valid = ids >= 0
    pairs, counts = np.unique(owner[valid] * max(1, kinds) + ids[valid], return_counts=True)
    document, gram = np.divmod(pairs, max(1, kinds))
    common = np.bincount(gram, minlength=kinds) >= 2
    keep = common[gram]
    column = (np.cumsum(common) - 1)[gram[keep]]
    shape = (documents, max(1, int(common.sum())))
    return csr_matrix((counts[keep].astype(np.int64), (document[keep], column)), shape=shape)


def self_bleu(corpus: NgramCorpus, documents: np.ndarray, counts: np.ndarray, order: int = ORDERS) -> np.ndarray | None:
    """BLEU-N of each of `documents` (unique indices) against all others of the multiset; shape (documents,).

    `counts`: how often each occurs; the Self-BLEU of the set is the mean weighted by them. Equal to NLTK's
    sentence_bleu with method 1: no unigram match gives 0, an empty document 0, and a document shorter than N
    keeps 0.1 / 1 for the orders it lacks. None when there is only one document.
    """
    documents, counts = np.asarray(documents), np.asarray(counts)
    if counts.sum() < 2:
        return None
    lengths = corpus.lengths[documents]
    logs = np.zeros(len(documents))
    for n in range(1, order + 1):
        total = np.maximum(lengths - n + 1, 0)
        matched = _clipped_matches(corpus.shared[n - 1][documents])
        matched = np.where(counts > 1, total, matched)  # a copy matches itself entirely
        if n == 1:
            unmatched = matched == 0
        logs += np.log(np.where(matched > 0, matched, 0.1) / np.maximum(total, 1)) / order
    closest = _closest_lengths(lengths, counts)
    ratio = closest / np.maximum(lengths, 1)
    penalty = np.where(lengths > closest, 0.0, 1.0 - ratio)
    return np.where(unmatched, 0.0, np.exp(logs + penalty))


def _clipped_matches(rows: csr_matrix) -> np.ndarray:
    """Per row: sum over n-grams of min(own count, largest count among the other rows).

    Per n-gram only the largest count and the second largest are needed (a tie makes them equal).
    """
    columns = rows.tocsc()
    data, bounds = columns.data, columns.indptr
    filled = np.flatnonzero(np.diff(bounds))
    if not len(data):
        return np.zeros(rows.shape[0], dtype=np.int64)
    begin = bounds[:-1][filled]
    size = np.diff(bounds)[filled]
    largest = np.repeat(np.maximum.reduceat(data, begin), size)
    at_top = data == largest
    alone = at_top & (np.repeat(np.add.reduceat(at_top.astype(np.int64), begin), size) == 1)
    second = np.repeat(np.maximum.reduceat(np.where(alone, 0, data), begin), size)
    clipped = np.minimum(data, np.where(alone, second, largest))
    return np.bincount(columns.indices, weights=clipped, minlength=rows.shape[0]).astype(np.int64)


def _closest_lengths(lengths: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """For each document the length of another one that is closest to its own, the shorter of two equally close."""
    kinds, inverse = np.unique(lengths, return_inverse=True)
    many = np.bincount(inverse, weights=counts) > 1
    below = np.concatenate([[-1], kinds[:-1]])
    above = np.concatenate([kinds[1:], [-1]])
    near_below = np.where(below >= 0, kinds - below, np.inf)
    near_above = np.where(above >= 0, above - kinds, np.inf)
    closest = np.where(many, kinds, np.where(near_below <= near_above, below, above))
    return closest[inverse]


def budget_sample(
    corpus: NgramCorpus, rows: np.ndarray, budget: int, rng: np.random.Generator
) -> list[tuple[int, int]] | None:
    """The first `budget` tokens of the documents `rows` (copies repeated) after a seeded shuffle.

    As (document, tokens taken) in the shuffled order; None when all documents together are shorter.
    """
    shuffled = rng.permutation(rows)
    ends = np.cumsum(corpus.lengths[shuffled])
    if not len(ends) or ends[-1] < budget:
        return None
    last = int(np.searchsorted(ends, budget))
    taken = [(int(d), int(corpus.lengths[d])) for d in shuffled[:last]]
    return [*taken, (int(shuffled[last]), budget - (int(ends[last - 1]) if last else 0))]


def distinct(corpus: NgramCorpus, sample: Sequence[tuple[int, int]], order: int) -> tuple[int, int]:
    """Unique and total n-grams of the first tokens of some documents; n-grams never cross documents [Li 2016]."""
    ids = corpus.grams[order - 1]
    parts = [ids[corpus.starts[d] : corpus.starts[d] + max(0, tokens - order + 1)] for d, tokens in sample]
    grams = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
    return len(np.unique(grams)), len(grams)


def distinct_of_all(corpus: NgramCorpus, documents: np.ndarray, counts: np.ndarray, order: int) -> tuple[int, int]:
    """Unique and total n-grams of whole documents, each `counts` times."""
    ids, seen = corpus.grams[order - 1], np.zeros(corpus.kinds[order - 1] + 1, dtype=bool)
    for document in documents:
        seen[ids[corpus.starts[document] : corpus.starts[document + 1]]] = True  # -1 falls on the spare cell
    total = np.maximum(corpus.lengths[documents] - order + 1, 0) @ np.asarray(counts)
    return int(seen[:-1].sum()), int(total)


def distinct_adjusted(unique: int, total: int, vocabulary: int) -> float | None:
    """unique / (V (1 - ((V - 1) / V)^total)): unique n-grams over those expected of `total` uniform draws."""
    if total == 0 or vocabulary < 2:
        return None
    return unique / (vocabulary * -np.expm1(total * np.log1p(-1 / vocabulary)))


def compression_ratio(texts: Sequence[str]) -> float | None:
    """Bytes of the joined texts over bytes after DEFLATE (level 6); None without text. Higher = more repetitive."""
    raw = "\n".join(texts).encode("utf-8")
    return len(raw) / len(zlib.compress(raw, 6)) if raw else None
