"""Encoders and the embedding store: batches are invisible, fits see the train split only."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from embed_corpus import embed_corpus

from volfid.core.exits import ConfigError, DataError, InputMissingError, RetryError
from volfid.core.files import sha256_text
from volfid.core.schemas import CONTRACTS
from volfid.core.vectors import read_vectors
from volfid.embeddings.encoders import make_encoder
from volfid.embeddings.store import embed_rows

ROOT = Path(__file__).parents[2]
TFIDF = {"name": "tfidf_svd", "source": None, "revision": None, "dimensions": 128, "normalise": True, "pooling": "none"}
TINY = {"name": "tiny", "source": {"kind": "folder"}, "revision": "r1", "dimensions": 16, "max_tokens": 12,
        "normalise": True, "pooling": "mean"}  # fmt: skip
WORDS = [f"{a}{b}" for a in ("pump", "valve", "laser", "robot", "fibre") for b in ("s", "ed", "ing", "er")]


def texts(count: int, seed: int = 0, longest: int = 30) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=rng.integers(3, longest))) for _ in range(count)]


def rows(listed: list[str]) -> list[dict]:
    return [{"doc_id": f"d{i:03d}", "text": text, "text_sha": sha256_text(text)} for i, text in enumerate(listed)]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory) -> Path:
    """A BERT of two layers with random weights and a word-level vocabulary."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("models")
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]) + "\n")
    torch.manual_seed(0)
    config = BertConfig(vocab_size=25, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    BertModel(config).save_pretrained(folder / "tiny")
    BertTokenizerFast(str(vocabulary)).save_pretrained(folder / "tiny")
    (folder / "tiny" / "model.json").write_text(json.dumps({"name": "tiny", "revision": "r1"}))
    return folder


def tiny(model_dir: Path, batch: int = 4, **entry):
    return make_encoder(TINY | entry, model_dir, threads=1, batch=batch, corpus=[], master_seed=1)


def tfidf(corpus: list[str], seed: int = 1, **entry):
    return make_encoder(TFIDF | entry, None, threads=1, batch=8, corpus=corpus, master_seed=seed)


def test_an_embedding_does_not_depend_on_batch_mates(model_dir):
    listed = texts(23)
    alone = np.concatenate([tiny(model_dir)([text]) for text in listed])
    for batch in (1, 5, 23):
        together = tiny(model_dir, batch=batch)(listed)
        assert np.abs(together - alone).max() <= 1e-5
    assert np.abs(tfidf(listed)(listed) - np.concatenate([tfidf(listed)([text]) for text in listed])).max() == 0


def test_mean_pooling_is_the_mean_over_all_tokens_then_normalised(model_dir):
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = (kind.from_pretrained(model_dir / "tiny") for kind in (AutoTokenizer, AutoModel))
    listed = texts(6, longest=8)
    for text, vector in zip(listed, tiny(model_dir)(listed), strict=True):
        with torch.no_grad():
            hidden = model.eval()(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].double().numpy()
        expected = hidden.mean(0) / np.linalg.norm(hidden.mean(0))
        assert np.abs(vector - expected).max() <= 1e-6
        first = tiny(model_dir, pooling="cls", normalise=False)([text])[0]
        assert np.abs(first - hidden[0]).max() <= 1e-5


def test_a_text_is_cut_after_max_tokens_with_the_two_special_ones(model_dir):
    text = " ".join(WORDS)
    vectors = tiny(model_dir)([text, " ".join(WORDS[:10]), " ".join(WORDS[:9])])
    assert np.abs(vectors[0] - vectors[1]).max() <= 1e-6
    assert np.abs(vectors[0] - vectors[2]).max() > 1e-3


def test_a_model_that_is_not_the_planned_one_is_refused(model_dir):
    with pytest.raises(ConfigError, match="planned is tiny at r2"):
        tiny(model_dir, revision="r2")
    with pytest.raises(ConfigError, match="16 dimensions"):
        tiny(model_dir, dimensions=8)
    with pytest.raises(ConfigError, match="pooling 'middle'"):
        tiny(model_dir, pooling="middle")
    with pytest.raises(InputMissingError, match="no fetched model"):
        tiny(model_dir / "tiny" / "..", name="absent")
    with pytest.raises(InputMissingError, match="--model-dir"):
        make_encoder(TINY, None, 1, 1, [], 1)
    with pytest.raises(ConfigError, match="no source"):
        make_encoder(TFIDF | {"name": "other"}, None, 1, 1, [], 1)


def test_the_model_folder_itself_may_be_given(model_dir):
    listed = texts(3)
    assert np.array_equal(tiny(model_dir)(listed), tiny(model_dir / "tiny")(listed))


def test_each_text_is_encoded_once_and_every_id_has_its_row():
    calls = []

    def encode(unique):
        calls.append(list(unique))
        return np.array([[len(text), 1] for text in unique], dtype=np.float32)

    embedded = embed_rows(rows(["aa", "b", "aa"]) + rows(["aa"]), encode)
    assert embedded.ids == ["d000", "d001", "d002"]
    assert embedded.vectors[:, 0].tolist() == [2, 1, 2]
    assert [sorted(call) for call in calls] == [["aa", "b"]]
    assert embedded.counts == {"documents": 3, "texts": 2, "zero_vectors": 0}


def test_the_order_of_rows_changes_no_bit(model_dir):
    listed = rows(texts(17))
    for encode in (tiny(model_dir), tfidf(texts(17))):
        one, other = embed_rows(listed, encode), embed_rows(listed[::-1], encode)
        assert one.ids == other.ids and np.array_equal(one.vectors, other.vectors)


def test_a_vector_that_is_not_finite_names_its_row_and_a_zero_one_is_counted():
    listed = rows(["aa", "b", "ccc"])

    def encode(unique):
        return np.array([[0.0 if text == "b" else 1.0] for text in unique], dtype=np.float32)

    assert embed_rows(listed, encode).counts["zero_vectors"] == 1
    with pytest.raises(DataError, match=r"row 2 \('d001'\)"):
        embed_rows(listed, lambda unique: np.where(encode(unique) == 0, np.nan, 1))


def test_one_id_with_two_texts_is_refused():
    with pytest.raises(DataError, match="twice with different texts"):
        embed_rows(rows(["a"]) + rows(["b"]), lambda unique: np.ones((len(unique), 1)))


def test_tfidf_has_at_most_one_dimension_less_than_documents_and_unit_rows():
    corpus = texts(12)
    vectors = tfidf(corpus)(corpus)
    assert vectors.shape == (12, 11) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert tfidf(corpus, dimensions=3)(corpus).shape == (12, 3)


def test_tfidf_equals_the_projection_on_exact_singular_vectors():
    from sklearn.feature_extraction.text import TfidfVectorizer

    corpus, new = texts(40, longest=12), texts(5, seed=1)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english").fit(corpus)
    _, _, right = np.linalg.svd(vectorizer.transform(corpus).toarray())
    expected = vectorizer.transform(new).toarray() @ right[:3].T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = tfidf(corpus, dimensions=3)(new)
    assert np.abs(np.abs(found) - np.abs(expected)).max() < 1e-6
    assert np.abs(found @ found.T - expected @ expected.T).max() < 1e-6


def test_tfidf_vectors_and_their_signs_do_not_depend_on_the_seed():
    corpus = texts(40, longest=12)
    one, other = (tfidf(corpus, seed=seed, dimensions=3)(corpus) for seed in (1, 2))
    assert np.abs(one - other).max() < 1e-6


def test_dimensions_without_variance_are_left_out():
    corpus = texts(6)
    assert tfidf([*corpus, *corpus[:4]])(corpus).shape == (6, 6)


def test_a_text_without_a_known_word_has_the_zero_vector():
    corpus = texts(10)
    assert not tfidf(corpus)(["unheard of"]).any()


def test_a_corpus_that_cannot_be_fitted_is_bad_data():
    for corpus in ([], ["the and of", "is it"], ["pumping laser"]):
        with pytest.raises(DataError):
            tfidf(corpus)


def write_inputs(folder: Path, entry: dict, last: str = "") -> dict[str, Path]:
    """Job, documents and synthetic files; the options that name the first two."""
    listed = texts(14)
    listed[-1] += last
    same = {"labels": ["A"], "group": "g"}
    documents = [row | same | {"split": "train" if i < 10 else "test"} for i, row in enumerate(rows(listed))]
    pool = [
        row | {"doc_id": f"syn-{i}", "pool_id": "p", "position": i, "labels": ["A"], "regime": 1, "draw": 0,
               "generator": "g", "method": "m", "label_plan": "p", "request_id": str(i), "source_doc_ids": [],
               "parent_doc_id": None, "kept": i != 1, "drop_reason": None if i != 1 else "duplicate"}
        for i, row in enumerate(rows(texts(3, seed=5)))
    ]  # fmt: skip
    job = {
        "job_id": "embeddings__x__real", "stage": "embeddings", "label": "cpu_small", "model": "m", "code": "c",
        "master_seed": 1, "settings": {"encoder": entry, "threads": 1, "batch": 4}, "items": [],
    }  # fmt: skip
    CONTRACTS["documents"].write(folder, documents)
    CONTRACTS["synthetic"].write(folder, pool)
    CONTRACTS["job"].write(folder, job)
    return {"job": folder / "job.json", "documents": folder / "documents.jsonl"}


def test_the_command_embeds_documents_and_kept_synthetic_ones_into_one_space(tmp_path):
    inputs = write_inputs(tmp_path, TFIDF)
    synthetic = tmp_path / "synthetic.jsonl"
    for name, path in (("real", None), ("pool", synthetic), ("again", synthetic)):
        embed_corpus(**inputs, synthetic=path, out_dir=tmp_path / name)
    place, vectors = read_vectors([tmp_path / "real", tmp_path / "pool"])
    assert list(place)[-2:] == ["syn-0", "syn-2"] and vectors.shape == (16, 9)
    assert (tmp_path / "pool" / "embeddings.npy").read_bytes() == (tmp_path / "again" / "embeddings.npy").read_bytes()
    manifest = CONTRACTS["manifest"].read_object(tmp_path / "pool")
    assert manifest["counts"]["documents"] == 2 and manifest["counts"]["zero_vectors"] == 0


def test_too_little_memory_of_a_card_asks_for_a_try_with_fewer_texts(tmp_path, model_dir, monkeypatch):
    import torch

    largest = []

    def short(hidden, mask):
        largest.append(len(hidden))
        if len(hidden) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return hidden[:, 0]

    inputs = write_inputs(tmp_path, TINY)
    monkeypatch.setattr("volfid.embeddings.encoders.pooling_of", lambda entry: short)
    with pytest.raises(RetryError, match="does not hold 4 texts at once") as raised:
        embed_corpus(**inputs, model_dir=model_dir, out_dir=tmp_path / "first")
    assert raised.value.code == 75 and not (tmp_path / "first" / "manifest.json").exists()
    embed_corpus(**inputs, model_dir=model_dir, out_dir=tmp_path / "second", attempt=2)
    settings = CONTRACTS["manifest"].read_object(tmp_path / "second")["settings"]
    assert (settings["batch"], settings["attempt"]) == (1, 2) and largest == [4] + [1] * 14


def test_the_fit_sees_the_train_split_only(tmp_path):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    for name, last in (("a", ""), ("b", " entirely different words here")):
        embed_corpus(**write_inputs(tmp_path / name, TFIDF, last), out_dir=tmp_path / name / "out")
    left, right = (np.load(tmp_path / name / "out" / "embeddings.npy") for name in ("a", "b"))
    assert np.array_equal(left[:13], right[:13])


def test_the_stub_writes_empty_vectors_of_the_contract(tmp_path):
    inputs = write_inputs(tmp_path, TINY)
    options = [part for name, path in inputs.items() for part in (f"--{name}", str(path))]
    command = [ROOT / "bin" / "embed_corpus.py", *options, "--out-dir", tmp_path / "out", "--stub"]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "out" / "embeddings.npy").shape == (0, 0)
    assert (tmp_path / "out" / "ids.txt").read_text() == ""
    assert (tmp_path / "out" / "manifest.json").is_file()


@pytest.mark.skipif(not (ROOT / "models" / "all_minilm_l6_v2").is_dir(), reason="models are not fetched")
def test_the_sentence_model_gives_the_published_similarities_and_ignores_batch_mates():
    import yaml

    name = "all_minilm_l6_v2"
    entry = yaml.safe_load((ROOT / "params" / "models.yaml").read_text())["encoders"][name] | {"name": name}
    encode = make_encoder(entry, ROOT / "models", threads=1, batch=8, corpus=[], master_seed=1)
    # sentences and similarities of the quickstart in the documentation of sentence-transformers
    listed = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium.", "word " * 400]
    vectors = encode(listed)
    published = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    assert np.abs(vectors[:3] @ vectors[:3].T - published).max() <= 6e-5
    assert np.abs(np.concatenate([encode([text]) for text in listed]) - vectors).max() <= 1e-5
