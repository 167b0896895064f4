"""Smaller copies of the designs, for runs that need not have everything."""

from pathlib import Path
from typing import Any

import yaml

from helpers.nextflow import ROOT


def smaller(name: str, path: Path, blocks: list[str] | None = None, **changes: dict[str, Any]) -> str:
    """Write params/design/`name`.yaml to `path`, on the TF-IDF encoder, with some keys of its mappings changed.

    blocks: names of those to keep; their arms alone are kept, too. Returns the path as text.
    """
    design = yaml.safe_load((ROOT / f"params/design/{name}.yaml").read_text())
    design["encoder"] = "tfidf_svd"
    for key, value in changes.items():
        design[key] = {**design[key], **value}
    if blocks is not None:
        design["blocks"] = [block for block in design["blocks"] if block["name"] in blocks]
        assert len(design["blocks"]) == len(blocks)
        used = {arm for block in design["blocks"] for arm in block["arms"]}
        design["arms"] = {arm: factors for arm, factors in design["arms"].items() if arm in used}
    path.write_text(yaml.safe_dump(design))
    return str(path)
