"""Synthetic documents that somebody supplied: refused, dropped, or accepted with their real sources."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from volfid.core.files import sha256_text
from volfid.core.shingles import Pair, near_duplicate_pairs, overlapping_pairs
from volfid.core.supplied import UNKNOWN_TEST
from volfid.inputs.cleaning import shortened, text_faults
from volfid.inputs.duplicates import NEAR, id_key, repeated_id_faults
from volfid.inputs.faults import Fault, Funnel, InputFaults, shown, some
from volfid.inputs.labels import LabelName, restrict, unknown_label_faults
from volfid.inputs.left import pool_counts
from volfid.inputs.parents import RealNames
from volfid.inputs.records import Record, Records
from volfid.inputs.settings import InputSettings
from volfid.inputs.supplied import Given, Pool

# Share of the runs of five words of the shorter text that stand in the other, and how many runs at least. A rewrite
# that changes every eighth word shares .37; of independent real documents next to none share .3.
RESEMBLES, FEWEST_RUNS = 0.3, 6
FEW_NUMBERS = 20
HELD_OUT = "near duplicate, excerpt or rewrite of a test or reference document"

Reasons = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class RealSide:
    """What the supplied documents are checked against. `alias`: kept id of each dropped repeated text;
    `known_labels`: all labels that may be named, the rare ones included; `kept_labels`: those studied."""

    documents: Sequence[Mapping[str, Any]]
    alias: Mapping[str, str]
    known_labels: Mapping[str, LabelName]
    kept_labels: frozenset[str]
    listed_in: str


@dataclass
class Accepted:
    """Rows of the contract `brought`, faults of the dropped rows, warnings, how many rows each policy met, and of each
    pool what became of its rows (`pool_counts`)."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    pools: list[dict[str, Any]] = field(default_factory=list)


def accept_brought(given: Given, real: RealSide, names: RealNames, funnel: Funnel, settings: InputSettings) -> Accepted:
    """Supplied documents under the same policies as real ones where these concern single rows: duplicate_ids,
    unknown_labels, missing_text, long_text, min_words, max_words.

    names: what the real documents may be called. Raises InputFaults for unusable rows, ids of real documents, sources
    whose ids are nearly those of real documents, and what a policy refuses. Dropped besides: no
    studied label, texts of real train documents or of earlier supplied ones, those that resemble test or reference
    documents (`_resembling`), near duplicates of each other (shingle Jaccard of at least 0.8), and documents made from
    test or reference documents. A train document that a supplied one resembles is added to its sources, so that they
    never lie in different folds. Pools are compared, so that a text of one may come again in another.
    """
    done, records, pools = Accepted(), given.records, given.pools
    met = _refuse(records, real, settings)
    known = frozenset(real.known_labels)
    repeated = {(fault.file, fault.row) for fault in met["duplicate_ids"]}
    rows = [row for row in records.rows if (row.file, row.row) not in repeated]
    funnel.step("supplied: rows read", len(records.rows), len(records.rows))
    if repeated:
        funnel.step("supplied: id of an earlier row", len(records.rows), len(rows))
        done.dropped += met["duplicate_ids"]
    done.counts["unknown_labels"] = sum(not known.issuperset(row.labels) for row in rows)
    rows = sorted((replace(row, labels=restrict(row, real.kept_labels)) for row in rows), key=_by_id)
    rows, unknown, done.warnings = _resolve_sources(rows, names, given)
    for policy in ("duplicate_ids", "missing_text", "long_text"):
        done.counts[policy] = len({(fault.file, fault.row) for fault in met[policy]})
    rows = _cut(rows, met["long_text"], settings, done)
    short = "empty text" if settings.min_words == 1 else f"fewer than {settings.min_words} words"
    steps: list[tuple[str, Callable[[Sequence[Record]], Reasons]]] = [
        (f"supplied: {short}", lambda found: _reasons(met["missing_text"])),
        ("supplied: no studied label", _unlabelled),
        ("supplied: text of a real train document", lambda found: _copies(found, real)),
        ("supplied: repeated text", lambda found: _repeated(found, pools)),
        (f"supplied: {HELD_OUT}", lambda found: _near_held_out(found, real)),
        ("supplied: made from a test or reference document", lambda found: _from_held_out(found, real)),
        ("supplied: near duplicate of another supplied document", lambda found: _near_each_other(found, pools)),
    ]
    if settings.long_text == "drop" and settings.max_words:
        steps.insert(1, (f"supplied: more than {settings.max_words} words", lambda found: _reasons(met["long_text"])))
    for name, find in steps:
        rows = _without(rows, find(rows), name, funnel, done)
    rows, resembling = _add_resembling(rows, real)
    if resembling:
        done.warnings.append(
            f"{resembling} supplied documents resemble a train document that they do not name as a source; it was added"
        )
    done.rows = [_row(row, unknown.get(row.doc_id, 0), pools.get(row.doc_id)) for row in rows]
    done.pools = pool_counts(given, done.rows, done.dropped)
    return done


def _refuse(records: Records, real: RealSide, settings: InputSettings) -> dict[str, list[Fault]]:
    """Raise InputFaults with every row that stops the command; else the faults of the other policies, by policy."""
    ids = {id_key(row["doc_id"]) for row in real.documents}
    faults = [
        Fault(row.file, row.row, "duplicate_id", f"the id {shown(row.doc_id)} is that of a real document", row.doc_id,
              "id", "Give synthetic documents their own ids")
        for row in records.rows if id_key(row.doc_id) in ids
    ]  # fmt: skip
    met = {
        "duplicate_ids": repeated_id_faults(records.rows),
        "unknown_labels": unknown_label_faults(records.rows, real.known_labels, real.listed_in, records.fields),
        **text_faults(records.rows, settings),
    }
    stopping = [fault for policy, found in met.items() if getattr(settings, policy) == "refuse" for fault in found]
    if records.faults or faults or stopping:
        raise InputFaults([*records.faults, *faults, *stopping])
    return met


def _without(rows: list[Record], reasons: Reasons, step: str, funnel: Funnel, done: Accepted) -> list[Record]:
    """The rows that no reason drops; the others are noted."""
    done.dropped += [
        Fault(row.file, row.row, *reasons[row.doc_id], doc_id=row.doc_id) for row in rows if row.doc_id in reasons
    ]
    left = [row for row in rows if row.doc_id not in reasons]
    funnel.step(step, len(rows), len(left))
    return left


def _cut(rows: list[Record], faults: Sequence[Fault], settings: InputSettings, done: Accepted) -> list[Record]:
    """Texts of more than max_words words, cut to them."""
    if not faults or settings.long_text != "truncate":
        return rows
    long = {(fault.file, fault.row) for fault in faults}
    done.warnings.append(f"{len(long)} supplied texts were cut to {settings.max_words} words")
    return [shortened(row, settings.max_words or 0) if (row.file, row.row) in long else row for row in rows]


def _reasons(faults: Sequence[Fault]) -> Reasons:
    return {str(fault.doc_id): (fault.reason, fault.detail) for fault in faults}


def _by_id(record: Record) -> str:
    return record.doc_id


def _row(record: Record, sources_unknown: int, pool: Pool | None) -> dict[str, Any]:
    return {
        "doc_id": record.doc_id, "text": record.text, "labels": list(record.labels),
        "source_doc_ids": list(record.sources), "text_sha": sha256_text(record.text),
        **({"sources_unknown": sources_unknown} if sources_unknown else {}),
        **({"generator": pool[0], "method": pool[1]} if pool else {}),
    }  # fmt: skip


def _resolve_sources(
    rows: Sequence[Record], names: RealNames, given: Given
) -> tuple[list[Record], dict[str, int], list[str]]:
    """Sources as kept ids; names that no accepted real document has are left out, counted by row, and told of."""
    resolved, foreign, without = [], dict[str, int](), 0
    missed: defaultdict[Pool | None, dict[str, Record]] = defaultdict(dict)
    met: defaultdict[Pool | None, set[str]] = defaultdict(set)
    for row in rows:
        kept = {name: names.of_id(name) for name in row.sources}
        known = {doc_id for doc_id in kept.values() if doc_id is not None}
        lost = [name for name, doc_id in kept.items() if doc_id is None]
        if lost:
            foreign[row.doc_id] = len(lost)
        without += not known
        pool = given.pools.get(row.doc_id)
        met[pool] |= known
        for name in lost:
            missed[pool].setdefault(name, row)
        resolved.append(replace(row, sources=tuple(sorted(known))))
    warnings = [_none_is_real(missed[pool], names, pool) for pool in missed if not met[pool]]
    _refuse_nearly(missed, met, names)
    if foreign:
        warnings.append(
            f"{sum(foreign.values())} sources of supplied documents are no accepted real document; they were left out"
        )
    if without:
        warnings.append(
            f"{without} of {len(rows)} supplied documents name no source: what they were made from is unknown, "
            "so leakage into folds is only excluded where texts resemble each other, and they "
            f"{UNKNOWN_TEST}"
        )
    return resolved, foreign, warnings


def _refuse_nearly(
    missed: Mapping[Pool | None, Mapping[str, Record]], met: Mapping[Pool | None, set[str]], names: RealNames
) -> None:
    """Raise InputFaults where the sources of a pool are mostly ids that are those of real documents but for signs."""
    faults = []
    for pool, lost in missed.items():
        near = {name: doc_id for name in lost if (doc_id := names.meant(name)) is not None}
        if len(near) <= FEW_NUMBERS and all(map(str.isdigit, near)):
            continue  # numbers may be those of data sets or models
        if 2 * len(near) >= len(lost) + len(met[pool]):
            faults += [
                Fault(lost[name].file, lost[name].row, "bad_sources",
                      f"the source {shown(name)} is no real document (did you mean {shown(doc_id)}?)",
                      lost[name].doc_id, "source", "Name sources by the ids of the real file")
                for name, doc_id in near.items()
            ]  # fmt: skip
    if faults:
        raise InputFaults(faults)


def _none_is_real(lost: Mapping[str, Record], names: RealNames, pool: Pool | None) -> str:
    """A warning for a pool that names sources of which none is an accepted real document."""
    which = "" if pool is None else f" of {pool[0]}, {pool[1]}"
    there = min(names.ids.values())
    return (
        f"none of the {len(lost)} sources that the supplied documents{which} name ({some(lost, 3)}) is an accepted "
        f"real document (such as {shown(there)}): what they were made from is not known, and the audit cannot keep it "
        "apart from folds and draws. Name sources by the ids or texts of the real file"
    )


def _unlabelled(rows: Sequence[Record]) -> Reasons:
    return {row.doc_id: ("no_label", "no label that is studied") for row in rows if not row.labels}


def _copies(rows: Sequence[Record], real: RealSide) -> Reasons:
    train = {row["text"].casefold(): row["doc_id"] for row in real.documents if row["split"] == "train"}
    return {
        row.doc_id: ("copy_of_train", f"the text of {shown(train[row.text.casefold()])}")
        for row in rows if row.text.casefold() in train
    }  # fmt: skip


def _repeated(rows: Sequence[Record], pools: Mapping[str, Pool]) -> Reasons:
    first: dict[tuple[Pool | None, str], str] = {}
    keys = {row.doc_id: (pools.get(row.doc_id), row.text.casefold()) for row in rows}
    return {
        row.doc_id: ("duplicate_text", f"the text of {shown(first[keys[row.doc_id]])}")
        for row in rows if first.setdefault(keys[row.doc_id], row.doc_id) != row.doc_id
    }  # fmt: skip


def _near_held_out(rows: Sequence[Record], real: RealSide) -> Reasons:
    held_out = [row for row in real.documents if row["split"] != "train"]
    closest: dict[int, Pair] = {}
    for pair in _resembling(rows, held_out):
        closest[pair[0]] = max(closest.get(pair[0], pair), pair, key=itemgetter(2))
    return {
        rows[i].doc_id: (
            f"near_duplicate_of_{held_out[j]['split']}",
            f"{shown(held_out[j]['doc_id'])}, {value:.2f} of the runs of five words of the shorter text",
        )
        for i, j, value in closest.values()
    }


def _resembling(rows: Sequence[Record], documents: Sequence[Mapping[str, Any]]) -> Iterator[Pair]:
    """Pairs (row, document, share) that share too much text for chance: one lies within the other, or is a light
    rewrite of it. Texts too short to tell so are near duplicates."""
    texts, others = [row.text for row in rows], [document["text"] for document in documents]
    yield from near_duplicate_pairs(texts, others, NEAR)
    yield from overlapping_pairs(texts, others, RESEMBLES, FEWEST_RUNS)


def _from_held_out(rows: Sequence[Record], real: RealSide) -> Reasons:
    side = {row["doc_id"]: row["split"] for row in real.documents if row["split"] != "train"}
    reasons: Reasons = {}
    for row in rows:
        for source in row.sources:
            if source in side:
                reasons[row.doc_id] = (f"source_in_{side[source]}", f"made from {shown(source)}")
    return reasons


def _near_each_other(rows: Sequence[Record], pools: Mapping[str, Pool]) -> Reasons:
    reasons: Reasons = {}
    parts: defaultdict[Pool | None, list[Record]] = defaultdict(list)
    for row in rows:
        parts[pools.get(row.doc_id)].append(row)
    for part in parts.values():
        for i, j, value in near_duplicate_pairs([row.text for row in part], threshold=NEAR):
            # pairs come sorted by i, so part[i] is settled: a dropped document drops no other
            if part[i].doc_id not in reasons:
                reasons.setdefault(part[j].doc_id, ("near_duplicate", f"{shown(part[i].doc_id)}, Jaccard {value:.2f}"))
    return reasons


def _add_resembling(rows: Sequence[Record], real: RealSide) -> tuple[list[Record], int]:
    train = [row for row in real.documents if row["split"] == "train"]
    found: defaultdict[int, set[str]] = defaultdict(set)
    for i, j, _ in _resembling(rows, train):
        found[i].add(train[j]["doc_id"])
    more = sum(not names <= set(rows[i].sources) for i, names in found.items())
    return [replace(row, sources=tuple(sorted({*row.sources, *found[i]}))) for i, row in enumerate(rows)], more
