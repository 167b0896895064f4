"""Which synthetic document goes with which real one: orders and matchings that training sets share."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from volfid.core.labels import jaccard, label_matrix

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Pair:
    """A synthetic document and the real row it stands for; `exact`: their label sets are equal."""

    doc_id: str
    row: Row
    exact: bool


def seeded_order(rows: Sequence[Row], rng: np.random.Generator) -> list[Row]:
    """The kept documents of a pool in one seeded random order; every S set is a prefix of it.

    `rows` are all documents of the pool. All are shuffled before the dropped ones are left out, so
    that a drop does not reorder the others.
    """
    ordered = sorted(rows, key=lambda row: (row["position"], row["doc_id"]))
    return [ordered[index] for index in rng.permutation(len(ordered)) if ordered[index]["kept"]]


def pair_with_rows(pool: Sequence[Row], doc_ids: Sequence[str], labels: Mapping[str, Sequence[str]]) -> list[Pair]:
    """Synthetic documents paired with the real rows `doc_ids`, round after round in nested order.

    Every round gives each row at most one unused document: the next one made for that row
    (`parent_doc_id`), or, in pools where no document has a parent, one with the same label set,
    else one whose label set differs by one label (rejection by label
    set); a row without either is passed over. `pool` is in seeded order. A smaller set of pairs is
    a prefix of the result.
    """
    if any(row["parent_doc_id"] is not None for row in pool):
        return _by_parent(pool, doc_ids, labels)
    return _by_label_set(pool, doc_ids, labels)


def _by_parent(pool: Sequence[Row], doc_ids: Sequence[str], labels: Mapping[str, Sequence[str]]) -> list[Pair]:
    children: defaultdict[str, deque[Row]] = defaultdict(deque)
    for row in sorted(pool, key=lambda row: row["position"]):
        children[row["parent_doc_id"]].append(row)
    pairs: list[Pair] = []
    while True:
        new = [(doc_id, children[doc_id].popleft()) for doc_id in doc_ids if children[doc_id]]
        if not new:
            return pairs
        pairs += [Pair(doc_id, row, set(row["labels"]) == set(labels[doc_id])) for doc_id, row in new]


def _by_label_set(pool: Sequence[Row], doc_ids: Sequence[str], labels: Mapping[str, Sequence[str]]) -> list[Pair]:
    unused: defaultdict[frozenset[str], deque[int]] = defaultdict(deque)
    for index, row in enumerate(pool):
        unused[frozenset(row["labels"])].append(index)
    alphabet = sorted({label for row in pool for label in row["labels"]} | {x for d in doc_ids for x in labels[d]})
    wanted = {doc_id: frozenset(labels[doc_id]) for doc_id in doc_ids}
    pairs: list[Pair] = []
    while True:
        # Equal sets first, for all rows: a near match must not take a document that fits another row.
        found = {doc_id: (unused[wanted[doc_id]].popleft(), True) for doc_id in doc_ids if unused[wanted[doc_id]]}
        for doc_id in doc_ids:
            near = [wanted[doc_id] ^ {label} for label in alphabet] if doc_id not in found else []
            near = [labels_near for labels_near in near if unused.get(labels_near)]
            if near:
                found[doc_id] = (unused[min(near, key=lambda key: unused[key][0])].popleft(), False)
        if not found:
            return pairs
        pairs += [Pair(doc_id, pool[found[doc_id][0]], found[doc_id][1]) for doc_id in doc_ids if doc_id in found]


def nearest_by_labels(
    targets: Sequence[Sequence[str]],
    doc_ids: Sequence[str],
    labels: Mapping[str, Sequence[str]],
    rng: np.random.Generator,
) -> list[str]:
    """For each target label set a real document with the same set, else the nearest by Jaccard; ties at random.

    One number is drawn for each target, in order: a longer list of targets keeps the earlier choices.
    """
    if not targets:
        return []
    alphabet = sorted({label for labels_of in targets for label in labels_of} | {x for d in doc_ids for x in labels[d]})
    real = [tuple(sorted(set(labels[doc_id]))) for doc_id in doc_ids]
    keys = [tuple(sorted(set(target))) for target in targets]
    distinct = list(dict.fromkeys(keys))
    similarity = jaccard(label_matrix(distinct, alphabet), label_matrix(real, alphabet))
    candidates = {}
    for key, row in zip(distinct, similarity, strict=True):
        same = [index for index, other in enumerate(real) if other == key]
        candidates[key] = same or np.flatnonzero(row == row.max()).tolist()
    draws = rng.random(len(keys))
    return [doc_ids[candidates[key][int(u * len(candidates[key]))]] for key, u in zip(keys, draws, strict=True)]
