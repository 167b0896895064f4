"""How real and added rows are mixed, and what is done with rows without labels.

    pooled, half_real, curriculum   one classifier; the batches differ (training/batches.py)
    ensemble    the mean of one classifier of the real rows and one of the added rows, each with half of
                the updates (or half of the summed loss)
    filtered    the half of the added rows whose labels a classifier of the real rows finds likeliest,
                each twice, so that the number of rows stays M
    unlabelled  a classifier of the real rows gives the rows without labels as many labels as real
                documents have; then all rows are trained on (self-training)

A classifier that judges rows for a fold has not seen the fold.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from volfid.core.exits import DataError
from volfid.training.cells import ALL_ROWS, CellData, Outcome
from volfid.training.fit import fit_plain
from volfid.training.recipes import Recipe
from volfid.training.rows import TrainRows
from volfid.training.thresholds import cardinality_threshold, decide

Cell = Mapping[str, Any]
KEPT_SHARE = 0.5


def fit_cell(data: CellData, cell: Cell, recipe: Recipe) -> Outcome:
    """Train and apply one cell, whatever its text and exposure."""
    if data.rows.unlabelled.any():
        data = _labelled(data, cell, recipe)
    if cell["exposure"] == "ensemble":
        return _ensemble(data, cell, recipe)
    if cell["exposure"] == "filtered":
        return fit_plain(_filtered(data, cell, recipe), cell, recipe)
    return fit_plain(data, cell, recipe)


def _only(data: CellData, wanted: np.ndarray) -> CellData:
    """The same data with the rows of `wanted` (bool by row) alone."""
    kept = {fold: rows[wanted[rows]] for fold, rows in data.kept.items()}
    empty = next((fold for fold, rows in kept.items() if not len(rows)), None)
    if empty is not None:
        raise DataError(f"mixing needs real and added rows; fold {empty} leaves none of one kind")
    return replace(data, kept=kept)


def _real_classifier(data: CellData, cell: Cell, recipe: Recipe) -> Outcome:
    """The classifier of the real rows alone, by the cell's own recipe."""
    return fit_plain(_only(data, data.rows.own), {**cell, "exposure": "pooled"}, recipe)


def _ensemble(data: CellData, cell: Cell, recipe: Recipe) -> Outcome:
    parts = []
    total = data.rows.multiplicity[data.kept[ALL_ROWS]].sum()
    for wanted in (data.rows.own, ~data.rows.own):
        part = _only(data, wanted)
        share = part.rows.multiplicity[part.kept[ALL_ROWS]].sum() / total
        change: dict[str, Any] = {"exposure": "pooled"}
        if cell["n_updates"]:
            change["n_updates"] = -(-cell["n_updates"] // 2)
        if cell["penalty_scale"] is not None and cell["tuning"] == "fixed":
            change["penalty_scale"] = cell["penalty_scale"] / (2 * share)
        parts.append(fit_plain(part, {**cell, **change}, recipe))
    own, added = parts
    noted = ("updates_done", "updates_selected", "C_selected", "k_selected")
    book = {
        f"{name}_{kind}": part.book[name]
        for kind, part in (("real", own), ("added", added)) for name in noted if name in part.book
    }  # fmt: skip
    if "updates_done" in own.book:
        book["updates_done"] = own.book["updates_done"] + added.book["updates_done"]
    return Outcome((own.oof + added.oof) / 2, (own.test + added.test) / 2, book)


def _filtered(data: CellData, cell: Cell, recipe: Recipe) -> CellData:
    judge = _real_classifier(data, cell, recipe)
    labels, kept = data.rows.labels > 0, {}
    for fold, rows in data.kept.items():
        added = rows[~data.rows.own[rows]]
        p = np.clip(judge.models[fold](data.vectors[added]).astype(np.float64), 1e-7, 1 - 1e-7)
        likelihood = np.where(labels[added], np.log(p), np.log1p(-p)).sum(1)
        best = added[np.argsort(-likelihood, kind="stable")[: max(1, round(KEPT_SHARE * len(added)))]]
        repeated = np.tile(best, -(-len(added) // len(best)))[: len(added)]
        kept[fold] = np.concatenate([rows[data.rows.own[rows]], np.sort(repeated)])
    return replace(data, kept=kept)


def _labelled(data: CellData, cell: Cell, recipe: Recipe) -> CellData:
    """The data with labels for the unlabelled rows: one block of rows for each fold, since labels differ."""
    rows = data.rows
    judge = _real_classifier(data, cell, recipe)
    source, labels, kept = [np.arange(len(rows.doc_ids))], [rows.labels], {}
    start = len(rows.doc_ids)
    for fold, chosen in data.kept.items():
        mine = chosen[rows.unlabelled[chosen]]
        scores = judge.models[fold](data.vectors[mine])
        given = decide(scores, cardinality_threshold(scores, data.cardinality)) if len(mine) else scores
        source.append(mine)
        labels.append(given.astype(rows.labels.dtype))
        kept[fold] = np.concatenate([chosen[~rows.unlabelled[chosen]], np.arange(start, start + len(mine))])
        start += len(mine)
    number = np.concatenate(source)
    blocks = TrainRows(
        doc_ids=tuple(rows.doc_ids[i] for i in number), vector=rows.vector[number], labels=np.concatenate(labels),
        multiplicity=rows.multiplicity[number], real=rows.real[number], own=rows.own[number],
        unlabelled=np.zeros(len(number), dtype=bool), parents=tuple(rows.parents[i] for i in number),
        ancestors=tuple(rows.ancestors[i] for i in number),
    )  # fmt: skip
    return replace(data, rows=blocks, vectors=data.vectors[number], kept=kept)
