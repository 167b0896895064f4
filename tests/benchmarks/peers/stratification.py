"""Stratified subsets: the nested order against iterative-stratification and scikit-multilearn, in one run.

Usage: python tests/benchmarks/peers/stratification.py [patents.jsonl.gz]
Without a file both matrices are random with a long tail, at 1,809 x 64 and at 20,000 x 64.
"""

import gzip
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[3] / "bin"))

from volfid.core.ordering import nested_order
from volfid.core.stratify import iterative_parts

Split = Callable[[np.ndarray, int, int], np.ndarray]


def long_tail(documents: int, labels: int = 64, seed: int = 0) -> np.ndarray:
    """Label matrix with frequencies like those of real patents: 0.22 / rank^0.75, at least one label a document."""
    rng = np.random.default_rng(seed)
    share = 0.22 / np.arange(1, labels + 1) ** 0.75
    matrix = (rng.random((documents, labels)) < share).astype(np.uint8)
    empty = matrix.sum(1) == 0
    matrix[np.flatnonzero(empty), rng.choice(labels, int(empty.sum()), p=share / share.sum())] = 1
    return matrix


def patents(path: str) -> np.ndarray:
    """Label matrix of a file of documents with `id` and `labels`, in order of id."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = sorted((json.loads(line) for line in file), key=lambda row: row["id"])
    column = {label: k for k, label in enumerate(sorted({label for row in rows for label in row["labels"]}))}
    matrix = np.zeros((len(rows), len(column)), dtype=np.uint8)
    for i, row in enumerate(rows):
        matrix[i, [column[label] for label in row["labels"]]] = 1
    return matrix


def nested(matrix: np.ndarray, size: int, seed: int) -> np.ndarray:
    """The prefix of the nested order: every smaller size is stratified, too."""
    return nested_order(matrix, np.random.default_rng(seed), needed=size)[:size]


def one_cut(matrix: np.ndarray, size: int, seed: int) -> np.ndarray:
    """One subset alone, which is what the peers make."""
    share = size / len(matrix)
    targets = np.outer([share, 1 - share], matrix.sum(0))
    sizes = (size, len(matrix) - size)
    parts = iterative_parts(matrix, np.ones(len(matrix)), sizes, targets, np.random.default_rng(seed))
    return np.flatnonzero(parts == 0)


def iterstrat(matrix: np.ndarray, size: int, seed: int) -> np.ndarray:
    """iterative-stratification."""
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    splitter = MultilabelStratifiedShuffleSplit(1, train_size=size, test_size=len(matrix) - size, random_state=seed)
    return np.asarray(next(splitter.split(matrix, matrix))[0])


def skmultilearn(matrix: np.ndarray, size: int, seed: int) -> np.ndarray:
    """scikit-multilearn, order 1; rows are shuffled before, because it is deterministic."""
    from skmultilearn.model_selection import IterativeStratification

    share = size / len(matrix)
    shuffled = np.random.default_rng(seed).permutation(len(matrix))
    folds = IterativeStratification(n_splits=2, order=1, sample_distribution_per_fold=[share, 1 - share])
    parts = [np.asarray(test) for _, test in folds.split(shuffled, matrix[shuffled])]
    return shuffled[min(parts, key=lambda part: abs(len(part) - size))]


def at_random(matrix: np.ndarray, size: int, seed: int) -> np.ndarray:
    """No stratification."""
    return np.random.default_rng(seed).permutation(len(matrix))[:size]


SPLITS: dict[str, Split] = {
    "nested order": nested, "one cut": one_cut, "iterative-stratification": iterstrat,
    "scikit-multilearn": skmultilearn, "random": at_random,
}  # fmt: skip


def label_distance(matrix: np.ndarray, subset: np.ndarray) -> float:
    """Sechidis, Tsoumakas and Vlahavas (2011), labels distribution: mean over labels of the difference in odds."""
    inside, whole = matrix[subset].sum(0), matrix.sum(0)
    return float(np.abs(inside / np.maximum(len(subset) - inside, 1) - whole / (len(matrix) - whole)).mean())


def count_error(matrix: np.ndarray, subset: np.ndarray) -> float:
    """Mean over labels of |positives in the subset - positives that its size should hold|."""
    return float(np.abs(matrix[subset].sum(0) - len(subset) * matrix.mean(0)).mean())


def compare(matrix: np.ndarray, size: int, seeds: int) -> Iterator[tuple[str, str, float, float, float, float]]:
    """Name, sizes had, labels with a positive, distance, count error and CPU seconds: means, seconds the median."""
    for name, split in SPLITS.items():
        subsets, taken = [], []
        for seed in range(seeds):
            start = time.process_time()
            try:
                subsets.append(split(matrix, size, seed))
            except ImportError:
                break
            taken.append(time.process_time() - start)
        if not subsets:
            continue
        sizes = [len(subset) for subset in subsets]
        had = f"{min(sizes)}" if len(set(sizes)) == 1 else f"{min(sizes)}-{max(sizes)}"
        means = [
            float(np.mean([figure(subset) for subset in subsets]))
            for figure in (
                lambda subset: (matrix[subset].sum(0) > 0).sum(),
                lambda subset: label_distance(matrix, subset),
                lambda subset: count_error(matrix, subset),
            )
        ]
        yield name, had, means[0], means[1], means[2], statistics.median(taken)


def main() -> None:
    """Print one Markdown table for each matrix."""
    warnings.simplefilter("ignore")
    first = patents(sys.argv[1]) if len(sys.argv) > 1 else long_tail(1809)
    for matrix, size, seeds in ((first, 165, 10), (long_tail(20_000), 1650, 3)):
        print(f"\n{size:,} of {len(matrix):,} documents, {matrix.shape[1]} labels, {seeds} seeds\n")
        print(
            "| splitter | size | labels with a positive | label distance | count error | CPU s |\n" + 6 * "|---" + "|"
        )
        for name, had, seen, distance, error, cpu in compare(matrix, size, seeds):
            print(f"| {name} | {had} | {seen:.1f} | {distance:.5f} | {error:.2f} | {cpu:.2f} |")


if __name__ == "__main__":
    main()
