"""Numbers and sentences: scores with three decimals, documents whole, shares with two."""

from volfid.core.supplied import BROUGHT
from volfid.statistics.effects import UNDEFINED, Effect
from volfid.statistics.table import Context, Source

MEASURE_WORDS = {
    ("ap_micro", "none"): "micro-average precision",
    ("f1_micro", "tuned"): "micro-F1 at the tuned threshold",
    ("f1_micro", "fixed_0.5"): "micro-F1 at 0.5",
    ("f1_micro", "cardinality"): "micro-F1 at the cardinality threshold",
    ("ndcg_at_10_encoder", "none"): "nDCG@10 with the learnt representation",
}


def measure_words(metric: str, threshold: str) -> str:
    """The score in words."""
    return MEASURE_WORDS.get((metric, threshold), f"{metric}, {threshold}")


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed digits, '?' for null; no negative zero."""
    if value is None:
        return "?"
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def signed(value: float | None, digits: int = 3) -> str:
    """As `number`, with its sign."""
    text = number(value, digits)
    return text if text == "?" or text.startswith("-") or float(text) == 0 else f"+{text}"


def interval_words(effect: Effect, digits: int = 3) -> str:
    """'+0.012 [0.001, 0.023]'; an open limit is written out."""
    estimate = effect.estimate
    if estimate.low is None and estimate.high is None:
        return f"{signed(estimate.value, digits)} [no interval]"
    low = "open" if estimate.low is None else number(estimate.low, digits)
    high = "open" if estimate.high is None else number(estimate.high, digits)
    return f"{signed(estimate.value, digits)} [{low}, {high}]"


def source_words(source: Source) -> str:
    """Generator and method; the one pool of an audit has neither."""
    return "supplied" if source.generator == source.method == BROUGHT else f"{source.generator}, {source.method}"


def worth_sentence(context: Context, worth: Effect | None, gain: Effect | None, caveat: str | None = None) -> str:
    """What the synthetic rows are worth, as found in this run; `caveat`: what has to be said before any number."""
    start = (
        f"{context.added} synthetic documents ({source_words(context.source)}) beside {context.regime} real ones, "
        f"classifier {context.classifier}"
    )
    if caveat:
        start = f"{caveat[:1].upper()}{caveat[1:]}: {start}"
    if worth is None or (worth.verdict == UNDEFINED and worth.estimate.value is None):
        reason = worth.estimate.note if worth is not None else "not planned"
        return f"{start}: the worth in real documents is undefined ({reason})."
    estimate = worth.estimate
    limits = f"[{_documents(estimate.low)}, {_documents(estimate.high)}]"
    if worth.side:
        place = "above the largest" if worth.side > 0 else "below the smallest"
        text = f"the whole interval lies {place} measured size of the real curve, so no number of documents is given"
    elif estimate.value is None:
        text = f"no number of further real documents is given, limits {limits} ({estimate.note})"
    else:
        shown = limits if estimate.n > 1 else "(one draw, no interval)"
        text = f"worth {number(estimate.value, 0)} further real documents {shown}"
    told = ""
    if gain is not None and gain.estimate.value is not None:
        score = measure_words(gain.metric, gain.threshold)
        told = f"; {score} {interval_words(gain)} against real documents alone, both tuned"
    return f"{start}: {text}{told}."


def _documents(value: float | None) -> str:
    return "outside the curve" if value is None else number(value, 0)
