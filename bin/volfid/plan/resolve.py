"""From names to models, before anything runs."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from volfid.core.exits import ConfigError
from volfid.core.schemas import ANSWERS
from volfid.plan.design import Design

_SUMS = (r"[0-9a-f]{64}", "the sha256 of its SHA256SUMS (fetch_models names it)")
# by kind of source: what pins a revision, and how to get it
_PINS = {
    "hub": (r"[0-9a-f]{40}", "the commit of its repository (40 hex digits)"),
    "served": (r"[0-9a-f]{40}", "the commit of what the server runs (40 hex digits), if you know it,"),
    "package": _SUMS,
    "folder": _SUMS,
}


def check_methods(
    design: Design, models: dict[str, Any], methods: dict[str, dict[str, Any]], recipes: dict[str, Any]
) -> None:
    """Refuse unknown generators, methods, classifiers and encoders, and unpinned models (78), naming what exists."""
    _known("encoder", [design.encoder], models["encoders"])
    classifiers = sorted({*design.factors.classifier, *(name for block in design.blocks for name in block.classifier)})
    _known("classifier", classifiers, recipes)
    tuned = [recipes[name]["model"] for name in classifiers if recipes[name]["family"] == "encoder"]
    _known("encoder", tuned, {name: entry for name, entry in models["encoders"].items() if entry["source"]})
    for encoder in sorted({design.encoder, *tuned}):
        entry = models["encoders"][encoder]
        if entry["source"] and not entry["revision"]:
            why = entry.get("revision_unknown", "it was not looked up")
            raise ConfigError(f"models.yaml: encoder {encoder!r} has no pinned revision: {why}", mend="Pin its commit")
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
