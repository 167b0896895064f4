#!/usr/bin/env python3
"""Fine-tune and score the cells of one job: an encoder or a causal LLM."""

import time
from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, InFiles, Job, OutDir, Stub, read_job, run, write_stub


def train_encoder(
    job: Job,
    documents: InFile,
    labels: InFile,
    regimes: InFiles,
    trainsets: InFiles,
    synthetic: Annotated[
        Path | None, typer.Option(help="of build_corpus.py: texts of its kept documents", exists=True, dir_okay=False)
    ] = None,
    model_dir: Annotated[
        Path | None, typer.Option(help="folder of the model, or the one that holds it", exists=True, file_okay=False)
    ] = None,
    attempt: Annotated[int, typer.Option(help="number of the try; later ones take smaller micro-batches", min=1)] = 1,
    out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:
    """Fine-tune the model anew for every cell of the job, tune thresholds out of fold, score the test documents.

    Writes what train_heads.py writes. Ends with 75 when the GPU's memory runs out twice in one cell.
    """
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "predictions", "scores", "counts", "gaps")
    import numpy as np

    from volfid.core.exits import ConfigError, InputMissingError, UnavailableError
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.training.runner import left_out, run_cells
    from volfid.training.tuners import make_tuner

    settings = task["settings"]
    if model_dir is None:
        name = settings["encoder"]["name"]
        raise InputMissingError(f"encoder {name} needs --model-dir", mend=f"Run fetch_models.py --only {name}")
    manifest = Manifest("train_encoder.py", task)
    real, label_list = CONTRACTS["documents"].read(documents), CONTRACTS["labels"].read(labels)
    made = [row for row in CONTRACTS["synthetic"].read(synthetic) if row["kept"]] if synthetic else []
    draws, sets = CONTRACTS["regimes"].read_many(regimes), CONTRACTS["trainsets"].read_many(trainsets)
    for path in (documents, labels, *regimes, *trainsets, *([synthetic] if synthetic else [])):
        manifest.read(path)
    started, tuner = time.monotonic(), None
    try:
        tuner = make_tuner(settings, [*real, *made], model_dir, attempt, label_list)
        numbers = np.arange(len(tuner.store.lengths))[:, None]  # what stands for the vector of a text: its number
        started = time.monotonic()
        results = run_cells(task, real, label_list, draws, sets, tuner.store.row, numbers, tuner=tuner)
    except (ConfigError, UnavailableError) as error:  # these cells alone are missing
        results = left_out(task, label_list, error)
    seconds = time.monotonic() - started
    predictions = CONTRACTS["predictions"].write_columns(out_dir, results.prediction_columns())
    manifest.wrote(predictions, sum(len(part[2]) for part in results.predictions))
    for name in ("scores", "counts", "gaps"):
        rows = getattr(results, name)
        manifest.wrote(CONTRACTS[name].write(out_dir, rows), len(rows))
    manifest.settings = settings | {"ran": tuner.facts if tuner else None}
    manifest.seeds = {"master_seed": task["master_seed"]}
    updates, cells = tuner.updates if tuner else 0, len(task["items"])
    manifest.counts = {"cells": cells, "scored": cells - len(results.gaps), "updates": updates}
    manifest.counts["seconds_per_update_and_scoring"] = round(seconds / max(updates, 1), 3)
    card = tuner is not None and tuner.start.device != "cpu"
    manifest.device |= {"threads": 1, "accelerator": "cuda" if card else None}
    manifest.write(out_dir)


if __name__ == "__main__":
    run(train_encoder)
