"""Does r turn between the smallest and the largest regime? Effects with the generator as the unit."""

from collections.abc import Iterator, Sequence

import numpy as np

from volfid.core.seeds import generator
from volfid.statistics import clustered, intervals, mixed
from volfid.statistics.clustered import FEWEST_CLUSTERS, Paired, Resampled
from volfid.statistics.conditions import WITHOUT_CONTROLS, Point, PointSet, scopes
from volfid.statistics.effects import MEAN, RATIO, Effect
from volfid.statistics.intervals import Estimate
from volfid.statistics.table import Context

PARENTS = ("mmd2_label_parent", "mmd2_text_parent")
TESTS = ("delta_r_cluster", "delta_slope_cluster", "regime_swap", "mixed_model_interaction")
FEWEST_FOR_INTERVAL, FEWEST_FOR_LEVEL = 4, 6
TOO_FEW_FOR_INTERVAL = "no interval from 3 generators: it would cover about 70 %, not 95 %"


def cluster_tests(sets: Sequence[PointSet], master_seed: int) -> Iterator[Effect]:
    """Cluster bootstrap of delta r and delta slope, regime swap and mixed model, for the parent distances.

    The pair of regimes is fixed: the smallest and the largest of the run. Conditions are those that
    stand in both. The swap and the model need a generator for each, so controls are left out; in
    the bootstrap a variant keeps them in every resample.
    """
    for one in sets:
        if len(one.regimes) < 2 or one.fidelity not in PARENTS:
            continue
        for scope in (WITHOUT_CONTROLS, "all"):
            small, large = min(one.regimes), max(one.regimes)
            low, high = (dict(scopes(one.regimes[n]))[scope] for n in (small, large))
            data, methods = _shared(low, high)
            place = f"(n={small}) - {{}}(n={large}): {one.fidelity}, {one.outcome}, {scope}"
            rng = generator(
                master_seed, "cluster", classifier=one.classifier, metric=one.metric, threshold=one.threshold,
                fidelity=one.fidelity, outcome=one.outcome, scope=scope,
            )  # fmt: skip
            for name, contrast, estimate, kind in _tests(data, methods, scope, place, rng):
                context = Context(one.classifier, None, None, None)
                yield Effect(name, "5", contrast, context, one.metric, one.threshold, estimate, kind, unit="generators")


def _shared(low: Sequence[Point], high: Sequence[Point]) -> tuple[Paired, list[str]]:
    """Conditions that stand in both regimes, and the method of each."""
    other = {point.twin: point for point in high}
    pairs = [(point, other[point.twin]) for point in low if point.twin in other]
    rows = [
        (a.fidelity, a.outcome, b.fidelity, b.outcome, a.rows.source.generator if a.rows.source else None)
        for a, b in pairs
    ]
    return clustered.paired_conditions(rows), [a.rows.source.method if a.rows.source else "" for a, _ in pairs]


def _tests(
    data: Paired, methods: Sequence[str], scope: str, place: str, rng: np.random.Generator
) -> Iterator[tuple[str, str, Estimate, str]]:
    """(effect, contrast, estimate, kind)."""
    contrasts = {
        TESTS[0]: "r" + place.format("r"), TESTS[1]: "slope" + place.format("slope"), TESTS[2]: "r" + place.format("r"),
        TESTS[3]: "minus the interaction, slope" + place.format("slope"),
    }  # fmt: skip
    wanted = TESTS if scope == WITHOUT_CONTROLS else TESTS[:2]
    reason = _reason(data)
    if reason:
        missing = intervals.undefined(reason, data.clusters)
        yield from ((name, contrasts[name], missing, RATIO) for name in wanted)
        return
    for name, found in zip(TESTS, clustered.cluster_bootstrap(data, rng), strict=False):
        yield name, contrasts[name], _bootstrapped(found, data.clusters), RATIO
    if scope == WITHOUT_CONTROLS:
        yield TESTS[2], contrasts[TESTS[2]], _swapped(data, rng), MEAN
        yield TESTS[3], contrasts[TESTS[3]], _interaction(data, methods), RATIO


def _reason(data: Paired) -> str | None:
    """Why nothing can be tested; None when it can."""
    if data.clusters < FEWEST_CLUSTERS:
        return f"{data.clusters} generators in both regimes: at least {FEWEST_CLUSTERS} are needed"
    flat = any(
        np.ptp(column) <= 1e-12 * max(1.0, float(np.abs(column).max())) for side in (data.x, data.y) for column in side
    )
    return "fidelity or outcome is the same in all conditions of a regime" if flat else None


def _bootstrapped(found: Resampled, clusters: int) -> Estimate:
    how = "exact" if found.exact else "sampled"
    if clusters < FEWEST_FOR_INTERVAL:
        return Estimate(found.delta, n=clusters, interval="none", note=TOO_FEW_FOR_INTERVAL)
    few = "below 6 generators it covers 90 to 96 %" if clusters < FEWEST_FOR_LEVEL else None
    plain = f"plain percentile [{found.plain[0]:.3f}, {found.plain[1]:.3f}] covers too little"
    return Estimate(
        found.delta, *found.calibrated, None, clusters, f"cluster bootstrap, {how}, expanded percentile",
        f"{found.resamples} resamples; {plain}",
    ).noted(few)  # fmt: skip


def _swapped(data: Paired, rng: np.random.Generator) -> Estimate:
    found = clustered.regime_swap(data, rng)
    how = "all" if found.exact else "drawn"
    note = f"{found.arrangements} arrangements ({how}); no p below {found.floor:.3g} is possible"
    return Estimate(found.delta, None, None, found.p, data.clusters, "none; regime swap by generator", note)


def _interaction(data: Paired, methods: Sequence[str]) -> Estimate:
    """Slope low - slope high of outcome on centred fidelity, with method and a random intercept by generator."""
    model = mixed.fit_mixed(mixed.regime_design(data.x, methods), data.y.ravel(), np.tile(data.cluster, 2))
    if model is None:
        return intervals.undefined("the mixed model cannot be fitted: too few or dependent conditions", data.clusters)
    low, high = model.interval(3)
    note = (
        f"variance of generators {model.var_cluster:.2g}, residual {model.var_residual:.2g}, "
        f"{model.degrees} degrees of freedom"
    )
    remark = "the generator variance is at its limit of zero" if model.boundary else None
    estimate = Estimate(
        -float(model.beta[3]), -high, -low, model.p(3), data.clusters, "REML, t within generators", note
    )
    return estimate.noted(remark)
