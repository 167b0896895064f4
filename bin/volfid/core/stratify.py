"""Iterative multi-label stratification with exact sizes (Sechidis, Tsoumakas and Vlahavas 2011).

Shared by the fixed split (inputs) and by regimes and folds (regimes). The items are documents, or
whole groups of documents that must stay together; then an item has a weight and label counts.
"""

from collections.abc import Sequence

import numpy as np


def iterative_parts(
    counts: np.ndarray, weights: np.ndarray, sizes: Sequence[float], targets: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Give every item to one part; the label with the fewest unplaced positives is served first.

    counts: positives of each item, shape (items, labels). weights: documents in each item, shape
    (items,). sizes: documents wanted in each part, summing to the documents there are. targets:
    positives wanted, shape (parts, labels). Returns the part of each item, shape (items,).

    Each item goes to the part that lacks most of the label, ties to the part that lacks most
    documents, then at random. A part without room for the item is passed over while another has
    room, so sizes are met exactly when all weights are 1.
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
    return parts


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
