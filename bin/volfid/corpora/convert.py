"""From files of a known source to plain documents, a label file and a card that says where they came from."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from volfid.core.exits import DataError, InputMissingError, ParameterError
from volfid.core.files import sha256_file
from volfid.core.log import log
from volfid.core.schemas import CONTRACTS
from volfid.corpora.cpc_rules import Taxonomy
from volfid.corpora.documents import Options, Tally, write_documents, write_labels
from volfid.corpora.files import TABLES, files_in
from volfid.corpora.recipes import Recipe

LOADERS = {
    "table": "table", "wipo_workbook": "wipo", "hupd": "hupd", "uspto_xml": "uspto_xml", "patentsview": "patentsview",
    "wos_ct": "wos", "bigquery": "bigquery",
}  # fmt: skip


READ_FOLDERS = ("hupd",)  # every other loader is given the files of a folder
READ_TABLES = ("table", "wipo_workbook", "bigquery")


def loader(name: str) -> tuple[Callable[..., Any], Mapping[str, str]]:
    """The function of a loader and its options with what they mean. ParameterError for an unknown name."""
    if name not in LOADERS:
        raise ParameterError(f"there is no loader {name!r}", mend=f"Use one of {', '.join(LOADERS)}")
    module = importlib.import_module(f"volfid.corpora.{LOADERS[name]}")
    return module.load, module.OPTIONS


def convert(
    name: str, loader_name: str, sources: Sequence[Path], texts: Sequence[Path], given: Mapping[str, Any],
    taxonomy: Taxonomy | None, out_dir: Path, source: Mapping[str, Any], recipe: Recipe | None = None,
) -> tuple[dict[str, Any], list[Path]]:  # fmt: skip
    """Write NAME.jsonl, labels.json and source.json; returns the card and the paths written.

    source: what is known of the origin. recipe: its `documents` and `id_sha256`, where known, are what the result
    must have; DataError (65) when it has others, after the files are written, so that they can be looked at. No
    label file is written for rows that are handed on as they are.
    """
    load, known = loader(loader_name)
    options, tally = Options(loader_name, given, known), Tally(work=out_dir)
    missing = [path for path in (*sources, *texts) if not path.exists()]
    if missing:
        raise InputMissingError(f"source {missing[0]} does not exist", mend="Check the path")
    formats = TABLES if loader_name in READ_TABLES else ()
    if loader_name not in READ_FOLDERS:
        sources = [item for path in sources for item in files_in(path, formats, tally.notes)]
    texts = [item for path in texts for item in files_in(path, TABLES, tally.notes)]
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / f"{name}.jsonl"
    made = write_documents(path, load(sources, texts, options, taxonomy, tally), options.share(), tally)
    written = [path]
    if not tally.loose:
        write_labels(out_dir / "labels.json", made["labels"], tally)
        written.append(out_dir / "labels.json")
    published = recipe.published_documents if recipe else None
    if published not in (None, made["documents"]):
        tally.notes.append(f"{made['documents']} documents, the publication names {published}")
    card = {
        "name": name, "loader": loader_name, "source": dict(source), "options": dict(options.given),
        "files": [{"name": item.name, "sha256": sha256_file(item), "bytes": item.stat().st_size}
                  for given_path in (*sources, *texts) for item in _files(given_path)],
        "documents": made["documents"], "labels": None if tally.loose else len(made["labels"]),
        "cardinality": None if tally.loose else made["pairs"] / made["documents"],
        "dropped": {reason: count for reason, count in tally.dropped.items() if count},
        "id_sha256": made["id_sha256"], "content_sha256": made["content_sha256"], "notes": tally.notes,
    }  # fmt: skip
    written.append(CONTRACTS["source"].write(out_dir, card))
    for note in tally.notes:
        log(f"{name}: {note}")
    log(f"{name}: {card['documents']} documents, ids {card['id_sha256']}, content {card['content_sha256']}")
    for key in ("documents", "id_sha256"):
        wanted = getattr(recipe, key, None)
        if wanted is not None and card[key] != wanted:
            raise DataError(
                f"{name}: {key} is {card[key]}, the recipe expects {wanted}",
                mend="The source has changed, or the options are not those of the recipe; source.json has the counts. "
                f"A copy of the recipe with {key}: null takes what is there",
            )
    return card, written


def convert_settings(
    pairs: Sequence[str], recipe: Recipe | None, recipe_file: Path | None, taxonomy: Path | None
) -> tuple[dict[str, str], Path | None]:
    """Options from KEY=VALUE, above those of the recipe; and the taxonomy given, or that beside the recipe."""
    options = {str(key): str(value) for key, value in (recipe.options if recipe else {}).items()}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ParameterError(f"--option {pair}: expected KEY=VALUE")
        options[key] = value
    if taxonomy is None and recipe and recipe.taxonomy and recipe_file:
        taxonomy = recipe_file.parent / recipe.taxonomy
    return options, taxonomy


def _files(path: Path) -> list[Path]:
    return sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
