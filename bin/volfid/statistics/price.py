"""What every option costs, in tokens and documents, and in money where prices are given.

A price of null leaves the cost undefined, with its reason; tokens and documents are always there.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from volfid.core.contracts import Row
from volfid.core.schemas import ANSWERS
from volfid.statistics import intervals, uses
from volfid.statistics.findings import number_of
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import PRIMARY, Context, ScoreTable, align, build_table, source_of
from volfid.statistics.worth import real_curve, worth

# arm with added rows -> what the option is called
GENERATED = {"St": "synthetic text", "Ct": "synthetic text, paired"}
UNLABELLED = {"Ut": "pseudo-labels on further real text"}
ASKED = {"zero_shot": "the generator labels, zero-shot", "few_shot": "the generator labels, few-shot"}
WORTH_OF = {
    "worth_further_documents": "St", "worth_further_documents_paired": "Ct",
    "worth_further_documents_labelling_zero_shot": "zero_shot",
    "worth_further_documents_labelling_few_shot": "few_shot",
}  # fmt: skip
NOTHING_PAID = "no tokens and no labels are paid for"


@dataclass(frozen=True)
class Prices:
    """Null where not given: per million tokens (read or written), per label of one real document, per GPU hour."""

    million_tokens: float | None = None
    label_document: float | None = None
    gpu_hour: float | None = None


@dataclass(frozen=True)
class Bill:
    """What an option needs; None where it is not known. `hours`: of the generator, as the plan estimates them."""

    read: float | None = 0.0
    written: float | None = 0.0
    documents: int = 0
    hours: float | None = 0.0


def price_table(
    cells: Sequence[Row], scores: Sequence[Row], plan: Row, generations: Iterable[Row], prices: Prices
) -> Row:
    """The object of contract `uses`: options with score, gain, bill and cost, and break-even prices of a label."""
    table = build_table(cells, scores)
    bills = _bills(cells, scores, plan, generations)
    options = [row for classifier in table.classifiers for row in _options(table, classifier, bills, prices)]
    return {
        "metric": PRIMARY[0], "threshold": PRIMARY[1],
        "prices": {"million_tokens": prices.million_tokens, "label_document": prices.label_document,
                   "gpu_hour": prices.gpu_hour},
        "options": options, "break_even": _break_even(table, bills, prices),
    }  # fmt: skip


def cost_of(bill: Bill, prices: Prices) -> tuple[float | None, str | None]:
    """Money for a bill, and how it was made or why it is undefined. Tokens are paid by the token, else by the hour."""
    if bill.documents == 0 and bill.read == bill.written == 0:
        return 0.0, NOTHING_PAID
    if bill.documents:
        if prices.label_document is None:
            return None, "no price for the labels of a document is given"
        return bill.documents * prices.label_document, "labels"
    if prices.million_tokens is not None:
        if bill.read is None or bill.written is None:
            return None, "the tokens are not known"
        return (bill.read + bill.written) * prices.million_tokens / 1e6, "tokens"
    if prices.gpu_hour is not None:
        if bill.hours is None:
            return None, "the hours of the generator are not known"
        return bill.hours * prices.gpu_hour, "hours of the generator, estimated by the plan"
    return None, "no price for tokens or GPU hours is given"


def amount_per(amount: float | None, reason: str | None, by: Estimate, scale: float = 1.0) -> Row:
    """`scale` x amount / by, with the interval of `by` carried through: the function falls where by > 0.

    Undefined with its reason when the amount is, or when the interval of `by` is open, holds zero or lies below.
    """
    note = None
    if amount is None:
        note = reason or "the amount is not known"
    elif by.value is None:
        note = by.note or "the value is undefined"
    elif by.low is None or by.high is None:
        note = "its interval is open" if by.n > 1 else "one draw has no interval"
    elif by.low <= 0:
        note = "its interval holds zero or lies below it"
    if note is not None:
        return {"estimate": None, "ci_low": None, "ci_high": None, "n": by.n, "note": note}
    value, low, high = (scale * amount / x for x in (by.value, by.high, by.low))
    return {"estimate": value, "ci_low": low, "ci_high": high, "n": by.n, "note": None}


Bills = dict[tuple, Bill]


def _bills(cells: Sequence[Row], scores: Sequence[Row], plan: Row, generations: Iterable[Row]) -> Bills:
    """(regime, source) of synthetic arms and (labeller, generator, regime) of answers, to the mean bill of a draw."""
    tokens: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in generations:
        tokens[row["pool_id"]][0] += row["tokens_prompt"]
        tokens[row["pool_id"]][1] += row["tokens_completion"]
    seconds = plan["estimate"].get("seconds") or {}
    pools = {cell["pool_id"] for cell in cells if cell["pool_id"]}
    hours = seconds["generation"] / len(pools) / 3600 if pools and seconds.get("generation") else None
    found: dict[tuple, set[str]] = defaultdict(set)
    for cell in cells:
        if cell["pool_id"]:
            found[source_of(cell),].add(cell["pool_id"])
    bills: Bills = {}
    for key, members in found.items():
        known = [tokens[pool] for pool in sorted(members) if pool in tokens]
        read, written = (float(np.mean(column)) for column in zip(*known, strict=True)) if known else (None, None)
        bills[key] = Bill(read, written, hours=hours)
    return bills | _answer_bills(cells, scores, seconds)


def _answer_bills(cells: Sequence[Row], scores: Sequence[Row], seconds: Mapping[str, float]) -> Bills:
    asked = {cell["cell_id"]: cell for cell in cells if cell["classifier"] in ANSWERS}
    spent: dict[tuple, dict[str, list[float]]] = defaultdict(lambda: {"read": [], "written": []})
    for row in scores:
        kind = row["metric"].removeprefix("tokens_").partition("_")[0]
        if row["cell_id"] in asked and row["metric"].startswith("tokens_") and row["value"] is not None:
            cell = asked[row["cell_id"]]
            spent[cell["classifier"], cell["generator"], cell["regime"]][kind].append(row["value"])
    bills: Bills = {}
    for key, kinds in spent.items():
        draws = len({c["draw"] for c in asked.values() if (c["classifier"], c["generator"], c["regime"]) == key})
        bills[key] = Bill(*(sum(kinds[kind]) / draws for kind in ("read", "written")), hours=None)
    return bills


def _options(table: ScoreTable, classifier: str, bills: Bills, prices: Prices) -> Iterable[Row]:
    measured = real_curve(table, classifier, *PRIMARY)
    for regime, base in measured.items():
        context = Context(classifier, regime, 0, None)
        others = [c for c in table.conditions if c.classifier == classifier and c.regime == regime and c.arm != "Rt"]
        asked = sorted(key for key in {k[:3] for k in table.answers} if key[2] == regime)
        if not others and not asked:
            continue  # a size of the learning curve alone has nothing to decide
        yield _row("nothing more", context, base, base, Bill(), prices)
        for size, values in measured.items():
            if size > regime:
                buy = Bill(documents=size - regime)
                yield _row(f"{size - regime} more labelled documents", context, values, base, buy, prices)
        for condition in sorted(others, key=lambda c: (c.arm, c.added, c.source or ())):
            here = Context(classifier, regime, condition.added, condition.source)
            values = table.series.get((condition, *PRIMARY), {})
            if condition.arm in GENERATED:
                bill = bills.get((condition.source,), Bill(None, None, hours=None))
                yield _row(GENERATED[condition.arm], here, values, base, bill, prices)
            elif condition.arm in UNLABELLED:
                yield _row(UNLABELLED[condition.arm], here, values, base, Bill(), prices)
        for labeller, generator, _ in asked:
            values = table.answers.get((labeller, generator, regime, *PRIMARY), {})
            bill = bills.get((labeller, generator, regime), Bill(None, None, hours=None))
            row = _row(ASKED[labeller], context, values, base, bill, prices)
            yield row | {"generator": generator, "method": labeller}


def _row(
    option: str, context: Context, values: Mapping[int, float], base: Mapping[int, float], bill: Bill, prices: Prices
) -> Row:
    paired = align({"option": values, "base": base})
    gain = intervals.mean_interval(paired.values["option"] - paired.values["base"] if paired.draws else [])
    score = intervals.single_mean([values[draw] for draw in sorted(values)], PRIMARY[0])
    if len(values) > 1 and len(set(values.values())) == 1:  # asked without examples: no draw has a part in it
        score = Estimate(score.value, n=score.n, interval="none", note="the same in every draw: no interval over draws")
    cost, note = cost_of(bill, prices)
    source = context.source
    return {
        "option": option, "classifier": context.classifier, "regime": context.regime, "added": context.added,
        "generator": source.generator if source else None, "method": source.method if source else None,
        "score": _number(score), "gain": _number(gain.noted(paired.note)), "tokens_read": bill.read,
        "tokens_written": bill.written, "documents_labelled": bill.documents, "generator_hours": bill.hours,
        "cost": cost, "cost_note": note, "cost_per_001": amount_per(cost, note, gain, 0.01),
    }  # fmt: skip


def _number(estimate: Estimate) -> Row:
    return {
        "estimate": estimate.value, "ci_low": estimate.low, "ci_high": estimate.high, "n": estimate.n,
        "note": estimate.note,
    }  # fmt: skip


def _break_even(table: ScoreTable, bills: Bills, prices: Prices) -> list[Row]:
    """What the labels of one document may cost before buying them is dearer: bill / worth in further documents."""
    rows = []
    for effect in (*worth(table), *uses.labelling_effects(table)):
        if effect.name not in WORTH_OF or (effect.metric, effect.threshold) != PRIMARY:
            continue
        what, context = WORTH_OF[effect.name], effect.context
        assert context is not None and context.source is not None
        asked = what in ASKED
        key = (what, context.source.generator, context.regime) if asked else (context.source,)
        bill = bills.get(key, Bill(None, None, hours=None))
        cost, note = cost_of(bill, prices)
        tokens = None if bill.read is None or bill.written is None else bill.read + bill.written
        rows.append({
            "option": ASKED[what] if asked else GENERATED[what], "classifier": context.classifier,
            "regime": context.regime, "added": context.added, "generator": context.source.generator,
            "method": context.source.method, "worth": number_of(effect), "tokens": tokens, "cost": cost,
            "cost_note": note, "price": amount_per(cost, note, effect.estimate),
            "tokens_per_document": amount_per(tokens, "the tokens are not known", effect.estimate),
        })  # fmt: skip
    return rows
