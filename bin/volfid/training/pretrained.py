"""An encoder from its fetched folder, as a recipe wants it: attention, precision, dropout, longest text."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from volfid.core.encoder_models import model_folder, pooling_of, token_numbers
from volfid.core.exits import ConfigError, UnavailableError
from volfid.training.recipes import BodyRecipe
from volfid.training.tokens import Tokenise


@dataclass
class Pretrained:
    """An encoder as it was fetched, ready to be fine-tuned again and again."""

    body: torch.nn.Module
    start: Mapping[str, torch.Tensor]
    pool: Callable[[Any, Any], Any]
    tokenise: Tokenise
    padding: int
    width: int
    device: str
    bfloat16: bool


def load_encoder(entry: Mapping[str, Any], model_dir: Path, recipe: BodyRecipe) -> Pretrained:
    """The encoder of a models.yaml entry (with its `name`) from its fetched folder.

    Raises UnavailableError where the recipe needs a GPU or a package that is not there, ConfigError where the
    model cannot do what the recipe asks for.
    """
    folder = model_folder(model_dir, entry)
    gpu = torch.cuda.is_available()
    if not gpu and (recipe.dtype == "bfloat16" or recipe.attention == "flash_attention_2"):
        asked = recipe.dtype if recipe.dtype == "bfloat16" else recipe.attention
        raise UnavailableError(f"{entry['name']}: {asked} needs a GPU", mend="Run these cells where there is one")
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    if recipe.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    longest = min(n for n in (entry["max_tokens"], getattr(config, "max_position_embeddings", None)) if n)
    if recipe.max_tokens > longest:
        raise ConfigError(f"{entry['name']} reads {longest} tokens, the recipe asks for {recipe.max_tokens}")
    for name in [name for name, value in config.to_dict().items() if "dropout" in name and value is not None]:
        setattr(config, name, recipe.body_dropout)
    if recipe.deterministic and hasattr(config, "deterministic_flash_attn"):
        config.deterministic_flash_attn = True
    try:
        body = transformers.AutoModel.from_pretrained(
            folder, config=config, local_files_only=True, use_safetensors=True, dtype=torch.float32,
            attn_implementation=recipe.attention,
        )  # fmt: skip
    except (ValueError, ImportError) as error:
        raise ConfigError(
            f"{entry['name']} cannot run with attention {recipe.attention!r}: {str(error).splitlines()[0]}",
            mend="Use attention: eager",
        ) from error
    if getattr(body, "pooler", None) is not None:
        body.pooler = None  # its output is not used, and weights without a gradient would only decay
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if tokenizer.pad_token_id is None:
        raise ConfigError(f"{entry['name']}: its tokenizer has no token to fill up with")

    def tokenise(texts: Sequence[str]) -> tuple[Sequence[Sequence[int]], Sequence[bool]]:
        cut = [len(numbers) > recipe.max_tokens for numbers in token_numbers(entry, tokenizer, texts, None)]
        return token_numbers(entry, tokenizer, texts, recipe.max_tokens), cut

    return Pretrained(
        body=body, start={name: value.clone() for name, value in body.state_dict().items()}, pool=pooling_of(entry),
        tokenise=tokenise, padding=int(tokenizer.pad_token_id), width=int(config.hidden_size),
        device="cuda" if gpu else "cpu", bfloat16=gpu and recipe.dtype in ("auto", "bfloat16"),
    )  # fmt: skip
