"""What asking a causal LLM and fine-tuning one share: texts that cannot end their turn, tokens of yes and no."""

from typing import Any

from volfid.core.exits import ConfigError

YES = ("yes", "Yes", "YES", " yes", " Yes", " YES")
NO = ("no", "No", "NO", " no", " No", " NO")


def choice_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Ids of the single tokens that begin a yes and a no, in any case, with and without a space before.

    Raises ConfigError when the tokenizer has none, or one token for both.
    """
    found = []
    for words in (YES, NO):
        encoded = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]
        found.append(sorted({ids[0] for ids in encoded if len(ids) == 1 and ids[0] != tokenizer.unk_token_id}))
    if not all(found) or set(found[0]) & set(found[1]):
        raise ConfigError("the tokenizer has no single tokens for yes and no, so it cannot be asked for labels")
    return found[0], found[1]


def harmless(tokenizer: Any, text: str) -> str:
    """`text` with every special-token string broken by a space, so that no document can end its turn.

    The names of a tokenizer's roles (BOS, EOS, ...) are not enough: the marks of turns of Phi, Llama and Mistral are
    special tokens without a role.
    """
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    specials = {*tokenizer.all_special_tokens, *(token.content for token in added if token.special)}
    for special in sorted(specials, key=lambda one: (-len(one), one)):
        if len(special) > 1:
            text = text.replace(special, f"{special[0]} {special[1:]}")
    return text
