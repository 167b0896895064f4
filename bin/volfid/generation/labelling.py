"""Asking a generator for labels: one yes/no question a document and label, planned before anything runs.

The score of a label is the share of yes among yes and no at the first token of the answer. Small models say yes to
some labels whatever the text; the answer to a text without content measures that, and the calibrated score takes it off
in log odds (Zhao et al. 2021, Calibrate Before Use, section 4).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volfid.core.chat import NO, YES
from volfid.core.exits import ConfigError
from volfid.core.files import canonical_json, sha256_text
from volfid.core.labels import label_order_sha
from volfid.core.seeds import generator
from volfid.generation import prompts
from volfid.generation.engines.base import ChoiceOutput
from volfid.generation.prompts import Template
from volfid.generation.requests import Corpus

Row = Mapping[str, Any]
NO_CONTENT = "N/A"
RAW, CALIBRATED = "yes_share", "yes_share_calibrated"
_SMALLEST = 1e-7


@dataclass(frozen=True)
class Labelling:
    """How documents are shown and asked about. chunk: documents asked about together; shown_words: words shown of
    a document; exemplars: labelled real documents in a few-shot prompt; definitions: whether a question gives the
    label's definition; genre: what kind of text, in words; calibrate: whether the answers to a text without
    content are taken off."""

    chunk: int
    shown_words: int
    exemplars: int
    definitions: bool
    genre: str | None
    calibrate: bool


@dataclass(frozen=True)
class LabelRequest:
    """All questions about one document; `doc_id` is None for the text without content."""

    request_id: str
    pool_id: str
    position: int
    labeller: str
    generator: str
    regime: int | None
    draw: int | None
    doc_id: str | None
    exemplar_ids: tuple[str, ...]
    prompts: tuple[str, ...]
    answer_prefix: str
    prompt_sha: str
    subject: str
    topics: tuple[str, ...]


def read_labelling(settings: Mapping[str, Any]) -> Labelling:
    """The settings `labelling` of a job. Raises ConfigError for a missing or unknown one, or a wrong value."""
    try:
        made = Labelling(**settings["labelling"])
    except (KeyError, TypeError) as error:
        raise ConfigError(f"the settings of labelling are incomplete: {error}", mend="Make the plan again") from error
    for name, least in (("chunk", 1), ("shown_words", 10), ("exemplars", 1)):
        if getattr(made, name) < least:
            raise ConfigError(f"labelling.{name} is {getattr(made, name)}, expected {least} or more")
    return made


def plan_labelling(
    items: Sequence[Row], corpus: Corpus, folder: Path, settings: Labelling, name: str, master_seed: int
) -> list[LabelRequest]:
    """Every request of a job, group by group: groups show the same exemplars.

    items: {labeller, regime, draw}. zero_shot: the documents of all its regimes and the test documents, once.
    few_shot: for each regime the test documents with exemplars from the whole regime, and the documents of each
    fold with exemplars from the other folds, so that what is tuned on them is tuned out of fold. Each group
    begins with the text without content. Raises DataError for a label without a name.
    """
    named = corpus.named(corpus.order)
    test = sorted(doc_id for doc_id, row in corpus.documents.items() if row["split"] == "test")
    made: list[LabelRequest] = []
    zero = [item for item in items if item["labeller"] == "zero_shot"]
    if zero:
        real = {row["doc_id"] for item in zero for row in corpus.regime(_place(item))}
        made += _group("zero_shot", None, "all", sorted({*real, *test}), (), named, corpus, folder, settings, name)
    few = [item for item in items if item["labeller"] == "few_shot"]
    for item in sorted(few, key=lambda one: (one["regime"], one["draw"])):
        documents = corpus.regime(_place(item))
        folds = dict(zip(*(corpus.regimes[item["regime"], item["draw"]][key] for key in ("doc_ids", "folds")),
                         strict=True))  # fmt: skip
        for fold in (None, *sorted(set(folds.values()))):
            held = [doc_id for doc_id in folds if folds[doc_id] == fold]
            rows = [row for row in documents if row["doc_id"] not in held]
            shown = exemplars(rows, settings.exemplars, (master_seed, item["regime"], item["draw"], fold))
            asked, part = (test, "test") if fold is None else (sorted(held), f"fold{fold}")
            made += _group("few_shot", item, part, asked, shown, named, corpus, folder, settings, name)
    return made


def exemplars(rows: Sequence[Row], count: int, place: tuple[int, int, int, int | None]) -> tuple[Row, ...]:
    """`count` documents in seeded order, each time the first that shows most labels not yet shown.

    place: master seed, regime, draw and the fold that is left out.
    """
    seed, regime, draw, fold = place
    rng = generator(seed, "label_exemplars", regime=regime, draw=draw, fold=fold)
    left = [rows[index] for index in rng.permutation(len(rows))]
    chosen: list[Row] = []
    seen: set[str] = set()
    while left and len(chosen) < count:
        best = max(range(len(left)), key=lambda index: (len(set(left[index]["labels"]) - seen), -index))
        chosen.append(left.pop(best))
        seen |= set(chosen[-1]["labels"])
    return tuple(chosen)


def answer_row(request: LabelRequest, output: ChoiceOutput, corpus: Corpus) -> dict[str, Any]:
    """A row of contract `answers`, not yet calibrated."""
    shares = [0.0 if share is None else share for share in output.shares]
    return {
        "request_id": request.request_id, "pool_id": request.pool_id, "position": request.position,
        "labeller": request.labeller, "generator": request.generator, "regime": request.regime, "draw": request.draw,
        "doc_id": request.doc_id, "exemplar_ids": list(request.exemplar_ids), "prompt_sha": request.prompt_sha,
        "score": RAW, "scores": shares, "yes_shares": shares, "answer_mass": output.mass,
        "failures": sum(share is None for share in output.shares), "tokens_prompt": output.prompt_tokens,
        "tokens_cached": output.cached_tokens, "tokens_completion": len(output.shares),
        "label_order_sha": label_order_sha(corpus.order),
    }  # fmt: skip


def calibrated(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows with calibrated scores: log odds of yes, minus those for the text without content of the same group.

    A label without an answer keeps 0; one whose text without content had no answer is not shifted.
    """
    bias = {row["pool_id"]: row["yes_shares"] for row in rows if row["doc_id"] is None}
    made = []
    for row in rows:
        scores = [
            _shifted(share, base) if share > 0 else 0.0
            for share, base in zip(row["yes_shares"], bias[row["pool_id"]], strict=True)
        ]
        made.append({**row, "score": CALIBRATED, "scores": scores})
    return made


def _shifted(share: float, base: float) -> float:
    logit = _logit(share) - (_logit(base) if base > 0 else 0.0)
    return 1 / (1 + math.exp(-logit))


def _logit(share: float) -> float:
    share = min(max(share, _SMALLEST), 1 - _SMALLEST)
    return math.log(share / (1 - share))


def _place(item: Row) -> Row:
    return {"pool_size": item["regime"], "draw": item["draw"], "pool_id": f"of {item['labeller']}"}


def _group(
    labeller: str, item: Row | None, part: str, doc_ids: Sequence[str], shown: Sequence[Row], named: Sequence[Row],
    corpus: Corpus, folder: Path, settings: Labelling, name: str,
) -> list[LabelRequest]:  # fmt: skip
    template = prompts.load_template(folder / labeller / prompts.FILE)
    regime, draw = (item["regime"], item["draw"]) if item else (None, None)
    group = "__".join([name, labeller, *([f"n{regime:05d}", f"d{draw:02d}"] if item else []), part])
    block = [
        ("; ".join(row["name"] for row in corpus.named(one["labels"])) or "none of the topics",
         prompts.shown_text(one["text"], settings.shown_words)) for one in shown
    ]  # fmt: skip
    values = {"genre": settings.genre} if settings.genre else {}
    if shown:
        values["exemplars"] = prompts.exemplar_block(template, block)
    made = []
    for position, doc_id in enumerate((None, *doc_ids)):
        text = NO_CONTENT if doc_id is None else corpus.documents[doc_id]["text"]
        asked = _questions(template, values, prompts.shown_text(text, settings.shown_words), named, settings)
        sha = sha256_text(canonical_json([asked, template.answer_prefix, YES, NO]))
        ids = [row["doc_id"] for row in shown]
        identity = [labeller, name, regime, draw, part, doc_id, ids, sha]
        made.append(LabelRequest(
            request_id=sha256_text(canonical_json(identity))[:16], pool_id=group, position=position,
            labeller=labeller, generator=name, regime=regime, draw=draw, doc_id=doc_id, exemplar_ids=tuple(ids),
            prompts=tuple(asked), answer_prefix=template.answer_prefix, prompt_sha=sha, subject=text,
            topics=tuple(row["name"] for row in named),
        ))  # fmt: skip
    return made


def _questions(
    template: Template, values: Mapping[str, str], text: str, named: Sequence[Row], settings: Labelling
) -> list[str]:
    rows = named if settings.definitions else [{**row, "definition": None} for row in named]
    return [
        prompts.render(template, {**values, "parent": text, "labels": prompts.label_lines(template, [row])}).text
        for row in rows
    ]
