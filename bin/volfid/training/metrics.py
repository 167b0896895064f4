"""Multi-label scores. Undefined results are None (the caller writes null and a reason).

Conventions (docs/estimands.md): macro averages run over labels with at least one positive document;
documents without labels are left out of LRAP, coverage and ranking loss; a document without
labels and without predictions counts 0 in the sample averages (undefined where all are such); a decision is
p > t, strict.
Everything equals scikit-learn on the same input where scikit-learn has the same convention.

Shapes: `truth` and `predicted` (documents, labels) bool, or 0 and 1; `scores` (documents, labels) float. Any other
truth (.5, 2, -1, a missing value), a score that is not a number, arrays of different shape and, where documents and
labels are told apart, of other than two dimensions are refused (BadArray).
"""

import numpy as np

from volfid.core.ranking import (
    as_probabilities,
    as_table,
    as_truth,
    average_precision,
    truth_and_predictions,
    truth_and_scores,
)

Value = float | None


def _ratio(numerator: float, denominator: float) -> Value:
    return float(numerator / denominator) if denominator else None


def _counts(truth: np.ndarray, predicted: np.ndarray, axis: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True positives, positives and predictions along `axis`."""
    truth, predicted = truth_and_predictions(truth, predicted)
    if axis is not None:
        as_table(truth)
    return ((truth & predicted).sum(axis), truth.sum(axis), predicted.sum(axis))


def f1_micro(truth: np.ndarray, predicted: np.ndarray) -> Value:
    """2 tp / (positives + predictions), pooled over all cells; None when both are 0."""
    hit, positive, chosen = _counts(truth, predicted, None)
    return _ratio(2 * hit, positive + chosen)


def precision_micro(truth: np.ndarray, predicted: np.ndarray) -> Value:
    """Share of right predictions; None without a prediction."""
    hit, _, chosen = _counts(truth, predicted, None)
    return _ratio(hit, chosen)


def recall_micro(truth: np.ndarray, predicted: np.ndarray) -> Value:
    """Share of positives found; None without a positive."""
    hit, positive, _ = _counts(truth, predicted, None)
    return _ratio(hit, positive)


def f1_by_label(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """F1 of each label, shape (labels,); NaN where the label has no positive document."""
    hit, positive, chosen = _counts(truth, predicted, 0)
    return np.divide(2.0 * hit, positive + chosen, out=np.full(len(positive), np.nan), where=positive > 0)


def f1_macro(truth: np.ndarray, predicted: np.ndarray) -> Value:
    """Mean F1 over labels with at least one positive document; None without such a label."""
    return _nan_mean(f1_by_label(truth, predicted))


def f1_weighted(truth: np.ndarray, predicted: np.ndarray) -> Value:
    """Mean F1 of the labels weighted by their positive documents; None without a positive."""
    values, support = f1_by_label(truth, predicted), as_truth(truth).sum(0)
    return _ratio(np.nansum(values * support), support.sum())


def f1_samples(truth: np.ndarray, predicted: np.ndarray) -> Value:
    """Mean F1 over documents; 0 for a document without labels and predictions; None where all are such."""
    hit, positive, chosen = _counts(truth, predicted, 1)
    return _mean(_safe(2.0 * hit, positive + chosen)) if (positive + chosen).any() else None


def jaccard_samples(truth: np.ndarray, predicted: np.ndarray) -> Value:
    """Mean |truth and predicted| / |truth or predicted| over documents; 0 where the union is empty, None if all are."""
    hit, positive, chosen = _counts(truth, predicted, 1)
    return _mean(_safe(1.0 * hit, positive + chosen - hit)) if (positive + chosen).any() else None


def subset_accuracy(truth: np.ndarray, predicted: np.ndarray) -> Value:
    """Share of documents whose whole label set is right; None without a label to decide on."""
    truth, predicted = truth_and_predictions(truth, predicted)
    return _mean((as_table(truth) == predicted).all(1)) if truth.size else None


def hamming(truth: np.ndarray, predicted: np.ndarray) -> Value:
    """Share of wrong cells of the label matrix (Hamming loss)."""
    truth, predicted = truth_and_predictions(truth, predicted)
    return _mean(truth != predicted)


def labels_never_predicted(predicted: np.ndarray) -> float:
    """Number of labels that no document is given."""
    return float((~as_table(as_truth(predicted, "prediction"), "prediction").any(0)).sum())


def ap_micro(truth: np.ndarray, scores: np.ndarray) -> Value:
    """Micro-average precision: one ranking of all (document, label) cells."""
    truth, scores = truth_and_scores(truth, scores)
    return average_precision(truth.ravel(), scores.ravel())


def ap_by_label(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision of each label, shape (labels,); NaN where the label has no positive document."""
    truth, scores = truth_and_scores(truth, scores)
    as_table(truth)
    values = [average_precision(truth[:, k], scores[:, k]) for k in range(truth.shape[1])]
    return np.array([np.nan if value is None else value for value in values])


def ap_macro(truth: np.ndarray, scores: np.ndarray) -> Value:
    """Mean average precision over labels with at least one positive document."""
    return _nan_mean(ap_by_label(truth, scores))


def lrap(truth: np.ndarray, scores: np.ndarray) -> Value:
    """Label ranking average precision over documents with at least one label."""
    truth, scores = truth_and_scores(truth, scores)
    as_table(truth)
    document, label = np.nonzero(truth)
    if not len(document):
        return None
    above = scores[document] >= scores[document, label][:, None]
    precision = (above & truth[document]).sum(1) / above.sum(1)
    labels = truth.sum(1)
    mean = np.bincount(document, precision, minlength=len(truth))[labels > 0] / labels[labels > 0]
    return float(mean.mean())


def coverage(truth: np.ndarray, scores: np.ndarray) -> Value:
    """How many top labels hold all true ones, mean over documents with at least one label."""
    truth, scores = truth_and_scores(truth, scores)
    as_table(truth)
    kept = truth.any(1)
    if not kept.any():
        return None
    lowest = np.where(truth[kept], scores[kept], np.inf).min(1)
    return float((scores[kept] >= lowest[:, None]).sum(1).mean())


def ranking_loss(truth: np.ndarray, scores: np.ndarray) -> Value:
    """Share of (true, other) label pairs in wrong or tied order, mean over documents that have both."""
    truth, scores = truth_and_scores(truth, scores)
    as_table(truth)
    labels = truth.sum(1)
    kept = (labels > 0) & (labels < truth.shape[1])
    if not kept.any():
        return None
    truth, scores, labels = truth[kept], scores[kept], labels[kept]
    document, label = np.nonzero(truth)
    wrong = ((scores[document] >= scores[document, label][:, None]) & ~truth[document]).sum(1)
    pairs = labels * (truth.shape[1] - labels)
    return float((np.bincount(document, wrong, minlength=len(truth)) / pairs).mean())


def calibration_error(truth: np.ndarray, scores: np.ndarray, bins: int = 15) -> Value:
    """Expected calibration error over all (document, label) probabilities, bins of equal mass (Naeini et al. 2015).

    Mean over the cells of |mean probability - share of positives| of their bin. Tied probabilities stay in one
    bin (that of the lowest of them), so that the result does not depend on the order of documents and labels. BadArray
    for scores outside [0, 1].
    """
    truth, scores = truth_and_scores(truth, as_probabilities(scores))
    p = scores.astype(np.float64, copy=False).ravel()
    if not p.size:
        return None
    ranked = np.sort(p)
    edges = ranked[[-(-k * p.size // bins) - 1 for k in range(1, bins)]]  # the last rank below each bin
    place = np.searchsorted(edges, p, side="left")
    gap = np.bincount(place, p - truth.ravel(), minlength=bins)
    return float(np.abs(gap).sum() / p.size)


def brier(truth: np.ndarray, scores: np.ndarray) -> Value:
    """Mean squared difference of probability and truth over all (document, label) cells.

    BadArray for scores outside [0, 1].
    """
    truth, scores = truth_and_scores(truth, as_probabilities(scores))
    return _mean((scores.astype(np.float64, copy=False) - truth) ** 2)


def frequency_bands(count_train: np.ndarray) -> dict[str, np.ndarray]:
    """Terciles of the labels by training count: {head, medium, tail: column numbers}.

    Sizes differ by at most one, the larger ones first; equal counts are parted by column order.
    The counts are those of the whole train pool, so the bands are the same for every arm.
    """
    order = np.argsort(-np.asarray(count_train), kind="stable")
    return dict(zip(("head", "medium", "tail"), np.array_split(order, 3), strict=True))


def _safe(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def _mean(values: np.ndarray) -> Value:
    return float(np.mean(values)) if values.size else None


def _nan_mean(values: np.ndarray) -> Value:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if len(kept) else None
