"""Structure of label sets: imbalance, co-occurrence, and how two corpora differ in them.

All functions take a binary matrix of label sets (sets, labels) and how often each occurs, so that copies
cost nothing. Imbalance after Charte et al. (2014, 2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from volfid.core.labels import imbalance_ratios, mean_imbalance
from volfid.core.ranking import as_truth


@dataclass(frozen=True)
class LabelTable:
    """Unique label sets `sets` (sets, labels; uint8) and their multiplicities `counts` (sets,)."""

    sets: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, matrix: np.ndarray, counts: np.ndarray | None = None) -> "LabelTable":
        """Collapse equal rows of a binary matrix, each occurring `counts` times (default once)."""
        matrix = np.ascontiguousarray(as_truth(matrix, "label matrix"), dtype=np.uint8)
        weight = np.ones(len(matrix), dtype=np.int64) if counts is None else np.asarray(counts, dtype=np.int64)
        packed = np.packbits(matrix, axis=1)
        _, first, inverse = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        total = np.zeros(len(first), dtype=np.int64)
        np.add.at(total, inverse.ravel(), weight)
        return cls(matrix[first], total)

    @property
    def size(self) -> int:
        """Documents, copies counted."""
        return int(self.counts.sum())

    def cooccurrence(self) -> np.ndarray:
        """Documents that have both labels, shape (labels, labels); the diagonal holds the label counts."""
        sets = self.sets.astype(np.float64)
        return sets.T @ (sets * self.counts[:, None])

    def law(self) -> dict[bytes, float]:
        """Probability of each label set."""
        packed = np.packbits(self.sets, axis=1)
        return {row.tobytes(): count / self.size for row, count in zip(packed, self.counts, strict=True)}


def imbalance(table: LabelTable) -> dict[str, float | None]:
    """Figures of one corpus: cardinality, density, distinct sets, IRLbl summaries, SCUMBLE.

    IRLbl(l) = largest label count / count of l, over labels that occur. MeanIR, MaxIR and CVIR (sd with
    ddof 1 over mean) are None when no label occurs; CVIR also with one label only.
    """
    sizes = table.sets.sum(axis=1)
    counts = table.counts @ table.sets.astype(np.int64)
    ratios = imbalance_ratios(counts)
    ratios = ratios[np.isfinite(ratios)]
    cardinality = float(table.counts @ sizes / table.size)
    return {
        "cardinality": cardinality,
        "density": cardinality / table.sets.shape[1],
        "distinct_label_sets": float(len(table.sets)),
        "distinct_label_set_share": len(table.sets) / table.size,
        "singleton_label_sets": float((table.counts == 1).sum()),
        "labels_present": float(len(ratios)),
        "mean_ir": mean_imbalance(counts),
        "max_ir": float(ratios.max()) if len(ratios) else None,
        "cvir": float(ratios.std(ddof=1) / ratios.mean()) if len(ratios) > 1 else None,
        "scumble": float(table.counts @ scumble(table) / table.size),
    }


def scumble(table: LabelTable) -> np.ndarray:
    """SCUMBLE of each unique label set: 1 - geometric / arithmetic mean of its labels' IRLbl; 0 for 0 or 1 label."""
    counts = table.counts @ table.sets.astype(np.int64)
    ratios = np.where(counts > 0, imbalance_ratios(counts), 1.0)  # no set has a label that does not occur
    sizes = table.sets.sum(axis=1)
    divisor = np.maximum(sizes, 1)
    logs = np.log(ratios)
    geometric = np.exp(table.sets @ logs / divisor)
    arithmetic = table.sets @ ratios / divisor
    return np.where(sizes > 1, 1.0 - geometric / np.where(sizes > 0, arithmetic, 1.0), 0.0)


def lift(table: LabelTable) -> np.ndarray:
    """P(i, j) / (P(i) P(j)), shape (labels, labels); NaN where a label does not occur. PMI is its log2."""
    joint = table.cooccurrence() / table.size
    marginal = np.diag(joint)
    expected = np.outer(marginal, marginal)
    return np.divide(joint, expected, out=np.full_like(joint, np.nan), where=expected > 0)


def pmi(table: LabelTable) -> np.ndarray:
    """Pointwise mutual information in bits, shape (labels, labels); NaN for pairs that never occur together."""
    ratio = lift(table)
    return np.log2(ratio, out=np.full_like(ratio, np.nan), where=ratio > 0)


def triples(table: LabelTable) -> dict[tuple[int, int, int], int]:
    """Documents that have all three labels i < j < k, for triples that occur. From the label sets, not from a cube."""
    found: dict[tuple[int, int, int], int] = {}
    for row, count in zip(table.sets, table.counts.tolist(), strict=True):
        for triple in combinations(np.flatnonzero(row).tolist(), 3):
            found[triple] = found.get(triple, 0) + count
    return found


def compare_triples(reference: LabelTable, other: LabelTable) -> dict[str, float | None]:
    """How `other` differs from `reference` in which three labels stand together; None where a side has no triple.

    The laws compared are over occurrences of triples. `unseen` = in `other` but not in `reference`.
    """
    a, b = triples(reference), triples(other)
    if not a or not b:
        return dict.fromkeys(("triple_tv", "triple_js_bits", "unseen_triple_share"))
    keys = sorted(a.keys() | b.keys())
    p, q = (np.array([side.get(key, 0) for key in keys]) / sum(side.values()) for side in (a, b))
    return {
        "triple_tv": float(np.abs(p - q).sum() / 2),
        "triple_js_bits": js_bits(p, q),
        "unseen_triple_share": float(q[p == 0].sum()),
    }


def compare(reference: LabelTable, other: LabelTable) -> dict[str, float | None]:
    """How `other` differs from `reference` in pairs of labels and in the law of label sets.

    js in bits (its root is what scipy's jensenshannon returns), tv = total variation, `unseen` = in `other`
    but not in `reference`, `missing` the other way round. Marginal js: mean over labels of present against absent.
    Spearman of lifts: over pairs seen in both, None with fewer than three of them
    or when one side is constant.
    """
    joint_a, joint_b = (table.cooccurrence() / table.size for table in (reference, other))
    difference = joint_a - joint_b
    off_diagonal = difference - np.diag(np.diag(difference))
    upper = np.triu_indices(len(joint_a), k=1)
    seen_a, seen_b = joint_a[upper] > 0, joint_b[upper] > 0
    both = seen_a & seen_b
    law_a, law_b = reference.law(), other.law()
    keys = sorted(law_a.keys() | law_b.keys())
    p, q = (np.array([law.get(key, 0.0) for key in keys]) for law in (law_a, law_b))
    unseen = (p == 0) & (q > 0)
    return {
        "cooccurrence_frobenius": float(np.linalg.norm(off_diagonal)),
        "cooccurrence_frobenius_full": float(np.linalg.norm(difference)),
        "marginal_max_difference": float(np.abs(np.diag(difference)).max(initial=0.0)),
        "marginal_js_bits_mean": _marginal_js(np.diag(joint_a), np.diag(joint_b)),
        "pairs_only_in_reference": float((seen_a & ~seen_b).sum()),
        "pairs_only_in_set": float((seen_b & ~seen_a).sum()),
        "lift_spearman": _spearman(lift(reference)[upper][both], lift(other)[upper][both]),
        "label_set_js_bits": js_bits(p, q),
        "label_set_tv": float(np.abs(p - q).sum() / 2),
        "unseen_label_sets": float(unseen.sum()),
        "unseen_label_set_share": float(q[unseen].sum()),
        "missing_label_sets": float(((p > 0) & (q == 0)).sum()),
        "reference_coverage": float(p[q > 0].sum()),
    }


def js_bits(p: Sequence[float] | np.ndarray, q: Sequence[float] | np.ndarray) -> float:
    """Jensen-Shannon divergence of two probability vectors over the same outcomes, in bits (0 to 1)."""
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    middle = (p + q) / 2
    terms = [side[side > 0] * np.log2(side[side > 0] / middle[side > 0]) for side in (p, q)]
    return float(max(0.0, (terms[0].sum() + terms[1].sum()) / 2))


def _marginal_js(p: np.ndarray, q: np.ndarray) -> float:
    return float(np.mean([js_bits((a, 1 - a), (b, 1 - b)) for a, b in zip(p, q, strict=True)]))


def _spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.clip(np.corrcoef(_ranks(a), _ranks(b))[0, 1], -1.0, 1.0))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values share their mean rank (scipy.stats takes seconds to import)."""
    rounded = np.round(values, 12)  # rounding error must not break ties
    _, inverse, counts = np.unique(rounded, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
