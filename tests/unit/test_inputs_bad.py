"""What a user is told about a bad input: the message with file, row, field and mend, and the exit code."""

import datetime
import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from volfid.core.exits import VolfidError
from volfid.inputs.prepare import prepare
from volfid.inputs.settings import InputSettings, with_options

HEAD = "id,text,labels\n"
GOOD = {"id": "1", "text": "some words", "labels": ["A"]}


def lines(*rows: object) -> bytes:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


def sheet(*rows: list) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def parquet(**columns) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


CYRILLIC = "id,text,labels\n1,Устройство помощи при ходьбе,A\n"
# name of the case: (file or folder of files, content, options, words of the message)
BAD = {
    # encodings
    "utf16": ("a.csv", (HEAD + "1,x,A\n").encode("utf-16"), {}, ["row 1", "UTF-16", "iconv -f UTF-16 -t UTF-8 a.csv"]),
    "utf16_without_mark": ("a.csv", (HEAD + "1,x,A\n").encode("utf-16-le"), {}, ["UTF-16LE", "iconv -f UTF-16LE"]),
    "utf32": ("a.tsv", (HEAD + "1,x,A\n").encode("utf-32"), {}, ["UTF-32", "iconv"]),
    "latin1": (
        "a.csv", (HEAD + "1,x,A\n2,caf\xe9,A\n").encode("latin-1"), {},
        ["row 3", "0xE9", "Latin-1", "iconv -f ISO-8859-1 -t UTF-8 a.csv > utf8_a.csv"],
    ),
    "windows1252": (
        "a.jsonl", lines(GOOD) + b'{"id": "2", "text": "\x93x\x94", "labels": ["A"]}\n', {},
        ["row 2", "0x93", "Windows-1252", "iconv -f WINDOWS-1252"],
    ),
    "cyrillic": ("a.csv", CYRILLIC.encode("cp1251"), {}, ["row 2", "Windows-1251", "iconv"]),
    "one_broken_byte": ("a.csv", (HEAD + "1,x,A\n").encode() + b"2,\xff,A\n3,y,A\n", {}, ["row 3", "0xFF"]),
    "iso2022": (
        "a.csv", (HEAD + "1,歩行,A\n").encode("iso2022_jp"), {}, ["row 2", "ESC $B", "iconv -f ISO-2022-JP -t UTF-8"]
    ),
    "iso2022_jsonl": ("a.jsonl", lines(GOOD) + b'{"id": "\x1b$BJb\x1b(B"}\n', {}, ["row 2", "ISO-2022-JP"]),
    "iso2022_korean": ("a.csv", "id,text,labels\n1,보행,A\n".encode("iso2022_kr"), {}, ["row 2", "ISO-2022-KR"]),
    "nul_byte": ("a.csv", HEAD + "1,x\x00,A\n", {}, ["row 2", "NUL", "tr -d '\\000'"]),
    "nul_byte_jsonl": ("a.jsonl", lines(GOOD) + b"\x00" + lines(GOOD), {}, ["row 2", "NUL"]),
    "surrogate": (
        "a.jsonl", lines(GOOD, '{"id": "2", "text": "\\ud800", "labels": ["A"]}'), {}, ["row 2", "field 'text'"]
    ),
    "not_gzip": ("a.csv.gz", HEAD, {}, ["not gzip"]),
    "cut_gzip": ("a.jsonl.gz", gzip.compress(lines(GOOD) * 500)[:-9], {}, ["damaged gzip"]),
    # structure
    "empty_csv": ("a.csv", "", {}, ["row 1", "empty"]),
    "empty_jsonl": ("a.jsonl", "\n \n", {}, ["row 1", "empty"]),
    "header_only": ("a.csv", HEAD, {}, ["row 1", "no row"]),
    "one_row": ("a.csv", HEAD + "1,x,A\n", {}, ["min_label_documents", "two are needed"]),
    "ragged": ("a.csv", HEAD + "1,x,A\n2,y\n3,z,A,B\n", {}, ["row 3: 2 cells", "row 4: 4 cells", "header has 3"]),
    "wrong_delimiter": ("a.csv", "id;text;labels\n1;x;A\n2;y\n", {}, ["row 3: 2 cells", "header has 3"]),
    "open_quote": ("a.csv", HEAD + '1,"never closed,A\n', {}, ["row 2", "quotes"]),
    "text_after_quote": ("a.csv", HEAD + '1,"x" y,A\n', {}, ["row 2", "written twice"]),
    "duplicated_headers": (
        "a.csv", "id,text,text,labels,labels\n1,x,y,A,B\n", {},
        ["'text' stands twice", "'labels' stands twice", "4 and 5"],
    ),
    "too_many_columns": ("a.csv", ",".join(f"c{i}" for i in range(100_000)) + "\n", {}, ["100000 columns"]),
    "huge_row": ("a.jsonl", lines({**GOOD, "text": "x" * 10_000_000}), {}, ["row 1", "10000000 characters", "'text'"]),
    "not_json": ("a.jsonl", lines(GOOD, "{oops"), {}, ["row 2", "not a JSON object"]),
    "json_of_numbers": ("a.json", "[1, 2]", {}, ["row 1", "a list of int", "list of objects"]),
    "json_with_odd_items": ("a.json", "[" + json.dumps(GOOD) + ", 7]", {}, ["row 2", "not an object"]),
    "json_cut_short": ("a.json", "[" + json.dumps(GOOD), {}, ["row 1", "not JSON", "cut"]),
    "json_of_several_lists": (
        "a.json", json.dumps({"a": [GOOD], "b": [GOOD]}), {}, ["several lists ('a', 'b')", "one must be"],
    ),
    "key_twice": ("a.jsonl", lines(GOOD, '{"id": "2", "id": "3"}'), {}, ["row 2", "'id' stands twice"]),
    "not_a_number": ("a.jsonl", lines('{"id": NaN}'), {}, ["row 1", "NaN is not JSON"]),
    "nested_deeply": ("a.jsonl", lines("[" * 100_000), {}, ["row 1", "nested too deeply"]),
    "not_parquet": ("a.parquet", "PAR1 no", {}, ["not a readable Parquet"]),
    "cut_parquet": ("a.parquet", parquet(id=["1"], text=["x"], labels=[["A"]])[:-20], {}, ["Parquet"]),
    "bytes_in_parquet": (
        "a.parquet", parquet(id=["1"], text=[b"\xff"], labels=[["A"]]), {},
        ["row 1", "field 'text'", "not text but bytes that are no UTF-8"],
    ),
    "not_xlsx": ("a.xlsx", "PK no", {}, ["not a readable XLSX", "CSV"]),
    "old_xls": ("a.xls", "x", {}, [".xls", "XLSX or as CSV"]),
    "xlsx_with_password": ("a.xlsx", b"\xd0\xcf\x11\xe0" + bytes(600), {}, ["password"]),
    "empty_sheet": ("a.xlsx", sheet(), {}, ["row 1", "empty"]),
    "formula_without_value": (
        "a.xlsx", sheet(["id", "text", "labels"], ["1", '=A1&"x"', "A"]), {},
        ["row 2", "field 'text'", "no stored value"],
    ),
    "cell_right_of_the_header": (
        "a.xlsx", sheet(["id", "text", "labels"], ["1", "x", "A", "B"]), {}, ["row 2", "cell D2"]
    ),
    "date_as_id": (
        "a.xlsx", sheet(["id", "text", "labels"], [datetime.datetime(2020, 1, 2), "x", "A"]), {},
        ["row 2", "the id is not text but a date"],
    ),
    "no_suffix": ("table", "x", {}, ["suffix missing", ".jsonl"]),
    # columns
    "all_columns_missing": (
        "a.csv", "number,body,cpc\nN7,x,A\n", {},
        ["'text' (or 'title' and 'abstract')", "'labels' and no 0/1", "'number', 'body', 'cpc'"],
    ),
    "misspelt_column": (
        "a.csv", HEAD + "1,x,A\n", {"id_column": "idd", "text_columns": "txt"},
        ["'idd' (did you mean 'id'?)", "'txt' (did you mean 'text'?)", "--id_column", "--text_columns"],
    ),
    "pattern_without_column": ("a.csv", HEAD + "1,x,A\n", {"label_columns": "at_*"}, ["'at_*'", "--label_columns"]),
    "no_date": ("a.csv", HEAD + "1,x,A\n", {"policies": "split_by=date"}, ["'date'", "--date_column"]),
    # ids
    "same_id": ("a.jsonl", lines(GOOD, GOOD), {}, ["row 2", "stands in row 1"]),
    "same_id_other_case": ("a.jsonl", lines({**GOOD, "id": "Ab"}, {**GOOD, "id": "aB"}), {}, ["row 2", "as 'Ab'"]),
    "same_id_in_unicode": ("a.jsonl", lines({**GOOD, "id": "ﬁ1"}, {**GOOD, "id": "fi1"}), {}, ["row 2", "as 'ﬁ1'"]),
    "empty_id": ("a.csv", HEAD + " ,x,A\n", {}, ["row 2", "the id is empty"]),
    "id_with_line_end": ("a.jsonl", lines({**GOOD, "id": "a\nb"}), {}, ["row 1", "U+000A"]),
    "id_with_bell": ("a.jsonl", lines({**GOOD, "id": "a\x07"}), {}, ["row 1", "U+0007"]),
    "endless_id": ("a.jsonl", lines({**GOOD, "id": "../" * 200}), {}, ["row 1", "600 characters (at most 300)"]),
    # labels
    "labels_are_objects": ("a.jsonl", lines({**GOOD, "labels": [{"a": 1}]}), {}, ["row 1", "field 'labels'"]),
    "labels_in_a_mapping": (
        "a.jsonl", lines(GOOD, {**GOOD, "id": "2", "labels": {"A": 1, "B": 0}}), {},
        ["row 2, field 'labels'", "is a mapping", "list of strings"],
    ),
    "label_is_a_truth_value": ("a.jsonl", lines(GOOD, {**GOOD, "id": "2", "labels": True}), {}, ["row 2", "'True'"]),
    "label_is_a_fraction": ("a.jsonl", lines({**GOOD, "labels": 1.5}), {}, ["row 1, field 'labels'", "is a float"]),
    "fraction_after_a_number": (
        "a.jsonl", lines({**GOOD, "labels": "1"}, {**GOOD, "id": "2", "labels": True}), {}, ["row 2, field 'labels'"]
    ),
    "list_not_closed": ("a.csv", HEAD + '1,x,"[""A"",""B"\n', {}, ["row 2, field 'labels'", "looks like a list"]),
    "list_with_a_comma_missing": ("a.csv", HEAD + "1,x,\"['A' 'B', 'C']\"\n", {}, ["row 2", "cannot be read as one"]),
    "list_without_quotes": ("a.csv", HEAD + '1,x,"[A, B]"\n', {}, ["row 2", "--label_separator"]),
    "set_without_quotes": ("a.csv", HEAD + '1,x,"{A,B}"\n', {}, ["row 2", "looks like a list"]),
    "vector_of_numpy": ("a.csv", HEAD + "1,x,[0 1 1]\n", {}, ["row 2", "looks like a list"]),
    "printed_array": ("a.csv", HEAD + "1,x,\"array(['A', 'B'])\"\n", {}, ["row 2", "looks like a list"]),
    "mapping_as_text": ("a.csv", HEAD + "1,x,\"{'A': 1}\"\n", {}, ["row 2", "looks like a list"]),
    "zeros_and_ones_in_lists": (
        "a.jsonl", lines(*({**GOOD, "id": str(i), "text": f"w{i}", "labels": [i % 2, 1, 0]} for i in range(30))), {},
        ["'0', '1'", "If they are vectors"],
    ),
    "all_rows_the_same_labels": (
        "a.csv", HEAD + "".join(f"{i},w{i},A;B\n" for i in range(30)), {},
        ["every one of the 30 documents has the same labels, 'A', 'B'"],
    ),
    "commas_alone": (
        "a.csv", HEAD + "".join(f'{i},w{i},"A{i},B"\n' for i in range(30)), {},
        ["0 of 30 labels", "hold a comma and none holds", "--label_separator"],
    ),
    "yes_and_no": (
        "a.csv", "id,text,A,B\n" + "".join(f"{i},w{i},yes,no\n" for i in "12"), {}, ["--label_columns", "yes and"]
    ),
    "count_among_the_flags": (
        "a.csv", "id,text,A,pages\n" + "".join(f"{i},w{i},1,{max(1, i - 20)}\n" for i in range(30)), {},
        ["row 24, field 'pages'", "'A', 'pages' mostly hold 0 and 1", "--label_columns"],
    ),
    "pattern_fits_nothing_but_other_roles": (
        "a.csv", HEAD + "1,x,A\n", {"label_columns": "t*"}, ["'t*'", "--label_columns"]
    ),
    "endless_label": ("a.jsonl", lines({**GOOD, "labels": "x" * 201}), {}, ["201", "--label_separator"]),
    "odd_flag": ("a.csv", "id,text,A\n1,x,1\n2,y,0\n3,z,2\n", {}, ["row 4", "field 'A'", "'2' is neither 0 nor 1"]),
    "odd_mark_beside_zeros": (
        "a.csv", "id,text,A,B\n1,x,1,0\n2,y,x,0\n", {"label_columns": "A,B"},
        ["row 3", "field 'A'", "any text means yes"],
    ),
    "one_label_only": ("a.csv", HEAD + "".join(f"{i},word{i},A\n" for i in range(30)), {}, ["1 of 1 labels", "two"]),
    "one_family": (
        "a.csv", "id,text,labels,family\n" + "".join(f"{i},w{i},{'A;B' if i % 2 else 'A'},F\n" for i in range(30)), {},
        ["30 documents in 1 groups leave no", "smaller families"],
    ),
    "no_row_has_a_label": ("a.csv", HEAD + "".join(f"{i},word{i},\n" for i in range(30)), {}, ["0 of 0 labels"]),
    "unlabelled_refused": ("a.csv", HEAD + "1,x,A\n2,y,\n", {"policies": "unlabelled=refuse"}, ["row 3", "no label"]),
    "empty_text_refused": ("a.csv", HEAD + "1, ,A\n", {"policies": "missing_text=refuse"}, ["row 2", "is empty"]),
    "short_text_refused": (
        "a.csv", HEAD + "1,two words,A\n", {"policies": "missing_text=refuse, min_words=3"},
        ["row 2", "2 words (at least 3)"],
    ),
    "long_text_refused": (
        "a.csv", HEAD + "1,one two three,A\n", {"policies": "long_text=refuse, max_words=2"},
        ["row 2", "3 words (at most 2)"],
    ),
    "same_text_refused": (
        "a.csv", HEAD + "1,one,A\n2,ONE,A\n", {"policies": "duplicate_texts=refuse"},
        ["row 3", "the text of '1' (row 2)"],
    ),
    # split and dates
    "odd_split": ("a.jsonl", lines({**GOOD, "split": "holdout"}), {}, ["row 1", "'holdout' is no split"]),
    "split_in_some_rows": ("a.jsonl", lines({**GOOD, "split": "test"}, {**GOOD, "id": "2"}), {}, ["row 2", "is empty"]),
    "odd_date": (
        "a.csv", "id,text,labels,year\n1,x,A,1999\n2,y,A,2001-13\n3,z,A,soon\n", {"date_column": "year"},
        ["row 3", "'2001-13' is no date", "row 4", "'soon'", "YYYY-MM-DD"],
    ),
    "split_without_train": (
        "a.csv", "id,text,labels,split\n" + "".join(f"{i},w{i},{'AB'[i % 2]},test\n" for i in range(30)), {},
        ["the file's split leaves no train document", "30 test"],
    ),
    "split_with_one_train_document": (
        "a.csv", "id,text,labels,split\n"
        + "".join(f"{i},w{i},{'AB'[i % 2]},{'test' if i else 'train'}\n" for i in range(30)), {},
        ["leave no train document", "too few train documents", "smaller families"],
    ),
    "all_train_documents_leak": (
        "a.csv", "id,text,labels,split,family\n"
        + "".join(f"{i},w{i},{'AB'[i % 2]},{'train' if i % 3 else 'test'},F\n" for i in range(60)), {},
        ["the file's split leaves no train document", "leakage=drop"],
    ),
    "leakage_refused": (
        "a.csv", "id,text,labels,split,family\n1,one,A,test,\n2,ONE,A,train,\n", {"policies": "leakage=refuse"},
        ["row 3, field 'split': the text of the test document '1'"],
    ),
    "one_date": (
        "a.csv", "id,text,labels,year\n" + "".join(f"{i},word{i},{'AB'[i % 2]},1999\n" for i in range(30)),
        {"date_column": "year"}, ["1 different dates", "three"],
    ),
    # folders
    "mixed_folder": ("a", {"1.csv": HEAD + "1,x,A\n", "2.jsonl": lines(GOOD)}, {}, ["csv (1.csv)", "jsonl (2.jsonl)"]),
    "empty_folder": ("a", {"readme.md": "no table"}, {}, ["holds no table"]),
    "shards_with_other_columns": (
        "a", {"1.csv": HEAD + "1,x,A\n", "2.csv": "id,text,tags\n2,y,A\n"}, {}, ["2.csv", "1.csv", "same columns"]
    ),
    "id_in_two_shards": (
        "a", {"1.csv": HEAD + "1,x,A\n", "2.csv": HEAD + "1,y,A\n"}, {}, ["2.csv, row 2", "row 2 of 1.csv already"]
    ),
}  # fmt: skip


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    if isinstance(content, dict):
        path.mkdir()
        for part, inside in content.items():
            write(path, part, inside)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("case", BAD)
def test_bad_data_ends_with_65_and_says_where_and_how_to_mend_it(tmp_path, case):
    name, content, options, words = BAD[case]
    with pytest.raises(VolfidError) as caught:
        prepare(str(write(tmp_path, name, content)), with_options(InputSettings(), options), 1)
    message = str(caught.value)
    assert caught.value.code == 65 and caught.value.mend and caught.value.mend in message
    for word in words:
        assert word in message
    assert str(tmp_path) not in message and len(message) < 4000


def test_the_table_has_forty_cases_and_more():
    assert len(BAD) >= 40


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"policies": "unlabelled=sometimes"}, 64, "drop or keep or refuse"),
        ({"policies": "unlabeled=keep"}, 64, "did you mean 'unlabelled'"),
        ({"policies": "keep"}, 64, "no '='"),
        ({"policies": "max_words=0"}, 64, "max_words is 0"),
        ({"policies": "max_words=many"}, 64, "'many'"),
        ({"policies": {"min_words": 0}}, 64, "min_words is 0"),
        ({"policies": "columns=x"}, 64, "options of their own"),
        ({"label_columns": "/(/"}, 64, "no regular expression"),
        ({"label_separator": ""}, 64, "label_separator"),
        ({"id_colum": "x"}, 64, "did you mean 'id_column'"),
    ],
)
def test_options_that_mean_nothing_end_with_64(options, code, words):
    with pytest.raises(VolfidError, match=words) as caught:
        with_options(InputSettings(), options)
    assert caught.value.code == code and caught.value.mend


def test_a_workbook_that_unpacks_to_too_much_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr("volfid.inputs.sheets.MAX_UNPACKED", 1 << 20)
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(2 << 20))
    with pytest.raises(VolfidError, match="unpacks to") as caught:
        prepare(str(path), InputSettings(), 1)
    assert caught.value.code == 65


LABEL_FILES = {
    "names_instead_of_labels": (
        "l.json", '[{"Label": "V0", "Name": "Alpha"}, {"label": "V1", "name": "Beta"}]', "id,text,labels\n1,x,alpha\n",
        ["unknown label 'alpha' (it is the name of 'V0'; write that)"],
    ),
    "names_as_columns": (
        "l.json", '[{"label": "V0", "name": "Alpha"}, {"label": "V1", "name": "Beta"}]', "id,text,Alpha\n1,x,1\n",
        ["row 2, field 'Alpha'", "it is the name of 'V0'", "--label_columns"],
    ),
    "columns_in_another_case": (
        "l.csv", "label,name\nalpha,x\n", "id,text,Alpha\n1,x,1\n", ["field 'Alpha'", "(did you mean 'alpha'?)"]
    ),
    "column_that_the_list_lacks": (
        "l.csv", "label,name\nA,x\n", "id,text,A,B\n1,x,1,0\n2,y,1,1\n", ["row 3, field 'B': unknown label 'B'"]
    ),
    "yaml": ("l.yaml", "labels: [A]", HEAD + "1,x,A\n", ["suffix .yaml", "as .json"]),
}  # fmt: skip


@pytest.mark.parametrize("case", LABEL_FILES)
def test_labels_that_the_label_file_lacks_are_named_with_what_was_meant(tmp_path, case):
    name, listed, content, words = LABEL_FILES[case]
    with pytest.raises(VolfidError) as caught:
        prepare(str(write(tmp_path, "a.csv", content)), InputSettings(), 1, write(tmp_path, name, listed))
    assert caught.value.code == 65
    for word in words:
        assert word in str(caught.value)


def test_a_row_with_broken_bytes_is_told_once(tmp_path):
    path = write(tmp_path, "a.csv", (HEAD + "1,x,A\n2,caf\xe9,A\n3,x\xe9y,B\n").encode("latin-1"))
    with pytest.raises(VolfidError) as caught:
        prepare(str(path), InputSettings(), 1)
    assert [(row["row"], row["reason"]) for row in caught.value.rejects] == [(3, "bad_bytes"), (4, "bad_bytes")]


def test_all_kinds_of_faults_of_a_file_are_told_at_once_and_all_rows_are_kept(tmp_path):
    bad = "".join(f"{i},x\n" for i in range(7)) + " ,y,A\n" + "n1,z,a\nn1,w,Q\n"
    labels = write(tmp_path, "labels.csv", "label,title\nA,First\n")
    path = write(tmp_path, "a.csv", HEAD + bad)
    with pytest.raises(VolfidError) as caught:
        prepare(str(path), InputSettings(), 1, labels)
    message = str(caught.value)
    for word in (
        "10 rows cannot be used, for 4 reasons", "row 2: 2 cells", "row 6: 2 cells", "and 2 more", "row 9, field 'id'",
        "'a' (did you mean 'A'?)", "row 11, field 'id': the id 'n1' stands in row 10 already", "add it to labels.csv",
    ):  # fmt: skip
        assert word in message
    assert "row 7:" not in message, "of each kind only the first rows are shown"
    assert [row["row"] for row in caught.value.rejects] == [*range(2, 10), 10, 11, 11]


def test_a_million_faults_make_a_short_message(tmp_path):
    path = write(tmp_path, "a.csv", HEAD + "x\n" * 20_000)
    with pytest.raises(VolfidError) as caught:
        prepare(str(path), InputSettings(), 1)
    assert len(str(caught.value)) < 600 and "and 19995 more" in str(caught.value)


# any bytes under any name either make records or one clean error
NAMES = st.sampled_from(["a.jsonl", "a.csv", "a.tsv", "a.parquet", "a.xlsx", "a.csv.gz", "a.jsonl.gz", "a.json", "a"])
SEEDS = st.sampled_from([
    b"", HEAD.encode(), lines(GOOD), sheet(["id", "text", "labels"], ["1", "x", "A"]), gzip.compress(lines(GOOD)),
    parquet(id=["1"], text=["x"], labels=[["A"]]), b"\xef\xbb\xbf" + HEAD.encode() + b"1,x,A\r2,y,B\r\n",
])  # fmt: skip


@example("a.parquet", parquet(id=["1"], text=["x"], labels=[["A"]]), b"\x80", 231, True)  # a name that is no UTF-8
@given(NAMES, SEEDS, st.binary(max_size=60), st.integers(0, 10_000), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_bytes_make_one_clean_error(name, seed, noise, place, over):
    place = min(place, len(seed))
    content = seed[:place] + noise + seed[place + (len(noise) if over else 0) :]
    # one row at most is there: never a corpus
    with tempfile.TemporaryDirectory() as folder, pytest.raises(VolfidError) as caught:
        prepare(str(write(Path(folder), name, content)), InputSettings(), 1)
    assert caught.value.code == 65 and caught.value.mend and "Traceback" not in str(caught.value)
