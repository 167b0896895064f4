"""Decision thresholds. One threshold for all labels; a label is given when p > t, strict.

    fixed_0.5    t = 0.5
    tuned        t that maximises micro-F1 on out-of-fold scores of the real training documents
    cardinality  t at which the documents to be labelled get as many labels as the real ones have
                 (their labels are not needed)

No policy sees a test label.
"""

import numpy as np

from volfid.core.exits import DataError

FIXED = 0.5


def decide(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Predictions, shape of `scores`, bool."""
    # a Python float would be rounded to float32 first, and could land on a score
    return scores > np.float64(threshold)


def _cuts(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All ways to cut a pool of scores: how many lie above each cut (ascending), and the threshold.

    The threshold is halfway between the lowest score above the cut and the highest below it. The
    first cut predicts nothing (t = the highest score), the last everything.
    """
    ranked = np.sort(scores.astype(np.float64), axis=None)[::-1]
    last = np.flatnonzero(np.diff(ranked)) + 1  # cuts between two different scores
    above = np.concatenate([[0], last, [len(ranked)]])
    middle = (ranked[last - 1] + ranked[last]) / 2
    return above, np.concatenate([[ranked[0]], middle, [np.nextafter(ranked[-1], -np.inf)]])


def tuned_threshold(truth: np.ndarray, scores: np.ndarray) -> float:
    """The threshold with the highest micro-F1 among all that differ on these scores.

    `truth` (documents, labels) bool, `scores` the same shape. Exact: every distinct score is
    tried. Of equal maxima the highest threshold is taken (the fewest predictions).
    Raises DataError when no document has a label.
    """
    positive = np.sort(scores[truth].astype(np.float64))
    if not len(positive):
        raise DataError("no real training document has a label, so no threshold can be tuned")
    above, thresholds = _cuts(scores)
    hits = len(positive) - np.searchsorted(positive, thresholds, side="right")
    return float(thresholds[np.argmax(2.0 * hits / (above + len(positive)))])


def cardinality_threshold(scores: np.ndarray, cardinality: float) -> float:
    """The threshold at which the mean number of predicted labels is nearest to `cardinality`.

    `scores` (documents, labels) of the documents to be labelled. Without ties the total number
    of predictions is off by less than one; tied scores are never parted (the caller reports the
    cardinality reached). Of two equally near cuts the one with fewer predictions is taken.
    """
    if not len(scores):
        raise DataError("there is no document to label")
    above, thresholds = _cuts(scores)
    return float(thresholds[np.argmin(np.abs(above - cardinality * len(scores)))])
