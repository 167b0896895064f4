"""The one Wilson interval of the package: the digits of scipy, and the vector."""

import json
from pathlib import Path

import pytest
from scipy.stats import binomtest

from volfid.core.shares import wilson

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("trials", [1, 2, 3, 7, 20, 60, 165, 999, 12_345])
def test_the_interval_has_the_digits_of_scipy(trials):
    for successes in sorted({0, 1, 2, trials // 3, trials // 2, trials - 1, trials} & set(range(trials + 1))):
        peer = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
        assert wilson(successes, trials) == (peer.low, peer.high), (successes, trials)


def test_the_interval_meets_its_vector_and_ends_at_0_and_1():
    golden = json.loads((ROOT / "tests/golden/stats.json").read_text())["wilson"]
    assert wilson(golden["k"], golden["n"]) == pytest.approx(golden["ci95"], abs=1e-12)
    assert wilson(0, 0) is None
    assert wilson(0, 10)[0] == 0 and wilson(10, 10)[1] == 1


def test_nothing_else_in_the_package_computes_it():
    code = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "bin/volfid").rglob("*.py")}
    assert [name for name, text in code.items() if "def wilson" in text or "proportion_ci" in text] == ["shares.py"]
