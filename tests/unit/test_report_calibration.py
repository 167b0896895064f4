"""The section on what a run can decide: power from its own intervals, and the calibration's rates."""

import numpy as np
import pytest

from volfid.report import calibration
from volfid.report.inputs import ReportInputs
from volfid.statistics import intervals

SUMMARY = {
    "commit": "abc1234", "replicates": 400, "missed": [f"Sentence {number}." for number in range(8)],
    "rates": [
        {"classifier": "mlp", "draws": draws, "check": "coverage", "worlds": ["null"], "replicates": 400, "rate": rate,
         "low": rate - 0.02, "high": rate + 0.02, "expected": 0.95, "lowest": rate, "highest": rate, "not_held": 0,
         "rows": 1}
        for draws, rate in ((3, 0.93), (5, 0.95), (20, 0.96))
    ],
}  # fmt: skip


def effect_row(values: np.ndarray, name: str = "gain_tuned", classifier: str = "mlp") -> dict:
    found = intervals.mean_interval(values)
    return {
        "effect": name, "contrast": "St - Rt", "regime": 64, "added": 40, "generator": "fake", "method": "paraphrase",
        "classifier": classifier, "metric": "ap_micro", "estimate": found.value, "ci_low": found.low,
        "ci_high": found.high, "level": 0.95, "n": found.n,
    }  # fmt: skip


@pytest.mark.parametrize("n", [2, 3, 5, 20])
@pytest.mark.parametrize("spread", [0.002, 0.03, 0.2])
def test_the_power_is_that_of_the_statistics(n, spread):
    for difference in (0.01, 0.02, 0.05):
        expected = intervals.t_power(n, spread, difference)
        assert calibration.power(n, spread, difference) == pytest.approx(expected, abs=3e-3)


def test_the_spread_is_read_back_from_the_interval():
    values = np.array([0.01, 0.04, 0.02, 0.05, 0.00])
    assert calibration.spread_of(effect_row(values)) == pytest.approx(values.std(ddof=1))


def test_a_contrast_without_an_interval_has_no_power():
    row = effect_row(np.array([0.01])) | {"ci_low": None, "ci_high": None}
    flat = effect_row(np.full(5, 0.01))
    assert calibration.primary_rows([row, flat]) == []
    assert "not known" in calibration.power_table([]).empty


def test_the_tuned_gain_comes_before_the_fixed_one():
    values = np.array([0.01, 0.04, 0.02])
    rows = [effect_row(values, "synthetic_over_updates"), effect_row(values, "gain_tuned")]
    assert [row["effect"] for row in calibration.primary_rows(rows)] == ["gain_tuned"]
    assert calibration.power_table(rows[1:]).rows[0][5] == "3"


def test_the_rates_cited_are_those_nearest_to_the_draws_of_the_run():
    rows = [effect_row(np.array([0.01, 0.04, 0.02, 0.05, 0.00, 0.01]))]
    lead, said = calibration.sentences(SUMMARY, rows)
    assert "abc1234" in lead and "400" in lead
    assert "95" in said and "5 draws" in said and "400" in said


def test_what_did_not_hold_is_cut_with_its_count():
    inputs = ReportInputs(calibration=SUMMARY)
    found = calibration.section(inputs)
    assert found["missed"][0] == "Sentence 0." and found["missed"][-1].startswith("2 further")


def test_a_version_without_calibration_says_so(tmp_path):
    assert calibration.read_calibration(tmp_path) == {}
    assert "make calibrate" in calibration.sentences({}, [])[0]
