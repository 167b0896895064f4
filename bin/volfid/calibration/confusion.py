"""Which mechanism the instrument names in each world."""

from collections import Counter
from collections.abc import Iterator

from volfid.calibration.experiments import Key, Scored
from volfid.core.contracts import Row
from volfid.statistics.attribution import PLAYERS
from volfid.statistics.effects import CANNOT_DECIDE, Effect
from volfid.statistics.intervals import ALPHA, holm

# game -> its players, the score of the Shapley averages, and that of the resampling contrast
GAMES = {
    "ap_micro": (PLAYERS[:3], ("ap_micro", "none"), ("ap_micro", "none")),
    "f1_micro": (PLAYERS, ("f1_micro", "fixed_0.5 to tuned"), ("f1_micro", "fixed_0.5")),
}
RESAMPLING = "resampling"


def attributed(found: dict[Key, Effect], game: str) -> str:
    """The mechanism with the largest Shapley average (or resampling contrast) among those that differ from zero.

    Differ: p below .05 after Holm over the mechanisms of the game; none is `cannot decide`.
    """
    players, shapley, contrast = GAMES[game]
    keys = {player: (f"shapley_{player}", *shapley) for player in players}
    keys[RESAMPLING] = ("volume_resampling", *contrast)
    estimates_of = {name: found[key].estimate for name, key in keys.items() if key in found}
    adjusted = holm([estimate.p for estimate in estimates_of.values()])
    sure = [name for name, p in zip(estimates_of, adjusted, strict=True) if p < ALPHA]
    return max(sure, key=lambda name: abs(estimates_of[name].value)) if sure else CANNOT_DECIDE


def expected(scored: Scored, game: str) -> str:
    """The right answer: a threshold cannot move a score that needs none."""
    mechanism = scored.world.mechanism
    known = (*GAMES[game][0], RESAMPLING)
    return mechanism if mechanism in known else CANNOT_DECIDE


def confusion_rows(scored: Scored, draws: int, experiments: list[dict[Key, Effect]]) -> Iterator[Row]:
    """Rows of the contract `confusion`: how often each mechanism was named; none for worlds without a factorial."""
    if scored.world.sizes:
        return
    for game, (players, _, _) in GAMES.items():
        counts = Counter(attributed(found, game) for found in experiments)
        for name in (*players, RESAMPLING, CANNOT_DECIDE):
            yield {
                "world": scored.world.name, "classifier": scored.classifier, "draws": draws, "metric": game,
                "mechanism": expected(scored, game), "attributed": name, "replicates": len(experiments),
                "count": counts[name], "share": counts[name] / len(experiments),
            }  # fmt: skip
