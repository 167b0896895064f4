"""The Harvard USPTO Patent Dataset: one JSON object for each application, in files, folders or archives."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from volfid.core.exits import DataError, ParameterError
from volfid.corpora.cpc_rules import Taxonomy
from volfid.corpora.documents import Doc, Options, Tally, clean, first_claim, iso_date, join_text
from volfid.corpora.files import json_documents
from volfid.corpora.patents import LABEL_OPTIONS, TEXT_OPTIONS, PatentLabels, TextView

OPTIONS = {
    **LABEL_OPTIONS,
    **TEXT_OPTIONS,
    "codes": "auto (cpc_labels from 2015 on, ipcr_labels before, when CPC was sparse; default), cpc or ipcr",
    "decision": "keep applications with these decisions only, separated by commas (ACCEPTED, REJECTED, PENDING ...)",
}
CPC_FROM = "2015"


def load(
    sources: Sequence[Path], texts: Sequence[Path], options: Options, taxonomy: Taxonomy | None, tally: Tally
) -> Iterator[Doc]:
    """Documents from the fields publication_number, title, abstract, claims, cpc_labels, ipcr_labels and the dates.

    The year is that of filing_date, or of date_published where that is missing.
    """
    labels, view = PatentLabels(options, taxonomy, tally), TextView(options)
    codes, decisions = options.choice("codes", "auto", "cpc", "ipcr"), set(options.names("decision"))
    if labels.by_rules and codes == "ipcr":
        raise ParameterError(
            "labels=rules needs CPC symbols, not codes=ipcr", mend="Leave out codes, or give codes=cpc"
        )
    before = after = 0
    for path in sources:
        for where, row in json_documents(path, tally.faults):
            if decisions and row.get("decision") not in decisions:
                tally.drop("other decision")
                continue
            filed = iso_date(row.get("filing_date")) or iso_date(row.get("date_published"))
            field = "cpc_labels" if codes == "cpc" or (codes == "auto" and (filed or "") >= CPC_FROM) else "ipcr_labels"
            if labels.by_rules and field == "ipcr_labels":
                tally.drop("filed before 2015: too few CPC symbols for the rules")
                continue
            before, after = before + (field == "ipcr_labels"), after + (field == "cpc_labels")
            title, abstract = clean(row.get("title")), clean(row.get("abstract"))
            claim = first_claim(row.get("claims")) if "claim" in view.parts else ""
            with tally.faults.row():
                found = labels.of(
                    _symbols(row, field, where), join_text([title, abstract]), f"{where}, field {field!r}"
                )
                yield Doc(_identifier(row, where), view.of(title, claim, abstract), found, date=filed)
    if before and after:
        tally.notes.append(f"{before} documents have IPC subclasses (filed before 2015), {after} have CPC subclasses")
    if labels.symbols.unclear:
        tally.notes.append(f"{labels.symbols.unclear} symbols were ambiguous: {options.text('ambiguous')}")


def _identifier(row: dict[str, Any], where: str) -> str:
    for name in ("publication_number", "application_number"):
        value = row.get(name)
        if isinstance(value, str | int) and str(value).strip():
            return str(value).strip()
    raise DataError(f"{where}, field 'publication_number': no id", mend="Is this a file of HUPD?")


def _symbols(row: dict[str, Any], field: str, where: str) -> list[str]:
    value = row.get(field)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DataError(f"{where}, field {field!r}: expected a list of symbols, found {str(value)[:60]!r}")
    return [item for item in value if item.strip()]
