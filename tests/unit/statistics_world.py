"""Score tables with a known truth: cells of the contract and scores made from stated effects."""

import math

import numpy as np

from volfid.core import ids
from volfid.core.schemas import CELL_FIELDS

ARMS = {
    "R0": ("none", "real", "low", "fixed"), "R1": ("none", "real", "high", "fixed"), 
    "Rt": ("none", "real", "grid", "tuned"),
    "RMt": ("real_more", "real", "grid", "tuned"), "Pb": ("copies_balanced", "real", "high", "fixed"),
    "Pd": ("copies_drawn", "real", "high", "fixed"), "Pp": ("copies_paired", "real", "high", "fixed"),
    "PL": ("copies_balanced", "synthetic", "high", "fixed"), "PL_low": ("copies_balanced", "synthetic", "low", "fixed"),
    "C": ("synthetic", "real", "high", "fixed"), "C_low": ("synthetic", "real", "low", "fixed"),
    "S": ("synthetic", "synthetic", "high", "fixed"), "S_low": ("synthetic", "synthetic", "low", "fixed"),
    "St": ("synthetic", "synthetic", "grid", "tuned"), "S_half": ("synthetic", "synthetic", "high", "fixed"),
    "S_perm": ("synthetic", "permuted", "high", "fixed"), "MIX": ("synthetic", "synthetic", "grid", "tuned"),
}  # fmt: skip
# Additive truth at n = 100, micro-AP: updates .10, text .03, law .01; F1 tuned adds a threshold effect of .12.
UPDATES, TEXT, LAW, THRESHOLD, PERMUTED, DILUTION = 0.10, 0.03, 0.01, 0.12, -0.08, 0.02
CURVE_SIZES = (50, 100, 150, 200, 300)
WORTH, N, M = 40, 100, 60
NOISE = 0.002
MEASURES = (("ap_micro", "none"), ("f1_micro", "tuned"), ("f1_micro", "fixed_0.5"), ("f1_micro", "cardinality"))


def curve(size: float) -> float:
    """True score of the tuned real-only arm; linear in log size, so interpolation is exact."""
    return 0.05 + 0.08 * math.log(size)


def make_cell(
    arm: str, draw: int, *, regime: int = N, added: int = M, method: str = "full_synthesis", generator: str = "fake",
    classifier: str = "mlp", seed: int = 0, loss: str = "bce", real_share: float | None = None,
    budget: int | None = None, blocks: tuple[str, ...] = ("headline",), optional: bool = False,
) -> dict:  # fmt: skip
    """One cell of the contract."""
    text, law, updates, tuning = ARMS[arm]
    if real_share is not None:
        added = budget - round(real_share * budget)
        text, law = ("synthetic", "synthetic") if added else ("none", "real")
    pool = text in ("synthetic", "copies_paired") or law == "synthetic"
    if text == "none" and updates != "high":
        added = 0
    rows_added = 0 if text == "none" else added
    cell = {
        "arm": arm, "regime": regime, "draw": draw, "generator": generator if pool else None,
        "method": method if pool else None, "label_plan": "paired" if pool else None, "text": text, "label_law": law,
        "dose": None, "rows_added": rows_added, "real_share": real_share, "budget": budget,
        "pool_size": regime if pool else None,
        "round": 0, "added": added, "updates": updates, "tuning": tuning, "head_start": "zero",
        "exposure": "half_real" if arm == "S_half" else "pooled", "classifier": classifier, "loss": loss,
        "training_seed": seed, "encoder": "tfidf_svd", "n_updates": None, "penalty_scale": None,
        "rows_total": regime + rows_added, "blocks": list(blocks), "priority": 1, "optional": optional,
    }  # fmt: skip
    cell["pool_id"] = ids.pool_id(cell) if pool else None
    cell["trainset_id"] = ids.trainset_id(cell)
    cell["cell_id"] = ids.cell_id(cell)
    assert set(cell) == {field.name for field in CELL_FIELDS}
    return cell


def truth(cell: dict, metric: str, threshold: str) -> float:
    """Expected score of a cell."""
    if cell["classifier"] == "predict_all":
        density = 0.05
        return density if metric == "ap_micro" else 2 * density / (1 + density)
    if cell["real_share"] is not None:
        return 0.5 - 0.4 * (cell["real_share"] - 0.3) ** 2
    size = cell["regime"]
    if cell["tuning"] == "tuned":
        further = {"none": 0, "real_more": cell["rows_added"], "synthetic": WORTH}[cell["text"]]
        value = curve(size + further)
    else:
        text = cell["text"] in ("synthetic",)
        law = cell["label_law"] == "synthetic"
        value = 0.2 + 0.02 * math.log(size / N) + UPDATES * (cell["updates"] == "high") + TEXT * text + LAW * law
        value += PERMUTED * (cell["label_law"] == "permuted") - TEXT * (cell["label_law"] == "permuted")
        value += DILUTION * (cell["exposure"] == "half_real")
    return value + THRESHOLD * (threshold in ("tuned", "cardinality"))


def make_cells(draws: int = 5, methods: tuple[str, ...] = ("full_synthesis", "paraphrase"), **options) -> list[dict]:
    """Every arm at n = 100 and M = 60, the learning curve, a mixture and a floor."""
    cells = {}
    for draw in range(draws):
        for method in methods:
            for arm in ARMS:
                if arm != "MIX":
                    listed = [make_cell(arm, draw, method=method, **options)]
                else:
                    listed = [make_cell(arm, draw, method=method, real_share=share, budget=80, **options)
                              for share in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)]  # fmt: skip
                for cell in listed:
                    cells[cell["cell_id"]] = cell
        for size in CURVE_SIZES:
            cell = make_cell("Rt", draw, regime=size, blocks=("curve",), **options)
            cells.setdefault(cell["cell_id"], cell)
        floor = make_cell("R0", draw, classifier="predict_all", blocks=("floors",))
        cells[floor["cell_id"]] = floor
    return [cells[key] for key in sorted(cells)]


def score_row(cell: dict, metric: str, threshold: str, value: float | None, note: str | None = None) -> dict:
    """One row of the contract `scores`."""
    return {"cell_id": cell["cell_id"], "metric": metric, "threshold": threshold, "label": None, "value": value,
            "n": 100, "note": note}  # fmt: skip


def make_scores(cells: list[dict], seed: int = 1, noise: float = NOISE, common: float = 0.02) -> list[dict]:
    """Truth, plus a deviation common to all arms of a draw, plus independent noise of each training set and arm."""
    rng = np.random.default_rng(seed)
    shift = {draw: rng.normal(0, common) for draw in range(100)}
    rows = []
    for cell in cells:
        own = 0.0 if cell["classifier"] == "predict_all" else rng.normal(0, noise) + shift[cell["draw"]]
        rows += [score_row(cell, *measure, truth(cell, *measure) + own) for measure in MEASURES]
    return rows


PLAN = {
    "design": {}, "master_seed": 7, "counts": {}, "not_planned": [], "stopped": [], "protocol": {},
    "estimate": {"requests": 100, "tokens": 5000, "seconds": {"generation": 50}},
}  # fmt: skip
CORPUS = {
    "name": "made", "stamp": None, "source": "made", "source_sha256": "0", "documents": 1, "split_sizes": {},
    "cardinality": 1.5, "named_labels": False, "brought": 0, "policies": [], "warnings": [],
}  # fmt: skip
STATUS = {"complete": True, "planned": 1, "done": 1, "missing": []}
