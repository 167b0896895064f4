"""The leak table: its thresholds come from real documents, and a made leak is found on the side it came from."""

import numpy as np
import pytest
from test_fidelity_measure import LABELS, trainset_row

from volfid.core.schemas import CONTRACTS
from volfid.core.shares import wilson
from volfid.core.trainsets import group_rows
from volfid.fidelity.corpus import assemble
from volfid.fidelity.leaks import FEWEST, Leaks, _as_near, _exceedance_limit
from volfid.fidelity.memorisation import quantile, table
from volfid.report.inputs import ReportInputs
from volfid.report.tables_leaks import leak_table
from volfid.report.text import clean

WORDS = [f"word{i}" for i in range(300)]
SIZES = {"train": 60, "reference": 10, "test": 60}


class World:
    """Real and fresh documents of one kind; every synthetic set holds 40 documents, of which the first ones leak.

    fresh: none. from_test, from_train: 10 are texts of test or train with two words changed.
    """

    def __init__(self, sizes=SIZES):
        rng = np.random.default_rng(6)
        self.documents, self.synthetic, self.rows, vectors = [], [], [], {}

        def text():
            return " ".join(rng.choice(WORDS, 40))

        def near(vector):
            made = vector + 0.02 * rng.normal(size=12)
            return made / np.linalg.norm(made)

        for split, number in sizes.items():
            for i in range(number):
                doc_id = f"{split}{i:02d}"
                self.documents.append({
                    "doc_id": doc_id, "text": text(), "labels": ["A"], "split": split, "group": doc_id, "text_sha": "x"
                })  # fmt: skip
                vectors[doc_id] = near(rng.normal(size=12))
        by_id = {row["doc_id"]: row for row in self.documents}
        for kind in ("fresh", "from_test", "from_train"):
            for i in range(40):
                doc_id = f"{kind}{i:02d}"
                victim = None if kind == "fresh" or i >= 10 else f"{kind.removeprefix('from_')}{i:02d}"
                words = by_id[victim]["text"].split() if victim else text().split()
                words[0] = words[-1] = "new"
                self.synthetic.append({
                    "doc_id": doc_id, "text": " ".join(words), "labels": ["A"], "source_doc_ids": [f"train{i:02d}"]
                })  # fmt: skip
                vectors[doc_id] = near(vectors[victim]) if victim else near(rng.normal(size=12))
                self.rows.append(trainset_row(kind, i, doc_id, "synthetic", ["A"], None, [f"train{i:02d}"]))
        self.rows += [
            trainset_row("copies", i, f"train{i:02d}", "copy", ["A"], f"train{i:02d}", [], 3) for i in range(20)
        ]
        self.rows += [trainset_row("real", i, f"train{i:02d}", "real", ["A"]) for i in range(20)]
        ids = sorted(vectors)
        groups = group_rows(self.rows, {row["trainset_id"] for row in self.rows})
        number = {name: place for place, name in enumerate(ids)}
        stacked = np.array([vectors[name] for name in ids], dtype=np.float32)
        self.corpus = assemble(self.documents, self.synthetic, LABELS, groups, number, stacked)

    def found(self):
        leaks = Leaks(self.corpus, table(self.corpus))
        rows = [row for one in self.corpus.trainsets for row in leaks.rows(one.trainset_id, one.added, one.sources)]
        CONTRACTS["leaks"].check(rows, "leaks")
        return {(row["trainset_id"], row["against"], row["measure"]): row for row in rows}


@pytest.fixture(scope="module")
def found():
    return World().found()


MEASURES = ("containment_8gram", "longest_run", "cosine")


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("side", ["test", "train"])
def test_a_leak_is_found_on_its_side_alone(found, side, measure):
    other = {"test": "train", "train": "test"}[side]
    leaking, clean = found[f"from_{side}", side, measure], found[f"from_{side}", other, measure]
    assert leaking["share_above"] >= 10 / 40 and leaking["ci_low"] > 0.1
    assert measure == "cosine" or leaking["ci_low"] > leaking["real_high"]
    assert clean["share_above"] < 0.2 and clean["share_above"] < leaking["share_above"]
    assert leaking["highest"] > leaking["threshold"]


@pytest.mark.parametrize("side", ["test", "train", "sources"])
def test_fresh_text_leaks_no_more_than_real_text(found, side):
    for measure in MEASURES:
        row = found["fresh", side, measure]
        assert row["ci_low"] <= row["real_high"] and row["n"] == 40 and row["n_real"] == 60
    assert 0.4 < found["fresh", "test", "cosine"]["real_as_near"] < 0.6
    # a few sources are farther away than the nearest of all train documents
    assert found["fresh", "sources", "cosine"]["real_as_near"] > 0.7


def test_thresholds_come_from_real_documents_of_the_corpus():
    """Where all real texts share a phrase, the phrase is no leak."""
    world, phrase = World(), " ".join(f"phrase{i}" for i in range(15))
    for number, text in enumerate(world.corpus.texts):
        world.corpus.texts[number] = f"{phrase} {text}"
    found = world.found()
    row = found["fresh", "test", "longest_run"]
    assert row["threshold"] >= 15 and row["q50"] >= 15 and row["share_above"] <= 0.1
    assert found["from_test", "test", "longest_run"]["share_above"] >= 10 / 40


def test_the_threshold_is_the_quantile_of_nearness_between_real_sides(found):
    world = World()
    train, test = (world.corpus.vectors[world.corpus.splits[name]] for name in ("train", "test"))
    real = np.sort((train @ test.T).max(axis=1))
    row = found["fresh", "test", "cosine"]
    assert row["threshold"] == pytest.approx(real[56], abs=1e-6)  # the 57th of 60: the first to reach 95 %
    assert row["share_real"] == pytest.approx(3 / 60)
    made = world.corpus.vectors[[world.corpus.number[f"fresh{i:02d}"] for i in range(40)]]
    near = (made @ test.T).max(axis=1)
    expected = np.mean([(real > value).mean() + (real == value).mean() / 2 for value in near])
    assert row["real_as_near"] == pytest.approx(expected)
    assert (row["ci_low"], row["ci_high"]) == wilson(int((near > row["threshold"]).sum()), 40)


def test_copies_are_the_anchor_and_count_once(found):
    for side in ("sources", "train"):
        row = found["copies", side, "containment_8gram"]
        assert (row["q50"], row["share_above"], row["n"]) == (1.0, 1.0, 20)
        assert found["copies", side, "cosine"]["q50"] == pytest.approx(1)
    assert found["copies", "test", "containment_8gram"]["share_above"] <= 0.1


def test_sets_without_made_documents_have_no_rows(found):
    assert {key[0] for key in found} == {"fresh", "from_test", "from_train", "copies"}


def test_too_few_real_documents_leave_the_threshold_undefined_with_the_reason():
    found = World({"train": 60, "reference": 10, "test": 12}).found() if FEWEST > 12 else {}
    row = found["fresh", "train", "cosine"]
    assert row["threshold"] is None and "12 real documents" in row["note"] and row["q50"] is not None
    assert found["fresh", "test", "cosine"]["threshold"] is not None


def test_a_vector_of_zeros_has_no_cosine_and_is_counted():
    world = World()
    made = [world.corpus.number[f"fresh{i:02d}"] for i in range(3)]
    world.corpus.vectors[[*made, world.corpus.number["test00"], world.corpus.number["train05"]]] = 0
    found = world.found()
    for side in ("sources", "train", "test"):
        row = found["fresh", side, "cosine"]
        assert row["n"] == (36 if side == "sources" else 37) and "3 documents left out" in row["note"]
        assert row["n_real"] == 59 and row["q50"] is not None
        assert found["fresh", side, "longest_run"]["n"] == 40
    world = World()
    world.corpus.vectors[[world.corpus.number[f"fresh{i:02d}"] for i in range(40)]] = 0
    row = world.found()["fresh", "test", "cosine"]
    assert row["n"] == 0 and row["note"] == "40 documents left out: their vector is zero"


def test_rows_that_name_no_source_say_so():
    world = World()
    for number in world.corpus.sources:
        world.corpus.sources[number] = []
    row = world.found()["fresh", "sources", "cosine"]
    assert row["n"] == 0 and row["q50"] is None and "no row names a source" in row["note"]


def test_text_of_the_same_source_is_seldom_called_a_leak():
    """The threshold is an estimate: over 400 worlds without a leak, fewer than 5 % are called one."""
    alarms, shares = 0, []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        real, made = rng.normal(size=60), rng.normal(size=40)
        threshold = quantile(real, np.ones(60), 0.95)
        low, _ = wilson(int((made > threshold).sum()), 40)
        alarms += low > _exceedance_limit(real, threshold)
        shares.append((made > threshold).mean())
    assert alarms <= 20 and np.mean(shares) == pytest.approx(4 / 61, abs=0.01)


def test_as_near_is_half_for_equal_distributions_with_ties():
    values = np.array([0.0, 0.0, 1.0, 2.0, 2.0])
    assert _as_near(values, values).mean() == pytest.approx(0.5)
    assert _as_near(np.array([9.0]), values)[0] == 0 and _as_near(np.array([-1.0]), values)[0] == 1


def test_the_table_of_the_report_shows_shares_beside_what_real_text_does(found):
    cells = [
        {"trainset_id": name, "arm": arm, "draw": 0, "regime": 60, "method": "full_synthesis", "added": 40,
         "real_share": None, "classifier": "mlp"}
        for name, arm in (("from_test", "S"), ("copies", "Pd"))
    ]  # fmt: skip
    shown = leak_table(ReportInputs(cells=cells, leaks=list(found.values())))
    rows = {(row[1], row[4]): dict(zip(shown.columns, row, strict=True)) for row in shown.rows}
    assert set(rows) == {(arm, side) for arm in ("S", "Pd") for side in ("sources", "train", "test")}
    share = found["from_test", "test", "longest_run"]["share_above"]
    assert rows["S", "test"]["longest run: above"].startswith(f"{share:.2f}")
    assert "longest run" in shown.caption and "undefined" not in shown.caption
    assert clean(shown.caption) == shown.caption  # a longer one is cut
    assert leak_table(ReportInputs()).rows == [] and leak_table(ReportInputs()).empty
