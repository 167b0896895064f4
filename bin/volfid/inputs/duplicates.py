"""Repeated ids and texts, and groups of documents that must stay on one side of the split."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter

from volfid.core.shingles import near_duplicate_pairs
from volfid.inputs.faults import Fault
from volfid.inputs.records import Record

NEAR = 0.8
_SIDE = {"test": 0, "reference": 1, "train": 2, None: 3}


def id_key(doc_id: str) -> str:
    """What two ids must not share: the id in NFKC without case."""
    if doc_id.isascii():
        return doc_id.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", doc_id).casefold())


def repeated_id_faults(records: Sequence[Record]) -> list[Fault]:
    """A fault for every id that an earlier row has: the same, in other case, or equal in Unicode (NFKC)."""
    first: dict[str, Record] = {}
    faults = []
    for record in records:
        other = first.setdefault(id_key(record.doc_id), record)
        if other is not record:
            same = "" if other.doc_id == record.doc_id else f" as {other.doc_id!r}"
            where = "" if other.file == record.file else f" of {other.file}"
            detail = f"the id {record.doc_id!r} stands in row {other.row}{where} already{same}"
            mend = "Give each document one id; ids may not differ in case or Unicode form only"
            faults.append(Fault(record.file, record.row, "duplicate_id", detail, record.doc_id, "id", mend))
    return faults


def repeated_texts(records: Sequence[Record]) -> tuple[list[Record], list[Fault], dict[str, str], int, int]:
    """Keep one record a text (case is ignored): of a test side before others, then the smallest id.

    Returns the kept records by id, a fault for each dropped one, the kept id for each dropped id, and
    how many dropped rows had other labels, or stood on another side, than the kept one.
    """
    faults, alias, gone = [], {}, set()
    conflicts = leaks = 0
    for group in _same_text(records):
        group.sort(key=lambda record: (_SIDE[record.split], record.doc_id))
        first, *others = group
        for record in others:
            conflicts += record.labels != first.labels
            leaks += record.split != first.split
            alias[record.doc_id] = first.doc_id
            gone.add(id(record))
            where = f"row {first.row}" if record.file == first.file else f"{first.file}, row {first.row}"
            mend = "Leave one row a text, or duplicate_texts=drop"
            detail = f"the text of {first.doc_id!r} ({where})"
            faults.append(Fault(record.file, record.row, "duplicate_text", detail, record.doc_id, "text", mend))
    kept = sorted((record for record in records if id(record) not in gone), key=attrgetter("doc_id"))
    return kept, faults, alias, conflicts, leaks


def _same_text(records: Sequence[Record]) -> list[list[Record]]:
    """Records that share a text, without case, two or more together. Texts meet by hash and are then compared: no
    second copy of a text is held."""
    first: dict[int, int] = {}
    clash: defaultdict[int, list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        key = hash(record.text.casefold())
        if first.setdefault(key, index) != index:
            clash[key].append(index)
    groups: list[list[Record]] = []
    for key, others in clash.items():
        same: dict[str, list[Record]] = {}
        for member in (first[key], *others):
            same.setdefault(records[member].text.casefold(), []).append(records[member])
        groups += [group for group in same.values() if len(group) > 1]
    return groups


def tied(records: Sequence[Record], near: bool = True) -> tuple[list[int], int]:
    """A number for each record, the same for all that near-duplicate texts (shingle Jaccard of at least 0.8,
    unless not `near`) or a group given by the user tie together, directly or through others; and how many
    records have a near duplicate."""
    parent = list(range(len(records)))

    def find(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    pairs = near_duplicate_pairs([record.text for record in records], threshold=NEAR) if near else []
    for left, right, _ in pairs:
        parent[find(left)] = find(right)
    first: dict[str, int] = {}
    for index, record in enumerate(records):
        if record.group is not None:
            parent[find(index)] = find(first.setdefault(record.group, index))
    return [find(index) for index in range(len(records))], len({index for pair in pairs for index in pair[:2]})


def group_names(records: Sequence[Record], ties: Sequence[int]) -> list[str]:
    """The group of each record: the smallest id among those tied together."""
    smallest: dict[int, str] = {}
    for record, tie in zip(records, ties, strict=True):
        smallest[tie] = min(smallest.get(tie, record.doc_id), record.doc_id)
    return [smallest[tie] for tie in ties]


def leaking(records: Sequence[Record], ties: Sequence[int]) -> list[int]:
    """Places of records of a given train or reference side that are tied to one of a later side (test, then
    reference)."""
    strictest: dict[int, int] = {}
    for record, tie in zip(records, ties, strict=True):
        strictest[tie] = min(strictest.get(tie, 3), _SIDE[record.split])
    return [
        place for place, (record, tie) in enumerate(zip(records, ties, strict=True))
        if _SIDE[record.split] > strictest[tie]
    ]  # fmt: skip
