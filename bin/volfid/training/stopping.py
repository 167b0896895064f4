"""Early stopping as in the first author's public code: by F1 at 0.5, after every epoch, with patience in epochs.

On few documents the score stays on a plateau near 0 for many epochs, so the rule ends training after
`patience` + 1 epochs and keeps the first one. It is an arm, never a default.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from volfid.training.metrics import f1_micro
from volfid.training.thresholds import FIXED, decide

if TYPE_CHECKING:
    from volfid.training.mlp import MlpStack


class StopRule:
    """Monitor for `fit_mlp`: every head has its own epochs, validation set and best state.

    steps     updates of an epoch, by head
    held      (vectors, truth) of the validation documents, by head
    patience  epochs without a better score after which a head is done
    best, best_epoch, epochs: state of the best epoch, its number from 1, epochs made; by head
    """

    def __init__(self, steps: Sequence[int], held: Sequence[tuple[np.ndarray, np.ndarray]], patience: int):
        self.steps, self.held, self.patience = steps, held, patience
        self.best: dict[int, MlpStack] = {}
        self.best_epoch = [0] * len(steps)
        self.epochs = [0] * len(steps)
        self._score = [-1.0] * len(steps)
        self._done = [False] * len(steps)

    def __call__(self, update: int, now: Callable[[], "MlpStack"]) -> bool:
        """Score the heads whose epoch ends with this update; True when all are done."""
        state = None
        for head, steps in enumerate(self.steps):
            if self._done[head] or update % steps:
                continue
            state = state or now()
            self.epochs[head] += 1
            vectors, truth = self.held[head]
            score = f1_micro(truth, decide(state.predict(head, vectors), FIXED)) or 0.0
            if score > self._score[head]:
                self._score[head], self.best[head], self.best_epoch[head] = score, state, self.epochs[head]
            self._done[head] = self.epochs[head] - self.best_epoch[head] >= self.patience
        return all(self._done)
