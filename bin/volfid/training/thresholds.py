"""Decision thresholds; a label is given when p > t, strict.

    fixed_0.5        t = 0.5
    tuned            t that maximises micro-F1 on out-of-fold scores of the real training documents
    cardinality      t at which the documents to be labelled get as many labels as the real ones have
                     (their labels are not needed)
    per_label        own t of each label with at least 5 positives among the real documents, else `tuned`
    cross_validated  own t of each label: mean over the folds of the t that is best in each fold

The first three have one threshold for all labels. No policy sees a test label.
"""

from dataclasses import dataclass

import numpy as np

from volfid.core.exits import DataError
from volfid.core.ranking import as_scores, truth_and_scores

FIXED = 0.5
FEWEST_POSITIVES = 5
"""Positives that a label needs for a threshold of its own (Yang 2001: rare labels overfit theirs)."""


def decide(scores: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Predictions, shape of `scores`, bool; `threshold` is one number, or one of each label."""
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
    truth, scores = truth_and_scores(truth, scores)
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
    above, thresholds = _cuts(as_scores(scores))
    return float(thresholds[np.argmin(np.abs(above - cardinality * len(scores)))])


def per_label_thresholds(truth: np.ndarray, scores: np.ndarray, fallback: float) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds of the labels, shape (labels,), and which of them are the label's own, bool.

    A label with at least FEWEST_POSITIVES positive documents gets the threshold with its highest F1
    on these scores (of equal maxima the highest); all others get `fallback`.
    """
    truth, scores = truth_and_scores(truth, scores)
    own = truth.sum(0) >= FEWEST_POSITIVES
    thresholds = np.full(truth.shape[1], float(fallback))
    for label in np.flatnonzero(own):
        thresholds[label] = tuned_threshold(truth[:, label], scores[:, label])
    return thresholds, own


def cross_validated_thresholds(truth: np.ndarray, scores: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Thresholds of the labels, shape (labels,), as the mean over folds of the best threshold of each fold.

    The rule of LibMultiLabel's `train_thresholding` (micromacro-freq, Lin et al. 2023, CIKM, section 4.3): labels in
    the order of falling positives; in each fold the cut that maximises the label's F1 / (labels so far) plus the
    micro-F1 over this fold and all labels so far; of equal maxima the one with the fewest predictions.

    It differs in three points. The folds are those of the regime, whose held-out scores are the out-of-fold
    `scores` (documents, labels), so nothing is trained again; there they are three random parts of the training
    set. Thresholds are averaged as probabilities, there as decision values. Tied scores are never parted.

    `folds` (documents,): the fold that each document was held out in. Labels with equally many positives are
    taken in the order of their summed scores, so that the order of the columns does not matter.
    """
    truth, scores = truth_and_scores(truth, scores)
    ladders = [_ladder(truth[folds == fold], scores[folds == fold].astype(np.float64)) for fold in np.unique(folds)]
    most = max(len(ladder.value) for ladder in ladders)
    chosen = np.stack([_padded(ladder.chosen, most) for ladder in ladders])  # (folds, cuts, 1 or labels)
    hits, value, allowed = (
        np.stack([_padded(part, most) for part in parts])
        for parts in zip(*((ladder.hits, ladder.value, ladder.allowed) for ladder in ladders), strict=True)
    )
    positive = np.stack([ladder.hits[0] for ladder in ladders])  # (folds, labels)
    thresholds = np.empty(truth.shape[1])
    place = np.arange(len(ladders))
    all_hits = all_cells = 0.0  # over the labels so far: true positives, and positives + predictions
    for count, label in enumerate(np.lexsort((-scores.sum(0, dtype=np.float64), -truth.sum(0))), start=1):
        double, cells = 2.0 * hits[:, :, label], chosen[:, :, 0] + positive[:, label, None]
        macro = np.divide(double, cells, out=np.zeros_like(double), where=cells > 0) / count
        pooled = cells + all_cells
        micro = np.divide(double + 2.0 * all_hits, pooled, out=np.zeros_like(double), where=pooled > 0)
        goal = np.where(allowed[:, :, label], macro + micro, -1.0)
        best = most - 1 - np.argmax(goal[:, ::-1], axis=1)  # the last of equal maxima
        thresholds[label] = value[place, best, label].mean()
        all_hits += hits[place, best, label].sum()
        all_cells += cells[place, best].sum()
    return thresholds


@dataclass(frozen=True)
class _Ladder:
    """All cuts of one fold by label, from predicting everything to predicting nothing; each (documents + 1, labels).

    chosen   predictions above the cut (documents + 1, 1)
    hits     of these right
    value    threshold that makes the cut
    allowed  whether the cut lies between two different scores
    """

    chosen: np.ndarray
    hits: np.ndarray
    value: np.ndarray
    allowed: np.ndarray


def _ladder(truth: np.ndarray, scores: np.ndarray) -> _Ladder:
    order = np.argsort(scores, axis=0, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=0)
    lost = np.cumsum(np.take_along_axis(truth, order, axis=0), axis=0)
    none = np.zeros((1, truth.shape[1]), dtype=lost.dtype)
    value = np.concatenate([np.nextafter(ranked[:1], -np.inf), (ranked[:-1] + ranked[1:]) / 2, ranked[-1:]])
    always = np.ones((1, truth.shape[1]), dtype=bool)
    return _Ladder(
        chosen=np.arange(len(truth), -1, -1)[:, None].astype(np.float64),
        hits=lost[-1:] - np.concatenate([none, lost]),
        value=value,
        allowed=np.concatenate([always, ranked[:-1] < ranked[1:], always]),
    )


def _padded(part: np.ndarray, rows: int) -> np.ndarray:
    """`part` with zeros (False) below, up to `rows` rows."""
    return np.concatenate([part, np.zeros((rows - len(part), part.shape[1]), dtype=part.dtype)])
