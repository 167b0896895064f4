"""When to stop adding draws: intervals at a few planned looks, their errors summed (Bonferroni's union bound).

The looks and the shares of the error are fixed before the first draw. At every look one t interval
is taken; all intervals of all looks hold the true mean together with a chance of at least 1 - alpha,
so that every decision read from them, whichever look it is made at, is wrong with a chance of at most
alpha, whatever the dependence between looks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import special

from volfid.core.exits import ParameterError

LOOKS = (5, 10, 20)
ALPHA = 0.05
POSITIVE, NEGATIVE, EQUIVALENT, CANNOT_DECIDE = "positive", "negative", "equivalent", "cannot decide"


@dataclass(frozen=True)
class Decision:
    """What was decided after how many draws.

    verdict     positive, negative, equivalent (within the margin) or cannot decide
    draws       draws used: those of the look at which it was decided, else of the last look reached
    mean, low, high, level    the interval at that look; low and high are None when no look was reached
    note        why no look was reached; else None
    """

    verdict: str
    draws: int
    mean: float | None
    low: float | None
    high: float | None
    level: float | None
    note: str | None = None


def levels(looks: Sequence[int] = LOOKS, alpha: float = ALPHA) -> tuple[float, ...]:
    """Confidence level of the interval at each look; the errors 1 - level sum to `alpha`.

    Each look gets a share of the error in proportion to its number of draws: little is spent on the
    first look, where the spread is known badly and the t quantile is large anyway.
    Raises ParameterError for looks that do not rise from 2 or more, or an alpha outside (0, 1).
    """
    if not looks or looks[0] < 2 or any(later <= earlier for earlier, later in pairwise(looks)):
        raise ParameterError(
            f"looks {list(looks)} mean nothing", mend="Give rising numbers of draws, the first at least 2"
        )
    if not 0 < alpha < 1:
        raise ParameterError(f"alpha {alpha} must lie between 0 and 1")
    total = sum(looks)
    return tuple(1 - alpha * look / total for look in looks)


def decide(
    values: Sequence[float] | np.ndarray, looks: Sequence[int] = LOOKS, margin: float | None = None,
    alpha: float = ALPHA,
) -> Decision:  # fmt: skip
    """Decision on the mean of per-draw `values` (paired differences, in the order of the draws).

    At each look reached: positive or negative when the interval leaves out zero, equivalent when it
    lies inside (-margin, margin); the first such look ends it. Draws between looks are not read.
    """
    if margin is not None and margin <= 0:
        raise ParameterError(f"margin {margin} must be positive")
    planned = list(zip(looks, levels(looks, alpha), strict=True))
    x = np.asarray(values, dtype=float)
    found = Decision(CANNOT_DECIDE, len(x), None, None, None, None, f"{len(x)} draws: the first look is at {looks[0]}")
    for look, level in planned:
        if len(x) < look:
            break
        found = _at_look(x[:look], level, margin)
        if found.verdict != CANNOT_DECIDE:
            break
    return found


def _at_look(x: np.ndarray, level: float, margin: float | None) -> Decision:
    n, mean = len(x), float(x.mean())
    half = float(special.stdtrit(n - 1, 0.5 + level / 2)) * float(x.std(ddof=1)) / math.sqrt(n)
    if half <= 1e-12 * max(1.0, float(np.abs(x).max())):  # rounding noise is no spread
        half, mean = 0.0, 0.0 if abs(mean) < 1e-12 else mean
    low, high = mean - half, mean + half
    verdict = CANNOT_DECIDE
    if low > 0:
        verdict = POSITIVE
    elif high < 0:
        verdict = NEGATIVE
    elif margin is not None and -margin < low and high < margin:
        verdict = EQUIVALENT
    return Decision(verdict, n, mean, low, high, level)
