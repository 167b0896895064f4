"""Recipes of corpora (params/corpora/*.yaml): where a corpus comes from, what reads it, and what it must be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from volfid.core.exits import ConfigError, ParameterError
from volfid.core.yaml_files import read_mapping

COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_INPUT = re.compile(r"hf:([\w.-]+/[\w.-]+)@([^:\s]+)(?::(\S+))?")
KINDS = {"hub": ("dataset",), "url": ("base",), "given": ("how",)}
KEYS = (
    "name", "title", "loader", "options", "taxonomy", "source", "revision", "revision_about", "files", "sha256_unknown",
    "licence", "citation", "documents", "published_documents", "id_sha256", "id_sha256_unknown", "about",
)  # fmt: skip


@dataclass(frozen=True)
class SourceFile:
    """One file of a recipe. `name`: a path in the source, or a pattern that one path there must match."""

    name: str
    sha256: str | None = None
    role: str = "source"


@dataclass(frozen=True)
class Recipe:
    """One recipe. `revision`: commit of a hub source; None where it is not known, and `revision_about` says why."""

    name: str
    loader: str
    source: Mapping[str, Any]
    files: tuple[SourceFile, ...]
    licence: str
    citation: str
    revision: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    taxonomy: str | None = None
    documents: int | None = None
    published_documents: int | None = None
    id_sha256: str | None = None
    every_table: bool = False

    @property
    def origin(self) -> dict[str, Any]:
        """What the card of the corpus says of its origin."""
        return {**self.source, "revision": self.revision, "licence": self.licence, "citation": self.citation}


def read_recipe(path: Path, revision: str | None = None) -> Recipe:
    """Read and check a recipe. `revision` replaces that of a hub recipe.

    ConfigError (78) for its form; ParameterError (64) when a hub recipe is left without a commit.
    """
    content = read_mapping(path, f"there is no recipe {path.stem}", "params/corpora has those that are known")
    unknown = sorted(set(map(str, content)) - set(KEYS))
    if unknown:
        raise ConfigError(f"{path.name}: unknown key {unknown[0]!r}", mend=f"Known keys: {', '.join(KEYS)}")
    missing = [key for key in ("name", "loader", "source", "files", "licence", "citation") if not content.get(key)]
    if missing:
        raise ConfigError(f"{path.name}: {missing[0]} is missing")
    kind = content["source"].get("kind") if isinstance(content["source"], dict) else None
    if kind not in KINDS or any(not content["source"].get(key) for key in KINDS[kind]):
        wanted = "; ".join(f"{name} with {', '.join(keys)}" for name, keys in KINDS.items())
        raise ConfigError(f"{path.name}: source is {content['source']!r}, expected a kind: {wanted}")
    _check_reasons(path.name, content)
    recipe = Recipe(
        name=_name(path, content["name"]),
        loader=content["loader"],
        source=content["source"],
        files=tuple(_file(path.name, row) for row in content["files"]),
        licence=str(content["licence"]),
        citation=str(content["citation"]).strip(),
        revision=revision or (None if content.get("revision") is None else str(content["revision"])),
        options=content.get("options") or {},
        taxonomy=content.get("taxonomy"),
        documents=content.get("documents"),
        published_documents=content.get("published_documents"),
        id_sha256=content.get("id_sha256"),
    )
    if kind == "hub":
        require_commit(recipe.name, recipe.revision, str(content.get("revision_about") or ""))
    elif revision:
        raise ParameterError(f"{recipe.name}: --corpus_revision was given, and the source is not on the hub")
    return recipe


def require_commit(what: str, revision: str | None, why: str = "") -> None:
    """ParameterError unless `revision` is a commit of 40 hex digits; branches and tags move."""
    if not COMMIT.fullmatch(revision or ""):
        reason = f" ({why.strip().rstrip('.')})" if why and revision is None else ""
        raise ParameterError(
            f"{what}: revision {revision or 'unknown'} does not pin the data{reason}",
            mend="Give the commit, 40 hex digits: --corpus_revision, or hf:<dataset>@<commit>",
        )


def hub_input(reference: str) -> Recipe:
    """A recipe for `hf:<dataset>@<commit>[:<pattern>]`: its tables, row by row as they are."""
    match = HUB_INPUT.fullmatch(reference)
    if not match:
        mend = "Write hf:<owner>/<dataset>@<commit>, with :<pattern> after it to choose files"
        raise ParameterError(f"{reference!r} names no dataset of the hub with a revision", mend=mend)
    dataset, revision, pattern = match.groups()
    require_commit(f"hf:{dataset}", revision)
    name = re.sub(r"[^a-z0-9]+", "_", dataset.split("/")[1].lower()).strip("_") or "corpus"
    return Recipe(
        name=name, loader="table", source={"kind": "hub", "dataset": dataset},
        files=(SourceFile(pattern or "*"),), licence="see the dataset's card", citation=f"hf:{dataset}",
        revision=revision, every_table=True,
    )  # fmt: skip


def _name(path: Path, name: Any) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", str(name)) or str(name) != path.stem:
        raise ConfigError(f"{path.name}: name is {name!r}, expected that of the file (a-z, 0-9 and _)")
    return str(name)


def _file(where: str, row: Any) -> SourceFile:
    if not isinstance(row, dict) or not row.get("name") or set(row) - {"name", "sha256", "role"}:
        raise ConfigError(f"{where}: a file is {row!r}, expected name, sha256, role")
    sha, role = row.get("sha256"), row.get("role", "source")
    if sha is not None and not re.fullmatch(r"[0-9a-f]{64}", str(sha)):
        raise ConfigError(f"{where}: sha256 of {row['name']} is {sha!r}")
    if role not in ("source", "text"):
        raise ConfigError(f"{where}: role of {row['name']} is {role!r}, expected source or text")
    return SourceFile(str(row["name"]), sha, role)


def _check_reasons(where: str, content: Mapping[str, Any]) -> None:
    """What is not known is null, with the reason beside it."""
    files = [row for row in content["files"] if isinstance(row, dict)]
    pairs = (
        ("sha256_unknown", any(row.get("sha256") is None for row in files)),
        ("id_sha256_unknown", content.get("id_sha256") is None),
        ("revision_about", content["source"]["kind"] == "hub" and not content.get("revision")),
    )
    for reason, needed in pairs:
        if needed and not content.get(reason):
            raise ConfigError(f"{where}: {reason} is missing: say why it is not known")
