"""Other packages' figures against what their code does, written here pair by pair."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from scipy.special import kl_div
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from volfid.fidelity import diversity, peers

VECTORS = json.loads((Path(__file__).parents[1] / "golden" / "metrics.json").read_text())
sentences = st.lists(st.sampled_from(["walking", "aid", "A", "wheel", "Wheel", "x"]), min_size=1, max_size=8)
texts = st.lists(sentences.map(" ".join), min_size=1, max_size=5)


def texygen(documents, order=3, **options):
    corpus = diversity.index_ngrams(documents)
    return peers.texygen_self_bleu(
        corpus, np.arange(len(documents)), np.ones(len(documents), dtype=int), order, **options
    )


@pytest.mark.parametrize("order", [2, 3, 4])
def test_texygen_meets_the_self_bleu_vectors_where_it_takes_all_documents(order):
    vector = VECTORS["self_bleu"]
    value, n = texygen([d.split() for d in vector["docs"]], order)
    assert n == 5 and value == pytest.approx(vector[f"self_bleu_{order}"]["mean"], abs=1e-14)


def test_texygen_takes_the_first_documents_only_copies_counted():
    rng = np.random.default_rng(0)
    documents = [[f"w{i}" for i in rng.integers(0, 6, 8)] for _ in range(9)]
    counts = np.array([1, 3, 1, 1, 1, 1, 1, 1, 1])
    first = [documents[0], *[documents[1]] * 3, documents[2], documents[3]]
    method = SmoothingFunction().method1
    expected = [sentence_bleu(first[:i] + first[i + 1 :], words, [1 / 3] * 3, method) for i, words in enumerate(first)]
    found = peers.texygen_self_bleu(diversity.index_ngrams(documents), np.arange(9), counts, first=6)
    assert found[1] == 6 and found[0] == pytest.approx(np.mean(expected), abs=1e-14)
    assert found[0] != pytest.approx(texygen(documents)[0], abs=1e-3)
    assert texygen(documents[:1]) == (None, 1)


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=7), min_size=2, max_size=5))
@settings(max_examples=50, deadline=None)
def test_texygens_other_branch_leaves_a_document_among_its_references(documents):
    method = SmoothingFunction().method1
    expected = np.mean([sentence_bleu(documents, words, [1 / 3] * 3, method) for words in documents])
    assert texygen(documents, first=None, itself=True)[0] == pytest.approx(expected, abs=1e-14)
    if all(len(words) >= 3 for words in documents):
        assert expected == pytest.approx(1)


def test_fid_is_the_mean_cosine_of_real_texts_to_the_synthetic_mean():
    rng = np.random.default_rng(1)
    x, reference, counts = rng.normal(size=(6, 4)), rng.normal(size=(9, 4)), rng.integers(1, 4, 6)
    mean = np.repeat(x, counts, axis=0).mean(axis=0, keepdims=True)
    expected = cosine_similarity(mean, reference).mean()
    assert peers.synthtexteval_fid(x, counts, reference) == pytest.approx(expected, abs=1e-12)
    assert peers.synthtexteval_fid(reference, np.ones(9), x) != pytest.approx(expected, abs=1e-3)


@given(texts, texts, st.data())
@settings(max_examples=60, deadline=None)
def test_jaccard_is_the_mean_over_all_pairs(left, right, data):
    counts = np.array([data.draw(st.integers(1, 3)) for _ in left])
    pairs = [
        len(set(a.split()) & set(b.split())) / len(set(a.split()) | set(b.split()))
        for a, c in zip(left, counts, strict=True)
        for b in right
        for _ in range(c)
    ]
    words = peers.Words.of([*left, *right])
    found = peers.synthtexteval_jaccard(words, np.arange(len(left), len(left) + len(right)), block=2)[: len(left)]
    assert counts @ found / counts.sum() == pytest.approx(np.mean(pairs), abs=1e-12)


@given(texts, texts, st.data())
@settings(max_examples=60, deadline=None)
def test_cosine_and_kl_are_the_means_over_all_pairs_of_tfidf_rows(left, right, data):
    counts = np.array([data.draw(st.integers(1, 3)) for _ in left])
    repeated = [text for text, c in zip(left, counts, strict=True) for _ in range(c)]
    vectorizer = TfidfVectorizer()
    try:
        a = vectorizer.fit_transform(repeated).toarray()
    except ValueError:  # no word of two letters anywhere
        return
    b = vectorizer.transform(right).toarray()
    words = peers.Words.of([*left, *right])
    reference = np.arange(len(left), len(left) + len(right))
    cosine, kl = peers.synthtexteval_tfidf(words, np.arange(len(left)), counts, reference)
    assert cosine == pytest.approx(cosine_similarity(a, b).mean(), abs=1e-12)
    assert kl == pytest.approx(np.mean([[kl_div(p, q).sum() for q in b] for p in a]), abs=1e-12)


def test_kl_is_finite_only_when_every_real_text_has_every_synthetic_word():
    words = peers.Words.of(["aid wheel", "wheel aid aid", "aid wheel frame", "wheel frame"])
    ones = np.ones(2)
    assert np.isfinite(peers.synthtexteval_tfidf(words, np.array([0, 1]), ones, np.array([1, 2]))[1])
    assert peers.synthtexteval_tfidf(words, np.array([0, 1]), ones, np.array([2, 3]))[1] == np.inf


def test_a_text_without_words_has_no_jaccard_with_another_such_text():
    words = peers.Words.of(["", "", "aid"])
    found = peers.synthtexteval_jaccard(words, np.array([1]))
    assert np.isnan(found[0]) and found[2] == 0
