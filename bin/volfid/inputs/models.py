"""Fetch pinned models into `model_dir/<name>/`: safetensors, tokenizer, configuration, checksums.

Every folder ends with `SHA256SUMS` (all files but model.json) and `model.json` (where it came from).
It is filled under another name and renamed, so it is whole or absent. Nothing that could run code
when it is loaded is let in: no pickles, no Python files, no `auto_map`. Where a repository of the hub
has pickled weights alone, tensors are read from the file that its entry names, and saved anew.
"""

import contextlib
import fcntl
import io
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volfid import __version__
from volfid.core.exits import ConfigError, DataError, InputMissingError
from volfid.core.files import sha256_file, sha256_text, write_json, write_text
from volfid.core.hub import hub_failure
from volfid.core.log import log
from volfid.core.yaml_files import read_yaml
from volfid.inputs.model_files import (
    ALLOWED_NAMES,
    ALLOWED_SUFFIXES,
    CARD,
    SUMS,
    check_files,
    drop_auto_map,
    model_files,
)
from volfid.inputs.pickled_weights import to_safetensors

COMMIT = re.compile(r"[0-9a-f]{40}")
NEEDED = {"package": ("name", "version", "sha256"), "folder": ("path",), "hub": ("repo",)}
OFFLINE = "Without network, fetch it elsewhere and name that folder: source: {kind: folder, path: ...}"
# the same weights once more, in other programs' forms
HUB_IGNORED = ("consolidated*", "original/*", "onnx/*", "openvino/*", "coreml/*")


@dataclass(frozen=True)
class ModelEntry:
    """One entry of params/models.yaml, as far as fetching needs it."""

    name: str
    source: Mapping[str, Any] | None
    revision: str | None
    licence: str


def read_models(path: Path) -> dict[str, ModelEntry]:
    """Generators, encoders and decoders of a models file by name; names must be unique (78)."""
    document = read_yaml(path)
    entries: dict[str, ModelEntry] = {}
    for section in ("generators", "encoders", "decoders"):
        for name, fields in ((document or {}).get(section) or {}).items():
            if name in entries:
                raise ConfigError(f"{path}: the name {name} stands twice")
            entries[name] = _read_entry(f"{path}: {name}", name, fields)
    return entries


def _read_entry(where: str, name: Any, fields: Any) -> ModelEntry:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", str(name)):
        raise ConfigError(f"{where} is no name for a model", mend="Use a-z, 0-9 and _")
    if not isinstance(fields, dict):
        raise ConfigError(f"{where}: expected fields, found {fields!r}")
    source, revision = fields.get("source"), fields.get("revision")
    if source is not None:
        kind = source.get("kind") if isinstance(source, dict) else source
        if kind not in NEEDED:
            raise ConfigError(f"{where}: source.kind is {kind!r}, not one of {', '.join(NEEDED)}")
        missing = [key for key in NEEDED[kind] if not source.get(key)]
        if missing:
            raise ConfigError(f"{where}: source.{missing[0]} is missing")
    return ModelEntry(name, source, None if revision is None else str(revision), str(fields.get("licence")))


def fetch_model(entry: ModelEntry, model_dir: Path, base: Path, verify: bool = False) -> Path | None:
    """Bring one model to `model_dir/<name>` and return that folder; None when it has no source.

    A folder that is there with this source and revision is kept: file sizes are compared, contents
    only with `verify`. `base` is what relative paths of folder sources are relative to.
    """
    if entry.source is None:
        return None
    if entry.source["kind"] == "hub" and not COMMIT.fullmatch(entry.revision or ""):
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
        try:
            _fill(entry, partial, base)
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
        finally:
            if entry.source["kind"] != "hub":  # an interrupted hub download is continued
                shutil.rmtree(partial, ignore_errors=True)
    log(f"{entry.name}: fetched, {sum(f.stat().st_size for f in target.rglob('*') if f.is_file()) / 1e6:.0f} MB")
    return target


def _fill(entry: ModelEntry, partial: Path, base: Path) -> None:
    """Fill the folder `partial` from the entry's source, check it, and write its sums and its card."""
    source = dict(entry.source or {})
    partial.mkdir(exist_ok=True)
    made_by = FILLERS[source["kind"]](entry, partial, base)
    check_files(partial, entry.name)
    sums = write_sums(partial)
    if source["kind"] != "hub":
        _check_revision(entry, sums)
    card = {
        "name": entry.name,
        "source": source,
        "revision": entry.revision,
        "licence": entry.licence,
        "sums_sha256": sums,
        "created_by": {"volfid": __version__, **made_by},
        "bytes": {path: (partial / path).stat().st_size for path in read_sums(partial)},
    }
    write_json(partial / CARD, card)


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
        (Path(str(package.locate_file(f))) for f in package.files or () if f.as_posix().endswith(f"/{inside}")), None
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

    repo = str((entry.source or {})["repo"])
    pickled = (entry.source or {}).get("pickled")
    patterns = [f"*{suffix}" for suffix in ALLOWED_SUFFIXES] + list(ALLOWED_NAMES) + ([pickled] if pickled else [])
    try:
        hub.snapshot_download(
            repo,
            revision=entry.revision,
            local_dir=partial,
            allow_patterns=patterns,
            ignore_patterns=list(HUB_IGNORED),
        )
    except Exception as error:
        raise hub_failure(error, f"{entry.name}: {repo}", errors, OFFLINE) from error
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    # The code it names was not fetched, and transformers then takes its own for that model type.
    without = [path.name for path in model_files(partial) if path.suffix == ".json" and drop_auto_map(path)]
    made_by = {"huggingface_hub": hub.__version__} | ({"auto_map_dropped_from": " ".join(without)} if without else {})
    return made_by | (to_safetensors(partial, pickled, entry.name) if pickled else {})


FILLERS = {"package": _fill_from_package, "folder": _fill_from_folder, "hub": _fill_from_hub}


def convert_gguf(gguf: Path, out_dir: Path) -> dict[str, str]:
    """Save a quantised GGUF as bfloat16 safetensors with tokenizer and chat template; about 30 s.

    The same file and the same transformers give the same bytes.
    """
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name, "local_files_only": True}
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar that cannot be turned off
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


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold `path` as a lock, so that two fetches of one model do not meet."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
