"""A sequential design: looks, decided arms that get no further draw, and what that spares."""

import numpy as np
import pytest
from statistics_world import CORPUS, PLAN, STATUS, make_cell, score_row
from test_plan import corpus, plan, raw

from volfid.core.exits import ParameterError
from volfid.core.schemas import CONTRACTS
from volfid.plan.design import Design
from volfid.plan.planner import summary
from volfid.report.inputs import ReportInputs
from volfid.report.tables_gaps import stopped_tables
from volfid.statistics.estimate import estimate

LOOKS = {"looks": [3, 6], "alpha": 0.05, "margin": None, "arms": {"St": "Rt"}}


def design() -> dict:
    made = raw()
    made["regime"]["draws"] = 6
    made["sequential"] = {"looks": [3, 6], "arms": {"St": "Rt"}}
    return made


def effects(gain: float, draws: int, spread: float = 0.002) -> list[dict]:
    rng = np.random.default_rng(3)
    cells = [make_cell(arm, draw) for draw in range(draws) for arm in ("Rt", "St")]
    scores = [
        score_row(c, "ap_micro", "none", 0.4 + (gain if c["arm"] == "St" else 0)
                  + rng.normal(0, spread)) for c in cells
    ]  # fmt: skip
    made = estimate(
        cells=cells, scores=scores, fidelity=[], retrieval=[], plan=PLAN | {"design": {"sequential": LOOKS}},
        corpus=CORPUS, status=STATUS,
    ).effects  # fmt: skip
    CONTRACTS["effects"].check(made, "effects")
    return [row for row in made if row["effect"] == "sequential"]


def test_a_clear_gain_is_decided_at_the_first_look_with_the_level_of_that_look():
    (row,) = effects(0.1, draws=3)
    assert row["verdict"] == "positive" and row["n"] == 3 and row["ci_low"] > 0
    assert row["level"] == pytest.approx(1 - 0.05 * 3 / 9)
    assert "3 of 6 draws need not be made" in row["note"]


def test_further_draws_do_not_change_a_decision_and_nothing_is_read_between_looks():
    first, later = effects(0.1, draws=3)[0], effects(0.1, draws=5)[0]
    assert later["n"] == 3 and later["verdict"] == "positive"
    undecided = effects(0.0, draws=5)[0]
    assert undecided["verdict"] == "cannot decide" and undecided["n"] == 3
    assert first["level"] == later["level"]


def test_before_the_first_look_nothing_is_decided():
    (row,) = effects(0.1, draws=2)
    assert row["verdict"] == "undefined" and row["estimate"] is None and "first look" in row["note"]


def decided_row(**change) -> dict:
    row = {"effect": "sequential", "contrast": "St - Rt", "classifier": "mlp", "regime": 165, "added": 40,
           "generator": "smollm2_135m", "method": "paraphrase", "verdict": "positive", "n": 3}  # fmt: skip
    return row | change


def test_the_next_look_leaves_out_what_is_decided_and_says_what_is_spared():
    full = plan(design())
    first = plan(design(), look=1)
    assert {c["draw"] for c in first.cells} == {0, 1, 2}
    made = plan(design(), look=2, previous=[decided_row()])
    gone = {c["cell_id"] for c in full.cells} - {c["cell_id"] for c in made.cells}
    spared = [c for c in full.cells if c["cell_id"] in gone]
    assert len(spared) == 3 == made.record["stopped"][0]["cells_spared"]
    for c in spared:
        assert (c["arm"], c["classifier"], c["regime"], c["method"]) == ("St", "mlp", 165, "paraphrase")
        assert c["draw"] >= 3
    kept = {c["cell_id"] for c in made.cells}
    assert {c["cell_id"] for c in first.cells} <= kept  # what was made comes from the cache


def test_an_arm_that_no_one_needs_any_more_has_no_further_pool():
    alone = design()
    alone["factors"]["method"] = ["paraphrase"]
    alone["factors"]["classifier"] = ["mlp"]
    alone["regime"]["sizes"] = [165]
    alone["blocks"] = [b for b in alone["blocks"] if b["name"] == "curve"]
    alone["blocks"].append({"name": "headline", "arms": ["Rt", "St"], "added": [40]})
    made = plan(alone, look=2, previous=[decided_row()])
    pools = {c["pool_id"] for c in made.cells if c["pool_id"]}
    assert len(pools) == 3
    (generation,) = [job for job in made.jobs if job["stage"] == "generation"]
    assert {item["pool_id"] for item in generation["items"]} == pools
    whole, spared = plan(alone).record["estimate"], made.record["estimate"]["spared"]
    assert "spared" not in whole and spared["requests"] == whole["requests"] // 2 > 0
    assert spared["tokens"] == whole["tokens"] - made.record["estimate"]["tokens"] > 0
    assert spared["minutes"] > 0 and f"{spared['tokens']} tokens to write" in summary(made)
    said = stopped_tables(ReportInputs(plan=made.record))[0].caption
    assert f"{spared['tokens']:,} tokens to write" in said and f"about {spared['minutes']:g} minutes" in said


def test_an_undecided_or_foreign_effect_spares_nothing():
    for change in ({"verdict": "cannot decide"}, {"contrast": "S - R1"}, {"effect": "gain_tuned"}):
        assert plan(design(), look=2, previous=[decided_row(**change)]).record["stopped"] == []


def test_looks_that_mean_nothing_are_refused():
    with pytest.raises(ParameterError, match="look 3"):
        plan(design(), look=3)
    with pytest.raises(ParameterError, match="section sequential"):
        plan(raw(), corpus(), look=1)
    for change, words in (
        ({"looks": [6, 3]}, "rising"),
        ({"looks": [2, 4]}, "last look"),
        ({"arms": {"XX": "Rt"}}, "XX"),
    ):
        made = design()
        made["sequential"].update(change)
        with pytest.raises(ValueError, match=words):
            Design.model_validate(made)
