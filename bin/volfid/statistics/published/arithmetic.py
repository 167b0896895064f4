"""What follows from figures as they were printed: pure arithmetic, with the rounding of the print.

A printed figure stands for all values that round to it; intervals here run over these values. Formulas: Fisher's z
and Zou (2007); predict-all scores micro-F1 2p / (1 + p) at label density p.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from volfid.core.exits import ConfigError
from volfid.statistics import correlation
from volfid.statistics.intervals import t_quantile

MOST = 10_000
"""Group sizes above this are not looked for."""


@dataclass(frozen=True)
class Printed:
    """A printed number, and half a unit of its last digit."""

    text: str
    value: float
    half: float

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value that round to it."""
        return self.value - self.half, self.value + self.half

    def agrees(self, value: float) -> bool:
        """Whether `value` is printed like this."""
        return abs(value - self.value) <= self.half + 1e-12


def printed(text: object) -> Printed:
    """A figure from its text, which keeps the digits ('0.120'). Raises ConfigError when it is no number."""
    try:
        number = Decimal(str(text))
        exponent = number.as_tuple().exponent
    except InvalidOperation:
        exponent = None
    if not isinstance(exponent, int):
        raise ConfigError(f"claims.yaml, figures: {text!r} is not a number", mend="Write it as printed, in quotes")
    return Printed(str(text), float(number), 0.5 * 10.0**exponent)


def over_rounding(function: Callable[..., float], *figures: Printed) -> tuple[float, float]:
    """Range of a function that is monotone in each argument over all values that round to the figures."""
    values = [function(*ends) for ends in itertools.product(*(figure.ends for figure in figures))]
    return min(values), max(values)


def equal_size(r1: Printed, r2: Printed, z: Printed) -> tuple[float, float, float]:
    """n of two equal groups that gives Fisher's z: from the printed values, lowest and highest over their rounding."""
    return (
        correlation.equal_group_size(r1.value, r2.value, z.value),
        *over_rounding(correlation.equal_group_size, r1, r2, z),
    )


def size_pairs(r1: Printed, r2: Printed, z: Printed) -> list[tuple[int, int]]:
    """Integer group sizes (smaller first, at most MOST) that give z to its printed digits, r as printed.

    z = d / sqrt(u + v) with u = 1 / (n1 - 3), v = 1 / (n2 - 3); so u + v lies in a known interval, and for each
    n1 the sizes n2 form a run.
    """
    d = math.atanh(r1.value) - math.atanh(r2.value)
    least, most = sorted((d / end) ** 2 for end in z.ends)
    pairs = []
    for first in range(correlation.FEWEST, MOST + 1):
        u = 1 / (first - 3)
        if 2 * u < least:  # the smaller group has the larger part of u + v
            break
        low = first if most <= u else max(first, math.floor(3 + 1 / (most - u)))
        high = MOST if u >= least else math.ceil(3 + 1 / (least - u))
        if u <= most:
            pairs += [
                (first, second)
                for second in range(low, min(high, MOST) + 1)
                if z.agrees(d / math.sqrt(u + 1 / (second - 3)))
            ]
    return pairs


def sizes_with_interval(r1: Printed, r2: Printed, low: Printed, high: Printed) -> list[int]:
    """Equal group sizes for which tanh of the interval of z1 - z2 is printed as [low, high]."""
    found = []
    for n in range(correlation.FEWEST, 1001):
        limits = correlation.tanh_of_z_interval(r1.value, n, r2.value, n)
        if low.agrees(limits[0]) and high.agrees(limits[1]):
            found.append(n)
    return found


def tanh_identity(r1: float, r2: float) -> float:
    """(r1 - r2) / (1 - r1 r2), which is tanh(z1 - z2)."""
    return (r1 - r2) / (1 - r1 * r2)


def predict_all_density(f1: float) -> float:
    """Label density p at which predicting every label has this micro-F1: 2p / (1 + p) solved for p."""
    return f1 / (2 - f1)


def share_of_gain(real_only: float, copies: float, synthetic: float) -> float:
    """(copies - real only) / (synthetic - real only)."""
    return (copies - real_only) / (synthetic - real_only)


def never_drawn(documents: int, draws: int) -> float:
    """Expected share of `documents` that `draws` draws with replacement leave out."""
    return (1 - 1 / documents) ** draws


def updates(rows: int, batch: int, epochs: int) -> int:
    """Optimiser updates of `epochs` passes; the last batch of a pass may be smaller."""
    return epochs * math.ceil(rows / batch)


def largest_spread(gap: float, draws: int, level: float = 0.95) -> float:
    """Standard deviation of paired differences below which `gap` differs from zero (two-sided t)."""
    return gap * math.sqrt(draws) / t_quantile(draws, level)


def largest_spread_equivalent(gap: float, bound: float, draws: int) -> float | None:
    """As above for two one-sided tests of equivalence within +- bound; None when the gap reaches the bound."""
    return (bound - abs(gap)) * math.sqrt(draws) / t_quantile(draws, 0.90) if abs(gap) < bound else None


def runs(numbers: Sequence[int]) -> str:
    """Sorted integers in words: '67 to 69', '14', '3, 5 to 7'."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]} to {part[-1]}" for part in parts)
