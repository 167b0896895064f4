"""From generations to training sets: curate the pools, then build every planned training set or say why not."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from volfid.core.exits import ConfigError, DataError
from volfid.core.log import log
from volfid.core.seeds import generator
from volfid.core.supplied import is_supplied, lies_within
from volfid.curation.pairing import Pair, pair_with_rows, seeded_order
from volfid.curation.rows import Ingredients, Shortfall
from volfid.curation.rules import Context, Row, Thresholds, curate_pool, keep_brought, make_context
from volfid.curation.trainsets import PAIRED, build_trainset, builder, needs_pool

OUTSIDE = "made from real documents outside the draw"


@dataclass
class Corpus:
    """What build_corpus.py writes: rows by contract, and counts for the manifest."""

    synthetic: list[Row] = field(default_factory=list)
    waterfall: list[Row] = field(default_factory=list)
    trainsets: list[Row] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)
    pools: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of_draw(self, job: Mapping[str, Any], draw: int) -> tuple[list[Row], list[Row]]:
        """Synthetic documents of the pools, and rows of the training sets, that belong to one draw."""
        pools = {pool["pool_id"] for pool in job["settings"]["pools"] if pool["draw"] == draw}
        sets = {item["trainset_id"] for item in job["items"] if item["draw"] == draw}
        return (
            [row for row in self.synthetic if row["pool_id"] in pools],
            [row for row in self.trainsets if row["trainset_id"] in sets],
        )


def build_corpus(
    job: Mapping[str, Any],
    documents: Sequence[Row],
    labels: Sequence[Row],
    regimes: Sequence[Row],
    generations: Sequence[Row] = (),
    brought: Sequence[Row] = (),
) -> Corpus:
    """All outputs of one curation job; arguments are rows of the contracts of these names.

    Pools that the job does not name are left alone. Raises DataError when inputs do not belong
    together, ConfigError for planned training sets that mean nothing.
    """
    settings = job["settings"]
    made = Corpus()
    thresholds = Thresholds.from_settings(settings.get("rules", {}))
    made.rules = asdict(thresholds)
    _check_inputs(documents, labels, regimes, generations, brought)
    context = make_context(documents, thresholds)
    requests: defaultdict[str, list[Row]] = defaultdict(list)
    for row in generations:
        requests[row["pool_id"]].append(row)
    for pool in settings["pools"]:
        _add_pool(made, pool, requests[pool["pool_id"]], context, brought)
        log(f"curation: pool {pool['pool_id']}: {made.pools[pool['pool_id']]}")
    _add_trainsets(made, job, documents, regimes)
    return made


def _add_pool(made: Corpus, pool: Row, requests: Sequence[Row], context: Context, brought: Sequence[Row]) -> None:
    pool_id, wanted = pool["pool_id"], pool.get("requests")
    if is_supplied(pool):
        rows, steps = keep_brought(pool, brought)
    else:
        own = replace(context, rewrites=pool.get("rewrites", False))
        rows, steps = curate_pool(requests, own) if requests else ([], [])
        if wanted is not None and len(requests) < wanted:
            reason = f"{wanted} documents were planned for this pool, but generation reports on {len(requests)} only."
            made.gaps.append(_gap(pool_id, wanted, len(requests), reason))
    made.synthetic += rows
    made.waterfall += steps
    made.pools[pool_id] = {"requests": len(rows), "kept": sum(row["kept"] for row in rows)}


def _add_trainsets(made: Corpus, job: Mapping[str, Any], documents: Sequence[Row], regimes: Sequence[Row]) -> None:
    labels = {row["doc_id"]: row["labels"] for row in documents}
    nested = nested_orders(regimes)
    pools: defaultdict[str, list[Row]] = defaultdict(list)
    for row in made.synthetic:
        pools[row["pool_id"]].append(row)
    known = {pool["pool_id"] for pool in job["settings"]["pools"]}
    orders: dict[tuple[str, int], Sequence[Mapping[str, Any]]] = {}
    within: dict[tuple[str, int, int], Sequence[Mapping[str, Any]]] = {}
    paired: dict[tuple[str, int, int, int], list[Pair]] = {}
    shared: dict[tuple[str, int, int, int], Ingredients] = {}
    for item in job["items"]:
        sizes, order = nested.get(item["draw"], (frozenset(), []))
        if item["regime"] not in sizes:
            raise DataError(
                f"regimes hold no row of size {item['regime']} for draw {item['draw']}", mend="Pass all regimes files"
            )
        pool_id = item["pool_id"]
        if pool_id not in known and (pool_id is not None or needs_pool(item)):
            raise ConfigError(f"training set {item['trainset_id']} draws on pool {pool_id}, which is not in the job")
        source = (pool_id, item["draw"])
        if source not in orders:
            orders[source] = seeded_order(pools[pool_id], _order_rng(job["master_seed"], item))
        place = (*source, item["regime"])
        if place not in within:
            real = frozenset(order[: item["regime"]])
            within[place] = [row for row in orders[source] if lies_within(row, real)]
        pairs: list[Pair] = []
        rows: list[str] = []
        if builder(item) in PAIRED:
            rows = order[: item["pool_size"] or item["regime"]]  # a supplied pool was made from no regime
            if (*place, len(rows)) not in paired:
                paired[*place, len(rows)] = pair_with_rows(within[place], rows, labels)
                made.pools[pool_id].setdefault("pairs", {})[f"draw {item['draw']}, {len(rows)} rows"] = coverage(
                    paired[*place, len(rows)], rows
                )
            pairs = paired[*place, len(rows)]
        # sets of one pool and regime share what is computed from both
        key = (*place, len(rows))
        if key not in shared:
            shared[key] = Ingredients(order[: item["regime"]], order, labels, within[place], pairs)
        try:
            made.trainsets += build_trainset(item, shared[key], _item_rng(job["master_seed"], item))
        except Shortfall as short:
            made.gaps.append(_gap(item["trainset_id"], short.wanted, short.got, short.reason))
    _note_outside(made, orders, within)


def _note_outside(
    made: Corpus, orders: Mapping[tuple[str, int], Sequence[Any]], within: Mapping[tuple[str, int, int], Sequence[Any]]
) -> None:
    """A step of the waterfall for each draw and regime that could not use a whole pool."""
    steps: defaultdict[str, int] = defaultdict(int)
    for row in made.waterfall:
        steps[row["pool_id"]] = max(steps[row["pool_id"]], row["position"] + 1)
    for pool_id, draw, regime in sorted(place for place in within if place[0] is not None):
        there, left = len(orders[pool_id, draw]), len(within[pool_id, draw, regime])
        if left < there:
            rule = f"{OUTSIDE}: draw {draw}, {regime} documents"
            made.waterfall.append({
                "pool_id": pool_id, "position": steps[pool_id], "rule": rule,
                "rows_in": there, "removed": there - left, "rows_out": left,
            })  # fmt: skip
            steps[pool_id] += 1
            made.pools[pool_id].setdefault("outside_the_draw", {})[f"draw {draw}, {regime} rows"] = there - left


def nested_orders(regimes: Sequence[Row]) -> dict[int, tuple[frozenset[int], list[str]]]:
    """Of every draw its regime sizes and its longest nested order; DataError when a smaller one is no prefix."""
    draws: defaultdict[int, list[Row]] = defaultdict(list)
    for row in regimes:
        draws[row["draw"]].append(row)
    result = {}
    for draw, rows in draws.items():
        order = max((row["doc_ids"] for row in rows), key=len)
        for row in rows:
            if row["doc_ids"] != order[: row["size"]]:
                raise DataError(f"regime {row['regime_id']} is not a prefix of the largest one of draw {draw}")
        result[draw] = (frozenset(row["size"] for row in rows), list(order))
    return result


def coverage(pairs: Sequence[Pair], rows: Sequence[str]) -> dict[str, int]:
    """How well synthetic documents cover the real rows they stand for."""
    return {
        "pairs": len(pairs),
        "pairs_with_equal_labels": sum(pair.exact for pair in pairs),
        "rows": len(rows),
        "rows_without_partner": len(set(rows) - {pair.doc_id for pair in pairs}),
    }


def _order_rng(master_seed: int, item: Mapping[str, Any]) -> np.random.Generator:
    """The stream behind the S order: a function of pool and draw alone, so that all their training sets nest."""
    return generator(master_seed, "trainset", text="synthetic", draw=item["draw"], pool=item["pool_id"])


def _item_rng(master_seed: int, item: Mapping[str, Any]) -> np.random.Generator:
    """The stream of one training set; without M, so that a smaller M is a prefix of a larger one.

    All shifted sets of a draw share one, so that doses and texts share the direction of the shift.
    """
    if item["label_law"] == "shifted":
        return generator(master_seed, "label_shift", draw=item["draw"], regime=item["regime"])
    return generator(
        master_seed, "trainset", text=item["text"], label_law=item["label_law"],
        draw=item["draw"], regime=item["regime"], pool=item["pool_id"],
    )  # fmt: skip


def _check_inputs(
    documents: Sequence[Row], labels: Sequence[Row], regimes: Sequence[Row],
    generations: Sequence[Row], brought: Sequence[Row],
) -> None:  # fmt: skip
    splits = {row["doc_id"]: row["split"] for row in documents}
    for row in regimes:
        foreign = next((doc_id for doc_id in row["doc_ids"] if splits.get(doc_id) != "train"), None)
        if foreign is not None:
            raise DataError(f"regime {row['regime_id']} holds {foreign!r}, which is not in the train pool")
    known = {row["label"] for row in labels}
    for name, rows, key in (("generations", generations, "request_id"), ("brought", brought, "doc_id")):
        for row in rows:
            unknown = sorted(set(row["labels"]) - known)
            if unknown:
                raise DataError(f"{name}.jsonl, {row[key]}: label {unknown[0]!r} is not in labels.json")
    twice = next((row["doc_id"] for row in brought if row["doc_id"] in splits), None)
    if twice is not None:
        raise DataError(f"brought.jsonl: id {twice!r} is also that of a real document", mend="Give it another id")


def _gap(subject: str, wanted: int | None, got: int | None, reason: str) -> Row:
    return {"subject": subject, "stage": "curation", "wanted": wanted, "got": got, "reason": reason}
