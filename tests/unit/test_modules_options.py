"""Every command of modules/*.nf, in script and in stub, gets each option that it cannot do without."""

import importlib.util
import re
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).parents[2]
CALL = re.compile(r"(?m)^\s*(\w+)\.py ((?:[^\n]*\\\\\n)*[^\n]*)")
CALLS = [
    (f"{path.name}:{path.read_text()[: found.start()].count(chr(10)) + 1}", found[1], found[2])
    for path in sorted((ROOT / "modules").glob("*.nf"))
    for found in CALL.finditer(path.read_text())
    if (ROOT / f"bin/{found[1]}.py").is_file() and "--help" not in found[2]
]


def required(name: str) -> list[str]:
    """Options of a command without a default."""
    spec = importlib.util.spec_from_file_location(f"cli_{name}", ROOT / f"bin/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    main = getattr(module, "main", None) or getattr(module, name)
    app = typer.Typer(add_completion=False)
    app.command()(main)
    return [param.opts[0] for param in typer.main.get_command(app).params if param.required]


@pytest.mark.parametrize(("where", "name", "given"), CALLS, ids=[f"{where} {name}" for where, name, _ in CALLS])
def test_a_command_gets_every_option_that_it_needs(where, name, given):
    passed = set(re.findall(r"--[\w-]+", given)) | {f"--{word}" for word in re.findall(r"options\('([\w-]+)'", given)}
    assert set(required(name)) <= passed, where


def test_the_calls_are_found():
    assert len(CALLS) >= 25 and {"write_report", "measure_fidelity", "train_heads"} <= {name for _, name, _ in CALLS}
