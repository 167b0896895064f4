"""Realised labels: recovered where the truth is known, calibrated on real documents, undefined with a reason."""

import numpy as np
import pytest

from volfid.fidelity.realised import Checker


def world(n: int = 600, labels: int = 8, noise: float = 0.6, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = rng.random((n, labels)) < 0.2
    truth[np.arange(n), rng.integers(labels, size=n)] = True
    centres = rng.normal(size=(labels, 24))
    return truth, (truth @ centres + noise * rng.normal(size=(n, 24)) * 3).astype(np.float32), rng


def groups(n: int) -> list[str]:
    return [f"g{i:05d}" for i in range(n)]


@pytest.mark.parametrize("share", [0.0, 0.4, 0.7, 1.0])
def test_the_share_of_documents_that_have_what_they_were_asked_for_is_recovered(share):
    truth, vectors, rng = world(2000)
    checker = Checker(vectors[:1500], truth[:1500], groups(1500))
    made, x = truth[1500:], vectors[1500:]
    other = made[rng.permutation(len(made))]
    keep = rng.random(len(made)) < share
    asked = np.where(keep[:, None], made, other)
    found = checker.realised(checker.recognise(x), asked, np.ones(len(made)))
    expected = (asked & made).sum() / asked.sum()
    assert found.value == pytest.approx(expected, abs=0.06)
    assert found.n == asked.sum() and found.false_positives < found.recognised + 1e-9


def test_real_documents_checked_by_folds_that_did_not_see_them_come_out_near_one():
    truth, vectors, _ = world()
    checker = Checker(vectors, truth, groups(600))
    found = checker.realised(checker.out_of_fold, truth, np.ones(600))
    assert found.value == pytest.approx(1.0, abs=1e-9) and found.sensitivity < 0.99


def test_documents_of_one_group_share_a_fold():
    truth, vectors, _ = world(120, noise=3.0)
    doubled = np.repeat(np.arange(120), 2)
    apart = Checker(vectors[doubled], truth[doubled], groups(240))
    together = Checker(vectors[doubled], truth[doubled], [f"g{i:05d}" for i in doubled])
    assert np.nanmean(together.sensitivity) < np.nanmean(apart.sensitivity)  # twins in the other fold give it away


def test_multiplicity_counts_as_repeated_rows():
    truth, vectors, _ = world()
    checker = Checker(vectors, truth, groups(600))
    seen, counts = checker.recognise(vectors[:20]), np.arange(1, 21)
    repeated = np.repeat(np.arange(20), counts)
    one = checker.realised(seen, truth[:20], counts)
    other = checker.realised(seen[repeated], truth[:20][repeated], np.ones(len(repeated)))
    assert one == other


def test_what_cannot_be_known_is_undefined_with_its_reason():
    truth, vectors, rng = world()
    checker = Checker(vectors, truth, groups(600))
    nothing = checker.realised(np.zeros((3, 8), bool), np.zeros((3, 8), bool), np.ones(3))
    assert nothing.value is None and nothing.why == "no row has a label"
    blind = Checker(rng.normal(size=(600, 24)), truth & (rng.random((600, 8)) < 0.3), groups(600))
    found = blind.realised(np.zeros((5, 8), bool), np.ones((5, 8), bool), np.ones(5))
    assert found.value is None and "cannot tell" in found.why
    absent = truth.copy()
    absent[:, 0] = False
    found = Checker(vectors, absent, groups(600)).realised(truth[:9], truth[:9], np.ones(9))
    assert found.value is None and "on no or on every" in found.why
