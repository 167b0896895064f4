#!/usr/bin/env python3
"""Clean what was generated and build every planned training set, or say why it cannot be built."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, InFiles, Job, OutDir, Stub, read_job, run, write_stub

OPTIONAL = partial(typer.Option, exists=True, dir_okay=False)
OUTPUTS = ("synthetic", "waterfall", "trainsets", "gaps")
PARTS = ("synthetic", "trainsets")


def build_corpus(
    job: Job,
    documents: InFile,
    labels: InFile,
    regimes: InFiles,
    generations: Annotated[Path | None, OPTIONAL(help="generations.jsonl of generate_text.py")] = None,
    brought: Annotated[Path | None, OPTIONAL(help="brought.jsonl of prepare_documents.py (audit)")] = None,
    out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:
    """Drop duplicates, copies and leaks, with a waterfall; then build the rows of each training set.

    draws/dNN holds the training sets and the pools of each draw: a task that reads one draw is not disturbed by others.
    """
    task = read_job(job)
    from volfid.core.schemas import CONTRACTS

    places = {
        row["draw"]: out_dir / f"draws/d{row['draw']:02d}" for row in [*task["items"], *task["settings"]["pools"]]
    }
    if stub:
        for name, place in ((name, place) for name in PARTS for place in places.values()):
            CONTRACTS[name].write_empty(place)
        return write_stub(out_dir, *OUTPUTS)
    from volfid.core.manifest import Manifest
    from volfid.curation import corpus

    manifest = Manifest("build_corpus.py", task)
    rows = {"generations": [], "brought": []}
    inputs = {"documents": documents, "labels": labels, "generations": generations, "brought": brought}
    for name, path in inputs.items():
        if path is not None:
            rows[name] = CONTRACTS[name].read(path)
            manifest.read(path, rows=len(rows[name]))
    rows["regimes"] = CONTRACTS["regimes"].read_many(regimes)
    for path in regimes:
        manifest.read(path)
    made = corpus.build_corpus(task, **rows)
    for name in OUTPUTS:
        manifest.wrote(CONTRACTS[name].write(out_dir, getattr(made, name)), rows=len(getattr(made, name)))
    for draw, place in places.items():
        for name, rows_of_draw in zip(PARTS, made.of_draw(task, draw), strict=True):
            CONTRACTS[name].write(place, rows_of_draw)
    manifest.settings = {"rules": made.rules}
    manifest.seeds = {"master_seed": task["master_seed"]}
    manifest.counts = {
        "pools": made.pools,
        "trainsets": {"planned": len(task["items"]), "built": len({row["trainset_id"] for row in made.trainsets})},
    }
    manifest.write(out_dir)


if __name__ == "__main__":
    run(build_corpus)
