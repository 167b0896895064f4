"""Quality of a ranking, and what a truth and scores must be; several stages need it."""

import numpy as np

from volfid.core.exits import DataError

ROUNDING = 1e-6
"""How far a probability may leave [0, 1]: a share of weights, summed in single precision, does."""


class BadArray(DataError, ValueError):
    """An array is no truth, or holds no scores: a figure of it would be a number without a meaning."""


def as_truth(array: np.ndarray, name: str = "truth") -> np.ndarray:
    """`array` as bool: it may be bool already, or numbers that are all 0 or 1.

    Raises BadArray for anything else: a share of raters, a count, -1 and a missing value are no truth, and as an index
    whole numbers would pick rows in silence.
    """
    array = np.asarray(array)
    if array.dtype == bool:
        return array
    if array.dtype.kind not in "biuf":
        raise BadArray(f"the {name} has the type {array.dtype}", mend="Give bool, or numbers that are 0 or 1")
    odd = (array != 0) & (array != 1)  # a missing value is neither
    if odd.any():
        raise BadArray(
            f"the {name} has {int(odd.sum())} values that are neither 0 nor 1, first {array[odd].flat[0]}",
            mend="Decide each of them (a document has a label or has it not), or leave the documents out",
        )
    result: np.ndarray = array.astype(bool)
    return result


def as_scores(array: np.ndarray) -> np.ndarray:
    """`array` as it is. Raises BadArray for a missing value, which has no place in an order, and for no numbers."""
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise BadArray(f"the scores have the type {array.dtype}", mend="Give real numbers")
    missing = int(np.isnan(array).sum()) if array.dtype.kind == "f" else 0
    if missing:
        raise BadArray(f"{missing} of {array.size} scores are not a number", mend="Look at the model that gave them")
    return array


def truth_and_scores(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both checked, and of one shape."""
    truth, scores = as_truth(truth), as_scores(scores)
    return _alike(truth, scores, "scores")


def truth_and_predictions(truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as bool, and of one shape."""
    return _alike(as_truth(truth), as_truth(predicted, "prediction"), "predictions")


def as_probabilities(array: np.ndarray) -> np.ndarray:
    """Scores that are probabilities. Raises BadArray for others: logits have an order, and no calibration."""
    array = as_scores(array)
    odd = ~((array >= -ROUNDING) & (array <= 1 + ROUNDING))
    if odd.any():
        raise BadArray(
            f"{int(odd.sum())} of {array.size} scores lie outside 0 and 1, first {array[odd].flat[0]}",
            mend="Give probabilities: logits need a sigmoid first",
        )
    return array


def as_table(array: np.ndarray, name: str = "truth") -> np.ndarray:
    """`array` as it is. Raises BadArray unless it is (documents, labels)."""
    array = np.asarray(array)
    if array.ndim != 2:
        raise BadArray(f"the {name} has the shape {array.shape}", mend="Give (documents, labels)")
    return array


def _alike(truth: np.ndarray, other: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    if truth.shape != other.shape:
        raise BadArray(f"the truth has the shape {truth.shape}, the {name} have {other.shape}", mend="Align them")
    return truth, other


def average_precision(truth: np.ndarray, scores: np.ndarray) -> float | None:
    """Average precision of one ranking (1-d arrays); tied scores enter together; None without a positive.

    Sum over thresholds of (recall gain) x precision. Recall grows only at scores of positives, so
    the ranks of the positives suffice: two plain sorts, no argsort of the whole array. `truth` is bool, or 0 and 1
    (else BadArray, as for a score that is not a number).
    """
    truth, scores = truth_and_scores(truth, scores)
    positive = np.sort(scores[truth])
    if not len(positive):
        return None
    ranked = np.sort(scores, axis=None)
    hits = len(positive) - np.searchsorted(positive, positive, side="left")
    chosen = len(ranked) - np.searchsorted(ranked, positive, side="left")
    return float(np.mean(hits / chosen))
