#!/usr/bin/env python3
"""Measure fidelity, diversity and memorisation of every training set against the real reference fold."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, InFiles, InFolders, Job, OutDir, Stub, read_job, run, write_stub

OPTIONAL = partial(typer.Option, exists=True, dir_okay=False)


def main(
    job: Job,
    documents: InFile,
    labels: InFile,
    trainsets: InFiles,
    embeddings: InFolders,
    synthetic: Annotated[list[Path] | None, OPTIONAL(help="every synthetic.jsonl the training sets use")] = None,
    out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:
    """Measure label, text, diversity and memorisation figures of every training set of the job.

    Writes fidelity.parquet, keywords.parquet and leaks.parquet; undefined figures are null with the reason.
    """
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "fidelity", "keywords", "leaks")
    from volfid.core.log import Progress
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.core.settings import settings_of
    from volfid.core.trainsets import read_trainsets
    from volfid.core.vectors import read_vectors
    from volfid.fidelity.corpus import assemble
    from volfid.fidelity.keywords import audit
    from volfid.fidelity.leaks import Leaks
    from volfid.fidelity.measure import Measurer
    from volfid.fidelity.settings import Settings

    settings = settings_of(Settings, task["settings"], "measure_fidelity")
    manifest = Manifest("measure_fidelity.py", task)
    files = read_trainsets(manifest, task["items"], documents, labels, trainsets, synthetic or [])
    permuted = {item["trainset_id"] for item in task["items"] if item["label_law"] == "permuted"}
    vectors = read_vectors(embeddings)
    corpus = assemble(files.real, files.synthetic, files.label_ids, files.trainsets, *vectors, permuted=permuted)
    measurer = Measurer(corpus, settings, task["master_seed"])
    lines, near, leaks = [], [], Leaks(corpus, measurer.memory, settings.containment_width)
    with Progress("fidelity", len(corpus.trainsets), "training sets") as progress:
        for one in corpus.trainsets:
            lines += measurer.measure(one)
            near += leaks.rows(one.trainset_id, one.added, one.sources)
            progress.advance()
    manifest.wrote(CONTRACTS["fidelity"].write(out_dir, lines), len(lines))
    words = audit(files.real, files.synthetic, files.labels)
    manifest.wrote(CONTRACTS["keywords"].write(out_dir, words), len(words))
    manifest.wrote(CONTRACTS["leaks"].write(out_dir, near), len(near))
    manifest.seeds = {"master_seed": task["master_seed"]}
    manifest.settings = {**settings.echo(), **measurer.frozen()}
    manifest.counts = {
        "trainsets": {"planned": len(task["items"]), "measured": len(files.trainsets)},
        "figures": len(lines),
    }
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main, plain="volfid.plain.fidelity")
