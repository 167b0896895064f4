"""YAML files read strictly: no key twice, and a colon makes no number."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from volfid.core.exits import ConfigError, InputMissingError


class _UniqueKeys(yaml.SafeLoader):
    """A safe loader that refuses a key written twice, and reads 1:10 as text.

    YAML 1.1 takes 1:10 for the number 70, to base 60: no ratio could be written without quotes.
    """


@dataclass(frozen=True)
class _NoSexagesimal:
    """The pattern of a number, without those that hold a colon."""

    pattern: re.Pattern[str]

    def match(self, text: str) -> re.Match[str] | None:
        """What the loader asks of a pattern."""
        return None if ":" in text else self.pattern.match(text)


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=deep) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ConfigError(f"line {node.start_mark.line + 1}: the key {twice!r} stands twice")
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


_NUMBERS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
_UniqueKeys.yaml_implicit_resolvers = {
    first: [(tag, _NoSexagesimal(pattern) if tag in _NUMBERS else pattern) for tag, pattern in resolvers]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path | str, missing: str | None = None, mend: str | None = None) -> Any:
    """Parse a YAML file safely; duplicate keys and broken syntax are refused (78).

    InputMissingError (66) when the file is not there, said in the words `missing`, with their `mend`.
    """
    path = Path(path)
    if not path.is_file():
        raise InputMissingError(missing or f"{path} is missing", mend=mend)
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} is not YAML: {error}") from error


def read_mapping(path: Path | str, missing: str | None = None, mend: str | None = None) -> dict[str, Any]:
    """As `read_yaml`, for a file that has to hold a mapping: ConfigError (78) for any other."""
    content = read_yaml(path, missing, mend)
    if not isinstance(content, dict):
        raise ConfigError(f"{Path(path).name}: expected a mapping")
    return content
