"""What is missing: gaps, what was not planned, what a look ended."""

from volfid.report.inputs import ReportInputs
from volfid.report.table import Table
from volfid.report.text import count, plain

LIMIT = 40


def gaps_table(inputs: ReportInputs) -> Table:
    """What a stage could not make."""
    rows = [
        [row["subject"], row["stage"], row["reason"], count(row["wanted"]), count(row["got"])] for row in inputs.gaps
    ]
    return Table(
        "Gaps",
        "What a stage could not make, with what was wanted and what was there.",
        ("subject", "stage", "reason", "wanted", "got"),
        "cttnn",
        rows,
        empty="No gap.",
    ).limited(LIMIT, "gaps.jsonl")


def not_planned_table(inputs: ReportInputs) -> Table:
    """Combinations that the planner left out, with the reason."""
    rows = [
        [plain(item.get("what")), plain(item.get("reason")), count(item.get("cells"))]
        for item in inputs.plan.get("not_planned") or []
    ]
    return Table(
        "Not planned",
        "Combinations that mean nothing for a classifier, or that this corpus cannot support.",
        ("what", "reason", "cells"),
        "ttn",
        rows,
        empty="Everything the design names was planned.",
    ).limited(LIMIT, "plan.json")


def stopped_tables(inputs: ReportInputs) -> list[Table]:
    """Arms that an earlier look decided, and what they are spared; no table without a rule in the design."""
    if not (inputs.plan.get("design") or {}).get("sequential"):
        return []
    rows = [
        [f"{row['arm']} - {row['baseline']}", plain(row["classifier"]), count(row["regime"]), count(row["added"]),
         plain(row["generator"]), plain(row["method"]), plain(row["verdict"]), count(row["draws"]),
         count(row["cells_spared"])]
        for row in inputs.plan.get("stopped") or []
    ]  # fmt: skip
    spared = (inputs.plan.get("estimate") or {}).get("spared")
    saved = "" if not spared else (
        f" By the planner's rates this spares the look about {spared['minutes']:g} minutes, {count(spared['tokens'])} "
        f"tokens to write and {spared['gpu_hours']:g} GPU hours."
    )  # fmt: skip
    table = Table(
        "Ended by a look",
        "Arms whose interval decided at an earlier look: they got no further draw. The error of all looks together "
        f"is the one of the design.{saved}",
        ("contrast", "classifier", "regime", "added", "generator", "method", "verdict", "draws used", "cells spared"),
        "ctnnttcnn",
        rows,
        empty="No arm was ended early.",
    )
    return [table]
