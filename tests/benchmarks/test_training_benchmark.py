"""Speed against the usual tools, in one run on one thread, with equal results."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.multiclass import OneVsRestClassifier
from threadpoolctl import threadpool_limits
from training_world import RECIPES, patent_world, value

from volfid.training.linear import Designs, fit_linear
from volfid.training.metrics import ap_micro
from volfid.training.mlp import Head, fit_mlp
from volfid.training.recipes import read_recipe

pytestmark = pytest.mark.benchmark


def best_of(times: int, function: Callable[[], Any]) -> tuple[float, Any]:
    """Shortest of several runs, in seconds of processor time (others may share the machine), and the last result."""
    shortest = np.inf
    for _ in range(times):
        started = time.process_time()
        result = function()
        shortest = min(shortest, time.process_time() - started)
    return shortest, result


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield


def corpus(rows: int, dimensions: int = 384, labels: int = 64, seed: int = 0):
    """Unit vectors with a common direction, as sentence encoders give, and sparse labels that follow from them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, dimensions)) + 0.7
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    directions = np.random.default_rng(99).normal(size=(dimensions, labels))
    logits = (x - x.mean(0)) @ directions * 3
    cut = np.quantile(logits, 1 - np.geomspace(0.2, 0.02, labels), axis=0).diagonal()
    return x.astype(np.float32), (logits > cut).astype(np.uint8)


def torch_loop(x, y, rows, updates, recipe, seed):
    """A plain torch.nn training loop of the same recipe."""
    torch.manual_seed(seed)
    model = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], recipe.hidden), torch.nn.GELU(), torch.nn.Dropout(recipe.dropout),
        torch.nn.Linear(recipe.hidden, y.shape[1]),
    )  # fmt: skip
    torch.nn.init.zeros_(model[3].bias)
    weights = [p for p in model.parameters() if p.ndim == 2]
    biases = [p for p in model.parameters() if p.ndim == 1]
    optimiser = torch.optim.AdamW(
        [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": biases, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
    )
    warm = int(np.ceil(recipe.warmup_share * updates))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda u: (u + 1) / warm if u < warm else (updates - u) / (updates - warm + 1)
    )
    loss_of = torch.nn.BCEWithLogitsLoss()
    inputs, targets = torch.from_numpy(x[rows]), torch.from_numpy(y[rows]).float()
    model.train()
    made = 0
    while made < updates:
        order = torch.randperm(len(rows))
        for start in range(0, len(rows), recipe.batch):
            if made == updates:
                break
            batch = order[start : start + recipe.batch]
            optimiser.zero_grad()
            loss_of(model(inputs[batch]), targets[batch]).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            optimiser.step()
            schedule.step()
            made += 1
    model.eval()
    return lambda vectors: torch.sigmoid(model(torch.from_numpy(vectors))).detach().numpy()


def test_stacked_heads_are_faster_than_a_torch_loop_and_score_the_same(capsys):
    recipe, updates = read_recipe(RECIPES["mlp"]), 300
    x, y = corpus(1600)
    test_x, test_y = x[1000:], y[1000:] > 0
    labels = [f"L{k:02d}" for k in range(64)]
    folds = [np.flatnonzero(np.arange(1000) % 3 != k) for k in range(3)]
    heads = [Head(rows, updates, k) for k, rows in enumerate(folds)] + [Head(np.arange(1000), updates, -1)]
    ours, stack = best_of(2, lambda: fit_mlp(x, y, labels, heads, recipe, "zero", 0, 0, 0))
    peer, models = best_of(2, lambda: [torch_loop(x, y, h.rows, updates, recipe, i) for i, h in enumerate(heads)])
    left = np.array([ap_micro(test_y, stack.predict(i, test_x)) for i in range(4)])
    right = np.array([ap_micro(test_y, model(test_x)) for model in models])
    with capsys.disabled():
        print(f"\n4 heads x {updates} updates: {ours:.2f} s, torch loop {peer:.2f} s, ratio {peer / ours:.1f}")
        print(f"micro-AP {left.round(3).tolist()} and {right.round(3).tolist()}")
    assert peer / ours > 1.5
    assert abs(left.mean() - right.mean()) < 0.02


@pytest.mark.parametrize("rows", [165, 1650])
def test_the_linear_solver_is_faster_than_scikit_learn_and_gives_the_same(rows, capsys):
    recipe, C = read_recipe(RECIPES["linear"]), 10.0
    x, y = corpus(rows, seed=1)
    y[0], y[1] = 1, 0  # both answers for every label
    ours, models = best_of(3, lambda: fit_linear(x, y, np.ones(rows), [C], recipe))

    def peer_fit(tolerance: float) -> np.ndarray:
        fits = [LogisticRegression(C=C, tol=tolerance, max_iter=10_000).fit(x, y[:, k]) for k in range(64)]
        return np.stack([fit.predict_proba(x)[:, 1] for fit in fits], axis=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        usual, rough = best_of(1, lambda: peer_fit(1e-4))
        exact, fine = best_of(1, lambda: peer_fit(1e-8))
    probabilities = models[0].predict(x)
    with capsys.disabled():
        for name, seconds, found in (("its own tolerance", usual, rough), ("tolerance 1e-8", exact, fine)):
            gap = np.abs(probabilities - found).max()
            peer = f"scikit-learn at {name} {seconds:.3f} s, ratio {seconds / ours:.1f}"
            print(f"\n{rows} rows x 64 labels: {ours:.3f} s, {peer}, max difference {gap:.0e}")
    assert np.abs(probabilities - fine).max() < 2e-3
    assert exact / ours > 1.5


def test_a_hundred_linear_cells_take_a_fifth_of_one_against_the_rest_at_equal_objectives(capsys):
    """Cells on the same 1,650 embeddings: other labels and penalties. The peer runs two of them and is scaled."""
    recipe = read_recipe(RECIPES["linear"])
    x, y = corpus(1650, seed=1)
    y[0], y[1] = 1, 0
    rng = np.random.default_rng(2)
    cells = [(np.where(rng.random(y.shape) < 0.99, y, 0), C) for _ in range(25) for C in (0.3, 1.0, 3.0, 10.0)]
    for labels, _ in cells:
        labels[0] = 1
    weight, wide = np.ones(len(x)), x.astype(np.float64)

    def objective(coefficients: np.ndarray, intercepts: np.ndarray, labels: np.ndarray, C: float) -> np.ndarray:
        margin = wide @ coefficients + intercepts
        return 0.5 * (coefficients**2).sum(0) + C * (np.logaddexp(0, margin) - labels * margin).sum(0)

    def all_of_ours() -> list:
        designs = Designs()
        return [fit_linear(x, labels, weight, [C], recipe, designs)[0] for labels, C in cells]

    ours, models = best_of(1, all_of_ours)
    seconds, chosen = 0.0, (1, 3)  # C 1 and 10
    for number in chosen:
        labels, C = cells[number]
        peer = OneVsRestClassifier(LogisticRegression(C=C, tol=1e-7, max_iter=10_000))
        once, _ = best_of(1, lambda peer=peer, labels=labels: peer.fit(wide, labels))
        seconds += once / len(chosen)
        theirs = objective(
            np.stack([e.coef_[0] for e in peer.estimators_], 1),
            np.array([e.intercept_[0] for e in peer.estimators_]), labels, C,
        )  # fmt: skip
        mine = objective(models[number].coefficients, models[number].intercepts, labels, C)
        assert np.abs(mine / theirs - 1).max() <= 1e-6
    with capsys.disabled():
        each = ours / len(cells)
        print(f"\n100 cells: {each:.3f} s a cell, scikit-learn {seconds:.3f} s, ratio {seconds / each:.1f}")
    assert seconds / each >= 5


def test_micro_average_precision_is_faster_than_scikit_learn_and_equal(capsys):
    rng = np.random.default_rng(0)
    truth, scores = rng.random((1000, 64)) < 0.03, rng.random((1000, 64)).astype(np.float32)
    ours, value_ = best_of(5, lambda: ap_micro(truth, scores))
    peer, expected = best_of(5, lambda: average_precision_score(truth.ravel(), scores.ravel()))
    with capsys.disabled():
        times = f"{ours * 1e3:.2f} ms, scikit-learn {peer * 1e3:.2f} ms"
        print(f"\nap_micro of 64,000 scores: {times}, ratio {peer / ours:.1f}")
    assert value_ == pytest.approx(expected)
    assert peer / ours > 1.5


@pytest.mark.real_data
def test_seconds_for_a_cell_on_real_patents(capsys):
    lines = []
    for n, text, added in (
        (64, "none", 0), (64, "copies_balanced", 640), (165, "none", 0), (165, "copies_balanced", 1485),
        (165, "real_more", 1100),
    ):  # fmt: skip
        world = patent_world(n)
        penalised = {"classifier": "linear", "penalty_scale": 1.0}
        for name, factors in (
            ("mlp fixed", {"n_updates": 10 * -(-(n + added) // 16)}),
            ("mlp tuned", {"updates": "grid", "tuning": "tuned"}),
            ("linear fixed", penalised),
            ("linear tuned", {**penalised, "updates": "grid", "tuning": "tuned"}),
        ):
            cell = world.cell(text, added, **factors)
            seconds, results = best_of(1, lambda world=world, cell=cell: world.run([cell]))
            updates = factors.get("n_updates", "no fixed")
            rows = f"{value(results, cell, 'rows'):.0f} rows, {value(results, cell, 'unique_documents'):.0f} distinct"
            lines.append(f"{n} documents, {rows}, {name}, {updates} updates: {seconds:.2f} s")
    with capsys.disabled():
        print("\n" + "\n".join(lines))
