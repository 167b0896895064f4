"""Deterministic loads: long-tailed label sets, Zipf texts with shared phrases, clustered vectors."""

import numpy as np


def label_sets(documents: int, seed: int, labels: int = 64) -> np.ndarray:
    """Binary matrix (documents, labels), about 1.9 labels a document, at least one; frequency falls with rank^0.75."""
    rng = np.random.default_rng(seed)
    share = 0.22 / np.arange(1, labels + 1) ** 0.75
    matrix = (rng.random((documents, labels)) < share).astype(np.uint8)
    empty = np.flatnonzero(matrix.sum(1) == 0)
    matrix[empty, rng.choice(labels, len(empty), p=share / share.sum())] = 1
    return matrix


def texts(documents: int, words: int, seed: int, vocabulary: int = 8000, phrases: int = 400) -> list[list[str]]:
    """Tokenised texts of `words` Zipf words; a third of each is phrases of 5 to 12 words that others use, too."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, vocabulary + 1)
    share /= share.sum()
    names = np.array([f"w{i}" for i in range(vocabulary)])
    fixed = [names[rng.choice(vocabulary, int(rng.integers(5, 13)), p=share)].tolist() for _ in range(phrases)]
    made = []
    for _ in range(documents):
        text: list[str] = []
        while len(text) < words:
            free = names[rng.choice(vocabulary, 14, p=share)].tolist()
            text += [*fixed[int(rng.integers(phrases))], *free]
        made.append(text[:words])
    return made


def vectors(documents: int, seed: int, shift: float = 0.0, dimensions: int = 384, kinds: int = 60) -> np.ndarray:
    """Unit rows (float32) around `kinds` centres that every seed shares; `shift` moves all of them.

    The spread falls with the dimension, as that of text embeddings does.
    """
    centres = np.random.default_rng(0).normal(size=(kinds, dimensions))
    rng = np.random.default_rng(seed + 1)
    weights = rng.dirichlet(np.full(kinds, 2.0))
    x = centres[rng.choice(kinds, documents, p=weights)] + rng.normal(size=(documents, dimensions)) * 0.9
    x *= (1 + np.arange(dimensions) / 40) ** -0.7
    x[:, :8] += shift
    return np.ascontiguousarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)
