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
    regimes: Annotated[list[Path] | None, OPTIONAL(help="taken for the common interface; not needed here")] = None,
    synthetic: Annotated[list[Path] | None, OPTIONAL(help="every synthetic.jsonl the training sets use")] = None,
    out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:
    """Measure label, text, diversity and memorisation figures of every training set of the job.

    Writes fidelity.parquet and keywords.parquet: one figure a row; undefined ones are null with the reason.
    """
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "fidelity", "keywords")
    from volfid.core.log import Progress
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.core.vectors import read_vectors
    from volfid.fidelity.corpus import assemble, group_rows
    from volfid.fidelity.keywords import audit
    from volfid.fidelity.measure import Measurer, Settings

    settings = Settings.of(task["settings"])
    manifest = Manifest("measure_fidelity.py", task)
    real, label_list = CONTRACTS["documents"].read(documents), CONTRACTS["labels"].read(labels)
    made = [row for path in synthetic or [] for row in CONTRACTS["synthetic"].read(path)]
    rows = [row for path in trainsets for row in CONTRACTS["trainsets"].read(path)]
    groups = group_rows(rows, {item["trainset_id"] for item in task["items"]})
    permuted = {item["trainset_id"] for item in task["items"] if item["label_law"] == "permuted"}
    label_ids = [label["label"] for label in label_list]
    corpus = assemble(real, made, label_ids, groups, *read_vectors(embeddings), permuted=permuted)
    measurer = Measurer(corpus, settings, task["master_seed"])
    progress = Progress("fidelity", len(corpus.trainsets), "training sets")
    lines = []
    for one in corpus.trainsets:
        lines += measurer.measure(one)
        progress.advance()
    for path, count in ((documents, len(real)), (labels, len(label_list))):
        manifest.read(path, count)
    for path in [*trainsets, *(synthetic or [])]:
        manifest.read(path)
    manifest.wrote(CONTRACTS["fidelity"].write(out_dir, lines), len(lines))
    words = audit(real, made, label_list)
    manifest.wrote(CONTRACTS["keywords"].write(out_dir, words), len(words))
    manifest.seeds = {"master_seed": task["master_seed"]}
    manifest.settings = {**settings.echo(), **measurer.frozen()}
    manifest.counts = {"trainsets": {"planned": len(task["items"]), "measured": len(groups)}, "figures": len(lines)}
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
