"""Maximum mean discrepancy between label-set laws, exact, from Hamming histograms.

Label sets are binary, so ||x - y||^2 is an integer from 0 to L. Three histograms of Hamming distances
between the unique label sets, weighted by multiplicity, hold everything a radial kernel needs: every
bandwidth comes from the same integers, and the result depends on no row order, BLAS or thread count.
Statistics after Gretton et al., JMLR 13 (2012).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from scipy.sparse import csr_matrix, vstack

from volfid.core.ranking import as_truth

TWO_SIGMA_SQUARED = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Bandwidths of the primary kernel. Fixed, because the median heuristic gives 0 as soon as half of all
pairs are equal, and jumps between regimes, so that values could not be compared across conditions."""

_BLOCK = 2048
_CELLS = 2**24
"""Cells of a block of permutations, or of the kernel: 128 MB of numbers."""


def pack(matrix: np.ndarray) -> np.ndarray:
    """Label sets as 64-bit words, shape (documents, words), for any number of labels.

    `matrix` (documents, labels): bool, or 0 and 1; anything else is refused (BadArray).
    """
    packed = np.packbits(as_truth(matrix, "label matrix"), axis=1)
    words = max(1, -(-packed.shape[1] // 8))
    padded = np.zeros((len(packed), words * 8), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view(np.uint64)


def hamming(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Hamming distance of every pair of packed label sets, shape (len(left), len(right)), int64."""
    distance = np.zeros((len(left), len(right)), dtype=np.int64)
    for word in range(left.shape[1]):
        distance += np.bitwise_count(left[:, word, None] ^ right[None, :, word])
    return distance


def kernel_table(n_labels: int, two_sigma_squared: Sequence[float] = TWO_SIGMA_SQUARED) -> np.ndarray:
    """Kernel value at each Hamming distance 0..L: the mean (not the sum) of the Gaussians."""
    distances = np.arange(n_labels + 1, dtype=np.float64)
    return np.mean([np.exp(-distances / width) for width in two_sigma_squared], axis=0)


@dataclass(frozen=True)
class LabelSample:
    """A multiset of label sets: packed unique sets, how often each occurs, and the number of labels."""

    words: np.ndarray
    counts: np.ndarray
    n_labels: int

    @property
    def size(self) -> int:
        """Documents, copies counted."""
        return int(self.counts.sum())

    @cached_property
    def within(self) -> np.ndarray:
        """Histogram of Hamming distances over all ordered pairs, each document with itself included."""
        return histogram(self, self)


def compress(matrix: np.ndarray, counts: np.ndarray | None = None) -> LabelSample:
    """The multiset of the rows of a binary matrix (documents, labels), each `counts` times (default once)."""
    words, inverse = np.unique(pack(matrix), axis=0, return_inverse=True)
    weight = np.ones(len(matrix), dtype=np.int64) if counts is None else np.asarray(counts, dtype=np.int64)
    total = np.zeros(len(words), dtype=np.int64)
    np.add.at(total, inverse.ravel(), weight)
    return LabelSample(words, total, matrix.shape[1])


def histogram(x: LabelSample, y: LabelSample) -> np.ndarray:
    """How many ordered pairs (one of `x`, one of `y`) differ in 0, 1, ..., L labels; integers, int64."""
    counts = np.zeros(x.n_labels + 1, dtype=np.int64)
    for start, other in product(range(0, len(x.words), _BLOCK), range(0, len(y.words), _BLOCK)):
        rows, columns = slice(start, start + _BLOCK), slice(other, other + _BLOCK)
        distance = hamming(x.words[rows], y.words[columns])
        # bincount adds in float64, exact for integers below 2**53
        weights = np.outer(x.counts[rows], y.counts[columns]).astype(np.float64).ravel()
        counts += np.bincount(distance.ravel(), weights=weights, minlength=len(counts)).astype(np.int64)
    return counts


def within_pairs(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs i < j (positions) of equal `groups` values, as two index arrays."""
    order = np.argsort(groups, kind="stable")
    ordered = np.asarray(groups)[order]
    left, right, step = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], 1
    while step < len(ordered):
        same = np.flatnonzero(ordered[step:] == ordered[:-step])
        if not len(same):
            break
        left.append(order[same])
        right.append(order[same + step])
        step += 1
    return np.concatenate(left), np.concatenate(right)


def parent_histogram(words: np.ndarray, counts: np.ndarray, parents: np.ndarray, n_labels: int) -> np.ndarray:
    """Histogram of Hamming distances over the ordered pairs of rows with one parent, a row with itself included.

    `words` (rows, words), `counts` and `parents` (rows,): a row stands for `counts` equal documents.
    """
    counts = np.asarray(counts, dtype=np.int64)
    result = np.zeros(n_labels + 1, dtype=np.int64)
    result[0] = int((counts**2).sum())
    left, right = within_pairs(parents)
    distance = np.bitwise_count(words[left] ^ words[right]).sum(axis=1, dtype=np.int64)
    np.add.at(result, distance, 2 * counts[left] * counts[right])
    return result


def mmd2_biased(x: LabelSample, y: LabelSample, table: np.ndarray) -> float:
    """V statistic: mean of K(x, x') + mean of K(y, y') - 2 mean of K(x, y), diagonals included; >= 0 up to rounding."""
    return float(_within_all(x, table) + _within_all(y, table) - 2 * _cross(x, y, table))


def mmd2_unbiased(x: LabelSample, y: LabelSample, table: np.ndarray) -> float | None:
    """U statistic: diagonals left out; may be negative. None with fewer than two documents on a side."""
    if x.size < 2 or y.size < 2:
        return None
    return float(_within_distinct(x, table) + _within_distinct(y, table) - 2 * _cross(x, y, table))


def mmd2_parent(x: LabelSample, same_parent: np.ndarray, y: LabelSample, table: np.ndarray) -> float | None:
    """U statistic in which `x` leaves out all pairs with one parent (`same_parent`: see parent_histogram).

    Copies are not independent draws: with them the plain U statistic keeps the size term of the base set.
    None when `x` has one parent only, or `y` fewer than two documents (docs/estimands.md).
    """
    pairs = x.within - same_parent
    if not pairs.sum() or y.size < 2:
        return None
    return float(pairs @ table / pairs.sum() + _within_distinct(y, table) - 2 * _cross(x, y, table))


def _within_all(x: LabelSample, table: np.ndarray) -> float:
    return x.within @ table / x.size**2


def _within_distinct(x: LabelSample, table: np.ndarray) -> float:
    return (x.within @ table - x.size * table[0]) / (x.size * (x.size - 1))


def _cross(x: LabelSample, y: LabelSample, table: np.ndarray) -> float:
    return histogram(x, y) @ table / (x.size * y.size)


def mmd2_linear(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> tuple[float, np.ndarray]:
    """Linear-time estimate and its terms h over disjoint pairs of rows (Gretton 2012, section 6).

    `x`, `y`: binary (documents, labels); an odd row at the end is not used. For very large samples only.
    """
    pairs = min(len(x), len(y)) // 2
    a, b, c, d = (pack(rows) for rows in (x[0::2][:pairs], x[1::2][:pairs], y[0::2][:pairs], y[1::2][:pairs]))
    k = [table[np.bitwise_count(p ^ q).sum(axis=1)] for p, q in ((a, b), (c, d), (a, d), (b, c))]
    terms = k[0] + k[1] - k[2] - k[3]
    return float(terms.mean()), terms


def permutation_p(
    words: np.ndarray,
    counts: np.ndarray,
    parents: np.ndarray,
    y: LabelSample,
    table: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
) -> float:
    """Permutation p of the biased statistic; whole parents are permuted, so copies move with their source.

    A row of `words` stands for `counts` documents of one parent. Without copies every parent is one document
    and the permuted counts are a multivariate hypergeometric draw. With copies, what is permuted is the label
    content of the parents (the mean over its rows) over slots that keep their weight. The p is
    (1 + #{V* >= V - 1e-12}) / (permutations + 1).
    """
    return permutation_ps(words, counts, parents, y, [table], permutations, rng)[0]


def permutation_ps(
    words: np.ndarray,
    counts: np.ndarray,
    parents: np.ndarray,
    y: LabelSample,
    tables: Sequence[np.ndarray],
    permutations: int,
    rng: np.random.Generator,
) -> list[float]:
    """The permutation p of `permutation_p` under each of several kernels, from the same permutations.

    Permutations and kernel are taken in parts, so that neither is ever held whole for very many label sets.
    """
    unique, inverse = np.unique(np.concatenate([words, y.words]), axis=0, return_inverse=True)
    inverse = inverse.ravel()
    names, parent = np.unique(parents, return_inverse=True)
    weight = np.zeros(len(names))
    np.add.at(weight, parent, counts)
    if (weight == 1).all():
        a = np.bincount(inverse[: len(words)], weights=counts, minlength=len(unique)).astype(np.int64)
        b = np.bincount(inverse[len(words) :], weights=y.counts, minlength=len(unique)).astype(np.int64)
        m, n, width = int(a.sum()), int(b.sum()), len(unique)
        observed = a / m - b / n

        def draw(number: int) -> np.ndarray:
            drawn = rng.multivariate_hypergeometric(a + b, m, size=number, method="marginals")
            moved: np.ndarray = drawn / m - (a + b - drawn) / n
            return moved
    else:
        own = csr_matrix((counts / weight[parent], (parent, inverse[: len(words)])), shape=(len(names), len(unique)))
        rows = np.repeat(inverse[len(words) :], y.counts)
        other = csr_matrix((np.ones(y.size), (np.arange(y.size), rows)), shape=(y.size, len(unique)))
        content = vstack([own, other]).tocsr()
        slots = np.concatenate([weight / weight.sum(), np.full(y.size, -1.0 / y.size)])
        observed, width = slots @ content, max(len(slots), len(unique))

        def draw(number: int) -> np.ndarray:
            moved: np.ndarray = rng.permuted(np.tile(slots, (number, 1)), axis=1) @ content
            return moved

    more = np.zeros(len(tables), dtype=np.int64)
    part = max(1, _CELLS // width)
    for start in range(0, permutations, part):
        shifts = draw(min(part, permutations - start))
        if start == 0:
            found = _quadratic(unique, tables, np.concatenate([observed[None], shifts]))
            least, found = found[:, :1] - 1e-12, found[:, 1:]
        else:
            found = _quadratic(unique, tables, shifts)
        more += (found >= least).sum(axis=1)
    return [float((1 + number) / (permutations + 1)) for number in more]


def _quadratic(words: np.ndarray, tables: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """w'Kw for every kernel and every row w of `weights` (rows, label sets); the kernel in blocks of its columns."""
    total = np.zeros((len(tables), len(weights)))
    step = max(1, _CELLS // len(words))
    for start in range(0, len(words), step):
        columns = slice(start, start + step)
        distance = hamming(words, words[columns])
        for position, table in enumerate(tables):
            total[position] += ((weights @ table[distance]) * weights[:, columns]).sum(axis=1)
    return total


def nonzero_median_squared(sample: LabelSample) -> float | None:
    """Median of the nonzero squared distances over unordered pairs of documents; None when all are equal."""
    pairs = sample.within.copy() // 2
    pairs[0] = 0
    total = int(pairs.sum())
    if not total:
        return None
    cumulative = np.cumsum(pairs)
    low = int(np.searchsorted(cumulative, (total - 1) // 2, side="right"))
    high = int(np.searchsorted(cumulative, total // 2, side="right"))
    return (low + high) / 2
