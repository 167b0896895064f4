"""Means of figures between 0 and 1: their intervals stay inside, cover, and are absent at the bounds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from volfid.core.bounded import is_share, logit_limits
from volfid.report.means import mean_over_draws
from volfid.report.table import mean_words, value_and_interval
from volfid.statistics import further_scores, intervals
from volfid.statistics.table import ENCODER_SIDE, MEASURES

shares = st.lists(st.floats(0, 1), min_size=2, max_size=25)


@given(shares)
@settings(max_examples=300, deadline=None)
def test_the_interval_lies_inside_and_holds_the_mean(values):
    found = intervals.single_mean(values, "subset_accuracy")
    seen = mean_over_draws({draw: [value] for draw, value in enumerate(values)}, figure="subset_accuracy")
    assert found.value == pytest.approx(np.mean(values)) and found.p is None
    if found.low is None:
        assert min(found.value, 1 - found.value) <= 1e-12 and "undefined" in found.note and seen.low is None
        return
    assert 0 < found.low <= found.value <= found.high < 1
    assert (seen.low, seen.high) == pytest.approx((found.low, found.high), abs=1e-9)
    mirrored = intervals.single_mean([1 - value for value in values], "subset_accuracy")
    if mirrored.low is not None and 1e-6 < found.value < 1 - 1e-6:
        assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high), abs=1e-6)


def test_the_limits_are_those_of_the_delta_method_by_hand():
    values = np.array([0.41, 0.47, 0.52, 0.44, 0.5])
    mean, error = values.mean(), stats.sem(values)
    middle, half = math.log(mean / (1 - mean)), stats.t.ppf(0.975, 4) * error / (mean * (1 - mean))
    expected = [1 / (1 + math.exp(-x)) for x in (middle - half, middle + half)]
    found = intervals.single_mean(values, "ap_micro")
    assert [found.low, found.high] == pytest.approx(expected, abs=1e-12)
    assert found.interval == intervals.LOGIT_INTERVAL and found.spread == pytest.approx(values.std(ddof=1))
    plain = intervals.mean_interval(values)
    assert [found.low, found.high] == pytest.approx([plain.low, plain.high], abs=0.005)  # in the middle they agree


def test_limits_beyond_the_bounds_are_gone():
    low, high = [0, 0.01, 0.06, 0, 0], [1, 1, 0.95, 1, 1]
    assert intervals.mean_interval(low).low < 0 and intervals.mean_interval(high).high > 1
    assert intervals.single_mean(low, "subset_accuracy").low > 0
    assert intervals.single_mean(high, "precision_micro").high < 1


@pytest.mark.parametrize("bound", [0.0, 1.0])
def test_a_mean_at_a_bound_has_no_interval_and_says_why(bound):
    found = intervals.single_mean([bound] * 5, "recall_micro")
    assert (found.value, found.low, found.high, found.interval) == (bound, None, None, "none")
    assert f"every draw is {bound:.0f}" in found.note
    seen = mean_over_draws({draw: [bound] for draw in range(5)}, figure="mrr_at_100")
    assert (seen.value, seen.low, seen.n) == (bound, None, 5) and "undefined" in seen.note
    assert mean_words(seen) == f"{bound:.3f} no interval (every draw is {bound:.0f})"
    assert value_and_interval(found.value, found.low, found.high, 2, f"{found.note}; more") == (
        f"{bound:.2f} no interval (every draw is {bound:.0f})"
    )


def test_a_mean_that_is_a_bound_but_for_rounding_does_not_say_that_every_draw_is():
    for values in ([1e-320, 0, 0], [1e-14, 0, 0]):
        found = intervals.single_mean(values, "ap_micro")
        seen = mean_over_draws({draw: [value] for draw, value in enumerate(values)}, figure="ap_micro")
        assert found.low is None and found.note.startswith("the mean is 0 but for rounding") and seen.note == found.note
        assert mean_words(seen) == "0.000 no interval (the mean is 0 but for rounding)"


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_has_no_limits(odd):
    assert (
        logit_limits(0.5, odd, 2) is None and logit_limits(0.5, 0.1, odd) is None and logit_limits(odd, 0.1, 2) is None
    )
    for by_draw in ({0: [odd], 1: [0.5]}, {0: [odd]}, {0: [0.5, odd], 1: [0.5], 2: [0.5]}):
        for figure in (None, "ap_micro"):
            seen = mean_over_draws(by_draw, None, figure)
            assert (seen.value, seen.low, seen.high, seen.note) == (None, None, None, "a value is not a number")


def test_draws_without_spread_inside_the_bounds_keep_their_point_and_one_draw_has_none():
    found = intervals.single_mean([0.4, 0.4, 0.4], "f1_micro")
    assert (found.low, found.high) == pytest.approx((0.4, 0.4)) and "no spread" in found.note
    assert intervals.single_mean([0.4], "f1_micro").low is None
    assert intervals.single_mean([], "f1_micro").value is None


@pytest.mark.parametrize("metric", ["coverage", "dcg_at_10", "frechet_text", "mmd2_text_unbiased"])
def test_figures_without_bounds_keep_the_plain_interval(metric):
    values = [0.0, 0.1, 0.02, 0.5]
    plain = intervals.mean_interval(values, test=False)
    assert intervals.single_mean(values, metric) == plain and plain.low < 0
    seen = mean_over_draws({draw: [value] for draw, value in enumerate(values)}, figure=metric)
    assert (seen.low, seen.high) == pytest.approx((plain.low, plain.high))


def test_differences_are_not_cut():
    values = np.array([0.9, -0.9, 0.95, -0.2])
    found = intervals.mean_interval(values)
    assert found.low < -1 < 1 < found.high and found.interval == intervals.T_INTERVAL


@pytest.mark.parametrize(("mean", "draws"), [(0.05, 5), (0.3, 5), (0.9, 10), (0.98, 20)])
def test_it_covers_what_it_says(mean, draws):
    """Draws from a beta law whose spread is that of a score over draws."""
    rng = np.random.default_rng(int(1000 * mean) + draws)
    strength = 200
    values = rng.beta(mean * strength, (1 - mean) * strength, size=(4000, draws))
    quantile = stats.t.ppf(0.975, draws - 1)
    means, errors = values.mean(axis=1), values.std(axis=1, ddof=1) / np.sqrt(draws)
    found = np.array([logit_limits(m, e, quantile) for m, e in zip(means, errors, strict=True)])
    assert np.mean((found[:, 0] <= mean) & (mean <= found[:, 1])) == pytest.approx(0.95, abs=0.02)


def test_every_score_that_is_averaged_is_known_as_bounded_or_not():
    free = {"coverage", "labels_never_predicted", "labels_own_threshold", "cardinality_predicted"}
    for metric, _ in (*MEASURES, ENCODER_SIDE, *further_scores.FURTHER):
        assert is_share(metric) == (metric not in free), metric
    for metric in ("ndcg_at_10", "mrr_at_100", "hub_share_at_10", "containment_8gram_share", "mauve", "distinct_2"):
        assert is_share(metric)
    for metric in ("hubness_skewness_at_10", "queries_without_gain", "manifold_density", "lift_spearman", None):
        assert not is_share(metric)
