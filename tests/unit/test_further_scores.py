"""Means of the further scores of the main arms and floors."""

import time

import numpy as np
import pytest
import statistics_world as world

from volfid.core.schemas import CONTRACTS
from volfid.statistics.estimate import estimate
from volfid.statistics.further_scores import ARMS, FURTHER, further_scores
from volfid.statistics.table import MEASURES
from volfid.training import scoring


def run(cells, scores):
    return estimate(cells=cells, scores=scores, fidelity=[], retrieval=[], plan=world.PLAN, corpus=world.CORPUS,
                    status=world.STATUS)  # fmt: skip


def test_every_score_of_a_cell_is_averaged_once():
    """What the training stage writes for a whole cell is in MEASURES or in FURTHER; the rest is bookkeeping."""
    rng = np.random.default_rng(0)
    truth, scores = rng.random((40, 4)) < 0.4, rng.random((40, 4))
    bands = {"head": np.array([0]), "medium": np.array([1]), "tail": np.array([2, 3])}
    policies = ("fixed_0.5", "tuned", "cardinality", "per_label", "cross_validated")
    test = scoring.TestSet(truth, list("abcd"), bands)
    decided = scoring.decisions(policies, scores, truth, scores, np.arange(40) % 3)
    rows = scoring.score_rows("c", test, scores, truth, scores, decided)
    written = {(row["metric"], row["threshold"]) for row in rows if row["label"] is None}
    only = {("labels_own_threshold", policy) for policy in policies if policy != "per_label"}
    assert (
        written - {(m, p) for m, p in written if m in ("ap_micro_oof", "threshold_value")}
        == (set(MEASURES) | set(FURTHER)) - only
    )
    assert not set(MEASURES) & set(FURTHER) and len(FURTHER) == len(set(FURTHER))


def test_means_are_over_draws_with_training_repetitions_averaged_first():
    cells = [world.make_cell("S", draw, seed=seed) for draw in range(3) for seed in range(2)]
    values = {(draw, seed): draw + 0.1 * seed for draw in range(3) for seed in range(2)}
    scores = [world.score_row(cell, "lrap", "none", values[cell["draw"], cell["training_seed"]]) for cell in cells]
    (found,) = further_scores(cells, scores)  # of no figure between 0 and 1, so that the interval is a plain one
    assert (found.name, found.contrast, found.metric, found.kind) == ("score", "S", "lrap", "mean")
    assert found.estimate.value == pytest.approx(1.05) and found.estimate.n == 3
    assert found.estimate.high - found.estimate.value == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)


def test_undefined_draws_are_left_out_with_their_reason_and_never_zero():
    cells = [world.make_cell("R0", draw) for draw in range(3)]
    scores = [world.score_row(cell, "precision_micro", "fixed_0.5", None if cell["draw"] else 0.4,
                              "nothing is predicted" if cell["draw"] else None) for cell in cells]  # fmt: skip
    scores += [world.score_row(cell, "lrap", "none", None, "no test document has a label") for cell in cells]
    none, some = further_scores(cells, scores)
    assert some.metric == "precision_micro" and some.estimate.value == 0.4 and some.estimate.n == 1
    assert "2 of 3 draws undefined: nothing is predicted" in some.estimate.note
    assert none.estimate.value is None and none.estimate.note == "no test document has a label"


def test_only_the_main_arms_and_the_floors_are_averaged_and_labels_are_not():
    cells = [world.make_cell(arm, 0) for arm in ("S", "C", "PL")]
    cells += [world.make_cell("MIX", 0, real_share=0.5, budget=80), world.make_cell("R0", 0, classifier="predict_all")]
    scores = [world.score_row(cell, "lrap", "none", 0.5) for cell in cells]
    scores += [{**world.score_row(cells[0], "f1_macro", "tuned", 0.5), "label": "band:head"}]
    found = [(effect.name, effect.contrast, effect.metric) for effect in further_scores(cells, scores)]
    assert found == [("score", "S", "lrap"), ("floor_predict_all", "predict_all", "lrap")]


def test_five_hundred_cells_cost_less_than_a_second():
    cells = world.make_cells(draws=12)
    rng = np.random.default_rng(1)
    more = [world.score_row(cell, *measure, float(v)) for cell in cells
            for measure, v in zip(FURTHER, rng.random(len(FURTHER)), strict=True)]  # fmt: skip
    scores = [*world.make_scores(cells), *more]
    assert len(cells) > 450
    start = time.process_time()
    found = list(further_scores(cells, scores))
    assert time.process_time() - start < 1.0
    results = run(cells, scores)
    CONTRACTS["effects"].check(results.effects, "effects")
    rows = [row for row in results.effects if (row["metric"], row["threshold"]) in set(FURTHER)]
    assert len(rows) == len(found) and {row["effect"] for row in rows} == {"score", "floor_predict_all"}
    assert {row["contrast"] for row in rows} == {*ARMS, "predict_all"}
    assert all(row["verdict"] == "value" and row["p"] is None for row in rows)
