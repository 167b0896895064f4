"""Training sets and the documents they name, as integer arrays that the measures share."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from volfid.core.exits import DataError
from volfid.core.labels import label_matrix
from volfid.core.vectors import directed, unit_rows
from volfid.fidelity.labels import LabelSample, pack
from volfid.fidelity.structure import LabelTable

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Rows:
    """Rows of one training set, equal ones collapsed; all arrays have shape (rows,).

    `documents`, `label_sets`, `parents`: numbers in the Corpus; `counts`: how many times.
    """

    documents: np.ndarray
    label_sets: np.ndarray
    parents: np.ndarray
    counts: np.ndarray

    @property
    def size(self) -> int:
        """Rows, copies counted."""
        return int(self.counts.sum())

    def by(self, *names: str) -> tuple[np.ndarray, ...]:
        """Distinct values of the named arrays, each as an array, and the summed counts as the last one."""
        columns = np.stack([getattr(self, name) for name in names], axis=1)
        values, inverse = np.unique(columns, axis=0, return_inverse=True)
        counts = np.bincount(inverse.ravel(), weights=self.counts, minlength=len(values)).astype(np.int64)
        return (*values.T, counts)


@dataclass(frozen=True)
class TrainSet:
    """One training set: the rows kept from the real budget, the rows added to it, and the kinds of the latter."""

    trainset_id: str
    real: Rows
    added: Rows
    sources: frozenset[str]

    @property
    def all(self) -> Rows:
        """All rows."""
        return Rows(*(np.concatenate([getattr(part, name) for part in (self.real, self.added)]) for name in _COLUMNS))


_COLUMNS = ("documents", "label_sets", "parents", "counts")


@dataclass
class Corpus:
    """Every document that is measured or compared with: ids, texts, label sets, unit vectors.

    `number`: position of a document id in `doc_ids`, `texts`, `vectors`. `sources`: real documents that a
    synthetic one was made from. `splits`: numbers of the documents of train, reference and test. `groups`: group
    (family or near-duplicates) of each document of the train split, in its order. `permuted`: training sets whose
    label lists were put back.
    """

    doc_ids: list[str]
    texts: list[str]
    vectors: np.ndarray
    splits: dict[str, np.ndarray]
    split_labels: dict[str, np.ndarray]
    sources: dict[int, list[int]]
    label_ids: list[str]
    trainsets: list[TrainSet]
    matrix: np.ndarray
    words: np.ndarray
    number: dict[str, int] = field(repr=False)
    groups: list[str]
    permuted: frozenset[str]

    @cached_property
    def directed(self) -> np.ndarray:
        """Which documents have a vector that is not zero, (documents,) bool: only these are compared by vectors."""
        return directed(self.vectors)

    def with_direction(self, split: str) -> np.ndarray:
        """Numbers of the documents of a split whose vector is not zero."""
        members = self.splits[split]
        return members[self.directed[members]]

    def sample(self, label_sets: np.ndarray, counts: np.ndarray) -> LabelSample:
        """The multiset of some label sets, for MMD."""
        return LabelSample(self.words[label_sets], counts, len(self.label_ids))

    def table(self, label_sets: np.ndarray, counts: np.ndarray) -> LabelTable:
        """The multiset of some label sets, for structure."""
        return LabelTable(self.matrix[label_sets], counts)

    def split_law(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Label sets of a split and how many documents have each."""
        return np.unique(self.split_labels[split], return_counts=True)


def assemble(
    documents: Sequence[Row],
    synthetic: Sequence[Row],
    label_ids: Sequence[str],
    groups: Mapping[str, Sequence[Row]],
    vector_row: Mapping[str, int],
    vectors: np.ndarray,
    permuted: Collection[str] = (),
) -> Corpus:
    """Number everything once. `groups`: rows by trainset; `vector_row`, `vectors`: as read by core.vectors.

    `permuted`: training sets whose label lists were permuted among their synthetic rows. There every list goes
    back to the document it was asked for: figures of the label law stay the same, and the list stands with its
    own parent again, as the parent rule needs.

    Raises DataError when a row names a document that no file holds, a document has no embedding or one that is not
    finite, or one id has two texts.
    """
    named = {row["doc_id"] for rows in groups.values() for row in rows}
    content: dict[str, Row] = {row["doc_id"]: row for row in documents}
    for row in synthetic:
        if row["doc_id"] not in named:
            continue
        other = content.setdefault(row["doc_id"], row)
        if other["text"] != row["text"]:
            raise DataError(f"document {row['doc_id']!r} has two texts", mend="Give each document its own id")
    missing = sorted(named - content.keys())
    if missing:
        raise DataError(
            f"training sets name {len(missing)} documents that no file holds, first {missing[0]!r}",
            mend="Pass the documents and every synthetic.jsonl the training sets were built from",
        )
    doc_ids = sorted(content)
    without = next((name for name in doc_ids if name not in vector_row), None)
    if without is not None:
        raise DataError(f"document {without!r} has no embedding", mend="Pass the embeddings of every corpus part")
    number = {name: position for position, name in enumerate(doc_ids)}
    label_set: dict[tuple[str, ...], int] = {}

    def labels_of(row: Row) -> int:
        return label_set.setdefault(tuple(sorted(row["labels"])), len(label_set))

    splits: dict[str, list[int]] = {"train": [], "reference": [], "test": []}
    split_labels: dict[str, list[int]] = {name: [] for name in splits}
    for row in documents:
        splits[row["split"]].append(number[row["doc_id"]])
        split_labels[row["split"]].append(labels_of(row))
    trainsets = []
    for name, rows in groups.items():
        if name in permuted:
            rows = [_with_own_labels(row, content[row["doc_id"]]) for row in rows]
            if _label_law(rows) != _label_law(groups[name]):
                raise DataError(f"training set {name}: its label lists are no permutation of the requested ones")
        trainsets.append(_trainset(name, rows, number, labels_of))
    matrix = label_matrix(label_set, label_ids)
    return Corpus(
        doc_ids=doc_ids,
        texts=[content[name]["text"] for name in doc_ids],
        vectors=unit_rows(vectors[[vector_row[name] for name in doc_ids]], doc_ids),
        splits={name: np.array(values, dtype=np.int64) for name, values in splits.items()},
        split_labels={name: np.array(values, dtype=np.int64) for name, values in split_labels.items()},
        sources={
            number[row["doc_id"]]: sorted({number[s] for s in row["source_doc_ids"] if s in number})
            for row in synthetic
            if row["doc_id"] in named
        },
        label_ids=list(label_ids),
        trainsets=trainsets,
        matrix=matrix,
        words=pack(matrix),
        number=number,
        groups=[row["group"] for row in documents if row["split"] == "train"],
        permuted=frozenset(permuted),
    )


def _with_own_labels(row: Row, document: Row) -> Row:
    return {**row, "labels": document["labels"]} if row["source"] == "synthetic" else row


def _label_law(rows: Iterable[Row]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(sorted(row["labels"])) for row in rows for _ in range(row["multiplicity"]))


def _trainset(name: str, rows: Sequence[Row], number: Mapping[str, int], labels_of: Any) -> TrainSet:
    # numbered in order of their ids, so that no figure depends on the order of the rows
    parents = {parent: i for i, parent in enumerate(sorted({row["parent_id"] or row["doc_id"] for row in rows}))}
    table = np.array(
        [
            (
                number[row["doc_id"]],
                labels_of(row),
                parents[row["parent_id"] or row["doc_id"]],
                row["multiplicity"],
                row["source"] != "real",
            )
            for row in rows
        ],
        dtype=np.int64,
    )
    real, added = (Rows(*table[table[:, 4] == flag][:, :4].T) for flag in (0, 1))
    return TrainSet(name, real, added, frozenset(row["source"] for row in rows if row["source"] != "real"))
