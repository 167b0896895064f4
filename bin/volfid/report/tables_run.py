"""Tables of the run itself: data, gaps, protocol, provenance."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from volfid.core.contracts import Row
from volfid.report.inputs import ReportInputs
from volfid.report.table import Table
from volfid.report.text import count, duration, plain, words

LIMIT = 40


def missing_table(inputs: ReportInputs) -> Table:
    """Planned cells that are not there, by arm and reason."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in inputs.status.get("missing", []):
        found[str(row.get("arm")), str(row.get("reason"))].append(str(row.get("cell_id")))
    rows = [
        [
            arm,
            count(len(cells)),
            reason,
            "\n".join(sorted(cells)[:12]) + (f"\n… {len(cells) - 12} more" if len(cells) > 12 else ""),
        ]
        for (arm, reason), cells in sorted(found.items())
    ]
    return Table(
        "Missing cells",
        "Planned, and not made. Estimates that need them are undefined or rest on fewer draws.",
        ("arm", "cells", "reason", "cell ids"),
        "sntl",
        rows,
    ).limited(LIMIT, "status.json")


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
    rows.append(["brought synthetic", count(inputs.corpus.get("brought"))])
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


def _resolved(inputs: ReportInputs) -> dict[str, Any]:
    return inputs.plan.get("design", {}).get("resolved") or {}


def waterfall_table(inputs: ReportInputs) -> Table:
    """Requests in, documents out: by generator and method, summed over draws."""
    found: dict[tuple[str, int, str], Counter[str]] = defaultdict(Counter)
    for row in inputs.waterfall:
        pool = " · ".join(row["pool_id"].split("__")[:3])
        for name in ("rows_in", "removed", "rows_out"):
            found[pool, row["position"], row["rule"]][name] += row[name]
    rows = [
        [pool, rule, *(count(n[name]) for name in ("rows_in", "removed", "rows_out"))]
        for (pool, _, rule), n in sorted(found.items())
    ]
    return Table(
        "Curation waterfall",
        "Requests in, synthetic documents out, summed over draws. Nothing is refilled.",
        ("generator · method · label plan", "rule", "in", "removed", "out"),
        "ttnnn",
        rows,
        empty="No pool was curated.",
    ).limited(LIMIT, "tables/waterfall.csv")


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


def protocol_table(inputs: ReportInputs) -> Table:
    """Fixed choices, verbatim from the plan."""
    rows = [[words(key), plain(value)] for key, value in inputs.plan.get("protocol", {}).items()]
    return Table("Protocol", "Fixed before anything ran; from plan.json.", ("choice", "value"), "tt", rows)


def design_table(inputs: ReportInputs) -> Table:
    """The resolved design, as planned."""
    rows = [
        [words(key), plain(value)]
        for key, value in inputs.plan.get("design", {}).items()
        if key not in ("arms", "blocks")
    ]
    rows += [[f"arm {name}", plain(value)] for name, value in (inputs.plan.get("design", {}).get("arms") or {}).items()]
    for block in inputs.plan.get("design", {}).get("blocks") or []:
        rows.append(
            [
                f"block {block.get('name')}",
                plain({key: value for key, value in block.items() if key != "name" and value not in (None, [], False)}),
            ]
        )
    rows.append(["master seed", str(inputs.plan.get("master_seed", "–"))])
    rows += [[f"counts: {words(key)}", plain(value)] for key, value in inputs.plan.get("counts", {}).items()]
    return Table("Design", "The design file, resolved to absolute numbers.", ("entry", "value"), "tt", rows)


def tasks_table(inputs: ReportInputs) -> Table:
    """Time, memory, tokens and code of every command."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in inputs.manifests:
        found[row["command"]].append(row)
    rows = []
    for command, part in sorted(found.items()):
        tokens = sum(
            value for row in part for key, value in row["counts"].items() if "tokens" in key and isinstance(value, int)
        )
        rows.append(
            [
                command,
                str(len(part)),
                duration(sum(row["seconds"] for row in part)),
                f"{max(row['peak_memory_mb'] for row in part):,.0f} MB",
                count(tokens) if tokens else "–",
                _short(row["code"] for row in part),
            ]
        )
    total = sum(row["seconds"] for row in inputs.manifests)
    return Table(
        "Tasks",
        f"From the manifest of every task, cached ones included: {duration(total)} of work in total.",
        ("command", "tasks", "seconds in total", "peak memory", "tokens", "code"),
        "cnnnnc",
        rows,
        empty="No manifests were given.",
    )


def _short(values: Iterable[str | None]) -> str:
    return ", ".join(sorted({value[:12] for value in values if value})) or "–"


def machine_table(inputs: ReportInputs) -> Table:
    """Versions, devices, seeds and engine settings of all tasks, merged; more than one value is listed."""
    merged: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in inputs.manifests:
        for part in ("versions", "device", "seeds", "settings"):
            for key, value in row[part].items():
                merged[part, str(key)].add(plain(value))
    rows = [
        [part, key, _some(values)]
        for (part, key), values in sorted(merged.items(), key=lambda item: (_PARTS.index(item[0][0]), item[0][1]))
    ]
    return Table(
        "Versions, devices, seeds and settings",
        "Merged from all tasks.",
        ("what", "name", "value"),
        "ttc",
        rows,
        empty="No manifests were given.",
    ).limited(120, "the manifests")


_PARTS = ("versions", "device", "seeds", "settings")


def _some(values: set[str]) -> str:
    ordered = sorted(values)
    return " | ".join(ordered[:4]) + (f" | … {len(ordered) - 4} more" if len(ordered) > 4 else "")


def files_table(inputs: ReportInputs) -> Table:
    """Hashes of the files that tasks wrote."""
    rows: dict[tuple[Any, ...], list[str]] = {}
    for row in inputs.manifests:
        for name, what in row["outputs"].items():
            rows[row["command"], row["job_id"] or "", name] = [
                row["command"],
                row["job_id"] or "–",
                name,
                count(what.get("rows")),
                str(what.get("sha256"))[:16],
            ]
    return Table(
        "Files",
        "Outputs with the first 16 digits of their SHA-256.",
        ("command", "job", "file", "rows", "sha256"),
        "cccnc",
        [rows[key] for key in sorted(rows)],
        empty="No manifests were given.",
    ).limited(LIMIT, "the manifests")
