"""Trivial classifiers that use no text. They stand beside every cell."""

import numpy as np

from volfid.core.exits import ParameterError


def label_shares(labels: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(positives + 1) / (rows + 2) of each label, shape (labels,), float64; rows count by `weight`."""
    return (weight @ labels.astype(np.float64) + 1.0) / (weight.sum() + 2.0)


def floor_scores(kind: str, labels: np.ndarray, weight: np.ndarray, cardinality: float) -> np.ndarray:
    """Score of each label, the same for every document, shape (labels,), float32.

    labels       (rows, labels) binary: the training rows; weight (rows,): their multiplicity
    cardinality  mean labels of the real documents (top_k predicts this many, rounded, at least 1)

    predict_all  1 everywhere: micro-F1 is 2p / (1 + p) at label density p
    prior        label shares of the training rows
    top_k        the ranking of `prior`, moved so that 0.5 lies between label k and k + 1;
                 equal shares keep the order of the columns
    """
    shares = label_shares(labels, weight)
    if kind == "predict_all":
        scores = np.ones(len(shares))
    elif kind == "prior":
        scores = shares
    elif kind == "top_k":
        k = max(1, round(cardinality))
        scores = shares / 2
        scores[np.argsort(-shares, kind="stable")[:k]] += 0.5
    else:
        raise ParameterError(f"{kind!r} is no floor", mend="Use predict_all, prior or top_k")
    return scores.astype(np.float32)
