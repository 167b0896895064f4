"""Which metric predicts gain: worlds where one metric truly does and the others do not."""

import numpy as np
import pytest
import statistics_world as world
from test_statistics_association import mmd_row
from test_statistics_effects import run

from volfid.core.schemas import CONTRACTS
from volfid.report.inputs import ReportInputs
from volfid.report.tables_predictors import predictor_table
from volfid.statistics.conditions import Point
from volfid.statistics.corpora import Rows
from volfid.statistics.predictors import error_difference, held_out, skill
from volfid.statistics.table import Source

METHODS = ("full_synthesis", "paraphrase")


def point(generator, method, fidelity, outcome):
    source = Source(generator, method, "paired", 100, 0)
    return Point((generator, method), Rows("S", 100, 40, source, None), fidelity, outcome, "R1")


def made_points(rng, generators, slope, noise=0.01):
    """Two conditions a generator; the gain follows one metric, `others` are drawn without it."""
    true, other = [], []
    for g in range(generators):
        level = rng.normal()
        for method in METHODS:
            x = level + 0.3 * rng.normal()
            gain = slope * x + noise * rng.normal()
            true.append(point(f"g{g}", method, x, gain))
            other.append(point(f"g{g}", method, rng.normal(), gain))
    return true, other


def test_skill_is_one_minus_the_error_of_lines_through_the_others():
    points, _ = made_points(np.random.default_rng(1), 4, 0.5, noise=0.2)
    held, error, baseline = held_out(points), 0.0, 0.0
    for name in ("g0", "g1", "g2", "g3"):
        inner = [p for p in points if p.rows.source.generator != name]
        outer = [p for p in points if p.rows.source.generator == name]
        slope, start = np.polyfit([p.fidelity for p in inner], [p.outcome for p in inner], 1)
        error += sum((p.outcome - start - slope * p.fidelity) ** 2 for p in outer)
        baseline += sum((p.outcome - np.mean([q.outcome for q in inner])) ** 2 for p in outer)
    assert held.skill == pytest.approx(1 - error / baseline)
    assert held.sizes.tolist() == [2, 2, 2, 2]


def test_the_scale_of_a_metric_changes_nothing():
    points, _ = made_points(np.random.default_rng(2), 5, 0.5, noise=0.2)
    tiny = [Point(p.twin, p.rows, 1e-6 * p.fidelity + 3e-6, p.outcome, p.baseline) for p in points]
    assert skill(tiny, 1).value == pytest.approx(skill(points, 1).value)


@pytest.mark.parametrize(("generators", "reason"), [(0, "0 generators"), (1, "1 generator "), (2, "2 generators")])
def test_fewer_than_three_generators_are_undefined_with_the_reason(generators, reason):
    points, _ = made_points(np.random.default_rng(3), generators, 0.5)
    found = skill(points, 1)
    assert found.value is None and found.note.startswith(reason) and "3 are needed" in found.note
    assert error_difference(points, points).value is None


def test_three_generators_have_an_interval_with_a_warning():
    points, _ = made_points(np.random.default_rng(3), 3, 0.5)
    assert "too narrow" in skill(points, 1).note and skill(points, 1).low is not None
    assert "too narrow" not in skill(made_points(np.random.default_rng(3), 4, 0.5)[0], 1).note


def test_equal_gains_have_no_skill_and_a_flat_metric_knows_nothing():
    points, _ = made_points(np.random.default_rng(4), 4, 0.0, noise=0.0)
    assert skill(points, 1).value is None and "same everywhere" in skill(points, 1).note
    moving, _ = made_points(np.random.default_rng(4), 4, 0.5)
    flat = [Point(p.twin, p.rows, 7.0, p.outcome, p.baseline) for p in moving]
    assert skill(flat, 1).value == pytest.approx(0)


@pytest.mark.parametrize("generators", [4, 6, 10])
def test_the_true_metric_is_found_and_noise_is_not(generators):
    """Over 100 worlds: how often the whole interval lies above 0, and how often the true metric is the better one."""
    rng, power, false, better, worse = np.random.default_rng(7), 0, 0, 0, 0
    for _ in range(100):
        true, other = made_points(rng, generators, 0.5, noise=0.05)
        power += skill(true, 1).low > 0
        false += skill(other, 1).low > 0
        compared = error_difference(other, true)
        better += compared.low > 0
        worse += compared.high < 0
    assert power >= 90 and false <= 5, (power, false)
    assert worse <= 2 and better >= {4: 10, 6: 40, 10: 70}[generators], (better, worse)


def test_the_comparison_is_on_shared_conditions():
    true, other = made_points(np.random.default_rng(9), 5, 0.5)
    found = error_difference(other[1:], true[:-1])
    same = error_difference(other[1:-1], true[1:-1])
    assert found.value == pytest.approx(same.value) and "8 shared conditions" in found.note


GENERATORS = ("gen_a", "gen_b", "gen_c", "gen_d", "gen_e")


def made_run(generators=GENERATORS):
    """Gain follows Self-BLEU by generator and method; label MMD and distinct-2 are noise; p values are no metric."""
    rng = np.random.default_rng(11)
    cells, scores, fidelity = [], [], []
    level = {(g, m): rng.uniform(0.1, 0.6) for g in generators for m in METHODS}
    noise = {name: {key: rng.random() for key in level} for name in ("mmd2_label_parent", "distinct_2")}
    for draw in range(3):
        for arm in ("R0", "R1"):
            cell = world.make_cell(arm, draw)
            cells.append(cell)
            scores.append(world.score_row(cell, "ap_micro", "none", 0.3 + 0.02 * draw))
        for (g, m), value in level.items():
            cell = world.make_cell("S", draw, generator=g, method=m)
            cells.append(cell)
            scores.append(world.score_row(cell, "ap_micro", "none", 0.5 + 0.02 * draw - 0.3 * value))
            fidelity += [mmd_row(cell, noise["mmd2_label_parent"][g, m])]
            fidelity += [mmd_row(cell, noise["distinct_2"][g, m], "distinct_2", "added", "none")]
            fidelity += [mmd_row(cell, value, "self_bleu_4", "added", "none")]
            fidelity += [
                mmd_row(cell, 0.5, "mmd2_label_p"),
                mmd_row(cell, 0.5, "checker_sensitivity", "added", "train"),
            ]
    return cells, scores, fidelity


def test_every_metric_is_compared_in_a_run_and_shown_in_the_report():
    results = run(*made_run())
    CONTRACTS["effects"].check(results.effects, "effects")
    found = {row["contrast"]: row for row in results.effects if row["effect"].endswith("predicts_gain")}
    assert set(found) == {
        "gain on mmd2_label_parent", "gain on distinct_2 [added, none]", "gain on self_bleu_4 [added, none]"
    }  # fmt: skip
    best, mmd = found["gain on self_bleu_4 [added, none]"], found["gain on mmd2_label_parent"]
    assert (best["effect"], mmd["effect"]) == ("metric_predicts_gain", "fidelity_predicts_gain")
    assert best["estimate"] > 0.95 and best["ci_low"] > 0.9 and best["verdict"] == "positive" and best["n"] == 5
    assert mmd["ci_low"] < 0 and mmd["verdict"] != "positive"
    errors = {r["contrast"]: r for r in results.effects if r["effect"] == "prediction_error_over_label_mmd"}
    row = errors["error of self_bleu_4 [added, none] - mmd2_label_parent"]
    assert row["estimate"] < 0 and row["p_adjusted"] >= row["p"] and row["unit"] == "generators"
    shown = predictor_table(ReportInputs(effects=results.effects))
    assert shown.rows[0][2] == "self_bleu_4 [added, none]" and len(shown.rows) == 3
    assert shown.rows[0][3].startswith("1.00 [") and shown.rows[0][4] != "–"


def test_two_generators_leave_one_undefined_line_for_the_distance_and_none_for_the_others():
    rows = [r for r in run(*made_run(GENERATORS[:2])).effects if r["effect"].endswith("predicts_gain")]
    assert [row["contrast"] for row in rows] == ["gain on mmd2_label_parent"]
    assert rows[0]["verdict"] == "undefined" and "2 generators" in rows[0]["note"]
    assert "undefined (2 generators" in predictor_table(ReportInputs(effects=rows)).rows[0][3]
