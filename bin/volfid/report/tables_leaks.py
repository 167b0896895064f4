"""Table on how near made documents come to real ones."""

from collections.abc import Mapping
from typing import Any

from volfid.core.contracts import Row
from volfid.report.inputs import ReportInputs
from volfid.report.means import INTERVALS, Mean, trainset_means
from volfid.report.table import Table, mean_words
from volfid.report.tables_arms import distinct_keys
from volfid.report.text import count, number, words

LIMIT = 90
AGAINST = ("sources", "train", "test")


def leak_table(inputs: ReportInputs) -> Table:
    """Share of made documents nearer than real ones get, against their sources, train and test."""
    measures = sorted({row["measure"] for row in inputs.leaks})
    columns = [(measure, figure) for measure in measures for figure in ("share_above", "real_as_near")]
    means: dict[tuple[Any, ...], dict[tuple[str, str], Mean]] = {}
    cells = [cell for cell in inputs.cells if cell["real_share"] is None]
    rows = [{**row, "figure": figure, "value": row[figure]} for row in inputs.leaks for _, figure in columns[:2]]
    group, of = ("regime", "arm", "method", "added"), ("against", "measure", "figure")
    for key, mean in trainset_means(cells, rows, group, of).items():
        means.setdefault(key[:5], {})[key[5], key[6]] = mean
    kept = distinct_keys({key[:4] for key in means})
    body = []
    for place in kept:
        for against in AGAINST:
            found = means.get((*place, against))
            if found:
                named = [
                    count(place[0]),
                    place[1],
                    words(place[2]) if place[2] else "–",
                    count(place[3]),
                    words(against),
                ]
                body.append([*named, *(mean_words(found.get(column), 2) for column in columns), _draws(found)])
    names = [f"{words(m)}: {'above' if figure == 'share_above' else 'real as near'}" for m, figure in columns]
    return Table(
        "Leaks: how near made documents come to real ones",
        "Above: share of made documents nearer to one of the named side than 95 % of unseen real documents are; "
        f"{_limit(inputs.leaks)}. Real as near: share of real documents at least as near: .5 where both are alike, 0 "
        f"where every made one is nearer. Thresholds: {_thresholds(inputs.leaks)}. Copies are the anchor. "
        f"{INTERVALS}; more in tables/leaks.csv.",
        ("real", "arm", "method", "M", "against", *names, "n"),
        "sssss" + "n" * len(names) + "n",
        body,
        empty="No training set of this run holds made documents.",
    ).limited(LIMIT, "tables/leaks.csv")


def _draws(found: Mapping[tuple[str, str], Mean]) -> str:
    return str(max(mean.n for mean in found.values()))


def _limit(rows: list[Row]) -> str:
    limits = [row["real_high"] for row in rows if row["real_high"] is not None]
    return (
        f"unseen real text may reach {number(max(limits), 2)}, more is a leak" if limits else "no side has a threshold"
    )


def _thresholds(rows: list[Row]) -> str:
    """The threshold of each side and measure, from the real documents of the corpus, so the same for all sets."""
    found = {(row["against"], row["measure"]): row["threshold"] for row in rows if row["threshold"] is not None}
    told = [
        f"{words(measure)} {number(value, 2)} ({words(against)})"
        for (against, measure), value in sorted(found.items()) if against != "sources"
    ]  # fmt: skip
    return ", ".join(told) or "undefined"
