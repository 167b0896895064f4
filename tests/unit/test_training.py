"""Heads, linear models, floors, batches and rows: exact properties and reference implementations."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from training_world import RECIPES

from volfid.core.exits import ConfigError, DataError, ParameterError
from volfid.training.batches import batch_plan, learning_rates
from volfid.training.floors import floor_scores
from volfid.training.linear import fit_linear
from volfid.training.metrics import f1_micro
from volfid.training.mlp import Head, fit_mlp
from volfid.training.recipes import read_recipe
from volfid.training.rows import rows_by_fold, train_rows

torch.set_num_threads(1)
LINEAR = read_recipe(RECIPES["linear"])
MLP = read_recipe({**RECIPES["mlp"], "hidden": 16, "batch": 8})


def problem(seed: int = 0, rows: int = 60, dimensions: int = 12, labels: int = 5):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, dimensions)).astype(np.float32)
    logits = x @ rng.normal(size=(dimensions, labels)) * 0.7 - 0.8
    return x, (logits + rng.logistic(size=logits.shape) > 0).astype(np.uint8)


# ---- recipes -----------------------------------------------------------------------------------


ENCODERS = (
    "encoder", "bert_for_patents", "paecter", "patentsberta", "modernbert",
    *(f"modernbert_{how}{masked}" for how in ("fp32_eager", "fp32_sdpa", "bf16_eager", "bf16_sdpa", "bf16_flash")
      for masked in ("", "_masked")),
)  # fmt: skip


def test_every_recipe_of_the_project_is_valid():
    families = {name: type(read_recipe(entry)).__name__ for name, entry in RECIPES.items() if name != "losses"}
    assert families == {
        "ridge": "RidgeRecipe", "sequence": "SequenceRecipe",
        **dict.fromkeys(("linear", "linear_masked"), "LinearRecipe"),
        **dict.fromkeys(("mlp", "mlp_masked"), "MlpRecipe"),
        **dict.fromkeys(("knn", "knn_share", "knn_weighted"), "KnnRecipe"),
        **dict.fromkeys(ENCODERS, "EncoderRecipe"),
        **dict.fromkeys(("setfit", "setfit_patentsberta"), "ContrastiveRecipe"),
        **dict.fromkeys(("llm_head", "qwen3_4b_head", "qwen3_8b_head_nf4"), "DecoderRecipe"),
        **dict.fromkeys(
            ("llm_answers", "llm_answers_free", "llm_answers_greedy", "qwen3_4b_answers", "qwen3_8b_answers_nf4"),
            "InstructRecipe",
        ),
        "zero_shot": "AnswersRecipe", "few_shot": "AnswersRecipe",
        "predict_all": "NoneType", "prior": "NoneType", "top_k": "NoneType", "random": "NoneType",
    }  # fmt: skip


@pytest.mark.parametrize(
    "change", [{"family": "forest"}, {"C": -1.0}, {"C": None, "odd": 1}, {"grid_C": [1.0]}, {"grid_C": [3.0, 1.0]}]
)
def test_a_recipe_that_means_nothing_is_refused(change):
    entry = {k: v for k, v in {**RECIPES["linear"], **change}.items() if v is not None}
    with pytest.raises(ConfigError):
        read_recipe(entry)


# ---- linear ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [30, 200])
@pytest.mark.parametrize("C", [0.1, 1.0, 30.0])
def test_the_linear_model_equals_scikit_learn(rows, C):
    x, y = problem(1, rows, dimensions=40)
    weight = np.random.default_rng(2).integers(1, 4, rows).astype(float)
    (model,) = fit_linear(x, y, weight, [C], LINEAR)
    for k in range(y.shape[1]):
        peer = LogisticRegression(C=C, tol=1e-10, max_iter=5000)
        peer.fit(x.astype(float), y[:, k], sample_weight=weight)
        assert model.coefficients[:, k] == pytest.approx(peer.coef_[0], abs=1e-4)
        assert model.intercepts[k] == pytest.approx(peer.intercept_[0], abs=1e-4)
        assert model.predict(x)[:, k] == pytest.approx(peer.predict_proba(x)[:, 1], abs=1e-4)


def test_r_copies_are_exactly_r_times_the_strength():
    x, y = problem(2)
    (copied,) = fit_linear(np.tile(x, (10, 1)), np.tile(y, (10, 1)), np.ones(600), [1.0], LINEAR)
    (weighted,) = fit_linear(x, y, np.full(60, 10.0), [1.0], LINEAR)
    (stronger,) = fit_linear(x, y, np.ones(60), [10.0], LINEAR)
    assert copied.coefficients == pytest.approx(stronger.coefficients, abs=1e-4)
    assert weighted.coefficients == pytest.approx(stronger.coefficients, abs=1e-4)
    (plain,) = fit_linear(x, y, np.ones(60), [1.0], LINEAR)
    assert np.abs(plain.coefficients - stronger.coefficients).max() > 0.1  # the equality is not empty


def test_a_warm_start_along_the_grid_changes_no_solution():
    x, y = problem(3)
    grid = fit_linear(x, y, np.ones(60), [0.3, 3.0, 30.0], LINEAR)
    for C, model in zip((0.3, 3.0, 30.0), grid, strict=True):
        (alone,) = fit_linear(x, y, np.ones(60), [C], LINEAR)
        assert model.coefficients == pytest.approx(alone.coefficients, abs=1e-4)


def test_labels_without_both_answers_get_their_prior_and_are_counted():
    x, y = problem(4)
    y[:, 0], y[:, 1] = 0, 1
    (model,) = fit_linear(x, y, np.ones(60), [1.0], LINEAR)
    assert model.constant.tolist() == [True, True, False, False, False]
    assert model.predict(x)[:, 0] == pytest.approx(1 / 62)
    assert model.predict(x)[:, 1] == pytest.approx(60 / 62)


def test_separable_rows_and_repeated_columns_are_solved():
    x = np.repeat(np.linspace(-1, 1, 20)[:, None], 30, axis=1).astype(np.float32)
    y = (x[:, :1] > 0).astype(np.uint8)
    (model,) = fit_linear(x, y, np.ones(20), [100.0], LINEAR)
    assert ((model.predict(x) > 0.5) == (y > 0)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_linear(np.ones((6, 3), np.float32), np.array([[0], [1]] * 3, np.uint8), np.ones(6), [1.0], LINEAR)


def test_a_solver_that_runs_out_of_iterations_says_so():
    x, y = problem(5)
    short = read_recipe({**RECIPES["linear"], "max_iterations": 1})
    with pytest.raises(DataError, match="not solved"):
        fit_linear(x, y, np.ones(60), [10.0], short)


# ---- batches -----------------------------------------------------------------------------------


def test_every_epoch_shows_every_row_once_and_short_batches_are_kept():
    plan, weight = batch_plan(np.arange(21), 6, 8, np.random.default_rng(0))
    for epoch in (slice(0, 3), slice(3, 6)):
        shown = plan[epoch][weight[epoch] > 0]
        assert sorted(shown.tolist()) == list(range(21))
    assert weight.sum(1) == pytest.approx(1.0)
    assert (weight[2] > 0).sum() == 5 and weight[2].max() == pytest.approx(1 / 5)


def test_half_real_batches_are_half_real_and_show_all_rows_of_a_kind_equally_often():
    plan, weight = batch_plan(np.arange(10), 50, 8, np.random.default_rng(0), added=np.arange(10, 110))
    assert ((plan < 10).sum(1) == 4).all()
    assert np.bincount(plan[plan < 10]).tolist() == [20] * 10
    assert np.bincount(plan[plan >= 10] - 10).tolist() == [2] * 100
    assert (weight == 1 / 8).all()


def test_half_real_batches_need_rows_of_both_kinds():
    with pytest.raises(ParameterError):
        batch_plan(np.arange(5), 3, 4, np.random.default_rng(0), added=np.arange(0))


def test_the_learning_rate_rises_falls_and_depends_on_the_updates_alone():
    rates = learning_rates(100, 0.003, 0.06)
    assert rates.argmax() == 5 and rates.max() == pytest.approx(0.003)
    assert (rates > 0).all() and (np.diff(rates[5:]) < 0).all()
    assert len(learning_rates(1, 0.003, 0.06)) == 1


# ---- heads -------------------------------------------------------------------------------------


def plain_loop(x, y, labels, head, recipe, start, seed):
    """The same recipe with torch.nn, autograd, torch.optim.AdamW and torch's own clipping."""
    from volfid.core.seeds import derive_seed, generator
    from volfid.training.mlp import _initial

    factors = {"draw": 0, "training_seed": 0, "fold": head.fold}
    w1, b1, w2, b2 = (p[0] for p in _initial(x.shape[1], recipe.hidden, labels, [factors], seed))
    if start == "prior":
        rows = torch.tensor(y[head.pool], dtype=torch.float32)
        b2 = torch.logit(rows.sum(0).clamp(min=1) / (len(rows) + 2))[None]
    weights = [tensor.clone().requires_grad_() for tensor in (w1, w2)]
    biases = [tensor.clone().requires_grad_() for tensor in (b1, b2)]
    optimiser = torch.optim.AdamW(
        [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    )
    plan, weight = batch_plan(head.rows, head.updates, recipe.batch, generator(seed, "batch_order", **factors))
    masks = np.random.default_rng(derive_seed(seed, "dropout", **factors))
    targets, vectors = torch.tensor(y, dtype=torch.float32), torch.tensor(x)
    for update, rate in enumerate(learning_rates(head.updates, recipe.learning_rate, recipe.warmup_share)):
        kept = masks.random((recipe.batch, recipe.hidden), dtype=np.float32) >= recipe.dropout
        chosen = plan[update][weight[update] > 0]
        mask = torch.tensor(kept[: len(chosen)]) / (1 - recipe.dropout)
        hidden = torch.nn.functional.gelu(vectors[chosen] @ weights[0] + biases[0]) * mask
        loss = torch.nn.functional.binary_cross_entropy_with_logits(hidden @ weights[1] + biases[1], targets[chosen])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*weights, *biases], recipe.clip)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
    return [p.detach() for p in (weights[0], biases[0], weights[1], biases[1])]


@pytest.mark.parametrize("start", ["zero", "prior"])
@pytest.mark.parametrize("clip", [1.0, 0.01])
def test_stacked_heads_equal_torch_loops_of_the_same_recipe(start, clip):
    x, y = problem(6)
    labels = list("abcde")
    recipe = read_recipe({**RECIPES["mlp"], "hidden": 16, "batch": 8, "clip": clip})
    heads = [Head(np.arange(60), 40, -1), Head(np.arange(0, 60, 2), 25, 0), Head(np.arange(45), 40, 1)]
    stack = fit_mlp(x, y, labels, heads, recipe, start, 5, 0, 0)
    for i, head in enumerate(heads):
        expected = plain_loop(x, y, labels, head, recipe, start, 5)
        for ours, theirs in zip((stack.w1, stack.b1, stack.w2, stack.b2), expected, strict=True):
            assert torch.allclose(ours[i], theirs, atol=2e-5), (ours[i] - theirs).abs().max()


def test_updates_and_exposures_are_counted():
    x, y = problem(7)
    heads = [Head(np.arange(60), 7, 0), Head(np.repeat(np.arange(20), 3), 23, -1), Head(np.arange(9), 1, 1)]
    stack = fit_mlp(x, y, list("abcde"), heads, MLP, "zero", 1, 0, 0)
    assert stack.updates.tolist() == [7, 23, 1]
    assert stack.exposures[0].sum() == 7 * 8 and stack.exposures[2].sum() == 8
    assert stack.exposures[1][20:].sum() == 0


def test_a_head_does_not_depend_on_what_it_is_stacked_with():
    x, y = problem(8)
    head = Head(np.arange(60), 120, 2)
    alone = fit_mlp(x, y, list("abcde"), [head], MLP, "zero", 1, 0, 0).predict(0, x)
    others = [Head(np.arange(30), 200, 0), head, Head(np.arange(10, 60), 50, 1)]
    stacked = fit_mlp(x, y, list("abcde"), others, MLP, "zero", 1, 0, 0).predict(1, x)
    assert stacked == pytest.approx(alone, abs=1e-4)
    again = fit_mlp(x, y, list("abcde"), [head], MLP, "zero", 1, 0, 0).predict(0, x)
    assert (again == alone).all()


def test_permuted_label_columns_give_permuted_scores():
    x, y = problem(9)
    labels, order = list("abcde"), np.array([3, 0, 4, 1, 2])
    heads = [Head(np.arange(60), 100, -1)]
    plain = fit_mlp(x, y, labels, heads, MLP, "prior", 1, 0, 0).predict(0, x)
    moved = fit_mlp(x, y[:, order], [labels[k] for k in order], heads, MLP, "prior", 1, 0, 0).predict(0, x)
    assert moved == pytest.approx(plain[:, order], abs=1e-6)


def test_seeds_change_the_head_and_the_prior_start_begins_at_the_label_shares():
    x, y = problem(10)
    heads = [Head(np.arange(60), 1, -1)]
    first = fit_mlp(x, y, list("abcde"), heads, MLP, "zero", 1, 0, 0)
    assert not torch.equal(first.w1, fit_mlp(x, y, list("abcde"), heads, MLP, "zero", 1, 0, 1).w1)
    assert not torch.equal(first.w1, fit_mlp(x, y, list("abcde"), heads, MLP, "zero", 1, 1, 0).w1)
    prior = fit_mlp(x, y, list("abcde"), heads, MLP, "prior", 1, 0, 0)
    share = np.maximum(y.sum(0), 1) / 62
    assert torch.sigmoid(prior.b2[0, 0]).numpy() == pytest.approx(share, abs=2e-3)


def test_heads_without_rows_and_unknown_starts_are_refused():
    x, y = problem(11)
    with pytest.raises(DataError):
        fit_mlp(x, y, list("abcde"), [Head(np.arange(0), 5, 0)], MLP, "zero", 1, 0, 0)
    with pytest.raises(ParameterError):
        fit_mlp(x, y, list("abcde"), [Head(np.arange(5), 5, 0)], MLP, "warm", 1, 0, 0)


# ---- floors ------------------------------------------------------------------------------------


def test_floors_score_as_their_formulas_say():
    _, y = problem(12, rows=400)
    truth, weight = y > 0, np.ones(400)
    p = truth.mean()
    everything = np.tile(floor_scores("predict_all", y, weight, 2.0), (400, 1)) > 0.5
    assert f1_micro(truth, everything) == pytest.approx(2 * p / (1 + p))
    assert floor_scores("prior", y, weight, 2.0) == pytest.approx((y.sum(0) + 1) / 402)
    for cardinality, k in ((1.4, 1), (2.6, 3), (0.2, 1)):
        top = floor_scores("top_k", y, weight, cardinality) > 0.5
        assert set(np.flatnonzero(top)) == set(np.argsort(-y.sum(0), kind="stable")[:k])
    with pytest.raises(ParameterError):
        floor_scores("coin", y, weight, 1.0)


def test_floors_see_the_multiplicity_of_rows():
    y = np.array([[1, 0], [0, 1]], np.uint8)
    assert floor_scores("prior", y, np.array([9, 1]), 1.0) == pytest.approx([10 / 12, 2 / 12])


# ---- rows --------------------------------------------------------------------------------------


def row(doc_id, source, labels="a", multiplicity=1, parent=None, sources=()):
    return {
        "doc_id": doc_id, "source": source, "labels": list(labels), "multiplicity": multiplicity,
        "parent_id": parent, "source_doc_ids": list(sources),
    }  # fmt: skip


def test_rows_are_canonical_whatever_their_order_and_repeats_add_up():
    place = {"d1": 0, "d2": 1, "s1": 2}
    rows = [row("d2", "real", "ab"), row("s1", "synthetic", "b"), row("d1", "copy", "a", 2), row("d1", "copy", "a", 3)]
    first, second = train_rows(rows, ["a", "b"], place, {}), train_rows(rows[::-1], ["a", "b"], place, {})
    assert first.doc_ids == second.doc_ids == ("d1", "d2", "s1")
    assert first.multiplicity.tolist() == second.multiplicity.tolist() == [5, 1, 1]
    assert first.real.tolist() == [False, True, False] and first.own.tolist() == [True, True, False]
    assert first.epoch(np.arange(3)).tolist() == [0] * 5 + [1, 2]


def test_a_fold_leaves_out_its_documents_their_copies_children_and_family():
    place = {name: i for i, name in enumerate(["d1", "d2", "d3", "s1", "s2", "s3", "s4", "m1"])}
    rows = train_rows(
        [
            row("d1", "real"), row("d2", "real"), row("d3", "real"), row("d1", "copy", parent="d1"),
            row("s1", "synthetic", sources=["d2", "d1"]), row("s2", "synthetic", parent="d1"),
            row("s3", "synthetic", sources=["d2"]), row("s4", "synthetic"), row("m1", "real_more"),
        ], ["a"], place, {"d1": "family", "m1": "family"},
    )  # fmt: skip
    kept = rows_by_fold(rows, ["d1", "d2", "d3"], np.array([0, 1, 1]), {"d1": "family", "m1": "family"})
    names = {fold: sorted({rows.doc_ids[i] for i in numbers}) for fold, numbers in kept.items()}
    assert names == {0: ["d2", "d3", "s3", "s4"], 1: ["d1", "m1", "s2", "s4"]}


def test_a_fold_that_leaves_no_row_is_an_error():
    rows = train_rows([row("d1", "real"), row("s1", "synthetic", sources=["d1", "d2"])], ["a"], {"d1": 0, "s1": 1}, {})
    with pytest.raises(DataError, match="independent of fold 0"):
        rows_by_fold(rows, ["d1", "d2"], np.array([0, 1]), {})


def test_a_row_without_a_vector_is_an_error_that_names_it():
    with pytest.raises(DataError, match="document d9 has no vector"):
        train_rows([row("d9", "real")], ["a"], {}, {})


def test_copies_merge_into_weights_of_their_document():
    listed = [row("d1", "real"), row("d1", "copy", "a", 4), row("d1", "copy", "b", 2)]
    rows = train_rows(listed, ["a", "b"], {"d1": 0}, {})
    numbers, weight = rows.merged(np.arange(3))
    assert len(numbers) == 2 and sorted(weight.tolist()) == [2.0, 5.0]
