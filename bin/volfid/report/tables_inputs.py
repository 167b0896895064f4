"""Tables on what came in: the funnel, policies, splits, regimes, labels and rows left out."""

from collections import defaultdict
from typing import Any

from volfid.core.contracts import Row
from volfid.report.inputs import ReportInputs
from volfid.report.table import Table
from volfid.report.text import count, plain, words

LIMIT = 40


def funnel_table(inputs: ReportInputs) -> Table:
    """Rows in and out of each input step."""
    rows = [
        [row["step"], count(row["rows_in"]), count(row["removed"]), count(row["rows_out"])] for row in inputs.funnel
    ]
    return Table(
        "Input funnel",
        "Rows in and out of each step; the counts sum up.",
        ("step", "rows in", "removed", "rows out"),
        "tnnn",
        rows,
    )


def policies_table(inputs: ReportInputs) -> Table:
    """What is done with rows that cannot be used as they are, and how many that met."""
    rows = [
        [
            words(row["policy"]),
            row["choice"] + ("" if row["choice"] == row["default"] else f" (default: {row['default']})"),
            row["about"],
            "–" if row["met"] is None else count(row["met"]),
        ]
        for row in inputs.corpus.get("policies", [])
    ]
    return Table(
        "Input policies",
        "Each has a default and can be chosen with --policies. Last column: rows it concerned (rare labels: labels).",
        ("policy", "choice", "about", "met"),
        "tttn",
        rows,
        empty="The corpus states no policies.",
    )


def split_table(inputs: ReportInputs) -> Table:
    """Splits of the accepted documents."""
    rows = [[name, count(size)] for name, size in inputs.corpus.get("split_sizes", {}).items()]
    rows.append(["supplied synthetic", count(inputs.corpus.get("brought"))])
    return Table(
        "Splits",
        "Regimes are drawn from train; reference serves the distances only; test is scored once.",
        ("split", "documents"),
        "tn",
        rows,
    )


def regimes_table(inputs: ReportInputs) -> Table:
    """Sizes of the nested draws, positives of the rarest label, and labels without a positive."""
    found: dict[int, list[Row]] = defaultdict(list)
    for row in inputs.regimes:
        found[row["size"]].append(row)
    asked: dict[int, list[str]] = defaultdict(list)
    for text, size in (_resolved(inputs).get("relative") or {}).items():
        asked[size].append(text)
    rows = [
        [
            count(size),
            ", ".join(asked[size]) or "–",
            str(len(draws)),
            plain(sorted({min(row["label_counts"], default=0) for row in draws})),
            plain(sorted({row["labels_missing"] for row in draws})),
        ]
        for size, draws in sorted(found.items())
    ]
    how = inputs.plan.get("protocol", {}).get("sampling", "nested draws from the train pool")
    return Table(
        "Regimes",
        f"{how[:1].upper()}{how[1:]}. Positives of the rarest label, and labels without a positive: over draws.",
        ("documents", "asked for as", "draws", "fewest positives of a label", "labels never seen"),
        "ntntt",
        rows,
        empty="No regimes file was given.",
    )


def unseen_table(inputs: ReportInputs) -> Table:
    """Labels without a positive, by draw, and in one sentence what a score of such a draw can say of them."""
    names = [row["label"] for row in inputs.labels]
    short = [row for row in inputs.regimes if row["labels_missing"]]
    rows = [
        [count(row["size"]), str(row["draw"]), count(row["labels_missing"]), ", ".join(_unseen(row, names))]
        for row in sorted(short, key=lambda row: (row["size"], row["draw"]))
    ]
    said = f"In {len(inputs.regimes) - len(short)} of {len(inputs.regimes)} regimes every label has a positive. "
    if short:
        said += (
            "In the others no real document of these labels is in training: real-only classifiers can but miss them."
        )
    return Table(
        "Labels that a draw never saw",
        said,
        ("documents", "draw", "labels", "which"),
        "nnnt",
        rows,
        empty="Every label has a positive in every draw." if inputs.regimes else "No regimes file was given.",
    ).limited(LIMIT, "regimes/*/regimes.jsonl")


def _unseen(row: Row, names: list[str]) -> list[str]:
    found = [name for name, positives in zip(names, row["label_counts"], strict=False) if not positives]
    return found if len(found) <= LIMIT else [*found[:LIMIT], f"and {len(found) - LIMIT} more"]


def labels_table(inputs: ReportInputs) -> Table:
    """The most and the least frequent labels."""
    ordered = sorted(inputs.labels, key=lambda row: (-row["count"], row["label"]))
    shown = ordered if len(ordered) <= 16 else ordered[:8] + ordered[-8:]
    rows = [[row["label"], row["name"] or "–", count(row["count"]), count(row["count_train"])] for row in shown]
    more = None if len(shown) == len(ordered) else f"{len(ordered) - 16} labels between them are in tables/labels.csv."
    return Table(
        f"Labels ({len(ordered)})",
        "The most and the least frequent.",
        ("label", "name", "documents", "in train"),
        "ttnn",
        rows,
        more,
    )


def rejects_table(inputs: ReportInputs) -> Table:
    """Refused rows by reason, with one example."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in inputs.rejects:
        found[row["reason"]].append(row)
    rows = [
        [words(reason), count(len(part)), f"{part[0]['file']}, row {part[0]['row']}: {part[0]['detail']}"]
        for reason, part in sorted(found.items())
    ]
    return Table(
        "Refused input rows",
        "By reason, with the first row of each.",
        ("reason", "rows", "example"),
        "tnt",
        rows,
        empty="No row was refused.",
    )


def _resolved(inputs: ReportInputs) -> dict[str, Any]:
    return inputs.plan.get("design", {}).get("resolved") or {}
