"""Cleaning, grouping, the fixed split, the audit of brought documents, and the command."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volfid.core.exits import DataError, ParameterError
from volfid.core.files import sha256_text
from volfid.core.labels import label_matrix
from volfid.core.schemas import CONTRACTS
from volfid.core.seeds import generator
from volfid.inputs.duplicates import group_names, tied
from volfid.inputs.embedded import EMBEDDED, STAMP, embedded_stamp
from volfid.inputs.faults import InputFaults
from volfid.inputs.fixture import generate
from volfid.inputs.prepare import prepare
from volfid.inputs.records import Record
from volfid.inputs.settings import InputSettings
from volfid.inputs.split import assign_sides
from volfid.inputs.tables import table_files

ROOT = Path(__file__).parents[2]
DOCS = [
    {"id": f"d{i:03d}", "text": text, "labels": list(labels)}
    for i, (text, labels) in enumerate(generate(200, generator(11, "test")))
]
HOSTILE = [
    "../../x", "/etc/passwd", "a/b", "CON", "-rf", "*?[", "y" * 300, "$(x)", "a b", "\u202ex", "{}", ".",
    "nul.txt", "'\"",
]  # fmt: skip


def _save(tmp_path: Path, rows: list[dict], name: str = "own.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _prepare(tmp_path: Path, rows: list[dict], seed: int = 3, **settings_):
    synthetic = settings_.pop("synthetic", None)
    brought = _save(tmp_path, synthetic, "syn.jsonl") if synthetic is not None else None
    return prepare(str(_save(tmp_path, rows)), InputSettings(**settings_), seed, synthetic=brought)


def _sides(prepared) -> dict[str, str]:
    return {row["doc_id"]: row["split"] for row in prepared.documents}


def _met(prepared, policy: str) -> int | None:
    return next(row["met"] for row in prepared.corpus["policies"] if row["policy"] == policy)


def _check_contracts(prepared) -> None:
    for name in ("documents", "labels", "rejects", "funnel", "brought"):
        CONTRACTS[name].check(getattr(prepared, name), name)
    CONTRACTS["corpus"].check([prepared.corpus], "corpus")


def _check_funnel(prepared) -> None:
    """Steps chain, real ones end at the accepted documents, and every removed row is a reject."""
    parts = defaultdict(list)
    for row in prepared.funnel:
        assert row["rows_in"] - row["removed"] == row["rows_out"]
        parts[row["step"].startswith("supplied")].append(row)
    for steps, accepted in ((parts[False], prepared.documents), (parts[True], prepared.brought)):
        assert all(a["rows_out"] == b["rows_in"] for a, b in pairwise(steps))
        assert not steps or steps[-1]["rows_out"] == len(accepted)
    assert sum(row["removed"] for row in prepared.funnel) == len(prepared.rejects)


def test_shares_and_labels_of_the_split_are_those_asked_for(tmp_path):
    prepared = _prepare(tmp_path, DOCS)
    _check_contracts(prepared)
    _check_funnel(prepared)
    assert prepared.corpus["split_sizes"] == {"train": 120, "reference": 20, "test": 60}
    labels = [row["label"] for row in prepared.labels]
    assert labels == sorted(labels)
    matrix = label_matrix((row["labels"] for row in prepared.documents), labels)
    test = np.array([row["split"] == "test" for row in prepared.documents])
    assert np.abs(matrix[test].sum(0) - 0.3 * matrix.sum(0)).max() <= 1.5
    assert [row["count"] for row in prepared.labels] == matrix.sum(0).tolist()
    train = [row["split"] == "train" for row in prepared.documents]
    assert [row["count_train"] for row in prepared.labels] == matrix[train].sum(0).tolist()
    assert prepared.corpus["name"] == "own" and prepared.corpus["named_labels"] is False


@given(st.randoms(use_true_random=False))
@settings(max_examples=8, deadline=None)
def test_the_order_of_the_rows_changes_nothing(tmp_path_factory, random):
    rows = [*DOCS[:80], {**DOCS[5], "id": "z1"}, {**DOCS[6], "id": "a0"}]
    first = _prepare(tmp_path_factory.mktemp("a"), rows, min_label_documents=4)
    random.shuffle(rows)
    second = _prepare(tmp_path_factory.mktemp("b"), rows, min_label_documents=4)
    assert first.documents == second.documents and first.labels == second.labels


def test_another_seed_gives_another_split_of_the_same_documents(tmp_path):
    first, second = (_prepare(tmp_path, DOCS, seed=seed) for seed in (1, 2))
    assert _sides(first) != _sides(second)
    assert [row["text_sha"] for row in first.documents] == [row["text_sha"] for row in second.documents]


def test_near_duplicates_and_families_stay_on_one_side(tmp_path):
    rows = [dict(row) for row in DOCS]
    for i in range(0, 40, 2):
        rows[i + 1]["text"] = rows[i]["text"] + " Indeed."
    for i in range(100, 140):
        rows[i]["family"] = f"F{i // 4}"
    rows[0]["family"] = "F25"
    prepared = _prepare(tmp_path, rows)
    group = {row["doc_id"]: row["group"] for row in prepared.documents}
    assert group["d001"] == group["d000"] == group["d101"] == "d000"
    assert group["d102"] == "d000" and group["d005"] == "d004" and group["d150"] == "d150"
    sides = defaultdict(set)
    for row in prepared.documents:
        sides[row["group"]].add(row["split"])
    assert max(map(len, sides.values())) == 1
    assert 50 <= prepared.corpus["split_sizes"]["test"] <= 70


def test_groups_join_through_a_third_document():
    rows = [Record("f", i, str(i), text, (), group=group) for i, (text, group) in enumerate([
        ("a b c d e f g h i j k l", None), ("a b c d e f g h i j k l m", "X"),
        ("no other words here at all", "X"), ("q", None),
    ])]  # fmt: skip
    ties, pairs = tied(rows)
    assert group_names(rows, ties) == ["0", "0", "0", "3"] and [pair[:2] for pair in pairs] == [(0, 1)]
    ties, pairs = tied(rows, near=False)
    assert group_names(rows, ties) == ["0", "1", "1", "3"] and pairs == []


def test_every_label_gets_a_test_and_two_train_documents_where_counts_allow():
    rng = np.random.default_rng(0)
    for _ in range(30):
        matrix = np.zeros((60, 12), dtype=np.uint8)
        for label in range(12):
            matrix[rng.choice(60, 3 + label // 3, replace=False), label] = 1
        groups = [f"g{i // 2:02d}" if i < 20 else f"s{i}" for i in range(60)]
        sides, _ = assign_sides(matrix, groups, [None] * 60, InputSettings(), rng)
        counts = {side: matrix[[x == side for x in sides]].sum(0) for side in ("train", "test")}
        for label in range(12):
            members = {groups[i] for i in np.flatnonzero(matrix[:, label])}
            if len(members) == matrix[:, label].sum():
                assert counts["test"][label] >= 1 and counts["train"][label] >= 2


def test_many_groups_are_dealt_out_in_blocks_with_the_same_shares(monkeypatch):
    rng = np.random.default_rng(4)
    matrix = (rng.random((3000, 12)) < np.linspace(0.01, 0.2, 12)).astype(np.uint8)
    groups = [f"g{i // 2}" if i < 400 else f"s{i}" for i in range(3000)]
    monkeypatch.setattr("volfid.inputs.split._WHOLE", 500)
    monkeypatch.setattr("volfid.inputs.split._BLOCK", 300)
    sides, _ = assign_sides(matrix, groups, [None] * 3000, InputSettings(), rng)
    count = Counter(sides)
    assert abs(count["test"] - 900) <= 2 and abs(count["reference"] - 300) <= 2
    test = matrix[[side == "test" for side in sides]].sum(0)
    assert np.abs(test - 0.3 * matrix.sum(0)).max() <= 3
    assert all(len({sides[i], sides[i + 1]}) == 1 for i in range(0, 400, 2))


def test_empty_unlabelled_repeated_and_rare_rows_are_dropped_counted_and_named(tmp_path):
    rows = [
        *DOCS, {"id": "e", "text": " \u200b\t", "labels": ["M02"]}, {"id": "u", "text": "words", "labels": []},
        {**DOCS[3], "id": "later", "text": DOCS[3]["text"].upper() + "  "},
        {"id": "r", "text": "rare one", "labels": ["RARE"]},
        {"id": "k", "text": "half rare document", "labels": ["RARE", "M02"]},
    ]  # fmt: skip
    prepared = _prepare(tmp_path, rows)
    _check_contracts(prepared)
    _check_funnel(prepared)
    assert [(row["doc_id"], row["reason"], row["row"]) for row in prepared.rejects] == [
        ("e", "empty_text", 201), ("u", "no_label", 202), ("later", "duplicate_text", 203),
        ("r", "label_too_rare", 204),
    ]  # fmt: skip
    assert {row["doc_id"]: row["labels"] for row in prepared.documents}["k"] == ["M02"]
    assert any("1 labels have fewer than 8" in warning for warning in prepared.corpus["warnings"])


def test_too_few_labels_or_documents_end_with_a_clear_message(tmp_path):
    with pytest.raises(DataError, match="min_label_documents"):
        _prepare(tmp_path, DOCS[:8])
    one = [{"id": "1", "text": "only one", "labels": ["A"]}]
    with pytest.raises(DataError, match="two are needed"):
        _prepare(tmp_path, one)
    same = [{**row, "labels": ["A", "B"][: 1 + i % 2], "family": "one"} for i, row in enumerate(DOCS[:20])]
    with pytest.raises(DataError, match="20 documents in 1 groups leave no"):
        _prepare(tmp_path, same)


def test_a_given_split_holds_and_its_leaks_are_counted(tmp_path):
    sides = ["train", "TEST", "valid", "training"]
    rows = [{**row, "split": sides[i % 4]} for i, row in enumerate(DOCS)]
    rows[1]["text"] = rows[0]["text"] + " Indeed."
    rows.append({**rows[4], "id": "dup", "split": "test"})
    prepared = _prepare(tmp_path, rows)
    found = _sides(prepared)
    assert "d000" not in found and found["d001"] == "test" and found["d002"] == "reference"
    assert "d004" not in found and found["dup"] == "test"
    warnings = " ".join(prepared.corpus["warnings"])
    assert "leakage: 1 train or reference documents are near duplicates or of the family" in warnings
    assert "leakage: 1 texts stood on two sides" in warnings
    assert ("d000", "leakage") in {(row["doc_id"], row["reason"]) for row in prepared.rejects}
    _check_funnel(prepared)
    kept = _prepare(tmp_path, rows, leakage="keep")
    assert _sides(kept) == {**found, "d000": "train"} and _met(kept, "leakage") == _met(prepared, "leakage") == 2
    # the equal text counts as a leak, and a refusal names both documents
    with pytest.raises(InputFaults, match=r"row 5, field 'split': the text of the test document 'dup' .*leakage=drop"):
        _prepare(tmp_path, rows, leakage="refuse")
    with pytest.raises(InputFaults, match=r"row 1, field 'split': a near duplicate .* of the test document 'd001'"):
        _prepare(tmp_path, rows[:-1], leakage="refuse")


def test_sides_that_a_given_split_lacks_are_carved_out_of_train(tmp_path):
    rows = [{**row, "split": "test" if i < 60 else "train"} for i, row in enumerate(DOCS)]
    prepared = _prepare(tmp_path, rows)
    assert prepared.corpus["split_sizes"] == {"train": 126, "reference": 14, "test": 60}
    assert all((row["split"] == "test") == (row["doc_id"] < "d060") for row in prepared.documents)
    assert any("no reference documents" in warning for warning in prepared.corpus["warnings"])


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=300)
                .filter(str.strip), max_size=4))  # fmt: skip
@settings(max_examples=10, deadline=None)
def test_no_file_is_named_after_an_id(tmp_path_factory, drawn):
    tmp_path = tmp_path_factory.mktemp("ids")
    rows = [dict(row) for row in DOCS[:100]]
    for row, doc_id in zip(rows, dict.fromkeys([*HOSTILE, *drawn]), strict=False):
        row["id"] = doc_id
    try:
        prepared = _prepare(tmp_path, rows, min_label_documents=4)
    except InputFaults as error:
        assert "stands in row" in str(error)
        return
    out = tmp_path / "out"
    for name in ("documents", "labels", "corpus", "rejects", "funnel", "brought"):
        CONTRACTS[name].write(out, getattr(prepared, name))
    assert {path.name for path in out.iterdir()} == {
        CONTRACTS[name].file for name in ("documents", "labels", "corpus", "rejects", "funnel", "brought")
    }
    assert [row["doc_id"] for row in CONTRACTS["documents"].read(out)] == [row["doc_id"] for row in prepared.documents]


# ---- audit --------------------------------------------------------------------------------


def _of_side(prepared, side: str) -> list[dict]:
    return [row for row in prepared.documents if row["split"] == side]


def test_brought_documents_are_cleaned_and_tied_to_their_real_sources(tmp_path):
    base = _prepare(tmp_path, DOCS)
    train, test, reference = (_of_side(base, side) for side in ("train", "test", "reference"))
    fresh = [text for text, _ in generate(9, generator(12, "brought"))]
    half = train[3]["text"].split()
    near = " ".join(half[: int(len(half) * 0.8)]) + " and nothing more is said of it"
    synthetic = [
        {"id": "s0", "text": fresh[0], "labels": ["M02", "E03"], "sources": [train[0]["doc_id"]]},
        {"id": "s1", "text": fresh[0].upper(), "labels": ["M02"]},
        {"id": "s2", "text": fresh[1], "labels": []},
        {"id": "s3", "text": " ", "labels": ["M02"]},
        {"id": "s4", "text": test[0]["text"] + " Indeed.", "labels": ["M02"]},
        {"id": "s5", "text": reference[0]["text"], "labels": ["M02"]},
        {"id": "s6", "text": fresh[2], "labels": ["M02"], "sources": f"{train[1]['doc_id']};{test[1]['doc_id']}"},
        {"id": "s7", "text": train[2]["text"], "labels": ["M02"]},
        {"id": "s8", "text": near, "labels": ["M02"], "sources": ["unheard-of"]},
        {"id": "s9", "text": fresh[3], "labels": ["C02"]},
        {"id": "sA", "text": fresh[3] + " Indeed.", "labels": ["C02"]},
    ]
    prepared = _prepare(tmp_path, DOCS, synthetic=synthetic)
    _check_contracts(prepared)
    _check_funnel(prepared)
    assert prepared.documents == base.documents
    assert {row["doc_id"]: row["source_doc_ids"] for row in prepared.brought} == {
        "s0": [train[0]["doc_id"]], "s8": [train[3]["doc_id"]], "s9": [],
    }  # fmt: skip
    assert {row["doc_id"]: row["reason"] for row in prepared.rejects} == {
        "s1": "duplicate_text", "s2": "no_label", "s3": "empty_text", "s4": "near_duplicate_of_test",
        "s5": "near_duplicate_of_reference", "s6": "source_in_test", "s7": "copy_of_train", "sA": "near_duplicate",
    }  # fmt: skip
    assert prepared.corpus["brought"] == 3
    warnings = " ".join(prepared.corpus["warnings"])
    assert "1 sources of supplied documents" in warnings and "1 supplied documents resemble" in warnings


def test_a_source_whose_text_was_dropped_stands_for_the_kept_one(tmp_path):
    rows = [*DOCS, {**DOCS[0], "id": "zz"}]
    side = _sides(_prepare(tmp_path, rows))["d000"]
    text = generate(1, generator(13, "brought"))[0][0]
    synthetic = [{"id": "s", "text": text, "labels": ["M02"], "source": "zz"}]
    prepared = _prepare(tmp_path, rows, synthetic=synthetic)
    if side == "train":
        assert prepared.brought[0]["source_doc_ids"] == ["d000"]
    else:
        assert prepared.rejects[-1]["reason"] == f"source_in_{side}"


def test_brought_rows_without_id_get_one_from_their_text_and_rare_labels_are_taken_off(tmp_path):
    rows = [*DOCS, {"id": "r", "text": "rare one", "labels": ["RARE", "M02"]}]
    text = generate(1, generator(14, "brought"))[0][0]
    prepared = _prepare(tmp_path, rows, synthetic=[{"text": text, "labels": ["RARE", "M02"]}])
    assert [(row["doc_id"], row["labels"]) for row in prepared.brought] == [
        (f"brought-{sha256_text(text)[:16]}", ["M02"])
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": ["m02"]}, "row 2, field 'labels': unknown label 'm02' .did you mean 'M02'"),
        ({"id": "D000"}, "row 2, field 'id': the id 'D000' is that of a real document"),
        ({"id": "s1"}, "row 2, field 'id': the id 's1' stands in row 1 already"),
    ],
)
def test_brought_rows_that_contradict_the_corpus_are_refused_with_their_rows(tmp_path, change, words):
    good = {"id": "s1", "text": "words", "labels": ["M02"]}
    with pytest.raises(InputFaults, match=words):
        _prepare(tmp_path, DOCS, synthetic=[good, {**good, "id": "s2", **change}])


# ---- the command --------------------------------------------------------------------------


def _command(out: Path, *options: object) -> subprocess.CompletedProcess[str]:
    design = out.parent / "design.yaml"
    design.write_text("inputs: {test_share: 0.25}\n")
    command = [sys.executable, ROOT / "bin" / "prepare_documents.py", "--design", design, "--seed", 3, "--out-dir", out]
    return subprocess.run([str(part) for part in [*command, *options]], capture_output=True, text=True, check=False)


def test_the_command_prepares_the_fixture_and_bad_rows_leave_a_list(tmp_path):
    out = tmp_path / "out"
    done = _command(out, "--input", "fixture")
    assert done.returncode == 0, done.stderr
    documents = CONTRACTS["documents"].read(out)
    assert Counter(row["split"] for row in documents)["test"] == round(0.25 * len(documents))
    assert CONTRACTS["brought"].read(out) == []
    assert CONTRACTS["corpus"].read_object(out)["stamp"] == "fixture: not evidence"
    assert CONTRACTS["manifest"].read_object(out)["outputs"]["documents.jsonl"]["rows"] == len(documents)
    bad = _command(tmp_path / "bad", "--input", _save(tmp_path, [DOCS[0], DOCS[0]]))
    assert bad.returncode == 65
    assert "own.jsonl, row 2, field 'id'" in bad.stderr and "Traceback" not in bad.stderr
    assert [row["reason"] for row in CONTRACTS["rejects"].read(tmp_path / "bad")] == ["duplicate_id"]
    assert not (tmp_path / "bad" / "documents.jsonl").exists()
    gone = _command(tmp_path / "gone", "--input", tmp_path / "gone.csv")
    assert gone.returncode == 66 and "gone.csv" in gone.stderr


def test_the_stub_writes_valid_empty_files(tmp_path):
    assert _command(tmp_path / "out", "--input", "fixture", "--stub").returncode == 0
    assert CONTRACTS["documents"].read(tmp_path / "out") == []


def test_a_folder_for_outputs_may_be_named_like_a_file(tmp_path):
    assert _command(tmp_path / "dir.json", "--input", "fixture", "--stub").returncode == 0
    assert {"labels.json", "documents.jsonl"} <= {path.name for path in (tmp_path / "dir.json").iterdir()}
    assert CONTRACTS["labels"].path(tmp_path / "dir.json") == tmp_path / "dir.json" / "labels.json"


def test_the_demo_corpus_is_stamped_by_its_content_under_any_name(tmp_path):
    content = EMBEDDED.read_bytes()
    (tmp_path / "mine.jsonl").write_bytes(content)
    (tmp_path / "mine.jsonl.gz").write_bytes(gzip.compress(content, mtime=0))
    shards = tmp_path / "shards"
    shards.mkdir()
    (shards / "part.jsonl").write_bytes(content)
    (tmp_path / "other.jsonl").write_bytes(content + b"\n")
    for name, stamp in (("mine.jsonl", STAMP), ("mine.jsonl.gz", STAMP), ("shards", STAMP), ("other.jsonl", None)):
        assert embedded_stamp(table_files(tmp_path / name)) == stamp
    # the hash that a run tells its task, where the tree is not whole
    assert embedded_stamp([tmp_path / "other.jsonl"], hashlib.sha256(content + b"\n").hexdigest()) == STAMP
    assert embedded_stamp([tmp_path / "mine.jsonl"], "0" * 64) is None
    prepared = prepare(str(tmp_path / "mine.jsonl"), InputSettings(), 1, stamps=("a copy", None))
    assert prepared.corpus["stamp"] == f"{STAMP}; a copy"


def test_a_label_file_for_the_fixture_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="--labels"):
        prepare("fixture", InputSettings(), 1, labels=tmp_path / "l.json")


@pytest.mark.real_data
def test_real_patents_are_prepared_in_seconds():
    folder = Path(os.environ.get("VOLFID_SHARED", ROOT.parent / "shared")) / "data"
    if not (folder / "uspto_cpc64.jsonl.gz").is_file():
        pytest.skip("uspto_cpc64 is not here (set VOLFID_SHARED)")
    started = time.process_time()
    prepared = prepare(str(folder / "uspto_cpc64.jsonl.gz"), InputSettings(), 1, folder / "uspto_cpc64_labels.json")
    assert time.process_time() - started < 6
    assert len(prepared.documents) == 1809 and len(prepared.labels) == 64 and prepared.corpus["named_labels"]
    assert min(row["count_train"] for row in prepared.labels) >= 2
    in_test = {label for row in _of_side(prepared, "test") for label in row["labels"]}
    assert in_test == {row["label"] for row in prepared.labels}
