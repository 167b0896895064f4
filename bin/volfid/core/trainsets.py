"""Reading training sets with their documents: what fidelity and retrieval do alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volfid.core.manifest import Manifest
from volfid.core.schemas import CONTRACTS

Row = dict[str, Any]


@dataclass(frozen=True)
class TrainsetFiles:
    """real, synthetic: documents; labels: entries in column order; trainsets: rows by id, sorted, planned ones only."""

    real: list[Row]
    synthetic: list[Row]
    labels: list[Row]
    trainsets: dict[str, list[Row]]

    @property
    def label_ids(self) -> list[str]:
        """Label ids in column order."""
        return [label["label"] for label in self.labels]


def read_trainsets(
    manifest: Manifest, items: Sequence[Mapping[str, Any]], documents: Path, labels: Path, trainsets: Sequence[Path],
    synthetic: Sequence[Path],
) -> TrainsetFiles:  # fmt: skip
    """Read all of them through their contracts, and note them in the manifest.

    A planned training set (`trainset_id` of an item) without rows is left out: its stage named the gap.
    """
    real, entries = CONTRACTS["documents"].read(documents), CONTRACTS["labels"].read(labels)
    for path, count in ((documents, len(real)), (labels, len(entries))):
        manifest.read(path, count)
    rows = [row for path in trainsets for row in CONTRACTS["trainsets"].read(path)]
    made = [row for path in synthetic for row in CONTRACTS["synthetic"].read(path)]
    for path in [*trainsets, *synthetic]:
        manifest.read(path)
    return TrainsetFiles(real, made, entries, group_rows(rows, {item["trainset_id"] for item in items}))


def group_rows(rows: Iterable[Row], wanted: Iterable[str]) -> dict[str, list[Row]]:
    """Training-set rows by trainset id, only the wanted ones, sorted by id."""
    groups: dict[str, list[Row]] = {name: [] for name in sorted(set(wanted))}
    for row in rows:
        if row["trainset_id"] in groups:
            groups[row["trainset_id"]].append(row)
    return {name: members for name, members in groups.items() if members}
