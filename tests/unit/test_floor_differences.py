"""Every arm against the best floor of its size: estimates, n, what has no floor, and the table."""

import pytest
import statistics_world as world
from test_statistics_effects import run

from volfid.report.inputs import ReportInputs
from volfid.report.tables_floors import floor_differences

FLOORS = {"predict_all": 0.10, "prior": 0.20, "top_k": 0.15}


def made(truth: dict[str, float], sizes=(165,)):
    """A run of R0 with this score of each classifier, and floors at 165 documents; draws shift all alike."""
    cells = [
        world.make_cell("R0", draw, classifier=name, regime=size)
        for size in sizes for name in (truth if size != 165 else {**truth, **FLOORS}) for draw in range(5)
    ]  # fmt: skip
    scores = [
        world.score_row(cell, *measure, {**truth, **FLOORS}[cell["classifier"]] + 0.01 * cell["draw"]
                        + 0.004 * (cell["draw"] % 2) * (cell["classifier"] in truth))
        for cell in cells for measure in world.MEASURES
    ]  # fmt: skip
    return run(cells, scores)


def test_the_difference_is_to_the_best_floor_on_the_same_draws():
    rows = [row for row in made({"mlp": 0.5, "linear": 0.19}).effects if row["effect"] == "over_floor"]
    found = {(row["classifier"], row["metric"]): row for row in rows}
    assert set(found) == {(name, metric) for name in ("mlp", "linear") for metric in ("ap_micro", "f1_micro")}
    good, bad = found["mlp", "ap_micro"], found["linear", "ap_micro"]
    assert good["contrast"] == "R0 - prior" and good["n"] == 5
    assert good["estimate"] == pytest.approx(0.3 + 0.0016) and good["verdict"] == "positive"
    assert good["ci_high"] - good["ci_low"] < 0.01  # what draws share is gone
    assert bad["estimate"] == pytest.approx(-0.01 + 0.0016) and bad["verdict"] == "negative"


def test_a_size_without_floors_has_no_row():
    rows = [row for row in made({"mlp": 0.5}, sizes=(64, 165)).effects if row["effect"] == "over_floor"]
    assert {row["regime"] for row in rows} == {165}


def test_the_table_has_one_row_an_arm_with_both_scores():
    results = made({"mlp": 0.5, "linear": 0.19})
    inputs = ReportInputs.__new__(ReportInputs)
    object.__setattr__(inputs, "effects", results.effects)
    table = floor_differences(inputs)
    assert len(table.rows) == 2
    cells = {row[1].split(",")[0]: row for row in table.rows}
    assert cells["mlp"][0] == "R0" and cells["mlp"][2] == "prior" and cells["mlp"][5] == "5"
    assert (
        cells["mlp"][3].startswith("0.302 [")
        and cells["mlp"][4].startswith("0.302 [")
        and cells["mlp"][6] == "positive"
    )
    assert cells["linear"][6] == "negative"
