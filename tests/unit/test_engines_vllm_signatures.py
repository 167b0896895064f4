"""Every name that the vLLM engine uses exists in the installed version and in those of the images; no GPU is needed."""

import ast
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from volfid.generation.engines import vllm as engine
from volfid.generation.engines.base import engine_settings

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from vllm_signatures import signatures  # noqa: E402

ENTRY = {"name": "m", "engine": "vllm", "dtype": "bfloat16", "max_model_len": 4096}
GOLDEN = sorted(ROOT.glob("tests/golden/vllm_*_signatures.json"))
SOURCE = Path(engine.__file__)
# names in the engine's function _output: what of vLLM they are
OBJECTS = {"answer": "RequestOutput", "made": "CompletionOutput"}


def golden(version: str) -> dict:
    return json.loads((ROOT / f"tests/golden/vllm_{version}_signatures.json").read_text(encoding="utf-8"))


def installed() -> dict:
    spec = importlib.util.find_spec("vllm")
    if spec is None:
        pytest.skip("vllm is not installed")
    return signatures(Path(spec.origin).parent)


def used(source: str) -> dict[str, set[str]]:
    """What the engine's source calls and gives: signature to keywords (and, for outputs, attributes)."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.startswith("self.llm."):
                called = f"LLM.{called.removeprefix('self.llm.')}"
            if called in ("LLM", "SamplingParams") or called.startswith("LLM."):
                found.setdefault(called, set()).update(word.arg for word in node.keywords if word.arg)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith(".outputs[0]"):
            found.setdefault("CompletionOutput", set()).add(node.attr)
        if isinstance(node, ast.FunctionDef) and node.name == "_output":
            for one in ast.walk(node):
                if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id in OBJECTS:
                    found.setdefault(OBJECTS[one.value.id], set()).add(one.attr)
    return found


def wrong_names(source: str, known: dict) -> list[str]:
    """Names that this version of vLLM does not know."""
    wrong = []
    for called, names in used(source).items():
        if called not in known:
            wrong.append(called)
            continue
        allowed = set(known[called]) | (set(known["EngineArgs"]) if called == "LLM" else set())
        wrong += [f"{called}({name})" for name in sorted(names - allowed)]
    return wrong


def versions() -> list[str]:
    return [path.name.split("_")[1] for path in GOLDEN]


def test_the_goldens_cover_the_versions_of_the_images():
    assert {"0.29.0", "0.31.0"} <= set(versions())
    assert all(golden(version)["version"] == version for version in versions())
    images = [path for path in (ROOT / "containers").glob("gpu/Dockerfile*")]
    named = {word.split(":v")[1].split("@")[0].split("-")[0] for path in images for word in path.read_text().split()
             if "vllm-openai:v" in word}  # fmt: skip
    assert named <= set(versions()), "make a golden with tools/vllm_signatures.py"


@pytest.mark.parametrize("version", [*versions(), "installed"])
def test_every_keyword_and_variable_of_the_engine_is_known(version, monkeypatch):
    known = installed() if version == "installed" else golden(version)
    assert wrong_names(SOURCE.read_text(encoding="utf-8"), known) == []
    made = engine.VllmEngine(engine_settings(ENTRY, 64), None)
    assert set(made._arguments()) <= set(known["LLM"]) | set(known["EngineArgs"])
    for cpu in (True, False):
        monkeypatch.setattr(engine, "is_cpu_build", lambda cpu=cpu: cpu)
        variables = {name for name in made._environment() if name.startswith("VLLM_")}
        assert variables <= set(known["environment"]) and len(variables) >= 4
    assert {"prompt_token_ids"} <= set(known["TokensPrompt"]) and "logprob" in known["Logprob"]
    assert known["LLMEngine.step"] == []  # the watchdog's beat stands around it


def test_the_check_sees_what_the_engine_uses_and_finds_a_wrong_name():
    text = SOURCE.read_text(encoding="utf-8")
    found = used(text)
    assert {"LLM", "SamplingParams", "LLM.generate", "LLM.reset_prefix_cache", "LLM.get_tokenizer"} <= set(found)
    assert {"seed", "logprob_token_ids", "include_stop_str_in_output"} <= found["SamplingParams"]
    assert found["CompletionOutput"] == {"finish_reason", "text", "token_ids", "logprobs"}
    assert {"prompt_token_ids", "outputs"} <= found["RequestOutput"] and "use_tqdm" in found["LLM.generate"]
    known = golden("0.29.0")
    for right, broken, name in (
        ("min_tokens=0", "least_tokens=0", "SamplingParams(least_tokens)"),
        ("use_tqdm=False", "progress=False", "LLM.generate(progress)"),
        ("self.llm.reset_prefix_cache()", "self.llm.forget_prefixes()", "LLM.forget_prefixes"),
        ("made.finish_reason", "made.reason", "CompletionOutput(reason)"),
        ("LLM(model=", "LLM(weights=", "LLM(weights)"),
    ):
        assert right in text and name in wrong_names(text.replace(right, broken), known)
