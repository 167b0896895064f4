"""The study in an image, by digest and without network, and the study on Slurm: for real, with equal numbers."""

import json
import os
import re
import subprocess

import pytest
from helpers.nextflow import ROOT, launch
from helpers.services import call

from volfid.core.schemas import CONTRACTS

pytestmark = pytest.mark.containers
TABLES = ("scores", "fidelity", "retrieval")


def page_command(page, profile):
    """Arguments of the one command of a page that has this profile, as it stands there."""
    rows = re.findall(r"^nextflow run main\.nf (.*)$", (ROOT / "docs" / page).read_text(), re.M)
    found = [row.split() for row in rows if f"-profile {profile} " in f"{row} "]
    assert len(found) == 1, f"{page} has {len(found)} commands with -profile {profile}"
    return found[0]


@pytest.fixture(scope="session")
def core(built):
    """Name of the image in the registry, by digest."""
    return re.search(r"image_core = '([^']+)'", (built / "conf/containers.config").read_text()).group(1)


@pytest.fixture(scope="session")
def in_docker(built, core, engine, design, tmp_path_factory):
    """The command of the page, in an image that is not here and has to be pulled."""
    # a tag of ours keeps its layers as the cache of the next build; the names of the study go
    call("docker", "tag", core, "volfid-test-cache:core", env=engine)
    names = json.loads(call("docker", "image", "inspect", core, env=engine))[0]
    for name in {*names["RepoTags"], *names["RepoDigests"]} - {"volfid-test-cache:core"}:
        # a digest may go with the tag of its repository; what is left is looked at below
        subprocess.run(["docker", "image", "rm", name], env=engine, capture_output=True, check=False)
    known = subprocess.run(["docker", "image", "inspect", core], env=engine, capture_output=True, check=False)
    assert known.returncode != 0, "the image is still here"
    folder = tmp_path_factory.mktemp("in docker")
    # the design trains nothing that needs torch, so that core serves the tasks of cpu as well
    run = launch(
        built,
        folder,
        *page_command("running-on-docker.md", "smoke,docker"),
        "--design",
        design,
        "--image_cpu",
        core,
        "--chunk_store",
        str(folder / "chunks"),
        DOCKER_HOST=engine["DOCKER_HOST"],
    )
    assert run.code == 0, run.output[-4000:]
    return run


def test_the_image_is_named_by_digest_and_nobody_runs_it(core, registry, engine, in_docker):
    assert re.fullmatch(rf"{registry}/study/volfid-core@sha256:[0-9a-f]{{64}}", core)
    details = json.loads(call("docker", "image", "inspect", core, env=engine))[0]["Config"]
    assert details["User"] == "10001:10001" and not details.get("Entrypoint")
    history = call("docker", "history", "--no-trunc", core, env=engine)
    assert "BEGIN CERTIFICATE" not in history and "PIP_CERT" not in history and "PIP_INDEX" not in history


def inside(engine, core, script, *options):
    return subprocess.run(
        [
            "docker",
            "run",
            "--rm",
            "--network",
            "none",
            "--read-only",
            "--tmpfs",
            "/tmp",
            "--user",
            "12345:12345",
            *options,
            core,
            "bash",
            "-euc",
            script,
        ],
        env=engine,
        capture_output=True,
        text=True,
        check=False,
    )


def test_any_user_starts_every_command_without_network_and_without_a_writable_root(core, engine, in_docker):
    script = """cd /bin-of-study; for command in *.py; do
        "./$command" --help > /dev/null || { echo "$command"; exit 1; }
        done; ls *.py | wc -l"""
    done = inside(engine, core, script, "-v", f"{ROOT}/bin:/bin-of-study:ro")
    assert done.returncode == 0 and int(done.stdout) > 20, done.stdout + done.stderr
    # a home and caches for a user that the image does not know
    script = """test "$(id -u)" = 12345; test "$HOME" = /home/volfid
        mkdir -p "$XDG_CACHE_HOME" "$MPLCONFIGDIR"; touch "$MPLCONFIGDIR/x"
        python3 -c 'import getpass, matplotlib.font_manager; assert getpass.getuser() == "volfid"'
        if python3 -c 'import torch' 2> /dev/null; then exit 1; fi; ls /usr/local/share/ca-certificates"""
    done = inside(engine, core, script)
    assert done.returncode == 0 and done.stdout == "", done.stdout + done.stderr


def test_the_probe_of_the_image_notices_another_version(core, engine, in_docker):
    script = """sed 's/^numpy==.*/numpy==0.0.1 \\\\/' /opt/volfid/requirements.lock > /tmp/lock
        python3 /opt/volfid/probe.py /opt/volfid/requirements.lock --nothing-else --programs ps
        python3 /opt/volfid/probe.py /tmp/lock"""
    done = inside(engine, core, script)
    assert done.returncode == 1 and re.search(r"probe: numpy is \S+, not 0.0.1", done.stderr), done.stderr


def test_the_study_ran_in_the_image_as_the_caller_and_without_network(core, in_docker):
    record = json.loads((in_docker.results / "run_manifest.json").read_text())
    assert record["success"] and record["tasks_failed"] == 0 and record["profile"] == "smoke,docker"
    wrappers = list((in_docker.launch / "work").glob("*/*/.command.run"))
    assert len(wrappers) == len(in_docker.tasks()["COMPLETED"]) >= 12
    for path in wrappers:
        line = next(row for row in path.read_text().splitlines() if "docker run" in row)
        assert core in line and "--network none" in line and "-u $(id -u):$(id -g)" in line
    for path in (in_docker.launch / "work").rglob("*"):
        assert path.lstat().st_uid == os.getuid(), path
    assert list((in_docker.launch / "chunks").rglob("*.jsonl")), "chunks outlive the containers"


@pytest.fixture(scope="session")
def on_slurm(slurm, checkout, tmp_path_factory):
    """The command of the page, with cards, and with too little memory for the first try of the embedding."""
    folder = tmp_path_factory.mktemp("on slurm")
    (folder / "tight.config").write_text(
        "process { withName: 'EMBED_CORPUS' { memory = { task.attempt == 1 ? 60.MB : 1.GB } } }\n"
        "executor { pollInterval = '1 sec'; queueStatInterval = '2 sec'; exitReadTimeout = '30 sec' }\n"
    )
    smi = folder / "programs/nvidia-smi"
    smi.parent.mkdir()
    smi.write_text('#!/bin/sh\nfor n in 0 1; do echo "$n, GPU-$n, made up, 580.1, 81920, 81000, 8.0"; done\n')
    smi.chmod(0o755)
    arguments = [
        f"{word},gpu" if word == "smoke,slurm" else word for word in page_command("running-on-slurm.md", "smoke,slurm")
    ]
    run = launch(
        checkout,
        folder,
        *arguments,
        "--input",
        "fixture",
        "-c",
        str(folder / "tight.config"),
        "--slurm_queue",
        "cpu",
        "--slurm_gpu_queue",
        "cards",
        "--gpus",
        "2",
        "--max_cpus",
        "1",
        "--max_memory",
        "2.GB",
        "--chunk_store",
        str(folder / "chunks"),
        PATH=f"{smi.parent}:{os.environ['PATH']}",
        SLURM_CONF=slurm["SLURM_CONF"],
    )
    assert run.code == 0, run.output[-4000:]
    return run


def test_a_task_that_slurm_kills_for_its_memory_is_tried_again_with_more(on_slurm):
    failed = on_slurm.tasks()["FAILED"]
    assert failed and all("EMBED_CORPUS" in name for name in failed)
    trace = (on_slurm.results / "provenance/trace.tsv").read_text()
    assert re.search(r"EMBED_CORPUS[^\n]*\tFAILED\t137\t", trace), trace
    assert failed <= on_slurm.tasks()["COMPLETED"]


def test_slurm_is_asked_for_cards_by_the_tasks_that_use_them(on_slurm):
    cards = set()
    for path in (on_slurm.launch / "work").glob("*/*/.command.run"):
        text = path.read_text()
        wants = bool(
            re.search(
                r"EMBED_CORPUS|TRAIN_HEADS|GENERATE_TEXT|LABEL_DOCUMENTS|CHECK_LABELS",
                text.split("SBATCH -o")[0] + text[:600],
            )
        )
        assert ("#SBATCH --gres=gpu:1" in text) == wants, path
        assert ("#SBATCH -p cards" in text) == wants, path
        assert ("gpu_check.sh" in text) == wants
        cards.add(wants)
    assert cards == {True, False}


def test_the_image_and_slurm_give_the_same_numbers(in_docker, on_slurm):
    """Row by row, of all that the design for the image has; on Slurm the whole smoke design runs."""
    for name in TABLES:
        contract = CONTRACTS[name]
        mine, other = (
            {tuple(row[field] for field in contract.key): row for row in contract.read(run.results / "tables")}
            for run in (in_docker, on_slurm)
        )
        assert set(mine) < set(other), name
        assert {key: other[key] for key in mine} == mine, name
    mine, other = (
        [row for row in CONTRACTS["effects"].read(run.results / "tables") if row["classifier"] == "linear"]
        for run in (in_docker, on_slurm)
    )
    assert len(mine) > 50 and [row for row in other if row in mine] == mine
