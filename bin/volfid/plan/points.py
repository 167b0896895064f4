"""What a block crosses: arms with pools, regimes, classifiers, draws and the rest."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from volfid.core.schemas import ANSWERS
from volfid.core.supplied import BROUGHT
from volfid.plan.design import Added, Arm, Block, Design
from volfid.plan.sizes import POOL_SHARES, Facts, resolve_size
from volfid.plan.supplied import NOTHING, Supplied


def points(
    block: Block, design: Design, facts: Facts, sizes: list[int], curve: list[int]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name of the arm and factors of every point that a block crosses.

    sizes, curve: the regimes of the design. `supplied` of a point is the pool that it draws on or gets its M from.
    """
    if isinstance(block.size, list):
        chosen = sorted({resolve_size(size, facts) for size in block.size})
    else:
        chosen = sizes if block.size == "sizes" else curve
    every_added: Sequence[Added | None] = block.added or [None]
    shares: Sequence[float | None] = block.real_share or [None]
    doses: Sequence[float | None] = block.dose or [None]
    factors, draws = design.factors, min(block.draws or design.regime.draws, design.regime.draws)
    for arm_name in block.arms:
        pools = _pools(design, block, design.arms[arm_name], facts, every_added)
        for (generator, method, supplied), size, classifier, loss, draw, seed, added, share, dose in product(
            pools, chosen, block.classifier or factors.classifier, block.loss or factors.loss, range(draws),
            range(factors.training_seeds), every_added, shares, doses,
        ):  # fmt: skip
            if classifier in ANSWERS and generator is None:
                yield from (
                    (arm_name, {
                        "generator": name, "method": None, "size": size, "classifier": classifier, "loss": loss,
                        "draw": draw, "training_seed": seed, "added": added, "real_share": share,
                        "budget": block.budget, "dose": dose, "block": block, "supplied": supplied,
                    }) for name in factors.generator
                )  # fmt: skip
                continue
            yield arm_name, {
                "generator": generator, "method": method, "size": size, "classifier": classifier,
                "loss": loss, "draw": draw, "training_seed": seed, "added": added, "real_share": share,
                "budget": block.budget, "dose": dose, "block": block, "supplied": supplied,
            }  # fmt: skip


def _pools(
    design: Design, block: Block, arm: Arm, facts: Facts, every_added: Sequence[Added | None]
) -> list[tuple[str | None, str | None, Supplied]]:
    """Generator and method of each pool that an arm is crossed with, and the supplied pool that gives it M.

    An arm of real rows alone is planned at the M of every supplied pool, to which it is compared.
    """
    given = facts.pools if any(added in POOL_SHARES for added in every_added) else (NOTHING,)
    if not (arm.needs_pool or block.real_share):
        return [(None, None, pool) for pool in given]
    made = [name for name in design.factors.generator if name != BROUGHT]
    pairs = product(made, block.method or design.factors.method, given)
    return [*pairs, *((BROUGHT, None, pool) for pool in facts.pools if BROUGHT in design.factors.generator)]
