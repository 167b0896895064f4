"""One cell of an encoder that says labels one after another: as a fine-tuned encoder, with sequences for a head."""

from typing import Any

import numpy as np

from volfid.training.cells import ALL_ROWS, CellData
from volfid.training.encoder import FineTuning, Tuned
from volfid.training.encoder_cells import EncoderTuner
from volfid.training.memory import MicroBatch
from volfid.training.sequence import SequenceTuning


class SequenceTuner(EncoderTuner):
    """Encoder and decoder trained together."""

    kind: type[FineTuning] = SequenceTuning

    def _closing(self, data: CellData, final: Tuned, scores: Any, micro: MicroBatch) -> dict[str, float]:
        """Mean labels in the answers to the test documents, and the loss on the targets of the training rows."""
        assert isinstance(self.tuning, SequenceTuning)
        said = float(self.tuning.noted.mean())  # of the test documents, the last ones that were scored
        rows = data.rows.epoch(data.kept[ALL_ROWS])
        labels = data.rows.labels[:, np.argsort(np.asarray(data.label_ids), kind="stable")]
        loss = self.tuning.sequence_loss(final, data.vectors[rows, 0], labels[rows], micro)
        return {"sequence_loss_final": loss, "labels_said_per_document": said}
