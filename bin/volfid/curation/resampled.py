"""Training sets by resampling: oversampled copies, matched and shifted label laws, and text without labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from volfid.core.labels import effective_size
from volfid.curation.oversampling import lp_ros, ml_ros, repeat_factor_copies, systematic_counts
from volfid.curation.reweighting import tilted_weights
from volfid.curation.rows import (
    Ingredients,
    Row,
    Shortfall,
    Synthetic,
    copy_rows,
    first,
    real_more,
    real_only,
    synthetic_row,
)  # fmt: skip


def pseudo_labelled(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """The next M documents of the nested order as unlabelled text: a classifier gives them labels in training."""
    rows = real_more(made_of, item, rng)
    hidden = {"source": "unlabelled", "labels": []}
    return [row | hidden if row["source"] == "real_more" else row for row in rows]


def copies_oversampled(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """M copies by ML-ROS, LP-ROS or repeat factors (curation/oversampling.py)."""
    how = {"copies_ml_ros": ml_ros, "copies_lp_ros": lp_ros, "copies_repeat_factor": repeat_factor_copies}
    counts = how[item["text"]](made_of.matrix([made_of.labels[d] for d in made_of.real]), item["rows_added"], rng)
    made = int(counts.sum())
    if made < item["rows_added"]:
        raise Shortfall(item["rows_added"], made, (
            f"{item['text']} has balanced the labels after {made} copies and makes no more; "
            f"this training set needs {item['rows_added']}."
        ))  # fmt: skip
    return real_only(made_of, item, rng) + copy_rows(dict(zip(made_of.real, counts.tolist(), strict=True)), made_of)


def synthetic_matched(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """M rows of the whole pool, resampled by maximum-entropy weights to the label law of the regime."""
    counts = _matched_counts(made_of, item["rows_added"])
    return real_only(made_of, item, rng) + _counted(made_of.pool, counts)


def copies_cut(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """The partner of `synthetic_matched`: M balanced copies of only as many documents as its effective size."""
    size = round(effective_size(_matched_counts(made_of, item["rows_added"])))
    chosen = made_of.real[: min(max(size, 1), len(made_of.real))]
    each, extra = divmod(item["rows_added"], len(chosen))
    counts = {doc_id: each + (place < extra) for place, doc_id in enumerate(chosen)}
    return real_only(made_of, item, rng) + copy_rows(counts, made_of)


def copies_shifted(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """M copies at a label law tilted by `dose` along a random direction: the dose-response of label shift."""
    counts = _tilted_counts([made_of.labels[d] for d in made_of.real], made_of, item, rng)
    return real_only(made_of, item, rng) + copy_rows(dict(zip(made_of.real, counts.tolist(), strict=True)), made_of)


def synthetic_shifted(made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """M rows of the whole pool at a label law tilted by `dose` along the direction of `copies_shifted`."""
    first(made_of.pool, 1)
    counts = _tilted_counts([row["labels"] for row in made_of.pool], made_of, item, rng)
    return real_only(made_of, item, rng) + _counted(made_of.pool, counts)


def _counted(pool: Sequence[Synthetic], counts: np.ndarray) -> list[Row]:
    return [synthetic_row(row, row["labels"], count=c) for row, c in zip(pool, counts.tolist(), strict=True) if c]


def _tilted_counts(
    label_lists: Sequence[Sequence[str]], made_of: Ingredients, item: Mapping[str, Any], rng: np.random.Generator
) -> np.ndarray:
    # the direction is drawn first, so that copies and synthetic rows of one draw are shifted the same way
    direction = rng.standard_normal(len(made_of.alphabet))
    weights = tilted_weights(made_of.matrix(label_lists), direction, item["dose"])
    return systematic_counts(weights, item["rows_added"], rng.random())


def _matched_counts(made_of: Ingredients, added: int) -> np.ndarray:
    """Multiplicities of the pool's documents in `synthetic_matched`; no chance in it, so the partner sees the same."""
    first(made_of.pool, 1)
    return systematic_counts(made_of.matched_weights, added, 0.5)
