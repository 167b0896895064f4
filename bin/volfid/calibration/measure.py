"""All rates of one world and classifier, from the scores of its draws."""

from volfid.calibration.checks import check_rows
from volfid.calibration.confusion import confusion_rows
from volfid.calibration.experiments import Scored
from volfid.calibration.rates import effect_rows, experiments_of, sizes_of
from volfid.core.contracts import Row
from volfid.core.exits import DataError

LEAST = 40  # draws: two experiments of the largest size


def measure(scored: Scored) -> tuple[list[Row], list[Row]]:
    """Rows of the contracts `calibration` and `confusion`. Raises DataError for too few draws."""
    if scored.draws < LEAST:
        raise DataError(
            f"world {scored.world.name}, {scored.classifier}: {scored.draws} draws", mend=f"Make at least {LEAST}"
        )
    rates, named = [], []
    for draws in sizes_of(scored):
        experiments = experiments_of(scored, draws)
        rates += effect_rows(scored, draws, experiments)
        named += confusion_rows(scored, draws, experiments)
    return [*rates, *check_rows(scored)], named
