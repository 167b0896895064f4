"""Encoders: functions from texts to vectors, made once from an entry of params/models.yaml.

An encoder is a callable `(texts) -> float32 array, shape (texts, dimensions)`. The vector of a text
does not depend on the texts it is encoded with (transformers: to 1e-5 in float32; TF-IDF: exactly).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from volfid.core.encoder_models import model_folder, pooling_of, token_numbers
from volfid.core.exits import ConfigError, DataError, InputMissingError, RetryError
from volfid.core.log import Progress
from volfid.core.seeds import derive_seed

Encoder = Callable[[Sequence[str]], np.ndarray]


def transformer_encoder(
    entry: Mapping[str, Any], model_dir: Path, threads: int, batch: int, corpus: Sequence[str], master_seed: int
) -> Encoder:
    """A model of transformers in a local folder: tokens to vectors, pooled, L2 normalised if the entry says so.

    Mean pooling over the attention mask, then normalisation, is the published recipe of
    sentence-transformers for all-MiniLM-L6-v2. Texts longer than `max_tokens` are cut, a prefix counts.
    `corpus` and `master_seed` are not used: nothing is fitted or drawn.
    """
    folder = model_folder(model_dir, entry)
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(threads)
    device = accelerator() or "cpu"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = transformers.AutoModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
    ).eval().to(device)  # fmt: skip
    if model.config.hidden_size != entry["dimensions"]:
        raise ConfigError(
            f"{entry['name']}: the model has {model.config.hidden_size} dimensions, planned are {entry['dimensions']}"
        )
    pool = pooling_of(entry)

    def encode(texts: Sequence[str]) -> np.ndarray:
        tokens = token_numbers(entry, tokenizer, texts, entry["max_tokens"])
        vectors = np.zeros((len(texts), entry["dimensions"]), dtype=np.float32)
        # Texts of one length together: little padding. Longest first: too little memory shows at once.
        by_length = sorted(range(len(texts)), key=lambda index: -len(tokens[index]))
        with Progress(f"embedding with {entry['name']}", len(texts), "documents") as progress:
            for start in range(0, len(texts), batch):
                chosen = by_length[start : start + batch]
                ids = {"input_ids": [tokens[index] for index in chosen]}
                padded = tokenizer.pad(ids, return_tensors="pt").to(device)
                try:
                    pooled = pool(model(**padded).last_hidden_state, padded["attention_mask"])
                except torch.OutOfMemoryError as error:
                    raise RetryError(
                        f"{entry['name']}: the GPU's memory does not hold {len(chosen)} texts at once",
                        mend="Lower max_tokens of the encoder in models.yaml",
                    ) from error
                if entry["normalise"]:
                    pooled = torch.nn.functional.normalize(pooled, dim=1)
                vectors[chosen] = pooled.float().cpu().numpy()
                progress.advance(len(chosen))
        return vectors

    without_gradients: Encoder = torch.inference_mode()(encode)
    return without_gradients


def tfidf_svd_encoder(
    entry: Mapping[str, Any], model_dir: Path | None, threads: int, batch: int, corpus: Sequence[str], master_seed: int
) -> Encoder:
    """TF-IDF of words and word pairs, reduced by a truncated SVD; both fitted on `corpus` alone.

    At most min(entry dimensions, documents - 1) dimensions; those without variance are left out.
    ARPACK, because the randomised solver moved vectors by .05 from seed to seed on a flat spectrum.
    The sign of a dimension makes its largest loading positive. A text that shares no word with the
    corpus gets the zero vector.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize
    from threadpoolctl import threadpool_limits

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english", dtype=np.float64)
    try:
        weights = words.fit_transform(sorted(corpus))  # sorted: rows in another order give the same vectors
    except ValueError as error:
        raise DataError(f"{entry['name']} cannot be fitted on the train documents: {error}") from error
    dimensions = min(entry["dimensions"], weights.shape[0] - 1, weights.shape[1] - 1)
    if dimensions < 1:
        raise DataError(f"{entry['name']} needs 2 or more train documents with words, there are {weights.shape[0]}")
    seed = derive_seed(master_seed, "embeddings", encoder=entry["name"]) % 2**32
    with threadpool_limits(threads):
        fitted = TruncatedSVD(dimensions, algorithm="arpack", random_state=seed).fit(weights)
    components = fitted.components_[fitted.singular_values_ > 1e-9 * fitted.singular_values_.max()]
    largest = components[np.arange(len(components)), np.abs(components).argmax(axis=1)]
    projection = (components * np.sign(largest)[:, None]).T

    def encode(texts: Sequence[str]) -> np.ndarray:
        if not texts:
            return np.zeros((0, len(components)), dtype=np.float32)
        vectors = words.transform(texts) @ projection
        return np.asarray(normalize(vectors) if entry["normalise"] else vectors, dtype=np.float32)

    return encode


# Encoders without weights by name; every entry with a source is a model of transformers.
WEIGHTLESS = {"tfidf_svd": tfidf_svd_encoder}


def make_encoder(
    entry: Mapping[str, Any], model_dir: Path | None, threads: int, batch: int, corpus: Sequence[str], master_seed: int
) -> Encoder:
    """The encoder of a models.yaml entry (with its `name`); `corpus` holds the texts of the train split."""
    if entry["source"] is None:
        if entry["name"] not in WEIGHTLESS:
            raise ConfigError(f"encoder {entry['name']} has no source", mend=f"Without one: {', '.join(WEIGHTLESS)}")
        return WEIGHTLESS[entry["name"]](entry, model_dir, threads, batch, corpus, master_seed)
    if model_dir is None:
        raise InputMissingError(f"encoder {entry['name']} needs --model-dir", mend="fetch_models.py fills it")
    return transformer_encoder(entry, model_dir, threads, batch, corpus, master_seed)


def accelerator() -> str | None:
    """`cuda` when torch sees a device, else None."""
    import torch

    return "cuda" if torch.cuda.is_available() else None
