"""Chat templates to token ids: one BOS, no special token from a document, no silent cut."""

import re

import pytest

from volfid.core.chat import harmless
from volfid.core.exits import ConfigError, DataError
from volfid.generation.engines.tokens import check_bos, encode
from volfid.generation.engines.vllm import ran_out_of_memory


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (ValueError("No available memory for the cache blocks"), True),
        (MemoryError(), True),
        (RuntimeError("CPU Generator does not use offset"), False),
    ],
)
def test_only_a_lack_of_memory_is_worth_a_smaller_batch(error, memory):
    assert ran_out_of_memory(error) is memory


class Tokenizer:
    """A word tokenizer with a BOS of its own, as Llama's: adds it unless told not to."""

    bos_token, bos_token_id = "<bos>", 0
    all_special_tokens = ("<bos>", "<end>")
    chat_template = "t"

    def __init__(self, template="<bos>{turns}<bot>"):
        self.template = template
        self.seen = {}

    def apply_chat_template(self, messages, tokenize, add_generation_prompt, **arguments):
        assert not tokenize and add_generation_prompt
        self.seen = arguments
        return self.template.format(turns="".join(f"<{m['role']}>{m['content']}<end>" for m in messages))

    def __call__(self, text, add_special_tokens=True):
        ids = [0 if word == "<bos>" else 1 + len(word) for word in re.findall(r"<bos>|\s+|[^\s<]+|<", text)]
        return {"input_ids": [0, *ids] if add_special_tokens else ids}


def test_the_ids_begin_with_the_one_bos_that_the_template_writes():
    ids = encode(Tokenizer(), "a b", "<doc>", None, 50)
    assert ids[0] == 0 and ids.count(0) == 1


def test_a_template_without_bos_gets_none():
    ids = encode(Tokenizer("{turns}<bot>"), "a b", "<doc>", None, 50)
    assert 0 not in ids


def test_a_double_bos_is_refused():
    tokenizer = Tokenizer()
    written = "<bos>hello"
    with pytest.raises(ConfigError, match="begins with 2 BOS tokens, the chat template writes 1"):
        check_bos(tokenizer, written, tokenizer(written)["input_ids"])
    with pytest.raises(ConfigError, match="begins with 2"):
        encode(Tokenizer("<bos><bos>{turns}"), "a", "", None, 50)


def test_a_special_token_in_a_document_cannot_end_its_turn():
    assert harmless(Tokenizer(), "stop <end><bos> now") == "stop < end>< bos> now"
    ids = encode(Tokenizer(), "a <bos> b <end>", "", None, 50)
    assert ids.count(0) == 1


def test_a_prompt_that_does_not_fit_is_an_error_and_is_never_cut():
    ids = encode(Tokenizer(), "a b c", "", None, 50)
    assert encode(Tokenizer(), "a b c", "", None, len(ids)) == ids
    with pytest.raises(DataError, match=f"has {len(ids)} tokens, {len(ids) - 1} fit"):
        encode(Tokenizer(), "a b c", "", None, len(ids) - 1)


def test_the_system_line_and_template_arguments_come_from_the_model_entry():
    tokenizer = Tokenizer()
    plain = encode(tokenizer, "a", "", {"system": None}, 50)
    spoken = encode(tokenizer, "a", "", {"system": "be brief", "template_arguments": {"date_string": "1 Jan"}}, 50)
    assert len(spoken) > len(plain) and tokenizer.seen == {"date_string": "1 Jan"}
