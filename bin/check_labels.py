#!/usr/bin/env python3
"""Let a generator check which labels documents have, several times each; resumable, the same bytes again."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, Job, OutDir, Stub, read_job, run, write_stub
from volfid.generation.command import Attempt, ChunkDir, ModelDir, Prompts, run_engine_job

Synthetic = Annotated[
    list[Path] | None, typer.Option(exists=True, dir_okay=False, help="documents of one author; repeat")
]


def check_labels(
    job: Job, documents: InFile, labels: InFile, prompts: Prompts, synthetic: Synthetic = None,
    model_dir: ModelDir = None, chunk_store: ChunkDir = None, attempt: Attempt = 1, out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:  # fmt: skip
    """Write label_checks.parquet: for each check of a document a vote on its labels and on a few others."""
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "label_checks")
    from volfid.generation.labelling_run import run_checks

    run_engine_job(
        "check_labels.py", "label_checks", run_checks, task, documents, labels, [], out_dir, synthetic or [],
        prompts=prompts, model_dir=model_dir, chunk_store=chunk_store, attempt=attempt,
    )  # fmt: skip


if __name__ == "__main__":
    run(check_labels)
