#!/usr/bin/env python3
"""Generate the text of every pool of one generator: chunk by chunk, resumable, the same bytes again."""

from pathlib import Path

from volfid.core.cli import InFile, InFiles, Job, OutDir, Stub, read_job, run, write_stub
from volfid.generation.command import Attempt, ChunkDir, ModelDir, Prompts, run_engine_job


def generate_text(
    job: Job, documents: InFile, labels: InFile, regimes: InFiles, prompts: Prompts, model_dir: ModelDir = None,
    chunk_store: ChunkDir = None, attempt: Attempt = 1, out_dir: OutDir = Path("."), stub: Stub = False,
) -> None:  # fmt: skip
    """Write generations.jsonl: one row per request, with the accepted text or why there is none."""
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "generations")
    from volfid.generation.runner import run_job

    run_engine_job(
        "generate_text.py", "generations", run_job, task, documents, labels, regimes, out_dir,
        prompts=prompts, model_dir=model_dir, chunk_store=chunk_store, attempt=attempt,
    )  # fmt: skip


if __name__ == "__main__":
    run(generate_text)
