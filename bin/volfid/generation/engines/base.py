"""What every engine offers, and what goes in and out of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class EngineRequest:
    """One attempt at one document. `topics` (label names) serve the fake engine alone."""

    request_id: str
    prompt: str
    answer_prefix: str
    seed: int
    temperature: float
    top_p: float
    max_tokens: int
    stop: tuple[str, ...]
    topics: tuple[str, ...] = ()


@dataclass(frozen=True)
class EngineOutput:
    """`text` without the stop string; `finish_reason` is `stop` or `length`."""

    text: str
    token_ids: tuple[int, ...]
    prompt_tokens: int
    finish_reason: str


@dataclass(frozen=True)
class EngineSettings:
    """An engine's settings: what the model entry says, and the size of a batch.

    Everything but `max_num_seqs` decides the text, and so enters the key of a chunk; a retry after running
    out of memory may lower `max_num_seqs` and still use the chunks of the first attempt.
    """

    name: str
    engine: str
    dtype: str
    max_model_len: int
    max_num_seqs: int
    entry: Mapping[str, Any]

    def option(self, key: str, default: Any) -> Any:
        """An optional key of the model entry."""
        value = self.entry.get(key)
        return default if value is None else value


class Engine(Protocol):
    """A text generator. `start` is slow and called once; `beat` is called at every sign of life."""

    def start(self) -> None:
        """Load the model. Raises InputMissingError (66), UnavailableError (69) or RetryError (75)."""

    def generate(self, requests: Sequence[EngineRequest], beat: Callable[[], None]) -> list[EngineOutput]:
        """Answers in the order of the requests. Raises RetryError when memory runs out."""

    def close(self) -> None:
        """Free what the engine holds."""

    def describe(self) -> dict[str, Any]:
        """Flat facts for the manifest; static before `start`."""
