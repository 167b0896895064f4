"""Nested stratified regimes and their folds."""

import gzip
import json
import os
import subprocess
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volfid.core.exits import DataError, ParameterError
from volfid.core.labels import label_matrix
from volfid.core.ordering import draw_order, nested_order
from volfid.core.schemas import CONTRACTS
from volfid.core.seeds import generator
from volfid.core.shots import greedy_shots
from volfid.core.stratify import iterative_parts, stratified_folds
from volfid.inputs.prepare import prepare
from volfid.inputs.settings import InputSettings
from volfid.regimes.sampling import sample_regimes

ROOT = Path(__file__).parents[2]
FIXTURE = prepare("fixture", InputSettings(), 1)
LABELS = [row["label"] for row in FIXTURE.labels]
PLAIN = {"sampling": "stratified", "min_positives": None, "shots": 0}


def _draw(documents=FIXTURE.documents, draw=0, folds=3, sizes=(40, 165, 330), seed=7, **how):
    settings = {"draw": draw, "folds": folds, "sizes": list(sizes), **PLAIN, **how}
    return sample_regimes(documents, FIXTURE.labels, settings, seed)


def _counts(row):
    return np.array(row["label_counts"])


def test_regime_draws_nest_as_size_grows_and_have_the_size_asked_for():
    rows = _draw()
    CONTRACTS["regimes"].check(rows, "regimes")
    assert [row["size"] for row in rows] == [40, 165, 330] == [len(row["doc_ids"]) for row in rows]
    for small, large in pairwise(rows):
        assert large["doc_ids"][: small["size"]] == small["doc_ids"]
    pool = {row["doc_id"] for row in FIXTURE.documents if row["split"] == "train"}
    assert set(rows[-1]["doc_ids"]) <= pool and len(set(rows[-1]["doc_ids"])) == 330


def test_another_size_or_draw_or_row_order_changes_no_regime():
    row = _draw(sizes=[165])[0]
    assert _draw(sizes=[31, 165, 504])[1] == row
    shuffled = [FIXTURE.documents[i] for i in np.random.default_rng(0).permutation(len(FIXTURE.documents))]
    assert _draw(documents=shuffled, sizes=[165])[0] == row
    assert _draw(draw=1, sizes=[165])[0]["doc_ids"] != row["doc_ids"]
    assert _draw(seed=8, sizes=[165])[0]["doc_ids"] != row["doc_ids"]


def test_label_counts_follow_the_label_order_and_missing_labels_are_counted():
    for row in _draw(sizes=[5, 165]):
        labels = {doc["doc_id"]: doc["labels"] for doc in FIXTURE.documents}
        counts = label_matrix((labels[doc_id] for doc_id in row["doc_ids"]), LABELS).sum(0)
        assert row["label_counts"] == counts.tolist()
        assert row["labels_missing"] == int((counts == 0).sum())


def test_folds_are_even_stratified_and_never_cut_a_group():
    documents = [dict(row) for row in FIXTURE.documents]
    for index, row in enumerate(documents):
        row["group"] = f"g{index % 300}"
    group = {row["doc_id"]: row["group"] for row in documents}
    for row in _draw(documents=documents, folds=5):
        assert np.ptp(np.bincount(row["folds"], minlength=5)) <= 4
        sides = defaultdict(set)
        for doc_id, fold in zip(row["doc_ids"], row["folds"], strict=True):
            sides[group[doc_id]].add(fold)
        assert max(map(len, sides.values())) == 1
    row = _draw(folds=5, sizes=[165])[0]
    assert np.bincount(row["folds"]).tolist() == [33] * 5
    labels = {doc["doc_id"]: doc["labels"] for doc in FIXTURE.documents}
    matrix = label_matrix((labels[doc_id] for doc_id in row["doc_ids"]), LABELS)
    per_fold = np.stack([matrix[np.array(row["folds"]) == fold].sum(0) for fold in range(5)])
    assert np.abs(per_fold - matrix.sum(0) / 5).max() < 2


@given(st.integers(2, 60), st.integers(1, 6), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_the_nested_order_is_a_permutation_for_any_label_matrix(rows, labels, seed):
    rng = np.random.default_rng(seed)
    matrix = (rng.random((rows, labels)) < 0.4).astype(np.uint8)
    order = nested_order(matrix, np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(rows))


@given(st.integers(5, 60), st.integers(2, 5), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_parts_have_exact_sizes_when_items_are_single_documents(rows, folds, seed):
    rng = np.random.default_rng(seed)
    matrix = (rng.random((rows, 4)) < 0.3).astype(np.uint8)
    fold = stratified_folds(matrix, [f"{i:03d}" for i in range(rows)], folds, rng)
    expected = [len(part) for part in np.array_split(np.arange(rows), folds)]
    assert sorted(np.bincount(fold, minlength=folds)) == sorted(expected)


@given(st.integers(6, 30), st.integers(2, 4), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_no_exchange_of_two_documents_improves_the_folds(rows, folds, seed):
    rng = np.random.default_rng(seed)
    matrix = (rng.random((rows, 5)) < 0.4).astype(np.int64)
    fold = stratified_folds(matrix, [f"{i:03d}" for i in range(rows)], folds, rng)
    sizes = np.bincount(fold, minlength=folds)
    targets = np.outer(sizes / rows, matrix.sum(0))

    def error(assigned):
        return sum(((matrix[assigned == k].sum(0) - targets[k]) ** 2).sum() for k in range(folds))

    for i in range(rows):
        for j in range(i):
            swapped = fold.copy()
            swapped[i], swapped[j] = fold[j], fold[i]
            assert error(swapped) >= error(fold) - 1e-5


def test_a_label_is_shared_out_evenly_by_hand_computed_example():
    # six documents: label 0 on 0, 1; label 1 on 2, 3, 4, 5; two equal parts get one and two of them
    matrix = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1], [0, 1]])
    parts = iterative_parts(matrix, np.ones(6), (3, 3), np.array([[1, 2], [1, 2]]), np.random.default_rng(3))
    assert matrix[parts == 0].sum(0).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"sizes": [165, 9999]}, ParameterError, "9999 is larger than the train pool of 504"),
        ({"sizes": [165, 40]}, ParameterError, "not ascending"),
        ({"sizes": [0]}, ParameterError, "positive integers"),
        ({"sizes": []}, ParameterError, "positive integers"),
        ({"folds": 1}, ParameterError, "folds is 1"),
        ({"draw": -1}, ParameterError, "draw is -1"),
        ({"sizes": [2]}, ParameterError, "cannot fill 3 folds"),
        ({"sampling": "fair"}, ParameterError, "sampling is 'fair', expected stratified or random"),
        ({"min_positives": -1}, ParameterError, "min_positives is -1"),
        ({"shots": None}, ParameterError, "shots is None"),
    ],
)
def test_sizes_and_folds_that_cannot_be_had_are_refused_by_name(change, error, words):
    with pytest.raises(error, match=words):
        sample_regimes(FIXTURE.documents, FIXTURE.labels, {"draw": 0, "folds": 3, "sizes": [20], **PLAIN, **change}, 1)


def test_a_job_without_sizes_is_refused():
    with pytest.raises(DataError, match="sizes"):
        sample_regimes(FIXTURE.documents, FIXTURE.labels, {"draw": 0, "folds": 3}, 1)


@pytest.mark.parametrize("how", [{"sampling": "random"}, {"min_positives": 3}, {"shots": 2}])
def test_every_kind_of_draw_nests_and_no_other_size_changes_it(how):
    rows = _draw(**how)
    for small, large in pairwise(rows):
        assert large["doc_ids"][: small["size"]] == small["doc_ids"]
    assert _draw(sizes=[165, 504], **how)[0] == rows[1]
    assert sorted(_draw(sizes=[504], **how)[0]["doc_ids"]) == sorted(_draw(sizes=[504])[0]["doc_ids"])
    assert "min_positives" in how or rows[1]["doc_ids"] != _draw()[1]["doc_ids"]


def test_a_random_draw_is_a_plain_permutation_and_follows_the_labels_less():
    matrix = label_matrix((row["labels"] for row in FIXTURE.documents), LABELS)
    order = draw_order(matrix, np.random.default_rng(5), "random")
    assert order.tolist() == np.random.default_rng(5).permutation(len(matrix)).tolist()
    means = [
        np.mean([_pool_error(matrix, draw_order(matrix, np.random.default_rng(seed), how)[:165]) for seed in range(5)])
        for how in ("stratified", "random")
    ]
    assert means[0] <= 0.5 * means[1]


def test_a_minimum_of_positives_is_met_where_the_size_leaves_room_and_never_beyond_the_pool():
    matrix = np.zeros((600, 8), dtype=np.uint8)
    matrix[:, 0] = 1
    for label, positives in enumerate((12, 10, 8, 6, 5, 4, 2), start=1):
        matrix[label * 20 : label * 20 + positives, label] = 1
    plain, wanted = (
        [matrix[nested_order(matrix, np.random.default_rng(seed), least)[:75]].sum(0) for seed in range(5)]
        for least in (None, 4)
    )
    assert min(counts[1:7].min() for counts in plain) <= 1
    for counts in wanted:
        assert (counts[1:7] >= 4).all() and counts[7] == 2
    # 20 documents hold about 2.5 positives a label: half of that is all that is asked for
    few = matrix[nested_order(matrix, np.random.default_rng(0), 4)[:19]].sum(0)
    assert (few[1:] >= 1).all()


@given(st.integers(10, 80), st.integers(1, 6), st.integers(1, 4), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_shots_hold_k_positives_of_every_label_or_all_there_are_and_no_document_is_idle(rows, labels, shots, seed):
    rng = np.random.default_rng(seed)
    matrix = (rng.random((rows, labels)) < 0.3).astype(np.uint8)
    chosen, ends = greedy_shots(matrix, shots, np.random.default_rng(seed))
    assert len(set(chosen.tolist())) == len(chosen) == ends[-1]
    for k, end in enumerate(ends, start=1):
        assert (matrix[chosen[:end]].sum(0) >= np.minimum(k, matrix.sum(0))).all()
    before, goals = np.zeros(labels), np.repeat(np.arange(1, shots + 1), np.diff([0, *ends]))
    for document, goal in zip(chosen, goals, strict=True):
        assert (matrix[document] * (before < np.minimum(goal, matrix.sum(0)))).any()
        before += matrix[document]
    again, _ = greedy_shots(matrix, shots + 1, np.random.default_rng(seed))
    assert again[: len(chosen)].tolist() == chosen.tolist()


def test_the_greedy_set_takes_the_document_that_serves_most_by_hand_computed_example():
    # label 2 is the rarest: of its documents 0 and 1 the second serves labels 0 and 1, too, and none is left to serve
    matrix = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    chosen, ends = greedy_shots(matrix, 2, np.random.default_rng(0))
    assert ends == [1, 3] and chosen.tolist() == [1, 0, 4]


def test_a_k_shot_regime_begins_with_the_greedy_set_of_its_draw():
    pool = sorted((row for row in FIXTURE.documents if row["split"] == "train"), key=lambda row: row["doc_id"])
    matrix = label_matrix((row["labels"] for row in pool), LABELS)
    for draw in (0, 1):
        chosen, ends = greedy_shots(matrix, 3, generator(7, "regimes", draw=draw))
        row = _draw(draw=draw, sizes=[ends[-1]], shots=3)[0]
        assert row["doc_ids"] == [pool[index]["doc_id"] for index in chosen]
        assert (_counts(row) >= np.minimum(3, matrix.sum(0))).all()


def test_a_large_pool_is_cut_without_a_matrix_of_all_pairs():
    import tracemalloc

    rng = np.random.default_rng(0)
    matrix = (rng.random((12_000, 40)) < 0.3 / np.arange(1, 41) ** 0.7).astype(np.uint8)
    tracemalloc.start()
    order = nested_order(matrix, np.random.default_rng(0), needed=500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # 6,000 x 6,000 numbers alone are 288 MB
    assert _pool_error(matrix, order[:500]) < 0.35


def _pool_error(matrix: np.ndarray, rows: np.ndarray) -> float:
    return float(np.abs(matrix[rows].sum(0) - len(rows) * matrix.mean(0)).mean())


def _shared(name: str) -> Path:
    path = Path(os.environ.get("VOLFID_SHARED", ROOT.parent / "shared")) / "data" / name
    if not path.is_file():
        pytest.skip(f"{name} is not here (set VOLFID_SHARED)")
    return path


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "seeds"), [("uspto_cpc64.jsonl.gz", 10), ("uspto_early64.jsonl.gz", 3)])
def test_every_prefix_of_real_patents_is_stratified_twice_as_well_as_at_random(name, seeds):
    with gzip.open(_shared(name), "rt", encoding="utf-8") as file:
        rows = sorted((json.loads(line) for line in file), key=lambda row: row["id"])
    order = sorted({label for row in rows for label in row["labels"]})
    matrix = label_matrix((row["labels"] for row in rows), order)
    pool = matrix[np.random.default_rng(0).permutation(len(matrix))[:1085]]
    ours, random = [], []
    for seed in range(seeds):
        nested = nested_order(pool, generator(seed, "regimes", draw=0))
        ours.append([_pool_error(pool, nested[:n]) for n in (165, 250, 330, 660)])
        shuffled = np.random.default_rng(seed).permutation(len(pool))
        random.append([_pool_error(pool, shuffled[:n]) for n in (165, 250, 330, 660)])
        assert (pool[nested[:165]].sum(0) > 0)[pool.sum(0) > 0].all()
    assert (np.mean(ours, 0) <= 0.5 * np.mean(random, 0)).all()


def test_the_command_writes_regimes_and_names_a_size_the_pool_cannot_fill(tmp_path):
    CONTRACTS["documents"].write(tmp_path, FIXTURE.documents)
    CONTRACTS["labels"].write(tmp_path, FIXTURE.labels)
    job = {
        "job_id": "regimes__d00", "stage": "regimes", "label": "cpu_small", "model": None, "code": "x",
        "master_seed": 7, "settings": {"draw": 0, "folds": 3, "sizes": [40, 165], **PLAIN}, "items": [],
    }  # fmt: skip

    def command(*extra):
        CONTRACTS["job"].write(tmp_path, job)
        return subprocess.run(
            [sys.executable, str(ROOT / "bin" / "sample_regimes.py"), "--job", tmp_path / "job.json", "--documents",
             tmp_path / "documents.jsonl", "--labels", tmp_path / "labels.json", "--out-dir", tmp_path / "out", *extra],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = command()
    assert done.returncode == 0, done.stderr
    assert CONTRACTS["regimes"].read(tmp_path / "out") == _draw(sizes=[40, 165])
    assert CONTRACTS["manifest"].read_object(tmp_path / "out")["outputs"]["regimes.jsonl"]["rows"] == 2
    job["settings"]["sizes"] = [40, 600]
    failed = command()
    assert failed.returncode == 64
    assert "600" in failed.stderr and "504" in failed.stderr
    assert command("--stub").returncode == 0
