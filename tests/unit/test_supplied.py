"""Supplied synthetic text: a draw uses what was made from its own real documents, and every pool is compared alone."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from volfid.core.exits import ConfigError
from volfid.core.labels import label_matrix
from volfid.core.schemas import CONTRACTS
from volfid.core.seeds import generator
from volfid.core.supplied import UNKNOWN_ORIGIN, UNKNOWN_TEST
from volfid.curation.corpus import OUTSIDE, build_corpus
from volfid.inputs.fixture import generate
from volfid.inputs.prepare import prepare
from volfid.inputs.settings import InputSettings
from volfid.plan.design import Design
from volfid.plan.planner import make_plan, read_methods, summary
from volfid.regimes.sampling import sample_regimes
from volfid.report.tables_run import waterfall_table
from volfid.statistics.outside import caveat
from volfid.statistics.table import Context, Source
from volfid.statistics.words import worth_sentence
from volfid.training.metrics import ap_micro

ROOT = Path(__file__).parents[2]
DOCS = [
    {"id": f"d{i:03d}", "text": text, "labels": list(labels)}
    for i, (text, labels) in enumerate(generate(360, generator(21, "supplied")))
]
SPECIAL = {"regime": {"sizes": [0.25], "curve": [], "draws": 3, "folds": 3}, "blocks": [
    {"name": "headline", "arms": ["Rt", "St"], "added": ["pool", "pool/2"]},
    {"name": "attribution", "arms": ["R1", "Pb", "PL", "S"], "added": ["pool/2"]},
    {"name": "paired", "arms": ["Pp", "C"], "added": ["pool/2"], "optional": True},
]}  # fmt: skip


def save(folder: Path, rows: list[dict], name: str) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def reworded(text: str) -> str:
    """A light rewrite: every ninth word is another one."""
    return " ".join("thing" if i % 9 == 4 else word for i, word in enumerate(text.split()))


def planned(prepared, **changes):
    design = yaml.safe_load((ROOT / "params/design/audit.yaml").read_text()) | SPECIAL | changes
    design["factors"] = design["factors"] | {"classifier": ["linear"]}
    return make_plan(
        Design.model_validate(design), corpus=prepared.corpus, labels=prepared.labels,
        models=yaml.safe_load((ROOT / "params/models.yaml").read_text()),
        recipes=yaml.safe_load((ROOT / "params/recipes.yaml").read_text()),
        methods=read_methods(ROOT / "params/prompts"), claims=yaml.safe_load((ROOT / "params/claims.yaml").read_text()),
        seed=None, cores=2, bin_dir=ROOT / "bin",
        read_documents=lambda: prepared.documents, read_brought=lambda: prepared.brought,
    )  # fmt: skip


def curated(plan, prepared):
    """Regimes and training sets of a plan, by the code of their stages."""
    regimes = [
        row for job in plan.jobs if job["stage"] == "regimes"
        for row in sample_regimes(prepared.documents, prepared.labels, job["settings"], job["master_seed"])
    ]  # fmt: skip
    made = [
        build_corpus(job, prepared.documents, prepared.labels, regimes, brought=prepared.brought)
        for job in plan.jobs if job["stage"] == "curation"
    ]  # fmt: skip
    for corpus in made:
        for name in ("synthetic", "waterfall", "trainsets", "gaps"):
            CONTRACTS[name].check(getattr(corpus, name), name)
    return regimes, made


def gains(plan, prepared) -> list[float]:
    """Per draw the micro-average precision of St at the whole pool less that of Rt: ridge on words, no tuning."""
    _, made = curated(plan, prepared)
    texts = {row["doc_id"]: row["text"] for row in [*prepared.documents, *prepared.brought]}
    words = sorted({word for text in texts.values() for word in text.lower().split()})
    column = {word: i for i, word in enumerate(words)}
    names = [row["label"] for row in prepared.labels]

    def features(ids):
        x = np.zeros((len(ids), len(words)))
        for i, doc_id in enumerate(ids):
            for word in set(texts[doc_id].lower().split()):
                x[i, column[word]] = 1
        return x / np.sqrt(x.sum(1, keepdims=True))

    test = [row for row in prepared.documents if row["split"] == "test"]
    truth = label_matrix([row["labels"] for row in test], names).astype(bool)
    held = features([row["doc_id"] for row in test])
    sets = {}
    for row in (row for corpus in made for row in corpus.trainsets):
        sets.setdefault(row["trainset_id"], []).append(row)

    def score(cell):
        rows = sets[cell["trainset_id"]]
        x, y = features([row["doc_id"] for row in rows]), label_matrix([row["labels"] for row in rows], names)
        gram = x @ x.T + 0.3 * np.eye(len(x))
        return ap_micro(truth, held @ x.T @ np.linalg.solve(gram, y - y.mean(0)) + y.mean(0))

    most = max(cell["rows_added"] for cell in plan.cells if cell["arm"] == "St")
    scores = {
        (cell["draw"], cell["arm"]): score(cell) for cell in plan.cells
        if cell["arm"] == "Rt" or (cell["arm"] == "St" and cell["rows_added"] == most)
    }  # fmt: skip
    return [scores[draw, "St"] - scores[draw, "Rt"] for draw in range(3)]


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory):
    """An audit of light rewrites of all real train documents, whose sources the file names."""
    folder = tmp_path_factory.mktemp("rewritten")
    rows = [
        {"id": f"s{row['id']}", "text": reworded(row["text"]), "labels": row["labels"], "source": row["id"]}
        for row in DOCS
    ]
    real = str(save(folder, DOCS, "real.jsonl"))
    return prepare(real, InputSettings(), 3, synthetic=save(folder, rows, "synthetic.jsonl"))


def hidden(prepared):
    """The same, as it was before sources were looked at: a pool of unknown origin."""
    rows = [{**row, "source_doc_ids": []} for row in prepared.brought]
    return replace(prepared, brought=rows)


def test_rewrites_of_documents_outside_the_draw_are_worth_nothing(rewritten):
    """What a quarter of the real documents gains by rewrites of all of them is the content of the other quarters."""
    before = gains(planned(hidden(rewritten)), hidden(rewritten))
    after = gains(planned(rewritten), rewritten)
    assert min(before) > 0.1, "or the test shows nothing"
    assert max(map(abs, after)) < 0.02


def test_m_is_what_every_draw_may_use_and_the_waterfall_says_what_was_left_out(rewritten):
    plan = planned(rewritten)
    regimes, (audit, real) = curated(plan, rewritten)
    if not audit.waterfall:
        audit, real = real, audit
    size, there = plan.cells[0]["regime"], len(rewritten.brought)
    usable = [
        sum(set(row["source_doc_ids"]) <= set(regime["doc_ids"]) for row in rewritten.brought)
        for regime in regimes if regime["size"] == size
    ]  # fmt: skip
    assert 0 < min(usable) < there / 2
    assert {c["rows_added"] for c in plan.cells if c["arm"] == "St"} == {min(usable), min(usable) // 2}
    assert {c["rows_added"] for c in plan.cells if c["arm"] == "Pb"} == {min(usable) // 2}, "the same for all arms"
    (kept, *left_out) = audit.waterfall
    assert kept["rows_out"] == there
    assert {row["rule"]: (row["rows_in"], row["rows_out"]) for row in left_out} == {
        f"{OUTSIDE}: draw {draw}, {size} documents": (there, count) for draw, count in enumerate(usable)
    }  # fmt: skip
    drawn = {regime["draw"]: set(regime["doc_ids"]) for regime in regimes if regime["size"] == size}
    draw_of = {c["trainset_id"]: c["draw"] for c in plan.cells}
    rows = [row for row in audit.trainsets if row["source"] == "synthetic"]
    assert rows and all(set(row["source_doc_ids"]) <= drawn[draw_of[row["trainset_id"]]] for row in rows)
    built = {row["trainset_id"] for row in audit.trainsets}
    assert {c["trainset_id"] for c in plan.cells if c["arm"] in ("St", "S", "PL")} <= built
    said = summary(plan)
    assert f"of {there} documents a draw uses those made from its own real documents alone: {min(usable)}" in said
    assert UNKNOWN_ORIGIN not in said


def test_a_pool_of_unknown_origin_runs_whole_and_is_marked_where_real_documents_are_left_out(rewritten):
    plan = planned(hidden(rewritten), regime={"sizes": [0.25, "all"], "curve": [], "draws": 3, "folds": 3})
    there, (quarter, every) = len(rewritten.brought), plan.record["design"]["resolved"]["sizes"]
    assert {c["rows_added"] for c in plan.cells if c["arm"] == "St"} == {there, there // 2}
    said = summary(plan)
    assert f"{UNKNOWN_ORIGIN}: {there} of {there} documents name no source" in said
    assert f"this concerns the regimes of {quarter}\n" in said, "all real documents are in the other one"
    assert f"of unknown origin, {UNKNOWN_TEST}" in said, "of every regime"
    assert UNKNOWN_TEST not in summary(planned(rewritten))
    places = [Context("linear", size, there, Source("brought", "brought", "own", 0, 0)) for size in (quarter, every)]
    assert [caveat(place, plan.record) for place in places] == [UNKNOWN_ORIGIN, None]
    assert worth_sentence(places[0], None, None, UNKNOWN_ORIGIN).startswith(
        f"May contain the content of real documents outside the sample: {there} synthetic documents (supplied)"
    )
    assert caveat(places[0], planned(rewritten).record) is None
    made = Context("linear", quarter, there, Source("fake", "paraphrase", "paired", quarter, 0))
    assert caveat(made, plan.record) is None


def test_a_pool_with_and_without_sources_uses_all_unknown_rows_and_is_marked(rewritten):
    rows = [{**row, "source_doc_ids": []} if i < 20 else row for i, row in enumerate(rewritten.brought)]
    rows[20] = {**rows[20], "sources_unknown": 1}
    plan = planned(replace(rewritten, brought=rows))
    (pool,) = plan.record["design"]["resolved"]["supplied"]
    whole = planned(rewritten).record["design"]["resolved"]["supplied"][0]["usable"][0]["documents"]
    assert pool["unknown"] == 21 and whole < pool["usable"][0]["documents"] <= whole + 20
    assert f"21 of {len(rows)} documents name no source" in summary(plan)
    _, made = curated(plan, replace(rewritten, brought=rows))
    assert not [gap for corpus in made for gap in corpus.gaps if gap["wanted"] == pool["usable"][0]["documents"]]


def test_a_draw_that_may_use_nothing_is_a_named_gap_or_the_end_where_all_are(rewritten):
    train = [row["doc_id"] for row in rewritten.documents if row["split"] == "train"]
    rows = [{**row, "source_doc_ids": train} for row in rewritten.brought]
    with pytest.raises(ConfigError, match=r"none of the .* documents of the supplied pool is made from the .* alone"):
        planned(replace(rewritten, brought=rows))
    both = planned(
        replace(rewritten, brought=rows), regime={"sizes": [0.25, "all"], "curve": [], "draws": 3, "folds": 3}
    )
    assert {c["regime"] for c in both.cells if c["generator"]} == {len(train)}
    assert any("larger regimes use more" in gap["reason"] for gap in both.record["not_planned"])


def test_generated_text_knows_the_documents_of_its_draw_alone_and_other_text_is_left_out():
    """The planner lets no pool see more than the regime; curation holds it, whatever the generations say."""
    documents = [
        {"doc_id": f"r{i}", "text": f"real {i} " * 9, "labels": ["A"], "split": "train", "group": "g", "text_sha": "x"}
        for i in range(6)
    ]
    regimes = [
        {"regime_id": f"n{n}", "size": n, "draw": 0, "doc_ids": [f"r{i}" for i in range(n)], "folds": [0] * n,
         "label_counts": [n], "labels_missing": 0} for n in (3, 5)
    ]  # fmt: skip
    pool = {"pool_id": "p", "generator": "g", "method": "m", "label_plan": "paired", "pool_size": 3, "draw": 0}
    request = {
        "pool_id": "p", "regime": 3, "draw": 0, "generator": "g", "method": "m", "label_plan": "paired",
        "labels": ["A"], "seed": 1,
    }  # fmt: skip
    generations = [
        request | {"request_id": f"{i:016x}", "position": i, "source_doc_ids": [shown], "parent_doc_id": parent,
                   "text": " ".join(f"w{i}x{k}" for k in range(20))}
        for i, (shown, parent) in enumerate([("r0", "r1"), ("r4", "r1"), ("r0", "r4"), ("r2", None)])
    ]  # fmt: skip
    item = {
        "trainset_id": "t", "pool_id": "p", "regime": 3, "draw": 0, "text": "synthetic", "label_law": "synthetic",
        "dose": None, "rows_added": 2, "real_share": None, "budget": None, "pool_size": 3, "round": 0,
        "generator": "g", "method": "m", "label_plan": "paired",
    }  # fmt: skip
    job = {"master_seed": 1, "settings": {"pools": [pool], "rules": {}}}
    labels = [{"label": "A"}]
    made = build_corpus(job | {"items": [item]}, documents, labels, regimes, generations)
    assert {row["doc_id"][-1] for row in made.trainsets if row["source"] == "synthetic"} == {"0", "3"}
    assert made.waterfall[-1]["rule"] == f"{OUTSIDE}: draw 0, 3 documents" and made.waterfall[-1]["removed"] == 2
    short = build_corpus(job | {"items": [item | {"rows_added": 3}]}, documents, labels, regimes, generations)
    assert [(gap["wanted"], gap["got"]) for gap in short.gaps] == [(3, 2)], "never refilled"
    wide = [item | {"rows_added": 4, "regime": 5}]
    wide = build_corpus(job | {"items": wide}, documents, labels, regimes, generations)
    assert not wide.gaps and OUTSIDE not in str(wide.waterfall)


def test_each_supplied_pool_is_planned_and_built_alone(rewritten):
    """As generators of a study are: own M, real arms at each M, one task for all of their texts."""
    names = [("gpt_4o", "para"), ("gpt_4o", "full"), ("smollm2_135m", "paraphrase")]
    pools = [names[0] if i % 2 else names[1 + (i % 4 > 1)] for i in range(len(rewritten.brought))]
    rows = [row | {"generator": g, "method": m} for row, (g, m) in zip(rewritten.brought, pools, strict=True)]
    several = replace(rewritten, brought=rows)
    plan = planned(several)
    usable = {
        (pool["generator"], pool["method"]): pool["usable"][0]["documents"]
        for pool in plan.record["design"]["resolved"]["supplied"]
    }  # fmt: skip
    assert set(usable) == set(names) and len(set(usable.values())) > 1
    tuned = {(c["generator"], c["method"], c["rows_added"]) for c in plan.cells if c["arm"] == "St"}
    assert tuned == {(*name, rows // part) for name, rows in usable.items() for part in (1, 2)}
    assert {c["rows_added"] for c in plan.cells if c["arm"] == "Pb"} == {rows // 2 for rows in usable.values()}
    assert len({c["cell_id"] for c in plan.cells}) == len(plan.cells)
    assert sorted(job["settings"]["source"] for job in plan.jobs if job["stage"] == "curation") == ["brought", "real"]
    assert {job["settings"]["source"] for job in plan.jobs if job["stage"] == "training"} == {"brought", "real"}
    said = summary(plan)
    assert "3 supplied pools, each compared alone: gpt_4o · full" in said and "smollm2_135m · paraphrase: of" in said
    _, made = curated(plan, several)
    (audit,) = [corpus for corpus in made if corpus.synthetic]
    own = {row["doc_id"]: (row["generator"], row["method"]) for row in rows}
    assert all((row["generator"], row["method"]) == own[row["doc_id"]] for row in audit.synthetic)
    assert len(audit.synthetic) == len(rows), "every document is in one pool"
    cells = {c["trainset_id"]: (c["generator"], c["method"]) for c in plan.cells if c["arm"] == "St"}
    used = [row for row in audit.trainsets if row["source"] == "synthetic" and row["trainset_id"] in cells]
    assert used and all(own[row["doc_id"]] == cells[row["trainset_id"]] for row in used)
    built = {row["trainset_id"] for row in audit.trainsets}
    assert set(cells) <= built
    whole, everything = audit.of_draw(next(j for j in plan.jobs if j["job_id"] == "curation__brought"), 0)
    assert len(whole) == len(rows) and everything, "one folder of vectors holds the texts of all pools"


def test_a_small_supplied_pool_beside_others_is_a_named_gap(rewritten):
    rows = [
        {**row, "source_doc_ids": [], "generator": "one" if i == 0 else "many", "method": "supplied"}
        for i, row in enumerate(rewritten.brought)
    ]  # fmt: skip
    plan = planned(replace(rewritten, brought=rows))
    assert {c["generator"] for c in plan.cells if c["arm"] == "S"} == {"many"}
    assert any("one · supplied" in gap["what"] + gap["reason"] for gap in plan.record["not_planned"])


def test_the_report_sums_what_was_left_out_over_draws(rewritten):
    _, made = curated(planned(rewritten), rewritten)
    waterfall = [row for corpus in made for row in corpus.waterfall]
    table = waterfall_table(SimpleNamespace(waterfall=waterfall))
    left_out = [row for row in waterfall if row["rule"].startswith(OUTSIDE)]
    (size,) = {row["rule"].rpartition(", ")[2] for row in left_out}
    assert [row[1] for row in table.rows] == ["cleaned_as_input", f"{OUTSIDE}: {size}"]
    assert table.rows[1][3] == str(sum(row["removed"] for row in left_out))
