"""Figures that depend on nothing but the label sets of a corpus and how many documents have each."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from volfid.retrieval import ranked

Figure = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
"""Of gains (queries, kinds), counts (kinds,) and the cut-off: a figure (queries,)."""


@dataclass(frozen=True)
class Lost:
    """Documents that are none for one query; all (pairs,): the query, the place of its kind, how many documents."""

    queries: np.ndarray
    kinds: np.ndarray
    counts: np.ndarray


def by_query(
    figure: Figure, gains: np.ndarray, query_set: np.ndarray, counts: np.ndarray, lost: Lost, k: int
) -> np.ndarray:
    """A figure of every query, (queries,), computed once for all that ask the same and lose the same.

    gains      (distinct label sets of queries, kinds)
    query_set  (queries,): which of them a query has
    counts     documents of each kind, (kinds,)
    """
    result = figure(gains, counts, k)[query_set]
    less: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for query, kind, count in zip(lost.queries.tolist(), lost.kinds.tolist(), lost.counts.tolist(), strict=True):
        less[query][kind] = less[query].get(kind, 0) + count
    alike: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    for query, gone in less.items():
        alike[int(query_set[query]), *sorted(gone.items())].append(query)
    for (label_set, *taken), queries in alike.items():
        rest = counts.copy()
        for kind, count in taken:
            rest[kind] -= count
        there = rest > 0
        result[queries] = figure(gains[[label_set]][:, there], rest[there], k)
    return result


def relevant_documents(gains: np.ndarray, counts: np.ndarray, k: int) -> np.ndarray:
    """Relevant documents of a corpus by query; gains (queries, kinds), counts (kinds,)."""
    result: np.ndarray = (gains >= ranked.RELEVANT) @ counts
    return result
