"""The rows of every training set: one pure function for each kind of added row (ESTIMANDS section 1)."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from volfid.core.exits import ConfigError
from volfid.curation.pairing import Pair, nearest_by_labels

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


def real_only(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """The n documents of the regime."""
    return [_real(doc_id, made_of) for doc_id in made_of.real]


def real_more(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """The ceiling: the next M documents of the nested order as further real ones."""
    n, added = len(made_of.real), item["rows_added"]
    if len(made_of.order) < n + added:
        raise _too_few_real(n + added, made_of)
    return [_real(doc_id, made_of, beyond=n <= place) for place, doc_id in enumerate(made_of.order[: n + added])]


def copies_balanced(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """M copies, floor or ceil of M/n for each document; the extra ones go to the first in nested order."""
    each, extra = divmod(item["rows_added"], len(made_of.real))
    counts = {doc_id: each + (place < extra) for place, doc_id in enumerate(made_of.real)}
    return real_only(made_of, item, rng) + _copies(counts, made_of)


def copies_drawn(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """The paper's control: the whole set is n + M draws with replacement from the n documents.

    All rows are copies: a document of the regime may be missing.
    """
    n = len(made_of.real)
    drawn = np.bincount(rng.integers(n, size=n + item["rows_added"]), minlength=n)
    return _copies(dict(zip(made_of.real, drawn.tolist(), strict=True)), made_of)


def copies_at_synthetic_law(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """P_L: for each row of the S set a real document of the regime with its label set, else the nearest."""
    targets = [row["labels"] for row in _first(made_of.pool, item["rows_added"])]
    chosen = nearest_by_labels(targets, made_of.real, made_of.labels, rng)
    return real_only(made_of, item, rng) + _copies(Counter(chosen), made_of)


def synthetic(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """S: the first M documents of the pool's seeded order, with the labels they were asked for."""
    chosen = _first(made_of.pool, item["rows_added"])
    return real_only(made_of, item, rng) + [_synthetic(row, row["labels"]) for row in chosen]


def synthetic_permuted(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """S_perm, the negative control: the rows of S, their label lists permuted among them."""
    chosen = _first(made_of.pool, item["rows_added"])
    lists = [row["labels"] for row in chosen]
    if len({tuple(labels) for labels in lists}) < 2:
        raise Shortfall(None, None, "Labels cannot be permuted: all added documents have the same label set.")
    moved = lists
    while moved == lists:  # at least half of all permutations of unequal lists move one
        moved = [lists[index] for index in rng.permutation(len(lists))]
    rows = [_synthetic(row, labels) for row, labels in zip(chosen, moved, strict=True)]
    return real_only(made_of, item, rng) + rows


def synthetic_paired(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """C: synthetic documents with the label vectors of the real rows they stand for."""
    pairs = _first_pairs(made_of.pairs, item["rows_added"])
    rows = [_synthetic(pair.row, made_of.labels[pair.doc_id], parent=pair.doc_id) for pair in pairs]
    return real_only(made_of, item, rng) + rows


def copies_paired(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """Pp: for each synthetic row of C a copy of its real partner."""
    pairs = _first_pairs(made_of.pairs, item["rows_added"])
    return real_only(made_of, item, rng) + _copies(Counter(pair.doc_id for pair in pairs), made_of)


def mixture(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """A fixed budget: round(share * budget) real documents in nested order, the rest from the S order.

    Documents beyond the n of the regime are marked `real_more`.
    """
    wanted = round(item["real_share"] * item["budget"])
    if len(made_of.order) < wanted:
        raise _too_few_real(wanted, made_of)
    n = len(made_of.real)
    rows = [_real(doc_id, made_of, beyond=n <= place) for place, doc_id in enumerate(made_of.order[:wanted])]
    return rows + [_synthetic(row, row["labels"]) for row in _first(made_of.pool, item["budget"] - wanted)]


Builder = Callable[[Ingredients, Mapping[str, Any], np.random.Generator], list[Row]]

# (text, label law) -> the function that makes the rows; a mixture is known by its real share.
BUILDERS: dict[tuple[str, str], Builder] = {
    ("none", "real"): real_only,
    ("real_more", "real"): real_more,
    ("copies_balanced", "real"): copies_balanced,
    ("copies_balanced", "synthetic"): copies_at_synthetic_law,
    ("copies_drawn", "real"): copies_drawn,
    ("copies_paired", "real"): copies_paired,
    ("synthetic", "real"): synthetic_paired,
    ("synthetic", "synthetic"): synthetic,
    ("synthetic", "permuted"): synthetic_permuted,
}
PAIRED = {synthetic_paired, copies_paired}
POOLED = {*PAIRED, synthetic, synthetic_permuted, copies_at_synthetic_law}


def builder(item: Mapping[str, Any]) -> Builder:
    """The function for one planned training set; ConfigError (78) for a combination without meaning."""
    if item["real_share"] is not None:
        return mixture
    try:
        return BUILDERS[item["text"], item["label_law"]]
    except KeyError:
        raise ConfigError(
            f"training set {item['trainset_id']}: text {item['text']} at label law {item['label_law']} means nothing",
            mend="Combinations are " + ", ".join("/".join(key) for key in BUILDERS),
        ) from None


def needs_pool(item: Mapping[str, Any]) -> bool:
    """Whether a planned training set cannot be made without a synthetic pool."""
    return builder(item) in POOLED or (item["real_share"] is not None and item["real_share"] < 1)


def build_trainset(item: Mapping[str, Any], made_of: Ingredients, rng: np.random.Generator) -> list[Row]:
    """Rows of contract `trainsets` for one planned training set: real ones first, then the added ones.

    Raises Shortfall when there are fewer documents than planned.
    """
    rows = builder(item)(made_of, item, rng)
    return [row | {"trainset_id": item["trainset_id"], "position": place} for place, row in enumerate(rows)]


def _real(doc_id: str, made_of: Ingredients, beyond: bool = False) -> Row:
    source = "real_more" if beyond else "real"
    return _row(doc_id, source, None, (), made_of.labels[doc_id])


def _copies(counts: Mapping[str, int], made_of: Ingredients) -> list[Row]:
    """One row for each copied document, in the order of the regime, with its number of copies."""
    return [
        _row(doc_id, "copy", doc_id, (doc_id,), made_of.labels[doc_id], count)
        for doc_id in made_of.order if (count := counts.get(doc_id, 0))
    ]  # fmt: skip


def _synthetic(row: Synthetic, labels: Sequence[str], parent: str | None = None) -> Row:
    """A synthetic row; its sources hold all real documents it was shown, made from or stands for."""
    parent = parent or row["parent_doc_id"]
    sources = {*row["source_doc_ids"], row["parent_doc_id"], parent} - {None}
    return _row(row["doc_id"], "synthetic", parent, sorted(sources), labels)


def _row(
    doc_id: str, source: str, parent: str | None, sources: Sequence[str], labels: Sequence[str], count: int = 1
) -> Row:
    return {"doc_id": doc_id, "source": source, "parent_id": parent, "source_doc_ids": list(sources),
            "labels": sorted(labels), "multiplicity": count}  # fmt: skip


def _too_few_real(wanted: int, made_of: Ingredients) -> Shortfall:
    there = len(made_of.order)
    reason = f"This training set needs {wanted} real documents; the largest regime of the draw has {there}."
    return Shortfall(wanted, there, reason)


def _first(pool: Sequence[Synthetic], wanted: int) -> Sequence[Synthetic]:
    if len(pool) < wanted:
        raise Shortfall(wanted, len(pool), (
            f"The pool has {len(pool)} synthetic documents left after curation; this training set needs {wanted}."
        ))  # fmt: skip
    return pool[:wanted]


def _first_pairs(pairs: Sequence[Pair], wanted: int) -> Sequence[Pair]:
    if len(pairs) < wanted:
        raise Shortfall(wanted, len(pairs), (
            f"Only {len(pairs)} synthetic documents left after curation can be paired with a real row "
            f"(made for it, or with its labels up to one); this training set needs {wanted}."
        ))  # fmt: skip
    return pairs[:wanted]
