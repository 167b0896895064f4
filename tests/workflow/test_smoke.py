"""The whole workflow on the fake engine: results, resume, invalidation, seeds, kills."""

import json
import os
import re
import shutil
import signal
import time

import pyarrow.parquet as pq
import pytest
from helpers.nextflow import launch, start

from volfid.core.schemas import CONTRACTS

pytestmark = pytest.mark.workflow
TABLES = ("scores", "fidelity", "retrieval", "effects", "correlations")


def content(run, name="scores"):
    return CONTRACTS[name].content_sha(CONTRACTS[name].read(run.results / "tables"))


def test_a_run_leaves_report_tables_figures_and_its_manifest(smoke):
    for name in ("report.html", "summary.txt", "run_manifest.json", "plan/cells.jsonl", "inputs/documents.jsonl"):
        assert (smoke.results / name).is_file(), name
    for name in TABLES:
        assert CONTRACTS[name].read(smoke.results / "tables"), name
        assert (smoke.results / f"tables/{name}.csv").is_file()
    assert len(list((smoke.results / "figures").glob("*.svg"))) >= 5
    record = json.loads((smoke.results / "run_manifest.json").read_text())
    assert record["success"] and record["tasks_failed"] == 0
    summary = (smoke.results / "summary.txt").read_text()
    assert smoke.output.count(summary) == 1 and "\nVerdict: " in summary
    last = smoke.output.rstrip().splitlines()[-2:]
    assert last[0] == f"The report is {smoke.results}/report.html" and "-profile audit --real FILE" in last[1]
    assert "fixture: not evidence" in (smoke.results / "report.html").read_text()
    assert "fixture: not evidence" in (smoke.results / "summary.txt").read_text()
    assert "fixture: not evidence" in (smoke.results / "STAMP.txt").read_text()
    assert record["stamp"] == "fixture: not evidence"
    for path in (smoke.results / "tables").glob("*.csv"):
        assert all("fixture: not evidence" in line for line in path.read_text().splitlines()[1:]), path.name
    for path in (smoke.results / "tables").glob("*.parquet"):
        assert pq.read_schema(path).metadata[b"stamp"] == b"fixture: not evidence", path.name


def test_the_plan_counts_what_ran(smoke):
    plan = CONTRACTS["plan"].read_object(smoke.results / "plan")
    cells = CONTRACTS["cells"].read(smoke.results / "plan")
    scored = {row["cell_id"] for row in CONTRACTS["scores"].read(smoke.results / "tables")}
    assert scored == {cell["cell_id"] for cell in cells}
    ran = [name for names in smoke.tasks().values() for name in names if "TRAIN_HEADS" in name]
    assert len(ran) == plan["counts"]["jobs_by_stage"]["training"]


def test_resume_after_a_finished_run_executes_only_the_planner(project, smoke):
    again = launch(project, smoke.launch, "-profile", "smoke", "-resume", "--chunk_store", str(smoke.launch / "chunks"))
    assert again.code == 0, again.output[-4000:]
    assert again.processes("COMPLETED") == {"PLAN_EXPERIMENTS"}
    assert len(again.tasks()["CACHED"]) >= 20


def test_an_edit_of_one_module_reruns_its_stage_and_what_depends_on_it(project, smoke, tmp_path):
    """The first run is a copy of the shared one, so the cache must also survive a move of code and folder."""
    mine = shutil.copytree(project, tmp_path / "project", symlinks=True)
    shutil.copytree(smoke.launch, tmp_path / "run", symlinks=True)
    # a folder as input is known by its path, so the prompts do not move
    store = ("--chunk_store", str(tmp_path / "chunks"), "--prompts", str(project / "params/prompts"))
    scores, retrieval = content(smoke), content(smoke, "retrieval")
    module = mine / "bin/volfid/retrieval/index.py"
    module.write_text(module.read_text() + "\n# an edit that the stage must notice\n")
    second = launch(mine, tmp_path / "run", "-profile", "smoke", "-resume", *store)
    assert second.code == 0, second.output[-4000:]
    # the comment changes no number, so nothing behind the table has a new input but its manifest
    assert {"PLAN_EXPERIMENTS", "EVALUATE_RETRIEVAL"} <= second.processes("COMPLETED")
    assert second.processes("COMPLETED") <= {"PLAN_EXPERIMENTS", "EVALUATE_RETRIEVAL", "WRITE_REPORT", "CHECK_COMPLETE"}
    text = module.read_text()
    assert "DECIMALS = 6" in text
    module.write_text(text.replace("DECIMALS = 6", "DECIMALS = 1"))  # more ties
    third = launch(mine, tmp_path / "run", "-profile", "smoke", "-resume", *store)
    assert third.code == 0, third.output[-4000:]
    changed = third.processes("COMPLETED")
    assert {"EVALUATE_RETRIEVAL", "ESTIMATE_EFFECTS", "WRITE_REPORT"} <= changed
    assert not changed & {"PREPARE_DOCUMENTS", "SAMPLE_REGIMES", "GENERATE_TEXT", "BUILD_CORPUS", "EMBED_CORPUS",
                          "TRAIN_HEADS", "MEASURE_FIDELITY", "COLLECT_SCORES"}  # fmt: skip
    assert content(third) == scores
    assert content(third, "retrieval") != retrieval


def test_another_seed_gives_other_scores(project, small, small_design, tmp_path):
    store = str(tmp_path / "chunks")
    other = launch(project, tmp_path / "other", "--design", small_design, "--seed", "7", "--chunk_store", store)
    assert other.code == 0, other.output[-4000:]
    assert content(other) != content(small)


def saved(store):
    """Time of writing of each finished chunk, by its name in the store."""
    return {str(path.relative_to(store)): path.stat().st_mtime_ns for path in store.rglob("*.jsonl")}


@pytest.mark.parametrize("whole_group", [False, True], ids=["head alone", "whole group"])
def test_a_killed_run_resumes_from_its_chunks_and_two_runs_from_scratch_are_equal(
    project, small_design, tmp_path, request, whole_group
):
    """Folder, work and chunk store are new, so nothing comes from the run that the tables are compared with.

    The smoke design when all its processes are killed, the small one when the tasks outlive the head.
    """
    undisturbed = request.getfixturevalue("smoke" if whole_group else "small")
    folder, store = tmp_path / "run", tmp_path / "chunks"
    chosen = ("-profile", "smoke") if whole_group else ("--design", small_design)
    arguments = (*chosen, "--chunk_store", str(store))
    slow = {"VOLFID_FAKE_FAULTS": json.dumps({"delay_s": 0.15}), "VOLFID_PROGRESS_S": "1"}
    head = start(project, folder, *arguments, **slow)
    deadline = time.monotonic() + 180
    while len(saved(store)) < 5:
        assert head.poll() is None, (folder / "killed.log").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    if whole_group:
        os.killpg(head.pid, signal.SIGKILL)
    else:
        os.kill(head.pid, signal.SIGKILL)
    head.wait()
    shown = re.findall(r"volfid: (\w+): \d+/\d+ \w+.*(?:left|yet)", (folder / "killed.log").read_text())
    assert shown.count("checks") + shown.count("generation") >= 3  # a line a second while a stage is slow
    before, whole = saved(store), saved(undisturbed.launch / "chunks")
    assert set(before) < set(whole)
    resumed = launch(project, folder, *arguments, "-resume")
    assert resumed.code == 0, resumed.output[-4000:]
    after = saved(store)
    assert {name: after[name] for name in before} == before  # none was written again
    assert set(after) == set(whole)
    for name in TABLES:
        assert CONTRACTS[name].read(resumed.results / "tables"), name
        assert content(resumed, name) == content(undisturbed, name), name


@pytest.mark.timed
def test_a_stub_run_of_the_demo_takes_seconds(project, tmp_path):
    seconds = []
    while len(seconds) < 2 and min(seconds, default=99) >= 30:  # a busy machine gets a second try
        run = launch(project, tmp_path / str(len(seconds)), "-profile", "demo", "-stub-run")
        assert run.code == 0, run.output[-4000:]
        seconds.append(run.seconds)
    assert min(seconds) < 30


def test_a_missing_cell_is_named_and_fails_the_run_unless_it_is_allowed(project, small_design, tmp_path):
    faults = {"VOLFID_FAKE_FAULTS": json.dumps({"refusal": 0.9})}
    arguments = ("--design", small_design, "--chunk_store", str(tmp_path / "chunks"))
    run = launch(project, tmp_path / "run", *arguments, **faults)
    assert run.code == 65
    assert "volfid: the run failed (exit status 65)" in run.output and "because INCOMPLETE: " in run.output
    # the summary is printed before the closing block, and everything is published
    assert run.output.index("The report is ") < run.output.index("volfid: the run failed")
    assert "INCOMPLETE" in (run.results / "summary.txt").read_text().upper()
    status_words = (run.results / "report.html").read_text()
    assert "missing" in status_words.lower()
    dropped = re.search(r"volfid: warning: (fake, \w+: \d+ of \d+ documents.* dropped as refusal: )", run.output)
    assert dropped and dropped[1] in status_words
    allowed = launch(project, tmp_path / "run", *arguments, "--allow_missing", "-resume", **faults)
    assert allowed.code == 0, allowed.output[-4000:]
