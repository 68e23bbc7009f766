"""Serve the site, rebuild it when a file changes, and reload the open pages.

    python -m bookbuild.serve [--port 8000]

The server adds a script to each page, which is notified of builds over a WebSocket.
If a build fails, open pages keep showing the last good site, below the messages of
the failed build.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from socket import socket

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler
from watchfiles import Change, awatch

from .cache import NO_SOURCES, ROOT
from .output_checks import plain

BUILD = ("make", "--no-print-directory", "book")
RELOAD = """\
// A service worker, even one of an earlier server on this port, would show old pages.
navigator.serviceWorker?.getRegistrations().then((workers) => {
  for (const worker of workers) worker.unregister();
});
Object.defineProperty(navigator, "serviceWorker", { value: undefined });

const mine = new URL(document.currentScript.src).searchParams.get("built");
function show(failure) {
  document.getElementById("failed-build")?.remove();
  if (!failure) return;
  const box = document.createElement("pre");
  box.id = "failed-build";
  box.setAttribute("role", "alert");
  box.textContent = "The last build failed.\\n\\n" + failure;
  box.style.cssText = "position: fixed; inset: 0 0 auto; z-index: 1000; margin: 0;"
    + "max-height: 60vh; overflow: auto; padding: 1rem; white-space: pre-wrap;"
    + "background: #7a1020; color: #fff; font: 0.9rem/1.4 monospace";
  document.body.append(box);
}
function listen() {
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/_built");
  socket.onmessage = (event) => {
    const { built, failure } = JSON.parse(event.data);
    if (built !== mine) location.reload();
    else show(failure);
  };
  socket.onclose = () => setTimeout(listen, 1000);
}
listen();
"""
# The page that is shown before the first build has succeeded.
NO_SITE = "<!DOCTYPE html><html><head><title>No site yet</title></head><body></body></html>"


class Server:
    """Serve the site of the book in `root`, and notify open pages of builds."""

    def __init__(self, root: Path, build: Sequence[str] = BUILD) -> None:
        self.root, self.build = root, build
        self.site = root / "_build" / "html"
        self.state = {"built": "", "failure": ""}
        self.listening: set[Built] = set()

    async def rebuild(self) -> None:
        """Build the book, print the build's output, and notify the open pages."""
        process = await asyncio.create_subprocess_exec(
            *self.build, cwd=self.root,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        lines = []
        try:
            async for line in process.stdout:
                lines.append(line.decode(errors="replace"))
                print(lines[-1], end="", flush=True)
            failed = await process.wait()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            raise
        if failed:
            self.state = {**self.state, "failure": plain("".join(lines))}
        else:
            self.state = {"built": str(time.time_ns()), "failure": ""}
        for page in list(self.listening):
            with suppress(WebSocketClosedError):
                page.notify()

    async def watch(self) -> None:
        """Rebuild after each change of a source, until this is cancelled."""
        changes: asyncio.Queue[str] = asyncio.Queue()

        def is_watched(_: Change, path: str | Path) -> bool:
            return is_source(Path(path).relative_to(self.root))

        async def look(*folders: Path, recursive: bool) -> None:
            async for found in awatch(
                *folders, recursive=recursive, watch_filter=is_watched
            ):
                for change, name in found:
                    path = Path(name)
                    is_new = change == Change.added and path.parent == self.root
                    if is_new and path.is_dir():
                        group.create_task(look(path, recursive=True))
                    changes.put_nowait(path.relative_to(self.root).as_posix())

        async with asyncio.TaskGroup() as group:
            # Folders that are not sources, such as environments, may be too large
            # to be watched.
            group.create_task(look(self.root, recursive=False))
            folders = [path for path in self.root.iterdir() if path.is_dir()]
            folders = [path for path in folders if is_watched(Change.added, path)]
            group.create_task(look(*folders, recursive=True))
            while name := await changes.get():
                names = {name}
                while not changes.empty():
                    names.add(changes.get_nowait())
                print(f"\nChanged: {', '.join(sorted(names))}", flush=True)
                await self.rebuild()

    async def run(self, sockets: list[socket], url: str) -> None:
        """Build, then serve the book and rebuild it, until this is cancelled."""
        await self.rebuild()
        site = {"path": str(self.site), "default_filename": "index.html"}
        handlers = [
            ("/_built", Built, {"server": self}),
            ("/_reload.js", Script),
            ("/(.*)", Page, {"server": self, **site}),
        ]
        application = Application(handlers, log_function=lambda handler: None)
        HTTPServer(application).add_sockets(sockets)
        print(
            f"The book is at {url} until you press Ctrl-C. Change a file: the book "
            "is rebuilt, and open pages are reloaded.",
            flush=True,
        )
        await self.watch()


def is_source(path: Path) -> bool:
    """Return whether the site depends on a path, given relative to the root."""
    hidden = any(part.startswith((".", "__pycache__")) for part in path.parts)
    temporary = path.name.endswith(("~", ".part", ".swp", ".tmp"))
    return not hidden and not temporary and path.parts[0] not in NO_SOURCES


class Built(WebSocketHandler):
    """Notify an open page of the current build, and of each new one."""

    def initialize(self, server: Server) -> None:
        self.server = server

    def open(self) -> None:
        self.server.listening.add(self)
        self.notify()

    def notify(self) -> None:
        self.write_message(json.dumps(self.server.state))

    def on_close(self) -> None:
        self.server.listening.discard(self)


class Script(RequestHandler):
    """Send the script that is added to pages."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(RELOAD)


class Page(StaticFileHandler):
    """Send a file of the site, and add our script if it is a page."""

    def initialize(self, server: Server, path: str, default_filename: str) -> None:
        super().initialize(path, default_filename)
        self.server = server

    def set_default_headers(self) -> None:
        # Tornado computes a file's ETag only once, but builds may replace the file.
        self.set_header("Cache-Control", "no-store")

    async def get(self, path: str, include_body: bool = True) -> None:
        built = self.server.state["built"]  # before the page is read
        self.path = self.parse_url_path(path)
        place = self.get_absolute_path(self.root, self.path)
        file = self.validate_absolute_path(self.root, place)
        if file is not None and not file.endswith(".html"):
            await super().get(path, include_body)
        elif file is not None:  # otherwise, a redirect has been sent
            self.send(Path(file), built)

    def compute_etag(self) -> None:
        """Send no ETag."""

    def write_error(self, status_code: int, **details: object) -> None:
        if status_code == 404:
            self.send(self.server.site / "404.html", self.server.state["built"])
        else:
            super().write_error(status_code, **details)

    def send(self, page: Path, built: str) -> None:
        """Send a page, with the script and the build that it belongs to."""
        text = page.read_text("utf-8") if page.exists() else NO_SITE
        script = f'<script src="/_reload.js?built={built}"></script>\n</head>'
        self.finish(text.replace("</head>", script, 1))


def main(arguments: list[str] | None = None, build: Sequence[str] = BUILD) -> int:
    """Serve the book until Ctrl-C, and return the exit status."""
    parser = argparse.ArgumentParser(prog="bookbuild.serve")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--root", type=Path, default=ROOT)
    options = parser.parse_args(arguments)

    async def run() -> None:
        port = sockets[0].getsockname()[1]
        server = Server(options.root.resolve(), build)
        await server.run(sockets, f"http://127.0.0.1:{port}/")

    try:
        sockets = bind_sockets(options.port, "127.0.0.1")
    except (OSError, OverflowError):
        print(
            f"Port {options.port} cannot be used. Name another one, as in "
            "make serve PORT=8123.",
            file=sys.stderr,
        )
        return 1
    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
