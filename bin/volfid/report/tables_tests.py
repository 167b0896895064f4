"""Tests of single training sets against the real reference fold."""

from collections import defaultdict
from statistics import median
from typing import Any

from volfid.core.contracts import Row
from volfid.core.schemas import UNTRAINED
from volfid.report import roles
from volfid.report.inputs import ReportInputs
from volfid.report.table import Table
from volfid.report.tables_arms import LIMIT, distinct_keys
from volfid.report.text import count, p_value, share, words

LEVEL = 0.05
TESTS = (("mmd2_label_p", "label MMD"), ("mmd2_text_p", "text MMD"))
Key = tuple[Any, ...]


def permutation_table(inputs: ReportInputs) -> Table:
    """Permutation p of label and text MMD by arm: the middle one of the draws, and how many are below 0.05.

    Draws share their reference fold and their pool, so their p are not combined into one.
    """
    found: dict[Key, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    tested = defaultdict(list)
    for row in inputs.fidelity:
        if row["metric"] in dict(TESTS) and row["rows"] == "all" and row["reference"] == roles.REFERENCE:
            tested[row["trainset_id"]].append(row)
    for trainset, cell in {
        (cell["trainset_id"], cell["arm"]): cell
        for cell in inputs.cells
        if cell["classifier"] not in UNTRAINED and cell["real_share"] is None
    }.items():
        for row in tested[trainset[0]]:
            found[tuple(cell[name] for name in ("regime", "arm", "method", "added"))][row["metric"]].append(row)
    body = [
        [count(key[0]), str(key[1]), words(key[2]), count(key[3]), *_of(found[key])] for key in distinct_keys(found)
    ]
    return Table(
        "Tests of the distances",
        "Permutation test of each training set, all its rows, against the real reference fold: can the two be told "
        "apart? Whole parents are permuted, so copies prove nothing. Median p over draws, and the share below "
        f"{LEVEL}, which is {LEVEL:.0%} for equal laws. Folds stratified by label are more alike than chance makes "
        "them: then p of the label MMD is near 1. Not adjusted for the number of arms. "
        "Every p: tables/fidelity.csv.",
        (
            "real",
            "arm",
            "method",
            "M",
            *(part for _, name in TESTS for part in (f"{name}: median p", "below 0.05")),
            "n",
        ),
        "ssssnnnnn",
        body,
        empty="No permutation test was run.",
    ).limited(LIMIT, "tables/fidelity.csv")


def _of(tests: dict[str, list[Row]]) -> list[str]:
    cells, draws = [], 0
    for metric, _ in TESTS:
        values = [row["value"] for row in tests.get(metric, []) if row["value"] is not None]
        draws = max(draws, len(values))
        if values:
            cells += [p_value(median(values)), share(sum(value < LEVEL for value in values) / len(values))]
        else:
            why = next((row["note"] for row in tests.get(metric, [])), None)
            cells += [f"undefined ({why})" if why else "–", "–"]
    return [*cells, str(draws)]
