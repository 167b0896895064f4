"""Messages and progress on stderr; one plain line each, so that log files stay readable."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

EVERY_S = "VOLFID_PROGRESS_S"  # variable: seconds between two lines
NOTICE = Path(".progress")  # in the task's folder, where somebody reads it: the last line of progress


def log(message: str) -> None:
    """Print one line to stderr."""
    print(message, file=sys.stderr, flush=True)


def tell(warnings: Iterable[str]) -> None:
    """Print warnings, a line each."""
    for warning in warnings:
        log(f"warning: {warning}")


class Inner:
    """How far the item under way has come, in pieces of its own (updates, answers); any thread may add."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.begin(0, "")

    def begin(self, total: int, unit: str) -> None:
        """A new item, of `total` pieces (0: none are known)."""
        self.done, self.total, self.unit = 0, total, unit

    def add(self, count: int = 1) -> None:
        """Count finished pieces."""
        with self.lock:
            self.done += count

    @property
    def share(self) -> float:
        """Finished share of the item, in [0, 1]."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    def __str__(self) -> str:
        return f", {min(self.done, self.total)}/{self.total} {self.unit} of the next" if self.total else ""


inner = Inner()


class Heartbeat:
    """Prints `line()` when it is shown, and every `every_s` seconds in between, from a thread, while it is entered."""

    def __init__(self, line: Callable[[], str], every_s: float | None = None):
        self.line = line
        self.every_s = float(os.environ.get(EVERY_S) or 10) if every_s is None else every_s
        self.printed = time.monotonic()
        self.over = threading.Event()
        self.thread: threading.Thread | None = None

    def show(self) -> None:
        """Print the line now."""
        self.printed = time.monotonic()
        log(self.notice())

    def notice(self) -> str:
        """The line, also written to the task's notice."""
        text = self.line()
        if NOTICE.is_file():
            with suppress(OSError):  # a full disk must not end the work for the sake of its notice
                NOTICE.write_text(text + "\n", encoding="utf-8")
        return text

    def is_due(self) -> bool:
        """Whether nothing was printed for `every_s` seconds."""
        return time.monotonic() - self.printed >= self.every_s

    def _beat(self) -> None:
        # the notice is renewed in between, so that whoever reads it as often as lines come finds another one each time
        while not self.over.wait(max(0.01, self.every_s / 4)):
            if time.monotonic() - self.printed >= 0.7 * self.every_s:
                self.show()
            else:
                self.notice()

    def __enter__(self) -> "Heartbeat":
        self.over.clear()
        self.thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.over.set()
        if self.thread is not None:
            self.thread.join()


class Progress:
    """Lines `what: done/total, rate, time left`: one every `every_s` seconds while it is entered, whatever else ends.

    quiet: no line at the end of work that took less.
    """

    def __init__(self, what: str, total: int, unit: str = "items", every_s: float | None = None, quiet: bool = False):
        self.what, self.total, self.unit, self.quiet = what, total, unit, quiet
        self.done = 0
        self.skipped = 0
        self.started = time.monotonic()
        self.heartbeat = Heartbeat(self.line, every_s)

    def skip(self, count: int = 1) -> None:
        """Count work that was found finished; it does not enter the rate."""
        self.done += count
        self.skipped += count

    def advance(self, count: int = 1) -> None:
        """Count finished work and print when it is time, or at the end."""
        self.done += count
        inner.begin(0, "")
        if self.heartbeat.is_due() or (self.done >= self.total and not self.quiet):
            self.heartbeat.show()

    def line(self) -> str:
        """The line as it stands now."""
        seconds = max(time.monotonic() - self.started, 1e-9)
        made = self.done - self.skipped + inner.share
        text = f"{self.what}: {self.done}/{self.total} {self.unit}{inner}, {rate(made / seconds, self.unit)}"
        return f"{text}, {time_left((self.total - self.done - inner.share) * seconds / made if made else None)}"

    def __enter__(self) -> "Progress":
        inner.begin(0, "")
        self.heartbeat.__enter__()
        return self

    def __exit__(self, *how: object) -> None:
        self.heartbeat.__exit__(None, None, None)
        inner.begin(0, "")


def rate(per_s: float, unit: str) -> str:
    """A rate in words, by the minute where less than one in ten seconds is made."""
    return f"{per_s:.1f} {unit}/s" if per_s >= 0.1 or per_s == 0 else f"{60 * per_s:.1f} {unit}/min"


def time_left(seconds: float | None) -> str:
    """The time left in words; None while it is not known."""
    return "time left not known yet" if seconds is None else f"{max(seconds, 0):.0f} s left"
