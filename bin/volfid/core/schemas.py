"""The schema of every file that crosses a stage. A new column starts here."""

from volfid.core.contracts import Contract
from volfid.core.contracts import Field as F
from volfid.core.schemas_calibration import CALIBRATION
from volfid.core.schemas_corpora import CORPORA
from volfid.core.schemas_metrics import METRICS

SPLITS = ("train", "reference", "test")
TEXTS = (
    "none", "copies_balanced", "copies_drawn", "copies_paired", "copies_cut", "copies_ml_ros", "copies_lp_ros",
    "copies_repeat_factor", "synthetic", "pseudo_labelled", "real_more",
)  # fmt: skip
LABEL_LAWS = ("real", "synthetic", "permuted", "matched", "shifted")
UPDATES = ("low", "high", "grid", "stopped")
TUNINGS = ("fixed", "tuned")
HEAD_STARTS = ("zero", "prior")
EXPOSURES = ("pooled", "half_real", "curriculum", "ensemble", "filtered")
FLOORS = ("predict_all", "prior", "top_k", "random")
ANSWERS = ("zero_shot", "few_shot")
LABEL_CHECK = "label_check"  # the prompt of checks: like those of ANSWERS, it asks and makes no text
REWRITERS = ("eda", "nllb")  # engines that rewrite a document and are given no prompt
UNTRAINED = (*FLOORS, *ANSWERS)
SOURCES = ("real", "copy", "synthetic", "real_more", "unlabelled")
THRESHOLDS = ("none", "fixed_0.5", "tuned", "cardinality", "per_label", "cross_validated")

DATA_FACTORS = (
    F("regime", "int", "number of real training documents (the real budget)"),
    F("draw", "int", "number of the nested random draw"),
    F(
        "generator",
        "str",
        "entry of params/models.yaml; in an audit 'brought' or the name of a supplied pool",
        null=True,
    ),
    F("method", "str", "generation method, a folder name in params/prompts", null=True),
    F("label_plan", "str", "how label sets were chosen for generation", null=True),
    F("text", "str", "what the added rows are", choices=TEXTS),
    F("label_law", "str", "whose label law the added rows follow", choices=LABEL_LAWS),
    F("dose", "float", "strength of a shifted label law; null elsewhere", null=True),
    F("rows_added", "int", "rows added to the real ones (0 for real only)"),
    F("real_share", "float", "share of real rows in a fixed budget; null outside mixtures", null=True),
    F("budget", "int", "rows of a mixture; null outside mixtures", null=True),
    F("pool_size", "int", "regime size whose documents the generator saw; null without one", null=True),
    F("round", "int", "0, or the round of an iterative method"),
)
CELL_FIELDS = (
    F("cell_id", "str", "identifies the cell"),
    F("arm", "str", "name of the arm (design file)"),
    F("trainset_id", "str", "the rows it trains on"),
    F("pool_id", "str", "the synthetic pool it draws on; null without one", null=True),
    *DATA_FACTORS,
    F("added", "int", "M: rows that define the high number of updates (also where no row is added)"),
    F("updates", "str", "epochs of real-only (low), of the augmented set (high), tuned (grid), or ended by the paper's stop rule (stopped)", choices=UPDATES),
    F("tuning", "str", "recipe as in the paper, or the grid that every arm gets", choices=TUNINGS),
    F("head_start", "str", "initial bias of the head", choices=HEAD_STARTS),
    F("exposure", "str", "how real and added rows are mixed", choices=EXPOSURES),
    F("classifier", "str", "entry of params/recipes.yaml"),
    F("loss", "str", "training loss"),
    F("training_seed", "int", "number of the training repetition"),
    F("encoder", "str", "entry of params/models.yaml that embeds the documents, or that is fine-tuned"),
    F("n_updates", "int", "U: optimiser updates, fixed by the plan; null where the solver has none or U is tuned", null=True),
    F("penalty_scale", "float", "factor on C that stands for the updates of a penalised solver; null for SGD", null=True),
    F("rows_total", "int", "rows in the training set"),
    F("blocks", "str_list", "design blocks that use the cell"),
    F("priority", "int", "lowest priority of its blocks (1 first)"),
    F("optional", "bool", "whether only optional blocks use it; such a cell may be missing without failing the run"),
)  # fmt: skip

_ALL = (
    Contract("documents", "documents.jsonl", "jsonl", "prepare_documents.py", "Accepted real documents.", (
        F("doc_id", "str", "id given by the user"),
        F("text", "str", "document text, NFC, white space collapsed"),
        F("labels", "str_list", "sorted label ids"),
        F("split", "str", "train pool, reference fold (MMD only) or test", choices=SPLITS),
        F("group", "str", "family or near-duplicate group; never on two sides of the split"),
        F("text_sha", "str", "SHA-256 of the text"),
    ), ("doc_id",)),
    Contract("labels", "labels.json", "json", "prepare_documents.py", "The label list; its order is the order of all score columns.", (
        F("label", "str", "label id"),
        F("name", "str", "name for prompts", null=True),
        F("definition", "str", "one sentence", null=True),
        F("count", "int", "accepted documents that have it"),
        F("count_train", "int", "of these in the train pool; the frequency bands come from it"),
        F("note", "str", "what has to be said wherever the label is shown, e.g. that it is a reconstruction", optional=True),
    ), ("label",)),
    Contract("corpus", "corpus.json", "object", "prepare_documents.py", "What the corpus is.", (
        F("name", "str", "short name"),
        F("stamp", "str", "words that every output must carry, e.g. 'fixture: not evidence'", null=True),
        F("source", "str", "file name as given (no folder)"),
        F("source_sha256", "str", "hash of the input file"),
        F("documents", "int", "accepted documents"),
        F("split_sizes", "object", "documents by split"),
        F("cardinality", "float", "mean labels a document"),
        F("named_labels", "bool", "whether every label has a name"),
        F("brought", "int", "accepted supplied synthetic documents"),
        F("supplied", "any", "list of {generator, method, called, read, kept, dropped, warning}: the pools of an audit, their names in the files, and what became of their rows", optional=True),
        F("policies", "any", "list of {policy, choice, default, about, met}: what is done with rows that cannot be used, and how many rows (or labels) that met"),
        F("warnings", "str_list", "what a user should know"),
    )),
    Contract("rejects", "rejects.jsonl", "jsonl", "prepare_documents.py", "Refused input rows.", (
        F("file", "str", "input file name"), F("row", "int", "1-based row of the file"),
        F("doc_id", "str", "id, when there was one", null=True),
        F("reason", "str", "short code"), F("detail", "str", "what was wrong"),
    ), ("file", "row", "reason")),
    Contract("funnel", "funnel.json", "json", "prepare_documents.py", "Rows in and out of each input step; the counts sum up.", (
        F("position", "int", "order of the step"), F("step", "str", "what it does"),
        F("rows_in", "int", "rows before"), F("removed", "int", "rows refused"), F("rows_out", "int", "rows after"),
    ), ("position",)),
    Contract("brought", "brought.jsonl", "jsonl", "prepare_documents.py", "Accepted synthetic documents that somebody supplied (audit).", (
        F("doc_id", "str", "id given by the user or made from the row"),
        F("text", "str", "document text"), F("labels", "str_list", "sorted label ids"),
        F("source_doc_ids", "str_list", "real documents it was made from, where the file says so"),
        F("text_sha", "str", "SHA-256 of the text"),
        F("generator", "str", "generator as it stands in ids; absent where all documents are one pool", optional=True),
        F("method", "str", "method as it stands in ids; absent where all documents are one pool", optional=True),
        F("sources_unknown", "int", "sources that the file names and that are no accepted real document", optional=True),
    ), ("doc_id",)),
    Contract("cells", "cells.jsonl", "jsonl", "plan_experiments.py", "Every planned cell: one trained and scored classifier.", CELL_FIELDS, ("cell_id",)),
    Contract("plan", "plan.json", "object", "plan_experiments.py", "The resolved design, counts, estimate and what was left out.", (
        F("design", "object", "the design file, resolved to absolute numbers"),
        F("master_seed", "int", "the seed all others derive from"),
        F("counts", "object", "cells, jobs and requests by block and stage"),
        F("estimate", "object", "tokens, seconds by stage, and what they were computed from"),
        F("not_planned", "any", "list of {what, reason}: cells that the data cannot support"),
        F("stopped", "any", "list of arms that an earlier look decided, with the cells that they are spared"),
        F("protocol", "object", "fixed choices: thresholds, folds, recipes, encoder, gain, kernel"),
    )),
    Contract("job", "job.json", "object", "plan_experiments.py", "What one task runs.", (
        F("job_id", "str", "identifies the job"), F("stage", "str", "stage that runs it"),
        F("label", "str", "resource label"), F("model", "str", "generator, encoder or causal LLM", null=True),
        F("code", "str", "fingerprint of the package code of its stage and of the installed versions"),
        F("master_seed", "int", "the seed all others derive from"),
        F("settings", "object", "names and numbers the stage needs"),
        F("items", "any", "list of cells, pools, trainsets or regimes, as the stage needs"),
    )),
    Contract("regimes", "regimes.jsonl", "jsonl", "sample_regimes.py", "Nested real training sets with fixed folds.", (
        F("regime_id", "str", "size and draw"), F("size", "int", "documents"), F("draw", "int", "draw"),
        F("doc_ids", "str_list", "documents in nested order: a smaller size of the draw is a prefix"),
        F("folds", "int_list", "fold of each document, fixed for tuning and thresholds"),
        F("label_counts", "int_list", "positives of each label, in label order"),
        F("labels_missing", "int", "labels without a positive"),
    ), ("regime_id",)),
    Contract("generations", "generations.jsonl", "jsonl", "generate_text.py", "One row per request: the accepted text, or why there is none.", (
        F("request_id", "str", "16 hex digits of the hash of the request"),
        F("pool_id", "str", "the pool it belongs to"), F("position", "int", "order inside the pool"),
        F("regime", "int", "regime whose documents were shown"), F("draw", "int", "draw"),
        F("generator", "str", "generator"), F("method", "str", "method"), F("label_plan", "str", "label plan"),
        F("prompt_sha", "str", "SHA-256 of the rendered prompt"), F("labels", "str_list", "requested labels"),
        F("source_doc_ids", "str_list", "real documents the prompt showed"),
        F("parent_doc_id", "str", "real row it is paired with (label row or paraphrase parent)", null=True),
        F("seed", "int", "seed of the attempt that counted"), F("attempts", "int", "attempts made (at most 4)"),
        F("text", "str", "parsed text; null when no attempt was accepted", null=True),
        F("finish_reason", "str", "stop, length or filtered (withheld by a server), of the last attempt"),
        F("reject_reason", "str", "why the last attempt was refused: reasoning (nothing but that), refusal, lead_in, "
          "truncated, empty, too_short, ...", null=True),
        F("attempt_reasons", "str_list", "why each refused attempt was refused"),
        F("tokens_prompt", "int", "prompt tokens of all attempts"),
        F("tokens_completion", "int", "completion tokens of all attempts"),
        F("tokens_discarded", "int", "completion tokens of refused attempts"),
    ), ("request_id",)),
    Contract("answers", "answers.parquet", "parquet", "label_documents.py", "What a generator answered when it was asked, label by label, whether a document has it.", (
        F("request_id", "str", "16 hex digits of the hash of the request"),
        F("pool_id", "str", "requests that show the same exemplars"), F("position", "int", "order inside the group"),
        F("labeller", "str", "how it was asked", choices=ANSWERS), F("generator", "str", "generator"),
        F("regime", "int", "regime whose documents were shown; null for zero_shot", null=True), F("draw", "int", "draw; null for zero_shot", null=True),
        F("doc_id", "str", "document; null for the text without content that calibrates", null=True),
        F("exemplar_ids", "str_list", "real documents the prompt showed with their labels"),
        F("prompt_sha", "str", "SHA-256 of all prompts of the document"),
        F("score", "str", "what `scores` is", choices=("yes_share", "yes_share_calibrated")),
        F("scores", "float_list", "score of each label, in label order; 0 where there was no answer"),
        F("yes_shares", "float_list", "P(yes) / (P(yes) + P(no)) at the first token of the answer, in label order"),
        F("answer_mass", "float", "mean P(yes) + P(no): how often an unconstrained answer would begin so"),
        F("failures", "int", "labels without an answer"),
        F("tokens_prompt", "int", "prompt tokens of all questions"), F("tokens_cached", "int", "of these, tokens of the shared beginning that were read once for all questions"),
        F("tokens_completion", "int", "answer tokens"), F("label_order_sha", "str", "hash of the label order"),
    ), ("request_id",)),
    Contract("synthetic", "synthetic.jsonl", "jsonl", "build_corpus.py", "Synthetic documents, kept and dropped, each drop with its reason.", (
        F("doc_id", "str", "syn- and the request id, or the supplied id"), F("pool_id", "str", "the pool"),
        F("position", "int", "order inside the pool"), F("text", "str", "text"),
        F("labels", "str_list", "requested labels (not checked)"),
        F("regime", "int", "regime whose documents were shown", null=True), F("draw", "int", "draw", null=True),
        F("generator", "str", "generator"), F("method", "str", "method"), F("label_plan", "str", "label plan"),
        F("request_id", "str", "request", null=True), F("source_doc_ids", "str_list", "real documents it saw"),
        F("parent_doc_id", "str", "real row it is paired with", null=True), F("text_sha", "str", "SHA-256 of the text"),
        F("kept", "bool", "whether it may be trained on"), F("drop_reason", "str", "why not", null=True),
    ), ("pool_id", "doc_id")),
    Contract("waterfall", "waterfall.jsonl", "jsonl", "build_corpus.py", "Requests in, documents out, by pool and rule, in fixed order.", (
        F("pool_id", "str", "the pool"), F("position", "int", "order of the rule"), F("rule", "str", "rule"),
        F("rows_in", "int", "before"), F("removed", "int", "removed"), F("rows_out", "int", "after"),
    ), ("pool_id", "position")),
    Contract("trainsets", "trainsets.jsonl", "jsonl", "build_corpus.py", "Rows of every training set, with multiplicity.", (
        F("trainset_id", "str", "training set"), F("position", "int", "order"),
        F("doc_id", "str", "document"), F("source", "str", "what kind of row", choices=SOURCES),
        F("parent_id", "str", "real document a copy or paraphrase comes from", null=True),
        F("source_doc_ids", "str_list", "real documents that must be in the same training fold"),
        F("labels", "str_list", "labels it is trained with"), F("multiplicity", "int", "how many times"),
    ), ("trainset_id", "position")),
    Contract("gaps", "gaps.jsonl", "jsonl", "every stage", "What was planned and could not be made.", (
        F("subject", "str", "cell, training set or pool"), F("stage", "str", "stage"),
        F("reason", "str", "one sentence"), F("wanted", "int", "rows wanted", null=True), F("got", "int", "rows there", null=True),
    ), ("subject", "stage")),
    Contract("predictions", "predictions.parquet", "parquet", "train_heads.py, train_encoder.py", "Scores of every cell on out-of-fold and test documents.", (
        F("cell_id", "str", "cell"), F("split", "str", "oof or test"), F("doc_id", "str", "document"),
        F("scores", "float_list", "probability of each label, in label order"), F("label_order_sha", "str", "hash of that order"),
    ), ("cell_id", "split", "doc_id")),
    Contract("scores", "scores.parquet", "parquet", "train_heads.py, train_encoder.py, collect_scores.py", "One number a row: what a cell scored.", (
        F("cell_id", "str", "cell"), F("metric", "str", "what, averaging, cut"),
        F("threshold", "str", "threshold policy ('none' for metrics that need none)", choices=THRESHOLDS),
        F("label", "str", "label, frequency band or null for all", null=True),
        F("value", "float", "null when undefined", null=True), F("n", "int", "documents or labels it rests on"),
        F("note", "str", "why it is undefined, or a setting", null=True),
    ), ("cell_id", "metric", "threshold", "label")),
    Contract("counts", "counts.parquet", "parquet", "train_heads.py, train_encoder.py, collect_scores.py", "Decisions of every cell on each test document, for paired tests over documents.", (
        F("cell_id", "str", "cell"), F("threshold", "str", "threshold policy", choices=THRESHOLDS[1:]),
        F("tp", "int_list", "true positives of each test document, in sorted order of doc_id"),
        F("fp", "int_list", "false positives, same order"), F("fn", "int_list", "false negatives, same order"),
    ), ("cell_id", "threshold")),
    Contract("fidelity", "fidelity.parquet", "parquet", "measure_fidelity.py", "Fidelity and diversity of every training set, copies included.", (
        F("trainset_id", "str", "training set"), F("metric", "str", "metric"), F("rows", "str", "all rows, or the added ones", choices=("all", "added")),
        F("reference", "str", "what it is compared with"), F("value", "float", "null when undefined", null=True),
        F("n", "int", "rows it rests on"), F("note", "str", "why it is undefined, or a setting", null=True),
    ), ("trainset_id", "metric", "rows", "reference")),
    Contract("keywords", "keywords.parquet", "parquet", "measure_fidelity.py", "Keyword audit: how often texts hold the names of their labels.", (
        F("subject", "str", "split of the real documents, or pool of synthetic ones"),
        F("metric", "str", "label_name_share, label_word_share, keyword_f1_micro, keyword_any_f1_micro"),
        F("label", "str", "label, or null for all", null=True), F("value", "float", "null when undefined", null=True),
        F("ci_low", "float", "Wilson", null=True), F("ci_high", "float", "Wilson", null=True),
        F("n", "int", "pairs of document and label (shares), documents (F1)"), F("note", "str", "why it is undefined", null=True),
    ), ("subject", "metric", "label")),
    Contract("retrieval", "retrieval.parquet", "parquet", "evaluate_retrieval.py", "Retrieval over every training set used as a corpus.", (
        F("trainset_id", "str", "training set"), F("metric", "str", "ndcg_at_10, dcg_at_10, jaccard_at_10, ..."),
        F("variant", "str", "own_ideal, fixed_ideal, size_matched, random"), F("value", "float", "null when undefined", null=True),
        F("n", "int", "queries"), F("note", "str", "why it is undefined, or a setting", null=True),
    ), ("trainset_id", "metric", "variant")),
    Contract("effects", "effects.parquet", "parquet", "estimate_effects.py", "Every estimate with its interval.", (
        F("effect", "str", "name of the estimate, e.g. volume_updates"), F("estimand", "str", "number in docs/estimands.md"),
        F("contrast", "str", "formula over arms"), F("regime", "int", "real documents", null=True), F("added", "int", "M", null=True),
        F("generator", "str", "generator", null=True), F("method", "str", "method", null=True), F("classifier", "str", "classifier", null=True),
        F("metric", "str", "metric"), F("threshold", "str", "threshold policy"),
        F("estimate", "float", "null when undefined", null=True), F("ci_low", "float", "lower limit", null=True), F("ci_high", "float", "upper limit", null=True),
        F("level", "float", "confidence level"), F("p", "float", "two-sided p", null=True), F("p_adjusted", "float", "Holm", null=True),
        F("n", "int", "units"), F("unit", "str", "what n counts"), F("interval", "str", "how the interval was made"),
        F("verdict", "str", "positive, negative, cannot decide, identity holds, undefined; value where nothing is compared"), F("note", "str", "reason or remark", null=True),
        F("corpus", "str", "corpus stamp or name"),
    )),
    Contract("correlations", "correlations.parquet", "parquet", "estimate_effects.py", "Correlation of fidelity with score and with gain.", (
        F("regime", "int", "real documents"), F("classifier", "str", "classifier"), F("metric", "str", "score metric"),
        F("threshold", "str", "threshold policy"), F("outcome", "str", "score or gain"), F("fidelity_metric", "str", "fidelity metric"),
        F("scope", "str", "all, without controls, within a method, within methods (pooled), between methods"),
        F("r", "float", "Pearson r", null=True), F("ci_low", "float", "Fisher", null=True), F("ci_high", "float", "Fisher", null=True),
        F("spearman", "float", "rho", null=True), F("kendall", "float", "tau-b", null=True), F("theil_sen", "float", "median slope over pairs: outcome by fidelity", null=True),
        F("r_lowest_left_out", "float", "lowest r when one condition is left out", null=True), F("r_highest_left_out", "float", "highest r when one condition is left out", null=True),
        F("r_given_size", "float", "partial r given log rows", null=True), F("r_given_unique", "float", "partial r given unique documents", null=True),
        F("p", "float", "two-sided", null=True), F("n", "int", "conditions"),
        F("note", "str", "reason when undefined", null=True), F("corpus", "str", "corpus stamp or name"),
    )),
    Contract("findings", "findings.json", "object", "estimate_effects.py", "The numbers the report leads with.", (
        F("headline", "object", "worth in real documents, content efficiency, interval, cost"),
        F("five_figures", "any", "list of {name, value, ci_low, ci_high, unit}: R0, R1, Pd, S and the worth"),
        F("attribution", "object", "the factorial, Shapley shares and the paper's split"),
        F("curve", "any", "real learning curve: list of {classifier, size, mean, ci_low, ci_high, n}"),
        F("identity_checks", "any", "list of {check, value, tolerance, holds}"),
        F("specifications", "any", "correlation claim under every reading of 1:10: list of {reading, low_regime, high_regime, classifier, metric, threshold, outcome, fidelity_metric, scope, r_low, r_high, delta, ci_low, ci_high, n, note}"),
        F("readings", "any", "readings of 1:10: list of {reading, low, high, reason}; reason says why one could not be formed"),
        F("decide", "any", "list: what would decide the undecided verdicts"),
        F("published", "any", "the published figures taken apart: list of {name, group, title, printed, statement, values, from, here, not_here}"),
    )),
    Contract("uses", "uses.json", "object", "price_uses.py", "What else the same tokens buy.", (
        F("metric", "str", "score of the table"), F("threshold", "str", "its threshold policy"),
        F("prices", "object", "prices given: million_tokens, label_document, gpu_hour; null where not given"),
        F("options", "any", "list of {option, classifier, regime, score, gain, tokens, documents, cost, cost per 0.01}"),
        F("break_even", "any", "list of {option, worth, tokens, cost, price of the labels of one document, tokens per document}"),
    )),
    Contract("claims", "claims.json", "json", "check_claims.py", "A verdict per claim.", (
        F("claim", "str", "C1 ..."), F("text", "str", "the claim"), F("tier", "str", "cheapest tier that can check it"),
        F("verdict", "str", "verdict", choices=("reproduced", "deviates", "cannot decide", "inconsistent as stated", "not run")),
        F("why", "str", "numbers behind the verdict"), F("published", "str", "published value", null=True), F("here", "str", "this run's value", null=True),
    ), ("claim",)),
    Contract("status", "status.json", "object", "collect_scores.py", "Whether every planned cell is there.", (
        F("complete", "bool", "nothing is missing but optional cells"), F("planned", "int", "cells planned"), F("done", "int", "cells scored"),
        F("missing", "any", "list of {cell_id, arm, reason, optional}"),
    )),
    Contract("manifest", "manifest.json", "object", "every task", "How a task made its files.", (
        F("command", "str", "CLI"), F("job_id", "str", "job", null=True), F("job_sha", "str", "hash of the job", null=True),
        F("code", "str", "code fingerprint", null=True), F("inputs", "object", "file: sha256 and rows"), F("outputs", "object", "file: sha256 and rows"),
        F("seeds", "object", "named seeds"), F("versions", "object", "package: version"), F("device", "object", "cpu, threads, accelerator; on a card its name, driver and CUDA"),
        F("settings", "object", "engine flags and the like"), F("counts", "object", "tokens, updates, rows"), F("seconds", "float", "wall clock"), F("peak_memory_mb", "float", "resident"),
    )),
)  # fmt: skip

CONTRACTS: dict[str, Contract] = {contract.name: contract for contract in (*_ALL, *METRICS, *CALIBRATION, *CORPORA)}
