"""Every fidelity, diversity and memorisation figure of every training set, copies and real-only included."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from volfid.core.exits import DataError
from volfid.core.vectors import left_out
from volfid.fidelity import memorisation, text
from volfid.fidelity.corpus import Corpus, Rows, TrainSet
from volfid.fidelity.measure_labels import LabelFigures
from volfid.fidelity.measure_surface import SurfaceFigures
from volfid.fidelity.measure_text import TextFigures
from volfid.fidelity.realised import Checker
from volfid.fidelity.settings import Figure, Settings

FidelityRow = dict[str, Any]
REQUESTED = "synthetic rows count with their requested labels"


class _Out:
    """Collects the rows of one training set and one choice of rows."""

    def __init__(self, trainset_id: str, rows: str):
        self.trainset_id, self.rows = trainset_id, rows
        self.lines: list[FidelityRow] = []

    def add(
        self, metric: str, reference: str, value: float | None, n: int, note: str | None = None, why: str = ""
    ) -> None:
        """One figure; `why` becomes the note when the value is undefined."""
        line = {"trainset_id": self.trainset_id, "metric": metric, "rows": self.rows, "reference": reference}
        if value is None:
            note = why or "undefined"
        self.lines.append({**line, "value": None if value is None else float(value), "n": int(n), "note": note})

    def add_all(self, figures: Iterable[Figure], size: int, note: str | None = None) -> None:
        """Figures of `size` rows; `note` goes beside what a figure says itself."""
        for one in figures:
            said = "; ".join(part for part in (one.note, note) if part) or None
            self.add(one.metric, one.reference, one.value, size if one.n is None else one.n, said, one.why)


class Measurer:
    """Measures training sets against one corpus; what only depends on documents is computed once and kept."""

    def __init__(self, corpus: Corpus, settings: Settings, master_seed: int):
        if len(corpus.splits["reference"]) < 2:
            raise DataError("fewer than 2 documents in split 'reference'", mend="Make the reference fold larger")
        self.corpus, self.settings, self.seed = corpus, settings, master_seed
        self.labels = LabelFigures(corpus, settings, master_seed)
        self.texts = TextFigures(corpus, settings, master_seed)
        self.surface = SurfaceFigures(corpus, settings, master_seed)
        self.memory = memorisation.table(corpus, settings.containment_width)
        truth = corpus.matrix[corpus.split_labels["train"]] > 0
        self.checker = Checker(corpus.vectors[corpus.splits["train"]], truth, corpus.groups)
        self.seen = self.checker.recognise(corpus.vectors)
        self.seen[corpus.splits["train"]] = self.checker.out_of_fold
        self._kept: dict[bytes, Any] = {}

    def measure(self, trainset: TrainSet) -> list[FidelityRow]:
        """All figures of one training set, over all rows and, where there are some, over the added ones."""
        lines: list[FidelityRow] = []
        for name, rows in (("all", trainset.all), ("added", trainset.added)):
            if not rows.size:
                continue
            out = _Out(trainset.trainset_id, name)
            note = REQUESTED if "synthetic" in trainset.sources else None
            self._labels(out, rows, note)
            self._text(out, rows)
            self._surface(out, rows)
            if name == "added":
                self._nearest(out, rows, trainset.real)
                if trainset.trainset_id not in self.corpus.permuted:
                    self._realised(out, rows)
            if name == "added" or not trainset.added.size:
                self._memorisation(out, rows, trainset)
            lines += out.lines
        return lines

    def frozen(self) -> dict[str, Any]:
        """What was fixed from the real train pool and the reference fold, for the manifest."""
        return {
            "text_sigma": self.texts.sigma, "label_median_two_sigma_squared": self.labels.median_width,
            "vocabulary": {str(n): size for n, size in self.surface.vocabulary.items()},
            "reference_documents": len(self.corpus.splits["reference"]),
            "zero_vectors": int((~self.corpus.directed).sum()),
            "reference_split": "reference; test as sensitivity",
            "checker": {"penalty": self.checker.penalty, "threshold": self.checker.threshold},
        }  # fmt: skip

    def _labels(self, out: _Out, rows: Rows, note: str | None) -> None:
        own = rows.by("label_sets", "parents")
        out.add_all(
            self._once(("labels", *own), lambda: self.labels.figures(*own, *rows.by("label_sets"))), rows.size, note
        )

    def _text(self, out: _Out, rows: Rows) -> None:
        own = rows.by("documents", "parents")
        out.add_all(self._once(("text", *own), lambda: self.texts.figures(*own)), rows.size)

    def _surface(self, out: _Out, rows: Rows) -> None:
        own = rows.by("documents")
        out.add_all(self._once(("surface", *own), lambda: self.surface.figures(*own)), rows.size)

    def _nearest(self, out: _Out, rows: Rows, real: Rows) -> None:
        if not real.size:
            return out.add("nearest_cosine", "real_rows", None, rows.size, why="the set has no real rows beside them")
        documents, counts = rows.by("documents")
        known, _ = real.by("documents")
        there = self.corpus.directed
        known, gone = known[there[known]], left_out(int(counts[~there[documents]].sum()))
        documents, counts = documents[there[documents]], counts[there[documents]]
        if not len(documents) or not len(known):
            why = "the vectors of all documents of one side are zero"
            return out.add("nearest_cosine", "real_rows", None, 0, why=why)
        vectors = self.corpus.vectors
        value = self._once(
            ("near", documents, counts, known), lambda: text.nearest_cosine(vectors[documents], counts, vectors[known])
        )
        out.add("nearest_cosine", "real_rows", value, int(counts.sum()), gone)

    def _realised(self, out: _Out, rows: Rows) -> None:
        documents, sets, counts = rows.by("documents", "label_sets")
        there = self.corpus.directed[documents]
        gone = left_out(int(counts[~there].sum()))
        if not there.any():
            for name in ("realised_labels", "checker_recognised", "checker_sensitivity", "checker_false_positives"):
                out.add(name, "train", None, 0, why=gone or "")
            return
        documents, sets, counts = documents[there], sets[there], counts[there]
        found = self.checker.realised(self.seen[documents], self.corpus.matrix[sets] > 0, counts)
        own = "corrected for the checker's errors"
        note, why = ("; ".join(filter(None, (said, gone))) for said in (own, found.why))
        out.add("realised_labels", "train", found.value, found.n, note, why)
        for name in ("recognised", "sensitivity", "false_positives"):
            out.add(f"checker_{name}", "train", getattr(found, name), found.n, gone, why)

    # ---- memorisation ---------------------------------------------------------------------

    def _memorisation(self, out: _Out, rows: Rows, trainset: TrainSet) -> None:
        documents, counts = rows.by("documents")
        made = bool(trainset.sources & {"synthetic", "copy"})
        for against in ("sources", "train", "test") if made else ("test",):
            containment, run = (table[documents] for table in self.memory[against])
            known = ~np.isnan(containment)
            n = int(counts[known].sum())
            share = float(counts[known] @ (containment[known] > self.settings.containment_limit) / n) if n else None
            why = "no row names a source document"
            out.add(f"containment_{self.settings.containment_width}gram_share", against, share, n, None, why)
            for name, q in (("q50", 0.5), ("q90", 0.9), ("max", 1.0)):
                value = memorisation.quantile(run[known], counts[known], q) if n else None
                out.add(f"longest_run_{name}", against, value, n, None, why)

    def _once(self, key: Iterable[Any], compute: Callable[[], Any]) -> Any:
        digest = hashlib.sha256()
        for part in key:
            content = part.encode() if isinstance(part, str) else part.tobytes()
            digest.update(len(content).to_bytes(8, "big") + content)
        name = digest.digest()
        if name not in self._kept:
            self._kept[name] = compute()
        return self._kept[name]
