"""Derive from real patents how hard the demo corpus may be to learn, with as many labels and documents as it has.

    .venv/bin/python tools/demo_corpus_bounds.py PATENTS.jsonl.gz > assets/demo/bounds.json

The specification sets bounds for 64 labels. What the patents measure with all their 64 labels gives the room that
each bound leaves; the same room is then given around what they measure with 28 labels: each of 12 seeded subsets takes
28 labels at random, keeps the documents that carry one of them (with these labels alone), and draws 384 documents for
training and 192 to test. A bound is their least, or their greatest, and the room.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from corpus_measures import best_constant, keyword_rule, learnt

SUBSETS, LABELS, TRAIN, TEST = 12, 28, 384, 192
SMALL = 165
# accepted with 64 labels, training on 165 and on 480 documents; None: no bound on this side
SPECIFIED: dict[str, tuple[float | None, float | None]] = {
    "tuned_small": (0.28, 0.45), "tuned_large": (None, 0.65), "fixed_small": (None, 0.15), "constant": (0.12, 0.2),
    "keyword": (None, 0.45),
}  # fmt: skip
LARGE = 480
# against something of the same corpus, so that they hold for any number of labels
RELATIVE = {"shuffled_minus_constant": (-0.03, 0.03), "rise": (0.03, None)}


def measure(
    texts: list[str], train: np.ndarray, test_texts: list[str], test: np.ndarray, seed: int
) -> dict[str, float]:
    """All measures that depend on the number of labels; `train` rows are in random order."""
    random = np.random.default_rng(seed)
    few = [learnt(texts[i : i + SMALL], train[i : i + SMALL], test_texts, test) for i in (0, len(texts) - SMALL)]
    whole = learnt(texts, train, test_texts, test)
    constant = best_constant(train, test)
    shuffled = learnt(texts, random.permutation(train), test_texts, test)
    small = float(np.mean([row["tuned"] for row in few]))
    return {
        "tuned_small": small, "tuned_large": whole["tuned"],
        "fixed_small": float(np.mean([row["fixed"] for row in few])),
        "constant": constant, "keyword": keyword_rule(texts, train, test_texts, test),
        "shuffled_minus_constant": shuffled["tuned"] - constant, "rise": whole["tuned"] - small,
    }  # fmt: skip


def subset(rows: list[dict[str, Any]], seed: int, labels: int, train: int) -> dict[str, float]:
    """The measures on random documents of the patents, with a random choice of their labels."""
    random = np.random.default_rng(seed)
    every = sorted({label for row in rows for label in row["labels"]})
    chosen = sorted(random.choice(every, labels, replace=False))
    holding = [row for row in rows if set(row["labels"]) & set(chosen)]
    drawn = [holding[i] for i in random.permutation(len(holding))[: train + TEST]]
    if len(drawn) < train + TEST:
        raise SystemExit(f"subset {seed}: {len(drawn)} documents carry one of its labels; {train + TEST} are needed")
    texts = [row["text"] for row in drawn]
    matrix = np.array([[label in row["labels"] for label in chosen] for row in drawn])
    return measure(texts[:train], matrix[:train], texts[train:], matrix[train:], seed)


def main(path: str) -> None:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    few = [subset(rows, seed, LABELS, TRAIN) for seed in range(SUBSETS)]
    all_labels = [subset(rows, seed, 64, LARGE) for seed in range(3)]
    bounds: dict[str, Any] = {}
    for name, (low, high) in SPECIFIED.items():
        values = [row[name] for row in few]
        there = float(np.mean([row[name] for row in all_labels]))
        bounds[name] = {
            "with_64_labels": round(there, 3), "specified_for_64": [low, high],
            "least": round(min(values), 3), "median": round(float(np.median(values)), 3),
            "greatest": round(max(values), 3),
            "accept": [
                None if low is None else round(min(values) + min(0.0, low - there), 3),
                None if high is None else round(max(values) + max(0.0, high - there), 3),
            ],
        }  # fmt: skip
    for name, accept in RELATIVE.items():
        values = [row[name] for row in few]
        bounds[name] = {"least": round(min(values), 3), "greatest": round(max(values), 3), "accept": list(accept)}
    about = {"source": Path(path).name, "subsets": SUBSETS, "labels": LABELS, "train": TRAIN, "test": TEST}
    print(json.dumps({"about": about, "bounds": bounds}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
