"""Tables of estimates: the five figures, worth, attribution, the paper's split, claims."""

from collections.abc import Iterable

from volfid.core.contracts import Row
from volfid.report import roles
from volfid.report.inputs import ReportInputs
from volfid.report.means import INTERVALS, PRIMARY, order
from volfid.report.table import Table, value_and_interval
from volfid.report.text import count, metric_words, number, p_value, share, signed, units, words

LIMIT = 60
EFFECT_COLUMNS = ("estimate", "contrast", "value [95 % interval]", "p (Holm)", "n", "verdict", "note")
EFFECT_KINDS = "scnnnst"


def five_figures(inputs: ReportInputs) -> Table:
    """R0, R1, Pd, S and the worth."""
    rows = []
    for figure in inputs.findings.get("five_figures", []):
        unit = str(figure.get("unit") or "")
        digits = 0 if "document" in unit else 3
        name = str(figure.get("name"))
        value = value_and_interval(
            figure.get("value"), figure.get("ci_low"), figure.get("ci_high"), digits, figure.get("note")
        )
        rows.append(
            [
                name,
                roles.arm_words(name) or "real documents with the same score",
                value,
                unit,
                count(figure.get("n")) if figure.get("n") is not None else draws(inputs),
            ]
        )
    return Table(
        "The five figures",
        f"{figures_place(inputs)}{INTERVALS}. R0, R1, Pd and S follow the paper's recipe; "
        "the worth compares tuned arms, which is why it need not follow from the four.",
        ("arm", "what it trains on", "value [95 % interval]", "unit", "n (draws)"),
        "stntn",
        rows,
        empty="No figures: the statistics found no complete draw.",
    )


def figures_place(inputs: ReportInputs) -> str:
    """Where the five figures were taken, as a sentence."""
    for figure in inputs.findings.get("five_figures", []):
        if figure.get("classifier"):
            place = {name: figure.get(name) for name in ("classifier", "regime", "added", "generator", "method")}
            return f"{where(place)}, {score_words(figure['metric'], figure['threshold'])}. "
    return ""


def draws(inputs: ReportInputs) -> str:
    """Draws of the run as a string."""
    found = {cell["draw"] for cell in inputs.cells}
    return str(len(found)) if found else "–"


def is_ratio(row: Row) -> bool:
    """Whether an estimate is a share or a number of documents rather than a difference of scores."""
    return row["p"] is None


def effect_row(row: Row) -> list[str]:
    """One estimate in words."""
    documents = "worth" in row["effect"]
    value = value_and_interval(row["estimate"], row["ci_low"], row["ci_high"], 0 if documents else 3)
    if row["estimate"] is not None and row["estimate"] > 0 and not is_ratio(row):
        value = value.replace(number(row["estimate"]), signed(row["estimate"]), 1)
    return [
        words(row["effect"]),
        row["contrast"],
        value,
        p_value(row["p_adjusted"]),
        units(row["n"], row["unit"]),
        row["verdict"],
        row["note"] or "",
    ]


def where(row: Row) -> str:
    """Classifier, sizes, generator and method of an estimate."""
    size = None if row["regime"] is None else f"{row['regime']} real" + (f" + {row['added']}" if row["added"] else "")
    parts = (row["classifier"], size, words(row["method"]) if row["method"] else None, row["generator"])
    return ", ".join(part for part in parts if part) or "whole run"


def score_words(metric: str, threshold: str) -> str:
    """`f1_micro`, `fixed_0.5` as `micro F1 at fixed 0.5`."""
    return metric_words(metric) if threshold == "none" else f"{metric_words(metric)} at {words(threshold)}"


def effects_of(inputs: ReportInputs, estimands: Iterable[str]) -> list[Row]:
    """Estimates of some estimands, the primary score first. F1 by cardinality is left to the CSV file."""
    chosen = [row for row in inputs.effects if row["estimand"] in set(estimands) and row["threshold"] != "cardinality"]
    rank = {("ap_micro", "none"): 0, ("f1_micro", "tuned"): 1, ("f1_micro", "fixed_0.5"): 2}
    return sorted(
        chosen,
        key=lambda row: (
            rank.get((row["metric"], row["threshold"]), 3),
            row["classifier"] != "mlp",
            order((row["classifier"], row["regime"], row["added"], row["generator"], row["method"])),
        ),
    )


def effects_table(title: str, caption: str, rows: list[Row]) -> Table:
    """Estimates as a table, cut at LIMIT rows; a row of one cell heads the estimates of one place and score."""
    grouped: dict[str, list[list[str]]] = {}
    for row in rows:
        grouped.setdefault(f"{where(row)}: {score_words(row['metric'], row['threshold'])}", []).append(effect_row(row))
    listed = [line for heading, lines in grouped.items() for line in ([heading], *lines)]
    return Table(
        title,
        caption,
        EFFECT_COLUMNS,
        EFFECT_KINDS,
        listed,
        empty="Not estimated in this run: no block of the design asks for it.",
    ).limited(LIMIT, "tables/effects.csv")


def worth_tables(inputs: ReportInputs) -> list[Table]:
    """Estimand 1: under the primary score, then under the second one."""
    rows = effects_of(inputs, ["1"])
    first = effects_table(
        "Worth and content efficiency",
        "Worth: real documents with the same score, read off the real learning curve; no extrapolation, so a "
        "limit outside the "
        "measured sizes is open. Content efficiency: (S − R) / (RM − R), Fieller interval. All arms tuned alike.",
        [row for row in rows if (row["metric"], row["threshold"]) == PRIMARY],
    )
    second = effects_table(
        "Worth and content efficiency under the second score",
        "As above, with micro F1 at the tuned threshold.",
        [row for row in rows if row["threshold"] == "tuned"],
    )
    return [first, second] if second.rows else [first]


def attribution_tables(inputs: ReportInputs) -> list[Table]:
    """Estimand 2: Shapley averages, then everything else (interactions, corners); estimand 3: the paper's split."""
    rows = effects_of(inputs, ["2"])
    shapley = [row for row in rows if roles.SHAPLEY.search(row["effect"])]
    others = [row for row in rows if not roles.SHAPLEY.search(row["effect"])]
    return [
        effects_table(
            "Shapley averages",
            "The factorial of updates, text, label law (and threshold, where the score has one): "
            "the mean marginal effect of each factor over all orders.",
            shapley,
        ),
        effects_table(
            "Interactions and single contrasts of the factorial",
            "What factors give only together (Harsanyi dividends), and the corners. None of the orders is preferred.",
            others,
        ),
        effects_table(
            "The paper's two-term split: replication",
            "Volume is Pd − R0, fidelity is S − Pd, at fixed epochs. "
            "Shown to compare with the publication; the factorial above is the estimate.",
            [row for row in effects_of(inputs, ["3"]) if row["threshold"] == "fixed_0.5"],
        ),
    ]


def together_table(inputs: ReportInputs) -> Table:
    """Friedman's test over all arms of one place, under the primary score."""
    rows = [
        row
        for row in effects_of(inputs, ["0"])
        if row["effect"] == "friedman_arms" and (row["metric"], row["threshold"]) == PRIMARY
    ]
    return effects_table(
        "All arms together (Friedman)",
        "Kendall's W over draws, 1 when every draw ranks the arms alike, with the p of Iman and Davenport; the note "
        "gives mean ranks and Nemenyi's critical difference.",
        rows,
    )


def law_table(inputs: ReportInputs) -> Table:
    """Estimand 4."""
    return effects_table(
        "Label law, dilution and permuted labels",
        "Dilution: S with half-real batches minus S. Label law: copies and synthetic text at the synthetic law minus "
        "the real law. Permuted labels: the negative control.",
        effects_of(inputs, ["4"]),
    )


def other_table(inputs: ReportInputs) -> Table:
    """Estimands 6 and 7 and mixtures. Means of one arm (0) and fidelity (5) have tables of their own."""
    rest = sorted({row["estimand"] for row in inputs.effects} - {"0", "1", "2", "3", "4", "5"})
    rows = [row for row in effects_of(inputs, rest) if row["verdict"] != "value"]
    return effects_table(
        "Changes in retrieval and mixtures",
        "Paired over draws: each augmented set against the real rows alone, in every "
        "variant; and the best share of real rows.",
        rows,
    )


def identity_table(inputs: ReportInputs) -> Table:
    """Contrasts that must be zero."""
    rows = [
        [
            str(item.get("check")),
            number(item.get("value"), 4),
            number(item.get("tolerance"), 4),
            {True: "holds", False: "BROKEN"}.get(item.get("holds"), "cannot decide"),
        ]
        for item in inputs.findings.get("identity_checks", [])
    ]
    return Table(
        "Identity checks",
        "The same rows and the same updates by two routes: a difference beyond noise is a defect of the instrument.",
        ("check", "value", "tolerance", "verdict"),
        "tnnt",
        rows,
        empty="No identity check was planned.",
    ).limited(LIMIT, "tables/findings.json")


def claims_table(inputs: ReportInputs) -> Table:
    """A verdict per claim."""
    rows = [
        [
            row["claim"],
            row["text"],
            row["tier"],
            row["verdict"],
            row["published"] or "–",
            row["here"] or "–",
            row["why"],
        ]
        for row in inputs.claims
    ]
    return Table(
        "Claims of the publication",
        "Verdicts: reproduced, deviates, cannot decide, inconsistent as stated, not run. "
        "A verdict speaks of this corpus, these models and this scale.",
        ("claim", "text", "tier", "verdict", "published", "here", "why"),
        "stssttt",
        rows,
        empty="No claims were checked.",
    )


def _share_interval(row: Row) -> str:
    ends = [row["ci_low"], row["ci_high"]]
    if ends == [None, None]:
        return "(no interval)"
    return f"[{', '.join('open' if end is None else share(end) for end in ends)}]"


def updates_share(inputs: ReportInputs) -> list[str]:
    """Which part of the volume effect is updates: the paper's score (F1 at 0.5) and the largest M first."""
    rows = [row for row in effects_of(inputs, ["2"]) if row["effect"] == roles.UPDATES_SHARE]
    rows.sort(key=lambda row: (row["threshold"] != "fixed_0.5", row["classifier"] != "mlp", -(row["added"] or 0)))
    return [
        f"{where(row)}, {score_words(row['metric'], row['threshold'])}: "
        + (
            f"{share(row['estimate'])} {_share_interval(row)} of Pd − R0"
            if row["estimate"] is not None
            else f"undefined, {row['note']}"
        )
        + f" (n = {units(row['n'], row['unit'])})"
        for row in rows[:6]
    ]
