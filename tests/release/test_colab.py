"""A notebook runs in Colab's runtime with what its first cell brings.

One notebook a framework, in the stand-in that colab/stand_in.py makes from
Colab's list of packages; `make colab` runs all of them.
"""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from support import ROOT, pages
from support.colab import stand_in

from _ext import setup_cell, wheel
from d2l_extras import runtime

NOTEBOOKS = sorted(ROOT.glob("notebooks/*/*/*.ipynb"))
every_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda path: f"{path.parts[-3]}/{path.stem}"
)


@pytest.fixture(scope="module")
def runtime_folder():
    if not stand_in.POSSIBLE:
        pytest.skip("Colab's stand-in needs Linux on x86-64")
    return stand_in.build()


@pytest.fixture(scope="module")
def url(runtime_folder):
    with stand_in.served(runtime_folder) as address:
        yield address


@pytest.fixture(scope="module", params=pages.FRAMEWORKS)
def result(request, runtime_folder, url):
    """How the page on linear regression ends, which needs most packages."""
    path = ROOT / "notebooks" / request.param / f"{pages.LINEAR}.ipynb"
    return stand_in.run(path, runtime_folder, url)


def test_a_notebook_runs_from_its_first_cell_to_its_last(result):
    assert result.error == ""


def test_the_first_cell_says_what_it_found_and_what_it_did(result):
    found, did = result.said.splitlines()
    numpy = stand_in.listed()["numpy"]
    assert re.match(rf"Python 3\.\d+\.\d+, NumPy {numpy}, ", found)
    assert found.endswith((" on cpu(0)", " on CPU:0"))
    assert did.startswith("installed ") and "palmerpenguins==0.1.6" in did


def test_only_what_colab_lacks_is_installed(result):
    brought = {name.rpartition("-")[0] for name in result.brought}
    wanted = {"d2l", "d2l_extras", "palmerpenguins"}
    if result.notebook.startswith("mxnet"):
        wanted.add("mxnet")
    assert brought == wanted
    names = {stand_in.normalized(name) for name in wanted}
    assert not names & stand_in.listed().keys()


def test_what_the_notebooks_rely_on_is_in_colabs_list():
    listed = stand_in.listed()
    assert listed.keys() >= {stand_in.normalized(n) for n in stand_in.ROOTS}
    needed = {"numpy", "matplotlib", "platformdirs", "filelock", "tensorflow"}
    assert listed.keys() >= needed | (runtime.PINS.keys() - {*runtime.ALONE})


def test_a_broken_notebook_is_noticed(runtime_folder, url, tmp_path):
    node = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("import mxnet")]
    )
    with stand_in.fresh(runtime_folder) as python:
        error = stand_in.execute(node, python, url)
    assert "ModuleNotFoundError: No module named 'mxnet'" in error


@every_notebook
def test_every_notebook_begins_with_the_cell_of_this_version(path):
    node = nbformat.read(path, as_version=4)
    first, *others = node.cells
    assert first.id == setup_cell.ID
    assert f'WANTED = "{wheel.version()}"' in first.source
    assert all(cell.id != setup_cell.ID for cell in others)
    assert first.outputs == [] and first.execution_count is None
    compile(first.source, "cell", "exec")


@every_notebook
def test_colab_starts_the_right_machine_and_kernel(path):
    metadata = nbformat.read(path, as_version=4).metadata
    framework = pages.FRAMEWORKS[metadata.d2l_extras.framework]
    assert metadata.accelerator == framework.colab == "GPU"
    assert metadata.colab.gpuType == "T4"
    assert metadata.kernelspec.name == "python3"  # the one that Colab has


def test_the_book_does_not_show_the_first_cell():
    for page in sorted(ROOT.glob("_build/html/chapters/**/*.html")):
        assert "Prepare this machine" not in page.read_text("utf-8"), page


def test_the_wheel_that_the_notebooks_ask_for_is_in_the_site():
    name = wheel.name()
    assert (ROOT / "_build" / "html" / wheel.FOLDER / name).is_file()
    source = json.dumps(name.replace("+", "%2B")).strip('"')
    for path in NOTEBOOKS:
        assert source in path.read_text("utf-8")
