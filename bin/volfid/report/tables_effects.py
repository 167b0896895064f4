"""Tables of estimates: the five figures, worth, attribution, the paper's split, correlations, claims."""

from collections.abc import Iterable

from volfid.core.contracts import Row
from volfid.report import roles
from volfid.report.inputs import ReportInputs
from volfid.report.means import order
from volfid.report.table import Table, value_and_interval
from volfid.report.text import count, number, p_value, plain, signed, words

LIMIT = 60
EFFECT_COLUMNS = ("estimate", "contrast", "where", "score", "value [95 % interval]", "p (Holm)", "n", "verdict", "note")
EFFECT_KINDS = "tctnnnntt"


def five_figures(inputs: ReportInputs) -> Table:
    """R0, R1, Pd, S and the worth."""
    rows = []
    for figure in inputs.findings.get("five_figures", []):
        unit = str(figure.get("unit") or "")
        digits = 0 if "document" in unit else 3
        name = str(figure.get("name"))
        value = value_and_interval(figure.get("value"), figure.get("ci_low"), figure.get("ci_high"), digits, figure.get("note"))
        rows.append([name, roles.arm_words(name) or "real documents with the same score", value, unit, count(figure.get("n")) if figure.get("n") is not None else draws(inputs)])
    return Table("The five figures", "Means with 95 % t intervals over draws. R0, R1, Pd and S follow the paper's recipe; the worth compares tuned arms.",
                 ("arm", "what it trains on", "value [95 % interval]", "unit", "n (draws)"), "ttntn", rows,
                 empty="No figures: the statistics found no complete draw.")  # fmt: skip


def draws(inputs: ReportInputs) -> str:
    """Draws of the run as a string."""
    found = {cell["draw"] for cell in inputs.cells}
    return str(len(found)) if found else "–"


def is_ratio(row: Row) -> bool:
    """Whether an estimate is a share or a number of documents rather than a difference of scores."""
    return row["contrast"].startswith("(") or "document" in row["effect"] or "worth" in row["effect"]


def effect_row(row: Row) -> list[str]:
    """One estimate in words."""
    documents = "worth" in row["effect"] or "document" in row["effect"]
    value = value_and_interval(row["estimate"], row["ci_low"], row["ci_high"], 0 if documents else 3)
    if row["estimate"] is not None and row["estimate"] > 0 and not is_ratio(row):
        value = value.replace(number(row["estimate"]), signed(row["estimate"]), 1)
    return [words(row["effect"]), row["contrast"], where(row), score_words(row["metric"], row["threshold"]), value,
            p_value(row["p_adjusted"]), f"{row['n']} {row['unit']}", row["verdict"], row["note"] or ""]  # fmt: skip


def where(row: Row) -> str:
    """Classifier, sizes, generator and method of an estimate."""
    size = None if row["regime"] is None else f"{row['regime']} real" + (f" + {row['added']}" if row["added"] else "")
    parts = (row["classifier"], size, words(row["method"]) if row["method"] else None, row["generator"])
    return ", ".join(part for part in parts if part) or "whole run"


def score_words(metric: str, threshold: str) -> str:
    """`f1_micro`, `fixed_0.5` as `f1 micro at fixed 0.5`."""
    return words(metric) if threshold == "none" else f"{words(metric)} at {words(threshold)}"


def effects_of(inputs: ReportInputs, estimands: Iterable[str]) -> list[Row]:
    """Estimates of some estimands, the primary score first inside each context."""
    chosen = [row for row in inputs.effects if row["estimand"] in set(estimands)]
    rank = {("ap_micro", "none"): 0, ("f1_micro", "tuned"): 1, ("f1_micro", "fixed_0.5"): 2}
    return sorted(chosen, key=lambda row: (rank.get((row["metric"], row["threshold"]), 3), row["classifier"] != "mlp",
                                           order((row["classifier"], row["regime"], row["added"], row["generator"], row["method"]))))  # fmt: skip


def effects_table(title: str, caption: str, rows: list[Row]) -> Table:
    """Estimates as a table, cut at LIMIT rows."""
    return Table(title, caption, EFFECT_COLUMNS, EFFECT_KINDS, [effect_row(row) for row in rows],
                 empty="Not estimated in this run: no block of the design asks for it.").limited(LIMIT, "tables/effects.csv")  # fmt: skip


def worth_table(inputs: ReportInputs) -> Table:
    """Estimand 1."""
    return effects_table(
        "Worth and content efficiency",
        "Worth: real documents with the same score, read off the real learning curve; no extrapolation, so a limit outside the "
        "measured sizes is open. Content efficiency: (S − R) / (RM − R), Fieller interval. All arms tuned alike.",
        effects_of(inputs, ["1"]),
    )


def attribution_tables(inputs: ReportInputs) -> list[Table]:
    """Estimand 2: Shapley averages, then everything else (interactions, corners); estimand 3: the paper's split."""
    rows = effects_of(inputs, ["2"])
    shapley = [row for row in rows if roles.SHAPLEY.search(row["effect"])]
    others = [row for row in rows if not roles.SHAPLEY.search(row["effect"])]
    return [
        effects_table("Shapley averages", "The factorial of updates, text, label law (and threshold, where the score has one): "
                      "the mean marginal effect of each factor over all orders.", shapley),
        effects_table("Interactions and single contrasts of the factorial",
                      "What factors give only together (Harsanyi dividends), and the corners. None of the orders is preferred.", others),
        effects_table("The paper's two-term split: replication", "Volume is Pd − R0, fidelity is S − Pd, at fixed epochs. "
                      "Shown to compare with the publication; the factorial above is the estimate.", effects_of(inputs, ["3"])),
    ]  # fmt: skip


def law_table(inputs: ReportInputs) -> Table:
    """Estimand 4."""
    return effects_table("Label law, dilution and permuted labels",
                         "Dilution: S with half-real batches minus S. Label law: copies and synthetic text at the synthetic law minus "
                         "the real law. Permuted labels: the negative control.", effects_of(inputs, ["4"]))  # fmt: skip


def other_table(inputs: ReportInputs) -> Table:
    """Every estimate that no other table shows."""
    rest = sorted({row["estimand"] for row in inputs.effects} - {"1", "2", "3", "4"})
    return effects_table("All other estimates", f"Estimands {', '.join(rest) or 'none'}.", effects_of(inputs, rest))


def identity_table(inputs: ReportInputs) -> Table:
    """Contrasts that must be zero."""
    rows = [[str(item.get("check")), number(item.get("value"), 4), number(item.get("tolerance"), 4),
             {True: "holds", False: "BROKEN"}.get(item.get("holds"), "cannot decide")]
            for item in inputs.findings.get("identity_checks", [])]  # fmt: skip
    return Table("Identity checks", "The same rows and the same updates by two routes: a difference beyond noise is a defect of the instrument.",
                 ("check", "value", "tolerance", "verdict"), "tnnt", rows, empty="No identity check was planned.").limited(LIMIT, "findings.json")  # fmt: skip


def correlation_table(inputs: ReportInputs) -> Table:
    """Fidelity against score and gain, by scope."""
    keys = ("outcome", "classifier", "regime", "fidelity_metric", "metric", "threshold", "scope")
    chosen = sorted(inputs.correlations, key=lambda row: order(row[key] for key in keys))
    shown = [row for row in chosen if roles.LABEL_MMD[1].search(row["fidelity_metric"])] or chosen
    rows = [[words(row["outcome"]), row["classifier"], count(row["regime"]), words(row["fidelity_metric"]), score_words(row["metric"], row["threshold"]),
             row["scope"], value_and_interval(row["r"], row["ci_low"], row["ci_high"], 2), number(row["spearman"], 2),
             p_value(row["p"]), count(row["n"]), row["note"] or ""] for row in shown]  # fmt: skip
    return Table("Correlation of label distance with score and with gain",
                 "Pearson r with its Fisher interval, and Spearman's rho. n counts conditions, not documents. Two clusters by method can make "
                 "r near 0.9 alone: compare the scopes. Other fidelity metrics are in tables/correlations.csv.",
                 ("outcome", "classifier", "real", "distance", "score", "scope", "r [95 %]", "rho", "p", "n", "note"), "ttnttt" + "nnnnt", rows,
                 empty="No correlation was estimated.").limited(LIMIT, "tables/correlations.csv")  # fmt: skip


def claims_table(inputs: ReportInputs) -> Table:
    """A verdict per claim."""
    rows = [[row["claim"], row["text"], row["tier"], row["verdict"], row["published"] or "–", row["here"] or "–", row["why"]] for row in inputs.claims]
    return Table("Claims of the publication", "Verdicts: reproduced, deviates, cannot decide, inconsistent as stated, not run. "
                 "A verdict speaks of this corpus, these models and this scale.",
                 ("claim", "text", "tier", "verdict", "published", "here", "why"), "ttttttt", rows, empty="No claims were checked.")  # fmt: skip


def updates_share(inputs: ReportInputs) -> str:
    """Which part of the volume effect is updates: the statistics' sentence, else the estimates that carry it."""
    attribution = inputs.findings.get("attribution", {})
    told = attribution.get("volume_is_updates")
    if isinstance(told, str):
        return told
    rows = [row for row in effects_of(inputs, ["1", "2", "3"]) if "volume" in row["effect"] and "updates" in row["effect"]]
    if not rows:
        return f"not estimated{': ' + plain(told) if told else ''}"
    return "; ".join(f"{where(row)}: {effect_row(row)[4]} of {row['contrast']}, n = {row['n']} {row['unit']}" for row in rows[:2])
