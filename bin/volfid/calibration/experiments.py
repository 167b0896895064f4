"""Experiments made of draws: score tables for the real estimators, and the truth each is judged by.

Draws of a world are independent given its population and test set, so that any k of them are an
experiment with k draws; experiments of one size share no draw. The truth of an effect is its value over
the draws of the other tenths of the experiments: none of the draws that the experiment itself holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from volfid.calibration.worlds import World
from volfid.core.exits import DataError
from volfid.statistics import effects, estimands
from volfid.statistics.effects import Effect
from volfid.statistics.table import Condition, ScoreTable, Source
from volfid.statistics.worth import worth as worth_of_text

BLOCKS = 10
REAL_ARMS = ("R0", "R1", "Pb", "Pd")
WITHOUT_M = ("R0", "Rt")
Key = tuple[str, str, str]  # effect, metric, threshold


@dataclass(frozen=True)
class Scored:
    """Scores of one world and classifier: (arm, metric, threshold) -> one value a draw."""

    world: World
    classifier: str
    values: Mapping[tuple[str, str, str], np.ndarray]

    @property
    def draws(self) -> int:
        """Number of draws."""
        return len(next(iter(self.values.values())))

    def contrast(self, text: str, metric: str = "ap_micro", threshold: str = "none") -> np.ndarray:
        """Per-draw values of a contrast of arms."""
        weights = effects.parse_contrast(text)
        return effects.combine(weights, {arm: self.values[arm, metric, threshold] for arm in weights})


def collect(world: World, classifier: str, rows: Mapping[str, Sequence]) -> Scored:
    """Columns of the contract `calibration_scores` (one world and classifier) by arm, in order of the draws.

    Raises DataError when an arm lacks a draw, or holds one twice.
    """
    draws = np.asarray(rows["draw"])
    expected = np.unique(draws)
    keys = np.array([f"{a}|{m}|{t}" for a, m, t in zip(rows["arm"], rows["metric"], rows["threshold"], strict=True)])
    values = np.asarray([np.nan if v is None else v for v in rows["value"]], dtype=float)
    found = {}
    for key in np.unique(keys):
        here = np.flatnonzero(keys == key)
        here = here[np.argsort(draws[here], kind="stable")]
        if not np.array_equal(draws[here], expected):
            raise DataError(f"world {world.name}, {classifier}, {key}: draws are missing or repeated")
        found[tuple(key.split("|"))] = values[here]
    if any(np.isnan(column).any() for column in found.values()):
        raise DataError(f"world {world.name}, {classifier}: a score is undefined", mend="Give the world more documents")
    return Scored(world, classifier, found)


def groups(scored: Scored, size: int) -> np.ndarray:
    """Draw numbers of the experiments with `size` draws, shape (experiments, size); no draw is used twice."""
    count = scored.draws // size
    return np.arange(count * size).reshape(count, size)


def score_table(scored: Scored, draws: np.ndarray, sources: int = 1) -> ScoreTable:
    """The table of one experiment. With several `sources` its draws are shared out: a family of contexts."""
    world = scored.world
    table = ScoreTable()
    parts = np.asarray(draws).reshape(sources, -1)
    for (arm, metric, threshold), values in scored.values.items():
        name, _, size = arm.partition("@")
        regime = int(size) if size else world.n
        for number in range(sources if name not in REAL_ARMS else 1):
            source = None if name in (*REAL_ARMS, "Rt", "RMt") else _source(world, number)
            condition = Condition(scored.classifier, name, regime, 0 if name in WITHOUT_M else world.added, source)
            table.conditions.add(condition)
            table.series[condition, metric, threshold] = dict(enumerate(values[parts[number]].tolist()))
    return table


def _source(world: World, number: int) -> Source:
    return Source(f"world{number}", "full_synthesis", "paired", world.n, 0)


def estimates(table: ScoreTable, worth: bool = True) -> Iterator[Effect]:
    """The estimates whose rates are measured, decided as in a run."""
    found = [*estimands.contrasts(table), *estimands.factorial(table)]
    if worth:
        found += worth_of_text(table)
    return iter([effect for effect in effects.decide(found) if effect.estimate.n])


def by_key(found: Iterator[Effect], world: World) -> dict[Key, Effect]:
    """Effects of the world's own size, by name, metric and threshold."""
    return {
        (effect.name, effect.metric, effect.threshold): effect
        for effect in found
        if effect.context is None or effect.context.regime == world.n
    }


def known_truth(world: World) -> dict[str, float]:
    """Effects whose truth is known by construction."""
    if not world.sizes:
        return {}
    return {
        "worth_documents": world.n + world.added, "worth_further_documents": world.added, "content_efficiency": 1.0,
        "worth_documents_power_law": world.n + world.added,
    }  # fmt: skip


def truths(scored: Scored, size: int) -> list[dict[Key, float]]:
    """Truth of every effect for each block of experiments of that size, from the draws of the other blocks."""
    grouped = groups(scored, size)
    known = known_truth(scored.world)
    found = []
    for block in range(BLOCKS):
        others = grouped[block_of(len(grouped)) != block].ravel()
        there = by_key(estimates(score_table(scored, others), worth=False), scored.world)
        values = {key: known.get(key[0], effect.estimate.value) for key, effect in there.items()}
        scores = {(metric, threshold) for _, metric, threshold in scored.values}
        found.append(values | {(name, *score): value for name, value in known.items() for score in scores})
    return found


def block_of(experiments: int) -> np.ndarray:
    """Block of each experiment."""
    return np.arange(experiments) * BLOCKS // experiments
