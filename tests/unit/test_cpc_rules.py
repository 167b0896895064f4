"""Labels by CPC rules: the taxonomy, prefixes with and without a slash, text and context patterns."""

import gzip
import json
import os
from pathlib import Path

import pytest
import yaml

from volfid.core.exits import ConfigError, DataError, InputMissingError, ParameterError
from volfid.corpora.cpc_rules import Symbols, clean_symbol, read_main_groups, read_taxonomy

ROOT = Path(__file__).parents[2]
TAXONOMY = ROOT / "params/taxonomy/assistive_technology.yaml"
SHARED = Path(os.environ.get("VOLFID_SHARED", ROOT.parent / "shared")) / "data"
AT = read_taxonomy(TAXONOMY)


@pytest.fixture
def small(tmp_path):
    """Two labels: one with a plain, a text and a whole-main-group rule, one that wants the context."""

    def make(**changes):
        content = {
            "context": "disab|elder",
            "labels": [
                {"id": "A", "domain": "d", "name": "a", "definition": "x", "evidence": "A", "text": r"\biris\b",
                 "cpc": ["A61F2/1627", "A61F2/14?", "H04R25/"]},
                {"id": "B", "domain": "d", "name": "b", "definition": "y", "evidence": "D", "cpc": ["G06F3/013!"]},
            ],
        }  # fmt: skip
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump(content | changes))
        return read_taxonomy(path)

    return make


def test_the_taxonomy_has_64_labels_that_are_marked_as_a_reconstruction():
    assert len({label.id for label in AT.labels}) == len({label.name for label in AT.labels}) == 64
    assert sum(len(label.rules) for label in AT.labels) == 197
    assert "reconstruction" in AT.reconstruction and {label.evidence for label in AT.labels} == set("ABCD")
    assert sum(label.evidence == "A" for label in AT.labels) == 14
    assert all(label.definition.endswith(".") and label.domain for label in AT.labels)


@pytest.mark.real_data
def test_the_taxonomy_equals_the_published_json():
    if not (SHARED / "at_labels64.json").is_file():
        pytest.skip("no shared data")
    published = json.loads((SHARED / "at_labels64.json").read_text())
    assert published["context_regex"] == AT.context
    assert yaml.safe_load(TAXONOMY.read_text())["evidence"] == published["evidence"]
    for row, label in zip(published["labels"], AT.labels, strict=True):
        assert (row["id"], row["domain"], row["name"], row["definition"], row["evidence"]) == (
            label.id, label.domain, label.name, label.definition, label.evidence
        )  # fmt: skip
        assert row["text_regex"] == label.text
        assert [(r["prefix"], r["need_text"], r["need_context"]) for r in row["cpc"]] == [
            (rule.prefix, rule.need_text, rule.need_context) for rule in label.rules
        ]


@pytest.mark.real_data
def test_the_rules_give_the_published_labels_of_real_grants():
    if not (SHARED / "at_us_smoke.jsonl.gz").is_file():
        pytest.skip("no shared data")
    with gzip.open(SHARED / "at_us_smoke.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    assert len(rows) == 23
    for row in rows:
        assert AT.apply(row["cpc"], row["text"]) == row["labels"], row["id"]
        # the same symbols as some sources spell them: no reading is lost
        plain = [symbol.replace("/", "") for symbol in row["cpc"]]
        read = Symbols("plain", "any").with_slash(plain, AT, row["id"])
        assert set(AT.apply(read, row["text"])) >= set(row["labels"])


@pytest.mark.parametrize(
    ("symbols", "text", "labels"),
    [
        (["A61F2/1627"], "a lens", ["A"]),
        (["A61F2/16275"], "a lens", ["A"]),  # a prefix
        (["A61F2/162"], "a lens", []),
        (["A61F2/145"], "a lens", []),  # text pattern asked for
        (["A61F2/145"], "An artificial IRIS.", ["A"]),
        (["A61F2/145"], "irises", []),
        (["H04R25/505"], "", ["A"]),  # the whole main group
        (["H04R2/00", "H04R225/43", "H04R2225/43"], "", []),  # and no other that begins alike
        (["G06F3/013"], "eye tracking", []),
        (["G06F3/013"], "for Disabled people", ["B"]),
        (["G06F3/013", "H04R25/00", "A61F2/1627"], "elderly", ["A", "B"]),
        ([], "disabled iris", []),
    ],
)
def test_a_rule_fires_on_prefix_text_and_context(small, symbols, text, labels):
    assert small().apply(symbols, text) == labels


def test_symbols_without_a_slash_are_refused_until_the_user_says_so(small):
    taxonomy = small()
    assert Symbols().with_slash(["A61F 2/1627", "G06F3/013", "B01D1/00", "H04R"], taxonomy, "x") == [
        "A61F2/1627", "G06F3/013",
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"row 3: symbol A61F21627 has no slash.*symbols=plain"):
        Symbols().with_slash(["A61F21627"], taxonomy, "row 3")
    with pytest.raises(DataError, match="has a slash"):
        Symbols("plain").with_slash(["A61F2/1627"], taxonomy, "row 3")
    # in a subclass without a rule the spelling does not matter
    assert Symbols().with_slash(["B01D1234"], taxonomy, "row 3") == []


def test_a_symbol_whose_readings_lead_to_different_rules_is_refused_or_decided(small, tmp_path):
    taxonomy = small()
    with pytest.raises(DataError, match=r"A61F21627 can be read as A61F2/1627 or A61F21/627 or A61F216/27.*cpc_titles"):
        Symbols("plain").with_slash(["A61F21627"], taxonomy, "row 1")
    for policy, labels in (("any", ["A"]), ("none", [])):
        spelling = Symbols("plain", policy)
        assert taxonomy.apply(spelling.with_slash(["A61F21627"], taxonomy, "row 1"), "") == labels
        assert spelling.unclear == 1
    # no reading touches a rule: nothing to decide
    assert len(Symbols("plain").with_slash(["A61F5001"], taxonomy, "row 1")) == 1
    titles = tmp_path / "titles"
    titles.mkdir()
    (titles / "cpc-section-A_20250501.txt").write_text(
        "A\t\tHUMAN NECESSITIES\nA61F\t3\tFilters\nA61F2/00\t0\tFilters\nA61F2/14\t2\tEye parts\nA61F9/00\t0\tMethods\n"
    )
    groups = read_main_groups(titles)
    assert groups == {"A61F": {"2", "9"}}
    clear = Symbols("plain", main_groups=groups)
    assert clear.with_slash(["A61F21627", "A61F9008"], taxonomy, "row 1") == ["A61F2/1627", "A61F9/008"]
    assert clear.unclear == 0
    with pytest.raises(InputMissingError, match="no CPC title list"):
        read_main_groups(tmp_path / "elsewhere")


def test_what_is_no_symbol_or_no_option_is_named():
    assert clean_symbol(" g06f  3/013 ", "x") == "G06F3/013"
    for wrong in ("", "Z99Z", "A61", "A61F2/", "61F2/16", None, "A61F2/16;A61F9/08"):
        with pytest.raises(DataError, match="is no CPC or IPC symbol"):
            clean_symbol(wrong, "row 1")
    with pytest.raises(ParameterError, match="symbols=both"):
        Symbols("both")
    with pytest.raises(ParameterError, match="ambiguous=maybe"):
        Symbols("plain", "maybe")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "A"}, "expected a mapping with labels"),
        ({"labels": [{"id": "A"}]}, "label 1: domain is missing"),
        ({"context": ""}, "asks for the context pattern"),
        ({"context": "("}, "no regular expression"),
    ],
)
def test_a_broken_taxonomy_is_refused(small, changes, message):
    with pytest.raises(ConfigError, match=message):
        small(**changes)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cpc": ["A61F"]}, "'A61F' is no rule"),
        ({"cpc": ["A61F2/16?"]}, "asks for the text pattern"),
        ({"cpc": ["A61F2/16!?"]}, "is no rule"),
    ],
)
def test_a_broken_rule_is_named(small, fields, message):
    row = {"id": "A", "domain": "d", "name": "a", "definition": "x", "evidence": "A", "cpc": ["A61F2/16"]}
    with pytest.raises(ConfigError, match=message):
        small(labels=[row | fields])
    with pytest.raises(ConfigError, match="label A stands twice"):
        small(labels=[row, row])
