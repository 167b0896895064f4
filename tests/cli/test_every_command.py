"""Each command on plain files: help, version, contract, stub, exit codes."""

import json
import os
import time
from pathlib import Path

import pytest
import yaml
from helpers.chain import BIN, ROOT, Chain, call

from volfid.core.schemas import CONTRACTS

COMMANDS = sorted(path.stem for path in BIN.glob("*.py"))
OUTPUTS = {
    "prepare_documents": ["documents", "labels", "corpus", "rejects", "funnel", "brought", "manifest"],
    "plan_experiments": ["cells", "plan"],
    "sample_regimes": ["regimes", "manifest"],
    "generate_text": ["generations", "manifest"],
    "label_documents": ["answers", "manifest"],
    "check_labels": ["label_checks", "manifest"],
    "build_corpus": ["synthetic", "waterfall", "trainsets", "gaps", "manifest"],
    "embed_corpus": ["manifest"],
    "train_heads": ["predictions", "scores", "counts", "gaps", "manifest"],
    "train_encoder": ["predictions", "scores", "counts", "gaps", "manifest"],
    "measure_fidelity": ["fidelity", "keywords", "leaks", "manifest"],
    "evaluate_retrieval": ["retrieval", "retrieval_tests", "retrieval_filters", "patent_rules", "manifest"],
    "collect_scores": ["scores", "counts", "gaps", "status", "manifest"],
    "estimate_effects": ["effects", "correlations", "findings", "manifest"],
    "check_claims": ["claims", "manifest"],
    "price_uses": ["uses", "manifest"],
    "measure_agreement": ["agreement", "manifest"],
    "draw_figures": ["manifest"],
    "write_report": ["manifest"],
    "calibrate_instrument": ["calibration_scores", "manifest"],
    "rate_calibration": ["calibration", "confusion", "manifest"],
    "collect_calibration": ["calibration", "confusion", "calibration_summary", "manifest"],
}
WITHOUT_JOB = {
    "prepare_documents", "plan_experiments", "calibrate_instrument", "rate_calibration", "collect_calibration",
}  # fmt: skip
NO_OUTPUT = {"fetch_models", "check_complete", "convert_corpus"}  # the last: in tests/unit/test_corpora.py


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    design = yaml.safe_load((ROOT / "params/design/smoke.yaml").read_text())
    design["regime"] = {"sizes": [48], "curve": [32, 48, 96], "draws": 2, "folds": 3}
    design["blocks"].append({
        "name": "encoder", "arms": ["S"], "size": [48], "added": [24], "method": ["full_synthesis"],
        "classifier": ["encoder"], "draws": 1, "head_start": "prior",
    })  # fmt: skip
    return Chain(tmp_path_factory.mktemp("chain"), design).all()


def test_every_command_is_in_the_tables_above():
    assert set(COMMANDS) == set(OUTPUTS) | NO_OUTPUT


@pytest.mark.timed
@pytest.mark.parametrize("name", COMMANDS)
def test_help_comes_within_a_second_and_version_is_known(name):
    times = []
    for _ in range(3):
        started = time.monotonic()
        done = call(name, "--help")
        times.append(time.monotonic() - started)
        assert done.returncode == 0 and "Usage:" in done.stdout
        if times[-1] < 1:
            break
    assert min(times) < 1, times
    done = call(name, "--version")
    assert done.returncode == 0 and done.stdout == "volfid 0.1.0\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_executable_short_and_shadows_no_module(name):
    import importlib.util
    import sys

    path = BIN / f"{name}.py"
    assert os.access(path, os.X_OK)
    lines = path.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env python3" and len(lines) <= 80
    assert name not in sys.stdlib_module_names
    paths = [p for p in sys.path if Path(p).resolve() != BIN]
    assert importlib.machinery.PathFinder.find_spec(name, paths) is None


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_a_command_meets_its_contracts_on_plain_files(chain, name):
    for _, _, out in chain.calls[name]:
        for contract in OUTPUTS[name]:
            CONTRACTS[contract].read(out)


@pytest.mark.parametrize("name", sorted(set(OUTPUTS) - {"plan_experiments", "prepare_documents"}))
def test_a_stub_writes_valid_empty_outputs(chain, name, tmp_path):
    _, arguments, _ = chain.calls[name][0]
    done = call(name, *arguments[:-1], tmp_path, "--stub")
    assert done.returncode == 0, done.stderr
    for contract in OUTPUTS[name]:
        CONTRACTS[contract].read(tmp_path)


@pytest.mark.parametrize("name", sorted(set(OUTPUTS) - WITHOUT_JOB - {"collect_scores"}))
def test_a_broken_job_is_exit_65_with_file_and_field(chain, name, tmp_path):
    _, arguments, _ = chain.calls[name][0]
    arguments = list(arguments)
    job = json.loads(Path(arguments[arguments.index("--job") + 1]).read_text())
    del job["stage"]
    broken = tmp_path / "job.json"
    broken.write_text(json.dumps(job))
    arguments[arguments.index("--job") + 1] = broken
    done = call(name, *arguments[:-1], tmp_path / "out")
    assert done.returncode == 65, done.stderr
    assert "job.json, row 1, field 'stage' is missing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_option_is_exit_2(name):
    assert call(name, "--no-such-option").returncode == 2


def test_equal_inputs_give_equal_bytes(chain, tmp_path):
    for name in (
        "sample_regimes", "generate_text", "label_documents", "check_labels", "build_corpus", "train_heads",
        "train_encoder", "measure_agreement", "estimate_effects", "calibrate_instrument",
    ):  # fmt: skip
        _, arguments, out = chain.calls[name][-1]
        done = call(name, *arguments[:-1], tmp_path / name)
        assert done.returncode == 0, done.stderr
        for contract in OUTPUTS[name]:
            if contract != "manifest":
                read = CONTRACTS[contract]
                assert read.content_sha(read.read(tmp_path / name)) == read.content_sha(read.read(out)), (
                    name,
                    contract,
                )


def test_the_run_is_complete_and_check_complete_says_so(chain, tmp_path):
    status = chain.calls["collect_scores"][0][2] / "status.json"
    assert call("check_complete", "--status", status).returncode == 0
    state = json.loads(status.read_text())
    state |= {"complete": False, "missing": [{"cell_id": "c", "arm": "S", "reason": "too few"}]}
    bad = tmp_path / "status.json"
    bad.write_text(json.dumps(state))
    done = call("check_complete", "--status", bad)
    assert done.returncode == 65 and "too few" in done.stderr
    assert call("check_complete", "--status", bad, "--allow-missing").returncode == 0


def test_an_encoder_without_its_model_is_exit_66_with_the_command_that_fetches_it(chain, tmp_path):
    _, arguments, _ = chain.calls["train_encoder"][0]
    place = arguments.index("--model-dir")
    without = [*arguments[:place], *arguments[place + 2 : -1], tmp_path]
    done = call("train_encoder", *without)
    assert done.returncode == 66 and "fetch_models.py --only tiny_bert" in done.stderr


def test_the_report_shows_the_cells_of_a_fine_tuned_encoder(chain):
    page = (chain.calls["write_report"][0][2] / "report.html").read_text()
    assert "Scores by arm and threshold: encoder" in page and "started at the label frequencies" in page
    effects = CONTRACTS["effects"].read(chain.calls["estimate_effects"][0][2])
    alone = [row for row in effects if row["classifier"] == "encoder" and row["n"] == 1]
    assert alone and all(row["ci_low"] is None and "one draw" in row["note"] for row in alone)
