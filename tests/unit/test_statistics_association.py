"""Correlations of fidelity with score and gain, retrieval and fidelity means, on tables with a known relation."""

import numpy as np
import pytest
import statistics_world as world
from scipy import stats
from test_statistics_effects import find, run

from volfid.statistics import correlation, intervals
from volfid.statistics.conditions import DISTANCES

GENERATORS = ("gen_a", "gen_b", "gen_c", "gen_d")
METHODS = ("full_synthesis", "paraphrase")
SLOPE = {100: 0.5, 300: -0.5}


def made_run(draws=3, noise=0.0, draw_shift=0.05):
    """Eight synthetic conditions in two regimes: the score rises with MMD in the small one, falls in the large one."""
    rng = np.random.default_rng(5)
    cells, scores, fidelity = [], [], []
    for regime in SLOPE:
        for draw in range(draws):
            shift = draw_shift * draw
            for arm in ("R0", "R1", "Pd"):
                cell = world.make_cell(arm, draw, regime=regime)
                cells.append(cell)
                scores.append(world.score_row(cell, "ap_micro", "none", 0.3 + shift + 0.02 * (arm == "Pd")))
                fidelity.append(mmd_row(cell, 0.01 * (arm == "Pd")))
            for g, generator in enumerate(GENERATORS):
                for m, method in enumerate(METHODS):
                    cell = world.make_cell("S", draw, regime=regime, generator=generator, method=method)
                    distance = 0.05 + 0.03 * g + 0.013 * m + rng.normal(0, 0.002)
                    cells.append(cell)
                    value = 0.4 + shift + SLOPE[regime] * distance + rng.normal(0, noise)
                    scores.append(world.score_row(cell, "ap_micro", "none", value))
                    fidelity.append(mmd_row(cell, distance))
    unique = {row["trainset_id"]: row for row in fidelity}
    return cells, scores, list(unique.values())


def mmd_row(cell, value, metric="mmd2_label_parent", rows="all", reference="reference"):
    return {"trainset_id": cell["trainset_id"], "metric": metric, "rows": rows, "reference": reference,
            "value": value, "n": 10, "note": None}  # fmt: skip


def pick(rows, **filters):
    found = [r for r in rows if all(r[k] == v for k, v in filters.items())]
    assert len(found) == 1, len(found)
    return found[0]


def test_draws_are_averaged_before_correlating_so_they_do_not_add_to_n():
    few = run(*made_run(draws=2)).correlations
    many = run(*made_run(draws=6)).correlations
    for rows in (few, many):
        row = pick(rows, regime=100, scope="without controls", outcome="score")
        assert row["n"] == len(GENERATORS) * len(METHODS)
        assert row["r"] > 0.99


def test_the_sign_of_r_turns_between_regimes_and_the_test_of_the_difference_sees_it():
    results = run(*made_run(noise=0.003))
    found = [r for r in results.effects if r["effect"] == "delta_r" and "without controls" in r["contrast"]]
    assert {("score" in r["contrast"]) for r in found} == {True, False} and len(found) == 2
    for row in found:
        assert row["verdict"] == "positive" and row["unit"] == "conditions" and row["n"] == 8
        assert row["ci_low"] < row["estimate"] < row["ci_high"]
        assert "Dunn and Clark" in row["note"] and "another quantity" in row["note"]
    small = pick(results.correlations, regime=100, scope="without controls", outcome="score")
    large = pick(results.correlations, regime=300, scope="without controls", outcome="score")
    expected = correlation.independent_difference(small["r"], 8, large["r"], 8)
    assert found[0]["estimate"] == pytest.approx(expected.delta) and found[0]["p"] == pytest.approx(expected.p)


def test_every_scope_is_there_and_names_its_label_plan():
    rows = run(*made_run()).correlations
    scopes = {row["scope"] for row in rows}
    within = {"within full_synthesis", "within paraphrase", "within methods, pooled"}
    assert scopes == {"all", "without controls", *within, "between methods"}
    made = [row for row in rows if row["scope"] != "all"]
    assert all("label plan paired" in row["note"] for row in made)
    assert pick(rows, regime=100, scope="all", outcome="score")["n"] == 10


def test_the_gain_is_taken_over_r1_of_the_same_draw_and_r1_itself_stays_out():
    cells, scores, fidelity = made_run(draw_shift=0.3)
    rows = run(cells, scores, fidelity).correlations
    row = pick(rows, regime=100, scope="all", outcome="gain")
    assert row["n"] == 9 and "gain over R1" in row["note"]
    without = [c for c in cells if c["arm"] != "R1"]
    kept = {c["cell_id"] for c in without}
    less = run(without, [s for s in scores if s["cell_id"] in kept], fidelity).correlations
    assert pick(less, regime=100, scope="all", outcome="gain")["n"] in (0, 9)


def test_too_few_conditions_or_no_spread_give_null_and_a_reason():
    few = correlation.correlate([0.1, 0.2, 0.3], [1, 2, 3])
    assert few.r is None and few.low is None and "at least 4" in few.note
    flat = correlation.correlate([0.1] * 6, [1, 2, 3, 4, 5, 6])
    assert flat.r is None and "same in all conditions" in flat.note
    assert correlation.correlate([1, 2, 3, 4, 5], [2.0] * 5).r is None


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([1, 1, 1, 1, 9], [2, 2, 2, 2, 10], "one condition carries all of the spread of the fidelity"),
        ([9, 1, 1, 1, 1], [2, 2, 2, 2, 10], "of the fidelity"),
        ([1, 1, 1, 1 + 1e-12, 9], [2, 3, 2.5, 2, 10], "of the fidelity"),  # the rest differs by rounding
        ([1, 2, 3, 4, 5], [2, 2, 2, 2, 10], "of the outcome"),
        ([1e-4, 1e-4, 1e-4, 9e-4], [2, 3, 4, 5], "of the fidelity"),
        ([8] * 10 + [19], [6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 5.56, 7.91, 6.89, 12.5], "of the fidelity"),
        ([1, 1, 9, 9, 9], [2, 2, 5, 5, 5], "the conditions lie on two points"),
        ([1, 1, 1, 1, 9, 9.0001], [2, 2, 2, 2, 10, 10.0001], "the conditions lie on two points"),
        ([9.001, 1, 1.001, 1, 9, 1], [10, 2, 2, 2.001, 10, 2], "the conditions lie on two points"),
    ],
)
def test_r_that_one_condition_or_two_points_decide_says_so_and_has_no_interval(x, y, words):
    found = correlation.correlate(x, y)
    assert found.r is not None and (found.low, found.high, found.p, found.left_out) == (None, None, None, None)
    assert words in found.note and "no interval and no p" in found.note
    assert found.spearman is not None and found.kendall is not None
    turned = correlation.correlate(y, x)
    assert turned.low is None and "no interval and no p" in turned.note
    assert correlation.carried(np.array(x, float) * 1e6 + 5, np.array(y, float)) == correlation.carried(
        np.array(x, float), np.array(y, float)
    )


def test_a_condition_that_dominates_is_named_and_the_interval_stays():
    x, y = [1, 1.1, 0.9, 1.05, 30], [2, 2.2, 2.1, 1.9, 40]
    found = correlation.correlate(x, y)
    assert found.low is not None and "one condition holds 99 % of the spread of the fidelity" in found.note
    assert "leaving one condition out" in found.note
    even = correlation.correlate([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5])
    assert "holds" not in even.note and even.low is not None


def test_ties_keep_their_rank_correlations_and_what_is_no_number_has_none():
    tied = correlation.correlate([1, 1, 2, 2, 3, 3], [1, 2, 2, 3, 3, 3])
    assert tied.kendall == pytest.approx(stats.kendalltau([1, 1, 2, 2, 3, 3], [1, 2, 2, 3, 3, 3]).statistic)
    assert tied.spearman == pytest.approx(stats.spearmanr([1, 1, 2, 2, 3, 3], [1, 2, 2, 3, 3, 3]).statistic)
    for n in (0, 1, 2, 3):
        assert "at least 4" in correlation.correlate(range(n), range(n)).note
    broken = correlation.correlate([1, 2, 3, 4, float("nan")], [1, 2, 3, 4, 5])
    assert broken.r is None and "not a number" in broken.note
    assert intervals.mean_interval([0.5, float("nan")]).value is None


def test_three_points_are_no_two_clumps():
    assert correlation.carried(np.array([1, 1, 1.1, 9, 9]), np.array([2, 2, 2, 10, 10.0])) is None
    assert correlation.carried(np.array([1, 1, 1, 9, 9]), np.array([2, 2, 3, 10, 10.0])) is None


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_partial_correlation_with_what_is_no_number_is_undefined(odd):
    x, y, given = np.arange(6.0), np.array([1, 3, 2, 5, 4, 6.0]), np.array([2, 1, 2, 1, 2, 2.0])
    assert correlation.partial(x, y, given)[0] is not None
    for place in range(3):
        columns = [x.copy(), y.copy(), given.copy()]
        columns[place][5] = odd
        assert correlation.partial(*columns) == (None, "a value is not a number")


def test_a_difference_with_a_correlation_of_one_or_of_too_few_conditions_is_undefined_and_says_why():
    for r in ((1, 0.5, 0.5), (0.5, 1, 0.5), (0.5, 0.5, 1), (0.5, -1, 0.5)):
        found = correlation.overlapping_difference(*r, 10)
        assert (found.low, found.steiger_z, found.meng_z) == (None, None, None) and "exactly 1" in found.note
    for found in (
        correlation.independent_difference(1, 10, 0.5, 10), correlation.independent_difference(0.5, 10, -1, 10),
        correlation.dependent_difference(1, 0.5, 0.1, 0.1, 0.1, 0.1, 10),
    ):  # fmt: skip
        assert found.low is None and found.high is None and "exactly 1" in found.note
    assert "at least 4" in correlation.independent_difference(0.5, 3, 0.2, 9).note
    assert "not a number" in correlation.independent_difference(np.nan, 9, 0.2, 9).note


def test_perfect_correlation_has_no_fisher_z_and_says_so():
    found = correlation.correlate([1, 2, 3, 4, 5], [2, 4, 6, 8, 10])
    assert found.r == 1.0 and (found.low, found.high) == (1.0, 1.0) and found.p == 0.0
    cells, scores, fidelity = made_run(draws=1)
    for row in [r for r in run(cells, scores, fidelity).effects if r["effect"] == "delta_r"]:
        assert row["estimate"] is None or row["p"] is not None


def test_only_the_four_distances_to_the_reference_fold_are_correlated():
    cells, scores, fidelity = made_run()
    more = [dict(row, metric="self_bleu_4") for row in fidelity] + [dict(row, reference="test") for row in fidelity]
    more += [dict(row, rows="added") for row in fidelity]
    names = {row["fidelity_metric"] for row in run(cells, scores, fidelity + more).correlations}
    assert names == {"mmd2_label_parent", "mmd2_label_parent_added"}
    assert {name.removesuffix("_added") for name in names} <= set(DISTANCES)


def test_permuted_labels_and_tuned_arms_are_no_conditions():
    cells, scores, fidelity = made_run()
    extra = [world.make_cell(arm, d, generator="gen_a") for d in range(3) for arm in ("S_perm", "St", "S_low")]
    more = [world.score_row(c, "ap_micro", "none", 0.01) for c in extra]
    rows = run(cells + extra, scores + more, fidelity + [mmd_row(c, 0.9) for c in extra if c["arm"] == "S_perm"])
    assert pick(rows.correlations, regime=100, scope="without controls", outcome="score")["n"] == 8


def test_a_block_named_correlation_decides_which_conditions_count():
    cells, scores, fidelity = made_run()
    for cell in cells:
        if cell["generator"] in (None, "gen_a", "gen_b"):
            cell["blocks"] = ["correlation", "headline"]
    rows = run(cells, scores, fidelity).correlations
    assert pick(rows, regime=100, scope="without controls", outcome="score")["n"] == 4


def test_label_distance_and_text_distance_are_compared_on_the_same_outcome():
    cells, scores, fidelity = made_run(noise=0.01)
    rng = np.random.default_rng(8)
    text = [dict(row, metric="mmd2_text_parent", value=float(rng.random())) for row in fidelity]
    found = [r for r in run(cells, scores, fidelity + text).effects if r["effect"] == "delta_r_label_text"]
    assert {r["regime"] for r in found} == {100, 300}
    for row in found:
        assert row["ci_low"] < row["estimate"] < row["ci_high"] and "Steiger" in row["note"]


def test_a_metric_that_carries_the_gain_predicts_held_out_generators_and_noise_does_not():
    cells, scores, fidelity = made_run()
    rng = np.random.default_rng(9)
    noise = [dict(row, metric="mmd2_text_parent", value=float(rng.random())) for row in fidelity]
    found = [r for r in run(cells, scores, fidelity + noise).effects if r["effect"] == "fidelity_predicts_gain"]
    value = {(r["contrast"], r["regime"]): r["estimate"] for r in found}
    assert value["gain on mmd2_label_parent", 100] > 0.9
    assert value["gain on mmd2_text_parent", 100] < 0.5
    assert all(r["n"] == 4 and r["unit"] == "generators" for r in found)


def test_retrieval_is_given_as_means_and_as_relative_change_with_a_fieller_interval():
    cells = world.make_cells(methods=("full_synthesis",))
    trainsets = {c["trainset_id"]: c for c in cells if c["classifier"] == "mlp"}
    rng = np.random.default_rng(10)
    retrieval = [
        {"trainset_id": key, "metric": "ndcg_at_10", "variant": variant, "n": 30, "note": None,
         "value": 0.3 - 0.06 * (c["text"] == "synthetic") + rng.normal(0, 0.004)}
        for key, c in trainsets.items() for variant in ("own_ideal", "fixed_ideal")
    ]  # fmt: skip
    fidelity = [mmd_row(c, 0.1) for c in trainsets.values()]
    results = run(cells, world.make_scores(cells), fidelity, retrieval)
    mean = find(results, "ndcg_at_10", metric="ndcg_at_10", contrast="S [own_ideal]")
    assert mean["estimate"] == pytest.approx(0.24, abs=0.01) and mean["n"] == 5 and mean["verdict"] == "value"
    change = find(results, "ndcg_at_10_relative_change", metric="ndcg_at_10", contrast="(S - R) / R [fixed_ideal]")
    assert change["ci_low"] <= -0.2 <= change["ci_high"] and change["verdict"] == "negative"
    distance = find(results, "mmd2_label_parent", metric="mmd2_label_parent", contrast="S [all, reference]")
    assert distance["estimate"] == pytest.approx(0.1)
