"""Supplied synthetic documents before anything runs: which pools there are, and how much of each a draw may use."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from volfid.core.contracts import Row
from volfid.core.exits import ParameterError
from volfid.core.labels import label_matrix
from volfid.core.ordering import draw_order
from volfid.core.seeds import generator
from volfid.core.supplied import BROUGHT, UNKNOWN_ORIGIN, UNKNOWN_TEST
from volfid.plan.design import Regime

FEW = 0.1  # share of a pool below which the plan says that larger regimes would use more of it


@dataclass(frozen=True)
class Supplied:
    """One pool of supplied documents.

    rows: documents; unknown: those of which some source, or any, is not known; free: those without a known source,
    which no draw can leave out. reach: of each draw, for every other document, how many real documents the draw needs
    to hold its known sources, ascending.
    """

    generator: str
    method: str
    rows: int
    unknown: int
    free: int
    reach: tuple[np.ndarray, ...] = ()

    def usable(self, size: int) -> int:
        """Documents that every draw of `size` real documents may use: one number for all draws, so that M is one."""
        known = (int(np.searchsorted(needed, size, side="right")) for needed in self.reach)
        return self.free + min(known, default=0)


NOTHING = Supplied(BROUGHT, BROUGHT, 0, 0, 0)


def find_pools(
    brought: int, read_brought: Callable[[], Sequence[Row]] | None, read_documents: Callable[[], Sequence[Row]] | None,
    orders: Callable[[Sequence[Row]], Sequence[Mapping[str, int]]],
) -> tuple[Supplied, ...]:  # fmt: skip
    """The pools of an audit, by generator and method; none without supplied documents.

    brought: how many there are. read_brought, read_documents: the rows of brought.jsonl and documents.jsonl; without
    the former nothing is known of any source. orders: see `places`; called where some source is known.
    """
    if not brought:
        return ()
    if read_brought is None:
        return (Supplied(BROUGHT, BROUGHT, brought, brought, brought),)
    pools: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in read_brought():
        pools[row.get("generator", BROUGHT), row.get("method", BROUGHT)].append(row)
    drawn: Sequence[Mapping[str, int]] = ()
    if any(row["source_doc_ids"] for rows in pools.values() for row in rows):
        if read_documents is None:
            raise ParameterError(
                "supplied documents name their sources, and how many a draw may use depends on the real documents",
                mend="Give --documents",
            )
        drawn = orders(read_documents())
    return tuple(_pool(*name, pools[name], drawn) for name in sorted(pools))


def _pool(generator_name: str, method: str, rows: Sequence[Row], drawn: Sequence[Mapping[str, int]]) -> Supplied:
    known = [row["source_doc_ids"] for row in rows if row["source_doc_ids"]]
    reach = tuple(
        np.sort([1 + max(place.get(doc_id, len(place)) for doc_id in ids) for ids in known])
        for place in drawn if known
    )  # fmt: skip
    unknown = sum(not row["source_doc_ids"] or row.get("sources_unknown", 0) > 0 for row in rows)
    return Supplied(generator_name, method, len(rows), unknown, len(rows) - len(known), reach)


def places(
    documents: Sequence[Row], labels: Sequence[Mapping[str, Any]], regime: Regime, draws: int, master_seed: int,
    shots: int,
) -> list[dict[str, int]]:  # fmt: skip
    """Of each draw the place of every train document in its nested order, from 0: that of the regimes stage."""
    pool = sorted((row for row in documents if row["split"] == "train"), key=lambda row: row["doc_id"])
    matrix = label_matrix((row["labels"] for row in pool), [row["label"] for row in labels])
    made = []
    for draw in range(draws):
        order = draw_order(
            matrix, generator(master_seed, "regimes", draw=draw), regime.sampling, regime.min_positives, shots
        )
        made.append({pool[index]["doc_id"]: place for place, index in enumerate(order.tolist())})
    return made


def record(pools: Sequence[Supplied], sizes: Sequence[int]) -> list[dict[str, Any]]:
    """What the plan keeps of the pools: documents, those of unknown origin, and what regimes of `sizes` may use."""
    return [
        {
            "generator": pool.generator, "method": pool.method, "documents": pool.rows, "unknown": pool.unknown,
            "usable": [{"regime": size, "documents": pool.usable(size)} for size in sizes],
        }
        for pool in pools
    ]  # fmt: skip


def lines(pools: Sequence[Mapping[str, Any]], train_pool: int) -> list[str]:
    """For the terminal: what each pool is, how much of it the regimes may use, and what they may hold in secret."""
    told = []
    if len(pools) > 1:
        names = (f"{pool_words(pool['generator'], pool['method'])} {pool['documents']}" for pool in pools)
        told.append(f"{len(pools)} supplied pools, each compared alone: {', '.join(names)}")
    for pool in pools:
        name = pool_words(pool["generator"], pool["method"])
        usable = [row for row in pool["usable"] if row["documents"] < pool["documents"]]
        if usable:
            told.append(
                f"{name}: of {pool['documents']} documents a draw uses those made from its own real documents alone: "
                + ", ".join(f"{row['documents']} at {row['regime']}" for row in usable)
            )
        if any(row["documents"] < FEW * pool["documents"] for row in usable):
            told.append(f"warning: that is less than a tenth of {name}; larger regimes use more (sizes: [all])")
        smaller = [str(row["regime"]) for row in pool["usable"] if row["regime"] < train_pool]
        if pool["unknown"] and smaller:
            told.append(
                f"warning: {name} {UNKNOWN_ORIGIN}: {pool['unknown']} of {pool['documents']} documents name no source "
                f"and resemble none; this concerns the regimes of {', '.join(smaller)}"
            )
        if pool["unknown"]:
            of = f"{pool['unknown']} of {pool['documents']} documents of {name}, of unknown origin,"
            told.append(f"note: {of} {UNKNOWN_TEST}")
    return told


def pool_words(generator_name: str, method: str) -> str:
    """A pool of supplied documents in words."""
    return "the supplied pool" if (generator_name, method) == (BROUGHT, BROUGHT) else f"{generator_name} · {method}"
