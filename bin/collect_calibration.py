#!/usr/bin/env python3
"""Join the rates of all worlds, and write the page and the summary that reports cite."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFiles, OutDir, Stub, run, write_stub

Manifests = Annotated[list[Path] | None, typer.Option(exists=True, dir_okay=False, help="manifests of all tasks")]
Commit = Annotated[str | None, typer.Option(help="commit of the code that was measured")]
Command = Annotated[str, typer.Option(help="command, as the page shows it")]


def main(
    calibration: InFiles, confusion: InFiles, manifests: Manifests = None, commit: Commit = None,
    command: Command = "make calibrate", out_dir: OutDir = Path("."), stub: Stub = False,
) -> None:  # fmt: skip
    """Join the rates of all worlds: tables (also CSV), calibration.md and calibration.json."""
    if stub:
        return write_stub(out_dir, "calibration", "confusion", "calibration_summary")
    from volfid.calibration.page import csv_text, page
    from volfid.calibration.summary import run_words, summary
    from volfid.core.files import write_text
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS

    manifest = Manifest("collect_calibration.py")
    for path in (*calibration, *confusion):
        manifest.read(path)
    rates, named = CONTRACTS["calibration"].read_many(calibration), CONTRACTS["confusion"].read_many(confusion)
    made = [CONTRACTS["manifest"].read_object(path) for path in manifests or []]
    found = summary(rates, named, commit)
    manifest.wrote(CONTRACTS["calibration"].write(out_dir, rates), len(rates))
    manifest.wrote(CONTRACTS["confusion"].write(out_dir, named), len(named))
    manifest.wrote(CONTRACTS["calibration_summary"].write(out_dir, found), 1)
    for name, rows in (("calibration", rates), ("confusion", named)):
        write_text(out_dir / f"{name}.csv", csv_text([field.name for field in CONTRACTS[name].fields], rows))
    write_text(out_dir / "calibration.md", page(rates, named, run_words(found, made, command)))
    for name in ("calibration.csv", "confusion.csv", "calibration.md"):
        manifest.wrote(out_dir / name)
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
