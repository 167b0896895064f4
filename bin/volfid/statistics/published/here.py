"""This run's own figures beside the published ones, in words with interval and n."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from volfid.core.contracts import Row
from volfid.core.schemas import FLOORS
from volfid.statistics import intervals
from volfid.statistics.conditions import REFERENCE
from volfid.statistics.effects import Effect
from volfid.statistics.table import Context, classifier_name
from volfid.statistics.words import number

MOST = 3
PAPER = ("f1_micro", "fixed_0.5")
NONE = "not planned in this run"


@dataclass(frozen=True)
class Here:
    """Lines of this run beside a published figure; without a line `reason` says why."""

    lines: tuple[str, ...]
    reason: str | None

    @classmethod
    def of(cls, lines: Iterable[str], reason: str) -> "Here":
        """The lines, or the reason."""
        kept = tuple(lines)
        return cls(kept, None if kept else reason)

    def __add__(self, other: "Here") -> "Here":
        """Both; a reason only where neither has a line."""
        return Here.of(self.lines + other.lines, self.reason or other.reason or "")


@dataclass(frozen=True)
class Run:
    """Decided effects, rows of correlations, cells, scores and plan of a run."""

    effects: Sequence[Effect]
    correlations: Sequence[Row]
    cells: Sequence[Row]
    scores: Sequence[Row]
    plan: Row

    def effect(
        self, name: str, reason: str, measure: tuple[str, str] = PAPER, contrast: str | None = None,
        form: Callable[[float | None], str] = number, label: str = "", note: str | None = None, most: int = MOST,
    ) -> Here:  # fmt: skip
        """Estimates of one name under one score in the smallest regime, each with the largest M of its place.

        `form` writes a number; `note` is how the remark starts that is told with an estimate. Estimates that are
        all undefined share a line.
        """
        found = [
            e for e in self.effects
            if e.name == name and (e.metric, e.threshold) == measure and contrast in (None, e.contrast)
        ]  # fmt: skip
        sizes = [e.context.regime for e in found if e.context and e.context.regime is not None]
        chosen: dict[tuple, Effect] = {}
        for e in sorted(found, key=lambda e: _order(e.context)):
            if e.context is None or e.context.regime in (None, min(sizes, default=None)):
                key = (e.context.classifier, e.context.source) if e.context else ()
                chosen.setdefault(key, e)
        lines = [f"{label}{_place(e.context)}: {estimate_words(e, form)}{_remark(e, note)}" for e in chosen.values()]
        if len(lines) > 1 and all(e.estimate.value is None for e in chosen.values()):
            why = list(dict.fromkeys((e.estimate.note or "no reason given").split(" (")[0] for e in chosen.values()))
            lines = [f"{label}undefined in all {len(lines)} places of the smallest regime ({'; '.join(why)})"]
        return Here.of([*lines[:most], *_more(lines, most)], reason)

    def r_by_regime(self, filters: Row) -> Here:
        """Pearson r of every regime, with Fisher's interval and the number of conditions."""
        rows = [row for row in self.correlations if all(row[key] == value for key, value in filters.items())]
        rows.sort(key=lambda row: (row["classifier"] != "mlp", row["classifier"], row["regime"]))
        lines = [
            f"{row['classifier']}, {row['regime']} real: r " + (
                f"{number(row['r'], 2)} {_limits(row['ci_low'], row['ci_high'], lambda x: number(x, 2))}"
                if row["r"] is not None else f"undefined ({(row['note'] or 'no reason given').split(';')[0]})"
            ) + f", n = {row['n']} conditions"
            for row in rows
        ]  # fmt: skip
        return Here.of([*lines[: 2 * MOST], *_more(lines, 2 * MOST)], "no correlation of this kind in this run")

    def ratios(self) -> Here:
        """Regimes with their added rows, and the ratio of real to synthetic rows."""
        pairs = sorted({(c["regime"], c["rows_added"]) for c in self.cells if c["text"] == "synthetic"
                        and c["real_share"] is None})  # fmt: skip
        lines = [f"{n} real + {m} synthetic rows, 1 : {m / n:.3g}" for n, m in pairs]
        return Here.of([*lines[: 2 * MOST], *_more(lines, 2 * MOST)], "no arm adds synthetic rows")

    def updates(self) -> Here:
        """Updates of real only and of the drawn copies, as planned, in the smallest regime."""
        sizes: dict[tuple, set[int]] = {}
        for cell in self.cells:
            if cell["arm"] in ("R0", "Pd") and cell["n_updates"] and cell["classifier"] not in FLOORS:
                added = cell["added"] if cell["arm"] == "Pd" else 0
                sizes.setdefault((classifier_name(cell), cell["regime"], cell["arm"], added), set()).add(
                    cell["n_updates"]
                )
        lines = []
        for (name, n, arm, m), found in sorted(sizes.items()):
            base = sizes.get((name, n, "R0", 0))
            if arm == "Pd" and base and n == min(key[1] for key in sizes):
                lines.append(f"{name}, {n} real + {m}: {max(base)} updates without and {max(found)} with the copies")
        return Here.of(lines[-MOST:], "no classifier of this run has R0 and Pd with a number of updates")

    def never_drawn(self, expected: Callable[[int, int], float]) -> Here:
        """Share of the real documents that the drawn copies leave out, with the expected share beside it."""
        places = {
            cell["cell_id"]: (cell["regime"], cell["rows_total"], cell["draw"])
            for cell in self.cells if cell["arm"] == "Pd" and cell["classifier"] not in FLOORS
        }  # fmt: skip
        found: dict[tuple[int, int], dict[int, float]] = {}
        for row in self.scores:
            if row["metric"] == "unique_documents" and row["value"] is not None and row["cell_id"] in places:
                n, rows, draw = places[row["cell_id"]]
                found.setdefault((n, rows), {})[draw] = 1 - row["value"] / n
        lines = []
        for (n, rows), shares in sorted(found.items()):
            mean = intervals.single_mean([shares[draw] for draw in sorted(shares)], "share_above")
            lines.append(
                f"{n} real documents, {rows} rows drawn: {percent(mean.value)} {_limits(mean.low, mean.high, percent)} "
                f"never drawn (expected {percent(expected(n, rows))}), n = {mean.n} draws"
            )
        return Here.of([*lines[:MOST], *_more(lines)], "no arm with copies drawn with replacement was scored")

    def stopping(self) -> Here:
        """How many trained cells have their updates fixed, and how many tuned."""
        trained = [c for c in self.cells if c["classifier"] not in FLOORS]
        tuned = sum(c["updates"] == "grid" for c in trained)
        line = (
            f"updates, or what stands for them, are fixed by the plan in {len(trained) - tuned} of {len(trained)} "
            f"trained cells and tuned out of fold in {tuned}"
        )
        return Here.of([line] if trained else [], NONE)

    def validation(self) -> Here:
        """Where tuning happens."""
        folds = self.plan.get("protocol", {}).get("folds_n")
        line = f"tuned on {folds} folds inside the real documents of the regime, which no other document joins"
        return Here.of([line] if folds else [], "the plan of this run states no folds")

    def cooccurrence(self) -> Here:
        """Distance of the label co-occurrence of drawn and of balanced copies to the reference fold."""
        made = Here((), None)
        for name, words in (("Pd", "drawn copies"), ("Pb", "balanced copies")):
            made += self.effect(
                "cooccurrence_frobenius", "co-occurrence was not measured", ("cooccurrence_frobenius", "none"),
                f"{name} [all, {REFERENCE}]", lambda x: number(x, 4),
                f"co-occurrence distance to the reference, {words}, ",
            )  # fmt: skip
        return made


def percent(value: float | None) -> str:
    """A share in per cent."""
    return "?" if value is None else f"{100 * value:.1f} %"


def estimate_words(effect: Effect, form: Callable[[float | None], str]) -> str:
    """'0.512 [0.480, 0.544], n = 5 draws', or why it is undefined."""
    e = effect.estimate
    if e.value is None:
        return f"undefined ({(e.note or 'no reason given').split(';')[0]}), n = {e.n} {effect.unit}"
    return f"{form(e.value)} {_limits(e.low, e.high, form)}, n = {e.n} {effect.unit}"


def _limits(low: float | None, high: float | None, form: Callable[[float | None], str]) -> str:
    if low is None and high is None:
        return "[no interval]"
    return f"[{', '.join('open' if end is None else form(end) for end in (low, high))}]"


def _remark(effect: Effect, start: str | None) -> str:
    kept = [part for part in (effect.estimate.note or "").split("; ") if start and part.startswith(start)]
    return f"; {kept[0]}" if kept else ""


def _more(lines: Sequence[str], most: int = MOST) -> list[str]:
    return [f"{len(lines) - most} more in the tables"] if len(lines) > most else []


def _order(context: Context | None) -> tuple:
    """`mlp` first, the largest M of a place first."""
    if context is None:
        return ()
    added, source = context.added, context.source
    return (context.classifier != "mlp", context.classifier, source or (), -(added or 0), context.regime or 0)


def _place(context: Context | None) -> str:
    if context is None:
        return "whole run"
    size = (
        None if context.regime is None else f"{context.regime} real" + (f" + {context.added}" if context.added else "")
    )
    source = f"{context.source.generator} {context.source.method}" if context.source else None
    return ", ".join(part for part in (context.classifier, size, source) if part) or "whole run"
