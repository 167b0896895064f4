"""What every command shares: `--version`, error messages with exit codes, stub outputs."""

import errno
import functools
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from volfid import __version__
from volfid.core.contracts import stamp_tables
from volfid.core.exits import EXIT_BUG, EXIT_CREATE, EXIT_IO, EXIT_PERMISSION, VolfidError
from volfid.core.log import log
from volfid.core.schemas import CONTRACTS

Job = Annotated[
    Path, typer.Option(help="job file of the plan (jobs/<stage>/<job_id>.json)", exists=True, dir_okay=False)
]
InFile = Annotated[Path, typer.Option(exists=True, dir_okay=False)]
InFiles = Annotated[list[Path], typer.Option(exists=True, dir_okay=False)]
InFolders = Annotated[list[Path], typer.Option(exists=True, file_okay=False)]


def _folder(path: Path) -> Path:
    """A folder whose name ends like a file must be there before the first file is written into it."""
    if path.suffix:
        path.mkdir(parents=True, exist_ok=True)
    return path


OutDir = Annotated[
    Path, typer.Option(help="folder for the outputs; made when absent", file_okay=False, callback=_folder)
]
Stub = Annotated[bool, typer.Option("--stub", help="write valid empty outputs and stop")]


def _version(value: bool) -> None:
    if value:
        print(f"volfid {__version__}")
        raise typer.Exit(0)


def _with_version(main: Callable[..., Any]) -> Callable[..., Any]:
    """The command function with an eager `--version` option added to its signature."""
    option = typer.Option("--version", callback=_version, is_eager=True, help="print the version and stop")
    signature = inspect.signature(main)
    version = inspect.Parameter(
        "version", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option]
    )

    @functools.wraps(main)
    def command(*args: Any, version: bool = False, **kwargs: Any) -> Any:
        return main(*args, **kwargs)

    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), version]
    )
    command.__annotations__ = {**main.__annotations__, "version": version.annotation}
    return command


def run(main: Callable[..., Any], plain: str | None = None) -> None:
    """Run one command function as a Typer app; map failures to the exit codes of the project.

    `plain`: module whose `main` runs instead when the first argument is the word `plain`; it is imported only then.
    A VolfidError prints one message and exits with its code. Disk and permission errors exit
    73, 74 or 77. Anything else is a bug: exit 70, with the traceback when VOLFID_DEBUG is set.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    name = Path(sys.argv[0]).name
    epilog = f"On plain files, without a job: {name} plain --help" if plain else None
    try:
        if plain and sys.argv[1:2] == ["plain"]:
            main, name, epilog = importlib.import_module(plain).main, f"{name} plain", None
            del sys.argv[1]
        app.command(epilog=epilog)(_with_version(main))
        app(prog_name=name)
    except VolfidError as error:
        log(f"error: {error}")
        sys.exit(error.code)
    except OSError as error:
        log(f"error: {error.strerror or error}: {error.filename or ''}")
        sys.exit(_os_exit(error))
    except Exception as error:  # the boundary of the program: report, never hide
        if os.environ.get("VOLFID_DEBUG"):
            raise
        log(f"bug: {type(error).__name__}: {error}. Set VOLFID_DEBUG=1 for the traceback")
        sys.exit(EXIT_BUG)


def read_job(path: Path) -> dict[str, Any]:
    """The job a task runs, checked. Tables that the task writes carry the stamp of its corpus."""
    job = CONTRACTS["job"].read_object(path)
    stamp_tables(job["settings"].pop("stamp", None))  # no setting of a stage
    return job


def write_stub(out_dir: Path, *contracts: str) -> None:
    """Write empty files of the named contracts and a manifest: wiring and schemas, no work."""
    for name in contracts:
        CONTRACTS[name].write_empty(out_dir)
    CONTRACTS["manifest"].write_empty(out_dir)


def _os_exit(error: OSError) -> int:
    if error.errno in (errno.EACCES, errno.EPERM):
        return EXIT_PERMISSION
    if error.errno in (errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
        return EXIT_CREATE
    return EXIT_IO
