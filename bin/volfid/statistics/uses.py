"""Other uses of the same tokens: asking the generator for labels, and what each option costs and is worth."""

from collections.abc import Iterator, Mapping

import numpy as np

from volfid.statistics import curve, intervals
from volfid.statistics.effects import MEAN, WORTH, Effect
from volfid.statistics.estimands import real_curve
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import MEASURES, Context, ScoreTable, Source, align, source_note

BLIND = "full_synthesis_blind"
INSTRUCTED = ("St", "Ct", "S", "C")
SAME = "zero-shot answers are the same in every draw: the interval is that of the trained classifier"


def labelling_effects(table: ScoreTable) -> Iterator[Effect]:
    """The generator's own answers against each classifier trained on the real documents alone, and their worth.

    labelling_<labeller>_over_tuned: LLM - Rt. worth_documents_labelling_<labeller> (and worth_further_...): the
    size of the real set with which the classifier reaches the score of the answers. score: the answers' own.
    """
    for labeller, generator, regime in sorted({key[:3] for key in table.answers}):
        source = Source(generator, labeller, "none", 0, 0)
        for metric, threshold in MEASURES:
            mine = table.answers.get((labeller, generator, regime, metric, threshold), {})
            own = intervals.mean_interval([mine[draw] for draw in sorted(mine)], test=False)
            yield Effect("score", "0", "LLM", Context(labeller, regime, 0, source), metric, threshold, own, MEAN)
            for classifier in table.classifiers:
                context = Context(classifier, regime, 0, source)
                if table.locate("Rt", context) is None:
                    continue
                paired = align({"LLM": mine, "Rt": table.draws("Rt", context, metric, threshold)})
                values = paired.values["LLM"] - paired.values["Rt"] if paired.draws else []
                remark = SAME if labeller == "zero_shot" and (metric, threshold) == MEASURES[0] else None
                estimate = intervals.mean_interval(values).noted(paired.note, remark)
                name = f"labelling_{labeller}_over_tuned"
                yield Effect(name, "1", "LLM - Rt", context, metric, threshold, estimate)
                yield from _worth(table, labeller, mine, context, metric, threshold)


def _worth(
    table: ScoreTable, labeller: str, scores: Mapping[int, float], context: Context, metric: str, threshold: str
) -> Iterator[Effect]:
    """By the same inversion of the real curve as for synthetic text."""
    measured = real_curve(table, context.classifier, metric, threshold)
    draws = sorted(set(scores).intersection(*measured.values())) if measured else []
    reason = None
    if len(measured) < 2:
        reason = f"the real learning curve has {len(measured)} sizes: at least 2 are needed"
    elif not draws:
        reason = "no draw has the answers' score and the whole learning curve"
    found = curve.Worth(None, None, None, 0, reason)
    if reason is None:
        curves = np.array([[measured[size][draw] for size in measured] for draw in draws])
        found = curve.size_with_score(list(measured), curves, np.array([scores[draw] for draw in draws]))
    how = f"test inversion on the real curve, sizes {', '.join(map(str, measured))}" if len(draws) > 1 else "none"
    for prefix, less in (("worth_documents", 0), ("worth_further_documents", context.regime)):
        value, low, high = (None if x is None else x - less for x in (found.size, found.low, found.high))
        n = 0 if reason else len(draws)
        estimate = Estimate(value, low, high, None, n, how, found.note)
        contrast = "N with Rt(N) = LLM" + (", minus n" if less else "")
        kind = WORTH if less else MEAN
        name = f"{prefix}_labelling_{labeller}"
        yield Effect(name, "1", contrast, context, metric, threshold, estimate, kind, side=found.side)


def instruction_effects(table: ScoreTable) -> Iterator[Effect]:
    """label_names_in_instructions: an arm with text of full_synthesis minus the same arm with text of its blind twin.

    Both attach the labels of the same real rows; only one prompt names them (params/prompts/full_synthesis_blind).
    """
    for arm in INSTRUCTED:
        for context in table.contexts([arm]):
            if context.source is None or context.source.method != "full_synthesis":
                continue
            twin = context._replace(source=context.source._replace(method=BLIND))
            if table.locate(arm, twin) is None:
                continue
            for metric, threshold in MEASURES:
                named, blind = (table.draws(arm, place, metric, threshold) for place in (context, twin))
                paired = align({"named": named, "blind": blind})
                values = paired.values["named"] - paired.values["blind"] if paired.draws else []
                estimate = intervals.mean_interval(values).noted(paired.note, source_note(context.source))
                contrast = f"{arm} (full_synthesis) - {arm} ({BLIND})"
                name = "label_names_in_instructions" if arm == "St" else f"label_names_in_instructions_{arm.lower()}"
                yield Effect(name, "7", contrast, context, metric, threshold, estimate)
