"""Label cells of a table with one column a label: 0 and 1, yes and no, or any mark where nothing says no."""

from typing import Any

from volfid.core.cells import flag, missing
from volfid.core.exits import DataError
from volfid.corpora.documents import plain
from volfid.corpora.faults import MOST, Faults


class Marks:
    """Whether label cells of one file are set, by the rule that `prepare_documents.py` has for its inputs.

    1, true and yes are set; 0, false, no and an empty cell are not. Any other mark (`x`, a date) is set, too, where no
    label cell of the file says 0, false or no; beside such cells it is a fault.
    """

    def __init__(self, file: str):
        self.file = file
        self.says_no = False
        self.odd: list[tuple[int, str, str]] = []

    def is_set(self, column: str, value: Any, number: int) -> bool:
        """Whether the label of `column` holds in row `number`."""
        known = flag(value, words=True)
        if known is None and len(self.odd) < MOST:
            self.odd.append((number, column, plain(value)))
        elif known is False and not missing(plain(value)):
            self.says_no = True
        return known is not False

    def check(self, faults: Faults) -> None:
        """Note the marks of a file that has been read, where other cells say no."""
        for number, column, text in self.odd if self.says_no else ():
            faults.add(
                DataError(
                    f"{self.file}, row {number}, field {column!r}: {text[:40]!r} is neither yes nor no, and "
                    "other label cells say no",
                    mend="Use 0 and 1, or leave the cells empty where the label does not apply",
                )
            )
