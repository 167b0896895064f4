#!/usr/bin/env python3
"""Ask a generator which labels documents have: zero-shot and few-shot, resumable, the same bytes again."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, InFiles, Job, OutDir, Stub, read_job, run, write_stub

STORE = "VOLFID_CHUNK_STORE"


def label_documents(
    job: Job,
    documents: InFile,
    labels: InFile,
    regimes: InFiles,
    prompts: Annotated[
        Path, typer.Option(help="folder with one folder per labeller (params/prompts)", exists=True, file_okay=False)
    ],
    model_dir: Annotated[
        Path | None, typer.Option(help="folder of the model, or the one that holds it", exists=True, file_okay=False)
    ] = None,
    chunk_store: Annotated[
        Path | None,
        typer.Option(help="finished chunks, kept beyond this task; made when absent", file_okay=False, envvar=STORE),
    ] = None,
    attempt: Annotated[int, typer.Option(help="attempt of the task; a later one runs smaller batches", min=1)] = 1,
    out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:
    """Write answers.parquet: for every test document and real document a score of each label."""
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "answers")
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.generation.labelling_run import run_labelling
    from volfid.generation.requests import Corpus

    manifest = Manifest("label_documents.py", task)
    rows = {}
    for name, path in {"documents": documents, "labels": labels}.items():
        rows[name] = CONTRACTS[name].read(path)
        manifest.read(path, rows=len(rows[name]))
    rows["regimes"] = CONTRACTS["regimes"].read_many(regimes)
    for path in regimes:
        manifest.read(path)
    folders = {"prompts": prompts, "out_dir": out_dir, "model_dir": model_dir, "chunk_store": chunk_store}
    outcome = run_labelling(task, Corpus(**rows), **folders, attempt=attempt)
    manifest.wrote(CONTRACTS["answers"].write(out_dir, outcome.rows), rows=len(outcome.rows))
    manifest.settings = outcome.engine
    manifest.counts = outcome.counts
    manifest.seeds = {"master_seed": task["master_seed"]}
    manifest.device |= {"engine": outcome.engine.get("device")}
    manifest.write(out_dir)


if __name__ == "__main__":
    run(label_documents)
