"""From blocks to cells: each a point of the factorial, identified by its factor values alone."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from volfid.core import ids
from volfid.core.exits import ConfigError
from volfid.core.schemas import ANSWERS, REWRITERS
from volfid.core.supplied import BROUGHT, OWN, is_supplied
from volfid.core.updates import step_budget
from volfid.plan.design import Added, Arm, Block, Design
from volfid.plan.points import points
from volfid.plan.resolve import FINE_TUNED, LLMS, PENALISED, PLAIN_LOSS, WITH_LOSSES
from volfid.plan.sizes import Facts, regime_sizes, resolve_added, resolve_size
from volfid.plan.supplied import Supplied, pool_words

Cell = dict[str, Any]
LABELLER = "LLM"  # the arm whose scores are a generator's own answers
BEYOND = ("real_more", "pseudo_labelled")  # texts that are real documents beyond the regime


class NotPlanned(Exception):
    """A combination that means nothing or cannot be filled; carries the reason."""


def expand(
    design: Design, facts: Facts, recipes: dict[str, Any], methods: dict[str, dict[str, Any]],
    unpinned: Mapping[str, str] = MappingProxyType({}), engines: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[Cell], list[dict[str, Any]]]:  # fmt: skip
    """All cells sorted by id, and what was not planned with its reason.

    unpinned: classifiers that cannot be planned as long as their model has no revision, with the reason.
    engines: of each generator; a method that rewrites goes with its own engine alone.

    Two blocks that need the same cell share it. A pair that means nothing for a classifier
    family is left out and named; a block without any cell is refused.
    """
    sizes, curve, not_planned = regime_sizes(design, facts)
    cells: dict[str, Cell] = {}
    reasons: dict[tuple[str, str], int] = {}
    for block in design.blocks:
        planned = 0
        for arm_name, point in points(block, design, facts, sizes, curve):
            try:
                if point["classifier"] in unpinned:
                    raise NotPlanned(unpinned[point["classifier"]])
                cell = make_cell(
                    arm_name, _arm(design, block, arm_name), point, design, facts, recipes, methods, engines
                )
            except NotPlanned as why:
                what = f"block {block.name}, arm {arm_name}, {point['classifier']}"
                if point["method"] and design.arms[arm_name].needs_pool:
                    what += f", {point['method']}"
                if len(facts.supplied) > 1 and point["generator"] == BROUGHT:
                    what += f", {pool_words(point['supplied'].generator, point['supplied'].method)}"
                reasons[(what, str(why))] = reasons.get((what, str(why)), 0) + 1
                continue
            planned += 1
            known = cells.setdefault(cell["cell_id"], cell)
            known["blocks"] = sorted({*known["blocks"], block.name})
            known["priority"] = min(known["priority"], block.priority)
            known["optional"] = known["optional"] and block.optional
        if not planned and not block.optional:
            found = (reason for (what, reason) in reasons if what.startswith(f"block {block.name},"))
            raise ConfigError(f"block {block.name!r} has no cell: {next(found, 'it crosses nothing')}")
    _one_head_start(cells.values())
    not_planned += [{"what": what, "reason": reason, "cells": n} for (what, reason), n in sorted(reasons.items())]
    return [cells[key] for key in sorted(cells)], not_planned


def _arm(design: Design, block: Block, name: str) -> Arm:
    """The arm as the block has it: its head start is a factor of its own, whatever the arm is called."""
    arm = design.arms[name]
    return arm if block.head_start is None else arm.model_copy(update={"head_start": block.head_start})


def _one_head_start(cells: Iterable[Cell]) -> None:
    """Refuse one arm with two head starts for one classifier: they would be averaged as if they were one."""
    starts: dict[tuple[str, str], str] = {}
    for cell in cells:
        arm = cell["classifier"], cell["arm"]
        if starts.setdefault(arm, cell["head_start"]) != cell["head_start"]:
            raise ConfigError(
                f"the arm {arm[1]!r} has both head starts for {arm[0]}", mend="Give one of them another name in arms"
            )


def make_cell(
    arm_name: str, arm: Arm, point: dict[str, Any], design: Design, facts: Facts,
    recipes: dict[str, Any], methods: dict[str, dict[str, Any]], engines: Mapping[str, str] = MappingProxyType({}),
) -> Cell:  # fmt: skip
    """One cell with absolute M and U; factors that cannot matter are dropped.

    Raises NotPlanned when the combination means nothing for the classifier family, or the
    corpus cannot support it.
    """
    size, block, recipe = point["size"], point["block"], recipes[point["classifier"]]
    answers = recipe["family"] == "answers"
    if recipe["family"] == "instruct" and recipe["label_names"] and not facts.named_labels:
        raise NotPlanned(f"the prompt lists label names, and {facts.nameless()} (give --labels, or label_names: false)")
    if recipe.get("mask_label_names") and (design.mask_label_names or not facts.named_labels):
        why = "the design masks them everywhere" if facts.named_labels else f"{facts.nameless()} (give --labels)"
        raise NotPlanned(f"there are no label names that this recipe alone could mask: {why}")
    if answers != (arm_name == LABELLER):
        raise NotPlanned(f"the arm {LABELLER} and the classifiers {', '.join(ANSWERS)} mean something only together")
    if point["loss"] != PLAIN_LOSS and recipe["family"] not in WITH_LOSSES:
        raise NotPlanned(f"the loss {point['loss']!r} is one of {' and '.join(WITH_LOSSES)} recipes alone")
    mixture = point["real_share"] is not None
    if mixture:
        real_rows = round(point["real_share"] * point["budget"])
        added = rows_added = point["budget"] - real_rows
        if real_rows > size:
            raise NotPlanned(f"{real_rows} real rows of a budget of {point['budget']} exceed the regime of {size}")
        needs_pool = rows_added > 0
        text = "synthetic" if needs_pool else "none"
    else:
        real_rows, needs_pool, text = size, arm.needs_pool, arm.text
        steps_matter = arm.tuning == "fixed" and arm.updates == "high"
        uses_added = text != "none" or steps_matter
        if uses_added and point["added"] is None:
            raise ConfigError(f"block {block.name!r}: the arm {arm_name!r} needs added")
        added = resolve_added(point["added"], size, point["supplied"]) if uses_added else 0
        if uses_added and not added:
            raise NotPlanned(_none_usable(point["supplied"], point["added"], size))
        rows_added = added if text != "none" else 0
    if size > facts.train_pool:
        _cannot(block, f"a regime of {size} documents cannot be drawn: the train pool has {facts.train_pool}")
    if text in BEYOND and size + added > facts.train_pool:
        _cannot(block, f"{added} further documents beyond {size} exceed the train pool of {facts.train_pool}")
    pool = _pool(needs_pool, point, design, facts, methods, block, engines.get(point["generator"]))
    if needs_pool and pool["supply"] < rows_added:
        _cannot(block, f"{rows_added} synthetic rows exceed the {pool['supply']} documents that the pool can hold")
    rows_total = real_rows + rows_added
    training = _training(arm, recipe, real_rows, added, rows_added)
    cell = {
        "arm": arm_name, "regime": size, "draw": point["draw"],
        "generator": pool["generator"], "method": pool["method"], "label_plan": pool["label_plan"],
        "text": text, "label_law": arm.label_law if rows_added else "real", "rows_added": rows_added,
        "dose": point["dose"],
        "real_share": point["real_share"], "budget": point["budget"], "pool_size": pool["pool_size"], "round": 0,
        "added": added, "tuning": arm.tuning, "head_start": arm.head_start, "exposure": arm.exposure,
        "classifier": point["classifier"], "loss": point["loss"], "training_seed": point["training_seed"],
        "encoder": recipe.get("model", design.encoder), "rows_total": rows_total,
        "blocks": [], "priority": 99, "optional": True, **training,
    }  # fmt: skip
    cell["pool_id"] = pool_of(cell) if needs_pool else None
    if answers:
        cell |= _labeller(point["generator"], facts, engines.get(point["generator"]))
    # a generator that only answers adds no row: its cells share the real rows of their regime
    cell["trainset_id"] = ids.trainset_id(cell if needs_pool else {**cell, "generator": None})
    cell["cell_id"] = ids.cell_id(cell)
    return cell


def pool_of(cell: Cell) -> str:
    """The pool's id; a supplied pool is one and the same in every draw."""
    return ids.pool_id({**cell, "draw": 0} if is_supplied(cell) else cell)


def _none_usable(pool: Supplied, added: Added, size: int) -> str:
    there = pool.usable(size)
    return (
        f"added: {added} is no row: {there or 'none'} of the {pool.rows} documents of "
        f"{pool_words(pool.generator, pool.method)} {'is' if there < 2 else 'are'} made from the {size} real documents "
        "of every draw alone; larger regimes use more (sizes: [all])"
    )


def _pool(
    needs_pool: bool, point: dict[str, Any], design: Design, facts: Facts,
    methods: dict[str, dict[str, Any]], block: Block, engine: str | None,
) -> dict[str, Any]:  # fmt: skip
    if not needs_pool:
        return {"generator": None, "method": None, "label_plan": None, "pool_size": None, "supply": 0}
    if point["generator"] == BROUGHT:
        own = point["supplied"]
        place = {"generator": own.generator, "method": own.method, "label_plan": OWN, "pool_size": 0}
        return {**place, "supply": own.usable(point["size"])}
    assert design.pool is not None
    size = resolve_size(design.pool.size, facts)
    if size > point["size"]:
        _cannot(block, f"the pool was made from {size} documents, more than the regime of {point['size']} may know")
    own = methods[point["method"]].get("engine")
    if own not in (None, engine):
        raise NotPlanned(f"this method is that of generators with engine {own} alone")
    if own is None and engine in REWRITERS:
        raise NotPlanned(f"a generator with engine {engine} cannot be given a prompt")
    if methods[point["method"]]["needs_label_names"] and not (facts.named_labels or facts.unnamed):
        raise NotPlanned("labels have no names, so text cannot be asked for by label (give --labels)")
    return {
        "generator": point["generator"], "method": point["method"], "label_plan": design.factors.label_plan,
        "pool_size": size, "supply": design.pool.requests,
    }  # fmt: skip


def _labeller(generator: str, facts: Facts, engine: str | None) -> dict[str, Any]:
    """The factors of a cell that a generator answers."""
    if generator == BROUGHT:
        raise NotPlanned("supplied documents come without the model that wrote them, so it cannot be asked")
    if engine in REWRITERS:
        raise NotPlanned(f"a generator with engine {engine} cannot be asked for labels")
    if not facts.named_labels:
        raise NotPlanned(f"{facts.nameless()}, so nobody can be asked for them (give --labels)")
    return {"generator": generator}


def _training(arm: Arm, recipe: dict[str, Any], n: int, added: int, rows_added: int) -> dict[str, Any]:
    """Updates of an SGD family, the factor on C of a penalised one, or neither (docs/estimands.md)."""
    family = recipe["family"]
    if family in ("floor", "answers"):
        if arm != Arm():
            raise NotPlanned(f"{family} have no training, so only the plain real-only arm means something")
        return {"updates": "low", "n_updates": None, "penalty_scale": None}
    if family == "knn":
        return _voting(arm)
    if family in PENALISED:
        if arm.head_start == "prior":
            raise NotPlanned("a penalised solver has no head start: its optimum does not depend on it")
        if arm.exposure in ("half_real", "curriculum"):
            raise NotPlanned("a penalised solver has no batches to mix or to order")
        if arm.updates == "stopped":
            raise NotPlanned("a penalised solver has no updates to stop")
    if family == "contrastive":
        if arm.head_start == "prior":
            raise NotPlanned("the head on the tuned encoder is solved: its optimum does not depend on its start")
        if arm.exposure in ("half_real", "curriculum"):
            raise NotPlanned("a batch of pairs has no real half and no order: each pair may hold both kinds")
    if family in (*LLMS, "sequence") and arm.head_start == "prior":
        raise NotPlanned("a causal LLM and a sequence have no bias over the labels that could start at their shares")
    if family in FINE_TUNED and arm.updates == "stopped":
        raise NotPlanned("the stop rule is there for heads on frozen embeddings; a fine-tuned model has a fixed U")
    judged = arm.exposure == "filtered" or arm.text == "pseudo_labelled"
    if family in FINE_TUNED and recipe["folds_fitted"] and judged:
        raise NotPlanned("rows are judged by a model of every fold; the recipe has folds_fitted")
    solved = family in (*PENALISED, "contrastive")
    if arm.tuning == "tuned":
        return {"updates": "grid", "n_updates": None, "penalty_scale": 1.0 if solved else None}
    scale = (n + added if arm.updates == "high" else n) / (n + rows_added) if solved else None
    if family in PENALISED:
        return {"updates": arm.updates, "n_updates": None, "penalty_scale": scale}
    if arm.updates == "stopped":  # the rule decides; n_updates is the most it may make
        most = step_budget(n + rows_added, recipe["stop_batch"], recipe["stop_epochs"])
        return {"updates": "stopped", "n_updates": most, "penalty_scale": None}
    epochs = recipe["pairs_per_document" if family == "contrastive" else "epochs"]
    steps = step_budget(n + added if arm.updates == "high" else n, recipe["batch"], epochs)
    return {"updates": arm.updates, "n_updates": steps, "penalty_scale": scale}


def _voting(arm: Arm) -> dict[str, Any]:
    """Neighbours vote: nothing is updated, penalised or started from, and a copy has no vote of its own.

    Few and many updates are then the same classifier, so that steps have no effect and arms with many still have
    their partners; what remains matched is the number of distinct parents.
    """
    if arm.head_start == "prior":
        raise NotPlanned("neighbours that vote have no head to start")
    if arm.exposure in ("half_real", "curriculum"):
        raise NotPlanned("neighbours that vote have no batches to mix or to order")
    if arm.updates == "stopped":
        raise NotPlanned("neighbours that vote have no updates to stop")
    return {"updates": "grid" if arm.tuning == "tuned" else arm.updates, "n_updates": None, "penalty_scale": None}


def _cannot(block: Block, reason: str) -> None:
    if block.optional:
        raise NotPlanned(reason)
    raise ConfigError(f"block {block.name!r}: {reason}", mend="Lower sizes or added, or mark the block optional")
