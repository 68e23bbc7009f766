"""End what the cells of a build have started.

A kernel carries a mark in its environment, and so do the processes that its
cells start, and those which these start, in whatever session and whoever their
parent has become.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK = "BOOK_KERNEL"
PATIENCE = 5  # seconds; killed, a process that waits for a disk may take longer


def mark(root: Path) -> str:
    """What the marks of all kernels of the book below `root` begin with."""
    return hashlib.sha256(os.fsencode(root)).hexdigest()[:16]


def end(mark: str) -> None:
    """Kill all processes whose mark begins with this, until there is none."""
    import psutil

    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        killed = False
        for pid in psutil.pids():
            # Some end in the meantime, some are not ours to look at.
            with suppress(psutil.Error, OSError):
                process = psutil.Process(pid)
                if process.environ().get(MARK, "").startswith(mark):
                    process.kill()
                    killed = True
        if not killed:
            return
        time.sleep(0.01)


@contextmanager
def watched(mark: str) -> Iterator[None]:
    """End what has this mark even if this process is killed meanwhile."""
    watcher = subprocess.Popen(
        [sys.executable, "-P", __file__, mark],
        stdin=subprocess.PIPE,  # ends with this process
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # which no signal to this one reaches
    )
    try:
        yield
    finally:
        watcher.kill()
        watcher.communicate()


if __name__ == "__main__":
    sys.stdin.read()
    end(sys.argv[1])
