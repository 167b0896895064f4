"""Synthetic files as people give them: columns of their own, several pools, sources by text, and where rows went."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from volfid.core.exits import DataError, ParameterError
from volfid.core.ids import value_is_valid
from volfid.core.schemas import CONTRACTS
from volfid.core.seeds import generator
from volfid.inputs.fixture import generate
from volfid.inputs.pool_names import slugs
from volfid.inputs.prepare import prepare
from volfid.inputs.settings import InputSettings, with_options

DOCS = [
    {"id": f"d{i:03d}", "text": text, "labels": list(labels)}
    for i, (text, labels) in enumerate(generate(120, generator(31, "real")))
]
FRESH = [
    {"id": f"s{i:03d}", "text": text, "labels": list(labels)}
    for i, (text, labels) in enumerate(generate(40, generator(32, "fresh")))
]


def save(folder: Path, rows: list[dict], name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if name.endswith("jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def audit(folder: Path, *files: Path, real=None, **options):
    settings = with_options(InputSettings(min_label_documents=3), options)
    return prepare(str(save(folder, real or DOCS, "real.jsonl")), settings, 3, synthetic=list(files))


def pools(prepared) -> dict[tuple[str, str], int]:
    for name in ("brought", "funnel", "rejects"):
        CONTRACTS[name].check(getattr(prepared, name), name)
    CONTRACTS["corpus"].check([prepared.corpus], "corpus")
    counts = Counter((row.get("generator", "brought"), row.get("method", "brought")) for row in prepared.brought)
    assert {(p["generator"], p["method"]): p["kept"] for p in prepared.corpus["supplied"] if p["kept"]} == counts
    return dict(counts)


def tagged(rows, **tags):
    return [{**row, **tags} for row in rows]


def train_of(prepared) -> list[dict]:
    return [row for row in prepared.documents if row["split"] == "train"]


def test_synthetic_files_have_columns_of_their_own(tmp_path):
    train = train_of(audit(tmp_path, save(tmp_path, FRESH, "s.jsonl")))
    real = [{"number": row["id"], "abstract_text": row["text"], "classes": ";".join(row["labels"])} for row in DOCS]
    rows = [
        {"key": f"k{i}", "labels": "not these", "output": row["text"], "topics": ", ".join(row["labels"]),
         "made_from": train[i]["doc_id"]} for i, row in enumerate(FRESH)
    ]  # fmt: skip
    made = audit(
        tmp_path, save(tmp_path, rows, "synthetic.csv"), real=real, id_column="number", text_columns="abstract_text",
        label_columns="classes", synthetic_id_column="key", synthetic_text_columns="output",
        synthetic_label_columns="topics", synthetic_label_separator=",", synthetic_source_column="made_from",
    )  # fmt: skip
    found = {row["doc_id"]: row for row in made.brought}
    assert len(found) == len(rows) and pools(made) == {("brought", "brought"): len(rows)}
    assert all(found[f"k{i}"]["text"] == row["text"] for i, row in enumerate(FRESH))
    assert all(found[f"k{i}"]["labels"] == sorted(row["labels"]) for i, row in enumerate(FRESH))
    assert all(found[f"k{i}"]["source_doc_ids"] == [train[i]["doc_id"]] for i in range(len(rows)))


def test_one_column_a_label_and_a_pattern_may_be_those_of_the_synthetic_file(tmp_path):
    labels = sorted({label for row in DOCS for label in row["labels"]})
    rows = [{"text": row["text"], **{f"is_{x}": int(x in row["labels"]) for x in labels}} for row in FRESH]
    made = audit(tmp_path, save(tmp_path, rows, "wide.csv"), synthetic_label_columns="is_*")
    assert {row["text"]: row["labels"] for row in made.brought} == {row["text"]: sorted(row["labels"]) for row in FRESH}


def test_columns_without_names_are_numbers_in_the_synthetic_file_too(tmp_path):
    def lines(rows, name):
        path = tmp_path / name
        path.write_text("".join(f"{r['id']}\t{';'.join(r['labels'])}\t{r['text']}\n" for r in rows))
        return path

    settings = with_options(InputSettings(min_label_documents=3), {
        "no_header": True, "id_column": "1", "label_columns": "2", "text_columns": "3",
        "synthetic_text_columns": "3", "synthetic_source_column": "4",
    })  # fmt: skip
    real, made = lines(DOCS, "real.tsv"), lines(FRESH, "made.tsv")
    with pytest.raises(DataError, match=r"no column '4'.*--synthetic_source_column"):
        prepare(str(real), settings, 3, synthetic=made)
    train = train_of(prepare(str(real), with_options(settings, {"synthetic_source_column": "1"}), 3))
    made.write_text("".join(
        f"{line}\t{train[i]['doc_id']}\n" for i, line in enumerate(made.read_text().splitlines())
    ))  # fmt: skip
    found = prepare(str(real), settings, 3, synthetic=made).brought
    assert len(found) == len(FRESH) and found[0]["source_doc_ids"] == [train[0]["doc_id"]]


@pytest.mark.parametrize(
    ("option", "column"),
    [("synthetic_text_columns", "txet"), ("synthetic_source_column", "parent"), ("synthetic_generator_column", "llm"),
     ("synthetic_label_columns", "is_*"), ("synthetic_label_columns", "/^is/")],
)  # fmt: skip
def test_a_column_of_the_synthetic_file_that_is_not_there_is_named_with_its_option(tmp_path, option, column):
    with pytest.raises(DataError, match=rf"s.jsonl, row 1: no column '{re.escape(column)}'.*--{option}"):
        audit(tmp_path, save(tmp_path, FRESH, "s.jsonl"), **{option: column})


def test_columns_that_are_missing_are_asked_for_by_the_options_of_synthetic_files(tmp_path):
    rows = [{"id": row["id"], "body": row["text"], "topic": row["labels"]} for row in FRESH]
    with pytest.raises(DataError, match=r"--synthetic_text_columns.*--synthetic_label_columns"):
        audit(tmp_path, save(tmp_path, rows, "s.jsonl"))


def test_each_generator_and_method_of_the_columns_is_a_pool(tmp_path):
    rows = [
        *tagged(FRESH[:20], generator="GPT-4o", method="paraphrase"), *tagged(FRESH[20:28], generator="GPT-4o"),
        *tagged(FRESH[28:], generator="Llama 3 (8B)", method="paraphrase"),
    ]  # fmt: skip
    made = audit(tmp_path, save(tmp_path, rows, "s.jsonl"))
    assert pools(made) == {
        ("gpt_4o", "paraphrase"): 20, ("gpt_4o", "unnamed"): 8, ("llama_3_8b", "paraphrase"): 12,
    }  # fmt: skip
    assert made.corpus["supplied"][-1]["called"] == ["Llama 3 (8B)", "paraphrase"]
    renamed = [{("who" if key == "generator" else key): value for key, value in row.items()} for row in rows]
    named = audit(tmp_path, save(tmp_path, renamed, "s.jsonl"), synthetic_generator_column="who")
    assert pools(named) == pools(made)


def test_a_generator_that_only_late_rows_name_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr("volfid.inputs.supplied.FIRST_ROWS", 20)
    monkeypatch.setattr("volfid.inputs.tables._FIRST", 20)
    rows = [*FRESH[:30], *tagged(FRESH[30:], generator="late")]
    made = audit(tmp_path, save(tmp_path, rows, "s.jsonl"))
    assert pools(made) == {("unnamed", "supplied"): 30, ("late", "supplied"): 10}


def test_one_generator_is_the_pool_of_today_with_its_id(tmp_path):
    plain = audit(tmp_path, save(tmp_path, FRESH, "s.jsonl"))
    told = audit(tmp_path, save(tmp_path, tagged(FRESH, generator="GPT-4o"), "s.jsonl"))
    assert told.brought == plain.brought and pools(told) == {("brought", "brought"): len(FRESH)}
    assert set(plain.brought[0]) == {"doc_id", "text", "labels", "source_doc_ids", "text_sha"}
    assert told.corpus["supplied"][0]["called"] == ["GPT-4o", "supplied"]


def test_several_files_are_several_pools_and_their_ids_may_be_alike(tmp_path):
    first, second = save(tmp_path, FRESH[:20], "gpt-4.jsonl"), save(tmp_path, FRESH[20:], "llama.csv.jsonl")
    again = [{**row, "id": FRESH[i]["id"]} for i, row in enumerate(FRESH[20:])]
    made = audit(tmp_path, first, save(tmp_path, again, second.name))
    assert pools(made) == {("gpt_4", "supplied"): 20, ("llama", "supplied"): 20}
    assert {row["doc_id"].split(":")[0] for row in made.brought} == {"gpt-4", "llama"}
    same = audit(tmp_path, save(tmp_path / "a", FRESH[:20], "x.jsonl"), save(tmp_path / "b", again, "x.jsonl"))
    assert pools(same) == {("x", "supplied"): 20, ("x_2", "supplied"): 20}
    folder = tmp_path / "shards"
    for part in range(2):
        save(folder, FRESH[part:20:2], f"part{part}.jsonl")
    assert pools(audit(tmp_path, folder)) == {("brought", "brought"): 20}, "a folder is one pool"
    assert pools(audit(tmp_path, folder, second)) == {("shards", "supplied"): 20, ("llama", "supplied"): 20}


def test_a_column_that_one_of_several_files_has_is_enough(tmp_path):
    train = train_of(audit(tmp_path, save(tmp_path, FRESH, "s.jsonl")))
    named = [{**row, "made_from": train[i]["doc_id"]} for i, row in enumerate(FRESH[:20])]
    body = [{"body": row["text"], "labels": row["labels"]} for row in FRESH[20:]]
    made = audit(
        tmp_path, save(tmp_path, named, "named.jsonl"), save(tmp_path, body, "other.jsonl"),
        synthetic_source_column="made_from", synthetic_text_columns="body",
    )  # fmt: skip
    assert pools(made) == {("named", "supplied"): 20, ("other", "supplied"): 20}
    known = {row["generator"] for row in made.brought if row["source_doc_ids"]}
    assert known == {"named"}


def test_files_are_pooled_only_where_both_columns_say_so(tmp_path):
    one = save(tmp_path, tagged(FRESH[:20], generator="g"), "para.jsonl")
    two = save(tmp_path, tagged(FRESH[20:], generator="g"), "full.jsonl")
    assert pools(audit(tmp_path, one, two)) == {("g", "para"): 20, ("g", "full"): 20}
    one, two = (save(tmp_path, tagged(rows, llm="g", technique="t"), f"{name}.jsonl")
                for name, rows in (("a", FRESH[:20]), ("b", FRESH[20:])))  # fmt: skip
    assert pools(audit(tmp_path, one, two)) == {("brought", "brought"): 40}


def test_faulty_rows_of_several_files_are_told_apart(tmp_path):
    bad = [*FRESH[:3], {**FRESH[3], "labels": ["m02"]}]
    with pytest.raises(DataError, match=r"x-2/x.jsonl, row 4"):
        audit(tmp_path, save(tmp_path / "a", FRESH[20:], "x.jsonl"), save(tmp_path / "b", bad, "x.jsonl"))


def test_a_text_may_come_in_several_pools_but_once_in_each(tmp_path):
    twice = [{**row, "id": f"t{i}"} for i, row in enumerate(FRESH[:10])]
    near = {**FRESH[0], "id": "n", "text": FRESH[0]["text"] + " Indeed."}
    rows = [*tagged(FRESH[:10], generator="a"), *tagged([*twice, near], generator="b")]
    assert pools(audit(tmp_path, save(tmp_path, rows, "s.jsonl"))) == {("a", "supplied"): 10, ("b", "supplied"): 10}
    rows = [*tagged(FRESH[:10], generator="a"), *tagged(FRESH[10:20], generator="b"), *tagged(twice, generator="a")]
    assert pools(audit(tmp_path, save(tmp_path, rows, "s.jsonl"))) == {("a", "supplied"): 10, ("b", "supplied"): 10}


def test_a_column_of_many_values_is_no_generator_unless_an_option_says_so(tmp_path):
    rows = [{**row, "model": f"car {i}"} for i, row in enumerate(FRESH)]
    made = audit(tmp_path, save(tmp_path, rows, "s.jsonl"))
    assert pools(made) == {("brought", "brought"): 40}
    assert any("'model' has 40 values" in words for words in made.corpus["warnings"])
    chosen = audit(tmp_path, save(tmp_path, rows, "s.jsonl"), synthetic_generator_column="model")
    assert len(pools(chosen)) == 40
    many = [{**row, "model": f"car {i}", "method": i % 2} for i, row in enumerate(FRESH * 2)]
    many = [{**row, "id": f"m{i}", "model": f"car {i}"} for i, row in enumerate(many)]
    with pytest.raises(ParameterError, match="80 pools of synthetic documents by generator and method, at most 50"):
        audit(tmp_path, save(tmp_path, many, "s.jsonl"), synthetic_generator_column="model")


def test_sources_may_be_named_by_their_text_as_published_sets_do(tmp_path):
    base = audit(tmp_path, save(tmp_path, FRESH, "s.jsonl"))
    train, test = train_of(base), [row for row in base.documents if row["split"] == "test"]
    rows = [{**row, "seed": train[i]["text"].upper()} for i, row in enumerate(FRESH)]
    rows[0]["seed"], rows[1]["seed"], rows[2]["seed"] = test[0]["text"], "[a text; of nobody", ""
    made = audit(tmp_path, save(tmp_path, rows, "s.jsonl"))
    found = {row["doc_id"]: row for row in made.brought}
    assert "s000" not in found, "made from a test document"
    assert found["s001"]["source_doc_ids"] == [] and found["s001"]["sources_unknown"] == 1
    assert found["s002"]["source_doc_ids"] == [] and "sources_unknown" not in found["s002"]
    assert all(found[f"s{i:03d}"]["source_doc_ids"] == [train[i]["doc_id"]] for i in range(3, 40))
    named = [{("h" if key == "seed" else key): value for key, value in row.items()} for row in rows]
    again = audit(tmp_path, save(tmp_path, named, "s.jsonl"), synthetic_source_column="h")
    assert again.brought == made.brought
    numbers = audit(tmp_path, save(tmp_path, [{**row, "seed": i} for i, row in enumerate(FRESH)], "s.jsonl"))
    assert not any("sources_unknown" in row for row in numbers.brought), "a random seed is no source"


def test_nothing_left_says_where_the_rows_went(tmp_path):
    train = train_of(audit(tmp_path, save(tmp_path, FRESH, "s.jsonl")))
    copies = [{"id": f"c{i}", "text": row["text"], "labels": row["labels"]} for i, row in enumerate(train[:30])]
    none = [{**FRESH[0], "id": f"z{i}", "labels": []} for i in range(2)]
    with pytest.raises(DataError, match=r"of 32 rows none is left: 30 equal a real train text, 2 have no label"):
        audit(tmp_path, save(tmp_path, [*copies, *none], "s.jsonl"))
    few = audit(tmp_path, save(tmp_path, [*copies, FRESH[0], {**FRESH[0], "id": "again"}], "s.jsonl"))
    words = "synthetic documents: of 32 rows 1 is left: 30 equal a real train text, 1 repeat another supplied one"
    assert words in few.corpus["warnings"] and few.corpus["supplied"][0]["warning"] == words
    most = audit(tmp_path, save(tmp_path, [*copies[:3], *FRESH], "s.jsonl"))
    assert most.corpus["supplied"][0]["warning"] is None
    rows = [*tagged(copies, generator="Copier"), *tagged(FRESH, generator="Writer")]
    one = audit(tmp_path, save(tmp_path, rows, "s.jsonl"))
    assert pools(one) == {("writer", "supplied"): 40}
    assert one.corpus["supplied"][0]["warning"].startswith("synthetic documents (Copier, supplied): of 30 rows none")


def test_names_of_generators_become_parts_of_ids_that_stay_apart():
    names = ["GPT-4o", "gpt 4o", "模型", "Жук", "a__b", "x" * 80, "x" * 81, "_", "Claude 3.5 Sonnet", "é"]
    made = slugs(names)
    assert len(set(made.values())) == len(names) and all(map(value_is_valid, made.values()))
    assert made["Claude 3.5 Sonnet"] == "claude_3.5_sonnet" and slugs(reversed(names)) == made


def test_options_that_mean_nothing_are_refused():
    with pytest.raises(ParameterError, match=r"unknown option 'synthetic_text'.*synthetic_text_columns"):
        with_options(InputSettings(), {"synthetic_text": "x"})
    with pytest.raises(ParameterError, match=r"inputs.synthetic.labels: .* is no regular expression"):
        with_options(InputSettings(), {"synthetic_label_columns": "/(/"})


# ---- text of real documents, whatever the source column says ---------------------------------


def every(text: str, n: int) -> str:
    """A light rewrite: every n-th word is another one."""
    return " ".join("thing" if i % n == n // 2 else word for i, word in enumerate(text.split()))


def test_rewrites_of_test_documents_are_dropped_however_they_are_named(tmp_path):
    base = audit(tmp_path, save(tmp_path, FRESH, "s.jsonl"))
    held, train = [row for row in base.documents if row["split"] != "train"], train_of(base)
    for n in (8, 9):
        rows = [{"id": f"r{i}", "text": every(row["text"], n), "labels": row["labels"]} for i, row in enumerate(held)]
        rows = [{**row, "source": train[i]["doc_id"]} if i % 2 else row for i, row in enumerate(rows)]
        made = audit(tmp_path, save(tmp_path, [*rows, *FRESH], "s.jsonl"))
        assert {row["doc_id"] for row in made.brought} == {row["id"] for row in FRESH}, "independent text stays"
        reasons = {row["doc_id"]: row["reason"] for row in made.rejects}
        assert all(reasons[f"r{i}"] == f"near_duplicate_of_{row['split']}" for i, row in enumerate(held))


def test_held_out_text_within_a_longer_text_and_excerpts_of_it_are_dropped(tmp_path):
    base = audit(tmp_path, save(tmp_path, FRESH, "s.jsonl"))
    test, (a, b, c, *_) = [row for row in base.documents if row["split"] == "test"], train_of(base)
    words = test[1]["text"].split()
    rows = [
        {"id": "in", "text": f"{a['text']} {test[0]['text']} {b['text']}", "source": a["doc_id"]},
        {"id": "part", "text": " ".join(words[: len(words) // 2]), "source": a["doc_id"]},
        {"id": "both", "text": f"{a['text']} {b['text']}", "source": a["doc_id"]},
        {"id": "light", "text": every(c["text"], 9)},
    ]
    made = audit(tmp_path, save(tmp_path, [{**row, "labels": a["labels"]} for row in rows], "s.jsonl"))
    assert {row["doc_id"]: row["source_doc_ids"] for row in made.brought} == {
        "both": sorted([a["doc_id"], b["doc_id"]]), "light": [c["doc_id"]],
    }  # fmt: skip


# ---- how sources are named ---------------------------------------------------------------------


def sourced(folder: Path, cells, column: str = "source", name: str = "s.jsonl", **options):
    """An audit whose rows have cells of sources, made by `cells` from train and test documents; by id."""
    base = audit(folder, save(folder, FRESH, "s.jsonl"))
    train, test = train_of(base), [row for row in base.documents if row["split"] == "test"]
    rows = [
        {**row, **(cell if isinstance(cell, dict) else {column: cell})}
        for row, cell in zip(FRESH, cells(train, test), strict=False)
    ]  # fmt: skip
    made = audit(folder, save(folder, rows, name), **options)
    return train, test, made, {row["doc_id"]: row for row in made.brought}


@pytest.mark.parametrize("write", [str.upper, lambda text: f" {text} ", lambda text: "\uff44" + text[1:]])
def test_sources_are_the_ids_of_the_real_file_in_any_case_and_unicode_form(tmp_path, write):
    train, _, made, found = sourced(
        tmp_path, lambda train, test: [write(test[0]["doc_id"]), *(write(row["doc_id"]) for row in train[:20])]
    )
    assert "s000" not in found
    assert all(found[f"s{i + 1:03d}"]["source_doc_ids"] == [train[i]["doc_id"]] for i in range(20))
    assert not any("sources_unknown" in row for row in made.brought)


def test_sources_that_are_nearly_ids_are_refused_and_those_of_other_documents_told_of(tmp_path):
    for write in (lambda x: f"{x[0]}-{x[1:]}", lambda x: x + ".txt", lambda x: f"{x[0]}{int(x[1:])}"):
        with pytest.raises(DataError, match=r"row 1, field 'source': .* \(did you mean 'd\d\d\d'\?\)"):
            sourced(tmp_path, lambda train, test, write=write: [write(row["doc_id"]) for row in train])
    _, _, made, found = sourced(tmp_path, lambda train, test: [f"d{i}" for i in range(900, 940)])
    assert all(row["sources_unknown"] == 1 for row in found.values()) and len(found) == 40
    assert any("none of the 40 sources" in words and "'d900'" in words for words in made.corpus["warnings"])
    some = sourced(tmp_path, lambda train, test: ["d900", train[0]["doc_id"]])
    assert not any("none of the" in words for words in some[2].corpus["warnings"])


def test_every_column_that_names_real_documents_counts(tmp_path):
    def both(first: str, second: str):
        return lambda train, test: [
            {first: train[i]["doc_id"], second: test[i]["doc_id"] if i < 10 else train[i + 1]["doc_id"]}
            for i in range(20)
        ]

    for first, second in (("source", "parent_id"), ("parent_id", "source"), ("source", "seed_id"), ("source", "seed")):
        train, _, _, found = sourced(tmp_path, both(first, second))
        assert set(found) == {f"s{i:03d}" for i in range(10, 20)}, (first, second)
        assert found["s012"]["source_doc_ids"] == sorted(train[i]["doc_id"] for i in (12, 13))
    chosen = sourced(tmp_path, both("mine", "parent_id"), synthetic_source_column="mine")
    assert len(chosen[3]) == 10
    texts = sourced(tmp_path, lambda train, test: [
        {"source": train[i]["doc_id"], "original_text": test[0]["text"]} if i == 0 else {"source": train[i]["doc_id"]}
        for i in range(9)
    ])  # fmt: skip
    assert "s000" not in texts[3] and len(texts[3]) == 8


@pytest.mark.parametrize("tag", ["gpt-4", "synthetic", 1])
def test_a_column_of_tags_or_seeds_is_no_column_of_sources(tmp_path, tag):
    train, _, made, found = sourced(
        tmp_path, lambda train, test: [{"source": tag, "seed": i, "parent_id": train[i]["doc_id"]} for i in range(40)]
    )
    assert all(found[f"s{i:03d}"]["source_doc_ids"] == [train[i]["doc_id"]] for i in range(40))
    assert not any("sources_unknown" in row for row in made.brought)


@pytest.mark.parametrize("between", [",", ", ", ";", " | ", " ", "\n", " + ", "/"])
def test_several_ids_in_a_cell_are_several_sources(tmp_path, between):
    train, _, _, found = sourced(tmp_path, lambda train, test: [
        between.join((train[0]["doc_id"], train[1]["doc_id"])), between.join((train[0]["doc_id"], test[0]["doc_id"])),
    ])  # fmt: skip
    assert set(found) == {"s000"} and found["s000"]["source_doc_ids"] == [train[0]["doc_id"], train[1]["doc_id"]]


def test_an_id_with_a_comma_is_one_source(tmp_path):
    real = [{**row, "id": f"{row['id']}, a"} for row in DOCS]
    train = train_of(audit(tmp_path, save(tmp_path, FRESH, "s.jsonl"), real=real))
    rows = [{**row, "source": train[i]["doc_id"]} for i, row in enumerate(FRESH)]
    made = audit(tmp_path, save(tmp_path, rows, "s.jsonl"), real=real)
    assert all(len(row["source_doc_ids"]) == 1 and "sources_unknown" not in row for row in made.brought)


@pytest.mark.parametrize("column", ["source", "seed", "h"])
@pytest.mark.parametrize("write", [
    lambda text: text[: int(len(text) * 0.6)], lambda text: text.replace("-", "\u2011").replace(".", "\u2026"),
    lambda text: f"Abstract: \u201c{text}\u201d", lambda text: text.replace(" the ", " a ", 1), lambda text: text[30:],
])  # fmt: skip
def test_sources_named_by_a_text_that_differs_a_little_are_found(tmp_path, column, write):
    options = {"synthetic_source_column": "h"} if column == "h" else {}
    train, _, made, found = sourced(
        tmp_path, lambda train, test: [write(row["text"]) for row in [test[0], *train[:19]]], column, **options
    )
    assert "s000" not in found
    assert all(train[i]["doc_id"] in found[f"s{i + 1:03d}"]["source_doc_ids"] for i in range(19))
    assert not any("sources_unknown" in row for row in made.brought)
