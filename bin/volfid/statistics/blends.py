"""Effects of the mixture at a fixed budget. Descriptive: a handful of draws says little about an argmax."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from volfid.core.seeds import generator
from volfid.statistics import intervals, mixture
from volfid.statistics.effects import DIFFERENCE, MEAN, Effect
from volfid.statistics.intervals import Estimate, join_notes
from volfid.statistics.table import Context, ScoreTable, Source, align, source_note

BAND = (0.2, 0.3)
DESCRIPTIVE = "descriptive: few draws"


def mixture_effects(table: ScoreTable, master_seed: int) -> Iterator[Effect]:
    """Best share by draw, the quadratic's vertex, and the claimed band against both pure ends."""
    for (place, source), shares in _sets(table).items():
        classifier, regime, budget, _, metric, threshold = place
        paired = align({share: shares[share] for share in sorted(shares)})
        context = Context(classifier, regime, budget, source)
        remark = join_notes(DESCRIPTIVE, paired.note, source_note(source))
        grid = np.array(sorted(shares))

        def made(name: str, contrast: str, estimate: Estimate, kind: str, context=context, metric=metric, threshold=threshold, remark=remark) -> Effect:  # noqa: E501, ANN001
            return Effect(name, "mixture", contrast, context, metric, threshold, estimate.noted(remark), kind)

        if not paired.draws or len(grid) < 3:
            reason = paired.note or f"{len(grid)} shares: at least 3 are needed"
            yield made("mixture_best_share", "argmax over real_share", intervals.undefined(reason), MEAN)
            continue
        scores = np.stack([paired.values[share] for share in sorted(shares)], axis=1)
        yield from _described(grid, scores, made, master_seed, classifier, regime, budget, metric, threshold, source)


def _described(grid, scores, made, master_seed, classifier, regime, budget, metric, threshold, source):  # noqa: ANN001, ANN202
    best = mixture.best_shares(grid, scores)
    counts = ", ".join(f"{share:g} in {count}" for share, count in sorted(Counter(best.tolist()).items()))
    estimate = intervals.mean_interval(best, test=False).noted(f"best share by draw: {counts}")
    yield made("mixture_best_share", "argmax over real_share", estimate, MEAN)
    fit = mixture.fit_quadratic(grid, scores.mean(axis=0))
    for name, limits, interval in (
        ("mixture_vertex", fit.fieller, "Fieller, quadratic fit"), ("mixture_vertex_delta", fit.delta, "delta, quadratic fit"),
    ):  # fmt: skip
        low, high = limits or (None, None)
        estimate = Estimate(fit.vertex, low, high, None, len(scores), interval, fit.note)
        yield made(name, "vertex of the quadratic over real_share", estimate, MEAN)
    inside = (grid >= BAND[0] - 1e-9) & (grid <= BAND[1] + 1e-9)
    contrast = f"real_share in [{BAND[0]:g}, {BAND[1]:g}]"
    if not inside.any():
        missing = intervals.undefined(f"no measured share lies in [{BAND[0]:g}, {BAND[1]:g}]", len(scores))
        yield made("mixture_band_frequency", contrast, missing, MEAN)
        return
    rng = generator(master_seed, "mixture_band", classifier=classifier, regime=regime, budget=budget, metric=metric,
                    threshold=threshold, generator=source and source.generator, method=source and source.method)  # fmt: skip
    frequency = mixture.band_frequency(grid, scores, BAND, rng)
    note = "share of 2000 resamplings of the draws whose best share lies in the band"
    yield made("mixture_band_frequency", contrast, Estimate(frequency, None, None, None, len(scores), "none", note), MEAN)
    band = scores[:, inside].mean(axis=1)
    for end, name in ((0.0, "mixture_band_over_synthetic"), (1.0, "mixture_band_over_real")):
        if end in grid:
            pure = scores[:, int(np.flatnonzero(grid == end)[0])]
            yield made(name, f"{contrast} minus real_share {end:g}", intervals.mean_interval(band - pure), DIFFERENCE)


def _sets(table: ScoreTable) -> Mapping[tuple, dict[float, dict[int, float]]]:
    """Scores by share for each place and source; the purely real point has no source and joins every one."""
    found: dict[tuple[tuple, Source | None], dict[float, dict[int, float]]] = {}
    real: dict[tuple, dict[float, dict[int, float]]] = {}
    for (classifier, regime, budget, arm, source, metric, threshold), shares in sorted(table.mixtures.items(), key=repr):
        place = (classifier, regime, budget, arm, metric, threshold)
        if source is None:
            real.setdefault(place, {}).update(shares)
        else:
            found.setdefault((place, source), {}).update(shares)
    return {key: {**shares, **real.get(key[0], {})} for key, shares in found.items()}


