"""Too little memory of a GPU: once a cell goes on with half the micro-batch, then it gives up for now (75)."""

from collections.abc import Callable
from typing import TypeVar

import torch

from volfid.core.exits import RetryError
from volfid.core.log import log

T = TypeVar("T")


class MicroBatch:
    """Documents that go through the encoder at once, for one cell.

    A batch is the sum over its micro-batches, so that half the size gives the same update up to rounding
    (with dropout inside the encoder: the same law, other draws).
    """

    def __init__(self, cell_id: str, size: int):
        self.cell_id, self.size, self.planned = cell_id, max(1, size), max(1, size)

    @property
    def halved(self) -> bool:
        """Whether the memory ran out."""
        return self.size != self.planned

    def run(self, work: Callable[[int], T]) -> T:
        """`work(size)`; when its memory runs out, once more with half the size, here and for the rest of the cell.

        Raises RetryError when it runs out again, or one document is already too much.
        """
        try:
            return work(self.size)
        except torch.OutOfMemoryError as error:
            if self.halved or self.size == 1:
                raise RetryError(
                    f"{self.cell_id}: the GPU's memory does not hold a micro-batch of {self.size} documents",
                    mend="Lower micro_batch or max_tokens of the recipe",
                ) from error
        # outside of the handler, whose traceback would keep the tensors of the failed try
        self.size //= 2
        log(f"{self.cell_id}: out of GPU memory; the micro-batch goes from {self.planned} to {self.size} documents")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return self.run(work)
