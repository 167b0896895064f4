"""Tables on what else the same tokens buy, and on label names in texts."""

from collections.abc import Callable, Mapping
from typing import Any

from volfid.core.contracts import Row
from volfid.report.inputs import ReportInputs
from volfid.report.table import Table, value_and_interval
from volfid.report.text import count, number, words

LIMIT = 60
SHARES = ("label_name_share", "label_word_share")
KEYWORDS = ("keyword_f1_micro", "keyword_any_f1_micro")


def tables(inputs: ReportInputs) -> list[Table]:
    """The section "What else the same tokens buy"."""
    return [options_table(inputs), break_even_table(inputs)]


def options_table(inputs: ReportInputs) -> Table:
    """Every option beside each real budget: score, gain, what it needs, what it costs."""
    rows = [
        [
            count(row["regime"]), row["classifier"], row["option"], (row["method"] and words(row["method"])) or "–",
            count(row["added"]) if row["added"] else "–", _measured(row["score"]),
            "–" if row["option"] == "nothing more" else _measured(row["gain"]), _tokens(row["tokens_read"]),
            _tokens(row["tokens_written"]), count(row["documents_labelled"]) if row["documents_labelled"] else "–",
            _money(row["cost"], row["cost_note"]),
            "–" if row["option"] == "nothing more" else _amount(row["cost_per_001"]), str(row["score"]["n"]),
        ]
        for row in inputs.uses.get("options") or []
    ]  # fmt: skip
    return Table(
        "Options beside the same real documents",
        f"{_score_words(inputs)}, tuned classifiers of the real documents alone as the base. Gain: over nothing more, "
        "paired by draw, 95 % t interval. Tokens: of one draw, all attempts; answers: of all test documents and of "
        "the real ones that tune thresholds. More labelled documents: the real learning curve. "
        f"{_prices(inputs)}",
        ("real", "classifier", "option", "method", "M", "score", "gain", "tokens read", "tokens written",
         "labels bought", "cost", "cost of +0.01", "n"),
        "sssssnnnnnnnn", rows, empty="Nothing to compare was planned.",
    ).limited(LIMIT, "tables/uses.json")  # fmt: skip


def break_even_table(inputs: ReportInputs) -> Table:
    """What the labels of one document may cost before buying them is dearer."""
    rows = [
        [
            count(row["regime"]), row["classifier"], row["option"], words(row["method"]),
            _measured(row["worth"], 0), _tokens(row["tokens"]), _amount(row["tokens_per_document"], count),
            _money(row["cost"], row["cost_note"]), _amount(row["price"]), str(row["worth"]["n"]),
        ]
        for row in inputs.uses.get("break_even") or []
    ]  # fmt: skip
    return Table(
        "Break-even price of one labelled document",
        "Cost of the option divided by its worth in further real documents; the interval is that of the worth, "
        "carried through. Where labels of a document cost less than this, buying labels is the cheaper way to the "
        "same score. Undefined where the interval of the worth is open or holds zero.",
        ("real", "classifier", "option", "method", "worth, further documents", "tokens", "tokens a document", "cost",
         "break-even price", "n"),
        "ssssnnnnnn", rows, empty="No option was measured against the real learning curve.",
    ).limited(LIMIT, "tables/uses.json")  # fmt: skip


def keyword_table(inputs: ReportInputs) -> Table:
    """How often texts hold the names of their labels, and how far names alone go."""
    found: dict[str, dict[str, Row]] = {}
    for row in inputs.keywords:
        if row["label"] is None:
            found.setdefault(row["subject"], {})[row["metric"]] = row
    order = sorted(found, key=lambda name: (name not in ("test", "reference", "train"), name))
    rows = [
        [name, *(_value(found[name].get(metric)) for metric in (*SHARES, *KEYWORDS)),
         count(found[name][SHARES[0]]["n"]), count(found[name][KEYWORDS[0]]["n"])]
        for name in order
    ]  # fmt: skip
    return Table(
        "Keyword audit: label names in the texts",
        "Share of pairs (document, its label) in which all words, or any word, of the label's name stand in the "
        "document (whole words, singular or plural), with Wilson intervals; and micro-F1 of a classifier without "
        "training that predicts a label exactly there. Splits are real documents, the others pools of synthetic "
        "ones, where a higher share shows that the generator repeats names from its instructions. By label: "
        "tables/keywords.csv.",
        ("texts", "all words", "any word", "F1, all words", "F1, any word", "pairs", "documents"),
        "cnnnnnn", rows, empty="Nothing was audited.",
    ).limited(LIMIT, "tables/keywords.csv")  # fmt: skip


def _value(row: Row | None) -> str:
    if row is None:
        return "–"
    if row["value"] is not None and row["ci_low"] is None:
        return number(row["value"])
    return value_and_interval(row["value"], row["ci_low"], row["ci_high"], note=row["note"])


def _measured(value: Mapping[str, Any], digits: int = 3) -> str:
    return value_and_interval(value["estimate"], value["ci_low"], value["ci_high"], digits, value["note"])


def _amount(value: Mapping[str, Any], show: Callable[[float], str] = lambda x: f"{x:.3g}") -> str:
    if value["estimate"] is None:
        return f"undefined ({value['note']})"
    return f"{show(value['estimate'])} [{show(value['ci_low'])}, {show(value['ci_high'])}]"


def _money(cost: float | None, note: str | None) -> str:
    return f"undefined ({note})" if cost is None else f"{cost:.3g}"


def _tokens(value: float | None) -> str:
    return "unknown" if value is None else count(round(value)) if value else "–"


def _score_words(inputs: ReportInputs) -> str:
    return f"Score: {words(inputs.uses.get('metric') or 'ap_micro')}"


def _prices(inputs: ReportInputs) -> str:
    prices = inputs.uses.get("prices") or {}
    names = {
        "million_tokens": "a million tokens",
        "label_document": "the labels of a document",
        "gpu_hour": "a GPU hour",
    }
    given = [f"{names[key]} {value:g}" for key, value in prices.items() if value is not None]
    return f"Prices given: {', '.join(given)}." if given else "No prices were given, so costs are undefined."
