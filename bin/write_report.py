#!/usr/bin/env python3
"""Write the report: one self-contained HTML page, a summary, and CSV twins of the tables."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, InFiles, Job, OutDir, Stub, read_job, run

ASSETS = Path(__file__).resolve().parent.parent / "assets"
Folder = Annotated[Path, typer.Option(exists=True, file_okay=False)]
MaybeFiles = Annotated[list[Path] | None, typer.Option(exists=True, dir_okay=False)]
MaybeFolder = Annotated[Path | None, typer.Option(exists=True, file_okay=False)]


def main(
    job: Job, cells: InFile, plan: InFile, corpus: InFile, labels: InFile, funnel: InFile, rejects: InFile,
    scores: InFile, effects: InFile, correlations: InFile, findings: InFile, claims: InFile, status: InFile,
    gaps: InFiles, fidelity: InFile, keywords: InFile, leaks: InFile, agreement: InFile, uses: InFile,
    retrieval: InFile, retrieval_tests: InFile, retrieval_filters: InFile, figures: Folder,
    regimes: MaybeFiles = None, waterfall: MaybeFiles = None, manifests: MaybeFiles = None,
    prompts: MaybeFolder = None, assets: Folder = ASSETS, out_dir: OutDir = Path("."), stub: Stub = False,
) -> None:  # fmt: skip
    """Write the report: report.html (offline, no script), summary.txt, tables/*.csv.

    --figures is the folder that draw_figures.py wrote; --manifests, --regimes, --waterfall and --gaps repeat.
    """
    task = read_job(job)
    from volfid.core.files import write_text
    from volfid.core.manifest import Manifest

    manifest = Manifest("write_report.py", task)
    if stub:
        write_text(out_dir / "report.html", "<!DOCTYPE html><title>stub</title>\n")
        write_text(out_dir / "summary.txt", "stub\n")
        write_text(out_dir / "tables" / "scores.csv", "")
    else:
        from volfid.report.calibration import read_calibration
        from volfid.report.inputs import load, read_figure_index, read_prompts
        from volfid.report.page import read_figures, write_report

        paths = {
            "job": job, "cells": cells, "plan": plan, "corpus": corpus, "labels": labels, "funnel": funnel,
            "rejects": rejects, "scores": scores, "effects": effects, "correlations": correlations,
            "findings": findings, "claims": claims, "status": status, "fidelity": fidelity,
            "keywords": keywords, "leaks": leaks, "agreement": agreement, "uses": uses, "retrieval": retrieval,
            "retrieval_tests": retrieval_tests, "retrieval_filters": retrieval_filters,
        }  # fmt: skip
        for path in paths.values():
            manifest.read(path)
        inputs = load(**paths, gaps=gaps, regimes=regimes, waterfall=waterfall, manifests=manifests)
        inputs.calibration = read_calibration(assets)
        inputs.prompts = read_prompts(prompts) if prompts else []
        inputs.figures = read_figures(figures, read_figure_index(figures))
        for path in write_report(inputs, assets, out_dir):
            manifest.wrote(path)
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
