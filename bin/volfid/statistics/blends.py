"""Effects of the mixture at a fixed budget. Descriptive: a handful of draws says little about an argmax."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from volfid.core.seeds import generator
from volfid.statistics import intervals, mixture
from volfid.statistics.effects import DIFFERENCE, MEAN, Effect
from volfid.statistics.intervals import Estimate, join_notes
from volfid.statistics.table import Context, ScoreTable, Source, align, source_note

BAND = (0.2, 0.3)
IN_BAND = f"real_share in [{BAND[0]:g}, {BAND[1]:g}]"
FEWEST_SHARES = 3
DESCRIPTIVE = "descriptive: few draws"
RESAMPLINGS = 2000


@dataclass(frozen=True)
class Mixture:
    """One set of shares in its place; `context.added` holds the budget."""

    context: Context
    metric: str
    threshold: str
    remark: str | None

    def effect(self, name: str, contrast: str, estimate: Estimate, kind: str = MEAN) -> Effect:
        """An effect of this mixture."""
        noted = estimate.noted(self.remark)
        return Effect(name, "mixture", contrast, self.context, self.metric, self.threshold, noted, kind)


def mixture_effects(table: ScoreTable, master_seed: int) -> Iterator[Effect]:
    """Best share by draw, the quadratic's vertex, and the claimed band against both pure ends."""
    for (place, source), shares in _sets(table).items():
        classifier, regime, budget, _, metric, threshold = place
        grid = np.array(sorted(shares))
        paired = align({f"real_share {share:g}": shares[share] for share in grid.tolist()})
        remark = join_notes(DESCRIPTIVE, paired.note, source_note(source))
        one = Mixture(Context(classifier, regime, budget, source), metric, threshold, remark)
        if not paired.draws or len(grid) < FEWEST_SHARES:
            reason = paired.note or f"{len(grid)} shares: at least {FEWEST_SHARES} are needed"
            yield one.effect("mixture_best_share", "argmax over real_share", intervals.undefined(reason))
            continue
        rng = generator(
            master_seed, "mixture_band", classifier=classifier, regime=regime, budget=budget, metric=metric,
            threshold=threshold, generator=source.generator, method=source.method,
        )  # fmt: skip
        scores = np.stack(list(paired.values.values()), axis=1)
        yield from _peak(one, grid, scores)
        yield from _band(one, grid, scores, rng)


def _peak(one: Mixture, grid: np.ndarray, scores: np.ndarray) -> Iterator[Effect]:
    """Where the best share lies: by draw (no interval, an argmax has none from a few draws), and of the fit."""
    best = mixture.best_shares(grid, scores)
    counts = ", ".join(f"{share:g} in {count}" for share, count in sorted(Counter(best.tolist()).items()))
    note = f"mean over draws of the best share; by draw: {counts}"
    estimate = Estimate(float(best.mean()), n=len(best), interval="none", note=note)
    yield one.effect("mixture_best_share", "argmax over real_share", estimate)
    fit = mixture.fit_quadratic(grid, scores.mean(axis=0))
    for name, limits, how in (("mixture_vertex", fit.fieller, "Fieller"), ("mixture_vertex_delta", fit.delta, "delta")):
        low, high = limits or (None, None)
        estimate = Estimate(fit.vertex, low, high, None, len(scores), f"{how}, quadratic fit to the means", fit.note)
        yield one.effect(name, "vertex of the quadratic over real_share", estimate)
    low, high = mixture.fit_unimodal(grid, scores.mean(axis=0)).plateau
    flat = f"the fit is level from {low:g} to {high:g}" if high > low else None
    estimate = Estimate((low + high) / 2, n=len(scores), interval="none", note=flat)
    yield one.effect("mixture_unimodal_peak", "peak of the unimodal fit over real_share", estimate)


def _band(one: Mixture, grid: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> Iterator[Effect]:
    """How often the best share lies in the claimed band, and the band against purely real and purely synthetic."""
    inside = (grid >= BAND[0] - 1e-9) & (grid <= BAND[1] + 1e-9)
    if not inside.any():
        missing = intervals.undefined(f"no measured share lies in [{BAND[0]:g}, {BAND[1]:g}]", len(scores))
        yield one.effect("mixture_band_frequency", IN_BAND, missing)
        return
    found = mixture.best_share_distribution(scores, rng, RESAMPLINGS)
    frequency = float(found.probability[inside].sum())
    how = "all" if found.exact else f"{RESAMPLINGS} of the"
    spread = ", ".join(f"{x:g} in {p:.0%}" for x, p in zip(grid, found.probability, strict=True) if p > 0)
    note = f"best share over {how} {found.distinct} distinct resamples of {len(scores)} draws: {spread}"
    yield one.effect("mixture_band_frequency", IN_BAND, Estimate(frequency, n=len(scores), interval="none", note=note))
    band = scores[:, inside].mean(axis=1)
    for end, name in ((0.0, "mixture_band_over_synthetic"), (1.0, "mixture_band_over_real")):
        if end in grid:
            pure = scores[:, int(np.flatnonzero(grid == end)[0])]
            estimate = intervals.mean_interval(band - pure)
            yield one.effect(name, f"{IN_BAND} minus real_share {end:g}", estimate, DIFFERENCE)


def _sets(table: ScoreTable) -> Mapping[tuple, dict[float, dict[int, float]]]:
    """Scores by share for each place and source; the purely real point has no source and joins every one."""
    found: dict[tuple[tuple, Source], dict[float, dict[int, float]]] = {}
    real: dict[tuple, dict[float, dict[int, float]]] = {}
    for (classifier, regime, budget, arm, source, metric, threshold), shares in sorted(
        table.mixtures.items(), key=repr
    ):
        place = (classifier, regime, budget, arm, metric, threshold)
        if source is None:
            real.setdefault(place, {}).update(shares)
        else:
            found.setdefault((place, source), {}).update(shares)
    return {key: {**shares, **real.get(key[0], {})} for key, shares in found.items()}
