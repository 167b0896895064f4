"""The document inside a model's answer: reasoning, tags, fences, JSON, lead-ins and headings are taken off.

Each repair is a rung; rungs are tried again until none changes anything, for they come in any order and in each other.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from volfid.core.reasoning import without_reasoning
from volfid.core.word_count import word_count
from volfid.generation.headings import below_title, without_heading
from volfid.generation.json_text import json_text, unescaped
from volfid.generation.phrases import answer_behind_reasoning, is_lead_in, without_agreement, without_tail

RUNGS = (
    "reasoning", "doc_tags", "tag_fragment", "code_fence", "json_object", "lead_in", "heading", "emphasis", "quotes",
    "trailing_chat", "entities", "control_characters",
)  # fmt: skip
ROUNDS = 12
MENTION = 3  # words: "between <doc> and </doc>" speaks of the tags
LONG_REST = 200  # characters behind a lead-in that are a whole document, in scripts with blanks

_RUNS = re.compile(r"(\s)\1{3,}")
_TAG = re.compile(
    r"[*_`\\]{0,4}(?:<|&lt;)\s*(?P<close>/?)\s*doc(?:ument)?(?:\s+\w+=[^<>]*)?\s*\\?(?:>|&gt;)(?:\*\*|`)?",
    re.IGNORECASE,
)
_WRAP = re.compile(
    r"\s*<(answer|output|response|final|final_answer|result|abstract|solution|html|body|div|p)>\s*(.*?)\s*(?:</\1>\s*)?\Z",
    re.IGNORECASE | re.DOTALL,
)
_FRAGMENT = re.compile(r"\s*<(?:/(?:d|do|doc)?|d|do|doc)?$")
_LANGUAGE = r"(?:[\w+-]*[ \t]*\n|(?:text|txt|plaintext|json|xml|html|markdown|md)\s)?"
_FENCE = re.compile(rf"^(?:```|~~~){_LANGUAGE}\s*(.*?)\s*(?:(?:```|~~~)\s*)?$", re.IGNORECASE | re.DOTALL)
_FENCE_LATER = re.compile(
    rf"^([^`]{{0,200}}?:)\s*```{_LANGUAGE}\s*([^`]*?)\s*(?:```[^`]*)?$", re.IGNORECASE | re.DOTALL
)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|[a-z]{2,8}|#\d{1,6}|#x[0-9a-f]{1,5});", re.IGNORECASE)
_AGREED_ALOUD = re.compile(
    r"(?:sure|of course|no problem|understood|gladly|certainly)(?: thing)?! (?!here|below|i\b|i')", re.I
)
_CALL = re.compile(r"\A(?:print\(\s*([\"'])(.*)\1\s*\)|\$*\\(?:text|mathrm|textbf)\{(.*)\}\$*)\s*\Z", re.DOTALL)
_BRACKETED = re.compile(
    r"\[(?!insert)[^\W\d_][^\]\n\"'{}\[,]{1,60}\]\s*\S|\{[^\W\d_][^}\n\"'{\[,:]{0,40}\}\s*\S"
)  # "[Problem] In a ...": no JSON
_EMPHASIS = re.compile(r"^(\*\*\*|\*\*|\*|__)(?=\S)((?:(?!\1).)+)(?<=\S)\1$", re.DOTALL)
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"), ("「", "」"))
_MARKUP = re.compile(
    r"```|~~~|(?:^|\n)\s*#{1,6}[ \t]+\S|\s#{2,6}[ \t]+\w|\*\*[^*\n]{1,60}:\s*\*\*"
    r"|</?(?:answer|output|response|p|html|tool_call)>"
    r"|\\boxed\{|</?s>|<(?:end|start)_of_turn>|\[/?INST\]",
    re.I,
)


@dataclass
class Unwrapped:
    """A document on its way out of an answer.

    reason: why there is none. own: whether it begins with words of its own and not where the answer began. ended: it
    was closed by a tag or cut at a stop string, however the answer went on. held: something enclosed it. begun: words
    that stand before it were given, so that it is the rest of a text. closed: it stood in a whole <doc>...</doc>, so
    that the model said itself what the text is.
    """

    text: str
    reason: str | None = None
    own: bool = False
    ended: bool = False
    held: bool = False
    begun: bool = False
    closed: bool = False
    rungs: list[str] = field(default_factory=list)

    def take(self, rung: str, text: str) -> None:
        """Note a repair."""
        self.text = text
        if rung not in self.rungs:
            self.rungs.append(rung)


def unwrap(raw: str, inside: bool, stop: Sequence[str], shortest: int, begun: bool = False) -> Unwrapped:
    """The document of an answer, or a reason (`reasoning`, `broken_json`, `lead_in`, `meta_text`).

    inside: whether the answer begins within the document (its first words were put into the model's mouth), begun:
    whether these are words of its text. stop: what ends a text; a line end ends one that nothing encloses. shortest:
    words of the shortest accepted text.
    """
    raw = _RUNS.sub(r"\1\1\1", raw)
    found = Unwrapped(raw, held=inside, begun=begun)
    text, marked = without_reasoning(raw)
    if marked:
        found.own = not raw.startswith(text[:40])
        found.held = inside and not found.own
        found.take("reasoning", text)
        if not text.strip():
            found.reason = "reasoning"
            return found
    _doc_of(found, inside and not found.own, shortest)
    for _ in range(ROUNDS):
        before = found.text
        for rung in (_fragment, _wrapped, _fenced, _from_json, _doc, _reasoned, _led_in, _headed, _emphasised, _quoted):
            rung(found, shortest)
            if found.reason:
                return found
        if found.text == before:
            break
    _cut(found, stop, shortest)
    _tail(found)
    _decode(found)
    if found.text[:1] in ("[", "{") and not _BRACKETED.match(found.text):
        found.reason = "broken_json"
    elif _MARKUP.search(found.text):
        found.reason = "meta_text"
    return found


def _doc(found: Unwrapped, shortest: int) -> None:
    _doc_of(found, False, shortest)


def _doc_of(found: Unwrapped, inside: bool, shortest: int) -> None:
    """What stands in the last <doc> that holds a text; without an opening tag, what stands before the closing one."""
    tags = list(_TAG.finditer(found.text))
    if not tags or json_text(found.text) is not None:
        return
    parts: list[tuple[int, int, bool]] = []  # begin, end, closed
    begin = 0 if inside or not any(not tag["close"] for tag in tags) else None
    for tag in tags:
        if begin is not None:
            parts.append((begin, tag.start(), bool(tag["close"])))
        begin = None if tag["close"] else tag.end()
    if begin is not None:
        parts.append((begin, len(found.text), False))
    words = [word_count(found.text[start:end]) for start, end, _ in parts]
    backwards = range(len(parts) - 1, -1, -1)
    long = (index for least in (shortest, MENTION + 1) for index in backwards if words[index] >= least)
    chosen = next(long, len(parts) - 1)
    start, end, closed = parts[chosen]
    inner, ahead = found.text[start:end], found.text[:start]
    if re.search(r'"\s*[*_`\\]*<\s*doc\s*>$', ahead, re.IGNORECASE) and ":" in ahead:  # in a JSON string
        inner = unescaped(inner)
    found.own |= start > 0
    found.ended, found.held = closed, True
    found.closed |= closed and (inside or start > 0)
    found.take("doc_tags", inner)


def _fragment(found: Unwrapped, _: int) -> None:
    text = found.text
    if _FRAGMENT.search(text):
        found.take("tag_fragment", _FRAGMENT.sub("", text))
    found.text = found.text.strip()


def _wrapped(found: Unwrapped, _: int) -> None:
    call = _CALL.match(found.text)
    if call:
        found.held, found.own = True, True
        return found.take("code_fence", (call[2] or call[3]).strip())
    match = _WRAP.match(found.text)
    if match:
        found.held = True
        return found.take("doc_tags", match[2])
    return None


def _fenced(found: Unwrapped, _: int) -> None:
    text = found.text.strip()
    if text.startswith(("```", "~~~")):
        inner = _FENCE.sub(r"\1", text).strip()
        first, closed, rest = inner.partition("```")  # what follows the block is chat
        found.held = True
        found.take("code_fence", first.strip() if closed and len(rest) <= LONG_REST else inner)
    elif "```" in text:
        later = _FENCE_LATER.match(text)
        if later and later[2].strip():
            found.held, found.own = True, True
            found.take("code_fence", later[2].strip())


def _from_json(found: Unwrapped, _: int) -> None:
    if found.text.lstrip()[:1] not in ("{", "["):
        return
    value = json_text(found.text)
    if value is not None:
        found.held, found.own = True, True
        found.take("json_object", value.strip())


def _led_in(found: Unwrapped, shortest: int) -> None:
    """A phrase such as "Here is ...:" may stand before a whole document; a short rest means there is none."""
    text = found.text.strip()
    if not found.closed and (bare := without_agreement(text)) != text:
        found.own = True
        return found.take("lead_in", bare)
    if not is_lead_in(text, found.closed):
        return None
    line, broken, below = text.partition("\n")
    own_line = bool(broken) and len(line) <= LONG_REST and word_count(below) >= max(shortest, MENTION)
    agreed = _AGREED_ALOUD.match(text)
    rest = (
        [line, below] if own_line else ["", text[agreed.end() :]] if agreed else re.split(r"\n|:|：", text, maxsplit=1)
    )
    enough = len(rest) == 2 and (own_line or len(rest[1].strip()) > LONG_REST or _unspaced(rest[1]) >= shortest)
    if not enough:
        found.reason = "lead_in"
        return None
    found.own = True
    return found.take("lead_in", rest[1].strip())


def _reasoned(found: Unwrapped, shortest: int) -> None:
    """ "Reasoning: ... Answer: ..." in words, without a tag."""
    rest = None if found.closed else answer_behind_reasoning(found.text)
    if rest is not None and word_count(rest) >= max(shortest, MENTION):
        found.own = True
        found.take("reasoning", rest.strip())


def _unspaced(text: str) -> int:
    """Words beyond those between blanks: characters of scripts without blanks."""
    return word_count(text) - len(text.split())


def _headed(found: Unwrapped, _: int) -> None:
    text = found.text.strip()
    rest = below_title(text, MENTION)
    if rest is None:
        rest = without_heading(text, not found.closed and not found.held)
    else:
        found.own = True
    if rest != text:
        found.take("heading", rest)


def _emphasised(found: Unwrapped, _: int) -> None:
    match = _EMPHASIS.match(found.text.strip())
    if match and (found.own or not found.begun):
        found.take("emphasis", match[2])


def _quoted(found: Unwrapped, _: int) -> None:
    text = found.text.strip()
    for left, right in () if found.begun and not found.own else _QUOTES:
        inner = text[1:-1]
        if len(text) > 1 and text[0] == left and text[-1] == right and left not in inner and right not in inner:
            return found.take("quotes", inner.strip())
    return None


def _cut(found: Unwrapped, stop: Sequence[str], shortest: int) -> None:
    """End the text at a stop string; at a line end where nothing encloses it, else before a paragraph of its own."""
    text = found.text
    lines = any(not one.strip() for one in stop)
    stops = [one for one in stop if one.strip() and not _TAG.fullmatch(one)]
    if lines and not found.held:
        stops.append("\n")
    ends = [end for end in map(text.find, stops) if end > 0]
    if lines and found.held and not found.ended:
        paragraph = re.search(r"\n\s*\n|\n\s*(?:-{3,}|\*{3,})\s*(?:\n|$)", text)
        if paragraph and word_count(text[: paragraph.start()]) >= shortest:
            ends.append(paragraph.start())
    if ends:
        found.ended, text = True, text[: min(ends)]
    found.text = text.strip()


def _tail(found: Unwrapped) -> None:
    text = without_tail(found.text, found.closed)
    if text != found.text:
        found.take("trailing_chat", text)


def _decode(found: Unwrapped) -> None:
    plain = html.unescape(found.text) if _ENTITY.search(found.text) else found.text
    if plain != found.text:
        found.take("entities", plain)
