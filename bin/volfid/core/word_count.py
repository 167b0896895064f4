"""Words of a text: what blanks separate, and single characters in scripts that put no blanks between words."""

import re
from collections.abc import Iterator

from volfid.core.shingles import HAS_UNSPACED, UNSPACED

# one character of such a script, or a run of anything else; marks and punctuation among the former are no words
_UNIT = re.compile(rf"(?![\W_])[{UNSPACED}]|[^\s{UNSPACED}]+")


def word_count(text: str) -> int:
    """Number of words: runs between blanks; each character of Chinese, Japanese, Thai, Lao, Khmer and Burmese is one.

    Other writing inside such a text counts by runs that hold a letter or a digit.
    """
    if text.isascii() or not HAS_UNSPACED.search(text):
        return len(text.split())
    return sum(1 for _ in _units(text))


def first_words(text: str, n: int) -> str:
    """The beginning of `text` with its first `n` words (word_count) and what follows the last without a blank.

    A text of at most `n` words is handed back as it is; the blanks between words stay.
    """
    if text.isascii() or not HAS_UNSPACED.search(text):
        ends = [match.end() for match in re.finditer(r"\S+", text)]
        return text if len(ends) <= n else text[: ends[n - 1]] if n > 0 else ""
    starts = list(_units(text))
    return text if len(starts) <= n else text[: starts[n]].rstrip() if n > 0 else ""


def _units(text: str) -> Iterator[int]:
    """Where each word of a text in a script without blanks begins."""
    for match in _UNIT.finditer(text):
        if any(map(str.isalnum, match.group())):
            yield match.start()
