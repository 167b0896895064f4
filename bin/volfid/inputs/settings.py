"""The `inputs:` mapping of the design file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from volfid.core.exits import ConfigError, InputMissingError, ParameterError

ROLES = ("id", "text", "labels", "split", "group", "sources")


@dataclass(frozen=True)
class InputSettings:
    """Shares of the fixed split, the least documents of a label, and names of columns.

    `columns` maps a role (id, text, labels, split, group, sources) to a column of the input file,
    text to one or to a list that is joined; a role that is absent is found by its usual names.
    """

    test_share: float = 0.3
    reference_share: float = 0.1
    min_label_documents: int = 8
    columns: Mapping[str, Any] = field(default_factory=dict)


def read_settings(design: Path) -> InputSettings:
    """Read `inputs:` of a design file. ConfigError (78) for its form, ParameterError (64) for a value."""
    return check_settings(_read(design).get("inputs") or {}, design.name)


def design_seed(design: Path) -> int:
    """The master seed that a design file names; ConfigError (78) when it names none."""
    seed = _read(design).get("seed")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        mend = "Give seed: N there, or --seed N"
        raise ConfigError(f"{design.name}: seed is {seed!r}, not a whole number", mend=mend)
    return seed


def _read(design: Path) -> dict[str, Any]:
    if not design.is_file():
        raise InputMissingError(f"design file {design.name} does not exist", mend="Check --design")
    try:
        content = yaml.safe_load(design.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{design.name} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{design.name} is not a mapping", mend="See params/design for examples")
    return content


def check_settings(given: Any, where: str) -> InputSettings:
    """Settings from a mapping, checked."""
    if not isinstance(given, dict):
        raise ConfigError(f"{where}, inputs: expected a mapping, found {given!r}")
    known = [item.name for item in fields(InputSettings)]
    unknown = sorted(set(map(str, given)) - set(known))
    if unknown:
        raise ConfigError(f"{where}, inputs: unknown key {unknown[0]!r}", mend=f"Known keys: {', '.join(known)}")
    settings = InputSettings(**given)
    for name in ("test_share", "reference_share"):
        share = getattr(settings, name)
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0.01 <= share <= 0.8:
            raise ParameterError(f"{where}, inputs.{name} is {share!r}, expected a share from 0.01 to 0.8")
    if settings.test_share + settings.reference_share > 0.9:
        total = settings.test_share + settings.reference_share
        raise ParameterError(
            f"{where}, inputs.test_share and inputs.reference_share sum to {total:g}",
            mend="Leave at least 0.1 for the train pool",
        )
    least = settings.min_label_documents
    if isinstance(least, bool) or not isinstance(least, int) or least < 3:
        raise ParameterError(
            f"{where}, inputs.min_label_documents is {least!r}, expected an integer of at least 3",
            mend="A label needs one test and two train documents",
        )
    _check_columns(settings.columns, where)
    return settings


def _check_columns(columns: Any, where: str) -> None:
    if not isinstance(columns, dict):
        raise ConfigError(f"{where}, inputs.columns: expected a mapping, found {columns!r}")
    for role, name in columns.items():
        if role not in ROLES:
            raise ConfigError(f"{where}, inputs.columns: unknown role {role!r}", mend=f"Roles: {', '.join(ROLES)}")
        names = name if role == "text" and isinstance(name, list) and name else [name]
        if not all(isinstance(item, str) and item for item in names):
            raise ConfigError(f"{where}, inputs.columns.{role} is {name!r}, expected the name of a column")
