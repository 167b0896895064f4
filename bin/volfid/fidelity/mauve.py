"""MAUVE (Pillutla et al. 2021) of two sets of vectors: k-means cells, then the curve of two divergences.

A relative figure: compare equal numbers of documents and one encoder. It hangs on the cells, so it is given
for several seeds, as mean and standard deviation. With a few hundred documents there are a few dozen cells:
exploratory.

Texts that repeat (one answer given again and again) can be drawn as several starts of k-means, which then leaves cells
empty, or all documents in one: a figure of 1 for disjoint sets. There the starts are distinct points (k-means++) and
k-means runs several times; figures of other sets are not touched by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np

from volfid.core.ranking import BadArray

SCALE = 5.0
"""c of exp(-c KL), the published choice."""
POINTS = 25
EXPLAINED = 0.9
"""Share of the variance that the principal components in front keep."""
DOCUMENTS_A_CELL = 10
LEAST = 2 * DOCUMENTS_A_CELL
"""Documents a side that make two cells."""
APART = 1e-5
"""Of the largest coordinate: points that lie nearer are one (a text encoded twice differs by rounding)."""
AGAIN = 10
"""Runs of k-means from distinct starts, of which the best is kept; fewer above ENOUGH documents, two at least."""
ENOUGH = 400


@dataclass(frozen=True)
class Mauve:
    """Values by seed, in the order of `seeds`; `cells` of the quantisation, `components` of the vectors.

    A value is NaN where all documents fell into one cell though they are not all alike. note: what repeats.
    """

    values: tuple[float, ...]
    frontier: tuple[float, ...]
    cells: int
    components: int
    note: str | None = None

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return float(np.mean(self.values))

    @property
    def sd(self) -> float | None:
        """Standard deviation over seeds (ddof 1); None for one seed."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None


def mauve(p: np.ndarray, q: np.ndarray, seeds: Sequence[int] = (0, 1, 2, 3, 4), restarts: int = 1) -> Mauve:
    """MAUVE of the rows of `p` and `q`, shapes (documents, dimensions); 1 for equal laws, towards 0 for disjoint ones.

    Rows are scaled to unit length; cells = a tenth of the documents of the smaller set, at least two. restarts:
    k-means runs of a seed, of which the best is kept; more seeds say more than more restarts. Raises ValueError
    for sets of different size: the figure falls with n, so draw equal ones; BadArray for vectors that are not finite.
    """
    if len(p) != len(q):
        raise ValueError(f"MAUVE compares equal numbers of documents, not {len(p)} and {len(q)}")
    reduced = principal_components(np.concatenate([q, p]))
    cells = max(2, round(len(p) / DOCUMENTS_A_CELL))
    parts = (reduced, reduced[: len(q)], reduced[len(q) :])
    every, *sides = (_distinct(part, _apart(reduced)) for part in parts)
    few = min(sides)
    values, frontier = [], []
    for seed in seeds:
        cell = cells_of(reduced, cells, seed, restarts)
        if every == 1:
            cell = np.zeros_like(cell)
        elif few < min(LEAST, len(p)) or len(np.unique(cell)) < min(cells, every):
            cell = separated_cells(reduced, cells, seed)
        law_q, law_p = (np.bincount(part, minlength=cells) / len(p) for part in (cell[: len(q)], cell[len(q) :]))
        alike = every > 1 and len(np.unique(cell)) < 2  # nothing was compared
        values.append(np.nan if alike else of_histograms(law_p, law_q))
        frontier.append(np.nan if alike else frontier_integral(law_p, law_q))
    return Mauve(tuple(values), tuple(frontier), cells, reduced.shape[1], _repeated(few, every, len(p), cells))


@dataclass(frozen=True)
class Sampled:
    """MAUVE of two sets of different size: `values` by seed, from `n` documents a side."""

    values: tuple[float, ...]
    n: int
    cells: int
    note: str | None = None


def of_weighted(
    p: np.ndarray, counts: np.ndarray, q: np.ndarray, seeds: Sequence[int], limit: int, rng: np.random.Generator
) -> Sampled | None:
    """MAUVE of the rows of `p` (row i occurs `counts[i]` times) and of `q` with equal numbers of documents.

    Both sides have as many as the smaller one, at most `limit`; what is more is left out at random, anew for every
    seed, so that the spread over seeds holds that of the sample too. None with fewer than LEAST documents a side.
    """
    rows = np.repeat(np.arange(len(p)), counts)
    n = min(len(rows), len(q), limit)
    if n < LEAST:
        return None
    if n == len(rows) == len(q):
        found = mauve(p[rows], q, seeds)
        return Sampled(found.values, n, found.cells, found.note)
    values, note = [], None
    for seed in seeds:
        left, right = (np.sort(rng.choice(size, n, replace=False)) for size in (len(rows), len(q)))
        found = mauve(p[rows[left]], q[right], [seed])
        values += found.values
        note = note or found.note
    return Sampled(tuple(values), n, found.cells, note)


def principal_components(x: np.ndarray, explained: float = EXPLAINED) -> np.ndarray:
    """Unit rows projected on the fewest components that hold `explained` of the variance; float32.

    From the covariance, or from the products of the rows where these are fewer than dimensions: the eigenvectors
    of either are those of the data, and no other decomposition is needed.
    """
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2 or not x.size:
        raise BadArray(f"vectors have the shape {x.shape}", mend="Give (documents, dimensions), both 1 or more")
    broken = int((~np.isfinite(x)).any(axis=1).sum())
    if broken:
        raise BadArray(f"{broken} of {len(x)} vectors have a value that is not finite", mend="Embed the texts again")
    with np.errstate(over="ignore", under="ignore"):
        length = np.linalg.norm(x, axis=1, keepdims=True)
    odd = ~np.isfinite(length[:, 0]) | (length[:, 0] == 0)
    if odd.any():  # the squares of very large and very small values leave the range of numbers
        largest = np.abs(x).max(axis=1, keepdims=True)
        x = np.where(odd[:, None] & (largest > 0), x / np.where(largest > 0, largest, 1.0), x)
        length = np.linalg.norm(x, axis=1, keepdims=True)
    if not length.all():
        raise ValueError("a row of zeros has no direction: leave it out")
    x = x / length
    x = (x - x.mean(axis=0)).astype(np.float32)  # k-means takes no more
    few = len(x) < x.shape[1]
    variances, vectors = np.linalg.eigh((x @ x.T if few else x.T @ x).astype(np.float64))
    variances, vectors = np.clip(variances[::-1], 0, None), vectors[:, ::-1]
    share = np.cumsum(variances)
    kept = int(np.searchsorted(share / share[-1], explained)) + 1 if share[-1] > 0 else 1
    if few:
        return np.ascontiguousarray((vectors[:, :kept] * np.sqrt(variances[:kept])).astype(np.float32))
    return np.ascontiguousarray(x @ vectors[:, :kept].astype(np.float32))


def cells_of(x: np.ndarray, cells: int, seed: int, restarts: int = 1) -> np.ndarray:
    """k-means cell of every row of `x` (float32); k-means ends by itself when it stops moving."""
    settings = faiss.ClusteringParameters()
    settings.niter, settings.nredo, settings.seed = 500, restarts, seed
    settings.min_points_per_centroid, settings.max_points_per_centroid = 1, len(x)
    clustering = faiss.Clustering(x.shape[1], cells, settings)
    index = faiss.IndexFlatL2(x.shape[1])
    clustering.train(x, index)
    return index.search(x, 1)[1].ravel()


def separated_cells(x: np.ndarray, cells: int, seed: int) -> np.ndarray:
    """As `cells_of`, from starts that are distinct points, for rows that repeat: the run with the most cells in use,
    of these the one with the least squared distance, is kept; no more cells than there are distinct points."""
    rng = np.random.default_rng(seed)
    best: tuple[tuple[int, float], np.ndarray] | None = None
    for _ in range(max(2, min(AGAIN, AGAIN * ENOUGH // len(x)))):
        starts = distinct_starts(x, cells, rng)
        settings = faiss.ClusteringParameters()
        settings.niter, settings.seed = 500, seed
        settings.min_points_per_centroid, settings.max_points_per_centroid = 1, len(x)
        clustering = faiss.Clustering(x.shape[1], len(starts), settings)
        faiss.copy_array_to_vector(np.ascontiguousarray(starts).ravel(), clustering.centroids)
        index = faiss.IndexFlatL2(x.shape[1])
        clustering.train(x, index)
        distance, cell = index.search(x, 1)
        key = (-len(np.unique(cell)), float(distance.sum()))
        if best is None or key < best[0]:
            best = key, cell.ravel()
    assert best is not None
    return best[1]


def distinct_starts(x: np.ndarray, cells: int, rng: np.random.Generator) -> np.ndarray:
    """Up to `cells` rows of `x` that lie apart (k-means++: drawn with the squared distance to the nearest one)."""
    chosen = [int(rng.integers(len(x)))]
    nearest = ((x - x[chosen[0]]) ** 2).sum(axis=1, dtype=np.float64)
    apart = _apart(x) ** 2
    while len(chosen) < cells:
        nearest[nearest <= apart] = 0.0
        if not nearest.any():
            break
        chosen.append(int(rng.choice(len(x), p=nearest / nearest.sum())))
        nearest = np.minimum(nearest, ((x - x[chosen[-1]]) ** 2).sum(axis=1, dtype=np.float64))
    return x[chosen]


def _apart(x: np.ndarray) -> float:
    """How far two rows of `x` may lie from each other and still be one point; float32 knows no less of unit rows."""
    return max(APART * float(np.abs(x).max()), 1e-6)


def _distinct(x: np.ndarray, apart: float) -> int:
    """How many rows of `x` are no repetition: along a line through the space, equal ones are neighbours."""
    ordered = x[np.argsort(x.astype(np.float64) @ np.random.default_rng(0).normal(size=x.shape[1]), kind="stable")]
    return int((np.abs(np.diff(ordered, axis=0)).max(axis=1) > apart).sum()) + 1


def _repeated(few: int, every: int, documents: int, cells: int) -> str | None:
    """What repeats so often that the figure says little, in words."""
    if every < cells:
        return f"distinct texts of both sides: {every}, fewer than the {cells} cells"
    return f"distinct texts of a side: {few} of {documents}" if few < min(LEAST, documents) else None


def of_histograms(p: np.ndarray, q: np.ndarray, scale: float = SCALE, points: int = POINTS) -> float:
    """Area under the divergence curve of two laws over the same cells.

    The curve has the points (exp(-c KL(q|r)), exp(-c KL(p|r))) for mixtures r = w p + (1 - w) q, and the corners
    (0, 1) and (1, 0). Mean of the trapezoid areas along either axis. Exactly 1 for equal laws, and never above.
    """
    if np.array_equal(p, q):
        return 1.0
    weights = np.linspace(1e-6, 1 - 1e-6, points)[:, None]
    mixtures = weights * p + (1 - weights) * q
    x = np.concatenate([[0.0], np.exp(-scale * _kl(q, mixtures)), [1.0]])
    y = np.concatenate([[1.0], np.exp(-scale * _kl(p, mixtures)), [0.0]])
    # one axis falls where the other rises: points that tie on an axis stand in the order of the curve
    by_x, by_y = np.lexsort((-y, x)), np.lexsort((-x, y))
    area = (np.trapezoid(y[by_x], x[by_x]) + np.trapezoid(x[by_y], y[by_y])) / 2
    return float(min(area, 1.0))


def frontier_integral(p: np.ndarray, q: np.ndarray) -> float:
    """Frontier integral (Liu et al. 2021): 0 for equal laws, 1 for disjoint ones; has no scale to choose."""
    both = (p > 0) & (q > 0) & (p != q)
    # log(p / q) / (p - q) by log1p: the difference of two logarithms is rounding alone where p and q nearly agree
    far = both & (np.minimum(p, q) < 1e-15 * np.maximum(p, q))  # there p / q - 1 is rounding alone
    near = both & ~far
    off = np.divide(p - q, q, out=np.zeros_like(p), where=near)
    shared = np.divide(p * np.log1p(off), off, out=np.where(p == q, p, 0.0), where=near)
    shared[far] = (np.log(p[far]) - np.log(q[far])) * p[far] / (p[far] - q[far]) * q[far]
    return float(max(((p + q) / 2 - shared).sum(), 0.0))


def _kl(p: np.ndarray, mixtures: np.ndarray) -> np.ndarray:
    """KL(p | r) in nats for every row r of `mixtures`; every r is positive where p is."""
    used = p > 0
    result: np.ndarray = (p[used] * (np.log(p[used]) - np.log(mixtures[:, used]))).sum(axis=1)
    return np.maximum(result, 0.0)  # rounding alone brings it below
