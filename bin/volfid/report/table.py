"""A table as data: what the template prints, without markup."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from volfid.core.bounded import AT_BOUND, NEAR_BOUND
from volfid.report.means import Mean
from volfid.report.text import UNDEFINED, interval, number


@dataclass(frozen=True)
class Table:
    """`kinds` has one letter a column: t text, n number (right aligned), c code. `more` tells what was left out."""

    title: str
    caption: str
    columns: Sequence[str]
    kinds: str
    rows: list[list[str]] = field(default_factory=list)
    more: str | None = None
    empty: str = "Nothing to show."

    def limited(self, limit: int, where: str) -> "Table":
        """At most `limit` rows; the rest is counted and its file named."""
        if len(self.rows) <= limit:
            return self
        more = f"{len(self.rows) - limit} further rows are in {where}."
        return Table(self.title, self.caption, self.columns, self.kinds, self.rows[:limit], more, self.empty)


def value_and_interval(
    value: float | None, low: float | None, high: float | None, digits: int = 3, note: str | None = None
) -> str:
    """`0.512 [0.480, 0.544]`, `1.000 no interval (every draw is 1)`, or `undefined (reason)`."""
    if value is None and low is None and high is None:
        return f"{UNDEFINED} ({note})" if note else UNDEFINED
    shown = "no interval" if low is None and high is None else interval(low, high, digits)
    if low is None and high is None and (note or "").startswith((AT_BOUND[:13], NEAR_BOUND[:12])):
        shown += f" ({(note or '').partition(':')[0]})"
    return f"{number(value, digits)} {shown}"


def mean_words(mean: Mean | None, digits: int = 3) -> str:
    """A mean over draws with its interval; a dash where nothing was measured."""
    if mean is None:
        return "–"
    return value_and_interval(mean.value, mean.low, mean.high, digits, mean.note)


def column_digits(values: Iterable[float | None]) -> int:
    """Decimals that show three digits of the largest value of a column, at most 5; 3 when all are zero."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    if largest == 0:
        return 3
    for bound, digits in ((1000, 0), (100, 1), (10, 2), (0.1, 3), (0.01, 4)):
        if largest >= bound:
            return digits
    return 5


def pivot_rows(
    cells: dict[tuple[str, ...], dict[str, Mean]], columns: Sequence[str], digits: int | None = None
) -> list[list[str]]:
    """Rows of a pivot: the key's words, then one mean for each column, rounded alike down a column."""
    places = {
        column: digits or column_digits(row[column].value for row in cells.values() if column in row)
        for column in columns
    }
    return [[*key, *(mean_words(row.get(column), places[column]) for column in columns)] for key, row in cells.items()]
