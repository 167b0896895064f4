#!/usr/bin/env python3
"""Run draws of a world whose mechanism is known through the instrument, and write their scores."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import OutDir, Stub, run, write_stub

World = Annotated[str, typer.Option(help="null, steps, threshold, label_law, content, duplication, new_corpus, worth")]
Classifier = Annotated[str, typer.Option(help="linear or mlp")]
First = Annotated[int, typer.Option(help="number of the first draw", min=0)]
Draws = Annotated[int, typer.Option(help="how many draws", min=1)]
Seed = Annotated[int, typer.Option(help="master seed", min=0)]


def main(
    world: World, classifier: Classifier, first: First = 0, draws: Draws = 500, seed: Seed = 20260522,
    out_dir: OutDir = Path("."), stub: Stub = False,
) -> None:  # fmt: skip
    """Run draws of a world whose mechanism is known through the instrument, and write their scores.

    Draws are numbered, so that chunks can run anywhere: equal numbers give equal scores.
    """
    if stub:
        return write_stub(out_dir, "calibration_scores")
    import time

    from volfid.calibration.catalogue import world as find_world
    from volfid.calibration.replicate import score_columns
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS

    manifest = Manifest("calibrate_instrument.py")
    started = time.process_time()
    columns = score_columns(find_world(world), classifier, seed, range(first, first + draws))
    manifest.wrote(CONTRACTS["calibration_scores"].write_columns(out_dir, columns), len(columns["draw"]))
    manifest.seeds = {"master_seed": seed}
    manifest.settings = {"world": world, "classifier": classifier, "first": first}
    manifest.counts = {"draws": draws, "processor_seconds": round(time.process_time() - started)}
    manifest.device |= {"threads": 1}
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
