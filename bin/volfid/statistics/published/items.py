"""The published figures taken apart: rows of findings.json, `published`.

Every number is computed from the figures that the claims file prints (`figures`); three groups: what follows, what
is mislabelled, what cannot be known.
"""

from pathlib import Path

from volfid.core.contracts import Row
from volfid.core.exits import ConfigError
from volfid.core.yaml_files import read_yaml
from volfid.statistics.published.correlations import correlation_rows
from volfid.statistics.published.here import Run
from volfid.statistics.published.rows import Figures
from volfid.statistics.published.scores import score_rows
from volfid.statistics.published.setting import replication_rows, unknown_rows

NEEDED = {
    "scores": ("from", "real_only", "replication", "synthetic", "over_baseline"),
    "correlation": ("from", "claim", "digits"),
    "design": ("from", "real_documents", "labels", "generators", "methods", "ratio"),
    "retrieval": ("from", "relative_change"),
    "replication": ("from",),
    "examples": ("schedules", "multiples", "draws", "k_shot", "validation", "bounds", "smallest_ratio"),
}


def read_figures(path: Path | str) -> Row | None:
    """The mapping `figures` of the claims file, with r, z and interval of its correlation claim; None without one.

    Raises ConfigError (78) for a missing figure.
    """
    loaded = read_yaml(path)
    figures = loaded.get("figures") if isinstance(loaded, dict) else None
    if figures is None:
        return None
    for name, keys in NEEDED.items():
        lacking = [key for key in keys if key not in (figures.get(name) or {})]
        if lacking:
            raise ConfigError(f"claims.yaml, figures: {name} lacks {', '.join(lacking)}")
    spec = figures["correlation"]
    claim = loaded["claims"].get(spec["claim"], {})
    if "printed" not in claim or "sign_flip" not in claim:
        raise ConfigError(f"claims.yaml, figures: the claim {spec['claim']!r} prints no correlations")
    stated = claim["printed"]
    texts = {key: f"{stated[key]:.{spec['digits']}f}" for key in ("r1", "r2", "z")}
    texts |= {key: f"{end:.{spec['digits']}f}" for key, end in zip(("low", "high"), stated["ci"], strict=True)}
    return {**figures, "correlation": {**spec, **texts, "filters": claim["sign_flip"]}}


def take_apart(figures: Figures, run: Run) -> list[Row]:
    """Rows {name, group, title, printed, statement, values, from, here, not_here} in the order of the page."""
    return [
        *correlation_rows(figures, run),
        *score_rows(figures, run),
        *replication_rows(figures, run),
        *unknown_rows(figures, run),
    ]
