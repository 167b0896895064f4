"""Labels one after another: targets, masks in greedy answers and in beams, exact beams, batches, cells, the plan."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tiny_encoder import make_encoder
from test_encoder import LABELS, SMALL, WORDS, documents, entry
from test_plan import plan, raw
from training_world import POLICIES, RECIPES, World, test_scores, value

from volfid.core.exits import ConfigError, ParameterError
from volfid.training.decoding import beam_shares, search
from volfid.training.encoder import Lesson
from volfid.training.memory import MicroBatch
from volfid.training.recipes import read_recipe
from volfid.training.runner import run_cells
from volfid.training.sequence import LabelRules, SequenceTuning
from volfid.training.tuners import make_tuner
from volfid.training.verbal import frequency_order

VECTOR = json.loads((Path(__file__).parents[1] / "golden/sampling.json").read_text())["sgm_target"]


def recipe_entry(**changes) -> dict:
    return {**RECIPES["sequence"], **SMALL, "max_labels": LABELS, **changes}


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    make_encoder(folder, WORDS, "bert")
    return folder


def tuner(model_dir, rows=None, **changes):
    torch.set_num_threads(1)
    settings = {"recipe": recipe_entry(**changes), "encoder": entry("bert")}
    return make_tuner(settings, documents() if rows is None else rows, model_dir)


def tuning(model_dir, **changes) -> SequenceTuning:
    one = tuner(model_dir, **changes)
    return SequenceTuning(one.start, one.store, one.recipe, LABELS)


def lesson(updates: int = 30, **changes) -> Lesson:
    rows = documents()
    truth = np.array([[f"L{k}" in row["labels"] for k in range(LABELS)] for row in rows])
    return Lesson(**{
        "texts": np.arange(60), "labels": truth[:60], "label_ids": [f"L{k}" for k in range(LABELS)],
        "rows": np.arange(60), "added": None, "order": "half_real", "updates": updates, "head_start": "zero",
        "master_seed": 3, "seed": {"draw": 0, "training_seed": 0, "fold": 0}, **changes,
    })  # fmt: skip


# ---- targets and rules ---------------------------------------------------------------------


def test_a_target_goes_from_frequent_to_rare_with_ties_by_id_and_ends(model_dir):
    names = sorted(VECTOR["label_frequency"])
    truth = np.zeros((sum(VECTOR["label_frequency"].values()), len(names)), dtype=np.float32)
    for column, name in enumerate(names):
        truth[: VECTOR["label_frequency"][name], column] = 1
    made = tuning(model_dir)
    made.labels, made.order = len(names), frequency_order(truth, np.arange(len(truth)))
    document = np.array([[name in VECTOR["document_labels"] for name in names], [False] * len(names)])
    first, empty = made.targets(document).tolist()
    said = [*names, "<eos>"]
    assert [said[number] for number in first] == VECTOR["target_sequence"]
    assert empty == [len(names), -100, -100, -100, -100]


def test_said_labels_are_masked_and_the_end_is_always_there():
    rules = LabelRules(3, most=2)
    one = rules.start()
    assert rules.allowed(one) == [0, 1, 2, 3]
    one = rules.extended(one, 1, -0.5)
    assert rules.allowed(one) == [0, 2, 3] and not one.done
    two = rules.extended(one, 0, -0.25)
    assert rules.allowed(two) == [3] and two.log == -0.75  # two labels are the most
    assert rules.extended(two, 3, 0.0).done


def likelihoods(labels: int, most: int, seed: int) -> tuple[dict[tuple[int, ...], float], np.ndarray]:
    """Log probability of every sequence without repeats under a random table of the last token."""
    table = np.random.default_rng(seed).normal(0, 2, (labels + 1, labels + 1)).astype(np.float32)
    found = {}
    for length in range(most + 1):
        for said in itertools.permutations(range(labels), length):
            log, last = 0.0, labels
            for place, token in enumerate([*said, labels]):
                allowed = [k for k in range(labels) if k not in said[:place]] if place < most else []
                choices = [*allowed, labels]
                logits = table[last, choices]
                log += float(logits[choices.index(token)] - np.log(np.exp(logits).sum()))
                last = token
            found[said] = log
    return found, table


@pytest.mark.parametrize("seed", range(4))
def test_wide_beams_find_what_exhaustive_search_finds_and_shares_are_its_marginals(seed):
    labels, most = 4, 3
    found, table = likelihoods(labels, most, seed)
    assert sum(np.exp(list(found.values()))) == pytest.approx(1)  # all answers together
    step = lambda parents, tokens: torch.from_numpy(table[tokens])  # noqa: E731
    (answers,) = search(torch.from_numpy(table[[labels]]), step, LabelRules(labels, most), 200)
    assert len(answers) == len(found)
    assert {one.tokens: pytest.approx(one.log, abs=1e-4) for one in answers} == found
    shares = beam_shares(answers, labels)
    exact = [sum(np.exp(log) for said, log in found.items() if k in said) for k in range(labels)]
    assert shares == pytest.approx(exact, abs=1e-4)
    (few,) = search(torch.from_numpy(table[[labels]]), step, LabelRules(labels, most), 5)
    assert len(few) <= 5 and all(len(set(one.tokens)) == len(one.tokens) for one in few)
    # the likeliest answer first, however long: no length is preferred
    assert [one.log for one in few] == sorted((one.log for one in few), reverse=True)


# ---- one model -----------------------------------------------------------------------------


def test_a_batch_gives_one_gradient_however_it_is_split(model_dir):
    made = tuning(model_dir)
    one = lesson()
    truth = one.labels.astype(np.float32)
    made._reset(one, truth)
    made.network.train()
    rows, weight = np.arange(8), np.full(8, 1 / 8, dtype=np.float32)
    drop = np.ones((8, made.start.width), dtype=np.float32)
    found = []
    for size in (8, 3, 1):
        made._gradients(size, one.texts[rows], truth[rows], weight, drop)
        found.append(torch.cat([p.grad.ravel() for p in made.network.parameters() if p.grad is not None]))
    assert torch.allclose(found[0], found[1], atol=1e-6) and torch.allclose(found[0], found[2], atol=1e-6)
    assert float(found[0].norm()) > 0.01


def test_it_learns_what_it_is_shown_and_repeats_itself(model_dir):
    made = tuning(model_dir, learning_rate=0.01)
    micro = MicroBatch("x", 8)
    one = lesson(updates=400)
    texts = np.arange(60)
    tuned = made.train(one, micro)
    scores = made.predict(tuned, texts, micro)
    assert scores.shape == (60, LABELS) and scores.min() >= 0 and scores.max() <= 1 + 1e-6
    assert ((scores > 0.5) == one.labels).mean() > 0.97
    assert made.noted == pytest.approx(one.labels.sum(1), abs=1) and made.noted.max() <= LABELS
    assert made.sequence_loss(tuned, texts, one.labels, micro) < 0.2
    short = lesson(updates=60)
    first = made.predict(made.train(short, micro), texts, micro)
    assert ((first > 0.5) == one.labels).mean() < 0.9
    again = tuning(model_dir, learning_rate=0.01)
    assert np.array_equal(again.predict(again.train(short, micro), texts, micro), first)
    assert made.predict(tuned, texts, micro) == pytest.approx(scores, abs=1e-6)  # the earlier model, put back


def test_a_document_without_labels_has_a_target_and_an_answer(model_dir):
    made = tuning(model_dir)
    nothing = lesson(updates=20, labels=np.zeros((60, LABELS), dtype=bool))
    micro = MicroBatch("x", 8)
    tuned = made.train(nothing, micro)
    assert made.predict(tuned, np.arange(5), micro).max() < 0.5 and made.noted.max() == 0


def test_a_head_start_means_nothing(model_dir):
    with pytest.raises(ParameterError, match="means nothing for a sequence"):
        tuning(model_dir).train(lesson(head_start="prior"), MicroBatch("x", 8))


# ---- cells and plan ------------------------------------------------------------------------


def test_cells_are_scored_under_every_policy_and_a_diverging_one_ends_alone(model_dir):
    made = World(documents(), np.zeros((1, 1)), 30)
    plain = made.cell(classifier="sequence", n_updates=40, encoder="tiny_bert")
    one = tuner(model_dir, made.documents, learning_rate=0.01)
    rows = [{**row, "trainset_id": plain["trainset_id"], "position": i}
            for i, row in enumerate(made.trainset("none", 0))]  # fmt: skip
    job = {"master_seed": 11, "items": [plain], "settings": {
        "recipe": recipe_entry(learning_rate=0.01), "thresholds": POLICIES, "folds": 3, "losses": {},
    }}  # fmt: skip
    numbers = np.arange(len(one.store.lengths))[:, None]
    results = run_cells(job, made.documents, made.labels, made.regimes, rows, one.store.row, numbers, tuner=one)
    assert not results.gaps
    assert test_scores(results, plain).shape[1] == LABELS
    assert value(results, plain, "updates_done") == 40 and value(results, plain, "sequence_loss_final") > 0
    assert 0 <= value(results, plain, "labels_said_per_document") <= LABELS
    assert value(results, plain, "ap_micro") > 0.3

    job["settings"]["recipe"] = recipe_entry(learning_rate=1e30, clip=1e30)
    wild = tuner(model_dir, made.documents, learning_rate=1e30, clip=1e30)
    results = run_cells(job, made.documents, made.labels, made.regimes, rows, wild.store.row, numbers, tuner=wild)
    assert [gap["subject"] for gap in results.gaps] == [plain["cell_id"]]
    assert "not finite" in results.gaps[0]["reason"]


def test_recipes_are_checked():
    assert read_recipe(recipe_entry()).beams == 5
    for changes in ({"beams": 0}, {"max_labels": 0}):
        with pytest.raises(ConfigError, match="must be positive"):
            read_recipe(recipe_entry(**changes))


def test_the_plan_gives_it_the_updates_of_an_encoder_and_leaves_out_what_means_nothing():
    design = raw()
    design["blocks"].append({"name": "sequence", "arms": ["R0", "R1", "R0b"], "size": [165], "added": [1485],
                             "classifier": ["sequence"], "draws": 1, "optional": True})  # fmt: skip
    design["arms"] |= {"R0b": {"text": "none", "updates": "low", "head_start": "prior"},
                       "R1": {"text": "none", "updates": "high"}, "R0": {"text": "none", "updates": "low"}}  # fmt: skip
    made = plan(design)
    found = {cell["arm"]: cell for cell in made.cells if cell["classifier"] == "sequence"}
    recipe = RECIPES["sequence"]
    steps = {arm: recipe["epochs"] * -(-rows // recipe["batch"]) for arm, rows in (("R0", 165), ("R1", 1650))}
    assert {arm: cell["n_updates"] for arm, cell in found.items()} == steps
    assert {job["stage"] for job in made.jobs if "sequence" in job["job_id"]} == {"encoders"}
    reasons = [gap["reason"] for gap in made.record["not_planned"] if "sequence" in gap["what"]]
    assert any("no bias over the labels" in reason for reason in reasons)
