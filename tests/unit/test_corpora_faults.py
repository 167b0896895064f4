"""What the loaders of known sources say of rows, cells, sheets and folders that are not as they should be."""

import json
import math
import re
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.chain import call

from volfid.core.exits import DataError, InputMissingError, ParameterError
from volfid.corpora.convert import convert
from volfid.corpora.faults import MOST

EYE, EAR = "Vision - Implants - Iris", "Hearing - Aids - Fitting"


@pytest.fixture
def run(tmp_path):
    """Convert files: (rows, card)."""

    def convert_files(name, *sources, texts=(), **options):
        card, written = convert("made", name, sources, texts, options, None, tmp_path / "out", {})
        return [json.loads(line) for line in written[0].read_text().splitlines()], card

    return convert_files


def write(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    return path


def refused(run, *arguments, **options):
    with pytest.raises(DataError) as caught:
        run(*arguments, **options)
    return str(caught.value)


# ---- cells ---------------------------------------------------------------------------------


@pytest.mark.parametrize("no", [math.nan, None, 0.0, False, "no", "No", "FALSE", "0", ""])
def test_what_says_no_in_a_label_column_is_no_label(run, tmp_path, no):
    yes = "yes" if isinstance(no, str) else not no if isinstance(no, bool) else 1.0
    table = pa.table({"id": ["a", "b"], "text": ["x", "y"], "is_one": [yes, no], "is_two": [no, yes]})
    pq.write_table(table, tmp_path / "t.parquet")
    rows, _ = run("table", tmp_path / "t.parquet", id="id", text="text", label_columns="is_")
    assert [row["labels"] for row in rows] == [["is_one"], ["is_two"]]


def test_any_mark_means_yes_unless_another_cell_says_no(run, tmp_path):
    marks = write(tmp_path / "t.csv", "text,is_one,is_two\nx,x,\ny,,2016-01-05\n")
    assert [row["labels"] for row in run("table", marks, text="text", label_columns="is_")[0]] == [
        ["is_one"], ["is_two"],
    ]  # fmt: skip
    mixed = write(tmp_path / "t.csv", "text,is_one,is_two\nx,x,\ny,,maybe\nz,no,1\n")
    said = refused(run, "table", mixed, text="text", label_columns="is_")
    assert said.startswith("2 faults in the sources:\n  t.csv, row 2, field 'is_one': 'x' is neither yes nor no")
    assert "t.csv, row 3, field 'is_two': 'maybe' is neither yes nor no" in said
    assert said.count("Use 0 and 1") == 1


def test_a_missing_cell_is_no_text(run, tmp_path):
    table = pa.table({"text": ["x", "y"], "fam": [77.0, math.nan], "labels": [["a"], ["b"]]})
    pq.write_table(table, tmp_path / "t.parquet")
    rows, _ = run("table", tmp_path / "t.parquet", text="text", labels="labels", group="fam")
    assert rows[0]["group"] == "77" and "group" not in rows[1]


@pytest.mark.parametrize("cell", ['"[""a b"", ""c""]"', "\"['a b', 'c']\"", "c;a b", "a b|c"])
def test_labels_in_a_text_cell_are_read_as_prepare_reads_them(run, tmp_path, cell):
    path = write(tmp_path / "t.csv", f"text,labels\nx,{cell}\n")
    assert run("table", path, text="text", labels="labels")[0][0]["labels"] == ["a b", "c"]
    book = write(tmp_path / "w.csv", f"Publication Number,Categories\nEP1A,{cell}\n")
    texts = write(tmp_path / "x.csv", "id,abstract\nEP1,A.\n")
    assert run("wipo_workbook", book, texts=[texts], label_column="Categories")[0][0]["labels"] == ["a b", "c"]


def test_labels_that_are_neither_are_a_fault_with_row_and_field(run, tmp_path):
    path = write(tmp_path / "t.jsonl", '{"text": "x", "labels": "a"}\n{"text": "y", "labels": {"a": 1}}\n')
    named = {"text": "text", "labels": "labels"}
    assert "t.jsonl, row 2, field 'labels': \"{'a': 1}\" is neither a list" in refused(run, "table", path, **named)
    for odd in (0.5, [True], ["a", None, ["b"]]):
        write(path, json.dumps({"text": "x", "labels": odd}))
        assert "t.jsonl, row 1, field 'labels'" in refused(run, "table", path, **named), odd
    write(path, json.dumps({"text": "x", "labels": [3.0, "it's", 4]}))
    assert run("table", path, **named)[0][0]["labels"] == ["3", "4", "it's"]
    for printed in ("['a' 'b']", "('a', 'b')", '["a", "b"]', "{'b', 'a'}"):  # as NumPy, Python and JSON print them
        write(path, json.dumps({"text": "x", "labels": printed}))
        assert run("table", path, **named)[0][0]["labels"] == ["a", "b"], printed


def test_numbers_that_json_cannot_hold_are_named_wherever_they_stand(run, tmp_path):
    pq.write_table(pa.table({"id": ["a"], "v": [[1.0, math.nan]]}), tmp_path / "t.parquet")
    assert run("table", tmp_path / "t.parquet")[0] == [{"id": "a", "v": [1.0, None]}]
    pq.write_table(pa.table({"id": ["a"], "v": [[1.0, math.inf]]}), tmp_path / "t.parquet")
    assert "t.parquet, row 1, field 'v': inf cannot be handed on" in refused(run, "table", tmp_path / "t.parquet")


# ---- headers and sheets --------------------------------------------------------------------


def test_a_column_that_stands_twice_is_refused(run, tmp_path):
    path = write(tmp_path / "t.csv", "id,text,text,labels\n1,first,second,a\n")
    assert "t.csv, row 1: column 'text' stands twice (columns 2 and 3)" in refused(run, "table", path)
    assert "row 1: column 'text' stands twice" in refused(
        run, "table", book(tmp_path, [["id", "text", "text"], [1, 2]])
    )
    path = write(tmp_path / "t.jsonl", '{"id": "1", "text": "x", "text": "y"}\n')
    assert "t.jsonl, row 1: not JSON (key 'text' stands twice)" in refused(run, "table", path)


def book(tmp_path, *sheets):
    """A workbook whose sheets are lists of rows; a row may be shorter than the header."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for number, rows in enumerate(sheets, start=1):
        sheet = made.create_sheet(f"S{number}")
        for row in rows:
            sheet.append(row)
    made.save(tmp_path / "t.xlsx")
    return tmp_path / "t.xlsx"


def ragged(path):
    """The workbook without the cells that are empty, and without the stored size, as some programs write it."""
    made = path.with_name("ragged.xlsx")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(made, "w") as target:
        for item in source.infolist():
            text = source.read(item).decode()
            if item.filename.startswith("xl/worksheets/"):
                text = re.sub(r"<dimension[^>]*/>|<c [^>]*/>|<c [^>]*><v ?/></c>", "", text)
            target.writestr(item.filename, text)
    return made


def test_a_short_row_of_a_workbook_has_empty_cells(run, tmp_path):
    path = ragged(book(tmp_path, [["Publication Number", EYE, EAR], ["EP1A", "x"], ["EP2A", None, "x"]]))
    lengths = [len(row) for row in openpyxl.load_workbook(path, read_only=True).worksheets[0].iter_rows()]
    assert lengths == [3, 2, 3]
    texts = write(tmp_path / "x.csv", "id,abstract\nEP1,A.\nEP2,B.\n")
    assert [row["labels"] for row in run("wipo_workbook", path, texts=[texts])[0]] == [[EYE], [EAR]]


def test_a_cover_sheet_is_told_and_another_can_be_chosen(run, tmp_path):
    rows = [["Publication Number", EYE], ["EP1A", "x"]]
    texts = write(tmp_path / "x.csv", "id,abstract\nEP1,A.\n")
    for cover in ([["Trends"], ["Source", "Notes"], ["a", "b"]], [["Trends"]]):
        path = book(tmp_path, cover, rows)
        said = refused(run, "wipo_workbook", path, texts=[texts])
        assert "'S1', 'S2'" in said and "sheet=NAME" in said
    for sheet in ("S2", "Other, S2"):
        assert run("wipo_workbook", path, texts=[texts], sheet=sheet)[0][0]["labels"] == [EYE]
    with pytest.raises(ParameterError, match=r"t\.xlsx has no sheet 'S3'; its sheets are 'S1', 'S2'"):
        run("wipo_workbook", path, texts=[texts], sheet="S3")
    assert run("table", path, id="Publication Number", text=EYE, labels=EYE, sheet="S2")[0][0]["id"] == "EP1A"
    hidden = openpyxl.load_workbook(path)
    hidden["S1"].sheet_state = "hidden"
    hidden.save(path)
    assert len(run("wipo_workbook", path, texts=[texts])[0]) == 1


# ---- several faults at once ----------------------------------------------------------------


def test_all_faults_of_a_table_are_told_together(run, tmp_path):
    lines = write(tmp_path / "a.jsonl", '{"id":"1","text":"x"}\n{oops\n{"id":2,"id":3}\n\n[1]\n')
    ragged_rows = write(tmp_path / "b.csv", "id,text\n1,x\n\n2\n3,y,z\n4,z\n")
    said = refused(run, "table", lines, ragged_rows)
    assert said.startswith("5 faults in the sources:")
    for place in (
        "a.jsonl, row 2: not JSON", "a.jsonl, row 3: not JSON (key 'id' stands twice)", "a.jsonl, row 5: expected an",
        "b.csv, row 4: 1 cells, the header has 2", "b.csv, row 5: 3 cells",
    ):  # fmt: skip
        assert place in said, said
    assert said.count("Quote cells that hold the delimiter") == 1
    assert not (tmp_path / "out/made.jsonl").exists()


def test_what_ends_the_reading_does_not_hide_what_was_found_before(run, tmp_path):
    path = write(tmp_path / "a.csv", 'id,text\n1\n2,"x"y\n3,z\n')
    said = refused(run, "table", path, write(tmp_path / "b.csv", "id,id\n1,2\n"))
    assert "row 2: 1 cells" in said and "row 3: ',' expected after '\"'; the rest of the file was not read" in said
    assert "b.csv, row 1: column 'id' stands twice" in said


def test_the_number_of_faults_shown_is_bounded_and_reading_ends_there(run, tmp_path):
    path = write(tmp_path / "a.jsonl", "{oops\n" * 500)
    said = refused(run, "table", path)
    assert said.startswith(f"{MOST} faults in the sources; the sources were not read further:")
    assert f"row {MOST}:" in said and f"row {MOST + 1}:" not in said


def test_documents_of_hupd_are_told_together(run, tmp_path):
    good = {"publication_number": "US1A1", "title": "T", "abstract": "A.", "claims": "1. A lens.",
            "cpc_labels": ["A61F216"], "filing_date": "20160105"}  # fmt: skip
    bad = [good, {**good, "cpc_labels": "A61F"}, {**good, "publication_number": None}, {**good, "cpc_labels": ["lens"]}]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, bad)) + "\n{cut")
    said = refused(run, "hupd", path)
    assert said.startswith("4 faults in the sources:") and "row 2, field 'cpc_labels': expected a list" in said
    assert (
        "row 3, field 'publication_number': no id" in said
        and "row 4, field 'cpc_labels': 'lens'" in said
        and "row 5: not JSON" in said
    )
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number, content in enumerate((b"{cut", b'{"title": "\xe9"}')):
            archive.writestr(f"{number}.json", content)
    said = refused(run, "hupd", tmp_path / "a.zip")
    assert "a.zip: 0.json: not JSON" in said and "a.zip: 1.json: byte 0xE9 is not UTF-8" in said


@pytest.mark.parametrize("form", ["csv", "jsonl", "csv.zip"])
def test_another_encoding_is_named_once_with_its_first_row(run, tmp_path, form):
    rows = ["plain", "größe", "plain", "maß"]
    if "csv" in form:
        text = 'id,text\n"a\nb",x\n' + "".join(f"{i},{row}\n" for i, row in enumerate(rows))
        first = 4  # the header, a record of two lines, plain
    else:
        text = "".join(f'{{"id": "{i}", "text": "{row}"}}\n' for i, row in enumerate(rows))
        first = 2
    path = tmp_path / f"t.{form}"
    if form.endswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("t.csv", text.encode("latin-1"))
    else:
        write(path, text, "latin-1")
    said = refused(run, "table", path)
    assert f"{path.name}, row {first}: byte 0xF6 is not UTF-8; the file looks like Latin-1" in said
    assert "and 1 more rows like it" in said and "faults" not in said and "iconv -f ISO-8859-1 -t UTF-8" in said
    write(tmp_path / "u.csv", "id,text\n1,x\n", "utf-16")
    assert "u.csv, row 1: the file is UTF-16, not UTF-8" in refused(run, "table", tmp_path / "u.csv")


# ---- folders and paths ---------------------------------------------------------------------


def test_a_folder_of_tables_is_read_and_what_is_not_is_told(run, tmp_path):
    folder = tmp_path / "shards"
    (folder / "sub").mkdir(parents=True)
    for name in ("a", "b"):
        write(folder / f"{name}.jsonl", f'{{"id": "{name}", "text": "x", "labels": ["l"]}}\n')
    write(folder / "notes.md", "notes")
    rows, card = run("table", folder)
    assert [row["id"] for row in rows] == ["a", "b"] and len(card["files"]) == 2
    assert card["notes"] == ["shards/notes.md was not read", "shards/sub was not read"]
    write(folder / "c.csv", "id,text\n1,x\n")
    assert "shards is a folder and holds several formats (b.jsonl, c.csv). Give files" in refused(run, "table", folder)
    assert "sub is a folder and holds no table, but nothing" in refused(run, "table", folder / "sub")


def test_a_source_that_is_not_there_ends_with_66(run, tmp_path):
    with pytest.raises(InputMissingError, match="does not exist"):
        run("hupd", tmp_path / "none.tar.gz")
    path = write(tmp_path / "t.csv", "id\n1\n")
    for arguments in (("--source", "nosuch.csv"), ("--source", path, "--text", "nosuch.csv")):
        done = call("convert_corpus", "--loader", "table", *arguments, "--out-dir", tmp_path / "o")
        assert done.returncode == 66 and "source nosuch.csv does not exist" in done.stderr
