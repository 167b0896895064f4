"""Effects, correlations and findings of made score tables whose truth is known."""

import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest
import statistics_world as world

from volfid.core.schemas import CONTRACTS
from volfid.statistics import effects as rows_of_effects
from volfid.statistics.estimate import estimate
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import build_table

GOLDEN_SPLIT = {"R0": 0.120, "Pd": 0.678, "S": 0.702}


def run(cells, scores, fidelity=(), retrieval=(), plan=world.PLAN, corpus=world.CORPUS, status=world.STATUS):
    """All estimates, checked against their contracts."""
    results = estimate(
        cells=cells, scores=scores, fidelity=fidelity, retrieval=retrieval, plan=plan, corpus=corpus, status=status
    )
    CONTRACTS["effects"].check(results.effects, "effects")
    CONTRACTS["correlations"].check(results.correlations, "correlations")
    CONTRACTS["findings"].check([results.findings], "findings")
    json.dumps(results.findings, allow_nan=False)
    return results


def find(results, effect, **filters):
    """The one row of an effect."""
    wanted = {"metric": "ap_micro", "threshold": "none", **filters}
    found = [r for r in results.effects if r["effect"] == effect and all(r[k] == v for k, v in wanted.items())]
    assert len(found) == 1, f"{effect}: {len(found)} rows"
    return found[0]


@pytest.fixture(scope="module")
def full():
    cells = world.make_cells()
    return run(cells, world.make_scores(cells))


def test_known_effects_are_found_with_their_intervals(full):
    method = {"method": "full_synthesis"}
    truths = {
        ("volume_updates", None): world.UPDATES, ("volume_total", None): world.UPDATES,
        ("volume_resampling", None): 0.0,
        ("synthetic_over_updates", "method"): world.TEXT + world.LAW, ("dilution", "method"): world.DILUTION,
        ("label_law_copies", "method"): world.LAW, ("label_law_synthetic", "method"): world.LAW,
        ("content_paired", "method"): world.TEXT, ("content_own_law", "method"): world.TEXT,
        ("permuted_labels", "method"): world.PERMUTED,
        ("gain_tuned", "method"): world.curve(140) - world.curve(100),
        ("ceiling_tuned", None): world.curve(160) - world.curve(100),
    }  # fmt: skip
    for (name, needs), truth in truths.items():
        row = find(full, name, **(method if needs else {}))
        assert row["estimate"] == pytest.approx(truth, abs=0.006), name
        assert row["n"] == 5 and row["ci_low"] < row["estimate"] < row["ci_high"]


def test_the_worth_is_found_and_is_the_surplus_over_the_regime(full):
    total = find(full, "worth_documents", method="full_synthesis")
    further = find(full, "worth_further_documents", method="full_synthesis")
    assert further["ci_low"] <= world.WORTH <= further["ci_high"]
    assert further["estimate"] == pytest.approx(total["estimate"] - world.N)
    assert further["verdict"] == "positive" and total["verdict"] == "value"


def test_content_efficiency_is_the_share_of_what_real_documents_would_give(full):
    row = find(full, "content_efficiency", method="paraphrase")
    truth = math.log(1.4) / math.log(1.6)
    assert row["ci_low"] <= truth <= row["ci_high"] and row["interval"].startswith("Fieller")


@pytest.mark.parametrize("player", ["UPDATES", "TEXT", "LAW", "THRESHOLD"])
def test_a_world_with_one_mechanism_is_attributed_to_that_mechanism(player, monkeypatch):
    for name in ("UPDATES", "TEXT", "LAW", "THRESHOLD"):
        monkeypatch.setattr(world, name, 0.08 if name == player else 0.0)
    cells = world.make_cells(methods=("full_synthesis",))
    results = run(cells, world.make_scores(cells, noise=0.001))
    for name in ("updates", "text", "law", "threshold"):
        row = find(results, f"shapley_{name}", metric="f1_micro", threshold="fixed_0.5 to tuned")
        assert row["estimate"] == pytest.approx(0.08 if name == player.lower() else 0.0, abs=0.004)
        assert (row["verdict"] == "positive") == (name == player.lower())


def test_shapley_averages_sum_to_the_total_in_the_table(full):
    names = ("updates", "text", "law")
    shares = [find(full, f"shapley_{name}", method="full_synthesis")["estimate"] for name in names]
    assert sum(shares) == pytest.approx(find(full, "attribution_total", method="full_synthesis")["estimate"])
    assert sum(find(full, f"share_{n}", method="full_synthesis")["estimate"] for n in names) == pytest.approx(1.0)
    interactions = [r for r in full.effects if r["effect"].startswith("interaction_") and r["method"] == "paraphrase"]
    assert len([r for r in interactions if r["metric"] == "ap_micro"]) == 4
    assert len([r for r in interactions if r["metric"] == "f1_micro"]) == 11


def test_an_attribution_with_a_missing_corner_is_undefined_and_names_the_arm():
    cells = [c for c in world.make_cells(methods=("full_synthesis",)) if c["arm"] != "C_low"]
    results = run(cells, world.make_scores(cells))
    row = find(results, "shapley_text")
    assert row["estimate"] is None and row["verdict"] == "undefined" and "C_low" in row["note"]
    assert find(results, "volume_updates")["estimate"] is not None


def test_the_papers_split_of_one_draw_has_its_numbers_and_no_interval():
    cells = [world.make_cell(arm, 0) for arm in GOLDEN_SPLIT]
    scores = [world.score_row(c, "f1_micro", "fixed_0.5", GOLDEN_SPLIT[c["arm"]]) for c in cells]
    results = run(cells, scores)
    paper = {"metric": "f1_micro", "threshold": "fixed_0.5"}
    golden = {
        "paper_total": 0.582, "paper_volume": 0.558, "paper_content": 0.024,
        "volume_share_of_paper_total": 0.9587628865979383,
    }  # fmt: skip
    for name, value in golden.items():
        row = find(results, name, **paper)
        assert row["estimate"] == pytest.approx(value, abs=1e-12)
        assert (row["ci_low"], row["ci_high"], row["p"], row["verdict"]) == (None, None, None, "undefined")
        assert "one draw" in row["note"] and "replication" in row["note"]


def test_with_one_draw_nothing_has_an_interval_and_everything_says_why():
    cells = world.make_cells(draws=1)
    results = run(cells, world.make_scores(cells))
    for row in results.effects:
        if row["unit"] == "draws" and not row["effect"].startswith("mixture"):
            assert row["ci_low"] is None and row["p"] is None and row["note"], row["effect"]
            assert row["verdict"] in ("undefined", "value")
    assert results.findings["decide"] and "one draw" in " ".join(results.findings["decide"])


def test_copies_at_equal_updates_are_an_identity_and_not_an_effect(full):
    row = find(full, "identity_copies")
    assert row["verdict"] == "identity holds" and "power" in row["note"] and "not a multiple" in row["note"]
    checks = {c["check"].split(" (")[0]: c for c in full.findings["identity_checks"]}
    assert checks["Pb - R1"]["holds"] is True
    assert checks["predict_all = 2p /"]["holds"] is True


def test_a_broken_identity_is_called_broken_and_a_noisy_one_undecided():
    cells = world.make_cells(methods=("full_synthesis",))
    for shift, noise, holds in ((0.05, 0.001, False), (0.0, 0.1, None)):
        scores = world.make_scores(cells, noise=noise)
        broken = {c["cell_id"] for c in cells if c["arm"] == "Pb"}
        for row in scores:
            row["value"] += shift * (row["cell_id"] in broken)
        check = run(cells, scores).findings["identity_checks"][0]
        assert check["holds"] is holds


def test_predict_all_that_breaks_its_identity_is_told():
    cells = world.make_cells(methods=("full_synthesis",))
    scores = world.make_scores(cells)
    floors = {c["cell_id"] for c in cells if c["classifier"] == "predict_all"}
    for row in scores:
        if row["cell_id"] in floors and row["threshold"] == "fixed_0.5":
            row["value"] += 0.01
    last = run(cells, scores).findings["identity_checks"][-1]
    assert last["check"].startswith("predict_all") and last["holds"] is False


def test_floors_are_values_without_a_contrast(full):
    row = find(full, "floor_predict_all", metric="f1_micro", threshold="fixed_0.5")
    assert row["verdict"] == "value" and row["p"] is None
    assert row["estimate"] == pytest.approx(2 * 0.05 / 1.05)


def test_results_do_not_depend_on_the_order_of_rows(full):
    cells = world.make_cells()
    scores = world.make_scores(cells)
    rng = random.Random(3)
    rng.shuffle(cells)
    rng.shuffle(scores)
    again = run(cells, scores)
    assert again.effects == full.effects and again.findings == full.findings


def test_training_repetitions_are_averaged_and_do_not_add_to_n():
    cells = [world.make_cell(arm, d, seed=s) for arm in ("R0", "R1") for d in range(4) for s in range(3)]
    scores = world.make_scores(cells)
    row = find(run(cells, scores), "volume_updates")
    assert row["n"] == 4
    value = {(c["arm"], c["draw"], c["training_seed"]): s["value"] for c in cells for s in scores
             if s["cell_id"] == c["cell_id"] and s["metric"] == "ap_micro"}  # fmt: skip
    means = [np.mean([value["R1", d, s] - value["R0", d, s] for s in range(3)]) for d in range(4)]
    assert row["estimate"] == pytest.approx(np.mean(means))


def test_a_draw_that_lacks_an_arm_is_left_out_of_that_contrast_and_noted():
    cells = world.make_cells(methods=("full_synthesis",))
    gone = {c["cell_id"] for c in cells if c["arm"] == "S_half" and c["draw"] == 2}
    scores = [s for s in world.make_scores(cells) if s["cell_id"] not in gone]
    row = find(run(cells, scores), "dilution")
    assert row["n"] == 4 and "1 of 5 draws left out" in row["note"]


def test_an_arm_without_any_score_makes_its_contrast_undefined_and_not_zero():
    cells = world.make_cells(methods=("full_synthesis",))
    gone = {c["cell_id"] for c in cells if c["arm"] == "RMt"}
    scores = [s for s in world.make_scores(cells) if s["cell_id"] not in gone]
    results = run(cells, scores)
    for name in ("ceiling_tuned", "content_efficiency"):
        row = find(results, name)
        assert row["estimate"] is None and row["verdict"] == "undefined" and "no score for RMt" in row["note"]


def test_undefined_scores_are_left_out_and_never_count_as_zero():
    cells = world.make_cells(methods=("full_synthesis",))
    scores = world.make_scores(cells)
    low = {c["cell_id"] for c in cells if c["arm"] == "R0" and c["draw"] == 0 and c["classifier"] == "mlp"}
    for row in scores:
        if row["cell_id"] in low:
            row.update(value=None, note="no positive")
    assert find(run(cells, scores), "volume_updates")["n"] == 4


def test_p_is_adjusted_within_a_family_and_families_do_not_mix(full):
    chosen = [r for r in full.effects if r["effect"] == "dilution" and r["metric"] == "ap_micro"]
    two = sorted(chosen, key=lambda r: r["p"])
    assert [r["p_adjusted"] for r in two] == pytest.approx([min(1, 2 * two[0]["p"]), max(2 * two[0]["p"], two[1]["p"])])
    alone = find(full, "volume_updates")
    assert alone["p_adjusted"] == alone["p"]


def test_a_difference_that_only_the_unadjusted_interval_sees_is_not_decided():
    base = rows_of_effects.Effect("x", "1", "A - B", None, "ap_micro", "none", Estimate(None))
    weak, nothing = Estimate(0.02, 0.001, 0.039, 0.04, 5), Estimate(0.0, -0.02, 0.02, 0.9, 5)
    decided = rows_of_effects.decide([replace(base, estimate=e) for e in (weak, nothing)])
    assert [e.verdict for e in decided] == ["cannot decide", "cannot decide"]
    assert "Holm" in decided[0].estimate.note
    assert rows_of_effects.decide([replace(base, estimate=weak)])[0].verdict == "positive"


def test_the_five_figures_are_those_of_the_largest_regime_with_the_tuned_threshold(full):
    figures = {f["name"]: f for f in full.findings["five_figures"]}
    assert list(figures) == ["R0", "R1", "Pd", "S", "worth"]
    assert figures["S"]["value"] == pytest.approx(0.2 + 0.14 + world.THRESHOLD, abs=0.03)
    assert all(f["ci_low"] < f["value"] < f["ci_high"] for f in figures.values())
    assert figures["worth"]["unit"] == "further real documents"


def test_the_headline_sentence_says_what_this_run_found(full):
    headline = full.findings["headline"]
    assert "further real documents [" in headline["sentence"] and "nan" not in headline["sentence"]
    assert headline["items"][0]["cost"]["tokens_per_pool"] == 500
    assert headline["metric"] == "ap_micro" and headline["regime"] == world.N
    assert "None" not in headline["sentence"]


def test_the_real_curve_rises_and_lists_every_size(full):
    sizes = [row["size"] for row in full.findings["curve"]]
    means = [row["mean"] for row in full.findings["curve"]]
    assert sizes == list(world.CURVE_SIZES) and means == sorted(means)


def test_what_would_decide_an_undecided_effect_is_a_number_of_draws():
    cells = world.make_cells(methods=("full_synthesis",))
    results = run(cells, world.make_scores(cells, noise=0.08))
    undecided = results.findings["headline"]["undecided"]
    assert undecided and all(row["verdict"] in ("cannot decide", "undefined") for row in undecided)
    rows = [r for r in undecided if r["effect"] in ("content_paired", "content_own_law", "volume_resampling")]
    assert rows
    for row in rows:
        assert row["draws_for_half_width_0.01"] > row["draws_for_half_width_0.02"] > 5
        assert 0.05 < row["power_now_0.02"] < 0.5
    assert results.findings["decide"] == [r["sentence"] for r in undecided]


def test_the_best_mixture_is_described_and_the_pure_real_end_belongs_to_both_methods(full):
    for method in ("full_synthesis", "paraphrase"):
        best = find(full, "mixture_best_share", method=method)
        assert best["estimate"] == pytest.approx(0.25, abs=0.1) and "descriptive" in best["note"]
        vertex = find(full, "mixture_vertex", method=method)
        assert vertex["ci_low"] <= 0.3 <= vertex["ci_high"]
        assert find(full, "mixture_band_over_real", method=method)["estimate"] == pytest.approx(0.195, abs=0.01)


def test_an_incomplete_run_is_told_in_the_headline():
    cells = world.make_cells(draws=2)
    status = {"complete": False, "planned": 9, "done": 7, "missing": [{}, {}]}
    warned = run(cells, world.make_scores(cells), status=status).findings["headline"]
    assert warned["warning"] == "the run is incomplete: 2 of 9 cells are missing"


def test_an_empty_run_gives_reasons_and_no_numbers():
    results = run([], [])
    assert results.effects == [] and results.correlations == []
    assert all(f["value"] is None and f["note"] for f in results.findings["five_figures"])
    assert "not estimated" in results.findings["headline"]["sentence"]


def test_a_loss_other_than_the_plain_one_is_a_classifier_of_its_own():
    cells = [world.make_cell("S", d) for d in range(3)]
    cells += [world.make_cell("R0", d, loss=loss) for d in range(3) for loss in ("bce", "focal")]
    scores = world.make_scores(cells)
    row = find(run(cells, scores), "synthetic_over_focal")
    assert row["classifier"] == "mlp" and row["estimate"] == pytest.approx(0.14, abs=0.01)


def test_r1_of_another_m_is_never_taken_for_a_contrast():
    cells = [world.make_cell("S", d) for d in range(3)] + [world.make_cell("R1", d, added=900) for d in range(3)]
    names = {r["effect"] for r in run(cells, world.make_scores(cells)).effects}
    assert "synthetic_over_updates" not in names


def test_floors_never_enter_the_table_of_trained_arms():
    cells = world.make_cells(draws=1)
    table = build_table(cells, world.make_scores(cells))
    assert table.classifiers == ["mlp"]
