"""The planner fixes everything before anything runs."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from volfid.core.exits import ConfigError, InputMissingError, ParameterError, VolfidError
from volfid.core.schemas import EXPOSURES, FLOORS, HEAD_STARTS, LABEL_LAWS, TEXTS, TUNINGS, UPDATES
from volfid.core.updates import step_budget
from volfid.plan.design import Design, read_design
from volfid.plan.fingerprint import STAGES, code_fingerprint
from volfid.plan.planner import make_plan, read_methods, summary
from volfid.plan.resolve import check_fetched
from volfid.training.batches import batch_plan

ROOT = Path(__file__).parents[2]
BIN = ROOT / "bin"


def corpus(train=474, named=True, brought=0):
    return {
        "name": "x", "stamp": None, "source": "x", "source_sha256": "", "documents": train + 300,
        "split_sizes": {"train": train, "reference": 80, "test": 220}, "cardinality": 1.8,
        "named_labels": named, "brought": brought, "policies": [], "warnings": [],
    }  # fmt: skip


def raw(name="demo"):
    return yaml.safe_load((ROOT / f"params/design/{name}.yaml").read_text())


def plan(design, facts=None, **changes):
    inputs = {
        "corpus": facts or corpus(), "models": yaml.safe_load((ROOT / "params/models.yaml").read_text()),
        "recipes": yaml.safe_load((ROOT / "params/recipes.yaml").read_text()),
        "methods": read_methods(ROOT / "params/prompts"),
        "claims": yaml.safe_load((ROOT / "params/claims.yaml").read_text()),
        "seed": None, "cores": 2, "bin_dir": BIN, **changes,
    }  # fmt: skip
    return make_plan(Design.model_validate(design), **inputs)


@pytest.fixture(scope="module")
def demo():
    return plan(raw())


def cell(made, arm, **factors):
    found = [c for c in made.cells if c["arm"] == arm and all(c[k] == v for k, v in factors.items())]
    assert found, (arm, factors)
    return found[0]


def test_updates_are_fixed_by_the_plan_and_meet_the_vectors(demo):
    for case in json.loads((ROOT / "tests/golden/sampling.json").read_text())["step_budget"]:
        assert step_budget(case["rows"], case["batch"], case["epochs"]) == case["updates"]
    big = {"classifier": "mlp", "regime": 165, "added": 1485}
    assert cell(demo, "R1", **big)["n_updates"] == cell(demo, "Pb", **big)["n_updates"] == step_budget(1650, 16, 10)
    assert cell(demo, "R0", classifier="mlp", regime=165)["n_updates"] == step_budget(165, 16, 10)
    assert cell(demo, "S_low", classifier="mlp", regime=64)["n_updates"] == step_budget(64, 16, 10)


def test_steps_matched_to_an_augmented_set_show_each_document_as_often_as_the_vectors_say():
    """The vector's exposures count every place of a batch; the short batch that ends an epoch leaves some empty."""
    case = json.loads((ROOT / "tests/golden/sampling.json").read_text())["step_match"]
    updates = step_budget(case["rows_augmented"], case["batch"], case["epochs"])
    assert step_budget(case["rows_real"], case["batch"], case["epochs"]) == case["updates_real"]
    assert updates == case["updates_augmented"] == case["max_steps_for_real_step_matched"]
    rows = np.arange(case["rows_real"])
    chosen, weight = batch_plan(rows, updates, case["batch"], np.random.default_rng(0))
    assert round(chosen.size / len(rows), 6) == case["exposures_per_real_document_step_matched"]
    shown = np.bincount(chosen[weight > 0], minlength=len(rows))
    assert shown.min() == int(case["equivalent_real_epochs"]) and shown.max() == shown.min() + 1
    assert shown.mean() == pytest.approx(case["equivalent_real_epochs"], abs=0.1)  # ours ends inside an epoch


def without_commit(*names):
    """The models file with the commits of these encoders unknown."""
    models = yaml.safe_load((ROOT / "params/models.yaml").read_text())
    for name in names:
        models["encoders"][name] |= {"revision": None, "revision_unknown": "seen nowhere"}
    return models


def test_the_designs_for_cards_plan_every_generator_and_leave_out_what_is_not_pinned():
    for name, train, generators in (("reduced", 700, 3), ("paper", 3400, 6)):
        made = plan(raw(name), corpus(train=train))
        assert "bert_for_patents" in {c["classifier"] for c in made.cells}
        made = plan(raw(name), corpus(train=train), models=without_commit("bert_for_patents"))
        assert len({c["generator"] for c in made.cells} - {None}) == generators
        assert {c["classifier"] for c in made.cells} >= {"linear", "mlp", "modernbert"}
        reasons = {gap["reason"] for gap in made.record["not_planned"] if "bert_for_patents" in gap["what"]}
        assert len(reasons) == 1 and "no pinned revision" in reasons.pop()
        assert made.record["estimate"]["gpu_hours"] > 1
        least = max(made.record["design"]["resolved"]["sizes"])
        with pytest.raises(ConfigError, match="exceed the train pool"):
            plan(raw(name), corpus(train=2 * least - 1))


def test_models_that_a_plan_needs_and_nobody_fetched_are_named_with_the_command(demo):
    known = yaml.safe_load((ROOT / "params/models.yaml").read_text())
    check_fetched(demo.jobs, known, {"all_minilm_l6_v2", "smollm2_135m"})
    with pytest.raises(InputMissingError, match="not fetched: smollm2_135m") as raised:
        check_fetched(demo.jobs, known, {"all_minilm_l6_v2"})
    assert raised.value.mend.endswith("--only smollm2_135m")
    gated = plan(raw("paper"), corpus(train=3400))
    with pytest.raises(InputMissingError) as raised:
        check_fetched(gated.jobs, known, set())
    assert "terms of gemma2_9b and llama31_8b on the hub" in raised.value.mend


def test_a_penalised_solver_has_a_penalty_scale_instead_of_updates(demo):
    big = {"classifier": "linear", "regime": 165, "added": 1485}
    assert cell(demo, "R1", **big)["penalty_scale"] == pytest.approx(10)
    assert cell(demo, "Pb", **big)["penalty_scale"] == 1
    assert cell(demo, "S_low", classifier="linear", regime=64)["penalty_scale"] == pytest.approx(64 / 104)
    assert all(c["n_updates"] is None for c in demo.cells if c["classifier"] == "linear")
    assert any("no batches to mix" in gap["reason"] for gap in demo.record["not_planned"])


def test_two_blocks_that_need_a_cell_share_it_and_ids_are_unique(demo):
    assert cell(demo, "Rt", classifier="mlp", regime=64)["blocks"] == ["curve", "headline"]
    assert len({c["cell_id"] for c in demo.cells}) == len(demo.cells)
    assert all(c["generator"] is None for c in demo.cells if c["arm"] in ("R0", "R1", "Pb", "Pd", "RM"))
    assert all(c["added"] == 0 for c in demo.cells if c["arm"] in ("R0", "Rt"))


def test_a_cell_does_not_depend_on_what_else_is_planned(demo):
    design = raw()
    design["blocks"] = [block for block in design["blocks"] if block["name"] == "headline"]
    design["regime"]["draws"] = 5
    fewer = {c["cell_id"]: {**c, "blocks": None} for c in plan(design).cells}
    shared = [c for c in demo.cells if c["cell_id"] in fewer]
    assert len(shared) > 50
    assert all({**c, "blocks": None} == fewer[c["cell_id"]] for c in shared)


def test_jobs_hold_every_cell_once_and_name_their_source(demo):
    stages = ("training", "encoders")
    held = [c["cell_id"] for job in demo.jobs if job["stage"] in stages for c in job["items"]]
    assert sorted(held) == sorted(c["cell_id"] for c in demo.cells)
    for job in demo.jobs:
        if job["stage"] in ("training", "encoders"):
            assert {c["generator"] or "real" for c in job["items"]} == {job["settings"]["source"]}
            assert len(job["items"]) <= (60 if job["stage"] == "training" else 4)
    pools = [p for job in demo.jobs if job["stage"] == "generation" for p in job["items"]]
    assert len(pools) == 6 and all(p["requests"] == 64 for p in pools)


def test_an_encoder_is_fine_tuned_in_jobs_of_its_own(demo):
    cells = [c for c in demo.cells if c["classifier"] == "encoder"]
    assert {(c["arm"], c["draw"], c["regime"], c["method"]) for c in cells} == {
        ("R0", 0, 165, None), ("R1", 0, 165, None), ("Pd", 0, 165, None), ("S", 0, 165, "full_synthesis")
    }  # fmt: skip
    assert {c["head_start"] for c in cells} == {"prior"} and {c["encoder"] for c in cells} == {"all_minilm_l6_v2"}
    assert cell(demo, "R0", classifier="encoder")["n_updates"] == step_budget(165, 16, 5)
    assert {c["n_updates"] for c in cells if c["arm"] != "R0"} == {step_budget(205, 16, 5)} and max(
        c["n_updates"] for c in cells
    ) <= 150
    jobs = [job for job in demo.jobs if job["stage"] == "encoders"]
    assert [len(job["items"]) for job in jobs] == [3, 1]
    for job in jobs:
        assert job["label"] == "gpu_train" and job["model"] == job["settings"]["encoder"]["name"] == "all_minilm_l6_v2"
        assert job["settings"]["recipe"]["family"] == "encoder"
    assert demo.record["protocol"]["folds_fitted"] == {"encoder": 1}
    assert 60 < demo.record["estimate"]["seconds"]["encoders"] < 400


def test_what_a_fine_tuned_encoder_does_not_have_is_named():
    design = raw("smoke")
    design["blocks"].append({"name": "tuned", "arms": ["R0", "R_stop", "S_filt", "Ut"], "size": [48], "added": [24],
                             "classifier": ["encoder"], "draws": 1})  # fmt: skip
    made = plan(design)
    assert {c["arm"] for c in made.cells if c["classifier"] == "encoder"} == {"R0"}
    reasons = {gap["what"]: gap["reason"] for gap in made.record["not_planned"]}
    assert "fixed U" in reasons["block tuned, arm R_stop, encoder"]
    assert "folds_fitted" in reasons["block tuned, arm Ut, encoder"]
    design["mask_label_names"] = True
    jobs = plan(design, labels=[{"label": "a", "name": "Solar cells"}]).jobs
    assert [job["settings"]["masked_words"] for job in jobs if job["stage"] == "encoders"] == [["cell", "solar"]]


def test_the_mixture_keeps_its_budget(demo):
    for c in demo.cells:
        if c["real_share"] is not None:
            assert c["rows_total"] == c["budget"] == 40
            assert c["rows_added"] == 40 - round(40 * c["real_share"])
            assert (c["generator"] is None) == (c["real_share"] == 1)


def test_without_label_names_full_synthesis_is_a_named_gap_and_paraphrase_runs():
    made = plan(raw(), corpus(named=False))
    assert {c["method"] for c in made.cells} == {None, "paraphrase"}
    assert any("labels have no names" in gap["reason"] for gap in made.record["not_planned"])


def test_one_label_without_a_name_leaves_full_synthesis_planned_and_says_what_is_not(demo):
    rows = [{"label": str(number), "name": None if number == 6 else f"n{number}"} for number in range(1, 7)]
    made = plan(raw(), corpus(named=False), labels=rows)
    assert "full_synthesis" in {c["method"] for c in made.cells} == {c["method"] for c in demo.cells}
    with pytest.raises(ConfigError, match=r"some labels have no name \('6'\)"):
        plan(raw("llm"), corpus(named=False), labels=rows)


def test_an_audit_has_no_generation_and_one_pool_for_all_draws():
    made = plan(raw("audit"), corpus(brought=100))
    assert not [job for job in made.jobs if job["stage"] == "generation"]
    assert {c["pool_id"] for c in made.cells if c["pool_id"]} == {"brought__brought__own__n00000__d00__r0"}
    assert {c["rows_added"] for c in made.cells if c["arm"] == "St"} == {100, 50}


def test_a_regime_that_the_pool_cannot_fill_is_refused_but_a_curve_point_is_only_named():
    with pytest.raises(ParameterError, match="regime of 165 documents cannot be drawn: the train pool has 150"):
        plan(raw(), corpus(train=150))
    made = plan(raw(), corpus(train=300))
    assert {"what": "learning curve at 330 documents", "reason": "the train pool has 300"} in made.record["not_planned"]


DOCUMENTS = [
    {"doc_id": f"d{i:04d}", "split": "train", "labels": sorted({f"l{i % 8}", *(["l0"] if i % 3 == 0 else [])})}
    for i in range(473)
] + [{"doc_id": "d0473", "split": "train", "labels": ["rare"]}]  # fmt: skip
LABEL_ROWS = [{"label": name, "name": None} for name in [*(f"l{k}" for k in range(8)), "rare"]]


def sized(sizes, facts=None, documents=None, regime=None, **blocks):
    """The plan of a small design without a generator."""
    design = raw("volume") | {"blocks": [{"name": "volume", "arms": ["R0"], **blocks}]}
    design["regime"] = {"sizes": sizes, "draws": 3, "folds": 3, **(regime or {})}
    read = None if documents is None else (lambda: documents)
    return plan(design, facts, labels=LABEL_ROWS, read_documents=read)


def resolved(made):
    return made.record["design"]["resolved"]


def test_sizes_may_be_counts_shares_all_and_shots_and_the_plan_has_their_numbers():
    made = sized(
        [24, 0.1, "all", "5-shot", "2-shot"], documents=DOCUMENTS, regime={"min_positives": 2, "short_labels": "all"}
    )
    numbers = resolved(made)
    five, two = numbers["relative"]["5-shot"], numbers["relative"]["2-shot"]
    assert numbers["relative"] == {"0.1": 47, "all": 474, "5-shot": five, "2-shot": two}
    assert numbers["sizes"] == sorted({24, 47, 474, five, two}) and two < five < 9 * 5
    assert {cell["regime"] for cell in made.cells} == set(numbers["sizes"])
    for row in numbers["shots"]:
        assert row["documents"] == max(row["per_draw"]) and len(row["per_draw"]) == 3
        assert row["labels_short"] == {"rare": 1}
    jobs = [job["settings"] for job in made.jobs if job["stage"] == "regimes"]
    assert all(job["shots"] == 5 and job["min_positives"] == 2 and five in job["sizes"] for job in jobs)
    assert f"5-shot = {five}" in summary(made) and "at least 5 documents of every label" not in summary(made)
    words = "at least 5 documents of 8 labels, and all that there are of the other 1, of which the train pool has fewer"
    assert f"5-shot: {words}: rare (1)" in summary(made)
    assert made.record["protocol"]["sampling"].startswith("greedy sets of up to 5-shot first")
    assert f"5-shot: {words}: rare (1)" in made.record["protocol"]["sampling"]


def test_a_shot_that_some_label_cannot_fill_is_refused_unless_the_design_takes_all_there_is():
    with pytest.raises(ParameterError) as caught:
        sized(["2-shot"], documents=DOCUMENTS)
    for words in ("1 of 9 labels have fewer than 2 documents in the train pool of 474: rare (1)", "short_labels: all"):
        assert words in str(caught.value)
    with pytest.raises(ParameterError, match="9 of 9 labels have fewer than 500"):
        sized(["500-shot"], documents=DOCUMENTS, regime={"short_labels": "all"})


@pytest.mark.parametrize(
    ("size", "words"), [(True, "True is no size"), (1.0, "whole train pool is all"), (24.0, "no point")]
)
def test_a_size_is_neither_a_truth_value_nor_a_count_with_a_point(size, words):
    with pytest.raises(ValueError, match=words):
        sized([size])


def test_the_regimes_have_the_shots_that_the_plan_counted():
    from volfid.regimes.sampling import sample_regimes

    made = sized(["3-shot"], documents=DOCUMENTS, regime={"short_labels": "all"})
    rows = [row | {"group": row["doc_id"]} for row in DOCUMENTS]
    for job in (job for job in made.jobs if job["stage"] == "regimes"):
        found = sample_regimes(rows, LABEL_ROWS, job["settings"], job["master_seed"])
        row = next(row for row in found if row["size"] == resolved(made)["relative"]["3-shot"])
        assert min(row["label_counts"][:8]) >= 3 and row["label_counts"][8] == 1


def test_a_random_draw_says_so():
    made = sized([24], regime={"sampling": "random"})
    assert made.record["protocol"]["sampling"].startswith("at random")
    assert {job["settings"]["sampling"] for job in made.jobs if job["stage"] == "regimes"} == {"random"}
    assert "sampling" not in str(sized([24]).record["design"]["resolved"])


def test_rows_may_be_a_ratio_in_either_direction():
    made = sized([40, 100], arms=["Pb"], added=["1:10", "10:1", "x10", "x0.5"])
    rows = {(row["asked"], row["regime"]): row["rows"] for row in resolved(made)["added"]}
    assert rows == {("1:10", 40): 400, ("1:10", 100): 1000, ("10:1", 40): 4, ("10:1", 100): 10, ("x10", 40): 400,
                    ("x10", 100): 1000, ("x0.5", 40): 20, ("x0.5", 100): 50}  # fmt: skip
    assert {(c["regime"], c["rows_added"]) for c in made.cells} == {(size, n) for (_, size), n in rows.items()}
    assert "10:1 of 100 = 10" in summary(made)


def test_a_size_may_be_a_ratio_to_all_synthetic_documents():
    assert resolved(sized(["1:10", "1:1"], corpus(brought=240)))["relative"] == {"1:10": 24, "1:1": 240}
    assert resolved(sized(["10:1"], corpus(brought=12)))["relative"] == {"10:1": 120}
    design = raw() | {"blocks": [{"name": "curve", "arms": ["Rt"]}]}
    design["regime"]["sizes"] = ["2:1"]
    assert resolved(plan(design))["relative"]["2:1"] == 128


def test_a_ratio_needs_no_quotes_in_a_design_file(tmp_path):
    file = tmp_path / "design.yaml"
    text = (ROOT / "params/design/volume.yaml").read_text()
    file.write_text(
        text.replace("added: [x9]", "added: [1:9, 10:1, 1:10]").replace("sizes: [165]", "sizes: [1:10, 40]")
    )
    made = read_design(file)
    assert made.blocks[0].added == ["1:9", "10:1", "1:10"] and made.regime.sizes == ["1:10", 40]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sizes": ["5-shot"]}, "size of a 5-shot regime needs the documents"),
        (
            {"sizes": ["500-shot"], "documents": DOCUMENTS},
            "9 of 9 labels have fewer than 500 documents",
        ),
        ({"sizes": ["5-shot"], "documents": DOCUMENTS, "regime": {"sampling": "random"}}, "sampling is random"),
        ({"sizes": ["1:10"]}, "no synthetic documents"),
        ({"sizes": ["4:1"], "facts": {"brought": 200}}, r"regime of 800 documents \(4:1\) cannot be drawn: .* has 474"),
        ({"sizes": ["1:100"], "facts": {"brought": 300}}, r"regime of 3 documents \(1:100\) cannot have 3 folds"),
        ({"sizes": [24], "size": [900]}, "'volume': a regime of 900 documents cannot be drawn: the train pool has 474"),
        ({"sizes": [24], "arms": ["Pb"], "added": ["100:1"]}, "100:1 is less than one row for a regime of 24"),
        ({"sizes": [24], "arms": ["Pb"], "added": ["0:3"]}, "'0:3' means nothing"),
        ({"sizes": [24], "arms": ["Pb"], "added": ["xinf"]}, "'xinf' means nothing"),
    ],
)
def test_a_size_that_cannot_be_had_is_refused_with_its_numbers(arguments, words):
    with pytest.raises(VolfidError, match=words):
        sized(**arguments | ({"facts": corpus(**arguments["facts"])} if "facts" in arguments else {}))


@pytest.mark.parametrize("size", ["0-shot", "five-shot", "1:0", "10%", "-1:2", "most"])
def test_a_size_without_a_meaning_is_refused_by_name(size):
    with pytest.raises(ValueError, match="is no size: give documents"):
        sized([size])


def test_a_random_draw_has_no_minimum():
    with pytest.raises(ValueError, match="random draw has no min_positives"):
        sized([24], regime={"sampling": "random", "min_positives": 2})


def test_every_look_of_a_sequential_design_has_the_same_shots():
    design = raw("volume") | {"blocks": [{"name": "volume", "arms": ["R0", "Rt"]}]}
    design["regime"] = {"sizes": ["4-shot"], "draws": 8, "folds": 3, "short_labels": "all"}
    design["sequential"] = {"looks": [2, 8], "arms": {"Rt": "R0"}}
    looks = [plan(design, labels=LABEL_ROWS, read_documents=lambda: DOCUMENTS, look=look) for look in (1, 2)]
    assert resolved(looks[0])["sizes"] == resolved(looks[1])["sizes"]


def test_a_model_without_a_commit_is_refused_with_the_reason():
    models = without_commit("paecter", "bert_for_patents")
    for path, name in ((["encoder"], "paecter"), (["blocks", 6, "classifier"], "bert_for_patents")):
        design = raw()
        change(design, path, name if path == ["encoder"] else [name])
        with pytest.raises(ConfigError, match=f"'{name}' has no pinned revision: seen nowhere"):
            plan(design, models=models)


def change(design, path, value):
    target = design
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["factors", "generator"], ["gpt9"], "unknown generator 'gpt9'"),
        (["factors", "method"], ["telepathy"], "unknown method 'telepathy'"),
        (["encoder"], "nothing", "unknown encoder 'nothing'"),
        (["factors", "classifier"], ["linear", "svm"], "unknown classifier 'svm'"),
        (["blocks", 6, "classifier"], ["mlp"], "has both head starts for mlp"),
        (["blocks", 6, "method"], ["telepathy"], "unknown method 'telepathy'"),
        (["blocks", 0, "claims"], ["C99"], "claim 'C99'"),
        (["blocks", 0, "claims"], ["C5"], "cannot feed C5, which needs mixture"),
        (["blocks", 0, "added"], [], "needs added"),
        (["blocks", 0, "added"], ["many"], "'many' means nothing"),
        (["blocks", 0, "added"], [4000], "exceed the train pool"),
        (["regime", "sizes"], [0], "means nothing"),
        (["regime", "sizes"], [5], "cannot have 3 folds"),
    ],
)
def test_a_mistake_is_named_before_anything_runs(path, value, words):
    design = raw()
    change(design, path, value)
    with pytest.raises(VolfidError, match="(?s)" + words):
        plan(design)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["regime", "draws"], 0, "regime.draws"),
        (["surprise"], 1, "surprise"),
        (["arms", "R0", "text"], "poems", "arms.R0.text"),
        (["arms", "R0", "label_law"], "permuted", "no label law"),
        (["blocks", 0, "arms"], ["Z"], "names the arm 'Z'"),
        (["blocks", 1, "name"], "headline", "same name"),
        (["name"], "a__b", "name"),
        (["blocks", 6, "draws"], 4, "more draws than the regime has"),
    ],
)
def test_the_design_file_is_typed(tmp_path, path, value, words):
    design = raw()
    change(design, path, value)
    file = tmp_path / "design.yaml"
    file.write_text(yaml.safe_dump(design))
    with pytest.raises(ConfigError, match=words):
        read_design(file)


def test_a_key_written_twice_is_refused(tmp_path):
    file = tmp_path / "design.yaml"
    file.write_text("name: a\nname: b\n")
    with pytest.raises(ConfigError, match="'name' stands twice"):
        read_design(file)


def test_a_template_with_an_undeclared_placeholder_is_refused(tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "template.yaml").write_text("placeholders: [a]\nneeds_label_names: false\nprompt: 'write {a} and {b}'\n")
    with pytest.raises(ConfigError, match="placeholders do not match the prompt: b"):
        read_methods(tmp_path)


def models(section="generators", name="smollm2_135m", **changes):
    found = yaml.safe_load((ROOT / "params/models.yaml").read_text())
    found[section][name] |= changes
    return found


HUB = {"kind": "hub", "repo": "someone/model"}


@pytest.mark.parametrize(
    ("section", "name", "changes", "words"),
    [
        ("generators", "smollm2_135m", {"source": HUB, "revision": "main"}, "revision 'main', which pins nothing"),
        ("generators", "smollm2_135m", {"source": HUB, "revision": "2fe1924"}, "Put the commit of its repository"),
        ("generators", "smollm2_135m", {"revision": None}, "'smollm2_135m' in models.yaml has no revision.*SHA256SUMS"),
        ("generators", "smollm2_135m", {"source": None, "engine": "openai", "revision": None}, "what the server runs"),
        ("encoders", "all_minilm_l6_v2", {"source": HUB, "revision": "v1.0"}, "encoder 'all_minilm_l6_v2'.*'v1.0'"),
    ],
)
def test_a_design_of_scale_paper_takes_only_pinned_models(section, name, changes, words):
    design = raw() | {"scale": "paper"}
    with pytest.raises(ConfigError, match=words) as raised:
        plan(design, models=models(section, name, **changes))
    assert raised.value.code == 78 and name in str(raised.value)
    assert plan(design).record["design"]["scale"] == "paper"
    if changes.get("revision"):
        assert plan(raw() | {"scale": "reduced"}, models=models(section, name, **changes)).cells


def test_an_unknown_scale_is_refused_and_none_is_needed():
    with pytest.raises(ValueError, match="scale"):
        Design.model_validate(raw() | {"scale": "huge"})
    assert Design.model_validate({k: v for k, v in raw().items() if k != "scale"}).scale is None


def test_the_six_generators_of_the_study_are_pinned_and_priced():
    named = ("phi35_mini", "qwen25_7b", "llama31_8b", "mistral_7b_v03", "gemma2_9b", "mistral_nemo_12b")
    design = raw() | {"scale": "paper"}
    design["factors"] = {**design["factors"], "generator": list(named)}
    made = plan(design)
    jobs = [job for job in made.jobs if job["stage"] == "generation"]
    assert sorted(job["model"] for job in jobs) == sorted(named)
    for job in jobs:
        entry = job["settings"]["engine"]
        assert entry["source"]["kind"] == "hub" and len(entry["revision"]) == 40
        assert entry["max_model_len"] <= entry["context"] and entry["dtype"] == "bfloat16" and entry["licence"]
        assert entry["gated"] == (entry["name"] in ("llama31_8b", "gemma2_9b"))
    assert made.record["estimate"]["gpu_hours"] > 0 and "guessed" in made.record["estimate"]["basis"]
    assert plan(raw()).record["estimate"]["gpu_hours"] == 0


def test_the_fingerprint_sees_its_own_stage_and_core_only(tmp_path):
    import shutil

    copy = tmp_path / "bin"
    shutil.copytree(BIN, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = {stage: code_fingerprint(copy, stage) for stage in STAGES}
    (copy / "volfid/fidelity/__pycache__").mkdir(exist_ok=True)
    (copy / "volfid/fidelity/__pycache__/x.pyc").write_text("x")
    assert before == {stage: code_fingerprint(copy, stage) for stage in STAGES}
    file = copy / "volfid/fidelity/labels.py"
    file.write_text(file.read_text() + "\nX = 1\n")
    assert {s for s in STAGES if code_fingerprint(copy, s) != before[s]} == {"fidelity"}
    file.write_text(file.read_text().removesuffix("\nX = 1\n"))
    file = copy / "volfid/training/encoder.py"
    file.write_text(file.read_text() + "\nX = 1\n")
    assert {s for s in STAGES if code_fingerprint(copy, s) != before[s]} == {"encoders", "training"}
    file.write_text(file.read_text().removesuffix("\nX = 1\n"))
    file = copy / "volfid/core/seeds.py"
    file.write_text(file.read_text() + "\nX = 1\n")
    assert {s for s in STAGES if code_fingerprint(copy, s) != before[s]} == set(STAGES)


def test_the_summary_tells_cells_tokens_and_time(demo):
    text = summary(demo)
    assert "490 cells" in text and "384 requests" in text and "minutes on 2 cores" in text
    assert demo.record["estimate"]["minutes_total"] <= 20


@pytest.fixture(scope="module")
def factorial():
    return plan(raw("factorial"), corpus(train=900))


def test_the_factorial_holds_every_level_of_every_factor(factorial):
    levels = {
        name: {c[name] for c in factorial.cells}
        for name in ("text", "label_law", "updates", "tuning", "head_start", "exposure")
    }
    assert levels["text"] == set(TEXTS) and levels["label_law"] == set(LABEL_LAWS)
    assert levels["updates"] == set(UPDATES) and levels["tuning"] == set(TUNINGS)
    assert levels["head_start"] == set(HEAD_STARTS) and levels["exposure"] == set(EXPOSURES)
    assert {c["classifier"] for c in factorial.cells} >= set(FLOORS)
    assert factorial.record["estimate"]["minutes_total"] <= 25


def test_what_means_nothing_for_a_family_is_refused_with_its_reason(factorial):
    reasons = {row["reason"] for row in factorial.record["not_planned"] if "linear" in row["what"]}
    assert any("head start" in reason for reason in reasons) and any("no batches" in reason for reason in reasons)
    linear = [c for c in factorial.cells if c["classifier"] == "linear"]
    assert not any(c["exposure"] in ("half_real", "curriculum") or c["updates"] == "stopped" for c in linear)


def test_the_whole_pool_is_the_largest_real_ceiling(factorial):
    assert max(c["regime"] for c in factorial.cells if c["arm"] == "Rt") == 900


def test_a_shifted_law_needs_its_doses_and_only_that(factorial):
    doses = {c["dose"] for c in factorial.cells if c["arm"] == "Sdose"}
    assert doses == {0, 1, 2} and all(c["dose"] is None for c in factorial.cells if c["label_law"] != "shifted")
    ids_of = {c["trainset_id"] for c in factorial.cells if c["arm"] == "Pdose" and c["draw"] == 0}
    assert len(ids_of) == 3
    for change_of in ({"dose": []}, {"arms": ["S"]}):
        broken = raw("factorial")
        block = next(b for b in broken["blocks"] if b["name"] == "dose")
        block.update(change_of)
        with pytest.raises(ValueError, match="dose"):
            Design.model_validate(broken)


def test_further_unlabelled_documents_are_drawn_with_the_regime(factorial):
    sizes = next(job for job in factorial.jobs if job["stage"] == "regimes")["settings"]["sizes"]
    assert 165 + 40 in sizes
    for job in factorial.jobs:
        if job["stage"] in ("fidelity", "retrieval"):
            assert not any(item["text"] == "pseudo_labelled" for item in job["items"])


def test_retrieval_knows_what_kind_of_text_each_method_asks_for(demo):
    (job,) = [job for job in demo.jobs if job["stage"] == "retrieval"]
    families = job["settings"]["families"]
    assert families["full_synthesis"] == "patent_abstract" and "zero_shot" not in families
    assert not any("families" in job["settings"] for job in demo.jobs if job["stage"] != "retrieval")


def test_every_job_of_a_stamped_corpus_carries_the_stamp_and_no_other_does(demo):
    stamped = plan(raw(), corpus() | {"stamp": "fixture: not evidence"})
    assert {job["settings"].get("stamp") for job in stamped.jobs} == {"fixture: not evidence"}
    assert not any("stamp" in job["settings"] for job in demo.jobs)
