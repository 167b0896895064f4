"""From the pools of a job to the complete, ordered list of generation requests."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from volfid.core.exits import ConfigError, DataError
from volfid.core.files import canonical_json, sha256_text
from volfid.core.labels import jaccard, label_matrix
from volfid.core.schemas import REWRITERS
from volfid.core.seeds import derive_seed, generator
from volfid.generation import prompts, rewriting
from volfid.generation.engines.base import Rewrite
from volfid.generation.prompts import Template
from volfid.generation.rewriting import Rewriter
from volfid.generation.settings import Sampling, Settings

Row = Mapping[str, Any]
LABEL_PLANS = ("paired", "empirical", "balanced")
_WORD = re.compile(r"[a-z0-9]+")
NO_SAMPLING = Sampling(temperature=0.0, top_p=1.0, max_tokens=1)  # of methods that are given no prompt


@dataclass(frozen=True)
class Request:
    """One document to be made. Identity: everything that `request_id` hashes (see `_identity`)."""

    request_id: str
    pool_id: str
    position: int
    regime: int
    draw: int
    generator: str
    method: str
    label_plan: str
    labels: tuple[str, ...]
    topics: tuple[str, ...]
    source_doc_ids: tuple[str, ...]
    parent_doc_id: str | None
    prompt: str
    prompt_sha: str
    instructions: tuple[str, ...]
    shown: tuple[str, ...]
    shows_parent: bool
    sampling: Sampling
    answer_prefix: str
    opening: str
    stop: tuple[str, ...]
    rewriter: Rewriter | None = None
    rewrite: Rewrite | None = None


class Corpus:
    """The train documents, labels and regimes that a prompt may draw on."""

    def __init__(self, documents: Sequence[Row], labels: Sequence[Row], regimes: Sequence[Row]):
        self.documents = {row["doc_id"]: row for row in documents}
        self.labels = {row["label"]: row for row in labels}
        self.order = [row["label"] for row in labels]
        self.regimes = {(row["size"], row["draw"]): row for row in regimes}

    def regime(self, pool: Row) -> list[Row]:
        """The documents of a pool's regime, in nested order; only train documents may be among them."""
        row = self.regimes.get((pool["pool_size"], pool["draw"]))
        if row is None:
            raise DataError(f"pool {pool['pool_id']}: no regime of size {pool['pool_size']} in draw {pool['draw']}")
        found = []
        for doc_id in row["doc_ids"]:
            document = self.documents.get(doc_id)
            split = document["split"] if document else "absent"
            if document is None or split != "train":
                message = f"regime {row['regime_id']} names document {doc_id!r}, which is {split}"
                raise DataError(message, mend="Prompts may show train documents only")
            found.append(document)
        return found

    def asked_by_name(self, documents: Sequence[Row]) -> list[Row]:
        """The documents with those of their labels that have a name; documents without one are left out.

        Raises DataError when none is left.
        """
        bare = {label for label, row in self.labels.items() if not row["name"]}
        if not bare:
            return list(documents)
        cut: list[Row] = []
        for row in documents:
            cut.append({**row, "labels": [label for label in row["labels"] if label not in bare]})
        # a document without any label lends its empty set as before
        kept = [row for row, whole in zip(cut, documents, strict=True) if row["labels"] or not whole["labels"]]
        if not kept:
            raise DataError("every label of these documents has no name", mend="Name labels in the file of --labels")
        return kept

    def named(self, labels: Sequence[str]) -> list[Row]:
        """Label rows of a label set. Raises DataError for a label without a name."""
        rows = [self.labels[label] for label in labels]
        bare = next((row["label"] for row in rows if not row["name"]), None)
        if bare:
            mend = "This method's prompt needs names: give a label file with `name` and `definition`"
            raise DataError(f"label {bare!r} has no name", mend=mend)
        return rows


def plan_requests(
    pools: Sequence[Row], corpus: Corpus, folder: Path, settings: Settings, master_seed: int
) -> list[Request]:
    """All requests of a job, by pool and position. The plan is complete before the first token.

    Raises ConfigError for a method without template or sampling, or a plan that the method cannot follow.
    """
    planned: list[Request] = []
    for pool in sorted(pools, key=lambda row: row["pool_id"]):
        method = pool["method"]
        if (folder / method / rewriting.FILE).is_file():
            rewriter = rewriting.load_rewriter(folder / method / rewriting.FILE)
            planned += _plan_rewrites(pool, corpus, rewriter, settings, master_seed)
            continue
        if settings.engine["engine"] in REWRITERS:
            raise ConfigError(f"pool {pool['pool_id']}: {pool['generator']} cannot be given the prompt of {method!r}")
        if method not in settings.sampling:
            raise ConfigError(f"settings.sampling has no entry for method {method!r}")
        template = prompts.load_template(folder / method / prompts.FILE)
        planned += _plan_pool(pool, corpus, template, settings, master_seed)
    if len({request.request_id for request in planned}) != len(planned):
        raise ConfigError("two requests are the same", mend="Is a pool listed twice in the job?")
    return planned


def label_plan_rows(
    plan: str, label_sets: Sequence[Sequence[str]], count: int, rng: np.random.Generator, exponent: float
) -> list[int]:
    """Which real row lends its label set to each of `count` requests.

    paired: the rows in order, again and again. empirical: rows drawn with replacement. balanced: the same
    with weights mean(label count ** -exponent) over the row's labels (inverse frequency). A longer plan
    begins with the shorter one.
    """
    size = len(label_sets)
    if plan == "paired":
        return [position % size for position in range(count)]
    weights = np.ones(size)
    if plan == "balanced":
        counts = Counter(label for labels in label_sets for label in labels)
        rarity = {label: count**-exponent for label, count in counts.items()}
        weights = np.array([sum(rarity[label] for label in labels) / max(len(labels), 1) for labels in label_sets])
    if weights.sum() == 0:
        raise DataError("a balanced label plan needs a document with a label")
    cumulative = np.cumsum(weights / weights.sum())
    drawn = np.searchsorted(cumulative, rng.random(count), side="right")
    return [int(number) for number in np.minimum(drawn, size - 1)]


def _plan_pool(pool: Row, corpus: Corpus, template: Template, settings: Settings, master_seed: int) -> list[Request]:
    plan, sampling = pool["label_plan"], settings.sampling[pool["method"]]
    if plan not in LABEL_PLANS or (template.shows_parent and plan != "paired"):
        raise ConfigError(f"pool {pool['pool_id']}: method {pool['method']!r} cannot follow label plan {plan!r}")
    real = corpus.regime(pool)
    if template.needs_label_names:
        real = corpus.asked_by_name(real)
    rng = generator(master_seed, "label_plan", pool=pool["pool_id"])
    rows = label_plan_rows(plan, [row["labels"] for row in real], pool["requests"], rng, sampling.balance_exponent)
    similarity = jaccard(*[label_matrix([row["labels"] for row in real], corpus.order)] * 2)
    wanted = template.exemplars if sampling.exemplars is None else sampling.exemplars
    made = []
    for position, index in enumerate(rows):
        # Without a parent the position alone tells two requests for one label set apart.
        replicate = position // len(real) if plan == "paired" else position
        salt = f"{master_seed}|{pool['pool_id']}|{position}"
        hidden = index if plan == "paired" else None
        shown = [real[index]] if template.shows_parent else _exemplars(real, similarity[index], hidden, wanted, salt)
        parent = real[index]["doc_id"] if plan == "paired" else None
        labels = real[index]["labels"]
        made.append(_request(pool, position, replicate, labels, parent, shown, corpus, template, settings))
    return made


def _plan_rewrites(
    pool: Row, corpus: Corpus, rewriter: Rewriter, settings: Settings, master_seed: int
) -> list[Request]:
    """The documents of the pool's regime in order, again and again; each text of a document takes the next turn.

    The first turn is by hash of the document, so that all variants of an engine meet equally many documents.
    """
    where, method = f"pool {pool['pool_id']}", pool["method"]
    if pool["label_plan"] != "paired":
        raise ConfigError(f"{where}: method {method!r} cannot follow label plan {pool['label_plan']!r}")
    if settings.engine["engine"] != rewriter.engine:
        raise ConfigError(f"{where}: method {method!r} needs a generator with engine {rewriter.engine}")
    if method in settings.sampling:
        raise ConfigError(f"settings.sampling has {method!r}", mend="Its options stand in its rewriter.yaml")
    real = corpus.regime(pool)
    made = []
    for position in range(pool["requests"]):
        replicate, index = divmod(position, len(real))
        row = real[index]
        doc_id, labels, sha = row["doc_id"], row["labels"], rewriter.sha(row["text"])
        first = derive_seed(master_seed, "rewrite_turn", method=method, doc=doc_id) % 2**16
        made.append(Request(
            request_id=request_id(pool, labels, (doc_id,), doc_id, replicate, NO_SAMPLING, sha),
            pool_id=pool["pool_id"], position=position, regime=pool["pool_size"], draw=pool["draw"],
            generator=pool["generator"], method=method, label_plan=pool["label_plan"], labels=tuple(labels),
            topics=(), source_doc_ids=(doc_id,), parent_doc_id=doc_id, prompt=row["text"], prompt_sha=sha,
            instructions=(), shown=(row["text"],), shows_parent=True, sampling=NO_SAMPLING, answer_prefix="",
            opening="", stop=(), rewriter=rewriter, rewrite=Rewrite(first + replicate, rewriter.options, len(real)),
        ))  # fmt: skip
    return made


def _exemplars(real: Sequence[Row], similarity: np.ndarray, hidden: int | None, count: int, salt: str) -> list[Row]:
    """The `count` documents with the most similar label sets, ties by hash, the paired row never."""
    candidates = [index for index in range(len(real)) if index != hidden]
    candidates.sort(key=lambda index: (-similarity[index], sha256_text(f"{salt}|{real[index]['doc_id']}")))
    return [real[index] for index in candidates[:count]]


def _request(
    pool: Row, position: int, replicate: int, labels: Sequence[str], parent: str | None, shown: Sequence[Row],
    corpus: Corpus, template: Template, settings: Settings,
) -> Request:  # fmt: skip
    sampling = settings.sampling[pool["method"]]
    texts = [prompts.shown_text(row["text"], sampling.shown_words) for row in shown]
    values = {"words_low": str(settings.words[0]), "words_high": str(settings.words[1])}
    if sampling.genre:
        values["genre"] = sampling.genre
    if template.shows_parent:
        values["parent"] = texts[0]
    definitions = ""
    if template.needs_label_names:
        named = corpus.named(labels)
        names = ["; ".join(row["name"] for row in corpus.named(document["labels"])) for document in shown]
        values["labels"] = prompts.label_lines(template, named)
        values["exemplars"] = prompts.exemplar_block(template, list(zip(names, texts, strict=True)))
        values["avoid"] = " or ".join(
            row["name"] for row in confusable(named, corpus.labels.values(), sampling.confusable)
        )
        definitions = "\n".join(row["definition"] or "" for row in named)
    prompt = prompts.render(template, values, definitions)
    choices = template.openings if sampling.openings is None else tuple(sampling.openings)
    # By hash of what is asked, so that every label set meets every opening.
    choice = int(sha256_text(f"{pool['pool_id']}|{position}")[:8], 16)
    opening = choices[choice % len(choices)] if choices else ""
    prompt_sha = sha256_text(canonical_json([prompt.text, template.answer_prefix + opening, list(template.stop)]))
    source = tuple(row["doc_id"] for row in shown)
    return Request(
        request_id=request_id(pool, labels, source, parent, replicate, sampling, prompt_sha),
        pool_id=pool["pool_id"], position=position, regime=pool["pool_size"], draw=pool["draw"],
        generator=pool["generator"], method=pool["method"], label_plan=pool["label_plan"], labels=tuple(labels),
        topics=tuple(corpus.labels[label]["name"] or label for label in labels),
        source_doc_ids=source, parent_doc_id=parent, prompt=prompt.text, prompt_sha=prompt_sha,
        instructions=prompt.instructions, shown=tuple(row["text"] for row in shown),
        shows_parent=template.shows_parent, sampling=sampling, answer_prefix=template.answer_prefix,
        opening=opening, stop=template.stop,
    )  # fmt: skip


def request_id(
    pool: Row, labels: Sequence[str], source: Sequence[str], parent: str | None, replicate: int,
    sampling: Sampling, prompt_sha: str,
) -> str:  # fmt: skip
    """First 16 hex digits of the SHA-256 of the canonical JSON of all identity fields."""
    identity = {
        "pool_id": pool["pool_id"], "regime": [pool["pool_size"], pool["draw"]], "method": pool["method"],
        "generator": pool["generator"], "label_set": sorted(labels), "exemplar_ids": list(source),
        "parent_doc_id": parent, "replicate": replicate, "prompt_sha": prompt_sha,
        "sampling": [float(sampling.temperature), float(sampling.top_p), sampling.max_tokens],
    }  # fmt: skip
    return sha256_text(canonical_json(identity))[:16]


def confusable(wanted: Sequence[Row], labels: Iterable[Row], count: int) -> list[Row]:
    """The `count` other labels whose names share most words with the wanted ones (Jaccard > 0)."""
    own = {word for row in wanted for word in _WORD.findall(row["name"].lower())}
    chosen = {row["label"] for row in wanted}
    scored = []
    for row in labels:
        if row["label"] not in chosen and row["name"]:
            words = set(_WORD.findall(row["name"].lower()))
            scored.append((-len(own & words) / max(len(own | words), 1), row["label"], row))
    return [row for score, _, row in sorted(scored, key=lambda one: one[:2])[:count] if score < 0]
