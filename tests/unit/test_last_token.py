"""Encoders that read a vector at the last token: a tiny random model of Qwen3-Embedding's architecture."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from volfid.core.encoder_models import POOLINGS, token_numbers
from volfid.core.exits import ConfigError
from volfid.embeddings.encoders import make_encoder

ROOT = Path(__file__).parents[2]
MODELS = yaml.safe_load((ROOT / "params/models.yaml").read_text(encoding="utf-8"))["encoders"]
QWEN = MODELS["qwen3_embedding_06b"]
END = QWEN["end_token"]
MOST = 40


def save(folder: Path, side: str, closes: bool) -> None:
    """Bytes as tokens; the token that fills up is the one that ends a text, as in the published tokenizer.

    closes: whether the tokenizer ends a text with it by itself.
    """
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

    words = {word: number for number, word in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    inner = Tokenizer(models.BPE(vocab=words, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(END, special=True), AddedToken("<|im_end|>", special=True)])
    if closes:
        inner.post_processor = processors.TemplateProcessing(
            single=f"$A {END}", special_tokens=[(END, inner.token_to_id(END))]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<|im_end|>", pad_token=END, padding_side=side
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=128,
    )  # fmt: skip
    model = Qwen3Model(config)
    for parameter in model.parameters():  # wide enough that every token leaves its mark
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    (folder / "model.json").write_text(json.dumps({"name": folder.name, "revision": "r1"}))


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for side in ("left", "right"):
        save(folder / side, side, closes=True)
    save(folder / "open", "left", closes=False)
    return folder


def entry(name: str, **changes) -> dict:
    return {**QWEN, "name": name, "revision": "r1", "dimensions": 32, "max_tokens": 120, **changes}


def encoder(model_dir: Path, name: str, batch: int = 4, **changes):
    return make_encoder(entry(name, **changes), model_dir, threads=1, batch=batch, corpus=[], master_seed=1)


TEXTS = ["a pump", "a valve that opens", "x", "the robot arm of a chair", "laser", "a pump!"]


def by_hand(model_dir: Path, name: str, text: str) -> np.ndarray:
    """The last hidden state of one text without padding, unit length."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = (kind.from_pretrained(model_dir / name) for kind in (AutoTokenizer, AutoModel))
    numbers = tokenizer.encode(QWEN["prefix"] + text, add_special_tokens=False)
    numbers = [*numbers, tokenizer.convert_tokens_to_ids(END)]
    with torch.no_grad():
        hidden = model.eval()(input_ids=torch.tensor([numbers])).last_hidden_state[0, -1].double().numpy()
    return hidden / np.linalg.norm(hidden)


@pytest.mark.parametrize("name", ["left", "right", "open"])
def test_the_vector_is_that_of_the_last_token_for_either_padding_and_any_batch(model_dir, name):
    expected = np.stack([by_hand(model_dir, name, text) for text in TEXTS])
    for batch in (1, 2, 6):
        assert np.abs(encoder(model_dir, name, batch)(TEXTS) - expected).max() <= 1e-5
    assert np.abs(expected[0] - expected[5]).max() > 1e-3


def test_both_padding_sides_and_both_tokenizers_give_one_vector(model_dir):
    left, right, open_ = (encoder(model_dir, name, 6)(TEXTS) for name in ("left", "right", "open"))
    assert np.abs(left - right).max() <= 1e-5 and np.abs(left - open_).max() <= 1e-5


def test_the_pooling_takes_the_last_token_that_is_not_padding():
    import torch

    hidden = torch.arange(24.0).reshape(4, 3, 2)
    mask = torch.tensor([[1, 1, 0], [0, 1, 1], [1, 1, 1], [1, 0, 0]])
    expected = torch.stack([hidden[0, 1], hidden[1, 2], hidden[2, 2], hidden[3, 0]])
    for kind in (torch.int64, torch.bool):
        assert torch.equal(POOLINGS["last"](hidden, mask.to(kind)), expected)


def test_the_prefix_stands_before_every_text_and_makes_a_difference(model_dir):
    plain = encoder(model_dir, "left", prefix=None)
    assert np.abs(plain([QWEN["prefix"] + text for text in TEXTS]) - encoder(model_dir, "left")(TEXTS)).max() <= 1e-5
    assert np.abs(plain(TEXTS) - encoder(model_dir, "left")(TEXTS)).max() > 1e-3


@pytest.mark.parametrize("name", ["left", "open"])
def test_a_text_that_is_cut_still_ends_with_the_end_token(model_dir, name):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_dir / name)
    end = tokenizer.convert_tokens_to_ids(END)
    plain = entry(name, prefix=None)
    cut, short, closed = token_numbers(plain, tokenizer, ["z" * 99, "zz", f"zz{END}"], MOST)
    assert len(cut) == MOST and cut[-1] == end and cut.count(end) == 1
    assert short == [*tokenizer.encode("zz", add_special_tokens=False), end]
    assert closed[-1] == end
    assert len(token_numbers(plain, tokenizer, ["z" * 99], None)[0]) == 100
    assert token_numbers(plain, tokenizer, [], MOST) == []


def test_a_tokenizer_without_the_end_token_is_refused(model_dir):
    with pytest.raises(ConfigError, match="no token '<nowhere>'"):
        encoder(model_dir, "left", end_token="<nowhere>")(["x"])


def test_the_encoders_of_the_literature_say_how_they_are_read():
    expected = {
        "patentsberta": ("cls", None, 768, 512), "paecter": ("mean", None, 1024, 512),
        "qwen3_embedding_06b": ("last", QWEN["prefix"], 1024, 8192), "all_minilm_l6_v2": ("mean", None, 384, 256),
    }  # fmt: skip
    for name, (pooling, prefix, dimensions, most) in expected.items():
        found = MODELS[name]
        assert (found["pooling"], found.get("prefix")) == (pooling, prefix)
        assert (found["dimensions"], found["max_tokens"], found["normalise"]) == (dimensions, most, True)
        assert found["licence"] and (found["revision"] or found["revision_unknown"])
    assert QWEN["prefix"].startswith("Instruct: ") and QWEN["prefix"].endswith("\nQuery:")


def test_an_encoder_that_is_fine_tuned_reads_the_same_tokens(model_dir):
    from transformers import AutoTokenizer

    from volfid.training.pretrained import load_encoder
    from volfid.training.recipes import read_recipe

    recipes = yaml.safe_load((ROOT / "params/recipes.yaml").read_text(encoding="utf-8"))
    start = load_encoder(entry("open"), model_dir, read_recipe(recipes["encoder"] | {"max_tokens": 100}))
    tokenizer = AutoTokenizer.from_pretrained(model_dir / "open")
    numbers, cut = start.tokenise(["a pump", "z" * 99])
    assert numbers == token_numbers(entry("open"), tokenizer, ["a pump", "z" * 99], 100)
    assert cut == [False, True] and len(numbers[1]) == 100
    assert numbers[0][-1] == numbers[1][-1] == tokenizer.convert_tokens_to_ids(END)
