"""Texts as token numbers: each text is tokenised once for all cells of a job."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from volfid.core.exits import DataError
from volfid.core.label_words import masked

Tokenise = Callable[[Sequence[str]], tuple[Sequence[Sequence[int]], Sequence[bool]]]


@dataclass(frozen=True)
class TokenStore:
    """Token numbers of all texts.

    ids        (texts, longest) int32, filled up on the right
    lengths    (texts,) tokens of each text, special ones included
    cut        (texts,) bool: whether the text was longer than the recipe allows
    row        document to its row; documents with one text share it
    """

    ids: np.ndarray
    lengths: np.ndarray
    cut: np.ndarray
    row: Mapping[str, int]


def token_store(
    documents: Iterable[Mapping[str, Any]], tokenise: Tokenise, padding: int, words: Collection[str] = ()
) -> TokenStore:
    """The texts of `documents` (doc_id, text) as tokens.

    tokenise  texts to token numbers, cut where they are too long, and which were cut
    padding   number of the token that fills up
    words     stems of label names that are masked first (as when texts are embedded)
    Raises DataError when one document stands twice with different texts.
    """
    text_of: dict[str, str] = {}
    for document in documents:
        text = masked(document["text"], words) if words else document["text"]
        if text_of.setdefault(document["doc_id"], text) != text:
            raise DataError(f"document {document['doc_id']!r} stands twice with different texts")
    unique = sorted(set(text_of.values()))
    place = {text: number for number, text in enumerate(unique)}
    tokens, cut = tokenise(unique) if unique else ([], [])
    lengths = np.array([len(part) for part in tokens], dtype=np.int64)
    ids = np.full((len(unique), int(lengths.max(initial=0))), padding, dtype=np.int32)
    for number, part in enumerate(tokens):
        ids[number, : len(part)] = part
    return TokenStore(ids, lengths, np.array(cut, dtype=bool), {name: place[text] for name, text in text_of.items()})
