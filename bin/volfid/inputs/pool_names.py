"""What several synthetic files and their pools are called: in messages, in ids of documents, and in ids of pools."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from volfid.core.files import sha256_text
from volfid.inputs.forms import FORMATS, PACKED
from volfid.inputs.records import Records
from volfid.inputs.text import normalise

SUPPLIED = "supplied"  # the generator or method of a pool where neither a column nor a file says it


def stem_of(path: Path) -> str:
    """What a file or folder is called, without the suffixes of its format."""
    name = path.name
    while Path(name).suffix.lower() in {*PACKED, ".txt", *FORMATS} and Path(name).stem:
        name = Path(name).stem
    return normalise(name)[:60] or SUPPLIED


def distinct_names(names: Sequence[str]) -> list[str]:
    """The names, those that come again with their number."""
    seen: Counter[str] = Counter()
    made = []
    for name in names:
        seen[name] += 1
        made.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return made


def rename_files(part: Records, path: Path, stem: str) -> None:
    """Files of several tables by names that tell them apart: shards by their folder, equal names by a number."""
    for row in part.rows:
        row.file = _told_apart(row.file, path, stem)
    part.faults = [replace(fault, file=_told_apart(fault.file, path, stem)) for fault in part.faults]


def _told_apart(file: str, path: Path, stem: str) -> str:
    if path.is_dir():
        return f"{stem}/{file}"
    return file if stem == stem_of(path) else f"{stem}/{file}"


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Each name as it may stand in an id; names that would be alike are told apart by a hash."""
    made: dict[str, str] = {}
    for name in sorted(set(names)):
        plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode("ascii")
        slug = re.sub(r"[^a-z0-9.]+", "_", plain).strip("_.")[:32]
        if not slug or slug in made.values():
            slug = f"{slug or 'name'}_{sha256_text(name)[:8]}"
        made[name] = slug
    return made
