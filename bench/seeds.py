"""How much the recorded results of a page depend on the seed.

    python bench/seeds.py [page] [number of seeds]

Runs the page's own cells, up to the last one that records a result, with
other seeds, in each framework, two runs at a time. Prints one line a result:
the source of the bounds in tests/book/test_results.py.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bookbuild import frameworks, page as split

PAGE = "linear-networks/softmax-regression-concise"
# Runs in the framework's environment: the cells and a seed come in as JSON.
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
    done = subprocess.run(
        [python, "-c", SCRIPT],
        input=json.dumps([cells, seed]),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def main(name: str = PAGE, num_seeds: str = "10") -> None:
    declared = frameworks.load(ROOT)
    page = split.read(ROOT / "chapters" / f"{name}.md", name, declared)
    runs = []
    for framework in filter(lambda f: f.available, declared.values()):
        cells = [cell.source for cell in page.code(framework.name)]
        end = max(i for i, cell in enumerate(cells) if "record(" in cell)
        python = ROOT / ".envs" / framework.kernel / "bin" / "python"
        with ThreadPoolExecutor(2) as pool:
            runs += pool.map(
                lambda seed: results(cells[: end + 1], python, seed),
                range(1, int(num_seeds) + 1),
            )
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
