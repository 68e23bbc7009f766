"""Executing a committed notebook again gives the outputs it is committed with.

What may differ between machines is named in sanitize.cfg, with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from support import ROOT
from support.nbval import nbval

from _ext.build import MOST_JOBS, Book, Durations, cpus
from _ext.execute import Kernels

BOOK = Book(ROOT)
NOTEBOOKS = {
    BOOK.committed(page, framework): (page, framework)
    for framework in BOOK.frameworks.values()
    for page in BOOK.pages()
}
every_notebook = pytest.mark.parametrize(
    ("path", "framework"),
    [
        pytest.param(path, framework, id=f"{framework.name}/{page.name}")
        for path, (page, framework) in NOTEBOOKS.items()
    ],
)


def skip_where_it_cannot_run(framework) -> None:
    if not framework.available:
        pytest.skip(f"{framework.label} has no wheel for this machine")


@pytest.fixture(scope="module")
def runs(request) -> Iterator[dict[Path, Future]]:
    """The notebooks that were chosen, executed as the build does it: side by
    side, what takes longest first.
    """
    chosen = [
        item.callspec.params["path"]
        for item in request.session.items
        if item.path == request.path and "runs" in item.fixturenames
    ]
    found = [path for path in chosen if NOTEBOOKS[path][1].available]
    expected = Durations(BOOK).expected
    found.sort(key=lambda path: -expected(*NOTEBOOKS[path]))
    jobs = min(cpus(), MOST_JOBS)
    limits = Kernels(max(1, cpus() // jobs)).limits
    pool = ThreadPoolExecutor(jobs)
    yield {
        path: pool.submit(nbval, path, NOTEBOOKS[path][1].kernel, limits)
        for path in found
    }
    pool.shutdown(cancel_futures=True)


@every_notebook
def test_a_committed_notebook_gives_its_outputs_again(path, framework, runs):
    skip_where_it_cannot_run(framework)
    done = runs[path].result()
    assert done.returncode == 0, done.stdout[-6000:]
    cells = nbformat.read(path, as_version=4).cells
    code = sum(cell.cell_type == "code" for cell in cells)
    assert f"{code} passed" in done.stdout


@pytest.mark.parametrize(
    "edit",
    [("6 * 7", "6 * 8"), ('"42"', '"43"'), ("loss: 0.447\\n\"", 'loss\\n"')],
    ids=["source", "result", "stream"],
)
def test_a_changed_output_is_noticed(tmp_path, edit):
    source = "print('train loss: 0.447')\n6 * 7"
    cell = nbformat.v4.new_code_cell(source, execution_count=1)
    cell.outputs = [
        nbformat.v4.new_output(
            "stream", name="stdout", text="train loss: 0.447\n"
        ),
        nbformat.v4.new_output(
            "execute_result", {"text/plain": "42"}, execution_count=1
        ),
    ]
    path = tmp_path / "notebook.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    assert nbval(path, "python3").returncode == 0
    path.write_text(path.read_text().replace(*edit))
    assert nbval(path, "python3").returncode == 1


@every_notebook
def test_outputs_hold_nothing_of_the_machine_that_made_them(path, framework):
    node = nbformat.read(path, as_version=4)
    outputs = [o for c in node.cells for o in c.get("outputs", [])]
    text = json.dumps(
        [{k: v for k, v in o.items() if k != "data"} for o in outputs]
        + [o.get("data", {}).get("text/plain") for o in outputs]
    )
    assert str(ROOT) not in text and str(Path.home()) not in text
    assert "site-packages" not in text
    assert not re.search(r"0x[0-9a-f]{6,}", text)


@every_notebook
def test_nothing_is_written_to_the_error_stream(path, framework):
    node = nbformat.read(path, as_version=4)
    for cell in node.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", cell.source
