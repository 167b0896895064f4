"""Checked recipes: what stands in params/recipes.yaml, as frozen dataclasses."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from volfid.core.exits import ConfigError


@dataclass(frozen=True)
class LinearRecipe:
    """L2 logistic regression; C as in scikit-learn (0.5 |w|^2 + C x summed log losses)."""

    C: float
    grid_C: tuple[float, ...]
    tolerance: float
    max_iterations: int


@dataclass(frozen=True)
class MlpRecipe:
    """embedding -> linear -> GELU -> dropout -> linear, trained by AdamW for a fixed number of updates.

    stop_*: batch, most epochs and patience (epochs) of the paper's stop rule (METHODS-training 0.1).
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


@dataclass(frozen=True)
class AnswersRecipe:
    """A generator's answers as they are; nothing is trained."""


Recipe = LinearRecipe | MlpRecipe | AnswersRecipe | None
_FAMILIES = {"penalised": LinearRecipe, "sgd": MlpRecipe, "answers": AnswersRecipe, "floor": None}


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
    if set(values) != names:
        odd = sorted(set(values) ^ names)
        raise ConfigError(f"a recipe of family {family!r} has missing or unknown fields: {', '.join(odd)}")
    recipe = kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    if not isinstance(recipe, AnswersRecipe):
        _check(recipe)
    return recipe


def _check(recipe: LinearRecipe | MlpRecipe) -> None:
    grid = recipe.grid_C if isinstance(recipe, LinearRecipe) else recipe.grid_updates
    if len(grid) < 2 or any(low >= high for low, high in pairwise(grid)) or grid[0] <= 0:
        raise ConfigError("the grid of a recipe must be positive and rise", mend="Give at least two values")
    positive = ["C", "tolerance", "max_iterations"]
    if isinstance(recipe, MlpRecipe):
        positive = ["hidden", "learning_rate", "batch", "epochs", "clip", "stop_batch", "stop_epochs", "stop_patience"]
        if recipe.activation != "gelu":
            raise ConfigError(f"activation {recipe.activation!r} is unknown", mend="Use gelu")
        if not (0 <= recipe.dropout < 1 and 0 <= recipe.warmup_share < 1 and recipe.weight_decay >= 0):
            raise ConfigError("dropout and warmup_share must lie in [0, 1), weight_decay must not be negative")
    for name in positive:
        if getattr(recipe, name) <= 0:
            raise ConfigError(f"recipe value {name} must be positive")
