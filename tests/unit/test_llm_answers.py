"""Instruction-tuned LLMs: labels as words, the loss on answers alone, decoding inside the grammar, parsing, scores."""

import itertools
import json

import numpy as np
import pytest
import torch
import yaml
from helpers.tiny_llm import NO_SYSTEM, TEMPLATE, make_llm, tiny_tokenizer
from test_encoder import LABELS, WORDS, documents, gradients, lesson, world
from test_llm_head import small_design
from test_plan import ROOT, corpus, plan
from training_world import POLICIES, RECIPES, World, test_scores, value

from volfid.core.exits import ConfigError
from volfid.training.decoding import END, Free, Grammar, beam_shares, search, trie
from volfid.training.encoder import Tuned
from volfid.training.instruct import InstructTuning
from volfid.training.instruct_cells import InstructTuner
from volfid.training.memory import MicroBatch
from volfid.training.pretrained import load_writer
from volfid.training.prompts import speech
from volfid.training.recipes import read_recipe
from volfid.training.runner import run_cells
from volfid.training.tokens import token_store
from volfid.training.tuners import make_tuner
from volfid.training.verbal import (
    Parsed,
    answer_text,
    first_words,
    frequency_order,
    label_codes,
    parse_answer,
    system_text,
)

NAMES = ["pumps", "valves", "lasers", "robots", "fibres"]
SMALL = {"model": "tiny_llama", "batch": 8, "micro_batch": 8, "max_tokens": 24, "learning_rate": 0.02, "epochs": 2,
         "grid_updates": [5, 40], "bucket": 3, "lora_rank": 4, "lora_dropout": 0.0, "beams": 1}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of models, and the entry of the tiny one."""
    folder = tmp_path_factory.mktemp("models")
    return folder, make_llm(folder, [*WORDS, *NAMES, system_text(label_codes(LABELS), NAMES)])


def recipe_entry(**changes) -> dict:
    return {**RECIPES["llm_answers"], **SMALL, **changes}


def tuning(model, **changes) -> tuple[InstructTuning, list[dict]]:
    torch.set_num_threads(1)
    folder, entry = model
    rows, recipe = documents(), read_recipe(recipe_entry(**changes))
    start = load_writer(entry, folder, recipe, NAMES)
    made = InstructTuning(start, token_store(rows, start.tokenise, start.padding), recipe, LABELS)
    made.order = np.array([2, 0, 1, 4, 3])
    return made, rows


def stirred(made: InstructTuning) -> InstructTuning:
    """Adapters that do something, the same each time."""
    made.start.restart(1)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in made.network.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    return made


# ---- labels as words -----------------------------------------------------------------------


def test_labels_are_numbered_and_answers_are_in_descending_frequency():
    assert label_codes(3) == ["L01", "L02", "L03"] and label_codes(120)[99] == "L100" and label_codes(120)[0] == "L001"
    labels = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0]], dtype=np.uint8)
    assert frequency_order(labels, np.array([0, 1, 2])).tolist() == [1, 2, 0, 3]
    assert frequency_order(labels, np.array([0, 0, 0, 1])).tolist() == [1, 0, 2, 3]  # copies count; ties by column
    assert answer_text(label_codes(4), [1, 2]) == '["L02","L03"]' and answer_text(label_codes(4), []) == "[]"
    listed = system_text(["L01", "L02"], ["pumps", "valves"])
    assert "\nL01 pumps\nL02 valves\n" in listed and "pumps" not in system_text(["L01", "L02"], None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('["L02","L01"]', Parsed((1, 0), False, 2, 0, 0)),
        ('["L01","L03","L01"]', Parsed((0, 2), False, 3, 0, 1)),
        ('["L99", "L02", "pumps"]', Parsed((1,), False, 3, 2, 0)),
        ('["L01","L0', Parsed((), True, 0, 0, 0)),
        ('["L01",', Parsed((), True, 0, 0, 0)),
        ("[]", Parsed((), False, 0, 0, 0)),
        ('Sure! See [1]: the labels are ["L03"]. I hope that ["L01"] helps.', Parsed((2,), False, 1, 0, 0)),
        ('```json\n[ "L01" ,\n " L02 " ]\n```', Parsed((0, 1), False, 2, 0, 0)),
        ("L01, L02", Parsed((), True, 0, 0, 0)),
        ("", Parsed((), True, 0, 0, 0)),
        ('{"labels": ["L02"]}', Parsed((1,), False, 1, 0, 0)),
        ('[["L01"]]', Parsed((0,), False, 1, 0, 0)),
    ],
)
def test_an_answer_is_parsed_or_counted_as_a_failure(text, expected):
    assert parse_answer(text, label_codes(3)) == expected


@pytest.mark.parametrize("labels", [[], [1], [0, 1, 2], [4, 2, 0, 3, 1]])
def test_what_is_trained_is_what_the_parser_reads(model, labels):
    made, _ = tuning(model)
    tokens = made.speech.answer(labels)
    assert parse_answer(made.speech.decoded(tokens), made.speech.codes).columns == tuple(labels)
    assert tokens[-1] == made.speech.tokenizer.eos_token_id


# ---- the loss ------------------------------------------------------------------------------


def test_the_loss_is_on_the_answer_and_its_end_alone(model):
    """Decoded: what the loss is on, and what stands before it."""
    made, rows = tuning(model)
    texts = np.array([3, 8, 40])
    truth = np.array([[1, 0, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
    answers = [made._answer(row) for row in truth]
    ids, mask = made._rows(texts, made.speech.tail, answers)
    terms = made.answer_losses(texts, answers)
    longest = terms.shape[1]
    head = len(made.speech.head)
    said = []
    for row in range(3):
        counted = terms[row] != 0
        said.append(made.speech.tokenizer.decode(ids[row, -longest:][counted]))
        before = ids[row, :-longest][mask[row, head:-longest] == 1]
        text = made.store.ids[texts[row], : made.store.lengths[texts[row]]]
        shown = made.speech.tokenizer.decode(before)
        assert shown == made.speech.tokenizer.decode(text) + "<|im_end|>\n<|im_start|>assistant\n"
    assert said == ['["L03","L01"]<|im_end|>', "[]<|im_end|>", '["L03","L01","L02","L05","L04"]<|im_end|>']
    prompt = made.speech.tokenizer.decode(list(made.speech.head))
    assert (
        prompt.startswith("<|im_start|>system\n") and prompt.endswith("<|im_start|>user\n") and "L05 fibres" in prompt
    )
    assert len(rows) > 40


def test_losses_are_those_of_the_whole_sequence_read_at_once_and_alone(model):
    """The label list read once for all and padding in the middle change nothing."""
    made, _ = tuning(model)
    stirred(made).network.eval()
    texts, truth = np.array([3, 8, 40]), np.array([[1, 0, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
    answers = [made._answer(row) for row in truth]
    with torch.no_grad():
        terms = made.answer_losses(texts, answers)
        for row, answer in enumerate(answers):
            text = made.store.ids[texts[row], : made.store.lengths[texts[row]]].tolist()
            whole = torch.tensor([[*made.speech.head, *text, *made.speech.tail, *answer]])
            logs = torch.log_softmax(made.network.body(whole).logits[0, :-1].float(), -1)
            own = -logs.gather(1, whole[0, 1:, None])[-len(answer) :, 0]
            assert terms[row, : len(answer)].numpy() == pytest.approx(own.numpy(), abs=1e-5)
            assert (terms[row, len(answer) :] == 0).all()


@pytest.mark.parametrize("checkpointing", [False, True])
def test_accumulated_gradients_are_those_of_the_mean_over_all_answer_tokens(model, checkpointing):
    made, rows = tuning(model, checkpointing=checkpointing)
    train = lesson(made.store, rows)
    made._reset(train, train.labels.astype(np.float32))
    stirred(made).network.train()
    texts, truth = train.texts[:8], train.labels[:8].astype(np.float32)
    weight = np.full(8, 1 / 8, np.float32)
    found = {}
    for size in (8, 4, 2, 1):
        made._gradients(size, texts, truth, weight, np.ones((8, 0)))
        found[size] = gradients(made)
    made.network.zero_grad()
    terms = made.answer_losses(texts, [made._answer(row) for row in truth])
    (terms.sum() / (terms != 0).sum()).backward()
    norm = gradients(made).norm()
    for size, flat in found.items():
        assert (flat - gradients(made)).norm() / norm < 1e-5, size
        assert float(flat.norm() / norm) == pytest.approx(1, abs=1e-5)


# ---- decoding ------------------------------------------------------------------------------

FIRST = [[5, 1], [5, 2], [6, 3]]  # two ids share their first token
GRAMMAR = Grammar(FIRST, [[4, *item] for item in FIRST], [7, 8], most=3)


def table(seed: int, size: int = 10):
    """A language model whose next logits depend on all tokens so far."""

    def logits(tokens: tuple[int, ...]) -> torch.Tensor:
        return torch.from_numpy(np.random.default_rng([seed, *tokens]).normal(size=size) * 2)

    return logits


def said_by(table_of, rules, beams: int, documents: int = 2):
    """Search over the tables of some documents."""
    live = [(k, ()) for k in range(documents)]

    def step(parents, tokens):
        nonlocal live
        live = [(live[p][0], (*live[p][1], t)) for p, t in zip(parents, tokens, strict=True)]
        return torch.stack([table_of(k)(said) for k, said in live])

    return search(torch.stack([table_of(k)(()) for k in range(documents)]), step, rules, beams)


def every_answer(logits) -> dict[tuple[int, ...], float]:
    """All sequences of the grammar and their log probabilities, by walking it."""
    done, live = {}, [GRAMMAR.start()]
    while live:
        one = live.pop()
        allowed = GRAMMAR.allowed(one)
        logs = torch.log_softmax(logits(one.tokens)[allowed], 0).tolist()
        for token, log in zip(allowed, logs, strict=True):
            made = GRAMMAR.extended(one, token, log)
            if made.done:
                done[made.tokens] = made.log
            else:
                live.append(made)
    return done


def test_the_grammar_holds_every_array_without_repeats_and_nothing_else():
    found = every_answer(table(0))
    expected = set()
    for count in range(4):
        for chosen in itertools.permutations(range(3), count):
            parts = [token for place, k in enumerate(chosen) for token in ([4] * (place > 0) + FIRST[k])]
            expected.add((*parts, 7, 8))
    assert set(found) == expected and len(expected) == 16
    assert sum(np.exp(list(found.values()))) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("beams", [1, 2, 5, 40])
def test_beam_search_finds_what_walking_all_answers_finds(beams):
    """With as many beams as answers exactly; with fewer none twice, each with its own probability; one is greedy."""
    for seed in range(12):
        tables = [table(2 * seed), table(2 * seed + 1)]
        for document, found in enumerate(said_by(lambda k, t=tables: t[k], GRAMMAR, beams)):
            walked = every_answer(tables[document])
            assert len({one.tokens for one in found}) == len(found) == min(beams, 16)
            for one in found:
                assert one.log == pytest.approx(walked[one.tokens], abs=1e-5)
                items = [k for k in range(3) if one.used >> k & 1]
                assert len(one.tokens) == 2 + 2 * len(items) + max(len(items) - 1, 0)
            if beams == 40:
                assert [one.tokens for one in found] == sorted(walked, key=lambda t: -walked[t])
            if beams == 1:
                one = GRAMMAR.start()
                while not one.done:
                    allowed = GRAMMAR.allowed(one)
                    token = allowed[int(tables[document](one.tokens)[allowed].argmax())]
                    one = GRAMMAR.extended(one, token, 0.0)
                assert found[0].tokens == one.tokens


def test_an_answer_ends_at_the_most_labels_and_free_ones_at_their_end_or_length():
    short = Grammar(FIRST, [[4, *item] for item in FIRST], [7, 8], most=1)
    for found in said_by(table, short, 9):
        assert {one.used.bit_count() for one in found} == {0, 1} and len(found) == 4
    for found in said_by(table, Free(frozenset({3}), 6), 1, documents=30):
        assert 3 not in found[0].tokens and len(found[0].tokens) <= 6


def test_ids_that_begin_one_another_are_refused():
    with pytest.raises(ConfigError, match="beginning of another"):
        trie({0: [1, 2], 1: [1], END: [3]})
    with pytest.raises(ConfigError, match="beginning of another"):
        trie({0: [1], 1: [1, 2], END: [3]})


def test_shares_sum_the_softmax_of_the_answers_that_name_a_label():
    found = [one for one in said_by(table, GRAMMAR, 3, documents=1)[0]]
    weights = np.exp([one.log for one in found]) / np.exp([one.log for one in found]).sum()
    for label, share in enumerate(beam_shares(found, 3)):
        named = [w for w, one in zip(weights, found, strict=True) if one.used >> label & 1]
        assert share == pytest.approx(sum(named), abs=1e-9)
    greedy = said_by(table, GRAMMAR, 1, documents=1)[0]
    assert set(beam_shares(greedy, 3)) <= {0.0, 1.0}


# ---- a model that answers ------------------------------------------------------------------


def test_decoding_with_the_cache_is_what_reading_everything_again_says(model):
    """Greedy and beams, for texts of different lengths together, against one full pass for every token."""
    for beams in (1, 3):
        made, _ = tuning(model, beams=beams, max_labels=3)
        stirred(made).network.eval()
        texts = np.array([0, 5, 9, 22])
        rules = made.speech.rules("constrained", 3)
        scores = made._outputs(texts, None)

        def whole(text: int, said: tuple[int, ...], made=made) -> torch.Tensor:
            document = made.store.ids[text, : made.store.lengths[text]].tolist()
            ids = [*made.speech.head, *document, *made.speech.tail, *made.speech.opening, *said]
            with torch.no_grad():
                return made.network.body(torch.tensor([ids])).logits[0, -1].double()

        found = said_by(lambda k, t=texts: lambda said: whole(int(t[k]), said), rules, beams, documents=4)
        expected = np.array([beam_shares(answers, LABELS) for answers in found])
        assert scores[:, :LABELS] == pytest.approx(expected, abs=1e-4)


def test_a_model_that_answers_reads_the_list_once_and_never_that_of_another(model, monkeypatch):
    made, _ = tuning(model, beams=2)

    def trained(seed: int) -> Tuned:
        torch.manual_seed(seed)
        weights = dict(made.network.named_parameters()).items()
        state = {name: torch.randn_like(value) / 4 for name, value in weights if "lora_B" in name}
        return Tuned(state, 1, np.zeros(1), 0.0)

    reads, read_head = [], made._read_head
    monkeypatch.setattr(made, "_read_head", lambda: reads.append(0) or read_head())
    first, second, texts = trained(1), trained(2), np.arange(20)
    found = [made.predict(one, texts, MicroBatch("c", 1)) for one in (first, first, second, first)]
    assert len(reads) == 3  # ten batches a call, and two calls follow one another
    made._load(second)
    with torch.no_grad():  # as in training, every batch reads the list itself
        again = np.vstack([made._outputs(texts[at : at + 1], None)[:, :LABELS] for at in texts])
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[3])
    assert found[2] == pytest.approx(again, abs=1e-5) and not np.array_equal(found[0], found[2])


def test_yes_and_no_are_asked_with_the_document_read_once(model):
    made, _ = tuning(model, ranking="yes_no", max_labels=3)
    stirred(made).network.eval()
    text, speech_ = 9, made.speech
    document = made.store.ids[text, : made.store.lengths[text]].tolist()
    with torch.inference_mode():
        shares = made._asked(text)
        scores = made._outputs(np.array([text]), None)[0, :LABELS]
    for label in range(LABELS):
        ids = [*speech_.head, *document, *speech_.questions[label]]
        assert f"Does L0{label + 1} apply?" in speech_.tokenizer.decode(ids)
        with torch.no_grad():
            p = torch.softmax(made.network.body(torch.tensor([ids])).logits[0, -1], -1)
        yes, no = (float(p[list(tokens)].sum()) for tokens in (speech_.yes, speech_.no))
        assert shares[label] == pytest.approx(yes / (yes + no), abs=1e-5)
    plain, _ = tuning(model, max_labels=3)
    answer = stirred(plain)
    answer.network.eval()
    said = answer._outputs(np.array([text]), None)[0, :LABELS]
    assert scores == pytest.approx((said + shares) / 2, abs=1e-5) and ((scores > 0.5) == (said > 0)).all()


def run(made: World, cells: list[dict], model, **changes):
    """The cells as one job; their training sets follow from their factors."""
    torch.set_num_threads(1)
    folder, entry = model
    settings = {"recipe": recipe_entry(**changes), "encoder": entry, "thresholds": POLICIES, "folds": 3}
    names = [{**row, "name": name} for row, name in zip(made.labels, NAMES, strict=True)]
    one = make_tuner(settings, made.documents, folder, 1, names)
    assert isinstance(one, InstructTuner)
    rows = [
        {**row, "trainset_id": c["trainset_id"], "position": i}
        for c in {c["trainset_id"]: c for c in cells}.values()
        for i, row in enumerate(made.trainset(c["text"], c["rows_added"]))
    ]
    job = {"master_seed": 11, "items": cells, "settings": settings}
    numbers = np.arange(len(one.store.lengths))[:, None]
    results = run_cells(job, made.documents, made.labels, made.regimes, rows, one.store.row, numbers, tuner=one)
    results.tuner = one
    return results


def cell(made: World, text: str = "none", added: int = 0, **factors):
    return made.cell(text, added, **{"classifier": "llm_answers", "n_updates": 12, "encoder": "tiny_llama", **factors})


def test_the_command_reads_label_names_and_writes_what_every_training_task_writes(model, tmp_path, monkeypatch):
    """As a task runs it, in this process: files in, files out."""
    import train_encoder as command

    from volfid.core.schemas import CONTRACTS

    folder, entry = model
    made = world(24)
    one = cell(made, n_updates=2)
    settings = {"recipe": recipe_entry(), "encoder": entry, "thresholds": POLICIES, "folds": 3, "source": "real"}
    job = {"job_id": "encoders__x", "stage": "encoders", "label": "gpu_train", "model": entry["name"], "code": "x",
           "master_seed": 11, "settings": settings, "items": [one]}  # fmt: skip
    CONTRACTS["job"].write(tmp_path / "job.json", job)
    CONTRACTS["documents"].write(tmp_path, [{**row, "text_sha": "x"} for row in made.documents])
    names = [{**row, "name": name, "definition": None} for row, name in zip(made.labels, NAMES, strict=True)]
    CONTRACTS["labels"].write(tmp_path, names)
    CONTRACTS["regimes"].write(tmp_path, made.regimes)
    rows = [{**row, "trainset_id": one["trainset_id"], "position": i} for i, row in enumerate(made.trainset("none"))]
    CONTRACTS["trainsets"].write(tmp_path, rows)
    files = {name: tmp_path / f"{name}.jsonl" for name in ("documents", "regimes", "trainsets")}
    lists = [files["regimes"]], [files["trainsets"]]
    given = (tmp_path / "job.json", files["documents"], tmp_path / "labels.json", *lists)
    command.train_encoder(*given, model_dir=folder, out_dir=tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["counts"]["scored"] == 1 and manifest["settings"]["ran"]["decoding"] == "constrained"
    metrics = {row["metric"] for row in CONTRACTS["scores"].read(tmp_path / "out" / "scores.parquet")}
    assert {"answers_unparsed_share", "answer_ids_unknown_share", "ap_micro", "updates_done"} <= metrics
    assert not CONTRACTS["gaps"].read(tmp_path / "out" / "gaps.jsonl")
    # a model that cannot run here is missing in these cells, and ends nothing
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    halved = {**settings, "recipe": recipe_entry(dtype="bfloat16")}
    CONTRACTS["job"].write(tmp_path / "job.json", {**job, "settings": halved})
    command.train_encoder(*given, model_dir=folder, out_dir=tmp_path / "gap")
    (gap,) = CONTRACTS["gaps"].read(tmp_path / "gap" / "gaps.jsonl")
    assert gap["subject"] == one["cell_id"] and "bfloat16 needs a GPU" in gap["reason"]
    assert not CONTRACTS["scores"].read(tmp_path / "gap" / "scores.parquet")
    assert json.loads((tmp_path / "gap" / "manifest.json").read_text())["counts"]["scored"] == 0


@pytest.fixture(scope="module")
def trained(model):
    made = world(24)
    cells = [cell(made, n_updates=70), cell(made, "copies_balanced", 24, updates="high", n_updates=6)]
    return made, cells, run(made, cells, model, beams=3)


def test_a_cell_learns_to_answer_and_the_parts_of_its_answers_are_scores(trained):
    _, cells, results = trained
    assert not results.gaps
    first, second = cells
    assert value(results, first, "answer_loss_final") < 0.5 * value(results, second, "answer_loss_final")
    assert value(results, first, "updates_done") == 70 and value(results, first, "folds_fitted") == 1
    for one in cells:
        for name in ("answers_unparsed_share", "answer_ids_unknown_share", "answer_ids_repeated_share"):
            assert value(results, one, name) == 0  # the grammar cannot fail
        scores = test_scores(results, one)
        assert scores.shape == (50, LABELS) and scores.min() >= 0 and scores.max() <= 1
        assert value(results, one, "f1_micro", "cardinality") is not None
    assert results.tuner.facts["ranking"] == "beam_softmax" and results.tuner.facts["tokens_of_label_list"] > 40


def test_a_cell_alone_is_bit_equal_to_the_same_cell_among_others(trained, model):
    made, cells, together = trained
    alone = run(made, cells[1:], model, beams=3)
    assert (test_scores(alone, cells[1]) == test_scores(together, cells[1])).all()


def test_free_answers_that_are_no_array_name_no_label_and_are_counted(model):
    """A model without training says anything; none of its documents is dropped."""
    made = world(24)
    one = cell(made, n_updates=1)
    results = run(made, [one], model, decoding="free", learning_rate=1e-9, max_labels=2)
    assert not results.gaps and len(test_scores(results, one)) == 50
    assert value(results, one, "answers_unparsed_share") == 1 and (test_scores(results, one) == 0).all()


def test_the_parse_of_free_answers_reaches_scores_and_rates(model, monkeypatch):
    made, _ = tuning(model, decoding="free")
    made.network.eval()
    said = iter(['["L02","L99","L02"]', "no idea", "[]"])
    monkeypatch.setattr(type(made.speech), "decoded", lambda self, tokens: next(said))
    found = made._outputs(np.array([0, 1, 2]), None)
    assert found[:, :LABELS].tolist() == [[0, 1, 0, 0, 0], [0] * 5, [0] * 5]
    assert found[:, LABELS:].tolist() == [[0, 3, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("family", ["llm_head", "llm_answers_free"])
def test_smollm2_is_trained_and_answers(family):
    """The model of the repository, one update on three short documents: that what is asked for fits real weights."""
    models = ROOT / "models"
    if not (models / "smollm2_135m" / "model.json").is_file():
        pytest.skip("SmolLM2 is not fetched")
    entry = yaml.safe_load((ROOT / "params/models.yaml").read_text())["generators"]["smollm2_135m"]
    small = {"batch": 3, "max_tokens": 8, "max_labels": 1, "folds_fitted": 1}
    recipe = {**RECIPES[family], **{name: value for name, value in small.items() if name in RECIPES[family]}}
    rows = [*documents()[:4], *documents()[60:62]]
    made = World(rows, np.zeros((1, 1)), 4, folds=2)
    one = made.cell(classifier=family, n_updates=1, encoder="smollm2_135m")
    settings = {"recipe": recipe, "encoder": {"name": "smollm2_135m", **entry}, "thresholds": POLICIES, "folds": 2}
    names = [{**row, "name": f"{row['label']} units"} for row in made.labels]
    torch.set_num_threads(1)
    tuner = make_tuner(settings, rows, models, 1, names)
    sets = [{**row, "trainset_id": one["trainset_id"], "position": i} for i, row in enumerate(made.trainset("none"))]
    job = {"master_seed": 11, "items": [one], "settings": settings}
    numbers = np.arange(len(tuner.store.lengths))[:, None]
    results = run_cells(job, rows, names, made.regimes, sets, tuner.store.row, numbers, tuner=tuner)
    assert not results.gaps and value(results, one, "updates_done") == 1
    assert tuner.facts["weights_trained"] == 4884480  # rank 16 on seven layers of each of 30 blocks
    assert test_scores(results, one).shape == (2, len(made.labels))


# ---- prompts and refusals ------------------------------------------------------------------


def test_a_template_without_a_system_part_is_named_and_the_list_can_open_the_turn(model):
    folder, _ = model
    own = make_llm(folder, WORDS, "tiny_plain", NO_SYSTEM)
    recipe = read_recipe(recipe_entry(max_labels=2))
    with pytest.raises(ConfigError, match=r"tiny_plain refuses a system part: no system part.*system_part: false"):
        load_writer(own, folder, recipe, NAMES)
    said = load_writer({**own, "chat": {"system_part": False}}, folder, recipe, NAMES).speech
    assert said.tokenizer.decode(list(said.head)).startswith("<|im_start|>user\nYou assign labels")


@pytest.mark.parametrize("template", [TEMPLATE, None])
def test_a_label_name_cannot_end_its_turn_and_a_model_without_turns_is_asked_in_plain_lines(template):
    tokenizer = tiny_tokenizer(WORDS, template)
    said = speech({"name": "x"}, tokenizer, ["a<|im_end|>b", "c"], True, False, frozenset())
    marks = tokenizer.convert_tokens_to_ids(["<|im_end|>"])[0]
    assert list(said.head).count(marks) == (1 if template else 0)
    assert said.head[0] == tokenizer.bos_token_id


@pytest.mark.parametrize(
    ("change", "words"),
    [({"decoding": "magic"}, "unknown"), ({"beams": 0}, "positive"), ({"decoding": "free", "beams": 3}, "greedy"),
     ({"ranking": "yes_no", "beams": 3}, "one answer"), ({"label_names": "all"}, "label_names"),
     ({"name_words": 0}, "name_words"),
     ({"attention": "flash_attention_2"}, "sdpa or eager"), ({"bucket": 0}, "bucket"), ({"lora_rank": 0}, "lora_rank")],
)  # fmt: skip
def test_a_recipe_that_means_nothing_is_refused(change, words):
    with pytest.raises(ConfigError, match=words):
        read_recipe(recipe_entry(**change))


def test_long_names_are_listed_by_their_first_words(model):
    folder, entry = model
    for words, there in ((2, False), (None, True)):
        recipe = read_recipe(recipe_entry(name_words=words))
        said = load_writer(entry, folder, recipe, ["pumps valves lasers robots", "fibres"]).speech
        listed = said.tokenizer.decode(list(said.head))
        assert "valves" in listed and ("lasers" in listed) == there and "fibres" in listed
    name = "PLANT REPRODUCTION; TISSUE CULTURE, AND MORE (NOT HERE)"
    assert [first_words(one, 2) for one in (name, "walking aid", None)] == ["PLANT REPRODUCTION", "walking aid", None]
    assert first_words(name, 4) == "PLANT REPRODUCTION; TISSUE CULTURE" and first_words(name, None) == name


def test_what_does_not_fit_or_has_no_name_is_refused(model):
    folder, entry = model
    with pytest.raises(ConfigError, match="reads 512 tokens; label list, document, question and answer take"):
        load_writer(entry, folder, read_recipe(recipe_entry(max_tokens=500)), NAMES)
    with pytest.raises(ConfigError, match="label L02 has no name"):
        load_writer(entry, folder, read_recipe(recipe_entry()), ["a", None])
    bare = load_writer(entry, folder, read_recipe(recipe_entry(label_names=False)), [None, None]).speech
    assert "L01, L02" in bare.tokenizer.decode(list(bare.head))


def test_the_plan_leaves_out_lists_of_names_that_are_not_there_and_estimates_the_rest():
    design = small_design(["llm_answers", "linear"], ["R0"])
    made = plan(design)
    (job,) = (job for job in made.jobs if job["stage"] == "encoders")
    assert job["settings"]["recipe"]["ranking"] == "beam_softmax" and job["model"] == "smollm2_135m"
    assert json.dumps(job["settings"]["encoder"])  # as it is written
    assert 20 < made.record["estimate"]["seconds"]["encoders"] < 2000
    reasons = {gap["what"]: gap["reason"] for gap in plan(design, corpus(named=False)).record["not_planned"]}
    assert "labels have no names" in reasons["block llm, arm R0, llm_answers"]
