"""Table on which fidelity metric predicts the gain of a generator that it has not seen (claim C9)."""

from volfid.core.contracts import Row
from volfid.report.inputs import ReportInputs
from volfid.report.table import Table, value_and_interval
from volfid.report.text import count, p_value

LIMIT = 90
SKILLS = ("fidelity_predicts_gain", "metric_predicts_gain")
DIFFERENCE = "prediction_error_over_label_mmd"


def predictor_table(inputs: ReportInputs) -> Table:
    """Every metric by its skill, best first, for each classifier and regime."""
    rows = [row for row in inputs.effects if row["effect"] in SKILLS]
    compared = {
        (row["classifier"], row["regime"], row["contrast"]): row
        for row in inputs.effects if row["effect"] == DIFFERENCE
    }  # fmt: skip
    rows.sort(key=lambda row: (row["classifier"], row["regime"], row["estimate"] is None, -(row["estimate"] or 0.0)))
    return Table(
        "Which metric predicts the gain of a generator that it has not seen",
        "A line through the conditions of all generators but one predicts those of the one left out; micro-average "
        "precision. Skill: 1 - squared error / squared error of the mean of the others; 1 is perfect, 0 knows nothing "
        "of the generator. The interval resamples generators, at a level widened for so few; with three it covers too "
        "little. Error: squared error less that of the label MMD (mmd2_label_parent) by generator, t interval, Holm "
        "over metrics and regimes. Best first: the best of many metrics looks better than it is.",
        ("classifier", "real", "metric", "skill [interval]", "error over label MMD [interval]", "p, Holm", "n",
         "verdict"),
        "sscnnnnt",
        [_line(row, compared) for row in rows],
        empty="No generated text has a fidelity metric and a gain in this run.",
    ).limited(LIMIT, "tables/effects.csv")  # fmt: skip


def _line(row: Row, compared: dict[tuple[str, int, str], Row]) -> list[str]:
    metric = row["contrast"].removeprefix("gain on ")
    found = compared.get((row["classifier"], row["regime"], f"error of {metric} - mmd2_label_parent"))
    error, p = "–", "–"
    if found is not None:
        error = value_and_interval(found["estimate"], found["ci_low"], found["ci_high"], 6, found["note"])
        p = p_value(found["p_adjusted"])
    value = value_and_interval(row["estimate"], row["ci_low"], row["ci_high"], 2, row["note"])
    return [row["classifier"], count(row["regime"]), metric, value, error, p, count(row["n"]), row["verdict"]]
