"""Pairs of documents for contrastive fine-tuning, drawn with a seed.

A pair is positive (goal 1) when its documents share at least one label and negative (goal 0) when they share none,
the rule that SetFit's library states for several labels. A document without labels is in negative pairs alone. As in
SetFit every document is as often the anchor of a positive pair as of a negative one, where it has such a partner.
"""

from dataclasses import dataclass

import numpy as np

from volfid.core.exits import DataError

_BLOCK = 512


@dataclass(frozen=True)
class PairPlan:
    """Pairs of every update: rows (updates, batch, 2) int64; goal (batch,) float32, 1 where the pair is positive.

    alone: rows that share a label with no other text
    """

    rows: np.ndarray
    goal: np.ndarray
    alone: int


def pair_plan(
    labels: np.ndarray, texts: np.ndarray, weight: np.ndarray, updates: int, batch: int, rng: np.random.Generator
) -> PairPlan:
    """Pairs of rows; labels (rows, labels) binary, texts (rows,) number of each row's text, weight (rows,) copies.

    Half of every batch is positive. Anchors come from endless shuffles of the rows, a row of weight w standing w
    times; the partner is drawn by weight. A text is never paired with itself: copies change how often a document
    is drawn, and nothing else. Raises DataError when no two texts share a label, or all of them do.
    """
    marked = labels.astype(np.float32)
    copies = weight.astype(np.int64)
    copies //= np.gcd.reduce(copies)  # r copies of every row give the pairs of the plain rows
    has = np.zeros((2, len(labels)), dtype=bool)
    for start in range(0, len(labels), _BLOCK):
        part = np.arange(start, min(start + _BLOCK, len(labels)))
        for side in (0, 1):
            has[side, part] = _partners(marked, texts, part, side).any(1)
    if not has[1].any():
        raise DataError("no two documents share a label, so there is no positive pair to learn from")
    if not has[0].any():
        raise DataError("every document shares a label with every other one, so there is no negative pair")
    half, sides = batch // 2, []
    for side in (1, 0):
        pool = np.repeat(np.flatnonzero(has[side]), copies[has[side]])
        rounds = -(-updates * half // len(pool))
        anchors = np.concatenate([rng.permutation(pool) for _ in range(max(rounds, 1))])[: updates * half]
        partner = np.empty_like(anchors)
        for start in range(0, len(anchors), _BLOCK):
            part = anchors[start : start + _BLOCK]
            total = np.cumsum(_partners(marked, texts, part, side) * copies, axis=1)
            drawn = rng.integers(total[:, -1])
            partner[start : start + _BLOCK] = (total <= drawn[:, None]).sum(1)
        sides.append(np.stack([anchors, partner], axis=1).reshape(updates, half, 2))
    goal = np.repeat(np.array([1, 0], dtype=np.float32), half)
    return PairPlan(np.concatenate(sides, axis=1), goal, int((~has[1]).sum()))


def _partners(marked: np.ndarray, texts: np.ndarray, rows: np.ndarray, side: int) -> np.ndarray:
    """Which rows may be the partner of each of `rows`: (rows, all) bool."""
    shared = marked[rows] @ marked.T > 0
    return (shared == bool(side)) & (texts[rows, None] != texts[None, :])
