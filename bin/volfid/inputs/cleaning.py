"""The policies, step by step: what is dropped, cut, kept or refused, and how many rows each concerned."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from volfid.core.input_policies import POLICIES, default
from volfid.core.word_count import first_words, word_count
from volfid.inputs.duplicates import id_key, leaking, repeated_id_faults, repeated_texts, tied
from volfid.inputs.faults import Fault, Funnel, InputFaults, some
from volfid.inputs.labels import LabelName, frequent_labels, labels_everywhere, restrict, unknown_label_faults
from volfid.inputs.records import Record
from volfid.inputs.settings import InputSettings

MANY = 0.1  # a step that drops more than this share of the rows is told


@dataclass
class Cleaned:
    """Records that are left, sorted by id, with the tie of each (duplicates.tied), and what was done on the way.

    `alias`: kept id of each dropped repeated text. `labels`: those that are studied. `unsought`: policies whose
    rows nobody looked for.
    """

    settings: InputSettings
    funnel: Funnel = field(default_factory=Funnel)
    rows: list[Record] = field(default_factory=list)
    ties: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    dropped: list[Fault] = field(default_factory=list)
    alias: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    unsought: set[str] = field(default_factory=set)

    def policies(self) -> list[dict[str, Any]]:
        """Every policy with its choice, its default, what it is about and how many rows or labels it met."""
        return [
            {
                "policy": name, "choice": getattr(self.settings, name), "default": default(name), "about": about,
                "met": None if name == "split_by" or name in self.unsought else self.counts[name],
            }
            for name, (_, about) in POLICIES.items()
        ]  # fmt: skip

    def drop(self, step: str, faults: Sequence[Fault], policy: str) -> None:
        """Take out the rows of `faults`, which have a reason each."""
        gone = {(fault.file, fault.row) for fault in faults}
        self.dropped += faults
        self.counts[policy] += len(gone)
        left = [row for row in self.rows if (row.file, row.row) not in gone] if gone else self.rows
        self.funnel.step(step, len(self.rows), len(left))
        if len(gone) > MANY * len(self.rows):
            self.warnings.append(f"{len(gone)} of {len(self.rows)} rows were dropped: {step}")
        self.rows = left


def refuse(
    records: Sequence[Record], faults: Iterable[Fault], settings: InputSettings, known: Mapping[str, LabelName] | None,
    listed_in: str, fields: Mapping[str, str],
) -> dict[str, list[Fault]]:  # fmt: skip
    """Raise InputFaults with every row that stops the command under these settings, all kinds together.

    fields: the column of each label that has one. Returns the faults of the policies that drop rows instead, by policy.
    """
    met = {
        "duplicate_ids": repeated_id_faults(records),
        "unknown_labels": unknown_label_faults(records, known, listed_in, fields) if known is not None else [],
        "unlabelled": _faults(
            (r for r in records if not r.labels),
            "no_label",
            "the row has no label",
            "labels",
            "Label it, or unlabelled=drop",
        ),
        **text_faults(records, settings),
    }
    if "refuse" in (settings.duplicate_texts, settings.leakage):
        _, met["duplicate_texts"], _, _, met["leakage"] = repeated_texts([row for row in records if row.text])
    stopping = [fault for policy, found in met.items() if getattr(settings, policy) == "refuse" for fault in found]
    if [*faults, *stopping]:
        raise InputFaults([*faults, *stopping])
    return met


def clean(
    records: Sequence[Record], met: dict[str, list[Fault]], settings: InputSettings, known: Mapping[str, Any] | None
) -> Cleaned:
    """Apply the policies that drop, cut or keep; `met` comes from `refuse`."""
    done = Cleaned(settings, rows=list(records))
    joined = len(met.get("joined", ()))
    done.funnel.step("rows read", len(records) + joined, len(records) + joined)
    if joined:
        done.funnel.step("joined to an earlier row by its id", len(records) + joined, len(records))
        done.counts["duplicate_ids"] = joined
    if settings.duplicate_ids == "drop":
        _first_of_each_id(done, met["duplicate_ids"])
    if met.get("missing_date"):
        done.drop("no date", met["missing_date"], "missing_date")
    for policy in ("error_cells", "missing_labels"):
        done.counts[policy] = len({(fault.file, fault.row) for fault in met.get(policy, ())})
    if met["unknown_labels"]:
        _without_unknown(done, met["unknown_labels"], frozenset(known or ()))
    short = "empty text" if settings.min_words == 1 else f"fewer than {settings.min_words} words"
    done.drop(short, _still(done, met["missing_text"]), "missing_text")
    _long(done, _still(done, met["long_text"]))
    if settings.unlabelled != "keep":
        bare = [row for row in done.rows if not row.labels]
        done.drop("no label", _faults(bare, "no_label", "the row has no label"), "unlabelled")
    before = len(done.rows)
    unite = settings.duplicate_texts == "unite"
    done.rows, repeated, done.alias, conflicts, across = repeated_texts(done.rows, unite)
    done.dropped += repeated
    done.counts["duplicate_texts"] = len(repeated)
    done.funnel.step("repeated text", before, len(done.rows))
    if len(repeated) > MANY * before:
        done.warnings.append(f"{len(repeated)} of {before} rows were dropped: repeated text")
    if conflicts:
        which = "the labels of all their rows hold" if unite else (
            "the labels of the kept row hold. Where a row is one label of a document, --policies duplicate_texts=unite "
            "joins them"
        )  # fmt: skip
        done.warnings.append(f"{conflicts} of {before} rows repeat a text with other labels; {which}")
    if across:
        done.counts["leakage"] = len(across)
        done.warnings.append(
            f"leakage: {len(across)} texts stood on two sides of the given split; only the test side was kept"
        )
    _tie(done)
    _rare(done, settings.min_label_documents)
    done.warnings += labels_everywhere(done.rows, done.labels)
    return done


def _first_of_each_id(done: Cleaned, faults: Sequence[Fault]) -> None:
    """Drop rows with the id of an earlier one, and say what labels go with them."""
    gone = {(fault.file, fault.row) for fault in faults}
    kept = {id_key(row.doc_id): row for row in done.rows if (row.file, row.row) not in gone}
    lost = [
        row for row in done.rows
        if (row.file, row.row) in gone and not set(row.labels) <= set(kept[id_key(row.doc_id)].labels)
    ]  # fmt: skip
    done.drop("id of an earlier row", faults, "duplicate_ids")
    if lost:
        done.warnings.append(
            f"{len(lost)} of {len(gone)} dropped rows with the id of an earlier row had labels that the kept row lacks"
            ". Where a row is one label of a document, --policies duplicate_ids=unite joins them"
        )


def _faults(
    records: Iterable[Record], reason: str, detail: str, column: str | None = None, mend: str | None = None
) -> list[Fault]:
    return [Fault(row.file, row.row, reason, detail, row.doc_id, column, mend) for row in records]


def _still(done: Cleaned, faults: Sequence[Fault]) -> list[Fault]:
    """Those faults whose row has not been dropped for another reason."""
    if not faults:
        return []
    here = {(row.file, row.row) for row in done.rows}
    return [fault for fault in faults if (fault.file, fault.row) in here]


def shortened(row: Record, most: int) -> Record:
    """The record with the first `most` words of its text."""
    return replace(row, text=first_words(row.text, most))


def text_faults(records: Sequence[Record], settings: InputSettings) -> dict[str, list[Fault]]:
    """Faults of texts that are empty, too short or too long, by the policy that they fall under."""
    least, most = settings.min_words, settings.max_words
    empty = [row for row in records if not row.text]
    missing = _faults(empty, "empty_text", "the text is empty", "text", "Give a text, or missing_text=drop")
    long: list[Fault] = []
    # a text of n characters has at most n words
    doubtful = [row for row in records if row.text and (least > 1 or (most and len(row.text) > most))]
    for row in doubtful:
        words = word_count(row.text)
        if words < least:
            detail, mend = f"{words} words (at least {least})", "Give more text, or missing_text=drop"
            missing.append(Fault(row.file, row.row, "short_text", detail, row.doc_id, "text", mend))
        elif most and words > most:
            detail, mend = f"{words} words (at most {most})", "Shorten it, or long_text=truncate"
            long.append(Fault(row.file, row.row, "long_text", detail, row.doc_id, "text", mend))
    return {"missing_text": missing, "long_text": long}


def _without_unknown(done: Cleaned, faults: Sequence[Fault], known: frozenset[str]) -> None:
    """Take unknown labels off; their rows stay."""
    odd = {(fault.file, fault.row) for fault in faults}
    names = {label for row in done.rows if (row.file, row.row) in odd for label in row.labels} - known
    done.rows = [replace(row, labels=restrict(row, known)) if (row.file, row.row) in odd else row for row in done.rows]
    done.counts["unknown_labels"] = len(odd)
    done.warnings.append(f"{len(names)} unknown labels were taken off {len(odd)} rows: {some(names)}")


def _long(done: Cleaned, faults: Sequence[Fault]) -> None:
    most = done.settings.max_words
    if done.settings.long_text == "drop" or not faults:
        return done.drop(f"more than {most} words", faults, "long_text") if faults else None
    cut = {(fault.file, fault.row) for fault in faults}
    done.counts["long_text"] = len(cut)
    done.rows = [shortened(row, most or 0) if (row.file, row.row) in cut else row for row in done.rows]
    done.warnings.append(f"{len(cut)} texts were cut to {most} words")
    return None


def _tie(done: Cleaned) -> None:
    """Ties of near duplicates and families; what they lay on two sides of a given split is leakage."""
    near = done.settings.near_duplicates == "group"
    done.ties, pairs = tied(done.rows, near=near)
    done.counts["near_duplicates"] = len({place for pair in pairs for place in pair[:2]})
    if not near:
        done.unsought.add("near_duplicates")
    if not any(row.split for row in done.rows):
        return
    if not near:
        done.warnings.append(
            "leakage: near duplicates of the given split were not looked for (near_duplicates=ignore); equal texts and "
            "families alone count"
        )
    tied_to = leaking(done.rows, done.ties, pairs)
    faults = [
        Fault(row.file, row.row, "leakage", why, row.doc_id, "split", "Move it to that side, or leakage=drop")
        for row, why in ((done.rows[place], why) for place, why in tied_to.items())
    ]
    across = done.counts["leakage"]  # equal texts on two sides
    if faults and done.settings.leakage == "refuse":
        raise InputFaults(faults)
    done.counts["leakage"] = across + len(faults)
    if not near and not done.counts["leakage"]:
        done.unsought.add("leakage")
    if not faults:
        return
    said = "they stay in training" if done.settings.leakage == "keep" else "they were removed"
    done.warnings.append(
        f"leakage: {len(faults)} train or reference documents are near duplicates or of the family of documents "
        f"of the test (or reference) side; {said}"
    )
    if done.settings.leakage == "drop":
        done.ties = [tie for place, tie in enumerate(done.ties) if place not in tied_to]
        done.counts["leakage"] = across  # the others are counted again below
        done.drop("tied to a test or reference document", faults, "leakage")


def _dropped_before(done: Cleaned) -> str:
    """The steps that took rows out so far, in words, or ''."""
    steps = [f"{row['removed']} ({row['step']})" for row in done.funnel.rows if row["removed"]]
    return (
        f"; of {done.funnel.rows[0]['rows_in']} rows read, these were dropped before: {', '.join(steps)}"
        if steps
        else ""
    )


def _rare(done: Cleaned, least: int) -> None:
    """Labels with too few documents go, and with them rows that have no other, unless they are kept."""
    used = {label for row in done.rows for label in row.labels}
    wanted = 1 if done.settings.rare_labels == "keep" else least
    kept = frozenset(frequent_labels(done.rows, wanted, _dropped_before(done)))
    rare = len(used - kept)
    done.labels = sorted(kept)
    done.counts["rare_labels"] = rare
    if done.settings.rare_labels == "keep":
        few = sum(count < least for count in Counter(label for row in done.rows for label in row.labels).values())
        done.counts["rare_labels"] = few
        if few:
            done.warnings.append(f"{few} labels have fewer than {least} documents and were kept")
    if rare:
        done.warnings.append(f"{rare} labels have fewer than {least} documents and were dropped: {some(used - kept)}")
        done.rows = [replace(row, labels=restrict(row, kept)) for row in done.rows]
    bare = [] if done.settings.unlabelled == "keep" else [row for row in done.rows if not row.labels]
    gone = {row.doc_id for row in bare}
    done.ties = [tie for row, tie in zip(done.rows, done.ties, strict=True) if row.doc_id not in gone]
    step = f"no label left: {rare} labels with fewer than {least} documents were dropped"
    faults = _faults(bare, "label_too_rare", "all its labels are too rare")
    done.drop(step, faults, "unlabelled")
    if done.settings.unlabelled == "keep":
        negative = sum(not row.labels for row in done.rows)
        done.counts["unlabelled"] = negative
        if negative:
            done.warnings.append(f"{negative} documents without a label are negatives of every label")
