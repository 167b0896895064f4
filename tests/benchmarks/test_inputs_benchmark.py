"""Reading and checking a corpus against plain json.loads, in time and memory; near duplicates timed apart.

VOLFID_ROWS sets the size: 50,000 rows of 1 kB here, 1,000,000 for the figures of docs/own-data.md. Printed with -s.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.benchmark
ROOT = Path(__file__).parents[2]
ROWS = int(os.environ.get("VOLFID_ROWS", "50000"))

# in a process of its own, so that its peak memory is that of the work alone
WORK = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from volfid.core.manifest import peak_memory_mb
from volfid.inputs.cleaning import refuse
from volfid.inputs.duplicates import repeated_texts, tied
from volfid.inputs.records import read_records
from volfid.inputs.settings import InputSettings

def timed(work):
    begun = time.process_time()
    made = work()
    return made, time.process_time() - begun

def plain():
    with open(path, encoding="utf-8") as file:
        for line in file:
            json.loads(line)

path = Path(sys.argv[1])
def check():
    records = read_records(path, {})
    refuse(records.rows, records.faults, InputSettings(), None, "", {})
    return repeated_texts(records.rows)
found = {"json": 1e9, "checked": 1e9}
for _ in range(1 if int(sys.argv[3]) > 200_000 else 3):  # by turns, the least of each: others may be at work here
    rows = None
    found["json"] = min(found["json"], timed(plain)[1])
    (rows, repeated, *_), seconds = timed(check)
    found["checked"] = min(found["checked"], seconds)
found["checked_gib"] = peak_memory_mb() / 1024
(_, pairs), found["near"] = timed(lambda: tied(rows))
found["gib"] = peak_memory_mb() / 1024
near = len({place for pair in pairs for place in pair[:2]})
print(json.dumps({**found, "rows": len(rows), "repeated": len(repeated), "near_duplicates": near}))
"""


def corpus(path, number):
    """Rows of about 1 kB with words by Zipf's law; one in 200 repeats the text before it, one in 200 nearly."""
    rng = np.random.default_rng(7)
    words = np.array([f"w{i:04x}" for i in range(30_000)])
    chance = np.cumsum(1 / np.arange(1, len(words) + 1))
    exact = near = 0
    last = "none"
    with open(path, "w", encoding="utf-8") as file:
        for row in range(number):
            if row % 10_000 == 0:
                drawn = np.searchsorted(chance, rng.random((10_000, 160)) * chance[-1])
            text = " ".join(words[drawn[row % 10_000]])
            kind = rng.integers(200) if row else 2
            if kind == 0:
                text, exact = last, exact + 1
            elif kind == 1:
                text, near = f"{last} changed at the end", near + 1
            last = text
            labels = sorted({f"L{label:02d}" for label in (rng.random(1 + row % 3) ** 2 * 64).astype(int)})
            file.write(json.dumps({"id": f"US{row:08d}", "text": text, "labels": labels}) + "\n")
    return exact, near


@pytest.mark.timeout(3600)
def test_checking_takes_four_times_json_loads_and_a_million_rows_fit_into_four_gigabytes(tmp_path):
    path = tmp_path / "rows.jsonl"
    exact, near = corpus(path, ROWS)
    done = subprocess.run(
        [sys.executable, "-c", WORK, path, ROOT / "bin", str(ROWS)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(
        f"\n{ROWS:,} rows, {path.stat().st_size / 1e6:,.0f} MB: json.loads {found['json']:.2f} s, checked with "
        f"repeated ids and texts {found['checked']:.2f} s (x{found['checked'] / found['json']:.1f}), "
        f"{found['checked_gib']:.2f} GiB, "
        f"near duplicates {found['near']:.1f} s; peak {found['gib']:.2f} GiB"
    )
    assert found["repeated"] == exact and found["rows"] == ROWS - exact
    assert near <= found["near_duplicates"] <= 2 * near
    # four times is for a million rows on a machine of their own; tenths of a second beside others are not that exact
    assert found["checked"] < (4 if ROWS >= 1_000_000 else 12) * found["json"], found
    # what does not grow with the rows (imports, tables) is allowed for once
    assert found["gib"] < 0.5 + 3.4 * ROWS / 1e6, found
