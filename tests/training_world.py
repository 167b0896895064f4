"""Small jobs for the training stage: a made-up corpus, or the shared patents with TF-IDF vectors."""

import functools
import gzip
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from volfid.core import ids
from volfid.training.runner import Results, run_cells

ROOT = Path(__file__).resolve().parents[1]
RECIPES = yaml.safe_load((ROOT / "params" / "recipes.yaml").read_text(encoding="utf-8"))
POLICIES = ["fixed_0.5", "tuned", "cardinality", "per_label", "cross_validated"]
BASE = {
    "arm": "R0", "pool_id": None, "draw": 0, "generator": None, "method": None, "label_plan": None, "text": "none",
    "dose": None, "label_law": "real", "rows_added": 0, "real_share": None, "budget": None, "pool_size": None,
    "round": 0, "added": 0, "updates": "low", "tuning": "fixed", "head_start": "zero", "exposure": "pooled",
    "classifier": "mlp", "loss": "bce", "training_seed": 0, "encoder": "none", "n_updates": None, "penalty_scale": None,
    "blocks": ["test"], "priority": 1,
}  # fmt: skip


class World:
    """Documents, labels, one regime with folds, vectors, and training sets by text."""

    def __init__(self, documents: list[dict[str, Any]], vectors: np.ndarray, n: int, draw: int = 0, folds: int = 3):
        self.documents, self.vectors, self.n, self.draw = documents, vectors, n, draw
        names = sorted({label for row in documents for label in row["labels"]})
        train = [row for row in documents if row["split"] == "train"]
        self.labels = [
            {"label": k, "name": None, "definition": None, "count": sum(k in row["labels"] for row in documents),
             "count_train": sum(k in row["labels"] for row in train)} for k in names
        ]  # fmt: skip
        order = np.random.default_rng([7, draw]).permutation(len(train))
        self.order = [train[i]["doc_id"] for i in order]
        self.regimes = [{
            "regime_id": ids.regime_id(n, draw), "size": n, "draw": draw, "doc_ids": self.order[:n],
            "folds": (np.arange(n) % folds).tolist(), "label_counts": [0] * len(names), "labels_missing": 0,
        }]  # fmt: skip
        self.vector_row = {row["doc_id"]: i for i, row in enumerate(documents)}
        self.by_id = {row["doc_id"]: row for row in documents}

    def row(self, doc_id: str, source: str, multiplicity: int = 1, **other: Any) -> dict[str, Any]:
        parent = doc_id if source == "copy" else None
        base = {"doc_id": doc_id, "source": source, "parent_id": parent, "source_doc_ids": [doc_id]}
        return {**base, "labels": self.by_id[doc_id]["labels"], "multiplicity": multiplicity, **other}

    def trainset(self, text: str, added: int = 0) -> list[dict[str, Any]]:
        rows = [self.row(name, "real") for name in self.order[: self.n]]
        if text == "pseudo_labelled":
            beyond = self.order[self.n : self.n + added]
            rows += [self.row(name, "unlabelled", labels=[], source_doc_ids=[]) for name in beyond]
        if text == "synthetic":  # real documents in the part of synthetic ones
            beyond = self.order[self.n : self.n + added]
            rows += [self.row(name, "synthetic", source_doc_ids=[]) for name in beyond]
        if text == "real_more":
            rows += [self.row(name, "real_more") for name in self.order[self.n : self.n + added]]
        if text.startswith("copies"):
            counts = np.full(self.n, added // self.n) + (np.arange(self.n) < added % self.n)
            if text == "copies_drawn":
                rows = []
                counts = np.bincount(np.random.default_rng(self.draw).integers(self.n, size=self.n + added))
            rows += [self.row(name, "copy", int(k)) for name, k in zip(self.order, counts, strict=False) if k]
        return rows

    def cell(self, text: str = "none", added: int = 0, **factors: Any) -> dict[str, Any]:
        rows_added = added if text != "none" else 0
        cell = {**BASE, "regime": self.n, "draw": self.draw, "text": text, "added": added, "rows_added": rows_added}
        cell = {**cell, "rows_total": self.n + rows_added, **factors}
        return {**cell, "trainset_id": ids.trainset_id(cell), "cell_id": ids.cell_id(cell)}

    def run(
        self, cells: list[dict[str, Any]], trainsets: dict[str, list] | None = None,
        answers: Sequence[dict[str, Any]] = (), losses: dict[str, Any] | None = None, **recipe: Any,
    ) -> Results:  # fmt: skip
        """Run cells of one classifier; training sets are made from the cell's factors unless given."""
        sets = []
        for cell in {c["trainset_id"]: c for c in cells}.values():
            name = cell["trainset_id"]
            rows = self.trainset(cell["text"], cell["rows_added"]) if trainsets is None else trainsets.get(name, [])
            sets += [{**row, "trainset_id": name, "position": i} for i, row in enumerate(rows)]
        entry = {**RECIPES[cells[0]["classifier"]], **recipe}
        settings = {"recipe": entry, "thresholds": POLICIES, "folds": 3, "losses": losses or {}}
        job = {"master_seed": 11, "settings": settings, "items": cells}
        return run_cells(job, self.documents, self.labels, self.regimes, sets, self.vector_row, self.vectors, answers)


def value(
    results: Results, cell: dict[str, Any], metric: str, threshold: str = "none", label: str | None = None
) -> Any:
    """One score of one cell."""
    key = (cell["cell_id"], metric, threshold, label)
    found = [r["value"] for r in results.scores if (r["cell_id"], r["metric"], r["threshold"], r["label"]) == key]
    assert len(found) == 1, f"{key} occurs {len(found)} times; gaps: {results.gaps}"
    return found[0]


def test_scores(results: Results, cell: dict[str, Any], split: str = "test") -> np.ndarray:
    """Predictions of one cell."""
    return next(part[3] for part in results.predictions if part[:2] == (cell["cell_id"], split))


test_scores.__test__ = False  # type: ignore[attr-defined]


@functools.cache
def small_world(n: int = 36, labels: int = 6, dimensions: int = 10) -> World:
    """Documents whose labels follow from their vectors, with noise."""
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(160, dimensions)).astype(np.float32)
    logits = vectors @ rng.normal(size=(dimensions, labels)) - np.linspace(0.5, 3.0, labels)
    marked = logits + rng.logistic(size=logits.shape) * 0.5 > 0
    documents = [
        {"doc_id": f"d{i:03d}", "labels": [f"L{k}" for k in np.flatnonzero(row)], "group": f"d{i:03d}",
         "split": "train" if i < 100 else "test"} for i, row in enumerate(marked)
    ]  # fmt: skip
    return World(documents, vectors, n)


@functools.cache
def patents() -> tuple[list[dict[str, Any]], np.ndarray]:
    """The shared US patents, first 500 of a seeded order as test documents, and TF-IDF + SVD vectors."""
    folder = Path(os.environ.get("VOLFID_SHARED", ROOT.parent / "shared"))
    path = folder / "data" / "uspto_cpc64.jsonl.gz"
    if not path.is_file():
        pytest.skip("the shared patent files are not there")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return embedded([(row["id"], row["text"], row["labels"]) for row in rows], 500)


@functools.cache
def fixture_documents() -> tuple[list[dict[str, Any]], np.ndarray]:
    """The built-in fixture, 250 of a seeded order as test documents."""
    from volfid.inputs.fixture import fixture_records

    return embedded([(row.doc_id, row.text, list(row.labels)) for row in fixture_records().rows], 250)


def embedded(rows: list[tuple[str, str, list[str]]], tests: int) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Documents with a seeded split, and TF-IDF + SVD vectors, unit length."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    test = set(np.random.default_rng(0).permutation(len(rows))[:tests].tolist())
    documents = [
        {"doc_id": doc_id, "labels": labels, "group": doc_id, "split": "test" if i in test else "train"}
        for i, (doc_id, _, labels) in enumerate(rows)
    ]
    terms = TfidfVectorizer(sublinear_tf=True, min_df=2, stop_words="english").fit_transform(
        [text for _, text, _ in rows]
    )
    vectors = normalize(TruncatedSVD(128, n_iter=2, random_state=0).fit_transform(terms))
    return documents, vectors.astype(np.float32)


def patent_world(n: int = 165, draw: int = 0) -> World:
    """A regime of real patents."""
    documents, vectors = patents()
    return World(documents, vectors, n, draw)


def fixture_world(n: int = 165, draw: int = 0) -> World:
    """A regime of the built-in fixture."""
    documents, vectors = fixture_documents()
    return World(documents, vectors, n, draw)
