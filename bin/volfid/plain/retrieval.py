"""`evaluate_retrieval.py plain`: files of documents as corpora that the documents of one file search in."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import run
from volfid.core.exits import ParameterError
from volfid.plain import files

Corpora = Annotated[
    list[Path] | None, typer.Option(help="documents to search in, real ones; repeat for several corpora", exists=True)
]
Synthetic = Annotated[
    list[Path] | None, typer.Option(help="documents to search in, synthetic ones; repeat for several", exists=True)
]

Family = Annotated[
    list[str] | None,
    typer.Option(help="NAME=FAMILY: what kind of text the file NAME of --synthetic holds, e.g. made=patent_abstract"),
]


def main(
    queries: Annotated[Path, typer.Option(help="real documents that search", exists=True)],
    out: Annotated[Path, typer.Option(help="folder for the tables; made when absent")],
    real: Corpora = None, synthetic: Synthetic = None, vectors: files.Vectors = None, model_dir: files.ModelDir = None,
    id_column: files.IdColumn = None, text_columns: files.TextColumns = None, label_columns: files.LabelColumns = None,
    label_separator: files.LabelSeparator = None,
    no_header: files.NoHeader = False,
    family: Family = None,
    k: Annotated[int, typer.Option(help="ranks that count", min=1)] = 10,
    size: Annotated[int | None, typer.Option(help="of size-matched subsets; the smallest corpus", min=1)] = None,
    seed: Annotated[int, typer.Option(help="of everything that is drawn", min=0)] = 0,
) -> None:  # fmt: skip
    """Rank the documents of each file for every query, without a plan; relevance is the Jaccard of label sets.

    A query does not find its own text: the file of the queries may be a corpus as well, which is leave-one-out.
    Writes retrieval.csv, retrieval_tests.csv (each corpus against the first one, paired over queries),
    retrieval_filters.csv (standard-patent filters), patent_rules.csv, all also as Parquet, and manifest.json. The fixed
    ideal is taken over all corpora together.
    """
    from volfid.core.log import log
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.plain.vectors import vectors_of
    from volfid.retrieval.compare import Comparison, compared
    from volfid.retrieval.evaluate import Evaluator, Settings
    from volfid.retrieval.filtered import Filters
    from volfid.retrieval.own import near_queries

    if not real and not synthetic:
        raise ParameterError("no corpus was given", mend="Give --real or --synthetic, each as often as needed")
    manifest = Manifest("evaluate_retrieval.py plain")
    reader = files.Reader(
        out, id_column=id_column, text_columns=text_columns, label_columns=label_columns,
        label_separator=label_separator, no_header=no_header,
    )  # fmt: skip
    asked = reader.read(queries)
    corpora: list[tuple[files.Documents, str]] = []
    for path, kind in [*((path, "real") for path in real or []), *((path, "synthetic") for path in synthetic or [])]:
        itself = path.samefile(queries) and all(one is not asked for one, _ in corpora)
        corpora.append((asked if itself else reader.read(path), kind))
    made = {one.name for one, kind in corpora if kind == "synthetic"}
    everything = [asked, *(one for one, _ in corpora if one is not asked)]
    for one in everything:
        manifest.read(one.path, len(one.rows))
    texts = [row["text"] for one, _ in corpora for row in one.rows]
    row_of, table, encoder = vectors_of(everything, texts, vectors, model_dir, seed)
    documents = [{**row, "split": "test"} for row in asked.rows]
    documents += [{**row, "split": "train"} for one, _ in corpora for row in one.rows]
    groups = {one.name: [{**row, "source": source, "multiplicity": 1} for row in one.rows] for one, source in corpora}
    settings = Settings(k=k, encoder=encoder, families=_families(family or [], made))
    evaluator = Evaluator(documents, [], files.label_ids(*everything), groups, row_of, table, settings, seed)
    size = size or min(map(len, groups.values()))
    lines = [line for name in sorted(groups) for line in evaluator.evaluate(name, size)]
    # every corpus against the first one that was named
    base, *others = groups
    pairs = [Comparison([name], [base]) for name in others]
    tests = compared(pairs, evaluator.per_query, evaluator.query_groups, f"ndcg_at_{k}", seed, evaluator.notes)
    # a file is what one generator made by one method, and real corpora are what its texts are judged by
    sources = [{**row, "generator": one.name, "method": one.name} for one, kind in corpora if kind == "synthetic"
               for row in one.rows]  # fmt: skip
    known = [row for one, kind in corpora if kind == "real" for row in one.rows]
    filters = Filters(evaluator, [{**row, "split": "train"} for row in known], sources)
    filtered = [line for name in sorted(groups) for line in filters.evaluate(name)]
    for name, rows in (("retrieval", lines), ("retrieval_tests", tests), ("retrieval_filters", filtered),
                       ("patent_rules", filters.rule_rows())):  # fmt: skip
        contract = CONTRACTS[name]
        manifest.wrote(contract.write(out, rows), len(rows))
        manifest.wrote(files.write_csv(out / f"{name}.csv", contract, rows), len(rows))
    manifest.seeds = {"master_seed": seed}
    manifest.settings = {**settings.echo(), "fixed_ideal": "all corpora together", "size_matched": size}
    manifest.counts = {one.name: len(one.rows) for one in everything} | {"figures": len(lines)}
    for one, _ in corpora:
        if told := evaluator.notes[one.name]:
            reader.warnings.append(f"{one.path.name}: {told}")
        if near := near_queries(asked.rows, one.rows):
            reader.warnings.append(f"{one.path.name}: {near} queries have a near duplicate there, which they may find")
    manifest.settings |= {"warnings": reader.warnings}
    manifest.write(out)
    for warning in reader.warnings:
        log(f"note: {warning}")
    log(f"{len(lines)} figures of {len(groups)} corpora, {len(asked.rows)} queries, in {out / 'retrieval.csv'}")


def _families(given: list[str], made: set[str]) -> dict[str, str]:
    """Prompt family by file name. Raises ParameterError for a name that is no file of --synthetic."""
    found = {}
    for text in given:
        name, _, family = text.partition("=")
        if name not in made or not family:
            raise ParameterError(
                f"--family {text!r} does not name a file of --synthetic and its kind",
                mend=f"Write NAME=FAMILY, NAME one of {', '.join(sorted(made)) or '(none was given)'}",
            )
        found[name] = "_".join(family.lower().split())
    return found


def entry() -> None:
    """The command `volfid-retrieval` of an installed package."""
    run(main)
