"""Kill, resume and identity with the real engine, on 32 requests."""

import json
import os
import signal
import time

import pytest
from helpers.nextflow import ROOT, launch, start

from volfid.core.schemas import CONTRACTS

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.vllm,
    pytest.mark.skipif(not (ROOT / "models/smollm2_135m").is_dir(), reason="the embedded model is not set up"),
]
GENERATION = "generation/generation__smollm2_135m"


def test_a_killed_generation_with_the_real_engine_resumes_to_the_same_bytes(project, tmp_path):
    design = ("--design", str(project / "params/design/micro.yaml"))
    whole = launch(project, tmp_path / "whole", *design, "--chunk_store", str(tmp_path / "one"), timeout=900)
    assert whole.code == 0, whole.output[-4000:]
    texts = (whole.results / GENERATION / "generations.jsonl").read_bytes()
    rows = CONTRACTS["generations"].read(whole.results / GENERATION)
    assert len(rows) == 32 and sum(row["text"] is not None for row in rows) >= 8

    store = tmp_path / "two"
    arguments = (*design, "--chunk_store", str(store))
    head = start(project, tmp_path / "killed", *arguments)
    deadline = time.monotonic() + 300
    while len(list(store.rglob("*.jsonl"))) < 4:
        assert head.poll() is None, (tmp_path / "killed/killed.log").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(head.pid, signal.SIGKILL)
    head.wait()
    assert len(list(store.rglob("*.jsonl"))) < 8, "the kill came too late to prove anything"
    resumed = launch(project, tmp_path / "killed", *arguments, "-resume", timeout=900)
    assert resumed.code == 0, resumed.output[-4000:]
    counts = json.loads((resumed.results / GENERATION / "manifest.json").read_text())["counts"]
    assert 4 <= counts["chunks_reused"] < 8
    assert (resumed.results / GENERATION / "generations.jsonl").read_bytes() == texts
    for name in ("scores", "fidelity", "retrieval"):
        contract = CONTRACTS[name]
        mine, theirs = (contract.content_sha(contract.read(run.results / "tables")) for run in (resumed, whole))
        assert mine == theirs, name
