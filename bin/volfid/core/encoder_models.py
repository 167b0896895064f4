"""What embedding with an encoder and fine-tuning it share: its fetched folder, and how tokens become one vector."""

import json
from collections.abc import Callable, Mapping
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


POOLINGS = {"mean": _mean, "cls": _first_token}
