"""The metrics on plain files: the commands of docs/metrics.md as they stand, and what is said about bad files."""

import csv
import json
import random
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers.chain import ROOT
from helpers.chain import call as call_program

from volfid.core.schemas import CONTRACTS
from volfid.plain.vectors import encoder_entry

PAGE = ROOT / "docs/metrics.md"
COMMANDS = re.findall(r"^    (bin/\w+\.py plain .*)$", PAGE.read_text(), re.M)
CODE = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.S)[1]
MINILM = ROOT / "models/all_minilm_l6_v2"


def made(count: int, seed: int) -> list[dict]:
    """Documents whose words come from their labels."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        labels = sorted(draw.sample(range(5), draw.choice([1, 2])))
        words = [f"word{label * 10 + draw.randrange(10)}" for label in labels for _ in range(12)]
        rows.append({"id": str(number), "text": " ".join(words), "labels": [f"L{label}" for label in labels]})
    return rows


def write(path: Path, rows: list[dict]) -> Path:
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({**row, "labels": ";".join(row["labels"])} for row in rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """The files that the page names; the synthetic ones hold a copy of a shown document."""
    folder = tmp_path_factory.mktemp("plain")
    shown, synthetic = made(24, 2), made(20, 3)
    synthetic[0] |= {"text": shown[5]["text"], "labels": shown[5]["labels"]}
    for name, rows in (("real", made(48, 1)), ("shown", shown), ("test", made(16, 4)), ("queries", made(12, 5))):
        write(folder / f"{name}.jsonl", rows)
    write(folder / "synthetic.csv", [{**row, "source": "5"} for row in synthetic])
    (folder / "vectors").mkdir()
    for name, count in (("real", 48), ("queries", 12), ("synthetic", 20)):
        vectors = np.random.default_rng(count).normal(size=(count, 8)).astype(np.float32)
        np.save(folder / "vectors" / f"{name}.npy", vectors, allow_pickle=False)
    for name in ("bin", "models"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def call(monkeypatch, capsys):
    """A command in this process: what it imports is imported once for all tests."""

    def called(name: str, *arguments: object, cwd: Path = ROOT) -> Done:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / f"bin/{name}.py"), run_name="__main__")
        return Done(end.value.code or 0, *capsys.readouterr())

    return called


@pytest.fixture
def run(call):
    def called(command: str, folder: Path) -> Done:
        program, *arguments = shlex.split(command)
        return call(Path(program).stem, *arguments, cwd=folder)

    return called


def figures(path: Path, *key: str) -> dict[tuple[str, ...], dict[str, str]]:
    with path.open(newline="") as file:
        return {tuple(row[name] for name in key): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_page_run_as_they_stand(files, run, command):
    if "--model-dir" in command and not MINILM.is_dir():
        pytest.skip("make setup fetches the encoder")
    done = run(command, files)
    assert done.returncode == 0, done.stderr
    name = "fidelity" if "fidelity.py" in command else "retrieval"
    rows = CONTRACTS[name].read(files / name)
    assert len(rows) == len(list(csv.DictReader((files / name / f"{name}.csv").open(newline=""))))
    sets = {"(real train)", "synthetic"} if name == "fidelity" else {"real", "synthetic"}
    assert {row["trainset_id"] for row in rows} == sets
    CONTRACTS["manifest"].read(files / name)


def test_a_copied_document_is_seen_against_its_source_and_the_files_given(files, run, tmp_path):
    command = next(one for one in COMMANDS if "--train" in one).replace("--out fidelity", f"--out {tmp_path}")
    assert run(command, files).returncode == 0
    found = figures(tmp_path / "fidelity.csv", "trainset_id", "metric", "rows", "reference")
    length = len(json.loads((files / "shown.jsonl").read_text().splitlines()[5])["text"].split())
    for against in ("sources", "train"):
        assert float(found["synthetic", "longest_run_max", "added", against]["value"]) == length
        assert float(found["synthetic", "containment_8gram_share", "added", against]["value"]) == 1 / 20
    leaks = figures(tmp_path / "leaks.csv", "trainset_id", "against", "measure")
    assert set(key[0] for key in leaks) == {"synthetic"} and len(leaks) == 9
    assert float(leaks["synthetic", "sources", "longest_run"]["highest"]) == length
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["counts"] | {"figures": 0} == {
        "train": 24, "reference": 48, "test": 16, "synthetic": 20, "figures": 0,
    }  # fmt: skip
    assert "train from shown.jsonl, test from test.jsonl" in manifest["settings"]["sides"]


def test_arrays_replace_the_encoder(files, call, tmp_path):
    """The nearest document by the given vectors is found, whatever the texts say."""
    folder = tmp_path / "vectors"
    folder.mkdir()
    queries, real = made(12, 5), made(48, 1)
    for name, rows in (("queries", queries), ("real", real)):
        np.save(folder / f"{name}.npy", np.array([[f"L{n}" in row["labels"] for n in range(5)] for row in rows], float))
    arguments = ["plain", "--queries", files / "queries.jsonl", "--real", files / "real.jsonl", "--vectors", folder]
    done = call("evaluate_retrieval", *arguments, "--out", tmp_path / "out", "--k", 1)
    assert done.returncode == 0, done.stderr
    found = figures(tmp_path / "out/retrieval.csv", "metric", "variant")
    assert float(found["ndcg_at_1", "own_ideal"]["value"]) == 1.0


def searched(call, out: Path, *arguments: object) -> tuple[Done, dict]:
    done = call("evaluate_retrieval", "plain", "--out", out, *arguments)
    assert done.returncode == 0, done.stderr
    return done, figures(out / "retrieval.csv", "trainset_id", "metric", "variant")


def test_queries_do_not_find_themselves_in_a_copy_nor_in_their_own_file(files, call, tmp_path):
    copied = made(48, 1)
    copied[3]["text"] = copied[3]["text"].upper()
    copied.append({**made(1, 99)[0], "id": "near", "text": copied[7]["text"] + " more"})
    copy, real = write(tmp_path / "copy.jsonl", copied), files / "real.jsonl"
    options = ["--synthetic", files / "synthetic.csv", "--queries", real]
    done, found = searched(call, tmp_path / "copy", *options, "--real", copy)
    row = found["copy", "mrr_at_100", "as_is"]
    assert float(row["value"]) < 1 and "48 queries do not find their own text" in row["note"]
    assert "own text" not in found["synthetic", "mrr_at_100", "as_is"]["note"]
    assert "copy.jsonl: 48 queries do not find" in done.stderr
    assert "copy.jsonl: 1 queries have a near duplicate there" in done.stderr
    against = figures(tmp_path / "copy/retrieval_tests.csv", "trainset_id", "base_id", "variant")
    assert len(against) == 4
    done, itself = searched(call, tmp_path / "itself", *options, "--real", real)
    assert float(itself["real", "ndcg_at_10", "own_ideal"]["value"]) < 1
    assert "48 queries do not find their own text" in itself["real", "ndcg_at_10", "fixed_ideal"]["note"]
    against = figures(tmp_path / "itself/retrieval_tests.csv", "trainset_id", "base_id", "variant")
    assert all("of the base: 48 queries do not find their own text" in row["note"] for row in against.values())
    warned = json.loads((tmp_path / "itself/manifest.json").read_text())["settings"]["warnings"]
    assert warned == ["real.jsonl: 48 queries do not find their own text, which stands in the corpus"]


def test_a_file_that_is_given_twice_says_so(files, call, tmp_path):
    real = files / "real.jsonl"
    done = call("evaluate_retrieval", "plain", "--queries", real, "--real", real, "--real", real, "--out", tmp_path)
    assert done.returncode == 64 and "was given twice" in done.stderr and "Rename" not in done.stderr


def test_a_document_without_a_known_word_is_left_out_and_named(files, call, tmp_path):
    rows = made(20, 3)
    rows[4] = {"id": "foreign", "text": "qwx zzv jjq " * 9, "labels": ["L0"]}
    one = write(tmp_path / "one.jsonl", rows)
    real = files / "real.jsonl"
    done = call("measure_fidelity", "plain", "--real", real, "--synthetic", one, "--out", tmp_path / "f")
    assert done.returncode == 0, done.stderr
    assert "1 documents have a vector of zeros" in done.stderr and "'one/foreign'" in done.stderr
    found = figures(tmp_path / "f/fidelity.csv", "trainset_id", "metric", "rows", "reference")
    row = found["one", "frechet_text", "added", "reference"]
    assert row["value"] and row["n"] == "19" and "1 documents left out: their vector is zero" in row["note"]
    assert found["one", "distinct_1", "added", "none"]["n"] == "20"
    options = ["--queries", one, "--real", files / "real.jsonl"]
    done, found = searched(call, tmp_path / "r", *options)
    assert "1 queries left out: their vector is zero" in found["real", "ndcg_at_10", "own_ideal"]["note"]
    assert "1 documents have a vector of zeros" in done.stderr


def test_labels_that_are_written_otherwise_are_told_with_the_likely_name(files, call, tmp_path):
    rows = [{**row, "labels": [label.lower() for label in row["labels"]]} for row in made(20, 3)]
    rows[0]["labels"] = ["L0"]
    for name, changed, words in (
        ("all", rows[1:], "none of its 5 labels is a label of the real documents (19 of 19 rows): 'l0' (did you mean"),
        ("some", rows, "5 of its 6 labels are not a label of the real documents (19 of 20 rows)"),
        ("fine", made(20, 3), None),
    ):  # fmt: skip
        one = write(tmp_path / f"{name}.jsonl", changed)
        done = call("measure_fidelity", "plain", "--real", files / "real.jsonl", "--synthetic", one,
                    "--out", tmp_path / name, "--permutations", 9)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (words in done.stderr) if words else "of the real documents (" not in done.stderr


def test_each_corpus_is_held_against_the_first_query_by_query(files, run, tmp_path):
    command = next(one for one in COMMANDS if "--vectors" in one).replace("--out retrieval", f"--out {tmp_path}")
    assert run(command, files).returncode == 0
    found = figures(tmp_path / "retrieval_tests.csv", "trainset_id", "base_id", "variant")
    assert set(found) == {
        ("synthetic", "real", v) for v in ("own_ideal", "fixed_ideal", "fixed_ideal_unique", "size_matched")
    }
    row, means = (
        found["synthetic", "real", "fixed_ideal"],
        figures(tmp_path / "retrieval.csv", "trainset_id", "metric", "variant"),
    )
    synthetic, real = (float(means[name, "ndcg_at_10", "fixed_ideal"]["value"]) for name in ("synthetic", "real"))
    assert float(row["delta"]) == pytest.approx(synthetic - real) and row["n"] == row["clusters"] == "12"


def test_filters_need_to_know_what_a_file_holds(files, run, call, tmp_path):
    command = next(one for one in COMMANDS if "--family" in one).replace("--out retrieval", f"--out {tmp_path}")
    assert run(command, files).returncode == 0
    found = figures(tmp_path / "retrieval_filters.csv", "trainset_id", "filter", "ideal")
    assert {key[0] for key in found} == {"synthetic"} and len(found) == 6
    assert "every document stays" in found["synthetic", "sp_family", "fixed_ideal"]["note"]
    assert "rules do not fit" in found["synthetic", "sp_rule", "fixed_ideal"]["note"]  # texts of made-up words
    assert len(figures(tmp_path / "patent_rules.csv", "doc_id")) == 48
    for wrong in ("real=patent_abstract", "synthetic", "synthetic="):
        done = run(command.replace("synthetic=patent_abstract", wrong), files)
        assert done.returncode == 64 and "--family" in done.stderr and "one of synthetic" in done.stderr


def test_equal_files_give_equal_tables(files, run, tmp_path):
    for name in ("one", "two"):
        assert run(COMMANDS[0].replace("--out fidelity", f"--out {tmp_path / name}"), files).returncode == 0
    assert (tmp_path / "one/fidelity.csv").read_bytes() == (tmp_path / "two/fidelity.csv").read_bytes()


def _without(name: str, value: object):
    def change(rows: list[dict]) -> list[dict]:
        rows[2] = {**rows[2], name: value}
        return rows

    return change


@pytest.mark.parametrize(
    ("change", "options", "code", "words"),
    [
        (_without("text", " "), [], 65, ["row 3", "the text is empty", "Fill it in"]),
        (_without("id", "0"), [], 65, ["row 3", "'id'", "stands in row 1"]),
        (_without("text", 7.5j), [], 65, ["row 3"]),
        (lambda rows: [{"id": r["id"], "text": r["text"], "labels": []} for r in rows], ["both"], 65, ["has a label"]),
        (lambda rows: [{**r, "split": "train"} for r in rows], [], 65, ["'reference'"]),
        (lambda rows: rows[:3], [], 65, ["are in split", "2 or more"]),
        (None, ["--vectors", "vectors", "--model-dir", "models"], 64, ["--vectors and --model-dir"]),
        (None, ["--synthetic", "{same}"], 64, ["have the same name"]),
        (None, ["--vectors", "{empty}"], 66, [".npy is missing"]),
        (None, ["--vectors", "{short}"], 65, ["has 3 rows", "48 documents"]),
        (None, ["--model-dir", "{empty}"], 66, ["model.json is missing", "fetch_models.py"]),
        (None, ["--train", "absent.jsonl"], 2, ["absent.jsonl", "does not exist"]),
        (None, ["--label-columns", "topics"], 65, ["'topics'"]),
    ],
)
def test_bad_input_has_one_message_with_its_mend(files, call, tmp_path, change, options, code, words):
    rows = made(48, 1)
    if words == ["row 3"]:  # no JSON at all
        real = write(tmp_path / "real.jsonl", rows)
        lines = real.read_text().splitlines()
        real.write_text("\n".join([*lines[:2], "{", *lines[3:]]))
    else:
        real = write(tmp_path / "real.jsonl", change(rows) if change else rows)
    (tmp_path / "empty").mkdir()
    (tmp_path / "short").mkdir()
    (tmp_path / "same").mkdir()
    np.save(tmp_path / "short/real.npy", np.ones((3, 2)))
    same = write(tmp_path / "same/real.jsonl", made(5, 1))
    synthetic = real if options == ["both"] else files / "synthetic.csv"
    if options == ["both"]:
        synthetic, options = shutil.copy(real, tmp_path / "other.jsonl"), []
    filled = [o.format(same=same, empty=tmp_path / "empty", short=tmp_path / "short") for o in options]
    out = tmp_path / "out"
    done = call("measure_fidelity", "plain", "--real", real, "--synthetic", synthetic, "--out", out, *filled, cwd=files)
    assert done.returncode == code, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr and "bug:" not in done.stderr
    assert not (out / "fidelity.csv").exists()


def test_refused_rows_are_all_in_rejects(call, tmp_path):
    rows = made(20, 1)
    for number in range(8):
        rows[number]["text"] = ""
    real = write(tmp_path / "real.jsonl", rows)
    done = call("evaluate_retrieval", "plain", "--queries", real, "--real", real, "--out", tmp_path / "out")
    assert done.returncode == 65 and "and 3 more" in done.stderr
    assert len(CONTRACTS["rejects"].read(tmp_path / "out")) == 8


def test_a_search_without_a_corpus_is_refused(files, call, tmp_path):
    done = call("evaluate_retrieval", "plain", "--queries", files / "queries.jsonl", "--out", tmp_path)
    assert done.returncode == 64 and "no corpus was given" in done.stderr


@pytest.mark.skipif(not MINILM.is_dir(), reason="make setup fetches the encoder")
def test_the_folder_of_an_encoder_says_what_models_yaml_says():
    planned = yaml.safe_load((ROOT / "params/models.yaml").read_text())["encoders"]["all_minilm_l6_v2"]
    found = encoder_entry(MINILM)
    same = ("revision", "pooling", "dimensions", "max_tokens", "normalise")
    assert {name: found[name] for name in same} == {name: planned[name] for name in same}


def test_the_code_of_the_page_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE], env={"PYTHONPATH": str(ROOT / "bin")}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and abs(float(done.stdout)) < 0.1, done.stderr


@pytest.mark.parametrize("name", ["measure_fidelity", "evaluate_retrieval"])
def test_the_help_of_both_forms_names_the_other_options(name):
    job, plain = call_program(name, "--help").stdout, call_program(name, "plain", "--help").stdout
    assert "--job" in job and f"{name}.py plain --help" in job
    assert "--job" not in plain and "--vectors" in plain and f"Usage: {name}.py plain" in plain
