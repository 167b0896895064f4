"""Google Patents public data: the SQL that selects and labels documents, and the reader of its exported result."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from volfid.core.exits import ConfigError, DataError, ParameterError
from volfid.corpora.cpc_rules import Taxonomy
from volfid.corpora.documents import Doc, Options, Tally, clean, iso_date, plain
from volfid.corpora.files import table_rows
from volfid.corpora.patents import TextView, name_labels

OPTIONS = {
    "text": "parts of the text, of title, claim, abstract (default title,abstract: the query fetches no claims)",
    "table": "SQL: table that receives the result (default my.at_docs)",
    "countries": "SQL: offices (default US,EP,WO)",
    "from": "SQL: first date of publication (default 1998-01-01, the window of the report)",
    "until": "SQL: last date of publication (default 2020-06-30)",
}
COLUMNS = ("id", "family_id", "publication_date", "title", "abstract", "labels")
SQL = """\
CREATE OR REPLACE TABLE {table} AS
-- {count} rules of {labels} labels. {note}
WITH rules AS (
  SELECT * FROM UNNEST([
{structs}
  ])
),
docs AS (
  SELECT publication_number AS id, family_id, publication_date,
    (SELECT text FROM UNNEST(title_localized)    WHERE language = 'en' LIMIT 1) AS title,
    (SELECT text FROM UNNEST(abstract_localized) WHERE language = 'en' LIMIT 1) AS abstract,
    ARRAY(SELECT DISTINCT code FROM UNNEST(cpc)) AS codes
  FROM `patents-public-data.patents.publications`
  WHERE country_code IN ({countries})
    AND publication_date BETWEEN {first} AND {last}
),
hits AS (
  SELECT DISTINCT d.id, r.label
  FROM docs d, UNNEST(d.codes) AS code JOIN rules r ON STARTS_WITH(code, r.prefix)
  WHERE d.abstract IS NOT NULL
    AND (NOT r.need_text    OR REGEXP_CONTAINS(CONCAT(IFNULL(d.title, ''), ' ', d.abstract), r.text_regex))
    AND (NOT r.need_context OR REGEXP_CONTAINS(CONCAT(IFNULL(d.title, ''), ' ', d.abstract), {context}))
),
labelled AS (SELECT id, ARRAY_AGG(label ORDER BY label) AS labels FROM hits GROUP BY id)
SELECT id, family_id, publication_date, title, abstract, labels
FROM docs JOIN labelled USING (id)
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY IF(family_id IN ('', '-1'), id, family_id)
  ORDER BY STARTS_WITH(id, 'US') DESC, publication_date, id) = 1;
"""


def sql(options: Options, taxonomy: Taxonomy) -> str:
    """The query, with one STRUCT for each rule of the taxonomy. Run it with a dry run first: it scans whole columns."""
    structs = []
    for label in taxonomy.labels:
        for rule in label.rules:
            flags = f"{_bool(rule.need_text)} AS need_text, {_bool(rule.need_context)} AS need_context"
            regex = _regex(label.text if rule.need_text else "")
            structs.append(
                f"    STRUCT({_text(label.id)} AS label, {_text(rule.prefix)} AS prefix, {flags},\n"
                f"           {regex} AS text_regex)"
            )
    table = options.text("table", "my.at_docs") or ""
    if not re.fullmatch(r"`?[\w-]+(\.[\w-]+){1,2}`?", table):
        raise ConfigError(f"table={table} is no name of a table", mend="Write dataset.table or project.dataset.table")
    countries = options.names("countries", "US,EP,WO")
    if not all(re.fullmatch("[A-Z]{2}", country) for country in countries):
        raise ConfigError(f"countries={','.join(countries)}: two capitals each, separated by commas")
    return SQL.format(
        table=table,
        count=len(structs),
        labels=len(taxonomy.labels),
        note=clean(taxonomy.reconstruction or ""),
        structs=",\n".join(structs),
        countries=", ".join(map(_text, countries)),
        first=(options.date("from") or "1998-01-01").replace("-", ""),
        last=(options.date("until") or "2020-06-30").replace("-", ""),
        context=_regex(taxonomy.context),
    )


def print_sql(given: Mapping[str, str], taxonomy: Taxonomy | None) -> None:
    """Print the query for the KEY=VALUE options of loader bigquery."""
    if taxonomy is None:
        raise ParameterError("the query is made from a taxonomy", mend="Give --taxonomy FILE")
    print(sql(Options("bigquery", given, OPTIONS), taxonomy), end="")


def _bool(value: bool) -> str:
    return "TRUE" if value else "FALSE"


def _text(value: str) -> str:
    if not re.fullmatch(r"[\w/ .-]+", value):
        raise ConfigError(f"{value!r} cannot stand in SQL")
    return f"'{value}'"


def _regex(pattern: str | None) -> str:
    """A raw string of BigQuery; without regard to case, as the rules are everywhere."""
    if not pattern:
        return "r''"
    if "'" in pattern or "\n" in pattern:
        raise ConfigError(f"the pattern {pattern!r} holds a quote or a line end and cannot stand in SQL")
    return f"r'(?i){pattern}'"


def load(
    sources: Sequence[Path], texts: Sequence[Path], options: Options, taxonomy: Taxonomy | None, tally: Tally
) -> Iterator[Doc]:
    """Documents of the exported result (JSON lines or Parquet, also several shards): one row a family."""
    name_labels(taxonomy, tally)
    view = TextView(options if options.text("text") else Options("bigquery", {"text": "title,abstract"}, OPTIONS))
    for path in sources:
        checked = False
        for number, row in table_rows(path, tally.faults):
            where = f"{path.name}, row {number}"
            if not checked:
                missing = [name for name in COLUMNS if name not in row and name not in ("title", "family_id")]
                if missing:
                    mend = "Export the result as JSON lines or Parquet (CSV cannot hold lists)"
                    raise DataError(f"{where}: no column {missing[0]!r}", mend=mend)
                checked = True
            with tally.faults.row():
                labels = _labels(row.get("labels"), where, tally)
                family = plain(row.get("family_id"))
                text = view.of(clean(row.get("title")), clean(row.get("claim")), clean(row.get("abstract")))
                yield Doc(
                    plain(row.get("id")), text, labels,
                    group=family if family not in ("", "-1") else None, date=iso_date(row.get("publication_date")),
                )  # fmt: skip


def _labels(value: Any, where: str, tally: Tally) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise DataError(f"{where}, field 'labels': expected a list, found {str(value)[:60]!r}")
    unknown = sorted({str(label) for label in value} - tally.labels.keys())
    if unknown:
        mend = "Give the taxonomy that the query was made from"
        raise DataError(f"{where}, field 'labels': {unknown[0]!r} is not in the taxonomy", mend=mend)
    return tuple(sorted(value))
