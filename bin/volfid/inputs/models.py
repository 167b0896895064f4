"""Fetch pinned models into `model_dir/<name>/`: safetensors, tokenizer, configuration, checksums.

Every folder ends with `SHA256SUMS` (all files but model.json) and `model.json` (where it came from).
It is filled under another name and renamed, so it is whole or absent. Nothing that could run code
when it is loaded is let in: no pickles, no Python files, no `auto_map`.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volfid import __version__
from volfid.core.exits import (
    EXIT_PERMISSION,
    ConfigError,
    DataError,
    InputMissingError,
    UnavailableError,
    VolfidError,
)
from volfid.core.files import sha256_file, sha256_text, write_json, write_text
from volfid.core.log import log

ALLOWED_SUFFIXES = (".safetensors", ".json", ".txt", ".model", ".jinja", ".md")
ALLOWED_NAMES = ("LICENSE", "LICENCE", "NOTICE", "README")
SUMS = "SHA256SUMS"
CARD = "model.json"
COMMIT = re.compile(r"[0-9a-f]{40}")
MAX_SAFETENSORS_HEADER = 100_000_000


@dataclass(frozen=True)
class ModelEntry:
    """One entry of params/models.yaml, as far as fetching needs it."""

    name: str
    source: Mapping[str, Any] | None
    revision: str | None
    licence: str


def read_models(path: Path) -> dict[str, ModelEntry]:
    """Generators and encoders of a models file by name; names must be unique (78)."""
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    entries: dict[str, ModelEntry] = {}
    for section in ("generators", "encoders"):
        for name, fields in ((document or {}).get(section) or {}).items():
            if name in entries:
                raise ConfigError(f"{path}: the name {name} stands twice")
            if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", str(name)):
                raise ConfigError(f"{path}: {name!r} is no model name", mend="Use a-z, 0-9 and _")
            source = fields.get("source")
            if source is not None and source.get("kind") not in FILLERS:
                raise ConfigError(f"{path}: {name}: source.kind is one of {', '.join(FILLERS)}")
            revision = fields.get("revision")
            entries[name] = ModelEntry(
                name, source, None if revision is None else str(revision), str(fields.get("licence"))
            )
    return entries


def fetch_model(entry: ModelEntry, model_dir: Path, base: Path, verify: bool = False) -> Path | None:
    """Bring one model to `model_dir/<name>` and return that folder; None when it has no source.

    A folder that is there with this source and revision is kept: file sizes are compared, contents
    only with `verify`. `base` is what relative paths of folder sources are relative to.
    """
    if entry.source is None:
        return None
    kind = entry.source["kind"]
    if kind == "hub" and not COMMIT.fullmatch(entry.revision or ""):
        raise ConfigError(
            f"{entry.name}: revision {entry.revision!r} does not pin a hub repository",
            mend="Give the commit of the repository, 40 hex digits",
        )
    target = model_dir / entry.name
    model_dir.mkdir(parents=True, exist_ok=True)
    with _locked(model_dir / f".{entry.name}.lock"):
        if is_whole(target, entry, verify):
            log(f"{entry.name}: there")
            return target
        partial = model_dir / f".{entry.name}.partial"
        if kind != "hub":  # an interrupted hub download is continued
            shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(exist_ok=True)
        made_by = FILLERS[kind](entry, partial, base)
        check_files(partial, entry.name)
        revision = write_sums(partial)
        if kind != "hub":
            _check_revision(entry, revision)
        write_json(
            partial / CARD,
            {
                "name": entry.name,
                "source": dict(entry.source),
                "revision": entry.revision,
                "licence": entry.licence,
                "sums_sha256": revision,
                "created_by": {"volfid": __version__, **made_by},
                "bytes": {path: (partial / path).stat().st_size for path in read_sums(partial)},
            },
        )
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    log(f"{entry.name}: fetched, {sum(f.stat().st_size for f in target.rglob('*') if f.is_file()) / 1e6:.0f} MB")
    return target


def is_whole(folder: Path, entry: ModelEntry, verify: bool) -> bool:
    """Whether `folder` holds this source at this revision, all files with their sizes (or contents)."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        sums = read_sums(folder)
        same = card["source"] == dict(entry.source or {}) and card["revision"] == entry.revision
        same = same and card["sums_sha256"] == sha256_file(folder / SUMS)
        same = same and all((folder / path).stat().st_size == size for path, size in card["bytes"].items())
    except (OSError, ValueError, KeyError):
        return False
    return same and (not verify or all(sha256_file(folder / path) == digest for path, digest in sums.items()))


def check_files(folder: Path, name: str) -> None:
    """Refuse (65) what is not a model in safetensors, or would run code of its own when loaded."""
    paths = model_files(folder)
    for path in paths:
        relative = path.relative_to(folder)
        if path.suffix not in ALLOWED_SUFFIXES and path.name not in ALLOWED_NAMES:
            raise DataError(
                f"{name}: file {relative} is refused: only {' '.join(ALLOWED_SUFFIXES)} may enter",
                mend="Pickled weights and Python files run code when loaded: convert the model to safetensors "
                "(save_pretrained of transformers does) and leave other files out of the folder",
            )
        if path.suffix == ".json":
            _check_json(path, f"{name}: {relative}")
        elif path.suffix == ".safetensors":
            _check_safetensors(path, f"{name}: {relative}")
    names = {path.relative_to(folder).as_posix() for path in paths}
    for needed, present in (
        ("config.json", "config.json" in names),
        ("*.safetensors", any(n.endswith(".safetensors") for n in names)),
    ):
        if not present:
            raise DataError(f"{name}: no {needed} in the model's folder", mend="Is it a folder of transformers?")


def model_files(folder: Path) -> list[Path]:
    """All files below `folder` in the order of their names; hidden ones are left out."""
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [Path(root, f) for f in files if not f.startswith(".") and f not in (SUMS, CARD)]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def write_sums(folder: Path) -> str:
    """Write SHA256SUMS in the format of sha256sum; returns the SHA-256 of that text."""
    text = "".join(f"{sha256_file(p)}  {p.relative_to(folder).as_posix()}\n" for p in model_files(folder))
    write_text(folder / SUMS, text)
    return sha256_text(text)


def read_sums(folder: Path) -> dict[str, str]:
    """Path below `folder` to sha256, from its SHA256SUMS."""
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    return {path: digest for digest, path in (line.split("  ", 1) for line in lines)}


def _fill_from_package(entry: ModelEntry, partial: Path, base: Path) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, distribution

    source = entry.source or {}
    try:
        package = distribution(source["name"])
    except PackageNotFoundError:
        raise InputMissingError(
            f"{entry.name}: package {source['name']} is not installed", mend="Run `make setup`"
        ) from None
    if package.version != source["version"]:
        raise ConfigError(
            f"{entry.name}: package {source['name']} is {package.version}, not {source['version']}",
            mend="Run `make setup`",
        )
    inside = source.get("file") or f"{source['folder']}/model.safetensors"
    # The files are located, not imported: the package's own code wants more than is installed.
    weights = next(
        (Path(package.locate_file(f)) for f in package.files or () if f.as_posix().endswith(f"/{inside}")), None
    )
    if weights is None or not weights.is_file():
        raise InputMissingError(f"{entry.name}: {inside} is not in package {source['name']}", mend="Run `make setup`")
    digest = sha256_file(weights)
    if digest != source["sha256"]:
        raise DataError(f"{entry.name}: {inside} has sha256 {digest}, not the pinned {source['sha256']}")
    if weights.suffix == ".gguf":
        return convert_gguf(weights, partial)
    _copy_files(weights.parent, partial)
    return {}


def _fill_from_folder(entry: ModelEntry, partial: Path, base: Path) -> dict[str, str]:
    folder = base / Path(str((entry.source or {}).get("path"))).expanduser()
    if not folder.is_dir():
        raise InputMissingError(f"{entry.name}: folder {folder} does not exist")
    check_files(folder, entry.name)  # before gigabytes are copied
    _copy_files(folder, partial)
    return {}


def _fill_from_hub(entry: ModelEntry, partial: Path, base: Path) -> dict[str, str]:
    import huggingface_hub as hub
    from huggingface_hub import errors

    repo = str((entry.source or {}).get("repo"))
    patterns = [f"*{suffix}" for suffix in ALLOWED_SUFFIXES] + [f"{name}*" for name in ALLOWED_NAMES]
    try:
        hub.snapshot_download(repo, revision=entry.revision, local_dir=partial, allow_patterns=patterns)
    except errors.GatedRepoError:
        raise VolfidError(
            f"{entry.name}: {repo} is gated",
            mend="Accept its terms on the hub and put a token into HF_TOKEN",
            code=EXIT_PERMISSION,
        ) from None
    except errors.RevisionNotFoundError:
        raise ConfigError(f"{entry.name}: {repo} has no commit {entry.revision}") from None
    except errors.RepositoryNotFoundError:
        raise InputMissingError(
            f"{entry.name}: {repo} is not on the hub, or is private", mend="A private one wants HF_TOKEN"
        ) from None
    except (errors.LocalEntryNotFoundError, errors.HfHubHTTPError, errors.OfflineModeIsEnabled, OSError) as error:
        if isinstance(error, OSError) and error.errno and not isinstance(error, (ConnectionError, TimeoutError)):
            raise  # the disk, not the hub
        raise UnavailableError(
            f"{entry.name}: the hub cannot be reached: {str(error).splitlines()[0]}",
            mend="On a machine without network fetch it elsewhere and name the folder: source: {kind: folder, path: ...}",
        ) from None
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    return {"huggingface_hub": hub.__version__}


FILLERS = {"package": _fill_from_package, "folder": _fill_from_folder, "hub": _fill_from_hub}


def convert_gguf(gguf: Path, out_dir: Path) -> dict[str, str]:
    """Save a quantised GGUF as bfloat16 safetensors with tokenizer and chat template; about 30 s.

    The same file and the same transformers give the same bytes, on any x86-64 CPU.
    """
    os.environ.update(HF_HUB_OFFLINE="1", TQDM_DISABLE="1")
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    model = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=torch.bfloat16)
    # transformers still counts the model as quantised and would refuse to save it.
    model.hf_quantizer, model.is_quantized = None, False
    del model.config.quantization_config
    model.save_pretrained(out_dir)
    transformers.AutoTokenizer.from_pretrained(**where).save_pretrained(out_dir)
    # TokenizersBackend is a name only of transformers 5, and where the file lay is no business of a reader.
    path = out_dir / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings = {key: value for key, value in settings.items() if key not in ("backend", "is_local", "local_files_only")}
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    settings["model_max_length"] = model.config.max_position_embeddings
    write_json(path, settings)
    for file in out_dir.iterdir():
        file.chmod(0o644)
    return {"transformers": transformers.__version__}


def _copy_files(folder: Path, partial: Path) -> None:
    for path in model_files(folder):
        target = partial / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _check_revision(entry: ModelEntry, revision: str) -> None:
    if entry.revision == revision:
        return
    if (entry.source or {})["kind"] == "folder":
        raise ConfigError(
            f"{entry.name}: revision {entry.revision} is not that of the folder",
            mend=f"For these files put revision: {revision}",
        )
    raise DataError(
        f"{entry.name}: what was made has revision {revision}, not the pinned {entry.revision}",
        mend="Is .venv the one of `make setup`? With other versions of transformers the tokenizer's files differ",
    )


def _check_json(path: Path, where: str) -> None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise DataError(f"{where} is not valid JSON") from None
    modules = content if isinstance(content, list) else []
    foreign = [
        m["type"]
        for m in modules
        if isinstance(m, dict) and not str(m.get("type", "sentence_transformers.")).startswith("sentence_transformers.")
    ]
    if isinstance(content, dict) and "auto_map" in content:
        foreign = ["auto_map"]
    if foreign:
        raise DataError(
            f"{where} names code of its own ({foreign[0]}), which would run when the model is loaded",
            mend="Use a model that transformers supports by itself, or remove the key if it does",
        )


def _check_safetensors(path: Path, where: str) -> None:
    with open(path, "rb") as file:
        head = file.read(8)
        length = int.from_bytes(head, "little")
        if head.startswith(b"version "):
            raise DataError(f"{where} is a Git LFS pointer, not the weights", mend="Run `git lfs pull` in that folder")
        start = file.read(1)
    if len(head) < 8 or start != b"{" or not 2 <= length <= min(MAX_SAFETENSORS_HEADER, path.stat().st_size - 8):
        raise DataError(f"{where} is not a safetensors file, or is cut short", mend="Fetch it again")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold `path` as a lock, so that two fetches of one model do not meet."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
