"""The rows of the speed table: a task, what is done here, and what a peer does on the same data.

A peer says how its result must agree with ours; a disagreement ends the run. `scale`: its measured part is this
many times smaller than the whole task.
"""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import loads
import numpy as np

from volfid.core import ndcg
from volfid.core.labels import jaccard
from volfid.fidelity import diversity, labels, mauve, memorisation, text

SCALE = 720_720
"""Least common multiple of 1..16: gains of up to 16 labels are whole numbers on it, for peers that take no others."""


@dataclass(frozen=True)
class Peer:
    """`run` gives what `agree(ours, theirs)` compares, in words, or raises AssertionError. `target`: ratio aimed at."""

    name: str
    run: Callable[[], Any]
    agree: Callable[[Any, Any], str]
    target: float | None
    scale: float = 1.0
    sample: str = "whole"
    feed: str = ""


@dataclass(frozen=True)
class Row:
    """One task; `ours` is timed beside every peer."""

    name: str
    task: str
    ours: Callable[[], Any]
    peers: tuple[Peer, ...]


def close(bound: float, part: Callable[[Any, Any], tuple[Any, Any]] = lambda a, b: (a, b)) -> Callable[[Any, Any], str]:
    """Agreement of two arrays within `bound`, said with the largest difference."""

    def agree(ours: Any, theirs: Any) -> str:
        left, right = (np.asarray(side, dtype=np.float64) for side in part(ours, theirs))
        worst = float(np.abs(left - right).max())
        assert worst <= bound, f"differ by {worst}, more than {bound}"
        return f"equal within {worst:.0e}" if worst else "equal"

    return agree


def ndcg_row() -> Row:
    """Given the ten documents that each query found; ours starts from the label sets, the peers from all gains."""
    queries, documents = loads.label_sets(2000, 3), loads.label_sets(20_000, 4)
    gains = jaccard(queries, documents)
    found = np.argsort(-(gains + np.random.default_rng(0).normal(size=gains.shape) * 0.4), axis=1)[:, :10]
    _, kind, counts = np.unique(np.packbits(documents, axis=1), axis=0, return_inverse=True, return_counts=True)
    first = np.unique(kind.ravel(), return_index=True)[1]

    def ours() -> np.ndarray:
        _, one, query = np.unique(np.packbits(queries, axis=1), axis=0, return_index=True, return_inverse=True)
        table = jaccard(queries[one], documents[first])
        ideal = ndcg.ideal_dcg(table, counts)[query.ravel()]
        own = table[query.ravel()[:, None], kind.ravel()[found]]
        begin = np.broadcast_to(np.arange(10), found.shape)
        return ndcg.ndcg(ndcg.dcg(own, begin, begin + 1), ideal)

    part = 200
    whole = np.rint(gains[:part] * SCALE).astype(np.int64)
    names = [f"d{j:05d}" for j in range(len(documents))]
    qrels = {f"q{i:04d}": {names[j]: int(whole[i, j]) for j in np.flatnonzero(whole[i]).tolist()} for i in range(part)}
    run = {f"q{i:04d}": {names[j]: 10.0 - r for r, j in enumerate(found[i].tolist())} for i in range(part)}
    del gains, whole

    def trec() -> list[float]:
        import pytrec_eval

        result = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10"}).evaluate(run)
        return [result[name]["ndcg_cut_10"] for name in qrels]

    def ranx() -> list[float]:
        from ranx import Qrels, Run, evaluate

        return list(evaluate(Qrels(qrels), Run(run), "ndcg@10", return_mean=False))

    first_part = close(1e-9, lambda a, b: (a[:part], b))
    said = "200 of 2,000 queries, x 10"
    feed = "dictionaries of whole-number gains not counted"
    return Row(
        "ndcg", "nDCG@10, gains are fractions, 2,000 queries x 20,000 documents", ours,
        (Peer("pytrec_eval", trec, first_part, 15, 10, said, feed), Peer("ranx", ranx, first_part, 30, 10, said, feed)),
    )  # fmt: skip


def label_mmd_row() -> Row:
    """Five bandwidths, each with its permutation p."""
    x, y = loads.label_sets(5000, 1), loads.label_sets(5000, 2)
    tables = [labels.kernel_table(64, [width]) for width in labels.TWO_SIGMA_SQUARED]

    def ours(a: np.ndarray = x, b: np.ndarray = y) -> tuple[list[float], list[float]]:
        left, right = labels.compress(a), labels.compress(b)
        rng = np.random.default_rng(0)
        args = labels.pack(a), np.ones(len(a), dtype=np.int64), np.arange(len(a)), right
        return [labels.mmd2_biased(left, right, t) for t in tables], labels.permutation_ps(*args, tables, 1000, rng)

    def matrix() -> tuple[float, float]:
        return matrix_form(np.concatenate([x, y]).astype(np.float64), 5000, 1 / labels.TWO_SIGMA_SQUARED[1])

    both = close_p(lambda a, b: ((a[0][1], a[1][1]), b), 1e-12)
    return Row(
        "label_mmd", "label MMD, 5,000 + 5,000 label sets of 64, 1,000 permutations, five bandwidths", ours,
        (Peer("matrix form (numpy)", matrix, both, 10, 5, "one of five bandwidths, x 5"),),
    )  # fmt: skip


def hyppo_row() -> Row:
    """hyppo's statistic is a rescaled HSIC: only its p can be compared."""
    x, y = loads.label_sets(500, 1), loads.label_sets(500, 2)
    y[:, 2] |= np.random.default_rng(3).random(500) < 0.02
    tables = [labels.kernel_table(64, [width]) for width in labels.TWO_SIGMA_SQUARED]

    def ours() -> list[float]:
        args = labels.pack(x), np.ones(len(x), dtype=np.int64), np.arange(len(x)), labels.compress(y)
        return labels.permutation_ps(*args, tables, 1000, np.random.default_rng(0))

    def hyppo() -> float:
        from hyppo.ksample import MMD

        test = MMD(compute_kernel="rbf", gamma=1 / labels.TWO_SIGMA_SQUARED[1])
        return float(test.test(x.astype(float), y.astype(float), reps=50, workers=1, auto=False, random_state=1)[1])

    def agree(ours_p: list[float], theirs: float) -> str:
        assert abs(ours_p[1] - theirs) < 4 * np.sqrt(0.25 / 50), (ours_p[1], theirs)
        return f"p {ours_p[1]:.3f} and, of 50, {theirs:.2f}; the statistics differ by definition"

    return Row(
        "label_mmd_hyppo", "label MMD test, 500 + 500 label sets of 64, 1,000 permutations, five bandwidths", ours,
        (Peer("hyppo", hyppo, agree, 100, 100, "50 permutations of one of five bandwidths, x 100"),),
    )  # fmt: skip


def matrix_form(z: np.ndarray, m: int, gamma: float, permutations: int = 1000) -> tuple[float, float]:
    """Biased squared MMD and p with the whole kernel matrix: one product for 100 permutations."""
    from sklearn.metrics.pairwise import rbf_kernel

    kernel, rng = rbf_kernel(z, gamma=gamma), np.random.default_rng(1)
    w = np.concatenate([np.full(m, 1 / m), np.full(len(z) - m, -1 / (len(z) - m))])
    observed, more = float(w @ kernel @ w), 0
    for _ in range(permutations // 100):
        drawn = rng.permuted(np.tile(w, (100, 1)), axis=1).T
        more += int(((drawn * (kernel @ drawn)).sum(0) >= observed - 1e-12).sum())
    return observed, (1 + more) / (permutations + 1)


def close_p(part: Callable[[Any, Any], tuple[Any, Any]], bound: float) -> Callable[[Any, Any], str]:
    """Statistics within `bound`; p of different permutations within four standard errors."""

    def agree(ours: Any, theirs: Any) -> str:
        (mine, p), (other, q) = part(ours, theirs)
        worst = abs(mine - other)
        assert worst <= bound, f"differ by {worst}, more than {bound}"
        error = np.sqrt(max(p, q) * (1 - min(p, q)) / 1000) + 1e-3
        assert abs(p - q) <= 6 * error, (p, q)
        return f"V equal within {worst:.0e}; p {p:.3f} and {q:.3f}"

    return agree


def text_mmd_row() -> Row:
    """One bandwidth on both sides."""
    x, y = loads.vectors(5000, 1), loads.vectors(5000, 2)
    sigma = text.median_distance(x, np.random.default_rng(0))
    assert sigma is not None

    def ours() -> tuple[float, float]:
        return text.permutation_p(
            x, np.ones(len(x)), np.arange(len(x)), y, sigma, 1000, np.random.default_rng(0)
        )  # fmt: skip

    def matrix() -> tuple[float, float]:
        return matrix_form(np.concatenate([x, y]).astype(np.float64), len(x), 1 / (2 * sigma**2))

    return Row(
        "text_mmd", "text MMD, 2 x 5,000 vectors of 384, 1,000 permutations", ours,
        (Peer("matrix form (numpy)", matrix, close_p(lambda a, b: (a, b), 1e-7), 3),),
    )  # fmt: skip


def distinct_row() -> Row:
    """From token lists."""
    import nltk

    documents = loads.texts(2000, 120, 1)

    def peer() -> list[tuple[int, int]]:
        found = []
        for n in range(1, 5):
            grams = [gram for words in documents for gram in nltk.ngrams(words, n)]
            found.append((len(set(grams)), len(grams)))
        return found

    return Row(
        "distinct", "distinct-1..4, 2,000 texts of 120 words", lambda: diversity.distinct_counts(documents),
        (Peer("nltk", peer, close(0), 3),),
    )  # fmt: skip


def self_bleu_row() -> Row:
    """From token lists, the index included."""
    from fast_bleu import SelfBLEU
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    documents = loads.texts(2000, 120, 1)

    def ours() -> np.ndarray:
        scores = diversity.self_bleu(diversity.index_ngrams(documents), np.arange(2000), np.ones(2000, dtype=np.int64))
        assert scores is not None
        return scores

    def nltk() -> float:
        references = documents[1:]
        return sentence_bleu(references, documents[0], smoothing_function=SmoothingFunction().method1)

    def fast() -> list[float]:
        return SelfBLEU(documents, {4: (0.25,) * 4}).get_score()[4]

    return Row(
        "self_bleu", "Self-BLEU-4, 2,000 texts of 120 words", ours,
        (Peer("fast-bleu", fast, close(1e-12), 5),
         Peer("nltk", nltk, close(1e-12, lambda a, b: (a[0], b)), None, 2000, "1 of 2,000 texts, x 2,000")),
    )  # fmt: skip


def run_row() -> Row:
    """Of each text against all others of the second set; the peer compares pairs."""
    left = [" ".join(words) for words in loads.texts(200, 120, 5)]
    right = [" ".join(words) for words in loads.texts(2000, 120, 6)]
    one = 10

    def peer() -> int:
        longest = 0
        a = left[0].split()
        for other in right[: 2000 // one]:
            b = other.split()
            match = difflib.SequenceMatcher(None, a, b, autojunk=False).find_longest_match()
            longest = max(longest, match.size)
        return longest

    def agree(_: Any, theirs: int) -> str:
        mine = int(memorisation.longest_runs(left[:1], right[: 2000 // one])[0])
        assert mine == theirs, (mine, theirs)
        return "equal"

    return Row(
        "longest_run", "longest common token run, 200 x 2,000 texts of 120 words",
        lambda: memorisation.longest_runs(left, right),
        (Peer("difflib", peer, agree, 30, 200 * one, "200 of 400,000 pairs, x 2,000"),),
    )  # fmt: skip


def mauve_pair() -> tuple[np.ndarray, np.ndarray, Callable[[], Any]]:
    """Vectors of two corpora, and what mauve-text makes of them."""
    p, q = loads.vectors(5000, 1), loads.vectors(5000, 2, 0.15)

    def peer() -> Any:
        from mauve import compute_mauve

        return compute_mauve(p_features=p, q_features=q, verbose=False)

    return p, q, peer


def mauve_row() -> Row:
    """The peer restarts k-means five times and keeps the best; here once, and a spread over seeds instead."""
    p, q, peer = mauve_pair()

    def agree(_: Any, theirs: Any) -> str:
        curve = mauve.of_histograms(np.asarray(theirs.p_hist), np.asarray(theirs.q_hist))
        assert abs(curve - theirs.mauve) < 1e-12, (curve, theirs.mauve)
        five = mauve.mauve(p, q)
        assert abs(five.mean - theirs.mauve) < 0.02, (five, theirs.mauve)
        return f"its histograms give its value within {abs(curve - theirs.mauve):.0e}; {theirs.mauve:.4f} there, " + (
            f"{five.mean:.4f} (sd {five.sd:.4f} over five seeds) here"
        )

    said = "five k-means restarts there, one here"
    return Row(
        "mauve", "MAUVE, vectors given, 2 x 5,000 x 384", lambda: mauve.mauve(p, q, seeds=[27]),
        (Peer("mauve-text", peer, agree, 3, 1.0, "whole", said),),
    )  # fmt: skip


def mauve_equal_row() -> Row:
    """Both with five restarts: nearly all of either is the same k-means."""
    p, q, peer = mauve_pair()

    def agree(ours: Any, theirs: Any) -> str:
        assert abs(ours.mean - theirs.mauve) < 0.01, (ours, theirs.mauve)
        return f"{ours.mean:.4f} here, {theirs.mauve:.4f} there"

    return Row(
        "mauve_equal", "the same, five k-means restarts on both sides", lambda: mauve.mauve(p, q, [27], restarts=5),
        (Peer("mauve-text", peer, agree, None, feed="limit: both spend their time in the same k-means"),),
    )  # fmt: skip


ROWS: dict[str, Callable[[], Row]] = {
    "ndcg": ndcg_row, "label_mmd": label_mmd_row, "label_mmd_hyppo": hyppo_row, "text_mmd": text_mmd_row,
    "distinct": distinct_row, "self_bleu": self_bleu_row, "longest_run": run_row, "mauve": mauve_row,
    "mauve_equal": mauve_equal_row,
}  # fmt: skip


def chosen(names: list[str]) -> Iterator[Row]:
    """The rows named, or all, each built when its turn comes."""
    for name in names or ROWS:
        yield ROWS[name]()
