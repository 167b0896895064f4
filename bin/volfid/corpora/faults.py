"""Rows of a source that cannot be used: noted and left out while the sources are read, reported together."""

import contextlib
from collections import Counter
from collections.abc import Hashable, Iterator

from volfid.core.exits import DataError

MOST = 20


class SourceFaults(DataError):
    """Several faults in one message (65), each with its place; what mends several is said once."""

    def __init__(self, head: str, faults: list[DataError], alike: list[int]):
        lines, said = list[str](), set[str]()
        for fault, others in zip(faults, alike, strict=True):
            more = f"; and {others} more rows like it" if others else ""
            mend = f". {fault.mend}" if fault.mend and fault.mend not in said else ""
            said.add(str(fault.mend))
            lines.append(f"{fault.message}{more}{mend}")
        super().__init__(lines[0] if len(lines) == 1 else "\n  ".join([head, *lines]))


class Faults:
    """The faults of all sources of one conversion. Reading ends at MOST of them, else with the last source."""

    def __init__(self) -> None:
        self.found: list[DataError] = []
        self._kinds: list[Hashable] = []
        self._alike: Counter[Hashable] = Counter()

    def add(self, fault: DataError, kind: Hashable = None) -> None:
        """Note a fault; of those of one `kind` the first is shown and the others are counted."""
        if kind is not None and kind in self._kinds:
            self._alike[kind] += 1
            return
        self.found.append(fault)
        self._kinds.append(kind)
        if len(self.found) == MOST:
            self.check()

    @contextlib.contextmanager
    def row(self) -> Iterator[None]:
        """One row, or document: a DataError in the block is noted, and the row is left out."""
        try:
            yield
        except SourceFaults:
            raise
        except DataError as fault:
            self.add(fault)

    def check(self) -> None:
        """Raise what was noted: the fault itself when it is one."""
        if not self.found:
            return
        alike = [self._alike[kind] for kind in self._kinds]
        if len(self.found) == 1 and not any(alike):
            raise self.found[0]
        rest = "; the sources were not read further" if len(self.found) == MOST else ""
        raise SourceFaults(f"{len(self.found)} faults in the sources{rest}:", self.found, alike)
