"""Schemas of further tables of the metric stages."""

from volfid.core.contracts import Contract
from volfid.core.contracts import Field as F

METRICS = (
    Contract("leaks", "leaks.parquet", "parquet", "measure_fidelity.py", "How near made documents come to real ones, with thresholds from real documents.", (
        F("trainset_id", "str", "training set with synthetic rows or copies"), F("against", "str", "the sources a row names, train, or test", choices=("sources", "train", "test")),
        F("measure", "str", "containment_8gram, longest_run (tokens) or cosine, to the nearest document of that side"),
        F("q50", "float", "median over documents", null=True), F("q90", "float", "0.9 quantile", null=True), F("highest", "float", "largest", null=True),
        F("threshold", "float", "0.95 quantile of real documents: test held against train, or train against test", null=True),
        F("share_above", "float", "share of documents above it", null=True), F("ci_low", "float", "Wilson", null=True), F("ci_high", "float", "Wilson", null=True),
        F("share_real", "float", "the same share of the real documents", null=True), F("real_high", "float", "most that it may be for unseen real documents: a lower limit `ci_low` above it is a leak", null=True),
        F("real_as_near", "float", "share of real documents as near as a made one, ties half: .5 where both are alike, 0 where the made ones are nearer", null=True),
        F("n", "int", "made documents, each once"), F("n_real", "int", "real documents behind the threshold"), F("note", "str", "why it is undefined", null=True),
    ), ("trainset_id", "against", "measure")),
    Contract("retrieval_tests", "retrieval_tests.parquet", "parquet", "evaluate_retrieval.py", "Every corpus against its base, paired over queries.", (
        F("trainset_id", "str", "training set used as a corpus; of several draws the first"), F("base_id", "str", "the real rows alone of the same regime and draw"),
        F("metric", "str", "nDCG at the cut-off"), F("variant", "str", "which ideal, as in the contract retrieval"),
        F("delta", "float", "mean difference over queries, draws averaged first", null=True),
        F("ci_low", "float", "percentile bootstrap over queries, those of one group together", null=True), F("ci_high", "float", "likewise", null=True),
        F("p", "float", "Fisher's randomisation, two-sided: signs of groups of queries", null=True), F("p_adjusted", "float", "Holm, over the corpora with this base", null=True),
        F("improved", "float", "share of queries with a higher value", null=True), F("worsened", "float", "share with a lower one", null=True),
        F("n", "int", "queries"), F("clusters", "int", "groups of queries"), F("draws", "int", "draws averaged"), F("note", "str", "why it is undefined, or what was left out", null=True),
    ), ("trainset_id", "base_id", "metric", "variant")),
)  # fmt: skip
