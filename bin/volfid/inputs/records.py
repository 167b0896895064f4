"""From table rows to records: what each cell may hold."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from volfid.core.cells import missing, spreadsheet_error
from volfid.core.exits import DataError
from volfid.core.splits import SPLITS
from volfid.inputs.faults import Fault, shown, told
from volfid.inputs.fields import DATE_FORMS, NO_DATES, day_of, first_claim, iso_date, joined_list, no_date
from volfid.inputs.made_ids import make_ids
from volfid.inputs.marks import Marks
from volfid.inputs.memory import no_collection
from volfid.inputs.names import NameCells, NotNames
from volfid.inputs.plausibility import error_cell
from volfid.inputs.roles import Roles
from volfid.inputs.tables import Table, open_table
from volfid.inputs.text import cell_text, id_problem, kind_of, normalise, normalise_id
from volfid.inputs.whole_file import settle

MAX_CHARACTERS = 1_000_000
_LONGEST_WORD = 24  # no word for a missing value and no error is longer


@dataclass(slots=True)
class Record:
    """One input row, cleaned. `split`, `group` and `date` are None where the file says nothing."""

    file: str
    row: int
    doc_id: str
    text: str
    labels: tuple[str, ...]
    split: str | None = None
    group: str | None = None
    sources: tuple[str, ...] = ()
    date: str | None = None


@dataclass
class Records:
    """The records of one file, its refused rows, and what the user should know. `fields`: the column of each label
    that has one. `blanked`: words for a missing value that stood where labels stand, by place in `rows`. `met`: faults
    under a policy that does not refuse them. `moot`: warnings
    that a choice makes needless, by that choice. `renamed`: new ids of train rows by the old (sides.py)."""

    file: str
    rows: list[Record] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    fields: Mapping[str, str] = field(default_factory=dict)
    blanked: dict[int, tuple[str, ...]] = field(default_factory=dict)
    met: dict[str, list[Fault]] = field(default_factory=dict)
    moot: dict[str, list[str]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)


@no_collection()
def read_records(
    path: Path | Table, columns: Mapping[str, Any], *, known_labels: Collection[str] | None = None,
    made_ids: str | None = "doc-", separator: str | None = None, dates: bool = False, lenient: bool = False,
) -> Records:  # fmt: skip
    """Read documents from `path`, a file or a folder of shards, or a table that is open.

    columns: names given by the user by role. known_labels: the label list where there is one; columns
    of its names are labels, too, where no cell says so. made_ids: prefix of ids made of the texts where the
    file has no id column (made_ids.py); with None such rows have the id ''. separator: what stands between labels
    (';' or '|' when None). dates: a date column is needed. lenient: given columns need not be there.
    Raises DataError for missing columns or a file without rows; faults of single rows are returned.
    """
    table = path if isinstance(path, Table) else open_table(path)
    while True:
        roles = Roles(table, columns, known_labels, dates=dates, lenient=lenient)
        seen = set(table.columns)
        result = Records(table.file, warnings=list(table.warnings))
        cells = _Cells(roles, separator, result.faults)
        for file, number, row in table.rows(roles.wanted()):
            if not row.keys() <= seen:
                late = [column for column in row if column not in seen]
                seen.update(late)
                if any(map(roles.matters, late)):
                    table.find_all_columns()
                    break  # a field that comes first in a later row takes a role: read again, knowing all of them
            record = cells.record(file, number, row)
            if roles.flags:
                cells.marks.row(len(result.rows) if record is not None else None, file, number)
            if record is not None:
                result.rows.append(record)
        else:
            break
    if not result.rows and not table.faults and not result.faults:
        raise DataError(f"{table.file}, row 1: there is a header but no row", mend="Give one row a document")
    result.faults += table.faults
    if table.headers:
        file, number = min(table.headers)
        told_rows = f"{len(table.headers)} rows repeat the header (the first is row {number} of {file})"
        result.warnings.append(f"{table.file}: {told_rows} and were left out")
    settle(result, cells, known_labels)
    if table.sides and not roles.columns["split"] and not lenient:
        result.warnings.append(_side_of_files(result.rows, table, dates))
    if not cells.id and made_ids is not None:
        result.warnings += make_ids(result.rows, made_ids, table.file)
    return result


def _side_of_files(rows: list[Record], table: Table, dates: bool) -> str:
    """Give every row the side that the name of its file says, unless the split is by date; what to say of it."""
    told = ", ".join(f"{name} is {side}" for name, side in list(table.sides.items())[:6])
    more = f" and {len(table.sides) - 6} more" if len(table.sides) > 6 else ""
    if dates:
        return f"{table.file}: names of files say a split ({told}{more}), which was left out: the split is by date"
    for row in rows:
        row.split = table.sides[row.file]
    return f"{table.file}: the split was taken from the names of the files ({told}{more})"


class _Cells:
    """The cells of each row by role; what cannot be used is noted in `faults`."""

    def __init__(self, roles: Roles, separator: str | None, faults: list[Fault]):
        self.roles, self.faults = roles, faults
        self.file, self.number, self.row = "", 0, dict[str, Any]()
        self.names = NameCells(separator)
        self.marks = Marks(roles.flags, roles.any_mark, roles.marks)
        self.formulas = self.soft = 0
        self.blank: Counter[tuple[str, str]] = Counter()
        column = roles.columns
        self.id, self.labels, self.sources = column["id"], column["labels"], column["sources"]
        self.others = bool(column["split"] or column["group"] or column["date"] or self.sources)
        self.one_text = roles.text[0] if len(roles.text) == 1 and not roles.holds_claims(roles.text[0]) else None

    def record(self, file: str, number: int, row: dict[str, Any]) -> Record | None:
        self.file, self.number, self.row = file, number, row
        before = len(self.faults) - self.soft
        doc_id = self._identifier() if self.id else ""
        text = self._cell(self.one_text, doc_id) if self.one_text else self._joined(doc_id)
        labels = self._names(self.labels, doc_id) if self.labels else self._marked(doc_id)
        record = Record(file, number, doc_id, text, labels)
        if self.others:
            record.split, record.group, record.date = self._split(doc_id), self._group(doc_id), self._date(doc_id)
            if self.sources:
                record.sources = self._names(self.sources, doc_id, "sources")
        return record if len(self.faults) - self.soft == before else None

    def _fault(self, reason: str, detail: str, column: str | None, mend: str, doc_id: str | None = None) -> None:
        self.faults.append(Fault(self.file, self.number, reason, detail, doc_id or None, column, mend))

    def _said(self, text: str, column: str, doc_id: str) -> str:
        """The text of a cell; '' for a word that stands for a missing value, which is counted, and for an error."""
        if spreadsheet_error(text):
            self._soft(error_cell(self.file, self.number, text, column, doc_id))
            return ""
        if not missing(text):
            return text
        if text.strip():
            self.blank[column, text.strip()] += 1
        return ""

    def _soft(self, fault: Fault) -> None:
        """Note a fault that a policy may pass over: the row stays."""
        self.faults.append(fault)
        self.soft += 1

    def _identifier(self) -> str:
        found = self.row.get(str(self.id))
        plain = type(found) is str and found.isascii() and found.isprintable() and not missing(found)
        if plain and found and len(found) <= 300 and found[0] != " " and found[-1] != " ":
            return str(found)
        value = cell_text(found)
        doc_id = normalise_id(value) if value is not None else ""
        problem = id_problem(doc_id) if value is not None else f"is not text but {kind_of(found)}"
        # a sign such as - or ? may be an id
        if (missing(doc_id) and any(map(str.isalpha, doc_id))) or spreadsheet_error(doc_id):
            problem = f"is {shown(doc_id)}, which says that it is missing"
        if problem:
            self._fault("bad_id", f"the id {problem}", self.id, "Give every row a distinct id of 1 to 300 characters")
        return doc_id if not problem else ""

    # ---- text -------------------------------------------------------------------------------

    def _cell(self, column: str, doc_id: str) -> str:
        value = self.row.get(column)
        if type(value) is str and value.isascii() and len(value) <= MAX_CHARACTERS and value[:1] != "=":
            return normalise(value if len(value) > _LONGEST_WORD else self._said(value, column, doc_id))
        if isinstance(value, list):
            value = first_claim(value) if self.roles.holds_claims(column) else joined_list(value)
        text = cell_text(value)
        if text is None:
            detail = f"the cell is not text but {kind_of(value)}"
            self._fault("bad_text", detail, column, "Write the text as a string", doc_id)
            return ""
        if len(text) > MAX_CHARACTERS:
            detail = f"{len(text)} characters (at most {MAX_CHARACTERS})"
            self._fault("text_too_long", detail, column, "Shorten the text, or check the quotes", doc_id)
            return ""
        if text[:1] == "=":
            self.formulas += 1
        return normalise(self._said(text, column, doc_id))

    def _joined(self, doc_id: str) -> str:
        parts = []
        for column in self.roles.text:
            text = self._cell(column, doc_id)
            parts.append(first_claim(text) if self.roles.holds_claims(column) else text)
        parts = [part for part in parts if part]
        return " ".join([part if part[-1] in ".!?:;" else f"{part}." for part in parts[:-1]] + parts[-1:])

    # ---- labels and sources -----------------------------------------------------------------

    def _names(self, column: str, doc_id: str, role: str = "labels") -> tuple[str, ...]:
        """Labels or source ids of a cell."""
        value = self.row.get(column)
        try:
            return self.names.labels(value) if role == "labels" else self.names.sources(value)
        except NotNames as problem:
            self._fault(f"bad_{role}", problem.detail, column, problem.mend, doc_id)
            return ()

    def _marked(self, doc_id: str) -> tuple[str, ...]:
        """Labels whose column says yes by itself; other marks wait for the end of the file (marks.py)."""
        found: list[str] = []
        for place, (column, label) in enumerate(self.roles.flags.items()):
            value = self.row.get(column)
            if self.marks.of_names():
                found += self._names(column, doc_id)
            elif self.marks.yes(place, value):
                found.append(label)
        return tuple(sorted(set(found)))

    # ---- split, group, date -----------------------------------------------------------------

    def _split(self, doc_id: str) -> str | None:
        column = self.roles.columns["split"]
        if not column:
            return None
        value = cell_text(self.row.get(column))
        if value is not None and missing(value):
            mend = "Fill it in every row, or remove the column"
            self._fault("bad_split", "the split is empty", column, mend, doc_id)
            return None
        split = SPLITS.get(value.strip().lower()) if value is not None else None
        if split is None:
            detail = f"{told(self.row.get(column))} is no split"
            self._fault("bad_split", detail, column, "Use train, reference (or validation, dev) or test", doc_id)
        return split

    def _group(self, doc_id: str) -> str | None:
        column = self.roles.columns["group"]
        found = self.row.get(column) if column else ""
        value = cell_text(day_of(found))
        if value is None:
            detail = f"the group is not text but {kind_of(found)}"
            self._fault("bad_group", detail, column, "Write it as a string", doc_id)
        return normalise(self._said(value, column, doc_id)) or None if value and column else None

    def _date(self, doc_id: str) -> str | None:
        column = self.roles.columns["date"]
        if not column:
            return None
        value = self.row.get(column)
        date = iso_date(value)
        text = cell_text(value) if date is None else ""
        if text is not None and (date in NO_DATES or (date is None and (missing(text) or no_date(text)))):
            what = told(value) if text or date else "it is empty"
            mend = f"Write {DATE_FORMS}, or --policies missing_date=drop leaves such rows out"
            detail = f"the date is missing ({what})"
            self._soft(Fault(self.file, self.number, "missing_date", detail, doc_id, column, mend))
            return None
        if date is None and text and spreadsheet_error(text):
            self._soft(error_cell(self.file, self.number, text, column, doc_id))
            mend = f"Write {DATE_FORMS}, or --policies missing_date=drop leaves such rows out"
            self._soft(Fault(self.file, self.number, "missing_date", "the date is missing", doc_id, column, mend))
        elif date is None:
            self._fault("bad_date", f"{told(value)} is no date", column, f"Write {DATE_FORMS}", doc_id)
        return date
