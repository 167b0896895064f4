"""Where it runs: the configuration of the profiles, what is refused before anything starts, cards without a card."""

import json
import os
import re
import subprocess
import time

import pytest
from helpers.nextflow import NEXTFLOW, ROOT, environment, launch

pytestmark = pytest.mark.workflow
CARDS = (
    "0, GPU-11aa, NVIDIA A100, 580.65.06, 81920, 81000, 8.0\n1, GPU-22bb, NVIDIA A100, 580.65.06, 81920, 81000, 8.0\n"
)
IMAGE = "sha256:" + "a" * 64
CARD_IMAGE = "sha256:" + "c" * 64
HERE = "localhost:5000/p/volfid@sha256:" + "b" * 64

# What Docker is asked to do is noted; what is to run inside runs here, in the task's folder, with its environment.
DOCKER = f"""#!/usr/bin/env bash
echo "$*" >> "$FAKE_LOG"
if [ "$1" = run ]; then
    while [ "$1" != {IMAGE} ] && [ "$1" != {CARD_IMAGE} ]; do shift; done
    shift
    echo "start $$ $CUDA_VISIBLE_DEVICES" >> "$FAKE_LOG.cards"
    "$@"
    code=$?
    echo "end $$ $CUDA_VISIBLE_DEVICES" >> "$FAKE_LOG.cards"
    exit $code
fi
"""


@pytest.fixture
def programs(tmp_path):
    """Environment whose PATH begins with a docker and an nvidia-smi of ours."""
    folder = tmp_path / "programs"
    folder.mkdir()

    def write(name, text):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)

    write("docker", DOCKER)
    write("nvidia-smi", f"#!/bin/sh\ncase $* in *index,uuid*) printf '{CARDS}' ;; *) printf '0\\n1\\n' ;; esac\n")
    write("nvidia-ctk", "#!/bin/sh\n")
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "FAKE_LOG": str(tmp_path / "docker.log"),
        "VOLFID_GPU_SLOTS": str(tmp_path / "slots"),
    }


def settings(project, profile, *arguments):
    """The flat configuration of a profile."""
    done = subprocess.run(
        [NEXTFLOW, "config", "-flat", "-profile", profile, *arguments, project],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(re.findall(r"^([^=\n]+?) = (.*)$", done.stdout, re.M))


@pytest.mark.parametrize("profile", ["gpu,docker,slurm,singularity", "calibrate,apptainer,podman"])
def test_profiles_join_and_turn_on_what_they_name(project, profile):
    """What tasks get of it stands in test_resolved.py."""
    found = settings(project, profile)
    names = set(profile.split(","))
    for engine in ("docker", "podman", "apptainer", "singularity"):
        assert (found.get(f"{engine}.enabled") == "true") == (engine in names)
        options = found[f"{engine}.runOptions"]
        assert "VOLFID_CHUNK_STORE" in options and "gpu" not in options and "--network" not in options
    # one task has a network; the others name the one without
    assert found["params.task_network"] == "'none'" and found["params.fetch_network"] == "'bridge'"
    labelled = [path.name for path in (ROOT / "modules").glob("*.nf") if "label 'network'" in path.read_text()]
    assert labelled == ["corpora.nf"]
    assert ("process.executor" in found) == ("slurm" in names)
    assert (found["params.gpu"] == "true") == ("gpu" in names)
    assert (found["params.check_host"] == "true") == ("slurm" not in names)
    assert found["params.max_memory"] == ("'64.GB'" if names & {"gpu", "slurm"} else "'7.GB'")
    assert found["env.HF_HUB_OFFLINE"] == "'1'"


@pytest.mark.timed
def test_the_literal_command_is_refused_in_seconds_with_everything_that_is_missing(project, tmp_path):
    """On a machine without a card, before `make images`; documents come by the recipe, whose commit is known."""
    docs = (ROOT / "docs/running-on-gpu.md").read_text()
    assert "nextflow run main.nf -profile gpu,docker" in docs
    started = time.monotonic()
    run = launch(project, tmp_path / "run", "-profile", "gpu,docker", CUDA_VISIBLE_DEVICES="", timeout=60)
    assert run.code == 69, run.output
    lines = [line for line in run.output.splitlines() if line.startswith("volfid: ")]
    assert len(lines) == 3 and lines[-1] == "volfid: nothing was started"
    assert lines[0].startswith("volfid: no GPU: ")
    assert "make images IMAGES='core gpu'" in lines[1]
    assert time.monotonic() - started < 20
    assert not list((run.launch / "work").glob("*")) if (run.launch / "work").exists() else True


def test_a_run_on_cards_takes_the_design_for_them_and_names_models_that_nobody_fetched(project, tmp_path):
    arguments = ("-profile", "gpu", "--check_host", "false", "--input", "demo", "--model_dir", str(tmp_path / "none"))
    run = launch(project, tmp_path / "own", *arguments)
    assert run.code != 0 and "330 further documents beyond 330 exceed the train pool" in run.output, run.output
    run = launch(project, tmp_path / "given", *arguments, "--design", str(project / "params/design/demo.yaml"))
    assert run.code != 0 and "not fetched: all_minilm_l6_v2, smollm2_135m" in run.output, run.output
    assert "SAMPLE_REGIMES" not in run.output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-profile", "smoke,docker"], 69, "make images IMAGES='core cpu'"),
        (
            ["-profile", "smoke,docker", "--image_core", "python:3.11", "--image_cpu", HERE],
            64,
            "--image_core: python:3.11 has no digest",
        ),
        (["-profile", "smoke,apptainer", "--image_core", IMAGE, "--image_cpu", HERE], 69, "make images REGISTRY="),
    ],
)
def test_an_image_that_cannot_run_is_named_before_anything_starts(project, tmp_path, arguments, code, message):
    run = launch(project, tmp_path / "run", *arguments, timeout=60)
    assert run.code == code and message in run.output, run.output
    assert "Submitted process" not in run.output


def test_tasks_with_cards_never_share_one_and_the_others_see_no_flag(project, programs, tmp_path):
    """The gpu and docker profiles on two made-up cards, with a docker that runs the tasks' stubs on this machine.

    Images, limits and folder of results come from a site's file."""
    site = tmp_path / "site.config"
    site.write_text(
        "params { max_cpus = 1; max_memory = '2.GB'; gpus = 2; outdir = 'of the site'\n"
        f"image_core = '{IMAGE}'; image_gpu = '{CARD_IMAGE}' }}\n"
    )
    run = launch(
        project,
        tmp_path / "run",
        "-profile",
        "smoke,gpu,docker",
        "--input",
        "fixture",
        "-stub-run",
        "-c",
        str(site),
        "--gpu_memory_gib",
        "70",
        "--chunk_store",
        str(tmp_path / "it's chunks"),
        **programs,
    )
    assert run.code == 0, run.output[-4000:]
    assert json.loads((run.launch / "of the site/run_manifest.json").read_text())["success"]
    assert not run.results.exists(), "results split over two folders"
    (run.launch / "of the site").rename(run.results)
    asked = [line for line in (tmp_path / "docker.log").read_text().splitlines() if line.startswith("run ")]
    flagged = [line for line in asked if "--gpus all" in line]
    wants = sum(
        len(names)
        for names in [
            {
                name
                for name in run.tasks()["COMPLETED"]
                if re.search("GENERATE_TEXT|LABEL_DOC|CHECK_LABELS|EMBED_CORPUS|TRAIN_HEADS", name)
            }
        ]
    )
    assert len(flagged) == wants >= 4 and len(asked) > len(flagged)
    assert all((CARD_IMAGE if line in flagged else IMAGE) in line for line in asked)
    assert "WARN" not in run.output
    assert all("--network none" in line and "-e OMP_NUM_THREADS" in line for line in asked)
    assert all(f"-v {tmp_path}/it's chunks:{tmp_path}/it's chunks" in line for line in asked)
    holder, used = {}, set()
    for line in (tmp_path / "docker.log.cards").read_text().splitlines():
        what, task, *card = line.split()
        if not card:
            continue  # a task without a card
        if what == "start":
            assert card[0] not in holder.values(), f"card {card[0]} is given twice"
            holder[task] = card[0]
            used.add(card[0])
        else:
            del holder[task]
    assert used == {"0", "1"} and not holder
    assert (tmp_path / "it's chunks").is_dir(), "made before an engine makes it as root"
