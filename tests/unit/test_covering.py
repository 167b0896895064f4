"""The covering design has every family, loss, core control and level of every factor at least once."""

import pytest
from test_plan import plan, raw
from training_world import RECIPES

from volfid.core.schemas import EXPOSURES, FLOORS, HEAD_STARTS, LABEL_LAWS, TEXTS, TUNINGS
from volfid.training.recipes import _FAMILIES

ELSEWHERE = {"answers"}  # a generator that is asked for labels: decide.yaml
CORE = {"R0", "R1", "Rt", "RM", "RMt", "R0b", "Pb", "Pd", "Pp", "PL", "C", "S", "St", "S_half", "S_perm", "R_stop"}


@pytest.fixture(scope="module")
def cells():
    return plan(
        raw("covering"), labels=[{"label": f"L{k}", "name": f"topic {k}", "definition": None} for k in range(3)]
    ).cells


def test_every_family_and_every_loss_is_there(cells):
    assert {RECIPES[cell["classifier"]]["family"] for cell in cells} == set(_FAMILIES) - ELSEWHERE
    assert {cell["loss"] for cell in cells} == {"bce", *RECIPES["losses"]}
    assert set(FLOORS) <= {cell["classifier"] for cell in cells}


def test_every_core_control_and_every_level_of_every_factor_is_there(cells):
    assert {cell["arm"] for cell in cells} >= CORE
    for factor, levels in (("text", TEXTS), ("label_law", LABEL_LAWS), ("tuning", TUNINGS), ("head_start", HEAD_STARTS),
                           ("exposure", EXPOSURES), ("updates", ("low", "high", "grid", "stopped"))):  # fmt: skip
        assert {cell[factor] for cell in cells} == set(levels), factor


def test_it_is_no_product(cells):
    assert len(cells) < 150
