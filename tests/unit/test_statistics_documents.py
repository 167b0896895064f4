"""Paired tests over test documents, against golden numbers, scipy and a plain loop."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import statistics_world as world
from scipy import stats
from sklearn.metrics import f1_score
from test_statistics_effects import run

from volfid.core.exits import DataError
from volfid.core.schemas import CONTRACTS
from volfid.statistics import documents
from volfid.statistics.collect import unite_counts
from volfid.statistics.document_effects import read_counts
from volfid.statistics.documents import Systems, paired_bootstrap, randomisation, weights_from_indices
from volfid.statistics.estimate import estimate

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "stats.json").read_text(encoding="utf-8"))["paired_microf1"]


def golden_systems() -> tuple[Systems, Systems]:
    sides = [np.array(GOLDEN[f"tp_fp_fn_{name}"]) for name in "AB"]
    return tuple(Systems(side[None, :, 0], side[None, :, 1:].sum(axis=2)) for side in sides)


def made_systems(rng: np.random.Generator, count: int, size: int, quality: float) -> Systems:
    tp = rng.binomial(3, quality, size=(count, size))
    return Systems(tp, rng.binomial(4, 1 - quality, size=(count, size)))


# ---- the golden numbers -------------------------------------------------------------------


def test_given_the_golden_indices_both_intervals_are_the_golden_ones():
    first, second = golden_systems()
    expected = GOLDEN["bootstrap"]
    indices = np.random.default_rng(12345).integers(0, 10, size=(10000, 10))
    assert indices[0].tolist() == expected["first_row"] and "12345" in expected["rng"]
    found = paired_bootstrap(first, second, weights_from_indices(indices, 10))
    totals = [documents.micro_f1(s.tp.sum(1), s.errors.sum(1))[0] for s in (first, second)]
    assert totals == pytest.approx([GOLDEN["f1_A"], GOLDEN["f1_B"]], abs=1e-15)
    assert found.delta == pytest.approx(GOLDEN["delta"], abs=1e-15)
    assert found.percentile == pytest.approx(expected["percentile95"], abs=1e-14)
    assert found.bca == pytest.approx(expected["bca95"], abs=1e-14)
    assert found.acceleration == pytest.approx(expected["bca_a"], abs=1e-14)
    assert found.z0 == pytest.approx(expected["bca_z0"], abs=1e-14)
    assert found.se == pytest.approx(expected["se"], abs=1e-14)
    assert found.p == pytest.approx(expected["p_two_sided_shifted"], abs=1e-15)


def test_all_swaps_of_ten_documents_give_the_golden_p():
    found = randomisation(*golden_systems())
    assert found.exact and found.p == GOLDEN["exact_p_two_sided"] and found.p_greater == GOLDEN["exact_p_greater"]
    # documents on which both systems agree double the arrangements and leave p as it is
    same = sum(a == b for a, b in zip(GOLDEN["tp_fp_fn_A"], GOLDEN["tp_fp_fn_B"], strict=True))
    assert found.arrangements << same == GOLDEN["exact_swap_permutations"]


def test_drawn_swaps_agree_with_all_of_them_and_never_give_zero():
    rng = np.random.default_rng(1)
    first, second = made_systems(rng, 1, 18, 0.7), made_systems(rng, 1, 18, 0.4)
    exact = randomisation(first, second)
    wide = [Systems(np.hstack([s.tp, np.ones((1, 3), int)]), np.hstack([s.errors, np.zeros((1, 3), int)]))
            for s in (first, second)]  # fmt: skip
    with pytest.raises(ValueError, match="cannot be enumerated"):
        randomisation(*wide)
    swaps = (rng.random((20000, 21)) < 0.5).astype(np.float32)
    drawn = randomisation(*wide, swaps)
    assert exact.exact and not drawn.exact and "(1+#" in GOLDEN["monte_carlo_p_rule"]
    assert drawn.p >= 1 / 20001
    # three further documents on which both agree change the F1 of both, not which one made the prediction
    brute = brute_force_p(*wide)
    assert abs(drawn.p - brute) < 5 * math.sqrt(brute * (1 - brute) / 20000) + 1e-4


def brute_force_p(first: Systems, second: Systems) -> float:
    swaps = documents.all_swaps(18).astype(bool)

    def f1(tp, errors):
        return 2 * tp / (2 * tp + errors)

    a, b = (np.stack([s.tp[0], s.errors[0]]) for s in (first, second))
    mask = np.hstack([swaps, np.zeros((len(swaps), a.shape[1] - 18), bool)])
    one = np.where(mask[:, None, :], b[None], a[None]).sum(axis=2)
    other = np.where(mask[:, None, :], a[None], b[None]).sum(axis=2)
    values = f1(*one.T) - f1(*other.T)
    return float(np.mean(np.abs(values) >= abs(values[0]) - 1e-12))


# ---- against other implementations --------------------------------------------------------


def test_micro_f1_of_a_resample_is_that_of_scikit_learn_on_the_repeated_documents():
    rng = np.random.default_rng(2)
    truth, predicted = rng.random((40, 9)) < 0.3, rng.random((40, 9)) < 0.3
    systems = Systems((truth & predicted).sum(1)[None], (truth ^ predicted).sum(1)[None])
    indices = rng.integers(0, 40, size=(20, 40))
    found = documents.resampled_f1(systems, weights_from_indices(indices, 40))[:, 0]
    expected = [f1_score(truth[row], predicted[row], average="micro") for row in indices]
    assert found == pytest.approx(expected, abs=1e-14)
    left = documents.left_out_f1(systems)[:, 0]
    keep = ~np.eye(40, dtype=bool)
    assert left == pytest.approx([f1_score(truth[k], predicted[k], average="micro") for k in keep], abs=1e-14)


def test_bca_agrees_with_scipy_to_monte_carlo_error():
    rng = np.random.default_rng(3)
    first, second = made_systems(rng, 1, 60, 0.6), made_systems(rng, 1, 60, 0.5)

    def statistic(tp_a, err_a, tp_b, err_b, axis=-1):
        return documents.micro_f1(tp_a.sum(axis), err_a.sum(axis)) - documents.micro_f1(tp_b.sum(axis), err_b.sum(axis))

    data = (first.tp[0], first.errors[0], second.tp[0], second.errors[0])
    theirs = stats.bootstrap(
        data, statistic, paired=True, vectorized=True, n_resamples=20000, rng=np.random.default_rng(4)
    )
    ours = paired_bootstrap(first, second, documents.resampling_weights(60, 20000, rng))
    assert ours.bca == pytest.approx(tuple(theirs.confidence_interval), abs=0.05 * 2 * ours.se)
    assert ours.se == pytest.approx(theirs.standard_error, rel=0.03)


def test_large_counts_do_not_lose_digits():
    systems = Systems(np.full((1, 50), 400_001), np.full((1, 50), 300_001))
    found = documents.resampled_f1(systems, np.full((1, 50), 1.0, dtype=np.float32))
    assert found[0, 0] == pytest.approx(800_002 / 1_100_003, abs=1e-15)


# ---- properties ---------------------------------------------------------------------------


def test_the_order_of_documents_and_the_side_of_the_difference_change_nothing_else():
    rng = np.random.default_rng(5)
    first, second = made_systems(rng, 3, 30, 0.6), made_systems(rng, 3, 30, 0.5)
    weights = documents.resampling_weights(30, 500, rng)
    order = rng.permutation(30)
    found = paired_bootstrap(first, second, weights)
    moved = [Systems(s.tp[:, order], s.errors[:, order]) for s in (first, second)]
    again = paired_bootstrap(*moved, weights[:, order])
    assert again.values == pytest.approx(found.values) and again.bca == pytest.approx(found.bca)
    other = paired_bootstrap(second, first, weights)
    assert other.delta == pytest.approx(-found.delta, abs=1e-12)
    assert other.percentile == pytest.approx((-found.percentile[1], -found.percentile[0]), abs=1e-12)


def test_several_draws_are_averaged_on_the_same_documents():
    rng = np.random.default_rng(6)
    first, second = made_systems(rng, 4, 50, 0.6), made_systems(rng, 4, 50, 0.5)
    weights = documents.resampling_weights(50, 300, rng)
    found = paired_bootstrap(first, second, weights)
    each = [
        paired_bootstrap(*(Systems(s.tp[[d]], s.errors[[d]]) for s in (first, second)), weights) for d in range(4)
    ]  # fmt: skip
    assert found.values == pytest.approx(np.mean([e.values for e in each], axis=0))
    assert found.delta == pytest.approx(np.mean([e.delta for e in each]))


def test_the_hierarchical_interval_is_wider_when_draws_differ_and_equal_when_they_do_not():
    rng = np.random.default_rng(7)
    base = rng.normal(0.02, 0.01, size=(4000, 1))
    same, apart = np.repeat(base, 5, axis=1), base + np.array([-0.06, -0.03, 0.0, 0.03, 0.06])
    narrow = documents.hierarchical_interval(same, range(5), np.random.default_rng(1))
    wide = documents.hierarchical_interval(apart, range(5), np.random.default_rng(1))
    assert narrow == pytest.approx(tuple(np.quantile(base, [0.025, 0.975])))
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])
    repeated = documents.hierarchical_interval(
        np.repeat(apart, 2, axis=1), np.repeat(range(5), 2), np.random.default_rng(1)
    )
    assert repeated == pytest.approx(wide)


def test_systems_that_agree_everywhere_have_no_difference_and_p_one():
    first, _ = golden_systems()
    found = paired_bootstrap(first, first, weights_from_indices(np.arange(10)[None, :].repeat(20, 0), 10))
    assert found.delta == 0 and found.percentile == (0, 0) and found.bca is None
    assert randomisation(first, first).p == 1


def test_the_interval_over_documents_covers_and_the_swap_test_keeps_its_level():
    times, rng = 300, np.random.default_rng(8)
    covered = rejected = 0
    for _ in range(times):
        first, second = made_systems(rng, 1, 80, 0.5), made_systems(rng, 1, 80, 0.5)
        weights = documents.resampling_weights(80, 600, rng)
        low, high = paired_bootstrap(first, second, weights).bca
        covered += low <= 0 <= high
        swaps = (rng.random((400, 80)) < 0.5).astype(np.float32)
        rejected += randomisation(first, second, swaps).p <= 0.05
    error = 4 * math.sqrt(0.05 * 0.95 / times)
    assert abs(covered / times - 0.95) < error and rejected / times < 0.05 + error


# ---- in a run -----------------------------------------------------------------------------


def counted(cells, size=40, labels=6, quality=None, seed=9):
    """Counts of every cell: the arm decides how often a label is right; documents share their truth."""
    rng = np.random.default_rng(seed)
    truth = rng.random((size, labels)) < 0.4
    rows = []
    for cell in cells:
        right = (quality or {}).get(cell["arm"], 0.7)
        for policy in ("tuned", "fixed_0.5", "cardinality"):
            predicted = np.where(rng.random(truth.shape) < right, truth, ~truth)
            parts = {"tp": truth & predicted, "fp": ~truth & predicted, "fn": truth & ~predicted}
            rows.append({"cell_id": cell["cell_id"], "threshold": policy,
                         **{k: v.sum(1).tolist() for k, v in parts.items()}})  # fmt: skip
    return rows


def as_table(rows):
    return pa.Table.from_pylist(rows, schema=CONTRACTS["counts"].arrow_schema())


def run_with(cells, rows, scores=None):
    return estimate(
        cells=cells, scores=world.make_scores(cells) if scores is None else scores, fidelity=[], retrieval=[],
        plan=world.PLAN, corpus=world.CORPUS, status=world.STATUS, counts=as_table(rows),
    )  # fmt: skip


def pick(results, contrast, name="document_bootstrap", policy="tuned"):
    rows = [r for r in results.effects if (r["effect"], r["contrast"], r["threshold"]) == (name, contrast, policy)]
    assert len(rows) == 1
    return rows[0]


@pytest.fixture(scope="module")
def made():
    cells = world.make_cells(draws=4, methods=("full_synthesis",))
    rows = counted(cells, quality={"S": 0.85, "C": 0.85, "St": 0.8})
    return cells, rows, run_with(cells, rows)


def test_every_contrast_is_tested_over_documents_under_every_threshold(made):
    _, _, results = made
    CONTRACTS["effects"].check(results.effects, "effects")
    plain = [r for r in results.effects if r["effect"] == "document_bootstrap"]
    assert {r["contrast"] for r in plain} == {"St - Rt", "S - Pd", "S - R1", "Pd - R1", "C - Pp"} and len(plain) == 15
    for row in plain:
        assert (row["n"], row["unit"]) == (40, "documents") and row["ci_low"] <= row["estimate"] <= row["ci_high"]
        assert "4 draws as trained" in row["note"] and row["interval"].startswith("BCa")
    assert pick(made[2], "S - R1")["verdict"] == "positive" and pick(made[2], "S - R1")["p"] < 0.01
    assert pick(made[2], "Pd - R1")["verdict"] == "cannot decide"


def test_the_estimate_is_the_mean_over_draws_of_the_difference_of_micro_f1(made):
    cells, rows, results = made
    by_key = {(r["cell_id"], r["threshold"]): r for r in rows}

    def f1(arm, draw):
        cell = next(c for c in cells if (c["arm"], c["draw"], c["regime"], c["real_share"]) == (arm, draw, 100, None)
                    and c["classifier"] == "mlp")  # fmt: skip
        row = by_key[cell["cell_id"], "tuned"]
        tp, errors = sum(row["tp"]), sum(row["fp"]) + sum(row["fn"])
        return 2 * tp / (2 * tp + errors)

    expected = np.mean([f1("S", d) - f1("Pd", d) for d in range(4)])
    assert pick(results, "S - Pd")["estimate"] == pytest.approx(expected, abs=1e-12)


def test_the_hierarchical_interval_stands_beside_as_a_value_without_a_verdict(made):
    row = pick(made[2], "S - R1", "document_bootstrap_hierarchical")
    assert row["verdict"] == "value" and row["p"] is None and row["unit"] == "draws, then documents"
    assert row["ci_low"] < row["estimate"] < row["ci_high"] and "less than 95 %" in row["note"]


def test_the_order_of_counts_and_cells_changes_nothing(made):
    cells, rows, results = made
    rng = np.random.default_rng(10)
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    assert (
        run_with([cells[i] for i in rng.permutation(len(cells))], shuffled, world.make_scores(cells)).effects
        == results.effects
    )


def test_arms_without_counts_give_a_reason_and_no_counts_no_rows(made):
    cells, rows, _ = made
    gone = {c["cell_id"] for c in cells if c["arm"] == "St"}
    row = pick(run_with(cells, [r for r in rows if r["cell_id"] not in gone]), "St - Rt")
    assert row["estimate"] is None and row["verdict"] == "undefined" and "counts by document" in row["note"]
    names = {r["effect"] for r in run(cells, world.make_scores(cells)).effects}
    assert "document_bootstrap" not in names


def test_one_draw_has_an_interval_over_documents_but_none_over_draws():
    cells = world.make_cells(draws=1, methods=("full_synthesis",))
    results = run_with(cells, counted(cells))
    assert pick(results, "S - R1")["ci_low"] is not None
    row = pick(results, "S - R1", "document_bootstrap_hierarchical")
    assert row["estimate"] is None and "one draw" in row["note"]


@pytest.mark.parametrize("size", [0, 1])
def test_without_two_documents_nothing_is_resampled(size):
    cells = [world.make_cell(arm, draw) for arm in ("S", "R1") for draw in range(2)]
    for name in ("document_bootstrap", "document_bootstrap_hierarchical"):
        row = pick(run_with(cells, counted(cells, size=size)), "S - R1", name)
        assert row["estimate"] is None and row["n"] == size and "at least 2 are needed" in row["note"]


@pytest.mark.parametrize("size", [2, 3])
def test_documents_without_labels_or_predictions_have_no_f1_and_say_so(size):
    cells = [world.make_cell(arm, draw) for arm in ("S", "R1") for draw in range(2)]
    rows = [{"cell_id": c["cell_id"], "threshold": "tuned", "tp": [0] * size, "fp": [0] * size, "fn": [0] * size}
            for c in cells]  # fmt: skip
    row = pick(run_with(cells, rows), "S - R1")
    assert row["estimate"] is None and "undefined on these" in row["note"]


def test_training_repetitions_are_averaged_within_their_draw():
    cells = [world.make_cell(arm, d, seed=s) for arm in ("S", "R1") for d, s in ((0, 0), (0, 1), (1, 0))]
    rows = counted(cells)
    row = pick(run_with(cells, rows), "S - R1")
    found = {(r["cell_id"], r["threshold"]): r for r in rows}

    def f1(arm, d, s):
        cell = next(c for c in cells if (c["arm"], c["draw"], c["training_seed"]) == (arm, d, s))
        r = found[cell["cell_id"], "tuned"]
        return 2 * sum(r["tp"]) / (2 * sum(r["tp"]) + sum(r["fp"]) + sum(r["fn"]))

    gap = {key: f1("S", *key) - f1("R1", *key) for key in ((0, 0), (0, 1), (1, 0))}
    assert row["estimate"] == pytest.approx(((gap[0, 0] + gap[0, 1]) / 2 + gap[1, 0]) / 2)


# ---- the contract -------------------------------------------------------------------------


def test_counts_of_all_parts_are_united_in_key_order_whatever_the_order_of_parts(made):
    cells, rows, _ = made
    parts = [as_table(rows[:7]), as_table(rows[7:])]
    one, other = unite_counts(parts, cells), unite_counts(parts[::-1], cells)
    assert {k: v.to_pylist() for k, v in one.items()} == {k: v.to_pylist() for k, v in other.items()}
    keys = list(zip(one["cell_id"].to_pylist(), one["threshold"].to_pylist(), strict=True))
    assert keys == sorted(keys) and len(keys) == len(rows)
    assert unite_counts([], cells) == {name: [] for name in ("cell_id", "threshold", "tp", "fp", "fn")}


def test_counts_of_another_plan_twice_or_of_other_documents_are_refused(made):
    cells, rows, _ = made
    with pytest.raises(DataError, match="not a planned cell"):
        unite_counts([as_table(rows)], cells[1:])
    with pytest.raises(DataError, match="repeats the key"):
        unite_counts([as_table(rows), as_table(rows[:1])], cells)
    short = {**rows[0], "tp": [1], "fp": [0], "fn": [0]}
    with pytest.raises(DataError, match="with 1 and with 40 test documents"):
        unite_counts([as_table([short, *rows[1:]])], cells)
    with pytest.raises(DataError, match="lists of 1 and of 40"):
        read_counts(as_table([short, *rows[1:]]))


@pytest.mark.parametrize("size", [1, 7, 2000, 65_536, 70_000])
def test_resampled_documents_are_uniform_whatever_their_number(size):
    times = max(4, 200_000 // size)
    found = documents.resampled_indices(size, times, np.random.default_rng(size))
    assert found.shape == (times, size) and found.min() >= 0 and found.max() < size
    counts = np.bincount(found.ravel().astype(np.int64), minlength=size)
    excess = ((counts - times) ** 2 / times).sum()  # chi-squared with size - 1 degrees of freedom
    assert abs(excess - (size - 1)) <= 5 * np.sqrt(2 * size)


def test_gathering_equals_weighting_also_where_the_counts_do_not_fit_into_one_integer():
    rng = np.random.default_rng(5)
    for systems, largest in ((1, 6), (2, 6), (6, 40), (2, 10**6)):
        tp, errors = (rng.integers(0, largest, (systems, 90)) for _ in range(2))
        indices = documents.resampled_indices(90, 50, rng)
        one = Systems(tp, errors)
        weighted = documents.resampled_f1(one, documents.weights_from_indices(indices, 90))
        assert np.array_equal(documents.gathered_f1(one, indices), weighted)
