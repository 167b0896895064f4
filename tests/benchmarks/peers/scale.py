"""Time and peak memory of the metrics at 100,000 documents, each in its own process, for docs/performance.md.

usage: .venv/bin/python tests/benchmarks/peers/scale.py [NAME ...]; without a name every metric, and the page too.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import loads
import numpy as np

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT / "bin")]

from volfid.fidelity import diversity, labels, manifold, text  # noqa: E402

PAGE = ROOT / "docs/performance.md"
HEADING = "## A hundred thousand documents"
DOCUMENTS, FOLD = 100_000, 2_000
LIMIT_MB = 4_096
HEAD = f"""{HEADING}

Written by `tests/benchmarks/peers/scale.py`: {DOCUMENTS:,} documents against a fold of {FOLD:,}, vectors of 384
dimensions, texts of 120 words, 64 labels. CPU seconds on one thread, inputs not counted; peak memory (VmHWM) of a
process that does nothing else, inputs counted. The machine was shared.

| metric | CPU s | peak MB |
|---|---|---|
"""
FOOT = """
What needs all pairs at once is sampled above a limit, and the figure says so (`subsample n`): MAUVE and the
permutation test of the text MMD above `sample_limit` documents a side, Self-BLEU above `self_bleu_limit`; Texygen's own
figure takes 500 documents by definition. The Vendi score is that of the vectors, from a matrix of dimensions by
dimensions.
"""


def label_mmd() -> Callable[[], object]:
    """Five bandwidths in one kernel; both estimators."""
    x, y = loads.label_sets(DOCUMENTS, 1), loads.label_sets(FOLD, 2)
    table = labels.kernel_table(64)

    def work() -> object:
        left, right = labels.compress(x), labels.compress(y)
        return labels.mmd2_unbiased(left, right, table), labels.mmd2_biased(left, right, table)

    return work


def text_mmd() -> Callable[[], object]:
    """The U statistic."""
    x, y = loads.vectors(DOCUMENTS, 1), loads.vectors(FOLD, 2)

    def work() -> object:
        ones, fold = np.ones((DOCUMENTS, 1)), np.ones((FOLD, 1))
        within, other = (float(text.kernel_sums(a, w, 1.0)[0, 0]) for a, w in ((x, ones), (y, fold)))
        return text.mmd2_unbiased(within, len(x), other, len(y), float(text.cross_sums(x, ones, y, 1.0)[0]))

    return work


def manifold_figures() -> Callable[[], object]:
    """Radii of all documents, then the four figures."""
    x, y = loads.vectors(DOCUMENTS, 1), loads.vectors(FOLD, 2)

    def work() -> object:
        radii = manifold.squared_radii(y)
        assert radii is not None
        return manifold.compare(y, radii, x, np.ones(len(x), dtype=np.int64), manifold.squared_radii(x))

    return work


def frechet() -> Callable[[], object]:
    """Moments of both sides and the distance."""
    x, y = loads.vectors(DOCUMENTS, 1), loads.vectors(FOLD, 2)
    return lambda: text.frechet(text.Gaussian.of(x), text.Gaussian.of(y))


def vendi() -> Callable[[], object]:
    """Of vectors."""
    x = loads.vectors(DOCUMENTS, 1)
    return lambda: text.vendi(x)


def nearest_cosine() -> Callable[[], object]:
    """Of all documents with the fold."""
    x, y = loads.vectors(DOCUMENTS, 1), loads.vectors(FOLD, 2)
    return lambda: text.nearest_cosine(x, np.ones(len(x)), y)


def distinct() -> Callable[[], object]:
    """distinct-1..4 of token lists."""
    documents = loads.texts(DOCUMENTS, 120, 1)
    return lambda: diversity.distinct_counts(documents)


def self_bleu() -> Callable[[], object]:
    """The index of all texts, and Self-BLEU-4 of as many as its limit allows."""
    from volfid.fidelity.settings import Settings

    documents, taken = loads.texts(DOCUMENTS, 120, 1), Settings().self_bleu_limit

    def work() -> object:
        return diversity.self_bleu(diversity.index_ngrams(documents), np.arange(taken), np.ones(taken, dtype=np.int64))

    return work


METRICS: dict[str, tuple[str, Callable[[], Callable[[], object]]]] = {
    "label_mmd": ("label MMD, biased and unbiased", label_mmd),
    "text_mmd": ("text MMD, unbiased", text_mmd),
    "manifold": ("precision, recall, density, coverage (k = 5)", manifold_figures),
    "frechet": ("Frechet distance", frechet),
    "vendi": ("Vendi score", vendi),
    "nearest_cosine": ("nearest cosine", nearest_cosine),
    "distinct": ("distinct-1..4", distinct),
    "self_bleu": ("index of n-grams, Self-BLEU-4 of a subsample of 20,000", self_bleu),
}


def peak_mb() -> float:
    """VmHWM of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return float(next(one.split()[1] for one in lines if one.startswith("VmHWM"))) / 1024


def one(name: str) -> None:
    """Measure one metric here and print its line; fails above 4 GB."""
    label, prepare = METRICS[name]
    work = prepare()
    start = time.process_time()
    work()
    taken, peak = time.process_time() - start, peak_mb()
    print(f"| {label} | {taken:,.1f} | {peak:,.0f} |", flush=True)
    if peak > LIMIT_MB:
        sys.exit(f"scale: {name} took {peak:,.0f} MB, more than {LIMIT_MB:,}")


def main() -> None:
    """Every metric in a process of its own; the page gets the section when all were measured."""
    if len(sys.argv) == 3 and sys.argv[1] == "--one":
        return one(sys.argv[2])
    names = sys.argv[1:] or list(METRICS)
    unknown = sorted(set(names) - set(METRICS))
    if unknown:
        sys.exit(f"scale: no metric {unknown[0]}; metrics are {' '.join(METRICS)}")
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    lines = ""
    for name in names:
        done = subprocess.run(
            [sys.executable, __file__, "--one", name], env=os.environ | threads, stdout=subprocess.PIPE, text=True,
            check=True,
        )  # fmt: skip
        print(done.stdout, end="", flush=True)
        lines += done.stdout
    if names == list(METRICS):
        before = PAGE.read_text(encoding="utf-8").partition(HEADING)[0].rstrip()
        PAGE.write_text(f"{before}\n\n{HEAD}{lines}{FOOT}", encoding="utf-8")


if __name__ == "__main__":
    main()
