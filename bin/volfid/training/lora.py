"""Low-rank adapters on a causal LLM whose own weights stay as they are (LoRA, Hu et al. 2021), by peft.

    y = W x + (alpha / rank) B A dropout(x),  A uniform in +-1/sqrt(inputs), B zero at the start

With `quantisation: nf4` the frozen W is held in 4 bits (QLoRA, Dettmers et al. 2023): bitsandbytes and a CUDA device.
"""

import importlib.util
from collections.abc import Mapping
from typing import Any

import torch

from volfid.core.exits import ConfigError, UnavailableError
from volfid.training.adapted import NF4, Adapted

_ADAPTER = "default"


def quantised(entry: Mapping[str, Any], recipe: Adapted) -> dict[str, Any]:
    """Arguments of `from_pretrained` for the recipe's quantisation; none without one.

    Raises UnavailableError where there is no CUDA device or no bitsandbytes, naming what is missing.
    """
    if recipe.quantisation is None:
        return {}
    missing = [] if torch.cuda.is_available() else ["a CUDA device"]
    missing += [] if importlib.util.find_spec("bitsandbytes") else ["the package bitsandbytes"]
    if missing:
        raise UnavailableError(
            f"{entry['name']}: quantisation {recipe.quantisation} needs {' and '.join(missing)}",
            mend="Run these cells on a GPU with containers/gpu, or set quantisation: null in the recipe",
        )
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type=NF4, bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )  # fmt: skip
    return {"quantization_config": config, "device_map": {"": torch.cuda.current_device()}}


def add_adapters(model: torch.nn.Module, name: str, recipe: Adapted) -> None:
    """Put the recipe's adapters into `model`; they alone can be trained then, in float32."""
    from peft import LoraConfig, inject_adapter_in_model, prepare_model_for_kbit_training

    again = {"use_reentrant": False}
    if recipe.quantisation:
        prepare_model_for_kbit_training(
            model, use_gradient_checkpointing=recipe.checkpointing, gradient_checkpointing_kwargs=again
        )
    elif recipe.checkpointing:
        model.gradient_checkpointing_enable(again)
    config = LoraConfig(
        r=recipe.lora_rank, lora_alpha=recipe.lora_alpha, lora_dropout=recipe.lora_dropout,
        target_modules=list(recipe.lora_targets), bias="none",
    )  # fmt: skip
    try:
        inject_adapter_in_model(config, model, _ADAPTER)
    except ValueError as error:
        raise ConfigError(
            f"{name} has none of the layers {', '.join(recipe.lora_targets)}", mend="Correct lora_targets of the recipe"
        ) from error
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def draw_adapters(model: torch.nn.Module, seed: int) -> None:
    """Every adapter as it starts: A drawn from `seed`, layer by layer in the model's order, B zero."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if _ADAPTER in getattr(module, "lora_A", {}):
                first, second = module.lora_A[_ADAPTER].weight, module.lora_B[_ADAPTER].weight
                bound = first.shape[1] ** -0.5
                first.copy_(torch.empty(first.shape).uniform_(-bound, bound, generator=rng))
                second.zero_()
