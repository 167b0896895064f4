"""What embedding with an encoder and fine-tuning it share: its fetched folder, and how tokens become one vector."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from volfid.core.exits import ConfigError, InputMissingError

CARD = "model.json"


def model_folder(model_dir: Path, entry: Mapping[str, Any]) -> Path:
    """The folder of a model: `model_dir` itself, or the one of its name inside; its pinned revision is checked."""
    folder = model_dir if (model_dir / CARD).is_file() else model_dir / entry["name"]
    if not (folder / CARD).is_file():
        raise InputMissingError(f"{folder} holds no fetched model", mend=f"Run fetch_models.py --only {entry['name']}")
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    if (card["name"], card["revision"]) != (entry["name"], entry["revision"]):
        raise ConfigError(
            f"{folder} holds {card['name']} at {card['revision']}; planned is {entry['name']} at {entry['revision']}",
            mend=f"Run fetch_models.py --only {entry['name']}",
        )
    return folder


def token_numbers(entry: Mapping[str, Any], tokenizer: Any, texts: Sequence[str], most: int | None) -> list[list[int]]:
    """Tokens of each text as its encoder wants them, at most `most` (None: all), special ones included.

    `prefix` of the entry stands before every text, real, synthetic and test alike: the same words for all, so that no
    arm is told more. `end_token` closes every text, cut ones too, whether or not the tokenizer puts it there itself:
    last-token pooling reads it. Raises ConfigError when the tokenizer does not know it.
    """
    if not texts:
        return []
    worded = [(entry.get("prefix") or "") + text for text in texts]
    limit = {} if most is None else {"truncation": True, "max_length": most}
    numbers: list[list[int]] = tokenizer(worded, **limit)["input_ids"]
    if not entry.get("end_token"):
        return numbers
    end = tokenizer.convert_tokens_to_ids(entry["end_token"])
    if end is None or end == tokenizer.unk_token_id:
        raise ConfigError(f"encoder {entry['name']}: its tokenizer has no token {entry['end_token']!r}")
    return [part if part and part[-1] == end else [*(part if most is None else part[: most - 1]), end]
            for part in numbers]  # fmt: skip


def pooling_of(entry: Mapping[str, Any]) -> Callable[[Any, Any], Any]:
    """The pooling of an entry of models.yaml: (hidden (batch, tokens, d), mask (batch, tokens)) to (batch, d)."""
    try:
        return POOLINGS[entry["pooling"]]
    except KeyError:
        raise ConfigError(
            f"encoder {entry['name']}: pooling {entry['pooling']!r} is unknown", mend=f"One of {', '.join(POOLINGS)}"
        ) from None


def _mean(hidden: Any, mask: Any) -> Any:
    """Mean of the token vectors that are not padding; hidden (batch, tokens, d), mask (batch, tokens)."""
    weight = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)


def _first_token(hidden: Any, mask: Any) -> Any:
    return hidden[:, 0]


def _last_token(hidden: Any, mask: Any) -> Any:
    """The last token that is not padding, whichever side was filled up; a causal model has read all by then."""
    place = (mask * _numbers(mask)).argmax(1)
    return hidden[_numbers(mask.T), place]


def _numbers(mask: Any) -> Any:
    """0, 1, ... along the last dimension of `mask` (batch, tokens), shape (tokens,), where it lies."""
    return mask.new_ones(mask.shape[-1]).cumsum(0) - 1


POOLINGS = {"mean": _mean, "cls": _first_token, "last": _last_token}
