"""Run `make serve` in its own process, for the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from queue import Queue

from bookbuild.serve import is_source

from . import ROOT
from .tiny_book import TinyBook

START = """
import sys
from bookbuild import serve
build = [sys.executable, "-m", "bookbuild", "book", "--root", {root!r}]
sys.exit(serve.main(["--port", {port!r}, "--root", {root!r}], build))
"""
PATIENCE = 180  # seconds, for a build on a busy machine


class Serving:
    """Run a server in its own process, and read the lines that it prints."""

    def __init__(self, tiny: TinyBook) -> None:
        code = START.format(root=str(tiny.root), port="0")
        self.process = subprocess.Popen(
            ["env", "--default-signal=INT", sys.executable, "-uc", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.url = self.until("The book is at").split()[4]
        self._until_watching(tiny.root)

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def _until_watching(self, root: Path) -> None:
        """Wait until the operating system reports changes in each folder to the server."""
        if not Path("/proc/self/fdinfo").exists():  # not Linux
            return
        folders = [path for path in root.iterdir() if path.is_dir()]
        rooms = [path for path in folders if is_source(path.relative_to(root))]
        folders = {
            root, *rooms,
            *(path for room in rooms for path in room.rglob("*") if path.is_dir()),
        }  # fmt: skip
        stop, watched = time.monotonic() + PATIENCE, 0
        while watched < len(folders):
            assert time.monotonic() < stop and self.process.poll() is None
            time.sleep(0.01)
            open_files = Path(f"/proc/{self.process.pid}/fdinfo").iterdir()
            watched = 0
            for file in open_files:
                with suppress(FileNotFoundError):  # closed meanwhile
                    watched += file.read_text().count("inotify wd:")

    def until(self, start: str) -> str:
        """Return the next line that starts with this text."""
        while line := self.lines.get(timeout=PATIENCE):
            if line.startswith(start):
                return line
        raise AssertionError(f"the server ended without printing: {start}")

    def said(self, end: str) -> list[str]:
        """Return all lines up to the next one that starts with this text."""
        lines = []
        while not lines or not lines[-1].startswith(end):
            lines.append(self.until(""))
        return lines

    def get(self, path: str) -> tuple[int, dict, str]:
        try:
            answer = urllib.request.urlopen(self.url + path)
        except urllib.error.HTTPError as error:
            answer = error
        return answer.status, dict(answer.headers), answer.read().decode()

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
