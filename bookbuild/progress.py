"""Show on the terminal what a build is doing."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from typing import ClassVar


class Line:
    """Show the progress of one task in a line.

    A terminal shows all running tasks together in one line, which is rewritten in
    place, below the lines of the finished tasks.
    """

    _lock = threading.Lock()
    _open: ClassVar[dict[Line, str]] = {}

    def __init__(self, head: str) -> None:
        self.head, self.start = head, time.monotonic()

    def now(self, what: str) -> None:
        """Show what is being done."""
        with self._lock:
            self._open[self] = what
            if sys.stdout.isatty():
                print(f"\r\033[K{self._under_way()}", end="", flush=True)

    def done(self, what: str) -> None:
        """Finish the line with what was done and how long it took."""
        with self._lock:
            self._open.pop(self, None)
            seconds = time.monotonic() - self.start
            text = f"{self.head}  {what}  {seconds:.1f} s"
            if sys.stdout.isatty():
                text = f"\r\033[K{text}\n{self._under_way()}"
                print(text, end="", flush=True)
            else:
                print(text, flush=True)

    def _under_way(self) -> str:
        parts = [
            " ".join(f"{line.head} {what}".split())
            for line, what in self._open.items()
        ]
        columns = shutil.get_terminal_size().columns
        return "; ".join(parts)[: columns - 1]
