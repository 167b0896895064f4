"""JSON that holds a table in one value: a list of objects, columns, or an object around them, as rows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from volfid.core.cells import unique_keys
from volfid.core.encoding import DAMAGE, MAX_LINE, damaged, open_bytes, read_text
from volfid.core.exits import DataError
from volfid.core.splits import SPLITS

_WRAPPERS = ("data", "rows", "records", "documents", "docs", "items", "examples", "instances", "entries", "results")
_USUAL = {"id", "text", "title", "abstract", "claims", "label", "labels"}
_BLANK = " \t\r\n"
_LONG = 60
_SHAPE = "Write a list of objects, or one object a line (.jsonl)"

Row = dict[str, Any]


class NotRows(ValueError):
    """A JSON value that is no table: what is wrong with it."""


@dataclass(frozen=True)
class JsonTable:
    """Rows in order, and what to say of them. single: the file holds one object, which is one document. `odd`: places
    of items that are no objects, from 1."""

    rows: list[Row]
    told: tuple[str, ...] = ()
    single: bool = False
    odd: tuple[int, ...] = field(default=())


def json_in_lines(path: Path) -> bool:
    """Whether a file is JSON lines, by its first line: a whole object with another line below it."""
    with open_bytes(path) as raw:
        try:
            first = b""
            while not first and (line := raw.readline(MAX_LINE)):
                first = line.removeprefix(b"\xef\xbb\xbf").strip()
            if first[:1] != b"{":
                return False
            if _begins_value(first):
                return False
            return any(line.strip() for line in iter(lambda: raw.readline(MAX_LINE), b""))
        except DAMAGE as error:
            raise damaged(path.name, error) from error


def _begins_value(line: bytes) -> bool:
    """Whether a line is the beginning of a value that goes on below it."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return error.pos >= len(error.doc)
    except (ValueError, RecursionError):
        return False
    return False


def read_json_table(path: Path, no_header: bool = False) -> JsonTable:
    """The table of a JSON file; DataError for a file that holds none. no_header: lists of cells have no list of names
    before them, and the columns are '1', '2' and so on."""
    try:
        return table_of(list(_values(read_text(path))), no_header)
    except NotRows as error:
        raise DataError(f"{path.name}, row 1: {error}", mend=_SHAPE) from error
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DataError(
            f"{path.name}, row 1: not JSON ({reason})", mend="Make the file again: it may be cut"
        ) from error


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _values(text: str) -> Iterator[Any]:
    """The values of a file one after the other, most often one."""
    decoder = json.JSONDecoder(object_pairs_hook=unique_keys, parse_constant=_constant)
    place = 0
    while place < len(text):
        if text[place] in _BLANK:
            place += 1
            continue
        value, place = decoder.raw_decode(text, place)
        yield value


def table_of(values: list[Any], no_header: bool = False) -> JsonTable:
    """The rows of the values of a file. NotRows when they are none."""
    if not values:
        raise NotRows("the file is empty")
    if len(values) > 1:
        return _objects(values, ())
    value = values[0]
    if isinstance(value, list):
        lists = bool(value) and all(isinstance(item, list) for item in value)
        return _cells(value, no_header) if lists else _objects(value, ())
    if isinstance(value, dict):
        return _from_object(value, no_header)
    raise NotRows(f"expected a list of objects, found {type(value).__name__}")


def _objects(items: list[Any], told: tuple[str, ...]) -> JsonTable:
    odd = tuple(place for place, item in enumerate(items, start=1) if not isinstance(item, dict))
    if len(odd) == len(items):
        raise NotRows(f"a list of {type(items[0]).__name__}, not of objects" if items else "the file is empty")
    return JsonTable([item if isinstance(item, dict) else {} for item in items], told, odd=odd)


def _cells(items: list[list[Any]], no_header: bool) -> JsonTable:
    """Lists of cells, the first of which names the columns."""
    width = len(items[0])
    if any(len(item) != width for item in items):
        raise NotRows("the lists of cells are not of one length")
    names: list[Any] = [str(place) for place in range(1, width + 1)]
    if not no_header:
        names, *items = items
        plain = [name.strip() for name in names if isinstance(name, str) and 0 < len(name.strip()) <= _LONG]
        if len(set(plain)) < width:
            raise NotRows("the first list does not name the columns; if none does, give --no_header")
    return JsonTable([dict(zip(names, item, strict=True)) for item in items])


def _from_object(value: Row, no_header: bool) -> JsonTable:
    lists = {key: items for key, items in value.items() if isinstance(items, list) and items}
    tables = {key: items for key, items in lists.items() if all(isinstance(item, dict) for item in items)}
    names, data = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(data, list) and all(isinstance(item, list) for item in data):
        return _cells([names, *data], False)  # pandas, orient='split'
    sides = {key: SPLITS[key.strip().lower()] for key in tables if key.strip().lower() in SPLITS}
    if "train" in sides.values() and len(sides) > 1 and set(sides) == set(tables):
        rows = [{"split": side, **row} for key, side in sides.items() for row in tables[key]]
        return JsonTable(rows, (f"the split was taken from the keys {', '.join(map(repr, sides))}",))
    if isinstance(value.get("text"), str) or not value:
        return JsonTable([value] if value else [], single=True)
    if len(value) > 1 and len(lists) == len(value) > len(tables) and len({len(items) for items in lists.values()}) == 1:
        return JsonTable([dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)])
    if len(value) > 1 and all(isinstance(inner, dict) and inner for inner in value.values()):
        return _nested(value)
    return _wrapped(value, tables)


def _wrapped(value: Row, tables: dict[str, list[Any]]) -> JsonTable:
    """The one list of objects in an object; the object itself as one document where it has texts of its own."""
    if len(value) == 1 and all(isinstance(inner, dict) and inner for inner in value.values()):
        return table_of(list(value.values()))
    usual = [key for key in _WRAPPERS if key in tables]
    texts = any(isinstance(item, str) and len(item) > _LONG for item in value.values()) or _USUAL & value.keys()
    chosen = usual[:1] or ([] if texts else list(tables))
    if len(chosen) > 1:
        shown = ", ".join(repr(key[:_LONG]) for key in chosen)
        raise NotRows(f"the object holds several lists ({shown}), of which one must be the documents")
    if not chosen:
        return JsonTable([value], single=True)
    others = [key for key in value if key != chosen[0]]
    more = f"; of the others nothing was read: {', '.join(repr(key[:_LONG]) for key in others[:5])}" if others else ""
    return _objects(tables[chosen[0]], (f"the rows are those of the key {chosen[0]!r}{more}",))


def _nested(value: dict[str, Row]) -> JsonTable:
    """{column: {row: cell}}, or {row: {column: cell}}; a row's name is its id where it has none and is no number."""
    inner = list(dict.fromkeys(key for row in value.values() for key in row))
    lower = {key.strip().lower() for key in inner}
    by_column = bool(_USUAL & {key.strip().lower() for key in value}) or (
        not _USUAL & lower and all(key.isdigit() for key in inner) and not all(key.isdigit() for key in value)
    )
    if by_column:
        return JsonTable([{column: cells.get(row) for column, cells in value.items()} for row in inner])
    if "id" in lower or all(key.isdigit() for key in value):
        return JsonTable(list(value.values()))
    return JsonTable([{"id": key, **row} for key, row in value.items()], ("the keys of the objects are their ids",))
