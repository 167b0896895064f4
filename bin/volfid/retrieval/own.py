"""A query does not find itself: documents with its id or its text are left out of the corpus, for that query alone.

A text that a query has word for word is always the best hit, whatever the encoder, so that it says nothing about the
corpus. With one file as queries and as corpus this is leave-one-out. Near duplicates stay; the plain command counts
them.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from volfid.core.shingles import near_duplicate_pairs
from volfid.retrieval.entries import Entries

Row = Mapping[str, Any]
NEAR = 0.8
"""Jaccard of runs of five words from which on two texts are near duplicates, as where documents are prepared."""


def text_key(text: str) -> str:
    """What equal texts share: the text in NFKC, without case and with single blanks."""
    whole = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return " ".join(whole.casefold().split())


@dataclass(frozen=True)
class Own:
    """Pairs of a query and a document that is its own, as numbers; both (pairs,), sorted by query."""

    queries: np.ndarray
    documents: np.ndarray

    @classmethod
    def of(cls, queries: Sequence[Row], documents: Iterable[tuple[str, str | None]]) -> "Own":
        """`queries`: rows with doc_id and text; `documents`: id and text of every document, in the order of numbers.

        A row without a text is known by its id alone.
        """
        by_id: defaultdict[str, list[int]] = defaultdict(list)
        by_text: defaultdict[str, list[int]] = defaultdict(list)
        for number, row in enumerate(queries):
            by_id[row["doc_id"]].append(number)
            if row.get("text"):
                by_text[text_key(row["text"])].append(number)
        pairs: set[tuple[int, int]] = set()
        for number, (name, text) in enumerate(documents):
            found = [*by_id.get(name, ()), *(by_text.get(text_key(text), ()) if text and by_text else ())]
            pairs.update((query, number) for query in found)
        table = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        return cls(table[:, 0], table[:, 1])

    def by_query(self, count: int) -> np.ndarray:
        """Own documents of each of `count` queries, (queries, most that one has), filled up with -1."""
        held = np.bincount(self.queries, minlength=count)
        table = np.full((count, int(held.max(initial=0))), -1, dtype=np.int64)
        first = np.cumsum(held) - held
        table[self.queries, np.arange(len(self.queries)) - first[self.queries]] = self.documents
        return table

    def entries(self, corpus: Entries) -> tuple[np.ndarray, np.ndarray]:
        """The pairs of queries and entries of a corpus that are left out, both (pairs,)."""
        first = np.searchsorted(corpus.documents, self.documents)
        held = np.searchsorted(corpus.documents, self.documents, side="right") - first
        within = np.arange(held.sum()) - np.repeat(np.cumsum(held) - held, held)
        return np.repeat(self.queries, held), np.repeat(first, held) + within


def near_queries(queries: Sequence[Row], documents: Sequence[Row]) -> int:
    """How many queries have a near duplicate among `documents` that is not their own text."""
    asked, there = (Counter(text_key(row["text"]) for row in side) for side in (queries, documents))
    left, right = list(asked), list(there)
    pairs = near_duplicate_pairs(left, right, threshold=NEAR)
    return sum(asked[text] for text in {left[i] for i, j, _ in pairs if left[i] != right[j]})
