"""What training sets are made of, and the rows of the contract `trainsets`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from volfid.core.labels import label_matrix
from volfid.core.supplied import sources_of
from volfid.curation.pairing import Pair
from volfid.curation.reweighting import match_label_law

Row = dict[str, Any]
Synthetic = Mapping[str, Any]


class Shortfall(Exception):
    """Fewer documents than planned: no training set, a gap that says so."""

    def __init__(self, wanted: int | None, got: int | None, reason: str):
        super().__init__(reason)
        self.wanted, self.got, self.reason = wanted, got, reason


@dataclass(frozen=True)
class Ingredients:
    """What the training sets of one regime and one pool are made of.

    real: the n documents of the regime in nested order; order: the nested order of the whole draw;
    labels: label list of every real document; pool: kept synthetic documents in their seeded
    order (empty without a pool); pairs: synthetic documents with the real row each stands for.
    """

    real: Sequence[str]
    order: Sequence[str]
    labels: Mapping[str, Sequence[str]]
    pool: Sequence[Synthetic] = ()
    pairs: Sequence[Pair] = ()

    @cached_property
    def alphabet(self) -> list[str]:
        """Labels of the real documents, sorted."""
        return sorted({label for labels in self.labels.values() for label in labels})

    def matrix(self, label_lists: Iterable[Sequence[str]]) -> np.ndarray:
        """Label lists as a binary matrix over all labels, real and of the pool: shape (lists, labels)."""
        return label_matrix(label_lists, self._every_label)

    @cached_property
    def matched_weights(self) -> np.ndarray:
        """Maximum-entropy weights of the pool's documents at the label law of the regime, shape (pool,).

        Solved once for all training sets of these ingredients, the matched one and its partner among them.
        """
        real = self.matrix(self.labels[doc_id] for doc_id in self.real)
        return match_label_law(self.matrix(row["labels"] for row in self.pool), real).weights

    @cached_property
    def _every_label(self) -> list[str]:
        return sorted({*self.alphabet, *(label for row in self.pool for label in row["labels"])})


def real_only(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """The n documents of the regime."""
    return [real_row(doc_id, made_of) for doc_id in made_of.real]


def real_more(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """The ceiling: the next M documents of the nested order as further real ones."""
    n, added = len(made_of.real), item["rows_added"]
    if len(made_of.order) < n + added:
        raise too_few_real(n + added, made_of)
    return [real_row(doc_id, made_of, beyond=n <= place) for place, doc_id in enumerate(made_of.order[: n + added])]


def real_row(doc_id: str, made_of: Ingredients, beyond: bool = False) -> Row:
    source = "real_more" if beyond else "real"
    return _row(doc_id, source, None, (), made_of.labels[doc_id])


def copy_rows(counts: Mapping[str, int], made_of: Ingredients) -> list[Row]:
    """One row for each copied document, in the order of the regime, with its number of copies."""
    return [
        _row(doc_id, "copy", doc_id, (doc_id,), made_of.labels[doc_id], count)
        for doc_id in made_of.order if (count := counts.get(doc_id, 0))
    ]  # fmt: skip


def synthetic_row(row: Synthetic, labels: Sequence[str], parent: str | None = None, count: int = 1) -> Row:
    """A synthetic row; its sources hold all real documents it was shown, made from or stands for."""
    parent = parent or row["parent_doc_id"]
    sources = sources_of(row) | ({parent} - {None})
    return _row(row["doc_id"], "synthetic", parent, sorted(sources), labels, count)


def _row(
    doc_id: str, source: str, parent: str | None, sources: Sequence[str], labels: Sequence[str], count: int = 1
) -> Row:
    return {"doc_id": doc_id, "source": source, "parent_id": parent, "source_doc_ids": list(sources),
            "labels": sorted(labels), "multiplicity": count}  # fmt: skip


def too_few_real(wanted: int, made_of: Ingredients) -> Shortfall:
    there = len(made_of.order)
    reason = f"This training set needs {wanted} real documents; the largest regime of the draw has {there}."
    return Shortfall(wanted, there, reason)


def first(pool: Sequence[Synthetic], wanted: int) -> Sequence[Synthetic]:
    if len(pool) < wanted:
        raise Shortfall(wanted, len(pool), (
            f"The pool has {len(pool)} synthetic documents left after curation that were made from no real document "
            f"outside the draw; this training set needs {wanted}."
        ))  # fmt: skip
    return pool[:wanted]


def first_pairs(pairs: Sequence[Pair], wanted: int) -> Sequence[Pair]:
    if len(pairs) < wanted:
        raise Shortfall(wanted, len(pairs), (
            f"Only {len(pairs)} synthetic documents left after curation can be paired with a real row "
            f"(made for it, or with its labels up to one); this training set needs {wanted}."
        ))  # fmt: skip
    return pairs[:wanted]
