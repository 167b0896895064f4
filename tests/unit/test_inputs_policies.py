"""What is done with rows that cannot be used as they are: each policy, its count, and the columns a user names."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volfid.core.exits import DataError, ParameterError
from volfid.core.input_policies import POLICIES
from volfid.core.schemas import CONTRACTS
from volfid.core.seeds import generator
from volfid.inputs.duplicates import leaking, tied
from volfid.inputs.faults import InputFaults
from volfid.inputs.fields import first_claim, iso_date
from volfid.inputs.fixture import generate
from volfid.inputs.prepare import prepare
from volfid.inputs.records import Record, read_records
from volfid.inputs.settings import InputSettings, with_options
from volfid.plan.design import Inputs

ROOT = Path(__file__).parents[2]
DOCS = [
    {"id": f"d{i:03d}", "text": text, "labels": list(labels)}
    for i, (text, labels) in enumerate(generate(160, generator(11, "test")))
]
LABELS = sorted({label for row in DOCS for label in row["labels"]})


def save(folder, rows, name="own.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def made(folder, rows, options=None, labels=None, **chosen):
    chosen.setdefault("min_label_documents", 3)
    found = with_options(InputSettings(**chosen), options or {})
    return prepare(str(rows if isinstance(rows, Path) else save(folder, rows)), found, 3, labels)


def met(prepared):
    return {row["policy"]: row["met"] for row in prepared.corpus["policies"]}


def ids(prepared):
    return {row["doc_id"] for row in prepared.documents}


@pytest.fixture
def listed(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("label,name\n" + "".join(f"{label},Name of {label}\n" for label in LABELS))
    return path


def test_every_policy_has_a_default_and_the_design_knows_the_same_ones():
    plain = InputSettings()
    assert {name: getattr(plain, name) for name in POLICIES} == {name: POLICIES[name][0][0] for name in POLICIES}
    assert Inputs().model_dump() == {**vars(plain), "columns": {}}


def test_the_corpus_states_every_policy_with_choice_default_and_count(tmp_path):
    prepared = made(tmp_path, DOCS, {"policies": "unlabelled=keep"})
    CONTRACTS["corpus"].check([prepared.corpus], "corpus")
    rows = {row["policy"]: row for row in prepared.corpus["policies"]}
    assert list(rows) == list(POLICIES) and all(row["about"] for row in rows.values())
    assert (rows["unlabelled"]["choice"], rows["unlabelled"]["default"]) == ("keep", "drop")


def test_unknown_labels_are_refused_or_taken_off(tmp_path, listed):
    rows = [*DOCS, {"id": "x", "text": "odd words here", "labels": ["QQQ", LABELS[0]]}, {**DOCS[0], "id": "y",
            "text": "only odd", "labels": ["ZZZ"]}]  # fmt: skip
    with pytest.raises(InputFaults, match="unknown label 'QQQ'"):
        made(tmp_path, rows, labels=listed)
    prepared = made(tmp_path, rows, {"policies": "unknown_labels=drop"}, labels=listed)
    assert {row["doc_id"]: row["labels"] for row in prepared.documents}["x"] == [LABELS[0]]
    assert "y" not in ids(prepared) and met(prepared)["unknown_labels"] == 2
    assert "2 unknown labels were taken off 2 rows: 'QQQ', 'ZZZ'" in prepared.corpus["warnings"]


def test_rows_without_labels_are_dropped_kept_as_negatives_or_refused(tmp_path):
    rows = [*DOCS, {"id": "u", "text": "no label at all", "labels": []},
            {"id": "r", "text": "a rare one", "labels": ["RARE"]}]  # fmt: skip
    dropped = made(tmp_path, rows)
    assert not {"u", "r"} & ids(dropped) and met(dropped)["unlabelled"] == 2
    kept = made(tmp_path, rows, {"policies": "unlabelled=keep"})
    assert {row["doc_id"] for row in kept.documents if not row["labels"]} == {"u", "r"}
    assert met(kept)["unlabelled"] == 2 and "RARE" not in {row["label"] for row in kept.labels}
    with pytest.raises(InputFaults, match="the row has no label"):
        made(tmp_path, rows, {"policies": "unlabelled=refuse"})


def test_rare_labels_are_dropped_or_kept(tmp_path):
    rows = [*DOCS, {"id": "r", "text": "a rare one", "labels": ["RARE"]}]
    dropped = made(tmp_path, rows)
    assert met(dropped)["rare_labels"] == 1
    assert "1 labels have fewer than 3 documents and were dropped: 'RARE'" in dropped.corpus["warnings"]
    kept = made(tmp_path, rows, {"policies": "rare_labels=keep"})
    assert "r" in ids(kept) and met(kept)["rare_labels"] == 1
    assert {row["label"]: row["count"] for row in kept.labels}["RARE"] == 1


def test_texts_that_are_too_short_or_too_long_are_dropped_cut_or_refused(tmp_path):
    long = " ".join(f"w{i}" for i in range(500))
    rows = [
        *DOCS,
        {"id": "s", "text": "two words", "labels": [LABELS[0]]},
        {"id": "l", "text": long, "labels": [LABELS[0]]},
    ]
    plain = made(tmp_path, rows)
    assert {"s", "l"} <= ids(plain)
    cut = made(tmp_path, rows, {"policies": "min_words=3, max_words=400"})
    texts = {row["doc_id"]: row["text"] for row in cut.documents}
    assert "s" not in texts and texts["l"] == " ".join(long.split()[:400])
    assert (met(cut)["missing_text"], met(cut)["long_text"]) == (1, 1)
    assert "l" not in ids(made(tmp_path, rows, {"policies": "long_text=drop, max_words=400"}))


def test_later_rows_of_an_id_are_refused_or_dropped(tmp_path):
    rows = [*DOCS, {"id": "D000", "text": "other words", "labels": [LABELS[0]]}]
    with pytest.raises(InputFaults, match="as 'd000'"):
        made(tmp_path, rows)
    prepared = made(tmp_path, rows, {"policies": "duplicate_ids=drop"})
    assert "D000" not in ids(prepared) and "d000" in ids(prepared) and met(prepared)["duplicate_ids"] == 1
    assert prepared.rejects[0]["reason"] == "duplicate_id"


def test_near_duplicates_are_tied_or_left_alone(tmp_path):
    rows = [dict(row) for row in DOCS]
    rows[1]["text"] = rows[0]["text"] + " Indeed."
    group = {row["doc_id"]: row["group"] for row in made(tmp_path, rows).documents}
    assert group["d001"] == "d000" and met(made(tmp_path, rows))["near_duplicates"] == 2
    alone = made(tmp_path, rows, {"policies": "near_duplicates=ignore"})
    assert {row["doc_id"]: row["group"] for row in alone.documents}["d001"] == "d001"
    assert met(alone)["near_duplicates"] is None, "nobody looked for them"
    rows = [{**row, "split": "test" if i % 2 else "train"} for i, row in enumerate(rows)]
    given = made(tmp_path, rows, {"policies": "near_duplicates=ignore"})
    assert met(given)["leakage"] is None
    assert any("near duplicates of the given split were not looked for" in told for told in given.corpus["warnings"])


def test_a_leak_is_named_with_its_partner_and_the_kind_of_tie():
    def row(i, split, text, group=None):
        return Record("f", i, str(i), text, (), split=split, group=group)

    near = "a b c d e f g h i j k l"
    rows = [row(0, "train", near), row(1, "test", f"{near} m"), row(2, "train", "x", "F"),
            row(3, "reference", "y", "F"), row(4, "train", f"{near} n", "G"), row(5, "train", "z", "G")]  # fmt: skip
    found = leaking(rows, *tied(rows))
    assert found[0] == "a near duplicate (Jaccard 0.89) of the test document '1' (f, row 1)"
    assert found[2] == "of the family 'F' of the reference document '3' (f, row 3)"
    assert found[5] == "tied through others to the test document '1' (f, row 1)"
    assert sorted(found) == [0, 2, 4, 5]


def test_labels_of_every_document_are_named(tmp_path):
    prepared = made(tmp_path, [{**row, "labels": [*row["labels"], "ALL"]} for row in DOCS])
    told = "1 labels stand in every document, so that nothing can be learnt of them: 'ALL'"
    assert told in prepared.corpus["warnings"]


def test_zero_one_columns_that_the_label_list_lacks_are_taken_off_and_counted(tmp_path, listed):
    columns = [*LABELS, "EXTRA"]
    flat = [[row["id"], row["text"], *(int(label in row["labels"]) for label in LABELS), i % 2]
            for i, row in enumerate(DOCS)]  # fmt: skip
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text", *columns], *flat])
    prepared = made(tmp_path, tmp_path / "a.csv", {"policies": "unknown_labels=drop"}, labels=listed)
    assert met(prepared)["unknown_labels"] == 80 and "EXTRA" not in {row["label"] for row in prepared.labels}
    with pytest.raises(InputFaults, match="row 3, field 'EXTRA': unknown label 'EXTRA'"):
        made(tmp_path, tmp_path / "a.csv", labels=listed)


def test_the_policies_of_single_rows_hold_for_brought_documents_too(tmp_path):
    long = " ".join(f"w{i}" for i in range(400))
    texts = [generate(1, generator(17, "brought"))[0][0], "other words that say little", long]
    brought = save(tmp_path, [
        {"id": "s1", "text": texts[0], "labels": [LABELS[0]]}, {"id": "S1", "text": texts[1], "labels": [LABELS[0]]},
        {"id": "s2", "text": "two words", "labels": [LABELS[0]]}, {"id": "s3", "text": texts[2], "labels": [LABELS[0]]},
    ], "brought.jsonl")  # fmt: skip
    path = save(tmp_path, DOCS)

    def audit(policies):
        chosen = with_options(InputSettings(min_label_documents=3), {"policies": policies})
        return prepare(str(path), chosen, 3, None, brought)

    prepared = audit("duplicate_ids=drop, min_words=3, max_words=300")
    assert {row["doc_id"]: row["text"] for row in prepared.brought} == {
        "s1": texts[0], "s3": " ".join(long.split()[:300])
    }  # fmt: skip
    assert {row["doc_id"]: row["reason"] for row in prepared.rejects if row["file"] == "brought.jsonl"} == {
        "S1": "duplicate_id", "s2": "short_text",
    }  # fmt: skip
    assert [met(prepared)[policy] for policy in ("duplicate_ids", "missing_text", "long_text")] == [1, 1, 1]
    gone = audit("duplicate_ids=drop, max_words=300, long_text=drop")
    assert "s3" not in {row["doc_id"] for row in gone.brought}
    assert "supplied: more than 300 words" in {row["step"] for row in gone.funnel}
    for policies, words in (
        ("min_words=2", "the id 'S1' stands in row 1 already"),
        ("duplicate_ids=drop, min_words=3, missing_text=refuse", "2 words .at least 3"),
        ("duplicate_ids=drop, max_words=300, long_text=refuse", "at most 300"),
    ):
        with pytest.raises(InputFaults, match=words):
            audit(policies)


def test_a_split_by_date_puts_the_latest_documents_aside_and_keeps_families_whole(tmp_path):
    rng = np.random.default_rng(1)
    days = rng.permutation(160)
    rows = [{**row, "filed": f"20{10 + day // 12:02d}-{day % 12 + 1:02d}", "family": f"F{i // 2}"}
            for i, (row, day) in enumerate(zip(DOCS, days, strict=True))]  # fmt: skip
    prepared = made(tmp_path, rows, {"date_column": "filed"})
    filed = {row["id"]: row["filed"] for row in rows}
    latest = {}
    for row in prepared.documents:
        latest[row["group"]] = max(latest.get(row["group"], ""), filed[row["doc_id"]])
    by_side = {side: [latest[row["group"]] for row in prepared.documents if row["split"] == side]
               for side in ("train", "reference", "test")}  # fmt: skip
    assert max(by_side["train"]) < min(by_side["reference"]) <= max(by_side["reference"]) < min(by_side["test"])
    assert prepared.corpus["split_sizes"] == {"train": 96, "reference": 16, "test": 48}
    assert any(warning.startswith("split by date: test from") for warning in prepared.corpus["warnings"])
    with pytest.raises(ParameterError, match="column with a split"):
        made(tmp_path, [{**row, "split": "train"} for row in rows], {"date_column": "filed"})


def test_dates_are_compared_as_exactly_as_the_coarsest_of_them(tmp_path):
    rows = [{**row, "year": 2000 + i // 10 if i % 2 else f"{2000 + i // 10}-05-01"} for i, row in enumerate(DOCS)]
    prepared = made(tmp_path, rows, {"policies": "split_by=date"})
    told = "dates are compared by year alone, because of '2000' (own.jsonl, row 2)"
    assert told in prepared.corpus["warnings"]
    sides = {}
    for row in prepared.documents:
        sides.setdefault(int(row["doc_id"][1:]) // 10, set()).add(row["split"])
    # a year is never parted, near duplicates may move a document to a later side
    assert Counter(map(len, sides.values()))[1] >= 14


@pytest.mark.parametrize(
    ("cell", "date"),
    [("1999", "1999"), (1999, "1999"), (1999.0, "1999"), ("19990203", "1999-02-03"), ("1999-02", "1999-02"),
     ("1999-02-03T10:00:00Z", "1999-02-03"), ("1999-02-30", None), ("3.2.1999", None), (None, None), ("", None)],
)  # fmt: skip
def test_dates_are_read_in_few_forms(cell, date):
    assert iso_date(cell) == date


# ---- columns that a user names -------------------------------------------------------------


def record(folder, name, content, options, **more):
    path = folder / name
    path.write_text(content, encoding="utf-8")
    found = with_options(InputSettings(), options)
    return read_records(path, found.columns, separator=found.label_separator, **more)


def test_columns_can_be_named_by_options_which_go_before_the_design(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("No,Head,Body,CPC\n7,A cane,It glows,X / Y\n")
    design = InputSettings(columns={"id": "elsewhere", "labels": "CPC"})
    found = with_options(design, {"id_column": "No", "text_columns": "Head, Body", "label_separator": "/"})
    row = read_records(path, found.columns, separator=found.label_separator).rows[0]
    assert (row.doc_id, row.text, row.labels) == ("7", "A cane. It glows", ("X", "Y"))


@pytest.mark.parametrize(
    ("option", "labels"),
    [("at_*", ("cane", "walker")), ("/^at_(.+)$/", ("cane", "walker")), ("/^at_/", ("at_cane", "at_walker")),
     ("at_cane,at_walker", ("at_cane", "at_walker"))],
)  # fmt: skip
def test_one_column_a_label_is_named_by_list_pattern_or_expression(tmp_path, option, labels):
    content = "id,text,year,at_cane,at_walker\n1,x,1,1,1\n2,y,1,,0\n"
    found = record(tmp_path, "a.csv", content, {"label_columns": option})
    assert [row.labels for row in found.rows] == [labels, ()] and found.faults == []


@pytest.mark.parametrize("option", ["topics", ["topics"]])
def test_one_name_in_a_list_is_that_column(tmp_path, option):
    options = {"label_columns": option, "id_column": ["id"], "text_columns": ["text"]}
    found = record(tmp_path, "a.csv", "id,text,topics\n1,x,A;B\n2,y,B\n", options)
    assert [row.labels for row in found.rows] == [("A", "B"), ("B",)]
    in_design = InputSettings(columns={"labels": ["topics"]})
    assert read_records(tmp_path / "a.csv", in_design.columns).rows[0].labels == ("A", "B")


@pytest.mark.parametrize(("option", "value"), [("id_column", 7), ("label_columns", 1.1)])
def test_a_column_of_digits_that_the_workflow_has_read_as_a_number_is_to_be_quoted(tmp_path, option, value):
    with pytest.raises(DataError, match=f"no column '{value}'.*quoted in -params-file"):
        record(tmp_path, "a.csv", "007,text,1.10\n1,x,A;B\n", {option: value})
    quoted = {"id_column": "007", "label_columns": "1.10"}
    assert record(tmp_path, "a.csv", "007,text,1.10\n1,x,A;B\n", quoted).rows[0].labels == ("A", "B")


def test_marks_mean_yes_where_no_cell_says_no(tmp_path):
    content = "id,text,Vision - Aids,Hearing - Aids\n1,x,x,\n2,y,yes,1\n3,z,,\n"
    found = record(tmp_path, "a.csv", content, {"label_columns": "* - Aids"})
    assert [row.labels for row in found.rows] == [("Vision",), ("Hearing", "Vision"), ()] and found.faults == []


def test_the_first_claim_stands_between_title_and_abstract(tmp_path):
    row = {"id": 1, "title": "Cane", "abstract": "It glows.", "labels": ["A"]}
    for claims in (["A cane that glows.", "The cane of claim 1."], "1. A cane that glows. 2. The cane of claim 1."):
        path = save(tmp_path, [{**row, "claims": claims}])
        assert read_records(path, {}).rows[0].text == "Cane. A cane that glows. It glows."


def test_claims_without_numbers_are_taken_whole():
    assert first_claim("A cane. 2. It glows.") == "A cane. 2. It glows."
    assert first_claim("1. A cane of 1.5 m. 2. Another.") == "A cane of 1.5 m."
    assert first_claim([]) == ""


def test_a_field_that_comes_late_in_json_lines_takes_its_role(tmp_path):
    rows = [*({"id": str(i), "text": "x", "labels": ["A"]} for i in range(1500)),
            {"id": "z", "text": "y", "labels": ["A"], "family": "F", "note": 1}]  # fmt: skip
    found = read_records(save(tmp_path, rows), {})
    assert len(found.rows) == 1501 and found.rows[-1].group == "F"


def test_texts_that_begin_with_an_equals_sign_are_text_and_told(tmp_path):
    found = record(tmp_path, "a.csv", "id,text,labels\n=1,=SUM(A1),A\n", {})
    assert (found.rows[0].doc_id, found.rows[0].text) == ("=1", "=SUM(A1)")
    assert "1 texts begin with '='" in found.warnings[0]


# ---- formats ------------------------------------------------------------------------------

# what a sheet, a delimited file and JSON hold alike: no control characters, nothing that reads as a number
WORD = st.text(st.characters(categories=("L",)), min_size=1, max_size=8)
ROWS = st.lists(
    st.fixed_dictionaries({"id": WORD.map("i{}".format), "text": st.lists(WORD, min_size=1, max_size=5).map(" ".join),
                           "labels": st.lists(WORD, max_size=3)}),
    min_size=1, max_size=6,
)  # fmt: skip


def write(folder, kind, rows):
    flat = [[row["id"], row["text"], ";".join(row["labels"])] for row in rows]
    path = folder / f"rows.{kind}"
    if kind == "xlsx":
        book = openpyxl.Workbook()
        for cells in [["id", "text", "labels"], *flat]:
            book.active.append(cells)
        book.save(path)
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows, pa.schema({
            "id": pa.string(), "text": pa.string(), "labels": pa.list_(pa.string())})), path)  # fmt: skip
    elif kind == "jsonl":
        save(folder, rows, path.name)
    else:
        with open(path, "w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file, delimiter="," if kind == "csv" else "\t").writerows([["id", "text", "labels"], *flat])
    return path


@given(ROWS)
@settings(max_examples=25, deadline=None)
def test_ids_texts_and_labels_survive_every_format_and_a_folder_of_shards(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("formats")
    read = {
        kind: [(r.doc_id, r.text, r.labels) for r in read_records(write(folder, kind, rows), {}).rows]
        for kind in ("jsonl", "csv", "tsv", "parquet", "xlsx")
    }
    shards = folder / "shards"
    shards.mkdir()
    for number, row in enumerate(rows):
        write(shards, "csv", [row]).rename(shards / f"part-{number:03d}.csv")
    (shards / "_SUCCESS").touch()
    read["shards"] = [(r.doc_id, r.text, r.labels) for r in read_records(shards, {}).rows]
    assert len(read["jsonl"]) == len(rows) and all(found == read["jsonl"] for found in read.values())


def test_a_workbook_gives_stored_values_of_formulas_and_whole_numbers_as_such(tmp_path):
    book = openpyxl.Workbook()
    for cells in (["id", "text", "labels", None], [7.0, "words", "A;B", None], [8, "more", "B", None]):
        book.active.append(cells)
    book.create_sheet("notes").append(["not read"])
    book.save(tmp_path / "a.xlsx")
    found = read_records(tmp_path / "a.xlsx", {})
    assert [(r.row, r.doc_id, r.labels) for r in found.rows] == [(2, "7", ("A", "B")), (3, "8", ("B",))]


def test_a_folder_is_a_corpus_whose_hash_follows_its_files(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for part in range(4):
        save(folder, DOCS[part * 40 : part * 40 + 40], f"part-{part}.jsonl")
    whole, shards = made(tmp_path, DOCS), made(tmp_path, folder)
    assert shards.documents == whole.documents and shards.corpus["name"] == "mine"
    before = shards.corpus["source_sha256"]
    save(folder, DOCS[120:159], "part-3.jsonl")
    assert made(tmp_path, folder).corpus["source_sha256"] != before


def test_characters_count_as_words_where_a_script_has_no_blanks(tmp_path):
    start = ord("一")
    han = ["".join(chr(start + (i * 97 + j * 31) % 900) for j in range(83)) for i in range(80)]
    rows = [{"id": f"z{i}", "text": text, "labels": ["AB"[i % 2]]} for i, text in enumerate(han)]
    prepared = made(tmp_path, rows, {"policies": "min_words=5, max_words=50"})
    assert len(prepared.documents) == 80 and met(prepared)["long_text"] == 80
    assert {len(row["text"]) for row in prepared.documents} == {50}
    assert "80 texts were cut to 50 words" in prepared.corpus["warnings"]
