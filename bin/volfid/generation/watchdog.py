"""Ending a task that was told to stop, or an engine that no longer answers."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from volfid.core.exits import EXIT_RETRY, VolfidError
from volfid.core.log import log

EXIT_TERMINATED = 128 + signal.SIGTERM
POLL_S = 0.5


class _Terminated(BaseException):
    """Raised by the signal handler; a BaseException, so that no engine takes it for a failure of its own."""


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM into an orderly end with exit 143: finished chunks stay, half-written files go."""

    def stop(*_: object) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except _Terminated:
        raise VolfidError(
            "told to stop (SIGTERM)", mend="Finished chunks are kept; run again to go on", code=EXIT_TERMINATED
        ) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class Watchdog:
    """Ends the process with exit 75 when the engine gives no sign of life for `limit_s` seconds.

    An engine that hangs holds the main thread, so this happens in another thread and is abrupt: workers
    of the engine are killed, then the process leaves. Finished chunks are on disk by then.
    """

    def __init__(self) -> None:
        self.last = time.monotonic()

    def beat(self) -> None:
        """A sign of life."""
        self.last = time.monotonic()

    @contextmanager
    def watching(self, limit_s: float, what: str) -> Iterator[None]:
        """Watch the block."""
        done = threading.Event()
        self.beat()

        def watch() -> None:
            while not done.wait(min(POLL_S, limit_s / 4)):
                if time.monotonic() - self.last > limit_s:
                    log(f"error: {what} gave no sign of life for {limit_s:.0f} s; ended, a retry may help")
                    for child in children(os.getpid()):
                        os.kill(child, signal.SIGKILL)
                    os._exit(EXIT_RETRY)

        thread = threading.Thread(target=watch, daemon=True, name="watchdog")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def children(process: int) -> list[int]:
    """Ids of all processes below `process`, deepest first; none where /proc does not tell (not Linux)."""
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            direct = [int(word) for word in path.read_text().split()]
        except OSError:  # the thread has just ended
            continue
        for child in direct:
            found += [*children(child), child]
    return found
