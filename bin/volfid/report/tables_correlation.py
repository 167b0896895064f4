"""Tables of estimand 5: fidelity against score and gain, whether the correlation turns, and the readings of 1:10."""

from collections import defaultdict

from volfid.core.contracts import Row
from volfid.report.inputs import ReportInputs
from volfid.report.means import PRIMARY, order
from volfid.report.table import Table, value_and_interval
from volfid.report.tables_effects import effects_of, effects_table, score_words
from volfid.report.text import count, number, p_value, share, words

LIMIT = 60
DISTANCES = ("mmd2_label_parent", "mmd2_text_parent")
COMPARISONS = (
    "delta_r", "regime_swap", "delta_r_cluster", "delta_slope_cluster", "mixed_model_interaction",
    "delta_r_label_text", "fidelity_predicts_gain",
)  # fmt: skip


def tables(inputs: ReportInputs) -> list[Table]:
    """Correlations, their differences, and the specification curve in numbers."""
    return [correlation_table(inputs), comparisons_table(inputs), readings_table(inputs)]


def correlation_table(inputs: ReportInputs) -> Table:
    """Fidelity against score and gain, by scope: label and text distance under the primary score, else all."""
    keys = ("outcome", "classifier", "regime", "fidelity_metric", "metric", "threshold", "scope")
    chosen = sorted(inputs.correlations, key=lambda row: order(row[key] for key in keys))
    preferred = [
        row for row in chosen if row["fidelity_metric"] in DISTANCES and (row["metric"], row["threshold"]) == PRIMARY
    ]
    rows = [
        [
            words(row["outcome"]),
            row["classifier"],
            count(row["regime"]),
            words(row["fidelity_metric"]),
            score_words(row["metric"], row["threshold"]),
            row["scope"],
            value_and_interval(row["r"], row["ci_low"], row["ci_high"], 2),
            number(row["spearman"], 2),
            number(row["kendall"], 2),
            p_value(row["p"]),
            count(row["n"]),
            row["note"] or "",
        ]
        for row in preferred or chosen
    ]
    return Table(
        "Correlation of distance with score and with gain",
        "Pearson r with its Fisher interval, Spearman's rho and Kendall's tau. n counts conditions, not documents. Two "
        "clusters by method can make r near 0.9 alone: compare the scopes. Other distances and scores are in "
        "tables/correlations.csv.",
        ("outcome", "classifier", "real", "distance", "score", "scope", "r [95 %]", "rho", "tau", "p", "n", "note"),
        "ssnsssnnnnnt",
        rows,
        empty="No correlation was estimated.",
    ).limited(LIMIT, "tables/correlations.csv")


def comparisons_table(inputs: ReportInputs) -> Table:
    """Whether the correlation turns between regimes, and which distance predicts, under the primary score."""
    rows = [
        row
        for row in effects_of(inputs, ["5"])
        if row["effect"] in COMPARISONS
        and (row["metric"], row["threshold"]) == PRIMARY
        and ("mmd2" not in row["contrast"] or any(f"{name}," in row["contrast"] for name in DISTANCES))
    ]
    rows.sort(key=lambda row: COMPARISONS.index(row["effect"]))
    return effects_table(
        "Does the correlation turn? Smallest regime minus largest",
        "delta r: Fisher z with Zou's interval, as published; the note has Dunn and Clark's and Steiger's z where "
        "the same conditions stand in both. It takes conditions for independent, so it is a replication target alone: "
        "the exact swap of regimes within a generator, the bootstrap of generators and the mixed model do not, and "
        "want three generators. label against text: r of the one distance minus r of the other, with the same gain.",
        rows,
    )


def readings_table(inputs: ReportInputs) -> Table:
    """Every reading of 1:10: how many of its specifications turn, or why it could not be formed."""
    by_reading: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in inputs.findings.get("specifications", []):
        by_reading[row["reading"], row["classifier"]].append(row)
    rows = []
    for reading in inputs.findings.get("readings", []):
        members = [(key[1], found) for key, found in by_reading.items() if key[0] == reading["reading"]]
        if reading["reason"]:
            rows.append(
                [reading["reading"], "–", "–", "–", "0", "–", "–", "–", "–", f"not formed: {reading['reason']}"]
            )
        for classifier, found in sorted(members):
            rows.append([reading["reading"], reading["low"], reading["high"], classifier, *_turns(found)])
    return Table(
        "Specification curve: the readings of 1:10",
        "What 1:10 means cannot be known from the publication. Each reading, crossed with score, outcome (score or "
        "gain), distance, and with and without controls: r in the lower regime, r in the higher, and their difference. "
        "Turns: r above zero low and below zero high. Clear: Zou's interval of the difference is above zero. Every "
        "specification is in tables/findings.json.",
        ("reading", "lower", "higher", "classifier", "specifications", "turn", "turn the other way", "clear",
         "differences, median and range", "note"),
        "tsssnnnnnt",
        rows,
        empty="No reading: no condition has both a distance and an outcome.",
    )  # fmt: skip


def _turns(found: list[Row]) -> list[str]:
    made = sorted((row for row in found if row["delta"] is not None), key=lambda row: row["delta"])
    if not made:
        reasons = sorted({row["note"] for row in found if row["note"]})
        return ["0", "–", "–", "–", "–", "; ".join(reasons) or "undefined"]
    turned = sum(row["r_low"] > 0 > row["r_high"] for row in made)
    other = sum(row["r_low"] < 0 < row["r_high"] for row in made)
    clear = sum(row["ci_low"] is not None and row["ci_low"] > 0 for row in made)
    middle = made[(len(made) - 1) // 2]["delta"]
    spread = f"{number(middle, 2)} [{number(made[0]['delta'], 2)}, {number(made[-1]['delta'], 2)}]"
    undefined = len(found) - len(made)
    return [
        str(len(made)),
        *(f"{value} ({share(value / len(made))})" for value in (turned, other, clear)),
        spread,
        f"{undefined} undefined" if undefined else "",
    ]
