"""Tables of the run itself: data, gaps, protocol, provenance."""

import re
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


def waterfall_table(inputs: ReportInputs) -> Table:
    """Requests in, documents out: by generator and method, summed over draws."""
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    place: dict[tuple[str, str], int] = {}
    for row in inputs.waterfall:
        # a step of one draw says so; here it is summed over draws
        step = " · ".join(row["pool_id"].split("__")[:3]), re.sub(r": draw \d+, ", ": ", row["rule"])
        place[step] = min(place.get(step, row["position"]), row["position"])
        for name in ("rows_in", "removed", "rows_out"):
            found[step][name] += row[name]
    rows = [
        [pool, rule, *(count(found[pool, rule][name]) for name in ("rows_in", "removed", "rows_out"))]
        for pool, rule in sorted(found, key=lambda step: (step[0], place[step], step[1]))
    ]
    return Table(
        "Curation waterfall",
        "Requests in, synthetic documents out, summed over draws. Nothing is refilled.",
        ("generator · method · label plan", "rule", "in", "removed", "out"),
        "ttnnn",
        rows,
        empty="No pool was curated.",
    ).limited(LIMIT, "tables/waterfall.csv")


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


def warnings(inputs: ReportInputs) -> list[str]:
    """What the tasks warned of, by command and job."""
    return [str(one) for row in inputs.manifests for one in row["counts"].get("warnings") or []]


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
