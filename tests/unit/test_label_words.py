"""Label names in texts: found whole, whatever the case or number; masked; audited."""

import numpy as np
import pytest

from volfid.core.files import sha256_text
from volfid.core.label_words import all_name_words, masked, name_words, stem, text_words
from volfid.core.schemas import CONTRACTS
from volfid.embeddings.store import embed_rows, mask_rows
from volfid.fidelity.keywords import audit
from volfid.report.inputs import ReportInputs
from volfid.report.tables_uses import keyword_table

LABELS = [
    {"label": "W", "name": "Walking aid", "definition": None}, {"label": "B", "name": "Battery", "definition": None},
    {"label": "X", "name": None, "definition": None},
]  # fmt: skip


def document(doc_id, text, labels, split="test"):
    return {"doc_id": doc_id, "text": text, "labels": labels, "split": split}


def synthetic(doc_id, text, labels, kept=True):
    return {"doc_id": doc_id, "text": text, "labels": labels, "kept": kept, "pool_id": "pool"}


REAL = [
    document("1", "Two WALKING-aids with batteries.", ["B", "W"]),
    document("2", "An aid to reading, no cell.", ["W", "X"]),
    document("3", "A battery.", []),
    document("4", "Walking. Nothing.", ["B"]),
]
MADE = [synthetic("5", "A walking aid.", ["W"]), synthetic("6", "No name.", ["W"]),
        synthetic("7", "A walking aid.", ["B"], kept=False)]  # fmt: skip


def value(rows, subject, metric, label=None):
    (row,) = [r for r in rows if (r["subject"], r["metric"], r["label"]) == (subject, metric, label)]
    return row


@pytest.mark.parametrize(
    ("word", "base"),
    [("batteries", "battery"), ("boxes", "box"), ("aids", "aid"), ("glass", "glass"), ("glasses", "glass"),
     ("apparatus", "apparatus"), ("gas", "gas"), ("switches", "switch"), ("canes", "cane")],
)  # fmt: skip
def test_a_plural_and_its_singular_have_one_stem(word, base):
    assert stem(word) == base and stem(base) == base


def test_a_name_is_found_by_its_words_and_never_inside_another_word():
    assert name_words("Navigation aid in public space") == {"navigation", "aid", "public", "space"}
    assert name_words(None) == name_words("and of") == frozenset()
    assert "aid" not in text_words("He said so.") and "aid" in text_words("AIDS, said he.")


def test_masking_replaces_whole_words_in_any_case_and_nothing_else():
    words = all_name_words(row["name"] for row in LABELS)
    assert masked("Two WALKING-aids, said: Batteries (a battery)!", words) == "Two item-item, said: item (a item)!"
    assert masked("Nothing here.", words) == "Nothing here." and not words & text_words(masked(REAL[0]["text"], words))


def test_the_audit_counts_pairs_and_scores_a_classifier_of_names():
    rows = audit(REAL, MADE, LABELS)
    CONTRACTS["keywords"].check(rows, "rows")
    share = value(rows, "test", "label_name_share")
    assert (share["value"], share["n"]) == (0.5, 4)  # 1: both, 2: not all, 4: not at all; X has no name
    assert share["ci_low"] < 0.5 < share["ci_high"]
    assert value(rows, "test", "label_name_share", "W")["value"] == 0.5
    assert value(rows, "test", "label_word_share", "W")["value"] == 1.0
    assert value(rows, "test", "keyword_f1_micro")["value"] == pytest.approx(2 * 2 / (3 + 4))
    assert value(rows, "test", "keyword_any_f1_micro")["value"] == pytest.approx(2 * 3 / (5 + 4))
    assert (value(rows, "pool", "label_name_share")["value"], value(rows, "pool", "label_name_share")["n"]) == (0.5, 2)
    empty = value(rows, "train", "label_name_share")
    assert empty["value"] is None and empty["note"]
    nameless = audit(REAL, MADE, [{**row, "name": None} for row in LABELS])
    assert {row["note"] for row in nameless} == {"labels have no names"}


def test_the_audit_table_has_the_real_splits_first():
    table = keyword_table(ReportInputs(keywords=audit(REAL, MADE, LABELS)))
    assert [row[0] for row in table.rows] == ["reference", "test", "train", "pool"]
    assert len(table.kinds) == len(table.columns) == len(table.rows[0])
    assert "undefined (no document has it)" in table.rows[0][1]


def test_masked_documents_are_embedded_as_if_they_named_no_label():
    words = all_name_words(row["name"] for row in LABELS)
    rows = [{**row, "text_sha": row["doc_id"]} for row in REAL]
    assert mask_rows(rows, ()) == rows
    found = mask_rows(rows, words)
    assert [row["text"] for row in found] == [masked(row["text"], words) for row in rows]
    assert all(row["text_sha"] == sha256_text(row["text"]) for row in found)
    encode = lambda texts: np.array([[len(text), "alking" in text] for text in texts], dtype=np.float32)  # noqa: E731
    assert not embed_rows(found, encode).vectors[:, 1].any() and embed_rows(rows, encode).vectors[:, 1].any()
