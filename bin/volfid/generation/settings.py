"""The settings of a generation job, typed and checked before anything runs."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from volfid.core.exits import ConfigError

_JOB_KEYS = {"engine", "sampling", "chunk", "attempts", "words"}


@dataclass(frozen=True)
class Sampling:
    """How one method samples and what its prompt shows.

    max_tokens: completion tokens of one attempt; a longer answer is truncated and refused.
    min_words: shortest accepted text. exemplars: real documents shown (null: as the template says).
    confusable: labels named as what the text must not be about. shown_words: words shown of a document.
    balance_exponent: alpha of the balanced plan. copy_limit: largest share of a text's 5-grams that may
    stand in one shown document.
    """

    temperature: float
    top_p: float
    max_tokens: int
    min_words: int
    exemplars: int | None = None
    confusable: int = 2
    shown_words: int = 120
    balance_exponent: float = 1.0
    copy_limit: float = 0.6
    genre: str | None = None


@dataclass(frozen=True)
class Settings:
    """Settings of a job. words: the length band asked for; chunk: requests a chunk; attempts: per request."""

    engine: Mapping[str, Any]
    sampling: Mapping[str, Sampling]
    chunk: int
    attempts: int
    words: tuple[int, int]


def read_settings(settings: Mapping[str, Any]) -> Settings:
    """Check the settings of a job. Raises ConfigError naming the key."""
    missing = sorted(_JOB_KEYS - settings.keys())
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
    # vLLM raises a temperature between 0 and 0.01 to 0.01 and refuses more than 2.
    _demand(made.temperature == 0 or 0.01 <= made.temperature <= 2, f"{where}.temperature", made.temperature, "0, or 0.01 to 2")
    _demand(0 < made.top_p <= 1, f"{where}.top_p", made.top_p, "above 0, at most 1")
    _demand(made.max_tokens >= 1, f"{where}.max_tokens", made.max_tokens, "1 or more")
    _demand(made.min_words >= 1, f"{where}.min_words", made.min_words, "1 or more")
    _demand(0 < made.copy_limit <= 1, f"{where}.copy_limit", made.copy_limit, "above 0, at most 1")
    _demand(made.shown_words >= 10, f"{where}.shown_words", made.shown_words, "10 or more")
    _demand(made.confusable >= 0 and (made.exemplars or 0) >= 0, f"{where}.exemplars, confusable", None, "0 or more")
    return made


def _demand(holds: bool, name: str, value: Any, wanted: str) -> None:
    if not holds:
        raise ConfigError(f"generation setting {name} is {value!r}, expected {wanted}")
