"""Retrieval with what a trained classifier sees (estimand 6, encoder side).

Fixed real corpus (the train pool), fixed queries (the test documents), only the representation differs
between training sets: no arm gains or loses by the size of its corpus. Relevance is the Jaccard similarity
of label sets; nDCG@10 has its ideal in the same corpus.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from volfid.core import ndcg
from volfid.core.labels import jaccard
from volfid.core.vectors import directed, unit_rows

METRIC = "ndcg_at_10_encoder"
DECIMALS = 6


@dataclass(frozen=True)
class FixedSearch:
    """Queries and corpus of all cells, in the order of their ids; gains (queries, corpus), ideal (queries,)."""

    queries: np.ndarray
    corpus: np.ndarray
    gains: np.ndarray
    ideal: np.ndarray

    @classmethod
    def of(cls, queries: np.ndarray, query_labels: np.ndarray, corpus: np.ndarray, labels: np.ndarray) -> "FixedSearch":
        """Vectors (documents, dimensions) and labels (documents, labels) of both sides."""
        gains = jaccard(query_labels.astype(np.uint8), labels.astype(np.uint8))
        return cls(queries, corpus, gains, ndcg.ideal_dcg(gains, np.ones(len(corpus), dtype=np.int64)))

    def score(self, represent: Callable[[np.ndarray], np.ndarray]) -> tuple[float | None, int]:
        """Mean nDCG@10 over the queries that some document is relevant to, and their number.

        Equal similarities (to 1e-6) stand in the order of the ids. A document that is represented by zeros has no
        direction: as a query it is left out, in the corpus it is never found, the ideal staying what it is. None when
        no query is left, or no document to find.
        """
        sides = [represent(side).astype(np.float32) for side in (self.queries, self.corpus)]
        queries, corpus = (unit_rows(part, [str(i) for i in range(len(part))]) for part in sides)
        known, there = (self.ideal > 0) & directed(queries), directed(corpus)
        if not known.any() or not there.any():
            return None, int((self.ideal > 0).sum())
        similarity = np.round(queries @ corpus.T, DECIMALS)
        similarity[:, ~there] = -np.inf
        best = np.argsort(-similarity, axis=1, kind="stable")[:, : ndcg.K]
        ranks = np.arange(best.shape[1])
        found = np.take_along_axis(self.gains, best, axis=1) * there[best]
        actual = ndcg.dcg(found, ranks[None, :], ranks[None, :] + 1)
        return float((actual[known] / self.ideal[known]).mean()), int(known.sum())
