"""Every arm against its floor: does a trained classifier know more than the label frequencies do?"""

from volfid.core.contracts import Row
from volfid.report.inputs import ReportInputs
from volfid.report.means import PRIMARY
from volfid.report.table import Table, value_and_interval
from volfid.report.tables_effects import where
from volfid.report.text import count

LIMIT = 200
TUNED = ("f1_micro", "tuned")


def floor_differences(inputs: ReportInputs) -> Table:
    """One row for each arm and place, with the best floor of its size."""
    rows = [row for row in inputs.effects if row["effect"] == "over_floor"]
    tuned = {_place(row): row for row in rows if (row["metric"], row["threshold"]) == TUNED}
    body = []
    for row in rows:
        if (row["metric"], row["threshold"]) != PRIMARY:
            continue
        other = tuned.get(_place(row))
        arm, _, floor = row["contrast"].partition(" - ")
        body.append([arm, where(row), floor, _value(row), _value(other), count(row["n"]), row["verdict"]])
    return Table(
        "Every arm against its floor",
        "Arm minus the floor of its size that scores best on average, on the same draws; the floor of F1 may be "
        "another one. The verdict is that of micro-average precision, adjusted by Holm over places of one classifier.",
        ("arm", "where", "floor", "micro AP [interval]", "micro F1, tuned [interval]", "n", "verdict"),
        "ttsnnnt", body, empty="No floor was planned in this run.",
    ).limited(LIMIT, "tables/effects.csv")  # fmt: skip


def _place(row: Row) -> tuple[object, ...]:
    arm = row["contrast"].partition(" - ")[0]
    return (arm, *(row[name] for name in ("classifier", "regime", "added", "generator", "method")))


def _value(row: Row | None) -> str:
    if row is None:
        return "–"
    return value_and_interval(row["estimate"], row["ci_low"], row["ci_high"], 3, row["note"])
