"""Pickled weights of a hub's repository as safetensors: tensors are read from them, and nothing is run."""

import shutil
from pathlib import Path

from volfid.core.exits import DataError


def to_safetensors(folder: Path, file: str, name: str) -> dict[str, str]:
    """Replace the pickled weights `folder/file` by model.safetensors (several files above 50 GB), and name what did it.

    torch's reader for weights alone takes tensors and plain containers and refuses all else (65). The class that
    config.json names arranges them, so that weights it shares between layers are kept once.
    """
    import torch
    import transformers

    path, kept = folder / file, folder / "safetensors"
    if not path.is_file():
        raise DataError(f"{name}: no {file} in the repository at that commit", mend="Take `pickled` out of its source")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # its kinds differ between torch's versions
        said = str(error).strip().splitlines()
        raise DataError(
            f"{name}: {file} cannot be read as weights alone: {said[0] if said else type(error).__name__}",
            mend="It is damaged, or would run code when it is loaded: use a model in safetensors",
        ) from None
    if not isinstance(state, dict):
        raise DataError(f"{name}: {file} holds a {type(state).__name__}, not weights by name")
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    kind = getattr(transformers, (config.architectures or [""])[0], None)
    if kind is None:
        raise DataError(f"{name}: config.json names no class of transformers: {config.architectures}")
    transformers.utils.logging.disable_progress_bar()
    model, report = kind.from_pretrained(None, config=config, state_dict=state, dtype="auto", output_loading_info=True)
    if report["missing_keys"]:
        raise DataError(
            f"{name}: {file} lacks weights of {kind.__name__}: {', '.join(sorted(report['missing_keys'])[:3])}"
        )
    model.save_pretrained(kept)
    for made in kept.glob("*.safetensors*"):
        made.rename(folder / made.name)
    shutil.rmtree(kept)
    path.unlink()
    return {"torch": torch.__version__, "transformers": transformers.__version__, "converted_from": file}
