"""Whether documents have the labels they stand with, by the votes of a checker (contract `label_checks`).

A label is confirmed when more than half of the checks of its document say yes. Of each author and method: the share of
target labels that are confirmed, the share of other labels that are, and how well the checks agree with each other
(alpha for nominal values; Krippendorff 2011, Computing Krippendorff's Alpha-Reliability). A checker errs, so its rates
on real documents are taken off (Rogan and Gladen 1978, Estimating Prevalence from the Results of a Screening Test):

    realised = (accepted - others_accepted of real) / (accepted of real - others_accepted of real), cut to [0, 1]

Rates are pooled over labels. Intervals are percentiles of a bootstrap over documents, those of one parent together.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from volfid.core.contracts import Row
from volfid.core.exits import DataError
from volfid.core.seeds import generator
from volfid.core.shares import wilson
from volfid.statistics.intervals import join_notes

REAL, TARGET = "real", "target"
RESAMPLES = 2_000
FEWEST_GAP = 0.05  # between the checker's rates on real documents
MOST_UNDEFINED = 0.05  # of the resamples behind an interval
# what a document adds up to; all figures are ratios of sums of these
SUMS = (
    "documents", "labelled", "targets", "accepted", "others", "others_accepted", "strict", "relabel", "agreed",
    "paired", "paired_yes",
)  # fmt: skip
_AT = {name: place for place, name in enumerate(SUMS)}
Group = tuple[str, str, str | None]
Interval = tuple[float | None, float | None, float | None]


@dataclass(frozen=True)
class Votes:
    """Votes on one label of one document: yes of `seen` answered ones, of `checks` in all."""

    label: str
    target: bool
    yes: int
    seen: int
    checks: int

    @property
    def confirmed(self) -> bool:
        """Whether more than half of the checks say yes."""
        return 2 * self.yes > self.checks


def agreement_rows(checks: Iterable[Row], seed: int) -> list[Row]:
    """Rows of contract `agreement`: of every checker, author and method, over all labels and label by label.

    Raises DataError when checks of one document asked about different labels.
    """
    found: dict[Group, dict[tuple[str, str], list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in checks:
        place = (row["checker"], row["author"], row["method"])
        found[place][row["pool_id"], row["doc_id"]].append(row)
    documents = {place: [_document(rows) for _, rows in sorted(mine.items())] for place, mine in found.items()}
    sums = {place: _sums(mine) for place, mine in documents.items()}
    made = []
    for place in sorted(documents, key=str):
        checker, author, _ = place
        rng = generator(seed, "agreement", checker=checker, author=author, method=place[2])
        real = None if author == REAL else sums.get((checker, REAL, None))
        made.append(_whole(place, documents[place], sums[place], real, rng))
        made += _each_label(place, documents[place])
    return made


def alpha(agreed: np.ndarray, votes: np.ndarray, yes: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha of two values, elementwise; NaN where only one value occurs.

    agreed: sum over units of pairable votes of (pairs that agree) / (votes - 1); votes, yes: of those units.
    """
    no = votes - yes
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = (yes * (yes - 1) + no * (no - 1)) / (votes - 1)
        found = 1 - (votes - agreed) / (votes - expected)
    return np.where((yes > 0) & (no > 0), found, np.nan)


def _document(rows: Sequence[Row]) -> tuple[str, list[Votes]]:
    """The group of a document, and the votes of all its checks on each label."""
    kinds: Mapping[str, str] = dict(zip(rows[0]["labels"], rows[0]["kinds"], strict=True))
    votes: dict[str, list[int]] = {label: [] for label in kinds}
    for row in rows:
        if dict(zip(row["labels"], row["kinds"], strict=True)) != kinds:
            raise DataError(f"checks of document {row['doc_id']!r} asked about different labels")
        for label, vote in zip(row["labels"], row["votes"], strict=True):
            votes[label].append(vote)
    return rows[0]["group"], [
        Votes(label, kinds[label] == TARGET, given.count(1), len(given) - given.count(-1), len(given))
        for label, given in sorted(votes.items())
    ]


def _unit(one: Votes) -> tuple[float, int, int]:
    """(agreeing pairs / (votes - 1), votes, yes) of a label that two checks or more answered; else nothing."""
    no = one.seen - one.yes
    if one.seen < 2:
        return 0.0, 0, 0
    return (one.yes * (one.yes - 1) + no * (no - 1)) / (one.seen - 1), one.seen, one.yes


def _sums(documents: Sequence[tuple[str, list[Votes]]]) -> np.ndarray:
    """Sums of every group of documents, shape (groups, len(SUMS))."""
    groups: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(SUMS)))
    for group, votes in documents:
        targets = [one.confirmed for one in votes if one.target]
        others = [one.confirmed for one in votes if not one.target]
        units = np.array([_unit(one) for one in votes]).reshape(-1, 3).sum(0)
        groups[group] += [
            1, bool(targets), len(targets), sum(targets), len(others), sum(others), bool(targets) and all(targets),
            any(targets), *units,
        ]  # fmt: skip
    return np.array([groups[name] for name in sorted(groups)])


def _ratio(sums: np.ndarray, over: str, under: str) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums[..., _AT[over]] / sums[..., _AT[under]]


def _alpha(sums: np.ndarray) -> np.ndarray:
    return alpha(*(sums[..., _AT[name]] for name in ("agreed", "paired", "paired_yes")))


def _realised(made: np.ndarray, real: np.ndarray) -> np.ndarray:
    """See the module; NaN where the checker tells labels from others too badly on real documents."""
    hit, false = _ratio(real, "accepted", "targets"), _ratio(real, "others_accepted", "others")
    with np.errstate(divide="ignore", invalid="ignore"):
        value = (_ratio(made, "accepted", "targets") - false) / (hit - false)
    return np.where(hit - false >= FEWEST_GAP, np.clip(value, 0, 1), np.nan)


def _whole(
    place: Group, documents: Sequence[tuple[str, list[Votes]]], sums: np.ndarray, real: np.ndarray | None,
    rng: np.random.Generator,
) -> Row:  # fmt: skip
    total, drawn = sums.sum(0), _resampled(sums, rng)
    accepted = _share_interval(total, drawn, sums, "accepted", "targets")
    others = _share_interval(total, drawn, sums, "others_accepted", "others")
    agreed = _interval(_alpha(total), _alpha(drawn), sums)
    realised: Interval = (None, None, None)
    notes = []
    if place[1] == REAL:
        notes.append("realised: real documents are what the others are corrected by")
    elif real is None:
        notes.append("realised: the checker was not asked about real documents")
    else:
        realised = _interval(_realised(total, real.sum(0)), _realised(drawn, _resampled(real, rng)), sums, real)
        if realised[0] is None and accepted[0] is not None:
            notes.append(
                "realised: on real documents the checker confirms labels and others alike "
                f"(less than {FEWEST_GAP} apart)"
            )
        elif realised[0] is not None and realised[1] is None:
            notes.append("realised: no interval, for resamples are alike or too often undefined")
    if agreed[0] is None:
        notes.append("alpha: all votes are alike, or no label was answered twice")
    if accepted[0] is None:
        notes.append("accepted: no document has a label")
    if len(sums) < 2:
        notes.append("one document has no interval")
    labelled = total[_AT["labelled"]]
    return _row(place, None, [votes for _, given in documents for votes in given], len(documents)) | {
        **_named("accepted", accepted), **_named("others", others, "others_accepted"), **_named("realised", realised),
        **_named("alpha", agreed),
        "kept_strict": float(total[_AT["strict"]] / labelled) if labelled else None,
        "kept_relabel": float(total[_AT["relabel"]] / labelled) if labelled else None,
        "note": join_notes(*notes),
    }  # fmt: skip


def _each_label(place: Group, documents: Sequence[tuple[str, list[Votes]]]) -> Iterator[Row]:
    by_label: dict[str, list[Votes]] = defaultdict(list)
    for _, votes in documents:
        for one in votes:
            by_label[one.label].append(one)
    for label, votes in sorted(by_label.items()):
        units = np.array([_unit(one) for one in votes]).sum(0)
        value = alpha(*(units[place] for place in range(3)))
        rates = {
            name: _share([one.confirmed for one in votes if one.target is target])
            for name, target in (("accepted", True), ("others", False))
        }
        yield _row(place, label, votes, len(votes)) | {
            **_named("accepted", rates["accepted"]), **_named("others", rates["others"], "others_accepted"),
            **_named("realised", (None, None, None)),
            **_named("alpha", (None if np.isnan(value) else float(value), None, None)),
            "kept_strict": None, "kept_relabel": None,
            "note": "one label: nothing is corrected, and alpha has no interval",
        }  # fmt: skip


def _row(place: Group, label: str | None, votes: Sequence[Votes], documents: int) -> Row:
    checker, author, method = place
    return {
        "checker": checker, "author": author, "method": method, "label": label, "own": checker == author,
        "checks": max((one.checks for one in votes), default=0), "documents": documents,
        "n": sum(one.target for one in votes), "others": sum(not one.target for one in votes),
        "unanswered": sum(one.checks - one.seen for one in votes),
    }  # fmt: skip


def _named(name: str, found: Interval, value: str | None = None) -> Row:
    return {value or name: found[0], f"{name}_low": found[1], f"{name}_high": found[2]}


def _share(confirmed: Sequence[bool]) -> Interval:
    limits = wilson(sum(confirmed), len(confirmed))
    return (None, None, None) if limits is None else (sum(confirmed) / len(confirmed), *limits)


def _resampled(sums: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sums of RESAMPLES draws of the groups with replacement, shape (RESAMPLES, len(SUMS))."""
    size = len(sums)
    return np.asarray(rng.multinomial(size, np.full(size, 1 / size), size=RESAMPLES) @ sums)


def _share_interval(total: np.ndarray, drawn: np.ndarray, sums: np.ndarray, over: str, under: str) -> Interval:
    """A share with its bootstrap interval; where none or all are confirmed, Wilson's over groups."""
    value, low, high = _interval(_ratio(total, over, under), _ratio(drawn, over, under), sums)
    if value in (0.0, 1.0) and len(sums) > 1:
        groups = int((sums[:, _AT[under]] > 0).sum())
        limits = wilson(int(value) * groups, groups)
        assert limits is not None  # the value exists, so a group counts
        low, high = limits
    return value, low, high


def _interval(value: np.ndarray, drawn: np.ndarray, *resampled: np.ndarray) -> Interval:
    """(value, low, high); None where undefined. resampled: what was drawn from.

    One group alone has no interval, and neither has a value that is the same in every resample.
    """
    if np.isnan(value):
        return None, None, None
    known = drawn[~np.isnan(drawn)]
    if len(known) < (1 - MOST_UNDEFINED) * len(drawn) or any(len(one) < 2 for one in resampled):
        return float(value), None, None
    low, high = np.quantile(known, [0.025, 0.975])
    if low == high:
        return float(value), None, None
    return float(value), float(low), float(high)
