"""A server on loopback that answers as the Hugging Face hub does for the files of one data set."""

import contextlib
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DATASET = "me/data"
LARGE = (".parquet", ".pt", ".gz")


class DatasetHub:
    """`files`: path to content at COMMIT. `fault` breaks the answers; `asked`: the paths of GET requests."""

    def __init__(self, files: dict[str, bytes]):
        self.files, self.fault, self.asked = files, "", []
        self.address = ""

    @property
    def environment(self) -> dict[str, str]:
        """What a client wants to come here, whatever is set around the tests."""
        return {
            "HF_ENDPOINT": self.address, "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": "", "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1", "HF_HUB_OFFLINE": "1",
        }  # fmt: skip


def _sibling(name: str, content: bytes, fault: str) -> dict[str, object]:
    size = len(content)
    row: dict[str, object] = {
        "rfilename": name, "size": size, "blobId": hashlib.sha1(b"blob %d\0" % size + content).hexdigest()
    }  # fmt: skip
    if name.endswith(LARGE):
        row["lfs"] = {"size": size, "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 130}
    if fault == "changed":
        row |= {"blobId": "1" * 40} | ({"lfs": {**row["lfs"], "sha256": "1" * 64}} if "lfs" in row else {})
    return row


@contextlib.contextmanager
def dataset_hub(files: dict[str, bytes]) -> Iterator[DatasetHub]:
    """The server, for as long as the block lasts."""
    hub = DatasetHub(files)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if self.command == "GET":
                hub.asked.append(path)
            if path.startswith("/_fault/"):  # a client of the tests breaks the next answers
                hub.fault = path.removeprefix("/_fault/")
                return self.answer(200, b"{}", {})
            refusal = {
                "gated": (403, "GatedRepo"), "private": (401, "RepoNotFound"), "lost": (404, "RepoNotFound"),
                "old": (404, "RevisionNotFound"), "down": (503, ""),
            }.get(hub.fault)  # fmt: skip
            if refusal:
                return self.answer(refusal[0], b"{}", {"X-Error-Code": refusal[1]} if refusal[1] else {})
            if path.startswith("/api/datasets/") and not path.startswith(f"/api/datasets/{DATASET}/"):
                return self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
            if path == f"/api/datasets/{DATASET}/revision/{COMMIT}":
                rows = [_sibling(name, content, hub.fault) for name, content in hub.files.items()]
                sha = "f" * 40 if hub.fault == "moved" else COMMIT
                return self.answer(200, json.dumps({"id": DATASET, "sha": sha, "siblings": rows}).encode(), {})
            start = f"/datasets/{DATASET}/resolve/{COMMIT}/"
            content = hub.files.get(path.removeprefix(start)) if path.startswith(start) else None
            if content is None or (hub.fault == "gone"):
                return self.answer(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            tag = hashlib.sha256(content).hexdigest()
            return self.answer(200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{tag}"'})

        def answer(self, code: int, body: bytes, headers: dict[str, str]) -> None:
            cut = hub.fault == "cut" and "/resolve/" in self.path
            self.send_response(code)
            for key, value in {"Content-Length": str(len(body)), "Content-Type": "application/json", **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = cut

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
