"""SetFit: pairs as its library states them, equal results however they are split, heads on what was tuned, refusals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers.tiny_encoder import make_encoder
from test_encoder import WORDS, entry, world
from test_plan import cell as planned
from test_plan import plan, raw, without_commit
from training_world import POLICIES, RECIPES, World, test_scores, value

from volfid.core.exits import ConfigError, DataError
from volfid.training.linear import fit_linear
from volfid.training.memory import MicroBatch
from volfid.training.pairs import pair_plan
from volfid.training.recipes import LinearRecipe, read_recipe
from volfid.training.runner import run_cells
from volfid.training.tuners import make_tuner

ROOT = Path(__file__).parents[2]
SMALL = {"batch": 8, "micro_batch": 16, "max_tokens": 24, "learning_rate": 0.005, "grid_updates": [5, 40],
         "pairs_per_document": 4}  # fmt: skip
LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=np.uint8)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    make_encoder(folder, WORDS)
    return folder


def recipe_entry(**changes) -> dict:
    return {**RECIPES["setfit"], **SMALL, **changes}


def run(made: World, cells: list[dict], model_dir, encoder=None, attempt=1, **changes):
    """The cells as one job; their training sets follow from their factors."""
    torch.set_num_threads(1)
    settings = {"recipe": recipe_entry(**changes), "encoder": encoder or entry(normalise=True)}
    one = make_tuner(settings, made.documents, model_dir, attempt)
    rows = [
        {**row, "trainset_id": c["trainset_id"], "position": i}
        for c in {c["trainset_id"]: c for c in cells}.values()
        for i, row in enumerate(made.trainset(c["text"], c["rows_added"]))
    ]
    job = {"master_seed": 11, "items": cells, "settings": settings | {"thresholds": POLICIES, "folds": 3}}
    numbers = np.arange(len(one.store.lengths))[:, None]
    results = run_cells(job, made.documents, made.labels, made.regimes, rows, one.store.row, numbers, tuner=one)
    results.tuner = one
    return results


def cell(made: World, text: str = "none", added: int = 0, **factors):
    base = {"classifier": "setfit", "n_updates": 12, "penalty_scale": 1.0, "encoder": "tiny_bert"}
    return made.cell(text, added, **{**base, **factors})


# ---- pairs ---------------------------------------------------------------------------------


def pairs(updates=50, batch=8, texts=None, weight=None, labels=LABELS, seed=0):
    texts = np.arange(len(labels)) if texts is None else np.asarray(texts)
    weight = np.ones(len(labels)) if weight is None else np.asarray(weight, dtype=float)
    return pair_plan(labels, texts, weight, updates, batch, np.random.default_rng(seed))


def test_pairs_are_positive_when_they_share_a_label_and_half_of_every_batch_is():
    made = pairs()
    assert made.rows.shape == (50, 8, 2) and made.goal.tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    shares = (LABELS[made.rows[..., 0]] & LABELS[made.rows[..., 1]]).any(-1)
    assert (shares == (made.goal > 0)).all()
    assert (made.rows[..., 0] != made.rows[..., 1]).all()
    assert made.alone == 2  # the third label has one document, the fifth document has no label
    assert (pairs().rows == made.rows).all() and (pairs(seed=1).rows != made.rows).any()


def test_anchors_are_dealt_out_evenly_and_partners_by_their_copies():
    made = pairs(updates=300, weight=[1, 1, 1, 1, 1, 3])
    anchors, partners = made.rows[:, :4, 0].ravel(), made.rows[:, :4, 1].ravel()
    assert np.bincount(anchors, minlength=6)[[0, 1, 2, 5]] == pytest.approx([200, 200, 200, 600], abs=3)
    of_first = np.bincount(partners[anchors == 0], minlength=6)
    assert of_first[5] / of_first.sum() == pytest.approx(3 / 4, abs=0.12) and of_first[[2, 3, 4]].sum() == 0


def test_a_text_is_never_paired_with_its_own_copy():
    made = pairs(texts=[0, 1, 2, 3, 4, 0])
    texts = np.array([0, 1, 2, 3, 4, 0])[made.rows]
    assert (texts[..., 0] != texts[..., 1]).all()


@pytest.mark.parametrize("labels, words", [(np.eye(4), "no two documents share"), (np.ones((4, 2)), "every document")])
def test_without_pairs_of_both_kinds_there_is_a_reason(labels, words):
    with pytest.raises(DataError, match=words):
        pairs(labels=labels.astype(np.uint8))


# ---- one model -----------------------------------------------------------------------------


def test_gradients_are_those_of_the_mean_squared_error_of_cosines_however_they_are_split(model_dir):
    made = world(30)
    one = run(made, [cell(made, n_updates=1)], model_dir).tuner
    tuning, goal = one.tuning, np.array([1, 0, 1, 0, 1], dtype=np.float32)
    texts = np.array([[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]])
    found = []
    for size in (16, 4, 1):
        tuning.pair_gradients(size, texts, goal)
        found.append(torch.cat([p.grad.flatten() for p in tuning.network.parameters() if p.grad is not None]).clone())
    tuning.network.zero_grad()
    a, b = (tuning.network.pooled(*tuning._tokens(side)) for side in texts.T)
    cosine = torch.nn.CosineSimilarity()(a, b)
    torch.nn.MSELoss()(cosine, torch.from_numpy(goal)).backward()
    right = torch.cat([p.grad.flatten() for p in tuning.network.parameters() if p.grad is not None])
    for flat in found:
        assert (flat - right).norm() / right.norm() < 1e-5


def test_tuning_brings_documents_that_share_a_label_together_and_the_head_is_scikit_learns(model_dir):
    from sklearn.linear_model import LogisticRegression

    made = world(45)
    one = cell(made, n_updates=60)
    plain = run(made, [{**one, "n_updates": 1}], model_dir, learning_rate=1e-12)
    tuned = run(made, [one], model_dir)
    truth = np.array([[f"L{k}" in row["labels"] for k in range(5)] for row in made.documents[60:]])
    share = (truth.astype(int) @ truth.T > 0)[np.triu_indices(50, 1)]
    gaps = []
    for results in (plain, tuned):
        tuner = results.tuner
        rows = np.array([tuner.store.row[row["doc_id"]] for row in made.documents])[:, None]
        seen = tuner._seen(tuner.tuning.loaded, MicroBatch("c", 16), rows)
        assert np.linalg.norm(seen, axis=1) == pytest.approx(1, abs=1e-5)
        likeness = (seen[60:] @ seen[60:].T)[np.triu_indices(50, 1)]
        gaps.append(likeness[share].mean() - likeness[~share].mean())
    assert gaps[1] > gaps[0] + 0.1
    assert value(tuned, one, "ap_micro") > value(plain, one, "ap_micro") + 0.1
    train = np.array([made.vector_row[name] for name in sorted(made.order[:45])])
    labels = np.array([[f"L{k}" in made.documents[i]["labels"] for k in range(5)] for i in train])
    peer = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000).fit(seen[train], labels[:, 0])
    assert test_scores(tuned, one)[:, 0] == pytest.approx(peer.predict_proba(seen[60:])[:, 1], abs=1e-3)


def test_copies_are_updates_and_a_factor_on_the_penalty_and_nothing_else(model_dir):
    """Balanced copies at U equal the plain rows at U with C times as large: pairs, encoder and head."""
    made = world(30)
    copies = cell(made, "copies_balanced", 30, updates="high", n_updates=10)
    plain = cell(made, updates="high", n_updates=10, penalty_scale=2.0, added=30)
    results = run(made, [copies, plain], model_dir)
    assert not results.gaps
    assert np.abs(test_scores(results, copies) - test_scores(results, plain)).max() < 1e-3
    book = {name: value(results, copies, name) for name in ("updates_done", "exposures_per_real_document")}
    assert book == {"updates_done": 10, "exposures_per_real_document": pytest.approx(10 * 16 / 30)}


# ---- cells ---------------------------------------------------------------------------------


def test_a_cell_has_every_score_the_same_bits_alone_and_its_own_grid(model_dir):
    made = world(30)
    cells = [cell(made), cell(made, updates="grid", tuning="tuned", n_updates=None),
             cell(made, "synthetic", 16, updates="high", exposure="ensemble")]  # fmt: skip
    together = run(made, cells, model_dir)
    assert not together.gaps
    alone = run(made, cells[:1], model_dir)
    assert (test_scores(alone, cells[0]) == test_scores(together, cells[0])).all()
    assert value(together, cells[1], "updates_selected") in (5, 40)
    assert value(together, cells[1], "C_selected") in RECIPES["setfit"]["grid_C"]
    assert len(test_scores(together, cells[0], "oof")) == 10  # the documents of one fold of three
    assert 0 < value(together, cells[0], "ndcg_at_10_encoder") <= 1
    assert value(together, cells[0], "documents_without_positive_pair") >= 0
    for policy in POLICIES:
        assert value(together, cells[0], "f1_micro", policy) is not None


def test_filtered_rows_and_pseudo_labels_run_when_every_fold_has_a_model(model_dir):
    made = world(24)
    cells = [cell(made, "synthetic", 16, updates="high", exposure="filtered"),
             cell(made, "pseudo_labelled", 10, updates="high")]  # fmt: skip
    results = run(made, cells, model_dir, folds_fitted=None)
    assert not results.gaps and len(test_scores(results, cells[0], "oof")) == 24


def test_what_means_nothing_is_a_gap_and_the_others_go_on(model_dir):
    made = world(24)
    good = cell(made, n_updates=2)
    bad = [cell(made, head_start="prior"), cell(made, "synthetic", 8, exposure="half_real"),
           cell(made, updates="stopped", n_updates=9), cell(made, loss="focal")]  # fmt: skip
    results = run(made, [good, *bad], model_dir)
    reasons = {row["subject"]: row["reason"] for row in results.gaps}
    assert good["cell_id"] not in reasons and set(reasons) == {one["cell_id"] for one in bad}
    for one, word in zip(bad, ("head_start", "pairs", "stop rule", "focal"), strict=True):
        assert word in reasons[one["cell_id"]]


def test_too_little_memory_halves_the_documents_at_once(model_dir, monkeypatch):
    from volfid.training.contrastive import PairTuning

    made = world(24)
    one = cell(made, n_updates=6)
    roomy = run(made, [one], model_dir)
    plain = PairTuning.pair_gradients

    def starved(self, size, texts, goal):
        if min(size, 2 * len(texts)) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, size, texts, goal)

    monkeypatch.setattr(PairTuning, "pair_gradients", starved)
    results = run(made, [one], model_dir)
    assert value(results, one, "micro_batch") == 8
    assert np.abs(test_scores(results, one) - test_scores(roomy, one)).max() < 1e-3


@pytest.mark.skipif(not (ROOT / "models" / "all_minilm_l6_v2").is_dir(), reason="models are not fetched")
def test_the_real_sentence_model_is_tuned_scores_above_chance_and_gives_the_same_bits():
    from volfid.inputs.fixture import fixture_records

    rows = [
        {"doc_id": row.doc_id, "text": row.text, "labels": list(row.labels), "group": row.doc_id,
         "split": "train" if i % 3 else "test"} for i, row in enumerate(fixture_records().rows[:90])
    ]  # fmt: skip
    made = World(rows, np.zeros((1, 1)), 48)
    models = yaml.safe_load((ROOT / "params/models.yaml").read_text())["encoders"]
    encoder = {"name": "all_minilm_l6_v2", **models["all_minilm_l6_v2"]}
    one = cell(made, n_updates=8, encoder="all_minilm_l6_v2")
    small = {"encoder": encoder, "max_tokens": 16, "learning_rate": 1e-4}
    first, again = (run(made, [one], ROOT / "models", **small) for _ in range(2))
    assert (test_scores(first, one) == test_scores(again, one)).all()
    density = np.mean([len(row["labels"]) for row in rows]) / len(made.labels)
    assert value(first, one, "ap_micro") > density + 0.1
    tuner, tuned = first.tuner, first.tuner.tuning.loaded
    names = sorted(made.order[:48])
    texts = np.array([tuner.store.row[name] for name in names])[:, None]
    share = np.array([[bool({*made.by_id[a]["labels"]} & {*made.by_id[b]["labels"]}) for b in names] for a in names])
    apart = ~np.eye(48, dtype=bool)
    start = replace(tuned, state=tuned.state | {f"body.{name}": part for name, part in tuner.start.start.items()})
    errors = []
    for body in (start, tuned):
        seen = tuner._seen(body, MicroBatch("c", 16), texts)
        likeness = seen @ seen.T
        errors.append(((1 - likeness[share & apart]) ** 2).mean() / 2 + (likeness[~share] ** 2).mean() / 2)
    assert errors[1] < errors[0] - 0.03  # of the loss itself, over all pairs


# ---- plan and recipes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, word",
    [({"batch": 7}, "even"), ({"grid_C": [3.0, 1.0]}, "grid"), ({"pairs_per_document": 0}, "pairs"), ({"C": 0.0}, "C")],
)
def test_a_recipe_that_means_nothing_is_refused(change, word):
    with pytest.raises(ConfigError, match=word):
        read_recipe(recipe_entry(**change))


def test_the_plan_gives_updates_on_pairs_a_penalty_scale_and_names_what_means_nothing():
    design = raw()
    design["blocks"] = [{"name": "few_shot", "arms": ["R0", "R1", "Pb", "R0b", "Rt", "S", "S_half"], "size": [165],
                         "added": [40], "classifier": ["setfit"]}]  # fmt: skip
    made = plan(design)
    assert planned(made, "R0")["n_updates"] == 10 * -(-165 // 16)
    high = 10 * -(-205 // 16)
    for arm, scale in (("R1", 205 / 165), ("Pb", 1), ("S", 1)):
        assert planned(made, arm)["n_updates"] == high and planned(made, arm)["penalty_scale"] == pytest.approx(scale)
    assert planned(made, "Rt")["n_updates"] is None and planned(made, "Rt")["penalty_scale"] == 1
    reasons = {gap["what"].split(", ")[1]: gap["reason"] for gap in made.record["not_planned"]}
    assert "does not depend on its start" in reasons["arm R0b"] and "no real half" in reasons["arm S_half"]
    jobs = [job for job in made.jobs if job["stage"] == "encoders"]
    assert jobs and all(job["model"] == "all_minilm_l6_v2" for job in jobs)
    assert made.record["estimate"]["seconds"]["encoders"] > 60
    design["blocks"][0]["classifier"] = ["setfit_patentsberta"]
    with pytest.raises(ConfigError, match="'patentsberta' has no pinned revision"):
        plan(design, models=without_commit("patentsberta"))


def test_the_head_of_the_recipe_is_a_linear_recipe():
    head = read_recipe(recipe_entry()).head
    assert isinstance(head, LinearRecipe) and head.C == 1.0
    (model,) = fit_linear(np.eye(4), LABELS[:4], np.ones(4), [head.C], head)
    assert model.coefficients.shape == (4, 3)
