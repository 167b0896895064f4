"""From raw model output to a document or a reason code; every repair is counted, none is silent.

Answers are raw text between <doc> and </doc>. No model repairs another's text.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from volfid.core.shingles import containment, tokens

REASONS = (
    "truncated", "filtered", "bad_encoding", "empty", "broken_json", "refusal", "lead_in", "meta_text", "label_id",
    "leaked_prompt", "copied_source", "repetition", "too_short", "too_long",
)  # fmt: skip
RUNGS = ("doc_tags", "tag_fragment", "code_fence", "json_object", "lead_in", "heading", "quotes", "control_characters")

_REFUSALS = (
    "i'm sorry", "i am sorry", "sorry,", "i cannot", "i can't", "as an ai", "i am unable", "i'm unable",
    "i am not able", "i'm not able", "unfortunately, i",
)  # fmt: skip
_LEAD_INS = ("sure, here", "sure! here", "sure. here", "certainly", "here is", "here's", "below is")
# "language model" alone would refuse honest text about speech recognition; a model speaking of itself is meant.
_META = re.compile(
    r"\b(as an?|i am an?|i'm an?) (ai|large|artificial)?\s*(intelligence )?(language model|assistant)"
    r"|\[insert|lorem ipsum|as requested|label:|word count:|</?(text|doc)\b|<\|",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"^(?:#+\s*|\*\*)?(?:patent\s+)?(?:abstract|title|summary|text|document)\s*(?:\*\*)?\s*[:\-]\s*(?:\*\*)?\s*",
    re.IGNORECASE,
)
_FRAGMENT = re.compile(r"\s*<(?:/(?:d|do|doc)?|d|do|doc)?$")
_FENCE = re.compile(r"^```[a-z]*\s*(.*?)\s*(?:```)?$", re.IGNORECASE | re.DOTALL)
_UNPRINTABLE = ("Cc", "Cf", "Co", "Cn")
_WORD = re.compile(r"\w+")
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"))
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
    opening: words that were put into the model's mouth and belong to the text.
    """

    shortest: int
    longest: int
    label_ids: frozenset[str] = frozenset()
    instructions: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    copy: tuple[int, float] = COPY_OF_EXEMPLAR
    opening: str = ""


@dataclass(frozen=True)
class Parsed:
    """`text` with `reason` None, or no text and a reason of REASONS; `rungs` names the repairs made."""

    text: str | None
    reason: str | None
    rungs: tuple[str, ...] = ()


def parse(raw: str, finish_reason: str, rules: Rules) -> Parsed:
    """Parse and check one answer. `finish_reason` is `stop`; `length` (cut off) and `filtered` are never used."""
    if finish_reason != "stop":
        return Parsed(None, "filtered" if finish_reason == "filtered" else "truncated")
    rungs: list[str] = []
    text, reason = _extract(raw, rungs)
    if reason is None:
        reason = None if _WORD.search(text) else "empty"
    if reason is None:
        joint = " " if raw[:1].isspace() else ""
        text = _normalise(rules.opening + joint + text if rules.opening else text, rungs)
        reason = _refused(text, rules)
    return Parsed(None if reason else text, reason, tuple(rungs))


def _extract(raw: str, rungs: list[str]) -> tuple[str, str | None]:
    """The document inside an answer, rung by rung; or a reason."""
    if "�" in raw or any(0xD800 <= ord(char) <= 0xDFFF for char in raw):
        return "", "bad_encoding"
    text = raw
    if re.search(r"</?doc>", text):
        rungs.append("doc_tags")
        text = text.split("<doc>")[-1].split("</doc>")[0] if "<doc>" in text else text.split("</doc>")[0]
    if _FRAGMENT.search(text):
        rungs.append("tag_fragment")
        text = _FRAGMENT.sub("", text)
    text = text.strip()
    if text.startswith("```"):
        rungs.append("code_fence")
        text = _FENCE.sub(r"\1", text).strip()
    if text.startswith("{"):
        found = _from_json(text)
        if found is None:
            return "", "broken_json"
        rungs.append("json_object")
        text = found.strip()
    return _strip_openings(text, rungs)


def _from_json(text: str) -> str | None:
    """The text of a JSON object {"text": ...} or {"abstract": ...}; None when it is not one."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return None
    found = next((value[key] for key in ("text", "abstract", "document") if key in value), None)
    return found if isinstance(found, str) else None


def _strip_openings(text: str, rungs: list[str]) -> tuple[str, str | None]:
    opening = text[:160].lower().replace("’", "'").lstrip("\"'* ")
    if opening.startswith(_REFUSALS):
        return "", "refusal"
    if opening.startswith(_LEAD_INS):
        # A phrase such as "Here is ...:" may stand before a whole document; a short rest means there is none.
        rest = re.split(r"\n|:", text, maxsplit=1)
        if len(rest) < 2 or len(rest[1].strip()) <= 200:
            return "", "lead_in"
        rungs.append("lead_in")
        text = rest[1].strip()
    if _HEADING.match(text):
        rungs.append("heading")
        text = _HEADING.sub("", text, count=1)
    return text, None


def _normalise(text: str, rungs: list[str]) -> str:
    """NFC, no control or format characters, single spaces, no quotes around the whole."""
    text = unicodedata.normalize("NFC", text)
    clean = "".join(char for char in text if char.isspace() or unicodedata.category(char) not in _UNPRINTABLE)
    if clean != text:
        rungs.append("control_characters")
    clean = " ".join(clean.split())
    for left, right in _QUOTES:
        inner = clean[1:-1]
        if len(clean) > 1 and clean[0] == left and clean[-1] == right and left not in inner and right not in inner:
            rungs.append("quotes")
            return inner.strip()
    return clean


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
    length = len(text.split())
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
