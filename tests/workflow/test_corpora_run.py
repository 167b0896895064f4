"""A corpus by recipe through the workflow, from a server that answers as the hub does; and what is refused before."""

import io
import json
import re

import pytest
import torch
import yaml
from helpers.dataset_hub import COMMIT, DATASET, dataset_hub
from helpers.nextflow import ROOT, copy_project, launch

from volfid.inputs.fixture import fixture_label_names, fixture_records

pytestmark = pytest.mark.workflow
SIDES = ("train", "train", "train", "train", "train", "dev", "test", "test")


def as_wos(records, names):
    """The fixture's documents in the form of WOS_CT."""
    number = {label: position for position, label in enumerate(sorted(names))}
    lines = {"train": [], "dev": [], "test": []}
    for position, record in enumerate(records):
        row = {"token": record.text, "label": [number[label] for label in record.labels]}
        lines[SIDES[position % len(SIDES)]].append(json.dumps(row) + "\n")
    files = {f"CT/CT_{side}.json": "".join(rows).encode() for side, rows in lines.items()}
    for name, value in (
        ("value_dict", {number[label]: about.name for label, about in names.items()}),
        ("depth2label", {0: [0], 1: [1]}),
    ):
        buffer = io.BytesIO()
        torch.save(value, buffer)
        files[f"CT/{name}.pt"] = buffer.getvalue()
    return files


@pytest.fixture(scope="module")
def hub():
    with dataset_hub(as_wos(fixture_records().rows, fixture_label_names())) as server:
        yield server


@pytest.fixture
def recipe(tmp_path):
    def make(**changes):
        content = yaml.safe_load((ROOT / "params/corpora/wos_ct.yaml").read_text())
        content |= {
            "name": "mine",
            "source": {"kind": "hub", "dataset": DATASET},
            "revision": COMMIT,
            "published_documents": 840,
            "documents": None,
            "id_sha256": None,
            "id_sha256_unknown": "another corpus",
        }
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content | changes))
        return str(tmp_path / "mine.yaml")

    return make


ONLY_INPUTS = """
include { INPUTS } from './modules/inputs.nf'
include { chosenSource } from './modules/sources.nf'
include { preflight } from './modules/preflight.nf'
workflow {
    preflight()
    INPUTS(chosenSource())
}
"""


def test_a_corpus_is_fetched_by_its_recipe_and_prepared(project, hub, recipe, tmp_path):
    """The stage of the inputs alone, by the project's own modules and configuration; fetched once."""
    (project / "only_inputs.nf").write_text(ONLY_INPUTS)
    arguments = ("--corpus", recipe(), "-profile", "smoke", "-resume")
    run = launch(project, tmp_path / "run", *arguments, script="only_inputs.nf", **hub.environment)
    assert run.code == 0, run.output[-4000:]
    assert run.processes("COMPLETED") == {"FETCH_CORPUS", "PREPARE_DOCUMENTS"}
    corpus = json.loads((run.results / "inputs/corpus.json").read_text())
    assert corpus["name"] == "mine" and corpus["stamp"] is None and corpus["documents"] > 800
    assert set(corpus["split_sizes"]) == {"train", "reference", "test"} and corpus["named_labels"]
    card = json.loads((run.results / "inputs/source.json").read_text())
    assert card["source"]["revision"] == COMMIT and card["documents"] == 840 and card["notes"] == []
    asked = len(hub.asked)
    again = launch(project, tmp_path / "run", *arguments, script="only_inputs.nf", **hub.environment)
    assert again.code == 0 and "FETCH_CORPUS" in again.processes("CACHED") and len(hub.asked) == asked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpus", "nothing"], "there is no recipe nothing; known: at_bigquery, at_wipo, hupd_2016_01"),
        (["--input", "hf:me/data@main"], "hf:me/data@main does not pin a data set"),
    ],
)
def test_a_corpus_that_nothing_pins_is_refused_before_anything_starts(project, tmp_path, arguments, message):
    run = launch(project, tmp_path / "run", *arguments, "-preview", timeout=60)
    assert run.code == 64 and message in run.output, run.output
    assert "Submitted process" not in run.output


def test_a_gpu_run_that_names_no_corpus_takes_the_pinned_recipe_or_says_both_ways_on(tmp_path):
    """Never the built-in corpus: with the commit taken out of the recipe, that is what the run asks for."""
    text = (ROOT / "params/corpora/wos_ct.yaml").read_text()
    assert re.search(r"^revision: [0-9a-f]{40}$", text, re.M)
    mine = copy_project(tmp_path / "mine")
    (mine / "params/corpora/wos_ct.yaml").write_text(re.sub(r"^revision: .*$", "revision: null", text, flags=re.M))
    made_up = f"registry.example.org/volfid@sha256:{'0' * 64}"
    images = [part for name in ("core", "cpu", "gpu") for part in (f"--image_{name}", made_up)]
    run = launch(mine, tmp_path / "run", "-profile", "gpu,docker", "--check_host", "false", *images, "-preview")
    assert run.code == 64, run.output
    assert "--corpus wos_ct --corpus_revision <40 hex digits>" in run.output and "--input FILE" in run.output
