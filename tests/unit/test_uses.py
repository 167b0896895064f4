"""Other uses of the same tokens: effects of the answers, options with their bills, break-even prices, the tables."""

import math

import numpy as np
import pytest
import statistics_world as world
from test_statistics_effects import find, run

from volfid.core.schemas import CONTRACTS
from volfid.report.inputs import ReportInputs
from volfid.report.tables_uses import break_even_table, keyword_table, options_table
from volfid.statistics.intervals import Estimate
from volfid.statistics.price import Bill, Prices, amount_per, cost_of, price_table

READ, WRITTEN = 900, 100
PRICES = Prices(million_tokens=2.0, label_document=0.5)
TRUTH = {"zero_shot": world.curve(70), "few_shot": world.curve(180)}


def asked_cell(labeller: str, draw: int) -> dict:
    cell = world.make_cell("R0", draw, blocks=("answers",))
    return {**cell, "arm": "LLM", "generator": "fake", "classifier": labeller,
            "cell_id": f"{cell['cell_id']}_{labeller}"}  # fmt: skip


def made(draws: int = 6, methods: tuple[str, ...] = ("full_synthesis",)):
    """The usual world and a generator whose answers are worth 70 and 180 real documents in all."""
    cells = world.make_cells(draws, methods)
    scores = world.make_scores(cells)
    rng = np.random.default_rng(3)
    for labeller, truth in TRUTH.items():
        for draw in range(draws):
            cell = asked_cell(labeller, draw)
            cells.append(cell)
            for metric, threshold in world.MEASURES:
                scores.append(world.score_row(cell, metric, threshold, truth + rng.normal(0, 0.002)))
            for name, value in (("tokens_read_real", 600.0), ("tokens_read_test", 400.0),
                                ("tokens_written_real", 60.0), ("tokens_written_test", 40.0)):  # fmt: skip
                scores.append(world.score_row(cell, name, "none", value))
    pools = {cell["pool_id"] for cell in cells if cell["pool_id"]}
    generations = [
        {"pool_id": pool, "tokens_prompt": READ / 2, "tokens_completion": WRITTEN / 2} for pool in pools for _ in (0, 1)
    ]
    return sorted(cells, key=lambda cell: cell["cell_id"]), scores, generations


@pytest.fixture(scope="module")
def study():
    return made()


@pytest.fixture(scope="module")
def effects(study):
    return run(study[0], study[1])


@pytest.fixture(scope="module")
def priced(study):
    cells, scores, generations = study
    table = price_table(cells, scores, world.PLAN, generations, PRICES)
    CONTRACTS["uses"].check([table], "uses")
    return table


def option(table, name, **filters):
    found = [r for r in table["options"] if r["option"] == name and all(r[k] == v for k, v in filters.items())]
    assert len(found) == 1, (name, len(found))
    return found[0]


def test_answers_are_compared_with_the_trained_classifier_and_found_on_its_curve(effects):
    for labeller, size in (("zero_shot", 70), ("few_shot", 180)):
        row = find(effects, f"labelling_{labeller}_over_tuned")
        truth = world.curve(size) - world.curve(100)
        assert row["ci_low"] < truth < row["ci_high"] and abs(row["estimate"] - truth) < 0.02
        assert row["verdict"] == ("positive" if size > 100 else "negative")
        assert (row["generator"], row["method"], row["classifier"]) == ("fake", labeller, "mlp")
        worth = find(effects, f"worth_documents_labelling_{labeller}")
        assert worth["ci_low"] < size < worth["ci_high"]
        further = find(effects, f"worth_further_documents_labelling_{labeller}")
        assert further["estimate"] == pytest.approx(worth["estimate"] - 100)
        assert find(effects, "score", classifier=labeller)["estimate"] == pytest.approx(TRUTH[labeller], abs=0.01)


def test_answers_change_no_other_estimate(study, effects):
    cells = [cell for cell in study[0] if cell["arm"] != "LLM"]
    known = {cell["cell_id"] for cell in cells}
    without = run(cells, [row for row in study[1] if row["cell_id"] in known])
    assert without.effects == [
        row for row in effects.effects if "labelling" not in row["effect"] and "_shot" not in str(row["classifier"])
    ]
    assert without.findings == effects.findings and without.correlations == effects.correlations


def test_every_option_has_its_score_gain_and_bill(priced):
    here = {"classifier": "mlp", "regime": 100}
    synthetic = option(priced, "synthetic text", **here)
    assert synthetic["gain"]["estimate"] == pytest.approx(world.curve(140) - world.curve(100), abs=0.005)
    assert (synthetic["tokens_read"], synthetic["tokens_written"]) == (READ, WRITTEN)
    assert synthetic["cost"] == pytest.approx(1000 * 2 / 1e6)
    bought = option(priced, "50 more labelled documents", **here)
    assert bought["documents_labelled"] == 50 and bought["cost"] == 25 and bought["tokens_read"] == 0
    assert bought["gain"]["estimate"] == pytest.approx(0.08 * math.log(1.5), abs=0.005)
    asked = option(priced, "the generator labels, few-shot", **here)
    assert (asked["tokens_read"], asked["tokens_written"], asked["method"]) == (1000, 100, "few_shot")
    base = option(priced, "nothing more", **here)
    assert base["gain"]["estimate"] == 0 and base["cost"] == 0
    per = bought["cost_per_001"]
    assert per["estimate"] == pytest.approx(0.25 / bought["gain"]["estimate"])
    assert per["ci_low"] == pytest.approx(0.25 / bought["gain"]["ci_high"])
    losing = option(priced, "the generator labels, zero-shot", **here)["cost_per_001"]
    assert losing["estimate"] is None and "zero" in losing["note"]


def test_the_break_even_price_is_cost_over_worth_with_the_interval_carried_through(priced):
    rows = {row["option"]: row for row in priced["break_even"] if row["classifier"] == "mlp"}
    row = rows["synthetic text"]
    worth, price = row["worth"], row["price"]
    assert price["estimate"] == pytest.approx(0.002 / worth["estimate"])
    assert price["ci_low"] == pytest.approx(0.002 / worth["ci_high"])
    assert price["ci_low"] < price["estimate"] < price["ci_high"]
    assert row["tokens_per_document"]["estimate"] == pytest.approx(1000 / worth["estimate"])
    assert pytest.approx(row["tokens_per_document"]["estimate"], rel=0.15) == 1000 / world.WORTH
    zero = rows["the generator labels, zero-shot"]["price"]
    assert zero["estimate"] is None and "zero" in zero["note"]


def test_without_prices_tokens_and_documents_stay_and_costs_are_undefined_with_the_reason(study):
    cells, scores, generations = study
    table = price_table(cells, scores, world.PLAN, generations, Prices())
    row = option(table, "synthetic text", classifier="mlp", regime=100)
    assert row["cost"] is None and "no price for tokens" in row["cost_note"] and row["tokens_read"] == READ
    assert all(r["price"]["estimate"] is None and r["price"]["note"] for r in table["break_even"])
    assert table["break_even"][0]["tokens_per_document"]["estimate"] > 0
    brought = price_table(cells, scores, world.PLAN, [], PRICES)
    unknown = option(brought, "synthetic text", classifier="mlp", regime=100)
    assert unknown["tokens_read"] is None and unknown["cost_note"] == "the tokens are not known"


def test_hours_are_paid_where_tokens_have_no_price():
    assert cost_of(Bill(1e6, 0, hours=2.0), Prices(gpu_hour=3.0))[0] == 6
    assert cost_of(Bill(1e6, 0, hours=2.0), Prices(million_tokens=4.0, gpu_hour=3.0))[0] == 4
    assert cost_of(Bill(1.0, 0, hours=None), Prices(gpu_hour=3.0)) == (
        None, "the hours of the generator are not known")  # fmt: skip
    assert cost_of(Bill(), Prices())[0] == 0


@pytest.mark.parametrize(
    ("value", "low", "high", "n", "words"),
    [
        (4.0, -1.0, 9.0, 5, "holds zero"), (-4.0, -9.0, -1.0, 5, "holds zero or lies below"),
        (4.0, 2.0, None, 5, "open"), (4.0, None, None, 1, "one draw"), (None, None, None, 0, "no curve"),
    ],
)  # fmt: skip
def test_an_amount_per_worth_is_undefined_where_the_worth_is_not_clearly_positive(value, low, high, n, words):
    by = Estimate(value, low, high, None, n, "x", "no curve" if value is None else None)
    row = amount_per(8.0, None, by)
    assert row["estimate"] is None and words in row["note"]
    assert amount_per(8.0, None, Estimate(4.0, 2.0, 8.0, None, 5, "x", None))["ci_high"] == 4.0


def test_the_tables_show_every_option_and_why_a_cost_is_undefined(priced):
    inputs = ReportInputs(uses=priced)
    table = options_table(inputs)
    assert len(table.kinds) == len(table.columns) == len(table.rows[0])
    assert {"nothing more", "synthetic text", "the generator labels, zero-shot"} <= {row[2] for row in table.rows}
    assert "a million tokens 2" in table.caption
    even = break_even_table(inputs)
    assert len(even.kinds) == len(even.columns) == len(even.rows[0])
    assert any("undefined (its interval holds zero" in cell for row in even.rows for cell in row)
    assert not options_table(ReportInputs()).rows and not keyword_table(ReportInputs()).rows


def test_the_effect_of_names_in_the_instructions_is_found_where_both_methods_were_planned(effects):
    cells, scores, _ = made(methods=("full_synthesis", "full_synthesis_blind"))
    lift = {cell["cell_id"] for cell in cells if cell["method"] == "full_synthesis"}
    shifted = [row | {"value": row["value"] + 0.03 * (row["cell_id"] in lift)} for row in scores]
    row = find(run(cells, shifted), "label_names_in_instructions")
    assert row["ci_low"] < 0.03 < row["ci_high"] and row["verdict"] == "positive" and row["n"] == 6
    assert not [r for r in effects.effects if r["effect"].startswith("label_names")]
