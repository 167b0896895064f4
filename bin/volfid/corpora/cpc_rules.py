"""Labels by CPC rules: which labels of a taxonomy apply to a document with these symbols and this text."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from volfid.core.exits import ConfigError, DataError, InputMissingError, ParameterError
from volfid.core.yaml_files import read_mapping

SYMBOL = re.compile(r"[A-HY]\d{2}[A-Z](?:\d{1,4}(?:/\d{2,6})?|\d{3,})?")
_RULE = re.compile(r"([A-HY]\d{2}[A-Z]\d{1,4}/\d{0,6})(\?)?(!)?")
FORMS = ("ask", "slash", "plain")
AMBIGUOUS = ("refuse", "any", "none")


@dataclass(frozen=True)
class Rule:
    """One CPC rule: the label applies when a symbol starts with `prefix` and the asked-for patterns match."""

    prefix: str
    need_text: bool = False
    need_context: bool = False


@dataclass(frozen=True)
class TaxonomyLabel:
    """One label of a taxonomy. `text`: its own pattern, None where no rule asks for one."""

    id: str
    domain: str
    name: str
    definition: str
    evidence: str
    rules: tuple[Rule, ...]
    text: str | None = None


@dataclass(frozen=True)
class Taxonomy:
    """Labels with their rules. `reconstruction`: what has to be said wherever they are shown."""

    labels: tuple[TaxonomyLabel, ...]
    context: str
    reconstruction: str | None = None

    @cached_property
    def _by_subclass(self) -> Mapping[str, list[tuple[str, Rule]]]:
        found: dict[str, list[tuple[str, Rule]]] = defaultdict(list)
        for label in self.labels:
            for rule in label.rules:
                found[rule.prefix[:4]].append((label.id, rule))
        return found

    @cached_property
    def _patterns(self) -> Mapping[str, re.Pattern[str]]:
        return {label.id: re.compile(label.text, re.IGNORECASE) for label in self.labels if label.text}

    @cached_property
    def _context(self) -> re.Pattern[str]:
        return re.compile(self.context, re.IGNORECASE)

    @property
    def subclasses(self) -> frozenset[str]:
        """Subclasses in which a rule can fire."""
        return frozenset(self._by_subclass)

    def apply(self, symbols: Iterable[str], text: str) -> list[str]:
        """Ids of the labels that apply, sorted. `symbols` have a slash (A61F2/1627); `text`: title and abstract."""
        fired: set[str] = set()
        for symbol in symbols:
            for label, rule in self._by_subclass.get(symbol[:4], ()):
                if (
                    label not in fired
                    and symbol.startswith(rule.prefix)
                    and (not rule.need_text or self._patterns[label].search(text))
                    and (not rule.need_context or self._context.search(text))
                ):
                    fired.add(label)
        return sorted(fired)

    def touches(self, symbol: str) -> frozenset[tuple[str, str]]:
        """(label, prefix) of the rules whose prefix the symbol starts with, whatever the text."""
        found = self._by_subclass.get(symbol[:4], ())
        return frozenset((label, rule.prefix) for label, rule in found if symbol.startswith(rule.prefix))


def read_taxonomy(path: Path) -> Taxonomy:
    """Read a taxonomy (YAML, as params/taxonomy/assistive_technology.yaml). ConfigError (78) names what is wrong."""
    content = read_mapping(path, f"taxonomy {path.name} does not exist", "Check --taxonomy")
    if not isinstance(content.get("labels"), list):
        raise ConfigError(f"{path.name}: expected a mapping with labels", mend="See params/taxonomy")
    context = str(content.get("context") or "")
    labels = [_read_label(f"{path.name}, label {number}", row) for number, row in enumerate(content["labels"], 1)]
    twice = sorted({label.id for label in labels if sum(other.id == label.id for other in labels) > 1})
    if twice:
        raise ConfigError(f"{path.name}: label {twice[0]} stands twice")
    if any(rule.need_context for label in labels for rule in label.rules) and not context:
        raise ConfigError(f"{path.name}: a rule asks for the context pattern (!) and there is none")
    _compiled(f"{path.name}, context", context)
    return Taxonomy(tuple(labels), context, content.get("reconstruction"))


def _read_label(where: str, row: Any) -> TaxonomyLabel:
    if not isinstance(row, dict):
        raise ConfigError(f"{where}: expected fields, found {row!r}")
    missing = [key for key in ("id", "domain", "name", "definition", "evidence", "cpc") if not row.get(key)]
    if missing:
        raise ConfigError(f"{where}: {missing[0]} is missing")
    where = f"{where} ({row['id']})"
    rules = []
    for written in row["cpc"]:
        match = _RULE.fullmatch(str(written))
        if not match:
            raise ConfigError(f"{where}: {written!r} is no rule", mend="Write a prefix such as A61F2/16, then ? and !")
        rules.append(Rule(match[1], match[2] is not None, match[3] is not None))
    text = row.get("text")
    if any(rule.need_text for rule in rules) and not text:
        raise ConfigError(f"{where}: a rule asks for the text pattern (?) and the label has none")
    _compiled(f"{where}, text", text or "")
    return TaxonomyLabel(
        str(row["id"]), row["domain"], row["name"], row["definition"].strip(), row["evidence"], tuple(rules), text
    )


def _compiled(where: str, pattern: str) -> None:
    try:
        re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ConfigError(f"{where}: {pattern!r} is no regular expression: {error}") from error


class Symbols:
    """CPC symbols as a source spells them, turned into the form with a slash.

    form: `slash` (A61F2/1627), `plain` (A61F21627), or `ask`: plain symbols are refused, because a user has to say
    so. A plain symbol has several readings (A61F2/1627, A61F21/627, A61F216/27). Those are kept whose main group
    is in `main_groups` of its subclass, where that is known. If more than one is left and they lead to different
    rules, `ambiguous` decides: `refuse` (exit 65), `any` takes all readings, `none` drops the symbol.
    """

    def __init__(
        self, form: str = "ask", ambiguous: str = "refuse", main_groups: Mapping[str, frozenset[str]] | None = None
    ):
        for name, value, known in (("symbols", form, FORMS), ("ambiguous", ambiguous, AMBIGUOUS)):
            if value not in known:
                raise ParameterError(f"{name}={value} means nothing", mend=f"Use one of {', '.join(known)}")
        self.form, self.ambiguous = form, ambiguous
        self.main_groups = main_groups or {}
        self.unclear = 0  # plain symbols whose readings lead to different rules

    def with_slash(self, written: Iterable[str], taxonomy: Taxonomy, where: str) -> list[str]:
        """The symbols that matter for `taxonomy`, each with a slash. DataError names `where` and the symbol."""
        found: list[str] = []
        for item in written:
            symbol = clean_symbol(item, where)
            if symbol[:4] not in taxonomy.subclasses or len(symbol) == 4:
                continue
            if "/" in symbol:
                if self.form == "plain":
                    raise DataError(f"{where}: symbol {symbol} has a slash", mend="Leave out symbols=plain")
                found.append(symbol)
            elif self.form == "plain":
                found += self._readings(symbol, taxonomy, where)
            else:
                raise DataError(
                    f"{where}: symbol {symbol} has no slash, so that its main group is not certain",
                    mend="Give symbols=plain if all symbols of the source are written so (docs/corpora.md)"
                    if self.form == "ask" else "Leave out symbols=slash",
                )  # fmt: skip
        return found

    def _readings(self, symbol: str, taxonomy: Taxonomy, where: str) -> list[str]:
        digits, known = symbol[4:], self.main_groups.get(symbol[:4])
        readings = [
            f"{symbol[:4]}{digits[:cut]}/{digits[cut:]}"
            for cut in range(1, min(4, len(digits) - 2) + 1)
            if known is None or digits[:cut] in known
        ]
        if len({taxonomy.touches(reading) for reading in readings}) < 2:
            return readings[:1]
        self.unclear += 1
        if self.ambiguous == "refuse":
            raise DataError(
                f"{where}: symbol {symbol} can be read as {' or '.join(readings)}, and they lead to different rules",
                mend="Give cpc_titles=FOLDER (the official CPC title list, which names the main groups), "
                "or ambiguous=any, or ambiguous=none",
            )
        return readings if self.ambiguous == "any" else []


def clean_symbol(written: Any, where: str) -> str:
    """A CPC or IPC symbol without blanks, in capitals. DataError when it is none."""
    symbol = re.sub(r"\s+", "", written).upper() if isinstance(written, str) else ""
    if not SYMBOL.fullmatch(symbol):
        raise DataError(f"{where}: {str(written)[:40]!r} is no CPC or IPC symbol", mend="Expected such as A61F2/1627")
    return symbol


def read_main_groups(folder: Path) -> dict[str, frozenset[str]]:
    """Main groups by subclass from the official CPC title lists (cpc-section-*.txt: symbol, level, title, by tabs)."""
    found: dict[str, set[str]] = defaultdict(set)
    files = sorted(folder.glob("cpc-section-*.txt")) if folder.is_dir() else [folder] if folder.is_file() else []
    for path in files:
        with open(path, encoding="utf-8-sig") as lines:
            for line in lines:
                symbol = line.split("\t", 1)[0].strip()
                if "/" in symbol and SYMBOL.fullmatch(symbol):
                    found[symbol[:4]].add(symbol[4:].split("/")[0])
    if not found:
        mend = "Download and unpack the CPC title list"
        raise InputMissingError(f"cpc_titles={folder}: no CPC title list (cpc-section-*.txt) there", mend=mend)
    return {subclass: frozenset(groups) for subclass, groups in found.items()}
