"""The prompt of the instruction-tuned way as tokens: what stands before every document, after it, and the answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from volfid.core.chat import choice_tokens, harmless
from volfid.core.exits import ConfigError
from volfid.training.decoding import Free, Grammar, Rules
from volfid.training.verbal import label_codes, system_text

_TEXT = "\u241edocument\u241e"  # stands for the document while the template is written


@dataclass(frozen=True)
class Speech:
    """Tokens around a document, and of answers. Labels are columns in the order of their sorted ids.

    head, tail   before every document, and after it up to the answer
    opening, separator, closing  of an array; closing holds the end of the turn
    items        of every label id
    questions    what follows the document instead of `tail` when one label is asked about; empty where nobody asks
    yes, no      tokens that begin such an answer
    """

    tokenizer: Any
    codes: Sequence[str]
    head: Sequence[int]
    tail: Sequence[int]
    opening: Sequence[int]
    separator: Sequence[int]
    closing: Sequence[int]
    items: Sequence[Sequence[int]]
    questions: Sequence[Sequence[int]]
    yes: Sequence[int]
    no: Sequence[int]
    ends: frozenset[int]

    def answer(self, columns: Sequence[int]) -> list[int]:
        """Tokens of the answer that names `columns` in their order, its end included."""
        made = list(self.opening)
        for number, column in enumerate(columns):
            made += [*(self.separator if number else ()), *self.items[column]]
        return [*made, *self.closing]

    def rules(self, decoding: str, most: int) -> Rules:
        """How answers of at most `most` labels are decoded, after the opening where that is given."""
        if decoding == "constrained":
            later = [[*self.separator, *item] for item in self.items]
            return Grammar(self.items, later, self.closing, most)
        return Free(self.ends, self.longest(most))

    def longest(self, most: int) -> int:
        """Tokens of the longest answer of `most` labels."""
        each = max(map(len, self.items)) + len(self.separator)
        return len(self.opening) + min(most, len(self.items)) * each + len(self.closing)

    def decoded(self, tokens: Sequence[int]) -> str:
        """The text of an answer."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))


def speech(
    entry: Mapping[str, Any], tokenizer: Any, names: Sequence[str | None], listed: bool, asked: bool,
    ends: frozenset[int],
) -> Speech:  # fmt: skip
    """The prompt of a models.yaml entry by its chat template (plain lines where the model has none).

    names   of the labels, sorted by their ids; `listed`: whether the prompt shows them, or ids alone
    asked   whether yes or no is asked about each label, for the ranking
    ends    further tokens that end a turn, besides the tokenizer's own
    Raises ConfigError when the template refuses a system part, or the tokenizer has no end of a turn, and for a label
    without the name that should be listed.
    """
    codes = label_codes(len(names))
    if listed and not all(names):
        missing = codes[[bool(name) for name in names].index(False)]
        raise ConfigError(f"label {missing} has no name to list", mend="Give --labels, or set label_names: false")
    if tokenizer.eos_token_id is None:
        raise ConfigError(f"{entry['name']}: its tokenizer has no end token, so no answer can end")
    shown = [harmless(tokenizer, str(name)) for name in names] if listed else None
    turn = partial(_turn, entry, tokenizer, system_text(codes, shown))
    head, tail = turn(_TEXT)
    tokens = partial(_tokens, tokenizer)
    questions = []
    if asked:
        questions = [tokens(turn(f"{_TEXT}\nDoes {code} apply? Answer yes or no.")[1]) for code in codes]
    yes, no = choice_tokens(tokenizer) if asked else ([], [])
    return Speech(
        tokenizer, codes, tokens(head), tokens(tail), tokens("["), tokens(","),
        [*tokens("]"), tokenizer.eos_token_id], [tokens(f'"{code}"') for code in codes], questions, yes, no,
        ends | {tokenizer.eos_token_id},
    )  # fmt: skip


def _tokens(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _turn(entry: Mapping[str, Any], tokenizer: Any, system: str, user: str) -> tuple[str, str]:
    """What the template writes before and after the document of one opened answer."""
    chat = entry.get("chat") or {}
    if tokenizer.chat_template is None:
        written = f"{tokenizer.bos_token or ''}{system}\n\n{user}\n\n"
    else:
        from jinja2.exceptions import TemplateError

        parts = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        if chat.get("system_part") is False:
            parts = [{"role": "user", "content": f"{system}\n\n{user}"}]
        try:
            written = tokenizer.apply_chat_template(
                parts, tokenize=False, add_generation_prompt=True, **chat.get("template_arguments", {})
            )
        except TemplateError as error:
            raise ConfigError(
                f"the chat template of {entry['name']} refuses a system part: {error}",
                mend="Put system_part: false under its chat in models.yaml: the list then opens the user's turn",
            ) from error
    head, tail = written.split(_TEXT)
    return head, tail
