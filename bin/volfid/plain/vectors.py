"""Vectors of plain documents: arrays beside the files, a sentence encoder, or TF-IDF when neither is given."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from volfid.core.encoder_models import CARD
from volfid.core.exits import DataError, InputMissingError, ParameterError
from volfid.core.log import log
from volfid.plain.files import Documents

TFIDF: dict[str, Any] = {"name": "tfidf_svd", "source": None, "dimensions": 64, "normalise": True}
BATCH = 32


def vectors_of(
    files: Sequence[Documents], fitted_on: Sequence[str], vectors: Path | None, model_dir: Path | None, seed: int
) -> tuple[dict[str, int], np.ndarray, str]:
    """Row of each document id, the vectors (documents, dimensions), and the name of what made them.

    `fitted_on`: texts that TF-IDF is fitted on; nothing else is fitted. Raises ParameterError when arrays and an
    encoder are given, DataError when an array does not fit its file.
    """
    if vectors and model_dir:
        raise ParameterError("--vectors and --model-dir were given", mend="Give one of them")
    from volfid.embeddings.store import embed_rows, zeros_told

    if vectors:
        parts = [_array(file, vectors / f"{file.name}.npy") for file in files]
        if len({part.shape[1] for part in parts}) > 1:
            found = ", ".join(f"{file.name}.npy {part.shape[1]}" for file, part in zip(files, parts, strict=True))
            raise DataError(f"arrays of different dimensions: {found}", mend="Take all of them from one encoder")
        ids, stacked = [row["doc_id"] for file in files for row in file.rows], np.concatenate(parts)
        zeros_told(ids, stacked, "the array has zeros there")
        return {name: place for place, name in enumerate(ids)}, stacked, f"arrays of {vectors.name}"
    from volfid.embeddings.encoders import make_encoder

    if model_dir is None:
        log("no --vectors and no --model-dir: texts are compared by TF-IDF, which sees words and not meaning")
    entry = encoder_entry(model_dir) if model_dir else TFIDF
    encode = make_encoder(entry, model_dir, 1, BATCH, fitted_on, seed)
    made = embed_rows([row for file in files for row in file.rows], encode)
    zeros_told(made.ids, made.vectors, "they share no word with the documents that the vectors are fitted on")
    return {name: place for place, name in enumerate(made.ids)}, made.vectors, entry["name"]


def encoder_entry(folder: Path) -> dict[str, Any]:
    """What an encoder needs to be loaded, from the files of its folder (those of sentence-transformers, and the
    card of fetch_models.py). Raises InputMissingError naming the file that is not there."""
    card, model = _json(folder / CARD), _json(folder / "config.json")
    pooling, length = _json(folder / "1_Pooling" / "config.json"), _json(folder / "sentence_bert_config.json")
    kinds = {module["type"].rpartition(".")[2] for module in _json(folder / "modules.json")}
    return {
        "name": card["name"], "revision": card["revision"], "source": card["source"],
        "dimensions": model["hidden_size"], "max_tokens": length["max_seq_length"],
        "pooling": "cls" if pooling.get("pooling_mode_cls_token") else "mean", "normalise": "Normalize" in kinds,
    }  # fmt: skip


def _json(path: Path) -> Any:
    if not path.is_file():
        raise InputMissingError(f"{path} is missing", mend="fetch_models.py --only all_minilm_l6_v2 fills the folder")
    return json.loads(path.read_text(encoding="utf-8"))


def _array(file: Documents, path: Path) -> np.ndarray:
    if not path.is_file():
        raise InputMissingError(f"{path} is missing", mend=f"It holds one row for each row of {file.path.name}")
    try:
        part = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(f"{path.name} cannot be read: {error}", mend="Save it with numpy.save, as numbers") from error
    if part.ndim != 2 or part.dtype.kind not in "fiu":
        raise DataError(
            f"{path.name} has shape {part.shape} and type {part.dtype}", mend="Save (documents, dimensions)"
        )
    if len(part) != len(file.rows):
        raise DataError(f"{path.name} has {len(part)} rows, {file.path.name} has {len(file.rows)} documents")
    with np.errstate(over="ignore"):
        single = np.asarray(part, dtype=np.float32)
    broken = ~np.isfinite(single).all(axis=1)
    if broken.any():
        row = int(broken.argmax())
        why = "a value is beyond single precision" if np.isfinite(part[row]).all() else "a value is not finite"
        raise DataError(f"{path.name}, row {row + 1}: {why}")
    return single
