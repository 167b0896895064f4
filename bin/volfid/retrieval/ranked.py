"""Figures of ranked lists beside DCG: binary relevance, hubs, and what synthetic hits are worth.

Binary: a document is relevant when the Jaccard similarity of label sets is at least `RELEVANT`. MAP and MRR look at
`DEPTH` ranks; average precision divides by all relevant documents of the corpus, as trec_eval's map_cut does. Queries
without a relevant document are left out and counted.
"""

import math

import numpy as np

RELEVANT = 0.5
DEPTH = 100
HUBS = 0.01
TIES = 0.01
_QUERIES = 256


def names(k: int) -> list[tuple[str, str]]:
    """Metric and variant of every figure of a corpus of real documents."""
    scores = ("own_ideal", "fixed_ideal", "own_ideal_unique", "fixed_ideal_unique", "tie_averaged", "random",
              "random_fixed_ideal", "size_matched", "size_matched_own_ideal")  # fmt: skip
    plain = ("queries_without_gain", f"precision_at_{k}", f"recall_at_{k}", f"recall_at_{DEPTH}", f"map_at_{DEPTH}",
             f"mrr_at_{DEPTH}")  # fmt: skip
    found = [(f"ndcg_at_{k}", variant) for variant in scores]
    found += [(metric, variant) for metric in (f"dcg_at_{k}", f"jaccard_at_{k}", *plain)
              for variant in ("as_is", "unique")]  # fmt: skip
    found += [(f"dcg_at_{k}", "random"), (f"dcg_at_{k}", "size_matched"), (f"jaccard_at_{k}", "size_matched")]
    found += [(f"synthetic_share_at_{k}", "as_is")]
    return found + [(name, "unique") for name in (f"hubness_skewness_at_{k}", f"hub_share_at_{k}", "synthetic_share")]


def ties_told(tied: np.ndarray) -> str | None:
    """Share of queries for which the order within ties decides, in words; None where there are fewer than TIES."""
    share = float(tied.mean()) if len(tied) else 0.0
    words = f"{share:.0%} of the queries have equal scores with different gains at the top, ordered by id"
    return f"{words}: see tie_averaged" if share >= TIES else None


def by_rank(columns: np.ndarray, end: np.ndarray, depth: int) -> np.ndarray:
    """Values of ranked documents, repeated as often as each stands in the list: (queries, depth), 0 behind its end.

    `columns` (queries, columns): value of each ranked document; `end`: its last rank + 1, as from `ndcg.slots`.
    """
    ranks = np.arange(depth)
    result = np.zeros((len(columns), depth))
    for start in range(0, len(columns), _QUERIES):
        part, last = columns[start : start + _QUERIES], end[start : start + _QUERIES]
        place = (last[:, None, :] <= ranks[None, :, None]).sum(axis=2)
        wide = np.hstack([part, np.zeros((len(part), 1))])
        result[start : start + _QUERIES] = np.take_along_axis(wide, place, axis=1)
    return result


def precision(relevant: np.ndarray, k: int) -> np.ndarray:
    """Share of the first k ranks that is relevant; `relevant` (queries, ranks) of 0 and 1."""
    result: np.ndarray = relevant[:, :k].sum(axis=1) / k
    return result


def recall(relevant: np.ndarray, total: np.ndarray, k: int) -> np.ndarray:
    """Share of all relevant documents that stands in the first k ranks; NaN where there is none."""
    return _over(relevant[:, :k].sum(axis=1), total)


def reciprocal_rank(relevant: np.ndarray, total: np.ndarray) -> np.ndarray:
    """1 / rank of the first relevant document, 0 when none is among the ranks; NaN where the corpus has none."""
    first = np.where(relevant.any(axis=1), 1.0 / (relevant.argmax(axis=1) + 1), 0.0)
    return np.where(total > 0, first, np.nan)


def average_precision(relevant: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Sum of the precisions at the ranks of relevant documents over all relevant ones; NaN where there is none."""
    precisions = np.cumsum(relevant, axis=1) / np.arange(1, relevant.shape[1] + 1)
    return _over((precisions * relevant).sum(axis=1), total)


def hubs(documents: np.ndarray, size: int, k: int) -> tuple[float | None, float | None]:
    """Skewness of how often a document is among the first k, and the share of these ranks that the 1 % most
    retrieved documents take (at least one). None for the skewness when all are retrieved equally often.

    `documents` (queries, columns): ranked documents, numbered 0..size-1, each once; -1 is nothing.
    """
    top = documents[:, :k]
    times = np.bincount(top[top >= 0], minlength=size).astype(np.float64)
    spread = times.std()
    skewness = float(((times - times.mean()) ** 3).mean() / spread**3) if spread > 0 else None
    if not times.sum():
        return skewness, None
    return skewness, float(np.sort(times)[::-1][: math.ceil(HUBS * size)].sum() / times.sum())


def mean_where(gains: np.ndarray, chosen: np.ndarray) -> tuple[float | None, int]:
    """Mean gain of the chosen ranks over all queries, and their number; both (queries, ranks)."""
    n = int(chosen.sum())
    return (float((gains * chosen).sum() / n) if n else None), n


def mean_of_queries(values: np.ndarray, note: str | None) -> tuple[float | None, int, str | None]:
    """Mean over the queries where the figure is defined, their number, and a note that counts the others."""
    defined = ~np.isnan(values)
    left_out = int((~defined).sum())
    if not defined.any():
        return None, 0, "no query shares a label with any document"
    counted = f"{left_out} queries without any gain left out" if left_out else None
    return float(values[defined].mean()), int(defined.sum()), "; ".join(filter(None, (note, counted))) or None


def _over(top: np.ndarray, total: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.divide(top, total, out=np.full(len(top), np.nan), where=total > 0)
    return result
