"""Scores by arm and draw: cells joined with scores, training repetitions averaged inside the draw."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from volfid.core.contracts import Row
from volfid.core.schemas import ANSWERS, FLOORS
from volfid.core.supplied import OWN
from volfid.statistics.intervals import join_notes

# Metric and threshold of every estimate, the primary first.
MEASURES = (("ap_micro", "none"), ("f1_micro", "tuned"), ("f1_micro", "fixed_0.5"), ("f1_micro", "cardinality"))
PRIMARY = MEASURES[0]
ENCODER_SIDE = ("ndcg_at_10_encoder", "none")


class Source(NamedTuple):
    """Where synthetic rows come from."""

    generator: str
    method: str
    label_plan: str
    pool_size: int
    round: int

    @property
    def is_supplied(self) -> bool:
        """Whether somebody supplied them."""
        return self.label_plan == OWN


class Condition(NamedTuple):
    """An arm in its place: everything but the draw and the training repetition."""

    classifier: str
    arm: str
    regime: int
    added: int
    source: Source | None


class Context(NamedTuple):
    """Where a contrast is taken; arms without added rows are found in it whatever their `added`."""

    classifier: str
    regime: int
    added: int
    source: Source | None


@dataclass(frozen=True)
class Paired:
    """Per-draw values of several arms on the draws that all of them have; `values[arm]` is an array."""

    draws: tuple[int, ...]
    values: Mapping[str, np.ndarray]
    note: str | None
    missing: tuple[str, ...]


def classifier_name(cell: Row) -> str:
    """The classifier, with its loss where that is not the plain one."""
    return cell["classifier"] if cell["loss"] == "bce" else f"{cell['classifier']}/{cell['loss']}"


def source_of(cell: Row) -> Source | None:
    """Generator, method, label plan, pool size and round of a cell; None for real rows only."""
    if cell["generator"] is None:
        return None
    return Source(cell["generator"], cell["method"], cell["label_plan"], cell["pool_size"], cell["round"])


@dataclass
class ScoreTable:
    """Look-up of per-draw scores. `floors`, `mixtures`, `doses` and `answers` are kept apart from the trained arms."""

    series: dict[tuple[Condition, str, str], dict[int, float]] = field(default_factory=dict)
    mixtures: dict[tuple, dict[float, dict[int, float]]] = field(default_factory=dict)
    doses: dict[tuple, dict[float, dict[int, float]]] = field(default_factory=dict)
    floors: dict[tuple[str, int, str, str], dict[int, float]] = field(default_factory=dict)
    answers: dict[tuple[str, str, int, str, str], dict[int, float]] = field(default_factory=dict)
    conditions: set[Condition] = field(default_factory=set)
    tuned: set[str] = field(default_factory=set)

    @property
    def classifiers(self) -> list[str]:
        """Trained classifiers, `mlp` first."""
        return sorted({c.classifier for c in self.conditions}, key=lambda name: (name != "mlp", name))

    def locate(self, arm: str, context: Context) -> Condition | None:
        """The condition of `arm` in `context`: its own source and M, else real rows only, else an arm without M."""
        for source in dict.fromkeys((context.source, None)):
            for added in (context.added, 0):
                found = Condition(context.classifier, arm, context.regime, added, source)
                if found in self.conditions and (added == context.added or arm in ("R0", "R0b", "Rt", "R_stop")):
                    return found
        return None

    def draws(self, arm: str, context: Context, metric: str, threshold: str) -> dict[int, float]:
        """Value of each draw; empty when the arm was not planned or has no score."""
        condition = self.locate(arm, context)
        return self.series.get((condition, metric, threshold), {}) if condition else {}

    def paired(self, arms: Iterable[str], context: Context, metric: str, threshold: str) -> Paired:
        """Values of `arms` on the draws they share, with a note when draws had to be left out."""
        names = list(dict.fromkeys(arms))
        found = {arm: self.draws(arm, context, metric, threshold) for arm in names}
        return align(found)

    def contexts(self, arms: Sequence[str]) -> list[Context]:
        """Contexts in which all of `arms` were planned, in sorted order.

        The source is that of the synthetic arms; contrasts of real arms alone have none.
        """
        candidates = {Context(c.classifier, c.regime, c.added, c.source) for c in self.conditions if c.arm in arms}
        found = [c for c in candidates if all(self.locate(arm, c) for arm in arms)]
        exact = [c for c in found if self._is_exact(arms, c)]
        return sorted(exact, key=context_order)

    def _is_exact(self, arms: Sequence[str], context: Context) -> bool:
        """Whether M and source of the context are needed by some arm (R0 alone would fit everywhere)."""
        located = [self.locate(arm, context) for arm in arms]
        return any(c.added == context.added for c in located) and any(c.source == context.source for c in located)


def context_order(context: Context) -> tuple:
    """Sort key: `mlp` first, then classifier, regime, M and source."""
    return (context.classifier != "mlp", context.classifier, context.regime, context.added, context.source or ())


def align(found: Mapping[str, Mapping[int, float]]) -> Paired:
    """Values on common draws; names without any value are `missing`, unequal draws are noted."""
    missing = tuple(name for name, values in found.items() if not values)
    common = sorted(set.intersection(*(set(values) for values in found.values()))) if found else []
    every = set().union(*found.values()) if found else set()
    note = None
    if missing:
        note = f"no score for {', '.join(missing)}"
    elif len(common) < len(every):
        lacking = sorted(name for name, values in found.items() if set(values) != every)
        note = (
            f"{len(every) - len(common)} of {len(every)} draws left out: not every arm has them ({', '.join(lacking)})"
        )
    arrays = {name: np.array([values[draw] for draw in common]) for name, values in found.items()}
    return Paired(tuple(common), arrays, note, missing)


def build_table(cells: Iterable[Row], scores: Iterable[Row]) -> ScoreTable:
    """Join cells and scores. Per draw the mean over training repetitions; undefined scores are left out."""
    by_cell: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    wanted = {*MEASURES, ENCODER_SIDE}
    for row in scores:
        if row["label"] is None and row["value"] is not None and (row["metric"], row["threshold"]) in wanted:
            by_cell[row["cell_id"]].append((row["metric"], row["threshold"], row["value"]))
    table = ScoreTable()
    repeats: dict[tuple, list[float]] = defaultdict(list)
    for cell in cells:
        name = classifier_name(cell)
        if cell["classifier"] in FLOORS:
            place: tuple = ("floor", name, cell["regime"])
        elif cell["classifier"] in ANSWERS:
            place = ("answers", name, cell["generator"], cell["regime"])
        elif cell["real_share"] is not None:
            place = ("mixture", name, cell["regime"], cell["budget"], cell["arm"], source_of(cell), cell["real_share"])
        elif cell["dose"] is not None:
            place = ("dose", name, cell["regime"], cell["added"], cell["arm"], source_of(cell), cell["dose"])
        else:
            condition = Condition(name, cell["arm"], cell["regime"], cell["added"], source_of(cell))
            table.conditions.add(condition)
            if cell["tuning"] == "tuned":
                table.tuned.add(cell["arm"])
            place = ("arm", condition)
        for metric, threshold, value in by_cell.get(cell["cell_id"], ()):
            repeats[place, metric, threshold, cell["draw"]].append(value)
    for place, metric, threshold, draw in sorted(repeats, key=repr):
        mean = float(np.mean(sorted(repeats[place, metric, threshold, draw])))
        if place[0] == "floor":
            table.floors.setdefault((*place[1:], metric, threshold), {})[draw] = mean
        elif place[0] == "answers":
            table.answers.setdefault((*place[1:], metric, threshold), {})[draw] = mean
        elif place[0] in ("mixture", "dose"):
            sets = table.mixtures if place[0] == "mixture" else table.doses
            sets.setdefault((*place[1:6], metric, threshold), {}).setdefault(place[6], {})[draw] = mean
        else:
            table.series.setdefault((place[1], metric, threshold), {})[draw] = mean
    return table


def source_note(source: Source | None) -> str | None:
    """What a reader must know of the source: its label plan, and that a supplied pool is the same in all draws."""
    if source is None:
        return None
    same = "one pool of supplied documents for all draws" if source.is_supplied else None
    rounds = f"round {source.round}" if source.round else None
    return join_notes(f"label plan {source.label_plan}", same, rounds)
