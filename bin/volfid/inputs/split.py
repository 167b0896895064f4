"""The fixed split: whole groups to train, reference or test, stratified by label."""

from collections.abc import Sequence

import numpy as np

from volfid.core.exits import DataError
from volfid.core.stratify import group_counts, iterative_parts
from volfid.inputs.settings import InputSettings

SIDES = ("train", "reference", "test")
TRAIN, REFERENCE, TEST = range(3)
LEAST_TEST, LEAST_TRAIN = 1, 2


def assign_sides(
    matrix: np.ndarray, groups: Sequence[str], given: Sequence[str | None], settings: InputSettings,
    rng: np.random.Generator,
) -> tuple[list[str], list[str]]:  # fmt: skip
    """Side of each document, and warnings.

    matrix: binary labels, shape (documents, labels), rows sorted by id. given: the user's split, or
    None everywhere. A given split holds; sides it lacks are carved out of its train documents.
    Raises DataError when there are too few groups for three sides.
    """
    sides = np.array([SIDES.index(side) if side else TRAIN for side in given])
    shares = {REFERENCE: settings.reference_share, TEST: settings.test_share}
    warnings = []
    if any(given):
        shares = {side: share for side, share in shares.items() if not (sides == side).any()}
        warnings += [
            f"the given split has no {SIDES[side]} documents; {share:.0%} of its train documents became {SIDES[side]}"
            for side, share in shares.items()
        ]
    pool = np.flatnonzero(sides == TRAIN)
    if shares:
        sides[pool] = _carve(matrix[pool], [groups[index] for index in pool], shares, rng)
    if any(given):
        warnings += _leaks(groups, sides)
    missing = [name for side, name in enumerate(SIDES) if not (sides == side).any()]
    if missing:
        raise DataError(
            f"{len(matrix)} documents in {len(set(groups))} groups leave no {missing[0]} document",
            mend="Bring more documents, or fewer near duplicates and larger families",
        )
    warnings += _thin_labels(matrix, sides)
    return [SIDES[side] for side in sides], warnings


def _carve(matrix: np.ndarray, groups: Sequence[str], shares: dict[int, float], rng: np.random.Generator) -> np.ndarray:
    names, member = np.unique(np.array(groups, dtype=object).astype(str), return_inverse=True)
    counts, weights = group_counts(matrix, member, len(names))
    total = len(matrix)
    sides = [TRAIN, *shares]
    sizes = [0] + [max(1, round(share * total)) for share in shares.values()]
    sizes[0] = total - sum(sizes)
    targets = np.outer(np.array(sizes) / total, counts.sum(0))
    chosen = np.array(sides)[iterative_parts(counts, weights, sizes, targets, rng)]
    if TEST in shares:
        _give_least(counts, weights, chosen)
    return chosen[member]


def _give_least(counts: np.ndarray, weights: np.ndarray, chosen: np.ndarray) -> None:
    """Move groups so that every label has a test and two train documents, where the counts allow."""

    def held(side: int) -> np.ndarray:
        return counts[chosen == side].sum(0)

    needs = [(TEST, LEAST_TEST, (REFERENCE, TRAIN)), (TRAIN, LEAST_TRAIN, (REFERENCE, TEST))]
    least = {TRAIN: LEAST_TRAIN, REFERENCE: 0, TEST: LEAST_TEST}
    for label in np.argsort(counts.sum(0), kind="stable"):
        for side, wanted, donors in needs:
            for donor in donors:
                spare = held(donor) - least[donor]
                able = [
                    group for group in np.flatnonzero((chosen == donor) & (counts[:, label] > 0))
                    if (counts[group] <= spare)[counts[group] > 0].all()
                ]  # fmt: skip
                # the smallest group first: it disturbs the sizes least
                for group in sorted(able, key=lambda group: (weights[group], group)):
                    if held(side)[label] >= wanted:
                        break
                    if (counts[group] <= held(donor) - least[donor])[counts[group] > 0].all():
                        chosen[group] = side


def _leaks(groups: Sequence[str], sides: np.ndarray) -> list[str]:
    reach: dict[str, set[int]] = {}
    for group, side in zip(groups, sides.tolist(), strict=True):
        reach.setdefault(group, set()).add(side)
    crossing = {group for group, found in reach.items() if len(found) > 1}
    if not crossing:
        return []
    documents = sum(group in crossing for group in groups)
    return [
        f"leakage: {len(crossing)} families or groups of near duplicates ({documents} documents) "
        "lie on two sides of the given split"
    ]


def _thin_labels(matrix: np.ndarray, sides: np.ndarray) -> list[str]:
    test, train = matrix[sides == TEST].sum(0), matrix[sides == TRAIN].sum(0)
    thin = int(((test < LEAST_TEST) | (train < LEAST_TRAIN)).sum())
    return [f"{thin} labels have no test or fewer than two train documents"] if thin else []
