"""Tests with the generator as the unit, against golden numbers, enumeration and simulation."""

import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import statistics_world as world
from test_statistics_association import GENERATORS, made_run
from test_statistics_effects import run

from volfid.statistics import clustered, correlation, mixed
from volfid.statistics.clustered import FIXED, Paired

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "stats.json").read_text(encoding="utf-8"))
CLUSTERED = GOLDEN["clustered_delta_r"]


def golden_pairs() -> Paired:
    low, high = CLUSTERED["regime_low"], CLUSTERED["regime_high"]
    return Paired(
        np.array([low["mmd"], high["mmd"]]), np.array([low["f1"], high["f1"]]), np.array(CLUSTERED["llm"])
    )  # fmt: skip


def shuffled(data: Paired, seed: int = 3) -> Paired:
    order = np.random.default_rng(seed).permutation(len(data.cluster))
    names = np.array([4, 0, 5, 2, 1, 3])
    return Paired(data.x[:, order], data.y[:, order], names[data.cluster[order]])


# ---- the golden numbers -------------------------------------------------------------------


def test_r_of_both_regimes_and_the_tests_for_independent_and_shared_conditions_are_the_golden_ones():
    data = golden_pairs()
    r1, r2 = (correlation.pearson(x, y) for x, y in zip(data.x, data.y, strict=True))
    assert (r1, r2) == pytest.approx((CLUSTERED["regime_low"]["r"], CLUSTERED["regime_high"]["r"]), abs=1e-12)
    n = len(data.cluster)
    plain = correlation.independent_difference(r1, n, r2, n)
    assert plain.delta == pytest.approx(CLUSTERED["delta_r"], abs=1e-12)
    assert plain.z == pytest.approx(CLUSTERED["fisher_z_naive"], rel=1e-10)
    assert (plain.low, plain.high) == pytest.approx(CLUSTERED["zou95_independent"], abs=1e-10)
    a, b, c, d = data.x[0], data.y[0], data.x[1], data.y[1]
    cross = [correlation.pearson(*pair) for pair in ((a, c), (a, d), (b, c), (b, d))]
    found = correlation.dependent_difference(r1, r2, *cross, n)
    expected = CLUSTERED["dependent_nonoverlap"]
    assert found.dunn_clark_z == pytest.approx(expected["dunn_clark_z"], abs=1e-10)
    assert found.steiger_z == pytest.approx(expected["steiger_z"], abs=1e-10)
    assert found.corr_of_r == pytest.approx(expected["corr_of_r"], abs=1e-12)
    assert (found.low, found.high) == pytest.approx(expected["zou"], abs=1e-10)


def test_the_exact_cluster_bootstrap_has_the_golden_interval_whatever_the_order_of_rows():
    expected = CLUSTERED["cluster_bootstrap_exact"]
    for data in (golden_pairs(), shuffled(golden_pairs())):
        r, slope = clustered.cluster_bootstrap(data)
        assert r.exact and r.resamples == expected["distinct_multisets"]
        assert r.delta == pytest.approx(CLUSTERED["delta_r"], abs=1e-12)
        assert r.plain == pytest.approx(expected["percentile95"], abs=1e-10)
        assert r.calibrated[0] < r.plain[0] and r.plain[1] < r.calibrated[1] <= 2
        slopes = [np.polyfit(x, y, 1)[0] for x, y in zip(data.x, data.y, strict=True)]
        assert slope.delta == pytest.approx(slopes[0] - slopes[1], abs=1e-10)
        assert slope.calibrated[0] > 0


def test_the_regime_swap_has_the_golden_p_which_is_its_floor():
    for data in (golden_pairs(), shuffled(golden_pairs())):
        found = clustered.regime_swap(data)
        assert found.arrangements == CLUSTERED["exact_regime_swap_arrangements"]
        assert found.p == found.floor == CLUSTERED["exact_regime_swap_p"]
        assert found.delta == pytest.approx(CLUSTERED["delta_r"], abs=1e-12)


def test_the_mixed_model_agrees_with_lme4_and_statsmodels():
    expected, tolerance = CLUSTERED["mixed_model"], 3e-6
    for data in (golden_pairs(), shuffled(golden_pairs())):
        design = mixed.regime_design(data.x, ["one"] * data.x.shape[1])
        found = mixed.fit_mixed(design, data.y.ravel(), np.tile(data.cluster, 2))
        assert found.beta == pytest.approx(list(expected["fixef"].values()), rel=tolerance)
        assert found.se == pytest.approx(list(expected["se"].values()), rel=tolerance)
        assert found.var_cluster == pytest.approx(expected["var_llm"], rel=1e-5)
        assert found.var_residual == pytest.approx(expected["var_resid"], rel=1e-5)
        assert found.loglik == pytest.approx(expected["reml_loglik"], abs=1e-8)
        assert found.degrees == 15 and not found.boundary and found.p(3) < 1e-6


# ---- against enumeration ------------------------------------------------------------------


@pytest.mark.parametrize("clusters", [2, 3, 4, 5])
def test_the_multisets_are_all_resamples_with_their_multinomial_probabilities(clusters):
    counts, weights = clustered.multisets(clusters)
    drawn: dict[tuple, int] = {}
    for chosen in product(range(clusters), repeat=clusters):
        row = tuple(np.bincount(chosen, minlength=clusters))
        if np.count_nonzero(row) > 1:
            drawn[row] = drawn.get(row, 0) + 1
    total = sum(drawn.values())
    assert {tuple(row): w for row, w in zip(counts.tolist(), weights, strict=True)} == pytest.approx(
        {row: count / total for row, count in drawn.items()}
    )


def test_a_weighted_resample_is_the_correlation_of_the_repeated_rows():
    data = golden_pairs()
    counts, _ = clustered.multisets(6)
    weights = counts[100][data.cluster]
    r, slope = clustered._moments(data.x[0], data.y[0], weights[None, :].astype(float))
    x, y = np.repeat(data.x[0], weights), np.repeat(data.y[0], weights)
    assert r[0] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-10)
    assert slope[0] == pytest.approx(np.polyfit(x, y, 1)[0], abs=1e-10)


def test_the_weighted_quantile_is_the_smallest_value_that_reaches_the_share():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([0.2, 0.5, 0.3])
    assert [clustered.weighted_quantile(values, weights, q) for q in (0.0, 0.5, 0.51, 0.8, 0.81, 1.0)] == [
        1, 1, 2, 2, 3, 3
    ]  # fmt: skip


def test_controls_without_a_generator_stand_in_every_resample():
    data = golden_pairs()
    controls = Paired(
        np.hstack([data.x, [[0.0, 0.01], [0.0, 0.01]]]), np.hstack([data.y, [[0.1, 0.6], [0.1, 0.6]]]),
        np.append(data.cluster, [FIXED, FIXED]),
    )  # fmt: skip
    r, _ = clustered.cluster_bootstrap(controls)
    kept = [correlation.pearson(x, y) for x, y in zip(controls.x, controls.y, strict=True)]
    assert controls.clusters == 6 and r.delta == pytest.approx(kept[0] - kept[1])
    assert r.plain[0] <= r.delta <= r.plain[1]


def test_many_generators_are_sampled_and_agree_with_enumeration():
    rng = np.random.default_rng(6)
    data = made_pairs(rng, 8, 0.5, (0.8, -0.5))
    exact, _ = clustered.cluster_bootstrap(data)
    more = Paired(data.x, data.y, data.cluster)
    counts, weights = clustered.drawn_multisets(8, rng)
    assert len(counts) == len(weights) and counts.sum(axis=1).tolist() == [8] * len(counts)
    big = made_pairs(rng, 12, 0.5, (0.8, -0.5))
    with pytest.raises(ValueError, match="cannot be enumerated"):
        clustered.cluster_bootstrap(big)
    sampled, _ = clustered.cluster_bootstrap(big, rng)
    assert not sampled.exact and sampled.plain[0] < sampled.delta < sampled.plain[1]
    assert exact.exact and more.clusters == 8


def test_a_swap_with_many_generators_is_drawn_and_never_gives_zero():
    rng = np.random.default_rng(7)
    big = made_pairs(rng, 16, 0.3, (0.9, -0.9))
    with pytest.raises(ValueError, match="cannot be enumerated"):
        clustered.regime_swap(big)
    found = clustered.regime_swap(big, rng)
    assert not found.exact and 1 / clustered.RESAMPLES <= found.p < 0.01


# ---- against simulation -------------------------------------------------------------------


def made_pairs(rng: np.random.Generator, clusters: int, icc: float, rho: tuple[float, float]) -> Paired:
    """Two methods a generator; generator and residual parts have the regime's correlation, so r is rho."""
    x, y = [], []
    for r in rho:
        root = np.linalg.cholesky([[1, r], [r, 1]])
        common, own = rng.normal(size=(clusters, 1, 2)), rng.normal(size=(clusters, 2, 2))
        z = (math.sqrt(icc) * common + math.sqrt(1 - icc) * own) @ root.T
        x.append(z[..., 0].ravel())
        y.append(z[..., 1].ravel())
    return Paired(np.array(x), np.array(y), np.repeat(np.arange(clusters), 2))


def test_with_six_generators_the_plain_interval_covers_too_little_and_the_expanded_one_its_level():
    times, rng, truth = 600, np.random.default_rng(8), (0.8, -0.5)
    plain = expanded = 0
    for index in range(times):
        r, _ = clustered.cluster_bootstrap(made_pairs(rng, 6, (0.1, 0.5)[index % 2], truth))
        plain += r.plain[0] <= 1.3 <= r.plain[1]
        expanded += r.calibrated[0] <= 1.3 <= r.calibrated[1]
    error = 3 * math.sqrt(0.95 * 0.05 / times)
    assert plain / times < 0.95 - error / 2
    assert 0.95 - error < expanded / times <= 0.99


def test_the_regime_swap_keeps_its_level_where_fishers_z_does_not():
    times, rng = 1000, np.random.default_rng(9)
    swap = fisher = 0
    for _ in range(times):
        data = made_pairs(rng, 7, 0.9, (0.0, 0.0))
        swap += clustered.regime_swap(data).p <= 0.05
        r = [correlation.pearson(x, y) for x, y in zip(data.x, data.y, strict=True)]
        fisher += correlation.independent_difference(r[0], 14, r[1], 14).p < 0.05
    assert swap / times < 0.05 + 3 * math.sqrt(0.05 * 0.95 / times)
    assert fisher / times > 0.10


def fisher_error(rng: np.random.Generator, times: int, icc: float, same: bool) -> float:
    """Rate of Fisher's z below .05 when both r are zero: 7 generators x 2 methods, one effect of a generator."""
    parts = []
    common = rng.normal(size=(times, 7, 1, 2))
    for _ in range(2):
        effect = common if same else rng.normal(size=(times, 7, 1, 2))
        z = math.sqrt(icc) * effect + math.sqrt(1 - icc) * rng.normal(size=(times, 7, 2, 2))
        z = z.reshape(times, 14, 2) - z.reshape(times, 14, 2).mean(axis=1, keepdims=True)
        parts.append((z[..., 0] * z[..., 1]).sum(1) / np.sqrt((z[..., 0] ** 2).sum(1) * (z[..., 1] ** 2).sum(1)))
    z = (np.arctanh(parts[0]) - np.arctanh(parts[1])) / math.sqrt(2 / 11)
    return float(np.mean(np.abs(z) > 1.959963984540054))


@pytest.mark.parametrize(
    ("key", "icc", "same"),
    [("iid", 0.0, False), ("icc_05_independent_regimes", 0.5, False), ("icc_09_independent_regimes", 0.9, False),
     ("icc_05_same_generators_both_regimes", 0.5, True), ("icc_09_same_generators_both_regimes", 0.9, True)],
)  # fmt: skip
def test_fishers_z_errs_in_both_directions_as_the_golden_simulation_says(key, icc, same):
    expected, times = GOLDEN["fisher_z_type1_simulation"], 20000
    assert "7 generators x 2 methods" in expected["design"]
    rate = fisher_error(np.random.default_rng(10), times, icc, same)
    error = math.sqrt(expected[key] * (1 - expected[key]) * (1 / times + 1 / expected["R"]))
    assert abs(rate - expected[key]) < 4 * error


# ---- the mixed model ----------------------------------------------------------------------


def test_without_generator_variance_the_mixed_model_is_least_squares():
    rng = np.random.default_rng(11)
    x = np.stack([np.ones(24), rng.normal(size=24)], axis=1)
    cluster = np.repeat(np.arange(6), 4)
    noise = rng.normal(size=24)
    noise -= np.repeat(noise.reshape(6, 4).mean(axis=1), 4)  # no spread between generators at all
    y = x @ [1.0, 2.0] + noise
    found = mixed.fit_mixed(x, y, cluster)
    assert found.boundary and found.var_cluster == 0
    assert found.beta == pytest.approx(np.linalg.lstsq(x, y, rcond=None)[0])


def test_a_model_that_cannot_be_fitted_is_none():
    cluster = np.repeat(np.arange(3), 2)
    x = np.ones((6, 2))
    assert mixed.fit_mixed(x, np.arange(6.0), cluster) is None
    exact = np.stack([np.ones(6), np.arange(6.0)], axis=1)
    assert mixed.fit_mixed(exact, 3 * np.arange(6.0) + 1, cluster) is None
    wide = np.random.default_rng(1).normal(size=(6, 4))
    assert mixed.fit_mixed(wide, np.arange(6.0), cluster) is None


# ---- as effects ---------------------------------------------------------------------------


def cluster_effects(results, scope="without controls", outcome="score"):
    named = ("delta_r_cluster", "delta_slope_cluster", "regime_swap", "mixed_model_interaction")
    tail = f"mmd2_label_parent, {outcome}, {scope}"
    return {r["effect"]: r for r in results.effects if r["effect"] in named and r["contrast"].endswith(tail)}


def test_a_turn_of_the_slope_is_seen_with_the_generator_as_the_unit():
    found = cluster_effects(run(*made_run(noise=0.003)))
    assert len(found) == 4 and {row["unit"] for row in found.values()} == {"generators"}
    assert {row["n"] for row in found.values()} == {len(GENERATORS)}
    for name in ("delta_r_cluster", "delta_slope_cluster", "mixed_model_interaction"):
        assert found[name]["verdict"] == "positive", name
    slope = found["delta_slope_cluster"]
    assert slope["ci_low"] < 1.0 < slope["ci_high"] and slope["estimate"] == pytest.approx(1.0, abs=0.15)
    assert found["mixed_model_interaction"]["estimate"] == pytest.approx(1.0, abs=0.15)
    swap = found["regime_swap"]
    assert swap["p"] == 0.125 and "no p below 0.125 is possible" in swap["note"] and swap["verdict"] == "value"


def test_controls_are_kept_fixed_in_a_variant_of_the_bootstrap_only():
    found = cluster_effects(run(*made_run(noise=0.003)), scope="all")
    assert set(found) == {"delta_r_cluster", "delta_slope_cluster"}


@pytest.mark.parametrize(("generators", "words"), [(1, "1 generators"), (2, "2 generators"), (3, None)])
def test_few_generators_give_a_reason_and_three_no_interval(generators, words):
    cells, scores, fidelity = made_run(noise=0.003)
    kept = [c for c in cells if c["generator"] in (None, *GENERATORS[:generators])]
    ids, sets = {c["cell_id"] for c in kept}, {c["trainset_id"] for c in kept}
    results = run(
        kept, [s for s in scores if s["cell_id"] in ids], [f for f in fidelity if f["trainset_id"] in sets]
    )  # fmt: skip
    for name, row in cluster_effects(results).items():
        if words:
            assert row["estimate"] is None and words in row["note"] and row["verdict"] == "undefined"
        elif name.startswith("delta"):
            assert row["estimate"] is not None and row["ci_low"] is None and "70 %" in row["note"]


def test_the_order_of_rows_changes_nothing():
    cells, scores, fidelity = made_run(noise=0.003)
    rng = np.random.default_rng(14)
    mixed_up = [[rows[i] for i in rng.permutation(len(rows))] for rows in (cells, scores, fidelity)]
    one, other = run(cells, scores, fidelity), run(*mixed_up)
    assert one.effects == other.effects and one.correlations == other.correlations and one.findings == other.findings


def test_an_outcome_without_spread_has_no_test_and_says_so():
    cells, scores, fidelity = made_run()
    flat = [{**s, "value": 0.5} for s in scores]
    for row in cluster_effects(run(cells, flat, fidelity)).values():
        assert row["estimate"] is None and "same in all conditions" in row["note"]


def test_one_regime_has_nothing_to_compare():
    cells, scores, fidelity = made_run()
    kept = {c["cell_id"] for c in cells if c["regime"] == 100}
    rows = run([c for c in cells if c["cell_id"] in kept], [s for s in scores if s["cell_id"] in kept], fidelity)
    assert cluster_effects(rows) == {}


# ---- correlations within a regime ---------------------------------------------------------


def test_method_means_are_taken_off_before_pooling_and_two_methods_have_no_r_between_them():
    cells, scores, fidelity = made_run()
    shifted = {c["cell_id"] for c in cells if c["method"] == "paraphrase"}
    far = {c["trainset_id"] for c in cells if c["method"] == "paraphrase"}
    for row in scores:
        row["value"] += 0.5 * (row["cell_id"] in shifted)
    for row in fidelity:
        row["value"] += 0.5 * (row["trainset_id"] in far)
    rows = {r["scope"]: r for r in run(cells, scores, fidelity).correlations
            if r["regime"] == 300 and r["outcome"] == "score"}  # fmt: skip
    assert rows["without controls"]["r"] > 0.9 and rows["within methods, pooled"]["r"] < -0.99
    assert rows["within methods, pooled"]["n"] == 8
    assert rows["between methods"]["r"] is None and "2 methods" in rows["between methods"]["note"]


def test_partial_correlations_take_off_what_size_alone_explains():
    rng = np.random.default_rng(12)
    size = rng.normal(size=200)
    x, y = size + 0.3 * rng.normal(size=200), size + 0.3 * rng.normal(size=200)
    assert correlation.pearson(x, y) > 0.85
    r, reason = correlation.partial(x, y, size)
    assert abs(r) < 0.2 and reason is None
    residual = [v - np.polyval(np.polyfit(size, v, 1), size) for v in (x, y)]
    assert r == pytest.approx(correlation.pearson(*residual), abs=1e-9)


def test_a_partial_correlation_without_spread_or_freedom_has_a_reason():
    x, y = np.array([1.0, 2, 3, 4, 6]), np.array([2.0, 1, 4, 3, 5])
    assert correlation.partial(x, y, np.ones(5)) == (None, "it does not vary")
    assert correlation.partial(x, y, 2 * x)[1] == "it gives one of the two exactly"
    assert "at least 5" in correlation.partial(x[:4], y[:4], y[:4])[1]
    row = next(r for r in run(*made_run()).correlations if r["scope"] == "within paraphrase")
    assert row["r_given_size"] is None and "no r given size" in row["note"]


def test_unique_documents_of_the_scores_enter_a_partial_correlation():
    cells, scores, fidelity = made_run(noise=0.01)
    rng = np.random.default_rng(13)
    counted = [dict(world.score_row(c, "unique_documents", "none", float(rng.integers(90, 160)))) for c in cells]
    rows = run(cells, scores + counted, fidelity).correlations
    row = next(r for r in rows if r["scope"] == "without controls" and r["regime"] == 100)
    assert row["r_given_unique"] is not None and abs(row["r_given_unique"]) <= 1
    assert row["kendall"] is not None and row["theil_sen"] == pytest.approx(0.5, abs=0.3)
    assert row["r_lowest_left_out"] <= row["r"] <= row["r_highest_left_out"]


def test_the_theil_sen_slope_is_not_moved_by_one_outlier():
    x = np.arange(9.0)
    y = 2 * x
    y[4] = 100
    assert correlation.theil_sen(x, y) == pytest.approx(2.0)
