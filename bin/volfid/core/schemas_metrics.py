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
    Contract("retrieval_filters", "retrieval_filters.parquet", "parquet", "evaluate_retrieval.py", "Standard-patent filters of every corpus with synthetic documents, each against random documents of the same number.", (
        F("trainset_id", "str", "training set used as a corpus, every document once"),
        F("filter", "str", "by prompt family, by rules of text, or by a classifier", choices=("sp_family", "sp_rule", "sp_clf")),
        F("metric", "str", "nDCG at the cut-off"), F("ideal", "str", "over the best documents of the train pool, or of the corpus itself", choices=("fixed_ideal", "own_ideal")),
        F("real", "int", "documents that are not synthetic; they stay"), F("synthetic", "int", "synthetic documents"), F("kept", "int", "of these, how many the filter keeps", null=True),
        F("real_kept", "float", "share of real training documents that the filter would keep; the classifier's out of fold", null=True),
        F("other_kept", "float", "share of the classifier's other texts that it would keep, out of fold", null=True),
        F("whole", "float", "value of the whole corpus", null=True), F("filtered", "float", "value of real and kept documents", null=True),
        F("matched", "float", "mean value of real documents and as many random synthetic ones", null=True),
        F("matched_low", "float", "where one such random corpus falls with 95 %: t prediction interval over subsets", null=True), F("matched_high", "float", "likewise", null=True),
        F("random", "float", "mean value of as many random documents of the whole corpus", null=True),
        F("fewer", "float", "random - whole: what fewer documents do", null=True), F("share", "float", "matched - random: what the larger share of real ones does", null=True),
        F("selection", "float", "filtered - matched: what the choice does", null=True),
        F("ci_low", "float", "of selection: percentile bootstrap over queries, those of one group together", null=True), F("ci_high", "float", "likewise", null=True),
        F("p", "float", "of selection: Fisher's randomisation, two-sided, not adjusted", null=True),
        F("label_shift", "float", "Jensen-Shannon divergence in bits of the label sets of synthetic documents before and after", null=True),
        F("label_shift_matched", "float", "the same, mean over random synthetic documents of the same number", null=True),
        F("subsets", "int", "random subsets of each kind"), F("n", "int", "queries"), F("clusters", "int", "groups of queries"), F("note", "str", "why it is undefined, or what was left out", null=True),
    ), ("trainset_id", "filter", "ideal")),
    Contract("patent_rules", "patent_rules.parquet", "parquet", "evaluate_retrieval.py", "Features behind the filter sp_rule, of every document it looked at; faults are 0 or 1.", (
        F("doc_id", "str", "document"), F("source", "str", "kind of document", choices=("real", "synthetic")), F("words", "int", "words"),
        F("register_per_100", "float", "words of the patent register in 100 words"), F("register", "float", "the same, at most 1"),
        F("out_of_length", "int", "outside 40 to 400 words, or the 1st to 99th percentile of real documents"), F("markup", "int", "list, markdown, address, or more than one paragraph"),
        F("no_claim_form", "int", "asked of prompt families with claims alone", null=True), F("other_genre", "int", "first or second person, price, quotation, date, citation, p value"),
        F("meta_text", "int", "refusal, or talk about the task"), F("repetitive", "int", "type-token ratio below 0.35, or the same five words three times in a row"),
        F("not_english", "int", "share of English function words below 0.25"), F("score", "float", "weighted sum"), F("kept", "bool", "whether the score is 0.5 or more"),
    ), ("doc_id",)),
)  # fmt: skip
