"""Run the MXNet cells of every page with old and new versions of NumPy.

MXNet 1.9.1 is older than most of these versions, so d2l_extras/colab/numpy_names.py
restores the names that they have removed. `make grid` runs all cells, on a few hundred
images, in each Python on this machine with each NumPy.

    python -m support.colab.grid [python-numpy ...]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support import pages

from bookbuild.frameworks import ROOT
from .stand_in import UV, find_python

PYTHONS = ("3.11", "3.12", "3.13")
NUMPYS = ("1.26.4", "2.0.2", "2.1.3", "2.4.0")
MXNET = pages.FRAMEWORKS["mxnet"]
FOLDER = ROOT / ".envs" / "grid"
NAMES = (
    pages.LINEAR, pages.LINEAR_SCRATCH, pages.LINEAR_CONCISE, pages.THEORY,
    pages.DATASET, pages.SOFTMAX_SCRATCH, pages.SOFTMAX,
    pages.SOFTMAX_TWICE, pages.DEVICES, pages.BAYES,
)  # fmt: skip

# Runs the cells of the pages, which it reads as JSON, and prints the failures. Searches
# end early, because all their steps run the same code. The page on naive Bayes gets all
# images, so that no class and no pixel lacks examples.
SCRIPT = """
import contextlib, io, json, sys, traceback, warnings
import numpy as np
names = set(vars(np))
from d2l_extras import fashion_mnist as data
from d2l_extras.colab import numpy_names
import d2l_extras.mxnet
left = (set(vars(np)) - names) & set(numpy_names.NAMES)
assert not left, f"NumPy is left with {left}"
full = data.fashion_mnist()
def few_of(y, n):  # n of each class, in turns
    return np.stack([(y == k).nonzero()[0][:n] for k in range(10)], 1).ravel()
train, test = few_of(full.y_train, 60), few_of(full.y_test, 30)
few = data.FashionMNIST(full.X_train[train], full.y_train[train],
                        full.X_test[test], full.y_test[test])
for page, cells in json.load(sys.stdin).items():
    dataset = full if "bayes" in page else few
    data.fashion_mnist = d2l_extras.mxnet.fashion_mnist = lambda: dataset
    space = {}
    for number, cell in enumerate(cells, 1):
        try:
            with (contextlib.redirect_stdout(io.StringIO()),
                  warnings.catch_warnings()):
                warnings.simplefilter("error", DeprecationWarning)
                warnings.simplefilter("ignore", RuntimeWarning)
                exec(cell, space)
        except Exception as error:
            first = cell.strip().splitlines()[0]
            print(f"{page}, cell {number}: {first}: {error!r}"[:300])
            break
"""
SHORT = {
    "50_000": "500",  # images for training
    "max_steps=300": "max_steps=2",
    "for steps in 20, 40, 80": "for steps in 1, 2, 3",
    "for steps in 30, 120": "for steps in 1, 2",
}
UNTIL = {pages.DATASET: "correct = predictions == y_test"}


def has(version: str) -> bool:
    """Return whether this machine has a Python of this minor version."""
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run(
        [find_python(version), "-c", asked],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip() == version


def build(version: str, numpy: str, folder: Path = FOLDER) -> Path:
    """Make an environment with a Python and a NumPy, and return its Python."""
    place = folder / f"{version}-{numpy}"
    python = place / "bin" / "python"
    if (place / "complete").exists():
        return python
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}

    def uv(*arguments: object) -> None:
        command = [UV, *map(str, arguments), "--quiet"]
        subprocess.run(command, check=True, cwd=ROOT, env=environment)

    into = ("pip", "install", "--python", python)
    uv("venv", "--clear", "--python", find_python(version), place)
    uv(*into, f"numpy=={numpy}", "scipy", "pandas", "matplotlib", "requests")
    uv(*into, f"numpy=={numpy}", "ipython", "platformdirs", "filelock")
    uv(*into, "--no-deps", *(MXNET.pins()[name] for name in MXNET.no_deps))
    (place / "complete").touch()
    return python


def run(python: Path) -> str:
    """Return the failures of the cells of all pages, if any."""
    cells = {}
    for name in NAMES:
        found = pages.cells(name, "mxnet", UNTIL.get(name, ""))
        for long, short in SHORT.items():
            found = [cell.replace(long, short) for cell in found]
        cells[name] = found
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(
            [python, "-c", SCRIPT],
            input=json.dumps(cells),
            cwd=place,
            env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
            capture_output=True,
            text=True,
        )
    return done.stdout + done.stderr * bool(done.returncode)


def main(arguments: list[str]) -> int:
    whole = [f"{python}-{numpy}" for python in PYTHONS for numpy in NUMPYS]
    failed = []
    for name in arguments or whole:
        version, numpy = name.split("-")
        if not has(version):
            print(f"Python {version}, NumPy {numpy:6}  skipped: no such Python")
            continue
        start = time.monotonic()
        found = run(build(version, numpy))
        failed += [name] * bool(found)
        seconds = time.monotonic() - start
        verdict = "failed" if found else "passed"
        print(f"Python {version}, NumPy {numpy:6}  {seconds:5.1f} s  {verdict}")
        print(found, end="", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
