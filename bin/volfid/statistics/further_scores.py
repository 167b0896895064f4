"""Means of all further scores of the main arms and of the floors under every threshold policy; no contrasts."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from volfid.core.contracts import Row
from volfid.core.schemas import FLOORS, THRESHOLDS
from volfid.statistics import intervals
from volfid.statistics.effects import MEAN, Effect
from volfid.statistics.table import MEASURES, Context, classifier_name, context_order, source_note, source_of

ARMS = ("R0", "R1", "Rt", "Pd", "S", "St")
RANKING = ("ap_macro", "lrap", "coverage", "ranking_loss", "calibration_error", "brier")
DECISION = (
    "f1_micro", "f1_macro", "f1_weighted", "f1_samples", "precision_micro", "recall_micro", "jaccard_samples",
    "subset_accuracy", "hamming", "labels_never_predicted", "labels_own_threshold", "cardinality_predicted",
)  # fmt: skip
FURTHER = tuple(
    measure
    for measure in (
        *((metric, "none") for metric in RANKING),
        *((metric, policy) for policy in THRESHOLDS if policy != "none" for metric in DECISION),
    )
    if measure not in MEASURES
)


class Place(NamedTuple):
    """Effect name, arm or floor, and context of a mean."""

    effect: str
    arm: str
    context: Context


def further_scores(cells: Iterable[Row], scores: Iterable[Row]) -> Iterator[Effect]:
    """Effects `score` (contrast: the arm) and `floor_*` for every measure of FURTHER that was scored.

    Training repetitions are averaged inside the draw; a draw without a value is left out and noted.
    """
    places = {cell["cell_id"]: (place, cell["draw"]) for cell in cells if (place := _place(cell)) is not None}
    wanted = set(FURTHER)
    found: dict[tuple[Place, str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    reasons: dict[tuple[Place, str, str], str | None] = {}
    for row in scores:
        at = places.get(row["cell_id"])
        if at is None or row["label"] is not None or (row["metric"], row["threshold"]) not in wanted:
            continue
        key = (at[0], row["metric"], row["threshold"])
        values = found[key][at[1]]
        if row["value"] is None:
            reasons[key] = row["note"]
        else:
            values.append(row["value"])
    position = {measure: number for number, measure in enumerate(FURTHER)}
    for key in sorted(found, key=lambda key: (_order(key[0]), position[key[1], key[2]])):
        yield _effect(*key, found[key], reasons.get(key))


def _place(cell: Row) -> Place | None:
    name = classifier_name(cell)
    if cell["classifier"] in FLOORS:
        return Place(f"floor_{name}", name, Context(name, cell["regime"], 0, None))
    if cell["arm"] not in ARMS or cell["real_share"] is not None:
        return None
    return Place("score", cell["arm"], Context(name, cell["regime"], cell["added"], source_of(cell)))


def _order(place: Place) -> tuple:
    arm = ARMS.index(place.arm) if place.arm in ARMS else len(ARMS)
    return place.effect != "score", context_order(place.context), arm, place.arm


def _effect(place: Place, metric: str, threshold: str, draws: dict[int, list[float]], reason: str | None) -> Effect:
    values = [math.fsum(draws[draw]) / len(draws[draw]) for draw in sorted(draws) if draws[draw]]
    if values:
        estimate = intervals.single_mean(values, metric)
        if len(values) < len(draws):
            estimate = estimate.noted(f"{len(draws) - len(values)} of {len(draws)} draws undefined: {reason}")
    else:
        estimate = intervals.undefined(reason or "no value")
    estimate = estimate.noted(source_note(place.context.source))
    return Effect(place.effect, "0", place.arm, place.context, metric, threshold, estimate, MEAN)
