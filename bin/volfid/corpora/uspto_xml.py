"""Weekly USPTO files of grants or applications: many XML documents, one after the other, in one file."""

import html.entities
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from volfid.core.exits import DataError
from volfid.corpora.cpc_rules import Taxonomy
from volfid.corpora.documents import Doc, Options, Tally, clean, iso_date, join_text
from volfid.corpora.files import opened
from volfid.corpora.patents import LABEL_OPTIONS, TEXT_OPTIONS, PatentLabels, TextView

OPTIONS = {
    **{name: about for name, about in LABEL_OPTIONS.items() if name in ("labels", "without")},
    **TEXT_OPTIONS,
    "before_2015": "documents published before 2015, with 1.7 symbols instead of 8 to 10: refuse (default), skip, take",
}
DECLARATION, BOM = b"<?xml ", b"\xef\xbb\xbf"
ROOTS = ("us-patent-grant", "us-patent-application")
SYMBOL_PARTS = ("section", "class", "subclass", "main-group", "subgroup")
FIRST_CLAIM = re.compile(r"0*1")


def load(
    sources: Sequence[Path], texts: Sequence[Path], options: Options, taxonomy: Taxonomy | None, tally: Tally
) -> Iterator[Doc]:
    """Documents of one or more weekly files (.xml, .xml.gz, .zip with one file). Memory: one document at a time."""
    labels, view = PatentLabels(options, taxonomy, tally), TextView(options)
    old = options.choice("before_2015", "refuse", "skip", "take")
    for path in sources:
        with opened(path) as file:
            for number, content in enumerate(split_documents(file), start=1):
                with tally.faults.row():
                    made = _document(content, f"{path.name}, document {number}", labels, view, old, tally)
                    if made:
                        yield made


def _document(content: bytes, where: str, labels: PatentLabels, view: TextView, old: str, tally: Tally) -> Doc | None:
    root = _parse(content, where)
    if root.tag not in ROOTS:
        tally.drop(f"a {root.tag}, no grant or application")
        return None
    doc_id, date = _publication(root, where)
    if (date or "") < "2015" and old != "take":
        if old == "refuse":
            raise DataError(
                f"{where} ({doc_id}): published {date}, before 2015, when grants carried 1.7 CPC symbols",
                mend="Take later files, or give before_2015=skip or before_2015=take (docs/corpora.md)",
            )
        tally.drop("published before 2015")
        return None
    title, abstract = _title(root), _inner(root.find("abstract"), "p")
    found = labels.of(_symbols(root, where), join_text([title, abstract]), f"{where} ({doc_id})")
    return Doc(doc_id, view.of(title, _claim(root), abstract), found, date=date)


def split_documents(file: IO[bytes]) -> Iterator[bytes]:
    """The XML documents of a concatenated file, each from its declaration to the next one."""
    part: list[bytes] = []
    for number, line in enumerate(file):
        pieces = (line.removeprefix(BOM) if number == 0 else line).split(DECLARATION)
        part.append(pieces[0])
        for piece in pieces[1:]:
            if any(item.strip() for item in part):
                yield b"".join(part)
            part = [DECLARATION + piece]
    if any(item.strip() for item in part):
        yield b"".join(part)


def _parse(content: bytes, where: str) -> ElementTree.Element:
    parser = ElementTree.XMLParser()
    # the names of characters are defined in the DTD, which is not read
    parser.entity.update({name: chr(code) for name, code in html.entities.name2codepoint.items()})
    try:
        return ElementTree.fromstring(content.strip(), parser=parser)
    except ElementTree.ParseError as error:
        mend = "The file may be cut off; fetch it again"
        raise DataError(f"{where}: not well-formed XML ({error})", mend=mend) from error


def _publication(root: ElementTree.Element, where: str) -> tuple[str, str | None]:
    """country + doc-number + kind, and the date of publication."""
    found = root.find(".//publication-reference/document-id")
    parts = [clean(found.findtext(name)) if found is not None else "" for name in ("country", "doc-number", "kind")]
    if found is None or not parts[1]:
        raise DataError(f"{where}: no publication-reference/document-id/doc-number")
    return "".join(parts), iso_date(found.findtext("date"))


def _title(root: ElementTree.Element) -> str:
    found = root.find(".//invention-title")
    return clean("".join(found.itertext())) if found is not None else ""


def _inner(element: ElementTree.Element | None, name: str) -> str:
    if element is None:
        return ""
    return clean(" ".join("".join(item.itertext()) for item in element.iter(name)))


def _claim(root: ElementTree.Element) -> str:
    for claim in root.iter("claim"):
        if FIRST_CLAIM.fullmatch(claim.get("num") or ""):
            return re.sub(r"^1\s?[.)]\s+", "", clean("".join(claim.itertext())))
    return ""


def _symbols(root: ElementTree.Element, where: str) -> list[str]:
    """Symbols of main-cpc and further-cpc, as A61F2/1627; those of combination sets are not classes of their own."""
    found = []
    for group in ("main-cpc", "further-cpc"):
        for item in root.findall(f".//classifications-cpc/{group}/classification-cpc"):
            parts = [clean(item.findtext(name)) for name in SYMBOL_PARTS]
            if not all(parts):
                raise DataError(f"{where}: a classification-cpc without {SYMBOL_PARTS[parts.index('')]}")
            found.append("".join(parts[:4]) + "/" + parts[4])
    return found
