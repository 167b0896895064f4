"""Reading and writing the files that cross stages, each checked against its written schema.

The schemas themselves stand in `schemas.py`; `docs/contracts.md` is generated from them.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from volfid.core.exits import DataError, InputMissingError
from volfid.core.files import atomic_path, canonical_json, sha256_text, write_json

Row = dict[str, Any]

_PYTHON = {"str": str, "int": int, "float": float, "bool": bool, "object": dict}
_ARROW = {
    "str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(),
    "str_list": pa.list_(pa.string()), "int_list": pa.list_(pa.int64()),
    "float_list": pa.list_(pa.float32()),
}  # fmt: skip

_stamp: dict[bytes, bytes] = {}


def stamp_tables(words: str | None) -> None:
    """Words that every Parquet file of this process carries in its metadata (key `stamp`); None for none."""
    _stamp.clear()
    if words:
        _stamp[b"stamp"] = words.encode()


@dataclass(frozen=True)
class Field:
    """One column: its type, meaning, whether it may be null, and whether a row of a JSON file may lack it."""

    name: str
    kind: str
    meaning: str
    null: bool = False
    choices: tuple[str, ...] = ()
    optional: bool = False

    def problem(self, value: Any) -> str | None:
        """What is wrong with `value`, or None."""
        if value is None:
            return None if self.null else "is null"
        if self.kind == "any":
            return None
        if self.kind.endswith("_list"):
            if not isinstance(value, (list, tuple, np.ndarray)):
                return f"is {type(value).__name__}, expected a list"
            inner = _PYTHON[self.kind.removesuffix("_list")]
            if inner is float:
                return None if np.all(np.isfinite(value)) else "holds a number that is not finite"
            wrong = next((v for v in value if not isinstance(v, inner)), None)
            return f"holds {wrong!r}, expected {inner.__name__}" if wrong is not None else None
        if self.kind == "float":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return f"is {value!r}, expected a number"
            return None if math.isfinite(value) else "is not finite (write null and the reason)"
        expected = _PYTHON[self.kind]
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            return f"is {value!r}, expected {expected.__name__}"
        if self.choices and value not in self.choices:
            return f"is {value!r}, expected one of {', '.join(self.choices)}"
        return None


@dataclass(frozen=True)
class Contract:
    """The schema of one file. `form`: jsonl, json (an array of rows), object, or parquet."""

    name: str
    file: str
    form: str
    written_by: str
    meaning: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()

    # ---- checking -------------------------------------------------------------------------

    def check(self, rows: Iterable[Mapping[str, Any]], where: str) -> None:
        """Raise DataError naming `where`, row (1-based) and field at the first breach."""
        known = {field.name for field in self.fields}
        seen: dict[tuple[Any, ...], int] = {}
        for number, row in enumerate(rows, start=1):
            unknown = sorted(set(row) - known)
            if unknown:
                raise self._breach(where, number, unknown[0], "is not in the contract")
            for field in self.fields:
                if field.name not in row:
                    if field.optional:
                        continue
                    raise self._breach(where, number, field.name, "is missing")
                problem = field.problem(row[field.name])
                if problem:
                    raise self._breach(where, number, field.name, problem)
            if self.key:
                key = tuple(row[name] for name in self.key)
                if key in seen:
                    problem = f"repeats the key of row {seen[key]}: {key}"
                    raise self._breach(where, number, self.key[0], problem)
                seen[key] = number

    def _breach(self, where: str, number: int, field: str, problem: str) -> DataError:
        return DataError(
            f"{where}, row {number}, field {field!r} {problem}",
            mend=f"The contract {self.name!r} is in docs/contracts.md",
        )

    def _sorted(self, rows: Iterable[Mapping[str, Any]]) -> list[Row]:
        listed = [row if type(row) is dict else dict(row) for row in rows]
        if self.key:
            listed.sort(key=lambda row: tuple((row[k] is not None, row[k]) for k in self.key))
        return listed

    # ---- writing --------------------------------------------------------------------------

    def write(self, target: Path | str, rows: Iterable[Mapping[str, Any]] | Mapping[str, Any]) -> Path:
        """Check and write `rows` sorted by key; `target` is a file, or a folder for the usual name.

        Form `object` takes one mapping. The file is written under a temporary name and renamed.
        """
        path = self.path(target)
        if self.form == "object":
            self.check([rows], path.name)  # type: ignore[list-item]
            write_json(path, rows)
            return path
        listed = self._sorted(rows)  # type: ignore[arg-type]
        self.check(listed, path.name)
        if self.form == "json":
            write_json(path, listed)
        elif self.form == "jsonl":
            with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
                file.writelines(canonical_json(row) + "\n" for row in listed)
        else:
            columns = {f.name: [row[f.name] for row in listed] for f in self.fields}
            self.write_columns(path, columns)
        return path

    def write_columns(self, target: Path | str, columns: Mapping[str, Any]) -> Path:
        """Write a Parquet contract from whole columns (lists or arrays), in the order given."""
        return self._write_table(target, pa.table(dict(columns), schema=self.arrow_schema()))

    def _write_table(self, target: Path | str, table: pa.Table) -> Path:
        path = self.path(target)
        with atomic_path(path) as temporary:
            pq.write_table(table.replace_schema_metadata(_stamp or None), temporary, compression="zstd")
        return path

    def write_empty(self, target: Path | str) -> Path:
        """Write a valid file without rows (stub runs)."""
        if self.form == "object":
            path = self.path(target)
            write_json(path, {field.name: _empty(field) for field in self.fields})
            return path
        if self.form == "parquet":  # converting lists would import pandas, a second for nothing
            return self._write_table(target, pa.Table.from_batches([], schema=self.arrow_schema()))
        return self.write(target, [])

    # ---- reading --------------------------------------------------------------------------

    def read(self, target: Path | str) -> list[Row]:
        """Read and check a file; form `object` gives a list of one row."""
        path = self.path(target)
        if not path.is_file():
            raise InputMissingError(f"{path} is missing", mend=f"It is written by {self.written_by}")
        rows = list(self._parse(path))
        self.check(rows, path.name)
        return rows

    def read_object(self, target: Path | str) -> Row:
        """Read a file of form `object`."""
        return self.read(target)[0]

    def read_table(self, target: Path | str) -> pa.Table:
        """Read a Parquet contract as an Arrow table; only the columns are checked."""
        path = self.path(target)
        if not path.is_file():
            raise InputMissingError(f"{path} is missing", mend=f"It is written by {self.written_by}")
        try:
            return pq.read_table(path, schema=self.arrow_schema())
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{path.name} is not a readable {self.name} table: {error}") from error

    def read_many(self, paths: Iterable[Path | str]) -> list[Row]:
        """Rows of several files of this contract, sorted by key; a key may not occur twice."""
        rows = self._sorted(row for path in paths for row in self.read(path))
        self.check(rows, f"{self.file} (all parts)")
        return rows

    def _parse(self, path: Path) -> Iterator[Row]:
        if self.form == "parquet":
            yield from self.read_table(path).to_pylist()
            return
        try:
            text = path.read_text(encoding="utf-8")
            if self.form == "jsonl":
                # not splitlines(): U+2028 and U+0085 may stand inside a text and end no line of JSONL
                for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
                    try:
                        yield json.loads(line)
                    except json.JSONDecodeError as error:
                        message = f"{path.name}, row {number}: not JSON ({error})"
                        raise DataError(message, mend="The file may be cut off; make it again") from error
                return
            value = json.loads(text)
        except UnicodeDecodeError as error:
            raise DataError(f"{path.name} is not UTF-8: {error}") from error
        except json.JSONDecodeError as error:
            raise DataError(f"{path.name} is not JSON: {error}") from error
        yield from ([value] if self.form == "object" else value)

    # ---- description ----------------------------------------------------------------------

    def path(self, target: Path | str) -> Path:
        """`target` itself when it has this form's suffix and is no folder, else the usual file name inside it."""
        target = Path(target)
        return target if target.suffix == Path(self.file).suffix and not target.is_dir() else target / self.file

    def arrow_schema(self) -> pa.Schema:
        """The Arrow types of a Parquet contract."""
        return pa.schema([pa.field(f.name, _ARROW[f.kind], nullable=f.null) for f in self.fields])

    def content_sha(self, rows: Iterable[Mapping[str, Any]]) -> str:
        """Hash of canonical rows in key order: equal content, equal hash, whatever the writer."""
        return sha256_text("".join(canonical_json(row) + "\n" for row in self._sorted(rows)))


def _empty(field: Field) -> Any:
    if field.null:
        return None
    if field.kind.endswith("_list"):
        return []
    if field.choices:
        return field.choices[0]
    return {"str": "", "int": 0, "float": 0.0, "bool": False, "object": {}, "any": []}[field.kind]
