"""The stage as a whole, on a small world, through the functions and the command."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from volfid.core.exits import ConfigError, DataError
from volfid.core.schemas import CONTRACTS
from volfid.core.settings import settings_of
from volfid.core.trainsets import group_rows
from volfid.core.vectors import FITTED, write_vectors
from volfid.embeddings.encoders import WEIGHTLESS
from volfid.fidelity import labels as mmd
from volfid.fidelity.corpus import assemble
from volfid.fidelity.measure import Measurer
from volfid.fidelity.settings import Settings
from volfid.retrieval.compare import FACTORS

BIN = Path(__file__).parents[2] / "bin"
LABELS = ["A", "B", "C", "D"]
WORDS = [f"word{i}" for i in range(40)]


def trainset_row(name, position, doc_id, source, labels, parent=None, sources=(), count=1):
    return {"trainset_id": name, "position": position, "doc_id": doc_id, "source": source, "parent_id": parent,
            "source_doc_ids": list(sources), "labels": list(labels), "multiplicity": count}  # fmt: skip


class World:
    """30 train, 12 reference and 12 test documents; 20 synthetic ones, made of a train document each."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.documents, self.synthetic = [], []
        for split, number in (("train", 30), ("reference", 12), ("test", 12)):
            for i in range(number):
                text = " ".join(rng.choice(WORDS, 25))
                names = sorted(rng.choice(LABELS, rng.integers(1, 3), replace=False).tolist())
                doc_id = f"{split}{i:02d}"
                self.documents.append({"doc_id": doc_id, "text": text, "labels": names, "split": split,
                                       "group": doc_id, "text_sha": "x"})  # fmt: skip
        for i in range(20):
            parent = self.documents[i % 10]
            text = parent["text"] if i == 0 else " ".join(rng.choice(WORDS, 25))
            self.synthetic.append({
                "doc_id": f"syn-{i:02d}", "pool_id": "p", "position": i, "text": text, "labels": parent["labels"],
                "regime": 10, "draw": 0, "generator": "g", "method": "m", "label_plan": "empirical", "request_id": None,
                "source_doc_ids": [parent["doc_id"]], "parent_doc_id": parent["doc_id"], "text_sha": "x",
                "kept": True, "drop_reason": None,
            })  # fmt: skip
        self.ids = [row["doc_id"] for row in (*self.documents, *self.synthetic)]
        self.vectors = rng.normal(size=(len(self.ids), 6)).astype(np.float32)
        self.vectors[self.ids.index("syn-00")] = self.vectors[0]
        real = [trainset_row("", i, d["doc_id"], "real", d["labels"]) for i, d in enumerate(self.documents[:10])]
        copies = [trainset_row("", 10 + i, d["doc_id"], "copy", d["labels"], d["doc_id"], [d["doc_id"]], 2)
                  for i, d in enumerate(self.documents[:10])]  # fmt: skip
        made = [trainset_row("", 10 + i, d["doc_id"], "synthetic", d["labels"], d["parent_doc_id"], d["source_doc_ids"])
                for i, d in enumerate(self.synthetic)]  # fmt: skip
        moved = [{**row, "labels": made[(i + 3) % 20]["labels"]} for i, row in enumerate(made)]
        more = [trainset_row("", 10 + i, d["doc_id"], "real_more", d["labels"])
                for i, d in enumerate(self.documents[10:30])]  # fmt: skip
        sets = {"none": real, "copies": real + copies, "S": real + made, "perm": real + moved, "more": real + more,
                "drawn": [{**row, "multiplicity": 3} for row in copies]}  # fmt: skip
        self.rows = [{**row, "trainset_id": name} for name, rows in sets.items() for row in rows]

    def corpus(self, rows=None, **changes):
        rows = self.rows if rows is None else rows
        given = {"documents": self.documents, "synthetic": self.synthetic, "vectors": self.vectors, **changes}
        groups = group_rows(rows, {row["trainset_id"] for row in rows})
        number = {name: i for i, name in enumerate(self.ids)}
        return assemble(given["documents"], given["synthetic"], LABELS, groups, number, given["vectors"], {"perm"})


SETTINGS = Settings(token_budget=200, permutations=99)


@pytest.fixture(scope="module")
def world():
    return World()


def measure(corpus, settings=SETTINGS):
    measurer = Measurer(corpus, settings, master_seed=1)
    lines = [line for one in corpus.trainsets for line in measurer.measure(one)]
    return {(r["trainset_id"], r["rows"], r["metric"], r["reference"]): r for r in lines}


@pytest.fixture(scope="module")
def found(world):
    return measure(world.corpus())


def value(found, *key):
    return found[key]["value"]


def test_every_training_set_has_label_and_text_figures_over_all_rows(found):
    for name in ("none", "copies", "S", "perm", "more", "drawn"):
        for metric in (
            "mmd2_label_unbiased",
            "mmd2_label_parent",
            "mmd2_text_unbiased",
            "mmd2_text_parent",
            "frechet_text",
        ):
            assert value(found, name, "all", metric, "reference") is not None
    assert not any(key[:2] == ("none", "added") for key in found)


def test_figures_pass_the_contract(found):
    CONTRACTS["fidelity"].check(found.values(), "fidelity")


def test_undefined_figures_say_why(world):
    found = measure(world.corpus(), Settings(token_budget=100_000, permutations=0))
    undefined = [row for row in found.values() if row["value"] is None]
    assert undefined and all(row["note"] for row in undefined)
    assert "fewer than the budget" in found["none", "all", "distinct_1", "none"]["note"]
    assert ("none", "all", "mmd2_label_p", "reference") not in found


def test_parent_rule_makes_copies_equal_to_the_base(found):
    for metric in ("mmd2_label_parent", "mmd2_text_parent"):
        base = value(found, "none", "all", metric, "reference")
        for rows in ("all", "added"):
            assert value(found, "copies", rows, metric, "reference") == pytest.approx(base, abs=1e-6)
        assert value(found, "drawn", "all", metric, "reference") == pytest.approx(base, abs=1e-6)


def test_permuting_label_lists_changes_no_figure_of_the_label_law(found):
    assert not any(name == "perm" and metric.startswith("realised") for name, _, metric, _ in found)
    for (name, rows, metric, reference), row in found.items():
        if metric.startswith("realised"):  # would be that of the labels put back
            continue
        if name == "S" and ("label" in metric or metric in ("scumble", "mean_ir", "cooccurrence_frobenius")):
            assert value(found, "perm", rows, metric, reference) == row["value"], metric


def test_label_figures_of_synthetic_rows_say_that_labels_are_requested(found):
    assert "requested" in found["S", "all", "mmd2_label_unbiased", "reference"]["note"]
    assert found["copies", "all", "mmd2_label_unbiased", "reference"]["note"] is None


def test_label_mmd_equals_a_direct_computation(world, found):
    matrix = {d["doc_id"]: [int(name in d["labels"]) for name in LABELS] for d in world.documents}
    x = mmd.compress(np.array([matrix[f"train{i:02d}"] for i in range(10)]))
    y = mmd.compress(np.array([matrix[f"reference{i:02d}"] for i in range(12)]))
    expected = mmd.mmd2_unbiased(x, y, mmd.kernel_table(4))
    assert value(found, "none", "all", "mmd2_label_unbiased", "reference") == pytest.approx(expected, abs=1e-14)


def test_verbatim_synthetic_text_is_found(found):
    assert value(found, "S", "added", "containment_8gram_share", "sources") == pytest.approx(1 / 20)
    assert value(found, "S", "added", "longest_run_max", "sources") == 25
    assert value(found, "S", "added", "longest_run_max", "train") == 25
    assert value(found, "S", "added", "longest_run_max", "test") < 25


def test_copies_are_the_anchor_of_memorisation(found):
    assert value(found, "copies", "added", "containment_8gram_share", "sources") == 1
    assert value(found, "copies", "added", "longest_run_q50", "train") == 25
    assert value(found, "copies", "added", "nearest_cosine", "real_rows") == pytest.approx(1, abs=1e-6)
    assert value(found, "copies", "added", "self_bleu_4", "none") == pytest.approx(1)
    assert value(found, "more", "added", "self_bleu_4", "none") < 0.5


def test_row_order_and_split_multiplicities_change_nothing(world, found):
    rng = np.random.default_rng(3)
    rows = []
    for row in world.rows:
        rows += [{**row, "multiplicity": 1}] * row["multiplicity"]
    again = measure(world.corpus([rows[i] for i in rng.permutation(len(rows))]))
    assert again.keys() == found.keys()
    for key, row in found.items():
        assert again[key]["value"] == pytest.approx(row["value"], abs=1e-12), key


def test_a_set_measured_alone_gets_the_same_figures(world, found):
    again = measure(world.corpus([row for row in world.rows if row["trainset_id"] == "S"]))
    for key, row in again.items():
        assert row["value"] == pytest.approx(found[key]["value"], abs=1e-9), key


def test_missing_text_or_embedding_is_named(world):
    with pytest.raises(DataError, match="syn-00"):
        world.corpus(synthetic=world.synthetic[1:])
    vectors = world.vectors.copy()
    vectors[5] = np.nan
    with pytest.raises(DataError, match="train05"):
        world.corpus(vectors=vectors)


def test_zero_vectors_are_left_out_of_what_compares_vectors_and_of_nothing_else(world, found):
    vectors = world.vectors.copy()
    gone = {"syn-03", "train02", "reference01"}
    vectors[[world.ids.index(name) for name in gone]] = 0
    rows = measure(world.corpus(vectors=vectors))
    CONTRACTS["fidelity"].check(rows.values(), "fidelity")
    row = rows["S", "added", "mmd2_text_unbiased", "reference"]
    assert row["value"] is not None and row["n"] == 19
    assert "1 documents left out: their vector is zero; 1 documents of the reference fold left out" in row["note"]
    assert rows["S", "added", "nearest_cosine", "real_rows"]["n"] == 19
    assert "left out" in rows["S", "added", "realised_labels", "train"]["note"]
    for key, old in found.items():
        if key[2].startswith(("mmd2_label", "distinct", "self_bleu", "containment", "cardinality", "longest")):
            assert rows[key] == old, key


@pytest.mark.parametrize("side", ["syn", "reference"])
def test_a_side_of_zero_vectors_alone_is_undefined_with_the_reason(world, found, side):
    vectors = world.vectors.copy()
    vectors[[i for i, name in enumerate(world.ids) if name.startswith(side)]] = 0
    rows = measure(world.corpus(vectors=vectors))
    assert set(rows) == set(found)
    for metric in ("mmd2_text_unbiased", "mmd2_text_p", "frechet_text", "manifold_recall", "mauve"):
        row = rows["S", "added", metric, "reference"]
        assert row["value"] is None and "a vector that is not zero" in row["note"], metric
    if side == "syn":
        assert rows["S", "added", "realised_labels", "train"]["value"] is None
        assert "zero" in rows["S", "added", "nearest_cosine", "real_rows"]["note"]
    assert rows["S", "added", "mmd2_label_unbiased", "reference"]["value"] is not None


def test_permuted_set_whose_labels_are_no_permutation_is_refused(world):
    rows = [
        {**r, "labels": ["A"]} if r["source"] == "synthetic" else r for r in world.rows if r["trainset_id"] == "perm"
    ]
    with pytest.raises(DataError, match="perm"):
        world.corpus(rows)


def test_too_small_reference_fold_is_refused(world):
    documents = [d for d in world.documents if d["split"] != "reference"]
    with pytest.raises(DataError, match="reference"):
        Measurer(world.corpus(documents=documents), SETTINGS, 1)


def test_no_training_set_gives_no_figures(world):
    assert measure(world.corpus([])) == {}


def test_unknown_setting_is_refused():
    with pytest.raises(ConfigError, match="bandwith"):
        settings_of(Settings, {"bandwith": 1}, "measure_fidelity")
    assert settings_of(
        Settings, {"encoder": "minilm", "two_sigma_squared": [1, 2]}, "measure_fidelity"
    ).two_sigma_squared == (1, 2)


def write_world(world, folder):
    CONTRACTS["documents"].write(folder, world.documents)
    CONTRACTS["synthetic"].write(folder, world.synthetic)
    CONTRACTS["trainsets"].write(folder, [r for r in world.rows])
    CONTRACTS["labels"].write(folder, [{"label": n, "name": None, "definition": None, "count": 1, "count_train": 1}
                                       for n in LABELS])  # fmt: skip
    write_vectors(folder / "emb", world.ids, world.vectors)
    factors = {**dict.fromkeys(FACTORS), "regime": 10, "draw": 0, "real_share": None}
    items = [{**factors, "trainset_id": n, "text": "none" if n == "none" else n,
              "label_law": "permuted" if n == "perm" else "real"}
             for n in ("none", "copies", "S", "perm", "more", "drawn", "never_built")]  # fmt: skip
    CONTRACTS["job"].write(folder / "job.json", {
        "job_id": "all", "stage": "fidelity", "label": "cpu_large", "model": None, "code": "x",
        "master_seed": 1, "settings": {"encoder": "minilm"}, "items": items,
    })  # fmt: skip
    return ["--job", "job.json", "--documents", "documents.jsonl", "--labels", "labels.json", "--trainsets",
            "trainsets.jsonl", "--synthetic", "synthetic.jsonl", "--embeddings", "emb"]  # fmt: skip


def load(command):
    spec = importlib.util.spec_from_file_location(command, BIN / f"{command}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.mark.parametrize(
    ("command", "contract"), [("measure_fidelity", "fidelity"), ("evaluate_retrieval", "retrieval")]
)
def test_command_is_repeatable_and_stub_is_valid(world, tmp_path, monkeypatch, command, contract):
    options = write_world(world, tmp_path)
    monkeypatch.chdir(tmp_path)
    arguments = [sys.executable, str(BIN / f"{command}.py"), *options, "--out-dir", "one"]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "word1" not in done.stderr
    given = dict(zip((o[2:] for o in options[::2]), map(Path, options[1::2]), strict=True))
    given |= {name: [given[name]] for name in ("trainsets", "synthetic", "embeddings")}
    load(command)(**given, out_dir=Path("two"))
    file = CONTRACTS[contract].file
    assert Path("one", file).read_bytes() == Path("two", file).read_bytes()
    manifest = json.loads(Path("one", "manifest.json").read_text())
    assert manifest["counts"]["trainsets"]["planned"] == 7 and manifest["settings"]["encoder"] == "minilm"
    assert len({row["trainset_id"] for row in CONTRACTS[contract].read("one")}) == 6
    if contract == "retrieval":
        filters = CONTRACTS["retrieval_filters"].read("one")
        made = {
            row["trainset_id"] for row in CONTRACTS["trainsets"].read("trainsets.jsonl") if row["source"] == "synthetic"
        }
        assert {row["trainset_id"] for row in filters} == made and len(filters) == 6 * len(made)
        assert {row["source"] for row in CONTRACTS["patent_rules"].read("one")} >= {"real"}
    load(command)(**given, out_dir=Path("stub"), stub=True)
    assert CONTRACTS[contract].read("stub") == []


def test_repeated_rows_count_as_their_effective_number_of_documents(world, found):
    key = ("effective_documents", "none")
    assert value(found, "none", "all", *key) == 10 and value(found, "copies", "added", *key) == 10
    assert value(found, "S", "all", *key) == 30
    counts = [row["multiplicity"] for row in world.rows if row["trainset_id"] == "drawn"]
    expected = sum(counts) ** 2 / sum(c * c for c in counts)
    assert value(found, "drawn", "all", *key) == pytest.approx(expected)


class LargeWorld(World):
    """A reference fold of 40 documents: enough for MAUVE; vectors with 6 clusters."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(5)
        for i in range(28):
            text = " ".join(rng.choice(WORDS, 25))
            self.documents.append({"doc_id": f"more{i:02d}", "text": text, "labels": ["A"], "split": "reference",
                                   "group": f"more{i:02d}", "text_sha": "x"})  # fmt: skip
            self.ids.append(f"more{i:02d}")
        self.vectors = np.concatenate([self.vectors, rng.normal(size=(28, 6)).astype(np.float32)])


@pytest.fixture(scope="module")
def large():
    return LargeWorld()


@pytest.fixture(scope="module")
def measured(large):
    return measure(large.corpus())


def test_mauve_takes_equal_numbers_and_says_how_many(large, measured):
    mean, sd = (measured["S", "all", name, "reference"] for name in ("mauve", "mauve_sd"))
    assert mean["n"] == sd["n"] == 30 and mean["note"] == "subsample 30 a side, 5 seeds, 3 cells"
    assert 0 < mean["value"] <= 1 and sd["value"] > 0
    few = measured["none", "all", "mauve", "reference"]
    assert few["value"] is None and "fewer than 20 documents" in few["note"]
    without = measure(large.corpus(), Settings(token_budget=200, permutations=0, mauve_seeds=0))
    assert not any(metric.startswith("mauve") or metric.endswith("_p") for _, _, metric, _ in without)


def test_distances_on_texts_have_a_permutation_p_of_parents(measured):
    for name in ("none", "copies", "S", "more"):
        p = measured[name, "all", "mmd2_text_p", "reference"]
        assert p["value"] * 100 == pytest.approx(round(p["value"] * 100)) and 0.01 <= p["value"] <= 1
    same = [measured[name, "all", "mmd2_text_p", "reference"]["value"] for name in ("copies", "drawn")]
    assert min(same) > 0.01  # copies are no proof: whole parents are permuted


def test_an_encoder_that_was_fitted_on_train_has_no_permutation_p(large):
    fitted = measure(large.corpus(), Settings(token_budget=200, permutations=99, encoder="tfidf_svd"))
    row = fitted["none", "all", "mmd2_text_p", "reference"]
    assert row["value"] is None and "fitted on the train texts" in row["note"]
    assert fitted["none", "all", "mmd2_label_p", "reference"]["value"] is not None
    assert set(WEIGHTLESS) == FITTED


def test_copies_have_the_manifold_of_their_base(measured):
    for metric in (f"manifold_{name}" for name in ("precision", "recall", "density", "coverage")):
        base = measured["none", "all", metric, "reference"]["value"]
        assert measured["copies", "all", metric, "reference"]["value"] == pytest.approx(base, abs=1e-12)


def test_one_parent_has_no_permutation_p_and_no_recall(large):
    rows = [{**large.rows[0], "multiplicity": 4}]
    found = measure(large.corpus(rows))
    for metric in ("mmd2_label_p", "mmd2_text_p", "manifold_recall"):
        row = found["none", "all", metric, "reference"]
        assert row["value"] is None and ("parent" in row["note"]), metric
    assert found["none", "all", "manifold_precision", "reference"]["value"] in (0, 1)


def test_every_bandwidth_of_the_kernel_has_its_own_distance_and_they_average(measured):
    widths = [f"mmd2_label_parent_width_{w:g}" for w in mmd.TWO_SIGMA_SQUARED]
    single = [measured["S", "all", name, "reference"]["value"] for name in widths]
    whole = measured["S", "all", "mmd2_label_parent", "reference"]["value"]
    assert np.mean(single) == pytest.approx(whole, abs=1e-14) and len(set(single)) == 5


def test_more_documents_than_a_limit_are_sampled_and_the_figure_says_so(large):
    limits = Settings(token_budget=200, permutations=49, sample_limit=25, self_bleu_limit=15)
    found = measure(large.corpus(), limits)
    text_p = found["S", "all", "mmd2_text_p", "reference"]
    assert text_p["note"] == "subsample 25 texts against 25" and text_p["n"] == 25
    assert found["S", "all", "mauve", "reference"]["note"].startswith("subsample 25 a side")
    bleu = found["S", "all", "self_bleu_4", "none"]
    assert (bleu["note"], bleu["n"]) == ("subsample 15", 15) and 0 < bleu["value"] < 1
    assert found["none", "all", "self_bleu_4", "none"]["note"] is None
    assert measure(large.corpus(), limits) == found


def test_figures_of_other_packages_say_what_they_are(large, measured):
    fid = measured["S", "all", "synthtexteval_fid", "reference"]
    assert "no Frechet distance" in fid["note"] and -1 <= fid["value"] <= 1
    kl = measured["S", "all", "synthtexteval_kl", "reference"]
    assert kl["value"] is None and kl["note"].startswith("infinite")
    texts = {row["doc_id"]: set(row["text"].split()) for row in (*large.documents, *large.synthetic)}
    mine = [row["doc_id"] for row in large.rows if row["trainset_id"] == "S"]
    fold = [row["doc_id"] for row in large.documents if row["split"] == "reference"]
    pairs = [len(texts[a] & texts[b]) / len(texts[a] | texts[b]) for a in mine for b in fold]
    found = measured["S", "all", "synthtexteval_jaccard", "reference"]["value"]
    assert found == pytest.approx(np.mean(pairs), abs=1e-12)


@pytest.mark.parametrize(("name", "value"), [("neighbours", 0), ("sample_limit", 5), ("mauve_seeds", 1)])
def test_a_setting_that_means_nothing_is_refused(name, value):
    with pytest.raises(ConfigError, match="seed" if name == "mauve_seeds" else name):
        settings_of(Settings, {name: value}, "measure_fidelity")


def test_every_metric_is_explained_on_its_page(found):
    page = (BIN.parent / "docs/fidelity.md").read_text(encoding="utf-8")
    between = {f"distinct_{n}" for n in (2, 3)} | {f"mmd2_label_parent_width_{w}" for w in (2, 4, 8, 16)}  # 1 … n
    metrics = {metric for _, _, metric, _ in found}
    kinds = {(metric, reference == "none") for _, _, metric, reference in found}
    assert len(kinds) == len(metrics)  # no name for two things
    assert len(metrics) > 60
    assert not [metric for metric in sorted(metrics - between) if f"`{metric}`" not in page]
