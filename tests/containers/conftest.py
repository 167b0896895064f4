"""Services for the tests of this folder. They run where the programs are and we are root, else they are skipped.

VOLFID_SERVICES=require (set by .ci/run where it could install them) turns the skip into a failure.
"""

import os
import shutil

import pytest
import yaml
from helpers import services
from helpers.nextflow import ROOT, copy_project


def need(programs):
    reason = services.missing(programs)
    if reason:
        assert os.environ.get("VOLFID_SERVICES") != "require", reason
        pytest.skip(reason)


@pytest.fixture(scope="session")
def engine():
    """Environment of a private Docker engine whose images are kept between test runs."""
    need(services.DOCKER)
    with services.docker_engine(services.CACHE / "docker") as host:
        yield {**os.environ, "DOCKER_HOST": host}


@pytest.fixture(scope="session")
def base(engine):
    """Id of the Debian base image."""
    return services.debian_base(engine)


@pytest.fixture(scope="session")
def registry(engine, tmp_path_factory):
    with services.registry(tmp_path_factory.mktemp("registry") / "state") as address:
        yield address


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """A copy of all that `make images` and a run need; its conf/containers.config may be written."""
    copy = copy_project(tmp_path_factory.mktemp("checkout") / "project")
    shutil.copytree(ROOT / "containers", copy / "containers", symlinks=True)
    for name in ("Makefile", "CITATION.cff"):
        shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="session")
def built(engine, base, registry, checkout):
    """The checkout after `make images` pushed `core` to the registry."""
    services.call(
        "make",
        "images",
        "IMAGES=core",
        f"REGISTRY={registry}/study",
        cwd=checkout,
        env={**engine, "BASE_CORE": base, "BUILD_NETWORK": "host"},
    )
    return checkout


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """Environment in which sbatch reaches a one-node Slurm."""
    need(services.SLURM)
    with services.slurm(tmp_path_factory.mktemp("slurm")) as config:
        yield {**os.environ, "SLURM_CONF": config}


@pytest.fixture(scope="session")
def design(tmp_path_factory):
    """The smoke design without the one classifier that needs torch, and the blocks of that one alone."""
    plan = yaml.safe_load((ROOT / "params/design/smoke.yaml").read_text())
    plan["factors"]["classifier"].remove("mlp")
    plan["blocks"] = [block for block in plan["blocks"] if block.get("classifier") != ["mlp"]]
    path = tmp_path_factory.mktemp("design") / "linear.yaml"
    path.write_text(yaml.safe_dump(plan))
    return str(path)
