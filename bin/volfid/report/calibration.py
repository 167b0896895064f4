"""What this run can decide: power of its primary contrast, and what the calibration says of the instrument."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import special

from volfid.core.contracts import Row
from volfid.core.schemas import CONTRACTS
from volfid.report.inputs import ReportInputs
from volfid.report.table import Table
from volfid.report.text import interval, number, share, words

DIFFERENCES = (0.01, 0.02, 0.05)
PRIMARY = ("gain_tuned", "synthetic_over_updates", "content_own_law")  # the first that the run has
MOST = 6
CITED = {
    "coverage": "the primary interval covered the truth in",
    "coverage_new_corpus": "judged by the mean over corpora and test sets, it covered in",
    "false_positive": "an effect of zero got a verdict in",
    "worth": "the interval of the worth in real documents covered in",
    "content_efficiency": "that of content efficiency covered in",
    "stop_error": "the stopping rule named a sign of a zero effect in",
}


def read_calibration(assets: Path) -> Row:
    """assets/calibration.json; empty when there is none."""
    path = assets / CONTRACTS["calibration_summary"].file
    return CONTRACTS["calibration_summary"].read_object(path) if path.is_file() else {}


def section(inputs: ReportInputs) -> Row:
    """Sentences and the table of the section `What this run can decide`."""
    rows = primary_rows(inputs.effects)
    return {"sentences": sentences(inputs.calibration, rows), "missed": _missed(inputs.calibration),
            "tables": [power_table(rows)]}  # fmt: skip


def primary_rows(effects: Sequence[Row]) -> list[Row]:
    """Rows of the headline's difference on micro-average precision that have an interval with a width."""
    for name in PRIMARY:
        found = [
            row
            for row in effects
            if row["effect"] == name and row["metric"] == "ap_micro" and row["n"] >= 2 and spread_of(row)
        ]
        if found:
            return found
    return []


def spread_of(row: Row) -> float | None:
    """Standard deviation over draws, from the width of the row's t interval; None without one."""
    if row["ci_low"] is None or row["ci_high"] is None:
        return None
    half = (row["ci_high"] - row["ci_low"]) / 2
    return float(half * math.sqrt(row["n"]) / special.stdtrit(row["n"] - 1, 0.5 + row["level"] / 2))


def power(n: int, spread: float, difference: float, level: float = 0.95) -> float:
    """Power of the two-sided paired t test with n draws, averaged over the sample deviation (midpoint rule).

    Equals the noncentral t distribution, whose tails in scipy are NaN far out.
    """
    quantiles = (np.arange(2000) + 0.5) / 2000
    deviation = np.sqrt(special.chdtri(n - 1, 1 - quantiles) / (n - 1))
    critical = special.stdtrit(n - 1, 0.5 + level / 2) * deviation
    shift = abs(difference) * math.sqrt(n) / spread
    return float(np.mean(special.ndtr(shift - critical) + special.ndtr(-critical - shift)))


def power_table(rows: Sequence[Row]) -> Table:
    """Power of the primary contrast at its own draws and spread, one row for each place."""
    listed = [
        [row["classifier"] or "–", str(row["regime"]), str(row["added"]), row["generator"] or "–",
         words(row["method"]) if row["method"] else "–", str(row["n"]), number(spread, 4),
         *(share(power(row["n"], spread, difference)) for difference in DIFFERENCES)]
        for row in rows if (spread := spread_of(row)) is not None
    ]  # fmt: skip
    return Table(
        "Power of this run",
        "Chance that the t test over draws finds a true difference of that size in the primary contrast "
        f"({rows[0]['contrast'] if rows else 'not estimated'}, micro-average precision), at this run's number of draws "
        "and spread. The spread is itself estimated from these draws.",
        ("classifier", "real", "added", "generator", "method", "draws", "spread",
         *(f"power at {difference:g}" for difference in DIFFERENCES)),
        "tnnttnnnnn",
        listed,
        empty="The primary contrast has no interval in this run, so that its power is not known.",
    ).limited(24, "effects.csv")  # fmt: skip


def sentences(summary: Row, rows: Sequence[Row]) -> list[str]:
    """What the calibration measured at the number of draws nearest to this run's, by classifier."""
    if not summary:
        return ["No calibration of the instrument lies beside this version: `make calibrate` makes one."]
    lead = (
        f"Calibration of the instrument (commit {summary['commit'] or 'unknown'}): worlds with a known mechanism, at "
        f"least {summary['replicates']} experiments of five draws in each; small tasks, not this corpus."
    )
    classifiers = sorted({(row["classifier"] or "").partition("/")[0] for row in rows})
    draws = min((row["n"] for row in rows), default=5)
    return [lead, *filter(None, (_of(summary, classifier, draws) for classifier in classifiers))]


def _of(summary: Row, classifier: str, draws: int) -> str | None:
    parts = []
    for check, said in CITED.items():
        found = [row for row in summary["rates"] if (row["classifier"], row["check"]) == (classifier, check)]
        if found:
            row = min(found, key=lambda row: abs(row["draws"] - draws))
            parts.append(
                f"{said} {share(row['rate'])} {interval(row['low'], row['high'], 3)} of {row['replicates']} "
                f"experiments of {row['draws']} draws"
            )
    return f"{classifier}: {'; '.join(parts)}." if parts else None


def _missed(summary: Row) -> list[str]:
    """The first sentences on what did not hold, and how many more there are."""
    found = list(summary.get("missed") or [])
    more = len(found) - MOST
    return [*found[:MOST], *([f"{more} further sentences are in docs/calibration.md."] if more > 0 else [])]
