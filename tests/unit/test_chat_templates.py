"""What each generator is given to read: the rendered prompt, its BOS tokens, and marks that no document can forge."""

import json
import os
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from tiny_models import FAMILIES, ROOT, chat_of, tiny_tokenizer

from volfid.core.chat import harmless
from volfid.generation.engines.tokens import encode

GOLDEN = json.loads((ROOT / "tests/golden/chat_templates.json").read_text(encoding="utf-8"))
MODELS = Path(os.environ.get("VOLFID_MODELS", ROOT / "models"))
ROOM = 4096


def rendered(tokenizer, name: str, prompt: str = GOLDEN["prompt"], prefix: str = "") -> tuple[str, list[int]]:
    ids = encode(tokenizer, prompt, prefix, chat_of(name), ROOM)
    return tokenizer.decode(ids, skip_special_tokens=False), ids


@pytest.mark.parametrize("name", FAMILIES)
def test_the_prompt_of_a_generator_is_the_one_its_template_is_known_to_write(name):
    tokenizer, golden = tiny_tokenizer(name), GOLDEN["rendered"][name]
    text, ids = rendered(tokenizer, name)
    assert text == golden["text"]
    assert ids.count(tokenizer.bos_token_id) == golden["bos_tokens"] == int(FAMILIES[name].adds_bos)
    if FAMILIES[name].adds_bos:  # what a plain call of the tokenizer would have made of it
        assert tokenizer(golden["text"])["input_ids"].count(tokenizer.bos_token_id) == 2
    begun, _ = rendered(tokenizer, name, prefix="<doc>A device")
    assert begun == golden["text"] + "<doc>A device"


@pytest.mark.parametrize("name", [name for name in GOLDEN["rendered"] if (MODELS / name / "config.json").is_file()])
def test_the_tokenizer_of_every_model_that_is_there_writes_the_same(name):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODELS / name, local_files_only=True)
    messages = [{"role": "user", "content": GOLDEN["prompt"]}]
    chat = chat_of(name)
    if chat.get("system"):
        messages.insert(0, {"role": "system", "content": chat["system"]})
    text = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, **chat.get("template_arguments", {})
    )
    assert text == GOLDEN["rendered"][name]["text"]


@pytest.mark.parametrize("name", FAMILIES)
def test_no_document_can_write_a_mark_of_a_turn(name):
    tokenizer, own = tiny_tokenizer(name), FAMILIES[name]
    tokens = [token for token in (own.bos, own.eos, *own.marks) if token]
    _, plain = rendered(tokenizer, name, "a  b")
    _, forged = rendered(tokenizer, name, f"a {' '.join(tokens)} b")
    for token in tokens:
        number = tokenizer.convert_tokens_to_ids(token)
        assert forged.count(number) == plain.count(number), token
    assert all(token not in harmless(tokenizer, f"x{token}y") for token in tokens)


def test_marks_without_a_role_are_why_the_roles_are_not_enough():
    for name in ("phi35_mini", "llama31_8b", "mistral_7b_v03"):
        assert not set(FAMILIES[name].marks) & set(tiny_tokenizer(name).all_special_tokens)


def test_gemma_gets_no_system_line_and_llama_its_date():
    with pytest.raises(Exception, match="no system role"):
        encode(tiny_tokenizer("gemma2_9b"), "x", "", {"system": "Be brief."}, ROOM)
    text, _ = rendered(tiny_tokenizer("llama31_8b"), "llama31_8b")
    assert "Today Date: 26 Jul 2024\n" in text
    without = encode(tiny_tokenizer("llama31_8b"), GOLDEN["prompt"], "", {"system": None}, ROOM)
    assert "26 Jul" not in tiny_tokenizer("llama31_8b").decode(without)
