"""How the fits ended: grids at their edge, the paper's stop rule at its first epoch, clipped steps."""

from collections import defaultdict

from volfid.core.contracts import Row
from volfid.report import roles
from volfid.report.inputs import ReportInputs
from volfid.report.means import score_index
from volfid.report.table import Table
from volfid.report.text import count, share

SHOWN = (
    ("grid_at_edge", "tuned at an edge of the grid"),
    ("stopped_at_first", "stop rule kept the first epoch"),
    ("clipped_share", "clipped steps"),
)
LIMIT = 60


def fits_table(inputs: ReportInputs) -> Table:
    """One row for each classifier and arm with something to tell; shares over all of its cells."""
    found = {name: score_index(inputs.scores, name, "none") for name, _ in SHOWN}
    groups: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for cell in inputs.cells:
        for name, index in found.items():
            row = index.get(cell["cell_id"])
            if row is not None and row["value"] is not None:
                groups[cell["classifier"], cell["arm"]][name].append(row["value"])
    rows = [
        [classifier, arm, *(_told(name, values.get(name)) for name, _ in SHOWN)]
        for (classifier, arm), values in sorted(
            groups.items(), key=lambda item: (item[0][0] != "mlp", item[0][0], *roles.arm_order(item[0][1]))
        )
    ]
    return Table(
        "How the fits ended",
        "Cells of all draws and places. An optimum at the edge of a grid may lie beyond it: then the arm is not at "
        "its best. A stop rule that keeps the first epoch has trained almost nothing, whatever the patience. "
        "Clipped steps: mean share of the steps of the last fit whose gradient was cut.",
        ("classifier", "arm", *(words for _, words in SHOWN)),
        "scnnn",
        rows,
        empty="No cell was tuned or stopped early.",
    ).limited(LIMIT, "tables/scores.csv")


def _told(name: str, values: list[float] | None) -> str:
    if not values:
        return "–"
    mean = sum(values) / len(values)
    return share(mean) if name == "clipped_share" else f"{count(int(sum(values)))} of {len(values)} ({share(mean)})"


def warnings(inputs: ReportInputs) -> list[str]:
    """Of the paper's stop rule: where it ends at once, its arms show the rule and not the text."""
    stopped = score_index(inputs.scores, "stopped_at_first", "none")
    cells: list[Row] = [cell for cell in inputs.cells if cell["cell_id"] in stopped]
    first = [cell for cell in cells if stopped[cell["cell_id"]]["value"] == 1]
    if not first:
        return []
    arms = ", ".join(sorted({cell["arm"] for cell in first}))
    return [
        f"The paper's stop rule kept the first epoch in {len(first)} of {len(cells)} cells ({arms}): the loss falls "
        "while no label passes 0.5 yet, so these arms are hardly trained (table “How the fits ended”)."
    ]
