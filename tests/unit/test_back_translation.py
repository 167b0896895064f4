"""Back-translation: sentences, a tiny random model of NLLB's architecture, the checks of what comes back."""

from dataclasses import replace

import pytest
import yaml
from generation_fixture import PROMPTS, ROOT, corpus, document_rows, job, pool
from test_plan import corpus as facts
from test_plan import plan, raw

from volfid.core.exits import ConfigError, InputMissingError
from volfid.core.schemas import CONTRACTS
from volfid.generation.engines.base import EngineOutput, EngineRequest, Rewrite, engine_settings
from volfid.generation.rewriting import REASONS, check, load_rewriter
from volfid.generation.runner import run_job
from volfid.generation.sentences import split_sentences

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_models import save_tiny_nllb  # noqa: E402

from volfid.generation.engines.nllb import NllbEngine, read_options  # noqa: E402

RULES = load_rewriter(PROMPTS / "back_translation/rewriter.yaml")
OPTIONS = {**RULES.options, "beams": 2, "max_new_tokens": 12}
GENERATORS = yaml.safe_load((ROOT / "params/models.yaml").read_text())["generators"]
ENTRY = {"name": "tiny_nllb", **GENERATORS["nllb_600m"], "revision": None}
PARENT = "The frame is bolted to a rail. It has two wheels, and the lever locks them on a slope."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_nllb(tmp_path_factory.mktemp("models")).parent


@pytest.fixture(scope="module")
def engine(folder):
    made = NllbEngine(engine_settings(ENTRY, 8), folder)
    made.start()
    return made


def ask(seed=3, turn=0, prompt="A pump. It turns.", **options):
    return EngineRequest("r", prompt, "", seed, 0, 1, 1, (), (), Rewrite(turn, OPTIONS | options, 9))


def test_sentences_end_where_they_end_and_are_the_text_again():
    text = 'See Fig. 3, e.g. the lever A. of 3.5 mm.  It is "shut." (Then it opens.) Is it? Yes! 12 turns\nfollow'
    found = split_sentences(text)
    assert found == [
        "See Fig. 3, e.g. the lever A. of 3.5 mm.", 'It is "shut."', "(Then it opens.)", "Is it?", "Yes!",
        "12 turns follow",
    ]  # fmt: skip
    assert " ".join(found) == " ".join(text.split())
    assert split_sentences("这是一个泵。它转动。") == ["这是一个泵。", "它转动。"]
    assert split_sentences(" ") == []


def test_the_greedy_translation_is_that_of_a_plain_loop_from_the_forced_language(engine):
    options = read_options(OPTIONS | {"beams": 1})
    found = engine.translate("A pump.", "eng_Latn", "deu_Latn", options)
    code = engine.tokenizer.convert_tokens_to_ids
    engine.tokenizer.src_lang = "eng_Latn"
    ids = engine.tokenizer("A pump.")["input_ids"]
    assert ids[0] == code("eng_Latn") and ids[-1] == engine.tokenizer.eos_token_id
    made = [engine.model.config.decoder_start_token_id, code("deu_Latn")]
    with torch.inference_mode():
        while len(made) < 13 and made[-1] != engine.tokenizer.eos_token_id:
            logits = engine.model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([made])).logits[0, -1]
            made.append(int(logits.argmax()))
    assert found.text == engine.tokenizer.decode(made, skip_special_tokens=True).strip()
    assert found.counted == len(made) - 1 and found.prompt_tokens == len(ids)
    ended = made[-1] == engine.tokenizer.eos_token_id
    assert found.finish_reason == ("stop" if ended else "length")


def test_every_sentence_goes_to_the_pivot_of_the_turn_and_back(engine, monkeypatch):
    seen = []

    def translate(sentence, start, end, options):
        seen.append((sentence, start, end))
        return EngineOutput(f"{sentence[:-1]} {end[:2]}.", None, 5, "stop", counted=4)

    monkeypatch.setattr(engine, "translate", translate)
    pivots = RULES.options["pivots"]
    assert pivots == ["fra_Latn", "deu_Latn", "jpn_Jpan", "zho_Hans"]
    for turn in (0, 1, 5, 7):
        seen.clear()
        (made,) = engine.generate([ask(turn=turn)], lambda: None)
        pivot = pivots[turn % 4]
        assert [(start, end) for _, start, end in seen] == [("eng_Latn", pivot), (pivot, "eng_Latn")] * 2
        assert made.text == f"A pump {pivot[:2]} en. It turns {pivot[:2]} en."
        assert (made.prompt_tokens, made.completion_tokens, made.finish_reason) == (20, 16, "stop")


def test_beams_repeat_themselves_and_draws_follow_the_seed_alone_and_among_others(engine):
    assert engine.generate([ask(1)], lambda: None) == engine.generate([ask(2)], lambda: None)
    options = read_options(OPTIONS | {"beams": 1, "temperature": 0.7})

    def draw(seed):
        torch.manual_seed(seed)
        return engine.translate("A pump.", "eng_Latn", "fra_Latn", options).text

    assert draw(4) == draw(4) and len({draw(seed) for seed in range(6)}) > 1
    drawn = {"temperature": 0.7, "beams": 1}
    before = torch.random.get_rng_state()
    alone = engine.generate([ask(4, **drawn)], lambda: None)[0]
    assert engine.generate([ask(9, **drawn), ask(4, **drawn)], lambda: None)[1] == alone
    assert torch.equal(before, torch.random.get_rng_state())  # nothing of it leaks


def test_what_is_too_long_to_go_or_to_come_is_cut_off_and_refused(engine):
    beats = []
    (made,) = engine.generate([ask(prompt="A pump turns. It stops.", sentence_tokens=5)], lambda: beats.append(1))
    assert made.finish_reason == "length" and made.text == "" and made.completion_tokens == 0 and beats
    assert (
        engine.translate("A pump.", "eng_Latn", "fra_Latn", read_options(OPTIONS | {"max_new_tokens": 2})).counted == 2
    )
    assert check("", "length", PARENT, RULES).reason == "truncated"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PARENT.upper(), "unchanged"), ("", "empty"), ("The frame is on a rail.", "length_ratio"),
        (PARENT + " " + PARENT, "length_ratio"),
        ("The frame is bolted to a rail, has two wheels, and the lever locks them on a slope.", "sentence_count"),
        ("Le cadre est vissé à un rail. Il a deux roues, et le levier les bloque en pente.", "language"),
        ("The frame is screwed to a rail. It has 2 wheels, and the lever blocks them on a slope.", None),
    ],
)  # fmt: skip
def test_what_comes_back_is_checked_and_refused_with_a_reason(text, reason):
    found = check(text, "stop", PARENT, RULES)
    assert found.reason == reason and (found.text == text if reason is None else found.text is None)


def test_a_short_answer_at_the_edge_of_the_ratio_is_kept():
    rules = replace(RULES, same_sentences=False, same_language=False)
    parent = "one two three four five six seven eight nine ten"
    for words, kept in ((5, False), (6, True), (16, True), (17, False)):
        assert (check(" ".join(["word"] * words), "stop", parent, rules).text is not None) is kept


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pivots": []}, "pivots"), ({"pivots": ["eng_Latn"]}, "pivots"), ({"beams": 0}, "beams"),
        ({"temperature": 0.7}, "temperature"), ({"other": 1}, "other"), ({"pivots": ["xxx_Latn"]}, "xxx_Latn"),
    ],
)  # fmt: skip
def test_options_without_a_meaning_are_refused_by_name(engine, change, words):
    with pytest.raises(ConfigError, match=words):
        engine.generate([ask(**change)], lambda: None)


def test_a_job_keeps_its_contract_its_reasons_and_its_bytes_and_says_the_licence(tmp_path, folder, capsys, monkeypatch):
    made = job(pool("back_translation", 8, generator="tiny_nllb"), chunk=4)
    made["settings"] |= {"engine": ENTRY, "sampling": {}, "attempts": 2}
    real = NllbEngine.translate

    def short(self, sentence, start, end, options):
        return real(self, sentence, start, end, replace(options, max_new_tokens=8, beams=2))

    monkeypatch.setattr(NllbEngine, "translate", short)

    def run(name):
        return run_job(made, corpus(), prompts=PROMPTS, out_dir=tmp_path / name, model_dir=folder)

    outcome = run("a")
    CONTRACTS["generations"].check(outcome.rows, "rows")
    assert "CC-BY-NC-4.0" in capsys.readouterr().err and outcome.engine["licence"] == "CC-BY-NC-4.0"
    assert all(row["text"] is None and row["attempts"] == 2 for row in outcome.rows)  # a random model says nothing
    assert {reason for row in outcome.rows for reason in row["attempt_reasons"]} <= set(REASONS)
    assert run("b").rows == outcome.rows

    def spelled(self, sentence, start, end, options):
        words = {"fra_Latn": "frame", "deu_Latn": "housing", "jpn_Jpan": "body", "zho_Hans": "case"}
        put = sentence if end == "eng_Latn" else sentence.replace("frame", words[end])
        return EngineOutput(put, None, 3, "stop", counted=3)

    monkeypatch.setattr(NllbEngine, "translate", spelled)
    outcome = run_job(made, corpus(), prompts=PROMPTS, out_dir=tmp_path / "c", model_dir=folder)
    parents = {row["doc_id"]: row for row in document_rows()}
    for row in outcome.rows:  # the pivot that changes nothing is tried again with the next one
        parent = parents[row["parent_doc_id"]]
        assert row["labels"] == parent["labels"] and row["text"] != parent["text"]
        assert row["attempt_reasons"] in ([], ["unchanged"])
    assert any(row["attempts"] == 2 for row in outcome.rows)
    assert len({row["text"].split()[1] for row in outcome.rows}) == 3


def test_a_missing_model_says_how_to_get_it(tmp_path):
    with pytest.raises(InputMissingError, match="fetch_models"):
        NllbEngine(engine_settings(ENTRY, 8), tmp_path).start()


def test_a_design_names_model_and_method_and_the_licence_stands_in_the_entry():
    design = raw("baselines")
    design["factors"] |= {"generator": ["nllb_600m", "eda"], "method": ["back_translation", "eda"]}
    made = plan(design, facts(train=300))
    assert {(c["generator"], c["method"]) for c in made.cells if c["generator"]} == {
        ("nllb_600m", "back_translation"), ("eda", "eda"),
    }  # fmt: skip
    (one,) = [job for job in made.jobs if job["job_id"] == "generation__nllb_600m"]
    assert one["model"] == "nllb_600m" and one["settings"]["engine"]["licence"] == "CC-BY-NC-4.0"
    assert all(item["rewrites"] for item in one["items"])
