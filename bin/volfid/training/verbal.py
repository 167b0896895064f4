"""Labels as words: the numbered list of the prompt, the answer that is trained on, and what an answer says.

    system   the task and the list: L01 and the label's name, L02 ...
    user     the document
    answer   a JSON array of the ids, in descending frequency of the training rows, then the end of the turn

Short ids carry no name into the answer, and every id has the same form (METHODS-training 2.5 a).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from volfid.core.reasoning import without_reasoning

TASK = "You assign labels to documents. These are the labels:"
ANSWER = "Answer with a JSON array of the ids of all labels that apply, the most common first; [] when none applies."


def label_codes(count: int) -> list[str]:
    """L01, L02, ...: one id for each label, all of one length."""
    width = max(2, len(str(count)))
    return [f"L{number:0{width}d}" for number in range(1, count + 1)]


def system_text(codes: Sequence[str], names: Sequence[str] | None) -> str:
    """Task, label list and form of the answer; without `names` the list holds ids alone."""
    listed = [", ".join(codes)] if names is None else [f"{c} {n}" for c, n in zip(codes, names, strict=True)]
    return "\n".join([TASK, *listed, ANSWER])


def first_words(name: str | None, most: int | None) -> str | None:
    """The first `most` words of a label's name, without a mark behind the last; the whole name for None."""
    words = (name or "").split()
    if most is None or len(words) <= most:
        return name
    return " ".join(words[:most]).rstrip(" ,;:.-(")


def frequency_order(labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Columns of `labels` (rows, labels) from frequent to rare in `rows` (numbers, repeats count), ties by column."""
    return np.argsort(-labels[rows].sum(0, dtype=np.int64), kind="stable")


def answer_text(codes: Sequence[str], columns: Sequence[int]) -> str:
    """The answer that names `columns`, in their order."""
    return json.dumps([codes[column] for column in columns], separators=(",", ":"))


@dataclass(frozen=True)
class Parsed:
    """What an answer says: columns of labels; whether it held no array at all; ids that are no label, ids again."""

    columns: tuple[int, ...]
    failed: bool
    ids: int
    unknown: int
    repeated: int


def parse_answer(text: str, codes: Sequence[str]) -> Parsed:
    """The first complete JSON array of strings in `text` behind marked reasoning, whatever stands around it.

    An array that never ends, or none, is a failure and names no label; so is reasoning that never ends. Unknown and
    repeated ids are counted and dropped.
    """
    place = {code: column for column, code in enumerate(codes)}
    decoder = json.JSONDecoder()
    text, _ = without_reasoning(text)
    start = text.find("[")
    while start >= 0:
        try:
            found, _ = decoder.raw_decode(text, start)
        except json.JSONDecodeError:
            found = None
        if isinstance(found, list) and all(isinstance(one, str) for one in found):
            named = [place[one.strip()] for one in found if one.strip() in place]
            columns = tuple(dict.fromkeys(named))
            return Parsed(columns, False, len(found), len(found) - len(named), len(named) - len(columns))
        start = text.find("[", start + 1)
    return Parsed((), True, 0, 0, 0)
