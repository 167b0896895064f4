"""What the patent loaders share: labels from symbols, text views, publication numbers."""

import re
from collections.abc import Sequence
from pathlib import Path

from volfid.core.exits import ConfigError, ParameterError
from volfid.corpora.cpc_rules import Symbols, Taxonomy, clean_symbol, read_main_groups
from volfid.corpora.documents import Label, Options, Tally, join_text

LABEL_OPTIONS = {
    "labels": "subclass (first four characters of a symbol; default) or rules (labels of --taxonomy)",
    "symbols": "with labels=rules: slash (A61F2/1627) or plain (A61F21627), as the source writes them; default: "
    "symbols without a slash are refused",
    "ambiguous": "plain symbols whose readings lead to different rules: refuse (default), any, none",
    "cpc_titles": "folder of the official CPC title list, which tells the main groups of plain symbols",
    "without": "subclasses to leave out, by prefix, separated by commas (default Y10: retired tags)",
}
TEXT_OPTIONS = {"text": "parts of the text in order, of title, claim, abstract (default: all three, so)"}
PARTS = ("title", "claim", "abstract")
_NUMBER = re.compile(r"([A-Z]{2})(\d+)([A-Z]\d?)?")


class PatentLabels:
    """Labels of one document from its CPC or IPC symbols, as the options ask for."""

    def __init__(self, options: Options, taxonomy: Taxonomy | None, tally: Tally):
        self.by_rules = options.choice("labels", "subclass", "rules") == "rules"
        self.without = tuple(options.names("without", "Y10"))
        titles = options.text("cpc_titles")
        self.symbols = Symbols(
            options.text("symbols", "ask") or "ask",
            options.text("ambiguous", "refuse") or "refuse",
            read_main_groups(Path(titles)) if titles else None,
        )
        if self.by_rules and taxonomy is None:
            raise ParameterError("labels=rules needs a taxonomy", mend="Give --taxonomy FILE")
        self.taxonomy = taxonomy
        if self.by_rules:
            name_labels(taxonomy, tally)

    def of(self, written: Sequence[str], title_and_abstract: str, where: str) -> tuple[str, ...]:
        """Sorted labels. DataError for what is no symbol, and as `Symbols` says."""
        if self.by_rules and self.taxonomy:
            found = self.symbols.with_slash(written, self.taxonomy, where)
            return tuple(self.taxonomy.apply(found, title_and_abstract))
        subclasses = {clean_symbol(item, where)[:4] for item in written}
        return tuple(sorted(item for item in subclasses if not (self.without and item.startswith(self.without))))


def name_labels(taxonomy: Taxonomy | None, tally: Tally) -> None:
    """Note names, definitions and what has to be said of the labels of a taxonomy."""
    if taxonomy is None:
        raise ConfigError("this loader needs a taxonomy", mend="Give --taxonomy FILE")
    for label in taxonomy.labels:
        tally.labels[label.id] = Label(label.name, label.definition, taxonomy.reconstruction)


class TextView:
    """The parts of a document that become its text."""

    def __init__(self, options: Options):
        self.parts = options.names("text", ",".join(PARTS))
        wrong = [part for part in self.parts if part not in PARTS]
        if wrong or not self.parts:
            raise ParameterError(f"text={','.join(self.parts)}: no such part", mend=f"Parts: {', '.join(PARTS)}")

    def of(self, title: str, claim: str, abstract: str) -> str:
        """The text; '' when the document has none of the parts but the title."""
        found = {"title": title, "claim": claim, "abstract": abstract}
        if not any(found[part] for part in self.parts if part != "title") and self.parts != ["title"]:
            return ""
        return join_text(found[part] for part in self.parts)


def publication_key(number: str) -> str | None:
    """A publication number in a form that can be compared: `US 2016/0012345 A1`, `US-2016012345-A1` and
    `US20160012345` become US2016-12345. The kind code is left out; leading zeros, blanks and marks do not count.

    None for what is no publication number.
    """
    text = re.sub(r"[^A-Z0-9]", "", number.upper())
    match = _NUMBER.fullmatch(text)
    if not match:
        return None
    country, digits = match[1], match[2]
    if country == "US" and len(digits) in (10, 11) and digits[:2] in ("19", "20"):
        return f"US{digits[:4]}-{int(digits[4:])}"
    if country == "WO" and len(digits) in (9, 10) and digits[:2] in ("19", "20"):
        return f"WO{digits[:4]}-{int(digits[4:])}"
    if country == "WO" and len(digits) in (7, 8):  # WO98/12345 and WO02/012345: the treaty began in 1978
        return f"WO{19 if digits[:2] >= '78' else 20}{digits[:2]}-{int(digits[2:])}"
    return f"{country}{int(digits)}"
