#!/usr/bin/env python3
"""Say how often a checker confirms the labels of made and of real documents, and how well it agrees with itself."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import Job, OutDir, Stub, read_job, run, write_stub

Checks = Annotated[list[Path] | None, typer.Option(exists=True, dir_okay=False, help="label_checks.parquet; repeat")]


def main(job: Job, checks: Checks = None, out_dir: OutDir = Path("."), stub: Stub = False) -> None:
    """Write agreement.parquet; without --checks it has no row."""
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "agreement")
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.statistics.agreement import agreement_rows

    manifest = Manifest("measure_agreement.py", task)
    for path in checks or []:
        manifest.read(path)
    rows = agreement_rows(CONTRACTS["label_checks"].read_many(checks or []), task["master_seed"])
    manifest.wrote(CONTRACTS["agreement"].write(out_dir, rows), len(rows))
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
