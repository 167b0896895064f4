"""All arms of one context compared at once: Friedman's test with draws as blocks."""

from collections.abc import Iterator

import numpy as np

from volfid.statistics import intervals, several
from volfid.statistics.effects import MEAN, Effect
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import MEASURES, Context, ScoreTable, align, source_note

FEWEST_ARMS = 3
SAME_POOL = "draws from one pool overlap, so p is too small for other pools"


def friedman_arms(table: ScoreTable) -> Iterator[Effect]:
    """Effect `friedman_arms`: Kendall's concordance of the arms' ranks over draws, p of Iman and Davenport's F.

    The note has the mean ranks (1 is the highest score) and Nemenyi's critical difference. One row
    for each context with synthetic arms, or with copies where there are none; tuned arms apart
    from those of the paper's schedule.
    """
    contexts = table.contexts(["S"]) or table.contexts(["R1", "Pd"])
    for context in contexts:
        for label, tuned in (("fixed schedule", False), ("tuned", True)):
            arms = _arms(table, context, tuned)
            if len(arms) < FEWEST_ARMS:
                continue
            for metric, threshold in MEASURES:
                found = {arm: table.draws(arm, context, metric, threshold) for arm in arms}
                paired = align({arm: values for arm, values in found.items() if values})
                estimate = _estimate(paired.values, len(paired.draws)).noted(paired.note, source_note(context.source))
                contrast = f"{label}: {', '.join(arms)}"
                yield Effect("friedman_arms", "0", contrast, context, metric, threshold, estimate, MEAN)


def _arms(table: ScoreTable, context: Context, tuned: bool) -> list[str]:
    """Arms that stand in this context, tuned or not, in sorted order."""
    names = sorted({c.arm for c in table.conditions if c.classifier == context.classifier})
    return [arm for arm in names if (arm in table.tuned) == tuned and table.locate(arm, context)]


def _estimate(values: dict[str, np.ndarray], blocks: int) -> Estimate:
    if blocks < 2 or len(values) < FEWEST_ARMS:
        return intervals.undefined(
            f"{blocks} draws of {len(values)} arms: at least 2 of {FEWEST_ARMS} are needed", blocks
        )
    found = several.friedman(np.stack(list(values.values()), axis=1))
    if found is None:
        return intervals.undefined("all arms tie in every draw", blocks)
    ranks = sorted(zip(found.ranks.tolist(), values, strict=True))
    note = (
        f"chi2 {found.chi2:.1f} (tie-corrected), mean ranks {', '.join(f'{arm} {rank:.1f}' for rank, arm in ranks)}; "
        f"Nemenyi's critical difference {found.critical_difference:.2f}"
    )
    return Estimate(found.concordance, None, None, found.f_p, blocks, "none; Iman-Davenport F", note).noted(SAME_POOL)
