#!/usr/bin/env python3
"""Read, check, clean and split the documents (and, in an audit, supplied synthetic ones)."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import OutDir, Stub, run, write_stub

Input = Annotated[
    str, typer.Option("--input", help="JSON, CSV, TSV, Parquet or XLSX (also .gz), a folder of them, or 'fixture'")
]
Labels = Annotated[Path | None, typer.Option(help="label list: label, name (or title), definition; JSON or a table")]
Synthetic = Annotated[list[Path] | None, typer.Option(help="synthetic documents to audit, like --input; repeats")]
Test = Annotated[Path | None, typer.Option("--test", help="a table whose rows are the test side, like --input")]
Design = Annotated[Path, typer.Option(help="design file (YAML); only its mapping 'inputs' is read")]
Stamp = Annotated[str | None, typer.Option("--stamp", help="words that every output carries, e.g. 'not evidence'")]
Embedded = Annotated[str | None, typer.Option(help="SHA-256 of the demo corpus, where assets/ is not beside this code")]
Options = Annotated[Path | None, typer.Option(help="JSON object of column options and policies, over the design's")]
Seed = Annotated[int | None, typer.Option(help="master seed; the design's own when absent", min=0)]


def main(
    source: Input, design: Design, labels: Labels = None, synthetic: Synthetic = None, options: Options = None,
    test: Test = None, words: Stamp = None, embedded: Embedded = None, seed: Seed = None, out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:  # fmt: skip
    """Read, check, clean and split the documents. Unusable rows end the command with exit 65.

    Writes documents.jsonl, labels.json, corpus.json, rejects.jsonl, funnel.json, brought.jsonl.
    """
    names = ("documents", "labels", "corpus", "rejects", "funnel", "brought")
    if stub:
        return write_stub(out_dir, *names)
    from volfid.core.log import log
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.core.seeds import derive_seed
    from volfid.inputs.faults import InputFaults
    from volfid.inputs.prepare import FIXTURE, prepare
    from volfid.inputs.settings import design_seed, read_settings
    from volfid.inputs.tables import table_files

    manifest = Manifest("prepare_documents.py")
    settings = read_settings(design, options)
    seed = design_seed(design) if seed is None else seed
    try:
        prepared = prepare(source, settings, seed, labels, synthetic, (words, embedded), test)
    except InputFaults as faults:
        CONTRACTS["rejects"].write(out_dir, faults.rejects)
        raise
    for path in (None if source == FIXTURE else Path(source), test, labels, *(synthetic or ()), design, options):
        for part in [] if path is None else table_files(path):
            manifest.read(part)
    for name in names:
        rows = getattr(prepared, name)
        manifest.wrote(CONTRACTS[name].write(out_dir, rows), None if name == "corpus" else len(rows))
    manifest.seeds = {"master": seed, "split": derive_seed(seed, "split")}
    manifest.settings = {**vars(settings), "columns": dict(settings.columns)}
    manifest.counts = prepared.corpus["split_sizes"] | {"labels": len(prepared.labels)}
    manifest.write(out_dir)
    for told in prepared.corpus["warnings"]:
        log(f"volfid: warning: {told}")


if __name__ == "__main__":
    run(main)
