"""Tables on what a generator says of labels when it checks them several times."""

from volfid.core.contracts import Row
from volfid.report.inputs import ReportInputs
from volfid.report.table import Table, value_and_interval
from volfid.report.text import count, number, words

LIMIT = 64
NONE = "No generator checks labels in this design (its section checks asks for that)."


def tables(inputs: ReportInputs) -> list[Table]:
    """Every author and method over all labels, then label by label; one table that says so where there are none."""
    whole = [row for row in inputs.agreement if row["label"] is None]
    planned = inputs.plan.get("counts", {}).get("jobs_by_stage", {}).get("checks", 0)
    missing = planned - sum(row["command"] == "check_labels.py" for row in inputs.manifests)
    failed = f" {missing} of {planned} checks are missing: their tasks failed." if missing > 0 else ""
    return [_whole(whole, failed), _labels(inputs)] if whole else [_whole([], failed)]


def _whole(rows: list[Row], failed: str) -> Table:
    rows = sorted(rows, key=lambda row: (row["checker"], row["author"] != "real", row["author"], row["method"] or ""))
    body = [
        [
            *_named(row), count(row["checks"]),
            *(_interval(row, name) for name in ("accepted", "others", "realised", "alpha")),
            number(row["kept_strict"], 2), number(row["kept_relabel"], 2), count(row["unanswered"]),
            count(row["documents"]), count(row["n"]), row["note"] or "–",
        ] for row in rows
    ]  # fmt: skip
    return Table(
        "Self-consistency: labels that a generator confirms",
        "A checker votes several times on the labels of a document (targets) and on a few others; a label is "
        "confirmed by more than half of the votes. Realised: confirmed, corrected by the checker's rates on real "
        "documents. Alpha: how well the checks agree with each other, 0 as by chance. Kept: what a filter would keep "
        "that asks for all labels (strict) or drops labels (relabel); nothing is filtered here. Intervals: bootstrap "
        "over documents." + failed,
        ("checker", "documents of", "method", "checks", "targets confirmed", "others confirmed", "realised", "alpha",
         "kept, strict", "kept, relabel", "unanswered votes", "documents", "n", "note"),
        "sss" + "n" * 10 + "s",
        body,
        empty=failed.strip() or NONE,
    )  # fmt: skip


def _labels(inputs: ReportInputs) -> Table:
    names = {row["label"]: row["name"] or row["label"] for row in inputs.labels}
    rows = [row for row in inputs.agreement if row["label"] is not None and row["n"]]
    rows.sort(key=lambda row: (row["checker"], row["author"], row["method"] or "", row["accepted"], row["label"]))
    body = [
        [
            *_named(row), str(names.get(row["label"], row["label"])), _interval(row, "accepted"),
            _interval(row, "others"), number(row["alpha"], 2), count(row["n"]), count(row["others"]),
        ] for row in rows
    ]  # fmt: skip
    return Table(
        "Self-consistency, label by label",
        "As above, least confirmed labels first; intervals: Wilson. Others: documents without the label.",
        ("checker", "documents of", "method", "label", "targets confirmed", "others confirmed", "alpha", "n", "others"),
        "ssssnnnnn",
        body,
    ).limited(LIMIT, "tables/agreement.csv")


def _named(row: Row) -> list[str]:
    author = "itself" if row["own"] else row["author"]
    return [row["checker"], author, words(row["method"]) if row["method"] else "–"]


def _interval(row: Row, name: str) -> str:
    value = row["others_accepted" if name == "others" else name]
    return value_and_interval(value, row[f"{name}_low"], row[f"{name}_high"], 2)
