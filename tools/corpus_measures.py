"""What a small multi-label text corpus is like: length, wording, neighbours, and how hard it is to learn.

Used on the demo corpus by its tests, and on real patents by tools/demo_corpus_bounds.py, which derives from them
how hard the demo corpus may be. Texts are lists of n strings, labels an (n, L) boolean array.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

PENALTY = 10.0
SMALL_WORDS = frozenset(["a", "an", "and", "for", "in", "of", "or", "the", "to", "with"])
WORD = re.compile(r"[a-z0-9]+")


def words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def stem(word: str) -> str:
    """A rough stem: enough to see a label's name through its endings."""
    for ending in ("ing", "es", "s", "ed", "al"):
        if word.endswith(ending) and len(word) - len(ending) > 3:
            return word[: -len(ending)]
    return word


def grams(text: str, n: int) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}


def shared_grams(texts: Sequence[str], n: int = 5) -> np.ndarray:
    """(n,) share of each text's word n-grams that another text has, too."""
    each = [grams(text, n) for text in texts]
    seen = Counter(gram for found in each for gram in found)
    return np.array([np.mean([seen[gram] > 1 for gram in found]) if found else 0.0 for found in each])


def nearest(texts: Sequence[str], side: np.ndarray | None = None) -> np.ndarray:
    """(n,) TF-IDF cosine of each text with its nearest other; with `side`, with the nearest of another side."""
    vectors = _vectorizer().fit_transform(texts)
    cosine = (vectors @ vectors.T).toarray()
    np.fill_diagonal(cosine, 0)
    if side is not None:
        cosine[side[:, None] == side[None, :]] = 0
    return cosine.max(axis=1)


def name_hits(texts: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """(n, L) whether a text holds all content words of a label's name, in any order and near any ending."""
    content = [{stem(word) for word in words(name)} - SMALL_WORDS for name in names]
    found = [{stem(word) for word in words(text)} for text in texts]
    return np.array([[needed <= stems for needed in content] for stems in found])


def without_names(texts: Sequence[str], names: Sequence[str]) -> list[str]:
    """The texts without any content word of any label's name."""
    gone = {stem(word) for name in names for word in words(name)} - SMALL_WORDS
    return [" ".join(word for word in words(text) if stem(word) not in gone) for text in texts]


def micro_f1(predicted: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (predicted & truth).sum() / (predicted.sum() + truth.sum()))


def best_constant(train: np.ndarray, test: np.ndarray) -> float:
    """Micro-F1 of predicting the k commonest training labels for every document, at the best k on test."""
    order = np.argsort(-train.sum(axis=0), kind="stable")
    scores = []
    for k in range(1, train.shape[1] + 1):
        predicted = np.zeros_like(test)
        predicted[:, order[:k]] = True
        scores.append(micro_f1(predicted, test))
    return max(scores)


def keyword_rule(texts: Sequence[str], train: np.ndarray, test_texts: Sequence[str], test: np.ndarray) -> float:
    """Micro-F1 on test of one word a label, the best on train."""
    vectorizer = CountVectorizer(binary=True, stop_words="english")
    there = vectorizer.fit_transform(texts).astype(np.int64)
    both = (there.T @ train.astype(np.int64)).astype(float)  # (words, labels)
    f1 = 2 * both / (np.asarray(there.sum(axis=0)).T + train.sum(axis=0))
    found = vectorizer.transform(test_texts)[:, f1.argmax(axis=0)].toarray() > 0
    return micro_f1(found, test)


def learnt(texts: Sequence[str], train: np.ndarray, test_texts: Sequence[str], test: np.ndarray) -> dict[str, float]:
    """Micro-F1 of TF-IDF with one logistic regression a label: at a threshold tuned on the training documents
    by three folds (`tuned`), and at 0.5 (`fixed`)."""
    threshold = _threshold(texts, train)
    scores = _scores(texts, train, test_texts)
    return {"tuned": micro_f1(scores >= threshold, test), "fixed": micro_f1(scores >= 0.5, test)}


def _vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english", max_features=60_000)


def _scores(texts: Sequence[str], train: np.ndarray, others: Sequence[str]) -> np.ndarray:
    vectorizer = _vectorizer()
    vectors, target = vectorizer.fit_transform(texts), vectorizer.transform(others)
    scores = np.zeros((len(others), train.shape[1]))
    for label in range(train.shape[1]):
        if 0 < train[:, label].sum() < len(train):
            model = LogisticRegression(C=PENALTY, solver="liblinear").fit(vectors, train[:, label])
            scores[:, label] = model.predict_proba(target)[:, 1]
        else:
            scores[:, label] = train[0, label]
    return scores


def _threshold(texts: Sequence[str], train: np.ndarray) -> float:
    out = np.zeros(train.shape)
    for rest, held in KFold(3, shuffle=True, random_state=0).split(out):
        out[held] = _scores([texts[i] for i in rest], train[rest], [texts[i] for i in held])
    grid = np.linspace(0.02, 0.6, 59)
    return float(grid[np.argmax([micro_f1(out >= cut, train) for cut in grid])])
