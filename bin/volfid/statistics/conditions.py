"""The points of a correlation: conditions with their fidelity, score and gain.

A condition is a training set with the arm that trains on it, averaged over draws first: draws and
training repetitions do not add to n.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from volfid.core.contracts import Row
from volfid.core.schemas import UNTRAINED
from volfid.statistics.corpora import Measured, Rows, rows_of
from volfid.statistics.table import MEASURES, classifier_name

BLOCK = "correlation"
DISTANCES = ("mmd2_label_unbiased", "mmd2_label_parent", "mmd2_text_unbiased", "mmd2_text_parent")
REFERENCE = "reference"
OUTCOMES = ("score", "gain")
WITHOUT_CONTROLS = "without controls"
POOLED, BETWEEN = "within methods, pooled", "between methods"
UNIQUE = "unique_documents"
Fidelity = Mapping[Measured, Mapping[Rows, Mapping[int, float]]]


@dataclass(frozen=True)
class Point:
    """One condition with its fidelity and its outcome; `twin` names it in another regime (M by its rank).

    added      M of the arm (also where no row is added)
    log_size   log of the rows it trains on
    unique     unique documents among them, where the scores tell
    """

    twin: tuple
    rows: Rows
    fidelity: float
    outcome: float
    baseline: str | None
    added: int = 0
    log_size: float = 0.0
    unique: float | None = None


class PointSet(NamedTuple):
    """The points of every regime for one classifier, score, fidelity metric and outcome."""

    classifier: str
    metric: str
    threshold: str
    fidelity: str
    outcome: str
    regimes: dict[int, list[Point]]


class Scope(NamedTuple):
    """Some of the points; `lost` degrees of freedom went into group means."""

    name: str
    points: list[Point]
    lost: int = 0
    unit: str = "conditions"


def chosen_cells(cells: Iterable[Row]) -> list[Row]:
    """Cells whose conditions are correlated: the block `correlation` where the design has it.

    Otherwise every arm of the paper's schedule with high updates. Permuted labels stay out: they
    are a negative control whose fidelity equals that of the arm it breaks. So do shifted label laws:
    they are the experiment beside this observation (statistics/doses.py).
    """
    trained = [cell for cell in cells if cell["classifier"] not in UNTRAINED]
    named = [cell for cell in trained if BLOCK in cell["blocks"]]
    plain = {"tuning": "fixed", "updates": "high", "exposure": "pooled", "head_start": "zero"}
    return named or [
        cell
        for cell in trained
        if all(cell[key] == value for key, value in plain.items()) and cell["label_law"] not in ("permuted", "shifted")
    ]


def _uniques(cells: Sequence[Row], scores: Iterable[Row]) -> dict[tuple, float]:
    """Condition (arm, rows, added) to the mean number of unique documents, where a score row tells."""
    by_id = {cell["cell_id"]: cell for cell in cells}
    found: dict[tuple, list[float]] = {}
    for row in scores:
        cell = by_id.get(row["cell_id"])
        if cell is not None and row["metric"] == UNIQUE and row["value"] is not None:
            found.setdefault((cell["arm"], rows_of(cell), cell["added"]), []).append(row["value"])
    return {key: float(np.mean(sorted(values))) for key, values in found.items()}


def _outcomes(cells: Sequence[Row], scores: Iterable[Row]) -> dict[tuple, dict[tuple, dict[int, float]]]:
    """(classifier, metric, threshold) to condition (arm, rows, added) to per-draw scores."""
    by_id = {cell["cell_id"]: cell for cell in cells}
    repeats: dict[tuple, dict[tuple, dict[int, list[float]]]] = {}
    for row in scores:
        cell = by_id.get(row["cell_id"])
        if cell is None or row["label"] is not None or row["value"] is None:
            continue
        if (row["metric"], row["threshold"]) in MEASURES:
            place = (classifier_name(cell), row["metric"], row["threshold"])
            key = (cell["arm"], rows_of(cell), cell["added"])
            repeats.setdefault(place, {}).setdefault(key, {}).setdefault(cell["draw"], []).append(row["value"])
    return {
        place: {key: {d: float(np.mean(sorted(v))) for d, v in draws.items()} for key, draws in found.items()}
        for place, found in sorted(repeats.items())
    }


def _points(
    found: Mapping[tuple, Mapping[int, float]], fidelity: Mapping[Rows, Mapping[int, float]], regime: int,
    outcome: str, uniques: Mapping[tuple, float],
) -> list[Point]:  # fmt: skip
    """Conditions of one regime that have the fidelity metric and the outcome, in sorted order."""
    sizes = {arm: sorted({m for a, r, m in found if a == arm and r.regime == regime}) for arm, _, _ in found}
    points = []
    for (arm, rows, added), scores in sorted(found.items(), key=lambda item: repr(item[0])):
        if rows.regime != regime:
            continue
        values, baseline = scores, None
        if outcome == "gain":
            baseline, base = _baseline(found, regime, added)
            if baseline is None or arm == baseline:
                continue
            values = {draw: scores[draw] - base[draw] for draw in scores if draw in base}
        measured = fidelity.get(rows, {})
        draws = sorted(set(values) & set(measured))
        if draws:
            twin = (arm, rows.name, rows.source and rows.source[:3], rows.real_share, sizes[arm].index(added))
            mean = [float(np.mean([x[draw] for draw in draws])) for x in (measured, values)]
            size, unique = float(np.log(regime + rows.added)), uniques.get((arm, rows, added))
            points.append(Point(twin, rows, *mean, baseline, added, size, unique))
    return points


def _baseline(
    found: Mapping[tuple, Mapping[int, float]], regime: int, added: int
) -> tuple[str | None, Mapping[int, float]]:
    """R1 with the same number of updates, else R0."""
    plain = Rows("R", regime, 0, None, None)
    for key in (("R1", plain, added), ("R0", plain, 0)):
        if key in found:
            return key[0], found[key]
    return None, {}


def scopes(points: Sequence[Point]) -> list[tuple[str, list[Point]]]:
    """All conditions, without controls (rows of real text only), and within each method."""
    made = [point for point in points if point.rows.source is not None]
    methods = sorted({point.rows.source.method for point in made})
    within = [
        (f"within {method}", [point for point in made if point.rows.source.method == method]) for method in methods
    ]
    return [("all", list(points)), (WITHOUT_CONTROLS, made), *within]


def detailed_scopes(points: Sequence[Point]) -> list[Scope]:
    """As `scopes`, and where there are several methods: pooled within them, and between their means.

    Two clusters of methods alone can make r near .9. Pooled: every value less the mean of its method.
    """
    listed = [Scope(name, chosen) for name, chosen in scopes(points)]
    groups = [scope.points for scope in listed if scope.name.startswith("within ") and scope.points]
    if len(groups) < 2:
        return listed
    pooled = [point for group in groups for point in _centred(group)]
    means = [_mean_point(group) for group in groups]
    return [*listed, Scope(POOLED, pooled, len(groups) - 1), Scope(BETWEEN, means, unit="methods")]


def _mean_point(group: Sequence[Point]) -> Point:
    def mean(name: str) -> float:
        return float(np.mean([getattr(point, name) for point in group]))

    unique = None if any(point.unique is None for point in group) else mean("unique")
    return replace(
        group[0], fidelity=mean("fidelity"), outcome=mean("outcome"), log_size=mean("log_size"), unique=unique
    )


def _centred(group: Sequence[Point]) -> list[Point]:
    mean = _mean_point(group)
    return [
        replace(
            point, fidelity=point.fidelity - mean.fidelity, outcome=point.outcome - mean.outcome,
            log_size=point.log_size - mean.log_size,
            unique=None if mean.unique is None else point.unique - mean.unique,
        )
        for point in group
    ]  # fmt: skip


def point_sets(cells: Sequence[Row], scores: Sequence[Row], fidelity: Fidelity) -> list[PointSet]:
    """Every classifier and score, fidelity metric and outcome, with the points of each regime."""
    distances = {
        key: rows
        for key, rows in fidelity.items()
        if key.metric in DISTANCES and key.variant.endswith(f", {REFERENCE}")
    }
    uniques = _uniques(cells, scores)
    made = []
    for (classifier, metric, threshold), found in _outcomes(cells, scores).items():
        regimes = sorted({rows.regime for _, rows, _ in found})
        for measured, rows in distances.items():
            for outcome in OUTCOMES:
                points = {n: _points(found, rows, n, outcome, uniques) for n in regimes}
                made.append(PointSet(classifier, metric, threshold, fidelity_name(measured), outcome, points))
    return made


def gain_points(
    cells: Sequence[Row], scores: Sequence[Row], fidelity: Fidelity, score: tuple[str, str]
) -> Iterator[tuple[str, int, Measured, list[Point]]]:
    """(classifier, regime, metric, points) of every fidelity metric, whatever it compares with; the outcome is the
    gain in one score (metric, threshold). Only conditions with generated text."""
    for (classifier, *place), found in _outcomes(cells, scores).items():
        if tuple(place) != score:
            continue
        for regime in sorted({rows.regime for _, rows, _ in found}):
            for measured, rows in fidelity.items():
                points = _points(found, rows, regime, "gain", {})
                yield classifier, regime, measured, [point for point in points if point.rows.source is not None]


def fidelity_name(measured: Measured) -> str:
    """The metric over all rows; `_added` says that only the added rows were measured."""
    return measured.metric if measured.variant == f"all, {REFERENCE}" else f"{measured.metric}_added"
