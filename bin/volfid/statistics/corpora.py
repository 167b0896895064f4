"""Fidelity and retrieval of training sets: means over draws and relative change."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from volfid.core.contracts import Row
from volfid.core.schemas import UNTRAINED
from volfid.statistics import intervals
from volfid.statistics.effects import MEAN, RATIO, Effect
from volfid.statistics.table import Context, Source, align, source_note, source_of

ROWS_NAME = {
    ("none", "real"): "R", ("real_more", "real"): "RM", ("copies_balanced", "real"): "Pb",
    ("copies_balanced", "synthetic"): "PL", ("copies_drawn", "real"): "Pd", ("copies_paired", "real"): "Pp",
    ("synthetic", "synthetic"): "S", ("synthetic", "real"): "C", ("synthetic", "permuted"): "S_perm",
    ("copies_cut", "real"): "Pcut", ("copies_ml_ros", "real"): "Pml", ("copies_lp_ros", "real"): "Plp",
    ("copies_repeat_factor", "real"): "Prf", ("synthetic", "matched"): "Sm", ("pseudo_labelled", "real"): "U",
    ("copies_balanced", "shifted"): "Pdose", ("synthetic", "shifted"): "Sdose",
}  # fmt: skip

REALISED = "7"


class Rows(NamedTuple):
    """What a training set consists of, without its draw."""

    name: str
    regime: int
    added: int
    source: Source | None
    real_share: float | None


class Measured(NamedTuple):
    """A metric with its variant: rows and reference of fidelity, ideal of retrieval."""

    metric: str
    variant: str


def rows_of(cell: Row) -> Rows:
    """The kind of training set that a cell uses."""
    name = ROWS_NAME[cell["text"], cell["label_law"]]
    if cell["real_share"] is not None:
        name = f"MIX {cell['real_share']:g} of {cell['budget']}"
    if cell["dose"] is not None:
        name = f"{name} {cell['dose']:g}"
    return Rows(name, cell["regime"], cell["rows_added"], source_of(cell), cell["real_share"])


def by_rows(cells: Iterable[Row], table: Iterable[Row], *variant: str) -> dict[Measured, dict[Rows, dict[int, float]]]:
    """Defined values by metric, kind of training set and draw."""
    place = {
        cell["trainset_id"]: (rows_of(cell), cell["draw"]) for cell in cells if cell["classifier"] not in UNTRAINED
    }
    found: dict[Measured, dict[Rows, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in table:
        if row["value"] is not None and row["trainset_id"] in place:
            kind, draw = place[row["trainset_id"]]
            found[Measured(row["metric"], ", ".join(row[name] for name in variant))][kind][draw] = row["value"]
    return {key: dict(found[key]) for key in sorted(found)}


def means(found: Mapping[Measured, Mapping[Rows, Mapping[int, float]]], estimand: str) -> Iterator[Effect]:
    """Mean of every metric for every kind of training set; the contrast names rows and variant."""
    for measured, rows in found.items():
        for kind in sorted(rows, key=_order):
            values = rows[kind]
            estimate = intervals.single_mean([values[draw] for draw in sorted(values)], measured.metric)
            number = REALISED if measured.metric.startswith(("realised_", "checker_")) else estimand
            yield Effect(
                measured.metric, number, f"{kind.name} [{measured.variant}]", _context(kind), measured.metric, "none",
                estimate.noted(source_note(kind.source)), MEAN,
            )  # fmt: skip


def relative_changes(found: Mapping[Measured, Mapping[Rows, Mapping[int, float]]]) -> Iterator[Effect]:
    """nDCG of each augmented set against the real rows alone: (X - R) / R by Fieller, in every variant."""
    for measured, rows in found.items():
        if not measured.metric.startswith("ndcg"):
            continue
        for kind in sorted(rows, key=_order):
            base = rows.get(Rows("R", kind.regime, 0, None, None))
            if kind.name == "R" or kind.real_share is not None or base is None:
                continue
            paired = align({"X": rows[kind], "R": base})
            if not paired.draws:
                continue
            x, r = paired.values["X"], paired.values["R"]
            remark = (paired.note, source_note(kind.source))
            name = f"{kind.name} - R [{measured.variant}]"
            yield Effect(
                f"{measured.metric}_change", "6", name, _context(kind), measured.metric, "none",
                intervals.mean_interval(x - r).noted(*remark),
            )  # fmt: skip
            yield Effect(
                f"{measured.metric}_relative_change", "6", f"({kind.name} - R) / R [{measured.variant}]",
                _context(kind), measured.metric, "none", intervals.fieller(x - r, r).noted(*remark), RATIO,
            )  # fmt: skip


def _order(kind: Rows) -> tuple:
    return kind.regime, kind.added, kind.source or (), kind.name


def _context(kind: Rows) -> Context:
    return Context("", kind.regime, kind.added, kind.source)
