#!/usr/bin/env python3
"""Expand a design into cells and jobs, fix M and U, and print what it will cost."""

from json import loads
from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import InFile, OutDir, run

Folder = Annotated[Path, typer.Option(exists=True, file_okay=False)]


def main(
    design: InFile,
    labels: InFile,
    corpus: InFile,
    models: InFile,
    recipes: InFile,
    claims: InFile,
    prompts: Folder,
    seed: Annotated[int | None, typer.Option(help="master seed; the design's own when absent")] = None,
    cores: Annotated[int, typer.Option(help="cores the estimate is for", min=1)] = 2,
    look: Annotated[int | None, typer.Option(help="look of a sequential design, from 1", min=1)] = None,
    documents: Annotated[Path | None, typer.Option(help="documents.jsonl (k-shots, sources)", exists=True)] = None,
    brought: Annotated[Path | None, typer.Option(help="brought.jsonl, of an audit", exists=True)] = None,
    previous: Annotated[Path | None, typer.Option(help="effects.parquet of the look before", exists=True)] = None,
    fetched: Annotated[
        str | None, typer.Option(help="models that are fetched, by comma; not checked if absent")
    ] = None,
    served: Annotated[
        str | None, typer.Option(help="JSON: allow, price, network; served models are not looked at if absent")
    ] = None,
    out_dir: OutDir = Path("."),
) -> None:
    """Expand a design into cells and jobs, fix M and U, and print what it will cost.

    Everything is validated here, before any work starts: unknown names, unpinned models,
    unfilled placeholders, regimes that the pool cannot fill, claims that no block feeds.
    """
    from volfid.core.schemas import CONTRACTS
    from volfid.core.yaml_files import read_yaml
    from volfid.plan.design import read_design
    from volfid.plan.planner import make_plan, read_methods, summary
    from volfid.plan.resolve import check_fetched
    from volfid.plan.served import check_served

    known, asked, about = read_yaml(models), read_design(design), CONTRACTS["corpus"].read_object(corpus)
    templates, names = read_methods(prompts), CONTRACTS["labels"].read(labels)
    plan = make_plan(
        asked,
        corpus=about,
        models=known,
        recipes=read_yaml(recipes),
        methods=templates,
        claims=read_yaml(claims),
        seed=seed,
        cores=cores,
        bin_dir=Path(__file__).resolve().parent,
        labels=names,
        look=look,
        previous=CONTRACTS["effects"].read(previous) if previous else (),
        read_documents=(lambda: CONTRACTS["documents"].read(documents)) if documents else None,
        read_brought=(lambda: CONTRACTS["brought"].read(brought)) if brought else None,
    )
    if fetched is not None:
        check_fetched(plan.jobs, known, set(fetched.split(",")))
    told = check_served(asked, plan.jobs, about, known, templates, len(names), loads(served)) if served else []
    CONTRACTS["cells"].write(out_dir, plan.cells)
    CONTRACTS["plan"].write(out_dir, plan.record)
    for job in plan.jobs:
        CONTRACTS["job"].write(out_dir / "jobs" / job["stage"] / f"{job['job_id']}.json", job)
    print("\n".join([summary(plan), *told]))


if __name__ == "__main__":
    run(main)
