"""The published figures taken apart: arithmetic against golden numbers, and nothing that is not computed."""

import json
import math
from pathlib import Path

import pytest
import statistics_world as world
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from volfid.core.exits import ConfigError
from volfid.statistics import correlation, intervals
from volfid.statistics.estimate import estimate
from volfid.statistics.published import arithmetic
from volfid.statistics.published.arithmetic import Printed, printed
from volfid.statistics.published.here import Run
from volfid.statistics.published.items import read_figures, take_apart

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = ROOT / "params" / "claims.yaml"
STATS, SAMPLING, METRICS = (
    json.loads((ROOT / "tests" / "golden" / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("stats", "sampling", "metrics")
)
EMPTY = Run([], [], [], [], {})


def taken(figures, run=EMPTY) -> dict:
    return {row["name"]: row for row in take_apart(figures, run)}


@pytest.fixture(scope="module")
def figures():
    return read_figures(CLAIMS)


def test_a_printed_figure_keeps_its_digits():
    assert printed("0.120") == Printed("0.120", 0.12, 0.0005)
    assert printed("-0.73").ends == pytest.approx((-0.735, -0.725)) and printed("1.00").half == 0.005
    assert printed("6.47").agrees(6.4651) and not printed("6.47").agrees(6.4755)
    for text in ("about 6", "nan", None):
        with pytest.raises(ConfigError, match="is not a number"):
            printed(text)


def test_fourteen_is_the_only_equal_size_and_nine_with_67_to_69_the_only_other_pairs(figures):
    v = STATS["published_z"]
    r1, r2, z = (printed(text) for text in ("0.95", "-0.73", "6.47"))
    n, low, high = arithmetic.equal_size(r1, r2, z)
    assert n == pytest.approx(v["n_equal_solution"], rel=1e-12)
    assert (low, high) == pytest.approx(v["n_equal_range_given_rounding"], rel=1e-12)
    assert math.floor(high) == math.ceil(low) == v["integer_n"]
    assert arithmetic.size_pairs(r1, r2, z) == [(9, 67), (9, 68), (9, 69), (14, 14)]
    row = taken(figures)["group_sizes"]
    assert "9 with 67 to 69" in row["statement"] and row["values"]["z"] == pytest.approx(v["z_at_14"], rel=1e-12)
    assert row["values"]["p"] == pytest.approx(v["p_at_14"], rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.1, 0.98), st.floats(-0.98, 0.05), st.integers(4, 40), st.integers(4, 40))
def test_size_pairs_are_those_of_trying_all_sizes(r1, r2, first, second):
    r1, r2 = printed(f"{r1:.2f}"), printed(f"{r2:.2f}")
    found = correlation.independent_difference(r1.value, first, r2.value, second)
    z = printed(f"{found.z:.2f}")
    pairs = [pair for pair in arithmetic.size_pairs(r1, r2, z) if pair[1] <= 60]
    tried = [
        (a, b)
        for a in range(4, 61)
        for b in range(a, 61)
        if z.agrees(correlation.independent_difference(r1.value, a, r2.value, b).z)
    ]
    assert pairs == tried and (min(first, second), max(first, second)) in pairs


def test_the_printed_interval_is_tanh_of_the_interval_of_z_and_not_one_of_the_difference(figures):
    v = STATS["published_z"]
    row = taken(figures)["interval"]
    assert row["group"] == "mislabelled" and row["values"]["fits"] == [14, 15, 16]
    assert (row["values"]["zou_low"], row["values"]["zou_high"]) == pytest.approx(v["zou95_at_14"], abs=1e-10)
    assert (row["values"]["tanh_low"], row["values"]["tanh_high"]) == pytest.approx(v["tanh_of_dz_ci"], abs=1e-12)
    assert row["values"]["r1_interval"] == pytest.approx(v["ci_r1"], abs=1e-12)
    assert row["values"]["r2_interval"] == pytest.approx(v["ci_r2"], abs=1e-12)
    assert "1.68 lies outside" in row["statement"] and "[1.262, 1.862]" in row["statement"]
    assert taken(figures)["tanh_identity"]["values"]["tanh_of_dz"] == pytest.approx(v["tanh_of_dz"], rel=1e-12)


def test_an_interval_that_holds_its_difference_is_not_called_mislabelled(figures):
    honest = {**figures, "correlation": {**figures["correlation"], "low": "1.26", "high": "1.86"}}
    row = taken(honest)["interval"]
    assert row["group"] == "follows" and "1.68 lies inside" in row["statement"]


def test_the_split_is_that_of_the_golden_decomposition(figures):
    v = STATS["decomposition"]
    rows = taken(figures)
    for name, key in (("volume", "volume"), ("content", "fidelity"), ("total", "total")):
        assert rows["split"]["values"][name] == pytest.approx(v[key], abs=1e-12)
    assert rows["split"]["values"]["volume_share"] == pytest.approx(v["volume_share"], abs=1e-12)
    assert rows["split"]["values"]["content_share"] == pytest.approx(v["fidelity_share"], abs=1e-12)
    assert rows["baseline"]["values"]["baseline"] == pytest.approx(v["best_baseline_implied"], abs=1e-12)
    assert "95.9 % and 4.1 %" in rows["split"]["statement"] and "0.483" in rows["baseline"]["statement"]
    assert rows["split"]["values"]["share_low"] < v["volume_share"] < rows["split"]["values"]["share_high"]


@settings(deadline=None)
@given(st.floats(0.001, 0.999))
def test_the_density_of_predict_all_gives_back_its_score(f1):
    p = arithmetic.predict_all_density(f1)
    assert 2 * p / (1 + p) == pytest.approx(f1, rel=1e-12)


def test_the_real_only_score_is_predict_all_at_four_labels_of_sixty_four(figures):
    values = taken(figures)["predict_all"]["values"]
    assert round(values["cardinality"], 1) == 4.1 and round(values["density"], 4) == 0.0638


def test_shares_never_drawn_and_updates_are_those_of_the_golden_vectors():
    for v in SAMPLING["replication_coverage"]:
        expected = pytest.approx(v["expected_fraction_never_drawn"], abs=1e-9)
        assert arithmetic.never_drawn(v["n"], v["draws"]) == expected
    for draws, v in METRICS["replication_unique"].items():
        if draws.isdigit():
            unique = 165 * (1 - arithmetic.never_drawn(165, int(draws)))
            assert unique == pytest.approx(v["expected_unique_docs"], rel=1e-9)
    for v in SAMPLING["step_budget"]:
        assert arithmetic.updates(v["rows"], v["batch"], v["epochs"]) == v["updates"]


@pytest.mark.parametrize("n", [3, 5, 20])
def test_the_largest_spread_is_the_edge_of_the_two_tests(n):
    gap, bound = 0.024, 0.03
    spread = arithmetic.largest_spread(gap, n)
    assert spread * intervals.t_quantile(n) / math.sqrt(n) == pytest.approx(gap)
    equal = arithmetic.largest_spread_equivalent(gap, bound, n)
    assert gap + equal * intervals.t_quantile(n, 0.90) / math.sqrt(n) == pytest.approx(bound)
    assert arithmetic.largest_spread_equivalent(gap, 0.02, n) is None


def test_runs_of_integers_are_told_as_runs():
    assert arithmetic.runs([67, 68, 69]) == "67 to 69" and arithmetic.runs([3, 5, 6]) == "3, 5 to 6"
    assert arithmetic.runs([]) == ""


def test_no_result_is_hard_coded(figures):
    """Other figures give other statements; nothing of the old ones stays."""
    other = {
        **figures,
        "scores": {**figures["scores"], "real_only": "0.210", "replication": "0.500", "synthetic": "0.610",
                   "over_baseline": "0.150"},
        "correlation": {**figures["correlation"], "r1": "0.80", "r2": "-0.50", "z": "4.00",
                        "low": "0.80", "high": "0.99"},
        "design": {**figures["design"], "real_documents": 200, "labels": 30, "generators": 4, "ratio": 5},
        "retrieval": {**figures["retrieval"], "relative_change": "-0.11"},
    }  # fmt: skip
    text = " ".join(f"{row['title']} {row['printed']} {row['statement']}" for row in take_apart(other, EMPTY))
    for old in (
        "0.120",
        "0.678",
        "0.702",
        "165",
        "64 labels",
        "13.99",
        "0.992",
        "1.68",
        "95.9",
        "0.483",
        "1,650",
        "26 %",
    ):
        assert old not in text, old
    for new in ("0.210", "0.460", "200 documents", "1:5", "72.5 %", "-11 %"):
        assert new in text, new


def test_every_item_has_a_group_a_source_and_this_run_or_the_reason_it_has_none(figures):
    cells = world.make_cells(draws=3)
    results = estimate(
        cells=cells, scores=world.make_scores(cells), fidelity=[], retrieval=[], plan=world.PLAN, corpus=world.CORPUS,
        status=world.STATUS, figures=figures,
    )  # fmt: skip
    rows = results.findings["published"]
    assert {row["group"] for row in rows} == {"follows", "mislabelled", "unknown"}
    for row in rows:
        assert row["from"] and row["statement"] and bool(row["here"]) != bool(row["not_here"])
    by_name = {row["name"]: row for row in rows}
    assert len(by_name) == len(rows)
    share = next(row for row in results.effects if row["effect"] == "volume_updates_share"
                 and (row["metric"], row["threshold"]) == ("f1_micro", "fixed_0.5"))  # fmt: skip
    assert f"{100 * share['estimate']:.1f} %" in by_name["updates"]["here"][-1]
    assert "n = 3 draws" in by_name["updates"]["here"][-1]
    assert "predict_all, 100 real: 0.095" in by_name["predict_all"]["here"][0]
    assert any("equivalence: power" in line for line in by_name["gap"]["here"])
    assert by_name["baseline"]["not_here"] == "no arm of this run is trained with focal loss"


def test_a_run_without_figures_of_its_own_says_so_for_every_item(figures):
    for row in take_apart(figures, EMPTY):
        assert row["here"] == [] and len(row["not_here"]) > 10


def test_the_smallest_regime_and_the_largest_m_stand_beside_the_published_figure(figures):
    places = [(100, 60), (50, 30), (50, 90)]
    cells = [world.make_cell(arm, draw, regime=n, added=m) for n, m in places for draw in range(2)
             for arm in ("R0", "R1", "Pd", "S")]  # fmt: skip
    cells = list({cell["cell_id"]: cell for cell in cells}.values())
    results = estimate(
        cells=cells, scores=world.make_scores(cells), fidelity=[], retrieval=[], plan=world.PLAN, corpus=world.CORPUS,
        status=world.STATUS, figures=figures,
    )  # fmt: skip
    row = next(row for row in results.findings["published"] if row["name"] == "updates")
    assert all("50 real + 90" in line for line in row["here"])


def test_claims_without_figures_take_nothing_apart_and_broken_figures_are_refused(tmp_path):
    loaded = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": loaded["claims"]}), encoding="utf-8")
    assert read_figures(path) is None
    del loaded["figures"]["scores"]["synthetic"]
    path.write_text(yaml.safe_dump(loaded), encoding="utf-8")
    with pytest.raises(ConfigError, match="scores lacks synthetic"):
        read_figures(path)
    loaded = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    loaded["figures"]["correlation"]["claim"] = "C1"
    path.write_text(yaml.safe_dump(loaded), encoding="utf-8")
    with pytest.raises(ConfigError, match="'C1' prints no correlations"):
        read_figures(path)
