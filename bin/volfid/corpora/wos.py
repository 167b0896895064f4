"""WOS_JT, WOS_CT and WOS_JTF: Web of Science abstracts with hierarchical labels (du Toit and Dunaiski, 2024)."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from volfid.core.exits import DataError, ParameterError
from volfid.corpora.cpc_rules import Taxonomy
from volfid.corpora.documents import Doc, Label, Options, Tally, clean
from volfid.corpora.files import json_rows
from volfid.corpora.plain_pickle import read_plain

OPTIONS = {"level": "all (labels as they stand; default) or top (those of depth 0, by depth2label.pt)"}
SPLITS = {"train": "train", "dev": "reference", "val": "reference", "validation": "reference", "test": "test"}


def load(
    sources: Sequence[Path], texts: Sequence[Path], options: Options, taxonomy: Taxonomy | None, tally: Tally
) -> Iterator[Doc]:
    """Documents of the JSON lines {token: text, label: [class, ...]}, one file a split, in the order of the lines.

    value_dict.pt among the sources names the classes; depth2label.pt gives their depth.
    """
    files = {split_of(path): path for path in sources if ".json" in path.name}
    if not files:
        raise ParameterError(
            "wos_ct: no JSON file among the sources", mend="Give *_train.json, *_dev.json, *_test.json"
        )
    if len(files) < sum(".json" in path.name for path in sources):
        raise ParameterError("wos_ct: two files of one split", mend="Convert one variant (CT, JT or JTF) at a time")
    names = _names(sources)
    top = _top(sources) if options.choice("level", "all", "top") == "top" else None
    if not names:
        tally.notes.append("the classes have no names: value_dict.pt is not among the sources")
    for split, path in sorted(files.items()):
        stem = re.sub(r"[^a-z0-9]+", "_", path.name.split(".")[0].lower())
        for number, row in json_rows(path, tally.faults):
            where = f"{path.name}, row {number}"
            with tally.faults.row():
                labels = [label for label in _labels(row, where) if top is None or label in top]
                for label in labels:
                    tally.labels.setdefault(label, Label(names.get(label)))
                yield Doc(f"{stem}_{number:06d}", _text(row, where), tuple(labels), split=split)


def split_of(path: Path) -> str:
    """The side of the split that a file's name says: train, reference (dev, val) or test."""
    words = re.split(r"[^a-z]+", path.name.lower())
    found = {SPLITS[word] for word in words if word in SPLITS}
    if len(found) != 1:
        raise ParameterError(f"{path.name}: its name does not say which split it is", mend="Name it *_train.json ...")
    return found.pop()


def _text(row: dict[str, Any], where: str) -> str:
    value = row.get("token")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = " ".join(value)
    if not isinstance(value, str):
        raise DataError(f"{where}, field 'token': expected text, found {type(value).__name__}")
    return clean(value)


def _labels(row: dict[str, Any], where: str) -> list[str]:
    value = row.get("label")
    if not isinstance(value, list) or any(isinstance(v, bool) or not isinstance(v, int | str) for v in value):
        raise DataError(f"{where}, field 'label': expected a list of classes, found {str(value)[:60]!r}")
    return sorted({str(item) for item in value})


def _find(sources: Sequence[Path], name: str) -> Path | None:
    return next((path for path in sources if path.name == name), None)


def _names(sources: Sequence[Path]) -> dict[str, str]:
    """Name by class, from value_dict.pt: {class: name}. Names that are the classes themselves count as none."""
    path = _find(sources, "value_dict.pt")
    if path is None:
        return {}
    value = read_plain(path)
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
        raise DataError(f"{path.name}: expected names by class, found {str(value)[:60]!r}")
    return {str(key): clean(name) for key, name in value.items()}


def _top(sources: Sequence[Path]) -> set[str]:
    path = _find(sources, "depth2label.pt")
    if path is None:
        raise ParameterError("level=top needs depth2label.pt among the sources")
    value = read_plain(path)
    top = value.get(0) if isinstance(value, dict) else None
    if not isinstance(top, list | set | tuple) or not top:
        raise DataError(f"{path.name}: no classes of depth 0, found {str(value)[:60]!r}")
    return {str(item) for item in top}
