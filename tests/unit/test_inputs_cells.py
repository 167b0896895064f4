"""Cells as people write them: marks, missing values, failed formulas, whole numbers, long form, odd labels."""

import csv
import json
import random

import pytest

from volfid.core.cells import missing, spreadsheet_error, whole
from volfid.core.exits import DataError
from volfid.inputs.faults import InputFaults, shown
from volfid.inputs.labels import read_label_names
from volfid.inputs.prepare import prepare
from volfid.inputs.records import read_records
from volfid.inputs.settings import InputSettings, with_options

NAMES = ["mobility", "hearing", "vision", "cognition", "environment", "self care"]
DRAW = random.Random(5)
WORDS = [f"w{i}" for i in range(400)]
TEXTS = [" ".join(DRAW.sample(WORDS, 25)) for _ in range(80)]
SETS = [tuple(sorted(DRAW.sample(NAMES, DRAW.choice((1, 1, 2, 3))))) for _ in TEXTS]
DOCS = list(zip((f"d{i:03d}" for i in range(80)), TEXTS, SETS, strict=True))
COLUMNS = {"label_columns": ",".join(NAMES)}


def table(folder, header, rows, name="own.csv"):
    path = folder / name
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def made(path, options=None, labels=None, synthetic=None):
    return prepare(str(path), with_options(InputSettings(min_label_documents=3), options or {}), 3, labels, synthetic)


def truth(prepared):
    return {row["doc_id"]: tuple(row["labels"]) for row in prepared.documents}


def warned(prepared, *words):
    return any(all(word in told for word in words) for told in prepared.corpus["warnings"])


def labelled(folder, write, header=("id", "text", "labels")):
    return table(folder, header, [[doc_id, text, write(i, labels)] for i, (doc_id, text, labels) in enumerate(DOCS)])


# ---- label columns -------------------------------------------------------------------------


def marked(folder, yes, no, blanks=True):
    """One column a label; every other no is a blank cell, where `blanks`."""
    rows = [
        [doc_id, text, *(yes if n in labels else "" if blanks and (i + j) % 2 else no for j, n in enumerate(NAMES))]
        for i, (doc_id, text, labels) in enumerate(DOCS)
    ]  # fmt: skip
    return table(folder, ["id", "text", *NAMES], rows)


@pytest.mark.parametrize("blanks", [True, False])
@pytest.mark.parametrize(
    ("yes", "no"),
    [("1", "-1"), ("ja", "nein"), ("present", "absent"), ("X", "-"), ("x", "nan"), ("t", "f"), ("oui", "non"),
     ("pos", "neg"), ("Positive", "Negative"), ("+", "-"), ("true", "falsch"), ("x", "0"), ("✓", "✗"), ("是", "否"),
     ("1.0", "-1.0"), ("ok", "NA"), ("●", "○"), ("■", "□"), ("3", ""), ("Y", "n"), ("2021-03-04", ""), ("●", "")],
)  # fmt: skip
def test_pairs_of_marks_are_read_as_yes_and_no(tmp_path, yes, no, blanks):
    prepared = made(marked(tmp_path, yes, no, blanks), COLUMNS)
    assert truth(prepared) == {doc_id: labels for doc_id, _, labels in DOCS}
    assert warned(prepared, "6 columns")


@pytest.mark.parametrize(
    ("yes", "no"),
    [("high", "low"), ("mobility", "none of it"), ("A", "B"), ("0.67", "0.12"), ("2", "0"), ("x", "unknown"),
     ("krank", "nein"), ("maybe", ""), ("", "nein"), ("not mobile", ""), ("yes", "uncertain"), ("1", "#REF!"),
     ("1", "2"), ("x", "."), ("x", "/"), ("x", "o"), ("#", "§"), ("-1", "0")],
)  # fmt: skip
def test_marks_that_nobody_can_be_sure_of_are_refused_with_the_option_that_reads_them(tmp_path, yes, no):
    path = marked(tmp_path, yes, no)
    with pytest.raises(InputFaults) as caught:
        made(path, COLUMNS)
    assert caught.value.code == 65 and ("--label_marks" in str(caught.value) or "error_cells" in str(caught.value))
    if yes:
        options = {"label_marks": yes, "policies": "error_cells=missing"}
        assert truth(made(path, COLUMNS | options)) == {doc_id: labels for doc_id, _, labels in DOCS}


def test_minus_one_beside_zero_may_be_uncertain(tmp_path):
    rows = [[i, text, *(1 if n in labels else -1 if i == "d007" else 0 for n in NAMES)] for i, text, labels in DOCS]
    path = table(tmp_path, ["id", "text", *NAMES], rows)
    with pytest.raises(InputFaults, match=r"row 9, field '(.*)': '-1' means neither"):
        made(path, COLUMNS)
    assert truth(made(path, COLUMNS | {"label_marks": "1"})) == {doc_id: labels for doc_id, _, labels in DOCS}


def test_any_text_means_yes_where_the_user_says_so(tmp_path):
    rows = [[i, text, *("high" if n in labels and len(labels) > 1 else "low" if n in labels else "" for n in NAMES)]
            for i, text, labels in DOCS]  # fmt: skip
    path = table(tmp_path, ["id", "text", *NAMES], rows)
    with pytest.raises(InputFaults):
        made(path, COLUMNS)
    assert truth(made(path, COLUMNS | {"label_marks": "*"})) == {doc_id: labels for doc_id, _, labels in DOCS}


def wide(folder, header, order=sorted):
    rows = [[i, text, *[*order(labels), "", "", ""][:3]] for i, text, labels in DOCS]
    return table(folder, ["id", "text", *header], rows)


def test_a_series_of_columns_that_holds_names_is_read_as_names(tmp_path):
    prepared = made(wide(tmp_path, ["label_1", "label_2", "label_3"]), {"label_columns": "label_*"})
    assert truth(prepared) == {doc_id: labels for doc_id, _, labels in DOCS}
    assert warned(prepared, "'label_1', 'label_2', 'label_3' were read as names")


def test_other_columns_of_names_need_the_option_or_the_label_list(tmp_path):
    path = wide(tmp_path, ["first", "second", "third"])
    options = {"label_columns": "first,second,third"}
    with pytest.raises(InputFaults, match="--label_marks names"):
        made(path, options)
    assert truth(made(path, options | {"label_marks": "names"})) == {doc_id: labels for doc_id, _, labels in DOCS}
    listed = table(tmp_path, ["label", "name"], [[name, name] for name in NAMES], "labels.csv")
    assert truth(made(path, options, listed)) == {doc_id: labels for doc_id, _, labels in DOCS}


def test_words_in_a_series_of_label_columns_are_no_marks(tmp_path):
    rows = [[i, text, *("pos" if n in labels else "neg" for n in NAMES[:2])] for i, text, labels in DOCS]
    path = table(tmp_path, ["id", "text", "label_1", "label_2"], rows)
    with pytest.raises(InputFaults, match="--label_marks names"):
        made(path, {"label_columns": "label_*"})
    assert set(truth(made(path, {"label_columns": "label_*", "label_marks": "pos"})).values()) == {
        ("1",),
        ("2",),
        ("1", "2"),
    }


def test_columns_taken_by_themselves_are_named(tmp_path):
    rows = [[i, text, k % 2, *(int(n in labels) for n in NAMES)] for k, (i, text, labels) in enumerate(DOCS)]
    prepared = made(table(tmp_path, ["id", "text", "is_granted", *NAMES], rows))
    assert warned(prepared, "7 columns of 0 and 1", "'is_granted'", "--label_columns")


# ---- separators, vectors ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("separator", "option"),
    [(" ", "space"), (",", "','"), (", ", "','"), ("/", "'/'"), ("#", "'#'"), ("\n", "newline"), ("\r\n", "newline"),
     ("\t", "tab"), ("+", "'+'"), (" & ", "'&'"), ("、", "'、'"), ("_", "'_'"), (". ", "'. '"), (" > ", "'>'"),
     ("<br>", "'<br>'"), ("\\n", "newline"), (" and ", "' and '")],
)  # fmt: skip
def test_labels_made_of_others_are_counted_and_the_option_parts_them(tmp_path, separator, option):
    names = [name.replace(" ", "") for name in NAMES]
    path = labelled(tmp_path, lambda i, labels: separator.join(names[NAMES.index(name)] for name in labels))
    found = read_records(path, {})
    several = sum(len(labels) > 1 for *_, labels in DOCS)
    told = [line for line in found.warnings if f"--label_separator {option}" in line]
    assert len(told) == 1 and f"{several} " in told[0]
    parted = read_records(path, {}, separator=option.strip("'"))
    assert [len(row.labels) for row in parted.rows] == [len(labels) for *_, labels in DOCS]
    assert not any("--label_separator" in line for line in parted.warnings)


def test_sets_that_never_stand_alone_are_seen(tmp_path):
    pairs = ["A,B", "B,C", "A,C", "C,D", "B,D"]
    path = labelled(tmp_path, lambda i, labels: pairs[i % 5])
    assert any("80 rows" in line and "','" in line for line in read_records(path, {}).warnings)


def test_a_wrong_separator_is_told(tmp_path):
    path = labelled(tmp_path, lambda i, labels: ";".join(labels))
    told = read_records(path, {}, separator="/").warnings
    assert any("'/' stands in no cell" in line for line in told) and any(
        "--label_separator ';'" in line for line in told
    )


def test_one_semicolon_does_not_hide_the_commas(tmp_path):
    path = labelled(tmp_path, lambda i, labels: (";" if i == 3 else ",").join(("a", "b") if i == 3 else labels))
    assert any("--label_separator ','" in line for line in read_records(path, {}).warnings)


@pytest.mark.parametrize(
    "form", ["{} {} {}", "{}{}{}", "{},{},{}", "{}.0 {}.0 {}.0", "({} {} {})", "{};{};{}", "[{}, {}, {}]"]
)
def test_vectors_are_told(tmp_path, form):
    path = labelled(tmp_path, lambda i, labels: form.format(*(int(name in labels) for name in NAMES[:3])))
    with pytest.raises(DataError) as caught:
        prepare(str(path), InputSettings(min_label_documents=60), 3)
    assert "vectors" in str(caught.value)


def test_scores_beside_names_and_minus_one_among_codes_are_told(tmp_path):
    path = labelled(tmp_path, lambda i, labels: ";".join(f"{name}:0.9" for name in labels))
    assert warned(made(path), "labels that end in numbers", "'cognition:0.9'")
    assert warned(made(labelled(tmp_path, lambda i, labels: str(i % 4 - 1))), "20 rows have the label '-1'")


@pytest.mark.parametrize("pair", [("0", "1"), ("True", "False"), ("yes", "no"), ("-1", "1"), ("1.0", "0.0")])
def test_labels_of_yes_and_no_alone_are_told(tmp_path, pair):
    path = labelled(tmp_path, lambda i, labels: pair[i % 2])
    assert warned(made(path), "and nothing else", "--label_columns")


def test_one_label_each_is_told_but_not_of_codes(tmp_path):
    assert warned(made(labelled(tmp_path, lambda i, labels: NAMES[i % 6])), "exactly one of 6 labels")
    assert made(labelled(tmp_path, lambda i, labels: str(i % 5))).corpus["warnings"] == []


@pytest.mark.parametrize(
    "names",
    [["A61B 5/00", "A61B 5/02", "G06F 3/01", "G06F 3/16", "G06N 3/08"],
     ["self care", "personal mobility", "care of persons"], ["a-b", "c-d", "e"],
     ["Aids x", "heat & power", "power"]],
)  # fmt: skip
def test_names_with_blanks_and_codes_pass_without_a_word(tmp_path, names):
    path = labelled(tmp_path, lambda i, labels: ";".join({names[i % len(names)], names[(i + i % 2) % len(names)]}))
    assert read_records(path, {}).warnings == []


# ---- missing values, failed formulas --------------------------------------------------------


@pytest.mark.parametrize(
    "word", ["nan", "NaN", "NA", "N/A", "#N/A", "<NA>", "null", "None", "NaT", "-", "\\N", "(null)", "n.a."]
)
def test_words_for_a_missing_value_are_no_label_no_text_and_no_family(tmp_path, word):
    rows = [
        [i, word if k == 5 else text, word if k < 5 else ";".join(labels), word]
        for k, (i, text, labels) in enumerate(DOCS)
    ]
    prepared = made(table(tmp_path, ["id", "text", "labels", "family"], rows))
    assert truth(prepared) == {doc_id: labels for doc_id, _, labels in DOCS[6:]}
    assert warned(prepared, "5 rows of 'labels'", shown(word), "missing_labels=keep")
    assert warned(prepared, "1 cells of 'text'") and warned(prepared, "80 cells of 'family'")
    met = {row["policy"]: row["met"] for row in prepared.corpus["policies"]}
    assert met["missing_labels"] == 5


def test_a_word_that_the_list_names_is_a_label_and_a_policy_keeps_or_refuses_others(tmp_path):
    path = labelled(tmp_path, lambda i, labels: "None" if i < 5 else ";".join(labels))
    wanted = {doc_id: ("None",) if k < 5 else labels for k, (doc_id, _, labels) in enumerate(DOCS)}
    listed = table(tmp_path, ["label", "name"], [[name, name] for name in [*NAMES, "None"]], "labels.csv")
    assert truth(made(path, labels=listed)) == wanted
    assert truth(made(path, {"policies": "missing_labels=keep"})) == wanted
    with pytest.raises(InputFaults, match=r"row 2, field 'labels'.*missing_labels=drop"):
        made(path, {"policies": "missing_labels=refuse"})


def test_a_missing_value_in_a_printed_list_is_none(tmp_path):
    path = labelled(tmp_path, lambda i, labels: f"['mobility', {('nan', 'None', '<NA>')[i % 3]}, \"hearing, nan\"]")
    assert {row.labels for row in read_records(path, {}).rows} == {("hearing, nan", "mobility")}


def test_titles_and_ids(tmp_path):
    path = table(
        tmp_path, ["id", "title", "abstract", "labels"], [["1", "nan", "A device.", "A"], ["null", "x", "y", "A"]]
    )
    found = read_records(path, {})
    assert [row.text for row in found.rows] == ["A device."]
    assert [(fault.row, fault.reason) for fault in found.faults] == [(3, "bad_id")]


@pytest.mark.parametrize(
    "error", ["#REF!", "#DIV/0!", "#NAME?", "#VALUE!", "#NUM!", "#NULL!", "#SPILL!", "#BEZUG!", "#WERT!"]
)
def test_failed_formulas_are_refused_or_read_as_empty(tmp_path, error):
    rows = [
        [i, error if k == 5 else text, error if k < 5 else ";".join(labels)] for k, (i, text, labels) in enumerate(DOCS)
    ]
    path = table(tmp_path, ["id", "text", "labels"], rows)
    with pytest.raises(InputFaults, match=r"row 2, field 'labels'.*failed formula.*--policies error_cells=missing"):
        made(path)
    prepared = made(path, {"policies": "error_cells=missing"})
    assert truth(prepared) == {doc_id: labels for doc_id, _, labels in DOCS[6:]}
    assert warned(prepared, "6 cells hold a failed formula")
    assert spreadsheet_error(error) and not missing(error)


def test_supplied_documents_are_read_by_the_same_rules(tmp_path):
    path = labelled(tmp_path, lambda i, labels: ";".join(labels))
    rows = [[f"s{i}", f"{text} {i}", labels, i] for i, (text, labels) in enumerate([(TEXTS[0][::-1], "#REF!")] * 9)]
    synthetic = table(tmp_path, ["id", "text", "labels", "x"], rows, "syn.csv")
    with pytest.raises(InputFaults, match="failed formula"):
        made(path, synthetic=synthetic)
    rows = [[f"s{i}", f"{word} {i} {TEXTS[i][::-1]}", "nan;mobility"] for i, word in enumerate(WORDS[:9])]
    prepared = made(path, synthetic=table(tmp_path, ["id", "text", "labels"], rows, "syn.csv"))
    assert {tuple(row["labels"]) for row in prepared.brought} == {("mobility",)} and warned(prepared, "syn.csv: 9 rows")


# ---- whole numbers ---------------------------------------------------------------------------


def test_families_are_the_same_in_shards_with_and_without_a_point(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    rows = [[i, text, ";".join(labels), 1000 + k % 20] for k, (i, text, labels) in enumerate(DOCS)]
    table(folder, ["id", "text", "labels", "family"], rows[:40], "a.csv")
    table(folder, ["id", "text", "labels", "family"], [[*row[:3], f"{row[3]}.0"] for row in rows[40:]], "b.csv")
    assert {row.group for row in read_records(folder, {}).rows} == {str(1000 + k) for k in range(20)}


def test_ids_and_sources_with_a_point_are_whole_numbers(tmp_path):
    path = table(tmp_path, ["id", "text", "labels", "parent"], [["1.0", "x", "A", "12.0"], ["2.0", "y", "B", ""]])
    assert [(r.doc_id, r.sources) for r in read_records(path, {}).rows] == [("1", ("12",)), ("2", ())]
    path = table(tmp_path, ["id", "text", "labels"], [["1.0", "x", "A"], ["1", "y", "B"]])
    with pytest.raises(InputFaults, match="row 3, field 'id': the id '1' stands in row 2 already"):
        made(path)
    path = table(tmp_path, ["id", "text", "labels"], [["1.0", "x", "A"], ["1.1", "y", "B"]])
    assert [r.doc_id for r in read_records(path, {}).rows] == ["1.0", "1.1"], "versions"


def test_labels_with_a_point_are_those_of_the_list(tmp_path):
    path = labelled(tmp_path, lambda i, labels: f"{i % 5}.0")
    assert set(truth(made(path)).values()) == {(str(k),) for k in range(5)}
    for spelling in ("{}", "{}.0"):
        listed = table(tmp_path, ["label", "name"], [[spelling.format(k), f"n{k}"] for k in range(5)], "labels.csv")
        assert list(read_label_names(listed)) == [str(k) for k in range(5)]
        assert set(truth(made(path, labels=listed)).values()) == {(str(k),) for k in range(5)}
    path = labelled(tmp_path, lambda i, labels: ("1.10", "2.0", "beta")[i % 3])
    assert set(truth(made(path)).values()) == {("1.10",), ("2.0",), ("beta",)}
    assert whole("1.10") == "1.10" and whole("12.00") == "12"


# ---- families and dates ----------------------------------------------------------------------


def families(folder, of):
    rows = [[i, text, ";".join(labels), of(k)] for k, (i, text, labels) in enumerate(DOCS)]
    return table(folder, ["id", "text", "labels", "family_id"], rows)


@pytest.mark.parametrize("word", ["-1", "-1.0", "0", "nan", "NA", "", "unknown", "-9"])
def test_an_unknown_family_ties_nothing(tmp_path, word):
    path = families(tmp_path, lambda k: word if k % 2 else 5000 + k // 4)
    groups = [row.group for row in read_records(path, {}).rows]
    assert groups[1::2] == [None] * 40 and len(set(groups[::2])) == 20


def test_families_counted_from_zero_stay(tmp_path):
    path = families(tmp_path, lambda k: k // 4)
    assert {row.group for row in read_records(path, {}).rows} == {str(k) for k in range(20)}


def test_a_large_family_is_told_also_where_it_ends_the_run(tmp_path):
    assert warned(made(families(tmp_path, lambda k: "F" if k < 30 else f"G{k}")), "'F'", "30 of 80 rows")
    with pytest.raises(DataError, match=r"1 groups leave no.*'F' of 'family_id' holds 80 of 80 rows"):
        made(families(tmp_path, lambda k: "F"))


@pytest.mark.parametrize("word", ["0", "", "NaT", "0000-00-00", "00000000", "9999-12-31", "0.0", "null"])
def test_rows_without_a_date_are_refused_or_dropped(tmp_path, word):
    rows = [
        [i, text, ";".join(labels), word if k % 20 == 0 else f"{1990 + k % 20}.0"]
        for k, (i, text, labels) in enumerate(DOCS)
    ]
    path = table(tmp_path, ["id", "text", "labels", "filed"], rows)
    with pytest.raises(InputFaults, match=r"row 2, field 'filed': the date is missing.*missing_date=drop"):
        made(path, {"date_column": "filed"})
    prepared = made(path, {"date_column": "filed", "policies": "missing_date=drop"})
    assert len(prepared.documents) == 76
    assert {"step": "no date", "removed": 4}.items() <= prepared.funnel[1].items()


# ---- long form ---------------------------------------------------------------------------------


def test_one_row_a_document_and_label_is_recognised_and_joined(tmp_path):
    rows = [[i, text, label] for i, text, labels in DOCS for label in labels]
    path = table(tmp_path, ["id", "text", "label"], rows)
    more = len(rows) - 80
    with pytest.raises(InputFaults, match=rf"{more} of these {more} rows have the text .* duplicate_ids=unite"):
        made(path)
    assert warned(
        made(path, {"policies": "duplicate_ids=drop"}), f"{more} of {more} dropped rows", "duplicate_ids=unite"
    )
    prepared = made(path, {"policies": "duplicate_ids=unite"})
    assert truth(prepared) == {doc_id: labels for doc_id, _, labels in DOCS}
    assert (prepared.funnel[1]["rows_in"], prepared.funnel[1]["rows_out"]) == (len(rows), 80)
    rows[1][:2] = [rows[0][0], "another text"]
    with pytest.raises(InputFaults, match=r"row 3, field 'id'.*with another text"):
        made(table(tmp_path, ["id", "text", "label"], rows), {"policies": "duplicate_ids=unite"})


def test_without_ids_one_row_a_document_and_label_is_recognised_and_joined(tmp_path):
    rows = [[text, label] for _, text, labels in DOCS for label in labels]
    path = table(tmp_path, ["text", "label"], rows)
    assert warned(made(path), f"{len(rows) - 80} of {len(rows)} rows repeat a text", "duplicate_texts=unite")
    prepared = made(path, {"policies": "duplicate_texts=unite, duplicate_ids=unite"})
    assert {row["text"]: tuple(row["labels"]) for row in prepared.documents} == {
        text: labels for _, text, labels in DOCS
    }
    test = table(tmp_path, ["text", "label"], [[text[::-1], label] for text, label in rows[:40]], "test.csv")
    both = with_options(InputSettings(min_label_documents=3, duplicate_ids="unite"), {})
    assert prepare(str(path), both, 3, test=test).corpus["documents"] > 80


def test_equal_texts_with_other_labels_are_joined_by_a_policy(tmp_path):
    rows = [[f"{i}-{label}", text, label] for i, text, labels in DOCS for label in labels]
    path = table(tmp_path, ["id", "text", "label"], rows)
    assert warned(
        made(path), f"{len(rows) - 80} of {len(rows)} rows repeat a text with other labels", "duplicate_texts=unite"
    )
    prepared = made(path, {"policies": "duplicate_texts=unite"})
    by_text = {row["text"]: tuple(row["labels"]) for row in prepared.documents}
    assert by_text == {text: labels for _, text, labels in DOCS}


# ---- messages ----------------------------------------------------------------------------------


def test_the_funnel_stands_in_the_message_of_too_few_labels(tmp_path):
    path = table(tmp_path, ["id", "text", "labels"], [[i, "the same", ";".join(labels)] for i, _, labels in DOCS])
    with pytest.raises(DataError, match=r"of 80 rows read, these were dropped before: 79 \(repeated text\)"):
        made(path)


def test_a_label_without_a_name_is_named(tmp_path):
    path = labelled(tmp_path, lambda i, labels: ";".join(labels))
    rows = [[name, "nan" if name == "vision" else name] for name in NAMES]
    prepared = made(path, labels=table(tmp_path, ["label", "name"], rows, "labels.csv"))
    assert not prepared.corpus["named_labels"] and warned(prepared, "1 of 6 labels have no name ('vision')")


def test_messages_cut_what_a_user_wrote(tmp_path):
    long = "secret " * 20
    assert len(shown(long)) == 62 and shown(long).endswith("…'") and shown("it") == "'it'"
    cases = [
        (["id", "text", "labels"], [[long, "x", "A"], [long, "y", "B"]], {}),
        (["id", "text", "labels"], [["1", "x", f"[{long}, b]"]], {}),
        (["id", "text", "labels", "split"], [["1", "x", "A", long]], {}),
        (["id", "text", "labels", "date"], [["1", "x", "A", long]], {"date_column": "date"}),
        (["id", "text", "A"], [["1", "x", "1"], ["2", "y", long]], {"label_columns": "A,text"}),
        (["1", long, "A"], [["2", long, "B"]], {}),
    ]  # fmt: skip
    for header, rows, options in cases:
        with pytest.raises(DataError) as caught:
            made(table(tmp_path, header, rows), options)
        assert long[:70].strip() not in str(caught.value), header


def test_every_option_and_policy_that_a_message_names_is_there():
    import ast
    import re
    from pathlib import Path

    from volfid.core.input_policies import POLICIES

    root = Path(__file__).parents[2]
    schema = json.loads((root / "nextflow_schema.json").read_text())
    known = {name for group in schema["$defs"].values() for name in group["properties"]}
    command = (root / "bin/prepare_documents.py").read_text()
    known |= set(re.findall(r'"--(\w+)"', command)) | {"input", "design", "options", "seed", "only"}
    seen = set()
    for path in sorted((root / "bin/volfid/inputs").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or "volfid" in node.value[:6]:
                continue
            for option in re.findall(r"(?<![\w-])--([a-z]\w*)", node.value):
                assert option in known, f"{path.name}: --{option}"
                seen.add(option)
            for policy, choice in re.findall(r"\b(\w+)=(\w+)", node.value):
                if policy in POLICIES:
                    assert choice in POLICIES[policy][0], f"{path.name}: {policy}={choice}"
                    seen.add(policy)
    assert {"label_marks", "label_separator", "label_columns", "duplicate_ids", "missing_date", "error_cells"} <= seen


def test_a_step_that_drops_more_than_a_tenth_of_the_rows_is_told(tmp_path):
    path = labelled(tmp_path, lambda i, labels: "" if i % 4 == 0 else labels[0])
    prepared = made(path)
    assert warned(prepared, "20 of 80 rows were dropped: no label") and warned(prepared, "each of the 60 labelled rows")
    path = table(
        tmp_path,
        ["id", "text", "labels"],
        [[i, TEXTS[k % 60], ";".join(SETS[k % 60])] for k, (i, *_) in enumerate(DOCS)],
    )
    assert warned(made(path), "20 of 80 rows were dropped: repeated text")


@pytest.mark.parametrize(("begin", "listed"), [(0, "labels.txt"), (1, "labels.txt"), (0, "labels.json")])
def test_numbers_are_places_in_a_list_of_names_alone(tmp_path, begin, listed):
    """A list of names without numbers, as label files of published sets are: the documents hold places in it."""
    names = ["self care", "hearing aid", "vision"]
    text = json.dumps(names) if listed.endswith("json") else "\n".join(names)
    (tmp_path / listed).write_text(text)
    rows = [[f"d{i}", f"{TEXTS[i % len(TEXTS)]} number {i}", str(begin + i % 3)] for i in range(45)]
    path = table(tmp_path, ["id", "text", "labels"], rows)
    prepared = made(path, labels=tmp_path / listed)
    assert {row["label"]: row["name"] for row in prepared.labels} == {name: name for name in names}
    assert truth(prepared)["d4"] == ("hearing aid",) and warned(prepared, f"{begin} was read as 'self care'")


def test_a_list_of_names_that_fits_numbers_in_two_ways_is_refused(tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\n")
    rows = [[f"d{i}", f"{TEXTS[i % len(TEXTS)]} number {i}", str(1 + i % 2)] for i in range(45)]
    with pytest.raises(DataError, match="from 0 or from 1 cannot be seen"):
        made(table(tmp_path, ["id", "text", "labels"], rows), labels=tmp_path / "labels.txt")


@pytest.mark.parametrize("text", ["#BHAW!", "#WINNING!", "#LOL!", "#WHY?"])
def test_a_tag_with_a_shout_is_a_text(text):
    assert not spreadsheet_error(text) and spreadsheet_error("#BEZUG!")


CODED = {
    "code,label": "code,label\n3,economy\n1,health\n2,politics\n",
    "Label_ID;Label": "Label_ID;Label\n3;economy\n1;health\n2;politics\n",
    "index,label": "index,label\n3.0,economy\n1.0,health\n2.0,politics\n",
    "label,key": "label,key\neconomy,3\nhealth,1\npolitics,2\n",
    "json": '[{"id": 3, "label": "economy"}, {"id": 1, "label": "health"}, {"id": 2, "label": "politics"}]',
    "colon": "3: economy\n1: health\n2: politics\n",
    "blank": "3 economy\n1 health\n2 politics\n",
    "point": "3. economy\n1. health\n2. politics\n",
    "bracket": "3) economy\n1) health\n2) politics\n",
}


@pytest.mark.parametrize("form", CODED)
def test_a_label_list_with_its_own_numbers_is_read_by_them(tmp_path, form):
    suffix = ".json" if form == "json" else ".csv" if "label" in form.lower() else ".txt"
    listed = tmp_path / f"labels{suffix}"
    listed.write_text(CODED[form])
    called = {"1": "health", "2": "politics", "3": "economy"}
    for write in (str, called.get):
        rows = [[f"d{i}", f"{TEXTS[i]} number {i}", write(str(1 + i % 3))] for i in range(45)]
        prepared = made(table(tmp_path, ["id", "text", "labels"], rows), labels=listed)
        names = {row["label"]: row["name"] or row["label"] for row in prepared.labels}
        assert {names[labels[0]] for labels in truth(prepared).values()} == set(called.values())
        assert all(names[truth(prepared)[f"d{i}"][0]] == called[str(1 + i % 3)] for i in range(45))
    assert names == {name: name for name in called.values()}


def test_numbers_that_are_no_codes_of_the_list_are_no_places_either(tmp_path):
    (tmp_path / "labels.csv").write_text("code,label\n30,economy\n10,health\n20,politics\n")
    rows = [[f"d{i}", f"{TEXTS[i]} number {i}", str(1 + i % 3)] for i in range(45)]
    with pytest.raises(InputFaults, match="unknown label"):
        made(table(tmp_path, ["id", "text", "labels"], rows), labels=tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("cell", "separator", "labels"),
    [("Toys &amp; Games", None, ("Toys &amp; Games",)), ("Toys &amp; Games;Art", None, ("Art", "Toys &amp; Games")),
     ("a &#38; b|c", None, ("a &#38; b", "c")), ("a &#x26; b;c", ";", ("a &#x26; b", "c")),
     ("R&D;c", None, ("R&D", "c")), ("a&zzqx;c", None, ("a&zzqx", "c")), ('c("a", "b")', None, ("a", "b")),
     ('c("a", NA)', None, ("a",)),
     ('c("a; d", "b")', ",", ("a; d", "b")), ("a.b", ".", ("a", "b"))],
)  # fmt: skip
def test_what_parts_the_labels_of_a_cell(cell, separator, labels):
    from volfid.inputs.names import NameCells

    assert NameCells(separator).labels(cell) == labels


def test_two_separators_in_one_column_are_told(tmp_path):
    both = made(labelled(tmp_path, lambda i, labels: (";", "|")[i % 2].join(labels)))
    assert truth(both) == {doc_id: labels for doc_id, _, labels in DOCS}
    assert warned(both, "hold ';' and", "hold '|'", "--label_separator")
    assert not warned(made(labelled(tmp_path, lambda i, labels: ";".join(labels))), "hold '|'")


def test_the_longest_separator_is_told_and_a_decimal_comma_is_none(tmp_path):
    assert warned(made(labelled(tmp_path, lambda i, labels: "<br>".join(labels))), "--label_separator '<br>'")
    prepared = made(labelled(tmp_path, lambda i, labels: ("30,0", "30", "0")[i % 3]))
    assert not warned(prepared, "--label_separator ','")


def test_missing_words_in_columns_of_flags_are_counted(tmp_path):
    def cell(i, name, labels):
        return 1 if name in labels else {("d003", "vision"): "NA", ("d004", "vision"): "?"}.get((i, name), 0)

    sets = {i: set(labels) - ({"vision"} if i in ("d003", "d004") else set()) for i, _, labels in DOCS}
    rows = [[i, text, *(cell(i, n, sets[i]) for n in NAMES)] for i, text, _ in DOCS]
    path = table(tmp_path, ["id", "text", *NAMES], rows)
    for options in (COLUMNS, COLUMNS | {"label_marks": "1"}):
        assert warned(made(path, options), "read as no: 'vision' 2 ('?', 'NA')")


def test_a_decimal_comma_in_columns_of_flags(tmp_path):
    prepared = made(marked(tmp_path, "1,0", "0,0"), COLUMNS)
    assert truth(prepared) == {doc_id: labels for doc_id, _, labels in DOCS}


@pytest.mark.parametrize(
    "word",
    ["{}", '""', "''", "c()", "character(0)", ".", "(blank)", "(leer)", "k.A.", "keine Angabe", "Missing", "n/d", "s/o",
     "not available"],
)  # fmt: skip
def test_other_words_for_none_are_no_class(tmp_path, word):
    prepared = made(labelled(tmp_path, lambda i, labels: word if i % 8 == 0 else ";".join(labels)))
    assert {row["label"] for row in prepared.labels} == set(NAMES)
    assert warned(prepared, "10 rows", "missing value as a label")


def test_minus_99_among_names_is_told(tmp_path):
    prepared = made(labelled(tmp_path, lambda i, labels: "-99" if i % 8 == 0 else ";".join(labels)))
    assert warned(prepared, "10 rows have the label '-99'")


@pytest.mark.parametrize("text", ["#ERROR!", "Err:502", "Err:522"])
def test_errors_of_other_spreadsheets(text):
    assert spreadsheet_error(text) and not spreadsheet_error("Err:no") and not spreadsheet_error("Err:5021")


def test_numbers_with_and_without_a_point_are_the_same_beside_other_text(tmp_path):
    header = ["id", "text", "labels", "family"]
    rows = [[i, text, ("1.0", "1", "other")[k % 3], "x7" if k == 5 else ("1001", "1001.0")[k % 2] if k < 9 else k]
            for k, (i, text, _) in enumerate(DOCS)]  # fmt: skip
    prepared = made(table(tmp_path, header, rows), {"group_column": "family"})
    assert {row["label"] for row in prepared.labels} == {"1", "other"}
    assert len({row["group"] for row in prepared.documents if row["doc_id"] in ("d000", "d001", "d002")}) == 1
    assert warned(prepared, "'1001.0'", "read as the same") and warned(prepared, "'1.0'", "as labels")
    rows[1][0], rows[2][0] = "17", "17.0"
    with pytest.raises(InputFaults, match="17"):
        made(table(tmp_path, header, rows), {"group_column": "family"})


@pytest.mark.parametrize(("day", "end"), [("2999-12-31", "last"), ("1970-01-01", "first"), ("1900-01-01", "first")])
def test_the_end_of_time_is_told(tmp_path, day, end):
    rows = [[i, text, ";".join(labels), day if k % 10 == 0 else f"20{10 + k // 8}-03-0{1 + k % 7}"]
            for k, (i, text, labels) in enumerate(DOCS)]  # fmt: skip
    path = table(tmp_path, ["id", "text", "labels", "date"], rows)
    prepared = made(path, {"policies": "split_by=date", "date_column": "date"})
    assert warned(prepared, f"8 rows have the date {day}", f"the {end} there")


def test_a_name_of_two_words_that_are_names_is_no_set(tmp_path):
    names = ("Credit card", "Credit", "Card", "Mortgage")
    prepared = made(labelled(tmp_path, lambda i, labels: names[i % 4]))
    assert not warned(prepared, "made of others")
