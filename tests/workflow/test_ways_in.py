"""Own data: an audit of brought text, and documents whose labels have no names."""

import csv
import json

import pytest
from helpers.designs import smaller
from helpers.nextflow import launch

from volfid.core.schemas import CONTRACTS

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def documents(smoke):
    return CONTRACTS["documents"].read(smoke.results / "inputs")


def write_csv(path, rows, header=("id", "text", "labels"), between=";"):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([row["doc_id"], row["text"], between.join(row["labels"])] for row in rows)
    return str(path)


ODD = """it's "$(touch oops)" `no`"""


def test_an_audit_measures_supplied_pools_against_all_controls(project, documents, tmp_path):
    """Two files are two pools: one of unknown origin in columns of its own, one of rewrites that name their sources."""
    real = write_csv(tmp_path / "my documents.csv", documents[:500])
    mine, theirs = tmp_path / "it's mine (new).jsonl", tmp_path / "GPT-4o.jsonl"
    rows = [{"id": d["doc_id"], "body": d["text"], "labels": d["labels"]} for d in documents[500:620]]
    mine.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = [
        {"id": d["doc_id"], "labels": d["labels"], "made_from": d["doc_id"],
         "body": " ".join("thing" if i % 9 == 4 else word for i, word in enumerate(d["text"].split()))}
        for d in documents[:500]
    ]  # fmt: skip
    theirs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    design = smaller(
        "audit", tmp_path / "audit.yaml", regime={"sizes": [0.3], "curve": [0.15, 0.3, 0.6, 0.9], "draws": 2},
        factors={"classifier": ["linear"]},
    )  # fmt: skip
    run = launch(
        project, tmp_path / "run", "-profile", "audit", "--real", real, "--synthetic", f"{mine},{theirs}",
        "--synthetic_text_columns", "body", "--synthetic_source_column", "made_from", "--design", design,
    )  # fmt: skip
    assert run.code == 0, run.output[-4000:]
    assert "GENERATE_TEXT" not in run.processes("COMPLETED")
    assert "volfid: warning: " in run.output and "supplied documents name no source" in run.output
    tables = run.results / "tables"
    worth = [row for row in CONTRACTS["effects"].read(tables) if row["effect"] == "worth_further_documents"]
    assert {row["generator"] for row in worth} == {"it_s_mine_new", "gpt_4o"}
    assert all(("may contain the content" in row["note"]) == (row["generator"] == "it_s_mine_new") for row in worth)
    arms = {cell["arm"] for cell in CONTRACTS["cells"].read(run.results / "plan")}
    assert {"R0", "R1", "Rt", "RMt", "Pb", "Pd", "Pp", "PL", "C", "S", "St", "S_perm"} <= arms
    assert CONTRACTS["fidelity"].read(tables) and CONTRACTS["retrieval"].read(tables)
    # rewrites of documents outside the draw are left out
    tuned = {cell["generator"]: cell for cell in CONTRACTS["cells"].read(run.results / "plan") if cell["arm"] == "St"}
    assert tuned["gpt_4o"]["rows_added"] <= tuned["gpt_4o"]["regime"] and "its own real documents alone" in run.output


def test_without_label_names_paraphrase_runs_and_full_synthesis_is_a_named_gap(project, documents, tmp_path):
    """One draw only: every list of files then holds a single file, which a careless glob would miss. The documents
    lie in a folder of shards with odd columns, and two of them, without a label, count as negatives; the test side is
    a file of its own."""
    backwards = (" ".join(row["text"].split()[::-1]) for row in documents[:2])
    rows = [*documents, *({"doc_id": f"bare{i}", "text": text, "labels": []} for i, text in enumerate(backwards))]
    folder = tmp_path / "my shards"
    folder.mkdir()
    for part in range(2):
        write_csv(folder / f"part {part}.csv", rows[part::3], (ODD, "body", "cpc"), ", ")
    held_out = write_csv(tmp_path / "held out.csv", rows[2::3], (ODD, "body", "cpc"), ", ")
    design = smaller("smoke", tmp_path / "one.yaml", regime={"sizes": [48], "curve": [], "draws": 1})
    run = launch(project, tmp_path / "run", "-profile", "smoke", "--input", str(folder), "--test", held_out,
                 "--design", design, "--chunk_store", "chunks", "--id_column", ODD, "--text_columns", "body", "--label_columns", "cpc",
                 "--label_separator", ",", "--policies", "unlabelled=keep")  # fmt: skip
    assert run.code == 0, run.output[-4000:]
    corpus = CONTRACTS["corpus"].read_object(run.results / "inputs")
    assert corpus["name"] == "my shards" and corpus["documents"] == len(rows)
    assert corpus["split_sizes"]["test"] == len(rows[2::3])
    assert {row["policy"]: row["met"] for row in corpus["policies"]}["unlabelled"] == 2
    assert not list(run.launch.rglob("oops"))
    methods = {cell["method"] for cell in CONTRACTS["cells"].read(run.results / "plan")}
    assert methods == {None, "paraphrase"}
    assert "labels have no names" in (run.results / "report.html").read_text()
    assert "labels have no names" in run.output, "the planner says it on the screen, too"
    # a relative chunk store lies where the run was started, not in a task's folder
    assert list((run.launch / "chunks").rglob("*.jsonl"))
    # an interval needs draws: undefined with its reason, never a number
    gain = [row for row in CONTRACTS["effects"].read(run.results / "tables") if row["effect"] == "gain_tuned"]
    assert gain and all(row["ci_low"] is None and row["note"] for row in gain)
