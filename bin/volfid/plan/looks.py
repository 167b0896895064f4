"""Sequential designs: how many draws this look has, and which arms an earlier look has decided.

A look is one run. The next one is planned with the effects of the one before; what it shares with it
comes from the cache and the chunk store. An arm whose interval has decided gets no further draw: its
later cells are not planned, nor are pools that only they need.
"""

from collections.abc import Iterable

from volfid.core.contracts import Row
from volfid.core.exits import ParameterError
from volfid.plan.design import Design

EFFECT = "sequential"
DECIDED = ("positive", "negative", "equivalent")
PLACE = ("classifier", "regime", "added", "generator", "method")


def draws_of_look(design: Design, look: int | None) -> Design:
    """The design with the draws of one look (from 1); unchanged without a look.

    Raises ParameterError for a look that the design does not have.
    """
    if look is None:
        return design
    if design.sequential is None:
        raise ParameterError("--look needs a design with a section sequential")
    looks = design.sequential.looks
    if not 1 <= look <= len(looks):
        raise ParameterError(f"look {look} does not exist: the design has {len(looks)}")
    return design.model_copy(update={"regime": design.regime.model_copy(update={"draws": looks[look - 1]})})


def decided_arms(design: Design, effects: Iterable[Row]) -> list[Row]:
    """Arms that the effects of an earlier look decide: arm, place, verdict and draws used."""
    if design.sequential is None:
        return []
    baselines = design.sequential.arms
    found = []
    for row in effects:
        arm, _, baseline = row["contrast"].partition(" - ")
        if row["effect"] == EFFECT and row["verdict"] in DECIDED and baselines.get(arm) == baseline:
            place = {name: row[name] for name in PLACE}
            found.append({"arm": arm, "baseline": baseline, **place, "verdict": row["verdict"], "draws": row["n"]})
    return found


def without_decided(cells: list[Row], decided: list[Row]) -> tuple[list[Row], list[Row]]:
    """Cells that are still to be made, and `decided` with the number of cells that each arm is spared."""
    spared = [0] * len(decided)
    kept = []
    for cell in cells:
        number = next((i for i, row in enumerate(decided) if _is_spared(cell, row)), None)
        if number is None:
            kept.append(cell)
        else:
            spared[number] += 1
    return kept, [row | {"cells_spared": n} for row, n in zip(decided, spared, strict=True)]


def saving(whole: Row, kept: Row) -> Row:
    """What a look is spared, by the planner's rates: estimates (plan/cost.py) of all cells and of those still made."""
    return {
        "minutes": round(whole["minutes_total"] - kept["minutes_total"], 1),
        "gpu_hours": round(whole["gpu_hours"] - kept["gpu_hours"], 2),
        **{name: whole[name] - kept[name] for name in ("requests", "tokens")},
    }


def _is_spared(cell: Row, row: Row) -> bool:
    same = all(cell[name] == row[name] for name in ("arm", *PLACE))
    return same and cell["draw"] >= row["draws"]
