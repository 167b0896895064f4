"""`measure_fidelity.py plain`: fidelity, diversity and memorisation of synthetic files against real ones."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import run
from volfid.core.exits import DataError
from volfid.plain import files
from volfid.plain.files import Row

ANCHOR = "(real train)"


def main(
    real: Annotated[Path, typer.Option(help="real documents: JSONL, CSV, TSV, Parquet or XLSX", exists=True)],
    synthetic: Annotated[list[Path], typer.Option(help="synthetic documents; repeat for several sets", exists=True)],
    out: Annotated[Path, typer.Option(help="folder for the tables; made when absent")],
    train: Annotated[Path | None, typer.Option(help="real documents the generator could see", exists=True)] = None,
    test: Annotated[Path | None, typer.Option(help="real documents that nothing may leak from", exists=True)] = None,
    vectors: files.Vectors = None, model_dir: files.ModelDir = None, id_column: files.IdColumn = None,
    text_columns: files.TextColumns = None, label_columns: files.LabelColumns = None,
    label_separator: files.LabelSeparator = None,
    no_header: files.NoHeader = False,
    token_budget: Annotated[int, typer.Option(help="tokens that size-controlled diversity looks at", min=1)] = 5_000,
    permutations: Annotated[int, typer.Option(help="of the label-MMD test; 0 leaves it out", min=0)] = 999,
    seed: Annotated[int, typer.Option(help="of everything that is drawn", min=0)] = 0,
) -> None:  # fmt: skip
    """Measure files of synthetic documents against real documents, without a plan.

    Writes fidelity.csv, leaks.csv (both also as Parquet) and manifest.json. Every synthetic file is a set, named
    like the file; real training documents are measured beside them, as the value that real text has.
    """
    from volfid.core.log import log
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.fidelity.corpus import assemble
    from volfid.fidelity.leaks import Leaks
    from volfid.fidelity.measure import Measurer
    from volfid.fidelity.settings import Settings
    from volfid.plain.vectors import vectors_of

    manifest = Manifest("measure_fidelity.py plain")
    reader = files.Reader(
        out, id_column=id_column, text_columns=text_columns, label_columns=label_columns,
        label_separator=label_separator, no_header=no_header,
    )  # fmt: skip
    read = {"real": reader.read(real)} | {
        name: reader.read(path) for name, path in (("train", train), ("test", test)) if path
    }
    made = [reader.read(path) for path in synthetic]
    for one in (*read.values(), *made):
        manifest.read(one.path, len(one.rows))
    documents, origin = files.sides(read["real"], read.get("train"), read.get("test"), seed)
    for split in ("train", "reference", "test"):
        found = sum(row["split"] == split for row in documents)
        if found < 2:
            raise DataError(
                f"{found} real documents are in split {split!r}, 2 or more are needed",
                mend="Give more documents, or a column 'split'",
            )
    everything = [*read.values(), *made]
    training = [row["text"] for row in documents if row["split"] == "train"]
    row_of, table, encoder = vectors_of(everything, training, vectors, model_dir, seed)
    known = files.by_plain_id(documents)
    rows = [{**row, "source_doc_ids": files.sources_of(row, known)} for one in made for row in one.rows]
    groups = {ANCHOR: _members(documents, "real"), **{one.name: _members(one.rows, "synthetic") for one in made}}
    reader.warnings += files.label_notes(documents, made)
    corpus = assemble(documents, rows, files.label_ids(*everything), groups, row_of, table)
    settings = Settings(token_budget=token_budget, permutations=permutations, encoder=encoder)
    measurer = Measurer(corpus, settings, seed)
    lines = [line for one in corpus.trainsets for line in measurer.measure(one)]
    leaks = Leaks(corpus, measurer.memory, settings.containment_width)
    near = [row for one in corpus.trainsets for row in leaks.rows(one.trainset_id, one.added, one.sources)]
    for name, table_rows in (("fidelity", lines), ("leaks", near)):
        contract = CONTRACTS[name]
        manifest.wrote(contract.write(out, table_rows), len(table_rows))
        manifest.wrote(files.write_csv(out / f"{name}.csv", contract, table_rows), len(table_rows))
    manifest.seeds = {"master_seed": seed}
    sizes = {split: sum(row["split"] == split for row in documents) for split in ("train", "reference", "test")}
    manifest.settings = {**settings.echo(), **measurer.frozen(), "sides": origin, "warnings": reader.warnings}
    manifest.counts = {**sizes, **{one.name: len(one.rows) for one in made}, "figures": len(lines)}
    manifest.write(out)
    for warning in reader.warnings:
        log(f"note: {warning}")
    log(f"real documents: {origin} ({', '.join(f'{n} {split}' for split, n in sizes.items())}); vectors: {encoder}")
    log(f"{len(lines)} figures of {len(groups)} sets in {out / 'fidelity.csv'}")


def _members(rows: list[Row], source: str) -> list[Row]:
    """Rows of a training set: synthetic documents, or the real documents of split train."""
    return [
        {"doc_id": row["doc_id"], "labels": row["labels"], "source": source, "parent_id": None, "multiplicity": 1}
        for row in rows if source == "synthetic" or row["split"] == "train"
    ]  # fmt: skip


def entry() -> None:
    """The command `volfid-fidelity` of an installed package."""
    run(main)
