"""Draw the plan of the demo corpus: who is to write what. The texts are written to it afterwards.

    .venv/bin/python tools/demo_corpus_plan.py > assets/demo/plan.jsonl

Every row names a document, its labels, its split and the form its text is to take. Labels follow a power law
over 28 of the 64 labels of the taxonomy; which labels may meet is a list of plausible products, so that
co-occurrence can be learnt and a synthetic set that breaks it is noticed.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "bin"))
from volfid.core.files import canonical_json
from volfid.core.stratify import iterative_parts

DOCUMENTS = 640
SEED = 20_260_601
SPLITS = {"train": 384, "reference": 64, "test": 192}
CARDINALITY = (0.48, 0.31, 0.14, 0.05, 0.02)  # share of documents with 1, 2, 3, 4, 5 labels
EXPONENT = 0.5
# commonest first
LABELS = (
    "V12", "M07", "S04", "H09", "E04", "M04", "C02", "E02", "M10", "H01", "M02", "M09", "S05", "G01",
    "V03", "E03", "C01", "M11", "H06", "S03", "G06", "V01", "G02", "M03", "E06", "V11", "S07", "V06",
)  # fmt: skip
STRONG = (
    "V03 V06", "V01 V11", "V12 C02", "M02 E03", "M07 M09", "M03 M04", "H01 H09", "M10 M11", "C02 M11", "G01 G06",
    "E04 S04", "S05 S04", "G02 S03", "E06 E02", "S07 E06", "C01 M11", "C01 M03", "H06 H09", "V12 E03",
)  # fmt: skip
PLAUSIBLE = (
    "V12 V01", "V12 V03", "V12 H06", "V12 M02", "V12 G02", "V12 G06", "V12 C01", "V12 S04", "V12 E02", "V12 M10",
    "V01 C02", "V11 C02", "V03 C02", "V06 C01", "V06 C02", "H01 H06", "H01 C01", "H01 S04", "H09 S04", "H09 G02",
    "H09 G06", "H06 S04", "H06 E04", "H06 C01", "H06 E03", "M07 M03", "M07 S05", "M07 E04", "M07 C01", "M07 S04",
    "M07 M04", "M09 M03", "M09 C01", "M09 S04", "M09 M04", "M09 S05", "M04 S05", "M04 S04", "M04 C01", "M04 E04",
    "M04 C02", "M02 E04", "M02 S04", "M02 G02", "M02 V03", "M10 E03", "M10 E02", "M10 C02", "M10 C01", "M10 S07",
    "M10 S04", "M10 E06", "M11 E02", "M11 G06", "M11 S07", "C02 E02", "C02 C01", "C02 G06", "C01 G06", "C01 E02",
    "G01 G02", "G01 S03", "G01 E04", "G01 E02", "G01 S04", "G02 E04", "G02 E03", "G02 S04", "G02 E02", "G06 S04",
    "G06 S05", "G06 E04", "S03 S04", "S03 E02", "S03 E04", "S05 E04", "S05 S07", "S05 M03", "S07 S04", "S07 E04",
    "E06 E04", "E06 M07", "E06 S04", "E02 E04", "E02 E03", "E03 E04", "E03 G06", "E03 S04", "V03 S04", "H01 G06",
)  # fmt: skip
FORMS = (
    ("a method, told by its steps", 0.25), ("an apparatus and how its parts are connected", 0.19),
    ("a problem of known products, then the solution", 0.14), ("one long sentence, as a claim is written", 0.12),
    ("two or three embodiments", 0.12), ("materials, mechanics or manufacture", 0.09),
    ("a circuit, signal chain or software", 0.09),
)  # fmt: skip
MENTIONS = (0.55, 0.3, 0.15)  # share of documents that mention 0, 1 or 2 labels which they do not carry
NAMED = 0.22  # share of documents that may use the names of their labels
SPOKEN, SPOKEN_LEAST = 0.14, 4  # share, and least number, of a label's documents drawn afterwards to name it
SPOKEN_SEED = 20_260_602
READ = Path(__file__).parents[1] / "assets/demo/second_reading.json"
NUMERALS = 0.05
SHORT = 0.1


def companions() -> np.ndarray:
    """(L, L) float64: weight of two labels in one document; 0 where they never meet."""
    weight = np.zeros((len(LABELS), len(LABELS)))
    for pairs, value in ((PLAUSIBLE, 1.0), (STRONG, 16.0)):
        for pair in pairs:
            first, second = (LABELS.index(label) for label in pair.split())
            weight[first, second] = weight[second, first] = value
    return weight


def label_sets(random: np.random.Generator) -> list[list[int]]:
    """Label sets whose marginals come near the power law: each label is drawn by what it still lacks."""
    weight = companions()
    counts = np.repeat(np.arange(1, 6), np.round(np.array(CARDINALITY) * DOCUMENTS).astype(int))[:DOCUMENTS]
    share = np.arange(1, len(LABELS) + 1) ** -EXPONENT
    want = share / share.sum() * counts.sum()
    left = want.copy()
    sets = []
    for size in sorted(random.permutation(counts), reverse=True):  # large sets first, while all labels are left
        chosen: list[int] = []
        while len(chosen) < size:
            near = weight[chosen].sum(axis=0) if chosen else np.ones(len(LABELS))
            near[chosen] = 0
            law = near * np.maximum(left, 0.02 * want)
            chosen.append(int(random.choice(len(LABELS), p=law / law.sum())))
            left[chosen[-1]] -= 1
        sets.append(chosen)
    random.shuffle(sets)
    return sets


def words(random: np.random.Generator) -> int:
    if random.random() < SHORT:
        return int(random.integers(27, 50))
    return int(np.clip(random.normal(114, 27), 62, 185))


def plan() -> list[dict[str, Any]]:
    """One row a document: id, labels (main first), split, form, words, mentions, named, numerals, spelling, names."""
    random = np.random.default_rng(SEED)
    sets = label_sets(random)
    membership = np.zeros((DOCUMENTS, len(LABELS)), dtype=bool)
    for row, chosen in enumerate(sets):
        membership[row, chosen] = True
    sizes = np.array(list(SPLITS.values()))
    targets = np.outer(sizes / DOCUMENTS, membership.sum(axis=0))
    splits = iterative_parts(membership, np.ones(DOCUMENTS), sizes, targets, random)
    forms, shares = zip(*FORMS, strict=True)
    near = companions()
    rows = []
    for row, chosen in enumerate(sets):
        kin = near[chosen].max(axis=0)
        kin[chosen] = 0
        law = kin + 0.3 * (kin == 0)  # mostly neighbours: they are the ones a reader could confuse
        law[chosen] = 0
        others = random.choice(len(LABELS), size=random.choice(3, p=MENTIONS), replace=False, p=law / law.sum())
        rows.append({
            "id": f"demo-{row + 1:04d}", "labels": [LABELS[label] for label in chosen],
            "split": list(SPLITS)[splits[row]], "form": str(random.choice(forms, p=shares)), "words": words(random),
            "mentions": [LABELS[label] for label in others], "named": bool(random.random() < NAMED),
            "numerals": bool(random.random() < NUMERALS),
            "spelling": "British" if random.random() < 0.5 else "American",
        })  # fmt: skip
    spoken = spoken_names(rows)
    return [{**row, "names": spoken.get(row["id"], [])} for row in rows]


def spoken_names(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The label that a document says by name, by document: drawn for each label among its documents that were to
    do without names. Documents that a reader has judged stay as they were read."""
    read = json.loads(READ.read_text(encoding="utf-8"))["answers"]
    random = np.random.default_rng(SPOKEN_SEED)
    drawn: dict[str, list[str]] = {}
    count = {label: sum(label in row["labels"] for row in rows) for label in sorted(LABELS)}
    for label, documents in count.items():
        free = [row["id"] for row in rows if label in row["labels"] and not row["named"] and row["id"] not in read]
        for name in random.choice(free, max(SPOKEN_LEAST, round(SPOKEN * documents)), replace=False):
            drawn.setdefault(str(name), []).append(label)
    return {name: [min(labels, key=count.__getitem__)] for name, labels in drawn.items()}  # the rarest: one a document


if __name__ == "__main__":
    print("\n".join(canonical_json(row) for row in plan()))
