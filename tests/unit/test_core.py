"""Contracts, ids, seeds and files keep their promises."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from volfid.core import ids
from volfid.core.cli import read_job
from volfid.core.exits import ConfigError, DataError, InputMissingError
from volfid.core.files import atomic_path, canonical_json
from volfid.core.labels import jaccard, label_matrix, label_order_sha
from volfid.core.schemas import CONTRACTS
from volfid.core.seeds import derive_seed, request_seed
from volfid.core.vectors import read_vectors, write_vectors

DOCUMENT = {"doc_id": "a", "text": "t", "labels": ["x"], "split": "train", "group": "g", "text_sha": "s"}


def test_every_contract_reads_back_what_it_writes_empty(tmp_path):
    for contract in CONTRACTS.values():
        contract.read(contract.write_empty(tmp_path))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"text": 3}, "row 1, field 'text' is 3"),
        ({"labels": "x"}, "field 'labels' is str, expected a list"),
        ({"labels": [1]}, "field 'labels' holds 1"),
        ({"split": "dev"}, "expected one of train, reference, test"),
        ({"doc_id": None}, "field 'doc_id' is null"),
        ({"extra": 1}, "field 'extra' is not in the contract"),
    ],
)
def test_a_breach_names_file_row_and_field(tmp_path, change, words):
    with pytest.raises(DataError, match=r"documents\.jsonl") as error:
        CONTRACTS["documents"].write(tmp_path, [{**DOCUMENT, **change}])
    assert words in str(error.value)
    assert not (tmp_path / "documents.jsonl").exists()


def test_a_missing_field_and_a_repeated_key_are_breaches(tmp_path):
    with pytest.raises(DataError, match="field 'text' is missing"):
        CONTRACTS["documents"].write(tmp_path, [{k: v for k, v in DOCUMENT.items() if k != "text"}])
    with pytest.raises(DataError, match="repeats the key of row 1"):
        CONTRACTS["documents"].write(tmp_path, [DOCUMENT, DOCUMENT])


def test_the_reader_checks_what_another_program_wrote(tmp_path):
    path = tmp_path / "documents.jsonl"
    path.write_text(json.dumps(DOCUMENT) + "\n" + json.dumps(DOCUMENT)[:20])
    with pytest.raises(DataError, match="row 2: not JSON"):
        CONTRACTS["documents"].read(path)
    with pytest.raises(InputMissingError, match="written by prepare_documents"):
        CONTRACTS["documents"].read(tmp_path / "nothing")


def test_a_number_that_is_not_finite_is_refused(tmp_path):
    row = {
        "cell_id": "c",
        "metric": "m",
        "threshold": "none",
        "label": None,
        "value": float("nan"),
        "n": 1,
        "note": None,
    }
    with pytest.raises(DataError, match="not finite"):
        CONTRACTS["scores"].write(tmp_path, [{**row, "value": float("nan")}])


def test_rows_are_written_in_key_order_whatever_the_order_given(tmp_path):
    rows = [{**DOCUMENT, "doc_id": name} for name in "cab"]
    one = CONTRACTS["documents"].write(tmp_path / "1", rows).read_bytes()
    two = CONTRACTS["documents"].write(tmp_path / "2", rows[::-1]).read_bytes()
    assert one == two


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_seeds_have_not_moved():
    assert derive_seed(1, "split") == derive_seed(1, "split")
    assert derive_seed(20260522, "regime", draw=0) == 5856344803903958276
    assert request_seed(20260522, "0123456789abcdef") == 1091085101


@given(st.integers(0, 2**31), st.text(max_size=8), st.integers(0, 99))
def test_a_new_factor_never_shifts_another_seed(master, name, draw):
    assert 0 <= derive_seed(master, name, draw=draw) < 2**63
    assert derive_seed(master, name, draw=draw) != derive_seed(master, name, draw=draw + 1)
    assert derive_seed(master, name, draw=draw) != derive_seed(master, name, draw=draw, round=0)


def test_request_seeds_neither_collide_nor_follow_each_other():
    seeds = [request_seed(7, f"{number:016x}", attempt) for number in range(2000) for attempt in range(4)]
    assert len(set(seeds)) == len(seeds)
    assert not {seed + 1 for seed in seeds} & set(seeds)


def test_ids_refuse_what_would_make_them_ambiguous():
    assert ids.regime_id(165, 3) == "n00165__d03"
    for value in ("a__b", "A", "", "a/b", "-x", "x" * 60):
        with pytest.raises(ConfigError):
            ids.job_id("training", value)


@given(st.lists(st.sets(st.sampled_from("abcde")), min_size=1, max_size=8))
def test_jaccard_equals_sets(sets):
    matrix = label_matrix([sorted(s) for s in sets], list("abcde"))
    expected = [[len(a & b) / len(a | b) if a | b else 0.0 for b in sets] for a in sets]
    assert np.allclose(jaccard(matrix, matrix), expected)


def test_the_label_order_hash_sees_the_order():
    assert label_order_sha(["a", "b"]) != label_order_sha(["b", "a"])
    with pytest.raises(DataError, match="'z'"):
        label_matrix([["z"]], ["a"])


def test_vectors_come_back_by_id_and_a_cut_file_is_refused(tmp_path):
    write_vectors(tmp_path / "a", ["x", "y"], np.eye(2))
    write_vectors(tmp_path / "b", ["z", "x"], np.full((2, 2), 5.0))
    row, vectors = read_vectors([tmp_path / "a", tmp_path / "b"])
    assert vectors[row["x"]].tolist() == [1, 0] and vectors[row["z"]].tolist() == [5, 5]
    file = tmp_path / "a" / "embeddings.npy"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(DataError, match="cannot be read"):
        read_vectors([tmp_path / "a"])


def test_canonical_json_refuses_nan():
    with pytest.raises(ValueError):
        canonical_json({"a": float("nan")})


def test_tables_of_a_stamped_job_carry_the_stamp_in_the_file_itself(tmp_path):
    contract = CONTRACTS["scores"]
    for words, metadata in (("fixture: not evidence", {b"stamp": b"fixture: not evidence"}), (None, None)):
        settings = {"stamp": words} if words else {}
        job = {"job_id": "j", "stage": "s", "label": "l", "model": None, "code": "c", "master_seed": 1,
               "settings": settings, "items": []}  # fmt: skip
        read_job(CONTRACTS["job"].write(tmp_path / "job.json", job))
        path = contract.write_empty(tmp_path / "scores.parquet")
        assert pq.read_schema(path).metadata == metadata
        assert contract.read(path) == []
