"""Repeated ids and texts, and groups of documents that must stay on one side of the split."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from volfid.core.shingles import near_duplicate_pairs
from volfid.inputs.faults import Fault
from volfid.inputs.records import Record

NEAR = 0.8
_SIDE = {"test": 0, "reference": 1, "train": 2, None: 3}


def repeated_id_faults(records: Sequence[Record]) -> list[Fault]:
    """A fault for every id that an earlier row has, also in other case (ids are NFC already)."""
    first: dict[str, Record] = {}
    faults = []
    for record in records:
        other = first.setdefault(record.doc_id.casefold(), record)
        if other is not record:
            same = "" if other.doc_id == record.doc_id else f" as {other.doc_id!r}"
            detail = f"the id {record.doc_id!r} stands in row {other.row} already{same}"
            mend = "Give each document one id; ids may not differ in case only"
            faults.append(Fault(record.file, record.row, "duplicate_id", detail, record.doc_id, "id", mend))
    return faults


def drop_repeated_texts(records: Iterable[Record]) -> tuple[list[Record], list[Fault], dict[str, str], list[str]]:
    """Keep one record a text (case is ignored): of a test side before others, then the smallest id.

    Returns the kept records by id, a fault for each dropped one, the kept id for each dropped id,
    and warnings (texts with different labels, texts on two sides of a given split).
    """
    by_text: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_text[record.text.casefold()].append(record)
    kept, faults, alias = [], [], {}
    conflicts = leaks = 0
    for group in by_text.values():
        group.sort(key=lambda record: (_SIDE[record.split], record.doc_id))
        first, *others = group
        kept.append(first)
        conflicts += any(record.labels != first.labels for record in others)
        leaks += sum(record.split != first.split for record in others)
        for record in others:
            alias[record.doc_id] = first.doc_id
            detail = f"the text of {first.doc_id!r} (row {first.row})"
            faults.append(Fault(record.file, record.row, "duplicate_text", detail, record.doc_id, "text"))
    warnings = []
    if conflicts:
        warnings.append(f"{conflicts} repeated texts have different labels; the labels of the kept row hold")
    if leaks:
        warnings.append(f"leakage: {leaks} texts stood on two sides of the given split; only the test side was kept")
    return sorted(kept, key=lambda record: record.doc_id), faults, alias, warnings


def leak_groups(records: Sequence[Record]) -> list[str]:
    """The group of each record: the smallest id among all that near-duplicate texts (shingle Jaccard
    of at least 0.8) or a group given by the user tie together, directly or through others."""
    parent = list(range(len(records)))

    def find(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for left, right, _ in near_duplicate_pairs([record.text for record in records], threshold=NEAR):
        parent[find(left)] = find(right)
    first: dict[str, int] = {}
    for index, record in enumerate(records):
        if record.group is not None:
            parent[find(index)] = find(first.setdefault(record.group, index))
    smallest: dict[int, str] = {}
    for index, record in enumerate(records):
        root = find(index)
        smallest[root] = min(smallest.get(root, record.doc_id), record.doc_id)
    return [smallest[find(index)] for index in range(len(records))]
