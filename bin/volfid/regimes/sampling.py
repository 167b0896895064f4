"""Nested real training sets with fixed folds: the rows of regimes.jsonl."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from volfid.core.exits import DataError, ParameterError
from volfid.core.ids import regime_id
from volfid.core.labels import label_matrix
from volfid.core.ordering import SAMPLINGS, draw_order
from volfid.core.seeds import generator
from volfid.core.stratify import stratified_folds

Row = Mapping[str, Any]


def sample_regimes(
    documents: Sequence[Row], labels: Sequence[Row], settings: Mapping[str, Any], master_seed: int
) -> list[dict[str, Any]]:
    """One row of the contract `regimes` for each size in `settings` (draw, folds, sizes, sampling, shots, ...).

    All sizes of a draw are prefixes of one order, which depends on the train pool, the master seed, the
    draw and the kind of sampling alone; the folds of a size depend on nothing but that prefix, the seed,
    the draw and the size. So another size or another draw never changes a row, nor does the order of the
    input rows. Raises ParameterError for sizes or folds that the pool cannot fill.
    """
    draw, folds, sizes = _checked(settings)
    pool = sorted((row for row in documents if row["split"] == "train"), key=lambda row: row["doc_id"])
    for size in sizes:
        if size > len(pool):
            raise ParameterError(
                f"regime size {size} is larger than the train pool of {len(pool)} documents",
                mend="Ask for smaller sizes in the design file, or bring more documents",
            )
    columns = [row["label"] for row in labels]
    matrix = label_matrix((row["labels"] for row in pool), columns)
    order = draw_order(
        matrix, generator(master_seed, "regimes", draw=draw), settings["sampling"], settings["min_positives"],
        settings["shots"], sizes[-1],
    )  # fmt: skip
    return [_regime(pool, matrix, order[:size], draw, folds, master_seed) for size in sizes]


def _regime(
    pool: Sequence[Row], matrix: np.ndarray, members: np.ndarray, draw: int, folds: int, master_seed: int
) -> dict[str, Any]:
    size = len(members)
    groups = [pool[index]["group"] for index in members]
    try:
        fold = stratified_folds(matrix[members], groups, folds, generator(master_seed, "folds", draw=draw, size=size))
    except ValueError as error:
        raise ParameterError(
            f"regime size {size}, draw {draw}: {error}", mend="Ask for fewer folds or larger regimes"
        ) from error
    counts = matrix[members].sum(0, dtype=np.int64)
    return {
        "regime_id": regime_id(size, draw),
        "size": size,
        "draw": draw,
        "doc_ids": [pool[index]["doc_id"] for index in members],
        "folds": fold.tolist(),
        "label_counts": counts.tolist(),
        "labels_missing": int((counts == 0).sum()),
    }


def _checked(settings: Mapping[str, Any]) -> tuple[int, int, list[int]]:
    wanted = ("draw", "folds", "sizes", "sampling", "min_positives", "shots")
    missing = [name for name in wanted if name not in settings]
    if missing:
        raise DataError(f"the job's settings have no {missing[0]!r}", mend="Make the plan again")
    draw, folds, sizes = settings["draw"], settings["folds"], settings["sizes"]
    if not _is_count(draw, 0):
        raise ParameterError(f"draw is {draw!r}, expected an integer of at least 0")
    if not _is_count(folds, 2):
        raise ParameterError(f"folds is {folds!r}, expected an integer of at least 2")
    if not isinstance(sizes, list) or not sizes or not all(_is_count(size, 1) for size in sizes):
        raise ParameterError(f"sizes is {sizes!r}, expected a list of positive integers")
    if sizes != sorted(set(sizes)):
        raise ParameterError(f"sizes {sizes} are not ascending and distinct")
    if settings["sampling"] not in SAMPLINGS:
        raise ParameterError(f"sampling is {settings['sampling']!r}, expected {' or '.join(SAMPLINGS)}")
    for name, least in (("min_positives", 0), ("shots", 0)):
        value = settings[name]
        if not _is_count(value, least) and (name, value) != ("min_positives", None):
            raise ParameterError(f"{name} is {value!r}, expected an integer of at least {least}")
    return draw, folds, sizes


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
