"""Serve a folder on loopback as a host would, using `with served(folder) as url`.

Text is compressed, and content types are correct. A response may be cached for ten
minutes, as on GitHub Pages, and is then revalidated by its ETag. For a missing file,
the status is 404, with the folder's 404.html, if there is one. Other origins may use
everything, as with a CDN.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import mimetypes
import threading
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import yaml

# Python's own table, with additions. The system's table is not read, because it differs
# between machines.
TYPES = mimetypes.MimeTypes(filenames=())
for ending, kind in {
    ".epub": "application/epub+zip",
    ".ipynb": "application/json",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}.items():
    TYPES.add_type(kind, ending)
TEXT = ("text/", "json", "xml")
MAX_AGE = 600  # seconds


class Answer(NamedTuple):
    """Hold a file as it is sent: its type, its bytes, and their ETag."""

    type: str
    plain: bytes
    compressed: bytes | None
    etag: str


@cache
def _read(path: Path, modified: int) -> Answer:
    data = path.read_bytes()
    kind = TYPES.guess_type(path.name)[0] or "application/octet-stream"
    small = None
    if any(word in kind for word in (*TEXT, "wasm")):
        small = gzip.compress(data, 6, mtime=0)
    if any(word in kind for word in TEXT) and kind != "image/svg+xml":
        kind += "; charset=utf-8"
    return Answer(kind, data, small, hashlib.sha256(data).hexdigest()[:16])


class Handler(BaseHTTPRequestHandler):
    """Respond to GET and HEAD with files from the server's folder."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise a small answer waits for 40 ms

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, *_: object) -> None:
        """Log nothing, so that the output of a test shows only failures."""

    def _answer(self, body: bool) -> None:
        address = urlsplit(self.path).path
        path = self._find(address)
        if path.is_dir() and not address.endswith("/"):
            self.send_response(HTTPStatus.MOVED_PERMANENTLY)
            self.send_header("Location", address + "/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path.is_dir():
            path /= "index.html"
        status = HTTPStatus.OK
        if not path.is_file():
            status = HTTPStatus.NOT_FOUND
            path = self.server.folder / "404.html"
        if path.is_file():
            answer = _read(path, path.stat().st_mtime_ns)
        else:
            answer = Answer("text/plain", b"There is no such page.", None, "")
        self._send(status, answer, body)

    def _find(self, address: str) -> Path:
        """Return the file or folder of an address, never outside the folder."""
        folder = self.server.folder
        path = (folder / unquote(address).lstrip("/")).resolve()
        return path if path.is_relative_to(folder) else folder / "404.html/none"

    def _send(self, status: HTTPStatus, answer: Answer, body: bool) -> None:
        tag = f'W/"{answer.etag}"'
        if status is HTTPStatus.OK and self.headers["If-None-Match"] == tag:
            status, body = HTTPStatus.NOT_MODIFIED, False
        self.send_response(status)
        if status is not HTTPStatus.NOT_FOUND:
            self.send_header("ETag", tag)
            self.send_header("Cache-Control", f"max-age={MAX_AGE}")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Vary", "Accept-Encoding")
        data = answer.plain
        accepted = self.headers["Accept-Encoding"] or ""
        if answer.compressed is not None and "gzip" in accepted:
            data = answer.compressed
            self.send_header("Content-Encoding", "gzip")
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", answer.type)
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            # A browser may close the connection as soon as it has what it needs.
            with contextlib.suppress(ConnectionError):
                self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """Serve `folder` at 127.0.0.1, on a free port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{folder} cannot be served because it does not exist. Build the "
                "site first (make book)."
            )
        self.folder = folder.resolve()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request: object, client: object) -> None:
        """Ignore a browser that closed the connection."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder while the block runs, and yield its address, with a slash.

    Raises FileNotFoundError if there is no such folder.
    """
    server = Server(folder)
    # How often the server checks whether it should stop, in seconds.
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def lessons(root: Path) -> list[str]:
    """Return the addresses in the site of the pages of `_toc.yml`, in order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    parts = [chapter for part in toc["parts"] for chapter in part["chapters"]]
    return [
        f"{toc['root']}.html",
        *(f"{entry['file']}.html" for entry in parts),
    ]
