"""Every fenced command of the pages: planned by the real program with -preview, or run by the test named here.

A preview reads parameters and files and wires the workflow; what a full run of the same kind does is proved by the
tests beside this file.
"""

import itertools
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.nextflow import ROOT, copy_project, launch

pytestmark = pytest.mark.workflow
PAGES = sorted({ROOT / "README.md", ROOT / "ARTIFACT.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("containers/*.md")})
LANGUAGES = ("bash", "sh", "console")
SETUP, IMAGES = "tests/unit/test_setup.py", "tests/unit/test_containers.py"
CORPORA = "tests/unit/test_corpora.py"
PLAIN = "tests/unit/test_plain.py"
PREVIEWED = r"nextflow run main\.nf .*"

# command (whole, as a pattern) -> the test that runs it, or the file that does
RUN_BY = {
    r"make demo( [A-Z]+=\S+)*": f"{SETUP}::test_make_demo_passes_full_paths_and_the_exit_status_on",
    r"make test": ".ci/run",
    r"make calibrate": "tests/workflow/test_calibrate.py::test_the_profile_calibrates_every_world_and_runs_no_study",
    # asks the package index what is new, so no test runs it; what it writes is checked
    r"make lock( ARGS=(--upgrade|dev|bench))?": f"{SETUP}::test_locked_packages_have_hashes_and_no_address",
    r"uv pip sync --require-hashes containers/cpu/requirements\.lock": "tools/setup.sh",
    r"make images( [A-Z]+=(\S+|'[a-z ]+'))*": f"{IMAGES}::test_images_with_a_registry_are_named_by_its_digest",
    r"bin/fetch_models\.py .* --only \w+": f"{SETUP}::test_fetch_models_takes_a_pinned_hub_commit_without_its_code",
    r"bin/convert_corpus\.py --loader hupd .*": f"{CORPORA}::test_the_walk_through_of_the_page_runs",
    r"bin/convert_corpus\.py --loader wos_ct .*": f"{CORPORA}::test_the_walk_through_of_own_data_runs",
    r"bin/convert_corpus\.py --sql .*": f"{CORPORA}::test_the_command_converts_prints_sql_and_says_what_is_wrong",
    r"bin/\w+\.py plain .*": f"{PLAIN}::test_the_commands_of_the_page_run_as_they_stand",
    # pip's own work is not tried: it fetches the backend and the dependencies
    r"pip install \.": "tests/unit/test_package.py::test_the_metrics_are_importable_elsewhere",
    r"make archive": f"{IMAGES}::test_the_archive_holds_images_locks_and_checksums_that_verify",
    r"PATH=\$PWD/\.venv/bin:\$PATH": "tests/workflow/test_docs_commands.py::test_every_study_of_the_pages_is_planned",
}  # fmt: skip


@dataclass(frozen=True)
class Command:
    """One command of a page, comments and continuation lines taken off."""

    page: str
    line: int
    text: str


def commands(page: Path) -> list[Command]:
    """Commands of the fenced blocks in a shell language, and of indented blocks that begin with a known program."""
    found, language, begun = [], None, ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("```"):
            language = line[3:].strip() if language is None else None
            continue
        indented = language is None and re.match(r"    (make|uv|pip|nextflow|tools/|bin/|docker|sbatch) ?", line)
        if language not in LANGUAGES and not indented:
            continue
        text = begun + re.sub(r"(^|\s+)#.*", "", line).strip().removeprefix("$ ").removesuffix("...").strip()
        if text.endswith("\\"):
            begun = text[:-1].rstrip() + " "
            continue
        begun = ""
        if text:
            name = page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name
            found.append(Command(name, number, text))
    return found


def uncovered(found: list[Command]) -> list[str]:
    return [
        f"{c.page}:{c.line}: {c.text}" for c in found
        if not any(re.fullmatch(pattern, c.text) for pattern in (PREVIEWED, *RUN_BY))
    ]  # fmt: skip


ALL = [command for page in PAGES if page.is_file() for command in commands(page)]
STUDIES = sorted({command.text for command in ALL if re.fullmatch(PREVIEWED, command.text)})


def test_every_command_of_the_pages_is_run_by_a_test():
    assert len(ALL) >= 10 and uncovered(ALL) == []
    for pattern, where in RUN_BY.items():
        file, _, name = where.partition("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in text, where
        assert any(re.fullmatch(pattern, command.text) for command in ALL), f"no page has {pattern} any more"


def test_a_command_that_no_test_runs_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```bash\nmake demo  # known\nmake \\\n  nonsense\n```\n```yaml\nmake: it\n```\n    make this\n")
    assert [c.text for c in commands(page)] == ["make demo", "make nonsense", "make this"]
    assert [line.split(": ")[-1] for line in uncovered(commands(page))] == ["make nonsense", "make this"]


def test_every_target_of_make_that_the_pages_name_exists():
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {name for page in PAGES if page.is_file() for name in re.findall(r"`make ([a-z-]+)", page.read_text())}
    named |= {command.text.split()[1] for command in ALL if command.text.startswith("make ")}
    assert named and named <= made


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_of_the_pages_is_planned(project, tmp_path, study):
    """The user's files are made up; everything else is as the page has it, from a checkout."""
    mine = copy_project(tmp_path / "checkout")
    arguments = shlex.split(study)[3:]
    given = dict(itertools.pairwise(arguments))
    for option in ("--real", "--input", "--synthetic", "--labels", "--previous", "--design"):
        path = mine / given.get(option, "main.nf")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "params/design/demo.yaml", path)
    if re.search("docker|podman|apptainer|gpu", given.get("-profile", "")):
        # neither built nor asked for here: tests/containers runs them, test_profiles.py has what the check refuses
        made_up = f"registry.example.org/volfid@sha256:{'0' * 64}"
        arguments += [
            "--check_host",
            "false",
            *(x for name in ("core", "cpu", "gpu") for x in (f"--image_{name}", made_up)),
        ]
    run = launch(mine, mine, *arguments, "-preview")
    assert run.code == 0, run.output[-3000:]
    assert "Submitted process" not in run.output
