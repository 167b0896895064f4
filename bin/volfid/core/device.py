"""What a task ran on, by name: the model of the processor; a graphics card with driver and CUDA."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

_ASK = ["nvidia-smi", "--query-gpu=index,uuid,name,driver_version", "--format=csv,noheader"]


def processor() -> str:
    """Name of the processor's model; its architecture where the system tells no more."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8", errors="replace") if info.is_file() else ""
    found = re.search(r"^(?:model name|Model|Hardware|cpu model|cpu)\s*:\s*(\S.*?)\s*$", text, re.M)
    return found[1] if found else platform.processor() or platform.machine()


def cards() -> dict[str, Any]:
    """`card` (names of the cards in use, joined), `driver` and `cuda`; None for what nothing here tells.

    Cards that CUDA_VISIBLE_DEVICES hides are not in use. `cuda` is that of torch, which a task that uses a card has
    loaded.
    """
    torch = sys.modules.get("torch")
    cuda = getattr(getattr(torch, "version", None), "cuda", None)
    try:
        done = subprocess.run(_ASK, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {"card": None, "driver": None, "cuda": cuda}
    rows = [[part.strip() for part in line.split(",", 3)] for line in done.stdout.splitlines() if line.count(",") >= 3]
    used = [row for row in rows if _visible(row[0], row[1])] or rows
    names = dict.fromkeys(row[2] for row in used)
    counts = {name: sum(row[2] == name for row in used) for name in names}
    named = ", ".join(f"{count} x {name}" if count > 1 else name for name, count in counts.items())
    return {"card": named or None, "driver": used[0][3] if used else None, "cuda": cuda}


def _visible(index: str, uuid: str) -> bool:
    """Whether CUDA_VISIBLE_DEVICES lets a card be used; it names them by number or by the start of their UUID."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return True
    wanted = [part.strip() for part in named.split(",")]
    return any(one == index or (one.startswith("GPU-") and uuid.startswith(one)) for one in wanted)
