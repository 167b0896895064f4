"""All estimates of a run: effects, correlations and findings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from volfid.core.contracts import Row
from volfid.statistics import association, blends, conditions, corpora, doses, effects, estimands, uses
from volfid.statistics.effects import Effect
from volfid.statistics.findings import make_findings
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
    plan: Row, corpus: Row, status: Row,
) -> Results:  # fmt: skip
    """Estimate everything that the plan's arms allow; what they do not allow is undefined with a reason.

    The draw is the unit. Holm's adjustment runs within families (`Effect.family`).
    """
    stamp = corpus["stamp"] or corpus["name"]
    table = build_table(cells, scores)
    distances = corpora.by_rows(cells, fidelity, "rows", "reference")
    ranked = corpora.by_rows(cells, retrieval, "variant")
    found: list[Effect] = [
        *estimands.worth(table), *estimands.contrasts(table), *estimands.factorial(table),
        *estimands.paper_split(table), *estimands.over_losses(table),
        *blends.mixture_effects(table, plan["master_seed"]), *doses.dose_effects(table, distances),
        *corpora.relative_changes(ranked), *corpora.means(ranked, "6"), *corpora.means(distances, "5"),
        *association.regime_differences(chosen := conditions.chosen_cells(cells), scores, distances),
        *association.distance_differences(chosen, scores, distances),
        *association.predictors(chosen, scores, distances),
        *uses.labelling_effects(table), *uses.instruction_effects(table),
        *estimands.floors(table), *estimands.arm_scores(table),
    ]  # fmt: skip
    decided = effects.decide(found)
    findings = make_findings(decided, table, cells, plan)
    findings["headline"]["stamp"] = corpus["stamp"]
    if status["missing"]:
        remark = INCOMPLETE.format(missing=len(status["missing"]), planned=status["planned"])
        findings["headline"]["warning"] = remark
    rows = [effects.to_row(_without_zero(effect), stamp) for effect in decided]
    return Results(rows, association.correlation_rows(chosen, scores, distances, stamp), findings)


def _without_zero(effect: Effect) -> Effect:
    """Negative zeros as zeros, so that equal results are equal bytes."""
    clean = {
        name: value + 0.0 for name in ("value", "low", "high") if (value := getattr(effect.estimate, name)) is not None
    }
    return replace(effect, estimate=replace(effect.estimate, **clean))
