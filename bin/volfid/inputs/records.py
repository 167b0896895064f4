"""From table rows to records: what each cell may hold."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from volfid.core.exits import DataError
from volfid.core.splits import SPLITS
from volfid.inputs.faults import Fault, some
from volfid.inputs.fields import DATE_FORMS, day_of, first_claim, iso_date, joined_list
from volfid.inputs.made_ids import make_ids
from volfid.inputs.memory import no_collection
from volfid.inputs.names import NameCells, NotNames
from volfid.inputs.roles import Roles, flag
from volfid.inputs.tables import Table, open_table
from volfid.inputs.text import cell_text, id_problem, kind_of, normalise, normalise_id

MAX_CHARACTERS = 1_000_000
_MARKS_KEPT = 100_000
_MARKS = "Use 0 and 1, or one column 'labels'; where any text means yes, leave the zeros empty"


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
    that has one."""

    file: str
    rows: list[Record] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    fields: Mapping[str, str] = field(default_factory=dict)


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
            if record is not None:
                result.rows.append(record)
        else:
            break
    if not result.rows and not table.faults and not result.faults:
        raise DataError(f"{table.file}, row 1: there is a header but no row", mend="Give one row a document")
    result.fields = {label: column for column, label in roles.flags.items()}
    result.faults += [*table.faults, *cells.odd_marks()]
    result.warnings += cells.warnings(table.file)
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
        self.marks: list[Fault] = []
        self.zeros = self.formulas = 0
        column = roles.columns
        self.id, self.labels, self.sources = column["id"], column["labels"], column["sources"]
        self.others = bool(column["split"] or column["group"] or column["date"] or self.sources)
        self.one_text = roles.text[0] if len(roles.text) == 1 and not roles.holds_claims(roles.text[0]) else None

    def record(self, file: str, number: int, row: dict[str, Any]) -> Record | None:
        self.file, self.number, self.row = file, number, row
        before = len(self.faults)
        doc_id = self._identifier() if self.id else ""
        text = self._cell(self.one_text, doc_id) if self.one_text else self._joined(doc_id)
        labels = self._names("labels", doc_id) if self.labels else self._marked()
        record = Record(file, number, doc_id, text, labels)
        if self.others:
            record.split, record.group, record.date = self._split(doc_id), self._group(doc_id), self._date(doc_id)
            if self.sources:
                record.sources = self._names("sources", doc_id)
        return record if len(self.faults) == before else None

    def _fault(self, reason: str, detail: str, column: str | None, mend: str, doc_id: str | None = None) -> None:
        self.faults.append(Fault(self.file, self.number, reason, detail, doc_id or None, column, mend))

    def _identifier(self) -> str:
        found = self.row.get(str(self.id))
        plain = type(found) is str and found.isascii() and found.isprintable()
        if plain and found and len(found) <= 300 and found[0] != " " and found[-1] != " ":
            return str(found)
        value = cell_text(found)
        doc_id = normalise_id(value) if value is not None else ""
        problem = id_problem(doc_id) if value is not None else f"is not text but {kind_of(found)}"
        if problem:
            self._fault("bad_id", f"the id {problem}", self.id, "Give every row a distinct id of 1 to 300 characters")
        return doc_id if not problem else ""

    # ---- text -------------------------------------------------------------------------------

    def _cell(self, column: str, doc_id: str) -> str:
        value = self.row.get(column)
        if type(value) is str and value.isascii() and len(value) <= MAX_CHARACTERS and value[:1] != "=":
            return normalise(value)
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
        return normalise(text)

    def _joined(self, doc_id: str) -> str:
        parts = []
        for column in self.roles.text:
            text = self._cell(column, doc_id)
            parts.append(first_claim(text) if self.roles.holds_claims(column) else text)
        parts = [part for part in parts if part]
        return " ".join([part if part[-1] in ".!?:;" else f"{part}." for part in parts[:-1]] + parts[-1:])

    # ---- labels and sources -----------------------------------------------------------------

    def _names(self, role: str, doc_id: str) -> tuple[str, ...]:
        """Labels or source ids of the row."""
        column = self.labels if role == "labels" else self.sources
        value = self.row.get(str(column))
        try:
            return self.names.labels(value) if role == "labels" else self.names.sources(value)
        except NotNames as problem:
            self._fault(f"bad_{role}", problem.detail, column, problem.mend, doc_id)
            return ()

    def _marked(self) -> tuple[str, ...]:
        """Labels whose column says yes: 1 or true, and any other text where no cell of the file says 0."""
        found = []
        for column, label in self.roles.flags.items():
            value = self.row.get(column)
            known = flag(value, words=self.roles.any_mark)
            if known is None and (text := cell_text(value)) is not None and not text.strip():
                known = False
            if known is None and len(self.marks) < _MARKS_KEPT:
                detail = f"{str(value)[:60]!r} is neither 0 nor 1"
                mend = _MARKS
                if self.roles.guessed:
                    mend += f". The columns {some(self.roles.flags)} mostly hold 0 and 1 and were taken as labels; "
                    mend += "name those that are with --label_columns"
                self.marks.append(Fault(self.file, self.number, "bad_flag", detail, field=column, mend=mend))
            elif not known and value not in ("", None) and value == value:
                self.zeros += 1
            if known is not False:
                found.append(label)
        return tuple(sorted(set(found)))

    def odd_marks(self) -> list[Fault]:
        """Faults of label columns: marks other than 0 and 1, unless the columns hold marks alone."""
        return [] if self.roles.any_mark and not self.zeros else self.marks

    def warnings(self, file: str) -> list[str]:
        told = []
        if self.roles.flags:
            what = "marks" if self.roles.any_mark and not self.zeros else "0 and 1"
            told.append(f"{file}: labels were read from {len(self.roles.flags)} columns of {what}")
        told += self.names.warnings(file, self.labels)
        if self.formulas:
            told.append(f"{file}: {self.formulas} texts begin with '='; they are text here, nothing is computed")
        return told

    # ---- split, group, date -----------------------------------------------------------------

    def _split(self, doc_id: str) -> str | None:
        column = self.roles.columns["split"]
        if not column:
            return None
        value = cell_text(self.row.get(column))
        if value is not None and not value.strip():
            mend = "Fill it in every row, or remove the column"
            self._fault("bad_split", "the split is empty", column, mend, doc_id)
            return None
        split = SPLITS.get(value.strip().lower()) if value is not None else None
        if split is None:
            detail = f"{str(self.row.get(column))[:60]!r} is no split"
            self._fault("bad_split", detail, column, "Use train, reference (or validation, dev) or test", doc_id)
        return split

    def _group(self, doc_id: str) -> str | None:
        column = self.roles.columns["group"]
        found = self.row.get(column) if column else ""
        value = cell_text(day_of(found))
        if value is None:
            detail = f"the group is not text but {kind_of(found)}"
            self._fault("bad_group", detail, column, "Write it as a string", doc_id)
        return normalise(value) or None if value else None

    def _date(self, doc_id: str) -> str | None:
        column = self.roles.columns["date"]
        if not column:
            return None
        value = self.row.get(column)
        date = iso_date(value)
        if date is None:
            self._fault("bad_date", f"{str(value)[:60]!r} is no date", column, f"Write {DATE_FORMS}", doc_id)
        return date
