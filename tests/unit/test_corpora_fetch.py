"""Recipes, and fetching by recipe from a server that answers as the hub does, also when it fails."""

import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from helpers.chain import call
from helpers.dataset_hub import COMMIT, DATASET, dataset_hub

from volfid.core.exits import (
    ConfigError,
    DataError,
    InputMissingError,
    ParameterError,
    UnavailableError,
    VolfidError,
)
from volfid.corpora.convert import convert, loader
from volfid.corpora.documents import Options, id_hash
from volfid.corpora.fetch import fetch
from volfid.corpora.recipes import hub_input, read_recipe

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "params/corpora").glob("*.yaml"))
ROWS = {"train": [("Heart", [0, 2]), ("Bridge", [1, 3])], "dev": [("Valve", [0, 2])], "test": [("Road", [1, 3])]}


def wos_files() -> dict[str, bytes]:
    import io

    import torch

    files = {
        f"CT/CT_{split}.json": "".join(json.dumps({"token": t, "label": y}) + "\n" for t, y in rows).encode()
        for split, rows in ROWS.items()
    }
    for name, value in (("value_dict", {0: "Medicine", 1: "Engineering", 2: "Heart", 3: "Civil"}),
                        ("depth2label", {0: [0, 1], 1: [2, 3]})):  # fmt: skip
        buffer = io.BytesIO()
        torch.save(value, buffer)
        files[f"CT/{name}.pt"] = buffer.getvalue()
    return files | {"README.md": b"# data", "JT/JT_train.json": b"{}\n", "JT/value_dict.pt": b"x"}


@pytest.fixture(scope="module")
def hub():
    with dataset_hub(wos_files()) as server:
        yield server


@pytest.fixture
def recipe(tmp_path):
    """A recipe like params/corpora/wos_ct.yaml for the server's data set."""

    def make(**changes):
        content = yaml.safe_load((ROOT / "params/corpora/wos_ct.yaml").read_text())
        content |= {"documents": None, "id_sha256": None, "id_sha256_unknown": "another corpus"}
        content |= {"source": {"kind": "hub", "dataset": DATASET}, "revision": COMMIT, "name": "mine"} | changes
        content["published_documents"] = changes.get("published_documents", 4)
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return make


DRIVER = """
import json, pathlib, shutil, sys, time, urllib.request
from volfid.core.exits import VolfidError
from volfid.corpora.convert import convert
from volfid.corpora.fetch import fetch
from volfid.corpora.fetch import fetch
from volfid.corpora.recipes import hub_input, read_recipe
time.sleep = lambda seconds: None  # the client's pauses between tries
address, cases = sys.argv[1], json.loads(sys.argv[2])
for number, (recipe, fault) in enumerate(cases):
    urllib.request.urlopen(f"{address}/_fault/{fault}")
    out = pathlib.Path(str(number))
    try:
        made = hub_input(recipe) if recipe.startswith("hf:") else read_recipe(pathlib.Path(recipe))
        sources, texts = fetch(made, out / "d")
        card, _ = convert(made.name, made.loader, sources, texts, made.options, None, out, made.origin, made)
        print(json.dumps([0, " ".join(card["notes"])]))
    except VolfidError as error:
        print(json.dumps([error.code, str(error)]))
urllib.request.urlopen(f"{address}/_fault/")
"""


def drive(hub, folder, cases):
    """(exit code, message) of each (recipe, fault), in one process: loading the hub's client takes seconds."""
    environment = {**os.environ, **hub.environment, "PYTHONPATH": str(ROOT / "bin")}
    arguments = [hub.address, json.dumps([(str(recipe), fault) for recipe, fault in cases])]
    command = [sys.executable, "-c", DRIVER, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_whole_and_says_what_it_does_not_know(path):
    found = read_recipe(path)
    Options(found.loader, found.options, loader(found.loader)[1])  # its options exist
    assert found.licence and found.citation
    if found.source["kind"] == "hub":
        assert re.fullmatch("[0-9a-f]{40}", found.revision)
    if found.taxonomy:
        assert (path.parent / found.taxonomy).is_file()


def test_a_recipe_is_fetched_checked_and_converted(hub, recipe, tmp_path):
    ids = ["ct_dev_000001", "ct_test_000001", "ct_train_000001", "ct_train_000002"]
    sha = hashlib.sha256(hub.files["CT/CT_dev.json"]).hexdigest()
    files = yaml.safe_load(recipe().read_text())["files"]
    files[1]["sha256"] = sha
    path, out = recipe(files=files, id_sha256=id_hash(ids), documents=4), tmp_path / "o"
    done = call("convert_corpus", "--recipe", path, "--downloads", out / "d", "--out-dir", out, **hub.environment)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (out / "mine.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ids and rows[0]["split"] == "reference"
    card = json.loads((out / "source.json").read_text())
    assert card["source"]["revision"] == COMMIT and card["source"]["dataset"] == DATASET
    assert {row["name"]: row["sha256"] for row in card["files"]}["CT_dev.json"] == sha and len(card["files"]) == 5
    # nothing but the named files at the commit was asked for
    wanted = ("CT_train.json", "CT_dev.json", "CT_test.json", "value_dict.pt", "depth2label.pt")
    got = {path.split("/resolve/")[-1] for path in hub.asked if "/resolve/" in path}
    assert got == {f"{COMMIT}/CT/{name}" for name in wanted}
    # files at hand are converted without asking anybody
    asked = len(hub.asked)
    sources = [part for split in ROWS for part in ("--source", out / f"d/hub/CT/CT_{split}.json")]
    done = call("convert_corpus", "--recipe", recipe(), *sources, "--out-dir", tmp_path / "p", **hub.environment)
    assert done.returncode == 0 and len(hub.asked) == asked


def test_the_ids_that_the_default_of_a_gpu_run_expects_are_those_of_its_published_sizes(tmp_path):
    """Files of the published names and numbers of lines give the recipe's hash, whatever the lines say."""
    sizes, sources = {"train": 45_640, "dev": 9_780, "test": 9_780}, []
    for split, size in sizes.items():
        sources.append(tmp_path / f"CT_{split}.json")
        sources[-1].write_text('{"token": "a text", "label": [1]}\n' * size)
    wos, out = read_recipe(ROOT / "params/corpora/wos_ct.yaml"), tmp_path / "o"
    assert wos.documents == wos.published_documents == sum(sizes.values())
    card, _ = convert("wos_ct", "wos_ct", sources, [], wos.options, None, out, {}, wos)
    assert card["id_sha256"] == wos.id_sha256
    sources[0].write_text('{"token": "a text", "label": [1]}\n' * 45_639)
    with pytest.raises(DataError, match=r"documents is 65199, the recipe expects 65200.*documents: null takes"):
        convert("wos_ct", "wos_ct", sources, [], wos.options, None, out, {}, wos)


FAULTS = {
    "gated": (77, "is gated"), "private": (66, "private"), "lost": (66, "is not on the hub"),
    "old": (78, "has no commit of that revision"), "moved": (78, "answered with commit ffff"),
    "changed": (65, "than the"), "gone": (66, "is not there"), "cut": (69, "cannot be reached"),
    "down": (69, "cannot be reached"), "": (0, ""),
}  # fmt: skip


def test_each_fault_of_the_hub_ends_with_its_own_message(hub, recipe, tmp_path):
    found = drive(hub, tmp_path, [(recipe(), fault) for fault in FAULTS])
    for number, ((fault, (code, message)), (got, said)) in enumerate(zip(FAULTS.items(), found, strict=True)):
        assert got == code and message in said, (fault, got, said)
        assert (tmp_path / f"{number}/mine.jsonl").exists() == (fault == "")


def test_what_the_recipe_expects_is_compared(hub, recipe, tmp_path):
    content = yaml.safe_load(recipe().read_text())
    wrong = [content["files"][0] | {"sha256": "0" * 64}, *content["files"][1:]]
    expected = (
        ({"files": wrong}, 65, "the recipe has 0000"),
        ({"id_sha256": "0" * 64}, 65, "the recipe expects 0000"),
        ({"documents": 5}, 65, "documents is 4, the recipe expects 5"),
        ({"files": [{"name": "*.csv"}]}, 66, "0 files match *.csv, expected one; it has CT/CT_dev.json"),
        ({"files": [{"name": "*value_dict.pt"}]}, 66, "2 files match"),
        ({"source": {"kind": "hub", "dataset": "me/none"}}, 66, "is not on the hub"),
        ({"published_documents": 9}, 0, "4 documents, the publication names 9"),
    )
    paths = []
    for number, (changes, _, _) in enumerate(expected):
        (tmp_path / f"r{number}").mkdir()
        paths.append(recipe(**changes).rename(tmp_path / f"r{number}/mine.yaml"))
    for (_, code, message), (got, said) in zip(expected, drive(hub, tmp_path, [(p, "") for p in paths]), strict=True):
        assert got == code and message in said, said


def test_tables_of_any_dataset_are_fetched_at_a_commit(tmp_path):
    files = {"train.jsonl": b'{"text": "a", "labels": ["x"]}\n', "test.jsonl": b'{"text": "b", "labels": ["y"]}\n',
             "README.md": b"", "dataset_infos.json": b"{}", "more/a.csv": b"id,text\n1,a\n"}  # fmt: skip
    with dataset_hub(files) as hub:
        found = drive(
            hub, tmp_path, [(f"hf:{DATASET}@{COMMIT}{part}", "") for part in (":*.jsonl", "", ":*.parquet", ":more/*")]
        )  # fmt: skip
    assert [code for code, _ in found] == [0, 66, 66, 0]
    assert "tables in 2 formats" in found[1][1] and "no table for *.parquet" in found[2][1]
    rows = [json.loads(line) for line in (tmp_path / "0/data.jsonl").read_text().splitlines()]
    assert [(row["id"], row["split"]) for row in rows] == [("test-000001", "test"), ("train-000001", "train")]
    assert not (tmp_path / "0/labels.json").exists()


class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        body = b'{"token": "a", "label": [1]}\n'
        code = next((c for word, c in (("none", 404), ("terms", 403), ("down", 500)) if word in path), 200)
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:5] if "cut" in path else body)
        self.close_connection = True

    def log_message(self, *args):
        pass


def test_files_at_fixed_addresses_are_fetched_or_named(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"

    def fetched(address):
        path = recipe(source={"kind": "url", "base": address}, files=[{"name": "A_train.json"}])
        return fetch(read_recipe(path), tmp_path / "d")

    try:
        assert fetched(f"{base}/fine") == ([tmp_path / "d/A_train.json"], [])
        for folder, code, message in (
            ("none", 66, "is not there (404)"), ("terms", 77, "not permitted (403)"), ("down", 69, "answers 500"),
            ("cut", 65, "came cut short"),
        ):  # fmt: skip
            with pytest.raises(VolfidError, match=re.escape(message)) as failure:
                fetched(f"{base}/{folder}")
            assert failure.value.code == code and not list((tmp_path / "d").glob("*.partial"))
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(UnavailableError, match="cannot be reached"):
        fetched(f"{base}/fine")
    for address in ("http://example.org/x", "file:///etc", "ftp://example.org"):
        with pytest.raises(ConfigError, match="is no https address"):
            fetched(address)


def test_what_cannot_be_fetched_says_how_it_is_had(tmp_path):
    with pytest.raises(ParameterError, match="cannot be fetched by a program: download wipo_pub_1055"):
        fetch(read_recipe(ROOT / "params/corpora/at_wipo.yaml"), tmp_path)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"revision": "main"}, ParameterError, "revision main does not pin the data"),
        (
            {"revision": None, "revision_about": "seen nowhere"},
            ParameterError,
            r"unknown does not pin .*\(seen nowhere\)",
        ),
        ({"revision": None, "revision_about": None}, ConfigError, "revision_about is missing"),
        ({"id_sha256_unknown": ""}, ConfigError, "say why it is not known"),
        ({"files": [{"name": "a", "md5": "x"}]}, ConfigError, "a file is"),
        ({"files": [{"name": "a", "sha256": "x"}]}, ConfigError, "sha256 of a"),
        ({"source": {"kind": "ftp"}}, ConfigError, "expected a kind: hub with dataset"),
        ({"name": "other"}, ConfigError, "expected that of the file"),
        ({"licence": None}, ConfigError, "licence is missing"),
        ({"licenced": "x"}, ConfigError, "unknown key 'licenced'"),
    ],
)
def test_a_broken_recipe_is_named(recipe, changes, error, message):
    with pytest.raises(error, match=message):
        read_recipe(recipe(**changes))


def test_a_revision_can_be_given_and_must_be_a_commit(recipe, tmp_path):
    assert read_recipe(recipe(revision=None, revision_about="x"), COMMIT).revision == COMMIT
    with pytest.raises(ParameterError, match="does not pin"):
        read_recipe(recipe(), "v1.0")
    with pytest.raises(InputMissingError, match="there is no recipe none"):
        read_recipe(tmp_path / "none.yaml")
    assert hub_input(f"hf:a/b-c@{COMMIT}:data/*.csv").name == "b_c"
    for wrong in ("hf:b@" + COMMIT, "hf:a/b", "a/b@" + COMMIT):
        with pytest.raises(ParameterError, match="names no dataset"):
            hub_input(wrong)
    with pytest.raises(ParameterError, match="revision main does not pin"):
        hub_input("hf:a/b@main")
