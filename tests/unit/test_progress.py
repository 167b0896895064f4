"""Long work shows itself: a line at least every so many seconds, also while one item is slow."""

import re
import threading
import time

import numpy as np
import pytest
from generation_fixture import PROMPTS, corpus, job, pool
from training_world import RECIPES

from volfid.core.log import NOTICE, Heartbeat, Progress, inner, rate, time_left
from volfid.core.shingles import near_duplicate_pairs
from volfid.generation.engines.fake import FakeEngine, Faults
from volfid.generation.runner import run_job


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setenv("VOLFID_PROGRESS_S", "0.05")


def lines(capsys, start: str) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith(start)]


def test_one_slow_item_shows_itself_with_its_pieces_rate_and_time_left(capsys):
    with Progress("work", 2, "cells") as progress:
        inner.begin(10, "updates")
        for _ in range(10):
            time.sleep(0.04)
            inner.add()
        progress.advance()
        time.sleep(0.12)
        progress.advance()
    shown = lines(capsys, "work: ")
    assert len(shown) >= 7 and not any(thread.name == "heartbeat" for thread in threading.enumerate())
    whole = re.compile(r"work: 0/2 cells, (\d+)/10 updates of the next, .* cells/.*, (\d+) s left")
    found = [whole.match(one) for one in shown]
    steps = [int(one[1]) for one in found if one]
    assert steps == sorted(steps) and steps[-1] > steps[0] and len(steps) >= 3
    assert shown[-1].startswith("work: 2/2 cells") and shown[-1].endswith(" 0 s left")


def test_nothing_is_said_twice_as_often_and_quiet_work_says_nothing_when_it_is_short(capsys, monkeypatch):
    monkeypatch.setenv("VOLFID_PROGRESS_S", "60")
    with Progress("work", 1000) as progress:
        for _ in range(1000):
            progress.advance()
    assert len(lines(capsys, "work: ")) == 1
    with Progress("work", 10, quiet=True) as progress:
        progress.advance(10)
    assert lines(capsys, "work: ") == []
    assert near_duplicate_pairs(["a b c d e f", "a b c d e f"]) == [(0, 1, 1.0)]
    assert lines(capsys, "near") == []


def test_time_left_is_not_known_before_anything_is_done_and_skipped_work_is_not_in_the_rate():
    progress = Progress("work", 10, "cells")
    assert progress.line() == "work: 0/10 cells, 0.0 cells/s, time left not known yet"
    progress.skip(4)
    progress.started -= 60
    progress.done += 3
    assert progress.line() == "work: 7/10 cells, 3.0 cells/min, 60 s left"
    assert rate(2, "documents") == "2.0 documents/s" and time_left(3.2) == "3 s left"


def test_a_failure_ends_the_thread_and_the_pieces():
    with pytest.raises(ValueError, match="x"), Progress("work", 2):
        inner.begin(5, "updates")
        raise ValueError("x")
    assert str(inner) == "" and not any(thread.name == "heartbeat" for thread in threading.enumerate())


def test_the_notice_in_the_tasks_folder_is_written_where_there_is_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    beat = Heartbeat(lambda: "work: 1/2")
    beat.show()
    assert not NOTICE.exists()
    NOTICE.touch()
    beat.show()
    assert NOTICE.read_text() == "work: 1/2\n" and lines(capsys, "work") == ["work: 1/2"] * 2


def test_generation_shows_requests_within_one_chunk_and_an_engine_that_starts(tmp_path, capsys):
    class Slow(FakeEngine):
        def start(self):
            time.sleep(0.2)
            super().start()

    run_job(
        job(pool(requests=12), chunk=12), corpus(), prompts=PROMPTS, out_dir=tmp_path,
        make_engine=lambda settings, _: Slow(settings, Faults(delay_s=0.03)),
    )  # fmt: skip
    shown = lines(capsys, "generation: 0/12 requests")
    assert any("fake is starting, 0 s so far" in one for one in shown)
    within = [re.search(r"(\d+)/12 requests of the next, \S+ requests/s, at most \d+ s left", one) for one in shown]
    assert len({one[1] for one in within if one}) >= 3
    assert inner.total == 0


def test_heads_show_their_updates_within_one_cell(capsys):
    torch = pytest.importorskip("torch")
    from volfid.training.mlp import Head, fit_mlp
    from volfid.training.recipes import read_recipe

    torch.set_num_threads(1)
    rng, recipe = np.random.default_rng(0), read_recipe(RECIPES["mlp"])
    with Progress("train", 1, "cells") as progress:
        inner.begin(400, "updates")
        fit_mlp(
            rng.normal(size=(40, 16)).astype(np.float32), rng.integers(0, 2, (40, 3)), ["a", "b", "c"],
            [Head(np.arange(40), 400, 0)], recipe, "zero", 1, 0, 0,
        )  # fmt: skip
        assert inner.done == 400
        progress.advance()
    assert lines(capsys, "train: ")[-1].startswith("train: 1/1 cells")
