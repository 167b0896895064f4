"""From table rows to records: which column is what, and what each cell may hold."""

import ast
import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from volfid.core.exits import DataError
from volfid.inputs.faults import Fault
from volfid.inputs.tables import MAX_CHARACTERS, Table, cell_text, read_table
from volfid.inputs.text import id_problem, normalise, normalise_id

NAMES = {
    "id": ("id", "doc_id", "document_id", "docid", "publication_number", "patent_number"),
    "text": ("text",),
    "labels": ("labels", "label", "categories", "classes", "tags"),
    "split": ("split", "partition"),
    "group": ("group", "group_id", "family", "family_id", "family_number"),
    "sources": (
        "source_doc_ids", "source_doc_id", "source_ids", "sources", "source", "parent_doc_id", "parent_id", "parent",
    ),
}  # fmt: skip
TITLE, ABSTRACT, CLAIM = ("title",), ("abstract",), ("claim", "first_claim", "fclaim", "claims")
SPLITS = {
    "train": "train", "training": "train", "test": "test", "testing": "test",
    **dict.fromkeys(("validation", "valid", "val", "dev", "reference"), "reference"),
}  # fmt: skip
MAX_LABEL = 200
_FLAGS = {"": False, "0": False, "1": True, "false": False, "true": True}


@dataclass
class Record:
    """One input row, cleaned. `split` and `group` are None where the file says nothing."""

    file: str
    row: int
    doc_id: str
    text: str
    labels: tuple[str, ...]
    split: str | None = None
    group: str | None = None
    sources: tuple[str, ...] = ()


@dataclass
class Records:
    """The records of one file, its refused rows, and what the user should know."""

    file: str
    rows: list[Record] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_records(
    path: Path, columns: Mapping[str, Any], *, known_labels: Sequence[str] | None = None, made_ids: str | None = None
) -> Records:
    """Read documents from `path`.

    columns: names given by the user by role. known_labels: the label list where there is one; it
    decides which 0/1 columns are labels. made_ids: prefix of ids made from row numbers where the
    file has no id column; None makes the column compulsory. Raises DataError for missing columns
    or a file without rows; faults of single rows are returned.
    """
    table = read_table(path)
    if not table.rows and not table.faults:
        raise DataError(f"{table.file}, row 1: there is a header but no row", mend="Give one row a document")
    roles = _Roles(table, columns, known_labels, id_needed=made_ids is None)
    named = roles.columns["labels"]  # without such a column there are flags
    result = Records(table.file, faults=[*table.faults, *roles.faults], warnings=roles.warnings)
    for number, row in table.rows:
        parsed = _Parsed(table.file, number, row)
        doc_id = parsed.identifier(roles.columns["id"]) if roles.columns["id"] else f"{made_ids}{number:06d}"
        record = Record(
            table.file, number, doc_id,
            text=parsed.text(roles.text, doc_id),
            labels=parsed.names(named, "labels", doc_id) if named else parsed.flags(roles.flags),
            split=parsed.split(roles.columns["split"], doc_id),
            group=parsed.group(roles.columns["group"], doc_id),
            sources=parsed.names(roles.columns["sources"], "sources", doc_id) if roles.columns["sources"] else (),
        )  # fmt: skip
        if parsed.faults:
            result.faults.extend(parsed.faults)
        else:
            result.rows.append(record)
    if named:
        _warn_commas(table, named, result)
    return result


def _warn_commas(table: Table, column: str, result: Records) -> None:
    cells = [row.get(column) for _, row in table.rows]
    commas = sum(isinstance(cell, str) and "," in cell and not cell.startswith("[") for cell in cells)
    if commas and not any(isinstance(cell, str) and re.search(r"[;|]", cell) for cell in cells):
        result.warnings.append(
            f"{table.file}: {commas} cells of {column!r} hold a comma and none holds ';' or '|'; "
            "each was read as one label. Separate labels by ';' if they are several"
        )


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """' (did you mean ...?)' for the nearest known word, or ''."""
    by_case = {item.casefold(): item for item in known}
    near = difflib.get_close_matches(word.casefold(), by_case, n=1, cutoff=0.6)
    return f" (did you mean {by_case[near[0]]!r}?)" if near else ""


class _Roles:
    """Which column plays which role."""

    def __init__(self, table: Table, given: Mapping[str, Any], known: Sequence[str] | None, id_needed: bool):
        self.table, self.given = table, given
        self.warnings: list[str] = []
        self.faults: list[Fault] = []
        usual: dict[str, str] = {}
        for column in table.columns:
            usual.setdefault(re.sub(r"[\s.\-]+", "_", column.strip().casefold()), column)
        self.usual = usual
        self.columns = {role: self._find(role, NAMES[role]) for role in NAMES}
        if id_needed and not self.columns["id"]:
            raise self._missing("id", "'id' (or 'doc_id')")
        self.text = self._text_columns()
        self.flags = [] if self.columns["labels"] else self._flag_columns(known)

    def _find(self, role: str, names: Sequence[str]) -> str | None:
        if role in self.given and isinstance(self.given[role], str):
            name = self.given[role]
            if name not in self.table.columns:
                raise self._missing(role, f"{name!r} (inputs.columns.{role} of the design file)")
            return name
        return next((self.usual[name] for name in names if name in self.usual), None)

    def _missing(self, role: str, wanted: str) -> DataError:
        shown = ", ".join(repr(column) for column in self.table.columns[:12])
        more = f" and {len(self.table.columns) - 12} more" if len(self.table.columns) > 12 else ""
        return DataError(
            f"{self.table.file}, row 1: no column {wanted} for the {role}; the columns are {shown}{more}",
            mend=f"Rename a column, or set inputs.columns.{role} in the design file",
        )

    def _text_columns(self) -> list[str]:
        given = self.given.get("text")
        if isinstance(given, list):
            absent = next((name for name in given if name not in self.table.columns), None)
            if absent is not None:
                raise self._missing("text", f"{absent!r} (inputs.columns.text of the design file)")
            return given
        if self.columns["text"]:
            return [self.columns["text"]]
        parts = [next((self.usual[n] for n in names if n in self.usual), None) for names in (TITLE, ABSTRACT, CLAIM)]
        if not parts[0] and not parts[1]:
            raise self._missing("text", "'text' (or 'title' and 'abstract')")
        return [part for part in parts if part]

    def _flag_columns(self, known: Sequence[str] | None) -> list[str]:
        used = {*filter(None, self.columns.values()), *self.text}
        spare = [column for column in self.table.columns if column not in used]
        if known is not None:
            names = {normalise(label) for label in known}
            flags = [column for column in spare if normalise(column) in names]
        else:
            flags = [column for column in spare if self._mostly_flags(column)]
        if not flags:
            raise self._missing("labels", "'labels' and no 0/1 column")
        self.warnings.append(f"{self.table.file}: labels were read from {len(flags)} columns of 0 and 1")
        for number, row in self.table.rows:
            for column in flags:
                if _flag(row.get(column)) is None:
                    detail = f"{str(row[column])[:60]!r} is neither 0 nor 1"
                    mend = "Use 0 and 1, or one column 'labels'"
                    self.faults.append(Fault(self.table.file, number, "bad_flag", detail, field=column, mend=mend))
        return flags

    def _mostly_flags(self, column: str) -> bool:
        values = [_flag(row.get(column)) for _, row in self.table.rows]
        return any(values) and sum(value is not None for value in values) > 0.5 * len(values)


def _flag(value: Any) -> bool | None:
    """True, False, or None for a cell that is no flag."""
    if isinstance(value, float) and value in (0.0, 1.0):
        return bool(value)
    if isinstance(value, bool):
        return value
    text = cell_text(value)
    return _FLAGS.get(text.strip().lower()) if text is not None else None


class _Parsed:
    """The cells of one row; what cannot be used is noted in `faults`."""

    def __init__(self, file: str, number: int, row: Mapping[str, Any]):
        self.file, self.number, self.row = file, number, row
        self.faults: list[Fault] = []

    def _fault(self, reason: str, detail: str, column: str, mend: str, doc_id: str | None = None) -> None:
        self.faults.append(Fault(self.file, self.number, reason, detail, doc_id or None, column, mend))

    def identifier(self, column: str) -> str:
        value = cell_text(self.row.get(column))
        doc_id = normalise_id(value) if value is not None else ""
        problem = id_problem(doc_id) if value is not None else "is not text"
        if problem:
            self._fault("bad_id", f"the id {problem}", column, "Give every row a distinct id of 1 to 300 characters")
        return doc_id if not problem else ""

    def text(self, columns: Sequence[str], doc_id: str) -> str:
        parts = []
        for column in columns:
            value = cell_text(self.row.get(column))
            if value is None:
                self._fault("bad_text", "the cell is not text", column, "Write the text as a string", doc_id)
            elif len(value) > MAX_CHARACTERS:
                detail = f"{len(value)} characters (at most {MAX_CHARACTERS})"
                self._fault("text_too_long", detail, column, "Shorten the text, or check the quotes", doc_id)
            else:
                parts.append(normalise(value))
        parts = [part for part in parts if part]
        return " ".join([part if part[-1] in ".!?:;" else f"{part}." for part in parts[:-1]] + parts[-1:])

    def names(self, column: str, role: str, doc_id: str) -> tuple[str, ...]:
        """Labels or source ids: a list, or text delimited by ';' or '|' (or a list written as text)."""
        value = self.row.get(column)
        cell = cell_text(value) if not isinstance(value, (list, tuple)) else None
        items = list(value) if isinstance(value, (list, tuple)) else _split_names(cell) if cell is not None else [None]
        texts = [cell_text(item) for item in items]
        if any(text is None for text in texts):
            detail = f"{str(value)[:60]!r} is neither a list of names nor delimited text"
            self._fault(f"bad_{role}", detail, column, "Write a list of strings, or names separated by ';'", doc_id)
            return ()
        clean = normalise if role == "labels" else normalise_id
        found = sorted({clean(text) for text in texts if text} - {""})
        longest = max(found, key=len, default="")
        if role == "labels" and len(longest) > MAX_LABEL:
            self._fault("bad_labels", f"a label of {len(longest)} characters (at most {MAX_LABEL})", column,
                        "Check the delimiter", doc_id)  # fmt: skip
        return tuple(found)

    def flags(self, columns: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted(normalise(column) for column in columns if _flag(self.row.get(column))))

    def split(self, column: str | None, doc_id: str) -> str | None:
        value = cell_text(self.row.get(column)) if column else ""
        if value is not None and not value.strip():
            if column:
                mend = "Fill it in every row, or remove the column"
                self._fault("bad_split", "the split is empty", column, mend, doc_id)
            return None
        split = SPLITS.get(value.strip().lower()) if value is not None else None
        if split is None:
            detail = f"{str(self.row.get(str(column)))[:60]!r} is no split"
            self._fault("bad_split", detail, str(column), "Use train, reference (or validation, dev) or test", doc_id)
        return split

    def group(self, column: str | None, doc_id: str) -> str | None:
        value = cell_text(self.row.get(column)) if column else ""
        if value is None:
            self._fault("bad_group", "the group is not text", str(column), "Write it as a string", doc_id)
        return normalise(value) or None if value else None


def _split_names(text: str) -> list[Any]:
    stripped = text.strip()
    if stripped.startswith("["):
        for parse in (json.loads, ast.literal_eval):
            try:
                items = parse(stripped)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(items, list):
                return items
    return re.split(r"[;|]", text)
