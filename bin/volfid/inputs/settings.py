"""The `inputs:` mapping of the design file, and the options that go before it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from volfid.core.exits import ConfigError, InputMissingError, ParameterError
from volfid.core.input_policies import POLICIES, default
from volfid.core.yaml_files import read_mapping
from volfid.inputs.faults import did_you_mean

ROLES = ("id", "text", "labels", "split", "group", "date", "sources", "marks")
LISTS = ("text", "labels", "marks")
SYNTHETIC = ("id", "text", "labels", "sources", "generator", "method", "label_separator")
COLUMN_OPTIONS = {
    "id_column": "id", "text_columns": "text", "label_columns": "labels", "split_column": "split",
    "group_column": "group", "date_column": "date", "label_marks": "marks",
}  # fmt: skip
SYNTHETIC_OPTIONS = {
    "synthetic_id_column": "id", "synthetic_text_columns": "text", "synthetic_label_columns": "labels",
    "synthetic_source_column": "sources", "synthetic_label_separator": "label_separator",
    "synthetic_generator_column": "generator", "synthetic_method_column": "method",
}  # fmt: skip


@dataclass(frozen=True)
class InputSettings:
    """Shares of the fixed split, names of columns, and the policies of `core/input_policies.py`.

    `columns` maps a role (id, text, labels, split, group, date, sources) to a column of the input file,
    text to one or to several that are joined, labels to one, to several or to a pattern (roles.py); a role
    that is absent is found by its usual names; and `marks` to the words that mean yes in label columns (marks.py).
    `label_separator`: ';' or '|' when None. `no_header`: no row names the columns, which are '1', '2' and so on.
    `synthetic`: columns and label separator of synthetic files (SYNTHETIC), where they differ.
    """

    test_share: float = 0.3
    reference_share: float = 0.1
    min_label_documents: int = 8
    min_words: int = 1
    max_words: int | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    label_separator: str | None = None
    no_header: bool = False
    synthetic: Mapping[str, Any] = field(default_factory=dict)
    unknown_labels: str = default("unknown_labels")
    unlabelled: str = default("unlabelled")
    rare_labels: str = default("rare_labels")
    missing_labels: str = default("missing_labels")
    error_cells: str = default("error_cells")
    missing_text: str = default("missing_text")
    long_text: str = default("long_text")
    missing_date: str = default("missing_date")
    duplicate_ids: str = default("duplicate_ids")
    duplicate_texts: str = default("duplicate_texts")
    near_duplicates: str = default("near_duplicates")
    leakage: str = default("leakage")
    split_by: str = default("split_by")


def read_settings(design: Path, options: Path | None = None) -> InputSettings:
    """Read `inputs:` of a design file, and the options that override it. ConfigError (78) for the form of
    the design, ParameterError (64) for a value and for an option."""
    settings = check_settings(_read(design).get("inputs") or {}, design.name)
    return settings if options is None else with_options(settings, _read_options(options))


def design_seed(design: Path) -> int:
    """The master seed that a design file names; ConfigError (78) when it names none."""
    seed = _read(design).get("seed")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        mend = "Give seed: N there, or --seed N"
        raise ConfigError(f"{design.name}: seed is {seed!r}, not a whole number", mend=mend)
    return seed


def _read(design: Path) -> dict[str, Any]:
    return read_mapping(design, f"design file {design.name} does not exist", "Check --design")


def _read_options(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputMissingError(f"options file {path.name} does not exist", mend="Check --options")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ParameterError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ParameterError(f"{path.name} is not a JSON object", mend='Write {"id_column": "number"}')
    return content


def with_options(settings: InputSettings, options: Mapping[str, Any]) -> InputSettings:
    """Settings with the options of the command line over them; ParameterError (64) for one that means nothing.

    options: id_column, text_columns, label_columns, label_marks, split_column, group_column, date_column,
    label_separator, no_header, those for synthetic files (SYNTHETIC_OPTIONS), and policies, a mapping or text such as
    `unlabelled=keep, max_words=400`.
    """
    columns: dict[str, Any] = {}
    synthetic: dict[str, Any] = {}
    changes: dict[str, Any] = {}
    for name, value in options.items():
        if name in COLUMN_OPTIONS:
            columns[COLUMN_OPTIONS[name]] = _column(value)
        elif name in SYNTHETIC_OPTIONS:
            synthetic[SYNTHETIC_OPTIONS[name]] = _column(value)
        elif name == "label_separator":
            changes[name] = str(value)
        elif name == "no_header":
            changes[name] = {"true": True, "false": False}.get(str(value).strip().lower(), value)
        elif name == "policies":
            changes |= _policies(value)
        else:
            known = [*COLUMN_OPTIONS, *SYNTHETIC_OPTIONS, "label_separator", "no_header", "policies"]
            raise ParameterError(
                f"unknown option {name!r}{did_you_mean(name, known)}", mend=f"Known: {', '.join(known)}"
            )
    if "date" in columns:
        changes.setdefault("split_by", "date")
    given = {item.name: getattr(settings, item.name) for item in fields(settings)}
    given |= changes | {"columns": {**settings.columns, **columns}, "synthetic": {**settings.synthetic, **synthetic}}
    try:
        return check_settings(given, "options")
    except ConfigError as error:
        raise ParameterError(error.message, mend=error.mend) from error


def _column(value: Any) -> Any:
    """A column of an option as text; one name in a list is that column, several stay a list."""
    named = value[0] if isinstance(value, list) and len(value) == 1 else value
    return [str(part) for part in named] if isinstance(named, list) else str(named)


def _policies(given: Any) -> dict[str, Any]:
    if isinstance(given, dict):
        return dict(given)
    found: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in str(given).split(","))):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals:
            raise ParameterError(f"--policies: {part!r} has no '='", mend="Write unlabelled=keep, max_words=400")
        if name == "columns":
            raise ParameterError("--policies: columns have options of their own", mend="See docs/own-data.md")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def check_settings(given: Any, where: str) -> InputSettings:
    """Settings from a mapping, checked."""
    if not isinstance(given, dict):
        raise ConfigError(f"{where}, inputs: expected a mapping, found {given!r}")
    known = [item.name for item in fields(InputSettings)]
    unknown = sorted(set(map(str, given)) - set(known))
    if unknown:
        guess = did_you_mean(unknown[0], known)
        raise ConfigError(f"{where}, inputs: unknown key {unknown[0]!r}{guess}", mend=f"Known keys: {', '.join(known)}")
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
    _whole(settings, "min_label_documents", 3, where, "A label needs one test and two train documents")
    _whole(settings, "min_words", 1, where, "1 drops empty texts alone")
    if settings.max_words is not None:
        _whole(settings, "max_words", max(settings.min_words, 1), where, "Leave it out for no limit")
    for name, (choices, _) in POLICIES.items():
        value = getattr(settings, name)
        if value not in choices:
            raise ParameterError(f"{where}, inputs.{name} is {value!r}", mend=f"Use {' or '.join(choices)}")
    if not isinstance(settings.no_header, bool):
        raise ParameterError(f"{where}, inputs.no_header is {settings.no_header!r}", mend="Use true or false")
    separator = settings.label_separator
    if separator is not None and (not isinstance(separator, str) or not separator):
        raise ParameterError(f"{where}, inputs.label_separator is {separator!r}", mend="Give the text between labels")
    _check_columns(settings.columns, where)
    _check_columns(settings.synthetic, where, "synthetic", SYNTHETIC)
    return settings


def _whole(settings: InputSettings, name: str, least: int, where: str, mend: str) -> None:
    value = getattr(settings, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ParameterError(f"{where}, inputs.{name} is {value!r}, expected an integer of at least {least}", mend=mend)


def _check_columns(columns: Any, where: str, key: str = "columns", roles: Sequence[str] = ROLES) -> None:
    if not isinstance(columns, dict):
        raise ConfigError(f"{where}, inputs.{key}: expected a mapping, found {columns!r}")
    for role, name in columns.items():
        if role not in roles:
            raise ConfigError(f"{where}, inputs.{key}: unknown role {role!r}", mend=f"Roles: {', '.join(roles)}")
        name = str(name) if type(name) is int else name  # columns without names are numbers
        names = name if role in LISTS and isinstance(name, list) and name else [name]
        if not all(isinstance(item, str) and item for item in names):
            raise ConfigError(f"{where}, inputs.{key}.{role} is {name!r}, expected the name of a column")
        if role == "labels" and isinstance(name, str) and len(name) > 2 and name[0] == name[-1] == "/":
            try:
                re.compile(name[1:-1])
            except re.error as error:
                message = f"{where}, inputs.{key}.labels: {name!r} is no regular expression: {error}"
                raise ConfigError(message, mend="Write it as in /^at_(.+)$/") from error
