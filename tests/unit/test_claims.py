"""Claims: a verdict each, and never a verdict that the run cannot carry."""

from pathlib import Path

import pytest
import statistics_world as world
from test_collect import command
from test_statistics_effects import run

from volfid.core.exits import ConfigError
from volfid.core.schemas import CONTRACTS
from volfid.statistics.claims import check_claims, read_claims, select
from volfid.statistics.rules import RULES

CLAIMS = Path(__file__).parents[2] / "params" / "claims.yaml"
BLOCKS = {"headline", "volume", "attribution", "correlation", "mixture", "retrieval", "curve", "floors", "precision"}
VERDICTS = ("reproduced", "deviates", "cannot decide", "inconsistent as stated", "not run")


def effect(name="e", **over):
    """A row of effects.parquet."""
    row = {
        "effect": name, "estimand": "3", "contrast": "A - B", "regime": 100, "added": 60, "generator": "g",
        "method": "full_synthesis", "classifier": "mlp", "metric": "f1_micro", "threshold": "fixed_0.5",
        "estimate": 0.1, "ci_low": 0.05, "ci_high": 0.15, "level": 0.95, "p": 0.01, "p_adjusted": 0.01, "n": 5,
        "unit": "draws", "interval": "t", "verdict": "positive", "note": None, "corpus": "made",
    }  # fmt: skip
    return {**row, **over}


def judged(check, rows, **claim):
    spec = {"C1": {"text": "t", "tier": "demo", "blocks": ["headline"], "checks": [check], **claim}}
    return check_claims(spec, rows, [], stamped=False, missing=0)[0]


@pytest.fixture(scope="module")
def full():
    cells = world.make_cells()
    return run(cells, world.make_scores(cells))


def verdicts(results, stamped=False, missing=0):
    rows = check_claims(read_claims(CLAIMS), results.effects, results.correlations, stamped, missing)
    CONTRACTS["claims"].check(rows, "claims")
    return {row["claim"]: row for row in rows}


def test_all_eleven_claims_have_text_tier_published_value_and_known_blocks():
    claims = read_claims(CLAIMS)
    assert list(claims) == [f"C{i}" for i in range(1, 12)]
    for claim in claims.values():
        assert claim["text"] and claim["published"] and claim["tier"] in ("any", "demo", "reduced", "paper")
        assert claim["blocks"] and set(claim["blocks"]) <= BLOCKS


def test_every_claim_gets_a_verdict_and_numbers(full):
    found = verdicts(full)
    assert set(found) == set(read_claims(CLAIMS))
    assert all(row["verdict"] in VERDICTS and row["why"] for row in found.values())


def test_claims_about_models_that_were_not_run_are_not_run(full):
    found = verdicts(full)
    for claim, word in (("C1", "BERT-for-Patents"), ("C3", "focal"), ("C11", "ModernBERT"), ("C9", "1 generators")):
        assert found[claim]["verdict"] == "not run" and word in found[claim]["why"]
    assert "+0.138" in found["C1"]["here"]


def test_an_effect_of_one_draw_beside_others_decides_nothing_and_is_told():
    alone = effect(classifier="encoder", n=1, ci_low=None, ci_high=None, verdict="cannot decide")
    check = {"effect": "e", "rule": "positive"}
    found = judged(check, [effect(), alone])
    assert found["verdict"] == "reproduced" and "1 of one draw left out" in found["why"]
    assert judged(check, [alone])["verdict"] == "cannot decide"


def test_a_claim_about_an_encoder_is_judged_by_that_classifier_alone():
    claims = {"C1": read_claims(CLAIMS)["C1"]}
    rows = [effect("paper_total", classifier="bert_for_patents", estimate=0.58, ci_low=0.57, ci_high=0.59),
            effect("paper_total", estimate=0.1)]  # fmt: skip
    (found,) = check_claims(claims, rows, [], stamped=False, missing=0)
    assert found["verdict"] == "reproduced"


def test_the_printed_interval_of_c4_is_inconsistent_and_the_recomputation_is_shown(full):
    found = verdicts(full)["C4"]
    assert found["verdict"] == "inconsistent as stated"
    for number in ("13.99", "n = 14", "6.474", "1.68", "[1.262, 1.862]", "[0.958, 0.998]", "[0.96, 1.00]"):
        assert number in found["why"]


def test_a_consistent_print_is_judged_by_the_signs_of_this_run():
    printed = {"r1": 0.95, "r2": -0.73, "z": 6.47, "n": 14, "ci": [1.26, 1.86]}
    flip = {"fidelity_metric": "mmd2_label_parent", "outcome": "score", "scope": "all"}
    claim = {"C4": {"text": "t", "tier": "any", "blocks": ["correlation"], "printed": printed, "sign_flip": flip}}

    def row(regime, r, low, high):
        return {**flip, "regime": regime, "classifier": "mlp", "r": r, "ci_low": low, "ci_high": high}

    cases = (
        ([row(100, 0.9, 0.6, 0.97), row(300, -0.8, -0.9, -0.3)], "reproduced"),
        ([row(100, -0.9, -0.97, -0.6), row(300, -0.8, -0.9, -0.3)], "deviates"),
        ([row(100, 0.5, -0.1, 0.8), row(300, -0.8, -0.9, -0.3)], "cannot decide"),
        ([row(100, 0.9, 0.6, 0.97)], "not run"),
    )
    for correlations, verdict in cases:
        assert check_claims(claim, [], correlations, stamped=False, missing=0)[0]["verdict"] == verdict


def test_a_truth_that_matches_the_claim_is_reproduced_and_one_that_does_not_deviates(full):
    found = verdicts(full)
    assert found["C2"]["verdict"] == "reproduced"  # volume is .10 of .14
    assert found["C5"]["verdict"] == "reproduced"  # the made mixture peaks at .3
    assert found["C7"]["verdict"] == "reproduced"
    assert found["C8"]["verdict"] == "deviates"  # content is .04, more than .03


def test_a_world_where_text_does_the_work_makes_the_volume_claim_deviate(monkeypatch):
    monkeypatch.setattr(world, "UPDATES", 0.02)
    monkeypatch.setattr(world, "TEXT", 0.2)
    cells = world.make_cells()
    assert verdicts(run(cells, world.make_scores(cells)))["C2"]["verdict"] == "deviates"


def test_noise_makes_claims_undecided_and_not_false():
    cells = world.make_cells(draws=3)
    found = verdicts(run(cells, world.make_scores(cells, noise=0.5, seed=4)))
    assert found["C2"]["verdict"] == "cannot decide" and found["C8"]["verdict"] == "cannot decide"


def test_one_method_cannot_show_that_two_are_alike():
    cells = world.make_cells(methods=("paraphrase",))
    found = verdicts(run(cells, world.make_scores(cells)))
    assert found["C7"]["verdict"] == "not run" and "one method" in found["C7"]["why"]


def test_a_fixture_is_never_evidence_for_a_fresh_data_set(full):
    assert "made for trying" in verdicts(full, stamped=True)["C8"]["why"]
    assert verdicts(full, stamped=True)["C8"]["verdict"] == "not run"


def test_missing_cells_are_told_beside_the_verdict(full):
    assert "3 planned cells are missing" in verdicts(full, missing=3)["C2"]["why"]


def test_an_empty_run_decides_nothing():
    found = verdicts(run([], []))
    assert {row["verdict"] for name, row in found.items() if name != "C4"} == {"not run"}
    assert found["C4"]["verdict"] == "inconsistent as stated"


def test_a_turn_that_the_generators_do_not_bear_out_is_not_reproduced():
    printed = {"r1": 0.95, "r2": -0.73, "z": 6.47, "n": 14, "ci": [1.26, 1.86]}
    flip = {"fidelity_metric": "mmd2_label_parent", "outcome": "score", "scope": "all", "metric": "f1_micro",
            "threshold": "fixed_0.5"}  # fmt: skip
    claim = {"C4": {"text": "t", "tier": "any", "blocks": ["correlation"], "printed": printed, "sign_flip": flip}}
    correlations = [
        {**flip, "regime": n, "classifier": "mlp", "r": r, "ci_low": r - 0.2, "ci_high": r + 0.2}
        for n, r in ((100, 0.7), (300, -0.7))
    ]

    def rows(low, high, verdict):
        place = {"metric": "f1_micro", "threshold": "fixed_0.5", "classifier": "mlp", "generator": None,
                 "contrast": "r(n=100) - r(n=300): mmd2_label_parent, score, without controls", "n": 6}  # fmt: skip
        bootstrap = {"effect": "delta_r_cluster", "estimate": 1.4, "ci_low": low, "ci_high": high, "p": None}
        swap = {"effect": "regime_swap", "estimate": 1.4, "ci_low": None, "ci_high": None, "p": 0.03125}
        return [{**place, **bootstrap, "verdict": verdict}, {**place, **swap, "verdict": "value"}]

    for effects, verdict in (
        (rows(0.9, 1.8, "positive"), "reproduced"),
        (rows(-0.2, 1.8, "cannot decide"), "cannot decide"),
        (rows(-1.8, -0.2, "negative"), "deviates"),
        (rows(None, None, "cannot decide"), "reproduced"),  # three generators: no interval, no vote
        ([], "reproduced"),
    ):
        found = check_claims(claim, effects, correlations, stamped=False, missing=0)[0]
        assert found["verdict"] == verdict
    assert "over 6 generators, regime swap p 0.031" in check_claims(
        claim, rows(0.9, 1.8, "positive"), correlations, stamped=False, missing=0
    )[0]["why"]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "row", "verdict"),
    [
        ({"rule": "at_least", "value": 0.04}, {}, "reproduced"),
        ({"rule": "at_least", "value": 0.10}, {}, "cannot decide"),
        ({"rule": "at_least", "value": 0.20}, {}, "deviates"),
        ({"rule": "at_least", "value": 0.04}, {"ci_low": None, "ci_high": None}, "cannot decide"),
        ({"rule": "at_most", "value": 0.2}, {}, "reproduced"),
        ({"rule": "at_most", "value": 0.04}, {}, "deviates"),
        ({"rule": "near", "value": 0.11, "tolerance": 0.02}, {}, "reproduced"),
        ({"rule": "near", "value": 0.14, "tolerance": 0.02}, {}, "cannot decide"),
        ({"rule": "near", "value": 0.24, "tolerance": 0.02}, {}, "deviates"),
        ({"rule": "positive"}, {}, "reproduced"),
        ({"rule": "negative"}, {}, "deviates"),
        ({"rule": "positive"}, {"verdict": "cannot decide"}, "cannot decide"),
        ({"rule": "positive"}, {"verdict": "undefined", "estimate": None}, "cannot decide"),
        ({"rule": "equivalent", "tolerance": 0.15}, {}, "reproduced"),
        ({"rule": "equivalent", "tolerance": 0.12}, {}, "cannot decide"),
        ({"rule": "equivalent", "tolerance": 0.03}, {}, "deviates"),
        ({"rule": "frequency", "value": 0.8}, {"estimate": 0.9}, "reproduced"),
        ({"rule": "frequency", "value": 0.8}, {"estimate": 0.5}, "cannot decide"),
        ({"rule": "frequency", "value": 0.8}, {"estimate": 0.1}, "deviates"),
        ({"rule": "frequency", "value": 0.8}, {"estimate": 0.9, "n": 1}, "cannot decide"),
    ],
)
def test_rules_reproduce_deviate_or_cannot_decide(rule, row, verdict):
    assert judged({"effect": "e", **rule}, [effect(**row)])["verdict"] == verdict


def test_the_equivalence_rule_uses_the_ninety_percent_interval():
    half = 0.05
    narrow = half * 2.131847 / 2.776445
    row = effect(estimate=0.0, ci_low=-half, ci_high=half, verdict="cannot decide")
    for tolerance, verdict in ((narrow + 1e-5, "reproduced"), (narrow - 1e-5, "cannot decide")):
        assert judged({"effect": "e", "rule": "equivalent", "tolerance": tolerance}, [row])["verdict"] == verdict


@pytest.mark.parametrize(
    ("sides", "verdict"),
    [(("positive", "positive"), "reproduced"), (("positive", "negative"), "deviates"),
     (("positive", "cannot decide"), "cannot decide"), (("undefined", "positive"), "cannot decide")],
)  # fmt: skip
def test_methods_are_alike_when_they_fall_on_the_same_side(sides, verdict):
    rows = [effect(method=m, verdict=v) for m, v in zip(("full_synthesis", "paraphrase"), sides, strict=True)]
    assert judged({"effect": "e", "rule": "same_side"}, rows)["verdict"] == verdict


@pytest.mark.parametrize(("low", "verdict"), [(0.0, "reproduced"), (0.08, "cannot decide"), (0.3, "deviates")])
def test_paraphrase_is_lower_when_the_intervals_do_not_overlap(low, verdict):
    rows = [effect(), effect(method="paraphrase", ci_low=low - 0.02, ci_high=low + 0.02)]
    assert judged({"effect": "e", "rule": "lower"}, rows)["verdict"] == verdict


def test_a_claim_holds_only_when_it_holds_in_every_context():
    rows = [effect(), effect(generator="other", verdict="negative"), effect(generator="third", verdict="cannot decide")]
    found = judged({"effect": "e", "rule": "positive"}, rows)
    assert found["verdict"] == "deviates"
    assert "reproduced in 1, deviates in 1, cannot decide in 1 of 3" in found["why"]


def test_filters_choose_the_papers_metric_unless_told_otherwise_and_the_smallest_regime():
    rows = [effect(), effect(metric="ap_micro", threshold="none"), effect(regime=300)]
    assert select({"effect": "e"}, rows) == [rows[0], rows[2]]
    assert select({"effect": "e", "regime": "smallest"}, rows) == [rows[0]]
    assert select({"effect": "e", "regime": "largest"}, rows) == [rows[2]]
    assert select({"effect": "e", "metric": "ap_micro", "threshold": "none"}, rows) == [rows[1]]


@pytest.mark.parametrize(
    "text",
    [
        "- a",
        "claims: []",
        "claims: {",
        "claims: {C1: {text: t}}",
        "claims: {C1: {text: t, tier: d, blocks: [], checks: [{rule: odd}]}}",
        "claims: {X: {text: t, tier: d, blocks: [], checks: []}}",
        "claims: {C1: {text: t, tier: d, blocks: [], checks: [], x: 1}}",
    ],
)
def test_a_claims_file_that_means_nothing_is_refused(text, tmp_path):
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        read_claims(path)


def test_every_effect_that_a_claim_names_is_one_that_the_statistics_can_make(full):
    made = {row["effect"] for row in full.effects}
    later = {"ndcg_at_10_relative_change", "distinct_2_adjusted", "fidelity_predicts_gain", "synthetic_over_focal"}
    later |= {"label_removal_loss", "label_removal_recovered"}  # tests/unit/test_precision.py
    for claim in read_claims(CLAIMS).values():
        for spec in [*claim.get("checks", ()), *([claim["here"]] if "here" in claim else [])]:
            assert spec["effect"] in made | later
            assert spec.get("rule", "near") in RULES


def test_the_three_commands_run_one_after_the_other(tmp_path):
    cells = world.make_cells(draws=2, methods=("paraphrase",))
    job = {"job_id": "statistics__all", "stage": "statistics", "label": "cpu_small", "model": None, "code": "0",
           "master_seed": 7, "settings": {}, "items": []}  # fmt: skip
    CONTRACTS["job"].write(tmp_path, job)
    CONTRACTS["cells"].write(tmp_path, cells)
    CONTRACTS["plan"].write(tmp_path, world.PLAN)
    CONTRACTS["corpus"].write(tmp_path, {**world.CORPUS, "stamp": "fixture: not evidence"})
    part = CONTRACTS["scores"].write(tmp_path / "part", world.make_scores(cells))
    for name in ("fidelity", "retrieval"):
        CONTRACTS[name].write(tmp_path, [])
    out = tmp_path / "out"

    def step(script, *names, **files):
        args = [arg for name in names for arg in (f"--{name}", CONTRACTS[name].path(files.get(name, tmp_path)))]
        extra = [arg for name, path in files.items() if name not in names for arg in (f"--{name}", path)]
        done = command(script, *args, *extra, "--out-dir", out)
        assert done.returncode == 0, done.stderr

    step("collect_scores.py", "job", "cells", scores=part)
    step("estimate_effects.py", "job", "cells", "plan", "corpus", "scores", "counts", "fidelity", "retrieval", "status",
         scores=out, counts=out, status=out)  # fmt: skip
    first = {name: (out / CONTRACTS[name].file).read_bytes() for name in ("effects", "correlations", "findings")}
    step("estimate_effects.py", "job", "cells", "plan", "corpus", "scores", "counts", "fidelity", "retrieval", "status",
         scores=out, counts=out, status=out)  # fmt: skip
    assert first == {name: (out / CONTRACTS[name].file).read_bytes() for name in first}
    step("check_claims.py", "job", "effects", "correlations", "findings", "status", claims=CLAIMS, effects=out,
         correlations=out, findings=out, status=out)  # fmt: skip
    rows = {row["claim"]: row for row in CONTRACTS["claims"].read(out)}
    assert rows["C8"]["verdict"] == "not run" and "made for trying" in rows["C8"]["why"]
    assert {row["corpus"] for row in CONTRACTS["effects"].read(out)} == {"fixture: not evidence"}


@pytest.mark.parametrize("script", ["estimate_effects.py", "check_claims.py"])
def test_stub_outputs_are_valid_and_empty(script, tmp_path):
    names = {"estimate_effects.py": ("job", "cells", "plan", "corpus", "scores", "counts", "fidelity", "retrieval",
                                      "status"),
             "check_claims.py": ("job", "effects", "correlations", "findings", "status")}[script]  # fmt: skip
    args = [arg for name in names for arg in (f"--{name}", CONTRACTS[name].write_empty(tmp_path))]
    args += ["--claims", CLAIMS] if script == "check_claims.py" else []
    done = command(script, *args, "--out-dir", tmp_path / "out", "--stub")
    assert done.returncode == 0, done.stderr
    made = {"estimate_effects.py": ("effects", "correlations", "findings"), "check_claims.py": ("claims",)}[script]
    assert all(CONTRACTS[name].read(tmp_path / "out") is not None for name in made)
