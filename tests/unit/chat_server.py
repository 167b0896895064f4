"""A server on this machine that speaks the chat protocol of OpenAI, with faults on demand."""

import json
import math
import threading
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from volfid.generation.engines.fake import fake_text

MODEL = "served-7b"
# what the server may do instead of answering: see `_Handler.do_POST`
FAULTS = ("cut", "malformed", "drop", "no_usage", "no_choice", "hang")


class ChatServer:
    """Answers POST /v1/chat/completions and GET /v1/models; `script` says what happens to the n-th POST.

    script: n (from 0) and the body to "ok", a fault, a status, (status, headers) or a dict that is merged into the
    answer's choice. seen: every body that came, with its Authorization header as "key".
    """

    def __init__(self, script: Callable | None = None, key: str | None = None, models=(MODEL,)):
        self.script, self.key, self.models = script or (lambda n, body: "ok"), key, list(models)
        self.seen: list[dict] = []
        self.under_way = self.most = 0
        self.lock = threading.Lock()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/v1"


@contextmanager
def serving(script: Callable | None = None, **settings):
    """A running ChatServer."""
    server = ChatServer(script, **settings)
    server.http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"own": server}))
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def document(body: dict) -> str:
    """A text that depends on the seed alone, behind the words that the user asked to begin with."""
    asked = body["messages"][-1]
    text = fake_text(np.random.default_rng(body["seed"]), ("walking aid",))
    if asked["role"] == "assistant":
        return f" {text}</doc>"
    beginning = asked["content"].rpartition("words: ")[2] if "words: " in asked["content"] else ""
    return f"{beginning} {text}</doc>"


def _end(message: dict, stops) -> None:
    """Cut an answer where a stop string stands first, as servers do."""
    for stop in stops:
        if isinstance(message.get("content"), str):
            message["content"] = message["content"].split(stop)[0]


class _Handler(BaseHTTPRequestHandler):
    own: ChatServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        if self.path != "/v1/models":
            self._json(404, {"error": {"message": f"no route {self.path}"}})
        elif self._allowed():
            rows = [{"id": name, "object": "model"} for name in self.own.models]
            self._json(200, {"object": "list", "data": rows})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._allowed():
            return
        own = self.own
        with own.lock:
            number = len(own.seen)
            own.seen.append(body | {"key": self.headers.get("Authorization"), "path": self.path})
            own.under_way += 1
            own.most = max(own.most, own.under_way)
        try:
            self._act(own.script(number, body), body)
        finally:
            with own.lock:
                own.under_way -= 1

    def _act(self, action, body):
        if self.path != "/v1/chat/completions":
            return self._json(404, {"error": {"message": f"no route {self.path}"}})
        if isinstance(action, int):
            action = (action, {})
        if isinstance(action, tuple):
            return self._json(action[0], {"error": {"message": "told to fail", "type": "x"}}, action[1])
        if action == "hang":
            self.own.released.wait(20)
        if action in ("drop", "hang"):
            self.close_connection = True
            return None
        answer = self._answer(body)
        if action == "no_usage":
            del answer["usage"]
        if action == "no_choice":
            answer["choices"] = []
        if isinstance(action, dict):
            answer["choices"][0] |= action
        for choice in answer["choices"]:
            _end(choice["message"], body.get("stop", ()))
        text = json.dumps(answer).encode()
        if action == "malformed":
            text = b"<html>a page in between</html>"
        self._head(200, len(text))
        self.wfile.write(text[: len(text) // 2] if action == "cut" else text)
        if action == "cut":
            self.close_connection = True
        return None

    def _answer(self, body):
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": document(body)}}
        if body.get("logprobs"):
            shares = {"Yes": 0.5, "No": 0.25, "Maybe": 0.125} if "aid" in body["messages"][-1]["content"] else {"Hm": 1}
            rows = [{"token": word, "logprob": math.log(p), "bytes": None} for word, p in shares.items()]
            choice["logprobs"] = {"content": [{**rows[0], "top_logprobs": rows[: body["top_logprobs"]]}]}
            choice["message"]["content"] = rows[0]["token"]
        _end(choice["message"], body.get("stop", ()))
        prompt = sum(len(one["content"].split()) for one in body["messages"])
        made = len(choice["message"]["content"].split())
        usage = {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}
        return {
            "id": "chatcmpl-1", "object": "chat.completion", "model": body["model"], "system_fingerprint": "fp_1",
            "choices": [choice], "usage": {**usage, "prompt_tokens_details": {"cached_tokens": 3}},
        }  # fmt: skip

    def _allowed(self) -> bool:
        if self.own.key is None or self.headers.get("Authorization") == f"Bearer {self.own.key}":
            return True
        self._json(401, {"error": {"message": "Incorrect API key provided"}})
        return False

    def _json(self, status, value, headers=None):
        text = json.dumps(value).encode()
        self._head(status, len(text), headers or {})
        self.wfile.write(text)

    def _head(self, status, length, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()
