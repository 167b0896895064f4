"""PatentsView bulk tables (tab-separated, also as .zip), joined on patent_id on disk."""

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from volfid.core.exits import DataError, ParameterError
from volfid.corpora.cpc_rules import Taxonomy
from volfid.corpora.documents import Doc, Options, Tally, clean, iso_date, join_text
from volfid.corpora.files import table_rows
from volfid.corpora.patents import LABEL_OPTIONS, TEXT_OPTIONS, PatentLabels, TextView

OPTIONS = {
    **{name: about for name, about in LABEL_OPTIONS.items() if name in ("labels", "without")},
    **TEXT_OPTIONS,
    "from": "first date of grant (YYYY or YYYY-MM-DD)",
    "until": "last date of grant",
    "patent_type": "types to keep, separated by commas (default utility)",
    "cpc_type": "all (default) or inventional (leave additional symbols out)",
}
# columns that are read, by the beginning of the table's name; `g_claims_2016` and the like have one for each year
TABLES = {
    "g_patent": ("patent_id", "patent_type", "patent_date", "patent_title"),
    "g_patent_abstract": ("patent_id", "patent_abstract"),
    "g_cpc_current": ("patent_id", "cpc_subclass", "cpc_group"),
    "g_claims": ("patent_id", "claim_sequence", "claim_text"),
}
NEEDED = ("g_patent", "g_patent_abstract", "g_cpc_current")
BATCH = 10_000


def load(
    sources: Sequence[Path], texts: Sequence[Path], options: Options, taxonomy: Taxonomy | None, tally: Tally
) -> Iterator[Doc]:
    """Documents of the tables g_patent, g_patent_abstract, g_cpc_current and, for claims, g_claims_YYYY.

    CPC is the current one for all years. The join is made in a temporary database beside the outputs, so that
    memory does not grow with the tables. Documents come in the order of patent_id as text.
    """
    labels, view = PatentLabels(options, taxonomy, tally), TextView(options)
    tables = _tables(sources, "claim" in view.parts)
    first, last = options.date("from") or "", options.date("until") or "9999"
    types, inventional = options.names("patent_type", "utility"), options.choice("cpc_type", "all", "inventional")
    with (
        tempfile.TemporaryDirectory(dir=tally.work, prefix="patentsview-") as folder,
        contextlib.closing(sqlite3.connect(Path(folder) / "join.sqlite")) as base,
    ):
        base.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "CREATE TABLE patent (id TEXT PRIMARY KEY, day TEXT, title TEXT) WITHOUT ROWID;"
            "CREATE TABLE abstract (id TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;"
            "CREATE TABLE claim (id TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;"
            "CREATE TABLE symbol (id TEXT, code TEXT);"
        )
        _fill(base, "INSERT OR IGNORE INTO patent VALUES (?, ?, ?)", _patents(tables, types, first, last, tally))
        _fill(
            base,
            "INSERT OR IGNORE INTO abstract VALUES (?, ?)",
            _pairs(tables, "g_patent_abstract", "patent_abstract", tally),
        )
        _fill(base, "INSERT OR IGNORE INTO claim VALUES (?, ?)", _first_claims(tables, tally))
        _fill(base, "INSERT INTO symbol VALUES (?, ?)", _symbols(tables, labels, inventional == "inventional", tally))
        base.execute("CREATE INDEX by_patent ON symbol (id)")
        rows = base.execute(
            "SELECT p.id, p.day, p.title, a.text, c.text FROM patent p LEFT JOIN abstract a ON a.id = p.id "
            "LEFT JOIN claim c ON c.id = p.id ORDER BY p.id"
        )
        for number, day, title, abstract, claim in rows:
            codes = [code for (code,) in base.execute("SELECT code FROM symbol WHERE id = ?", (number,))]
            with tally.faults.row():
                found = labels.of(codes, join_text([title, abstract or ""]), f"patent {number}")
                yield Doc(f"US{number}", view.of(title, claim or "", abstract or ""), found, date=day)


def _tables(sources: Sequence[Path], claims: bool) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {name: [] for name in TABLES}
    for path in sources:
        stem = path.name.split(".")[0]
        name = "g_claims" if stem.startswith("g_claims") else stem
        if name not in TABLES:
            mend = f"Expected {', '.join(TABLES)}_YYYY, each .tsv or .tsv.zip"
            raise ParameterError(f"{path.name} is no table that is read", mend=mend)
        found[name].append(path)
    missing = [name for name in NEEDED if not found[name]]
    if claims and not found["g_claims"]:
        raise ParameterError("the text has the first claim, and no g_claims_YYYY table was given",
                             mend="Give those of the years, or text=title,abstract")  # fmt: skip
    if missing:
        raise ParameterError(f"the table {missing[0]} is missing", mend=f"Needed are {', '.join(NEEDED)}")
    return found


def _rows(tables: dict[str, list[Path]], name: str, tally: Tally) -> Iterator[tuple[str, dict[str, str]]]:
    for path in tables[name]:
        checked = False
        for number, row in table_rows(path, tally.faults):
            if not checked:
                missing = [column for column in TABLES[name] if column not in row]
                if missing:
                    raise DataError(
                        f"{path.name}, row 1: no column {missing[0]!r}", mend="Is this the table of that name?"
                    )
                checked = True
            if row["patent_id"]:
                yield row["patent_id"], row
            else:
                tally.faults.add(DataError(f"{path.name}, row {number}, field 'patent_id' is empty"))


def _patents(
    tables: dict[str, list[Path]], types: list[str], first: str, last: str, tally: Tally
) -> Iterator[tuple[str, str, str]]:
    for number, row in _rows(tables, "g_patent", tally):
        day = iso_date(row["patent_date"]) or ""
        if row["patent_type"] not in types:
            tally.drop("other patent type")
        elif not first <= day <= last:
            tally.drop("outside the dates")
        elif row.get("withdrawn") == "1":
            tally.drop("withdrawn")
        else:
            yield number, day, clean(row["patent_title"])


def _pairs(tables: dict[str, list[Path]], name: str, column: str, tally: Tally) -> Iterator[tuple[str, str]]:
    for number, row in _rows(tables, name, tally):
        yield number, clean(row[column])


def _first_claims(tables: dict[str, list[Path]], tally: Tally) -> Iterator[tuple[str, str]]:
    """claim_sequence counts from 0; where it counts from 1, no claim has 0 and claim_number says 1."""
    for number, row in _rows(tables, "g_claims", tally):
        if row["claim_sequence"] == "0" or row.get("claim_number", "").lstrip("0") == "1":
            yield number, clean(row["claim_text"])


def _symbols(
    tables: dict[str, list[Path]], labels: PatentLabels, inventional: bool, tally: Tally
) -> Iterator[tuple[str, str]]:
    """Symbols that can matter: with rules, those of their subclasses; else one of each subclass."""
    wanted = labels.taxonomy.subclasses if labels.by_rules and labels.taxonomy else None
    for number, row in _rows(tables, "g_cpc_current", tally):
        if inventional and row.get("cpc_type") != "inventional":
            continue
        if wanted is None or row["cpc_subclass"] in wanted:
            yield number, row["cpc_group"] if wanted is not None else row["cpc_subclass"]


def _fill(base: sqlite3.Connection, statement: str, rows: Iterable[tuple[str, ...]]) -> None:
    batch: list[tuple[str, ...]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            base.executemany(statement, batch)
            batch.clear()
    base.executemany(statement, batch)
    base.commit()
