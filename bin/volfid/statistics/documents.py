"""Paired comparison of systems over the test documents: micro-F1 from per-document counts.

Documents are resampled jointly for all systems. With multinomial counts W (resamples, documents)
every resampled sum is one entry of a matrix product W @ counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from volfid.statistics.intervals import LEVEL

RESAMPLES = 10_000
MOST_EXACT = 20  # documents whose swaps are all enumerated
MOST_DIFFERING = 13  # or documents on which the systems differ: 8,192 arrangements
EXACT_IN_FLOAT32 = 1 << 24
_CHUNK = 1 << 18  # random documents drawn at once


@dataclass(frozen=True)
class Systems:
    """Counts of several systems on the same documents, each array (systems, documents).

    errors is fp + fn; micro-F1 = 2 TP / (2 TP + errors).
    """

    tp: np.ndarray
    errors: np.ndarray

    @property
    def documents(self) -> int:
        """Number of test documents."""
        return self.tp.shape[1]


def micro_f1(tp: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Micro-F1 of summed counts; NaN where there is neither a label nor a prediction."""
    total = 2.0 * tp + errors
    return np.divide(2.0 * tp, total, out=np.full(np.shape(total), np.nan), where=total > 0)


def weights_from_indices(indices: np.ndarray, documents: int) -> np.ndarray:
    """How often each document is in each resample, (resamples, documents); `indices` (resamples, size)."""
    weights = np.empty((len(indices), documents), dtype=np.float32)
    for row, chosen in zip(weights, indices, strict=True):
        row[:] = np.bincount(chosen, minlength=documents)
    return weights


def resampled_indices(documents: int, times: int, rng: np.random.Generator) -> np.ndarray:
    """Documents drawn in each of `times` resamples with replacement, (times, documents); uint16 where it holds them.

    Exactly uniform: 16 random bits a document, drawn again where they lie beyond the last full multiple of
    the number of documents (half the time of bounded integers).
    """
    if not 0 < documents < 1 << 16 or not times:
        return rng.integers(0, documents, (times, documents))
    n = np.uint16(documents)
    limit = (1 << 16) // documents * documents
    drawn = np.empty((times, documents), dtype=np.uint16)
    for part in np.array_split(drawn, -(-drawn.size // _CHUNK) or 1):  # parts that stay in the cache
        words = rng.integers(0, 1 << 64, -(-part.size // 4), dtype=np.uint64)
        bits = words.view(np.uint16)[: part.size]
        if limit < 1 << 16:
            again = np.flatnonzero(bits >= limit)
            bits[again] = rng.integers(0, limit, len(again), dtype=np.uint16)
        bits -= bits // n * n
        part[:] = bits.reshape(part.shape)
    return drawn


def resampling_weights(documents: int, times: int, rng: np.random.Generator) -> np.ndarray:
    """Weights of `times` resamples of all documents with replacement."""
    return weights_from_indices(resampled_indices(documents, times, rng), documents)


def resampled_f1(systems: Systems, weights: np.ndarray) -> np.ndarray:
    """Micro-F1 of every system in every resample, (resamples, systems), by one matrix product."""
    columns = np.concatenate([systems.tp, systems.errors])
    # sums of small integers are exact in float32 as long as they stay below 2^24
    largest = float(columns.max(initial=0)) * float(weights.max(initial=0)) * len(columns.T)
    kind = np.float32 if largest < EXACT_IN_FLOAT32 else np.float64
    sums = (weights.astype(kind, copy=False) @ columns.T.astype(kind)).astype(np.float64)
    return micro_f1(sums[:, : len(systems.tp)], sums[:, len(systems.tp) :])


def gathered_f1(systems: Systems, indices: np.ndarray, chunk: int = 100) -> np.ndarray:
    """As `resampled_f1`, from the indices themselves: cheaper for one pair, whose counts fit into one integer.

    The columns are digits of one 64-bit number for each document, so that one gather and one sum give all of
    them; where they do not fit, the weights are counted.
    """
    columns = np.concatenate([systems.tp, systems.errors]).astype(np.int64)
    base = int(columns.max(initial=0)) * indices.shape[1] + 1
    if base ** len(columns) >= 1 << 63:
        return resampled_f1(systems, weights_from_indices(indices, systems.documents))
    place = [base**k for k in range(len(columns))]
    packed = np.array(place) @ columns
    total = np.empty(len(indices), dtype=np.int64)
    for start in range(0, len(indices), chunk):
        total[start : start + chunk] = np.take(packed, indices[start : start + chunk]).sum(axis=1)
    sums = np.stack([total // p % base for p in place], axis=1).astype(np.float64)
    return micro_f1(sums[:, : len(systems.tp)], sums[:, len(systems.tp) :])


def left_out_f1(systems: Systems) -> np.ndarray:
    """Micro-F1 of every system without each document in turn, (documents, systems)."""
    tp, errors = (x.sum(axis=1)[None, :] - x.T for x in (systems.tp, systems.errors))
    return micro_f1(tp, errors)


@dataclass(frozen=True)
class Bootstrap:
    """A difference with two intervals over documents; `values` are its resampled values.

    BCa (Efron 1987) corrects for bias `z0` and for `acceleration`, from the jackknife; it is None
    where one of the two is undefined.
    """

    delta: float
    percentile: tuple[float, float]
    bca: tuple[float, float] | None
    z0: float
    acceleration: float
    se: float
    p: float
    values: np.ndarray


def bootstrap_interval(delta: float, values: np.ndarray, jackknife: np.ndarray, level: float = LEVEL) -> Bootstrap:
    """Percentile and BCa interval of `delta`, from its resampled and its leave-one-out values.

    p is two-sided, of the values shifted to a mean of zero: how often |d* - mean(d*)| >= |d|.
    """
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    kept = values[np.isfinite(values)]
    below = float((kept < delta).mean())
    z0 = float(special.ndtri(below))
    gap = jackknife.mean() - jackknife
    spread = float((gap**2).sum())
    acceleration = float((gap**3).sum() / (6 * spread**1.5)) if spread > 1e-300 else float("nan")
    low, high = np.quantile(kept, tails)
    bca = None
    if np.isfinite(z0) and np.isfinite(acceleration):
        z = z0 + special.ndtri(tails)
        moved = special.ndtr(z0 + z / (1 - acceleration * z))
        if np.isfinite(moved).all():
            bca = float(np.quantile(kept, moved[0])), float(np.quantile(kept, moved[1]))
    p = float((np.abs(kept - kept.mean()) >= abs(delta) - 1e-12).mean())
    return Bootstrap(delta, (float(low), float(high)), bca, z0, acceleration, float(kept.std(ddof=1)), p, values)


def paired_bootstrap(
    first: Systems, second: Systems, weights: np.ndarray | None = None, share: np.ndarray | None = None,
    indices: np.ndarray | None = None,
) -> Bootstrap:  # fmt: skip
    """Difference of micro-F1, first - second, averaged over pairs of systems (draws) with weights `share`.

    Both hold the same number of systems; the documents are resampled jointly for all of them, by `weights`
    (`resampling_weights`; for several pairs) or by `indices` (`resampled_indices`; quicker for one pair).
    """
    share = np.full(len(first.tp), 1 / len(first.tp)) if share is None else share
    both = Systems(np.concatenate([first.tp, second.tp]), np.concatenate([first.errors, second.errors]))
    signed = np.concatenate([share, -share])
    delta = micro_f1(both.tp.sum(axis=1), both.errors.sum(axis=1)) @ signed
    values = gathered_f1(both, indices) if weights is None else resampled_f1(both, weights)
    return bootstrap_interval(float(delta), values @ signed, left_out_f1(both) @ signed)


def hierarchical_interval(
    differences: np.ndarray, groups: Sequence[int], rng: np.random.Generator, level: float = LEVEL
) -> tuple[float, float]:
    """Percentile interval when draws are resampled first, then documents.

    differences  (resamples, systems): of each system pair, from jointly resampled documents
    groups       draw of each pair; repetitions of a draw are averaged
    """
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    by_draw = np.stack([differences[:, place == g].mean(axis=1) for g in range(len(names))], axis=1)
    picks = rng.integers(0, len(names), size=by_draw.shape)
    values = np.take_along_axis(by_draw, picks, axis=1).mean(axis=1)
    low, high = np.quantile(values[np.isfinite(values)], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Randomisation:
    """Test that it does not matter which system made a document's prediction."""

    p: float
    p_greater: float
    arrangements: int
    exact: bool


def all_swaps(documents: int) -> np.ndarray:
    """Every arrangement, (2^documents, documents), 1 where the systems are swapped."""
    return (np.arange(1 << documents)[:, None] >> np.arange(documents) & 1).astype(np.float32)


def randomisation(
    first: Systems, second: Systems, swaps: np.ndarray | None = None, share: np.ndarray | None = None
) -> Randomisation:
    """Swap the predictions of both systems per document (in all draws together) and compare |difference|.

    Exact for at most MOST_EXACT documents, or MOST_DIFFERING on which the systems differ, by all
    arrangements; else `swaps` (arrangements, documents) of zeros and ones are drawn ones, and
    p = (1 + #) / (1 + R).
    """
    share = np.full(len(first.tp), 1 / len(first.tp)) if share is None else share
    differ = ((first.tp != second.tp) | (first.errors != second.errors)).any(axis=0)
    exact = first.documents <= MOST_EXACT or int(differ.sum()) <= MOST_DIFFERING
    if not exact and swaps is None:
        raise ValueError(f"{first.documents} documents cannot be enumerated: drawn swaps are needed")
    chosen = np.flatnonzero(differ) if exact else np.arange(first.documents)
    mask = all_swaps(len(chosen)) if exact else swaps
    moved = [
        (mask @ (b[:, chosen] - a[:, chosen]).T.astype(np.float32)).astype(np.float64)
        for a, b in ((first.tp, second.tp), (first.errors, second.errors))
    ]
    totals = [(side.tp.sum(axis=1), side.errors.sum(axis=1)) for side in (first, second)]
    swapped = [
        micro_f1(totals[0][0] + moved[0], totals[0][1] + moved[1]),
        micro_f1(totals[1][0] - moved[0], totals[1][1] - moved[1]),
    ]
    values = (swapped[0] - swapped[1]) @ share
    sums = [micro_f1(*side) for side in totals]
    observed = float((sums[0] - sums[1]) @ share)
    hits = int((np.abs(values) >= abs(observed) - 1e-12).sum())
    greater = int((values >= observed - 1e-12).sum())
    if exact:
        return Randomisation(hits / len(mask), greater / len(mask), 1 << len(chosen), True)
    return Randomisation((1 + hits) / (1 + len(mask)), (1 + greater) / (1 + len(mask)), len(mask), False)
