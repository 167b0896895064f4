"""What every family of classifiers is given for a cell, and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from volfid.core.exits import ParameterError
from volfid.training.linear import Designs
from volfid.training.rows import TrainRows

if TYPE_CHECKING:
    from volfid.training.losses import Loss

ALL_ROWS = -1  # the "fold" of the final fit


@dataclass(frozen=True)
class CellData:
    """What a cell trains on and is scored on.

    rows, vectors  training rows and their vectors, (rows, dimensions) float32; where an encoder is fine-tuned
                   the vector of a text is its number in the store of tokens, (rows, 1) int64
    kept           fold -> rows that may train it; ALL_ROWS -> rows of the final fit. A row may stand in it
                   several times
    folds          fold of each of the n real documents; real_vectors, real_truth: theirs
    test_vectors   vectors of the test documents (their labels are not here)
    cardinality    mean labels of the n real documents
    answers        what a generator answered about the real and the test documents; None for trained classifiers
    tuner          the encoder to fine-tune with the tokens of all texts; None for heads on frozen embeddings
    loss           what is minimised instead of the plain BCE; None for that
    designs        rows whose principal axes are known, shared by the cells of a job
    """

    rows: TrainRows
    vectors: np.ndarray
    kept: Mapping[int, np.ndarray]
    folds: np.ndarray
    real_vectors: np.ndarray
    real_truth: np.ndarray
    test_vectors: np.ndarray
    label_ids: Sequence[str]
    cardinality: float
    master_seed: int
    answers: "Outcome | None" = None
    tuner: Any = None
    loss: "Loss | None" = None
    designs: Designs = field(default_factory=Designs)

    def counted(self, kept: np.ndarray) -> np.ndarray | None:
        """Row numbers whose label counts the loss uses where these are not those of the rows `kept` themselves."""
        if self.loss is None or self.loss.counts == "trained":
            return None
        own = kept[self.rows.own[kept]]
        if not len(own):
            raise ParameterError("a loss with counts: real needs rows of real documents", mend="Use counts: trained")
        return self.rows.merged(own)[0]

    @property
    def held_out(self) -> dict[int, np.ndarray]:
        """`kept` of the folds alone."""
        return {fold: rows for fold, rows in self.kept.items() if fold != ALL_ROWS}


@dataclass
class Outcome:
    """Scores (documents, labels) float32 of the n real documents, out of fold, and of the test documents.

    `book`: bookkeeping numbers, written as score rows. `models`: fold (or ALL_ROWS) -> the function that
    gives the probabilities of its model for any vectors. `represent`: the function that gives what the final
    model has learnt to see of a document (its hidden layer); None where nothing is learnt before the scores.
    """

    oof: np.ndarray
    test: np.ndarray
    book: dict[str, float] = field(default_factory=dict)
    models: dict[int, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)
    represent: Callable[[np.ndarray], np.ndarray] | None = None
