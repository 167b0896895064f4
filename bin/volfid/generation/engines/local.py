"""What engines that run a model by transformers share: its folder, its device, and too little memory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from volfid.core.exits import RetryError, UnavailableError
from volfid.generation.engines.base import EngineSettings, model_folder


class LocalModel:
    """`model` and `tokenizer` from the fetched folder of an entry, once loaded; nothing is fetched."""

    def __init__(self, settings: EngineSettings, model_dir: Path | None):
        self.settings, self.model_dir = settings, model_dir
        self.facts: dict[str, Any] = {}
        self.model: Any = None
        self.tokenizer: Any = None

    def load(self, kind: str) -> None:
        """Load tokenizer and model of an Auto class of transformers, on the accelerator when torch sees one.

        Raises UnavailableError (69) where transformers cannot be imported.
        """
        folder = model_folder(self.model_dir, self.settings.name)
        os.environ["HF_HUB_OFFLINE"] = "1"
        try:
            import torch
            import transformers
        except ImportError as error:
            raise UnavailableError(f"transformers cannot be imported: {error}", mend="Run `make setup`") from error
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = getattr(transformers, kind).from_pretrained(
            folder, dtype=getattr(torch, self.settings.dtype), use_safetensors=True, local_files_only=True
        )
        self.model = model.eval().to(device)
        self.facts = {"device": device}

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Work without gradients; RetryError (75) when the accelerator's memory runs out."""
        import torch

        try:
            with torch.inference_mode():
                yield
        except torch.OutOfMemoryError as error:
            raise RetryError("the accelerator ran out of memory", mend="A retry may find more free") from error

    def close(self) -> None:
        """Drop the model."""
        self.model = None
