"""Precision, recall, density and coverage of texts as points of an embedding space.

Manifolds are unions of balls around the documents, each as wide as the distance to its k-th neighbour
(Kynkäänniemi et al. 2019; density and coverage: Naeem et al. 2020). Exact, in blocks: no matrix of all pairs is kept.
Copies of a document would be its nearest neighbours and shrink its ball to a point, so a neighbour is always a
document of another parent, and a document that occurs several times is one neighbour.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from volfid.fidelity import text

NEIGHBOURS = 5
"""k of the published figures."""
TIE = 1e-6
"""Squared distances of unit rows this close count as equal: float32 products of one pair differ by less from block
to block. A point on the edge of a ball is outside, as in the published code."""


@dataclass(frozen=True)
class Manifold:
    """precision   share of the documents inside a ball of the reference
    recall      share of the reference inside a ball of the documents; None where these have no radii
    density     balls of the reference that a document lies in, over k (can be above 1)
    coverage    share of the reference whose ball holds a document

    Recall and coverage grow with the number of documents: compare sets of one size.
    """

    precision: float
    recall: float | None
    density: float
    coverage: float


def squared_radii(x: np.ndarray, neighbours: int = NEIGHBOURS, parents: np.ndarray | None = None) -> np.ndarray | None:
    """Squared distance of every unit row of `x` to its k-th nearest row of another parent, shape (rows,), float32.

    `parents` (rows,): default every row its own. None when a row has fewer than k rows of other parents.
    """
    parents = np.arange(len(x)) if parents is None else np.asarray(parents)
    _, family, sizes = np.unique(parents, return_inverse=True, return_counts=True)
    if not len(x) or len(x) - sizes.max() < neighbours:
        return None
    nearest = np.full((len(x), neighbours), np.inf, dtype=np.float32)
    for rows, columns, squared in _blocks(x, x):
        squared[family[rows, None] == family[None, columns]] = np.inf
        kept = nearest[rows]
        # far blocks bring few rows a new neighbour; only those are sorted into
        moved = np.flatnonzero((squared < kept.max(axis=1, keepdims=True)).any(axis=1))
        both = np.concatenate([kept[moved], squared[moved]], axis=1)
        kept[moved] = np.partition(both, neighbours - 1, axis=1)[:, :neighbours]
        nearest[rows] = kept
    widest: np.ndarray = nearest.max(axis=1)
    return widest


def compare(
    reference: np.ndarray, reference_radii: np.ndarray, x: np.ndarray, counts: np.ndarray, radii: np.ndarray | None,
    neighbours: int = NEIGHBOURS,
) -> Manifold:  # fmt: skip
    """Figures of the rows of `x`, row i occurring `counts[i]` times, against the rows of `reference`.

    `reference_radii`, `radii`: of squared_radii, both with the same `neighbours`.
    """
    inside, holding = np.zeros(len(x), dtype=np.int64), np.zeros(len(reference), dtype=bool)
    nearest = np.full(len(reference), np.inf, dtype=np.float32)
    for rows, columns, squared in _blocks(reference, x):
        inside[columns] += (squared < reference_radii[rows, None] - TIE).sum(axis=0)
        if radii is not None:
            holding[rows] |= (squared < radii[None, columns] - TIE).any(axis=1)
        nearest[rows] = np.minimum(nearest[rows], squared.min(axis=1))
    counts = np.asarray(counts, dtype=np.int64)
    return Manifold(
        precision=float(counts @ (inside > 0) / counts.sum()),
        recall=None if radii is None else float(holding.mean()),
        density=float(counts @ inside / (neighbours * counts.sum())),
        coverage=float((nearest < reference_radii - TIE).mean()),
    )


def _blocks(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
    for start in range(0, len(x), text.BLOCK):
        for other in range(0, len(y), text.BLOCK):
            rows, columns = slice(start, start + text.BLOCK), slice(other, other + text.BLOCK)
            yield rows, columns, text.squared_distances(x[rows], y[columns])
