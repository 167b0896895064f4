"""Rules of params/claims.yaml: from effects to verdicts, one verdict for each effect or pair of methods."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from volfid.core.contracts import Row
from volfid.statistics import intervals

REPRODUCED, DEVIATES, CANNOT_DECIDE = "reproduced", "deviates", "cannot decide"
Spec = Mapping[str, Any]
Rule = Callable[[Sequence[Row], Spec], list[str]]


def _each(judge: Callable[[Row, Spec], str]) -> Rule:
    return lambda rows, check: [judge(row, check) for row in rows]


def _at_least(row: Row, check: Spec) -> str:
    low, high = row["ci_low"], row["ci_high"]
    if low is not None and low >= check["value"]:
        return REPRODUCED
    return DEVIATES if high is not None and high < check["value"] else CANNOT_DECIDE


def _at_most(row: Row, check: Spec) -> str:
    low, high = row["ci_low"], row["ci_high"]
    if high is not None and high <= check["value"]:
        return REPRODUCED
    return DEVIATES if low is not None and low > check["value"] else CANNOT_DECIDE


def _near(row: Row, check: Spec) -> str:
    low, high, value, tolerance = row["ci_low"], row["ci_high"], check["value"], check["tolerance"]
    if low is None or high is None:
        return CANNOT_DECIDE
    if high < value - tolerance or low > value + tolerance:
        return DEVIATES
    return REPRODUCED if abs(row["estimate"] - value) <= tolerance else CANNOT_DECIDE


def _sided(wanted: str, other: str) -> Callable[[Row, Spec], str]:
    def judge(row: Row, check: Spec) -> str:
        return {wanted: REPRODUCED, other: DEVIATES}.get(row["verdict"], CANNOT_DECIDE)

    return judge


def _equivalent(row: Row, check: Spec) -> str:
    """From the 95 % t interval to the 90 % one of the two one-sided tests."""
    if row["ci_low"] is None or row["ci_high"] is None or row["n"] < 2:
        return CANNOT_DECIDE
    half = (row["ci_high"] - row["ci_low"]) / 2
    narrow = half * intervals.t_quantile(row["n"], 0.90) / intervals.t_quantile(row["n"], row["level"])
    if max(abs(row["estimate"] - narrow), abs(row["estimate"] + narrow)) <= check["tolerance"]:
        return REPRODUCED
    outside = row["ci_low"] > check["tolerance"] or row["ci_high"] < -check["tolerance"]
    return DEVIATES if outside else CANNOT_DECIDE


def _frequency(row: Row, check: Spec) -> str:
    if row["estimate"] is None or row["n"] < 2:
        return CANNOT_DECIDE
    if row["estimate"] >= check["value"]:
        return REPRODUCED
    return DEVIATES if row["estimate"] <= 1 - check["value"] else CANNOT_DECIDE


def _by_method(rows: Sequence[Row]) -> list[dict[str, Row]]:
    """Rows of one context by method, contexts with one method left out."""
    found: dict[tuple, dict[str, Row]] = {}
    for row in rows:
        key = (row["classifier"], row["regime"], row["added"], row["generator"])
        found.setdefault(key, {})[row["method"]] = row
    return [methods for methods in found.values() if len(methods) > 1]


def _same_side(rows: Sequence[Row], check: Spec) -> list[str]:
    verdicts = []
    for methods in _by_method(rows):
        sides = {row["verdict"] for row in methods.values()}
        decided = sides <= {"positive", "negative"}
        verdicts.append(CANNOT_DECIDE if not decided else REPRODUCED if len(sides) == 1 else DEVIATES)
    return verdicts


def _lower(rows: Sequence[Row], check: Spec) -> list[str]:
    verdicts = []
    for methods in _by_method(rows):
        low, high = methods.get("paraphrase"), methods.get("full_synthesis")
        if low is None or high is None:
            continue
        limits = (low["ci_low"], low["ci_high"], high["ci_low"], high["ci_high"])
        if None in limits:
            verdicts.append(CANNOT_DECIDE)
        else:
            verdicts.append(
                REPRODUCED if limits[1] < limits[2] else DEVIATES if limits[0] > limits[3] else CANNOT_DECIDE
            )
    return verdicts


RULES: dict[str, Rule] = {
    "at_least": _each(_at_least), "at_most": _each(_at_most), "near": _each(_near),
    "positive": _each(_sided("positive", "negative")), "negative": _each(_sided("negative", "positive")),
    "equivalent": _each(_equivalent), "frequency": _each(_frequency), "same_side": _same_side, "lower": _lower,
}  # fmt: skip
