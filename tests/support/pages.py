"""Run the code of the book's pages under the conditions of a test."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path

import pytest

from bookbuild import frameworks, page as split
from support import ROOT

USED = frameworks.used(ROOT)
# Those that most pages run in, each with a module of helpers.
FRAMEWORKS = {name: each for name, each in USED.items() if each.default}
WARM = ("mxnet", "tensorflow")
LINEAR = "linear-networks/linear-regression"
LINEAR_SCRATCH = "linear-networks/linear-regression-scratch"
LINEAR_CONCISE = "linear-networks/linear-regression-concise"
THEORY = "linear-networks/softmax-regression"
SOFTMAX = "linear-networks/softmax-regression-concise"
SOFTMAX_TWICE = "linear-networks/softmax-twice"
SOFTMAX_SCRATCH = "linear-networks/softmax-regression-scratch"
DATASET = "linear-networks/image-classification-dataset"
LIMITS = "linear-networks/linear-limits"
DEVICES = "linear-networks/devices"
BAYES = "appendix/naive-bayes-underflow"


def cells(name: str, framework: str, last: str = "") -> list[str]:
    """Return the code cells that a framework runs on a page, in order.

    Leaves out cells that are meant to fail. With `last`, stops after the first cell
    that contains this text.
    """
    path = ROOT / "chapters" / f"{name}.md"
    page = split.read_page(path, name, USED)
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


def run(framework: str, script: str, folder: Path, cells: list) -> str:
    """Run a script in a framework's environment, and return what it printed.

    The script gets the cells, as JSON, in its first argument, and runs in `folder`.
    Skips the test if the framework has no wheels for this machine. If the script
    fails, the test fails with the end of its error output.
    """
    path = folder / f"run_{framework}.py"  # not a module's name
    path.write_text(script, encoding="utf-8")
    done = subprocess.run(
        [_python(framework), path, json.dumps(cells)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.fail(f"{path.name} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def run_warm(framework: str, script: str, folder: Path, cells: list) -> str:
    """Run a script as `run` does, but in a process that scripts share.

    The process starts with the first script, which imports the framework for all of
    them. Each script has its own namespace, and must not change the framework's
    modules. Pages change settings of PyTorch and JAX, which start quickly, so their
    scripts do not share a process.
    """
    if framework not in WARM:
        return run(framework, script, folder, cells)
    server = _server(framework)
    asked = {"script": script, "folder": str(folder), "cells": cells}
    server.stdin.write(json.dumps(asked) + "\n")
    server.stdin.flush()
    answer = server.stdout.readline()
    if not answer:
        pytest.fail(f"the process of {framework} ended with {server.wait()}")
    printed, error = json.loads(answer)
    if error:
        pytest.fail(f"a script of {framework} failed:\n{error[-3000:]}")
    return printed


SERVER = """
import contextlib, io, json, os, sys, traceback
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    asked, printed, error = json.loads(line), io.StringIO(), ""
    os.chdir(asked["folder"])
    sys.argv[1:] = [json.dumps(asked["cells"])]
    try:
        with contextlib.redirect_stdout(printed):
            exec(asked["script"], {"__name__": "__main__"})
    except Exception:
        error = traceback.format_exc()
    print(json.dumps([printed.getvalue(), error]), file=answers, flush=True)
"""


@cache
def _server(framework: str) -> subprocess.Popen:
    """Start the process that scripts share, which ends together with this one."""
    return subprocess.Popen(
        [_python(framework), "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _python(framework: str) -> Path:
    declared = USED[framework]
    if not declared.available:
        pytest.skip(f"{declared.label} has no wheels for this machine")
    return ROOT / ".envs" / declared.kernel / "bin" / "python"
