"""Everything the report reads, in one object."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from volfid.core.contracts import Row
from volfid.core.exits import DataError, InputMissingError
from volfid.core.schemas import CONTRACTS

OBJECTS = ("job", "plan", "corpus", "findings", "uses", "status")
TABLES = (
    "cells", "labels", "funnel", "rejects", "scores", "effects", "correlations", "claims",
    "gaps", "fidelity", "keywords", "leaks", "agreement", "retrieval", "retrieval_tests", "retrieval_filters",
    "waterfall", "regimes",
)  # fmt: skip


@dataclass
class ReportInputs:
    """The results of a run; a part that was not given is an empty dict or list."""

    job: Row = field(default_factory=dict)
    plan: Row = field(default_factory=dict)
    corpus: Row = field(default_factory=dict)
    findings: Row = field(default_factory=dict)
    uses: Row = field(default_factory=dict)
    status: Row = field(default_factory=dict)
    cells: list[Row] = field(default_factory=list)
    labels: list[Row] = field(default_factory=list)
    funnel: list[Row] = field(default_factory=list)
    rejects: list[Row] = field(default_factory=list)
    scores: list[Row] = field(default_factory=list)
    effects: list[Row] = field(default_factory=list)
    correlations: list[Row] = field(default_factory=list)
    claims: list[Row] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    fidelity: list[Row] = field(default_factory=list)
    keywords: list[Row] = field(default_factory=list)
    leaks: list[Row] = field(default_factory=list)
    agreement: list[Row] = field(default_factory=list)
    retrieval: list[Row] = field(default_factory=list)
    retrieval_tests: list[Row] = field(default_factory=list)
    retrieval_filters: list[Row] = field(default_factory=list)
    waterfall: list[Row] = field(default_factory=list)
    regimes: list[Row] = field(default_factory=list)
    manifests: list[Row] = field(default_factory=list)
    prompts: list[tuple[str, str]] = field(default_factory=list)
    figures: list[Row] = field(default_factory=list)
    calibration: Row = field(default_factory=dict)

    @property
    def stamp(self) -> str | None:
        """Words that every output must carry."""
        return self.corpus.get("stamp")


def load(**paths: Path | Sequence[Path] | None) -> ReportInputs:
    """Read the named contracts through their schemas; a list of paths is read as one table.

    `gaps` may hold the same gap twice (each stage passes on what it saw): equal rows count once.
    """
    inputs = ReportInputs()
    for name, path in paths.items():
        if path is None:
            continue
        if name in OBJECTS:
            setattr(inputs, name, CONTRACTS[name].read_object(path))  # type: ignore[arg-type]
        elif name == "manifests":
            inputs.manifests = [CONTRACTS["manifest"].read_object(one) for one in path]  # type: ignore[union-attr]
            inputs.manifests.sort(key=lambda row: (row["command"], row["job_id"] or ""))
        else:
            parts = [path] if isinstance(path, Path) else list(path)
            setattr(inputs, name, _rows(name, parts))
    return inputs


def _rows(name: str, parts: list[Path]) -> list[Row]:
    if name == "gaps":
        return _unique(row for part in parts for row in CONTRACTS[name].read(part))
    return CONTRACTS[name].read_many(parts)


def _unique(rows: Iterable[Row]) -> list[Row]:
    seen = {tuple(sorted((key, str(value)) for key, value in row.items())): row for row in rows}
    return [seen[key] for key in sorted(seen)]


def read_prompts(folder: Path, limit_bytes: int = 1_000_000) -> list[tuple[str, str]]:
    """(relative name, text) of every template in the prompts folder, in name order."""
    found: list[tuple[str, str]] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and path.stat().st_size <= limit_bytes:
            found.append((path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8", errors="replace")))
    return found


def read_figure_index(folder: Path) -> list[Row]:
    """The rows of figures.json: file, title, alt, caption. A folder without it holds no figure."""
    path = folder / "figures.json"
    if not path.is_file():
        raise InputMissingError(f"{path} is missing", mend="It is written by draw_figures.py")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [{name: str(row[name]) for name in ("file", "title", "alt", "caption")} for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"figures.json is broken: {error}") from error
