"""Mixing strategies, self-training and the stop rule of the paper, on made-up data."""

import numpy as np
import pytest
from training_world import World, small_world, test_scores, value

from volfid.training.batches import batch_plan
from volfid.training.stopping import StopRule

SMALL = {"hidden": 16, "batch": 8, "grid_updates": [20, 40, 80]}


def test_a_curriculum_trains_on_the_added_rows_first_and_then_on_the_real_ones():
    rows, added = np.arange(10), np.arange(10, 40)
    plan, weight = batch_plan(rows, 40, 8, np.random.default_rng(0), added, "curriculum")
    first, rest = plan[:30][weight[:30] > 0], plan[30:][weight[30:] > 0]
    assert plan.shape == (40, 8) and set(first) <= set(added) and set(rest) <= set(rows)
    assert weight.sum(1) == pytest.approx(1)


def test_an_ensemble_is_the_mean_of_the_classifiers_of_both_parts():
    world = small_world()
    for classifier, fixed in (("mlp", {"n_updates": 80}), ("linear", {"penalty_scale": 1.0})):
        recipe = SMALL if classifier == "mlp" else {}
        both = world.cell("synthetic", 40, updates="high", exposure="ensemble", classifier=classifier, **fixed)
        result = world.run([both], **recipe)
        assert not result.gaps
        real = world.cell(classifier=classifier, **(
            {"n_updates": 40} if classifier == "mlp" else {"penalty_scale": (world.n + 40) / (2 * world.n)}
        ))  # fmt: skip
        own = test_scores(world.run([real], **recipe), real)
        other = 2 * test_scores(result, both) - own  # what is left must be probabilities of the second part
        assert other.min() > -1e-5 and other.max() < 1 + 1e-5
        assert np.abs(other - own).max() > 0.05
        if classifier == "mlp":
            assert value(result, both, "updates_done") == 80


def noisy_world() -> tuple[World, dict]:
    """Half of the added rows have foreign labels."""
    world = small_world()
    cell = world.cell("synthetic", 60, updates="high", n_updates=200, exposure="filtered")
    rows = world.trainset("synthetic", 60)
    added = [i for i, row in enumerate(rows) if row["source"] == "synthetic"]
    for a, b in zip(added[:30:2], added[1:30:2], strict=True):
        rows[a]["labels"], rows[b]["labels"] = rows[b]["labels"], rows[a]["labels"]
    return world, {"cell": cell, "rows": rows}


def test_filtering_drops_rows_with_foreign_labels_and_keeps_the_number_of_rows():
    world, made = noisy_world()
    cell, plain = made["cell"], made["cell"] | {"exposure": "pooled"}
    plain["cell_id"] = plain["cell_id"].replace("filtered", "pooled")
    result = world.run([cell, plain], {cell["trainset_id"]: made["rows"]}, **SMALL)
    assert not result.gaps
    assert value(result, cell, "updates_done") == value(result, plain, "updates_done") == 200
    assert value(result, cell, "ap_micro") > value(result, plain, "ap_micro")
    assert value(result, cell, "loss_final") < value(result, plain, "loss_final")


def test_pseudo_labels_train_on_unlabelled_rows_and_never_see_their_labels():
    world = small_world()
    for classifier in ("mlp", "linear"):
        cell = world.cell("pseudo_labelled", 40, updates="grid", tuning="tuned", classifier=classifier,
                          penalty_scale=1.0 if classifier == "linear" else None)  # fmt: skip
        recipe = SMALL if classifier == "mlp" else {}
        result = world.run([cell], **recipe)
        assert not result.gaps and value(result, cell, "rows") == world.n + 40
        plain = world.cell(updates="grid", tuning="tuned", classifier=classifier,
                           penalty_scale=1.0 if classifier == "linear" else None)  # fmt: skip
        base = world.run([plain], **recipe)
        assert np.abs(test_scores(result, cell) - test_scores(base, plain)).max() > 1e-3
        assert value(result, cell, "ap_micro") > value(base, plain, "ap_micro") - 0.1


def test_the_stop_rule_keeps_the_best_epoch_and_ends_after_its_patience():
    scores = [0.1, 0.3, 0.3, 0.2, 0.9]

    class Now:
        def __init__(self, step):
            self.step = step

        def predict(self, head, vectors):
            return vectors[self.step]

    truth = np.ones((10, 1), dtype=bool)
    vectors = [np.where(np.arange(10)[:, None] < 10 * s / (2 - s), 0.9, 0.1) for s in scores]
    rule = StopRule([2], [(vectors, truth)], 2)
    ended = [rule(update, lambda u=update: Now(u // 2 - 1)) for update in range(1, 11)][:8]
    assert ended.index(True) == 7 and rule.best_epoch == [2] and rule.epochs[0] >= 4
    assert rule.best[0].step == 1


def test_a_run_on_a_plateau_keeps_the_first_epoch_and_says_so(capsys):
    world = small_world()
    cell = world.cell(updates="stopped", n_updates=100)
    result = world.run([cell], **SMALL, learning_rate=1e-6, stop_batch=8, stop_epochs=10, stop_patience=2)
    assert value(result, cell, "epoch_selected") == 1 and value(result, cell, "epochs_done") == 3
    assert value(result, cell, "stopped_at_first") == 1
    assert value(result, cell, "updates_done") == -(-2 * world.n // 3 // 8) or value(result, cell, "updates_done") > 0
    assert "the stop rule kept the first epoch" in capsys.readouterr().err


def test_a_learning_run_passes_the_plateau():
    world = small_world()
    cell = world.cell(updates="stopped", n_updates=100)
    result = world.run([cell], **SMALL, learning_rate=0.03, stop_batch=4, stop_epochs=20, stop_patience=5)
    assert value(result, cell, "epoch_selected") > 1 and value(result, cell, "f1_micro", "fixed_0.5") > 0.3


def test_factors_that_mean_nothing_for_a_solver_without_updates_are_gaps():
    world = small_world()
    cells = [
        world.cell("synthetic", 20, updates="high", classifier="linear", penalty_scale=1.0, exposure="curriculum"),
        world.cell(updates="stopped", classifier="linear", penalty_scale=1.0),
    ]
    result = world.run(cells)
    assert len(result.gaps) == 2 and all("means nothing" in row["reason"] for row in result.gaps)


def test_random_scores_give_half_of_all_labels_and_differ_by_draw():
    world = small_world()
    cell = world.cell(classifier="random")
    other = world.cell(classifier="random", draw=0, training_seed=1)
    result = world.run([cell, other])
    density = np.mean([len(row["labels"]) / len(world.labels) for row in world.documents if row["split"] == "test"])
    assert value(result, cell, "recall_micro", "fixed_0.5") == pytest.approx(0.5, abs=0.15)
    assert value(result, cell, "f1_micro", "fixed_0.5") == pytest.approx(2 * density / (1 + 2 * density), abs=0.1)
    assert (test_scores(result, cell) != test_scores(result, other)).any()
