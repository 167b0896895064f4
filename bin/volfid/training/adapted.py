"""What the recipe of a causal LLM says about its adapters (training/lora.py makes them) and its answers."""

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


@dataclass(frozen=True)
class Spoken:
    """What a recipe says about answers in words.

    label_names  whether the prompt lists the labels' names, or ids alone
    name_words   most words of a name that it lists, null for whole names: those of patent classes are sentences, and
                 the list is read for every micro-batch
    decoding     constrained: arrays of known ids, none twice; free: any tokens, then parsed (the ablation)
    beams        answers that beam search keeps; 1 is greedy
    max_labels   most labels of an answer
    ranking      beam_softmax: the summed softmax of the answers that name a label, so that one beam gives the answer
                 itself as 0 and 1; yes_no: the mean of that and the probability of yes to "does L17 apply?", so that
                 0.5 cuts at the answer
    """

    label_names: bool
    name_words: int | None
    decoding: str
    beams: int
    max_labels: int
    ranking: str


DECODINGS, RANKINGS = ("constrained", "free"), ("beam_softmax", "yes_no")


def check_spoken(recipe: Spoken) -> None:
    """Raise ConfigError for a value that means nothing."""
    if recipe.decoding not in DECODINGS or recipe.ranking not in RANKINGS:
        raise ConfigError(
            f"decoding {recipe.decoding!r} or ranking {recipe.ranking!r} is unknown",
            mend=f"Use decoding {' or '.join(DECODINGS)}, ranking {' or '.join(RANKINGS)}",
        )
    if recipe.beams < 1 or recipe.max_labels < 1:
        raise ConfigError("beams and max_labels must be positive")
    if recipe.decoding == "free" and recipe.beams > 1:
        raise ConfigError("free decoding is greedy", mend="Give beams: 1, or decoding: constrained")
    if recipe.ranking == "yes_no" and recipe.beams > 1:
        raise ConfigError("ranking yes_no goes with the one answer of beams: 1")
    if not isinstance(recipe.label_names, bool):
        raise ConfigError("label_names must be true or false")
    if recipe.name_words is not None and recipe.name_words < 1:
        raise ConfigError("name_words must be positive, or null for whole names")
