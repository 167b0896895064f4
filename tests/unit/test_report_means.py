"""Descriptive means over draws."""

import numpy as np
import pytest
from report_fixture import make_cells, make_inputs
from scipy import stats

from volfid.report.inputs import ReportInputs
from volfid.report.means import arm_means, mean_over_draws, trainset_means
from volfid.report.tables_arms import retrieval_table
from volfid.report.tables_effects import effect_row


def test_the_interval_is_that_of_the_t_distribution_over_draws():
    values = [0.41, 0.47, 0.52, 0.44, 0.5]
    mean = mean_over_draws({draw: [value] for draw, value in enumerate(values)})
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (mean.value, mean.low, mean.high) == pytest.approx((np.mean(values), low, high), abs=1e-12)
    assert mean.n == 5


def test_training_repetitions_are_averaged_inside_the_draw_and_do_not_count():
    one = mean_over_draws({0: [0.2, 0.4], 1: [0.5]})
    assert (one.value, one.n) == (pytest.approx(0.4), 2)


def test_one_draw_has_no_interval_and_none_has_a_reason():
    assert mean_over_draws({0: [0.4]}).low is None and mean_over_draws({0: [0.4]}).n == 1
    empty = mean_over_draws({0: []}, "constant scores")
    assert (empty.value, empty.n, empty.note) == (None, 0, "constant scores")


def test_an_undefined_draw_is_left_out_and_not_counted_as_zero():
    cells = [
        cell for cell in make_cells() if cell["arm"] == "R0" and cell["classifier"] == "mlp" and cell["regime"] == 64
    ]
    scores = [
        {
            "cell_id": cell["cell_id"],
            "metric": "ap_micro",
            "threshold": "none",
            "label": None,
            "n": 9,
            "value": None if cell["draw"] == 0 else 0.4,
            "note": "why",
        }
        for cell in cells
    ]
    (mean,) = arm_means(cells, scores, "ap_micro", "none", ("arm",)).values()
    assert (mean.value, mean.n) == (pytest.approx(0.4), 2)


def test_scores_of_one_label_do_not_enter_the_overall_mean():
    cell = make_cells()[0]
    row = {
        "cell_id": cell["cell_id"],
        "metric": "ap_micro",
        "threshold": "none",
        "label": "L00",
        "value": 1.0,
        "n": 9,
        "note": None,
    }
    assert arm_means([cell], [row], "ap_micro", "none", ("arm",)) == {}


def test_a_training_set_of_several_cells_counts_once():
    cells = [
        cell for cell in make_cells() if cell["arm"] == "S" and cell["regime"] == 64 and cell["method"] == "paraphrase"
    ]
    assert len(cells) > len({cell["trainset_id"] for cell in cells})
    rows = [
        {"trainset_id": name, "metric": "m", "value": float(place), "note": None}
        for place, name in enumerate(sorted({cell["trainset_id"] for cell in cells}))
    ]
    (mean,) = trainset_means(cells, rows, ("arm",), ("metric",)).values()
    assert (mean.value, mean.n) == (1.0, 3)


def test_a_difference_over_documents_is_a_score_and_a_worth_is_a_number_of_documents():
    row = {
        "contrast": "St - Rt", "estimate": 0.0123, "ci_low": 0.001, "ci_high": 0.024, "p": 0.02, "p_adjusted": None,
        "n": 543, "unit": "documents", "verdict": "positive", "note": None,
    }  # fmt: skip
    assert effect_row(row | {"effect": "document_bootstrap"})[2] == "+0.012 [0.001, 0.024]"
    worth = row | {"effect": "worth_documents", "estimate": 166.2, "ci_low": 137.4, "ci_high": 182.0, "p": None}
    assert effect_row(worth)[2] == "166 [137, 182]"


def test_the_retrieval_table_counts_the_queries_of_what_it_shows():
    made = make_inputs()
    other = [{**row, "metric": "map", "n": 7} for row in made["retrieval"]]
    shown = retrieval_table(ReportInputs(cells=made["cells"], retrieval=[*made["retrieval"], *other]))
    assert shown.caption.startswith("Each training set as the corpus, 98 queries.")
