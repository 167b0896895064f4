"""Each text is encoded once, whatever the number of documents that have it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from volfid.core.exits import DataError
from volfid.core.files import sha256_text
from volfid.core.label_words import masked
from volfid.core.log import log
from volfid.core.vectors import directed
from volfid.embeddings.encoders import Encoder


@dataclass(frozen=True)
class Embedded:
    """Ids in row order, their vectors, and counts for the manifest."""

    ids: list[str]
    vectors: np.ndarray
    counts: dict[str, int]


def zeros_told(ids: Sequence[str], vectors: np.ndarray, why: str = "no word of them is known to the encoder") -> None:
    """Say how many documents have a vector of zeros; whatever compares vectors leaves them out."""
    found = np.flatnonzero(~directed(vectors))
    if len(found):
        log(f"note: {len(found)} documents have a vector of zeros and are left out wherever vectors are compared, "
            f"first {ids[found[0]][:60]!r}: {why}")  # fmt: skip


def mask_rows(rows: Sequence[Mapping[str, Any]], words: Collection[str]) -> list[Mapping[str, Any]]:
    """Rows with the words of label names masked in their texts (stems in `words`); the rows themselves without any.

    Real, test and synthetic documents alike, so that no text can tell its label by name.
    """
    if not words:
        return list(rows)
    texts = [masked(row["text"], words) for row in rows]
    return [{**row, "text": text, "text_sha": sha256_text(text)} for row, text in zip(rows, texts, strict=True)]


def embed_rows(rows: Sequence[Mapping[str, Any]], encode: Encoder) -> Embedded:
    """Vectors of `rows` (doc_id, text, text_sha), sorted by id; an id that stands twice has one row.

    Texts are encoded in the order of their hashes, so the order of `rows` changes nothing.
    Raises DataError when one id has two texts, or a vector is not finite. A vector of zeros is
    kept (a text without a word that the encoder knows) and counted.
    """
    sha_of: dict[str, str] = {}
    text_of: dict[str, str] = {}
    for row in rows:
        if sha_of.setdefault(row["doc_id"], row["text_sha"]) != row["text_sha"]:
            raise DataError(f"document {row['doc_id']!r} stands twice with different texts")
        text_of[row["text_sha"]] = row["text"]
    unique = sorted(text_of)
    place = {sha: index for index, sha in enumerate(unique)}
    encoded = encode([text_of[sha] for sha in unique])
    ids = sorted(sha_of)
    vectors = encoded[[place[sha_of[doc_id]] for doc_id in ids]]
    broken = ~np.isfinite(vectors).all(axis=1)
    if broken.any():
        first = int(broken.argmax())
        raise DataError(
            f"row {first + 1} ({ids[first]!r}): its vector is not finite", mend="Look at the document's text"
        )
    zeros = int((~directed(vectors)).sum())
    return Embedded(ids, vectors, {"documents": len(ids), "texts": len(unique), "zero_vectors": zeros})
