"""Back-translation with NLLB through transformers: sentence by sentence, there and back, one sentence a batch.

Models of this family are trained on sentences and drop some of a paragraph without a word.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from volfid.core.chat import harmless
from volfid.core.exits import ConfigError
from volfid.core.log import inner, log
from volfid.generation.engines.base import (
    ChoiceOutput,
    ChoiceRequest,
    EngineOutput,
    EngineRequest,
)
from volfid.generation.engines.local import LocalModel
from volfid.generation.sentences import split_sentences


@dataclass(frozen=True)
class Options:
    """source: language of the documents; pivots: languages to translate into, one a turn (codes as eng_Latn).

    beams: of the search (1 is greedy) at temperature 0; a higher temperature draws, seeded. max_new_tokens: of one
    translated sentence; sentence_tokens: a longer sentence is not translated.
    """

    source: str
    pivots: tuple[str, ...]
    beams: int
    temperature: float
    max_new_tokens: int
    sentence_tokens: int


def read_options(options: Mapping[str, Any]) -> Options:
    """The options of a rewriter.yaml. Raises ConfigError naming the one that is wrong."""
    names = {field.name for field in fields(Options)}
    odd = sorted(names ^ set(options))
    if odd:
        raise ConfigError(f"back-translation: option {odd[0]!r} is missing or unknown", mend=", ".join(sorted(names)))
    if not options["pivots"] or options["source"] in options["pivots"]:
        raise ConfigError("back-translation: pivots must name languages other than source")
    for name in ("beams", "max_new_tokens", "sentence_tokens"):
        if not isinstance(options[name], int) or options[name] < 1:
            raise ConfigError(f"back-translation: {name} is {options[name]!r}, expected a number of at least 1")
    if options["temperature"] < 0 or (options["temperature"] > 0 and options["beams"] > 1):
        raise ConfigError("back-translation: temperature is 0, or above 0 with beams: 1")
    return Options(**{**options, "pivots": tuple(options["pivots"])})


class NllbEngine(LocalModel):
    """One translation model, both ways. A request never depends on its neighbours."""

    def start(self) -> None:
        """Load the model, on the accelerator when torch sees one; the log names its licence."""
        self.load("AutoModelForSeq2SeqLM")
        log(f"generation: the weights of {self.settings.name} are under {self.settings.licence}")

    def generate(self, requests: Sequence[EngineRequest], beat: Callable[[], None]) -> list[EngineOutput]:
        """Back-translations in order. Raises ConfigError for unsound options or a language the model does not know."""
        with self.inference():
            made = []
            for request in requests:
                made.append(self._answer(request, beat))
                inner.add()
            return made

    def judge(self, requests: Sequence[ChoiceRequest], beat: Callable[[], None]) -> list[ChoiceOutput]:
        """Refused: a translation model reads no question."""
        raise ConfigError(f"the generator {self.settings.name} cannot be asked for labels")

    def describe(self) -> dict[str, Any]:
        """Settings and licence; the device once started."""
        return {
            "engine": "nllb", "model": self.settings.name, "revision": self.settings.revision,
            "dtype": self.settings.dtype, "licence": self.settings.licence, **self.facts,
        }  # fmt: skip

    def _answer(self, request: EngineRequest, beat: Callable[[], None]) -> EngineOutput:
        import torch

        assert request.rewrite is not None
        options = read_options(request.rewrite.options)
        pivot = options.pivots[request.rewrite.turn % len(options.pivots)]
        made, read, written, ended = [], 0, 0, True
        cards = list(range(torch.cuda.device_count()))
        with torch.random.fork_rng(devices=cards):
            torch.manual_seed(request.seed)
            for sentence in split_sentences(harmless(self.tokenizer, request.prompt)):
                for start, end in ((options.source, pivot), (pivot, options.source)):
                    beat()
                    one = self.translate(sentence, start, end, options)
                    sentence, read, written = one.text, read + one.prompt_tokens, written + one.counted
                    ended = ended and one.finish_reason == "stop"
                    if not ended:  # what was cut off is refused as a whole
                        return EngineOutput("", None, read, "length", counted=written)
                made.append(sentence)
        return EngineOutput(" ".join(one for one in made if one), None, read, "stop", counted=written)

    def translate(self, sentence: str, start: str, end: str, options: Options) -> EngineOutput:
        """One sentence from language `start` to `end`; finish_reason `length` when it is too long to go or to come."""
        import torch

        target = self._language(end)
        self._language(start)
        self.tokenizer.src_lang = start
        ids = self.tokenizer(sentence)["input_ids"]
        if len(ids) > options.sentence_tokens:
            return EngineOutput("", None, len(ids), "length")
        drawn: dict[str, Any] = {"do_sample": False, "num_beams": options.beams}
        if options.temperature > 0:
            drawn = {"do_sample": True, "num_beams": 1, "temperature": options.temperature, "top_k": 0, "top_p": 1.0}
        read = torch.tensor([ids], device=self.model.device)
        found = self.model.generate(
            input_ids=read, attention_mask=torch.ones_like(read), forced_bos_token_id=target,
            max_new_tokens=options.max_new_tokens, **drawn,
        )[0].tolist()  # fmt: skip
        made = found[1:]  # without the token that starts the decoder
        reason = "stop" if self.tokenizer.eos_token_id in made else "length"
        text = self.tokenizer.decode(made, skip_special_tokens=True).strip()
        return EngineOutput(text, None, len(ids), reason, counted=len(made))

    def _language(self, code: str) -> int:
        found = self.tokenizer.convert_tokens_to_ids(code)
        if found is None or found == self.tokenizer.unk_token_id:
            raise ConfigError(f"the model {self.settings.name} does not know the language {code!r}")
        return int(found)
