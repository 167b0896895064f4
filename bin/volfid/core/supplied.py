"""Synthetic documents that somebody supplied: their names in ids, and which of them a draw may use."""

from collections.abc import Mapping, Set
from typing import Any

BROUGHT = "brought"  # generator and method of the one pool of an audit, and the source whose task handles all pools
OWN = "own"  # their label plan: they come with their labels
UNKNOWN_ORIGIN = "may contain the content of real documents outside the sample"
UNKNOWN_TEST = "may have been made from test documents that they do not resemble closely"


def is_supplied(row: Mapping[str, Any]) -> bool:
    """Whether a cell, pool or training set draws on supplied documents."""
    return bool(row["label_plan"] == OWN)


def sources_of(row: Mapping[str, Any]) -> set[str]:
    """Real documents behind a synthetic one: those it was shown, made from or is paired with."""
    return {*row["source_doc_ids"], row.get("parent_doc_id")} - {None}


def lies_within(row: Mapping[str, Any], real: Set[str]) -> bool:
    """Whether every known source of a synthetic document is among `real`: else it brings in text of other documents.

    A document without known sources lies within everything; a pool that has such ones is marked elsewhere.
    """
    return sources_of(row) <= real
