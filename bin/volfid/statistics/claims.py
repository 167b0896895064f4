"""A verdict for every claim of params/claims.yaml, from the effects and correlations of a run."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from volfid.core.contracts import Row
from volfid.core.exits import ConfigError
from volfid.core.yaml_files import read_mapping
from volfid.statistics import correlation
from volfid.statistics.rules import CANNOT_DECIDE, DEVIATES, REPRODUCED, RULES, Spec
from volfid.statistics.words import number, signed

INCONSISTENT, NOT_RUN = "inconsistent as stated", "not run"
CLUSTER_TESTS = ("delta_r_cluster", "regime_swap")
PAPER = {"metric": "f1_micro", "threshold": "fixed_0.5"}
FILTERS = ("effect", "contrast", "metric", "threshold", "classifier", "generator", "method")
KEYS = frozenset({"text", "tier", "published", "blocks", "needs", "why_not", "here", "checks", "printed", "sign_flip"})


def read_claims(path: Path | str) -> dict[str, Spec]:
    """The claims by id. Raises ConfigError when the file is not YAML or not of the stated form."""
    loaded = read_mapping(path)
    if not isinstance(loaded.get("claims"), dict):
        raise ConfigError(f"{Path(path).name} has no mapping 'claims'")
    validate(loaded["claims"])
    return loaded["claims"]


def check_claims(
    claims: Mapping[str, Spec], effects: Sequence[Row], correlations: Sequence[Row], stamped: bool, missing: int
) -> list[Row]:
    """Rows of claims.json. `stamped`: the corpus is not evidence; `missing`: planned cells without a score."""
    validate(claims)
    rows = []
    for name in sorted(claims, key=lambda claim: int(claim[1:])):
        claim = claims[name]
        verdict, why = _judge(claim, effects, correlations, stamped)
        if missing and verdict != NOT_RUN:
            why += f"; {missing} planned cells are missing in this run"
        rows.append({
            "claim": name, "text": claim["text"], "tier": claim["tier"], "verdict": verdict, "why": why,
            "published": claim.get("published"), "here": _here(claim, effects, correlations),
        })  # fmt: skip
    return rows


def validate(claims: Mapping[str, Spec]) -> None:
    """Raise ConfigError (78) for an unknown key or rule, or a claim without text, tier, blocks and a check."""
    for name, claim in claims.items():
        if not (name.startswith("C") and name[1:].isdigit()):
            raise ConfigError(f"claims.yaml: {name!r} is not a claim id (C and a number)")
        unknown = sorted(set(claim) - KEYS)
        lacking = [key for key in ("text", "tier", "blocks") if key not in claim]
        if "checks" not in claim and "printed" not in claim:
            lacking.append("checks")
        if unknown or lacking:
            raise ConfigError(f"claims.yaml: {name} has the unknown keys {unknown} and lacks {lacking}")
        for check in claim.get("checks", ()):
            if check.get("rule") not in RULES:
                raise ConfigError(f"claims.yaml: {name} has the unknown rule {check.get('rule')!r}")


def _judge(claim: Spec, effects: Sequence[Row], correlations: Sequence[Row], stamped: bool) -> tuple[str, str]:
    reason = _unmet(claim, effects, stamped)
    if reason:
        return NOT_RUN, reason
    if "printed" in claim:
        return _printed(claim, effects, correlations)
    judged = [_check(check, effects) for check in claim["checks"]]
    if not judged:
        return NOT_RUN, claim.get("why_not", "the claim has no check")
    why = "; ".join(reason for _, reason in judged)
    found = [verdict for verdict, _ in judged]
    for verdict in (NOT_RUN, DEVIATES, CANNOT_DECIDE):
        if verdict in found:
            return verdict, why
    return REPRODUCED, why


def _unmet(claim: Spec, effects: Sequence[Row], stamped: bool) -> str | None:
    """Why the claim cannot be checked in this run; None when everything it needs is there."""
    needs = claim.get("needs", {})
    trained = {row["classifier"] for row in effects if row["classifier"]}
    names = {name.partition("/")[0] for name in trained}
    losses = {name.partition("/")[2] or "bce" for name in trained}
    generators = {row["generator"] for row in effects if row["generator"]}
    if not set(needs.get("classifiers", ())) <= names or not set(needs.get("losses", ())) <= losses:
        return claim.get("why_not", "the run lacks what the claim needs")
    for spec in needs.get("effects", ()):
        rows = select(spec, effects)
        if not any(row["estimate"] is not None for row in rows):
            why = next((row["note"] for row in rows if row["note"]), claim.get("why_not", "the run has no such effect"))
            return f"{spec['effect']} is undefined: {why}"
    if len(generators) < needs.get("generators", 0):
        return f"{len(generators)} generators in this run, {needs['generators']} are needed"
    if needs.get("corpus") == "real" and stamped:
        return "the corpus of this run is made for trying, not evidence"
    return None


# ---- effects ------------------------------------------------------------------------------


def select(spec: Spec, effects: Iterable[Row]) -> list[Row]:
    """Effects that a check or `here` names; F1 at 0.5 unless it says otherwise."""
    wanted = {key: value for key, value in {**PAPER, **spec}.items() if key in FILTERS}
    rows = [row for row in effects if all(row[key] == value for key, value in wanted.items())]
    sizes = {row["regime"] for row in rows if row["regime"] is not None}
    if spec.get("regime") and sizes:
        size = min(sizes) if spec["regime"] == "smallest" else max(sizes)
        rows = [row for row in rows if row["regime"] == size]
    return rows


def _check(check: Spec, effects: Sequence[Row]) -> tuple[str, str]:
    """Verdict over all effects that the check names: it must hold in each of them.

    An effect of one draw has no interval. Beside others it is told and decides nothing, also not that it cannot.
    """
    found = select(check, effects)
    rows = [row for row in found if row["n"] != 1] or found
    if not rows:
        return NOT_RUN, f"no effect {check['effect']!r} in this run"
    grouped = RULES[check["rule"]]
    verdicts = grouped(rows, check)
    if not verdicts:
        return NOT_RUN, f"{check['effect']}: only one method in this run"
    counts = {verdict: verdicts.count(verdict) for verdict in (REPRODUCED, DEVIATES, CANNOT_DECIDE)}
    told = ", ".join(f"{verdict} in {count}" for verdict, count in counts.items() if count)
    alone = f"; {len(found) - len(rows)} of one draw left out" if len(rows) < len(found) else ""
    why = f"{_rule_words(check)}: {told} of {len(verdicts)} ({_range(rows)}{alone})"
    if counts[DEVIATES]:
        return DEVIATES, why
    return (CANNOT_DECIDE if counts[CANNOT_DECIDE] else REPRODUCED), why


def _rule_words(check: Spec) -> str:
    value = "" if "value" not in check else f" {check['value']:g}"
    tolerance = "" if "tolerance" not in check else f" within {check['tolerance']:g}"
    return f"{check['effect']} {check['rule'].replace('_', ' ')}{value}{tolerance}"


def _range(rows: Sequence[Row]) -> str:
    values = [row["estimate"] for row in rows if row["estimate"] is not None]
    if not values:
        return "estimates undefined"
    low, high = number(min(values)), number(max(values))
    return f"estimate {low}" if low == high else f"estimates {low} to {high}"


def _here(claim: Spec, effects: Sequence[Row], correlations: Sequence[Row]) -> str | None:
    """This run's value beside the published one, the first three contexts."""
    if "sign_flip" in claim:
        return _signs(claim["sign_flip"], correlations)[1]
    rows = select(claim["here"], effects) if "here" in claim else []
    told = []
    for row in sorted(
        rows, key=lambda row: tuple(str(row[k]) for k in ("classifier", "regime", "added", "generator", "method"))
    ):
        if row["estimate"] is None:
            continue
        limits = (
            f" [{number(row['ci_low'])}, {number(row['ci_high'])}]"
            if row["ci_low"] is not None and row["ci_high"] is not None
            else ""
        )
        place = ", ".join(str(row[key]) for key in ("classifier", "method") if row[key]) or "this run"
        told.append(f"{signed(row['estimate'])}{limits} ({place}, n = {row['regime']}, M = {row['added']})")
    more = f"; {len(told) - 3} more" if len(told) > 3 else ""
    return f"{rows[0]['effect']}: {'; '.join(told[:3])}{more}" if told else None


# ---- printed correlations -----------------------------------------------------------------


def _printed(claim: Spec, effects: Sequence[Row], correlations: Sequence[Row]) -> tuple[str, str]:
    """Recompute what was printed from r and n; n comes from z where it was not printed."""
    printed = claim["printed"]
    r1, r2, (low, high) = printed["r1"], printed["r2"], printed["ci"]
    exact = correlation.equal_group_size(r1, r2, printed["z"])
    n = printed["n"] or round(exact)
    found = correlation.independent_difference(r1, n, r2, n)
    tanh = correlation.tanh_of_z_interval(r1, n, r2, n)
    told = [
        f"z = {printed['z']} needs n = {exact:.2f} conditions a regime, so n = {n}; z recomputed {found.z:.3f}",
        f"the difference is {found.delta:.2f} with Zou's interval [{found.low:.3f}, {found.high:.3f}]",
        f"tanh of the interval of z1 - z2 is [{tanh[0]:.3f}, {tanh[1]:.3f}]",
    ]
    verdict, signs = _signs(claim["sign_flip"], correlations)
    told.append(f"here: {signs}")
    clustered, by_generator = _by_generator(claim["sign_flip"], effects)
    if by_generator:
        told.append(by_generator)
    if verdict == REPRODUCED and clustered is not None and clustered != "positive":
        verdict = CANNOT_DECIDE if clustered == "cannot decide" else DEVIATES
    consistent = low <= found.delta <= high and math.isclose(found.z, printed["z"], abs_tol=0.05)
    if not consistent:
        told.insert(
            1, f"the printed interval [{low:.2f}, {high:.2f}] does not contain the difference it is printed for"
        )
        return INCONSISTENT, "; ".join(told)
    return verdict, "; ".join(told)


def _signs(spec: Spec, correlations: Sequence[Row]) -> tuple[str, str]:
    """Whether r is positive in the smallest and negative in the largest regime, by classifier."""
    rows = [
        row for row in correlations if all(row[key] == value for key, value in spec.items()) and row["r"] is not None
    ]
    sizes = sorted({row["regime"] for row in rows})
    if len(sizes) < 2:
        return NOT_RUN, f"r is defined in {len(sizes)} regimes: two are needed for a change of sign"
    verdicts, told = [], []
    for classifier in sorted({row["classifier"] for row in rows}):
        of = {row["regime"]: row for row in rows if row["classifier"] == classifier}
        if sizes[0] not in of or sizes[-1] not in of:
            continue
        first, last = of[sizes[0]], of[sizes[-1]]
        told.append(
            f"{classifier}: r {signed(first['r'], 2)} at n = {sizes[0]} and {signed(last['r'], 2)} at n = {sizes[-1]}"
        )
        if first["ci_low"] > 0 and last["ci_high"] < 0:
            verdicts.append(REPRODUCED)
        else:
            verdicts.append(DEVIATES if first["ci_high"] < 0 or last["ci_low"] > 0 else CANNOT_DECIDE)
    if not verdicts:
        return NOT_RUN, "no classifier has r in both regimes"
    verdict = next((v for v in (DEVIATES, CANNOT_DECIDE) if v in verdicts), REPRODUCED)
    return verdict, "; ".join(told)


def _by_generator(spec: Spec, effects: Sequence[Row]) -> tuple[str | None, str | None]:
    """Verdict and words of the tests with the generator as the unit; None where the run has none.

    Controls have no generator, so the scope is that without them. The verdict is the weakest over
    classifiers.
    """
    tail = f"{spec['fidelity_metric']}, {spec['outcome']}, without controls"
    rows = [
        row for row in effects
        if row["metric"] == spec["metric"] and row["threshold"] == spec["threshold"] and row["contrast"].endswith(tail)
    ]  # fmt: skip
    found = {name: {row["classifier"]: row for row in rows if row["effect"] == name} for name in CLUSTER_TESTS}
    told, verdicts = [], []
    for classifier, row in sorted(found[CLUSTER_TESTS[0]].items()):
        if row["ci_low"] is None:
            continue
        verdicts.append(row["verdict"])
        swap = found[CLUSTER_TESTS[1]].get(classifier, {}).get("p")
        p = "" if swap is None else f", regime swap p {swap:.2g}"
        told.append(
            f"{classifier}: difference {signed(row['estimate'], 2)} [{number(row['ci_low'], 2)}, "
            f"{number(row['ci_high'], 2)}] over {row['n']} generators{p}"
        )
    if not verdicts:
        return None, None
    verdict = next((v for v in ("negative", "cannot decide") if v in verdicts), "positive")
    return verdict, f"generators as units, without controls: {'; '.join(told)}"
