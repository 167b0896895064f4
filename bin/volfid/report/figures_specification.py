"""The specification curve: the change of the correlation under every reading of 1:10 and every choice beside it."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from volfid.core.contracts import Row
from volfid.report.inputs import ReportInputs
from volfid.report.style import BLACK, BLUE, ORANGE, VERMILION, Drawing, gap, label
from volfid.report.tables_effects import score_words
from volfid.report.text import spread_words, words

PANELS = 2


def specification(inputs: ReportInputs) -> Drawing:
    """Differences of r in order (Simonsohn et al. 2020), and below them what each one was computed from."""
    made = [row for row in inputs.findings.get("specifications", []) if row["delta"] is not None]
    by_name = {name: _sorted(made, name) for name in sorted({row["classifier"] for row in made})[:PANELS]}
    choices = _choices(made)
    told = [f"{name}: {sum(map(_turns, rows))} of {len(rows)} turn" for name, rows in by_name.items()]

    def draw(figure: Figure) -> None:
        panels = figure.subplots(
            2, max(len(by_name), 1), squeeze=False, sharex="col", sharey="row",
            height_ratios=(3, max(len(choices), 2) * 0.45),
        )  # fmt: skip
        if not by_name:
            gap(panels[0][0], "no specification has r in both regimes")
            panels[1][0].set_axis_off()
            return
        for (upper, lower), rows, title in zip(panels.T, by_name.values(), told, strict=True):
            upper.set_title(label(title))
            _differences(upper, rows)
            _marks(lower, rows, choices)
        panels[0][0].set_ylabel("r low − r high")
        panels[1][0].set_yticks(range(len(choices)), [label(text) for _, text in choices])
        panels[1][0].set_ylim(len(choices) - 0.5, -0.5)

    return Drawing(
        "specification",
        "Specification curve of the correlation's change",
        "Differences of correlations between regimes in ascending order, with intervals; below, a mark for each "
        f"choice that a difference rests on. {'; '.join(told) or 'No specification could be computed'}.",
        f"{_n_words(made)}. "
        "Each column is one specification: a reading of 1:10, a score, an outcome, a distance, with or without "
        "controls. Grey: Zou's interval. Red: r above zero in the lower regime and below zero in the higher, as "
        "published. The specifications share data and are no independent tests.",
        (9.6, 5.6),
        draw,
    )


def _n_words(made: list[Row]) -> str:
    if not made:
        return "No two regimes of this run have conditions to correlate"
    return f"n = {spread_words(row['n'] for row in made)} conditions in each regime"


def _sorted(made: list[Row], classifier: str) -> list[Row]:
    return sorted((row for row in made if row["classifier"] == classifier), key=lambda row: row["delta"])


def _turns(row: Row) -> bool:
    return bool(row["r_low"] > 0 > row["r_high"])


def _values(row: Row) -> list[tuple[str, str]]:
    return [
        ("reading", row["reading"]),
        ("score", score_words(row["metric"], row["threshold"])),
        ("outcome", f"outcome: {words(row['outcome'])}"),
        ("distance", words(row["fidelity_metric"])),
        ("controls", "with controls" if row["scope"] == "all" else row["scope"]),
    ]


def _choices(made: list[Row]) -> list[tuple[str, str]]:
    """Every choice that differs between specifications, by kind; a kind with one value says nothing."""
    kinds: dict[str, set[tuple[str, str]]] = {}
    for row in made:
        for choice in _values(row):
            kinds.setdefault(choice[0], set()).add(choice)
    return [choice for found in kinds.values() if len(found) > 1 for choice in sorted(found)]


def _differences(axes: Axes, rows: list[Row]) -> None:
    for at, row in enumerate(rows):
        if row["ci_low"] is not None:
            axes.plot([at, at], [row["ci_low"], row["ci_high"]], color="#c8c8c8", linewidth=0.7, zorder=1)
    for turned, colour in ((False, BLUE), (True, VERMILION)):
        places = [place for place, row in enumerate(rows) if _turns(row) is turned]
        axes.scatter(places, [rows[place]["delta"] for place in places], s=5, color=colour, zorder=2)
    axes.axhline(0, color=BLACK, linewidth=0.8)


def _marks(axes: Axes, rows: list[Row], choices: list[tuple[str, str]]) -> None:
    places = {choice: at for at, choice in enumerate(choices)}
    marks = [(at, places[choice]) for at, row in enumerate(rows) for choice in _values(row) if choice in places]
    axes.scatter([x for x, _ in marks], [y for _, y in marks], s=8, marker="|", color=ORANGE, linewidths=0.8)
    axes.set_xlabel("specification, by its difference")
    axes.grid(False)
