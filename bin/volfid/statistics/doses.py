"""Dose-response of label shift (estimand 5): the label law is moved on purpose, the text stays what it was.

Each draw tilts the label law of the added rows along one random direction, by several doses. What the
score does between doses is caused by the shift; a correlation over arms mixes it with all else that
differs between them. Resampling to a tilted law also repeats some rows more than others: the effective
size of the set falls with the dose, and that is part of the effect.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from volfid.statistics import intervals
from volfid.statistics.corpora import Measured, Rows
from volfid.statistics.effects import DIFFERENCE, Effect
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import Context, ScoreTable, Source, align, source_note

Distances = Mapping[Measured, Mapping[Rows, Mapping[int, float]]]
DISTANCE = Measured("mmd2_label_parent", "all, reference")
NAMES = {"copies": "Pdose", "synthetic": "Sdose"}


def dose_effects(
    table: ScoreTable, fidelity: Mapping[Measured, Mapping[Rows, Mapping[int, float]]]
) -> Iterator[Effect]:
    """`label_shift_<text>`: score at the highest dose minus that at dose 0; `label_shift_<text>_slope`: the
    per-draw least-squares slope of the score on the label MMD of the training set, over all doses."""
    for (classifier, regime, added, arm, source, metric, threshold), doses in sorted(table.doses.items(), key=repr):
        text = "synthetic" if source else "copies"
        context = Context(classifier, regime, added, source)
        levels = sorted(doses)
        paired = align({f"dose {dose:g}": doses[dose] for dose in levels})
        shown = ", ".join(f"{dose:g}" for dose in levels)

        def effect(name: str, contrast: str, estimate: Estimate, place=(context, metric, threshold), note=paired.note):
            remark = source_note(place[0].source)
            return Effect(name, "5", contrast, *place, estimate.noted(note, remark), DIFFERENCE)

        if len(levels) < 2 or not paired.draws:
            reason = paired.note or f"{len(levels)} dose: at least 2 are needed"
            yield effect(f"label_shift_{text}", f"{arm} over doses {shown}", intervals.undefined(reason))
            continue
        scores = np.stack([paired.values[f"dose {dose:g}"] for dose in levels], axis=1)
        change = intervals.mean_interval(scores[:, -1] - scores[:, 0])
        yield effect(f"label_shift_{text}", f"{arm} at dose {levels[-1]:g} - at dose {levels[0]:g}", change)
        distance = _distances(fidelity, NAMES[text], regime, added, source, levels, paired.draws)
        contrast = f"slope of {arm} on {DISTANCE.metric}, doses {shown}"
        yield effect(f"label_shift_{text}_slope", contrast, _slope(distance, scores))


def _distances(
    fidelity: Distances, name: str, regime: int, added: int, source: Source | None, levels: list[float],
    draws: tuple[int, ...],
) -> np.ndarray | None:  # fmt: skip
    """Label MMD of every draw and dose, shape (draws, doses); None when one is not measured."""
    measured = fidelity.get(DISTANCE, {})
    by_dose = [measured.get(Rows(f"{name} {dose:g}", regime, added, source, None), {}) for dose in levels]
    if any(draw not in values for values in by_dose for draw in draws):
        return None
    return np.array([[values[draw] for values in by_dose] for draw in draws])


def _slope(distance: np.ndarray | None, scores: np.ndarray) -> Estimate:
    if distance is None:
        return intervals.undefined("the label MMD of a dose is not measured")
    x = distance - distance.mean(1, keepdims=True)
    spread = (x * x).sum(1)
    moved = spread > 1e-18
    if not moved.any():
        return intervals.undefined("the doses do not move the label MMD", len(scores))
    slopes = (x * (scores - scores.mean(1, keepdims=True))).sum(1)[moved] / spread[moved]
    note = None if moved.all() else f"{int((~moved).sum())} draws left out: their doses do not move the label MMD"
    return intervals.mean_interval(slopes).noted(note)
