"""Losses: the published vectors with their gradients, guards, scales, and use in both families."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import test_encoder as encoders
import torch
from helpers.tiny_encoder import make_encoder
from test_plan import plan, raw
from training_world import RECIPES, small_world, test_scores, value

from volfid.core.exits import ConfigError
from volfid.training import losses
from volfid.training.cells import CellData
from volfid.training.losses import Asymmetric, Counts, Loss, Weighted, read_loss
from volfid.training.rows import train_rows

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "losses.json").read_text(encoding="utf-8"))
A = GOLDEN["fixtures"]["A"]
ENTRIES = RECIPES["losses"]
DB = {"kind": "balanced", "map_alpha": 0.1, "map_beta": 10.0, "gamma": 2, "weight": "rebalanced"}


def entry_of(case: dict) -> dict:
    """The entry of `losses` that a case of the vectors is."""
    name, p = case["id"], case["params"]
    if name.startswith("bce_pos_weight"):
        return {"kind": "weighted", "power": 0.5, "cap": 10} if "sqrt" in name else {
            "kind": "weighted", "power": 1, "cap": None}  # fmt: skip
    if name.startswith(("bce", "nlp_BCE")):
        return {"kind": "focal", "gamma": 0, "alpha": None}
    if name.startswith("focal"):
        return {"kind": "focal", "gamma": p["gamma"], "alpha": p["alpha"]}
    if name.startswith("asl"):
        return {"kind": "asymmetric", "gamma_pos": p["gamma_pos"], "gamma_neg": p["gamma_neg"], "margin": p["clip"],
                "eps": p["eps"], "detach": p.get("detach_focusing_weight", False)}  # fmt: skip
    made = {"kind": "balanced", "weight": "none", "factor": p.get("loss_weight", p.get("balance_param", 1.0))}
    if "cb_beta" in p:
        made |= {"weight": "class", "beta": p["cb_beta"]}
    if "map_mu" in p:
        made |= {"weight": "rebalanced", **{key: p[key] for key in ("map_alpha", "map_beta", "map_mu")}}
    if "kappa" in p:
        made |= {"kappa": p["kappa"], "lambda_": p["lambda"], "shift_divided": name.startswith("eccv")}
    return made | {key: p[key] for key in ("gamma", "alpha") if key in p}


def counts_of(n=A["class_freq"], documents=A["n_train_docs"], mu=0.0) -> Counts:
    return Counts(torch.tensor(n, dtype=torch.float64), documents, 0, 0, mu)


def parts(loss: Loss, logits, labels, counts: Counts, dtype=torch.float64):
    """Value, terms and gradient of a batch whose documents weigh the same."""
    z = torch.tensor(logits, dtype=dtype, requires_grad=True)
    y = torch.tensor(labels, dtype=dtype)
    weight = torch.full((len(y),), 1 / len(y), dtype=torch.float64)
    made = loss.value(z, y, weight, counts, loss.scale(y, weight))
    (gradient,) = torch.autograd.grad(made, z)
    terms = loss.factor * loss.kind.terms(z.detach(), y, counts)
    return float(made.detach()), terms.double().numpy(), gradient.double().numpy()


REDUCTIONS = {"mean": "mean", "sum": "sum", "sum / number of positive labels in the batch": "positives"}


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["id"])
def test_values_terms_and_gradients_are_those_of_the_vectors(case):
    fixture = GOLDEN["fixtures"][case["fixture"]]
    per_document = case["reduction"] == "sum over labels, mean over documents"
    reduction = "mean" if per_document else REDUCTIONS[case["reduction"]]
    loss = read_loss({**entry_of(case), "reduction": reduction})
    n = fixture.get("class_freq", [1.0] * 4)
    made, terms, gradient = parts(loss, fixture["logits"], fixture["labels"], counts_of(n))
    factor = 5 if per_document else 1
    assert factor * made == pytest.approx(case["expected"], abs=1e-9)
    assert np.abs(terms - case["elementwise"]).max() < 1e-9
    if "grad_logits" in case:
        assert np.abs(factor * gradient - case["grad_logits"]).max() < 1e-9
    single, _, _ = parts(loss, fixture["logits"], fixture["labels"], counts_of(n), torch.float32)
    assert factor * single == pytest.approx(case["expected"], rel=2e-5)


def test_the_authors_rule_for_mu_and_the_weights_of_the_vectors():
    known = GOLDEN["intermediates"]
    labels, n = np.array(A["labels"]), np.array(A["class_freq"])
    r = labels / np.maximum((labels / n).sum(1, keepdims=True), 1e-300) / n
    pairs = r[labels > 0]
    assert (pairs.mean() + np.median(pairs)) / 2 == pytest.approx(known["db_mu_rule"]["value_on_fixture"], abs=1e-9)
    rows = np.array([[1, 0], [1, 1], [1, 0], [0, 0]], dtype=np.uint8)
    made = Counts.of(rows)
    assert made.positives.tolist() == [3, 1] and (made.documents, made.unseen, made.everywhere) == (4, 0, 0)
    assert made.mu == pytest.approx((np.mean([1, 0.25, 0.75, 1]) + np.median([1, 0.25, 0.75, 1])) / 2)
    named, ruled = (read_loss(DB | {"map_mu": mu}) for mu in (made.mu, None))
    z = [[0.3, -1.0], [2.0, 0.1]]
    assert parts(named, z, rows[:2], made)[0] == pytest.approx(parts(ruled, z, rows[:2], made)[0])


def test_identities():
    z, y = A["logits"], A["labels"]
    counts = counts_of()

    def terms(**entry):
        return parts(read_loss(entry), z, y, counts)[1]

    bce = terms(kind="focal", gamma=0, alpha=None)
    asl = {"kind": "asymmetric", "margin": 0.0, "eps": 1e-8, "detach": False}
    assert np.abs(terms(**asl, gamma_pos=0, gamma_neg=0) - bce).max() < 1e-12
    focal = terms(kind="focal", gamma=2, alpha=None)
    assert np.abs(terms(**asl, gamma_pos=2, gamma_neg=2) - focal).max() < 1e-12
    assert np.abs(terms(kind="balanced", weight="none", gamma=2, alpha=0.5) - focal / 2).max() < 1e-12
    torch_bce = torch.nn.BCEWithLogitsLoss(reduction="none")(
        torch.tensor(z, dtype=torch.float64), torch.tensor(y).double()
    )
    assert np.abs(bce - torch_bce.numpy()).max() < 1e-12


# ---- guards --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_is_finite_whatever_the_logits_counts_and_documents(name, dtype):
    labels = np.zeros((9, 4), dtype=np.uint8)  # a label without, one with all, one rare; documents with one label alone
    labels[:, 1], labels[0, 2], labels[:4, 3] = 1, 1, 1
    counts = Counts.of(labels)
    assert (counts.unseen, counts.everywhere) == (1, 1) and counts.positives.tolist() == [1, 8, 1, 4]
    loss = read_loss(ENTRIES[name])
    batch = [[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 1, 0]]  # one without labels
    for logit in (-80.0, 80.0, 0.0, -18.5):
        value, terms, gradient = parts(loss, [[logit] * 4] * 4, batch, counts, dtype)
        assert np.isfinite(value) and np.isfinite(gradient).all()
        assert (value >= 0) and (dtype is torch.bfloat16 or np.isfinite(terms).all())
    empty = Counts.of(np.zeros((3, 4), dtype=np.uint8))
    assert np.isfinite(parts(loss, [[0.5] * 4] * 4, batch, empty, dtype)[0])


@pytest.mark.parametrize("power", [-20, 20])
@pytest.mark.parametrize("documents", [1, 2, 100_000])
def test_weights_of_extreme_powers_are_finite_without_a_cap(power, documents):
    loss = read_loss({"kind": "weighted", "power": power, "cap": None})
    counts = counts_of([1, max(documents - 1, 1)], documents)
    for dtype in (torch.float32, torch.float64):
        value, terms, gradient = parts(loss, [[-3.0, 3.0], [3.0, -3.0]], [[1, 0], [0, 1]], counts, dtype)
        assert np.isfinite(value) and np.isfinite(terms).all() and np.isfinite(gradient).all()


GAMMAS = (0, 0.01, 0.25, 0.5, 0.999, 1, 1.5, 2, 4)
HARD = [
    *({"kind": "focal", "gamma": gamma, "alpha": alpha} for gamma in GAMMAS for alpha in (None, 0.25)),
    *({"kind": "asymmetric", "gamma_pos": a, "gamma_neg": b, "margin": margin, "eps": 1e-8, "detach": detach}
      for a, b in [(g, g) for g in GAMMAS] + [(0, 0.5), (0.5, 0), (0.5, 4), (1, 0.5)]
      for margin, detach in ((0.0, False), (0.05, False), (0.05, True))),
    *({**DB, "gamma": gamma, "kappa": 0.05, "lambda_": 5.0} for gamma in (*GAMMAS, None)),
    {"kind": "balanced", "weight": "class", "beta": 1 - 1e-9, "gamma": 0.5}, {**DB, "map_beta": 0.0},
    {"kind": "balanced", "weight": "class", "beta": 0.0}, {"kind": "weighted", "power": 2.0, "cap": None},
]  # fmt: skip
LOGITS = sorted({sign * z for z in (0, 0.5, 2.9, 3.0, 8, 17, 20, 40, 88, 104, 120, 200) for sign in (-1, 1)})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("entry", HARD, ids=str)
def test_values_and_gradients_are_finite_for_every_allowed_gamma(entry, dtype):
    """Logits of 200 end a sigmoid in single precision; a power below 1 has an infinite derivative there."""
    counts = Counts.of(np.array([[1, 0], [0, 0], [0, 1], [0, 0]]))
    z = [[logit, logit] for logit in LOGITS]
    value, terms, gradient = parts(read_loss(entry), z, [[1, 0]] * len(z), counts, dtype)
    assert np.isfinite(value) and np.isfinite(terms).all() and np.isfinite(gradient).all()
    assert np.isfinite(parts(read_loss(entry), [[3.0, 3.0]], [[1, 0]], Counts.of(np.array([[1, 0]])), dtype)[0])
    if dtype is torch.float32:  # what double precision says, where single can: labels that are far off have slope
        wide = parts(read_loss(entry), z, [[1, 0]] * len(z), counts)
        near = [row for row, (logit, _) in enumerate(z) if abs(logit) <= 8]
        assert np.asarray(gradient)[near] == pytest.approx(np.asarray(wide[2])[near], rel=2e-2, abs=1e-5)
        assert value == pytest.approx(wide[0], rel=1e-2)


@pytest.mark.parametrize("gamma", [g for g in GAMMAS if g])
def test_the_stable_forms_are_the_plain_ones_where_those_are_finite(gamma):
    torch.manual_seed(0)
    z = (4 * torch.randn(40, 3)).requires_grad_(True)
    y = (torch.rand(40, 3) < 0.4).float()
    turned = torch.where(y > 0, -z, z)
    plain = torch.sigmoid(turned) ** gamma * torch.nn.functional.softplus(turned)
    made = losses.Focal(gamma, None).terms(z, y, counts_of([1.0] * 3))
    p = torch.sigmoid(z)
    right = torch.where(y > 0, p, (torch.sigmoid(-z) + 0.0).clamp(max=1))
    second = -((1 - right) ** torch.full_like(z, gamma)) * right.clamp(min=1e-8).log()
    other = Asymmetric(gamma, gamma, 0.0, 1e-8, False).terms(z, y, counts_of([1.0] * 3))
    for ours, theirs in ((made, plain), (other, second)):
        grads = [torch.autograd.grad(part.sum(), z, retain_graph=True)[0] for part in (ours, theirs)]
        if gamma >= 1:  # the very numbers of before
            assert torch.equal(ours, theirs) and torch.equal(*grads)
        assert torch.allclose(ours, theirs, rtol=2e-6) and torch.allclose(*grads, rtol=2e-5, atol=1e-6)


def test_half_precision_logits_are_computed_in_single():
    loss = read_loss(ENTRIES["asymmetric"])
    z = [[-20.0, 20.0, 3.0, -3.0]]
    half = parts(loss, z, [[1, 0, 1, 0]], counts_of([1.0] * 4), torch.float16)[0]
    assert half == pytest.approx(parts(loss, z, [[1, 0, 1, 0]], counts_of([1.0] * 4), torch.float32)[0])


def test_a_batch_in_parts_is_the_batch_and_the_official_scale_is_a_factor():
    y = torch.tensor(A["labels"], dtype=torch.float64)
    z, weight, counts = torch.tensor(A["logits"]).double(), torch.full((4,), 0.25), counts_of()
    for name in ENTRIES:
        loss = read_loss(ENTRIES[name])
        scale = loss.scale(y, weight)
        whole = loss.value(z, y, weight, counts, scale)
        halves = sum(loss.value(z[p], y[p], weight[p], counts, scale) for p in (slice(0, 1), slice(1, 4)))
        assert float(halves) == pytest.approx(float(whole)), name
    mean, total = read_loss(ENTRIES["asymmetric"]), read_loss(ENTRIES["asymmetric_sum"])
    assert total.scale(y, weight) == pytest.approx(20 * mean.scale(y, weight))
    short = torch.tensor([1.0, 0.0, 0.0, 0.0])  # empty places of a short batch do not count
    assert total.scale(y, short) == 5 and Loss(mean.kind, 1.0, "positives").scale(y, short) == pytest.approx(5 / 2)


@pytest.mark.parametrize(
    "entry, word",
    [
        ({"kind": "hinge"}, "unknown"), ({"kind": "focal", "gamma": 2}, "lacks"),
        ({"kind": "focal", "gamma": 2, "alpha": None, "beta": 1}, "beta"),
        ({"kind": "focal", "gamma": 2, "alpha": None, "reduction": "none"}, "reduction"),
        ({"kind": "balanced", "weight": "class"}, "weight"),
        ({"kind": "balanced", "weight": "none", "kappa": 1}, "kappa"),
        ({"kind": "focal", "gamma": -0.5, "alpha": None}, "gamma of a loss of kind focal is -0.5"),
        ({"kind": "focal", "gamma": float("nan"), "alpha": None}, "gamma"),
        ({"kind": "focal", "gamma": "two", "alpha": None}, "gamma"),
        ({**ENTRIES["asymmetric"], "eps": 0}, "eps"), ({**ENTRIES["asymmetric"], "margin": 1.5}, "margin"),
        ({**ENTRIES["asymmetric"], "gamma_neg": -1}, "gamma_neg"),
        ({"kind": "balanced", "weight": "class", "beta": 1.0}, "beta"),
        ({"kind": "balanced", "weight": "none", "kappa": 0.1, "lambda_": 0}, "lambda_"),
        *(({"kind": "focal", "gamma": 2, "alpha": None, "factor": odd}, "factor")
          for odd in (float("nan"), float("inf"), -float("inf"), "x", None, True, 0, -1)),
        *(({**DB, "kappa": 0.1, "lambda_": 5.0, name: odd}, f"{name} of a loss of kind balanced is")
          for name in ("kappa", "map_alpha", "map_beta", "map_mu", "lambda_")
          for odd in (float("nan"), float("inf"), -float("inf"), "x")),
        ({"kind": "focal", "gamma": None, "alpha": None}, "gamma of a loss of kind focal is null"),
        ({"kind": "weighted", "power": None, "cap": 1}, "power of a loss of kind weighted is null"),
        *(({**ENTRIES["asymmetric"], name: None}, f"{name} of a loss of kind asymmetric is null")
          for name in ("eps", "margin", "gamma_pos", "gamma_neg")),
        ({**ENTRIES["asymmetric"], "detach": "no"}, "detach"), ({"kind": ["focal"]}, "kind"),
        ({"kind": "focal", "gamma": 1e300, "alpha": None}, "gamma"),
    ],
)  # fmt: skip
def test_an_entry_that_means_nothing_is_refused(entry, word):
    with pytest.raises(ConfigError, match=word):
        read_loss(entry)


def test_every_entry_of_the_project_is_read_and_names_its_published_numbers():
    made = {name: read_loss(entry) for name, entry in ENTRIES.items()}
    assert made["focal"].kind == losses.Focal(2, 0.25) and made["focal_constant"].factor == 0.25
    assert made["asymmetric"].kind == Asymmetric(1, 4, 0.05, 1e-8, False) and made["asymmetric"].reduction == "mean"
    assert made["asymmetric_sum"].reduction == "sum" and made["pos_weight_sqrt"].kind == Weighted(0.5, 10)
    assert {"class_balanced", "rebalanced", "negative_tolerant", "distribution_balanced"} <= made.keys()


# ---- in both families ----------------------------------------------------------------------


SMALL = {"hidden": 16, "grid_updates": [20, 80]}


@dataclass(frozen=True)
class Broken:
    """A loss without a number."""

    def terms(self, z, y, counts):
        return z * float("nan")


@pytest.fixture
def encoder_world(tmp_path):
    make_encoder(tmp_path, encoders.WORDS)
    return encoders.world(24), tmp_path


def trained(cells, names, recipe=SMALL, **more):
    made = small_world()
    return made.run(cells, losses={name: ENTRIES[name] for name in names}, **recipe, **more)


def test_bce_by_way_of_a_loss_is_the_built_in_one_in_the_mlp():
    made = small_world()
    plain, other = made.cell(n_updates=60), made.cell(n_updates=60, loss="same")
    results = made.run([plain, other], losses={"same": {"kind": "focal", "gamma": 0.0, "alpha": None}}, **SMALL)
    assert not results.gaps
    assert test_scores(results, other) == pytest.approx(test_scores(results, plain), abs=1e-5)
    assert value(results, other, "clipped_share") == value(results, plain, "clipped_share")


def test_bce_by_way_of_a_loss_is_the_built_in_one_in_a_fine_tuned_encoder(encoder_world):
    made, folder = encoder_world
    plain, other = encoders.cell(made), encoders.cell(made, loss="same")
    losses = {"same": {"kind": "focal", "gamma": 0.0, "alpha": None}}
    results = encoders.run(made, [plain, other], folder, losses=losses, micro_batch=3)
    assert not results.gaps
    assert test_scores(results, other) == pytest.approx(test_scores(results, plain), abs=1e-4)


def test_every_loss_trains_the_mlp_and_the_share_of_clipped_steps_is_a_score():
    made = small_world()
    cells = {name: made.cell(n_updates=80, loss=name) for name in ENTRIES}
    results = trained(list(cells.values()), ENTRIES)
    assert not results.gaps
    share = np.mean([len(row["labels"]) for row in made.documents]) / 6
    for name, cell in cells.items():
        assert value(results, cell, "ap_micro") > share + 0.05, name
        assert 0 <= value(results, cell, "clipped_share") <= 1
        assert value(results, cell, "labels_without_positive") >= 0
    clipped = {name: value(results, cell, "clipped_share") for name, cell in cells.items()}
    assert clipped["asymmetric_sum"] > 0.5 > 0.2 > clipped["asymmetric"] == clipped["focal"] == 0


def test_counts_of_the_real_documents_are_not_changed_by_copies():
    """The same batches with the plain and with the copied rows' counts give other weights; with `real` the same."""
    made = small_world()
    found = {}
    for name in ("class_balanced", "class_balanced_real"):
        cell = made.cell("copies_balanced", 144, updates="high", n_updates=40, loss=name)
        run = trained([cell], [name])
        assert not run.gaps
        found[name] = test_scores(run, cell)
    assert np.abs(found["class_balanced"] - found["class_balanced_real"]).max() > 1e-3
    rows = train_rows(
        [{**row, "trainset_id": "x"} for row in made.trainset("copies_balanced", 144)],
        [row["label"] for row in made.labels], made.vector_row, {},
    )  # fmt: skip
    data = replace(blank(rows), loss=read_loss(ENTRIES["class_balanced_real"]))
    counted = data.counted(np.arange(len(rows.doc_ids)))
    assert sorted(rows.doc_ids[i] for i in counted) == sorted(made.order[:36])
    assert replace(data, loss=read_loss(ENTRIES["class_balanced"])).counted(np.arange(3)) is None


def blank(rows) -> CellData:
    """A cell's data that has its rows alone."""
    empty = np.zeros((0, 1))
    return CellData(rows, empty, {}, empty, empty, empty, empty, [], 1.0, 0)


def test_the_loss_weighs_by_the_counts_it_is_told_to():
    """Copies three times: counts of the trained rows are three times as large, those of the documents are not."""
    rows = np.array([[1, 0], [1, 1], [0, 0], [1, 0]], dtype=np.uint8)
    once, thrice = Counts.of(rows), Counts.of(np.repeat(rows, 3, axis=0))
    assert thrice.positives.tolist() == [9, 3] and thrice.documents == 12
    loss = read_loss(ENTRIES["class_balanced"])
    z, y = [[0.2, -0.4]], [[1, 1]]
    assert parts(loss, z, y, once)[0] > 1.2 * parts(loss, z, y, thrice)[0]  # the weights saturate
    even = read_loss(ENTRIES["distribution_balanced"])
    assert parts(even, z, y, once)[0] == pytest.approx(parts(even, z, y, thrice)[0])  # r is of shares alone


def test_a_loss_without_a_number_ends_its_cell_with_the_reason_and_the_others_go_on(encoder_world, monkeypatch):
    monkeypatch.setitem(losses.KINDS, "broken", Broken)
    listed = {"broken": {"kind": "broken"}, "focal": ENTRIES["focal"]}
    made = small_world()
    cells = [made.cell(n_updates=20, loss=name) for name in ("broken", "focal")]
    results = made.run(cells, losses=listed, **SMALL)
    made, folder = encoder_world
    tuned = [encoders.cell(made, n_updates=3, loss=name) for name in ("broken", "focal")]
    further = encoders.run(made, tuned, folder, losses=listed)
    for found, (bad, good) in ((results, cells), (further, tuned)):
        (gap,) = found.gaps
        assert gap["subject"] == bad["cell_id"] and "not finite at update 1" in gap["reason"]
        assert value(found, good, "updates_done") == good["n_updates"]


def test_every_way_of_mixing_and_the_stop_rule_know_the_loss():
    made = small_world()
    cells = [made.cell("synthetic", 24, updates="high", n_updates=20, exposure=exposure, loss="class_balanced_real")
             for exposure in ("half_real", "curriculum", "ensemble", "filtered")]  # fmt: skip
    cells.append(made.cell(updates="stopped", n_updates=60, loss="class_balanced_real"))
    results = trained(cells, ["class_balanced_real"])
    reasons = {gap["subject"]: gap["reason"] for gap in results.gaps}
    assert set(reasons) == {cells[2]["cell_id"]}  # its second classifier has no real document to count
    assert "counts: real needs rows of real documents" in reasons[cells[2]["cell_id"]]


def test_families_without_losses_and_jobs_without_the_entry_say_so():
    made = small_world()
    absent, linear = made.cell(n_updates=20, loss="focal"), made.cell(classifier="linear", loss="focal")
    assert "'focal' is not in the job" in made.run([absent], **SMALL).gaps[0]["reason"]
    assert "not available for 'linear'" in made.run([linear], losses=ENTRIES).gaps[0]["reason"]


# ---- plan ----------------------------------------------------------------------------------


def test_a_new_loss_is_one_entry_and_a_name_in_the_design():
    recipes = {**RECIPES, "losses": {**ENTRIES, "my_focal": {"kind": "focal", "gamma": 1.0, "alpha": None}}}
    design = raw()
    design["blocks"] = [{"name": "rare", "arms": ["R0", "Rt"], "size": [64], "classifier": ["mlp", "linear", "setfit"],
                         "loss": ["bce", "my_focal", "asymmetric"]}]  # fmt: skip
    made = plan(design, recipes=recipes)
    by_classifier = {name: {c["loss"] for c in made.cells if c["classifier"] == name} for name in ("mlp", "linear")}
    assert by_classifier == {"mlp": {"bce", "my_focal", "asymmetric"}, "linear": {"bce"}}
    assert any("sgd and encoder and decoder recipes alone" in gap["reason"] for gap in made.record["not_planned"])
    job = next(j for j in made.jobs if j["stage"] == "training" and j["items"][0]["classifier"] == "mlp")
    assert job["settings"]["losses"]["my_focal"] == recipes["losses"]["my_focal"]
    assert set(made.record["protocol"]["losses"]) == {"my_focal", "asymmetric"}
    cell = small_world().cell(n_updates=10, loss="my_focal")
    assert not small_world().run([cell], losses=job["settings"]["losses"], **SMALL).gaps


def test_unknown_losses_and_the_key_of_the_losses_as_a_classifier_are_refused():
    design = raw()
    design["factors"]["loss"] = ["bce", "hinge"]
    with pytest.raises(ConfigError, match="unknown loss 'hinge'"):
        plan(design)
    design = raw()
    design["factors"]["classifier"] = ["losses"]
    with pytest.raises(ConfigError, match="unknown classifier 'losses'"):
        plan(design)
    assert all("losses" not in job["settings"] for job in plan(raw()).jobs)
