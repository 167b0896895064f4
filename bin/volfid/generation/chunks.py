"""Chunks of a plan, and the store that lets a killed task go on where it stopped.

A chunk is a run of requests of one pool. Its key hashes everything that decides its text, so a file under
that key is the chunk, whoever made it. A file begins with a line {key, repairs, rows, sha256}; rows follow.
"""

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from volfid.core.exits import DataError
from volfid.core.files import atomic_path, canonical_json, sha256_text
from volfid.core.log import log
from volfid.core.schemas import CONTRACTS

Row = dict[str, Any]
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


class Planned(Protocol):
    """What every request of a plan has."""

    @property
    def request_id(self) -> str: ...
    @property
    def pool_id(self) -> str: ...
    @property
    def position(self) -> int: ...


Asked = TypeVar("Asked", bound=Planned)


@dataclass(frozen=True)
class Chunk(Generic[Asked]):
    """Consecutive requests of one pool, made together."""

    key: str
    requests: tuple[Asked, ...]


@dataclass(frozen=True)
class Made:
    """What came of a chunk: rows of contract `generations` (or `answers`), and how often each repair was made."""

    rows: list[Row]
    repairs: dict[str, int]


def make_chunks(requests: Sequence[Asked], size: int, identity: Mapping[str, Any]) -> list[Chunk[Asked]]:
    """Cut the plan into chunks of at most `size`; none spans two pools, so a new pool shifts no chunk.

    identity: what else decides the text (model, engine, versions, rules, seed).
    """
    chunks = []
    for _, group in groupby(requests, key=lambda request: request.pool_id):
        pool = list(group)
        for start in range(0, len(pool), size):
            part = tuple(pool[start : start + size])
            plan = [[request.request_id, request.position] for request in part]
            chunks.append(Chunk(sha256_text(canonical_json({"plan": plan, **identity})), part))
    return chunks


def code_sha(*paths: Path) -> str:
    """SHA-256 over the bytes of source files: an edited rule makes other chunks, an edited docstring elsewhere not."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


class ChunkStore:
    """Finished chunks in folders: the task's own, and one that outlives the task (or None)."""

    def __init__(self, work: Path, shared: Path | None, contract: str = "generations"):
        self.contract = contract
        self.folders = [work] if shared is None else [work, shared]
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)

    def load(self, chunk: Chunk[Asked]) -> Made | None:
        """The rows of a chunk from the first folder that has it whole, then held by every folder; or None."""
        for folder in self.folders:
            path = folder / f"{chunk.key}.jsonl"
            if not path.is_file():
                continue
            content = path.read_bytes()
            try:
                made = _parse(content, chunk, self.contract)
            except (ValueError, KeyError, DataError) as error:
                log(f"generation: stored chunk {chunk.key[:12]} is damaged ({type(error).__name__}); it is made again")
                path.unlink(missing_ok=True)
                continue
            self._put(chunk.key, content)
            return made
        return None

    def save(self, chunk: Chunk[Asked], made: Made) -> None:
        """Write a finished chunk to every folder, each time whole or not at all."""
        body = "".join(canonical_json(row) + "\n" for row in made.rows)
        head = {"key": chunk.key, "rows": len(made.rows), "repairs": made.repairs, "sha256": sha256_text(body)}
        self._put(chunk.key, (canonical_json(head) + "\n" + body).encode("utf-8"))

    @contextmanager
    def locked(self, chunk: Chunk[Asked]) -> Iterator[None]:
        """Hold the chunk, so that two runs never make it twice; the second waits and finds it made.

        Where the file system knows no locks the rename alone protects the file.
        """
        with open(self.folders[-1] / f"{chunk.key}.lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
            yield

    def _put(self, key: str, content: bytes) -> None:
        for folder in self.folders:
            path = folder / f"{key}.jsonl"
            if not path.is_file():
                with atomic_path(path) as temporary:
                    temporary.write_bytes(content)
                _sync_folder(folder)


def _parse(content: bytes, chunk: Chunk[Asked], contract: str) -> Made:
    """A chunk file; ValueError or KeyError when it is not whole or not this chunk."""
    first, _, body = content.partition(b"\n")
    head = json.loads(first)
    if head["key"] != chunk.key or head["sha256"] != hashlib.sha256(body).hexdigest():
        raise ValueError("content and hash differ")
    rows = [json.loads(line) for line in body.decode("utf-8").split("\n")[:-1]]
    CONTRACTS[contract].check(rows, f"chunk {chunk.key[:12]}")
    if [row["request_id"] for row in rows] != [request.request_id for request in chunk.requests]:
        raise ValueError("other requests")
    return Made(rows, head["repairs"])


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
