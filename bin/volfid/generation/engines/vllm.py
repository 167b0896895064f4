"""vLLM, offline and in this process, set up so that a repeat gives the same tokens.

Batches differ in their last bits, so what a chunk holds is
fixed by the plan; in float32 on a CPU a request gives the same tokens alone and in a batch.
"""

import os
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from volfid.core.chat import choice_tokens
from volfid.core.exits import RetryError, UnavailableError
from volfid.core.log import inner
from volfid.generation.engines.base import (
    ChoiceOutput,
    ChoiceRequest,
    EngineOutput,
    EngineRequest,
    EngineSettings,
    model_folder,
)
from volfid.generation.engines.tokens import choice_output, encode, template_sha

ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # deterministic scheduling
    "VLLM_USE_FLASHINFER_SAMPLER": "0",  # it has no generator per request
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
OUT_OF_MEMORY = ("out of memory", "not enough memory", "no available memory", "can't allocate memory", "kv cache")
SMALLER = "A retry runs a smaller batch"


class VllmEngine:
    """One model in vLLM's offline engine."""

    def __init__(self, settings: EngineSettings, model_dir: Path | None):
        self.settings, self.model_dir = settings, model_dir
        self.facts: dict[str, Any] = {}
        self.llm: Any = None

    def start(self) -> None:
        """Load the model; 6 to 40 s on a CPU."""
        folder = model_folder(self.model_dir, self.settings.name)
        os.environ.update(self._environment())
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        try:
            from vllm import LLM
        except ImportError as error:
            raise UnavailableError(f"vLLM cannot be imported: {error}", mend="Use engine: transformers") from error
        try:
            self.llm = LLM(model=str(folder), **self._arguments())
        except (RuntimeError, ValueError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            raise RetryError(f"the engine could not start: {error}", mend=SMALLER) from error
        self.tokenizer = self.llm.get_tokenizer()
        self.facts = {"chat_template_sha": template_sha(self.tokenizer)}

    def generate(self, requests: Sequence[EngineRequest], beat: Callable[[], None]) -> list[EngineOutput]:
        """Answers in order; every request is seeded, n is 1 and all sampling parameters are given."""
        from vllm import SamplingParams

        prompts, parameters = [], []
        for request in requests:
            room = self.settings.max_model_len - request.max_tokens
            ids = encode(self.tokenizer, request.prompt, request.answer_prefix, self.settings.chat, room)
            prompts.append({"prompt_token_ids": ids})
            parameters.append(SamplingParams(
                n=1, seed=request.seed, temperature=request.temperature, top_p=request.top_p, top_k=0, min_p=0.0,
                repetition_penalty=1.0, frequency_penalty=0.0, presence_penalty=0.0, max_tokens=request.max_tokens,
                min_tokens=0, stop=list(request.stop), include_stop_str_in_output=False,
            ))  # fmt: skip
        self._listen(beat)
        try:
            answers = self.llm.generate(prompts, parameters, use_tqdm=False)
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            raise RetryError("the engine ran out of memory", mend=SMALLER) from error
        return [_output(answer, prompt["prompt_token_ids"]) for answer, prompt in zip(answers, prompts, strict=True)]

    def judge(self, requests: Sequence[ChoiceRequest], beat: Callable[[], None]) -> list[ChoiceOutput]:
        """Answers in order: a request of one token a question, with the log-probabilities of yes and no."""
        from vllm import SamplingParams

        yes, no = choice_tokens(self.tokenizer)
        greedy = SamplingParams(
            n=1, temperature=0.0, max_tokens=1, logprob_token_ids=[*yes, *no], detokenize=False
        )  # fmt: skip
        room = self.settings.max_model_len - 1
        ids = [
            [encode(self.tokenizer, prompt, request.answer_prefix, self.settings.chat, room)
             for prompt in request.prompts] for request in requests
        ]  # fmt: skip
        flat = [{"prompt_token_ids": one} for questions in ids for one in questions]
        self._listen(beat)
        try:
            self.llm.reset_prefix_cache()  # so that a call gives the same bits whatever came before
            answers = iter(self.llm.generate(flat, [greedy] * len(flat), use_tqdm=False))
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            raise RetryError("the engine ran out of memory", mend=SMALLER) from error
        made = []
        for questions in ids:
            found = [next(answers).outputs[0].logprobs[0] for _ in questions]
            log_yes, log_no = ([[one[token].logprob for token in tokens] for one in found] for tokens in (yes, no))
            made.append(choice_output(log_yes, log_no, questions))
        return made

    def close(self) -> None:
        """Drop the model."""
        self.llm = None

    def describe(self) -> dict[str, Any]:
        """Engine flags and environment; the hash of the chat template once started."""
        return {
            "engine": "vllm", "device": "cpu" if is_cpu_build() else "accelerator", "model": self.settings.name,
            "revision": self.settings.revision, **self._arguments(), **self._environment(), **self.facts,
        }  # fmt: skip

    def _environment(self) -> dict[str, str]:
        if is_cpu_build():
            return ENVIRONMENT | {"VLLM_CPU_KVCACHE_SPACE": str(self.settings.kv_cache_gib)}
        return ENVIRONMENT | {"VLLM_BATCH_INVARIANT": "1"}

    def _arguments(self) -> dict[str, Any]:
        own = self.settings
        return {
            "dtype": own.dtype, "max_model_len": own.max_model_len, "max_num_seqs": own.max_num_seqs,
            "max_num_batched_tokens": own.max_num_batched_tokens,
            "gpu_memory_utilization": own.memory_share, "tensor_parallel_size": own.tensor_parallel,
            "enforce_eager": True, "seed": 0, "disable_log_stats": True,
            # A cached prefix changes the last bits of what is sampled; questions are scored, and forget it in between.
            "enable_prefix_caching": own.prefix_caching,
            # A seeded request that is prefilled in parts crashes the CPU build.
            "enable_chunked_prefill": False,
        }  # fmt: skip

    def _listen(self, beat: Callable[[], None]) -> None:
        """Call `beat` at every step of the engine, so that a hang can be told from a long batch."""
        engine = self.llm.llm_engine
        step = type(engine).step

        def beating() -> Any:
            beat()
            made = step(engine)
            inner.add(sum(one.finished for one in made))
            return made

        engine.step = beating


def is_cpu_build() -> bool:
    """Whether the installed vLLM is the CPU build, which has a sampler of its own; nothing is imported."""
    return any(True for _ in metadata.distributions(name="vllm-cpu"))


def _output(answer: Any, prompt: list[int]) -> EngineOutput:
    if list(answer.prompt_token_ids) != prompt:
        raise RetryError("the engine changed a prompt", mend="Its version is not the one of the lock file")
    made = answer.outputs[0]
    if made.finish_reason not in ("stop", "length"):
        raise RetryError(f"the engine gave a request up ({made.finish_reason})")
    return EngineOutput(made.text, tuple(made.token_ids), len(prompt), made.finish_reason)


def ran_out_of_memory(error: Exception) -> bool:
    """Whether less work may succeed: memory ran out, on the host or the device, or the engine died of it."""
    if isinstance(error, MemoryError) or type(error).__name__ in ("OutOfMemoryError", "EngineDeadError"):
        return True
    return any(words in str(error).lower() for words in OUT_OF_MEMORY)
