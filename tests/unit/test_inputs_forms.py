"""Files in every form that people bring: what is read, from where, and what is said of it."""

import csv
import datetime
import decimal
import gzip
import json
import random
import shutil
import subprocess
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from volfid.core.encoding import piped
from volfid.core.exits import DataError, VolfidError
from volfid.core.splits import split_of
from volfid.inputs.duplicates import repeated_id_faults
from volfid.inputs.labels import read_label_names
from volfid.inputs.odd_texts import odd_text_notes
from volfid.inputs.prepare import prepare
from volfid.inputs.records import read_records
from volfid.inputs.settings import InputSettings, with_options
from volfid.inputs.tables import open_table

WORDS = ["lever", "bed", "sensor", "cushion", "pillow", "glove", "filter", "handle", "seat", "lens", "frame", "rail"]


def documents(number: int = 60, seed: int = 1) -> list[dict]:
    rng = random.Random(seed)
    return [
        {"id": f"d{i:03d}", "text": f"Device {i} has a {' '.join(rng.choices(WORDS, k=12))}{', folded' * (i % 3)}.",
         "labels": sorted({"AB"[i % 2], "ABC"[i % 3]})}
        for i in range(number)
    ]  # fmt: skip


DOCS = documents()
FLAT = [{**row, "labels": "|".join(row["labels"])} for row in DOCS]


def delimited(rows: list[dict], delimiter: str = ",", header: bool = True, end: str = "", before: str = "") -> str:
    def cell(value: str) -> str:
        return f'"{value}"' if delimiter in value else value

    lines = [delimiter.join(rows[0])] if header else []
    lines += [delimiter.join(cell(value) for value in row.values()) for row in rows]
    return before + "".join(f"{line}{end}\n" for line in lines)


def saved(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def content(path: Path, columns: dict | None = None, **options) -> list[tuple]:
    found = read_records(open_table(path, **options), columns or {})
    assert found.faults == [], found.faults[:3]
    return [(row.doc_id, row.text, row.labels) for row in found.rows]


EXPECTED = [(row["id"], row["text"], tuple(row["labels"])) for row in DOCS]


# ---- ids ----------------------------------------------------------------------------------


def outputs(path: Path, synthetic: Path | None = None, **settings) -> list:
    found = prepare(str(path), InputSettings(**settings), 3, synthetic=synthetic)
    told = {**found.corpus, "source_sha256": "", "source": ""}
    return [found.documents, found.labels, told, found.funnel, found.brought]


def test_without_ids_the_order_of_rows_changes_nothing(tmp_path):
    bare = [{"text": row["text"], "labels": row["labels"], "family": f"F{i // 4}"} for i, row in enumerate(DOCS)]
    # the same text with other labels, with the same ones, and in another case
    bare += [{**bare[3], "labels": ["C"]}, dict(bare[5]), {**bare[7], "text": bare[7]["text"].upper()}]
    made = [{"text": f"Synthetic {row['text']}", "labels": row["labels"]} for row in documents(20, 9)]
    made += [{**made[0], "labels": ["B"]}]
    results = []
    for seed in range(3):
        shuffled = random.Random(seed)
        shuffled.shuffle(bare)
        shuffled.shuffle(made)
        folder = tmp_path / str(seed)
        results.append(outputs(saved(folder, "a.jsonl", lines(bare)), saved(folder, "s.jsonl", lines(made))))
    assert results[0] == results[1] == results[2]
    docs, _, corpus, _, brought = results[0]
    assert all(row["doc_id"].startswith("doc-") and len(row["doc_id"]) == 20 for row in docs)
    assert brought and all(row["doc_id"].startswith("brought-") for row in brought)
    assert sum("no column of ids" in note for note in corpus["warnings"]) == 2


def test_repeats_are_numbered_by_what_they_hold(tmp_path):
    rows = [{"text": "one", "labels": ["B"]}, {"text": "one", "labels": ["A"]}, {"text": "two", "labels": ["A"]}]
    found = read_records(saved(tmp_path, "a.jsonl", lines(rows)), {}).rows
    first = next(row.doc_id for row in found if row.labels == ("A",) and row.text == "one")
    assert {row.doc_id for row in found if row.text == "one"} == {first, f"{first}-2"}
    turned = read_records(saved(tmp_path, "b.jsonl", lines(rows[::-1])), {}).rows
    assert {(row.doc_id, row.labels) for row in found} == {(row.doc_id, row.labels) for row in turned}


def test_a_named_id_column_must_be_there_and_faults_give_row_numbers(tmp_path):
    path = saved(tmp_path, "a.csv", "text,labels\nx,A\ny\n")
    with pytest.raises(VolfidError, match="no column 'number'"):
        read_records(path, {"id": "number"})
    assert [(fault.row, fault.doc_id) for fault in read_records(path, {}).faults] == [(3, None)]


# ---- headers ------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.tsv", "\t"), ("a.txt", "\t"), ("a.csv", ";")])
def test_a_file_without_a_header_is_read_by_number(tmp_path, name, delimiter):
    path = saved(tmp_path, name, delimited(FLAT, delimiter, header=False))
    columns = {"id": "1", "text": "2", "labels": "3"}
    assert content(path, columns, no_header=True) == EXPECTED
    assert [row.row for row in read_records(open_table(path, True), columns).rows][:2] == [1, 2]
    for given in ({}, columns):
        with pytest.raises(DataError, match=r"looks like a document.*--no_header") as caught:
            read_records(open_table(path), given)
        assert "Device" not in str(caught.value) and "d000" not in str(caught.value)


def test_a_workbook_and_lists_of_cells_without_a_header(tmp_path):
    book = openpyxl.Workbook()
    for row in FLAT:
        book.active.append(list(row.values()))
    book.save(tmp_path / "a.xlsx")
    cells = [list(row.values()) for row in FLAT]
    columns = {"id": "1", "text": "2", "labels": "3"}
    for path in (tmp_path / "a.xlsx", saved(tmp_path, "a.json", json.dumps(cells))):
        assert content(path, columns, no_header=True) == EXPECTED
        with pytest.raises(DataError, match="--no_header") as caught:
            read_records(open_table(path), columns)
        assert "Device" not in str(caught.value)
    named = saved(tmp_path, "b.json", json.dumps([["id", "text", "labels"], *cells]))
    assert content(named) == EXPECTED


def test_no_header_where_there_is_one_is_refused_but_not_for_synthetic_documents(tmp_path):
    path = saved(tmp_path, "a.csv", delimited(FLAT))
    with pytest.raises(VolfidError, match=r"these are names of columns.*Leave out --no_header") as caught:
        open_table(path, no_header=True)
    assert caught.value.code == 64
    table = open_table(path, no_header=True, lenient=True)
    assert table.columns == ["id", "text", "labels"] and "although no_header" in table.warnings[0]


def test_repeated_cells_of_a_headerless_row_are_not_shown(tmp_path):
    path = saved(tmp_path, "a.csv", "A cane that glows in the dark of the night and folds,1,1\nAnother one,0,1\n")
    with pytest.raises(DataError, match="--no_header") as caught:
        read_records(path, {})
    assert "cane" not in str(caught.value)


@pytest.mark.parametrize("header", ["Titel,Zusammenfassung,CPC", "number,body,cpc", "f1,f2,f3"])
def test_other_names_are_still_names(tmp_path, header):
    path = saved(tmp_path, "a.csv", f"{header}\nx,y,z\n")
    with pytest.raises(DataError, match="the columns are") as caught:
        read_records(path, {})
    assert "--no_header" not in str(caught.value)


def test_the_option_is_read_from_json_and_from_words():
    assert with_options(InputSettings(), {"no_header": True, "text_columns": 2}).columns == {"text": "2"}
    assert with_options(InputSettings(), {"no_header": "true"}).no_header is True
    with pytest.raises(VolfidError, match="no_header is 'perhaps'"):
        with_options(InputSettings(), {"no_header": "perhaps"})


# ---- delimiters ---------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [";", "|", "\t"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_another_delimiter_is_taken_from_the_header_and_told(tmp_path, delimiter, name):
    rows = [{**row, "labels": row["labels"].replace("|", "/")} for row in FLAT]
    text = delimited(rows, delimiter)
    path = saved(tmp_path, name, gzip.compress(text.encode()) if name.endswith(".gz") else text)
    found = read_records(path, {}, separator="/")
    assert [(row.doc_id, row.text, row.labels) for row in found.rows] == EXPECTED
    assert "the cells are separated by" in found.warnings[0]


def test_commas_in_texts_do_not_hide_semicolons_nor_semicolons_commas(tmp_path):
    rows = [{"id": str(i), "text": f"one, two, three, {i}", "labels": "A"} for i in range(9)]
    path = saved(tmp_path, "a.csv", "id;text;labels\n" + "".join(f"{';'.join(row.values())}\n" for row in rows))
    assert [row.text for row in read_records(path, {}).rows] == [row["text"] for row in rows]
    path = saved(tmp_path, "b.csv", "id,text,labels\n" + "".join(f'{i},"x; y; {i}",A;B\n' for i in range(9)))
    found = read_records(path, {})
    assert found.rows[0].text == "x; y; 0" and found.warnings == []


@pytest.mark.parametrize("first", ["sep=;\n", "sep=;\r\n", '"sep=;"\n', "\ufeffsep=;\n"])
def test_the_first_line_of_excel_is_honoured(tmp_path, first):
    path = saved(tmp_path, "a.csv", delimited(FLAT, ";", before=first))
    assert content(path) == EXPECTED
    assert read_records(path, {}).rows[0].row == 3 and read_records(path, {}).warnings == []


def test_a_delimiter_at_the_end_of_rows_is_no_fault(tmp_path):
    for number, (header, end) in enumerate(
        [("id,text,labels", ","), ("id,text,labels,,", ""), ("id,text,labels,", ",")]
    ):
        body = "".join(f'{row["id"]},"{row["text"]}",{row["labels"]}{end}\n' for row in FLAT)
        assert content(saved(tmp_path, f"{number}.csv", f"{header}\n{body}")) == EXPECTED


def test_rows_of_empty_cells_are_blank_and_blanks_may_stand_behind_commas(tmp_path):
    blank = delimited(FLAT).replace("\n", "\n,,\n", 3) + ",,\n"
    assert content(saved(tmp_path, "a.csv", blank)) == EXPECTED
    spaced = "id, text, labels\n" + "".join(f'{r["id"]}, "{r["text"]}", {r["labels"]}\n' for r in FLAT)
    assert content(saved(tmp_path, "b.csv", spaced)) == EXPECTED


@pytest.mark.parametrize(
    "body",
    ["1,x,A\n2,one, two,A\n", "1,x,A\n2,one, two,\n", "1,x,A,\n2,y,A\n", "1,x\n", "1,x,A,,B\n"],
)
def test_ragged_rows_are_faults_whatever_is_at_their_end(tmp_path, body):
    found = read_records(saved(tmp_path, "a.csv", "id,text,labels\n" + body), {})
    assert [fault.reason for fault in found.faults] == ["ragged_row"]


def test_text_split_by_mistake_does_not_hide_below_a_column_without_a_name(tmp_path):
    body = "".join(f"{i},text {i},A,\n" for i in range(9)) + "9,one, two,A\n"
    found = read_records(saved(tmp_path, "a.csv", "id,text,labels,\n" + body), {})
    assert [(fault.row, fault.reason) for fault in found.faults] == [(11, "ragged_row")]
    notes = "".join(f"{i},text {i},A,note {i}\n" for i in range(9))
    assert read_records(saved(tmp_path, "b.csv", "id,text,labels,\n" + notes), {}).faults == []


# ---- quotes -------------------------------------------------------------------------------

STRAY = [
    ("merge", ['"Open quotation that never ends', 'and closes here"']),
    ("inner", ['A 5" wheel and a 3" axle', "plain"]),
    ("begin", ['"Smart" walker with a 5" wheel', "plain"]),
    ("never", ['"never closed', "plain"]),
    ("three", ['"opens', "between", 'closes"']),
]


@pytest.mark.parametrize(("name", "texts"), STRAY)
@pytest.mark.parametrize("column", ["id\tlabels\ttext", "text\tid\tlabels"])
def test_stray_quotes_of_a_tsv_swallow_no_rows(tmp_path, name, texts, column):
    order = column.split("\t")
    rows = [{"id": f"q{i}", "labels": "A", "text": text} for i, text in enumerate([*texts, "last"])]
    path = saved(tmp_path, "a.tsv", column + "\n" + "".join("\t".join(r[key] for key in order) + "\n" for r in rows))
    found = read_records(path, {})
    assert [(row.doc_id, row.text) for row in found.rows] == [(row["id"], row["text"]) for row in rows]
    assert name == "inner" or "quotes were read as part of the text" in found.warnings[0]


def test_where_lines_do_not_all_fit_swallowed_rows_are_a_fault(tmp_path):
    body = '1\tA\t"opens\n2\tA\tcloses"\n3\tA\tx\ty\n4\tA\tfour\n'
    found = read_records(saved(tmp_path, "a.tsv", "id\tlabels\ttext\n" + body), {})
    assert [(fault.row, fault.reason) for fault in found.faults] == [(2, "bad_quotes"), (3, "ragged_row")]
    assert "opens\n" not in str(found.faults[0])


def test_quoted_cells_of_a_tsv_keep_their_line_ends_and_tabs(tmp_path):
    path = tmp_path / "a.tsv"
    with open(path, "w", newline="") as file:
        out = csv.writer(file, delimiter="\t")
        out.writerows([["id", "text", "labels"], ["1", "two\nlines\tand a tab", "A;B"], ["2", 'a "quote"', "B"]])
    found = read_records(path, {})
    assert [row.text for row in found.rows] == ["two lines and a tab", 'a "quote"']
    assert not any("quotes" in note for note in found.warnings)


def test_a_csv_whose_every_line_fits_and_whose_quotes_swallow_rows_is_refused(tmp_path):
    body = '1,"opens,A\n2,closes",A\n3,x,B\n'
    found = read_records(saved(tmp_path, "a.csv", "id,text,labels\n" + body), {})
    assert [(fault.row, fault.reason) for fault in found.faults] == [(2, "bad_quotes")]
    body = '1,"first, line\nsecond, line",A\n2,"plain, too",B\n'
    found = read_records(saved(tmp_path, "b.csv", "id,text,labels\n" + body), {})
    assert [row.text for row in found.rows] == ["first, line second, line", "plain, too"]


# ---- JSON ---------------------------------------------------------------------------------


def by_column(rows: list[dict]) -> dict:
    return {key: {str(i): row[key] for i, row in enumerate(rows)} for key in rows[0]}


JSON_FORMS = {
    "array": lambda rows: json.dumps(rows),
    "indented": lambda rows: "\n" + json.dumps(rows, indent=2) + "\n",
    "bom": lambda rows: "\ufeff" + json.dumps(rows),
    "lines": lines,
    "lines_with_blanks": lambda rows: "\n" + lines(rows).replace("\n", "\n\n"),
    "objects_over_lines": lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows),
    "data": lambda rows: json.dumps({"version": "1", "data": rows}),
    "rows_over_lines": lambda rows: json.dumps({"rows": rows}, indent=1),
    "columns_in_data": lambda rows: json.dumps({"data": by_column(rows)}),
    "any_key": lambda rows: json.dumps({"patents": rows, "n": len(rows)}),
    "columns_of_lists": lambda rows: json.dumps({key: [row[key] for row in rows] for key in rows[0]}),
    "columns_of_pandas": lambda rows: json.dumps(by_column(rows)),
    "index_of_pandas": lambda rows: json.dumps({str(i): row for i, row in enumerate(rows)}),
    "split_of_pandas": lambda rows: json.dumps({
        "columns": list(rows[0]), "index": list(range(len(rows))), "data": [list(row.values()) for row in rows],
    }),
    "keys_are_ids": lambda rows: json.dumps({row["id"]: {k: row[k] for k in ("text", "labels")} for row in rows}),
}  # fmt: skip


@pytest.mark.parametrize("form", JSON_FORMS)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt", "a", "a.json.gz"])
def test_json_is_read_by_its_content_under_any_name(tmp_path, form, name):
    text = JSON_FORMS[form](DOCS).encode()
    assert content(saved(tmp_path, name, gzip.compress(text) if name.endswith(".gz") else text)) == EXPECTED


def test_a_key_that_holds_the_rows_is_told_with_what_was_left(tmp_path):
    found = read_records(saved(tmp_path, "a.json", json.dumps({"licence": "x", "data": DOCS})), {})
    assert "the rows are those of the key 'data'" in found.warnings[0] and "'licence'" in found.warnings[0]


def test_keys_that_name_sides_are_the_split(tmp_path):
    path = saved(tmp_path, "a.json", json.dumps({"train": DOCS[:30], "validation": DOCS[30:40], "test": DOCS[40:]}))
    found = read_records(path, {})
    sides = [row.split for row in found.rows]
    assert sides == ["train"] * 30 + ["reference"] * 10 + ["test"] * 20 and "keys 'train'" in found.warnings[0]


def test_a_folder_of_single_objects_is_one_document_a_file(tmp_path):
    folder = tmp_path / "hupd like"
    for place, row in enumerate(DOCS):
        inventors = [{"inventor_name_last": "N", "inventor_city": "M"}]
        held = {"application_number": row["id"], "title": "A device", "abstract": row["text"], "main": row["labels"]}
        saved(folder, f"{place:08d}.json", json.dumps({**held, "inventor_list": inventors}, indent=place % 2 or None))
    found = content(folder, {"id": "application_number", "labels": "main"})
    assert found == [(i, f"A device. {text}", labels) for i, text, labels in EXPECTED]
    saved(folder, "labels.json", json.dumps([{"label": "A"}, {"label": "B"}]))
    with pytest.raises(DataError, match=r"files of one document .* and files of several .'labels.json'"):
        open_table(folder)


def test_one_broken_line_of_json_lines_is_one_fault(tmp_path):
    for name in ("a.jsonl", "a.json"):
        for broken in ('{"id": "x", "te', '{"id": NaN}'):
            path = saved(tmp_path, name, lines(DOCS[:2]) + broken + "\n" + lines(DOCS[2:]))
            assert [fault.row for fault in read_records(path, {}).faults] == [3]
    path = saved(tmp_path, "b.jsonl", '{"id": NaN}\n' + lines(DOCS))
    assert [fault.row for fault in read_records(path, {}).faults] == [1]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", '{"a": [{"x": 1}], "b": [{"x": 2}, {"x": 3}]}', "several lists"),
        ("a.json", '["x", "y"]', "a list of str"),
        ("a.json", '[{"text": "Some secret text"', "not JSON"),
        ("a.json", '{"text": "Some secret text", "text": 1}', "stands twice"),
        ("a.json", "caf\xe9".encode("latin-1"), "Latin-1"),
        ("a.txt", "Hello, world\nthis is no table\n", "suffix .txt"),
        ("a.log", "one\ntwo\n", "suffix .log"),
    ],
)
def test_what_holds_no_table_is_refused_and_no_text_is_shown(tmp_path, name, text, words):
    with pytest.raises(DataError, match=words) as caught:
        read_records(saved(tmp_path, name, text), {})
    assert caught.value.code == 65 and "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.txt", "a", "a.dat", "A.CSV", "a.csv.txt"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_text_files_are_read_by_what_they_hold(tmp_path, name, delimiter):
    assert content(saved(tmp_path, name, delimited(FLAT, delimiter))) == EXPECTED


def test_wrong_names_of_tables_are_read_and_told(tmp_path):
    pq.write_table(pa.table({key: [row[key] for row in DOCS] for key in DOCS[0]}), tmp_path / "a.csv")
    book = openpyxl.Workbook()
    for row in [DOCS[0], *FLAT]:
        book.active.append(list(row) if row is DOCS[0] else list(row.values()))
    book.save(tmp_path / "b.xlsx")
    shutil.move(tmp_path / "b.xlsx", tmp_path / "b.csv")
    saved(tmp_path, "c.csv", json.dumps(DOCS))
    with zipfile.ZipFile(tmp_path / "d.csv.zip", "w") as archive:
        archive.writestr("d.csv", delimited(FLAT))
    for name in ("a.csv", "b.csv", "c.csv", "d.csv.zip"):
        assert content(tmp_path / name) == EXPECTED, name
        assert name == "d.csv.zip" or "by its content" in read_records(tmp_path / name, {}).warnings[0]


# ---- splits by the names of files ---------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("train.csv", "train"), ("news_train.csv", "train"), ("training.jsonl", "train"), ("dev.csv", "reference"),
        ("val-2.csv", "reference"), ("eval.csv", "reference"), ("validation-00000-of-00001.parquet", "reference"),
        ("Test.CSV", "test"), ("test-00000-of-00001.parquet", "test"), ("latest.csv", None), ("train_val.csv", None),
        ("contest.csv", None), ("constrained.csv", None),
    ],
)  # fmt: skip
def test_names_of_files_say_a_side_by_whole_words(name, side):
    assert split_of(name) == side


def split_folder(folder: Path, names: list[str], rows: list[dict] = FLAT) -> Path:
    size = len(rows) // len(names)
    for place, name in enumerate(names):
        saved(folder, name, delimited(rows[place * size : (place + 1) * size], "\t" if "tsv" in name else ","))
    return folder


@pytest.mark.parametrize(
    "names", [["train.csv", "dev.csv", "test.csv"], ["n_test.tsv", "n_train-0.tsv", "n_train-1.tsv", "n_val.tsv"]]
)
def test_a_folder_of_train_dev_and_test_is_a_split(tmp_path, names):
    found = read_records(split_folder(tmp_path / "news", names), {})
    assert [row.split for row in found.rows] == [split_of(row.file) for row in found.rows]
    assert {row.split for row in found.rows} == {"train", "reference", "test"}
    assert any("the split was taken from the names of the files" in note for note in found.warnings)
    prepared = prepare(str(tmp_path / "news"), InputSettings(), 1)
    assert {row["doc_id"]: row["split"] for row in prepared.documents} == {r.doc_id: r.split for r in found.rows}


def test_names_do_not_count_beside_a_column_nor_where_they_say_too_little(tmp_path):
    with_column = [{**row, "split": ["test", "train"][i % 2]} for i, row in enumerate(FLAT)]
    found = read_records(split_folder(tmp_path / "a", ["train.csv", "test.csv"], with_column), {})
    assert [row.split for row in found.rows[:2]] == ["test", "train"]
    for place, names in enumerate((["train.csv", "test.csv", "more.csv"], ["dev.csv", "test.csv"])):
        found = read_records(split_folder(tmp_path / str(place), names), {})
        assert {row.split for row in found.rows} == {None} and "none was taken" in found.warnings[0]
    found = read_records(split_folder(tmp_path / "shards", ["train-0.csv", "train-1.csv"]), {})
    assert {row.split for row in found.rows} == {None} and found.warnings == []


def test_text_files_of_a_folder_are_taken_where_they_hold_tables(tmp_path):
    split_folder(tmp_path / "news", ["train.tsv", "test.tsv"])
    for path in list((tmp_path / "news").iterdir()):
        path.rename(path.with_suffix(".txt"))
    saved(tmp_path / "news", "README.txt", "What this is.\n")
    found = read_records(tmp_path / "news", {})
    assert len(found.rows) == len(FLAT) and {row.split for row in found.rows} == {"train", "test"}


# ---- --test -------------------------------------------------------------------------------


def test_a_second_file_is_the_test_side(tmp_path):
    real = saved(tmp_path, "a.csv", delimited(FLAT[:40]))
    test = saved(tmp_path, "b.jsonl", lines(DOCS[40:]))
    found = prepare(str(real), InputSettings(min_label_documents=3), 1, test=test)
    sides = {row["doc_id"]: row["split"] for row in found.documents}
    assert {doc_id for doc_id, side in sides.items() if side == "test"} == {row["id"] for row in DOCS[40:]}
    assert "reference" in sides.values() and any(
        "the test side is b.jsonl (20 rows)" in w for w in found.corpus["warnings"]
    )
    alone = prepare(str(real), InputSettings(min_label_documents=3), 1)
    assert found.corpus["source_sha256"] != alone.corpus["source_sha256"]


def test_the_test_file_is_checked_like_the_other_one(tmp_path):
    real = saved(tmp_path, "a.csv", delimited(FLAT[:40]))
    for folder, rows, words in (
        ("same", FLAT[39:], "--test a.csv, row 2, field 'id': the id 'd039' stands in row 41 of a.csv already"),
        ("ragged", [{**row, "more": "x"} for row in FLAT[40:]], None),
    ):
        test = saved(tmp_path / folder, "a.csv", delimited(rows))
        if words:
            with pytest.raises(VolfidError, match=words):
                prepare(str(real), InputSettings(), 1, test=test)
        else:
            prepare(str(real), InputSettings(min_label_documents=3), 1, test=test)
    with pytest.raises(VolfidError, match="no column 'text'"):
        prepare(str(real), InputSettings(), 1, test=saved(tmp_path, "c.csv", "id,body,labels\n1,x,A\n"))
    own = saved(tmp_path, "d.jsonl", lines([{**row, "split": "train"} for row in DOCS]))
    with pytest.raises(VolfidError, match="the split is 'train' in the file of --test"):
        prepare(str(real), InputSettings(), 1, test=own)


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("fixture", {}, "fixture"),
        ("split", {}, "a test side of its own"),
        ("plain", {"split_by": "date"}, "split_by is date"),
    ],
)
def test_two_test_sides_are_refused(tmp_path, source, options, words):
    test = saved(tmp_path, "t.jsonl", lines(DOCS[40:]))
    plain = saved(tmp_path, "plain.jsonl", lines(DOCS[:40]))
    split = saved(
        tmp_path, "split.jsonl", lines([{**r, "split": ["test", "train"][i % 2]} for i, r in enumerate(DOCS)])
    )
    given = {"fixture": "fixture", "plain": str(plain), "split": str(split)}[source]
    with pytest.raises(VolfidError, match=words) as caught:
        prepare(given, InputSettings(**options), 1, test=test)
    assert caught.value.code == 64 and caught.value.mend


def test_made_ids_of_both_files_are_told_apart(tmp_path):
    bare = [{"text": row["text"], "labels": row["labels"]} for row in DOCS]
    real, test = saved(tmp_path, "a.jsonl", lines(bare[:40])), saved(tmp_path, "b.jsonl", lines(bare[38:]))
    found = prepare(str(real), InputSettings(min_label_documents=3), 1, test=test)
    assert sum(row["split"] == "test" for row in found.documents) == 22, "of texts on both sides the test side stays"
    assert len({row["doc_id"] for row in found.documents}) == 60
    assert any(note.startswith("a.jsonl and b.jsonl: no column of ids") for note in found.corpus["warnings"])


# ---- Parquet ------------------------------------------------------------------------------


def parquet(path: Path, **columns) -> Path:
    pq.write_table(pa.table({"id": ["1", "2"], "text": ["x", "y"], "labels": [["A"], ["B"]], **columns}), path)
    return path


DAY = datetime.date(2020, 1, 2)
TYPES = {
    "text_as_bytes": ({"text": pa.array([b"caf\xc3\xa9", None])}, lambda row: row.text, ["caf\u00e9", ""]),
    "large_string": ({"text": pa.array(["x", "y"], pa.large_string())}, lambda row: row.text, ["x", "y"]),
    "decimal_id": ({"id": pa.array([decimal.Decimal(7), decimal.Decimal(8)])}, lambda row: row.doc_id, ["7", "8"]),
    "scaled_decimal_id": (
        {"id": pa.array([7, 8], pa.decimal128(12, 2))}, lambda row: row.doc_id, ["7", "8"]
    ),
    "dictionary": ({"id": pa.array(["a", "b"]).dictionary_encode()}, lambda row: row.doc_id, ["a", "b"]),
    "list_of_dictionary": (
        {"labels": pa.ListArray.from_arrays([0, 1, 2], pa.array(["A", "B"]).dictionary_encode())},
        lambda row: row.labels, [("A",), ("B",)],
    ),
    "list_of_bytes": ({"labels": pa.array([[b"A"], [b"B"]])}, lambda row: row.labels, [("A",), ("B",)]),
    "list_of_decimals": (
        {"labels": pa.array([[1], [2]], pa.list_(pa.decimal128(5, 0)))}, lambda row: row.labels, [("1",), ("2",)]
    ),
    "family_as_date": ({"family": pa.array([DAY, None])}, lambda row: row.group, ["2020-01-02", None]),
    "family_as_bytes": ({"family": pa.array([b"F", None])}, lambda row: row.group, ["F", None]),
    "date32": ({"date": pa.array([DAY, DAY])}, lambda row: row.date, ["2020-01-02"] * 2),
    "timestamp": ({"date": pa.array([1, 2], pa.timestamp("s"))}, lambda row: row.date, ["1970-01-01"] * 2),
    "nanoseconds": ({"date": pa.array([1, 2], pa.timestamp("ns"))}, lambda row: row.date, ["1970-01-01"] * 2),
    "time_zone": ({"date": pa.array([1, 2], pa.timestamp("us", "UTC"))}, lambda row: row.date, ["1970-01-01"] * 2),
    "date_as_decimal": (
        {"date": pa.array([20200102, 20200103], pa.decimal128(8, 0))}, lambda row: row.date,
        ["2020-01-02", "2020-01-03"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
def test_parquet_types_are_read_as_what_they_mean(tmp_path, kind):
    columns, part, values = TYPES[kind]
    found = read_records(parquet(tmp_path / "a.parquet", **columns), {}, dates="date" in columns)
    assert found.faults == [] and [part(row) for row in found.rows] == values


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"text": pa.array([b"\xff", b"y"])}, "field 'text': the cell is not text but bytes that are no UTF-8"),
        ({"text": pa.array([DAY, DAY])}, "field 'text': the cell is not text but a date"),
        ({"text": pa.array([{"a": 1}, {"a": 2}])}, "field 'text': the cell is not text but a mapping"),
        ({"text": pa.array([True, False])}, "field 'text': the cell is not text but a truth value"),
        ({"id": pa.array([1.5, 2.0])}, "field 'id': the id is not text but a number with decimals"),
        ({"id": pa.array([decimal.Decimal("1.5"), None])}, "field 'id': the id is not text but a decimal number"),
        ({"family": pa.array([[1], [2]])}, "field 'family': the group is not text but a list"),
    ],
)
def test_parquet_types_that_cannot_be_read_are_named(tmp_path, columns, words):
    found = read_records(parquet(tmp_path / "a.parquet", **columns), {})
    assert words in str(found.faults[0])


# ---- workbooks ----------------------------------------------------------------------------


def workbook(path: Path, **sheets: list[list]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


HEADER = ["id", "text", "labels"]


@pytest.mark.parametrize("first", [[], [[]], [["Read me"]], [["Read me"], ["and this"]]])
def test_the_first_sheet_with_a_table_is_read(tmp_path, first):
    found = read_records(workbook(tmp_path / "a.xlsx", Notes=first, Data=[HEADER, ["1", "x", "A"]]), {})
    assert found.rows[0].text == "x"
    assert any(first) is any("'Data' was read, and 1 further sheets were not: 'Notes'" in w for w in found.warnings)


def test_a_title_above_the_table_is_passed_over_and_told(tmp_path):
    rows = [["Export of 3 March"], [], HEADER, ["1", "x", "A"], ["2", "y", "B", "z"]]
    found = read_records(workbook(tmp_path / "a.xlsx", Data=rows), {})
    assert [(row.row, row.doc_id) for row in found.rows] == [(4, "1")]
    assert "the names of the columns were taken from row 3" in found.warnings[0]
    assert [(fault.row, fault.detail) for fault in found.faults] == [
        (5, "the cell D5 stands right of the last column of the header")
    ]
    title = saved(tmp_path, "a.csv", "Export of 3 March\nid,text,labels\n1,x,A\n2,y,B\n")
    wide = saved(tmp_path, "b.csv", "Export of 3 March;;\nid;text;labels\n1;x;A\n2;y;B\n")
    with pytest.raises(DataError, match=r"row 1 has one cell"):
        read_records(wide, {})
    with pytest.raises(DataError, match=r"row 1 has one cell, and the rows below it have 3.*Delete the lines above"):
        read_records(title, {})


def test_truth_values_and_dates_of_a_workbook(tmp_path):
    when = datetime.datetime(2020, 1, 2)
    rows = [
        ["id", "text", "A", "B", "family", "date"],
        ["1", "x", True, False, when, when],
        ["2", "y", False, True, 7, when],
    ]
    found = read_records(workbook(tmp_path / "a.xlsx", Data=rows), {}, dates=True)
    assert [(row.labels, row.group, row.date) for row in found.rows] == [
        (("A",), "2020-01-02", "2020-01-02"), (("B",), "7", "2020-01-02"),
    ]  # fmt: skip


# ---- label lists --------------------------------------------------------------------------

LISTS = [
    ("l.json", '{"A": "Ay", "B": "Bee"}'),
    ("l.json", '{"A": {"name": "Ay"}, "B": {"title": "Bee", "definition": null}}'),
    ("l.json", '{"A": {"label": "Ay"}, "B": {"name": "Bee"}}'),
    ("l.json", '{"id2label": {"A": "Ay", "B": "Bee"}, "n": 2}'),
    ("l.json", '{"labels": {"A": "Ay", "B": "Bee"}}'),
    ("l.json", '{"label": "A", "name": "Ay"}\n{"label": "B", "name": "Bee"}\n'),
    ("l.jsonl", '[{"label": "A", "name": "Ay"}, {"label": "B", "name": "Bee"}]'),
    ("l.csv", "label;name\nA;Ay\nB;Bee\n"),
    ("l.txt", "label\tname\nA\tAy\nB\tBee\n"),
]
CODES = "G06F,Computing\nH04N,Pictures\nA61G,Transport\n"


@pytest.mark.parametrize(("name", "text"), LISTS)
def test_label_lists_come_in_many_forms(tmp_path, name, text):
    found = read_label_names(saved(tmp_path, name, text))
    assert {label: about.name for label, about in found.items()} == {"A": "Ay", "B": "Bee"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.csv", CODES), ("l.tsv", CODES.replace(",", "\t")), ("l.csv", "1,one\n2,two\n10,ten\n"),
        ("l.csv", 'A,"' + "a long definition of what the label means " * 3 + '"\nB,b\n'),
    ],
)  # fmt: skip
def test_label_lists_without_a_header_are_seen_to_be_such(tmp_path, name, text):
    found = read_label_names(saved(tmp_path, name, text))
    assert list(found) == [line.split("," if name == "l.csv" else "\t")[0] for line in text.splitlines()]
    assert all(about.name for about in found.values())


def test_a_plain_list_is_of_labels_without_names(tmp_path):
    found = read_label_names(saved(tmp_path, "l.json", '["hearing aid", "vision", 7]'))
    assert {label: about.name for label, about in found.items()} == {"hearing aid": None, "vision": None, "7": None}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("l.csv", "cpc,beschreibung\nA,Ay\nB,Bee\n", "the columns are 'cpc', 'beschreibung'"),
        ("l.csv", "name,definition\nA,Ay\n", "the columns are 'name', 'definition'"),
        ("l.jsonl", '{"cpc": "A"}\n{"cpc": "B"}\n', "the columns are 'cpc'"),
        ("l.json", '{"mobility": 1, "hearing": 2}', "row 1: 'mobility' stands for a number"),
        ("l.json", '{"A": "Ay", "A": "Bee"}', "'A' stands twice"),
        ("l.json", '["A", "A"]', "'A' stands in row 1 already"),
    ],
)
def test_other_label_lists_are_refused_by_what_was_found(tmp_path, name, text, words):
    with pytest.raises(DataError, match=words) as caught:
        read_label_names(saved(tmp_path, name, text))
    assert caught.value.mend


# ---- mends that are pasted ----------------------------------------------------------------

ODD = ["my donn\u00e9es.csv", 'it\'s "mine" $HOME `x`.csv', "-v.csv", "a;b & (1).csv", "a.csv.gz", "my data.csv.zip"]
LATIN = "id,text,labels\n1,caf\u00e9 \u00e0 la carte,A\n2,th\u00e9,B\n".encode("latin-1")
BROKEN = {
    "latin1": LATIN,
    "utf16": LATIN.decode("latin-1").encode("utf-16"),
    "nul": b"id,text,labels\n1,x\x00y,A\n2,z,B\n",
    "cyrillic": "id,text,labels\n1,\u0423\u0441\u0442\u0440\u043e\u0439\u0441\u0442\u0432\u043e,A\n2,z,B\n".encode(
        "cp1251"
    ),
    "japanese": "id,text,labels\n1,\u6b69\u884c\u306e\u6a5f,A\n2,z,B\n".encode("shift_jis"),
    "backslash": b'id,text,labels\n1,"He said \\"stop\\", then went",A\n2,z,B\n',
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", ODD)
def test_every_printed_command_runs_in_a_shell_and_mends_the_file(tmp_path, kind, name):
    text = BROKEN[kind]
    if name.endswith(".zip"):
        if shutil.which("unzip") is None:
            pytest.skip("there is no unzip here")
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("inner.csv", text)
    else:
        saved(tmp_path, name, gzip.compress(text) if name.endswith(".gz") else text)
    try:
        faults = read_records(tmp_path / name, {}).faults
        mend = faults[0].mend or ""
    except DataError as error:
        mend = error.mend or ""
    command = next(
        mend[mend.index(word) :] for word in ("gzip -dc", "unzip -p", "iconv", "tr -d", "sed 's") if word in mend
    )
    before = set(tmp_path.iterdir())
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    if kind in ("cyrillic", "japanese"):  # several code pages fit: the command shows what one of them gives
        assert set(tmp_path.iterdir()) == before and done.stdout.startswith(b"id,text,labels\n1,")
        return
    (made,) = set(tmp_path.iterdir()) - before
    found = read_records(made, {})
    assert [row.doc_id for row in found.rows] == ["1", "2"] and found.faults == []


def test_a_name_that_begins_with_a_dash_is_no_option():
    assert piped("-n x.csv", "cat", "new_") == "cat './-n x.csv' > 'new_-n x.csv'"


CODE_PAGES = {
    "cp1250": "\u017ealobce nep\u0159\xedli\u0161 v\u011bt\u0161\xed t\u011b\u017ek\xfd p\u0159\xedpad",
    "mac_roman": "gr\xf6\xdfer \xfcber Geb\xfchr H\xe4user Kl\xe4ger",
    "cp850": "gr\xf6\xdfer \xfcber Geb\xfchr H\xe4user Kl\xe4ger",
    "cp1253": "\u03b1\u03c0\u03bf\u03b4\u03b5\u03af\u03c7\u03b8\u03b7\u03ba\u03b5 \u03b4\u03b5\u03bd",
    "koi8_r": "\u0438\u0441\u0442\u0435\u0446 \u043f\u0440\u0438\u0437\u043d\u0430\u043b \u0441\u0443\u0434",
    "gb18030": "\u6cd5\u9662\u8ba4\u4e3a\u539f\u544a\u7684\u8bf7\u6c42",
    "big5": "\u6cd5\u9662\u8a8d\u70ba\u539f\u544a\u7684\u8acb\u6c42",
}
ICONV = {"cp1250": "WINDOWS-1250", "mac_roman": "MACINTOSH", "cp1253": "WINDOWS-1253", "koi8_r": "KOI8-R"}


@pytest.mark.parametrize("codec", CODE_PAGES)
def test_where_several_code_pages_fit_none_is_chosen(tmp_path, codec):
    words = CODE_PAGES[codec]
    text = "id,text,labels\n" + "".join(f"{i},{words} {words},A\n" for i in range(9))
    fault = read_records(saved(tmp_path, "a.csv", text.encode(codec)), {}).faults[0]
    names = fault.detail.partition("can be ")[2].replace(" or ", ", ").split(", ")
    assert ICONV.get(codec, codec.upper()) in names and 2 <= len(names) <= 4
    assert "> utf8_" not in fault.mend and fault.mend.endswith("-t UTF-8 a.csv | head")


@pytest.mark.parametrize(
    "text", ["d\xe9cision rejet\xe9e \u2019o\xf9 l\u2019\xe9l\xe8ve", "gr\xf6\xdfer \xfcber", "ma\xf1ana as\xed"]
)
def test_western_letters_have_one_command(tmp_path, text):
    made = saved(tmp_path, "a.csv", f"id,text,labels\n1,some more words of {text} here,A\n".encode("cp1252"))
    (fault,) = read_records(made, {}).faults
    assert "looks like" in fault.detail and fault.mend.endswith("a.csv > utf8_a.csv")


ODD_TEXTS = {
    "mojibake": ["caf\u00c3\u00a9 in M\u00c3\u00bcnchen", "the court\u00e2\u20ac\u2122s view", "\u00c5\u00a1koda"],
    "U+FFFD": ["a gr\ufffd\ufffder seat"],
    "b'...'": ["b'a lever and a seat'"],
    "['a', 'b']": ["['a', 'lever', 'and', 'a', 'seat']", "('a', 'b')"],
    "html.unescape": ["a lever&nbsp;and &amp; a seat"],
    "_x000D_": ["a lever_x000D_ and a seat"],
}


@pytest.mark.parametrize("kind", ODD_TEXTS)
def test_damaged_texts_are_counted_and_left(kind):
    texts = ODD_TEXTS[kind]
    (note,) = odd_text_notes("a.csv", [*texts, "plain"])
    assert note.startswith(f"a.csv: {len(texts)} of {len(texts) + 1} texts") and kind in note
    assert not any(text in note for text in texts)


def test_right_texts_are_not_taken_for_damaged():
    right = [
        "S\u00c3O PAULO", "\u00c5ngstr\u00f6m \u00e2ge \u00d1and\u00fa", "AT&T; R&D; a & b",
        "b is a letter 'x'", "[1] see 'a'",
        "\u0421\u0421\u0421\u0420 \u0420\u0421\u0424\u0421\u0420 \u041d\u0430 \u0420\u043e\u0441\u0441\u0438\u044e",
        "\u201cNA\u00c7\u00c3O\u201d", "\u201eGR\u00c4\u201c", "\u5c0f\u8aac \u3068 \ud55c\uae00",
    ]  # fmt: skip
    assert odd_text_notes("a.csv", right) == []


def test_prepare_tells_damaged_texts(tmp_path):
    docs = [{**row, "text": row["text"] + " caf\u00c3\u00a9"} if i < 7 else row for i, row in enumerate(DOCS)]
    made = saved(tmp_path, "a.jsonl", "\n".join(json.dumps(row) for row in docs))
    found = prepare(str(made), InputSettings(min_label_documents=3), 1)
    assert any("7 of 60 texts" in note and "mojibake" in note for note in found.corpus["warnings"])


def test_line_ends_of_a_spreadsheet_are_removed(tmp_path):
    book = openpyxl.Workbook()
    for row in (["id", "text", "labels"], ["1", "one_x000D_\ntwo_x000D_three", "A"]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert read_records(tmp_path / "a.xlsx", {}).rows[0].text == "one two three"


@pytest.mark.parametrize("role", ["split", "date", "id"])
def test_texts_in_a_column_of_another_role_are_not_printed(tmp_path, role):
    text = "The secret lever of the device is folded here"
    made = saved(tmp_path, "a.csv", "n,text,labels\n" + f"1,{text},A\n" * 3)
    found = read_records(made, {role: "text", "text": "n"}, dates=role == "date")
    faults = repeated_id_faults(found.rows) if role == "id" else found.faults
    assert faults and all("secret" not in f.detail and f"a text of {len(text)} characters" in f.detail for f in faults)


def counted(docs: list[dict], first: int) -> str:
    return "id,text,labels\n" + "".join(
        f"{i},{d['text'].replace(',', '')},{d['labels'][0]}\n" for i, d in enumerate(docs, first)
    )


@pytest.mark.parametrize("way", ["folder", "test"])
def test_ids_that_count_from_0_on_both_sides_begin_with_their_side(tmp_path, way):
    folder = tmp_path / "corpus"
    folder.mkdir()
    docs = [{**row, "text": row["text"] + f" number {i}"} for i, row in enumerate(DOCS)]
    (folder / "train.csv").write_text(counted(docs[:40], 0))
    test = (folder if way == "folder" else tmp_path) / "test.csv"
    test.write_text(counted(docs[40:], 0))
    synthetic = saved(
        tmp_path, "s.csv", "id,text,labels,source\ns1,A new text of a new lever that is long enough,A,5\n"
    )
    found = prepare(
        str(folder if way == "folder" else folder / "train.csv"), InputSettings(min_label_documents=3), 1,
        test=None if way == "folder" else test, synthetic=synthetic,
    )  # fmt: skip
    ids = {row["doc_id"]: row["text"] for row in found.documents}
    assert len(ids) == 60 and ids["train:5"].endswith("number 5") and ids["test:5"].endswith("number 45")
    assert any("20 ids stand in files of several sides" in note for note in found.corpus["warnings"])
    assert not any("source" in note for note in found.corpus["warnings"])


def test_an_id_with_one_text_on_both_sides_stays(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "train.csv").write_text(counted(DOCS[:40], 0))
    (folder / "test.csv").write_text(counted(DOCS[:3], 0) + counted(DOCS[40:], 40).partition("\n")[2])
    with pytest.raises(DataError, match=r"stands in row 2 of test\.csv already"):
        prepare(str(folder), InputSettings(min_label_documents=3), 1)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_header_that_stands_again_in_the_file_is_left_out_and_told(tmp_path, form):
    rows = [["id", "text", "labels"], ["1", "one", "A"], ["id", "text", "labels"], ["2", "id", "B"]]
    path = tmp_path / f"a.{form}"
    if form == "csv":
        path.write_text("".join(",".join(row) + "\n" for row in rows))
    else:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)
    found = read_records(path, {})
    assert [row.doc_id for row in found.rows] == ["1", "2"] and found.faults == []
    assert [note for note in found.warnings if "repeat the header (the first is row 3 of" in note]


def test_an_archive_made_on_a_mac_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.csv.zip", "w") as archive:
        archive.writestr("a.csv", "id,text,labels\n1,one,A\n")
        archive.writestr("__MACOSX/._a.csv", b"\x00\x05\x16\x07")
        archive.writestr(".DS_Store", b"\x00")
    assert [row.doc_id for row in read_records(tmp_path / "a.csv.zip", {}).rows] == ["1"]


def test_notes_that_libraries_write_beside_tables_are_passed_over(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "dataset_infos.json").write_text('{"default": {"features": {}}}')
    (folder / "a.jsonl").write_text('{"id": "1", "text": "one", "labels": ["A"]}\n')
    found = read_records(folder, {})
    assert len(found.rows) == 1 and any("dataset_infos.json" in note for note in found.warnings)


def test_merged_cells_of_a_sheet_are_told(tmp_path):
    book = openpyxl.Workbook()
    for row in (["id", "text", "labels"], ["1", "one", "A"], ["2", "two", None], ["3", "three", "B"]):
        book.active.append(row)
    book.active.merge_cells("C2:C3")
    book.active.merge_cells("E4:F4")
    book.save(tmp_path / "a.xlsx")
    (note,) = [note for note in read_records(tmp_path / "a.xlsx", {}).warnings if "merged" in note]
    assert "(C2:C3)" in note and "Unmerge" in note
