"""The leak table: how near made documents come to real ones, beside how near unseen real documents come.

Nearness is measured three ways: n-gram containment, longest common token run, and cosine, each of a document to the
nearest one of what it is held against. What counts as too near is not a constant. Real documents calibrate it:

    against train (and the sources in it)   how near the real test documents come to train
    against test                            how near the real train documents come to test

In both cases a real document that was written without the other side is held against as many documents as the made
one is. A generator that neither saw nor reproduces that side gives the same distribution.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special

from volfid.core.shares import wilson
from volfid.core.vectors import left_out
from volfid.fidelity.corpus import Corpus, Rows
from volfid.fidelity.memorisation import WIDTH, ContainmentIndex, longest_runs, quantile

LEVEL = 0.95
FEWEST = 20
"""Real documents a threshold needs: below, the quantile at `LEVEL` is the largest value."""
AGAINST = ("sources", "train", "test")
FIGURES = (
    "q50", "q90", "highest", "threshold", "share_above", "ci_low", "ci_high", "share_real", "real_high", "real_as_near",
)  # fmt: skip
MADE = frozenset({"synthetic", "copy"})
_BLOCK = 1024

LeakRow = dict[str, Any]
Nearness = dict[str, np.ndarray]


class Leaks:
    """Leak rows of training sets; calibrated once on the real documents of the corpus.

    `memory`: containment and longest run of every document used, as from `memorisation.table`.
    """

    def __init__(self, corpus: Corpus, memory: Mapping[str, tuple[np.ndarray, np.ndarray]], width: int = WIDTH):
        self.corpus = corpus
        self.measures = (f"containment_{width}gram", "longest_run", "cosine")
        train, test = corpus.splits["train"], corpus.splits["test"]
        self.real = {"train": self._calibrate(test, train, width), "test": self._calibrate(train, test, width)}
        self.real["sources"] = self.real["train"]
        self.memory = memory
        self._cosine: dict[tuple[int, str], float] = {}

    def rows(self, trainset_id: str, added: Rows, kinds: frozenset[str]) -> list[LeakRow]:
        """Nine rows for a training set with made documents, three sides by three measures; none for other sets."""
        if not kinds & MADE or not added.size:
            return []
        documents, _ = added.by("documents")
        lines = []
        gone = left_out(int((~self.corpus.directed[documents]).sum()))
        for against in AGAINST:
            found = dict(zip(self.measures, (part[documents] for part in self.memory[against]), strict=False))
            found["cosine"] = self.cosines(documents, against)
            for measure in self.measures:
                line = {"trainset_id": trainset_id, "against": against, "measure": measure}
                line |= self._figures(found[measure], self.real[against][measure])
                if measure == "cosine" and gone:
                    line["note"] = "; ".join(filter(None, (line["note"], gone))) if line["n"] else gone
                lines.append(line)
        return lines

    def cosines(self, documents: np.ndarray, against: str) -> np.ndarray:
        """Largest cosine of each document with one of a side, (documents,); NaN where it names no source."""
        missing = [d for d in documents.tolist() if (d, against) not in self._cosine]
        if against == "sources":
            for d in missing:
                # a real document is its own source, as in memorisation.table
                there = self.corpus.directed
                sources = [s for s in self.corpus.sources.get(d, [d]) if there[s] and there[d]]
                near = self.corpus.vectors[sources] @ self.corpus.vectors[d] if sources else np.array([np.nan])
                self._cosine[d, against] = float(near.max())
        else:
            near = _largest_cosine(self.corpus, np.array(missing, dtype=np.int64), self.corpus.splits[against])
            self._cosine.update({(d, against): float(value) for d, value in zip(missing, near, strict=True)})
        return np.array([self._cosine[d, against] for d in documents.tolist()])

    def _calibrate(self, left: np.ndarray, right: np.ndarray, width: int) -> Nearness:
        """Nearness of each real document of one side to the nearest one of the other; empty without either."""
        if not left.size or not right.size:
            return {measure: np.zeros(0) for measure in self.measures}
        texts, others = ([self.corpus.texts[d] for d in side] for side in (left, right))
        index = ContainmentIndex(others, width)
        containment = [max(index.containments(text).values(), default=0.0) for text in texts]
        near = (
            np.array(containment),
            longest_runs(texts, others).astype(float),
            _largest_cosine(self.corpus, left, right),
        )
        return dict(zip(self.measures, near, strict=True))

    def _figures(self, values: np.ndarray, real: np.ndarray) -> LeakRow:
        """Quantiles, threshold, shares above it and the share of real documents as near; undefined ones with why.

        Every document counts once: copies of one are one observation.
        """
        values, real = values[~np.isnan(values)], real[~np.isnan(real)]
        line: LeakRow = dict.fromkeys(FIGURES)
        line |= {"n": len(values), "n_real": len(real), "note": None}
        if not len(values):
            return line | {"note": "no row names a source document"}
        once = np.ones(len(values))
        line |= {name: quantile(values, once, q) for name, q in (("q50", 0.5), ("q90", 0.9), ("highest", 1.0))}
        if len(real) < FEWEST:
            return line | {"note": f"{len(real)} real documents to calibrate with, {FEWEST} are needed"}
        line["threshold"] = quantile(real, np.ones(len(real)), LEVEL)
        above = values > line["threshold"]
        line["share_above"], line["share_real"] = float(above.mean()), float(np.mean(real > line["threshold"]))
        line["ci_low"], line["ci_high"] = wilson(int(above.sum()), len(values)) or (None, None)
        line["real_high"] = _exceedance_limit(real, line["threshold"])
        line["real_as_near"] = float(_as_near(values, real).mean())
        return line


def _exceedance_limit(real: np.ndarray, threshold: float) -> float:
    """Largest share of unseen real documents that may lie above a threshold which is an order statistic of `real`.

    The share above the k-th of n is Beta(n + 1 - k, k), whatever the distribution; here its .975 quantile. 60
    documents put the 57th at a share of .05, and .14 is still no surprise.
    """
    below = int((real <= threshold).sum())
    return float(special.betaincinv(len(real) - below + 1, below, 0.975))


def _as_near(values: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Share of `real` at least as large as each value, ties half: its mean is .5 for equal distributions."""
    ordered = np.sort(real)
    below, upto = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    result: np.ndarray = 1 - (below + upto) / (2 * len(real))
    return result


def _largest_cosine(corpus: Corpus, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Largest inner product of each left unit vector with a right one, (left,), in blocks; NaN without a right one.

    A vector of zeros has no cosine: NaN on the left, and no one's nearest on the right.
    """
    right = right[corpus.directed[right]]
    if not right.size:
        return np.full(len(left), np.nan)
    others = corpus.vectors[right].T
    parts = [(corpus.vectors[left[i : i + _BLOCK]] @ others).max(axis=1) for i in range(0, len(left), _BLOCK)]
    result: np.ndarray = np.concatenate([np.zeros(0), *parts])
    result[~corpus.directed[left]] = np.nan
    return result
