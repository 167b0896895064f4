"""The report as one self-contained page, its summary, and CSV twins of the tables."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from volfid import __version__
from volfid.core.contracts import Row
from volfid.core.exits import DataError
from volfid.core.files import write_text
from volfid.core.schemas import CONTRACTS
from volfid.report import (
    calibration,
    policies,
    published,
    tables_agreement,
    tables_arms,
    tables_controls,
    tables_correlation,
    tables_effects,
    tables_fits,
    tables_floors,
    tables_gaps,
    tables_inputs,
    tables_leaks,
    tables_predictors,
    tables_retrieval,
    tables_run,
    tables_tests,
    tables_uses,
)
from volfid.report.inputs import ReportInputs
from volfid.report.table import Table
from volfid.report.text import PROMPT_LIMIT, clean, count, csv_cell, duration, meaning, plain, units

MAX_BYTES = 10_000_000
CSV_TWINS = (
    "scores",
    "effects",
    "correlations",
    "fidelity",
    "keywords",
    "leaks",
    "agreement",
    "retrieval",
    "retrieval_tests",
    "retrieval_filters",
    "claims",
    "labels",
    "waterfall",
    "funnel",
    "gaps",
)


def write_report(inputs: ReportInputs, assets: Path, out_dir: Path) -> list[Path]:
    """Write report.html, summary.txt and tables/*.csv (and STAMP.txt for a stamped corpus) into `out_dir`.

    Raises DataError when the page would be larger than a mail attachment (10 MB).
    """
    from volfid.report.summary import summary_text

    page = render(inputs, assets)
    size = len(page.encode("utf-8"))
    if size > MAX_BYTES:
        raise DataError(f"report.html would be {size:,} bytes, more than {MAX_BYTES:,}")
    write_text(out_dir / "report.html", page)
    write_text(out_dir / "summary.txt", summary_text(inputs))
    written = [out_dir / "report.html", out_dir / "summary.txt", *write_csv_twins(inputs, out_dir / "tables")]
    if inputs.stamp:  # for the files beside the report that have no room for it
        write_text(out_dir / "STAMP.txt", f"Everything in this folder: {inputs.stamp}\n")
        written.append(out_dir / "STAMP.txt")
    return written


def render(inputs: ReportInputs, assets: Path) -> str:
    """The page. Every string is cleaned, cut and escaped by the environment, not by the template."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(assets),
        autoescape=True,
        finalize=_finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["verbatim"] = lambda text: Markup(escape(clean(text, PROMPT_LIMIT)))
    environment.filters["uri"] = lambda uri: Markup(escape(uri))
    template = environment.get_template("report.html.j2")
    css = (assets / "report.css").read_text(encoding="utf-8")
    return template.render(css=Markup(css), **context(inputs))


def _finalize(value: Any) -> Any:
    """Text of any origin becomes inert before it is escaped; markup that the template made passes."""
    if value is None:
        return "–"
    return value if isinstance(value, Markup) else clean(str(value))


def context(inputs: ReportInputs) -> dict[str, Any]:
    """Everything the template prints."""
    headline = inputs.findings.get("headline", {})
    return {
        "version": __version__,
        "corpus": inputs.corpus,
        "stamp": inputs.stamp,
        "title": inputs.plan.get("design", {}).get("title") or "volfid report",
        "sentence": headline_sentence(headline),
        "verdict": headline.get("verdict"),
        "meaning": meaning(headline),
        "decide": decide(inputs),
        "undecided": len(inputs.findings.get("decide") or []),
        "cost": cost_words(inputs),
        "status": inputs.status,
        "missing": tables_run.missing_table(inputs),
        "facts": facts(inputs),
        "figures": {Path(f["file"]).stem: f for f in inputs.figures},
        "updates": tables_effects.updates_share(inputs),
        "prompts": inputs.prompts,
        "published": published.groups(inputs),
        "warnings": [
            *(inputs.corpus.get("warnings") or []),
            *tables_run.warnings(inputs),
            *tables_fits.warnings(inputs),
        ],
        "sections": sections(inputs),
        "calibration": calibration.section(inputs),
    }


def headline_sentence(headline: Row) -> str:
    """The first line of the report."""
    sentence = headline.get("sentence")
    if isinstance(sentence, str) and sentence:
        return sentence
    reason = headline.get("note") or "the statistics gave no headline"
    return f"What the synthetic text is worth could not be estimated: {reason}."


def decide(inputs: ReportInputs) -> list[str]:
    """What would decide the undecided verdicts, as sentences; those of the headline's place come first."""
    sentences = [item if isinstance(item, str) else plain(item) for item in inputs.findings.get("decide") or []]
    head = inputs.findings.get("headline", {})
    source = f"{head.get('generator')} {head.get('method')}"
    place = f"{head.get('regime')} real + {head.get('added')} ({head.get('classifier')}, {source};"
    return sorted(sentences, key=lambda sentence: place not in sentence)


def cost_words(inputs: ReportInputs) -> str:
    """Draws behind the headline, and what all synthetic text of the run cost, from the manifests of generation."""
    head = inputs.findings.get("headline", {})
    rows = [row for row in inputs.effects if row["effect"] in ("worth_further_documents", "worth_documents")]
    here = [
        row
        for row in rows
        if all(
            row[name] == head.get(name) for name in ("classifier", "regime", "added", "generator", "method", "metric")
        )
    ]
    drawn = f"n = {units(here[0]['n'], here[0]['unit'])}. " if here else ""
    made = [row for row in inputs.manifests if row["command"] == "generate_text.py"]
    if not made:
        return f"{drawn}No text was generated in this run."
    tokens = {
        kind: sum(row["counts"].get(kind) or 0 for row in made) for kind in ("tokens_prompt", "tokens_completion")
    }
    pools = len({cell["pool_id"] for cell in inputs.cells if cell["pool_id"]})
    devices = sorted({_device(row["device"]) for row in made})
    return (
        f"{drawn}Cost of all synthetic text of this run ({pools} pools): "
        f"{count(tokens['tokens_completion'])} tokens written, "
        f"{count(tokens['tokens_prompt'])} read, {duration(sum(row['seconds'] for row in made))} on "
        f"{', '.join(devices)}."
    )


def _device(device: Row) -> str:
    if device.get("engine") == "served":
        return "a server"
    return str(next(device[name] for name in ("card", "accelerator", "cpu", "machine") if device.get(name)))


def facts(inputs: ReportInputs) -> list[tuple[str, str]]:
    """One line on what the run was."""
    corpus, status = inputs.corpus, inputs.status
    generators = sorted({cell["generator"] for cell in inputs.cells if cell["generator"]})
    return [
        (
            "corpus",
            f"{corpus.get('name', '–')} ({count(corpus.get('documents'))} documents, {len(inputs.labels)} labels)",
        ),
        ("generators", ", ".join(generators) or "none"),
        ("classifiers", ", ".join(sorted({cell["classifier"] for cell in inputs.cells})) or "none"),
        ("draws", tables_effects.draws(inputs)),
        ("cells", f"{count(status.get('done'))} of {count(status.get('planned'))} planned"),
        ("master seed", str(inputs.plan.get("master_seed", "–"))),
    ]


def sections(inputs: ReportInputs) -> dict[str, list[Table]]:
    """Tables by section of the page, in its order."""
    effects, arms, came, run = tables_effects, tables_arms, tables_inputs, tables_run
    return {
        "first": [effects.five_figures(inputs)],
        "worth": effects.worth_tables(inputs),
        "attribution": [
            *effects.attribution_tables(inputs),
            effects.together_table(inputs),
            effects.identity_table(inputs),
        ],
        "law": [tables_controls.controls_table(inputs), effects.law_table(inputs)],
        "scores": [
            *policies.score_tables(inputs),
            *arms.threshold_tables(inputs),
            arms.floor_table(inputs),
            tables_floors.floor_differences(inputs),
            tables_fits.fits_table(inputs),
        ],
        "fidelity": [
            *arms.fidelity_tables(inputs),
            tables_tests.permutation_table(inputs),
            *tables_correlation.tables(inputs),
        ],
        "predictors": [tables_predictors.predictor_table(inputs)],
        "leaks": [tables_leaks.leak_table(inputs)],
        "agreement": tables_agreement.tables(inputs),
        "keywords": [tables_uses.keyword_table(inputs)],
        "uses": tables_uses.tables(inputs),
        "cooccurrence": arms.cooccurrence_tables(inputs),
        "retrieval": [arms.retrieval_table(inputs), *tables_retrieval.tables(inputs)],
        "mixture": [arms.mixture_table(inputs)],
        "other": [effects.other_table(inputs)],
        "claims": [effects.claims_table(inputs)],
        "sizes": [
            came.funnel_table(inputs),
            came.policies_table(inputs),
            came.rejects_table(inputs),
            came.split_table(inputs),
            came.regimes_table(inputs),
            came.unseen_table(inputs),
            came.labels_table(inputs),
            run.waterfall_table(inputs),
            arms.sizes_table(inputs),
        ],
        "protocol": [run.protocol_table(inputs), run.design_table(inputs)],
        "gaps": [
            tables_gaps.gaps_table(inputs),
            tables_gaps.not_planned_table(inputs),
            *tables_gaps.stopped_tables(inputs),
        ],
        "provenance": [run.tasks_table(inputs), run.machine_table(inputs), run.files_table(inputs)],
    }


def read_figures(folder: Path, index: Iterable[Row]) -> list[Row]:
    """The rows of figures.json, each with its SVG as a data URI."""
    rows = []
    for row in index:
        data = (folder / Path(row["file"]).name).read_bytes()
        rows.append({**row, "uri": f"data:image/svg+xml;base64,{base64.b64encode(data).decode('ascii')}"})
    return rows


def write_csv_twins(inputs: ReportInputs, folder: Path) -> list[Path]:
    """A CSV file for people beside every table; cells that a spreadsheet would run are neutralised.

    Every row carries the stamp of the corpus, or its name: a table is passed on without its report.
    """
    written = []
    corpus = inputs.stamp or inputs.corpus["name"]
    for name in CSV_TWINS:
        fields = [field.name for field in CONTRACTS[name].fields]
        stamped = [*fields, *(["corpus"] if "corpus" not in fields else [])]
        unsaid = {field.name: None for field in CONTRACTS[name].fields if field.optional}
        lines = [",".join(stamped)]
        lines += [
            ",".join(_quoted(csv_cell({"corpus": corpus, **unsaid, **row}[field])) for field in stamped)
            for row in getattr(inputs, name)
        ]
        path = folder / f"{name}.csv"
        write_text(path, "\n".join(lines) + "\n")
        written.append(path)
    return written


def _quoted(cell: str) -> str:
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if any(mark in cell for mark in ',"\r\n') else cell
