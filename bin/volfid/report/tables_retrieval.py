"""Tables on retrieval beside nDCG by arm: tests over queries, binary relevance, hubs."""

from typing import Any

from volfid.report import roles
from volfid.report.inputs import ReportInputs
from volfid.report.means import INTERVALS, Mean, trainset_means
from volfid.report.table import Table, pivot_rows, value_and_interval
from volfid.report.tables_arms import distinct_keys
from volfid.report.text import count, metric_words, number, p_value, words

LIMIT = 80
SHOWN = (
    ("map_at_100", "as_is"), ("mrr_at_100", "as_is"), ("recall_at_10", "as_is"), ("recall_at_100", "as_is"),
    ("ndcg_at_10", "tie_averaged"), ("synthetic_share", "unique"), ("synthetic_share_at_10", "as_is"),
    ("jaccard_at_10", "synthetic"), ("jaccard_at_10", "real"), ("hub_share_at_10", "unique"),
    ("hubness_skewness_at_10", "unique"),
)  # fmt: skip
NAMED = {("jaccard_at_10", "synthetic"): "Jaccard, synthetic hits", ("jaccard_at_10", "real"): "Jaccard, real hits",
         ("ndcg_at_10", "tie_averaged"): "nDCG@10, tie averaged"}  # fmt: skip
FILTERED = {"whole": "whole", "filtered": "filtered", "fewer": "fewer documents", "share": "share of real",
            "selection": "selection"}  # fmt: skip
FILTERS = {"sp_family": "family", "sp_rule": "rule", "sp_clf": "classifier"}
Key = tuple[Any, ...]


def tables(inputs: ReportInputs) -> list[Table]:
    """The section on retrieval, after the table of arms."""
    return [query_table(inputs), further_table(inputs), filter_table(inputs)]


def query_table(inputs: ReportInputs) -> Table:
    """Every corpus against the real rows alone, paired over queries."""
    arms: dict[str, set[tuple[Any, ...]]] = {}
    for cell in inputs.cells:
        if cell["real_share"] is None:
            arms.setdefault(cell["trainset_id"], set()).add(
                (cell["regime"], cell["arm"], cell["method"], cell["added"], cell["generator"])
            )
    lines: list[tuple[Key, list[str]]] = []
    for row in inputs.retrieval_tests:
        places = arms.get(row["trainset_id"], set())
        if not places:
            continue
        # arms that train on the same rows share one line
        names = "/".join(sorted({place[1] for place in places}, key=roles.arm_order))
        regime, _, method, added, generator = min(places, key=lambda place: (*roles.arm_order(place[1]), str(place)))
        shares = f"{_share(row['improved'])} / {_share(row['worsened'])}"
        lines.append((
            (regime, added, names, method or "", generator or "", row["variant"]),
            [count(regime), names, words(method), generator or "–", count(added), words(row["variant"]),
             value_and_interval(row["delta"], row["ci_low"], row["ci_high"], 3, row["note"]), p_value(row["p"]),
             p_value(row["p_adjusted"]), shares, count(row["n"]), count(row["draws"])],
        ))  # fmt: skip
    return Table(
        "Retrieval: each corpus against the real rows alone, paired over queries",
        "Difference of nDCG@10 over queries, draws averaged first; queries of one group are one unit. Interval: "
        "percentile bootstrap over queries; p: Fisher's randomisation; Holm over the corpora of one regime. Better / "
        "worse: shares of queries. The interval is over queries and not over draws: the table of effects has that one. "
        "A fall under the own ideal counts only when it survives the fixed ideal and size matching.",
        ("real", "arm", "method", "generator", "M", "ideal", "difference [interval]", "p", "p, Holm", "better / worse",
         "queries", "draws"),
        "ssssssnnnnnn", [line for _, line in sorted(lines, key=lambda pair: pair[0])],
        empty="Retrieval was not compared in this run.",
    ).limited(LIMIT, "tables/retrieval_tests.csv")  # fmt: skip


def further_table(inputs: ReportInputs) -> Table:
    """Binary relevance, tie-averaged nDCG, where the hits come from and how uneven they are."""
    cells = [cell for cell in inputs.cells if cell["real_share"] is None]
    means = trainset_means(cells, inputs.retrieval, ("regime", "arm", "method", "added"), ("metric", "variant"))
    pivot: dict[Key, dict[str, Mean]] = {}
    columns = {pair: NAMED.get(pair, metric_words(pair[0])) for pair in SHOWN if any(key[4:] == pair for key in means)}
    for key, mean in means.items():
        if key[4:] in columns:
            pivot.setdefault(key[:4], {})[columns[key[4], key[5]]] = mean
    kept = distinct_keys(pivot)
    named = [(count(k[0]), k[1], words(k[2]), count(k[3])) for k in kept]
    body = pivot_rows({row: pivot[key] for row, key in zip(named, kept, strict=True)}, list(columns.values()))
    return Table(
        "Retrieval: relevant documents, hits and hubs",
        "Relevant: Jaccard of label sets of at least 0.5; MAP and MRR over 100 ranks. Synthetic share: of the corpus "
        "and of the first ten hits. Hub share: ranks that the 1 % most retrieved documents take; skewness: of hits "
        f"by document. {INTERVALS}.",
        ("real", "arm", "method", "M", *columns.values(), "n"),
        "ssss" + "n" * len(columns) + "n",
        [[*row, str(max(mean.n for mean in pivot[key].values()))] for row, key in zip(body, kept, strict=True)],
        empty="Retrieval was not measured in this run.",
    ).limited(LIMIT, "tables/retrieval.csv")


def filter_table(inputs: ReportInputs) -> Table:
    """Standard-patent filters of the synthetic documents: what they keep, and how much of the change is selection."""
    cells = [cell for cell in inputs.cells if cell["real_share"] is None]
    fixed = [row for row in inputs.retrieval_filters if row["ideal"] == "fixed_ideal"]
    rows = [
        {"trainset_id": row["trainset_id"], "filter": row["filter"], "figure": one, "note": row["note"], "value": value}
        for row in fixed
        for one, value in (*((name, row[name]) for name in FILTERED), ("kept", _part(row["kept"], row["synthetic"])),
                            ("real_kept", row["real_kept"]), ("other_kept", row["other_kept"]))
    ]  # fmt: skip
    means = trainset_means(cells, rows, ("regime", "arm", "method", "added"), ("filter", "figure"))
    found: dict[Key, dict[str, Mean]] = {}
    for key, mean in means.items():
        found.setdefault(key[:5], {})[key[5]] = mean
    kept = distinct_keys({key[:4] for key in found})
    keys = [(*key, name) for key in kept for name in FILTERS if (*key, name) in found]
    why = {key: found[key]["selection"].note for key in keys if found[key]["selection"].value is None}
    body, ends = [], []
    for name in FILTERS:
        mine = [key for key in keys if key[4] == name]
        if len(mine) > 1 and len({why.get(key) for key in mine}) == 1 and mine[0] in why:
            # undefined everywhere for one reason: that is one line
            ends.append(["all", "all", "–", "–", FILTERS[name], *["–"] * (3 + len(FILTERED)), why[mine[0]] or "", "0"])
            keys = [key for key in keys if key[4] != name]
    for key in keys:
        line = found[key]
        passed = [_share(line[name].value) for name in ("kept", "real_kept", "other_kept")]
        body.append([count(key[0]), key[1], words(key[2]), count(key[3]), FILTERS[key[4]], *passed,
                     *(_filtered(line[name]) for name in FILTERED), why.get(key) or "",
                     str(max(one.n for one in line.values()))])  # fmt: skip
    return Table(
        "Retrieval: standard-patent filters, and random documents of the same number",
        "nDCG@10 over the fixed ideal, every document once. A filter takes synthetic documents away; real ones stay. "
        "Its change (filtered - whole) is that of fewer documents (as many at random), of a larger share of real ones "
        "(as many synthetic ones at random) and of selection: only the last speaks for the filter. Family: the prompt "
        "asked for a patent abstract, claim or summary; rule: features of the text; classifier: real documents against "
        "other texts. Kept: shares of synthetic, of real and of these other documents. "
        f"{INTERVALS}.",
        ("real", "arm", "method", "M", "filter", "kept", "real kept", "other kept", *FILTERED.values(), "why undefined",
         "n"),
        "sssssnnn" + "n" * len(FILTERED) + "sn", [*body, *ends],
        empty="No corpus with synthetic documents was searched in this run.",
    ).limited(LIMIT, "tables/retrieval_filters.csv")  # fmt: skip


def _part(count: int | None, whole: int) -> float | None:
    return None if count is None else count / whole


def _filtered(mean: Mean) -> str:
    return "–" if mean.value is None else value_and_interval(mean.value, mean.low, mean.high, 3)


def _share(value: float | None) -> str:
    return "–" if value is None else number(value, 2)
