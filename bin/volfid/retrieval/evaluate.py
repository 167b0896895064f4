"""Every training set as a corpus that real test documents search in.

Variants. `own_ideal`, `fixed_ideal`: the corpus as it is, nDCG over its own best documents or over those of the
train pool. `own_ideal_unique`, `fixed_ideal_unique`, `unique`: each document once; read these for replicated
corpora, whose copies otherwise fill the list. `size_matched` (fixed ideal), `size_matched_own_ideal`: random
subsets of n unique documents. `tie_averaged`: own ideal, expectation over ties. `random`, `random_fixed_ideal`:
exact expectation of a random order. `as_is`: figures without an ideal. `synthetic`, `real`: Jaccard of such hits.

Beside DCG: precision, recall, MAP and MRR with binary relevance, and hubs (retrieval/ranked.py).

A query's own text is no document of the corpus for that query (retrieval/own.py): neither a hit nor part of an ideal.
Documents and queries whose vector is zero are left out. Notes count both.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from volfid.core import ndcg
from volfid.core.exits import DataError
from volfid.core.labels import jaccard, label_matrix
from volfid.core.seeds import generator
from volfid.core.vectors import directed, left_out, unit_rows
from volfid.retrieval import ranked
from volfid.retrieval.compare import VARIANTS
from volfid.retrieval.entries import Entries
from volfid.retrieval.index import Ranking, expand, rank
from volfid.retrieval.kinds import Lost, by_query, relevant_documents
from volfid.retrieval.own import Own
from volfid.retrieval.ranked import mean_of_queries

Row = Mapping[str, Any]
RetrievalRow = dict[str, Any]
KEPT = 64
"""Rankings kept for sets with the same documents (real-only and its copies), the oldest dropped first."""
REQUESTED = "gains of synthetic documents use their requested labels"


@dataclass(frozen=True)
class Settings:
    """Fixed choices: cut-off, and how many random subsets the size-matched figures average, and those of filters.

    families: prompt family of each method that has a prompt (what kind of text it asks for).
    """

    k: int = ndcg.K
    subsets: int = 5
    filter_subsets: int = 20
    families: Mapping[str, str] = field(default_factory=dict)
    encoder: str | None = None

    def echo(self) -> dict[str, Any]:
        """All settings, for the manifest."""
        return {**asdict(self), "own_text": "left out for its query", "zero_vectors": "left out",
                "gain": "Jaccard, linear", "score": "inner product of unit rows, rounded to 1e-6",
                "relevant": f"Jaccard from {ranked.RELEVANT}", "depth": ranked.DEPTH, "ties": "document id, rising",
                "fixed_ideal": "all documents of split train"}  # fmt: skip


class Evaluator:
    """Evaluates training sets against one set of queries; rankings and gains are shared between them."""

    def __init__(
        self, documents: Sequence[Row], synthetic: Iterable[Row], label_ids: Sequence[str],
        groups: Mapping[str, Sequence[Row]], vector_row: Mapping[str, int], vectors: np.ndarray,
        settings: Settings, master_seed: int,
    ):  # fmt: skip
        self.settings, self.seed, self.groups = settings, master_seed, groups
        queries = sorted((row for row in documents if row["split"] == "test"), key=lambda row: row["doc_id"])
        train = [row for row in documents if row["split"] == "train"]
        if not queries or not train:
            raise DataError("documents.jsonl has no test or no train document", mend="Check the split")
        known = {row["doc_id"]: row.get("text") for row in (*synthetic, *documents)}
        used = sorted({row["doc_id"] for rows in groups.values() for row in rows})
        for name in [*used, *(row["doc_id"] for row in queries)]:
            if name not in known:
                raise DataError(
                    f"a training set names {name!r}, which no file holds", mend="Pass every synthetic.jsonl"
                )
            if name not in vector_row:
                raise DataError(f"document {name!r} has no embedding", mend="Pass the embeddings of every corpus part")
        self.number = {name: position for position, name in enumerate(used)}
        self.vectors = unit_rows(vectors[[vector_row[name] for name in used]], used)
        self.directed = directed(self.vectors)
        names = [row["doc_id"] for row in queries]
        asking = unit_rows(vectors[[vector_row[name] for name in names]], names)
        seen = directed(asking)
        queries = [queries[place] for place in np.flatnonzero(seen)]
        self.queries, self.queries_left_out = asking[seen], len(names) - len(queries)
        self.query_groups = [row["group"] for row in queries]
        # nDCG of every query, by training set and variant: what paired tests compare
        self.per_query: dict[str, dict[str, np.ndarray]] = {}
        self.notes: dict[str, str | None] = {}
        self.own = Own.of(queries, ((name, known[name]) for name in used))
        self.own_by_query = self.own.by_query(len(queries))

        rows = [row for members in groups.values() for row in members]
        sets = sorted({tuple(sorted(row["labels"])) for row in [*rows, *queries, *train]})
        self.set_number = {labels: position for position, labels in enumerate(sets)}
        matrix = label_matrix(sets, label_ids)
        asked = np.array([self.set_of(row) for row in queries], dtype=np.int64)
        query_sets, self.query_set = np.unique(asked, return_inverse=True)
        # gains[a, b]: of the a-th distinct label set among the queries with label set b
        self.gains = jaccard(matrix[query_sets], matrix)
        pool, place = np.unique([self.set_of(row) for row in train], return_inverse=True)
        own = Own.of(queries, ((row["doc_id"], row.get("text")) for row in train))
        lost = Lost(own.queries, place[own.documents], np.ones_like(own.queries))
        self.fixed = by_query(ndcg.ideal_dcg, self.gains[:, pool], self.query_set, np.bincount(place), lost, settings.k)
        self._rankings: dict[bytes, Ranking] = {}

    def set_of(self, row: Row) -> int:
        """Number of a row's label set."""
        return self.set_number[tuple(sorted(row["labels"]))]

    def entries(self, trainset_id: str) -> Entries:
        """The corpus of a training set: its documents with a direction."""
        total: dict[tuple[int, int, bool], int] = {}
        for row in self.groups[trainset_id]:
            if not self.directed[self.number[row["doc_id"]]]:
                continue
            key = (self.number[row["doc_id"]], self.set_of(row), row["source"] == "synthetic")
            total[key] = total.get(key, 0) + row["multiplicity"]
        table = np.array([(*key, count) for key, count in sorted(total.items())], dtype=np.int64).reshape(-1, 4)
        return Entries(table[:, 0], table[:, 1], table[:, 3], table[:, 2].astype(bool))

    def evaluate(self, trainset_id: str, size: int) -> list[RetrievalRow]:
        """All figures of one training set; `size` = n, the documents of the size-matched subsets."""
        corpus = self.entries(trainset_id)
        unique = corpus.once()
        note = REQUESTED if corpus.synthetic.any() else None
        self.per_query[trainset_id] = {}
        if len(self.queries) and corpus.size:
            figures = [
                *self._figures(corpus, trainset_id, "", note),
                *self._figures(unique, trainset_id, "_unique", note),
                *self._matched(unique, trainset_id, size),
            ]
        else:
            figures = self._nothing(trainset_id)
        told = self.notes[trainset_id] = self.told(trainset_id, corpus)
        return [
            {"trainset_id": trainset_id, "metric": metric, "variant": variant, "value": value, "n": n,
             "note": "; ".join(filter(None, (why, told))) or None}
            for metric, variant, value, n, why in figures
        ]  # fmt: skip

    def told(self, trainset_id: str, corpus: Entries) -> str | None:
        """What is left out of all figures of a corpus, with counts; None for nothing."""
        zero = {row["doc_id"] for row in self.groups[trainset_id] if not self.directed[self.number[row["doc_id"]]]}
        own = len(np.unique(self.own.entries(corpus)[0]))
        parts = (
            f"{own} queries do not find their own text, which stands in the corpus" if own else None,
            left_out(len(zero)), left_out(self.queries_left_out, "queries"),
            ranked.ties_told(self._search(corpus)["tied"]) if corpus.size and len(self.queries) else None,
        )  # fmt: skip
        return "; ".join(filter(None, parts)) or None

    def _nothing(self, trainset_id: str) -> list[tuple[Any, ...]]:
        """All figures of a corpus in which nothing can be searched, undefined."""
        self.per_query[trainset_id] = dict.fromkeys(VARIANTS, np.full(len(self.queries), np.nan))
        why = f"no {'document' if len(self.queries) else 'query'} has a vector that is not zero"
        return [(*name, None, 0, why) for name in ranked.names(self.settings.k)]

    # ---- one corpus -----------------------------------------------------------------------

    def _figures(self, corpus: Entries, trainset_id: str, suffix: str, note: str | None) -> list[tuple[Any, ...]]:
        k = self.settings.k
        found = self._search(corpus)
        own = self.by_kind(ndcg.ideal_dcg, corpus)
        plain = suffix.removeprefix("_") or "as_is"
        name = f"ndcg_at_{k}"
        few = f"the corpus has {corpus.size} documents, fewer than {k}" if corpus.size < k else None
        note = "; ".join(filter(None, (note, few))) or None
        scores = {f"own_ideal{suffix}": ndcg.ndcg(found["dcg"], own),
                  f"fixed_ideal{suffix}": ndcg.ndcg(found["dcg"], self.fixed)}  # fmt: skip
        self.per_query[trainset_id] |= scores
        lines = [
            *((name, variant, *mean_of_queries(values, note)) for variant, values in scores.items()),
            (f"dcg_at_{k}", plain, *mean_of_queries(found["dcg"], note)),
            (f"jaccard_at_{k}", plain, *mean_of_queries(found["jaccard"], note)),
            ("queries_without_gain", plain, float((own == 0).sum()), len(own), note),
            *self._binary(corpus, found, plain, note),
        ]
        if suffix:
            return [*lines, *self._hubs(corpus, found, note)]
        expected = self.by_kind(ndcg.random_dcg, corpus)
        return [
            *lines,
            (name, "tie_averaged", *mean_of_queries(ndcg.ndcg(found["dcg_tie_averaged"], own), note)),
            (name, "random", *mean_of_queries(ndcg.ndcg(expected, own), note)),
            (name, "random_fixed_ideal", *mean_of_queries(ndcg.ndcg(expected, self.fixed), note)),
            (f"dcg_at_{k}", "random", *mean_of_queries(expected, note)),
            (f"synthetic_share_at_{k}", "as_is", *mean_of_queries(found["synthetic"], note)),
        ]

    def _binary(self, corpus: Entries, found: dict[str, np.ndarray], variant: str, note: str | None) -> list[Any]:
        """Precision, recall, MAP and MRR of documents that count as relevant or not."""
        k, depth = self.settings.k, ranked.DEPTH
        relevant = ranked.by_rank(found["gains"] >= ranked.RELEVANT, found["end"], depth)
        total = self.by_kind(relevant_documents, corpus)
        figures = {
            f"precision_at_{k}": ranked.precision(relevant, k), f"recall_at_{k}": ranked.recall(relevant, total, k),
            f"recall_at_{depth}": ranked.recall(relevant, total, depth),
            f"map_at_{depth}": ranked.average_precision(relevant, total),
            f"mrr_at_{depth}": ranked.reciprocal_rank(relevant, total),
        }  # fmt: skip
        return [(name, variant, *mean_of_queries(values, note)) for name, values in figures.items()]

    def _hubs(self, corpus: Entries, found: dict[str, np.ndarray], note: str | None) -> list[Any]:
        """How unevenly documents are retrieved, and what synthetic and real hits are worth; each document once."""
        k, queries = self.settings.k, len(self.queries)
        skewness, share = ranked.hubs(found["columns"], len(corpus.documents), k)
        lines: list[Any] = [
            (f"hubness_skewness_at_{k}", "unique", skewness, queries, note if skewness is not None else "no spread"),
            (f"hub_share_at_{k}", "unique", share, queries, note),
            ("synthetic_share", "unique", float(corpus.synthetic.mean()), corpus.size, note),
        ]
        if corpus.synthetic.any():
            gains, made = (
                ranked.by_rank(values, found["end"], k)
                for values in (found["gains"], corpus.synthetic[found["columns"]])
            )
            filled = np.arange(k)[None, :] < found["end"].max(axis=1, initial=0)[:, None]
            for variant, chosen in (("synthetic", made > 0), ("real", filled & (made == 0))):
                value, n = ranked.mean_where(gains, chosen)
                lines.append(
                    (f"jaccard_at_{k}", variant, value, n, note if n else f"no {variant} document is retrieved")
                )
        return lines

    def _matched(self, unique: Entries, trainset_id: str, size: int) -> list[tuple[Any, ...]]:
        """Means over random subsets of `size` unique documents; the whole corpus when it has no more."""
        k = self.settings.k
        wanted = min(size, len(unique.documents))
        parts = []
        for subset in range(self.settings.subsets if wanted < len(unique.documents) else 1):
            rng = generator(self.seed, "retrieval_size_matched", trainset=trainset_id, subset=subset)
            part = unique.take(np.sort(rng.choice(len(unique.documents), size=wanted, replace=False)))
            found = self._search(part, keep=False)
            own = self.by_kind(ndcg.ideal_dcg, part)
            parts.append(
                (ndcg.ndcg(found["dcg"], self.fixed), ndcg.ndcg(found["dcg"], own), found["dcg"], found["jaccard"])
            )
        note = (
            f"{len(parts)} random subsets of {wanted} unique documents"
            if len(parts) > 1
            else f"all {wanted} unique documents"
        )
        if wanted < size:
            note += f", fewer than n = {size}"
        names = ((f"ndcg_at_{k}", "size_matched"), (f"ndcg_at_{k}", "size_matched_own_ideal"),
                 (f"dcg_at_{k}", "size_matched"), (f"jaccard_at_{k}", "size_matched"))  # fmt: skip
        self.per_query[trainset_id]["size_matched"] = np.mean([part[0] for part in parts], axis=0)
        lines = []
        for name, values in zip(names, zip(*parts, strict=True), strict=True):
            means = [mean_of_queries(one, note) for one in values]
            defined = [value for value, _, _ in means if value is not None]
            mean = float(np.mean(defined)) if defined else None
            lines.append((*name, mean, round(np.mean([n for _, n, _ in means])), note if defined else means[0][2]))
        return lines

    def _search(self, corpus: Entries, keep: bool = True) -> dict[str, np.ndarray]:
        """DCG, tie-averaged DCG, mean Jaccard and synthetic share of the best k, each (queries,), and the ranked
        list behind them: `columns` (entries), `gains` and `end` (last rank + 1), each (queries, columns)."""
        k = self.settings.k
        ranking = expand(self.ranking(corpus, keep), corpus)
        begin, end = ndcg.slots(ranking.documents, np.append(corpus.counts, 0))
        gains = self.gains[self.query_set[:, None], corpus.label_sets[ranking.documents]]
        averaged = ndcg.tie_averaged(gains, ranking.scores, begin, end)
        return {
            "dcg": ndcg.dcg(gains, begin, end, k),
            "dcg_tie_averaged": ndcg.dcg(averaged, begin, end, k),
            "jaccard": ndcg.mean_gain(gains, begin, end, k),
            "synthetic": ndcg.mean_gain(corpus.synthetic[ranking.documents].astype(float), begin, end, k),
            "columns": ranking.documents, "gains": gains * (end > begin), "end": end,
            "tied": ndcg.tied(gains, ranking.scores, begin, end, k),
        }  # fmt: skip

    def ranking(self, corpus: Entries, keep: bool = True) -> Ranking:
        """The best documents of a corpus, `ranked.DEPTH` of them where it is kept for further figures, else k."""
        depth = max(self.settings.k, ranked.DEPTH) if keep else self.settings.k
        documents = np.unique(corpus.documents)
        key = documents.tobytes()
        found = self._rankings.pop(key, None)
        found = found or rank(self.queries, self.vectors, documents, depth, self.own_by_query)
        if keep:
            self._rankings[key] = found  # the latest one last
            if len(self._rankings) > KEPT:
                del self._rankings[next(iter(self._rankings))]
        return found

    def by_kind(self, figure: Any, corpus: Entries) -> np.ndarray:
        """A figure that depends on label sets and their counts only, per query; without its own documents."""
        kinds, inverse = np.unique(corpus.label_sets, return_inverse=True)
        counts = np.bincount(inverse, weights=corpus.counts, minlength=len(kinds)).astype(np.int64)
        queries, entries = self.own.entries(corpus)
        lost = Lost(queries, inverse[entries], corpus.counts[entries])
        return by_query(figure, self.gains[:, kinds], self.query_set, counts, lost, self.settings.k)
