"""The stopping rule: levels, decisions, and its error rates against simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from volfid.core.exits import ParameterError
from volfid.statistics.sequential import decide, levels


def test_the_errors_of_all_looks_sum_to_alpha_in_proportion_to_their_draws():
    found = levels((5, 10, 20), 0.05)
    assert sum(1 - level for level in found) == pytest.approx(0.05)
    assert [1 - level for level in found] == pytest.approx([0.05 / 7, 0.10 / 7, 0.20 / 7])


def test_one_look_is_the_plain_t_interval():
    values = np.array([0.01, 0.03, 0.02, 0.04, 0.05])
    found = decide(values, looks=(5,))
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    assert (found.low, found.high, found.level) == pytest.approx((low, high, 0.95))
    assert (found.verdict, found.draws) == ("positive", 5)


def test_a_clear_difference_stops_at_the_first_look_and_its_sign_is_kept():
    values = np.linspace(0.09, 0.11, 20)
    assert (decide(values).verdict, decide(values).draws) == ("positive", 5)
    assert (decide(-values).verdict, decide(-values).draws) == ("negative", 5)


def test_a_small_spread_around_zero_is_equivalent_only_with_a_margin():
    values = np.array([0.001, -0.001] * 10)
    assert decide(values, margin=0.02).verdict == "equivalent"
    assert (decide(values).verdict, decide(values).draws) == ("cannot decide", 20)


def test_draws_between_looks_are_not_read():
    values = np.array([1.0, -1.0, 1.0, -1.0, 0.5, 100, 100, 100])
    found = decide(values)
    assert (found.draws, found.verdict) == (5, "cannot decide")
    few = decide(values[:4])
    assert (few.low, few.verdict) == (None, "cannot decide") and "first look" in few.note


def test_values_without_spread_are_decided_by_their_mean():
    assert decide(np.full(5, 0.1)).verdict == "positive"
    assert decide(np.zeros(5), margin=0.01).verdict == "equivalent"


@pytest.mark.parametrize("looks", [(), (1, 5), (5, 5), (10, 5)])
def test_looks_that_do_not_rise_are_refused(looks):
    with pytest.raises(ParameterError):
        levels(looks)


@pytest.mark.parametrize(("arguments"), [{"alpha": 0.0}, {"margin": 0.0}])
def test_an_error_or_a_margin_of_nothing_is_refused(arguments):
    with pytest.raises(ParameterError):
        decide(np.zeros(5), **arguments)


def test_the_error_under_no_difference_stays_below_alpha_and_above_that_of_the_last_look_alone():
    times = 4000
    rows = np.random.default_rng(31).normal(0, 0.02, (times, 20))
    wrong = np.mean([decide(row).verdict in ("positive", "negative") for row in rows])
    assert wrong <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / times)
    assert wrong > 0.05 * 20 / 35 - 4 * math.sqrt(0.03 / times)


def test_equivalence_at_the_margin_itself_is_called_with_no_more_than_alpha():
    times = 2000
    rows = np.random.default_rng(32).normal(0.02, 0.02, (times, 20))
    wrong = np.mean([decide(row, margin=0.02).verdict == "equivalent" for row in rows])
    assert wrong <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / times)
