"""Sequential designs: the decision of every compared arm at this look, with the level that the look has."""

from collections.abc import Iterator

from volfid.core.contracts import Row
from volfid.statistics import intervals, sequential
from volfid.statistics.effects import DECIDED, UNDEFINED, Effect, combine, parse_contrast
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import PRIMARY, ScoreTable, source_note


def sequential_effects(table: ScoreTable, plan: Row) -> Iterator[Effect]:
    """Effect `sequential`: arm minus baseline at the primary score, in every context of the design's rule.

    The draws are read in order and only at looks. Once decided, an arm has no further draw, so that the
    same draws give the same decision at every later look.
    """
    rule = plan["design"].get("sequential")
    if rule is None:
        return
    for arm, baseline in sorted(rule["arms"].items()):
        contrast = f"{arm} - {baseline}"
        for context in table.contexts([arm, baseline]):
            paired = table.paired([arm, baseline], context, *PRIMARY)
            values = combine(parse_contrast(contrast), paired.values) if paired.draws else []
            if list(paired.draws) != list(range(len(paired.draws))):
                estimate = intervals.undefined("a draw is missing: a look needs all of the first draws", len(values))
                yield Effect("sequential", "1", contrast, context, *PRIMARY, estimate, DECIDED)
                continue
            found = sequential.decide(values, rule["looks"], rule["margin"], rule["alpha"])
            if found.mean is None:
                estimate, verdict = intervals.undefined(found.note, found.draws), UNDEFINED
            else:
                left = rule["looks"][-1] - found.draws
                note = f"look {rule['looks'].index(found.draws) + 1} of {len(rule['looks'])}"
                if found.verdict != sequential.CANNOT_DECIDE and left:
                    note += f"; decided, so that {left} of {rule['looks'][-1]} draws need not be made"
                interval = f"t at level {found.level:.4f} (union bound over looks at {_listed(rule['looks'])} draws)"
                estimate = Estimate(found.mean, found.low, found.high, None, found.draws, interval, note)
                verdict = found.verdict
            estimate = estimate.noted(source_note(context.source))
            level = found.level or intervals.LEVEL
            yield Effect(
                "sequential", "1", contrast, context, *PRIMARY, estimate, DECIDED, verdict=verdict, level=level
            )


def _listed(looks: list[int]) -> str:
    return ", ".join(map(str, looks))
