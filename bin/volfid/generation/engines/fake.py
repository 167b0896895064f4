"""A generator without a model, for tests: seeded sentences about the label names, and faults on demand."""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from volfid.core.exits import ConfigError, RetryError
from volfid.core.log import inner
from volfid.generation.engines.base import ChoiceOutput, ChoiceRequest, EngineOutput, EngineRequest, EngineSettings
from volfid.generation.engines.tokens import common_length

VARIABLE = "VOLFID_FAKE_FAULTS"
SUBJECTS = (
    "housing", "frame", "sensor", "controller", "membrane", "lever", "circuit", "shaft", "layer", "valve",
    "carrier", "electrode", "bracket", "memory", "coil", "fibre", "roller", "chamber", "antenna", "spring",
)  # fmt: skip
VERBS = (
    "holds", "drives", "measures", "guides", "heats", "couples to", "filters", "moves", "records", "limits",
    "seals", "rotates with", "adjusts", "receives", "surrounds", "releases", "supports", "compares",
)  # fmt: skip
QUALITIES = (
    "flexible", "outer", "digital", "porous", "second", "rigid", "wireless", "thin", "curved", "movable",
    "thermal", "coated", "hollow", "adaptive", "lower", "portable", "optical", "elastic", "linear",
)  # fmt: skip


@dataclass(frozen=True)
class Faults:
    """What goes wrong. Shares of answers in [0, 1] that are a refusal, cut off, the prompt itself, empty (a question:
    neither yes nor no) or not UTF-8; `oom`: a batch size above which memory runs out; `crash_after`: answers before
    SIGKILL; `hang_s`: silence before each batch; `delay_s`: for each answer.
    """

    refusal: float = 0.0
    truncated: float = 0.0
    copied_prompt: float = 0.0
    empty: float = 0.0
    bad_encoding: float = 0.0
    oom: int | None = None
    crash_after: int | None = None
    hang_s: float = 0.0
    delay_s: float = 0.0


def read_faults(variable: str = VARIABLE) -> Faults:
    """Faults from the environment, a JSON object; none without it. Raises ConfigError for an unknown name."""
    try:
        given = json.loads(os.environ.get(variable) or "{}")
        unknown = sorted(set(given) - {field.name for field in fields(Faults)})
    except (json.JSONDecodeError, TypeError) as error:
        raise ConfigError(f"{variable} is not a JSON object: {error}") from error
    if unknown:
        raise ConfigError(f"{variable} names the unknown fault {unknown[0]!r}")
    return Faults(**given)


class FakeEngine:
    """Deterministic text: a function of the seed and the topics of a request."""

    def __init__(self, settings: EngineSettings, faults: Faults | None = None):
        self.settings, self.faults = settings, faults or Faults()
        self.answered = 0
        self.started = 0

    def start(self) -> None:
        """Count the start, so that a test can see that none happened."""
        self.started += 1

    def generate(self, requests: Sequence[EngineRequest], beat: Callable[[], None]) -> list[EngineOutput]:
        """Answers in order; raises RetryError as a GPU out of memory would."""
        if self.faults.oom is not None and self.settings.max_num_seqs > self.faults.oom:
            raise RetryError("the engine ran out of memory (injected)", mend="A retry uses a smaller batch")
        time.sleep(self.faults.hang_s)
        return [self._answer(request, beat) for request in requests]

    def judge(self, requests: Sequence[ChoiceRequest], beat: Callable[[], None]) -> list[ChoiceOutput]:
        """Answers in order: a yes is likelier the more words of the topic stand in the subject."""
        if self.faults.oom is not None and self.settings.max_num_seqs > self.faults.oom:
            raise RetryError("the engine ran out of memory (injected)", mend="A retry uses a smaller batch")
        time.sleep(self.faults.hang_s)
        return [self._judge(request, beat) for request in requests]

    def _judge(self, request: ChoiceRequest, beat: Callable[[], None]) -> ChoiceOutput:
        self._sign_of_life(beat)
        rng = np.random.default_rng(request.seed)
        there = set(_words([request.subject]))
        shares: list[float | None] = []
        for topic in request.topics:
            found = [word in there for word in _words([topic])]
            logit = 3 * sum(found) / max(len(found), 1) - 2 + rng.normal(0, 0.7)
            shares.append(None if rng.random() < self.faults.empty else float(1 / (1 + np.exp(-logit))))
        lengths = [len(prompt.split()) for prompt in request.prompts]
        shared = common_length([prompt.split() for prompt in request.prompts])
        inner.add()
        return ChoiceOutput(tuple(shares), 0.5, sum(lengths), shared * (len(lengths) - 1))

    def close(self) -> None:
        """Nothing to free."""

    def describe(self) -> dict[str, Any]:
        """Name and batch size."""
        return {"engine": "fake", "model": self.settings.name, "max_num_seqs": self.settings.max_num_seqs}

    def _answer(self, request: EngineRequest, beat: Callable[[], None]) -> EngineOutput:
        self._sign_of_life(beat)
        rng = np.random.default_rng(request.seed)
        text, reason = self._faulty(rng.random(), request) or (" " + fake_text(rng, request.topics), "stop")
        words = text.split()
        if len(words) > request.max_tokens:
            text, words, reason = " ".join(words[: request.max_tokens]), words[: request.max_tokens], "length"
        inner.add()
        return EngineOutput(text, tuple(len(word) for word in words), len(request.prompt.split()), reason)

    def _sign_of_life(self, beat: Callable[[], None]) -> None:
        beat()
        time.sleep(self.faults.delay_s)
        if self.faults.crash_after is not None and self.answered >= self.faults.crash_after:
            os.kill(os.getpid(), signal.SIGKILL)
        self.answered += 1

    def _faulty(self, luck: float, request: EngineRequest) -> tuple[str, str] | None:
        """The fault that `luck` in [0, 1) falls on, if any."""
        answers = {
            "refusal": ("I'm sorry, but I cannot write this.", "stop"),
            "truncated": ("A frame that holds", "length"),
            "copied_prompt": (_until(request.prompt.split("\n\n")[-1], request.stop), "stop"),
            "empty": ("", "stop"),
            "bad_encoding": ("A frame \ufffd\ufffd", "stop"),
        }
        edge = 0.0
        for name, answer in answers.items():
            edge += getattr(self.faults, name)
            if luck < edge:
                return answer
        return None


def _until(text: str, stops: Sequence[str]) -> str:
    """`text` up to the first stop string, as an engine would return it."""
    return text[: min((text.find(stop) for stop in stops if stop in text), default=len(text))]


def _words(texts: Sequence[str]) -> list[str]:
    return [word.strip(".,;()").lower() for text in texts for word in text.split()]


def fake_text(rng: np.random.Generator, topics: Sequence[str]) -> str:
    """Two to four sentences, each about a word of the topics, every third about all of them."""
    words = _words(topics) or ["device"]
    sentences = []
    for index in range(int(rng.integers(2, 5))):
        about = words[int(rng.integers(len(words)))] if index % 3 else " ".join(words[:6])
        first, second = rng.choice(SUBJECTS, 2, replace=False)
        start, end = rng.choice(QUALITIES, 2, replace=False)
        verb, whole = rng.choice(VERBS), rng.choice(SUBJECTS)
        sentences.append(f"The {start} {about} {first} {verb} a {end} {second} of the {whole}.")
    return " ".join(sentences)
