"""The architectures of the six generators, tiny and random, through the real engines on a CPU."""

import re
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_models import FAMILIES, POSITIONS, entry_of, save_tiny  # noqa: E402

from volfid.core.chat import choice_tokens  # noqa: E402
from volfid.core.exits import ConfigError  # noqa: E402
from volfid.generation.engines import make_engine  # noqa: E402
from volfid.generation.engines.base import ChoiceRequest, EngineRequest, engine_settings  # noqa: E402
from volfid.generation.engines.tokens import encode  # noqa: E402
from volfid.inputs.models import ModelEntry, fetch_model  # noqa: E402

# longer than Gemma's window here, so that its layers see different parts of it
PROMPT = "Here is a patent abstract: a hinge holds a lid, and a lever holds the hinge. Is it about {topic}?"
TOPICS = ("hinges", "lamps and their parts", "lids")
MADE = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("models")
    for name in FAMILIES:
        save_tiny(name, made)
    return made


def settings(name: str, engine: str):
    own = entry_of(name, engine=engine, dtype="float32", max_model_len=POSITIONS, max_num_batched_tokens=2 * POSITIONS)
    return engine_settings(own, 4)


def started(name: str, engine: str, folder, **changes):
    made = make_engine(replace(settings(name, engine), **changes), folder)
    made.start()
    return made


def ask(seed=3, temperature=1.0, topic="hinges") -> EngineRequest:
    return EngineRequest(f"r{seed}", PROMPT.format(topic=topic), "<doc>", seed, temperature, 0.95, MADE, ())


def greedy_by_whole_passes(engine, request: EngineRequest, name: str) -> list[int]:
    """The likeliest tokens, each from a pass over everything before it: no cache."""
    ids = encode(engine.tokenizer, request.prompt, request.answer_prefix, settings(name, "vllm").chat, POSITIONS)
    made = []
    with torch.inference_mode():
        while len(made) < MADE:
            token = int(engine.model(input_ids=torch.tensor([ids + made]), use_cache=False).logits[0, -1].argmax())
            if token in engine.ends:
                break
            made.append(token)
    return made


@pytest.mark.parametrize("name", FAMILIES)
def test_an_architecture_writes_what_whole_passes_write_and_repeats_itself(name, folder):
    engine = started(name, "transformers", folder)
    ends = {engine.tokenizer.convert_tokens_to_ids(end) for end in FAMILIES[name].ends}
    assert engine.ends == ends
    (greedy,) = engine.generate([ask(temperature=0)], lambda: None)
    assert list(greedy.token_ids) == greedy_by_whole_passes(engine, ask(temperature=0), name)
    assert greedy.prompt_tokens > 90  # bytes, so the prompt does not fit into Gemma's window
    both = engine.generate([ask(3), ask(4)], lambda: None)
    assert engine.generate([ask(4)], lambda: None) == both[1:] and both[0] != both[1]


@pytest.mark.parametrize("name", FAMILIES)
def test_an_architecture_is_asked_for_labels_and_answers_as_whole_passes_do(name, folder):
    engine = started(name, "transformers", folder)
    asked = [ChoiceRequest(f"r{i}", tuple(f"{start} {PROMPT.format(topic=t)}" for t in TOPICS), "")
             for i, start in enumerate(("One.", "Another one."))]  # fmt: skip
    outputs = engine.judge(asked, lambda: None)
    yes, no = choice_tokens(engine.tokenizer)
    chat = settings(name, "vllm").chat
    for request, output in zip(asked, outputs, strict=True):
        for prompt, share in zip(request.prompts, output.shares, strict=True):
            ids = encode(engine.tokenizer, prompt, "", chat, POSITIONS)
            with torch.inference_mode():
                p = torch.softmax(engine.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1], dim=-1)
            assert share == pytest.approx(float(p[yes].sum() / (p[yes].sum() + p[no].sum())), rel=1e-4)
    assert outputs[0].cached_tokens > 2 * 90


def test_a_model_from_a_folder_of_ones_own_is_pinned_fetched_and_run(folder, tmp_path):
    source = {"kind": "folder", "path": str(folder / "qwen25_7b")}
    with pytest.raises(ConfigError) as refused:
        fetch_model(ModelEntry("mine", source, "main", "MIT"), tmp_path / "models", tmp_path)
    revision = re.search("revision: ([0-9a-f]{64})", refused.value.mend).group(1)
    fetch_model(ModelEntry("mine", source, revision, "MIT"), tmp_path / "models", tmp_path)
    own = replace(settings("qwen25_7b", "transformers"), name="mine")
    engine = make_engine(own, tmp_path / "models")
    engine.start()
    (made,) = engine.generate([ask()], lambda: None)
    (same,) = started("qwen25_7b", "transformers", folder).generate([ask()], lambda: None)
    assert made == same


@pytest.mark.vllm
@pytest.mark.timeout(300)
def test_vllm_writes_the_same_likeliest_tokens_as_transformers(folder):
    pytest.importorskip("vllm")
    name = "gemma2_9b"  # the architecture with most of its own; an engine's start is what takes the time
    requests = [ask(i, temperature=0, topic=topic) for i, topic in enumerate(TOPICS)]
    plain = started(name, "transformers", folder).generate(requests, lambda: None)
    fast = started(name, "vllm", folder)
    made = fast.generate(requests, lambda: None)
    assert [one.token_ids for one in made] == [one.token_ids for one in plain]
    assert [one.prompt_tokens for one in made] == [one.prompt_tokens for one in plain]
    fast.close()
