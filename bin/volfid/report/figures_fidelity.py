"""Figures of fidelity: label distance against gain, co-occurrence."""

from collections import defaultdict
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from volfid.core.contracts import Row
from volfid.core.schemas import UNTRAINED
from volfid.report import roles
from volfid.report.inputs import ReportInputs
from volfid.report.means import Mean, mean_over_draws, order, primary_score, score_index, trainset_means
from volfid.report.style import CYCLE, MARKERS, Drawing, gap, label, look_of_arm
from volfid.report.text import metric_words, number, spread_words, words

PANELS = 4
CO_METRICS = 4


def distance(inputs: ReportInputs) -> Drawing:
    """(c) Label MMD of each training set against its gain over real-only, by method and regime."""
    metric, threshold = primary_score(inputs.plan, inputs.findings)
    fidelity = roles.pick_metric(inputs.fidelity, roles.LABEL_MMD)
    points = _points(inputs, fidelity, metric, threshold) if fidelity else []
    names = list(dict.fromkeys(point["classifier"] for point in points))[:3]
    methods = list(dict.fromkeys(point["method"] for point in points))
    regimes = sorted({point["regime"] for point in points})

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, max(len(names), 1), squeeze=False, sharey=True)[0]
        if not names:
            gap(panels[0], "no label MMD was measured" if not fidelity else "no arm has both a distance and a gain")
            return
        for axes, name in zip(panels, names, strict=True):
            for i, method in enumerate(methods):
                for j, regime in enumerate(regimes):
                    _scatter(
                        axes,
                        [p for p in points if (p["classifier"], p["method"], p["regime"]) == (name, method, regime)],
                        CYCLE[i % len(CYCLE)],
                        MARKERS[j % len(MARKERS)],
                        f"{words(method)}, n = {regime}",
                    )
            axes.axhline(0, color="#000000", linewidth=0.8)
            axes.set_title(label(name))
            axes.set_xlabel(f"{words(fidelity)} to the real reference fold")
        panels[0].set_ylabel(f"gain in {metric_words(metric)} over real only")
        panels[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))

    return Drawing(
        "distance",
        "Distance of labels against gain",
        f"Scatter of {len(points)} conditions: label distance on the horizontal axis, gain over real-only "
        "training on the vertical.",
        "Each point is one arm in one regime: means over draws (n = "
        f"{spread_words(p['n'] for p in points)}). The gain is the "
        "paired difference to real-only training with the same updates. Copies are "
        "included with their own colour; two clusters by method can make a correlation by themselves, "
        "so the table gives r within and between methods.",
        (9.6, 3.7),
        draw,
    )


def gains(inputs: ReportInputs, metric: str, threshold: str) -> list[Row]:
    """Per cell: its score minus that of the real-only cell of the same draw, classifier, loss and seed.

    Fixed arms are compared at equal M with R1 (high) or R0 (low); tuned ones with the tuned real-only cell.
    """
    index = score_index(inputs.scores, metric, threshold)
    base: dict[tuple[Any, ...], float] = {}
    for cell in inputs.cells:
        row = index.get(cell["cell_id"])
        if (
            cell["text"] == "none"
            and cell["head_start"] == "zero"
            and cell["real_share"] is None
            and row
            and row["value"] is not None
        ):
            base[_base_key(cell)] = row["value"]
    found = []
    for cell in inputs.cells:
        row = index.get(cell["cell_id"])
        if cell["text"] == "none" or cell["real_share"] is not None or row is None or row["value"] is None:
            continue
        reference = base.get(_base_key(cell))
        if reference is not None and cell["classifier"] not in UNTRAINED and cell["exposure"] == "pooled":
            found.append({**cell, "gain": row["value"] - reference})
    return found


def _base_key(cell: Row) -> tuple[Any, ...]:
    key = tuple(cell[name] for name in ("regime", "draw", "classifier", "loss", "training_seed", "tuning", "updates"))
    return (*key, cell["added"] if cell["updates"] == "high" else None)


def _points(inputs: ReportInputs, fidelity: str, metric: str, threshold: str) -> list[Row]:
    distances = {
        row["trainset_id"]: row["value"]
        for row in inputs.fidelity
        if row["metric"] == fidelity
        and row["rows"] == "all"
        and row["reference"] == roles.REFERENCE
        and row["value"] is not None
    }
    grouped: dict[tuple[Any, ...], dict[str, dict[int, list[float]]]] = defaultdict(lambda: {"x": {}, "y": {}})
    found = [cell for cell in gains(inputs, metric, threshold) if cell["trainset_id"] in distances]
    chosen = [cell for cell in found if cell["updates"] == "high"] or found
    for cell in chosen:
        key = tuple(cell[name] for name in ("classifier", "method", "regime", "arm", "added", "generator", "tuning"))
        grouped[key]["x"].setdefault(cell["draw"], []).append(distances[cell["trainset_id"]])
        grouped[key]["y"].setdefault(cell["draw"], []).append(cell["gain"])
    points = []
    for key in sorted(grouped, key=order):
        x, y = (mean_over_draws(grouped[key][axis]) for axis in ("x", "y"))
        points.append(
            {
                "classifier": key[0],
                "method": key[1] or "copies or real",
                "regime": key[2],
                "arm": key[3],
                "x": x.value,
                "y": y.value,
                "n": y.n,
            }
        )
    return points


def _scatter(axes: Axes, points: list[Row], colour: str, marker: str, name: str) -> None:
    if points:
        axes.scatter(
            [p["x"] for p in points],
            [p["y"] for p in points],
            color=colour,
            marker=marker,
            s=30,
            edgecolor="white",
            linewidth=0.5,
            label=label(name),
        )
        for point in points:
            axes.annotate(
                label(point["arm"], 12),
                (point["x"], point["y"]),
                fontsize=6,
                xytext=(3, 3),
                textcoords="offset points",
                color="#555555",
            )


def co_metrics(inputs: ReportInputs) -> list[tuple[str, str]]:
    """(metric, rows) of the co-occurrence comparison, over all rows, at most four."""
    names = {row["metric"] for row in inputs.fidelity if roles.COOCCURRENCE.search(row["metric"])}
    return [(name, "all") for name in sorted(names, key=roles.co_order)[:CO_METRICS]]


def cooccurrence(inputs: ReportInputs) -> Drawing:
    """(e) Co-occurrence distance and lift by arm, against the real reference."""
    chosen = co_metrics(inputs)
    regime = min((cell["regime"] for cell in inputs.cells if cell["added"]), default=None)
    cells = [
        cell
        for cell in inputs.cells
        if cell["regime"] == regime and cell["real_share"] is None and cell["classifier"] not in UNTRAINED
    ]
    rows = [row for row in inputs.fidelity if row["reference"] == roles.REFERENCE]
    means = trainset_means(cells, rows, ("arm", "method", "added"), ("metric", "rows"))
    panels_of = {pair: _by_arm(means, pair) for pair in chosen}

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, max(len(chosen), 1), squeeze=False)[0]
        if not chosen:
            gap(panels[0], "no co-occurrence metric was measured")
            return
        for axes, pair in zip(panels, chosen, strict=True):
            _dots(axes, panels_of[pair], first=axes is panels[0])
            axes.set_title(label(words(pair[0]), 34))

    lines = max((len(points) for points in panels_of.values()), default=1)
    told = [
        f"{metric_words(metric)}: "
        f"{', '.join(f'{name} {number(mean.value)}' for name, mean in panels_of[metric, part][:6])}"
        for metric, part in chosen[:1]
    ]
    return Drawing(
        "cooccurrence",
        "Which labels occur together: copies and synthetic text against the real reference",
        f"Dot plots by arm of {len(chosen)} co-occurrence metrics. {'; '.join(told) or 'Nothing measured'}.",
        f"Training sets of the regime of {regime} documents, whole training set, mean and 95 % t interval over draws "
        f"(n = {spread_words(m.n for points in panels_of.values() for _, m in points)}). "
        "Copies keep the co-occurrence of their originals; what they are compared with is in the fidelity table.",
        (9.6, 1.3 + 0.22 * lines),
        draw,
    )


def _by_arm(means: dict[tuple[Any, ...], Mean], pair: tuple[str, str]) -> list[tuple[str, Mean]]:
    """One row an arm; arms that share a name in several methods are told apart by the method."""
    keys = sorted(
        (key for key in means if key[3:] == pair), key=lambda key: (*roles.arm_order(key[0]), order(key[1:3]))
    )
    kept = set(roles.distinct_corpora([(key[0], key[1]) for key in keys]))
    keys = [key for key in keys if (key[0], key[1]) in kept]
    several = {key[0] for key in keys if sum(other[0] == key[0] for other in keys) > 1}
    return [(_arm_name(key, key[0] in several), means[key]) for key in keys]


def _arm_name(key: tuple[Any, ...], several: bool) -> str:
    extra = " ".join(part for part in (words(key[1]) if key[1] else "", f"+{key[2]}" if key[2] else "") if part)
    return f"{key[0]} {extra}" if several and extra else str(key[0])


def _dots(axes: Axes, points: list[tuple[str, Mean]], first: bool) -> None:
    for place, (name, mean) in enumerate(points):
        colour, marker = look_of_arm(name)
        if mean.value is None:
            axes.text(
                0.02,
                place,
                label(f"undefined: {mean.note}", 40),
                transform=axes.get_yaxis_transform(),
                va="center",
                fontsize=6.5,
                style="italic",
                color="#444444",
            )
            continue
        if mean.low is not None and mean.high is not None:
            axes.plot([mean.low, mean.high], [place, place], color=colour, linewidth=1.2)
        axes.plot(mean.value, place, color=colour, marker=marker, markersize=5)
    axes.set_yticks(range(len(points)), [label(name, 32) if first else "" for name, _ in points], fontsize=7.5)
    axes.set_ylim(len(points) - 0.5, -0.5)
