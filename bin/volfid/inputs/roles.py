"""Which column plays which role, by the user's options or by its usual name."""

import fnmatch
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from volfid.core.cells import flag
from volfid.core.exits import DataError
from volfid.inputs.faults import did_you_mean, shown
from volfid.inputs.headers import no_names
from volfid.inputs.tables import Table, headerless
from volfid.inputs.text import normalise

NAMES = {
    "id": ("id", "doc_id", "document_id", "docid", "publication_number", "patent_number"),
    "text": ("text",),
    "labels": ("labels", "label", "categories", "classes", "tags"),
    "split": ("split", "partition"),
    "group": ("group", "group_id", "family", "family_id", "family_number"),
    "date": ("date", "publication_date", "filing_date", "priority_date", "year"),
    "sources": (
        "source_doc_ids", "source_doc_id", "source_ids", "sources", "source", "parent_doc_id", "parent_id", "parent",
    ),
}  # fmt: skip
TITLE, ABSTRACT, CLAIMS = ("title",), ("abstract",), "claims"
CLAIM = ("first_claim", "fclaim", "claim", CLAIMS)
OPTIONS = {
    "id": "--id_column", "text": "--text_columns", "labels": "--label_columns", "split": "--split_column",
    "group": "--group_column", "date": "--date_column",
}  # fmt: skip
NUMBER = re.compile(r"'-?\d+([.]\d+)?'")
_USUAL = frozenset(name for names in (*NAMES.values(), TITLE, ABSTRACT, CLAIM) for name in names)


def _usual(column: str) -> str:
    return re.sub(r"[\s.\-]+", "_", column.strip().casefold())


class Roles:
    """The columns of a table by role; DataError that names all roles without a column.

    given: column names by role. A name that the table has means that column; for `labels` a pattern with
    `*` (the label is what it stands for), a regular expression between slashes (the label is its first
    group, or the whole name), or several names mean one column a label; for `text` several names are joined.
    A pattern or expression takes no column that has another role. known: the label list where there is one.
    `marks` names no column: what means yes in label columns (marks.py). lenient: a given name that the table lacks
    gives way to the usual ones (synthetic documents).
    """

    def __init__(
        self, table: Table, given: Mapping[str, Any], known: Collection[str] | None, *, dates: bool = False,
        lenient: bool = False,
    ):  # fmt: skip
        self.table = table
        self.given = {role: name for role, name in given.items() if name and role != "marks"}
        self.marks: Any = given.get("marks")
        if lenient:
            self.given = {role: name for role, name in self.given.items() if self._there(role, name)}
        self._problems: list[str] = []
        self.usual: dict[str, str] = {}
        for column in table.columns:
            self.usual.setdefault(_usual(column), column)
        self.flags: dict[str, str] = {}
        self.any_mark = False  # whether any text in a label column means yes
        self.guessed = False  # whether label columns were found by what they hold
        self.columns = {role: self._find(role) for role in NAMES if role not in ("text", "labels")}
        self.text = self._text_columns()
        self.columns["labels"] = self._find("labels")
        if not dates:
            self.columns["date"] = None
        elif not self.columns["date"]:
            self._missing("date", "'date'")
        if not self.columns["labels"] and not self.flags:
            self._flag_columns(known)
        if self._problems:
            if table.header and no_names(table.columns):
                raise headerless(table.file)
            names = "the columns are " + ", ".join(map(shown, table.columns[:12]))
            names += f" and {len(table.columns) - 12} more" if len(table.columns) > 12 else ""
            raise DataError(
                f"{table.file}, row 1: {'; '.join(self._problems)}; {names}",
                mend="Rename a column, or name it with the option (or inputs.columns of the design file)",
            )

    def wanted(self) -> list[str]:
        """All columns that are read."""
        found = [*filter(None, self.columns.values()), *self.text, *self.flags]
        return list(dict.fromkeys(found))

    def matters(self, column: str) -> bool:
        """Whether a column that is first seen late in a JSONL file could change a role."""
        return bool(self.flags) or _usual(column) in _USUAL or column in str(self.given)

    def _there(self, role: str, name: Any) -> bool:
        if role == "labels":
            return bool(self._label_columns(name))
        return set(self._listed(name)) <= set(self.table.columns)

    def _missing(self, role: str, wanted: str) -> None:
        option = OPTIONS.get(role, f"inputs.columns.{role}")
        if f"no column {wanted}" not in " ".join(self._problems):
            # Nextflow reads 007 as 7 and 1.10 as 1.1
            number = "; a name of digits has to be quoted in -params-file" if NUMBER.match(wanted) else ""
            self._problems.append(
                f"no column {wanted} for the {role} ({option}, or inputs.columns.{role} of the design{number})"
            )

    def _absent(self, role: str, names: Sequence[str]) -> bool:
        absent = [name for name in names if name not in self.table.columns]
        for name in absent:
            self._missing(role, f"{shown(name)}{did_you_mean(name, self.table.columns)}")
        return bool(absent)

    def _listed(self, name: Any) -> list[str]:
        """Column names of an option: a list, one name, or several separated by commas."""
        if not isinstance(name, str):
            return list(name)
        return [name] if name in self.table.columns else [part.strip() for part in name.split(",") if part.strip()]

    def _find(self, role: str) -> str | None:
        name = self.given.get(role)
        if role == "labels" and name:
            return self._given_labels(name)
        if name:
            return None if self._absent(role, [name]) else name
        return next((self.usual[usual] for usual in NAMES[role] if usual in self.usual), None)

    def _text_columns(self) -> list[str]:
        if "text" in self.given:
            names = self._listed(self.given["text"])
            return [] if self._absent("text", names) else names
        if "text" in self.usual:
            return [self.usual["text"]]
        parts = [next((self.usual[n] for n in names if n in self.usual), None) for names in (TITLE, CLAIM, ABSTRACT)]
        if not parts[0] and not parts[2]:
            self._missing("text", "'text' (or 'title' and 'abstract')")
        return [part for part in parts if part]

    def holds_claims(self, column: str) -> bool:
        """Whether a text column holds all claims, of which the first is taken."""
        return _usual(column) == CLAIMS

    # ---- one column a label -----------------------------------------------------------------

    def _label_columns(self, name: Any, used: Collection[str] = ()) -> dict[str, str]:
        """Label of each column that the option names; empty when it names none. A pattern passes over `used` ones."""
        columns = self.table.columns
        free = [column for column in columns if column not in used]
        if isinstance(name, str) and len(name) > 2 and name[0] == name[-1] == "/":
            found = ((column, re.search(name[1:-1], column)) for column in free)
            return {
                column: normalise(match[1] if match.re.groups and match[1] else column)
                for column, match in found if match
            }  # fmt: skip
        if isinstance(name, str) and "*" in name and name not in columns:
            before, _, after = name.partition("*")
            return {
                column: normalise(column[len(before) : len(column) - len(after)]) or column
                for column in free if fnmatch.fnmatchcase(column, name.replace("[", "[[]"))
            }  # fmt: skip
        listed = self._listed(name)
        return {column: normalise(column) for column in listed} if set(listed) <= set(columns) else {}

    def _given_labels(self, name: Any) -> str | None:
        if isinstance(name, str) and name in self.table.columns:
            return name
        if isinstance(name, str) and ("*" in name or name[0] == name[-1] == "/"):
            found = self._label_columns(name, self._used())
            if not found:
                self._missing("labels", f"that fits {shown(name)}")
        else:
            listed = self._listed(name)
            found = {} if self._absent("labels", listed) else self._label_columns(name)
            if len(listed) == 1 and found:
                return listed[0]
        self.flags, self.any_mark = found, bool(found)
        return None

    def _used(self) -> set[str]:
        """Columns that have a role."""
        return {*filter(None, self.columns.values()), *self.text}

    def _flag_columns(self, known: Collection[str] | None) -> None:
        """Columns that mostly hold 0 and 1, and those named like known labels: one that is not known is an unknown
        label, and not passed over."""
        used, flags = self._used(), []
        if "labels" not in self.given:
            names = {normalise(label) for label in known or ()}
            mostly = self._mostly_flags(used)
            flags = [c for c in self.table.columns if c not in used and (normalise(c) in names or c in mostly)]
        if not flags and "labels" not in self.given:
            self._missing("labels", "'labels' and no 0/1 column")
            self._problems[-1] += "; columns of yes and no, or of marks, are label columns where that option names them"
        self.flags, self.guessed = {column: normalise(column) for column in flags}, True

    def _mostly_flags(self, used: set[str]) -> list[str]:
        odd: Counter[str] = Counter()
        positive: set[str] = set()
        rows, columns = 0, dict.fromkeys(self.table.columns)
        for _, _, row in self.table.rows():
            rows += 1
            columns.update(dict.fromkeys(row))
            for column, value in row.items():
                if column in used or (odd[column] > 1000 and odd[column] > rows):
                    continue
                found = flag(value)
                if found is None:
                    odd[column] += 1
                elif found:
                    positive.add(column)
        self.table.columns = list(columns)
        return [column for column in columns if column in positive and rows - odd[column] > 0.5 * rows]
