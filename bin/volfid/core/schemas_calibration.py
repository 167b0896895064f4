"""The schemas of the calibration of the instrument."""

from volfid.core.contracts import Contract
from volfid.core.contracts import Field as F

CALIBRATION = (
    Contract("calibration_scores", "calibration_scores.parquet", "parquet", "calibrate_instrument.py", "Scores of every draw of one world: what the rates of the instrument are made of.", (
        F("world", "str", "world with one mechanism"), F("classifier", "str", "classifier"), F("draw", "int", "draw"),
        F("arm", "str", "arm; Rt@n is the real learning curve at n documents"), F("metric", "str", "metric"),
        F("threshold", "str", "threshold policy"), F("value", "float", "null when undefined", null=True),
    ), ("world", "classifier", "draw", "arm", "metric", "threshold")),
    Contract("calibration", "calibration.parquet", "parquet", "collect_calibration.py", "Measured rates of the instrument in worlds with a known mechanism, each with its binomial interval.", (
        F("world", "str", "world"), F("classifier", "str", "classifier"), F("regime", "int", "real documents"), F("added", "int", "M"),
        F("draws", "int", "draws of an experiment"),
        F("check", "str", "coverage, false_positive, power, power_at, tost_error, tost_power, holm_error, stop_error, stop_equivalence_error, stop_power"),
        F("effect", "str", "effect"), F("metric", "str", "metric"), F("threshold", "str", "threshold policy"),
        F("replicates", "int", "experiments counted"), F("truth", "float", "true value, from draws outside the experiment", null=True),
        F("rate", "float", "share of experiments; null for none", null=True),
        F("low", "float", "Wilson, 95 %", null=True), F("high", "float", "Wilson, 95 %", null=True),
        F("expected", "float", "rate claimed; null where none is", null=True),
        F("held", "bool", "whether the claimed rate lies in the interval (an upper bound: not below it)", null=True),
        F("value", "float", "mean width (coverage), spread over draws (errors and power), draws used (stop_*)", null=True),
        F("note", "str", "what was left out", null=True),
    ), ("world", "classifier", "draws", "check", "effect", "metric", "threshold", "truth", "note")),
    Contract("confusion", "confusion.parquet", "parquet", "collect_calibration.py", "Which mechanism the instrument named in each world.", (
        F("world", "str", "world"), F("classifier", "str", "classifier"), F("draws", "int", "draws of an experiment"),
        F("metric", "str", "score whose gain is attributed"), F("mechanism", "str", "right answer"), F("attributed", "str", "mechanism named"),
        F("replicates", "int", "experiments"), F("count", "int", "experiments that named it"), F("share", "float", "of all"),
    ), ("world", "classifier", "draws", "metric", "attributed")),
    Contract("calibration_summary", "calibration.json", "object", "collect_calibration.py", "The rates that every report cites.", (
        F("commit", "str", "code that was measured", null=True), F("replicates", "int", "experiments with five draws in each world"),
        F("rates", "any", "list of {classifier, draws, check, worlds, replicates, rate, low, high, expected, lowest, highest}"),
        F("missed", "str_list", "what did not hold, one sentence each"),
    )),
)  # fmt: skip
