"""The published correlations taken apart."""

from volfid.core.contracts import Row
from volfid.statistics import correlation
from volfid.statistics.published import arithmetic as p
from volfid.statistics.published.here import Here, Run
from volfid.statistics.published.rows import FOLLOWS, MISLABELLED, UNKNOWN, Figures, figures_of, row, sign
from volfid.statistics.words import number


def correlation_rows(figures: Figures, run: Run) -> list[Row]:
    spec, design = figures["correlation"], figures["design"]
    r1, r2, z, low, high = figures_of(spec, "r1", "r2", "z", "low", "high")
    n, least, most = p.equal_size(r1, r2, z)
    pairs = p.size_pairs(r1, r2, z)
    equal = [a for a, b in pairs if a == b]
    size = equal[0] if len(equal) == 1 else round(n)
    others: dict[int, list[int]] = {}
    for a, b in pairs:
        if a != b:
            others.setdefault(a, []).append(b)
    also = "; ".join(f"{a} with {p.runs(b)}" for a, b in others.items())
    found = correlation.independent_difference(r1.value, size, r2.value, size)
    tanh = correlation.tanh_of_z_interval(r1.value, size, r2.value, size)
    fits = p.sizes_with_interval(r1, r2, low, high)
    single = [correlation.fisher_interval(r.value, size) for r in (r1, r2)]
    inside = low.value <= found.delta <= high.value
    point = p.tanh_identity(r1.value, r2.value)
    both = f"r = {sign(r1)} and {sign(r2)}"
    by_regime = run.r_by_regime(spec["filters"])
    delta = run.effect(
        "delta_r", "r is not defined in two regimes of this run", _measure(spec), contrast=_delta_contrast(run, spec)
    )
    conditions = design["generators"] * design["methods"]
    return [
        row(
            "group_sizes", FOLLOWS, "How many conditions stand behind each r", f"{both}, z = {sign(z)}",
            f"Fisher's z of two equal groups is {z.text} for n = {number(n, 2)} each; over the rounding of all three "
            f"figures n lies in [{number(least, 2)}, {number(most, 2)}], so the equal size is "
            f"{p.runs(equal) or 'none'}. "
            + (f"Unequal sizes that give the same z: {also}. " if also else "No unequal sizes give the same z. ")
            + f"At n = {size} each, z = {number(found.z, 3)} and p = {found.p:.1e}.",
            {"n": n, "n_low": least, "n_high": most, "pairs": pairs, "z": found.z, "p": found.p},
            spec["from"], by_regime,
        ),
        row(
            "tanh_identity", FOLLOWS, "Two differences that are easily mixed up", both,
            f"tanh(z1 - z2) = (r1 - r2) / (1 - r1 r2) = {number(point)}; the difference r1 - r2 is "
            f"{number(found.delta, 2)}. The first cannot exceed 1, the second can reach 2.",
            {"tanh_of_dz": point, "delta_r": found.delta}, spec["from"],
            Here((), "an identity, the same in every run"),
        ),
        row(
            "interval", FOLLOWS if inside else MISLABELLED, "The interval printed for the difference of r",
            f"95 % interval of the difference [{sign(low)}, {sign(high)}]",
            f"The difference {number(found.delta, 2)} lies {'in' if inside else 'out'}side the interval printed "
            f"for it. tanh of the interval of z1 - z2 is [{number(tanh[0])}, {number(tanh[1])}] at n = {size}, which "
            f"prints as [{number(tanh[0], 2)}, {number(tanh[1], 2)}]; the printed limits fit it for sizes of "
            f"{p.runs(fits) or 'no group'} each{'' if inside or not fits else ', so it is what was printed'}. Zou's "
            f"interval of r1 - r2 at n = {size} is [{number(found.low)}, {number(found.high)}], "
            f"from r1 in [{', '.join(number(x) for x in single[0])}] and r2 in "
            f"[{', '.join(number(x) for x in single[1])}].",
            {"tanh_low": tanh[0], "tanh_high": tanh[1], "zou_low": found.low, "zou_high": found.high,
             "r1_interval": single[0], "r2_interval": single[1], "fits": fits}, spec["from"], delta,
        ),
        row(
            "conditions", UNKNOWN, "Which conditions the correlations run over", f"z = {sign(z)}",
            f"{design['generators']} generators and {design['methods']} methods make {conditions} conditions; "
            f"{size} leaves room for {size - conditions} more, for instance the two real controls. The same generators "
            "would stand in both regimes: then the two r are dependent and clustered, and Fisher's z, which takes them "
            "as independent, is no test of the change of sign.",
            {"generators_by_methods": conditions, "left": size - conditions}, spec["from"], by_regime,
        ),
    ]  # fmt: skip


def _measure(spec: Figures) -> tuple[str, str]:
    return spec["filters"]["metric"], spec["filters"]["threshold"]


def _delta_contrast(run: Run, spec: Figures) -> str | None:
    """The contrast of delta_r over the conditions of the claim; None where there is none."""
    tail = ": {fidelity_metric}, {outcome}, {scope}".format(**spec["filters"])
    return next((e.contrast for e in run.effects if e.name == "delta_r" and e.contrast.endswith(tail)), "none")
