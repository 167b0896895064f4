"""Ids of documents that have none: a hash of the text, so that the order of the rows changes nothing."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

from volfid.core.files import sha256_text

_DIGITS = 16


class Document(Protocol):
    """What an id is made of."""

    doc_id: str
    text: str
    labels: tuple[str, ...]
    split: str | None
    group: str | None
    sources: tuple[str, ...]
    date: str | None


def make_ids(documents: Iterable[Document], prefix: str, file: str) -> list[str]:
    """Give each document without an id `prefix` and the first 16 hexadecimal digits of the SHA-256 of its text.

    Documents of one text are numbered ('-2', '-3') in the order of what else they hold: labels, split, group, date and
    sources. Those that are alike in everything cannot be told apart, and need not be. Returns what to say of `file`.
    """
    same: defaultdict[str, list[Document]] = defaultdict(list)
    for document in documents:
        if not document.doc_id:
            same[sha256_text(document.text)[:_DIGITS]].append(document)
    for digest, members in same.items():
        if len(members) > 1:
            members.sort(key=_content)
        for place, document in enumerate(members, start=1):
            document.doc_id = f"{prefix}{digest}" if place == 1 else f"{prefix}{digest}-{place}"
    if not same:
        return []
    return [f"{file}: no column of ids ('id', or --id_column); each document got a hash of its text as its id"]


def _content(document: Document) -> tuple[object, ...]:
    return (
        document.text, document.labels, document.split or "", document.group or "", document.date or "",
        document.sources,
    )  # fmt: skip
