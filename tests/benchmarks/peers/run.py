"""Time every row against its peers, check that the numbers agree, and write docs/performance.md.

Called by tools/bench.sh (`make bench`), in an environment that has the peers. Ours and the peer take turns, five
times each; the figures are medians of CPU seconds, on one thread.
"""

import contextlib
import io
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT / "bin"), str(Path(__file__).parent)]

import rows  # noqa: E402

PAGE = ROOT / "docs/performance.md"
REPEATS = 5
BUSY = 0.5
"""Load of the machine (waiting processes) from which the table says that it was shared."""
NAMES = {"pytrec_eval": "pytrec_eval-terrier", "matrix form (numpy)": "numpy"}
HEAD = """# Speed

Written by `make bench`: each metric against the package that a user would take instead, on the same data, in one run.
{how}

| task | here, CPU s | peer | peer, CPU s | measured | ahead | aimed at | the numbers |
|---|---|---|---|---|---|---|---|
"""
FOOT = """
`measured`: the part that the peer was given when the whole takes it over 20 s, and by what its time was multiplied.
Metrics here include their indexing, from tokens, label sets or vectors. The numbers are checked in the same run; one
that disagrees ends it. Stratified sampling is compared in [controls.md](controls.md#how-real-documents-are-drawn).
"""


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds and result; what a peer prints is swallowed."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        result = work()
        return time.process_time() - start, result


def measure(row: rows.Row, peer: rows.Peer) -> tuple[float, float, str]:
    """Median seconds here and of the peer (scaled), and how the numbers agree. One unmeasured turn goes first."""
    seconds(peer.run)
    mine, theirs = [], []
    for _ in range(REPEATS):
        taken, ours = seconds(row.ours)
        mine.append(taken)
        taken, found = seconds(peer.run)
        theirs.append(taken)
    return statistics.median(mine), statistics.median(theirs) * peer.scale, peer.agree(ours, found)


def line(row: rows.Row, peer: rows.Peer) -> str:
    """One line of the table."""
    ours, theirs, agreement = measure(row, peer)
    ratio = theirs / ours
    name = f"{peer.name} {installed(peer.name)}" + (f"; {peer.feed}" if peer.feed else "")
    aim = "–" if peer.target is None else f"{peer.target:g}×" + ("" if ratio >= peer.target else ", missed")
    cells = row.task, short(ours), name, short(theirs), peer.sample, f"{short(ratio)}×", aim, agreement
    return f"| {' | '.join(cells)} |"


def short(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def installed(name: str) -> str:
    """Version of a peer; that of Python for its own modules."""
    with contextlib.suppress(PackageNotFoundError):
        return version(NAMES.get(name, name))
    return f"of Python {platform.python_version()}"


def how() -> str:
    """What was measured, and on what."""
    described = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((text.partition(":")[2].strip() for text in described if "model name" in text), platform.processor())
    load = os.getloadavg()[0]
    shared = (
        f"The machine was shared: {load:.1f} processes waited or ran when it began, so repeat it on a quiet one."
        if load > BUSY
        else "Nothing else ran when it began."
    )
    return (
        f"Medians of {REPEATS} turns, one thread, CPU seconds ({model}, Python {platform.python_version()}). {shared}"
    )


def main() -> None:
    """Measure the rows named on the command line, or all; the page is written when all were measured."""
    names = sys.argv[1:]
    unknown = sorted(set(names) - set(rows.ROWS))
    if unknown:
        sys.exit(f"bench: no row {unknown[0]}; rows are {' '.join(rows.ROWS)}")
    page = HEAD.format(how=how())
    _, heading, rest = PAGE.read_text(encoding="utf-8").partition("\n## ")
    kept = heading + rest  # sections that others write
    for row in rows.chosen(names):
        for peer in row.peers:
            text = line(row, peer)
            print(text, flush=True)
            page += text + "\n"
        if not names and row.name != list(rows.ROWS)[-1]:  # a run that is stopped leaves what it has
            PAGE.write_text(f"{page}\nStopped after this row.\n{kept}", encoding="utf-8")
    if not names:
        PAGE.write_text(page + FOOT + kept, encoding="utf-8")
        print(f"bench: wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
