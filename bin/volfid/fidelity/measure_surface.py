"""Figures of the words of some rows: diversity, repetition, length."""

import numpy as np

from volfid.core.labels import effective_size
from volfid.core.seeds import generator
from volfid.fidelity import diversity, peers
from volfid.fidelity.corpus import Corpus
from volfid.fidelity.settings import REFERENCE, Figure, Settings


class SurfaceFigures:
    """Measures words; all texts are indexed once."""

    def __init__(self, corpus: Corpus, settings: Settings, master_seed: int):
        self.corpus, self.settings, self.seed = corpus, settings, master_seed
        self.ngrams = diversity.index_ngrams([diversity.tokenise(one) for one in corpus.texts])
        train = corpus.splits["train"]
        self.vocabulary = {
            n: diversity.distinct_of_all(self.ngrams, train, np.ones(len(train)), n)[0] for n in (1, 2)
        }  # fmt: skip
        self.words = peers.Words.of(corpus.texts)
        self.jaccard = peers.synthtexteval_jaccard(self.words, corpus.splits["reference"])

    def figures(self, documents: np.ndarray, counts: np.ndarray) -> list[Figure]:
        """Rows as in Rows.by."""
        budget, ngrams = self.settings.token_budget, self.ngrams
        rng = generator(self.seed, "fidelity_token_budget")
        sample = diversity.budget_sample(ngrams, np.repeat(documents, counts), budget, rng)
        lengths = ngrams.lengths[documents]
        tokens = int(lengths @ counts)
        short = f"{tokens} tokens, fewer than the budget of {budget}"
        mean = tokens / counts.sum()
        lines = [
            Figure("unique_documents", float(len(documents))),
            Figure("effective_documents", effective_size(counts)),
            Figure("tokens_mean", mean),
            Figure("tokens_sd", float(np.sqrt((lengths - mean) ** 2 @ counts / counts.sum()))),
        ]
        for n in range(1, diversity.ORDERS + 1):
            unique, total = diversity.distinct(ngrams, sample, n) if sample else (0, 0)
            lines.append(Figure(f"distinct_{n}", unique / total if total else None, short))
        for n, vocabulary in self.vocabulary.items():
            unique, total = diversity.distinct_of_all(ngrams, documents, counts, n)
            adjusted = diversity.distinct_adjusted(unique, total, vocabulary)
            lines.append(Figure(f"distinct_{n}_adjusted", adjusted, "no n-gram"))
        lines.append(self._self_bleu(documents, counts))
        texts = [self.corpus.texts[d] for d, _ in sample] if sample else []
        lines.append(Figure("compression_ratio", diversity.compression_ratio(texts), short))
        return [*lines, *self._of_other_packages(documents, counts)]

    def _self_bleu(self, documents: np.ndarray, counts: np.ndarray) -> Figure:
        limit, size, note = self.settings.self_bleu_limit, int(counts.sum()), None
        if size > limit:
            rng = generator(self.seed, "fidelity_self_bleu")
            rows = np.repeat(documents, counts)[rng.choice(size, limit, replace=False)]
            documents, counts = np.unique(rows, return_counts=True)
            note, size = f"subsample {limit}", limit
        bleu = diversity.self_bleu(self.ngrams, documents, counts)
        value = None if bleu is None else float(bleu @ counts / size)
        return Figure("self_bleu_4", value, "one document", note=note, n=size)

    def _of_other_packages(self, documents: np.ndarray, counts: np.ndarray) -> list[Figure]:
        reference = self.corpus.splits["reference"]
        bleu, n = peers.texygen_self_bleu(self.ngrams, documents, counts)
        jaccard = float(counts @ self.jaccard[documents] / counts.sum())
        cosine, kl = peers.synthtexteval_tfidf(self.words, documents, counts, reference)
        empty = "two texts without a word have no Jaccard similarity"
        word = "infinite: a text has a word that some text of the reference fold lacks"
        first = f"subsample {n}, the first by id; own tokens" if n < counts.sum() else "own tokens"
        return [
            Figure("texygen_self_bleu_3", bleu, "one document", note=first, n=n),
            Figure("synthtexteval_jaccard", None if np.isnan(jaccard) else jaccard, empty, REFERENCE),
            Figure("synthtexteval_cosine", cosine, "", REFERENCE),
            Figure("synthtexteval_kl", kl if np.isfinite(kl) else None, word, REFERENCE),
        ]
