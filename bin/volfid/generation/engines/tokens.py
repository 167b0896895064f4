"""Chat templates to token ids, with neither a second BOS nor a user's special token."""

from typing import Any

from volfid.core.exits import ConfigError, DataError
from volfid.core.files import sha256_text


def encode(tokenizer: Any, prompt: str, answer_prefix: str, chat: dict[str, Any] | None, room: int) -> list[int]:
    """Token ids of one user turn and the opened answer.

    chat: {system: text or null, template_arguments: {...}} of the model entry. The template writes the
    BOS itself, so the tokenizer adds none (double BOS costs quality and is easy to get: vLLM 27486).
    Raises DataError when the ids exceed `room`: a prompt is never cut silently.
    """
    chat = chat or {}
    messages = [{"role": "user", "content": harmless(tokenizer, prompt)}]
    if chat.get("system"):
        messages.insert(0, {"role": "system", "content": chat["system"]})
    written = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, **chat.get("template_arguments", {})
    )
    ids = list(tokenizer(written + answer_prefix, add_special_tokens=False)["input_ids"])
    check_bos(tokenizer, written, ids)
    if len(ids) > room:
        raise DataError(
            f"a prompt has {len(ids)} tokens, {room} fit beside max_tokens in max_model_len",
            mend="Lower shown_words or exemplars in the design, or raise max_model_len of the model",
        )
    return ids


def harmless(tokenizer: Any, text: str) -> str:
    """`text` with every special-token string broken by a space, so that no document can end its turn."""
    for special in sorted(set(tokenizer.all_special_tokens), key=len, reverse=True):
        if len(special) > 1:
            text = text.replace(special, f"{special[0]} {special[1:]}")
    return text


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
