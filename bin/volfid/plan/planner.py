"""Design and corpus in, plan out: cells, jobs, the record and its printed summary."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from volfid.core.contracts import Row
from volfid.core.exits import ConfigError, ParameterError
from volfid.core.files import canonical_json, sha256_text
from volfid.core.schemas import REWRITERS
from volfid.core.supplied import is_supplied
from volfid.core.yaml_files import read_yaml
from volfid.plan import supplied
from volfid.plan.batch import make_jobs
from volfid.plan.cost import estimate
from volfid.plan.design import Design
from volfid.plan.expand import BEYOND, expand
from volfid.plan.looks import decided_arms, draws_of_look, saving, without_decided
from volfid.plan.resolve import (
    LOSSES,
    PLAIN_LOSS,
    check_methods,
    engines_of,
    needs,
    prompt_families,
    rewriting,
    unpinned,
)  # fmt: skip
from volfid.plan.sizes import Facts, regime_sizes, relative_added, relative_sizes, shot_sizes, shot_words, shots_of

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
PROTOCOL = {
    "unit": "the draw: one nested sample of real documents; arms are compared within it",
    "interval": "t on per-draw paired differences, level 0.95",
    "thresholds": "fixed 0.5; tuned on out-of-fold scores of the real documents; label-free cardinality; "
    "per label with at least 5 positives, else tuned; per label as the mean over folds (cross-validated)",
    "decision": "a label is predicted when its probability is above the threshold (strict)",
    "tuning": "one grid for every arm, chosen by out-of-fold micro-average precision on real documents",
    "folds": "fixed when the regime is drawn; copies and synthetic rows leave with their sources",
    "macro": "labels with at least one test positive",
    "mmd": "squared MMD of label vectors against the reference fold; mean of Gaussians, 2 sigma^2 in {1, 2, 4, 8, 16}",
    "retrieval": "exact inner product, Jaccard gain (linear), ties by document id, ideal from the fixed train pool",
}


@dataclass(frozen=True)
class Plan:
    """What the planner decided."""

    cells: list[dict[str, Any]]
    jobs: list[dict[str, Any]]
    record: dict[str, Any]


def read_methods(folder: Path) -> dict[str, dict[str, Any]]:
    """The generation methods: one folder of `folder` each, with a template.yaml (a prompt) or a rewriter.yaml.

    Raises ConfigError when the prompt uses a placeholder that is not declared, or the reverse.
    """
    methods = {}
    for path in sorted(folder.glob("*/template.yaml")):
        template = read_yaml(path)
        name = f"{path.parent.name}/template.yaml"
        for key in ("placeholders", "prompt", "needs_label_names"):
            if not isinstance(template, dict) or key not in template:
                raise ConfigError(f"{name} has no {key!r}")
        odd = set(_PLACEHOLDER.findall(template["prompt"])) ^ set(template["placeholders"])
        if odd:
            raise ConfigError(f"{name}: placeholders do not match the prompt: {', '.join(sorted(odd))}")
        methods[path.parent.name] = template
    for path in sorted(folder.glob("*/rewriter.yaml")):
        rewriter = read_yaml(path)
        if not isinstance(rewriter, dict) or rewriter.get("engine") not in REWRITERS:
            raise ConfigError(f"{path.parent.name}/{path.name} names no engine of {', '.join(REWRITERS)}")
        if path.parent.name in methods:
            raise ConfigError(f"{path.parent.name} has a template.yaml and a rewriter.yaml", mend="Keep one of them")
        methods[path.parent.name] = rewriter | {"needs_label_names": False}
    return methods


def prompts_sha(methods: Mapping[str, Any]) -> str:
    """Hash of all templates; in the job, so that an edited prompt is new work."""
    return sha256_text(canonical_json(methods))


def check_claims(design: Design, claims: Mapping[str, Any]) -> None:
    """Refuse a block that names a claim which does not exist, or which it cannot feed (78)."""
    for block in design.blocks:
        for claim in block.claims:
            if claim not in claims["claims"]:
                raise ConfigError(f"block {block.name!r} names the claim {claim!r}, which is not in claims.yaml")
            fed_by = claims["claims"][claim]["blocks"]
            if block.name not in fed_by:
                raise ConfigError(f"block {block.name!r} cannot feed {claim}, which needs {' or '.join(fed_by)}")


def make_plan(
    design: Design, *, corpus: dict[str, Any], models: dict[str, Any], recipes: dict[str, Any],
    methods: dict[str, dict[str, Any]], claims: Mapping[str, Any], seed: int | None, cores: int, bin_dir: Path,
    labels: Sequence[Mapping[str, Any]] = (), look: int | None = None, previous: Iterable[Row] = (),
    read_documents: Callable[[], Sequence[Row]] | None = None, read_brought: Callable[[], Sequence[Row]] | None = None,
) -> Plan:  # fmt: skip
    """Validate everything and expand the design. `seed` replaces the design's own; `labels`: rows of labels.json.

    read_documents: gives the rows of documents.jsonl; called for k-shot regimes and for supplied documents that name
    their sources, where sizes depend on them. read_brought: the rows of brought.jsonl; called where there are any.
    look, previous: the look of a sequential design, and the effects of the look before (plan/looks.py).
    """
    every_draw = design.regime.draws
    design = draws_of_look(design, look)
    check_methods(design, models, methods, recipes)
    check_claims(design, claims)
    master_seed = design.seed if seed is None else seed
    facts, shots = _facts(design, corpus, labels, read_documents, every_draw, master_seed)
    facts = _with_pools(facts, design, labels, read_documents, read_brought, every_draw, master_seed)
    whole, not_planned = expand(design, facts, recipes, methods, unpinned(models, recipes), engines_of(models))
    cells, stopped = without_decided(whole, decided_arms(design, previous))
    names = [row["name"] for row in labels]
    if design.mask_label_names and not any(names):
        raise ConfigError("mask_label_names needs labels with names", mend="Give --labels, or leave it out")
    if design.checks and not (facts.named_labels and any(cell["pool_id"] for cell in cells)):
        why = f"{facts.nameless()}, so nobody can be asked whether a text has them (give --labels)"
        if facts.named_labels:
            why = "no arm trains on synthetic text"
        not_planned.append({"what": "checks", "reason": why, "cells": 0})
        design = design.model_copy(update={"checks": None})
    sha = prompts_sha(methods)

    def priced(some: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        drawn = {
            "sizes": needed_sizes(some), "sampling": design.regime.sampling,
            "min_positives": design.regime.min_positives, "shots": max(facts.shots, default=0),
        }  # fmt: skip
        jobs = make_jobs(
            design, some, drawn, master_seed, bin_dir, models, recipes, sha, corpus["stamp"], names, rewriting(methods),
            prompt_families(design, methods),
        )  # fmt: skip
        return jobs, estimate(design, some, jobs, corpus, models, recipes, cores, names)

    jobs, costs = priced(cells)
    if stopped:
        costs["spared"] = saving(priced(whole)[1], costs)
    sizes, curve, _ = regime_sizes(design, facts)
    blocks = Counter(block for cell in cells for block in cell["blocks"])
    fed = {claim: block.name for block in design.blocks for claim in block.claims if blocks[block.name]}
    used_losses = sorted({cell["loss"] for cell in cells} - {PLAIN_LOSS})
    resolved = {
        "sizes": sizes, "curve": curve, "train_pool": facts.train_pool, "relative": relative_sizes(design, facts),
        "added": relative_added(design, facts), "shots": shots,
        "supplied": supplied.record(facts.supplied, sorted({cell["regime"] for cell in cells if is_supplied(cell)})),
    }  # fmt: skip
    record = {
        "design": {**design.model_dump(mode="json"), "resolved": resolved},
        "master_seed": master_seed,
        "counts": {
            "cells": len(cells), "cells_by_block": dict(sorted(blocks.items())), "jobs": len(jobs),
            "jobs_by_stage": dict(sorted(Counter(job["stage"] for job in jobs).items())),
            "trainsets": len({cell["trainset_id"] for cell in cells}), "requests": costs["requests"],
        },
        "estimate": costs, "not_planned": not_planned, "stopped": stopped,
        "protocol": {**PROTOCOL, "encoder": design.encoder, "folds_n": design.regime.folds,
                     "sampling": sampling_words(design, shots),
                     "recipes": {name: recipes[name] for name in sorted({cell["classifier"] for cell in cells})},
                     "losses": {name: recipes[LOSSES][name] for name in used_losses},
                     "claims_fed": fed, "prompts_sha": sha, "rules": dict(design.rules),
                     "label_names_masked": design.mask_label_names,
                     "folds_fitted": _folds_fitted(design, cells, recipes),
                     "needs": needs(recipes, {cell["classifier"] for cell in cells})},
    }  # fmt: skip
    return Plan(cells, jobs, record)


def _facts(
    design: Design, corpus: dict[str, Any], labels: Sequence[Mapping[str, Any]],
    read_documents: Callable[[], Sequence[Row]] | None, draws: int, master_seed: int,
) -> tuple[Facts, list[dict[str, Any]]]:  # fmt: skip
    """What is known of the corpus, k-shot sizes included, and what is to be said of those.

    draws: all of the design, so that every look of a sequential design has the same sizes.
    """
    asked = shots_of(design)
    sizes: dict[int, int] = {}
    notes: list[dict[str, Any]] = []
    if asked:
        if read_documents is None:
            raise ParameterError(f"the size of a {asked[0]}-shot regime needs the documents", mend="Give --documents")
        sizes, notes = shot_sizes(asked, read_documents(), labels, draws, master_seed, design.regime.short_labels)
    made = design.pool.requests if design.pool else 0
    train = corpus["split_sizes"]["train"]
    named = corpus["named_labels"]
    bare = tuple(row["label"] for row in labels if not row["name"])
    unnamed = bare if len(bare) < len(labels) and not named else ()
    return Facts(train, named, corpus["brought"], sizes, made, unnamed=unnamed), notes


def _with_pools(
    facts: Facts, design: Design, labels: Sequence[Mapping[str, Any]],
    read_documents: Callable[[], Sequence[Row]] | None, read_brought: Callable[[], Sequence[Row]] | None,
    draws: int, master_seed: int,
) -> Facts:  # fmt: skip
    """The facts with the supplied pools, and with what each draw may use of them."""

    def orders(documents: Sequence[Row]) -> list[dict[str, int]]:
        most = max(facts.shots, default=0)
        return supplied.places(documents, labels, design.regime, draws, master_seed, most)

    pools = supplied.find_pools(facts.brought, read_brought, read_documents, orders)
    return replace(facts, supplied=pools)


def sampling_words(design: Design, shots: Sequence[Mapping[str, Any]]) -> str:
    """How the documents of a draw are chosen, for the protocol."""
    if design.regime.sampling == "random":
        return "at random; every smaller regime is part of the larger ones"
    least = design.regime.min_positives
    if least is None:
        words = "iterative stratification by label; regimes of two documents a label or more want a positive of each"
    else:
        words = f"iterative stratification by label; at least {least} positives of every label where possible"
    if shots:
        held = "; ".join(f"{row['asked']}: {shot_words(row)}" for row in shots)
        words = f"greedy sets of up to {shots[-1]['asked']} first, the rest of the pool after them by {words} ({held})"
    return f"{words}; every smaller regime is part of the larger ones"


def _folds_fitted(design: Design, cells: list[dict[str, Any]], recipes: dict[str, Any]) -> dict[str, int]:
    """Classifiers whose thresholds and grids are tuned on the documents of some folds alone, and on how many."""
    used = sorted({cell["classifier"] for cell in cells})
    chosen = {name: recipes[name].get("folds_fitted") for name in used}
    return {name: folds for name, folds in chosen.items() if folds and folds < design.regime.folds}


def needed_sizes(cells: list[dict[str, Any]]) -> list[int]:
    """Every prefix of the nested order that some cell uses."""
    sizes = {cell["regime"] for cell in cells}
    sizes |= {cell["regime"] + cell["rows_added"] for cell in cells if cell["text"] in BEYOND}
    sizes |= {cell["pool_size"] for cell in cells if cell["pool_size"]}
    return sorted(sizes)


def summary(plan: Plan) -> str:
    """A few lines for the terminal."""
    record = plan.record
    counts, costs = record["counts"], record["estimate"]
    lines = [
        f"plan {record['design']['name']}: regimes {record['design']['resolved']['sizes']}, "
        f"{record['design']['regime']['draws']} draws, train pool {record['design']['resolved']['train_pool']}",
        f"  {counts['cells']} cells on {counts['trainsets']} training sets in {counts['jobs']} jobs ("
        + ", ".join(f"{stage} {n}" for stage, n in counts["jobs_by_stage"].items()) + ")",
        "  blocks: " + ", ".join(f"{name} {n}" for name, n in counts["cells_by_block"].items()),
    ]  # fmt: skip
    resolved = record["design"]["resolved"]
    if resolved["relative"]:
        lines.append("  sizes: " + ", ".join(f"{asked} = {size}" for asked, size in resolved["relative"].items()))
    lines += [
        f"  {row['asked']}: {shot_words(row)}; the draws need {min(row['per_draw'])} to {max(row['per_draw'])}, "
        f"the smaller ones are filled up to {row['documents']}"
        for row in resolved["shots"]
    ]
    if resolved["added"]:
        lines.append("  added: " + ", ".join(dict.fromkeys(
            f"{row['asked']} of {row['regime']} = {row['rows']}" for row in resolved["added"]
        )))  # fmt: skip
    lines += [f"  {line}" for line in supplied.lines(resolved["supplied"], resolved["train_pool"])]
    if counts["requests"]:
        lines.append(
            f"  {counts['requests']} requests, about {costs['tokens']} tokens at {costs['tokens_per_s']} tokens/s"
        )
    if costs["questions"]:
        lines.append(
            f"  {costs['questions']} yes/no questions about labels, about {costs['tokens_read']} tokens at "
            f"{costs['tokens_read_per_s']} tokens/s"
        )
    parts = ", ".join(f"{stage} {seconds} s" for stage, seconds in costs["seconds"].items())
    lines.append(
        f"  about {costs['minutes_total']} minutes on {costs['cores']} cores ({parts}); "
        f"GPU hours {costs['gpu_hours']:g}"
    )
    needed = record["protocol"]["needs"].items()
    lines += [f"  {name} needs {what}: elsewhere its cells are gaps" for name, what in needed]
    lines += [
        f"  ended by its look at {row['draws']} draws ({row['verdict']}): {row['arm']} - {row['baseline']}, "
        f"{row['classifier']}, {row['regime']} + {row['added']}; {row['cells_spared']} cells spared"
        for row in record["stopped"]
    ]
    if record["stopped"]:
        spared = costs["spared"]
        lines.append(
            f"  which spares this look about {spared['minutes']:g} minutes, {spared['tokens']} tokens to write and "
            f"{spared['gpu_hours']:g} GPU hours"
        )
    lines += [f"  not planned: {gap['what']}: {gap['reason']}" for gap in record["not_planned"]]
    return "\n".join(lines)
