"""What tasks really get under each profile and join, without overrides, and under a site's own file."""

import json
import os
import re
import subprocess

import pytest
from helpers.nextflow import ROOT, launch
from helpers.probe import probe, probe_project, processes, programs

pytestmark = pytest.mark.workflow
HERE = "localhost:5000/p/volfid@sha256:" + "b" * 64
CARD = "localhost:5000/p/volfid-gpu@sha256:" + "c" * 64
STRICT = ROOT / ".setup/nextflow-strict/lib"
IMAGES = ("--image_core", HERE, "--image_cpu", HERE, "--image_gpu", CARD)
LARGER = {"GENERATE_TEXT", "LABEL_DOCUMENTS", "CHECK_LABELS", "EMBED_CORPUS", "TRAIN_HEADS", "TRAIN_ENCODERS"}
CORES = os.cpu_count() or 1
MACHINE_GIB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = tmp_path_factory.mktemp("resolved")
    project = probe_project(base / "project")
    git = ["git", "-C", str(project), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "main.nf", "probe.nf"], ["commit", "-q", "-m", "made"]):
        subprocess.run([*git, *words], check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"})
    return base, project, programs(base / "programs")


def commit(project):
    return subprocess.check_output(["git", "-C", str(project), "rev-parse", "HEAD"], text=True).strip()


@pytest.fixture
def ask(place, tmp_path):
    base, project, folder = place

    def run(*arguments, **extra):
        path = f"{folder}:{os.environ['PATH']}"
        return probe(project, tmp_path / "run", *arguments, PATH=path, VOLFID_GPU_SLOTS=str(base / "slots"), **extra)

    return run


def gib(text):
    number, unit = text.split()
    return float(number) * {"MB": 1 / 1024, "GB": 1}[unit]


def test_without_a_profile_tasks_stay_within_two_cores_and_seven_gigabytes(ask, place):
    got = ask(GIT_DIR="/elsewhere")
    assert f"commit {commit(place[1])}\n" in got.run.output, "the record of a run names its commit"
    assert got.run.code == 0 and set(got.asked) == set(processes()), got.run.output[-3000:]
    for name, row in got.asked.items():
        assert int(row["cpus"]) <= 2 and gib(row["memory"]) <= 7, name
        assert {row["container"], row["queue"], row["time"], row["accelerator"]} == {"null"}, name
    assert got.asked["GENERATE_TEXT"]["memory"] == "6 GB" and got.asked["TRAIN_ENCODERS"]["memory"] == "4 GB"


def test_on_cards_the_limits_are_those_of_the_profile_and_of_the_machine(ask):
    got = ask("-profile", "gpu,docker", "--input", "fixture", *IMAGES)
    assert got.run.code == 0, got.run.output[-3000:]
    assert int(got.asked["GENERATE_TEXT"]["cpus"]) == min(4, CORES)
    for name, wanted in (("GENERATE_TEXT", 24), ("TRAIN_ENCODERS", 20), ("TRAIN_HEADS", 8)):
        assert gib(got.asked[name]["memory"]) == pytest.approx(min(wanted, MACHINE_GIB), rel=0.05), name
    for name, row in got.asked.items():
        wrapper = got.wrapper[name]
        assert ("--gpus all" in wrapper) == (row["accelerator"] != "null") == (name in LARGER), name
        assert ("gpu_slot.sh" in wrapper) == (name in LARGER), name
        assert row["container"] == (CARD if name in LARGER | {"FETCH_CORPUS"} else HERE), name
        assert row["maxForks"] == ("1" if name in LARGER else "null"), name
        network = "bridge" if name == "FETCH_CORPUS" else "none"
        assert f"--network {network}" in wrapper and ("-e HF_TOKEN" in wrapper) == (network == "bridge"), name
        assert "-u $(id -u):$(id -g)" in wrapper and '-v "$VOLFID_CHUNK_STORE":"$VOLFID_CHUNK_STORE"' in wrapper


def test_on_slurm_tasks_have_the_memory_of_a_cluster_a_time_and_cards_of_a_type(ask):
    got = ask("-profile", "gpu,slurm,podman", "--input", "fixture", "--slurm_gpu_type", "a100", "--gpus", "2", *IMAGES)
    assert got.run.code == 0, got.run.output[-3000:]
    for name, row in got.asked.items():
        wrapper = got.wrapper[name]
        assert "#SBATCH -t 24:00:00" in wrapper and row["time"] == "1d", name
        assert (
            ("#SBATCH --gres=gpu:a100:1" in wrapper) == ("--device nvidia.com/gpu=all" in wrapper) == (name in LARGER)
        )
        assert ("gpu_check.sh" in wrapper) == (name in LARGER), name
    assert (got.asked["GENERATE_TEXT"]["cpus"], got.asked["GENERATE_TEXT"]["memory"]) == ("4", "24 GB")
    assert "#SBATCH --mem 24576M" in got.wrapper["GENERATE_TEXT"] and "#SBATCH -c 4" in got.wrapper["GENERATE_TEXT"]
    assert got.asked["EMBED_CORPUS"]["maxForks"] == "2"


def test_parameters_of_a_sites_file_count_everywhere(ask, tmp_path):
    for name in ("core", "cpu"):
        (tmp_path / f"{name}.sif").touch()
    site = tmp_path / "site.config"
    site.write_text(
        f"params {{ outdir = 'site out'; max_cpus = 1; max_memory = '3.GB'; max_time = '90m'\n"
        f"image_core = '../core.sif'; image_cpu = '{tmp_path}/cpu.sif' }}\n"
        "singularity { runOptions = '--bind /scratch'; envWhitelist = 'MINE' }\nprocess.ext.before = 'export MINE=1'\n"
    )
    (tmp_path / "models.yaml").write_text("generators: {served: {server: {model: m, key_variable: OWN_KEY}}}\n")
    got = ask(
        "-profile", "smoke,singularity", "-c", str(site), "--max_memory", "2.GB", "--models", f"{tmp_path}/models.yaml"
    )  # fmt: skip
    assert got.run.code == 0, got.run.output[-3000:]
    for name, row in got.asked.items():
        larger = name in LARGER | {"FETCH_CORPUS", "CALIBRATE_INSTRUMENT"}
        assert os.path.realpath(row["container"]) == f"{tmp_path.resolve()}/{'cpu' if larger else 'core'}.sif", name
        assert row["cpus"] == "1" and gib(row["memory"]) <= 2 and row["time"] == "1h 30m", name
        wrapper = got.wrapper[name]
        assert '--bind /scratch --bind "$VOLFID_CHUNK_STORE"' in wrapper and " singularity exec " in wrapper, name
        assert "SINGULARITYENV_OWN_KEY" in wrapper, "the key of a served model"
        assert "SINGULARITYENV_MINE" in wrapper and "SINGULARITYENV_VOLFID_CHUNK_STORE" in wrapper, name
        assert "export MINE=1" in wrapper and 'HF_HOME="$PWD/.cache/huggingface"' in wrapper, name
    assert got.asked["GENERATE_TEXT"]["memory"] == "2 GB", "the command line wins"
    assert (got.run.launch / "site out/provenance/trace.tsv").is_file()
    assert (got.run.launch / "site out/inputs/corpus.json").is_file()
    assert not (got.run.launch / "results").exists()


def test_directives_of_a_sites_file_count_and_what_its_limits_take_away_is_said(ask, tmp_path):
    site = tmp_path / "site.config"
    site.write_text(
        f"docker.enabled = true\nprocess {{ container = '{HERE}'\nresourceLimits = [cpus: 2, memory: 4.GB]\n"
        "withLabel: 'gpu_generate' { memory = 40.GB }\n"
        f"withName: '.*:EMBED_CORPUS|EMBED_CORPUS' {{ container = '{CARD}' }} }}\nparams.gpus = 3\n"
    )
    got = ask("-profile", "gpu", "--input", "fixture", "-c", str(site))
    assert got.run.code == 0, got.run.output[-3000:]
    for name, row in got.asked.items():
        assert row["container"] == (CARD if name == "EMBED_CORPUS" else HERE), name
        assert gib(row["memory"]) <= 4 and f" {row['container']} /bin/bash" in got.wrapper[name], name
    assert got.asked["GENERATE_TEXT"]["memory"] == "4 GB" and got.asked["TRAIN_HEADS"]["maxForks"] == "3"
    told = re.findall("^volfid: (.*)$", got.run.output, re.M)
    assert told == [
        "the configuration gives 40 GB of memory to CHECK_LABELS, GENERATE_TEXT, LABEL_DOCUMENTS, "
        "and process.resourceLimits caps it at 4 GB: raise that"
    ]


def test_a_sites_file_that_leaves_tasks_without_what_they_need_is_told_before_anything_starts(ask, tmp_path):
    site = tmp_path / "site.config"
    site.write_text(
        f"process {{ container = '{tmp_path}/none.sif'; beforeScript = 'module load x'\n"
        "withLabel: 'cpu_large' { container = '' }\nwithName: 'EMBED_CORPUS' { container = 'python:3' } }\n"
    )
    got = ask("-profile", "smoke,apptainer", "-c", str(site))
    told = re.findall("^volfid: (.*)$", got.run.output, re.M)
    assert got.run.code == 69 and not got.asked, got.run.output
    assert told[0].startswith("process.container of the configuration names no image for MEASURE_FIDELITY, EVALUATE_R")
    assert "process.ext.before = " in told[1] and told[2] == "nothing was started"


def test_an_image_that_no_engine_runs_is_told(ask, place, tmp_path):
    (place[1] / "main.nf").write_text((place[1] / "main.nf").read_text() + "\n")
    site = tmp_path / "site.config"
    site.write_text("process.container = 'python:3'\n")
    got = ask("-profile", "smoke", "-c", str(site), "-preview")
    assert "names the image python:3, and no engine is on" in got.run.output, got.run.output
    assert f"commit {commit(place[1])}-dirty\n" in got.run.output


APPTAINER = ("-profile", "smoke,apptainer", "--check_host", "false", "--image_core", "x.sif", "--image_cpu", "/x.sif")


@pytest.mark.parametrize(("code", "ends"), [("78", False), ("255", False), ("65", True)])
def test_one_model_that_fails_is_a_gap_and_a_mistake_ends_the_run(ask, code, ends):
    """In Apptainer, where a task's own 255 is no container that does not start."""
    got = ask(*APPTAINER, PROBE_ONLY="CHECK_LABELS", PROBE_EXIT=code)
    assert " /x.sif " in got.wrapper["CHECK_LABELS"]
    assert (got.run.code != 0) == ends, got.run.output
    assert ("Error is ignored" in got.run.output) != ends


def test_a_container_that_does_not_start_ends_the_run(ask, place):
    (place[2] / "broken").touch()
    try:
        got = ask(*APPTAINER, PROBE_ONLY="TRAIN_ENCODERS")
    finally:
        (place[2] / "broken").unlink()
    assert got.run.code != 0 and "could not open image" in got.run.output, got.run.output
    assert "Error is ignored" not in got.run.output


def test_a_node_whose_card_is_unfit_is_left_out_at_the_next_try(ask, place, tmp_path):
    """The card has too little memory until the job asks for another node."""
    cards = place[2] / "cards"
    fit = cards.read_text()
    cards.write_text("0, GPU-1, made up, 580.1, 8192, 8000, 8.0\n")
    sbatch = place[2] / "sbatch"
    plain = sbatch.read_text()
    sbatch.write_text(
        plain.replace("(SLURMD", f"grep -q -e --exclude=node7 \"$script\" && echo '{fit.strip()}' > '{cards}'\n(SLURMD")
    )
    try:
        got = ask("-profile", "smoke,slurm,gpu", "--input", "fixture", PROBE_ONLY="TRAIN_HEADS")
    finally:
        cards.write_text(fit)
        sbatch.write_text(plain)
    assert got.run.code == 0 and "--exclude=node7" in got.wrapper["TRAIN_HEADS"], got.run.output
    assert re.search(r"TRAIN_HEADS[^\n]*\tFAILED\t71\t", (got.run.results / "provenance/trace.tsv").read_text())


@pytest.mark.skipif(not STRICT.is_dir(), reason="make lint has not run here")
def test_the_smoke_design_runs_under_the_strict_parser(place, tmp_path):
    """Its stubs: every process, channel and directive; `make strict` runs the design itself."""
    strict = {"VOLFID_NEXTFLOW_JARS": str(STRICT), "NXF_SYNTAX_PARSER": "v2", "NXF_HOME": str(tmp_path / "nxf")}
    run = launch(place[1], tmp_path / "run", "-profile", "smoke", "-stub-run", **strict)
    assert run.code == 0, run.output[-4000:]
    assert {"TRAIN_HEADS", "GENERATE_TEXT", "CHECK_LABELS", "WRITE_REPORT"} <= run.processes("COMPLETED")
    assert json.loads((run.results / "run_manifest.json").read_text())["nextflow"].startswith("25.")
