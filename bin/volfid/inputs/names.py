"""Cells of labels and of source ids: lists, delimited text, and lists that somebody printed as text."""

import re
from typing import Any

from volfid.core.cells import printed_list
from volfid.inputs.text import cell_text, normalise, normalise_id

MAX_LABEL = 200
_SETS_KEPT = 100_000
_OPENS = re.compile(r"[\[({]\s*(?:['\"]|np\.)|(?:set|frozenset|array|list|tuple|Index)\(")
_NUMBERS = re.compile(r"\[\s*\d[\d.]*(?:\s+\d[\d.]*)+\s*\]")
_PAIRS = {"[": "]", "(": ")", "{": "}"}
_AS_LIST = "Write a list of strings, or names separated by ';'"
_AS_JSON = 'Write a JSON list, as in ["A", "B"], or names separated by \';\''


class NotNames(ValueError):
    """A cell that holds no names: what is wrong with it, and the mend."""

    def __init__(self, detail: str, mend: str):
        super().__init__(detail)
        self.detail, self.mend = detail, mend


class NameCells:
    """Reads the cells of one file. What a cell says is remembered, as labels come again and again.

    separator: what stands between labels in one cell; ';' or '|' when None.
    """

    def __init__(self, separator: str | None):
        self.separator = separator
        self._sets: dict[Any, tuple[str, ...]] = {}
        self._clean: dict[str, str] = {}
        self._commas = self._separated = self._vectors = self._others = 0

    def labels(self, value: Any) -> tuple[str, ...]:
        """Distinct labels of a cell, sorted; NotNames for a cell that is neither a list of names nor text."""
        try:
            return self._sets[tuple(value) if type(value) is list else value]
        except (KeyError, TypeError):
            return self._known(value) or self._new(value)

    def sources(self, value: Any) -> tuple[str, ...]:
        """Distinct source ids of a cell, sorted; NotNames as for labels."""
        return tuple(sorted({normalise_id(text) for _, text in self._texts(value, None)} - {""}))

    def warnings(self, file: str, column: str | None) -> list[str]:
        """What the user should know of the label cells of the whole file."""
        told = []
        if self._commas and not self._separated:
            told.append(
                f"{file}: {self._commas} cells of {column!r} hold a comma and none holds ';' or '|'; each was read as "
                "one label. Separate labels by ';' if they are several, or give --label_separator"
            )
        if self._vectors and not self._others:
            told.append(
                f"{file}: the lists of {column!r} hold nothing but 0 and 1, which were read as labels named '0' and "
                "'1'. If they are vectors, write the names of the labels that are 1, or one column for each label"
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

    def _texts(self, value: Any, separator: str | None) -> list[tuple[Any, str]]:
        """Each item of a cell, and the item as text."""
        if isinstance(value, (list, tuple)):
            items = list(value)
        else:
            cell = cell_text(value)
            if cell is None:
                kind = "a mapping" if isinstance(value, dict) else f"a {type(value).__name__}"
                raise NotNames(f"{str(value)[:60]!r} is {kind}, neither a list of names nor delimited text", _AS_LIST)
            items = self._split(cell, separator)
        texts = [(item, cell_text(item)) for item in items]
        wrong = next((item for item, text in texts if text is None), None)
        if wrong is not None:
            detail = f"{str(value)[:60]!r} is neither a list of names nor delimited text"
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
                raise NotNames(f"{stripped[:60]!r} looks like a list, but it cannot be read as one", mend)
        if separator is not None:
            return text.split(separator)
        parts = re.split(r"[;|]", text)
        self._separated += len(parts) > 1
        self._commas += "," in text
        return parts


def _looks_listed(text: str) -> bool:
    """Whether text in brackets, without quotes, holds several things: '[a, b]' or '[1 2]', not '[other]'."""
    if text[-1:] != _PAIRS.get(text[:1]) or re.search(r"[;|]", text):
        return False
    return "," in text or _NUMBERS.fullmatch(text) is not None
