"""A training set seen as a corpus."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Entries:
    """A corpus: document numbers and label-set numbers of its distinct (document, label set) pairs, and counts.

    Sorted by document number. One document with two label sets is two entries; the unique variant keeps the first.
    """

    documents: np.ndarray
    label_sets: np.ndarray
    counts: np.ndarray
    synthetic: np.ndarray

    @property
    def size(self) -> int:
        """Documents, copies counted."""
        return int(self.counts.sum())

    def take(self, keep: np.ndarray) -> "Entries":
        """Some of the entries, each once."""
        return Entries(
            self.documents[keep], self.label_sets[keep], np.ones(len(keep), dtype=np.int64), self.synthetic[keep]
        )

    def once(self) -> "Entries":
        """Every document once."""
        return self.take(np.unique(self.documents, return_index=True)[1])
