"""One nested order of the train pool per draw: every regime of the draw is a prefix of it.

Three kinds. `stratified`: every prefix has nearly the label frequencies of the pool. `random`: a permutation.
With shots, the greedy sets that hold k positives of every label come first, and the rest of the pool follows,
stratified.
"""

import numpy as np

from volfid.core.shots import greedy_shots
from volfid.core.stratify import iterative_parts

SAMPLINGS = ("stratified", "random")


def draw_order(
    label_matrix: np.ndarray, rng: np.random.Generator, sampling: str = "stratified",
    min_positives: int | None = None, shots: int = 0, needed: int | None = None,
) -> np.ndarray:  # fmt: skip
    """Row indices in nested order, shape (documents,); only the first `needed` are in their final order.

    shots: positives of every label that the documents in front hold, in rounds of one more (core.shots).
    """
    if sampling == "random":
        return rng.permutation(len(label_matrix))
    if not shots:
        return nested_order(label_matrix, rng, min_positives, needed)
    front, _ = greedy_shots(label_matrix, shots, rng)
    rest = np.setdiff1d(np.arange(len(label_matrix)), front)
    left = None if needed is None else max(0, needed - len(front))
    return np.concatenate([front, rest[nested_order(label_matrix[rest], rng, min_positives, left)]])


def nested_order(
    label_matrix: np.ndarray, rng: np.random.Generator, min_positives: int | None = None, needed: int | None = None
) -> np.ndarray:
    """Order the documents so that each prefix has nearly the label frequencies of the whole.

    label_matrix: binary, shape (documents, labels), rows in canonical order. Returns row indices,
    shape (documents,). Repeated stratified bisection: the pool is cut into two stratified halves,
    the first half is ordered before the second, and each half is treated alike. The targets of a
    cut are those of the *prefix* that ends there (its share of the whole, less what stands before),
    so that rounding errors of earlier cuts are mended and do not add up. Cuts behind `needed` are not
    made, which changes nothing in front of it.

    min_positives: a prefix wants this many positives of every label, or half as many as it holds on average
    when that is fewer. None: a prefix of at least two documents a label wants one, however rare the label is.
    """
    documents, labels = label_matrix.shape
    needed = documents if needed is None else needed
    total = label_matrix.sum(0, dtype=np.float64)
    matrix = label_matrix.astype(np.float64)
    order = rng.permutation(documents)

    def least(prefix: int) -> int:
        if min_positives is None:
            return int(prefix >= 2 * labels)
        return min(min_positives, int(prefix * total.sum() / (2 * documents * labels)))

    def cut(start: int, stop: int, before: np.ndarray) -> None:
        if stop - start < 2 or start >= needed:
            return
        items = order[start:stop]
        middle = (start + stop + 1) // 2
        window = matrix[items]
        here = window.sum(0)
        wanted = np.maximum(total * (middle / documents), np.minimum(least(middle), total))
        wanted = np.clip(wanted - before, 0, here)
        parts = iterative_parts(
            window, np.ones(len(items)), (middle - start, stop - middle), np.stack([wanted, here - wanted]), rng
        )
        order[start:stop] = np.concatenate([items[parts == 0], items[parts == 1]])
        cut(start, middle, before)
        cut(middle, stop, before + matrix[order[start:middle]].sum(0))

    cut(0, documents, np.zeros(labels))
    return order
