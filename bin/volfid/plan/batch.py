"""From cells to jobs: what one task runs. Groups come from the plan alone, in sorted order."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

from volfid.core import ids
from volfid.core.files import canonical_json, sha256_text
from volfid.core.label_words import all_name_words
from volfid.core.manifest import installed_versions
from volfid.core.schemas import ANSWERS
from volfid.core.supplied import BROUGHT, is_supplied
from volfid.plan.design import Design
from volfid.plan.fingerprint import code_fingerprint
from volfid.plan.resolve import FINE_TUNED, LOSSES, PLAIN_LOSS, check_pairs, model_entry

Cell = dict[str, Any]
Job = dict[str, Any]
REAL, MASKED = "real", "masked"
TRAINSET_FIELDS = (
    "trainset_id", "pool_id", "regime", "draw", "generator", "method", "label_plan", "text",
    "label_law", "dose", "rows_added", "real_share", "budget", "pool_size", "round",
)  # fmt: skip
POOL_FIELDS = ("pool_id", "generator", "method", "label_plan", "pool_size", "draw", "round")
THRESHOLDS = ["fixed_0.5", "tuned", "cardinality", "per_label", "cross_validated"]


def source_of(cell: Cell) -> str:
    """Whose corpus a cell needs: that of its generator, that of all supplied pools, or only real documents."""
    if cell.get("classifier") in ANSWERS:
        return REAL
    return BROUGHT if is_supplied(cell) else cell["generator"] or REAL


def rows_of(cell: Cell) -> Cell:
    """The cell as its training set sees it: a generator that only answers adds no row."""
    return {**cell, "generator": None} if cell["classifier"] in ANSWERS else cell


def distinct(cells: Iterable[Cell], key: str, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """The distinct values of some fields, sorted by `key`; cells without it are left out."""
    found = {cell[key]: {name: cell[name] for name in fields} for cell in cells if cell[key]}
    return [found[name] for name in sorted(found)]


def make_jobs(
    design: Design, cells: list[Cell], drawn: dict[str, Any], seed: int, bin_dir: Path,
    models: dict[str, Any], recipes: dict[str, Any], prompts_sha: str, stamp: str | None,
    names: Sequence[str | None] = (), rewriters: frozenset[str] = frozenset(),
    families: Mapping[str, str] = MappingProxyType({}),
) -> list[Job]:  # fmt: skip
    """All jobs, sorted by stage order and id; `drawn` says which regimes cells need, and how they are drawn.

    `rewriters`: methods whose texts may repeat most of their parent. `families`: what kind of text a method asks for.
    `stamp`: words that every table made from the corpus carries (contract `corpus`).
    """
    # other versions of the packages may give other numbers, so they are part of the fingerprint
    versions = canonical_json(installed_versions())
    prints = {stage: sha256_text(code_fingerprint(bin_dir, stage) + versions) for stage in (
        "regimes", "generation", "labelling", "checks", "curation", "embeddings", "training", "encoders", "fidelity",
        "retrieval", "statistics", "report",
    )}  # fmt: skip
    encoder = {"name": design.encoder, **models["encoders"][design.encoder]}
    words = {"masked_words": sorted(all_name_words(names))}
    masked = words if design.mask_label_names else {}

    def job(
        stage: str, parts: list[str], label: str, settings: dict[str, Any], items: list[Any], model: str | None = None
    ) -> Job:
        settings = settings | ({"stamp": stamp} if stamp else {})
        return {
            "job_id": ids.job_id(stage, *parts), "stage": stage, "label": label, "model": model,
            "code": prints[stage], "master_seed": seed, "settings": settings, "items": items,
        }  # fmt: skip

    jobs = [
        job("regimes", [f"d{draw:02d}"], "cpu_small", {"draw": draw, "folds": design.regime.folds, **drawn}, [])
        for draw in range(design.regime.draws)
    ]
    sources = sorted({source_of(cell) for cell in cells} | {REAL})
    trainsets = distinct(map(rows_of, cells), "trainset_id", TRAINSET_FIELDS)
    for source in sources:
        pools = _pools(design, [cell for cell in cells if source_of(cell) == source], rewriters)
        mine = [row for row in trainsets if source_of(row) == source]
        settings = {"source": source, "pools": pools, "rules": dict(design.rules)}
        jobs.append(job("curation", [source], "cpu_small", settings, mine))
        mine = [cell for cell in cells if source_of(cell) == source or source == REAL]
        views = [("", masked)] + ([(MASKED, words)] if any(_masks(cell, recipes) for cell in mine) else [])
        embedding = {"source": source, "encoder": encoder, "threads": design.threads, "batch": 32}
        # pools of one draw share a task, so that further draws leave the vectors of these alone
        parts = [([], {})] if source == REAL else [
            ([f"d{draw:02d}"], {"draw": draw}) for draw in sorted({pool["draw"] for pool in pools})
        ]  # fmt: skip
        for (part, own), (view, hidden) in product(parts, views):
            names_of = [design.encoder, source, *part, *([view] if view else [])]
            settings = embedding | own | hidden | ({"view": view} if view else {})
            jobs.append(job("embeddings", names_of, "gpu_embed", settings, [], design.encoder))
        if source in models["generators"] and design.pool is not None:
            engine = {"name": source, **models["generators"][source]}
            generation: dict[str, Any] = {
                "source": source, "prompts_sha": prompts_sha, "engine": engine, "sampling": design.pool.sampling,
                "chunk": design.pool.chunk, "attempts": design.pool.attempts, "words": list(design.pool.words),
            }  # fmt: skip
            jobs.append(job("generation", [source], "gpu_generate", generation, pools, source))
    asked = [cell for cell in cells if cell["classifier"] in ANSWERS]
    for name in sorted({cell["generator"] for cell in asked}):
        settings = {
            "source": name, "engine": {"name": name, **models["generators"][name]}, "prompts_sha": prompts_sha,
            "labelling": design.labelling.model_dump(mode="json"),
        }  # fmt: skip
        items = {
            (cell["classifier"], cell["regime"], cell["draw"]) for cell in asked if cell["generator"] == name
        }  # fmt: skip
        listed = [dict(zip(("labeller", "regime", "draw"), item, strict=True)) for item in sorted(items)]
        jobs.append(job("labelling", [name], "gpu_generate", settings, listed, name))
    pairs = check_pairs(design, cells, models)
    for checker, source in sorted({*pairs, *((checker, REAL) for checker, _ in pairs)}):
        assert design.checks is not None
        settings = {
            "source": source, "engine": {"name": checker, **models["generators"][checker]}, "prompts_sha": prompts_sha,
            "checks": design.checks.model_dump(mode="json", exclude={"checkers", "own"}),
        }  # fmt: skip
        jobs.append(job("checks", [checker, source], "gpu_generate", settings, [], checker))
    jobs += _training_jobs(design, cells, recipes, models, words, job)
    labelled = [row for row in trainsets if row["text"] != "pseudo_labelled"]  # no labels to compare before training
    for stage, further in (("fidelity", {}), ("retrieval", {"families": dict(families)})):
        jobs.append(job(stage, ["all"], "cpu_large", {"encoder": design.encoder, **further}, labelled))
    for stage in ("statistics", "report"):
        jobs.append(job(stage, ["all"], "cpu_small", {}, []))
    return sorted(jobs, key=lambda one: one["job_id"])


def _masks(cell: Cell, recipes: Mapping[str, Any]) -> bool:
    """Whether a cell reads vectors of texts without label names, beside cells that read them as they are."""
    recipe = recipes[cell["classifier"]]
    return recipe["family"] not in FINE_TUNED and bool(recipe.get("mask_label_names"))


def _pools(design: Design, cells: list[Cell], rewriters: frozenset[str]) -> list[dict[str, Any]]:
    pools = distinct(cells, "pool_id", POOL_FIELDS)
    requests = design.pool.requests if design.pool else 0
    return [
        {
            **pool,
            "draw": 0 if is_supplied(pool) else pool["draw"],
            "requests": requests,
            **({"rewrites": True} if pool["method"] in rewriters else {}),
        }
        for pool in pools
    ]


def _training_jobs(
    design: Design, cells: list[Cell], recipes: dict[str, Any], models: dict[str, Any], words: dict[str, Any], job: Any
) -> list[Job]:
    """Cells of one classifier, corpus and draw share a task; all floors of a corpus share one.

    Cells that fine-tune a model have a stage of their own: they read texts and a model, not embeddings.
    `words`: the setting with the words of label names, for recipes that mask them.
    """
    groups: dict[tuple[str, ...], list[Cell]] = {}
    for cell in cells:
        floor = recipes[cell["classifier"]]["family"] == "floor"
        group: tuple[str, ...] = (cell["classifier"], source_of(cell), f"d{cell['draw']:02d}")
        if floor:
            group = ("floors", source_of(cell))
        if cell["classifier"] in ANSWERS:
            group = (cell["classifier"], REAL, cell["generator"])
        groups.setdefault(group, []).append(cell)
    jobs = []
    for group, members in sorted(groups.items()):
        members.sort(key=lambda cell: cell["cell_id"])
        settings = {
            "source": group[1], "recipe": recipes[members[0]["classifier"]],
            "thresholds": THRESHOLDS, "folds": design.regime.folds,
            **({"view": MASKED} if _masks(members[0], recipes) else {}),
        }  # fmt: skip
        recipe = settings["recipe"]
        stage, most = "training", design.cells_per_job
        if recipe["family"] in FINE_TUNED:
            stage, most = "encoders", design.encoder_cells_per_job
            settings |= words if design.mask_label_names or recipe["mask_label_names"] else {}
            settings |= {"encoder": {"name": recipe["model"], **model_entry(models, recipe)}}
        for part, start in enumerate(range(0, len(members), most)):
            chunk = members[start : start + most]
            losses = {name: recipes[LOSSES][name] for name in sorted({c["loss"] for c in chunk} - {PLAIN_LOSS})}
            model = chunk[0]["generator"] if chunk[0]["classifier"] in ANSWERS else recipe.get("model")
            own = settings | ({LOSSES: losses} if losses else {})
            jobs.append(job(stage, [*group, f"p{part:02d}"], "gpu_train", own, chunk, model))
    return jobs
