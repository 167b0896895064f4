"""EDA behind the interface of an engine: no model, only WordNet's files."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from volfid.core.exits import ConfigError
from volfid.generation import eda
from volfid.generation.engines.base import ChoiceOutput, ChoiceRequest, EngineOutput, EngineRequest, EngineSettings
from volfid.generation.wordnet import WordNet, data_folder

LICENCE = "WordNet 3.0, Princeton University (WordNet licence)"
FORMS = {"plain": eda.plain_words, "patent": eda.patent_words}
_KEYS = {"form", "alpha"}


class EdaEngine:
    """One operation a request; which one is its `turn`, so that four texts of a document have all four."""

    def __init__(self, settings: EngineSettings):
        self.settings = settings
        self.wordnet: WordNet | None = None

    def start(self) -> None:
        """Read WordNet's files and compare them with the pinned revision."""
        self.wordnet = WordNet(data_folder(), self.settings.revision)

    def generate(self, requests: Sequence[EngineRequest], beat: Callable[[], None]) -> list[EngineOutput]:
        """Texts in order; each depends on its own seed and turn alone. Raises ConfigError for unsound options."""
        return [self._answer(request, beat) for request in requests]

    def judge(self, requests: Sequence[ChoiceRequest], beat: Callable[[], None]) -> list[ChoiceOutput]:
        """Refused: nothing here could read a question."""
        raise ConfigError(f"the generator {self.settings.name} cannot be asked for labels")

    def close(self) -> None:
        """Drop the synonyms."""
        self.wordnet = None

    def describe(self) -> dict[str, Any]:
        """Name, and what the synonyms come from."""
        return {
            "engine": "eda", "model": self.settings.name, "revision": self.settings.revision, "licence": LICENCE,
        }  # fmt: skip

    def _answer(self, request: EngineRequest, beat: Callable[[], None]) -> EngineOutput:
        beat()
        assert self.wordnet is not None and request.rewrite is not None
        options = request.rewrite.options
        check_options(options)
        words = FORMS[options["form"]](request.prompt)
        operation = eda.OPERATIONS[request.rewrite.turn % len(eda.OPERATIONS)]
        rng = np.random.default_rng(request.seed)
        alpha = published_alpha(options["alpha"], request.rewrite.documents)
        text = eda.augment(words, operation, alpha, self.wordnet.synonyms, rng)
        return EngineOutput(text, None, len(words), "stop", counted=len(text.split()))


def check_options(options: Mapping[str, Any]) -> None:
    """Raise ConfigError unless the options are `form` and `alpha`, each with a meaning."""
    if set(options) != _KEYS or options["form"] not in FORMS:
        raise ConfigError(f"EDA has the options {dict(options)}", mend=f"form ({', '.join(FORMS)}) and alpha")
    steps = options["alpha"]
    sound = isinstance(steps, list) and steps and all(isinstance(one, list) and len(one) == 2 for one in steps)
    if not sound or any(not 0 < alpha <= 1 for _, alpha in steps) or [one[0] for one in steps][-1] is not None:
        raise ConfigError(f"EDA's alpha is {steps!r}", mend="Pairs of most documents and alpha, the last [null, alpha]")


def published_alpha(steps: Sequence[tuple[int | None, float]], documents: int) -> float:
    """alpha for a training set of so many documents: that of the first step that is large enough."""
    return next(alpha for most, alpha in steps if most is None or documents <= most)
