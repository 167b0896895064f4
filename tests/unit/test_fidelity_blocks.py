"""Metrics that go block by block never hold a matrix of all pairs: their peak memory, at a small size."""

import tracemalloc

import numpy as np
import pytest

from volfid.core.vectors import unit_rows
from volfid.fidelity import labels, manifold, text

ROWS = 6_000
WHOLE = ROWS * ROWS * 4 / 2**20
"""MB of the float32 matrix of all pairs: 137."""


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    return unit_rows(rng.normal(size=(ROWS, 8)) + 0.3, [""] * ROWS)


def peak_mb(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["kernel_sums", "cross_sums", "quadratic_forms", "radii", "manifold", "nearest"])
def test_no_matrix_of_all_pairs_is_held(vectors, monkeypatch, name):
    monkeypatch.setattr(text, "BLOCK", 512)
    ones, radii = np.ones((ROWS, 1)), np.full(ROWS, 0.1, dtype=np.float32)
    work = {
        "kernel_sums": lambda: text.kernel_sums(vectors, ones, 0.8),
        "cross_sums": lambda: text.cross_sums(vectors, ones, vectors, 0.8),
        "quadratic_forms": lambda: text.quadratic_forms(vectors, ones - 1, 0.8),
        "radii": lambda: manifold.squared_radii(vectors),
        "manifold": lambda: manifold.compare(vectors, radii, vectors, ones[:, 0], radii),
        "nearest": lambda: text.nearest_cosine(vectors, ones[:, 0], vectors),
    }[name]
    assert peak_mb(work) < WHOLE / 4


def test_pairs_of_one_parent_are_taken_in_parts(vectors, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 512)
    parents = np.arange(ROWS) // 30  # 87,000 pairs: 11 MB of differences at 8 dimensions in float64, twice
    wide = np.tile(vectors, (1, 16))
    assert peak_mb(lambda: text.parent_sums(wide, np.ones((ROWS, 1)), parents, 0.8)) < 40  # whole: 170


def test_label_sets_are_compared_in_parts(monkeypatch):
    words = np.arange(4_000, dtype=np.uint64)[:, None]
    sample = labels.LabelSample(words, np.ones(4_000, dtype=np.int64), 64)
    monkeypatch.setattr(labels, "_BLOCK", 512)
    monkeypatch.setattr(labels, "_CELLS", 2**18)
    assert peak_mb(lambda: labels.histogram(sample, sample)) < 30  # whole: 128 for each of three matrices
    args = words, np.ones(4_000, dtype=np.int64), np.arange(4_000), sample, [labels.kernel_table(64)], 99
    assert peak_mb(lambda: labels.permutation_ps(*args, np.random.default_rng(0))) < 30
