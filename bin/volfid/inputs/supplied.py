"""Synthetic files as they are given: columns of their own, several pools, and sources named by id or by text."""

import fnmatch
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from volfid.core.cells import missing
from volfid.core.exits import DataError, ParameterError
from volfid.inputs.faults import Fault, did_you_mean, some
from volfid.inputs.parents import PARENT_IDS, PARENT_TEXTS, RealNames, read_column, sources_by_place
from volfid.inputs.pool_names import SUPPLIED, distinct_names, rename_files, slugs, stem_of
from volfid.inputs.records import Record, Records
from volfid.inputs.roles import NAMES, OPTIONS
from volfid.inputs.settings import InputSettings
from volfid.inputs.tables import Table, open_table
from volfid.inputs.text import cell_text, normalise
from volfid.inputs.whole_file import settle_numbers

USUAL = {
    "generator": ("generator", "generator_name", "generator_model", "generated_by", "llm", "model", "model_name"),
    "method": ("method", "generation_method", "augmentation", "augmentation_method", "technique"),
}  # fmt: skip
OWN_OPTIONS = {
    "id": "--synthetic_id_column", "text": "--synthetic_text_columns", "labels": "--synthetic_label_columns",
    "sources": "--synthetic_source_column", "generator": "--synthetic_generator_column",
    "method": "--synthetic_method_column",
}  # fmt: skip
UNNAMED = "unnamed"
MOST_FOUND, MOST_POOLS = 20, 50
FIRST_ROWS = 1000  # whose keys are the columns of a JSONL file (tables.py)

Reader = Callable[[Path, InputSettings], Records]
Pool = tuple[str, str]


@dataclass
class Given:
    """The rows of all files. pools: generator and method, as they stand in ids, of every id; empty where all documents
    are one pool. called: what the files call the generator and the method of each pool."""

    records: Records
    pools: dict[str, Pool] = field(default_factory=dict)
    called: dict[Pool, Pool] = field(default_factory=dict)


def read_supplied(paths: Sequence[Path], settings: InputSettings, real: RealNames, read: Reader) -> Given:
    """Read synthetic documents from files or folders of shards.

    The options of synthetic files (`settings.synthetic`) go before those of the real ones, which hold where the file
    has such columns. Documents of other generators or methods, by their columns, are other pools; several files are
    never one pool unless both columns say so: what they do not say, the file's name does. Ids of several files begin
    with it. real: ids and texts of the real documents; a source column may hold either.
    read: reads the rows of one file under the settings given with it. Raises DataError and ParameterError as that does,
    and for columns of `settings.synthetic` that no file has.
    """
    several = len(paths) > 1
    stems = distinct_names([stem_of(path) for path in paths])
    whole = Records(", ".join(path.name for path in paths))
    names: dict[str, Pool] = {}
    tables = [open_table(path, settings.no_header, lenient=True) for path in paths]
    options = {
        role: str(name) if isinstance(name, int) else name
        for role, name in settings.synthetic.items() if role in OWN_OPTIONS
    }  # fmt: skip
    for path, stem, table, own in zip(paths, stems, tables, _have(tables, options), strict=True):
        part = _read_one(path, _with_own(settings, own), read)
        cells = _Cells(table, own, settings, part.rows, real)
        part.faults += cells.faults
        part.warnings += cells.warnings
        for row in part.rows:
            row.sources = cells.sources_of(row)
        part.warnings += [f"{path.name}: {told}" for told in settle_numbers(part.rows)]
        for row in part.rows:
            generator, method = cells.pool(row)
            if several:
                method = method or (stem if generator else None)
                generator = generator or stem
                row.doc_id = f"{stem}:{row.doc_id}"[:300]
            names[row.doc_id] = (generator or SUPPLIED, method or SUPPLIED)
        if several:
            rename_files(part, path, stem)
        whole.rows += part.rows
        whole.faults += part.faults
        whole.warnings += part.warnings
        whole.fields = {**whole.fields, **part.fields}
        whole.met = {name: [*whole.met.get(name, []), *found] for name, found in part.met.items()}
    return _pooled(whole, names)


def _pooled(whole: Records, names: Mapping[str, Pool]) -> Given:
    distinct = sorted(set(names.values()))
    if len(distinct) > MOST_POOLS:
        raise ParameterError(
            f"{whole.file}: {len(distinct)} pools of synthetic documents by generator and method, at most {MOST_POOLS}",
            mend="Name a column with fewer values, or give the pools in several runs",
        )
    generators = slugs(name for name, _ in distinct)
    methods = slugs(name for _, name in distinct)
    called = {(generators[generator], methods[method]): (generator, method) for generator, method in distinct}
    if len(distinct) < 2:
        return Given(whole, {}, called)
    return Given(whole, {doc_id: (generators[g], methods[m]) for doc_id, (g, m) in names.items()}, called)


def _have(tables: Sequence[Table], own: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of each table those columns of the options for synthetic files that it has.

    Raises DataError for one that no file has: where another one has it, the usual names serve.
    """
    found: list[dict[str, Any]] = [{} for _ in tables]
    for role, name in own.items():
        absent = [_absent(table, role, name) for table in tables]
        if all(absent):
            file, column = tables[0].file, absent[0][0]
            raise DataError(
                f"{file}, row 1: no column {column[:60]!r}{did_you_mean(column, tables[0].columns)} "
                f"({OWN_OPTIONS[role]}); the columns are {some(tables[0].columns, 12)}",
                mend="Name a column of the synthetic file",
            )
        for there, lacking in zip(found, absent, strict=True):
            there.update({} if lacking else {role: name})
    return found


def _absent(table: Table, role: str, name: Any) -> list[str]:
    """The columns of an option that a table lacks; a pattern (roles.py) is there where some column fits it."""
    fits: Callable[[str], object] | None = None
    if role == "labels" and isinstance(name, str) and len(name) > 2 and name[0] == name[-1] == "/":
        fits = re.compile(name[1:-1]).search
    elif role == "labels" and isinstance(name, str) and "*" in name:
        fits = re.compile(fnmatch.translate(name.replace("[", "[[]"))).match
    listed = [name] if isinstance(name, str) and (fits or name in table.columns) else _listed(name)
    for late in (False, True):
        if late:
            _find_late_columns(table)
        if set(listed) <= set(table.columns) or (fits and any(map(fits, table.columns))):
            return []
    return [column for column in listed if column not in table.columns]


def _find_late_columns(table: Table) -> None:
    """Read a table through for columns that its first rows do not have, as lines of JSON may."""
    table.columns = list(dict.fromkeys([*table.columns, *(key for *_, row in table.rows() for key in row)]))


def _listed(name: Any) -> list[str]:
    return list(name) if not isinstance(name, str) else [part.strip() for part in name.split(",") if part.strip()]


def _with_own(settings: InputSettings, own: Mapping[str, Any]) -> InputSettings:
    """The settings under which one synthetic file is read: its own columns before those of the real file."""
    return replace(
        settings, columns={**settings.columns, **{k: v for k, v in own.items() if k in ("id", "text", "labels")}},
        label_separator=settings.synthetic.get("label_separator", settings.label_separator),
    )  # fmt: skip


def _read_one(path: Path, settings: InputSettings, read: Reader) -> Records:
    """One file; a message that names an option names the one for synthetic files."""
    try:
        found = read(path, settings)
    except DataError as error:
        error.message = _own_words(error.message)
        error.mend = error.mend and _own_words(error.mend)
        raise
    found.faults = [replace(fault, mend=fault.mend and _own_words(fault.mend)) for fault in found.faults]
    found.warnings = [_own_words(words) for words in found.warnings]
    return found


def _own_words(message: str) -> str:
    for role, option in OPTIONS.items():
        if role in OWN_OPTIONS:
            message = message.replace(option, OWN_OPTIONS[role])
            message = message.replace(f"inputs.columns.{role}", f"inputs.synthetic.{role}")
    return message.replace(" --label_separator", " --synthetic_label_separator")


class _Cells:
    """Generator, method and sources of the rows of one file, by what its columns hold."""

    def __init__(
        self, table: Table, own: Mapping[str, Any], settings: InputSettings, rows: Sequence[Record],
        real: RealNames,
    ):  # fmt: skip
        self.faults: list[Fault] = []
        self.warnings: list[str] = []
        if len(rows) > FIRST_ROWS:
            _find_late_columns(table)
        taken = {name for given in (settings.columns, own) for role, name in given.items()
                 if role not in (*USUAL, "sources") and isinstance(name, str)}  # fmt: skip
        taken |= {label for row in rows for label in row.labels}  # one column a label
        columns = {role: own.get(role) or _usual(table, USUAL[role], taken) for role in USUAL}
        source = _source(table, own, settings, taken)
        parents = _all_usual(table, (*NAMES["sources"], *PARENT_IDS, *PARENT_TEXTS), {*taken, *columns.values()})
        asked = list(dict.fromkeys(filter(None, (source, *parents))))
        wanted = list(filter(None, [*columns.values(), *asked]))
        places = {(row.file, row.row) for row in rows}
        found = {
            (file, number): row for file, number, row in (table.rows(wanted) if wanted else ())
            if (file, number) in places
        }  # fmt: skip
        self.tags = {
            role: {place: _name(row.get(column)) for place, row in found.items()}
            for role, column in columns.items() if column
        }  # fmt: skip
        for role in [role for role in self.tags if role not in own and len(set(self.tags[role].values())) > MOST_FOUND]:
            self.warnings.append(
                f"{table.file}: the column {columns[role]!r} has {len(set(self.tags[role].values()))} values and was "
                f"not read as the {role} of the documents; {OWN_OPTIONS[role]} says which column is"
            )
            del self.tags[role]
        read = [read_column(name, {place: row.get(name) for place, row in found.items()}, real) for name in asked]
        self.sources, used = sources_by_place(source, "sources" in own, read)
        for column in used:
            if 2 * column.by_text > len(column.real):
                what = "which holds texts of real documents"
                self.warnings.append(f"{table.file}: sources were read from {column.name!r}, {what}")
            elif column.name != source:
                what = f"which names real documents in {column.hits} rows"
                self.warnings.append(f"{table.file}: sources were read from {column.name!r}, too, {what}")
            if column.name == own.get("sources"):
                at = {(row.file, row.row): row.doc_id for row in rows}
                self.faults += [
                    Fault(file, number, "bad_sources", wrong.detail, at[file, number], column.name, wrong.mend)
                    for (file, number), wrong in column.wrong.items()
                ]  # fmt: skip

    def pool(self, row: Record) -> tuple[str | None, str | None]:
        """What the columns call the generator and the method of a row; None where there is no such column."""
        generator, method = (
            (self.tags[role].get((row.file, row.row)) or UNNAMED) if role in self.tags else None for role in USUAL
        )
        return generator, method

    def sources_of(self, row: Record) -> tuple[str, ...]:
        """Ids of the row's sources; of a text that no real document has, a name that is no document's."""
        return tuple(sorted(self.sources.get((row.file, row.row), ())))


def _source(table: Table, own: Mapping[str, Any], settings: InputSettings, taken: Collection[str]) -> str | None:
    """The column of the sources: as an option or the design says, or by its usual name."""
    given = settings.columns.get("sources")
    return own.get("sources") or (given if given in table.columns else _usual(table, NAMES["sources"], taken))


def _usual(table: Table, names: Sequence[str], taken: Collection[str]) -> str | None:
    """The column that has the first of some usual names, and no other role."""
    return next(iter(_all_usual(table, names, taken)), None)


def _all_usual(table: Table, names: Sequence[str], taken: Collection[Any]) -> list[str]:
    """The columns that have one of some usual names, and no other role."""
    by_name = {re.sub(r"[\s.\-]+", "_", column.strip().casefold()): column for column in table.columns}
    return [by_name[name] for name in names if name in by_name and by_name[name] not in taken]


def _name(value: Any) -> str:
    """A cell as a name, '' where it says nothing."""
    text = normalise(cell_text(value) or "")
    return "" if missing(text) else text
