"""Self-BLEU and MMD against the peers a user would pick, on one core, in the same run.

Bounds are far below what is measured (printed with -s), so that a busy machine does not fail them.
"""

import time

import numpy as np
import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from sklearn.metrics.pairwise import rbf_kernel

from volfid.fidelity import diversity, labels

pytestmark = pytest.mark.benchmark


def seconds(work, repeats=1):
    """Least CPU seconds of some runs, and the last result."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        taken.append(time.process_time() - start)
    return min(taken), result


def documents(number, words, rng):
    vocabulary = [f"w{i}" for i in range(3000)]
    share = 1 / np.arange(1, 3001)
    return [[vocabulary[i] for i in rng.choice(3000, words, p=share / share.sum())] for _ in range(number)]


def test_self_bleu_is_many_times_faster_than_nltk():
    rng = np.random.default_rng(0)
    corpus = documents(120, 60, rng)
    method = SmoothingFunction().method1
    hypotheses = range(20)

    def nltk():
        others = ([d for j, d in enumerate(corpus) if j != i] for i in hypotheses)
        return [
            sentence_bleu(refs, corpus[i], smoothing_function=method)
            for i, refs in zip(hypotheses, others, strict=True)
        ]

    def ours():
        return diversity.self_bleu(diversity.index_ngrams(corpus), np.arange(120), np.ones(120, dtype=int))

    peer, expected = seconds(nltk)
    mine, found = seconds(ours, 3)
    assert found[:20] == pytest.approx(expected, abs=1e-13)
    ratio = peer * 120 / 20 / mine
    print(f"\nSelf-BLEU-4, 120 x 60 tokens: nltk {peer * 6:.2f} s (from 20 of 120), here {mine:.4f} s, x{ratio:.0f}")
    assert ratio > 20


def test_self_bleu_of_two_thousand_documents_takes_seconds():
    corpus = documents(2000, 120, np.random.default_rng(1))
    index_s, index = seconds(lambda: diversity.index_ngrams(corpus))
    score_s, _ = seconds(lambda: diversity.self_bleu(index, np.arange(2000), np.ones(2000, dtype=int)), 3)
    print(f"\nSelf-BLEU-4, 2,000 x 120 tokens: index {index_s:.2f} s once, then {score_s:.3f} s a set")
    assert index_s + score_s < 10


def test_label_mmd_with_all_bandwidths_is_faster_than_dense_kernels():
    rng = np.random.default_rng(2)
    share = 0.4 / np.arange(1, 65) ** 0.8
    x, y = ((rng.random((3000, 64)) < share).astype(np.uint8) for _ in range(2))

    def sklearn():
        a, b, total = x.astype(float), y.astype(float), 0.0
        for left, right, sign in ((a, a, 1), (b, b, 1), (a, b, -2)):
            total += sign * np.mean([rbf_kernel(left, right, gamma=1 / w).mean() for w in labels.TWO_SIGMA_SQUARED])
        return total

    def ours():
        return labels.mmd2_biased(labels.compress(x), labels.compress(y), labels.kernel_table(64))

    peer, expected = seconds(sklearn)
    mine, found = seconds(ours, 3)
    assert found == pytest.approx(expected, abs=1e-12)
    print(f"\nlabel MMD, 3,000 x 3,000 x 64, 5 bandwidths: sklearn {peer:.2f} s, here {mine:.3f} s, x{peer / mine:.1f}")
    assert peer / mine > 2
