"""Settings of the stage, and the figures that its parts hand over."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from volfid.core.exits import ConfigError
from volfid.fidelity import diversity, labels, manifold, memorisation

OWN = "none"
"""Reference of a figure that compares with nothing."""
REFERENCE = "reference"


@dataclass(frozen=True)
class Settings:
    """Fixed choices of the stage; all are echoed in the manifest.

    token_budget       tokens of the size-controlled diversity figures (64 abstracts hold as many)
    permutations       of the MMD tests on labels and on texts (0 leaves them out)
    neighbours         k of precision, recall, density and coverage
    mauve_seeds        k-means seeds of MAUVE, two or more (0 leaves it out)
    sample_limit       documents a side that MAUVE and the MMD test on texts take at most; more are sampled
    self_bleu_limit    documents that Self-BLEU takes at most; more are sampled
    median_limit       train documents the text bandwidth is taken from
    """

    two_sigma_squared: tuple[float, ...] = labels.TWO_SIGMA_SQUARED
    token_budget: int = 5_000
    permutations: int = 999
    neighbours: int = manifold.NEIGHBOURS
    mauve_seeds: int = 5
    sample_limit: int = 2_000
    self_bleu_limit: int = 20_000
    median_limit: int = 4096
    containment_width: int = memorisation.WIDTH
    containment_limit: float = 0.2
    encoder: str | None = None

    def __post_init__(self) -> None:
        least = {
            "token_budget": 1, "permutations": 0, "neighbours": 1, "mauve_seeds": 0, "sample_limit": 20,
            "self_bleu_limit": 2, "median_limit": 2, "containment_width": 1,
        }  # fmt: skip
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ConfigError(f"measure_fidelity: {name} is {getattr(self, name)}", mend=f"Make it at least {low}")
        if self.mauve_seeds == 1:
            raise ConfigError(
                "measure_fidelity: one k-means seed has no spread", mend="Set mauve_seeds to 0, 2 or more"
            )

    def echo(self) -> dict[str, Any]:
        """All settings, for the manifest."""
        return {**asdict(self), "kernel": "mean of Gaussians", "tokenisation": diversity.TOKENISATION}


class Figure(NamedTuple):
    """One figure of some rows: `why` it is undefined, a `note` where it is not, documents `n` if not all rows."""

    metric: str
    value: float | None
    why: str = ""
    reference: str = OWN
    note: str | None = None
    n: int | None = None
