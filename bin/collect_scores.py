#!/usr/bin/env python3
"""Unite the scores of all training tasks and say which planned cells are missing."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, Job, OutDir, Stub, read_job, run, write_stub

Parts = Annotated[list[Path] | None, typer.Option(exists=True, dir_okay=False)]


def main(
    job: Job,
    cells: InFile,
    scores: Parts = None,
    counts: Parts = None,
    gaps: Parts = None,
    out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:
    """Unite scores, counts and gaps of all tasks, in any order, and compare them with the plan.

    Every planned cell is scored, or listed in status.json as missing with its reason. An
    incomplete run exits 0: the workflow decides. A score of a cell that is not planned exits 65.
    """
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "scores", "counts", "gaps", "status")
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.statistics.collect import check_planned, make_status, unite_counts, unite_gaps

    manifest = Manifest("collect_scores.py", task)
    planned = CONTRACTS["cells"].read(cells)
    manifest.read(cells, len(planned))
    rows = CONTRACTS["scores"].read_many(scores or [])
    check_planned(planned, rows)
    by_document = unite_counts([CONTRACTS["counts"].read_table(path) for path in counts or []], planned)
    united = unite_gaps(CONTRACTS["gaps"].read(path) for path in gaps or [])
    status = make_status(planned, rows, united)
    manifest.counts = {
        "score_parts": len(scores or []),
        "gap_parts": len(gaps or []),
        "missing": len(status["missing"]),
    }
    manifest.wrote(CONTRACTS["scores"].write(out_dir, rows), len(rows))
    manifest.wrote(CONTRACTS["counts"].write_columns(out_dir, by_document), len(by_document["cell_id"]))
    manifest.wrote(CONTRACTS["gaps"].write(out_dir, united), len(united))
    manifest.wrote(CONTRACTS["status"].write(out_dir, status), 1)
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
