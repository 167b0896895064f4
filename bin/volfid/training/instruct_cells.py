"""One cell of an instruction-tuned causal LLM: as a fine-tuned encoder, with answers in place of a head."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from volfid.core.exits import ConfigError
from volfid.training.cells import ALL_ROWS, CellData
from volfid.training.encoder import FineTuning, Tuned
from volfid.training.encoder_cells import EncoderTuner
from volfid.training.instruct import FLAGS, InstructTuning
from volfid.training.memory import MicroBatch
from volfid.training.pretrained import Pretrained, load_writer
from volfid.training.recipes import InstructRecipe

Row = Mapping[str, Any]


class InstructTuner(EncoderTuner):
    """Adapters of a causal LLM trained on answers in words."""

    kind: type[FineTuning] = InstructTuning

    def _start(self, entry: Row, model_dir: Path, labels: Sequence[Row]) -> Pretrained:
        if not labels or not isinstance(self.recipe, InstructRecipe):
            raise ConfigError("an instruction-tuned model needs the label list and a recipe of family instruct")
        names = {row["label"]: row["name"] for row in labels}
        return load_writer(entry, model_dir, self.recipe, [names[label] for label in sorted(names)])

    @property
    def facts(self) -> dict[str, Any]:
        """How the model ran, and how it was asked, for the manifest."""
        said, recipe = self.start.speech, self.recipe
        assert said is not None and isinstance(recipe, InstructRecipe)
        asked = {"decoding": recipe.decoding, "beams": recipe.beams, "ranking": recipe.ranking}
        return super().facts | asked | {"tokens_of_label_list": len(said.head)}

    def _closing(self, data: CellData, final: Tuned, scores: Any, micro: MicroBatch) -> dict[str, float]:
        """Loss on answers, and of the test documents' answers: the share without an array, and ids by kind.

        Shares of unknown and repeated ids are of all ids that were said.
        """
        assert isinstance(self.tuning, InstructTuning)
        noted = dict(zip(FLAGS, self.tuning.noted.astype(np.float64).T, strict=True))  # of the test documents
        ids = max(noted["ids"].sum(), 1.0)
        rows = data.rows.epoch(data.kept[ALL_ROWS])
        labels = data.rows.labels[:, np.argsort(np.asarray(data.label_ids), kind="stable")]
        return {
            "answer_loss_final": self.tuning.answer_loss(final, data.vectors[rows, 0], labels[rows], micro),
            "answers_unparsed_share": float(noted["failed"].mean()),
            "answer_ids_unknown_share": float(noted["unknown"].sum() / ids),
            "answer_ids_repeated_share": float(noted["repeated"].sum() / ids),
            "answer_ids_per_document": float(noted["ids"].mean()),
        }  # fmt: skip

    def _sight(self, final: Tuned, micro: MicroBatch) -> None:
        """Nothing pooled stands for a text here."""
