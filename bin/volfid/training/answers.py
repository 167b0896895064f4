"""A generator's answers as the scores of a cell: out of fold for its real documents, and for the test documents."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from volfid.core.exits import DataError
from volfid.core.labels import label_order_sha
from volfid.training.cells import Outcome

Row = Mapping[str, Any]


class Answers:
    """Rows of contract `answers` by labeller, generator, regime, draw and document.

    Raises DataError when they were made for another label order.
    """

    def __init__(self, rows: Iterable[Row], label_ids: Sequence[str]):
        self.rows: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            if row["label_order_sha"] != label_order_sha(label_ids):
                raise DataError("answers.parquet holds another label order", mend="Ask the generator again")
            key = (row["labeller"], row["generator"], row["regime"], row["draw"], row["doc_id"])
            self.rows[key] = row

    def outcome(self, cell: Row, doc_ids: Sequence[str], test_ids: Sequence[str]) -> Outcome:
        """Scores of the real documents (their exemplars come from other folds) and of the test documents.

        Books the tokens of both, without those read once for all questions about a document.
        Raises DataError when a document was not asked about: a cell is scored on all test documents or not at all.
        """
        asked = (cell["regime"], cell["draw"]) if cell["classifier"] == "few_shot" else (None, None)
        place = (cell["classifier"], cell["generator"], *asked)
        if not any(key[:4] == place for key in self.rows):
            raise DataError(
                f"{cell['generator']} was not asked for labels ({cell['classifier']}): no answers are there"
            )
        missing = [doc_id for doc_id in (*doc_ids, *test_ids) if (*place, doc_id) not in self.rows]
        if missing:
            raise DataError(f"{cell['generator']} was not asked about {len(missing)} documents, one is {missing[0]}")
        real, test = ([self.rows[*place, doc_id] for doc_id in ids] for ids in (doc_ids, test_ids))
        book = {"answer_mass": float(np.mean([row["answer_mass"] for row in test]))}
        for name, rows in (("real", real), ("test", test)):
            book[f"tokens_read_{name}"] = float(sum(row["tokens_prompt"] - row["tokens_cached"] for row in rows))
            book[f"tokens_written_{name}"] = float(sum(row["tokens_completion"] for row in rows))
            book[f"answers_missing_{name}"] = float(sum(row["failures"] for row in rows))
        return Outcome(_scores(real), _scores(test), book)


def _scores(rows: Sequence[Row]) -> np.ndarray:
    return np.array([row["scores"] for row in rows], dtype=np.float32)
