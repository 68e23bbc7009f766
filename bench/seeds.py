"""Measure how much the recorded results of a page depend on the seed.

    python -m bench.seeds [page] [number of seeds]

Runs the page's cells, up to the last one that records a result, with several
seeds in each framework, two runs at a time. Prints the spread of each result,
from which the bounds in tests/support/bounds.py are derived.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bookbuild.build import Book

from . import ROOT

PAGE = "linear-networks/softmax-regression-concise"
# Runs in the framework's environment, with the cells and a seed on its input.
SCRIPT = """
import contextlib, json, sys
import d2l_extras
cells, seed = json.load(sys.stdin)
found, space = {}, {}

def record(name, value, format=""):
    value = d2l_extras.to_numpy(value).item()
    found[name] = value

d2l_extras.record = record
with contextlib.redirect_stdout(sys.stderr):
    for cell in cells:
        exec(cell, space)
        if "seed" in space and not space.get("chosen"):
            space["seed"] = space["chosen"] = seed
print(json.dumps(found))
"""


def results(cells: list[str], python: Path, seed: int) -> dict:
    """Return what the cells record with this seed."""
    done = subprocess.run(
        [python, "-c", SCRIPT],
        input=json.dumps([cells, seed]),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def main(name: str = PAGE, num_seeds: str = "10") -> None:
    book = Book(ROOT)
    page = next(page for page in book.pages() if page.name == name)
    runs = []
    for framework in filter(lambda f: f.available, page.frameworks.values()):
        cells = [cell.source for cell in page.code(framework.name)]
        end = max(i for i, cell in enumerate(cells) if "record(" in cell)
        python = ROOT / ".envs" / framework.kernel / "bin" / "python"
        run = partial(results, cells[: end + 1], python)
        with ThreadPoolExecutor(2) as pool:
            runs += pool.map(run, range(1, int(num_seeds) + 1))
    print(f"{len(runs)} runs{'':15}    mean     std     min     max")
    for result in runs[0]:
        values = [run[result] for run in runs]
        if isinstance(values[0], str):
            print(f"{result:22}", "; ".join(sorted(set(values))))
            continue
        figures = (
            statistics.mean(values), statistics.stdev(values),
            min(values), max(values),
        )  # fmt: skip
        print(f"{result:22}", *(f"{figure:7.4f}" for figure in figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
