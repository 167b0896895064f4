"""Iterative multi-label stratification with exact sizes (Sechidis, Tsoumakas and Vlahavas 2011).

Shared by the fixed split (inputs) and by regimes and folds (regimes). The items are documents, or
whole groups of documents that must stay together; then an item has a weight and label counts.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np


def iterative_parts(
    counts: np.ndarray,
    weights: np.ndarray,
    sizes: Sequence[float] | np.ndarray,
    targets: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Give every item to one part; the label with the fewest unplaced positives is served first.

    counts: positives of each item, shape (items, labels). weights: documents in each item, shape
    (items,). sizes: documents wanted in each part, summing to the documents there are. targets:
    positives wanted, shape (parts, labels). Returns the part of each item, shape (items,).

    Each item goes to the part that lacks most of the label, ties to the part that lacks most
    documents, then at random. A part without room for the item is passed over while another has
    room, so sizes are met exactly when all weights are 1. Swaps of items then lower the remaining error.
    """
    counts = np.asarray(counts, dtype=np.float64)
    lacking = np.array(targets, dtype=np.float64)
    room = np.array(sizes, dtype=np.float64)
    parts = np.full(len(counts), -1, dtype=np.int64)
    shuffled = rng.permutation(len(counts))
    # heavy items first, while there is room everywhere; items of equal weight in random order
    queue = shuffled[np.argsort(-np.asarray(weights)[shuffled], kind="stable")]
    noise = rng.random((len(counts), len(room)))
    carriers = [queue[counts[queue, label] > 0] for label in range(counts.shape[1])]
    unplaced = counts.sum(0)

    def place(item: int, wanted: np.ndarray) -> None:
        open_parts = np.flatnonzero(room >= weights[item])
        if not len(open_parts):
            open_parts = np.flatnonzero(room == room.max())
        best = max(open_parts.tolist(), key=lambda part: (wanted[part], room[part], noise[item, part]))
        parts[item] = best
        room[best] -= weights[item]
        lacking[best] -= counts[item]
        np.subtract(unplaced, counts[item], out=unplaced)

    while (unplaced > 0.5).any():
        label = int(np.where(unplaced > 0.5, unplaced, np.inf).argmin())
        for item in carriers[label]:
            if parts[item] < 0:
                place(item, lacking[:, label])
    for item in queue:
        if parts[item] < 0:
            place(item, room)
    _swap(counts, np.asarray(weights), parts, np.asarray(targets, dtype=np.float64))
    return parts


def _swap(counts: np.ndarray, weights: np.ndarray, parts: np.ndarray, targets: np.ndarray) -> None:
    """Exchange items of equal weight between parts while that lowers the squared error of the counts.

    The exact sizes above leave the last, most frequent labels to whichever part has room; swaps mend
    that without touching the sizes. Exchanging i of p and j of q with d = y_j - y_i changes the
    error by 2 (d.(e_p - e_q) + |d|^2), where e is the error of a part. Works on `parts` in place.
    """
    excess = np.stack([counts[parts == part].sum(0) for part in range(len(targets))]) - targets
    improved = True
    while improved:
        improved = False
        for p, q in combinations(range(len(targets)), 2):
            mine, theirs = np.flatnonzero(parts == p), np.flatnonzero(parts == q)
            if not len(mine) or not len(theirs):
                continue
            left, right = counts[mine], counts[theirs]
            distance = (left**2).sum(1)[:, None] + (right**2).sum(1)[None, :] - 2 * left @ right.T
            distance[weights[mine][:, None] != weights[theirs][None, :]] = np.inf
            while True:
                gradient = excess[p] - excess[q]
                # rounded, so that ties are ties whatever order a matrix library sums in
                change = np.round(distance + (right @ gradient)[None, :] - (left @ gradient)[:, None], 6)
                i, j = np.unravel_index(int(change.argmin()), change.shape)
                if change[i, j] >= 0:
                    break
                step = right[j] - left[i]
                excess[p] += step
                excess[q] -= step
                parts[mine[i]], parts[theirs[j]] = q, p
                mine[i], theirs[j] = theirs[j], mine[i]
                left[i], right[j] = right[j].copy(), left[i].copy()
                _refresh(distance, left, right, weights[mine], weights[theirs], int(i), int(j))
                improved = True


def _refresh(
    distance: np.ndarray, left: np.ndarray, right: np.ndarray, left_weights: np.ndarray, right_weights: np.ndarray,
    i: int, j: int,
) -> None:  # fmt: skip
    """Recompute the row and the column of `distance` whose items changed."""
    distance[i] = np.where(right_weights == left_weights[i], ((right - left[i]) ** 2).sum(1), np.inf)
    distance[:, j] = np.where(left_weights == right_weights[j], ((left - right[j]) ** 2).sum(1), np.inf)


def stratified_folds(
    label_matrix: np.ndarray, groups: Sequence[str], folds: int, rng: np.random.Generator
) -> np.ndarray:
    """Fold of each document, shape (documents,); a group lies in one fold, sizes are as equal as groups allow.

    Raises ValueError when there are fewer groups than folds.
    """
    names, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    if len(names) < folds:
        raise ValueError(f"{len(names)} groups cannot fill {folds} folds")
    counts, weights = group_counts(label_matrix, member, len(names))
    total = int(weights.sum())
    sizes = np.full(folds, total // folds)
    sizes[rng.permutation(folds)[: total % folds]] += 1
    targets = np.outer(sizes / total, counts.sum(0))
    return iterative_parts(counts, weights, sizes, targets, rng)[member]


def group_counts(label_matrix: np.ndarray, member: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Positives, shape (groups, labels), and documents, shape (groups,), of every group."""
    counts = np.zeros((groups, label_matrix.shape[1]), dtype=np.int64)
    np.add.at(counts, member, label_matrix)
    return counts, np.bincount(member, minlength=groups)
