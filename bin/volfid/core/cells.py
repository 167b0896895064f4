"""What a header and a cell of any table say: repeated names, flags, missing values, spreadsheet errors, whole numbers,
and lists that somebody printed as text."""

import ast
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from volfid.core.exits import DataError

MAX_COLUMNS = 20_000
LONGEST = 60
_FLAGS = {
    "": False,
    **dict.fromkeys(("0", "0.0", "0,0", "false"), False),
    **dict.fromkeys(("1", "1.0", "1,0", "true"), True),
}
_WORDS = {"n": False, "no": False, "y": True, "yes": True}
# the one list of words for a missing value, in any case, as pandas, R, SQL, Spark and spreadsheets write them
MISSING = frozenset((
    "", "nan", "-nan", "na", "n/a", "n.a.", "n/a.", "n.a", "<na>", "<nan>", "null", "(null)", "<null>", "none",
    "<none>", "(none)", "nat", "nil", "\\n", "undefined", "#n/a", "#n/a n/a", "#na", "#nv", "#n/d", "#n/v",
    "1.#qnan", "-1.#qnan", "1.#ind", "-1.#ind", "na_character_", "[null]", "-", "--", "---", "\u2013", "\u2014", "?",
    "{}", '""', "''", "c()", "c(na)", "character(0)", ".", "(blank)", "(leer)", "k.a.", "k. a.", "keine angabe",
    "missing", "n/d", "s/o", "not available",
))  # fmt: skip
_LONGEST_MISSING = max(map(len, MISSING))
# #REF!, #DIV/0!, #NAME?, and as other languages write them: #BEZUG!, #VALEUR!, #\u00a1REF!
# errors as spreadsheets write them, in the languages that translate them; "#WINNING!" is somebody's text
_ERRORS = frozenset((
    "#ERROR!", "#REF!", "#DIV/0!", "#NAME?", "#VALUE!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!",
    "#UNKNOWN!", "#CONNECT!", "#BUSY!", "#EXTERNAL!", "#GETTING_DATA", "#BEZUG!", "#WERT!", "#ZAHL!", "#ÜBERLAUF!",
    "#BLOCKIERT!", "#VALEUR!", "#NOM?", "#NOMBRE!", "#NUL!", "#PROPAGATION!", "#CALCUL!", "#¡REF!", "#¡DIV/0!",
    "#¿NOMBRE?", "#¡VALOR!", "#¡NUM!", "#¡NULO!", "#¡DESBORDAMIENTO!", "#¡CALC!", "#RIF!", "#VALORE!", "#NOME?",
    "#NULLO!", "#VALOR!", "#NÚM!", "#NULO!", "#DESPEJAR!", "#VERW!", "#WAARDE!", "#NAAM?", "#GETAL!", "#LEEG!",
    "#DEEL/0!", "#ADR!", "#ARG!", "#NAZWA?", "#LICZBA!", "#ZERO!", "#VÄRDEFEL!", "#REFERENS!", "#NAMN?", "#OGILTIGT!",
    "#SKÄRNING!", "#DIVISION/0!", "#VÆRDI!", "#REFERENCE!", "#NAVN?", "#VERDI!", "#REFERANSE!", "#HODNOTA!", "#ODKAZ!",
    "#NÁZEV?", "#ČÍSLO!", "#AD?", "#DEĞER!", "#BAŞV!", "#SAYI!", "#BOŞ!", "#ЗНАЧ!", "#ССЫЛКА!", "#ИМЯ?", "#ДЕЛ/0!",
    "#ЧИСЛО!", "#ПУСТО!",
))  # fmt: skip
_OFFICE_ERROR = re.compile(r"Err:5\d\d", re.ASCII)
_WHOLE = re.compile(r"([+-]?\d+)\.0+", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:\.0+)?", re.ASCII)

_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
# NumPy prints no commas; Python would take two strings side by side for one
_NUMPY = re.compile(rf"\[\s*(?:{_QUOTED})(?:\s+(?:{_QUOTED}))+\s*\]", re.DOTALL)

_R_VECTOR = re.compile(rf"c\(\s*((?:{_QUOTED}|NA)(?:\s*,\s*(?:{_QUOTED}|NA))*)\s*\)", re.DOTALL)


def shown(value: Any) -> str:
    """What a message says of a value of the user: quoted, and of more than 60 characters the first with an ellipsis."""
    text = value if isinstance(value, str) else str(value)
    return repr(text) if len(text) <= LONGEST else repr(text[: LONGEST - 1] + "\u2026")


def check_columns(name: str, columns: Sequence[str]) -> None:
    """Raise DataError for too many columns, and for names that stand twice (all of them at once)."""
    if len(columns) > MAX_COLUMNS:
        raise DataError(f"{name}, row 1: {len(columns)} columns (at most {MAX_COLUMNS})", mend="Check the delimiter")
    seen: dict[str, int] = {}
    twice = []
    for position, column in enumerate(columns, start=1):
        if column and column in seen:
            twice.append(f"column {shown(column)} stands twice (columns {seen[column]} and {position})")
        seen.setdefault(column, position)
    if twice:
        more = f"; and {len(twice) - 5} more" if len(twice) > 5 else ""
        raise DataError(f"{name}, row 1: {'; '.join(twice[:5])}{more}", mend="Rename or remove one of them")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of a JSON decoder (`object_pairs_hook`). ValueError for a key that stands twice."""
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {shown(next(key for key in keys if keys.count(key) > 1))} stands twice")
    return result


def flag(value: Any, words: bool = False) -> bool | None:
    """True (1, true), False (0, false, an empty cell, NaN), or None for a cell that is no flag.

    words: yes, no, y and n are flags, too.
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, float):
        return False if math.isnan(value) else bool(value) if value in (0.0, 1.0) else None
    if not isinstance(value, str | int):
        return None
    text = str(value).strip().lower()
    known = _FLAGS.get(text, _WORDS.get(text) if words else None)
    return False if known is None and text in MISSING and text != "." else known  # a point may be a mark


def missing(text: str) -> bool:
    """Whether a cell holds nothing, or a word that stands for a missing value (nan, NA, #N/A, null, None, -)."""
    return len(text) <= 2 * _LONGEST_MISSING and text.strip().casefold() in MISSING


def spreadsheet_error(text: str) -> bool:
    """Whether a cell holds what a spreadsheet writes for a formula that failed: #REF!, #DIV/0!, #WERT!, Err:502."""
    if text[:4] == "Err:":
        return _OFFICE_ERROR.fullmatch(text.strip()) is not None
    return text[:1] == "#" and len(text) <= 20 and text.strip() in _ERRORS


def whole(text: str) -> str:
    """A whole number without the point that tables with gaps give it: 12 for '12.0'; other text as it is."""
    match = _WHOLE.fullmatch(text)
    return match[1] if match else text


def whole_number(text: str) -> bool:
    """Whether `text` is a whole number, with or without '.0'."""
    return _NUMBER.fullmatch(text) is not None


def printed_list(text: str) -> list[Any] | None:
    """Items of a list written as JSON, or as Python, NumPy or R print lists, tuples and sets; None for other text."""
    if text == "set()":
        return []
    if _NUMPY.fullmatch(text):
        return [ast.literal_eval(item) for item in re.findall(_QUOTED, text, re.DOTALL)]
    if vector := _R_VECTOR.fullmatch(text):
        text = f"[{vector[1]}]"
    for parse in (json.loads, _python):
        try:
            items = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(items, (list, tuple, set)):
            return sorted(items, key=str) if isinstance(items, set) else list(items)
    return None


def _python(text: str) -> Any:
    if re.search(r"_\s*_", re.sub(_QUOTED, "_", text, flags=re.DOTALL)):
        raise ValueError("a comma is missing: which strings belong together, nobody can tell")
    # nan and <NA> are no literals, though Python and pandas print them
    return ast.literal_eval(re.sub(rf"({_QUOTED})|\b(?:nan|NaN|NaT|NA|null)\b|<NA>", _or_none, text, flags=re.DOTALL))


def _or_none(match: re.Match[str]) -> str:
    return match[1] or "None"
