"""Embedding files: `embeddings.npy` with `ids.txt` in row order."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from volfid.core.exits import DataError, InputMissingError
from volfid.core.files import atomic_path, write_text

FITTED = frozenset({"tfidf_svd"})
"""Encoders that are fitted on the train texts of a corpus: these texts get other vectors than unseen ones do."""


def write_vectors(folder: Path | str, ids: Sequence[str], vectors: np.ndarray) -> None:
    """Write float32 vectors, shape (len(ids), dimensions), and their ids."""
    folder = Path(folder)
    if len(ids) != len(vectors):
        raise DataError(f"{len(ids)} ids for {len(vectors)} vectors")
    if any("\n" in name for name in ids):
        raise DataError("an id holds a line break", mend="Rename the document")
    with atomic_path(folder / "embeddings.npy") as temporary, open(temporary, "wb") as file:
        np.save(file, np.ascontiguousarray(vectors, dtype=np.float32), allow_pickle=False)
    write_text(folder / "ids.txt", "".join(f"{name}\n" for name in ids))


def read_vectors(folders: Iterable[Path | str]) -> tuple[dict[str, int], np.ndarray]:
    """Row of each id, and the stacked vectors of several folders (the first folder wins an id).

    Raises DataError when ids and rows do not match, or a value is not finite.
    """
    row: dict[str, int] = {}
    parts: list[np.ndarray] = []
    total = 0
    for folder in map(Path, folders):
        if not (folder / "ids.txt").is_file() or not (folder / "embeddings.npy").is_file():
            raise InputMissingError(f"{folder} holds no embeddings", mend="embed_corpus.py writes them")
        ids = (folder / "ids.txt").read_text(encoding="utf-8").split("\n")[:-1]
        try:
            part = np.load(folder / "embeddings.npy", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise DataError(f"{folder.name}/embeddings.npy cannot be read: {error}") from error
        if len(ids) != len(part) or not np.isfinite(part).all():
            raise DataError(
                f"{folder.name}/embeddings.npy has {len(part)} rows for {len(ids)} ids, or a value that is not finite"
            )
        for index, name in enumerate(ids):
            row.setdefault(name, total + index)
        if len(part):  # an empty part may not know the dimensions
            parts.append(part)
            total += len(part)
    if len({part.shape[1] for part in parts}) > 1:
        raise DataError("embeddings of different dimensions", mend="Pass the embeddings of one encoder only")
    return row, np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)


def unit_rows(vectors: np.ndarray, ids: Sequence[str]) -> np.ndarray:
    """`vectors` (documents, dimensions) scaled to length 1, float32, contiguous; a row of zeros stays one.

    The one rule for a vector of zeros (a text that shares no word with those TF-IDF was fitted on): the document
    stays what it is, also for training, but it has no direction. Whoever compares directions leaves it out (see
    `directed`), counts it, and says so. Raises DataError naming the document of a vector that is not finite.
    """
    wide = np.asarray(vectors, dtype=np.float64)
    with np.errstate(over="ignore"):
        length = np.linalg.norm(wide, axis=1)
    bad = np.flatnonzero(~np.isfinite(length))
    if len(bad):
        raise DataError(
            f"the embedding of document {ids[bad[0]][:60]!r} is not finite ({len(bad)} such documents)",
            mend="A broken encoder gives such a vector; embed the documents again",
        )
    return np.ascontiguousarray(wide / np.where(length > 0, length, 1.0)[:, None], dtype=np.float32)


def directed(vectors: np.ndarray) -> np.ndarray:
    """Which rows have a direction, (documents,) bool: all but those of zeros."""
    return np.asarray(vectors.any(axis=1))


def left_out(documents: int, what: str = "documents") -> str | None:
    """How many documents a comparison of directions left out, as a note; None for none."""
    return f"{documents} {what} left out: their vector is zero" if documents else None
