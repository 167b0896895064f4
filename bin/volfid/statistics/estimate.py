"""All estimates of a run: effects, correlations and findings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from volfid.core.contracts import Row
from volfid.statistics import (
    arms_together,
    association,
    blends,
    conditions,
    corpora,
    document_effects,
    doses,
    effects,
    estimands,
    inversion,
    looks,
    outside,
    precision,
    predictors,
    specification,
    uses,
    worth,
)
from volfid.statistics.effects import Effect
from volfid.statistics.findings import make_findings
from volfid.statistics.further_scores import further_scores
from volfid.statistics.published.here import Run
from volfid.statistics.published.items import take_apart
from volfid.statistics.table import build_table

INCOMPLETE = "the run is incomplete: {missing} of {planned} cells are missing"


@dataclass(frozen=True)
class Results:
    """Rows of effects.parquet and correlations.parquet, and findings.json."""

    effects: list[Row]
    correlations: list[Row]
    findings: Row


def estimate(
    *, cells: Sequence[Row], scores: Sequence[Row], fidelity: Sequence[Row], retrieval: Sequence[Row],
    plan: Row, corpus: Row, status: Row, counts: pa.Table | None = None, figures: Row | None = None,
) -> Results:  # fmt: skip
    """Estimate everything that the plan's arms allow; what they do not allow is undefined with a reason.

    `counts` is the table of the contract `counts`; without it nothing is tested over documents. `figures` are
    those of the publication (`published.rows.read_figures`); without them nothing is taken apart.
    The draw is the unit. Holm's adjustment runs within families (`Effect.family`).
    """
    stamp = corpus["stamp"] or corpus["name"]
    table = build_table(cells, scores)
    distances = corpora.by_rows(cells, fidelity, "rows", "reference")
    ranked = corpora.by_rows(cells, retrieval, "variant")
    chosen = conditions.chosen_cells(cells)
    sets = conditions.point_sets(chosen, scores, distances)
    specs, listed = specification.specifications(sets, corpus["split_sizes"].get("train"), _shots(plan))
    found: list[Effect] = [
        *worth.worth(table), *estimands.contrasts(table), *estimands.factorial(table),
        *estimands.paper_split(table), *estimands.over_losses(table),
        *precision.precision_effects(table, plan), *estimands.encoder_side(table), *arms_together.friedman_arms(table),
        *blends.mixture_effects(table, plan["master_seed"]), *doses.dose_effects(table, distances),
        *looks.sequential_effects(table, plan),
        *corpora.relative_changes(ranked), *corpora.means(ranked, "6"), *corpora.means(distances, "5"),
        *document_effects.document_tests(table, cells, counts, plan["master_seed"]),
        *association.regime_differences(sets), *association.distance_differences(sets),
        *predictors.predictors(chosen, scores, distances, plan["master_seed"]),
        *inversion.cluster_tests(sets, plan["master_seed"]),
        *specification.sign_flips(specs, listed),
        *uses.labelling_effects(table), *uses.instruction_effects(table),
        *estimands.floors(table), *estimands.over_floors(table), *estimands.arm_scores(table),
        *further_scores(cells, scores),
    ]  # fmt: skip
    decided = outside.marked(effects.decide(found), plan)
    findings = make_findings(decided, table, cells, plan)
    findings["headline"]["stamp"] = corpus["stamp"]
    findings["specifications"] = specs
    findings["readings"] = [
        {
            "reading": one.name,
            "low": one.low and one.low.words(),
            "high": one.high and one.high.words(),
            "reason": one.reason,
        }
        for one in listed
    ]
    if status["missing"]:
        remark = INCOMPLETE.format(missing=len(status["missing"]), planned=status["planned"])
        findings["headline"]["warning"] = remark
    rows = [effects.to_row(_without_zero(effect), stamp) for effect in decided]
    related = association.correlation_rows(sets, stamp)
    own = Run(decided, related, cells, scores, plan)
    findings["published"] = take_apart(figures, own) if figures else []
    return Results(rows, related, findings)


def _shots(plan: Row) -> dict[int, int]:
    """Documents of each k-shot regime, by k."""
    rows = plan.get("design", {}).get("resolved", {}).get("shots") or []
    return {int(row["asked"].removesuffix("-shot")): row["documents"] for row in rows}


def _without_zero(effect: Effect) -> Effect:
    """Negative zeros as zeros, so that equal results are equal bytes."""
    clean = {
        name: value + 0.0 for name in ("value", "low", "high") if (value := getattr(effect.estimate, name)) is not None
    }
    return replace(effect, estimate=replace(effect.estimate, **clean))
