"""generate_text.py killed in the middle: the next run goes on and writes the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/unit"))

from generation_fixture import document_rows, job, label_rows, pool, regime_rows  # noqa: E402

from volfid.core.schemas import CONTRACTS  # noqa: E402

REQUESTS, CHUNK = 48, 6


@pytest.fixture
def task(tmp_path):
    CONTRACTS["documents"].write(tmp_path, document_rows())
    CONTRACTS["labels"].write(tmp_path, label_rows())
    CONTRACTS["regimes"].write(tmp_path, regime_rows())
    write_job(tmp_path)
    return tmp_path


def write_job(folder: Path, **engine) -> None:
    (folder / "job.json").write_text(json.dumps(job(pool(requests=REQUESTS), chunk=CHUNK, **engine)))


def start(task: Path, out: str, *extra: str, store: str = "store", **faults) -> subprocess.Popen:
    command = [
        sys.executable, str(ROOT / "bin/generate_text.py"), "--job", task / "job.json", "--documents",
        task / "documents.jsonl", "--labels", task / "labels.json", "--regimes", task / "regimes.jsonl", "--prompts",
        ROOT / "params/prompts", "--chunk-store", task / store, "--out-dir", task / out, *extra,
    ]  # fmt: skip
    environment = os.environ | {"VOLFID_FAKE_FAULTS": json.dumps(faults), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> tuple[int, str]:
    message = process.communicate(timeout=120)[1]
    return process.returncode, message


def wait_for_chunks(task: Path, count: int) -> None:
    for _ in range(1200):
        if len(list((task / "store").glob("*.jsonl"))) >= count:
            return
        time.sleep(0.05)
    raise AssertionError("no chunk was finished in time")


def test_kill_and_sigterm_then_resume_give_the_bytes_of_an_uninterrupted_run(task):
    assert finish(start(task, "whole", store="other"))[0] == 0
    whole = (task / "whole/generations.jsonl").read_bytes()

    code, _ = finish(start(task, "killed", crash_after=2 * CHUNK + 3))
    assert code == -signal.SIGKILL and len(list((task / "store").glob("*.jsonl"))) == 2

    process = start(task, "told", delay_s=0.05)
    wait_for_chunks(task, 4)
    process.send_signal(signal.SIGTERM)
    code, message = finish(process)
    assert code == 143 and "Finished chunks are kept" in message and "2 of them from the chunk store" in message
    assert not (task / "told/generations.jsonl").exists() and not list(task.rglob(".*.tmp"))

    code, message = finish(start(task, "resumed", "--attempt", "3"))
    assert code == 0 and "starting fake" in message
    assert (task / "resumed/generations.jsonl").read_bytes() == whole
    counts = json.loads((task / "resumed/manifest.json").read_text())["counts"]
    assert 4 <= counts["chunks_reused"] < counts["chunks"] == REQUESTS // CHUNK and counts["task_attempt"] == 3

    code, message = finish(start(task, "stored"))
    assert code == 0 and "starting" not in message
    assert (task / "stored/generations.jsonl").read_bytes() == whole


def test_a_hanging_engine_is_ended_with_75(task):
    write_job(task, stall_s=1)
    started = time.monotonic()
    code, message = finish(start(task, "out", hang_s=100))
    assert code == 75 and "no sign of life" in message
    assert time.monotonic() - started < 60


def test_running_out_of_memory_ends_with_75_and_the_second_attempt_succeeds(task):
    code, message = finish(start(task, "out", oom=CHUNK // 2))
    assert code == 75 and "out of memory" in message
    assert finish(start(task, "out", "--attempt", "2", oom=CHUNK // 2))[0] == 0


def test_the_stub_writes_valid_empty_files(task):
    assert finish(start(task, "out", "--stub"))[0] == 0
    assert CONTRACTS["generations"].read(task / "out") == []
    assert CONTRACTS["manifest"].read(task / "out")
