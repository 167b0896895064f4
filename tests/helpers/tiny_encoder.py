"""Transformer encoders with random weights and a word-level vocabulary, in the form that fetch_models leaves."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def words_of(texts: Iterable[str]) -> list[str]:
    """All lower-case words, sorted."""
    return sorted({word for text in texts for word in re.findall(r"[a-z0-9]+", text.lower())})


def make_encoder(folder: Path, words: Iterable[str], kind: str = "bert", width: int = 16, **config: Any) -> dict:
    """Write a model of two layers to folder/tiny_<kind>; returns its entry of models.yaml, with the name."""
    import torch
    import transformers

    name = f"tiny_{kind}"
    vocabulary = [*SPECIAL, *words]
    sizes = {"vocab_size": len(vocabulary), "hidden_size": width, "num_hidden_layers": 2, "num_attention_heads": 2,
             "intermediate_size": 2 * width, "max_position_embeddings": 64, "pad_token_id": 0}  # fmt: skip
    kinds = {
        "bert": (transformers.BertConfig, transformers.BertModel, {}),
        "mpnet": (transformers.MPNetConfig, transformers.MPNetModel, {"max_position_embeddings": 66}),
        "modernbert": (transformers.ModernBertConfig, transformers.ModernBertModel, {
            "bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "local_attention": 8,
        }),
    }  # fmt: skip
    settings, model, more = kinds[kind]
    torch.manual_seed(0)
    target = folder / name
    model(settings(**{**sizes, **more, **config})).save_pretrained(target)
    listed = folder / f"{name}.txt"
    listed.write_text("\n".join(vocabulary) + "\n")
    transformers.BertTokenizerFast(str(listed)).save_pretrained(target)
    (target / "model.json").write_text(json.dumps({"name": name, "revision": "r1"}))
    return {
        "name": name, "source": {"kind": "folder", "path": str(target)}, "revision": "r1", "licence": "none",
        "parameters": 20_000, "dtype": "float32", "pooling": "mean", "dimensions": width, "max_tokens": 64,
        "normalise": False,
    }  # fmt: skip
