"""Whole cells: gaps, bookkeeping, equal results alone and in a batch, and the identities of the arms."""

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from training_world import POLICIES, RECIPES, World, fixture_world, patent_world, small_world, test_scores, value

from volfid.core.exits import DataError
from volfid.core.files import write_json
from volfid.core.schemas import CONTRACTS
from volfid.core.vectors import write_vectors
from volfid.training.scoring import COUNTED

SMALL = {"hidden": 16, "grid_updates": [20, 40, 80]}


def test_every_planned_score_is_there_and_keeps_the_contract():
    world = small_world()
    cells = [world.cell(n_updates=60), world.cell(updates="grid", tuning="tuned")]
    results = world.run(cells, **SMALL)
    assert not results.gaps
    CONTRACTS["scores"].check(results.scores, "scores")
    for cell in cells:
        for policy in POLICIES:
            for metric in ("f1_micro", "f1_macro", "f1_samples", "hamming", "labels_never_predicted"):
                assert value(results, cell, metric, policy) is not None
            for part in ("band:head", "band:medium", "band:tail", "sets:seen", "sets:unseen"):
                value(results, cell, "f1_micro", policy, part)
        for metric in ("ap_micro", "ap_macro", "lrap", "coverage", "ranking_loss", "ap_micro_oof", "loss_final"):
            assert value(results, cell, metric) is not None
        assert value(results, cell, "f1", "tuned", "L0") is not None
        assert value(results, cell, "rows") == value(results, cell, "unique_documents") == world.n
        assert value(results, cell, "exposures_per_real_document") > 0
        assert len(test_scores(results, cell, "oof")) == world.n
    assert value(results, cells[0], "updates_done") == 60
    selected = value(results, cells[1], "updates_selected")
    assert value(results, cells[1], "updates_done") == selected
    assert value(results, cells[1], "grid_at_edge") == float(selected in (20, 80))


def test_counts_by_document_add_up_to_the_scores():
    world = small_world()
    cells = [world.cell(n_updates=60), world.cell(updates="grid", tuning="tuned")]
    results = world.run(cells, **SMALL)
    CONTRACTS["counts"].check(results.counts, "counts")
    assert len(results.counts) == len(cells) * len(COUNTED)
    size = sum(row["split"] == "test" for row in world.documents)
    for row in results.counts:
        cell = next(c for c in cells if c["cell_id"] == row["cell_id"])
        tp, fp, fn = (sum(row[name]) for name in ("tp", "fp", "fn"))
        assert {len(row[name]) for name in ("tp", "fp", "fn")} == {size}
        assert value(results, cell, "f1_micro", row["threshold"]) == pytest.approx(
            2 * tp / (2 * tp + fp + fn), abs=1e-12
        )
        assert value(results, cell, "cardinality_predicted", row["threshold"]) == pytest.approx((tp + fp) / size)


def test_the_chosen_grid_point_has_the_best_out_of_fold_score():
    world = small_world()
    tuned = world.cell(updates="grid", tuning="tuned")
    results = world.run([tuned], **SMALL)
    scores = {}
    for updates in SMALL["grid_updates"]:
        fixed = world.cell(n_updates=updates)
        scores[updates] = value(world.run([fixed], **SMALL), fixed, "ap_micro_oof")
    assert value(results, tuned, "updates_selected") == max(scores, key=scores.get)
    assert value(results, tuned, "ap_micro_oof") == pytest.approx(max(scores.values()), abs=1e-3)


def test_a_cell_alone_is_bit_equal_to_the_same_cell_among_others():
    world = small_world()
    cells = [
        world.cell(n_updates=40), world.cell("copies_balanced", 72, updates="high", n_updates=90),
        world.cell(n_updates=40, head_start="prior"), world.cell(n_updates=40, training_seed=1),
    ]  # fmt: skip
    together = world.run(cells, **SMALL)
    for cell in cells:
        alone = world.run([cell], **SMALL)
        for split in ("oof", "test"):
            assert (test_scores(alone, cell, split) == test_scores(together, cell, split)).all()
        assert [r for r in together.scores if r["cell_id"] == cell["cell_id"]] == alone.scores


def test_permuting_labels_rows_and_documents_changes_no_score():
    world = small_world()
    cell = world.cell("copies_balanced", 36, updates="high", n_updates=80)
    linear = world.cell("copies_balanced", 36, updates="high", classifier="linear", penalty_scale=1.0)
    rng = np.random.default_rng(1)
    moved = copy.copy(world)
    moved.documents = [world.documents[i] for i in rng.permutation(len(world.documents))]
    moved.labels = world.labels[::-1]
    for one in (cell, linear):
        sets = world.trainset(one["text"], one["rows_added"])
        shuffled = {one["trainset_id"]: [sets[i] for i in rng.permutation(len(sets))]}
        recipe = SMALL if one is cell else {}
        plain, other = world.run([one], **recipe), moved.run([one], shuffled, **recipe)
        assert test_scores(other, one)[:, ::-1] == pytest.approx(test_scores(plain, one), abs=1e-5)
        for metric, threshold in (("ap_micro", "none"), ("f1_micro", "tuned"), ("f1_micro", "cardinality")):
            assert value(other, one, metric, threshold) == pytest.approx(value(plain, one, metric, threshold), abs=1e-4)


def test_out_of_fold_scores_never_saw_their_document():
    """Each document gets random labels: nothing can be learnt, so a leak would show as a high score."""
    base = small_world()
    rng = np.random.default_rng(8)
    documents = [{**row, "labels": [f"L{k}" for k in np.flatnonzero(rng.random(6) < 0.4)]} for row in base.documents]
    world = World(documents, rng.normal(size=(160, 200)).astype(np.float32), 60)
    density = np.mean([len(world.by_id[name]["labels"]) / 6 for name in world.order[:60]])
    for cell in (
        world.cell("copies_balanced", 240, updates="high", n_updates=400),
        world.cell("copies_balanced", 240, updates="high", classifier="linear", penalty_scale=10.0),
    ):
        results = world.run([cell])
        assert value(results, cell, "loss_final") < 0.1  # the rows are known by heart
        assert value(results, cell, "ap_micro_oof") < density + 0.12


def test_missing_training_sets_bad_cells_and_short_sets_are_gaps_and_the_batch_goes_on():
    world = small_world()
    good, missing = world.cell(n_updates=20), world.cell("real_more", 30, updates="high", n_updates=20)
    focal = world.cell(n_updates=20, loss="focal")
    short = world.cell("copies_balanced", 36, updates="high", n_updates=20)
    half = world.cell(n_updates=20, exposure="half_real")
    absent = world.cell(n_updates=20, regime=99)
    sets = {good["trainset_id"]: world.trainset("none"), short["trainset_id"]: world.trainset("copies_balanced", 35)}
    sets[absent["trainset_id"]] = world.trainset("none")
    results = world.run([good, missing, focal, short, half, absent], sets, **SMALL)
    CONTRACTS["gaps"].check(results.gaps, "gaps")
    reasons = {row["subject"]: row["reason"] for row in results.gaps}
    assert "was not made" in reasons[missing["cell_id"]]
    assert "focal" in reasons[focal["cell_id"]]
    assert "71 rows" in reasons[short["cell_id"]]
    assert "both kinds" in reasons[half["cell_id"]]
    assert "size 99" in reasons[absent["cell_id"]]
    assert {row["cell_id"] for row in results.scores} == {good["cell_id"]} == {part[0] for part in results.predictions}


def test_a_programming_error_is_no_gap():
    world = small_world()
    cell = world.cell(n_updates=20)
    with pytest.raises(KeyError):
        world.run([{k: v for k, v in cell.items() if k != "head_start"}], **SMALL)


def test_a_corpus_without_test_documents_is_refused():
    world = copy.copy(small_world())
    world.documents = [{**row, "split": "train"} for row in world.documents]
    with pytest.raises(DataError, match="no test document"):
        world.run([world.cell(n_updates=20)], **SMALL)


def test_linear_copies_equal_their_number_times_the_strength():
    world = small_world()
    copies = world.cell("copies_balanced", 9 * world.n, updates="high", classifier="linear", penalty_scale=1.0)
    scaled = world.cell(updates="high", added=9 * world.n, classifier="linear", penalty_scale=10.0)
    results = world.run([copies, scaled])
    assert test_scores(results, copies) == pytest.approx(test_scores(results, scaled), abs=1e-4)
    assert test_scores(results, copies, "oof") == pytest.approx(test_scores(results, scaled, "oof"), abs=1e-4)
    plain = world.cell(classifier="linear", penalty_scale=1.0)
    assert np.abs(test_scores(world.run([plain]), plain) - test_scores(results, scaled)).max() > 0.1


def test_tuning_removes_the_volume_effect_of_copies_on_a_penalised_solver():
    world = small_world()
    recipe = {"grid_C": [0.1, 1.0, 10.0, 100.0, 1000.0]}
    grid = {"updates": "grid", "tuning": "tuned", "classifier": "linear", "penalty_scale": 1.0}
    real, copies = world.cell(**grid), world.cell("copies_balanced", 9 * world.n, **grid)
    results = world.run([real, copies], **recipe)
    assert value(results, real, "C_selected") == pytest.approx(10 * value(results, copies, "C_selected"))
    assert value(results, copies, "ap_micro") == pytest.approx(value(results, real, "ap_micro"), abs=1e-6)


def test_floors_stand_where_their_formulas_put_them():
    world = small_world()
    truth = np.array([[k["label"] in row["labels"] for k in world.labels] for row in world.documents[100:]])
    for name in ("predict_all", "prior", "top_k"):
        cell = world.cell(classifier=name)
        results = world.run([cell])
        assert not results.gaps
        if name == "predict_all":
            p = truth.mean()
            assert value(results, cell, "f1_micro", "fixed_0.5") == pytest.approx(2 * p / (1 + p))
            assert value(results, cell, "ap_micro") == pytest.approx(p)
        if name == "top_k":
            reached = value(results, cell, "cardinality_predicted", "fixed_0.5")
            assert reached == max(1, round(value(results, cell, "cardinality_real")))


def test_half_real_batches_show_real_documents_more_often_than_pooled_ones():
    world = small_world()
    cell = world.cell("real_more", 60, updates="high", n_updates=120)
    half = world.cell("real_more", 60, updates="high", n_updates=120, exposure="half_real")
    results = world.run([cell, half], **SMALL)
    pooled, halved = (value(results, c, "exposures_per_real_document") for c in (cell, half))
    assert halved == pytest.approx(120 * 8 / 36, rel=0.02) and pooled == pytest.approx(120 * 16 / 96, rel=0.05)


def test_predictions_are_written_sorted_and_read_back(tmp_path: Path):
    world = small_world()
    cells = [world.cell(n_updates=20, training_seed=seed) for seed in (1, 0)]
    results = world.run(cells, **SMALL)
    path = CONTRACTS["predictions"].write_columns(tmp_path, results.prediction_columns())
    rows = CONTRACTS["predictions"].read(path)
    assert rows == sorted(rows, key=lambda r: (r["cell_id"], r["split"], r["doc_id"]))
    first = [r["scores"] for r in rows if r["cell_id"] == cells[1]["cell_id"] and r["split"] == "test"]
    assert (np.array(first, np.float32) == test_scores(results, cells[1])).all()


def test_the_command_writes_what_the_function_returns(tmp_path: Path):
    world = small_world()
    cell = world.cell(n_updates=20)
    gone = world.cell("real_more", 30, updates="high", n_updates=20)
    settings = {"recipe": {**RECIPES["mlp"], **SMALL}, "thresholds": POLICIES, "folds": 3}
    job = {
        "job_id": "training__mlp", "stage": "training", "label": "gpu_train", "model": None, "code": "x",
        "master_seed": 11, "settings": settings, "items": [cell, gone],
    }  # fmt: skip
    write_json(tmp_path / "job.json", job)
    documents = [{**row, "text": row["doc_id"], "text_sha": row["doc_id"]} for row in world.documents]
    sets = [{**r, "trainset_id": cell["trainset_id"], "position": i} for i, r in enumerate(world.trainset("none"))]
    tables = {"documents": documents, "labels": world.labels, "regimes": world.regimes, "trainsets": sets}
    for name, rows in tables.items():
        CONTRACTS[name].write(tmp_path, rows)
    write_vectors(tmp_path / "vectors", [row["doc_id"] for row in world.documents], world.vectors)
    script = Path(__file__).parents[2] / "bin" / "train_heads.py"
    options = ["--job", "job.json", "--documents", "documents.jsonl", "--labels", "labels.json"]
    options += ["--regimes", "regimes.jsonl", "--trainsets", "trainsets.jsonl"]
    options += ["--embeddings", "vectors", "--out-dir", "out"]
    done = subprocess.run([sys.executable, str(script), *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = world.run([cell], **SMALL)
    assert CONTRACTS["scores"].read(tmp_path / "out") == CONTRACTS["scores"]._sorted(expected.scores)
    assert CONTRACTS["counts"].read(tmp_path / "out") == CONTRACTS["counts"]._sorted(expected.counts)
    assert [row["subject"] for row in CONTRACTS["gaps"].read(tmp_path / "out")] == [gone["cell_id"]]
    counts = CONTRACTS["manifest"].read_object(tmp_path / "out")["counts"]
    assert counts == {"cells": 2, "scored": 1, "updates": 20}


def test_copies_are_steps_and_nothing_else_on_the_fixture():
    """R1 = Pb within noise, and both far above R0 at threshold 0.5, as on real patents, without real text."""
    world = fixture_world()
    high = {"updates": "high", "added": 1485, "n_updates": 1040}
    r0 = world.cell(n_updates=110)
    r1 = [world.cell(**high, training_seed=seed) for seed in range(2)]
    pb = [world.cell("copies_balanced", **high, training_seed=seed) for seed in range(2)]
    results = world.run([r0, *r1, *pb])
    assert value(results, r1[0], "f1_micro", "fixed_0.5") - value(results, r0, "f1_micro", "fixed_0.5") >= 0.1
    for metric in (("f1_micro", "fixed_0.5"), ("ap_micro", "none"), ("f1_micro", "tuned")):
        left, right = (np.mean([value(results, c, *metric) for c in cells]) for cells in (r1, pb))
        assert abs(left - right) <= 0.03, metric


@pytest.mark.real_data
def test_copies_are_steps_and_nothing_else_on_real_patents():
    """On 165 patents: R1 = Pb, R0 = Pb at R0's updates, R1 far above R0, prior bias above R0."""
    world = patent_world()
    high = {"updates": "high", "added": 825, "n_updates": 620}
    r0, prior = world.cell(n_updates=110), world.cell(n_updates=110, head_start="prior")
    down = world.cell("copies_balanced", 825, n_updates=110)
    r1 = [world.cell(**high, training_seed=seed) for seed in range(2)]
    pb = [world.cell("copies_balanced", **high, training_seed=seed) for seed in range(2)]
    results = world.run([r0, prior, down, *r1, *pb])
    at_half, ap = ("f1_micro", "fixed_0.5"), ("ap_micro", "none")
    assert value(results, r1[0], *at_half) - value(results, r0, *at_half) >= 0.1
    assert value(results, down, *at_half) == pytest.approx(value(results, r0, *at_half), abs=0.02)
    assert value(results, prior, *ap) - value(results, r0, *ap) >= 0.08
    for metric in (at_half, ap, ("f1_micro", "tuned")):
        left, right = (np.array([value(results, c, *metric) for c in cells]) for cells in (r1, pb))
        difference = left.mean() - right.mean()
        assert abs(difference) <= 0.03, metric
        assert abs(difference) <= 2 * max(left.std(ddof=1), right.std(ddof=1), 0.01), metric
    assert 0.2 < value(results, r1[0], "f1_micro", "tuned") < 0.45


@pytest.mark.real_data
def test_linear_copies_equal_the_scaled_strength_on_real_patents():
    world = patent_world()
    copies = world.cell("copies_balanced", 1650, updates="high", classifier="linear", penalty_scale=1.0)
    scaled = world.cell(updates="high", added=1650, classifier="linear", penalty_scale=11.0)
    plain = world.cell(classifier="linear", penalty_scale=1.0)
    results = world.run([copies, scaled, plain])
    assert test_scores(results, copies) == pytest.approx(test_scores(results, scaled), abs=1e-4)
    gain = value(results, scaled, "f1_micro", "fixed_0.5") - value(results, plain, "f1_micro", "fixed_0.5")
    assert gain >= 0.1  # the "volume effect" of a frozen head is its penalty
