"""Synthetic documents that somebody brought: refused, dropped, or accepted with their real sources."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from volfid.core.files import sha256_text
from volfid.core.shingles import near_duplicate_pairs
from volfid.inputs.duplicates import NEAR, id_key, repeated_id_faults
from volfid.inputs.faults import Fault, Funnel, InputFaults
from volfid.inputs.labels import restrict, unknown_label_faults
from volfid.inputs.records import Record, Records

RESEMBLES = 0.5


@dataclass(frozen=True)
class RealSide:
    """What the brought documents are checked against. `alias`: kept id of each dropped repeated text;
    `known_labels`: all labels that may be named, the rare ones included; `kept_labels`: those studied."""

    documents: Sequence[Mapping[str, Any]]
    alias: Mapping[str, str]
    known_labels: Sequence[str]
    kept_labels: frozenset[str]
    listed_in: str


def accept_brought(
    records: Records, real: RealSide, funnel: Funnel
) -> tuple[list[dict[str, Any]], list[Fault], list[str]]:
    """Rows of the contract `brought`, faults of the dropped rows, and warnings.

    Raises InputFaults for unusable rows, repeated ids, ids of real documents and unknown labels.
    Dropped: empty text, no studied label, texts of real train documents or of earlier brought ones,
    near duplicates (shingle Jaccard of at least 0.8) of test or reference documents and of each
    other, and documents made from test or reference documents. A train document that a brought one
    resembles (at least 0.5) is added to its sources, so that they never lie in different folds.
    """
    ids = {id_key(row["doc_id"]) for row in real.documents}
    faults = [*records.faults, *repeated_id_faults(records.rows)]
    faults += [
        Fault(row.file, row.row, "duplicate_id", f"the id {row.doc_id!r} is that of a real document", row.doc_id, "id",
              "Give synthetic documents their own ids")
        for row in records.rows if id_key(row.doc_id) in ids
    ]  # fmt: skip
    faults += unknown_label_faults(records.rows, real.known_labels, real.listed_in)
    if faults:
        raise InputFaults(faults)
    rows = sorted((replace(row, labels=restrict(row, real.kept_labels)) for row in records.rows), key=_by_id)
    rows, warnings = _resolve_sources(rows, real)
    dropped: list[Fault] = []
    funnel.step("brought: rows read", len(rows), len(rows))
    steps = (
        ("brought: empty text", _empty),
        ("brought: no studied label", _unlabelled),
        ("brought: text of a real train document", lambda found: _copies(found, real)),
        ("brought: repeated text", _repeated),
        ("brought: near duplicate of a test or reference document", lambda found: _near_held_out(found, real)),
        ("brought: made from a test or reference document", lambda found: _from_held_out(found, real)),
        ("brought: near duplicate of another brought document", _near_each_other),
    )
    for name, find in steps:
        reasons = find(rows)
        dropped += [
            Fault(row.file, row.row, *reasons[row.doc_id], doc_id=row.doc_id) for row in rows if row.doc_id in reasons
        ]
        left = [row for row in rows if row.doc_id not in reasons]
        funnel.step(name, len(rows), len(left))
        rows = left
    rows, resembling = _add_resembling(rows, real)
    if resembling:
        warnings.append(
            f"{resembling} brought documents resemble a train document that they do not name as a source; it was added"
        )
    return [_row(row) for row in rows], dropped, warnings


Reasons = dict[str, tuple[str, str]]


def _by_id(record: Record) -> str:
    return record.doc_id


def _row(record: Record) -> dict[str, Any]:
    return {
        "doc_id": record.doc_id, "text": record.text, "labels": list(record.labels),
        "source_doc_ids": list(record.sources), "text_sha": sha256_text(record.text),
    }  # fmt: skip


def _resolve_sources(rows: Sequence[Record], real: RealSide) -> tuple[list[Record], list[str]]:
    """Sources as kept ids; names that no accepted real document has are left out, with a warning."""
    known = {row["doc_id"] for row in real.documents}
    resolved, unknown, without = [], 0, 0
    for row in rows:
        names = {real.alias.get(name, name) for name in row.sources}
        unknown += len(names - known)
        without += not names & known
        resolved.append(replace(row, sources=tuple(sorted(names & known))))
    warnings = []
    if unknown:
        warnings.append(f"{unknown} sources of brought documents are no accepted real document; they were left out")
    if without:
        warnings.append(
            f"{without} of {len(rows)} brought documents name no source: what they were made from is unknown, "
            "so leakage into folds is only excluded where texts resemble each other"
        )
    return resolved, warnings


def _empty(rows: Sequence[Record]) -> Reasons:
    return {row.doc_id: ("empty_text", "the text is empty") for row in rows if not row.text}


def _unlabelled(rows: Sequence[Record]) -> Reasons:
    return {row.doc_id: ("no_label", "no label that is studied") for row in rows if not row.labels}


def _copies(rows: Sequence[Record], real: RealSide) -> Reasons:
    train = {row["text"].casefold(): row["doc_id"] for row in real.documents if row["split"] == "train"}
    return {
        row.doc_id: ("copy_of_train", f"the text of {train[row.text.casefold()]!r}")
        for row in rows if row.text.casefold() in train
    }  # fmt: skip


def _repeated(rows: Sequence[Record]) -> Reasons:
    first: dict[str, str] = {}
    return {
        row.doc_id: ("duplicate_text", f"the text of {first[row.text.casefold()]!r}")
        for row in rows if first.setdefault(row.text.casefold(), row.doc_id) != row.doc_id
    }  # fmt: skip


def _near_held_out(rows: Sequence[Record], real: RealSide) -> Reasons:
    held_out = [row for row in real.documents if row["split"] != "train"]
    pairs = near_duplicate_pairs([row.text for row in rows], [row["text"] for row in held_out], NEAR)
    return {
        rows[i].doc_id: (f"near_duplicate_of_{held_out[j]['split']}", f"{held_out[j]['doc_id']!r}, Jaccard {value:.2f}")
        for i, j, value in pairs
    }


def _from_held_out(rows: Sequence[Record], real: RealSide) -> Reasons:
    side = {row["doc_id"]: row["split"] for row in real.documents if row["split"] != "train"}
    reasons: Reasons = {}
    for row in rows:
        for source in row.sources:
            if source in side:
                reasons[row.doc_id] = (f"source_in_{side[source]}", f"made from {source!r}")
    return reasons


def _near_each_other(rows: Sequence[Record]) -> Reasons:
    reasons: Reasons = {}
    for i, j, value in near_duplicate_pairs([row.text for row in rows], threshold=NEAR):
        # pairs come sorted by i, so rows[i] is settled: a dropped document drops no other
        if rows[i].doc_id not in reasons:
            reasons.setdefault(rows[j].doc_id, ("near_duplicate", f"{rows[i].doc_id!r}, Jaccard {value:.2f}"))
    return reasons


def _add_resembling(rows: Sequence[Record], real: RealSide) -> tuple[list[Record], int]:
    train = [row for row in real.documents if row["split"] == "train"]
    found: defaultdict[int, set[str]] = defaultdict(set)
    for i, j, _ in near_duplicate_pairs([row.text for row in rows], [row["text"] for row in train], RESEMBLES):
        found[i].add(train[j]["doc_id"])
    more = sum(not names <= set(rows[i].sources) for i, names in found.items())
    return [replace(row, sources=tuple(sorted({*row.sources, *found[i]}))) for i, row in enumerate(rows)], more
