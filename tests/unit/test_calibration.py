"""The calibration: worlds have the mechanism they name, and the instrument's rates stay inside binomial bounds."""

import math
from dataclasses import replace

import numpy as np
import pytest

from volfid.calibration import checks, confusion, experiments, rates, replicate, summary, worlds
from volfid.calibration.catalogue import WORLDS, world
from volfid.calibration.measure import measure
from volfid.calibration.page import csv_text, page
from volfid.core.exits import DataError, ParameterError
from volfid.core.schemas import CONTRACTS
from volfid.statistics.attribution import PLAYERS, corners, shapley

DRAWS = 200  # 40 experiments of five draws
SEED = 5


def bounds(rate: float, times: int, deviations: float = 4.0) -> tuple[float, float]:
    half = deviations * math.sqrt(rate * (1 - rate) / times)
    return rate - half, rate + half


def scored(name: str, classifier: str = "linear", draws: int = DRAWS) -> experiments.Scored:
    columns = replicate.score_columns(world(name), classifier, SEED, range(draws))
    return experiments.collect(world(name), classifier, columns)


@pytest.fixture(scope="module")
def null():
    return scored("null")


@pytest.fixture(scope="module")
def steps():
    return scored("steps", draws=100)


@pytest.fixture(scope="module")
def content():
    return scored("content", draws=120)


def shapley_means(found: experiments.Scored) -> dict[str, float]:
    players = PLAYERS[:3]
    values = np.stack([found.values[arm, "ap_micro", "none"] for arm, _ in corners(players)], axis=1)
    return dict(zip(players, shapley(values).mean(axis=0).tolist(), strict=True))


def test_the_world_of_steps_gains_by_updates_alone_and_that_of_content_by_text_alone(steps, content):
    for found, main in ((steps, "updates"), (content, "text")):
        means = shapley_means(found)
        others = sum(abs(value) for player, value in means.items() if player != main)
        assert means[main] > 0.02 and others < 0.15 * means[main]


def test_the_null_world_moves_nothing(null):
    for contrast in ("R1 - R0", "S - R1", "Pd - R1", "C - Pp", "PL - Pb"):
        values = null.contrast(contrast)
        assert abs(values.mean()) < 4 * values.std(ddof=1) / math.sqrt(len(values)) + 1e-9, contrast


def test_a_draw_does_not_depend_on_the_draws_before_it():
    once = replicate.score_draw(world("content"), "mlp", SEED, 3)
    assert once == replicate.score_draw(world("content"), "mlp", SEED, 3)
    other = replicate.score_draw(world("content"), "mlp", SEED, 4)
    assert once["S", "ap_micro", "none"] != other["S", "ap_micro", "none"]


def test_arms_share_heads_exactly_when_their_rows_and_updates_are_equal():
    found = replicate.score_draw(world("duplication"), "mlp", SEED, 0)
    assert found["Pb", "ap_micro", "none"] == found["Pp", "ap_micro", "none"]
    assert found["Pd", "ap_micro", "none"] != found["Pb", "ap_micro", "none"]


def test_the_draws_of_a_new_corpus_share_its_pool_and_test_set_and_other_experiments_do_not():
    made = world("new_corpus")
    tests = [worlds.test_set(made, SEED, draw).vectors for draw in (0, made.draws - 1, made.draws)]
    assert np.array_equal(tests[0], tests[1]) and not np.array_equal(tests[0], tests[2])
    real = [{row.tobytes() for row in worlds.real_documents(made, made.n, SEED, draw).vectors} for draw in (0, 1, 5)]
    assert real[0] & real[1] and not real[0] & real[2]


def test_copies_follow_the_synthetic_law_and_stay_out_of_the_fold_of_their_source():
    made = replicate.make_draw(world("label_law"), SEED, 0)
    rows = made.made_of.pool
    shares = np.mean([[label in row["labels"] for label in world("label_law").labels] for row in rows], axis=0)
    real = made.real_truth.mean(axis=0)
    assert real[:4].mean() > 0.4 > 0.2 > real[4:].mean()
    assert shares[4:].mean() > shares[:4].mean()
    assert all(len(row["source_doc_ids"]) == 1 for row in rows)


def test_the_interval_of_the_primary_difference_covers_and_its_errors_stay_within_binomial_bounds(null, content):
    for found in (null, content):
        listed = rates.experiments_of(found, 5)
        rows = {(r["check"], r["effect"], r["metric"]): r for r in rates.effect_rows(found, 5, listed)}
        times = found.draws // 5
        low, high = bounds(0.95, times)
        covered = rows["coverage", "synthetic_over_updates", "ap_micro"]
        assert covered["replicates"] == times and low <= covered["rate"] <= high
        wrong = rows["false_positive", "label_law_synthetic", "ap_micro"]
        assert wrong["rate"] <= bounds(0.05, times)[1]
    assert rows["power", "content_own_law", "ap_micro"]["rate"] > 0.8


def test_the_mechanism_of_a_world_is_named_and_none_where_there_is_none(null, steps, content):
    for found, right in ((steps, "updates"), (content, "text"), (null, "cannot decide")):
        rows = list(confusion.confusion_rows(found, 10, rates.experiments_of(found, 10)))
        named = {r["attributed"]: r["share"] for r in rows if r["metric"] == "ap_micro"}
        assert sum(named.values()) == pytest.approx(1) and named[right] >= 0.75
        assert {r["mechanism"] for r in rows if r["metric"] == "ap_micro"} == {right}


def test_a_threshold_cannot_be_the_answer_for_a_score_that_needs_none():
    found = experiments.Scored(world("threshold"), "linear", {})
    assert confusion.expected(found, "ap_micro") == "cannot decide"
    assert confusion.expected(found, "f1_micro") == "threshold"


def test_the_worth_of_new_documents_is_covered():
    found = scored("worth", draws=60)
    rows = {(r["check"], r["effect"]): r for r in rates.effect_rows(found, 5, rates.experiments_of(found, 5))}
    covered = rows["coverage", "worth_further_documents"]
    assert covered["truth"] == 24 and covered["rate"] >= bounds(0.95, 12)[0]
    assert rows["coverage", "content_efficiency"]["truth"] == 1


def test_no_draw_is_in_two_experiments_or_in_its_own_truth(null):
    grouped = experiments.groups(null, 3)
    assert len(set(grouped.ravel().tolist())) == grouped.size
    block = experiments.block_of(len(grouped))
    assert len(set(block.tolist())) == experiments.BLOCKS
    changed = {key: values.copy() for key, values in null.values.items()}
    for values in changed.values():
        values[grouped[block == 0].ravel()] += 100
    key = ("volume_resampling", "ap_micro", "none")
    assert experiments.truths(replace(null, values=changed), 3)[0][key] == experiments.truths(null, 3)[0][key]


def test_power_equivalence_and_stopping_are_measured_beside_their_closed_forms(null):
    rows = list(checks.check_rows(null))
    for row in rows:
        if row["check"] in ("power_at", "tost_power"):
            low, high = bounds(row["expected"], row["replicates"], 5)
            assert low - 0.05 <= row["rate"] <= high + 0.05, row
        if row["check"] in ("tost_error", "stop_error", "stop_equivalence_error", "holm_error"):
            assert row["rate"] <= bounds(0.05, row["replicates"])[1], row
    assert {row["draws"] for row in rows if row["check"] == "power_at"} == {3, 5, 10, 20}


def test_wilsons_interval_meets_a_known_value_and_no_trial_has_none():
    low, high = rates.Rate(95, 100).interval
    assert (low, high) == pytest.approx((0.8882, 0.9785), abs=1e-4)
    assert rates.Rate(0, 0).value is None and rates.Rate(0, 0).interval == (None, None)


def test_the_tables_meet_their_contracts_and_the_page_names_what_missed(null, steps):
    rated = [measure(found) for found in (null, steps)]
    rows, named = [row for r, _ in rated for row in r], [row for _, n in rated for row in n]
    CONTRACTS["calibration"].check(rows, "calibration")
    CONTRACTS["confusion"].check(named, "confusion")
    found = summary.summary(rows, named, "abc1234")
    CONTRACTS["calibration_summary"].check([found], "calibration_summary")
    text = page(rows, named, "Made here.")
    assert all(f"- {line}" in text for line in found["missed"])
    wrong = next(row for row in rows if summary.belongs(row, "false_positive"))
    told = summary.missed([wrong | {"held": False}], [])
    assert len(told) == 1 and f"{wrong['rate']:.3f}" in told[0]
    assert csv_text(["a", "b"], [{"a": 1, "b": None}]) == "a,b\n1,\n"


def test_too_few_draws_a_missing_draw_and_an_unknown_world_are_refused(null):
    with pytest.raises(DataError, match="draws"):
        measure(replace(null, values={key: values[:20] for key, values in null.values.items()}))
    columns = replicate.score_columns(world("null"), "linear", SEED, range(3))
    with pytest.raises(DataError, match="missing"):
        experiments.collect(world("null"), "linear", {name: cells[:-1] for name, cells in columns.items()})
    with pytest.raises(ParameterError):
        world("nothing")
    with pytest.raises(ParameterError):
        replicate.score_columns(world("null"), "knn", SEED, range(1))


def test_every_mechanism_has_its_world():
    assert {w.mechanism for w in WORLDS.values()} == {None, "updates", "threshold", "law", "text", "resampling"}
