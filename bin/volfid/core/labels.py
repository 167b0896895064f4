"""Label sets as matrices, in the one place that fixes the order of the columns, and what their counts tell."""

from collections.abc import Iterable, Sequence

import numpy as np

from volfid.core.exits import DataError
from volfid.core.files import canonical_json, sha256_text

_ROWS = 64


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


def imbalance_ratios(counts: np.ndarray) -> np.ndarray:
    """IRLbl of each label: max_j n_j / n_k; inf for a label without a document (Charte et al. 2015)."""
    counts = np.asarray(counts, dtype=np.float64)
    ratios = np.full(counts.shape, np.inf)
    ratios[counts > 0] = counts.max(initial=0.0) / counts[counts > 0]
    return ratios


def mean_imbalance(counts: np.ndarray) -> float | None:
    """MeanIR: the mean IRLbl of the labels that have a document; None when no label has one."""
    ratios = imbalance_ratios(counts)
    found = ratios[np.isfinite(ratios)]
    return float(found.mean()) if len(found) else None


def effective_size(counts: np.ndarray) -> float:
    """Kish's effective number of documents behind repeated rows: (sum m)^2 / sum m^2; 0 without rows."""
    m = np.asarray(counts, dtype=np.float64)
    return float(m.sum() ** 2 / (m @ m)) if m.any() else 0.0


def jaccard(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """|a and b| / |a or b| for every pair of rows, shape (len(left), len(right)), float64.

    Two empty label sets have similarity 0: they share nothing that could be relevant.
    """
    wide = right.astype(np.float32).T
    sizes = right.sum(1, dtype=np.float32)[None, :]
    result = np.empty((len(left), len(right)))
    for start in range(0, len(left), _ROWS):
        rows = left[start : start + _ROWS].astype(np.float32)
        shared = rows @ wide
        union = rows.sum(1)[:, None] + sizes - shared
        # counts are exact in float32, their quotient is not
        np.divide(shared, np.maximum(union, 1, out=union), out=result[start : start + _ROWS], dtype=np.float64)
    return result
