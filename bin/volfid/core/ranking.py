"""Quality of a ranking; several stages need it."""

import numpy as np


def average_precision(truth: np.ndarray, scores: np.ndarray) -> float | None:
    """Average precision of one ranking (1-d arrays); tied scores enter together; None without a positive.

    Sum over thresholds of (recall gain) x precision. Recall grows only at scores of positives, so
    the ranks of the positives suffice: two plain sorts, no argsort of the whole array.
    """
    positive = np.sort(scores[truth])
    if not len(positive):
        return None
    ranked = np.sort(scores, axis=None)
    hits = len(positive) - np.searchsorted(positive, positive, side="left")
    chosen = len(ranked) - np.searchsorted(ranked, positive, side="left")
    return float(np.mean(hits / chosen))
