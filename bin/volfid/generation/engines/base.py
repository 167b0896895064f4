"""What every engine offers, and what goes in and out of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from volfid.core.exits import ConfigError, InputMissingError
from volfid.core.files import sha256_file


@dataclass(frozen=True)
class Rewrite:
    """What an engine without a prompt is told: `options` of the method, and which of its variants is meant.

    turn: 0, 1, 2, ... over the texts of one document; engines take it modulo their variants. documents: how many the
    pool is made from.
    """

    turn: int
    options: Mapping[str, Any]
    documents: int


@dataclass(frozen=True)
class EngineRequest:
    """One attempt at one document. `topics` (label names) serve the fake engine alone.

    rewrite: for engines that rewrite; `prompt` is then the document itself.
    """

    request_id: str
    prompt: str
    answer_prefix: str
    seed: int
    temperature: float
    top_p: float
    max_tokens: int
    stop: tuple[str, ...]
    topics: tuple[str, ...] = ()
    rewrite: Rewrite | None = None


@dataclass(frozen=True)
class EngineOutput:
    """`text` without the stop string that ended it, otherwise whole; `finish_reason` is `stop`, `length` or `filtered`
    (withheld by a server).

    token_ids: None where a server does not tell them; `counted` is then how many it says there were. opened: False
    where the answer does not begin with the words it was asked to begin with. refused: the server says that the text is
    a refusal.
    """

    text: str
    token_ids: tuple[int, ...] | None
    prompt_tokens: int
    finish_reason: str
    counted: int = 0
    opened: bool = True
    refused: bool = False

    @property
    def completion_tokens(self) -> int:
        """How many tokens the answer has, the end included where the engine counts it."""
        return self.counted if self.token_ids is None else len(self.token_ids)


@dataclass(frozen=True)
class ChoiceRequest:
    """Yes/no questions about one document: `prompts`, one a question, equal but for their ends.

    `seed`, `subject` (the document) and `topics` (what each question is about) serve the fake engine alone.
    """

    request_id: str
    prompts: tuple[str, ...]
    answer_prefix: str
    seed: int = 0
    subject: str = ""
    topics: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChoiceOutput:
    """What the first token of each answer would be.

    shares: P(yes) / (P(yes) + P(no)) of each question, None where neither has a probability. mass: mean of
    P(yes) + P(no). prompt_tokens: of all questions; cached_tokens: of these, how many need not be read again
    because they stand in the common beginning.
    """

    shares: tuple[float | None, ...]
    mass: float
    prompt_tokens: int
    cached_tokens: int


@dataclass(frozen=True)
class EngineSettings:
    """An engine's settings: the model entry, with its optional keys filled in.

    All but `max_num_seqs` and `memory_share` enter the key of a chunk. A retry after running out of memory
    lowers these two and still uses the chunks of the first attempt; what it ran with is in its manifest.
    """

    name: str
    engine: str
    revision: str | None
    dtype: str
    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    memory_share: float
    kv_cache_gib: int
    tensor_parallel: int
    stall_s: float
    chat: Mapping[str, Any]
    prefix_caching: bool = False
    server: Mapping[str, Any] | None = None
    licence: str = "unknown"


def engine_settings(entry: Mapping[str, Any], chunk: int, attempt: int = 1) -> EngineSettings:
    """Settings from an entry of params/models.yaml. Attempt 2 halves the batch, 3 halves it again.

    Raises ConfigError when the entry lacks a key.
    """
    served = entry.get("engine") == "openai"
    missing = sorted({"name", "engine", "max_model_len", "server" if served else "dtype"} - entry.keys())
    if missing:
        raise ConfigError(f"the model entry has no {missing[0]!r}", mend="See params/models.yaml")
    room = entry["max_model_len"]
    return EngineSettings(
        name=entry["name"], engine=entry["engine"], revision=entry.get("revision"),
        dtype=entry.get("dtype", "unknown") if served else entry["dtype"], max_model_len=room,
        max_num_seqs=max(1, entry.get("max_num_seqs", chunk) >> (attempt - 1)),
        max_num_batched_tokens=max(room, entry.get("max_num_batched_tokens", 2048)),
        memory_share=round(entry.get("gpu_memory_utilization", 0.85) - 0.05 * (attempt - 1), 2),
        kv_cache_gib=entry.get("kv_cache_gib", 1), tensor_parallel=entry.get("tensor_parallel", 1),
        stall_s=entry.get("stall_s", 300.0), chat=entry.get("chat") or {}, server=entry.get("server"),
        licence=str(entry.get("licence", "unknown")),
    )  # fmt: skip


def model_folder(model_dir: Path | None, name: str) -> Path:
    """The folder of a model: `model_dir` itself, or the folder `name` in it.

    Raises InputMissingError when it holds no model.
    """
    for folder in (model_dir, model_dir / name) if model_dir else ():
        if (folder / "config.json").is_file():
            return folder
    where = f"in {model_dir}" if model_dir else "(no --model-dir)"
    raise InputMissingError(
        f"the model {name} is not {where}", mend=f"Run `make setup`, or bin/fetch_models.py --only {name}"
    )


def model_identity(settings: EngineSettings, model_dir: Path | None) -> dict[str, Any]:
    """What the weights are: name, pinned revision, and the hash of the folder's SHA256SUMS where there is one.

    Of a served model only the address, its name there and what is sent along can be known.
    """
    identity: dict[str, Any] = {"name": settings.name, "revision": settings.revision, "sums": None}
    if settings.engine == "openai":
        own = settings.server or {}
        identity["server"] = [own.get(key) for key in ("url", "model", "answer", "body")]
    elif settings.engine not in ("fake", "eda"):
        sums = model_folder(model_dir, settings.name) / "SHA256SUMS"
        identity["sums"] = sha256_file(sums) if sums.is_file() else None
    return identity


class Engine(Protocol):
    """A text generator. `start` is slow and called once; `beat` is called at every sign of life."""

    def start(self) -> None:
        """Load the model. Raises InputMissingError (66), UnavailableError (69) or RetryError (75)."""

    def generate(self, requests: Sequence[EngineRequest], beat: Callable[[], None]) -> list[EngineOutput]:
        """Answers in the order of the requests. Raises RetryError when memory runs out."""

    def judge(self, requests: Sequence[ChoiceRequest], beat: Callable[[], None]) -> list[ChoiceOutput]:
        """Answers to yes/no questions in the order of the requests; nothing is drawn, so nothing is seeded.

        What is kept of common beginnings is forgotten between calls: a call gives the same bits again.
        Raises RetryError when memory runs out.
        """

    def close(self) -> None:
        """Free what the engine holds."""

    def describe(self) -> dict[str, Any]:
        """Flat facts for the manifest; static before `start`."""
