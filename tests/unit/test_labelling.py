"""Asking a generator for labels: plan, exemplars, calibration, faults, resume, cells."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from generation_fixture import NAMES, PROMPTS, SEED, document_rows, label_rows, regime_rows
from test_plan import corpus as facts
from test_plan import plan, raw
from training_world import small_world, test_scores, value

from volfid.core.chat import choice_tokens
from volfid.core.exits import ConfigError, DataError, RetryError, VolfidError
from volfid.core.labels import label_order_sha
from volfid.core.schemas import CONTRACTS
from volfid.generation.engines.fake import FakeEngine, Faults
from volfid.generation.engines.tokens import choice_output, common_length
from volfid.generation.labelling import calibrated, plan_labelling, read_labelling
from volfid.generation.labelling_run import run_labelling
from volfid.generation.requests import Corpus
from volfid.plan.planner import summary

ASK = {"chunk": 4, "shown_words": 40, "exemplars": 2, "definitions": True, "genre": None, "calibrate": True}
BOTH = [{"labeller": name, "regime": 12, "draw": 0} for name in ("few_shot", "zero_shot")]
FOLDS = [i % 3 for i in range(12)]


def corpus(names: bool = True) -> Corpus:
    labels = label_rows() if names else [{**row, "name": None} for row in label_rows()]
    return Corpus(document_rows(), labels, [{**regime_rows()[0], "folds": FOLDS}])


def requests(items=BOTH, **settings):
    return plan_labelling(items, corpus(), PROMPTS, read_labelling({"labelling": ASK | settings}), "fake", SEED)


def job(items=BOTH, **settings):
    entry = {"name": "fake", "engine": "fake", "dtype": "float32", "max_model_len": 1024, "chat": {"system": None}}
    return {
        "job_id": "labelling__fake", "stage": "labelling", "label": "gpu_generate", "model": "fake", "code": "c",
        "master_seed": SEED, "settings": {"engine": entry, "labelling": ASK | settings}, "items": items,
    }  # fmt: skip


class Counting(FakeEngine):
    """The fake engine, keeping the size of every batch; it fails before batch `stop`."""

    def __init__(self, settings, faults=None, stop=None):
        super().__init__(settings, faults)
        self.batches, self.stop, self.closed = [], stop, 0

    def judge(self, asked, beat):
        if len(self.batches) == self.stop:
            raise RetryError("told to fail")
        self.batches.append(len(asked))
        return super().judge(asked, beat)

    def close(self):
        self.closed += 1


def run(tmp_path: Path, task=None, faults=None, store=None, stop=None, name="out", attempt=1):
    made = []

    def make(settings, model_dir):
        made.append(Counting(settings, faults, stop))
        return made[0]

    outcome = run_labelling(
        task or job(), corpus(), prompts=PROMPTS, out_dir=tmp_path / name, chunk_store=store, make_engine=make,
        attempt=attempt,
    )  # fmt: skip
    return outcome, made[0]


def test_zero_shot_asks_once_about_every_real_and_every_test_document():
    asked = [one for one in requests() if one.labeller == "zero_shot"]
    assert [one.doc_id for one in asked] == [None, *(f"d{i:02d}" for i in [*range(12), *range(20, 24)])]
    assert {(one.regime, one.draw, one.exemplar_ids) for one in asked} == {(None, None, ())}
    for one in asked[1:]:
        assert len(one.prompts) == len(NAMES) and len(set(one.prompts)) == len(NAMES)
        shared = common_length(one.prompts)
        assert one.prompts[0][:shared].endswith("topic: ")  # the document is read once, the label comes last
        assert all(name in prompt for name, prompt in zip(NAMES, one.prompts, strict=True))
    assert "helps a person" in asked[1].prompts[0]
    assert "helps a person" not in requests(definitions=False)[-1].prompts[0]


def test_exemplars_of_a_document_never_come_from_its_fold():
    fold = {f"d{i:02d}": FOLDS[i] for i in range(12)}
    few = [one for one in requests() if one.labeller == "few_shot"]
    real = [one for one in few if one.doc_id in fold]
    assert sorted(one.doc_id for one in real) == sorted(fold)
    for one in real:
        assert len(one.exemplar_ids) == 2
        assert all(fold[name] != fold[one.doc_id] for name in one.exemplar_ids)
    test = [one for one in few if one.pool_id.endswith("test")]
    assert [one.doc_id for one in test] == [None, "d20", "d21", "d22", "d23"]
    assert len({one.exemplar_ids for one in test}) == 1 and set(test[0].exemplar_ids) <= set(fold)
    shown = next(row for row in document_rows() if row["doc_id"] == test[0].exemplar_ids[0])
    assert shown["text"][:20] in test[1].prompts[0] and "It is about: " in test[1].prompts[0]


def test_exemplars_show_as_many_labels_as_they_can_and_ids_depend_on_what_is_asked():
    test = next(one for one in requests() if one.pool_id.endswith("test"))
    labels = {row["doc_id"]: row["labels"] for row in document_rows()}
    assert (
        len({label for name in test.exemplar_ids for label in labels[name]}) == 3
    )  # pairs of this corpus have no more
    ids = [one.request_id for one in requests()]
    assert ids == [one.request_id for one in requests()] and len(set(ids)) == len(ids)
    assert not set(ids) & {one.request_id for one in requests(definitions=False)}


def test_labels_without_names_and_bad_settings_are_refused():
    with pytest.raises(DataError, match="no name"):
        plan_labelling(BOTH, corpus(names=False), PROMPTS, read_labelling({"labelling": ASK}), "fake", SEED)
    with pytest.raises(ConfigError, match="exemplars is 0"):
        read_labelling({"labelling": ASK | {"exemplars": 0}})
    with pytest.raises(ConfigError, match="incomplete"):
        read_labelling({"labelling": {"chunk": 1}})


def test_the_rows_keep_their_contract_and_a_second_run_asks_nothing(tmp_path):
    first, engine = run(tmp_path, store=tmp_path / "store")
    CONTRACTS["answers"].check(first.rows, "rows")
    assert engine.started == engine.closed == 1 and max(engine.batches) == 4
    assert first.counts["documents"] == len(first.rows) and first.counts["questions"] == 5 * len(first.rows)
    assert first.counts["tokens_cached"] > 0.5 * first.counts["tokens_prompt"]
    again, other = run(tmp_path, store=tmp_path / "store", name="other")
    assert other.started == 0 and again.counts["chunks_made"] == 0
    sha = CONTRACTS["answers"].content_sha
    assert sha(again.rows) == sha(first.rows)


def test_a_run_that_ends_half_way_goes_on_and_gives_the_same_bytes(tmp_path):
    whole, _ = run(tmp_path, name="whole")
    with pytest.raises(VolfidError, match="told to fail"):
        run(tmp_path, name="part", stop=3)
    rest, engine = run(tmp_path, name="part")
    assert rest.counts["chunks_reused"] == 3 and len(engine.batches) == whole.counts["chunks"] - 3
    assert CONTRACTS["answers"].content_sha(rest.rows) == CONTRACTS["answers"].content_sha(whole.rows)


def test_a_question_without_answer_scores_zero_is_counted_and_never_dropped(tmp_path):
    outcome, _ = run(tmp_path, faults=Faults(empty=0.3))
    assert len(outcome.rows) == len(requests())
    failed = sum(row["failures"] for row in outcome.rows)
    assert 0 < failed == outcome.counts["failures"] < outcome.counts["questions"]
    for row in outcome.rows:
        assert row["failures"] == sum(share == 0 for share in row["yes_shares"])
        assert [score == 0 for score in row["scores"]] == [share == 0 for share in row["yes_shares"]]
    CONTRACTS["answers"].check(outcome.rows, "rows")


def test_running_out_of_memory_is_75_and_a_smaller_batch_mends_it(tmp_path):
    with pytest.raises(RetryError):
        run(tmp_path, faults=Faults(oom=40))
    assert run(tmp_path, faults=Faults(oom=40), attempt=2)[0].rows


def test_calibration_takes_off_the_log_odds_of_the_text_without_content(tmp_path):
    base = {"pool_id": "g", "score": "yes_share"}
    rows = [
        {**base, "doc_id": None, "yes_shares": [0.8, 0.5, 0.0]},
        {**base, "doc_id": "d", "yes_shares": [0.8, 0.9, 0.3]},
    ]
    made = calibrated(rows)[1]
    assert made["scores"] == pytest.approx([0.5, 0.9, 0.3]) and made["score"] == "yes_share_calibrated"
    raw_run, _ = run(tmp_path, job(calibrate=False), name="raw")
    shifted, _ = run(tmp_path, name="shifted")
    for left, right in zip(raw_run.rows, shifted.rows, strict=True):
        assert left["scores"] == left["yes_shares"] == right["yes_shares"] and left["score"] == "yes_share"
        if left["doc_id"] is None:
            assert right["scores"] == pytest.approx([0.5] * 5)


def test_shares_and_mass_follow_from_the_probabilities():
    log = [[math.log(x) for x in row] for row in ([0.2, 0.1], [0.0625, 0.0625])]
    output = choice_output(log, [[math.log(0.1)], [float("-inf")]], [[1, 2, 3], [1, 2, 4, 5]])
    assert output.shares == pytest.approx((0.75, 1.0)) and output.mass == pytest.approx((0.4 + 0.125) / 2)
    assert (output.prompt_tokens, output.cached_tokens) == (7, 2)
    silent = choice_output([[float("-inf")]], [[float("-inf")]], [[1, 2]])
    assert silent.shares == (None,) and silent.mass == 0
    assert common_length([[1, 2], [1, 2]]) == 1


def test_a_tokenizer_without_words_for_yes_and_no_is_refused():
    class Bytes:
        unk_token_id = None

        def __call__(self, text, add_special_tokens):
            return {"input_ids": list(text.encode())}

    with pytest.raises(ConfigError, match="yes and no"):
        choice_tokens(Bytes())


def with_answers(**changes):
    design = raw()
    design["arms"]["LLM"] = {"text": "none"}
    block = {"name": "answers", "arms": ["LLM"], "classifier": ["zero_shot", "few_shot"]} | changes
    design["blocks"].append(block)
    return design


def test_the_planner_makes_cells_that_a_generator_answers_and_one_job_that_asks_it():
    made = plan(with_answers())
    cells = [c for c in made.cells if c["arm"] == "LLM"]
    assert len(cells) == 2 * 2 * 3  # labellers, sizes, draws
    for c in cells:
        assert c["generator"] == "smollm2_135m" and c["text"] == "none" and c["pool_id"] is None
        assert c["trainset_id"] in {o["trainset_id"] for o in made.cells if o["arm"] == "Rt"}
    (asking,) = [j for j in made.jobs if j["stage"] == "labelling"]
    assert len(asking["items"]) == 12 and asking["settings"]["labelling"]["exemplars"] == 3
    training = [j for j in made.jobs if j["stage"] == "training" and j["model"]]
    assert {j["model"] for j in training} == {"smollm2_135m"} and {j["settings"]["source"] for j in training} == {
        "real"
    }
    before = plan(raw())
    rows = {j["job_id"]: j["items"] for j in made.jobs if j["stage"] == "curation"}
    assert rows == {j["job_id"]: j["items"] for j in before.jobs if j["stage"] == "curation"}


def test_a_labeller_and_the_arm_of_answers_mean_nothing_without_each_other_or_without_names():
    for block in ({"arms": ["Rt"]}, {"classifier": ["mlp"]}):
        with pytest.raises(ConfigError, match="only together"):
            plan(with_answers(**block))
    made = plan(with_answers(optional=True), facts(named=False))
    assert not [c for c in made.cells if c["arm"] == "LLM"]
    assert any("nobody can be asked" in gap["reason"] for gap in made.record["not_planned"])
    design = raw()
    design["factors"]["method"] = ["zero_shot"]
    with pytest.raises(ConfigError, match="unknown method 'zero_shot'"):
        plan(design)


def answers(world, cell, skip=(), **place):
    rng = np.random.default_rng(5)
    ids = [*world.regimes[0]["doc_ids"], *(row["doc_id"] for row in world.documents if row["split"] == "test")]
    sha = label_order_sha([row["label"] for row in world.labels])
    return [
        {"labeller": cell["classifier"], "generator": "fake", "regime": None, "draw": None, "doc_id": doc_id,
         "scores": rng.random(len(world.labels)).tolist(), "tokens_prompt": 50, "tokens_cached": 40,
         "tokens_completion": 6, "failures": 0, "answer_mass": 0.5, "label_order_sha": sha} | place
        for doc_id in [None, *ids] if doc_id not in skip
    ]  # fmt: skip


def test_a_cell_of_answers_is_scored_with_the_answers_as_they_are():
    world = small_world()
    cell = world.cell(classifier="zero_shot", generator="fake", arm="LLM")
    rows = answers(world, cell)
    results = world.run([cell], answers=rows)
    by_id = {row["doc_id"]: row["scores"] for row in rows}
    test = sorted(row["doc_id"] for row in world.documents if row["split"] == "test")
    assert np.allclose(test_scores(results, cell), np.array([by_id[i] for i in test], dtype=np.float32))
    real = sorted(world.regimes[0]["doc_ids"])
    assert np.allclose(test_scores(results, cell, "oof"), np.array([by_id[i] for i in real], dtype=np.float32))
    assert value(results, cell, "tokens_read_test") == 10 * len(test)
    assert value(results, cell, "f1_micro", "tuned") is not None
    trained = world.cell(classifier="linear", arm="R0")
    metrics = {(r["metric"], r["threshold"], r["label"]) for r in world.run([trained]).scores}
    mine = {(r["metric"], r["threshold"], r["label"]) for r in results.scores}
    assert {
        key for key in metrics - mine if key[1] != "none"
    } == set()  # every policy and decision metric, as for others


def test_answers_that_are_missing_or_of_another_order_are_named():
    world = small_world()
    cell = world.cell(classifier="few_shot", generator="fake", arm="LLM")
    own = {"regime": world.n, "draw": 0}
    test = next(row["doc_id"] for row in world.documents if row["split"] == "test")
    for rows, words in (
        ([], "no answers are there"),
        (answers(world, cell, regime=world.n, draw=9), "no answers are there"),
        (answers(world, cell, skip=(test,), **own), f"not asked about 1 documents, one is {test}"),
    ):
        results = world.run([cell], answers=rows)
        assert not results.scores and words in results.gaps[0]["reason"]
    assert world.run([cell], answers=answers(world, cell, **own)).scores
    with pytest.raises(DataError, match="another label order"):
        world.run([cell], answers=answers(world, cell, label_order_sha="other"))


def test_the_smoke_design_asks_its_generator():
    made = plan(raw("smoke"), facts(train=504))
    asked = [c for c in made.cells if c["classifier"] in ("zero_shot", "few_shot")]
    assert len(asked) == 4 and json.dumps(made.record["counts"]["jobs_by_stage"]).count("labelling") == 1


def test_the_plan_counts_and_prices_its_questions_and_gives_masked_words_to_all_that_reads_texts():
    labels = [{"label": f"L{i}", "name": name} for i, name in enumerate(("Walking aid", "Batteries"))]
    made = plan(with_answers(), labels=labels)
    estimate = made.record["estimate"]
    # few-shot: every regime and draw; zero-shot: the largest regime of each draw; each with the test documents
    documents = 3 * (64 + 220) + 3 * (165 + 220) + min(3 * 165, 474) + 220
    assert estimate["questions"] == 2 * documents and estimate["seconds"]["labelling"] > 0
    assert "yes/no questions" in summary(made) and "yes/no questions" not in summary(plan(raw()))
    masked = plan(raw() | {"mask_label_names": True}, labels=labels)
    for one, other in zip(masked.jobs, plan(raw(), labels=labels).jobs, strict=True):
        if one["stage"] in ("embeddings", "encoders"):  # frozen and fine-tuned
            assert one["settings"].pop("masked_words") == ["aid", "battery", "walking"]
        assert one == other
    with pytest.raises(ConfigError, match="needs labels with names"):
        plan(raw() | {"mask_label_names": True})
