"""docs/contracts.md from the schemas: one table a file."""

from volfid.core.contracts import Contract, Field
from volfid.core.schemas import CONTRACTS

FORMS = {
    "jsonl": "JSON lines", "json": "A JSON array", "object": "One JSON object", "parquet": "Parquet",
}  # fmt: skip
HEAD = """# Files that cross stages

Generated from `bin/volfid/core/schemas.py` by `tools/write_contracts.py`; do not edit. Writer and reader check every
file against its schema: a missing, unknown or ill-typed field ends the task with exit code 65 and names file, row and
field. Text is UTF-8; rows are sorted by key; no file holds a timestamp. A number that does not exist is null, with
the reason in `note`.
"""


def contracts_page() -> str:
    """The whole page."""
    index = "\n".join(f"- [{c.file}](#{c.name}): {c.meaning}" for c in CONTRACTS.values())
    return "\n".join([HEAD, index, "", *(_section(contract) for contract in CONTRACTS.values())]).rstrip() + "\n"


def _section(contract: Contract) -> str:
    key = f" Key: {', '.join(f'`{name}`' for name in contract.key)}." if contract.key else ""
    rows = "\n".join(_row(field) for field in contract.fields)
    return (
        f'<a id="{contract.name}"></a>\n\n## {contract.file}\n\n{contract.meaning} {FORMS[contract.form]}, '
        f"written by {contract.written_by}.{key}\n\n| field | type | meaning |\n|---|---|---|\n{rows}\n"
    )


def _row(field: Field) -> str:
    kind = (
        field.kind.replace("_list", " list")
        + (" or null" if field.null else "")
        + (", may be absent" if field.optional else "")
    )
    choices = f" ({', '.join(f'`{choice}`' for choice in field.choices)})" if field.choices else ""
    return f"| `{field.name}` | {kind} | {field.meaning}{choices} |".replace("\n", " ")
