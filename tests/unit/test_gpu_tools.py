"""Cards without a card: the check of driver and memory, and the lock that hands cards out."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK, SLOT = ROOT / "tools/gpu_check.sh", ROOT / "tools/gpu_slot.sh"
H200 = "0, GPU-11aa, NVIDIA H200, 580.65.06, 143771, 143000, 9.0"
A5000 = "1, GPU-22bb, NVIDIA RTX A5000, 580.65.06, 24564, 24100, 8.6"


def smi(folder, text, code=0):
    """A folder for PATH whose nvidia-smi prints `text`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "answer").write_text(text + "\n")
    (folder / "nvidia-smi").write_text(f'#!/bin/sh\ncat "{folder}/answer"\nexit {code}\n')
    (folder / "nvidia-smi").chmod(0o755)
    return folder


def environment(folder, **extra):
    kept = {key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"}
    return kept | {"PATH": f"{folder}:{os.environ['PATH']}"} | extra


def check(folder, memory=22, cuda=13, **extra):
    return subprocess.run(
        [CHECK, str(memory), str(cuda)], env=environment(folder, **extra), capture_output=True, text=True
    )


def test_fit_cards_pass_in_silence(tmp_path):
    done = check(smi(tmp_path / "p", f"{H200}\n{A5000}"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            "0, GPU-1, NVIDIA A100, 550.90.07, 81920, 81000, 8.0",
            {},
            "driver is 550.90.07, and CUDA 13 needs 580 or newer.*--cuda 12",
        ),
        ("0, GPU-1, Tesla K80, 470.1, 81920, 81000, 8.0", {}, "driver is 470.1, and CUDA 13 needs 580"),
        ("0, GPU-1, Tesla K80, 470.1, 81920, 81000, 8.0", {"cuda": 12}, "CUDA 12 needs 525 or newer"),
        ("0, GPU-1, Tesla T4, 580.1, 15360, 15000, 7.5", {}, "compute capability 7.5"),
        (
            "0, GPU-1, RTX 4060, 580.1, 8188, 8000, 8.9",
            {},
            r"GPU 0 \(RTX 4060\) has 7 GiB of memory, and 22 are asked for",
        ),
        (
            f"{H200}\n1, GPU-2, NVIDIA A5000, 580.1, 24564, 900, 8.6",
            {},
            "GPU 1 .* has only 0 of its 23 GiB free.*another program",
        ),
        (H200, {"CUDA_VISIBLE_DEVICES": ""}, "set and empty"),
        (H200, {"CUDA_VISIBLE_DEVICES": "3"}, "CUDA_VISIBLE_DEVICES=3 names none of the cards"),
        ("No devices were found", {}, "names no driver"),
    ],
)
def test_unfit_cards_are_named_with_the_mend(tmp_path, rows, options, message):
    done = check(smi(tmp_path / "p", rows), **options)
    assert done.returncode == 69 and re.search(message, done.stdout), done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_an_older_driver_does_for_the_older_image(tmp_path):
    assert check(smi(tmp_path / "p", "0, GPU-1, NVIDIA A100, 550.90.07, 81920, 81000, 8.0"), cuda=12).returncode == 0


def test_hidden_cards_are_not_asked_for_memory(tmp_path):
    folder = smi(tmp_path / "p", f"{H200}\n1, GPU-2, NVIDIA T1000, 580.1, 4096, 4000, 7.5")
    assert check(folder).returncode == 69
    assert check(folder, CUDA_VISIBLE_DEVICES="0").returncode == 0
    assert check(folder, CUDA_VISIBLE_DEVICES="GPU-11").returncode == 0


def test_a_card_without_memory_of_its_own_and_a_mig_instance_pass(tmp_path):
    folder = smi(tmp_path / "p", "0, GPU-1, NVIDIA GB10, 580.95, [N/A], [N/A], 12.1")
    assert check(folder).returncode == 0
    assert check(folder, CUDA_VISIBLE_DEVICES="MIG-4f2").returncode == 0


def test_no_driver_at_all_is_said_in_one_line(tmp_path):
    done = check(
        smi(tmp_path / "p", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", code=9)
    )
    assert done.returncode == 69 and "couldn't communicate" in done.stdout
    programs = tmp_path / "few"
    programs.mkdir()
    for name in ("bash", "env", "sed", "head"):
        (programs / name).symlink_to(subprocess.check_output(["which", name], text=True).strip())
    done = subprocess.run([CHECK, "22", "13"], env={"PATH": str(programs)}, capture_output=True, text=True)
    assert done.returncode == 69 and "nvidia-smi is not on PATH" in done.stdout and "leave gpu out" in done.stdout


# --- the lock ------------------------------------------------------------------------------------

HOLD = """source "{slot}" {count}
echo "$CUDA_VISIBLE_DEVICES" > "{out}.new"; mv "{out}.new" "{out}"; sleep {seconds}; rm "{out}"
"""


@pytest.fixture
def take(tmp_path):
    """Start holders of `count` cards; each writes the ids it got into a file and removes that when it ends."""
    started = []

    def start(name, count=1, seconds=60.0, cards="0,1", flags="-eu"):
        out = tmp_path / name
        script = HOLD.format(slot=SLOT, count=count, out=out, seconds=seconds)
        process = subprocess.Popen(
            ["bash", flags, "-c", script],
            env=environment(tmp_path, CUDA_VISIBLE_DEVICES=cards, VOLFID_GPU_SLOTS=str(tmp_path / "slots")),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process, out

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def seen(path, seconds=10):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"nobody wrote {path.name}"
        time.sleep(0.02)
    return path.read_text().strip()


def test_two_holders_get_two_cards_and_the_third_waits_for_a_death(take):
    first, one = take("one")
    _, two = take("two")
    assert {seen(one), seen(two)} == {"0", "1"}
    freed = one.read_text()
    _, three = take("three")
    time.sleep(1.5)
    assert not three.exists(), "a card was given twice"
    os.killpg(first.pid, signal.SIGKILL)  # no farewell: the kernel frees the card
    assert seen(three) == freed.strip()


def test_a_child_that_outlives_the_task_keeps_the_card(take):
    """As long as it runs it holds memory of the card."""
    first, one = take("one", cards="7")
    seen(one)
    os.kill(first.pid, signal.SIGKILL)  # `sleep`, its child, lives on
    first.wait()
    _, two = take("two", cards="7")
    time.sleep(1.5)
    assert not two.exists()
    os.killpg(first.pid, signal.SIGKILL)
    assert seen(two) == "7"


def test_many_tasks_on_few_cards_never_share_one(take, tmp_path):
    """Six tasks, three cards with ids of every kind, and tasks that want two of them."""
    cards = "0,GPU-3a/b,MIG-77"
    holders = [take(f"task{number}", count=1 + number % 2, seconds=0.3, cards=cards) for number in range(6)]
    shared, most = [], 0
    while any(process.poll() is None for process, _ in holders):
        held = []
        for path in tmp_path.glob("task?"):
            try:
                held += path.read_text().strip().split(",")
            except FileNotFoundError:
                continue  # it has just ended
        # read one after the other: an id twice may be a hand-over, so it must show twice in a row
        double = {card for card in held if held.count(card) > 1}
        if double and shared[-1:] == [double]:
            raise AssertionError(f"{double} is held twice")
        shared.append(double)
        most = max(most, len(held))
        time.sleep(0.01)
    assert all(process.returncode == 0 for process, _ in holders)
    assert most >= 2


def test_more_cards_than_there_are_is_an_error_at_once(take):
    process, _ = take("greedy", count=3)
    assert process.wait(5) == 69 and "3 cards are wanted, 2 are here" in process.stderr.read()


def test_without_a_choice_all_cards_of_the_machine_count(tmp_path):
    folder = smi(tmp_path / "p", "0\n1\n2")
    done = subprocess.run(
        ["bash", "-euC", "-c", f'source "{SLOT}" 3; echo "$CUDA_VISIBLE_DEVICES"'],
        env=environment(folder, VOLFID_GPU_SLOTS=str(tmp_path / "slots")),
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "0,1,2", done.stderr
