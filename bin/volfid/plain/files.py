"""Documents from plain files: one row a document, with its text and labels, and where they stand in the file."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from volfid.core.contracts import Contract
from volfid.core.exits import DataError, ParameterError
from volfid.core.files import atomic_path, sha256_text
from volfid.core.schemas import CONTRACTS
from volfid.core.seeds import generator

Row = dict[str, Any]
SHARES = {"train": 2, "reference": 1, "test": 1}
SUFFIXES = (
    ".gz", ".zip", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".tab", ".parquet", ".pq", ".xlsx", ".xlsm", ".txt",
)  # fmt: skip

IdColumn = Annotated[str | None, typer.Option("--id-column", "--id_column", help="column of the id")]
TextColumns = Annotated[
    str | None, typer.Option("--text-columns", "--text_columns", help="column of the text, or several, by commas")
]
LabelColumns = Annotated[
    str | None,
    typer.Option("--label-columns", "--label_columns", help="column of the labels, or one a label, or a pattern"),
]
LabelSeparator = Annotated[
    str | None, typer.Option("--label-separator", "--label_separator", help="what stands between labels in a cell")
]
NoHeader = Annotated[
    bool, typer.Option("--no-header", "--no_header", help="no row names the columns: they are 1, 2 and so on")
]
Vectors = Annotated[
    Path | None,
    typer.Option(
        help="folder with NAME.npy for every file NAME.jsonl: row i of the array is row i of the file",
        exists=True,
        file_okay=False,
    ),
]
ModelDir = Annotated[
    Path | None,
    typer.Option(help="folder of a sentence encoder, as fetch_models.py writes it", exists=True, file_okay=False),
]


@dataclass(frozen=True)
class Documents:
    """One file: its name without folder and suffix, and its documents in the order of the file.

    A document: doc_id (`NAME/id`, so that no two files share one), text, labels, split (None where the file has
    no such column), group, sources (ids as the file gives them), text_sha.
    """

    name: str
    path: Path
    rows: list[Row]


class Reader:
    """Reads files with the same options; refused rows of a file go to rejects.jsonl in `out`."""

    def __init__(
        self, out: Path, *, id_column: str | None, text_columns: str | None, label_columns: str | None,
        label_separator: str | None, no_header: bool = False,
    ):  # fmt: skip
        self.out, self.separator, self.no_header = out, label_separator, no_header
        self.columns = {"id": id_column, "text": text_columns, "labels": label_columns}
        self.seen: dict[str, Path] = {}
        self.warnings: list[str] = []

    def read(self, path: Path) -> Documents:
        """The documents of one file. Raises DataError (65) for rows without use, all of them at once.

        A row without an id column has its row number as id. Raises ParameterError (64) when another file has the
        same name: conditions and vectors are told apart by it.
        """
        from volfid.inputs.duplicates import repeated_id_faults
        from volfid.inputs.faults import Fault, InputFaults
        from volfid.inputs.records import read_records
        from volfid.inputs.tables import open_table

        name = stem(path)
        if name in self.seen and path.samefile(self.seen[name]):
            raise ParameterError(f"{path} was given twice", mend="Give each file once")
        if name in self.seen:
            raise ParameterError(f"{self.seen[name]} and {path} have the same name", mend="Rename one of the files")
        later = bool(self.seen)  # a column that is named must be in the first file; others may have the usual names
        self.seen[name] = path
        table = open_table(path, self.no_header, lenient=later)
        found = read_records(table, self.columns, made_ids=None, separator=self.separator, lenient=later)
        for place, row in enumerate(found.rows, start=1):
            row.doc_id = row.doc_id or f"row-{place if len(table.parts) > 1 else row.row:06d}"
        faults = [*found.faults, *repeated_id_faults(found.rows)]
        faults += [
            Fault(row.file, row.row, "empty_text", "the text is empty", row.doc_id, None, "Fill it in, or leave it out")
            for row in found.rows if not row.text
        ]  # fmt: skip
        if faults:
            problem = InputFaults(faults)
            CONTRACTS["rejects"].write(self.out, problem.rejects)
            raise problem
        self.warnings += found.warnings
        return Documents(name, path, [
            {
                "doc_id": f"{name}/{row.doc_id}", "text": row.text, "labels": list(row.labels), "split": row.split,
                "group": f"{name}/{row.group or row.doc_id}", "sources": row.sources, "text_sha": sha256_text(row.text),
            }
            for row in found.rows
        ])  # fmt: skip


def stem(path: Path) -> str:
    """The name of a file without folder and the suffixes of its format."""
    name = path.name
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
    return name


def label_ids(*files: Documents) -> list[str]:
    """All labels that occur, sorted. Raises DataError when no document has one."""
    found = sorted({label for file in files for row in file.rows for label in row["labels"]})
    if not found:
        raise DataError(f"no document of {files[0].path.name} has a label", mend="Name the column: --label-columns")
    return found


def label_notes(real: Iterable[Row], made: Sequence[Documents]) -> list[str]:
    """A note for each synthetic file with labels that no real document has, with the likely names.

    Requested labels are compared as they are written: in other case or spelling a label is another one.
    """
    from volfid.inputs.faults import did_you_mean

    known = sorted({label for row in real for label in row["labels"]})
    notes = []
    for one in made:
        own = sorted({label for row in one.rows for label in row["labels"]})
        odd = [label for label in own if label not in set(known)]
        if not odd:
            continue
        rows = sum(bool(set(row["labels"]) & set(odd)) for row in one.rows)
        first = ", ".join(f"{label[:60]!r}{did_you_mean(label, known)[:90]}" for label in odd[:3])
        all_odd = len(odd) == len(own)
        many = f"none of its {len(own)} labels is" if all_odd else f"{len(odd)} of its {len(own)} labels are not"
        end = "" if len(odd) <= 3 else f" and {len(odd) - 3} more"
        notes.append(
            f"{one.path.name}: {many} a label of the real documents ({rows} of {len(one.rows)} rows): {first}{end}. "
            "Figures of labels take them for other labels; write them alike"
        )
    return notes


def sides(real: Documents, train: Documents | None, test: Documents | None, seed: int) -> tuple[list[Row], str]:
    """Real documents with their split, and in words where it comes from.

    A column `split` of `real` counts as it is. Otherwise its groups are drawn for the sides that no file gives:
    train, reference and test as 2 : 1 : 1. Raises ParameterError when both are given.
    """
    given = {name: file.rows for name, file in (("train", train), ("test", test)) if file}
    own = {row["split"] for row in real.rows}
    if own != {None}:
        if None in own:
            raise DataError(f"{real.path.name}: some rows have a split and others none", mend="Fill in the column")
        if given:
            raise ParameterError(
                f"{real.path.name} has a column with a split, and --{next(iter(given))} was given",
                mend="Give one of them",
            )
        if "reference" not in own:
            raise DataError(f"{real.path.name}: no row is in split 'reference'", mend="Distances are taken from it")
        return real.rows, f"the column of {real.path.name}"
    drawn = [name for name in SHARES if name not in given]
    groups = sorted({row["group"] for row in real.rows})
    order = generator(seed, "plain_split").permutation(len(groups))
    bounds = np.cumsum([SHARES[name] for name in drawn]) / sum(SHARES[name] for name in drawn) * len(groups)
    side = {groups[i]: drawn[int(np.searchsorted(bounds, place, side="right"))] for place, i in enumerate(order)}
    rows = [{**row, "split": side[row["group"]]} for row in real.rows]
    rows += [{**row, "split": name} for name, members in given.items() for row in members]
    told = ", ".join(f"{name} from {file.path.name}" for name, file in (("train", train), ("test", test)) if file)
    how = f"{' : '.join(str(SHARES[n]) for n in drawn)} {', '.join(drawn)} drawn from {real.path.name}"
    return rows, "; ".join(filter(None, (told, how if len(drawn) > 1 else f"{drawn[0]} from {real.path.name}")))


def sources_of(row: Row, real: Mapping[str, Sequence[str]]) -> list[str]:
    """Ids of the real documents that a synthetic one names. `real`: full ids by the id their file gives."""
    return sorted({full for source in row["sources"] for full in real.get(source, ())})


def by_plain_id(rows: Iterable[Row]) -> dict[str, list[str]]:
    """Full ids (`NAME/id`) by the id that the file gives."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row["doc_id"].partition("/")[2]].append(row["doc_id"])
    return found


def write_csv(path: Path, contract: Contract, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write a table for people: columns and order of the contract, undefined values as empty cells."""
    columns = [field.name for field in contract.fields]
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in sorted(rows, key=lambda row: tuple(row[name] for name in contract.key)):
            writer.writerow(["" if row[name] is None else row[name] for name in columns])
    return path
