"""JSON over HTTP with retries: what a server answers, or one message that says what to do."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from random import SystemRandom
from typing import Any
from urllib import error as urlerror
from urllib import request as urlrequest

from volfid.core.exits import ConfigError, RetryError, UnavailableError, VolfidError
from volfid.core.log import log

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
FIRST_WAIT_S, LONGEST_WAIT_S, LONGEST_ASKED_S = 1.0, 60.0, 300.0
BEAT_S = 1.0
SHOWN = 200  # characters of a server's own words


class _Refused(Exception):
    """The server answered with an error status."""

    def __init__(self, status: int, words: str, asked_s: float | None):
        super().__init__(words)
        self.status, self.words, self.asked_s = status, words, asked_s


class _Broken(Exception):
    """No answer, half an answer, or one that is not JSON."""


class _Stay(urlrequest.HTTPRedirectHandler):
    """Follows no redirection: a POST would become a GET, and the key would go to another host."""

    def redirect_request(self, *_: Any) -> None:
        """None, so that the 3xx is an error."""


@dataclass(frozen=True)
class Server:
    """Where to call and how patiently. `key` goes into the Authorization header and nowhere else.

    retries: further tries after the first; `wait` sleeps, `beat` hears of every sign of life, waits included.
    """

    url: str
    key: str | None
    timeout_s: float
    retries: int
    wait: Callable[[float], None] = time.sleep

    def get(self, path: str) -> Any:
        """One GET, not repeated. Raises UnavailableError or ConfigError."""
        try:
            return self._once(path, None)
        except (_Refused, _Broken) as failure:
            raise self._final(failure) from failure

    def post(self, path: str, body: Mapping[str, Any], beat: Callable[[], None], check: Callable[[Any], str]) -> Any:
        """The answer to a POST, tried again after a broken connection, a broken answer, 429 or 5xx.

        check: says what is wrong with an answer, or "". Raises RetryError (75) when the server is still busy after
        all tries, UnavailableError (69) when it is down or refuses, ConfigError (78) when it refuses the body.
        """
        for tried in range(self.retries + 1):
            beat()
            try:
                answer = self._once(path, body)
                wrong = check(answer)
                if wrong:
                    raise _Broken(wrong)
                return answer
            except (_Refused, _Broken) as failure:
                if tried == self.retries or not _passing(failure):
                    raise self._final(failure) from failure
                pause = _pause(failure, tried)
                log(f"server: {_words(failure)}; try {tried + 2} of {self.retries + 1} in {pause:.0f} s")
                self._rest(pause, beat)
        raise AssertionError("unreachable")

    def _once(self, path: str, body: Mapping[str, Any] | None) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        data = None if body is None else json.dumps(body).encode("utf-8")
        asked = urlrequest.Request(f"{self.url}/{path}", data=data, headers=headers)
        try:
            with urlrequest.build_opener(_Stay).open(asked, timeout=self.timeout_s) as answer:
                content = answer.read()
        except urlerror.HTTPError as refused:
            with refused:
                raise _Refused(refused.code, _own_words(refused), _asked(refused.headers)) from None
        except (OSError, HTTPException) as broken:  # URLError is an OSError; a timeout, too
            reason = getattr(broken, "reason", broken)
            raise _Broken(f"no answer ({type(reason).__name__}: {reason})") from broken
        try:
            return json.loads(content)
        except ValueError as broken:
            raise _Broken("the answer is not JSON") from broken

    def _rest(self, seconds: float, beat: Callable[[], None]) -> None:
        """Wait, with signs of life: a server that asks for time is no engine that hangs."""
        while seconds > 0:
            beat()
            self.wait(min(seconds, BEAT_S))
            seconds -= BEAT_S

    def _final(self, failure: _Refused | _Broken) -> VolfidError:
        """The failure for good, in words."""
        what = f"the server at {self.url}: {_words(failure)}"
        if isinstance(failure, _Broken):
            return UnavailableError(what, mend="Is the server running, and is server.url right?")
        if failure.status in (401, 403):
            return UnavailableError(what, mend="Put a valid key into the variable that server.key_variable names")
        if failure.status == 404 or 300 <= failure.status < 400:
            return UnavailableError(what, mend="Check server.url (it ends in /v1 as a rule) and server.model")
        if failure.status == 429:
            return RetryError(what, mend="Finished chunks are kept; run again later, or lower server.parallel")
        if failure.status in TRANSIENT or failure.status >= 500:
            return UnavailableError(what, mend="Finished chunks are kept; run again when the server is well")
        return ConfigError(what, mend="Does the model take this prompt, these settings and server.body?")


def _passing(failure: _Refused | _Broken) -> bool:
    """Whether another try may help."""
    if isinstance(failure, _Broken):
        return True
    return failure.status in TRANSIENT and (failure.asked_s or 0) <= LONGEST_ASKED_S


def _pause(failure: _Refused | _Broken, tried: int) -> float:
    """What the server asks for, or twice as long each time; a little more by chance, so that callers spread."""
    asked = failure.asked_s if isinstance(failure, _Refused) else None
    pause = min(FIRST_WAIT_S * 2**tried, LONGEST_WAIT_S) if asked is None else asked
    return pause * (1 + 0.1 * SystemRandom().random())


def _words(failure: _Refused | _Broken) -> str:
    return f"status {failure.status} {failure.words}".strip() if isinstance(failure, _Refused) else str(failure)


def _own_words(refused: urlerror.HTTPError) -> str:
    """What an error says of itself: the protocol's error.message, or the beginning of its text."""
    try:
        content = refused.read(100_000).decode("utf-8", "replace")
    except (OSError, HTTPException):
        return ""
    with suppress(ValueError):  # plain text is shown as it is
        found = json.loads(content)
        found = found.get("error", found.get("message", content)) if isinstance(found, dict) else content
        content = str(found.get("message", found) if isinstance(found, dict) else found)
    return " ".join(content.split())[:SHOWN]


def _asked(headers: Message) -> float | None:
    """Seconds that Retry-After asks for, as a number or as a date; None without it or when it is neither."""
    value = headers.get("Retry-After")
    if value is None:
        return None
    with suppress(ValueError):  # not a number: a date
        return max(0.0, float(value))
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
