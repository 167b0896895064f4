#!/usr/bin/env python3
"""Search every training set as a corpus with the real test documents as queries; nDCG with size controls."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, InFiles, InFolders, Job, OutDir, Stub, read_job, run, write_stub

OPTIONAL = partial(typer.Option, exists=True, dir_okay=False)


def main(
    job: Job,
    documents: InFile,
    labels: InFile,
    trainsets: InFiles,
    embeddings: InFolders,
    synthetic: Annotated[list[Path] | None, OPTIONAL(help="every synthetic.jsonl the training sets use")] = None,
    out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:
    """Evaluate retrieval over every training set of the job, used as a corpus.

    Writes retrieval.parquet (nDCG with own, fixed and size-matched ideals, DCG, mean Jaccard, MAP, MRR, hubs, random
    baselines), retrieval_tests.parquet (each corpus against the real rows alone, paired over queries),
    retrieval_filters.parquet and patent_rules.parquet (standard-patent filters against random documents).
    """
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "retrieval", "retrieval_tests", "retrieval_filters", "patent_rules")
    from volfid.core.log import Progress
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.core.settings import settings_of
    from volfid.core.trainsets import read_trainsets
    from volfid.core.vectors import read_vectors
    from volfid.retrieval.compare import compared, comparisons
    from volfid.retrieval.evaluate import Evaluator, Settings
    from volfid.retrieval.filtered import Filters

    settings = settings_of(Settings, task["settings"], "evaluate_retrieval")
    manifest = Manifest("evaluate_retrieval.py", task)
    files = read_trainsets(manifest, task["items"], documents, labels, trainsets, synthetic or [])
    sizes = {item["trainset_id"]: item["regime"] for item in task["items"]}
    evaluator = Evaluator(
        files.real, files.synthetic, files.label_ids, files.trainsets, *read_vectors(embeddings), settings,
        task["master_seed"],
    )  # fmt: skip
    filters = Filters(evaluator, files.real, files.synthetic)
    mixed = {item["trainset_id"] for item in task["items"] if item["real_share"] is not None}
    lines, filtered = [], []
    with Progress("retrieval", len(files.trainsets), "training sets") as progress:
        for name in files.trainsets:
            lines += evaluator.evaluate(name, sizes[name])
            filtered += [] if name in mixed else filters.evaluate(name)
            progress.advance()
    pairs, metric = comparisons(task["items"]), f"ndcg_at_{settings.k}"
    tests = compared(pairs, evaluator.per_query, evaluator.query_groups, metric, task["master_seed"], evaluator.notes)
    for kind, rows in (("retrieval", lines), ("retrieval_tests", tests), ("retrieval_filters", filtered),
                       ("patent_rules", filters.rule_rows())):  # fmt: skip
        manifest.wrote(CONTRACTS[kind].write(out_dir, rows), len(rows))
    manifest.seeds = {"master_seed": task["master_seed"]}
    manifest.settings = settings.echo()
    manifest.counts = {
        "trainsets": {"planned": len(sizes), "evaluated": len(files.trainsets)},
        "queries": len(evaluator.queries),
    }
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main, plain="volfid.plain.retrieval")
