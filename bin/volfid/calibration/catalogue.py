"""The worlds that are run, and their small recipes."""

from dataclasses import replace

from volfid.calibration.worlds import World
from volfid.core.exits import ParameterError
from volfid.training.recipes import LinearRecipe, MlpRecipe

_LINEAR = LinearRecipe(C=1.0, grid_C=(0.1, 1.0, 10.0), tolerance=1e-4, max_iterations=200)
_SGD = MlpRecipe(
    hidden=16, activation="gelu", dropout=0.1, learning_rate=0.02, weight_decay=0.01, batch=16, epochs=8,
    warmup_share=0.06, clip=1.0, grid_updates=(15, 45), stop_batch=32, stop_epochs=20, stop_patience=2,
)  # fmt: skip
# One batch holds every training set, so that low and high updates are the same number: updates cannot matter.
_ONE_BATCH = replace(_SGD, batch=128, epochs=25, learning_rate=0.03)
_EVEN = (0.5,) * 8
_HEAD_FIRST, _TAIL_FIRST = (0.6,) * 4 + (0.1,) * 4, (0.1,) * 4 + (0.6,) * 4

WORLDS: dict[str, World] = {
    world.name: world
    for world in (
        World(
            "null", None,
            "texts say nothing of the labels, four labels have probability .9 and four .1: every arm learns the same "
            "frequencies, and any threshold between them decides alike",
            n=32, added=96, law_real=(0.9, 0.1) * 4, amplitude=0.0, scale=0.05, nuisance=0, text="fresh",
            linear=replace(_LINEAR, C=0.03), mlp=replace(_SGD, learning_rate=0.05),
        ),
        World(
            "steps", "updates",
            "added rows are real rows in disguise with the same label vectors; what tells the labels lies on axes of "
            "small variance, which few updates (or a strong penalty) do not reach",
            n=32, added=96, law_real=_EVEN, amplitude=2.0, scale=0.3, text="copies",
            linear=replace(_LINEAR, C=0.1), mlp=_SGD,
        ),
        World(
            "threshold", "threshold",
            "labels are rare and hard to tell, so that few probabilities pass one half although the ranking is what it "
            "can be; added rows are real rows in disguise, and all arms make the same updates",
            n=32, added=96, law_real=(0.15,) * 8, amplitude=0.4, text="copies",
            linear=replace(_LINEAR, C=0.15), mlp=_ONE_BATCH,
        ),
        World(
            "label_law", "law",
            "labels that are frequent in the real rows are rare in the test set, and the other way round; added rows "
            "are real rows in disguise at the law of the test set, so that copies at that law help as much",
            n=64, added=128, law_real=_HEAD_FIRST, law_test=_TAIL_FIRST, law_synthetic=_TAIL_FIRST, amplitude=0.3,
            text="copies", linear=replace(_LINEAR, C=0.1), mlp=replace(_ONE_BATCH, batch=192),
        ),
        World(
            "content", "text",
            "added rows are new documents of the population with the label vectors of the real rows; all arms make "
            "the same updates (the penalty of the linear head is that at which a weaker one changes nothing)",
            n=24, added=96, law_real=_EVEN, amplitude=1.5, text="fresh",
            linear=replace(_LINEAR, C=0.4), mlp=_ONE_BATCH,
        ),
        World(
            "duplication", "resampling",
            "added rows are real rows in disguise, each once; only copies drawn with replacement differ, because they "
            "leave out some documents and repeat others; all arms make the same updates",
            n=24, added=24, law_real=_EVEN, amplitude=1.5, text="copies",
            linear=replace(_LINEAR, C=0.3), mlp=replace(_ONE_BATCH, batch=48),
        ),
        World(
            "new_corpus", "text",
            "the world `content`, but every experiment has its own train pool of 48 documents and its own test set, "
            "and the truth is the mean over all of them: what the interval over draws does not claim to cover",
            n=24, added=96, law_real=_EVEN, amplitude=1.5, text="fresh", documents=48,
            linear=replace(_LINEAR, C=0.4), mlp=_ONE_BATCH,
        ),
        World(
            "worth", "text",
            "added rows are 24 new documents of the population, so that the synthetic text is worth exactly 24 further "
            "real ones and its content efficiency is 1; every arm is tuned, and every size is a number of whole "
            "batches (a short last batch would give its rows more weight, and bend the curve there)",
            n=48, added=24, law_real=_EVEN, law_synthetic=_EVEN, amplitude=1.0, text="fresh",
            sizes=(24, 48, 96, 144), linear=_LINEAR, mlp=replace(_SGD, batch=24),
        ),
    )
}  # fmt: skip


def world(name: str) -> World:
    """The world of that name; ParameterError (64) for another."""
    if name not in WORLDS:
        raise ParameterError(f"there is no world {name!r}", mend=f"Use one of {', '.join(WORLDS)}")
    return WORLDS[name]
