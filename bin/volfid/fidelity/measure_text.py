"""Figures of the embeddings of some rows."""

from dataclasses import astuple, fields

import numpy as np

from volfid.core.seeds import generator
from volfid.core.vectors import FITTED, left_out
from volfid.fidelity import manifold, mauve, peers, text
from volfid.fidelity.corpus import Corpus
from volfid.fidelity.settings import REFERENCE, Figure, Settings


class TextFigures:
    """Measures embeddings against the reference fold; what only depends on the real documents is computed once.

    Documents whose vector is zero are left out on all sides, and counted in the notes.
    """

    def __init__(self, corpus: Corpus, settings: Settings, master_seed: int):
        self.corpus, self.settings, self.seed = corpus, settings, master_seed
        train = corpus.vectors[corpus.with_direction("train")]
        self.sigma = text.median_distance(train, generator(master_seed, "fidelity_median"), settings.median_limit)
        self.reference = corpus.vectors[corpus.with_direction("reference")]
        self.zeros = len(corpus.splits["reference"]) - len(self.reference)
        if len(self.reference) < 2:
            return
        self.moments = text.Gaussian.of(self.reference)
        self.radii = manifold.squared_radii(self.reference, settings.neighbours)
        self.kernel = None
        if self.sigma is not None:
            ones = np.ones((len(self.reference), 1))
            self.kernel = float(text.kernel_sums(self.reference, ones, self.sigma)[0, 0])

    def figures(self, documents: np.ndarray, parents: np.ndarray, counts: np.ndarray) -> list[Figure]:
        """Rows as in Rows.by."""
        kept = self.corpus.directed[documents]
        if not kept.any() or len(self.reference) < 2:
            few = "fewer than 2 documents of the reference fold have" if kept.any() else "no document has"
            return self._undefined(f"{few} a vector that is not zero")
        found = self._compare(documents[kept], parents[kept], counts[kept])
        gone = int(counts[~kept].sum())
        told = "; ".join(filter(None, (left_out(gone), left_out(self.zeros, "documents of the reference fold"))))
        if not told:
            return found
        size = int(counts[kept].sum())
        return [
            one._replace(
                note="; ".join(filter(None, (one.note, told))), why="; ".join(filter(None, (one.why, told))),
                n=size if one.n is None else one.n,
            )
            for one in found
        ]  # fmt: skip

    def _undefined(self, why: str) -> list[Figure]:
        names = ["mmd2_text_unbiased", "mmd2_text_parent", *(["mmd2_text_p"] if self.settings.permutations else [])]
        names += ["frechet_text", *(f"manifold_{part.name}" for part in fields(manifold.Manifold))]
        names += ["mauve", "mauve_sd"] if self.settings.mauve_seeds else []
        found = [Figure(name, None, why, REFERENCE, n=0) for name in (*names, "synthtexteval_fid")]
        return [*found, Figure("vendi", None, why, n=0)]

    def _compare(self, documents: np.ndarray, parents: np.ndarray, counts: np.ndarray) -> list[Figure]:
        x, size = self.corpus.vectors[documents], int(counts.sum())
        frechet = text.frechet(text.Gaussian.of(x, counts), self.moments) if size > 1 else None
        return [
            *self._mmd(x, parents, counts),
            Figure("frechet_text", frechet, "one document", REFERENCE),
            Figure("vendi", text.vendi(x, counts)),
            *self._manifold(x, parents, counts),
            *self._mauve(x, counts),
            Figure(
                "synthtexteval_fid", peers.synthtexteval_fid(x, counts, self.reference), "", REFERENCE,
                "mean cosine to the mean of the set, with this run's encoder; no Frechet distance",
            ),
        ]  # fmt: skip

    def _mmd(self, x: np.ndarray, parents: np.ndarray, counts: np.ndarray) -> list[Figure]:
        size, n = int(counts.sum()), len(self.reference)
        unbiased = by_parent = None
        if self.sigma is not None and self.kernel is not None and size > 1:
            weights = counts[:, None].astype(np.float64)
            within = float(text.kernel_sums(x, weights, self.sigma)[0, 0])
            cross = float(text.cross_sums(x, weights, self.reference, self.sigma)[0])
            unbiased = text.mmd2_unbiased(within, size, self.kernel, n, cross)
            shared, pairs = (float(part[0]) for part in text.parent_sums(x, weights, parents, self.sigma))
            if size**2 > pairs:
                rest = (self.kernel - n) / (n * (n - 1)) - 2 * cross / (size * n)
                by_parent = (within - shared) / (size**2 - pairs) + rest
        why = "all train texts have one embedding" if self.sigma is None else "one document or one parent"
        found = [
            Figure("mmd2_text_unbiased", unbiased, why, REFERENCE),
            Figure("mmd2_text_parent", by_parent, why, REFERENCE),
        ]
        if not self.settings.permutations:
            return found
        if self.settings.encoder in FITTED:
            # its train texts differ from any unseen ones, whatever was written: a permutation proves nothing
            return [*found, Figure("mmd2_text_p", None, "the encoder was fitted on the train texts", REFERENCE)]
        p = note = taken = None
        if self.sigma is not None and len(np.unique(parents)) > 1:
            rng = generator(self.seed, "fidelity_text_permutation")
            limit = self.settings.sample_limit
            (x, parents, counts), cut = _sample(rng, limit, x, parents, counts)
            (y,), other_cut = _sample(rng, limit, self.reference)
            _, p = text.permutation_p(x, counts, parents, y, self.sigma, self.settings.permutations, rng)
            if cut or other_cut:
                taken, note = int(counts.sum()), f"subsample {len(x)} texts against {len(y)}"
        return [*found, Figure("mmd2_text_p", p, why, REFERENCE, note, taken)]

    def _manifold(self, x: np.ndarray, parents: np.ndarray, counts: np.ndarray) -> list[Figure]:
        k = self.settings.neighbours
        names = tuple(f"manifold_{part.name}" for part in fields(manifold.Manifold))
        if self.radii is None:
            why = f"the reference fold has fewer than {k + 1} texts"
            return [Figure(name, None, why, REFERENCE) for name in names]
        found = manifold.compare(self.reference, self.radii, x, counts, manifold.squared_radii(x, k, parents), k)
        few = f"fewer than {k} texts of other parents beside each"
        return [Figure(name, value, few, REFERENCE) for name, value in zip(names, astuple(found), strict=True)]

    def _mauve(self, x: np.ndarray, counts: np.ndarray) -> list[Figure]:
        seeds = range(self.settings.mauve_seeds)
        if not seeds:
            return []
        rng = generator(self.seed, "fidelity_mauve")
        found = mauve.of_weighted(x, counts, self.reference, seeds, self.settings.sample_limit, rng)
        if found is None:
            why = f"fewer than {mauve.LEAST} documents on a side"
            return [Figure(name, None, why, REFERENCE) for name in ("mauve", "mauve_sd")]
        note = f"subsample {found.n} a side, {len(seeds)} seeds, {found.cells} cells"
        note = "; ".join(filter(None, (note, found.note)))
        values = np.array(found.values)
        if np.isnan(values).any():
            why = f"all documents fall into one cell though their texts differ; {note}"
            return [Figure(name, None, why, REFERENCE, n=found.n) for name in ("mauve", "mauve_sd")]
        return [
            Figure("mauve", float(values.mean()), "", REFERENCE, note, found.n),
            Figure("mauve_sd", float(values.std(ddof=1)), "", REFERENCE, note, found.n),
        ]


def _sample(rng: np.random.Generator, limit: int, *columns: np.ndarray) -> tuple[tuple[np.ndarray, ...], bool]:
    """The same `limit` random rows of every array, in order, and whether some were left out."""
    if len(columns[0]) <= limit:
        return columns, False
    kept = np.sort(rng.choice(len(columns[0]), limit, replace=False))
    return tuple(column[kept] for column in columns), True
