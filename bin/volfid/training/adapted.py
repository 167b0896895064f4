"""What the recipe of a causal LLM says about its adapters (training/lora.py makes them)."""

from dataclasses import dataclass

from volfid.core.exits import ConfigError

NF4 = "nf4"


@dataclass(frozen=True)
class Adapted:
    """What a recipe says about the adapters.

    lora_rank, lora_alpha, lora_dropout  of every adapter; alpha / rank is the factor on its output
    lora_targets   names of the linear layers that get one
    quantisation   null, or nf4: the frozen weights in 4 bits
    checkpointing  whether activations are computed again for the gradient, which saves memory
    """

    lora_rank: int
    lora_alpha: float
    lora_dropout: float
    lora_targets: tuple[str, ...]
    quantisation: str | None
    checkpointing: bool


def check_adapted(recipe: Adapted) -> None:
    """Raise ConfigError for a value that means nothing."""
    if recipe.lora_rank < 1 or recipe.lora_alpha <= 0 or not 0 <= recipe.lora_dropout < 1:
        raise ConfigError("lora_rank and lora_alpha must be positive, lora_dropout must lie in [0, 1)")
    if not recipe.lora_targets or isinstance(recipe.lora_targets, str):
        raise ConfigError("lora_targets is empty or one word", mend="Give a list: [q_proj, v_proj]")
    if recipe.quantisation not in (None, NF4):
        raise ConfigError(f"quantisation {recipe.quantisation!r} is unknown", mend=f"Use null or {NF4}")
    if not isinstance(recipe.checkpointing, bool):
        raise ConfigError("checkpointing must be true or false")
