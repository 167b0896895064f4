"""What sides of a split are called, in a column or in the name of a file."""

import re

SPLITS = {
    "train": "train", "training": "train", "test": "test", "testing": "test",
    **dict.fromkeys(("validation", "valid", "val", "dev", "development", "eval", "evaluation", "reference"),
                    "reference"),
}  # fmt: skip


def split_of(name: str) -> str | None:
    """The side that a file's name says, as `train-00000-of-00002.parquet` or `news_dev.csv` do; None when it says
    none or two."""
    found = {SPLITS[word] for word in re.split(r"[^a-z]+", name.lower()) if word in SPLITS}
    return found.pop() if len(found) == 1 else None
