"""Oversampling, label-law matching and label shift: vectors, definitions, and the training sets made of them."""

import json
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volfid.core.labels import effective_size, imbalance_ratios, mean_imbalance
from volfid.curation import oversampling, reweighting, rows
from volfid.curation.resampled import copies_cut, copies_shifted, pseudo_labelled, synthetic_matched, synthetic_shifted
from volfid.curation.rows import Ingredients, Shortfall
from volfid.curation.trainsets import build_trainset

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "sampling.json").read_text(encoding="utf-8"))
IMBALANCE = GOLDEN["imbalance"]
LABELS = np.array(IMBALANCE["labels"])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_imbalance_ratios_and_their_mean_are_those_of_the_vector():
    counts = LABELS.sum(0)
    assert imbalance_ratios(counts).tolist() == IMBALANCE["IRLbl"]
    assert mean_imbalance(counts) == IMBALANCE["MeanIR"]
    minority = [k for k, r in enumerate(imbalance_ratios(counts)) if r > IMBALANCE["MeanIR"]]
    assert minority == IMBALANCE["minority_labels_IRLbl_gt_MeanIR"]


def test_a_label_without_a_document_has_no_part_in_the_mean_imbalance():
    assert mean_imbalance(np.array([8, 4, 0])) == 1.5
    assert mean_imbalance(np.array([0, 0])) is None
    assert not oversampling.ml_ros(np.zeros((3, 2)), 4, rng()).any()


def test_ml_ros_clones_only_documents_of_minority_labels_and_ends_when_they_are_none():
    minority = IMBALANCE["minority_labels_IRLbl_gt_MeanIR"]
    few = oversampling.ml_ros(LABELS, 2, rng())
    assert few.sum() == 2 and not few[~LABELS[:, minority].any(1)].any()
    many = oversampling.ml_ros(LABELS, 500, rng())
    assert many.sum() < 20  # it stops by itself
    after = imbalance_ratios(LABELS.sum(0) + many @ LABELS)
    assert (after[minority] <= IMBALANCE["MeanIR"]).all()


def test_ml_ros_takes_a_label_off_when_its_own_ratio_reaches_the_mean_of_the_start():
    labels = np.array([[1, 0, 0]] * 8 + [[1, 1, 0]] * 2 + [[0, 0, 1]])
    copies = oversampling.ml_ros(labels, 100, rng())  # IRLbl 1, 5, 10; mean 16/3: only the last is a minority
    counts = labels.sum(0) + copies @ labels
    assert copies[:10].sum() == 0 and copies[10] == 1 and counts[2] == 2  # 10 / 2 = 5 <= 16/3


def test_lp_ros_grows_rare_label_sets_to_the_mean_size_and_no_further():
    labels = np.array([[1, 0]] * 8 + [[0, 1]] * 2 + [[1, 1]] * 2)  # three sets, mean size 4
    copies = oversampling.lp_ros(labels, 100, rng())
    assert copies[:8].sum() == 0 and copies[8:10].sum() == 2 and copies[10:].sum() == 2
    assert oversampling.lp_ros(labels, 3, rng()).sum() == 3


def test_repeat_factors_are_those_of_the_vector():
    v = GOLDEN["repeat_factor"]
    label, document = oversampling.repeat_factors(LABELS, v["t"])
    assert label == pytest.approx(v["label"], abs=1e-9) and document == pytest.approx(v["document"], abs=1e-9)


def test_repeat_factor_copies_sum_to_what_was_asked_and_follow_the_factors():
    total = np.mean([oversampling.repeat_factor_copies(LABELS, 15, rng(seed)) for seed in range(300)], axis=0)
    assert total.sum() == pytest.approx(15)
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if oversampling.repeat_factors(LABELS, middle)[1].sum() < 25 else (low, middle)
    assert total == pytest.approx(oversampling.repeat_factors(LABELS, high)[1] - 1, abs=0.12)
    assert oversampling.repeat_factor_copies(np.zeros((3, 2)), 5, rng()).sum() == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 5), min_size=1, max_size=12), st.integers(0, 40), st.floats(0, 0.999))
def test_systematic_counts_have_the_exact_sum_and_are_within_one_of_their_share(weights, total, start):
    weights = np.array(weights) + 1e-3
    counts = oversampling.systematic_counts(weights, total, start)
    assert counts.sum() == total
    assert (np.abs(counts - total * weights / weights.sum()) < 1 + 1e-9).all()


def test_maximum_entropy_weights_are_those_of_the_vector():
    v = GOLDEN["max_entropy_weights"]
    pool = np.array(v["pool_label_vectors"], dtype=float)
    marginal = reweighting.maximum_entropy_weights(pool, np.array(v["target_marginals"]), penalty=1e-9)
    assert marginal == pytest.approx(v["weights_marginals_only"], abs=v["tolerance"])
    features = np.hstack([pool, pool[:, :1] * pool[:, 1:]])
    target = np.array([*v["target_marginals"], v["target_pair_12"]])
    pair = reweighting.maximum_entropy_weights(features, target, penalty=1e-9)
    assert pair == pytest.approx(v["weights_marginals_and_pair"], abs=v["tolerance"])
    assert pair.sum() == pytest.approx(1, abs=1e-12)


def test_matching_the_label_law_closes_the_gap_and_pays_with_effective_size():
    generator = rng(3)
    real = (generator.random((165, 8)) < np.linspace(0.4, 0.05, 8)).astype(int)
    pool = (generator.random((800, 8)) < 0.2).astype(int)
    found = reweighting.match_label_law(pool, real)
    before = np.abs(pool.mean(0) - real.mean(0)).max()
    assert found.weights.sum() == pytest.approx(1) and found.marginal_gap < 0.05 * before
    assert 100 < found.ess < 800
    same = reweighting.match_label_law(real, real)
    assert same.ess == pytest.approx(165, rel=1e-3) and same.marginal_gap < 1e-4


def test_a_tilt_of_dose_zero_is_uniform_and_larger_doses_move_the_law_further():
    labels = np.array([list(bits) for bits in product([0, 1], repeat=4)])
    direction = np.array([1.0, 0, 0, 0])
    shares = [reweighting.tilted_weights(labels, direction, dose) @ labels[:, 0] for dose in (0, 0.5, 1, 2)]
    assert shares[0] == pytest.approx(0.5) and shares == sorted(shares) and shares[-1] > 0.95
    assert reweighting.tilted_weights(labels, np.zeros(4), 2.0) == pytest.approx(np.full(16, 1 / 16))


REAL = [f"r{i}" for i in range(6)]
OF = {name: ["A"] if i < 4 else ["B"] for i, name in enumerate([*REAL, "x0", "x1"])}
POOL = [
    {"doc_id": f"s{i}", "labels": ["A"] if i < 3 else ["B"], "parent_doc_id": None, "source_doc_ids": ["x0"]}
    for i in range(9)
]
MADE_OF = Ingredients(REAL, [*REAL, "x0", "x1"], OF, POOL)


def planned(text: str, law: str, added: int, dose: float | None = None) -> dict:
    return {"trainset_id": "t", "text": text, "label_law": law, "rows_added": added, "dose": dose, "real_share": None}


def counted(rows: list[dict], source: str) -> Counter:
    found: Counter = Counter()
    for row in rows:
        if row["source"] == source:
            found[row["doc_id"]] += row["multiplicity"]
    return found


def test_a_matched_set_has_the_real_label_law_and_its_copies_the_same_effective_size():
    matched = synthetic_matched(MADE_OF, planned("synthetic", "matched", 30), rng())
    added = counted(matched, "synthetic")
    share_a = sum(n for name, n in added.items() if int(name[1:]) < 3) / 30
    assert sum(added.values()) == 30 and share_a == pytest.approx(4 / 6, abs=0.05)
    size = effective_size(np.array(list(added.values())))
    cut = counted(copies_cut(MADE_OF, planned("copies_cut", "real", 30), rng(9)), "copy")
    assert sum(cut.values()) == 30 and len(cut) == min(6, round(size))


def test_the_weights_of_a_matched_set_and_of_its_partner_are_solved_once(monkeypatch):
    solved = []
    monkeypatch.setattr(rows, "match_label_law", lambda *args: solved.append(1) or reweighting.match_label_law(*args))
    made_of = replace(MADE_OF)
    for build, text, law in ((synthetic_matched, "synthetic", "matched"), (copies_cut, "copies_cut", "real")):
        for added in (10, 30):
            build(made_of, planned(text, law, added), rng())
    assert len(solved) == 1


def test_shifted_sets_of_both_texts_move_along_the_same_direction_and_dose_zero_moves_none():
    for seed in range(5):
        moved = []
        for build, text, source in (
            (copies_shifted, "copies_balanced", "copy"),
            (synthetic_shifted, "synthetic", "synthetic"),
        ):
            share = {}
            for dose in (0.0, 3.0):
                rows = build(MADE_OF, planned(text, "shifted", 60, dose), rng(seed))
                added = [row for row in rows if row["source"] == source]
                assert sum(row["multiplicity"] for row in added) == 60
                share[dose] = sum(row["multiplicity"] for row in added if row["labels"] == ["A"]) / 60
            assert share[0.0] == pytest.approx(4 / 6 if source == "copy" else 3 / 9, abs=0.02)
            moved.append(np.sign(share[3.0] - share[0.0]))
        assert moved[0] == moved[1] != 0


def test_text_without_labels_holds_no_label_of_the_further_documents():
    rows = pseudo_labelled(MADE_OF, planned("pseudo_labelled", "real", 2), rng())
    hidden = [row for row in rows if row["source"] == "unlabelled"]
    assert [row["doc_id"] for row in hidden] == ["x0", "x1"] and all(row["labels"] == [] for row in hidden)
    with pytest.raises(Shortfall):
        pseudo_labelled(MADE_OF, planned("pseudo_labelled", "real", 3), rng())


def test_an_oversampler_that_ends_early_is_a_shortfall_that_says_how_far_it_came():
    with pytest.raises(Shortfall) as short:
        build_trainset(planned("copies_ml_ros", "real", 50), MADE_OF, rng())
    assert short.value.got < 50 and "balanced the labels" in short.value.reason
