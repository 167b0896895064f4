"""Correlations and their differences: Fisher, Zou, Dunn and Clark, Steiger, Meng.

Formulas as in Zou (2007), Psychological Methods 12, 399-413.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

FEWEST = 4
NIL = 1e-6  # of the whole range: what is left of it when the one condition that carries it is gone
CLUMP = 1e-3  # of the whole range: conditions that lie nearer, in both, are one point
LEVERAGE = 0.9  # share of the sum of squares that one condition holds from which on the note says so
EXACT = 1 - 1e-12


@dataclass(frozen=True)
class Correlation:
    """Pearson r with Fisher's interval, Spearman rho, Kendall tau-b and Theil-Sen slope over n conditions.

    `left_out` is the range of r when each condition is left out once; None when one condition
    alone carries the spread.
    """

    r: float | None
    low: float | None
    high: float | None
    spearman: float | None
    kendall: float | None
    p: float | None
    n: int
    note: str | None
    theil_sen: float | None = None
    left_out: tuple[float, float] | None = None


def correlate(
    x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray, lost: int = 0, unit: str = "conditions"
) -> Correlation:
    """Correlation of two equally long vectors; undefined below four conditions or without spread.

    `lost` degrees of freedom went into means that were taken off before (k - 1 for k groups); the
    interval and p pay for them. The note gives the range of r when each condition is left out once, and names a
    condition that holds nearly all of the spread. Where r would be 1 or -1 whatever was measured (`carried`) it has
    neither interval nor p.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    n = len(x)
    if n - lost < FEWEST:
        needed = f"{n} {unit}: at least {FEWEST + lost} are needed"
        return Correlation(None, None, None, None, None, None, n, needed)
    if reason := no_spread(x, y):
        return Correlation(None, None, None, None, None, None, n, reason)
    r, rest = pearson(x, y), (pearson(ranks(x), ranks(y)), kendall(x, y))
    if reason := carried(x, y):
        return Correlation(r, None, None, *rest, None, n, f"{reason}: no interval and no p", theil_sen(x, y))
    low, high = fisher_interval(r, n - lost)
    left_out = _leave_one_out(x, y)
    ends = (min(left_out), max(left_out)) if left_out else None
    notes = (_leverage(x, y), f"leaving one condition out: r from {ends[0]:.2f} to {ends[1]:.2f}" if ends else None)
    return Correlation(
        r, low, high, *rest, _p_of_r(r, n - lost), n, "; ".join(filter(None, notes)) or None, theil_sen(x, y), ends
    )


def no_spread(x: np.ndarray, y: np.ndarray) -> str | None:
    """Why x and y have no correlation at all; None when they have one."""
    for name, values in (("fidelity", x), ("outcome", y)):
        if not np.isfinite(values).all():
            return f"the {name} is not a number in some condition"
        if np.ptp(values) <= 1e-12 * max(1.0, np.abs(values).max()):
            return f"the {name} is the same in all conditions"
    return None


def carried(x: np.ndarray, y: np.ndarray) -> str | None:
    """Why r says nothing about x and y, both with spread: one condition carries it all, or there are two points.

    Anscombe's fourth set: without the one condition nothing varies, so that its place alone decides. None otherwise.
    """
    for name, values in (("fidelity", x), ("outcome", y)):
        ordered = np.sort(values)
        if min(np.ptp(ordered[1:]), np.ptp(ordered[:-1])) <= NIL * np.ptp(ordered):
            return f"one condition carries all of the spread of the {name}"
    places = np.stack([(v - v.min()) / np.ptp(v) for v in (x, y)])
    apart = np.abs(places - places[:, :1]).max(axis=0) > CLUMP  # from the first condition; all others: one point?
    if apart.any() and (np.abs(places - places[:, [int(apart.argmax())]]).max(axis=0)[apart] <= CLUMP).all():
        return "the conditions lie on two points"
    return None


def _leverage(x: np.ndarray, y: np.ndarray) -> str | None:
    """Which of x and y one condition dominates, in words."""
    parts = []
    for name, values in (("fidelity", x), ("outcome", y)):
        squares = (values - values.mean()) ** 2
        n = len(values)
        share = float(n / (n - 1) * squares.max() / squares.sum())  # of the sum of squares, what goes without it
        if share > LEVERAGE:
            parts.append(f"one condition holds {int(100 * share)} % of the spread of the {name}")
    return "; ".join(parts) or None


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson r, held inside [-1, 1]."""
    a, b = x - x.mean(), y - y.mean()
    return float(np.clip((a @ b) / math.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def ranks(x: np.ndarray) -> np.ndarray:
    """Ranks from 1; ties share their mean rank."""
    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def kendall(x: np.ndarray, y: np.ndarray) -> float:
    """Kendall's tau-b, every pair compared; both vectors must have spread."""
    upper = np.triu_indices(len(x), k=1)
    a, b = (np.sign(v[:, None] - v[None, :])[upper] for v in (x, y))
    return float(np.clip((a @ b) / math.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def theil_sen(x: np.ndarray, y: np.ndarray) -> float:
    """Median slope over all pairs with different x (Sen 1968); x must have spread."""
    upper = np.triu_indices(len(x), k=1)
    dx, dy = ((v[None, :] - v[:, None])[upper] for v in (x, y))
    return float(np.median(dy[dx != 0] / dx[dx != 0]))


def partial(x: np.ndarray, y: np.ndarray, given: np.ndarray, lost: int = 0) -> tuple[float | None, str | None]:
    """r of x and y given a third variable, and None or why it is undefined."""
    x, y, given = (np.asarray(v, dtype=float) for v in (x, y, given))
    if len(x) - lost <= FEWEST:
        return None, f"{len(x)} conditions: at least {FEWEST + lost + 1} are needed"
    for values in (x, y, given):
        if not np.isfinite(values).all():
            return None, "a value is not a number"
        if np.ptp(values) <= 1e-12 * max(1.0, np.abs(values).max()):
            return None, "it does not vary" if values is given else "no spread"
    xy, xz, yz = pearson(x, y), pearson(x, given), pearson(y, given)
    rest = (1 - xz * xz) * (1 - yz * yz)
    if rest <= 1e-12:
        return None, "it gives one of the two exactly"
    return float(np.clip((xy - xz * yz) / math.sqrt(rest), -1.0, 1.0)), None


def leave_one_out(x: np.ndarray, y: np.ndarray) -> list[float]:
    """r without each condition in turn."""
    others = np.nonzero(~np.eye(len(x), dtype=bool))[1].reshape(len(x), -1)
    a, b = (v[others] - v[others].mean(axis=1, keepdims=True) for v in (x, y))
    r = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.clip(r, -1.0, 1.0).tolist()


def _leave_one_out(x: np.ndarray, y: np.ndarray) -> list[float]:
    """As `leave_one_out`, empty when one condition alone carries the spread."""
    keep = ~np.eye(len(x), dtype=bool)
    spread = all(np.ptp(x[row]) > 1e-12 and np.ptp(y[row]) > 1e-12 for row in keep)
    return leave_one_out(x, y) if spread else []


def _p_of_r(r: float, n: int) -> float:
    if abs(r) >= 1.0:
        return 0.0
    return float(2 * special.stdtr(n - 2, -abs(r) * math.sqrt((n - 2) / (1 - r * r))))


def fisher_interval(r: float, n: int, level: float = 0.95) -> tuple[float | None, float | None]:
    """tanh(atanh r +- q / sqrt(n - 3)); null below four conditions; a point when |r| = 1."""
    if n < FEWEST:
        return None, None
    if abs(r) >= 1.0:
        return r, r
    half = float(special.ndtri(0.5 + level / 2)) / math.sqrt(n - 3)
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


@dataclass(frozen=True)
class Difference:
    """r1 - r2 with Zou's interval, and the test of Fisher's z; `note`: why these are None."""

    delta: float
    low: float | None
    high: float | None
    z: float | None
    p: float | None
    note: str | None = None


def _zou(r1: float, n1: int, r2: float, n2: int, c: float) -> tuple[float, float]:
    (l1, u1), (l2, u2) = fisher_interval(r1, n1), fisher_interval(r2, n2)
    assert l1 is not None and u1 is not None and l2 is not None and u2 is not None
    delta = r1 - r2
    c = min(max(c, -1.0), 1.0)  # an estimate of it may leave the range of a correlation
    low = delta - math.sqrt(max((r1 - l1) ** 2 + (u2 - r2) ** 2 - 2 * c * (r1 - l1) * (u2 - r2), 0.0))
    high = delta + math.sqrt(max((u1 - r1) ** 2 + (r2 - l2) ** 2 - 2 * c * (u1 - r1) * (r2 - l2), 0.0))
    return low, high


def _z(dz: float, c: float) -> float | None:
    """Difference of two z's with correlation c, standardised; None where the estimate of c reaches 1."""
    return dz / math.sqrt(2 - 2 * c) if c < 1 - 1e-9 else None


def _no_z(r: Sequence[float], n: Sequence[int]) -> str | None:
    """Why correlations r of n conditions have no Fisher z; None when they have one."""
    if not all(math.isfinite(value) for value in r):
        return "a correlation is not a number"
    if max(map(abs, r)) >= EXACT:
        return "a correlation of exactly 1 has no Fisher z"
    return f"{min(n)} conditions: at least {FEWEST} are needed" if min(n) < FEWEST else None


def independent_difference(r1: float, n1: int, r2: float, n2: int) -> Difference:
    """Fisher's z for two independent correlations, with Zou's interval; None for |r| = 1 and n <= 3."""
    if reason := _no_z((r1, r2), (n1, n2)):
        return Difference(r1 - r2, None, None, None, None, reason)
    z = (math.atanh(r1) - math.atanh(r2)) / math.sqrt(1 / (n1 - 3) + 1 / (n2 - 3))
    return Difference(r1 - r2, *_zou(r1, n1, r2, n2, 0.0), z, float(2 * special.ndtr(-abs(z))))


def tanh_of_z_interval(r1: float, n1: int, r2: float, n2: int, level: float = 0.95) -> tuple[float, float]:
    """tanh of the interval of z1 - z2: limits for (r1 - r2) / (1 - r1 r2), not for r1 - r2."""
    dz = math.atanh(r1) - math.atanh(r2)
    half = float(special.ndtri(0.5 + level / 2)) * math.sqrt(1 / (n1 - 3) + 1 / (n2 - 3))
    return math.tanh(dz - half), math.tanh(dz + half)


def equal_group_size(r1: float, r2: float, z: float) -> float:
    """The n of two equal groups that gives Fisher's z (3 + 2 (z / dz)^2)."""
    return 3 + 2 * (z / (math.atanh(r1) - math.atanh(r2))) ** 2


@dataclass(frozen=True)
class DependentDifference:
    """r1 - r2 on the same conditions: z tests (None where they break down) and Zou's interval; `note`: why all are."""

    delta: float
    low: float | None
    high: float | None
    dunn_clark_z: float | None
    steiger_z: float | None
    meng_z: float | None
    corr_of_r: float | None
    note: str | None = None


def dependent_difference(
    jk: float, hm: float, jh: float, jm: float, kh: float, km: float, n: int
) -> DependentDifference:
    """r_jk - r_hm without a shared variable (the same conditions in two regimes); None for |r| = 1 and n <= 3."""
    if reason := _no_z((jk, hm), (n,)):
        return DependentDifference(jk - hm, None, None, None, None, None, None, reason)

    def corr_of_r(first: float, second: float) -> float:
        psi = 0.5 * (
            (jh - first * kh) * (km - kh * second) + (jm - jh * second) * (kh - jh * first)
            + (jh - jm * second) * (km - first * jm) + (jm - first * km) * (kh - second * km)
        )  # fmt: skip
        return psi / ((1 - first**2) * (1 - second**2))

    c, pooled = corr_of_r(jk, hm), (jk + hm) / 2
    dz = (math.atanh(jk) - math.atanh(hm)) * math.sqrt(n - 3)
    steiger = _z(dz, corr_of_r(pooled, pooled))
    return DependentDifference(jk - hm, *_zou(jk, n, hm, n, c), _z(dz, c), steiger, None, c)


def overlapping_difference(jk: float, jh: float, kh: float, n: int) -> DependentDifference:
    """r_jk - r_jh with the shared variable j (two fidelity metrics against one outcome); None for |r| = 1, n <= 3."""
    if reason := _no_z((jk, jh, kh), (n,)):
        return DependentDifference(jk - jh, None, None, None, None, None, None, reason)

    def corr_of_r(first: float, second: float) -> float:
        rest = 1 - first**2 - second**2
        return (kh * rest - 0.5 * first * second * (rest - kh**2)) / ((1 - first**2) * (1 - second**2))

    c, pooled = corr_of_r(jk, jh), (jk + jh) / 2
    dz = (math.atanh(jk) - math.atanh(jh)) * math.sqrt(n - 3)
    square = (jk**2 + jh**2) / 2
    f = min((1 - kh) / (2 * (1 - square)), 1.0)
    meng = dz / math.sqrt(2 * (1 - kh) * (1 - f * square) / (1 - square))
    steiger = _z(dz, corr_of_r(pooled, pooled))
    return DependentDifference(jk - jh, *_zou(jk, n, jh, n, c), _z(dz, c), steiger, meng, c)
