"""Seeds derived by hash from names, so that a new factor never shifts an older draw."""

import hashlib

import numpy as np

from volfid.core.files import canonical_json


def derive_seed(master_seed: int, name: str, **factors: str | int | float | None) -> int:
    """A seed in [0, 2**63) for one named use of randomness.

    Equal arguments give equal seeds; any difference gives an unrelated one, because the
    seed is read from the SHA-256 of the canonical JSON of all arguments.
    """
    text = canonical_json(["seed", int(master_seed), name, factors])
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") >> 1


def generator(master_seed: int, name: str, **factors: str | int | float | None) -> np.random.Generator:
    """A numpy Generator (PCG64) seeded by `derive_seed`."""
    return np.random.default_rng(derive_seed(master_seed, name, **factors))


def request_seed(master_seed: int, request_id: str, attempt: int = 0) -> int:
    """A 31-bit seed for one generation request; never consecutive, whatever the order.

    vLLM gives child i of a seeded request the seed s + i, so neighbouring seeds would
    collide; hashing keeps them apart.
    """
    text = f"seed|{master_seed}|{request_id}" + (f"|{attempt}" if attempt else "")
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:4], "big") & 0x7FFFFFFF
