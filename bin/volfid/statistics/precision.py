"""Label names in the texts, and for encoders attention and precision, as factors of one classifier (claim C11).

Classifiers whose recipes differ in nothing but `attention`, `dtype` and `mask_label_names` are the points of a
factorial; heads on frozen vectors have the last alone. What is compared is the same arm on the same draws and training
seeds:

    label_removal_loss       with label names - with the words of label names masked, for each attention and precision
    label_removal_regained   float32 with eager attention - bfloat16 with FlashAttention 2, both with masked words
    label_removal_recovered  the share of the loss under bfloat16 and FlashAttention 2 that this is
    attention_<a>_over_<b>, dtype_<a>_over_<b>   two points that differ in that factor alone

The classifier of these effects is the entry of params/models.yaml, for heads the recipe that masks nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from volfid.core.contracts import Row
from volfid.statistics import intervals
from volfid.statistics.effects import RATIO, Effect
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import MEASURES, Context, ScoreTable, align, source_note

FACTORS = ("attention", "dtype", "mask_label_names")
ORDER = {"eager": 0, "sdpa": 1, "flash_attention_2": 2, "float32": 0, "auto": 1, "bfloat16": 2}


class Point(NamedTuple):
    """One combination of the factors."""

    attention: str
    dtype: str
    masked: bool

    @property
    def words(self) -> str:
        """The combination as contrasts name it."""
        return f"{self.dtype} {self.attention}{', masked' if self.masked else ''}"


FLASH, EAGER = Point("flash_attention_2", "bfloat16", True), Point("eager", "float32", True)


def precision_effects(table: ScoreTable, plan: Row) -> Iterator[Effect]:
    """All effects of every encoder of the plan that has several such points; what lacks a point says which."""
    recipes = plan.get("protocol", {}).get("recipes", {})
    always = bool(plan.get("design", {}).get("mask_label_names"))
    for model, points in crossed(recipes, table.classifiers, always).items():
        for arm, context in _places(table, list(points.values())):
            for metric, threshold in MEASURES:
                found = {
                    point: table.draws(arm, context._replace(classifier=name), metric, threshold)
                    for point, name in points.items()
                }
                yield from _effects(found, arm, context._replace(classifier=model), metric, threshold)


def crossed(recipes: Mapping[str, Row], classifiers: Sequence[str], always_masked: bool) -> dict[str, dict[Point, str]]:
    """Model to its points and the classifier of each, where recipes that are equal otherwise give several."""
    groups: dict[tuple[str, str], dict[Point, str]] = {}
    for name in sorted(classifiers):
        recipe = recipes.get(name, {})
        if recipe:
            own = [recipe.get(factor, "") for factor in FACTORS[:2]]
            point = Point(*own, always_masked or recipe.get("mask_label_names", False))
            rest = {key: value for key, value in sorted(recipe.items()) if key not in FACTORS}
            groups.setdefault((recipe.get("model", ""), repr(rest)), {})[point] = name
    several = {key: points for key, points in groups.items() if len(points) > 1}
    models = [model for model, _ in several]
    return {
        (model if models.count(model) == 1 else f"{model}/{min(points.values())}") if model
        else points[min(points)]: points
        for (model, _), points in several.items()
    }  # fmt: skip


def _places(table: ScoreTable, names: Sequence[str]) -> list[tuple[str, Context]]:
    """Arms and contexts that several of these classifiers have, each once."""
    found = Counter(
        (c.arm, Context("", c.regime, c.added, c.source)) for c in table.conditions if c.classifier in names
    )
    several = [place for place, times in found.items() if times > 1]
    return sorted(several, key=lambda place: (place[1].regime, place[1].added, place[1].source or (), place[0]))


def _effects(
    found: Mapping[Point, Mapping[int, float]], arm: str, context: Context, metric: str, threshold: str
) -> Iterator[Effect]:
    def effect(name: str, contrast: str, estimate: Estimate, kind: str = "difference") -> Effect:
        estimate = estimate.noted(source_note(context.source))
        return Effect(name, "0", f"{contrast} [{arm}]", context, metric, threshold, estimate, kind)

    for point in sorted({point._replace(masked=False) for point in found}):
        twin = point._replace(masked=True)
        estimate = _difference(found, point, twin)
        place = f"{point.words}: " if point.attention else ""
        yield effect("label_removal_loss", f"{place}with names - masked", estimate)
    if not any(point.attention for point in found):
        return
    yield effect("label_removal_regained", f"{EAGER.words} - {FLASH.words}", _difference(found, EAGER, FLASH))
    yield effect("label_removal_recovered", f"{EAGER.words} of {FLASH.words}", _recovered(found), RATIO)
    for one, other in combinations(sorted(found, key=lambda p: (p.masked, ORDER[p.dtype], ORDER[p.attention])), 2):
        changed = [name for name in ("attention", "dtype") if getattr(one, name) != getattr(other, name)]
        if one.masked != other.masked or len(changed) != 1:
            continue
        (factor,) = changed
        kept = one.dtype if factor == "attention" else one.attention
        name = f"{factor}_{getattr(one, factor)}_over_{getattr(other, factor)}"
        place = f"{kept}{', masked' if one.masked else ''}"
        yield effect(name, place, _difference(found, one, other))


def _difference(found: Mapping[Point, Mapping[int, float]], one: Point, other: Point) -> Estimate:
    lacking = _lacking(found, (one, other))
    if lacking:
        return lacking
    paired = align({"one": found[one], "other": found[other]})
    values = paired.values["one"] - paired.values["other"] if paired.draws else []
    return intervals.mean_interval(values).noted(paired.note)


def _recovered(found: Mapping[Point, Mapping[int, float]]) -> Estimate:
    named = FLASH._replace(masked=False)
    lacking = _lacking(found, (EAGER, FLASH, named))
    if lacking:
        return lacking
    paired = align({"eager": found[EAGER], "flash": found[FLASH], "named": found[named]})
    if not paired.draws:
        return intervals.undefined(paired.note or "no draw has all three")
    eager, flash, whole = (paired.values[name] for name in ("eager", "flash", "named"))
    return intervals.fieller(eager - flash, whole - flash).noted(paired.note)


def _lacking(found: Mapping[Point, Mapping[int, float]], wanted: Sequence[Point]) -> Estimate | None:
    """The reason why a contrast is undefined; None when every point was planned."""
    missing = [point.words for point in wanted if point not in found]
    return intervals.undefined(f"no recipe of this run has {'; '.join(missing)}") if missing else None
