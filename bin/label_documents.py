#!/usr/bin/env python3
"""Ask a generator which labels documents have: zero-shot and few-shot, resumable, the same bytes again."""

from pathlib import Path

from volfid.core.cli import InFile, InFiles, Job, OutDir, Stub, read_job, run, write_stub
from volfid.generation.command import Attempt, ChunkDir, ModelDir, Prompts, run_engine_job


def label_documents(
    job: Job, documents: InFile, labels: InFile, regimes: InFiles, prompts: Prompts, model_dir: ModelDir = None,
    chunk_store: ChunkDir = None, attempt: Attempt = 1, out_dir: OutDir = Path("."), stub: Stub = False,
) -> None:  # fmt: skip
    """Write answers.parquet: for every test document and real document a score of each label."""
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "answers")
    from volfid.generation.labelling_run import run_labelling

    run_engine_job(
        "label_documents.py", "answers", run_labelling, task, documents, labels, regimes, out_dir,
        prompts=prompts, model_dir=model_dir, chunk_store=chunk_store, attempt=attempt,
    )  # fmt: skip


if __name__ == "__main__":
    run(label_documents)
