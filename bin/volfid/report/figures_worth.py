"""Figures of what synthetic text is worth and why: learning curve, attribution, mixture."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from volfid.core.contracts import Row
from volfid.report import roles
from volfid.report.inputs import ReportInputs
from volfid.report.means import Mean, arm_means, classifiers, order, primary_score
from volfid.report.style import BLACK, BLUE, CYCLE, MARKERS, ORANGE, SKY, VERMILION, Drawing, gap, label
from volfid.report.table import value_and_interval
from volfid.report.text import metric_words, signed, units, words

PANELS = 3


def worth(inputs: ReportInputs) -> Drawing:
    """(a) Real learning curve, the score with synthetic text, and where the two meet."""
    metric, threshold = primary_score(inputs.plan, inputs.findings)
    curve = [row for row in inputs.findings.get("curve", []) if row.get("mean") is not None]
    names = (
        list(dict.fromkeys(row["classifier"] for row in curve)) or classifiers(inputs.cells)[:1] or ["no classifier"]
    )
    lines = _synthetic_lines(inputs, metric, threshold)
    points = {row["classifier"]: row for row in _worth_rows(inputs)}

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, min(len(names), PANELS), squeeze=False, sharey=True)[0]
        for axes, name in zip(panels, names, strict=False):
            rows = sorted((row for row in curve if row["classifier"] == name), key=lambda row: row["size"])
            axes.set_title(label(f"{name}: {_worth_words(points.get(name), short=True)}", 60))
            if len(rows) < 2:
                gap(axes, f"the learning curve has {len(rows)} point(s)")
                continue
            _curve(axes, rows)
            _lines(axes, lines.get(name, []))
            _worth_span(axes, points.get(name), rows)
            axes.set_xlabel("real documents")
            axes.legend(loc="lower right")
        panels[0].set_ylabel(f"{metric_words(metric)} (test)")

    told = [f"{name}: {_worth_words(points.get(name))}" for name in names[:PANELS]]
    n = max((row.get("n") or 0 for row in curve), default=0)
    return Drawing(
        "worth",
        "What synthetic text is worth in real documents",
        "Learning curves of real documents with bands; a horizontal line at the score with synthetic text. "
        f"It is worth: {'; '.join(told)}.",
        f"Line and band: mean and 95 % t interval of real-only training over n = {n} draws, every arm tuned alike "
        f"({metric_words(metric)}). Horizontal: training with synthetic text, with its interval. Shaded on "
        "the axis: the "
        "number of real documents with the same score, with its interval; it counts all of them, the first line of "
        "the report only those beyond the regime.",
        (9.6, 3.9),
        draw,
    )


def _curve(axes: Axes, rows: list[Row]) -> None:
    sizes = [row["size"] for row in rows]
    axes.plot(sizes, [row["mean"] for row in rows], color=BLACK, marker="o", markersize=4, label="real only")
    banded = [row for row in rows if row["ci_low"] is not None and row["ci_high"] is not None]
    if banded:
        axes.fill_between(
            [row["size"] for row in banded],
            [row["ci_low"] for row in banded],
            [row["ci_high"] for row in banded],
            color=BLACK,
            alpha=0.13,
            linewidth=0,
        )


def _synthetic_lines(inputs: ReportInputs, metric: str, threshold: str) -> dict[str, list[tuple[str, int, Mean]]]:
    """By classifier: (words, regime, mean) of the tuned arm with synthetic text, one for each regime and method."""
    group = ("classifier", "regime", "added", "generator", "method")
    chosen = [cell for cell in inputs.cells if is_headline(cell, "tuned")]
    chosen = chosen or [cell for cell in inputs.cells if is_headline(cell, "fixed")]
    headline = inputs.findings.get("headline", {})
    keep = headline.get("regime") or min((cell["regime"] for cell in chosen), default=None)
    found: dict[str, list[tuple[str, int, Mean]]] = {}
    for key, mean in sorted(
        arm_means(chosen, inputs.scores, metric, threshold, group).items(), key=lambda i: order(i[0])
    ):
        classifier, regime, added, _, method = key
        if regime == keep:
            found.setdefault(classifier, []).append((f"{regime} real + {added} {words(method)}", regime, mean))
    return found


def is_headline(cell: Row, tuning: str) -> bool:
    """Whether a cell is the arm S at high or tuned updates: synthetic text at its own label law."""
    return (
        cell["text"] == "synthetic"
        and cell["label_law"] == "synthetic"
        and cell["exposure"] == "pooled"
        and cell["real_share"] is None
        and cell["tuning"] == tuning
        and cell["updates"] != "low"
    )


def _lines(axes: Axes, lines: list[tuple[str, int, Mean]]) -> None:
    for position, (name, regime, mean) in enumerate(lines[:4]):
        if mean.value is None:
            continue
        colour = (VERMILION, BLUE, *CYCLE[2:])[position]
        axes.axhline(
            mean.value, color=colour, linewidth=1.4, linestyle=("-", "--", ":", "-.")[position], label=label(name)
        )
        if mean.low is not None and mean.high is not None:
            axes.errorbar(
                [regime],
                [mean.value],
                [[mean.value - mean.low], [mean.high - mean.value]],
                color=colour,
                fmt=MARKERS[position],
                markersize=5,
                capsize=3,
            )


def _worth_rows(inputs: ReportInputs) -> list[Row]:
    headline = inputs.findings.get("headline", {})
    score = primary_score(inputs.plan, inputs.findings)
    rows = [row for row in roles.worth_effects(inputs.effects) if (row["metric"], row["threshold"]) == score]
    rows = [row for row in rows if row["regime"] == headline.get("regime", row["regime"])]
    method = headline.get("method")
    return [row for row in rows if method is None or row["method"] == method]


def _worth_span(axes: Axes, row: Row | None, curve: list[Row]) -> None:
    """The interval of N* on the axis; an open end runs to the edge of the curve and is labelled."""
    if row is None:
        return
    first, last = curve[0]["size"], curve[-1]["size"]
    low, high = row["ci_low"], row["ci_high"]
    if row["estimate"] is not None:
        axes.axvline(row["estimate"], color=ORANGE, linewidth=1.4)
    if low is not None or high is not None:
        axes.axvspan(
            first if low is None else low, last if high is None else high, color=ORANGE, alpha=0.18, linewidth=0
        )


def _worth_words(row: Row | None, short: bool = False) -> str:
    if row is None:
        return "worth not estimated"
    if row["estimate"] is None:
        note = row["note"] or "no reason given"
        return f"worth {'beyond the curve' if 'beyond the curve' in note else f'undefined: {label(note, 60)}'}"
    text = f"as {value_and_interval(row['estimate'], row['ci_low'], row['ci_high'], 0)} real documents"
    return text if short else f"{text}, n = {units(row['n'], row['unit'])}"


def attribution(inputs: ReportInputs) -> Drawing:
    """(b) Shapley averages of the factorial under both scores, and the paper's split beside them."""
    metric, _ = primary_score(inputs.plan, inputs.findings)
    shapley = roles.effects_named(inputs.effects, roles.SHAPLEY)
    columns = (
        (f"Shapley, {metric_words(metric)}", BLUE, [row for row in shapley if row["metric"] == metric]),
        ("Shapley, F1 with threshold", SKY, [row for row in shapley if row["metric"] != metric]),
        ("paper's split, F1 at 0.5", ORANGE, roles.effects_named(inputs.effects, roles.PAPER_SPLIT)),
    )
    rows = columns[0][2] or columns[1][2]
    groups = list(dict.fromkeys(_context(row) for row in sorted(rows, key=lambda row: row["classifier"] != "mlp")))[:4]

    def draw(figure: Figure) -> None:
        panels = figure.subplots(max(len(groups), 1), 3, squeeze=False, sharex="col" if groups else False)
        for place, (title, colour, rows) in enumerate(columns):
            shown: list[tuple[Any, ...] | None] = [*groups] or [None]
            for line, group in enumerate(shown):
                axes = panels[line][place]
                chosen = [row for row in rows if group is not None and _context(row) == group]
                _bars(axes, chosen, colour) if chosen else gap(axes, f"{title}: not estimated")
                heading = _context_words(group) if place == 0 and group else ""
                axes.set_title(f"{title}\n{heading}" if line == 0 else heading or " ")

    first = [row for row in columns[0][2] if groups and _context(row) == groups[0]]
    parts = [f"{roles.short_effect(row['effect'])} {signed(row['estimate'])}" for row in first] or ["nothing estimated"]
    n = sorted({row["n"] for _, _, rows in columns for row in rows if _context(row) in groups})
    return Drawing(
        "attribution",
        "What the gain is made of",
        "Bars with intervals: Shapley averages by factor, without and with the threshold; beside them the "
        f"paper's two-term split. First row: {'; '.join(parts)}.",
        "Left and middle: mean marginal effect of each factor over all orders, 95 % t interval over draws "
        f"(n = {', '.join(map(str, n)) or 'none'}). Right, as replication: R0, Pd, S at fixed epochs and "
        "threshold 0.5, as the paper "
        "splits it; the order of that split is a choice, not a finding. At most four rows; all are in "
        "tables/effects.csv.",
        (9.6, 1.3 + 1.7 * max(len(groups), 1)),
        draw,
    )


def _context(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("classifier", "regime", "added", "generator", "method"))


def _context_words(group: tuple[Any, ...]) -> str:
    classifier, regime, added, _, method = group
    return label(f"{classifier or 'all classifiers'}, {regime} real + {added} ({words(method)})", 60)


def _bars(axes: Axes, rows: list[Row], colour: str) -> None:
    """Horizontal bars with intervals; an undefined estimate is written, never drawn."""
    names = [label(words(roles.short_effect(row["effect"])), 34) for row in rows]
    for place, row in enumerate(rows):
        if row["estimate"] is None:
            axes.text(
                0.02,
                place,
                label(f"undefined: {row['note'] or 'no reason given'}", 34),
                va="center",
                fontsize=7,
                style="italic",
                transform=axes.get_yaxis_transform(),
            )
            continue
        axes.barh(place, row["estimate"], color=colour, alpha=0.75, height=0.6)
        if row["ci_low"] is not None and row["ci_high"] is not None:
            axes.plot([row["ci_low"], row["ci_high"]], [place, place], color=BLACK, linewidth=1.3)
    axes.axvline(0, color=BLACK, linewidth=0.8)
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def mixture(inputs: ReportInputs) -> Drawing:
    """(d) Score by share of real rows in a fixed budget."""
    metric, threshold = primary_score(inputs.plan, inputs.findings)
    group = ("classifier", "budget", "generator", "method", "real_share")
    mixed = [cell for cell in inputs.cells if cell["real_share"] is not None]
    means = arm_means(mixed, inputs.scores, metric, threshold, group)
    series: dict[tuple[Any, ...], list[tuple[float, Mean]]] = {}
    for key in sorted(means, key=order):
        if key[3] is not None:
            series.setdefault(key[:4], []).append((key[4], means[key]))
    pure = {(key[0], key[1]): mean for key, mean in means.items() if key[3] is None and key[4] == 1}
    for key, points in series.items():
        if (key[0], key[1]) in pure and all(share != 1 for share, _ in points):
            points.append((1.0, pure[key[0], key[1]]))
    names = list(dict.fromkeys(key[0] for key in series))[:PANELS]

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, max(len(names), 1), squeeze=False, sharey=True)[0]
        if not names:
            gap(panels[0], "no mixture was planned, or none could be scored")
            return
        for axes, name in zip(panels, names, strict=True):
            for position, (key, points) in enumerate(item for item in series.items() if item[0][0] == name):
                _mixture_line(axes, position, f"{words(key[3])}, {key[1]} rows", points)
            axes.set_title(label(name))
            axes.set_xlabel("share of real rows in the budget")
            axes.set_xlim(-0.04, 1.04)
            axes.legend(loc="best")
        panels[0].set_ylabel(f"{metric_words(metric)} (test)")

    told = [
        f"{key[0]}, {words(key[3])}: best share {max(defined)[1]:g}"
        for key, points in series.items()
        if (defined := [(mean.value, share) for share, mean in points if mean.value is not None])
    ]
    n = sorted({mean.n for points in series.values() for _, mean in points})
    return Drawing(
        "mixture",
        "How to spend a fixed budget of rows",
        f"Score against the share of real rows, one line for each method. {'; '.join(told) or 'Nothing to show'}.",
        f"Mean and 95 % t interval over n = {', '.join(map(str, n)) or 'no'} draws, tuned. The number of "
        "rows is the same at each share.",
        (9.6, 3.5),
        draw,
    )


def _mixture_line(axes: Axes, position: int, name: str, points: list[tuple[float, Mean]]) -> None:
    defined = [(share, mean.value, mean) for share, mean in points if mean.value is not None]
    colour, marker = CYCLE[position % len(CYCLE)], MARKERS[position % len(MARKERS)]
    shift = 0.012 * position  # intervals of two methods would hide each other
    shares = [share + shift for share, _, _ in defined]
    axes.plot(shares, [value for _, value, _ in defined], color=colour, marker=marker, label=label(name))
    for share, (_, _, mean) in zip(shares, defined, strict=True):
        if mean.low is not None and mean.high is not None:
            axes.plot([share, share], [mean.low, mean.high], color=colour, linewidth=1)
