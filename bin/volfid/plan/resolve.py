"""From names to models, before anything runs."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from volfid.core.exits import ConfigError, InputMissingError
from volfid.core.schemas import ANSWERS, LABEL_CHECK, REWRITERS
from volfid.core.supplied import BROUGHT, is_supplied
from volfid.plan.design import Design

LLMS = ("decoder", "instruct")  # families that train adapters of a causal LLM
FINE_TUNED = ("encoder", "contrastive", "sequence", *LLMS)  # families of recipes that train the weights of a model
PENALISED = ("penalised", "ridge")  # families whose summed loss is weighed by C against a penalty
WITH_LOSSES = ("sgd", "encoder", "decoder")  # families that know other losses than the plain one
PLAIN_LOSS, LOSSES = "bce", "losses"  # the key of recipes.yaml that holds the others
_WEIGHTS = ("vllm", "transformers")  # engines that run the weights of an entry as they are
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
    """Refuse unknown generators, methods, classifiers and encoders, and unpinned models (78), naming what exists.

    An encoder that only optional blocks fine-tune may be without a revision: its cells are not planned (`unpinned`).
    """
    _known("encoder", [design.encoder], models["encoders"])
    listed = {block.name: block.classifier or design.factors.classifier for block in design.blocks}
    classifiers = sorted({*design.factors.classifier, *(name for names in listed.values() for name in names)})
    _known("classifier", classifiers, [name for name in recipes if name != LOSSES])
    asked = [*design.factors.loss, *(name for block in design.blocks for name in block.loss)]
    _known("loss", asked, {PLAIN_LOSS, *recipes.get(LOSSES, {})})
    tuned = {recipes[name]["model"]: recipes[name] for name in classifiers if recipes[name]["family"] in FINE_TUNED}
    for recipe in tuned.values():
        what = "causal LLM" if recipe["family"] in LLMS else "encoder"
        _known(what, [recipe["model"]], trainable(models, recipe["family"]))
    wanted = {name for block in design.blocks if not block.optional for name in listed[block.name]}
    spared = {recipes[name]["model"] for name in set(unpinned(models, recipes)) - wanted}
    spared -= {design.encoder, *(recipes[name].get("model") for name in wanted)}
    chosen = {design.encoder: models["encoders"][design.encoder]}
    chosen |= {name: model_entry(models, recipe) for name, recipe in tuned.items()}
    for encoder in sorted(set(chosen) - spared):
        entry = chosen[encoder]
        if entry["source"] and not entry["revision"]:
            raise ConfigError(f"models.yaml: {_without_revision(encoder, entry)}", mend="Pin its commit")
        if design.scale == "paper":
            _pinned("encoder", encoder, entry)
    generators = {**models["generators"], BROUGHT: {}}
    _known("generator", design.factors.generator, generators)
    checkers = design.checks.checkers if design.checks else []
    _known("checker", checkers, models["generators"])
    for name in checkers:
        if models["generators"][name]["engine"] in REWRITERS:
            raise ConfigError(f"checks: a generator with engine {models['generators'][name]['engine']} cannot be asked")
    for generator in dict.fromkeys([*design.factors.generator, *checkers]):
        entry = generators[generator]
        if design.scale == "paper":
            _pinned("generator", generator, entry)
        if entry.get("source") and not entry.get("revision"):
            raise ConfigError(f"models.yaml: generator {generator!r} has no pinned revision")
    if design.factors.generator != [BROUGHT]:
        named = [*design.factors.method, *(name for block in design.blocks for name in block.method)]
        _known("method", named, [name for name in methods if name not in (*ANSWERS, LABEL_CHECK)])


def check_pairs(design: Design, cells: Sequence[Mapping[str, Any]], models: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every (checker, author) of a design with checks, sorted; the author is a generator, or brought for supplied text.

    A generator does not check what it wrote unless the design says so. Raises ConfigError when nobody is left.
    """
    authors = sorted({BROUGHT if is_supplied(cell) else cell["generator"] for cell in cells if cell["pool_id"]})
    if design.checks is None or not authors:
        return []
    asked = design.checks.checkers or [name for name in design.factors.generator if name != BROUGHT]
    checkers = sorted(name for name in set(asked) if models["generators"][name]["engine"] not in REWRITERS)
    pairs = [(one, author) for one in checkers for author in authors if design.checks.own or one != author]
    if not pairs:
        raise ConfigError(
            f"checks: there is nobody to check the text of {', '.join(authors)}",
            mend="Name another generator in checks.checkers, or set checks.own: true for one that checks its own text",
        )
    return pairs


def trainable(models: Mapping[str, Any], family: str) -> dict[str, Any]:
    """The entries of models.yaml that a family of recipes may fine-tune, by name.

    Causal LLMs are those under `decoders`, and generators whose own weights lie on this machine.
    """
    if family not in LLMS:
        return {name: entry for name, entry in models["encoders"].items() if entry["source"]}
    writers = {name: entry for name, entry in models["generators"].items() if entry["engine"] in _WEIGHTS}
    return {name: entry for name, entry in {**writers, **models.get("decoders", {})}.items() if entry["source"]}


def model_entry(models: Mapping[str, Any], recipe: Mapping[str, Any]) -> Any:
    """The entry of models.yaml that a recipe of a family of FINE_TUNED trains."""
    return trainable(models, recipe["family"])[recipe["model"]]


def needs(recipes: Mapping[str, Any], used: Collection[str]) -> dict[str, str]:
    """Classifiers among `used` whose recipe cannot run everywhere, each with what it needs."""
    found = {}
    for name in sorted(used):
        recipe = recipes[name]
        wanted = ["a CUDA device", "the package bitsandbytes"] if recipe.get("quantisation") else []
        wanted += ["a GPU"] if not wanted and recipe.get("dtype") == "bfloat16" else []
        wanted += ["a GPU", "the package flash-attn"] if recipe.get("attention") == "flash_attention_2" else []
        if wanted:
            found[name] = " and ".join(dict.fromkeys(wanted))
    return found


def unpinned(models: Mapping[str, Any], recipes: Mapping[str, Any]) -> dict[str, str]:
    """Classifiers whose encoder has no revision in models.yaml, each with the reason why it cannot be planned."""
    found = {}
    for name, recipe in recipes.items():
        if name == LOSSES:
            continue
        if recipe["family"] not in FINE_TUNED:
            continue
        entry = trainable(models, recipe["family"]).get(recipe["model"])
        if entry and not entry["revision"]:
            found[name] = _without_revision(recipe["model"], entry)
    return found


def engines_of(models: Mapping[str, Any]) -> dict[str, str]:
    """The engine of every generator."""
    return {name: entry["engine"] for name, entry in models["generators"].items()}


def rewriting(methods: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """The methods that rewrite a document without a prompt."""
    return frozenset(name for name, method in methods.items() if "engine" in method)


def prompt_families(design: Design, methods: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The prompt family of every method whose prompt names a genre, e.g. patent_abstract; the design's wins."""
    sampling = design.pool.sampling if design.pool else {}
    genres = {
        name: sampling.get(name, {}).get("genre") or method.get("defaults", {}).get("genre")
        for name, method in methods.items()
        if name not in (*ANSWERS, LABEL_CHECK) and "genre" in method.get("placeholders", ())
    }
    return {name: "_".join(genre.lower().split()) for name, genre in genres.items() if genre}


def _without_revision(name: str, entry: Mapping[str, Any]) -> str:
    return f"encoder {name!r} has no pinned revision: {entry.get('revision_unknown', 'it was not looked up')}"


def _pinned(what: str, name: str, entry: Mapping[str, Any]) -> None:
    """Refuse a model whose revision is missing or moves: what is of scale paper must be repeatable."""
    served = entry.get("engine") == "openai"
    if not entry.get("source") and not served:
        return  # no weights: fitted here, fake or supplied
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


def check_fetched(jobs: Sequence[Mapping[str, Any]], models: Mapping[str, Any], fetched: Collection[str]) -> None:
    """InputMissingError (66) when a job needs weights that are not among the fetched models; served ones need none."""
    entries = {**models["generators"], **models["encoders"], **models.get("decoders", {})}
    named = sorted({job["model"] for job in jobs if job["model"] in entries})
    missing = [name for name in named if entries[name].get("source") and name not in fetched]
    if missing:
        gated = [name for name in missing if entries[name].get("gated")]
        terms = f" (accept the terms of {' and '.join(gated)} on the hub first, and set HF_TOKEN)" if gated else ""
        wanted = " ".join(f"--only {name}" for name in missing)
        raise InputMissingError(
            f"the plan needs models that are not fetched: {', '.join(missing)}",
            mend=f"Once, with a network: bin/fetch_models.py --models params/models.yaml --model-dir models {wanted}"
            + terms,
        )


def _known(what: str, names: Sequence[str], known: Any) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"unknown {what} {name!r}", mend=f"Known: {', '.join(sorted(known)) or 'none'}")
