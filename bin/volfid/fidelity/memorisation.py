"""How much of a text stands verbatim in other documents: n-gram containment and longest common token run.

Tokens and shingles are those of `core.shingles`, so that curation and this stage speak of the same thing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from volfid.core.shingles import shingles, tokens

WIDTH = 8


class ContainmentIndex:
    """Inverted index of the shingles of a set of documents."""

    def __init__(self, texts: Iterable[str], width: int = WIDTH):
        self.width = width
        self.holders: defaultdict[str, list[int]] = defaultdict(list)
        for number, text in enumerate(texts):
            for shingle in shingles(text, width):
                self.holders[shingle].append(number)

    def largest(self, text: str, skip: int | None = None) -> float:
        """Largest containment |A and B| / |A| of `text` in one indexed document; `skip` leaves one out.

        0 for a text without a token, as in `core.shingles.containment`.
        """
        mine = shingles(text, self.width)
        shared = Counter(number for shingle in mine for number in self.holders.get(shingle, ()))
        if skip is not None:
            shared.pop(skip, None)
        return max(shared.values(), default=0) / len(mine) if mine else 0.0


def longest_runs(left: Sequence[str], right: Sequence[str], pairs: Sequence[Sequence[int]] | None = None) -> np.ndarray:
    """Length in tokens of the longest run of each left text that stands in some right text; int64.

    `pairs[i]`: the right texts that left text i is compared with (default: all). Exact: the positions whose
    run of k tokens occurs on the other side are extended to k + 1 until none is left, all texts at once.
    """
    number: dict[str, int] = {}

    def encode(text: str) -> np.ndarray:
        return np.array([number.setdefault(word, len(number)) for word in tokens(text)], dtype=np.int64)

    left_words = [encode(text) for text in left]
    if pairs is None:
        right_words = [encode(text) for text in right]
        left_class = np.zeros(len(left), dtype=np.int64)
        right_class = np.zeros(len(right), dtype=np.int64)
    else:
        encoded = {j: encode(right[j]) for j in sorted({j for js in pairs for j in js})}
        right_words = [encoded[j] for js in pairs for j in js]
        left_class = np.arange(len(left), dtype=np.int64)
        right_class = np.repeat(left_class, [len(js) for js in pairs])
    words, ends, owner = _flatten([*left_words, *right_words])
    border = int(sum(map(len, left_words)))
    code = np.concatenate([left_class, right_class])[owner]  # texts of different classes never match
    alive = np.arange(len(words))
    longest = np.zeros(len(left), dtype=np.int64)
    length = 0
    while len(alive):
        alive = alive[alive + length < ends[alive]]
        keys = code[alive] * max(1, len(number)) + words[alive + length]
        names, inverse = np.unique(keys, return_inverse=True)
        from_left = alive < border
        both = np.zeros(len(names), dtype=np.int64)
        both[inverse[from_left]] |= 1
        both[inverse[~from_left]] |= 2
        shared = both[inverse] == 3
        alive, length = alive[shared], length + 1
        code[alive] = inverse[shared]
        longest[owner[alive[alive < border]]] = length
    return longest


def _flatten(documents: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All words in one array; for each word the end of its document and the document's number."""
    lengths = np.array([len(words) for words in documents], dtype=np.int64)
    owner = np.repeat(np.arange(len(documents)), lengths)
    words = np.concatenate(documents) if documents else np.zeros(0, dtype=np.int64)
    return words, np.cumsum(lengths)[owner], owner


def quantile(values: np.ndarray, counts: np.ndarray, q: float) -> float:
    """Smallest value that at least a share `q` of the documents (each `counts` times) does not exceed."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(np.asarray(counts)[order])
    return float(np.asarray(values)[order][np.searchsorted(cumulative, q * cumulative[-1] - 1e-9)])


def token_count(text: str) -> int:
    """Tokens of a text."""
    return len(tokens(text))
