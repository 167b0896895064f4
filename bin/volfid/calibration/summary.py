"""What a report cites of the calibration: pooled rates, and what did not hold."""

from collections.abc import Iterable, Sequence

from volfid.calibration.catalogue import WORLDS
from volfid.calibration.rates import Rate
from volfid.core.contracts import Row

PRIMARY = ("synthetic_over_updates", "gain_tuned")
AP = "ap_micro"
BAND = (0.93, 0.97)
# check -> (rows that are pooled, what they are in words); worlds are independent, effects of one world are not
POOLED = {
    "coverage": "the primary difference (synthetic text over real text at the same updates, or both tuned)",
    "coverage_new_corpus": "the same difference, judged by the mean over corpora and test sets",
    "false_positive": "a verdict on text (S - PL, world null) or label law (S - C, world content) that change nothing",
    "worth": "worth in further real documents",
    "worth_power_law": "worth in real documents by a power law (the sensitivity analysis)",
    "content_efficiency": "content efficiency",
    "tost_error": "the equivalence test succeeds although the difference is as large as its bound",
    "holm_error": "Holm's adjustment lets one of four true nulls through",
    "stop_error": "the stopping rule finds a sign where there is none",
    "stop_equivalence_error": "the stopping rule finds equivalence at a difference of .02",
}


def absent(rows: Sequence[Row]) -> list[str]:
    """One sentence on the worlds and classifiers without any rate; none when all are there."""
    there = {(row["world"], row["classifier"]) for row in rows}
    places = [(w.name, classifier) for w in WORLDS.values() for classifier in w.classifiers]
    lacking = [f"{name} ({classifier})" for name, classifier in places if (name, classifier) not in there]
    return [f"Not rated here: the worlds {', '.join(lacking)}."] if lacking else []


def belongs(row: Row, name: str) -> bool:
    """Whether a row of the contract `calibration` is pooled under that name."""
    if row["metric"] != AP:
        return False
    if name in ("coverage", "coverage_new_corpus"):
        new = row["world"] == "new_corpus"
        return row["check"] == "coverage" and row["effect"] in PRIMARY and new == (name == "coverage_new_corpus")
    if name == "false_positive":
        return row["check"] == name and (row["world"], row["effect"]) in (
            ("null", "content_own_law"), ("content", "label_law_synthetic"),
        )  # fmt: skip
    if name == "worth":
        return row["check"] == "coverage" and row["effect"] == "worth_further_documents"
    if name == "worth_power_law":
        return row["check"] == "coverage" and row["effect"] == "worth_documents_power_law"
    if name == "content_efficiency":
        return row["check"] == "coverage" and row["effect"] == name
    return row["check"] == name


def pooled_rows(rows: Sequence[Row]) -> list[Row]:
    """One row for each check, classifier and number of draws: the pooled rate, and its lowest and highest world."""
    found = []
    for name in POOLED:
        here = [row for row in rows if belongs(row, name) and row["rate"] is not None]
        for classifier, draws in sorted({(row["classifier"], row["draws"]) for row in here}):
            part = [row for row in here if (row["classifier"], row["draws"]) == (classifier, draws)]
            times = sum(row["replicates"] for row in part)
            rate = Rate(sum(round(row["rate"] * row["replicates"]) for row in part), times)
            low, high = rate.interval
            rates, expected = [row["rate"] for row in part], {row["expected"] for row in part}
            found.append({
                "classifier": classifier, "draws": draws, "check": name,
                "worlds": sorted({row["world"] for row in part}), "replicates": times, "rate": rate.value, "low": low,
                "high": high, "expected": expected.pop() if len(expected) == 1 else None, "lowest": min(rates),
                "highest": max(rates), "not_held": sum(row["held"] is False for row in part), "rows": len(part),
            })  # fmt: skip
    return found


def missed(rows: Sequence[Row], confusion: Sequence[Row]) -> list[str]:
    """What did not hold, one sentence each: single rates first, then how many of the others, then wrong names."""
    cited = [row for name in POOLED for row in rows if belongs(row, name)]
    worst: dict[tuple, Row] = {}
    for row in (row for row in cited if row["held"] is False):  # one sentence for both bounds of a test
        place = row["check"], row["effect"], row["world"], row["classifier"], row["draws"]
        if place not in worst or abs(row["rate"] - row["expected"]) > abs(worst[place]["rate"] - row["expected"]):
            worst[place] = row
    sentences = [_sentence(row) for row in worst.values()]
    others = [row for row in rows if row["held"] is not None and row not in cited]
    for words, belonging in _GROUPS.items():
        group = [row for row in others if belonging(row)]
        bad = [row for row in group if not row["held"]]
        if bad:
            sentences.append(
                f"{words}: {len(bad)} of {len(group)} rates lie outside what they claim (about "
                f"{round(0.05 * len(group))} would by chance); farthest off: {_worst(bad)}."
            )
    return [*sentences, *_wrong_names(rows, confusion)]


def _flat(row: Row) -> bool:
    return "no width" in (row["note"] or "")


def _covers(row: Row, metric: str) -> bool:
    plain = row["world"] != "new_corpus" and not _flat(row)
    return row["check"] == "coverage" and plain and row["metric"] == metric


# the rates that are not cited one by one
_GROUPS = {
    "Coverage of all other effects on micro-average precision": lambda row: _covers(row, AP),
    "Coverage of all other effects on micro-F1": lambda row: _covers(row, "f1_micro"),
    "Coverage where draws have the same score, so that some intervals have no width": lambda row: (
        row["check"] == "coverage" and row["world"] != "new_corpus" and _flat(row)
    ),
    "Coverage of the mean over corpora and test sets, other effects": lambda row: (
        row["check"] == "coverage" and row["world"] == "new_corpus"
    ),
    "Verdicts on other effects of zero": lambda row: row["check"] == "false_positive",
    "Power at a stated difference, against its closed form": lambda row: row["check"] == "power_at",
    "Power of the equivalence test, against its closed form": lambda row: row["check"] == "tost_power",
}


def _sentence(row: Row) -> str:
    what = row["check"].replace("_", " ")
    note = f" ({row['note']})" if row["note"] else ""
    return (
        f"World {row['world']}, {row['classifier']}, {row['draws']} draws: {what} of {row['effect']} at a true value "
        f"of {row['truth']:.3g} is "
        f"{row['rate']:.3f} [{row['low']:.3f}, {row['high']:.3f}] in {row['replicates']} experiments; "
        f"{row['expected']:.3g} is claimed{note}."
    )


def _worst(rows: Iterable[Row], most: int = 3) -> str:
    ordered = sorted(rows, key=lambda row: -abs(row["rate"] - row["expected"]))[:most]
    return "; ".join(
        f"{row['effect']} ({row['metric']}, {row['threshold']}; world {row['world']}, {row['classifier']}, "
        f"{row['draws']} draws) {row['rate']:.2f} for {row['expected']:.2f}"
        for row in ordered
    )


def _wrong_names(rows: Sequence[Row], confusion: Sequence[Row], most: float = 0.05) -> list[str]:
    """Mechanisms named in a world where they are not the right answer, in more than `most` of the experiments."""
    cannot = "cannot decide"
    sentences = []
    for row in confusion:
        if row["attributed"] not in (row["mechanism"], cannot) and row["share"] > most:
            right = "nothing" if row["mechanism"] == cannot else row["mechanism"]
            known = [(name, _truth(rows, row, name)) for name in (row["attributed"], row["mechanism"])]
            true = ", ".join(f"{name} {value:.3g}" for name, value in known if value is not None)
            sentences.append(
                f"World {row['world']}, {row['classifier']}, {row['draws']} draws, {row['metric']}: "
                f"{row['attributed']} is named in {row['share']:.1%} of {row['replicates']} experiments, where {right} "
                f"was meant to change the score (true averages: {true or 'not measured'})."
            )
    return sentences


def _truth(rows: Sequence[Row], place: Row, name: str) -> float | None:
    """True Shapley average (for resampling: Pd - R1) of a mechanism in the place of a row of `confusion`."""
    effect = "volume_resampling" if name == "resampling" else f"shapley_{name}"
    same = ("world", "classifier", "draws", "metric")
    found = [r["truth"] for r in rows if r["effect"] == effect and all(r[key] == place[key] for key in same)]
    return next((value for value in found if value is not None), None)


def summary(rows: Sequence[Row], confusion: Sequence[Row], commit: str | None) -> Row:
    """The object of the contract `calibration_summary`."""
    counts = [row["replicates"] for row in rows if belongs(row, "coverage") and row["draws"] == 5]
    return {
        "commit": commit, "replicates": min(counts, default=0), "rates": pooled_rows(rows),
        "missed": [*absent(rows), *missed(rows, confusion)],
    }  # fmt: skip


def run_words(found: Row, manifests: Sequence[Row], command: str) -> str:
    """Command, commit, replicates, minutes and machine, from the manifests of the tasks."""
    scored = [row for row in manifests if row["command"] == "calibrate_instrument.py"]
    work = sum(row["counts"].get("processor_seconds", 0) for row in scored)
    rated = sum(row["seconds"] for row in manifests if row["command"] == "rate_calibration.py")
    machines = ", ".join(sorted({str(row["device"].get("machine")) for row in scored})) or "unknown"
    return (
        f"Made by `{command} REPLICATES={found['replicates']}` at commit {found['commit'] or 'unknown'}: at least that "
        f"many experiments of five draws in each world, {sum(row['counts'].get('draws', 0) for row in scored):,} "
        f"draws in {len(scored)} tasks. They took {work / 60:.0f} processor minutes ({machines}, one thread a task), "
        f"and the rates {rated / 60:.0f} more: about {(work + rated) / 120:.0f} minutes on two cores that do "
        "nothing else."
    )
