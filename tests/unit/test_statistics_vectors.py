"""Statistics against published and peer-computed numbers (tests/golden/stats.json)."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from volfid.statistics import correlation, curve, intervals, mixture, several

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "stats.json").read_text(encoding="utf-8"))


def test_the_published_z_fixes_n_at_fourteen_and_its_printed_interval_is_that_of_another_quantity():
    v = GOLDEN["published_z"]
    r1, r2, n = v["r1"], v["r2"], v["integer_n"]
    assert correlation.equal_group_size(r1, r2, v["z_published"]) == pytest.approx(v["n_equal_solution"], rel=1e-12)
    found = correlation.independent_difference(r1, n, r2, n)
    assert found.z == pytest.approx(v["z_at_14"], rel=1e-12)
    assert found.p == pytest.approx(v["p_at_14"], rel=1e-9)
    assert (found.low, found.high) == pytest.approx(v["zou95_at_14"], abs=1e-10)
    assert correlation.fisher_interval(r1, n) == pytest.approx(v["ci_r1"], abs=1e-12)
    assert correlation.fisher_interval(r2, n) == pytest.approx(v["ci_r2"], abs=1e-12)
    tanh = correlation.tanh_of_z_interval(r1, n, r2, n)
    assert tanh == pytest.approx(v["tanh_of_dz_ci"], abs=1e-12)
    assert [round(x, 2) for x in tanh] == v["published_ci"]
    assert not tanh[0] <= found.delta <= tanh[1]
    assert math.tanh(math.atanh(r1) - math.atanh(r2)) == pytest.approx(v["tanh_of_dz"], rel=1e-12)


def test_two_independent_correlations_agree_with_cocor():
    v = GOLDEN["fisher_examples"]["indep"]
    found = correlation.independent_difference(v["r1"], v["n1"], v["r2"], v["n2"])
    assert (found.z, found.p) == pytest.approx((v["z"], v["p"]), rel=1e-10)
    assert (found.low, found.high) == pytest.approx(v["zou95"], abs=1e-10)


@pytest.mark.parametrize("name", ["dep_nonoverlap", "dep_nonoverlap_14"])
def test_two_correlations_of_the_same_conditions_agree_with_cocor(name):
    v = GOLDEN["fisher_examples"][name]
    found = correlation.dependent_difference(v["jk"], v["hm"], v["jh"], v["jm"], v["kh"], v["km"], v["n"])
    assert found.corr_of_r == pytest.approx(v["corr_of_r"], abs=1e-12)
    assert found.dunn_clark_z == pytest.approx(v["dunn_clark_z"], abs=1e-10)
    assert found.steiger_z == pytest.approx(v["steiger_z"], abs=1e-10)
    assert (found.low, found.high) == pytest.approx(v["zou"], abs=1e-10)


def test_correlations_with_a_shared_variable_agree_with_cocor():
    v = GOLDEN["fisher_examples"]["dep_overlap"]
    found = correlation.overlapping_difference(v["jk"], v["jh"], v["kh"], v["n"])
    assert found.dunn_clark_z == pytest.approx(v["dunn_clark_z"], abs=1e-10)
    assert found.steiger_z == pytest.approx(v["steiger_z"], abs=1e-10)
    assert found.meng_z == pytest.approx(v["meng_z"], abs=1e-10)
    assert (found.low, found.high) == pytest.approx(v["zou"], abs=1e-10)


def test_a_correlation_carried_by_two_controls_shows_in_its_leave_one_out_range():
    v = GOLDEN["correlation"]
    found = correlation.correlate(v["mmd"], v["f1"])
    assert found.r == pytest.approx(v["pearson"], abs=1e-12)
    assert found.p == pytest.approx(v["pearson_p"], abs=1e-12)
    assert (found.low, found.high) == pytest.approx(v["ci95_fisher"], abs=1e-12)
    assert found.spearman == pytest.approx(v["spearman"], abs=1e-12)
    assert found.kendall == pytest.approx(v["kendall_tau_b"], abs=1e-12)
    left_out = correlation.leave_one_out(np.array(v["mmd"]), np.array(v["f1"]))
    assert left_out == pytest.approx(v["leave_one_out_r"], abs=1e-12)
    assert "from 0.56 to 0.81" in found.note


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=4, max_size=15))
def test_rank_correlations_agree_with_scipy_when_there_are_ties(pairs):
    x, y = np.array(pairs, dtype=float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    found = correlation.correlate(x, y)
    assert found.spearman == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
    assert found.kendall == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-9)


def test_holm_and_benjamini_hochberg_agree_with_r():
    v = GOLDEN["multiplicity"]
    assert intervals.holm(v["p"]) == pytest.approx(v["holm"], abs=1e-15)
    assert intervals.benjamini_hochberg(v["p"]) == pytest.approx(v["bh"], abs=1e-15)
    shuffled = [4, 0, 9, 2, 7, 1, 8, 3, 6, 5]
    mixed = intervals.holm([v["p"][i] for i in shuffled])
    assert mixed == pytest.approx([v["holm"][i] for i in shuffled], abs=1e-15)


def test_an_insignificant_difference_is_not_equivalence():
    v = GOLDEN["tost_paired"]
    difference = np.array(v["x"]) - np.array(v["y"])
    plain = intervals.mean_interval(difference)
    assert plain.value == pytest.approx(v["mean_diff"], abs=1e-12)
    assert (plain.low, plain.high) == pytest.approx(v["ci95"], abs=1e-12)
    assert plain.p == pytest.approx(v["paired_p"], abs=1e-12)
    assert plain.spread / math.sqrt(plain.n) == pytest.approx(v["se"], abs=1e-15) and plain.n - 1 == v["df"]
    assert plain.value / v["se"] == pytest.approx(v["paired_t"], rel=1e-12)
    assert several.signed_rank_p(difference) == pytest.approx(v["wilcoxon_exact_p"], abs=1e-15)
    narrow = intervals.mean_interval(difference, 0.90)
    assert (narrow.low, narrow.high) == pytest.approx(v["ci90"], abs=1e-12)
    for bound, expected in v["by_bound"].items():
        found = intervals.tost(difference, float(bound))
        assert found.p == pytest.approx(expected["p"], abs=1e-12)
        assert found.holds == (-float(bound) < narrow.low and narrow.high < float(bound))
    assert not intervals.tost(difference, 0.02).holds and intervals.tost(difference, 0.03).holds


def test_the_quadratic_moves_the_best_mixture_off_the_best_grid_point():
    v = GOLDEN["mix_quadratic"]
    found = mixture.fit_quadratic(v["real_fraction"], v["f1"])
    assert found.beta == pytest.approx(v["beta"], abs=1e-12)
    assert found.vertex == pytest.approx(v["vertex"], abs=1e-12)
    assert found.delta_se == pytest.approx(v["delta_se"], abs=1e-12)
    assert found.delta == pytest.approx(v["delta_ci95"], abs=1e-10)
    assert found.fieller == pytest.approx(v["fieller_ci95"], abs=1e-10)
    assert mixture.best_shares(v["real_fraction"], np.array([v["f1"]]))[0] == 0.3


def test_the_worth_on_the_golden_curve_is_near_the_power_law_behind_it():
    v = GOLDEN["learning_curve"]
    for size in (450, 900, 2000):
        score = v["a"] - v["b"] * (size / 1000) ** -v["c"]
        found = curve.size_with_score(v["n"], np.array([v["f1"]]), np.array([score]))
        assert found.size == pytest.approx(size, rel=0.05)
        assert found.low is None and "one draw" in found.note
    knot = curve.size_with_score(v["n"], np.array([v["f1"]]), np.array([v["f1"][2]]))
    assert knot.size == pytest.approx(v["n"][2], rel=1e-4)


def test_the_power_law_meets_the_golden_fit_and_inverts_to_the_size_without_extrapolating():
    v = GOLDEN["learning_curve"]
    found = curve.fit_power_law(v["n"], v["f1"])
    assert v["model"] == "a - b*(n/1000)^(-c)"
    assert (found.a, found.b, found.c) == pytest.approx((v["a"], v["b"], v["c"]), rel=1e-6)
    assert found.se == pytest.approx(v["se"], rel=5e-5)
    assert found.sse <= v["sse"] * (1 + 1e-9) and found.sse == pytest.approx(v["sse"], rel=1e-6)
    for size in (165, 400, 5280):
        assert found.size(float(found.score(size)))[0] == pytest.approx(size, rel=1e-9)
    assert found.size(0.71) == (None, curve.BEYOND) and found.size(0.01) == (None, curve.BELOW)


def test_friedman_and_nemenyi_agree_with_scipy_and_scikit_posthocs():
    v = GOLDEN["friedman"]
    found = several.friedman(np.array(v["scores"]))
    assert found.ranks == pytest.approx(v["avg_ranks"], abs=1e-12)
    assert found.chi2 == pytest.approx(v["chi2_tie_corrected"], rel=1e-12)
    assert found.chi2_uncorrected == pytest.approx(v["chi2_no_tie_correction"], rel=1e-12)
    assert (found.p, found.f_p) == pytest.approx((v["p"], v["iman_davenport_p"]), rel=1e-9)
    assert found.f == pytest.approx(v["iman_davenport_F"], rel=1e-10)
    assert found.critical_difference == pytest.approx(v["critical_difference"], rel=1e-9)
    assert several.nemenyi_quantile(5) == pytest.approx(v["q_alpha_05"], rel=1e-9)
    for systems, q in v["demsar_q05"].items():
        assert several.nemenyi_quantile(int(systems)) == pytest.approx(q, rel=1e-8)
    assert several.nemenyi(found.ranks, len(v["scores"])) == pytest.approx(np.array(v["nemenyi_p"]), abs=1e-9)
    order = np.random.default_rng(1).permutation(8)
    again = several.friedman(np.array(v["scores"])[order])
    assert again.chi2 == pytest.approx(found.chi2) and again.ranks == pytest.approx(found.ranks)


def test_effect_sizes_agree_and_the_correction_is_the_exact_one():
    v, data = GOLDEN["effect_sizes"], GOLDEN["tost_paired"]
    x, y = np.array(data["x"]), np.array(data["y"])
    assert several.pooled_d(x, y) == pytest.approx(v["cohen_d_pooled"], abs=1e-12)
    assert several.paired_dz(x - y) == pytest.approx(v["cohen_dz_paired"], abs=1e-12)
    assert several.hedges_g(x, y) == pytest.approx(v["hedges_g"], abs=1e-12)
    assert several.hedges_correction(8) == pytest.approx(v["hedges_J_exact_df8"], abs=1e-12)
    assert several.cliffs_delta(x, y) == pytest.approx(v["cliffs_delta"], abs=1e-12)
    assert several.vargha_delaney(x, y) == pytest.approx(v["vargha_delaney_A12"], abs=1e-12)
    approximate = several.pooled_d(x, y) * (1 - 3 / (4 * 10 - 9))
    assert (
        approximate == pytest.approx(v["pingouin_hedges"], abs=1e-9) and v["hedges_J_approx"] != v["hedges_J_exact_df8"]
    )


def test_krippendorffs_alpha_agrees_and_missing_votes_do_not_count():
    v = GOLDEN["self_consistency"]
    assert several.krippendorff_alpha(v["votes_3_raters_8_items"]) == pytest.approx(
        v["krippendorff_alpha_nominal"], abs=1e-12
    )
    kept = [2 * sum(vote == 1 for vote in item) > sum(vote is not None for vote in item)
            for item in zip(*v["votes_3_raters_8_items"], strict=True)]  # fmt: skip
    assert kept == v["majority_keep"]


def test_the_published_gain_splits_into_the_published_shares():
    v = GOLDEN["decomposition"]
    volume, total = v["replication"] - v["real_only"], v["synthetic"] - v["real_only"]
    share = intervals.fieller([volume], [total])
    assert (volume, total) == pytest.approx((v["volume"], v["total"]), abs=1e-12)
    assert share.value == pytest.approx(v["volume_share"], abs=1e-12)
    assert 1 - share.value == pytest.approx(v["fidelity_share"], abs=1e-12)
    assert v["synthetic"] - v["best_baseline_implied"] == pytest.approx(v["vs_best_baseline"], abs=1e-12)


def test_every_golden_number_of_statistics_is_read_by_a_test():
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    unread = [key for key in GOLDEN if key != "_meta" and f'["{key}"]' not in sources]
    assert unread == []


POWERS = [(5, 0.02, 0.07), (5, 0.03, 0.30), (20, 0.02, 0.78), (20, 0.03, 0.99)]


@pytest.mark.parametrize(("n", "bound", "power"), POWERS)
def test_the_power_of_the_equivalence_test_at_a_spread_of_003_is_small_with_five_draws(n, bound, power):
    assert round(intervals.tost_power(n, 0.03, bound), 2) == pytest.approx(power, abs=0.011)


def test_power_of_the_t_test_agrees_with_the_noncentral_t_of_scipy():
    ours = intervals.t_power(8, 0.05, 0.04)
    shift, critical = 0.04 * math.sqrt(8) / 0.05, stats.t.ppf(0.975, 7)
    assert ours == pytest.approx(1 - (stats.nct.cdf(critical, 7, shift) - stats.nct.cdf(-critical, 7, shift)), abs=1e-4)
    assert intervals.t_power(8, 0.05, 0.0) == pytest.approx(0.05, abs=1e-4)
    assert intervals.t_power(5, 0.001, 0.02) == pytest.approx(1.0, abs=1e-6)
    assert intervals.t_power(1, 0.05, 0.04) is None
