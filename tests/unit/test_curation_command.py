"""build_corpus.py as it is called: files in, files out, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from build_corpus import OUTPUTS, build_corpus

from volfid.core.exits import DataError
from volfid.core.files import sha256_file
from volfid.core.schemas import CONTRACTS

SCRIPT = Path(__file__).parents[2] / "bin" / "build_corpus.py"
POOL = {"pool_id": "g__paraphrase__paired__n00004__d00__r0", "generator": "g", "method": "paraphrase",
        "label_plan": "paired", "pool_size": 4, "draw": 0, "round": 0, "requests": 8}  # fmt: skip


def text(number: int) -> str:
    return " ".join(f"word{number}x{i}" for i in range(20)) + " line\u2028separator"


def write_inputs(folder: Path) -> dict:
    ids = [f"r{i}" for i in range(6)]
    CONTRACTS["documents"].write(folder, [
        {"doc_id": name, "text": text(i), "labels": ["A", "B"][: 1 + i % 2], "split": "train" if i < 5 else "test",
         "group": name, "text_sha": "x"} for i, name in enumerate(ids)
    ])  # fmt: skip
    CONTRACTS["labels"].write(folder, [
        {"label": name, "name": None, "definition": None, "count": 3, "count_train": 2} for name in "AB"
    ])  # fmt: skip
    CONTRACTS["regimes"].write(folder, [{
        "regime_id": "n00004__d00", "size": 4, "draw": 0, "doc_ids": ids[:4], "folds": [0, 1, 0, 1],
        "label_counts": [4, 2], "labels_missing": 0,
    }])  # fmt: skip
    CONTRACTS["generations"].write(folder, [
        {"request_id": f"{p:016x}", "pool_id": POOL["pool_id"], "position": p, "regime": 4, "draw": 0,
         "generator": "g", "method": "paraphrase", "label_plan": "paired", "prompt_sha": "x",
         "labels": ["A", "B"][: 1 + p % 2],
         "source_doc_ids": [ids[p % 4]], "parent_doc_id": ids[p % 4], "seed": p, "attempts": 1, "reject_reason": None,
         "text": text(100 + p) if p else text(0), "finish_reason": "stop", "attempt_reasons": [],
         "tokens_prompt": 1, "tokens_completion": 1, "tokens_discarded": 0} for p in range(8)
    ])  # fmt: skip
    items = [
        {"trainset_id": f"t{m}", "pool_id": POOL["pool_id"], "regime": 4, "draw": 0, "generator": "g",
         "method": "paraphrase", "label_plan": "paired", "text": "synthetic", "label_law": "synthetic",
         "dose": None, "rows_added": m, "real_share": None, "budget": None, "pool_size": 4, "round": 0} for m in (3, 8)
    ]  # fmt: skip
    CONTRACTS["job"].write(folder, {
        "job_id": "curation__g", "stage": "curation", "label": "cpu_small", "model": None, "code": "c",
        "master_seed": 3,
        "settings": {"pools": [POOL], "rules": {"min_words": 5}}, "items": items,
    })  # fmt: skip
    paths = {name: folder / CONTRACTS[name].file for name in ("job", "documents", "labels", "generations")}
    return paths | {"regimes": [folder / "regimes.jsonl"]}


def test_the_command_writes_all_files_a_gap_and_the_rules_it_used(tmp_path):
    inputs = write_inputs(tmp_path)
    for name in ("one", "two"):
        build_corpus(**inputs, out_dir=tmp_path / name)
    rows = {name: CONTRACTS[name].read(tmp_path / "one") for name in OUTPUTS}
    assert [row["drop_reason"] for row in rows["synthetic"]] == ["copy_of_source"] + [None] * 7
    assert {row["trainset_id"] for row in rows["trainsets"]} == {"t3"}
    assert [(gap["subject"], gap["wanted"], gap["got"]) for gap in rows["gaps"]] == [("t8", 8, 7)]
    manifest = CONTRACTS["manifest"].read_object(tmp_path / "one")
    expected = {"near_duplicate": 0.8, "source_8gram": 0.2, "paraphrase_5gram": 0.6, "min_words": 5}
    assert manifest["settings"]["rules"] == expected
    assert manifest["counts"]["trainsets"] == {"planned": 2, "built": 1}
    for name in OUTPUTS:
        file = CONTRACTS[name].file
        assert sha256_file(tmp_path / "one" / file) == sha256_file(tmp_path / "two" / file)


def test_a_generations_file_that_is_cut_off_names_its_row(tmp_path):
    inputs = write_inputs(tmp_path)
    whole = inputs["generations"].read_text()
    inputs["generations"].write_text(whole[: len(whole) - 40])
    with pytest.raises(DataError, match="row 8"):
        build_corpus(**inputs, out_dir=tmp_path / "out")


def test_the_stub_and_the_exit_codes_of_the_command(tmp_path):
    inputs = write_inputs(tmp_path)
    options = []
    for name, path in inputs.items():
        options += [f"--{name}", str(path[0] if name == "regimes" else path)]

    def call(*extra: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, SCRIPT, *options, *extra], capture_output=True, text=True)

    assert call("--out-dir", str(tmp_path / "stub"), "--stub").returncode == 0
    assert {CONTRACTS[name].file for name in OUTPUTS} < {path.name for path in (tmp_path / "stub").iterdir()}
    assert all(CONTRACTS[name].read(tmp_path / "stub") == [] for name in OUTPUTS)
    job = json.loads(inputs["job"].read_text())
    job["settings"]["rules"] = {"near_duplicate": 2}
    inputs["job"].write_text(json.dumps(job))
    failed = call("--out-dir", str(tmp_path / "failed"))
    assert failed.returncode == 64 and "near_duplicate" in failed.stderr
    assert not (tmp_path / "failed").exists()
