"""Running a labelling job: plan, chunks, engine, answers; the same bytes fresh, resumed or from the store."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from volfid.core.seeds import request_seed
from volfid.generation import engines, labelling
from volfid.generation.chunks import Chunk, ChunkStore, Made, Row, make_chunks
from volfid.generation.engines.base import ChoiceRequest, Engine, EngineSettings, engine_settings
from volfid.generation.labelling import LabelRequest, answer_row, calibrated, plan_labelling, read_labelling
from volfid.generation.loop import CHUNK_FOLDER, ChunkLoop, MakeEngine, Outcome, engine_identity
from volfid.generation.requests import Corpus

SEQUENCES = 64
COUNTED = ("tokens_prompt", "tokens_cached", "tokens_completion", "failures")


def run_labelling(
    job: Mapping[str, Any], corpus: Corpus, *, prompts: Path, out_dir: Path, model_dir: Path | None = None,
    chunk_store: Path | None = None, attempt: int = 1, make_engine: MakeEngine = engines.make_engine,
) -> Outcome:  # fmt: skip
    """Ask every question of the job (items: labeller, regime, draw) and return rows of contract `answers`.

    Raises what `ChunkLoop.run` raises.
    """
    settings = read_labelling(job["settings"])
    entry, seed = job["settings"]["engine"], job["master_seed"]
    own = replace(engine_settings(entry, SEQUENCES, attempt), prefix_caching=True)
    requests = plan_labelling(job["items"], corpus, prompts, settings, entry["name"], seed)
    identity = {"what": "answers"} | engine_identity(own, seed, model_dir, [Path(labelling.__file__)])
    chunks = make_chunks(requests, settings.chunk, identity)
    store = ChunkStore(out_dir / CHUNK_FOLDER, chunk_store, "answers")
    work = _Questions(make_engine(own, model_dir), own, corpus, seed, len(requests))
    raw = [row for one in work.run(chunks, store) for row in one.rows]
    counts = _counts(raw) | work.counts(attempt)
    facts = work.engine.describe() | {"chunk": settings.chunk, "calibrate": settings.calibrate}
    return Outcome(calibrated(raw) if settings.calibrate else raw, counts, facts)


class _Questions(ChunkLoop[LabelRequest]):
    """Asks the questions of a chunk."""

    stage, unit, counted = "labelling", "documents", "prompt tokens"

    def __init__(self, engine: Engine, own: EngineSettings, corpus: Corpus, master_seed: int, total: int):
        super().__init__(engine, own, total)
        self.corpus, self.master_seed = corpus, master_seed

    def make(self, chunk: Chunk[LabelRequest]) -> Made:
        """One call of the engine; what is read again from its cache is not counted."""
        asked = [
            ChoiceRequest(one.request_id, one.prompts, one.answer_prefix,
                          request_seed(self.master_seed, one.request_id), one.subject, one.topics)
            for one in chunk.requests
        ]  # fmt: skip
        with self.watchdog.watching(self.own.stall_s, "the engine"):
            outputs = self.engine.judge(asked, self.watchdog.beat)
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
