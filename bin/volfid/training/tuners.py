"""Which tuner runs the cells of an encoder job."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from volfid.training.contrastive import ContrastiveTuner
from volfid.training.encoder_cells import BodyTuner, EncoderTuner


def make_tuner(
    settings: Mapping[str, Any], documents: Iterable[Mapping[str, Any]], model_dir: Path, attempt: int = 1
) -> BodyTuner:
    """The tuner of the recipe's family; arguments as of BodyTuner."""
    kind = ContrastiveTuner if settings["recipe"].get("family") == "contrastive" else EncoderTuner
    return kind(settings, documents, model_dir, attempt)
