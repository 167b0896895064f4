"""Served models: any server that speaks the chat protocol of OpenAI (vLLM, SGLang, llama.cpp, hosted services).

What a server runs is its own affair: other weights, kernels or batches give other text for the same seed. So a
served model is never bit-reproducible, and its manifest says so; finished chunks are kept like any other.
"""

import math
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any
from urllib.parse import urlsplit

from volfid.core.chat import NO, YES
from volfid.core.exits import ConfigError, UnavailableError
from volfid.core.log import inner
from volfid.generation.engines.base import ChoiceOutput, ChoiceRequest, EngineOutput, EngineRequest, EngineSettings
from volfid.generation.engines.calls import Server

DEFAULTS: dict[str, Any] = {
    "key_variable": None, "timeout_s": 120.0, "retries": 5, "parallel": 8, "answer": "asked", "body": {},
}  # fmt: skip
NEEDED = ("url", "model")
ANSWERS = ("asked", "begun")
FINISHED = {"stop": "stop", "length": "length", "content_filter": "filtered"}
REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_details")  # fields beside `content`
UNENDED = "<think>"
TOP = 20  # most alternatives to a token that the protocol tells
BEGIN = "Begin your answer with exactly these words: "
NOT_REPEATABLE = "served: the same seed may give other text, the server's version and batches are not known"
TAG = re.compile(r"</?\w+>")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_server(entry: Mapping[str, Any] | None) -> dict[str, Any]:
    """The key `server` of a model entry, defaults filled in. Raises ConfigError naming the key.

    url: up to the version, as http://127.0.0.1:8000/v1. model: as the server names it. key_variable: the
    environment variable that holds the key. answer: how the answer begins with the words of the template; `asked`
    (in words; any server) or `begun` (in the assistant's turn; vLLM and others that know continue_final_message).
    parallel: requests under way at once. body: further fields of every request.
    """
    given = dict(entry or {})
    for secret in ("key", "api_key", "token"):
        if secret in given:
            raise ConfigError(f"server.{secret}: a key must not stand in a file", mend="Name a variable: key_variable")
    unknown = sorted(given.keys() - DEFAULTS.keys() - set(NEEDED))
    missing = [name for name in NEEDED if not given.get(name)]
    if unknown or missing:
        raise ConfigError(
            f"server.{(unknown or missing)[0]} is {'unknown' if unknown else 'missing'}",
            mend=f"Known: {', '.join([*NEEDED, *DEFAULTS])}",
        )
    own = DEFAULTS | given
    parts = urlsplit(str(own["url"]))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"server.url {own['url']!r} is no address", mend="As http://127.0.0.1:8000/v1")
    if parts.username or parts.password:
        raise ConfigError("server.url holds a user or password", mend="Name a variable with the key: key_variable")
    if own["key_variable"] is not None and not _VARIABLE.fullmatch(str(own["key_variable"])):
        raise ConfigError("server.key_variable is not the name of a variable", mend="As VOLFID_SERVER_KEY")
    for name, least in (("timeout_s", 1), ("retries", 0), ("parallel", 1)):
        if isinstance(own[name], bool) or not isinstance(own[name], (int, float)) or own[name] < least:
            raise ConfigError(f"server.{name} is {own[name]!r}, expected {least} or more")
    if own["answer"] not in ANSWERS:
        raise ConfigError(f"server.answer is {own['answer']!r}, expected one of {', '.join(ANSWERS)}")
    return own | {"url": str(own["url"]).rstrip("/")}


class _Over(Exception):
    """Another call has failed."""


class OpenAIEngine:
    """One model behind an address. Raises ConfigError for a server's settings that mean nothing."""

    def __init__(self, settings: EngineSettings):
        self.settings, self.own = settings, read_server(settings.server)
        if self.own["timeout_s"] >= settings.stall_s:
            raise ConfigError(f"server.timeout_s is {self.own['timeout_s']}, expected less than stall_s")
        self.server: Server | None = None
        self.fingerprints: set[str] = set()

    def start(self) -> None:
        """Look whether the server answers and knows the model; nothing is loaded here."""
        name, key = self.own["key_variable"], None
        if name is not None:
            key = os.environ.get(name)
            if not key:
                raise UnavailableError(f"the variable {name} is not set", mend="Put the key of the server into it")
        self.server = Server(self.own["url"], key, float(self.own["timeout_s"]), int(self.own["retries"]))
        listed = self.server.get("models")
        rows = listed.get("data") if isinstance(listed, dict) else None
        names = sorted(str(row.get("id")) for row in rows or [] if isinstance(row, dict))
        if self.own["model"] not in names:
            some = ", ".join(names[:5]) or "none"
            raise UnavailableError(
                f"the server at {self.own['url']} does not serve {self.own['model']!r}", mend=f"It has: {some}"
            )

    def generate(self, requests: Sequence[EngineRequest], beat: Callable[[], None]) -> list[EngineOutput]:
        """Answers in the order of the requests, several under way at once. Raises what `Server.post` raises."""
        return self._all(self._answer, requests, beat)

    def judge(self, requests: Sequence[ChoiceRequest], beat: Callable[[], None]) -> list[ChoiceOutput]:
        """Answers in order, from the alternatives to the first token; one that is not among the `TOP` counts 0."""
        return self._all(self._judge, requests, beat)

    def close(self) -> None:
        """Nothing is held."""

    def describe(self) -> dict[str, Any]:
        """Where the text came from, and that it cannot be made again; the server's fingerprints once it answered."""
        shown = {name: self.own[name] for name in ("url", "model", "answer", "parallel", "body")}
        return {
            "engine": "openai", "device": "served", "model": self.settings.name, "revision": self.settings.revision,
            "max_model_len": self.settings.max_model_len, "server": shown, "repeatable": False,
            "not_repeatable_because": NOT_REPEATABLE, "system_fingerprints": sorted(self.fingerprints),
        }  # fmt: skip

    def _all(self, call: Callable[..., Any], requests: Sequence[Any], beat: Callable[[], None]) -> list[Any]:
        """The results in order; after a failure, or when told to stop, no further call is begun or tried again."""
        over = threading.Event()

        def alive() -> None:
            if over.is_set():
                raise _Over
            beat()

        with ThreadPoolExecutor(max_workers=int(self.own["parallel"])) as pool:
            pending = [pool.submit(call, request, alive) for request in requests]
            try:
                done, _ = wait(pending, return_when=FIRST_EXCEPTION)
                failed = next((one for one in pending if one in done and one.exception()), None)
                return [one.result() for one in ([failed] if failed else pending)]
            except BaseException:
                over.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _answer(self, request: EngineRequest, beat: Callable[[], None]) -> EngineOutput:
        stops = sent_stops(request.stop, request.answer_prefix, self._begun())
        answer = self._post(request.prompt, request.answer_prefix, beat, {
            "temperature": request.temperature, "top_p": request.top_p, "max_tokens": request.max_tokens,
            "seed": request.seed, **({"stop": stops} if stops else {}),
        })  # fmt: skip
        choice = answer["choices"][0]
        text, opened = said(choice["message"]), True
        if not self._begun():
            text, opened = without_beginning(text, request.answer_prefix)
        inner.add()
        usage, refused = answer["usage"], not text and bool(choice["message"].get("refusal"))
        text = str(choice["message"]["refusal"]) if refused else text
        return EngineOutput(
            text, None, usage["prompt_tokens"], FINISHED[choice["finish_reason"]], usage["completion_tokens"], opened,
            refused,
        )  # fmt: skip

    def _judge(self, request: ChoiceRequest, beat: Callable[[], None]) -> ChoiceOutput:
        if request.answer_prefix and not self._begun():
            raise ConfigError("a served model cannot be asked after an answer_prefix", mend="Set server.answer: begun")
        shares, mass, read, cached = [], 0.0, 0, 0
        for prompt in request.prompts:
            answer = self._post(prompt, request.answer_prefix, beat, {
                "temperature": 0, "max_tokens": 1, "seed": request.seed, "logprobs": True, "top_logprobs": TOP,
            })  # fmt: skip
            yes, no = yes_and_no(answer["choices"][0].get("logprobs"))
            shares.append(yes / (yes + no) if yes + no > 0 else None)
            mass += (yes + no) / len(request.prompts)
            read += answer["usage"]["prompt_tokens"]
            cached += (answer["usage"].get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        inner.add()
        return ChoiceOutput(tuple(shares), mass, read, cached)

    def _begun(self) -> bool:
        return bool(self.own["answer"] == "begun")

    def _post(self, prompt: str, beginning: str, beat: Callable[[], None], fields: Mapping[str, Any]) -> Any:
        chat = self.settings.chat
        messages = [{"role": "system", "content": chat["system"]}] if chat.get("system") else []
        body = {**self.own["body"], "model": self.own["model"], "messages": messages, "n": 1, "stream": False, **fields}
        if chat.get("template_arguments"):
            body["chat_template_kwargs"] = chat["template_arguments"]
        if beginning and self._begun():
            messages += [{"role": "user", "content": prompt}, {"role": "assistant", "content": beginning}]
            body |= {"add_generation_prompt": False, "continue_final_message": True}
        else:
            messages.append({"role": "user", "content": f"{prompt}\n\n{BEGIN}{beginning}" if beginning else prompt})
        if self.server is None:
            raise UnavailableError("the engine was not started")
        answer = self.server.post("chat/completions", body, beat, fault_of)
        if answer.get("system_fingerprint"):
            self.fingerprints.add(str(answer["system_fingerprint"]))
        return answer


def fault_of(answer: Any) -> str:
    """What keeps an answer from being one of the protocol, or "" ."""
    try:
        choice, usage = answer["choices"][0], answer["usage"]
        counts = [usage["prompt_tokens"], usage["completion_tokens"]]
        choice["message"].get("content")
        finished = choice["finish_reason"]
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        return f"the answer lacks choices, message, finish_reason or usage ({type(error).__name__}: {error})"
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        return f"the answer counts its tokens as {counts}"
    return "" if finished in FINISHED else f"the answer ended for the reason {finished!r}"


def said(message: Mapping[str, Any]) -> str:
    """The text of a message, whole. Where it holds reasoning alone, in a field or part of its own, that is one block
    which never ends; reasoning beside a text is left out."""
    content = message.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    text = content if isinstance(content, str) else "".join(str(part.get("text") or "") for part in parts)
    thought = [message.get(name) for name in REASONING] + [part.get("thinking") for part in parts if not text]
    return UNENDED if not text.strip() and any(thought) else text


def sent_stops(stops: Sequence[str], beginning: str, begun: bool) -> list[str]:
    """The stop strings that a server is sent. An answer in words of its own may reason, draft and revise before its
    last text: neither a tag nor a line end may cut it, nor what it was asked to begin with; max_tokens bounds it."""
    if begun:
        return list(stops)
    return [stop for stop in stops if stop.strip() and stop not in beginning and not TAG.fullmatch(stop.strip())]


def without_beginning(text: str, beginning: str) -> tuple[str, bool]:
    """An answer without the words it was asked to begin with, and whether it did begin with them."""
    bare = text.lstrip()
    return (bare[len(beginning) :], True) if bare.startswith(beginning) else (text, False)


def yes_and_no(logprobs: Any) -> tuple[float, float]:
    """Probabilities of a yes and of a no at the first token. Raises UnavailableError without alternatives."""
    try:
        found = {row["token"]: math.exp(row["logprob"]) for row in logprobs["content"][0]["top_logprobs"]}
    except (KeyError, TypeError, IndexError) as error:
        raise UnavailableError(
            "the server tells no probabilities of tokens",
            mend="Labels can only be asked of one that knows top_logprobs",
        ) from error
    return math.fsum(found.get(word, 0.0) for word in YES), math.fsum(found.get(word, 0.0) for word in NO)
