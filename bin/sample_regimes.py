#!/usr/bin/env python3
"""Draw nested real training sets from the train pool, with fixed folds."""

from pathlib import Path

from volfid.core.cli import InFile, Job, OutDir, Stub, read_job, run, write_stub


def main(job: Job, documents: InFile, labels: InFile, out_dir: OutDir = Path("."), stub: Stub = False) -> None:
    """Draw nested real training sets (one row a size) with folds for tuning.

    Job settings: draw (number of the draw), folds, sizes (ascending), sampling (stratified or random),
    min_positives (of every label, where possible; null: see core/ordering.py), shots. Writes regimes.jsonl.
    """
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "regimes")
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.core.seeds import derive_seed
    from volfid.regimes.sampling import sample_regimes

    manifest = Manifest("sample_regimes.py", task)
    real = CONTRACTS["documents"].read(documents)
    label_list = CONTRACTS["labels"].read(labels)
    manifest.read(documents, len(real))
    manifest.read(labels, len(label_list))
    rows = sample_regimes(real, label_list, task["settings"], task["master_seed"])
    manifest.seeds["regimes"] = derive_seed(task["master_seed"], "regimes", draw=task["settings"]["draw"])
    manifest.wrote(CONTRACTS["regimes"].write(out_dir, rows), len(rows))
    manifest.settings = task["settings"]
    manifest.counts = {"regimes": len(rows), "labels_missing": {str(r["size"]): r["labels_missing"] for r in rows}}
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
