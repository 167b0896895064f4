"""Oversampling of multi-label data without new text: which real document is copied how often.

All functions take the label matrix (documents, labels) of the real documents and give the number of
copies of each, shape (documents,), int64. They are pure resampling: competitors of synthetic text that
cost nothing.
"""

import numpy as np

from volfid.core.labels import imbalance_ratios, mean_imbalance


def ml_ros(labels: np.ndarray, added: int, rng: np.random.Generator) -> np.ndarray:
    """ML-ROS (Charte et al. 2015): clone documents of minority labels in turn until `added` copies are made.

    Minority labels have IRLbl > MeanIR. In every round each minority label still listed clones one of
    its original documents at random; a label leaves when its own IRLbl, with the clones, is at most the
    MeanIR of the start. Ends early, with fewer copies, when no label is left.
    """
    y = np.asarray(labels) > 0
    counts = y.sum(0).astype(np.float64)
    limit = mean_imbalance(counts)
    if limit is None:
        return np.zeros(len(y), dtype=np.int64)
    listed = [k for k, ratio in enumerate(imbalance_ratios(counts)) if np.isfinite(ratio) and ratio > limit]
    members = {k: np.flatnonzero(y[:, k]) for k in listed}
    copies = np.zeros(len(y), dtype=np.int64)
    while listed and copies.sum() < added:
        for k in list(listed):
            if copies.sum() == added:
                break
            chosen = rng.choice(members[k])
            copies[chosen] += 1
            counts += y[chosen]
            if imbalance_ratios(counts)[k] <= limit:
                listed.remove(k)
    return copies


def lp_ros(labels: np.ndarray, added: int, rng: np.random.Generator) -> np.ndarray:
    """LP-ROS (Charte et al. 2013): clone documents of rare label sets until a set is no longer below the mean size.

    Sets below the mean size share `added` equally, the largest first; what one set cannot take goes to
    the next ones. Ends with fewer copies when no set is below the mean.
    """
    y = np.asarray(labels) > 0
    groups: dict[bytes, list[int]] = {}
    for row, vector in enumerate(y):
        groups.setdefault(vector.tobytes(), []).append(row)
    mean_size = len(y) / max(len(groups), 1)
    small = sorted((rows for rows in groups.values() if len(rows) < mean_size), key=lambda rows: (-len(rows), rows))
    copies = np.zeros(len(y), dtype=np.int64)
    left = added
    for place, rows in enumerate(small):
        share = -(-left // (len(small) - place))  # what is left, spread over the sets that are left
        take = min(share, int(np.ceil(mean_size)) - len(rows), left)
        for chosen in rng.choice(rows, size=max(take, 0)):
            copies[chosen] += 1
        left -= max(take, 0)
    return copies


def repeat_factors(labels: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Repeat factors of labels and documents: r_k = max(1, sqrt(t / f_k)), a document's the largest of its labels.

    f_k is the share of documents with label k; a label without a document has factor 1, as has a
    document without a label (Gupta et al. 2019, LVIS, section 4).
    """
    y = np.asarray(labels) > 0
    share = y.mean(0) if len(y) else np.zeros(y.shape[1])
    factor = np.ones(y.shape[1])
    some = share > 0
    factor[some] = np.maximum(1.0, np.sqrt(threshold / share[some]))
    return factor, np.where(y, factor[None, :], 1.0).max(axis=1, initial=1.0)


def repeat_factor_copies(labels: np.ndarray, added: int, rng: np.random.Generator) -> np.ndarray:
    """Copies by repeat-factor sampling; the threshold is the one whose repeats sum to n + `added`.

    Fractions are rounded by systematic resampling, so the total is exact. All zero where no document
    has a label (no threshold can add a row).
    """
    y = np.asarray(labels) > 0
    n = len(y)
    if not y.any():
        return np.zeros(n, dtype=np.int64)
    low, high = 0.0, 1.0
    while repeat_factors(y, high)[1].sum() < n + added:
        high *= 4.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if repeat_factors(y, middle)[1].sum() < n + added else (low, middle)
    extra = repeat_factors(y, high)[1] - 1.0
    return systematic_counts(extra, added, rng.random())


def systematic_counts(weights: np.ndarray, total: int, start: float) -> np.ndarray:
    """How often each item is drawn in `total` systematic draws: within one of total * weight, sum exact.

    An even comb lies on the summed weights; `start` in [0, 1) is its place in the first step (Carpenter
    et al. 1999). `weights` (items,) are not negative and not all zero.
    """
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    comb = (start + np.arange(total)) * (edges[-1] / total) if total else np.empty(0)
    chosen = np.minimum(np.searchsorted(edges, comb, side="right"), len(edges) - 1)
    return np.bincount(chosen, minlength=len(edges)).astype(np.int64)
