#!/usr/bin/env python3
"""Draw the figures of the report: figures/*.svg, *.png and figures.json."""

from pathlib import Path

from volfid.core.cli import InFile, Job, OutDir, Stub, read_job, run


def main(
    job: Job, cells: InFile, plan: InFile, corpus: InFile, findings: InFile, effects: InFile, correlations: InFile,
    fidelity: InFile, retrieval: InFile, scores: InFile, out_dir: OutDir = Path("."), stub: Stub = False,
) -> None:  # fmt: skip
    """Draw the figures of the report: figures/*.svg, *.png and figures.json.

    Equal inputs give equal bytes. What is undefined is written into its panel with the reason.
    """
    task = read_job(job)
    from volfid.core.manifest import Manifest

    manifest = Manifest("draw_figures.py", task)
    folder = out_dir / "figures"
    if stub:
        from volfid.core.files import write_json

        write_json(folder / "figures.json", [])
    else:
        from volfid.report.figures import write_figures
        from volfid.report.inputs import load

        paths = {
            "job": job, "cells": cells, "plan": plan, "corpus": corpus, "findings": findings, "effects": effects,
            "correlations": correlations, "fidelity": fidelity, "retrieval": retrieval, "scores": scores,
        }  # fmt: skip
        for path in paths.values():
            manifest.read(path)
        for path in write_figures(load(**paths), folder):
            manifest.wrote(path)
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
