"""Policies on the cells and rows of one file by itself, before its rows are compared with others."""

from volfid.inputs.duplicates import united
from volfid.inputs.faults import Fault
from volfid.inputs.records import Records
from volfid.inputs.settings import InputSettings

# faults found while reading that a policy may pass over, by policy
_SOFT = {"error_cells": "error_cell", "missing_date": "missing_date"}


def apply_cell_policies(found: Records, settings: InputSettings) -> None:
    """The policies on cells and rows of one file, before rows are compared: error_cells, missing_date,
    missing_labels, and duplicate_ids=unite. Faults that a policy passes over move to `found.met`."""
    for policy, reason in _SOFT.items():
        if getattr(settings, policy) != "refuse":
            found.met[policy] = [fault for fault in found.faults if fault.reason == reason]
            found.faults = [fault for fault in found.faults if fault.reason != reason]
    if errors := found.met.get("error_cells"):
        found.warnings.append(
            f"{found.file}: {len(errors)} cells hold a failed formula of a spreadsheet, read as empty"
        )
    if settings.missing_labels == "keep":
        for place, words in found.blanked.items():
            found.rows[place].labels = tuple(sorted({*found.rows[place].labels, *words}))
        found.warnings = [told for told in found.warnings if told not in found.moot.get("keep", ())]
    detail = "a word for a missing value stands as a label"
    mend = "Leave the cell empty, or --policies missing_labels=drop (or keep)"
    blanked = [
        Fault(row.file, row.row, "missing_label", detail, row.doc_id, "labels", mend)
        for row in (found.rows[place] for place in found.blanked)
    ]
    found.met["missing_labels"] = blanked
    if settings.missing_labels == "refuse":
        found.faults += blanked
    if settings.duplicate_ids == "unite":
        found.rows, faults, found.met["joined"] = united(found.rows)
        found.faults += faults
    if "unite" in (settings.duplicate_ids, settings.duplicate_texts):
        found.warnings = [told for told in found.warnings if told not in found.moot.get("unite", ())]
