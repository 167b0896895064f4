"""The package installs from the repository: one copy of the code, built by the pinned backend, without a network."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import volfid

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that holds what `pip install --target` puts there; built from a copy, so the checkout stays clean."""
    folder = tmp_path_factory.mktemp("package")
    copy = folder / "checkout"
    shutil.copytree(ROOT / "bin", copy / "bin", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=copy, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr[-3000:]
    with zipfile.ZipFile(folder / built.stdout.split()[-1]) as wheel:
        wheel.extractall(folder / "target")
    return folder / "target"


def test_the_backend_is_pinned_to_the_version_of_the_lock():
    (wanted,) = PROJECT["build-system"]["requires"]
    lock = (ROOT / "containers/cpu/requirements.lock").read_text()
    assert wanted == f"setuptools=={metadata.version('setuptools')}"
    assert re.search(rf"^{re.escape(wanted)} ", lock, re.M)
    assert PROJECT["project"]["version"] == volfid.__version__


def test_the_wheel_holds_every_module_once_and_nothing_else(installed):
    here = {path.relative_to(ROOT / "bin").as_posix() for path in (ROOT / "bin/volfid").rglob("*.py")}
    there = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    assert {name for name in there if ".dist-info/" not in name} == here
    assert not list(ROOT.glob("*.egg-info")) and not (ROOT / "build").exists()


def test_the_metrics_are_importable_elsewhere(installed, tmp_path):
    code = (
        "import numpy as np, volfid\n"
        "from volfid.core import ndcg\n"
        "from volfid.fidelity import labels\n"
        "a = labels.LabelSample(labels.pack(np.eye(3, dtype=np.uint8)), np.ones(3, dtype=np.int64), 3)\n"
        "print(volfid.__file__, labels.mmd2_biased(a, a, labels.kernel_table(3, (1.0,))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    where, value = done.stdout.split()
    assert where == str(installed / "volfid/__init__.py") and abs(float(value)) < 1e-12


def test_the_installed_commands_are_the_plain_forms(installed, tmp_path):
    (points,) = installed.glob("*.dist-info/entry_points.txt")
    named = dict(re.findall(r"^(volfid-\w+) = (\S+)$", points.read_text(), re.M))
    assert named == PROJECT["project"]["scripts"]
    for name, target in named.items():
        module, function = target.split(":")
        code = f"import sys; sys.argv = ['{name}', '--help']; from {module} import {function}; {function}()"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(installed)}, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0 and f"Usage: {name} " in done.stdout, done.stderr


def test_every_import_of_the_metrics_is_among_the_dependencies(installed):
    """What the plain forms import at any depth, apart from the extra `encoder`, comes with the package."""
    names = {
        "yaml": "PyYAML", "sklearn": "scikit-learn", "faiss": "faiss-cpu", "torch": "encoder",
        "transformers": "encoder", "huggingface_hub": "encoder",  # fetches models; the plain forms fetch nothing
    }  # fmt: skip
    given = {re.split(r"[<>=]", one)[0] for one in PROJECT["project"]["dependencies"]} | {"encoder", "volfid"}
    folders = [
        installed / "volfid" / name for name in ("core", "plain", "fidelity", "retrieval", "inputs", "embeddings")
    ]
    found = {
        name.partition(".")[0]
        for folder in folders for path in folder.glob("*.py")
        for name in re.findall(r"^\s*(?:from|import) ([\w.]+)", path.read_text(), re.M)
    } - set(sys.stdlib_module_names)  # fmt: skip
    assert found and {names.get(name, name) for name in found} <= given
