"""Label sets as matrices: the one place that fixes the order of the columns."""

from collections.abc import Iterable, Sequence

import numpy as np

from volfid.core.exits import DataError
from volfid.core.files import canonical_json, sha256_text


def label_matrix(label_sets: Iterable[Sequence[str]], order: Sequence[str]) -> np.ndarray:
    """Binary matrix, shape (documents, labels), uint8; columns as in `order`.

    Raises DataError when a document has a label that is not in `order`.
    """
    column = {label: index for index, label in enumerate(order)}
    sets = list(label_sets)
    matrix = np.zeros((len(sets), len(column)), dtype=np.uint8)
    for row, labels in enumerate(sets):
        for label in labels:
            if label not in column:
                raise DataError(f"label {label!r} is not in the label list", mend="Add it to labels.json")
            matrix[row, column[label]] = 1
    return matrix


def label_order_sha(order: Sequence[str]) -> str:
    """Short hash of the column order, stored beside every score matrix."""
    return sha256_text(canonical_json(list(order)))[:16]


def jaccard(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """|a and b| / |a or b| for every pair of rows, shape (len(left), len(right)), float64.

    Two empty label sets have similarity 0: they share nothing that could be relevant.
    """
    shared = left.astype(np.float32) @ right.astype(np.float32).T
    union = left.sum(1, dtype=np.float32)[:, None] + right.sum(1, dtype=np.float32)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0).astype(np.float64)
