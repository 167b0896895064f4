"""Which tuner runs the cells of a job that fine-tunes a model."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from volfid.training.contrastive import ContrastiveTuner
from volfid.training.encoder_cells import BodyTuner, DecoderTuner, EncoderTuner
from volfid.training.instruct_cells import InstructTuner
from volfid.training.sequence_cells import SequenceTuner

TUNERS: dict[str, type[BodyTuner]] = {
    "encoder": EncoderTuner,
    "contrastive": ContrastiveTuner,
    "decoder": DecoderTuner,
    "instruct": InstructTuner,
    "sequence": SequenceTuner,
}


def make_tuner(
    settings: Mapping[str, Any], documents: Iterable[Mapping[str, Any]], model_dir: Path, attempt: int = 1,
    labels: Sequence[Mapping[str, Any]] = (),
) -> BodyTuner:  # fmt: skip
    """The tuner of the recipe's family; arguments as of BodyTuner."""
    kind = TUNERS.get(settings["recipe"].get("family"), EncoderTuner)  # which refuses what fine-tunes nothing
    return kind(settings, documents, model_dir, attempt, labels)
