"""Which estimate plays which part in the report: the one place that knows names of effects and metrics."""

import re
from collections.abc import Iterable

from volfid.core.contracts import Row
from volfid.report.means import order

WORTH = re.compile(r"worth")
SHAPLEY = re.compile(r"^shapley_")
PAPER_SPLIT = re.compile(r"^paper_(volume|content|fidelity)$")
UPDATES_SHARE = "volume_updates_share"
# Pairs with one parent left out first: the unbiased estimator is not unbiased for replicated sets (docs/estimands.md).
LABEL_MMD = (re.compile(r"^mmd2_label_parent$"), re.compile(r"^mmd2_label"))
COOCCURRENCE = re.compile(r"^cooccurrence|^lift|^pairs_|^label_set_|^unseen_|^missing_label|^marginal_|^triple_")
NDCG = (re.compile(r"^ndcg_at_10$"), re.compile(r"^ndcg"))
VARIANTS = ("own_ideal", "fixed_ideal", "size_matched", "random")
REFERENCE = "reference"

ESTIMANDS = {
    "1": "What synthetic text is worth",
    "2": "Attribution: updates, text, label law, threshold",
    "3": "The paper's two-term split (replication)",
    "4": "Dilution, label law and permuted labels",
    "5": "Distance and score",
    "6": "Retrieval",
    "7": "Realised labels",
}
ARMS = {
    "R0": "real only, updates of real only",
    "R0b": "real only, head started at the label frequencies",
    "R1": "real only, updates of the augmented set",
    "R1b": "real only, updates of the augmented set, head started at the label frequencies",
    "Rt": "real only, tuned",
    "RM": "with as many further real documents",
    "RMt": "with as many further real documents, tuned",
    "Pb": "with balanced copies of the real documents",
    "Pd": "drawn with replacement from the real documents (the paper's control)",
    "Pp": "with copies of the real partners of C",
    "Pml": "with copies by ML-ROS",
    "Plp": "with copies by LP-ROS",
    "Prf": "with copies by repeat factors",
    "Pcut": "with copies of as few documents as the effective size of Sm",
    "PL": "with copies at the synthetic label law",
    "PL_low": "with copies at the synthetic label law, few updates",
    "PLt": "with copies at the synthetic label law, tuned",
    "C": "with synthetic text at the real label law, paired",
    "C_low": "with synthetic text at the real label law, few updates",
    "Ct": "with synthetic text at the real label law, tuned",
    "S": "with synthetic text at its own label law",
    "S_low": "with synthetic text, few updates",
    "St": "with synthetic text, tuned",
    "Sb": "with synthetic text, head started at the label frequencies",
    "Sm": "with synthetic text reweighted to the real label law",
    "S_cur": "with synthetic text first, then the real rows (curriculum)",
    "S_ens": "mean of a classifier of the real and one of the synthetic rows",
    "S_filt": "with the likelier half of the synthetic text, twice",
    "S_half": "with synthetic text, every batch half real",
    "S_perm": "with synthetic text whose labels are permuted",
    "Ut": "with further real text under predicted labels, tuned",
    "R_stop": "real only, ended by the paper's stop rule",
    "Pd_stop": "the paper's control, ended by its stop rule",
    "Pdose": "with copies at a shifted label law",
    "Sdose": "with synthetic text at a shifted label law",
    "MIX": "mixture of a fixed budget, tuned",
    "LLM": "nothing: the generator's own answers",
}
REAL_ONLY = ("R0", "R0b", "R1", "R1b", "Rt", "R_stop")
ARM_ORDER = {arm: position for position, arm in enumerate(ARMS)}


def arm_words(arm: str) -> str:
    """What an arm trains on, in words; empty for an arm that only the design knows."""
    return ARMS.get(arm, "")


def arm_order(arm: str) -> tuple[int, str]:
    """Position of an arm in every table and figure; unknown arms last, by name."""
    return ARM_ORDER.get(arm, len(ARM_ORDER)), arm


def effects_named(effects: Iterable[Row], pattern: re.Pattern[str]) -> list[Row]:
    """Effects whose name matches, in a fixed order."""
    chosen = [row for row in effects if pattern.search(row["effect"])]
    return sorted(chosen, key=effect_order)


def effect_order(row: Row) -> tuple[object, ...]:
    """Sort key: estimand, context, then the order in which the statistics wrote the effect."""
    return order(
        (
            row["estimand"],
            row["classifier"],
            row["regime"],
            row["added"],
            row["generator"],
            row["method"],
            row["metric"],
            row["threshold"],
        )
    )


def pick_metric(rows: Iterable[Row], patterns: Iterable[re.Pattern[str]]) -> str | None:
    """The first metric name that a pattern finds, patterns in order of preference."""
    names: list[str] = sorted({row["metric"] for row in rows})
    for pattern in patterns:
        for name in names:
            if pattern.search(name):
                return name
    return None


def worth_effects(effects: Iterable[Row]) -> list[Row]:
    """Estimates of the worth in real documents, one for each context; the total number, not the surplus."""
    return [row for row in effects_named(effects, WORTH) if row["effect"] == "worth_documents"]


def short_effect(name: str) -> str:
    """`shapley_updates` as `updates`: what the bar is about."""
    for prefix in ("shapley_", "paper_"):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def co_order(metric: str) -> tuple[int, str]:
    """Order of co-occurrence metrics: distances first, then lifts, then the rest."""
    ranks = (
        "cooccurrence_frobenius",
        "lift_spearman",
        "label_set_tv",
        "marginal_max_difference",
        "pairs_only_in_reference",
        "pairs_only_in_set",
        "triple_tv",
    )
    return (ranks.index(metric) if metric in ranks else len(ranks)), metric


def distinct_corpora(arms: list[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """Arms that differ as a corpus: of R0, R1, Rt (the same rows) and of tuned twins the first stays."""
    kept: dict[tuple[str, str | None], tuple[str, str | None]] = {}
    for arm, method in arms:
        rows = "R0" if arm in REAL_ONLY else arm.removesuffix("_low").removesuffix("_half")
        rows = rows[:-1] if rows in ("RMt", "Ct", "St", "PLt") else rows
        kept.setdefault((rows, method), (arm, method))
    return list(kept.values())
