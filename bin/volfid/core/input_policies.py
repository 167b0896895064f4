"""What is done with rows that cannot be used as they are: the choices, first the default, and what each is about."""

POLICIES: dict[str, tuple[tuple[str, ...], str]] = {
    "unknown_labels": (("refuse", "drop"), "labels that the label list does not have"),
    "unlabelled": (("drop", "keep", "refuse"), "rows without a label, or without one that is studied"),
    "rare_labels": (("drop", "keep"), "labels of fewer than min_label_documents documents"),
    "missing_labels": (("drop", "keep", "refuse"), "words for a missing value (nan, NA, None) where labels stand"),
    "error_cells": (("refuse", "missing"), "cells in which a formula of a spreadsheet failed (#REF!, #DIV/0!)"),
    "missing_text": (("drop", "refuse"), "texts of fewer than min_words words"),
    "long_text": (("truncate", "drop", "refuse"), "texts of more than max_words words"),
    "missing_date": (("refuse", "drop"), "rows without a date, in a split by date"),
    "duplicate_ids": (("refuse", "drop", "unite"), "ids that an earlier row has, in any case or Unicode form"),
    "duplicate_texts": (("drop", "refuse", "unite"), "texts that another row has, in any case"),
    "near_duplicates": (("group", "ignore"), "texts with a shingle Jaccard of 0.8 or more with another"),
    "leakage": (
        ("drop", "keep", "refuse"),
        "documents tied to one of a test or reference side that the file gives, equal texts included",
    ),
    "split_by": (("labels", "date"), "how sides are drawn where the file gives none"),
}


def default(policy: str) -> str:
    """The choice that holds when nobody chooses."""
    return POLICIES[policy][0][0]
