"""The real documents that supplied rows name as their sources: by id or by text, in one column or in several."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from volfid.core.cells import missing, whole, whole_number
from volfid.core.files import sha256_text
from volfid.core.shingles import overlapping_pairs, tokens
from volfid.inputs.duplicates import id_key
from volfid.inputs.names import NameCells, NotNames
from volfid.inputs.text import cell_text, normalise

# columns that are sources where they hold ids or texts of real documents, beside those of roles.py
PARENT_TEXTS = ("original_text", "parent_text", "source_text", "seed_text", "seed", "original", "h_text")
PARENT_IDS = (
    "parents", "parent_ids", "parent_doc_ids", "parent_document", "source_id", "source_document", "source_documents",
    "source_document_id", "seed_id", "seed_ids", "seed_doc_id", "original_id", "original_doc_id", "origin", "origin_id",
    "derived_from", "based_on", "made_from", "example_ids", "real_id", "real_doc_id",
)  # fmt: skip
_MOSTLY = 0.5  # share of the cells of a column that must name real documents for the others to name unknown ones
_FEW = 20  # values of a column that may be a tag (a model, a data set) and no source
_WORDS = 4  # words of a cell that may be the beginning of a text
_ALIKE, _RUNS = 0.8, 4  # share and number of runs of words by which a cell is a real text that differs a little


class RealNames:
    """What real documents may be called: their ids, in any case and Unicode form, and their texts.

    texts: id by casefolded text. alias: kept id of each dropped one with the same text.
    """

    def __init__(self, texts: Mapping[str, str], alias: Mapping[str, str]):
        there = set(texts.values())
        self.ids = {id_key(name): kept for name, kept in alias.items() if kept in there}
        self.ids |= {id_key(name): name for name in there}
        self.alike: dict[str, set[str]] = {}
        for name in self.ids.values():
            self.alike.setdefault(_bare(name), set()).add(name)
        self._texts: dict[str, set[str]] = {}
        for text, name in texts.items():
            self._texts.setdefault(_words(text), set()).add(name)
        self._sorted = sorted(self._texts)
        self._loose: dict[str, set[str]] = {}

    def of_id(self, name: str) -> str | None:
        """The document with an id, or None."""
        found = self.ids.get(id_key(name))
        return found or (self.ids.get(whole(name)) if whole_number(name) else None)

    def meant(self, name: str) -> str | None:
        """The one document whose id differs from `name` in signs, leading zeros or a file's suffix alone, or None."""
        found = self.alike.get(_bare(name), set())
        return next(iter(found)) if len(found) == 1 else None

    def of_text(self, text: str) -> set[str]:
        """Documents with a text, whatever its punctuation, that begin with it, or were found by `look_for`."""
        words = _words(text)
        if not words or words in self._texts:
            return self._texts.get(words, set()) if words else set()
        if words in self._loose:
            return self._loose[words]
        if len(words.split()) < _WORDS:
            return set()
        place = bisect_left(self._sorted, words)
        begins = [key for key in self._sorted[place : place + 2] if key.startswith(words)]
        return self._texts[begins[0]] if len(begins) == 1 else set()

    def look_for(self, texts: Iterable[str]) -> None:
        """Find the documents of texts that differ a little from theirs, lie within them or hold them."""
        unknown = [text for text in dict.fromkeys(texts) if len(text.split()) >= _WORDS and not self.of_text(text)]
        for i, j, _ in overlapping_pairs(unknown, self._sorted, _ALIKE, _RUNS):
            self._loose.setdefault(_words(unknown[i]), set()).update(self._texts[self._sorted[j]])


@dataclass
class Column:
    """The cells of one column by place. real: the documents that a cell names; unknown: its other names; by_text: how
    many cells hold texts; wrong: cells that hold no names, with what is wrong."""

    name: str
    real: dict[Any, set[str]] = field(default_factory=dict)
    unknown: dict[Any, set[str]] = field(default_factory=dict)
    by_text: int = 0
    wrong: dict[Any, NotNames] = field(default_factory=dict)

    @property
    def hits(self) -> int:
        return sum(map(bool, self.real.values()))

    @property
    def mostly(self) -> bool:
        """Whether most of the filled cells name real documents."""
        return self.hits > _MOSTLY * len(self.real)

    @property
    def is_tag(self) -> bool:
        """Whether the column has a few values that come again and again, none of them a real document."""
        values = {tuple(sorted(names)) for names in self.unknown.values() if names}
        return not self.hits and len(values) <= min(_FEW, len(self.real) / 2)

    def names_parents(self, texts_alone: bool) -> bool:
        """Whether a column that nobody named holds sources; numbers may be seeds or counts unless most are ids."""
        if self.by_text:
            return True
        named = set().union(*self.real.values()) if self.real else set()
        numbers = all(name.isdigit() for name in named)
        return bool(named) and not (numbers and (texts_alone or not self.mostly or len(named) < 2))


def read_column(name: str, cells: Mapping[Any, Any], real: RealNames) -> Column:
    """The sources that the cells of a column name."""
    column, names = Column(name), NameCells(None)
    items = {place: _items(value) for place, value in cells.items()}
    real.look_for(text for texts in items.values() for text in texts)
    for place, value in cells.items():
        texts = [real.of_text(text) for text in items[place] if real.of_id(text) is None]
        if texts and len(texts) == len(items[place]) and all(texts):
            column.by_text += 1
            column.real[place], column.unknown[place] = set().union(*texts), set()
            continue
        try:
            found = names.sources(value)
        except NotNames as problem:
            column.wrong[place] = problem
            continue
        if found:
            column.real[place], column.unknown[place] = _named(found, real)
    if 2 * column.by_text > len(column.real):
        for place, unknown in column.unknown.items():
            column.unknown[place] = {f"text {sha256_text(' '.join(items[place]))[:16]}"} if unknown else set()
    return column


def sources_by_place(
    primary: str | None, by_option: bool, columns: Sequence[Column]
) -> tuple[dict[Any, set[str]], list[Column]]:
    """The sources of each row by the columns that hold any, and those columns.

    primary: the column of an option or of the first usual name, whose unknown names count as sources that nobody
    knows, unless it only tags the rows and other columns name the parents.
    """
    used = [
        column for column in columns
        if column.name != primary and column.names_parents(column.name.strip().casefold() in PARENT_TEXTS)
    ]  # fmt: skip
    first = next((column for column in columns if column.name == primary), None)
    if first and (by_option or not used or not first.is_tag):
        used.insert(0, first)
    found: dict[Any, set[str]] = {}
    for column in used:
        for place, names in column.real.items():
            others = column.unknown[place] if column is first or column.mostly else set()
            found.setdefault(place, set()).update(names, others)
    return found, used


def _named(names: Collection[str], real: RealNames) -> tuple[set[str], set[str]]:
    """The real documents among names, and the names that are none's; names between commas or blanks are several where
    the whole is none."""
    known, unknown = set[str](), set[str]()
    for name in names:
        doc_id = real.of_id(name)
        if doc_id is not None:
            known.add(doc_id)
            continue
        commas = [part.strip() for part in name.split(",") if part.strip()]
        signs = [part for part in re.split(r"[,\s/+&]+", name) if part]
        if any(real.of_id(part) for part in commas):
            parts = commas
        elif all(real.of_id(part) for part in signs):
            parts = signs
        else:
            of_text = real.of_text(name)
            known |= of_text
            parts = [] if of_text else [name]
        for part in parts:
            doc_id = real.of_id(part)
            (unknown if doc_id is None else known).add(doc_id or part)
    return known, unknown


def _items(value: Any) -> list[str]:
    texts = [cell_text(item) for item in (value if isinstance(value, (list, tuple)) else [value])]
    return [text for text in map(normalise, filter(None, texts)) if not missing(text)]


def _words(text: str) -> str:
    """What two texts share that differ in case, punctuation and Unicode form alone."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(tokens(plain)) or plain


def _bare(name: str) -> str:
    """An id without signs, leading zeros and the suffix of a file."""
    plain = re.sub(r"\.(txt|jsonl?|csv|tsv|xml|html?|pdf)$", "", id_key(name).strip())
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\W_]+", "", plain))
