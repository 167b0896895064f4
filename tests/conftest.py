"""Two workers: what needs the machine goes to one of them, in an order that leaves the most sensitive to the end.

`make test` runs `--numprocesses 2 --dist loadgroup --no-loadscope-reorder`. A worker takes a whole group. Docker,
Slurm, Nextflow, the real engine and everything with a time bound are the first group: they run one after another,
while the other worker goes through the files of the rest; when these are done, the machine is theirs alone.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
# by folder or marker, the first that fits; those at the end want the machine for themselves
ORDER = ("containers", "workflow", "timed", "vllm", "benchmarks")


def place(item: pytest.Item) -> int | None:
    """Position in ORDER, None for a test that any neighbour may disturb."""
    names = {item.path.relative_to(HERE).parts[0], *(mark.name for mark in item.iter_markers())}
    found = [number for number, name in enumerate(ORDER) if name in names]
    return max(found) if found else None


@pytest.hookimpl(tryfirst=True)  # xdist reads the marker in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests that need the machine to the front and make them one group; of the rest, each file is one."""
    places = {item: place(item) for item in items}
    items.sort(key=lambda item: len(ORDER) if places[item] is None else places[item])
    for item in items:
        name = item.path.stem if places[item] is None else "machine"
        item.add_marker(pytest.mark.xdist_group(name))
