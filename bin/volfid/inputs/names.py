"""Cells of labels and of source ids: lists, delimited text, and lists that somebody printed as text."""

import re
from collections import Counter
from collections.abc import Collection
from html.entities import html5
from typing import Any

from volfid.core.cells import missing, printed_list
from volfid.inputs.faults import shown
from volfid.inputs.text import cell_text, normalise, normalise_id

MAX_LABEL = 200
_SETS_KEPT = 100_000
_OPENS = re.compile(r"[\[({]\s*(?:['\"]|np\.)|(?:set|frozenset|array|list|tuple|Index)\(|c\(\s*['\"]")
_ENTITY = re.compile(r"&(#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};)", re.ASCII)
_DECIMAL = re.compile(r"\d+,0", re.ASCII)
_NUMBERS = re.compile(r"\[\s*\d[\d.]*(?:\s+\d[\d.]*)+\s*\]")
_PAIRS = {"[": "]", "(": ")", "{": "}"}
# what a command line can hardly hold
SEPARATORS = {"space": " ", "blank": " ", "tab": "\t", "\\t": "\t", "newline": "\n", "\\n": "\n", "comma": ","}
_BREAKS = {"\n": ("a line end", "newline"), "\r": ("a line end", "newline"), "\t": ("a tab", "tab")}
_AS_LIST = "Write a list of strings, or names separated by ';'"
_AS_JSON = 'Write a JSON list, as in ["A", "B"], or names separated by \';\''


class NotNames(ValueError):
    """A cell that holds no names: what is wrong with it, and the mend."""

    def __init__(self, detail: str, mend: str):
        super().__init__(detail)
        self.detail, self.mend = detail, mend


class NameCells:
    """Reads the cells of one file. What a cell says is remembered, as labels come again and again.

    separator: what stands between labels in one cell, or its name (space, tab, newline); ';' or '|' when None.
    """

    def __init__(self, separator: str | None):
        self.separator = SEPARATORS.get(separator, separator) if separator else None
        self._sets: dict[Any, tuple[str, ...]] = {}
        self._clean: dict[str, str] = {}
        self._vectors = self._others = self._delimited = 0
        self._commas: set[tuple[str, ...]] = set()  # labels of cells that hold a comma, are parted, hold a line end
        self._separated: set[tuple[str, ...]] = set()
        self._parted: dict[str, set[tuple[str, ...]]] = {";": set(), "|": set()}
        self._broken: dict[str, set[tuple[str, ...]]] = {}

    def labels(self, value: Any) -> tuple[str, ...]:
        """Distinct labels of a cell, sorted; NotNames for a cell that is neither a list of names nor text."""
        try:
            return self._sets[tuple(value) if type(value) is list else value]
        except (KeyError, TypeError):
            return self._known(value) or self._new(value)

    def sources(self, value: Any) -> tuple[str, ...]:
        """Distinct source ids of a cell, sorted; NotNames as for labels."""
        found = {normalise_id(text) for _, text in self._texts(value, None)}
        return tuple(sorted(text for text in found if not missing(text)))

    def warnings(self, file: str, column: str | None, counts: Counter[tuple[str, ...]]) -> dict[str, str]:
        """What the user should know of the label cells of the whole file, by the separator that may be meant; counts:
        rows by their labels."""
        told = {}

        def rows(cells: Collection[tuple[str, ...]]) -> int:
            return sum(counts[labels] for labels in cells)

        for mark, (what, option) in _BREAKS.items():
            if broken := rows(self._broken.get(mark, ())):
                told[option] = (
                    f"{file}: {broken} cells of {shown(column)} hold {what} within a label, which was read as a blank. "
                    f"If it stands between labels, give --label_separator {option}"
                )
        commas, separated = rows(self._commas), rows(self._separated)
        if commas and 10 * separated <= commas:
            few = "none holds" if not separated else f"{separated} hold"
            told["','"] = (
                f"{file}: {commas} cells of {shown(column)} hold a comma and {few} ';' or '|'; what stands around a "
                "comma was read as one label. Separate labels by ';' if they are several, or give --label_separator ','"
            )
        if all(self._parted.values()):
            counted = " and ".join(f"{rows(cells)} hold '{mark}'" for mark, cells in self._parted.items())
            told["mixed"] = (
                f"{file}: of the cells of {shown(column)} {counted}, and both were read as separators of labels. If "
                "one of them is part of a name, give the other with --label_separator"
            )
        if self._delimited and self.separator is not None and not separated:
            told["none"] = f"{file}: the label separator {shown(self.separator)} stands in no cell of {shown(column)}"
        if self._vectors and not self._others:
            told["vectors"] = (
                f"{file}: the lists of {shown(column)} hold nothing but 0 and 1, which were read as labels named '0' "
                "and '1'. If they are vectors, write the names of the labels that are 1, or one column for each label"
            )
        return told

    def _known(self, value: Any) -> tuple[str, ...]:
        """Labels of a list that holds none but labels met before; () when one is new."""
        if type(value) is not list:
            return ()
        try:
            found = tuple(sorted({self._clean[item] for item in value}))
        except (KeyError, TypeError):
            return ()
        self._remember(tuple(value), found)
        return found

    def _remember(self, cell: Any, labels: tuple[str, ...]) -> None:
        if len(self._sets) < _SETS_KEPT:
            self._sets[cell] = labels

    def _new(self, value: Any) -> tuple[str, ...]:
        pairs = self._texts(value, self.separator)
        found = tuple(sorted({normalise(text) for _, text in pairs} - {""}))
        longest = max(found, key=len, default="")
        if type(value) is str:
            self._note(value, found, len(pairs))
        if len(longest) > MAX_LABEL:
            detail = f"a label of {len(longest)} characters (at most {MAX_LABEL})"
            raise NotNames(detail, "Check the delimiter (--label_separator)")
        self._vectors += len(pairs) > 1 and set(found) <= {"0", "1"}
        self._others += not set(found) <= {"0", "1"}
        # 1, 1.0 and True are one key of a mapping: cells and items that are no text are read anew
        if type(value) in (str, list) and all(type(item) is str for item, _ in pairs):
            self._remember(tuple(value) if type(value) is list else value, found)
            if len(self._clean) < _SETS_KEPT:
                self._clean.update((item, name) for item, text in pairs if (name := normalise(text)))
        return found

    def _note(self, cell: str, found: tuple[str, ...], parts: int) -> None:
        """Remember what stood in a cell of text, for the warnings."""
        if (cell.lstrip()[:1] in _PAIRS or _OPENS.match(cell.strip())) and printed_list(cell.strip()) is not None:
            return
        self._delimited += 1
        if self.separator is None:
            for mark, cells in self._parted.items():
                if len(_pieces(cell, f"[{mark}]")) > 1:
                    cells.add(found)
        if parts > 1:
            self._separated.add(found)
        elif self.separator is None:
            for mark in _BREAKS:
                if mark in cell.strip():
                    self._broken.setdefault(mark, set()).add(found)
        if self.separator is None and "," in cell and not _DECIMAL.fullmatch(cell.strip()):
            self._commas.add(found)

    def _texts(self, value: Any, separator: str | None) -> list[tuple[Any, str]]:
        """Each item of a cell, and the item as text."""
        if isinstance(value, (list, tuple)):
            items = list(value)
        else:
            cell = cell_text(value)
            if cell is None:
                kind = "a mapping" if isinstance(value, dict) else f"a {type(value).__name__}"
                raise NotNames(f"{shown(value)} is {kind}, neither a list of names nor delimited text", _AS_LIST)
            items = self._split(cell, separator)
        texts = [(item, cell_text(item)) for item in items]
        wrong = next((item for item, text in texts if text is None), None)
        if wrong is not None:
            detail = f"{shown(value)} is neither a list of names nor delimited text"
            raise NotNames(detail, _AS_LIST)
        return [(item, text or "") for item, text in texts]

    def _split(self, text: str, separator: str | None) -> list[Any]:
        stripped = text.strip()
        if stripped[:1] in _PAIRS or _OPENS.match(stripped):
            items = printed_list(stripped)
            if items is not None:
                return items
            if _OPENS.match(stripped) or (separator is None and _looks_listed(stripped)):
                mend = _AS_JSON
                if not _OPENS.match(stripped):
                    mend += ". Where the brackets are part of a name, give --label_separator"
                raise NotNames(f"{shown(stripped)} looks like a list, but it cannot be read as one", mend)
        if separator == "\n":
            return re.split(r"[\r\n]+|\\n", text)  # also where a line end was written as two signs
        return _pieces(text, "[;|]" if separator is None else re.escape(separator))


def _pieces(text: str, separator: str) -> list[str]:
    """What stands between separators; the ';' that ends a character of HTML, as in '&amp;', is none."""
    ends = {match.end() - 1 for match in _ENTITY.finditer(text) if match[1][0] == "#" or match[1] in html5}
    pieces, begin = [], 0
    for match in re.finditer(separator, text):
        if not (match.start() in ends and match[0] == ";"):
            pieces.append(text[begin : match.start()])
            begin = match.end()
    return [*pieces, text[begin:]]


def _looks_listed(text: str) -> bool:
    """Whether text in brackets, without quotes, holds several things: '[a, b]' or '[1 2]', not '[other]'."""
    if text[-1:] != _PAIRS.get(text[:1]) or re.search(r"[;|]", text):
        return False
    return "," in text or _NUMBERS.fullmatch(text) is not None
