"""DCG and nDCG with float gains, exact ideals, tied scores and documents that occur several times.

Gains are the Jaccard similarity of label sets, used as they are (linear gain). DCG = sum of gain / log2(rank + 1)
over the first k ranks. A document with multiplicity m fills m ranks in a row: its copies have its score and id.
"""

import numpy as np

K = 10
_ROWS = 64


def discounts(k: int) -> np.ndarray:
    """1 / log2(rank + 1) for ranks 1..k."""
    result: np.ndarray = 1.0 / np.log2(np.arange(2, k + 2))
    return result


def slots(documents: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last + 1 rank (from 0) that each ranked document fills, shape (queries, columns).

    `documents`: numbers of the ranked documents, best first; -1 (nothing) fills no rank. `counts`:
    multiplicity of every document number.
    """
    filled = np.where(documents >= 0, counts[documents], 0)
    ends = np.cumsum(filled, axis=1)
    return ends - filled, ends


def dcg(gains: np.ndarray, begin: np.ndarray, end: np.ndarray, k: int = K) -> np.ndarray:
    """DCG at k of every query; `gains`, `begin`, `end` (queries, columns) as from `slots`."""
    reach = _reach(k)
    weight = reach[np.minimum(end, k)] - reach[np.minimum(begin, k)]
    result: np.ndarray = (gains * weight).sum(axis=1)
    return result


def mean_gain(gains: np.ndarray, begin: np.ndarray, end: np.ndarray, k: int = K) -> np.ndarray:
    """Mean gain of the first k ranks of every query; over the ranks there are, when fewer than k."""
    taken = np.minimum(end, k) - np.minimum(begin, k)
    result: np.ndarray = (gains * taken).sum(axis=1) / np.maximum(taken.sum(axis=1), 1)
    return result


def tie_averaged(gains: np.ndarray, scores: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Gains replaced by their mean over documents of equal score, copies counted: the expectation of DCG over
    all orders within ties (what scikit-learn's ndcg_score computes)."""
    filled = (end - begin).astype(np.float64)
    starts = np.ones(scores.shape, dtype=bool)
    starts[:, 1:] = scores[:, 1:] != scores[:, :-1]
    group = np.cumsum(starts.ravel()).reshape(scores.shape) - 1
    size = group.size
    total = np.bincount(group.ravel(), weights=(gains * filled).ravel(), minlength=size)
    number = np.bincount(group.ravel(), weights=filled.ravel(), minlength=size)
    result: np.ndarray = np.divide(total, number, out=np.zeros(size), where=number > 0)[group]
    return result


def tied(gains: np.ndarray, scores: np.ndarray, begin: np.ndarray, end: np.ndarray, k: int = K) -> np.ndarray:
    """Queries (queries,) bool for which the order within ties decides: documents of one score, of which some stand
    in the first k ranks, have different gains. Arguments as of `tie_averaged`."""
    starts = np.ones(scores.shape, dtype=bool)
    starts[:, 1:] = scores[:, 1:] != scores[:, :-1]
    first, filled = np.flatnonzero(starts), end > begin
    least, most, place = (
        reduce.reduceat(np.where(filled, values, fill).ravel(), first)
        for reduce, values, fill in (
            (np.minimum, gains, np.inf), (np.maximum, gains, -np.inf), (np.minimum, begin, k),
        )
    )  # fmt: skip
    result = np.zeros(len(scores), dtype=bool)
    result[first[(most - least > 1e-12) & (place < k)] // scores.shape[1]] = True
    return result


def ideal_dcg(gains: np.ndarray, counts: np.ndarray, k: int = K) -> np.ndarray:
    """Largest possible DCG at k of each query, shape (queries,).

    `gains` (queries, kinds): gain of every kind of document; `counts` (kinds,): documents of each kind. It is
    taken over the whole corpus, not over what was retrieved; with fewer than k documents over those there are.
    """
    if len(gains) > _ROWS:  # what is sorted at one time stays in the cache
        return np.concatenate([ideal_dcg(gains[i : i + _ROWS], counts, k) for i in range(0, len(gains), _ROWS)])
    if gains.shape[1] > k:  # the k best kinds fill k ranks, however few documents each has
        best = np.argpartition(-gains, k - 1, axis=1)[:, :k]
        order = np.take_along_axis(best, np.argsort(-np.take_along_axis(gains, best, axis=1), axis=1), axis=1)
    else:
        order = np.argsort(-gains, axis=1, kind="stable")
    ends = np.cumsum(counts[order], axis=1)
    return dcg(np.take_along_axis(gains, order, axis=1), ends - counts[order], ends, k)


def random_dcg(gains: np.ndarray, counts: np.ndarray, k: int = K) -> np.ndarray:
    """Expected DCG at k when the corpus is in random order: mean gain times the sum of the discounts, exact."""
    size = int(counts.sum())
    result: np.ndarray = (gains @ counts / max(size, 1)) * discounts(min(k, size)).sum()
    return result


def ndcg(actual: np.ndarray, ideal: np.ndarray) -> np.ndarray:
    """actual / ideal for every query; NaN where the ideal is 0 (no document has any gain)."""
    result: np.ndarray = np.divide(actual, ideal, out=np.full(len(actual), np.nan), where=ideal > 0)
    return result


def _reach(k: int) -> np.ndarray:
    """Sum of the discounts of the first 0..k ranks."""
    return np.concatenate([[0.0], np.cumsum(discounts(k))])
