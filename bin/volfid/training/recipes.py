"""Checked recipes: what stands in params/recipes.yaml, as frozen dataclasses."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from itertools import pairwise
from typing import Any

from volfid.core.exits import ConfigError
from volfid.training.adapted import Adapted, Spoken, check_adapted, check_spoken


@dataclass(frozen=True)
class LinearRecipe:
    """L2 logistic regression; C as in scikit-learn (0.5 |w|^2 + C x summed log losses).

    mask_label_names, of every head on frozen vectors: whether its texts are embedded without the words of label names.
    """

    C: float
    grid_C: tuple[float, ...]
    tolerance: float
    max_iterations: int
    mask_label_names: bool = False


@dataclass(frozen=True)
class RidgeRecipe:
    """Ridge regression on labels of 0 and 1; C is 1 / alpha of scikit-learn's Ridge."""

    C: float
    grid_C: tuple[float, ...]
    mask_label_names: bool = False


@dataclass(frozen=True)
class KnnRecipe:
    """Votes of the k nearest documents (training/knn.py).

    vote  fixed3, share or weighted
    tau   share of the votes that gives a label; null for fixed3, whose rule is three votes
    """

    k: int
    grid_k: tuple[int, ...]
    vote: str
    tau: float | None
    mask_label_names: bool = False


@dataclass(frozen=True)
class MlpRecipe:
    """embedding -> linear -> GELU -> dropout -> linear, trained by AdamW for a fixed number of updates.

    stop_*: batch, most epochs and patience (epochs) of the paper's stop rule (stopping.py).
    """

    hidden: int
    activation: str
    dropout: float
    learning_rate: float
    weight_decay: float
    batch: int
    epochs: int
    warmup_share: float
    clip: float
    grid_updates: tuple[int, ...]
    stop_batch: int
    stop_epochs: int
    stop_patience: int
    mask_label_names: bool = False


@dataclass(frozen=True)
class BodyRecipe:
    """What every family has that trains all weights of a transformer encoder by AdamW for U updates.

    model          entry of params/models.yaml that is fine-tuned
    max_tokens     longer texts are cut on the right
    micro_batch    most documents that go through the encoder at once; a batch is their sum, not the mean of means
    folds_fitted   folds that get a model of their own (all when null): thresholds are tuned on their documents
    body_dropout   inside the encoder
    dtype          float32, bfloat16 (autocast, GPU only), or auto: bfloat16 where there is a GPU
    attention      sdpa, eager or flash_attention_2
    deterministic  whether torch may use deterministic algorithms only
    mask_label_names  whether the words of label names are masked in all texts, as the design's own flag does for all
    """

    model: str
    max_tokens: int
    body_dropout: float
    learning_rate: float
    weight_decay: float
    batch: int
    micro_batch: int
    warmup_share: float
    clip: float
    grid_updates: tuple[int, ...]
    folds_fitted: int | None
    dtype: str
    attention: str
    deterministic: bool
    mask_label_names: bool


@dataclass(frozen=True)
class EncoderRecipe(BodyRecipe):
    """An encoder with a linear head on its pooled output, trained together.

    bucket   batches whose rows are dealt out by length together; 1 leaves all rows where chance put them
    dropout  of the pooled vector
    """

    dropout: float
    bucket: int
    epochs: int


@dataclass(frozen=True)
class SequenceRecipe(EncoderRecipe):
    """An encoder whose decoder says the labels one after another (training/sequence.py).

    dropout     of what a step's logits are made of, one mask for all steps of a document
    beams       answers that beam search keeps; 1 is greedy
    max_labels  most labels of an answer
    """

    beams: int
    max_labels: int


@dataclass(frozen=True)
class DecoderRecipe(EncoderRecipe, Adapted):
    """A causal LLM with adapters and a linear head without bias on the hidden state of its last token."""


@dataclass(frozen=True)
class InstructRecipe(BodyRecipe, Adapted, Spoken):
    """A causal LLM with adapters that answers with the labels' ids. bucket, epochs: as of EncoderRecipe."""

    bucket: int
    epochs: int


@dataclass(frozen=True)
class ContrastiveRecipe(BodyRecipe):
    """SetFit: an encoder tuned on pairs of documents, then a linear head on its vectors as they are then.

    batch               pairs of one update, half of them positive
    pairs_per_document  pairs for each row of an epoch: U is this times the batches that the rows would fill
    C, grid_C, ...      of the head, as in LinearRecipe
    """

    pairs_per_document: int
    C: float
    grid_C: tuple[float, ...]
    tolerance: float
    max_iterations: int

    @property
    def head(self) -> LinearRecipe:
        """The head's own recipe."""
        return LinearRecipe(self.C, self.grid_C, self.tolerance, self.max_iterations)


@dataclass(frozen=True)
class AnswersRecipe:
    """A generator's answers as they are; nothing is trained."""


Trained = LinearRecipe | RidgeRecipe | KnnRecipe | MlpRecipe | EncoderRecipe | InstructRecipe | ContrastiveRecipe
Recipe = Trained | AnswersRecipe | None
_FAMILIES = {
    "penalised": LinearRecipe, "ridge": RidgeRecipe, "knn": KnnRecipe, "sgd": MlpRecipe, "encoder": EncoderRecipe,
    "contrastive": ContrastiveRecipe, "decoder": DecoderRecipe, "instruct": InstructRecipe,
    "sequence": SequenceRecipe, "answers": AnswersRecipe, "floor": None,
}  # fmt: skip
_CHOICES = {
    "dtype": ("auto", "float32", "bfloat16"), "attention": ("sdpa", "eager", "flash_attention_2"),
    "activation": ("gelu",), "vote": ("fixed3", "share", "weighted"),
}  # fmt: skip


def read_recipe(entry: Mapping[str, Any]) -> Recipe:
    """The recipe of one entry of params/recipes.yaml; None for a floor.

    Raises ConfigError for an unknown family, a missing or unknown field, or a value that means nothing.
    """
    values = dict(entry)
    family = values.pop("family", None)
    if family not in _FAMILIES:
        raise ConfigError(f"recipe family {family!r} is unknown", mend=f"Use one of {', '.join(_FAMILIES)}")
    kind = _FAMILIES[family]
    if kind is None:
        return None
    names = {field.name for field in fields(kind)}
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    if not needed <= set(values) <= names:
        odd = sorted((set(values) - names) | (needed - set(values)))
        raise ConfigError(f"a recipe of family {family!r} has missing or unknown fields: {', '.join(odd)}")
    recipe = kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    if not isinstance(recipe, AnswersRecipe):
        _check(recipe)
    return recipe


def _check(recipe: Trained) -> None:
    grids = [getattr(recipe, name) for name in ("grid_C", "grid_k", "grid_updates") if hasattr(recipe, name)]
    for grid in grids:
        if len(grid) < 2 or any(low >= high for low, high in pairwise(grid)) or grid[0] <= 0:
            raise ConfigError("the grid of a recipe must be positive and rise", mend="Give at least two values")
    positive = []
    if isinstance(recipe, LinearRecipe | ContrastiveRecipe):
        positive += ["C", "tolerance", "max_iterations"]
    if isinstance(recipe, RidgeRecipe):
        positive.append("C")
    if isinstance(recipe, Adapted):
        check_adapted(recipe)
    if isinstance(recipe, InstructRecipe):
        check_spoken(recipe)
        positive += ["bucket", "epochs"]
        if recipe.attention == "flash_attention_2":
            raise ConfigError("answers are made with attention: sdpa or eager")
    if isinstance(recipe, KnnRecipe):
        _check_votes(recipe)
    if isinstance(recipe, MlpRecipe | BodyRecipe):
        positive += ["learning_rate", "batch", "clip"]
        if not (0 <= recipe.warmup_share < 1 and recipe.weight_decay >= 0):
            raise ConfigError("warmup_share must lie in [0, 1), weight_decay must not be negative")
    if isinstance(recipe, MlpRecipe | EncoderRecipe):
        positive.append("epochs")
        if not 0 <= recipe.dropout < 1:
            raise ConfigError("dropout must lie in [0, 1)")
    if isinstance(recipe, MlpRecipe):
        positive += ["hidden", "stop_batch", "stop_epochs", "stop_patience"]
    if isinstance(recipe, EncoderRecipe):
        positive.append("bucket")
    if isinstance(recipe, SequenceRecipe):
        positive += ["beams", "max_labels"]
    if isinstance(recipe, ContrastiveRecipe):
        positive.append("pairs_per_document")
        if recipe.batch % 2:
            raise ConfigError(f"a batch of {recipe.batch} pairs cannot be half positive", mend="Give an even batch")
    if isinstance(recipe, BodyRecipe):
        positive += ["max_tokens", "micro_batch", *(["folds_fitted"] if recipe.folds_fitted is not None else [])]
        if not 0 <= recipe.body_dropout < 1:
            raise ConfigError("body_dropout must lie in [0, 1)")
        if not isinstance(recipe.deterministic, bool):
            raise ConfigError("deterministic must be true or false")
    if not isinstance(recipe.mask_label_names, bool):
        raise ConfigError("mask_label_names must be true or false")
    for name, known in _CHOICES.items():
        if getattr(recipe, name, known[0]) not in known:
            raise ConfigError(f"{name} {getattr(recipe, name)!r} is unknown", mend=f"Use {' or '.join(known)}")
    for name in positive:
        if getattr(recipe, name) <= 0:
            raise ConfigError(f"recipe value {name} must be positive")


def _check_votes(recipe: KnnRecipe) -> None:
    if any(not isinstance(k, int) or isinstance(k, bool) or k < 1 for k in (recipe.k, *recipe.grid_k)):
        raise ConfigError("k and grid_k of a recipe are numbers of neighbours", mend="Give whole numbers from 1")
    if recipe.vote == "fixed3":
        if min(recipe.k, *recipe.grid_k) < 3 or recipe.tau is not None:
            raise ConfigError("fixed3 needs three votes", mend="Give k and grid_k of 3 or more, and tau: null")
    elif recipe.tau is None or not 0 < recipe.tau < 1:
        raise ConfigError(f"the vote {recipe.vote!r} needs a tau in (0, 1)", mend="Give tau: 0.5")
