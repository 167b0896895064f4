"""Distances between corpora in embedding space: MMD, Frechet distance, nearest neighbours, Vendi score.

Vectors are rows of unit length (float32). A document that occurs several times stands once, with a weight.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from volfid.fidelity.labels import within_pairs

BLOCK = 1024


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """||x - y||^2 of unit rows, shape (len(x), len(y)), float32, never negative."""
    product = x @ y.T
    np.multiply(product, -2.0, out=product)
    np.add(product, 2.0, out=product)
    return np.maximum(product, 0.0, out=product)


def median_distance(x: np.ndarray, rng: np.random.Generator, limit: int = 4096) -> float | None:
    """Median of the nonzero distances between unit rows; above `limit` rows, of a random `limit` of them.

    None when no two rows differ. Distances below 1e-3 count as zero: float32 products cannot tell them apart.
    """
    if len(x) > limit:
        x = x[np.sort(rng.choice(len(x), size=limit, replace=False))]
    squared = squared_distances(x, x)[np.triu_indices(len(x), k=1)]
    squared = squared[squared > 1e-6]
    return float(np.sqrt(np.median(squared))) if len(squared) else None


def kernel_blocks(x: np.ndarray, sigma: float) -> Iterator[tuple[slice, slice, np.ndarray, bool]]:
    """The kernel of the rows of `x` in blocks of 1,024: rows, columns, their float32 values, whether on the diagonal.

    k = exp(-||x - y||^2 / (2 sigma^2)), and exactly 1 for a row with itself. Upper half only: the kernel is symmetric.
    """
    for start in range(0, len(x), BLOCK):
        for other in range(start, len(x), BLOCK):
            rows, columns = slice(start, start + BLOCK), slice(other, other + BLOCK)
            kernel = _gaussian(x[rows], x[columns], sigma)
            if other == start:
                np.fill_diagonal(kernel, 1.0)
            yield rows, columns, kernel, other == start


def kernel_sums(x: np.ndarray, weights: np.ndarray, sigma: float) -> np.ndarray:
    """Sum over i, j of w_ia k(x_i, x_j) w_jb for the columns a, b of `weights` (rows, columns); float64."""
    weights = np.asarray(weights, dtype=np.float64)
    total = np.zeros((weights.shape[1], weights.shape[1]))
    for rows, columns, kernel, on_diagonal in kernel_blocks(x, sigma):
        part = weights[rows].T @ (kernel.astype(np.float64) @ weights[columns])
        total += part if on_diagonal else part + part.T
    return total


def cross_sums(x: np.ndarray, weights: np.ndarray, y: np.ndarray, sigma: float) -> np.ndarray:
    """Sum over i, j of w_ia k(x_i, y_j) for each column a of `weights`; shape (columns,), float64."""
    weights = np.asarray(weights, dtype=np.float64)
    total = np.zeros(weights.shape[1])
    for start in range(0, len(x), BLOCK):
        for other in range(0, len(y), BLOCK):
            kernel = _gaussian(x[start : start + BLOCK], y[other : other + BLOCK], sigma)
            total += kernel.sum(axis=1, dtype=np.float64) @ weights[start : start + BLOCK]
    return total


def quadratic_forms(x: np.ndarray, weights: np.ndarray, sigma: float) -> np.ndarray:
    """w'Kw for every column w of `weights` (rows, columns), whose columns each sum to 0; float64, shape (columns,).

    Because of these sums the kernel may be taken less its mean, which keeps float32 products accurate: what
    cancels is never added up.
    """
    weights = np.ascontiguousarray(weights, dtype=np.float32)
    centre = float(_gaussian(x[:BLOCK], x[-BLOCK:], sigma).mean())
    total = np.zeros(weights.shape[1])
    for rows, columns, kernel, on_diagonal in kernel_blocks(x, sigma):
        kernel -= centre
        part = np.einsum("ib,ib->b", weights[rows], kernel @ weights[columns], dtype=np.float64)
        total += part if on_diagonal else 2 * part
    return total


def permutation_p(
    x: np.ndarray, counts: np.ndarray, parents: np.ndarray, y: np.ndarray, sigma: float, permutations: int,
    rng: np.random.Generator,
) -> tuple[float, float]:  # fmt: skip
    """Biased squared MMD of the documents of `x` (row i `counts[i]` times) against the rows of `y`, and its p.

    Whole parents are permuted (`parents`, shape (rows of x,)), so copies move with their source: what is permuted
    is the mean of the kernel features of a parent over slots that keep their weight, as in labels.permutation_p.
    p = (1 + #{V* >= V - 1e-9}) / (permutations + 1).
    """
    counts = np.asarray(counts, dtype=np.float64)
    names, parent = np.unique(parents, return_inverse=True)
    weight = np.bincount(parent, weights=counts, minlength=len(names))
    slots = np.concatenate([weight / weight.sum(), np.full(len(y), -1.0 / len(y))])
    drawn = np.vstack([slots, rng.permuted(np.tile(slots, (permutations, 1)), axis=1)])
    rows = np.concatenate([drawn[:, parent] * (counts / weight[parent]), drawn[:, len(names) :]], axis=1)
    v = quadratic_forms(np.concatenate([x, y]), rows.T, sigma)
    return float(v[0]), float((1 + (v[1:] >= v[0] - 1e-9).sum()) / (permutations + 1))


def parent_sums(x: np.ndarray, weights: np.ndarray, parents: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """For each column of `weights`: kernel sum and number of the ordered pairs of documents with one parent.

    A document with itself and with its copies is included; `parents` (rows,) names the parent of each row.
    """
    weights = np.asarray(weights, dtype=np.float64)
    left, right = within_pairs(parents)
    products = 2.0 * weights[left] * weights[right]
    squared = np.empty(len(left))
    for start in range(0, len(left), BLOCK):
        pairs = slice(start, start + BLOCK)
        squared[pairs] = ((x[left[pairs]].astype(np.float64) - x[right[pairs]]) ** 2).sum(axis=1)
    kernel = np.exp(-squared / (2 * sigma**2))
    itself = (weights**2).sum(axis=0)
    return itself + kernel @ products, itself + products.sum(axis=0)


def _gaussian(x: np.ndarray, y: np.ndarray, sigma: float) -> np.ndarray:
    squared = squared_distances(x, y)
    np.multiply(squared, -1.0 / (2 * sigma**2), out=squared)
    return np.exp(squared, out=squared)


def mmd2_unbiased(within_x: float, m: int, within_y: float, n: int, cross: float) -> float | None:
    """U statistic from kernel sums that include the diagonals (k = 1 there); None below two documents a side."""
    if m < 2 or n < 2:
        return None
    return float((within_x - m) / (m * (m - 1)) + (within_y - n) / (n * (n - 1)) - 2 * cross / (m * n))


@dataclass(frozen=True)
class Gaussian:
    """What the Frechet distance needs of one corpus: size, mean, covariance (ddof 1) and a factor F'F of it."""

    size: int
    mean: np.ndarray
    covariance: np.ndarray
    factor: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, counts: np.ndarray | None = None) -> "Gaussian":
        """Moments of rows `x`, each occurring `counts` times (default once); at least two documents."""
        x = np.asarray(x, dtype=np.float64)
        weight = np.ones(len(x)) if counts is None else np.asarray(counts, dtype=np.float64)
        size = int(weight.sum())
        mean = weight @ x / size
        centred = (x - mean) * np.sqrt(weight / (size - 1))[:, None]
        factor = centred if len(x) <= x.shape[1] else np.linalg.qr(centred, mode="r")
        return cls(size, mean, centred.T @ centred, factor)


def frechet(a: Gaussian, b: Gaussian) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Heusel et al. 2017).

    The last trace is the nuclear norm of F1 F2' when a corpus has no more documents than dimensions (exact for
    singular covariances), else it comes from symmetric eigenvalues. The bias is about 1/n: compare equal sizes.
    """
    if min(len(a.factor), len(b.factor)) < len(a.mean):
        root = float(np.linalg.svd(a.factor @ b.factor.T, compute_uv=False).sum())
    else:
        root = trace_root(a.covariance, b.covariance)
    return _frechet(a.mean, a.covariance, b.mean, b.covariance, root)


def frechet_from_moments(mean_a: np.ndarray, cov_a: np.ndarray, mean_b: np.ndarray, cov_b: np.ndarray) -> float:
    """The Frechet distance of two Gaussians given by mean and covariance."""
    return _frechet(mean_a, cov_a, mean_b, cov_b, trace_root(cov_a, cov_b))


def trace_root(cov_a: np.ndarray, cov_b: np.ndarray) -> float:
    """tr (A B)^(1/2) = sum of roots of the eigenvalues of A^(1/2) B A^(1/2); rounding below 0 is clipped."""
    values, vectors = np.linalg.eigh(cov_a)
    half = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return float(np.sqrt(np.clip(np.linalg.eigvalsh(half @ cov_b @ half), 0, None)).sum())


def _frechet(mean_a: np.ndarray, cov_a: np.ndarray, mean_b: np.ndarray, cov_b: np.ndarray, root: float) -> float:
    found = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * root
    return float(max(found, 0.0))  # rounding alone brings it below


def nearest_cosine(x: np.ndarray, counts: np.ndarray, y: np.ndarray) -> float:
    """Mean over the documents of `x` (each `counts` times) of the largest cosine with a row of `y`."""
    best = np.concatenate([(x[i : i + BLOCK] @ y.T).max(axis=1) for i in range(0, len(x), BLOCK)])
    return float(np.asarray(counts, dtype=np.float64) @ best.astype(np.float64) / np.sum(counts))


def vendi(x: np.ndarray, counts: np.ndarray | None = None) -> float:
    """exp of the entropy of the eigenvalues of X X' / n for unit rows: an effective number of documents.

    The dual (dimensions by dimensions) form is taken when it is the smaller matrix; same nonzero eigenvalues.
    """
    x = np.asarray(x, dtype=np.float64)
    weight = np.ones(len(x)) if counts is None else np.asarray(counts, dtype=np.float64)
    scaled = x * np.sqrt(weight / weight.sum())[:, None]
    return vendi_of_kernel(scaled.T @ scaled if x.shape[1] < len(x) else scaled @ scaled.T)


def vendi_of_kernel(kernel: np.ndarray) -> float:
    """Vendi score of a similarity matrix with trace 1 (K / n)."""
    values = np.linalg.eigvalsh(kernel)
    values = values[values > 1e-14]
    return float(np.exp(-(values * np.log(values)).sum()))
