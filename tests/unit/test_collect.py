"""Collecting scores: complete, order-independent, and honest about what is missing."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import statistics_world as world

from volfid.core.exits import DataError
from volfid.core.schemas import CONTRACTS
from volfid.statistics.collect import check_planned, make_status, unite_gaps

BIN = Path(__file__).parents[2] / "bin"


def command(script: str, *args: object) -> subprocess.CompletedProcess:
    """Run one command as the workflow does."""
    return subprocess.run(
        [sys.executable, str(BIN / script), *map(str, args)],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def gap(subject: str, reason: str, stage: str = "curation", wanted: int | None = 60, got: int | None = 41) -> dict:
    return {"subject": subject, "stage": stage, "reason": reason, "wanted": wanted, "got": got}


@pytest.fixture(scope="module")
def planned():
    return world.make_cells(draws=2)


def test_every_cell_is_scored_or_missing_with_a_reason(planned):
    by_arm = {arm: [c for c in planned if c["arm"] == arm] for arm in ("S", "C", "St", "Pd")}
    gaps = [
        gap(by_arm["S"][0]["trainset_id"], "too few documents survived"),
        gap(by_arm["C"][0]["pool_id"], "the pool is empty", stage="generation", wanted=None, got=None),
        gap(by_arm["Pd"][0]["cell_id"], "the fit did not converge", stage="training", wanted=None, got=None),
    ]
    gone = {by_arm[arm][0]["cell_id"] for arm in ("S", "C", "Pd")}
    last = next(c for c in planned if c["generator"] is None and c["arm"] == "Rt")
    gone.add(last["cell_id"])
    scores = [s for s in world.make_scores(planned) if s["cell_id"] not in gone]
    status = make_status(planned, scores, gaps)
    assert not status["complete"] and status["planned"] == len(planned) == status["done"] + len(status["missing"])
    reasons = {row["cell_id"]: row["reason"] for row in status["missing"]}
    assert set(reasons) == gone
    assert reasons[by_arm["S"][0]["cell_id"]] == "curation: too few documents survived (wanted 60, got 41)"
    assert reasons[by_arm["C"][0]["cell_id"]] == "generation: the pool is empty"
    assert reasons[by_arm["Pd"][0]["cell_id"]] == "training: the fit did not converge"
    assert reasons[last["cell_id"]] == "no result"


def test_the_reason_of_the_cell_goes_before_that_of_its_training_set_and_pool(planned):
    cell = next(c for c in planned if c["arm"] == "S")
    gaps = [gap(cell["pool_id"], "pool"), gap(cell["trainset_id"], "set"), gap(cell["cell_id"], "cell", wanted=None)]
    found = {m["cell_id"]: m["reason"] for m in make_status(planned, [], gaps)["missing"]}
    assert found[cell["cell_id"]] == "curation: cell"


def test_a_gap_does_not_make_a_scored_cell_missing(planned):
    status = make_status(planned, world.make_scores(planned), [gap(planned[0]["trainset_id"], "x")])
    assert status == {"complete": True, "planned": len(planned), "done": len(planned), "missing": []}


def test_a_missing_optional_cell_is_named_and_does_not_make_the_run_incomplete():
    cells = [world.make_cell("R0", 0), world.make_cell("C", 0, optional=True)]
    scores = world.make_scores(cells)
    kept = {arm: [s for s in scores if s["cell_id"] == cell["cell_id"]] for arm, cell in zip("RC", cells, strict=True)}
    status = make_status(cells, kept["R"], [])
    assert status["complete"] and [m["arm"] for m in status["missing"]] == ["C"]
    assert not make_status(cells, kept["C"], [])["complete"]


def test_a_score_of_a_cell_that_is_not_planned_is_refused(planned):
    scores = [*world.make_scores(planned), dict(world.make_scores(planned)[0], cell_id="n00001__d00__other")]
    with pytest.raises(DataError, match="not a planned cell"):
        check_planned(planned, scores)


def test_gaps_that_several_tasks_report_are_united_whatever_their_order():
    parts = [[gap("a", "one")], [gap("a", "two"), gap("b", "x", stage="training")], [gap("a", "one")]]
    rng = random.Random(1)
    expected = unite_gaps(parts)
    assert [(g["subject"], g["reason"]) for g in expected] == [("a", "one; two"), ("b", "x")]
    for _ in range(5):
        rng.shuffle(parts)
        assert unite_gaps(parts) == expected


def job_file(folder):
    """A job of the statistics stage."""
    job = {"job_id": "statistics__all", "stage": "statistics", "label": "cpu_small", "model": None, "code": "x",
           "master_seed": 1, "settings": {}, "items": []}  # fmt: skip
    return CONTRACTS["job"].write(folder, job)


def test_parts_in_any_order_give_the_same_bytes_and_an_incomplete_run_exits_zero(planned, tmp_path):
    scores = world.make_scores(planned)
    CONTRACTS["cells"].write(tmp_path, planned)
    half = len(scores) // 2
    dropped = scores[-1]["cell_id"]
    parts = [scores[:half], [s for s in scores[half:] if s["cell_id"] != dropped]]
    files = [CONTRACTS["scores"].write(tmp_path / f"part{i}" / "scores.parquet", rows) for i, rows in enumerate(parts)]
    told = [gap(dropped, "no fold", stage="training", wanted=None, got=None)]
    gaps = CONTRACTS["gaps"].write(tmp_path / "part0", told)
    for name, order in (("one", files), ("two", files[::-1])):
        done = command("collect_scores.py", "--job", job_file(tmp_path), "--cells", tmp_path / "cells.jsonl",
                       "--gaps", gaps, "--out-dir",
                       tmp_path / name, *(arg for path in order for arg in ("--scores", path)))  # fmt: skip
        assert done.returncode == 0, done.stderr
    for file in ("scores.parquet", "gaps.jsonl", "status.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    status = json.loads((tmp_path / "one" / "status.json").read_text())
    assert [m["reason"] for m in status["missing"]] == ["training: no fold"]
    assert CONTRACTS["manifest"].read_object(tmp_path / "one")["counts"]["missing"] == 1


def test_an_unplanned_score_exits_65_and_a_repeated_part_too(planned, tmp_path):
    CONTRACTS["cells"].write(tmp_path, planned[1:])
    scores = [s for s in world.make_scores(planned) if s["cell_id"] == planned[0]["cell_id"]]
    path = CONTRACTS["scores"].write(tmp_path, scores)
    where = ("--job", job_file(tmp_path), "--cells", tmp_path / "cells.jsonl", "--out-dir", tmp_path / "o")
    done = command("collect_scores.py", *where, "--scores", path)
    assert done.returncode == 65 and "not a planned cell" in done.stderr
    assert not (tmp_path / "o" / "scores.parquet").exists()
    CONTRACTS["cells"].write(tmp_path, planned)
    done = command("collect_scores.py", *where, "--scores", path, "--scores", path)
    assert done.returncode == 65 and "repeats the key" in done.stderr


def test_without_any_score_everything_is_missing(planned, tmp_path):
    CONTRACTS["cells"].write(tmp_path, planned)
    done = command(
        "collect_scores.py",
        "--job",
        job_file(tmp_path),
        "--cells",
        tmp_path / "cells.jsonl",
        "--out-dir",
        tmp_path / "o",
    )
    assert done.returncode == 0
    status = CONTRACTS["status"].read_object(tmp_path / "o")
    assert status["done"] == 0 and len(status["missing"]) == len(planned)


@pytest.mark.parametrize("script", ["collect_scores.py", "estimate_effects.py", "check_claims.py"])
def test_the_commands_explain_themselves_and_know_their_version(script):
    shown = command(script, "--help")
    assert shown.returncode == 0 and "--out-dir" in shown.stdout
    assert command(script, "--version").stdout.startswith("volfid ")
