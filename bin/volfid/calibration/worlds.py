"""Worlds with one mechanism each: documents as vectors, made so that the reason of a gain is known.

A label vector y is drawn label by label with the probabilities of a law (drawn again while it is empty);
the vector of a document has one axis for each label, amplitude x (2 y - 1) + noise, all times `scale`,
and `nuisance` further axes of unit normal noise. In every world but those of the name only one of the
factors updates, text, label law, threshold and resampling changes a score; how each world takes the
others away is said beside it. What is left of them is not assumed to be nothing: the truth of every
effect is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from volfid.core.seeds import generator
from volfid.training.recipes import LinearRecipe, MlpRecipe

FOLDS = 2


@dataclass(frozen=True)
class World:
    """One world. Laws are probabilities of the labels; `law_synthetic` None: the label vectors of the real rows.

    mechanism   the factor that changes scores; None where nothing does
    text        what an added row is: `copies` (a real row with `jitter`, no news) or `fresh` (a new document)
    n, added    real documents and M; test: test documents
    documents   None: every draw is a sample of the population and all draws share one test set. Else the
                size of a train pool; each experiment of `draws` draws has its own pool and test set
    sizes       real learning curve (worlds of the worth); empty: the factorial
    """

    name: str
    mechanism: str | None
    why: str
    n: int
    added: int
    law_real: tuple[float, ...]
    amplitude: float
    text: str
    mlp: MlpRecipe
    linear: LinearRecipe
    law_test: tuple[float, ...] | None = None
    law_synthetic: tuple[float, ...] | None = None
    scale: float = 1.0
    noise: float = 1.0
    nuisance: int = 8
    jitter: float = 0.02
    test: int = 200
    documents: int | None = None
    draws: int = 5
    sizes: tuple[int, ...] = ()
    classifiers: tuple[str, ...] = ("linear", "mlp")
    labels: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(f"l{place}" for place in range(len(self.law_real))))


@dataclass(frozen=True)
class Documents:
    """Vectors (documents, dimensions) float32 and labels (documents, labels) bool."""

    vectors: np.ndarray
    truth: np.ndarray


def label_vectors(law: Sequence[float], size: int, rng: np.random.Generator) -> np.ndarray:
    """`size` label vectors of a law, none of them empty, bool."""
    chance = np.asarray(law)
    found = rng.random((size, len(chance))) < chance
    while len(empty := np.flatnonzero(~found.any(1))):
        found[empty] = rng.random((len(empty), len(chance))) < chance
    return found


def vectors_of(world: World, truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """New documents with these labels."""
    about = world.scale * (world.amplitude * (2.0 * truth - 1.0) + world.noise * rng.standard_normal(truth.shape))
    return np.hstack([about, rng.standard_normal((len(truth), world.nuisance))]).astype(np.float32)


def sample(world: World, law: Sequence[float], size: int, rng: np.random.Generator) -> Documents:
    """A sample of a population."""
    truth = label_vectors(law, size, rng)
    return Documents(vectors_of(world, truth, rng), truth)


def test_set(world: World, master_seed: int, draw: int) -> Documents:
    """The test documents of a draw: one set for the world, or one for each experiment."""
    experiment = 0 if world.documents is None else draw // world.draws
    rng = generator(master_seed, "calibration_test", world=world.name, experiment=experiment)
    return sample(world, world.law_test or world.law_real, world.test, rng)


test_set.__test__ = False  # no test function


def real_documents(world: World, size: int, master_seed: int, draw: int) -> Documents:
    """The nested real documents of a draw: new ones, or a random order of the experiment's train pool."""
    if world.documents is None:
        return sample(
            world, world.law_real, size, generator(master_seed, "calibration_real", world=world.name, draw=draw)
        )
    experiment = draw // world.draws
    rng = generator(master_seed, "calibration_pool", world=world.name, experiment=experiment)
    pool = sample(world, world.law_real, world.documents, rng)
    chosen = generator(master_seed, "calibration_real", world=world.name, draw=draw).permutation(world.documents)[:size]
    return Documents(pool.vectors[chosen], pool.truth[chosen])


def paired_rows(world: World, real: Documents, rng: np.random.Generator) -> tuple[Documents, np.ndarray]:
    """M added rows, each with the label vector of a real row (round after round), and the row it is paired with."""
    parents = np.arange(world.added) % world.n
    return _added(world, real, parents, rng), parents


def own_law_rows(world: World, real: Documents, rng: np.random.Generator) -> tuple[Documents, np.ndarray]:
    """M added rows at the synthetic law, and the real row each was made from (-1 for fresh text).

    Copies: real rows, drawn with the odds of the synthetic against the real law, so that no label vector
    occurs that no real row has and copies can follow the law exactly. Fresh text: new label vectors.
    """
    if world.law_synthetic is None:
        parents = rng.permutation(np.arange(world.added) % world.n)
        made_from = parents if world.text == "copies" else np.full(world.added, -1)
        return _added(world, real, parents, rng), made_from
    if world.text == "fresh":
        truth = label_vectors(world.law_synthetic, world.added, rng)
        return Documents(vectors_of(world, truth, rng), truth), np.full(world.added, -1)
    wanted, had = np.asarray(world.law_synthetic), np.asarray(world.law_real)
    odds = np.log(wanted / had) * real.truth + np.log((1 - wanted) / (1 - had)) * ~real.truth
    weight = np.exp(odds.sum(1) - odds.sum(1).max())
    parents = rng.choice(world.n, size=world.added, p=weight / weight.sum())
    return _added(world, real, parents, rng), parents


def _added(world: World, real: Documents, parents: np.ndarray, rng: np.random.Generator) -> Documents:
    truth = real.truth[parents]
    if world.text == "fresh":
        return Documents(vectors_of(world, truth, rng), truth)
    moved = world.jitter * rng.standard_normal((len(parents), real.vectors.shape[1]))
    return Documents((real.vectors[parents] + moved).astype(np.float32), truth)
