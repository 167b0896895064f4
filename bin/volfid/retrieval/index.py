"""Exact nearest documents by inner product, in an order that no BLAS and no tie can change.

Ranking key: (-score rounded to 1e-6, document number ascending); number documents in the order of their ids.
"""

from dataclasses import dataclass

import faiss
import numpy as np

from volfid.retrieval.entries import Entries

DECIMALS = 6


@dataclass(frozen=True)
class Ranking:
    """The best documents of each query, both arrays (queries, columns), best first.

    `documents`: numbers of documents, -1 behind the end; `scores`: rounded, -inf there. Every document whose
    rounded score ties with the one at rank k is included, so that ties can be averaged.
    """

    documents: np.ndarray
    scores: np.ndarray


def rank(
    queries: np.ndarray, vectors: np.ndarray, documents: np.ndarray, k: int, own: np.ndarray | None = None
) -> Ranking:
    """Rank `documents` (numbers of rows of `vectors`, each once) for every query; at least the best k.

    `own` (queries, columns): documents that a query must not find, -1 for none; they are left out for it alone.

    With fewer than k documents all of them are ranked. FAISS returns exact ties in descending order of its ids
    and cuts through them, so more than k are fetched, until the last score is strictly below that of rank k,
    and sorted again by the ranking key.
    """
    documents = np.sort(np.asarray(documents, dtype=np.int64))
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors[documents]))
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    own = np.zeros((len(queries), 0), dtype=np.int64) if own is None else own
    fetch = min(len(documents), k + 6 + own.shape[1])
    found = np.full((len(queries), fetch), -1, dtype=np.int64)
    scores = np.full((len(queries), fetch), -np.inf)
    open_queries = np.arange(len(queries))
    while len(open_queries) and len(documents):
        raw, near = index.search(queries[open_queries], fetch)
        rounded = np.round(raw.astype(np.float64), DECIMALS)
        last, numbers = rounded[:, -1].copy(), documents[near]
        for column in own[open_queries].T:
            mine = numbers == column[:, None]
            rounded[mine], numbers[mine] = -np.inf, -1
        if fetch > found.shape[1]:
            wider = ((0, 0), (0, fetch - found.shape[1]))
            found = np.pad(found, wider, constant_values=-1)
            scores = np.pad(scores, wider, constant_values=-np.inf)
        order = np.lexsort((near, -rounded), axis=1)
        found[open_queries, :fetch] = np.take_along_axis(numbers, order, axis=1)
        scores[open_queries, :fetch] = np.take_along_axis(rounded, order, axis=1)
        if fetch == len(documents):
            break
        # raw scores come descending: once the last one is below the cut, no other can reach it
        open_queries = open_queries[last >= scores[open_queries, k - 1]]
        fetch = min(len(documents), 4 * fetch)
    return Ranking(found, scores)


def expand(ranking: Ranking, corpus: Entries) -> Ranking:
    """The ranking over entries instead of documents: a document with several label sets gets several columns."""
    first = np.searchsorted(corpus.documents, ranking.documents)
    held = np.searchsorted(corpus.documents, ranking.documents, side="right") - first
    most = int(held.max(initial=1))
    columns = [np.where(shift < held, first + shift, -1) for shift in range(most)]
    shape = (len(first), -1)
    scores = np.repeat(ranking.scores, most, axis=1)
    return Ranking(np.stack(columns, axis=2).reshape(shape), scores)
