"""The table of permutation tests: medians over draws, nothing combined, reasons kept."""

import pytest
from report_fixture import make_inputs

from volfid.report.inputs import ReportInputs
from volfid.report.tables_tests import permutation_table


def with_p(inputs, p_of):
    """Inputs whose training sets have the p that `p_of(cell)` gives, or a reason."""
    rows = []
    for trainset, cell in {cell["trainset_id"]: cell for cell in inputs.cells}.items():
        for metric in ("mmd2_label_p", "mmd2_text_p"):
            value = p_of(cell) if metric == "mmd2_label_p" else None
            rows.append({"trainset_id": trainset, "metric": metric, "rows": "all", "reference": "reference",
                         "value": value, "n": 10, "note": None if value is not None else "one parent"})  # fmt: skip
            rows.append({**rows[-1], "reference": "test", "value": 1.0})
    inputs.fidelity = rows
    return inputs


@pytest.fixture
def inputs():
    made = make_inputs()
    return ReportInputs(cells=made["cells"], fidelity=made["fidelity"])


def test_an_arm_has_the_median_of_its_draws_and_the_share_below(inputs):
    by_draw = {0: 0.01, 1: 0.02, 2: 0.9, 3: 0.8, 4: 0.7}
    table = permutation_table(with_p(inputs, lambda cell: by_draw[cell["draw"] % 5]))
    row = next(row for row in table.rows if row[1] == "S")
    draws = sorted({cell["draw"] for cell in inputs.cells if cell["arm"] == "S"})
    values = sorted(by_draw[draw % 5] for draw in draws)
    middle = len(values) // 2
    expected = values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
    below = sum(value < 0.05 for value in values) / len(values)
    assert row[4:6] == [f"{expected:.3f}", f"{100 * below:.0f} %"] and row[-1] == str(len(values))
    assert row[6:8] == ["undefined (one parent)", "–"]
    assert len({tuple(row[:4]) for row in table.rows}) == len(table.rows)


def test_a_run_without_tests_says_so(inputs):
    inputs.fidelity = [row for row in inputs.fidelity if not row["metric"].endswith("_p")]
    table = permutation_table(inputs)
    assert not table.rows and "No permutation test" in table.empty
