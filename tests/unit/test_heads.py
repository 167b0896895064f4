"""Heads that are not trained by updates: ridge regression and votes of the nearest documents."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors
from test_plan import corpus, plan, raw
from training_world import RECIPES, World, patent_world, small_world, test_scores, value

from volfid.core.exits import ConfigError, DataError
from volfid.training.knn import Voters, vote
from volfid.training.recipes import KnnRecipe, read_recipe
from volfid.training.ridge import bent, fit_ridge

ROOT = Path(__file__).parents[2]
FIXED3, SHARE, WEIGHTED = (read_recipe(RECIPES[name]) for name in ("knn", "knn_share", "knn_weighted"))
KNN = ("knn", "knn_share", "knn_weighted")
HEADS = ("ridge", *KNN)
TUNED = {"updates": "grid", "tuning": "tuned"}


def data(rows=60, dimensions=12, labels=7, seed=0):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(rows, dimensions)).astype(np.float32)
    marked = vectors @ rng.normal(size=(dimensions, labels)) + rng.normal(size=(rows, labels)) > 0.8
    return vectors, marked.astype(np.uint8)


def factors(classifier, **more):
    return {"classifier": classifier, **({"penalty_scale": 1.0} if classifier == "ridge" else {}), **more}


# ---- ridge ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(60, 12), (20, 50), (40, 40)])
def test_ridge_equals_that_of_scikit_learn_with_copies_as_weights(shape):
    x, y = data(*shape)
    weight = np.random.default_rng(1).integers(1, 6, len(x)).astype(float)
    grid = [0.03, 1.0, 100.0]
    for C, model in zip(grid, fit_ridge(x, y, weight, grid), strict=True):
        reference = Ridge(alpha=1 / C, solver="cholesky").fit(x.astype(np.float64), y, sample_weight=weight)
        new = data(30, shape[1], seed=5)[0]
        assert np.abs(model.coefficients - reference.coef_.T).max() <= 1e-9
        assert np.abs(model.intercepts - reference.intercept_).max() <= 1e-9
        assert np.abs(model.values(new) - reference.predict(new.astype(np.float64))).max() <= 1e-9


def test_copies_of_every_row_are_a_factor_on_c():
    x, y = data()
    (copied,) = fit_ridge(np.tile(x, (10, 1)), np.tile(y, (10, 1)), np.ones(600), [1.0])
    (weighted,) = fit_ridge(x, y, np.full(60, 10.0), [1.0])
    (stronger,) = fit_ridge(x, y, np.ones(60), [10.0])
    (plain,) = fit_ridge(x, y, np.ones(60), [1.0])
    assert np.abs(copied.coefficients - stronger.coefficients).max() <= 1e-9
    assert (weighted.coefficients == stronger.coefficients).all()
    assert np.abs(plain.coefficients - stronger.coefficients).max() > 1e-3


def test_labels_of_one_kind_are_constant_and_no_rows_are_refused():
    x, y = data()
    y[:, 0], y[:, 1] = 0, 1
    (model,) = fit_ridge(x, y, np.ones(60), [100.0])
    assert model.constant[:2].all() and not model.constant[2:].any()
    assert model.values(x)[:, :2] == pytest.approx(np.tile([0.0, 1.0], (60, 1)), abs=1e-12)
    assert (model.predict(x)[:, 0] < 0.01).all() and (model.predict(x)[:, 1] > 0.99).all()
    (same,) = fit_ridge(np.ones((6, 3), np.float32), np.array([[0], [1]] * 3, np.uint8), np.ones(6), [1.0])
    assert same.values(np.ones((1, 3)))[0, 0] == pytest.approx(0.5)  # vectors that tell nothing: the share
    with pytest.raises(DataError, match="no row"):
        fit_ridge(x[:0], y[:0], np.ones(0), [1.0])


def test_scores_keep_the_order_and_the_middle_of_the_values_and_lie_between_0_and_1():
    values = np.unique(np.concatenate([np.linspace(-3, 4, 4001), [0.0, 0.01, 0.5, 0.99, 1.0]]))
    scores = bent(values)
    assert (np.diff(scores) > 0).all() and scores.min() > 0 and scores.max() < 1
    middle = (values >= 0.01) & (values <= 0.99)
    assert (scores[middle] == values[middle]).all()
    assert np.abs(scores - np.clip(values, 0, 1)).max() < 0.01
    assert (np.diff(bent(np.linspace(-0.5, 0.5, 2001)).astype(np.float32)) > 0).all()  # no ties where rare labels lie


# ---- votes ---------------------------------------------------------------------------------


def test_three_votes_is_the_published_rule():
    found = json.loads((ROOT / "tests/golden/sampling.json").read_text())["patentsberta_knn_vote"]
    for k in (5, 39):
        labels = np.zeros((5, k, 1))
        for votes in found["votes"]:
            labels[votes, :votes] = 1
        scores = vote(labels, np.ones((5, k)), replace(FIXED3, k=k))[:, 0]
        assert (scores > 0.5).astype(int).tolist() == found["predicted"]
        published = [math.log(p / (1 - p)) for p in found["sigmoid"]]
        assert np.log(scores / (1 - scores)) + math.log(9) == pytest.approx(published, abs=1e-8)


@pytest.mark.parametrize(("tau", "k", "needed"), [(0.5, 10, 5), (0.5, 5, 3), (0.7, 10, 7), (0.3, 10, 3), (0.05, 4, 1)])
def test_a_share_of_at_least_tau_gives_the_label(tau, k, needed):
    labels = np.tril(np.ones((k + 1, k)), -1)[:, :, None]  # 0 to k votes
    scores = vote(labels, np.ones((k + 1, k)), replace(SHARE, tau=tau))[:, 0]
    assert (scores > 0.5).tolist() == [votes >= needed for votes in range(k + 1)]
    assert scores[0] == 0 and scores[-1] == 1 and (np.diff(scores) > 0).all()


def test_nearer_neighbours_weigh_more_and_those_behind_nothing():
    labels = np.array([[[1, 0], [0, 1], [0, 1], [0, 1]]], dtype=float)
    scores = vote(labels, np.array([[0.9, 0.2, 0.1, -0.5]]), WEIGHTED)
    assert scores[0] == pytest.approx([0.75, 0.25])
    assert vote(labels, np.array([[0.0, -0.1, -0.2, -0.3]]), WEIGHTED)[0] == pytest.approx([0.25, 0.75])
    equal = vote(labels, np.full((1, 4), 0.3), WEIGHTED)
    assert equal[0] == pytest.approx([0.25, 0.75])
    shifted = vote(labels, np.array([[0.9, 0.2, 0.1, -0.5]]), replace(WEIGHTED, tau=0.8))
    assert (shifted > 0.5).tolist() == [[False, False]]


def test_neighbours_are_those_of_an_exhaustive_search():
    x, y = data(300, 8)
    query = data(600, 8, seed=3)[0]
    found = Voters(x, y, [f"p{i:03d}" for i in range(300)]).nearest(query, 7)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    distance, rows = NearestNeighbors(n_neighbors=7, algorithm="brute", metric="cosine").fit(unit).kneighbors(query)
    assert found.cosine == pytest.approx(1 - distance, abs=2e-6)
    same = (np.diff(distance, axis=1) > 4e-6).all(1)  # ties of rounded cosines aside
    assert same.mean() > 0.95 and (found.rows[same] == rows[same]).all()


def test_equal_cosines_stand_in_the_order_of_the_parents_whatever_the_order_of_rows():
    x = np.array([[1, 0], [2, 0], [0, 1], [3, 0]], dtype=np.float32)  # three in one direction
    y = np.eye(4, dtype=np.uint8)
    asked = Voters(x, y, ["c", "a", "b", "d"]).nearest(np.array([[1.0, 0.1]]), 2)
    assert asked.rows.tolist() == [[1, 0]]
    order = [3, 0, 2, 1]
    moved = Voters(x[order], y[order], ["d", "c", "b", "a"]).nearest(np.array([[1.0, 0.1]]), 2)
    assert [order[i] for i in moved.rows[0]] == [1, 0]


def test_a_document_votes_once_with_the_nearest_of_its_copies_and_paraphrases():
    x = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.1]], dtype=np.float32)
    y = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.uint8)
    voters = Voters(x, y, ["a", "a", "b", "c"])  # the second row is a paraphrase of the first
    near, other = np.array([[1.0, 0.05]]), np.array([[0.7, 0.7]])
    assert voters.count == 3
    assert voters.nearest(near, 2).rows.tolist() == [[0, 2]]
    assert voters.nearest(other, 2).rows.tolist() == [[1, 2]]
    assert voters.nearest(near, 9).rows.tolist() == [[0, 2, 3]]  # fewer than k parents: all of them
    assert voters.predict(near, 9, SHARE).shape == (1, 2)
    assert voters.nearest(near[:0], 2).rows.shape == (0, 2)


def test_a_training_row_of_zeros_is_a_neighbour_only_where_there_is_no_other():
    x = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.1], [-1.0, 0.2]])
    voters = Voters(x, np.eye(4), list("abcd"))
    near = np.array([[1.0, 0.0]])
    assert voters.nearest(near, 2).rows.tolist() == [[1, 3]]  # a cosine of 0 would stand before -1
    found = voters.nearest(near, 4)
    assert found.rows.tolist() == [[1, 3, 2, 0]] and found.cosine[0, 3] == 0
    alone = Voters(x[:1], np.eye(1), ["a"])
    assert alone.nearest(near, 1).rows.tolist() == [[0]]


def test_a_label_without_positives_and_a_document_without_words():
    x, y = data(40, 6)
    y[:, 2] = 0
    x[3] = 0
    voters, query = Voters(x, y, [str(i) for i in range(40)]), np.vstack([x[:5], np.zeros((1, 6))])
    for recipe in (FIXED3, SHARE, WEIGHTED):
        scores = voters.predict(query, 5, recipe)
        assert np.isfinite(scores).all() and scores.min() >= 0 and scores.max() <= 1
        assert (scores[:, 2] == scores[:, 2].min()).all() and (scores[:, 2] <= 0.1 + 1e-6).all()
    with pytest.raises(DataError, match="no row to vote"):
        Voters(x[:0], y[:0], [])


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("knn", {"k": 2}, "fixed3 needs three votes"),
        ("knn", {"grid_k": [1, 3]}, "fixed3 needs three votes"),
        ("knn", {"tau": 0.5}, "tau: null"),
        ("knn_share", {"tau": None}, "needs a tau"),
        ("knn_share", {"tau": 1.0}, "needs a tau"),
        ("knn_share", {"k": 2.5}, "numbers of neighbours"),
        ("knn_share", {"grid_k": [5, 5]}, "must be positive and rise"),
        ("knn_weighted", {"vote": "loud"}, "vote 'loud' is unknown"),
        ("ridge", {"C": 0}, "C must be positive"),
        ("ridge", {"grid_C": [1.0]}, "must be positive and rise"),
        ("ridge", {"tolerance": 1}, "tolerance"),
    ],
)
def test_recipes_that_mean_nothing_are_refused(name, change, message):
    with pytest.raises(ConfigError, match=message):
        read_recipe({**RECIPES[name], **change})


# ---- cells ---------------------------------------------------------------------------------


@pytest.mark.parametrize("classifier", HEADS)
def test_a_cell_alone_is_bit_equal_to_the_same_cell_among_others(classifier):
    world = small_world()
    cells = [
        world.cell(**factors(classifier)), world.cell("copies_balanced", 72, **factors(classifier, updates="high")),
        world.cell("synthetic", 20, **factors(classifier, **TUNED)),
        world.cell("synthetic", 20, **factors(classifier, exposure="ensemble")),
        world.cell("synthetic", 20, **factors(classifier, exposure="filtered")),
        world.cell("pseudo_labelled", 20, **factors(classifier, **TUNED)),
    ]  # fmt: skip
    together = world.run(cells)
    assert not together.gaps
    for cell in cells:
        alone = world.run([cell])
        for split in ("oof", "test"):
            scores = test_scores(alone, cell, split)
            assert (scores == test_scores(together, cell, split)).all()
            assert scores.min() >= 0 and scores.max() <= 1
        assert [r for r in together.scores if r["cell_id"] == cell["cell_id"]] == alone.scores


@pytest.mark.parametrize("classifier", HEADS)
def test_permuting_labels_and_rows_changes_no_score(classifier):
    world = small_world()
    cell = world.cell("synthetic", 30, **factors(classifier))
    moved = World(world.documents, world.vectors, world.n)
    moved.labels = world.labels[::-1]
    sets = world.trainset("synthetic", 30)
    shuffled = [sets[i] for i in np.random.default_rng(1).permutation(len(sets))]
    plain, other = world.run([cell]), moved.run([cell], {cell["trainset_id"]: shuffled})
    assert test_scores(other, cell)[:, ::-1] == pytest.approx(test_scores(plain, cell), abs=1e-6)
    assert value(other, cell, "f1_micro", "fixed_0.5") == value(plain, cell, "f1_micro", "fixed_0.5")


@pytest.mark.parametrize("classifier", KNN)
def test_votes_with_copies_equal_votes_without_and_paraphrases_add_no_voter(classifier):
    world = small_world()
    plain, copies = world.cell(**factors(classifier)), world.cell("copies_balanced", 360, **factors(classifier))
    synthetic = world.cell("synthetic", 30, **factors(classifier))
    rows = world.trainset("synthetic", 30)
    real, added = rows[: world.n], rows[world.n :]
    paraphrases = real + [
        {**row, "parent_id": own["doc_id"], "source_doc_ids": [own["doc_id"]]}
        for row, own in zip(added, real, strict=False)
    ]
    results = world.run([plain, copies])
    for split in ("oof", "test"):
        assert (test_scores(results, plain, split) == test_scores(results, copies, split)).all()
    made = world.run([synthetic], {synthetic["trainset_id"]: paraphrases})
    assert value(made, synthetic, "parents") == value(results, plain, "parents") == world.n
    assert value(world.run([synthetic]), synthetic, "parents") == world.n + 30
    assert (test_scores(made, synthetic) != test_scores(results, plain)).any()  # the nearest of the two votes


def test_out_of_fold_scores_never_saw_their_document():
    """Each document gets random labels: nothing can be learnt, so a leak would show as a high score."""
    rng = np.random.default_rng(8)
    documents = [
        {**row, "labels": [f"L{k}" for k in np.flatnonzero(rng.random(6) < 0.4)]} for row in small_world().documents
    ]
    world = World(documents, rng.normal(size=(160, 200)).astype(np.float32), 60)
    density = np.mean([len(world.by_id[name]["labels"]) / 6 for name in world.order[:60]])
    for classifier in HEADS:
        cell = world.cell("copies_balanced", 240, **factors(classifier, updates="high"))
        assert value(world.run([cell]), cell, "ap_micro_oof") < density + 0.12


def test_the_chosen_point_of_the_grid_has_the_best_out_of_fold_score():
    world = small_world()
    for classifier, name, grid, key in (
        ("ridge", "C", "grid_C", "C_selected"),
        ("knn_share", "k", "grid_k", "k_selected"),
    ):
        tuned = world.cell(**factors(classifier, **TUNED))
        results = world.run([tuned])
        scores = {}
        for point in RECIPES[classifier][grid]:
            fixed = world.cell(**factors(classifier))
            scores[point] = value(world.run([fixed], **{name: point}), fixed, "ap_micro_oof")
        assert value(results, tuned, key) == max(scores, key=scores.get)
        assert value(results, tuned, "ap_micro_oof") == pytest.approx(max(scores.values()), abs=1e-9)


@pytest.mark.parametrize("classifier", ["ridge", "knn"])
@pytest.mark.parametrize(
    "change", [{"head_start": "prior"}, {"exposure": "half_real"}, {"exposure": "curriculum"}, {"updates": "stopped"}]
)
def test_what_means_nothing_for_the_family_is_a_gap_with_its_reason(classifier, change):
    world = small_world()
    cell = world.cell("synthetic", 20, **factors(classifier, **change))
    (gap,) = world.run([cell]).gaps
    assert next(iter(change)) in gap["reason"] and "means nothing" in gap["reason"]
    focal = world.cell(**factors(classifier, loss="focal"))
    assert "focal" in world.run([focal]).gaps[0]["reason"]


def test_on_real_patents_three_votes_need_no_threshold_and_ridge_has_its_optimum_inside_the_grid():
    world = patent_world()
    floor = world.cell(classifier="predict_all")
    at_half = value(world.run([floor]), floor, "f1_micro", "fixed_0.5")
    votes, share = world.cell(classifier="knn"), world.cell(classifier="knn_share")
    three, half = (value(world.run([one]), one, "f1_micro", "fixed_0.5") for one in (votes, share))
    assert 0.33 < three < 0.47 and half < three - 0.05 and half > at_half + 0.1
    tuned = world.cell(**factors("ridge", **TUNED))
    results = world.run([tuned])
    assert value(results, tuned, "grid_at_edge") == 0
    assert value(results, tuned, "ap_micro") > 0.3


# ---- plan ----------------------------------------------------------------------------------


def test_the_design_of_the_heads_is_planned_whole_and_its_copies_scale_c_or_nothing():
    made = plan(raw("heads"), corpus(train=1700))
    assert not made.record["not_planned"]
    by_arm = {(c["classifier"], c["arm"]): c for c in made.cells}
    assert by_arm["ridge", "R1"]["penalty_scale"] == 10.0 and by_arm["ridge", "Pb"]["penalty_scale"] == 1.0
    assert by_arm["ridge", "Rt"]["updates"] == "grid" and by_arm["ridge", "Rt"]["penalty_scale"] == 1.0
    voters = [c for c in made.cells if c["classifier"] in KNN]
    assert voters and {(c["n_updates"], c["penalty_scale"]) for c in voters} == {(None, None)}
    assert 0 < made.record["estimate"]["seconds"]["training"] < 120


def test_the_plan_refuses_what_means_nothing_for_ridge_and_votes():
    design = raw("factorial")
    design["factors"]["classifier"] = ["ridge", "knn"]
    for block in design["blocks"]:
        if block["name"] in ("stop_rule", "head_start"):
            block |= {"classifier": ["ridge", "knn"], "optional": True}
    made = plan(design, corpus(train=900))
    assert not any(c["exposure"] in ("half_real", "curriculum") for c in made.cells)
    assert not any(c["updates"] == "stopped" or c["head_start"] == "prior" for c in made.cells)
    reasons = {row["what"].split(", ")[2]: set() for row in made.record["not_planned"]}
    for row in made.record["not_planned"]:
        reasons[row["what"].split(", ")[2]].add(row["reason"])
    assert {"a penalised solver has no updates to stop", "a penalised solver has no batches to mix or to order"} < (
        reasons["ridge"]
    )
    assert reasons["knn"] == {
        "neighbours that vote have no head to start", "neighbours that vote have no batches to mix or to order",
        "neighbours that vote have no updates to stop",
    }  # fmt: skip
    assert {"S_ens", "S_filt", "S_perm", "Ut"} <= {c["arm"] for c in made.cells if c["classifier"] == "knn"}


def test_an_encoder_without_a_measured_rate_is_estimated_by_its_size():
    seconds = {}
    for name in ("all_minilm_l6_v2", "qwen3_embedding_06b"):
        made = plan(raw("heads") | {"encoder": name}, corpus(train=1700))
        seconds[name] = made.record["estimate"]["seconds"]["embeddings"]
    assert seconds["qwen3_embedding_06b"] > 10 * seconds["all_minilm_l6_v2"]


def test_a_recipe_of_votes_is_read_whole():
    assert KnnRecipe(10, (3, 5, 10, 20, 40), "fixed3", None) == FIXED3


def test_another_head_is_one_entry_of_the_recipes():
    recipes = {**RECIPES, "my_votes": {**RECIPES["knn_share"], "k": 7, "tau": 0.3}}
    design = raw("heads")
    design["factors"]["classifier"] = ["my_votes"]
    made = plan(design, corpus(train=1700), recipes=recipes)
    job = next(j for j in made.jobs if j["stage"] == "training" and j["items"][0]["classifier"] == "my_votes")
    world = small_world()
    cell = world.cell(classifier="my_votes")
    results = world.run(
        [world.cell(classifier="knn_share") | {"cell_id": cell["cell_id"]}], **job["settings"]["recipe"]
    )
    assert value(results, cell, "k_selected") == 7
