"""Chat templates to token ids, with neither a second BOS nor a user's special token."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from volfid.core.chat import harmless
from volfid.core.exits import ConfigError, DataError
from volfid.core.files import sha256_text
from volfid.generation.engines.base import ChoiceOutput

REASONING = {"<think>": "</think>", "<thinking>": "</thinking>", "[THINK]": "[/THINK]", "◁think▷": "◁/think▷"}


def encode(tokenizer: Any, prompt: str, answer_prefix: str, chat: Mapping[str, Any] | None, room: int) -> list[int]:
    """Token ids of one user turn and the opened answer.

    chat: {system: text or null, template_arguments: {...}} of the model entry. The template writes the
    BOS itself, so the tokenizer adds none (double BOS costs quality and is easy to get: vLLM 27486). Where the template
    opens a block of reasoning, the block is closed: the answer begins at once.
    Raises DataError when the ids exceed `room`: a prompt is never cut silently.
    """
    chat = chat or {}
    messages = [{"role": "user", "content": harmless(tokenizer, prompt)}]
    if chat.get("system"):
        messages.insert(0, {"role": "system", "content": chat["system"]})
    written = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, **chat.get("template_arguments", {})
    )
    written += end_of_reasoning(written)
    ids = list(tokenizer(written + answer_prefix, add_special_tokens=False)["input_ids"])
    check_bos(tokenizer, written, ids)
    if len(ids) > room:
        raise DataError(
            f"a prompt has {len(ids)} tokens, {room} fit beside max_tokens in max_model_len",
            mend="Lower shown_words or exemplars in the design, or raise max_model_len of the model",
        )
    return ids


def end_of_reasoning(written: str) -> str:
    """What closes the block of reasoning that a chat template ends with; empty where it ends with none."""
    for opened, closed in REASONING.items():
        if written.rstrip().endswith(opened):
            return f"\n{closed}\n\n"
    return ""


def common_length(sequences: Sequence[Sequence[Any]]) -> int:
    """Length of the longest common beginning that leaves every sequence at least one token."""
    shortest = min(len(one) for one in sequences) - 1
    first = sequences[0]
    return next((i for i in range(shortest) if any(one[i] != first[i] for one in sequences)), shortest)


def choice_output(
    log_yes: Sequence[Sequence[float]], log_no: Sequence[Sequence[float]], ids: Sequence[Sequence[int]]
) -> ChoiceOutput:
    """Shares and mass from the log-probabilities of the yes and no tokens of each question.

    `ids`: the prompt tokens of each question. All but the first need to read only what follows the beginning
    that all of them have in common.
    """
    yes = [math.fsum(math.exp(x) for x in row if not math.isnan(x)) for row in log_yes]
    no = [math.fsum(math.exp(x) for x in row if not math.isnan(x)) for row in log_no]
    shares = tuple(y / (y + n) if y + n > 0 else None for y, n in zip(yes, no, strict=True))
    mass = math.fsum(yes + no) / len(shares)
    cached = common_length(ids) * (len(ids) - 1) if len(ids) > 1 else 0
    return ChoiceOutput(shares, mass, sum(map(len, ids)), cached)


def check_bos(tokenizer: Any, written: str, ids: list[int]) -> None:
    """Raise ConfigError unless `ids` begin with exactly the BOS tokens that the template wrote."""
    bos, bos_id = tokenizer.bos_token, tokenizer.bos_token_id
    if bos is None:
        return
    expected = 0
    while written[expected * len(bos) :].startswith(bos):
        expected += 1
    found = next((index for index, token in enumerate(ids) if token != bos_id), len(ids))
    if found != expected or expected > 1:
        raise ConfigError(f"the prompt begins with {found} BOS tokens, the chat template writes {expected}")


def template_sha(tokenizer: Any) -> str:
    """SHA-256 of the chat template."""
    return sha256_text(str(tokenizer.chat_template))
