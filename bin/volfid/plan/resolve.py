"""From relative sizes to absolute numbers, and names to models, before anything runs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from volfid.core.exits import ConfigError, ParameterError
from volfid.core.schemas import ANSWERS
from volfid.plan.design import Added, Design, Size

FINE_TUNED = ("encoder", "contrastive")  # families of recipes that train the weights of an encoder
WITH_LOSSES = ("sgd", "encoder")  # families that know other losses than the plain one
PLAIN_LOSS, LOSSES = "bce", "losses"  # the key of recipes.yaml that holds the others
_SUMS = (r"[0-9a-f]{64}", "the sha256 of its SHA256SUMS (fetch_models names it)")
# by kind of source: what pins a revision, and how to get it
_PINS = {
    "hub": (r"[0-9a-f]{40}", "the commit of its repository (40 hex digits)"),
    "served": (r"[0-9a-f]{40}", "the commit of what the server runs (40 hex digits), if you know it,"),
    "package": _SUMS,
    "folder": _SUMS,
}


@dataclass(frozen=True)
class Facts:
    """What the planner knows of the corpus."""

    train_pool: int
    named_labels: bool
    brought: int


def resolve_size(size: Size, facts: Facts) -> int:
    """Documents of a regime: as given, a share of the train pool when below 1, or all of it."""
    if size == "all":
        return facts.train_pool
    if isinstance(size, bool) or size <= 0:
        raise ParameterError(f"the regime size {size!r} means nothing", mend="Give documents, or a share below 1")
    if size < 1:
        return max(2, round(size * facts.train_pool))
    if size != int(size):
        raise ParameterError(f"the regime size {size!r} is neither a count nor a share below 1")
    return int(size)


def resolve_added(added: Added, size: int, facts: Facts) -> int:
    """M: rows added to a regime of `size` documents."""
    if isinstance(added, int) and not isinstance(added, bool) and added > 0:
        return added
    if added in ("pool", "pool/2"):
        rows = facts.brought // (2 if added == "pool/2" else 1)
        if rows < 1:
            raise ParameterError(f"added: {added} needs brought synthetic documents", mend="Give --synthetic")
        return rows
    if isinstance(added, str) and added.startswith("x"):
        try:
            rows = round(float(added[1:]) * size)
        except ValueError:
            rows = 0
        if rows > 0:
            return rows
    raise ParameterError(f"added: {added!r} means nothing", mend="Give rows (40), a multiple (x9), pool or pool/2")


def regime_sizes(design: Design, facts: Facts) -> tuple[list[int], list[int], list[dict[str, Any]]]:
    """Sizes, curve sizes, and what was left out.

    A regime that the pool cannot fill is refused; a point of the learning curve that it
    cannot fill is left out and named.
    """
    sizes = _distinct(resolve_size(size, facts) for size in design.regime.sizes)
    for size in sizes:
        if size > facts.train_pool:
            raise ParameterError(
                f"a regime of {size} documents cannot be drawn: the train pool has {facts.train_pool}",
                mend="Choose smaller sizes in the design, or bring more real documents",
            )
        if size < 2 * design.regime.folds:
            raise ParameterError(f"a regime of {size} documents cannot have {design.regime.folds} folds")
    curve = _distinct(resolve_size(size, facts) for size in design.regime.curve)
    fits = [size for size in curve if 2 * design.regime.folds <= size <= facts.train_pool]
    dropped = [
        {"what": f"learning curve at {size} documents", "reason": f"the train pool has {facts.train_pool}"}
        for size in curve
        if size not in fits
    ]
    return sizes, _distinct([*fits, *sizes]), dropped


def _distinct(values: Any) -> list[int]:
    return sorted(set(values))


def check_methods(
    design: Design, models: dict[str, Any], methods: dict[str, dict[str, Any]], recipes: dict[str, Any]
) -> None:
    """Refuse unknown generators, methods, classifiers and encoders, and unpinned models (78), naming what exists.

    An encoder that only optional blocks fine-tune may be without a revision: its cells are not planned (`unpinned`).
    """
    _known("encoder", [design.encoder], models["encoders"])
    listed = {block.name: block.classifier or design.factors.classifier for block in design.blocks}
    classifiers = sorted({*design.factors.classifier, *(name for names in listed.values() for name in names)})
    _known("classifier", classifiers, [name for name in recipes if name != LOSSES])
    asked = [*design.factors.loss, *(name for block in design.blocks for name in block.loss)]
    _known("loss", asked, {PLAIN_LOSS, *recipes.get(LOSSES, {})})
    tuned = [recipes[name]["model"] for name in classifiers if recipes[name]["family"] in FINE_TUNED]
    _known("encoder", tuned, {name: entry for name, entry in models["encoders"].items() if entry["source"]})
    wanted = {name for block in design.blocks if not block.optional for name in listed[block.name]}
    spared = {recipes[name]["model"] for name in set(unpinned(models, recipes)) - wanted}
    spared -= {design.encoder, *(recipes[name].get("model") for name in wanted)}
    for encoder in sorted({design.encoder, *tuned} - spared):
        entry = models["encoders"][encoder]
        if entry["source"] and not entry["revision"]:
            raise ConfigError(f"models.yaml: {_without_revision(encoder, entry)}", mend="Pin its commit")
        if design.scale == "paper":
            _pinned("encoder", encoder, entry)
    generators = {**models["generators"], "brought": {}}
    _known("generator", design.factors.generator, generators)
    for generator in design.factors.generator:
        entry = generators[generator]
        if design.scale == "paper":
            _pinned("generator", generator, entry)
        if entry.get("source") and not entry.get("revision"):
            raise ConfigError(f"models.yaml: generator {generator!r} has no pinned revision")
    if design.factors.generator != ["brought"]:
        named = [*design.factors.method, *(name for block in design.blocks for name in block.method)]
        _known("method", named, [name for name in methods if name not in ANSWERS])


def unpinned(models: Mapping[str, Any], recipes: Mapping[str, Any]) -> dict[str, str]:
    """Classifiers whose encoder has no revision in models.yaml, each with the reason why it cannot be planned."""
    found = {}
    for name, recipe in recipes.items():
        if name == LOSSES:
            continue
        entry = models["encoders"].get(recipe.get("model"))
        if recipe["family"] in FINE_TUNED and entry and entry["source"] and not entry["revision"]:
            found[name] = _without_revision(recipe["model"], entry)
    return found


def _without_revision(name: str, entry: Mapping[str, Any]) -> str:
    return f"encoder {name!r} has no pinned revision: {entry.get('revision_unknown', 'it was not looked up')}"


def _pinned(what: str, name: str, entry: Mapping[str, Any]) -> None:
    """Refuse a model whose revision is missing or moves: what is of scale paper must be repeatable."""
    served = entry.get("engine") == "openai"
    if not entry.get("source") and not served:
        return  # no weights: fitted here, fake or brought
    kind = "served" if served else entry["source"]["kind"]
    pattern, mend = _PINS[kind]
    revision = entry.get("revision")
    if re.fullmatch(pattern, str(revision or "")):
        return
    found = f"has the revision {revision!r}, which pins nothing" if revision else "has no revision"
    raise ConfigError(
        f"the design is of scale paper, and {what} {name!r} in models.yaml {found}",
        mend=f"Put {mend} there, or give the design another scale",
    )


def _known(what: str, names: Sequence[str], known: Any) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"unknown {what} {name!r}", mend=f"Known: {', '.join(sorted(known)) or 'none'}")
