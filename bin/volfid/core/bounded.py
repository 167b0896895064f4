"""Intervals of means that cannot leave [0, 1]: t on the logit of the mean, with its delta-method error.

A t interval about a mean of shares can end below 0 or above 1. The logit of the mean has the error s / (m (1 - m)), s
that of the mean (delta method); its t limits are transformed back and stay inside. At m = 0 and m = 1 the logit is
infinite: no interval. Differences of shares keep the plain t interval, which is not cut.
"""

import math
from collections.abc import Iterable

AT_BOUND = "every draw is {}: an interval is undefined there"
NEAR_BOUND = "the mean is {} but for rounding: an interval is undefined there"
UNIT = frozenset({
    # scores
    "ap", "ap_micro", "ap_macro", "ap_micro_oof", "lrap", "ranking_loss", "calibration_error", "brier", "f1",
    "f1_micro", "f1_macro", "f1_weighted", "f1_samples", "precision_micro", "recall_micro", "jaccard_samples",
    "subset_accuracy", "hamming", "clipped_share",
    # fidelity
    "mmd2_label_p", "mmd2_text_p", "mauve", "manifold_precision", "manifold_recall", "manifold_coverage",
    "label_set_js_bits", "label_set_tv", "unseen_label_set_share", "reference_coverage", "triple_tv",
    "triple_js_bits", "unseen_triple_share", "marginal_max_difference", "marginal_js_bits_mean", "density", "scumble",
    "distinct_label_set_share", "realised_labels", "checker_recognised", "checker_sensitivity",
    "checker_false_positives", "distinct_1", "distinct_2", "distinct_3", "distinct_4", "self_bleu_4",
    "texygen_self_bleu_3", "synthtexteval_jaccard", "synthtexteval_cosine", "share_above", "share_real",
    "real_as_near",
    # retrieval: shares, and nDCG of a whole or a filtered corpus
    "synthetic_share", "whole", "filtered", "matched", "random", "kept", "real_kept", "other_kept",
})  # fmt: skip
"""Names of figures with the range [0, 1]; those of UNIT_AT have a cut-off behind their name."""
UNIT_AT = ("ndcg_at_", "precision_at_", "recall_at_", "map_at_", "mrr_at_", "jaccard_at_", "synthetic_share_at_",
           "hub_share_at_")  # fmt: skip


def at_bound(mean: float, values: Iterable[float]) -> str:
    """Why a mean of shares at 0 or 1 has no interval, in words."""
    bound = round(mean)
    return (AT_BOUND if all(value == bound for value in values) else NEAR_BOUND).format(bound)


def is_share(figure: str | None, values: Iterable[float] = ()) -> bool:
    """Whether a figure of this name lies between 0 and 1, whatever is measured; `values` that do not, say no."""
    if figure is None or any(not -1e-9 <= value <= 1 + 1e-9 for value in values):
        return False
    return figure in UNIT or figure.startswith(UNIT_AT) or (figure.startswith("containment_") and "share" in figure)


def logit_limits(mean: float, error: float, quantile: float) -> tuple[float, float] | None:
    """Limits of a mean in (0, 1) with the standard error `error`, `quantile` of its t distribution.

    None at 0 or 1, and where the error or the quantile is no finite number of 0 or more.
    """
    if not 1e-12 < mean < 1 - 1e-12 or not all(math.isfinite(part) and part >= 0 for part in (error, quantile)):
        return None
    middle, half = math.log(mean) - math.log1p(-mean), quantile * error / (mean * (1 - mean))
    low, high = _expit(middle - half), _expit(middle + half)
    # rounding must neither reach a bound nor leave the mean outside
    return min(max(low, math.ulp(0.0)), mean), max(min(high, math.nextafter(1.0, 0.0)), mean)


def _expit(x: float) -> float:
    """1 / (1 + exp(-x)), without an overflow on either side."""
    small = math.exp(-abs(x))
    return (1.0 if x >= 0 else small) / (1.0 + small)
