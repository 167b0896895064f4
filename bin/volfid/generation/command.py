"""What the commands that run an engine share: their options, and reading, running and writing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from volfid.generation.loop import Outcome

Prompts = Annotated[
    Path,
    typer.Option(help="folder with one folder per method or labeller (params/prompts)", exists=True, file_okay=False),
]
ModelDir = Annotated[
    Path | None, typer.Option(help="folder of the model, or the one that holds it", exists=True, file_okay=False)
]
ChunkDir = Annotated[
    Path | None,
    typer.Option(
        help="finished chunks, kept beyond this task; made when absent", file_okay=False, envvar="VOLFID_CHUNK_STORE"
    ),
]
Attempt = Annotated[int, typer.Option(help="attempt of the task; a later one runs smaller batches", min=1)]


def run_engine_job(
    command: str, contract: str, work: "Callable[..., Outcome]", task: dict[str, Any], documents: Path, labels: Path,
    regimes: Sequence[Path], out_dir: Path, synthetic: Sequence[Path] | None = None, **settings: Any,
) -> None:  # fmt: skip
    """Read a corpus, do the job with `work`, write its rows as `contract` and the manifest into `out_dir`.

    synthetic: where they are given, `work` takes the rows of these files, too. settings: prompts, model_dir,
    chunk_store and attempt, as `work` takes them.
    """
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.generation.requests import Corpus

    manifest = Manifest(command, task)
    rows = {}
    for name, path in {"documents": documents, "labels": labels}.items():
        rows[name] = CONTRACTS[name].read(path)
        manifest.read(path, rows=len(rows[name]))
    rows["regimes"] = CONTRACTS["regimes"].read_many(regimes)
    if synthetic is not None:
        settings["synthetic"] = CONTRACTS["synthetic"].read_many(synthetic)
    for path in (*regimes, *(synthetic or ())):
        manifest.read(path)
    outcome = work(task, Corpus(**rows), out_dir=out_dir, **settings)
    manifest.wrote(CONTRACTS[contract].write(out_dir, outcome.rows), rows=len(outcome.rows))
    manifest.settings = outcome.engine
    manifest.counts = outcome.counts
    manifest.seeds = {"master_seed": task["master_seed"]}
    manifest.device |= {"engine": outcome.engine.get("device")}
    manifest.write(out_dir)
