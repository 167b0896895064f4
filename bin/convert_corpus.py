#!/usr/bin/env python3
"""Turn a source into plain documents: files at hand, a recipe of params/corpora, or a dataset of the hub.

With --recipe or --hub this is, beside fetch_models.py, the only command that may use the network.
"""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import OutDir, run
from volfid.core.exits import ParameterError

Option = typer.Option
Sources = Annotated[list[Path] | None, Option(help="file or folder of the source; may be repeated")]
Texts = Annotated[list[Path] | None, Option(help="table with texts to join (wipo_workbook); may be repeated")]
RecipeFile = Annotated[
    Path | None, Option(help="recipe (params/corpora/*.yaml); its files are fetched without --source")
]


def main(
    loader: Annotated[str | None, Option(help="what reads the files: table, hupd, ... (docs/corpora.md)")] = None,
    source: Sources = None, text: Texts = None, recipe: RecipeFile = None,
    hub: Annotated[str | None, Option(help="hf:<dataset>@<commit>[:<pattern>]")] = None,
    revision: Annotated[str | None, Option(help="commit of a hub recipe instead of its own, 40 hex digits")] = None,
    option: Annotated[list[str] | None, Option(help="KEY=VALUE of the loader; may be repeated")] = None,
    taxonomy: Annotated[Path | None, Option(help="labels with CPC rules, as params/taxonomy/*.yaml")] = None,
    name: Annotated[str, Option(help="name of the corpus without a recipe")] = "corpus",
    downloads: Annotated[Path, Option(help="folder for files that are fetched")] = Path("downloads"),
    sql: Annotated[bool, Option("--sql", help="print the BigQuery SQL of the taxonomy and stop")] = False,
    out_dir: OutDir = Path("."),
) -> None:  # fmt: skip
    """Write NAME.jsonl, labels.json and source.json, ready for --input and --labels of a study."""
    from volfid.core.manifest import Manifest
    from volfid.corpora import cpc_rules, recipes
    from volfid.corpora.convert import convert, convert_settings

    if sum(given is not None for given in (loader, recipe, hub)) != 1 and not sql:
        raise ParameterError("give one of --loader, --recipe and --hub")
    made = recipes.read_recipe(recipe, revision) if recipe else recipes.hub_input(hub) if hub else None
    options, labels_from = convert_settings(option or [], made, recipe, taxonomy)
    rules = cpc_rules.read_taxonomy(labels_from) if labels_from else None
    if sql:
        from volfid.corpora.bigquery import print_sql

        return print_sql(options, rules)
    manifest = Manifest("convert_corpus.py")
    sources, texts = source or [], text or []
    if made and not sources:
        from volfid.corpora.fetch import fetch

        sources, texts = fetch(made, downloads)
    if not sources:
        raise ParameterError("no --source was given")
    card, written = convert(
        made.name if made else name, made.loader if made else str(loader), sources, texts, options, rules, out_dir,
        made.origin if made else {}, made,
    )  # fmt: skip
    for path in written:
        manifest.wrote(path, card["documents"] if path.suffix == ".jsonl" else None)
    manifest.counts = {"documents": card["documents"], **card["dropped"]}
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
