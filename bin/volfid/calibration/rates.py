"""Coverage, false positives and power of every effect, each rate with its binomial interval."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from volfid.calibration.experiments import Key, Scored, block_of, by_key, estimates, groups, score_table, truths
from volfid.core.contracts import Row
from volfid.core.shares import wilson
from volfid.statistics.effects import NEGATIVE, POSITIVE, Effect
from volfid.statistics.intervals import ALPHA, LEVEL, join_notes

DRAWS = (3, 5, 10, 20)
ROUNDING = 5e-5  # spread below which two arms differ by rounding only
# Effects on micro-AP that are zero by construction, by world: the arms of the contrast are exchangeable. (Rows in
# disguise are not exactly copies, so that S - PL is only near zero in the worlds that have them.)
ZERO: dict[str, tuple[str, ...]] = {
    "null": ("content_paired", "content_own_law", "shapley_text", "label_law_copies", "label_law_synthetic",
             "shapley_law", "volume_total", "volume_updates", "volume_resampling", "synthetic_over_updates",
             "shapley_updates", "attribution_total"),
    "content": ("label_law_synthetic", "shapley_law"),
}  # fmt: skip


@dataclass(frozen=True)
class Rate:
    """`hits` of `times`, with Wilson's 95 % interval; all None for no trial."""

    hits: int
    times: int

    @property
    def value(self) -> float | None:
        """The share."""
        return self.hits / self.times if self.times else None

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Wilson's score interval."""
        return wilson(self.hits, self.times) or (None, None)


def row(
    scored: Scored, draws: int, check: str, key: Key, rate: Rate, truth: float | None,
    expected: float | None = None, at_most: bool = False, value: float | None = None, note: str | None = None,
) -> Row:  # fmt: skip
    """A row of the contract `calibration`; `held` says whether the expected rate lies in the binomial interval."""
    low, high = rate.interval
    held = None
    if expected is not None and low is not None:
        held = low <= expected + 1e-9 and (at_most or expected <= high + 1e-9)
    return {
        "world": scored.world.name, "classifier": scored.classifier, "regime": scored.world.n,
        "added": scored.world.added, "draws": draws, "check": check, "effect": key[0], "metric": key[1],
        "threshold": key[2], "replicates": rate.times, "truth": truth, "rate": rate.value, "low": low, "high": high,
        "expected": expected, "held": held, "value": value, "note": note,
    }  # fmt: skip


def sizes_of(scored: Scored) -> tuple[int, ...]:
    """Numbers of draws an experiment of this world can have."""
    return DRAWS if scored.world.documents is None else (scored.world.draws,)


def experiments_of(scored: Scored, draws: int) -> list[dict[Key, Effect]]:
    """All estimates of every experiment with that many draws."""
    return [by_key(estimates(score_table(scored, members)), scored.world) for members in groups(scored, draws)]


def effect_rows(scored: Scored, draws: int, experiments: list[dict[Key, Effect]]) -> Iterator[Row]:
    """Rows of all effects for experiments with that many draws."""
    truth = truths(scored, draws)
    found: dict[Key, list[tuple[Effect, float]]] = defaultdict(list)
    for block, experiment in zip(block_of(len(experiments)), experiments, strict=True):
        for key, effect in experiment.items():
            if truth[block].get(key) is not None:
                found[key].append((effect, truth[block][key]))
    for key, pairs in sorted(found.items()):
        yield from _rows_of(scored, draws, key, pairs)


def _rows_of(scored: Scored, draws: int, key: Key, pairs: list[tuple[Effect, float]]) -> Iterator[Row]:
    true = float(np.mean([truth for _, truth in pairs]))
    spreads = [effect.estimate.spread for effect, _ in pairs if effect.estimate.spread is not None]
    spread = float(np.mean(spreads)) if spreads else None
    if spread is not None and spread < ROUNDING:
        return  # the arms are the same numbers but for the solver's tolerance: nothing was estimated
    judged = [(e, t) for e, t in pairs if e.estimate.low is not None or e.estimate.high is not None or e.side]
    outside = [_misses(effect, truth) for effect, truth in judged]
    widths = [e.estimate.high - e.estimate.low for e, _ in judged if None not in (e.estimate.low, e.estimate.high)]
    if len(judged) < len(pairs) / 2 or (widths and np.mean(widths) < ROUNDING):
        return  # a share of a gain that is not there, or of one that is the same number in every draw
    note = None
    if len(judged) < len(pairs):
        note = f"{len(pairs) - len(judged)} of {len(pairs)} intervals are unbounded or undefined and not counted"
    points = sum(width <= 0 for width in widths)
    if points:
        note = join_notes(note, f"{points} of {len(pairs)} intervals have no width: the draws have the same score")
    if key[0].startswith("worth"):
        values = [effect.estimate.value for effect, _ in pairs if effect.estimate.value is not None]
        note = join_notes(note, f"mean estimate {np.mean(values):.1f}")
    covered = Rate(len(judged) - sum(outside), len(judged))
    width = float(np.mean(widths)) if widths else None
    yield row(scored, draws, "coverage", key, covered, true, LEVEL, value=width, note=note)
    zero = key[1] == "ap_micro" and key[0] in ZERO.get(scored.world.name, ())
    wanted = (POSITIVE, NEGATIVE) if zero else ((POSITIVE,) if true > 0 else (NEGATIVE,))
    decided = Rate(sum(effect.verdict in wanted for effect, _ in pairs), len(pairs))
    if zero:
        yield row(scored, draws, "false_positive", key, decided, 0.0, ALPHA, value=spread)
    else:
        yield row(scored, draws, "power", key, decided, true, value=spread)


def _misses(effect: Effect, truth: float) -> bool:
    """Whether the interval leaves out the truth; an open limit is infinite, a side means wholly outside."""
    if effect.side:
        return True
    low, high = effect.estimate.low, effect.estimate.high
    return (low is not None and truth < low) or (high is not None and truth > high)
