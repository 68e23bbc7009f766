"""Show the site, rebuild it when a file changes, and reload the open pages.

    python -m bookbuild.serve [--port 8000]

The pages are sent as they were built, but for one script, /_reload.js, which
a page asks with the digest of the build that it is of. Over a WebSocket it
hears of the next one and then loads its page anew. Nothing is kept for reading
offline.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from asyncio.subprocess import Process
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from socket import socket

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketHandler
from watchfiles import Change, DefaultFilter, awatch

from .frameworks import ROOT
from .unchanged import ROOMS, note

BUILD = ("make", "--no-print-directory", "book")
# The same for changed pages, which change no environment and no program: it
# loads its modules beforehand.
SPARE = (sys.executable, "-m", "bookbuild.build", "book", "--wait")
PAGES = ("chapters/", "_theme/")
RELOAD = """\
// A worker would show what it has kept, of an earlier server on this port too.
navigator.serviceWorker?.getRegistrations().then((workers) => {
  for (const worker of workers) worker.unregister();
});
Object.defineProperty(navigator, "serviceWorker", { value: undefined });

const mine = new URL(document.currentScript.src).searchParams.get("built");
function listen() {
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/_built");
  socket.onmessage = (event) => event.data === mine || location.reload();
  socket.onclose = () => setTimeout(listen, 1000);
}
listen();
"""


class Sources(DefaultFilter):
    """Changes of what the book is made from: its rooms, the files in the root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        super().__init__()

    def __call__(self, change: Change, path: str) -> bool:
        parts = Path(path).relative_to(self.root).parts
        inside = len(parts) == 1 or parts[0] in ROOMS
        return inside and parts[-1][0] != "." and super().__call__(change, path)


class Server:
    """The site below `root`, and those who look at it."""

    def __init__(
        self, root: Path, build: Sequence[str], spare: Sequence[str]
    ) -> None:
        self.root, self.build, self.spare = root, build, spare
        self.waiting: Process | None = None
        self.open: set[Built] = set()

    @property
    def built(self) -> str:
        """Which build the site is of; "" if none has succeeded."""
        try:
            return json.loads(note(self.root).read_text("utf-8"))["built"]
        except (OSError, ValueError):
            return ""

    def application(self) -> Application:
        mine = {"server": self}
        site = {"path": str(self.root / "_build" / "html"), **mine}
        return Application(
            [
                ("/_built", Built, mine),
                ("/_reload.js", Script),
                ("/(.*)", Page, {**site, "default_filename": "index.html"}),
            ],
            log_function=lambda handler: None,
        )

    async def rebuild(self, changed: Iterable[str] = ()) -> bool:
        """Build the book; tell the open pages if the site is another one.

        The build prints what it does, and what is wrong. It is one that has
        loaded its modules before, if these are not among what has changed.
        """
        process, self.waiting = self.waiting, None
        of_pages = all(path.startswith(PAGES) for path in changed)
        if process and not of_pages:
            await ended(process)
        if process and process.returncode is None:
            process.stdin.write(b"\n")
            process.stdin.close()
        else:
            process = await asyncio.create_subprocess_exec(
                *self.build, cwd=self.root
            )
        try:
            failed = await process.wait()
        except asyncio.CancelledError:
            await ended(process)
            raise
        for page in list(self.open):
            page.tell()
        self.waiting = await asyncio.create_subprocess_exec(
            *self.spare, cwd=self.root, stdin=asyncio.subprocess.PIPE
        )
        return not failed

    async def watch(self) -> None:
        """Rebuild after each change, until this is cancelled."""
        changes: asyncio.Queue[set[str]] = asyncio.Queue()
        rooms = filter(Path.is_dir, (self.root / room for room in ROOMS))

        async def look(*folders: Path, recursive: bool) -> None:
            chosen = Sources(self.root)
            async for found in awatch(
                *folders, watch_filter=chosen, recursive=recursive
            ):
                await changes.put({path for _, path in found})

        async with asyncio.TaskGroup() as group:
            group.create_task(look(self.root, recursive=False))
            group.create_task(look(*rooms, recursive=True))
            while paths := await changes.get():
                while not changes.empty():
                    paths |= changes.get_nowait()
                names = sorted(str(Path(p).relative_to(self.root)) for p in paths)
                print(f"\nChanged: {', '.join(names)}", flush=True)
                await self.rebuild(names)


async def ended(process: Process) -> None:
    """End a process, and wait until it has."""
    with suppress(ProcessLookupError):
        process.terminate()
    await process.wait()


class Built(WebSocketHandler):
    """Tells a page which build the site is of: at once and with each new one."""

    def initialize(self, server: Server) -> None:
        self.server = server

    def open(self) -> None:
        self.server.open.add(self)
        self.tell()

    def tell(self) -> None:
        self.write_message(self.server.built)

    def on_close(self) -> None:
        self.server.open.discard(self)


class Script(RequestHandler):
    """The script that pages are given."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(RELOAD)


class Page(StaticFileHandler):
    """A file of the site; with our script, if it is a page."""

    def initialize(self, server: Server, path: str, default_filename: str) -> None:
        super().initialize(path, default_filename)
        self.server, self.absolute_path = server, None

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")  # ask whether it is new

    async def get(self, path: str, include_body: bool = True) -> None:
        built = self.server.built  # before the page is read, which may be newer
        self.path = self.parse_url_path(path)
        absolute = self.get_absolute_path(self.root, self.path)
        file = self.validate_absolute_path(self.root, absolute)
        if file is not None and not file.endswith(".html"):
            await super().get(path, include_body)
        elif file is not None:  # else a redirection has been sent
            self.set_extra_headers(path)
            self.finish(listening(Path(file).read_text("utf-8"), built))

    def compute_etag(self) -> str | None:
        """Of the file, or else of what is sent in its place."""
        of = StaticFileHandler if self.absolute_path else RequestHandler
        return of.compute_etag(self)

    def write_error(self, status_code: int, **details: object) -> None:
        lost = Path(self.root, "404.html")
        if status_code == 404 and lost.exists():
            text = lost.read_text("utf-8")
            self.finish(listening(text, self.server.built))
        else:
            super().write_error(status_code, **details)


def listening(page: str, built: str) -> str:
    """A page that hears of the next build."""
    script = f'<script src="/_reload.js?built={built}"></script>'
    return page.replace("</head>", f"{script}\n</head>", 1)


async def serve(server: Server, sockets: list[socket], url: str) -> int:
    """Build, then show the book and rebuild it, until this is cancelled."""
    try:
        if not await server.rebuild():
            if not server.built:
                return 1
            print("\nThe last site that could be built is shown.", flush=True)
        HTTPServer(server.application()).add_sockets(sockets)
        print(
            f"The book is at {url} until you press Ctrl-C. Change a file: it is "
            "built anew, and open pages are loaded anew.",
            flush=True,
        )
        await server.watch()
        return 0
    finally:
        if server.waiting:
            await ended(server.waiting)


def main(
    arguments: list[str] | None = None,
    build: Sequence[str] = BUILD,
    spare: Sequence[str] = SPARE,
) -> int:
    parser = argparse.ArgumentParser(prog="bookbuild.serve")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--root", type=Path, default=ROOT)
    options = parser.parse_args(arguments)

    async def run() -> int:
        server = Server(options.root.resolve(), build, spare)
        port = sockets[0].getsockname()[1]
        return await serve(server, sockets, f"http://127.0.0.1:{port}/")

    try:
        sockets = bind_sockets(options.port, "127.0.0.1")
    except (OSError, OverflowError):
        print(
            f"Port {options.port} cannot be used: name another, as in "
            "make serve PORT=8123.",
            file=sys.stderr,
        )
        return 1
    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
