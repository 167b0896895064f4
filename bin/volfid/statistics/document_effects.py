"""Effects over test documents: the difference of micro-F1 of two arms, documents resampled jointly."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from volfid.core.contracts import Row
from volfid.core.exits import DataError
from volfid.core.seeds import generator
from volfid.statistics import documents, intervals
from volfid.statistics.documents import RESAMPLES, Bootstrap, Systems
from volfid.statistics.effects import DIFFERENCE, MEAN, Effect, parse_contrast
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import (
    Condition,
    Context,
    ScoreTable,
    classifier_name,
    context_order,
    source_note,
    source_of,
)

# contrast and its estimand
CONTRASTS = {"St - Rt": "1", "S - Pd": "3", "S - R1": "2", "Pd - R1": "2", "C - Pp": "4"}
POLICIES = ("tuned", "fixed_0.5", "cardinality")
FEWEST_DOCUMENTS = 2
NO_COUNTS = "no draw has counts by document for both arms"
Repeats = Mapping[Condition, Mapping[tuple[int, int], str]]  # (draw, training seed) to cell


@dataclass(frozen=True)
class Counts:
    """Per-document counts: row of (cell, threshold) in `tp` and `errors`, shape (rows, documents)."""

    row: Mapping[tuple[str, str], int]
    tp: np.ndarray
    errors: np.ndarray

    def systems(self, cells: Sequence[str], policy: str) -> Systems:
        """The counts of several cells under one threshold policy."""
        rows = [self.row[cell, policy] for cell in cells]
        return Systems(self.tp[rows], self.errors[rows])


def read_counts(table: pa.Table) -> Counts:
    """Arrays of the contract `counts`. Raise DataError when cells have different numbers of documents."""
    keys = zip(table["cell_id"].to_pylist(), table["threshold"].to_pylist(), strict=True)
    row, parts = {key: index for index, key in enumerate(keys)}, []
    for name in ("tp", "fp", "fn"):
        column = table[name].combine_chunks()
        lengths = set(np.diff(column.offsets.to_numpy()).tolist())
        if len(lengths) > 1:
            raise DataError(f"counts.parquet, field {name!r} has lists of {min(lengths)} and of {max(lengths)} numbers")
        parts.append(column.flatten().to_numpy().reshape(len(row), -1))
    return Counts(row, parts[0], parts[1] + parts[2])


@dataclass
class _Study:
    """Counts with one matrix of weights and one of swaps for all contrasts, so that these are comparable."""

    counts: Counts
    weights: np.ndarray
    swaps: np.ndarray
    made: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    def resampled(self, cells: Sequence[str], policy: str) -> np.ndarray:
        """Micro-F1 in every resample, (resamples, cells); each cell is computed once."""
        new = [cell for cell in dict.fromkeys(cells) if (cell, policy) not in self.made]
        if new:
            columns = documents.resampled_f1(self.counts.systems(new, policy), self.weights)
            self.made |= {(cell, policy): column for cell, column in zip(new, columns.T, strict=True)}
        return np.stack([self.made[cell, policy] for cell in cells], axis=1)


def document_tests(
    table: ScoreTable, cells: Iterable[Row], counts: pa.Table | None, master_seed: int
) -> Iterator[Effect]:
    """Effects `document_bootstrap` and `document_bootstrap_hierarchical` of CONTRASTS, in every context.

    Draws are averaged: the same documents are resampled in all of them.
    """
    if counts is None or not len(counts):
        return
    known, repeats = read_counts(counts), _repeats(cells)
    rng = generator(master_seed, "documents")
    # without two documents every estimate is undefined, and nothing is drawn
    times = RESAMPLES if known.tp.shape[1] > 1 else 0
    weights = documents.resampling_weights(known.tp.shape[1], times, rng)
    study = _Study(known, weights, (rng.random(weights.shape, dtype=np.float32) < 0.5).astype(np.float32))
    wanted = [
        (context, contrast) for contrast in CONTRASTS for context in table.contexts(list(parse_contrast(contrast)))
    ]
    order = list(CONTRASTS)
    last = None
    for context, contrast in sorted(wanted, key=lambda item: (context_order(item[0]), order.index(item[1]))):
        if last != (context.classifier, context.regime):
            study.made.clear()  # other contexts use other cells; the memory is that of one regime
            last = context.classifier, context.regime
        for policy in POLICIES:
            pairs = _pairs(table, repeats, known, contrast, context, policy)
            seed = generator(
                master_seed, "documents_and_draws", contrast=contrast, threshold=policy, classifier=context.classifier,
                regime=context.regime, added=context.added, source=str(context.source),
            )  # fmt: skip
            plain, nested = _estimates(study, pairs, policy, seed)
            for name, estimate, kind, unit in (
                ("document_bootstrap", plain, DIFFERENCE, "documents"),
                ("document_bootstrap_hierarchical", nested, MEAN, "draws, then documents"),
            ):
                noted = estimate.noted(source_note(context.source))
                yield Effect(name, CONTRASTS[contrast], contrast, context, "f1_micro", policy, noted, kind, unit=unit)


def _repeats(cells: Iterable[Row]) -> Repeats:
    found: dict[Condition, dict[tuple[int, int], str]] = defaultdict(dict)
    for cell in cells:
        if cell["real_share"] is None:
            place = (classifier_name(cell), cell["arm"], cell["regime"], cell["added"], source_of(cell))
            found[Condition(*place)][cell["draw"], cell["training_seed"]] = cell["cell_id"]
    return found


def _pairs(
    table: ScoreTable, repeats: Repeats, counts: Counts, contrast: str, context: Context, policy: str
) -> list[tuple[int, str, str]]:
    """(draw, cell of the first arm, cell of the second) for every draw and repetition that has both."""
    first, second = (repeats[table.locate(arm, context)] for arm in parse_contrast(contrast))
    return [
        (key[0], first[key], second[key])
        for key in sorted(set(first) & set(second))
        if (first[key], policy) in counts.row and (second[key], policy) in counts.row
    ]


def _estimates(
    study: _Study, pairs: Sequence[tuple[int, str, str]], policy: str, rng: np.random.Generator
) -> tuple[Estimate, Estimate]:
    """Over documents with all draws kept, and over draws, then documents."""
    n = study.counts.tp.shape[1]
    if not pairs or n < FEWEST_DOCUMENTS:
        reason = f"{n} test documents: at least {FEWEST_DOCUMENTS} are needed" if pairs else NO_COUNTS
        return intervals.undefined(reason, n), intervals.undefined(reason, n)
    draws = np.array([draw for draw, _, _ in pairs])
    repeated = (draws[:, None] == draws[None, :]).sum(axis=1)
    share = 1 / (repeated * len(set(draws.tolist())))
    sides = [[pair[index] for pair in pairs] for index in (1, 2)]
    first, second = (study.counts.systems(side, policy) for side in sides)
    differences = study.resampled(sides[0], policy) - study.resampled(sides[1], policy)
    left_out = (documents.left_out_f1(first) - documents.left_out_f1(second)) @ share
    totals = [documents.micro_f1(side.tp.sum(axis=1), side.errors.sum(axis=1)) for side in (first, second)]
    delta = float((totals[0] - totals[1]) @ share)
    if not (np.isfinite(delta) and np.isfinite(left_out).all()):
        reason = intervals.undefined(f"micro-F1 is undefined on these {n} documents, or on all but one", n)
        return reason, reason
    found = documents.bootstrap_interval(delta, differences @ share, left_out)
    test = documents.randomisation(first, second, study.swaps, share)
    plain = _plain(found, test, n, len(set(draws.tolist())))
    if len(set(draws.tolist())) < 2:
        return plain, intervals.undefined("one draw: draws cannot be resampled", n)
    low, high = documents.hierarchical_interval(differences, draws, rng)
    note = "sensitivity; with few draws it covers less than 95 %"
    nested = Estimate(delta, low, high, None, n, f"percentile, {RESAMPLES} resamples of draws, then documents", note)
    return plain, nested


def _plain(found: Bootstrap, test: documents.Randomisation, n: int, draws: int) -> Estimate:
    limits, name = (found.bca, "BCa") if found.bca else (found.percentile, "percentile")
    how = "all" if test.exact else "drawn"
    note = (
        f"{draws} draws as trained, only documents resampled; percentile [{found.percentile[0]:.4f}, "
        f"{found.percentile[1]:.4f}]; p by {test.arrangements} swaps ({how})"
    )
    return Estimate(found.delta, *limits, test.p, n, f"{name}, {RESAMPLES} resamples of documents", note)
