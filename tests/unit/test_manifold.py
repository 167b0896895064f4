"""Precision, recall, density and coverage against their definition, pair by pair, and against the package prdc."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volfid.core.vectors import unit_rows
from volfid.fidelity import manifold, text


def unit(rng, rows, columns=5, shift=0.0):
    return unit_rows(rng.normal(size=(rows, columns)) + shift, [f"d{i}" for i in range(rows)])


def figures(reference, x, k=3, counts=None, parents=None):
    radii = manifold.squared_radii(reference, k)
    counts = np.ones(len(x), dtype=int) if counts is None else counts
    return manifold.compare(reference, radii, x, counts, manifold.squared_radii(x, k, parents), k)


def brute_force(reference, x, k, parents=None):
    """The definition with loops over pairs, in float64, each row once."""
    parents = list(range(len(x))) if parents is None else list(parents)

    def distance(a, b):
        return float(((a.astype(float) - b.astype(float)) ** 2).sum())

    def radius(rows, names, i):
        return sorted(distance(rows[i], rows[j]) for j in range(len(rows)) if names[j] != names[i])[k - 1]

    real = [radius(reference, range(len(reference)), i) for i in range(len(reference))]
    made = [radius(x, parents, j) for j in range(len(x))]
    table = [[distance(r, f) for f in x] for r in reference]
    margin = manifold.TIE
    inside = [sum(table[i][j] < real[i] - margin for i in range(len(reference))) for j in range(len(x))]
    holding = [any(table[i][j] < made[j] - margin for j in range(len(x))) for i in range(len(reference))]
    covered = [min(table[i]) < real[i] - margin for i in range(len(reference))]
    return manifold.Manifold(np.mean(np.array(inside) > 0), np.mean(holding), np.mean(inside) / k, np.mean(covered))


def same(found, expected):
    assert [found.precision, found.recall, found.density, found.coverage] == pytest.approx(
        [expected.precision, expected.recall, expected.density, expected.coverage], abs=1e-12
    )


@given(st.integers(0, 10_000), st.integers(4, 25), st.integers(4, 25), st.integers(1, 3), st.sampled_from([3, 7, 1024]))
@settings(max_examples=40, deadline=None)
def test_figures_equal_the_definition_in_any_block(seed, n, m, k, block):
    rng = np.random.default_rng(seed)
    reference, x = unit(rng, n), unit(rng, m, shift=0.4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "BLOCK", block)
        same(figures(reference, x, k), brute_force(reference, x, k))


@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from([3, 1024]))
@settings(max_examples=30, deadline=None)
def test_documents_of_one_parent_are_no_neighbours(seed, families, block):
    rng = np.random.default_rng(seed)
    parents = rng.integers(0, families, 14)
    parents[:2] = 0, 1
    reference, x = unit(rng, 9), unit(rng, 14)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "BLOCK", block)
        found = manifold.squared_radii(x, 2, parents)
        if min(14 - np.bincount(parents)[parents]) < 2:
            assert found is None
        else:
            same(figures(reference, x, 2, parents=parents), brute_force(reference, x, 2, parents))


def test_copies_have_the_figures_of_their_base_and_counts_weigh_precision_and_density():
    rng = np.random.default_rng(1)
    reference, x = unit(rng, 40), unit(rng, 30, shift=0.5)
    base = figures(reference, x)
    same(figures(reference, x, counts=np.full(30, 7)), base)
    twice = manifold.squared_radii(np.concatenate([x, x]), 6, np.tile(np.arange(30), 2))
    assert twice == pytest.approx(np.tile(manifold.squared_radii(x, 3), 2), abs=1e-6)
    counts = rng.integers(1, 5, 30)
    weighted = figures(reference, x, counts=counts)
    whole = [figures(reference, x[i : i + 1]) for i in range(30)]
    assert weighted.precision == pytest.approx(np.average([one.precision for one in whole], weights=counts))
    assert weighted.density == pytest.approx(np.average([one.density for one in whole], weights=counts))
    assert (weighted.recall, weighted.coverage) == (base.recall, base.coverage)


def test_row_order_changes_nothing_and_a_tie_is_outside():
    rng = np.random.default_rng(2)
    reference, x = unit(rng, 50), unit(rng, 60)
    x[:10] = reference[:10]  # on the edge of the balls whose k-th neighbour they are
    base = figures(reference, x)
    for _ in range(3):
        assert figures(rng.permutation(reference), rng.permutation(x)) == base
    square = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], dtype=np.float32)
    found = figures(square, square, k=1)  # each ball ends at the two neighbours of its centre and holds the centre
    assert (found.precision, found.recall, found.density, found.coverage) == (1, 1, 1, 1)
    found = figures(square[:2], square[2:], k=1)  # (0, -1) is as far from (1, 0) as (0, 1) is: on the edge
    assert (found.precision, found.density, found.coverage) == (0, 0, 0)


def test_equal_laws_score_one_and_a_distant_one_nothing():
    rng = np.random.default_rng(3)
    reference, like, far = unit(rng, 300), unit(rng, 300), unit(rng, 300, shift=6.0)
    found = figures(reference, like, 5)
    assert found.precision > 0.9 and found.recall > 0.9 and found.coverage > 0.9
    assert found.density == pytest.approx(1, abs=0.15)
    away = figures(reference, far, 5)
    assert away.recall < 0.2 and away.coverage < 0.2


def test_figures_of_the_package_prdc_are_met():
    """Computed once with prdc 0.2 on the rows drawn here, k = 5."""
    rng = np.random.default_rng(7)
    reference, x = unit(rng, 120, 8, shift=0.8), unit(rng, 90, 8, shift=0.2)
    found = figures(reference, x, 5)
    assert (found.precision, found.recall) == pytest.approx([0.8, 1.0], abs=1e-12)
    assert (found.density, found.coverage) == pytest.approx([0.4733333333333334, 0.7083333333333334], abs=1e-12)


def test_too_few_documents_have_no_radii_and_then_there_is_no_recall():
    rng = np.random.default_rng(4)
    reference, x = unit(rng, 20), unit(rng, 3)
    assert manifold.squared_radii(x, 3) is None and manifold.squared_radii(x[:0], 3) is None
    assert manifold.squared_radii(x, 2) is not None
    found = figures(reference, x, 3)
    assert found.recall is None and 0 <= found.precision <= 1
