"""The smallest greedy set of documents with at least k positives of every label.

Shared by the planner, which must know its size before anything runs, and by the regimes, which draw it.
"""

import numpy as np


def greedy_shots(label_matrix: np.ndarray, shots: int, rng: np.random.Generator) -> tuple[np.ndarray, list[int]]:
    """Documents in the order of their choice, and how many there are after each round of one shot more.

    label_matrix: binary, shape (documents, labels). Round r brings every label to r positives, or to all that
    the pool has: of the label with the fewest documents left, that document is taken which serves most labels
    still short, among these the one with the fewest other labels, then at random. So the set of k shots is the
    front of the set of k + 1. The k-th entry of the second value is the size of the set of k shots.
    """
    matrix = np.asarray(label_matrix, dtype=bool)
    noise = rng.random(len(matrix))
    carriers = [np.flatnonzero(matrix[:, label]) for label in range(matrix.shape[1])]
    total, held = matrix.sum(0), np.zeros(matrix.shape[1], dtype=np.int64)
    size = matrix.sum(1)
    taken = np.zeros(len(matrix), dtype=bool)
    chosen: list[int] = []
    ends: list[int] = []
    for shot in range(1, shots + 1):
        goal = np.minimum(shot, total)
        while (short := held < goal).any():
            label = int(np.where(short, total - held, np.iinfo(np.int64).max).argmin())
            free = carriers[label][~taken[carriers[label]]]
            served = matrix[np.ix_(free, np.flatnonzero(short))].sum(1)
            best = int(free[np.lexsort((noise[free], size[free] - served, -served))[0]])
            taken[best] = True
            held += matrix[best]
            chosen.append(best)
        ends.append(len(chosen))
    return np.array(chosen, dtype=np.int64), ends
