#!/usr/bin/env python3
"""Train and score the classifier heads of one job on frozen embeddings."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, InFiles, InFolders, Job, OutDir, Stub, read_job, run, write_stub


def train_heads(
    job: Job,
    documents: InFile,
    labels: InFile,
    regimes: InFiles,
    trainsets: InFiles,
    embeddings: InFolders,
    answers: Annotated[list[Path] | None, typer.Option(exists=True, dir_okay=False)] = None,
    out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:
    """Train every cell of the job, tune thresholds and grids out of fold, and score the test documents.

    Writes predictions.parquet, scores.parquet, counts.parquet (decisions by test document) and
    gaps.jsonl (cells that could not be made).
    """
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "predictions", "scores", "counts", "gaps")
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.core.vectors import read_vectors
    from volfid.training.runner import run_cells

    manifest = Manifest("train_heads.py", task)
    real, label_list = CONTRACTS["documents"].read(documents), CONTRACTS["labels"].read(labels)
    draws, sets = CONTRACTS["regimes"].read_many(regimes), CONTRACTS["trainsets"].read_many(trainsets)
    vector_row, vectors = read_vectors(embeddings)
    asked = CONTRACTS["answers"].read_many(answers or [])
    stores = [folder / "embeddings.npy" for folder in embeddings]
    for path in (documents, labels, *regimes, *trainsets, *(answers or []), *stores):
        manifest.read(path)
    results = run_cells(task, real, label_list, draws, sets, vector_row, vectors, asked)
    predictions = CONTRACTS["predictions"].write_columns(out_dir, results.prediction_columns())
    manifest.wrote(predictions, sum(len(part[2]) for part in results.predictions))
    manifest.wrote(CONTRACTS["scores"].write(out_dir, results.scores), len(results.scores))
    manifest.wrote(CONTRACTS["counts"].write(out_dir, results.counts), len(results.counts))
    manifest.wrote(CONTRACTS["gaps"].write(out_dir, results.gaps), len(results.gaps))
    manifest.settings = task["settings"]
    manifest.seeds = {"master_seed": task["master_seed"]}
    updates = sum(row["value"] for row in results.scores if row["metric"] == "updates_done")
    cells = len(task["items"])
    manifest.counts = {"cells": cells, "scored": cells - len(results.gaps), "updates": int(updates)}
    manifest.device |= {"threads": 1}
    manifest.write(out_dir)


if __name__ == "__main__":
    run(train_heads)
