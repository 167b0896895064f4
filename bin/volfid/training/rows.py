"""The rows of one training set, in canonical order, and which of them may train each fold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from volfid.core.exits import DataError
from volfid.core.labels import label_matrix


@dataclass(frozen=True)
class TrainRows:
    """Distinct rows of a training set, sorted by document, source and labels.

    doc_ids       document of each row
    vector        its row in the embedding matrix
    labels        (rows, labels) uint8: the labels it is trained with
    multiplicity  how many times it stands in an epoch
    real          source is `real`: one of the n documents themselves
    own           source is `real` or `copy`: the text of one of the n documents
    unlabelled    source is `unlabelled`: a classifier gives it labels before it is trained on
    parents       document behind each row: the parent of a copy or paraphrase, else the row's own
    ancestors     groups (families, near-duplicates) of the row's document, parent and sources
    """

    doc_ids: tuple[str, ...]
    vector: np.ndarray
    labels: np.ndarray
    multiplicity: np.ndarray
    real: np.ndarray
    own: np.ndarray
    unlabelled: np.ndarray
    parents: tuple[str, ...]
    ancestors: tuple[frozenset[str], ...]

    def epoch(self, kept: np.ndarray, wanted: np.ndarray | None = None) -> np.ndarray:
        """Row numbers of one epoch: those of `kept` (and `wanted`, bool by row) with multiplicity."""
        chosen = kept if wanted is None else kept[wanted[kept]]
        return np.repeat(chosen, self.multiplicity[chosen])

    def merged(self, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of `kept` without repeats of document and labels: numbers, and summed multiplicities.

        A document and its copies become one row, so that weighted solvers see copies as weights.
        """
        place: dict[tuple[str, bytes], int] = {}
        first: list[int] = []
        weight: list[int] = []
        for row in kept.tolist():
            key = (self.doc_ids[row], self.labels[row].tobytes())
            if key not in place:
                place[key] = len(first)
                first.append(row)
                weight.append(0)
            weight[place[key]] += int(self.multiplicity[row])
        return np.array(first, dtype=np.int64), np.array(weight, dtype=np.float64)


def train_rows(
    rows: Iterable[Mapping[str, Any]], label_ids: Sequence[str], vector_row: Mapping[str, int], group: Mapping[str, str]
) -> TrainRows:
    """Rows of the contract `trainsets` (one training set), whatever their order.

    vector_row  row of each document in the embedding matrix
    group       group of each real document; a document without one is its own group
    Rows with the same document, source and labels are merged, their multiplicities summed.
    Raises DataError for a document that has no vector.
    """
    merged: dict[tuple[str, str, tuple[str, ...]], tuple[int, set[str], str]] = {}
    for row in rows:
        key = (row["doc_id"], row["source"], tuple(sorted(row["labels"])))
        parent = row["parent_id"] or row["doc_id"]
        count, ancestors, known = merged.get(key, (0, set(), parent))
        names = [row["doc_id"], *row["source_doc_ids"], *([row["parent_id"]] if row["parent_id"] else [])]
        ancestors = ancestors | {group.get(name, name) for name in names}
        merged[key] = (count + row["multiplicity"], ancestors, min(known, parent))
    keys = sorted(key for key in merged if merged[key][0] > 0)
    missing = next((key[0] for key in keys if key[0] not in vector_row), None)
    if missing is not None:
        raise DataError(f"document {missing} has no vector", mend="Embed every document of the training set")
    sources = np.array([key[1] for key in keys])
    return TrainRows(
        doc_ids=tuple(key[0] for key in keys),
        vector=np.array([vector_row[key[0]] for key in keys], dtype=np.int64),
        labels=label_matrix((key[2] for key in keys), label_ids),
        multiplicity=np.array([merged[key][0] for key in keys], dtype=np.int64),
        real=sources == "real",
        own=np.isin(sources, ("real", "copy")),
        unlabelled=sources == "unlabelled",
        parents=tuple(merged[key][2] for key in keys),
        ancestors=tuple(frozenset(merged[key][1]) for key in keys),
    )


def rows_by_fold(
    rows: TrainRows, doc_ids: Sequence[str], folds: np.ndarray, group: Mapping[str, str]
) -> dict[int, np.ndarray]:
    """Fold -> numbers of the rows that may train while the fold's documents are predicted.

    A row is left out when its document, its parent, any document it was made from, or a member of
    the same group (family, near-duplicate) lies in the fold. Raises DataError when none is left.
    """
    kept = {}
    for fold in sorted(set(folds.tolist())):
        held = {group.get(doc_id, doc_id) for doc_id, f in zip(doc_ids, folds, strict=True) if f == fold}
        kept[fold] = np.array([i for i, names in enumerate(rows.ancestors) if not names & held], dtype=np.int64)
        if not len(kept[fold]):
            raise DataError(f"no row of the training set is independent of fold {fold}")
    return kept
