"""Realised labels (estimand 7): how often a document has the labels that it stands in the training set with.

A checker, ridge regression on embeddings, is trained on the whole real train pool; real documents are
checked by one that has not seen their group. Raw recognition mixes the checker's own errors with the
documents'. Its sensitivity and false positives on real documents take them apart (Rogan and Gladen 1978):

    realised = (recognised - false positive rate) / (sensitivity - false positive rate)

with both rates averaged over labels as often as they are asked for. Copies of real documents come out near
1, which is what the correction is for.
"""

from dataclasses import dataclass

import numpy as np

from volfid.core.ranking import average_precision

FOLDS = 5
PENALTIES = (0.1, 0.3, 1.0, 3.0)
FEWEST_GAP = 0.05


@dataclass(frozen=True)
class Realised:
    """Shares of (document, label) pairs; `value` is None with the reason in `why`.

    value            corrected share of labels that the documents really have, cut to [0, 1]
    recognised       share that the checker recognises
    sensitivity, false_positives   of the checker on real documents, weighted by the labels asked for
    """

    value: float | None
    recognised: float | None
    sensitivity: float | None
    false_positives: float | None
    n: int
    why: str = ""


class Checker:
    """Recognises labels in embeddings; knows its own error rates on real documents.

    vectors (documents, dimensions), truth (documents, labels) bool, groups: of the real train pool. Documents
    of one group share a fold. The penalty is the one with the best average precision out of fold; one
    threshold gives real documents, out of fold, as many labels as they have.
    """

    def __init__(self, vectors: np.ndarray, truth: np.ndarray, groups: list[str]):
        names = sorted(set(groups))
        place = {name: i % FOLDS for i, name in enumerate(names)}
        fold = np.array([place[name] for name in groups], dtype=np.int64)
        x, y = _with_one(vectors), truth.astype(np.float64)
        best: tuple[float, float, np.ndarray] | None = None
        for penalty in PENALTIES:
            scores = np.zeros_like(y)
            for held in range(min(FOLDS, len(names))):
                inside = fold != held
                scores[~inside] = x[~inside] @ _ridge(x[inside], y[inside], penalty)
            quality = average_precision(truth.ravel(), scores.ravel()) or 0.0
            if best is None or quality > best[0]:
                best = (quality, penalty, scores)
        assert best is not None
        _, self.penalty, scores = best
        self.threshold = float(np.sort(scores, axis=None)[::-1][max(int(truth.sum()) - 1, 0)])
        self.weights = _ridge(x, y, self.penalty)
        self.out_of_fold = scores >= self.threshold
        hits, positives = (self.out_of_fold & truth).sum(0), truth.sum(0)
        false, negatives = (self.out_of_fold & ~truth).sum(0), (~truth).sum(0)
        self.sensitivity = np.divide(hits, positives, out=np.full(len(hits), np.nan), where=positives > 0)
        self.false_positives = np.divide(false, negatives, out=np.full(len(hits), np.nan), where=negatives > 0)

    def recognise(self, vectors: np.ndarray) -> np.ndarray:
        """Labels that the checker sees, (documents, labels) bool."""
        return _with_one(vectors) @ self.weights >= self.threshold

    def realised(self, seen: np.ndarray, asked: np.ndarray, counts: np.ndarray) -> Realised:
        """Share of the asked labels that are realised.

        seen, asked (rows, labels) bool; counts (rows,): how many times a row stands in the set.
        """
        pairs = counts @ asked.astype(np.float64)
        n = int(pairs.sum())
        if not n:
            return Realised(None, None, None, None, 0, "no row has a label")
        known = pairs > 0
        if np.isnan(self.sensitivity[known]).any() or np.isnan(self.false_positives[known]).any():
            return Realised(None, None, None, None, n, "a label is on no or on every real document of the train pool")
        recognised = float((counts @ (seen & asked)).sum() / n)
        sensitivity = float(pairs[known] @ self.sensitivity[known] / n)
        false = float(pairs[known] @ self.false_positives[known] / n)
        if sensitivity - false < FEWEST_GAP:
            return Realised(None, recognised, sensitivity, false, n, "the checker cannot tell these labels from others")
        value = (recognised - false) / (sensitivity - false)
        return Realised(float(np.clip(value, 0.0, 1.0)), recognised, sensitivity, false, n)


def _with_one(vectors: np.ndarray) -> np.ndarray:
    return np.hstack([np.asarray(vectors, dtype=np.float64), np.ones((len(vectors), 1))])


def _ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Least squares with an L2 penalty on all but the last column (the intercept)."""
    shrink = np.full(x.shape[1], penalty)
    shrink[-1] = 1e-9
    return np.linalg.solve(x.T @ x + np.diag(shrink), x.T @ y)
