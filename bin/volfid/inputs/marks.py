"""Label columns: which of their marks mean yes, which mean no, and when they hold names of labels instead."""

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from volfid.core.cells import flag, missing, spreadsheet_error, whole
from volfid.inputs.faults import Fault, shown, some
from volfid.inputs.text import cell_text, normalise

ANY, NAMES = "*", "names"
# what people write for yes and no beside 1, true, y, yes and 0, false, n, no; without case
_YES = (
    "x|xx|\u00d7|t|j|ja|oui|si|s\u00ed|s\u00ec|sim|da|tak|ano|\u00e1no|kyll\u00e4|igen|evet|jah|wahr|vrai|"
    "vero|verdadero|verdadeiro|waar|sand|present|positive|positiv|positif|positivo|pos|+|+1|on|checked|yep|"
    "yeah|\u2713|\u2714|\u2611|\u2705|\u0434\u0430|\u662f|\u6709|\u306f\u3044|\uc608|\u0646\u0639\u0645|"
    "vorhanden|applies|applicable|relevant|included|\u25cf|\u25c9|\u25a0|\u2605"
)
YES = frozenset(_YES.split("|"))
_NO = (
    "-1|f|nein|non|nee|nei|nej|n\u00e3o|nao|nie|ne|net|ei|nem|hay\u0131r|hayir|not|falsch|faux|falso|falsk|"
    "onwaar|absent|negative|negativ|n\u00e9gatif|negatif|negativo|neg|off|unchecked|nope|never|not present|"
    "not applicable|nicht|niet|kein|keine|\u2717|\u2718|\u2610|\u274c|\u043d\u0435\u0442|\u5426|\u65e0|"
    "\u7121|\u4e0d|\u3044\u3044\u3048|\uc544\ub2c8\uc624|\uc544\ub2c8\uc694|\u0644\u0627|fehlt|irrelevant|"
    "excluded|not relevant|does not apply|\u25cb|\u25ef|\u25a1|\u2606"
)
NO = frozenset(_NO.split("|"))
# what is neither: nobody reads such a word as a label
_DOUBT = re.compile(
    r"[./\\_\u00b7]|unknown|uncertain|unsure|unclear|maybe|perhaps|possibl[ey]|undetermined|pending|todo|tbd|unbekannt|unklar|inconnu|"
    r"(?:no|not|non|none|without|never|kein|keine|nicht|ohne|sans|pas|sin)\b.*", re.IGNORECASE,
)  # fmt: skip
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?%?", re.ASCII | re.IGNORECASE)
_DATE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}[-/]\d{4})(?:[T ].*)?", re.ASCII
)
_NUMBERED = re.compile(r"(.*?)(\d+)\D*")
_ANY_LABEL = re.compile(
    r"(?:labels?|categor(?:y|ies)|cat|class|tag|topic|code|cpc|ipc|annotat(?:or|ion)|rater|coder)[\W_]*\d+",
    re.IGNORECASE,
)
_KEPT = 100_000
_MEND = (
    "Use 0 and 1, or name what means yes, as in --label_marks 'x,ja' (any other text then means no); --label_marks '*' "
    "if any text means yes, --label_marks names if the cells hold names of labels"
)


class Marks:
    """The marks of the label columns of one file that are neither yes nor no by themselves, kept until all are known.

    flags: label by column. any_mark: whether the user named the columns. chosen: what the user says means yes, or
    `*` (any text), `names` (cells hold names of labels), or None.
    """

    def __init__(self, flags: Mapping[str, str], any_mark: bool, chosen: str | Sequence[str] | None):
        self.columns, self.labels = list(flags), list(flags.values())
        self.any_mark = any_mark
        listed = chosen.split(",") if isinstance(chosen, str) else chosen or ()
        self.chosen = frozenset(whole(word.strip().casefold()) for word in listed) if chosen else None
        self.zeros = self.ones = self.empty = False
        self.met: Counter[str] = Counter()  # cells by mark, of those that the user's words decided
        self.gaps: defaultdict[int, Counter[str]] = defaultdict(Counter)  # words for a missing value, by place
        self._numbers: dict[str, int] = {}
        self._values: list[str] = []
        self._pending: list[tuple[int, int]] = []
        self._rows, self._cols, self._marks = array("q"), array("H"), array("I")
        self._refused = 0
        self._where: dict[int, tuple[str, int]] = {}
        self.faults: list[Fault] = []

    def of_names(self) -> bool:
        """Whether the user says that cells hold names of labels."""
        return self.chosen == {NAMES}

    def yes(self, place: int, value: Any) -> bool:
        """Whether the cell of the label column at `place` says yes by itself; other marks are kept for `settle`."""
        if self.chosen is not None:
            return self._by_choice(place, value)
        known = flag(value, words=self.any_mark)
        if known is None and (text := cell_text(value)) is not None and not text.strip():
            known = False  # blanks alone
        if known is None:
            text = str(value).strip()
            number = self._numbers.setdefault(text, len(self._values))
            if number == len(self._values):
                self._values.append(text)
            self._pending.append((place, number))
        elif known:
            self.ones = True
        elif missing("" if value is None or value != value else str(value)):
            self.empty = True
            self._gap(place, value)
        else:
            self.zeros = True
        return bool(known)

    def _gap(self, place: int, value: Any) -> None:
        """Count a word for a missing value; a dash says no."""
        if isinstance(value, str) and (text := value.strip()).strip("-\u2013\u2014"):
            self.gaps[place][text] += 1

    def row(self, index: int | None, file: str, number: int) -> None:
        """The marks met since the last row belong to record `index` (None: one that is refused), in row `number`."""
        if not self._pending:
            return
        if index is None:
            self._refused += 1
            index = -self._refused
        for place, mark in self._pending:
            self._rows.append(index)
            self._cols.append(place)
            self._marks.append(mark)
            if len(self._where) < _KEPT:
                self._where[index] = (file, number)
        self._pending.clear()

    def settle(self, known: Collection[str] | None) -> tuple[dict[int, set[str]], bool]:
        """What the kept marks say: labels by record; and whether these are names that stand in the cells.

        Marks that nobody can be sure of become `faults`.
        """
        errors = {number for number, text in enumerate(self._values) if spreadsheet_error(text)}
        if errors:
            self._fault(errors, "error_cell", "is what a spreadsheet writes for a failed formula",
                        "Mend the formula, or error_cells=missing")  # fmt: skip
        others = {number: text for number, text in enumerate(self._values) if number not in errors}
        if not others:
            return {}, False
        if self.any_mark and self._hold_names(others, known):
            return self._found(lambda place, number: normalise(others[number]), others), True
        positive = self._positive(others) if self.any_mark else None
        if positive is None:
            what = "means neither yes nor no for certain" if self.any_mark else "is neither 0 nor 1"
            self._fault(others, "bad_flag", what, _MEND)
            return {}, False
        return self._found(lambda place, number: self.labels[place], positive), False

    def told(self, file: str, guessed: bool, names: bool) -> list[str]:
        """How the columns were read, for the user."""
        count = len(self.columns)
        if names or self.of_names():
            return [f"{file}: the cells of {some(self.columns)} were read as names of labels"]
        which = f" ({some(self.columns)}), as these mostly hold 0 and 1; name those that are with --label_columns"
        if self.chosen is not None:
            said = ", ".join(f"{shown(text)} ({cells} cells)" for text, cells in self.met.most_common(10)) or "nothing"
            line = f"{file}: labels were read from {count} columns by --label_marks; what means no there: {said}"
            return [line, *self.told_gaps(file)]
        marks = Counter(self._values[number] for number in self._marks)
        what = "0 and 1" if not marks else "marks"
        lines = [f"{file}: labels were read from {count} columns of {what}{which if guessed else ''}"]
        if marks:
            no = {text: cells for text, cells in marks.items() if whole(text.casefold()) in NO}
            yes = {text: cells for text, cells in marks.items() if text not in no}
            both = [(side, group) for side, group in (("yes", yes), ("no", no)) if group]
            told = [f"{side}: {some(group)} ({sum(group.values())} cells)" for side, group in both]
            lines[0] += f"; {', '.join(told)}; --label_marks says it otherwise"
        return lines + self.told_gaps(file)

    def told_gaps(self, file: str) -> list[str]:
        """How many cells of each column hold a word for a missing value, which counts as no."""
        if not self.gaps:
            return []
        first = sorted(self.gaps.items())[:10]
        each = ", ".join(f"{shown(self.columns[place])} {words.total()} ({some(words, 3)})" for place, words in first)
        more = f" and {len(self.gaps) - 10} more columns" if len(self.gaps) > 10 else ""
        return [f"{file}: cells with a word for a missing value were read as no: {each}{more}"]

    # ---- what marks mean ----------------------------------------------------------------------

    def _by_choice(self, place: int, value: Any) -> bool:
        text = cell_text(value) if not isinstance(value, bool) else str(value)
        text = str(value) if text is None else text
        key = whole(text.strip().casefold())
        if missing(key) and key not in (self.chosen or ()):
            self._gap(place, value)
            return False
        if self.chosen == {ANY} or key in (self.chosen or ()):
            return True
        self.met[text.strip()[:60]] += 1
        return False

    def _positive(self, others: Mapping[int, str]) -> set[int] | None:
        """The marks that mean yes; None when the marks of the file do not say it for certain."""
        folded = {number: whole(text.casefold()) for number, text in others.items()}
        no = {number for number, text in folded.items() if text in NO}
        yes = {number for number, text in folded.items() if text in YES and number not in no}
        rest = set(folded) - no - yes
        if self.zeros and self.ones:
            return None  # 0 and 1 are taken: a third mark is anything
        if self._numbered_columns() and _ANY_LABEL.fullmatch(self.columns[0]):
            return None  # label_1, label_2: words there may be labels
        if rest:
            return None if no or self.zeros or not self._plain(rest, yes, others) else rest | yes
        if no and not (yes or self.ones):
            return None  # the empty cells may mean yes
        if self.zeros and any(folded[number] == "-1" for number in no):
            return None  # -1 beside 0 may be 'uncertain'
        return yes

    def _plain(self, rest: set[int], yes: set[int], others: Mapping[int, str]) -> bool:
        """Whether marks of no known meaning mean yes: dates, counts, or one word or sign a file or a column, beside
        empty cells. 1 and 2 alone may be yes and no."""
        texts = {others[number] for number in rest}
        if not self.empty or any(map(_DOUBT.fullmatch, texts)):
            return False
        if len({text.casefold() for text in texts}) == 1 and not yes and not _NUMBER.fullmatch(next(iter(texts))):
            return True
        if all(_DATE.fullmatch(text) for text in texts):
            return True
        if all(_NUMBER.fullmatch(text) for text in texts):
            counts = {whole(text) for text in texts}
            return all(map(str.isdigit, counts)) and not yes and counts != {"2"} and not self._numbered_columns()
        by_column: defaultdict[int, set[int]] = defaultdict(set)
        for place, number in zip(self._cols, self._marks, strict=True):
            by_column[place].add(number)
        return len(rest) == len(by_column) and all(len(marks) == 1 for marks in by_column.values()) and not self.ones

    # ---- names ---------------------------------------------------------------------------------

    def _numbered_columns(self) -> list[int]:
        """Places of the label columns in the order of their numbers, when they are one series: label_1, label_2."""
        parts = [_NUMBERED.fullmatch(column) for column in self.columns]
        if len(parts) < 2 or not all(parts) or len({part[1] for part in parts if part}) > 1:
            return []
        numbers = [int(part[2]) for part in parts if part]
        order = sorted(range(len(numbers)), key=numbers.__getitem__)
        ranked = [numbers[place] for place in order]
        return order if ranked == list(range(ranked[0], ranked[0] + len(ranked))) and ranked[0] in (0, 1) else []

    def _hold_names(self, others: Mapping[int, str], known: Collection[str] | None) -> bool:
        """Whether the cells hold names for certain: all are known labels, or a series of columns is filled from the
        left with several words, which columns share and no row repeats."""
        if self.zeros or self.ones:
            return False
        texts = {normalise(text) for text in others.values()}
        if known and texts <= set(known) and not set(self.labels) <= set(known):
            return True
        order = self._numbered_columns()
        if not order or len(texts) < 3:
            return False
        rank = {place: position for position, place in enumerate(order)}
        rows: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        places: defaultdict[int, set[int]] = defaultdict(set)
        for index, place, number in zip(self._rows, self._cols, self._marks, strict=True):
            rows[index].append((rank[place], number))
            places[number].add(place)
        whole_rows = all(
            sorted(position for position, _ in cells) == list(range(len(cells)))
            and len({number for _, number in cells}) == len(cells)
            for cells in rows.values()
        )
        return whole_rows and any(len(found) > 1 for found in places.values())

    def _found(self, label: Any, kept: Collection[int]) -> dict[int, set[str]]:
        found: defaultdict[int, set[str]] = defaultdict(set)
        for index, place, number in zip(self._rows, self._cols, self._marks, strict=True):
            if number in kept and index >= 0:
                found[index].add(label(place, number))
        return found

    def _fault(self, marks: Collection[int], reason: str, what: str, mend: str) -> None:
        for index, place, number in zip(self._rows, self._cols, self._marks, strict=True):
            if number in marks and index in self._where and len(self.faults) < _KEPT:
                file, row = self._where[index]
                detail = f"{shown(self._values[number])} {what}"
                self.faults.append(Fault(file, row, reason, detail, field=self.columns[place], mend=mend))
