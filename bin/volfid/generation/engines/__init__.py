"""Text generators behind one interface (`base.Engine`): vllm, transformers, openai (served) and fake.

eda and nllb are given no prompt: they rewrite documents.
"""

from pathlib import Path

from volfid.core.exits import ConfigError
from volfid.generation.engines.base import Engine, EngineSettings

ENGINES = ("vllm", "transformers", "openai", "fake", "eda", "nllb")


def make_engine(settings: EngineSettings, model_dir: Path | None) -> Engine:
    """The engine that a model entry names, not started. Raises ConfigError for an unknown one."""
    if settings.engine == "vllm":
        from volfid.generation.engines.vllm import VllmEngine

        return VllmEngine(settings, model_dir)
    if settings.engine == "transformers":
        from volfid.generation.engines.transformers import TransformersEngine

        return TransformersEngine(settings, model_dir)
    if settings.engine == "openai":
        from volfid.generation.engines.openai import OpenAIEngine

        return OpenAIEngine(settings)
    if settings.engine == "fake":
        from volfid.generation.engines.fake import FakeEngine, read_faults

        return FakeEngine(settings, read_faults())
    if settings.engine == "eda":
        from volfid.generation.engines.eda import EdaEngine

        return EdaEngine(settings)
    if settings.engine == "nllb":
        from volfid.generation.engines.nllb import NllbEngine

        return NllbEngine(settings, model_dir)
    raise ConfigError(f"unknown engine {settings.engine!r}", mend=f"Engines: {', '.join(ENGINES)}")
