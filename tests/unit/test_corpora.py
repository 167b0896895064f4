"""Loaders of known sources, on small files of the true form made by hand."""

import gzip
import io
import json
import os
import re
import tarfile
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from helpers.chain import call

from volfid.core.exits import ConfigError, DataError, InputMissingError, ParameterError
from volfid.core.schemas import CONTRACTS
from volfid.corpora import bigquery
from volfid.corpora.convert import LOADERS, convert, loader
from volfid.corpora.cpc_rules import read_taxonomy
from volfid.corpora.documents import Options, first_claim, id_hash, iso_date
from volfid.corpora.patents import publication_key
from volfid.corpora.plain_pickle import read_plain
from volfid.inputs.labels import read_label_names
from volfid.inputs.prepare import prepare
from volfid.inputs.settings import InputSettings

ROOT = Path(__file__).parents[2]
TAXONOMY = ROOT / "params/taxonomy/assistive_technology.yaml"
AT = read_taxonomy(TAXONOMY)


@pytest.fixture
def run(tmp_path):
    """Convert files: (rows, card)."""

    def convert_files(name, *sources, texts=(), taxonomy=None, **options):
        card, written = convert("made", name, sources, texts, options, taxonomy, tmp_path / "out", {})
        rows = [json.loads(line) for line in written[0].read_text().splitlines()]
        CONTRACTS["source"].read(tmp_path / "out")
        return rows, card

    return convert_files


def labels_of(tmp_path):
    return {row["label"]: row for row in json.loads((tmp_path / "out/labels.json").read_text())["labels"]}


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


# ---- small parts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("US 2016/0012345 A1", "US-2016012345-A1"), ("US20160012345A1", "us 2016 0012345"),
        ("US08087495B2", "US-8087495-B2"), ("EP 0123456 A2", "EP123456B1"), ("WO2004/012345", "WO04012345A1"),
        ("WO1998012345A2", "WO9812345A2"), ("WO 2016/123456 A1", "WO2016123456"),
    ],
)  # fmt: skip
def test_publication_numbers_of_two_spellings_meet(left, right):
    assert publication_key(left) == publication_key(right) is not None


def test_what_differs_stays_apart():
    keys = [publication_key(text) for text in ("US20160012345A1", "US20170012345A1", "US2016012B1", "EP2016012345")]
    assert len(set(keys)) == 4
    assert publication_key("") is publication_key("patent") is publication_key("12345") is None


def test_dates_claims_and_hashes():
    assert [iso_date(x) for x in (20160105, "2016-01-05", "2016-01-05T00:00", "20161505", None, "2016")] == [
        "2016-01-05", "2016-01-05", "2016-01-05", None, None, None,
    ]  # fmt: skip
    claims = "What is claimed is: 1 . A chair, having 2. 5 wheels. 2 . The chair of claim 1. 3. A bed."
    assert first_claim(claims) == "A chair, having 2. 5 wheels."
    assert first_claim("A lone claim.") == "A lone claim."
    assert id_hash(["b", "a"]) == id_hash(["a", "b"]) != id_hash(["ab"])


# ---- WOS -----------------------------------------------------------------------------------


@pytest.fixture
def wos(tmp_path):
    """WOS_CT as published: JSON lines {token, label}, and dictionaries written by torch.save."""
    rows = {
        "train": [("Heart, valves", [0, 3]), ("Two paths", [0, 3, 1, 4]), ("", [0, 3])],
        "dev": [("Bridges", [1, 4])], "test": [("Heart again", [0, 5]), ("No class", [])],
    }  # fmt: skip
    paths = []
    for split, items in rows.items():
        lines = [json.dumps({"token": text, "label": labels}) for text, labels in items]
        paths.append(write(tmp_path / f"CT_{split}.json", "\n".join(lines) + "\n"))
    names = dict(enumerate(["Medicine", "Engineering", "unused", "Cardiology", "Civil", "Surgery"]))
    torch.save(names, tmp_path / "value_dict.pt")
    torch.save({0: [0, 1], 1: [3, 4, 5]}, tmp_path / "depth2label.pt")
    return [*paths, tmp_path / "value_dict.pt", tmp_path / "depth2label.pt"]


def test_wos_keeps_labels_as_they_stand_and_the_official_split(run, wos, tmp_path):
    rows, card = run("wos_ct", *wos)
    assert rows == [
        {"id": "ct_dev_000001", "text": "Bridges", "labels": ["1", "4"], "split": "reference"},
        {"id": "ct_test_000001", "text": "Heart again", "labels": ["0", "5"], "split": "test"},
        {"id": "ct_train_000001", "text": "Heart, valves", "labels": ["0", "3"], "split": "train"},
        {"id": "ct_train_000002", "text": "Two paths", "labels": ["0", "1", "3", "4"], "split": "train"},
    ]
    assert card["dropped"] == {"no text": 1, "no label": 1} and card["labels"] == 5
    assert card["id_sha256"] == id_hash(row["id"] for row in rows)
    assert {label: row["name"] for label, row in labels_of(tmp_path).items()} == {
        "0": "Medicine", "1": "Engineering", "3": "Cardiology", "4": "Civil", "5": "Surgery",
    }  # fmt: skip


def test_wos_top_level_and_without_names(run, wos):
    rows, _ = run("wos_ct", *wos, level="top")
    assert [row["labels"] for row in rows] == [["1"], ["0"], ["0"], ["0", "1"]]
    _, card = run("wos_ct", *wos[:3])
    assert "no names" in card["notes"][0]
    with pytest.raises(ParameterError, match=r"level=top needs depth2label\.pt"):
        run("wos_ct", *wos[:3], level="top")


def test_wos_faults_are_named(run, wos, tmp_path):
    for text, message in (
        ('{"token": "a", "label": [1]}\n{"token": "b"', "CT_dev.json, row 2: not JSON"),
        ('{"token": 7, "label": [1]}\n', "row 1, field 'token'"),
        ('{"token": "a", "label": "1"}\n', "row 1, field 'label'"),
        ('{"token": "a", "label": [true]}\n', "row 1, field 'label'"),
    ):
        write(tmp_path / "CT_dev.json", text)
        with pytest.raises(DataError, match=re.escape(message)):
            run("wos_ct", *wos)
    with pytest.raises(ParameterError, match="does not say which split"):
        run("wos_ct", write(tmp_path / "all.json", "{}\n"))
    with pytest.raises(ParameterError, match="two files of one split"):
        run("wos_ct", wos[0], write(tmp_path / "JT_train.json", "{}\n"))


class Bomb:
    def __reduce__(self):
        return (os.system, ("touch exploded",))


def test_a_file_of_torch_is_read_without_running_it(tmp_path, monkeypatch):
    from collections import defaultdict

    monkeypatch.chdir(tmp_path)
    nested = defaultdict(set)
    nested[1] |= {2, 3}
    values = {
        "a": [1, 2.5, None, True, -70000, 2**40, "é" * 300],
        3: ("x", (), [()]),
        "s": {4},
        "n": nested,
        "m": {1: {}},
    }
    for legacy in (True, False):
        torch.save(values, tmp_path / "plain.pt", _use_new_zipfile_serialization=not legacy)
        assert read_plain(tmp_path / "plain.pt") == values
    for bad in ({"a": Bomb()}, {"a": torch.zeros(2)}, {"a": Path("x")}):
        torch.save(bad, tmp_path / "bad.pt")
        with pytest.raises(DataError, match="is refused: it names"):
            read_plain(tmp_path / "bad.pt")
    assert not (tmp_path / "exploded").exists()
    (tmp_path / "cut.pt").write_bytes((tmp_path / "plain.pt").read_bytes()[:50])
    with pytest.raises(DataError, match=r"torch\.save"):
        read_plain(tmp_path / "cut.pt")


# ---- HUPD ----------------------------------------------------------------------------------


def application(number, filed="20160105", cpc=("A61F21627", "H04R25505"), ipcr=("A61F216",), **changes):
    """An application with the fields of HUPD; symbols have no slash there."""
    return {
        "application_number": number, "publication_number": f"US{number}A1-20160707", "title": "Lens",
        "decision": "PENDING", "date_produced": "20160622", "date_published": "20160707",
        "main_cpc_label": cpc[0] if cpc else "", "cpc_labels": list(cpc),
        "main_ipcr_label": "", "ipcr_labels": list(ipcr),
        "patent_number": "None", "filing_date": filed, "abstract": "A lens that adapts.",
        "claims": "1. A lens.\n2. The lens of claim 1.", "background": "b", "summary": "s", "full_description": "f",
    } | changes  # fmt: skip


def test_hupd_reads_folders_archives_and_lines_alike(run, tmp_path):
    folder = tmp_path / "sample/2016"
    folder.mkdir(parents=True)
    items = [application(str(n)) for n in range(14000001, 14000004)]
    for item in items:
        write(folder / f"{item['application_number']}.json", json.dumps(item, indent=1))
    lines = tmp_path / "all.jsonl.gz"
    lines.write_bytes(gzip.compress("\n".join(map(json.dumps, items)).encode()))
    with tarfile.open(tmp_path / "sample.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "sample", "sample")
    want = {"id": "US14000001A1-20160707", "text": "Lens. A lens. A lens that adapts.", "date": "2016-01-05",
            "labels": ["A61F", "H04R"]}  # fmt: skip
    found = [run("hupd", source)[0] for source in (tmp_path / "sample", lines, tmp_path / "sample.tar.gz")]
    assert found[0] == found[1] == found[2] and found[0][0] == want and len(found[0]) == 3
    (tmp_path / "cut.tar.gz").write_bytes((tmp_path / "sample.tar.gz").read_bytes()[:-40])
    with pytest.raises(DataError, match="damaged or cut short"):
        run("hupd", tmp_path / "cut.tar.gz")


def test_hupd_takes_ipc_before_2015_and_says_so(run, tmp_path):
    rows = [
        application("1", "20141231"),
        application("2", "2015-01-01"),
        application("3", None, date_published="20130101"),
    ]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    made, card = run("hupd", path)
    assert [row["labels"] for row in made] == [["A61F"], ["A61F", "H04R"], ["A61F"]]
    assert "2 documents have IPC" in card["notes"][0]
    assert [row["labels"] for row in run("hupd", path, codes="cpc")[0]] == [["A61F", "H04R"]] * 3


def test_hupd_by_rules_asks_how_symbols_are_written(run, tmp_path):
    path = write(tmp_path / "a.jsonl", json.dumps(application("1")) + "\n" + json.dumps(application("2", "20140101")))
    with pytest.raises(
        DataError, match=r"a\.jsonl, row 1, field 'cpc_labels': symbol A61F21627 has no slash.*symbols=plain"
    ):
        run("hupd", path, taxonomy=AT, labels="rules")
    with pytest.raises(DataError, match=r"can be read as A61F2/1627 or"):
        run("hupd", path, taxonomy=AT, labels="rules", symbols="plain")
    made, card = run("hupd", path, taxonomy=AT, labels="rules", symbols="plain", ambiguous="any")
    assert [row["labels"] for row in made] == [["H06", "V01"]]  # H04R25/505 and A61F2/1627
    assert card["dropped"] == {"filed before 2015: too few CPC symbols for the rules": 1}
    assert labels_of(tmp_path)["V01"]["name"] == "Adaptive focus"
    with pytest.raises(ParameterError, match="needs a taxonomy"):
        run("hupd", path, labels="rules")


def test_hupd_faults_and_options_are_named(run, tmp_path):
    for changes, message in (
        ({"publication_number": None, "application_number": ""}, "field 'publication_number': no id"),
        ({"cpc_labels": "A61F"}, "field 'cpc_labels': expected a list"),
        ({"cpc_labels": ["lens"]}, "'lens' is no CPC or IPC symbol"),
    ):
        path = write(tmp_path / "a.jsonl", json.dumps(application("1") | changes))
        with pytest.raises(DataError, match=re.escape(message)):
            run("hupd", path)
    path = write(tmp_path / "a.jsonl", json.dumps(application("1")) + "\n" + json.dumps(application("1")))
    assert run("hupd", path, text="abstract")[1]["dropped"] == {"repeated id": 1}
    with pytest.raises(DataError, match=r"no document is left \(2 other decision\)"):
        run("hupd", path, decision="ACCEPTED")
    for options, message in (
        ({"label": "rules"}, "no option 'label'"), ({"labels": "cpc"}, "labels=cpc means nothing"),
        ({"text": "summary"}, "no such part"), ({"share": "2"}, "share=2"), ({"codes": "uspc"}, "codes=uspc"),
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=re.escape(message)):
            run("hupd", path, **options)
    with pytest.raises(InputMissingError):
        run("hupd", tmp_path / "none.jsonl")


def test_a_share_is_the_same_documents_whatever_the_order(run, tmp_path):
    items = [json.dumps(application(str(n))) for n in range(300)]
    one, _ = run("hupd", write(tmp_path / "a.jsonl", "\n".join(items)), share="0.3")
    two, card = run("hupd", write(tmp_path / "b.jsonl", "\n".join(reversed(items))), share="0.3")
    assert {row["id"] for row in one} == {row["id"] for row in two} and 60 < len(one) < 120
    assert card["dropped"] == {"outside the share": 300 - len(one)}


# ---- USPTO XML -----------------------------------------------------------------------------

CPC = "<classification-cpc><section>{}</section><class>{}</class><subclass>{}</subclass><main-group>{}</main-group>" \
      "<subgroup>{}</subgroup><symbol-position>F</symbol-position></classification-cpc>"  # fmt: skip


def grant(
    number="09200001", date="20160105", cpc=True, abstract="A <b>lens</b> &lt; 2&nbsp;mm.", root="us-patent-grant"
):
    classes = (
        f"<classifications-cpc><main-cpc>{CPC.format('A', '61', 'F', '2', '1627')}</main-cpc><further-cpc>"
        f"{CPC.format('H', '04', 'R', '25', '505')}{CPC.format('Y', '10', 'T', '29', '49')}</further-cpc>"
        "</classifications-cpc>"
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE {root} SYSTEM "us-patent-grant-v45-2014-04-03.dtd" [ ]>
<{root} lang="EN" dtd-version="v4.5 2014-04-03" file="x.XML" country="US">
<us-bibliographic-data-grant>
<publication-reference><document-id><country>US</country><doc-number>{number}</doc-number><kind>B2</kind>
<date>{date}</date></document-id></publication-reference>
{classes if cpc else ""}
<invention-title id="d2e53">Adaptive <i>lens</i></invention-title>
</us-bibliographic-data-grant>
<abstract id="abstract"><p id="p-0001" num="0000">{abstract}</p></abstract>
<claims id="claims"><claim id="CLM-00001" num="00001"><claim-text>1. A lens, comprising:
<claim-text>a fluid.</claim-text></claim-text></claim>
<claim id="CLM-00002" num="00002"><claim-text>2. The lens.</claim-text></claim></claims></{root}>
"""


def test_uspto_reads_many_documents_in_one_file(run, tmp_path):
    sequence = '<?xml version="1.0"?><sequence-cwu id="s"></sequence-cwu>'
    content = grant() + grant("09200002", cpc=False) + sequence + grant("09200003")
    plain = write(tmp_path / "ipg160105.xml", content)
    with zipfile.ZipFile(tmp_path / "ipg160105.zip", "w") as archive:
        archive.writestr("ipg160105.xml", "\ufeff" + content.replace("?>\n<!DOC", "?><!DOC"))
    rows, card = run("uspto_xml", plain)
    assert rows[0] == {
        "id": "US09200001B2", "date": "2016-01-05", "labels": ["A61F", "H04R"],
        "text": "Adaptive lens. A lens, comprising: a fluid. A lens < 2 mm.",
    }  # fmt: skip
    assert [row["id"] for row in rows] == ["US09200001B2", "US09200003B2"]
    assert card["dropped"] == {"no label": 1, "a sequence-cwu, no grant or application": 1}
    assert run("uspto_xml", tmp_path / "ipg160105.zip")[0] == rows
    ruled, _ = run("uspto_xml", plain, taxonomy=AT, labels="rules", text="title,abstract")
    assert ruled[0]["labels"] == ["H06", "V01"] and ruled[0]["text"] == "Adaptive lens. A lens < 2 mm."


def test_uspto_refuses_what_was_published_before_2015(run, tmp_path):
    path = write(tmp_path / "ipg.xml", grant("1", "20141230") + grant("2"))
    with pytest.raises(DataError, match=r"document 1 \(US1B2\): published 2014-12-30, before 2015.*before_2015=skip"):
        run("uspto_xml", path)
    assert [row["id"] for row in run("uspto_xml", path, before_2015="skip")[0]] == ["US2B2"]
    assert len(run("uspto_xml", path, before_2015="take")[0]) == 2


def test_uspto_faults_are_named(run, tmp_path):
    for text, message in (
        (grant() + grant()[:900], "document 2: not well-formed XML"),
        (grant().replace("doc-number", "number"), "no publication-reference"),
        (grant().replace("<subgroup>505</subgroup>", ""), "a classification-cpc without subgroup"),
    ):
        with pytest.raises(DataError, match=re.escape(message)):
            run("uspto_xml", write(tmp_path / "ipg.xml", text))
    (tmp_path / "ipg.zip").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(DataError, match="damaged or cut short"):
        run("uspto_xml", tmp_path / "ipg.zip")


def test_uspto_memory_holds_one_document(tmp_path):
    """A file of 4,000 documents (about 6 MB) is split without being read whole."""
    import tracemalloc

    from volfid.corpora.uspto_xml import split_documents

    with open(tmp_path / "big.xml", "wb") as out:
        for _ in range(4000):
            out.write(grant().encode())
    size = (tmp_path / "big.xml").stat().st_size
    tracemalloc.start()
    with open(tmp_path / "big.xml", "rb") as file:
        assert sum(1 for _ in split_documents(file)) == 4000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 20


# ---- PatentsView ---------------------------------------------------------------------------


@pytest.fixture
def patentsview(tmp_path):
    """Tables as published: tab-separated, every cell quoted, some zipped."""
    tables = {
        "g_patent.tsv": [
            ("patent_id", "patent_type", "patent_date", "patent_title", "wipo_kind", "num_claims", "withdrawn",
             "filename"),
            ("8500001", "utility", "2013-08-06", "Lens", "B2", "2", "0", "x.xml"),
            ("9500002", "utility", "2016-11-22", "Chair", "B1", "1", "0", "x.xml"),
            ("D700001", "design", "2014-02-18", "Cup", "S1", "1", "0", "x.xml"),
            ("9500003", "utility", "2016-11-22", "Gone", "B1", "1", "1", "x.xml"),
        ],
        "g_patent_abstract.tsv.zip": [
            ("patent_id", "patent_abstract"),
            ("9500002", 'A "smart" chair\tfor elderly people.'), ("8500001", "A lens."),
        ],
        "g_cpc_current.tsv": [
            ("patent_id", "cpc_sequence", "cpc_section", "cpc_class", "cpc_subclass", "cpc_group", "cpc_type"),
            ("9500002", "0", "A", "A61", "A61G", "A61G7/10", "inventional"),
            ("8500001", "0", "A", "A61", "A61F", "A61F2/1627", "inventional"),
            ("8500001", "1", "G", "G02", "G02C", "G02C7/04", "additional"),
            ("9500002", "1", "Y", "Y10", "Y10T", "Y10T29/49", "additional"),
        ],
        "g_claims_2016.tsv": [
            ("patent_id", "claim_sequence", "claim_text", "dependent", "claim_number", "exemplary"),
            ("9500002", "1", "The chair of claim 1.", "claim 1", "2", "0"),
            ("9500002", "0", "A chair.", "", "1", "1"),
        ],
    }  # fmt: skip
    paths = []
    for name, rows in tables.items():
        text = "".join("\t".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)
        if name.endswith(".zip"):
            with zipfile.ZipFile(tmp_path / name, "w") as archive:
                archive.writestr(name.removesuffix(".zip"), text)
        else:
            write(tmp_path / name, text)
        paths.append(tmp_path / name)
    return paths


def test_patentsview_joins_tables_and_cures_early_years(run, patentsview, tmp_path):
    rows, card = run("patentsview", *patentsview)
    assert rows == [
        {"id": "US8500001", "text": "Lens. A lens.", "labels": ["A61F", "G02C"], "date": "2013-08-06"},
        {"id": "US9500002", "text": 'Chair. A chair. A "smart" chair for elderly people.', "labels": ["A61G"],
         "date": "2016-11-22"},
    ]  # fmt: skip
    assert card["dropped"] == {"other patent type": 1, "withdrawn": 1}
    assert not list((tmp_path / "out").glob("patentsview-*"))
    ruled, _ = run("patentsview", *patentsview, taxonomy=AT, labels="rules", text="title,abstract")
    assert [row["labels"] for row in ruled] == [["V01"], ["E06"]]
    assert [r["id"] for r in run("patentsview", *patentsview, **{"from": "2014"})[0]] == ["US9500002"]
    assert run("patentsview", *patentsview, cpc_type="inventional")[0][0]["labels"] == ["A61F"]


def test_patentsview_faults_are_named(run, patentsview, tmp_path):
    with pytest.raises(ParameterError, match="no g_claims_YYYY table"):
        run("patentsview", *patentsview[:3])
    with pytest.raises(ParameterError, match="the table g_cpc_current is missing"):
        run("patentsview", *patentsview[:2], text="title,abstract")
    with pytest.raises(ParameterError, match="is no table that is read"):
        run("patentsview", *patentsview, write(tmp_path / "g_location.tsv", "a\tb\n"))
    write(tmp_path / "g_cpc_current.tsv", "patent_id\tcpc_group\n1\tA61F2/1627\n")
    with pytest.raises(DataError, match=r"g_cpc_current\.tsv, row 1: no column 'cpc_subclass'"):
        run("patentsview", *patentsview)
    write(tmp_path / "g_cpc_current.tsv", "patent_id\tcpc_group\n1\n")
    with pytest.raises(DataError, match="row 2: 1 cells, the header has 2"):
        run("patentsview", *patentsview)


# ---- WIPO workbook -------------------------------------------------------------------------

CATEGORIES = ("Vision - Implants - Artificial iris", "Mobility - Chairs - Smart chair", "Hearing - Aids - Smart chair")


def workbook(path, rows, header=("Publication Number", "Office", *CATEGORIES), title=True):
    book = openpyxl.Workbook()
    if title:
        book.active.append(["Assistive technology"])
    for row in (header, *rows):
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("mark", ["x", 1, "1"])
def test_wipo_labels_are_columns_and_text_is_joined_on_the_number(run, tmp_path, mark):
    rows = [("US 2016/0012345 A1", "US", mark, None, None), ("EP0123456A1", "EP", None, mark, mark),
            ("EP123456 B1", "EP", mark, None, None), ("CN1A", "CN", mark, None, None),
            (None, "US", mark, None, None)]  # fmt: skip
    if mark != "x":
        rows = [tuple(0 if c is None and i > 1 else c for i, c in enumerate(row)) for row in rows]
    book = workbook(tmp_path / "tech1.xlsx", rows)
    texts = write(
        tmp_path / "texts.csv",
        "publication_number,title,abstract,family_id,publication_date\n"
        'US-2016012345-A1,Iris,"An iris, made.",77,20160114\nEP-0123456-A1,Chair,A chair.,-1,\nUS-1-A,Other,Text.,1,\n',
    )
    made, card = run("wipo_workbook", book, texts=[texts])
    assert made == [
        {"id": "US-2016012345-A1", "text": "Iris. An iris, made.", "labels": [CATEGORIES[0]], "group": "77",
         "date": "2016-01-14"},
        {"id": "EP-0123456-A1", "text": "Chair. A chair.", "labels": sorted(CATEGORIES)},
    ]  # fmt: skip
    assert card["dropped"] == {
        "workbook row without a publication number": 1, "text of a publication that the workbook lacks": 1,
        "publication of the workbook without text": 1,
    }  # fmt: skip
    names = {label: row["name"] for label, row in labels_of(tmp_path).items()}
    assert names == {CATEGORIES[0]: "Artificial iris", CATEGORIES[1]: CATEGORIES[1], CATEGORIES[2]: CATEGORIES[2]}


def test_wipo_reads_a_csv_and_one_delimited_column(run, tmp_path):
    book = write(tmp_path / "t.csv", "number,Categories\nEP1A,Iris; Chair\nEP2A,\n")
    texts = write(tmp_path / "x.jsonl", '{"id": "EP1", "abstract": "A."}\n{"id": "EP2", "abstract": "B."}\n')
    made, card = run("wipo_workbook", book, texts=[texts], id="number", label_column="Categories")
    assert [(row["id"], row["labels"]) for row in made] == [("EP1", ["Chair", "Iris"])]
    assert card["dropped"] == {"no label": 1}


def test_wipo_faults_are_named(run, tmp_path):
    texts = write(tmp_path / "x.csv", "id,abstract\nEP1,A.\n")
    book = workbook(tmp_path / "t.xlsx", [("EP1", "EP", 0, None, None), ("EP2", "EP", "maybe", None, None)])
    with pytest.raises(DataError, match=r"t\.xlsx, row 4, field 'Vision.*'maybe' is neither yes nor no"):
        run("wipo_workbook", book, texts=[texts])
    with pytest.raises(DataError, match="no column has ' - '"):
        run("wipo_workbook", write(tmp_path / "t.csv", "Publication number,Iris\nEP1,1\n"), texts=[texts])
    with pytest.raises(DataError, match=r"no column with a usual name for the publication number.*Give id=COLUMN"):
        run("wipo_workbook", write(tmp_path / "t.csv", "Nummer,A - B\nEP1,1\n"), texts=[texts])
    with pytest.raises(ParameterError, match="the workbook has no text"):
        run("wipo_workbook", book)
    with pytest.raises(DataError, match="not a readable workbook"):
        run("wipo_workbook", write(tmp_path / "broken.xlsx", "no"), texts=[texts])


# ---- BigQuery ------------------------------------------------------------------------------

STRUCT = re.compile(
    r"STRUCT\('(\w+)' AS label, '([^']+)' AS prefix, (TRUE|FALSE) AS need_text, (TRUE|FALSE) AS need_context,\s+"
    r"r'([^']*)' AS text_regex\)"
)


def test_the_sql_holds_every_rule_of_the_taxonomy_and_nothing_else():
    query = bigquery.sql(Options("bigquery", {}, bigquery.OPTIONS), AT)
    found = STRUCT.findall(query)
    rules = [(label, rule) for label in AT.labels for rule in label.rules]
    assert len(found) == len(rules) == query.count("STRUCT(") == 197
    for (label_id, prefix, text, context, regex), (label, rule) in zip(found, rules, strict=True):
        assert (label_id, prefix) == (label.id, rule.prefix)
        assert (text == "TRUE", context == "TRUE") == (rule.need_text, rule.need_context)
        assert regex == (f"(?i){label.text}" if rule.need_text else "")
    assert f"r'(?i){AT.context}'" in query and "BETWEEN 19980101 AND 20200630" in query
    assert "reconstruction" in query and query.count("(") == query.count(")")
    other = bigquery.sql(Options("b", {"table": "p.d.t", "countries": "US", "from": "2016"}, bigquery.OPTIONS), AT)
    assert other.startswith("CREATE OR REPLACE TABLE p.d.t AS") and "IN ('US')" in other and "20160101" in other


@pytest.mark.parametrize("given", [{"table": "x; DROP TABLE y"}, {"table": "at_docs"}, {"countries": "US')"}])
def test_nothing_else_gets_into_the_sql(given):
    with pytest.raises(ConfigError):
        bigquery.sql(Options("bigquery", given, bigquery.OPTIONS), AT)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_the_exported_result_is_read(run, tmp_path, form):
    rows = [
        {"id": "US-2016012345-A1", "family_id": "77", "publication_date": 20160114, "title": "Iris",
         "abstract": "An iris.", "labels": ["V02", "V01"]},
        {"id": "EP-1-A1", "family_id": "-1", "publication_date": 20100101, "title": None, "abstract": "A chair.",
         "labels": ["M12"]},
    ]  # fmt: skip
    path = tmp_path / f"at_docs-000.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        write(path, "\n".join(map(json.dumps, rows)))
    made, _ = run("bigquery", path, taxonomy=AT)
    assert made == [
        {
            "id": "US-2016012345-A1",
            "text": "Iris. An iris.",
            "labels": ["V01", "V02"],
            "group": "77",
            "date": "2016-01-14",
        },
        {"id": "EP-1-A1", "text": "A chair.", "labels": ["M12"], "date": "2010-01-01"},
    ]
    content = json.loads((tmp_path / "out/labels.json").read_text())
    assert "reconstruction" in content["note"] and all("reconstruction" in row["note"] for row in content["labels"])
    # the mark survives into labels.json and the first page of a study
    source = tmp_path / "many.jsonl"
    many = [{**made[i % 2], "id": str(i), "text": f"{'abcdefghij'[i % 10]} {i} text {i * 7}"} for i in range(60)]
    write(source, "\n".join(map(json.dumps, many)))
    prepared = prepare(str(source), InputSettings(), 1, labels=tmp_path / "out/labels.json")
    assert all("reconstruction" in row["note"] for row in prepared.labels)
    assert any("3 of 3 labels: " in line and "reconstruction" in line for line in prepared.corpus["warnings"])


def test_an_exported_result_of_other_rules_is_refused(run, tmp_path):
    row = {"id": "1", "publication_date": 20160101, "abstract": "A.", "labels": ["Z99"]}
    with pytest.raises(DataError, match="'Z99' is not in the taxonomy"):
        run("bigquery", write(tmp_path / "a.jsonl", json.dumps(row)), taxonomy=AT)
    with pytest.raises(DataError, match="expected a list"):
        run("bigquery", write(tmp_path / "a.jsonl", json.dumps(row | {"labels": "V01"})), taxonomy=AT)


# ---- plain tables --------------------------------------------------------------------------


def test_tables_are_handed_on_row_by_row_with_ids_and_splits_where_names_say_them(run, tmp_path):
    for split, n in (("train", 2), ("validation", 1), ("test", 1)):
        table = pa.table({"text": [f"{split} {i}" for i in range(n)], "label": [["a", "b"]] * n})
        pq.write_table(table, tmp_path / f"{split}-00000-of-00001.parquet")
    rows, card = run("table", *sorted(tmp_path.glob("*.parquet")))
    assert rows[0] == {"id": "test-00000-of-00001-000001", "text": "test 0", "label": ["a", "b"], "split": "test"}
    assert [row["split"] for row in rows] == ["test", "train", "train", "reference"]
    assert card["labels"] is None and not (tmp_path / "out/labels.json").exists()
    write(tmp_path / "mine.csv", "Doc ID,text,labels,split\n7,One,a;b,train\n7,Two,a,test\n")
    rows, _ = run("table", tmp_path / "mine.csv")
    assert rows[0] == {"id": "7", "text": "One", "labels": "a;b", "split": "train"} and len(rows) == 2


def test_tables_become_documents_when_columns_are_named(run, tmp_path):
    path = write(
        tmp_path / "t.tsv", "no\thead\tbody\ttopic: x\ttopic: y\twhen\n1\tA\tB.\t1\t0\t20160105\n2\tC\tD\t0\t0\t\n"
    )
    rows, card = run("table", path, id="no", text="head+body", label_columns="topic: ", date="when")
    assert rows == [{"id": "1", "text": "A. B.", "labels": ["topic: x"], "date": "2016-01-05"}]
    assert card["dropped"] == {"no label": 1}
    with pytest.raises(DataError, match="no column 'haed'"):
        run("table", path, text="haed", labels="topic: x")
    with pytest.raises(ParameterError, match="name text and labels"):
        run("table", path, text="head")


# ---- the command ---------------------------------------------------------------------------


def test_an_unknown_loader_is_named(run, tmp_path):
    with pytest.raises(ParameterError, match="there is no loader 'x'"):
        run("x", tmp_path)


def test_every_loader_and_option_is_on_the_page():
    page = (ROOT / "docs/corpora.md").read_text(encoding="utf-8")
    for name in LOADERS:
        assert f"`{name}`" in page, name
        for option in loader(name)[1]:
            assert f"`{option}`" in page, f"{name}: {option}"


def test_the_command_converts_prints_sql_and_says_what_is_wrong(wos, tmp_path):
    sources = [part for path in wos for part in ("--source", path)]
    done = call("convert_corpus", "--loader", "wos_ct", *sources, "--name", "wos", "--out-dir", tmp_path / "o")
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "o").iterdir()} == {"wos.jsonl", "labels.json", "source.json", "manifest.json"}
    assert read_label_names(tmp_path / "o/labels.json")["3"].name == "Cardiology"
    done = call("convert_corpus", "--sql", "--taxonomy", TAXONOMY, "--option", "table=a.b")
    assert done.returncode == 0 and done.stdout.startswith("CREATE OR REPLACE TABLE a.b AS")
    for arguments, code, message in (
        ((), 64, "give one of --loader, --recipe and --hub"), (("--loader", "hupd", "--option", "a"), 64, "KEY=VALUE"),
        (("--hub", "hf:me/data@main"), 64, "does not pin the data"),
        (("--loader", "hupd", "--source", wos[0], "--out-dir", tmp_path / "o"), 65, "no id"),
    ):  # fmt: skip
        done = call("convert_corpus", *arguments)
        assert done.returncode == code and message in done.stderr, done.stderr


def test_the_walk_through_of_the_page_runs(tmp_path):
    page = (ROOT / "docs/corpora.md").read_text(encoding="utf-8").replace("\\\n", " ")
    command = next(line for line in page.splitlines() if line.startswith("bin/convert_corpus.py --loader hupd"))
    for link in ("bin", "params"):
        (tmp_path / link).symlink_to(ROOT / link)
    item = tmp_path / "14000001.json"
    write(item, json.dumps(application("14000001")))
    with tarfile.open(tmp_path / "sample-jan-2016.tar.gz", "w:gz") as archive:
        archive.add(item, "sample/2016/14000001.json")
    done = call("convert_corpus", *command.split()[1:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "at_2016/at_2016.jsonl").read_text())["labels"] == ["H06", "V01"]


def test_the_walk_through_of_own_data_runs(wos, tmp_path):
    page = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")
    command = next(line for line in page.splitlines() if line.startswith("bin/convert_corpus.py --loader wos_ct"))
    folder = tmp_path / "WOS_CT"
    folder.mkdir()
    for path in wos:
        assert f"`{path.name}`" in page
        path.rename(folder / path.name)
    done = call("convert_corpus", *command.split()[1:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first = json.loads((tmp_path / "converted/wos_ct.jsonl").read_text().splitlines()[0])
    assert first == {"id": "ct_dev_000001", "text": "Bridges", "labels": ["1", "4"], "split": "reference"}
    assert read_label_names(tmp_path / "converted/labels.json")["4"].name == "Civil"


def test_a_zip_with_two_files_is_refused(run, tmp_path):
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
        archive.writestr("a.csv", "id\n1\n")
        archive.writestr("b.csv", "id\n2\n")
    with pytest.raises(DataError, match="holds 2 files"):
        run("table", tmp_path / "t.csv.zip")
    (tmp_path / "t.csv").write_bytes(io.BytesIO(b"id,text\n1,\xff\n").getvalue())
    with pytest.raises(DataError, match=r"t\.csv, row"):
        run("table", tmp_path / "t.csv")
