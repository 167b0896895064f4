"""Every fidelity, diversity and memorisation figure of every training set, copies and real-only included."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from volfid.core.exits import DataError
from volfid.core.labels import effective_size
from volfid.core.seeds import generator
from volfid.fidelity import diversity, labels, memorisation, structure, text
from volfid.fidelity.corpus import Corpus, Rows, TrainSet
from volfid.fidelity.realised import Checker

FidelityRow = dict[str, Any]
REQUESTED = "synthetic rows count with their requested labels"
OWN = "none"


@dataclass(frozen=True)
class Settings:
    """Fixed choices of the stage; all are echoed in the manifest.

    `token_budget`: tokens of the size-controlled diversity figures (64 abstracts hold as many); `permutations`:
    of the label-MMD test (0 leaves it out); `median_limit`: train documents the text bandwidth is taken from.
    """

    two_sigma_squared: tuple[float, ...] = labels.TWO_SIGMA_SQUARED
    token_budget: int = 5_000
    permutations: int = 999
    median_limit: int = 4096
    containment_width: int = memorisation.WIDTH
    containment_limit: float = 0.2
    encoder: str | None = None

    def echo(self) -> dict[str, Any]:
        """All settings, for the manifest."""
        return {**asdict(self), "kernel": "mean of Gaussians", "tokenisation": diversity.TOKENISATION}


class _Out:
    """Collects the rows of one training set and one choice of rows."""

    def __init__(self, trainset_id: str, rows: str):
        self.trainset_id, self.rows = trainset_id, rows
        self.lines: list[FidelityRow] = []

    def add(
        self, metric: str, reference: str, value: float | None, n: int, note: str | None = None, why: str = ""
    ) -> None:
        """One figure; `why` becomes the note when the value is undefined."""
        line = {"trainset_id": self.trainset_id, "metric": metric, "rows": self.rows, "reference": reference}
        if value is None:
            note = why or "undefined"
        self.lines.append({**line, "value": None if value is None else float(value), "n": int(n), "note": note})


class Measurer:
    """Measures training sets against one corpus; what only depends on documents is computed once and kept."""

    def __init__(self, corpus: Corpus, settings: Settings, master_seed: int):
        if len(corpus.splits["reference"]) < 2:
            raise DataError("fewer than 2 documents in split 'reference'", mend="Make the reference fold larger")
        self.corpus, self.settings, self.seed = corpus, settings, master_seed
        self.kernel = labels.kernel_table(len(corpus.label_ids), settings.two_sigma_squared)
        self.laws = {name: corpus.split_law(name) for name in ("train", "reference", "test")}
        median = labels.nonzero_median_squared(corpus.sample(*self.laws["train"]))
        self.median_width = median
        self.median_kernel = None if median is None else labels.kernel_table(len(corpus.label_ids), (median,))
        train = corpus.vectors[corpus.splits["train"]]
        self.sigma = text.median_distance(train, generator(master_seed, "fidelity_median"), settings.median_limit)
        self.reference = corpus.vectors[corpus.splits["reference"]]
        self.reference_moments = text.Gaussian.of(self.reference)
        ones = np.ones((len(self.reference), 1))
        self.reference_kernel = (
            None if self.sigma is None else float(text.kernel_sums(self.reference, ones, self.sigma)[0, 0])
        )
        self.ngrams = diversity.index_ngrams([diversity.tokenise(one) for one in corpus.texts])
        self.vocabulary = {
            n: diversity.distinct_of_all(self.ngrams, corpus.splits["train"], np.ones(len(train)), n)[0] for n in (1, 2)
        }
        self.memory = memorisation.table(corpus, settings.containment_width)
        truth = corpus.matrix[corpus.split_labels["train"]] > 0
        self.checker = Checker(train, truth, corpus.groups)
        self.seen = self.checker.recognise(corpus.vectors)
        self.seen[corpus.splits["train"]] = self.checker.out_of_fold
        self._kept: dict[bytes, Any] = {}

    def measure(self, trainset: TrainSet) -> list[FidelityRow]:
        """All figures of one training set, over all rows and, where there are some, over the added ones."""
        lines: list[FidelityRow] = []
        for name, rows in (("all", trainset.all), ("added", trainset.added)):
            if not rows.size:
                continue
            out = _Out(trainset.trainset_id, name)
            note = REQUESTED if "synthetic" in trainset.sources else None
            self._labels(out, rows, note)
            self._text(out, rows)
            self._diversity(out, rows)
            if name == "added":
                self._nearest(out, rows, trainset.real)
                if trainset.trainset_id not in self.corpus.permuted:
                    self._realised(out, rows)
            if name == "added" or not trainset.added.size:
                self._memorisation(out, rows, trainset)
            lines += out.lines
        return lines

    def frozen(self) -> dict[str, Any]:
        """What was fixed from the real train pool and the reference fold, for the manifest."""
        return {
            "text_sigma": self.sigma, "label_median_two_sigma_squared": self.median_width,
            "vocabulary": {str(n): size for n, size in self.vocabulary.items()},
            "reference_documents": len(self.reference), "reference_split": "reference; test as sensitivity",
            "checker": {"penalty": self.checker.penalty, "threshold": self.checker.threshold},
        }  # fmt: skip

    # ---- labels ---------------------------------------------------------------------------

    def _labels(self, out: _Out, rows: Rows, note: str | None) -> None:
        sets, parents, counts = rows.by("label_sets", "parents")
        unique, totals = rows.by("label_sets")
        found = self._once(
            ("labels", sets, parents, counts), lambda: self._label_figures(sets, parents, counts, unique, totals)
        )
        for metric, reference, value, why in found:
            out.add(metric, reference, value, rows.size, note, why)

    def _label_figures(
        self, sets: np.ndarray, parents: np.ndarray, counts: np.ndarray, unique: np.ndarray, totals: np.ndarray
    ) -> list[tuple[str, str, float | None, str]]:
        corpus = self.corpus
        sample = corpus.sample(unique, totals)
        same_parent = labels.parent_histogram(corpus.words[sets], counts, parents, len(corpus.label_ids))
        lines: list[tuple[str, str, float | None, str]] = []
        for reference in ("reference", "test"):
            law, law_counts = self.laws[reference]
            if law_counts.sum() < 2:
                continue
            other = corpus.sample(law, law_counts)
            lines += [
                ("mmd2_label_unbiased", reference, labels.mmd2_unbiased(sample, other, self.kernel), "one document"),
                ("mmd2_label_biased", reference, labels.mmd2_biased(sample, other, self.kernel), ""),
                (
                    "mmd2_label_parent",
                    reference,
                    labels.mmd2_parent(sample, same_parent, other, self.kernel),
                    "one parent",
                ),
            ]
            if self.median_kernel is not None:
                value = labels.mmd2_parent(sample, same_parent, other, self.median_kernel)
                lines.append(("mmd2_label_parent_median", reference, value, "one parent"))
            if reference == "reference" and self.settings.permutations:
                rng = generator(self.seed, "fidelity_permutation")
                args = (corpus.words[sets], counts, parents, other, self.kernel, self.settings.permutations, rng)
                lines.append(("mmd2_label_p", reference, labels.permutation_p(*args), ""))
            compared = structure.compare(corpus.table(law, law_counts), corpus.table(unique, totals))
            lines += [
                (name, reference, value, "fewer than 3 shared label pairs, or no spread")
                for name, value in compared.items()
            ]
        for name, value in structure.imbalance(corpus.table(unique, totals)).items():
            lines.append((name, OWN, value, "too few labels occur"))
        return lines

    # ---- text -----------------------------------------------------------------------------

    def _text(self, out: _Out, rows: Rows) -> None:
        documents, parents, counts = rows.by("documents", "parents")
        values = self._once(
            ("text", documents, parents, counts), lambda: self._text_figures(documents, parents, counts)
        )
        for metric, value, why in values:
            out.add(metric, "reference" if metric != "vendi" else OWN, value, rows.size, None, why)

    def _text_figures(
        self, documents: np.ndarray, parents: np.ndarray, counts: np.ndarray
    ) -> list[tuple[str, float | None, str]]:
        x, size, n = self.corpus.vectors[documents], int(counts.sum()), len(self.reference)
        unbiased = by_parent = None
        if self.sigma is not None and size > 1:
            weights = counts[:, None].astype(np.float64)
            within = float(text.kernel_sums(x, weights, self.sigma)[0, 0])
            cross = float(text.cross_sums(x, weights, self.reference, self.sigma)[0])
            unbiased = text.mmd2_unbiased(within, size, self.reference_kernel, n, cross)
            shared, pairs = (float(part[0]) for part in text.parent_sums(x, weights, parents, self.sigma))
            if size**2 > pairs:
                rest = (self.reference_kernel - n) / (n * (n - 1)) - 2 * cross / (size * n)
                by_parent = (within - shared) / (size**2 - pairs) + rest
        frechet = text.frechet(text.Gaussian.of(x, counts), self.reference_moments) if size > 1 else None
        why = "all train texts have one embedding" if self.sigma is None else "one document or one parent"
        return [
            ("mmd2_text_unbiased", unbiased, why), ("mmd2_text_parent", by_parent, why),
            ("frechet_text", frechet, "one document"), ("vendi", text.vendi(x, counts), ""),
        ]  # fmt: skip

    def _nearest(self, out: _Out, rows: Rows, real: Rows) -> None:
        if not real.size:
            return out.add("nearest_cosine", "real_rows", None, rows.size, why="the set has no real rows beside them")
        documents, counts = rows.by("documents")
        known, _ = real.by("documents")
        vectors = self.corpus.vectors
        value = self._once(
            ("near", documents, counts, known), lambda: text.nearest_cosine(vectors[documents], counts, vectors[known])
        )
        out.add("nearest_cosine", "real_rows", value, rows.size)

    def _realised(self, out: _Out, rows: Rows) -> None:
        documents, sets, counts = rows.by("documents", "label_sets")
        found = self.checker.realised(self.seen[documents], self.corpus.matrix[sets] > 0, counts)
        out.add("realised_labels", "train", found.value, found.n, "corrected for the checker's errors", found.why)
        for name in ("recognised", "sensitivity", "false_positives"):
            out.add(f"checker_{name}", "train", getattr(found, name), found.n, None, found.why)

    # ---- diversity ------------------------------------------------------------------------

    def _diversity(self, out: _Out, rows: Rows) -> None:
        documents, counts = rows.by("documents")
        for metric, value, why in self._once(
            ("diversity", documents, counts), lambda: self._diversity_figures(documents, counts)
        ):
            out.add(metric, OWN, value, rows.size, None, why)

    def _diversity_figures(self, documents: np.ndarray, counts: np.ndarray) -> list[tuple[str, float | None, str]]:
        budget, ngrams = self.settings.token_budget, self.ngrams
        rng = generator(self.seed, "fidelity_token_budget")
        sample = diversity.budget_sample(ngrams, np.repeat(documents, counts), budget, rng)
        short = f"{int(ngrams.lengths[documents] @ counts)} tokens, fewer than the budget of {budget}"
        lines: list[tuple[str, float | None, str]] = [
            ("unique_documents", float(len(documents)), ""), ("effective_documents", effective_size(counts), ""),
        ]  # fmt: skip
        for n in range(1, diversity.ORDERS + 1):
            unique, total = diversity.distinct(ngrams, sample, n) if sample else (0, 0)
            lines.append((f"distinct_{n}", unique / total if total else None, short))
        for n, vocabulary in self.vocabulary.items():
            unique, total = diversity.distinct_of_all(ngrams, documents, counts, n)
            lines.append(
                (f"distinct_{n}_adjusted", diversity.distinct_adjusted(unique, total, vocabulary), "no n-gram")
            )
        bleu = diversity.self_bleu(ngrams, documents, counts)
        lines.append(("self_bleu_4", None if bleu is None else float(bleu @ counts / counts.sum()), "one document"))
        texts = [self.corpus.texts[d] for d, _ in sample] if sample else []
        lines.append(("compression_ratio", diversity.compression_ratio(texts), short))
        return lines

    # ---- memorisation ---------------------------------------------------------------------

    def _memorisation(self, out: _Out, rows: Rows, trainset: TrainSet) -> None:
        documents, counts = rows.by("documents")
        made = bool(trainset.sources & {"synthetic", "copy"})
        for against in ("sources", "train", "test") if made else ("test",):
            containment, run = (table[documents] for table in self.memory[against])
            known = ~np.isnan(containment)
            n = int(counts[known].sum())
            share = float(counts[known] @ (containment[known] > self.settings.containment_limit) / n) if n else None
            why = "no row names a source document"
            out.add(f"containment_{self.settings.containment_width}gram_share", against, share, n, None, why)
            for name, q in (("q50", 0.5), ("q90", 0.9), ("max", 1.0)):
                value = memorisation.quantile(run[known], counts[known], q) if n else None
                out.add(f"longest_run_{name}", against, value, n, None, why)

    def _once(self, key: Iterable[Any], compute: Callable[[], Any]) -> Any:
        digest = hashlib.sha256()
        for part in key:
            content = part.encode() if isinstance(part, str) else part.tobytes()
            digest.update(len(content).to_bytes(8, "big") + content)
        name = digest.digest()
        if name not in self._kept:
            self._kept[name] = compute()
        return self._kept[name]
