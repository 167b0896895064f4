"""The published setting taken apart: replication, updates, regimes, stop rule, validation, retrieval."""

from volfid.core.contracts import Row
from volfid.statistics.published import arithmetic as p
from volfid.statistics.published.here import Here, Run, percent
from volfid.statistics.published.rows import MISLABELLED, UNKNOWN, Figures, row
from volfid.statistics.words import number


def replication_rows(figures: Figures, run: Run) -> list[Row]:
    design, examples = figures["design"], figures["examples"]
    n = design["real_documents"]
    left = {m: p.never_drawn(n, m * n) for m in examples["multiples"]}
    told = ", ".join(f"{100 * share:.3g} %" for share in left.values())
    sizes = ", ".join(f"{m * n:,}" for m in left)
    large = n * design["ratio"]
    steps = {(s["batch"], s["epochs"]): [p.updates(rows, s["batch"], s["epochs"]) for rows in (n, large)]
             for s in examples["schedules"]}  # fmt: skip
    listed = "; ".join(f"batch {b}, {e} epochs: {few:,} against {many:,}" for (b, e), (few, many) in steps.items())
    return [
        row(
            "replication", MISLABELLED, "Copies drawn with replacement and the label statistics",
            "replication with replacement keeps the joint label statistics exactly",
            f"Drawing with replacement keeps them in expectation only. Of {n} documents the expected share never drawn "
            f"is {told} at {sizes} draws, and the copies of the others differ in number. Balanced copies, each "
            "document equally often, keep the statistics exactly.",
            {"never_drawn": {str(m * n): share for m, share in left.items()}}, figures["replication"]["from"],
            run.never_drawn(p.never_drawn) + run.cooccurrence(),
        ),
        row(
            "updates", MISLABELLED, "Volume at equal epochs", f"{n} documents against the augmented set",
            f"At equal epochs a set {design['ratio']} times as large also gets about that many times the optimiser "
            f"updates. Batch and epochs are not printed; as examples, {n} against {large:,} rows: {listed} updates. "
            "What is called volume is rows and updates together until an arm has the one without the other.",
            {"updates": {f"{b}x{e}": both for (b, e), both in steps.items()}}, figures["scores"]["from"],
            run.updates() + run.effect(
                "volume_updates_share", "R0, R1 and Pd are not all planned", form=percent, label="share of updates, ",
            ),
        ),
    ]  # fmt: skip


def unknown_rows(figures: Figures, run: Run) -> list[Row]:
    design, examples, scores = figures["design"], figures["examples"], figures["scores"]
    n, ratio, k, smallest = design["real_documents"], design["ratio"], examples["k_shot"], examples["smallest_ratio"]
    pool = n * smallest
    readings = {
        "a": {"real": pool // ratio, "synthetic": pool}, "b": {"real": pool // ratio, "pool": pool},
        "c": {"real": n, "synthetic": n * ratio}, "d": {"slots": k * design["labels"]},
        "e": {"real": n * ratio, "synthetic": n},
    }  # fmt: skip
    first = p.updates(n, examples["schedules"][-1]["batch"], 1)
    many = p.updates(n * ratio, examples["schedules"][-1]["batch"], 1)
    outer = examples["validation"]
    return [
        row(
            "regimes", UNKNOWN, f"What the regime 1:{ratio} is", f"1:{ratio}",
            f"(a) Real to synthetic with one synthetic pool: if {n} real documents are 1:{smallest} of {pool:,} "
            f"synthetic ones, 1:{ratio} is {readings['a']['real']:,} real.\n"
            f"(b) A share of the real pool: one in {ratio} of {pool:,} is {readings['b']['real']:,} real, if {n} are "
            f"one in {smallest}.\n"
            f"(c) {n} real documents throughout: 1:{ratio} adds {n * ratio:,} synthetic ones.\n"
            f"(d) A number of positives a label: {k} for each of {design['labels']} labels are "
            f"{readings['d']['slots']} positives, which {n} documents hold at "
            f"{number(readings['d']['slots'] / n, 2)} labels a document.\n"
            f"(e) Synthetic to real: {n * ratio:,} real beside {n} synthetic.\n"
            "Under (c) the real data does not grow, under the others it can.",
            readings, design["from"], run.ratios() + run.r_by_regime(figures["correlation"]["filters"]),
        ),
        row(
            "stop_rule", UNKNOWN, "When training stopped", f"{n} documents",
            f"Epochs, batch and stop rule are not printed. At batch {examples['schedules'][-1]['batch']} one epoch is "
            f"{first} updates of {n} documents and {many} of {n * ratio:,} rows; a rule that waits a number of epochs "
            "stops the small set after few updates, the large one after many.",
            {"updates_an_epoch": [first, many]}, scores["from"], run.stopping(),
        ),
        row(
            "validation", UNKNOWN, f"Whether validation and generation seeds lie in the {n}", f"{n} documents",
            f"With {outer} validation documents beside them (an example), the regime would be one of {n + outer} "
            f"labelled documents; examples shown to a generator from outside the {n} would add to that number too.",
            {"labelled": n + outer}, design["from"], run.validation(),
        ),
        _retrieval(figures, run),
    ]  # fmt: skip


def _retrieval(figures: Figures, run: Run) -> Row:
    spec = figures["retrieval"]
    change = p.printed(spec["relative_change"])
    here = Here((), None)
    for variant in ("own_ideal", "size_matched"):
        here += run.effect(
            "ndcg_at_10_relative_change", "retrieval was not measured over a set with synthetic rows",
            ("ndcg_at_10", "none"), f"(S - R) / R [{variant}]", percent, f"{variant.replace('_', ' ')}, ",
        )  # fmt: skip
    return row(
        "retrieval", UNKNOWN, "Whether the fall of nDCG@10 is one of content", f"nDCG@10 {100 * change.value:+.0f} %",
        "The ideal ranking of a corpus depends on its size: a larger corpus holds more highly relevant documents, so "
        "its own ideal is higher and nDCG can fall with size alone. Whether both corpora had one size, or the ideal "
        "one source, is not printed.",
        {"relative_change": change.value}, spec["from"], here,
    )  # fmt: skip
