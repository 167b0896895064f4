"""Reading tables: formats agree, cells are cleaned, faults name file, row and field."""

import csv
import gzip
import json
import tempfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volfid.core.cells import missing, spreadsheet_error, whole
from volfid.core.exits import DataError, InputMissingError, VolfidError
from volfid.inputs.faults import InputFaults, reject_rows
from volfid.inputs.labels import read_label_names
from volfid.inputs.prepare import prepare
from volfid.inputs.records import read_records
from volfid.inputs.settings import InputSettings, read_settings
from volfid.inputs.text import normalise, normalise_id

# any Unicode but half surrogates and NUL, which is refused in text files
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=60)
PRINTED = ("Cs", "Cc", "Zl", "Zp")


def plain(text: str) -> bool:
    """Whether a cell is neither a word for a missing value nor a number or an error, which are read as such."""
    cell = normalise(text)
    return not cell or not (missing(cell) or spreadsheet_error(cell) or whole(cell) != cell or cell[0] == "-")


NAME = st.text(st.characters(exclude_categories=PRINTED, exclude_characters=";|["), min_size=1, max_size=12).filter(
    plain
)
ID = st.text(st.characters(exclude_categories=PRINTED), min_size=1, max_size=300).filter(str.strip).filter(plain)
ROW = st.fixed_dictionaries({
    "id": ID, "text": TEXT.filter(plain), "labels": st.lists(NAME, max_size=3),
    "split": st.sampled_from(["train", "dev", "test"]), "family": st.one_of(st.just(""), NAME),
})  # fmt: skip


def _write(folder: Path, kind: str, rows: list[dict], zipped: bool) -> Path:
    path = folder / f"rows.{kind}"
    flat = [{**row, "labels": ";".join(row["labels"])} for row in rows]
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif kind == "parquet":
        columns = {key: [row[key] for row in rows] for key in rows[0]}
        types = {"labels": pa.list_(pa.string())}
        pq.write_table(pa.table({k: pa.array(v, types.get(k, pa.string())) for k, v in columns.items()}), path)
    else:
        with open(path, "w", encoding="utf-8", newline="") as file:
            # the default line end \r\n makes the writer quote cells that hold \r alone
            writer = csv.DictWriter(file, list(rows[0]), delimiter="," if kind == "csv" else "\t")
            writer.writeheader()
            writer.writerows(flat)
    if zipped:
        path = path.with_name(path.name + ".gz")
        path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))
    return path


def _content(path: Path) -> list[tuple]:
    records = read_records(path, {})
    assert records.faults == []
    return [(r.doc_id, r.text, r.labels, r.split, r.group) for r in records.rows]


@given(st.lists(ROW, min_size=1, max_size=6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_same_rows_read_alike_from_every_format(rows, zipped):
    with tempfile.TemporaryDirectory() as folder:
        read = [_content(_write(Path(folder), kind, rows, zipped)) for kind in ("jsonl", "csv", "tsv", "parquet")]
    expected = [
        (normalise_id(r["id"]), normalise(r["text"]), tuple(sorted({normalise(x) for x in r["labels"]} - {""})))
        for r in rows
    ]
    assert [row[:3] for row in read[0]] == expected
    assert read[0] == read[1] == read[2] == read[3]


@given(TEXT)
def test_normalised_text_is_stable_and_has_no_controls(text):
    once = normalise(text)
    assert normalise(once) == once
    assert "  " not in once and once == once.strip()
    assert not any(ord(c) < 32 or c in "\u2028\u200b\u202e\ufeff" for c in once)


def _file(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_title_abstract_and_claim_are_joined_as_sentences(tmp_path):
    path = _file(tmp_path, "a.csv", "Publication Number,Title,Abstract,Claim,labels\n7,A cane,It glows.,,A\n")
    record = read_records(path, {}).rows[0]
    assert (record.doc_id, record.text) == ("7", "A cane. It glows.")


PRINTED = ["('A', 'B')", "{'B', 'A'}", "['A' 'B']", "['A'\n 'B' \"A\"]", '["A", " ", "B"]']


@pytest.mark.parametrize("cell", ["A; B", "A|B|A", '["A", "B"]', "['B', 'A']", *PRINTED])
def test_delimited_and_listed_labels_are_equal(tmp_path, cell):
    quoted = '"' + cell.replace('"', '""') + '"'
    path = _file(tmp_path, "a.csv", f"id,text,labels\n1,words,{quoted}\n")
    assert read_records(path, {}).rows[0].labels == ("A", "B")


@pytest.mark.parametrize(
    ("cell", "labels"),
    [("[other]", ("[other]",)), ("(R)-form; [x", ("(R)-form", "[x")), ("(a, b); (c)", ("(a, b)", "(c)")), ("set()", ()),
     ("('A',)", ("A",)), ("[]", ())],
)  # fmt: skip
def test_brackets_may_be_part_of_a_label(tmp_path, cell, labels):
    path = _file(tmp_path, "a.csv", f'id,text,labels\n1,words,"{cell}"\n')
    assert read_records(path, {}).rows[0].labels == labels


def test_whole_floats_are_integers_as_label_id_group_and_flag(tmp_path):
    pq.write_table(pa.table({
        "id": [12.0, 13.0, 2.0**60], "text": ["x", "y", "z"], "labels": [3.0, None, 4.0], "family": [7.0, None, 8.0]
    }), tmp_path / "a.parquet")  # fmt: skip
    found = read_records(tmp_path / "a.parquet", {})
    assert [(r.doc_id, r.labels, r.group) for r in found.rows] == [("12", ("3",), "7"), ("13", (), None)]
    assert [fault.field for fault in found.faults] == ["id"], "2**60 is not exact"
    path = _file(tmp_path, "a.csv", "id,text,A,B\n1,x,1.0,0.0\n2,y,0.0,1.0\n")
    assert [r.labels for r in read_records(path, {}).rows] == [("A",), ("B",)]


def test_yes_and_no_are_read_where_the_columns_are_named(tmp_path):
    path = _file(tmp_path, "a.csv", "id,text,A,B\n1,x,yes,N\n2,y,No,Y\n")
    assert [r.labels for r in read_records(path, {"labels": ["A", "B"]}).rows] == [("A",), ("B",)]


def test_a_pattern_of_label_columns_takes_no_column_with_a_role(tmp_path):
    path = _file(tmp_path, "a.csv", "id,title,abstract,family,date,A,B\n1,x,y,F,2001,1,0\n")
    for option in ("*", "/^/"):
        found = read_records(path, {"labels": option})
        assert found.rows[0].labels == ("A",) and list(found.fields) == ["A", "B"]


def test_what_is_left_unread_in_a_folder_and_a_workbook_is_named_and_counted(tmp_path):
    folder = tmp_path / "shards"
    (folder / "more").mkdir(parents=True)
    (folder / "_logs").mkdir()
    _file(folder, "a.csv", HEAD + "1,x,A\n")
    for number in range(7):
        _file(folder, f"n{number}.md", "")
    assert read_records(folder, {}).warnings == [
        "shards: 7 files are no tables and were not read: 'n0.md', 'n1.md', 'n2.md', 'n3.md', 'n4.md' and 2 more",
        "shards: 1 subfolder was not read: 'more'; move tables up, or give that folder",
    ]
    book = openpyxl.Workbook()
    for cells in (["id", "text", "labels"], ["1", "x", "A"]):
        book.active.append(cells)
    book.create_sheet("empty")
    book.create_sheet("2020").append(["id"])
    book.create_sheet("hidden").append(["id"])
    book["hidden"].sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    assert read_records(tmp_path / "a.xlsx", {}).warnings == [
        "a.xlsx: the sheet 'Sheet' was read, and 1 further sheets were not: '2020'"
    ]


def test_columns_of_zero_and_one_are_labels_when_nothing_else_is(tmp_path):
    path = _file(tmp_path, "a.csv", "id,text,year,Smart cane,Walker\n1,one,2001,1,0\n2,two,2002,1,1\n3,three,2003,0,\n")
    records = read_records(path, {})
    assert [record.labels for record in records.rows] == [("Smart cane",), ("Smart cane", "Walker"), ()]
    assert "2 columns" in records.warnings[0]
    # a column that the list lacks holds an unknown label, and a column of the list counts whatever it holds
    known = read_records(path, {}, known_labels=["Walker"])
    assert [record.labels for record in known.rows] == [record.labels for record in records.rows]
    assert known.fields == {"Smart cane": "Smart cane", "Walker": "Walker"}


def test_columns_can_be_named_in_the_design(tmp_path):
    path = _file(tmp_path, "a.tsv", "key\thead\tbody\tcpc\n1\tA\tB\tX|Y\n")
    record = read_records(path, {"id": "key", "text": ["head", "body"], "labels": "cpc"}).rows[0]
    assert (record.doc_id, record.text, record.labels) == ("1", "A. B", ("X", "Y"))


def test_bom_crlf_blank_lines_and_quoted_newlines_are_read(tmp_path):
    path = _file(tmp_path, "a.csv", b'\xef\xbb\xbfid,text,labels\r\n1,"two\r\nlines",A\r\n\r\n2,x,A\r\n')
    assert [(r.row, r.doc_id, r.text) for r in read_records(path, {}).rows] == [(2, "1", "two lines"), (4, "2", "x")]


def test_line_ends_may_be_mixed_and_rows_count_as_an_editor_shows_them(tmp_path):
    path = _file(tmp_path, "a.csv", b"id,text,labels\r1,x,A\r\n2,y,A\r3,z,A\n\r4,w,A")
    assert [(r.row, r.doc_id) for r in read_records(path, {}).rows] == [(2, "1"), (3, "2"), (4, "3"), (6, "4")]
    path = _file(tmp_path, "a.jsonl", _json(GOOD).replace("\n", "\r").encode() + _json({**GOOD, "id": "2"}).encode())
    assert [(r.row, r.doc_id) for r in read_records(path, {}).rows] == [(1, "1"), (2, "2")]


def test_comma_separated_labels_raise_a_warning(tmp_path):
    path = _file(tmp_path, "a.csv", 'id,text,labels\n1,x,"A,B"\n')
    assert "hold a comma" in read_records(path, {}).warnings[0]


HEAD = "id,text,labels\n"
BAD_FILES = {
    "no_text_column": ("a.csv", "id,labels\n1,A\n", ["row 1", "'text'", "'labels'"]),
    "no_label_column": ("a.csv", "id,text,year\n1,x,1999\n", ["row 1", "'labels'", "0/1"]),
    "header_only": ("a.csv", HEAD, ["row 1", "no row"]),
    "empty_csv": ("a.csv", "", ["empty"]),
    "empty_jsonl": ("a.jsonl", "\n\n", ["empty"]),
    "open_quote": ("a.csv", HEAD + '1,"never closed,A\n', ["row 2", "quote"]),
    "column_twice": ("a.csv", "id,text,text,labels\n1,x,y,A\n", ["row 1", "'text' stands twice"]),
    "utf16": ("a.csv", (HEAD + "1,x,A\n").encode("utf-16"), ["UTF-16", "UTF-8"]),
    "utf16_without_bom": ("a.csv", (HEAD + "1,x,A\n").encode("utf-16-le"), ["row 1", "UTF-16"]),
    "utf32": ("a.csv", (HEAD + "1,x,A\n").encode("utf-32"), ["UTF-32"]),
    "latin1": ("a.csv", (HEAD + "1,x,A\n2,caf\xe9,A\n").encode("latin-1"), ["row 3", "0xE9", "Latin-1"]),
    "cp1252": ("a.csv", (HEAD + "1,\u201cx\u201d,A\n").encode("cp1252"), ["row 2", "0x93", "Windows-1252"]),
    "nul": ("a.csv", HEAD + "1,x\x00,A\n", ["row 2", "NUL"]),
    "json_array": ("a.json", "[]", ["row 1", "empty", "list of objects"]),
    "old_spreadsheet": ("a.xls", "PK", ["CSV"]),
    "no_suffix": ("table", "x", ["suffix missing"]),
    "not_gzip": ("a.csv.gz", HEAD, ["not gzip"]),
    "cut_gzip": ("a.csv.gz", gzip.compress(HEAD.encode() * 50)[:-9], ["damaged gzip"]),
    "not_parquet": ("a.parquet", "PAR1 no", ["Parquet"]),
    "too_many_columns": ("a.csv", ",".join(f"c{i}" for i in range(20_001)) + "\n", ["row 1", "20001 columns"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
def test_files_that_are_no_table_end_with_exit_65_and_say_why(tmp_path, case):
    name, content, words = BAD_FILES[case]
    with pytest.raises(DataError) as caught:
        prepare(str(_file(tmp_path, name, content)), InputSettings(), 1)
    assert caught.value.code == 65 and caught.value.mend
    for word in [name, *words]:
        assert word in str(caught.value)


def test_a_missing_file_ends_with_exit_66(tmp_path):
    with pytest.raises(InputMissingError, match=r"gone\.csv") as caught:
        read_records(tmp_path / "gone.csv", {})
    assert caught.value.code == 66


def _json(*rows: object) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


GOOD = {"id": "1", "text": "x", "labels": ["A"]}
BAD_ROWS = {
    "ragged": ("a.csv", HEAD + "1,x,A\n2,y\n", "ragged_row", ["row 3", "2 cells", "header has 3"]),
    "not_json": ("a.jsonl", _json(GOOD, "{oops"), "not_json", ["row 2", "not a JSON object"]),
    "not_an_object": ("a.jsonl", _json(GOOD, [1]), "not_json", ["row 2", "list"]),
    "key_twice": ("a.jsonl", _json(GOOD, '{"id": "2", "id": "3"}'), "not_json", ["row 2", "'id' stands twice"]),
    "nan": ("a.jsonl", _json(GOOD, '{"id": NaN}'), "not_json", ["row 2", "NaN"]),
    "too_deep": ("a.jsonl", _json(GOOD, "[" * 100_000), "not_json", ["row 2"]),
    "no_id": ("a.jsonl", _json(GOOD, {**GOOD, "id": None}), "bad_id", ["row 2", "field 'id'", "is empty"]),
    "float_id": ("a.jsonl", _json(GOOD, {**GOOD, "id": 2.5}), "bad_id", ["row 2", "field 'id'", "not text"]),
    "long_id": ("a.jsonl", _json({**GOOD, "id": "x" * 301}), "bad_id", ["row 1", "301 characters"]),
    "newline_in_id": ("a.jsonl", _json({**GOOD, "id": "a\nb"}), "bad_id", ["row 1", "U+000A"]),
    "surrogate": (
        "a.jsonl", _json(GOOD, '{"id": "2", "text": "\\ud800", "labels": ["A"]}'), "bad_text", ["row 2", "'text'"]
    ),
    "text_is_a_number": ("a.jsonl", _json({**GOOD, "text": 1.5}), "bad_text", ["row 1", "field 'text'"]),
    "huge_text": ("a.jsonl", _json({**GOOD, "text": "x" * 10_000_000}), "text_too_long", ["row 1", "10000000"]),
    "labels_not_names": ("a.jsonl", _json({**GOOD, "labels": [{"a": 1}]}), "bad_labels", ["row 1", "field 'labels'"]),
    "long_label": ("a.jsonl", _json({**GOOD, "labels": "x" * 201}), "bad_labels", ["row 1", "201"]),
    "odd_split": ("a.jsonl", _json({**GOOD, "split": "holdout"}), "bad_split", ["row 1", "'holdout'", "test"]),
    "some_splits": ("a.jsonl", _json({**GOOD, "split": "test"}, {**GOOD, "id": "2"}), "bad_split", ["row 2", "empty"]),
    "bad_flag": ("a.csv", "id,text,A\n1,x,1\n2,y,0\n3,z,2\n", "bad_flag", ["row 4", "field 'A'", "'2'"]),
    "same_id": ("a.jsonl", _json(GOOD, GOOD), "duplicate_id", ["row 2", "row 1"]),
    "same_id_other_case": (
        "a.jsonl", _json({**GOOD, "id": "Ab"}, {**GOOD, "id": "aB"}), "duplicate_id", ["row 2", "row 1", "'Ab'"]
    ),
    "same_id_other_form": (
        "a.jsonl", _json({**GOOD, "id": "\u00e9"}, {**GOOD, "id": "e\u0301"}), "duplicate_id", ["row 2", "row 1"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ROWS)
def test_rows_that_cannot_be_used_end_with_exit_65_and_are_all_listed(tmp_path, case):
    name, content, reason, words = BAD_ROWS[case]
    with pytest.raises(InputFaults) as caught:
        prepare(str(_file(tmp_path, name, content)), InputSettings(), 1)
    assert caught.value.code == 65 and caught.value.mend
    for word in [name, *words]:
        assert word in str(caught.value)
    assert reason in {row["reason"] for row in caught.value.rejects}


def test_only_five_rows_are_shown_but_all_are_listed(tmp_path):
    path = _file(tmp_path, "a.csv", HEAD + "".join(f"{i},x\n" for i in range(12)))
    with pytest.raises(InputFaults, match=r"and 7 more, all in rejects\.jsonl") as caught:
        prepare(str(path), InputSettings(), 1)
    assert [row["row"] for row in caught.value.rejects] == list(range(2, 14))


def test_unknown_labels_are_named_with_rows_and_the_nearest_label(tmp_path):
    labels = _file(tmp_path, "labels.csv", "label,title\nG06F,Computing\nH04N,Pictures\n")
    path = _file(tmp_path, "a.csv", HEAD + "1,x,G06F\n2,y,g06f;H04M\n3,z,QQQ\n")
    with pytest.raises(InputFaults) as caught:
        prepare(str(path), InputSettings(), 1, labels)
    guesses = ("'g06f' (did you mean 'G06F'?)", "'H04M' (did you mean 'H04N'?)")
    for word in ("row 3", "row 4", *guesses, "'QQQ'", "labels.csv"):
        assert word in str(caught.value)
    assert [(row["row"], row["reason"]) for row in caught.value.rejects] == [(3, "unknown_label"), (4, "unknown_label")]


def test_two_faults_of_one_kind_in_one_row_are_one_reject():
    with tempfile.TemporaryDirectory() as folder:
        records = read_records(_file(Path(folder), "a.jsonl", _json({"id": 1.5, "text": 2.5, "labels": ["A"]})), {})
    rows = reject_rows([*records.faults, *records.faults])
    assert [row["reason"] for row in rows] == ["bad_id", "bad_text"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.json", '[{"label": "B", "title": "Bee"}, {"label": "A", "name": "Ay", "definition": "First."}]'),
        ("l.json", '{"labels": [{"id": "A", "name": "Ay", "definition": "First."}, {"id": "B", "name": "Bee"}]}'),
        ("l.csv", "Label,Title,Definition\nA,Ay,First.\nB,Bee,\n"),
        ("l.jsonl", '{"label": "A", "name": "Ay", "definition": "First."}\n{"label": "B", "name": "Bee"}\n'),
    ],
)
def test_label_files_give_names_and_definitions(tmp_path, name, content):
    found = read_label_names(_file(tmp_path, name, content))
    assert {k: (v.name, v.definition) for k, v in found.items()} == {"A": ("Ay", "First."), "B": ("Bee", None)}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("l.json", "{}", "row 1"),
        ("l.json", "[[1]]", "row 1"),
        ("l.json", "oops", "not JSON"),
        ("l.json", "[]", "no label"),
        ("l.csv", "label,name\nA,x\nA,y\n", "row 3.*'A' stands in row 2"),
        ("l.csv", "label,name\nA,x\n,y\n", "row 3.*missing"),
        ("l.csv", "label,name\nA,x\nB\n", "row 3.*1 cells"),
        ("l.json", '[{"label": "A", "name": 1.5}]', "row 1, field 'name'"),
    ],
)
def test_bad_label_files_name_the_row(tmp_path, name, content, words):
    with pytest.raises(DataError, match=words):
        read_label_names(_file(tmp_path, name, content))


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("inputs: {test_share: 1.5}", 64, "test_share is 1.5"),
        ("inputs: {test_share: yes}", 64, "test_share is True"),
        ("inputs: {test_share: .7, reference_share: .4}", 64, "sum to 1.1"),
        ("inputs: {min_label_documents: 1}", 64, "min_label_documents is 1"),
        ("inputs: {min_label_documents: 8.5}", 64, "8.5"),
        ("inputs: {tets_share: .3}", 78, "unknown key 'tets_share'"),
        ("inputs: [1]", 78, "expected a mapping"),
        ("inputs: {columns: {txt: a}}", 78, "unknown role 'txt'"),
        ("inputs: {columns: {id: [a]}}", 78, "inputs.columns.id"),
        ("- 1", 78, "expected a mapping"),
        ("a: [", 78, "not YAML"),
    ],
)
def test_nonsense_in_the_design_is_refused(tmp_path, content, code, words):
    with pytest.raises(VolfidError, match=words) as caught:
        read_settings(_file(tmp_path, "d.yaml", content))
    assert caught.value.code == code


def test_settings_have_defaults_and_other_parts_of_the_design_are_left_alone(tmp_path):
    assert read_settings(_file(tmp_path, "d.yaml", "blocks: nonsense")) == InputSettings()
    chosen = read_settings(_file(tmp_path, "e.yaml", "inputs: {test_share: .2, columns: {text: [a, b]}}"))
    assert (chosen.test_share, chosen.reference_share, chosen.columns) == (0.2, 0.1, {"text": ["a", "b"]})


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "text", "labels", "x"]), inner),
    max_leaves=8,
)


KIND = st.sampled_from(["jsonl", "csv", "tsv", "parquet", "csv.gz"])


@given(st.lists(JUNK, max_size=4), st.binary(max_size=200), KIND)
@settings(max_examples=200, deadline=None)
def test_no_content_whatever_ends_in_a_bug(rows, noise, kind):
    with tempfile.TemporaryDirectory() as folder:
        content = b"".join(json.dumps(row).encode() + b"\n" for row in rows) if kind == "jsonl" else noise
        for bytes_ in (content, b"id,text,labels\n" + noise):
            with pytest.raises(VolfidError) as caught:
                prepare(str(_file(Path(folder), f"a.{kind}", bytes_)), InputSettings(), 1)
            assert caught.value.code == 65 and str(caught.value)
