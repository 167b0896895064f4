"""Tests and rules that need a difference of stated size: power, equivalence, Holm's family, stopping."""

from collections.abc import Iterator

import numpy as np

from volfid.calibration.experiments import Scored, estimates, groups, score_table
from volfid.calibration.rates import Rate, row, sizes_of
from volfid.core.contracts import Row
from volfid.statistics import sequential
from volfid.statistics.effects import NEGATIVE, POSITIVE
from volfid.statistics.intervals import ALPHA, EQUIVALENCE_BOUNDS, mean_interval, t_power, tost, tost_power

DIFFERENCES = (0.01, 0.02, 0.05)
FAMILY = 4  # contexts of a family, e.g. generators
SCORE = ("ap_micro", "none")


def primary(scored: Scored) -> tuple[str, str]:
    """Name and contrast of the headline's difference in this world."""
    if scored.world.sizes:
        return "gain_tuned", f"St - Rt@{scored.world.n}"
    return "synthetic_over_updates", "S - R1"


def check_rows(scored: Scored) -> Iterator[Row]:
    """All rows of one world and classifier."""
    if scored.world.documents is not None:
        return  # its draws are not independent of each other over corpora
    name, contrast = primary(scored)
    values = scored.contrast(contrast)
    centred = values - values.mean()
    for draws in sizes_of(scored):
        samples = centred[groups(scored, draws)]
        yield from _power_rows(scored, draws, (name, *SCORE), samples)
        yield from _equivalence_rows(scored, draws, (name, *SCORE), samples)
    yield from _sequential_rows(scored, (name, *SCORE), values, centred)
    if scored.world.name == "null":
        yield _family_row(scored)


def _power_rows(scored: Scored, draws: int, key: tuple[str, str, str], samples: np.ndarray) -> Iterator[Row]:
    """Power at stated differences: the spread and shape of the world, its mean moved; expected: the closed form."""
    spread = float(samples.std(ddof=1))
    for difference in DIFFERENCES:
        hits = sum(mean_interval(sample + difference).p < ALPHA for sample in samples)
        closed = t_power(draws, spread, difference)
        yield row(scored, draws, "power_at", key, Rate(hits, len(samples)), difference, closed, value=spread)


def _equivalence_rows(scored: Scored, draws: int, key: tuple[str, str, str], samples: np.ndarray) -> Iterator[Row]:
    """The equivalence test: how often it succeeds at the bound (its error) and at zero (its power)."""
    spread = float(samples.std(ddof=1))
    for bound in EQUIVALENCE_BOUNDS:
        wrong = Rate(sum(bool(tost(sample + bound, bound).holds) for sample in samples), len(samples))
        yield row(scored, draws, "tost_error", key, wrong, bound, ALPHA, at_most=True, value=spread)
        right = Rate(sum(bool(tost(sample, bound).holds) for sample in samples), len(samples))
        closed = tost_power(draws, spread, bound)
        yield row(scored, draws, "tost_power", key, right, 0.0, closed, value=spread, note=f"bound {bound:g}")


def _sequential_rows(
    scored: Scored, key: tuple[str, str, str], values: np.ndarray, centred: np.ndarray
) -> Iterator[Row]:
    """The stopping rule: a sign where there is none, equivalence at the margin, and what it finds at the truth.

    `value` is the mean number of draws used.
    """
    most, margin = sequential.LOOKS[-1], EQUIVALENCE_BOUNDS[0]
    grouped = groups(scored, most)
    signs = (POSITIVE, NEGATIVE)
    for check, shift, wanted in (
        ("stop_error", 0.0, signs), ("stop_equivalence_error", margin, (sequential.EQUIVALENT,)),
    ):  # fmt: skip
        found = [sequential.decide(centred[members] + shift, margin=margin) for members in grouped]
        rate = Rate(sum(decision.verdict in wanted for decision in found), len(found))
        used = float(np.mean([decision.draws for decision in found]))
        yield row(scored, most, check, key, rate, shift, ALPHA, at_most=True, value=used)
    found = [sequential.decide(values[members], margin=margin) for members in grouped]
    rate = Rate(sum(decision.verdict in signs for decision in found), len(found))
    used = float(np.mean([decision.draws for decision in found]))
    yield row(scored, most, "stop_power", key, rate, float(values.mean()), value=used)


def _family_row(scored: Scored) -> Row:
    """How often Holm's adjustment lets any of four true nulls through: one contrast in four contexts, five draws."""
    draws, name = scored.world.draws, "content_own_law"
    grouped = groups(scored, FAMILY * draws)
    wrong = 0
    for members in grouped:
        family = [e for e in estimates(score_table(scored, members, FAMILY)) if (e.name, e.metric) == (name, SCORE[0])]
        assert len(family) == FAMILY, "a context of the family is missing"
        wrong += any(effect.verdict in (POSITIVE, NEGATIVE) for effect in family)
    note = f"{FAMILY} contexts"
    return row(
        scored, draws, "holm_error", (name, *SCORE), Rate(wrong, len(grouped)), 0.0, ALPHA, at_most=True, note=note
    )
