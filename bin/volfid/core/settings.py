"""Settings of a stage as a frozen dataclass with defaults, from the settings of its job."""

from collections.abc import Mapping
from typing import Any, TypeVar

from volfid.core.exits import ConfigError

Settings = TypeVar("Settings")


def settings_of(kind: type[Settings], given: Mapping[str, Any], command: str) -> Settings:
    """`given` over the defaults of the dataclass `kind`, lists as tuples; ConfigError for a name it does not have."""
    known = sorted(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ConfigError(f"{command} has no setting {unknown[0]!r}", mend=f"Use those of {', '.join(known)}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})
