"""Standard-patent filters: which documents stay, against planted truths, and retrieval against plain computation."""

import numpy as np
import pytest
import yaml

from volfid.core.schemas import CONTRACTS
from volfid.core.settings import settings_of
from volfid.plan.design import Design
from volfid.plan.resolve import prompt_families
from volfid.report.inputs import ReportInputs
from volfid.report.tables_retrieval import filter_table
from volfid.retrieval import patent_classifier, patent_rules
from volfid.retrieval.evaluate import Evaluator, Settings
from volfid.retrieval.filtered import FILTERS, Filters, _Search, label_shift
from volfid.retrieval.index import rank

LABELS = list("ABCDEF")
NOUNS = ("rotor", "valve", "sensor", "housing", "spring", "lens", "pump", "cable", "piston", "gear", "nozzle")
PATENT = (
    "A device comprising a {} that is coupled to a {}, wherein the {} of the system is adapted to hold the {} while "
    "a {} moves, and a method in which the {} of the apparatus is pressed against a {} by the {} so that it stays."
)
NEWS = (
    "Shares of the {} maker rose when our reporters heard of a new {} for just $49, and you can order now the {} with "
    "a {} that everybody at the fair was talking about: it is the best {} of the year, and the {} is in the shops on "
    "a {} day with a {} in every box."
)
BAND = (20.0, 200.0)


def text(template, rng):
    return template.format(*rng.choice(NOUNS, 8))


class Shelf:
    """Real patents, and synthetic ones of which every other is news with labels that mean nothing for its vector."""

    def __init__(self, train=60, test=40, made=80):
        rng = np.random.default_rng(5)
        centres = rng.normal(size=(len(LABELS), 8)) * 3
        self.rows, self.vectors = {}, []

        def add(name, template, label, labels):
            self.rows[name] = {"doc_id": name, "text": text(template, rng), "labels": labels, "group": name}
            self.vectors.append(centres[label] + rng.normal(size=8))

        for count, start, split in ((train, "t", "train"), (test, "q", "test")):
            for i in range(count):
                add(f"{start}{i:03d}", PATENT, i % 6, [LABELS[i % 6]])
                self.rows[f"{start}{i:03d}"]["split"] = split
        for i in range(made):
            news = i % 2
            label = int(rng.integers(6)) if news else i % 6
            add(f"s{i:03d}", NEWS if news else PATENT, i % 6, [LABELS[label]])
            self.rows[f"s{i:03d}"] |= {"generator": "g", "method": "news" if news else "claims"}
        for i in range(30):
            add(f"x{i:03d}", NEWS, i % 6, [LABELS[i % 6]])
            self.rows[f"x{i:03d}"] |= {"generator": "other", "method": "news"}
        for name in [name for name in self.rows if name[0] == "q"]:
            del self.rows[name]["text"]  # whoever looks at a test text fails
        self.documents = [row for name, row in self.rows.items() if name[0] in "tq"]
        self.synthetic = [row for name, row in self.rows.items() if name[0] in "sx"]
        self.names = list(self.rows)

    def members(self, made=lambda name: name[0] == "s", real=20):
        rows = [(name, "real") for name in self.names if name[0] == "t"][:real]
        rows += [(name, "synthetic") for name in self.names if made(name)]
        return [
            {"doc_id": name, "source": source, "labels": self.rows[name]["labels"], "multiplicity": 1,
             "parent_id": None, "source_doc_ids": []} for name, source in rows
        ]  # fmt: skip

    def filters(self, groups=None, families=None, synthetic=None, **changes):
        groups = {"S": self.members()} if groups is None else groups
        families = {"claims": "patent_claim", "news": "news_brief"} if families is None else families
        evaluator = Evaluator(
            self.documents, self.synthetic, LABELS, groups, {name: i for i, name in enumerate(self.names)},
            np.array(self.vectors, np.float32), Settings(families=families, **changes), 1,
        )  # fmt: skip
        return Filters(evaluator, self.documents, self.synthetic if synthetic is None else synthetic)


@pytest.fixture(scope="module")
def shelf():
    return Shelf()


def by_key(rows):
    CONTRACTS["retrieval_filters"].check(rows, "retrieval_filters")
    return {(row["filter"], row["ideal"]): row for row in rows}


@pytest.fixture(scope="module")
def found(shelf):
    filters = shelf.filters()
    rows = by_key(filters.evaluate("S"))
    CONTRACTS["patent_rules"].check(filters.rule_rows(), "patent_rules")
    return rows, {row["doc_id"]: row for row in filters.rule_rows()}


# ---- rules ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        ("out_of_length", lambda t: " ".join(t.split()[:12])),
        ("markup", lambda t: "- " + t),
        ("markup", lambda t: t + " More at https://example.org"),
        ("other_genre", lambda t: t + " Your hands stay free."),
        ("other_genre", lambda t: t + " It costs $20."),
        ("other_genre", lambda t: t + ' He said "this is a good thing" there.'),
        ("other_genre", lambda t: t + " As shown [3, 7]."),
        ("other_genre", lambda t: t + " The change is clear (p < 0.05)."),
        ("meta_text", lambda t: "Sure, here " + t),
        ("meta_text", lambda t: t + " As an AI language model it ends."),
        ("repetitive", lambda t: t + " and so on it goes" * 3),
        ("repetitive", lambda t: t + " the method" * 60),
        ("not_english", lambda t: "Vorrichtung umfassend Gehäuse, Feder, Ventil und Sensor, apparatus method " * 3),
    ],
)
def test_each_fault_is_seen_and_lowers_the_score(fault, change):
    clean = text(PATENT, np.random.default_rng(1))
    before, after = (patent_rules.features(one, None, BAND) for one in (clean, change(clean)))
    assert before["score"] == 1 and before["kept"] and not before[fault]
    assert after[fault] == 1 and after["score"] < before["score"]


def test_a_text_without_the_register_is_never_kept():
    plain = "The big red bird that sat on the wall was in the sun and it did not move at all while we all looked " * 1
    found = patent_rules.features(
        plain + "on and on for as long as the day was bright and the air was still", None, BAND
    )
    assert found["register"] == 0 and not found["kept"]
    assert patent_rules.score_of({name: 1 for name in patent_rules.WEIGHTS}) < patent_rules.KEEP


def test_register_is_counted_in_100_words_and_capped():
    words = ["word"] * 199
    one = patent_rules.features(" ".join(["apparatus", *words]), None, (1, 400))
    assert one["register_per_100"] == pytest.approx(0.5) and one["register"] == pytest.approx(0.5)
    assert patent_rules.features(" ".join(["wherein"] * 50), None, (1, 400))["register"] == 1


def test_claim_form_is_asked_of_claims_alone():
    claim = "A valve, comprising: a housing; and a spring, wherein the spring is coupled to the housing."
    two = claim + " The invention is useful."
    assert [patent_rules.features(t, "patent_claim", BAND)["no_claim_form"] for t in (claim, two)] == [0, 1]
    assert patent_rules.features(two, "patent_abstract", BAND)["no_claim_form"] is None
    assert patent_rules.features(two, None, BAND)["no_claim_form"] is None


def test_families_are_patents_in_their_standard_sections_or_no_patents():
    standard = ("patent_abstract", "patent_claim", "patent_summary", "short_patent_abstract")
    assert all(map(patent_rules.is_standard, standard)) and not any(map(patent_rules.is_no_patent, standard))
    assert not any(map(patent_rules.is_standard, ("news_brief", "scientific_abstract", "patent_description")))
    assert patent_rules.is_no_patent("scientific_abstract") and not patent_rules.is_no_patent("patent_description")


def test_the_plan_knows_the_family_of_methods_with_a_prompt():
    methods = {
        "a": {"placeholders": ["genre"], "defaults": {"genre": "patent abstract"}},
        "b": {"placeholders": ["genre"], "defaults": {"genre": "patent abstract"}},
        "eda": {"engine": "eda"},
        "zero_shot": {"placeholders": ["genre"], "defaults": {"genre": "patent abstract"}},
    }
    with open("params/design/smoke.yaml") as file:
        raw = yaml.safe_load(file)
    raw["pool"]["sampling"] = {"b": {"genre": "News brief"}}
    assert prompt_families(Design.model_validate(raw), methods) == {"a": "patent_abstract", "b": "news_brief"}


# ---- classifier -------------------------------------------------------------------------------


def test_classifier_keeps_95_percent_of_real_out_of_fold_and_tells_planted_kinds_apart():
    rng = np.random.default_rng(2)
    real, other = [text(PATENT, rng) for _ in range(40)], [text(NEWS, rng) for _ in range(40)]
    names = [f"r{i}" for i in range(40)]
    model = patent_classifier.fit(real, names, [f"g{i // 2}" for i in range(40)], other, np.random.default_rng(0))
    assert 0.95 <= model.real_kept < 1 and model.other_kept == 0
    assert all(model.fold[f"r{i}"] == model.fold[f"r{i + 1}"] for i in range(0, 40, 2))  # groups stay together
    fresh = [text(PATENT, rng) for _ in range(20)]
    assert model.kept(fresh, [()] * 20).mean() >= 0.7
    assert not model.kept([text(NEWS, rng) for _ in range(20)], [()] * 20).any()
    again = patent_classifier.fit(real, names, [f"g{i // 2}" for i in range(40)], other, np.random.default_rng(0))
    assert again.threshold == model.threshold and model.kept([], []).shape == (0,)


class Remembers:
    """A model that is certain of what it was shown."""

    def __init__(self, score):
        self.score = score

    def decision_function(self, texts):
        return np.full(len(texts), self.score)


def test_a_text_is_scored_by_the_model_that_has_not_seen_its_source():
    models = [Remembers(-1.0), *map(Remembers, [2.0] * 4)]
    model = patent_classifier.Classifier(models, {"seen_by_1_to_4": 0, "b": 1}, 0.5, 1.0, 0.0)
    sources = [{"seen_by_1_to_4", None}, set(), {"seen_by_1_to_4", "b"}, {"elsewhere"}]
    assert model.kept(["x"] * 4, sources).tolist() == [False, True, True, True]  # -1; else (-1 + 4 * 2) / 5


def test_too_few_documents_for_the_folds_are_named():
    with pytest.raises(ValueError, match="3 groups of real documents"):
        patent_classifier.fit(["a"] * 9, list("abcdefghi"), list("aaabbbccc"), ["b"] * 9, np.random.default_rng(0))


# ---- retrieval --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [4, 12, 60, 99])
def test_parts_of_a_ranking_equal_a_search_of_the_part(size, monkeypatch):
    """nDCG of a part of the corpus by direct search; the short list (12 ranks) forces the second search."""
    monkeypatch.setattr("volfid.retrieval.ranked.DEPTH", 12)
    filters = Shelf().filters()
    one = filters.evaluator
    corpus = one.entries("S").once()
    part = np.sort(np.random.default_rng(size).choice(corpus.size, size, replace=False))
    found = _Search(one, corpus).ndcg(part)
    order = rank(one.queries, one.vectors, corpus.documents[part], 10).documents[:, :10]
    label_set = dict(zip(corpus.documents.tolist(), corpus.label_sets.tolist(), strict=True))
    for q, row in enumerate(order):
        gains = [one.gains[one.query_set[q], label_set[d]] for d in row.tolist()]
        best = np.sort([one.gains[one.query_set[q], label_set[d]] for d in corpus.documents[part].tolist()])[::-1][:10]
        weights = 1 / np.log2(np.arange(2, 12))
        dcg, ideal = gains @ weights[: len(gains)], best @ weights[: len(best)]
        assert found["fixed_ideal"][q] == pytest.approx(dcg / one.fixed[q], abs=1e-12)
        if ideal:
            assert found["own_ideal"][q] == pytest.approx(dcg / ideal, abs=1e-12)
        else:
            assert np.isnan(found["own_ideal"][q])


def test_every_filter_finds_the_planted_half_and_its_gain_is_selection(found):
    rows, _ = found
    assert {key[0] for key in rows} == set(FILTERS)
    for (name, ideal), row in rows.items():
        assert (row["real"], row["synthetic"]) == (20, 80), name
        assert 30 <= row["kept"] <= 40, name  # the 40 patents; the classifier may lose a few
        assert row["selection"] > 0.05 and row["ci_low"] > 0 and row["p"] < 0.01, (name, ideal)
        assert row["filtered"] > row["matched_high"] > row["matched"] > row["matched_low"], (name, ideal)
    assert rows["sp_clf", "fixed_ideal"]["real_kept"] >= 0.95 and rows["sp_clf", "fixed_ideal"]["other_kept"] == 0
    assert rows["sp_rule", "fixed_ideal"]["real_kept"] == 1 and rows["sp_family", "fixed_ideal"]["real_kept"] is None


def test_label_shift_is_the_divergence_of_label_sets():
    halves = np.array([0, 0, 1, 1])
    assert label_shift(halves, np.array([1, 0])) == pytest.approx(0, abs=1e-15)
    assert label_shift(np.zeros(3, int), np.ones(2, int)) == pytest.approx(1)
    # P = (1/2, 1/2), Q = (1, 0): H(3/4, 1/4) - 1/2
    assert label_shift(halves, np.array([0])) == pytest.approx(0.8112781244591328 - 0.5, abs=1e-12)


def test_the_planted_filter_moves_labels_as_far_as_its_documents_differ(found):
    for row in found[0].values():
        assert 0 < row["label_shift"] < 0.2 and 0 < row["label_shift_matched"] < 0.2


def test_the_three_parts_sum_to_the_change(found):
    for row in found[0].values():
        parts = row["fewer"] + row["share"] + row["selection"]
        assert parts == pytest.approx(row["filtered"] - row["whole"], abs=1e-12)


def test_a_choice_that_means_nothing_for_retrieval_shows_no_selection(shelf):
    """Families at random over good documents: filtered lies where random subsets of its size do."""
    rng, outside = np.random.default_rng(3), 0
    for _ in range(8):
        synthetic = [
            row if row["doc_id"][0] == "x" else {**row, "method": ("claims", "news")[int(rng.integers(2))]}
            for row in shelf.synthetic
        ]
        group = {"S": shelf.members(lambda name: name[0] == "s" and int(name[1:]) % 2 == 0)}
        row = by_key(shelf.filters(group, synthetic=synthetic).evaluate("S"))["sp_family", "fixed_ideal"]
        outside += not row["matched_low"] <= row["filtered"] <= row["matched_high"]
    assert outside <= 2


def test_every_feature_is_kept_for_every_document_looked_at(found):
    rules = found[1]
    assert set(rules) == {f"t{i:03d}" for i in range(20)} | {f"s{i:03d}" for i in range(80)}
    assert rules["s000"]["kept"] and not rules["s001"]["kept"] and rules["s001"]["other_genre"] == 1
    assert {row["source"] for name, row in rules.items() if name[0] == "t"} == {"real"}


def test_order_of_rows_changes_nothing(shelf, found):
    again = by_key(shelf.filters({"S": shelf.members()[::-1]}).evaluate("S"))
    assert again == found[0]


def reasons(rows):
    return {name: row["note"] for (name, ideal), row in rows.items() if ideal == "fixed_ideal"}


def test_what_cannot_be_known_is_undefined_with_its_reason(shelf):
    rows = by_key(shelf.filters(families={}).evaluate("S"))
    why = reasons(rows)
    assert why["sp_family"].endswith("is not known of every synthetic document")
    assert why["sp_clf"].startswith("no other generator made text")
    for name in ("sp_family", "sp_clf"):
        for ideal in ("fixed_ideal", "own_ideal"):
            row = rows[name, ideal]
            assert {row[field] for field in ("kept", "filtered", "matched", "random", "selection", "p")} == {None}


def test_rules_that_do_not_fit_the_real_documents_are_no_filter(shelf):
    filters = shelf.filters()
    for name in filters.train:
        filters.train[name] = filters.train[name] | {"text": "Nothing of that kind."}
    row = by_key(filters.evaluate("S"))["sp_rule", "fixed_ideal"]
    assert row["filtered"] is None and row["real_kept"] == 0 and "rules do not fit" in row["note"]


def test_a_filter_that_takes_all_or_nothing_has_nothing_to_compare(shelf):
    groups = {
        "all": shelf.members(lambda name: name[0] == "s" and int(name[1:]) % 2 == 0),
        "none": shelf.members(lambda name: name[0] == "s" and int(name[1:]) % 2 == 1),
        "real": shelf.members(lambda name: False),
    }
    filters = shelf.filters(groups)
    everything, nothing = (by_key(filters.evaluate(name))["sp_family", "own_ideal"] for name in ("all", "none"))
    assert (everything["kept"], everything["selection"]) == (40, None) and "every document stays" in everything["note"]
    assert (nothing["kept"], nothing["selection"]) == (0, None) and "no synthetic document stays" in nothing["note"]
    assert filters.evaluate("real") == []


def test_a_corpus_without_real_documents_is_judged_by_the_train_split_or_not_at_all(shelf):
    only = {"S": shelf.members(real=0)}
    assert by_key(shelf.filters(only).evaluate("S"))["sp_rule", "fixed_ideal"]["selection"] > 0
    filters = shelf.filters(only)
    filters.train = {}
    why = reasons(by_key(filters.evaluate("S")))
    assert why["sp_rule"] == why["sp_clf"] == "there is no real document to judge by"


def test_settings_of_a_job_name_families():
    assert settings_of(Settings, {"families": {"a": "news"}}, "x").families == {"a": "news"}


def test_the_report_shows_what_is_selection_and_why_a_filter_is_undefined(shelf):
    rows = [row | {"trainset_id": name} for name, families in (("S0", None), ("S1", None)) for row in
            shelf.filters(families=families).evaluate("S")]  # fmt: skip
    rows += [row | {"trainset_id": "Z0"} for row in shelf.filters(families={}).evaluate("S")]
    cells = [
        {"trainset_id": name, "arm": "S", "draw": draw, "regime": 20, "method": method, "added": 80, "real_share": None,
         "classifier": "mlp", "generator": "g"}
        for name, draw, method in (("S0", 0, "m"), ("S1", 1, "m"), ("Z0", 0, "z"))
    ]  # fmt: skip
    shown = filter_table(ReportInputs(cells=cells, retrieval_filters=rows))
    lines = {(row[2], row[4]): row for row in shown.rows}
    assert set(lines) == {(method, name) for method in "mz" for name in ("family", "rule", "classifier")}
    defined, undefined = lines["m", "family"], lines["z", "family"]
    assert defined[5] == "0.50" and defined[-1] == "2" and not defined[-2]
    assert undefined[5] == "–" and undefined[-3] == "–" and "is not known" in undefined[-2]
    nothing = [row | {"selection": None, "note": "a reason"} if row["filter"] == "sp_clf" else row for row in rows]
    merged = [
        row for row in filter_table(ReportInputs(cells=cells, retrieval_filters=nothing)).rows if row[4][0] == "c"
    ]
    assert [(row[0], row[-2], row[-1]) for row in merged] == [("all", "a reason", "0")]
    assert filter_table(ReportInputs()).rows == []
