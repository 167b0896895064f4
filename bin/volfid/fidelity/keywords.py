"""Keyword audit: do texts name their own labels, and how far does a classifier come that only looks for the names?

A generator that is given label names may write them down. Then part of what a classifier learns from its text
is the name. The share of documents that hold their label's name is set beside that of real documents, and a
classifier without training, which predicts a label exactly where its name stands, shows what names alone give.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from volfid.core.label_words import name_words, text_words
from volfid.core.labels import label_matrix
from volfid.core.shares import wilson

Row = Mapping[str, Any]
# rule, metric of shares, metric of the classifier
RULES = (("all", "label_name_share", "keyword_f1_micro"), ("any", "label_word_share", "keyword_any_f1_micro"))
NO_NAMES = "labels have no names"
SPLITS = ("train", "reference", "test")


def audit(real: Sequence[Row], made: Iterable[Row], labels: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of contract `keywords` for each split of the real documents and each pool of kept synthetic ones.

    label_name_share: share of pairs (document, label it has) in which all words of the label's name stand in the
    document; label_word_share: any of them. keyword_f1_micro and keyword_any_f1_micro: micro-F1 of predicting a
    label where they stand. Labels without a name are left out of all pairs; without any, all is undefined.
    """
    groups: dict[str, list[Row]] = {name: [row for row in real if row["split"] == name] for name in SPLITS}
    for row in made:
        if row["kept"]:
            groups.setdefault(row["pool_id"], []).append(row)
    return [line for subject, rows in groups.items() for line in _subject(subject, rows, labels)]


def occurrences(texts: Sequence[str], labels: Sequence[Row], rule: str) -> np.ndarray:
    """Which texts hold all (or any) words of each label's name, shape (texts, labels), bool."""
    there = [text_words(text) for text in texts]
    wanted = [name_words(row["name"]) for row in labels]
    holds = {"all": lambda words, text: words <= text, "any": lambda words, text: bool(words & text)}[rule]
    found = [[bool(words) and holds(words, text) for words in wanted] for text in there]
    return np.array(found, dtype=bool).reshape(len(texts), len(labels))


def _subject(subject: str, rows: Sequence[Row], labels: Sequence[Row]) -> Iterator[dict[str, Any]]:
    named = [row for row in labels if name_words(row["name"])]
    kept = {row["label"] for row in named}
    truth = label_matrix(
        [[label for label in row["labels"] if label in kept] for row in rows], [row["label"] for row in named]
    ).astype(bool)
    for rule, share, f1 in RULES:
        found = occurrences([row["text"] for row in rows], named, rule)
        hits = found & truth
        yield _share(subject, share, None, int(hits.sum()), int(truth.sum()), bool(named))
        for column, row in enumerate(named):
            yield _share(subject, share, row["label"], int(hits[:, column].sum()), int(truth[:, column].sum()), True)
        size = int(found.sum() + truth.sum())
        value = 2 * int(hits.sum()) / size if size else None
        note = None if size else (NO_NAMES if not named else "no label and no prediction")
        yield _line(subject, f1, None, value, None, None, len(rows), note)


def _share(subject: str, metric: str, label: str | None, hits: int, pairs: int, named: bool) -> dict[str, Any]:
    """A share with Wilson's interval."""
    limits = wilson(hits, pairs)
    if limits is None:
        note = "no document has it" if named else NO_NAMES
        return _line(subject, metric, label, None, None, None, 0, note)
    return _line(subject, metric, label, hits / pairs, *limits, pairs, None)


def _line(
    subject: str, metric: str, label: str | None, value: float | None, low: float | None, high: float | None, n: int,
    note: str | None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "subject": subject, "metric": metric, "label": label, "value": value, "ci_low": low, "ci_high": high,
        "n": n, "note": note,
    }  # fmt: skip
