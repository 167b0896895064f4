"""Means over draws with a t interval (of figures between 0 and 1: on the logit), for the tables and figures that show
arms as they are.

Contrasts, worth and correlations are estimated by the statistics stage; here is only the
description of single arms: training repetitions are averaged inside a draw first, then draws.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.special import stdtrit

from volfid.core.bounded import at_bound, is_share, logit_limits
from volfid.core.contracts import Row
from volfid.core.schemas import UNTRAINED

PRIMARY = ("ap_micro", "none")
LEVEL = 0.95
INTERVALS = "Means with 95 % t intervals over draws (shares: on the logit; none at 0 or 1)"
ARM_GROUP = (
    "regime", "added", "generator", "method", "label_plan", "classifier", "loss", "real_share", "budget",
    "tuning", "arm",
)  # fmt: skip


@dataclass(frozen=True)
class Mean:
    """A mean over draws; `value` is None when undefined, and `note` says why."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    note: str | None = None


def mean_over_draws(by_draw: Mapping[int, Sequence[float]], note: str | None = None, figure: str | None = None) -> Mean:
    """Mean of per-draw means with the two-sided 95 % t interval; no interval from one draw.

    `note` is kept when nothing is defined. A `figure` between 0 and 1 has the interval of core/bounded.py: t on the
    logit of the mean, and none where the mean is exactly 0 or 1.
    """
    values = [sum(values) / len(values) for _, values in sorted(by_draw.items()) if values]
    n = len(values)
    if n == 0:
        return Mean(None, None, None, 0, note or "no value")
    if not all(map(math.isfinite, values)):
        return Mean(None, None, None, n, "a value is not a number")
    mean = sum(values) / n
    if n == 1:
        return Mean(mean, None, None, 1, "one draw: no interval")
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    quantile, error = float(stdtrit(n - 1, 0.5 + LEVEL / 2)), spread / math.sqrt(n)
    if is_share(figure, values):
        limits = logit_limits(mean, error, quantile)
        return Mean(mean, *limits, n) if limits else Mean(mean, None, None, n, at_bound(mean, values))
    return Mean(mean, mean - quantile * error, mean + quantile * error, n)


def score_index(scores: Iterable[Row], metric: str, threshold: str) -> dict[str, Row]:
    """cell_id to the row of one overall score (`label` null)."""
    return {
        row["cell_id"]: row
        for row in scores
        if row["metric"] == metric and row["threshold"] == threshold and row["label"] is None
    }


def arm_means(
    cells: Iterable[Row], scores: Iterable[Row], metric: str, threshold: str, group: Sequence[str] = ARM_GROUP
) -> dict[tuple[Any, ...], Mean]:
    """Mean of a score for every combination of `group`; a combination without any score is absent."""
    index = score_index(scores, metric, threshold)
    values: dict[tuple[Any, ...], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    notes: dict[tuple[Any, ...], str | None] = {}
    for cell in cells:
        row = index.get(cell["cell_id"])
        if row is None:
            continue
        key = tuple(cell[name] for name in group)
        if row["value"] is None:
            notes[key] = row["note"]
            values[key][cell["draw"]] += []
        else:
            values[key][cell["draw"]].append(row["value"])
    return {key: mean_over_draws(by_draw, notes.get(key), metric) for key, by_draw in values.items()}


def trainset_means(
    cells: Iterable[Row], rows: Iterable[Row], group: Sequence[str], of: Sequence[str]
) -> dict[tuple[Any, ...], Mean]:
    """Mean over draws of fidelity or retrieval rows; keys are `group` of the cell, then `of` of the row.

    A training set that several cells share counts once for each arm that uses it. A row has its value under `value`,
    and the name of the figure under `figure` or `metric`.
    """
    wanted: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    draw: dict[str, int] = {}
    for cell in cells:
        if cell["classifier"] not in UNTRAINED:
            wanted[cell["trainset_id"]].add(tuple(cell[name] for name in group))
            draw[cell["trainset_id"]] = cell["draw"]
    values: dict[tuple[Any, ...], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    notes: dict[tuple[Any, ...], str | None] = {}
    figure: dict[tuple[Any, ...], str] = {}
    for row in rows:
        for arm in wanted.get(row["trainset_id"], ()):
            key = (*arm, *(row[name] for name in of))
            figure[key] = row["figure"] if "figure" in row else row["metric"]
            if row["value"] is None:
                notes[key] = row["note"]
                values[key][draw[row["trainset_id"]]] += []
            else:
                values[key][draw[row["trainset_id"]]].append(row["value"])
    return {key: mean_over_draws(by_draw, notes.get(key), figure[key]) for key, by_draw in values.items()}


def order(key: Iterable[Any]) -> tuple[Any, ...]:
    """Sort key for tuples that hold None."""
    return tuple((part is not None, part) for part in key)


def classifiers(cells: Iterable[Row]) -> list[str]:
    """Trained classifiers of the run, floors and answers aside, `mlp` first."""
    found = {cell["classifier"] for cell in cells} - set(UNTRAINED)
    return sorted(found, key=lambda name: (name != "mlp", name))


def primary_score(plan: Row, findings: Row) -> tuple[str, str]:
    """Metric and threshold that the report leads with: the headline's, else the protocol's, else micro AP."""
    for source in (findings.get("headline", {}), plan.get("protocol", {}), plan.get("protocol", {}).get("primary", {})):
        if isinstance(source, Mapping) and isinstance(source.get("metric"), str):
            return source["metric"], source.get("threshold") or "none"
    return PRIMARY
