"""Files of any form, and folders of them, as rows with numbers; read in a stream."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

from volfid.core.cells import MAX_COLUMNS, check_columns
from volfid.core.delimited import Dialect, records
from volfid.core.exits import DataError, ParameterError
from volfid.core.files import canonical_json, sha256_file, sha256_text
from volfid.core.json_tables import read_json_table
from volfid.core.splits import split_of
from volfid.inputs.columnar import parquet_file, parquet_rows
from volfid.inputs.faults import Fault, InputFaults, some
from volfid.inputs.forms import BY_CONTENT, FORMATS, Form, file_format, form_of, suffix_of
from volfid.inputs.headers import all_names, no_names
from volfid.inputs.readers import Row, delimited_header, delimited_rows, json_table_rows, jsonl_rows

_FIRST = 1000
_NAMED = 5
# what libraries write beside the tables of a data set
_NOTES = frozenset((
    "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "croissant.json", "datapackage.json",
    "dataset-metadata.json",
))  # fmt: skip


@dataclass
class Table:
    """A file, or a folder of shards in name order.

    A row's number is that of a spreadsheet (CSV, TSV, XLSX: the header is row 1), the line (JSONL), or
    the position from 1 (Parquet, JSON in one value). `columns`: the header; of JSON the keys of the first 1,000
    rows; '1', '2' and so on where no row names them. `sides`: the side of a split that the name of each shard says.
    `headers`: rows that repeat the header and are left out.
    `faults`: rows without a usable form, complete when `rows` has come to its end.
    """

    file: str
    parts: list[Path]
    forms: list[Form]
    columns: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sides: dict[str, str] = field(default_factory=dict)
    headers: set[tuple[str, int]] = field(default_factory=set)

    @property
    def header(self) -> bool:
        """Whether a row names the columns, so that it could be none."""
        return self.forms[0].kind in ("delimited", "xlsx") and self.forms[0].named

    def rows(self, wanted: Sequence[str] | None = None) -> Iterator[tuple[str, int, Row]]:
        """(file, row number, cells by column), from the beginning at every call; `wanted`: columns that suffice."""
        self.faults.clear()
        parts = zip(self.parts, self.forms, strict=True)
        found = chain.from_iterable(self._part(part, form, wanted) for part, form in parts)
        return self._without_headers(found) if self.header and len(self.columns) > 1 else found

    def _without_headers(self, found: Iterator[tuple[str, int, Row]]) -> Iterator[tuple[str, int, Row]]:
        """Rows without those that repeat the header, as files that were put one behind the other have them."""
        first = self.columns[0]
        for file, number, row in found:
            cell = row.get(first)
            if isinstance(cell, str) and cell.strip() == first and _is_header(row):
                self.headers.add((file, number))
            else:
                yield file, number, row

    def _part(self, part: Path, form: Form, wanted: Sequence[str] | None) -> Iterator[tuple[str, int, Row]]:
        if form.dialect is not None:
            return delimited_rows(part, form.dialect, self.faults)
        if form.kind == "jsonl":
            return jsonl_rows(part, self.faults)
        if form.kind == "json":
            return json_table_rows(part, form.table or read_json_table(part, not form.named), self.faults)
        if form.kind == "parquet":
            return parquet_rows(part, wanted)
        from volfid.inputs.sheets import sheet_rows

        return sheet_rows(part, self.faults, form.named)

    def find_all_columns(self) -> None:
        """Read a JSONL file through for its keys."""
        self.columns = list(dict.fromkeys(key for *_, row in self.rows() for key in row))
        if len(self.columns) > MAX_COLUMNS:
            check_columns(self.file, self.columns)


def _is_header(row: Row) -> bool:
    return all(isinstance(cell, str) and cell.strip() == column for column, cell in row.items())


def content_sha(path: Path, test: Path | None = None) -> str:
    """SHA-256 of a file, or over the names and hashes of the shards of a folder, and of the file of --test."""
    parts = [*table_files(path), *(table_files(test) if test else [])]
    if parts == [path]:
        return sha256_file(path)
    return sha256_text(canonical_json([[part.name, sha256_file(part)] for part in parts]))


def open_table(path: Path, no_header: bool = False, lenient: bool = False) -> Table:
    """Open a table by its form, or a folder of such tables; the header is read and checked.

    no_header: the first row is a document, and columns are numbers. lenient: unless that row holds names after all
    (synthetic documents, which come from elsewhere). Raises DataError for a file that is no such table, or that has
    a header although no_header says otherwise; InputMissingError for one that does not exist.
    """
    parts, warnings = _shards(path) if path.is_dir() else ([path], [])
    forms = [form_of(part, no_header) for part in parts]
    if no_header and _names_after_all(parts[0], forms[0], lenient):
        no_header = False
        warnings.append(f"{parts[0].name}: row 1 was read as a header, although no_header was given")
        forms = [form_of(part) for part in parts]
    warnings += [note for form in forms for note in form.told]
    table = Table(path.name, parts, forms, warnings=warnings)
    _one_kind(table)
    if forms[0].kind in ("json", "jsonl"):
        _json_columns(table, no_header)
    else:
        _common_columns(table)
    _name_sides(table)
    return table


def _names_after_all(part: Path, form: Form, lenient: bool) -> bool:
    """Whether the first row of a table of rows and columns can be nothing but names; ParameterError unless lenient."""
    if form.dialect is not None:
        names = delimited_header(part, replace(form.dialect, header=True))
    elif form.kind == "xlsx":
        from volfid.inputs.sheets import sheet_header

        names = sheet_header(part)
    else:
        return False
    if all_names(names) and not lenient:
        shown = ", ".join(repr(name[:60]) for name in names[:12])
        message = f"{part.name}, row 1: these are names of columns, {shown}, and no_header was given"
        raise ParameterError(message, mend="Leave out --no_header")
    return all_names(names)


def _one_kind(table: Table) -> None:
    """DataError for a folder in which some files are one document and others lists of them."""
    single = [form.table is not None and form.table.single for form in table.forms]
    if any(single) and not all(single):
        one, other = table.parts[single.index(True)].name, table.parts[single.index(False)].name
        raise DataError(
            f"the folder {table.file} holds files of one document ({one!r}) and files of several ({other!r})",
            mend="Leave one form in it, and move label lists and notes elsewhere",
        )
    if len(table.parts) > 1:
        for form in table.forms:
            form.table = None  # read again when its turn comes: all files at once may be too much


def _json_columns(table: Table, no_header: bool) -> None:
    rows = list(islice(table.rows(), _FIRST))
    table.columns = list(dict.fromkeys(key for *_, row in rows for key in row))
    if not rows and not table.faults:
        raise DataError(f"{table.file}, row 1: the file is empty", mend="Write one JSON object a line")
    if not rows:
        raise InputFaults(table.faults)
    if len(table.columns) > MAX_COLUMNS:
        check_columns(table.file, table.columns)
    if no_header and table.columns[:1] != ["1"]:
        table.warnings.append(f"{table.file} names its fields itself; no_header means nothing here")


def _common_columns(table: Table) -> None:
    for part, form in zip(table.parts, table.forms, strict=True):
        columns = _header(part, form, table.warnings)
        if not table.columns:
            table.columns = columns
        elif set(columns) != set(table.columns):
            if table.header and no_names(table.columns):
                raise headerless(table.file)
            odd = sorted(set(columns) ^ set(table.columns))[0]
            has, lacks = (part, table.parts[0]) if odd in columns else (table.parts[0], part)
            raise DataError(
                f"{table.file}: {has.name} has a column {odd[:60]!r} and {lacks.name} has none",
                mend="Give all shards the same columns, and move label lists and notes elsewhere",
            )


def _header(part: Path, form: Form, warnings: list[str]) -> list[str]:
    if form.kind == "parquet":
        with parquet_file(part) as file:
            columns = list(file.schema_arrow.names)
        check_columns(part.name, columns)
        return columns
    if form.kind == "xlsx":
        from volfid.inputs.sheets import sheet_header

        columns = sheet_header(part, warnings, form.named)
    else:
        assert form.dialect is not None
        columns = delimited_header(part, form.dialect)
        _no_title(part, form.dialect, columns)
    filled = [column for column in columns if column]
    if form.named and len(set(filled)) < len(filled) and no_names(columns):
        raise headerless(part.name)
    check_columns(part.name, columns)
    return filled


def _no_title(part: Path, dialect: Dialect, columns: list[str]) -> None:
    """DataError where one cell alone stands above the table."""
    if len([column for column in columns if column]) > 1 or not dialect.header:
        return
    below = islice(records(part, dialect, lambda *_: None), 1, 6)
    widths = {len(cells) for _, cells in below}
    if len(widths) == 1 and min(widths) > 1:
        raise DataError(
            f"{part.name}: row {dialect.begin} has one cell, and the rows below it have {min(widths)}",
            mend="Delete the lines above the names of the columns",
        )


def headerless(name: str) -> DataError:
    """What is said of a table whose first row is a document; nothing of the row is shown."""
    return DataError(
        f"{name}, row 1: this looks like a document, not like the names of the columns",
        mend="Put such names above it (id, text, labels); or give --no_header, and name columns by their number, as in "
        "--text_columns 2 --label_columns 3",
    )


# ---- folders ------------------------------------------------------------------------------


def table_files(path: Path) -> list[Path]:
    """The files behind an input: itself, or the shards of a folder."""
    return _shards(path)[0] if path.is_dir() else [path]


def _shards(folder: Path) -> tuple[list[Path], list[str]]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith((".", "_")))
    shards = [path for path in files if suffix_of(path) in FORMATS and path.name.lower() not in _NOTES] or _by_content(
        files
    )
    other = [path.name for path in files if path not in shards]
    if not shards:
        mend = "Put .jsonl, .csv, .tsv, .parquet or .xlsx files of one format into it"
        if inner := _inner(folder):
            mend += f" (subfolders are not read: {some(inner, _NAMED)}; a split may stand in names such as train.csv)"
        raise DataError(f"the folder {folder.name} holds no table", mend=mend)
    kinds: dict[str, str] = {}
    for shard in shards:
        kinds.setdefault(file_format(shard), shard.name)
    if len(kinds) > 1:
        found = ", ".join(f"{kind} ({name})" for kind, name in kinds.items())
        mend = "Leave one format in it, and move label lists and notes elsewhere"
        raise DataError(f"the folder {folder.name} holds several formats: {found}", mend=mend)
    inner = _inner(folder)
    told = []
    if other:
        what = "1 file is no table and was" if len(other) == 1 else f"{len(other)} files are no tables and were"
        told.append(f"{folder.name}: {what} not read: {some(other, _NAMED)}")
    if inner:
        what = "1 subfolder was" if len(inner) == 1 else f"{len(inner)} subfolders were"
        told.append(f"{folder.name}: {what} not read: {some(inner, _NAMED)}; move tables up, or give that folder")
    return shards, told


def _inner(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))]


def _by_content(files: Sequence[Path]) -> list[Path]:
    """Text files that hold tables."""
    found = []
    for path in files:
        if suffix_of(path) in BY_CONTENT:
            try:
                form_of(path)
            except DataError:
                continue
            found.append(path)
    return found


def _name_sides(table: Table) -> None:
    """The split that the names of the shards say, where all say one and one says train."""
    found = {part.name: split_of(part.name) for part in table.parts}
    sides = {name: side for name, side in found.items() if side}
    if len(set(sides.values())) < 2:
        return
    if len(sides) < len(found) or "train" not in sides.values():
        silent = some([name for name in found if name not in sides], _NAMED) or "none says train"
        table.warnings.append(
            f"{table.file}: some names of files say a split and others none ({silent}); none was taken"
        )
        return
    table.sides = sides
