"""Checking the labels of documents by asking a model several times: planned before anything runs.

A check lists a few candidate labels (those of the document, others with like names, and random ones) in an order of
its own, and asks about each of them by one yes/no question. Its vote is drawn from the two answers at a temperature,
with a seed of its own, so that checks of one document differ as sampled answers do (Wang et al. 2023, Self-Consistency
Improves Chain of Thought Reasoning in Language Models):

    P(vote is yes) = y^(1/T) / (y^(1/T) + (1 - y)^(1/T)),  y = P(yes) / (P(yes) + P(no)) at the first token
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from volfid.core.chat import NO, YES
from volfid.core.exits import ConfigError
from volfid.core.files import canonical_json, sha256_text
from volfid.core.schemas import LABEL_CHECK
from volfid.core.seeds import generator, request_seed
from volfid.core.supplied import BROUGHT
from volfid.generation import prompts
from volfid.generation.engines.base import ChoiceOutput
from volfid.generation.prompts import Template
from volfid.generation.requests import Corpus, confusable

Row = Mapping[str, Any]
REAL = "real"
TARGET, NEAR, RANDOM = "target", "near", "random"
NO_ANSWER = -1
FEWEST_OTHERS = 2  # candidates that are no label of the document, however many labels it has


@dataclass(frozen=True)
class Checking:
    """How labels are checked. documents: made ones of each pool; real: real ones; checks: of each document;
    candidates: labels a check asks about, more where a document has many; chunk: checks asked together;
    shown_words: words shown of a document; definitions: whether a question gives the label's definition; genre: what
    kind of text, in words."""

    documents: int
    real: int
    checks: int
    temperature: float
    candidates: int
    chunk: int
    shown_words: int
    definitions: bool
    genre: str | None


@dataclass(frozen=True)
class CheckRequest:
    """One check of one document: a question for each of `labels`, in the order in which the prompt lists them."""

    request_id: str
    pool_id: str
    position: int
    checker: str
    author: str
    method: str | None
    doc_id: str
    group: str
    check: int
    labels: tuple[str, ...]
    kinds: tuple[str, ...]
    prompts: tuple[str, ...]
    answer_prefix: str
    prompt_sha: str
    subject: str
    topics: tuple[str, ...]


def read_checking(settings: Mapping[str, Any]) -> Checking:
    """The settings `checks` of a job. Raises ConfigError for a missing or unknown one."""
    try:
        return Checking(**settings["checks"])
    except (KeyError, TypeError) as error:
        raise ConfigError(f"the settings of checks are incomplete: {error}", mend="Make the plan again") from error


def plan_checks(
    author: str, synthetic: Sequence[Row], corpus: Corpus, folder: Path, settings: Checking, checker: str,
    master_seed: int,
) -> list[CheckRequest]:  # fmt: skip
    """Every check of a job, pool by pool, document by document.

    author: real, brought for all supplied pools, or whose documents `synthetic` holds. Real documents are of the train
    pool: no test document is read.
    Raises DataError for a label without a name.
    """
    template = prompts.load_template(folder / LABEL_CHECK / prompts.FILE)
    made: list[CheckRequest] = []
    for pool_id, rows in _pools(author, synthetic, corpus):
        rng = generator(master_seed, "checked_documents", pool=pool_id)
        most = settings.real if author == REAL else settings.documents
        chosen = sorted(rng.permutation(len(rows))[:most].tolist())
        asked = [
            _request(
                rows[index], check, f"{checker}__{pool_id}", author, template, corpus, settings, checker, master_seed
            )
            for index in chosen
            for check in range(settings.checks)
        ]
        made += [CheckRequest(**one, position=position) for position, one in enumerate(asked)]
    return made


def candidates(labels: Sequence[str], corpus: Corpus, count: int, rng: np.random.Generator) -> dict[str, str]:
    """Label -> kind: the document's own, then half of the rest with like names where there are any, and random ones."""
    wanted = corpus.named(labels)
    room = min(max(count - len(labels), FEWEST_OTHERS), len(corpus.order) - len(labels))
    near = [row["label"] for row in confusable(wanted, corpus.labels.values(), (room + 1) // 2)]
    left = [label for label in corpus.order if label not in {*labels, *near}]
    drawn = [left[index] for index in rng.permutation(len(left))[: room - len(near)]]
    return dict.fromkeys(labels, TARGET) | dict.fromkeys(near, NEAR) | dict.fromkeys(drawn, RANDOM)


def vote(share: float | None, temperature: float, chance: float) -> int:
    """1 for yes and 0 for no; -1 without an answer. share: y of the module; chance: uniform in [0, 1)."""
    if share is None:
        return NO_ANSWER
    with np.errstate(divide="ignore"):
        log_odds = (np.log(share) - np.log1p(-share)) / temperature
    return int(chance < 1 / (1 + np.exp(-log_odds)))


def check_row(request: CheckRequest, output: ChoiceOutput, settings: Checking, master_seed: int) -> dict[str, Any]:
    """A row of contract `label_checks`."""
    chances = np.random.default_rng(request_seed(master_seed, request.request_id)).random(len(request.labels))
    shares = output.shares
    return {
        "request_id": request.request_id, "pool_id": request.pool_id, "position": request.position,
        "checker": request.checker, "author": request.author, "method": request.method, "doc_id": request.doc_id,
        "group": request.group, "check": request.check, "prompt_sha": request.prompt_sha,
        "labels": list(request.labels), "kinds": list(request.kinds),
        "yes_shares": [0.0 if share is None else share for share in shares],
        "votes": [
            vote(share, settings.temperature, chance) for share, chance in zip(shares, chances.tolist(), strict=True)
        ],
        "answer_mass": output.mass, "failures": sum(share is None for share in shares),
        "tokens_prompt": output.prompt_tokens, "tokens_cached": output.cached_tokens,
        "tokens_completion": len(shares),
    }  # fmt: skip


def _pools(author: str, synthetic: Sequence[Row], corpus: Corpus) -> Iterator[tuple[str, list[Row]]]:
    """Pools by id, their documents by id: the train pool for real ones, else what was kept."""
    if author == REAL:
        train = [row for row in corpus.documents.values() if row["split"] == "train"]
        yield REAL, sorted(train, key=lambda row: row["doc_id"])
        return
    pools: dict[str, list[Row]] = defaultdict(list)
    for row in synthetic:
        if row["kept"] and (author == BROUGHT or row["generator"] == author):
            pools[row["pool_id"]].append(row)
    for pool_id in sorted(pools):
        yield pool_id, sorted(pools[pool_id], key=lambda row: row["doc_id"])


def _request(
    row: Row, check: int, pool: str, author: str, template: Template, corpus: Corpus, settings: Checking,
    checker: str, master_seed: int,
) -> dict[str, Any]:  # fmt: skip
    """The fields of a CheckRequest but its position. The candidates are those of the document, whatever the check."""
    doc_id = row["doc_id"]
    place = {"pool": pool, "doc": doc_id}
    found = candidates(row["labels"], corpus, settings.candidates, generator(master_seed, "check_candidates", **place))
    listed = list(found)
    order = generator(master_seed, "check_order", check=check, **place).permutation(len(listed))
    labels = [listed[index] for index in order]
    named = corpus.named(labels)
    shown = named if settings.definitions else [{**one, "definition": None} for one in named]
    values = {
        "parent": prompts.shown_text(row["text"], settings.shown_words),
        "candidates": "; ".join(one["name"] for one in named),
        **({"genre": settings.genre} if settings.genre else {}),
    }
    asked = [prompts.render(template, {**values, "labels": prompts.label_lines(template, [one])}).text for one in shown]
    sha = sha256_text(canonical_json([asked, template.answer_prefix, YES, NO]))
    return {
        "request_id": sha256_text(canonical_json([LABEL_CHECK, checker, pool, doc_id, check, sha]))[:16],
        "pool_id": pool, "checker": checker, "author": row["generator"] if author == BROUGHT else author,
        "method": row.get("method"), "doc_id": doc_id,
        "group": row.get("parent_doc_id") or doc_id, "check": check, "labels": tuple(labels),
        "kinds": tuple(found[label] for label in labels), "prompts": tuple(asked),
        "answer_prefix": template.answer_prefix, "prompt_sha": sha, "subject": row["text"],
        "topics": tuple(one["name"] for one in named),
    }  # fmt: skip
