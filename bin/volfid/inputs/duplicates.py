"""Repeated ids and texts, and groups of documents that must stay on one side of the split."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter

from volfid.core.shingles import Pair, near_duplicate_pairs
from volfid.inputs.faults import Fault, told
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
    repeated: list[tuple[Record, Record]] = []
    for record in records:
        other = first.setdefault(id_key(record.doc_id), record)
        if other is not record:
            repeated.append((record, other))
    same_text = sum(
        record.labels != other.labels and record.text.casefold() == other.text.casefold() for record, other in repeated
    )
    mend = (
        "Give each document one id; ids may not differ in case or Unicode form only (--policies duplicate_ids=drop "
        "keeps the first row of each)"
    )
    if same_text and 2 * same_text >= len(repeated):
        mend = (
            f"{same_text} of these {len(repeated)} rows have the text of the earlier one and other labels: where a row "
            "is one label of a document, --policies duplicate_ids=unite joins them"
        )
    faults = []
    for record, other in repeated:
        same = "" if other.doc_id == record.doc_id else f" as {told(other.doc_id, name=True)}"
        where = "" if other.file == record.file else f" of {other.file}"
        detail = f"the id {told(record.doc_id, name=True)} stands in row {other.row}{where} already{same}"
        faults.append(Fault(record.file, record.row, "duplicate_id", detail, record.doc_id, "id", mend))
    return faults


def united(records: Sequence[Record]) -> tuple[list[Record], list[Fault], list[Fault]]:
    """One record for each id with the labels and sources of all its rows: one row was a document and a label.

    Returns the records in order, a fault for every row whose text, split or family is another than that of the first
    row with its id, and one for every row that was joined to an earlier one.
    """
    first: dict[str, Record] = {}
    faults: list[Fault] = []
    joined: list[Fault] = []
    for place, record in enumerate(records):
        # a row without an id is one of its own until ids are made
        other = first.setdefault(id_key(record.doc_id) or f"\n{place}", record)
        if other is record:
            continue
        odd = next((what for what in ("text", "split", "group") if _unlike(record, other, what)), None)
        if odd:
            detail = f"the id {told(record.doc_id, name=True)} stands in row {other.row} already, with another {odd}"
            mend = "Give each document one id, or one text where duplicate_ids=unite joins the labels of its rows"
            faults.append(Fault(record.file, record.row, "duplicate_id", detail, record.doc_id, "id", mend))
            continue
        joined.append(Fault(record.file, record.row, "joined", f"joined to row {other.row}", record.doc_id, "id"))
        other.labels = tuple(sorted({*other.labels, *record.labels}))
        other.sources = tuple(sorted({*other.sources, *record.sources}))
        other.group, other.date = other.group or record.group, other.date or record.date
    return list(first.values()), faults, joined


def _unlike(record: Record, other: Record, what: str) -> bool:
    """Whether a field of two rows is filled and differs, whatever the case."""
    mine, its = getattr(record, what), getattr(other, what)
    return bool((mine and its) or what == "text") and (mine or "").casefold() != (its or "").casefold()


def repeated_texts(
    records: Sequence[Record], unite: bool = False
) -> tuple[list[Record], list[Fault], dict[str, str], int, list[Fault]]:
    """Keep one record a text (case is ignored): of a test side before others, then the smallest id. It has the labels
    of all of them where `unite`.

    Returns the kept records by id, a fault for each dropped one, the kept id for each dropped id, how many
    dropped rows had other labels than the kept one, and a fault (leakage) for each that stood on another side.
    """
    faults, alias, gone = [], {}, set()
    leaks: list[Fault] = []
    conflicts = 0
    for group in _same_text(records):
        group.sort(key=lambda record: (_SIDE[record.split], record.doc_id))
        first, *others = group
        for record in others:
            conflicts += record.labels != first.labels
            alias[record.doc_id] = first.doc_id
            gone.add(id(record))
            where = f"row {first.row}" if record.file == first.file else f"{first.file}, row {first.row}"
            mend = "Leave one row a text, or duplicate_texts=drop (or unite, which joins the labels)"
            detail = f"the text of {told(first.doc_id, name=True)} ({where})"
            faults.append(Fault(record.file, record.row, "duplicate_text", detail, record.doc_id, "text", mend))
            if record.split != first.split:
                detail = f"the text of the {first.split} document {told(first.doc_id, name=True)} ({where})"
                mend = "Leave it on one side alone, or leakage=drop"
                leaks.append(Fault(record.file, record.row, "leakage", detail, record.doc_id, "split", mend))
        if unite:
            first.labels = tuple(sorted({label for record in group for label in record.labels}))
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


def tied(records: Sequence[Record], near: bool = True) -> tuple[list[int], list[Pair]]:
    """A number for each record, the same for all that near-duplicate texts (shingle Jaccard of at least 0.8,
    unless not `near`) or a group given by the user tie together, directly or through others; and the pairs of
    near duplicates."""
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
    return [find(index) for index in range(len(records))], pairs


def group_names(records: Sequence[Record], ties: Sequence[int]) -> list[str]:
    """The group of each record: the smallest id among those tied together."""
    smallest: dict[int, str] = {}
    for record, tie in zip(records, ties, strict=True):
        smallest[tie] = min(smallest.get(tie, record.doc_id), record.doc_id)
    return [smallest[tie] for tie in ties]


def leaking(records: Sequence[Record], ties: Sequence[int], pairs: Sequence[Pair]) -> dict[int, str]:
    """Places of records of a given train or reference side that are tied to one of a later side (test, then
    reference), each with what ties it: a near duplicate, the family, or others in between."""
    strictest: dict[int, int] = {}
    for place, (record, tie) in enumerate(zip(records, ties, strict=True)):
        other = strictest.setdefault(tie, place)
        if _SIDE[record.split] < _SIDE[records[other].split]:
            strictest[tie] = place
    found = {
        place: f"tied through others to {_named(records[strictest[tie]])}"
        for place, (record, tie) in enumerate(zip(records, ties, strict=True))
        if _SIDE[record.split] > _SIDE[records[strictest[tie]].split]
    }
    family: dict[str, int] = {}
    for place, record in enumerate(records):
        if record.group is not None:
            other = family.setdefault(record.group, place)
            if _SIDE[record.split] < _SIDE[records[other].split]:
                family[record.group] = place
    for place in found:
        group = records[place].group
        other = family[group] if group is not None else place
        if _SIDE[records[place].split] > _SIDE[records[other].split]:
            found[place] = f"of the family {told(group, name=True)} of {_named(records[other])}"
    for left, right, value in pairs:
        for place, other in ((left, right), (right, left)):
            if place in found and _SIDE[records[place].split] > _SIDE[records[other].split]:
                found[place] = f"a near duplicate (Jaccard {value:.2f}) of {_named(records[other])}"
    return found


def _named(record: Record) -> str:
    return f"the {record.split} document {told(record.doc_id, name=True)} ({record.file}, row {record.row})"
