"""Running a generation job: plan, chunks, engine, retries; the same bytes fresh, resumed or from the store."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from volfid.core import reasoning, word_count
from volfid.core.labels import label_order_sha
from volfid.core.log import tell
from volfid.core.schemas import REWRITERS
from volfid.core.seeds import request_seed
from volfid.generation import (
    eda,
    engines,
    headings,
    json_text,
    parsing,
    phrases,
    refusals,
    rewriting,
    sentences,
    unwrapping,
    wording,
    wordnet,
)  # fmt: skip
from volfid.generation.chunks import Chunk, ChunkStore, Made, Row, make_chunks
from volfid.generation.engines.base import Engine, EngineOutput, EngineRequest, EngineSettings, engine_settings
from volfid.generation.loop import CHUNK_FOLDER, ChunkLoop, MakeEngine, Outcome, engine_identity
from volfid.generation.requests import Corpus, Request, plan_requests
from volfid.generation.settings import Settings, read_settings
from volfid.generation.summary import summarise, warnings

# the modules that decide what an answer is worth
ANSWERS = (parsing, unwrapping, headings, phrases, refusals, wording, json_text, reasoning, word_count)
OWN_OPENING = "own_opening"  # an answer that began in its own words is kept as it is, and counted


def run_job(
    job: Mapping[str, Any], corpus: Corpus, *, prompts: Path, out_dir: Path, model_dir: Path | None = None,
    chunk_store: Path | None = None, attempt: int = 1, make_engine: MakeEngine = engines.make_engine,
) -> Outcome:  # fmt: skip
    """Make every request of the job's pools, chunk by chunk; rows of contract `generations`.

    The plan is complete before the first token. attempt: of the task; a later one runs smaller batches.
    Raises what `ChunkLoop.run` raises.
    """
    settings = read_settings(job["settings"])
    own = engine_settings(settings.engine, settings.chunk, attempt)
    requests = plan_requests(job["items"], corpus, prompts, settings, job["master_seed"])
    identity = chunk_identity(settings, own, corpus.order, job["master_seed"], model_dir)
    chunks = make_chunks(requests, settings.chunk, identity)
    store = ChunkStore(out_dir / CHUNK_FOLDER, chunk_store)
    engine = make_engine(own, model_dir)
    work = _Texts(engine, own, settings, corpus.order, job["master_seed"], len(requests))
    made = work.run(chunks, store)
    rows = [row for one in made for row in one.rows]
    repairs: Counter[str] = Counter()
    for one in made:
        repairs.update(one.repairs)
    counts = summarise(rows) | {"repairs": dict(sorted(repairs.items()))} | work.counts(attempt)
    counts["warnings"] = warnings(rows)
    tell(counts["warnings"])
    return Outcome(rows, counts, engine.describe() | {"chunk": settings.chunk, "attempts": settings.attempts})


def chunk_identity(
    settings: Settings, own: EngineSettings, labels: Sequence[str], master_seed: int, model_dir: Path | None
) -> dict[str, Any]:
    """What decides the text of a chunk beside its plan."""
    deciding = (rewriting, sentences, eda, wordnet) if own.engine in REWRITERS else ANSWERS
    sources = [Path(str(module.__file__)) for module in deciding]
    return engine_identity(own, master_seed, model_dir, sources) | {
        "rules": [settings.attempts, {name: list(settings.band(name)) for name in sorted(settings.sampling)}],
        "labels": label_order_sha(sorted(labels)),
    }


class _Texts(ChunkLoop[Request]):
    """Makes the documents of a chunk."""

    stage, unit, counted = "generation", "requests", "tokens"

    def __init__(
        self, engine: Engine, own: EngineSettings, settings: Settings, labels: Sequence[str], master_seed: int,
        total: int,
    ):  # fmt: skip
        super().__init__(engine, own, total)
        self.settings, self.labels, self.master_seed = settings, frozenset(labels), master_seed
        self.accepted = 0

    def make(self, chunk: Chunk[Request]) -> Made:
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
                parsed = self._parse(draft.request, output)
                draft.take(one.seed, output, parsed)
                repairs.update(parsed.rungs if _as_asked(draft, output) else (*parsed.rungs, OWN_OPENING))
                self.tokens += output.completion_tokens
        return Made([draft.row() for draft in drafts.values()], dict(sorted(repairs.items())))

    def _ask(self, request: Request, attempt: int) -> EngineRequest:
        sampling, rewrite = request.sampling, request.rewrite
        if rewrite is not None:  # what is not random must differ when it is tried again
            rewrite = replace(rewrite, turn=rewrite.turn + attempt)
        return EngineRequest(
            request.request_id, request.prompt, request.answer_prefix + request.opening,
            request_seed(self.master_seed, request.request_id, attempt),
            sampling.temperature, sampling.top_p, sampling.max_tokens, request.stop, request.topics, rewrite,
        )  # fmt: skip

    def _parse(self, request: Request, output: EngineOutput) -> parsing.Parsed:
        if request.rewriter is not None:
            return rewriting.check(output.text, output.finish_reason, request.prompt, request.rewriter)
        if output.refused:
            return parsing.Parsed(None, "refusal")
        return parsing.parse(output.text, output.finish_reason, self._rules(request, output.opened))

    def _rules(self, request: Request, opened: bool) -> parsing.Rules:
        low, high = self.settings.band(request.method)
        copy = parsing.COPY_OF_PARENT if request.shows_parent else parsing.COPY_OF_EXEMPLAR
        opening = request.opening if opened else ""
        inside = opened and "<doc>" in request.answer_prefix.lower()
        return parsing.Rules(
            low, high, self.labels, request.instructions, request.shown, copy, opening, inside, request.stop
        )

    def note(self, made: Made) -> str:
        """How many have been accepted so far."""
        self.accepted += sum(row["text"] is not None for row in made.rows)
        return f", {self.accepted} accepted"


def _as_asked(draft: "_Draft", output: EngineOutput) -> bool:
    """Whether an answer began with the words asked for, reasoning before them aside."""
    opening = draft.request.opening
    return output.opened or bool(opening and draft.text and draft.text.startswith(opening))


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
        self.completion += output.completion_tokens
        if parsed.reason:
            self.reasons.append(parsed.reason)
            self.discarded += output.completion_tokens

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
