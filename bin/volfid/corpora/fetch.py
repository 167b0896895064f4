"""Download the files of a recipe, from the hub at a commit or from fixed addresses, and check them."""

import fnmatch
import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from volfid.core.exits import (
    EXIT_PERMISSION,
    ConfigError,
    DataError,
    InputMissingError,
    ParameterError,
    UnavailableError,
    VolfidError,
)
from volfid.core.files import sha256_file
from volfid.core.hub import hub_failure
from volfid.core.log import log
from volfid.corpora.files import table_format
from volfid.corpora.recipes import Recipe, SourceFile, require_commit

OFFLINE = "Without network, fetch the files elsewhere and convert them: bin/convert_corpus.py (docs/corpora.md)"
NO_DATA = ("dataset_infos.json", "dataset_dict.json", "state.json", "metadata.json")
CHUNK = 1 << 20


def fetch(recipe: Recipe, folder: Path) -> tuple[list[Path], list[Path]]:
    """Bring the files of a recipe into `folder`: (sources, texts), in the order of the recipe.

    Sizes and hashes are compared with what the hub says of that commit, and with the recipe where it has them.
    Raises ConfigError (78) for an unknown commit, InputMissingError (66) for an unknown data set or file, VolfidError
    with 77 for one that is gated, UnavailableError (69) without a network, DataError (65) for other content.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kind = recipe.source["kind"]
    if kind == "given":
        raise ParameterError(
            f"{recipe.name} cannot be fetched by a program: {str(recipe.source['how']).strip().rstrip('.')}",
            mend="Then convert it with bin/convert_corpus.py (docs/corpora.md) and give the result as --input",
        )
    found = _from_hub(recipe, folder) if kind == "hub" else _from_addresses(recipe, folder)
    for file, path in found:
        digest = sha256_file(path)
        if file.sha256 and digest != file.sha256:
            raise DataError(f"{recipe.name}: {path.name} has sha256 {digest}, the recipe has {file.sha256}")
        log(f"{recipe.name}: {path.name}, {path.stat().st_size / 1e6:.1f} MB, sha256 {digest}")
    return [path for file, path in found if file.role == "source"], [
        path for file, path in found if file.role == "text"
    ]


def _from_hub(recipe: Recipe, folder: Path) -> list[tuple[SourceFile, Path]]:
    require_commit(recipe.name, recipe.revision)
    os.environ["HF_HUB_OFFLINE"] = "0"  # every other task has 1; read when the package is imported
    import huggingface_hub as hub
    from huggingface_hub import errors

    dataset = str(recipe.source["dataset"])
    what = f"{recipe.name}: {dataset} at {recipe.revision}"
    try:
        info = hub.HfApi().dataset_info(dataset, revision=recipe.revision, files_metadata=True)
        if info.sha != recipe.revision:
            raise ConfigError(f"{what}: the hub answered with commit {info.sha}")
        there = {item.rfilename: item for item in info.siblings or []}
        wanted = _every_table(there, recipe, what) if recipe.every_table else _matches(there, recipe.files, what)
        result = []
        for file, name in wanted:
            got = hub.hf_hub_download(
                dataset, name, repo_type="dataset", revision=recipe.revision, local_dir=folder / "hub"
            )
            _check_content(Path(got), there[name], f"{what}: {name}")
            result.append((file, Path(got)))
        return result
    except VolfidError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and "onsistency check" in str(error):
            raise DataError(f"{what}: a file came cut short", mend="Fetch it again") from error
        raise hub_failure(error, what, errors, OFFLINE) from error


def _matches(there: Any, files: Sequence[SourceFile], what: str) -> list[tuple[SourceFile, str]]:
    """One path for each file of the recipe, which may be a pattern (`*CT_train.json`)."""
    found = []
    for file in files:
        names = sorted(name for name in there if fnmatch.fnmatchcase(name, file.name))
        if len(names) != 1:
            shown = ", ".join(sorted(there)[:20]) or "nothing"
            raise InputMissingError(
                f"{what}: {len(names)} files match {file.name}, expected one; it has {shown}",
                mend="Correct files in the recipe, or give another commit with --corpus_revision",
            )
        found.append((file, names[0]))
    return found


def _every_table(there: Any, recipe: Recipe, what: str) -> list[tuple[SourceFile, str]]:
    pattern = recipe.files[0].name
    names = sorted(
        name for name in there
        if fnmatch.fnmatchcase(name, pattern) and table_format(Path(name)) and Path(name).name not in NO_DATA
    )  # fmt: skip
    formats = sorted({table_format(Path(name)) for name in names})
    if len(formats) != 1:
        shown = ", ".join(sorted(there)[:20]) or "nothing"
        why = f"tables in {len(formats)} formats ({', '.join(formats)})" if formats else "no table"
        raise InputMissingError(
            f"{what}: {why} for {pattern}; it has {shown}",
            mend="Choose files: hf:<dataset>@<commit>:<pattern>, such as data/*.parquet",
        )
    return [(SourceFile(name), name) for name in names]


def _check_content(path: Path, told: Any, what: str) -> None:
    """Size and hash as the hub has them for that commit: SHA-256 of large files, git's SHA-1 of the others."""
    size = path.stat().st_size
    if told.size is not None and size != told.size:
        raise DataError(f"{what} has {size} bytes, the hub says {told.size}", mend="Fetch it again")
    if told.lfs is not None:
        if sha256_file(path) != told.lfs.sha256:
            raise DataError(f"{what} has another sha256 than the hub says", mend="Fetch it again")
    elif told.blob_id:
        digest = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        if digest.hexdigest() != told.blob_id:
            raise DataError(f"{what} has other content than the commit", mend="Fetch it again")


def _from_addresses(recipe: Recipe, folder: Path) -> list[tuple[SourceFile, Path]]:
    base = str(recipe.source["base"]).rstrip("/") + "/"
    parts = urllib.parse.urlsplit(base)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")):
        raise ConfigError(f"{recipe.name}: {base} is no https address")
    suffix = str(recipe.source.get("suffix") or "")
    result = []
    for file in recipe.files:
        target = folder / Path(file.name).name
        _download(base + urllib.parse.quote(file.name) + suffix, target, recipe.name)
        result.append((file, target))
    return result


def _download(address: str, target: Path, what: str) -> None:
    partial = target.with_name(f"{target.name}.partial")
    try:
        with urllib.request.urlopen(address, timeout=60) as answer, open(partial, "wb") as file:
            told = answer.headers.get("Content-Length")
            while chunk := answer.read(CHUNK):
                file.write(chunk)
        size = partial.stat().st_size
        if told is not None and size != int(told):
            raise DataError(f"{what}: {target.name} came cut short ({size} of {told} bytes)", mend="Fetch it again")
        partial.replace(target)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            mend = "Accept its terms, fetch it by hand and convert it with bin/convert_corpus.py"
            raise VolfidError(
                f"{what}: {address} is not permitted ({error.code})", mend=mend, code=EXIT_PERMISSION
            ) from error
        if error.code in (404, 410):
            raise InputMissingError(f"{what}: {address} is not there ({error.code})") from error
        raise UnavailableError(f"{what}: {address} answers {error.code}", mend="Try again later") from error
    except http.client.IncompleteRead as error:
        raise DataError(f"{what}: {target.name} came cut short", mend="Fetch it again") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise UnavailableError(f"{what}: {address} cannot be reached ({error})", mend=OFFLINE) from error
    finally:
        partial.unlink(missing_ok=True)
