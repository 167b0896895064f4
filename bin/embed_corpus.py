#!/usr/bin/env python3
"""Embed the real documents, or the kept synthetic ones, with one encoder; each text once."""

import time
from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, Job, OutDir, Stub, read_job, run, write_stub


def embed_corpus(
    job: Job,
    documents: InFile,
    synthetic: Annotated[
        Path | None, typer.Option(help="of build_corpus.py: embed its kept documents", exists=True, dir_okay=False)
    ] = None,
    model_dir: Annotated[
        Path | None, typer.Option(help="folder of the model, or the one that holds it", exists=True, file_okay=False)
    ] = None,
    out_dir: OutDir = Path("."),
    attempt: Annotated[int, typer.Option(help="try number; later tries put fewer texts together", min=1)] = 1,
    stub: Stub = False,
) -> None:
    """Write embeddings.npy and ids.txt for the documents, or with --synthetic for the kept synthetic ones."""
    task = read_job(job)
    import numpy as np

    from volfid.core.vectors import write_vectors

    if stub:
        write_vectors(out_dir, [], np.zeros((0, 0), dtype=np.float32))
        return write_stub(out_dir)
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.embeddings.encoders import accelerator, make_encoder
    from volfid.embeddings.store import embed_rows, mask_rows, zeros_told

    manifest = Manifest("embed_corpus.py", task)
    real = CONTRACTS["documents"].read(documents)
    manifest.read(documents, rows=len(real))
    rows = real
    if synthetic is not None:
        pool = CONTRACTS["synthetic"].read(synthetic)
        manifest.read(synthetic, rows=len(pool))
        rows = [row for row in pool if row["kept"]]
    words = frozenset(task["settings"].get("masked_words") or ())
    real, rows = (mask_rows(some, words) for some in (real, rows))
    entry, threads, batch = (task["settings"][name] for name in ("encoder", "threads", "batch"))
    batch = max(1, batch // 4 ** (attempt - 1))
    corpus = [row["text"] for row in real if row["split"] == "train"]
    encode = make_encoder(entry, model_dir, threads, batch, corpus, task["master_seed"])
    started = time.monotonic()
    embedded = embed_rows(rows, encode)
    zeros_told(embedded.ids, embedded.vectors)
    seconds = time.monotonic() - started
    write_vectors(out_dir, embedded.ids, embedded.vectors)
    for name in ("embeddings.npy", "ids.txt"):
        manifest.wrote(out_dir / name, rows=len(embedded.ids))
    manifest.settings = {
        "encoder": entry,
        "threads": threads,
        "batch": batch,
        "dtype": "float32",
        "masked": len(words),
        "attempt": attempt,
    }
    manifest.seeds = {"master_seed": task["master_seed"]}
    rate = round(embedded.counts["texts"] / max(seconds, 1e-9), 1)
    manifest.counts = embedded.counts | {"dimensions": embedded.vectors.shape[1], "texts_per_s": rate}
    manifest.device |= {"threads": threads, "accelerator": accelerator() if entry["source"] else None}
    manifest.write(out_dir)


if __name__ == "__main__":
    run(embed_corpus)
