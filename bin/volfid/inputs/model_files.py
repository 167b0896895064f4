"""What may lie in a model's folder: safetensors, tokenizer and configuration, nothing that runs code when loaded."""

import json
import os
from pathlib import Path

from volfid.core.exits import DataError
from volfid.core.files import write_json

ALLOWED_SUFFIXES = (".safetensors", ".json", ".txt", ".model", ".jinja", ".md")
ALLOWED_NAMES = ("LICENSE", "LICENCE", "NOTICE", "README")
SUMS = "SHA256SUMS"
CARD = "model.json"
MAX_SAFETENSORS_HEADER = 100_000_000


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


def drop_auto_map(path: Path) -> bool:
    """Take the key `auto_map`, which names code of the model's own, out of a JSON file; whether it was there."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or content.pop("auto_map", None) is None:
        return False
    write_json(path, content)
    return True


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
