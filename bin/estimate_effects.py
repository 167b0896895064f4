#!/usr/bin/env python3
"""Estimate effects, correlations and findings from the scores of a run."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, Job, OutDir, Stub, read_job, run, write_stub

MaybeFile = Annotated[Path | None, typer.Option(exists=True, dir_okay=False)]


def main(
    job: Job,
    cells: InFile,
    plan: InFile,
    corpus: InFile,
    scores: InFile,
    counts: InFile,
    fidelity: InFile,
    retrieval: InFile,
    status: InFile,
    claims: MaybeFile = None,
    out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:
    """Estimate every effect with its interval and verdict; the draw is the unit of replication.

    What the planned arms do not allow is written as undefined, with its reason. --claims gives the
    published figures that the report takes apart; without it there are none.
    """
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "effects", "correlations", "findings")
    from volfid.core.log import log
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.statistics.estimate import estimate
    from volfid.statistics.published.items import read_figures

    manifest = Manifest("estimate_effects.py", task)
    tables = {"cells": cells, "scores": scores, "fidelity": fidelity, "retrieval": retrieval}
    objects = {"plan": plan, "corpus": corpus, "status": status}
    rows = {name: CONTRACTS[name].read(path) for name, path in tables.items()}
    for name, path in (tables | objects).items():
        manifest.read(path, len(rows.get(name, [None])))
    figures = None
    if claims:
        manifest.read(claims)
        figures = read_figures(claims)
    by_document = CONTRACTS["counts"].read_table(counts)
    manifest.read(counts, len(by_document))
    given = {name: CONTRACTS[name].read_object(path) for name, path in objects.items()}
    results = estimate(**rows, **given, counts=by_document, figures=figures)
    log(f"{len(results.effects)} effects, {len(results.correlations)} correlations")
    log(results.findings["headline"]["sentence"])
    manifest.wrote(CONTRACTS["effects"].write(out_dir, results.effects), len(results.effects))
    manifest.wrote(CONTRACTS["correlations"].write(out_dir, results.correlations), len(results.correlations))
    manifest.wrote(CONTRACTS["findings"].write(out_dir, results.findings), 1)
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
