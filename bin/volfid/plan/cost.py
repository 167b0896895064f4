"""What the plan will cost: tokens and seconds, from rates that were measured."""

from collections.abc import Sequence
from typing import Any

from volfid.plan.design import Design
from volfid.plan.resolve import FINE_TUNED, LLMS, model_entry

# Seconds a cell of each family on one core of a 2-core machine, frozen embeddings: (fixed recipe, tuned grid).
SECONDS_PER_CELL = {
    "penalised": (0.4, 1.5), "ridge": (0.2, 0.3), "knn": (0.2, 0.2), "sgd": (1.2, 5.2), "floor": (0.05, 0.05),
}  # fmt: skip
TOKENS_PER_WORD = 1.4
WORDS_A_DOCUMENT = 80
QUESTION_TOKENS = {False: 16, True: 42}  # without and with the label's definition
LIST_TOKENS, CODE_TOKENS, ANSWER_TOKENS = 70, 5, 25  # prompt around the label list, an id in it, an answer
LABEL_TOKENS, TOKENS_PER_NAME_WORD = 9, 2  # a label's name, and a word of one: often in capitals
ATTEMPTS_PER_ACCEPTED = 1.8  # a 135M model overruns the band and is asked again
# an update costs 6 FLOP a token and parameter (4 where these are frozen under adapters), a pass forward 2;
# of one core measured, of a card a guess
CORE_FLOP_PER_S, CARD_FLOP_PER_S = 5e10, 3e13
ON_CARDS = ("generation", "labelling", "checks", "embeddings", "encoders")
START_SECONDS = {"engine": 40, "task": 4}
ASKING = ("labelling", "checks")
MEASURED = "rates measured on 2 cores without a GPU; a busy machine takes longer"
GUESSED = "rates measured on 2 cores; those of generators and encoders on a GPU are guessed"


def estimate(
    design: Design,
    cells: list[dict[str, Any]],
    jobs: list[dict[str, Any]],
    corpus: dict[str, Any],
    models: dict[str, Any],
    recipes: dict[str, Any],
    cores: int,
    names: Sequence[str | None] = (),
) -> dict[str, Any]:
    """Tokens, seconds by stage and in all on `cores` cores, GPU hours where a generator wants cards."""
    documents = corpus["documents"]
    encoder = models["encoders"][design.encoder]
    pools = [pool for job in jobs if job["stage"] == "generation" for pool in job["items"]]
    requests = sum(pool["requests"] for pool in pools)
    words = sum(design.pool.words) / 2 if design.pool else 0
    tokens = round(requests * words * TOKENS_PER_WORD * ATTEMPTS_PER_ACCEPTED)
    token_rate = min(
        (models["generators"][name].get("tokens_per_s", 100) for name in {p["generator"] for p in pools}), default=100
    )
    questions, read, read_rate = _questions(design, jobs, corpus, models, len(names))
    checked, check_tokens, check_rate = _checks(jobs, models)
    asked = {pool["generator"] for pool in pools} | {job["model"] for job in jobs if job["stage"] in ASKING}
    cards = max((models["generators"][name].get("gpus", 0) for name in asked), default=0)
    flop = CARD_FLOP_PER_S if cards else max(cores, 1) * CORE_FLOP_PER_S
    measured = None if cards else encoder.get("documents_per_s")
    training = 0.0
    tuned = 0.0
    for cell in cells:
        recipe = recipes[cell["classifier"]]
        if recipe["family"] in FINE_TUNED:
            entry = model_entry(models, recipe)
            rate = None if cards else entry.get("train_tokens_per_s")
            each = 4 if recipe["family"] in LLMS else 6
            rate = rate * max(cores, 1) if rate else flop / (each * max(entry["parameters"], 1))
            tuned += _encoder_tokens(design, cell, recipe, corpus, names) / rate
            continue
        kind = recipe["family"] if recipe["family"] in SECONDS_PER_CELL else "floor"
        training += SECONDS_PER_CELL[kind][cell["tuning"] == "tuned"]
    brought = corpus["brought"]
    seconds = {
        "generation": round(tokens / token_rate + START_SECONDS["engine"]) if pools else 0,
        "labelling": round(read / read_rate + START_SECONDS["engine"]) if questions else 0,
        "checks": round(check_tokens / check_rate + START_SECONDS["engine"]) if checked else 0,
        "embeddings": round((documents + requests + brought) / (measured or _embedding_rate(encoder, flop))),
        "training": round(training / max(cores, 1)),
        "encoders": round(tuned),
        "tasks": round(len(jobs) * START_SECONDS["task"] / max(cores, 1)),
    }
    return {
        "questions": questions + checked, "tokens_read": round(read + check_tokens),
        "tokens_read_per_s": min(read_rate, check_rate) if questions or checked else None,
        "requests": requests, "tokens": tokens, "tokens_per_s": token_rate if pools else None,
        "seconds": seconds, "minutes_total": round(sum(seconds.values()) / 60, 1), "cores": cores,
        "gpu_hours": round(cards * sum(seconds[stage] for stage in ON_CARDS) / 3600, 2),
        "basis": GUESSED if cards else MEASURED,
    }  # fmt: skip


def _embedding_rate(entry: dict[str, Any], flop: float) -> float:
    """Documents a second of an encoder whose rate nobody measured, at `flop` operations a second."""
    tokens = min(WORDS_A_DOCUMENT * TOKENS_PER_WORD, entry["max_tokens"] or float("inf"))
    return float(flop / (2 * max(entry["parameters"], 1) * tokens))


def _encoder_tokens(
    design: Design, cell: dict[str, Any], recipe: dict[str, Any], corpus: dict[str, Any], names: Sequence[str | None]
) -> float:
    """Tokens of every update of every fit, and of all documents once forward (a third of an update).

    The final fit represents all `documents` for retrieval; one that answers in words scores the `tested` ones alone.
    """
    folds = min(recipe["folds_fitted"] or design.regime.folds, design.regime.folds)
    updates = cell["n_updates"] * (folds + 1) if cell["n_updates"] else 0
    if cell["tuning"] == "tuned":
        updates = folds * sum(recipe["grid_updates"]) + max(recipe["grid_updates"])
    if recipe["family"] in LLMS:  # whose texts are rarely as long as they may be
        recipe = {**recipe, "max_tokens": min(recipe["max_tokens"], WORDS_A_DOCUMENT * TOKENS_PER_WORD)}
    if recipe["family"] == "instruct":
        scored = corpus["split_sizes"]["test"] + cell["regime"] * folds / design.regime.folds
        return _instruct_tokens(recipe, updates, scored, names)
    shown = recipe["batch"] * (2 if recipe["family"] == "contrastive" else 1)  # a pair is two documents
    return float((updates * shown + corpus["documents"] / 3) * recipe["max_tokens"])


def _instruct_tokens(recipe: dict[str, Any], updates: int, scored: float, names: Sequence[str | None]) -> float:
    """Tokens of all updates, and of answers to the scored documents as tokens of updates.

    The label list is read once for a micro-batch, with every document where activations are computed again.
    """
    labels, most = len(names), recipe["name_words"]
    words = [len((name or "").split()[:most]) for name in names] if recipe["label_names"] else [0]
    listed = LIST_TOKENS + labels * CODE_TOKENS + sum(words) * TOKENS_PER_NAME_WORD
    lists = recipe["batch"] if recipe["checkpointing"] else -(-recipe["batch"] // recipe["micro_batch"])
    each = recipe["max_tokens"] + ANSWER_TOKENS
    # a token that is said alone costs as much as one of an update
    asked = recipe["max_tokens"] / 3 + ANSWER_TOKENS * recipe["beams"]
    asked += labels * QUESTION_TOKENS[False] / 3 if recipe["ranking"] == "yes_no" else 0
    return float(updates * (recipe["batch"] * each + lists * listed) + scored * asked)


def _questions(
    design: Design, jobs: list[dict[str, Any]], corpus: dict[str, Any], models: dict[str, Any], labels: int
) -> tuple[int, float, float]:
    """Yes/no questions, prompt tokens read for them (a document once, then the end of each question), their rate."""
    documents, rate = 0, float("inf")
    for job in jobs:
        if job["stage"] != "labelling":
            continue
        splits, items = corpus["split_sizes"], job["items"]
        few = [item for item in items if item["labeller"] == "few_shot"]
        zero = {item["draw"]: 0 for item in items if item["labeller"] == "zero_shot"}
        for draw in zero:
            zero[draw] = max(item["regime"] for item in items if item["draw"] == draw)
        documents += sum(item["regime"] + splits["test"] for item in few)
        documents += min(sum(zero.values()), splits["train"]) + splits["test"] if zero else 0
        rate = min(rate, models["generators"][job["model"]].get("prompt_tokens_per_s", 400))
    words = min(design.labelling.shown_words, WORDS_A_DOCUMENT)
    end = QUESTION_TOKENS[design.labelling.definitions]
    return documents * labels, documents * (words * TOKENS_PER_WORD + labels * end), rate


def _checks(jobs: list[dict[str, Any]], models: dict[str, Any]) -> tuple[int, float, float]:
    """Questions of all checks, prompt tokens read for them (document and list of labels once a check), their rate."""
    checks, rate = 0, float("inf")
    made = [job for job in jobs if job["stage"] == "checks"]
    pools = {job["settings"]["source"]: len(job["settings"]["pools"]) for job in jobs if job["stage"] == "curation"}
    for job in made:
        settings, source = job["settings"]["checks"], job["settings"]["source"]
        documents = settings["real"] if source == "real" else settings["documents"] * pools[source]
        checks += documents * settings["checks"]
        rate = min(rate, models["generators"][job["model"]].get("prompt_tokens_per_s", 400))
    if not made:
        return 0, 0.0, rate
    words, labels = min(settings["shown_words"], WORDS_A_DOCUMENT), settings["candidates"]
    each = words * TOKENS_PER_WORD + labels * (LABEL_TOKENS + QUESTION_TOKENS[settings["definitions"]])
    return checks * labels, checks * each, rate


def served_work(
    name: str, design: Design, jobs: Sequence[Any], corpus: Any, models: Any, labels: int
) -> tuple[int, int]:  # fmt: skip
    """Requests to a served model, and tokens read and written for them: each request is sent whole."""
    own = [job for job in jobs if job["model"] == name or job["stage"] == "curation"]
    pools = [pool for job in own if job["stage"] == "generation" for pool in job["items"]]
    asked = sum(pool["requests"] for pool in pools) * ATTEMPTS_PER_ACCEPTED
    written = asked * (sum(design.pool.words) / 2 if design.pool else 0) * TOKENS_PER_WORD
    read = asked * (LIST_TOKENS + WORDS_A_DOCUMENT * TOKENS_PER_WORD)
    questions, ends, _ = _questions(design, own, corpus, models, labels)
    checked, lists, _ = _checks(own, models)
    read += ends + questions * WORDS_A_DOCUMENT * TOKENS_PER_WORD
    read += lists * (design.checks.candidates if design.checks else 0)
    return round(asked + questions + checked), round(written + read + questions + checked)
