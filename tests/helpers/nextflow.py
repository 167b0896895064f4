"""Run the real workflow in a copy of the project, and read what it did."""

import csv
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEXTFLOW = ROOT / ".venv/bin/nextflow"
CODE = ("main.nf", "nextflow.config", "nextflow_schema.json", "conf", "modules", "bin", "params", "assets", "tools")


def copy_project(target: Path) -> Path:
    """The committed code in a folder of its own; the environment and the models are linked."""
    target.mkdir(parents=True)
    for name in CODE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target / name)
    for name in (".venv", "models"):
        (target / name).symlink_to(ROOT / name)
    return target


@dataclass
class Run:
    """What a finished launch left behind."""

    code: int
    output: str
    launch: Path
    seconds: float

    @property
    def results(self) -> Path:
        return self.launch / "results"

    def tasks(self) -> dict[str, set[str]]:
        """Task names by status, from the trace: COMPLETED, CACHED, FAILED."""
        found: dict[str, set[str]] = {}
        with open(self.results / "provenance/trace.tsv", encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                found.setdefault(row["status"], set()).add(row["name"])
        return found

    def processes(self, status: str) -> set[str]:
        """Process names (last part) with a task of that status."""
        return {name.split(" ")[0].split(":")[-1] for name in self.tasks().get(status, ())}


def command(project: Path, *arguments: str, script: str = "main.nf") -> list[str]:
    return [str(NEXTFLOW), "run", str(project / script), "-ansi-log", "false", *arguments]


def environment(**extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NXF_", "VOLFID_"))}
    return {**kept, "NXF_ANSI_LOG": "false", **extra}


def launch(
    project: Path, folder: Path, *arguments: str, timeout: float = 600, script: str = "main.nf", **extra: str
) -> Run:  # fmt: skip
    """Run to the end in `folder`; never raises on a failed run."""
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    done = subprocess.run(
        command(project, *arguments, script=script), cwd=folder, env=environment(**extra), timeout=timeout,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return Run(done.returncode, done.stdout, folder, time.monotonic() - started)


def start(project: Path, folder: Path, *arguments: str, **extra: str) -> subprocess.Popen:
    """Start a run in a process group of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    log = open(folder / "killed.log", "w")  # noqa: SIM115  (lives as long as the run)
    return subprocess.Popen(
        command(project, *arguments), cwd=folder, env=environment(**extra),
        stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
