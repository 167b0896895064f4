"""Bytes of an input or source file, unpacked, and its lines as UTF-8 text. Nothing is ever re-decoded by a guess."""

import gzip
import io
import re
import shlex
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from volfid.core.code_pages import code_pages
from volfid.core.exits import DataError, InputMissingError

MAX_LINE = 1 << 26
_BOMS = (
    (b"\xff\xfe\x00\x00", "UTF-32"), (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"),
)  # fmt: skip
_SAMPLE = 1 << 20
_HEAD = 4096
_RETURN = re.compile(r"(?<=\r)(?!\n)(?!$)")
_ESCAPED = re.compile("[\udc80-\udcff]")
_SHIFTED = re.compile(r"\x1b(?:\$[@AB]|\$[()][A-H]|\([BIJ])")
_SHIFTS = {"$)A": "ISO-2022-CN", "$)G": "ISO-2022-CN", "$)C": "ISO-2022-KR"}
DAMAGE = (gzip.BadGzipFile, EOFError, zlib.error, zipfile.BadZipFile)


def open_bytes(path: Path) -> IO[bytes]:
    """The file's content as a stream, decompressed when it is gzip, or `.zip` with one file in it.

    InputMissingError, also for a folder; DataError for what is not compressed as its name says.
    """
    if path.is_dir():
        raise InputMissingError(f"{path.name} is a folder, expected a file", mend="Give the files in it")
    if not path.is_file():
        raise InputMissingError(f"input file {path.name} does not exist", mend="Check the path")
    if path.suffix.lower() == ".zip":
        return _open_zip(path)
    with open(path, "rb") as file:
        begin = file.read(2)
    if begin == b"\x1f\x8b":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if path.suffix.lower() == ".gz" and begin:
        raise DataError(f"{path.name} is named .gz but is not gzip", mend="Rename it, or compress it")
    return open(path, "rb")


def _open_zip(path: Path) -> IO[bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [item for item in archive.infolist() if not (item.is_dir() or _of_a_mac(item.filename))]
            if len(inside) != 1:
                raise DataError(f"{path.name} holds {len(inside)} files, expected one", mend="Unpack it")
            return archive.open(inside[0])
    except (zipfile.BadZipFile, RuntimeError) as error:  # RuntimeError: encrypted, or an unknown compression
        raise damaged(path.name, error) from error


def _of_a_mac(name: str) -> bool:
    """Whether a file in an archive is one of those that macOS adds to each."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(("._", ".DS_Store"))


def damaged(name: str, error: Exception) -> DataError:
    """What is said of a compressed file that is cut off, changed or locked."""
    kind = "damaged or cut short, or has a password" if name.lower().endswith(".zip") else "damaged gzip"
    return DataError(f"{name} is {kind}: {error}", mend="Copy or make the file again")


def text_lines(path: Path) -> Iterator[str]:
    r"""Lines with their ends (\n, \r\n or \r), bytes that are no UTF-8 as lone surrogates (`bad_bytes` tells).

    A byte order mark of UTF-8 is taken off. Raises DataError for UTF-16 and UTF-32, damaged gzip, and a line
    of more than 64 million characters.
    """
    name = path.name
    with open_bytes(path) as raw:
        try:
            head: bytes = raw.peek(_HEAD)[:_HEAD]  # type: ignore[attr-defined]
            _refuse_wide(name, head)
            if head.startswith(b"\xef\xbb\xbf"):
                raw.read(3)
            # newline="" would search every line twice
            with io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
                read = stream.readline
                while line := read(MAX_LINE):
                    if len(line) == MAX_LINE:
                        message = f"{name}: a line of more than {MAX_LINE:,} characters"
                        raise DataError(message, mend="Check the line ends and the quotes")
                    if "\r" in line and (not line.endswith("\r\n") or line.count("\r") > 1):
                        yield from _RETURN.split(line)
                    else:
                        yield line
        except DAMAGE as error:
            raise damaged(name, error) from error


def read_text(path: Path) -> str:
    """The whole file as text, without a byte order mark; DataError for anything that is not UTF-8."""
    with open_bytes(path) as raw:
        try:
            content = raw.read()
        except DAMAGE as error:
            raise damaged(path.name, error) from error
    _refuse_wide(path.name, content[:_HEAD])
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    if suspect(text):
        for number, line in enumerate(text.split("\n"), start=1):
            problem = bad_bytes(path, line) if suspect(line) else None
            if problem:
                raise DataError(f"{path.name}, row {number}: {problem[0]}", mend=problem[1])
    return text


def bad_bytes(path: Path, line: str) -> tuple[str, str] | None:
    """What is wrong with the bytes of a line, and the mend; None when it is UTF-8 without NUL and without the
    escape sequences of ISO 2022, which are ASCII and yet no text."""
    if "\0" in line:
        command = piped(path.name, "tr -d '\\000'", "clean_", " < ")
        return "NUL byte", f"Make the file again, or take the bytes out: {command}"
    shifted = _SHIFTED.search(line) if "\x1b" in line else None
    if shifted:
        encoding = _SHIFTS.get(shifted[0][1:], "ISO-2022-JP")
        detail = f"the escape sequence ESC {shifted[0][1:]} is no text; the file looks like {encoding}"
        return detail, _saved(path.name, encoding)
    if line.isascii():
        return None
    found = _ESCAPED.search(line)
    if found is None:
        return None
    said, mend = _guess(path)
    return f"byte 0x{ord(found[0]) - 0xDC00:02X} is not UTF-8; the file {said}", mend


def suspect(line: str) -> bool:
    """Whether `bad_bytes` has to look at a line."""
    return not line.isascii() or "\0" in line or "\x1b" in line


def _saved(name: str, encoding: str) -> str:
    return f"Save the file as UTF-8: {piped(name, f'iconv -f {encoding} -t UTF-8', 'utf8_')}"


def pasted(name: str) -> str:
    """A file's name as a shell takes it: quoted where it has blanks, quotes or other signs, and never an option."""
    return shlex.quote(f"./{name}" if name.startswith("-") else name)


def piped(name: str, command: str, prefix: str, between: str = " ") -> str:
    """A line for a shell that puts what `command` makes of a file, unpacked, beside it, `prefix` before its name.
    between: what stands between the command and the name, where it does not read files by name."""
    unpack = {".gz": "gzip -dc", ".zip": "unzip -p"}.get(Path(name).suffix.lower())
    read = f"{unpack} {pasted(name)} | {command}" if unpack else f"{command}{between}{pasted(name)}"
    return f"{read} > {shlex.quote(prefix + unpacked_name(name))}"


def _refuse_wide(name: str, head: bytes) -> None:
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            raise DataError(f"{name}, row 1: the file is {encoding}, not UTF-8", mend=_saved(name, encoding))
    if head.count(b"\x00") > len(head) / 4:
        little = head[1::2].count(b"\x00") >= head[::2].count(b"\x00")
        encoding = "UTF-16LE" if little else "UTF-16BE"
        message = f"{name}, row 1: NUL byte; the file looks like UTF-16 ({encoding})"
        raise DataError(message, mend=_saved(name, encoding))


def unpacked_name(name: str) -> str:
    """The name without `.gz` or `.zip`, in any case."""
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in (".gz", ".zip") else name


_WORDS = {"WINDOWS-1252": "Windows-1252", "ISO-8859-1": "Latin-1 (ISO 8859-1)", "WINDOWS-1251": "Windows-1251"}
_guesses: dict[Path, tuple[str, ...]] = {}


def _guess(path: Path) -> tuple[str, str]:
    """What encoding the file can have, and the mend, from the first megabyte with high bytes."""
    if path not in _guesses:
        with open_bytes(path) as file:
            sample = file.read(_SAMPLE)
            while sample.isascii() and (more := file.read(_SAMPLE)):
                sample = more
        _guesses[path] = code_pages(sample)
    names = _guesses[path]
    if len(names) == 1:
        return f"looks like {_WORDS.get(names[0], names[0])}", _saved(path.name, names[0])
    if not names:
        return "fits no common encoding", "Save it as UTF-8 where it was made"
    listed = [_WORDS.get(name, name) for name in names]
    see = piped(path.name, f"iconv -f {names[0]} -t UTF-8", "").rpartition(" > ")[0]
    mend = (
        "Save it as UTF-8 where it was made, or see with each which reads right (a wrong one gives wrong letters and "
        f"no error): {see} | head"
    )
    return f"can be {', '.join(listed[:-1])} or {listed[-1]}", mend
