"""The published scores taken apart."""

from volfid.core.contracts import Row
from volfid.statistics.published import arithmetic as p
from volfid.statistics.published.here import Here, Run, percent
from volfid.statistics.published.rows import FOLLOWS, UNKNOWN, Figures, figures_of, row
from volfid.statistics.table import PRIMARY
from volfid.statistics.words import number, signed

PLANNED = "R0, Pd and S are not all planned"


def score_rows(figures: Figures, run: Run) -> list[Row]:
    spec, labels = figures["scores"], figures["design"]["labels"]
    real, copies, synthetic, over = figures_of(spec, "real_only", "replication", "synthetic", "over_baseline")
    density = p.predict_all_density(real.value)
    cardinality = [labels * p.predict_all_density(end) for end in real.ends]
    share = p.share_of_gain(real.value, copies.value, synthetic.value)
    low, high = p.over_rounding(p.share_of_gain, real, copies, synthetic)
    baseline = synthetic.value - over.value
    edges = p.over_rounding(lambda a, b: a - b, synthetic, over)
    digits = max(len(figure.text.partition(".")[2]) for figure in (real, copies, synthetic))
    volume, content = copies.value - real.value, synthetic.value - copies.value
    floor = run.effect("floor_predict_all", "predict-all is not among the floors of this run")
    trained = run.effect("score", "no real-only arm at fixed epochs was scored", contrast="R0", label="R0, ")
    return [
        row(
            "split", FOLLOWS, "The two-term split of the gain", f"{real.text}, {copies.text}, {synthetic.text}",
            f"Copies give {signed(volume, digits)} of {signed(volume + content, digits)}, synthetic text over copies "
            f"{signed(content, digits)}: {percent(share)} and {percent(1 - share)}. The rounding of the three "
            f"figures allows {percent(low)} to {percent(high)}. "
            "The order of the terms is a choice, and the first term holds the updates.",
            {"volume": volume, "content": content, "total": volume + content, "volume_share": share,
             "content_share": 1 - share, "share_low": low, "share_high": high}, spec["from"],
            run.effect("volume_share_of_paper_total", PLANNED, form=percent, label="F1 at 0.5, ", most=2) + run.effect(
                "volume_share_of_split_total", PLANNED, PRIMARY, form=percent, label="micro AP, ", most=2
            ),
        ),
        row(
            "baseline", FOLLOWS, "The best baseline", f"{synthetic.text}, {signed(over.value, digits)} over it",
            f"The best baseline scored {number(baseline, digits)}; rounding allows {number(edges[0], digits + 1)} to "
            f"{number(edges[1], digits + 1)}. It is below the copies by {number(copies.value - baseline, digits)}.",
            {"baseline": baseline}, spec["from"],
            run.effect("synthetic_over_focal", "no arm of this run is trained with focal loss", label="S over focal, "),
        ),
        row(
            "predict_all", FOLLOWS, "The score of predicting every label", f"{real.text} with {labels} labels",
            f"Predicting every label scores 2p / (1 + p) at label density p. {real.text} is that score at "
            f"p = {number(density, 4)}, a mean of {number(labels * density, 2)} labels of {labels} a document "
            f"(rounding: {number(cardinality[0], 2)} to {number(cardinality[1], 2)}).",
            {"density": density, "cardinality": labels * density}, spec["from"], floor,
        ),
        row(
            "trained", UNKNOWN, f"Whether {real.text} is a trained model", real.text,
            f"At {number(labels * density, 1)} labels a document, {real.text} is what predicting every label reaches "
            "without training. The figures alone do not tell a trained model from that: the cardinality of the test "
            "documents and the scores of trivial rows are not printed.",
            {}, spec["from"], trained + floor,
        ),
        _gap(figures, run, content, digits),
        row(
            "threshold", UNKNOWN, "The threshold behind micro-F1", f"{real.text} to {synthetic.text}",
            "Micro-F1 belongs to a threshold policy, and the abstract names none. The same scores give other figures "
            "at another threshold, and the more so the fewer updates a head has had.",
            {}, spec["from"], _thresholds(run),
        ),
    ]  # fmt: skip


def _thresholds(run: Run) -> Here:
    reason = "no real-only arm at fixed epochs was scored"
    parts = [run.effect("score", reason, ("f1_micro", policy), "R0", label=f"R0 at {words}, ")
             for policy, words in (("fixed_0.5", "0.5"), ("tuned", "the tuned threshold"))]  # fmt: skip
    return Here.of([line for part in parts for line in part.lines[:1]], reason)


def _gap(figures: Figures, run: Run, gap: float, digits: int) -> Row:
    spec, examples = figures["scores"], figures["examples"]
    largest = {n: p.largest_spread(gap, n) for n in examples["draws"]}
    small, wide = min(examples["bounds"]), max(examples["bounds"])
    told = ", ".join(f"{number(spread, 3)} with {n} draws" for n, spread in largest.items())
    equal = {n: p.largest_spread_equivalent(gap, wide, n) for n in examples["draws"]}
    needed = ", ".join(f"{number(spread, 3)} with {n}" for n, spread in equal.items() if spread is not None)
    outside = "outside" if abs(gap) > small else "inside"
    return row(
        "gap", UNKNOWN, "Whether copies and synthetic text score the same", f"{signed(gap, digits)}",
        "No spread is printed. The gap differs from zero (paired t, 95 %) only if the standard deviation of the paired "
        f"differences is below {told}. A gap that does not differ from zero is not yet equivalence: "
        f"{signed(gap, digits)} lies {outside} +-{small:g}, and equivalence within +-{wide:g} would need a standard "
        f"deviation below {needed or 'zero'}.",
        {"largest_spread": {str(n): v for n, v in largest.items()},
         "largest_spread_equivalent": {str(n): v for n, v in equal.items()}}, spec["from"],
        run.effect("paper_content", PLANNED, label="F1 at 0.5, S - Pd, ", note="equivalence", most=2)
        + run.effect("split_content", PLANNED, PRIMARY, label="micro AP, S - Pd, ", note="equivalence", most=2),
    )  # fmt: skip
