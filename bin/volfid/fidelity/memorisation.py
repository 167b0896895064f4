"""How much of a text stands verbatim in other documents: n-gram containment and longest common token run.

Tokens and shingles are those of `core.shingles`, so that curation and this stage speak of the same thing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from volfid.core.shingles import shingles, tokens
from volfid.fidelity.corpus import Corpus

WIDTH = 8


class ContainmentIndex:
    """Inverted index of the shingles of a set of documents."""

    def __init__(self, texts: Iterable[str], width: int = WIDTH):
        self.width = width
        self.holders: defaultdict[str, list[int]] = defaultdict(list)
        for number, text in enumerate(texts):
            for shingle in shingles(text, width):
                self.holders[shingle].append(number)

    def containments(self, text: str) -> dict[int, float]:
        """|A and B| / |A| of `text` in each indexed document that shares a shingle with it, by its number."""
        mine = shingles(text, self.width)
        shared = Counter(number for shingle in mine for number in self.holders.get(shingle, ()))
        return {number: count / len(mine) for number, count in shared.items()}


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


def table(corpus: Corpus, width: int = WIDTH) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Largest containment and longest common run of every document used, against its sources, train and test.

    Each entry: two arrays (documents,), NaN where it has no meaning. A real document is its own source and
    part of train: it scores 1 and its length there (the anchor for copies).
    """
    parts = [part.documents for one in corpus.trainsets for part in (one.real, one.added)]
    used = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *parts]))
    made = [int(d) for d in used if d in corpus.sources]
    with_sources = [d for d in made if corpus.sources[d]]
    who = {"sources": with_sources, "train": made, "test": used.tolist()}
    found = {name: (np.full(len(corpus.texts), np.nan), np.full(len(corpus.texts), np.nan)) for name in who}

    def texts(numbers: Iterable[int]) -> list[str]:
        return [corpus.texts[d] for d in numbers]

    real = [d for d in range(len(corpus.texts)) if d not in corpus.sources]
    split = {real_number: name for name, members in corpus.splits.items() for real_number in members.tolist()}
    index = ContainmentIndex(texts(real), width)
    for d in used.tolist():
        shared = {real[number]: share for number, share in index.containments(corpus.texts[d]).items()}
        for name in ("train", "test"):
            found[name][0][d] = max((share for other, share in shared.items() if split[other] == name), default=0.0)
        if corpus.sources.get(d):
            found["sources"][0][d] = max(shared.get(other, 0.0) for other in corpus.sources[d])
    for name in ("train", "test"):
        found[name][1][who[name]] = longest_runs(texts(who[name]), texts(corpus.splits[name]))
    runs = longest_runs(texts(with_sources), corpus.texts, [corpus.sources[d] for d in with_sources])
    found["sources"][1][with_sources] = runs
    for d in set(used.tolist()) - set(made):
        length = len(tokens(corpus.texts[d]))
        for name in ("sources", "train"):
            found[name][0][d], found[name][1][d] = float(length > 0), length
    return found
