"""The inputs stage: from files as given to accepted documents, labels, split and counts."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from volfid.core.exits import DataError, ParameterError
from volfid.core.files import sha256_text
from volfid.core.labels import label_matrix
from volfid.core.seeds import generator
from volfid.inputs.brought import Accepted, RealSide, accept_brought
from volfid.inputs.cell_policies import apply_cell_policies
from volfid.inputs.cleaning import Cleaned, clean, refuse
from volfid.inputs.duplicates import group_names
from volfid.inputs.embedded import embedded_stamp
from volfid.inputs.faults import InputFaults, reject_rows
from volfid.inputs.fixture import STAMP, fixture_label_names, fixture_records, fixture_sha
from volfid.inputs.forms import FORMATS, PACKED
from volfid.inputs.labels import LabelName, case_collisions, nameless, note_warnings, read_label_names
from volfid.inputs.left import check_left
from volfid.inputs.numbered import names_by_place
from volfid.inputs.odd_texts import odd_text_notes
from volfid.inputs.parents import RealNames
from volfid.inputs.records import Records, read_records
from volfid.inputs.settings import InputSettings
from volfid.inputs.sides import part_ids, with_test_rows
from volfid.inputs.split import SIDES, assign_sides, sides_by_date
from volfid.inputs.supplied import read_supplied
from volfid.inputs.tables import content_sha, open_table, table_files
from volfid.inputs.text import normalise

FIXTURE = "fixture"


@dataclass
class Prepared:
    """Everything the stage writes, each as rows of the contract of that name."""

    documents: list[dict[str, Any]]
    labels: list[dict[str, Any]]
    corpus: dict[str, Any]
    rejects: list[dict[str, Any]]
    funnel: list[dict[str, Any]]
    brought: list[dict[str, Any]]


def prepare(
    source: str, settings: InputSettings, master_seed: int, labels: Path | None = None,
    synthetic: Path | Sequence[Path] | None = None, stamps: tuple[str | None, str | None] = (None, None),
    test: Path | None = None,
) -> Prepared:  # fmt: skip
    """Read, check, clean, group and split a corpus.

    source: path of a table or of a folder of them, or 'fixture'. labels: the label file. synthetic: documents to audit,
    one file or several. stamps: words that every output must carry, and the SHA-256 of the demo corpus, which carries
    its own (embedded.py). test: a table whose rows are the test side. Independent of the order of the rows. Raises
    InputFaults (exit 65) for rows that cannot be used, DataError for files that cannot, ParameterError for options that
    contradict each other.
    """
    fixture = source == FIXTURE
    if fixture and labels is not None:
        raise ParameterError("--labels was given with --input fixture", mend="The fixture has its own labels")
    if fixture and test is not None:
        raise ParameterError("--test was given with --input fixture", mend="The fixture has its own test side")
    names = fixture_label_names() if fixture else read_label_names(labels) if labels else None
    listed_in = labels.name if labels else "the label list"
    records = fixture_records() if fixture else _real(Path(source), settings, names, test)
    if not fixture:
        names = names_by_place(records, names, listed_in)
    met = records.met | refuse(records.rows, records.faults, settings, names, listed_in, records.fields)
    try:
        done = clean(records.rows, met, settings, names)
        told: list[str] = []
        documents = _documents(done, settings, master_seed, told)
    except DataError as error:
        raise _explained(error, records.warnings) from error
    warnings = [*records.warnings, *done.warnings]
    if names is not None and len(done.labels) < len(names):
        warnings.append(f"{len(names) - len(done.labels)} of {len(names)} labels of {listed_in} are not studied")
    warnings += case_collisions(done.labels)
    warnings += told
    accepted = Accepted()
    if synthetic:
        renamed = {own: done.alias.get(new, new) for own, new in records.renamed.items()}
        seen = {label: LabelName() for row in records.rows for label in row.labels}
        real = RealSide(
            documents, renamed | done.alias, names if names is not None else seen, frozenset(done.labels), listed_in
        )
        files = [synthetic] if isinstance(synthetic, Path) else synthetic
        accepted, noticed = _accept(files, real, done, settings)
        warnings += noticed
    label_rows = _label_rows(documents, done.labels, names)
    corpus = {
        **(_about_fixture() if fixture else _about(Path(source), test, stamps)),
        "documents": len(documents),
        "split_sizes": {side: sum(row["split"] == side for row in documents) for side in SIDES},
        "cardinality": float(np.mean([len(row["labels"]) for row in documents])),
        "named_labels": all(row["name"] is not None for row in label_rows),
        "brought": len(accepted.rows),
        **({"supplied": accepted.pools} if synthetic else {}),
        "policies": done.policies(),
        "warnings": [*note_warnings(label_rows), *nameless(label_rows), *warnings],
    }
    return Prepared(documents, label_rows, corpus, reject_rows(done.dropped), done.funnel.rows, accepted.rows)


def _accept(
    files: Sequence[Path], real: RealSide, done: Cleaned, settings: InputSettings
) -> tuple[Accepted, list[str]]:
    """Synthetic documents of `files`, checked against the real side and counted in `done`; and what to say of them."""
    names = RealNames({row["text"].casefold(): row["doc_id"] for row in real.documents}, real.alias)
    found = read_supplied(
        files, settings, names, lambda path, own: _read(path, own, real.known_labels, "brought-", real=False)
    )
    accepted = accept_brought(found, real, names, done.funnel, settings)
    done.dropped += accepted.dropped
    done.counts += accepted.counts
    met = found.records.met
    done.counts += Counter({name: len(met.get(name, ())) for name in ("error_cells", "missing_labels")})
    return accepted, [*found.records.warnings, *accepted.warnings, *check_left(accepted.pools)]


def _about(path: Path, test: Path | None, stamps: tuple[str | None, str | None]) -> dict[str, Any]:
    """What the contract `corpus` says of the files."""
    return {
        "name": _stem(path),
        "stamp": _stamp(stamps[0], embedded_stamp(_files(path, test), stamps[1])),
        "source": path.name,
        "source_sha256": content_sha(path, test),
    }


def _about_fixture() -> dict[str, Any]:
    return {"name": FIXTURE, "stamp": STAMP, "source": FIXTURE, "source_sha256": fixture_sha()}


def _stamp(given: str | None, own: str | None) -> str | None:
    """Words of the user and those of the corpus itself."""
    return "; ".join(dict.fromkeys(filter(None, (own, given)))) or None


def _explained(error: DataError, warnings: Sequence[str]) -> DataError:
    """The error with what was noticed while reading: it may be the cause."""
    if not warnings or isinstance(error, InputFaults):
        return error
    return DataError(f"{error.message}. Note: {'; '.join(warnings)}", mend=error.mend)


def _files(source: Path, test: Path | None) -> list[Path]:
    return [part for path in (source, test) if path is not None for part in table_files(path)]


def _real(path: Path, settings: InputSettings, known: Collection[str] | None, test: Path | None) -> Records:
    """The real documents, those of --test among them."""
    if test is None:
        return _read(path, settings, known, "doc-")
    if settings.split_by == "date":
        mend = "Leave out split_by and --date_column, or --test"
        raise ParameterError("split_by is date, and --test was given", mend=mend)
    records = _read(path, settings, known, None)
    records.warnings += with_test_rows(records, _read(test, settings, known, None))
    return records


def _read(
    path: Path, settings: InputSettings, known: Collection[str] | None, made_ids: str | None, real: bool = True
) -> Records:
    table = open_table(path, settings.no_header, lenient=not real)
    found = read_records(
        table, settings.columns, known_labels=known, made_ids=made_ids, separator=settings.label_separator,
        dates=real and settings.split_by == "date", lenient=not real,
    )  # fmt: skip
    if real and table.sides and made_ids is not None:
        found.warnings += part_ids(found)
    apply_cell_policies(found, settings)
    found.warnings += odd_text_notes(found.file, (row.text for row in found.rows))
    return found


def _documents(done: Cleaned, settings: InputSettings, master_seed: int, warnings: list[str]) -> list[dict[str, Any]]:
    """Rows of the contract `documents`; the cleaned rows are sorted by id."""
    groups = group_names(done.rows, done.ties)
    matrix = label_matrix((row.labels for row in done.rows), done.labels)
    given = [row.split for row in done.rows]
    if settings.split_by == "date":
        if any(given):
            mend = "Remove the column, or leave out split_by and --date_column"
            raise ParameterError("split_by is date, and the file has a column with a split", mend=mend)
        sides, told = sides_by_date(matrix, groups, [row.date or "" for row in done.rows], settings,
                                    [f"{row.file}, row {row.row}" for row in done.rows])  # fmt: skip
    else:
        sides, told = assign_sides(matrix, groups, given, settings, generator(master_seed, "split"))
    warnings += told
    return [
        {
            "doc_id": row.doc_id, "text": row.text, "labels": list(row.labels), "split": side,
            "group": group, "text_sha": sha256_text(row.text),
        }
        for row, group, side in zip(done.rows, groups, sides, strict=True)
    ]  # fmt: skip


def _label_rows(
    documents: Sequence[Mapping[str, Any]], labels: Sequence[str], names: Mapping[str, LabelName] | None
) -> list[dict[str, Any]]:
    everywhere = Counter(label for row in documents for label in row["labels"])
    train = Counter(label for row in documents if row["split"] == "train" for label in row["labels"])
    about = {label: (names or {}).get(label, LabelName()) for label in labels}
    return [
        {
            "label": label, "name": about[label].name, "definition": about[label].definition,
            "count": everywhere[label], "count_train": train[label],
            **({"note": about[label].note} if about[label].note else {}),
        }
        for label in labels
    ]  # fmt: skip


def _stem(path: Path) -> str:
    """The file's name without folder and the suffixes of its format."""
    name = path.name
    for suffix in (*PACKED, *FORMATS):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return normalise(name) or "corpus"
