"""nDCG with exact ideals against scikit-learn and pytrec_eval, on one core, in the same run."""

import time

import numpy as np
import pytest
import pytrec_eval
from sklearn.metrics import ndcg_score

from volfid.core import ndcg
from volfid.core.labels import jaccard
from volfid.retrieval.index import Ranking

pytestmark = pytest.mark.benchmark
SCALE = 720_720


def seconds(work):
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


@pytest.fixture(scope="module")
def world():
    """200 queries and 5,000 documents with long-tailed label sets, scores without ties."""
    rng = np.random.default_rng(0)
    share = 0.5 / np.arange(1, 65)
    queries, documents = ((rng.random((n, 64)) < share).astype(np.uint8) for n in (200, 5000))
    queries[:, 0] |= queries.sum(1) == 0
    documents[:, 0] |= documents.sum(1) == 0
    scores = rng.permuted(np.tile(np.arange(5000.0), (200, 1)), axis=1)
    return jaccard(queries, documents), documents, queries, scores


def ours(gains, scores):
    top = np.argpartition(-scores, 10, axis=1)[:, :10]
    order = np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1), axis=1)
    ranking = Ranking(order, np.take_along_axis(scores, order, axis=1))
    begin, end = ndcg.slots(ranking.documents, np.ones(gains.shape[1] + 1, dtype=np.int64))
    return ndcg.dcg(np.take_along_axis(gains, order, axis=1), begin, end)


def by_kinds(gains, documents, scores):
    """As the stage does it: ideals from distinct label sets and their counts."""
    _, first, counts = np.unique(np.packbits(documents, axis=1), axis=0, return_index=True, return_counts=True)
    return ndcg.ndcg(ours(gains, scores), ndcg.ideal_dcg(gains[:, first], counts))


def test_ndcg_is_faster_than_sklearn(world):
    gains, documents, _, scores = world
    peer, expected = seconds(lambda: ndcg_score(gains, scores, k=10))
    mine, found = seconds(lambda: by_kinds(gains, documents, scores))
    assert np.nanmean(found) == pytest.approx(expected, abs=1e-12)
    print(f"\nnDCG@10, 200 q x 5,000 d: sklearn {peer:.3f} s, here {mine:.3f} s, x{peer / mine:.1f}")
    assert peer / mine > 1.5


def test_ndcg_is_faster_than_pytrec_eval_with_its_dictionaries(world):
    gains, documents, _, scores = world

    def trec():
        names = [f"d{j}" for j in range(gains.shape[1])]
        whole = np.rint(gains * SCALE).astype(int)
        qrels = {f"q{i}": dict(zip(names, row.tolist(), strict=True)) for i, row in enumerate(whole)}
        run = {f"q{i}": dict(zip(names, row.tolist(), strict=True)) for i, row in enumerate(scores)}
        return pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10"}).evaluate(run)

    peer, result = seconds(trec)
    mine, found = seconds(lambda: by_kinds(gains, documents, scores))
    expected = np.array([result[f"q{i}"]["ndcg_cut_10"] for i in range(len(gains))])
    assert found == pytest.approx(expected, abs=1e-6)
    print(f"\nnDCG@10, 200 q x 5,000 d: pytrec_eval {peer:.3f} s, here {mine:.3f} s, x{peer / mine:.1f}")
    assert peer / mine > 3
