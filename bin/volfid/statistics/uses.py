"""Other uses of the same tokens: asking the generator for labels, and what each option costs and is worth."""

from collections.abc import Iterator

from volfid.statistics import intervals
from volfid.statistics.effects import MEAN, Effect
from volfid.statistics.table import MEASURES, Context, ScoreTable, Source, align, source_note
from volfid.statistics.worth import with_curve, worth_on_curve

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
            own = intervals.single_mean([mine[draw] for draw in sorted(mine)], metric)
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
                data = with_curve(table, "LLM", mine, context, metric, threshold)
                name = f"worth_documents_labelling_{labeller}"
                yield from worth_on_curve(data, name, "LLM", context, metric, threshold)


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
