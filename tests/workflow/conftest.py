"""Undisturbed runs that the workflow tests share."""

import pytest
from helpers.designs import smaller
from helpers.nextflow import copy_project, launch


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project that no test changes."""
    return copy_project(tmp_path_factory.mktemp("shared") / "project")


@pytest.fixture(scope="session")
def smoke(project, tmp_path_factory):
    """The smoke design, run once from an empty folder."""
    folder = tmp_path_factory.mktemp("smoke run")
    run = launch(project, folder, "-profile", "smoke", "--chunk_store", str(folder / "chunks"))
    assert run.code == 0, run.output[-4000:]
    return run


@pytest.fixture(scope="session")
def small_design(tmp_path_factory):
    """The smoke design with one regime, one classifier and the blocks that every table needs."""
    return smaller(
        "smoke", tmp_path_factory.mktemp("small design") / "small.yaml", ["headline", "curve", "attribution"],
        regime={"sizes": [48], "curve": [32, 48, 96]}, factors={"classifier": ["linear"]},
    )  # fmt: skip


@pytest.fixture(scope="session")
def small(project, small_design, tmp_path_factory):
    """The small design, run once from an empty folder."""
    folder = tmp_path_factory.mktemp("small run")
    run = launch(project, folder, "--design", small_design, "--chunk_store", str(folder / "chunks"))
    assert run.code == 0, run.output[-4000:]
    return run
