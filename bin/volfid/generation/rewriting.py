"""Methods that rewrite a document without a prompt, and what they may return.

A method is `params/prompts/<method>/rewriter.yaml`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volfid.core.exits import ConfigError
from volfid.core.files import canonical_json, sha256_text
from volfid.core.schemas import REWRITERS
from volfid.core.word_count import word_count
from volfid.core.yaml_files import read_yaml
from volfid.generation.eda import FUNCTION_WORDS
from volfid.generation.parsing import Parsed
from volfid.generation.sentences import split_sentences

FILE = "rewriter.yaml"
KEYS = frozenset({"method", "version", "engine", "options", "length_ratio", "same_sentences", "same_language"})
REASONS = ("truncated", "bad_encoding", "empty", "unchanged", "length_ratio", "sentence_count", "language")
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Rewriter:
    """A checked file.

    length_ratio: smallest and largest words of the text per word of its parent, or None. same_sentences: whether it
    must have as many sentences as its parent. same_language: whether it must look as English. options: what the engine
    is told.
    """

    method: str
    version: int
    engine: str
    options: Mapping[str, Any]
    length_ratio: tuple[float, float] | None
    same_sentences: bool
    same_language: bool

    def sha(self, text: str) -> str:
        """SHA-256 of all that is asked for one document; stands where a prompt's hash would."""
        rules = [
            self.version,
            self.engine,
            dict(self.options),
            self.length_ratio,
            self.same_sentences,
            self.same_language,
        ]
        return sha256_text(canonical_json([text, rules]))


def load_rewriter(path: Path) -> Rewriter:
    """Read and check one file. Raises ConfigError naming the key, InputMissingError when it is absent."""
    data = read_yaml(path)
    where = f"{path.parent.name}/{path.name}"
    if not isinstance(data, dict) or set(data) != KEYS:
        odd = sorted(set(data) ^ KEYS) if isinstance(data, dict) else ["no mapping"]
        raise ConfigError(f"{where}: keys missing or unknown: {', '.join(map(str, odd))}")
    if data["method"] != path.parent.name:
        raise ConfigError(f"{where}: method {data['method']!r} is not the name of its folder")
    if data["engine"] not in REWRITERS:
        known = ", ".join(REWRITERS)
        raise ConfigError(f"{where}: engine is {data['engine']!r}", mend=f"Engines without a prompt: {known}")
    if not isinstance(data["options"], dict):
        raise ConfigError(f"{where}: options is {data['options']!r}, expected a mapping")
    ratio = data["length_ratio"]
    if ratio is not None and not (isinstance(ratio, list) and len(ratio) == 2 and 0 < ratio[0] < 1 < ratio[1]):
        raise ConfigError(f"{where}: length_ratio is {ratio!r}, expected null or two numbers with 1 between them")
    return Rewriter(
        data["method"], int(data["version"]), data["engine"], data["options"],
        None if ratio is None else (float(ratio[0]), float(ratio[1])), bool(data["same_sentences"]),
        bool(data["same_language"]),
    )  # fmt: skip


def check(raw: str, finish_reason: str, parent: str, rules: Rewriter) -> Parsed:
    """A rewritten text with single blanks, or the first reason of REASONS that refuses it.

    The checks of a model's answer do not apply: nothing was asked for in words, and a text may repeat most of its
    parent. It may not be the parent: compared are the runs of letters, in lower case.
    """
    if finish_reason != "stop":
        return Parsed(None, "truncated")
    if "�" in raw:
        return Parsed(None, "bad_encoding")
    text = " ".join(raw.split())
    own, given = (_LETTERS.findall(one.lower()) for one in (text, parent))
    if not own:
        return Parsed(None, "empty")
    if own == given:
        return Parsed(None, "unchanged")
    if rules.length_ratio is not None:
        low, high = rules.length_ratio
        if not low <= word_count(text) / word_count(parent) <= high:
            return Parsed(None, "length_ratio")
    if rules.same_sentences and len(split_sentences(text)) != len(split_sentences(parent)):
        return Parsed(None, "sentence_count")
    if rules.same_language and _function_share(own) < 0.5 * _function_share(given):
        return Parsed(None, "language")
    return Parsed(text, None)


def _function_share(words: Sequence[str]) -> float:
    """Share of English function words."""
    return sum(word in FUNCTION_WORDS for word in words) / len(words) if words else 0.0
