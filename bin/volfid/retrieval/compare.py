"""Is a corpus searched better than another? Paired tests over queries.

The unit is the query; queries of one group (patent family) are one cluster and move together. Differences are averaged
over draws first: all draws are searched by the same queries. p comes from sign flips of clusters (Fisher's
randomisation, all of them below 20 clusters), the interval from resampled clusters (percentiles), and Holm's adjustment
runs over the corpora that are held against one base.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from volfid.core.adjust import holm
from volfid.core.seeds import generator

VARIANTS = ("own_ideal", "fixed_ideal", "fixed_ideal_unique", "size_matched")
FLIPS = RESAMPLES = 10_000
MOST_EXACT = 19
FEWEST = 2
# what makes training sets of several draws one kind
FACTORS = (
    "regime", "generator", "method", "label_plan", "text", "label_law", "dose", "rows_added", "pool_size", "round",
)  # fmt: skip
_BLOCK = 1000
PerQuery = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Comparison:
    """A kind of training set against its base; both lists have one training set a draw."""

    sets: list[str]
    bases: list[str]


def comparisons(items: Iterable[Mapping[str, Any]]) -> list[Comparison]:
    """Every kind of augmented training set against the real rows alone of its regime and draw; mixtures stay out."""
    plain: dict[tuple[Any, Any], str] = {}
    kinds: defaultdict[tuple[Any, ...], dict[int, str]] = defaultdict(dict)
    for item in items:
        if item["real_share"] is not None:
            continue
        if item["text"] == "none":
            plain[item["regime"], item["draw"]] = item["trainset_id"]
        else:
            kinds[tuple(item[name] for name in FACTORS)][item["draw"]] = item["trainset_id"]
    found = []
    for kind, by_draw in sorted(kinds.items(), key=lambda pair: repr(pair[0])):
        draws = [draw for draw in sorted(by_draw) if (kind[0], draw) in plain]
        if draws:
            found.append(Comparison([by_draw[draw] for draw in draws], [plain[kind[0], draw] for draw in draws]))
    return found


def compared(
    chosen: Iterable[Comparison], per_query: PerQuery, groups: Sequence[str], metric: str, master_seed: int,
    told: Mapping[str, str | None] = MappingProxyType({}),
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of the contract `retrieval_tests`. `per_query`: figures (queries,) by training set and variant;
    `groups`: of the queries. `told`: what was left out of a training set, for the note. A training set that was not
    evaluated is left out of its comparison."""
    rows = []
    for one in chosen:
        pairs = [(a, b) for a, b in zip(one.sets, one.bases, strict=True) if a in per_query and b in per_query]
        if not pairs:
            continue
        for variant in VARIANTS:
            delta = np.mean([per_query[a][variant] - per_query[b][variant] for a, b in pairs], axis=0)
            rng = generator(master_seed, "retrieval_tests", variant=variant)  # one set of flips for all corpora
            row = paired(delta, groups, rng)
            ours, theirs = (told.get(name) for name in pairs[0])
            base = f"of the base: {theirs}" if theirs and theirs != ours else None
            row["note"] = "; ".join(filter(None, (row["note"], ours, base))) or None
            rows.append(
                {"trainset_id": pairs[0][0], "base_id": pairs[0][1], "metric": metric, "variant": variant}
                | row
                | {"p_adjusted": None, "draws": len(pairs)}
            )
    families: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["p"] is not None:
            families[row["base_id"], row["variant"]].append(row)
    for family in families.values():
        for row, adjusted in zip(family, holm([row["p"] for row in family]), strict=True):
            row["p_adjusted"] = adjusted
    return rows


def paired(delta: np.ndarray, groups: Sequence[str], rng: np.random.Generator) -> dict[str, Any]:
    """Mean of defined differences, `delta` (queries,), with interval and p, and shares of queries better and worse."""
    known = ~np.isnan(delta)
    names, cluster = np.unique(np.asarray(groups)[known], return_inverse=True)
    values, n = delta[known], int(known.sum())
    left_out = f"{len(delta) - n} queries without any gain left out" if n < len(delta) else None
    row = {
        "delta": float(values.mean()) if n else None, "ci_low": None, "ci_high": None, "p": None,
        "improved": float(np.mean(values > 1e-12)) if n else None,
        "worsened": float(np.mean(values < -1e-12)) if n else None,
        "n": n, "clusters": len(names), "note": left_out,
    }  # fmt: skip
    if len(names) < FEWEST:
        return row | {"note": f"{len(names)} independent queries, {FEWEST} are needed"}
    sums = np.bincount(cluster, weights=values)
    sizes = np.bincount(cluster).astype(float)
    low, high = bootstrap(sums, sizes, rng)
    return row | {"ci_low": low, "ci_high": high, "p": sign_flip_p(sums, rng)}


def sign_flip_p(sums: np.ndarray, rng: np.random.Generator, flips: int = FLIPS) -> float:
    """Two-sided p of the sum under random signs of the clusters; exact for at most `MOST_EXACT` that are not 0."""
    moving = sums[np.abs(sums) > 1e-12]
    observed = abs(float(moving.sum())) - 1e-9
    if len(moving) <= MOST_EXACT:
        totals = np.zeros(1)
        for value in moving:
            totals = np.concatenate([totals + value, totals - value])
        return float(np.mean(np.abs(totals) >= observed))
    hits = 0
    for start in range(0, flips, _BLOCK):
        signs = 2.0 * rng.integers(0, 2, size=(min(_BLOCK, flips - start), len(moving))) - 1
        hits += int((np.abs(signs @ moving) >= observed).sum())
    return (1 + hits) / (1 + flips)


def bootstrap(
    sums: np.ndarray, sizes: np.ndarray, rng: np.random.Generator, resamples: int = RESAMPLES, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the mean over queries when clusters are resampled; `sums`, `sizes` of the clusters."""
    count = len(sums)
    parts = []
    for start in range(0, resamples, _BLOCK):
        weights = rng.multinomial(count, np.full(count, 1 / count), size=min(_BLOCK, resamples - start))
        parts.append((weights @ sums) / (weights @ sizes))
    low, high = np.quantile(np.concatenate(parts), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
