"""Votes of the nearest training documents: the second half of PatentSBERTa (Bekamiri et al. 2021).

Neighbours are found by the cosine, exactly: every inner product of unit vectors is formed. A neighbour is a document,
not a row: copies and paraphrases of one parent stand in the list once, with the vector and labels of the nearest of
them. With rows as neighbours r copies would turn k into k / r.

    fixed3    v votes: sigmoid(v) > 0.9, the published rule, which is v >= 3 whatever k
    share     at least a share tau of the neighbours
    weighted  more than a share tau of the neighbours' summed cosines (negative ones count 0)

Scores rank as the votes do, and the rule is a score above 0.5: sigmoid(v - ln 9), or the share, moved linearly on
either side of its cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from volfid.core.exits import DataError
from volfid.core.vectors import directed
from volfid.training.recipes import KnnRecipe

DECIMALS = 6  # of a cosine: what differs by less is a tie, so that rounding inside a product decides nothing
_BLOCK = 256
_NO_NEIGHBOUR = -2.0  # below any cosine


@dataclass(frozen=True)
class Neighbours:
    """Of each document the nearest training rows of distinct parents, the nearest first.

    rows (documents, k) row numbers; cosine (documents, k) float64.
    """

    rows: np.ndarray
    cosine: np.ndarray


class Voters:
    """Training rows that can be asked for neighbours.

    vectors (rows, dimensions), labels (rows, labels) binary, parents (rows,) the document behind each row.
    Raises DataError without rows.
    """

    def __init__(self, vectors: np.ndarray, labels: np.ndarray, parents: Sequence[str]):
        if not len(vectors):
            raise DataError("there is no row to vote")
        names, group = np.unique(np.array(parents), return_inverse=True)
        self.order = np.argsort(group, kind="stable")  # rows of one parent together, in their own order
        self.first = np.searchsorted(group[self.order], np.arange(len(names)))
        self.count = len(names)
        self.unit = _unit(vectors[self.order])
        self.directed = directed(self.unit)
        self.labels = labels.astype(np.float64)

    def nearest(self, vectors: np.ndarray, k: int) -> Neighbours:
        """The k nearest parents (all of them where there are fewer) of each of `vectors` (documents, dimensions).

        Equal cosines stand in the order of the parents' ids; of equally near rows of one parent the first counts. A row
        of zeros has no direction: it is a neighbour where there is no other, with a cosine of 0.
        """
        rows, cosines = [], []
        numbers = np.arange(len(self.order))
        width = np.diff(np.append(self.first, len(numbers)))
        for start in range(0, len(vectors), _BLOCK):
            cosine = np.round(_unit(vectors[start : start + _BLOCK]) @ self.unit.T, DECIMALS)
            cosine[:, ~self.directed] = _NO_NEIGHBOUR
            best = np.maximum.reduceat(cosine, self.first, axis=1)
            is_best = cosine == np.repeat(best, width, axis=1)
            nearest = np.minimum.reduceat(np.where(is_best, numbers, len(numbers)), self.first, axis=1)
            ranked = np.argsort(-best, axis=1, kind="stable")[:, :k]
            rows.append(self.order[np.take_along_axis(nearest, ranked, axis=1)])
            found = np.take_along_axis(best, ranked, axis=1)
            cosines.append(np.where(found == _NO_NEIGHBOUR, 0.0, found))
        if not rows:
            return Neighbours(np.zeros((0, min(k, self.count)), dtype=np.int64), np.zeros((0, min(k, self.count))))
        return Neighbours(np.concatenate(rows), np.concatenate(cosines))

    def scores(self, found: Neighbours, k: int, recipe: KnnRecipe) -> np.ndarray:
        """Scores (documents, labels) float32 of the first k of the neighbours `found`."""
        scores = np.empty((len(found.rows), self.labels.shape[1]), dtype=np.float32)
        for start in range(0, len(scores), _BLOCK):  # the labels of all neighbours at once would be large
            part = slice(start, start + _BLOCK)
            scores[part] = vote(self.labels[found.rows[part, :k]], found.cosine[part, :k], recipe)
        return scores

    def predict(self, vectors: np.ndarray, k: int, recipe: KnnRecipe) -> np.ndarray:
        """Scores (documents, labels) float32 of `vectors` (documents, dimensions)."""
        return self.scores(self.nearest(vectors, k), k, recipe)


def vote(labels: np.ndarray, cosine: np.ndarray, recipe: KnnRecipe) -> np.ndarray:
    """Scores (documents, labels) in [0, 1] from the labels (documents, k, labels) and cosines of the neighbours.

    The recipe's rule gives a label exactly where its score is above 0.5.
    """
    if recipe.vote == "fixed3":
        return 1.0 / (1.0 + 9.0 * np.exp(-labels.sum(1)))
    assert recipe.tau is not None
    if recipe.vote == "share":
        k = labels.shape[1]
        needed = max(ceil(recipe.tau * k - 1e-9), 1)
        return _moved(labels.mean(1), (needed - 0.5) / k)
    weight = np.maximum(cosine, 0.0)
    weight[weight.sum(1) == 0] = 1.0  # nothing is near: all neighbours are equally far
    return _moved((weight[:, :, None] * labels).sum(1) / weight.sum(1)[:, None], recipe.tau)


def _moved(share: np.ndarray, cut: float) -> np.ndarray:
    """A share with `cut` moved to 0.5, linear on both sides of it."""
    return np.where(share <= cut, 0.5 * share / cut, 0.5 + 0.5 * (share - cut) / (1 - cut))


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, float64; a row of zeros stays one: its cosine with everything is 0."""
    rows = vectors.astype(np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1.0)
