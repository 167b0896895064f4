"""Cells with a form of their own: claims, lists of texts, dates."""

import datetime
import re
from typing import Any

from volfid.core.cells import whole
from volfid.inputs.text import cell_text

DATE_FORMS = "YYYY, YYYY-MM, YYYY-MM-DD or YYYYMMDD"
_DATE = re.compile(r"(\d{4})(?:-?(\d{2})(?:-?(\d{2}))?)?(?:[T ].*)?", re.ASCII)
_FIRST_CLAIM = re.compile(r"\s*1\s?[.)]\s")
_SECOND_CLAIM = re.compile(r"\s2\s?[.)]\s+(?=[A-Z])")


# dates that systems write where they know none
NO_DATES = frozenset({"0001-01-01", "9999", "9999-12", "9999-12-31"})
_ZEROS = re.compile(r"[0\s/.:T-]*0[0\s/.:TZ-]*", re.ASCII)


def no_date(text: str) -> bool:
    """Whether a cell of dates says with zeros that there is none: 0, 0000-00-00, 00000000."""
    return _ZEROS.fullmatch(text) is not None


def joined_list(value: list[Any]) -> Any:
    """Strings of a list as one text; the list itself when it holds anything else."""
    return " ".join(value) if all(isinstance(item, str) for item in value) else value


def first_claim(claims: Any) -> Any:
    """The first of a list of claims, or of claims in one text that are numbered `1.`, `2.`."""
    if isinstance(claims, list):
        return claims[0] if claims else ""
    if not isinstance(claims, str) or not _FIRST_CLAIM.match(claims):
        return claims
    begin = _FIRST_CLAIM.match(claims).end()  # type: ignore[union-attr]
    second = _SECOND_CLAIM.search(claims, begin)
    return claims[begin : second.start() if second else len(claims)].strip()


def day_of(value: Any) -> Any:
    """A date, or a moment, as YYYY-MM-DD; anything else as it is."""
    if isinstance(value, datetime.datetime):
        value = value.date()
    return value.isoformat() if isinstance(value, datetime.date) else value


def iso_date(value: Any) -> str | None:
    """YYYY, YYYY-MM or YYYY-MM-DD of a cell, as exact as the cell is; None when it is no date."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = cell_text(day_of(value))
    match = _DATE.fullmatch(whole(text.strip())) if text else None
    if match is None:
        return None
    parts = [part for part in match.groups() if part]
    year, month, day = (int(part) for part in [*parts, "01", "01"][:3])
    try:
        datetime.date(year, month, day)
    except ValueError:
        return None
    return "-".join(parts)
