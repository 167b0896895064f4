#!/usr/bin/env python3
"""Say what else the same tokens buy: every option with its score, tokens and cost, and break-even prices."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, Job, OutDir, Stub, read_job, run, write_stub

Parts = Annotated[list[Path] | None, typer.Option(exists=True, dir_okay=False)]
Price = Annotated[float | None, typer.Option(min=0, help="any currency, the same for all; unknown when absent")]


def main(
    job: Job,
    cells: InFile,
    plan: InFile,
    scores: InFile,
    generations: Parts = None,
    price_per_million_tokens: Price = None,
    price_per_label_document: Price = None,
    price_per_gpu_hour: Price = None,
    out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:
    """Write uses.json: options beside each real budget, and what the labels of a document may cost to break even.

    Tokens are paid by the token when that price is given, else by the estimated hour of the generator.
    """
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "uses")
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.statistics.price import Prices, price_table

    manifest = Manifest("price_uses.py", task)
    for path in (cells, plan, scores, *(generations or [])):
        manifest.read(path)
    prices = Prices(price_per_million_tokens, price_per_label_document, price_per_gpu_hour)
    table = price_table(
        CONTRACTS["cells"].read(cells),
        CONTRACTS["scores"].read(scores),
        CONTRACTS["plan"].read_object(plan),
        CONTRACTS["generations"].read_many(generations or []),
        prices,
    )
    manifest.wrote(CONTRACTS["uses"].write(out_dir, table), len(table["options"]))
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
