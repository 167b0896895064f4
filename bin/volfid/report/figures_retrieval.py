"""Figure of retrieval over each training set."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from volfid.report import roles
from volfid.report.inputs import ReportInputs
from volfid.report.means import Mean, order, trainset_means
from volfid.report.style import Drawing, gap, label, look_of_arm
from volfid.report.text import spread_words, words


def retrieval(inputs: ReportInputs) -> Drawing:
    """(f) nDCG@10 across regimes by arm: own ideal, fixed ideal and a random ranking."""
    metric = roles.pick_metric(inputs.retrieval, roles.NDCG)
    rows = [row for row in inputs.retrieval if row["metric"] == metric]
    variants = [variant for variant in roles.VARIANTS if any(row["variant"] == variant for row in rows)]
    cells = [cell for cell in inputs.cells if cell["real_share"] is None]
    means = trainset_means(cells, rows, ("arm", "regime", "method"), ("variant",))
    arms = sorted({(key[0], key[2]) for key in means}, key=lambda pair: (*roles.arm_order(pair[0]), order(pair[1:])))
    arms = roles.distinct_corpora(arms)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, max(len(variants), 1), squeeze=False, sharey=True)[0]
        if not variants:
            gap(panels[0], "retrieval was not measured in this run")
            return
        for axes, variant in zip(panels, variants, strict=True):
            for arm in arms:
                _retrieval_line(
                    axes,
                    arm,
                    [
                        (key[1], means[key])
                        for key in sorted(means, key=order)
                        if (key[0], key[2], key[3]) == (*arm, variant)
                    ],
                )
            _say_undefined(axes, [mean for key, mean in means.items() if key[3] == variant])
            axes.set_title(words(variant))
            axes.set_xlabel("real documents")
        panels[0].set_ylabel("nDCG@10")
        handles = {
            handle.get_label(): handle
            for axes in panels
            for handle in axes.get_lines()
            if not handle.get_label().startswith("_")
        }
        if handles:
            figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)

    queries = sorted({row["n"] for row in rows})
    return Drawing(
        "retrieval",
        "Retrieval over each training set as a corpus",
        "Lines of nDCG at 10 across regimes by arm, one panel each for: "
        f"{', '.join(map(words, variants)) or 'nothing measured'}.",
        f"Mean over draws (n = {spread_words(mean.n for mean in means.values())}), {spread_words(queries)} "
        "queries. Own ideal moves with the size of the "
        "corpus alone: a fall counts only when it survives the fixed ideal or the size-matched corpus.",
        (9.6, 4.2),
        draw,
    )


def _retrieval_line(axes: Axes, arm: tuple[str, str | None], points: list[tuple[int, Mean]]) -> None:
    colour, marker = look_of_arm(arm[0])
    defined = [(regime, mean.value) for regime, mean in points if mean.value is not None]
    if defined:
        name = f"{arm[0]} {words(arm[1])}" if arm[1] else arm[0]
        style = "--" if arm[1] and "para" in arm[1] else "-"
        axes.plot(
            [x for x, _ in defined],
            [y for _, y in defined],
            color=colour,
            marker=marker,
            linestyle=style,
            label=label(name, 30),
        )


def _say_undefined(axes: Axes, means: list[Mean]) -> None:
    missing = [mean for mean in means if mean.value is None or not math.isfinite(mean.value)]
    if means and len(missing) == len(means):
        gap(axes, missing[0].note or "undefined")
    elif missing:
        axes.text(
            0.5,
            0.01,
            label(f"{len(missing)} undefined: {missing[0].note}", 60),
            transform=axes.transAxes,
            ha="center",
            fontsize=6.5,
            style="italic",
            color="#444444",
        )
