"""The transformers engine on a tiny random model: seeds, stop strings, limits, the nucleus."""

import numpy as np
import pytest

from volfid.core.exits import InputMissingError
from volfid.generation.engines.base import ChoiceRequest, EngineRequest, engine_settings

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from volfid.generation.engines.tokens import encode  # noqa: E402
from volfid.generation.engines.transformers import TransformersEngine, choose  # noqa: E402

ENTRY = {"name": "tiny", "engine": "transformers", "dtype": "float32", "max_model_len": 128, "chat": {"system": None}}
TEMPLATE = "{{ bos_token }}{% for m in messages %}{{ m['content'] }} {% endfor %}"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("models") / "tiny"
    words = ["<s>", "</s>", "<unk>", *(f"w{i}" for i in range(60)), "stop", "yes", "no", "Yes"]
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=TEMPLATE
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=128, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    made = TransformersEngine(engine_settings(ENTRY, 8), folder.parent)
    made.start()
    return made


def ask(seed=3, prompt="w1 w2 w3", temperature=1.0, top_p=1.0, max_tokens=30, stop=("stop",)):
    return EngineRequest("r", prompt, "", seed, temperature, top_p, max_tokens, stop)


def answer(engine, *requests):
    beats = []
    outputs = engine.generate(requests, lambda: beats.append(1))
    assert len(beats) >= len(requests)
    return outputs


def test_a_seed_gives_the_same_tokens_alone_and_among_others(engine):
    alone = answer(engine, ask())[0]
    assert answer(engine, ask(9), ask(), ask(4))[1] == alone
    assert answer(engine, ask(4))[0].token_ids != alone.token_ids


def test_an_answer_ends_at_its_limit_or_at_a_stop_string_that_is_left_out(engine):
    cut = answer(engine, ask(max_tokens=5, stop=()))[0]
    assert cut.finish_reason == "length" and len(cut.token_ids) == 5 and cut.prompt_tokens == 4
    words = answer(engine, ask(max_tokens=12, stop=()))[0].text.split()
    stopped = answer(engine, ask(max_tokens=12, stop=(words[6],)))[0]
    assert stopped.finish_reason == "stop" and words[6] not in stopped.text
    assert stopped.text.split() == words[: words.index(words[6])]


def test_temperature_zero_takes_the_likeliest_token_whatever_the_seed(engine):
    assert answer(engine, ask(1, temperature=0))[0] == answer(engine, ask(2, temperature=0))[0]


def test_the_nucleus_keeps_the_smallest_set_that_reaches_its_mass():
    logits = torch.log(torch.tensor([0.05, 0.5, 0.15, 0.3]))
    generator = torch.Generator().manual_seed(0)
    drawn = np.bincount([choose(logits, 1.0, 0.75, generator) for _ in range(4000)], minlength=4)
    assert drawn[0] == drawn[2] == 0
    assert drawn[1] / 4000 == pytest.approx(0.5 / 0.8, abs=0.03)
    every = np.bincount([choose(logits, 1.0, 1.0, generator) for _ in range(6000)], minlength=4) / 6000
    assert every == pytest.approx([0.05, 0.5, 0.15, 0.3], abs=0.03)
    hot = np.bincount([choose(logits, 2.0, 1.0, generator) for _ in range(6000)], minlength=4) / 6000
    weights = np.sqrt([0.05, 0.5, 0.15, 0.3])
    assert hot == pytest.approx(weights / weights.sum(), abs=0.03)


def test_shares_of_yes_equal_a_plain_pass_over_each_whole_prompt(engine):
    prompts = [
        tuple(f"w1 w2 {document} w9 {' '.join(f'w{k}' for k in range(10, 10 + size))}" for size in (1, 4, 2))
        for document in ("w5 w6 w7", "w5 w8", "w30")
    ]
    asked = [ChoiceRequest(f"r{i}", questions, "") for i, questions in enumerate(prompts)]
    beats = []
    outputs = engine.judge(asked, lambda: beats.append(1))
    assert len(beats) == 3 and outputs == engine.judge(asked, lambda: None)
    vocabulary = engine.tokenizer.get_vocab()
    yes, no = [vocabulary["yes"], vocabulary["Yes"]], [vocabulary["no"]]
    for questions, output in zip(prompts, outputs, strict=True):
        masses = []
        for prompt, share in zip(questions, output.shares, strict=True):
            ids = encode(engine.tokenizer, prompt, "", {}, 128)
            with torch.inference_mode():
                p = torch.softmax(engine.model(input_ids=torch.tensor([ids])).logits[0, -1], dim=-1)
            masses.append(float(p[yes].sum() + p[no].sum()))
            assert share == pytest.approx(float(p[yes].sum()) / masses[-1], abs=1e-6)
        assert output.mass == pytest.approx(np.mean(masses), abs=1e-6)
    alone = engine.judge(asked[1:2], lambda: None)[0]
    assert alone.shares == pytest.approx(outputs[1].shares, abs=1e-6)
    assert alone.prompt_tokens == sum(len(p.split()) + 1 for p in prompts[1])
    assert alone.cached_tokens == 2 * len(["<s>", "w1", "w2", "w5", "w8", "w9"])


def test_describe_names_model_device_and_template(engine):
    facts = engine.describe()
    assert facts["model"] == "tiny" and facts["device"] in ("cpu", "cuda") and len(facts["chat_template_sha"]) == 64


def test_a_folder_without_a_model_is_reported_with_the_mend(tmp_path):
    with pytest.raises(InputMissingError, match="make setup"):
        TransformersEngine(engine_settings(ENTRY, 8), tmp_path).start()
