"""A model from its fetched folder, as a recipe wants it: attention, precision, dropout, adapters, longest text."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from volfid.core.chat import harmless
from volfid.core.encoder_models import model_folder, pooling_of, token_numbers
from volfid.core.exits import ConfigError, UnavailableError
from volfid.training.lora import add_adapters, draw_adapters, quantised
from volfid.training.prompts import Speech, speech
from volfid.training.recipes import BodyRecipe, DecoderRecipe, InstructRecipe
from volfid.training.tokens import Tokenise
from volfid.training.verbal import first_words


@dataclass
class Pretrained:
    """A model as it was fetched, ready to be fine-tuned again and again.

    start      its weights; empty where they are frozen and adapters are trained
    head_bias  whether a head on it has a bias
    speech     prompt and answers of a model that is asked in words
    """

    body: torch.nn.Module
    start: Mapping[str, torch.Tensor]
    pool: Callable[[Any, Any], Any]
    tokenise: Tokenise
    padding: int
    width: int
    device: str
    bfloat16: bool
    head_bias: bool = True
    speech: Speech | None = None

    def restart(self, seed: int) -> None:
        """The weights as they were fetched; adapters are drawn from `seed`."""
        if self.start:
            self.body.load_state_dict(self.start)
        else:
            draw_adapters(self.body, seed)


def load_encoder(entry: Mapping[str, Any], model_dir: Path, recipe: BodyRecipe) -> Pretrained:
    """The encoder of a models.yaml entry (with its `name`) from its fetched folder.

    Raises UnavailableError where the recipe needs a GPU, a package or an attention kernel that is not there,
    ConfigError where the model cannot do what the recipe asks for.
    """
    body, tokenizer, gpu = _load("AutoModel", entry, model_dir, recipe, torch.float32)
    if getattr(body, "pooler", None) is not None:
        body.pooler = None  # its output is not used, and weights without a gradient would only decay
    if tokenizer.pad_token_id is None:
        raise ConfigError(f"{entry['name']}: its tokenizer has no token to fill up with")
    return Pretrained(
        body=body, start={name: value.clone() for name, value in body.state_dict().items()}, pool=pooling_of(entry),
        tokenise=_tokeniser(entry, tokenizer, recipe.max_tokens), padding=int(tokenizer.pad_token_id),
        width=int(body.config.hidden_size), device="cuda" if gpu else "cpu", bfloat16=_halved(recipe, gpu),
    )  # fmt: skip


def load_decoder(entry: Mapping[str, Any], model_dir: Path, recipe: DecoderRecipe) -> Pretrained:
    """The layers of a causal LLM without its language head, with adapters; its last token stands for the text.

    Every text, cut ones too, ends with the tokenizer's end token (or the entry's `end_token`). The place of that token
    is known by the text's length, so that it may well be the token that fills up. Errors as of load_encoder.
    """
    body, tokenizer, gpu = load_adapted("AutoModel", entry, model_dir, recipe)
    closed = {**entry, "end_token": entry.get("end_token") or tokenizer.eos_token, "pooling": "last"}
    if not closed["end_token"]:
        raise ConfigError(f"{entry['name']}: its tokenizer has no end token", mend="Give end_token in models.yaml")
    return Pretrained(
        body=body, start={}, pool=pooling_of(closed), tokenise=_tokeniser(closed, tokenizer, recipe.max_tokens),
        padding=int(tokenizer.eos_token_id or 0), width=int(body.config.get_text_config().hidden_size),
        device="cuda" if gpu else "cpu", bfloat16=_halved(recipe, gpu), head_bias=False,
    )  # fmt: skip


def load_writer(
    entry: Mapping[str, Any], model_dir: Path, recipe: InstructRecipe, names: Sequence[str | None]
) -> Pretrained:
    """A causal LLM with adapters that answers in words; `names` of the labels, sorted by their ids.

    Errors as of load_encoder, and ConfigError where list, document and answer do not fit into the model.
    """
    body, tokenizer, gpu = load_adapted("AutoModelForCausalLM", entry, model_dir, recipe)
    given = body.generation_config.eos_token_id
    ends = frozenset(given if isinstance(given, list) else [given]) - {None}
    names = [first_words(name, recipe.name_words) for name in names]
    said = speech(entry, tokenizer, names, recipe.label_names, recipe.ranking == "yes_no", ends)
    parts = (
        len(said.head),
        recipe.max_tokens,
        max(map(len, [said.tail, *said.questions])),
        said.longest(recipe.max_labels),
    )
    longest = body.config.get_text_config().max_position_embeddings
    if sum(parts) > longest:
        listed = " + ".join(map(str, parts))
        raise ConfigError(
            f"{entry['name']} reads {longest} tokens; label list, document, question and answer take {listed}",
            mend="Lower max_tokens or max_labels of the recipe",
        )

    def tokenise(texts: Sequence[str]) -> tuple[Sequence[Sequence[int]], Sequence[bool]]:
        plain = [harmless(tokenizer, text) for text in texts]
        numbers = tokenizer(plain, add_special_tokens=False)["input_ids"] if plain else []
        return [part[: recipe.max_tokens] for part in numbers], [len(part) > recipe.max_tokens for part in numbers]

    return Pretrained(
        body=body, start={}, pool=pooling_of({**entry, "pooling": "last"}), tokenise=tokenise,
        padding=int(tokenizer.eos_token_id), width=0, device="cuda" if gpu else "cpu",
        bfloat16=_halved(recipe, gpu), speech=said,
    )  # fmt: skip


def load_adapted(kind: str, entry: Mapping[str, Any], model_dir: Path, recipe: Any) -> tuple[Any, Any, bool]:
    """A causal LLM with adapters, its tokenizer, and whether there is a GPU.

    kind: class of transformers. The frozen weights are bfloat16 where the recipe computes in it, adapters float32.
    """
    more = quantised(entry, recipe)
    frozen = torch.bfloat16 if _halved(recipe, torch.cuda.is_available()) else torch.float32
    body, tokenizer, gpu = _load(kind, entry, model_dir, recipe, frozen, **more)
    body.config.use_cache = False
    add_adapters(body, entry["name"], recipe)
    return body, tokenizer, gpu


def _load(
    kind: str, entry: Mapping[str, Any], model_dir: Path, recipe: BodyRecipe, dtype: torch.dtype, **more: Any
) -> tuple[Any, Any, bool]:
    """Model, tokenizer, and whether there is a GPU."""
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
    longest = min(n for n in (entry.get("max_tokens"), getattr(config, "max_position_embeddings", None)) if n)
    if recipe.max_tokens > longest:
        raise ConfigError(f"{entry['name']} reads {longest} tokens, the recipe asks for {recipe.max_tokens}")
    for name in [name for name, value in config.to_dict().items() if "dropout" in name and value is not None]:
        setattr(config, name, recipe.body_dropout)
    if recipe.deterministic and hasattr(config, "deterministic_flash_attn"):
        config.deterministic_flash_attn = True
    try:
        body = getattr(transformers, kind).from_pretrained(
            folder, config=config, local_files_only=True, use_safetensors=True, dtype=dtype,
            attn_implementation=recipe.attention, **more,
        )  # fmt: skip
    except (ValueError, ImportError) as error:
        raise UnavailableError(
            f"{entry['name']} cannot run with attention {recipe.attention!r}: {str(error).splitlines()[0]}",
            mend="Use attention: eager",
        ) from error
    return body, transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True), gpu


def _halved(recipe: BodyRecipe, gpu: bool) -> bool:
    """Whether it computes in bfloat16."""
    return gpu and recipe.dtype in ("auto", "bfloat16")


def _tokeniser(entry: Mapping[str, Any], tokenizer: Any, most: int) -> Tokenise:
    def tokenise(texts: Sequence[str]) -> tuple[Sequence[Sequence[int]], Sequence[bool]]:
        cut = [len(numbers) > most for numbers in token_numbers(entry, tokenizer, texts, None)]
        return token_numbers(entry, tokenizer, texts, most), cut

    return tokenise
