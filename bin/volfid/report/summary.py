"""The summary for a terminal: at most 15 lines of at most 80 columns."""

import textwrap

from volfid.report.inputs import ReportInputs
from volfid.report.page import decide, headline_sentence
from volfid.report.table import value_and_interval
from volfid.report.tables_effects import figures_place
from volfid.report.text import clean, count, meaning

LINES, COLUMNS = 15, 80


def summary_text(inputs: ReportInputs) -> str:
    """Where the report is, the five figures, the stamp and whether the run is complete."""
    headline = inputs.findings.get("headline", {})
    top = []
    if inputs.stamp:
        top.append(f"*** {inputs.stamp} ***")
    top += _wrapped(headline_sentence(headline), 4)
    verdict = headline.get("verdict") or "undefined"
    why = decide(inputs)[:1] if verdict == "cannot decide" else [meaning(headline)]
    top += _wrapped(f"Verdict: {verdict}. " + " ".join(why), 2)
    figures = [figures_place(inputs)] if figures_place(inputs) else []
    for figure in (inputs.findings.get("five_figures") or [])[:5]:
        unit = str(figure.get("unit") or "")
        value = value_and_interval(
            figure.get("value"),
            figure.get("ci_low"),
            figure.get("ci_high"),
            0 if "document" in unit else 3,
            figure.get("note"),
        )
        figures.append(f"  {figure.get('name')!s:<6} {value}  {unit}")
    status = inputs.status
    planned, done = status.get("planned") or 0, status.get("done") or 0
    complete = "Complete" if status.get("complete") else "INCOMPLETE"
    state = f"{complete}: {count(done)} of {count(planned)} cells, {len(inputs.gaps)} gaps"
    lines = [*top, *figures, state, "Report: report.html   Tables: tables/*.csv"]
    return "\n".join(_cut(line) for line in lines[:LINES]) + "\n"


def _wrapped(text: str, most: int) -> list[str]:
    lines = textwrap.wrap(_plain(text), COLUMNS) or [""]
    return (
        lines
        if len(lines) <= most
        else [*lines[: most - 1], textwrap.shorten(" ".join(lines[most - 1 :]), COLUMNS, placeholder=" …")]
    )


def _plain(text: str) -> str:
    return clean(text).replace("\n", " ").replace("\t", " ")


def _cut(line: str) -> str:
    line = _plain(line).rstrip()
    return line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…"
