"""The fixed split: whole groups to train, reference or test, stratified by label."""

from collections.abc import Sequence

import numpy as np

from volfid.core.exits import DataError
from volfid.core.stratify import group_counts, iterative_parts
from volfid.inputs.faults import shown
from volfid.inputs.settings import InputSettings

SIDES = ("train", "reference", "test")
TRAIN, REFERENCE, TEST = range(3)
LEAST_TEST, LEAST_TRAIN = 1, 2
_WHOLE, _BLOCK = 8_000, 2_000
_UNITS = {4: "year", 7: "month", 10: "day"}


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
    if any(given) and not len(pool):
        raise DataError(
            f"the file's split leaves no train document ({_held(sides)} after cleaning)",
            mend="Give train rows, or remove the split column; train documents that are tied to test ones go by "
            "leakage=drop",
        )
    if shares:
        sides[pool] = _carve(matrix[pool], [groups[index] for index in pool], shares, rng)
    _refuse_empty(sides, groups, any(given))
    warnings += _thin_labels(matrix, sides)
    return [SIDES[side] for side in sides], warnings


def sides_by_date(
    matrix: np.ndarray, groups: Sequence[str], dates: Sequence[str], settings: InputSettings, rows: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Side of each document by time: the latest share is the test side, the share before it reference.

    dates: YYYY, YYYY-MM or YYYY-MM-DD; where they differ in length the coarsest counts for all, and a warning names
    its row (`rows`: the place of each document in words). A group has the
    date of its latest document, and groups of one date are never parted, so that no training document is later
    than a test document's group. The cuts are those whose shares come nearest to the ones asked for; warnings
    name them. Raises DataError when the dates leave no three sides.
    """
    exact = min(map(len, dates))
    member, number = _members(groups)
    latest = np.full(number, "", dtype=object)
    for group, date in zip(member.tolist(), dates, strict=True):
        latest[group] = max(latest[group], date[:exact])
    own = latest[member].astype(str)
    steps, counts = np.unique(own, return_counts=True)
    after = counts[::-1].cumsum()[::-1] / len(own)  # share of documents from each date on
    if len(steps) < 3:
        raise DataError(
            f"the documents have {len(steps)} different dates; three are needed for a split by date",
            mend="Give finer dates, or leave out split_by and --date_column",
        )
    # a date is left for each side before this one
    test = 2 + int(np.abs(after[2:] - settings.test_share).argmin())
    wanted = settings.test_share + settings.reference_share
    reference = 1 + int(np.abs(after[1:test] - wanted).argmin())
    sides = np.where(own >= steps[test], TEST, np.where(own >= steps[reference], REFERENCE, TRAIN))
    share = {side: float((sides == side).mean()) for side in (REFERENCE, TEST)}
    told = [
        f"split by date: test from {steps[test]} on ({share[TEST]:.1%} of the documents), "
        f"reference from {steps[reference]} on ({share[REFERENCE]:.1%}), train before"
    ]
    if exact < max(map(len, dates)):
        coarse = next(place for place, date in enumerate(dates) if len(date) == exact)
        where = f" ({rows[coarse]})" if rows else ""
        told.append(f"dates are compared by {_UNITS[exact]} alone, because of {shown(dates[coarse])}{where}")
    return [SIDES[side] for side in sides], told + _thin_labels(matrix, sides)


def _held(sides: np.ndarray) -> str:
    return ", ".join(f"{int((sides == side).sum())} {name}" for side, name in enumerate(SIDES))


def _refuse_empty(sides: np.ndarray, groups: Sequence[str], given: bool) -> None:
    missing = [name for side, name in enumerate(SIDES) if not (sides == side).any()]
    if missing:
        split = "; the file's split leaves too few train documents to draw the other sides from" if given else ""
        raise DataError(
            f"{len(sides)} documents in {len(set(groups))} groups leave no {missing[0]} document{split}",
            mend="Bring more documents, or fewer near duplicates and smaller families",
        )


def _carve(matrix: np.ndarray, groups: Sequence[str], shares: dict[int, float], rng: np.random.Generator) -> np.ndarray:
    member, number = _members(groups)
    counts, weights = group_counts(matrix, member, number)
    total = len(matrix)
    sides = [TRAIN, *shares]
    sizes = [0] + [max(1, round(share * total)) for share in shares.values()]
    sizes[0] = total - sum(sizes)
    chosen = np.array(sides)[_parts(counts, weights, np.array(sizes), rng)]
    if TEST in shares:
        _give_least(counts, weights, chosen)
    return chosen[member]


def _members(groups: Sequence[str]) -> tuple[np.ndarray, int]:
    """Number of the group of each document, groups in the order of their names, and how many there are."""
    names = {name: number for number, name in enumerate(sorted(set(groups)))}
    return np.array([names[name] for name in groups], dtype=np.int64), len(names)


def _parts(counts: np.ndarray, weights: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Part of each group. Stratification compares groups in pairs, so very many are dealt out in blocks; what a block
    leaves wanting in documents or labels, the next one makes up for."""
    shares = sizes / sizes.sum()
    if len(counts) <= _WHOLE:
        return iterative_parts(counts, weights, sizes, np.outer(shares, counts.sum(0)), rng)
    chosen = np.zeros(len(counts), dtype=np.int64)
    wanted, lacking = np.zeros(len(sizes)), np.zeros((len(sizes), counts.shape[1]))
    for block in np.array_split(rng.permutation(len(counts)), -(-len(counts) // _BLOCK)):
        wanted += shares * weights[block].sum()
        lacking += np.outer(shares, counts[block].sum(0))
        room = np.floor(np.maximum(wanted, 0)).astype(np.int64)
        room[0] += weights[block].sum() - room.sum()
        chosen[block] = iterative_parts(counts[block], weights[block], room, np.maximum(lacking, 0), rng)
        for part in range(len(sizes)):
            mine = block[chosen[block] == part]
            wanted[part] -= weights[mine].sum()
            lacking[part] -= counts[mine].sum(0)
    return chosen


def _give_least(counts: np.ndarray, weights: np.ndarray, chosen: np.ndarray) -> None:
    """Move groups so that every label has a test and two train documents, where the counts allow."""

    def held(side: int) -> np.ndarray:
        return counts[chosen == side].sum(0)

    needs = [(TEST, LEAST_TEST, (REFERENCE, TRAIN)), (TRAIN, LEAST_TRAIN, (REFERENCE, TEST))]
    least = {TRAIN: LEAST_TRAIN, REFERENCE: 0, TEST: LEAST_TEST}
    positives = {side: held(side) for side in least}
    for label in np.argsort(counts.sum(0), kind="stable"):
        for side, wanted, donors in needs:
            for donor in donors:
                if positives[side][label] >= wanted:
                    break
                spare = positives[donor] - least[donor]
                able = [
                    group for group in np.flatnonzero((chosen == donor) & (counts[:, label] > 0))
                    if (counts[group] <= spare)[counts[group] > 0].all()
                ]  # fmt: skip
                # the smallest group first: it disturbs the sizes least
                for group in sorted(able, key=lambda group: (weights[group], group)):
                    if positives[side][label] >= wanted:
                        break
                    if (counts[group] <= positives[donor] - least[donor])[counts[group] > 0].all():
                        chosen[group] = side
                        positives[side] = positives[side] + counts[group]
                        positives[donor] = positives[donor] - counts[group]


def _thin_labels(matrix: np.ndarray, sides: np.ndarray) -> list[str]:
    test, train = matrix[sides == TEST].sum(0), matrix[sides == TRAIN].sum(0)
    thin = int(((test < LEAST_TEST) | (train < LEAST_TRAIN)).sum())
    return [f"{thin} labels have no test or fewer than two train documents"] if thin else []
