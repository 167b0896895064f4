"""A small corpus and job for the tests of generation."""

from pathlib import Path

from volfid.generation.requests import Corpus

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = ROOT / "params/prompts"
NAMES = ("Walking aid", "Hearing aid", "Reading aid", "Smart home control", "Voice input")
SEED = 7


def label_rows() -> list[dict]:
    return [
        {
            "label": f"L{i}", "name": name, "definition": f"Thing number {i} that helps a person every day.",
            "count": 9, "count_train": 9,
        }
        for i, name in enumerate(NAMES)
    ]  # fmt: skip


def document_rows(count: int = 24) -> list[dict]:
    rows = []
    for i in range(count):
        labels = sorted({f"L{i % 5}", f"L{(i * i) % 5}"})
        text = f"A frame of kind {i} is bolted to a rail. It has {i + 2} wheels, and lever {i} locks them on a slope."
        split = "test" if i >= 20 else "train"
        row = {"doc_id": f"d{i:02d}", "text": text, "labels": labels, "split": split, "group": f"g{i}", "text_sha": "0"}
        rows.append(row)
    return rows


def regime_rows(size: int = 12) -> list[dict]:
    return [{
        "regime_id": f"n{size:05d}__d00", "size": size, "draw": 0, "doc_ids": [f"d{i:02d}" for i in range(size)],
        "folds": [0] * size, "label_counts": [1] * 5, "labels_missing": 0,
    }]  # fmt: skip


def corpus() -> Corpus:
    return Corpus(document_rows(), label_rows(), regime_rows())


def pool(method: str = "full_synthesis", requests: int = 20, plan: str = "paired", generator: str = "fake") -> dict:
    return {
        "pool_id": f"{generator}__{method}__{plan}__n00012__d00__r0", "generator": generator, "method": method,
        "label_plan": plan, "pool_size": 12, "draw": 0, "round": 0, "requests": requests,
    }  # fmt: skip


def settings(chunk: int = 8, **engine) -> dict:
    entry = {"name": "fake", "engine": "fake", "dtype": "float32", "max_model_len": 1024, "chat": {"system": None}}
    return {
        "engine": entry | engine, "chunk": chunk, "attempts": 4, "words": [20, 50],
        "sampling": {
            "full_synthesis": {"temperature": 0.8, "top_p": 1.0, "max_tokens": 100},
            "paraphrase": {"temperature": 0.7, "top_p": 1.0, "max_tokens": 100, "shown_words": 40},
        },
    }  # fmt: skip


def job(*pools: dict, chunk: int = 8, **engine) -> dict:
    return {
        "job_id": "generation__fake", "stage": "generation", "label": "gpu_generate", "model": "fake", "code": "c",
        "master_seed": SEED, "settings": settings(chunk, **engine), "items": list(pools) or [pool()],
    }  # fmt: skip
