"""A causal LLM with random weights and a byte-level vocabulary, in the form that fetch_models leaves."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system part') }}{% endif %}" + TEMPLATE


def tiny_tokenizer(texts: Iterable[str], template: str | None = TEMPLATE) -> Any:
    """Bytes, merges of the words of `texts`, and two marks; the one that ends a turn also fills up, as in SmolLM2."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, special_tokens=["<|im_start|>", "<|im_end|>"], show_progress=False
    )
    inner.train_from_iterator([*texts, "yes no"] * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|im_end|>",
        chat_template=template, clean_up_tokenization_spaces=False,
    )  # fmt: skip


def make_llm(folder: Path, texts: Iterable[str], name: str = "tiny_llama", template: str | None = TEMPLATE) -> dict:
    """Write a Llama of two layers to folder/name; returns its entry of models.yaml, with the name."""
    import torch
    import transformers

    tokenizer = tiny_tokenizer(texts, template)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=512, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(config)
    for parameter in model.parameters():  # wide enough that texts and tokens differ
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    torch.nn.init.normal_(model.lm_head.weight, std=0.5)  # frozen, too: adapters alone have to reach every token
    target = folder / name
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    (target / "model.json").write_text(json.dumps({"name": name, "revision": "r1"}))
    return {
        "name": name, "source": {"kind": "folder", "path": str(target)}, "revision": "r1", "licence": "none",
        "parameters": 30_000, "dtype": "float32", "max_tokens": 512, "chat": {"system": None},
    }  # fmt: skip
