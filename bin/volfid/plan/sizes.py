"""From shares, shots and ratios to absolute numbers of documents and rows, before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from volfid.core.cells import shown
from volfid.core.contracts import Row
from volfid.core.exits import ParameterError
from volfid.core.labels import label_matrix
from volfid.core.seeds import generator
from volfid.core.shots import greedy_shots
from volfid.plan.design import RATIO, SHOTS, Added, Design, Size
from volfid.plan.supplied import NOTHING, Supplied


@dataclass(frozen=True)
class Facts:
    """What the planner knows of the corpus.

    shots: size of the k-shot regime for each k that the design names (see shot_sizes). made: synthetic
    documents that a pool of the design asks for. supplied: the pools behind `brought`. unnamed: labels without a
    name, where others have one.
    """

    train_pool: int
    named_labels: bool
    brought: int
    shots: Mapping[int, int] = field(default_factory=dict)
    made: int = 0
    supplied: tuple[Supplied, ...] = ()
    unnamed: tuple[str, ...] = ()

    def nameless(self) -> str:
        """Why labels cannot be called by their names, in words."""
        if not self.unnamed:
            return "labels have no names"
        more = f" and {len(self.unnamed) - 5} more" if len(self.unnamed) > 5 else ""
        return f"some labels have no name ({', '.join(map(shown, self.unnamed[:5]))}{more})"

    @property
    def pools(self) -> tuple[Supplied, ...]:
        """The supplied pools; where there is none, one that holds nothing."""
        return self.supplied or (NOTHING,)


POOL_SHARES = {"pool": 1, "pool/2": 2}


def shots_of(design: Design) -> list[int]:
    """Every k of the design's k-shot sizes, ascending; refused (64) together with draws at random."""
    blocks = [size for block in design.blocks if isinstance(block.size, list) for size in block.size]
    pool = [design.pool.size] if design.pool else []
    named = (SHOTS.fullmatch(str(size)) for size in [*design.regime.sizes, *design.regime.curve, *blocks, *pool])
    found = sorted({int(match[1]) for match in named if match})
    if found and design.regime.sampling == "random":
        raise ParameterError(
            f"the regime size {found[0]}-shot is chosen by label, and sampling is random", mend="Draw stratified"
        )
    return found


def shot_sizes(
    shots: Sequence[int], documents: Sequence[Row], labels: Sequence[Mapping[str, Any]], draws: int, master_seed: int,
    short_labels: str = "refuse",
) -> tuple[dict[int, int], list[dict[str, Any]]]:  # fmt: skip
    """Size of each k-shot regime, and what is to be said of it.

    The size is the largest over draws of the smallest greedy sets; a draw whose set is smaller is filled up.
    documents: rows of documents.jsonl. short_labels: of a label with fewer than k documents in the pool, 'all' takes
    those that there are; 'refuse' raises ParameterError, and so does a k that no label fills.
    """
    columns = [row["label"] for row in labels]
    pool = sorted((row for row in documents if row["split"] == "train"), key=lambda row: row["doc_id"])
    matrix = label_matrix((row["labels"] for row in pool), columns)
    held = matrix.sum(0)
    counts = dict(zip(columns, held.tolist(), strict=True))
    for k in shots:
        short = {name: count for name, count in counts.items() if count < k}
        if short and (short_labels == "refuse" or len(short) == len(counts)):
            mend = "Ask for fewer shots, or bring more real documents"
            if len(short) < len(counts):
                mend += "; or take all that there are of these labels: short_labels: all under regime of the design"
            raise ParameterError(
                f"a {k}-shot regime cannot be drawn: {len(short)} of {len(counts)} labels have fewer than {k} "
                f"documents in the train pool of {len(pool)}: {short_words(short)}",
                mend=mend,
            )
    ends = [greedy_shots(matrix, max(shots), generator(master_seed, "regimes", draw=draw))[1] for draw in range(draws)]
    sizes, notes = {}, []
    for k in shots:
        per_draw = [end[k - 1] for end in ends]
        sizes[k] = max(per_draw)
        short = {name: count for name, count in counts.items() if count < k}
        notes.append({
            "asked": f"{k}-shot", "documents": sizes[k], "per_draw": per_draw, "labels": len(counts),
            "labels_short": short,
        })  # fmt: skip
    return sizes, notes


def short_words(short: Mapping[str, int], shown: int = 10) -> str:
    """The labels with the fewest documents first, each with its number."""
    ordered = sorted(short.items(), key=lambda item: (item[1], item[0]))
    more = f" and {len(ordered) - shown} more" if len(ordered) > shown else ""
    return ", ".join(f"{name} ({count})" for name, count in ordered[:shown]) + more


def shot_words(note: Mapping[str, Any]) -> str:
    """What a k-shot regime holds, in words; `note` comes from shot_sizes."""
    k, short = note["asked"].removesuffix("-shot"), note["labels_short"]
    if not short:
        return f"at least {k} documents of every label"
    return (
        f"at least {k} documents of {note['labels'] - len(short)} labels, and all that there are of the other "
        f"{len(short)}, of which the train pool has fewer: {short_words(short)}"
    )


def resolve_size(size: Size, facts: Facts) -> int:
    """Documents of a regime: as given, a share of the train pool, all of it, a k-shot set, or by ratio."""
    if isinstance(size, str):
        if size == "all":
            return facts.train_pool
        if shot := SHOTS.fullmatch(size):
            return facts.shots[int(shot[1])]
        real, synthetic = map(int, _ratio(size))
        supply = facts.made or min((pool.rows for pool in facts.supplied), default=0)
        if not supply:
            raise ParameterError(
                f"the regime size {size} is real : synthetic, and there are no synthetic documents",
                mend="Give the design a pool, or supply synthetic documents (--synthetic)",
            )
        return round(supply * real / synthetic)
    if isinstance(size, bool) or size <= 0:
        raise ParameterError(f"the regime size {size!r} means nothing", mend="Give documents, or a share below 1")
    if size < 1:
        return max(2, round(size * facts.train_pool))
    if isinstance(size, float):
        raise ParameterError(
            f"the regime size {size!r} is neither a count nor a share below 1",
            mend="Write a count without a point, or all for the whole train pool",
        )
    return size


def resolve_added(added: Added, size: int, pool: Supplied = NOTHING) -> int:
    """M: rows added to a regime of `size` documents; 0 where no document of the supplied pool may be used in it.

    pool: what 'pool' and 'pool/2' stand for: as many of its documents as every draw of this size may use.
    """
    if isinstance(added, int) and not isinstance(added, bool) and added > 0:
        return added
    if added in POOL_SHARES:
        if not pool.rows:
            raise ParameterError(f"added: {added} needs supplied synthetic documents", mend="Give --synthetic")
        return pool.usable(size) // POOL_SHARES[str(added)]
    times = _times(added)
    if times is None:
        mend = "Give rows (40), a multiple (x9), real : synthetic (1:9), pool or pool/2"
        raise ParameterError(f"added: {added!r} means nothing", mend=mend)
    rows = round(times * size)
    if rows < 1:
        raise ParameterError(
            f"added: {added} is less than one row for a regime of {size} documents", mend="Ask for more rows"
        )
    return rows


def _times(added: Added) -> float | None:
    """Added rows for each real one; None when `added` is no multiple and no ratio."""
    if not isinstance(added, str):
        return None
    if RATIO.fullmatch(added):
        real, synthetic = _ratio(added)
        return synthetic / real
    try:
        times = float(added[1:]) if added.startswith("x") else 0.0
    except ValueError:
        return None
    return times if 0 < times < float("inf") else None


def _ratio(text: str) -> tuple[int, int]:
    real, _, synthetic = text.partition(":")
    return int(real), int(synthetic)


def regime_sizes(design: Design, facts: Facts) -> tuple[list[int], list[int], list[dict[str, Any]]]:
    """Sizes, curve sizes, and what was left out.

    A regime that the pool cannot fill is refused; a point of the learning curve that it
    cannot fill is left out and named.
    """
    for asked in design.regime.sizes:
        size = resolve_size(asked, facts)
        meant = "" if str(size) == str(asked) else f" ({asked})"
        if size > facts.train_pool:
            raise ParameterError(
                f"a regime of {size} documents{meant} cannot be drawn: the train pool has {facts.train_pool}",
                mend="Choose smaller sizes in the design, or bring more real documents",
            )
        if size < 2 * design.regime.folds:
            raise ParameterError(f"a regime of {size} documents{meant} cannot have {design.regime.folds} folds")
    sizes = _distinct(resolve_size(size, facts) for size in design.regime.sizes)
    curve = _distinct(resolve_size(size, facts) for size in design.regime.curve)
    fits = [size for size in curve if 2 * design.regime.folds <= size <= facts.train_pool]
    dropped = [
        {"what": f"learning curve at {size} documents", "reason": f"the train pool has {facts.train_pool}"}
        for size in curve
        if size not in fits
    ]
    return sizes, _distinct([*fits, *sizes]), dropped


def relative_sizes(design: Design, facts: Facts) -> dict[str, int]:
    """Every size that the design gives as a share, in shots or as a ratio, with its number of documents."""
    asked = [*design.regime.sizes, *design.regime.curve]
    asked += [size for block in design.blocks if isinstance(block.size, list) for size in block.size]
    asked += [design.pool.size] if design.pool else []
    found = {str(size): resolve_size(size, facts) for size in asked}
    return {text: size for text, size in found.items() if text != str(size)}


def relative_added(design: Design, facts: Facts) -> list[dict[str, Any]]:
    """Rows of every `added` that the design gives as a multiple, a ratio or a share of what was supplied."""
    sizes, curve, _ = regime_sizes(design, facts)
    rows = []
    for block in design.blocks:
        chosen = {"sizes": sizes, "curve": curve}.get(block.size) if isinstance(block.size, str) else None
        chosen = _distinct(resolve_size(size, facts) for size in block.size) if chosen is None else chosen
        rows += [
            {"block": block.name, "asked": added, "regime": size, "rows": resolve_added(added, size, pool)}
            for added in block.added for size in chosen if isinstance(added, str)
            for pool in (facts.pools if added in POOL_SHARES else (NOTHING,))
        ]  # fmt: skip
    return rows


def _distinct(values: Any) -> list[int]:
    return sorted(set(values))
