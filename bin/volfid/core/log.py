"""Messages and progress on stderr; one plain line each, so that log files stay readable."""

import sys
import time
from collections.abc import Iterable


def log(message: str) -> None:
    """Print one line to stderr."""
    print(message, file=sys.stderr, flush=True)


def tell(warnings: Iterable[str]) -> None:
    """Print warnings, a line each."""
    for warning in warnings:
        log(f"warning: {warning}")


class Progress:
    """Lines `what: done/total, rate, time left`, at most one every `every_s` seconds."""

    def __init__(self, what: str, total: int, unit: str = "items", every_s: float = 10.0):
        self.what, self.total, self.unit, self.every_s = what, total, unit, every_s
        self.done = 0
        self.skipped = 0
        self.started = self.printed = time.monotonic()

    def skip(self, count: int = 1) -> None:
        """Count work that was found finished; it does not enter the rate."""
        self.done += count
        self.skipped += count

    def advance(self, count: int = 1) -> None:
        """Count finished work and print when it is time, or at the end."""
        self.done += count
        now = time.monotonic()
        if now - self.printed >= self.every_s or self.done >= self.total:
            self.printed = now
            rate = (self.done - self.skipped) / max(now - self.started, 1e-9)
            left = (self.total - self.done) / rate if rate > 0 else float("inf")
            log(f"{self.what}: {self.done}/{self.total} {self.unit}, {rate:.1f} {self.unit}/s, {left:.0f} s left")
