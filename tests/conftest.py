"""Two workers: what needs the machine goes to one of them, in an order that leaves the most sensitive to the end.

`make test` runs `--numprocesses 2`. Docker, Slurm, Nextflow, the real engine and everything with a time bound run one
after another in one worker, while the other goes through the remaining files, the plans of the pages' commands
among them; when these are done, the machine is theirs alone.
"""

import re

import pytest
from hypothesis import settings

# a busy machine is no failure of what is tested
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

# part of a test's id, the first that fits, and the turn: the last ones want the machine for themselves
TURNS = (
    (r"tests/containers/", 0),
    (r"::test_(help_comes_within|set_up_with_nothing|fetch_models_answers|the_literal_command|a_stub_run)", 2),
    (r"/test_engines_vllm\.py|/test_micro_vllm\.py|::test_vllm_writes_the_same", 3),
    (r"tests/benchmarks/", 4),
    (r"tests/workflow/(?!test_docs_commands\.py)", 1),
)
MARKS = {"timed": 2, "vllm": 3}


def turn(test: str) -> int | None:
    """When a test has its turn among those that need the machine; None for one that any neighbour may disturb."""
    return next((turn for part, turn in TURNS if re.search(part, test)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the machine comes first, in its turns."""
    for item in items:
        wanted = [number for name, number in MARKS.items() if item.get_closest_marker(name)]
        if wanted and turn(item.nodeid) not in wanted:
            raise pytest.UsageError(f"{item.nodeid} is marked, and tests/conftest.py does not know its name")
    items.sort(key=lambda item: len(TURNS) if turn(item.nodeid) is None else turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A worker takes the whole of a file, and the first one all that needs the machine."""
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition("::")[0] if turn(nodeid) is None else "machine"

    config.option.loadscopereorder = False
    return Files(config, log)
