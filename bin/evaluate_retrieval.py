#!/usr/bin/env python3
"""Search every training set as a corpus with the real test documents as queries; nDCG with size controls."""

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
    """Evaluate retrieval over every training set of the job, used as a corpus.

    Writes retrieval.parquet: nDCG with own, fixed and size-matched ideals, DCG, mean Jaccard, random baselines.
    """
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "retrieval")
    from volfid.core.log import Progress
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.core.vectors import read_vectors
    from volfid.retrieval.evaluate import Evaluator, Settings

    settings = Settings.of(task["settings"])
    manifest = Manifest("evaluate_retrieval.py", task)
    real, label_list = CONTRACTS["documents"].read(documents), CONTRACTS["labels"].read(labels)
    made = [row for path in synthetic or [] for row in CONTRACTS["synthetic"].read(path)]
    sizes = {item["trainset_id"]: item["regime"] for item in task["items"]}
    groups = {name: [] for name in sizes}
    for path in trainsets:
        for row in CONTRACTS["trainsets"].read(path):
            if row["trainset_id"] in groups:
                groups[row["trainset_id"]].append(row)
    groups = {name: groups[name] for name in sorted(groups) if groups[name]}
    label_ids = [label["label"] for label in label_list]
    evaluator = Evaluator(real, made, label_ids, groups, *read_vectors(embeddings), settings, task["master_seed"])
    progress = Progress("retrieval", len(groups), "training sets")
    lines = []
    for name in groups:
        lines += evaluator.evaluate(name, sizes[name])
        progress.advance()
    for path, count in ((documents, len(real)), (labels, len(label_list))):
        manifest.read(path, count)
    for path in [*trainsets, *(synthetic or [])]:
        manifest.read(path)
    manifest.wrote(CONTRACTS["retrieval"].write(out_dir, lines), len(lines))
    manifest.seeds = {"master_seed": task["master_seed"]}
    manifest.settings = settings.echo()
    manifest.counts = {
        "trainsets": {"planned": len(sizes), "evaluated": len(groups)},
        "queries": len(evaluator.queries),
    }
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
