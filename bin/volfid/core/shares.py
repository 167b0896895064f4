"""Shares of trials, with their interval."""

import math

Z95 = 1.959963984540054  # the standard normal's quantile at 0.975


def wilson(successes: int, trials: int) -> tuple[float, float] | None:
    """Wilson's 95 % score interval for a share (Wilson 1927, without correction); None without trials.

    The limits are the shares whose distance from the one seen is `Z95` of their own standard errors; 0 of n
    has the lower limit 0, n of n the upper limit 1.
    """
    if trials == 0:
        return None
    share, square = successes / trials, Z95**2
    scale = 2 * (trials + square)
    middle = (2 * trials * share + square) / scale
    half = Z95 / scale * math.sqrt(4 * trials * share * (1 - share) + square)
    return (0.0 if successes == 0 else middle - half), (1.0 if successes == trials else middle + half)
