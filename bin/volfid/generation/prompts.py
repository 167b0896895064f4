"""Prompts: templates read as data, checked when loaded, filled in one pass.

A template is `params/prompts/<method>/template.yaml`; its `prompt` holds `{placeholder}`s. What is
filled in is never read again, so braces in a document cannot become placeholders.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volfid.core.exits import ConfigError
from volfid.core.word_count import first_words
from volfid.core.yaml_files import read_yaml

FILE = "template.yaml"
PLACEHOLDERS = frozenset({"avoid", "candidates", "exemplars", "genre", "labels", "parent", "words_high", "words_low"})
PARTS = {
    "label": frozenset({"name", "definition"}),
    "label_without_definition": frozenset({"name"}),
    "exemplar": frozenset({"labels", "text"}),
}
PARTS_OF = {"labels": ("label", "label_without_definition"), "exemplars": ("exemplar",)}
# Placeholders that bring in a user's documents; the paragraphs without them are our own words.
DOCUMENTS = frozenset({"exemplars", "parent"})
KEYS = frozenset({
    "method", "version", "shows_parent", "needs_label_names", "exemplars", "placeholders", "optional", "defaults",
    "prompt", "parts", "answer_prefix", "openings", "stop",
})  # fmt: skip
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_TAG = re.compile(r"<(/?)(doc|text)>", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.;!?](?=\s)|[。！？；]")


@dataclass(frozen=True)
class Template:
    """A checked template. `paragraphs` are those of `prompt`.

    The answer begins with `answer_prefix` and, where there are `openings`, one of these, which belongs to the
    text; it ends at `stop`.
    """

    method: str
    shows_parent: bool
    needs_label_names: bool
    exemplars: int
    paragraphs: tuple[str, ...]
    optional: frozenset[str]
    defaults: Mapping[str, str]
    parts: Mapping[str, str]
    answer_prefix: str
    openings: tuple[str, ...]
    stop: tuple[str, ...]


@dataclass(frozen=True)
class Prompt:
    """A rendered prompt, and those of its paragraphs that show no document (for the leak check)."""

    text: str
    instructions: tuple[str, ...]


def check_template(path: Path) -> frozenset[str]:
    """The placeholders of a template file. Raises ConfigError when it is not sound."""
    return frozenset(name for text in load_template(path).paragraphs for name in _PLACEHOLDER.findall(text))


def load_template(path: Path) -> Template:
    """Read and check one template file.

    Raises InputMissingError when it is absent, ConfigError when a key is missing or unknown, when a
    placeholder is unknown, used and not listed or listed and not used, or when a brace stands alone.
    """
    data = read_yaml(path, mend=f"A method is a folder of params/prompts with a {FILE}")
    where = f"{path.parent.name}/{path.name}"
    if not isinstance(data, dict) or set(data) != KEYS:
        odd = sorted(set(data) ^ KEYS) if isinstance(data, dict) else ["no mapping"]
        raise ConfigError(f"{where}: keys missing or unknown: {', '.join(map(str, odd))}")
    if data["method"] != path.parent.name:
        raise ConfigError(f"{where}: method {data['method']!r} is not the name of its folder")
    _check_placeholders(where, data)
    _check_parts(where, data)
    return Template(
        method=data["method"], shows_parent=bool(data["shows_parent"]),
        needs_label_names=bool(data["needs_label_names"]), exemplars=int(data["exemplars"]),
        paragraphs=tuple(data["prompt"].split("\n\n")), optional=frozenset(data["optional"]),
        defaults=data["defaults"], parts=data["parts"], answer_prefix=data["answer_prefix"],
        openings=tuple(data["openings"]), stop=tuple(data["stop"]),
    )  # fmt: skip


def render(template: Template, values: Mapping[str, str], definitions: str = "") -> Prompt:
    """Fill the template; equal values give equal bytes.

    definitions: what of the label block may not come back in an answer (a name may, a definition not).
    Raises ConfigError when a placeholder that is not optional has no value.
    """
    values = {**template.defaults, **values}
    filled, instructions = [], []
    for paragraph in template.paragraphs:
        names = _PLACEHOLDER.findall(paragraph)
        empty = [name for name in names if not values.get(name)]
        if empty and set(empty) <= template.optional:
            continue
        if empty:
            raise ConfigError(f"prompt {template.method}: there is nothing to put for {{{empty[0]}}}")
        filled.append(_fill(paragraph, values))
        if not DOCUMENTS & set(names):
            instructions.append(_fill(paragraph, values | {"labels": definitions}))
    return Prompt("\n\n".join(filled), tuple(instructions))


def label_lines(template: Template, labels: Iterable[Mapping[str, Any]]) -> str:
    """The label block: a line a label, with its definition where there is one."""
    lines = []
    for label in labels:
        part = template.parts["label" if label["definition"] else "label_without_definition"]
        lines.append(_fill(part, {"name": label["name"], "definition": label["definition"] or ""}))
    return "\n".join(lines)


def exemplar_block(template: Template, exemplars: Sequence[tuple[str, str]]) -> str:
    """Exemplars, each (label names, text as `shown_text` gives it)."""
    part = template.parts.get("exemplar", "")
    return "\n".join(_fill(part, {"labels": names, "text": text}) for names, text in exemplars)


def shown_text(text: str, words: int) -> str:
    """A user's document as a prompt shows it: one line, at most `words` words, without our delimiters.

    Cut after the last whole sentence when that leaves at least a third, else after a word with ' ...'.
    """
    text = _TAG.sub(r"(\1\2)", " ".join(text.split()))
    cut = first_words(text, words)
    if cut == text:
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(cut + " ")]
    return cut[: ends[-1]] if ends and 3 * ends[-1] >= len(cut) else cut + " ..."


def _check_placeholders(where: str, data: Mapping[str, Any]) -> None:
    if set("{}") & set(_PLACEHOLDER.sub("", data["prompt"])):
        raise ConfigError(f"{where}: the prompt has a brace that is no placeholder")
    used = frozenset(_PLACEHOLDER.findall(data["prompt"]))
    listed = frozenset(data["placeholders"])
    problems = {
        "unknown": used - PLACEHOLDERS,
        "used and not listed": used - listed,
        "listed and not used": listed - used,
        "optional and not used": set(data["optional"]) - used,
        "given a default and not used": set(data["defaults"]) - used,
    }
    for what, names in problems.items():
        if names:
            raise ConfigError(f"{where}: placeholder {sorted(names)[0]!r} is {what}")
    if bool(data["shows_parent"]) != ("parent" in used):
        raise ConfigError(f"{where}: shows_parent and the placeholder 'parent' do not agree")
    if bool(data["needs_label_names"]) != bool({"labels", "exemplars", "avoid", "candidates"} & used):
        raise ConfigError(f"{where}: needs_label_names does not agree with the placeholders")


def _check_parts(where: str, data: Mapping[str, Any]) -> None:
    needed = {part for name, parts in PARTS_OF.items() if name in data["placeholders"] for part in parts}
    if needed != set(data["parts"]):
        raise ConfigError(f"{where}: parts must be {', '.join(sorted(needed)) or 'empty'}")
    for part, text in data["parts"].items():
        if set(_PLACEHOLDER.findall(text)) != PARTS[part] or set("{}") & set(_PLACEHOLDER.sub("", text)):
            raise ConfigError(f"{where}: part {part!r} must have the placeholders {', '.join(sorted(PARTS[part]))}")


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], text)
