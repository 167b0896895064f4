"""transformers, one request at a time with its own generator: slow, and exact wherever torch runs."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

from volfid.core.chat import choice_tokens
from volfid.core.log import inner
from volfid.generation.engines.base import (
    ChoiceOutput,
    ChoiceRequest,
    EngineOutput,
    EngineRequest,
)
from volfid.generation.engines.local import LocalModel
from volfid.generation.engines.tokens import choice_output, common_length, encode, template_sha


class TransformersEngine(LocalModel):
    """One causal language model. Batches of one: a request never depends on its neighbours."""

    def start(self) -> None:
        """Load the model, on the accelerator when torch sees one."""
        self.load("AutoModelForCausalLM")
        ends = self.model.generation_config.eos_token_id
        self.ends = {*(ends if isinstance(ends, list) else [ends]), self.tokenizer.eos_token_id} - {None}
        self.facts["chat_template_sha"] = template_sha(self.tokenizer)

    def generate(self, requests: Sequence[EngineRequest], beat: Callable[[], None]) -> list[EngineOutput]:
        """Answers in order."""
        with self.inference():
            return [self._counted(self._answer, request, beat) for request in requests]

    def judge(self, requests: Sequence[ChoiceRequest], beat: Callable[[], None]) -> list[ChoiceOutput]:
        """Answers in order; what all prompts of the call begin with is read once, then what those of a request do."""
        room = self.settings.max_model_len - 1
        chat = self.settings.chat
        ids = [
            [encode(self.tokenizer, prompt, request.answer_prefix, chat, room) for prompt in request.prompts]
            for request in requests
        ]
        with self.inference():
            start = common_length([one for questions in ids for one in questions])
            common = self._read(ids[0][0][:start], None)
            return [self._counted(self._judge, questions, common, start, beat) for questions in ids]

    def _counted(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """The result of one request, counted as finished."""
        made = call(*arguments)
        inner.add()
        return made

    def _read(self, ids: list[int], cache: Any) -> Any:
        """The cache after `ids`; None when there is nothing to read."""
        import torch

        if not ids:
            return cache
        read = torch.tensor([ids], device=self.model.device)
        return self.model(input_ids=read, past_key_values=cache, use_cache=True, logits_to_keep=1).past_key_values

    def _judge(self, ids: list[list[int]], common: Any, start: int, beat: Callable[[], None]) -> ChoiceOutput:
        """One document: its text after the common beginning, then the ends of all questions side by side."""
        import torch

        beat()
        shared = common_length(ids)
        cache = self._read(ids[0][start:shared], copy.deepcopy(common))
        if cache is not None:
            cache.batch_repeat_interleave(len(ids))
        ends = [one[shared:] for one in ids]
        # Filled up on the right: a causal model cannot see what follows a token.
        width, shortest = max(map(len, ends)), min(map(len, ends))
        padded = torch.tensor([end + [end[-1]] * (width - len(end)) for end in ends], device=self.model.device)
        kept = width - shortest + 1
        result = self.model(input_ids=padded, past_key_values=cache, use_cache=True, logits_to_keep=kept)
        last = torch.tensor([len(end) - 1 - (width - kept) for end in ends], device=self.model.device)
        logits = result.logits[torch.arange(len(ends), device=self.model.device), last]
        log = torch.log_softmax(logits.float(), dim=-1)
        yes, no = choice_tokens(self.tokenizer)
        return choice_output(log[:, yes].tolist(), log[:, no].tolist(), ids)

    def describe(self) -> dict[str, Any]:
        """Settings; the device and the hash of the chat template once started."""
        return {
            "engine": "transformers", "model": self.settings.name, "revision": self.settings.revision,
            "dtype": self.settings.dtype, "max_model_len": self.settings.max_model_len, **self.facts,
        }  # fmt: skip

    def _answer(self, request: EngineRequest, beat: Callable[[], None]) -> EngineOutput:
        import torch

        room = self.settings.max_model_len - request.max_tokens
        prompt = encode(self.tokenizer, request.prompt, request.answer_prefix, self.settings.chat, room)
        generator = torch.Generator(device=self.model.device).manual_seed(request.seed)
        ids = torch.tensor([prompt], device=self.model.device)
        cache = None
        made: list[int] = []
        while len(made) < request.max_tokens:
            beat()
            result = self.model(input_ids=ids, past_key_values=cache, use_cache=True)
            cache = result.past_key_values
            token = choose(result.logits[0, -1], request.temperature, request.top_p, generator)
            if token in self.ends:
                return self._output(made, prompt, "stop")
            made.append(token)
            text = self.tokenizer.decode(made, skip_special_tokens=True)
            cut = min((text.find(stop) for stop in request.stop if stop in text), default=-1)
            if cut >= 0:
                return EngineOutput(text[:cut], tuple(made), len(prompt), "stop")
            ids = torch.tensor([[token]], device=self.model.device)
        return self._output(made, prompt, "length")

    def _output(self, made: list[int], prompt: list[int], reason: str) -> EngineOutput:
        text = self.tokenizer.decode(made, skip_special_tokens=True)
        return EngineOutput(text, tuple(made), len(prompt), reason)


def choose(logits: Any, temperature: float, top_p: float, generator: Any) -> int:
    """One token: the largest logit at temperature 0, else a draw from the smallest set of mass `top_p`.

    The nucleus of Holtzman et al. 2020: tokens from likely to unlikely until their mass reaches top_p,
    the one that reaches it included.
    """
    import torch

    if temperature == 0:
        return int(logits.argmax())
    probabilities = torch.softmax(logits.float() / temperature, dim=-1)
    ordered, tokens = probabilities.sort(descending=True, stable=True)
    before = ordered.cumsum(0) - ordered
    # top_p 1 keeps all: rounding in the sum must not cut the tail
    kept = torch.where(before < top_p, ordered, 0.0) if top_p < 1 else ordered
    return int(tokens[torch.multinomial(kept, 1, generator=generator)])
