"""One nested order of the train pool per draw, every prefix of which is stratified."""

import numpy as np

from volfid.core.stratify import iterative_parts


def nested_order(label_matrix: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Order the documents so that each prefix has nearly the label frequencies of the whole.

    label_matrix: binary, shape (documents, labels), rows in canonical order. Returns row indices,
    shape (documents,). Repeated stratified bisection: the pool is cut into two stratified halves,
    the first half is ordered before the second, and each half is treated alike. The targets of a
    cut are those of the *prefix* that ends there (its share of the whole, less what stands before),
    so that rounding errors of earlier cuts are mended and do not add up. A prefix of at least two
    documents a label wants one positive of every label, however rare.
    """
    total = label_matrix.sum(0, dtype=np.float64)
    matrix = label_matrix.astype(np.float64)
    order = rng.permutation(len(matrix))

    def cut(start: int, stop: int, before: np.ndarray) -> None:
        if stop - start < 2:
            return
        items = order[start:stop]
        middle = (start + stop + 1) // 2
        window = matrix[items]
        here = window.sum(0)
        wanted = total * (middle / len(matrix))
        if middle >= 2 * matrix.shape[1]:
            wanted = np.maximum(wanted, 1)
        wanted = np.clip(wanted - before, 0, here)
        parts = iterative_parts(
            window, np.ones(len(items)), (middle - start, stop - middle), np.stack([wanted, here - wanted]), rng
        )
        order[start:stop] = np.concatenate([items[parts == 0], items[parts == 1]])
        cut(start, middle, before)
        cut(middle, stop, before + matrix[order[start:middle]].sum(0))

    cut(0, len(matrix), np.zeros(matrix.shape[1]))
    return order
