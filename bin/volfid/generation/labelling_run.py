"""Running a labelling job: plan, chunks, engine, answers; the same bytes fresh, resumed or from the store."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from volfid.core.log import log
from volfid.core.manifest import installed_versions
from volfid.core.seeds import request_seed
from volfid.generation import engines
from volfid.generation.chunks import Chunk, ChunkStore, Made, Row, code_sha, make_chunks
from volfid.generation.engines.base import ChoiceRequest, EngineSettings, engine_settings, model_identity
from volfid.generation.labelling import answer_row, calibrated, plan_labelling, read_labelling
from volfid.generation.requests import Corpus
from volfid.generation.runner import CHUNK_FOLDER, PACKAGES, START_LIMIT_S, MakeEngine, Outcome
from volfid.generation.watchdog import Watchdog, ending_on_sigterm

SEQUENCES = 64
COUNTED = ("tokens_prompt", "tokens_cached", "tokens_completion", "failures")


def run_labelling(
    job: Mapping[str, Any], corpus: Corpus, *, prompts: Path, out_dir: Path, model_dir: Path | None = None,
    chunk_store: Path | None = None, attempt: int = 1, make_engine: MakeEngine = engines.make_engine,
) -> Outcome:  # fmt: skip
    """Ask every question of the job (items: labeller, regime, draw) and return rows of contract `answers`.

    The engine starts at the first chunk that no store has. Raises RetryError (75) when memory runs out,
    VolfidError with exit 143 on SIGTERM; finished chunks are kept in both cases.
    """
    settings = read_labelling(job["settings"])
    entry, seed = job["settings"]["engine"], job["master_seed"]
    own = replace(engine_settings(entry, SEQUENCES, attempt), prefix_caching=True)
    requests = plan_labelling(job["items"], corpus, prompts, settings, entry["name"], seed)
    chunks = make_chunks(requests, settings.chunk, _identity(own, seed, model_dir))  # type: ignore[arg-type]
    store = ChunkStore(out_dir / CHUNK_FOLDER, chunk_store, "answers")
    work = _Questions(make_engine(own, model_dir), own, corpus, seed, len(requests))
    with ending_on_sigterm():
        made = work.run(chunks, store)
    raw = [row for one in made for row in one.rows]
    counts = _counts(raw) | {
        "chunks": len(chunks), "chunks_reused": work.reused, "chunks_made": len(chunks) - work.reused,
        "prompt_tokens_per_s": work.rate(), "task_attempt": attempt,
    }  # fmt: skip
    facts = work.engine.describe() | {"chunk": settings.chunk, "calibrate": settings.calibrate}
    return Outcome(calibrated(raw) if settings.calibrate else raw, counts, facts)


def _identity(own: EngineSettings, master_seed: int, model_dir: Path | None) -> dict[str, Any]:
    """What decides the answers of a chunk beside its plan."""
    versions = installed_versions(PACKAGES)
    versions.pop("python")
    here = Path(__file__).parent
    return {
        "what": "answers", "model": model_identity(own, model_dir), "versions": versions,
        "code": code_sha(here / "labelling.py", *sorted((here / "engines").glob("*.py"))),
        "engine": [own.engine, own.dtype, own.max_model_len, own.max_num_batched_tokens, own.tensor_parallel],
        "chat": dict(own.chat), "master_seed": master_seed,
    }  # fmt: skip


class _Questions:
    """The loop over chunks, with its counters."""

    def __init__(self, engine: Any, own: EngineSettings, corpus: Corpus, master_seed: int, total: int):
        self.engine, self.own, self.corpus, self.master_seed, self.total = engine, own, corpus, master_seed, total
        self.watchdog = Watchdog()
        self.reused = self.done = self.tokens = 0
        self.running, self.seconds = False, 0.0

    def run(self, chunks: Sequence[Chunk], store: ChunkStore) -> list[Made]:
        """Every chunk, from the store or made; the engine is closed at the end."""
        found = {chunk.key: store.load(chunk) for chunk in chunks}
        self.reused = sum(made is not None for made in found.values())
        log(f"labelling: {self.total} documents in {len(chunks)} chunks, {self.reused} of them from the chunk store")
        made = []
        try:
            for chunk in chunks:
                made.append(found.pop(chunk.key) or self._make_once(chunk, store))
                self.done += len(chunk.requests)
                rate = f", {self.rate():.0f} prompt tokens/s" if self.seconds > 0 else ""
                log(f"labelling: {self.done}/{self.total} documents{rate}")
        finally:
            if self.running:
                self.engine.close()
        return made

    def rate(self) -> float | None:
        """Prompt tokens read a second, without the start of the engine; None when it did not run."""
        return round(self.tokens / self.seconds, 1) if self.seconds > 0 else None

    def _make_once(self, chunk: Chunk, store: ChunkStore) -> Made:
        with store.locked(chunk):
            made = store.load(chunk)
            if made is not None:
                self.reused += 1
                return made
            made = self._make(chunk)
            store.save(chunk, made)
            return made

    def _make(self, chunk: Chunk) -> Made:
        if not self.running:
            with self.watchdog.watching(START_LIMIT_S, "the start of the engine"):
                self.engine.start()
            self.running = True
        asked = [
            ChoiceRequest(one.request_id, one.prompts, one.answer_prefix,
                          request_seed(self.master_seed, one.request_id), one.subject, one.topics)
            for one in chunk.requests
        ]  # fmt: skip
        started = time.monotonic()
        with self.watchdog.watching(self.own.stall_s, "the engine"):
            outputs = self.engine.judge(asked, self.watchdog.beat)
        self.seconds += time.monotonic() - started
        self.tokens += sum(output.prompt_tokens - output.cached_tokens for output in outputs)
        return Made([answer_row(*pair, self.corpus) for pair in zip(chunk.requests, outputs, strict=True)], {})


def _counts(rows: Sequence[Row]) -> dict[str, Any]:
    """Documents, questions, tokens and questions without an answer, in all and by labeller."""
    parts = defaultdict(list)
    for row in rows:
        parts[row["labeller"]].append(row)

    def count(some: Sequence[Row]) -> dict[str, Any]:
        return {
            "documents": len(some), "questions": sum(len(row["scores"]) for row in some),
            "answer_mass": sum(row["answer_mass"] for row in some) / len(some) if some else None,
            **{name: sum(row[name] for row in some) for name in COUNTED},
        }  # fmt: skip

    return count(rows) | {"labellers": {name: count(parts[name]) for name in sorted(parts)}}
