"""Marked reasoning in a model's answer: what stands outside of it is the answer."""

import re

_NAMES = (
    r"think(?:ing)?(?:_process)?|thoughts?|reason(?:ing|s)?|reflection|analysis|rationale|scratch_?pad"
    r"|chain_of_thought|inner_monologue|antthinking"
)
# <think>, </reasoning>, <seed:think>, <think type="x">, &lt;think&gt;, [THINK], and special tokens of families
_OPENS = rf"""
    (?:<|&lt;)\|?(?:\w+:)?(?:begin_of_|start_)?(?:{_NAMES})(?:\s+\w+=[^<>]*)?\s*\|?(?:>|&gt;|\Z)
  | \[(?:think(?:ing)?|reasoning)\]
  | ◁\s*(?:{_NAMES})\s*▷
  | <details\s+type=.reasoning.[^<>]*>
  | <unused94>(?:thought)?
  | <\|channel>(?:thought|analysis)
  | (?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*(?:analysis|commentary)[^<]*(?:<\|message\|>)?
  | \A\s*(?:assistant)?analysis(?-i:(?=[A-Z]))
"""
_CLOSES = rf"""
    (?:<|&lt;)\s*\|?\s*(?:/|end_of_|end_)\s*(?:\w+:)?(?:{_NAMES})\s*\|?(?:>|&gt;)
  | \[/(?:think(?:ing)?|reasoning)\]
  | ◁\s*/\s*(?:{_NAMES})\s*▷
  | </details>
  | <unused95>
  | <channel\|>
  | (?:<\|end\|>)?\s*(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*final[^<]*(?:<\|message\|>)?
  | assistantfinal(?=\S)
"""
_MARK = re.compile(rf"(?P<close>{_CLOSES})|(?P<open>{_OPENS})", re.IGNORECASE | re.VERBOSE)
_LEFT = re.compile(
    r"<\|(?:START_RESPONSE|END_RESPONSE|begin_of_solution|end_of_solution|return|end|call)\|>", re.IGNORECASE
)


def without_reasoning(text: str) -> tuple[str, bool]:
    """The text outside marked reasoning, and whether there was a mark.

    A block that never ends reaches to the end of the text; one that only ends (the chat template wrote its beginning)
    reaches from the start.
    """
    kept, place, inside, marked = "", 0, False, False
    for mark in _MARK.finditer(text):
        if mark["close"] == "</details>" and not inside:
            continue
        if not inside:
            kept += text[place : mark.start()]
        marked, place = True, mark.end()
        if mark["close"]:
            kept = kept if inside else ""
        inside = not mark["close"]
    if not marked:
        return text, False
    return _LEFT.sub("", kept if inside else kept + text[place:]), True
