"""Answers token by token: greedy or with beams, inside the grammar of label arrays or free.

The grammar is `[` (id (`,` id)*)? `]` end, every id at most once. Its tokens form a trie; at each step the tokens whose
branch still leads to an unused id, or to the end, are allowed, and the others have no probability. A hypothesis' log
probability is the sum over its tokens of log p(token | allowed tokens), so that all answers of the grammar together
have probability 1; longer ones are not normalised by their length.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch

from volfid.core.exits import ConfigError

END = -1


@dataclass
class Node:
    """A place in the trie: labels (bits) that can still be reached below, whether the end can, and its own leaf."""

    children: dict[int, "Node"] = field(default_factory=dict)
    labels: int = 0
    end: bool = False
    leaf: int | None = None


def trie(words: Mapping[int, Sequence[int]]) -> Node:
    """The trie of label (or END) to tokens. Raises ConfigError when one of them begins another."""
    root = Node()
    for label, tokens in words.items():
        node = root
        for token in [None, *tokens]:
            if token is not None:
                node = node.children.setdefault(token, Node())
            if node.leaf is not None:
                raise ConfigError("the tokenizer writes one label id as the beginning of another")
            node.labels |= 0 if label == END else 1 << label
            node.end |= label == END
        if node.children:
            raise ConfigError("the tokenizer writes one label id as the beginning of another")
        node.leaf = label
    return root


@dataclass(frozen=True)
class Hypothesis:
    """An answer so far: tokens, their summed log probability, place in the trie, labels (bits), whether it is done."""

    tokens: tuple[int, ...]
    log: float
    node: Any
    used: int
    done: bool = False


class Rules(Protocol):
    """What may be said: the start of an answer, the tokens allowed next (None: all), and the answer with one more."""

    def start(self) -> Hypothesis: ...
    def allowed(self, one: Hypothesis) -> list[int] | None: ...
    def extended(self, one: Hypothesis, token: int, log: float) -> Hypothesis: ...


class Grammar:
    """Arrays of label ids without repeats. first, later: tokens of each label at the start and after another one."""

    def __init__(self, first: Sequence[Sequence[int]], later: Sequence[Sequence[int]], close: Sequence[int], most: int):
        self.first = trie({**dict(enumerate(first)), END: close})
        self.later = trie({**dict(enumerate(later)), END: close})
        self.most = most

    def start(self) -> Hypothesis:
        return Hypothesis((), 0.0, self.first, 0)

    def allowed(self, one: Hypothesis) -> list[int]:
        free = ~one.used if one.used.bit_count() < self.most else 0
        return [token for token, node in one.node.children.items() if node.end or node.labels & free]

    def extended(self, one: Hypothesis, token: int, log: float) -> Hypothesis:
        node = one.node.children[token]
        used = one.used
        if node.leaf is not None and node.leaf != END:
            used |= 1 << node.leaf
        following = node if node.leaf is None else self.later
        return Hypothesis((*one.tokens, token), one.log + log, following, used, node.leaf == END)


class Free:
    """Any token, until one of `ends` or `longest` tokens."""

    def __init__(self, ends: frozenset[int], longest: int):
        self.ends, self.longest = ends, longest

    def start(self) -> Hypothesis:
        return Hypothesis((), 0.0, None, 0)

    def allowed(self, one: Hypothesis) -> None:
        return None

    def extended(self, one: Hypothesis, token: int, log: float) -> Hypothesis:
        if token in self.ends:
            return replace(one, log=one.log + log, done=True)
        tokens = (*one.tokens, token)
        return Hypothesis(tokens, one.log + log, None, 0, len(tokens) >= self.longest)


def search(
    logits: torch.Tensor, step: Callable[[list[int], list[int]], torch.Tensor], rules: Rules, beams: int
) -> list[list[Hypothesis]]:
    """The `beams` likeliest answers that beam search finds for every document, likeliest first; one beam is greedy.

    logits  (documents, vocabulary) after the prompts
    step    (parents, tokens) to logits: row i of the last logits, `parents[i]`, goes on with `tokens[i]`
    """
    live = [(document, rules.start()) for document in range(len(logits))]
    found: list[list[Hypothesis]] = [[] for _ in live]
    while live:
        ranked: dict[int, list[tuple[float, int, int, Hypothesis]]] = {}
        for row, (document, one) in enumerate(live):
            for log, token in _continuations(logits[row], rules.allowed(one), beams):
                ranked.setdefault(document, []).append((one.log + log, row, token, rules.extended(one, token, log)))
        chosen: list[tuple[int, int, int, Hypothesis]] = []
        for document, candidates in ranked.items():
            best = sorted(candidates, key=lambda c: (-c[0], c[1], c[2]))[:beams]
            found[document] += [made for *_, made in best if made.done]
            found[document].sort(key=lambda made: -made.log)
            del found[document][beams:]
            worst = found[document][-1].log if len(found[document]) == beams else -float("inf")
            chosen += [
                (document, row, token, made) for log, row, token, made in best if not made.done and log > worst
            ]  # an answer only gets less likely
        if chosen:
            logits = step([row for _, row, _, _ in chosen], [token for _, _, token, _ in chosen])
        live = [(document, made) for document, _, _, made in chosen]
    return found


def _continuations(logits: torch.Tensor, allowed: list[int] | None, beams: int) -> list[tuple[float, int]]:
    """The likeliest tokens, at most `beams`, with log probabilities among the allowed ones."""
    if allowed is not None and len(allowed) == 1:
        return [(0.0, allowed[0])]
    logs = torch.log_softmax((logits if allowed is None else logits[allowed]).float(), dim=-1)
    values, places = logs.topk(min(beams, len(logs)))
    tokens = places.tolist() if allowed is None else [allowed[place] for place in places.tolist()]
    return list(zip(values.tolist(), tokens, strict=True))


def beam_shares(found: Sequence[Hypothesis], labels: int) -> list[float]:
    """For every label the sum over the answers that name it of softmax(log probability)."""
    if not found:
        return [0.0] * labels
    weights = torch.softmax(torch.tensor([one.log for one in found], dtype=torch.float64), dim=0).tolist()
    return [sum(w for w, one in zip(weights, found, strict=True) if one.used >> k & 1) for k in range(labels)]
