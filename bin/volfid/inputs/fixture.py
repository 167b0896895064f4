"""A small generated corpus for tests and smoke runs. It shows that the machinery works, nothing else."""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from volfid.core.files import canonical_json, sha256_text
from volfid.core.seeds import generator
from volfid.core.shingles import near_duplicate_pairs
from volfid.inputs.fixture_lexicon import COMMON, CONCEPTS, SHARED, Concept
from volfid.inputs.labels import LabelName
from volfid.inputs.records import Record, Records
from volfid.inputs.text import normalise

STAMP = "fixture: not evidence"
RECONSTRUCTION = "name and definition are a reconstruction (params/taxonomy), not those of the published study"
DOCUMENTS = 840
SEED = 20_260_522
WORDS = (30, 90)
AGAINST = (0.0, 0.35, 0.45, 0.2)  # share of documents that mention 0, 1, 2 or 3 labels they do not have

_BY_LABEL = {concept.label: concept for concept in CONCEPTS}
_CHOICE = re.compile(r"\{([^{}]*)\}")
_INDEFINITE = re.compile(r"\b([Aa])n? (?=(\w+))")
_VOWEL = re.compile(r"[aeio]|un(?!i)|ul", re.IGNORECASE)
_OPENINGS = (
    "{Thing} {clause}.", "{Disclosed|Described|Provided} is {thing} that {clause}.",
    "The {invention|disclosure} {relates to|concerns} {thing} which {clause}.",
    "{Thing} is {disclosed|proposed|described}, which {clause}.",
    "{Methods|Techniques} for {operating|making|controlling} {thing} are {described|provided}; it {clause}.",
    "{An apparatus|A system|An assembly|A device} {clause}.",
    "{Provided|Shown} is {an arrangement|equipment} that {clause}.",
    "{A method|A process} is disclosed by which a unit {clause}.",
)  # fmt: skip
_FOLLOWING = (
    "It {also |further |}{clause}.", "{The device|The system|The apparatus|The unit} {clause}.",
    "In {one embodiment|an example|a variant}, {it|the arrangement} {clause}.",
    "A {module|part|circuit|stage} {clause}.", "{Moreover|In addition|Preferably}, {it|the system} {clause}.",
)  # fmt: skip
_SECONDARY = (
    "{A further|An additional|A second} {part|unit|module} {clause}.", "It is {combined|coupled} with {thing}.",
    "{Together with|Connected to} {thing}, it forms one {system|product}.",
    "An {optional|attached} {part|unit} {clause}.",
)  # fmt: skip
_AGAINST = (
    "{Unlike|In contrast to} {thing}, {it|the arrangement} needs no {surgery|training|calibration|supervision}.",
    "{Known solutions|Prior proposals} such as {thing} are {costly|bulky|unreliable} {for this purpose|here}.",
    "{It|The device} may be {used|sold} {beside|instead of} {thing}.",
    "{The use of|Recourse to} {thing} is {avoided|not required}.",
    "A {product|solution} that {clause} is {known|available}, but it is {costly|bulky|unsuitable}.",
    "{Whereas|While} {thing} {clause}, {this is not so here|the present unit does not}.",
    "{Prior art|An earlier document} {shows|describes} {thing} that {clause}.",
)  # fmt: skip


@cache
def fixture_records() -> Records:
    """The documents of the fixture: always the same, whatever the master seed of the run."""
    records = Records("fixture")
    for row, (text, labels) in enumerate(generate(DOCUMENTS, generator(SEED, "fixture")), start=1):
        records.rows.append(Record("fixture", row, f"fx-{row:04d}", text, labels))
    return records


def fixture_label_names() -> dict[str, LabelName]:
    """Names and definitions of the fixture's labels."""
    return {concept.label: LabelName(concept.name, concept.definition, RECONSTRUCTION) for concept in CONCEPTS}


def fixture_sha() -> str:
    """SHA-256 of the fixture's content."""
    return sha256_text(canonical_json([[r.doc_id, r.text, r.labels] for r in fixture_records().rows]))


def generate(documents: int, rng: np.random.Generator) -> list[tuple[str, tuple[str, ...]]]:
    """`documents` texts of 30 to 90 words with their labels; no two have shingle Jaccard >= 0.8."""
    made: list[tuple[str, tuple[str, ...]]] = []
    while len(made) < documents:
        labels = _draw_labels(rng)
        text = _compose([_BY_LABEL[label] for label in labels], rng)
        if WORDS[0] <= len(text.split()) <= WORDS[1]:
            made.append((text, tuple(sorted(labels))))
        if len(made) == documents:
            repeated = {right for _, right, _ in near_duplicate_pairs([text for text, _ in made])}
            made = [item for index, item in enumerate(made) if index not in repeated]
    return made


def _pick(rng: np.random.Generator, items: Sequence[str], weights: Sequence[float] | None = None) -> str:
    if weights is None:
        return items[int(rng.integers(len(items)))]
    share = np.asarray(weights, dtype=float)
    return items[int(rng.choice(len(items), p=share / share.sum()))]


def _draw_labels(rng: np.random.Generator) -> list[str]:
    """A primary label, in three of five documents a natural companion, in one of ten a third label."""
    first = _pick(rng, list(_BY_LABEL), [concept.weight for concept in CONCEPTS])
    labels = [first]
    for chance in (0.6, 0.18):
        partners = {name: weight for name, weight in _BY_LABEL[labels[-1]].pairs.items() if name not in labels}
        if rng.random() >= chance or not partners:
            break
        labels.append(_pick(rng, list(partners), list(partners.values())))
    return labels


def _expand(pattern: str, rng: np.random.Generator) -> str:
    return _CHOICE.sub(lambda match: _pick(rng, match[1].split("|")), pattern)


def _article(text: str) -> str:
    """`a` or `an` as the next word wants it."""
    return _INDEFINITE.sub(lambda match: f"{match[1]}{'n' if _VOWEL.match(match[2]) else ''} ", text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _fill(template: str, rng: np.random.Generator, thing: str = "", clause: str = "") -> str:
    named = template.replace("{Thing}", _capital(thing)).replace("{thing}", thing).replace("{clause}", clause)
    return _capital(_article(_expand(named, rng)))


def _compose(concepts: Sequence[Concept], rng: np.random.Generator) -> str:
    """Opening, one or two clauses of the primary label, one clause of each other, and distraction."""
    primary, *others = concepts
    clauses = [primary.clauses[index] for index in rng.permutation(len(primary.clauses))]
    sentences = [_fill(_pick(rng, _OPENINGS), rng, _pick(rng, primary.things), clauses[0])]
    body = [_fill(_pick(rng, _FOLLOWING), rng, clause=clause) for clause in clauses[1 : 1 + int(rng.random() < 0.35)]]
    for concept in others:
        body.append(_fill(_pick(rng, _SECONDARY), rng, _pick(rng, concept.things), _pick(rng, concept.clauses)))
    if rng.random() < 0.5:
        body.append(_fill(_pick(rng, _FOLLOWING), rng, clause=_pick(rng, SHARED[primary.cluster])))
    strangers = [concept for concept in CONCEPTS if concept not in concepts]
    for index in rng.permutation(len(strangers))[: int(rng.choice(len(AGAINST), p=AGAINST))]:
        stranger = strangers[index]
        body.append(_fill(_pick(rng, _AGAINST), rng, _pick(rng, stranger.things), _pick(rng, stranger.clauses)))
    body += [_expand(COMMON[index], rng) for index in rng.permutation(len(COMMON))[: int(rng.integers(1, 3))]]
    return normalise(" ".join([*sentences, *(body[index] for index in rng.permutation(len(body)))]))
