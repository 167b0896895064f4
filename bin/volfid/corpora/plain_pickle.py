"""Dictionaries of plain values out of files that torch.save wrote, without running anything.

The pickle is read opcode by opcode. Numbers, text, lists, tuples, sets and dictionaries are built; anything that
would import or call something else is refused, so that a file from the network cannot do anything here.
"""

import io
import pickletools
import zipfile
from pathlib import Path
from typing import Any

from volfid.core.exits import DataError

# what may be named: empty or filled containers, made here and not imported
CONTAINERS = {
    "collections defaultdict": dict, "collections OrderedDict": dict,
    "builtins set": set, "__builtin__ set": set, "builtins list": list, "__builtin__ list": list,
    "builtins dict": dict, "__builtin__ dict": dict,
}  # fmt: skip
_VALUES = {
    "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT", "UNICODE",
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_SET": set, "EMPTY_TUPLE": tuple}
_MARK = object()


def read_plain(path: Path) -> Any:
    """The value of a `.pt` file that holds plain values only. DataError for anything else."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                name = next((item for item in archive.namelist() if item.endswith("data.pkl")), None)
                if name is None:
                    raise DataError(f"{path.name} is no file of torch.save: it has no data.pkl")
                return _value(io.BytesIO(archive.read(name)), path.name)
        with open(path, "rb") as file:  # before torch 1.6: three headers, then the value
            for _ in range(3):
                _value(file, path.name)
            return _value(file, path.name)
    except (ValueError, IndexError, TypeError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.name} is no file of torch.save with plain values: {error}") from error


def _value(file: Any, name: str) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}

    def marked() -> list[Any]:
        at = max(i for i, item in enumerate(stack) if item is _MARK)
        items = stack[at + 1 :]
        del stack[at:]
        return items

    for opcode, argument, _ in pickletools.genops(file):
        code = opcode.name
        if code in _VALUES:
            stack.append(argument)
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in _EMPTY:
            stack.append(_EMPTY[code]())
        elif code == "MARK":
            stack.append(_MARK)
        elif code in ("BINPUT", "LONG_BINPUT", "PUT"):
            memo[int(argument or 0)] = stack[-1]
        elif code == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif code in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memo[int(argument or 0)])
        elif code in ("TUPLE", "LIST"):
            items = marked()
            stack.append(tuple(items) if code == "TUPLE" else items)
        elif code in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(code[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif code in ("APPEND", "APPENDS", "ADDITEMS"):
            items = [stack.pop()] if code == "APPEND" else marked()
            stack[-1].update(items) if isinstance(stack[-1], set) else stack[-1].extend(items)
        elif code in ("SETITEM", "SETITEMS", "DICT"):
            items = [stack.pop(-2), stack.pop()] if code == "SETITEM" else marked()
            if code == "DICT":
                stack.append({})
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
        elif code in ("GLOBAL", "STACK_GLOBAL"):
            named = argument if code == "GLOBAL" else " ".join([stack.pop(-2), stack.pop()])
            if named not in CONTAINERS:
                raise DataError(f"{name} is refused: it names {named}, and only plain values are read")
            stack.append(CONTAINERS[named])
        elif code == "REDUCE":
            arguments, made = stack.pop(), stack.pop()
            if made not in CONTAINERS.values():
                raise DataError(f"{name} is refused: it calls something")
            # defaultdict(set) carries the class of its values: what is in it follows as items
            stack.append(made(*arguments) if made is not dict else {})
        elif code == "STOP":
            return stack.pop()
        elif code not in ("PROTO", "FRAME"):
            raise DataError(f"{name} is refused: {code} is not part of plain values")
    raise DataError(f"{name} is cut short")
