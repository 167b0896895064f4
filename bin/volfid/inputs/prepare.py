"""The inputs stage: from files as given to accepted documents, labels, split and counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from volfid.core.exits import ParameterError
from volfid.core.files import sha256_file, sha256_text
from volfid.core.labels import label_matrix
from volfid.core.seeds import generator
from volfid.inputs.brought import RealSide, accept_brought
from volfid.inputs.duplicates import drop_repeated_texts, leak_groups, repeated_id_faults
from volfid.inputs.faults import Fault, Funnel, InputFaults, reject_rows
from volfid.inputs.fixture import STAMP, fixture_label_names, fixture_records, fixture_sha
from volfid.inputs.labels import (
    LabelName,
    case_collisions,
    frequent_labels,
    note_warnings,
    read_label_names,
    restrict,
    unknown_label_faults,
)
from volfid.inputs.records import Record, Records, read_records
from volfid.inputs.settings import InputSettings
from volfid.inputs.split import SIDES, assign_sides
from volfid.inputs.tables import FORMATS
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
    source: str, settings: InputSettings, master_seed: int, labels: Path | None = None, synthetic: Path | None = None
) -> Prepared:
    """Read, check, clean, group and split a corpus.

    source: path of a table, or 'fixture'. labels: the label file. synthetic: brought documents to
    audit. Independent of the order of the rows. Raises InputFaults (exit 65) for rows that cannot
    be used, DataError for files that cannot, ParameterError for options that contradict each other.
    """
    fixture = source == FIXTURE
    if fixture and labels is not None:
        raise ParameterError("--labels was given with --input fixture", mend="The fixture has its own labels")
    names = fixture_label_names() if fixture else read_label_names(labels) if labels else None
    listed_in = labels.name if labels else "the label list"
    records = (
        fixture_records()
        if fixture
        else read_records(Path(source), settings.columns, known_labels=list(names) if names is not None else None)
    )
    faults = [*records.faults, *repeated_id_faults(records.rows)]
    if names is not None:
        faults += unknown_label_faults(records, list(names), listed_in)
    if faults:
        raise InputFaults(faults)
    funnel, warnings = Funnel(), list(records.warnings)
    kept, dropped, alias = _clean(records, settings, funnel, warnings)
    used = sorted({label for record in kept for label in record.labels})
    seen = sorted({label for record in records.rows for label in record.labels})
    if names is not None and len(used) < len(names):
        warnings.append(f"{len(names) - len(used)} of {len(names)} labels of {listed_in} are not studied")
    warnings += case_collisions(used)
    documents = _documents(kept, used, settings, master_seed, warnings)
    brought: list[dict[str, Any]] = []
    if synthetic is not None:
        real = RealSide(documents, alias, list(names) if names is not None else seen, frozenset(used), listed_in)
        found = read_records(synthetic, {}, known_labels=real.known_labels, made_ids="brought-")
        brought, more, told = accept_brought(found, real, funnel)
        dropped += more
        warnings += [*found.warnings, *told]
    label_rows = _label_rows(documents, used, names)
    corpus = {
        "name": FIXTURE if fixture else _stem(Path(source)),
        "stamp": STAMP if fixture else None,
        "source": FIXTURE if fixture else Path(source).name,
        "source_sha256": fixture_sha() if fixture else sha256_file(source),
        "documents": len(documents),
        "split_sizes": {side: sum(row["split"] == side for row in documents) for side in SIDES},
        "cardinality": float(np.mean([len(row["labels"]) for row in documents])),
        "named_labels": all(row["name"] is not None for row in label_rows),
        "brought": len(brought),
        "warnings": [*note_warnings(label_rows), *warnings],
    }
    return Prepared(documents, label_rows, corpus, reject_rows(dropped), funnel.rows, brought)


def _clean(
    records: Records, settings: InputSettings, funnel: Funnel, warnings: list[str]
) -> tuple[list[Record], list[Fault], dict[str, str]]:
    """Drop what is harmless but unusable, step by step."""
    dropped: list[Fault] = []

    def keep(step: str, rows: Sequence[Record], wrong: Sequence[Record], reason: str, detail: str) -> list[Record]:
        gone = {record.doc_id for record in wrong}
        dropped.extend(Fault(record.file, record.row, reason, detail, record.doc_id) for record in wrong)
        left = [record for record in rows if record.doc_id not in gone]
        funnel.step(step, len(rows), len(left))
        return left

    rows = records.rows
    funnel.step("rows read", len(rows), len(rows))
    rows = keep("empty text", rows, [r for r in rows if not r.text], "empty_text", "the text is empty")
    rows = keep("no label", rows, [r for r in rows if not r.labels], "no_label", "the row has no label")
    before = len(rows)
    rows, repeated, alias, told = drop_repeated_texts(rows)
    funnel.step("repeated text", before, len(rows))
    dropped += repeated
    warnings += told
    least = settings.min_label_documents
    kept = frozenset(frequent_labels(rows, least))
    rare = len({label for record in rows for label in record.labels} - kept)
    rows = [replace(record, labels=restrict(record, kept)) for record in rows]
    if rare:
        warnings.append(f"{rare} labels have fewer than {least} documents and were dropped")
    step = f"no label left: {rare} labels with fewer than {least} documents were dropped"
    rows = keep(step, rows, [r for r in rows if not r.labels], "label_too_rare", "all its labels are too rare")
    return rows, dropped, alias


def _documents(
    records: Sequence[Record], labels: Sequence[str], settings: InputSettings, master_seed: int, warnings: list[str]
) -> list[dict[str, Any]]:
    """Rows of the contract `documents`; `records` are sorted by id."""
    groups = leak_groups(records)
    matrix = label_matrix((record.labels for record in records), labels)
    given = [record.split for record in records]
    sides, told = assign_sides(matrix, groups, given, settings, generator(master_seed, "split"))
    warnings += told
    return [
        {
            "doc_id": record.doc_id, "text": record.text, "labels": list(record.labels), "split": side,
            "group": group, "text_sha": sha256_text(record.text),
        }
        for record, group, side in zip(records, groups, sides, strict=True)
    ]  # fmt: skip


def _label_rows(
    documents: Sequence[Mapping[str, Any]], labels: Sequence[str], names: Mapping[str, LabelName] | None
) -> list[dict[str, Any]]:
    rows = []
    for label in labels:
        carriers = [row for row in documents if label in row["labels"]]
        about = (names or {}).get(label, LabelName())
        rows.append({
            "label": label, "name": about.name, "definition": about.definition, "count": len(carriers),
            "count_train": sum(row["split"] == "train" for row in carriers),
            **({"note": about.note} if about.note else {}),
        })  # fmt: skip
    return rows


def _stem(path: Path) -> str:
    """The file's name without folder and the suffixes of its format."""
    name = path.name
    for suffix in (".gz", *FORMATS):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return normalise(name) or "corpus"
