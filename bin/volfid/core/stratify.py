"""Iterative multi-label stratification with exact sizes (Sechidis, Tsoumakas and Vlahavas 2011).

Shared by the fixed split (inputs) and by regimes and folds (regimes). The items are documents, or
whole groups of documents that must stay together; then an item has a weight and label counts.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

_TIE = 1e-6
_BLOCK = 256


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
    Items of equal weight and labels are one kind: only kinds are compared.
    """
    items = np.ascontiguousarray(np.column_stack([weights, counts]))
    names: dict[bytes, int] = {}
    kind = np.array([names.setdefault(item.tobytes(), len(names)) for item in items], dtype=np.int64)
    kinds = np.frombuffer(b"".join(names), dtype=items.dtype).reshape(len(names), -1)
    excess = np.stack([counts[parts == part].sum(0) for part in range(len(targets))]) - targets
    improved = True
    while improved:
        improved = False
        for p, q in combinations(range(len(targets)), 2):
            mine, theirs = np.flatnonzero(parts == p), np.flatnonzero(parts == q)
            if not len(mine) or not len(theirs):
                continue
            while True:
                gradient = excess[p] - excess[q]
                found = _best_exchange(
                    kinds, _places(kind[mine], len(kinds)), _places(kind[theirs], len(kinds)), gradient
                )
                if found is None:
                    break
                i, j = found
                step = counts[theirs[j]] - counts[mine[i]]
                excess[p] += step
                excess[q] -= step
                parts[mine[i]], parts[theirs[j]] = q, p
                mine[i], theirs[j] = theirs[j], mine[i]
                improved = True


def _places(kind: np.ndarray, kinds: int) -> tuple[np.ndarray, np.ndarray]:
    """The kinds that occur, and the first place of each."""
    first = np.full(kinds, -1)
    first[kind[::-1]] = np.arange(len(kind))[::-1]  # of several places the one written last stays: the first
    found = np.flatnonzero(first >= 0)
    return found, first[found]


def _best_exchange(
    kinds: np.ndarray, left: tuple[np.ndarray, np.ndarray], right: tuple[np.ndarray, np.ndarray], gradient: np.ndarray
) -> tuple[int, int] | None:
    """Places of the exchange that lowers the error most, the first of equals; None when none lowers it.

    kinds (kinds, 1 + labels): weight and counts. left, right: kinds of each side and their first places.
    Rows that differ have |d|^2 >= 1, so an exchange gains at most y_i.g - y_j.g - 1: the left kinds are
    taken by falling y_i.g, until that bound is below what was found.
    """
    slope = kinds[:, 1:] @ gradient
    order = np.argsort(-slope[left[0]], kind="stable")
    mine, my_place = left[0][order], left[1][order]
    near = slope[right[0]] < slope[mine[0]] - 1 + _TIE
    theirs, their_place = right[0][near], right[1][near]
    if not len(theirs):
        return None
    lowest = slope[theirs].min()
    norms = (kinds[:, 1:] ** 2).sum(1)
    best, where = -_TIE, None
    for start in range(0, len(mine), _BLOCK):
        rows = mine[start : start + _BLOCK]
        if 1 + lowest - slope[rows[0]] > best + _TIE:
            break
        distance = norms[rows][:, None] + norms[theirs][None, :] - 2 * kinds[rows, 1:] @ kinds[theirs, 1:].T
        distance[kinds[rows, 0][:, None] != kinds[theirs, 0][None, :]] = np.inf
        # rounded, so that ties are ties whatever order a matrix library sums in
        change = np.round(distance + slope[theirs][None, :] - slope[rows][:, None], 6)
        low = float(change.min())
        if low > best + _TIE / 2:
            continue
        i, j = np.nonzero(change == low)
        places = my_place[start + i], their_place[j]
        first = int(np.lexsort((places[1], places[0]))[0])
        found = int(places[0][first]), int(places[1][first])
        if where is None or low < best - _TIE / 2 or found < where:
            best, where = low, found
    return where


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
