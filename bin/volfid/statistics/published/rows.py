"""Rows of findings.json, `published`, and the figures they are computed from."""

from collections.abc import Mapping
from typing import Any

from volfid.core.contracts import Row
from volfid.statistics.published import arithmetic
from volfid.statistics.published.arithmetic import Printed
from volfid.statistics.published.here import Here

FOLLOWS, MISLABELLED, UNKNOWN = "follows", "mislabelled", "unknown"
Figures = Mapping[str, Any]


def row(
    name: str, group: str, title: str, printed: str, statement: str, values: Mapping[str, Any], source: str, here: Here
) -> Row:
    return {
        "name": name, "group": group, "title": title, "printed": printed, "statement": statement,
        "values": dict(values), "from": source, "here": list(here.lines), "not_here": here.reason,
    }  # fmt: skip


def figures_of(section: Figures, *names: str) -> list[Printed]:
    return [arithmetic.printed(section[name]) for name in names]


def sign(figure: Printed) -> str:
    return f"+{figure.text}" if figure.value > 0 and not figure.text.startswith("+") else figure.text
