#!/usr/bin/env python3
"""What a version of vLLM can be told, by name: read from its source with ast, so that neither vLLM nor a GPU is needed.

    tools/vllm_signatures.py FOLDER VERSION > tests/golden/vllm_VERSION_signatures.json

FOLDER is the package (the folder `vllm` of an installed or unpacked wheel). Names only, no code.
"""

import ast
import json
import sys
from pathlib import Path

# what is read: (name in the result, file, class, method or None for the fields of the class)
WANTED = (
    ("LLM", "entrypoints/llm.py", "LLM", "__init__"),
    ("LLM.generate", "entrypoints/llm.py", "LLM", "generate"),
    ("LLM.chat", "entrypoints/llm.py", "LLM", "chat"),
    ("LLM.reset_prefix_cache", "entrypoints/llm.py", "LLM", "reset_prefix_cache"),
    ("LLM.get_tokenizer", "entrypoints/llm.py", "LLM", "get_tokenizer"),
    ("EngineArgs", "engine/arg_utils.py", "EngineArgs", None),
    ("SamplingParams", "sampling_params.py", "SamplingParams", None),
    ("TokensPrompt", "inputs/llm.py", "TokensPrompt", None),
    ("RequestOutput", "outputs.py", "RequestOutput", "__init__"),
    ("CompletionOutput", "outputs.py", "CompletionOutput", None),
    ("Logprob", "logprobs.py", "Logprob", None),
    ("LLMEngine.step", "v1/engine/llm_engine.py", "LLMEngine", "step"),
)
ENVIRONMENT = "envs.py"


def signatures(folder: Path) -> dict[str, list[str]]:
    """Names by what takes them, each list sorted; a missing file or class raises, it is never left out."""
    found = {name: sorted(_names(folder / file, owner, method)) for name, file, owner, method in WANTED}
    return found | {"environment": sorted(_variables(folder / ENVIRONMENT))}


def _names(path: Path, owner: str, method: str | None) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == owner).body
    if method is None:
        fields = (node.target for node in body if isinstance(node, ast.AnnAssign))
        return {target.id for target in fields if isinstance(target, ast.Name) and not target.id.startswith("_")}
    function = next(node for node in body if isinstance(node, ast.FunctionDef) and node.name == method)
    given = function.args
    return {one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)} - {"self"}


def _variables(path: Path) -> set[str]:
    """Names of the environment variables that vLLM reads: keys of the table in envs.py."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    keys = (key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys)
    texts = (key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))
    return {text for text in texts if text.startswith("VLLM_")}


if __name__ == "__main__":
    package, version = Path(sys.argv[1]), sys.argv[2]
    lines = [f" {json.dumps(name)}: {json.dumps(names)}" for name, names in sorted(signatures(package).items())]
    print("{\n" + ",\n".join([f' "version": {json.dumps(version)}', *lines]) + "\n}")
