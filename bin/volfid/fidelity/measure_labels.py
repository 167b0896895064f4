"""Figures of the label sets of some rows."""

import numpy as np

from volfid.core.seeds import generator
from volfid.fidelity import labels, structure
from volfid.fidelity.corpus import Corpus
from volfid.fidelity.settings import REFERENCE, Figure, Settings

ONE_PARENT = "one parent"


class LabelFigures:
    """Measures label sets against the laws of the real splits; kernels are fixed once, from the train pool."""

    def __init__(self, corpus: Corpus, settings: Settings, master_seed: int):
        self.corpus, self.settings, self.seed = corpus, settings, master_seed
        size = len(corpus.label_ids)
        self.kernel = labels.kernel_table(size, settings.two_sigma_squared)
        self.widths = {width: labels.kernel_table(size, (width,)) for width in settings.two_sigma_squared}
        self.laws = {name: corpus.split_law(name) for name in ("train", "reference", "test")}
        self.median_width = labels.nonzero_median_squared(corpus.sample(*self.laws["train"]))
        self.median_kernel = None if self.median_width is None else labels.kernel_table(size, (self.median_width,))

    def figures(
        self, sets: np.ndarray, parents: np.ndarray, counts: np.ndarray, unique: np.ndarray, totals: np.ndarray
    ) -> list[Figure]:
        """`sets`, `parents`, `counts`: rows as in Rows.by; `unique`, `totals`: the same without their parents."""
        corpus = self.corpus
        sample = corpus.sample(unique, totals)
        same_parent = labels.parent_histogram(corpus.words[sets], counts, parents, len(corpus.label_ids))
        lines: list[Figure] = []
        for reference in (REFERENCE, "test"):
            law, law_counts = self.laws[reference]
            if law_counts.sum() < 2:
                continue
            other = corpus.sample(law, law_counts)

            def by_parent(kernel: np.ndarray, other: labels.LabelSample = other) -> float | None:
                return labels.mmd2_parent(sample, same_parent, other, kernel)

            found: list[tuple[str, float | None, str]] = [
                ("mmd2_label_unbiased", labels.mmd2_unbiased(sample, other, self.kernel), "one document"),
                ("mmd2_label_biased", labels.mmd2_biased(sample, other, self.kernel), ""),
                ("mmd2_label_parent", by_parent(self.kernel), ONE_PARENT),
            ]
            if self.median_kernel is not None:
                found.append(("mmd2_label_parent_median", by_parent(self.median_kernel), ONE_PARENT))
            if reference == REFERENCE:
                for width, kernel in self.widths.items():
                    found.append((f"mmd2_label_parent_width_{width:g}", by_parent(kernel), ONE_PARENT))
                if self.settings.permutations:
                    found.append(("mmd2_label_p", self._p(sets, parents, counts, other), ONE_PARENT))
            table, mine = corpus.table(law, law_counts), corpus.table(unique, totals)
            few = "fewer than 3 shared label pairs, or no spread"
            found += [(name, value, few) for name, value in structure.compare(table, mine).items()]
            without = "a side has no document with three labels"
            found += [(name, value, without) for name, value in structure.compare_triples(table, mine).items()]
            lines += [Figure(name, value, why, reference) for name, value, why in found]
        own = structure.imbalance(corpus.table(unique, totals))
        return [*lines, *(Figure(name, value, "too few labels occur") for name, value in own.items())]

    def _p(self, sets: np.ndarray, parents: np.ndarray, counts: np.ndarray, other: labels.LabelSample) -> float | None:
        if len(np.unique(parents)) < 2:
            return None
        rng = generator(self.seed, "fidelity_permutation")
        words = self.corpus.words[sets]
        return labels.permutation_p(words, counts, parents, other, self.kernel, self.settings.permutations, rng)
