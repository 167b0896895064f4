"""One undisturbed smoke run that the workflow tests share."""

import pytest
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
