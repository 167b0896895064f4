"""What tasks really get: the project's processes by name and label with a one-line script, run under its configuration.

Engines and schedulers are programs of ours on PATH: what is to run inside a container or as a job runs here, and the
wrapper that Nextflow wrote says what was asked for.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from helpers.nextflow import ROOT, Run, copy_project, launch

ASKED = ("cpus", "memory", "time", "container", "queue", "clusterOptions", "accelerator", "maxForks")

# what stands behind the image is the command; the options of `exec` and `run` are looked at in the wrapper
ENGINE = """#!/usr/bin/env bash
if [ "$1" != run ] && [ "$1" != exec ]; then exit 0; fi
if [ -e "$(dirname "$0")/broken" ]; then echo 'FATAL:   could not open image' >&2; exit 255; fi
while [ "$1" != /bin/bash ]; do shift; done
exec "$@"
"""
SBATCH = """#!/usr/bin/env bash
for script; do :; done
(SLURMD_NODENAME=node7 bash "$script" > /dev/null 2>&1) &
echo "Submitted batch job $RANDOM"
"""
FIT = "0, GPU-1, made up, 580.1, 81920, 81000, 8.0\n"
PROGRAMS = {
    "docker": ENGINE, "podman": ENGINE, "apptainer": ENGINE, "singularity": ENGINE, "sbatch": SBATCH,
    "squeue": "#!/bin/sh\n", "scancel": "#!/bin/sh\n", "nvidia-ctk": "#!/bin/sh\n",
    "nvidia-smi": "#!/bin/sh\ncase $* in *index,uuid*) cat \"$(dirname \"$0\")/cards\" ;; *) echo 0 ;; esac\n",
}  # fmt: skip


def processes() -> dict[str, list[str]]:
    """Labels of each process of the modules."""
    found = {}
    for path in sorted((ROOT / "modules").glob("*.nf")):
        for name, body in re.findall(r"^process (\w+) \{\n(.*?)^\}", path.read_text(), re.S | re.M):
            found[name] = re.findall(r"^    label '(\w+)'", body, re.M)
    return found


def probe_project(target: Path) -> Path:
    """A copy of the project with probe.nf: the preflight, then every process once.

    PROBE_ONLY names the processes to run, PROBE_EXIT the status with which their scripts end.
    """
    project = copy_project(target)
    lines = ["include { preflight } from './modules/preflight.nf'", "include { commitOf } from './modules/host.nf'"]
    asked = ", ".join(f'{name}: "${{task.{name}}}".toString()' for name in ASKED)
    for name, labels in processes().items():
        lines += [
            f"process {name} {{", *(f"    label '{label}'" for label in labels), "    input:", "    val one",
            "    output:", "    path '*.json'", "    script:",
            f"    def asked = groovy.json.JsonOutput.toJson([process: '{name}', {asked}])",
            '    """', "    cat > corpus.json <<'ASKED'", "    ${asked}", "ASKED",
            "    exit ${System.getenv('PROBE_EXIT') ?: 0}", '    """', "}",
        ]  # fmt: skip
    called = (
        f"    if( '{name}' in (System.getenv('PROBE_ONLY') ?: '{name}').tokenize(',') ) {{ {name}(1) }}"
        for name in processes()
    )
    lines += ["workflow {", "    preflight()", '    println "commit ${commitOf()}"', *called, "}"]
    (project / "probe.nf").write_text("\n".join(lines) + "\n")
    return project


def programs(folder: Path) -> Path:
    """A folder for PATH with engines, a scheduler and a card of ours."""
    folder.mkdir(parents=True)
    for name, text in PROGRAMS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "cards").write_text(FIT)
    return folder


@dataclass
class Probed:
    """A finished probe: the run, what each process saw of its task, and the wrapper that Nextflow wrote for it."""

    run: Run
    asked: dict[str, dict[str, str]]
    wrapper: dict[str, str]


def probe(project: Path, folder: Path, *arguments: str, **extra: str) -> Probed:
    """Run probe.nf in `folder`."""
    run = launch(project, folder, *arguments, script="probe.nf", timeout=120, **extra)
    asked, wrapper = {}, {}
    for path in (folder / "work").glob("*/*/corpus.json"):
        row = json.loads(path.read_text())
        asked[row["process"]] = row
        wrapper[row["process"]] = (path.parent / ".command.run").read_text()
    return Probed(run, asked, wrapper)
