"""What a loader yields, and what is counted on the way from a source to the project's plain documents."""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from volfid.core.cells import printed_list
from volfid.core.exits import DataError, ParameterError
from volfid.core.files import atomic_path, canonical_json
from volfid.corpora.faults import Faults, SourceFaults

_OPENING = ("[", "(", "{")  # of lists, tuples and sets that somebody printed
COMMON_OPTIONS = {"share": "share of the documents to keep, chosen by a hash of the id (0 to 1; default 1)"}


@dataclass(frozen=True)
class Doc:
    """One document. None where the source does not say; `date` is YYYY-MM-DD."""

    id: str
    text: str
    labels: tuple[str, ...]
    split: str | None = None
    group: str | None = None
    date: str | None = None


@dataclass(frozen=True)
class Label:
    """What is known of one label. `note`: what has to be said wherever it is shown."""

    name: str | None = None
    definition: str | None = None
    note: str | None = None


@dataclass
class Tally:
    """What a loader has to say beside its documents: labels by id, rows dropped by reason, remarks."""

    labels: dict[str, Label] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    work: Path = Path()  # folder for temporary files
    loose: bool = False  # rows are handed on as they are: what their labels are is not known here

    def drop(self, reason: str) -> None:
        """Count one row or document that is left out."""
        self.dropped[reason] += 1


class Options:
    """KEY=VALUE options of one loader. Unknown keys and values raise ParameterError (64)."""

    def __init__(self, loader: str, given: Mapping[str, Any], known: Mapping[str, str]):
        self.loader = loader
        self.given = {str(key): "" if value is None else str(value) for key, value in given.items()}
        every = {**known, **COMMON_OPTIONS}
        unknown = sorted(set(self.given) - set(every))
        if unknown:
            mend = f"It knows {', '.join(sorted(every))}"
            raise ParameterError(f"loader {loader} has no option {unknown[0]!r}", mend=mend)

    def text(self, name: str, default: str | None = None) -> str | None:
        """The value, or `default`."""
        return self.given.get(name) or default

    def choice(self, name: str, default: str, *others: str) -> str:
        """One of the values that mean something; the first is the default."""
        value = self.given.get(name) or default
        if value not in (default, *others):
            raise ParameterError(
                f"{name}={value} means nothing to loader {self.loader}",
                mend=f"Use one of {', '.join((default, *others))}",
            )
        return value

    def names(self, name: str, default: str = "") -> list[str]:
        """Values separated by commas."""
        return [part.strip() for part in (self.given.get(name) or default).split(",") if part.strip()]

    def share(self) -> float:
        """The common option `share`."""
        value = self.given.get("share") or "1"
        try:
            share = float(value)
        except ValueError:
            share = -1.0
        if not 0 < share <= 1:
            raise ParameterError(f"share={value} is no share above 0 and up to 1")
        return share

    def date(self, name: str) -> str | None:
        """A date as YYYY-MM-DD, from YYYY, YYYYMMDD or YYYY-MM-DD."""
        value = self.given.get(name)
        if not value:
            return None
        found = iso_date(f"{value}-01-01" if re.fullmatch(r"\d{4}", value) else value)
        if not found:
            raise ParameterError(f"{name}={value} is no date", mend="Write YYYY-MM-DD")
        return found


def clean(text: Any) -> str:
    """`text` with every run of white space as one blank; '' for what is no text."""
    return " ".join(text.split()) if isinstance(text, str) else ""


def plain(value: Any) -> str:
    """A cell as text: '' when it is missing or NaN, a whole number without a point."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return clean(str(int(value) if isinstance(value, float) and value.is_integer() else value))


def label_names(value: Any, separator: str | None, where: str) -> tuple[str, ...]:
    """Labels of a cell: a list, a list written as text, or text with `separator` (else `;` or `|`) between labels.

    DataError for anything else.
    """
    if isinstance(value, list):
        items = value
    elif isinstance(value, str):
        listed = printed_list(value.strip()) if value.strip()[:1] in _OPENING else None
        items = re.split(re.escape(separator) if separator else r"[;|]", value) if listed is None else listed
    else:
        items = [value]
    if any(_odd(item) for item in items):
        detail = f"{str(value)[:60]!r} is neither a list of names nor delimited text"
        raise DataError(f"{where}: {detail}", mend="Write a list of strings, or names separated by ';'")
    return tuple(sorted({plain(item) for item in items} - {""}))


def _odd(item: Any) -> bool:
    """Whether one label is neither text nor a whole number, nor missing."""
    if isinstance(item, float):
        return not (math.isnan(item) or item.is_integer())
    return isinstance(item, bool) or not isinstance(item, str | int | None)


def join_text(parts: Iterable[str]) -> str:
    """Title, claim and abstract as one text; a full stop ends each part."""
    found = [part for part in map(clean, parts) if part]
    return " ".join([part if part[-1] in ".!?:;" else f"{part}." for part in found[:-1]] + found[-1:])


def iso_date(value: Any) -> str | None:
    """YYYY-MM-DD from 20160105, 2016-01-05 or a longer form that begins so; None where there is none."""
    match = re.match(r"(\d{4})-?(\d{2})-?(\d{2})(?!\d)", str(value if value is not None else "").strip())
    if not match or not ("01" <= match[2] <= "12" and "01" <= match[3] <= "31"):
        return None
    return f"{match[1]}-{match[2]}-{match[3]}"


def first_claim(claims: Any) -> str:
    """The first claim of a text with all claims (`1. A ... 2. The ... of claim 1 ...`), without its number."""
    text = clean(claims)
    start = re.search(r"(?:^|\s)1\s?[.)]\s+(?=\S)", text)
    text = text[start.end() :] if start else text
    second = re.search(r"\s2\s?[.)]\s+(?=[A-Z])", text)
    return text[: second.start()] if second else text


def write_documents(
    path: Path, documents: Iterable[Doc | Mapping[str, Any]], share: float, tally: Tally
) -> dict[str, Any]:
    """Write documents as JSON lines, one at a time; returns counts and hashes.

    Dropped and counted: documents without text or label, repeated ids, and what `share` leaves out. A field
    that a document of the source lacks is left out of its row. Raises DataError with the faults that the loader
    noted, else when nothing is left.
    """
    seen: set[bytes] = set()
    ids: list[str] = []
    content, labels, pairs = hashlib.sha256(), Counter[str](), 0
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as out:
        for document in _all_faults(documents, tally.faults):
            row = document if isinstance(document, Mapping) else _row(document)
            doc_id = str(row.get("id") or "")
            reason = None if tally.loose else _refused(row)
            digest = hashlib.sha256(doc_id.encode()).digest()
            if not reason and share < 1 and int.from_bytes(digest[:8], "big") >= share * 2**64:
                reason = "outside the share"
            if not reason and not tally.loose and digest in seen:
                reason = "repeated id"
            if reason:
                tally.drop(reason)
                continue
            seen.add(digest)
            ids.append(doc_id)
            line = canonical_json(row) + "\n"
            content.update(line.encode())
            if not tally.loose:
                labels.update(row["labels"])
                pairs += len(row["labels"])
            out.write(line)
        if not ids:
            why = ", ".join(f"{count} {reason}" for reason, count in tally.dropped.most_common()) or "nothing was read"
            raise DataError(f"no document is left ({why})", mend="Check the source and the loader's options")
    return {
        "documents": len(ids), "labels": labels, "pairs": pairs,
        "id_sha256": id_hash(ids), "content_sha256": content.hexdigest(),
    }  # fmt: skip


def _all_faults(documents: Iterable[Any], faults: Faults) -> Iterator[Any]:
    """The documents; at the end, or where the reading breaks off, DataError with all that was noted."""
    try:
        yield from documents
    except SourceFaults:
        raise
    except DataError as fault:
        faults.add(fault)
    faults.check()


def _row(document: Doc) -> dict[str, Any]:
    row = {"id": document.id, "text": clean(document.text), "labels": sorted(set(document.labels))}
    more = {"split": document.split, "group": document.group, "date": document.date}
    return row | {key: value for key, value in more.items() if value is not None}


def _refused(row: Mapping[str, Any]) -> str | None:
    return "no id" if not row["id"] else "no text" if not row["text"] else "no label" if not row["labels"] else None


def id_hash(ids: Iterable[str]) -> str:
    """SHA-256 over the sorted ids, each with a line end: the same set of documents, the same hash."""
    digest = hashlib.sha256()
    for doc_id in sorted(ids):
        digest.update(f"{doc_id}\n".encode())
    return digest.hexdigest()


def write_labels(path: Path, seen: Mapping[str, int], tally: Tally) -> None:
    """Write the label file: every label that a document has, with what is known of it."""
    rows = []
    for label in sorted(seen):
        about = tally.labels.get(label, Label())
        row = {"label": label, "name": about.name, "definition": about.definition, "note": about.note}
        rows.append({key: value for key, value in row.items() if value is not None})
    notes = sorted({about.note for label, about in tally.labels.items() if about.note and label in seen})
    content = ({"note": " ".join(notes)} if notes else {}) | {"labels": rows}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
