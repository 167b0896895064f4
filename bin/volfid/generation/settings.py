"""The settings of a generation job, typed and checked before anything runs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from volfid.core.exits import ConfigError

_LEAST = {"max_tokens": 1, "min_words": 1, "max_words": 1, "exemplars": 0, "confusable": 0, "shown_words": 10}
_KEYS = {"engine", "sampling", "chunk", "attempts", "words"}


@dataclass(frozen=True)
class Sampling:
    """How one method samples and what its prompt shows.

    max_tokens: completion tokens of one attempt; a longer answer is truncated and refused.
    min_words, max_words: shortest and longest accepted text (null: 0.8 and 1.5 times the band asked for).
    exemplars: real documents shown (null: as the template says). confusable: labels named as what the text
    must not be about. shown_words: words shown of a document. balance_exponent: alpha of the balanced plan.
    genre: what kind of text, in words; openings: first words of the answer, one by hash (null: as the template says).
    """

    temperature: float
    top_p: float
    max_tokens: int
    min_words: int | None = None
    max_words: int | None = None
    exemplars: int | None = None
    confusable: int = 2
    shown_words: int = 120
    balance_exponent: float = 1.0
    genre: str | None = None
    openings: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Settings:
    """Settings of a job. words: the length band asked for; chunk: requests a chunk; attempts: per request."""

    engine: Mapping[str, Any]
    sampling: Mapping[str, Sampling]
    chunk: int
    attempts: int
    words: tuple[int, int]

    def band(self, method: str) -> tuple[int, int]:
        """Shortest and longest accepted text of a method, in words."""
        own = self.sampling[method]
        low = math.floor(0.8 * self.words[0]) if own.min_words is None else own.min_words
        return low, math.ceil(1.5 * self.words[1]) if own.max_words is None else own.max_words


def read_settings(settings: Mapping[str, Any]) -> Settings:
    """Check the settings of a job. Raises ConfigError naming the key."""
    missing = sorted(_KEYS - settings.keys())
    if missing:
        raise ConfigError(f"generation settings lack {missing[0]!r}")
    low, high = settings["words"]
    _demand(0 < low < high, "words", settings["words"], "two ascending numbers")
    _demand(settings["chunk"] >= 1, "chunk", settings["chunk"], "1 or more")
    _demand(1 <= settings["attempts"] <= 4, "attempts", settings["attempts"], "1 to 4: at most 3 retries")
    sampling = {method: _sampling(method, values) for method, values in settings["sampling"].items()}
    return Settings(settings["engine"], sampling, settings["chunk"], settings["attempts"], (low, high))


def _sampling(method: str, values: Mapping[str, Any]) -> Sampling:
    names = {field.name for field in fields(Sampling)}
    unknown = sorted(set(values) - names)
    if unknown:
        raise ConfigError(f"sampling.{method}.{unknown[0]} is unknown", mend=f"Known: {', '.join(sorted(names))}")
    try:
        made = Sampling(**values)
    except TypeError as error:
        raise ConfigError(f"sampling.{method} is incomplete: {error}") from error
    where = f"sampling.{method}"
    hot = made.temperature
    # vLLM raises a temperature between 0 and 0.01 to 0.01 and refuses more than 2.
    _demand(hot == 0 or 0.01 <= hot <= 2, f"{where}.temperature", hot, "0, or 0.01 to 2")
    _demand(0 < made.top_p <= 1, f"{where}.top_p", made.top_p, "above 0, at most 1")
    _demand(made.balance_exponent >= 0, f"{where}.balance_exponent", made.balance_exponent, "0 or more")
    for name, least in _LEAST.items():
        value = getattr(made, name)
        _demand(value is None or value >= least, f"{where}.{name}", value, f"{least} or more")
    return made


def _demand(holds: bool, name: str, value: Any, wanted: str) -> None:
    if not holds:
        raise ConfigError(f"generation setting {name} is {value!r}, expected {wanted}")
