"""Standard-patent filters of the synthetic documents of a corpus, each against random subsets of its size.

`sp_family`: the prompt asked for a patent; `sp_rule`: patent_rules.py;
`sp_clf`: patent_classifier.py. Real documents stay in any case, every document counts once. What a filter changes is
taken apart:

    filtered - whole  =  fewer documents      (random documents of the whole corpus  -  whole)
                       + share of real ones   (random synthetic documents            -  random documents)
                       + selection            (filtered                              -  random synthetic documents)

where each random corpus has as many documents as the filtered one, and the second all real documents too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from volfid.core import ndcg
from volfid.core.bounded import logit_limits
from volfid.core.seeds import generator
from volfid.retrieval import patent_classifier, patent_rules
from volfid.retrieval.compare import paired
from volfid.retrieval.entries import Entries
from volfid.retrieval.evaluate import Evaluator
from volfid.retrieval.index import rank

Row = Mapping[str, Any]
FILTERS = ("sp_family", "sp_rule", "sp_clf")
IDEALS = ("fixed_ideal", "own_ideal")
LEAST_REAL = 0.5
"""A rule that keeps fewer real documents than this does not describe the corpus."""
LEVEL = 0.95
NO_REAL = "there is no real document to judge by"


@dataclass(frozen=True)
class Decision:
    """Which synthetic documents stay (`keep`, None when undefined), and what the filter does to known documents."""

    keep: np.ndarray | None
    note: str | None = None
    real_kept: float | None = None
    other_kept: float | None = None


class Filters:
    """Filters of one evaluator's corpora. `documents`, `synthetic`: rows with text; a synthetic row may name its
    `generator` and `method`; the evaluator's settings name the prompt family of each method."""

    def __init__(self, evaluator: Evaluator, documents: Iterable[Row], synthetic: Iterable[Row]):
        self.evaluator, self.families = evaluator, evaluator.settings.families
        self.train = {row["doc_id"]: row for row in documents if row["split"] == "train"}
        self.made = {row["doc_id"]: row for row in synthetic}
        self.names = list(evaluator.number)
        texts = [row["text"] for row in self.train.values()]
        self.band = patent_rules.length_band(texts) if texts else patent_rules.WORDS
        self.features: dict[str, dict[str, Any]] = {}
        self._fitted: tuple[Any, patent_classifier.Classifier] | None = None

    def family(self, doc_id: str) -> str | None:
        """Prompt family of a synthetic document, None when nothing says it."""
        return self.families.get(self.made[doc_id].get("method") or "")

    def rule_rows(self) -> list[dict[str, Any]]:
        """Rows of the contract `patent_rules`: every document that a rule has looked at."""
        return [
            {"doc_id": name, "source": "real" if name in self.train else "synthetic", **found}
            for name, found in sorted(self.features.items())
        ]

    def evaluate(self, trainset_id: str) -> list[dict[str, Any]]:
        """Rows of the contract `retrieval_filters`; none for a training set without synthetic documents."""
        corpus = self.evaluator.entries(trainset_id).once()
        made = np.flatnonzero(corpus.synthetic)
        if not len(made):
            return []
        members = self.evaluator.groups[trainset_id]
        real = sorted({row["doc_id"] for row in members if row["source"] == "real"} & set(self.train))
        ids = [self.names[number] for number in corpus.documents[made]]
        sources = {row["doc_id"]: {*row.get("source_doc_ids", ()), row.get("parent_id")} for row in members}
        decisions = {
            "sp_family": self._by_family(ids),
            "sp_rule": self._by_rule(ids, real or sorted(self.train)),
            "sp_clf": self._by_classifier(ids, real or sorted(self.train), [sources[name] for name in ids]),
        }
        search = _Search(self.evaluator, corpus)
        told = self.evaluator.told(trainset_id, corpus)
        return [
            {**row, "note": "; ".join(filter(None, (row["note"], told))) or None}
            for name, decision in decisions.items()
            for row in self._rows(trainset_id, name, decision, search, corpus.synthetic)
        ]

    # ---- which documents stay ---------------------------------------------------------------

    def _by_family(self, ids: Sequence[str]) -> Decision:
        families = [self.family(name) for name in ids]
        if None in families:
            return Decision(None, "what kind of text the prompt asked for is not known of every synthetic document")
        return Decision(np.array([patent_rules.is_standard(family) for family in families if family]))

    def _by_rule(self, ids: Sequence[str], real: Sequence[str]) -> Decision:
        if not real:
            return Decision(None, NO_REAL)
        share = float(np.mean([self._look(name, self.train[name]["text"], None)["kept"] for name in real]))
        if share < LEAST_REAL:
            return Decision(None, "the rules do not fit: they keep fewer than half of the real documents", share)
        kept = [self._look(name, self.made[name]["text"], self.family(name))["kept"] for name in ids]
        return Decision(np.array(kept), None, share)

    def _look(self, name: str, text: str, family: str | None) -> dict[str, Any]:
        if name not in self.features:
            self.features[name] = patent_rules.features(text, family, self.band)
        return self.features[name]

    def _by_classifier(self, ids: Sequence[str], real: Sequence[str], sources: Sequence[set[str]]) -> Decision:
        """The other side of the classifier: texts of families that are no patents, by other generators."""
        if not real:
            return Decision(None, NO_REAL)
        makers = sorted({str(self.made[name].get("generator")) for name in ids})
        others = [
            name for name, row in sorted(self.made.items())
            if row.get("kept", True) and str(row.get("generator")) not in makers
            and patent_rules.is_no_patent(self.family(name) or patent_rules.PATENT)
        ]  # fmt: skip
        if not others:
            return Decision(None, "no other generator made text of a prompt family that is no patent")
        key = (tuple(real), tuple(others))
        if self._fitted is None or self._fitted[0] != key:
            rng = generator(self.evaluator.seed, "sp_clf", real="|".join(real), makers="|".join(makers))
            drawn = np.sort(rng.choice(len(others), min(len(others), len(real)), replace=False))
            try:
                fitted = patent_classifier.fit(
                    [self.train[name]["text"] for name in real], real, [self.train[name]["group"] for name in real],
                    [self.made[others[place]]["text"] for place in drawn], rng,
                )  # fmt: skip
            except ValueError as error:
                return Decision(None, str(error))
            self._fitted = (key, fitted)
        model = self._fitted[1]
        kept = model.kept([self.made[name]["text"] for name in ids], sources)
        return Decision(kept, None, model.real_kept, model.other_kept)

    # ---- what that does to retrieval --------------------------------------------------------

    def _rows(
        self, trainset_id: str, name: str, decision: Decision, search: "_Search", synthetic: np.ndarray
    ) -> list[dict[str, Any]]:
        made, real = np.flatnonzero(synthetic), np.flatnonzero(~synthetic)
        undefined = dict.fromkeys(
            ("whole", "filtered", "matched", "matched_low", "matched_high", "random", "fewer", "share", "selection",
             "ci_low", "ci_high", "p", "label_shift", "label_shift_matched")
        )  # fmt: skip
        base = {
            "trainset_id": trainset_id, "filter": name, "metric": f"ndcg_at_{self.evaluator.settings.k}",
            "real": len(real), "synthetic": len(made), "kept": None, "real_kept": decision.real_kept,
            "other_kept": decision.other_kept, "subsets": 0, "n": 0, "clusters": 0, "note": decision.note, **undefined,
        }  # fmt: skip
        if decision.keep is None:
            return [base | {"ideal": ideal} for ideal in IDEALS]
        kept = made[decision.keep]
        base["kept"] = len(kept)
        if len(kept) == len(made):
            return [base | {"ideal": ideal, "note": "every document stays: nothing to compare"} for ideal in IDEALS]
        if not len(kept):
            return [
                base | {"ideal": ideal, "note": "no synthetic document stays: nothing to select"} for ideal in IDEALS
            ]
        subsets = self.evaluator.settings.filter_subsets
        matched, drawn, shifts = [], [], []
        labels = search.corpus.label_sets[made]
        for subset in range(subsets):
            rng = generator(self.evaluator.seed, "retrieval_filters", trainset=trainset_id, filter=name, subset=subset)
            chosen = rng.choice(len(made), len(kept), replace=False)
            shifts.append(label_shift(labels, labels[chosen]))
            matched.append(search.ndcg(np.concatenate([real, made[chosen]])))
            drawn.append(search.ndcg(rng.choice(len(synthetic), len(real) + len(kept), replace=False)))
        whole, filtered = search.ndcg(np.arange(len(synthetic))), search.ndcg(np.concatenate([real, kept]))
        return [
            base | {"ideal": ideal, "subsets": subsets, "label_shift": label_shift(labels, labels[decision.keep]),
                    "label_shift_matched": float(np.mean(shifts))}
            | _compared(whole[ideal], filtered[ideal], np.array([one[ideal] for one in matched]),
                        np.array([one[ideal] for one in drawn]), self.evaluator.query_groups,
                        generator(self.evaluator.seed, "retrieval_filters_queries", ideal=ideal))
            for ideal in IDEALS
        ]  # fmt: skip


def label_shift(before: np.ndarray, after: np.ndarray) -> float:
    """Jensen-Shannon divergence in bits (0 to 1) of the label sets of documents; both hold numbers of label sets."""
    sets = np.unique(np.concatenate([before, after]))
    shares = [np.bincount(np.searchsorted(sets, part), minlength=len(sets)) / len(part) for part in (before, after)]
    middle = (shares[0] + shares[1]) / 2
    return float(max(_entropy(middle) - (_entropy(shares[0]) + _entropy(shares[1])) / 2, 0.0))


def _entropy(shares: np.ndarray) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log2(some)).sum())


class _Search:
    """nDCG of every query over parts of one corpus, from one ranking of the whole."""

    def __init__(self, evaluator: Evaluator, corpus: Entries):
        self.evaluator, self.corpus, self.k = evaluator, corpus, evaluator.settings.k
        ranking = evaluator.ranking(corpus)
        self.columns = np.searchsorted(corpus.documents, ranking.documents)  # 0 where there is nothing
        self.filled = ranking.documents >= 0
        self.columns[~self.filled] = 0
        self.gains = evaluator.gains[evaluator.query_set[:, None], corpus.label_sets[self.columns]]
        self.weights = np.append(np.insert(ndcg.discounts(self.k), 0, 0.0), 0.0)  # by rank from 1; 0 behind k

    def ndcg(self, part: np.ndarray) -> dict[str, np.ndarray]:
        """nDCG (queries,) over the fixed and the own ideal; `part`: columns of the corpus, each once."""
        part = np.sort(part)
        chosen = np.zeros(len(self.corpus.documents), dtype=bool)
        chosen[part] = True
        found = chosen[self.columns] & self.filled
        places = np.minimum(np.cumsum(found, axis=1), self.k + 1)
        dcg = (self.gains * self.weights[places] * found).sum(axis=1)
        short = np.flatnonzero(places[:, -1] < min(self.k, len(part)))
        if len(short):  # the list of the whole corpus ends before k of these documents are found
            dcg[short] = self._again(part, short)
        own = self.evaluator.by_kind(ndcg.ideal_dcg, self.corpus.take(part))
        return {"fixed_ideal": ndcg.ndcg(dcg, self.evaluator.fixed), "own_ideal": ndcg.ndcg(dcg, own)}

    def _again(self, part: np.ndarray, queries: np.ndarray) -> np.ndarray:
        one = self.evaluator
        own = one.own_by_query[queries]
        found = rank(one.queries[queries], one.vectors, self.corpus.documents[part], self.k, own).documents[:, : self.k]
        columns = np.where(found >= 0, np.searchsorted(self.corpus.documents, found), 0)
        gains = one.gains[one.query_set[queries][:, None], self.corpus.label_sets[columns]] * (found >= 0)
        result: np.ndarray = (gains * ndcg.discounts(self.k)[: found.shape[1]]).sum(axis=1)
        return result


def _compared(
    whole: np.ndarray,
    filtered: np.ndarray,
    matched: np.ndarray,
    drawn: np.ndarray,
    groups: Sequence[str],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Means over queries where all corpora are defined; `matched`, `drawn` (subsets, queries), others (queries,).

    matched_low, matched_high: where one more random subset falls with 95 % (t prediction interval over subsets, on the
    logit).
    """
    middle, anywhere = matched.mean(axis=0), drawn.mean(axis=0)
    known = ~np.isnan(whole + filtered + middle + anywhere)
    test = paired(np.where(known, filtered - middle, np.nan), groups, rng)
    if not known.any():
        return {"n": 0, "clusters": 0, "note": "no query shares a label with any document"}
    means = matched[:, known].mean(axis=1)
    count = len(means)
    limits = None
    if count > 1:
        quantile = float(stdtrit(count - 1, 0.5 + LEVEL / 2))
        limits = logit_limits(float(means.mean()), float(means.std(ddof=1) * np.sqrt(1 + 1 / count)), quantile)
    at = {name: float(values[known].mean()) for name, values in
          (("whole", whole), ("filtered", filtered), ("matched", middle), ("random", anywhere))}  # fmt: skip
    return at | {
        "matched_low": limits and limits[0], "matched_high": limits and limits[1],
        "fewer": at["random"] - at["whole"], "share": at["matched"] - at["random"], "selection": test["delta"],
        "ci_low": test["ci_low"], "ci_high": test["ci_high"], "p": test["p"], "n": test["n"],
        "clusters": test["clusters"], "note": test["note"],
    }  # fmt: skip
