"""Several arms at once, the power-law worth, the unimodal mixture, and the readings of 1:10."""

import math

import numpy as np
import pytest
import statistics_world as world
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from test_statistics_association import made_run, mmd_row
from test_statistics_effects import find, run

from volfid.statistics import curve, mixture, several
from volfid.statistics.conditions import PointSet
from volfid.statistics.specification import Regime, readings, specifications

# ---- Friedman and effect sizes ------------------------------------------------------------


@settings(deadline=None)
@given(hnp.arrays(int, st.tuples(st.integers(3, 8), st.integers(3, 5)), elements=st.integers(0, 3)))
def test_friedmans_chi2_agrees_with_scipy_when_there_are_ties(scores):
    found = several.friedman(scores)
    if all(len(set(row)) == 1 for row in scores.tolist()):
        assert found is None
        return
    expected = stats.friedmanchisquare(*scores.T)
    assert found.chi2 == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)
    assert 0 <= found.concordance <= 1 + 1e-12


def test_blocks_that_all_agree_have_no_f_and_p_zero_and_too_few_have_nothing():
    found = several.friedman(np.tile([3.0, 2.0, 1.0], (4, 1)))
    assert found.f is None and found.f_p == 0 and found.concordance == pytest.approx(1)
    assert several.friedman(np.ones((1, 3))) is None and several.friedman(np.ones((5, 2))) is None


def test_effect_sizes_without_spread_or_values_are_none():
    assert several.paired_dz([0.1]) is None and several.paired_dz([0.1, 0.1]) is None
    assert several.pooled_d([1, 1], [2, 2]) is None and several.hedges_g([1], [2, 3]) is None
    assert several.vargha_delaney([], [1]) is None and several.cliffs_delta([2, 2], [1, 2]) == 0.5
    assert several.hedges_correction(200) == pytest.approx(1 - 3 / (4 * 200 - 1), abs=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-60, 60).filter(bool), min_size=1, max_size=10, unique_by=abs))
def test_the_signed_rank_test_agrees_with_scipy_without_ties(values):
    expected = stats.wilcoxon(values, method="exact").pvalue
    assert several.signed_rank_p(values) == pytest.approx(expected, abs=1e-12)


def test_tied_and_zero_differences_are_enumerated_over_signs():
    values = np.array([2.0, 2.0, -1.0, 3.0, 0.0])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T
    sums = ((signs > 0) * stats.rankdata(np.abs(values[:4]))).sum(axis=1)
    found = stats.rankdata(np.abs(values[:4]))[values[:4] > 0].sum()
    expected = min(1, 2 * min((sums <= found).mean(), (sums >= found).mean()))
    assert several.signed_rank_p(values) == pytest.approx(expected)
    assert several.signed_rank_p([0.0, 0.0]) is None


def test_the_signed_rank_test_of_many_values_agrees_with_scipys_normal_approximation_with_ties():
    values = np.round(np.random.default_rng(4).normal(0.1, 1, several.SIGNED_RANK_EXACT + 50), 1)
    values = np.append(values[values != 0], [0.3, -0.2, 1.7, 0.0])
    expected = stats.wilcoxon(values, method="asymptotic", correction=False).pvalue
    assert several.signed_rank_p(values) == pytest.approx(expected, rel=1e-9)


def test_alpha_is_one_for_full_agreement_and_none_when_nothing_could_disagree():
    assert several.krippendorff_alpha([[1, 0, 1], [1, 0, 1]]) == pytest.approx(1)
    assert several.krippendorff_alpha([[1, 1], [1, 1]]) is None
    assert several.krippendorff_alpha([[1, None], [None, 0]]) is None


def test_the_arms_are_ranked_over_draws_in_their_schedule():
    cells = world.make_cells(methods=("full_synthesis",))
    results = run(cells, world.make_scores(cells))
    rows = [r for r in results.effects if r["effect"] == "friedman_arms" and r["metric"] == "ap_micro"]
    fixed, tuned = sorted(rows, key=lambda r: r["contrast"])
    assert tuned["contrast"] == "tuned: RMt, Rt, St" and tuned["n"] == 5
    assert fixed["estimate"] > 0.8 and fixed["p"] < 0.001 and fixed["verdict"] == "value"
    assert "critical difference" in fixed["note"] and "overlap" in fixed["note"]
    assert "mean ranks S_half 1." in fixed["note"]


def test_arms_of_one_draw_cannot_be_ranked_over_draws():
    cells = world.make_cells(draws=1, methods=("full_synthesis",))
    row = next(r for r in run(cells, world.make_scores(cells)).effects if r["effect"] == "friedman_arms")
    assert row["estimate"] is None and "1 draws" in row["note"]


def test_main_effects_give_standardised_sizes():
    cells = world.make_cells(methods=("full_synthesis",))
    row = find(run(cells, world.make_scores(cells)), "gain_tuned")
    assert "dz " in row["note"] and "Hedges g " in row["note"] and "signed-rank p 0.062" in row["note"]


# ---- the power law ------------------------------------------------------------------------

SIZES = (50, 100, 200, 400, 800)


def law(size, a=0.8, b=0.2, c=0.5):
    return a - b * (np.asarray(size) / 1000) ** -c


def test_the_power_law_is_found_from_exact_scores():
    found = curve.fit_power_law(SIZES, law(SIZES))
    assert (found.a, found.b, found.c) == pytest.approx((0.8, 0.2, 0.5), rel=1e-4)
    assert found.size(float(law(250)))[0] == pytest.approx(250, rel=1e-5)


def test_weights_pull_the_curve_to_the_sizes_that_are_known_better():
    scores = law(SIZES)
    scores[2] += 0.05
    plain = curve.fit_power_law(SIZES, scores)
    sure = curve.fit_power_law(SIZES, scores, [1, 1, 1e-6, 1, 1])
    assert abs(sure.score(200) - law(200)) < 1e-3 < abs(plain.score(200) - law(200))


def test_a_curve_that_does_not_rise_or_has_three_sizes_gives_no_law():
    assert curve.fit_power_law(SIZES, [0.5, 0.4, 0.3, 0.2, 0.1]) is None
    assert curve.fit_power_law(SIZES, [0.5] * 5) is None
    assert curve.fit_power_law(SIZES[:3], law(SIZES[:3])) is None


def test_the_asymptote_stays_within_what_a_score_can_be():
    found = curve.fit_power_law(SIZES, 0.1 * np.log(SIZES))
    assert found.a <= 1 and found.b > 0


@pytest.mark.parametrize("draws", [4, 8])
def test_the_jackknife_interval_of_the_power_law_covers_the_worth(draws):
    rng, times, covered = np.random.default_rng(3), 120, 0
    for _ in range(times):
        common = rng.normal(0, 0.01, (draws, 1))
        curves = law(SIZES) + common + rng.normal(0, 0.006, (draws, len(SIZES)))
        scores = law(250) + common[:, 0] + rng.normal(0, 0.006, draws)
        found = curve.power_law_size(curve.power_law_fits(SIZES, curves), scores)
        covered += (found.low or 0) <= 250 <= (found.high or math.inf)
    assert covered / times > 0.87


def test_a_score_above_the_largest_size_is_beyond_the_curve_and_one_draw_has_no_interval():
    curves = np.stack([law(SIZES), law(SIZES) + 0.001])
    fits = curve.power_law_fits(SIZES, curves)
    found = curve.power_law_size(fits, np.array([0.9, 0.9]))
    assert (found.size, found.low, found.high) == (None, None, None) and "beyond the curve" in found.note
    one = curve.power_law_size(curve.power_law_fits(SIZES, curves[:1]), law(np.array([250.0])))
    assert one.size == pytest.approx(250, rel=1e-3) and one.low is None and "one draw" in one.note


def test_the_power_law_stands_beside_the_monotone_curve_in_the_effects():
    cells = world.make_cells(methods=("full_synthesis",))
    results = run(cells, world.make_scores(cells))
    row, plain = find(results, "worth_documents_power_law"), find(results, "worth_documents")
    assert row["estimate"] == pytest.approx(plain["estimate"], rel=0.15)
    assert row["ci_low"] < row["estimate"] < row["ci_high"] and row["n"] == 5
    assert "sensitivity" in row["note"] and row["verdict"] == "value"


# ---- the mixture --------------------------------------------------------------------------


def test_the_unimodal_fit_keeps_a_single_peak_and_pools_what_breaks_it():
    shares = [0, 0.25, 0.5, 0.75, 1]
    exact = mixture.fit_unimodal(shares, [0.1, 0.3, 0.5, 0.4, 0.2])
    assert exact.plateau == (0.5, 0.5) and exact.sse == pytest.approx(0)
    pooled = mixture.fit_unimodal(shares, [0.1, 0.5, 0.3, 0.5, 0.2])
    assert pooled.fitted == pytest.approx([0.1, 0.5, 0.4, 0.4, 0.2]) and pooled.sse == pytest.approx(0.02)


@settings(deadline=None)
@given(hnp.arrays(float, 6, elements=st.floats(0, 1)))
def test_no_unimodal_sequence_of_the_data_fits_better(scores):
    shares = np.linspace(0, 1, 6)
    found = mixture.fit_unimodal(shares, scores)
    peak = int(np.argmax(found.fitted))
    assert (np.diff(found.fitted[: peak + 1]) >= -1e-12).all() and (np.diff(found.fitted[peak:]) <= 1e-12).all()
    quadratic = 0.5 - (shares - shares[peak]) ** 2
    assert found.sse <= ((scores - quadratic) ** 2).sum() + 1e-12
    assert found.sse <= ((scores - scores.mean()) ** 2).sum() + 1e-12


def test_the_best_share_of_few_draws_is_enumerated_and_says_how_little_that_is():
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.7, 0.6]])
    found = mixture.best_share_distribution(scores, np.random.default_rng(0))
    drawn = np.random.default_rng(1).integers(0, 3, size=(20000, 3))
    first = (scores[drawn].mean(axis=1).argmax(axis=1) == 0).mean()
    assert found.exact and found.distinct == 10
    assert found.probability[0] == pytest.approx(first, abs=0.02) and found.probability.sum() == pytest.approx(1)
    many = mixture.best_share_distribution(np.tile(scores, (4, 1)), np.random.default_rng(2))
    assert not many.exact and many.distinct == math.comb(23, 12)


def test_the_mixture_note_counts_its_resamples():
    cells = world.make_cells(draws=3, methods=("full_synthesis",))
    results = run(cells, world.make_scores(cells))
    note = find(results, "mixture_band_frequency")["note"]
    assert "all 10 distinct resamples of 3 draws" in note and "0.25 in" in note
    assert find(results, "mixture_unimodal_peak")["estimate"] == pytest.approx(0.25, abs=0.13)


# ---- readings of 1:10 ---------------------------------------------------------------------


def formed(pairs, pool=None):
    return {r.name[0]: (r.low, r.high) for r in readings(pairs, pool) if r.low}


def test_each_reading_finds_its_two_regimes():
    assert formed([(165, 16500), (1650, 16500)])["a"] == (Regime(165, 16500), Regime(1650, 16500))
    assert formed([(165, 165), (825, 165)], pool=8300)["b"] == (Regime(165, None), Regime(825, None))
    assert formed([(165, 165), (165, 825), (165, 1485)])["c"] == (Regime(165, 165), Regime(165, 1485))
    assert formed([(165, 165), (1650, 165)])["e"] == (Regime(165, 165), Regime(1650, 165))
    assert formed([(165, 40), (330, 40)]) == {"s": (Regime(165, None), Regime(330, None))}


def test_readings_that_cannot_be_formed_say_why():
    reasons = {r.name[0]: r.reason for r in readings([(165, 40)], None)}
    assert set(reasons) == set("sabcde") and all(reasons.values())
    assert "not by documents a label" in reasons["d"]
    shots = {1: 90, 3: 165, 10: 330}
    named = readings([(90, 40), (165, 40), (330, 40)], 0, shots)[4]
    assert (named.low, named.high, named.reason) == (Regime(90, None), Regime(330, None), None)
    assert readings([(165, 40), (330, 40)], 0, {3: 165, 5: 330})[4].high == Regime(330, None)
    assert "no larger" in readings([(165, 40)], 0, {3: 165, 5: 165})[4].reason
    assert readings([(165, 40), (330, 40)], 0)[2].reason is not None


def test_the_sign_flip_is_seen_under_the_readings_that_the_run_allows():
    results = run(*made_run(noise=0.003))
    specs = results.findings["specifications"]
    assert {s["reading"] for s in specs} == {"sizes"} and {s["scope"] for s in specs} == {"all", "without controls"}
    spec = next(s for s in specs if s["outcome"] == "score" and s["scope"] == "without controls")
    assert (spec["low_regime"], spec["high_regime"], spec["n"]) == ("n=100", "n=300", 8)
    assert spec["r_low"] > 0.9 and spec["r_high"] < -0.9 and spec["ci_low"] < spec["delta"] < spec["ci_high"]
    row = next(r for r in results.effects if r["effect"] == "spec_sign_flip")
    made = [s for s in specs if s["delta"] is not None]
    flips = sum(s["r_low"] > 0 > s["r_high"] for s in made)
    assert row["estimate"] == pytest.approx(flips / len(made)) and row["n"] == len(made)
    assert row["unit"] == "specifications" and "not formed: a: constant synthetic pool" in row["note"]


def test_a_fixed_real_set_with_growing_synthetic_sets_is_a_reading_of_its_own():
    rng = np.random.default_rng(4)
    cells, scores, fidelity = [], [], []
    for added, slope in ((100, 0.5), (1000, -0.5)):
        for g in range(5):
            cell = world.make_cell("S", 0, added=added, generator=f"gen_{g}")
            distance = 0.05 * g + rng.normal(0, 0.001)
            cells.append(cell)
            scores.append(world.score_row(cell, "ap_micro", "none", 0.4 + slope * distance))
            fidelity.append(mmd_row(cell, distance))
    results = run(cells, scores, fidelity)
    specs = [s for s in results.findings["specifications"] if s["outcome"] == "score" and s["scope"] == "all"]
    assert [s["reading"] for s in specs] == ["c: fixed n, M = n and 10 n"]
    assert specs[0]["low_regime"] == "n=100, M=100" and specs[0]["high_regime"] == "n=100, M=1000"
    assert specs[0]["r_low"] > 0.9 and specs[0]["r_high"] < -0.9 and specs[0]["n"] == 5


def test_specifications_with_too_few_conditions_or_no_spread_have_a_reason():
    cells, scores, fidelity = made_run()
    flat = [{**s, "value": 0.5} for s in scores]
    results = run(cells, flat, fidelity)
    assert all(s["delta"] is None and "same in all" in s["note"] for s in results.findings["specifications"]
               if s["outcome"] == "score")  # fmt: skip
    row = next(r for r in results.effects if r["effect"] == "spec_sign_flip")
    assert row["estimate"] is None and row["verdict"] == "undefined"
    assert specifications([PointSet("mlp", "ap_micro", "none", "mmd2_label_parent", "score", {100: []})], 10) == (
        [],
        [],
    )
