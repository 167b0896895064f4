"""All scores of the main arms and floors at one place, under every threshold policy."""

from volfid.core.contracts import Row
from volfid.core.schemas import FLOORS, THRESHOLDS
from volfid.report.inputs import ReportInputs
from volfid.report.means import INTERVALS
from volfid.report.table import Table, column_digits, value_and_interval
from volfid.report.text import count, metric_words, words

ARMS = ("R0", "R1", "Rt", "Pd", "S", "St")
RANKING = ("ap_micro", "ap_macro", "lrap", "coverage", "ranking_loss", "calibration_error", "brier")
DECISION = (
    "f1_micro", "f1_macro", "f1_weighted", "f1_samples", "precision_micro", "recall_micro", "jaccard_samples",
    "subset_accuracy", "hamming", "labels_never_predicted", "labels_own_threshold", "cardinality_predicted",
)  # fmt: skip
POLICY_WORDS = {
    "none": "no threshold",
    "fixed_0.5": "fixed 0.5",
    "tuned": "tuned: one threshold with the best micro F1 out of fold",
    "cardinality": "cardinality: as many labels as the real documents have, no label needed",
    "per_label": "per label: own threshold with at least 5 positives, else the tuned one",
    "cross_validated": "cross-validated: own threshold of each label, mean over the folds",
}
PLACE = ("classifier", "regime", "added", "generator", "method")


def score_tables(inputs: ReportInputs) -> list[Table]:
    """One table of the main arms at the place of the five figures, one of the floors."""
    place = _place(inputs)
    arms: dict[tuple[str, str], dict[str, Row]] = {}
    floors: dict[tuple[str, str], dict[str, Row]] = {}
    for row in inputs.effects:
        measure = (row["metric"], row["threshold"])
        if row["effect"] == "score" and row["contrast"] in ARMS and _is_at(row, place):
            arms.setdefault(measure, {})[row["contrast"]] = row
        elif row["effect"].startswith("floor_") and row["regime"] == place["regime"]:
            floors.setdefault(measure, {})[row["contrast"]] = row
    size = "" if place["regime"] is None else f"{count(place['regime'])} real documents"
    source = ", ".join(str(place[name]) for name in ("generator", "method") if place[name])
    added = f" + {count(place['added'])}" if place["added"] else ""
    where = ", ".join(part for part in (place["classifier"], size + added, source) if part)
    return [
        _table("All scores of the main arms", f"{where}. " if where else "", arms, ARMS),
        _table("All scores of the floors", f"{size}. " if size else "", floors, FLOORS),
    ]


def _place(inputs: ReportInputs) -> Row:
    """Where the five figures were taken, else where the headline stands."""
    for source in (*inputs.findings.get("five_figures", []), inputs.findings.get("headline", {})):
        if source.get("classifier"):
            return {name: source.get(name) for name in PLACE}
    return dict.fromkeys(PLACE)


def _is_at(row: Row, place: Row) -> bool:
    """Whether a mean belongs to the place: arms of real rows have no source, those without added rows no M."""
    if (row["classifier"], row["regime"]) != (place["classifier"], place["regime"]):
        return False
    own = row["added"] == place["added"] or (row["contrast"] in ("R0", "Rt") and not row["added"])
    source = (row["generator"], row["method"])
    return own and source in ((None, None), (place["generator"], place["method"]))


def _table(title: str, where: str, found: dict[tuple[str, str], dict[str, Row]], wanted: tuple[str, ...]) -> Table:
    names = [name for name in wanted if any(name in row for row in found.values())]
    rows: list[list[str]] = []
    for policy in THRESHOLDS:
        lines = [
            _line(metric, found[metric, policy], names)
            for metric in (RANKING if policy == "none" else DECISION)
            if (metric, policy) in found
        ]
        if lines:
            rows += [[POLICY_WORDS.get(policy, words(policy))], *lines]
    return Table(
        title,
        f"{where}{INTERVALS}; n is the largest number of draws of the line. No contrasts: "
        "arms are compared in the tables of effects. All thresholds come from the real training documents.",
        ("score", *names, "n"),
        "s" + "n" * len(names) + "n",
        rows,
        empty="No such arm was scored at this place.",
    )


def _line(metric: str, row: dict[str, Row], names: list[str]) -> list[str]:
    digits = min(column_digits(found["estimate"] for found in row.values()), 3)
    cells = [_cell(row[name], digits) if name in row else "–" for name in names]
    return [metric_words(metric), *cells, str(max(found["n"] for found in row.values()))]


def _cell(row: Row, digits: int) -> str:
    """A mean with its interval, or the first remark: why there is none."""
    return value_and_interval(
        row["estimate"], row["ci_low"], row["ci_high"], digits, (row["note"] or "").split("; ")[0]
    )
