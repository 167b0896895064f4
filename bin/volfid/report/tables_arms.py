"""Tables of arms as they are: thresholds, floors, fidelity, co-occurrence, retrieval, mixture, sizes."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from volfid.core.contracts import Row
from volfid.core.schemas import FLOORS, UNTRAINED
from volfid.report import roles
from volfid.report.inputs import ReportInputs
from volfid.report.means import INTERVALS, Mean, arm_means, classifiers, order, trainset_means
from volfid.report.table import Table, pivot_rows
from volfid.report.text import count, number, words

LIMIT = 80
COLUMNS_A_TABLE = 5
THRESHOLD_COLUMNS = (
    ("micro AP", "ap_micro", "none"),
    ("micro F1 at 0.5", "f1_micro", "fixed_0.5"),
    ("micro F1, tuned", "f1_micro", "tuned"),
    ("micro F1, cardinality", "f1_micro", "cardinality"),
    ("macro F1, tuned", "f1_macro", "tuned"),
)
FIDELITY_SHOWN = (
    "mmd2_label_parent", "mmd2_label_unbiased", "mmd2_text_parent", "frechet_text", "mauve", "mauve_sd",
    "manifold_precision", "manifold_recall", "manifold_density", "manifold_coverage", "cardinality", "mean_ir",
    "distinct_label_sets", "distinct_1_adjusted", "distinct_2", "self_bleu_4", "vendi", "compression_ratio",
    "tokens_mean", "nearest_cosine", "effective_documents", "realised_labels",
)  # fmt: skip
ADDED_ONLY = ("nearest_cosine", "effective_documents", "realised_labels")
Key = tuple[Any, ...]


def threshold_tables(inputs: ReportInputs) -> list[Table]:
    """The same cells at 0.5, tuned and cardinality, one table for each trained classifier."""
    return [
        _scores(inputs, f"Scores by arm and threshold: {name}", _trained_by(name)) for name in classifiers(inputs.cells)
    ]


def _trained_by(name: str) -> Callable[[Row], bool]:
    return lambda cell: cell["classifier"] == name


def floor_table(inputs: ReportInputs) -> Table:
    """What no training reaches."""
    return _scores(inputs, "Floors", lambda cell: cell["classifier"] in FLOORS, ("regime", "classifier", "added"))


def _scores(
    inputs: ReportInputs,
    title: str,
    keep: Callable[[Row], bool],
    group: Sequence[str] = ("regime", "arm", "method", "added"),
) -> Table:
    """Means over draws; the learning curve's other sizes have their own table."""
    sizes = {cell["regime"] for cell in inputs.cells if cell["added"]} or {cell["regime"] for cell in inputs.cells}
    cells = [cell for cell in inputs.cells if keep(cell) and cell["real_share"] is None and cell["regime"] in sizes]
    started = " Every head here started at the label frequencies." if _all_prior(cells) else ""
    pivot: dict[Key, dict[str, Mean]] = {}
    for name, metric, threshold in THRESHOLD_COLUMNS:
        for key, mean in arm_means(cells, inputs.scores, metric, threshold, group).items():
            pivot.setdefault(key, {})[name] = mean
    named = {}
    for key in sorted(pivot, key=_by_arm):
        draws = max(mean.n for mean in pivot[key].values())
        named[_words(key), draws] = pivot[key]
    names = [name for name, _, _ in THRESHOLD_COLUMNS]
    body = pivot_rows({key: row for (key, _), row in named.items()}, names, digits=3)
    rows = [[*row, str(draws)] for row, (_, draws) in zip(body, named, strict=True)]
    head = ("real", "arm", "method", "M") if len(group) == 4 else ("real", "floor", "M")
    return Table(
        title,
        f"{INTERVALS}; n is the number of draws. One threshold policy a column, "
        f"the same cells; other metrics are in tables/scores.csv.{started}",
        (*head, *names, "n"),
        "s" * len(head) + "n" * len(names) + "n",
        rows,
        empty="No such cell was scored.",
    ).limited(LIMIT, "tables/scores.csv")


def _all_prior(cells: Sequence[Row]) -> bool:
    """Whether a block chose the prior head start for all arms, whose names then do not tell it."""
    return bool(cells) and all(cell["head_start"] == "prior" for cell in cells)


def _by_arm(key: Key) -> tuple[Any, ...]:
    return (key[0], *roles.arm_order(key[1]), order(key[2:]))


def _words(key: Key) -> tuple[str, ...]:
    return (
        count(key[0]),
        str(key[1]),
        *(words(part) if isinstance(part, str) else count(part) if isinstance(part, int) else "–" for part in key[2:]),
    )


def fidelity_tables(inputs: ReportInputs) -> list[Table]:
    """Every fidelity metric by arm, copies included; co-occurrence has tables of its own."""
    found = {(row["metric"], row["rows"]) for row in inputs.fidelity if not roles.COOCCURRENCE.search(row["metric"])}
    chosen = [
        pair
        for pair in found
        if pair[1] == ("added" if pair[0] in ADDED_ONLY or pair[0].startswith("containment") else "all")
    ]
    metrics = [pair for pair in chosen if pair[0] in FIDELITY_SHOWN or pair[0].startswith("containment")]
    return _fidelity(
        inputs,
        "Fidelity and diversity by arm",
        sorted(metrics or found, key=lambda pair: (pair[1] != "all", _metric_order(pair[0]))),
    )


def cooccurrence_tables(inputs: ReportInputs) -> list[Table]:
    """Which labels occur together, replication and synthetic side by side."""
    found = {
        (row["metric"], row["rows"])
        for row in inputs.fidelity
        if roles.COOCCURRENCE.search(row["metric"]) and row["rows"] == "all"
    }
    return _fidelity(
        inputs,
        "Label co-occurrence by arm",
        sorted(found, key=lambda pair: (pair[1] != "all", roles.co_order(pair[0]))),
    )


def _metric_order(metric: str) -> tuple[int, str]:
    return (FIDELITY_SHOWN.index(metric) if metric in FIDELITY_SHOWN else len(FIDELITY_SHOWN)), metric


def _fidelity(inputs: ReportInputs, title: str, metrics: Sequence[tuple[str, str]]) -> list[Table]:
    sizes = {cell["regime"] for cell in inputs.cells if cell["added"]}
    cells = [cell for cell in inputs.cells if cell["real_share"] is None and (cell["regime"] in sizes or not sizes)]
    means = trainset_means(
        cells, inputs.fidelity, ("regime", "arm", "method", "added"), ("metric", "rows", "reference")
    )
    references = sorted({key[6] for key in means} - {"test"}) or sorted({key[6] for key in means})
    against = ", ".join(words(name) for name in references if name != "none")
    caption = (
        f"{INTERVALS}; distances to: {against or 'nothing'} (the real reference "
        "fold, unless the column says otherwise). "
        "Arms that train on the same rows share one line. Test as the reference, and all other metrics: "
        "tables/fidelity.csv."
    )
    tables = []
    for start in range(0, len(metrics), COLUMNS_A_TABLE):
        part = metrics[start : start + COLUMNS_A_TABLE]
        tables.append(_pivot(title if start == 0 else f"{title} (continued)", caption, part, means, references))
    return tables or [Table(title, caption, ("arm",), "t", empty="Not measured in this run.")]


def _pivot(
    title: str, caption: str, metrics: Sequence[tuple[str, str]], means: dict[Key, Mean], references: Sequence[str]
) -> Table:
    pivot: dict[Key, dict[str, Mean]] = {}
    columns: list[str] = []
    for metric, rows in metrics:
        for reference in references:
            chosen = {key[:4]: mean for key, mean in means.items() if key[4:] == (metric, rows, reference)}
            if not chosen:
                continue
            name = (
                words(metric)
                + (" (added rows)" if rows == "added" else "")
                + (f", vs {words(reference)}" if reference not in (roles.REFERENCE, "none") else "")
            )
            columns.append(name)
            for key, mean in chosen.items():
                pivot.setdefault(key, {})[name] = mean
    kept = distinct_keys(pivot)
    body = pivot_rows({_words(key): pivot[key] for key in kept}, columns)
    draws = [str(max(mean.n for mean in pivot[key].values())) for key in kept]
    return Table(
        title,
        caption,
        ("real", "arm", "method", "M", *columns, "n"),
        "ssss" + "n" * len(columns) + "n",
        [[*row, n] for row, n in zip(body, draws, strict=True)],
    ).limited(LIMIT, "tables/fidelity.csv")


def distinct_keys(keys: Iterable[Key]) -> list[Key]:
    """Keys (regime, arm, method, M) in order, arms with the same rows once."""
    ordered = sorted(keys, key=_by_arm)
    kept: list[Key] = []
    for regime in dict.fromkeys(key[0] for key in ordered):
        part = [key for key in ordered if key[0] == regime]
        for added in dict.fromkeys(0 if key[1] in roles.REAL_ONLY else key[3] for key in part):
            same = [key for key in part if (0 if key[1] in roles.REAL_ONLY else key[3]) == added]
            arms = set(roles.distinct_corpora(list(dict.fromkeys((key[1], key[2]) for key in same))))
            seen: set[tuple[str, str | None]] = set()
            for key in same:
                if (key[1], key[2]) in arms - seen:
                    seen.add((key[1], key[2]))
                    kept.append(key)
    return sorted(kept, key=_by_arm)


def retrieval_table(inputs: ReportInputs) -> Table:
    """nDCG@10 by arm: own ideal, fixed ideal, size-matched and random, with companions."""
    cells = [cell for cell in inputs.cells if cell["real_share"] is None]
    means = trainset_means(cells, inputs.retrieval, ("regime", "arm", "method", "added"), ("metric", "variant"))
    rank = {variant: place for place, variant in enumerate(roles.VARIANTS)}
    pairs = sorted(
        {key[4:] for key in means},
        key=lambda pair: (not pair[0].startswith("ndcg"), pair[0], rank.get(pair[1], 9), pair[1]),
    )
    pairs = [pair for pair in pairs if pair[0] == "ndcg_at_10"] or pairs[:4]
    pivot: dict[Key, dict[str, Mean]] = {}
    for key, mean in means.items():
        if key[4:] in pairs:
            pivot.setdefault(key[:4], {})[words(key[5])] = mean
    columns = [words(variant) for _, variant in pairs]
    kept = distinct_keys(pivot)
    body = pivot_rows({_words(key): pivot[key] for key in kept}, columns)
    queries = sorted({row["n"] for row in inputs.retrieval if (row["metric"], row["variant"]) in pairs})
    return Table(
        f"Retrieval by arm: {words(pairs[0][0]) if pairs else 'nDCG@10'}",
        f"Each training set as the corpus, {', '.join(map(count, queries)) or 'no'} queries. Own ideal: the "
        "best ten of that corpus; fixed ideal: "
        "of one fixed real pool; size matched: corpora cut to one size; random: a random ranking. Other "
        "measures: tables/retrieval.csv.",
        ("real", "arm", "method", "M", *columns, "n"),
        "ssss" + "n" * len(columns) + "n",
        [[*row, str(max(mean.n for mean in pivot[key].values()))] for row, key in zip(body, kept, strict=True)],
        empty="Retrieval was not measured in this run.",
    ).limited(LIMIT, "tables/retrieval.csv")


def mixture_table(inputs: ReportInputs) -> Table:
    """Scores by share of real rows."""
    mixed = [cell for cell in inputs.cells if cell["real_share"] is not None]
    group = ("budget", "classifier", "method", "real_share")
    pivot: dict[Key, dict[str, Mean]] = {}
    for name, metric, threshold in THRESHOLD_COLUMNS:
        for key, mean in arm_means(mixed, inputs.scores, metric, threshold, group).items():
            pivot.setdefault(key, {})[name] = mean
    keys = sorted(pivot, key=order)
    columns = [name for name, _, _ in THRESHOLD_COLUMNS]
    named = [(count(k[0]), k[1], words(k[2]) if k[2] else "real only", number(k[3], 2)) for k in keys]
    body = pivot_rows({row: pivot[key] for row, key in zip(named, keys, strict=True)}, columns, digits=3)
    return Table(
        "Mixtures of a fixed budget",
        f"Share of real rows in the budget; the rest is synthetic. {INTERVALS}.",
        ("rows", "classifier", "method", "real share", *columns, "n"),
        "sssn" + "n" * len(columns) + "n",
        [[*row, str(max(m.n for m in pivot[key].values()))] for row, key in zip(body, keys, strict=True)],
        empty="No mixture was planned.",
    ).limited(LIMIT, "tables/scores.csv")


def sizes_table(inputs: ReportInputs) -> Table:
    """M and U of every arm, fixed by the plan."""
    groups: dict[Key, dict[str, set[Any]]] = {}
    for cell in inputs.cells:
        if cell["real_share"] is None and cell["classifier"] not in UNTRAINED:
            found = groups.setdefault((cell["regime"], cell["arm"], cell["added"]), {})
            for name in ("rows_total", "n_updates", "penalty_scale", "updates", "draw"):
                found.setdefault(name, set()).add(cell[name])
    rows = []
    for key in sorted(groups, key=lambda key: (key[0], *roles.arm_order(key[1]), key[2])):
        found, tuned = groups[key], groups[key]["updates"] == {"grid"}
        rows.append(
            [
                count(key[0]),
                key[1],
                roles.arm_words(key[1]),
                count(key[2]),
                _values(found["rows_total"], count),
                "tuned" if tuned else _values(found["n_updates"], count),
                "tuned" if tuned else _values(found["penalty_scale"], lambda value: number(value, 2)),
                str(len(found["draw"])),
            ]
        )
    return Table(
        "Arms, rows (M) and updates (U)",
        "Fixed by the plan before anything runs. U: optimiser updates of the SGD classifier; "
        "factor on C: what stands for updates of a penalised solver. Neighbours that vote have neither.",
        ("real", "arm", "trains on real documents …", "M", "rows", "U", "factor on C", "draws"),
        "nstnnnnn",
        rows,
    ).limited(LIMIT, "cells.jsonl")


def _values(values: set[Any], form: Callable[[Any], str]) -> str:
    return ", ".join(form(value) for value in sorted(value for value in values if value is not None)) or "–"
