"""The code of the book's pages, for tests that run it on their own terms."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from _ext import frameworks, split
from support import ROOT

FRAMEWORKS = frameworks.load(ROOT)
LINEAR = "linear-networks/linear-regression"
LINEAR_SCRATCH = "linear-networks/linear-regression-scratch"
LINEAR_CONCISE = "linear-networks/linear-regression-concise"
THEORY = "linear-networks/softmax-regression"
SOFTMAX = "linear-networks/softmax-regression-concise"
SOFTMAX_SCRATCH = "linear-networks/softmax-regression-scratch"
DATASET = "linear-networks/image-classification-dataset"
BAYES = "appendix/naive-bayes-underflow"


def cells(name: str, framework: str, last: str = "") -> list[str]:
    """The code cells that a framework runs on a page, in order.

    Those that are meant to fail are left out. With `last`, those up to the
    first that contains this text.
    """
    path = ROOT / "chapters" / f"{name}.md"
    page = split.read(path, name, FRAMEWORKS)
    sources = [
        cell.source
        for cell in page.code(framework)
        if "raises-exception" not in cell.tags
    ]
    if last:
        found = [last in source for source in sources]
        assert any(found), f"{path} has no code cell with {last!r}"
        sources = sources[: found.index(True) + 1]
    return sources


def run(framework: str, script: str, folder: Path, cells: list[str]) -> str:
    """Run a script in a framework's environment; return what it printed.

    It finds the cells, as JSON, in its first argument, and the current folder
    is `folder`. Skips the test where the framework has no wheels for this
    machine, and fails it with the end of the script's errors where the script
    fails.
    """
    declared = FRAMEWORKS[framework]
    if not declared.available:
        pytest.skip(f"{declared.label} has no wheels for this machine")
    path = folder / f"run_{framework}.py"  # not a module's name
    path.write_text(script, encoding="utf-8")
    python = ROOT / ".envs" / declared.kernel / "bin" / "python"
    done = subprocess.run(
        [python, path, json.dumps(cells)],
        cwd=folder, capture_output=True, text=True, check=False,
    )
    if done.returncode:
        pytest.fail(f"{path.name} failed:\n{done.stderr[-3000:]}")
    return done.stdout
