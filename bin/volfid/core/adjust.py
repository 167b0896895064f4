"""p values of several tests, adjusted for their number."""

from collections.abc import Callable, Sequence

import numpy as np


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given."""
    return _stepwise(p, lambda rank, count: count - rank, np.maximum.accumulate)


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p values, in the order given."""
    return _stepwise(p, lambda rank, count: count / (rank + 1), lambda x: np.minimum.accumulate(x[::-1])[::-1])


def _stepwise(
    p: Sequence[float], factor: Callable[[int, int], float], accumulate: Callable[[np.ndarray], np.ndarray]
) -> list[float]:
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    factors = np.array([factor(rank, len(values)) for rank in range(len(values))])
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(accumulate(values[order] * factors), 1.0)
    return [float(value) for value in adjusted]
