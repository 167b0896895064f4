"""A made-up run in the real formats: three draws, two methods, undefined values, gaps and a stamp.

The numbers are drawn from a seeded generator around plausible levels; none of them is a result.
"""

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from volfid.core import ids
from volfid.core.contracts import Row
from volfid.core.schemas import CONTRACTS, FLOORS
from volfid.statistics.effects import Effect
from volfid.statistics.intervals import Estimate
from volfid.statistics.published.here import Run
from volfid.statistics.published.items import read_figures, take_apart
from volfid.statistics.table import Context, Source

STAMP = "fixture: not evidence"
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \u202egnp.exe \x1b[31mred\x1b[0m =1+1"
DRAWS, REGIMES, CURVE, METHODS, ADDED = (
    3,
    (64, 165),
    (24, 40, 64, 104, 165, 205, 330),
    ("full_synthesis", "paraphrase"),
    40,
)
ARMS: dict[str, dict[str, Any]] = {
    "R0": {},
    "R1": {"updates": "high"},
    "Rt": {"tuning": "tuned"},
    "RM": {"text": "real_more", "updates": "high"},
    "RMt": {"text": "real_more", "tuning": "tuned"},
    "Pb": {"text": "copies_balanced", "updates": "high"},
    "Pd": {"text": "copies_drawn", "updates": "high"},
    "PL": {"text": "copies_balanced", "label_law": "synthetic", "updates": "high"},
    "C": {"text": "synthetic", "updates": "high"},
    "S_low": {"text": "synthetic", "label_law": "synthetic"},
    "S": {"text": "synthetic", "label_law": "synthetic", "updates": "high"},
    "Pp": {"text": "copies_paired", "updates": "high"},
    "PL_low": {"text": "copies_balanced", "label_law": "synthetic"},
    "C_low": {"text": "synthetic"},
    "Ct": {"text": "synthetic", "tuning": "tuned"},
    "St": {"text": "synthetic", "label_law": "synthetic", "tuning": "tuned"},
    "S_half": {"text": "synthetic", "label_law": "synthetic", "updates": "high", "exposure": "half_real"},
    "S_perm": {"text": "synthetic", "label_law": "permuted", "updates": "high"},
}
LEVEL = {
    "R0": 0.21,
    "R1": 0.47,
    "Rt": 0.5,
    "RM": 0.54,
    "RMt": 0.56,
    "Pb": 0.468,
    "Pd": 0.45,
    "PL": 0.47,
    "C": 0.49,
    "Pp": 0.46,
    "PL_low": 0.25,
    "C_low": 0.28,
    "Ct": 0.51,
    "S_low": 0.3,
    "S": 0.5,
    "St": 0.52,
    "S_half": 0.51,
    "S_perm": 0.38,
    "MIX": 0.48,
}


def _cell(arm: str, **over: Any) -> Row:
    cell: Row = {
        "arm": arm,
        "regime": 64,
        "draw": 0,
        "generator": None,
        "method": None,
        "label_plan": None,
        "text": "none",
        "label_law": "real",
        "dose": None,
        "rows_added": 0,
        "real_share": None,
        "budget": None,
        "pool_size": None,
        "round": 0,
        "added": 0,
        "updates": "low",
        "tuning": "fixed",
        "head_start": "zero",
        "exposure": "pooled",
        "classifier": "mlp",
        "loss": "bce",
        "training_seed": 0,
        "encoder": "all_minilm_l6_v2",
        "blocks": ["attribution"],
        "priority": 1,
        "optional": False,
        **over,
    }
    if cell["tuning"] == "tuned":
        cell["updates"] = "grid"
    synthetic = cell["text"] in ("synthetic", "copies_paired") or cell["label_law"] != "real"
    if not synthetic:
        cell |= {"generator": None, "method": None, "label_plan": None, "pool_size": None}
    if cell["text"] != "none" and cell["real_share"] is None:
        cell["rows_added"] = cell["added"]
    cell["pool_id"] = ids.pool_id(cell) if synthetic else None
    cell["trainset_id"], cell["cell_id"] = ids.trainset_id(cell), ids.cell_id(cell)
    sgd = cell["classifier"] == "mlp" and cell["tuning"] == "fixed"
    cell["n_updates"] = 40 if sgd else None
    cell["penalty_scale"] = 1.0 if cell["classifier"] == "linear" else None
    cell["rows_total"] = cell["regime"] + cell["rows_added"]
    return cell


def make_cells() -> list[Row]:
    """Cells of all arms, the mixture, the curve and the floors."""
    cells: dict[str, Row] = {}
    pool = {"generator": "smollm2_135m", "label_plan": "paired", "pool_size": 64}
    for draw in range(DRAWS):
        for classifier in ("linear", "mlp"):
            for size in CURVE:
                _put(
                    cells, _cell("Rt", regime=size, draw=draw, classifier=classifier, tuning="tuned", blocks=["curve"])
                )
            for regime in REGIMES:
                for arm, point in ARMS.items():
                    if arm == "S_half" and classifier == "linear":
                        continue
                    added = ADDED if point.get("text") or point.get("updates") == "high" else 0
                    for method in METHODS:
                        _put(
                            cells,
                            _cell(
                                arm,
                                regime=regime,
                                draw=draw,
                                classifier=classifier,
                                added=added,
                                method=method,
                                **pool,
                                **point,
                            ),
                        )
            for rho in (0.0, 0.25, 0.5, 0.75, 1.0):
                for method in METHODS:
                    text = {"text": "synthetic", "label_law": "synthetic", **pool, "method": method} if rho < 1 else {}
                    rows = ADDED - round(rho * ADDED)
                    _put(
                        cells,
                        _cell(
                            "MIX",
                            draw=draw,
                            classifier=classifier,
                            tuning="tuned",
                            real_share=rho,
                            budget=ADDED,
                            rows_added=rows,
                            added=rows,
                            blocks=["mixture"],
                            **text,
                        ),
                    )
        for floor in FLOORS:
            _put(cells, _cell("R0", draw=draw, classifier=floor, blocks=["floors"]))
    return [cells[key] for key in sorted(cells)]


def _put(cells: dict[str, Row], cell: Row) -> None:
    cells.setdefault(cell["cell_id"], cell)


def make_scores(cells: list[Row], rng: np.random.Generator, missing: set[str]) -> list[Row]:
    """Seven metrics of every cell that is not missing; F1 by three thresholds."""
    rows = []
    for cell in cells:
        if cell["cell_id"] in missing:
            continue
        level = LEVEL[cell["arm"]] + 0.06 * np.log2(cell["regime"] / 64) + 0.02 * cell["draw"]
        level += 0.05 if cell["classifier"] == "linear" else 0
        level = 0.12 if cell["classifier"] in FLOORS else level
        if cell["real_share"] is not None:
            level -= 0.3 * (cell["real_share"] - 0.4) ** 2
        for metric, thresholds in {
            "ap_micro": ("none",),
            "ap_macro": ("none",),
            "lrap": ("none",),
            "f1_micro": ("fixed_0.5", "tuned", "cardinality"),
            "f1_macro": ("fixed_0.5", "tuned", "cardinality"),
            "f1_samples": ("fixed_0.5", "tuned", "cardinality"),
        }.items():
            for threshold in thresholds:
                value = float(np.clip(level + rng.normal(0, 0.01) - (0.15 if threshold == "fixed_0.5" else 0), 0, 1))
                undefined = metric == "ap_macro" and cell["classifier"] == "prior"
                rows.append(
                    {
                        "cell_id": cell["cell_id"],
                        "metric": metric,
                        "threshold": threshold,
                        "label": None,
                        "value": None if undefined else value,
                        "n": 98,
                        "note": "constant scores" if undefined else None,
                    }
                )
    return rows


def make_fidelity(cells: list[Row], rng: np.random.Generator) -> list[Row]:
    """Label MMD and co-occurrence of every training set, copies included; some are undefined."""
    rows = []
    for trainset, cell in {c["trainset_id"]: c for c in cells if c["classifier"] not in FLOORS}.items():
        base = 0.004 if cell["text"] in ("none", "real_more") else 0.006 if "copies" in cell["text"] else 0.011
        for metric, value in (
            ("mmd2_label_parent", base),
            ("mmd2_label_unbiased", base + 0.001),
            ("cooccurrence_frobenius", 14 * base),
            ("lift_spearman", 0.8 - 10 * base),
            ("mmd2_text_parent", 3 * base),
            ("distinct_2", 0.7),
            ("self_bleu_4", 0.2),
        ):
            undefined = metric == "lift_spearman" and cell["text"] == "copies_drawn"
            rows.append(
                {
                    "trainset_id": trainset,
                    "metric": metric,
                    "rows": "all",
                    "reference": "reference",
                    "value": None if undefined else float(value + rng.normal(0, 0.002)),
                    "n": cell["rows_total"],
                    "note": "fewer than 3 pairs seen in both" if undefined else None,
                }
            )
    return rows


def make_retrieval(cells: list[Row], rng: np.random.Generator) -> list[Row]:
    """nDCG@10 and companions; size-matched is undefined for the smallest corpora."""
    rows = []
    for trainset, cell in {c["trainset_id"]: c for c in cells if c["classifier"] not in FLOORS}.items():
        for variant, level in (("own_ideal", 0.42), ("fixed_ideal", 0.3), ("size_matched", 0.31), ("random", 0.12)):
            undefined = variant == "size_matched" and cell["text"] == "none"
            value = level + 0.03 * np.log2(cell["regime"] / 64) + float(rng.normal(0, 0.005))
            rows.append(
                {
                    "trainset_id": trainset,
                    "metric": "ndcg_at_10",
                    "variant": variant,
                    "n": 98,
                    "value": None if undefined else value,
                    "note": "nothing to match" if undefined else None,
                }
            )
    return rows


def make_filters(cells: list[Row], rng: np.random.Generator) -> list[Row]:
    """A rule that works, a classifier without other texts, and methods whose prompts are not known."""
    undefined = dict.fromkeys(
        ("kept", "real_kept", "other_kept", "whole", "filtered", "matched", "matched_low", "matched_high", "random",
         "fewer", "share", "selection", "ci_low", "ci_high", "p", "label_shift", "label_shift_matched")
    )  # fmt: skip
    rows = []
    for trainset, cell in {c["trainset_id"]: c for c in cells if c["text"] == "synthetic"}.items():
        base = {"trainset_id": trainset, "metric": "ndcg_at_10", "real": cell["regime"], "synthetic": 40, "subsets": 0,
                "n": 0, "clusters": 0, "note": "not known", **undefined}  # fmt: skip
        parts = {"fewer": -0.01, "share": 0.005, "selection": 0.02 + float(rng.normal(0, 0.002))}
        rule = {
            "kept": 30,
            "real_kept": 0.9,
            "whole": 0.3,
            "filtered": 0.3 + sum(parts.values()),
            "note": None,
            **parts,
        }
        for ideal in ("fixed_ideal", "own_ideal"):
            rows += [base | {"filter": "sp_rule", "ideal": ideal, **rule}]
            rows += [base | {"filter": name, "ideal": ideal} for name in ("sp_clf", "sp_family")]
    return rows


def _effect(
    effect: str, estimand: str, contrast: str, value: float | None, half: float | None = None, **over: Any
) -> Row:
    low, high = (None, None) if value is None or half is None else (value - half, value + half)
    return {
        "effect": effect,
        "estimand": estimand,
        "contrast": contrast,
        "regime": 64,
        "added": ADDED,
        "generator": "smollm2_135m",
        "method": "full_synthesis",
        "classifier": "mlp",
        "metric": "ap_micro",
        "threshold": "none",
        "estimate": value,
        "ci_low": low,
        "ci_high": high,
        "level": 0.95,
        "p": None if value is None else 0.04,
        "p_adjusted": None if value is None else 0.2,
        "n": DRAWS,
        "unit": "draws",
        "interval": "t on per-draw values",
        "verdict": "undefined" if value is None else "cannot decide",
        "note": None,
        "corpus": STAMP,
        **over,
    }


def make_effects(rng: np.random.Generator) -> list[Row]:
    """Estimates of all families for two classifiers and two methods; some are undefined or one-sided."""
    rows = []
    for classifier in ("linear", "mlp"):
        for method in METHODS:
            where = {"classifier": classifier, "method": method}
            high = classifier == "mlp" and method == "full_synthesis"
            rows.append(
                _effect(
                    "worth_documents",
                    "1",
                    "N with R(N) = St",
                    118.0,
                    None,
                    **where,
                    p=None,
                    p_adjusted=None,
                    ci_low=81.0,
                    ci_high=None if high else 190.0,
                    note="the upper limit is beyond the curve" if high else None,
                )
            )
            rows.append(
                _effect(
                    "content_efficiency",
                    "1",
                    "(St - Rt) / (RMt - Rt)",
                    None if high else 0.4,
                    0.3,
                    p=None,
                    p_adjusted=None,
                    **where,
                    note="the denominator is not positive (-0.0021)" if high else None,
                )
            )
            with_threshold = {"metric": "f1_micro", "threshold": "fixed_0.5 to tuned"}
            for player, value in (("updates", 0.24), ("text", 0.02), ("law", 0.012), ("threshold", 0.1)):
                value += float(rng.normal(0, 0.01))
                undefined = high and player == "threshold"
                if player != "threshold":
                    rows.append(_effect(f"shapley_{player}", "2", f"Shapley average of {player}", value, 0.03, **where))
                rows.append(
                    _effect(
                        f"shapley_{player}",
                        "2",
                        f"Shapley average of {player}",
                        None if undefined else value,
                        0.03,
                        **where,
                        **with_threshold,
                        note="corners without a score: C_low" if undefined else None,
                    )
                )
            for pair, value in (("updates x text", -0.013), ("updates x law", 0.004), ("updates x text x law", 0.001)):
                rows.append(
                    _effect(
                        f"interaction_{pair.replace(' x ', '_x_')}",
                        "2",
                        f"Moebius term of {pair}",
                        value,
                        0.02,
                        **where,
                    )
                )
            rows.append(
                _effect(
                    "volume_updates_share",
                    "2",
                    "(R1 - R0) / (Pd - R0)",
                    0.93,
                    0.08,
                    **where,
                    verdict="positive",
                    p=None,
                    p_adjusted=None,
                )
            )
            paper = {**where, "metric": "f1_micro", "threshold": "fixed_0.5"}
            rows.append(_effect("paper_volume", "3", "Pd - R0", 0.24, 0.04, **paper, verdict="positive"))
            rows.append(_effect("paper_content", "3", "S - Pd", 0.03, 0.05, **paper))
            rows.append(_effect("dilution", "4", "S_half - S", 0.01, 0.03, **where))
            rows.append(_effect("permuted_labels", "4", "S_perm - R1", -0.09, 0.04, **where, verdict="negative"))
            rows.append(_effect("identity", "4", "Pb - R1", -0.001, 0.004, **where, verdict="identity holds"))
    for arm, added in (("R0", 0), ("R1", ADDED), ("Rt", 0), ("Pd", ADDED), ("S", ADDED), ("St", ADDED)):
        source = {} if arm in ("S", "St") else {"generator": None, "method": None}
        for metric, threshold in (("lrap", "none"), ("f1_macro", "tuned"), ("f1_macro", "cross_validated")):
            where = {"added": added, "metric": metric, "threshold": threshold, "p": None, "p_adjusted": None}
            value = None if (arm, metric) == ("Pd", "lrap") else LEVEL[arm]
            note = "no test document has a label" if value is None else None
            rows.append(_effect("score", "0", arm, value, 0.05, verdict="value", note=note, **where, **source))
    for floor in FLOORS:
        over = {"classifier": floor, "added": 0, "generator": None, "method": None, "metric": "lrap", "p": None}
        rows.append(_effect(f"floor_{floor}", "0", floor, 0.1, 0.01, verdict="value", **over))
    for classifier in ("linear", "mlp"):
        rows.append(
            _effect(
                "mixture_vertex",
                "mixture",
                "vertex of the quadratic over real_share",
                0.31,
                0.2,
                classifier=classifier,
                verdict="value",
            )
        )
    return rows


def make_correlations() -> list[Row]:
    """r by scope, one of them undefined."""
    rows = []
    for regime in REGIMES:
        for scope, r in (("all", 0.71), ("within full_synthesis", 0.2), ("between methods", None)):
            for outcome in ("score", "gain"):
                rows.append(
                    {
                        "regime": regime,
                        "classifier": "mlp",
                        "metric": "ap_micro",
                        "threshold": "none",
                        "outcome": outcome,
                        "fidelity_metric": "mmd2_label_parent",
                        "scope": scope,
                        "r": r,
                        "ci_low": None if r is None else r - 0.4,
                        "ci_high": None if r is None else min(r + 0.2, 1.0),
                        "spearman": None if r is None else r - 0.05,
                        "kendall": None if r is None else r - 0.1,
                        "theil_sen": None if r is None else 0.8,
                        "r_lowest_left_out": None if r is None else r - 0.1,
                        "r_highest_left_out": None if r is None else r + 0.1,
                        "r_given_size": None,
                        "r_given_unique": None,
                        "p": None if r is None else 0.0004,
                        "n": 9 if r is not None else 2,
                        "note": "two conditions: r is 1 or -1 by construction" if r is None else None,
                        "corpus": STAMP,
                    }
                )
    return rows


def make_findings() -> Row:
    """What the report leads with; an upper limit is open, a verdict undecided."""
    return {
        "headline": {
            "sentence": "On this corpus, 40 synthetic documents (full synthesis, smollm2_135m) added to 64 real ones "
            "are worth 118 real "
            "documents in total [81, beyond 330], n = 3 draws; they cost 21 min and 11,200 tokens.",
            "items": [],
            "undecided": [],
            "verdict": "cannot decide",
            "regime": 64,
            "added": ADDED,
            "generator": "smollm2_135m",
            "method": "full_synthesis",
            "classifier": "mlp",
            "metric": "ap_micro",
            "threshold": "none",
        },
        "five_figures": [
            {"name": "R0", "value": 0.212, "ci_low": 0.18, "ci_high": 0.25, "unit": "micro AP"},
            {"name": "R1", "value": 0.467, "ci_low": 0.44, "ci_high": 0.49, "unit": "micro AP"},
            {"name": "Pd", "value": 0.451, "ci_low": 0.41, "ci_high": 0.48, "unit": "micro AP"},
            {"name": "S", "value": 0.502, "ci_low": 0.47, "ci_high": 0.53, "unit": "micro AP"},
            {"name": "worth", "value": 118.0, "ci_low": 81.0, "ci_high": None, "unit": "real documents"},
        ],
        "attribution": {},
        "curve": [
            {
                "classifier": c,
                "size": size,
                "mean": 0.3 + 0.07 * float(np.log2(size / 24)),
                "ci_low": 0.26 + 0.07 * float(np.log2(size / 24)),
                "ci_high": 0.34 + 0.07 * float(np.log2(size / 24)),
                "n": DRAWS,
            }
            for c in ("linear", "mlp")
            for size in CURVE
        ],
        "specifications": make_specifications(),
        "readings": [
            {"reading": "sizes", "low": "n=64", "high": "n=165", "reason": None},
            {"reading": "d: shots a label", "low": None, "high": None, "reason": "regimes are fixed by size"},
        ],
        "identity_checks": [
            {"check": "Pb - R1 (mlp, 64)", "value": -0.001, "tolerance": 0.005, "holds": True},
            {"check": "Pb - R1 (mlp, 165)", "value": None, "tolerance": 0.005, "holds": None},
        ],
        "published": make_published(),
        "decide": ["worth (mlp): 14 draws would give an interval of +- 20 documents at the spread seen here"],
    }


def make_specifications() -> list[Row]:
    """One reading crossed with outcome, distance and controls; one specification is undefined."""
    rows = []
    for i, classifier in enumerate(("linear", "mlp")):
        for j, outcome in enumerate(("score", "gain")):
            for k, fidelity in enumerate(("mmd2_label_parent", "mmd2_text_parent")):
                for scope in ("all", "without controls"):
                    low, high = 0.6 - 0.3 * j, -0.4 + 0.25 * i + 0.1 * k
                    row = {
                        "reading": "sizes", "classifier": classifier, "metric": "ap_micro", "threshold": "none",
                        "outcome": outcome, "fidelity_metric": fidelity, "scope": scope, "low_regime": "n=64",
                        "high_regime": "n=165", "r_low": low, "r_high": high, "delta": low - high,
                        "ci_low": low - high - 0.5, "ci_high": low - high + 0.4, "n": 8, "note": None,
                    }  # fmt: skip
                    if (i, j, k, scope) == (1, 1, 1, "all"):
                        row |= {"r_low": None, "delta": None, "ci_low": None, "ci_high": None,
                                "note": "the outcome is the same in all conditions"}  # fmt: skip
                    rows.append(row)
    return rows


def make_published() -> list[Row]:
    """The figures of the project's claims file taken apart, beside a run with few figures of its own."""
    cells = [cell for cell in make_cells() if cell["classifier"] in ("mlp", *FLOORS)]
    figures = read_figures(Path(__file__).parents[2] / "params" / "claims.yaml")
    effects = [
        Effect(
            "paper_content",
            "3",
            "S - Pd",
            Context("mlp", 64, ADDED, Source("smollm2_135m", method, "paired", 64, 0)),
            "f1_micro",
            "fixed_0.5",
            Estimate(0.03, -0.02, 0.08, n=DRAWS, note="equivalence: power 7% and p 0.28 at 0.02; another remark"),
        )
        for method in METHODS
    ]
    return take_apart(figures, Run(effects, make_correlations(), cells, [], {"protocol": {"folds_n": 3}}))


def make_inputs() -> dict[str, Any]:
    """Rows of every contract the report reads, by contract name."""
    rng = np.random.default_rng(7)
    cells = make_cells()
    missing = {cell["cell_id"] for cell in cells if cell["arm"] == "C" and cell["draw"] == 2 and cell["regime"] == 165}
    waterfall = [
        {
            "pool_id": f"smollm2_135m__{method}__paired__n00064__d{draw:02d}__r0",
            "position": p,
            "rule": rule,
            "rows_in": rows_in,
            "removed": removed,
            "rows_out": rows_in - removed,
        }
        for method in METHODS
        for draw in range(DRAWS)
        for p, (rule, rows_in, removed) in enumerate(
            (("refused by the parser", 88, 11), ("near copy of a real document", 77, 4))
        )
    ]
    return {
        "job": {
            "job_id": "report",
            "stage": "report",
            "label": "cpu_small",
            "model": None,
            "code": "0" * 16,
            "master_seed": 20260522,
            "settings": {},
            "items": [],
        },
        "plan": {
            "design": {
                "name": "demo",
                "title": "Demo on two cores",
                "regime": {"draws": DRAWS, "folds": 3, "sizes": list(REGIMES)},
                "resolved": {"sizes": list(REGIMES), "curve": list(CURVE), "train_pool": 330},
            },
            "master_seed": 20260522,
            "counts": {
                "cells": len(cells),
                "cells_by_block": {"attribution": 100, "curve": 21},
                "jobs": 9,
                "trainsets": 60,
                "requests": 528,
            },
            "estimate": {"tokens": 60000, "seconds": {"generation": 600}, "minutes_total": 14},
            "stopped": [],
            "not_planned": [
                {
                    "what": "block controls, arm S_half, linear",
                    "reason": "a penalised solver has no batches to mix",
                    "cells": 6,
                }
            ],
            "protocol": {
                "unit": "the draw",
                "interval": "t on per-draw paired differences, level 0.95",
                "thresholds": "fixed 0.5; tuned; cardinality",
                "folds_n": 3,
                "recipes": {"mlp": {"hidden": 256, "dropout": 0.1}},
            },
        },
        "corpus": {
            "name": "fixture corpus",
            "stamp": STAMP,
            "source": "corpus_&_<b>.jsonl",
            "source_sha256": "a" * 64,
            "documents": 528,
            "split_sizes": {"train": 330, "reference": 50, "test": 98},
            "cardinality": 1.8,
            "named_labels": True,
            "brought": 0,
            "policies": [
                {
                    "policy": "unknown_labels",
                    "choice": "drop",
                    "default": "refuse",
                    "about": "labels <b> that the list does not have",
                    "met": 17,
                },
                {"policy": "split_by", "choice": "labels", "default": "labels", "about": "how", "met": None},
            ],
            "warnings": ["3 labels have fewer than 10 documents", EVIL],
        },
        "labels": [
            {
                "label": f"L{i:02d}",
                "name": EVIL if i == 0 else f"label {i}",
                "definition": None,
                "count": 90 - 4 * i,
                "count_train": 55 - 2 * i,
            }
            for i in range(20)
        ],
        "funnel": [
            {"position": 0, "step": "rows read", "rows_in": 540, "removed": 0, "rows_out": 540},
            {"position": 1, "step": "rows without text", "rows_in": 540, "removed": 12, "rows_out": 528},
        ],
        "rejects": [
            {
                "file": "corpus.jsonl",
                "row": i + 1,
                "doc_id": EVIL if i == 0 else None,
                "reason": "no_text",
                "detail": EVIL + "x" * 1_000_000 if i == 0 else "empty",
            }
            for i in range(12)
        ],
        "regimes": [
            {
                "regime_id": ids.regime_id(size, draw),
                "size": size,
                "draw": draw,
                "doc_ids": [],
                "folds": [],
                "label_counts": [0, 0] + [3] * 18 if size < 64 else [3] * 20,
                "labels_missing": 2 if size < 64 else 0,
            }
            for size in CURVE
            for draw in range(DRAWS)
        ],
        "waterfall": waterfall,
        "cells": cells,
        "scores": make_scores(cells, rng, missing),
        "fidelity": make_fidelity(cells, rng),
        "retrieval": make_retrieval(cells, rng),
        "retrieval_filters": make_filters(cells, np.random.default_rng(6)),
        "effects": make_effects(rng),
        "correlations": make_correlations(),
        "findings": make_findings(),
        "claims": [
            {
                "claim": "C1",
                "text": "micro-F1 0.120 to 0.702 in the lowest regime",
                "tier": "T2",
                "verdict": "cannot decide",
                "why": "3 draws",
                "published": "+0.582",
                "here": "+0.290 [0.21, 0.37]",
            },
            {
                "claim": "C4",
                "text": "r flips from +0.95 to -0.73",
                "tier": "T1",
                "verdict": "inconsistent as stated",
                "why": "1.68 lies outside [0.96, 1.00]",
                "published": "z = 6.47",
                "here": None,
            },
            {
                "claim": "C8",
                "text": "fresh patent data",
                "tier": "T2",
                "verdict": "not run",
                "why": "no block feeds it",
                "published": None,
                "here": None,
            },
        ],
        "status": {
            "complete": False,
            "planned": len(cells),
            "done": len(cells) - len(missing),
            "missing": [
                {"cell_id": cell, "arm": "C", "reason": "31 of 40 paired documents were kept"}
                for cell in sorted(missing)
            ],
        },
        "gaps": [
            {
                "subject": cell,
                "stage": "curation",
                "reason": "31 of 40 paired documents were kept",
                "wanted": 40,
                "got": 31,
            }
            for cell in sorted({name.split("__a0")[0] for name in missing})
        ],
        "manifests": [
            make_manifest("train_heads.py", "training__0", 31.5, {"cells": 60}),
            make_manifest(
                "generate_text.py",
                "generation__smollm2_135m",
                612.0,
                {"tokens_prompt": 90000, "tokens_completion": 11200},
            ),
        ],
    }


def make_manifest(command: str, job: str, seconds: float, counts: Row) -> Row:
    """How one task made its files."""
    return {
        "command": command,
        "job_id": job,
        "job_sha": "b" * 64,
        "code": "c" * 16,
        "inputs": {"documents.jsonl": {"sha256": "d" * 64, "rows": 528}},
        "outputs": {"scores.parquet": {"sha256": "e" * 64, "rows": 100}},
        "seeds": {"master": 20260522},
        "versions": {"python": "3.11.9", "numpy": "2.3.5", "torch": "2.13.0"},
        "device": {"machine": "x86_64", "accelerator": None, "threads": 2},
        "settings": {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"},
        "counts": counts,
        "seconds": seconds,
        "peak_memory_mb": 900.5,
    }


@functools.cache
def drawn_figures() -> tempfile.TemporaryDirectory[str]:
    """Folder with the figures of the made-up run, drawn once for all tests of a process."""
    from volfid.report.figures import write_figures
    from volfid.report.inputs import ReportInputs

    folder = tempfile.TemporaryDirectory(prefix="volfid_figures_")
    write_figures(ReportInputs(**make_inputs()), Path(folder.name))
    return folder


PROMPT = "prompt: |\n  You write patent abstracts & claims.\n  Labels: {labels}\n  <b>Do not</b> copy. \u202e\n"


def write_inputs(folder: Path, **replace: Any) -> dict[str, Any]:
    """Write the made-up run under `folder`; returns paths by contract name (manifests: a list; prompts: a folder)."""
    data = {**make_inputs(), **replace}
    folder.mkdir(parents=True, exist_ok=True)
    paths: dict[str, Any] = {"manifests": []}
    for name, rows in data.items():
        if name == "manifests":
            for number, row in enumerate(rows):
                paths["manifests"].append(
                    CONTRACTS["manifest"].write(folder / "m" / str(number) / "manifest.json", row)
                )
        else:
            paths[name] = CONTRACTS[name].write(folder / CONTRACTS[name].file, rows)
    paths["prompts"] = folder / "prompts"
    for method in METHODS:
        (folder / "prompts" / method).mkdir(parents=True, exist_ok=True)
        (folder / "prompts" / method / "template.yaml").write_text(PROMPT, encoding="utf-8")
    return paths
