"""Labels checked several times by a generator: plan, votes, agreement, correction, report."""

import json

import numpy as np
import pytest
from generation_fixture import NAMES, PROMPTS, SEED, document_rows, label_rows
from test_plan import ROOT, plan, raw
from test_plan import corpus as facts

from volfid.core.exits import ConfigError, DataError, RetryError
from volfid.core.schemas import CONTRACTS
from volfid.generation.checks import candidates, check_row, plan_checks, read_checking, vote
from volfid.generation.engines.base import ChoiceOutput
from volfid.generation.engines.fake import FakeEngine, Faults
from volfid.generation.engines.tokens import common_length
from volfid.generation.labelling_run import run_checks
from volfid.generation.requests import Corpus
from volfid.report.inputs import ReportInputs
from volfid.report.tables_agreement import tables
from volfid.statistics.agreement import agreement_rows
from volfid.statistics.several import krippendorff_alpha

CHECKS = {
    "documents": 3, "real": 5, "checks": 5, "temperature": 0.7, "candidates": 4, "chunk": 6, "shown_words": 40,
    "definitions": True, "genre": None,
}  # fmt: skip
SETTINGS = read_checking({"checks": CHECKS})


def corpus(names: bool = True) -> Corpus:
    return Corpus(document_rows(), label_rows() if names else [{**row, "name": None} for row in label_rows()], [])


def synthetic(count: int = 8, pools=("fake__a__d00", "fake__a__d01")) -> list[dict]:
    return [
        {"doc_id": f"{pool}-{i}", "pool_id": pool, "generator": "fake", "method": "full_synthesis", "kept": i != 1,
         "labels": [f"L{i % 5}"], "text": f"Text {i} about {NAMES[i % 5]}.", "parent_doc_id": f"d{i:02d}"}
        for pool in pools for i in range(count)
    ]  # fmt: skip


def planned(author="fake", seed=SEED, rows=None, checker="other", **changes):
    settings = read_checking({"checks": CHECKS | changes})
    return plan_checks(author, synthetic() if rows is None else rows, corpus(), PROMPTS, settings, checker, seed)


def job(author="fake", **changes):
    entry = {"name": "other", "engine": "fake", "dtype": "float32", "max_model_len": 1024, "chat": {"system": None}}
    return {
        "job_id": f"checks__other__{author}", "stage": "checks", "label": "gpu_generate", "model": "other", "code": "c",
        "master_seed": SEED, "items": [], "settings": {"source": author, "engine": entry, "checks": CHECKS | changes},
    }  # fmt: skip


class Counting(FakeEngine):
    """The fake engine, which fails before batch `stop`."""

    def __init__(self, settings, faults=None, stop=None):
        super().__init__(settings, faults)
        self.batches, self.stop = 0, stop

    def judge(self, asked, beat):
        if self.batches == self.stop:
            raise RetryError("told to fail")
        self.batches += 1
        return super().judge(asked, beat)


def run(folder, task=None, faults=None, stop=None, name="out"):
    made = []

    def make(settings, model_dir):
        made.append(Counting(settings, faults, stop))
        return made[0]

    outcome = run_checks(
        task or job(), corpus(), synthetic=synthetic(), prompts=PROMPTS, out_dir=folder / name,
        chunk_store=folder / "store", make_engine=make,
    )  # fmt: skip
    return outcome, made[0]


def test_every_check_of_a_document_asks_about_the_same_labels_in_another_order():
    asked = planned()
    by_document = {}
    for one in asked:
        by_document.setdefault(one.doc_id, []).append(one)
    assert len(by_document) == 2 * 3 and {len(rows) for rows in by_document.values()} == {5}
    assert not {"fake__a__d00-1", "fake__a__d01-1"} & set(by_document)  # not kept
    orders = set()
    for rows in by_document.values():
        assert len({frozenset(zip(one.labels, one.kinds, strict=True)) for one in rows}) == 1
        assert [one.check for one in rows] == [0, 1, 2, 3, 4]
        orders.add(len({one.labels for one in rows}) > 1)
        for one in rows:
            assert len(one.labels) == len(set(one.labels)) == 4
            shared = one.prompts[0][: common_length(one.prompts)]
            listed = [NAMES[int(label[1:])] for label in one.labels]
            assert (
                f"Some topics: {'; '.join(listed)}." in shared and "Text" in shared
            )  # read once, the label comes last
            for name, prompt in zip(listed, one.prompts, strict=True):
                assert prompt.endswith(
                    f"{name} (Thing number {NAMES.index(name)} that helps a person every day.)? Answer yes or no."
                )
    assert orders == {True}
    ids = [one.request_id for one in asked]
    assert len(set(ids)) == len(ids) and ids == [one.request_id for one in planned()]
    assert {one.group for one in asked} <= {f"d{i:02d}" for i in range(8)}  # those of one parent are drawn together


def test_real_documents_are_of_the_train_pool_and_the_choice_follows_the_seed():
    real = planned("real", rows=[], real=10)
    names = {one.doc_id for one in real}
    assert len(names) == 10 and names <= {f"d{i:02d}" for i in range(20)}  # from d20 on: test
    assert {(one.author, one.method) for one in real} == {("real", None)}
    assert {one.doc_id for one in planned("real", seed=8, rows=[], real=10)} != names
    assert len({one.doc_id for one in planned("real", rows=[], real=99)}) == 20


def test_candidates_are_the_labels_then_like_names_then_random_ones():
    found = candidates(["L0"], corpus(), 4, np.random.default_rng(1))
    assert found["L0"] == "target" and {label for label, kind in found.items() if kind == "near"} == {
        "L1",
        "L2",
    }  # aids
    assert sorted(found.values()) == ["near", "near", "random", "target"]
    many = candidates(["L0", "L1", "L2"], corpus(), 3, np.random.default_rng(1))
    assert list(many.values()).count("target") == 3 and len(many) == 5  # two others, however many labels there are
    assert len(candidates(["L0"], corpus(), 99, np.random.default_rng(1))) == 5
    with pytest.raises(DataError, match="no name"):
        plan_checks("real", [], corpus(names=False), PROMPTS, SETTINGS, "other", SEED)


def test_a_vote_is_drawn_at_the_temperature():
    chances = np.linspace(0.0005, 0.9995, 1000)
    for share, temperature, expected in ((0.5, 0.7, 0.5), (0.8, 1.0, 0.8), (0.8, 0.5, 0.64 / 0.68), (0.2, 2.0, 1 / 3)):
        assert np.mean([vote(share, temperature, c) for c in chances]) == pytest.approx(expected, abs=2e-3)
    assert [vote(1.0, 0.7, 0.999), vote(0.0, 0.7, 0.0), vote(None, 0.7, 0.1)] == [1, 0, -1]


def test_checks_of_one_document_vote_with_seeds_of_their_own():
    rows = [
        check_row(one, ChoiceOutput((0.5,) * 4, 1.0, 100, 80), SETTINGS, SEED)
        for one in planned(documents=6, checks=20)
    ]
    votes = np.array([row["votes"] for row in rows])
    assert 0.45 < votes.mean() < 0.55 and len({tuple(row) for row in votes.tolist()}) == 16
    again = [
        check_row(one, ChoiceOutput((0.5,) * 4, 1.0, 100, 80), SETTINGS, SEED)
        for one in planned(documents=6, checks=20)
    ]
    assert again == rows


def test_the_rows_keep_their_contract_and_a_stopped_run_goes_on(tmp_path):
    with pytest.raises(RetryError):
        run(tmp_path, stop=2, name="stopped")
    first, engine = run(tmp_path)
    CONTRACTS["label_checks"].check(first.rows, "rows")
    assert first.counts["chunks_reused"] == 2 and engine.batches == first.counts["chunks"] - 2
    assert first.counts["checks"] == 30 and first.counts["questions"] == 120
    assert first.counts["tokens_cached"] > 0.4 * first.counts["tokens_prompt"]
    again, other = run(tmp_path, name="other")
    assert other.started == 0 and CONTRACTS["label_checks"].content_sha(again.rows) == CONTRACTS[
        "label_checks"
    ].content_sha(first.rows)
    warmer, _ = run(tmp_path, job(temperature=1.4), name="warmer")  # another temperature is another chunk
    assert warmer.counts["chunks_reused"] == 0
    assert [row["yes_shares"] for row in warmer.rows] == [row["yes_shares"] for row in first.rows]
    silent, _ = run(tmp_path, job(chunk=7), Faults(empty=1.0), name="silent")
    assert {vote for row in silent.rows for vote in row["votes"]} == {-1} and silent.counts["failures"] == 120
    (row,) = [row for row in agreement_rows(silent.rows, SEED) if row["label"] is None]
    assert row["alpha"] is None and "alpha" in row["note"] and row["unanswered"] == 120 and row["accepted"] == 0


def made(votes, author="fake", kinds=None, method="full_synthesis", checker="other", group=None):
    """Rows of contract label_checks; votes: (documents, checks, labels), None or -1 for no answer."""
    rows = []
    for number, document in enumerate(votes):
        labels = [f"L{place}" for place in range(len(document[0]))]
        for check, given in enumerate(document):
            rows.append({
                "request_id": f"{author}{number}-{check}", "pool_id": f"{checker}__{author}", "position": 0,
                "checker": checker, "author": author, "method": None if author == "real" else method,
                "doc_id": f"{author}{number}", "group": f"g{number if group is None else group}", "check": check,
                "prompt_sha": "", "labels": labels, "kinds": (kinds or ["target"] * len(labels)),
                "yes_shares": [0.5] * len(labels), "votes": [-1 if one is None else one for one in given],
                "answer_mass": 1.0, "failures": 0, "tokens_prompt": 1, "tokens_cached": 0, "tokens_completion": 1,
            })  # fmt: skip
    return rows


def whole(rows, author="fake"):
    (row,) = [r for r in agreement_rows(rows, SEED) if r["label"] is None and r["author"] == author]
    return row


def test_alpha_and_majority_meet_the_vector():
    vector = json.loads((ROOT / "tests/golden/stats.json").read_text())["self_consistency"]
    votes = np.array(vector["votes_3_raters_8_items"], dtype=object)
    row = whole(made(votes.T[:, :, None].tolist()))
    assert row["alpha"] == pytest.approx(vector["krippendorff_alpha_nominal"], abs=1e-12)
    assert row["accepted"] == pytest.approx(np.mean(vector["majority_keep"])) and row["unanswered"] == 1
    kept = [whole(made([document]))["accepted"] for document in votes.T[:, :, None].tolist()]
    assert kept == [float(one) for one in vector["majority_keep"]]


@pytest.mark.parametrize("seed", range(4))
def test_alpha_equals_the_general_formula_with_missing_votes(seed):
    rng = np.random.default_rng(seed)
    votes = rng.choice([0, 1, -1], size=(9, 5, 3), p=[0.5, 0.35, 0.15])
    units = votes.transpose(1, 0, 2).reshape(5, -1)
    expected = krippendorff_alpha([[None if one == -1 else int(one) for one in rater] for rater in units])
    rows = agreement_rows(made(votes.tolist()), SEED)
    assert whole(made(votes.tolist()))["alpha"] == pytest.approx(expected, abs=1e-12)
    assert {row["label"] for row in rows} == {None, "L0", "L1", "L2"}
    CONTRACTS["agreement"].check(rows, "rows")


def simulated(documents, truth, sensitivity, false, rng, author):
    """Documents with a target and two others; `truth`: share of targets that the text has. Checks agree wholly."""
    has = np.stack([rng.random(documents) < truth, *np.zeros((2, documents), bool)], axis=1)
    says = rng.random(has.shape) < np.where(has, sensitivity, false)
    return made(np.repeat(says[:, None], 5, 1).astype(int).tolist(), author, ["target", "near", "random"])


@pytest.mark.parametrize("truth", [0.3, 0.6, 1.0])
def test_what_is_realised_is_found_behind_a_checker_that_errs(truth):
    held, values = 0, []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rows = simulated(120, truth, 0.8, 0.2, rng, "fake") + simulated(200, 1.0, 0.8, 0.2, rng, "real")
        row = whole(rows)
        held += row["realised_low"] <= truth <= row["realised_high"]
        values.append(row["realised"])
        assert abs(row["accepted"] - (0.2 + 0.6 * truth)) < 0.2  # what the raw share says
    assert np.mean(values) == pytest.approx(truth, abs=0.04) and held >= 34  # 95 % of 40, chance allowed for


def test_undefined_figures_have_their_reason():
    yes = made(np.ones((6, 5, 3), int).tolist(), "fake", ["target", "near", "random"])
    same = made(np.ones((6, 5, 3), int).tolist(), "real", ["target", "near", "random"])
    row = whole(yes + same)
    assert row["accepted"] == row["others_accepted"] == 1.0 and row["realised"] is None and row["alpha"] is None
    assert "confirms labels and others alike" in row["note"] and "alpha: all votes are alike" in row["note"]
    assert "was not asked about real documents" in whole(yes)["note"]
    assert whole(yes + same, "real")["realised"] is None
    always, never = whole(yes + same), whole(made(np.zeros((6, 5, 1), int).tolist()))
    assert always["accepted_high"] == 1 and 0.5 < always["accepted_low"] < 0.7  # Wilson over six documents
    assert never["accepted_low"] == 0 and 0.3 < never["accepted_high"] < 0.5
    alone = whole(made(np.ones((1, 5, 3), int).tolist(), "fake", ["target", "near", "random"]))
    assert alone["accepted"] == 1 and alone["accepted_low"] is None and "one document" in alone["note"]
    unlabelled = whole(made(np.ones((3, 5, 2), int).tolist(), "fake", ["near", "random"]))
    assert (
        unlabelled["accepted"] is None
        and unlabelled["kept_strict"] is None
        and "no document has a label" in unlabelled["note"]
    )
    broken = made(np.ones((1, 2, 2), int).tolist())
    broken[1]["kinds"] = ["near", "target"]
    with pytest.raises(DataError, match="different labels"):
        agreement_rows(broken, SEED)
    assert agreement_rows([], SEED) == []


def test_documents_of_one_parent_are_drawn_together_and_filters_are_told():
    rng = np.random.default_rng(2)
    votes = np.repeat(rng.integers(0, 2, (30, 1, 2)), 5, 1)
    apart, together = whole(made(votes.tolist())), made(votes.tolist())
    for row in together:
        row["group"] = f"g{int(row['doc_id'].removeprefix('fake')) // 10}"
    few = whole(together)
    assert few["accepted"] == apart["accepted"] and few["accepted_low"] != apart["accepted_low"]
    confirmed = votes[:, 0] == 1
    assert apart["kept_strict"] == pytest.approx(confirmed.all(1).mean())
    assert apart["kept_relabel"] == pytest.approx(confirmed.any(1).mean())


def test_the_planner_pairs_checkers_with_authors_and_prices_their_questions():
    design = raw("checks")
    made_plan = plan(design, labels=[{"label": "L0", "name": "Walking aid"}])
    jobs = [one for one in made_plan.jobs if one["stage"] == "checks"]
    assert [one["settings"]["source"] for one in jobs] == ["real", "smollm2_135m"]
    assert {one["model"] for one in jobs} == {"smollm2_135m"} and jobs[0]["settings"]["checks"]["checks"] == 5
    estimate = made_plan.record["estimate"]
    pools = 2 * 2  # methods, draws
    assert estimate["questions"] == (40 + 12 * pools) * 5 * 8 and estimate["seconds"]["checks"] > 60
    alone = design | {"checks": {**design["checks"], "own": False}}
    with pytest.raises(ConfigError, match="nobody to check the text of smollm2_135m"):
        plan(alone)
    other = alone | {"checks": {**alone["checks"], "checkers": ["fake"]}}
    assert {one["job_id"] for one in plan(other).jobs if one["stage"] == "checks"} == {
        "checks__fake__real", "checks__fake__smollm2_135m",
    }  # fmt: skip
    for wrong, words in (("nobody", "unknown checker"), ("eda", "cannot be asked")):
        with pytest.raises(ConfigError, match=words):
            plan(alone | {"checks": {"checkers": [wrong]}})
    real = design | {"blocks": [{"name": "floors", "arms": ["R0"], "classifier": ["prior"]}]}
    assert {"what": "checks", "reason": "no arm trains on synthetic text", "cells": 0} in plan(real).record[
        "not_planned"
    ]
    unnamed = plan(raw("smoke"), facts(train=504, named=False), labels=[{"label": "L0", "name": None}])
    assert not [one for one in unnamed.jobs if one["stage"] == "checks"]
    assert any(gap["what"] == "checks" and "no names" in gap["reason"] for gap in unnamed.record["not_planned"])


def test_the_report_shows_checks_or_says_that_there_are_none():
    rng = np.random.default_rng(0)
    rows = simulated(40, 0.6, 0.8, 0.2, rng, "fake") + simulated(60, 1.0, 0.8, 0.2, rng, "real")
    agreement = agreement_rows(rows, SEED)
    labels = [{"label": f"L{i}", "name": name} for i, name in enumerate(NAMES)]
    over_all, each = tables(ReportInputs(agreement=agreement, labels=labels))
    assert [row[1] for row in over_all.rows] == ["real", "fake"] and len(over_all.columns) == len(over_all.rows[0])
    found = dict(zip(over_all.columns, over_all.rows[1], strict=True))
    mine = next(row for row in agreement if row["label"] is None and row["author"] == "fake")
    assert found["realised"].startswith(f"{mine['realised']:.2f} [") and found["n"] == "40"
    assert [row[3] for row in each.rows] == ["Walking aid", "Walking aid"] and len(each.columns) == len(each.rows[0])
    own = agreement_rows(made(np.ones((3, 5, 1), int).tolist(), checker="fake"), SEED)
    assert tables(ReportInputs(agreement=own, labels=labels))[0].rows[0][1] == "itself"
    # a check whose task failed is told
    planned = {"counts": {"jobs_by_stage": {"checks": 2}}}
    one_there = ReportInputs(agreement=own, labels=labels, plan=planned, manifests=[{"command": "check_labels.py"}])
    assert "1 of 2 checks are missing" in str(tables(one_there)[0])
    assert tables(ReportInputs(plan=planned))[0].empty.startswith("2 of 2 checks are missing")
    (nothing,) = tables(ReportInputs())
    assert nothing.rows == [] and "design" in nothing.empty
