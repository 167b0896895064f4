"""Running the jobs that ask for labels: plan, chunks, engine, rows; the same bytes fresh, resumed or from the store."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from volfid.core.log import tell
from volfid.core.seeds import request_seed
from volfid.generation import checks, engines, labelling
from volfid.generation.checks import CheckRequest, check_row, plan_checks, read_checking
from volfid.generation.chunks import Chunk, ChunkStore, Made, Row, make_chunks
from volfid.generation.engines.base import ChoiceOutput, ChoiceRequest, Engine, EngineSettings, engine_settings
from volfid.generation.labelling import LabelRequest, answer_row, calibrated, plan_labelling, read_labelling
from volfid.generation.loop import CHUNK_FOLDER, ChunkLoop, MakeEngine, Outcome, engine_identity
from volfid.generation.requests import Corpus
from volfid.generation.summary import unanswered

SEQUENCES = 64
COUNTED = ("tokens_prompt", "tokens_cached", "tokens_completion", "failures")
Question = LabelRequest | CheckRequest


@dataclass(frozen=True)
class _Asking:
    """What a kind of job asks, and what comes of it.

    unit: what a request is; code: module that decides the rows; settings: those that do; row_of: a row of a request
    and its output; by, questions: the fields by which rows are counted, and that has an item a question.
    """

    stage: str
    unit: str
    contract: str
    chunk: int
    code: Path
    settings: tuple[Any, ...]
    row_of: Callable[[Any, ChoiceOutput], Row]
    by: str
    questions: str


def run_labelling(
    job: Mapping[str, Any], corpus: Corpus, *, prompts: Path, out_dir: Path, model_dir: Path | None = None,
    chunk_store: Path | None = None, attempt: int = 1, make_engine: MakeEngine = engines.make_engine,
) -> Outcome:  # fmt: skip
    """Ask every question of the job (items: labeller, regime, draw) and return rows of contract `answers`.

    Raises what `ChunkLoop.run` raises.
    """
    settings, name = read_labelling(job["settings"]), job["settings"]["engine"]["name"]
    requests = plan_labelling(job["items"], corpus, prompts, settings, name, job["master_seed"])
    asking = _Asking(
        "labelling", "documents", "answers", settings.chunk, Path(labelling.__file__), (),
        partial(answer_row, corpus=corpus), "labeller", "scores",
    )  # fmt: skip
    work, raw, counts = _asked(job, requests, asking, out_dir, model_dir, chunk_store, attempt, make_engine)
    facts = work.engine.describe() | {"chunk": settings.chunk, "calibrate": settings.calibrate}
    return Outcome(calibrated(raw) if settings.calibrate else raw, counts, facts)


def run_checks(
    job: Mapping[str, Any], corpus: Corpus, *, synthetic: Sequence[Row], prompts: Path, out_dir: Path,
    model_dir: Path | None = None, chunk_store: Path | None = None, attempt: int = 1,
    make_engine: MakeEngine = engines.make_engine,
) -> Outcome:  # fmt: skip
    """Make every check of the job (of the documents of one author) and return rows of contract `label_checks`.

    Raises what `ChunkLoop.run` raises.
    """
    settings, name = read_checking(job["settings"]), job["settings"]["engine"]["name"]
    seed, author = job["master_seed"], job["settings"]["source"]
    requests = plan_checks(author, synthetic, corpus, prompts, settings, name, seed)
    asking = _Asking(
        "checks", "checks", "label_checks", settings.chunk, Path(checks.__file__), (settings.temperature,),
        partial(check_row, settings=settings, master_seed=seed), "author", "votes",
    )  # fmt: skip
    work, rows, counts = _asked(job, requests, asking, out_dir, model_dir, chunk_store, attempt, make_engine)
    return Outcome(rows, counts, work.engine.describe())


def _asked(
    job: Mapping[str, Any], requests: Sequence[Question], asking: _Asking, out_dir: Path, model_dir: Path | None,
    chunk_store: Path | None, attempt: int, make_engine: MakeEngine,
) -> "tuple[_Questions, list[Row], dict[str, Any]]":  # fmt: skip
    """The loop over all requests, their rows, and counts for the manifest."""
    seed = job["master_seed"]
    own = replace(engine_settings(job["settings"]["engine"], SEQUENCES, attempt), prefix_caching=True)
    identity = {"what": asking.contract, "settings": asking.settings}
    chunks = make_chunks(requests, asking.chunk, identity | engine_identity(own, seed, model_dir, [asking.code]))
    store = ChunkStore(out_dir / CHUNK_FOLDER, chunk_store, asking.contract)
    work = _Questions(make_engine(own, model_dir), own, asking, seed, len(requests))
    rows = [row for one in work.run(chunks, store) for row in one.rows]
    counts = _counts(rows, asking)
    counts["warnings"] = unanswered(own.name, counts["failures"], counts["questions"])
    tell(counts["warnings"])
    return work, rows, counts | work.counts(attempt)


class _Questions(ChunkLoop[Question]):
    """Asks the questions of a chunk."""

    counted = "prompt tokens"

    def __init__(self, engine: Engine, own: EngineSettings, asking: _Asking, master_seed: int, total: int):
        super().__init__(engine, own, total)
        self.stage, self.unit, self.row_of, self.master_seed = asking.stage, asking.unit, asking.row_of, master_seed

    def make(self, chunk: Chunk[Question]) -> Made:
        """One call of the engine; what is read again from its cache is not counted."""
        asked = [
            ChoiceRequest(one.request_id, one.prompts, one.answer_prefix,
                          request_seed(self.master_seed, one.request_id), one.subject, one.topics)
            for one in chunk.requests
        ]  # fmt: skip
        with self.watchdog.watching(self.own.stall_s, "the engine"):
            outputs = self.engine.judge(asked, self.watchdog.beat)
        self.tokens += sum(output.prompt_tokens - output.cached_tokens for output in outputs)
        return Made([self.row_of(*pair) for pair in zip(chunk.requests, outputs, strict=True)], {})


def _counts(rows: Sequence[Row], asking: _Asking) -> dict[str, Any]:
    """Requests, questions, tokens and questions without an answer, in all and by labeller or author."""
    parts = defaultdict(list)
    for row in rows:
        parts[row[asking.by]].append(row)

    def count(some: Sequence[Row]) -> dict[str, Any]:
        return {
            asking.unit: len(some), "questions": sum(len(row[asking.questions]) for row in some),
            "answer_mass": sum(row["answer_mass"] for row in some) / len(some) if some else None,
            **{name: sum(row[name] for row in some) for name in COUNTED},
        }  # fmt: skip

    return count(rows) | {f"{asking.by}s": {name: count(parts[name]) for name in sorted(parts)}}
