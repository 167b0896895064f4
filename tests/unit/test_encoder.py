"""Fine-tuned encoders: batches that divide correctly, equal results however they are split, folds, memory, refusals."""

import copy

import numpy as np
import pytest
import torch
from helpers.tiny_encoder import make_encoder
from training_world import POLICIES, RECIPES, World, test_scores, value

from volfid.core.exits import ConfigError, DataError, ParameterError, RetryError, UnavailableError
from volfid.core.schemas import CONTRACTS
from volfid.training import encoder as tuning
from volfid.training.batches import batch_plan
from volfid.training.encoder import FineTuning, Lesson
from volfid.training.encoder_cells import EncoderTuner
from volfid.training.memory import MicroBatch
from volfid.training.pretrained import load_encoder
from volfid.training.recipes import read_recipe
from volfid.training.runner import run_cells
from volfid.training.tokens import token_store

LABELS = 5
TOPICS = [[f"{a}{b}" for b in ("one", "two", "six")] for a in ("pump", "valve", "laser", "robot", "fibre")]
PLAIN = ["the", "of", "with", "unit", "device", "means", "first"]
WORDS = [*PLAIN, *(word for topic in TOPICS for word in topic)]
SMALL = {"batch": 8, "micro_batch": 8, "max_tokens": 24, "learning_rate": 0.01, "grid_updates": [5, 40], "bucket": 3}
KINDS = ("bert", "modernbert")


def documents(count: int = 110, seed: int = 0) -> list[dict]:
    """Documents of 3 to 40 words whose topics are their labels; 60 to train."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        marked = np.flatnonzero(rng.random(LABELS) < 0.35)
        topic = [TOPICS[k][rng.integers(3)] for k in marked for _ in range(2)]
        words = rng.permutation([*topic, *rng.choice(PLAIN, size=rng.integers(3, 30))])
        rows.append({"doc_id": f"d{i:03d}", "labels": [f"L{k}" for k in marked], "group": f"d{i:03d}",
                     "split": "train" if i < 60 else "test", "text": " ".join(words)})  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for kind in (*KINDS, "mpnet"):
        make_encoder(folder, WORDS, kind)
    return folder


def entry(kind: str = "bert", **other):
    return {"name": f"tiny_{kind}", "source": {"kind": "folder"}, "revision": "r1", "pooling": "mean",
            "max_tokens": 64, **other}  # fmt: skip


def recipe_entry(**changes) -> dict:
    return {**RECIPES["encoder"], **SMALL, **changes}


def tuner(model_dir, rows, kind="bert", attempt=1, **changes) -> EncoderTuner:
    torch.set_num_threads(1)
    settings = {"recipe": recipe_entry(**changes), "encoder": entry(kind)}
    return EncoderTuner(settings, rows, model_dir, attempt)


def world(n: int = 30, rows: list[dict] | None = None) -> World:
    return World(documents() if rows is None else rows, np.zeros((1, 1)), n)


def run(made: World, cells: list[dict], model_dir, sets: dict | None = None, losses: dict | None = None, **changes):
    """The cells as one job; their training sets follow from their factors."""
    one = tuner(model_dir, made.documents, **changes)
    rows = []
    for cell in {c["trainset_id"]: c for c in cells}.values():
        name = cell["trainset_id"]
        listed = made.trainset(cell["text"], cell["rows_added"]) if sets is None else sets.get(name, [])
        rows += [{**row, "trainset_id": name, "position": i} for i, row in enumerate(listed)]
    changes = {k: v for k, v in changes.items() if k not in ("kind", "attempt")}
    job = {"master_seed": 11, "items": cells,
           "settings": {"recipe": recipe_entry(**changes), "thresholds": POLICIES, "folds": 3,
                        "losses": losses or {}}}  # fmt: skip
    numbers = np.arange(len(one.store.lengths))[:, None]
    results = run_cells(job, made.documents, made.labels, made.regimes, rows, one.store.row, numbers, tuner=one)
    results.tuner = one
    return results


def cell(made: World, text: str = "none", added: int = 0, **factors):
    return made.cell(text, added, **{"classifier": "encoder", "n_updates": 12, "encoder": "tiny_bert", **factors})


# ---- batches -------------------------------------------------------------------------------


def bucketed(rows, updates, batch, lengths, seed=0, bucket=4, **more):
    return batch_plan(rows, updates, batch, np.random.default_rng(seed), lengths=lengths, bucket=bucket, **more)


def test_bucketed_epochs_show_every_row_once_and_batches_hold_similar_lengths():
    lengths = np.random.default_rng(1).integers(5, 200, size=45)
    rows = np.repeat(np.arange(45), 2)
    plan, weight = bucketed(rows, 24, 8, lengths)
    assert weight.sum(1) == pytest.approx(1) and set((weight > 0).sum(1)) == {8, 2}
    for epoch in range(2):
        part = slice(epoch * 12, (epoch + 1) * 12)
        shown = plan[part][weight[part] > 0]
        assert (np.bincount(shown) == 2).all()
    free, _ = batch_plan(rows, 24, 8, np.random.default_rng(0))

    def padding(plan: np.ndarray) -> float:
        return float((lengths[plan].max(1) * plan.shape[1]).sum() / lengths[plan].sum())

    assert padding(plan[weight.min(1) > 0]) < 0.8 * padding(free)
    again, _ = bucketed(rows, 24, 8, lengths)
    assert (again == plan).all()


def test_every_row_is_as_likely_in_every_update_and_weighs_the_same_whatever_its_length():
    """4,000 seeds; the standard error of a share of 4/22 is .006, of a mean weight about .002."""
    lengths = np.arange(22)
    times, mass = np.zeros((6, 22)), np.zeros(22)
    for seed in range(4000):
        plan, weight = bucketed(np.arange(22), 6, 4, lengths, seed, bucket=3)
        for update in range(6):
            times[update, plan[update][weight[update] > 0]] += 1
        np.add.at(mass, plan.ravel(), weight.ravel())
    assert np.abs(times[:5] / 4000 - 4 / 22).max() < 0.03 and np.abs(times[5] / 4000 - 2 / 22).max() < 0.03
    assert np.abs(mass / 4000 - 6 / 22).max() < 0.01


def test_half_real_batches_stay_half_real_when_they_are_bucketed():
    lengths = np.random.default_rng(0).integers(5, 200, size=40)
    plan, weight = bucketed(np.arange(10), 30, 8, lengths, added=np.arange(10, 40))
    assert (plan[:, :4] < 10).all() and (plan[:, 4:] >= 10).all() and (weight == 1 / 8).all()
    assert np.ptp(np.bincount(plan[:, 4:].ravel(), minlength=40)[10:]) <= 1


# ---- one model -----------------------------------------------------------------------------


def lesson(store, rows, updates=6, head_start="zero", order="half_real", **seed) -> Lesson:
    train = [row for row in rows if row["split"] == "train"]
    labels = np.array([[f"L{k}" in row["labels"] for k in range(LABELS)] for row in train], dtype=np.uint8)
    return Lesson(
        texts=np.array([store.row[row["doc_id"]] for row in train]), labels=labels,
        label_ids=[f"L{k}" for k in range(LABELS)], rows=np.arange(len(train)), added=None, order=order,
        updates=updates, head_start=head_start, master_seed=3, seed={"draw": 0, "training_seed": 0, "fold": -1, **seed},
    )  # fmt: skip


def fine_tuning(model_dir, kind="bert", **changes) -> tuple[FineTuning, list[dict]]:
    torch.set_num_threads(1)
    rows, recipe = documents(), read_recipe(recipe_entry(**changes))
    start = load_encoder(entry(kind), model_dir, recipe)
    return FineTuning(start, token_store(rows, start.tokenise, start.padding), recipe, LABELS), rows


def gradients(made: FineTuning) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in made.network.parameters() if p.grad is not None]).clone()


@pytest.mark.parametrize("kind", KINDS)
def test_accumulated_gradients_are_those_of_the_mean_over_all_document_label_terms(model_dir, kind):
    made, rows = fine_tuning(model_dir, kind)
    train = lesson(made.store, rows)
    made._reset(train, train.labels.astype(np.float32))
    batch = np.arange(8)
    texts, truth = train.texts[batch], train.labels[batch].astype(np.float32)
    weight, drop = np.full(8, 1 / 8, np.float32), np.ones((8, 16), np.float32)
    found = {}
    for size in (8, 4, 3, 1):
        made._gradients(size, texts, truth, weight, drop)
        found[size] = gradients(made)
    made.network.zero_grad()
    loss = torch.nn.BCEWithLogitsLoss()(
        made.network(made.network.pooled(*made._tokens(texts))), torch.from_numpy(truth)
    )
    loss.backward()
    norm = gradients(made).norm()
    for size, flat in found.items():
        assert (flat - gradients(made)).norm() / norm < 1e-5, size
        assert float(flat.norm() / norm) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_of_micro_batches_changes_rounding_alone(model_dir, kind):
    outputs = []
    for size in (8, 3):
        made, rows = fine_tuning(model_dir, kind, micro_batch=size, dropout=0.3)
        micro = MicroBatch("c", size)
        model = made.train(lesson(made.store, rows, updates=8), micro)
        outputs.append(made.predict(model, np.arange(len(made.store.lengths)), micro))
    assert np.abs(outputs[0] - outputs[1]).max() < 1e-4


def test_training_makes_u_updates_counts_exposures_and_moves_the_encoder(model_dir):
    made, rows = fine_tuning(model_dir)
    model = made.train(lesson(made.store, rows, updates=16), MicroBatch("c", 8))
    assert model.updates == 16 and (model.exposures == 2).all()  # 8 updates an epoch, the last with 4 rows
    moved = {name: float((model.state["body." + name] - start).abs().max()) for name, start in made.start.start.items()}
    assert min(v for k, v in moved.items() if k.endswith("query.weight")) > 1e-4
    assert 0 <= model.clipped <= 1


def test_the_same_lesson_gives_the_same_bits_and_another_seed_others(model_dir):
    def scores(**seed):
        made, rows = fine_tuning(model_dir)
        micro = MicroBatch("c", 8)
        return made.predict(made.train(lesson(made.store, rows, **seed), micro), np.arange(20), micro)

    assert (scores() == scores()).all()
    assert np.abs(scores() - scores(training_seed=1)).max() > 1e-3
    before = torch.are_deterministic_algorithms_enabled()
    scores()
    assert torch.are_deterministic_algorithms_enabled() == before


def test_scores_are_the_head_on_the_pooled_output_and_do_not_depend_on_batch_mates(model_dir):
    made, rows = fine_tuning(model_dir)
    micro = MicroBatch("c", 8)
    model = made.train(lesson(made.store, rows), micro)
    texts = np.array([4, 7, 7, 0])
    alone = np.concatenate([made.predict(model, texts[i : i + 1], MicroBatch("c", 1)) for i in range(4)])
    assert np.abs(made.predict(model, texts, micro) - alone).max() < 1e-5
    pooled = made.represent(model, texts, micro)
    logits = pooled @ model.state["head.weight"].numpy().T + model.state["head.bias"].numpy()
    assert 1 / (1 + np.exp(-logits)) == pytest.approx(alone, abs=1e-5)
    assert made.predict(model, np.zeros(0, dtype=np.int64), micro).shape == (0, LABELS)


def test_a_prior_head_starts_at_the_label_shares(model_dir):
    made, rows = fine_tuning(model_dir, learning_rate=1e-9)
    micro = MicroBatch("c", 8)
    one = lesson(made.store, rows, updates=1, head_start="prior")
    bias = made.train(one, micro).state["head.bias"].numpy()
    share = np.maximum(one.labels.sum(0), 1) / (len(one.rows) + 2)
    assert 1 / (1 + np.exp(-bias)) == pytest.approx(share, abs=1e-5)
    assert made.train(lesson(made.store, rows, updates=1), micro).state["head.bias"].abs().max() < 1e-6
    with pytest.raises(ParameterError, match="head start"):
        made.train(lesson(made.store, rows, head_start="warm"), micro)


# ---- texts ---------------------------------------------------------------------------------


def test_texts_are_stored_once_cut_masked_and_filled_up():
    def tokenise(texts):
        numbers = [[len(word) for word in text.split()] for text in texts]
        return [part[:4] for part in numbers], [len(part) > 4 for part in numbers]

    rows = [{"doc_id": "a", "text": "one three five"}, {"doc_id": "b", "text": "one three five"},
            {"doc_id": "c", "text": "a bb ccc dddd eeeee"}]  # fmt: skip
    store = token_store(rows, tokenise, 99)
    assert store.row["a"] == store.row["b"] != store.row["c"] and len(store.lengths) == 2
    assert store.ids[store.row["a"]].tolist() == [3, 5, 4, 99] and store.ids[store.row["c"]].tolist() == [1, 2, 3, 4]
    assert store.cut.tolist() == [store.row["c"] == 0, store.row["c"] == 1]
    hidden = token_store(rows, tokenise, 99, words={"three"})
    assert hidden.ids[hidden.row["a"]].tolist() == [3, 4, 4, 99]  # item
    with pytest.raises(DataError, match="'a' stands twice"):
        token_store([*rows, {"doc_id": "a", "text": "other"}], tokenise, 99)


# ---- cells ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(model_dir):
    made = world()
    cells = [cell(made, n_updates=120), cell(made, "copies_balanced", 30, updates="high", n_updates=30)]
    return made, cells, run(made, cells, model_dir)


def test_a_cell_has_every_score_and_the_held_out_fold_alone_out_of_fold(trained):
    made, cells, results = trained
    assert not results.gaps
    for contract in ("scores", "counts"):
        CONTRACTS[contract].check(getattr(results, contract), contract)
    fold = sorted(doc_id for doc_id, k in zip(made.order[:30], made.regimes[0]["folds"], strict=True) if k == 0)
    for one in cells:
        parts = {part[1]: part for part in results.predictions if part[0] == one["cell_id"]}
        assert parts["oof"][2] == fold and len(parts["test"][2]) == 50
        assert value(results, one, "updates_done") == one["n_updates"] and value(results, one, "folds_fitted") == 1
        assert value(results, one, "micro_batch") == 8 and 0 < value(results, one, "cut_share") < 1
        for policy in POLICIES:
            assert value(results, one, "f1_micro", policy) is not None
        assert 0 < value(results, one, "ndcg_at_10_encoder") <= 1
        real = [len(made.by_id[name]["labels"]) for name in made.order[:30]]
        assert value(results, one, "cardinality_real") == pytest.approx(np.mean(real))
        assert value(results, one, "cardinality_predicted", "cardinality") == pytest.approx(np.mean(real), abs=0.03)


def test_it_learns_what_the_words_say(trained):
    made, cells, results = trained
    truth = np.array([[f"L{k}" in row["labels"] for k in range(LABELS)] for row in made.documents[60:]])
    assert value(results, cells[0], "ap_micro") > truth.mean() + 0.3
    assert value(results, cells[0], "ap_micro_oof") > truth.mean() + 0.2


def test_a_cell_alone_is_bit_equal_to_the_same_cell_among_others(trained, model_dir):
    made, cells, together = trained
    alone = run(made, cells[1:], model_dir)
    assert (test_scores(alone, cells[1]) == test_scores(together, cells[1])).all()
    assert alone.scores == [row for row in together.scores if row["cell_id"] == cells[1]["cell_id"]]


def test_permuted_labels_permute_the_scores(model_dir):
    made = world()
    one = cell(made, head_start="prior")
    moved = copy.copy(made)
    moved.labels = made.labels[::-1]
    plain, other = (test_scores(run(w, [one], model_dir), one) for w in (made, moved))
    assert other[:, ::-1] == pytest.approx(plain, abs=1e-5)


def test_a_held_out_fold_is_never_trained_on(model_dir):
    """Labels drawn at random: what is known by heart must not help on the fold."""
    rng = np.random.default_rng(4)
    rows = [{**row, "labels": [f"L{k}" for k in np.flatnonzero(rng.random(LABELS) < 0.4)]} for row in documents()]
    made = world(45, rows)
    one = cell(made, "copies_balanced", 90, updates="high", n_updates=150)
    results = run(made, [one], model_dir, learning_rate=0.02)
    assert value(results, one, "loss_final") < 0.45
    assert value(results, one, "ap_micro_oof") < 0.65


@pytest.mark.parametrize("exposure", ["half_real", "curriculum", "ensemble", "filtered"])
def test_every_way_of_mixing_runs_when_all_folds_have_a_model(model_dir, exposure):
    made = world(24)
    one = cell(made, "synthetic", 16, updates="high", exposure=exposure)
    results = run(made, [one], model_dir, folds_fitted=None)
    assert not results.gaps and value(results, one, "updates_done") == 12
    assert len(test_scores(results, one, "oof")) == 24


def test_pseudo_labels_and_a_tuned_grid(model_dir):
    made = world(24)
    cells = [cell(made, "pseudo_labelled", 10, updates="high"),
             cell(made, updates="grid", tuning="tuned", n_updates=None)]  # fmt: skip
    results = run(made, cells, model_dir, folds_fitted=None)
    assert not results.gaps
    assert value(results, cells[1], "updates_selected") == value(results, cells[1], "updates_done") == 40


def test_what_means_nothing_is_a_gap_and_the_others_go_on(model_dir):
    made = world()
    good, stop = cell(made, n_updates=2), cell(made, updates="stopped", n_updates=9)
    focal, absent = cell(made, loss="focal"), cell(made, "copies_balanced", 30)
    sets = {good["trainset_id"]: made.trainset("none")}
    results = run(made, [good, stop, focal, absent], model_dir, sets)
    reasons = {row["subject"]: row["reason"] for row in results.gaps}
    assert "no stop rule" in reasons[stop["cell_id"]] and "focal" in reasons[focal["cell_id"]]
    assert "was not made" in reasons[absent["cell_id"]] and good["cell_id"] not in reasons


# ---- memory --------------------------------------------------------------------------------


def starve(monkeypatch, most: int) -> list[int]:
    """A GPU that holds `most` documents at once; the sizes that were tried."""
    plain, tried = FineTuning._gradients, []

    def gradients(self, size, texts, *rest):
        tried.append(size)
        if min(size, len(texts)) > most:
            plain(self, most, texts, *rest)  # some gradients are there already when the memory runs out
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, size, texts, *rest)

    monkeypatch.setattr(FineTuning, "_gradients", gradients)
    return tried


def test_too_little_memory_halves_the_micro_batch_once_says_so_and_gives_the_same_result(
    model_dir, monkeypatch, capsys, trained
):
    made, cells, roomy = trained
    tried = starve(monkeypatch, 4)
    results = run(made, cells[1:], model_dir)
    assert tried[:2] == [8, 4] and set(tried[1:]) == {4}
    assert "out of GPU memory; the micro-batch goes from 8 to 4" in capsys.readouterr().err
    assert value(results, cells[1], "micro_batch") == 4
    assert results.tuner.facts["cells_with_half_of_it"] == [cells[1]["cell_id"]]
    assert roomy.tuner.facts["cells_with_half_of_it"] == []
    assert np.abs(test_scores(results, cells[1]) - test_scores(roomy, cells[1])).max() < 1e-3


def test_too_little_memory_twice_asks_for_another_try_with_less_and_is_no_gap(model_dir, monkeypatch):
    starve(monkeypatch, 2)
    made = world()
    with pytest.raises(RetryError, match="does not hold a micro-batch of 4 documents") as caught:
        run(made, [cell(made)], model_dir)
    assert caught.value.code == 75
    assert not run(made, [cell(made)], model_dir, attempt=2).gaps  # starts with a quarter
    assert tuner(model_dir, made.documents, attempt=9).size == 1


def test_prediction_that_runs_out_of_memory_goes_on_with_half(model_dir, monkeypatch):
    made, rows = fine_tuning(model_dir)
    micro = MicroBatch("c", 8)
    model = made.train(lesson(made.store, rows), micro)
    expected = made.predict(model, np.arange(60), micro)
    plain = FineTuning._outputs

    def outputs(self, texts, output):
        if len(texts) > 4 * tuning._PREDICT:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, texts, output)

    monkeypatch.setattr(FineTuning, "_outputs", outputs)
    assert np.abs(made.predict(model, np.arange(60), micro) - expected).max() < 1e-5
    assert micro.size == 4


# ---- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "kind", "error", "words"),
    [
        ({"dtype": "bfloat16"}, "bert", UnavailableError, "bfloat16 needs a GPU"),
        ({"attention": "flash_attention_2"}, "bert", UnavailableError, "flash_attention_2 needs a GPU"),
        ({"max_tokens": 65}, "bert", ConfigError, "reads 64 tokens, the recipe asks for 65"),
        ({"attention": "sdpa"}, "mpnet", UnavailableError, "cannot run with attention 'sdpa'"),
    ],
)
def test_what_the_machine_or_the_model_cannot_do_is_refused(model_dir, monkeypatch, change, kind, error, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(error, match=words):
        load_encoder(entry(kind), model_dir, read_recipe(recipe_entry(**change)))


def test_mpnet_runs_with_eager_attention_and_cls_pooling_takes_the_first_token(model_dir):
    recipe = read_recipe(recipe_entry(attention="eager"))
    start = load_encoder(entry("mpnet", pooling="cls"), model_dir, recipe)
    hidden = torch.randn(2, 3, 4)
    assert (start.pool(hidden, torch.ones(2, 3)) == hidden[:, 0]).all() and start.body.pooler is None


def test_dropout_inside_the_encoder_follows_the_recipe(model_dir):
    for share in (0.0, 0.2):
        body = load_encoder(entry(), model_dir, read_recipe(recipe_entry(body_dropout=share))).body
        assert {m.p for m in body.modules() if isinstance(m, torch.nn.Dropout)} == {share}


@pytest.mark.parametrize(
    "change",
    [{"dtype": "float16"}, {"attention": "fast"}, {"micro_batch": 0}, {"folds_fitted": 0}, {"body_dropout": 1.0},
     {"deterministic": "yes"}, {"grid_updates": [5]}, {"max_tokens": 0}, {"surprise": 1}],
)  # fmt: skip
def test_an_encoder_recipe_that_means_nothing_is_refused(change):
    with pytest.raises(ConfigError):
        read_recipe(recipe_entry(**change))
