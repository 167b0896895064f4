"""Dose-response of label shift: the effect of a shift that was made, per draw, with its interval."""

import numpy as np
import pytest
from statistics_world import CORPUS, PLAN, STATUS, make_cell, score_row

from volfid.core import ids
from volfid.core.schemas import CONTRACTS
from volfid.statistics.estimate import estimate

DOSES = (0.0, 1.0, 2.0)


def dosed(draw: int, dose: float) -> dict:
    cell = make_cell("Pb", draw) | {"arm": "Pdose", "label_law": "shifted", "dose": dose}
    cell["trainset_id"] = ids.trainset_id(cell)
    return cell | {"cell_id": ids.cell_id(cell)}


def world(slope: float, draws: int = 6, measured: bool = True) -> tuple[list, list, list]:
    rng = np.random.default_rng(0)
    cells = [dosed(draw, dose) for draw in range(draws) for dose in DOSES]
    scores, fidelity = [], []
    for cell in cells:
        distance = 0.1 * cell["dose"] * (1 + 0.2 * cell["draw"])
        scores.append(score_row(cell, "ap_micro", "none", 0.5 + slope * distance + rng.normal(0, 1e-4)))
        fidelity.append({
            "trainset_id": cell["trainset_id"], "metric": "mmd2_label_parent", "rows": "all", "reference": "reference",
            "value": distance if measured else None, "n": 10, "note": None,
        })  # fmt: skip
    return cells, scores, fidelity


def effects(slope: float, **options) -> dict[str, dict]:
    cells, scores, fidelity = world(slope, **options)
    made = estimate(
        cells=cells, scores=scores, fidelity=fidelity, retrieval=[], plan=PLAN, corpus=CORPUS, status=STATUS
    ).effects
    CONTRACTS["effects"].check(made, "effects")
    return {
        row["effect"]: row for row in made if row["metric"] == "ap_micro" and row["effect"].startswith("label_shift")
    }


def test_the_slope_on_the_measured_distance_is_recovered_with_its_sign():
    for slope in (-0.8, 0.5):
        row = effects(slope)["label_shift_copies_slope"]
        assert row["estimate"] == pytest.approx(slope, abs=0.01) and row["n"] == 6
        assert row["ci_low"] < slope < row["ci_high"] and row["verdict"] == ("negative" if slope < 0 else "positive")


def test_the_change_between_the_ends_is_paired_by_draw():
    row = effects(-0.8)["label_shift_copies"]
    assert row["estimate"] == pytest.approx(-0.8 * 0.2 * np.mean(1 + 0.2 * np.arange(6)), abs=0.001)
    assert row["contrast"] == "Pdose at dose 2 - at dose 0"


def test_without_a_measured_distance_the_slope_is_undefined_and_says_why():
    row = effects(-0.8, measured=False)["label_shift_copies_slope"]
    assert row["estimate"] is None and "not measured" in row["note"] and row["verdict"] == "undefined"


def test_shifted_sets_are_no_conditions_of_the_correlation():
    cells, scores, fidelity = world(-0.8)
    made = estimate(
        cells=cells, scores=scores, fidelity=fidelity, retrieval=[], plan=PLAN, corpus=CORPUS, status=STATUS
    )
    assert made.correlations == []
