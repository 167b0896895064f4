"""Labels of a whole file that are none, and what they look like when they are not what they should be."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from volfid.core.cells import missing, spreadsheet_error, whole, whole_number
from volfid.inputs.faults import Fault, shown, some

if TYPE_CHECKING:
    from volfid.inputs.records import Records

SEPARATOR_WORDS = {" ": "space", "\\n": "newline"}
_SEPARATORS = (  # of those that fit equally the first is told: the longer one
    "<br>",
    "<br/>",
    "<br />",
    *",;|/#\\+&:^~_-",
    "\u3001",
    "\uff0c",
    "\uff1b",
    "\u30fb",
    ">",
    ". ",
    "\\n",
    " and ",
    " ",
)
_IN_NAMES = frozenset((" ", "/", "-", "&", " and "))  # these stand within names, too
_VECTOR = re.compile(
    r"\[?\(?(?:[01](?:\.0)?(?:[\s,;|/_-]*[01](?:\.0)?){2,}|(?:true|false)(?:[\s,;|/_-]+(?:true|false))+)\)?\]?",
    re.ASCII | re.IGNORECASE,
)
_SCORED = re.compile(r".*\S\s*[:=(]\s*(?:0?\.\d+|[01]\.0+|\d+(?:\.\d+)?\s*%)\)?", re.ASCII)
_NONE = re.compile(r"-(?:1|9+|77+|88+)(?:\.0+)?", re.ASCII)  # codes for no answer
_DECIMAL = re.compile(r"\d+,0", re.ASCII)
_PAIRS = [set(pair.split()) for pair in ("0 1", "true false", "yes no", "y n", "t f", "-1 1", "ja nein", "oui non")]

Labels = tuple[str, ...]


# ---- labels --------------------------------------------------------------------------------


def settle_labels(found: "Records", column: str | None, known: Collection[str] | None) -> None:
    """Take what is no label off all rows, and write whole numbers without a point; each is counted and told.

    A spreadsheet's error is a fault of the row. A word for a missing value is no label unless the label list has it;
    `found.blanked` keeps such words, by place of the record. '5.0' is '5' where the list has that, and where all labels
    are whole numbers.
    """
    counts = Counter(record.labels for record in found.rows)
    names = {label for labels in counts for label in labels}
    listed = frozenset(known or ())
    errors = {label for label in names - listed if spreadsheet_error(label)}
    gone = {label for label in names - listed - errors if missing(label)}
    renamed = _whole_labels(names - errors - gone, listed)
    if not (errors or gone or renamed):
        return
    changed = {
        labels: tuple(sorted({renamed.get(label, label) for label in labels} - errors - gone))
        for labels in counts if not (errors | gone | renamed.keys()).isdisjoint(labels)
    }  # fmt: skip
    if renamed and not listed and not all(map(whole_number, names)):
        found.warnings.append(
            f"{found.file}: {some(renamed, 3)} stand as labels with and without '.0', read as the same"
        )
    rows = 0
    for place, record in enumerate(found.rows):
        if record.labels not in changed:
            continue
        for label in errors.intersection(record.labels):
            found.faults.append(error_cell(record.file, record.row, label, column or "labels", record.doc_id))
        words = tuple(label for label in record.labels if label in gone)
        if words:
            rows += 1
            found.blanked[place] = words
        record.labels = changed[record.labels]
    if gone:
        note = (
            f"{found.file}: {rows} rows of {shown(column or 'the label columns')} hold a word for a missing value as a "
            f"label ({some(gone)}), which was left out. Where it is a label, name it in the file of --labels, or give "
            "--policies missing_labels=keep"
        )
        found.warnings.append(note)
        found.moot["keep"] = [note]


def _whole_labels(names: Collection[str], listed: frozenset[str]) -> dict[str, str]:
    """Labels that are whole numbers with a point, by what they mean."""
    if listed:
        by_number: defaultdict[str, list[str]] = defaultdict(list)
        for label in listed:
            by_number[whole(label)].append(label)
        return {
            label: by_number[whole(label)][0]
            for label in names if label not in listed and len(by_number.get(whole(label), ())) == 1
        }  # fmt: skip
    if not all(map(whole_number, names)):
        return {label: whole(label) for label in names if whole(label) != label and whole(label) in names}
    return {label: whole(label) for label in names if whole(label) != label}


def error_cell(file: str, row: int, text: str, column: str, doc_id: str | None) -> Fault:
    """The fault of a cell with a spreadsheet's error."""
    detail = f"{shown(text)} is what a spreadsheet writes for a failed formula"
    mend = "Mend the formula, or --policies error_cells=missing reads such cells as empty"
    return Fault(file, row, "error_cell", detail, doc_id, column, mend)


def label_notes(
    found: "Records", column: str | None, known: Collection[str] | None, cells: Mapping[str, str]
) -> list[str]:
    """What the labels of a file look like when they are not what they should be; rows are counted. cells: what the
    cells by themselves tell, by the separator that may be meant (names.py)."""
    counts = Counter(record.labels for record in found.rows)
    names = {label for labels in counts for label in labels}
    if column is None:
        return _one_each(found, f"{found.file}: ", counts, names)
    where, odd = f"{found.file}: {shown(column)}: ", names - frozenset(known or ())
    told = [cells["vectors"]] if "vectors" in cells else _no_names(where, counts, odd)
    if told:
        return told
    unions = _unions(where, counts, names, odd)
    if {"newline", "tab"} & cells.keys():
        unions.pop("space", None)
    told += [note for option, note in cells.items() if option not in unions] + list(unions.values())
    return told or _one_each(found, where, counts, names)


def _no_names(where: str, counts: Counter[Labels], odd: Collection[str]) -> list[str]:
    """Labels outside the list that are yes and no, vectors, names with scores, or a code for none."""
    told = []
    if odd and _binary(odd):
        told.append(
            f"{where}the labels are {some(odd)} and nothing else, which were read as names. If they say yes and no, or "
            "are vectors, give one column a label and name these with --label_columns"
        )
    labelled = sum(count for labels, count in counts.items() if labels)
    vectors = {label for label in odd if _VECTOR.fullmatch(label)}
    if vectors and 2 * _rows(counts, vectors) >= labelled:
        told.append(
            f"{where}{_rows(counts, vectors)} rows hold vectors of 0 and 1, such as {shown(min(vectors))}, each read "
            "as one label. Write the names of the labels that are 1, or one column a label, named with --label_columns"
        )
    scored = {label for label in odd if _SCORED.fullmatch(label)}
    if scored and 2 * _rows(counts, scored) >= labelled:
        told.append(
            f"{where}{_rows(counts, scored)} rows hold labels that end in numbers, such as {shown(min(scored))}, each "
            "read as a label of its own. Write names without scores"
        )
    none = {label for label in odd if _NONE.fullmatch(label)}
    if none and len(odd) > 2:
        told.append(
            f"{where}{_rows(counts, none)} rows have the label {some(none)}, which often says that there is none. If "
            "so, list the others in a file for --labels and give --policies unknown_labels=drop"
        )
    return told


def _binary(names: Collection[str]) -> bool:
    folded = {whole(label.casefold()) for label in names}
    return any(folded <= pair for pair in _PAIRS)


def _rows(counts: Counter[Labels], among: Collection[str]) -> int:
    """Rows with a label among these."""
    return sum(count for labels, count in counts.items() if not set(labels).isdisjoint(among)) if among else 0


def _unions(where: str, counts: Counter[Labels], names: set[str], odd: Collection[str]) -> dict[str, str]:
    """By the separator, a note on labels whose pieces are labels of other rows, or come again at any place."""
    whole_names = {label.casefold() for label in names}
    best: tuple[int, str, set[str]] = (0, "", set())
    for separator in _SEPARATORS:
        pieces = {
            label: parts for label in odd
            if separator in label and not (separator == "," and _DECIMAL.fullmatch(label))
            and len(parts := _parts(label, separator)) > 1
        }  # fmt: skip
        if not pieces:
            continue
        found = {label for label, parts in pieces.items() if all(part in whole_names for part in parts)}
        if _mixed(list(pieces.values())):
            found = set(pieces)
        elif separator in _IN_NAMES and not _several(found, pieces):
            continue
        rows = _rows(counts, found)
        if rows > best[0] and (separator != " " or not best[0]):  # blanks stand beside other separators, too
            best = (rows, separator, found)
    rows, separator, found = best
    if rows < max(2, sum(counts.values()) / 200):
        return {}
    option = SEPARATOR_WORDS.get(separator, f"'{separator}'")
    told = f"{where}{rows} rows hold a label that is made of others ({some(found, 3)}), each read as one label. "
    return {option: f"{told}If they are several, give --label_separator {option}"}


def _several(found: Collection[str], pieces: Mapping[str, list[str]]) -> bool:
    """Whether labels made of others are sets: several, and a third of their pieces stands in more than one. 'Credit
    card' beside 'Credit' and 'Card' is a name."""
    times = Counter(part for label in found for part in set(pieces[label]))
    return len(found) > 1 and 3 * sum(count > 1 for count in times.values()) >= len(times)


def _parts(label: str, separator: str) -> list[str]:
    return [part.strip().casefold() for part in label.split(separator) if part.strip()]


def _mixed(labels: Sequence[Sequence[str]]) -> bool:
    """Whether few pieces make up many labels, each several times, and a third of them stand both first and later:
    sets that were written out, not a hierarchy or a code."""
    times: Counter[str] = Counter()
    first: set[str] = set()
    later: set[str] = set()
    for parts in labels:
        times.update(set(parts))
        first.add(parts[0])
        later.update(parts[1:])
    return (
        len(labels) >= 3 and len(times) <= len(labels)
        and 2 * sum(count > 1 for count in times.values()) >= len(times) and 3 * len(first & later) >= len(times)
    )  # fmt: skip


def _one_each(found: "Records", where: str, counts: Counter[Labels], names: Collection[str]) -> list[str]:
    """Exactly one label in each document, unless the labels are codes of three or more classes."""
    if len(names) < 2 or any(len(labels) > 1 for labels in counts) or all(map(whole_number, names)):
        return []
    rows = sum(count for labels, count in counts.items() if labels)
    found.moot["unite"] = [
        f"{where}each of the {rows} labelled rows has exactly one of {len(names)} labels. If cells hold several, "
        "give what stands between them with --label_separator; if a document has several rows, give --policies "
        "duplicate_ids=unite (or duplicate_texts=unite)"
    ]
    return found.moot["unite"]
