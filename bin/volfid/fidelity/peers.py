"""Figures under the names of other packages, computed as their code does, not as their names say.

`texygen_`: Texygen (Zhu et al. 2018, commit 3104e22). `synthtexteval_`: SynthTextEval 1.1.1. Ours stand beside them;
these are for comparison with numbers that others have published. Two things differ and are said in every note: the
encoder is the one of the run, and Texygen's tokeniser is replaced by ours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy.sparse import csr_matrix, diags

from volfid.fidelity import diversity

TEXYGEN_FIRST = 500
"""Texygen scores the first lines of its file; the shuffle in front of that is commented out."""
TEXYGEN_ORDER = 3
_WORD = re.compile(r"\b\w\w+\b")


def texygen_self_bleu(
    corpus: diversity.NgramCorpus, documents: np.ndarray, counts: np.ndarray, order: int = TEXYGEN_ORDER,
    first: int | None = TEXYGEN_FIRST, itself: bool = False,
) -> tuple[float | None, int]:  # fmt: skip
    """Mean BLEU-N of the first documents against the others of these, and how many they are.

    `documents`, `counts`: as in diversity.self_bleu, in the order of the file. None as `first`: all of them. `itself`:
    as in the branch `get_bleu`, which leaves a document among its own references, so that any of at least N tokens
    scores 1. None with fewer than two documents.
    """
    rows = np.repeat(np.asarray(documents), np.asarray(counts))[:first]
    unique, times = np.unique(rows, return_counts=True)
    if len(rows) < 2:
        return None, len(rows)
    # one more copy is what a document among its own references amounts to
    scores = diversity.self_bleu(corpus, unique, times + itself, order)
    assert scores is not None
    return float(scores @ times / len(rows)), len(rows)


def synthtexteval_fid(x: np.ndarray, counts: np.ndarray, reference: np.ndarray) -> float:
    """Mean cosine of the rows of `reference` to the mean of the rows of `x`: no covariance, and higher is closer.

    The package calls it Frechet distance. Its call swaps the arguments, so the mean is that of the synthetic texts.
    """
    mean = np.asarray(counts, dtype=np.float64) @ x.astype(np.float64)
    lengths = np.linalg.norm(reference.astype(np.float64), axis=1) * np.linalg.norm(mean)
    return float((reference @ mean / np.maximum(lengths, 1e-300)).mean())


@dataclass(frozen=True)
class Words:
    """Counts of words by document (documents, words), as the package's two views of a text take them.

    `plain`: 0 or 1 for every string between blanks. `terms`: how often each lower-case word of two letters or more
    occurs, which is what its TF-IDF counts.
    """

    plain: csr_matrix
    terms: csr_matrix

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Words":
        """Index texts once; every figure below takes rows of it."""
        plain = _counted([text.split() for text in texts])
        plain.data[:] = 1
        return cls(plain, _counted([_WORD.findall(text.lower()) for text in texts]))


def synthtexteval_jaccard(words: Words, reference: np.ndarray, block: int = 1024) -> np.ndarray:
    """For every document its mean Jaccard similarity with the documents `reference`, shape (documents,).

    The package's figure is the mean over all pairs: these values weighted by counts. NaN for a text without words
    where the package would divide by zero.
    """
    sizes = np.diff(words.plain.indptr)
    other = words.plain[reference].T.tocsc()
    total = np.zeros(len(sizes))
    for start in range(0, len(sizes), block):
        rows = slice(start, start + block)
        shared = (words.plain[rows] @ other).toarray()
        union = sizes[rows, None] + sizes[None, reference] - shared
        with np.errstate(invalid="ignore"):
            total[rows] = np.divide(shared, union).mean(axis=1)
    return total


def synthtexteval_tfidf(
    words: Words, documents: np.ndarray, counts: np.ndarray, reference: np.ndarray
) -> tuple[float, float]:
    """Mean over all pairs of the cosine, and of the "KL divergence", of TF-IDF rows, weights fitted on `documents`.

    The rows are no distributions (their lengths are 1, not their sums), and the second figure is infinite as soon as
    one of `documents` has a word that one of `reference` lacks. Both are closed forms: no pair is visited.
    """
    counts = np.asarray(counts, dtype=np.float64)
    ours = words.terms[documents]
    frequency = counts @ (ours > 0)
    known = np.flatnonzero(frequency)
    inverse = np.log((1 + counts.sum()) / (1 + frequency[known])) + 1
    x, y = (_unit(part[:, known] @ diags(inverse)) for part in (ours, words.terms[reference]))
    weight = counts / counts.sum()
    mean_x, mean_y = weight @ x, np.asarray(y.mean(axis=0)).ravel()
    if (np.diff(y.tocsc().indptr) < y.shape[0]).any():  # every word of x is known, so some x has it
        return float(mean_x @ mean_y), float("inf")
    own = x.copy()
    own.data = own.data * np.log(own.data)
    logs = np.log(y.toarray()).mean(axis=0)
    return float(mean_x @ mean_y), float((weight @ own - mean_x * logs - mean_x + mean_y).sum())


def _unit(rows: csr_matrix) -> csr_matrix:
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return (diags(1 / np.where(lengths > 0, lengths, 1.0)) @ rows).tocsr()


def _counted(documents: Sequence[Sequence[str]]) -> csr_matrix:
    number: dict[str, int] = {}
    columns = np.fromiter(
        (number.setdefault(word, len(number)) for word in chain.from_iterable(documents)), dtype=np.int64
    )
    starts = np.concatenate([[0], np.cumsum([len(words) for words in documents], dtype=np.int64)])
    counts = csr_matrix((np.ones(len(columns)), columns, starts), shape=(len(documents), max(1, len(number))))
    counts.sum_duplicates()
    return counts
