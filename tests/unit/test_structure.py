"""The tree keeps the rules it states."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = ROOT / "bin"
SOURCES = sorted(path for path in BIN.rglob("*.py"))


def test_a_stage_imports_core_and_nothing_of_another_stage():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, env={**os.environ, "PYTHONPATH": "bin"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize(
    ("pattern", "limit"),
    [("bin/*.py", 80), ("bin/volfid/**/*.py", 300), ("modules/*.nf", 120), ("main.nf", 120), ("nextflow.config", 150)],
)
def test_files_stay_within_their_budgets(pattern, limit):
    found = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in ROOT.glob(pattern)}
    assert found and {name: lines for name, lines in found.items() if lines > limit} == {}


def test_nothing_unpickles_swallows_or_runs_remote_code():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{where}: bare except"
                assert not all(isinstance(line, ast.Pass) for line in node.body), f"{where}: an error is hidden"
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
                assert not {"pickle", "dill", "joblib"} & {name.split(".")[0] for name in names}, where
            if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                assert isinstance(node.value, ast.Constant) and node.value.value is False, where


def test_every_seed_comes_by_hash_from_a_name():
    allowed = {"bin/volfid/core/seeds.py"}
    for path in SOURCES:
        # torch's own generator is set where a network draws from nothing else, and by a derived seed
        text = path.read_text()
        for derived in ("torch.manual_seed(derive_seed(", "torch.manual_seed(request.seed)"):
            text = text.replace(derived, "")
        if path.relative_to(ROOT).as_posix() not in allowed:
            for call in ("np.random.seed", "np.random.rand(", "random.seed(", "random.random(", "torch.manual_seed("):
                assert call not in text, f"{path.relative_to(ROOT)} uses {call}"


def test_the_parameter_schema_and_the_config_name_the_same_parameters():
    import json
    import re

    schema = json.loads((ROOT / "nextflow_schema.json").read_text())
    described = {name: entry for group in schema["$defs"].values() for name, entry in group["properties"].items()}
    config = {}
    for name in ("nextflow.config", "conf/containers.config"):  # the images have their own file, which is written
        block = re.search(r"^params \{\n(.*?)^\}", (ROOT / name).read_text(), re.S | re.M).group(1)
        rows = re.findall(r"^\s+(\w+)\s*=\s*(.+?)(?:\s+//.*)?$", block, re.M)
        config |= {key: "null" if key.startswith("image_") else value for key, value in rows}
    assert set(described) == set(config)
    for name, value in config.items():
        literal = value.strip("'\"")
        default = described[name].get("default")
        assert literal == (
            "null" if default is None else str(default).lower() if default in (True, False) else str(default)
        )


def test_files_of_several_tasks_are_staged_in_numbered_folders_and_sorted():
    """A glob such as in/*.json misses a single file, and files of one name would overwrite each other."""
    import re

    listed = 0
    for path in sorted((ROOT / "modules").glob("*.nf")):
        text = path.read_text()
        for name in set(re.findall(r"options\('[a-z]+', (\w+)\)", text)) - {"texts", "synthetic"}:
            declared = re.findall(rf"path\(?\s*{name}, stageAs: '([^']+)'", text)
            assert declared and all("/?/" in pattern for pattern in declared), f"{path.name}: {name}"
            listed += 1
        assert not re.search(r"\.(collect|buffer|collate)\(\)", text), f"{path.name} depends on the order of arrival"
    assert listed >= 12


def test_what_is_published_takes_the_place_of_what_an_earlier_run_left():
    """A cached task overwrites nothing unless told so: -resume to earlier settings would show other results."""
    found = [
        line
        for path in (*(ROOT / "modules").glob("*.nf"), *(ROOT / "conf").glob("*.config"))
        for line in path.read_text().splitlines() if "publishDir" in line
    ]  # fmt: skip
    assert len(found) >= 15 and [line for line in found if "overwrite: true" not in line] == []
