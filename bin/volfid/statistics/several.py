"""Several systems at once, effect sizes, and agreement."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special
from scipy.optimize import brentq

from volfid.statistics.correlation import ranks
from volfid.statistics.intervals import ALPHA

SIGNED_RANK_EXACT = 100


@dataclass(frozen=True)
class Friedman:
    """Ranks of k systems in N blocks, rank 1 the highest score; F is None when all blocks agree.

    `chi2` is corrected for ties, `concordance` Kendall's W = chi2 / (N (k - 1)).
    """

    ranks: np.ndarray
    chi2: float
    chi2_uncorrected: float
    p: float
    f: float | None
    f_p: float
    critical_difference: float
    concordance: float


def friedman(scores: np.ndarray) -> Friedman | None:
    """Friedman's test of `scores` (blocks, systems) with Iman and Davenport's F and Nemenyi's critical difference.

    None below two blocks or three systems, and when every block is one tie. The blocks must be
    independent. Demsar (2006), Journal of Machine Learning Research 7, section 3.2.2.
    """
    x = np.asarray(scores, dtype=float)
    if x.ndim != 2 or x.shape[0] < 2 or x.shape[1] < 3:
        return None
    blocks, systems = x.shape
    means = np.stack([ranks(-row) for row in x]).mean(axis=0)
    plain = 12 * blocks / (systems * (systems + 1)) * float(((means - (systems + 1) / 2) ** 2).sum())
    tied = sum(float((counts**3 - counts).sum()) for counts in (np.unique(row, return_counts=True)[1] for row in x))
    correction = 1 - tied / (blocks * (systems**3 - systems))
    if correction <= 1e-12:
        return None
    chi2, most = plain / correction, blocks * (systems - 1)
    f = (blocks - 1) * chi2 / (most - chi2) if most - chi2 > 1e-9 else None
    f_p = 0.0 if f is None else float(special.fdtrc(systems - 1, (systems - 1) * (blocks - 1), f))
    return Friedman(
        means, chi2, plain, float(special.chdtrc(systems - 1, chi2)), f, f_p,
        nemenyi_quantile(systems) * math.sqrt(systems * (systems + 1) / (6 * blocks)), chi2 / most,
    )  # fmt: skip


NORMAL = np.linspace(-9.0, 9.0, 601)  # the integrand is smooth and vanishes at both ends


def range_tail(q: np.ndarray | float, systems: int) -> np.ndarray:
    """P(range of k independent standard normals > q): the studentised range with infinite degrees of freedom.

    1 - k int phi(z) (Phi(z) - Phi(z - q))^(k - 1) dz by the trapezoidal rule, within 1e-13.
    scipy.stats has it as `studentized_range`; importing that package takes longer than all tests here.
    """
    wide = np.asarray(q, dtype=float)[..., None]
    inside = special.ndtr(NORMAL) - special.ndtr(NORMAL - wide)
    density = np.exp(-(NORMAL**2) / 2) / math.sqrt(2 * math.pi)
    step = NORMAL[1] - NORMAL[0]
    return np.clip(1 - systems * step * (density * inside ** (systems - 1)).sum(axis=-1), 0.0, 1.0)


@lru_cache(maxsize=64)
def nemenyi_quantile(systems: int, alpha: float = ALPHA) -> float:
    """Quantile of that range for k systems, over sqrt(2)."""
    return brentq(lambda q: float(range_tail(q, systems)) - alpha, 1e-6, 60.0, xtol=1e-13) / math.sqrt(2)


def nemenyi(mean_ranks: np.ndarray, blocks: int) -> np.ndarray:
    """p of every pair of systems, (systems, systems), from their mean ranks; adjusted for all pairs."""
    k = len(mean_ranks)
    q = np.abs(mean_ranks[:, None] - mean_ranks[None, :]) / math.sqrt(k * (k + 1) / (12 * blocks))
    return range_tail(q, k)


# ---- effect sizes -------------------------------------------------------------------------


def paired_dz(difference: Sequence[float] | np.ndarray) -> float | None:
    """Mean of paired differences over their standard deviation; None below two or without spread."""
    x = np.asarray(difference, dtype=float)
    if len(x) < 2 or float(x.std(ddof=1)) <= 1e-12 * max(1.0, float(np.abs(x).max())):
        return None
    return float(x.mean() / x.std(ddof=1))


def signed_rank_p(difference: Sequence[float] | np.ndarray) -> float | None:
    """Two-sided p of Wilcoxon's signed-rank test; zeros are dropped, ties share their rank; None without any.

    Exact up to SIGNED_RANK_EXACT values: the distribution of the rank sum over all 2^n signs, by dynamic
    programming on doubled ranks, so that n values cannot give less than 2 / 2^n. Its work grows with the cube of
    n; above, the normal approximation with the variance sum(rank^2) / 4, which holds with ties.
    """
    x = np.asarray(difference, dtype=float)
    x = x[x != 0]
    if not len(x):
        return None
    rank_of = ranks(np.abs(x))
    if len(x) > SIGNED_RANK_EXACT:
        z = (rank_of[x > 0].sum() - rank_of.sum() / 2) / (math.sqrt(float((rank_of**2).sum())) / 2)
        return float(2 * special.ndtr(-abs(z)))
    doubled = np.rint(2 * rank_of).astype(int)
    chances = np.zeros(int(doubled.sum()) + 1)
    chances[0] = 1.0
    for rank in doubled:
        shifted = np.zeros_like(chances)
        shifted[rank:] = chances[: len(chances) - rank]
        chances = (chances + shifted) / 2
    found = int(doubled[x > 0].sum())
    return float(min(1.0, 2 * min(chances[: found + 1].sum(), chances[found:].sum())))


def pooled_d(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> float | None:
    """Cohen's d: difference of means over the pooled standard deviation; None where that is zero."""
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    degrees = len(a) + len(b) - 2
    if min(len(a), len(b)) < 2:
        return None
    spread = math.sqrt((float(((a - a.mean()) ** 2).sum()) + float(((b - b.mean()) ** 2).sum())) / degrees)
    largest = max(1.0, float(np.abs(a).max()), float(np.abs(b).max()))
    return float((a.mean() - b.mean()) / spread) if spread > 1e-12 * largest else None


def hedges_correction(degrees: int) -> float:
    """J = gamma(df / 2) / (sqrt(df / 2) gamma((df - 1) / 2)): exact, not 1 - 3 / (4 df - 1); df at least 2."""
    return math.exp(special.gammaln(degrees / 2) - special.gammaln((degrees - 1) / 2)) / math.sqrt(degrees / 2)


def hedges_g(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> float | None:
    """Pooled d without its bias in small samples."""
    d = pooled_d(x, y)
    return None if d is None else d * hedges_correction(len(x) + len(y) - 2)


def vargha_delaney(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> float | None:
    """A: chance that a value of x is above one of y, ties counting half; None when one is empty."""
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if not len(a) or not len(b):
        return None
    return float((np.sign(a[:, None] - b[None, :]).mean() + 1) / 2)


def cliffs_delta(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> float | None:
    """2 A - 1."""
    a = vargha_delaney(x, y)
    return None if a is None else 2 * a - 1


# ---- agreement ----------------------------------------------------------------------------


def krippendorff_alpha(votes: Sequence[Sequence[object | None]]) -> float | None:
    """Nominal alpha of `votes` (raters, items); None is a missing vote.

    Items with one vote pair with nothing and are left out. None when nothing can be paired or when
    only one value occurs (no disagreement could have been seen).
    """
    units = [[vote for vote in item if vote is not None] for item in zip(*votes, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    values = sorted({vote for unit in units for vote in unit}, key=repr)
    if len(values) < 2:
        return None
    counts = np.array([[unit.count(value) for value in values] for unit in units], dtype=float)
    sizes = counts.sum(axis=1)
    agreed = float((counts * (counts - 1) / (sizes - 1)[:, None]).sum())
    total, margins = float(sizes.sum()), counts.sum(axis=0)
    expected = float((margins * (margins - 1)).sum()) / (total - 1)
    return 1 - (total - agreed) / (total - expected)
