"""Controls and competitors of synthetic text at one glance: every contrast once, at the primary score."""

from collections.abc import Mapping

from volfid.core.contracts import Row
from volfid.report.inputs import ReportInputs
from volfid.report.means import PRIMARY
from volfid.report.table import Table, value_and_interval
from volfid.report.tables_effects import where
from volfid.report.text import count, p_value

LIMIT = 120
ENCODER = ("ndcg_at_10_encoder", "none")
# effect -> the question it answers, in the order of the table
QUESTIONS: Mapping[str, str] = {
    "volume_total": "What do copies do, at equal epochs?",
    "volume_updates": "... by their updates alone?",
    "volume_resampling": "... and by being drawn with replacement?",
    "head_start": "What does a head started at the label frequencies do?",
    "stop_rule_real": "What does the paper's stop rule do to real rows alone?",
    "volume_under_stop_rule": "What do copies do under that rule?",
    "synthetic_over_updates": "What does synthetic text do at equal updates?",
    "content_own_law": "... against copies at its own label law?",
    "content_paired": "... against copies of its partners (paired labels)?",
    "content_matched_law": "... reweighted to the real label law, against copies of the same effective size?",
    "permuted_labels": "With permuted labels (negative control)?",
    "dilution": "With every batch half real?",
    "mixing_curriculum": "Synthetic rows first, real rows last?",
    "mixing_ensemble": "Two classifiers, averaged?",
    "mixing_filtered": "Only the rows that a real-only classifier finds likely?",
    "label_law_copies": "What does the synthetic label law do to copies?",
    "label_law_synthetic": "... and to synthetic text?",
    "label_shift_copies": "What does a shift of the label law do, copies?",
    "label_shift_synthetic": "... and synthetic text?",
    "oversampling_ml_ros": "ML-ROS against balanced copies?",
    "oversampling_lp_ros": "LP-ROS against balanced copies?",
    "oversampling_repeat_factor": "Repeat factors against balanced copies?",
    "gain_tuned": "All tuned alike: synthetic text against real only?",
    "gain_over_copies_tuned": "... against copies at its label law?",
    "gain_pseudo_labels_tuned": "Further real text under predicted labels against real only?",
    "gain_over_pseudo_labels_tuned": "Synthetic text against predicted labels?",
    "ceiling_tuned": "As many further real documents against real only?",
    "search_synthetic_over_updates": "Search with the learnt representation: synthetic text at equal updates?",
    "search_gain_tuned": "... tuned?",
    "label_removal_loss": "Texts as they are, against the same without the words of label names?",
    "sequential": "Decision of the sequential rule",
}


def controls_table(inputs: ReportInputs) -> Table:
    """One row for each question, classifier and place that the run has an estimate for."""
    rank = {name: place for place, name in enumerate(QUESTIONS)}
    chosen = [
        row
        for row in inputs.effects
        if row["effect"] in rank and (row["metric"], row["threshold"]) in (PRIMARY, ENCODER)
    ]
    chosen.sort(key=lambda row: (rank[row["effect"]], row["classifier"] != "mlp"))
    return Table(
        "Controls and competitors",
        "Micro-average precision (nDCG@10 where it is said), arm minus arm on the same draws. p is adjusted by Holm "
        "over the places of one contrast.",
        ("question", "contrast", "where", "difference [interval]", "p", "n", "verdict"),
        "tctnnnt",
        [_line(row) for row in chosen],
        empty="No control was planned in this run.",
    ).limited(LIMIT, "tables/effects.csv")


def _line(row: Row) -> list[str]:
    value = value_and_interval(row["estimate"], row["ci_low"], row["ci_high"], 3, row["note"])
    return [QUESTIONS[row["effect"]], row["contrast"], where(row), value, p_value(row["p_adjusted"]), count(row["n"]),
            row["verdict"]]  # fmt: skip
