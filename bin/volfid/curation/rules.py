"""What may not be trained on: ordered rules over the generations of one pool, each with its count.

Rules only drop; nothing
is refilled, because a silent refill would turn the label law towards the label sets that are easy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from volfid.core.exits import ConfigError, DataError, ParameterError
from volfid.core.files import sha256_text
from volfid.core.ids import synthetic_doc_id
from volfid.core.shingles import containment, near_duplicate_pairs, tokens
from volfid.core.supplied import BROUGHT, OWN, sources_of

Row = dict[str, Any]
PARAPHRASE = "paraphrase"
HELD_OUT = ("reference", "test")


@dataclass(frozen=True)
class Thresholds:
    """Cuts of the rules; every one is a share in (0, 1] but `min_words`."""

    near_duplicate: float = 0.8  # shingle Jaccard (width 5) from which two texts count as one
    source_8gram: float = 0.2  # 8-gram containment in a document that was shown
    paraphrase_5gram: float = 0.6  # 5-gram containment of a paraphrase in its parent
    min_words: int = 12

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Thresholds":
        """Defaults overridden by `settings`; ConfigError for an unknown name, ParameterError for a bad value."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise ConfigError(f"rule {unknown[0]!r} is unknown", mend=f"Rules are {', '.join(sorted(known))}")
        made = cls(**settings)
        for name, value in asdict(made).items():
            if name != "min_words" and not 0 < value <= 1:
                raise ParameterError(f"rule {name} is {value}, expected a share above 0 and at most 1")
        if made.min_words < 0:
            raise ParameterError(f"rule min_words is {made.min_words}, expected 0 or more")
        return made


@dataclass(frozen=True)
class Context:
    """What a rule may look at beside the pool: thresholds, real texts by id, held-out texts.

    rewrites: the texts of the pool are made to repeat most of their parent; only an equal one is a copy.
    """

    thresholds: Thresholds
    texts: Mapping[str, str]
    held_out: Sequence[str]
    rewrites: bool = False


def make_context(documents: Sequence[Mapping[str, Any]], thresholds: Thresholds) -> Context:
    """The context of a corpus: train texts may be sources, reference and test texts are held out."""
    return Context(
        thresholds,
        {row["doc_id"]: row["text"] for row in documents if row["split"] == "train"},
        [row["text"] for row in documents if row["split"] in HELD_OUT],
    )


def curate_pool(generations: Sequence[Row], context: Context) -> tuple[list[Row], list[Row]]:
    """Rows of contracts `synthetic` and `waterfall` for the requests of one pool.

    A request is dropped by the first rule that holds; of duplicates the first in the pool stays.
    Raises DataError when a document was shown that is not in the train pool.
    """
    ordered = sorted(generations, key=lambda row: (row["position"], row["request_id"]))
    for row in ordered:
        _check_sources(row, context)
    left, reasons, waterfall = ordered, {}, []
    for position, (name, rule) in enumerate(RULES.items()):
        removed = rule(left, context)
        waterfall.append(_step(ordered[0]["pool_id"], position, name, len(left), len(removed)))
        reasons.update({left[index]["request_id"]: name for index in removed})
        left = [row for index, row in enumerate(left) if index not in removed]
    return [_synthetic(row, reasons.get(row["request_id"])) for row in ordered], waterfall


def keep_brought(pool: Mapping[str, Any], brought: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Rows of `synthetic` and `waterfall` for one pool of supplied documents: cleaned before, all kept."""
    names = (pool["generator"], pool["method"])
    own = [row for row in brought if (row.get("generator", BROUGHT), row.get("method", BROUGHT)) == names]
    same = {"pool_id": pool["pool_id"], "regime": None, "draw": pool["draw"], "generator": names[0],
            "method": names[1], "label_plan": OWN, "request_id": None, "parent_doc_id": None,
            "kept": True, "drop_reason": None}  # fmt: skip
    read = ("doc_id", "text", "labels", "source_doc_ids", "text_sha")
    rows = [
        same | {name: row[name] for name in read} | {"position": position}
        for position, row in enumerate(sorted(own, key=lambda row: row["doc_id"]))
    ]
    return rows, [_step(pool["pool_id"], 0, "cleaned_as_input", len(rows), 0)]


def _not_generated(rows: Sequence[Row], context: Context) -> set[int]:
    """Refused, truncated or malformed at every attempt."""
    return {index for index, row in enumerate(rows) if not (row["text"] or "").strip()}


def _duplicate(rows: Sequence[Row], context: Context) -> set[int]:
    """The same words in the same order as an earlier document of the pool."""
    first: dict[tuple[str, ...], int] = {}
    return {index for index, row in enumerate(rows) if first.setdefault(tuple(tokens(row["text"])), index) != index}


def _near_duplicate(rows: Sequence[Row], context: Context) -> set[int]:
    """Shingle Jaccard at the threshold with an earlier document that itself stays."""
    removed: set[int] = set()
    pairs = near_duplicate_pairs([row["text"] for row in rows], threshold=context.thresholds.near_duplicate)
    for later, earlier in sorted((j, i) for i, j, _ in pairs):
        if earlier not in removed:
            removed.add(later)
    return removed


def _copy_of_source(rows: Sequence[Row], context: Context) -> set[int]:
    """A paraphrase that repeats its parent; any other text that repeats a document it was shown."""
    return {index for index, row in enumerate(rows) if _copies(row, context)}


def _copies(row: Row, context: Context) -> bool:
    cut = context.thresholds
    if context.rewrites:
        return tokens(row["text"]) == tokens(context.texts[row["parent_doc_id"]])
    if row["method"] == PARAPHRASE:
        return containment(row["text"], context.texts[row["parent_doc_id"]], 5) > cut.paraphrase_5gram
    return any(containment(row["text"], context.texts[shown], 8) > cut.source_8gram for shown in _shown(row))


def _copy_of_held_out(rows: Sequence[Row], context: Context) -> set[int]:
    """Near duplicate of a test or reference document: counted and removed, never tuned on."""
    texts = [row["text"] for row in rows]
    return {i for i, _, _ in near_duplicate_pairs(texts, context.held_out, context.thresholds.near_duplicate)}


def _too_short(rows: Sequence[Row], context: Context) -> set[int]:
    return {index for index, row in enumerate(rows) if len(tokens(row["text"])) < context.thresholds.min_words}


Rule = Callable[[Sequence[Row], Context], set[int]]

# Name of the rule -> indices of the rows it removes. The order is the order of the waterfall.
RULES: dict[str, Rule] = {
    "not_generated": _not_generated,
    "duplicate": _duplicate,
    "near_duplicate": _near_duplicate,
    "copy_of_source": _copy_of_source,
    "copy_of_held_out": _copy_of_held_out,
    "too_short": _too_short,
}


def _shown(row: Mapping[str, Any]) -> list[str]:
    """Real documents behind a row: those the prompt showed and the one it is paired with."""
    return sorted(sources_of(row))


def _check_sources(row: Row, context: Context) -> None:
    where = f"generations.jsonl, request {row['request_id']}"
    if row["method"] == PARAPHRASE and row["parent_doc_id"] is None:
        raise DataError(f"{where}, field 'parent_doc_id' is null in a paraphrase")
    outside = [doc_id for doc_id in _shown(row) if doc_id not in context.texts]
    if outside:
        raise DataError(
            f"{where}: document {outside[0]!r} was shown but is not in the train pool",
            mend="Generations and documents must come from the same split: run prepare_documents.py with the same seed",
        )


def _synthetic(row: Row, reason: str | None) -> Row:
    text = row["text"] or ""
    names = ("pool_id", "position", "labels", "regime", "draw", "generator", "method", "label_plan",
             "request_id", "source_doc_ids", "parent_doc_id")  # fmt: skip
    return {name: row[name] for name in names} | {
        "doc_id": synthetic_doc_id(row["request_id"]), "text": text, "text_sha": sha256_text(text),
        "kept": reason is None, "drop_reason": reason,
    }  # fmt: skip


def _step(pool_id: str, position: int, rule: str, rows_in: int, removed: int) -> Row:
    return {"pool_id": pool_id, "position": position, "rule": rule,
            "rows_in": rows_in, "removed": removed, "rows_out": rows_in - removed}  # fmt: skip
