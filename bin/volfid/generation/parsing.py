"""From raw model output to a document or a reason code; every repair is counted, none is silent.

Answers are raw text between <doc> and </doc>. No model repairs another's text.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from volfid.core.shingles import containment, tokens
from volfid.core.word_count import word_count
from volfid.generation.phrases import is_reasoning
from volfid.generation.refusals import is_refusal
from volfid.generation.unwrapping import RUNGS, unwrap

__all__ = ["COPY_OF_EXEMPLAR", "COPY_OF_PARENT", "REASONS", "RUNGS", "Parsed", "Rules", "parse"]

REASONS = (
    "truncated", "filtered", "bad_encoding", "empty", "broken_json", "reasoning", "refusal", "lead_in", "meta_text",
    "label_id", "leaked_prompt", "copied_source", "repetition", "too_short", "too_long",
)  # fmt: skip
ONE_LINE = ("\n",)
# "language model" alone would refuse honest text about speech recognition; a model speaking of itself is meant.
_META = re.compile(
    r"\b(?:as an?|i am an?|i'm an?) (?:large |ai |artificial (?:intelligence )?)*"
    r"(?:language model\b(?! (?:engineer|researcher))|(?<=ai )assistant|(?<=intelligence )assistant)"
    r"|\[insert|lorem ipsum"
    r"|^as (?:you )?requested[^.]{0,40}\b(?:abstract|text|summary|paraphrase)\b"
    r"|(?:^|[.!?] )label:|word count:|</?(text|doc)\b|<\|",
    re.IGNORECASE,
)
_UNPRINTABLE = ("Cc", "Cf", "Co", "Cn")
_WORD = re.compile(r"\w+")
SENTENCE_TOKENS = 6
# The cuts of curation, applied here too because a retry can still mend what curation can only drop.
COPY_OF_PARENT = (5, 0.6)
COPY_OF_EXEMPLAR = (8, 0.2)
LOOP_NGRAM, LOOP_TIMES = 4, 4


@dataclass(frozen=True)
class Rules:
    """What a document must satisfy: words in [shortest, longest], and what it may not repeat.

    label_ids: ids of the label list. instructions: the prompt without its documents. shown: the documents in
    it, whole. copy: width of word runs and the largest share of them that may stand in one shown document.
    opening: words that were put into the model's mouth and belong to the text. inside: whether the answer begins
    within the document, for these words or a <doc> were put there. stop: strings that end a text.
    """

    shortest: int
    longest: int
    label_ids: frozenset[str] = frozenset()
    instructions: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    copy: tuple[int, float] = COPY_OF_EXEMPLAR
    opening: str = ""
    inside: bool = False
    stop: tuple[str, ...] = ONE_LINE


@dataclass(frozen=True)
class Parsed:
    """`text` with `reason` None, or no text and a reason of REASONS; `rungs` names the repairs made."""

    text: str | None
    reason: str | None
    rungs: tuple[str, ...] = ()


def parse(raw: str, finish_reason: str, rules: Rules) -> Parsed:
    """Parse and check one answer, whole. `finish_reason` is `stop`, `length` (cut off) or `filtered`.

    What was cut off is used only when the document in it was closed before.
    """
    if finish_reason == "filtered":
        return Parsed(None, "filtered")
    if "�" in raw or any(0xD800 <= ord(char) <= 0xDFFF for char in raw):
        return Parsed(None, "bad_encoding" if finish_reason == "stop" else "truncated")
    begun = bool(rules.opening)
    found = unwrap(raw, rules.inside or begun, rules.stop, rules.shortest, begun)
    reason = found.reason
    if reason != "reasoning":
        if is_refusal(found.text, found.closed):
            reason = "refusal"
        elif is_reasoning(found.text, found.closed):
            reason = "reasoning"
    if finish_reason != "stop" and reason != "reasoning" and not found.ended:
        return Parsed(None, "truncated")
    text, rungs = found.text, found.rungs
    if reason is None:
        reason = None if _WORD.search(text) else "empty"
    if reason is None:
        text = _normalise(text if found.own else _opened(text, raw, rules.opening), rungs)
        reason = _refused(text, rules)
    return Parsed(None if reason else text, reason, tuple(rungs))


def _opened(text: str, raw: str, opening: str) -> str:
    """A text behind the words that were put into the model's mouth; a model may have said them again."""
    if not opening or re.match(rf"{re.escape(opening)}\b", text.lstrip(), re.IGNORECASE):
        return text
    return opening + (" " if raw[:1].isspace() else "") + text


def _normalise(text: str, rungs: list[str]) -> str:
    """NFC, no control or format characters, single spaces."""
    text = unicodedata.normalize("NFC", text)
    clean = "".join(char for char in text if char.isspace() or unicodedata.category(char) not in _UNPRINTABLE)
    if clean != text:
        rungs.append("control_characters")
    return " ".join(clean.split())


def _refused(text: str, rules: Rules) -> str | None:
    """The first rule that the text breaks, in the order of REASONS."""
    if _META.search(text.replace("’", "'")):
        return "meta_text"
    # Only ids that look like codes: an id that is an ordinary word may stand in honest text.
    codes = {label for label in rules.label_ids if len(label) > 1 and any(char.isdigit() for char in label)}
    if codes & set(re.findall(r"[\w./-]+\w|\w+", text)):
        return "label_id"
    words = tokens(text)
    if _repeats_sentence(words, rules.instructions):
        return "leaked_prompt"
    width, limit = rules.copy
    if any(containment(text, shown, width) > limit for shown in rules.shown):
        return "copied_source"
    runs = Counter(zip(*(words[start:] for start in range(LOOP_NGRAM)), strict=False))
    if max(runs.values(), default=0) >= LOOP_TIMES:
        return "repetition"
    length = word_count(text)
    if length < rules.shortest:
        return "too_short"
    return "too_long" if length > rules.longest else None


def _repeats_sentence(words: list[str], instructions: Iterable[str]) -> bool:
    """Whether a sentence of the prompt, of at least SENTENCE_TOKENS tokens, stands in the text."""
    haystack = f" {' '.join(words)} "
    for block in instructions:
        for sentence in re.split(r"[.:;!?\n]+", block):
            needle = tokens(sentence)
            if len(needle) >= SENTENCE_TOKENS and f" {' '.join(needle)} " in haystack:
                return True
    return False
