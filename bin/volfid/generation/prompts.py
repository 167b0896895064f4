"""Prompts: templates read as data, checked when loaded, filled in one pass.

A template is `params/prompts/<method>/prompt.yaml`: blocks of text with `{placeholder}`s. What is
filled in is never read again, so braces in a document cannot become placeholders.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from volfid.core.exits import ConfigError, InputMissingError
from volfid.core.files import sha256_text

FILE = "prompt.yaml"
PLACEHOLDERS = frozenset({"avoid", "exemplars", "genre", "labels", "parent", "words_high", "words_low"})
PARTS = {
    "label": frozenset({"name", "definition"}),
    "label_without_definition": frozenset({"name"}),
    "exemplar": frozenset({"labels", "text"}),
}
_KEYS = {"method", "version", "shows_parent", "exemplars", "placeholders", "defaults", "blocks", "parts", "answer_prefix", "stop"}
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_TAG = re.compile(r"<(/?)(doc|text)>", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.;!?](?=\s)")


@dataclass(frozen=True)
class Block:
    """One paragraph of a prompt; an optional one is left out when its placeholder is empty."""

    name: str
    text: str
    optional: bool


@dataclass(frozen=True)
class Template:
    """A prompt template. `sha` identifies its content; `stop` ends the answer."""

    method: str
    shows_parent: bool
    exemplars: int
    blocks: tuple[Block, ...]
    parts: Mapping[str, str]
    defaults: Mapping[str, str]
    answer_prefix: str
    stop: tuple[str, ...]
    sha: str


@dataclass(frozen=True)
class Prompt:
    """A rendered prompt: the user turn, and its parts that are not documents (for the leak check)."""

    text: str
    instructions: tuple[str, ...]


def check_template(path: Path) -> frozenset[str]:
    """The placeholders of a template file. Raises ConfigError when it is not sound."""
    return frozenset(name for block in load_template(path).blocks for name in _names(block.text, path, block.name))


def load_template(path: Path) -> Template:
    """Read and check one template file.

    Raises InputMissingError when it is absent, ConfigError when a placeholder is unknown, missing
    from its `placeholders` list or listed and unused, or when a brace stands alone.
    """
    if not path.is_file():
        raise InputMissingError(f"{path} is missing", mend="A method is a folder of params/prompts with a prompt.yaml")
    try:
        source = path.read_text(encoding="utf-8")
        data = yaml.safe_load(source)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is not readable YAML: {error}") from error
    if not isinstance(data, dict) or set(data) != _KEYS:
        raise ConfigError(f"{path}: its keys must be {', '.join(sorted(_KEYS))}")
    if data["method"] != path.parent.name:
        raise ConfigError(f"{path}: method {data['method']!r} is not the name of its folder")
    blocks = tuple(Block(b["name"], b["text"], bool(b.get("optional", False))) for b in data["blocks"])
    used = frozenset(name for block in blocks for name in _names(block.text, path, block.name))
    _check_names(path, used, frozenset(data["placeholders"]), frozenset(data["defaults"]), bool(data["shows_parent"]))
    for part, text in data["parts"].items():
        extra = _names(text, path, part) - PARTS.get(part, frozenset())
        if part not in PARTS or extra:
            raise ConfigError(f"{path}: part {part!r} is unknown or has unknown placeholders {sorted(extra)}")
    needed = {part for part, name in (("label", "labels"), ("label_without_definition", "labels"), ("exemplar", "exemplars")) if name in used}
    if needed - data["parts"].keys():
        raise ConfigError(f"{path}: part {sorted(needed - data['parts'].keys())[0]!r} is missing")
    return Template(
        method=data["method"], shows_parent=bool(data["shows_parent"]), exemplars=int(data["exemplars"]), blocks=blocks,
        parts=data["parts"], defaults=data["defaults"], answer_prefix=data["answer_prefix"],
        stop=tuple(data["stop"]), sha=sha256_text(source),
    )  # fmt: skip


def render(template: Template, values: Mapping[str, str]) -> Prompt:
    """Fill the template, one blank line between blocks; equal values give equal bytes.

    Raises ConfigError when a placeholder that is not optional has no value.
    """
    values = {**template.defaults, **values}
    filled, instructions = [], []
    for block in template.blocks:
        names = _PLACEHOLDER.findall(block.text)
        empty = [name for name in names if not values.get(name)]
        if empty and block.optional:
            continue
        if empty:
            raise ConfigError(f"prompt {template.method}: nothing to put for {{{empty[0]}}} in block {block.name!r}")
        text = _fill(block.text, values)
        filled.append(text)
        if not {"exemplars", "parent"} & set(names):
            instructions.append(text)
    return Prompt("\n\n".join(filled), tuple(instructions))


def label_lines(template: Template, labels: Iterable[Mapping[str, Any]]) -> str:
    """The label block: a line a label, with its definition where there is one."""
    lines = []
    for label in labels:
        part = "label" if label["definition"] else "label_without_definition"
        lines.append(_fill(template.parts[part], {"name": label["name"], "definition": label["definition"] or ""}))
    return "\n".join(lines)


def exemplar_block(template: Template, exemplars: Sequence[tuple[str, str]]) -> str:
    """Exemplars as (label names, text already made harmless)."""
    return "\n\n".join(_fill(template.parts["exemplar"], {"labels": names, "text": text}) for names, text in exemplars)


def shown_text(text: str, words: int) -> str:
    """A user's document as a prompt shows it: at most `words` words, without our delimiters.

    Cut after the last whole sentence when that leaves at least a third, else after a word with ' ...'.
    """
    text = _TAG.sub(r"(\1\2)", " ".join(text.split()))
    parts = text.split(" ")
    if len(parts) <= words:
        return text
    cut = " ".join(parts[:words])
    ends = [match.end() for match in _SENTENCE_END.finditer(cut + " ")]
    return cut[: ends[-1]] if ends and 3 * ends[-1] >= len(cut) else cut + " ..."


def _names(text: str, path: Path, where: str) -> frozenset[str]:
    if set("{}") & set(_PLACEHOLDER.sub("", text)):
        raise ConfigError(f"{path}: {where!r} has a brace that is no placeholder")
    return frozenset(_PLACEHOLDER.findall(text))


def _check_names(path: Path, used: frozenset[str], listed: frozenset[str], defaults: frozenset[str], parent: bool) -> None:
    problems = {
        "unknown": used - PLACEHOLDERS, "used and not listed": used - listed,
        "listed and not used": listed - used, "given a default and not used": defaults - used,
    }  # fmt: skip
    for what, names in problems.items():
        if names:
            raise ConfigError(f"{path}: placeholder {sorted(names)[0]!r} is {what}")
    if parent != ("parent" in used):
        raise ConfigError(f"{path}: shows_parent and the placeholder 'parent' do not agree")


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], text)
