"""The rows of every training set: one pure function for each kind of added row (docs/controls.md)."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from volfid.core.exits import ConfigError
from volfid.curation.pairing import nearest_by_labels
from volfid.curation.resampled import (
    copies_cut,
    copies_oversampled,
    copies_shifted,
    pseudo_labelled,
    synthetic_matched,
    synthetic_shifted,
)  # fmt: skip
from volfid.curation.rows import (
    Ingredients,
    Row,
    Shortfall,
    copy_rows,
    first,
    first_pairs,
    real_more,
    real_only,
    real_row,
    synthetic_row,
    too_few_real,
)  # fmt: skip


def copies_balanced(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """M copies, floor or ceil of M/n for each document; the extra ones go to the first in nested order."""
    each, extra = divmod(item["rows_added"], len(made_of.real))
    counts = {doc_id: each + (place < extra) for place, doc_id in enumerate(made_of.real)}
    return real_only(made_of, item, rng) + copy_rows(counts, made_of)


def copies_drawn(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """The paper's control: the whole set is n + M draws with replacement from the n documents.

    All rows are copies: a document of the regime may be missing.
    """
    n = len(made_of.real)
    drawn = np.bincount(rng.integers(n, size=n + item["rows_added"]), minlength=n)
    return copy_rows(dict(zip(made_of.real, drawn.tolist(), strict=True)), made_of)


def copies_at_synthetic_law(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """P_L: for each row of the S set a real document of the regime with its label set, else the nearest."""
    targets = [row["labels"] for row in first(made_of.pool, item["rows_added"])]
    chosen = nearest_by_labels(targets, made_of.real, made_of.labels, rng)
    return real_only(made_of, item, rng) + copy_rows(Counter(chosen), made_of)


def synthetic(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """S: the first M documents of the pool's seeded order, with the labels they were asked for."""
    chosen = first(made_of.pool, item["rows_added"])
    return real_only(made_of, item, rng) + [synthetic_row(row, row["labels"]) for row in chosen]


def synthetic_permuted(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """S_perm, the negative control: the rows of S, their label lists permuted among them."""
    chosen = first(made_of.pool, item["rows_added"])
    lists = [row["labels"] for row in chosen]
    if len({tuple(labels) for labels in lists}) < 2:
        raise Shortfall(None, None, "Labels cannot be permuted: all added documents have the same label set.")
    moved = lists
    while moved == lists:  # at least half of all permutations of unequal lists move one
        moved = [lists[index] for index in rng.permutation(len(lists))]
    rows = [synthetic_row(row, labels) for row, labels in zip(chosen, moved, strict=True)]
    return real_only(made_of, item, rng) + rows


def synthetic_paired(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """C: synthetic documents with the label vectors of the real rows they stand for."""
    pairs = first_pairs(made_of.pairs, item["rows_added"])
    rows = [synthetic_row(pair.row, made_of.labels[pair.doc_id], parent=pair.doc_id) for pair in pairs]
    return real_only(made_of, item, rng) + rows


def copies_paired(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """Pp: for each synthetic row of C a copy of its real partner."""
    pairs = first_pairs(made_of.pairs, item["rows_added"])
    return real_only(made_of, item, rng) + copy_rows(Counter(pair.doc_id for pair in pairs), made_of)


def mixture(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """A fixed budget: round(share * budget) real documents in nested order, the rest from the S order.

    Documents beyond the n of the regime are marked `real_more`.
    """
    wanted = round(item["real_share"] * item["budget"])
    if len(made_of.order) < wanted:
        raise too_few_real(wanted, made_of)
    n = len(made_of.real)
    rows = [real_row(doc_id, made_of, beyond=n <= place) for place, doc_id in enumerate(made_of.order[:wanted])]
    return rows + [synthetic_row(row, row["labels"]) for row in first(made_of.pool, item["budget"] - wanted)]


Builder = Callable[[Ingredients, Mapping[str, Any], np.random.Generator], list[Row]]

# (text, label law) -> the function that makes the rows; a mixture is known by its real share.
BUILDERS: dict[tuple[str, str], Builder] = {
    ("none", "real"): real_only,
    ("real_more", "real"): real_more,
    ("pseudo_labelled", "real"): pseudo_labelled,
    ("copies_ml_ros", "real"): copies_oversampled,
    ("copies_lp_ros", "real"): copies_oversampled,
    ("copies_repeat_factor", "real"): copies_oversampled,
    ("copies_cut", "real"): copies_cut,
    ("copies_balanced", "shifted"): copies_shifted,
    ("synthetic", "matched"): synthetic_matched,
    ("synthetic", "shifted"): synthetic_shifted,
    ("copies_balanced", "real"): copies_balanced,
    ("copies_balanced", "synthetic"): copies_at_synthetic_law,
    ("copies_drawn", "real"): copies_drawn,
    ("copies_paired", "real"): copies_paired,
    ("synthetic", "real"): synthetic_paired,
    ("synthetic", "synthetic"): synthetic,
    ("synthetic", "permuted"): synthetic_permuted,
}
PAIRED = {synthetic_paired, copies_paired}
POOLED = {
    *PAIRED, synthetic, synthetic_permuted, copies_at_synthetic_law, synthetic_matched, copies_cut, synthetic_shifted,
}  # fmt: skip


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
