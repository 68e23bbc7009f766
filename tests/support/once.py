"""Make expensive things once per test run, and say so."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def announce(request: pytest.FixtureRequest, sentence: str) -> None:
    """Print a line on the terminal, although pytest captures output.

    This also works in a worker of xdist, whose standard output is discarded.
    """
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{sentence}", file=sys.stderr, flush=True)


def once(
    request: pytest.FixtureRequest, name: str, make: Callable[[Path], None]
) -> Path:
    """Return the folder that `make` has filled, in this or another worker.

    The first worker that needs the folder makes it, and the others wait. If `make`
    raises an error, the next worker tries again.
    """
    factory = request.getfixturevalue("tmp_path_factory")
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # that of the whole run
    folder, done = base / f"once-{name}", base / f"once-{name}.done"
    with FileLock(base / f"once-{name}.lock"):
        if not done.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            done.touch()
    return folder
