"""Measure how much the numbers in the prose of a page depend on the seed.

    python -m bench.seeds [page] [number of seeds]

Runs the page's cells with several seeds in each framework, two runs at a time, up to
the last cell whose numbers the prose inserts. Prints the spread of each number, from
which the bounds in tests/support/bounds.py are derived.
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
# Runs in the framework's environment. Its input has a seed and the cells, each with the
# expressions to evaluate after it.
SCRIPT = """
import contextlib, json, sys
import d2l_extras
cells, seed = json.load(sys.stdin)
found, space = {}, {}
with contextlib.redirect_stdout(sys.stderr):
    for cell, expressions in cells:
        exec(cell, space)
        if "seed" in space and not space.get("chosen"):
            space["seed"] = space["chosen"] = seed
        for code in expressions:
            value = eval(code, space)
            if not isinstance(value, str):
                value = d2l_extras.to_numpy(value).item()
            found[code] = value
print(json.dumps(found))
"""


def results(cells: list[tuple[str, list[str]]], python: Path, seed: int) -> dict:
    """Return the values of the expressions with this seed."""
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
        sources = [cell.source for cell in page.code(framework.name)]
        asked = [[one.code for one in each] for each in page.asked(framework.name)]
        cells = list(zip(sources, asked))
        end = max(i for i, codes in enumerate(asked) if codes)
        python = ROOT / ".envs" / framework.kernel / "bin" / "python"
        run = partial(results, cells[: end + 1], python)
        with ThreadPoolExecutor(2) as pool:
            runs += pool.map(run, range(1, int(num_seeds) + 1))
    print(f"{len(runs)} runs{'':33}    mean     std     min     max")
    for result in runs[0]:
        values = [run[result] for run in runs]
        if isinstance(values[0], str):
            print(f"{result:40}", "; ".join(sorted(set(values))))
            continue
        figures = (
            statistics.mean(values), statistics.stdev(values),
            min(values), max(values),
        )  # fmt: skip
        print(f"{result:40}", *(f"{figure:7.4f}" for figure in figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
