"""Intervals against simulation: coverage, error rates and power within binomial error of what they claim."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from volfid.statistics import attribution, curve, intervals

FINITE = st.floats(-1, 1, allow_nan=False)


def binomial_error(rate: float, times: int, deviations: float = 4.0) -> float:
    return deviations * math.sqrt(rate * (1 - rate) / times)


@pytest.mark.parametrize("n", [3, 5])
def test_the_t_interval_covers_at_its_level_with_few_draws(n):
    times = 2000
    samples = np.random.default_rng(11).normal(0.03, 0.02, size=(times, n))
    found = [intervals.mean_interval(row) for row in samples]
    coverage = np.mean([e.low <= 0.03 <= e.high for e in found])
    assert abs(coverage - 0.95) < binomial_error(0.95, times)


def test_the_p_value_rejects_a_true_null_at_its_level():
    times = 2000
    samples = np.random.default_rng(12).normal(0, 0.02, size=(times, 5))
    rate = np.mean([intervals.mean_interval(row).p < 0.05 for row in samples])
    assert abs(rate - 0.05) < binomial_error(0.05, times)


def test_the_fieller_interval_covers_the_ratio_of_correlated_means():
    times, truth = 2000, 0.4
    rng = np.random.default_rng(13)
    shared, own = rng.normal(0, 0.02, (times, 5)), rng.normal(0, 0.02, (times, 5))
    bottom = 0.10 + shared
    top = truth * 0.10 + 0.5 * shared + own
    found = [intervals.fieller(a, b) for a, b in zip(top, bottom, strict=True)]
    inside = np.mean([e.low is None or e.low <= truth <= e.high for e in found])
    assert abs(inside - 0.95) < binomial_error(0.95, times)
    assert 0 < np.mean([e.low is not None for e in found]) <= 1


def test_an_unbounded_fieller_interval_says_so_and_has_null_limits():
    found = intervals.fieller([0.02, 0.03, 0.01], [0.05, -0.03, 0.01])
    assert found.value is not None and found.low is None and found.high is None
    assert "unbounded" in found.note


def test_a_share_of_a_gain_that_is_not_there_is_undefined():
    found = intervals.fieller([0.02, 0.03], [-0.05, -0.03])
    assert found.value is None and "not positive" in found.note


@given(hnp.arrays(float, (5,), elements=FINITE), st.floats(0.1, 10))
def test_the_fieller_interval_scales_with_the_numerator(top, factor):
    bottom = np.array([1.0, 1.1, 0.9, 1.05, 0.95])
    one, other = intervals.fieller(top, bottom), intervals.fieller(top * factor, bottom)
    assert other.value == pytest.approx(one.value * factor, abs=1e-9)
    assert (other.low, other.high) == pytest.approx((one.low * factor, one.high * factor), abs=1e-6)
    assert one.low - 1e-12 <= one.value <= one.high + 1e-12


@pytest.mark.parametrize(("n", "bound"), [(5, 0.03), (20, 0.02)])
def test_the_equivalence_test_has_its_power_at_zero_and_its_level_at_the_bound(n, bound):
    times = 600
    noise = np.random.default_rng(14).normal(0, 0.03, size=(times, n))
    power = np.mean([intervals.tost(row, bound).p < 0.05 for row in noise])
    assert abs(power - intervals.tost_power(n, 0.03, bound)) < binomial_error(max(power, 0.05), times)
    wrong = np.mean([intervals.tost(row + bound, bound).holds for row in noise])
    assert wrong <= 0.05 + binomial_error(0.05, times)


def test_as_many_draws_as_said_give_the_half_width_and_one_fewer_does_not():
    for spread, width in ((0.03, 0.01), (0.03, 0.02), (0.005, 0.02), (0.2, 0.01)):
        n = intervals.draws_needed(spread, width)

        def half(k: int, spread: float = spread) -> float:
            return intervals.t_quantile(k) * spread / math.sqrt(k)

        assert half(n) <= width and (n == 2 or half(n - 1) > width)
    assert intervals.draws_needed(50.0, 0.001) is None


# ---- worth --------------------------------------------------------------------------------

SIZES = (50, 100, 150, 200, 300)


def made_world(rng: np.random.Generator, draws: int, size: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Curves and scores of one run: log-linear truth, a deviation common to a draw, independent noise."""
    common = rng.normal(0, 0.02, (draws, 1))
    curves = 0.05 + 0.08 * np.log(np.array(SIZES)) + common + rng.normal(0, noise, (draws, len(SIZES)))
    scores = 0.05 + 0.08 * math.log(size) + common[:, 0] + rng.normal(0, noise, draws)
    return curves, scores


@pytest.mark.parametrize(("size", "noise"), [(140, 0.004), (140, 0.012), (100, 0.006)])
def test_the_worth_interval_covers_the_known_worth(size, noise):
    times = 600
    rng = np.random.default_rng(15)
    covered = 0
    for _ in range(times):
        found = curve.size_with_score(SIZES, *made_world(rng, 5, size, noise))
        covered += found.side == 0 and (found.low or 0) <= size <= (found.high or math.inf)
    assert covered / times >= 0.90


def test_the_worth_without_noise_is_the_truth():
    rng = np.random.default_rng(16)
    found = curve.size_with_score(SIZES, *made_world(rng, 4, 140, 1e-9))
    grid_step = (SIZES[-1] / SIZES[0]) ** (1 / 2000)
    # the truth is linear in log size, and the cubic through points of a line is the line
    assert found.size == pytest.approx(140, rel=grid_step - 1)
    assert found.low == pytest.approx(140, rel=2 * (grid_step - 1))


def test_a_score_outside_the_measured_curve_is_never_extrapolated():
    rng = np.random.default_rng(17)
    curves, scores = made_world(rng, 5, 140, 0.003)
    above, below = (curve.size_with_score(SIZES, curves, scores + shift) for shift in (0.5, -0.5))
    assert (above.size, above.low, above.high, above.side) == (None, None, None, 1)
    assert "beyond the curve" in above.note
    assert (below.size, below.low, below.high, below.side) == (None, None, None, -1)
    assert "below the smallest size" in below.note


def test_a_limit_that_reaches_the_end_of_the_curve_is_open():
    rng = np.random.default_rng(18)
    curves, scores = made_world(rng, 4, 290, 0.004)
    found = curve.size_with_score(SIZES, curves, scores)
    assert found.high is None and "beyond the curve" in found.note
    assert found.low is not None and found.low < 290


def test_curves_are_made_monotone_without_touching_monotone_ones():
    rising = np.array([[0.1, 0.2, 0.3]])
    assert curve.isotonic_curves(rising) == pytest.approx(rising)
    assert curve.isotonic_curves(np.array([[0.1, 0.3, 0.2]]))[0] == pytest.approx([0.1, 0.25, 0.25])


def test_between_sizes_a_bent_curve_is_followed_closer_than_by_straight_lines_and_never_overshot():
    sizes, between = np.array([24.0, 48, 96, 144]), np.array([34.0, 68, 117])
    rows = np.array([0.8 - 0.24 * (sizes / 1000) ** -0.3, 0.5 - 0.1 * (sizes / 1000) ** -0.5])
    truth = np.array([0.8 - 0.24 * (between / 1000) ** -0.3, 0.5 - 0.1 * (between / 1000) ** -0.5])
    found = curve.interpolate(sizes, rows, between)
    straight = np.stack([np.interp(np.log(between), np.log(sizes), row) for row in rows])
    assert (np.abs(found - truth) < 0.4 * np.abs(straight - truth)).all()
    flat = curve.interpolate(sizes, np.array([[0.1, 0.3, 0.3, 0.4]]), np.geomspace(24, 144, 50))
    assert (np.diff(flat[0]) >= -1e-12).all() and flat.max() <= 0.4


def test_two_sizes_are_joined_by_a_line_in_the_logarithm_of_the_size():
    middle = curve.interpolate([10, 1000], np.array([[0.0, 1.0]]), np.array([10.0, 100.0, 1000.0]))
    assert middle[0] == pytest.approx([0.0, 0.5, 1.0])


# ---- attribution --------------------------------------------------------------------------


def games(players: int) -> st.SearchStrategy:
    return hnp.arrays(float, (3, 1 << players), elements=FINITE)


@given(games(4))
def test_shapley_averages_and_dividends_sum_to_the_total(values):
    total = values[:, -1] - values[:, 0]
    assert attribution.shapley(values).sum(axis=1) == pytest.approx(total, abs=1e-9)
    assert attribution.dividends(values)[:, 1:].sum(axis=1) == pytest.approx(total, abs=1e-9)


@given(games(3))
def test_players_that_are_interchangeable_get_the_same_share(values):
    masks = np.arange(8)
    swapped = (masks & 0b100) | ((masks & 1) << 1) | ((masks >> 1) & 1)
    symmetric = (values + values[:, swapped]) / 2
    shares = attribution.shapley(symmetric)
    assert shares[:, 0] == pytest.approx(shares[:, 1], abs=1e-9)


@given(games(3))
def test_a_player_that_changes_nothing_gets_nothing(values):
    flat = values[:, np.arange(8) & 0b101]
    assert attribution.shapley(flat)[:, 1] == pytest.approx(np.zeros(3), abs=1e-9)


@settings(max_examples=30)
@given(games(4))
def test_the_shapley_average_is_the_mean_marginal_gain_over_all_orders(values):
    from itertools import permutations

    orders = list(permutations(range(4)))
    gains = np.zeros((3, 4))
    for order in orders:
        mask = 0
        for player in order:
            gains[:, player] += values[:, mask | 1 << player] - values[:, mask]
            mask |= 1 << player
    assert attribution.shapley(values) == pytest.approx(gains / len(orders), abs=1e-9)


def test_an_additive_game_has_no_interaction():
    effects = np.array([0.1, 0.03, 0.01, 0.12])
    bits = (np.arange(16)[:, None] >> np.arange(4)) & 1
    values = (0.2 + bits @ effects)[None, :]
    parts = attribution.dividends(values)[0]
    assert attribution.shapley(values)[0] == pytest.approx(effects)
    single = [1, 2, 4, 8]
    assert parts[single] == pytest.approx(effects)
    assert np.delete(parts, [0, *single]) == pytest.approx(np.zeros(11), abs=1e-12)
