"""The only place where ids are made: factor values joined by `__`, in a fixed order, never parsed."""

import re
from collections.abc import Mapping
from typing import Any

from volfid.core.exits import ConfigError

SEPARATOR = "__"
NONE = "none"
_VALUE = re.compile(r"[a-z0-9][a-z0-9_.]*")


def value_is_valid(value: str) -> bool:
    """Whether `value` may stand in an id: short, lower case, no separator inside."""
    return bool(_VALUE.fullmatch(value)) and SEPARATOR not in value and len(value) <= 48


def _join(*parts: str) -> str:
    for part in parts:
        if not value_is_valid(part):
            raise ConfigError(
                f"{part!r} cannot stand in an id",
                mend="Use lower-case letters, digits, '.' and single '_' (at most 48 characters)",
            )
    return SEPARATOR.join(parts)


def _share(value: float | None) -> str:
    return "all" if value is None else f"rho{round(value * 1000):04d}"


def regime_id(size: int, draw: int) -> str:
    """One nested draw of `size` real documents."""
    return _join(f"n{size:05d}", f"d{draw:02d}")


def pool_id(cell: Mapping[str, Any]) -> str:
    """The synthetic documents of one generator, method and label plan, made from one draw.

    Reads generator, method, label_plan, pool_size, draw and round.
    """
    return _join(
        cell["generator"],
        cell["method"],
        cell["label_plan"],
        f"n{cell['pool_size']:05d}",
        f"d{cell['draw']:02d}",
        f"r{cell['round']}",
    )


def trainset_id(cell: Mapping[str, Any]) -> str:
    """The rows that a cell trains on. Reads the data factors of a cell, `rows_added` included."""
    return _join(
        f"n{cell['regime']:05d}",
        f"d{cell['draw']:02d}",
        cell["generator"] or NONE,
        cell["method"] or NONE,
        cell["label_plan"] or NONE,
        cell["text"],
        cell["label_law"] if cell["dose"] is None else f"{cell['label_law']}{round(cell['dose'] * 100):03d}",
        f"m{cell['rows_added']:05d}",
        _share(cell["real_share"]),
        f"r{cell['round']}",
    )


def cell_id(cell: Mapping[str, Any]) -> str:
    """One trained and scored classifier: its training set, then how it is trained."""
    return _join(
        *trainset_id(cell).split(SEPARATOR),
        f"a{cell['added']:05d}",
        cell["updates"],
        cell["tuning"],
        cell["head_start"],
        cell["exposure"],
        cell["classifier"],
        cell["loss"],
        f"t{cell['training_seed']}",
    )


def job_id(stage: str, *parts: str) -> str:
    """What one task runs."""
    return _join(stage, *parts)


def synthetic_doc_id(request_id: str) -> str:
    """The document that came of one generation request."""
    return f"syn-{request_id}"
